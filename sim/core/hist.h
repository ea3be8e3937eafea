/* sim/core/hist.h - mergeable log-bucket histograms of non-negative int64 (ns): relative error of any percentile
 * <= 0.1 %. 512 buckets an octave above 512, exact integers below. Adding is O(1); merging is a sum, so the order of
 * merging does not matter and any number of threads gives the same bytes. */
#ifndef KW_CORE_HIST_H
#define KW_CORE_HIST_H
#include <stddef.h>
#include <stdint.h>
#include "sim/core/units.h"

#define KW_HIST_SUB_BITS 9
#define KW_HIST_BUCKETS ((64 - KW_HIST_SUB_BITS) << KW_HIST_SUB_BITS)

struct kw_hist {
    uint64_t *count; /* [KW_HIST_BUCKETS], owned; calloc, so untouched octaves cost no memory */
    uint64_t n;      /* sum of counts */
    kw_i128 sum;    /* exact sum of the values added (ns) */
    int64_t min, max;
};

enum kw_status kw_hist_init(struct kw_hist *h, struct kw_error *err);
void kw_hist_free(struct kw_hist *h);
void kw_hist_clear(struct kw_hist *h);

/* Bucket of v >= 0; negative values count as 0. The bucket's lower edge, inclusive; upper edge is the next one's lower. */
size_t kw_hist_bucket(int64_t v);
int64_t kw_hist_lower(size_t bucket);

void kw_hist_add(struct kw_hist *h, int64_t v, uint64_t weight);

/* The k values first, first+step, ..., first+(k-1)*step, each with the weight: same counts, n, min, max and sum as k
 * calls of kw_hist_add, in O(buckets touched). first >= 0, step >= 0. Used for ITL over a decode ramp. */
void kw_hist_add_ramp(struct kw_hist *h, int64_t first, int64_t step, uint64_t k, uint64_t weight);

void kw_hist_merge(struct kw_hist *into, const struct kw_hist *from);

/* The p-quantile, 0 <= p <= 1: the value at rank ceil(p*n) (nearest rank), as the middle of its bucket clamped to
 * [min, max]. NAN when empty. Result in the unit of the values. */
double kw_hist_quantile(const struct kw_hist *h, double p);
double kw_hist_mean(const struct kw_hist *h); /* exact sum / n; NAN when empty */
/* How many values are <= v, counting whole buckets whose middle is <= v. */
uint64_t kw_hist_count_le(const struct kw_hist *h, int64_t v);

#endif
