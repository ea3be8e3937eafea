#include "sim/plan/flip_readings.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/plan/plan_internal.h"

static double cost(const struct kw_plan *p, size_t i)
{
    return p->points[i].m[KW_METRIC_COST].value;
}

static const struct kw_platform *whose(const struct kw_plan *p, const struct kw_otherwise *x)
{
    const struct kw_candidate *c = &p->candidates[x->of];
    return x->bills ? c->choice[0].platform : kw_reading_whose(c, x->reading);
}

static bool same_fact(const struct kw_plan *p, const struct kw_otherwise *a, const struct kw_otherwise *b)
{
    if (a->bills || b->bills) return a->bills == b->bills;
    return a->reading == b->reading && whose(p, a) == whose(p, b);
}

/* Whether candidate i would be another one under the other reading. */
static bool is_of(const struct kw_plan *p, const struct kw_otherwise *x, size_t i)
{
    const struct kw_candidate *c = &p->candidates[i];
    bool any = false;
    if (!x->bills)
        return kw_reading_whose(c, x->reading) == whose(p, x) && kw_reading_matters(&p->points[i], x->reading);
    for (uint32_t d = 0; d < c->n; d++)
        any |= c->choice[d].platform == whose(p, x) && kw_choice_rests_on(&c->choice[d], x->bills);
    return any;
}

/* What is there to be taken, or was passed over for what it misses under a stress. */
static bool may_be_taken(const struct kw_plan *p, size_t i)
{
    return (ptrdiff_t)i != p->best && !(p->points[i].feasible && cost(p, i) < cost(p, (size_t)p->best));
}

static void judge(const struct kw_plan *p, const struct kw_otherwise *x, struct kw_flip *f)
{
    double best = cost(p, (size_t)p->best), least = INFINITY;
    bool moved = false;
    for (size_t k = 0; k < p->n_otherwise; k++) {
        const struct kw_otherwise *y = &p->otherwise[k];
        if (!same_fact(p, x, y)) continue;
        if ((ptrdiff_t)y->of == p->best) {
            moved = true;
            best = y->cost;
            f->misses = !y->feasible;
        } else if (!y->dear && y->feasible && y->cost < least && may_be_taken(p, y->of)) {
            least = y->cost;
            f->rival = (ptrdiff_t)y->of;
        }
    }
    for (size_t k = 0; k < p->n && moved; k++) { /* by cost */
        size_t i = p->order[k];
        if (!p->points[i].feasible || cost(p, i) >= least) break;
        if (!may_be_taken(p, i) || is_of(p, x, i)) continue;
        least = cost(p, i);
        f->rival = (ptrdiff_t)i;
        break;
    }
    bool flips = f->misses || least < best;
    f->move.value = flips ? 0 : NAN;
    f->stands = flips ? 0 : NAN;
    f->cost = flips && f->rival >= 0 ? least : NAN;
    if (!flips) f->rival = -1;
}

/* Of the page that leaves it open: an assumption of ours about it is as old as we like. */
static struct kw_provenance page_of(const struct kw_platform *q, enum kw_reading_of of)
{
    struct kw_provenance v = q->scaling_provenance;
    for (size_t i = 0; i < q->n_facts && q->kind == KW_KIND_API; i++)
        if (!strcmp(q->facts[i].path, kw_reading_fact[of])) v = q->facts[i].provenance;
    if (of != KW_READING_BATCH) v.grade = KW_GRADE_UNKNOWN; /* others have timed batches, and vendors have promised */
    return v;
}

static enum kw_status push(struct kw_plan *p, const struct kw_otherwise *x, struct kw_error *err)
{
    static const char *const bills[] = { "not billed", "billed" };
    const struct kw_platform *q = whose(p, x);
    struct kw_lever l = { .kind = KW_LEVER_READING, .value = NAN, .unit = "" };
    snprintf(l.fact, sizeof l.fact, "%s: %s", q->name, x->bills ? x->bills->path : kw_reading_about[x->reading]);
    l.provenance = x->bills ? x->bills->provenance : page_of(q, x->reading);
    enum kw_status st = kw_plan_flip_push(p, &l, err);
    if (st != KW_OK) return st;
    struct kw_flip *f = &p->flips[p->n_flips - 1];
    f->reading = x->bills ? bills[x->mine] : kw_reading_name[x->reading][x->mine];
    f->other = x->bills ? bills[!x->mine] : kw_reading_name[x->reading][!x->mine];
    judge(p, x, f);
    return KW_OK;
}

/* A reading, which is told where it matters. */
static bool is_reading(const struct kw_fact *f)
{
    bool any = false;
    for (int of = 0; of < KW_READINGS; of++) any |= !strcmp(f->path, kw_reading_fact[of]);
    return any;
}

static bool told(const struct kw_plan *p, const char *fact)
{
    bool any = false;
    for (size_t n = 0; n < p->n_flips && !any; n++) any = !strcmp(p->flips[n].lever.fact, fact);
    return any;
}

/* Bills that were not read otherwise would change next to nothing (plan_ranges.c); of anything else nobody says what else it
 * may be. */
static enum kw_status push_others(struct kw_plan *p, size_t i, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (uint32_t d = 0; d < p->candidates[i].n && st == KW_OK; d++) {
        const struct kw_choice *c = &p->candidates[i].choice[d];
        for (size_t k = 0; k < c->platform->n_facts && st == KW_OK; k++) {
            const struct kw_fact *f = &c->platform->facts[k];
            struct kw_lever l = { .kind = KW_LEVER_READING, .value = NAN, .unit = "", .provenance = f->provenance };
            if (f->provenance.grade != KW_GRADE_UNKNOWN || !kw_choice_rests_on(c, f) || is_reading(f)) continue;
            bool bills = strstr(f->path, ".bills.");
            snprintf(l.fact, sizeof l.fact, "%s: %.60s%s%.30s", c->platform->name, f->path, bills ? "" : " ",
                     bills ? "" : f->value);
            if (told(p, l.fact)) continue;
            if ((st = kw_plan_flip_push(p, &l, err)) == KW_OK) p->flips[p->n_flips - 1].sought = bills;
        }
    }
    return st;
}

enum kw_status kw_flip_readings(struct kw_plan *p, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < p->n_otherwise && st == KW_OK; k++) {
        bool first = whose(p, &p->otherwise[k]) != NULL;
        for (size_t j = 0; j < k && first; j++) first = !same_fact(p, &p->otherwise[k], &p->otherwise[j]);
        if (first) st = push(p, &p->otherwise[k], err);
    }
    const ptrdiff_t who[] = { p->best, p->runner_up };
    for (int k = 0; k < 2 && st == KW_OK; k++)
        if (who[k] >= 0) st = push_others(p, (size_t)who[k], err);
    return st;
}
