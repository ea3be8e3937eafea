#include "sim/io/scenario/drafting.h"
#include <math.h>
#include <string.h>
#include "calibrate/profile/model.h"
#include "sim/io/scenario/key_use.h"
#include "sim/plan/sweep/drafting.h"

#define LONGEST_PASS_MS (1000 * KW_NANO)

static enum kw_status known_keys(struct kw_jnode o, const char *object, struct kw_error *err)
{
    const char *names[KW_KEYS_MAX];
    kw_key_names(object, names);
    return kw_json_keys(o, names, err);
}

static enum kw_status read_probability(struct kw_jnode n, double *out, struct kw_error *err)
{
    int64_t nano;
    if (!kw_json_is_string(n)) return kw_json_f64(n, 0, 1, out, err);
    enum kw_status st = kw_json_nano(n, 0, KW_NANO, &nano, err);
    if (st == KW_OK) *out = kw_nano_to_double(nano);
    return st;
}

/* One for all places of a draft, or one a place. There is none by default: it is what decides. */
static enum kw_status read_acceptance(struct kw_jnode o, struct kw_speculative *s, struct kw_error *err)
{
    struct kw_jnode n = kw_json_get(o, "acceptance");
    enum kw_status st = KW_OK;
    if (!kw_json_present(n))
        return kw_json_fail(o, KW_EPARSE, err,
                            "state acceptance, the probability that a drafted token is right: it depends on the "
                            "traffic, and nothing is taken for it");
    if (!kw_json_is_array(n)) {
        st = read_probability(n, &s->accept[0], err);
        for (uint32_t i = 1; i < s->tokens; i++) s->accept[i] = s->accept[0];
        return st;
    }
    if ((uint32_t)kw_json_len(n) != s->tokens)
        return kw_json_fail(n, KW_ERANGE, err, "has %d probabilities; want one, or one for each of %u tokens",
                            kw_json_len(n), s->tokens);
    for (uint32_t i = 0; i < s->tokens && st == KW_OK; i++)
        st = read_probability(kw_json_at(n, (int)i), &s->accept[i], err);
    return st;
}

/* "ngram", the name of a model, or { "ms": a pass }. A model lies on all of the target's GPUs where there is such a profile,
 * else on one of them, as vLLM's draft_tensor_parallel_size allows. */
static enum kw_status read_draft(struct kw_jnode n, struct kw_catalogue *cat, const struct kw_choice *c,
                                 struct kw_speculative *s, const struct kw_profile **draft, struct kw_error *err)
{
    const char *name;
    int64_t ms;
    enum kw_status st;
    *draft = NULL;
    if (kw_json_is_object(n)) {
        if ((st = known_keys(n, "deployments[].speculative.draft", err)) != KW_OK) return st;
        st = kw_json_nano(kw_json_get(n, "ms"), 1, LONGEST_PASS_MS, &ms, err);
        if (st == KW_OK) s->pass_ps = ms; /* 1e-9 ms is a picosecond */
        return st;
    }
    if ((st = kw_json_str(n, &name, err)) != KW_OK) return st;
    if (!strcmp(name, "ngram")) return KW_OK;
    const struct kw_model_shape *shape = kw_model_find(name);
    if (!shape)
        return kw_json_fail(n, KW_ERANGE, err, "there is no model '%.48s'; want one, \"ngram\", or {\"ms\": a pass}",
                            name);
    const char *gpu = c->profile->gpu, *precision = kw_model_own_precision(shape);
    *draft = kw_profiles_find(&cat->profiles, gpu, shape->name, precision, c->tp);
    if (!*draft) *draft = kw_profiles_find(&cat->profiles, gpu, shape->name, precision, 1);
    if (!*draft)
        return kw_json_fail(n, KW_ERANGE, err, "there is no profile of %.48s in %.8s on %u or 1 x %.24s", name,
                            precision, c->tp, gpu);
    return KW_OK;
}

enum kw_status kw_drafting_read(struct kw_jnode o, struct kw_catalogue *cat, struct kw_choice *c, struct kw_error *err)
{
    struct kw_jnode n = kw_json_get(o, "speculative"),
                    async = kw_json_get(kw_json_get(o, "scheduler"), "async_scheduling");
    struct kw_speculative s;
    const struct kw_profile *draft;
    struct kw_error inner;
    int64_t tokens;
    bool ahead;
    memset(&s, 0, sizeof s); /* with its padding: equal deployments are equal bytes */
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = known_keys(n, "deployments[].speculative", err);
    if (st == KW_OK) st = kw_json_i64(kw_json_get(n, "tokens"), 1, KW_SCHED_MAX_DRAFTS, &tokens, err);
    if (st != KW_OK) return st;
    s.tokens = (uint32_t)tokens;
    if ((st = read_acceptance(n, &s, err)) != KW_OK) return st;
    if ((st = read_draft(kw_json_get(n, "draft"), cat, c, &s, &draft, err)) != KW_OK) return st;
    if (kw_json_present(async) && kw_json_bool_or(async, false, &ahead, NULL) == KW_OK && ahead)
        return kw_json_fail(async, KW_ERANGE, err, "is not simulated with speculative decoding");
    st = kw_choice_speculate(c, &s, draft, &inner);
    return st == KW_OK ? st : kw_json_fail(n, st, err, "%s", inner.msg);
}
