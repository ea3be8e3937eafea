#include "sim/plan/sweep/candidate.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/pool/pooled.h"
#include "sim/fleet/schedule_rules.h"

const char *const kw_batch_from_name[] = { "promised", "observed", NULL };

void kw_slo_init(struct kw_slo *s)
{
    *s = (struct kw_slo){ .cold_fraction = -1, .error_fraction = KW_SLO_ERRORS, .attainment = -1 };
}

const struct kw_slo *kw_slo_of_class(const struct kw_slo *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_by_class; i++)
        if (!strcmp(s->by_class[i].name, name)) return &s->by_class[i].slo;
    return s;
}

static kw_ns loosest(kw_ns each, kw_ns p50, kw_ns p95, kw_ns p99)
{
    kw_ns most = p50 > p95 ? p50 : p95;
    return each ? each : most > p99 ? most : p99;
}

struct kw_slo_limits kw_slo_limits(const struct kw_slo *s)
{
    return (struct kw_slo_limits){ .ttft = loosest(s->per_request.ttft, s->ttft_p50, s->ttft_p95, s->ttft_p99),
                                   .tpot = loosest(s->per_request.tpot, s->tpot_p50, s->tpot_p95, s->tpot_p99),
                                   .e2e = loosest(s->per_request.e2e, s->e2e_p50, s->e2e_p95, s->e2e_p99) };
}

void kw_candidate_init(struct kw_candidate *c)
{
    memset(c, 0, sizeof *c);
}

void kw_candidate_free(struct kw_candidate *c)
{
    free(c->choice);
    kw_candidate_init(c);
}

enum kw_status kw_candidate_add(struct kw_candidate *c, const struct kw_choice *choice, struct kw_error *err)
{
    if (c->n == KW_FLEET_MAX_DEPLOYMENTS)
        return kw_fail(err, KW_ERANGE, "more than %d deployments in one configuration", KW_FLEET_MAX_DEPLOYMENTS);
    struct kw_choice *grown = realloc(c->choice, (c->n + 1) * sizeof *grown);
    if (!grown) return kw_fail(err, KW_ENOMEM, "out of memory for a configuration");
    assert(choice->platform && (choice->gpu == NULL) != (choice->api == NULL) && "billed by the GPU or by the token");
    c->choice = grown;
    c->choice[c->n++] = *choice;
    return KW_OK;
}

enum kw_status kw_candidate_copy(struct kw_candidate *to, const struct kw_candidate *from, struct kw_error *err)
{
    kw_candidate_init(to);
    for (uint32_t i = 0; i < from->n; i++) {
        enum kw_status st = kw_candidate_add(to, &from->choice[i], err);
        if (st != KW_OK) {
            kw_candidate_free(to);
            return st;
        }
    }
    to->routing = from->routing;
    to->as_written = from->as_written;
    to->mitigation = from->mitigation;
    memcpy(to->part, from->part, sizeof to->part);
    memcpy(to->apart, from->apart, sizeof to->apart);
    return KW_OK;
}

static enum kw_status plannable(const struct kw_platform *p, struct kw_error *err)
{
    if (p->can_plan || p->user_mends) return KW_OK;
    return kw_fail(err, KW_ERANGE, "%s cannot be planned: %s; what would mend it: %s", p->name, p->why_not, p->mend);
}

enum kw_status kw_choice_gpu(struct kw_choice *c, const struct kw_platform *p, const struct kw_gpu_offer *o,
                             const struct kw_profile *prof, const struct kw_steptime *st, struct kw_error *err)
{
    return kw_choice_ranks(c, p, o, prof, kw_parallel_ranks(kw_profile_parallel(prof)), st, err);
}

static enum kw_status on_gpus(struct kw_choice *c, const struct kw_platform *p, const struct kw_gpu_offer *o,
                              const struct kw_profile *prof, uint32_t ranks, uint32_t gpus,
                              const struct kw_steptime *st, struct kw_error *err)
{
    enum kw_status status = plannable(p, err);
    if (status != KW_OK) return status;
    if (p->kind == KW_KIND_API)
        return kw_fail(err, KW_ERANGE, "%s is a per-token API: it takes a model, not a GPU", p->name);
    if (strcmp(o->gpu, prof->gpu))
        return kw_fail(err, KW_ERANGE, "the profile is for %s, the offer of %s for %s", prof->gpu, p->name, o->gpu);
    uint32_t step = kw_platform_step(p, o, gpus);
    if (step == 0)
        return kw_fail(err, KW_ERANGE, "%s has no replica of %" PRIu32 " %s: it sells %" PRIu32 " to %" PRIu32, p->name,
                       gpus, o->gpu, o->gpus_min, o->gpus_max);
    enum kw_term term = KW_TERM_ON_DEMAND; /* else by the first that has a price */
    while (term < KW_TERMS && (kw_term_of_api(term) || !kw_gpu_price(o, term)->known)) term++;
    if (term == KW_TERMS) return kw_fail(err, KW_ERANGE, "%s: the price of %s is not known", p->name, o->gpu);
    if (prof->num_blocks == 0)
        return kw_fail(err, KW_ERANGE, "%s in %s does not fit %" PRIu32 " x %s", prof->model, prof->precision, gpus,
                       prof->gpu);
    memset(c, 0, sizeof *c);
    snprintf(c->name, sizeof c->name, "%s", p->name);
    c->platform = p;
    c->gpu = o;
    c->profile = prof;
    c->steptime = st;
    c->tp = prof->tp;
    c->dp = ranks;
    c->ep = prof->ep > 1 ? prof->ep : 1;
    c->gpus = gpus;
    c->term = term;
    /* Field by field, so that padding stays zero and equal deployments are equal bytes (sim/plan/sweep/sweep.c). */
    struct kw_sched_config *s = &c->sched;
    s->policy = KW_SCHED_VLLM;
    s->max_num_batched_tokens = c->profile_tokens = prof->max_num_batched_tokens;
    s->max_num_seqs = c->profile_seqs = prof->max_num_seqs;
    s->max_model_len = prof->max_model_len;
    s->block_size = prof->block_size;
    s->num_blocks = prof->num_blocks;
    s->async_scheduling = true; /* vLLM 0.19's defaults, as its own resolved configuration prints them */
    s->prefix_caching = true;   /* no effect on traces without hashes but for sequences that were preempted */
    s->reserve_full_prompt = true;
    c->scaling = p->scaling;
    c->cold = p->cold;
    c->cold.weight_bytes = prof->weight_bytes;
    /* A platform that publishes its own loading times is believed; else the profile's hold. */
    if (c->cold.load.kind == KW_LAW_NONE && c->cold.load_rate.kind == KW_LAW_NONE) {
        c->cold.load_rate = prof->load_rate;
        c->cold.cached_load_rate = prof->cached_load_rate;
    }
    if (c->cold.init.kind == KW_LAW_NONE) c->cold.init = prof->init;
    c->retry = p->retry;
    c->spot = o->spot;
    c->balance = p->balance;
    c->prefix_min_match = KW_PREFIX_MIN_MATCH;
    if (p->kind == KW_KIND_DEDICATED) kw_choice_replicas(c, step);
    return KW_OK;
}

enum kw_status kw_choice_ranks(struct kw_choice *c, const struct kw_platform *p, const struct kw_gpu_offer *o,
                               const struct kw_profile *prof, uint32_t ranks, const struct kw_steptime *st,
                               struct kw_error *err)
{
    return on_gpus(c, p, o, prof, ranks, prof->tp * ranks, st, err);
}

enum kw_status kw_choice_engines(struct kw_choice *c, const struct kw_platform *p, const struct kw_gpu_offer *o,
                                 const struct kw_profile *prof, const struct kw_engines *e, struct kw_error *err)
{
    enum kw_status st = on_gpus(c, p, o, prof, 1, kw_engines_gpus(e, prof->tp), NULL, err);
    if (st == KW_OK) c->engines = *e;
    return st;
}

enum kw_status kw_choice_api_with(struct kw_choice *c, const struct kw_platform *p, const struct kw_api_offer *o,
                                  const struct kw_law own[3], struct kw_error *err)
{
    if (p->kind != KW_KIND_API) return kw_fail(err, KW_ERANGE, "%s is not a per-token API", p->name);
    if (!o->price.in_mtok.known || !o->price.out_mtok.known)
        return kw_fail(err, KW_ERANGE, "%s: the price of %s is not known", p->name, o->model);
    const struct kw_law *law[] = { &o->ttft_s, &o->ttft_per_ktok_s, &o->output_rate };
    for (int i = 0; i < 3; i++)
        if (own[i].kind != KW_LAW_NONE) law[i] = &own[i];
    if (own[0].kind != KW_LAW_NONE)
        law[1] = &own[1]; /* a TTFT of the user's is the whole of it, unless both are given */
    bool known = law[0]->kind != KW_LAW_NONE && law[2]->kind != KW_LAW_NONE,
         none = law[0] == &o->ttft_s && law[2] == &o->output_rate;
    if (!known && !none)
        return kw_fail(err, KW_ERANGE, "%s: the latency of %s is not known: set ttft and output_rate", p->name,
                       o->model);
    memset(c, 0, sizeof *c);
    snprintf(c->name, sizeof c->name, "%s", p->name);
    c->platform = p;
    c->api = o;
    c->retry = p->retry;
    c->limits = o->limits;
    if (o->price.cached_in_mtok.known) c->cache = o->cache; /* without a price of its own it is of no weight */
    if (!known) return KW_OK;                               /* half of a latency is none */
    c->ttft_s = *law[0];
    /* What the user measured is of the user's own prompts, unless a limit is said; a slope of the user's beside the
     * platform's TTFT says how it grows beyond what the platform's was measured with. */
    c->own_ttft = own[0].kind != KW_LAW_NONE;
    c->own_rate = own[2].kind != KW_LAW_NONE;
    if (!c->own_ttft && own[1].kind == KW_LAW_NONE) c->ttft_known_to = o->ttft_known_to;
    c->ttft_per_ktok_s = *law[1];
    c->output_rate = *law[2];
    if (own[2].kind == KW_LAW_NONE) c->rate_known_to = o->rate_known_to;
    return KW_OK;
}

