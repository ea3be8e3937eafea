/* sim/cost/log_bill.h - what a log's own tokens cost at a per-token API: every request at the provider's prices, no
 * simulation. */
#ifndef KW_SIM_COST_LOG_BILL_H
#define KW_SIM_COST_LOG_BILL_H
#include "platforms/facts/platform.h"
#include "sim/cost/bill.h"
#include "workloads/trace.h"

extern const char *const kw_meter_line_name[]; /* "input", "cached input", "cache write", "output" */

struct kw_log_bill_model {
    const char *name;                 /* the log's, borrowed; "" when it names none */
    const struct kw_api_offer *offer; /* NULL: the platform sells nothing of this name, so its cost is not known */
    int64_t requests, tokens[KW_LINES];
    int64_t long_requests, long_tokens[KW_LINES]; /* of these: with prompts above the offer's limit, priced apart */
    int64_t requests_beyond; /* prompts longer than the model's window: the provider would have refused them */
    kw_nusd cost[KW_LINES], total;
    kw_nusd long_cost[KW_LINES];             /* of cost: what the long prompts' requests cost */
    struct kw_line_price price[2][KW_LINES]; /* of the lines, and of those of long prompts */
    bool at_input_price[KW_LINES];           /* cached or written tokens that have no price of their own */
};

struct kw_log_bill {
    struct kw_log_bill_model *model; /* [n], owned, in the order of the log */
    size_t n;
    int64_t tokens[KW_LINES]; /* of the models priced */
    kw_nusd cost[KW_LINES], total;
    int64_t unpriced_requests;
};

/* The offer a log's model name means: equal to its model or sku, or one of these behind the last '/' and before a date,
 * a version or a region ("openai/gpt-4o-mini-2024-07-18", "us.anthropic.claude-x-v1:0"), letters of any case. The
 * longest wins; NULL: none. */
const struct kw_api_offer *kw_log_bill_offer(const struct kw_platform *p, const char *name);

/* Prices the trace's requests by their models, or all as `model` when it is not NULL. Each line is rounded once (bill.h).
 * Without cached tokens in the trace all input is billed as input. KW_ERANGE: the platform sells no tokens, or none of
 * the models, or no batch price of one of them, or long prompts by a service tier whose price of these is not known; KW_ENOMEM. *b is empty then. */
enum kw_status kw_log_bill(struct kw_log_bill *b, const struct kw_trace *t, const struct kw_platform *p,
                           const char *model, enum kw_term term, struct kw_error *err);
void kw_log_bill_free(struct kw_log_bill *b);

#endif
