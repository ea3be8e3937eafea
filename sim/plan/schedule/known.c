#include "sim/plan/schedule/known.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "sim/plan/sweep/ceiling.h"

#define DRAWN 8    /* runs of levels that were drawn, at most */
#define TOGETHER 2 /* of them at once: fixed, so that any number of threads sees the same */
#define HELD 3     /* hours for which a drawn level holds */

static double share_of(const struct kw_known *k, const struct kw_hours_step *step)
{
    double worst = 0;
    for (uint32_t i = 0; i < k->n_objectives; i++) {
        double sum = 0;
        for (size_t at = 0; at < k->week.pieces; at++) sum += step[at].bad[i];
        worst = fmax(worst, sum / fmax(k->objective[i].budget, 0.5));
    }
    return worst;
}

enum kw_status kw_known_try(struct kw_known *k, const struct kw_hours *h, const uint32_t *level, size_t n,
                            struct kw_known_run *out, struct kw_error *err)
{
    size_t pieces = k->week.pieces;
    struct kw_hours_run *run = calloc(n, sizeof *run);
    struct kw_hours_step *step = malloc(n * pieces * sizeof *step);
    uint32_t *of = malloc(pieces * sizeof *of);
    enum kw_status st = run && step && of ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for schedules");
    assert(h->pieces == pieces);
    if (st == KW_OK) st = kw_hours_try(h, k->of, k->study, k->run, level, n, run, step, err);
    for (size_t i = 0; i < n && st == KW_OK; i++) {
        const struct kw_hours_step *s = step + i * pieces;
        out[i] = (struct kw_known_run){ .run = run[i], .share = share_of(k, s) };
        for (size_t at = 0; at < pieces; at++) {
            of[at] = level[i * h->n + h->which[at]];
            out[i].billed += s[at].billed;
        }
        st = kw_graph_learn(&k->graph, s, of, err);
    }
    if (st == KW_OK) k->runs += (uint32_t)n;
    free(run);
    free(step);
    free(of);
    return st;
}

/* Constant levels; then each with its neighbour, hour by hour in turns. */
static enum kw_status look_first(struct kw_known *k, struct kw_error *err)
{
    uint32_t level[2 * KW_SCHEDULE_LEVELS * KW_HOURS_MAX], n = k->week.n;
    struct kw_known_run out[2 * KW_SCHEDULE_LEVELS];
    for (uint32_t l = 0; l < k->levels; l++)
        for (uint32_t i = 0; i < n; i++) level[l * n + i] = k->least + l;
    enum kw_status st = kw_known_try(k, &k->week, level, k->levels, k->constant, err);
    if (st != KW_OK || !kw_known_possible(k) || k->levels < 2) return st;
    for (uint32_t l = 0; l + 1 < k->levels; l++)
        for (uint32_t i = 0; i < n; i++) {
            level[2 * l * n + i] = k->least + l + i % 2;
            level[(2 * l + 1) * n + i] = k->least + l + (i + 1) % 2;
        }
    return kw_known_try(k, &k->week, level, 2 * (k->levels - 1), out, err);
}

/* Hour by hour the level that shows something new where the walk stands, else one that is drawn and held. Returns how many hours
 * are new. */
static size_t draw(const struct kw_known *k, uint32_t seed, uint32_t *level)
{
    const struct kw_graph *g = &k->graph;
    bool set[KW_HOURS_MAX] = { false };
    uint32_t count = k->least;
    size_t fresh = 0;
    for (size_t at = 0; at < g->pieces; at++) {
        uint32_t class = k->week.which[at];
        uint32_t drawn = k->least + (uint32_t)(kw_mix64((uint64_t)seed << 32 | class / HELD) % k->levels);
        if (!set[class]) level[class] = drawn;
        for (uint32_t l = 0; l < k->levels && !set[class]; l++) {
            uint32_t other = k->least + (drawn - k->least + l) % k->levels;
            if (kw_graph_seen(g, at, count, other)) continue;
            level[class] = other;
            set[class] = true;
        }
        set[class] = true;
        fresh += !kw_graph_seen(g, at, count, level[class]);
        count = kw_graph_after(g, at, count, level[class]);
    }
    for (uint32_t i = 0; i < k->week.n; i++)
        if (!set[i]) level[i] = k->least;
    return fresh;
}

static enum kw_status look_further(struct kw_known *k, struct kw_error *err)
{
    uint32_t level[TOGETHER * KW_HOURS_MAX];
    struct kw_known_run out[TOGETHER];
    enum kw_status st = KW_OK;
    for (uint32_t r = 0; r < DRAWN && st == KW_OK; r += TOGETHER) {
        size_t fresh = 0;
        for (uint32_t i = 0; i < TOGETHER; i++) fresh += draw(k, r + i, level + i * k->week.n);
        if (!fresh) break;
        st = kw_known_try(k, &k->week, level, TOGETHER, out, err);
    }
    return st;
}

enum kw_status kw_known_init(struct kw_known *k, const struct kw_candidate *of, const struct kw_study *study,
                             const struct kw_sweep_options *run, const struct kw_zone *zone, uint32_t least,
                             uint32_t most, struct kw_error *err)
{
    *k = (struct kw_known){ .of = of, .study = study, .run = run, .least = least, .levels = most - least + 1 };
    assert(of->n == 1 && most >= least && k->levels <= KW_SCHEDULE_LEVELS);
    k->n_objectives = kw_hours_objectives(study, k->objective);
    enum kw_status st = kw_hours_init(&k->week, study->trace, zone, 168, err);
    if (st == KW_OK) st = kw_graph_init(&k->graph, k->week.pieces, least, k->levels, k->n_objectives, err);
    if (st == KW_OK) st = look_first(k, err);
    if (st == KW_OK && kw_known_possible(k) && k->levels > 1) st = look_further(k, err);
    if (st != KW_OK) kw_known_free(k);
    return st;
}

void kw_known_free(struct kw_known *k)
{
    kw_hours_free(&k->week);
    kw_graph_free(&k->graph);
}

bool kw_known_possible(const struct kw_known *k)
{
    bool any = false;
    for (uint32_t l = 0; l < k->levels; l++) any |= k->constant[l].run.feasible;
    return any;
}

enum kw_status kw_known_usd(const struct kw_known *k, double billed, double *usd, struct kw_error *err)
{
    const struct kw_choice *c = &k->of->choice[0];
    const struct kw_meter *m = kw_choice_meter(c);
    *usd = NAN;
    if (c->platform->kind != KW_KIND_SERVERLESS || m->window || !m->bills[KW_PHASE_ACTIVE] ||
        !m->bills[KW_PHASE_KEEP_WARM] || !m->bills[KW_PHASE_IDLE])
        return KW_OK;
    *usd = INFINITY;
    if (isinf(billed)) return KW_OK;
    return kw_cost_of_replicas(c, (kw_ns)(billed * 1e9), k->study->trace->span, kw_study_month(k->study), usd, err);
}
