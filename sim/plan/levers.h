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
    KW_LEVER_START,    /* how long replicas of a platform take to start, every phase */
    KW_LEVER_STEPS,    /* how long a model's steps take on a GPU, in any precision and on any platform */
    KW_LEVER_TTFT,     /* of an API's model: the first token */
    KW_LEVER_RATE,     /* and how fast the others come */
    KW_LEVER_VOLUME,   /* of the traffic */
    KW_LEVER_READING,  /* what a platform does that its pages leave open: it has no value, and may be another one */
    KW_LEVERS
};
extern const char *const kw_lever_name[]; /* "price", "token_prices", "unit_price", "fee", "engineer", "start_time",
                                             "step_time", "ttft", "output_rate", "volume", "reading", NULL */
static inline bool kw_lever_is_price(enum kw_lever_kind k)
{
    return k < KW_LEVER_START;
}

struct kw_lever {
    enum kw_lever_kind kind;
    const void
        *of; /* a price in memory or its platform, borrowed: two of one kind and `of` are one lever. NULL of laws of
                         times, which `fact` tells apart */
    char fact[128];   /* "modal price of H100 (on_demand)" */
    double value;     /* as it stands; of TOKENS that of output */
    const char *unit; /* of value: "USD/GPU-hour" */
    struct kw_provenance provenance;
};

/* The prices of a choice, at most KW_LEVERS_OF_CHOICE. Returns how many. */
#define KW_LEVERS_OF_CHOICE 24
size_t kw_levers_of_choice(const struct kw_choice *c, struct kw_lever out[KW_LEVERS_OF_CHOICE]);
/* The laws of its times, whose value is not filled: kw_lever_measure. Returns how many. */
#define KW_LAWS_OF_CHOICE 2
size_t kw_levers_of_times(const struct kw_choice *c, struct kw_lever out[KW_LAWS_OF_CHOICE]);
/* The value of a law of the choice: the median of a start or a first token, a decode step of one sequence with 1000 tokens, the
 * median rate. */
enum kw_status kw_lever_measure(struct kw_lever *l, const struct kw_choice *c, struct kw_error *err);
bool kw_lever_same(const struct kw_lever *a, const struct kw_lever *b);
/* Whether the choice, or a deployment of the candidate, has it. */
bool kw_lever_of(const struct kw_lever *l, const struct kw_choice *c);
bool kw_lever_moves(const struct kw_lever *l, const struct kw_candidate *c);

/* USD a month of the candidate's usage [c->n], with the lever's price `by` times as high. Exact: every item is computed and
 * rounded as in a bill, so brackets, fees and credits take part. What is more than a bill can hold is the most that it can. */
enum kw_status kw_lever_cost(const struct kw_lever *l, double by, const struct kw_candidate *c,
                             const struct kw_usage *usage, double *usd, struct kw_error *err);

/* Changes the candidate's law of times to `by` times the lever's value. made[d]: step times compiled for deployment d, the
 * caller's to delete once the candidate is gone; NULL where none were. On failure, too. */
enum kw_status kw_lever_apply(const struct kw_lever *l, double by, struct kw_candidate *c,
                              struct kw_steptime *made[KW_FLEET_MAX_DEPLOYMENTS], struct kw_error *err);

#endif
