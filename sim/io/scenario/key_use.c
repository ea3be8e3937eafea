#include "sim/io/scenario/key_use.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What decides whether a key does something. */
struct use {
    struct kw_jnode object;       /* the deployment, "routing", "candidates" or the document */
    const struct kw_candidate *c; /* NULL of a plan's choice */
    uint32_t d;                   /* which deployment of it */
    const struct kw_trace *trace; /* NULL: it may hold anything */
    const struct kw_plan_options *plan;
    const struct kw_slo *slo; /* a plan's */
    unsigned kinds;           /* bits of enum kw_kind: the deployment's, or those a plan considers */
};

static const struct kw_choice *choice_of(const struct use *u)
{
    return &u->c->choice[u->d];
}

static bool says(const struct use *u, const char *key)
{
    return kw_json_present(kw_json_get(u->object, key));
}

/* Set beside it, in an object of the deployment: a 0 of the user's own is meant. */
static bool says_in(const struct use *u, const char *object, const char *key)
{
    return kw_json_present(kw_json_get(kw_json_get(u->object, object), key));
}

static bool is_spot(const struct use *u)
{
    return choice_of(u)->term == KW_TERM_SPOT;
}

static bool is_interrupted(const struct use *u)
{
    return is_spot(u) && choice_of(u)->spot.per_hour > 0;
}

static bool falls_back(const struct use *u)
{
    return is_interrupted(u) && choice_of(u)->spot.fallback;
}

/* Replicas start while the window lasts. */
static bool starts(const struct use *u)
{
    return kw_choice_scales(choice_of(u)) || (is_spot(u) && choice_of(u)->spot.known);
}

static bool scales(const struct use *u)
{
    return kw_choice_scales(choice_of(u));
}

static bool is_self_managed(const struct use *u)
{
    return choice_of(u)->autoscaler;
}

static bool is_fixed(const struct use *u)
{
    return !scales(u);
}

/* By no name of the autoscaler's own. */
static bool limits_concurrency(const struct use *u)
{
    return !is_self_managed(u) || !choice_of(u)->autoscaler->own_concurrency;
}

static bool waits_out_stockouts(const struct use *u)
{
    return starts(u) && (choice_of(u)->scaling.stockout_retry > 0 || says(u, "stockout_retry_s"));
}

static bool meets_stockouts(const struct use *u)
{
    return starts(u) && (choice_of(u)->scaling.stockout_probability > 0 || says(u, "stockout_probability"));
}

static bool spot_leaves_provision(const struct use *u)
{
    return !says_in(u, "spot", "restart_s") && !is_self_managed(u);
}

static bool leaves_pull(const struct use *u)
{
    return !is_self_managed(u);
}

static bool hits_cache(const struct use *u)
{
    return choice_of(u)->cold.cache_hit > 0 || says_in(u, "cold_start", "cache_hit");
}

static bool loads_from_cache(const struct use *u)
{
    return choice_of(u)->cold.cached_load_rate.kind != KW_LAW_NONE;
}

static bool has_snapshot(const struct use *u)
{
    return choice_of(u)->cold.snapshot_probability > 0 || says_in(u, "cold_start", "snapshot_probability");
}

static bool restores(const struct use *u)
{
    return choice_of(u)->cold.restore.kind != KW_LAW_NONE;
}

#define BY_TARGET                                                                                                      \
    (1u << KW_SCALER_REQUEST_COUNT | 1u << KW_SCALER_LOAD_TARGET | 1u << KW_SCALER_CONCURRENCY | 1u << KW_SCALER_KPA)
#define BY_WINDOW (1u << KW_SCALER_LOAD_TARGET | 1u << KW_SCALER_CONCURRENCY | 1u << KW_SCALER_KPA)

/* One window under two names, unless both are said and differ: then it is the other's. */
static bool is_the_window(const struct use *u)
{
    const struct kw_autoscaling *s = &choice_of(u)->scaling;
    return !(1u << s->scaler & BY_WINDOW) || s->idle_timeout == s->scale_down_delay || !says(u, "scale_down_delay_s");
}

static bool queues(const struct use *u)
{
    const struct kw_choice *c = choice_of(u);
    const struct kw_autoscaling *s = &c->scaling;
    bool at_zero = s->at_zero == KW_ZERO_QUEUE && starts(u);
    return !s->no_queue && (s->hard_concurrency > 0 || at_zero);
}

static bool retries(const struct use *u)
{
    return choice_of(u)->retry.max_attempts > 1 || says_in(u, "retry", "max_attempts");
}

static bool in_pieces(const struct use *u)
{
    enum kw_sched_policy p = choice_of(u)->sched.policy;
    return p == KW_SCHED_VLLM || p == KW_SCHED_SARATHI;
}

static bool by_prefix(const struct use *u)
{
    return choice_of(u)->balance == KW_BALANCE_PREFIX;
}

static bool shares_prefixes(const struct use *u)
{
    return !u->trace || u->trace->hash_at || u->trace->before;
}

static bool is_on_demand(const struct use *u)
{
    return choice_of(u)->term != KW_TERM_BATCH;
}

static bool forecasts(const struct use *u)
{
    return choice_of(u)->prewarm.forecast != KW_FORECAST_NONE;
}

static bool falls_cold(const struct use *u)
{
    return scales(u) && !choice_of(u)->scaling.keep_warm;
}

static bool goes_by_seasons(const struct use *u)
{
    return choice_of(u)->prewarm.forecast == KW_FORECAST_SEASONAL;
}

/* Units would carry a ping without a bill, a batch would keep it for hours. */
static bool pays_by_the_token(const struct use *u)
{
    enum kw_term t = choice_of(u)->term;
    return t != KW_TERM_BATCH && t != KW_TERM_PROVISIONED;
}

static bool is_batch(const struct use *u)
{
    return choice_of(u)->term == KW_TERM_BATCH;
}

static bool may_be_sooner(const struct use *u)
{
    const struct kw_choice *c = choice_of(u);
    return c->batch_from != KW_BATCH_OWN && c->platform->batch.observed.kind != KW_LAW_NONE;
}

