/* tests/calibrate/make_kernels.c - `make kernels`: writes calibrate/data/kernels.json anew, the laws of kernels that
 * profiles made on the spot stand on (calibrate/operators/spot.h), from the published tables.
 * Usage: make_kernels DATA_DIR >calibrate/data/kernels.json */
#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/operators/estimate.h"
#include "calibrate/operators/regress.h"
#include "sim/core/files/csv.h"

static void put(const char *name, const double c[3], const char *end)
{
    printf("\"%s\": [%.5g, %.5g, %.5g]%s", name, c[0], c[1], c[2], end);
}

static enum kw_status laws_of(struct kw_efficiency *e, const struct kw_gpu_spec *g, const char *dir,
                              const struct kw_operators_engine *engine, FILE *quiet, struct kw_error *err)
{
    struct kw_operators op = { .gpu = g };
    char version[16];
    enum kw_status st = kw_operators_tables(&op, dir, "bf16", engine, version, quiet, err);
    if (st == KW_OK) st = kw_efficiency_fit(e, &op, 2, err);
    kw_operators_free(&op);
    return st;
}

/* aiconfigurator's name of a GPU's folder. */
static const char *folder(const char *gpu)
{
    static const char *const names[][2] = { { "A100-80", "a100_sxm" },
                                            { "B200", "b200_sxm" },
                                            { "H100", "h100_sxm" },
                                            { "H200", "h200_sxm" },
                                            { "L40S", "l40s" } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i][0], gpu)) return names[i][1];
    return "";
}

#define MOST 8192

/* The routed experts of a layer, balanced, split over moe_tp_size GPUs: t0, and the terms of shape_steps.h. false: the GPU
 * has no such table. */
static enum kw_status experts_of(double c[3], bool *there, const struct kw_gpu_spec *g, const char *dir,
                                 const char *dtype, double weight_bytes, struct kw_error *err)
{
    static const char *const columns[] = { "num_tokens",  "hidden_size", "inter_size", "topk", "num_experts",
                                           "moe_tp_size", "moe_ep_size", "latency",    NULL };
    char path[1024];
    struct kw_csv f;
    double *x = calloc(4 * MOST, sizeof *x), v[8];
    size_t n = 0;
    int at[8], type, distribution;
    *there = false;
    snprintf(path, sizeof path, "%s/aic/%s/moe_perf.csv.gz", dir, folder(g->name));
    enum kw_status st = x ? kw_csv_open(&f, path, err) : kw_fail(err, KW_ENOMEM, "out of memory");
    if (st != KW_OK) {
        free(x);
        return st;
    }
    for (int i = 0; st == KW_OK && columns[i]; i++) st = kw_csv_need(&f, columns[i], &at[i], err);
    if (st == KW_OK) st = kw_csv_need(&f, "moe_dtype", &type, err);
    if (st == KW_OK) st = kw_csv_need(&f, "distribution", &distribution, err);
    for (bool more = true; st == KW_OK && (st = kw_csv_next(&f, &more, err)) == KW_OK && more && n < MOST;) {
        if (strcmp(f.field[type].p, dtype) || strcmp(f.field[distribution].p, "balanced")) continue;
        for (int i = 0; st == KW_OK && i < 8; i++) st = kw_csv_f64(&f, at[i], 0, 1e9, &v[i], err);
        if (st != KW_OK || v[6] != 1) continue;
        double width = v[2] / v[5], taken = v[0] * v[3], touched = v[4] * (1 - pow(1 - v[3] / v[4], v[0])),
               operand = weight_bytes == 1 ? 1 : 2;
        x[3 * n] = 1;
        x[3 * n + 1] = 6 * taken * v[1] * width / (weight_bytes == 1 ? g->flops_fp8 : g->flops_bf16);
        x[3 * n + 2] =
            (touched * 3 * v[1] * width * weight_bytes + taken * (operand * (v[1] + width) + 2 * (2 * width + v[1]))) /
            g->bandwidth;
        x[3 * MOST + n++] = v[7] * 1e-3;
    }
    kw_csv_close(&f);
    if (st == KW_OK && n > 3) {
        *there = true;
        st = kw_regress(n, 3, x, x + 3 * MOST, NULL, c, err);
    }
    free(x);
    return st;
}

