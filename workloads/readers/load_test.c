#include "workloads/readers/load_test.h"
#include <assert.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double longest_s = 10 * 366 * 86400.0;

void kw_load_test_free(struct kw_load_test *x)
{
    free(x->sent);
    free(x->busy);
    memset(x, 0, sizeof *x);
}

static enum kw_status too_long(struct kw_error *err)
{
    return kw_fail(err, KW_ERANGE, "load tests that last over 292 years");
}

/* Between a request and the next, in any unit; what follows the last one is a gap, too. */
static double gap(enum kw_bucket_arrivals how, double burstiness, struct kw_rng *rng)
{
    if (how != KW_BUCKETS_POISSON) return how == KW_BUCKETS_EVEN;
    return burstiness == 1 ? kw_rng_exp(rng, 1) : gsl_ran_gamma(rng->g, burstiness, 1 / burstiness);
}

enum kw_status kw_load_test_begin(struct kw_load_test *x, size_t n, double rate, uint64_t concurrency,
                                  double burstiness, enum kw_bucket_arrivals how, struct kw_rng *rng,
                                  struct kw_error *err)
{
    assert(n && rate > 0 && burstiness > 0);
    double length = (double)n / rate, sum = 0;
    if (x->kept) x->begin = x->over;
    x->kept = false;
    x->n = n;
    x->at = x->under_way = 0;
    x->slots = concurrency < n ? (size_t)concurrency : 0;
    x->drawn = isfinite(rate);
    if (!(length <= longest_s))
        return kw_fail(err, KW_ERANGE, "%zu requests at %g a second last over ten years", n, rate);
    if (__builtin_add_overflow(x->begin, (kw_ns)(length * 1e9), &x->until)) return too_long(err);
    x->over = x->until;
    free(x->sent);
    free(x->busy);
    x->sent = x->drawn ? malloc(n * sizeof *x->sent) : NULL;
    x->busy = x->slots ? malloc(x->slots * sizeof *x->busy) : NULL;
    if ((x->drawn && !x->sent) || (x->slots && !x->busy))
        return kw_fail(err, KW_ENOMEM, "out of memory for a load test of %zu requests", n);
    if (!x->drawn) return KW_OK;
    for (size_t i = 0; i < n; i++) {
        x->sent[i] = sum;
        sum += gap(how, burstiness, rng);
    }
    for (size_t i = 0; i < n && sum > 0; i++) x->sent[i] *= length / sum;
    return KW_OK;
}

/* Takes the earliest end out of the heap's root and puts another in its place. */
static void replace_earliest(kw_ns *heap, size_t n, kw_ns end)
{
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && heap[child + 1] < heap[child];
        if (heap[child] >= end) break;
        heap[i] = heap[child];
    }
    heap[i] = end;
}

static void add(kw_ns *heap, size_t n, kw_ns end)
{
    size_t i = n;
    for (size_t parent; i && heap[parent = (i - 1) / 2] > end; i = parent) heap[i] = heap[parent];
    heap[i] = end;
}

enum kw_status kw_load_test_start(struct kw_load_test *x, kw_ns took, kw_ns *at, struct kw_error *err)
{
    assert(x->at < x->n && took >= 0);
    kw_ns end;
    *at = x->begin + (x->sent ? (kw_ns)(x->sent[x->at] * 1e9) : 0);
    x->at++;
    bool waits = x->slots && x->under_way == x->slots;
    if (waits && x->busy[0] > *at) *at = x->busy[0];
    if (__builtin_add_overflow(*at, took, &end)) return too_long(err);
    if (waits)
        replace_earliest(x->busy, x->under_way, end);
    else if (x->slots)
        add(x->busy, x->under_way++, end);
    if (end > x->over) x->over = end;
    if (!x->drawn || *at > x->until) x->until = x->drawn ? *at : x->over;
    return KW_OK;
}