enum kw_status kw_choice_api(struct kw_choice *c, const struct kw_platform *p, const struct kw_api_offer *o,
                             struct kw_error *err)
{
    static const struct kw_law none[3];
    enum kw_status status = plannable(p, err);
    return status == KW_OK ? kw_choice_api_with(c, p, o, none, err) : status;
}

enum kw_status kw_choice_batch(struct kw_choice *c, bool own_latency, struct kw_error *err)
{
    const struct kw_platform *p = c->platform;
    if (c->api->batch_ppm == 1000000)
        return kw_fail(err, KW_ERANGE, "%s: a batch price of %s was not found", p->name, c->api->model);
    if (!own_latency && !p->batch.window)
        return kw_fail(err, KW_ERANGE, "%s: how long a batch takes was not found: set ttft", p->name);
    c->term = KW_TERM_BATCH;
    c->cache = (struct kw_cache_rule){ .mode = KW_CACHE_UNKNOWN };
    c->limits = (struct kw_rate_limits){ .rule = KW_COUNT_ACTUAL, .cache_reads_count = true, .output_burndown = 1 };
    c->limits.reject_code = 429;
    c->batching = (struct kw_batching){ .requests = p->batch.max_requests,
                                        .queued_requests = p->batch.queued_requests,
                                        .queued_tokens = p->batch.queued_tokens };
    c->batch_from = KW_BATCH_OWN;
    if (own_latency) return KW_OK;
    /* All tokens come together; what the offer states of its latency is not of a batch, so neither is its grade. */
    const double at_once = 1e12;
    c->ttft_known_to = c->rate_known_to = 0;
    c->ttft_per_ktok_s = (struct kw_law){ .kind = KW_LAW_NONE };
    c->output_rate = (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { at_once } };
    c->ttft_per_ktok_s.provenance.grade = c->output_rate.provenance.grade = KW_GRADE_USER;
    kw_choice_batch_from(c, KW_BATCH_PROMISED);
    return KW_OK;
}

bool kw_choice_batch_open(const struct kw_choice *c)
{
    return c->term == KW_TERM_BATCH && c->batch_from != KW_BATCH_OWN && !c->batch_from_stated &&
           c->platform->batch.observed.kind != KW_LAW_NONE;
}

void kw_choice_batch_from(struct kw_choice *c, enum kw_batch_from from)
{
    const struct kw_batch_rule *b = &c->platform->batch;
    c->batch_from = from;
    c->ttft_s = b->observed;
    if (from == KW_BATCH_OBSERVED) return;
    c->ttft_s = (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { kw_nano_to_double(b->window) } };
    c->ttft_s.provenance.grade = KW_GRADE_USER;
}

enum kw_status kw_choice_service_tier(struct kw_choice *c, enum kw_term tier, bool own_latency, struct kw_error *err)
{
    const struct kw_token_prices *p = kw_term_prices(c->api, tier);
    assert(tier == KW_TERM_FLEX || tier == KW_TERM_PRIORITY);
    if (!p->in_mtok.known)
        return kw_fail(err, KW_ERANGE, "%s: a price of %s by the service tier %s was not found", c->platform->name,
                       c->api->model, kw_term_name[tier]);
    c->term = tier;
    if (!p->cached_in_mtok.known) c->cache = (struct kw_cache_rule){ .mode = KW_CACHE_UNKNOWN };
    if (own_latency) return KW_OK;
    c->ttft_s = c->ttft_per_ktok_s = c->output_rate = (struct kw_law){ .kind = KW_LAW_NONE };
    c->ttft_known_to = c->rate_known_to = 0;
    return KW_OK;
}

struct kw_provision kw_choice_provision(const struct kw_choice *c)
{
    const struct kw_provisioned *o = &c->api->provisioned;
    struct kw_provision p;
    memset(&p, 0, sizeof p); /* choices are compared byte by byte */
    p.bought.rule = o->rule;
    p.bought.above = kw_unit_spills(o->above) ? KW_ABOVE_SPILL : KW_ABOVE_REJECT;
    p.bought.reject_code = o->reject_code;
    p.bought.carries = o->carries;
    p.commitment = KW_COMMIT_MONTH;
    p.min_units = o->min_units;
    p.increment = o->increment;
    return p;
}

struct kw_unit_price kw_choice_unit_price(const struct kw_choice *c)
{
    const struct kw_provision *p = &c->provision;
    if (!p->own_price) return c->api->provisioned.price[p->commitment];
    return (struct kw_unit_price){
        true, p->own_price, p->own_per, { .grade = KW_GRADE_USER, .source = "scenario", .date = "undated" }
    };
}

kw_nusd kw_choice_committed(const struct kw_choice *c)
{
    const struct kw_provision *p = &c->provision;
    struct kw_unit_price price = kw_choice_unit_price(c);
    if (p->commitment == KW_COMMIT_HOUR || !price.known) return 0;
    kw_i128 v = (kw_i128)price.v * p->bought.n * (kw_commitment_length(p->commitment) / KW_NS_PER_HOUR) /
                (kw_commitment_length(price.per) / KW_NS_PER_HOUR);
    return v < INT64_MAX ? (kw_nusd)v : INT64_MAX;
}

const char *kw_choice_unit_lacks(const struct kw_provision *p)
{
    const struct kw_unit_capacity *c = &p->bought.carries;
    if (p->bought.rule == KW_UNITS_SPLIT) return !c->in_min ? "itpm" : !c->out_min ? "otpm" : NULL;
    return !c->tokens_min ? "tpm" : !c->weight_out ? "output_weight" : NULL;
}

static enum kw_status check_count(const struct kw_choice *c, const struct kw_provision *p, struct kw_error *err)
{
    uint32_t n = p->bought.n, next = kw_provisioned_count(p->min_units, p->increment, n);
    if (n == next) return KW_OK;
    return kw_fail(err, KW_ERANGE,
                   "%s sells %" PRIu32 " %s of %s at the least and in steps of %" PRIu32 " above: %" PRIu32
                   " is none of these counts, %" PRIu32 " the next",
                   c->platform->name, p->min_units ? p->min_units : 1, c->api->provisioned.unit, c->api->model,
                   p->increment ? p->increment : 1, n, next);
}

enum kw_status kw_choice_provisioned(struct kw_choice *c, const struct kw_provision *want, struct kw_error *err)
{
    const struct kw_provisioned *o = &c->api->provisioned;
    const char *platform = c->platform->name, *model = c->api->model, *key;
    struct kw_choice with = *c;
    struct kw_provision *p = &with.provision;
    if (!o->sold) return kw_fail(err, KW_ERANGE, "%s sells no provisioned capacity", platform);
    *p = *want;
    with.term = KW_TERM_PROVISIONED;
    enum kw_status st = check_count(c, p, err);
    if (st != KW_OK) return st;
    bool spills = p->bought.above == KW_ABOVE_SPILL;
    if (spills ? !kw_unit_can_spill(o->above) : !kw_unit_can_reject(o->above))
        return kw_fail(err, KW_ERANGE, "%s %s requests above the capacity of its %s: spill is %s there", platform,
                       spills ? "refuses" : "spills", o->unit, spills ? "not known" : "not a choice");
    if ((key = kw_choice_unit_lacks(p)))
        return kw_fail(err, KW_ERANGE, "%s %s: what a %s carries was not found: state provisioned.%s", platform, model,
                       o->unit, key);
    if (!p->bought.window) p->bought.window = kw_provisioned_window(o, p->bought.n);
    if (!p->bought.window)
        return kw_fail(err, KW_ERANGE,
                       "%s %s: over what time its %s are counted was not found: state provisioned.window_s", platform,
                       model, o->unit);
    if (!kw_choice_unit_price(&with).known)
        return kw_fail(err, KW_ERANGE,
                       "%s %s: the price of a %s by the term %s was not found: state provisioned.price_usd", platform,
                       model, o->unit, kw_commitment_name[p->commitment]);
    *c = with;
    return KW_OK;
}

char *kw_choice_bought(const struct kw_choice *c, char *buf, size_t size)
{
    static const char *const length[KW_COMMITMENTS] = {
        "an hour", "a week", "a month", "3 months", "6 months", "a year"
    };
    const struct kw_provision *p = &c->provision;
    char each[32], all[32];
    buf[0] = 0;
    if (c->term != KW_TERM_PROVISIONED) return buf;
    struct kw_unit_price price = kw_choice_unit_price(c);
    int n = snprintf(buf, size, "%" PRIu32 " %s at $%s %s each, ", p->bought.n, c->api->provisioned.unit,
                     kw_nano_format(each, sizeof each, price.v), length[price.per]);
    if (n < 0 || (size_t)n >= size) return buf;
    if (p->commitment == KW_COMMIT_HOUR)
        snprintf(buf + n, size - (size_t)n, "by the hour: nothing is committed to");
    else
        snprintf(buf + n, size - (size_t)n, "for %s: $%s are committed to", length[p->commitment],
                 kw_nano_format(all, sizeof all, kw_choice_committed(c)));
    return buf;
}

