#include "calibrate/measure/measure.h"
#include <assert.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include "calibrate/measure/fit_measured.h"
#include "calibrate/measure/cpu_contention.h"
#include "sim/core/ascending.h"
#include "sim/core/rng.h"

enum {
    SAMPLES_LEAST = 6,    /* the fewest whose extremes cover 95 % */
    SAMPLES_VISIT = 50,   /* of one visit, unless they take less than VISIT_NS */
    SAMPLES_MOST = 400,   /* of one visit */
    SAMPLES_POINT = 1000, /* of one point at most */
    VISITS = 2,           /* to a point of the grid, far apart in time: what was off for a while shows */
    ANCHOR_EVERY = 10,
    ANCHOR_SAMPLES = 13,
    AFTER_STEPS = 12,    /* decode steps until the caches are as before a prompt */
    HOST_PROMPT = 8,     /* tokens of the requests whose host time is measured */
    MOST_PLANNED = 1024, /* grid and what refinement adds */
    MOST_ADDED = 64,
    MOST_TRIES = 5 /* of one visit beside too much of others */
};
#define MOST_WAIT_S 10.0  /* for others to be done, before a visit is made again */
#define MOST_LOST_S 300.0 /* to visits thrown away and to waiting, without a budget; a quarter of it with one */
#define VISIT_NS INT64_C(100000000) /* so long, others are seen by ticks of 10 ms */

struct planned {
    struct kw_measured_key key;
    uint64_t rank; /* coarse grid first, then random */
};

struct samples { /* of one visit */
    double us[SAMPLES_MOST], host[SAMPLES_MOST];
    size_t n;
    uint64_t sum; /* of context */
};

struct drive {
    struct kw_measured *m;
    FILE *f;
    const struct kw_measure_setup *setup;
    const struct kw_measure_options *o;
    double precision;
    int64_t began, deadline; /* INT64_MAX: none */
    double before_s;         /* at_s of an earlier run */
    int64_t visit_ns;        /* a visit lasts no longer, once it has three samples */
    uint32_t clock_mhz;
    uint32_t stride;
    struct kw_batch batch;
    uint32_t *tokens, *positions, *slots, *tables, *rows, *argmax, *order, *lengths;
    struct kw_batch_seq *seqs;
    struct planned *plan;
    size_t n_plan, n_grid;
    double lost_s;               /* to visits thrown away, and to waiting */
    uint32_t pass;               /* over the grid, from 1 */
    struct samples got, settled; /* settled: of the kinds whose point is a pair */
};

static int64_t now(const struct drive *d)
{
    return d->o->now ? d->o->now(d->o->ctx) : kw_now_ns();
}

struct kw_measure_setup kw_measure_setup(struct kw_engine *e)
{
    const struct kw_sched_config *l = &e->limits;
    return (struct kw_measure_setup){ .ops = e->ops,
                                      .backend = e->backend,
                                      .block_size = l->block_size,
                                      .num_blocks = l->num_blocks,
                                      .max_tokens = l->max_num_batched_tokens,
                                      .max_seqs = l->max_num_seqs,
                                      .max_model_len = l->max_model_len,
                                      .vocab = e->config.vocab,
                                      .engine = e };
}

uint64_t kw_measure_lengths(uint32_t *lengths, uint32_t shape, uint32_t batch, uint32_t context, uint32_t longest)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < batch; i++) {
        double x = (i + 0.5) / batch, c = context;
        double v = shape == 0   ? (i ? c / 2 : c * (batch + 1) / 2)     /* half of all tokens in one sequence */
                   : shape == 1 ? c / 4 * pow(16, x) * 4 * log(16) / 15 /* over a factor of 16, mean c */
                                : 2 * c * x;
        lengths[i] = v < 1 ? 1 : v > longest ? longest : (uint32_t)v;
        sum += lengths[i];
    }
    return sum;
}

/* ---- one point ---- */

static uint32_t blocks_of(const struct drive *d, uint32_t tokens)
{
    return (tokens + d->setup->block_size - 1) / d->setup->block_size;
}

/* Contexts of the decoding sequences into d->lengths; their sum. */
static uint64_t contexts(struct drive *d, const struct kw_measured_key *k)
{
    if (k->kind == KW_MEASURED_SKEWED)
        return kw_measure_lengths(d->lengths, k->shape, k->batch, k->context, d->setup->max_model_len);
    for (uint32_t i = 0; i < k->batch; i++) d->lengths[i] = k->context;
    return (uint64_t)k->batch * k->context;
}

