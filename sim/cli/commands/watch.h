/* sim/cli/commands/watch.h - keepwarm watch: what logs cost, hour by hour. */
#ifndef KW_SIM_CLI_COMMANDS_WATCH_H
#define KW_SIM_CLI_COMMANDS_WATCH_H
#include "sim/cli/options.h"

int kw_cli_watch(const struct kw_options *o);

#endif
