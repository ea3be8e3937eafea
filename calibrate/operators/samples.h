/* calibrate/operators/samples.h - measured points of one operator: up to four coordinates and a time. What importers
 * hand to fits. */
#ifndef KW_CALIBRATE_OPERATORS_SAMPLES_H
#define KW_CALIBRATE_OPERATORS_SAMPLES_H
#include <stddef.h>
#include "sim/core/status.h"

struct kw_sample {
    double x[4]; /* the coordinates, as the importer documents them */
    double s;    /* seconds, > 0 */
};

struct kw_samples { /* owns p */
    struct kw_sample *p;
    size_t n, cap;
};
enum kw_status kw_samples_push(struct kw_samples *q, struct kw_sample p,
                               struct kw_error *err); /* KW_ENOMEM: unchanged */
void kw_samples_free(struct kw_samples *q);           /* back to empty; safe to call again */
/* Ascending by x[0], x[1], x[2], x[3], s: one order whatever the order of the file. */
void kw_samples_sort(struct kw_samples *q);

#endif
