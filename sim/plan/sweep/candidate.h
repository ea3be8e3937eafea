/* sim/plan/sweep/candidate.h - one configuration to evaluate: deployments chosen from platforms and profiles with their
 * settings, and how traffic is routed. What a scenario's point, a sweep's cell and a plan's option all become. */
#ifndef KW_SIM_PLAN_SWEEP_CANDIDATE_H
#define KW_SIM_PLAN_SWEEP_CANDIDATE_H
#include <stdbool.h>
#include "calibrate/profile/profile.h"
#include "platforms/facts/platform.h"
#include "platforms/facts/self_managed.h"
#include "sim/cost/bill.h"
#include "sim/fleet/fleet.h"

/* Objectives; 0 (or negative for fractions) = not asked. Each but the budget holds for each class and model of the
 * trace by itself; a class may have others. Percentile objectives are over completed requests, so something that
 * refuses much would look good: kw_slo_init therefore asks for error_fraction <= KW_SLO_ERRORS and nothing else. */
#define KW_SLO_ERRORS 0.001
struct kw_slo {
    kw_ns ttft_p50, ttft_p95, ttft_p99, tpot_p50, tpot_p95, tpot_p99, e2e_p50, e2e_p95, e2e_p99;
    double cold_fraction, error_fraction, attainment; /* at most, at most, at least; < 0 not asked */
    struct kw_slo_limits per_request;                 /* what attainment and goodput count */
    kw_nusd budget_month;                             /* 0 = none */
    const struct kw_class_slo *by_class;              /* [n_by_class], borrowed from the scenario */
    uint32_t n_by_class;
};
struct kw_class_slo {
    char name[64];     /* of the class in the trace */
    struct kw_slo slo; /* what holds for it: those of all classes but for what it sets; no budget, no classes */
};
void kw_slo_init(struct kw_slo *s);
/* What holds for the class: its own, or s. */
const struct kw_slo *kw_slo_of_class(const struct kw_slo *s, const char *name);
/* What a request is measured by for attainment and goodput: the per-request limits, and where a time has none the
 * loosest of its percentile objectives. */
struct kw_slo_limits kw_slo_limits(const struct kw_slo *s);

/* Whose word says when a batch is answered: the provider's promise, what others saw, or the user. */
enum kw_batch_from { KW_BATCH_PROMISED, KW_BATCH_OBSERVED, KW_BATCH_OWN };
extern const char *const kw_batch_from_name[]; /* "promised", "observed", NULL */

struct kw_provision { /* capacity of an API that is bought ahead */
    struct kw_units_bought bought;
    enum kw_commitment commitment;
    uint32_t min_units, increment; /* 0: not known, so any count is taken */
    kw_nusd own_price;             /* the user's, of a unit for own_per; 0: the offer's for the commitment */
    enum kw_commitment own_per;
    bool own_window; /* bought.window is the user's */
};

struct kw_node_own {               /* of the user's, about machines that come and go */
    struct kw_law provision, pull; /* s, NONE: the platform's */
    bool idle_stated;
    kw_ns idle;
};

/* Requests that may wait: sim/plan/sweep/hold_time.h makes kw_hold of it. */
#define KW_HOLD_AUTO (-1)
struct kw_hold_ask {
    kw_ns most;       /* KW_HOLD_AUTO: as long as their objective lets; 0: none is held */
    kw_ns every;      /* 0: not by a clock */
    uint32_t classes; /* as bits */
};

/* What a start loads weights from: start_options.h. */
enum kw_weights_from { KW_WEIGHTS_PLATFORM, KW_WEIGHTS_NETWORK, KW_WEIGHTS_NODE };
extern const char *const kw_weights_from_name[]; /* "platform", "network", "node", NULL; in start_options.c */