void kw_choice_replicas(struct kw_choice *c, uint32_t n)
{
    struct kw_autoscaling *s = &c->scaling, was = c->scaling;
    memset(s, 0, sizeof *s);
    s->scaler = KW_SCALER_FIXED;
    s->keep_warm = s->max_replicas = n;
    s->target = s->utilisation = 1;
    s->at_zero = KW_ZERO_QUEUE;
    s->queue_limit = was.queue_limit;
    s->queue_timeout = was.queue_timeout;
    s->request_timeout = was.request_timeout;
    c->autoscaler = NULL;
    memset(&c->node, 0, sizeof c->node);
}

void kw_choice_self_managed(struct kw_choice *c, const struct kw_self_managed *f, const struct kw_autoscaling *a,
                            const struct kw_node_own *own)
{
    const struct kw_autoscaling was = c->scaling;
    uint32_t unit = c->gpu->gpus_min;
    assert(c->platform->kind == KW_KIND_DEDICATED);
    c->autoscaler = f;
    c->scaling = *a;
    c->scaling.queue_limit = was.queue_limit;
    c->scaling.queue_timeout = was.queue_timeout;
    c->scaling.request_timeout = was.request_timeout;
    c->node.places = f->packs && unit > c->gpus ? unit / c->gpus : 1;
    c->node.idle = own->idle_stated ? own->idle : f->node_idle;
    c->cold.provision = own->provision.kind != KW_LAW_NONE ? own->provision : c->platform->cold.provision;
    c->cold.pull = own->pull.kind != KW_LAW_NONE ? own->pull : c->platform->cold.pull;
}

bool kw_choice_scales(const struct kw_choice *c)
{
    return c->platform->kind == KW_KIND_SERVERLESS || c->autoscaler;
}

uint32_t kw_choice_node_gpus(const struct kw_choice *c)
{
    return c->gpu->gpus_min > c->gpus ? c->gpu->gpus_min : kw_gpus_per_replica(c->gpu, c->gpus);
}

const char *kw_choice_node_unknown(const struct kw_choice *c)
{
    if (!c->autoscaler) return NULL;
    return c->cold.provision.kind == KW_LAW_NONE ? "provision_s" : c->cold.pull.kind == KW_LAW_NONE ? "pull_s" : NULL;
}

/* Requests that a replica computes at once. */
static uint32_t seats(const struct kw_choice *c)
{
    return c->sched.max_num_seqs * c->dp;
}

/* One scaler has its setting as requests, one as a share of what a replica takes at once, the others as the limit. */
static double concurrency(const struct kw_autoscaling *s, const struct kw_choice *c)
{
    switch (s->scaler) {
    case KW_SCALER_CONCURRENCY:
    case KW_SCALER_KPA:
    case KW_SCALER_REQUEST_COUNT: return s->target;
    case KW_SCALER_LOAD_TARGET: return s->target * (s->hard_concurrency ? s->hard_concurrency : seats(c));
    default: return s->hard_concurrency;
    }
}

double kw_choice_concurrency(const struct kw_choice *c)
{
    return concurrency(&c->scaling, c);
}

bool kw_choice_concurrency_is_default(const struct kw_choice *c)
{
    return concurrency(&c->scaling, c) == concurrency(&c->platform->scaling, c);
}

void kw_choice_set_concurrency(struct kw_choice *c, uint32_t requests)
{
    struct kw_autoscaling *s = &c->scaling;
    switch (s->scaler) {
    case KW_SCALER_CONCURRENCY:
    case KW_SCALER_KPA:
    case KW_SCALER_REQUEST_COUNT:
        if (s->hard_concurrency == s->target) s->hard_concurrency = requests;
        s->target = requests;
        break;
    case KW_SCALER_LOAD_TARGET:
        s->target = fmin(1, requests / (double)(s->hard_concurrency ? s->hard_concurrency : seats(c)));
        break;
    default: s->hard_concurrency = requests;
    }
}

bool kw_choice_sets_idle_timeout(const struct kw_choice *c)
{
    return c->autoscaler || c->platform->word_idle_timeout[0] || c->platform->idle_timeout_ranged;
}

void kw_choice_idle_timeout(struct kw_choice *c, kw_ns idle)
{
    struct kw_autoscaling *s = &c->scaling;
    if (s->zero_timeout == s->idle_timeout || s->zero_timeout < idle) s->zero_timeout = idle;
    if (s->scale_down_delay == s->idle_timeout)
        s->scale_down_delay = idle; /* one window under two names: autoscaling.h */
    s->idle_timeout = idle;
}

void kw_choice_deployment(const struct kw_choice *c, struct kw_deployment *d)
{
    memset(d, 0, sizeof *d);
    memcpy(d->name, c->name, sizeof d->name);
    d->kind = c->platform->kind;
    d->retry = c->retry;
    d->ping = c->ping;
    d->network_rtt = c->network_rtt;
    if (c->profile) {
        d->front = llround(c->profile->front_s * 1e9);
        d->front_token = llround(c->profile->front_token_s * 1e9);
    }
    d->located = c->located;
    memcpy(d->region_rtt, c->region_rtt, sizeof d->region_rtt);
    d->tokens_ppm = c->tokens_ppm;
    if (d->kind == KW_KIND_API) {
        d->ttft_s = c->ttft_s;
        d->ttft_per_ktok_s = c->ttft_per_ktok_s;
        d->output_rate = c->output_rate;
        d->limits = c->limits;
        bool batch = c->term == KW_TERM_BATCH;
        if (c->term == KW_TERM_PROVISIONED) d->units = c->provision.bought;
        d->cached_as_logged = kw_term_prices(c->api, c->term)->cached_in_mtok.known && c->cache.mode != KW_CACHE_OFF &&
                              (!batch || c->cache.mode != KW_CACHE_UNKNOWN);
        if (batch) d->batching = c->batching;
        d->ttft_known_to = c->ttft_known_to;
        d->rate_known_to = c->rate_known_to;
        if (kw_cache_rule_known(&c->cache)) d->cache = c->cache;
        if (c->term != KW_TERM_BATCH && (kw_cache_rule_known(&c->cache) || kw_rate_limits_any(&c->limits)))
            snprintf(d->account, sizeof d->account, "%s %s %s", c->platform->name, c->api->model, c->account);
        d->max_tokens = c->max_tokens;
        d->long_prompt = c->api->above.tokens;
        const struct kw_model_shape *shape = kw_model_find(c->api->model);
        d->context = c->api->max_model_len ? c->api->max_model_len : shape ? shape->max_position : 0;
        return;
    }
    d->steptime = c->steptime;
    d->sched = c->sched;
    d->ranks = c->dp;
    d->speculative = c->speculative;
    d->offload = c->offload;
    d->disaggregated = c->disaggregated;
    d->scaling = c->scaling;
    d->balance = c->balance;
    if (c->balance == KW_BALANCE_PREFIX) d->prefix_min_match = c->prefix_min_match;
    d->prewarm = c->prewarm;
    d->schedule = c->schedule;
    d->lora = c->lora;
    if (c->pooled) d->others_per_hour = c->others_per_hour;
    bool interrupted = c->term == KW_TERM_SPOT && c->spot.per_hour > 0;
    if (interrupted) {
        d->spot = c->spot;
        d->spot.known = false; /* of no weight for the loop */
    }
    if (c->autoscaler) d->node = c->node;
    if (kw_choice_scales(c) || interrupted) d->cold = c->cold; /* others are up when the window begins */
}

bool kw_choice_one_account(const struct kw_choice *a, const struct kw_choice *b)
{
    return a->api && b->api && a->term != KW_TERM_BATCH && b->term != KW_TERM_BATCH &&
           !strcmp(a->platform->name, b->platform->name) && !strcmp(a->api->model, b->api->model) &&
           !strcmp(a->account, b->account);
}

bool kw_choice_latency_known(const struct kw_choice *c)
{
    return !c->api || (c->ttft_s.kind != KW_LAW_NONE && c->output_rate.kind != KW_LAW_NONE);
}

const struct kw_sale *kw_choice_sale(const struct kw_choice *c)
{
    return c->api ? &c->api->sale : &c->gpu->sale;
}

char *kw_choice_stand_in(const struct kw_choice *c, char *buf, size_t size)
{
    buf[0] = 0;
    if (!c->api || !c->api->latency_of[0] || c->term == KW_TERM_BATCH || c->ttft_s.kind == KW_LAW_NONE) return buf;
    bool ttft = !c->own_ttft, rate = !c->own_rate;
    if (ttft || rate)
        snprintf(buf, size, "%s %s: its %s not measured; that of %s stands in", c->platform->name, c->api->model,
                 ttft && rate ? "latency was"
                 : ttft       ? "TTFT was"
                              : "output rate was",
                 c->api->latency_of);
    return buf;
}

