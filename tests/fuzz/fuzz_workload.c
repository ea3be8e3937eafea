/* The workload model reader: what is accepted prints, reads back the same, and draws without overflow. */
#include "tests/fuzz/trace.h"
#include "workloads/model.h"
#include "workloads/synth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct kw_workload w, v;
    struct kw_error err = { "" };
    double requests;
    if (kw_workload_parse(&w, "fuzz", (const char *)data, n, &err) != KW_OK) {
        hold(err.msg[0]);
        return 0;
    }
    char *a = kw_workload_text(&w);
    hold(a && kw_workload_parse(&v, "again", a, strlen(a), &err) == KW_OK);
    char *b = kw_workload_text(&v);
    hold(b != NULL);
    free(a);
    free(b);
    kw_workload_rate(&w, &requests);
    hold(requests >= 0);
    if (requests > 1e4 || w.duration > 100 * 24 * KW_NS_PER_HOUR) return 0;
    for (int i = 0; i < w.n_states; i++) /* a short dwell in a long workload is right, but slow */
        if ((double)w.duration / 1e9 / w.dwell_s[i] > 1e5) return 0;
    struct kw_trace t;
    enum kw_status st = kw_synth(&t, &w, w.seed, &err);
    hold(st == KW_OK || st == KW_ERANGE);
    if (st != KW_OK) return 0;
    for (size_t i = 0; i < t.n; i++) {
        hold(t.arrival[i] >= (i ? t.arrival[i - 1] : 0) && t.arrival[i] <= t.span);
        hold(t.prompt[i] - 1 < KW_TRACE_MAX_TOKENS && t.output[i] - 1 < KW_TRACE_MAX_TOKENS);
    }
    kw_trace_free(&t);
    return 0;
}
