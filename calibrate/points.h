/* calibrate/points.h - measured points of one operator: up to four coordinates and a time. What importers hand to fits. */
#ifndef KW_CALIBRATE_POINTS_H
#define KW_CALIBRATE_POINTS_H
#include <stddef.h>
#include "sim/core/status.h"

struct kw_point {
    double x[4]; /* the coordinates, as the importer documents them */
    double s;    /* seconds, > 0 */
};

struct kw_points { /* owns p */
    struct kw_point *p;
    size_t n, cap;
};
enum kw_status kw_points_push(struct kw_points *q, struct kw_point p, struct kw_error *err); /* KW_ENOMEM: unchanged */
void kw_points_free(struct kw_points *q); /* back to empty; safe to call again */
/* Ascending by x[0], x[1], x[2], x[3], s: one order whatever the order of the file. */
void kw_points_sort(struct kw_points *q);

#endif
