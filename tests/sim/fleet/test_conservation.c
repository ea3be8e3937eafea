/* Random deployments meet random traces: every outcome conserves requests, time and KV blocks (kw_fleet_run checks
 * itself and fails otherwise; what records allow is checked again here), stepping each = jump to the bit, the same
 * outcome twice from one fleet and from two, and a fleet used for anything before makes no difference. */
#include <unistd.h>
#include "sim/core/rng.h"
#include "sim/fleet/pool/indifference.h"
#include "tests/failmalloc.h"
#include "tests/sim/fleet/fleet_case.h"

static uint64_t state;
static uint64_t draw(uint64_t below) /* [0, below) */
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return kw_mix64(state) % below;
}

enum { REGIONS = 3 };
static char *region_name[REGIONS] = { "a", "b", "c" };

static struct kw_steptime *engine_time(void) /* fixed 8 ms, 40 us a token, 20 ns a token of context */
{
    double zero_x[] = { 0 }, zero_y[] = { 0 }, x[] = { 0, 1e6 }, y[] = { 0, 0.02 }, batch[] = { 1 };
    struct kw_curve none = { 1, zero_x, zero_y }, context = { 2, x, y };
    struct kw_step_tables t = { .fixed_s = 8e-3,
                                .dense = none,
                                .head = none,
                                .n_decode_rows = 1,
                                .decode_batch = batch,
                                .decode = &context,
                                .prefill_attn = none,
                                .prefill_token_s = 40e-6,
                                .comm = none };
    struct kw_steptime *out;
    if (kw_steptime_compile(&out, &t, 256, 8192, NULL) != KW_OK) exit(1);
    return out;
}

static struct kw_law any_law(double mean)
{
    switch (draw(3)) {
    case 0: return (struct kw_law){ .kind = KW_LAW_NONE };
    case 1: return case_seconds(mean);
    default: return (struct kw_law){ .kind = KW_LAW_LOGNORMAL, .n = 2, .v = { log(mean), 0.6 } };
    }
}

/* The trace's models: the base and four adapters of it. */
enum { MODELS = 5 };
static const uint32_t of_model[MODELS] = { 0, 1, 2, 3, 4 };
static const double bytes[MODELS] = { 0, 84e6, 84e6, 168e6, 42e6 };
static const struct kw_adapters adapters = { .n = 4, .n_models = MODELS, .of_model = of_model, .bytes = bytes };

static void any_ping(struct kw_deployment *d)
{
    if (draw(4)) return;
    d->ping = (struct kw_ping){ (1 + (kw_ns)draw(90)) * S, 1 + (uint32_t)draw(3000), 1 };
}

static void any_hold(struct kw_deployment *d)
{
    if (draw(5)) return;
    d->hold.most[0] = (1 + (kw_ns)draw(300)) * S;
    if (draw(2)) d->hold.every = (1 + (kw_ns)draw(100)) * S;
}

static void any_adapters(struct kw_deployment *d)
{
    d->sched.max_loras = 1 + (uint32_t)draw(3);
    d->lora = (struct kw_lora){ .adapters = &adapters,
                                .max_cpu_loras = d->sched.max_loras + (uint32_t)draw(3),
                                .fetch_s = any_law(0.5),
                                .fetch_rate = case_seconds(100e6),
                                .activate_rate = case_seconds(5e9),
                                .overhead = 0.01 * (double)draw(40) };
}

static struct kw_hpa_rules any_rules(void)
{
    struct kw_hpa_rules r = { .window = (kw_ns)draw(3) * 40 * S, .select = (enum kw_select_policy)draw(3) };
    for (r.n = 0; r.n < 1 + draw(2); r.n++)
        r.policy[r.n] = (struct kw_hpa_policy){ draw(2), 1 + (uint32_t)draw(100), (1 + (kw_ns)draw(60)) * S };
    return r;
}

/* What the autoscalers that users run themselves want beside the rest, and the nodes they rent. */
static void any_self_managed(struct kw_deployment *d)
{
    struct kw_autoscaling *c = &d->scaling;
    struct kw_hpa *h = &c->hpa;
    if (c->scaler == KW_SCALER_HPA && !c->eval_period) c->eval_period = 15 * S;
    if (c->scaler == KW_SCALER_SKYSERVE) c->eval_period = (1 + (kw_ns)draw(4)) * 5 * S;
    if (c->scaler == KW_SCALER_SKYSERVE) c->target = 0.05 * (double)(1 + draw(8));
    if (c->scaler == KW_SCALER_DYNAMO && !c->eval_period) c->eval_period = 5 * S;
    if (c->scaler == KW_SCALER_DYNAMO && !c->keep_warm) c->keep_warm = 1;
    c->scale_up_delay = (kw_ns)draw(3) * 20 * S;
    c->up_above = 0.2;
    c->down_below = 0.1;
    h->poll = (1 + (kw_ns)draw(30)) * S;
    h->tolerance = 0.1;
    h->behaves = draw(2);
    h->up = any_rules();
    h->down = any_rules();
    for (h->n_triggers = 0; h->n_triggers < 1 + draw(3); h->n_triggers++)
        h->trigger[h->n_triggers] = (struct kw_trigger){ (enum kw_trigger_metric)draw(3), 1 + (double)draw(6), 0 };
    if (c->scaler == KW_SCALER_FIXED || draw(3) == 0) return;
    d->kind = KW_KIND_DEDICATED;
    d->node = (struct kw_node_rule){ .places = 1 + (uint32_t)draw(4), .idle = (kw_ns)draw(3) * 100 * S };
}