/* By the batch only where the provider says what a cached token costs there: then "use" says that some are. */
static bool bills_cached(const struct use *u)
{
    const struct kw_trace *t = u->trace;
    const struct kw_choice *c = choice_of(u);
    return kw_term_prices(c->api, c->term)->cached_in_mtok.known && (!t || t->hash_at || t->cached) &&
           (is_on_demand(u) || c->platform->batch.cache != KW_BATCH_CACHE_UNKNOWN);
}

static bool remembers(const struct use *u)
{
    const struct kw_trace *t = u->trace;
    return bills_cached(u) && choice_of(u)->cache.mode != KW_CACHE_OFF && (!t || !t->cached);
}

/* A batch takes its window, or the TTFT that the user gives. */
static bool adds_to_ttft(const struct use *u)
{
    return kw_choice_latency_known(choice_of(u)) && (is_on_demand(u) || says(u, "ttft"));
}

static bool counts_one_weight(const struct use *u)
{
    return choice_of(u)->provision.bought.rule != KW_UNITS_SPLIT;
}

static bool counts_apart(const struct use *u)
{
    return !counts_one_weight(u);
}

static bool says_price(const struct use *u)
{
    return says_in(u, "provisioned", "price_usd");
}

static bool says_ttft(const struct use *u)
{
    return says(u, "ttft");
}

static bool says_rate(const struct use *u)
{
    return says(u, "output_rate");
}

static bool counts_max_tokens(const struct use *u)
{
    if (choice_of(u)->term == KW_TERM_PROVISIONED && counts_one_weight(u)) return true;
    const struct kw_rate_limits *l = &choice_of(u)->limits;
    return (l->tpm || l->tpd || l->otpm) && l->rule != KW_COUNT_ACTUAL && l->rule != KW_COUNT_ESTIMATE_THEN_SETTLE;
}

static bool prices_egress(const struct use *u)
{
    return choice_of(u)->platform->egress.price.known;
}

/* Adapters of its model come to a deployment of the base. */
static bool serves_adapters(const struct use *u)
{
    return choice_of(u)->lora.adapters != NULL;
}

static bool bytes_over_rate(const struct use *u)
{
    return !says_in(u, "lora", "load");
}

static bool is_overflow(const struct use *u)
{
    return u->c->routing.policy == KW_ROUTE_OVERFLOW;
}

static bool is_by_region(const struct use *u)
{
    return u->c->routing.policy == KW_ROUTE_REGION;
}

static bool counts_who_waits(const struct use *u)
{
    return is_overflow(u) || (is_by_region(u) && u->c->routing.spill == KW_SPILL_BUSY);
}

static bool has_ways_in(const struct use *u)
{
    return choice_of(u)->region && choice_of(u)->platform->via;
}

static bool is_by_class(const struct use *u)
{
    return u->c->routing.policy == KW_ROUTE_CLASS;
}

static bool is_by_model(const struct use *u)
{
    return u->c->routing.policy == KW_ROUTE_MODEL;
}

static bool is_split(const struct use *u)
{
    return u->c->routing.policy == KW_ROUTE_SPLIT;
}

/* The document's model: what a deployment without one of its own serves, or one that a deployment names. */
static bool is_served(const struct use *u)
{
    const char *model = NULL, *own = NULL;
    struct kw_jnode list = kw_json_get(u->object, "deployments");
    if (!u->c || kw_json_str(kw_json_get(u->object, "model"), &model, NULL) != KW_OK) return true;
    for (int i = 0; i < kw_json_len(list); i++) {
        struct kw_jnode n = kw_json_get(kw_json_at(list, i), "model");
        if (!kw_json_present(n) || (kw_json_str(n, &own, NULL) == KW_OK && !strcmp(own, model))) return true;
    }
    return false;
}

static bool has_experts(const char *model)
{
    const struct kw_model_shape *m = kw_model_find(model);
    return m && m->experts.n;
}

/* A deployment's model, one that a plan asks for, or none is told (a log's own). A file states its own step times. */
static bool routes_to_experts(const struct use *u)
{
    const char *model = NULL;
    struct kw_jnode more = kw_json_get(kw_json_get(u->object, "candidates"), "substitutes");
    for (uint32_t d = 0; u->c && d < u->c->n; d++) {
        const struct kw_profile *p = u->c->choice[d].profile;
        if (p && !p->file[0] && has_experts(p->model)) return true;
    }
    if (u->c) return false;
    if (kw_json_str(kw_json_get(u->object, "model"), &model, NULL) != KW_OK || has_experts(model)) return true;
    for (int i = 0; i < kw_json_len(more) && kw_json_is_object(more); i++) {
        kw_json_member(more, i, &model);
        if (has_experts(model)) return true;
    }
    return false;
}

static bool substitutes(const struct use *u)
{
    return u->plan->n_substitutes > 0;
}

static bool requires(const struct use *u)
{
    return u->plan->n_require > 0;
}

/* An objective says by when a request is answered to its end, of all or of a class: a batch may be in time for it. */
static bool somebody_may_wait(const struct kw_slo *slo)
{
    bool some = kw_slo_limits(slo).e2e > 0;
    for (uint32_t i = 0; i < slo->n_by_class; i++) some |= kw_slo_limits(&slo->by_class[i].slo).e2e > 0;
    return some;
}

static bool tries_batch(const struct use *u)
{
    return u->plan->batch || (u->plan->hybrids && !u->plan->terms_stated && somebody_may_wait(u->slo));
}

static bool tries_units(const struct use *u)
{
    return u->plan->provisioned;
}

static bool tries_autoscalers(const struct use *u)
{
    return u->plan->n_autoscalers > 0;
}

/* Serverless, or machines that come and go. */
static bool tries_scaling(const struct use *u)
{
    return u->kinds & 1u << KW_KIND_SERVERLESS || (u->kinds & 1u << KW_KIND_DEDICATED && tries_autoscalers(u));
}

static bool tries_spot(const struct use *u)
{
    return u->plan->spot;
}

static bool looks_for_schedules(const struct use *u)
{
    return !u->plan->no_schedules;
}

/* Requests go elsewhere, and wake a replica by that, where it is seen to be cold. */
static bool goes_there_unseen(const struct use *u)
{
    const struct kw_routing *r = &u->c->routing;
    bool looks = r->policy == KW_ROUTE_FALLBACK || r->policy == KW_ROUTE_OVERFLOW ||
                 (r->policy == KW_ROUTE_REGION && r->spill != KW_SPILL_NEVER);
    return u->c->n < 2 || !looks;
}

