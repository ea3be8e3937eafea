#include "sim/io/catalogue.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/json.h"

enum kw_status kw_catalogue_load(struct kw_catalogue *c, struct kw_error *err)
{
    memset(c, 0, sizeof *c);
    kw_steptimes_init(&c->steptimes);
    enum kw_status st = kw_platforms_embedded(&c->platforms, err);
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
    kw_profiles_free(&c->profiles);
    kw_platforms_free(&c->platforms);
    memset(c, 0, sizeof *c);
}

static struct kw_catalogue_file *find_file(struct kw_catalogue *c, const char *path)
{
    for (size_t i = 0; i < c->n_files; i++)
        if (!strcmp(c->file[i].path, path)) return &c->file[i];
    return NULL;
}

/* A new empty slot at the end. */
static enum kw_status add_file(struct kw_catalogue *c, const char *path, struct kw_catalogue_file **out, struct kw_error *err)
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
        st = p ? kw_platform_load(p, name, err) : kw_fail(err, KW_ENOMEM, "out of memory");
        if (st != KW_OK) {
            free(p);
            return st;
        }
        f->platform = p;
    }
    *out = f->platform;
    return KW_OK;
}

enum kw_status kw_catalogue_adopt(struct kw_catalogue *c, const char **names, size_t n, struct kw_error *err)
{
    if (n == 0) return KW_OK;
    struct kw_platform *room = realloc(c->platforms.p, (c->platforms.n + n) * sizeof *room); /* so that no name moves below */
    if (!room) return kw_fail(err, KW_ENOMEM, "out of memory");
    c->platforms.p = room;
    for (size_t i = 0; i < n; i++) {
        if (!is_path(names[i])) continue;
        struct kw_platform p;
        enum kw_status st = kw_platform_load(&p, names[i], err);
        if (st != KW_OK) return st;
        size_t k = 0;
        while (k < c->platforms.n && strcmp(room[k].name, p.name)) k++;
        if (k == c->platforms.n)
            c->platforms.n++;
        else
            kw_platform_free(&room[k]);
        room[k] = p;
        names[i] = room[k].name;
    }
    return KW_OK;
}

enum kw_status kw_catalogue_profile_file(struct kw_catalogue *c, const char *path, const struct kw_profile **out,
                                         struct kw_error *err)
{
    struct kw_catalogue_file *f = find_file(c, path);
    enum kw_status st = f ? KW_OK : add_file(c, path, &f, err);
    if (st != KW_OK) return st;
    if (!f->profile) {
        struct kw_profile *p = calloc(1, sizeof *p);
        st = p ? kw_profile_load(p, path, err) : kw_fail(err, KW_ENOMEM, "out of memory");
        if (st != KW_OK) {
            free(p);
            return st;
        }
        f->profile = p;
    }
    *out = f->profile;
    return KW_OK;
}

enum kw_status kw_catalogue_profile_named(struct kw_catalogue *c, const char *gpu, const char *model, const char *precision,
                                          uint32_t tp, const struct kw_profile **out, struct kw_error *err)
{
    for (size_t i = 0; i < c->n_named; i++) {
        const struct kw_profile *p = c->named[i];
        if (p->tp == tp && !strcmp(p->gpu, gpu) && !strcmp(p->model, model) && !strcmp(p->precision, precision)) {
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
    p->tp = tp;
    p->num_blocks = 1; /* it did fit */
    if (snprintf(p->gpu, sizeof p->gpu, "%s", gpu) >= (int)sizeof p->gpu ||
        snprintf(p->model, sizeof p->model, "%s", model) >= (int)sizeof p->model ||
        snprintf(p->precision, sizeof p->precision, "%s", precision) >= (int)sizeof p->precision) {
        free(p);
        return kw_fail(err, KW_ERANGE, "no profile has these names: GPU '%.40s', model '%.60s', precision '%.20s'", gpu, model,
                       precision);
    }
    c->named[c->n_named++] = p;
    *out = p;
    return KW_OK;
}
