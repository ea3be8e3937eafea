#include "tests/fidelity/loadtest.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "sim/core/units.h"

enum { HASH_BLOCK = 16 };

struct request {
    int64_t arrival_ps, ready_ps, first_ps; /* sent, at the engine, first token */
    uint32_t prompt, output;
    struct kw_host_point at_first; /* sums of all steps so far when the first token came */
};

struct gap { /* a step's length and how many sequences waited it out */
    double s, weight;
};

struct run {
    const struct kw_loadtest *l;
    const struct kw_steptime *steps;
    struct kw_sched *sched;
    struct request *r;
    struct gap *gap;
    size_t n_gap, cap_gap;
    uint64_t *hash;
    uint32_t asked, sent, done,
        skip; /* asked by a client, at the engine; skip: requests at each end that do not count */
    int64_t front_free_ps;
    int64_t now_ps;
    struct kw_host_point sum, from, to; /* all steps so far; where `whole` begins and ends */
    double tokens_from, tokens, ttft, tpot;
    struct kw_host_point tpot_steps;
    uint32_t n_ttft, n_tpot;
};

static uint32_t drawn(uint32_t mean, double spread, double least, struct kw_rng *rng)
{
    if (least > 0) return (uint32_t)fmin(mean, floor(mean * (least + (1 - least) * kw_rng_uniform(rng))) + 1);
    if (!(spread > 0)) return mean;
    double x = mean * exp(spread * kw_rng_normal(rng) - spread * spread / 2);
    return (uint32_t)fmin(fmax(round(x), 1), 4.0 * mean);
}

static enum kw_status draw(struct run *o, uint64_t seed, struct kw_error *err)
{
    struct kw_rng arrivals = { 0 }, lengths = { 0 };
    double at = 0;
    enum kw_status st = kw_rng_init(&arrivals, seed, 0, KW_RNG_ARRIVALS, err);
    if (st == KW_OK) st = kw_rng_init(&lengths, seed, 0, KW_RNG_LENGTHS, err);
    for (uint32_t i = 0; st == KW_OK && i < o->l->n; i++) {
        if (!o->l->at_once && o->l->rate > 0) at += kw_rng_exp(&arrivals, 1 / o->l->rate);
        o->r[i].arrival_ps = o->r[i].ready_ps = llround(at * 1e12);
        o->r[i].prompt = drawn(o->l->prompt, o->l->spread, o->l->least, &lengths);
        o->r[i].output = drawn(o->l->output, o->l->spread, o->l->least, &lengths);
    }
    kw_rng_free(&arrivals);
    kw_rng_free(&lengths);
    return st;
}

static void add(struct kw_host_point *to, const struct kw_host_point *a, const struct kw_host_point *b, double by)
{
    to->steps += by * (a->steps - b->steps);
    to->sequences += by * (a->sequences - b->sequences);
    to->chunks += by * (a->chunks - b->chunks);
    to->links_s += by * (a->links_s - b->links_s);
    to->kernel_s += by * (a->kernel_s - b->kernel_s);
    to->measured_s += by * (a->measured_s - b->measured_s);
}

/* Clients of a closed loop: one more for each answer that is done, at the engine once the front end has made its tokens. */
static void ask(struct run *o)
{
    const struct kw_loadtest *l = o->l;
    while (o->asked < l->n && o->asked - o->done < l->at_once) {
        struct request *r = &o->r[o->asked++];
        r->arrival_ps = o->now_ps;
        o->front_free_ps = (o->front_free_ps > o->now_ps ? o->front_free_ps : o->now_ps) +
                           llround(l->front_token_s * r->prompt * 1e12);
        r->ready_ps = o->front_free_ps + llround(l->front_s * 1e12);
    }
}

static enum kw_status send(struct run *o, struct kw_error *err)
{
    const struct kw_loadtest *l = o->l;
    enum kw_status st = KW_OK;
    if (l->at_once) ask(o);
    while (st == KW_OK && o->sent < l->n && (!l->at_once || o->sent < o->asked) &&
           o->r[o->sent].ready_ps <= o->now_ps) {
        struct request *r = &o->r[o->sent];
        uint32_t slot, whole = l->cached ? r->prompt / HASH_BLOCK : 0;
        struct kw_sched_request q = { .id = o->sent,
                                      .prompt = r->prompt,
                                      .output = r->output,
                                      .hash = o->hash,
                                      .n_hash = whole,
                                      .hash_block = HASH_BLOCK };
        st = kw_sched_add(o->sched, &q, &slot, err);
        o->sent++;
    }
    return st;
}

static void ended(struct run *o, const struct kw_sched_done *d)
{
    for (uint32_t i = 0; i < d->n_first; i++) {
        uint64_t id = kw_sched_id(o->sched, d->first[i]);
        o->r[id].first_ps = o->now_ps;
        o->r[id].at_first = o->sum;
        if (id < o->skip || id >= o->l->n - o->skip) continue;
        o->ttft += (double)(o->now_ps - o->r[id].arrival_ps) / 1e12;
        o->n_ttft++;
    }
    for (uint32_t i = 0; i < d->n_finished; i++) {
        uint64_t id = kw_sched_id(o->sched, d->finished[i]);
        const struct request *r = &o->r[id];
        o->done++;
        o->tokens += o->done > o->skip && o->done <= o->l->n - o->skip ? r->output : 0;
        if (o->done == o->skip) o->from = o->sum;
        if (o->done == o->l->n - o->skip) o->to = o->sum;
        if (id < o->skip || id >= o->l->n - o->skip || r->output < 2) continue;
        o->tpot += (double)(o->now_ps - r->first_ps) / 1e12 / (r->output - 1.0);
        add(&o->tpot_steps, &o->sum, &r->at_first, 1 / (r->output - 1.0));
        o->n_tpot++;
    }
}

