/* sim/cli/commands/compare.h - commands over finished results: reprice, compare, report. Each returns the exit code. */
#ifndef KW_SIM_CLI_COMMANDS_COMPARE_H
#define KW_SIM_CLI_COMMANDS_COMPARE_H
#include "sim/cli/options.h"

int kw_cli_reprice(const struct kw_options *o);
int kw_cli_compare(const struct kw_options *o);
int kw_cli_report(const struct kw_options *o);

#endif