void kw_choice_tco(struct kw_choice *c, const struct kw_tco *t)
{
    c->engineer_month = kw_tco_engineer(t, c->platform->kind);
    c->monitoring = t->monitoring;
    if (c->gpu && !c->egress_bytes) c->egress_bytes = t->egress_bytes;
}

struct kw_tariff kw_choice_tariff(const struct kw_choice *c)
{
    struct kw_tariff t = { .platform = c->platform,
                           .gpu = c->gpu,
                           .api = c->api,
                           .term = c->term,
                           .account = c->account,
                           .operations_month = c->operations_month,
                           .engineer_month = c->engineer_month,
                           .monitoring = c->monitoring };
    if (c->term == KW_TERM_PROVISIONED) t.unit = kw_choice_unit_price(c);
    return t;
}

const struct kw_meter *kw_choice_meter(const struct kw_choice *c)
{
    return c->pooled ? &c->platform->public_models.meter : &c->platform->meter;
}

enum kw_status kw_choice_check(const struct kw_choice *c, struct kw_error *err)
{
    const struct kw_autoscaling *s = &c->scaling;
    const struct kw_platform *p = c->platform;
    if (!p) return kw_fail(err, KW_ERANGE, "%s: no platform", c->name);
    if (p->kind == KW_KIND_API) {
        if (!c->api) return kw_fail(err, KW_ERANGE, "%s: no model chosen", c->name);
        return KW_OK;
    }
    if (!c->gpu || !c->profile || !c->steptime) return kw_fail(err, KW_ERANGE, "%s: no GPU or profile chosen", c->name);
    if (c->tp != c->profile->tp)
        return kw_fail(err, KW_ERANGE, "%s: tp %" PRIu32 " but the profile is for %" PRIu32, c->name, c->tp,
                       c->profile->tp);
    if (c->dp > 1 && c->lora.adapters)
        return kw_fail(err, KW_ERANGE,
                       "%s: LoRA adapters are not simulated on several data-parallel ranks (dp %" PRIu32 ")", c->name,
                       c->dp);
    if (c->engines.decode &&
        (c->lora.adapters || c->prewarm.forecast != KW_FORECAST_NONE || c->balance == KW_BALANCE_PREFIX))
        return kw_fail(err, KW_ERANGE,
                       "%s: LoRA adapters, prewarm and \"balance\": \"prefix\" are not simulated with engines apart",
                       c->name);
    if (c->speculative.tokens && c->lora.adapters)
        return kw_fail(err, KW_ERANGE, "%s: LoRA adapters are not simulated with speculative decoding", c->name);
    if (c->sched.host_blocks && c->lora.adapters)
        return kw_fail(err, KW_ERANGE, "%s: LoRA adapters are not simulated with kv_offload", c->name);
    if (s->max_replicas == 0) return kw_fail(err, KW_ERANGE, "%s: max_replicas is 0, want at least 1", c->name);
    if (s->keep_warm > s->max_replicas)
        return kw_fail(err, KW_ERANGE, "%s: keep_warm %" PRIu32 " exceeds max_replicas %" PRIu32, c->name, s->keep_warm,
                       s->max_replicas);
    if (c->schedule.n && kw_schedule_most(&c->schedule) > s->max_replicas)
        return kw_fail(err, KW_ERANGE, "%s: its schedule keeps %" PRIu32 " warm, more than max_replicas %" PRIu32,
                       c->name, kw_schedule_most(&c->schedule), s->max_replicas);
    if (c->pooled && (s->keep_warm || s->buffer_replicas || c->schedule.n || c->prewarm.forecast != KW_FORECAST_NONE))
        return kw_fail(err, KW_ERANGE,
                       "%s: a public model is scaled by %s for all its customers: want no keep_warm, buffer_replicas, "
                       "schedule or prewarm",
                       c->name, p->name);
    if (c->pooled && c->serves[0])
        return kw_fail(err, KW_ERANGE, "%s: '%s' is a fine-tune of yours, and so no public model", c->name, c->serves);
    int64_t idle_s = s->idle_timeout / KW_NS_PER_S;
    if (p->kind == KW_KIND_SERVERLESS && p->idle_timeout_max_s > 0 &&
        (idle_s < p->idle_timeout_min_s || s->idle_timeout > p->idle_timeout_max_s * KW_NS_PER_S)) {
        char buf[32];
        return kw_fail(err, KW_ERANGE, "%s: idle_timeout_s %s, but %s allows %" PRId64 " to %" PRId64, c->name,
                       kw_nano_format(buf, sizeof buf, s->idle_timeout), p->name, p->idle_timeout_min_s,
                       p->idle_timeout_max_s);
    }
    if (!kw_gpu_price(c->gpu, c->term)->known)
        return kw_fail(err, KW_ERANGE, "%s: %s has no %s price for %s", c->name, p->name, kw_term_name[c->term],
                       c->gpu->gpu);
    const char *unknown = kw_choice_spot_unknown(c);
    if (unknown)
        return kw_fail(err, KW_ERANGE, "%s: how long until %s of %s is there was not found: state spot.%s", c->name,
                       unknown == KW_SPOT_RESTART ? "another spot machine" : "a machine on demand", p->name, unknown);
    if (c->autoscaler && c->term != KW_TERM_ON_DEMAND)
        return kw_fail(err, KW_ERANGE, "%s: machines that come and go with %s are rented on_demand, not %s", c->name,
                       c->autoscaler->name, kw_term_name[c->term]);
    if (c->autoscaler && s->keep_warm < c->autoscaler->least_warm)
        return kw_fail(err, KW_ERANGE, "%s: keep_warm is %" PRIu32 ", but %s has %" PRIu32 " replica%s at the least",
                       c->name, s->keep_warm, c->autoscaler->title, c->autoscaler->least_warm,
                       c->autoscaler->least_warm == 1 ? "" : "s");
    if ((unknown = kw_choice_node_unknown(c)))
        return kw_fail(err, KW_ERANGE, "%s: how long %s %s takes was not found: state node.%s", c->name,
                       unknown[1] == 'r' ? "a new node of" : "the image's pull at", p->name, unknown);
    if (kw_term_months(c->term) && p->kind != KW_KIND_DEDICATED)
        return kw_fail(err, KW_ERANGE, "%s: %s is serverless, it has no %s term", c->name, p->name,
                       kw_term_name[c->term]);
    return KW_OK;
}

const char *const KW_SPOT_RESTART = "restart_s";
const char *kw_choice_spot_unknown(const struct kw_choice *c)
{
    if (c->term != KW_TERM_SPOT || !(c->spot.per_hour > 0)) return NULL;
    if (c->cold.provision.kind == KW_LAW_NONE) return KW_SPOT_RESTART;
    return c->spot.fallback && c->spot.fallback_start.kind == KW_LAW_NONE ? "fallback_start_s" : NULL;
}

char *kw_choice_binds(const struct kw_choice *c, char *buf, size_t size)
{
    uint32_t months = kw_term_months(c->term);
    buf[0] = 0;
    if (months < 2) return buf;
    struct kw_tariff t = kw_choice_tariff(c);
    struct kw_usage u = { .kind = KW_KIND_DEDICATED, .window = KW_HOURS_PER_MONTH * KW_NS_PER_HOUR };
    struct kw_bill b;
    u.reserved_gpu_ns = (int64_t)kw_gpus_rented(c->gpu, c->gpus, c->scaling.max_replicas) * u.window;
    if (kw_bills(&b, &u, &t, 1, true, NULL) != KW_OK) return buf;
    double all = months * kw_nano_to_double(b.item[KW_ITEM_RESERVED]);
    double upfront = all * (double)c->gpu->committed[c->term - KW_TERM_COMMITTED].upfront_ppm / 1e6;
    int at = snprintf(buf, size, "committed for %" PRIu32 " months: $%.0f in all, used or not", months, all);
    if (upfront > 0 && at > 0 && (size_t)at < size)
        snprintf(buf + at, size - (size_t)at, ", $%.0f of it upfront", upfront);
    return buf;
}

static const char *word(const char *theirs, const char *ours)
{
    return theirs[0] ? theirs : ours;
}

const char *kw_choice_units(const struct kw_choice *c, const char *between, char *buf, size_t size)
{
    const struct kw_provision *p = &c->provision;
    buf[0] = 0;
    if (c->term == KW_TERM_PROVISIONED)
        snprintf(buf, size, " %" PRIu32 " %s%s %s%s %s", p->bought.n, c->api->provisioned.unit, between,
                 kw_commitment_name[p->commitment], between, kw_unit_above_name[p->bought.above]);
    return buf;
}

static char *append(char *buf, size_t size, const char *text, const char *word)
{
    size_t at = strlen(buf);
    if (at < size) snprintf(buf + at, size - at, "%s%s", text, word);
    return buf;
}

/* " prewarm=seasonal day 300 s lead=auto from 1 request a step"; in a label the first two words. */
static void prewarm_word(const struct kw_choice *c, bool whole, char *buf, size_t size)
{
    const struct kw_prewarm *w = &c->prewarm;
    char step[32], lead[32] = "auto";
    size_t at = strlen(buf);
    if (w->forecast == KW_FORECAST_NONE || at >= size) return;
    at += (size_t)snprintf(buf + at, size - at, " prewarm=%s", kw_forecast_name[w->forecast]);
    if (!whole || at >= size) return;
    if (w->forecast == KW_FORECAST_SEASONAL)
        at += (size_t)snprintf(buf + at, size - at, " by the %s", w->season > 24 * KW_NS_PER_HOUR ? "week" : "day");
    if (w->lead != KW_LEAD_AUTO) kw_nano_format(lead, sizeof lead, w->lead);
    if (at < size)
        snprintf(buf + at, size - at, " lead=%s%s, where %g or more come in %s s", lead, w->lead < 0 ? "" : "s",
                 w->least, kw_nano_format(step, sizeof step, w->step));
}