struct kw_choice { /* one deployment of a candidate */
    char name[32];
    const struct kw_platform *platform;   /* borrowed */
    const struct kw_gpu_offer *gpu;       /* serverless, dedicated; borrowed from platform */
    const struct kw_api_offer *api;       /* api; borrowed */
    const struct kw_region_offer *region; /* where it lies, gpu or api are its; NULL: the platform says; borrowed */
    kw_region_set via;                    /* where its requests enter, as the user says; 0: as the platform does */
    bool located;                         /* region_rtt is known */
    kw_ns region_rtt[KW_REGIONS_MAX];     /* by the trace's regions: sim/plan/sweep/distance.h */
    const struct kw_profile *profile;     /* serverless, dedicated; borrowed */
    const struct kw_steptime *steptime;   /* compiled from profile; shared by all candidates that use it; borrowed */
    uint32_t tp, dp,
        ep;        /* how a replica lies on its GPUs: the profile's kw_parallel, dp more where that tells one rank */
    uint32_t gpus; /* of a replica: tp dp, or of all its engines */
    struct kw_engines {
        uint32_t prefill, prefill_tp, decode; /* of a replica, each kind on GPUs of its own; decode 0: not apart */
    } engines;
    struct kw_disaggregated disaggregated; /* of them; prefill_time shared like steptime */
    const struct kw_profile *prefill;      /* of the engines that prefill, profile being of the others; borrowed */
    struct kw_link kv_link;                /* between two of their GPUs */
    struct kw_speculative speculative;     /* tokens 0: none */
    struct kw_kv_offload offload;          /* of sched.host_blocks */
    const struct kw_profile *draft;        /* of its draft model; NULL: it has none; borrowed */
    enum kw_term term;
    struct kw_sched_config sched;          /* from the profile, then overrides */
    uint32_t profile_seqs, profile_tokens; /* max_num_seqs and max_num_batched_tokens before those */
    struct kw_autoscaling scaling; /* the platform's defaults, then overrides; keep_warm and idle_timeout in here */
    struct kw_cold_start cold;     /* platform + profile */
    const struct kw_self_managed *autoscaler; /* dedicated: the user's own, by which machines come and go; NULL: as many
                                                 as there are replicas, for good; borrowed */
    struct kw_node_rule node;                 /* with it */
    struct kw_spot spot;                      /* term SPOT: the platform's, or the user's own */
    struct kw_client_retry retry;
    struct kw_rate_limits limits;  /* api */
    struct kw_cache_rule cache;    /* api */
    struct kw_provision provision; /* api, term PROVISIONED */
    struct kw_batching batching;   /* term BATCH */
    enum kw_batch_from batch_from;
    bool batch_from_stated;  /* the user said which of the first two */
    bool own_ttft, own_rate; /* api: ttft_s, output_rate are the user's own */
    uint32_t ttft_known_to;  /* api: the longest prompt of ttft_s; 0: not limited */
    uint32_t rate_known_to;  /* api: the most tokens, prompt and output, of output_rate; 0: not limited */
    struct kw_law ttft_s, ttft_per_ktok_s, output_rate; /* api: the offer's, or the user's own (grade USER) */
    struct kw_lora lora;      /* adapters NULL: it serves one model, or a fine-tune whose weights are merged into it */
    uint32_t max_lora_rank;   /* with adapters */
    enum kw_grade lora_grade; /* with adapters: the weakest of what is known of their cost in time */
    char serves[64];          /* the fine-tune or model that a pool of several serves alone; "" */
    enum kw_balance balance;
    uint32_t prefix_min_match;                                   /* of KW_BALANCE_PREFIX, tokens */
    bool balance_stated, delay_from_stated, idle_release_stated; /* the user said which */
    struct kw_ping ping;                                         /* every 0: none */
    struct kw_prewarm prewarm;
    struct kw_schedule schedule; /* scaling.keep_warm is its lowest level then */
    struct kw_hold_ask hold;
    enum kw_weights_from weights_from; /* the user said which */
    uint32_t snapshot;                 /* 1: the user wants every start to restore one */
    uint32_t pooled;                   /* 1: it is a public model, whose replicas the platform's customers share */
    double others_per_hour;            /* with it: the others' requests for it, as the user says */
    kw_ns network_rtt;
    double quality; /* of its model's answers, where those of the model asked for are 1; the user's; 0: not stated */
    uint32_t tokens_ppm; /* that its model's tokenizer makes of a million of the trace's; the user's; 0: not stated */
    char model[64];      /* that it serves, of a plan; "": what its API or profile is of */
    bool tells_model;    /* others of its plan serve another: what it is called says which */
    uint32_t max_tokens;
    kw_nusd operations_month; /* a share of an engineer for this deployment alone */
    kw_nusd engineer_month;   /* and for all of its kind together: kw_choice_tco */
    struct kw_monitoring monitoring;
    uint32_t egress_bytes; /* that an output token sends out of the platform, as the user says; 0: not counted */
    char account[32];      /* of the user's at the platform; "": the one there is */
};

