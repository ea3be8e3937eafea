/* sim/cli/profiles.h - the user's own profiles: those of $KEEPWARM_PROFILES (a folder; ./profiles where it is not set
 * and exists; none when it is empty) and of --profile. */
#ifndef KW_SIM_CLI_PROFILES_H
#define KW_SIM_CLI_PROFILES_H
#include "sim/cli/options.h"
#include "sim/io/scenario/catalogue.h"

/* Offers them to the catalogue, the folder's first. A --profile that a better one sets aside is named on stderr unless
 * quiet. */
enum kw_status kw_cli_profiles(struct kw_catalogue *c, const struct kw_options *o, struct kw_error *err);

#endif
