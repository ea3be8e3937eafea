/* sim/cli/commands/platforms.h - platforms list | show | check. Each returns the exit code. */
#ifndef KW_SIM_CLI_COMMANDS_PLATFORMS_H
#define KW_SIM_CLI_COMMANDS_PLATFORMS_H
#include "sim/cli/options.h"

int kw_cli_platforms_list(const struct kw_options *o);
int kw_cli_platforms_show(const struct kw_options *o);
int kw_cli_platforms_check(const struct kw_options *o);

#endif
