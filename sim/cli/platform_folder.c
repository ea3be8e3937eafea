#include "sim/cli/platform_folder.h"
#include <stdlib.h>
#include "sim/cli/output.h"

static void tell(const struct kw_catalogue *c, const char *folder)
{
    struct kw_text names = { 0 };
    for (size_t i = 0; i < c->platforms.n; i++)
        if (c->platforms.p[i].offered) kw_text_add(&names, "%s%s", names.n ? ", " : "", c->platforms.p[i].name);
    kw_cli_note("platforms of %s: %s", folder, names.n ? names.s : "none");
    kw_text_free(&names);
}

enum kw_status kw_cli_platforms(struct kw_catalogue *c, const struct kw_options *o, struct kw_error *err)
{
    const char *env = getenv("KEEPWARM_PLATFORMS"), *folder = o->platforms ? o->platforms : env;
    if (!folder || !*folder) return KW_OK;
    enum kw_status st = kw_catalogue_offer_platforms(c, folder, err);
    struct kw_error why = *err;
    if (st == KW_OK && !o->quiet) tell(c, folder);
    if (st == KW_OK || st == KW_ENOMEM || o->platforms) return st;
    return kw_fail(err, st, "%.600s (of $KEEPWARM_PLATFORMS; KEEPWARM_PLATFORMS= reads none)", why.msg);
}
