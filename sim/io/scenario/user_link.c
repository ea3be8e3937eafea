#include "sim/io/scenario/user_link.h"
#include <stdio.h>
#include "sim/core/units.h"

enum kw_status kw_user_link(struct kw_jnode n, uint32_t gpus, struct kw_link *link, struct kw_error *err)
{
    static const char *const keys[] = { "bandwidth_gb_s", "latency_us", NULL };
    const char *name;
    int64_t rate, latency;
    char a[32], b[32];
    enum kw_status st;
    if (kw_json_is_string(n)) {
        struct kw_error inner;
        if ((st = kw_json_str(n, &name, err)) != KW_OK) return st;
        st = kw_link_named(link, name, gpus, &inner);
        return st == KW_OK ? st : kw_json_fail(n, st, err, "%s", inner.msg);
    }
    if (!kw_json_is_object(n))
        return kw_json_fail(n, KW_EPARSE, err, "want the name of a link, or bandwidth_gb_s and latency_us");
    if ((st = kw_json_keys(n, keys, err)) != KW_OK) return st;
    if ((st = kw_json_nano(kw_json_get(n, keys[0]), 1000000, 100000 * KW_NANO, &rate, err)) != KW_OK) return st;
    if ((st = kw_json_nano(kw_json_get(n, keys[1]), 0, 1000000 * KW_NANO, &latency, err)) != KW_OK) return st;
    *link = (struct kw_link){ .gpus = gpus,
                              .latency_s = 1e-6 * kw_nano_to_double(latency),
                              .bandwidth = 1e9 * kw_nano_to_double(rate),
                              .provenance = { .grade = KW_GRADE_USER, .date = "undated" } };
    snprintf(link->full_name, sizeof link->full_name, "%.12s GB/s, %.12s us a call", kw_nano_format(a, sizeof a, rate),
             kw_nano_format(b, sizeof b, latency));
    snprintf(link->provenance.source, sizeof link->provenance.source, "the scenario's \"link\"");
    return KW_OK;
}