/* " schedule=0-2"; in the settings what it is, and whose clocks it goes by. */
static void schedule_word(const struct kw_choice *c, bool whole, char *buf, size_t size)
{
    const struct kw_schedule *s = &c->schedule;
    size_t at = strlen(buf);
    if (!s->n || at >= size) return;
    at += (size_t)snprintf(buf + at, size - at, " schedule=%" PRIu32 "-%" PRIu32, kw_schedule_least(s),
                           kw_schedule_most(s));
    if (!whole || at + 3 >= size) return;
    at += (size_t)snprintf(buf + at, size - at, " (");
    kw_schedule_text(s, buf + at, size - at);
    at = strlen(buf);
    char lead[32];
    if (at < size)
        snprintf(buf + at, size - at, "; %s, started %s%s before)", s->zone->name,
                 s->lead == KW_LEAD_AUTO ? "a start's time" : kw_nano_format(lead, sizeof lead, s->lead),
                 s->lead == KW_LEAD_AUTO ? "" : " s");
}

/* " weights_from=node snapshot", " pooled=20/h"; in the settings what that comes to. */
static void start_word(const struct kw_choice *c, bool whole, char *buf, size_t size)
{
    size_t at = strlen(buf);
    if (c->pooled && at < size) at += (size_t)snprintf(buf + at, size - at, " pooled=%g/h", c->others_per_hour);
    if (c->pooled && whole && at < size)
        snprintf(buf + at, size - at,
                 " (a public model: %.3g %% of the requests that meet no replica of yours find one)",
                 100 * kw_pooled_warm(c->others_per_hour, &c->scaling));
    if (c->weights_from) append(buf, size, " weights_from=", kw_weights_from_name[c->weights_from]);
    if (c->snapshot) append(buf, size, " snapshot", "");
}

/* " hold=auto", " hold=600s every=3600s". */
static void hold_word(const struct kw_choice *c, char *buf, size_t size)
{
    const struct kw_hold_ask *a = &c->hold;
    char most[32], every[32];
    if (!a->most || !a->classes) return;
    append(buf, size, " hold=", a->most == KW_HOLD_AUTO ? "auto" : kw_nano_format(most, sizeof most, a->most));
    if (a->most != KW_HOLD_AUTO) append(buf, size, "", "s");
    if (a->every) append(append(buf, size, " every=", kw_nano_format(every, sizeof every, a->every)), size, "", "s");
}

/* In the autoscaler's own names, with what its nodes are. */
char *kw_choice_split(const struct kw_choice *c, const char *gap, char buf[KW_CHOICE_SPLIT])
{
    const struct kw_engines *e = &c->engines;
    char dp[24] = "", ep[24] = "";
    if (e->decode) {
        snprintf(buf, KW_CHOICE_SPLIT, "%" PRIu32 "P%" PRIu32 "D tp%s%" PRIu32 "+%" PRIu32, e->prefill, e->decode, gap,
                 e->prefill_tp, c->tp);
        return buf;
    }
    if (c->dp > 1) snprintf(dp, sizeof dp, " dp%s%" PRIu32, gap, c->dp);
    if (c->ep > 1) snprintf(ep, sizeof ep, " ep%s%" PRIu32, gap, c->ep);
    snprintf(buf, KW_CHOICE_SPLIT, "tp%s%" PRIu32 "%s%s", gap, c->tp, dp, ep);
    return buf;
}

static void self_managed_settings(const struct kw_choice *c, char *buf, size_t size)
{
    const struct kw_self_managed *f = c->autoscaler;
    const struct kw_autoscaling *s = &c->scaling;
    char idle[32], own[240], split[KW_CHOICE_SPLIT];
    uint32_t gpus = kw_choice_node_gpus(c);
    own[0] = 0;
    if (c->steptime) kw_self_managed_settings(f, s, own, sizeof own); /* a result opened again keeps no more of them */
    snprintf(buf, size,
             "%s: %s=%" PRIu32 " %s=%" PRIu32 "%s%s; replicas of %s on nodes %s (%" PRIu32
             " GPU%s), given back after %s s without one, balance=%s",
             f->name, kw_self_managed_word(f, "keep_warm"), s->keep_warm, kw_self_managed_word(f, "max_replicas"),
             s->max_replicas, own[0] ? " " : "", own, kw_choice_split(c, " ", split), word(c->gpu->sku, c->gpu->gpu),
             gpus, gpus == 1 ? "" : "s", kw_nano_format(idle, sizeof idle, c->node.idle), kw_balance_name[c->balance]);
}

char *kw_choice_engines_text(const struct kw_choice *c, char *buf, size_t size)
{
    const struct kw_engines *e = &c->engines;
    buf[0] = 0;
    if (!e->decode || !c->prefill) return buf;
    snprintf(buf, size,
             "%" PRIu32 " engine%s of tp %" PRIu32 " prefill%s, %" PRIu32 " of tp %" PRIu32
             " decode%s, KV cache at %.4g GB/s after %.4g us",
             e->prefill, e->prefill == 1 ? "" : "s", e->prefill_tp, e->prefill == 1 ? "s" : "", e->decode, c->tp,
             e->decode == 1 ? "s" : "", 1e-9 * (double)c->disaggregated.bytes_s,
             1e-3 * (double)c->disaggregated.latency);
    return buf;
}

char *kw_choice_drafting(const struct kw_choice *c, char *buf, size_t size)
{
    const struct kw_speculative *s = &c->speculative;
    char by[120];
    buf[0] = 0;
    if (!s->tokens) return buf;
    if (c->draft)
        snprintf(by, sizeof by, "%s (steps %s)", c->draft->model, kw_grade_name[c->draft->steps.grade]);
    else if (s->pass_ps)
        snprintf(by, sizeof by, "what takes %.6g ms a pass", (double)s->pass_ps * 1e-9);
    else
        snprintf(by, sizeof by, "n-grams, at no time of the device");
    bool alike = true;
    for (uint32_t i = 1; i < s->tokens; i++) alike = alike && s->accept[i] == s->accept[0];
    size_t at = (size_t)snprintf(buf, size, "%" PRIu32 " token%s a step drafted by %s, right with probability",
                                 s->tokens, s->tokens == 1 ? "" : "s", by);
    for (uint32_t i = 0; i < (alike ? 1 : s->tokens) && at < size; i++)
        at += (size_t)snprintf(buf + at, size - at, "%s %.6g", i ? "," : "", s->accept[i]);
    if (at < size) snprintf(buf + at, size - at, " (%.4g tokens a step)", kw_speculative_mean(s));
    return buf;
}

char *kw_choice_offload_text(const struct kw_choice *c, char *buf, size_t size)
{
    buf[0] = 0;
    if (!c->sched.host_blocks) return buf;
    double block = c->profile->kv_bytes_per_token * c->sched.block_size;
    snprintf(buf, size, "KV blocks in %.4g GiB of the host, at %.4g GB/s to each GPU after %.4g us",
             c->sched.host_blocks * block * 0x1p-30, block / c->tp * 1e3 / (double)c->offload.block_ps,
             1e-3 * (double)c->offload.latency);
    return buf;
}

