/* sim/core/ascending.h - the order of doubles for qsort: from the smallest. None of them may be NAN. */
#ifndef KW_CORE_ASCENDING_H
#define KW_CORE_ASCENDING_H

int kw_ascending(const void *a, const void *b);

#endif
