#include "sim/plan/plan_parts.h"
#include <stdlib.h>
#include <string.h>

void kw_plan_parts_free(struct kw_plan_parts *x)
{
    for (size_t i = 0; i < x->n; i++) {
        kw_plan_free(&x->part[i].plan);
        kw_candidate_free(&x->part[i].written);
        kw_trace_free(&x->part[i].picked);
    }
    free(x->part);
    *x = (struct kw_plan_parts){ NULL, 0 };
}

const struct kw_trace *kw_plan_part_trace(const struct kw_plan_part *part, const struct kw_trace *whole)
{
    return part->picked.n ? &part->picked : whole;
}

static enum kw_status add_part(struct kw_plan_parts *x, const char *model, struct kw_error *err)
{
    struct kw_plan_part *grown = realloc(x->part, (x->n + 1) * sizeof *grown);
    if (!grown) return kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    x->part = grown;
    x->part[x->n] = (struct kw_plan_part){ .model = model };
    kw_candidate_init(&x->part[x->n].written);
    kw_plan_init(&x->part[x->n++].plan);
    return KW_OK;
}

/* How requests find their part: the column they are routed by, and the part of each of its names. */
struct sorting {
    const uint16_t *column;
    size_t part_of[UINT16_MAX + 1];
    size_t part;
};

static bool belongs(const void *ctx, size_t request)
{
    const struct sorting *s = ctx;
    return s->part_of[s->column[request]] == s->part;
}

static enum kw_status pick(struct kw_plan_parts *x, const struct kw_trace *trace, struct sorting *s,
                           struct kw_error *err)
{
    for (s->part = 0; s->part < x->n; s->part++) {
        struct kw_plan_part *part = &x->part[s->part];
        struct kw_error inner;
        enum kw_status st = kw_trace_pick(&part->picked, trace, belongs, s, &inner);
        if (st == KW_ERANGE) return kw_fail(err, st, "no request of the trace is served by '%.60s'", part->model);
        if (st != KW_OK) return kw_fail(err, st, "%s", inner.msg);
    }
    return KW_OK;
}

/* The user's deployments for one model, routed as they are among themselves. */
static enum kw_status own_deployments(struct kw_plan_part *part, const struct kw_candidate *written,
                                      const char *const *model_of, struct kw_error *err)
{
    uint8_t at[KW_FLEET_MAX_DEPLOYMENTS] = { 0 };
    for (uint32_t d = 0; d < written->n; d++) {
        if (strcmp(model_of[d], part->model)) continue;
        at[d] = (uint8_t)part->written.n;
        enum kw_status st = kw_candidate_add(&part->written, &written->choice[d], err);
        if (st != KW_OK) return st;
    }
    part->written.routing = written->routing;
    for (size_t k = 0; k < sizeof written->routing.class_to; k++)
        part->written.routing.class_to[k] = at[written->routing.class_to[k]];
    if (part->written.n > 1) return KW_OK;
    part->written.routing = (struct kw_routing){ .policy = KW_ROUTE_SINGLE };
    return KW_OK;
}

static enum kw_status split_by_routing(struct kw_plan_parts *x, const struct kw_trace *trace,
                                       const struct kw_candidate *written, const char *const *model_of,
                                       struct kw_error *err)
{
    struct sorting *s = calloc(1, sizeof *s);
    size_t part_of[KW_FLEET_MAX_DEPLOYMENTS];
    enum kw_status st = s ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    for (uint32_t d = 0; d < written->n && st == KW_OK; d++) {
        size_t i = 0;
        while (i < x->n && strcmp(x->part[i].model, model_of[d])) i++;
        if (i == x->n && (st = add_part(x, model_of[d], err)) == KW_OK)
            st = own_deployments(&x->part[i], written, model_of, err);
        part_of[d] = i;
    }
    for (size_t k = 0; s && k <= UINT16_MAX; k++) /* as the router has it: names it does not know go to the first */
        s->part_of[k] = part_of[k < sizeof written->routing.class_to ? written->routing.class_to[k] : 0];
    if (st == KW_OK) {
        s->column = written->routing.policy == KW_ROUTE_MODEL ? trace->model : trace->klass;
        st = pick(x, trace, s, err);
    }
    free(s);
    return st;
}

