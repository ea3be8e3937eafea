/* sim/cost/tco.h - what a user pays beside the bills of platforms: a part of an engineer, and monitoring. Every figure is the
 * user's; nothing is counted that was not stated. */
#ifndef KW_SIM_COST_TCO_H
#define KW_SIM_COST_TCO_H
#include "platforms/facts/platform.h"

/* What a monitoring service charges; each 0 where it does not charge by that. */
struct kw_monitoring {
    kw_nusd replica_month; /* for each replica alive, starting ones too, on average over the month */
    kw_nusd gpu_month;     /* for each GPU that is paid for, or of a replica alive, on average */
    kw_nusd mrequest;      /* per 1e6 completed requests */
};

#define KW_TCO_KINDS 3 /* of platforms: enum kw_kind */
struct kw_tco {
    kw_nusd engineer_month; /* a whole one; 0: none is counted */
    int64_t share_ppb
        [KW_TCO_KINDS]; /* of one, by enum kw_kind: what it takes to run deployments of that kind, however many */
    struct kw_monitoring monitoring;
    uint32_t
        egress_bytes; /* that an output token of a GPU sends out, where the deployment does not say; 0: not counted */
};

/* The engineer's share for deployments of the kind, a month, rounded half up; INT64_MAX when it is more. */
kw_nusd kw_tco_engineer(const struct kw_tco *t, enum kw_kind kind);
/* Whether anything is counted. */
bool kw_tco_counts(const struct kw_tco *t);

#endif