static void any_replicas(struct kw_deployment *d, const struct kw_steptime *time)
{
    struct kw_autoscaling *c = &d->scaling;
    *d = (struct kw_deployment){ .kind = KW_KIND_SERVERLESS,
                                 .steptime = time,
                                 .balance = (enum kw_balance)draw(KW_BALANCES) };
    d->sched = (struct kw_sched_config){ .policy = (enum kw_sched_policy)draw(6),
                                         .max_num_batched_tokens = draw(2) ? 8192 : 512,
                                         .max_num_seqs = draw(2) ? 64 : 4,
                                         .max_model_len = 6000,
                                         .block_size = 16,
                                         .num_blocks = draw(2) ? 4000 : 380,
                                         .prefix_caching = draw(2),
                                         .reserve_full_prompt = draw(2) };
    if (d->sched.policy == KW_SCHED_PREFILL_FIRST || d->sched.policy == KW_SCHED_STATIC)
        d->sched.max_num_batched_tokens = 8192;
    else if (d->sched.policy < KW_SCHED_TRTLLM && draw(2))
        any_adapters(d);
    c->scaler = (enum kw_scaler)draw(KW_SCALER_SETUP + 1);
    c->max_replicas = 1 + (uint32_t)draw(6);
    c->keep_warm = (uint32_t)draw(c->max_replicas + 1);
    if (c->scaler == KW_SCALER_FIXED) c->keep_warm = c->max_replicas;
    c->buffer_replicas = (uint32_t)(draw(3) / 2);
    c->hard_concurrency = draw(2) ? 0 : 1 + (uint32_t)draw(8);
    c->target = 1 + (double)draw(8);
    c->utilisation = 0.7;
    if (c->scaler == KW_SCALER_LOAD_TARGET) c->target = 0.8;
    c->target_delay = 4 * S;
    c->scale_up_window = (kw_ns)draw(60) * S;
    c->eval_period = draw(2) ? 0 : (1 + (kw_ns)draw(9)) * S;
    c->idle_timeout = (kw_ns)draw(60) * S;
    c->zero_timeout = draw(2) ? 0 : c->idle_timeout + (kw_ns)draw(300) * S;
    c->scale_down_delay = draw(2) ? 0 : (kw_ns)draw(100) * S;
    c->min_up = draw(3) ? 0 : (kw_ns)draw(100) * S;
    c->max_up_rate = 3;
    c->max_down_rate = 2;
    c->panic_threshold = 2;
    c->panic_window_share = 0.1;
    c->at_zero = (enum kw_at_zero)draw(2);
    c->reject_code = 503;
    c->queue_limit = draw(2) ? 0 : 1 + draw(30);
    c->no_queue = draw(8) == 0;
    c->queue_timeout = draw(2) ? 0 : (1 + (kw_ns)draw(100)) * S;
    c->request_timeout = draw(3) ? 0 : (1 + (kw_ns)draw(100)) * S;
    c->stockout_probability = draw(2) ? 0 : 0.3;
    c->stockout_retry = 10 * S;
    c->start_failure_probability = draw(2) ? 0 : 0.2;
    d->cold.provision = any_law(2);
    d->cold.pull = any_law(5);
    d->cold.load = any_law(5);
    d->cold.init = any_law(10);
    d->cold.restore = any_law(3);
    d->cold.snapshot_probability = 0.4;
    d->cold.weight_bytes = draw(2) ? 0 : 16e9;
    d->cold.load_rate = case_seconds(2e9);
    d->cold.cached_load_rate = case_seconds(20e9);
    d->cold.cache_hit = 0.5;
    d->retry = (struct kw_client_retry){ .max_attempts = 1 + (uint32_t)draw(6), .base = 1 * S, .cap = 20 * S };
    d->network_rtt = (kw_ns)draw(3) * 10 * MS;
    if (c->scaler >= KW_SCALER_KPA || draw(4) == 0) any_self_managed(d);
    any_ping(d);
    uint64_t others = kw_mix64(state + 1); /* beside the stream, whose cases stay as they are */
    if (!d->node.places && others % 8 == 0) d->others_per_hour = 20 * (double)(1 + others / 8 % 20);
}

static void any_api(struct kw_deployment *d)
{
    *d = (struct kw_deployment){ .kind = KW_KIND_API };
    any_ping(d);
    d->ttft_s = (struct kw_law){ .kind = KW_LAW_LOGNORMAL, .n = 2, .v = { log(0.4), 0.5 } };
    d->output_rate = case_seconds(80);
    d->limits = (struct kw_rate_limits){ .rpm = draw(2) ? 0 : 30,
                                         .tpm = draw(2) ? 0 : 60000,
                                         .rule = (enum kw_count_rule)draw(5),
                                         .output_burndown = 1,
                                         .window = draw(2) ? 0 : 10 * S,
                                         .reject_code = 429 };
    d->retry = (struct kw_client_retry){ .max_attempts = 1 + (uint32_t)draw(6), .base = 1 * S, .cap = 60 * S };
}

static void any_trace(struct fleet_case *c, bool hashes)
{
    kw_ns t = 0;
    uint32_t n = 50 + (uint32_t)draw(250), at = 0;
    c->trace.n = 0;
    c->trace.span = 0;
    c->trace.hash_at = hashes ? malloc((n + 1) * sizeof(uint32_t)) : NULL;
    c->trace.hash = hashes ? malloc(n * 8 * sizeof(uint64_t)) : NULL;
    c->trace.hash_block = hashes ? 512 : 0;
    c->trace.klass = malloc(n * sizeof(uint16_t));
    c->trace.model = malloc(n * sizeof(uint16_t));
    c->trace.n_models = MODELS;
    c->trace.region = malloc(n * sizeof(uint16_t));
    c->trace.region_name = region_name;
    c->trace.n_regions = REGIONS;
    if (!c->trace.klass || !c->trace.model || !c->trace.region || (hashes && (!c->trace.hash_at || !c->trace.hash)))
        exit(1);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t prompt = 1 + (uint32_t)draw(draw(20) ? 1500 : 8000); /* some exceed max_model_len */
        case_request(c, t, prompt, 1 + (uint32_t)draw(draw(3) ? 300 : 1500));
        c->trace.klass[i] = (uint16_t)draw(4);
        c->trace.model[i] = (uint16_t)draw(MODELS);
        c->trace.region[i] = (uint16_t)draw(REGIONS);
        if (hashes) {
            c->trace.hash_at[i] = at;
            uint64_t h = 1 + draw(6);
            for (uint32_t b = 0; b < prompt / 512 && b < 8; b++)
                c->trace.hash[at++] = h = kw_mix64(h + b / 2 * draw(3));
        }
        if (draw(4))
            t += (kw_ns)draw(draw(15) ? 2000 : 200000) * MS; /* bursts at one instant, busy stretches, silences */
    }
    if (hashes) c->trace.hash_at[n] = at;
    c->trace.span = t + (kw_ns)draw(100) * S;
}

static void drop_trace(struct fleet_case *c)
{
    free(c->trace.hash_at);
    free(c->trace.hash);
    free(c->trace.klass);
    free(c->trace.model);
    c->trace.model = NULL;
    free(c->trace.region);
    c->trace.hash_at = NULL;
    c->trace.hash = NULL;
    c->trace.klass = NULL;
    c->trace.region = NULL;
    c->trace.n_regions = 0;
}

