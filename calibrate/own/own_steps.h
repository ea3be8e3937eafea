/* calibrate/own/own_steps.h - whole engine steps that a user timed, as plain CSV, to a profile. Columns by name, in any
 * order, gzip too:
 *
 *   batch,context,ms     decode: `batch` sequences of `context` tokens each in the KV cache after the step
 *   tokens,past,ms       prefill: one prompt's `tokens` after `past` that were there before
 *
 * one kind a file, or both in one, where a row leaves the other kind's cells empty. A point may have several rows: their
 * median counts. The fit is that of our own engine's points (calibrate/measure/fit_measured.h), in the relative error. */
#ifndef KW_CALIBRATE_OWN_OWN_STEPS_H
#define KW_CALIBRATE_OWN_OWN_STEPS_H
#include <stdbool.h>
#include "calibrate/own/own_base.h"

/* Does the file's head look like such a table? */
bool kw_own_steps_is(const char *head, size_t n);

/* p: of kw_own_base, whose steps it replaces; where no file holds prompts, prefill is the base's, and says so. paths[0..n).
 * Errors, the worst points and what was not in the files go to report. KW_EPARSE, KW_ERANGE: "path:line: column: what";
 * too few points. *p has no tables after a failure. */
enum kw_status kw_own_steps(struct kw_profile *p, const char *const *paths, size_t n,
                            const struct kw_own_origin *origin, FILE *report, struct kw_error *err);

#endif
