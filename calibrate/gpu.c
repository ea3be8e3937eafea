#include "calibrate/gpu.h"
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "sim/core/embedded.h"

#define MAX_GPUS 64

static struct kw_gpu_spec table[MAX_GPUS];
static size_t n_table;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the first caller reads the table; OpenMP threads may race */

static enum kw_status read_gpu(struct kw_jnode n, struct kw_gpu_spec *g, struct kw_error *err)
{
    static const char *const keys[] = { "name", "full_name", "memory_bytes", "bandwidth", "flops_bf16", "flops_fp8",
                                        "link_bandwidth", "l2_bytes", "sm", "grade", "source", "date", "evidence", NULL };
    const char *name, *full_name;
    int64_t sm;
    enum kw_status st;
    if ((st = kw_json_keys(n, keys, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "name"), &name, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "full_name"), &full_name, err)) != KW_OK) return st;
    snprintf(g->name, sizeof g->name, "%s", name);
    snprintf(g->full_name, sizeof g->full_name, "%s", full_name);
    struct { const char *key; double lo, hi, *to; } facts[] = {
        { "memory_bytes", 1e9, 1e13, &g->memory_bytes }, { "bandwidth", 1e10, 1e14, &g->bandwidth },
        { "flops_bf16", 1e12, 1e17, &g->flops_bf16 },    { "flops_fp8", 0, 1e17, &g->flops_fp8 },
        { "link_bandwidth", 1e9, 1e13, &g->link_bandwidth }, { "l2_bytes", 1e6, 1e9, &g->l2_bytes } };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        if ((st = kw_json_f64(kw_json_get(n, facts[i].key), facts[i].lo, facts[i].hi, facts[i].to, err)) != KW_OK)
            return st;
    if ((st = kw_json_i64(kw_json_get(n, "sm"), 50, 999, &sm, err)) != KW_OK) return st;
    g->sm = (int)sm;
    return kw_provenance_read(n, &g->provenance, err);
}

/* Out of memory leaves the table empty and the next call tries again; any other failure is our own file's. */
static size_t load(void)
{
    pthread_mutex_lock(&lock);
    size_t n = n_table;
    if (!n) {
        size_t len;
        struct kw_json doc;
        struct kw_error err = { .msg = "not embedded" };
        const char *text = kw_embedded_find("calibrate/gpus.json", &len);
        enum kw_status st = text ? kw_json_parse(&doc, "calibrate/gpus.json", text, len, &err) : KW_EFAIL;
        if (st == KW_OK) {
            struct kw_jnode list = kw_json_get(kw_json_root(&doc), "gpus");
            int count = kw_json_len(list);
            assert(count > 0 && count <= MAX_GPUS);
            for (int i = 0; st == KW_OK && i < count; i++) st = read_gpu(kw_json_at(list, i), &table[i], &err);
            kw_json_free(&doc);
            if (st == KW_OK) n = n_table = (size_t)count;
        }
        assert(st == KW_OK || st == KW_ENOMEM);
    }
    pthread_mutex_unlock(&lock);
    return n;
}

const struct kw_gpu_spec *kw_gpu_find(const char *name)
{
    size_t n = load();
    for (size_t i = 0; i < n; i++)
        if (!strcmp(table[i].name, name)) return &table[i];
    return NULL;
}

size_t kw_gpu_count(void) { return load(); }

const struct kw_gpu_spec *kw_gpu_at(size_t i) { return i < load() ? &table[i] : NULL; }
