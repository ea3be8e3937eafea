/* sim/cli/commands/calibrate_own.h - calibrate import TABLE... and fit --requests LOG: a profile from a user's own tables,
 * from what a server's answers took. Each returns the exit code. */
#ifndef KW_SIM_CLI_COMMANDS_CALIBRATE_OWN_H
#define KW_SIM_CLI_COMMANDS_CALIBRATE_OWN_H
#include "calibrate/profile/profile.h"
#include "sim/cli/options.h"

int kw_cli_calibrate_import_own(const struct kw_options *o);
int kw_cli_calibrate_fit_requests(const struct kw_options *o);

/* The profile that steps are put into: the user's, or what is known of --gpu, --model and --tp. */
enum kw_status kw_cli_calibrate_base(struct kw_profile *p, const struct kw_options *o, struct kw_error *err);

#endif
