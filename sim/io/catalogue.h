/* sim/io/catalogue.h - what scenarios draw on: the embedded platforms and profiles, those loaded from files a scenario
 * names, and step times compiled from them. Must outlive every candidate made from it. */
#ifndef KW_IO_CATALOGUE_H
#define KW_IO_CATALOGUE_H
#include "calibrate/profile.h"
#include "platforms/platform.h"
#include "sim/plan/steptimes.h"

struct kw_catalogue {
    struct kw_platforms platforms;
    struct kw_profiles profiles;
    struct kw_steptimes steptimes;
    struct kw_catalogue_file { /* [n_files], owned */
        char *path;
        struct kw_platform *platform; /* what it was read as, NULL before that went well; owned */
        struct kw_profile *profile;
    } *file;
    size_t n_files;
    struct kw_profile **named; /* [n_named], owned: profiles by name alone */
    size_t n_named;
};

enum kw_status kw_catalogue_load(struct kw_catalogue *c, struct kw_error *err); /* everything embedded */
void kw_catalogue_free(struct kw_catalogue *c);

/* By name, or by the path of a JSON file (anything with a '/' or ending in ".json"), read once. KW_ERANGE names the
 * nearest known one. */
enum kw_status kw_catalogue_platform(struct kw_catalogue *c, const char *name, const struct kw_platform **out,
                                     struct kw_error *err);
/* Each of the n names that is the path of a platform file becomes the name inside it, and that platform one of
 * c->platforms, in place of the embedded one of its name if there is one. Once, and before any candidate is made; the names
 * then live as long as c. */
enum kw_status kw_catalogue_adopt(struct kw_catalogue *c, const char **names, size_t n, struct kw_error *err);
enum kw_status kw_catalogue_profile_file(struct kw_catalogue *c, const char *path, const struct kw_profile **out,
                                         struct kw_error *err);
/* A profile of which a result file knows no more than these words: it may have been the user's own. Enough to price what
 * was simulated with it, not to simulate. KW_ERANGE: a word is longer than a profile's. */
enum kw_status kw_catalogue_profile_named(struct kw_catalogue *c, const char *gpu, const char *model, const char *precision,
                                          uint32_t tp, const struct kw_profile **out, struct kw_error *err);

#endif