static bool fits(struct drive *d, const struct kw_measured_key *k)
{
    const struct kw_measure_setup *r = d->setup;
    uint64_t tokens = k->batch + (uint64_t)k->chunks * k->tokens, blocks = 0;
    if (k->batch + (uint64_t)k->chunks > r->max_seqs || tokens > r->max_tokens || !tokens) return false;
    if (k->batch && (k->context < 1 || k->context > r->max_model_len)) return false;
    if (k->chunks && (k->tokens < 1 || (uint64_t)k->past + k->tokens > r->max_model_len)) return false;
    contexts(d, k);
    for (uint32_t i = 0; i < k->batch; i++) blocks += blocks_of(d, d->lengths[i]);
    blocks += (uint64_t)k->chunks * blocks_of(d, k->past + k->tokens);
    return blocks <= r->num_blocks;
}

/* A sequence of len tokens after past joins the batch, in the next blocks of the permutation. */
static void put(struct drive *d, uint32_t *block, uint32_t past, uint32_t len)
{
    struct kw_batch *b = &d->batch;
    const uint32_t bs = d->setup->block_size, n = blocks_of(d, past + len);
    uint32_t *table = d->tables + (size_t)b->n_seqs * d->stride;
    assert(len > 0 && b->n_seqs < d->setup->max_seqs && b->n_tokens + len <= d->setup->max_tokens);
    assert(*block + n <= d->setup->num_blocks); /* fits has refused what needs more */
    for (uint32_t i = 0; i < n; i++) table[i] = d->order[(*block)++];
    d->seqs[b->n_seqs++] = (struct kw_batch_seq){ .start = b->n_tokens, .len = len, .past = past };
    for (uint32_t i = 0; i < len; i++) {
        uint32_t at = past + i;
        d->tokens[b->n_tokens] =
            (uint32_t)(kw_mix64(d->o->seed ^ ((uint64_t)b->n_tokens << 32) ^ at) % d->setup->vocab);
        d->positions[b->n_tokens] = at;
        d->slots[b->n_tokens++] = table[at / bs] * bs + at % bs;
    }
    d->rows[b->n_logits++] = b->n_tokens - 1;
}

static uint64_t build(struct drive *d, const struct kw_measured_key *k, uint32_t block)
{
    uint64_t sum = contexts(d, k);
    d->batch = (struct kw_batch){ .tokens = d->tokens,
                                  .positions = d->positions,
                                  .slots = d->slots,
                                  .seqs = d->seqs,
                                  .tables = d->tables,
                                  .table_stride = d->stride,
                                  .logit_tokens = d->rows };
    for (uint32_t i = 0; i < k->batch; i++) put(d, &block, d->lengths[i] - 1, 1);
    d->batch.n_decode = k->batch;
    for (uint32_t i = 0; i < k->chunks; i++) put(d, &block, k->past, k->tokens);
    return sum;
}

/* Is what the visit has enough, with what the point had before? */
/* O(n log n) a sample: sorted anew each time, which is nothing beside a step of a model. */
static bool enough(const struct drive *d, const struct kw_measured_point *had)
{
    double all[SAMPLES_POINT + SAMPLES_MOST], median, low, high, coverage;
    const struct samples *g = &d->got;
    size_t before = had ? had->n : 0;
    if (g->n < SAMPLES_LEAST) return false;
    if (before > SAMPLES_POINT) return true;
    if (had) memcpy(all, had->us, before * sizeof *all);
    memcpy(all + before, g->us, g->n * sizeof *all);
    qsort(all, before + g->n, sizeof *all, kw_ascending);
    kw_measured_interval(all, before + g->n, &median, &low, &high, &coverage);
    return coverage >= 0.95 && high - low <= d->precision * median;
}

static bool visit_over(const struct drive *d, const struct kw_measured_point *had, int64_t began)
{
    const size_t n = d->got.n;
    int64_t took = now(d) - began, least = d->visit_ns < 4 * VISIT_NS ? d->visit_ns / 4 : VISIT_NS;
    if (n == SAMPLES_MOST || (took >= least && (n >= SAMPLES_VISIT || enough(d, had)))) return true;
    return n >= 3 && (took > d->visit_ns || began + took > d->deadline);
}

/* Others in the machine: more than a compiler on one of eight cores, beyond what ticks can tell in the time. */
static bool disturbed(const struct drive *d, const struct kw_cpu_contention *before, int64_t began)
{
    if (d->o->now || !strcmp(d->setup->ops->name, "cuda"))
        return false; /* no clock of this machine; a GPU is ours alone */
    double took = (double)(now(d) - began) * 1e-9;
    return took > 0 && kw_cpu_contention_share(before) > 0.05 + 0.02 / took;
}

