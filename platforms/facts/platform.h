/* platforms/facts/platform.h - one platform as its JSON file states it: offers, prices, what the meter counts, how it
 * scales, limits; each number with source, date and grade. Prices live in data, never in code. */
#ifndef KW_PLATFORMS_FACTS_PLATFORM_H
#define KW_PLATFORMS_FACTS_PLATFORM_H
#include <stdbool.h>
#include <stdint.h>
#include "platforms/facts/attributes.h"
#include "platforms/facts/autoscaling.h"
#include "platforms/facts/provisioned.h"
#include "platforms/facts/sale.h"
#include "platforms/network/region.h"
#include "sim/core/provenance.h"
#include "sim/core/units.h"

enum kw_kind { KW_KIND_API, KW_KIND_SERVERLESS, KW_KIND_DEDICATED };
extern const char *const kw_kind_name[]; /* "api", "serverless", "dedicated", NULL */

/* The phases of a replica's life, as the ledger counts them and as a meter bills them or not. */
enum kw_phase {
    KW_PHASE_PROVISION,
    KW_PHASE_PULL,
    KW_PHASE_LOAD,
    KW_PHASE_INIT,
    KW_PHASE_RESTORE,
    KW_PHASE_ACTIVE,    /* at least one request on the replica */
    KW_PHASE_KEEP_WARM, /* idle, and held by keep_warm or buffer */
    KW_PHASE_IDLE,      /* idle tail before the timeout */
    KW_PHASE_DRAIN,
    KW_PHASE_FAILED_START,
    KW_PHASES
};
extern const char *const kw_phase_name[]; /* "provision", ... , NULL */

/* A price that goes by what the account uses in a month: each part of it at its bracket's price or, of `whole`, all of it
 * at that of the bracket that it ends in. */
#define KW_BRACKETS 8
struct kw_brackets {
    bool whole;
    uint32_t n;                /* 2 or more */
    uint32_t nth;              /* of the file: what two offers of one platform are told apart by */
    int64_t upto[KW_BRACKETS]; /* tokens or bytes, inclusive, ascending; the last has no end, INT64_MAX */
    kw_nusd v[KW_BRACKETS];    /* per the price's unit */
    struct kw_brackets *next;  /* of the platform */
};

struct kw_price { /* nano-dollars per unit named by the field that holds it */
    bool known;
    kw_nusd v;                          /* of brackets the first that is not free */
    const struct kw_brackets *brackets; /* of tokens and of bytes; NULL: the same however much; the platform's */
    struct kw_provenance provenance;
};

/* Machines that the provider takes back: as a Poisson process for each, after a notice. Of a share p that is taken within a
 * month of 730 h the rate is -ln(1 - p) / 730 h. */
struct kw_spot {
    bool known;                /* how often */
    double per_hour;           /* interruptions of a machine, its time up to now is of no weight */
    double share_lo, share_hi; /* taken within a month, where that is what is published; hi 0: not said, 1: lo or more.
                                   per_hour is hi's */
    kw_ns notice;              /* from the notice to the end */
    bool fallback;             /* from the notice until another spot machine is ready, one on demand stands in */
    struct kw_law fallback_start; /* s until such a one is there; it loads the model then, as any start */
};

/* A price for as long as the customer commits to pay it, used or not. */
#define KW_GPU_TERMS 4 /* of 3, 6, 12 and 36 months: kw_gpu_term_months */
extern const uint32_t kw_gpu_term_months[KW_GPU_TERMS];
struct kw_gpu_term {
    struct kw_price hour; /* per GPU-hour, what is paid upfront spread over the term */
    int64_t upfront_ppm;  /* share of the whole that is paid at once */
};