static bool tries_pooled(const struct use *u)
{
    return u->plan->mitigations & 1u << KW_MITIGATE_POOLED;
}

static bool plans_adapters(const struct use *u)
{
    return u->plan->fine_tunes != NULL;
}

static bool tries_unknown_spot(const struct use *u)
{
    return u->plan->spot && !u->plan->own_spot.known;
}

static bool tries_fallback(const struct use *u)
{
    return u->plan->own_spot.fallback;
}

/* A kind of platform here takes a part of the engineer. */
static bool takes_engineer(const struct use *u)
{
    for (int k = 0; k < KW_TCO_KINDS; k++)
        if (u->kinds & 1u << k &&
            kw_json_present(kw_json_get(kw_json_get(kw_json_get(u->object, "engineer"), "share"), kw_kind_name[k])))
            return true;
    return false;
}

enum {
    API = 1u << KW_KIND_API,
    SERVERLESS = 1u << KW_KIND_SERVERLESS,
    DEDICATED = 1u << KW_KIND_DEDICATED,
    GPUS = SERVERLESS | DEDICATED
};

/* A key's row says where it does something: on these kinds of platform, under these autoscalers, and where `also` says
 * so (0, 0 and NULL: everywhere). `by` ends the sentence "it is for ..." of a refusal; keys of a law and names that the
 * user chooses have no rows. tests/sim/cli/keys.py holds that each key does something somewhere and is refused
 * elsewhere. */