/* The visit's samples to the points and the file. */
static enum kw_status keep(struct drive *d, struct samples *g, const struct kw_measured_key *k, struct kw_error *err)
{
    double median, low, high, coverage;
    qsort(g->host, g->n, sizeof *g->host, kw_ascending);
    kw_measured_interval(g->host, g->n, &median, &low, &high, &coverage);
    return kw_measured_visit(d->m, d->f, k, g->sum, g->us, g->n, median * 1e-6,
                             d->before_s + (double)(now(d) - d->began) * 1e-9, d->clock_mhz, err);
}

static enum kw_status time_step(struct drive *d, double *us, double *host, struct kw_error *err)
{
    struct kw_result result = { .argmax = d->argmax };
    int64_t began = now(d);
    enum kw_status st = d->setup->ops->submit(d->setup->backend, &d->batch, &result, err);
    if (st == KW_OK) st = d->setup->ops->wait(d->setup->backend, err);
    if (st != KW_OK) return st;
    *us = (double)(result.device_ns > 0 ? result.device_ns : 1) * 1e-3;
    *host = (double)(now(d) - began) * 1e-3 - *us;
    return KW_OK;
}

static enum kw_status one_sample(struct drive *d, struct samples *g, struct kw_error *err)
{
    assert(g->n < SAMPLES_MOST);
    enum kw_status st = time_step(d, g->us + g->n, g->host + g->n, err);
    g->n += st == KW_OK;
    return st;
}

static enum kw_status visit_steps(struct drive *d, const struct kw_measured_key *k, struct kw_error *err)
{
    const struct kw_measured_point *had = kw_measured_find(d->m, k);
    double us, host;
    int64_t began = now(d);
    enum kw_status st = KW_OK;
    d->got.sum = build(d, k, 0);
    for (uint32_t i = 0; st == KW_OK && i < (d->o->warmups ? d->o->warmups : 3); i++) {
        st = time_step(d, &us, &host, err);
        if (i && now(d) - began > d->visit_ns) break; /* steps so long are warm after one */
    }
    while (st == KW_OK && !visit_over(d, had, began)) st = one_sample(d, &d->got, err);
    return st;
}

/* AFTER_STEPS decode steps in a row, together. */
static enum kw_status time_row(struct drive *d, struct samples *to, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    double us = 0, host = 0, all_us = 0, all_host = 0;
    for (int i = 0; st == KW_OK && i < AFTER_STEPS; i++) {
        st = time_step(d, &us, &host, err);
        all_us += us;
        all_host += host;
    }
    to->us[to->n] = all_us;
    to->host[to->n] = all_host;
    to->n += st == KW_OK;
    return st;
}

static enum kw_status visit_after_prompt(struct drive *d, const struct kw_measured_key *k, struct kw_error *err)
{
    const struct kw_measured_point *had = kw_measured_find(d->m, k);
    struct kw_measured_key decode = { .kind = KW_MEASURED_DECODE, .batch = k->batch, .context = k->context };
    struct kw_measured_key prompt = { .kind = KW_MEASURED_PREFILL, .chunks = 1, .tokens = k->tokens };
    double us, host;
    int64_t began = now(d);
    enum kw_status st = KW_OK;
    const uint32_t held = k->batch * blocks_of(d, k->context), need = held + blocks_of(d, k->tokens);
    uint32_t at = 0; /* each time in other blocks: a request that comes finds none of its KV in a cache */
    for (bool warm = false; st == KW_OK && !(warm && visit_over(d, had, began)); warm = true, at += need) {
        if (at + need > d->setup->num_blocks) at = 0;
        build(d, &prompt, at + held);
        st = time_step(d, &us, &host, err);
        d->got.sum = d->settled.sum = build(d, &decode, at);
        if (st == KW_OK) st = time_row(d, &d->got, err);
        if (st == KW_OK) st = time_row(d, &d->settled, err);
        if (!warm) d->got.n = d->settled.n = 0;
    }
    return st;
}

static enum kw_status visit_after_idle(struct drive *d, const struct kw_measured_key *k, struct kw_error *err)
{
    const struct kw_measured_point *had = kw_measured_find(d->m, k);
    struct kw_measured_key prompt = { .kind = KW_MEASURED_PREFILL, .chunks = 1, .tokens = k->tokens };
    int64_t began = now(d);
    enum kw_status st = KW_OK;
    d->got.sum = d->settled.sum = build(d, &prompt, 0);
    for (bool warm = false; st == KW_OK && !(warm && visit_over(d, had, began)); warm = true) {
        const struct timespec idle = { .tv_sec = k->idle_ms / 1000, .tv_nsec = k->idle_ms % 1000 * 1000000L };
        if (!d->o->now) nanosleep(&idle, NULL); /* a clock that is not the machine's stands still meanwhile */
        st = one_sample(d, &d->got, err);
        if (st == KW_OK) st = one_sample(d, &d->settled, err);
        if (!warm) d->got.n = d->settled.n = 0;
    }
    return st;
}