static enum kw_status put_experts(const struct kw_gpu_spec *g, const char *dir, struct kw_error *err)
{
    static const struct {
        const char *name, *dtype;
        double bytes;
    } kinds[] = { { "experts", "bfloat16", 2 },
                  { "experts_fp8", "fp8_block", 1 },
                  { "experts_4bit", "w4a16_mxfp4", 4.25 / 8 } };
    for (int k = 0; k < 3; k++) {
        double c[3];
        bool there;
        enum kw_status st = experts_of(c, &there, g, dir, kinds[k].dtype, kinds[k].bytes, err);
        if (st != KW_OK) return st;
        if (there) put(kinds[k].name, c, ", ");
    }
    return KW_OK;
}

static enum kw_status make(const char *dir, FILE *quiet, struct kw_error *err)
{
    struct kw_operators small = { .gpu = kw_gpu_find("RTX4090") };
    enum kw_status st = kw_operators_small(&small, dir, quiet, err);
    printf(
        "{ \"keepwarm_kernels\": 1,\n"
        "  \"source\": \"operator tables of ai-dynamo/aiconfigurator@095f58a5 (Apache-2.0), fitted by "
        "kw_efficiency_fit: seconds, then 1 / share of FLOP/s and of bandwidth (calibrate/operators/estimate.h), "
        "experts of moe_perf, balanced (shape_steps.h); small "
        "kernels: casys-kaist/LLMServingSim@5daddb21 on RTX 4090 and RTX PRO 6000 (MIT)\", \"date\": \"2026-11-23\",\n"
        "  \"small\": [");
    for (int k = 0; k < KW_SMALL_KINDS; k++)
        printf("%s[%.5g, %.5g]", k ? ", " : "", small.small[k].t0, small.small[k].per_byte);
    printf("],\n  \"gpus\": [\n");
    for (const char *const *name = kw_operators_gpus; st == KW_OK && *name; name++) {
        const struct kw_gpu_spec *g = kw_gpu_find(*name);
        static const struct kw_operators_engine kv_fp8 = { .framework = "vllm", .kv_fp8 = true };
        struct kw_efficiency wide, narrow;
        if ((st = laws_of(&wide, g, dir, &kw_operators_vllm, quiet, err)) != KW_OK) break;
        printf("    { \"gpu\": \"%s\", ", *name);
        if (st == KW_OK) st = put_experts(g, dir, err);
        put("decode", wide.decode, ", ");
        if (g->flops_fp8 > 0 && st == KW_OK && (st = laws_of(&narrow, g, dir, &kv_fp8, quiet, err)) == KW_OK) {
            narrow.decode[2] *= 2; /* fitted to the bytes of 16 bits */
            put("decode_fp8", narrow.decode, ", ");
        }
        put("prefill", wide.prefill, name[1] ? " },\n" : " }\n");
    }
    printf("  ] }\n");
    kw_operators_free(&small);
    return st;
}

int main(int argc, char **argv)
{
    struct kw_error err = { .msg = "" };
    if (argc != 2) {
        fprintf(stderr, "usage: make_kernels DATA_DIR >calibrate/data/kernels.json\n");
        return 2;
    }
    FILE *quiet = fopen("/dev/null", "w");
    enum kw_status st = quiet ? make(argv[1], quiet, &err) : kw_fail(&err, KW_EIO, "/dev/null cannot be opened");
    if (st != KW_OK) fprintf(stderr, "make_kernels: %s\n", err.msg);
    if (quiet) fclose(quiet);
    return kw_exit_code(st);
}
