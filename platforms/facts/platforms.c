#include "platforms/facts/platforms.h"
#include <stdlib.h>
#include <string.h>
#include "platforms/facts/platform_read.h"
#include "sim/core/files/embedded.h"

static bool is_platform_file(const char *path)
{
    size_t n = strlen(path);
    return !strncmp(path, "platforms/", 10) && !strchr(path + 10, '/') && n > 15 && !strcmp(path + n - 5, ".json") &&
           !(n > 12 && !strcmp(path + n - 12, ".schema.json"));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct kw_platform *)a)->name, ((const struct kw_platform *)b)->name);
}

enum kw_status kw_platforms_embedded(struct kw_platforms *all, struct kw_error *err)
{
    const char *path, *text;
    size_t n = 0, len;
    for (size_t i = 0; (path = kw_embedded_at(i, &text, &len)); i++) n += is_platform_file(path);
    struct kw_platforms got = { .p = calloc(n + 1, sizeof *got.p) };
    if (!got.p) return kw_fail(err, KW_ENOMEM, "platforms: out of memory");
    for (size_t i = 0; (path = kw_embedded_at(i, &text, &len)); i++) {
        if (!is_platform_file(path)) continue;
        enum kw_status st = kw_platform_parse(&got.p[got.n], path, text, len, err);
        if (st != KW_OK) {
            kw_platforms_free(&got);
            return st;
        }
        got.n++;
    }
    qsort(got.p, got.n, sizeof *got.p, by_name);
    *all = got;
    return KW_OK;
}

void kw_platforms_free(struct kw_platforms *all)
{
    for (size_t i = 0; i < all->n; i++) kw_platform_free(&all->p[i]);
    free(all->p);
    *all = (struct kw_platforms){ 0 };
}

const struct kw_platform *kw_platforms_find(const struct kw_platforms *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (!strcmp(all->p[i].name, name)) return &all->p[i];
    return NULL;
}
