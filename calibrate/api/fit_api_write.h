/* calibrate/api/fit_api_write.h - a fit of an API's latency as JSON: to be put into a deployment of a scenario, into a
 * platform file, or read by a program. */
#ifndef KW_CALIBRATE_API_FIT_API_WRITE_H
#define KW_CALIBRATE_API_FIT_API_WRITE_H
#include "calibrate/api/fit_api.h"
#include "sim/core/text.h"

/* The keys of a scenario's deployment, a member a line after `indent` blanks: ttft, ttft_known_to, ttft_per_ktok where
 * it is kept, output_rate, output_rate_known_to; each law with its provenance. */
void kw_api_fit_deployment(struct kw_text *out, const struct kw_api_fit *f, int indent);

/* The whole fit as one object for programs; `model` and `platform` may be NULL. */
void kw_api_fit_json(struct kw_text *out, const struct kw_api_fit *f, const char *platform, const char *model);

/* *out = the platform file `text` (a sound one) with the fit as the latency of the first offer of that model and sku: what
 * it said of its latency is gone, a source is added, and all else stays. malloc'd; KW_ERANGE: it has no such offer;
 * KW_ENOMEM. */
enum kw_status kw_api_fit_into(char **out, const char *text, const char *model, const char *sku,
                               const struct kw_api_fit *f, struct kw_error *err);

#endif