/* A fine-tune is planned with its base, and that under the name it has here. */
static const char *planned_as(const struct kw_fine_tunes *f, const char *model)
{
    const struct kw_fine_tune *t = kw_fine_tunes_find(f, model);
    const struct kw_model_shape *shape = f && f->n ? kw_model_find(model) : NULL;
    return t ? t->base->name : shape ? shape->name : model;
}

static enum kw_status split_by_name(struct kw_plan_parts *x, const struct kw_trace *trace,
                                    const struct kw_fine_tunes *f, struct kw_error *err)
{
    struct sorting *s = calloc(1, sizeof *s);
    enum kw_status st = s ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    for (size_t k = 0; k < trace->n_models && st == KW_OK; k++) {
        const char *model = planned_as(f, trace->model_name[k]);
        size_t i = 0;
        while (i < x->n && strcmp(x->part[i].model, model)) i++;
        if (i == x->n) st = add_part(x, model, err);
        s->part_of[k] = i;
    }
    if (st == KW_OK) {
        s->column = trace->model;
        st = pick(x, trace, s, err);
    }
    free(s);
    return st;
}

enum kw_status kw_plan_parts_split(struct kw_plan_parts *x, const struct kw_trace *trace,
                                   const struct kw_candidate *written, const char *const *model_of, const char *model,
                                   const struct kw_fine_tunes *fine_tunes, struct kw_error *err)
{
    *x = (struct kw_plan_parts){ NULL, 0 };
    bool several = false, stated = false;
    for (uint32_t d = 0; written && d < written->n; d++) {
        several |= strcmp(model_of[d], model_of[0]) != 0;
        stated |= model && !strcmp(model_of[d], model);
    }
    enum kw_status st;
    bool by_model = written && written->routing.policy == KW_ROUTE_MODEL && trace->model,
         by_class = written && written->routing.policy == KW_ROUTE_CLASS && trace->klass;
    if (several && (by_model || by_class)) {
        st = split_by_routing(x, trace, written, model_of, err);
    } else if (!written && !model && trace->n_models) {
        st = split_by_name(x, trace, fine_tunes, err);
    } else if (!written && !model) {
        st = kw_fail(err, KW_EUSAGE, "plan wants a model: --model llama-3.1-8b, or \"model\" in the scenario");
    } else {
        st = add_part(x, written && !stated ? model_of[0] : model, err);
        if (st == KW_OK && written) st = kw_candidate_copy(&x->part[0].written, written, err);
    }
    if (st != KW_OK) kw_plan_parts_free(x);
    return st;
}

enum kw_status kw_plan_parts_whole(struct kw_plan_whole *w, const struct kw_plan_parts *x, struct kw_error *err)
{
    size_t n = 0;
    *w = (struct kw_plan_whole){ .complete = true };
    for (size_t i = 0; i < x->n; i++) {
        const struct kw_plan *p = &x->part[i].plan;
        if (p->best < 0)
            w->complete = false;
        else
            n += p->candidates[p->best].n;
    }
    struct kw_usage *usage = calloc(n + 1, sizeof *usage);
    struct kw_tariff *tariff = calloc(n + 1, sizeof *tariff);
    struct kw_bill *bill = calloc(n + 1, sizeof *bill);
    enum kw_status st = usage && tariff && bill ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a bill");
    n = 0;
    for (size_t i = 0; i < x->n && st == KW_OK; i++) {
        const struct kw_plan *p = &x->part[i].plan;
        if (p->best < 0) continue;
        const struct kw_candidate *c = &p->candidates[p->best];
        for (uint32_t d = 0; d < c->n; d++, n++) {
            usage[n] = p->points[p->best].usage[d]; /* the trace itself */
            tariff[n] = kw_choice_tariff(&c->choice[d]);
        }
        if (__builtin_add_overflow(w->apart, p->points[p->best].bill.total, &w->apart))
            st = kw_fail(err, KW_ERANGE, "the bill exceeds 9.2 billion dollars");
    }
    if (st == KW_OK) st = kw_bills(bill, usage, tariff, (uint32_t)n, true, err);
    if (st == KW_OK) w->one_off = kw_bills_one_off(bill, tariff, (uint32_t)n);
    for (size_t k = 0; k < n && st == KW_OK; k++) st = kw_bill_add(&w->bill, &bill[k], err);
    free(usage);
    free(tariff);
    free(bill);
    return st;
}