static const struct row {
    const char *path;
    unsigned kinds, scalers;
    bool (*also)(const struct use *u);
    const char *by;
} table[] = {
    { "keepwarm", 0, 0, NULL, NULL },
    { "name", 0, 0, NULL, NULL },
    { "trace", 0, 0, NULL, NULL },
    { "trace.file", 0, 0, NULL, NULL },
    { "trace.format", 0, 0, NULL, NULL },
    { "trace.columns", 0, 0, NULL, NULL }, /* what of it a format reads: workloads/trace_load.c */
    { "trace.speed", 0, 0, NULL, NULL },
    { "trace.from_s", 0, 0, NULL, NULL },
    { "trace.to_s", 0, 0, NULL, NULL },
    { "model", 0, 0, is_served, "deployments that name none of their own" },
    { "expert_routing", GPUS, 0, routes_to_experts, "models with experts whose step times no file states" },
    { "adapters", 0, 0, NULL, NULL }, /* each pattern matches a model: adapters.c */
    { "adapters[].models", 0, 0, NULL, NULL },
    { "adapters[].base", 0, 0, NULL, NULL },
    { "adapters[].rank", 0, 0, NULL, NULL },
    { "adapters[].targets", 0, 0, NULL, NULL },
    { "slo", 0, 0, NULL, NULL },
    { "regions", 0, 0, NULL, NULL }, /* its keys, and those of rtt_s: places.c */
    { "rtt_s", 0, 0, NULL, NULL },
    { "deployments", 0, 0, NULL, NULL },
    { "deployments[].name", 0, 0, NULL, NULL },
    { "deployments[].platform", 0, 0, NULL, NULL },
    { "deployments[].model", 0, 0, NULL, NULL },
    { "deployments[].region", 0, 0, NULL, NULL },
    { "deployments[].via", 0, 0, has_ways_in,
      "platforms whose requests enter by some regions, with \"region\" beside it" },
    { "deployments[].gpu", GPUS, 0, NULL, "platforms of GPUs" },
    { "deployments[].precision", GPUS, 0, NULL, "platforms of GPUs" },
    { "deployments[].tp", GPUS, 0, NULL, "platforms of GPUs" },
    { "deployments[].dp", GPUS, 0, NULL, "platforms of GPUs" },
    { "deployments[].ep", GPUS, 0, NULL, "platforms of GPUs" },
    { "deployments[].profile", GPUS, 0, NULL, "platforms of GPUs" },
    { "deployments[].link", GPUS, 0, NULL, "platforms of GPUs" },
    { "deployments[].link.bandwidth_gb_s", 0, 0, NULL, NULL },
    { "deployments[].link.latency_us", 0, 0, NULL, NULL },
    { "deployments[].term", 0, 0, NULL, NULL },
    { "deployments[].spot", DEDICATED, 0, is_spot, "dedicated machines with \"term\": \"spot\"" },
    { "deployments[].spot.interruptions_per_hour", DEDICATED, 0, NULL, NULL },
    { "deployments[].spot.notice_s", DEDICATED, 0, NULL, NULL },
    { "deployments[].spot.restart_s", DEDICATED, 0, NULL, NULL },
    { "deployments[].spot.on_demand_fallback", DEDICATED, 0, is_interrupted, "spot machines that are interrupted" },
    { "deployments[].spot.fallback_start_s", DEDICATED, 0, falls_back, "spot with \"on_demand_fallback\": true" },
    { "deployments[].replicas", DEDICATED, 0, is_fixed,
      "dedicated machines without an \"autoscaler\"; others have keep_warm and max_replicas" },
    { "deployments[].keep_warm", GPUS, 0, scales,
      "serverless platforms; dedicated machines have replicas, or an \"autoscaler\" beside it" },
    { "deployments[].max_replicas", GPUS, 0, scales,
      "serverless platforms; dedicated machines have replicas, or an \"autoscaler\" beside it" },
    { "deployments[].autoscaler", DEDICATED, 0, NULL, "dedicated machines; serverless platforms scale by their own" },
    { "deployments[].autoscaling", DEDICATED, 0, is_self_managed,
      "dedicated machines with an \"autoscaler\" beside it" },
    { "deployments[].node", DEDICATED, 0, is_self_managed, "dedicated machines with an \"autoscaler\" beside it" },
    { "deployments[].node.provision_s", 0, 0, NULL, NULL },
    { "deployments[].node.pull_s", 0, 0, NULL, NULL },
    { "deployments[].node.idle_s", 0, 0, NULL, NULL },
    { "deployments[].buffer_replicas", SERVERLESS, 0, NULL, "serverless platforms" },
    { "deployments[].idle_timeout_s", SERVERLESS, 0, is_the_window,
      "serverless platforms that are not told another scale_down_delay_s, the same window there" },
    { "deployments[].idle_release", SERVERLESS, KW_SCALERS_STOP_IDLE, NULL,
      "autoscalers that stop idle replicas: capacity, queue_delay, request_count, queue" },
    { "deployments[].zero_timeout_s", SERVERLESS, 0, NULL, "serverless platforms" },
    { "deployments[].hard_concurrency", GPUS, 0, limits_concurrency,
      "platforms of replicas; Ray Serve and KPA have it under a name of their own in \"autoscaling\"" },
    { "deployments[].target", SERVERLESS, BY_TARGET, NULL,
      "autoscalers with a target: request_count, load_target, concurrency, kpa" },
    { "deployments[].utilisation", SERVERLESS, 1u << KW_SCALER_CONCURRENCY | 1u << KW_SCALER_KPA, NULL,
      "the autoscalers concurrency and kpa" },
    { "deployments[].target_delay_s", SERVERLESS, 1u << KW_SCALER_QUEUE_DELAY, NULL, "the autoscaler queue_delay" },
    { "deployments[].target_delay_from", SERVERLESS, 1u << KW_SCALER_QUEUE_DELAY, NULL, "the autoscaler queue_delay" },
    { "deployments[].scale_up_window_s", SERVERLESS, BY_WINDOW, NULL,
      "autoscalers that average: load_target, concurrency, kpa" },
    { "deployments[].scale_down_delay_s", SERVERLESS, BY_WINDOW, NULL,
      "autoscalers that average: load_target, concurrency, kpa; others have idle_timeout_s" },
    { "deployments[].queue_limit", GPUS, 0, queues,
      "platforms where requests wait: with hard_concurrency, or for a replica that starts" },
    { "deployments[].queue_timeout_s", GPUS, 0, queues,
      "platforms where requests wait: with hard_concurrency, or for a replica that starts" },
    { "deployments[].request_timeout_s", GPUS, 0, NULL, "platforms of replicas" },
    { "deployments[].stockout_probability", GPUS, 0, waits_out_stockouts, "starts with stockout_retry_s beside it" },
    { "deployments[].stockout_retry_s", GPUS, 0, meets_stockouts, "starts with stockout_probability beside it" },
    { "deployments[].start_failure_probability", GPUS, 0, starts,
      "platforms that start replicas: serverless, with an \"autoscaler\", or spot with interruptions" },
    { "deployments[].balance", GPUS, 0, NULL, "platforms of replicas" },
    { "deployments[].prefix_min_match", GPUS, 0, by_prefix, "\"balance\": \"prefix\" beside it" },
    { "deployments[].packing", GPUS, 0, NULL, "platforms of replicas" },
    { "deployments[].prewarm", GPUS, 0, scales, "serverless platforms, and dedicated machines with an \"autoscaler\"" },
    { "deployments[].prewarm.forecast", 0, 0, NULL, NULL },
    { "deployments[].prewarm.season", 0, 0, goes_by_seasons, "\"forecast\": \"seasonal\"" },
    { "deployments[].prewarm.step_s", 0, 0, forecasts, "a forecast other than \"none\"" },
    { "deployments[].prewarm.lead_s", 0, 0, forecasts, "a forecast other than \"none\"" },
    { "deployments[].prewarm.least_requests", 0, 0, forecasts, "a forecast other than \"none\"" },
    { "deployments[].schedule", GPUS, 0, scales,
      "serverless platforms, and dedicated machines with an \"autoscaler\"" },
    { "deployments[].schedule.timezone", 0, 0, NULL, NULL },
    { "deployments[].schedule.rules", 0, 0, NULL, NULL },
    { "deployments[].schedule.rules[].days", 0, 0, NULL, NULL },
    { "deployments[].schedule.rules[].from", 0, 0, NULL, NULL },
    { "deployments[].schedule.rules[].to", 0, 0, NULL, NULL },
    { "deployments[].schedule.rules[].keep_warm", 0, 0, NULL, NULL },
    { "deployments[].schedule.otherwise", 0, 0, NULL, NULL },
    { "deployments[].schedule.lead_s", 0, 0, NULL, NULL },
    { "deployments[].weights_from", GPUS, 0, scales,
      "serverless platforms, and dedicated machines with an \"autoscaler\"" },
    { "deployments[].snapshot", GPUS, 0, scales,
      "serverless platforms, and dedicated machines with an \"autoscaler\"" },
    { "deployments[].pooled", SERVERLESS, 0, goes_there_unseen,
      "serverless platforms, where no routing asks whether a replica is ready: of a public model only the platform "
      "knows" },
    { "deployments[].pooled.others_per_hour", 0, 0, NULL, NULL },
    { "deployments[].hold", GPUS, 0, falls_cold,
      "platforms whose replicas stop: serverless, or dedicated machines with an \"autoscaler\", and keep_warm 0" },
    { "deployments[].hold.max_wait_s", 0, 0, NULL, NULL },
    { "deployments[].hold.classes", 0, 0, NULL, NULL },
    { "deployments[].hold.every_s", 0, 0, NULL, NULL },
    { "deployments[].ping", 0, 0, pays_by_the_token, "replicas, and APIs that bill by the token at once" },
    { "deployments[].ping.every_s", 0, 0, NULL, NULL },
    { "deployments[].ping.prompt_tokens", 0, 0, NULL, NULL },
    { "deployments[].network_rtt_s", 0, 0, NULL, NULL },
    { "deployments[].retry", 0, 0, NULL, NULL },
    { "deployments[].retry.max_attempts", 0, 0, NULL, NULL },
    { "deployments[].retry.base_s", 0, 0, retries, "clients that try again: max_attempts beside it" },
    { "deployments[].retry.cap_s", 0, 0, retries, "clients that try again: max_attempts beside it" },
    { "deployments[].scheduler", GPUS, 0, NULL, "platforms of replicas" },
    { "deployments[].scheduler.policy", 0, 0, NULL, NULL },
    { "deployments[].scheduler.max_num_batched_tokens", 0, 0, NULL, NULL },
    { "deployments[].scheduler.max_num_seqs", 0, 0, NULL, NULL },
    { "deployments[].scheduler.max_model_len", 0, 0, NULL, NULL },
    { "deployments[].scheduler.block_size", 0, 0, NULL, NULL },
    { "deployments[].scheduler.num_blocks", 0, 0, NULL, NULL },
    { "deployments[].scheduler.prefix_caching", 0, 0, NULL, NULL },
    { "deployments[].scheduler.reserve_full_prompt", 0, 0, in_pieces,
      "the policies vllm and sarathi, which take a prompt in pieces" },
    { "deployments[].scheduler.async_scheduling", 0, 0, NULL, NULL }, /* scenario.c: of vllm and sarathi */
    { "deployments[].speculative", GPUS, 0, NULL, "platforms of GPUs" },
    { "deployments[].speculative.tokens", 0, 0, NULL, NULL },
    { "deployments[].speculative.acceptance", 0, 0, NULL, NULL },
    { "deployments[].speculative.draft", 0, 0, NULL, NULL },
    { "deployments[].speculative.draft.ms", 0, 0, NULL, NULL },
    { "deployments[].kv_offload", GPUS, 0, shares_prefixes,
      "platforms of GPUs, where the trace says which prompts share a prefix" },
    { "deployments[].kv_offload.host_gib", 0, 0, NULL, NULL },
    { "deployments[].kv_offload.gb_per_s", 0, 0, NULL, NULL },
    { "deployments[].kv_offload.latency_us", 0, 0, NULL, NULL },
    { "deployments[].disaggregated", GPUS, 0, NULL, "platforms of GPUs" },
    { "deployments[].disaggregated.prefill", 0, 0, NULL, NULL },
    { "deployments[].disaggregated.prefill.engines", 0, 0, NULL, NULL },
    { "deployments[].disaggregated.prefill.tp", 0, 0, NULL, NULL },
    { "deployments[].disaggregated.decode", 0, 0, NULL, NULL },
    { "deployments[].disaggregated.decode.engines", 0, 0, NULL, NULL },
    { "deployments[].disaggregated.link", 0, 0, NULL, NULL },
    { "deployments[].disaggregated.link.bandwidth_gb_s", 0, 0, NULL, NULL },
    { "deployments[].disaggregated.link.latency_us", 0, 0, NULL, NULL },
    { "deployments[].lora", GPUS, 0, serves_adapters,
      "replicas of a model that \"adapters\" are of, where the platform serves them beside it" },
    { "deployments[].lora.max_loras", 0, 0, NULL, NULL },
    { "deployments[].lora.max_cpu_loras", 0, 0, NULL, NULL },
    { "deployments[].lora.max_lora_rank", 0, 0, NULL, NULL },
    { "deployments[].lora.load", 0, 0, NULL, NULL },
    { "deployments[].lora.load_rate", 0, 0, bytes_over_rate, "adapters whose load is not stated as a time beside it" },
    { "deployments[].lora.activate", 0, 0, NULL, NULL },
    { "deployments[].lora.step_overhead", 0, 0, NULL, NULL },
    { "deployments[].cold_start", GPUS, 0, starts,
      "platforms that start replicas: serverless, with an \"autoscaler\", or spot with interruptions" },
    { "deployments[].cold_start.provision", 0, 0, spot_leaves_provision,
      "starts that neither spot.restart_s nor node.provision_s is told of" },
    { "deployments[].cold_start.pull", 0, 0, leaves_pull, "starts that node.pull_s is not told of" },
    { "deployments[].cold_start.load", 0, 0, NULL, NULL },
    { "deployments[].cold_start.load_rate", 0, 0, NULL, NULL },
    { "deployments[].cold_start.cached_load_rate", 0, 0, hits_cache, "starts with cache_hit beside it" },
    { "deployments[].cold_start.cache_hit", 0, 0, loads_from_cache, "starts with a cached_load_rate" },
    { "deployments[].cold_start.storage", 0, 0, NULL, NULL },
    { "deployments[].cold_start.init", 0, 0, NULL, NULL },
    { "deployments[].cold_start.engine_start", 0, 0, NULL, NULL },
    { "deployments[].cold_start.restore", 0, 0, has_snapshot, "starts with snapshot_probability beside it" },
    { "deployments[].cold_start.snapshot_probability", 0, 0, restores, "starts with a law of restore" },
    { "deployments[].limits", API, 0, NULL, "per-token APIs" }, /* its keys: read_limits */
    { "deployments[].account", 0, 0, NULL, NULL },
    { "deployments[].tier", API, 0, is_on_demand, "per-token APIs on demand: a batch has no limits" },
    { "deployments[].cache", API, 0, bills_cached,
      "APIs with a price of cached input, also by the batch where it is known, where the trace says which prompts "
      "share a "
      "prefix or what was cached" },
    { "deployments[].cache.use", 0, 0, NULL, NULL },
    { "deployments[].cache.min_tokens", 0, 0, remembers,
      "prompts whose prefixes the trace tells, with caching in use" },
    { "deployments[].cache.step_tokens", 0, 0, remembers,
      "prompts whose prefixes the trace tells, with caching in use" },
    { "deployments[].cache.lifetime_s", 0, 0, remembers,
      "prompts whose prefixes the trace tells, with caching in use" },
    { "deployments[].batch", API, 0, is_batch, "per-token APIs with \"term\": \"batch\"" },
    { "deployments[].batch.latency", API, 0, may_be_sooner,
      "batches without a ttft of yours, at providers whose batches others have timed" },
    { "deployments[].batch.collect_s", API, 0, NULL, NULL },
    { "deployments[].batch.requests", API, 0, NULL, NULL },
    { "deployments[].provisioned", API, 0, is_on_demand, "per-token APIs on demand" },
    { "deployments[].provisioned.units", 0, 0, NULL, NULL },
    { "deployments[].provisioned.term", 0, 0, NULL, NULL },
    { "deployments[].provisioned.spill", 0, 0, NULL, NULL },
    { "deployments[].provisioned.tpm", 0, 0, counts_one_weight, "units that count input and output together" },
    { "deployments[].provisioned.itpm", 0, 0, counts_apart, "units that count input and output apart" },
    { "deployments[].provisioned.otpm", 0, 0, counts_apart, "units that count input and output apart" },
    { "deployments[].provisioned.output_weight", 0, 0, counts_one_weight,
      "units that count input and output together" },
    { "deployments[].provisioned.cached_weight", 0, 0, NULL, NULL },
    { "deployments[].provisioned.window_s", 0, 0, NULL, NULL },
    { "deployments[].provisioned.min_units", 0, 0, NULL, NULL },
    { "deployments[].provisioned.increment", 0, 0, NULL, NULL },
    { "deployments[].provisioned.price_usd", 0, 0, NULL, NULL },
    { "deployments[].provisioned.price_per", 0, 0, says_price, "a price_usd beside it" },
    { "deployments[].ttft", API, 0, NULL, "per-token APIs" },
    { "deployments[].ttft_known_to", API, 0, says_ttft, "per-token APIs with a ttft beside it" },
    { "deployments[].ttft_per_ktok", API, 0, adds_to_ttft,
      "per-token APIs with a known ttft and output_rate, by the batch only beside ttft" },
    { "deployments[].output_rate", API, 0, adds_to_ttft,
      "per-token APIs with a known ttft and output_rate, by the batch only beside ttft" },
    { "deployments[].output_rate_known_to", API, 0, says_rate, "per-token APIs with an output_rate beside it" },
    { "deployments[].max_tokens", API, 0, counts_max_tokens,
      "APIs whose token limits or units count what clients state as max_tokens" },
    { "deployments[].egress_bytes_per_token", SERVERLESS | DEDICATED, 0, prices_egress,
      "GPUs of platforms whose price of bytes sent out is known" },
    { "deployments[].operations_usd_month", 0, 0, NULL, NULL },
    { "routing", 0, 0, NULL, NULL },
    { "routing.policy", 0, 0, NULL, NULL },
    { "routing.overflow_at", 0, 0, counts_who_waits, "the policy 'overflow', and 'region' with \"spill\": \"busy\"" },
    { "routing.spill", 0, 0, is_by_region, "the policy 'region'" },
    { "routing.classes", 0, 0, is_by_class, "the policy 'class'" },
    { "routing.models", 0, 0, is_by_model, "the policy 'model'" },
    { "routing.shares", 0, 0, is_split, "the policy 'split'" },
    { "migration", 0, 0, NULL, NULL },
    { "migration.from", 0, 0, NULL, NULL },
    { "migration.to", 0, 0, NULL, NULL },
    { "migration.steps", 0, 0, NULL, NULL },
    { "migration.failure_s", 0, 0, NULL, NULL },
    { "tco", 0, 0, NULL, NULL },
    { "tco.engineer", 0, 0, takes_engineer, "the kinds of platform that its \"share\" names" },
    { "tco.engineer.usd_month", 0, 0, NULL, NULL },
    { "tco.engineer.share", 0, 0, NULL, NULL }, /* by kind: tco.c */
    { "tco.monitoring", 0, 0, NULL, NULL },
    { "tco.monitoring.usd_per_replica_month", GPUS, 0, NULL, "platforms of replicas" },
    { "tco.monitoring.usd_per_gpu_month", GPUS, 0, NULL, "platforms of GPUs" },
    { "tco.monitoring.usd_per_mrequests", 0, 0, NULL, NULL },
    { "tco.egress_bytes_per_token", GPUS, 0, NULL, "GPUs" },
    { "replications", 0, 0, NULL, NULL },
    { "seed", 0, 0, NULL, NULL },
    { "stepping", 0, 0, NULL, NULL },
    { "start", 0, 0, NULL, NULL },
    { "month_hours", 0, 0, NULL, NULL },
    { "series_step_s", 0, 0, NULL, NULL },
    { "as_of", 0, 0, NULL, NULL },
    { "sweep", 0, 0, NULL, NULL },
    { "candidates", 0, 0, NULL, NULL },
    { "candidates.kinds", 0, 0, NULL, NULL },
    { "candidates.platforms", 0, 0, NULL, NULL },
    { "candidates.regions", 0, 0, NULL, NULL },
    { "candidates.gpus", GPUS, 0, NULL, "platforms of GPUs" },
    { "candidates.precisions", GPUS, 0, NULL, "platforms of GPUs" },
    { "candidates.tp", GPUS, 0, NULL, "platforms of GPUs" },
    { "candidates.dp", GPUS, 0, NULL, "platforms of GPUs" },
    { "candidates.ep", GPUS, 0, NULL, "platforms of GPUs" },
    { "candidates.keep_warm", GPUS, 0, tries_scaling, "serverless platforms, and dedicated machines with autoscalers" },
    { "candidates.idle_timeout_s", SERVERLESS, 0, NULL, "serverless platforms" },
    { "candidates.concurrency", SERVERLESS, 0, NULL, "serverless platforms" },
    { "candidates.max_replicas", GPUS, 0, tries_scaling,
      "serverless platforms, and dedicated machines with autoscalers" },
    { "candidates.max_num_seqs", GPUS, 0, NULL, "platforms of replicas" },
    { "candidates.max_num_batched_tokens", GPUS, 0, NULL, "platforms of replicas" },
    { "candidates.autoscalers", DEDICATED, 0, NULL, "dedicated machines" },
    { "candidates.node", DEDICATED, 0, tries_autoscalers, "plans that try \"autoscalers\" beside it" },
    { "candidates.node.provision_s", 0, 0, NULL, NULL },
    { "candidates.node.pull_s", 0, 0, NULL, NULL },
    { "candidates.node.idle_s", 0, 0, NULL, NULL },
    { "candidates.replicas_extra", DEDICATED, 0, NULL, "dedicated machines" },
    { "candidates.terms", 0, 0, NULL, NULL },
    { "candidates.spot", DEDICATED, 0, tries_spot, "dedicated machines in plans whose \"terms\" include \"spot\"" },
    { "candidates.spot.interruptions_per_hour", 0, 0, NULL, NULL },
    { "candidates.spot.notice_s", 0, 0, NULL, NULL },
    { "candidates.spot.restart_s", 0, 0, NULL, NULL },
    { "candidates.spot.on_demand_fallback", 0, 0, NULL, NULL },
    { "candidates.spot.fallback_start_s", 0, 0, tries_fallback, "spot with \"on_demand_fallback\": true" },
    { "candidates.batch", API, 0, tries_batch,
      "plans whose \"terms\" include \"batch\", or whose objectives say how long a class may wait (e2e)" },
    { "candidates.batch.latency", 0, 0, NULL, NULL },
    { "candidates.batch.collect_s", 0, 0, NULL, NULL },
    { "candidates.batch.requests", 0, 0, NULL, NULL },
    { "candidates.provisioned", API, 0, tries_units, "plans whose \"terms\" include \"provisioned\"" },
    { "candidates.provisioned.units", 0, 0, NULL, NULL },
    { "candidates.provisioned.terms", 0, 0, NULL, NULL },
    { "candidates.provisioned.spill", 0, 0, NULL, NULL },
    { "candidates.allow_unknown", DEDICATED, 0, tries_unknown_spot,
      "plans whose \"terms\" include \"spot\" and that state no candidates.spot" },
    { "candidates.max_loras", GPUS, 0, plans_adapters, "platforms of GPUs, where \"adapters\" says what they hold" },
    { "candidates.adapter_pools", GPUS, 0, plans_adapters,
      "platforms of GPUs, where \"adapters\" says what they hold" },
    { "candidates.hybrids", 0, 0, NULL, NULL },
    { "candidates.mixes", DEDICATED, 0, NULL, "dedicated machines" },
    { "candidates.mitigations", SERVERLESS, 0, NULL, "serverless platforms" },
    { "candidates.pooled", SERVERLESS, 0, tries_pooled,
      "serverless platforms whose public models customers share, in plans whose \"mitigations\" leave \"pooled\" in" },
    { "candidates.pooled.others_per_hour", 0, 0, NULL, NULL },
    { "candidates.schedules", SERVERLESS, 0, NULL, "serverless platforms" },
    { "candidates.timezone", SERVERLESS, 0, looks_for_schedules,
      "serverless platforms, in plans without \"schedules\": false" },
    { "candidates.exhaustive", 0, 0, NULL, NULL },
    { "candidates.break_even", 0, 0, NULL, NULL },
    { "candidates.curves", GPUS, 0, tries_scaling, "serverless platforms, and dedicated machines with autoscalers" },
    { "candidates.pareto", 0, 0, NULL, NULL },
    { "candidates.volumes", 0, 0, NULL, NULL },
    { "candidates.substitutes", 0, 0, NULL, NULL },
    { "candidates.quality_at_least", 0, 0, substitutes, "plans with \"substitutes\"" },
    { "candidates.require", 0, 0, NULL, NULL },
    { "candidates.attributes", 0, 0, requires, "plans that \"require\" attributes" },
    { "candidates.egress_bytes_per_token", SERVERLESS | DEDICATED, 0, NULL, "GPUs" },
    { "candidates.operations_usd_month", DEDICATED, 0, NULL, "dedicated machines" },
};