static enum kw_status host_add(struct drive *d, uint64_t id, uint32_t answer, struct kw_error *err)
{
    return kw_engine_add(
        d->setup->engine,
        &(struct kw_engine_request){
            .id = id, .prompt = d->tokens, .n_prompt = HOST_PROMPT, .max_new = answer, .ignore_eos = true },
        err);
}

/* Serves batch requests through the engine, and with chunks so many more that come and end in each step; the samples
 * are the gaps between its steps less the device's time. */
static enum kw_status visit_host(struct drive *d, const struct kw_measured_key *k, struct kw_error *err)
{
    struct kw_engine *e = d->setup->engine;
    const struct kw_measured_point *had = kw_measured_find(d->m, k);
    struct samples *g = &d->got;
    enum kw_status st = KW_OK;
    uint64_t added = 0, left = 0;
    for (uint32_t i = 0; i < HOST_PROMPT; i++) d->tokens[i] = (i + 1) % d->setup->vocab;
    for (; st == KW_OK && added < k->batch; added += st == KW_OK) st = host_add(d, added, SAMPLES_VISIT + 8, err);
    int64_t began = now(d), last = began;
    bool ran = true;
    for (uint32_t warm = 0; st == KW_OK && g->n < SAMPLES_VISIT && !visit_over(d, had, began);) {
        struct kw_engine_step step;
        for (uint32_t i = 0; st == KW_OK && warm && i < k->chunks; i++, left++)
            st = host_add(d, k->batch + left, 1, err);
        if (st == KW_OK) st = kw_engine_step(e, &step, &ran, err);
        if (st != KW_OK || !ran) break;
        int64_t at = now(d), gap = at - last - step.device_ns;
        last = at;
        if (warm++ < 4 || step.batch.n_decode != k->batch || step.batch.n_chunks != k->chunks) continue;
        g->sum = step.batch.decode_context;
        g->host[g->n] = g->us[g->n] = (double)(gap > 1 ? gap : 1) * 1e-3;
        g->n++;
    }
    for (uint64_t i = 0; i < added + left; i++) kw_engine_cancel(e, i);
    return st == KW_OK ? kw_engine_settle(e, err) : st; /* the backend is driven without the engine next */
}

static enum kw_status visit(struct drive *d, const struct kw_measured_key *k, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int tries = 0; st == KW_OK; tries++) {
        struct kw_cpu_contention before = kw_cpu_contention_begin();
        int64_t began = now(d);
        d->got.n = d->settled.n = 0;
        st = k->kind == KW_MEASURED_HOST           ? visit_host(d, k, err)
             : k->kind == KW_MEASURED_AFTER_PROMPT ? visit_after_prompt(d, k, err)
             : k->kind == KW_MEASURED_AFTER_IDLE   ? visit_after_idle(d, k, err)
                                                   : visit_steps(d, k, err);
        if (!disturbed(d, &before, began)) break;
        double left = (d->o->budget_s > 0 ? d->o->budget_s / 4 : MOST_LOST_S) - d->lost_s;
        if (left <= 0 || now(d) >= d->deadline || tries + 1 == MOST_TRIES) {
            d->m->n_contended++;
            break;
        }
        d->m->n_revisited++;
        kw_cpu_contention_wait(fmin(MOST_WAIT_S, left));
        d->lost_s += (double)(now(d) - began) * 1e-9;
    }
    if (st == KW_OK && d->got.n) st = keep(d, &d->got, k, err);
    struct kw_measured_key again = *k;
    again.shape = 1;
    return st == KW_OK && d->settled.n ? keep(d, &d->settled, &again, err) : st;
}

static enum kw_status anchor(struct drive *d, struct kw_error *err)
{
    struct kw_measured_key k = { .kind = KW_MEASURED_ANCHOR, .batch = 8, .context = 128 };
    struct kw_device device;
    if (k.batch > d->setup->max_seqs) k.batch = d->setup->max_seqs;
    while (k.context > 1 && !fits(d, &k)) k.context /= 2;
    while (k.batch > 1 && !fits(d, &k)) k.batch /= 2;
    struct kw_error ignored;
    d->clock_mhz = d->setup->ops->device(d->setup->backend, &device, &ignored) == KW_OK ? device.clock_mhz : 0;
    /* each anchor stands alone: enough() must not take the earlier ones' samples for its own */
    double us, host;
    d->got.n = 0;
    d->got.sum = build(d, &k, 0);
    enum kw_status st = time_step(d, &us, &host, err);
    while (st == KW_OK && d->got.n < ANCHOR_SAMPLES && (d->got.n < 3 || now(d) < d->deadline))
        st = one_sample(d, &d->got, err);
    return st == KW_OK ? keep(d, &d->got, &k, err) : st;
}

/* ---- the plan ---- */

