/* sim/core/hist.h - mergeable log-bucket histograms of non-negative int64 (ns): relative error of any percentile
 * <= 0.1 %. 512 buckets an octave above 512, exact integers below. Adding is O(1); merging is a sum, so the order of
 * merging does not matter and any number of threads gives the same bytes. */
#ifndef KW_SIM_CORE_HIST_H
#define KW_SIM_CORE_HIST_H
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"
#include "sim/core/units.h"

#define KW_HIST_SUB_BITS 9
#define KW_HIST_BUCKETS ((64 - KW_HIST_SUB_BITS) << KW_HIST_SUB_BITS)

struct kw_hist {
    uint64_t *count;  /* [KW_HIST_BUCKETS], owned; calloc, so untouched octaves cost no memory */
    uint64_t n;       /* sum of counts */
    kw_i128 sum;      /* exact sum of the values added (ns) */
    int64_t min, max; /* min INT64_MAX and max -1 while n is 0 */
};

enum kw_status kw_hist_init(struct kw_hist *h, struct kw_error *err); /* KW_ENOMEM leaves count NULL */
void kw_hist_free(struct kw_hist *h);                                 /* safe to call again */
void kw_hist_clear(struct kw_hist *h);

/* Bucket of v >= 0; negative values count as 0. With shift = max(0, floor(log2 v) - 9), bucket = 512 * shift + (v >>
 * shift): 1024 exact integers, then 512 buckets an octave, so half a bucket is at most 1/1024 of its lower edge. */
static inline size_t kw_hist_bucket(int64_t v)
{
    uint64_t u = v > 0 ? (uint64_t)v : 0;
    unsigned shift = 63 - KW_HIST_SUB_BITS - (unsigned)__builtin_clzll(u | (1u << KW_HIST_SUB_BITS));
    return ((size_t)shift << KW_HIST_SUB_BITS) + (size_t)(u >> shift);
}

/* The bucket's lower edge, inclusive; its upper edge is the next one's lower. INT64_MAX from KW_HIST_BUCKETS on. */
int64_t kw_hist_lower(size_t bucket);

/* v as often as weight says; weight 0 changes nothing. The sum of all weights must stay below 2^64. */
static inline void kw_hist_add(struct kw_hist *h, int64_t v, uint64_t weight)
{
    if (v < 0) v = 0;
    h->count[kw_hist_bucket(v)] += weight;
    h->n += weight;
    h->sum += (kw_i128)v * weight;
    if (weight && v < h->min) h->min = v;
    if (weight && v > h->max) h->max = v;
}

/* The k values first, first+step, ..., first+(k-1)*step, each with the weight: same counts, n, min, max and sum as k
 * calls of kw_hist_add, in O(buckets touched). first >= 0, step >= 0; what would pass INT64_MAX counts as INT64_MAX.
 * Used for ITL over a decode ramp. */
void kw_hist_add_ramp(struct kw_hist *h, int64_t first, int64_t step, uint64_t k, uint64_t weight);

void kw_hist_merge(struct kw_hist *into, const struct kw_hist *from);

/* The p-quantile, 0 <= p <= 1: the value at rank ceil(p*n) (nearest rank; 0.07 of 100 is rank 7, whatever the double
 * nearest to 0.07 says), as the middle of its bucket clamped to [min, max]. NAN when empty. In the unit of the values.
 */
double kw_hist_quantile(const struct kw_hist *h, double p);
void kw_hist_quantiles(const struct kw_hist *h, const double *p, size_t n,
                       double *out);          /* n of them in one walk; p ascends */
double kw_hist_mean(const struct kw_hist *h); /* exact sum / n; NAN when empty */

#endif
