/* sim/io/scenario/catalogue.h - what scenarios draw on: the embedded platforms and profiles, those the user offers or a
 * scenario names, and step times compiled from them. Must outlive every candidate made from it. */
#ifndef KW_SIM_IO_SCENARIO_CATALOGUE_H
#define KW_SIM_IO_SCENARIO_CATALOGUE_H
#include "calibrate/profile/link.h"
#include "calibrate/profile/profile.h"
#include "platforms/facts/platform.h"
#include "platforms/facts/platforms.h"
#include "platforms/facts/self_managed.h"
#include "sim/core/text.h"
#include "sim/core/zone.h"
#include "sim/io/scenario/search_path.h"
#include "sim/plan/sweep/steptimes.h"

struct kw_profile_words { /* borrowed; all after precision may be NULL: not known */
    const char *gpu, *model, *precision, *file, *sha256, *grade, *link, *link_grade;
    struct kw_parallel par;
};

struct kw_catalogue {
    struct kw_platforms platforms;
    struct kw_self_managed_all autoscalers; /* that users run */
    struct kw_profiles profiles;
    enum kw_expert_routing routing; /* of the profiles made here: what the scenario, or the point of its grid, says */
    struct kw_steptimes steptimes;
    struct kw_catalogue_file { /* [n_files], owned */
        char *path;
        struct kw_platform *platform; /* what it was read as, NULL before that went well; owned */
        struct kw_profile *profile;
        char model_sha256[65]; /* of a model's config.json; "" of others */
    } * file;
    size_t n_files;
    struct kw_zone **zone; /* [n_zones], owned */
    size_t n_zones;
    char as_of[11];            /* the day that offers are judged by */
    struct kw_profile **named; /* [n_named], owned: profiles by name alone */
    size_t n_named;
    struct kw_catalogue_linked { /* [n_linked], owned: profiles over another link than their own */
        const struct kw_profile *from;
        struct kw_profile *profile;
    } * linked;
    size_t n_linked;
    struct kw_profile **grouped; /* [n_grouped], owned: profiles made for several ranks or whole experts */
    size_t n_grouped;
    const struct kw_search_path
        *search_path;   /* where files that a scenario names lie; NULL: the working folder; borrowed */
    bool beside;        /* one of them was found in search_path->folder[0] */
    const char *pinned; /* as kw_catalogue_profiles_text has it, or NULL: what each profile file must be; borrowed */
    const char *pinned_platforms; /* the same of platform files, as kw_catalogue_platforms_text has them */
};

/* Everything embedded, and offers as they stand on a day: as_of, YYYY-MM-DD; NULL: kw_date_today. */
enum kw_status kw_catalogue_load(struct kw_catalogue *c, const char *as_of, struct kw_error *err);
void kw_catalogue_free(struct kw_catalogue *c);

/* By name, or by the path of a JSON file (anything with a '/' or ending in ".json"; search_path says where), read once.
 * KW_ERANGE names the nearest known one. */
enum kw_status kw_catalogue_platform(struct kw_catalogue *c, const char *name, const struct kw_platform **out,
                                     struct kw_error *err);
/* A time zone by its name, read once. KW_ERANGE, KW_EINPUT as kw_zone_load has them. */
enum kw_status kw_catalogue_zone(struct kw_catalogue *c, const char *name, const struct kw_zone **out,
                                 struct kw_error *err);
/* The same; one that this machine does not know is a name alone: enough to tell of what was simulated, not to simulate. */
enum kw_status kw_catalogue_zone_named(struct kw_catalogue *c, const char *name, const struct kw_zone **out,
                                       struct kw_error *err);
/* Each of the n names that is the path of a platform file (search_path says where) becomes the name inside it, and that
 * platform one of c->platforms, in place of the embedded one of its name if there is one. Once, and before any
 * candidate is made; the names then live as long as c. */
enum kw_status kw_catalogue_adopt(struct kw_catalogue *c, const char **names, size_t n, struct kw_error *err);
/* The profile in a file (search_path says where), read once. It serves whoever names it and nobody else. */
enum kw_status kw_catalogue_profile_file(struct kw_catalogue *c, const char *path, const struct kw_profile **out,
                                         struct kw_error *err);
