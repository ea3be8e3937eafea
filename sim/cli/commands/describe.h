/* sim/cli/commands/describe.h - what there is to write and to choose from: init | schema | models. Each returns the exit
 * code. */
#ifndef KW_SIM_CLI_COMMANDS_DESCRIBE_H
#define KW_SIM_CLI_COMMANDS_DESCRIBE_H
#include "sim/cli/options.h"

int kw_cli_init(const struct kw_options *o);
int kw_cli_schema(const struct kw_options *o);
int kw_cli_models(const struct kw_options *o);

#endif
