#include "workloads/trace.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kw_trace_free(struct kw_trace *t)
{
    for (size_t i = 0; i < t->n_models; i++) free(t->model_name[i]);
    for (size_t i = 0; i < t->n_classes; i++) free(t->class_name[i]);
    free(t->arrival), free(t->prompt), free(t->output);
    free(t->cached), free(t->model), free(t->klass), free(t->hash_at), free(t->hash);
    free(t->model_name), free(t->class_name);
    memset(t, 0, sizeof *t);
    t->epoch_unix = INT64_MIN;
}

char *kw_trace_remarks(const struct kw_trace *t, char *buf, size_t size)
{
    const struct kw_trace_notes *k = &t->notes;
    size_t used = 0;
    char back[32];
    if (size) buf[0] = 0;
#define SAY(...)                                                                                                       \
    do {                                                                                                               \
        if (used < size) used += (size_t)snprintf(buf + used, size - used, "%s", used ? "; " : "");                    \
        if (used < size) used += (size_t)snprintf(buf + used, size - used, __VA_ARGS__);                               \
    } while (0)
    if (k->dropped_failed) SAY("%" PRIu64 " failed rows without output left out", k->dropped_failed);
    if (k->dropped_other) SAY("%" PRIu64 " rows without a prompt left out", k->dropped_other);
    if (k->clock_back) {
        SAY("the clock jumped back %" PRIu64 " time%s, at most %s s; rows were sorted by time, stably", k->clock_back,
            k->clock_back == 1 ? "" : "s", kw_nano_format(back, sizeof back, k->worst_back));
        if (k->worst_back > t->span / 2)
            SAY("that is over half the span: probably recordings one after another, now laid over each other; "
                "split the file at the jump");
    }
    if (t->n && k->equal_times > t->n / 2)
        SAY("%.0f %% of the requests share their predecessor's time: coarse time stamps or batches",
            100.0 * (double)k->equal_times / (double)t->n);
#undef SAY
    return buf;
}