void kw_key_names(const char *object, const char *names[KW_KEYS_MAX])
{
    size_t n = strlen(object), k = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const char *path = table[i].path;
        if (n && (strncmp(path, object, n) || path[n] != '.')) continue;
        path += n + (n > 0);
        if (strpbrk(path, ".[")) continue;
        assert(k + 1 < KW_KEYS_MAX);
        names[k++] = path;
    }
    assert(k);
    names[k] = NULL;
}

static const struct row *find_row(const char *path)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].path, path)) return &table[i];
    return NULL;
}

static bool used(const struct row *r, const struct use *u)
{
    if (r->kinds && !(r->kinds & u->kinds)) return false;
    if (r->scalers && !(r->scalers & 1u << choice_of(u)->scaling.scaler)) return false;
    return !r->also || r->also(u);
}

/* What the key would have to do something for: "Modal, which is serverless and scaled by 'capacity'". */
static void describe(const struct row *r, const struct use *u, char *buf, size_t size)
{
    const struct kw_choice *c = !strncmp(r->path, "deployments[]", 13) ? choice_of(u) : NULL;
    if (c && c->api)
        snprintf(buf, size, "%s, which is a per-token API%s", c->platform->title,
                 c->term == KW_TERM_BATCH ? ", by the batch" : "");
    else if (c && c->platform->kind == KW_KIND_SERVERLESS)
        snprintf(buf, size, "%s, which is serverless and scaled by '%s'", c->platform->title,
                 kw_scaler_name[c->scaling.scaler]);
    else if (c)
        snprintf(buf, size, "%s, which is dedicated machines, %s%s", c->platform->title,
                 c->autoscaler ? "scaled by " : "", c->autoscaler ? c->autoscaler->name : kw_term_name[c->term]);
    else if (!strncmp(r->path, "routing", 7))
        snprintf(buf, size, "the policy '%s'", kw_route_policy_name[u->c->routing.policy]);
    else
        snprintf(buf, size, "%s", u->plan ? "these candidates" : "these deployments");
}