static enum kw_status note_gap(struct run *o, double s, double weight, struct kw_error *err)
{
    if (!(weight > 0)) return KW_OK;
    if (o->n_gap && o->gap[o->n_gap - 1].s == s) {
        o->gap[o->n_gap - 1].weight += weight;
        return KW_OK;
    }
    if (o->n_gap == o->cap_gap) {
        size_t cap = o->cap_gap ? 2 * o->cap_gap : 1024;
        struct gap *p = realloc(o->gap, cap * sizeof *p);
        if (!p) return kw_fail(err, KW_ENOMEM, "out of memory");
        o->gap = p;
        o->cap_gap = cap;
    }
    o->gap[o->n_gap++] = (struct gap){ s, weight };
    return KW_OK;
}

static enum kw_status loop(struct run *o, struct kw_error *err)
{
    enum kw_status st = send(o, err);
    while (st == KW_OK && o->done < o->l->n) {
        struct kw_step step;
        struct kw_sched_done d;
        if (!kw_sched_step(o->sched, &step)) { /* idle: up to the next arrival */
            o->sum.measured_s += (double)(o->r[o->sent].ready_ps - o->now_ps) / 1e12;
            o->now_ps = o->r[o->sent].ready_ps;
            st = send(o, err);
            continue;
        }
        int64_t ps = kw_steptime_ps(o->steps, &step);
        double s = (double)ps / 1e12;
        o->now_ps += ps;
        double links = o->l->links ? kw_curve_at(o->l->links, step.n_decode + (double)step.prefill_tokens) : 0;
        struct kw_host_point one = { 1, step.n_decode + (double)step.n_chunks, step.n_chunks, s - links, links, s },
                             none = { 0 };
        add(&o->sum, &one, &none, 1);
        if ((st = note_gap(o, s, step.n_decode, err)) != KW_OK) break;
        kw_sched_commit(o->sched, &d);
        ended(o, &d);
        st = send(o, err);
    }
    return st;
}

static int by_length(const void *a, const void *b)
{
    double x = ((const struct gap *)a)->s, y = ((const struct gap *)b)->s;
    return (x > y) - (x < y);
}

static double median_gap(struct gap *g, size_t n)
{
    double all = 0, below = 0;
    size_t i = 0;
    if (!n) return NAN;
    qsort(g, n, sizeof *g, by_length);
    for (size_t k = 0; k < n; k++) all += g[k].weight;
    while (i + 1 < n && (below += g[i].weight) < all / 2) i++;
    return g[i].s;
}

static void report(struct kw_loadtest_result *result, struct run *o)
{
    struct kw_host_point none = { 0 };
    *result = (struct kw_loadtest_result){ .ttft_s = o->n_ttft ? o->ttft / o->n_ttft : NAN,
                                           .tpot_s = o->n_tpot ? o->tpot / o->n_tpot : NAN,
                                           .itl_median_s = median_gap(o->gap, o->n_gap),
                                           .tokens = o->tokens };
    if (o->n_tpot) add(&result->tpot, &o->tpot_steps, &none, 1.0 / o->n_tpot);
    add(&result->whole, &o->to, &o->from, 1);
    result->output_rate = result->whole.measured_s > 0 ? o->tokens / result->whole.measured_s : NAN;
}

enum kw_status kw_loadtest_run(struct kw_loadtest_result *result, const struct kw_loadtest *l,
                               const struct kw_steptime *steps, uint64_t seed, struct kw_error *err)
{
    struct run o = { .l = l,
                     .steps = steps,
                     .skip = l->at_once && !l->count_all && l->at_once < (l->n + 1) / 2 ? l->at_once : 0 };
    if (!l->n || !l->prompt || !l->output)
        return kw_fail(err, KW_ERANGE, "load: %u requests of %u + %u tokens, want at least one of each", l->n,
                       l->prompt, l->output);
    o.r = calloc(l->n, sizeof *o.r);
    o.hash = malloc((4 * (size_t)l->prompt / HASH_BLOCK + 1) * sizeof *o.hash);
    enum kw_status st = o.r && o.hash ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
    for (uint32_t i = 0; o.hash && i < 4 * (size_t)l->prompt / HASH_BLOCK; i++) o.hash[i] = i;
    if (st == KW_OK) st = draw(&o, seed, err);
    if (st == KW_OK) st = kw_sched_new(&o.sched, &l->config, err);
    if (st == KW_OK) {
        st = loop(&o, err);
        kw_sched_delete(o.sched);
    }
    if (st == KW_OK) report(result, &o);
    free(o.r);
    free(o.hash);
    free(o.gap);
    return st;
}
