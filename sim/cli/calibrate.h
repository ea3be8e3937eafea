/* sim/cli/calibrate.h - calibrate show | import. Each returns the exit code. */
#ifndef KW_CLI_CALIBRATE_H
#define KW_CLI_CALIBRATE_H
#include "sim/cli/options.h"

int kw_cli_calibrate_show(const struct kw_options *o);
int kw_cli_calibrate_import(const struct kw_options *o);

#endif
