/* sim/plan/levers.h - the facts that an answer rests on, one by one: what each says, where it is from, and what it moves. */
#ifndef KW_SIM_PLAN_LEVERS_H
#define KW_SIM_PLAN_LEVERS_H
#include "sim/plan/sweep/candidate.h"

enum kw_lever_kind {
    KW_LEVER_PRICE, /* one price: of an offer by a term, of a resource beside it, of a line of tokens, of bytes sent out */
    KW_LEVER_TOKENS,   /* all token prices of a model by a service tier together */
    KW_LEVER_UNIT,     /* of capacity of an API bought ahead */
    KW_LEVER_FEE,      /* of a platform, a month */
    KW_LEVER_ENGINEER, /* the user's, of all deployments of a kind */
    KW_LEVERS
};
extern const char *const kw_lever_name[]; /* "price", "token_prices", "unit_price", "fee", "engineer", NULL */

struct kw_lever {
    enum kw_lever_kind kind;
    const void *of;   /* the fact in memory; two levers of one kind and `of` are the same. Borrowed */
    char fact[128];   /* "modal price of H100 (on_demand)" */
    double value;     /* as it stands; of TOKENS that of output */
    const char *unit; /* of value: "USD/GPU-hour" */
    struct kw_provenance provenance;
};

/* Those of a choice, at most KW_LEVERS_OF_CHOICE. Returns how many. */
#define KW_LEVERS_OF_CHOICE 24
size_t kw_levers_of_choice(const struct kw_choice *c, struct kw_lever out[KW_LEVERS_OF_CHOICE]);
bool kw_lever_same(const struct kw_lever *a, const struct kw_lever *b);
/* Whether a deployment of the candidate has it. */
bool kw_lever_moves(const struct kw_lever *l, const struct kw_candidate *c);

/* USD a month of the candidate's usage [c->n], with the lever's price `by` times as high. Exact: every item is computed and
 * rounded as in a bill, so brackets, fees and credits take part. */
enum kw_status kw_lever_cost(const struct kw_lever *l, double by, const struct kw_candidate *c,
                             const struct kw_usage *usage, double *usd, struct kw_error *err);

#endif
