/* calibrate/import/import.h - from the published tables of a data directory to a profile: reads, fits, sizes the KV
 * cache and adds the cold-start laws. What `keepwarm calibrate import` and `make profiles` call. */
#ifndef KW_CALIBRATE_IMPORT_IMPORT_H
#define KW_CALIBRATE_IMPORT_IMPORT_H
#include "calibrate/operators/operators.h"
#include "calibrate/profile/profile.h"

/* Builds the profile of `model` in `precision` on tp x `gpu` from dir (it holds published/ and calibration/).
 *
 * - RTX4090 and RTXPRO6000 with llama-3.1-8b bf16: from vllm_bench's own kernel tables of board and model.
 * - GPUs with operator tables (H100, H200, A100-80, L40S, B200): kw_fit, steps graded published.
 * - any other GPU of gpus.json: kw_estimate, steps graded estimated.
 *
 * *report (may be NULL) gets malloc'd text: leave-out errors, worst points, what is extrapolated or estimated.
 * KW_ERANGE: unknown GPU or model, a precision the GPU has not, heads that tp does not divide, a model that does not
 * fit. *p is empty on failure, else the caller frees it. */
enum kw_status kw_calibrate_import(struct kw_profile *p, const char *dir, const char *gpu, const char *model,
                                   const char *precision, unsigned tp, char **report, struct kw_error *err);

/* The same with the kernels of another engine, or its KV cache in another type: to judge what was measured on that
 * engine. No such profile ships. KW_ERANGE also for a GPU without that engine's tables. */
enum kw_status kw_calibrate_import_engine(struct kw_profile *p, const char *dir, const char *gpu, const char *model,
                                          const char *precision, unsigned tp, const struct kw_operators_engine *engine,
                                          char **report, struct kw_error *err);

/* Every combination that calibrate/data/profiles ships, one file each in out_dir; combinations that do not fit in
 * memory are passed over. Files are written only when their text changes. log gets one line a profile. */
enum kw_status kw_calibrate_ship(const char *dir, const char *out_dir, void (*log)(const char *line, void *arg),
                                 void *arg, struct kw_error *err);

#endif
