/* sim/cli/commands/platforms_import.h - `platforms import`: catalogues of prices as users download them, compared with what
 * ships, and their newer facts written as platform files. */
#ifndef KW_SIM_CLI_COMMANDS_PLATFORMS_IMPORT_H
#define KW_SIM_CLI_COMMANDS_PLATFORMS_IMPORT_H
#include "sim/cli/options.h"

int kw_cli_platforms_import(const struct kw_options *o);

#endif