/* A profile with its all-reduces (link: over its tp GPUs) and what its ranks exchange (over dp GPUs; of no GPUs where there
 * are none) over another link, made once for each of the two: the rest of a step stays. KW_ERANGE:
 * it is of one GPU, or does not tell its all-reduces apart, or its model's shape is not known. */
enum kw_status kw_catalogue_linked(struct kw_catalogue *c, const struct kw_profile *from, const struct kw_link *link,
                                   const struct kw_link *exchange, const struct kw_profile **out, struct kw_error *err);
/* The profile of a model on `par` of the GPU: one that was offered, else made on the spot and once for each routing. KW_ERANGE as
 * kw_on_the_spot, or the model's shape is not known. */
enum kw_status kw_catalogue_group(struct kw_catalogue *c, const char *gpu, const char *model, const char *precision,
                                  struct kw_parallel par, const struct kw_profile **out, struct kw_error *err);
/* "expert_routing" of a scenario, or of a point of its grid: which experts the profiles made from here on are of. */
enum kw_status kw_catalogue_routing(struct kw_catalogue *c, struct kw_jnode root, struct kw_error *err);
/* Whether p is of c->routing; whoever wrote a file has said so there, and of dense models every one is. */
bool kw_catalogue_routes(const struct kw_catalogue *c, const struct kw_profile *p);
/* A profile of which a result file knows no more than these words: it may have been the user's own. Enough to price
 * what was simulated with it, not to simulate. KW_ERANGE: a word is longer than a profile's. */
enum kw_status kw_catalogue_profile_named(struct kw_catalogue *c, const struct kw_profile_words *w,
                                          const struct kw_profile **out, struct kw_error *err);
/* The profile in a file becomes one of c->profiles, where the best grade of each combination is taken by itself.
 * Before any candidate is made. Messages name the file. KW_ERANGE: what stands there is not what c->pinned has of
 * it. */
enum kw_status kw_catalogue_offer_profile(struct kw_catalogue *c, const char *path, struct kw_error *err);
/* All *.json of a folder, by name. KW_EINPUT: it cannot be read. */
enum kw_status kw_catalogue_offer_folder(struct kw_catalogue *c, const char *folder, struct kw_error *err);
/* Keeps what a model's config.json holds, at `file`, which a scenario or command calls `path`. KW_ERANGE: not what c->pinned
 * has of it. */
enum kw_status kw_catalogue_model_file(struct kw_catalogue *c, const char *path, const char *file,
                                       struct kw_error *err);
/* The profile files read, a line "SHA256 offered PATH" or "SHA256 named PATH" each, in the order in which offering
 * them again gives the same catalogue, and the config.json of models, "SHA256 model PATH"; what a result keeps. */
void kw_catalogue_profiles_text(const struct kw_catalogue *c, struct kw_text *out);
/* The platform files read, a line "SHA256 offered NAME PATH" or "SHA256 named NAME PATH" each; what a result keeps. */
void kw_catalogue_platforms_text(const struct kw_catalogue *c, struct kw_text *out);
struct kw_platform_line {             /* one of those lines, cut up; borrowed, not NUL-terminated but by lengths */
    const char *sha256, *name, *path; /* sha256 NULL: of a result of before they were kept */
    int name_len, path_len;
    bool offered;
};
/* The next line of *text, which is moved behind it; false: there is none. */
bool kw_platform_line_next(const char **text, struct kw_platform_line *line);
/* All *.json of a folder become platforms, each in the place of the embedded one of its name. Before any candidate is
 * made. KW_EINPUT: it cannot be read; KW_ERANGE: two files are of one name. */
enum kw_status kw_catalogue_offer_platforms(struct kw_catalogue *c, const char *folder, struct kw_error *err);
/* The same for the files that such a text says were offered; pin: each platform file of the text must be what it was. text
 * must outlive c. */
enum kw_status kw_catalogue_offer_pinned_platforms(struct kw_catalogue *c, const char *text, bool pin,
                                                   struct kw_error *err);
/* Offers the files such a text says were offered; pin: each file of the text must be what it was. text must outlive
 * c. */
enum kw_status kw_catalogue_offer_pinned(struct kw_catalogue *c, const char *text, bool pin, struct kw_error *err);

#endif
