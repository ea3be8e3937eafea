#include "sim/io/scenario/tco.h"
#include <stdio.h>
#include "sim/core/units.h"
#include "sim/io/scenario/key_use.h"

_Static_assert(KW_TCO_KINDS == KW_KIND_DEDICATED + 1, "a share for each kind of platform");

#define READ(call)                                                                                                     \
    if (st == KW_OK) st = (call)

static enum kw_status known_keys(struct kw_jnode n, const char *object, struct kw_error *err)
{
    const char *names[KW_KEYS_MAX];
    kw_key_names(object, names);
    return kw_json_keys(n, names, err);
}

static enum kw_status read_engineer(struct kw_jnode n, struct kw_tco *t, struct kw_error *err)
{
    struct kw_jnode share = kw_json_get(n, "share");
    enum kw_status st = known_keys(n, "tco.engineer", err);
    READ(kw_json_nano(kw_json_get(n, "usd_month"), 1, INT64_MAX, &t->engineer_month, err));
    if (st == KW_OK && (!kw_json_is_object(share) || kw_json_len(share) == 0))
        return kw_json_fail(share, KW_EPARSE, err,
                            "want an object: a kind of platform -> how much of an engineer it takes, such as \"0.5\"");
    READ(kw_json_keys(share, kw_kind_name, err));
    for (int k = 0; k < KW_TCO_KINDS; k++)
        READ(kw_json_nano_or(kw_json_get(share, kw_kind_name[k]), 0, 0, 100 * KW_NANO, &t->share_ppb[k], err));
    return st;
}

static enum kw_status read_monitoring(struct kw_jnode n, struct kw_monitoring *m, struct kw_error *err)
{
    enum kw_status st = known_keys(n, "tco.monitoring", err);
    READ(kw_json_nano_or(kw_json_get(n, "usd_per_replica_month"), 0, 0, INT64_MAX, &m->replica_month, err));
    READ(kw_json_nano_or(kw_json_get(n, "usd_per_gpu_month"), 0, 0, INT64_MAX, &m->gpu_month, err));
    READ(kw_json_nano_or(kw_json_get(n, "usd_per_mrequests"), 0, 0, INT64_MAX, &m->mrequest, err));
    return st;
}

enum kw_status kw_tco_read(struct kw_jnode n, struct kw_tco *t, struct kw_error *err)
{
    int64_t egress = 0;
    *t = (struct kw_tco){ 0 };
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = known_keys(n, "tco", err);
    struct kw_jnode engineer = kw_json_get(n, "engineer"), monitoring = kw_json_get(n, "monitoring");
    if (kw_json_present(engineer)) READ(read_engineer(engineer, t, err));
    if (kw_json_present(monitoring)) READ(read_monitoring(monitoring, &t->monitoring, err));
    READ(kw_json_i64_or(kw_json_get(n, "egress_bytes_per_token"), 0, 0, 1000000, &egress, err));
    t->egress_bytes = (uint32_t)egress;
    return st;
}

char *kw_tco_text(const struct kw_tco *t, char *buf, size_t size)
{
    char usd[32];
    size_t at = 0;
    const struct {
        kw_nusd usd;
        const char *per;
    } watch[] = { { t->monitoring.replica_month, "a replica a month" },
                  { t->monitoring.gpu_month, "a GPU a month" },
                  { t->monitoring.mrequest, "a million requests" } };
    buf[0] = 0;
#define ADD(...)                                                                                                       \
    if (at < size) at += (size_t)snprintf(buf + at, size - at, __VA_ARGS__)
    for (int k = KW_TCO_KINDS - 1, n = 0; k >= 0; k--) {
        if (!t->engineer_month || !t->share_ppb[k]) continue;
        if (!n) ADD("an engineer at $%s a month", kw_nano_format(usd, sizeof usd, t->engineer_month));
        ADD("%s %s for %s", n++ ? "," : ":", kw_nano_format(usd, sizeof usd, t->share_ppb[k]), kw_kind_name[k]);
    }
    for (size_t k = 0, n = 0; k < sizeof watch / sizeof *watch; k++) {
        if (!watch[k].usd) continue;
        ADD("%s $%s %s",
            n++  ? " and"
            : at ? "; monitoring at"
                 : "monitoring at",
            kw_nano_format(usd, sizeof usd, watch[k].usd), watch[k].per);
    }
    if (t->egress_bytes) ADD("%s%u bytes sent out a token", at ? "; " : "", t->egress_bytes);
#undef ADD
    return buf;
}
