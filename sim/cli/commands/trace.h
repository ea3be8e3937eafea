/* sim/cli/commands/trace.h - trace info | formats | convert | synth | fit. Each returns the exit code. */
#ifndef KW_SIM_CLI_COMMANDS_TRACE_H
#define KW_SIM_CLI_COMMANDS_TRACE_H
#include "sim/cli/options.h"

int kw_cli_trace_info(const struct kw_options *o);
int kw_cli_trace_formats(const struct kw_options *o);
int kw_cli_trace_convert(const struct kw_options *o);
int kw_cli_trace_synth(const struct kw_options *o);
int kw_cli_trace_fit(const struct kw_options *o);

#endif