static void plan_point(struct drive *d, struct kw_measured_key k, int tier)
{
    if (k.kind == KW_MEASURED_HOST ? !d->setup->engine || k.batch > d->setup->max_seqs : !fits(d, &k)) return;
    for (size_t i = 0; i < d->n_plan; i++)
        if (!memcmp(&d->plan[i].key, &k, sizeof k)) return;
    if (d->n_plan == MOST_PLANNED) return;
    uint64_t draw = kw_mix64(d->o->seed ^ kw_mix64(d->n_plan + 1)) >> 8;
    d->plan[d->n_plan++] = (struct planned){ .key = k, .rank = ((uint64_t)tier << 56) | draw };
}

static int by_rank(const void *a, const void *b)
{
    uint64_t x = ((const struct planned *)a)->rank, y = ((const struct planned *)b)->rank;
    return (x > y) - (x < y);
}

static void plan_decode(struct drive *d)
{
    /* By twos: where the KV cache leaves a processor's caches, steps rise so steeply that a factor of four misses by a
     * tenth. */
    static const uint32_t contexts[] = { 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536 };
    const uint32_t longest = d->setup->max_model_len, most = d->setup->max_seqs < 256 ? d->setup->max_seqs : 256;
    for (uint32_t b = 1, step = 0; b <= most; b = b < most && 2 * b > most ? most : 2 * b, step++) {
        for (size_t c = 0; c <= sizeof contexts / sizeof *contexts; c++) {
            uint32_t context = c < sizeof contexts / sizeof *contexts ? contexts[c] : longest;
            if (context > longest) continue;
            bool coarse = (step % 2 == 0 || b == most) && (c % 4 == 0 || context == longest);
            plan_point(d, (struct kw_measured_key){ .kind = KW_MEASURED_DECODE, .batch = b, .context = context },
                       coarse ? 0 : 1);
        }
        if (b >= 2 && b < most) /* does the engine pad to the next size? */
            plan_point(d,
                       (struct kw_measured_key){
                           .kind = KW_MEASURED_DECODE, .batch = b + 1, .context = 128 < longest ? 128 : longest },
                       1);
    }
    for (uint32_t b = 3; b <= most && b <= 64; b += b < 16 ? 1 : 4) /* kernels work in tiles of a few sequences */
        plan_point(d,
                   (struct kw_measured_key){
                       .kind = KW_MEASURED_DECODE, .batch = b, .context = 128 < longest ? 128 : longest },
                   1);
    for (uint32_t b = 8; b <= 32; b *= 4)
        for (uint32_t shape = 0; shape < 3; shape++)
            plan_point(d,
                       (struct kw_measured_key){ .kind = KW_MEASURED_SKEWED,
                                                 .batch = b,
                                                 .shape = shape,
                                                 .context = longest / 4 < 512 ? longest / 4 : 512 },
                       1);
}

static void plan_prefill(struct drive *d)
{
    const uint32_t longest = d->setup->max_model_len,
                   most = d->setup->max_tokens < 16384 ? d->setup->max_tokens : 16384;
    const uint32_t pasts[] = { 0, longest < 4096 ? longest / 2 : 2048, longest < 16384 ? longest / 4 : 8192 };
    for (size_t p = 0; p < sizeof pasts / sizeof *pasts; p++)
        for (uint32_t t = 16, step = 0; t <= most; t = t < most && 2 * t > most ? most : 2 * t, step++)
            plan_point(
                d, (struct kw_measured_key){ .kind = KW_MEASURED_PREFILL, .chunks = 1, .tokens = t, .past = pasts[p] },
                p < 2 && (step % 2 == 0 || t == most) ? 0 : 1);
    for (uint32_t n = 2; n <= 32; n *= 2) /* what a sequence costs beside its tokens; 256 of them in the widest batch */
        plan_point(d,
                   (struct kw_measured_key){
                       .kind = KW_MEASURED_PREFILL, .chunks = n, .tokens = most / (2 * n) < 64 ? most / (2 * n) : 64 },
                   1);
    static const uint32_t chunk[] = { 32, 128, 512, 2048 }, batch[] = { 4, 24, 64 };
    for (size_t c = 0; c < 4; c++)
        for (size_t b = 0; b < 3; b++)
            for (uint32_t context = 128; context <= 2048; context *= 4)
                plan_point(d,
                           (struct kw_measured_key){
                               .kind = KW_MEASURED_MIXED,
                               .batch = batch[b],
                               .context = context,
                               .chunks = 1,
                               .tokens = chunk[c] + batch[b] > most && chunk[c] <= most ? most - batch[b] : chunk[c] },
                           c == 1 && b < 2 ? 0 : 1);
}

