/* Profiles that a catalogue makes of others, or of a model's shape, when a deployment asks for them. */
#include <stdlib.h>
#include <string.h>
#include "calibrate/operators/on_the_spot.h"
#include "sim/io/scenario/catalogue.h"

/* All but the all-reduces and the exchange is from's, which outlives it. */
static enum kw_status over_link(struct kw_profile *to, const struct kw_profile *from, const struct kw_link *link,
                                const struct kw_link *exchange, const struct kw_model_shape *m, struct kw_error *err)
{
    const struct kw_curve *comm = &from->tables.comm, *across = &from->tables.group.exchange;
    double *y = malloc((comm->n + across->n) * sizeof *y);
    if (!y) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < comm->n; i++) y[i] = link->gpus ? kw_link_step_s(link, m, comm->x[i]) : comm->y[i];
    for (uint32_t i = 0; i < across->n; i++) y[comm->n + i] = kw_link_exchange_s(exchange, m, across->x[i]);
    *to = *from;
    to->tables.comm.y = y;
    if (across->n) to->tables.group.exchange.y = y + comm->n;
    link = link->gpus ? link : exchange;
    kw_profile_put_link(to, link);
    to->weakest = kw_grade_weaker(to->weakest, link->provenance.grade);
    return KW_OK;
}

enum kw_status kw_catalogue_linked(struct kw_catalogue *c, const struct kw_profile *from, const struct kw_link *link,
                                   const struct kw_link *exchange, const struct kw_profile **out, struct kw_error *err)
{
    const struct kw_model_shape *m = kw_model_find(from->model);
    const struct kw_link *named = link->gpus ? link : exchange;
    bool apart = from->tp == 1 ? from->tables.group.exchange.n : from->tables.comm.n >= 2;
    if (kw_profile_gpus(from) == 1) return kw_fail(err, KW_ERANGE, "no link is in use: a replica is one GPU (tp 1)");
    if (!m || !apart)
        return kw_fail(err, KW_ERANGE, "this profile of %.48s does not tell all-reduces from the rest of its steps",
                       from->model);
    for (size_t i = 0; i < c->n_linked; i++) {
        const struct kw_profile *p = c->linked[i].profile;
        if (c->linked[i].from != from || strcmp(p->link.name, named->name[0] ? named->name : named->full_name))
            continue;
        *out = p;
        return KW_OK;
    }
    struct kw_catalogue_linked *more = realloc(c->linked, (c->n_linked + 1) * sizeof *more);
    if (more) c->linked = more;
    struct kw_profile *p = calloc(1, sizeof *p);
    enum kw_status st =
        more && p ? over_link(p, from, link, exchange, m, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st != KW_OK) {
        free(p);
        return st;
    }
    c->linked[c->n_linked++] = (struct kw_catalogue_linked){ .from = from, .profile = p };
    *out = p;
    return KW_OK;
}

enum kw_status kw_catalogue_routing(struct kw_catalogue *c, struct kw_jnode root, struct kw_error *err)
{
    int routing = KW_EXPERTS_POWER_LAW;
    enum kw_status st =
        kw_json_enum_or(kw_json_get(root, "expert_routing"), routing, kw_expert_routing_name, &routing, err);
    c->routing = (enum kw_expert_routing)routing;
    return st;
}

bool kw_catalogue_routes(const struct kw_catalogue *c, const struct kw_profile *p)
{
    const struct kw_model_shape *m = kw_model_find(p->model);
    return p->file[0] || !m || !m->experts.n || p->routing == c->routing;
}

static enum kw_status make_group(struct kw_profile *p, const char *gpu, const char *model, const char *precision,
                                 struct kw_parallel par, enum kw_expert_routing routing, struct kw_error *err)
{
    const struct kw_model_shape *m = kw_model_find(model);
    const struct kw_gpu_spec *g = kw_gpu_find(gpu);
    if (!m) return kw_fail(err, KW_ERANGE, "the shape of %.48s is not known", model);
    if (!g) return kw_fail(err, KW_ERANGE, "nothing is known of the GPU %.24s", gpu);
    const struct kw_split split = {
        .tp = par.tp, .dp = par.dp, .ep = par.ep > 1 ? par.ep : 1, .apart = par.dp > 1, .routing = routing
    };
    return kw_on_the_spot(p, m, g, precision, &split, err);
}

enum kw_status kw_catalogue_group(struct kw_catalogue *c, const char *gpu, const char *model, const char *precision,
                                  struct kw_parallel par, const struct kw_profile **out, struct kw_error *err)
{
    *out = kw_profiles_find_group(&c->profiles, gpu, model, precision, par);
    if (*out && !kw_catalogue_routes(c, *out)) *out = NULL;
    for (size_t i = 0; i < c->n_grouped && !*out; i++) {
        const struct kw_profile *p = c->grouped[i];
        if (!strcmp(p->gpu, gpu) && !strcmp(p->model, model) && !strcmp(p->precision, precision) &&
            kw_parallel_equal(kw_profile_parallel(p), par) && kw_catalogue_routes(c, p))
            *out = p;
    }
    if (*out) return KW_OK;
    struct kw_profile **more = realloc(c->grouped, (c->n_grouped + 1) * sizeof *more);
    if (more) c->grouped = more;
    struct kw_profile *p = calloc(1, sizeof *p);
    enum kw_status st = more && p ? make_group(p, gpu, model, precision, par, c->routing, err)
                                  : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st != KW_OK) {
        free(p);
        return st;
    }
    c->grouped[c->n_grouped++] = p;
    *out = p;
    return KW_OK;
}
