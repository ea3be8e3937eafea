#include "calibrate/profile/gpu.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "calibrate/profile/table.h"
#include "sim/core/nearest.h"

#define FOLDED 64
#define ALIASES (sizeof((struct kw_gpu_spec *)0)->alias / sizeof((struct kw_gpu_spec *)0)->alias[0])

static enum kw_status read_aliases(struct kw_jnode list, struct kw_gpu_spec *g, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    const char *alias;
    if (!kw_json_is_array(list) || kw_json_len(list) > (int)ALIASES)
        return kw_json_fail(list, KW_ERANGE, err, "want a list of at most %zu names", ALIASES);
    for (int i = 0; i < kw_json_len(list) && st == KW_OK; i++)
        if ((st = kw_json_str(kw_json_at(list, i), &alias, err)) == KW_OK)
            snprintf(g->alias[i], sizeof g->alias[i], "%s", alias);
    return st;
}

static enum kw_status read_gpu(struct kw_jnode n, void *row, struct kw_error *err)
{
    struct kw_gpu_spec *g = row;
    static const char *const keys[] = { "name",      "full_name",  "aliases",   "memory_bytes",
                                        "bandwidth", "flops_bf16", "flops_fp8", "link_bandwidth",
                                        "l2_bytes",  "sm",         "link",      "grade",
                                        "source",    "date",       "evidence",  NULL };
    const char *name, *full_name, *link;
    int64_t sm;
    enum kw_status st;
    if ((st = kw_json_keys(n, keys, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "name"), &name, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "full_name"), &full_name, err)) != KW_OK) return st;
    snprintf(g->name, sizeof g->name, "%s", name);
    if ((st = kw_json_str(kw_json_get(n, "link"), &link, err)) != KW_OK) return st;
    snprintf(g->full_name, sizeof g->full_name, "%s", full_name);
    snprintf(g->link, sizeof g->link, "%s", link);
    if ((st = read_aliases(kw_json_get(n, "aliases"), g, err)) != KW_OK) return st;
    struct {
        const char *key;
        double lo, hi, *to;
    } facts[] = { { "memory_bytes", 1e9, 1e13, &g->memory_bytes },     { "bandwidth", 1e10, 1e14, &g->bandwidth },
                  { "flops_bf16", 1e12, 1e17, &g->flops_bf16 },        { "flops_fp8", 0, 1e17, &g->flops_fp8 },
                  { "link_bandwidth", 1e9, 1e13, &g->link_bandwidth }, { "l2_bytes", 1e6, 1e9, &g->l2_bytes } };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if ((st = kw_json_f64(kw_json_get(n, facts[i].key), facts[i].lo, facts[i].hi, facts[i].to, err)) != KW_OK)
            return st;
    if ((st = kw_json_i64(kw_json_get(n, "sm"), 50, 999, &sm, err)) != KW_OK) return st;
    g->sm = (int)sm;
    return kw_provenance_read(n, &g->provenance, err);
}

static struct kw_gpu_spec gpus[64];
static struct kw_table table = { .path = "calibrate/data/gpus.json",
                                 .key = "gpus",
                                 .read = read_gpu,
                                 .rows = gpus,
                                 .size = sizeof *gpus,
                                 .cap = sizeof gpus / sizeof *gpus,
                                 .lock = PTHREAD_MUTEX_INITIALIZER };

/* Upper-case letters and digits alone; a name too long for any of ours is cut, and then equal to none. */
static void fold(char to[FOLDED], const char *s)
{
    size_t n = 0;
    for (; *s && n + 1 < FOLDED; s++)
        if (isalnum((unsigned char)*s)) to[n++] = (char)toupper((unsigned char)*s);
    to[n] = 0;
}

/* The k-th of a GPU's names, NULL after the last. */
static const char *name_of(const struct kw_gpu_spec *g, size_t k)
{
    if (k < 2) return k ? g->full_name : g->name;
    return k - 2 < ALIASES && g->alias[k - 2][0] ? g->alias[k - 2] : NULL;
}

const struct kw_gpu_spec *kw_gpu_find(const char *name)
{
    char asked[FOLDED], own[FOLDED];
    const char *one;
    size_t n = kw_table_load(&table);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(gpus[i].name, name)) return &gpus[i]; /* nearly always; no more than a look */
    fold(asked, name);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; (one = name_of(&gpus[i], k)); k++) {
            fold(own, one);
            if (!strcmp(own, asked)) return &gpus[i];
        }
    return NULL;
}

int kw_gpu_distance(const char *name, const struct kw_gpu_spec *gpu)
{
    const struct kw_gpu_spec *own = kw_gpu_find(name);
    return !strcmp(name, gpu->name) ? 0 : own && own->sm == gpu->sm ? 1 : 2;
}

const char *kw_gpu_name(const char *name)
{
    const struct kw_gpu_spec *g = kw_gpu_find(name);
    return g ? g->name : name;
}

/* How much of a name two have in common, where one is a part of the other: "A100" and "A100-80GB" share four. */
static size_t common(const struct kw_gpu_spec *g, const char *asked)
{
    char own[FOLDED];
    const char *one;
    size_t most = 0;
    for (size_t k = 0; (one = name_of(g, k)); k++) {
        fold(own, one);
        if (!strstr(own, asked) && !strstr(asked, own)) continue;
        size_t len = strlen(own) < strlen(asked) ? strlen(own) : strlen(asked);
        if (len > most) most = len;
    }
    return most;
}

#define NEAREST 4 /* GPUs told at most */

enum kw_status kw_gpu_named(const struct kw_gpu_spec **out, const char *name, struct kw_error *err)
{
    char asked[FOLDED], near[NEAREST * 32] = "", hint[KW_NEAREST_HINT];
    const char *names[sizeof gpus / sizeof *gpus + 1] = { NULL };
    size_t n = kw_table_load(&table), told = 0, at = 0, best = 1;
    if ((*out = kw_gpu_find(name))) return KW_OK;
    fold(asked, name);
    for (size_t i = 0; i < n; i++) {
        names[i] = gpus[i].name;
        if (*asked && common(&gpus[i], asked) > best) best = common(&gpus[i], asked);
    }
    for (size_t i = 0; i < n && told < NEAREST; i++)
        if (*asked && common(&gpus[i], asked) == best && ++told)
            at += (size_t)snprintf(near + at, sizeof near - at, "%s%s", at ? ", " : "", gpus[i].name);
    if (told) return kw_fail(err, KW_ERANGE, "there is no GPU '%.60s' (near it are %s)", name, near);
    return kw_fail(err, KW_ERANGE, "there is no GPU '%.60s'%s", name, kw_nearest_hint(hint, name, names));
}

size_t kw_gpu_count(void)
{
    return kw_table_load(&table);
}

const struct kw_gpu_spec *kw_gpu_at(size_t i)
{
    return i < kw_table_load(&table) ? &gpus[i] : NULL;
}
