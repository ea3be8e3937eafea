/* Links: the law and the measured curve against numbers worked out by hand, every fact with a source, and the curves
 * that ship against the tables they are of. */
#include "calibrate/profile/link.h"
#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/gpu.h"
#include "sim/core/files/csv.h"
#include "tests/check.h"

static struct kw_error err;

/* A ring of p moves 2 (p - 1) / p of the bytes: all of them at 2 GPUs, 1.75 of them at 8. */
static void a_law_is_latency_and_a_ring(void)
{
    struct kw_link l = { .gpus = 2, .latency_s = 50e-6, .bandwidth = 16e9 };
    CHECK_NEAR(kw_link_all_reduce_s(&l, 0), 50e-6, 1e-15);
    CHECK_NEAR(kw_link_all_reduce_s(&l, 16e6), 50e-6 + 1e-3, 1e-12);
    l.gpus = 8;
    CHECK_NEAR(kw_link_all_reduce_s(&l, 16e6), 50e-6 + 1.75e-3, 1e-12);
    CHECK(kw_link_all_reduce_s(&(struct kw_link){ 0 }, 16e6) == 0);
}

/* Halfway between two sizes in their logarithm the time is their geometric mean. */
static void a_curve_is_read_in_logarithms(void)
{
    struct kw_link l = { .gpus = 4, .n = 3, .bytes = { 1024, 4096, 16384 }, .s = { 10e-6, 20e-6, 80e-6 } };
    CHECK_NEAR(kw_link_all_reduce_s(&l, 1), 10e-6, 1e-18);
    CHECK_NEAR(kw_link_all_reduce_s(&l, 4096), 20e-6, 1e-18);
    CHECK_NEAR(kw_link_all_reduce_s(&l, 2048), 14.142135623730951e-6, 1e-18);
    CHECK_NEAR(kw_link_all_reduce_s(&l, 8192), 40e-6, 1e-18);
    CHECK_NEAR(kw_link_all_reduce_s(&l, 16384 + 12288), 140e-6, 1e-16); /* 60 us for each 12288 bytes more */
}

/* Llama-3.1-8B: 32 layers, two sums a layer of 2 x 4096 bytes a token. */
static void a_step_sums_twice_a_layer(void)
{
    struct kw_link l = { .gpus = 2, .latency_s = 5e-6, .bandwidth = 8192e6 };
    CHECK_NEAR(kw_link_step_s(&l, kw_model_find("llama-3.1-8b"), 100), 64 * (5e-6 + 100e-6), 1e-12);
}

/* A gather and a scatter of what an all-reduce moves twice; Qwen3-30B-A3B has 48 layers of experts, 2048 values and 128 logits
 * a token, of two bytes. Against NCCL's own on two H100: 26.95 + 23.81 us for 4 MiB, 5.17 + 5.09 us for 1 KiB. */
static void ranks_exchange_tokens(void)
{
    struct kw_link l = { .gpus = 2, .latency_s = 5e-6, .bandwidth = 1e9 };
    CHECK_NEAR(kw_link_gather_scatter_s(&l, 1e6), 4.25e-6 + 1.18 * (5e-6 + 1e-3), 1e-12);
    CHECK_NEAR(kw_link_exchange_s(&l, kw_model_find("qwen3-30b-a3b"), 100),
               48 * kw_link_gather_scatter_s(&l, 100 * (2.0 * 2048 + 128)), 1e-12);
    CHECK(kw_link_gather_scatter_s(&(struct kw_link){ 0 }, 1e6) == 0);
    struct kw_link nccl = { .gpus = 2, .n = 2, .bytes = { 1024, 4194304 }, .s = { 5.9e-6, 33.1e-6 } };
    CHECK_NEAR(kw_link_gather_scatter_s(&nccl, 4194304), 50.8e-6, 0.15 * 50.8e-6);
    CHECK_NEAR(kw_link_gather_scatter_s(&nccl, 1024), 10.3e-6, 0.15 * 10.3e-6);
}

static void unknown_links_are_refused(void)
{
    struct kw_link l;
    CHECK(kw_link_named(&l, "pcie-5-hots", 2, &err) == KW_ERANGE && strstr(err.msg, "(there are nvlink-3, ") &&
          strstr(err.msg, "pcie-3-host)"));
    CHECK(kw_link_named(&l, "nvlink-4", 3, &err) == KW_ERANGE && strstr(err.msg, "of 2, 4, 8"));
    CHECK(kw_link_named(&l, "nvlink-4", 4, &err) == KW_OK && l.gpus == 4 && l.n > 10);
}

/* Each GPU's link is one of the table, with a source; more bytes and, of a wire, more GPUs take no less time. */
static void each_gpu_has_a_link(void)
{
    for (size_t i = 0; i < kw_gpu_count(); i++) {
        const struct kw_gpu_spec *g = kw_gpu_at(i);
        struct kw_link two, l;
        CHECK(kw_link_named(&two, g->link, 2, &err) == KW_OK);
        for (uint32_t gpus = 2; gpus <= 8; gpus *= 2) {
            if (kw_link_named(&l, g->link, gpus, &err) != KW_OK) continue; /* a bridge joins two */
            CHECK(l.provenance.source[0] && l.provenance.date[0]);
            for (double bytes = 512; bytes < 1e9; bytes *= 1.5) {
                CHECK(kw_link_all_reduce_s(&l, bytes * 1.5) >= kw_link_all_reduce_s(&l, bytes));
                CHECK(kw_link_all_reduce_s(&l, bytes) >= bytes / g->link_bandwidth);
            }
            CHECK(kw_link_all_reduce_s(&l, 1024) >= kw_link_all_reduce_s(&two, 1024));
        }
    }
}

