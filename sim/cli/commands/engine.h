/* sim/cli/commands/engine.h - engine generate | start | synth-weights | serve-trace | bench | serve. Each returns the
 * exit code. */
#ifndef KW_SIM_CLI_COMMANDS_ENGINE_H
#define KW_SIM_CLI_COMMANDS_ENGINE_H
#include "sim/cli/options.h"

int kw_cli_engine_generate(const struct kw_options *o);
int kw_cli_engine_start(const struct kw_options *o);
int kw_cli_engine_synth_weights(const struct kw_options *o);
int kw_cli_engine_serve_trace(const struct kw_options *o);
int kw_cli_engine_bench(const struct kw_options *o);
int kw_cli_engine_serve(const struct kw_options *o);

#endif