/* The value as it stands in the text where that is short. */
static void value_of(const struct kw_jnode *n, char *buf, size_t size)
{
    size_t begin, end;
    snprintf(buf, size, "%s", kw_json_is_object(*n) ? "{...}" : "[...]");
    if (kw_json_is_object(*n) || !kw_json_span(n, &begin, &end) || end - begin >= size) return;
    if (memchr(n->doc->text + begin, '\n', end - begin)) return;
    memcpy(buf, n->doc->text + begin, end - begin);
    buf[end - begin] = 0;
}

static enum kw_status count(struct kw_unused_keys *x, const struct kw_jnode *n, const struct use *u,
                            const struct kw_error *message, struct kw_error *err)
{
    size_t i = 0;
    while (i < x->n && strcmp(x->v[i].path, n->path)) i++;
    if (i == x->n) {
        struct kw_unused_key *grown = realloc(x->v, (x->n + 1) * sizeof *grown);
        if (!grown) return kw_fail(err, KW_ENOMEM, "out of memory");
        x->v = grown;
        x->v[x->n++] = (struct kw_unused_key){ .message = *message };
        memcpy(x->v[i].path, n->path, sizeof x->v[i].path);
        kw_candidate_label(u->c, x->v[i].first, sizeof x->v[i].first);
    }
    x->v[i].n++;
    return KW_OK;
}

