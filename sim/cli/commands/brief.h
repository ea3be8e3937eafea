/* sim/cli/commands/brief.h - keepwarm brief: the numbers of the text this project began with, by its own assumptions, and as
 * simulated. */
#ifndef KW_SIM_CLI_COMMANDS_BRIEF_H
#define KW_SIM_CLI_COMMANDS_BRIEF_H
#include "sim/cli/options.h"

int kw_cli_brief(const struct kw_options *o);

#endif
