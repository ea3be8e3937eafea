/* sim/cli/commands/calibrate_observe.h - calibrate observe: a profile from a live server. Returns the exit code. */
#ifndef KW_SIM_CLI_COMMANDS_CALIBRATE_OBSERVE_H
#define KW_SIM_CLI_COMMANDS_CALIBRATE_OBSERVE_H
#include "sim/cli/options.h"

int kw_cli_calibrate_observe(const struct kw_options *o);

#endif
