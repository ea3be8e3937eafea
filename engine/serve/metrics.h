/* engine/serve/metrics.h - what a server counts, and its page for Prometheus (text format 0.0.4). Plain data without a
 * lock: the owner (engine/serve/serve.c) guards it. */
#ifndef KW_ENGINE_SERVE_METRICS_H
#define KW_ENGINE_SERVE_METRICS_H
#include <stdint.h>
#include "sim/core/text.h"

#define KW_METRICS_BOUNDS 21                                 /* buckets of a histogram, the last one +Inf */
extern const double kw_metrics_bound[KW_METRICS_BOUNDS - 1]; /* seconds, 0.5 ms to 60 s, 1-2-5 and finer about 10 ms */

struct kw_metrics_hist {
    uint64_t count[KW_METRICS_BOUNDS]; /* not cumulative */
    uint64_t n;
    int64_t sum_ns;
};
void kw_metrics_observe(struct kw_metrics_hist *h, int64_t ns); /* below 0 counts as 0 */

enum kw_metrics_end { KW_END_STOP, KW_END_LENGTH, KW_END_ABORT, KW_END_ERROR, KW_ENDS };

struct kw_metrics {             /* {0} is a start */
    uint64_t received, refused; /* requests taken in; turned away because the queue was full or closed */
    uint64_t ended[KW_ENDS];    /* received = running + waiting + sum of these */
    uint64_t prompt_tokens, generation_tokens, steps, preemptions;
    struct kw_metrics_hist ttft, tpot, itl, e2e, step;
    uint32_t running, waiting, blocks_used, num_blocks; /* now */
};

/* Appends the page; every name begins "keepwarm_". */
void kw_metrics_print(struct kw_text *out, const struct kw_metrics *m);

#endif