struct kw_candidate {
    struct kw_choice *choice; /* [n], owned */
    uint32_t n;               /* 1..KW_FLEET_MAX_DEPLOYMENTS once complete */
    struct kw_routing routing;
    bool as_written;     /* the user's own deployments, which a plan simulates beside what it chose itself */
    unsigned mitigation; /* what a plan tries against the cold starts of another candidate, as a bit; 0: nothing */
    char part[64];       /* the model whose requests it is for, where a plan has several; "": of all */
    char apart[112];     /* in what it differs from others whose label would be the same: sim/plan/sweep/apart.h */
};

void kw_candidate_init(struct kw_candidate *c); /* no choices, routing single */
void kw_candidate_free(struct kw_candidate *c); /* back to empty; safe to call again */
/* Appends a copy of the choice. KW_ENOMEM, or KW_ERANGE when it is full: unchanged. */
enum kw_status kw_candidate_add(struct kw_candidate *c, const struct kw_choice *choice, struct kw_error *err);
enum kw_status kw_candidate_copy(struct kw_candidate *to, const struct kw_candidate *from, struct kw_error *err);

/* Fills a choice from the platform's and the profile's defaults; a dedicated one gets 1 replica (kw_choice_replicas).
 * KW_ERANGE with a message: model does not fit the GPU, price unknown, platform cannot tp, platform cannot be planned.
 */
enum kw_status kw_choice_gpu(struct kw_choice *c, const struct kw_platform *p, const struct kw_gpu_offer *o,
                             const struct kw_profile *prof, const struct kw_steptime *st, struct kw_error *err);
/* The same with as many ranks as the user says, of a profile that is of one alone or of as many. */
enum kw_status kw_choice_ranks(struct kw_choice *c, const struct kw_platform *p, const struct kw_gpu_offer *o,
                               const struct kw_profile *prof, uint32_t ranks, const struct kw_steptime *st,
                               struct kw_error *err);
/* The same of engines that prefill and others, of prof, that decode; what else they need: sim/plan/sweep/apart_engines.h. */
enum kw_status kw_choice_engines(struct kw_choice *c, const struct kw_platform *p, const struct kw_gpu_offer *o,
                                 const struct kw_profile *prof, const struct kw_engines *e, struct kw_error *err);
static inline uint32_t kw_engines_gpus(const struct kw_engines *e, uint32_t tp)
{
    return e->prefill * e->prefill_tp + e->decode * tp;
}
enum kw_status kw_choice_api(struct kw_choice *c, const struct kw_platform *p, const struct kw_api_offer *o,
                             struct kw_error *err);
/* The same with the user's own TTFT, TTFT per 1000 prompt tokens and output rate, in this order; NONE takes the
 * offer's, but beside a TTFT of the user's nothing of the offer's is added. Where neither knows TTFT or rate, the choice
 * has a price and no latency (kw_choice_latency_known). KW_ERANGE when the user's own gives one of the two and the other
 * is unknown. */
enum kw_status kw_choice_api_with(struct kw_choice *c, const struct kw_platform *p, const struct kw_api_offer *o,
                                  const struct kw_law own[3], struct kw_error *err);
/* An API's choice by the batch: at the batch price, outside the rate limits, without what a cache would save (no provider
 * says how much of a batch it reads there). Each request is a batch by itself, answered when the whole window is over
 * unless own_latency says that the choice has the user's latency. KW_ERANGE when the offer has no batch price or its
 * window is not known: unchanged. */
enum kw_status kw_choice_batch(struct kw_choice *c, bool own_latency, struct kw_error *err);
/* Whether it is open when its batches are answered: promised or, sooner, as others saw. */
bool kw_choice_batch_open(const struct kw_choice *c);
/* One of the two; OBSERVED wants platform->batch.observed. */
void kw_choice_batch_from(struct kw_choice *c, enum kw_batch_from from);
/* An API's choice by a service tier that has its own prices, FLEX or PRIORITY. What the offer states of its latency is of
 * the default tier, so none is known unless own_latency says that the choice has the user's. KW_ERANGE when the offer has
 * no such price: unchanged. */
enum kw_status kw_choice_service_tier(struct kw_choice *c, enum kw_term tier, bool own_latency, struct kw_error *err);
/* What the offer of an API's choice says of units: all but their number and window; bought for a month. */
struct kw_provision kw_choice_provision(const struct kw_choice *c);
/* An API's choice with units bought ahead, p->bought.n of them, on top of what it is on demand; a window of 0 is the
 * offer's for so many. KW_ERANGE, unchanged: units are not sold there, not in that number, their price, what one carries,
 * the weight of output or the window is not known (the message names the key that says it), or it cannot spill or refuse
 * as wanted. */
