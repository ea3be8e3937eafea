/* sim/cli/commands/calibrate_api.h - calibrate fit-api, and what `trace info` says of a platform's law beside a log. */
#ifndef KW_SIM_CLI_COMMANDS_CALIBRATE_API_H
#define KW_SIM_CLI_COMMANDS_CALIBRATE_API_H
#include "sim/cli/options.h"
#include "sim/core/text.h"
#include "workloads/trace.h"

int kw_cli_calibrate_fit_api(const struct kw_options *o); /* the exit code */

/* Lines for `trace info --platform P --model M`: what P's law of M says of this trace's requests beside what they took;
 * json: one member ",\n  \"law\": {...}". KW_EUSAGE, KW_ERANGE: no such platform or model, no law, nothing observed. */
enum kw_status kw_cli_compare_law(struct kw_text *out, const struct kw_trace *t, const struct kw_options *o, bool json,
                                  struct kw_error *err);

#endif