static bool same_hist(const struct kw_hist *a, const struct kw_hist *b)
{
    return a->n == b->n && a->sum == b->sum && a->min == b->min && a->max == b->max &&
           !memcmp(a->count, b->count, KW_HIST_BUCKETS * sizeof *a->count);
}

/* Everything but how many events and engine decisions it took. */
static bool same_outcome(const struct kw_outcome *a, const struct kw_outcome *b)
{
    if (a->arrived != b->arrived || a->completed != b->completed || a->rejected != b->rejected ||
        a->timed_out != b->timed_out || a->too_long != b->too_long || a->cold != b->cold ||
        a->attained != b->attained || a->window != b->window || a->end != b->end || a->done != b->done ||
        memcmp(a->waiting, b->waiting, sizeof a->waiting) || !same_hist(&a->ttft, &b->ttft) ||
        !same_hist(&a->tpot, &b->tpot) || !same_hist(&a->itl, &b->itl) || !same_hist(&a->e2e, &b->e2e) ||
        a->series.n != b->series.n || a->passes != b->passes || a->steady != b->steady)
        return false;
    for (uint64_t i = 0; i < a->arrived / a->passes; i++) {
        const struct kw_record *x = &a->records[i], *y = &b->records[i];
        if (x->ttft != y->ttft || x->e2e != y->e2e || x->request != y->request || x->status != y->status ||
            x->deployment != y->deployment || x->cold != y->cold || x->attempts != y->attempts ||
            x->cached_tokens != y->cached_tokens || x->preemptions != y->preemptions)
            return false;
    }
    for (uint32_t k = 0; k < a->n_deployments; k++) {
        const struct kw_ledger *x = &a->ledger[k], *y = &b->ledger[k];
        if (x->requests != y->requests || x->retries != y->retries || x->tokens_in != y->tokens_in ||
            x->tokens_out != y->tokens_out || x->tokens_cached != y->tokens_cached ||
            x->tokens_recomputed != y->tokens_recomputed || x->starts != y->starts ||
            x->cold_starts != y->cold_starts || x->found_warm != y->found_warm || x->stockouts != y->stockouts ||
            x->iterations != y->iterations || x->preemptions != y->preemptions || x->lives_n != y->lives_n ||
            x->before_n != y->before_n || x->adapter_requests != y->adapter_requests ||
            x->adapter_cold != y->adapter_cold || x->adapter_fetches != y->adapter_fetches ||
            x->adapter_activations != y->adapter_activations || x->adapter_held != y->adapter_held ||
            x->adapter_held_ns != y->adapter_held_ns || x->late != y->late || x->nodes_n != y->nodes_n ||
            x->nodes_before_n != y->nodes_before_n || x->places_taken != y->places_taken ||
            x->peak_nodes != y->peak_nodes || x->peak_replicas != y->peak_replicas ||
            memcmp(x->phase, y->phase, sizeof x->phase))
            return false;
        for (uint64_t i = 0; i < x->before_n; i++)
            if (x->before[i].life != y->before[i].life || x->before[i].since_success != y->before[i].since_success ||
                memcmp(x->before[i].phase, y->before[i].phase, sizeof x->before[i].phase))
                return false;
        for (uint64_t i = 0; i < x->nodes_n; i++)
            if (x->nodes[i].born != y->nodes[i].born || x->nodes[i].gone != y->nodes[i].gone ||
                memcmp(x->nodes[i].phase, y->nodes[i].phase, sizeof x->nodes[i].phase))
                return false;
        for (uint64_t i = 0; i < x->lives_n; i++)
            if (x->lives[i].born != y->lives[i].born || x->lives[i].gone != y->lives[i].gone ||
                x->lives[i].requests != y->lives[i].requests ||
                x->lives[i].first_success != y->lives[i].first_success ||
                memcmp(x->lives[i].phase, y->lives[i].phase, sizeof x->lives[i].phase))
                return false;
    }
    const struct kw_series *s = &a->series, *t = &b->series;
    size_t bytes = s->n * sizeof *s->queue;
    return !s->n || (!memcmp(s->arrivals, t->arrivals, bytes) && !memcmp(s->completions, t->completions, bytes) &&
                     !memcmp(s->rejections, t->rejections, bytes) && !memcmp(s->queue, t->queue, bytes) &&
                     !memcmp(s->ready_busy, t->ready_busy, bytes) && !memcmp(s->ready_idle, t->ready_idle, bytes) &&
                     !memcmp(s->starting, t->starting, bytes));
}

static void check_records(const struct fleet_case *c)
{
    const struct kw_outcome *o = &c->o;
    uint64_t by_status[4] = { 0 }, cold = 0;
    int64_t out = 0;
    uint64_t n = o->arrived / o->passes;
    CHECK(n * o->passes == o->arrived);
    for (uint64_t i = 0; i < n; i++) {
        const struct kw_record *r = &o->records[i];
        by_status[r->status]++;
        cold += r->cold;
        if (r->status != KW_REQ_COMPLETED) {
            CHECK(r->ttft == -1 && r->e2e == -1);
            continue;
        }
        out += c->trace.output[r->request];
        CHECK(r->ttft > 0 && r->ttft <= r->e2e && (c->trace.output[r->request] > 1 || r->ttft == r->e2e));
        CHECK(r->cached_tokens < c->trace.prompt[r->request] && r->attempts >= 1);
    }
    if (o->passes > 1) return; /* records and series are of the first window */
    CHECK(by_status[KW_REQ_COMPLETED] == o->completed && by_status[KW_REQ_REJECTED] == o->rejected &&
          by_status[KW_REQ_TIMED_OUT] == o->timed_out && by_status[KW_REQ_TOO_LONG] == o->too_long && cold == o->cold);
    uint64_t arrivals = 0, completions = 0, rejections = 0, gaps = 0;
    for (size_t i = 0; i < o->series.n; i++)
        arrivals += o->series.arrivals[i], completions += o->series.completions[i],
            rejections += o->series.rejections[i];
    for (uint32_t k = 0; k < o->n_deployments; k++) {
        const struct kw_ledger *l = &o->ledger[k];
        out -= l->tokens_out;
        gaps += c->d[k].kind == KW_KIND_API || l->cut_off; /* gaps of what was cut off are there, its tokens are not */
        if (c->d[k].kind != KW_KIND_API) CHECK(l->peak_replicas >= c->d[k].scaling.keep_warm);
        for (uint64_t i = 0; i < l->lives_n; i++) CHECK(l->lives[i].gone <= o->window && l->lives[i].born >= 0);
    }
    CHECK(out == 0);
    /* The last interval may be cut off by the end. */
    CHECK(arrivals <= o->arrived && completions <= o->completed && rejections <= o->arrived - o->completed);
    if (!gaps && o->timed_out == 0 && !c->opt.warmup) { /* every gap between tokens is in the histogram, for replicas */
        int64_t expect = 0;
        for (uint32_t k = 0; k < o->n_deployments; k++)
            expect += o->ledger[k].tokens_out - (int64_t)o->ledger[k].completed;
        CHECK((int64_t)o->itl.n == expect);
    }
}

