#include "sim/io/scenario/engines_apart.h"
#include <string.h>
#include "sim/io/scenario/key_use.h"
#include "sim/io/scenario/user_link.h"
#include "sim/plan/sweep/apart_engines.h"

static enum kw_status known_keys(struct kw_jnode o, const char *object, struct kw_error *err)
{
    const char *names[KW_KEYS_MAX];
    kw_key_names(object, names);
    return kw_json_keys(o, names, err);
}

static enum kw_status read_count(struct kw_jnode n, int64_t dflt, int64_t most, uint32_t *out, struct kw_error *err)
{
    int64_t v = dflt;
    enum kw_status st = kw_json_i64_or(n, dflt, 1, most, &v, err);
    *out = (uint32_t)v;
    return st;
}

enum kw_status kw_apart_read(struct kw_jnode o, uint32_t tp, struct kw_apart_ask *ask, struct kw_error *err)
{
    struct kw_jnode n = kw_json_get(o, "disaggregated"), p = kw_json_get(n, "prefill"), d = kw_json_get(n, "decode"),
                    dp = kw_json_get(o, "dp");
    memset(ask, 0, sizeof *ask);
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = known_keys(n, "deployments[].disaggregated", err);
    if (st == KW_OK) st = known_keys(p, "deployments[].disaggregated.prefill", err);
    if (st == KW_OK) st = known_keys(d, "deployments[].disaggregated.decode", err);
    if (st == KW_OK) st = read_count(kw_json_get(p, "engines"), 1, KW_DISAGGREGATED_MOST, &ask->engines.prefill, err);
    if (st == KW_OK) st = read_count(kw_json_get(p, "tp"), tp, 64, &ask->engines.prefill_tp, err);
    if (st == KW_OK) st = read_count(kw_json_get(d, "engines"), 1, KW_DISAGGREGATED_MOST, &ask->engines.decode, err);
    if (st != KW_OK) return st;
    if (kw_json_present(dp)) return kw_json_fail(dp, KW_ERANGE, err, "is not simulated with engines apart");
    if (!kw_json_present(kw_json_get(n, "link")))
        return kw_json_fail(n, KW_EPARSE, err,
                            "state link, over which the KV cache moves: a name, or bandwidth_gb_s and latency_us");
    return kw_user_link(kw_json_get(n, "link"), 2, &ask->link, err);
}

enum kw_status kw_apart_set(struct kw_jnode o, const struct kw_apart_ask *ask, struct kw_catalogue *cat,
                            struct kw_choice *c, struct kw_error *err)
{
    struct kw_jnode n = kw_json_get(o, "disaggregated"),
                    async = kw_json_get(kw_json_get(o, "scheduler"), "async_scheduling");
    const struct kw_profile *own = c->profile, *prefill = own;
    struct kw_error inner;
    bool ahead;
    if (!ask->engines.decode) return KW_OK;
    if (ask->engines.prefill_tp != own->tp) {
        struct kw_jnode tp = kw_json_get(kw_json_get(n, "prefill"), "tp");
        if (kw_json_present(kw_json_get(o, "profile")))
            return kw_json_fail(tp, KW_ERANGE, err, "is %u, but the profile named beside it is of %u",
                                ask->engines.prefill_tp, own->tp);
        prefill = kw_profiles_find(&cat->profiles, own->gpu, own->model, own->precision, ask->engines.prefill_tp);
        if (!prefill)
            return kw_json_fail(tp, KW_ERANGE, err, "there is no profile of %.48s in %.8s on %u x %.24s", own->model,
                                own->precision, ask->engines.prefill_tp, own->gpu);
    }
    if (kw_json_present(async) && kw_json_bool_or(async, false, &ahead, NULL) == KW_OK && ahead)
        return kw_json_fail(async, KW_ERANGE, err, "is not simulated with engines apart");
    enum kw_status st = kw_choice_apart(c, prefill, &ask->link, &inner);
    return st == KW_OK ? st : kw_json_fail(n, st, err, "%s", inner.msg);
}
