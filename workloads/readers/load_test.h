/* workloads/readers/load_test.h - when the requests of a load test were sent whose results do not say (sglang.bench_serving;
 * vllm bench serve before start_times). They hold how fast requests were sent, how many might be under way and how long each
 * took, in the order in which they were sent:
 *
 *     start_i = max(sent_i, the earliest end of the `concurrency` requests that stand before it)
 *
 * since the clients' semaphore serves first in, first out. At no rate (inf) sent_i = 0 and the starts follow; at a rate they were
 * drawn and are not kept, so n of them are spread over n / rate as kw_bucket_arrivals says: at random with the gaps of the client,
 * gamma of shape `burstiness` (1: exponential), over their sum. */
#ifndef KW_WORKLOADS_READERS_LOAD_TEST_H
#define KW_WORKLOADS_READERS_LOAD_TEST_H
#include "sim/core/rng.h"
#include "workloads/trace.h"

struct kw_load_test {        /* one run after the other, as they were appended to one file; zeroed at first */
    kw_ns begin;             /* of the run that is read */
    kw_ns until;             /* it sent requests: to the end of n / rate, without a rate to the last answer so far */
    kw_ns over;              /* its last answer so far, or until */
    bool drawn;              /* it has a rate */
    bool kept;               /* some of its requests were, set by the caller: the next run begins when it was over */
    size_t n, at;            /* its requests; those that have started */
    double *sent;            /* [n] s after begin; NULL unless drawn; owned */
    kw_ns *busy;             /* [under_way] ends, the earliest first: a binary heap; owned */
    size_t under_way, slots; /* slots: how many at most, 0 for any number */
};

/* The next run, of n >= 1 requests: rate in requests/s, > 0, INFINITY for all at once; concurrency 0: no limit; burstiness > 0.
 * KW_ERANGE: it lasts more than ten years. KW_ENOMEM. */
enum kw_status kw_load_test_begin(struct kw_load_test *x, size_t n, double rate, uint64_t concurrency,
                                  double burstiness, enum kw_bucket_arrivals how, struct kw_rng *rng,
                                  struct kw_error *err);

/* When its next request was sent, which took so long (>= 0). O(log concurrency). KW_ERANGE: beyond 292 years. */
enum kw_status kw_load_test_start(struct kw_load_test *x, kw_ns took, kw_ns *at, struct kw_error *err);

void kw_load_test_free(struct kw_load_test *x); /* safe to call again */

#endif