static void any_case(struct fleet_case *c, const struct kw_steptime *time)
{
    c->n = 1 + (uint32_t)draw(3);
    for (uint32_t i = 0; i < c->n; i++) {
        if (draw(4) == 0) {
            any_api(&c->d[i]);
        } else {
            any_replicas(&c->d[i], time);
        }
        snprintf(c->d[i].name, sizeof c->d[i].name, "d%u", i);
    }
    c->routing = (struct kw_routing){ .policy = KW_ROUTE_SINGLE, .overflow_at = 1 + (uint32_t)draw(10) };
    if (c->n > 1) c->routing.policy = (enum kw_route_policy)draw(KW_ROUTE_REGION + 1);
    c->routing.spill = (enum kw_route_spill)draw(3);
    for (uint32_t r = 0; r < REGIONS; r++) {
        uint32_t turn = (uint32_t)draw(c->n);
        for (uint32_t i = 0; i < c->n; i++) c->routing.order[r][i] = (uint8_t)((i + turn) % c->n);
        for (uint32_t i = 0; i < c->n; i++) c->d[i].region_rtt[r] = (kw_ns)draw(200) * MS;
    }
    for (uint32_t i = 0; i < c->n; i++) c->d[i].located = draw(2);
    for (uint32_t i = 0; i < c->n; i++) c->routing.share[i] = 1 + (double)draw(3);
    for (int i = 0; i < 256; i++) c->routing.class_to[i] = (uint8_t)((uint32_t)i % c->n);
    c->opt = (struct kw_fleet_options){ .seed = draw(1000),
                                        .replication = draw(10),
                                        .records = true,
                                        .series_step = draw(2) ? 0 : 7 * S,
                                        .warmup = draw(2) ? 0 : (kw_ns)draw(1000) * S + (kw_ns)draw(1000) * MS,
                                        .settle = draw(2) ? 0 : draw(30000),
                                        .slo = { .ttft = 2 * S, .e2e = 30 * S } };
    const uint64_t before = state; /* what is drawn after it stays as it was */
    for (uint32_t i = 0; i < c->n; i++)
        if (c->d[i].kind != KW_KIND_API) any_hold(&c->d[i]);
    state = before;
}

static void random_cases_conserve_and_repeat(void)
{
    enum { CASES = 1500 };
    struct kw_steptime *time = engine_time();
    struct fleet_case c;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    struct kw_fleet *other;
    struct kw_outcome again;
    if (kw_fleet_new(&other, NULL) || kw_outcome_init(&again, NULL)) exit(1);
    uint64_t completed = 0, rejected = 0, timed_out = 0, too_long = 0, cold = 0, preemptions = 0, adapted = 0,
             waited = 0, held = 0, found = 0, steady[4] = { 0 };
    for (int k = 0; k < CASES && !check_bad; k++) {
        state = (uint64_t)k;
        any_case(&c, time);
        any_trace(&c, draw(2));
        CHECK(case_run(&c) == KW_OK);
        if (c.err.msg[0]) fprintf(stderr, "case %d: %s\n", k, c.err.msg);
        check_records(&c);
        struct kw_trace_view view = { .trace = &c.trace };
        for (int twice = 0; twice < 3; twice++) { /* the same fleet; another one that ran something else; each step */
            struct kw_fleet_options opt = c.opt;
            opt.stepping_each = twice == 2;
            CHECK(kw_fleet_run(twice == 0 ? c.fleet : other, &view, c.d, c.n, &c.routing, &opt, &again, &c.err) ==
                  KW_OK);
            CHECK(same_outcome(&c.o, &again));
            if (check_bad)
                fprintf(stderr, "case %d, %s\n", k,
                        (const char *[]){ "same fleet", "other fleet", "each step" }[twice]);
        }
        completed += c.o.completed, rejected += c.o.rejected, timed_out += c.o.timed_out, too_long += c.o.too_long,
            cold += c.o.cold;
        steady[c.o.steady]++;
        for (uint32_t i = 0; i < c.n; i++) {
            preemptions += c.o.ledger[i].preemptions;
            adapted += c.o.ledger[i].adapter_requests;
            waited += c.o.ledger[i].adapter_cold;
            held += c.o.ledger[i].held;
            found += c.o.ledger[i].found_warm;
        }
        drop_trace(&c);
    }
    printf(
        "%d random cases: %llu completed, %llu rejected, %llu timed out, %llu too long, %llu cold, %llu preemptions, "
        "%llu of adapters, %llu waited for one, %llu held, %llu replicas found warm\n",
        CASES, (unsigned long long)completed, (unsigned long long)rejected, (unsigned long long)timed_out,
        (unsigned long long)too_long, (unsigned long long)cold, (unsigned long long)preemptions,
        (unsigned long long)adapted, (unsigned long long)waited, (unsigned long long)held, (unsigned long long)found);
    CHECK(adapted > 10000 && waited > 1000 && held > 1000 && found > 100);
    CHECK(completed > 10000 && rejected > 1000 && timed_out > 1000 && too_long > 1000 && cold > 1000 &&
          preemptions > 500);
    for (int i = 0; i < 4; i++) CHECK(steady[i] > 1);
    kw_outcome_free(&again);
    kw_fleet_delete(other);
    case_end(&c);
    kw_steptime_delete(time);
}

static void other_limits(struct kw_deployment *d)
{
    if (draw(3) == 0) d->scaling.max_replicas = d->scaling.keep_warm + (uint32_t)draw(9);
    if (!d->scaling.max_replicas || d->scaling.scaler == KW_SCALER_FIXED)
        d->scaling.max_replicas = d->scaling.keep_warm ? d->scaling.keep_warm : 1;
    if (draw(3) == 0) d->sched.max_num_seqs = 1 + (uint32_t)draw(draw(2) ? 8 : 64);
    if (draw(3) == 0) d->sched.max_num_batched_tokens = (uint32_t)(draw(3) ? 4096 + draw(4097) : draw(600));
    if (d->sched.max_num_batched_tokens < d->sched.max_num_seqs)
        d->sched.max_num_batched_tokens = d->sched.max_num_seqs;
}

