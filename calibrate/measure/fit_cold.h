/* calibrate/measure/fit_cold.h - what a step takes more when the caches hold something else, from the pairs of points
 * that measure.h timed for it: after a prompt or idle time, and the same steps settled.
 *
 *   after_prompt   median over the pairs of the twelve decodes after a prompt less the twelve after those; where not
 *                  most of the pairs are above by their intervals, 0
 *   idle           the same of a prompt after each idle time measured; the longer, the more: what a shorter time shows,
 *                  a longer one does not undo */
#ifndef KW_CALIBRATE_MEASURE_FIT_COLD_H
#define KW_CALIBRATE_MEASURE_FIT_COLD_H
#include <stdio.h>
#include "calibrate/measure/measured.h"
#include "calibrate/profile/steptime.h"

/* A line each to report. KW_ENOMEM. */
enum kw_status kw_fit_cold(struct kw_step_cold *to, const struct kw_measured *m, FILE *report, struct kw_error *err);

#endif