struct source {
    const char *link, *file, *op, *gpus, *size, *ms, *kind, *kind_is;
    double bytes; /* a unit of size */
    unsigned points;
    bool graph; /* what runs in a graph, of which the table is one of two and the faster one counts */
};

#define AIC "op_name", "num_gpus", "message_size", "latency"
#define VIDUR "collective", "num_workers", "size", "time_stats.all_reduce.min", "devices_per_node", NULL, 1

static const struct source sources[] = {
    { "nvlink-5", "aic/b200_sxm/custom_allreduce_perf", AIC, "backend", "vllm_graph", 2, 60, false },
    { "pcie-5-peer", "aic/rtx_pro_6000_server/nccl_perf", AIC, "nccl_dtype", "half", 2, 60, false },
    { "pcie-4-peer", "aic/l40s/nccl_perf", AIC, "nccl_dtype", "half", 2, 20, false },
    { "nvlink-3", "calibration/vidur/network_a100_dgx_all_reduce", VIDUR, 3, false },
    { "nvlink-4", "calibration/vidur/network_h100_dgx_all_reduce", VIDUR, 3, false },
    { "nvlink-3", "aic/a100_sxm/custom_allreduce_perf", AIC, "backend", "vllm_graph", 2, 60, true },
    { "nvlink-4", "aic/h100_sxm/custom_allreduce_perf", AIC, "backend", "vllm_graph", 2, 60, true },
    { "nvlink-4-bridge", "calibration/vidur/network_h100_pairwise_nvlink_all_reduce", VIDUR, 2, false },
};

/* Over so many GPUs of one node, in the units of the link. False: another collective, another kind of it. */
static bool row_of(const struct kw_csv *c, const struct source *o, double *gpus, double *bytes, double *s)
{
    int op, p, size, ms, kind;
    CHECK(kw_csv_need(c, o->op, &op, &err) == KW_OK && kw_csv_need(c, o->gpus, &p, &err) == KW_OK);
    CHECK(kw_csv_need(c, o->size, &size, &err) == KW_OK && kw_csv_need(c, o->ms, &ms, &err) == KW_OK);
    CHECK(kw_csv_need(c, o->kind, &kind, &err) == KW_OK);
    if (strcmp(c->field[op].p, "all_reduce") || strcmp(c->field[kind].p, o->kind_is ? o->kind_is : c->field[p].p))
        return false;
    CHECK(kw_csv_f64(c, p, 1, 64, gpus, &err) == KW_OK && kw_csv_f64(c, size, 0, 1e12, bytes, &err) == KW_OK);
    CHECK(kw_csv_f64(c, ms, 0, 1e6, s, &err) == KW_OK);
    *bytes *= o->bytes;
    *s *= 1e-3;
    return true;
}

/* Where the tables lie: no measured point is above theirs, and but for jitter they are equal. */
static void the_curves_are_the_tables(void)
{
    const char *dir = getenv("KEEPWARM_DATA");
    if (!dir) {
        SKIP("no KEEPWARM_DATA");
        return;
    }
    for (size_t k = 0; k < sizeof sources / sizeof *sources; k++) {
        struct kw_csv c;
        char path[1024];
        double gpus, bytes, s;
        unsigned seen = 0, equal = 0;
        snprintf(path, sizeof path, "%s/%s.csv.gz", dir, sources[k].file);
        CHECK(kw_csv_open(&c, path, &err) == KW_OK);
        for (bool more; kw_csv_next(&c, &more, &err) == KW_OK && more;) {
            struct kw_link l;
            if (!row_of(&c, &sources[k], &gpus, &bytes, &s)) continue;
            if ((sources[k].graph ? kw_link_in_graph : kw_link_named)(&l, sources[k].link, (uint32_t)gpus, &err) !=
                KW_OK)
                continue;
            for (uint32_t i = 0; i < l.n; i++)
                if (l.bytes[i] == bytes) {
                    seen++;
                    equal += fabs(l.s[i] / s - 1) < 5e-4; /* four digits */
                    CHECK(l.s[i] < s * (1 + 5e-4));
                }
        }
        kw_csv_close(&c);
        CHECK(seen >= sources[k].points && equal >= sources[k].points * 3 / 4);
    }
}

int main(void)
{
    RUN(a_law_is_latency_and_a_ring);
    RUN(a_curve_is_read_in_logarithms);
    RUN(a_step_sums_twice_a_layer);
    RUN(ranks_exchange_tokens);
    RUN(unknown_links_are_refused);
    RUN(each_gpu_has_a_link);
    RUN(the_curves_are_the_tables);
    return check_report();
}