struct kw_gpu_offer { /* serverless and dedicated */
    char gpu[24];     /* neutral name: T4 L4 A10G L40S A100-40 A100-80 H100 H200 B200 ... (calibrate/data/gpus.json) */
    char sku[48];     /* the vendor's own name */
    uint32_t gpus_min, gpus_max; /* GPUs in one replica that can be had (tp); GPUs are sold in multiples of gpus_min */
    struct kw_price gpu_hour;    /* per GPU-hour, on demand */
    struct kw_price gpu_month;   /* dedicated: price per GPU-month of 730 h, committed for a month, when there is one */
    struct kw_gpu_term committed[KW_GPU_TERMS]; /* dedicated: the same for longer; not known: not on offer */
    struct kw_price gpu_hour_spot;
    struct kw_spot spot;                            /* as the platform's, but for what is known of this machine */
    struct kw_price cpu_core_hour, memory_gib_hour; /* extra resources metered beside the GPU */
    double cpu_cores, memory_gib;                   /* how much of them one GPU's share takes by default */
    int64_t region_surcharge_ppm; /* on all of its prices, for lying where it does; 750000 = 1.75 times */
    struct kw_sale sale;
};

struct kw_meter { /* how time becomes money */
    bool bills[KW_PHASES];
    enum kw_grade bills_grade[KW_PHASES]; /* UNKNOWN where PLATFORMS.md says "?": billed value is then our assumption */
    kw_ns granularity;                    /* a replica's billed time is rounded up to a multiple; 1 = ns exact */
    kw_ns min_charge;                     /* per replica life */
    kw_ns window;           /* 0, or e.g. 300 s windows per replica counted from its first success (Bedrock import) */
    int64_t multiplier_ppm; /* on all prices, such as a non-preemptible one's, 1000000 = 1 */
    kw_nusd monthly_fee;    /* plan fee */
    kw_nusd monthly_credit; /* pays for use; for the fee too where credit_pays_fee */
    bool credit_pays_fee;
    kw_nusd one_off_credit; /* of a new account, once: no part of a month */
    struct kw_provenance provenance;
};

enum kw_count_rule {
    KW_COUNT_ACTUAL,
    KW_COUNT_RESERVE_MAX_TOKENS,
    KW_COUNT_MAX_OF_MAX_TOKENS_AND_ESTIMATE,
    KW_COUNT_ESTIMATE_THEN_SETTLE,
    KW_COUNT_RESERVE_THEN_REFUND
};
extern const char *const kw_count_rule_name[]; /* "actual", "reserve_max_tokens", ..., NULL */
struct kw_rate_limits {                        /* 0 = no such limit */
    char tier[32]; /* the customer tier these are the limits of; "" where the platform has no tiers */
    int64_t rpm, rpd, tpm, itpm, otpm, tpd;
    enum kw_count_rule rule;
    bool cache_reads_count;
    double output_burndown; /* output tokens count this many times */
    kw_ns window;           /* enforcement slice: 1 s, 10 s, 60 s; 0 = token bucket with continuous refill */
    int reject_code;
    struct kw_provenance provenance;
};

static inline bool kw_rate_limits_any(const struct kw_rate_limits *l)
{
    return l->rpm || l->rpd || l->tpm || l->itpm || l->otpm || l->tpd;
}

/* Whether one limiter can do both. */
static inline bool kw_rate_limits_same(const struct kw_rate_limits *a, const struct kw_rate_limits *b)
{
    return a->rpm == b->rpm && a->rpd == b->rpd && a->tpm == b->tpm && a->itpm == b->itpm && a->otpm == b->otpm &&
           a->tpd == b->tpd && a->window == b->window;
}

/* How a provider remembers prompts it was sent, and reads them again for the cached-input price. Incomplete where a fact
 * was not found: then nothing is known to be cached. */
enum kw_cache_mode {
    KW_CACHE_UNKNOWN,
    KW_CACHE_AUTOMATIC, /* every prompt, without being asked and without a write price */
    KW_CACHE_EXPLICIT,  /* where the request says so; what is written has a price of its own */
    KW_CACHE_OFF        /* by the user: never */
};
struct kw_cache_rule {
    enum kw_cache_mode mode;
    uint32_t min_tokens;  /* shortest prefix that is remembered; 0: not known */
    uint32_t step_tokens; /* prefixes count in multiples of this; 0: not known */
    kw_ns lifetime;       /* after the last use; 0: not known */
};
static inline bool kw_cache_rule_known(const struct kw_cache_rule *r)
{
    return (r->mode == KW_CACHE_AUTOMATIC || r->mode == KW_CACHE_EXPLICIT) && r->min_tokens && r->step_tokens &&
           r->lifetime > 0;
}

