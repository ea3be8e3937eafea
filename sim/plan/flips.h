/* sim/plan/flips.h - what would flip the answer: each fact by itself, moved until another configuration is the one to
 * take. A fact that is not known (KW_LEVER_READING) has no value to move: it is read the other way. */
#ifndef KW_SIM_PLAN_FLIPS_H
#define KW_SIM_PLAN_FLIPS_H
#include "sim/plan/levers.h"
#include "sim/plan/sweep/point.h"

#define KW_FLIP_MOST 4.0 /* a fact is moved to so many times what it says, and to one so many-th of it */

struct kw_flip {
    struct kw_lever lever;
    int64_t age_days; /* of what the fact is from; -1: undated, or the day of the plan is not known */
    /* The smallest relative move that does: -0.12 = 12 % lower, +0.3 = 30 % higher. NAN: none up to KW_FLIP_MOST times either
     * way. lo, hi: between which moves it lies on other days (95 %), from the drawings that both have, paired; NAN: not known.
     * An end that no move up to KW_FLIP_MOST reaches is infinite. */
    struct kw_estimate move;
    double stands; /* the largest move that way that was looked at and does not; of prices the same */
    bool sought;   /* false: no move was looked for, since other facts are nearer to the answer (flip_times.h); of a
                        READING: nobody says what else it may be */
    const char *reading,
        *other;      /* READING: as it was simulated, and what it may be as well; its move is 0 or NAN. NULL */
    double end;      /* the furthest factor towards what is worse: KW_FLIP_MOST times, or less where step times end */
    double at;       /* the fact's value then */
    bool noise;      /* other days alone may flip it: the interval reaches no move at all */
    ptrdiff_t rival; /* the candidate to take then; -1: nothing meets the objectives any more, or none of the plan's */
    char then[320];  /* its name; of a pool that was not planned, one replica larger, too; "": none */
    double cost;     /* USD a month of the rival then */
    bool misses;     /* the recommended one misses an objective then; else it costs more than the rival */
};

/* Those that flip before those that do not, the smaller move first: what is not known needs none. */
int kw_flip_order(const void *a, const void *b);
/* "-23 %", "+2.9 %", "any" where the least one does, "other" where the other reading does, "none". Returns buf. */
char *kw_flip_move_text(const struct kw_flip *f, char *buf, size_t size);
/* "modal price of H100 (on_demand): $3.95 to $3.04/GPU-hour (95 %: -31 to -15 %); then lambda 1 x H100 ... at $730.00 a month;
 * published, 12 days old". Returns buf. */
char *kw_flip_text(const struct kw_flip *f, char *buf, size_t size);

#endif
