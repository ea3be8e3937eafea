/* sim/io/results/validation.h - the file of `calibrate validate -o FILE.h5`: our engine beside the simulator, for
 * notebooks. HDF5 as h5py and xarray.open_dataset(f, group="errors") read it; one file a model and traffic.
 *
 * Root attributes (strings, counts as integers): title, schema_version (3), keepwarm_version, git_revision,
 * build_flags, command, created_utc, model, precision, backend, device, driver, threads, block_size, num_blocks,
 * max_num_seqs, max_num_batched_tokens, max_model_len, profile (its file; the points' where interleaved), interleaved
 * (1: a profile of its own for each run, calibrate/validate/interleaved.h), profile_source, profile_date, traffic
 * ("synthetic" or the trace's file), burst (mean requests of a burst; 0 a trace), seed, requests, runs.
 *
 * Each group holds the scales of its datasets: load [load] share of capacity; metric [4] TTFT, TPOT, ITL, E2E;
 * statistic [4] p50, p95, p99, mean; kind [3] decode, prompts, mixed; run, request, slice [200], bin, step count from
 * 0.
 *
 *   /loads     [load] rate (1/s), speed, batch_engine, batch_sim, batch_apart, request_ttft_apart, request_e2e_apart
 *              and the same of one run against the next (*_engine), late (s), host_engine, host_profile (s a step),
 *              preempted_engine, preempted_sim, discarded (runs thrown away: others took too much CPU), cpu_contention
 *              (share)
 *   /errors    [load, metric, statistic] engine, low, high, sim (s), error and as_run (median over the runs of
 *              simulated / served - 1; as_run NaN for ITL), spread = (high - low) / engine, verdict (0 within 3 %, 1
 *              inside its runs, 2 misses)
 *   /runs      [load, run, metric, statistic] value, sim (s); [load, run] cpu_contention, preempted, end (s)
 *   /requests  [load, request] arrival; [load, run, request] ttft, tpot, e2e and sim_* (s; tpot NaN with one token);
 *              [request] prompt_tokens, output_tokens
 *   /batches   [load, slice] time (s, the slice's begin); [load, run, slice] decoding, sim_decoding (sequences)
 *   /steps_sum [load, kind] n, engine, profile (s of device time over the engine's own batches, all runs)
 *   /itl       [bin] lower (s); [load, bin] engine (gaps, all runs), sim (gaps, all runs): 40 bins a decade
 *   /steps     [step] of the first run at each load: load_index, begin, wall, device, profile (s), n_decode,
 *              decode_context, n_chunks, prefill_tokens, prefill_pairs2, waiting, running */
#ifndef KW_SIM_IO_RESULTS_VALIDATION_H
#define KW_SIM_IO_RESULTS_VALIDATION_H
#include "calibrate/validate/validate.h"

#define KW_VALIDATION_SCHEMA 3

struct kw_validation_file {        /* all borrowed */
    const struct kw_validated *at; /* [n] one a load; all of one traffic and of as many runs */
    size_t n;
    const struct kw_engine *engine;
    const struct kw_device *device;
    const struct kw_profile *profile;
    const char *profile_path, *traffic;
    double burst;
    uint64_t seed;
};
/* created_utc: seconds since 1970, or 0 to leave it out. KW_ERANGE without a load. */
enum kw_status kw_validation_write(const struct kw_validation_file *s, const char *path, int64_t created_utc,
                                   struct kw_error *err);

#endif