static void other_requests_per_replica(struct kw_deployment *d)
{
    if (d->scaling.hard_concurrency) d->scaling.hard_concurrency = 1 + (uint32_t)draw(600);
    d->scaling.target = d->scaling.scaler == KW_SCALER_LOAD_TARGET ? 0.05 + 0.05 * (double)draw(20)
                                                                   : 1 + (double)draw(draw(2) ? 12 : 900);
}

/* Where kw_pool_alike says so another concurrency limit and another target are the same run, of every scaler. */
static void settings_that_decide_nothing_are_the_same_run(void)
{
    enum { CASES = 2500 };
    struct kw_steptime *time = engine_time();
    struct fleet_case c;
    struct kw_outcome again;
    int alike[KW_SCALER_SETUP + 1] = { 0 }, differ = 0;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    if (kw_outcome_init(&again, NULL)) exit(1);
    for (int k = 0; k < CASES && !check_bad; k++) {
        state = (uint64_t)k + 77777;
        any_case(&c, time);
        c.n = 1;
        c.routing.policy = KW_ROUTE_SINGLE;
        any_replicas(&c.d[0], time);
        if (draw(2)) { /* averages decide nothing of such alone */
            c.d[0].scaling.buffer_replicas = 0;
            if (c.d[0].scaling.scaler != KW_SCALER_RAY_SERVE) c.d[0].scaling.max_down_rate = 0;
        }
        if (draw(2)) c.d[0].scaling.hard_concurrency = 1;
        other_requests_per_replica(&c.d[0]);
        any_trace(&c, draw(2));
        struct kw_deployment d = c.d[0];
        CHECK(case_run(&c) == KW_OK);
        other_requests_per_replica(&d);
        struct kw_trace_view view = { .trace = &c.trace };
        CHECK(kw_fleet_run(c.fleet, &view, &d, 1, &c.routing, &c.opt, &again, &c.err) == KW_OK);
        bool same = same_outcome(&c.o, &again);
        differ += !same;
        if (kw_pool_alike(&c.d[0], &d, &c.o.ledger[0])) {
            alike[d.scaling.scaler]++;
            CHECK(same && c.o.ledger[0].peak_requests == again.ledger[0].peak_requests);
            if (check_bad) fprintf(stderr, "case %d, %s\n", k, kw_scaler_name[d.scaling.scaler]);
        }
        drop_trace(&c);
    }
    printf("settings that decide nothing:");
    for (int s = 0; s <= KW_SCALER_SETUP; s++) printf(" %s %d", kw_scaler_name[s], alike[s]);
    printf("; %d runs differed\n", differ);
    for (int s = 0; s <= KW_SCALER_CONCURRENCY; s++) CHECK(alike[s] > 5);
    CHECK(differ > CASES / 10);
    kw_outcome_free(&again);
    case_end(&c);
    kw_steptime_delete(time);
}

/* The same of max_replicas and of the engine's limits, one or several of them; and the ledger then says of each what it does
 * not share. */
static void limits_that_decide_nothing_are_the_same_run(void)
{
    enum { CASES = 3000 };
    struct kw_steptime *time = engine_time();
    struct fleet_case c;
    struct kw_outcome again;
    int alike[3] = { 0 }, rules = 0, full = 0, differ = 0;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    if (kw_outcome_init(&again, NULL)) exit(1);
    for (int k = 0; k < CASES && !check_bad; k++) {
        state = (uint64_t)k + 424242;
        any_case(&c, time);
        c.n = 1;
        c.routing.policy = KW_ROUTE_SINGLE;
        any_replicas(&c.d[0], time);
        any_trace(&c, draw(2));
        const enum kw_scaler by = c.d[0].scaling.scaler;
        const bool averages = by == KW_SCALER_CONCURRENCY || by == KW_SCALER_LOAD_TARGET;
        if (averages && draw(2)) { /* a load is a share of the engine's limit, and what is wished for is met */
            struct kw_autoscaling *a = &c.d[0].scaling;
            a->hard_concurrency = a->keep_warm = a->buffer_replicas = 0;
            a->max_replicas = 2 + (uint32_t)draw(3);
            if (by == KW_SCALER_LOAD_TARGET) a->target = 0.02 * (1 + (double)draw(4));
        }
        struct kw_deployment d = c.d[0], x, y;
        other_limits(&d);
        if (draw(4) == 0) other_requests_per_replica(&d);
        if (averages && draw(2)) { /* the same rule in other numbers: a load of half as many sequences */
            d = c.d[0];
            d.sched.max_num_seqs *= 2;
            if (d.sched.max_num_batched_tokens < d.sched.max_num_seqs)
                d.sched.max_num_batched_tokens = d.sched.max_num_seqs;
            if (d.scaling.scaler == KW_SCALER_LOAD_TARGET && !d.scaling.hard_concurrency && draw(2))
                d.scaling.target /= 2;
        }
        if (draw(4) == 0) { /* a cache that is full before the seats are, or just when they are */
            c.d[0].scaling.scaler = KW_SCALER_FIXED;
            c.d[0].scaling.keep_warm = c.d[0].scaling.max_replicas = 1;
            c.d[0].scaling.hard_concurrency = 0;
            c.d[0].sched.num_blocks = 380;
            c.d[0].sched.max_num_seqs = 4 + (uint32_t)draw(16);
            d = c.d[0];
            d.sched.max_num_seqs += 1 + (uint32_t)draw(40);
        }
        x = c.d[0];
        y = d;
        kw_indifferent(&x);
        kw_indifferent(&y);
        if (memcmp(&x, &y, sizeof x)) { /* no kin: a ceiling that its policy looks at itself */
            drop_trace(&c);
            continue;
        }
        CHECK(case_run(&c) == KW_OK);
        struct kw_trace_view view = { .trace = &c.trace };
        CHECK(kw_fleet_run(c.fleet, &view, &d, 1, &c.routing, &c.opt, &again, &c.err) == KW_OK);
        bool same = same_outcome(&c.o, &again);
        differ += !same;
        if (kw_pool_alike(&c.d[0], &d, &c.o.ledger[0])) {
            struct kw_ledger l = c.o.ledger[0];
            kw_ledger_of(&l, &d);
            CHECK(same && l.needed == again.ledger[0].needed && l.max_replicas == again.ledger[0].max_replicas);
            CHECK(l.peak_requests == again.ledger[0].peak_requests && l.most_wanted == again.ledger[0].most_wanted &&
                  l.most_on_one == again.ledger[0].most_on_one && l.most_running == again.ledger[0].most_running &&
                  l.most_step_tokens == again.ledger[0].most_step_tokens && l.steps == again.ledger[0].steps);
            if (check_bad)
                fprintf(stderr, "case %d, %s, policy %d\n", k, kw_scaler_name[d.scaling.scaler], d.sched.policy);
            rules += averages && d.sched.max_num_seqs == 2 * c.d[0].sched.max_num_seqs && !d.scaling.keep_warm;
            alike[0] += d.scaling.max_replicas != c.d[0].scaling.max_replicas;
            alike[1] += d.sched.max_num_seqs != c.d[0].sched.max_num_seqs;
            alike[2] += d.sched.max_num_batched_tokens != c.d[0].sched.max_num_batched_tokens;
            full += d.sched.max_num_seqs != c.d[0].sched.max_num_seqs &&
                    (l.most_on_one > d.sched.max_num_seqs || l.most_on_one > c.d[0].sched.max_num_seqs);
        }
        drop_trace(&c);
    }
    printf("limits that decide nothing: %d of max_replicas, %d of sequences, %d of tokens, %d whose mean is divided "
           "alike, %d whose KV cache was full first; %d runs differed\n",
           alike[0], alike[1], alike[2], rules, full, differ);
    for (int i = 0; i < 3; i++) CHECK(alike[i] > 50);
    CHECK(rules > 20);
    CHECK(full > 20);
    CHECK(differ > CASES / 10);
    kw_outcome_free(&again);
    case_end(&c);
    kw_steptime_delete(time);
}

