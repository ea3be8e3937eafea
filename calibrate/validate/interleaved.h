/* calibrate/validate/interleaved.h - validation on a machine whose speed changes by itself (a virtual one, a laptop
 * that gets warm): the engine is measured and serves interleaved, and each run is judged by a profile of the
 * measurements just before and just after it. What the machine changes over minutes is then in both alike, and what is
 * left is the simulator's own error.
 *
 *   measure   serve run 0   measure   serve run 1   measure   ...   serve the last   measure
 *      \______ profile 0 ______/ \______ profile 1 ______/
 *
 * A round of measuring visits every point of measure.h's grid once. The profile of a run is kw_fit_measured on its two
 * rounds; it has not seen the run. */
#ifndef KW_CALIBRATE_VALIDATE_INTERLEAVED_H
#define KW_CALIBRATE_VALIDATE_INTERLEAVED_H
#include "calibrate/measure/measure.h"
#include "calibrate/validate/validate.h"

/* head: of the points, which are also written to f as measured.h has them, after those of `from_s` seconds (NULL:
 * nowhere). how: of one round; its budget_s must be set. Rate and speed come from the first round. As kw_validate
 * otherwise; the profile of the last run goes to *last unless that is NULL. */
enum kw_status kw_validate_interleaved(struct kw_validated *v, struct kw_profile *last, struct kw_engine *e,
                                       const struct kw_measured_head *head, FILE *f, double from_s,
                                       const struct kw_measure_options *how, const struct kw_validate_traffic *traffic,
                                       const struct kw_validate_options *o, struct kw_error *err);

#endif
