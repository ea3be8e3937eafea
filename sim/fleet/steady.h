/* sim/fleet/steady.h - when the state in which a window opens is its steady one, and how many windows to add up for what
 * one of them costs. A window is cyclic: its steady state is the one that comes back after a pass over it, or after a few.
 * Where starts draw their luck anew no state says it all, and the mean over passes does. Knows no fleet: only what is
 * seen of it where one pass ends and the next begins. */
#ifndef KW_SIM_FLEET_STEADY_H
#define KW_SIM_FLEET_STEADY_H
#include "sim/fleet/outcome.h"

#define KW_STEADY_LOOKS 64        /* passes before the window in which its state may come back */
#define KW_STEADY_PASSES 4000     /* windows added up at most */
#define KW_STEADY_TOLERANCE 0.005 /* of the mean: half of its 95 % interval */

struct kw_steady {
    uint64_t work, most;             /* arrivals and timers since the first look, and how many there may be */
    uint64_t requests;               /* a pass */
    uint32_t least;                  /* windows that a mean is of */
    uint64_t state[KW_STEADY_LOOKS]; /* fingerprints, in the order of the looks */
    uint32_t looks;
    uint64_t waiting;     /* requests, at the last look */
    bool overloaded;      /* more and more of them: no state comes back */
    uint32_t period;      /* passes after which the state came back, 0: it has not */
    uint32_t kept;        /* windows added up */
    double mean, squares; /* of the replica time of a window, Welford's */
};

void kw_steady_begin(struct kw_steady *s, uint64_t most_work, uint64_t requests_a_pass);
/* A control loop ticks every `tick` ns, whatever the length of a pass: a mean is of as many windows as it takes for the
 * window to begin at every moment between two ticks. */
void kw_steady_ticks(struct kw_steady *s, kw_ns tick, kw_ns pass);
/* Between two passes before the window, with the fleet's fingerprint and the requests that wait: whether it opens here,
 * or another pass runs up to it. */
bool kw_steady_opens(struct kw_steady *s, uint64_t state, uint64_t waiting);
/* A window is over, in which replicas were alive for `alive` ns; luck: another pass would draw anew what this one drew.
 * Whether it is enough, or another window is added. */
bool kw_steady_enough(struct kw_steady *s, kw_ns alive, bool luck);
/* Half of the 95 % interval of the mean over the windows, as a part of it; 0 where the state came back and nothing was
 * drawn, NAN of one window. */
double kw_steady_error(const struct kw_steady *s);

#endif
