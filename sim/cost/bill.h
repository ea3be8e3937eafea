/* sim/cost/bill.h - money: line items computed from usage and prices, each rounded once. */
#ifndef KW_SIM_COST_BILL_H
#define KW_SIM_COST_BILL_H
#include "platforms/facts/platform.h"
#include "sim/cost/tco.h"
#include "sim/cost/usage.h"

enum kw_item { /* names in kw_item_name, the order of /bill in results */
               KW_ITEM_ACTIVE,
               KW_ITEM_KEEP_WARM,
               KW_ITEM_IDLE,
               KW_ITEM_LOAD /* load + init + restore */,
               KW_ITEM_PROVISION /* provision + pull */,
               KW_ITEM_DRAIN,
               KW_ITEM_FAILED_START,
               KW_ITEM_ROUNDING,
               KW_ITEM_MINIMUM,
               KW_ITEM_CPU,
               KW_ITEM_MEMORY,
               KW_ITEM_RESERVED,
               KW_ITEM_STANDIN /* on demand, while a spot machine was missing */,
               KW_ITEM_PROVISIONED /* units bought of an API */,
               KW_ITEM_TOKENS_IN,
               KW_ITEM_TOKENS_CACHED,
               KW_ITEM_TOKENS_CACHE_WRITE,
               KW_ITEM_TOKENS_OUT,
               KW_ITEM_LONG_IN, /* the same four of requests with long prompts, where these have prices of their own */
               KW_ITEM_LONG_CACHED,
               KW_ITEM_LONG_CACHE_WRITE,
               KW_ITEM_LONG_OUT,
               KW_ITEM_EGRESS, /* bytes sent out of the platform */
               KW_ITEM_FEE,
               KW_ITEM_CREDIT,
               KW_ITEM_OPERATIONS, /* the user's engineer */
               KW_ITEM_MONITORING,
               KW_ITEMS
};
extern const char *const kw_item_name[]; /* "active", ..., NULL */

/* MONTHLY, SPOT and the last four are of dedicated GPUs, the others of APIs: BATCH answers within the provider's window, at the
 * batch price; FLEX and PRIORITY are service tiers with token prices of their own; PROVISIONED is capacity bought ahead in
 * units, what they do not carry is on demand. */
enum kw_term {
    KW_TERM_ON_DEMAND,
    KW_TERM_MONTHLY,
    KW_TERM_SPOT,
    KW_TERM_BATCH,
    KW_TERM_FLEX,
    KW_TERM_PRIORITY,
    KW_TERM_PROVISIONED,
    KW_TERM_COMMITTED, /* the first of KW_GPU_TERMS, in the order of kw_gpu_term_months */
    KW_TERMS = KW_TERM_COMMITTED + KW_GPU_TERMS
};
extern const char *const kw_term_name[]; /* "on_demand", ..., "3_months", "6_months", "1_year", "3_years", NULL */
/* How long the customer of a GPU is bound: 1 of MONTHLY, 3 to 36 of the last four, else 0. */
uint32_t kw_term_months(enum kw_term term);
/* Of per-token APIs; on demand everything can be had. */
bool kw_term_of_api(enum kw_term term);

struct kw_bill {
    kw_nusd item[KW_ITEMS];
    kw_nusd total; /* == sum of items, always */
};

/* What one deployment is charged by. gpu or api, the other NULL. */
struct kw_tariff {
    const struct kw_platform *platform;
    const struct kw_gpu_offer *gpu;
    const struct kw_api_offer *api;
    enum kw_term term;
    struct kw_unit_price unit; /* of a unit; term PROVISIONED */
    const char *account;       /* which of the user's accounts at the platform; NULL and "": the one there is */
    kw_nusd operations_month;  /* the user's share of an engineer for this deployment alone, per month; 0 */
    kw_nusd engineer_month;    /* the same for all of the user's deployments of its kind together */
    struct kw_monitoring monitoring;
};

