#include "sim/io/scenario/places.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/groups.h"

#define LONGEST (60 * KW_NS_PER_S) /* there and back: beyond it is a mistake */

static enum kw_status read_name(struct kw_jnode n, const char *text, char out[32], struct kw_error *err)
{
    const char *name = kw_distance_name(text);
    if (!*name || strlen(name) > 31) return kw_json_fail(n, KW_ERANGE, err, "want names of 1 to 31 bytes");
    memcpy(out, name, strlen(name) + 1);
    return KW_OK;
}

/* A number or a decimal string. */
static enum kw_status read_share(struct kw_jnode n, double *out, struct kw_error *err)
{
    int64_t v = 0;
    if (!kw_json_is_string(n)) return kw_json_f64(n, 0, 1, out, err);
    enum kw_status st = kw_json_nano(n, 0, KW_NANO, &v, err);
    *out = kw_nano_to_double(v);
    return st;
}

static enum kw_status read_shares(struct kw_places *p, struct kw_jnode o, struct kw_error *err)
{
    double sum = 0;
    int n = kw_json_len(o);
    if (!kw_json_present(o)) return KW_OK;
    if (!kw_json_is_object(o) || n == 0)
        return kw_json_fail(o, KW_EPARSE, err, "want an object: a region -> its share of the requests");
    if (n > KW_REGIONS_MAX) return kw_json_fail(o, KW_ERANGE, err, "at most %d regions", KW_REGIONS_MAX);
    p->name = calloc((size_t)n, sizeof *p->name);
    p->share = calloc((size_t)n, sizeof *p->share);
    if (!p->name || !p->share) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (int i = 0; i < n; i++) {
        const char *key;
        struct kw_jnode m = kw_json_member(o, i, &key);
        enum kw_status st = read_name(m, key, p->name[i], err);
        if (st == KW_OK) st = read_share(m, &p->share[i], err);
        if (st != KW_OK) return st;
        if (!(p->share[i] > 0)) return kw_json_fail(m, KW_ERANGE, err, "want a share above 0");
        for (int k = 0; k < i; k++)
            if (!strcmp(p->name[k], p->name[i]))
                return kw_json_fail(m, KW_ERANGE, err, "is '%s', which has a share already", p->name[i]);
        sum += p->share[i];
        p->n_shares = (size_t)i + 1;
    }
    if (fabs(sum - 1) > 1e-6) return kw_json_fail(o, KW_ERANGE, err, "shares must add up to 1; they add up to %g", sum);
    return KW_OK;
}

/* One pair; written both ways round it has to be the same. */
static enum kw_status add_distance(struct kw_places *p, struct kw_jnode at, const struct kw_distance *x,
                                   struct kw_error *err)
{
    for (size_t i = 0; i < p->distances.n; i++) {
        const struct kw_distance *y = &p->own[i];
        bool same = !strcmp(x->a, y->a) && !strcmp(x->b, y->b), back = !strcmp(x->a, y->b) && !strcmp(x->b, y->a);
        if (same || (back && x->rtt != y->rtt))
            return kw_json_fail(at, KW_ERANGE, err, "the time between '%s' and '%s' is stated already%s", x->a, x->b,
                                back ? ", as another one" : "");
    }
    struct kw_distance *grown = realloc(p->own, (p->distances.n + 1) * sizeof *grown);
    if (!grown) return kw_fail(err, KW_ENOMEM, "out of memory");
    p->own = grown;
    p->own[p->distances.n++] = *x;
    p->distances.own = p->own;
    return KW_OK;
}