char *kw_choice_settings(const struct kw_choice *c, char *buf, size_t size)
{
    const struct kw_platform *p = c->platform;
    const struct kw_autoscaling *s = &c->scaling;
    char idle[32], units[64], limit[16], split[KW_CHOICE_SPLIT];
    switch (p->kind) {
    case KW_KIND_API: {
        bool tier = c->term == KW_TERM_FLEX || c->term == KW_TERM_PRIORITY;
        snprintf(buf, size, "model=%s%s%s%s", c->api->sku[0] ? c->api->sku : c->api->model,
                 tier                       ? " service_tier="
                 : c->term == KW_TERM_BATCH ? " "
                                            : "",
                 tier || c->term == KW_TERM_BATCH ? kw_term_name[c->term] : "",
                 kw_choice_units(c, ",", units, sizeof units));
        if (c->term == KW_TERM_BATCH && c->batching.collect) {
            size_t at = strlen(buf);
            char collect[32];
            snprintf(buf + at, size - at, " sent %s s after its first request",
                     kw_nano_format(collect, sizeof collect, c->batching.collect));
            at = strlen(buf);
            if (c->batching.requests)
                snprintf(buf + at, size - at, " or at %" PRIu32 " requests", c->batching.requests);
        }
        break;
    }
    case KW_KIND_SERVERLESS:
        snprintf(buf, size, "%s=%" PRIu32 " %s=%s %s=%" PRIu32, word(p->word_keep_warm, "keep_warm"), s->keep_warm,
                 word(p->word_idle_timeout, "idle_timeout_s"), kw_nano_format(idle, sizeof idle, s->idle_timeout),
                 word(p->word_max_replicas, "max_replicas"), s->max_replicas);
        if (p->concurrency_max && kw_choice_concurrency(c) > 0) {
            size_t at = strlen(buf);
            bool share = s->scaler == KW_SCALER_LOAD_TARGET;
            snprintf(buf + at, size - at, " %s=%g", word(p->word_target, "concurrency"),
                     share ? s->target : kw_choice_concurrency(c));
        }
        if (s->buffer_replicas) {
            size_t at = strlen(buf);
            snprintf(buf + at, size - at, " %s=%" PRIu32, word(p->word_buffer, "buffer_replicas"), s->buffer_replicas);
        }
        break;
    case KW_KIND_DEDICATED: {
        if (c->autoscaler) {
            self_managed_settings(c, buf, size);
            break;
        }
        uint32_t rented = kw_gpus_rented(c->gpu, c->gpus, s->max_replicas),
                 unit = c->gpu->gpus_min ? c->gpu->gpus_min : 1;
        snprintf(buf, size, "%" PRIu32 " x %s (%" PRIu32 " GPU%s), %" PRIu32 " replica%s of %s, %s%s, balance=%s",
                 rented / unit, word(c->gpu->sku, c->gpu->gpu), rented, rented == 1 ? "" : "s", s->max_replicas,
                 s->max_replicas == 1 ? "" : "s", kw_choice_split(c, " ", split), kw_term_name[c->term],
                 c->term == KW_TERM_SPOT && c->spot.fallback ? " with on-demand fallback" : "",
                 kw_balance_name[c->balance]);
        char bound[120];
        size_t at = strlen(buf);
        if (kw_choice_binds(c, bound, sizeof bound)[0]) snprintf(buf + at, size - at, "; %s", bound);
        break;
    }
    }
    prewarm_word(c, true, buf, size);
    schedule_word(c, true, buf, size);
    start_word(c, true, buf, size);
    hold_word(c, buf, size);
    if (c->ping.every)
        append(append(buf, size, " pinged every ", kw_nano_format(idle, sizeof idle, c->ping.every)), size, "", " s");
    if (c->sched.max_num_seqs != c->profile_seqs) {
        snprintf(limit, sizeof limit, "%" PRIu32, c->sched.max_num_seqs);
        append(buf, size, " max_num_seqs=", limit);
    }
    if (c->sched.max_num_batched_tokens != c->profile_tokens) {
        snprintf(limit, sizeof limit, "%" PRIu32, c->sched.max_num_batched_tokens);
        append(buf, size, " max_num_batched_tokens=", limit);
    }
    char drafting[240];
    if (*kw_choice_drafting(c, drafting, sizeof drafting)) append(buf, size, "; ", drafting);
    if (*kw_choice_engines_text(c, drafting, sizeof drafting)) append(buf, size, "; ", drafting);
    if (*kw_choice_offload_text(c, drafting, sizeof drafting)) append(buf, size, "; ", drafting);
    if (c->region) append(buf, size, " region=", c->region->vendor);
    if (c->via) append(buf, size, " via=", kw_region_name(c->via));
    if (c->lora.adapters && c->profile) {
        size_t at = strlen(buf);
        snprintf(buf + at, size - at, " max_loras=%" PRIu32 " max_cpu_loras=%" PRIu32 " max_lora_rank=%" PRIu32,
                 c->sched.max_loras, c->lora.max_cpu_loras, c->max_lora_rank);
    }
    return buf;
}

const char *kw_choice_model(const struct kw_choice *c)
{
    return c->model[0] ? c->model : c->api ? c->api->model : c->profile->model;
}

char *kw_candidate_models(const struct kw_candidate *c, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = 0;
    for (uint32_t d = 0; d < c->n && at < size; d++) {
        const char *model = kw_choice_model(&c->choice[d]);
        bool told = false;
        for (uint32_t k = 0; k < d; k++) told |= !strcmp(kw_choice_model(&c->choice[k]), model);
        if (!told) at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? " + " : "", model);
    }
    return buf;
}

double kw_candidate_quality(const struct kw_candidate *c)
{
    double least = INFINITY;
    for (uint32_t d = 0; d < c->n; d++)
        if (c->choice[d].quality < least) least = c->choice[d].quality;
    return least > 0 && isfinite(least) ? least : NAN;
}

/* "llama-3.3-70b " where the label has to say so. */
static const char *model_word(const struct kw_choice *c, char *buf, size_t size)
{
    snprintf(buf, size, "%s%s", c->tells_model ? c->model : "", c->tells_model ? " " : "");
    return buf;
}

static char *choice_label(const struct kw_choice *c, char *buf, size_t size)
{
    const struct kw_autoscaling *s = &c->scaling;
    char idle[32], model[80], split[KW_CHOICE_SPLIT];
    switch (c->platform->kind) {
    case KW_KIND_API:
        if (c->term == KW_TERM_PROVISIONED)
            snprintf(buf, size, "%s %s%s", c->platform->name, c->api->model, kw_choice_units(c, "", idle, sizeof idle));
        else
            snprintf(buf, size, "%s %s%s%s%s", c->platform->name, c->api->model,
                     c->term == KW_TERM_ON_DEMAND ? "" : " ", c->term == KW_TERM_ON_DEMAND ? "" : kw_term_name[c->term],
                     c->term == KW_TERM_BATCH && c->batch_from == KW_BATCH_OBSERVED ? " observed" : "");
        break;
    case KW_KIND_SERVERLESS:
        snprintf(buf, size, "%s %s %s%s %s keep_warm=%" PRIu32 " idle=%ss", c->platform->name, c->gpu->gpu,
                 model_word(c, model, sizeof model), c->profile->precision, kw_choice_split(c, "", split), s->keep_warm,
                 kw_nano_format(idle, sizeof idle, s->idle_timeout));
        if (!kw_choice_concurrency_is_default(c)) {
            size_t at = strlen(buf);
            snprintf(buf + at, size - at, " concurrency=%g", kw_choice_concurrency(c));
        }
        break;
    case KW_KIND_DEDICATED:
        if (c->autoscaler)
            snprintf(buf, size, "%s %s %s%s %s %s keep_warm=%" PRIu32, c->platform->name, c->gpu->gpu,
                     model_word(c, model, sizeof model), c->profile->precision, kw_choice_split(c, "", split),
                     c->autoscaler->name, s->keep_warm);
        else
            snprintf(buf, size, "%s %" PRIu32 " x %s %s%s %s %s", c->platform->name, s->max_replicas, c->gpu->gpu,
                     model_word(c, model, sizeof model), c->profile->precision, kw_choice_split(c, "", split),
                     kw_term_name[c->term]);
        break;
    }
    prewarm_word(c, false, buf, size);
    schedule_word(c, false, buf, size);
    start_word(c, false, buf, size);
    hold_word(c, buf, size);
    if (c->ping.every)
        append(append(buf, size, " ping=", kw_nano_format(idle, sizeof idle, c->ping.every)), size, "", "s");
    return c->region ? append(buf, size, " in ", c->region->name) : buf;
}

bool kw_candidate_pools_alike(const struct kw_candidate *c)
{
    char first[160], other[160];
    bool alike = c->n > 1 && c->routing.policy == KW_ROUTE_MODEL && c->choice[0].profile;
    for (uint32_t i = 1; alike && i < c->n; i++)
        alike = c->choice[i].profile && !strcmp(choice_label(&c->choice[0], first, sizeof first),
                                                choice_label(&c->choice[i], other, sizeof other));
    return alike;
}

char *kw_candidate_label(const struct kw_candidate *c, char *buf, size_t size)
{
    size_t at = 0;
    bool pools = kw_candidate_pools_alike(c);
    if (size) buf[0] = 0;
    if (pools) at = (size_t)snprintf(buf, size, "%" PRIu32 " pools of ", c->n);
    for (uint32_t i = 0; i < (pools ? 1 : c->n) && at + 4 < size; i++) {
        if (i) at += (size_t)snprintf(buf + at, size - at, " + ");
        choice_label(&c->choice[i], buf + at, size - at);
        at += strlen(buf + at);
    }
    /* A name too long for buf gives way, from its end, to what tells it apart. */
    size_t tail = c->apart[0] ? strlen(c->apart) + 3 : 0;
    if (tail && tail < size) snprintf(buf + (at + tail < size ? at : size - 1 - tail), tail + 1, " [%s]", c->apart);
    return buf;
}

char *kw_candidate_route(const struct kw_candidate *c, char *buf, size_t size)
{
    const struct kw_routing *r = &c->routing;
    int at = snprintf(buf, size, "%s", kw_route_policy_name[r->policy]);
    bool region = r->policy == KW_ROUTE_REGION;
    if (region) at += snprintf(buf + at, size - (size_t)at, " %s", kw_route_spill_name[r->spill]);
    if (r->policy == KW_ROUTE_OVERFLOW || (region && r->spill == KW_SPILL_BUSY))
        snprintf(buf + at, size - (size_t)at, " %" PRIu32, r->overflow_at);
    for (uint32_t i = 0; r->policy == KW_ROUTE_SPLIT && i < c->n && (size_t)at < size; i++)
        at += snprintf(buf + at, size - (size_t)at, " %g", r->share[i]);
    return buf;
}

