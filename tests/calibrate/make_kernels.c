/* tests/calibrate/make_kernels.c - `make kernels`: writes calibrate/data/kernels.json anew, the laws of kernels that
 * profiles made on the spot stand on (calibrate/operators/spot.h), from the published tables.
 * Usage: make_kernels DATA_DIR >calibrate/data/kernels.json */
#include <stdio.h>
#include "calibrate/operators/estimate.h"

static void put(const char *name, const double c[3], const char *end)
{
    printf("\"%s\": [%.5g, %.5g, %.5g]%s", name, c[0], c[1], c[2], end);
}

static enum kw_status laws_of(struct kw_efficiency *e, const struct kw_gpu_spec *g, const char *dir, int fp8,
                              FILE *quiet, struct kw_error *err)
{
    struct kw_operators op = { .gpu = g };
    char version[16];
    enum kw_status st = kw_operators_tables(&op, dir, fp8 ? "fp8" : "bf16", &kw_operators_vllm, version, quiet, err);
    if (st == KW_OK) st = kw_efficiency_fit(e, &op, fp8 ? 1 : 2, err);
    kw_operators_free(&op);
    return st;
}

static enum kw_status make(const char *dir, FILE *quiet, struct kw_error *err)
{
    struct kw_operators small = { .gpu = kw_gpu_find("RTX4090") };
    enum kw_status st = kw_operators_small(&small, dir, quiet, err);
    printf(
        "{ \"keepwarm_kernels\": 1,\n"
        "  \"source\": \"operator tables of ai-dynamo/aiconfigurator@095f58a5 (Apache-2.0), fitted by "
        "kw_efficiency_fit: seconds, then 1 / share of FLOP/s and of bandwidth (calibrate/operators/estimate.h); small "
        "kernels: casys-kaist/LLMServingSim@5daddb21 on RTX 4090 and RTX PRO 6000 (MIT)\", \"date\": \"2026-11-23\",\n"
        "  \"small\": [");
    for (int k = 0; k < KW_SMALL_KINDS; k++)
        printf("%s[%.5g, %.5g]", k ? ", " : "", small.small[k].t0, small.small[k].per_byte);
    printf("],\n  \"gpus\": [\n");
    for (const char *const *name = kw_operators_gpus; st == KW_OK && *name; name++) {
        const struct kw_gpu_spec *g = kw_gpu_find(*name);
        struct kw_efficiency wide, narrow;
        if ((st = laws_of(&wide, g, dir, 0, quiet, err)) != KW_OK) break;
        printf("    { \"gpu\": \"%s\", ", *name);
        put("gemm", wide.gemm, ", ");
        if (g->flops_fp8 > 0 && (st = laws_of(&narrow, g, dir, 1, quiet, err)) == KW_OK)
            put("gemm_fp8", narrow.gemm, ", ");
        put("decode", wide.decode, ", ");
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
