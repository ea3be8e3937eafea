/* engine/probe.h - what this machine's processor and memory can do at best, measured: the floor that CPU figures are
 * set beside. Takes about half a second. */
#ifndef KW_ENGINE_PROBE_H
#define KW_ENGINE_PROBE_H
#include <stdint.h>
#include "sim/core/status.h"

struct kw_probe {
    double read;  /* bytes/s: a sum over one array, as decode reads weights */
    double triad; /* bytes/s: a = b + s c, 24 bytes an element; the write-allocate is not counted, as in STREAM
                   * (McCalpin 1995) */
    double fma;   /* FLOP/s: fp32 multiply-adds on registers in the widest vectors here, 2 a lane; 0: not measured on
                   * this kind of processor */
    uint64_t array_bytes; /* of each array: 4 times the last-level cache, 64 MiB at least, 512 MiB at most */
    int threads;
};

/* The best of several passes on so many OpenMP threads (0: as many as it has). KW_ENOMEM. */
enum kw_status kw_probe_run(struct kw_probe *p, int threads, struct kw_error *err);

#endif