static void plan_all(struct drive *d)
{
    plan_decode(d);
    plan_prefill(d);
    const uint32_t most = d->setup->max_tokens / 2 < 512 ? d->setup->max_tokens / 2 : 512;
    const struct {
        uint32_t batch, tokens;
    } after[] = { { 1, 64 }, { 1, 128 }, { 1, most }, { 4, 128 } };
    for (size_t i = 0; i < sizeof after / sizeof *after; i++)
        plan_point(d,
                   (struct kw_measured_key){ .kind = KW_MEASURED_AFTER_PROMPT,
                                             .batch = after[i].batch,
                                             .context = 128,
                                             .chunks = 1,
                                             .tokens = after[i].tokens },
                   0);
    static const uint32_t idle_ms[] = { 5, 20, 60, 200 };
    for (size_t i = 0; i < sizeof idle_ms / sizeof *idle_ms; i++)
        plan_point(d,
                   (struct kw_measured_key){
                       .kind = KW_MEASURED_AFTER_IDLE, .chunks = 1, .tokens = 64, .idle_ms = idle_ms[i] },
                   0);
    for (uint32_t b = 1; b <= 64; b *= 4)
        for (uint32_t chunks = 0; chunks <= 4; chunks = chunks ? 4 * chunks : 1) {
            uint64_t blocks = (uint64_t)(b + chunks) * blocks_of(d, HOST_PROMPT + SAMPLES_VISIT + 8);
            if (blocks <= d->setup->num_blocks && HOST_PROMPT + SAMPLES_VISIT + 8 <= d->setup->max_model_len &&
                b + chunks <= d->setup->max_seqs && HOST_PROMPT * b + HOST_PROMPT * chunks <= d->setup->max_tokens)
                plan_point(
                    d,
                    (struct kw_measured_key){
                        .kind = KW_MEASURED_HOST, .batch = b, .chunks = chunks, .tokens = chunks ? HOST_PROMPT : 0 },
                    b == 1 || b == 16 ? 0 : 1);
        }
    qsort(d->plan, d->n_plan, sizeof *d->plan, by_rank);
    d->n_grid = d->n_plan;
}

/* ---- time ---- */

/* About what a step does, in tokens: only for guessing how long an untried point takes. */
static double work(const struct kw_measured_key *k)
{
    double t = (double)k->chunks * k->tokens;
    return k->batch + t + (double)k->batch * k->context / 500 + t * (k->past + k->tokens / 2.0) / 2000;
}

static bool is_step(const struct kw_measured_key *k) /* its samples are single steps on the device */
{
    return k->kind != KW_MEASURED_HOST && k->kind != KW_MEASURED_AFTER_PROMPT && k->kind != KW_MEASURED_AFTER_IDLE;
}

/* Seconds a visit of the fewest samples would take, from the measured points of at least a sixteenth of its work. */
static double guess_s(const struct drive *d, const struct kw_measured_key *k)
{
    double w = work(k), worst = 0;
    for (size_t i = 0; i < d->m->n; i++) {
        const struct kw_measured_point *p = &d->m->point[i];
        double v = work(&p->key);
        if (!is_step(&p->key) || 16 * v < w) continue;
        double s = p->median_s * (w > v ? w / v : 1);
        if (worst == 0 || s < worst) worst = s;
    }
    return (k->kind == KW_MEASURED_AFTER_PROMPT ? 4 * 2 * AFTER_STEPS : 4) * worst; /* a warm-up and three samples */
}

static void report(const struct drive *d, size_t done)
{
    if (!d->o->progress) return;
    if (d->o->budget_s > 0)
        d->o->progress(d->o->ctx, (uint64_t)((now(d) - d->began) / 1000000), (uint64_t)(d->o->budget_s * 1e3));
    else
        d->o->progress(d->o->ctx, done, d->n_grid);
}

static bool stopped(const struct drive *d)
{
    return (d->o->stop && *d->o->stop) || now(d) >= d->deadline;
}

static bool is_done(const struct drive *d, const struct kw_measured_key *k)
{
    const struct kw_measured_point *p = kw_measured_find(d->m, k);
    return p && p->visits >= d->pass &&
           (p->n >= SAMPLES_VISIT || (p->coverage >= 0.95 && p->high_s - p->low_s <= d->precision * p->median_s));
}

/* Visits every point that has had fewer than d->pass visits. */
static enum kw_status walk_grid(struct drive *d, struct kw_error *err)
{
    enum kw_status st = anchor(d, err);
    size_t since = 0;
    for (size_t i = 0; st == KW_OK && i < d->n_grid && !stopped(d); i++) {
        const struct kw_measured_key *k = &d->plan[i].key;
        if (!is_done(d, k)) {
            if (d->deadline != INT64_MAX && guess_s(d, k) > (double)(d->deadline - now(d)) * 1e-9) continue;
            if (since++ == ANCHOR_EVERY) {
                since = 1;
                if ((st = anchor(d, err)) != KW_OK) break;
            }
            st = visit(d, k, err);
        }
        report(d, i + 1);
    }
    return st;
}

