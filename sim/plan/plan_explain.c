/* The words around a plan: the recommendation, why the runner-up lost, what it assumes. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/plan_internal.h"

static const struct kw_choice *only(const struct kw_plan *p, size_t i)
{
    return p->candidates[i].n == 1 ? &p->candidates[i].choice[0] : NULL;
}

static double cost(const struct kw_plan *p, ptrdiff_t i)
{
    return p->points[i].m[KW_METRIC_COST].value;
}

static void recommend(struct kw_plan *p)
{
    const struct kw_candidate *c = &p->candidates[p->best];
    size_t at = 0, size = sizeof p->recommendation;
    bool pools = kw_candidate_pools_alike(c);
    p->recommendation[0] = 0;
    if (pools) at = (size_t)snprintf(p->recommendation, size, "%u pools, one for each model, of ", c->n);
    for (uint32_t d = 0; d < (pools ? 1 : c->n) && at < size; d++) {
        const struct kw_choice *x = &c->choice[d];
        char settings[300], split[KW_CHOICE_SPLIT];
        kw_choice_settings(x, settings, sizeof settings);
        if (x->platform->kind == KW_KIND_API)
            snprintf(p->recommendation + at, size - at, "%s%s: %s", d ? " + " : "", x->platform->title, settings);
        else
            snprintf(p->recommendation + at, size - at, "%s%s %s %s%s%s %s: %s", d ? " + " : "", x->platform->title,
                     x->gpu->gpu, x->tells_model ? x->model : "", x->tells_model ? " " : "", x->profile->precision,
                     kw_choice_split(x, "", split), settings);
        at += strlen(p->recommendation + at);
    }
    char routing[200];
    kw_candidate_routing(c, routing, sizeof routing);
    if (routing[0] && at < size) snprintf(p->recommendation + at, size - at, "; %s", routing);
}

static void why(struct kw_plan *p)
{
    char name[320];
    size_t at = 0, size = sizeof p->why;
    if (p->runner_up >= 0) {
        kw_candidate_label(&p->candidates[p->runner_up], name, sizeof name);
        double half = p->margin.hi - p->margin.value;
        if (p->passed_over.what[0] && p->margin.value == 0)
            snprintf(p->why, size, "a tie: %s costs the same but misses with %s (%s)", name, p->passed_over.what,
                     p->passed_over.miss);
        else if (p->passed_over.what[0])
            snprintf(p->why, size, "a tie: %s costs $%.2f +- %.2f a month less but misses with %s (%s)", name,
                     -p->margin.value, half, p->passed_over.what, p->passed_over.miss);
        else if (p->margin.value == 0)
            snprintf(p->why, size, "a tie: %s costs the same", name);
        else if (isnan(p->margin.lo))
            snprintf(p->why, size, "%s meets the objectives too but costs $%.2f a month more (no interval)", name,
                     p->margin.value);
        else if (p->tie)
            snprintf(p->why, size,
                     "a tie: %s costs $%.2f +- %.2f a month more, which is within what other days would change", name,
                     p->margin.value, half);
        else
            snprintf(p->why, size, "%s meets the objectives too but costs $%.2f +- %.2f a month more", name,
                     p->margin.value, half);
        at = strlen(p->why);
    } else {
        snprintf(p->why, size, "no other offer meets the objectives");
        at = strlen(p->why);
    }
    /* The cheapest that fails: what the objectives cost. */
    ptrdiff_t fails = -1;
    for (size_t i = 0; i < p->n; i++) {
        if (p->points[i].feasible || cost(p, (ptrdiff_t)i) >= cost(p, p->best) ||
            !(p->points[i].m[KW_METRIC_ERROR_FRACTION].value < 0.5)) /* what hardly serves is no offer */
            continue;
        if (fails < 0 || cost(p, (ptrdiff_t)i) < cost(p, fails)) fails = (ptrdiff_t)i;
    }
    if (fails >= 0 && at < size)
        snprintf(p->why + at, size - at, "; cheaper but not good enough: %s at $%.2f (%s)",
                 kw_candidate_label(&p->candidates[fails], name, sizeof name), cost(p, fails), p->points[fails].miss);
}

/* What an unknown billing rule is worth on this candidate: its item when assumed billed, at most all unbilled time when
 * assumed free; NAN: not told, as of rented machines, whose meter counts no replica's life. */
static double worth(const struct kw_plan *p, size_t i, const struct kw_fact *f)
{
    const struct kw_choice *c = only(p, i);
    const struct kw_point *x = &p->points[i];
    if (!c || strncmp(f->path, "meter.bills.", 12) || !c->gpu || !c->gpu->gpu_hour.known) return NAN;
    if (c->platform->kind == KW_KIND_DEDICATED) return NAN;
    for (int ph = 0; ph < KW_PHASES; ph++) {
        if (strcmp(f->path + 12, kw_phase_name[ph])) continue;
        double gpu_ns =
            c->platform->meter.bills[ph] ? (double)x->usage[0].gpu_ns[ph] : (double)x->usage[0].unbilled_gpu_ns;
        return gpu_ns / (double)x->usage[0].window * (double)kw_usage_month(&x->usage[0]) / (double)KW_NS_PER_HOUR *
               kw_nano_to_double(c->gpu->gpu_hour.v);
    }
    return NAN;
}

