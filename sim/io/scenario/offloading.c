#include "sim/io/scenario/offloading.h"
#include "sim/io/scenario/key_use.h"
#include "sim/plan/sweep/offloading.h"

/* No size and no speed is taken for granted: both are the machine's. */
static enum kw_status read_amount(struct kw_jnode o, const char *key, const char *what, double lo, double hi,
                                  double *out, struct kw_error *err)
{
    struct kw_jnode n = kw_json_get(o, key);
    int64_t nano;
    if (!kw_json_present(n)) return kw_json_fail(o, KW_EPARSE, err, "state %s, %s", key, what);
    if (!kw_json_is_string(n)) return kw_json_f64(n, lo, hi, out, err);
    enum kw_status st = kw_json_nano(n, (int64_t)(lo * KW_NANO), (int64_t)(hi * KW_NANO), &nano, err);
    if (st == KW_OK) *out = kw_nano_to_double(nano);
    return st;
}

enum kw_status kw_offloading_read(struct kw_jnode o, struct kw_choice *c, struct kw_error *err)
{
    struct kw_jnode n = kw_json_get(o, "kv_offload"), late = kw_json_get(n, "latency_us");
    const char *names[KW_KEYS_MAX];
    double gib = 0, gb_s = 0, latency_us = 0;
    struct kw_error inner;
    if (!kw_json_present(n)) return KW_OK;
    kw_key_names("deployments[].kv_offload", names);
    enum kw_status st = kw_json_keys(n, names, err);
    if (st == KW_OK) st = read_amount(n, "host_gib", "the memory of the host that holds KV blocks", 0, 1e6, &gib, err);
    if (st == KW_OK) st = read_amount(n, "gb_per_s", "what reaches each GPU of it in a second", 1e-3, 1e5, &gb_s, err);
    if (st == KW_OK && kw_json_present(late)) st = read_amount(n, "latency_us", "", 0, 1e9, &latency_us, err);
    if (st != KW_OK) return st;
    st = kw_choice_offload(c, gib * 0x1p30, gb_s * 1e9, (kw_ns)(latency_us * 1e3 + 0.5), &inner);
    return st == KW_OK ? st : kw_json_fail(n, st, err, "%s", inner.msg);
}
