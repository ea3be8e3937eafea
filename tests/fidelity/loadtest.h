/* tests/fidelity/loadtest.h - one engine under a steady load, as benchmarks of servers make it: so many requests at
 * once, so many a second, or a batch. The scheduler decides, a law of step times says how long; no trace, no fleet.
 * What comes back can be set beside a published figure, and so can the steps behind each figure:
 * calibrate/measure/host_time.h fits to them. */
#ifndef KW_TESTS_FIDELITY_LOADTEST_H
#define KW_TESTS_FIDELITY_LOADTEST_H
#include "calibrate/measure/host_time.h"
#include "engine/scheduler/scheduler.h"

struct kw_loadtest {
    struct kw_sched_config config;
    uint32_t at_once;        /* closed loop: so many in flight, each followed by the next; 0: open */
    double rate;             /* open: Poisson arrivals a second; 0: all at the start */
    uint32_t n;              /* requests, >= 1 */
    uint32_t prompt, output; /* tokens of each, >= 1 */
    double spread;  /* 0: all alike; else lognormal with this sigma about a mean of `prompt` and `output`, drawn
                      independently, from 1 to 4 times the mean */
    double least;   /* 0: no such thing; else lengths are uniform from `least` of `prompt` and `output` up to them, as
                      vLLM's serving benchmark draws them (--random-range-ratio) */
    bool count_all; /* closed loop: the burst it begins with and the end are in the means, too */
    const struct kw_curve *links;  /* what of a step is all-reduce, s over its tokens; NULL: nothing is */
    double front_s, front_token_s; /* closed loop: what a request takes before it is at the engine; the tokens of its
                                     prompt one request after the other, as one process makes them */
    bool cached;                   /* all prompts are one, and in the prefix cache after the first */
};

struct kw_loadtest_result {
    double ttft_s, tpot_s, itl_median_s; /* means over requests; NAN where none has two tokens. Median over gaps,
                                            weighted as they come: each sequence of a decode step has one */
    double output_rate;                  /* output tokens a second */
    /* The steps behind a figure; measured_s is the simulated time. tpot: between first and last token, a token, mean
     * over requests, so measured_s = tpot_s. whole: what output_rate counts: the middle of a closed loop (between the
     * first and the last at_once requests to finish), all of the others. */
    struct kw_host_point tpot, whole;
    double tokens; /* output tokens in `whole` */
};

/* Arrivals and lengths are the same for the same seed. Requests of the first and last at_once of a closed loop are not
 * in the means. KW_ERANGE: a request can never run; KW_ENOMEM. */
enum kw_status kw_loadtest_run(struct kw_loadtest_result *result, const struct kw_loadtest *l,
                               const struct kw_steptime *steps, uint64_t seed, struct kw_error *err);

#endif