/* A run that ends at its ceiling would have passed it; one that does not is the run without. */
static void a_ceiling_ends_only_what_passes_it(void)
{
    enum { CASES = 400 };
    struct kw_steptime *time = engine_time();
    struct fleet_case c;
    struct kw_outcome whole;
    int ended = 0, went_on = 0;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    if (kw_outcome_init(&whole, NULL)) exit(1);
    for (int k = 0; k < CASES && !check_bad; k++) {
        state = (uint64_t)k + 999;
        any_case(&c, time);
        c.n = 1;
        c.routing.policy = KW_ROUTE_SINGLE;
        any_replicas(&c.d[0], time);
        c.trace.n = 0;
        c.trace.span = 0;
        for (int i = 0; i < 6000; i++) case_request(&c, i * (kw_ns)draw(3000) * MS / 2 + 1, 50, 1 + (uint32_t)draw(9));
        for (size_t i = 1; i < c.trace.n; i++)
            if (c.trace.arrival[i] < c.trace.arrival[i - 1]) c.trace.arrival[i] = c.trace.arrival[i - 1];
        c.trace.span = c.trace.arrival[c.trace.n - 1] + 10 * S;
        struct kw_trace_view view = { .trace = &c.trace };
        CHECK(kw_fleet_run(c.fleet, &view, c.d, 1, &c.routing, &c.opt, &whole, &c.err) == KW_OK);
        kw_ns used = 0;
        for (int p = 0; p < KW_PHASES; p++) {
            c.opt.ceiling.counts[p] = draw(4) > 0;
            used += c.opt.ceiling.counts[p] ? whole.ledger[0].phase[p] : 0;
        }
        c.opt.ceiling.most = 1 + used / 100 * (kw_ns)draw(130);
        CHECK(case_run(&c) == KW_OK);
        CHECK(!c.o.stopped || used > c.opt.ceiling.most);
        CHECK(!c.o.stopped || c.o.arrived <= whole.arrived);
        if (!c.o.stopped) CHECK(same_outcome(&c.o, &whole));
        *(c.o.stopped ? &ended : &went_on) += 1;
        c.opt.ceiling.most = 0; /* and the fleet is as good as new */
        CHECK(case_run(&c) == KW_OK && same_outcome(&c.o, &whole));
        if (check_bad) fprintf(stderr, "case %d\n", k);
    }
    printf("ceilings: %d runs ended, %d went on\n", ended, went_on);
    CHECK(ended > CASES / 4 && went_on > CASES / 8);
    kw_outcome_free(&whole);
    case_end(&c);
    kw_steptime_delete(time);
}

/* From zero, where nothing but its idle timeout stops a replica, or a policy that averages leaves one until nobody came for
 * zero_timeout, one stays while requests follow each other sooner: a ceiling
 * that the rest of such a stretch alone passes ends the run at its begin, and one that the run keeps to the end ends none. */
