#include "workloads/trace.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const kw_bucket_arrivals_name[] = { "poisson", "even", "begin", NULL };

void kw_trace_free(struct kw_trace *t)
{
    for (size_t i = 0; i < t->n_models; i++) free(t->model_name[i]);
    for (size_t i = 0; i < t->n_classes; i++) free(t->class_name[i]);
    for (size_t i = 0; i < t->n_regions; i++) free(t->region_name[i]);
    for (size_t i = 0; i < t->n_owners; i++) free(t->owner_name[i]);
    free(t->owner), free(t->charged), free(t->id), free(t->start), free(t->gpu), free(t->owner_name);
    free(t->arrival), free(t->prompt), free(t->output);
    free(t->cached), free(t->written), free(t->model), free(t->klass), free(t->region);
    free(t->hash_at), free(t->hash), free(t->model_name), free(t->class_name), free(t->region_name);
    free(t->ttft), free(t->e2e);
    free(t->before), free(t->then), free(t->think);
    memset(t, 0, sizeof *t);
    t->epoch_unix = INT64_MIN;
}

bool kw_trace_is_spread(const struct kw_trace *t)
{
    return t->notes.buckets || t->notes.load_tests_drawn;
}

enum kw_status kw_trace_strict(const struct kw_trace *t, struct kw_error *err)
{
    const struct kw_trace_notes *k = &t->notes;
    const struct {
        const char *what;
        uint64_t n;
    } counts[] = { { "failed rows left out", k->dropped_failed },
                   { "rows without a prompt left out", k->dropped_other },
                   { "rows of other kinds left out", k->filtered },
                   { "rows that do not generate left out", k->not_generated },
                   { "rows answered by a cache left out", k->gateway_hits },
                   { "rows of an id seen before", k->duplicates },
                   { "requests without token counts", k->unknown_tokens },
                   { "malformed records", k->broken + k->cut_off },
                   { "headers inside the file", k->headers_again },
                   { "buckets spread into requests", k->buckets },
                   { "load tests without start times whose requests are spread over their length",
                     k->load_tests_drawn },
                   { "load tests without start times put one after another", k->load_tests > 1 ? k->load_tests : 0 },
                   { "times moved on by an hour", k->fell_back },
                   { "observed latencies left out", k->latency_odd } };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].n) return kw_fail(err, KW_ERANGE, "--strict: %" PRIu64 " %s", counts[i].n, counts[i].what);
    if (k->guessed) return kw_fail(err, KW_ERANGE, "--strict: columns taken by their names (%.160s)", k->read_as);
    if (k->local_time) return kw_fail(err, KW_ERANGE, "--strict: dates without a zone, taken as UTC");
    return KW_OK;
}

char *kw_trace_remarks(const struct kw_trace *t, char *buf, size_t size)
{
    static const char *const when[] = { "at random times", "at equal gaps", "all as each begins" };
    const struct kw_trace_notes *k = &t->notes;
    size_t used = 0;
    char back[32];
    if (size) buf[0] = 0;
#define SAY(...)                                                                                                       \
    do {                                                                                                               \
        if (used < size) used += (size_t)snprintf(buf + used, size - used, "%s", used ? "; " : "");                    \
        if (used < size) used += (size_t)snprintf(buf + used, size - used, __VA_ARGS__);                               \
    } while (0)
    if (*k->read_as) SAY("%s", k->read_as);
    if (k->dropped_failed) SAY("%" PRIu64 " failed rows without output left out", k->dropped_failed);
    if (k->dropped_other) SAY("%" PRIu64 " rows without a prompt left out", k->dropped_other);
    if (k->gateway_hits)
        SAY("%" PRIu64 " rows answered by the gateway's own cache left out: no model served them", k->gateway_hits);
    if (k->not_generated) SAY("%" PRIu64 " rows of models that embed, rerank or moderate left out", k->not_generated);
    if (k->filtered) SAY("%" PRIu64 " rows of other kinds left out", k->filtered);
    if (k->duplicates)
        SAY("%" PRIu64 " rows repeat an id: the fullest of each is kept, at the earliest time", k->duplicates);
    if (k->unknown_tokens > k->imputed)
        SAY("%" PRIu64 " requests without token counts left out: real load of unknown size (missing=mean keeps them at "
            "the others' mean)",
            k->unknown_tokens - k->imputed);
    if (k->imputed) SAY("%" PRIu64 " requests without token counts kept at the mean of the others", k->imputed);
    if (k->broken) SAY("%" PRIu64 " malformed records left out, the first on line %" PRIu64, k->broken, k->broken_at);
    if (k->cut_off) SAY("the last record is cut off and left out");
    if (k->headers_again) SAY("the header stands in the file %" PRIu64 " more times", k->headers_again);
    if (k->buckets)
        SAY("%" PRIu64 " buckets are spread into requests of equal length %s (buckets=%s, run and plan say what other "
            "ways make of "
            "the answer)",
            k->buckets, when[k->bucket_arrivals], kw_bucket_arrivals_name[k->bucket_arrivals]);
    if (k->load_tests > k->load_tests_drawn)
        SAY("%" PRIu64
            " load tests without a rate keep no start times: they follow from how many requests might be under way and "
            "how long each took",
            k->load_tests - k->load_tests_drawn);
    if (k->load_tests_drawn)
        SAY("%" PRIu64 " load tests at a rate keep no start times: their requests are spread over their length %s "
            "(buckets=%s, run "
            "and plan say what other ways make of the answer)",
            k->load_tests_drawn, k->bucket_arrivals == KW_BUCKETS_BEGIN ? "all as it begins" : when[k->bucket_arrivals],
            kw_bucket_arrivals_name[k->bucket_arrivals]);
    if (k->load_tests > 1)
        SAY("load tests are put one after another: where=request_rate:... or where=max_concurrency:... keeps some of "
            "them");
    if (k->fell_back)
        SAY("clocks went back an hour as summer time ended: %" PRIu64 " rows after it were moved on by that hour",
            k->fell_back);
    if (k->latency_odd)
        SAY("%" PRIu64 " observed latencies left out: no time, or an end before the beginning", k->latency_odd);
    if (k->clock_back) {
        SAY("the clock jumped back %" PRIu64 " time%s, at most %s s; rows were sorted by time, stably", k->clock_back,
            k->clock_back == 1 ? "" : "s", kw_nano_format(back, sizeof back, k->worst_back));
        if (k->clock_back < 4 && k->worst_back > t->span / 2)
            SAY("that is over half the span: logs of replicas one after another belong together so, recordings of one "
                "server do not");
    }
    if (*k->hints) SAY("%s", k->hints);
    if (t->n_models > 1)
        SAY("%zu models are in it: where=NAME:%.60s keeps the rows of one", t->n_models, t->model_name[0]);
    if (t->n && !t->before && k->equal_times > t->n / 2)
        SAY("%.0f %% of the requests share their predecessor's time: coarse time stamps or batches",
            100.0 * (double)k->equal_times / (double)t->n);
#undef SAY
    return buf;
}