enum kw_status kw_choice_provisioned(struct kw_choice *c, const struct kw_provision *p, struct kw_error *err);
/* The key of "provisioned" that would say what is not known of what a unit carries; NULL: all is. */
const char *kw_choice_unit_lacks(const struct kw_provision *p);
/* What a unit costs by the choice's provision: the user's price, or the offer's. */
struct kw_unit_price kw_choice_unit_price(const struct kw_choice *c);
/* What the whole term commits to, in nano-dollars; 0 by the hour, where nothing is committed. INT64_MAX when it is more. */
kw_nusd kw_choice_committed(const struct kw_choice *c);
/* "50 PTU at $260 a month each, for a month: $13000 are committed to"; "" of what is not bought ahead. Returns buf. */
char *kw_choice_bought(const struct kw_choice *c, char *buf, size_t size);
/* Dedicated: exactly n replicas, n >= 1. */
void kw_choice_replicas(struct kw_choice *c, uint32_t n);
/* Dedicated: replicas that come and go by an autoscaler of the user's with its settings a, the counts in there, on machines
 * as the user says and else as platform and autoscaler do. What a request does that waits stays as it is. */
void kw_choice_self_managed(struct kw_choice *c, const struct kw_self_managed *f, const struct kw_autoscaling *a,
                            const struct kw_node_own *own);
/* Whether replicas start and stop with the load. */
bool kw_choice_scales(const struct kw_choice *c);
/* GPUs of one machine of the choice's offer. */
uint32_t kw_choice_node_gpus(const struct kw_choice *c);
/* The key of "node" that would say how long a machine, or the image on it, takes to be there where nobody does; NULL. */
const char *kw_choice_node_unknown(const struct kw_choice *c);
/* Idle time before a surplus replica stops; the last one's timeout follows where the platform's default has both equal,
 * else it is raised to it when needed. */
void kw_choice_idle_timeout(struct kw_choice *c, kw_ns idle);
/* Whether its platform is known to let the customer set it: by a setting's name, or a range. */
bool kw_choice_sets_idle_timeout(const struct kw_choice *c);
/* Requests per replica that its scaler aims at or admits, in whichever setting the platform has it; 0: the engine
 * decides. Setting it also fits a limit that is the same setting (Cloud Run). Serverless only. */
double kw_choice_concurrency(const struct kw_choice *c);
void kw_choice_set_concurrency(struct kw_choice *c, uint32_t requests);
/* Whether it is the platform file's own. */
bool kw_choice_concurrency_is_default(const struct kw_choice *c);
/* The event loop's view of a choice (no money). Fields that kind does not use are zero, so that two choices that differ
 * only in price give equal deployments (but for the name). */
void kw_choice_deployment(const struct kw_choice *c, struct kw_deployment *d);
const char *kw_choice_model(const struct kw_choice *c); /* what it serves */
/* The models of a candidate, "llama-3.3-70b + gpt-4o", each once. Returns buf. */
char *kw_candidate_models(const struct kw_candidate *c, char *buf, size_t size);
/* The lowest quality of its deployments; NAN where one states none. */
double kw_candidate_quality(const struct kw_candidate *c);
/* Whether two APIs' choices draw on the same rate limits and the same memory of prompts: a model of one account, not by
 * the batch. */
bool kw_choice_one_account(const struct kw_choice *a, const struct kw_choice *b);
struct kw_tariff kw_choice_tariff(const struct kw_choice *c);
/* What counts its replicas' time: the platform's meter, or that of its public models. */
const struct kw_meter *kw_choice_meter(const struct kw_choice *c);
/* What the user pays beside the platform's bill; bytes sent out, where the choice is of GPUs and does not state them itself. */
void kw_choice_tco(struct kw_choice *c, const struct kw_tco *t);
/* When the choice's offer is sold. */
const struct kw_sale *kw_choice_sale(const struct kw_choice *c);
/* Of an API whose latency is another model's: which and of when, as a sentence; "" when it is its own or the user's.
 * Returns buf. */
char *kw_choice_stand_in(const struct kw_choice *c, char *buf, size_t size);
/* False for an API of whose TTFT or output rate nobody has told: it answers, at a price, nobody knows when. */
bool kw_choice_latency_known(const struct kw_choice *c);
/* Spot machines that are interrupted: the key of "spot" that would say how long until another one, or one on demand that
 * stands in, is there, where nobody does; NULL: it is known, or not wanted. */
extern const char *const KW_SPOT_RESTART; /* the first of the two */
const char *kw_choice_spot_unknown(const struct kw_choice *c);
/* Checks a finished choice for consistency, KW_ERANGE with a message naming the field. */
enum kw_status kw_choice_check(const struct kw_choice *c, struct kw_error *err);

