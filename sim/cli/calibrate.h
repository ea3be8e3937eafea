/* sim/cli/calibrate.h - calibrate show | import | measure | fit | convert | validate | scale. Each returns the exit code. */
#ifndef KW_CLI_CALIBRATE_H
#define KW_CLI_CALIBRATE_H
#include "sim/cli/options.h"

int kw_cli_calibrate_show(const struct kw_options *o);
int kw_cli_calibrate_import(const struct kw_options *o);
int kw_cli_calibrate_scale(const struct kw_options *o);
int kw_cli_calibrate_measure(const struct kw_options *o);
int kw_cli_calibrate_fit(const struct kw_options *o);
int kw_cli_calibrate_convert(const struct kw_options *o);
int kw_cli_calibrate_validate(const struct kw_options *o);

#endif
