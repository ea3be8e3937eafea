#include "sim/io/scenario/models.h"
#include <string.h>
#include "calibrate/operators/on_the_spot.h"
#include "sim/plan/plan.h"

enum kw_status kw_catalogue_model(struct kw_catalogue *c, const char *name, const struct kw_model_shape **out,
                                  struct kw_error *err)
{
    enum kw_status st = KW_OK;
    *out = kw_model_find(name);
    if (kw_model_is_file(name)) {
        char buf[KW_SEARCH_PATH_SIZE];
        bool beside = false;
        const char *path = c->search_path ? kw_search_path_find(c->search_path, name, buf, &beside) : name;
        if (!*out) st = kw_model_load(out, name, path, err);
        if (st == KW_OK) st = kw_catalogue_model_file(c, name, path, err);
        c->beside |= beside;
        if (st == KW_EINPUT && c->search_path) kw_search_path_nor(c->search_path, name, st, err);
    }
    return st == KW_OK && *out ? kw_on_the_spot_all(&c->profiles, *out, c->routing, err) : st;
}

/* The model that a string names, if there is one. */
static enum kw_status meet(struct kw_jnode n, struct kw_catalogue *c, struct kw_error *err)
{
    const char *name;
    const struct kw_model_shape *m;
    struct kw_error why;
    if (!kw_json_is_string(n) || kw_json_str(n, &name, err) != KW_OK) return KW_OK; /* whoever reads it refuses it */
    enum kw_status st = kw_catalogue_model(c, name, &m, &why);
    return st == KW_OK ? st : kw_json_fail(n, st, err, "%s", why.msg);
}

static enum kw_status meet_each(struct kw_jnode list, const char *key, struct kw_catalogue *c, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++)
        st = meet(key ? kw_json_get(kw_json_at(list, i), key) : kw_json_at(list, i), c, err);
    return st;
}

static enum kw_status meet_drafts(struct kw_jnode list, struct kw_catalogue *c, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++)
        st = meet(kw_json_get(kw_json_get(kw_json_at(list, i), "speculative"), "draft"), c, err);
    return st;
}

/* Substitutes are named by keys: { "NAME": QUALITY }. */
static enum kw_status meet_substitutes(struct kw_jnode o, struct kw_catalogue *c, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int i = 0; i < kw_json_len(o) && kw_json_is_object(o) && st == KW_OK; i++) {
        const char *name;
        const struct kw_model_shape *m;
        struct kw_error why;
        struct kw_jnode n = kw_json_member(o, i, &name);
        if ((st = kw_catalogue_model(c, name, &m, &why)) != KW_OK) return kw_json_fail(n, st, err, "%s", why.msg);
    }
    return st;
}

static enum kw_status meet_swept(struct kw_jnode sweep, struct kw_catalogue *c, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int i = 0; i < kw_json_len(sweep) && kw_json_is_object(sweep) && st == KW_OK; i++) {
        const char *path;
        struct kw_jnode list = kw_json_member(sweep, i, &path);
        size_t n = strlen(path);
        if (n >= 5 && (!strcmp(path + n - 5, "model") || !strcmp(path + n - 5, "draft")))
            st = meet_each(list, NULL, c, err);
    }
    return st;
}

/* Numbers of a list, as far as they are such: whoever reads it refuses the others. */
static size_t counts(struct kw_jnode list, uint32_t to[KW_PLAN_MAX_LIST])
{
    size_t n = 0;
    for (int i = 0; i < kw_json_len(list) && n < KW_PLAN_MAX_LIST; i++) {
        int64_t v;
        if (kw_json_i64(kw_json_at(list, i), 1, 4096, &v, NULL) == KW_OK) to[n++] = (uint32_t)v;
    }
    return n;
}

/* A plan tries several ranks, and whole experts, of its own model and of substitutes. */
static enum kw_status meet_groups(struct kw_jnode root, struct kw_catalogue *c, struct kw_error *err)
{
    struct kw_jnode o = kw_json_get(root, "candidates"), more = kw_json_get(o, "substitutes");
    uint32_t dp[KW_PLAN_MAX_LIST] = { 1 }, ep[KW_PLAN_MAX_LIST];
    size_t n_dp = counts(kw_json_get(o, "dp"), dp), n_ep = counts(kw_json_get(o, "ep"), ep);
    enum kw_status st = KW_OK;
    if (!n_dp && !n_ep) return KW_OK;
    for (int i = -1; i < (kw_json_is_object(more) ? kw_json_len(more) : 0) && st == KW_OK; i++) {
        const char *name = NULL;
        if (i >= 0)
            kw_json_member(more, i, &name);
        else if (kw_json_str_or(kw_json_get(root, "model"), NULL, &name, err) != KW_OK)
            continue;
        const struct kw_model_shape *m = name ? kw_model_find(name) : NULL;
        if (m) st = kw_on_the_spot_groups(&c->profiles, m, dp, n_dp ? n_dp : 1, ep, n_ep, c->routing, err);
    }
    return st;
}

/* Those that a log names, as far as they are known: a plan has a part for each. */
static enum kw_status meet_logged(const struct kw_trace *t, struct kw_catalogue *c, struct kw_error *err)
{
    const struct kw_model_shape *m;
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < t->n_models && st == KW_OK; k++)
        if (kw_model_find(t->model_name[k])) st = kw_catalogue_model(c, t->model_name[k], &m, err);
    return st;
}

enum kw_status kw_scenario_models(const struct kw_scenario *s, const struct kw_trace *t, struct kw_catalogue *c,
                                  struct kw_error *err)
{
    struct kw_jnode root = kw_json_root(&s->doc);
    enum kw_status st = kw_catalogue_routing(c, root, err);
    if (st == KW_OK) st = meet(kw_json_get(root, "model"), c, err);
    if (st == KW_OK) st = meet_each(kw_json_get(root, "deployments"), "model", c, err);
    if (st == KW_OK) st = meet_drafts(kw_json_get(root, "deployments"), c, err);
    if (st == KW_OK) st = meet_each(kw_json_get(root, "adapters"), "base", c, err);
    if (st == KW_OK) st = meet_substitutes(kw_json_get(kw_json_get(root, "candidates"), "substitutes"), c, err);
    if (st == KW_OK) st = meet_groups(root, c, err);
    if (st == KW_OK) st = meet_logged(t, c, err);
    return st == KW_OK ? meet_swept(kw_json_get(root, "sweep"), c, err) : st;
}