/* What leaves a platform: per `per` bytes. */
struct kw_egress {
    struct kw_price price;
    int64_t per; /* 1e9 or 2^30 */
};

/* A provider's batch interface. */
enum kw_batch_cache {                            /* what a cached token of a batch costs */
                      KW_BATCH_CACHE_UNKNOWN,    /* not said: what input of a batch does */
                      KW_BATCH_CACHE_MULTIPLIES, /* both discounts, one on the other */
                      KW_BATCH_CACHE_WINS        /* the cached price of no batch */
};
extern const char *const kw_batch_cache_name[]; /* "unknown", "multiplies", "cache_wins", NULL */
struct kw_batch_rule {
    kw_ns window;                           /* within which a batch is answered, as promised; 0: not known */
    struct kw_law observed;                 /* s, how long batches were seen to take; NONE: nobody says */
    uint32_t max_requests;                  /* of one batch; 0: not known */
    int64_t queued_requests, queued_tokens; /* under way at once, of prompts; 0: no limit known */
    enum kw_batch_cache cache;
};

struct kw_token_prices { /* per 1e6 tokens */
    struct kw_price in_mtok, cached_in_mtok, cache_write_mtok, out_mtok;
};

/* What requests cost whose prompt has more than `tokens` tokens, cached ones counted in: all of their tokens. A service tier
 * whose prices are not stated here sells such requests at a price nobody knows. */
struct kw_above_prices {
    uint32_t tokens; /* 0: the length of the prompt does not matter */
    struct kw_token_prices price, flex, priority;
};

struct kw_api_offer { /* one model on a per-token API */
    char model[48];   /* neutral model name: llama-3.1-8b, gpt-4o, ... */
    char sku[80];
    struct kw_token_prices price;          /* of the default service tier */
    struct kw_token_prices flex, priority; /* of the other two; in_mtok not known: not on offer */
    struct kw_above_prices above;          /* of long prompts */
    int64_t batch_ppm;                     /* batch price factor, 1000000 when none */
    struct kw_law ttft_s;                  /* s, for a short prompt */
    uint32_t ttft_known_to;                /* the longest prompt that ttft_s was measured with; 0: not said */
    struct kw_law ttft_per_ktok_s;         /* s per 1000 prompt tokens, added; NONE when not known */
    struct kw_law output_rate;             /* output tokens a second of one request */
    char latency_of[64];                   /* another model whose latency stands in for this one's; "": its own */
    uint32_t rate_known_to; /* the most tokens, prompt and output, that output_rate was measured with; 0: not said */
    struct kw_rate_limits limits;
    struct kw_cache_rule cache;
    struct kw_provisioned provisioned; /* units that carry it, the platform's rule and the model's figures */
    uint32_t max_model_len;
    int64_t region_surcharge_ppm; /* as of a GPU offer */
    struct kw_sale sale;
};

/* One place where a platform can be asked to run. Its offers are the platform's, at the same index, with the prices of
 * here. */
struct kw_region_offer {
    char name[24];             /* ours: kw_region_find knows it; a region or an area */
    kw_region_set where;       /* it */
    char vendor[40];           /* what the provider calls it */
    int64_t surcharge_ppm;     /* on the prices that the platform states, where this one states none of its own */
    struct kw_gpu_offer *gpus; /* [n_gpus of the platform], owned; sku "" where it is not sold here */
    struct kw_api_offer *apis; /* [n_apis], owned; sku "" likewise */
};

/* How LoRA adapters of a model are served: the file's "lora". */
enum kw_lora_served {
    KW_LORA_SERVED_UNKNOWN, /* the file does not say */
    KW_LORA_NOT_SERVED,
    KW_LORA_OWN_REPLICA, /* each in a pool of its own, merged into the weights */
    KW_LORA_BASE_REPLICA /* together on the replicas of their base */
};
enum kw_lora_price { KW_LORA_PRICE_UNKNOWN, KW_LORA_PRICE_BASE, KW_LORA_PRICE_OWN };
struct kw_lora_rule {
    enum kw_lora_served served;
    enum kw_lora_price price; /* api: per token the base's, or one of its own that the file does not know */
    uint32_t most;            /* adapters on one deployment; 0: no limit is known */
};
/* Why a deployment of a base cannot take its adapters' requests there, as the rest of a sentence about the platform; NULL
 * when it can. n: adapters. Returns buf. */
