/* calibrate/import/import_vidur.h - tables published with microsoft/vidur (MIT): all-reduce over NVLink. */
#ifndef KW_CALIBRATE_IMPORT_IMPORT_VIDUR_H
#define KW_CALIBRATE_IMPORT_IMPORT_VIDUR_H
#include "calibrate/operators/samples.h"

/* Appends the all-reduce over `workers` GPUs of one node: x = { bytes }, sorted. Times are the smallest of the runs,
 * made non-decreasing from the largest size down: a message cannot take longer than a larger one did, so what remains
 * above that is the launch jitter of eager NCCL calls, which a CUDA graph does not have. KW_ERANGE when no row matches.
 */
enum kw_status kw_import_vidur_all_reduce(struct kw_samples *out, const char *path, unsigned workers,
                                          struct kw_error *err);

#endif