/* ---- refinement ---- */

static double width(const struct kw_measured_point *p)
{
    double w = (p->high_s - p->low_s) / p->median_s;
    return p->coverage >= 0.95 ? w : 2 * w + 0.02; /* too few samples to say: sooner than one that is known as bad */
}

/* The point where the fit is least certain into *k; false when all is as sure as wanted. A point whose interval is
 * narrow but which the fit misses when left out gets a neighbour instead. */
static bool least_certain(struct drive *d, size_t *added, struct kw_measured_key *k)
{
    double worst = d->precision, error[MOST_PLANNED + 64];
    const struct kw_measured_point *at = NULL;
    bool neighbour = false;
    size_t n = d->m->n < MOST_PLANNED + 64 ? d->m->n : MOST_PLANNED + 64;
    if (kw_fit_measured_left_out(d->m, error, n, NULL) != KW_OK)
        for (size_t i = 0; i < n; i++) error[i] = 0;
    for (size_t i = 0; i < n; i++) {
        const struct kw_measured_point *p = &d->m->point[i];
        if (p->key.kind == KW_MEASURED_ANCHOR || !is_step(&p->key)) continue;
        double w = p->n < SAMPLES_POINT ? width(p) : 0, e = *added < MOST_ADDED && error[i] > 2 * w ? error[i] : 0;
        if (fmax(w, e) <= worst) continue;
        struct kw_measured_key next = p->key; /* the neighbour: a step of half the grid's towards the larger */
        if (e > w) {
            if (p->key.kind == KW_MEASURED_DECODE)
                next.context = (uint32_t)lround(p->key.context * sqrt(2));
            else
                next.tokens = (uint32_t)lround(p->key.tokens * sqrt(2));
            if (kw_measured_find(d->m, &next) || !fits(d, &next)) {
                if (w <= worst) continue;
                e = 0;
                next = p->key;
            }
        }
        if (guess_s(d, &next) > (double)(d->deadline - now(d)) * 1e-9) continue;
        worst = fmax(w, e);
        neighbour = e > w;
        *k = next;
        at = p;
    }
    if (at && neighbour) ++*added;
    return at;
}

static enum kw_status refine(struct drive *d, struct kw_error *err)
{
    struct kw_measured_key k;
    size_t added = 0, since = 0;
    enum kw_status st = KW_OK;
    while (st == KW_OK && !stopped(d) && least_certain(d, &added, &k)) {
        if (since++ == ANCHOR_EVERY) {
            since = 1;
            if ((st = anchor(d, err)) != KW_OK) break;
        }
        st = visit(d, &k, err);
        report(d, d->n_grid);
    }
    return st;
}

/* ---- all of it ---- */

static enum kw_status allocate(struct drive *d, struct kw_error *err)
{
    const struct kw_measure_setup *r = d->setup;
    size_t t = r->max_tokens > 8 ? r->max_tokens : 8, s = r->max_seqs;
    d->stride = blocks_of(d, r->max_model_len);
    d->tokens = malloc(t * sizeof *d->tokens);
    d->positions = malloc(t * sizeof *d->positions);
    d->slots = malloc(t * sizeof *d->slots);
    d->tables = calloc(s * d->stride, sizeof *d->tables);
    d->rows = malloc(s * sizeof *d->rows);
    d->argmax = malloc(s * sizeof *d->argmax);
    d->seqs = malloc(s * sizeof *d->seqs);
    d->lengths = malloc(s * sizeof *d->lengths);
    d->order = malloc((size_t)r->num_blocks * sizeof *d->order);
    d->plan = malloc(MOST_PLANNED * sizeof *d->plan);
    if (!d->tokens || !d->positions || !d->slots || !d->tables || !d->rows || !d->argmax || !d->seqs || !d->lengths ||
        !d->order || !d->plan)
        return kw_fail(err, KW_ENOMEM, "out of memory for batches of %zu tokens and %zu sequences", t, s);
    for (uint32_t i = 0; i < r->num_blocks; i++) d->order[i] = i;
    for (uint32_t i = r->num_blocks; i > 1; i--) { /* Fisher-Yates */
        uint32_t j = (uint32_t)(kw_mix64(d->o->seed + UINT64_C(0x9e3779b97f4a7c15) * i) % i), x = d->order[i - 1];
        d->order[i - 1] = d->order[j];
        d->order[j] = x;
    }
    return KW_OK;
}