static enum kw_status refuse(struct kw_jnode n, const struct row *r, const struct use *u, struct kw_unused_keys *unused,
                             struct kw_error *err)
{
    char what[160], value[48];
    struct kw_error message;
    describe(r, u, what, sizeof what);
    value_of(&n, value, sizeof value);
    enum kw_status st =
        kw_json_fail(n, KW_ERANGE, &message, "%s has no meaning for %s; it is for %s", value, what, r->by);
    if (unused) return count(unused, &n, u, &message, err);
    if (err) *err = message;
    return st;
}

/* The set keys of an object, and of the objects in it whose own key does something. */
static enum kw_status walk(struct kw_jnode object, const char *path, const struct use *u, struct kw_unused_keys *unused,
                           struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int i = 0; i < kw_json_len(object) && st == KW_OK; i++) {
        const char *key;
        char below[96];
        struct kw_jnode n = kw_json_member(object, i, &key);
        snprintf(below, sizeof below, "%s.%.60s", path, key);
        const struct row *r = find_row(below);
        if (!r || !kw_json_present(n)) continue;
        if (!used(r, u))
            st = refuse(n, r, u, unused, err);
        else if (kw_json_is_object(n))
            st = walk(n, below, u, unused, err);
    }
    return st;
}

static enum kw_status check_root(struct kw_jnode root, const char *key, struct use *u, struct kw_unused_keys *unused,
                                 struct kw_error *err)
{
    const struct row *r = find_row(key);
    struct kw_jnode n = kw_json_get(root, key);
    u->object = root;
    return !kw_json_present(n) || used(r, u) ? KW_OK : refuse(n, r, u, unused, err);
}