char *kw_candidate_routing(const struct kw_candidate *c, char *buf, size_t size)
{
    static const char *const how[] = { [KW_ROUTE_SINGLE] = "all to the first",
                                       [KW_ROUTE_FALLBACK] = "the next in order while one is cold or refuses",
                                       [KW_ROUTE_OVERFLOW] = "the next in order while one is cold, busy or refuses",
                                       [KW_ROUTE_CLASS] = "by the request's class to",
                                       [KW_ROUTE_MODEL] = "by the request's model to",
                                       [KW_ROUTE_SPLIT] = "by share",
                                       [KW_ROUTE_REGION] = "to the one of the request's region, else the nearest" };
    static const char *const beyond[] = { [KW_SPILL_NEVER] = "",
                                          [KW_SPILL_COLD] = "; the next nearest while one is cold or refuses",
                                          [KW_SPILL_BUSY] = "; the next nearest while one is cold, busy or refuses" };
    enum kw_route_policy p = c->routing.policy;
    if (size) buf[0] = 0;
    if (c->n < 2) return buf;
    size_t at = (size_t)snprintf(buf, size, "%s: %s%s", kw_route_policy_name[p], how[p],
                                 p == KW_ROUTE_REGION ? beyond[c->routing.spill] : "");
    for (uint32_t d = 0; d < c->n && (p == KW_ROUTE_CLASS || p == KW_ROUTE_MODEL) && at < size; d++)
        at += (size_t)snprintf(buf + at, size - at, "%s '%s'", d ? "," : "", c->choice[d].name);
    return buf;
}

static bool starts(const char *s, const char *with)
{
    return !strncmp(s, with, strlen(with));
}

/* Whether the phase can take time on this choice at all. */
static bool phase_occurs(const struct kw_choice *c, enum kw_phase p)
{
    switch (p) {
    case KW_PHASE_PROVISION: return c->cold.provision.kind != KW_LAW_NONE;
    case KW_PHASE_PULL: return c->cold.pull.kind != KW_LAW_NONE;
    case KW_PHASE_LOAD: return c->cold.load.kind != KW_LAW_NONE || c->cold.load_rate.kind != KW_LAW_NONE;
    case KW_PHASE_INIT: return c->cold.init.kind != KW_LAW_NONE || c->cold.engine_start.kind != KW_LAW_NONE;
    case KW_PHASE_RESTORE: return c->cold.restore.kind != KW_LAW_NONE && c->cold.snapshot_probability > 0;
    case KW_PHASE_KEEP_WARM:
        return c->scaling.keep_warm > 0 || c->scaling.buffer_replicas > 0 || c->schedule.n ||
               c->prewarm.forecast != KW_FORECAST_NONE;
    case KW_PHASE_FAILED_START: return c->scaling.start_failure_probability > 0;
    default: return true;
    }
}

/* A fact of "provisioned": of the term bought, and where the user says nothing else. */
static bool rests_on_units(const struct kw_choice *c, const char *what)
{
    const struct kw_provision *p = &c->provision;
    const struct kw_unit_capacity *own = &p->bought.carries, *theirs = &c->api->provisioned.carries;
    const char *term = kw_commitment_name[p->commitment];
    if (c->term != KW_TERM_PROVISIONED) return false;
    if (starts(what, "windows[")) {
        uint32_t i = (uint32_t)strtoul(what + strlen("windows["), NULL, 10),
                 up_to = c->api->provisioned.window[i].up_to;
        return !p->own_window && (!up_to || p->bought.n <= up_to) &&
               (!i || p->bought.n > c->api->provisioned.window[i - 1].up_to);
    }
    if (strstr(what, ".usd_")) return !p->own_price && starts(what, term) && what[strlen(term)] == '.';
    if (!strcmp(what, "tpm") || !strcmp(what, "tps")) return own->tokens_min == theirs->tokens_min;
    if (!strcmp(what, "itpm")) return own->in_min == theirs->in_min;
    if (!strcmp(what, "otpm")) return own->out_min == theirs->out_min;
    if (!strcmp(what, "output_weight")) return own->weight_out == theirs->weight_out;
    if (!strcmp(what, "cached_weight")) return own->weight_cached == theirs->weight_cached;
    if (!strcmp(what, "min_units")) return p->min_units == c->api->provisioned.min_units;
    if (!strcmp(what, "increment")) return p->increment == c->api->provisioned.increment;
    return true;
}

bool kw_choice_rests_on(const struct kw_choice *c, const struct kw_fact *f)
{
    char at[96];
    if (starts(f->path, "gpus[")) {
        if (!c->gpu) return false;
        int n = snprintf(at, sizeof at, "gpus[%s]", c->gpu->sku);
        if (n < 0 || (size_t)n >= sizeof at || !starts(f->path, at)) return false;
        const char *what = f->path + n;
        if (starts(what, ".count")) return c->gpus > 1;
        if (starts(what, ".hour")) return c->term == KW_TERM_ON_DEMAND;
        if (starts(what, ".month")) return c->term == KW_TERM_MONTHLY;
        if (starts(what, ".terms[")) return kw_term_months(c->term) == (uint32_t)strtoul(what + 7, NULL, 10);
        if (starts(what, ".spot_hour")) return c->term == KW_TERM_SPOT;
        return true;
    }
    if (starts(f->path, "apis[")) {
        if (!c->api) return false;
        int n = snprintf(at, sizeof at, "apis[%s]", c->api->model);
        if (n < 0 || (size_t)n >= sizeof at || !starts(f->path, at)) return false;
        const char *what = f->path + n;
        if (!strcmp(what, ".params_b")) return false; /* to be known by */
        if (starts(what, ".provisioned.")) return rests_on_units(c, what + strlen(".provisioned."));
        if (starts(what, ".batch")) return c->term == KW_TERM_BATCH;
        if (starts(what, ".flex.")) return c->term == KW_TERM_FLEX;
        if (starts(what, ".priority.")) return c->term == KW_TERM_PRIORITY;
        if (starts(what, ".above.flex.")) return c->term == KW_TERM_FLEX;
        if (starts(what, ".above.priority.")) return c->term == KW_TERM_PRIORITY;
        if (strstr(what, "_mtok")) return kw_term_prices(c->api, c->term) == &c->api->price;
        const struct kw_law *law = !strcmp(what, ".ttft_s")            ? &c->ttft_s
                                   : !strcmp(what, ".latency_of")      ? &c->ttft_s
                                   : !strcmp(what, ".ttft_per_ktok_s") ? &c->ttft_per_ktok_s
                                   : !strcmp(what, ".output_rate")     ? &c->output_rate
                                                                       : NULL;
        /* The user's own stands in its place, or a service tier's, which nobody knows. */
        return !law || (law->kind != KW_LAW_NONE && law->provenance.grade != KW_GRADE_USER);
    }
    if (starts(f->path, "attributes.") || starts(f->path, "scheduled.")) return false;
    if (starts(f->path, "egress.")) return c->egress_bytes > 0;
    if (starts(f->path, "lora.")) return c->lora.adapters || c->serves[0];
    if (!strcmp(f->path, "batch.window_s")) return c->term == KW_TERM_BATCH && c->batch_from == KW_BATCH_PROMISED;
    if (!strcmp(f->path, "batch.observed")) return c->term == KW_TERM_BATCH && c->batch_from == KW_BATCH_OBSERVED;
    if (!strcmp(f->path, "batch.cache")) return c->term == KW_TERM_BATCH && c->cache.mode != KW_CACHE_UNKNOWN;
    if (!strcmp(f->path, "batch.max_requests")) return c->term == KW_TERM_BATCH && c->batching.collect;
    if (!strcmp(f->path, "regions.via")) return c->located && !c->via;
    if (starts(f->path, "regions[")) {
        if (!c->region) return false;
        int n = snprintf(at, sizeof at, "regions[%s]", c->region->name);
        if (n < 0 || (size_t)n >= sizeof at || !starts(f->path, at)) return false;
        const char *what = f->path + n, *own = strstr(what, ".gpus[");
        if (!strcmp(what, ".multiplier"))
            return (c->gpu ? c->gpu->region_surcharge_ppm : c->api->region_surcharge_ppm) != 0;
        if (!own) return true;
        n = snprintf(at, sizeof at, ".gpus[%s].", c->gpu->sku);
        if (n < 0 || (size_t)n >= sizeof at || !starts(what, at)) return false;
        what += n;
        if (starts(what, "terms[")) return kw_term_months(c->term) == (uint32_t)strtoul(what + 6, NULL, 10);
        return c->term == KW_TERM_MONTHLY     ? starts(what, "month")
               : c->term == KW_TERM_SPOT      ? starts(what, "spot")
               : c->term == KW_TERM_ON_DEMAND ? starts(what, "hour")
                                              : false;
    }
    if (starts(f->path, "batch.")) return c->term == KW_TERM_BATCH;
    if (starts(f->path, "provisioned.")) return c->api && rests_on_units(c, f->path + strlen("provisioned."));
    if (starts(f->path, "spot."))
        return c->term == KW_TERM_SPOT && c->spot.per_hour == c->platform->spot.per_hour && !c->gpu->spot.share_hi;
    if (starts(f->path, "cache.")) /* the user's own stands in its place, or nothing is cached */
        return kw_cache_rule_known(&c->cache) && c->cache.min_tokens == c->api->cache.min_tokens &&
               c->cache.step_tokens == c->api->cache.step_tokens && c->cache.lifetime == c->api->cache.lifetime;
    if (!strcmp(f->path, "scaling.balance")) return c->scaling.max_replicas > 1 && c->balance == c->platform->balance;
    if (c->autoscaler) { /* machines come and go: by the platform's meter, but scaled by the user's own */
        if (!strcmp(f->path, "cold.provision")) return c->cold.provision.provenance.grade != KW_GRADE_USER;
        if (!strcmp(f->path, "cold.pull")) return c->cold.pull.provenance.grade != KW_GRADE_USER;
        if (starts(f->path, "meter.bills.")) return !strcmp(f->path, "meter.bills.provision");
        return !starts(f->path, "scaling.") && !starts(f->path, "cold.");
    }
    if (c->platform->kind ==
        KW_KIND_DEDICATED) /* rented the whole month: how it would meter or scale is of no weight */
        return !starts(f->path, "meter.") && !starts(f->path, "scaling.") && !starts(f->path, "cold.");
    bool of_public = starts(f->path, "public_models.");
    if (of_public != (c->pooled != 0) && (of_public || starts(f->path, "meter.bills."))) return false;
    for (int p = 0; p < KW_PHASES; p++) {
        snprintf(at, sizeof at, "%s.bills.%s", c->pooled ? "public_models" : "meter", kw_phase_name[p]);
        if (!strcmp(f->path, at)) return phase_occurs(c, (enum kw_phase)p);
    }
    if (starts(f->path, "cold.restore") || starts(f->path, "cold.snapshot")) return phase_occurs(c, KW_PHASE_RESTORE);
    if (!strcmp(f->path, "cold.engine_start")) return c->cold.engine_start.provenance.grade != KW_GRADE_USER;
    if (!strcmp(f->path, "cold.node_cache")) return c->weights_from == KW_WEIGHTS_NODE;
    if (!strcmp(f->path, "scaling.idle_timeout_s")) /* where it is the platform's own */
        return c->scaling.idle_timeout == c->platform->scaling.idle_timeout;
    return true;
}