/* "3 tokens a step drafted by llama-3.2-1b (steps published), right with probability 0.7 (2.533 tokens a step)": what the user said; "" without drafts. Returns buf. */
char *kw_choice_drafting(const struct kw_choice *c, char *buf, size_t size);
/* "KV blocks in 20 GiB of the host, at 50 GB/s to each GPU after 20 us"; "" without a tier. Returns buf. */
char *kw_choice_offload_text(const struct kw_choice *c, char *buf, size_t size);
/* "1 engine of tp 1 prefills, 2 of tp 2 decode, KV cache at 50 GB/s after 10 us": "" where none is apart. Returns buf. */
char *kw_choice_engines_text(const struct kw_choice *c, char *buf, size_t size);
#define KW_CHOICE_SPLIT 64
/* How a replica lies on its GPUs: "tp1", "tp1 dp2 ep2"; with " " as gap "tp 1". Returns buf. */
char *kw_choice_split(const struct kw_choice *c, const char *gap, char buf[KW_CHOICE_SPLIT]);
/* The settings in the platform's own words: "min_containers=1 scaledown_window=60 max_containers=8";
 * "2 x gpu_1x_h100_sxm5, monthly"; an API's sku. Returns buf. */
char *kw_choice_settings(const struct kw_choice *c, char *buf, size_t size);
/* " 20 PTU, month, spill" with a comma between, " 20 PTU month spill" with ""; "" of any other term. Returns buf. */
const char *kw_choice_units(const struct kw_choice *c, const char *between, char *buf, size_t size);
/* What a term longer than a month binds the customer to, in words: "committed for 12 months: $20254 in all, used or not, $10127
 * of it upfront"; "" for any other. Returns buf. */
char *kw_choice_binds(const struct kw_choice *c, char *buf, size_t size);
/* "modal H100 bf16 tp1 keep_warm=1 idle=60s", "lambda 2 x H100 bf16 tp1", "groq llama-3.1-8b", "anthropic claude-opus-5 in us": short, unique in a plan;
 * a candidate's deployments are joined by " + ", what tells it apart follows in brackets. Returns buf. */
char *kw_candidate_label(const struct kw_candidate *c, char *buf, size_t size);
/* Several deployments of replicas, of a model each, that are otherwise one: the label is "7 pools of ..." then. */
bool kw_candidate_pools_alike(const struct kw_candidate *c);
/* How requests find their deployment, "" where there is one: "fallback: the next in order while one is cold or refuses".
 * Returns buf. */
char *kw_candidate_routing(const struct kw_candidate *c, char *buf, size_t size);
/* The same as a word: "single", "fallback", "overflow 4", "class", "model", "split 0.7 0.3". Returns buf. */
char *kw_candidate_route(const struct kw_candidate *c, char *buf, size_t size);
/* Whether the choice's result depends on this fact of its platform: not on other offers' prices, terms not taken, or
 * the billing of phases that take no time here. */
bool kw_choice_rests_on(const struct kw_choice *c, const struct kw_fact *f);
/* What the platform's file says of whether the phase is billed, where the choice rests on it; NULL. */
const struct kw_fact *kw_choice_bills(const struct kw_choice *c, enum kw_phase phase);
/* Which replica takes the next request, by what grade of knowledge, and whose: "modal: least_outstanding (estimated;
 * spread: not found; least outstanding is assumed)"; "" where there is one replica at most. Returns buf. */
char *kw_choice_balancing(const struct kw_choice *c, char *buf, size_t size);
enum kw_grade kw_choice_balance_grade(const struct kw_choice *c); /* of it: USER where the scenario says which */
/* What the bill rests on that cannot be known, as a sentence; "" when there is none: what an API's cached-input price
 * finds in this trace, and how often spot machines are interrupted. Returns buf. */
char *kw_choice_unknown(const struct kw_choice *c, const struct kw_trace *t, char *buf, size_t size);
/* An API of which no rate limit is known, so none is simulated. */
bool kw_choice_limits_unknown(const struct kw_choice *c);
/* The same of an API's rate limits: where none is known, what they would have to carry in the trace's busiest minute. */
char *kw_choice_unlimited(const struct kw_choice *c, const struct kw_trace *t, char *buf, size_t size);
/* The weakest grade of what the choice rests on, unknown facts of its platform that it uses included; one step lower
 * where its offer was not seen on sale for long. */
enum kw_grade kw_choice_grade(const struct kw_choice *c);

#endif