static void one_stays_while_requests_come(void)
{
    enum { CASES = 280, AVERAGES = 4 };
    static const enum kw_scaler of[] = { KW_SCALER_CAPACITY, KW_SCALER_QUEUE_DELAY, KW_SCALER_REQUEST_COUNT,
                                         KW_SCALER_QUEUE,    KW_SCALER_CONCURRENCY, KW_SCALER_LOAD_TARGET,
                                         KW_SCALER_KPA };
    int early[sizeof of / sizeof *of] = { 0 };
    struct kw_steptime *time = engine_time();
    struct fleet_case c;
    struct kw_outcome whole;
    int kept = 0;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
    if (kw_outcome_init(&whole, NULL)) exit(1);
    for (int k = 0; k < CASES && !check_bad; k++) {
        state = (uint64_t)k + 31337;
        any_case(&c, time);
        c.n = 1;
        c.routing.policy = KW_ROUTE_SINGLE;
        do any_replicas(&c.d[0], time);
        while (c.d[0].lora.adapters || c.d[0].node.places);
        struct kw_autoscaling *a = &c.d[0].scaling;
        size_t which = (size_t)k % (sizeof of / sizeof *of);
        a->scaler = of[which];
        a->keep_warm = 0;
        a->idle_timeout = (5 + (kw_ns)draw(30)) * S;
        a->zero_timeout = draw(2) ? 0 : a->idle_timeout / 2;
        if (which >= AVERAGES) {
            a->zero_timeout = draw(8) ? a->idle_timeout : 0;
            a->target = 1 + (double)draw(9);
            a->utilisation = 0.5 + 0.5 * (double)draw(2);
            a->scale_up_window = (1 + (kw_ns)draw(90)) * S;
            a->scale_down_delay = (kw_ns)draw(60) * S;
            a->eval_period = (1 + (kw_ns)draw(4)) * S;
        }
        a->idle_release = (enum kw_idle_release)(draw(4) == 0);
        c.opt.settle = 0;
        c.trace.n = 0;
        c.trace.span = 0;
        kw_ns at = 0;
        for (int i = 0; i < 5000; i++) {
            at += (kw_ns)draw(draw(400) ? 1 + (uint64_t)a->idle_timeout / 3 : 3 * (uint64_t)a->idle_timeout);
            case_request(&c, at, draw(2000) ? 50 : 7000, 1 + (uint32_t)draw(9));
        }
        c.trace.span = at + 10 * S;
        struct kw_trace_view view = { .trace = &c.trace };
        c.opt.ceiling.most = 0;
        CHECK(kw_fleet_run(c.fleet, &view, c.d, 1, &c.routing, &c.opt, &whole, &c.err) == KW_OK);
        kw_ns used = 0;
        for (int p = 0; p < KW_PHASES; p++) {
            c.opt.ceiling.counts[p] = true;
            used += whole.ledger[0].phase[p];
        }
        for (int part = 1; part <= 4; part++) {
            c.opt.ceiling.most = 1 + used / 4 * part + (part == 4 ? 4 : 0); /* the last is what it takes to the end */
            CHECK(case_run(&c) == KW_OK);
            CHECK(!c.o.stopped || used > c.opt.ceiling.most);
            early[which] += part < 4 && c.o.stopped && c.o.arrived < whole.arrived / 4;
            kept += part == 4 && !c.o.stopped;
        }
        if (check_bad) fprintf(stderr, "case %d\n", k);
    }
    printf("one stays: %d of %d kept to the end; ended in their first quarter:", kept, CASES);
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) printf(" %s %d", kw_scaler_name[of[i]], early[i]);
    printf("\n");
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) CHECK(early[i] > CASES / 70);
    c.opt.ceiling.most = 0;
    kw_outcome_free(&whole);
    case_end(&c);
    kw_steptime_delete(time);
}

/* A ceiling of what the run uses to its end does not end it, whatever is known of the rest on the way; half of it does. */
static void used_to_the_end(struct fleet_case *c)
{
    static const enum kw_phase counted[] = { KW_PHASE_ACTIVE, KW_PHASE_KEEP_WARM, KW_PHASE_IDLE };
    CHECK(case_run(c) == KW_OK);
    kw_ns used = 0;
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) {
        c->opt.ceiling.counts[counted[i]] = true;
        used += c->o.ledger[0].phase[counted[i]];
    }
    c->opt.ceiling.most = used + 1;
    CHECK(used > 0 && case_run(c) == KW_OK && !c->o.stopped);
    c->opt.ceiling.most = used / 2;
    CHECK(case_run(c) == KW_OK && c->o.stopped);
}

static void what_is_declined_keeps_none(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 3);
    c.d[0].scaling.idle_timeout = 5 * S;
    c.d[0].sched.max_model_len = 2000;
    for (int i = 0; i < 100000; i++) case_request(&c, i * S, i % 20 ? 3000 : 1000, 1);
    used_to_the_end(&c);
    case_end(&c);
}

/* The second of each pair starts a replica, but is served by the first one, which goes at once while the other starts. */
static void early_release_keeps_none_but_the_last(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 3);
    c.d[0].scaling.idle_timeout = 5 * S;
    c.d[0].scaling.idle_release = KW_RELEASE_EARLY;
    c.d[0].cold.init = case_seconds(3);
    for (int i = 0; i < 50000; i++) case_request(&c, i / 2 * 4 * S + i % 2 * 500 * MS, 1000, 1);
    used_to_the_end(&c);
    case_end(&c);
}

/* n stretches of `each` requests a second apart, 100 s after each other. */
static void stretches(struct fleet_case *c, int n, int each)
{
    for (int i = 0; i < n * each; i++) case_request(c, (i + (kw_ns)(i / each) * 100) * S, 100, 1);
}

/* The whole fleet goes in every pause, and comes back; what later stretches take is known at the window's begin. */
static void pauses_hide_nothing(void)
{
    for (int refuses = 0; refuses <= 1; refuses++) {
        struct fleet_case c;
        case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
        c.d[0].scaling.idle_timeout = 5 * S;
        c.d[0].scaling.at_zero = refuses ? KW_ZERO_REJECT_AND_START : KW_ZERO_QUEUE;
        c.d[0].cold.init = case_seconds(3);
        stretches(&c, 100, 500);
        used_to_the_end(&c);
        CHECK(c.o.arrived < 5000); /* of 50000: half of what is used is sure by then */
        case_end(&c);
    }
}

/* Starts that take longer than a stretch, that nobody orders, that wait for requests to be released, or for a machine: no more is
 * counted on than is used to the end. */
static void a_start_is_counted_on_where_it_is_certain(void)
{
    enum { LONG, SLOW, STOPPED, HELD, NO_MACHINE, FAILS, DECLINED, KINDS };
    for (int kind = 0; kind < KINDS; kind++) {
        struct fleet_case c;
        case_begin(&c, KW_SCALER_CAPACITY, 0, 1);
        c.d[0].scaling.idle_timeout = 5 * S;
        c.d[0].cold.init = case_seconds(kind == LONG ? 90 : kind == SLOW ? 400 : 3);
        if (kind == STOPPED) c.d[0].scaling.at_zero = KW_ZERO_STOPPED;
        if (kind == HELD) c.d[0].hold.most[0] = 500 * S;
        if (kind == NO_MACHINE) c.d[0].scaling.stockout_probability = 0.9;
        if (kind == FAILS) c.d[0].scaling.start_failure_probability = 0.98;
        c.d[0].scaling.stockout_retry = 60 * S;
        if (kind != DECLINED) stretches(&c, 200, kind == SLOW ? 450 : 100);
        c.d[0].sched.max_model_len = 2000;
        for (int i = 0; kind == DECLINED && i < 20000; i++) case_request(&c, i * 10 * S, i % 20 ? 3000 : 1000, 1);
        if (kind != STOPPED) {
            used_to_the_end(&c);
        } else {
            for (int p = KW_PHASE_ACTIVE; p < KW_PHASES; p++) c.opt.ceiling.counts[p] = true;
            c.opt.ceiling.most = 1;
            CHECK(case_run(&c) == KW_OK && !c.o.stopped && c.o.rejected == c.o.arrived);
        }
        if (check_bad) fprintf(stderr, "kind %d\n", kind);
        case_end(&c);
    }
}

