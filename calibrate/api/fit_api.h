/* calibrate/api/fit_api.h - the latency law of a per-token API from its user's own log, in the form that sim/fleet/api
 * simulates:
 *
 *     TTFT = T + s * prompt / 1000        E2E = TTFT + (output - 1) / R
 *
 *   s   least absolute deviations: of all lines through the log's (prompt, TTFT) the one that minimises
 *       sum_i |TTFT_i - a - s x_i| (Koenker & Bassett, Econometrica 46(1), 1978, at the median), so that no outlier moves
 *       it far. It is kept where its interval lies above 0; else it is NONE, and T is the TTFT of prompts of any length.
 *   T   quantiles of TTFT_i - s x_i, not below 0;  R  quantiles of (output - 1) / (E2E - TTFT). Both by linear
 *       interpolation between order statistics (Hyndman & Fan, Am. Stat. 50(4), 1996, type 7), four significant digits.
 *   Intervals are of 95 %, from a bootstrap of blocks: the hours of the log, drawn with replacement, where it has 20 of
 *       them, else runs of n^(1/3) requests (Kuensch, Ann. Stat. 17(3), 1989; the length: Hall, Horowitz & Jing,
 *       Biometrika 82(3), 1995): a provider's slow hour is one event, not a thousand. Those of many requests are of some
 *       of them, evenly taken: wider, never narrower.
 *
 * Left out, each request for the first of these: it says no first token; its first token came with its end though it has
 * several (it was not streamed); its prompt was read from the provider's cache, in part (TTFT only: the law is of a
 * prompt that is not cached); it has one output token, or says no end (rate only). Failed requests are not in a trace.
 * Reasoning that is not shown comes before the first token: T holds it, and R counts its tokens if the log's output does. */
#ifndef KW_CALIBRATE_API_FIT_API_H
#define KW_CALIBRATE_API_FIT_API_H
#include "sim/core/law.h"
#include "workloads/trace.h"

#define KW_API_FIT_LEAST 20 /* requests that a law is fitted to, at the least */

struct kw_api_figure { /* with the ends of its interval */
    double value, lo, hi;
};

/* What the law says of the log's own requests beside what the log says. */
struct kw_api_check {
    struct kw_api_figure log; /* as observed */
    double law;
};

struct kw_api_fit {
    uint64_t n;                              /* requests of the trace */
    uint64_t ttft_n, rate_n;                 /* of them: what each law is fitted to */
    uint64_t no_first, at_once, cached;      /* left out of TTFT; the first two of the rate, too */
    uint64_t no_end, one_token;              /* left out of the rate */
    struct kw_law ttft, per_ktok, rate;      /* grade measured; per_ktok NONE: not told from 0 */
    struct kw_api_figure ttft_p50, ttft_p95; /* of T, s */
    struct kw_api_figure slope;              /* s per 1000 prompt tokens, kept or not; NAN: prompts are alike */
    struct kw_api_figure rate_p50, rate_p05; /* tokens/s; p05: the slow end */
    struct kw_api_check check_ttft_p50, check_ttft_p95, check_e2e_p50, check_e2e_p95; /* s */
    uint32_t prompt_min, prompt_max; /* of the requests that TTFT is fitted to */
    uint32_t tokens_max;             /* prompt and output, of those that the rate is fitted to */
    struct {                         /* TTFT by hour of the day, UTC, without the part of the prompt */
        bool matters;                /* Kruskal & Wallis, J. ASA 47, 1952: p < 0.01, and medians apart by a fifth */
        int slow, fast;              /* hours */
        double slow_s, fast_s;       /* their medians */
    } hour;
};

/* Fits t, whose model and provider the caller has picked. seed: of the bootstrap. The laws' provenance is the caller's.
 * KW_ERANGE: fewer than KW_API_FIT_LEAST requests tell one of the two; err counts why. KW_ENOMEM. */
enum kw_status kw_api_fit(struct kw_api_fit *f, const struct kw_trace *t, uint64_t seed, struct kw_error *err);

/* The q-quantile (q in (0, 1)) of TTFT, and with e2e of E2E, that a law gives the requests of t for which `of` is true (NULL:
 * all): draws of each request, as many as make the error small beside the law's own. KW_ENOMEM. */
struct kw_api_laws {
    const struct kw_law *ttft, *per_ktok, *rate; /* rate NULL: only TTFT is asked for */
};
enum kw_status kw_api_law_quantiles(const struct kw_api_laws *l, const struct kw_trace *t, const bool *of, int n_q,
                                    const double *q, double *ttft_s, double *e2e_s, struct kw_error *err);

#endif
