#include "sim/core/hist.h"
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 kw_u128;
#define SUB ((size_t)1 << KW_HIST_SUB_BITS)

static void set_empty(struct kw_hist *h)
{
    h->n = 0;
    h->sum = 0;
    h->min = INT64_MAX;
    h->max = -1;
}

enum kw_status kw_hist_init(struct kw_hist *h, struct kw_error *err)
{
    set_empty(h);
    h->count = calloc(KW_HIST_BUCKETS, sizeof *h->count);
    return h->count ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a histogram");
}

void kw_hist_free(struct kw_hist *h)
{
    free(h->count);
    h->count = NULL;
    set_empty(h);
}

void kw_hist_clear(struct kw_hist *h)
{
    if (h->n) { /* only the touched stretch, so that clearing costs no more than filling did */
        size_t a = kw_hist_bucket(h->min), b = kw_hist_bucket(h->max);
        memset(h->count + a, 0, (b - a + 1) * sizeof *h->count);
    }
    set_empty(h);
}

static unsigned shift_of(size_t bucket)
{
    return bucket < SUB ? 0 : (unsigned)(bucket >> KW_HIST_SUB_BITS) - 1;
}

int64_t kw_hist_lower(size_t bucket)
{
    if (bucket >= KW_HIST_BUCKETS) return INT64_MAX;
    unsigned shift = shift_of(bucket);
    return (int64_t)(((uint64_t)bucket - ((uint64_t)shift << KW_HIST_SUB_BITS)) << shift);
}

void kw_hist_add_ramp(struct kw_hist *h, int64_t first, int64_t step, uint64_t k, uint64_t weight)
{
    assert(first >= 0 && step >= 0);
    if (k == 0 || weight == 0) return;
    if (step == 0) {
        kw_hist_add(h, first, k * weight);
        return;
    }
    uint64_t v = (uint64_t)first, s = (uint64_t)step, span;
    if (__builtin_mul_overflow(k - 1, s, &span) || span > (uint64_t)INT64_MAX - v) {
        uint64_t fit = ((uint64_t)INT64_MAX - v) / s + 1; /* values that do not pass INT64_MAX */
        kw_hist_add(h, INT64_MAX, (k - fit) * weight);
        k = fit;
        span = (k - 1) * s;
    }
    uint64_t last = v + span, left = k;
    size_t b = kw_hist_bucket((int64_t)v), end = kw_hist_bucket((int64_t)last);
    while (b != end) {
        uint64_t m = ((uint64_t)kw_hist_lower(b + 1) - v - 1) / s + 1; /* values below the bucket's upper edge */
        h->count[b] += m * weight;
        v += m * s;
        left -= m;
        b = kw_hist_bucket((int64_t)v);
    }
    assert(left > 0 && left <= k);
    h->count[b] += left * weight;
    h->n += k * weight;
    h->sum += (kw_i128)(((kw_u128)((uint64_t)first + last) * (k * weight)) >> 1); /* (first + last) * k is even */
    if (first < h->min) h->min = first;
    if ((int64_t)last > h->max) h->max = (int64_t)last;
}

void kw_hist_merge(struct kw_hist *into, const struct kw_hist *from)
{
    if (from->n == 0) return;
    assert(into->count && into != from && from->min <= from->max);
    size_t a = kw_hist_bucket(from->min), b = kw_hist_bucket(from->max);
    for (size_t i = a; i <= b; i++) into->count[i] += from->count[i];
    into->n += from->n;
    into->sum += from->sum;
    if (from->min < into->min) into->min = from->min;
    if (from->max > into->max) into->max = from->max;
}

/* What stands for a bucket's values: the middle of its integers, but never outside what was seen. */
static double middle(const struct kw_hist *h, size_t bucket)
{
    double m = (double)kw_hist_lower(bucket) + 0.5 * (double)(((uint64_t)1 << shift_of(bucket)) - 1);
    if (m < (double)h->min) return (double)h->min;
    return m > (double)h->max ? (double)h->max : m;
}

double kw_hist_quantile(const struct kw_hist *h, double p)
{
    double q;
    kw_hist_quantiles(h, &p, 1, &q);
    return q;
}

void kw_hist_quantiles(const struct kw_hist *h, const double *p, size_t n, double *out)
{
    size_t b = h->n ? kw_hist_bucket(h->min) : 0;
    uint64_t seen = h->n ? h->count[b] : 0;
    for (size_t i = 0; i < n; i++) {
        assert(i == 0 || p[i] >= p[i - 1]);
        out[i] = NAN;
        if (h->n == 0 || isnan(p[i])) continue;
        double want =
            ceil(p[i] * (double)h->n * (1 - 2 * DBL_EPSILON)); /* may land an ulp above the integer it means */
        uint64_t rank = want < 1 ? 1 : want >= (double)h->n ? h->n : (uint64_t)want;
        while (seen < rank) {
            b++;
            assert(b < KW_HIST_BUCKETS); /* the counts add up to n: the walk ends in the last bucket that holds any */
            seen += h->count[b];
        }
        out[i] = middle(h, b);
    }
}

double kw_hist_mean(const struct kw_hist *h)
{
    return h->n ? (double)h->sum / (double)h->n : NAN;
}