const char *kw_lora_refusal(const struct kw_lora_rule *r, enum kw_kind kind, uint32_t n, char *buf, size_t size);

/* Who changes how many replicas are kept warm at which hour: the file's "scheduled". */
enum kw_scheduled_own { KW_SCHEDULED_UNKNOWN, KW_SCHEDULED_NO, KW_SCHEDULED_YES };
struct kw_scheduled {
    enum kw_scheduled_own own; /* the platform has schedules of its own */
    char call
        [480]; /* what sets the number, or makes such a schedule: {n} replicas, at {cron} or {aws_cron} of {timezone},
                       the {i}-th; "": not known */
    struct kw_provenance provenance; /* of the call */
};
/* The call for n replicas at a minute of the days with bits 1u << day, 0 Monday; "": not known. Returns buf. */
char *kw_scheduled_call(const struct kw_scheduled *s, uint32_t n, uint8_t days, uint32_t minute, const char *timezone,
                        uint32_t i, char *buf, size_t size);
/* "58 7 * * 1-5": such a minute to cron. Returns buf. */
char *kw_scheduled_cron(uint8_t days, uint32_t minute, char *buf, size_t size);

/* One fact as the file states it, in file order: what `platforms show` prints and `platforms check` dates. A fact
 * graded UNKNOWN was not found: its value is an assumption, to be printed with every plan that rests on it. */
struct kw_fact {
    char path[88];  /* "gpus[H100].hour", "scaling.idle_timeout_s", "meter.bills.load" */
    char value[88]; /* with its unit: "$3.9492", "60 s", "assumed yes", "p05 0.43 p50 0.52 p95 0.84" */
    char note[160]; /* "" or what to know about it */
    struct kw_provenance provenance;
};

/* What a customer can choose of how replicas start. */
struct kw_start_options {
    bool node_cache;            /* weights are kept on the nodes' own disks */
    bool snapshot;              /* every start can restore one */
    uint32_t snapshot_gpus_max; /* of so many GPUs; 0: no limit is known */
};

/* Models whose replicas customers share: the file's "public_models". Nobody but the platform says how many there are. */
struct kw_public_models {
    bool shared;           /* the platform has such */
    struct kw_meter meter; /* of them: the platform's own but for the phases that it bills */
};