enum kw_status kw_measure_run(struct kw_measured *m, FILE *f, const struct kw_measure_setup *setup,
                              const struct kw_measure_options *o, struct kw_error *err)
{
    struct drive d = { .m = m,
                       .f = f,
                       .setup = setup,
                       .o = o,
                       .precision = o->precision > 0 ? o->precision : 0.02,
                       .before_s = m->last_s };
    d.began = now(&d);
    d.deadline = o->budget_s > 0 ? d.began + (int64_t)(o->budget_s * 1e9) : INT64_MAX;
    enum kw_status st = allocate(&d, err);
    if (st == KW_OK) {
        plan_all(&d);
        if (!d.n_plan)
            st = kw_fail(err, KW_ERANGE, "nothing to measure: %u sequences, %u tokens a step, %u KV blocks",
                         setup->max_seqs, setup->max_tokens, setup->num_blocks);
    }
    if (st == KW_OK) st = setup->ops->kv_fill(setup->backend, o->seed, err);
    if (st == KW_OK) {
        d.visit_ns = o->budget_s > 0 ? (int64_t)(1e9 * o->budget_s / (double)d.n_plan) : INT64_C(5000000000);
        for (d.pass = 1; st == KW_OK && d.pass <= (o->passes ? o->passes : VISITS) && !stopped(&d); d.pass++)
            st = walk_grid(&d, err);
    }
    if (st == KW_OK && !o->passes) st = refine(&d, err);
    free(d.tokens), free(d.positions), free(d.slots), free(d.tables), free(d.rows), free(d.argmax), free(d.seqs);
    free(d.lengths), free(d.order), free(d.plan);
    return st;
}

enum kw_status kw_measure_head(struct kw_measured_head *h, const struct kw_engine *e, uint64_t seed,
                               struct kw_error *err)
{
    struct kw_device device;
    enum kw_status st = e->ops->device(e->backend, &device, err);
    if (st != KW_OK) return st;
    const struct kw_sched_config *l = &e->limits;
    const char *name = strrchr(e->config.name, '/'); /* a folder's path or a hub name: its last part */
    double kv = (double)kw_config_kv_values(&e->config) *
                (double)kw_dtype_bytes(e->layout.precision == KW_DT_FP8 ? KW_DT_BF16 : e->layout.precision);
    *h = (struct kw_measured_head){ .units = device.units,
                                    .clock_mhz = device.clock_mhz,
                                    .memory_clock_mhz = device.memory_clock_mhz,
                                    .memory_bytes = (double)device.memory_bytes,
                                    .weight_bytes = (double)e->layout.bytes,
                                    .kv_bytes_per_token = kv,
                                    .block_size = l->block_size,
                                    .num_blocks = l->num_blocks,
                                    .max_num_seqs = l->max_num_seqs,
                                    .max_num_batched_tokens = l->max_num_batched_tokens,
                                    .max_model_len = l->max_model_len,
                                    .seed = seed };
    snprintf(h->device, sizeof h->device, "%s", device.name);
    snprintf(h->driver, sizeof h->driver, "%s", device.driver);
    snprintf(h->backend, sizeof h->backend, "%.15s", e->ops->name);
    snprintf(h->model, sizeof h->model, "%.47s", name ? name + 1 : e->config.name);
    snprintf(h->precision, sizeof h->precision, "%s", kw_dtype_name(e->layout.precision));
    return KW_OK;
}

bool kw_measure_on_tmpfs(const char *folder)
{
    struct statfs s;
    return !statfs(folder, &s) && s.f_type == TMPFS_MAGIC;
}

struct kw_measured_start kw_measure_start(const struct kw_engine *e, const struct kw_engine_options *o)
{
    struct kw_measured_start s = { .bytes = (double)e->load.weight_bytes,
                                   .load_s = (double)(e->load.last_ns - e->load.first_ns) * 1e-9 };
    struct kw_startup_figures f;
    kw_startup_figures(&e->startup, &f);
    s.ready_s = (double)f.ready * 1e-9, s.first_token_s = (double)f.first_token * 1e-9;
    s.sum_s = (double)f.sum * 1e-9, s.critical_s = (double)f.critical * 1e-9;
    s.init_s = s.ready_s - s.load_s;
    s.file_bytes = (double)e->load.file_bytes, s.direct_bytes = (double)e->load.direct_bytes;
    if (e->load.emulated) s.rate = o->load.rate, s.first_byte_s = o->load.first_byte_s;
    bool memory = o->load.mode != KW_LOAD_NETWORK &&
                  kw_measure_on_tmpfs(o->model); /* a tmpfs may take O_DIRECT and mean nothing by it */
    snprintf(s.mode, sizeof s.mode, "%s",
             !e->load.file_bytes ? "synthetic"
             : memory            ? "tmpfs"
                                 : kw_load_modes[o->load.mode]);
    return s;
}
