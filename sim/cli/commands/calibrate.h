/* sim/cli/commands/calibrate.h - calibrate show | import | measure | fit | convert | validate | scale. Each returns the
 * exit code. */
#ifndef KW_SIM_CLI_COMMANDS_CALIBRATE_H
#define KW_SIM_CLI_COMMANDS_CALIBRATE_H
#include "calibrate/measure/measure.h"
#include "sim/cli/options.h"

int kw_cli_calibrate_show(const struct kw_options *o);
int kw_cli_calibrate_import(const struct kw_options *o);
int kw_cli_calibrate_scale(const struct kw_options *o);
int kw_cli_calibrate_measure(const struct kw_options *o);
int kw_cli_calibrate_fit(const struct kw_options *o);
int kw_cli_calibrate_convert(const struct kw_options *o);
int kw_cli_calibrate_validate(const struct kw_options *o);

/* Seconds of --budget "90s", "15m", "1h" or "30" (s); 120 for NULL. KW_EUSAGE. */
enum kw_status kw_cli_calibrate_budget(double *s, const char *text, struct kw_error *err);
/* kw_measure_head with this build's revision and today's date. */
enum kw_status kw_cli_calibrate_head(struct kw_measured_head *h, const struct kw_engine *e, const struct kw_options *o,
                                     struct kw_error *err);

#endif
