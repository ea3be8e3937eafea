/* sim/plan/breakeven.h - plans at other volumes, and at which of them another kind of platform becomes the cheapest. */
#ifndef KW_SIM_PLAN_BREAKEVEN_H
#define KW_SIM_PLAN_BREAKEVEN_H
#include "sim/plan/kinds.h"

#define KW_BREAKEVEN_LEAST 1e-3 /* times the trace's volume */
#define KW_BREAKEVEN_MOST 1e3
#define KW_BREAKEVEN_CROSSINGS 32

struct kw_crossing {
    enum kw_kind from, to; /* the cheaper of the two below and above */
    double tokens_month;   /* prompt and output tokens a month at which they cost the same */
    double lo, hi;         /* 95 % interval; what the search left open alone where days cannot tell */
    bool estimated;        /* the interval counts other days */
    bool step;             /* no volume has the same cost: one of the two jumps there, by a replica or because it
                                      no longer meets the objectives */
    struct kw_kind_best below, above; /* `from` and `to` there */
    /* capacity_used of `above`, with what other days make of it: there the costs meet at another volume, and what is rented
     * is used in proportion. lo, hi NAN: not estimated. */
    struct kw_estimate used;
};

struct kw_breakeven {
    struct kw_volume_point *volume; /* [n_volumes], owned; ascending */
    uint32_t n_volumes;
    bool searched; /* crossings were looked for; else the volumes are those asked for */
    struct kw_crossing crossing[KW_BREAKEVEN_CROSSINGS]; /* of the cheapest kind, ascending */
    uint32_t n_crossings;
    /* Where dedicated GPUs become cheaper than serverless ones for good, whatever an API costs, and how far they are
     * used there (`used`): below that serverless is cheaper. tokens_month NAN: nowhere; `dearer`: which of the two costs more at
     * every volume where both meet the objectives, -1 where there is none. */
    struct kw_crossing serverless_to_dedicated;
    int dearer;
    double dispersion; /* of the trace: sim/plan/volume.h */
    bool adapters;     /* some of the trace's models are LoRA adapters: planned beside their base alone */
    uint32_t replications;
};

/* From 1/1000 to 1000 times the trace, two volumes a decade planned anew, eight a decade looked at among their
 * contenders where another kind comes near the cheapest, then Brent's method on the logarithm of the
 * volume, for the logarithm of the ratio of the two kinds' simulated costs, between each two where the cheapest kind
 * differs. A cost that jumps leaves no root but a step, which is told as one. progress as in o->run, in volumes.
 * Deterministic. */
enum kw_status kw_breakeven_find(struct kw_breakeven *b, const struct kw_kinds_of *of, struct kw_error *err);
/* Plans alone, at n volumes of tokens a month. KW_ERANGE names one outside 1/1000 to 1000 times the trace. */
enum kw_status kw_breakeven_at(struct kw_breakeven *b, const struct kw_kinds_of *of, const double *tokens_month,
                               size_t n, struct kw_error *err);
void kw_breakeven_free(struct kw_breakeven *b); /* safe to call again */

/* Whether the kind costs within one per cent of the cheapest there, or within KW_PLAN_NEAR of it and their intervals
 * meet. */
bool kw_volume_point_ties(const struct kw_volume_point *v, int kind);
/* How the volumes came about, as a sentence. Returns buf. */
char *kw_breakeven_method(const struct kw_breakeven *b, char *buf, size_t size);

#endif
