#include "sim/io/scenario/catalogue.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "platforms/facts/platform_read.h"
#include "platforms/facts/platforms.h"
#include "sim/core/date.h"
#include "sim/core/files/json.h"
#include "sim/core/files/sha256.h"

enum kw_status kw_catalogue_load(struct kw_catalogue *c, const char *as_of, struct kw_error *err)
{
    memset(c, 0, sizeof *c);
    kw_steptimes_init(&c->steptimes);
    enum kw_status st = KW_OK;
    if (as_of)
        snprintf(c->as_of, sizeof c->as_of, "%s", as_of);
    else
        st = kw_date_today(c->as_of, err);
    if (st == KW_OK) st = kw_platforms_embedded(&c->platforms, err);
    if (st == KW_OK) st = kw_self_managed_embedded(&c->autoscalers, err);
    for (size_t i = 0; i < c->platforms.n; i++) kw_platform_as_of(&c->platforms.p[i], c->as_of);
    if (st == KW_OK) st = kw_profiles_embedded(&c->profiles, err);
    if (st != KW_OK) kw_catalogue_free(c);
    return st;
}

void kw_catalogue_free(struct kw_catalogue *c)
{
    kw_steptimes_free(&c->steptimes);
    for (size_t i = 0; i < c->n_files; i++) {
        if (c->file[i].platform) kw_platform_free(c->file[i].platform);
        if (c->file[i].profile) kw_profile_free(c->file[i].profile);
        free(c->file[i].platform);
        free(c->file[i].profile);
        free(c->file[i].path);
    }
    free(c->file);
    for (size_t i = 0; i < c->n_named; i++) free(c->named[i]);
    free(c->named);
    for (size_t i = 0; i < c->n_linked; i++) {
        free(c->linked[i].profile->tables.comm.y); /* the rest is its source's */
        free(c->linked[i].profile);
    }
    free(c->linked);
    for (size_t i = 0; i < c->n_grouped; i++) {
        kw_profile_free(c->grouped[i]);
        free(c->grouped[i]);
    }
    free(c->grouped);
    for (size_t i = 0; i < c->n_zones; i++) {
        kw_zone_free(c->zone[i]);
        free(c->zone[i]);
    }
    free(c->zone);
    kw_profiles_free(&c->profiles);
    kw_platforms_free(&c->platforms);
    kw_self_managed_free(&c->autoscalers);
    memset(c, 0, sizeof *c);
}

static struct kw_catalogue_file *find_file(struct kw_catalogue *c, const char *path)
{
    for (size_t i = 0; i < c->n_files; i++)
        if (!strcmp(c->file[i].path, path)) return &c->file[i];
    return NULL;
}

/* A new empty slot at the end. */
/* The list moves when it grows; what it points to does not, and candidates keep pointers to that. */
static enum kw_status add_file(struct kw_catalogue *c, const char *path, struct kw_catalogue_file **out,
                               struct kw_error *err)
{
    struct kw_catalogue_file *f = realloc(c->file, (c->n_files + 1) * sizeof *f);
    if (f) c->file = f;
    char *copy = malloc(strlen(path) + 1);
    if (!f || !copy) {
        free(copy);
        return kw_fail(err, KW_ENOMEM, "out of memory");
    }
    *out = &f[c->n_files++];
    **out = (struct kw_catalogue_file){ .path = strcpy(copy, path) };
    return KW_OK;
}

