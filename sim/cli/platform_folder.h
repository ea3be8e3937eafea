/* sim/cli/platform_folder.h - the user's own platform files: those of --platforms FOLDER, else of $KEEPWARM_PLATFORMS; none
 * where neither is given. Each stands in the place of the built-in one of its name. */
#ifndef KW_SIM_CLI_PLATFORM_FOLDER_H
#define KW_SIM_CLI_PLATFORM_FOLDER_H
#include "sim/cli/options.h"
#include "sim/io/scenario/catalogue.h"

/* Offers them to the catalogue, before any candidate is made, and says on stderr which they are unless quiet. */
enum kw_status kw_cli_platforms(struct kw_catalogue *c, const struct kw_options *o, struct kw_error *err);

#endif
