/* tests/fidelity/real_servers.h - the file of `make fidelity`, results/fidelity.h5: real servers beside what we say of
 * them, for notebooks. HDF5 as h5py and xarray.open_dataset(f, group="points") read it.
 *
 * Root attributes: title, schema_version (1), keepwarm_version, git_revision, build_flags, command.
 *
 *   /runs      the vLLM runs of vllm_bench, replayed (tests/fidelity/fidelity.h). scales run [2] its GPU; clock [3]
 *              tables (operator tables, nothing fitted), profile (the shipped law, nothing fitted), halved (tables
 *              and two terms fitted to the run's first half); metric [3] TTFT, TPOT, latency; statistic [5] mean,
 *              p50, p90, p95, p99; request from 0.
 *              [run, metric, statistic] real (ms), peer (percent off, LLMServingSim's own figure; NaN: none)
 *              [run, clock, metric, statistic] error (percent)
 *              [run, request] prompt_tokens, output_tokens, arrival, real_ttft, real_tpot, real_latency (s),
 *              held_out (1: its first token came in the half that "halved" was not fitted to)
 *              [run, clock, request] sim_ttft, sim_tpot, sim_latency (s; tpot NaN with one token)
 *   /points    [point] every published point that was judged (tests/fidelity/server_accuracy.h, servers.h), in order of
 *              source and file: source, engine, gpu, model, precision (strings), tp, prompt_tokens, output_tokens,
 *              at_once (0: open or batch), rate (1/s, 0: all at the start), requests, law (index into /laws), held_out
 *              (1: in the half that its law was not fitted to), fits (1: all in flight has a seat and KV cache at
 *              once), median (1: tpot is the median gap), real_ttft, real_tpot (s), real_rate (output tokens/s of one
 *              engine), ttft (plain), plain_tpot, host_tpot, whole_tpot, plain_rate, host_rate, whole_rate: ours in the
 *              three ways of server_accuracy.h; NaN: not published
 *   /laws      [law] one a source, engine version and GPU type: source, engine, gpu, grade (strings), own_kernels
 *              (1: tables of that engine), points, fitted (points that the law was fitted on; 0: too few to split),
 *              and for each way host and whole: *_fixed, *_sequence (s), *_kernels, *_links (factors), with *_error
 *              (standard errors; NaN: not fitted, or left at 0), *_residual; medians of |ours / theirs - 1|:
 *              tpot_plain, rate_plain over all points, tpot_held_plain, tpot_held_host, tpot_held_whole, rate_held_*
 *              over the held-out half; NaN: not published */
#ifndef KW_TESTS_FIDELITY_REAL_SERVERS_H
#define KW_TESTS_FIDELITY_REAL_SERVERS_H
#include "tests/fidelity/fidelity.h"
#include "tests/fidelity/server_accuracy.h"

#define KW_REAL_SERVERS_SCHEMA 1

enum kw_replay_clock { KW_REPLAY_TABLES, KW_REPLAY_PROFILE, KW_REPLAY_HALVED, KW_REPLAY_CLOCKS };
struct kw_replayed { /* all borrowed */
    const char *gpu;
    const struct kw_run *real;
    struct kw_run sim[KW_REPLAY_CLOCKS];
    kw_ns half;                              /* first tokens from here on are held out of "halved" */
    const double (*peer)[KW_RUN_STATISTICS]; /* percent off; NULL: none */
};

/* n runs of equally many requests. KW_ERANGE when they are not. */
enum kw_status kw_real_servers_write(const char *path, const struct kw_replayed *run, size_t n,
                                     const struct kw_server_accuracy *accuracy, struct kw_error *err);

#endif
