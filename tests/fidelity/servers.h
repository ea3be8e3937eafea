/* tests/fidelity/servers.h - what others measured on their servers, one row a point: which engine on which GPUs, under
 * which load, and the TPOT and output rate they published. Read from data/published and data/calibration (their
 * SOURCES.md name origin and licence). What each source measured, as its own documentation has it:
 *
 *   silybench       vLLM V1 on one H100: closed loop of random prompts, exact lengths, no prefix in common; median gap
 *                   and output rate, median of the repeats. fp8 weights quantised on the fly, KV cache bf16. CC BY 4.0.
 *   silicon         aiconfigurator's database: closed loop, mean TTFT and TPOT at a concurrency. vLLM and TensorRT-LLM
 *                   of 2025-10 (70B) and 2025-12 (8B), versions partly stated. Static checkpoints "-FP8" of
 *                   TensorRT-LLM keep the KV cache in fp8, too (NVIDIA's model cards); vLLM's "auto" keeps bf16 unless
 *                   the checkpoint says so.
 *   trtllm online   TensorRT-LLM 0.14 behind Triton: 500 requests of one length at so many a second, or all at once;
 *                   mean ITL to whole ms; 8 of its 9 rates lie below capacity, where the output rate is the arrival
 *                   rate. Lengths 202 + 214 are the means of a data set; its rates hang on the longest answers and are
 *                   left out.
 *   trtllm in flight  the same rows at the number in flight that they imply.
 *   trtllm offline  TensorRT-LLM 0.17 and 1.0: trtllm-bench, all requests at once (30,000 to 1,000 by length, the
 *                   page's table), output tokens a second of the system. fp8 weights, activations and KV on Hopper,
 *                   fp16 on A100. 0.95 of the free memory is KV cache. All of TensorRT-LLM schedules "guaranteed no
 *                   evict", its default.
 *   ALCF            LLM-Inference-Bench, mid-2024: one static batch, time until the last token (10 warm-ups, 30 runs),
 *                   fp16. vLLM's benchmark_latency.py and TensorRT-LLM's run.py. The A100 is not named. At one sequence
 *                   8B takes 13.9 ms a token, 1.08 TB/s, and 64 x 4,096 tokens of KV cache (34 GB) did not fit beside
 *                   16 GB of weights: a 40 GB part (Polaris has those), so it is judged as A100-40.
 *   mlperf          v4.1 closed division, NVIDIA and partners, llama2-70b (8 KV heads as 3.1-70B, 32,000 words): Server
 *                   is Poisson arrivals at a rate raised until TPOT p99 nears the 200 ms allowed, 88-97 % of Offline.
 *                   There TPOT hangs on the last per cent of capacity (5 % longer steps: 40 % longer TPOT), so it is
 *                   judged at the number in flight that rate and latency imply. Offline: all at once. OpenOrca lengths:
 *                   outputs have a mean of 291-294 (tokens/s over samples/s), and latency p50 and p99 over mean (0.866,
 *                   3.27 in all runs) are those of a lognormal with sigma 0.54 cut at 1,024; prompts are not published
 *                   with the results and are taken as long as answers. tp and batch limits from NVIDIA's configs of
 *                   that round (tp 2 on H100, 1 on H200; fp8). MLPerf's name and result use are governed by MLCommons;
 *                   the figures are quoted, the unverified comparison is ours. */
#ifndef KW_TESTS_FIDELITY_SERVERS_H
#define KW_TESTS_FIDELITY_SERVERS_H
#include "tests/fidelity/loadtest.h"
#include "calibrate/operators/operators.h"

struct kw_server_point {
    char source[20], engine[24]; /* "silicon"; "vllm 0.12.0" */
    char gpu[16], model[20], precision[8];
    unsigned tp, replicas; /* GPUs of one engine; engines side by side, which share the load evenly */
    struct kw_operators_engine kernels;
    struct kw_loadtest load; /* of one engine; config: policy, limits the source states, 0 where it states none */
    double kv_share;         /* KV cache, of the memory that weights and activations leave; 0: as the profile */
    bool no_evict;           /* TensorRT-LLM's "guaranteed no evict": admitted with KV cache for its longest answer */
    double tpot_s, output_rate; /* published; NAN: not. Rate of one engine */
    bool median;                /* tpot_s is the median gap */
    double ttft_s;
    long line; /* of its file, for messages */
};

struct kw_servers { /* owns p; points in order of source and line */
    struct kw_server_point *p;
    size_t n;
};

/* dir: the data directory. Leaves out what nothing here can say anything of: sglang, fp4, llama.cpp, models other than
 * Llama 3 8B and 70B, Mistral 7B, Qwen3 8B and (mlperf) Llama 2 70B. KW_EINPUT, KW_EPARSE with path and line. */
enum kw_status kw_servers_load(struct kw_servers *s, const char *dir, struct kw_error *err);
void kw_servers_free(struct kw_servers *s);

#endif
