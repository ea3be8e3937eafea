/* sim/plan/sweep/apart.h - one label, one configuration: what labels that read the same differ in. */
#ifndef KW_SIM_PLAN_SWEEP_APART_H
#define KW_SIM_PLAN_SWEEP_APART_H
#include "sim/plan/sweep/candidate.h"

/* Word w of candidate i as "name=value" into buf, "" where it has none; false past the last word. */
typedef bool (*kw_apart_word)(const void *context, const struct kw_candidate *c, size_t i, uint32_t w, char *buf,
                              size_t size);

/* Candidates whose labels read the same get the words in which they differ as `apart`, which kw_candidate_label adds;
 * the others keep theirs. The words are the caller's (a sweep's axes), or with NULL the settings that a label leaves
 * out; where all are equal, or too long, the ordinal tells them apart. O(n log n). */
enum kw_status kw_candidates_tell_apart(struct kw_candidate *c, size_t n, kw_apart_word word, const void *context,
                                        struct kw_error *err);

#endif