static enum kw_status list_assumptions(struct kw_plan *p, struct kw_error *err)
{
    free(p->assumptions);
    p->assumptions = NULL;
    p->n_assumptions = 0;
    const ptrdiff_t about[] = { p->best >= 0 ? p->best : p->nearest_miss, p->runner_up };
    for (int a = 0; a < 2; a++) {
        if (about[a] < 0) continue;
        const struct kw_candidate *c = &p->candidates[about[a]];
        for (uint32_t d = 0; d < c->n; d++) {
            const struct kw_platform *q = c->choice[d].platform;
            for (size_t i = 0; i < q->n_facts; i++) {
                const struct kw_fact *f = &q->facts[i];
                if (f->provenance.grade != KW_GRADE_UNKNOWN || !kw_choice_rests_on(&c->choice[d], f)) continue;
                char text[200];
                double usd = worth(p, (size_t)about[a], f);
                int n = snprintf(text, sizeof text, "%s: %s %s", q->name, f->path, f->value);
                if (n > 0 && (size_t)n < sizeof text && isfinite(usd))
                    n += snprintf(text + n, sizeof text - (size_t)n, " (at most $%.2f a month)", usd);
                if (n > 0 && (size_t)n < sizeof text && f->note[0])
                    snprintf(text + n, sizeof text - (size_t)n, "; %s", f->note);
                bool seen = false;
                for (size_t k = 0; k < p->n_assumptions && !seen; k++) seen = !strcmp(p->assumptions[k], text);
                if (seen) continue;
                char(*grown)[200] = realloc(p->assumptions, (p->n_assumptions + 1) * sizeof *grown);
                if (!grown) return kw_fail(err, KW_ENOMEM, "out of memory for a plan");
                p->assumptions = grown;
                memcpy(p->assumptions[p->n_assumptions++], text, sizeof text);
            }
        }
    }
    return KW_OK;
}

char *kw_plan_substitute_text(const struct kw_plan *p, size_t i, char *buf, size_t size)
{
    const struct kw_substitute *s = &p->substitute[i];
    char quality[48];
    snprintf(quality, sizeof quality, s->quality ? "quality %g" : "quality not stated", s->quality);
    if (s->tokens_ppm)
        snprintf(buf, size, "%s: %s, %g tokens for one of the trace's", s->model, quality, (double)s->tokens_ppm / 1e6);
    else
        snprintf(buf, size, "%s: %s, tokens as in the trace: how many its own tokenizer makes is not known", s->model,
                 quality);
    return buf;
}

char *kw_plan_required_text(const struct kw_plan *p, size_t i, char *buf, size_t size)
{
    const struct kw_candidate *c = &p->candidates[p->best];
    enum kw_attribute a = p->require[i].attribute;
    size_t at = 0;
    buf[0] = 0;
    for (uint32_t d = 0; d < c->n && at < size; d++) {
        const struct kw_platform *q = c->choice[d].platform;
        char text[400];
        bool told = false;
        for (uint32_t k = 0; k < d; k++) told |= c->choice[k].platform == q;
        if (told) continue;
        at += (size_t)snprintf(buf + at, size - at, "%s%s: %s", at ? "; " : "", q->name,
                               kw_attribute_text(a, &q->attribute[a], text, sizeof text));
    }
    return buf;
}

char *kw_plan_without_text(const struct kw_plan *p, enum kw_attribute a, char *buf, size_t size)
{
    struct kw_attribute_without without[KW_PLAN_MAX_LIST];
    size_t n = 0;
    for (size_t i = 0; i < p->n_dropped && n < KW_PLAN_MAX_LIST; i++) {
        const struct kw_dropped *d = &p->dropped[i];
        if (d->missing && d->attribute == a) without[n++] = (struct kw_attribute_without){ d->what, d->missing };
    }
    return kw_attribute_without_text(a, without, n, buf, size);
}

char *kw_plan_searched_text(const struct kw_plan *p, char *buf, size_t size)
{
    const struct kw_plan_count *c = &p->count;
    snprintf(buf, size,
             "%zu offers gated; %zu candidates: %zu bounded (what they keep or rent alone costs too much), %zu stopped "
             "on the way (so did their run), %zu simulated, %zu of them raced over every drawing; %" PRIu64
             " runs, %" PRIu64 " more were another's to the bit",
             p->n_dropped, c->candidates, c->bounded, c->stopped, c->simulated, c->raced, p->simulations,
             p->simulations_shared);
    return buf;
}

enum kw_status kw_plan_explain(struct kw_plan *p, struct kw_error *err)
{
    p->recommendation[0] = p->why[0] = 0;
    enum kw_status st = KW_OK;
    if (p->best >= 0) {
        recommend(p);
        why(p);
    } else if (p->nearest_miss >= 0) {
        char name[128];
        snprintf(p->why, sizeof p->why, "nothing meets the objectives; the nearest miss is %s at $%.2f a month: %s",
                 kw_candidate_label(&p->candidates[p->nearest_miss], name, sizeof name), cost(p, p->nearest_miss),
                 p->points[p->nearest_miss].miss);
    }
    return st == KW_OK ? list_assumptions(p, err) : st;
}

char *kw_plan_stress_text(const struct kw_plan *p, size_t i, char *buf, size_t size)
{
    const struct kw_stress *x = &p->stress[i];
    snprintf(buf, size, "%s: $%.2f a month, %s%s", x->what, x->cost,
             x->feasible ? "still meets them" : "misses: ", x->miss);
    return buf;
}

char *kw_plan_margin_text(const struct kw_plan *p, char *buf, size_t size)
{
    const struct kw_margin *m = &p->points[p->best].margin;
    if (size) buf[0] = 0;
    if (m->thin)
        snprintf(
            buf, size,
            "thin: %.1f %% are left to the objectives and the own error of its law of %s moves them by %.1f %%; they "
            "are met with probability %.0f %% when it counts",
            100 * m->left, p->candidates[p->best].choice[0].gpu ? "step times" : "latency", 100 * m->error,
            100 * m->probability);
    return buf;
}