static enum kw_status find_zone(struct kw_catalogue *c, const char *name, bool name_suffices,
                                const struct kw_zone **out, struct kw_error *err)
{
    for (size_t i = 0; i < c->n_zones; i++)
        if (!strcmp(c->zone[i]->name, name)) {
            *out = c->zone[i];
            return KW_OK;
        }
    struct kw_zone **grown = realloc(c->zone, (c->n_zones + 1) * sizeof *grown), *z = malloc(sizeof *z);
    if (grown) c->zone = grown;
    enum kw_status st = grown && z ? kw_zone_load(z, name, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    if (name_suffices && (st == KW_ERANGE || st == KW_EINPUT)) {
        snprintf(z->name, sizeof z->name, "%s", name);
        st = KW_OK;
    }
    if (st != KW_OK) {
        free(z);
        return st;
    }
    *out = c->zone[c->n_zones++] = z;
    return KW_OK;
}

enum kw_status kw_catalogue_zone(struct kw_catalogue *c, const char *name, const struct kw_zone **out,
                                 struct kw_error *err)
{
    return find_zone(c, name, false, out, err);
}

enum kw_status kw_catalogue_zone_named(struct kw_catalogue *c, const char *name, const struct kw_zone **out,
                                       struct kw_error *err)
{
    return find_zone(c, name, true, out, err);
}

static bool is_path(const char *name)
{
    size_t n = strlen(name);
    return strchr(name, '/') || (n > 5 && !strcmp(name + n - 5, ".json"));
}

static enum kw_status unknown_platform(const struct kw_catalogue *c, const char *name, struct kw_error *err)
{
    const char *names[256];
    size_t n = 0;
    for (; n < c->platforms.n && n < 255; n++) names[n] = c->platforms.p[n].name;
    names[n] = NULL;
    char hint[KW_NEAREST_HINT];
    return kw_fail(err, KW_ERANGE, "there is no platform '%.60s'%s; `keepwarm platforms list` shows them", name,
                   kw_nearest_hint(hint, name, names));
}

static void hash(const struct kw_json *doc, char hex[65])
{
    struct kw_sha256 sha;
    kw_sha256_init(&sha);
    kw_sha256_add(&sha, doc->text, doc->len);
    kw_sha256_hex(&sha, hex);
}

/* The line of p in c->pinned_platforms begins with its hash. */
static enum kw_status check_pinned_platform(const struct kw_catalogue *c, const struct kw_platform *p,
                                            struct kw_error *err)
{
    struct kw_platform_line line;
    const char *text = c->pinned_platforms;
    while (text && kw_platform_line_next(&text, &line)) {
        if (!line.sha256 || (size_t)line.path_len != strlen(p->file) || strncmp(line.path, p->file, strlen(p->file)))
            continue;
        if (!strncmp(line.sha256, p->sha256, strlen(p->sha256))) return KW_OK;
        return kw_fail(
            err, KW_ERANGE,
            "%s: the result was made with a platform file of sha256 %.16s..., this one has %.16s... (--force goes on)",
            p->file, line.sha256, p->sha256);
    }
    return KW_OK;
}

/* p->file is `path`, as whoever names it has it; `file` is opened. */
static enum kw_status read_platform(const struct kw_catalogue *c, struct kw_platform *p, const char *path,
                                    const char *file, struct kw_error *err)
{
    struct kw_json doc;
    *p = (struct kw_platform){ .n_gpus = 0 };
    if (strlen(path) >= sizeof p->file || strpbrk(path, "\r\n"))
        return kw_fail(err, KW_ERANGE, "%.80s...: a platform file's path may have %zu bytes, none of them a newline",
                       path, sizeof p->file - 1);
    enum kw_status st = kw_json_load(&doc, file, err);
    if (st != KW_OK) return st;
    st = kw_platform_parse(p, file, doc.text, doc.len, err);
    if (st == KW_OK) hash(&doc, p->sha256);
    kw_json_free(&doc);
    if (st != KW_OK) return st;
    kw_platform_as_of(p, c->as_of);
    snprintf(p->file, sizeof p->file, "%s", path);
    if ((st = check_pinned_platform(c, p, err)) != KW_OK) kw_platform_free(p);
    return st;
}

/* The platform in the file a scenario names. */
static enum kw_status load_platform(struct kw_catalogue *c, struct kw_platform *p, const char *name,
                                    struct kw_error *err)
{
    char buf[KW_SEARCH_PATH_SIZE];
    bool beside = false;
    enum kw_status st =
        read_platform(c, p, name, c->search_path ? kw_search_path_find(c->search_path, name, buf, &beside) : name, err);
    c->beside |= beside;
    return st == KW_EINPUT && c->search_path ? kw_search_path_nor(c->search_path, name, st, err) : st;
}

/* A file is read once however many points name it: O(files) a look. */
enum kw_status kw_catalogue_platform(struct kw_catalogue *c, const char *name, const struct kw_platform **out,
                                     struct kw_error *err)
{
    if (!is_path(name)) {
        *out = kw_platforms_find(&c->platforms, name);
        return *out ? KW_OK : unknown_platform(c, name, err);
    }
    struct kw_catalogue_file *f = find_file(c, name);
    enum kw_status st = f ? KW_OK : add_file(c, name, &f, err);
    if (st != KW_OK) return st;
    if (!f->platform) {
        struct kw_platform *p = calloc(1, sizeof *p);
        st = p ? load_platform(c, p, name, err) : kw_fail(err, KW_ENOMEM, "out of memory");
        if (st != KW_OK) {
            free(p);
            return st;
        }
        f->platform = p;
    }
    *out = f->platform;
    return KW_OK;
}

/* p, which is taken over, becomes one of c->platforms, in which there is room for it. */
static const struct kw_platform *put_platform(struct kw_catalogue *c, const struct kw_platform *p)
{
    size_t k = 0;
    while (k < c->platforms.n && strcmp(c->platforms.p[k].name, p->name)) k++;
    if (k == c->platforms.n)
        c->platforms.n++;
    else
        kw_platform_free(&c->platforms.p[k]);
    c->platforms.p[k] = *p;
    return &c->platforms.p[k];
}

static enum kw_status make_room(struct kw_catalogue *c, size_t n, struct kw_error *err)
{
    struct kw_platform *room = realloc(c->platforms.p, (c->platforms.n + n) * sizeof *room);
    if (!room) return kw_fail(err, KW_ENOMEM, "out of memory");
    c->platforms.p = room;
    return KW_OK;
}

enum kw_status kw_catalogue_adopt(struct kw_catalogue *c, const char **names, size_t n, struct kw_error *err)
{
    if (n == 0) return KW_OK;
    KW_TRY(make_room(c, n, err)); /* for all, so that no name moves below */
    for (size_t i = 0; i < n; i++) {
        if (!is_path(names[i])) continue;
        struct kw_platform p;
        enum kw_status st = load_platform(c, &p, names[i], err);
        if (st != KW_OK) return st;
        names[i] = put_platform(c, &p)->name;
    }
    return KW_OK;
}

/* A file of a folder of the user's, or of a result that was made with one. */
static enum kw_status offer_platform(struct kw_catalogue *c, const char *path, struct kw_error *err)
{
    struct kw_platform p;
    KW_TRY(make_room(c, 1, err));
    KW_TRY(read_platform(c, &p, path, path, err));
    const struct kw_platform *had = kw_platforms_find(&c->platforms, p.name);
    enum kw_status st =
        had && had->offered && !strcmp(had->file, path) ? KW_OK
        : had && had->offered
            ? kw_fail(err, KW_ERANGE, "%.200s: the platform '%s' is that of %.200s too", path, p.name, had->file)
            : KW_OK;
    p.offered = true;
    if (st == KW_OK)
        put_platform(c, &p);
    else
        kw_platform_free(&p);
    return st;
}

/* ---- profiles in files */

/* The line of file in c->pinned begins with its hash. */
static enum kw_status check_pinned(const struct kw_catalogue *c, const char *kind, const char *file, const char *sha256,
                                   struct kw_error *err)
{
    size_t n = strlen(file);
    for (const char *line = c->pinned; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *how = strchr(line, ' '), *path = how ? strchr(how + 1, ' ') : NULL;
        if (!path || strcspn(path + 1, "\n") != n || strncmp(path + 1, file, n)) continue;
        if (!strncmp(line, sha256, strlen(sha256))) return KW_OK;
        return kw_fail(err, KW_ERANGE,
                       "%s: the result was made with a %s of sha256 %.16s..., this one has %.16s... (--force goes on)",
                       file, kind, line, sha256);
    }
    return KW_OK;
}

/* p->file is `path`, as whoever names it has it; `file` is opened. */
static enum kw_status load_profile(const struct kw_catalogue *c, struct kw_profile *p, const char *path,
                                   const char *file, struct kw_error *err)
{
    struct kw_json doc;
    *p = (struct kw_profile){ 0 };
    if (strlen(path) >= sizeof p->file || strpbrk(path, "\r\n"))
        return kw_fail(err, KW_ERANGE, "%.80s...: a profile's path may have %zu bytes, none of them a newline", path,
                       sizeof p->file - 1);
    enum kw_status st = kw_json_load(&doc, file, err);
    if (st != KW_OK) return st;
    st = kw_profile_parse(p, file, doc.text, doc.len, err);
    if (st == KW_OK) hash(&doc, p->sha256);
    kw_json_free(&doc);
    if (st != KW_OK) return st;
    snprintf(p->file, sizeof p->file, "%s", path);
    if ((st = check_pinned(c, "profile", p->file, p->sha256, err)) != KW_OK) kw_profile_free(p);
    return st;
}

enum kw_status kw_catalogue_model_file(struct kw_catalogue *c, const char *path, const char *file, struct kw_error *err)
{
    struct kw_catalogue_file *f = find_file(c, path);
    struct kw_json doc;
    if (f && f->model_sha256[0]) return KW_OK;
    if (strpbrk(path, "\r\n")) return kw_fail(err, KW_ERANGE, "%.80s...: no path of a model has a newline in it", path);
    enum kw_status st = kw_json_load(&doc, file, err);
    if (st != KW_OK) return st;
    if (!f) st = add_file(c, path, &f, err);
    if (st == KW_OK) hash(&doc, f->model_sha256);
    kw_json_free(&doc);
    if (st != KW_OK) return st;
    return check_pinned(c, "model", path, f->model_sha256, err);
}

enum kw_status kw_catalogue_profile_file(struct kw_catalogue *c, const char *path, const struct kw_profile **out,
                                         struct kw_error *err)
{
    struct kw_catalogue_file *f = find_file(c, path);
    enum kw_status st = f ? KW_OK : add_file(c, path, &f, err);
    if (st != KW_OK) return st;
    if (!f->profile) {
        char buf[KW_SEARCH_PATH_SIZE];
        bool beside = false;
        const char *file = c->search_path ? kw_search_path_find(c->search_path, path, buf, &beside) : path;
        struct kw_profile *p = calloc(1, sizeof *p);
        st = p ? load_profile(c, p, path, file, err) : kw_fail(err, KW_ENOMEM, "out of memory");
        c->beside |= beside;
        if (st == KW_EINPUT && c->search_path) kw_search_path_nor(c->search_path, path, st, err);
        if (st != KW_OK) {
            free(p);
            return st;
        }
        p->set_aside = kw_profiles_other_grades(&c->profiles, p);
        f->profile = p;
    }
    *out = f->profile;
    return KW_OK;
}

static bool put_word(char *to, size_t size, const char *word)
{
    return snprintf(to, size, "%s", word ? word : "") < (int)size;
}

static enum kw_grade grade_of(const char *word)
{
    int grade = 0;
    while (word && kw_grade_name[grade] && strcmp(kw_grade_name[grade], word)) grade++;
    return word && kw_grade_name[grade] ? (enum kw_grade)grade : KW_GRADE_UNKNOWN;
}

/* A stand-in with no step times, for results opened again: prices and labels ask for the words alone, and the profile
 * itself may be gone or another by now. */
enum kw_status kw_catalogue_profile_named(struct kw_catalogue *c, const struct kw_profile_words *w,
                                          const struct kw_profile **out, struct kw_error *err)
{
    const char *file = w->file ? w->file : "", *sha256 = w->sha256 ? w->sha256 : "", *link = w->link ? w->link : "";
    enum kw_grade grade = grade_of(w->grade), link_grade = grade_of(w->link_grade);
    for (size_t i = 0; i < c->n_named; i++) {
        const struct kw_profile *p = c->named[i];
        if (kw_parallel_equal(kw_profile_parallel(p), w->par) && !strcmp(p->gpu, w->gpu) &&
            !strcmp(p->model, w->model) && !strcmp(p->precision, w->precision) && !strcmp(p->file, file) &&
            !strcmp(p->sha256, sha256) && p->steps.grade == grade && !strcmp(p->link.name, link) &&
            p->link.provenance.grade == link_grade) {
            *out = p;
            return KW_OK;
        }
    }
    struct kw_profile **more = realloc(c->named, (c->n_named + 1) * sizeof *more);
    if (more) c->named = more;
    struct kw_profile *p = calloc(1, sizeof *p);
    if (!more || !p) {
        free(p);
        return kw_fail(err, KW_ENOMEM, "out of memory");
    }
    p->tp = w->par.tp;
    p->dp = w->par.dp;
    p->ep = w->par.ep;
    p->num_blocks = 1; /* it did fit */
    p->steps.grade = grade;
    p->link.provenance.grade = link_grade;
    if (!put_word(p->gpu, sizeof p->gpu, w->gpu) || !put_word(p->model, sizeof p->model, w->model) ||
        !put_word(p->precision, sizeof p->precision, w->precision) || !put_word(p->file, sizeof p->file, file) ||
        !put_word(p->sha256, sizeof p->sha256, sha256) || !put_word(p->link.name, sizeof p->link.name, link)) {
        free(p);
        return kw_fail(err, KW_ERANGE, "no profile has these names: GPU '%.40s', model '%.60s', precision '%.20s'",
                       w->gpu, w->model, w->precision);
    }
    c->named[c->n_named++] = p;
    *out = p;
    return KW_OK;
}

enum kw_status kw_catalogue_offer_profile(struct kw_catalogue *c, const char *path, struct kw_error *err)
{
    struct kw_profile p;
    for (size_t i = 0; i < c->profiles.n; i++)
        if (!strcmp(c->profiles.p[i].file, path)) return KW_OK; /* offered twice */
    enum kw_status st = load_profile(c, &p, path, path, err);
    if (st == KW_OK && (st = kw_profiles_add(&c->profiles, &p, err)) != KW_OK) kw_profile_free(&p);
    return st;
}

static int is_json(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return d->d_name[0] != '.' && n > 5 && !strcmp(d->d_name + n - 5, ".json");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Each *.json of a folder to `offer`. */
/* In order of name, byte by byte: which of two equal profiles comes first must not depend on the file system or the
 * locale. */
static enum kw_status offer_each(struct kw_catalogue *c, const char *folder,
                                 enum kw_status (*offer)(struct kw_catalogue *, const char *, struct kw_error *),
                                 struct kw_error *err)
{
    struct dirent **entry;
    char path[1024];
    errno = 0;
    int n = scandir(folder, &entry, is_json, by_bytes);
    if (n < 0) return kw_fail(err, errno == ENOMEM ? KW_ENOMEM : KW_EINPUT, "%.300s: %s", folder, strerror(errno));
    enum kw_status st = KW_OK;
    for (int i = 0; i < n; i++) {
        if (st == KW_OK) {
            int len = snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
            st = len < (int)sizeof path ? offer(c, path, err)
                                        : kw_fail(err, KW_ERANGE, "%.80s...: the path is too long", folder);
        }
        free(entry[i]);
    }
    free(entry);
    return st;
}

enum kw_status kw_catalogue_offer_folder(struct kw_catalogue *c, const char *folder, struct kw_error *err)
{
    return offer_each(c, folder, kw_catalogue_offer_profile, err);
}

enum kw_status kw_catalogue_offer_platforms(struct kw_catalogue *c, const char *folder, struct kw_error *err)
{
    return offer_each(c, folder, offer_platform, err);
}

void kw_catalogue_profiles_text(const struct kw_catalogue *c, struct kw_text *out)
{
    for (size_t i = 0; i < c->profiles.n; i++)
        if (c->profiles.p[i].file[0])
            kw_text_add(out, "%s offered %s\n", c->profiles.p[i].sha256, c->profiles.p[i].file);
    for (size_t i = 0; i < c->n_files; i++)
        if (c->file[i].profile) kw_text_add(out, "%s named %s\n", c->file[i].profile->sha256, c->file[i].path);
    for (size_t i = 0; i < c->n_files; i++)
        if (c->file[i].model_sha256[0]) kw_text_add(out, "%s model %s\n", c->file[i].model_sha256, c->file[i].path);
}

void kw_catalogue_platforms_text(const struct kw_catalogue *c, struct kw_text *out)
{
    for (size_t i = 0; i < c->platforms.n; i++) {
        const struct kw_platform *p = &c->platforms.p[i];
        if (p->file[0])
            kw_text_add(out, "%s %s %s %s\n", p->sha256, p->offered ? "offered" : "named", p->name, p->file);
    }
    for (size_t i = 0; i < c->n_files; i++)
        if (c->file[i].platform)
            kw_text_add(out, "%s named %s %s\n", c->file[i].platform->sha256, c->file[i].platform->name,
                        c->file[i].path);
}

/* Results of before the hashes were kept have "NAME PATH"; no name is as long as a hash. */
bool kw_platform_line_next(const char **text, struct kw_platform_line *line)
{
    static const char *const how[] = { " named ", " offered " };
    const char *at = *text, *end = at + strcspn(at, "\n");
    if (!*at) return false;
    *text = end + (*end == '\n');
    *line = (struct kw_platform_line){ .name = at };
    for (int i = 0; i < 2; i++)
        if (end - at > 64 && !strncmp(at + 64, how[i], strlen(how[i]))) {
            line->sha256 = at;
            line->offered = i == 1;
            line->name = at + 64 + strlen(how[i]);
        }
    line->path = memchr(line->name, ' ', (size_t)(end - line->name));
    if (!line->path) line->path = end;
    line->name_len = (int)(line->path - line->name);
    line->path += line->path < end;
    line->path_len = (int)(end - line->path);
    return true;
}

enum kw_status kw_catalogue_offer_pinned_platforms(struct kw_catalogue *c, const char *text, bool pin,
                                                   struct kw_error *err)
{
    struct kw_platform_line line;
    enum kw_status st = KW_OK;
    if (pin) c->pinned_platforms = text;
    while (st == KW_OK && kw_platform_line_next(&text, &line)) {
        char path[sizeof c->platforms.p->file];
        if (!line.offered) continue; /* the scenario names it */
        if ((size_t)line.path_len >= sizeof path)
            return kw_fail(err, KW_EPARSE, "platforms: the path %.80s... is too long", line.path);
        snprintf(path, sizeof path, "%.*s", line.path_len, line.path);
        st = offer_platform(c, path, err);
    }
    return st;
}

enum kw_status kw_catalogue_offer_pinned(struct kw_catalogue *c, const char *text, bool pin, struct kw_error *err)
{
    static const char mark[] = " offered ";
    enum kw_status st = KW_OK;
    if (pin) c->pinned = text;
    for (const char *line = text; st == KW_OK && *line; line += strcspn(line, "\n"), line += *line == '\n') {
        char path[sizeof c->profiles.p->file];
        const char *how = strchr(line, ' ');
        if (!how || strncmp(how, mark, sizeof mark - 1)) continue;
        const char *at = how + sizeof mark - 1;
        size_t n = strcspn(at, "\n");
        if (n >= sizeof path) return kw_fail(err, KW_EPARSE, "profiles: the path %.80s... is too long", at);
        memcpy(path, at, n);
        path[n] = 0;
        st = kw_catalogue_offer_profile(c, path, err);
    }
    return st;
}
