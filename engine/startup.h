/* engine/startup.h - the phases of a cold start on CLOCK_MONOTONIC, from before exec to the first token. Threads may
 * record at once; a phase is written by the thread that began it. Linked into the CUDA plugin too (no other
 * dependency). */
#ifndef KW_ENGINE_STARTUP_H
#define KW_ENGINE_STARTUP_H
#include <stddef.h>
#include <stdint.h>

#define KW_STARTUP_MAX 96
struct kw_startup_phase {
    char name[40];      /* "weights", "context", "graph 16" */
    int64_t begin, end; /* ns, CLOCK_MONOTONIC; end 0 while it runs */
    uint64_t bytes;     /* moved by it, 0 where that has no meaning */
    int64_t thread;     /* that began it: a phase inside another of its thread is a part of that one */
};
struct kw_startup {
    int64_t origin; /* when the process began, or just before: see init */
    uint32_t n;     /* grows atomically; what does not fit KW_STARTUP_MAX is counted in lost */
    uint32_t lost;
    struct kw_startup_phase at[KW_STARTUP_MAX];
};

int64_t kw_now_ns(void); /* CLOCK_MONOTONIC */

/* Origin: KEEPWARM_EXEC_NS from the environment (CLOCK_MONOTONIC just before execve, written by the launcher) where it
 * is a number in the past, else the process's start time from /proc/self/stat (10 ms resolution), else now. Records the
 * phase "exec" from the origin to now. */
void kw_startup_init(struct kw_startup *p);
/* NULL p: nothing is recorded. begin returns the phase's number (UINT32_MAX when lost), which end takes. */
uint32_t kw_startup_begin(struct kw_startup *p, const char *name);
void kw_startup_end(struct kw_startup *p, uint32_t phase, uint64_t bytes);
void kw_startup_add(struct kw_startup *p, const char *name, int64_t begin, int64_t end, uint64_t bytes);

/* When no phase runs any more: */
int64_t kw_startup_sum(
    const struct kw_startup *p); /* ns, over all phases but parts of others: what a start without overlap would take */
int64_t kw_startup_wall(const struct kw_startup *p); /* ns from the origin to the last end */
/* The critical path, last phase first: from the phase that ended last, each time the phase that ended last before the
 * one found began. path: [KW_STARTUP_MAX] phase numbers; returns how many. What of the wall no phase of the path covers
 * is kw_startup_wall minus their durations. */
uint32_t kw_startup_critical(const struct kw_startup *p, uint32_t *path);

/* What a cold start comes to, ns. Others' "load time" may be any of the three first: say which. */
struct kw_startup_figures {
    int64_t weights;     /* the phase "weights", or "synthetic weights": first byte to last */
    int64_t ready;       /* origin to the end of the last phase but "first token" */
    int64_t first_token; /* origin to the end of "first token"; 0 before it */
    int64_t sum;         /* kw_startup_sum */
    int64_t critical;    /* what the phases on the critical path last */
};
void kw_startup_figures(const struct kw_startup *p, struct kw_startup_figures *f);

#endif