enum kw_status kw_key_use_candidate(struct kw_jnode root, const struct kw_candidate *c, const struct kw_trace *trace,
                                    struct kw_unused_keys *unused, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    struct kw_jnode list = kw_json_get(root, "deployments");
    struct use u = { .c = c, .trace = trace };
    if (unused) unused->configurations++;
    for (uint32_t d = 0; d < c->n && st == KW_OK; d++) {
        u.object = kw_json_at(list, (int)d);
        u.d = d;
        u.kinds = 1u << c->choice[d].platform->kind;
        st = walk(u.object, "deployments[]", &u, unused, err);
    }
    u.object = kw_json_get(root, "routing");
    if (st == KW_OK) st = walk(u.object, "routing", &u, unused, err);
    u.object = kw_json_get(root, "tco");
    for (uint32_t d = 0; d < c->n; d++) u.kinds |= 1u << c->choice[d].platform->kind;
    if (st == KW_OK) st = walk(u.object, "tco", &u, unused, err);
    if (st == KW_OK) st = check_root(root, "model", &u, unused, err);
    return st == KW_OK ? check_root(root, "expert_routing", &u, unused, err) : st;
}

enum kw_status kw_key_use_plan(struct kw_jnode root, const struct kw_plan_options *o, const struct kw_slo *slo,
                               unsigned kinds, struct kw_error *err)
{
    struct use u = { .object = kw_json_get(root, "candidates"), .plan = o, .slo = slo, .kinds = kinds };
    enum kw_status st = walk(u.object, "candidates", &u, NULL, err);
    u.object = kw_json_get(root, "tco");
    if (st == KW_OK) st = walk(u.object, "tco", &u, NULL, err);
    return st == KW_OK ? check_root(root, "expert_routing", &u, NULL, err) : st;
}

enum kw_status kw_unused_keys_settle(const struct kw_unused_keys *u, struct kw_text *notes, struct kw_error *err)
{
    for (size_t i = 0; i < u->n; i++) {
        if (u->v[i].n == u->configurations) {
            if (err) *err = u->v[i].message;
            return KW_ERANGE;
        }
        kw_text_add(notes, "%s (in %u of %u configurations, the first is %s)\n", u->v[i].message.msg, u->v[i].n,
                    u->configurations, u->v[i].first);
    }
    return notes->failed ? kw_fail(err, KW_ENOMEM, "out of memory") : KW_OK;
}

void kw_unused_keys_free(struct kw_unused_keys *u)
{
    free(u->v);
    *u = (struct kw_unused_keys){ 0 };
}

/* Whether the choice is one that the key says something of. */
static bool concerns(const struct row *r, const struct kw_choice *c)
{
    if (!(r->kinds & 1u << c->platform->kind)) return false;
    if (r->also == tries_scaling) return kw_choice_scales(c);
    if (r->also == tries_pooled) return c->platform->public_models.shared;
    return strcmp(r->path, "candidates.concurrency") || c->platform->concurrency_max;
}

static bool concerns_any(const struct row *r, const struct kw_plan *p, const struct kw_platform *of)
{
    for (size_t k = 0; k < p->n; k++)
        for (uint32_t d = 0; d < p->candidates[k].n; d++)
            if (p->candidates[k].choice[d].platform == of && concerns(r, &p->candidates[k].choice[d])) return true;
    return false;
}

/* Platforms of the plan's own candidates that the key says nothing of, comma-separated; "" for none. */
static void list_others(const struct row *r, const struct kw_plan *p, char *buf, size_t size)
{
    const struct kw_platform *seen[64];
    size_t n = 0, at = 0;
    buf[0] = 0;
    for (size_t k = 0; k < p->n; k++)
        for (uint32_t d = 0; d < p->candidates[k].n && !p->candidates[k].as_written; d++) {
            const struct kw_choice *c = &p->candidates[k].choice[d];
            size_t i = 0;
            while (i < n && seen[i] != c->platform) i++;
            if (i < n || n == sizeof seen / sizeof *seen || concerns(r, c)) continue;
            seen[n++] = c->platform;
            if (concerns_any(r, p, c->platform)) continue;
            if (at < size) at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "", c->platform->name);
        }
}

void kw_key_use_notes(struct kw_jnode root, const struct kw_plan *p, struct kw_text *notes)
{
    struct kw_jnode object = kw_json_get(root, "candidates");
    for (int i = 0; i < kw_json_len(object); i++) {
        const char *key;
        char path[96], others[400];
        struct kw_jnode n = kw_json_member(object, i, &key);
        snprintf(path, sizeof path, "candidates.%.60s", key);
        const struct row *r = find_row(path);
        if (!r || !r->kinds || !kw_json_present(n)) continue;
        list_others(r, p, others, sizeof others);
        if (others[0]) kw_text_add(notes, "%s does not apply to %s; it is for %s\n", path, others, r->by);
    }
}
