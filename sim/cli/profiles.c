#include "sim/cli/profiles.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum kw_status offer_folder(struct kw_catalogue *c, struct kw_error *err)
{
    const char *env = getenv("KEEPWARM_PROFILES"), *folder = env ? env : "profiles";
    struct stat s;
    if (!*folder || (!env && (stat(folder, &s) || !S_ISDIR(s.st_mode)))) return KW_OK;
    enum kw_status st = kw_catalogue_offer_folder(c, folder, err);
    struct kw_error why = *err;
    if (st == KW_ENOMEM || st == KW_OK) return st;
    return kw_fail(err, st, "%.600s (%s; KEEPWARM_PROFILES= reads none)", why.msg,
                   env ? "of $KEEPWARM_PROFILES" : "every profile of ./profiles is read");
}

enum kw_status kw_cli_profiles(struct kw_catalogue *c, const struct kw_options *o, struct kw_error *err)
{
    enum kw_status st = offer_folder(c, err);
    for (size_t i = 0; st == KW_OK && i < o->profile.n; i++) st = kw_catalogue_offer_profile(c, o->profile.v[i], err);
    for (size_t i = 0; st == KW_OK && !o->quiet && i < o->profile.n; i++) {
        const struct kw_profile *mine = NULL;
        char name[KW_PROFILE_TEXT];
        for (size_t k = 0; k < c->profiles.n; k++)
            if (!strcmp(c->profiles.p[k].file, o->profile.v[i])) mine = &c->profiles.p[k];
        if (!mine) continue;
        const struct kw_profile *best =
            kw_profiles_find(&c->profiles, mine->gpu, mine->model, mine->precision, mine->tp);
        if (best != mine)
            fprintf(
                stderr,
                "keepwarm: %s is %s and is set aside: %s is %s (a deployment's \"profile\" takes it all the same)\n",
                mine->file, kw_grade_name[mine->steps.grade], kw_profile_name(best, name),
                kw_grade_name[best->steps.grade]);
    }
    return st;
}
