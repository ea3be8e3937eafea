/* tests/sim/fleet/fleet_case.h - a small run of the event loop by hand: requests one by one, one deployment, and one
 * token = 1 ms, so that a request of p prompt tokens and one output token keeps a replica busy for exactly p ms. */
#ifndef KW_TESTS_SIM_FLEET_FLEET_CASE_H
#define KW_TESTS_SIM_FLEET_FLEET_CASE_H
#include <stdlib.h>
#include "sim/fleet/fleet.h"
#include "tests/check.h"

#define S KW_NS_PER_S
#define MS KW_NS_PER_MS

struct fleet_case {
    struct kw_trace trace;
    size_t cap;
    struct kw_deployment d[4];
    uint32_t n;
    struct kw_routing routing;
    struct kw_fleet_options opt;
    struct kw_outcome o;
    struct kw_fleet *fleet;
    struct kw_steptime *time;
    struct kw_error err;
};

static inline struct kw_steptime *case_time(double token_s, uint32_t max_tokens)
{
    double zero[] = { 0 }, one[] = { 1 };
    struct kw_curve none = { 1, zero, zero };
    struct kw_step_tables t = { .dense = none,
                                .head = none,
                                .n_decode_rows = 1,
                                .decode_batch = one,
                                .decode = &none,
                                .prefill_attn = none,
                                .prefill_token_s = token_s,
                                .comm = none };
    struct kw_steptime *out = NULL;
    struct kw_error err;
    if (kw_steptime_compile(&out, &t, 64, max_tokens, &err) != KW_OK) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
    return out;
}

/* Makes deployment i a pool of one request a replica at a time, central queue, no start takes any time. */
static inline void case_pool(struct fleet_case *c, int i, enum kw_scaler scaler, uint32_t keep_warm,
                             uint32_t max_replicas)
{
    struct kw_deployment *d = &c->d[i];
    *d = (struct kw_deployment){ .steptime = c->time };
    snprintf(d->name, sizeof d->name, "pool%d", i);
    d->kind = scaler == KW_SCALER_FIXED ? KW_KIND_DEDICATED : KW_KIND_SERVERLESS;
    d->sched = (struct kw_sched_config){ .policy = KW_SCHED_VLLM,
                                         .max_num_batched_tokens = 1 << 18,
                                         .max_num_seqs = 1,
                                         .max_model_len = 1 << 18,
                                         .block_size = 512,
                                         .num_blocks = 1024 };
    d->scaling.scaler = scaler;
    d->scaling.keep_warm = keep_warm;
    d->scaling.max_replicas = max_replicas;
    d->scaling.hard_concurrency = 1;
    d->scaling.reject_code = 503;
    d->retry.max_attempts = 1;
    d->balance = KW_BALANCE_LEAST_OUTSTANDING;
}

/* One such pool (up to four when c->n says so); change what the test is about. */
static inline void case_begin(struct fleet_case *c, enum kw_scaler scaler, uint32_t keep_warm, uint32_t max_replicas)
{
    memset(c, 0, sizeof *c);
    if (kw_fleet_new(&c->fleet, NULL) != KW_OK || kw_outcome_init(&c->o, NULL) != KW_OK) exit(1);
    c->time = case_time(1e-3, 1 << 18);
    c->n = 1;
    c->opt = (struct kw_fleet_options){ .seed = 1, .records = true };
    for (int i = 0; i < 4; i++) case_pool(c, i, scaler, keep_warm, max_replicas);
}

static inline void case_request(struct fleet_case *c, kw_ns at, uint32_t prompt, uint32_t output)
{
    struct kw_trace *t = &c->trace;
    if (t->n == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 64;
        t->arrival = realloc(t->arrival, c->cap * sizeof *t->arrival);
        t->prompt = realloc(t->prompt, c->cap * sizeof *t->prompt);
        t->output = realloc(t->output, c->cap * sizeof *t->output);
        if (!t->arrival || !t->prompt || !t->output) exit(1);
    }
    t->arrival[t->n] = at;
    t->prompt[t->n] = prompt;
    t->output[t->n++] = output;
    if (t->span < at) t->span = at;
}

static inline enum kw_status case_run(struct fleet_case *c)
{
    struct kw_trace_view view = { .trace = &c->trace };
    c->err.msg[0] = 0;
    enum kw_status st = kw_fleet_run(c->fleet, &view, c->d, c->n, &c->routing, &c->opt, &c->o, &c->err);
    if (st != KW_OK && st != KW_ERANGE) fprintf(stderr, "%s\n", c->err.msg);
    return st;
}

static inline void case_end(struct fleet_case *c)
{
    free(c->trace.arrival);
    free(c->trace.prompt);
    free(c->trace.output);
    kw_outcome_free(&c->o);
    kw_fleet_delete(c->fleet);
    kw_steptime_delete(c->time);
}

static inline struct kw_law case_seconds(double s)
{
    return (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { s } };
}

#endif