struct kw_platform {
    char name[32], title[64];
    char file[240];  /* as whoever named it has it; "": built in */
    char sha256[65]; /* of that file */
    bool offered;    /* the file is of a folder of the user's, which stands for everything built in by its names */
    enum kw_kind kind;
    char url[120];
    struct kw_gpu_offer *gpus; /* [n_gpus] */
    size_t n_gpus;
    struct kw_api_offer *apis; /* [n_apis] */
    size_t n_apis;
    struct kw_region_offer *regions; /* [n_regions] where it can be asked to run; none: not known */
    size_t n_regions;
    kw_region_set via; /* requests pass one of these first, of several the user's choice; 0: they go straight there */
    struct kw_meter meter;
    struct kw_autoscaling scaling;             /* the platform's defaults */
    uint32_t concurrency_min, concurrency_max; /* requests per replica that can be set; 0, 0: not settable */
    enum kw_grade delay_from_grade;            /* of scaling.target_delay_from */
    enum kw_grade idle_release_grade;          /* of scaling.idle_release */
    enum kw_balance balance;                   /* least outstanding, ESTIMATED, where the file is silent */
    enum kw_grade balance_grade;
    struct kw_cold_start cold; /* provision, pull, restore; load and init come from the profile unless given here */
    struct kw_start_options start_options;
    struct kw_public_models public_models; /* serverless */
    struct kw_client_retry retry;
    struct kw_provenance scaling_provenance;
    /* the platform's own words for its settings, for printing a recommendation; "" when it has none */
    char word_keep_warm[40], word_max_replicas[40], word_idle_timeout[40], word_buffer[40], word_target[40];
    int64_t idle_timeout_min_s, idle_timeout_max_s; /* the platform's allowed range */
    bool idle_timeout_ranged;                       /* which its file states */
    char notes[512];                                /* what the numbers cannot say */
    enum kw_grade weakest;                          /* over all numbers in the file but UNKNOWN ones */
    struct kw_fact *facts;                          /* [n_facts] every number of the file */
    size_t n_facts;
    char **not_found; /* [n_not_found] what was looked for and not found, one line each: print it with a plan */
    size_t n_not_found;
    struct kw_attribute_fact attribute[KW_ATTRIBUTES];
    struct kw_rate_limits *tiers; /* [n_tiers] api: every tier the file knows; offers carry the default one's limits */
    size_t n_tiers;
    struct kw_brackets *brackets;      /* of all its prices, owned */
    struct kw_egress egress;           /* serverless, dedicated */
    struct kw_batch_rule batch;        /* api */
    struct kw_spot spot;               /* dedicated: of its spot offers that say nothing else */
    struct kw_cache_rule cache;        /* api: of every offer that states no other minimum */
    struct kw_provisioned provisioned; /* api: of every offer, but for what the offer states */
    struct kw_lora_rule lora;
    struct kw_scheduled scheduled; /* serverless */
    bool can_plan;                 /* the facts suffice to simulate and to price it */
    bool user_mends;               /* !can_plan, for want of a latency or a profile alone, which the user may have */
    char why_not[160];             /* when !can_plan: what is missing */
    char mend[120];                /* when !can_plan: the key or option that would mend it */
    char oldest[11];               /* the oldest date of a fact, "" when every one is undated */
};

void kw_platform_free(struct kw_platform *p); /* back to empty; safe to call again */

/* How many replicas of tp GPUs are bought together, so that dedicated replicas count in multiples of it: 8 for single
 * GPUs that come in nodes of eight, 1 where tp is a multiple of gpus_min, 0 when a replica of tp GPUs cannot be had. */
uint32_t kw_gpu_offer_step(const struct kw_gpu_offer *o, uint32_t tp);
/* The same on this platform: 0 too where it sells replicas one by one and several would have to be bought together. */
uint32_t kw_platform_step(const struct kw_platform *p, const struct kw_gpu_offer *o, uint32_t tp);
/* The offer of this GPU for replicas of tp GPUs: serverless wants step 1; dedicated prefers the smallest step. Of equal
 * ones what is sold before what is not, then the cheapest by the hour, one without a known hourly price last. NULL when
 * there is none. */
const struct kw_gpu_offer *kw_platform_gpu(const struct kw_platform *p, const char *gpu, uint32_t tp);
/* By our name, the platform's or another provider's of the same place; NULL where it cannot be asked to run there. */
const struct kw_region_offer *kw_platform_region(const struct kw_platform *p, const char *name);
/* The same offer of p at the prices of a region; NULL: it is not sold there. o: of p, or of another region of it. */
const struct kw_gpu_offer *kw_region_gpu(const struct kw_platform *p, const struct kw_region_offer *r,
                                         const struct kw_gpu_offer *o);
const struct kw_api_offer *kw_region_api(const struct kw_platform *p, const struct kw_region_offer *r,
                                         const struct kw_api_offer *o);
/* ns for a request of `from` to a deployment in `to` and back, on p's way: over the region nearest to `to` of those that
 * requests pass, where there are such (via: that one of them; 0: it is not said). KW_RTT_UNKNOWN. */
kw_ns kw_platform_rtt(const struct kw_platform *p, kw_region_set from, kw_region_set to, kw_region_set via);
/* Judges every offer's sale by a day, YYYY-MM-DD. */
void kw_platform_as_of(struct kw_platform *p, const char *today);
const struct kw_rate_limits *kw_platform_tier(const struct kw_platform *p, const char *tier); /* NULL when unknown */

#endif