static enum kw_status read_distances(struct kw_places *p, struct kw_jnode o, struct kw_error *err)
{
    if (!kw_json_present(o)) return KW_OK;
    if (!kw_json_is_object(o) || kw_json_len(o) == 0)
        return kw_json_fail(o, KW_EPARSE, err, "want an object: a region -> {another: seconds there and back}");
    for (int i = 0; i < kw_json_len(o); i++) {
        const char *from, *to;
        struct kw_distance x;
        struct kw_jnode row = kw_json_member(o, i, &from);
        enum kw_status st = read_name(row, from, x.a, err);
        if (st == KW_OK && (!kw_json_is_object(row) || kw_json_len(row) == 0))
            st = kw_json_fail(row, KW_EPARSE, err, "want an object: a region -> seconds there and back");
        for (int k = 0; k < kw_json_len(row) && st == KW_OK; k++) {
            struct kw_jnode at = kw_json_member(row, k, &to);
            st = read_name(at, to, x.b, err);
            if (st == KW_OK) st = kw_json_nano(at, 0, LONGEST, &x.rtt, err);
            if (st == KW_OK) st = add_distance(p, at, &x, err);
        }
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

enum kw_status kw_places_read(struct kw_places *p, struct kw_jnode root, struct kw_error *err)
{
    enum kw_status st = read_shares(p, kw_json_get(root, "regions"), err);
    return st == KW_OK ? read_distances(p, kw_json_get(root, "rtt_s"), err) : st;
}

void kw_places_free(struct kw_places *p)
{
    free(p->name);
    free(p->share);
    free(p->own);
    *p = (struct kw_places){ .n_shares = 0 };
}

static const char *known_here(void *ctx, const char *name)
{
    (void)ctx;
    return kw_distance_name(name);
}

static bool comes_from(const struct kw_trace *t, const char *name)
{
    for (size_t i = 0; i < t->n_regions; i++)
        if (!strcmp(t->region_name[i], name)) return true;
    return false;
}

/* Each name is of a region that is known or that requests come from; else it is misspelt. */
static enum kw_status check_names(const struct kw_places *p, struct kw_jnode o, const struct kw_trace *t,
                                  struct kw_error *err)
{
    enum kw_status st = kw_regions_load(err);
    if (st != KW_OK) return st;
    for (size_t i = 0; i < p->distances.n; i++)
        for (int side = 0; side < 2; side++) {
            const char *name = side ? p->own[i].b : p->own[i].a;
            char hint[KW_NEAREST_HINT];
            if (!kw_region_find(name) && !comes_from(t, name))
                return kw_json_fail(o, KW_ERANGE, err, "no request comes from '%s', nor is it a region known here%s",
                                    name, kw_nearest_hint(hint, name, kw_region_names()));
        }
    return KW_OK;
}

enum kw_status kw_places_meet(const struct kw_places *p, struct kw_jnode root, struct kw_trace *t, uint64_t seed,
                              struct kw_error *err)
{
    struct kw_jnode shares = kw_json_get(root, "regions"), times = kw_json_get(root, "rtt_s");
    enum kw_status st = KW_OK;
    if (p->n_shares) {
        const char *names[KW_REGIONS_MAX];
        if (t->region)
            return kw_json_fail(shares, KW_ERANGE, err,
                                "{...} has no meaning: the trace says where its requests come from");
        for (size_t i = 0; i < p->n_shares; i++) names[i] = p->name[i];
        st = kw_trace_draw_regions(t, names, p->share, p->n_shares, seed, err);
    }
    if (st == KW_OK) st = kw_trace_rename_regions(t, known_here, NULL, err);
    if (st != KW_OK || !p->distances.n) return st;
    if (!t->region)
        return kw_json_fail(times, KW_ERANGE, err,
                            "{...} has no meaning: nobody says where requests come from (\"regions\" can, or "
                            "trace.columns with region=...)");
    return check_names(p, times, t, err);
}

/* A provider's other name of the same place will do. */
enum kw_status kw_places_find(struct kw_jnode n, const char *name, const struct kw_platform *p,
                              const struct kw_region_offer **out, struct kw_error *err)
{
    const char *names[KW_REGIONS_MAX + 1];
    char list[200] = "", hint[KW_NEAREST_HINT];
    size_t k = 0, at = 0;
    if (!p->n_regions)
        return kw_json_fail(n, KW_ERANGE, err, "in which regions %s can be asked to run was not found", p->title);
    if ((*out = kw_platform_region(p, name))) return KW_OK;
    for (size_t i = 0; i < p->n_regions; i++) {
        if (k < KW_REGIONS_MAX) names[k++] = p->regions[i].name;
        if (at < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", p->regions[i].name);
    }
    names[k] = NULL;
    return kw_json_fail(n, KW_ERANGE, err, "%s cannot be asked to run in '%.40s'%s; it has %s", p->title, name,
                        kw_nearest_hint(hint, name, names), list);
}

static enum kw_status read_via(struct kw_jnode n, const struct kw_platform *p, kw_region_set *via, struct kw_error *err)
{
    const char *name;
    *via = 0;
    if (!kw_json_present(n) || !p->via) return KW_OK; /* key_use.h tells the user */
    enum kw_status st = kw_json_str(n, &name, err);
    if (st != KW_OK) return st;
    *via = kw_region_find(name);
    if (*via && !(*via & (*via - 1)) && *via & p->via) return KW_OK;
    char list[200] = "";
    for (int i = 0, first = 1; i < KW_REGIONS_MAX; i++) {
        kw_region_set one = p->via & (kw_region_set)1 << i;
        size_t at = strlen(list);
        if (!one) continue;
        snprintf(list + at, sizeof list - at, "%s%s", first ? "" : ", ", kw_region_name(one));
        first = 0;
    }
    return kw_json_fail(n, KW_ERANGE, err, "requests to %s enter by %s, not by '%.40s'", p->title, list, name);
}

enum kw_status kw_places_deployment(struct kw_choice *c, struct kw_jnode o, const struct kw_trace *t,
                                    const struct kw_distances *d, struct kw_error *err)
{
    const char *name;
    const struct kw_region_offer *region;
    struct kw_jnode n = kw_json_get(o, "region");
    kw_region_set via;
    struct kw_error inner;
    if (!kw_json_present(n)) return KW_OK;
    enum kw_status st = kw_json_str(n, &name, err);
    if (st == KW_OK) st = kw_places_find(n, name, c->platform, &region, err);
    if (st == KW_OK) st = read_via(kw_json_get(o, "via"), c->platform, &via, err);
    if (st != KW_OK) return st;
    if ((st = kw_choice_place(c, region, &inner)) != KW_OK) return kw_json_fail(n, st, err, "%s", inner.msg);
    c->via = via;
    if (t && (st = kw_choice_locate(c, via, t, d, &inner)) != KW_OK) return kw_json_fail(n, st, err, "%s", inner.msg);
    return KW_OK;
}
