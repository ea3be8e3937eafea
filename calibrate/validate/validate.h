/* calibrate/validate/validate.h - is the simulator right about our own engine? The engine serves the same arrivals in
 * real time a few times (engine/serve/serve_trace.h), the simulator's replica replays them from a profile that was
 * fitted on other measurements, and every figure of one is put beside the other's. The one file of this room that reads
 * sim/fleet: it judges the simulator.
 *
 * Figures: TTFT, TPOT, ITL and E2E as serve_trace.h defines them, nearest-rank quantiles and means over all requests. A
 * figure's error is the median over the runs of simulated / served - 1; the spread is (largest - smallest run) /
 * median, what the machine itself does not repeat. No parameter is fitted to a served run. A run during which other
 * processes took more of the machine than allowed (calibrate/measure/cpu_contention.h) is served again, whatever it
 * gave; sim/io/results/validation.h writes all of it to a file.
 *
 * kw_validate does it with one profile; interleaved.h with one for each run, measured just before and just after it. */
#ifndef KW_CALIBRATE_VALIDATE_VALIDATE_H
#define KW_CALIBRATE_VALIDATE_VALIDATE_H
#include "calibrate/profile/profile.h"
#include "engine/serve/serve_trace.h"

struct kw_validate_traffic { /* the slice; arrays of n, arrivals from 0 and not decreasing */
    size_t n;
    int64_t *arrival; /* ns */
    uint32_t *prompt, *output;
};
/* Poisson arrivals at 1 request/s, in bursts of `burst` on average (1: none), lengths lognormal about their medians
 * with sigma 0.6, cut to what the engine takes. Owns its arrays. KW_ENOMEM. */
enum kw_status kw_validate_synthetic(struct kw_validate_traffic *t, size_t n, double prompt, double output,
                                     double burst, uint32_t max_model_len, uint64_t seed, struct kw_error *err);
void kw_validate_traffic_free(struct kw_validate_traffic *t);

/* Requests/s that a saturated replica of the profile finishes of this traffic: all of it at once, over the time it
 * takes. */
enum kw_status kw_validate_capacity(double *rate, const struct kw_profile *p, const struct kw_sched_config *limits,
                                    const struct kw_validate_traffic *t, struct kw_error *err);

enum kw_validate_metric { KW_VALIDATE_TTFT, KW_VALIDATE_TPOT, KW_VALIDATE_ITL, KW_VALIDATE_E2E, KW_VALIDATE_METRICS };
enum { KW_VALIDATE_STATISTICS = 4 }; /* p50, p95, p99, mean */
extern const char *const kw_validate_metric_name[], *const kw_validate_statistic_name[];

enum { KW_VALIDATE_SLICES = 200, KW_VALIDATE_MOST_RUNS = 32 };

struct kw_validated_side {     /* what one side did with the traffic; owned */
    struct kw_served *request; /* [n] */
    struct kw_hist itl;
    double itl_unit_s;                   /* of itl's values: the simulator counts ps, the engine ns */
    double decoding[KW_VALIDATE_SLICES]; /* sequences decoding, over equal slices of [0, 200 slice_s), time-weighted */
    double batch;                        /* the same over all the time until its last token */
    int64_t end;                         /* ns */
    uint32_t preempted;
    double cpu_contention; /* the engine's: share of the machine that others took; NAN unknown */
    double late_s;         /* the engine's: median of when its loop took a request that came while it slept, less its
                              arrival */
    size_t n_steps;        /* the engine's batches */
    struct kw_served_step *step;
};

enum kw_verdict {
    KW_WITHIN,
    KW_INSIDE,
    KW_MISSES
};                                          /* |error| <= 3 %; else sim_s between the least and the largest run; else */
extern const char *const kw_verdict_name[]; /* "within 3 %", "inside its runs", "misses" */

struct kw_validated {         /* one load */
    double load, rate, speed; /* of capacity; requests/s; of the traffic's own times */
    uint32_t runs, discarded; /* kept; thrown away because others took too much of the machine */
    bool interleaved;         /* each run has a profile of its own, measured just before and after it */
    struct kw_validated_figure {
        double engine_s, low_s, high_s; /* median, least and largest of the runs */
        double sim_s;                   /* median of what was simulated for the runs */
        double error;                   /* median over the runs of simulated / served - 1 */
        double as_run; /* the same, simulated once more with the profile's step times multiplied, kind by kind, by what
                          the run's took over what it said: a diagnosis, not a prediction. What is still off is not the
                          step times' mean; NAN for ITL */
        double run_s[KW_VALIDATE_MOST_RUNS], sim_run_s[KW_VALIDATE_MOST_RUNS];
        enum kw_verdict verdict;
    } figure[KW_VALIDATE_METRICS][KW_VALIDATE_STATISTICS];
    double request[2], request_engine[2]; /* TTFT, E2E: median over requests of |sim / engine - 1|, and of one engine
                                             run against the next (NAN with one run) */
    double batch_engine, batch_sim;       /* sequences decoding, mean over time */
    double batch_apart;                   /* root mean square difference over 20 parts of the time, over batch_engine */
    double late_s; /* median of the runs' late_s: the machine's wake-up, which the simulator does not model */
    uint32_t preempted_engine, preempted_sim;
    struct kw_validated_steps { /* the engine's own batches, all runs: what the profile says of each, beside what it
                                   took */
        uint64_t n;
        double engine_s, profile_s; /* device time, summed */
    } steps[3];                     /* decode, prompts, mixed: a miss above that is not in here is the replay's, not the
                                       step times' */
    double host_s, host_profile_s;  /* from the end of a step to the end of the next that follows at once, less its
                                       device  time: mean; and the profile's host law over the same steps */
    double cpu_contention;          /* largest of the runs; NAN unknown */
    double slice_s;
    size_t n;
    struct kw_validated_side *sim, *engine; /* [runs] */
    int64_t *profile_ns; /* [engine[0].n_steps] device time of the first run's batches as its profile has it */
};

struct kw_validate_options {
    double load;           /* of capacity, above 0 */
    uint32_t runs;         /* 1 to KW_VALIDATE_MOST_RUNS */
    double max_contention; /* a run beside more than this share of others is served again, 2 (runs - 1) times at most;
                           0: 0.03 */
    const volatile sig_atomic_t *stop;
};

/* The engine must have no active requests; p fitted on it. traffic is replayed so fast that it offers `load` of
 * capacity. speed and capacity come from the simulator alone. KW_ERANGE: a request can never run; KW_EFAIL: stopped. *v
 * is empty on failure. */
enum kw_status kw_validate(struct kw_validated *v, struct kw_engine *e, const struct kw_profile *p,
                           const struct kw_validate_traffic *traffic, const struct kw_validate_options *o,
                           struct kw_error *err);
void kw_validated_free(struct kw_validated *v); /* safe to call again */

/* The same in steps: begin sets rate and speed from p, serve adds a run that is kept, and judge simulates and compares,
 * run r from profile[r]. After a failure the caller frees *v. */
enum kw_status kw_validate_begin(struct kw_validated *v, const struct kw_engine *e, const struct kw_profile *p,
                                 const struct kw_validate_traffic *traffic, const struct kw_validate_options *o,
                                 struct kw_error *err);
enum kw_status kw_validate_serve(struct kw_validated *v, struct kw_engine *e, const struct kw_validate_traffic *traffic,
                                 const struct kw_validate_options *o, struct kw_error *err);
enum kw_status kw_validate_judge(struct kw_validated *v, const struct kw_engine *e,
                                 const struct kw_profile *const profile[], const struct kw_validate_traffic *traffic,
                                 struct kw_error *err);

#endif