/* What a GPU costs by this term: per GPU-month of MONTHLY, per GPU-hour of the others. A term of APIs has the price on demand. */
const struct kw_price *kw_gpu_price(const struct kw_gpu_offer *o, enum kw_term term);
/* What an API's tokens cost by this term; of BATCH before its factor. The second: those of requests with prompts longer
 * than o->above.tokens. */
const struct kw_token_prices *kw_term_prices(const struct kw_api_offer *o, enum kw_term term);
const struct kw_token_prices *kw_term_above(const struct kw_api_offer *o, enum kw_term term);

/* What tokens are metered as, and what a line of them costs per 1e6 by this tariff: the price times the factor, a batch's. Of
 * prompts above the offer's limit, or of the others. A price that is not known stays so. */
enum kw_meter_line { KW_LINE_IN, KW_LINE_CACHED, KW_LINE_WRITE, KW_LINE_OUT, KW_LINES };
struct kw_line_price {
    const struct kw_price *price; /* of t->api */
    int64_t factor_ppm;
};
struct kw_line_price kw_token_price(const struct kw_tariff *t, enum kw_meter_line line, bool above);

/* The bills of the n deployments of one user, of a month (kw_usage_month) at this usage rate or of one window
 * of the trace: item = round(price * quantity * month / (per * window)), half up, once, in 384 bits, times the multiplier of the region that the
 * offer lies in (fee, credit and
 * operations are monthly already; of a window they count pro rata; the credit never exceeds the use of the platform, or use
 * and fee where it pays for both). Time items are multiplied by the meter's multiplier. CPU and memory follow the GPU: the offer's share a GPU times the
 * billed GPU time. Units bought cost price * units * month / per, whatever the window, and tokens they carried nothing
 * more: a term longer than a month counts by its part, one that is shorter as often as it fits. Cached tokens whose price
 * is unknown cost what input tokens cost; of a batch those whose price has a rule there (kw_batch_cache) cost what it says,
 * others what input does. Requests with prompts above the
 * offer's limit are lines of their own, at its prices above; usage that counted them by another limit, or not at all, cannot
 * be priced by it. A price with brackets goes by the month's volume: the account's quantities at this price, scaled to the
 * month first, of all deployments in their order and of each in the order of lines; each bracket's part of a line rounds by
 * itself, and of a window each costs its share of the month. Bytes sent out of a platform that states no price of them cost
 * nothing. An engineer of all deployments of a kind counts with the first of them; what of monitoring goes by replicas, GPUs
 * and requests rounds by itself. Deployments on one platform share
 * its account: fee and credit count once, each deployment's part by what it uses, parts adding up exactly. KW_ERANGE
 * when a needed price is unknown (named) or on overflow; b[] is undefined on failure. */
enum kw_status kw_bills(struct kw_bill *b, const struct kw_usage *u, const struct kw_tariff *t, uint32_t n, bool month,
                        struct kw_error *err);

/* What the tokens that u's units carried would cost in a month on demand, at the prices of prompts up to the offer's limit.
 * KW_ERANGE as kw_bills. */
enum kw_status kw_bill_carried(kw_nusd *out, const struct kw_usage *u, const struct kw_tariff *t, struct kw_error *err);

/* What the sign-up credits of the bills' accounts pay of their first month, once and so in no bill: as much as is left
 * to pay of what such a credit covers. b: what kw_bills made of a month. */
kw_nusd kw_bills_one_off(const struct kw_bill *b, const struct kw_tariff *t, uint32_t n);

/* Adds b to *sum, item by item. KW_ERANGE on overflow, *sum unchanged. */
enum kw_status kw_bill_add(struct kw_bill *sum, const struct kw_bill *b, struct kw_error *err);
/* What starts cost: load + provision + failed starts; and what waiting costs: keep-warm + idle. For a dedicated bill
 * the part of `reserved` that no request kept busy is idle, of units that of `provisioned` that no token used. */
kw_nusd kw_bill_cold(const struct kw_bill *b);
kw_nusd kw_bill_idle(const struct kw_bill *b, const struct kw_usage *u);

#endif
