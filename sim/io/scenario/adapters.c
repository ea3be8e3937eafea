#include "sim/io/scenario/adapters.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/io/scenario/key_use.h"

static bool matches(const char *pattern, const char *name)
{
    const char *star = NULL, *from = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = pattern++;
            from = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star) { /* the star takes one more */
            pattern = star + 1;
            name = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

static enum kw_status read_base(struct kw_jnode n, const struct kw_model_shape **out, struct kw_error *err)
{
    const char *name;
    struct kw_error why;
    enum kw_status st = kw_json_str(n, &name, err);
    if (st != KW_OK) return st;
    st = kw_model_named(out, name, &why);
    if (st != KW_OK) return kw_json_fail(n, st == KW_ENOMEM ? st : KW_ERANGE, err, "%s", why.msg);
    if ((*out)->experts.n || (*out)->latent.kv_rank)
        return kw_json_fail(n, KW_ERANGE, err,
                            "%s has experts or latent attention: what an adapter of it takes is not known",
                            (*out)->name);
    return KW_OK;
}

static enum kw_status read_targets(struct kw_jnode n, unsigned *out, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    *out = KW_LORA_ALL;
    if (!kw_json_present(n)) return KW_OK;
    if (!kw_json_is_array(n) || !kw_json_len(n))
        return kw_json_fail(n, KW_EPARSE, err, "want a list of target modules; leave it out for all of them");
    *out = 0;
    for (int i = 0; i < kw_json_len(n) && st == KW_OK; i++) {
        int target;
        st = kw_json_enum(kw_json_at(n, i), kw_lora_target_name, &target, err);
        if (st == KW_OK && *out & 1u << target)
            return kw_json_fail(kw_json_at(n, i), KW_ERANGE, err, "is in the list already");
        if (st == KW_OK) *out |= 1u << target;
    }
    return st;
}

/* entry_of[k]: the entry that model k of the trace is of, 1 the first; 0: none yet. */
static enum kw_status match(struct kw_jnode pattern, const struct kw_trace *t, const struct kw_model_shape *base,
                            int entry, int *entry_of, struct kw_error *err)
{
    const char *text;
    bool any = false, taken = false;
    enum kw_status st = kw_json_str(pattern, &text, err);
    for (size_t k = 0; k < t->n_models && st == KW_OK; k++) {
        const char *name = t->model_name[k];
        if (kw_model_find(name) == base || !matches(text, name)) continue;
        if (entry_of[k] && entry_of[k] != entry) {
            taken = true;
            continue;
        }
        entry_of[k] = entry;
        any = true;
    }
    if (st != KW_OK || any) return st;
    if (taken) return kw_json_fail(pattern, KW_ERANGE, err, "every model that it matches is of an entry before it");
    return kw_json_fail(pattern, KW_ERANGE, err, "no model of the trace but its base matches '%.60s'", text);
}

static enum kw_status read_entry(struct kw_jnode n, const struct kw_trace *t, int entry, int *entry_of,
                                 struct kw_fine_tune *out, struct kw_error *err)
{
    const char *names[KW_KEYS_MAX];
    int64_t rank;
    kw_key_names("adapters[]", names);
    enum kw_status st = kw_json_keys(n, names, err);
    if (st == KW_OK) st = read_base(kw_json_get(n, "base"), &out->base, err);
    if (st == KW_OK) st = kw_json_i64(kw_json_get(n, "rank"), 1, 512, &rank, err);
    if (st == KW_OK) st = read_targets(kw_json_get(n, "targets"), &out->targets, err);
    if (st != KW_OK) return st;
    out->rank = (uint32_t)rank;
    struct kw_jnode models = kw_json_get(n, "models");
    if (!kw_json_is_array(models)) return match(models, t, out->base, entry, entry_of, err);
    if (!kw_json_len(models)) return kw_json_fail(models, KW_EPARSE, err, "the list is empty");
    for (int i = 0; i < kw_json_len(models) && st == KW_OK; i++)
        st = match(kw_json_at(models, i), t, out->base, entry, entry_of, err);
    return st;
}

enum { MOST_ENTRIES = 64 };

enum kw_status kw_adapters_read(struct kw_jnode n, const struct kw_trace *t, struct kw_fine_tunes *f,
                                struct kw_error *err)
{
    struct kw_fine_tune entry[MOST_ENTRIES];
    *f = (struct kw_fine_tunes){ .n = 0 };
    if (!kw_json_present(n)) return KW_OK;
    int count = kw_json_len(n);
    if (!kw_json_is_array(n) || !count)
        return kw_json_fail(n, KW_EPARSE, err, "want a list of {\"models\", \"base\", \"rank\"}");
    if (count > MOST_ENTRIES) return kw_json_fail(n, KW_ERANGE, err, "at most %d entries", MOST_ENTRIES);
    if (!t->model || !t->n_models)
        return kw_json_fail(n, KW_ERANGE, err, "the trace names no models, so none of its requests is for an adapter");
    int *entry_of = calloc(t->n_models, sizeof *entry_of);
    enum kw_status st = entry_of ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for adapters");
    for (int i = 0; i < count && st == KW_OK; i++)
        st = read_entry(kw_json_at(n, i), t, i + 1, entry_of, &entry[i], err);
    if (st == KW_OK) st = kw_fine_tunes_init(f, (uint32_t)t->n_models, err);
    for (size_t k = 0; k < t->n_models && st == KW_OK; k++) {
        if (!entry_of[k]) continue;
        entry[entry_of[k] - 1].name = t->model_name[k];
        kw_fine_tunes_add(f, (uint32_t)k, &entry[entry_of[k] - 1]);
    }
    free(entry_of);
    return st;
}

/* ---- routing */

static bool may_reach(const struct kw_candidate *c, uint32_t d, uint32_t model)
{
    if (c->routing.policy == KW_ROUTE_SINGLE) return d == 0;
    if (c->routing.policy != KW_ROUTE_MODEL) return true;
    return (model < sizeof c->routing.class_to ? c->routing.class_to[model] : 0) == d;
}

static bool serves_itself(const struct kw_choice *x, const struct kw_fine_tune *t)
{
    return x->profile && !strcmp(x->serves, t->name);
}

static bool serves_beside_base(const struct kw_choice *x, const struct kw_fine_tune *t)
{
    return x->lora.adapters && kw_fine_tune_is_of(t, x->profile ? x->profile->model : x->api->model);
}

enum kw_status kw_adapters_check_routes(struct kw_jnode list, const struct kw_candidate *c, const struct kw_trace *t,
                                        const struct kw_fine_tunes *f, struct kw_error *err)
{
    for (uint32_t k = 0; t && k < f->n_models; k++)
        for (uint32_t d = 0; d < c->n && f->of_model[k]; d++) {
            const struct kw_fine_tune *a = &f->of[f->of_model[k]];
            const struct kw_choice *x = &c->choice[d];
            char why[120], other[160];
            if (!may_reach(c, d, k) || serves_itself(x, a) || serves_beside_base(x, a)) continue;
            const char *model = x->serves[0] ? x->serves : x->profile ? x->profile->model : x->api->model;
            snprintf(other, sizeof other, "it is of %.48s", model);
            const char *refusal =
                kw_lora_refusal(&x->platform->lora, x->platform->kind, kw_fine_tunes_of(f, model), why, sizeof why);
            bool of_base = !x->serves[0] && kw_fine_tune_is_of(a, model);
            return kw_json_fail(kw_json_at(list, (int)d), KW_ERANGE, err,
                                "requests for '%.48s', an adapter of %.48s, come here, and %s", a->name, a->base->name,
                                of_base && refusal ? refusal : other);
        }
    return KW_OK;
}

bool kw_adapters_home(const struct kw_candidate *c, const struct kw_fine_tunes *f, const char *model, uint8_t *out)
{
    const struct kw_fine_tune *t = kw_fine_tunes_find(f, model);
    for (int beside = 0; t && beside < 2; beside++)
        for (uint32_t d = 0; d < c->n; d++)
            if (beside ? serves_beside_base(&c->choice[d], t) : serves_itself(&c->choice[d], t)) {
                *out = (uint8_t)d;
                return true;
            }
    return false;
}
