/* sim/cli/commands/bill.h - `keepwarm bill`: what a log costs at a provider, beside what the provider charged. */
#ifndef KW_SIM_CLI_COMMANDS_BILL_H
#define KW_SIM_CLI_COMMANDS_BILL_H
#include "sim/cli/options.h"

int kw_cli_bill(const struct kw_options *o);

#endif