const struct kw_fact *kw_choice_bills(const struct kw_choice *c, enum kw_phase phase)
{
    char path[96];
    snprintf(path, sizeof path, "%s.bills.%s", c->pooled ? "public_models" : "meter", kw_phase_name[phase]);
    for (size_t i = 0; i < c->platform->n_facts; i++) {
        const struct kw_fact *f = &c->platform->facts[i];
        if (!strcmp(f->path, path)) return kw_choice_rests_on(c, f) ? f : NULL;
    }
    return NULL;
}

static bool balance_is_the_platforms(const struct kw_choice *c)
{
    return !c->balance_stated && c->balance == c->platform->balance;
}

enum kw_grade kw_choice_balance_grade(const struct kw_choice *c)
{
    return balance_is_the_platforms(c) ? c->platform->balance_grade : KW_GRADE_USER;
}

char *kw_choice_balancing(const struct kw_choice *c, char *buf, size_t size)
{
    const char *source = balance_is_the_platforms(c) ? "not found; assumed" : "the scenario's";
    buf[0] = 0;
    if (c->api || c->scaling.max_replicas < 2) return buf;
    for (size_t i = 0; balance_is_the_platforms(c) && i < c->platform->n_facts; i++)
        if (!strcmp(c->platform->facts[i].path, "scaling.balance")) source = c->platform->facts[i].provenance.source;
    snprintf(buf, size, "%s: %s (%s; %s)", c->name, kw_balance_name[c->balance],
             kw_grade_name[kw_choice_balance_grade(c)], source);
    return buf;
}

char *kw_choice_unknown(const struct kw_choice *c, const struct kw_trace *t, char *buf, size_t size)
{
    const struct kw_api_offer *o = c->api;
    const char *in = c->region ? " in " : "", *where = c->region ? c->region->name : "";
    const char *who = c->region && !strcmp(c->name, c->region->name) ? c->platform->name : c->name;
    buf[0] = 0;
    if (c->egress_bytes && !c->platform->egress.price.known && c->term != KW_TERM_SPOT)
        snprintf(buf, size, "%s: what %s charges for bytes sent out was not found, so none is billed", c->name,
                 c->platform->title);
    else if (c->egress_bytes && c->platform->egress.price.v && c->region && c->term != KW_TERM_SPOT)
        snprintf(
            buf, size,
            "%s: bytes sent out are billed as from %s; what they cost from %s was not found, and some regions ask more",
            c->name, c->platform->title, c->region->name);
    if (c->gpu && c->term == KW_TERM_SPOT && !c->spot.known && c->spot.share_hi > 0)
        snprintf(buf, size,
                 "%s %s%s%s: more than %g %% of its spot machines are taken within a month, how many more is not "
                 "published, so "
                 "none is simulated: set spot.interruptions_per_hour",
                 who, c->gpu->gpu, in, where, c->spot.share_lo * 100);
    else if (c->gpu && c->term == KW_TERM_SPOT && !c->spot.known)
        snprintf(buf, size,
                 "%s %s%s%s: how often its spot machines are interrupted was not found, so none is simulated: set "
                 "spot.interruptions_per_hour",
                 who, c->gpu->gpu, in, where);
    else if (c->gpu && c->term == KW_TERM_SPOT && c->spot.share_hi > 0)
        snprintf(buf, size,
                 "%s %s%s%s: %g to %g %% of its spot machines are taken within a month, as published: %g %% is "
                 "simulated",
                 who, c->gpu->gpu, in, where, c->spot.share_lo * 100, c->spot.share_hi * 100, c->spot.share_hi * 100);
    const struct kw_token_prices *p = o ? kw_term_prices(o, c->term) : NULL;
    if (!o || !p->cached_in_mtok.known || p->cached_in_mtok.v >= p->in_mtok.v || c->cache.mode == KW_CACHE_OFF)
        return buf;
    char price[32];
    kw_nano_format(price, sizeof price, p->cached_in_mtok.v);
    if (c->term == KW_TERM_BATCH && c->cache.mode == KW_CACHE_UNKNOWN)
        snprintf(buf, size,
                 "%s %s: how much of a batch is read from the cache is not known, so no input is billed at the cached "
                 "price of $%s",
                 c->name, o->model, price);
    else if (t->cached && c->cache.mode == KW_CACHE_EXPLICIT)
        snprintf(buf, size,
                 "%s %s: the trace says what was read from a cache, not what was written, so that is billed as input",
                 c->name, o->model);
    else if (t->cached)
        return buf;
    else if (!t->hash_at)
        snprintf(
            buf, size,
            "%s %s: the trace says neither which prompts share a prefix nor what was cached, so no input is billed "
            "at the cached price of $%s",
            c->name, o->model, price);
    else if (!kw_cache_rule_known(&c->cache))
        snprintf(buf, size,
                 "%s %s: the least prompt, step or lifetime of its cache was not found, so no input is billed at the "
                 "cached price of $%s: set cache in the scenario",
                 c->name, o->model, price);
    return buf;
}

bool kw_choice_limits_unknown(const struct kw_choice *c)
{
    if (!c->api || (c->term == KW_TERM_PROVISIONED && c->provision.bought.above == KW_ABOVE_REJECT)) return false;
    return c->term != KW_TERM_BATCH && !kw_rate_limits_any(&c->limits);
}

char *kw_choice_unlimited(const struct kw_choice *c, const struct kw_trace *t, char *buf, size_t size)
{
    const struct kw_rate_limits *l = &c->limits;
    double requests = 0, tokens = 0, most_requests = 0, most_tokens = 0;
    kw_ns minute = 0;
    buf[0] = 0;
    if (!kw_choice_limits_unknown(c)) return buf;
    for (size_t i = 0; i < t->n; i++) {
        kw_ns m = t->arrival[i] / (60 * KW_NS_PER_S);
        if (m != minute) requests = tokens = 0;
        minute = m;
        requests += 1;
        tokens += (double)kw_tokens_as(t->prompt[i], c->tokens_ppm) + kw_tokens_as(t->output[i], c->tokens_ppm);
        most_requests = requests > most_requests ? requests : most_requests;
        most_tokens = tokens > most_tokens ? tokens : most_tokens;
    }
    snprintf(buf, size,
             "%s %s: its rate limits%s%s were not found, none is simulated; they would have to carry %.4g requests and "
             "%.4g tokens in the busiest minute",
             c->name, c->api->model, l->tier[0] ? " of tier " : "", l->tier, most_requests, most_tokens);
    return buf;
}

enum kw_grade kw_choice_grade(const struct kw_choice *c)
{
    enum kw_grade g = c->profile ? c->profile->weakest : KW_GRADE_MEASURED;
    if (c->lora.adapters) g = kw_grade_weaker(g, c->lora_grade);
    if (c->draft) g = kw_grade_weaker(g, c->draft->weakest);
    if (c->prefill) g = kw_grade_weaker(kw_grade_weaker(g, c->prefill->weakest), c->kv_link.provenance.grade);
    if (c->speculative.tokens) g = kw_grade_weaker(g, KW_GRADE_USER); /* how many drafted tokens are right */
    if (c->autoscaler) g = kw_grade_weaker(g, c->autoscaler->weakest);
    if (c->weights_from == KW_WEIGHTS_NODE) g = KW_GRADE_UNKNOWN; /* how often a start finds them there */
    for (size_t i = 0; i < c->platform->n_facts; i++)
        if (kw_choice_rests_on(c, &c->platform->facts[i]))
            g = kw_grade_weaker(g, c->platform->facts[i].provenance.grade);
    return kw_sale_grade(kw_choice_sale(c), g);
}
