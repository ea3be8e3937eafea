#include "sim/cost/tco.h"

kw_nusd kw_tco_engineer(const struct kw_tco *t, enum kw_kind kind)
{
    kw_i128 share = ((kw_i128)t->engineer_month * t->share_ppb[kind] + KW_NANO / 2) / KW_NANO;
    return share > INT64_MAX ? INT64_MAX : (kw_nusd)share;
}

bool kw_tco_counts(const struct kw_tco *t)
{
    bool engineer = false;
    for (int k = 0; k < KW_TCO_KINDS; k++) engineer |= t->engineer_month && t->share_ppb[k];
    return engineer || t->egress_bytes || t->monitoring.replica_month || t->monitoring.gpu_month ||
           t->monitoring.mrequest;
}
