/* sim/core/ascending.h - the order of doubles for qsort: from the smallest. None of them may be NAN. */
#ifndef KW_SIM_CORE_ASCENDING_H
#define KW_SIM_CORE_ASCENDING_H
#include <stddef.h>

int kw_ascending(const void *a, const void *b);
/* Sorts v; its middle, or the mean of the two in the middle; NAN without a value. */
double kw_median(double *v, size_t n);

#endif
