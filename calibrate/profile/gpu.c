#include "calibrate/profile/gpu.h"
#include <stdio.h>
#include <string.h>
#include "calibrate/profile/table.h"

static enum kw_status read_gpu(struct kw_jnode n, void *row, struct kw_error *err)
{
    struct kw_gpu_spec *g = row;
    static const char *const keys[] = { "name",      "full_name",      "memory_bytes", "bandwidth", "flops_bf16",
                                        "flops_fp8", "link_bandwidth", "l2_bytes",     "sm",        "grade",
                                        "source",    "date",           "evidence",     NULL };
    const char *name, *full_name;
    int64_t sm;
    enum kw_status st;
    if ((st = kw_json_keys(n, keys, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "name"), &name, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "full_name"), &full_name, err)) != KW_OK) return st;
    snprintf(g->name, sizeof g->name, "%s", name);
    snprintf(g->full_name, sizeof g->full_name, "%s", full_name);
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

const struct kw_gpu_spec *kw_gpu_find(const char *name)
{
    size_t n = kw_table_load(&table);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(gpus[i].name, name)) return &gpus[i];
    return NULL;
}

size_t kw_gpu_count(void)
{
    return kw_table_load(&table);
}

const struct kw_gpu_spec *kw_gpu_at(size_t i)
{
    return i < kw_table_load(&table) ? &gpus[i] : NULL;
}