static void blocks_in_their_own_order_are_the_trace_itself(void)
{
    struct fleet_case c;
    case_begin(&c, KW_SCALER_CAPACITY, 0, 3);
    c.d[0].scaling.idle_timeout = 5 * S;
    c.d[0].cold.init = case_seconds(3);
    for (int i = 0; i < 400; i++) case_request(&c, i * 1700 * MS, 100 + (uint32_t)(i * 37 % 4000), 1);
    c.trace.span = 700 * S;
    CHECK(case_run(&c) == KW_OK);
    struct kw_outcome whole = c.o;
    CHECK(kw_outcome_init(&c.o, NULL) == KW_OK);
    uint32_t order[7] = { 0, 1, 2, 3, 4, 5, 6 };
    struct kw_trace_view view = { .trace = &c.trace, .block = 110 * S, .n_blocks = 7, .block_of = order };
    CHECK(kw_fleet_run(c.fleet, &view, c.d, 1, &c.routing, &c.opt, &c.o, &c.err) == KW_OK);
    CHECK(c.o.window == 700 * S && same_outcome(&whole, &c.o));
    /* The last, short block first: 40 s, then the others; one block twice. */
    uint32_t moved[4] = { 6, 0, 2, 2 };
    view.block_of = moved;
    view.n_blocks = 4;
    CHECK(kw_fleet_run(c.fleet, &view, c.d, 1, &c.routing, &c.opt, &c.o, &c.err) == KW_OK);
    CHECK(c.o.window == (40 + 3 * 110) * S);
    size_t first = 0, n = 0; /* requests of blocks 6, 0, 2, 2 in order */
    for (int b = 0; b < 4; b++)
        for (size_t i = 0; i < c.trace.n; i++)
            if (c.trace.arrival[i] / (110 * S) == moved[b]) {
                if (n < c.o.arrived && c.o.records[n].request != i) first++;
                n++;
            }
    CHECK(n == c.o.arrived && first == 0);
    moved[0] = 7;
    CHECK(kw_fleet_run(c.fleet, &view, c.d, 1, &c.routing, &c.opt, &c.o, &c.err) == KW_ERANGE);
    kw_outcome_free(&whole);
    case_end(&c);
}

/* Days drawn anew may all be one on which nobody came: its warm-up has nothing to look for. */
static void days_without_a_request_end(void)
{
    struct fleet_case c;
    uint32_t empty[] = { 1, 1 };
    case_begin(&c, KW_SCALER_CAPACITY, 0, 3);
    c.d[0].scaling.idle_timeout = 5 * S;
    c.opt.warmup = 60 * S;
    case_request(&c, 10 * S, 1000, 1);
    c.trace.span = 200 * S;
    struct kw_trace_view view = { .trace = &c.trace, .block = 100 * S, .n_blocks = 2, .block_of = empty };
    alarm(30);
    CHECK(kw_fleet_run(c.fleet, &view, c.d, 1, &c.routing, &c.opt, &c.o, &c.err) == KW_OK);
    alarm(0);
    CHECK(c.o.arrived == 0 && c.o.ledger[0].phase[KW_PHASE_ACTIVE] == 0);
    case_end(&c);
}

static void a_stop_flag_ends_the_run_and_the_fleet_can_go_on(void)
{
    struct fleet_case c;
    volatile int stop = 1;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    for (int i = 0; i < 20000; i++) case_request(&c, i * 1000 * MS, 100, 1);
    c.opt.stop = &stop;
    struct kw_trace_view view = { .trace = &c.trace };
    CHECK(kw_fleet_run(c.fleet, &view, c.d, 1, &c.routing, &c.opt, &c.o, &c.err) == KW_EFAIL &&
          strstr(c.err.msg, "stopped"));
    stop = 0;
    CHECK(case_run(&c) == KW_OK && c.o.completed == 20000);
    case_end(&c);
}

static void every_allocation_may_fail_once(void)
{
    struct kw_steptime *time = engine_time();
    struct fleet_case c;
    struct kw_outcome again;
    case_begin(&c, KW_SCALER_FIXED, 1, 1);
    if (kw_outcome_init(&again, NULL)) exit(1);
    for (int k = 0; k < 6; k++) {
        state = 7000 + (uint64_t)k;
        any_case(&c, time);
        any_trace(&c, false);
        CHECK(case_run(&c) == KW_OK);
        struct kw_trace_view view = { .trace = &c.trace };
        long n = 1;
        for (;; n++) { /* a new fleet each time, so that every allocation is made */
            struct kw_fleet *fresh = NULL;
            failmalloc_at(n);
            enum kw_status st = kw_fleet_new(&fresh, &c.err);
            if (st == KW_OK) st = kw_fleet_run(fresh, &view, c.d, c.n, &c.routing, &c.opt, &again, &c.err);
            bool failed = failmalloc_off();
            CHECK(st == (failed ? KW_ENOMEM : KW_OK));
            if (failed && fresh)
                CHECK(kw_fleet_run(fresh, &view, c.d, c.n, &c.routing, &c.opt, &again, &c.err) == KW_OK);
            if (fresh) CHECK(same_outcome(&c.o, &again));
            kw_fleet_delete(fresh);
            if (!failed || check_bad) break;
        }
        CHECK(n > 20);
        drop_trace(&c);
    }
    kw_outcome_free(&again);
    case_end(&c);
    kw_steptime_delete(time);
}

int main(void)
{
    RUN(every_allocation_may_fail_once);
    RUN(random_cases_conserve_and_repeat);
    RUN(settings_that_decide_nothing_are_the_same_run);
    RUN(limits_that_decide_nothing_are_the_same_run);
    RUN(a_ceiling_ends_only_what_passes_it);
    RUN(one_stays_while_requests_come);
    RUN(what_is_declined_keeps_none);
    RUN(early_release_keeps_none_but_the_last);
    RUN(pauses_hide_nothing);
    RUN(a_start_is_counted_on_where_it_is_certain);
    RUN(blocks_in_their_own_order_are_the_trace_itself);
    RUN(days_without_a_request_end);
    RUN(a_stop_flag_ends_the_run_and_the_fleet_can_go_on);
    return check_report();
}
