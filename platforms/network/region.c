#include "platforms/network/region.h"
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "sim/core/files/embedded.h"
#include "sim/core/files/json.h"

enum { AREAS = 8, ALIASES = 320, FILE_VERSION = 1 };

/* What the file says; filled once and then read by all threads. */
static struct atlas {
    size_t n; /* regions */
    size_t n_aliases;
    kw_ns rtt[KW_REGIONS_MAX][KW_REGIONS_MAX];
    char name[KW_REGIONS_MAX + AREAS][24];
    kw_region_set set[KW_REGIONS_MAX + AREAS];
    const char *names[KW_REGIONS_MAX + AREAS + 1];
    struct {
        char name[32];
        kw_region_set set;
    } alias[ALIASES];
    struct kw_provenance provenance;
} atlas;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static enum kw_status loaded;

static enum kw_status read_place(struct kw_jnode n, size_t at, kw_region_set set, struct kw_error *err)
{
    const char *text;
    struct kw_jnode aliases = kw_json_get(n, "aliases");
    enum kw_status st = kw_json_str(kw_json_get(n, "name"), &text, err);
    if (st != KW_OK) return st;
    snprintf(atlas.name[at], sizeof atlas.name[at], "%s", text);
    atlas.set[at] = set;
    atlas.names[at] = atlas.name[at];
    for (int i = 0; i < kw_json_len(aliases); i++) {
        if ((st = kw_json_str(kw_json_at(aliases, i), &text, err)) != KW_OK) return st;
        assert(atlas.n_aliases < ALIASES && strlen(text) < sizeof atlas.alias->name);
        snprintf(atlas.alias[atlas.n_aliases].name, sizeof atlas.alias->name, "%s", text);
        atlas.alias[atlas.n_aliases++].set = set;
    }
    return KW_OK;
}

/* Row i has the regions up to i: both ways take as long. */
static enum kw_status read_region(struct kw_jnode n, size_t i, struct kw_error *err)
{
    struct kw_jnode row = kw_json_get(n, "rtt_ms");
    enum kw_status st = read_place(n, i, (kw_region_set)1 << i, err);
    assert((size_t)kw_json_len(row) == i + 1);
    for (size_t k = 0; k <= i && st == KW_OK; k++) {
        int64_t ms = 0;
        struct kw_jnode at = kw_json_at(row, (int)k);
        if (kw_json_present(at)) st = kw_json_i64(at, 1, 60000, &ms, err);
        atlas.rtt[i][k] = atlas.rtt[k][i] = ms ? ms * KW_NS_PER_MS : KW_RTT_UNKNOWN;
    }
    return st;
}

static enum kw_status read_area(struct kw_jnode n, size_t at, struct kw_error *err)
{
    kw_region_set set = 0;
    struct kw_jnode list = kw_json_get(n, "regions");
    for (int i = 0; i < kw_json_len(list); i++) {
        const char *name;
        enum kw_status st = kw_json_str(kw_json_at(list, i), &name, err);
        if (st != KW_OK) return st;
        size_t k = 0;
        while (k < atlas.n && strcmp(atlas.name[k], name)) k++;
        assert(k < atlas.n && "an area of the file is made of its regions");
        set |= (kw_region_set)1 << k;
    }
    return read_place(n, at, set, err);
}

static enum kw_status read_atlas(struct kw_jnode root, struct kw_error *err)
{
    struct kw_jnode regions = kw_json_get(root, "regions"), areas = kw_json_get(root, "areas");
    int64_t version;
    enum kw_status st = kw_json_i64(kw_json_get(root, "keepwarm_regions"), FILE_VERSION, FILE_VERSION, &version, err);
    if (st == KW_OK) st = kw_provenance_read(root, &atlas.provenance, err);
    assert(kw_json_len(regions) <= KW_REGIONS_MAX && kw_json_len(areas) <= AREAS);
    for (int i = 0; i < kw_json_len(regions) && st == KW_OK; i++)
        if ((st = read_region(kw_json_at(regions, i), atlas.n, err)) == KW_OK) atlas.n++;
    for (int i = 0; i < kw_json_len(areas) && st == KW_OK; i++)
        st = read_area(kw_json_at(areas, i), atlas.n + (size_t)i, err);
    return st;
}

/* Our own file: only memory can fail. */
static void load(void)
{
    size_t len;
    struct kw_json doc;
    struct kw_error err;
    const char *path = "platforms/network/regions.json", *text = kw_embedded_find(path, &len);
    enum kw_status st = text ? kw_json_parse(&doc, path, text, len, &err) : KW_EFAIL;
    if (st == KW_OK) {
        st = read_atlas(kw_json_root(&doc), &err);
        kw_json_free(&doc);
    }
    assert(st == KW_OK || st == KW_ENOMEM);
    if (st != KW_OK) atlas = (struct atlas){ .n = 0 };
    loaded = st;
}

enum kw_status kw_regions_load(struct kw_error *err)
{
    pthread_once(&once, load);
    return loaded == KW_OK ? KW_OK : kw_fail(err, loaded, "out of memory for the regions of the world");
}

kw_region_set kw_region_find(const char *name)
{
    pthread_once(&once, load);
    for (size_t i = 0; atlas.names[i]; i++)
        if (!strcmp(atlas.names[i], name)) return atlas.set[i];
    for (size_t i = 0; i < atlas.n_aliases; i++)
        if (!strcmp(atlas.alias[i].name, name)) return atlas.alias[i].set;
    return 0;
}

const char *kw_region_name(kw_region_set s)
{
    pthread_once(&once, load);
    for (size_t i = 0; atlas.names[i]; i++)
        if (atlas.set[i] == s) return atlas.names[i];
    return NULL;
}

const char *const *kw_region_names(void)
{
    pthread_once(&once, load);
    return atlas.names;
}

kw_ns kw_region_rtt(kw_region_set a, kw_region_set b)
{
    kw_ns worst = KW_RTT_UNKNOWN;
    pthread_once(&once, load);
    for (size_t i = 0; i < atlas.n; i++)
        for (size_t k = 0; k < atlas.n; k++) {
            if (!(a >> i & 1) || !(b >> k & 1)) continue;
            if (atlas.rtt[i][k] == KW_RTT_UNKNOWN) return KW_RTT_UNKNOWN;
            if (atlas.rtt[i][k] > worst) worst = atlas.rtt[i][k];
        }
    return worst;
}

const struct kw_provenance *kw_region_rtt_provenance(void)
{
    pthread_once(&once, load);
    return &atlas.provenance;
}
