/* calibrate/profile/link.h - what joins the GPUs of a node, and how long an all-reduce over it takes: the row-parallel
 * sums of tensor parallelism (calibrate/data/links.json, embedded). Of a link and a number of GPUs either the measured
 * time by message size, or a law of a ring, latency of a call apart from the wire:
 *
 *   t(bytes) = latency + 2 (p - 1) / p bytes / bandwidth
 *
 * Source of the second term: Patarasuk and Yuan, J. Parallel Distrib. Comput. 69(2), 2009; nccl-tests call the same
 * bandwidth "busbw". Every figure with source, date and grade; a number of GPUs that nobody has figures of is refused. */
#ifndef KW_CALIBRATE_PROFILE_LINK_H
#define KW_CALIBRATE_PROFILE_LINK_H
#include "calibrate/profile/model.h"
#include "calibrate/profile/steptime.h"
#include "sim/core/provenance.h"

enum { KW_LINK_SIZES = 24 };

struct kw_link {
    char name[24], full_name[48];                  /* "pcie-4-host", "PCIe 4.0 x16 without peer access" */
    uint32_t gpus;                                 /* p; 0: no link, all of a step is on one GPU */
    uint32_t n;                                    /* sizes measured; 0: the law */
    double bytes[KW_LINK_SIZES], s[KW_LINK_SIZES]; /* message and time, both ascending */
    double latency_s, bandwidth;                   /* of the law: s a call, bytes/s */
    struct kw_provenance provenance;
};

/* The link of that name over so many GPUs. KW_ERANGE with those there are: no such link, or no figures for so many. */
enum kw_status kw_link_named(struct kw_link *out, const char *name, uint32_t gpus, struct kw_error *err);

/* The same as an engine runs it inside a CUDA graph, where that has been measured: without launches, by a kernel of its own
 * for small messages. */
enum kw_status kw_link_in_graph(struct kw_link *out, const char *name, uint32_t gpus, struct kw_error *err);

/* Seconds of one all-reduce. Between measured sizes linear in log time over log size, below the smallest as there,
 * beyond the largest at the rate of the last two. 0 where there is no link. */
double kw_link_all_reduce_s(const struct kw_link *l, double bytes);

/* Seconds of an all-gather and a reduce-scatter, of `bytes` in all each. A ring's all-reduce is the two after each other, so
 * they take its wire time and one more start:
 *     t = a + f all-reduce(bytes),    a 4.25 us, f 1.18
 * fitted to NCCL's times of 2, 4 and 8 GPUs on six machines (aiconfigurator nccl_perf, 2026-08-21, sizes to 16 MiB; median
 * error 6.7 %, nine of ten within 15 %, worst 52 %). 0 where there is no link. */
double kw_link_gather_scatter_s(const struct kw_link *l, double bytes);

/* What a step's routed experts take from all ranks of a dp group and give back: in each layer of experts, of every token
 * its hidden state with the router's logits, and the results' hidden state (vLLM's default all2all backend,
 * allgather_reducescatter). */
double kw_link_exchange_s(const struct kw_link *l, const struct kw_model_shape *m, double tokens);

/* The all-reduces of one step: two a layer, after attention and after the feed-forward layer, of 2 bytes a value
 * (Megatron-LM, arXiv:1909.08053). */
double kw_link_step_s(const struct kw_link *l, const struct kw_model_shape *m, double tokens);

#endif
