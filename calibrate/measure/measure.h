/* calibrate/measure/measure.h - drives a backend over the grid of ENGINE.md 4 and keeps what it timed (measured.h):
 * decode, prefill after a past, several prompts in one step, mixed steps, decode over unlike lengths, and the host's
 * time between steps.
 *
 * KV values are random (kv_fill), so no point needs a prefill; block tables are a random permutation. Each point is
 * warmed up, then repeated until the order-statistic interval of its median is under `precision` or a cap is met. The
 * order is random from the seed, a coarse grid first; every ten points the anchor (a small decode) is timed again, and
 * its drift is kept with the points. The grid is walked twice, so that what was off for a while gives a wide interval
 * and not a wrong point. When it is done, what is left of the budget goes where the fit is least certain: to the point
 * with the widest interval or the largest leave-out error, which is repeated, or gets a new neighbour. On the machine's
 * own clock a visit beside which other processes took more than 5 % of it (and 2 % s over the visit's length, what the
 * kernel's ticks leave open) is thrown away and made again when they are done, five times at most and for a quarter of
 * the budget in all (not so for a GPU, which others leave alone). */
#ifndef KW_CALIBRATE_MEASURE_MEASURE_H
#define KW_CALIBRATE_MEASURE_MEASURE_H
#include <signal.h>
#include "calibrate/measure/measured.h"
#include "engine/engine.h"

struct kw_measure_setup { /* what is driven; all borrowed. The KV cache is allocated and its contents are lost */
    const struct kw_backend_ops *ops;
    struct kw_backend *backend;
    uint32_t block_size, num_blocks, max_tokens, max_seqs, max_model_len, vocab; /* as in kw_backend_params */
    struct kw_engine *engine; /* for the host's time between steps, without active requests; NULL: not measured */
};
struct kw_measure_setup kw_measure_setup(struct kw_engine *e); /* of an open engine */

struct kw_measure_options {
    double budget_s;  /* stop when it is spent, even before the grid is done; 0: no limit */
    double precision; /* width of the interval over the median at which a point is done; 0: 0.02 */
    uint64_t seed;    /* of the order, the tokens and the block tables */
    uint32_t warmups; /* steps not timed at each visit; 0: 3 */
    uint32_t passes;  /* walk the grid so often and refine nothing; 0: twice, and refine while the budget lasts */
    int64_t (*now)(void *ctx); /* ns; NULL: kw_now_ns */
    void (*progress)(void *ctx, uint64_t done,
                     uint64_t total);  /* after each point: of the grid, or ms of the budget; NULL: none */
    void *ctx;                         /* of now and progress */
    const volatile sig_atomic_t *stop; /* not 0: finish the point and return; NULL: never */
};

/* Measures what m does not hold yet and appends each visit to f (NULL: nowhere) as it is done. m: empty, or what an
 * earlier run left (its head must be this device's: the caller checks). Returns KW_OK too when the budget is spent or
 * stop was set. KW_ERANGE when nothing of the grid fits the setup's limits; else the backend's or the file's failure.
 */
enum kw_status kw_measure_run(struct kw_measured *m, FILE *f, const struct kw_measure_setup *setup,
                              const struct kw_measure_options *o, struct kw_error *err);

/* Contexts of a skewed batch, each 1..longest, tokens in the KV cache after the step: shape 0 one long and the rest
 * short, 1 geometric, 2 linear. lengths: [batch]. Returns their sum. */
uint64_t kw_measure_lengths(uint32_t *lengths, uint32_t shape, uint32_t batch, uint32_t context, uint32_t longest);

/* Device, limits and sizes of an open engine; commit and date are the caller's. */
enum kw_status kw_measure_head(struct kw_measured_head *h, const struct kw_engine *e, uint64_t seed,
                               struct kw_error *err);
/* The start that e's phases record, from their origin. */
bool kw_measure_on_tmpfs(
    const char *folder); /* its files lie in memory: read as from the page cache, never from a disk */
struct kw_measured_start kw_measure_start(const struct kw_engine *e, const struct kw_engine_options *o);

#endif
