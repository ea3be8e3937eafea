/* workloads/model.h - a workload as a small model: an arrival law under a weekly rate profile, token lengths by
 * quantile table with rank correlation, and where every number comes from. JSON in and out, versioned; drawn by
 * kw_synth, fitted to a trace by kw_workload_fit. */
#ifndef KW_WORKLOADS_MODEL_H
#define KW_WORKLOADS_MODEL_H
#include <stdbool.h>
#include "sim/core/law.h"
#include "workloads/trace.h"

#define KW_WORKLOAD_MAX_BYTES (4u << 20)
#define KW_WORKLOAD_STATES 6
#define KW_WORKLOAD_QUANTILES 128
#define KW_WORKLOAD_CLASSES 32
#define KW_WORKLOAD_SOURCES 16
#define KW_WORKLOAD_TURNS 1000 /* of a session */

enum kw_arrivals { KW_ARRIVALS_POISSON, KW_ARRIVALS_GAMMA, KW_ARRIVALS_MMPP };

/* Arrivals. Let m(t) be the profile at t (mean 1 over a week) times growth. POISSON and GAMMA are renewal processes
 * with independent gaps of mean 1 in operational time, the integral of rate * m(t); GAMMA's gaps are gamma distributed
 * with coefficient of variation cv (1 is Poisson). MMPP (Markov-modulated Poisson): in state i requests come at rate_i
 * * m(t), the state holds an exponential time of mean dwell_i, then moves to j with probability next[i][j]; it starts
 * in its stationary law. With cv other than 1 its gaps are gamma instead, a Markov-modulated renewal process. Source:
 * Fischer and Meier-Hellstern, Performance Evaluation 18, 1993. tick > 0: arrivals are stamped down to a multiple of
 * tick, as servers that log in batches do (Mooncake: 3 s). */
struct kw_workload {
    char name[64], description[512];
    kw_ns duration;
    uint64_t seed; /* the one kw_trace_load draws with; at most 2^53 */
    enum kw_arrivals law;
    double rate;                                         /* POISSON, GAMMA: requests/s at profile 1 */
    double cv;                                           /* GAMMA, MMPP: of the gaps in operational time */
    int n_states;                                        /* MMPP: 2..KW_WORKLOAD_STATES */
    double state_rate[KW_WORKLOAD_STATES];               /* requests/s at profile 1 */
    double dwell_s[KW_WORKLOAD_STATES];                  /* mean */
    double next[KW_WORKLOAD_STATES][KW_WORKLOAD_STATES]; /* rows sum to 1, diagonal 0 */
    kw_ns tick;                                          /* 0: none */
    bool has_profile;
    double profile[168]; /* hour of week from Monday 00:00, mean 1 */
    int start_hour;      /* hour of week, 0..167, at which the workload starts */
    double growth;       /* per week: the rate t weeks after the start is (1 + growth)^t as high; > -1 */
    int n_q;             /* 2..KW_WORKLOAD_QUANTILES */
    double q_p[KW_WORKLOAD_QUANTILES], q_prompt[KW_WORKLOAD_QUANTILES], q_output[KW_WORKLOAD_QUANTILES]; /* tokens */
    double rank_correlation; /* Spearman's rho of prompt and output, by a Gaussian copula */
    /* Sessions (sessions.h): arrivals are those of their first turns, tokens those of a turn, a prompt what it adds. A session ends
     * before a turn whose prompt and output would be more than most_tokens (0: never). Its first shared_tokens are those of all. */
    bool has_sessions;
    struct kw_law turns, think_s; /* a session, rounded, at least 1; from the end of an answer to the next turn */
    uint32_t shared_tokens, most_tokens;
    int n_classes; /* 0: no classes */
    char class_name[KW_WORKLOAD_CLASSES][48];
    double class_share[KW_WORKLOAD_CLASSES]; /* sum to 1 */
    struct kw_workload_origin {              /* "" or NAN where unknown */
        char source[240], licence[80], span[120], date[16], command[240];
        int n_parameters; /* which parameter comes from where, for a model composed of several fits */
        struct {
            char what[48], from[240];
        } parameter[KW_WORKLOAD_SOURCES];
        struct kw_fit_error {                        /* the median of several draws against the trace */
            double rate, cv, peak_minute, peak_hour; /* model / trace - 1 */
            double ks_prompt, ks_output;             /* Kolmogorov-Smirnov distance */
            double rank_correlation;                 /* model - trace */
        } fit;
    } origin;
};

/* Reads a model. Refuses unknown keys, another version, rates, shares or tables that are not physical, and a model
 * whose expected number of requests is above KW_TRACE_MAX_ROWS. KW_EPARSE, KW_ERANGE, KW_ENOMEM, with "name:line:
 * path:". */
enum kw_status kw_workload_parse(struct kw_workload *w, const char *name, const char *text, size_t n,
                                 struct kw_error *err);
/* "-" is stdin; a path that does not exist but is built in (workloads/azure-conv.json) means that one. */
enum kw_status kw_workload_load(struct kw_workload *w, const char *path, struct kw_error *err);

/* The model as JSON text (malloc'd, the caller frees); parsed again it is the same model to 9 digits. NULL: no memory.
 */
char *kw_workload_text(const struct kw_workload *w);
/* The text into a file, by a temporary file and rename. KW_EIO, KW_ENOMEM. */
enum kw_status kw_workload_save(const struct kw_workload *w, const char *path, struct kw_error *err);

/* Mean requests/s over the model's duration, and in *requests (may be NULL) their expected number; of sessions, where it has
 * such. */
double kw_workload_rate(const struct kw_workload *w, double *requests);

/* m(t) of the hour that begins `hour` hours after the start, growth included (held over the hour); 1 without a profile.
 */
double kw_workload_factor(const struct kw_workload *w, long hour);
/* The stationary law of an MMPP's states, pi[n_states]. */
void kw_workload_stationary(const struct kw_workload *w, double *pi);

#endif
