/* tests/fuzz/trace.h - what the trace fuzzers share: read the bytes as one format, then hold the trace to its
 * invariants. */
#ifndef KW_TESTS_FUZZ_TRACE_H
#define KW_TESTS_FUZZ_TRACE_H
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/api/fit_api.h"
#include "sim/core/files/source.h"
#include "workloads/stats.h"
#include "workloads/trace.h"
#include "workloads/trace_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static inline void hold(int true_)
{
    if (!true_) abort();
}

/* A law of whatever the log said, or why there is none: never one that falls or is no number. */
static inline void fuzz_fit(const struct kw_trace *t)
{
    struct kw_error err = { "" };
    struct kw_api_fit f;
    enum kw_status st = kw_api_fit(&f, t, 1, &err);
    hold(st == KW_OK || (st == KW_ERANGE && err.msg[0]));
    if (st != KW_OK) return;
    hold(f.ttft_n + f.no_first + f.at_once + f.cached == t->n && f.prompt_min <= f.prompt_max);
    for (double u = 0.05, ttft = 0, rate = 0; u < 1; u += 0.05) {
        double a = kw_law_quantile(&f.ttft, u), b = kw_law_quantile(&f.rate, u);
        hold(isfinite(a) && isfinite(b) && a >= ttft && b >= rate);
        ttft = a;
        rate = b;
    }
}

static inline void fuzz_trace(const uint8_t *data, size_t n, const char *format, const char *columns)
{
    struct kw_error err = { "" };
    struct kw_source s;
    struct kw_trace t;
    char remarks[2000];
    hold(kw_source_memory(&s, "fuzz", data, n, &err) == KW_OK);
    enum kw_status st = kw_trace_read(&t, &s, format, columns, &err);
    kw_source_close(&s);
    if (st != KW_OK) {
        hold(t.n == 0 && t.arrival == NULL && err.msg[0]);
        hold(st == KW_EPARSE || st == KW_ERANGE || st == KW_EUSAGE);
        return;
    }
    hold(t.n > 0 && t.arrival[0] >= 0 && t.span >= t.arrival[t.n - 1] && strlen(t.notes.sha256) == 64);
    for (size_t i = 0; i < t.n; i++) {
        hold(i == 0 || t.arrival[i] >= t.arrival[i - 1]);
        hold(t.prompt[i] - 1 < KW_TRACE_MAX_TOKENS && t.output[i] - 1 < KW_TRACE_MAX_TOKENS);
        hold(!t.model || t.model[i] < t.n_models);
        hold((uint64_t)(t.cached ? t.cached[i] : 0) + (t.written ? t.written[i] : 0) <= t.prompt[i]);
        hold(!t.klass || t.klass[i] < t.n_classes);
        hold(!t.region || t.region[i] < t.n_regions);
        hold(!t.hash_at || t.hash_at[i + 1] >= t.hash_at[i]);
        hold(!t.ttft || t.ttft[i] >= -1);
        hold(!t.e2e || t.e2e[i] >= -1);
        hold(!t.ttft || !t.e2e || t.e2e[i] < 0 || t.e2e[i] >= t.ttft[i]);
    }
    hold(t.notes.rows >= t.n);
    if (t.ttft) fuzz_fit(&t);
    kw_trace_remarks(&t, remarks, sizeof remarks);
    struct kw_trace_stats stats;
    char *text = NULL;
    hold(kw_trace_stats(&stats, &t, &err) == KW_OK && kw_trace_info(&text, &t, &stats, &err) == KW_OK);
    free(text);
    kw_trace_stats_free(&stats);
    kw_trace_free(&t);
}

#endif
