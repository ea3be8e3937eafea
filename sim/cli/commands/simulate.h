/* sim/cli/commands/simulate.h - the commands that simulate: run, sweep, plan, rerun. Each returns the exit code. */
#ifndef KW_SIM_CLI_COMMANDS_SIMULATE_H
#define KW_SIM_CLI_COMMANDS_SIMULATE_H
#include "sim/cli/options.h"

int kw_cli_run(const struct kw_options *o);
int kw_cli_sweep(const struct kw_options *o);
int kw_cli_plan(const struct kw_options *o);
int kw_cli_rerun(const struct kw_options *o);

#endif
