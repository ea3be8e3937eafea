/* sim/io/results/engine_replay.h - the result file of a replay on the engine: HDF5, laid out like a simulated run's
 * (io/results.h), so that the two are compared column by column. Groups: /requests, /steps, /hist/itl, /startup. */
#ifndef KW_SIM_IO_RESULTS_ENGINE_REPLAY_H
#define KW_SIM_IO_RESULTS_ENGINE_REPLAY_H
#include "engine/serve/serve_trace.h"

#define KW_ENGINE_REPLAY_SCHEMA 1

struct kw_engine_replay_file { /* all borrowed */
    const struct kw_served_trace *served;
    const struct kw_engine *engine; /* model, limits, startup phases */
    const struct kw_device *device;
    const char *trace_source, *trace_sha256;
    uint64_t seed;
};
/* created_utc: seconds since 1970, or 0 to leave it out. */
enum kw_status kw_engine_replay_write(const struct kw_engine_replay_file *s, const char *path, int64_t created_utc,
                                      struct kw_error *err);

#endif
