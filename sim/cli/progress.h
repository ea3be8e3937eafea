/* sim/cli/progress.h - a bar on stderr for long work: only on a terminal, never in a pipe. */
#ifndef KW_SIM_CLI_PROGRESS_H
#define KW_SIM_CLI_PROGRESS_H
#include <stdbool.h>
#include <stdint.h>

struct kw_progress {
    const char *what;    /* "simulating" */
    bool on;             /* stderr is a terminal and nobody asked for quiet */
    double began, drawn; /* seconds of CLOCK_MONOTONIC */
};

void kw_progress_begin(struct kw_progress *p, const char *what, bool quiet);
/* Draws at most ten times a second; ctx is a kw_progress, so it fits kw_sweep_options.progress. */
void kw_progress_update(void *ctx, uint64_t done, uint64_t total);
void kw_progress_end(struct kw_progress *p); /* clears the line; safe to call again */

#endif
