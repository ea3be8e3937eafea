/* engine/serve/serve_trace.h - replays a trace's arrivals on the engine in real time and keeps what every request and
 * every step took: what the simulator is compared with. Prompts are synthetic, of the trace's lengths; answers always
 * have the trace's length (no stop token ends them).
 *
 * One thread: what has arrived by the clock is added, a step runs (async: the next one is under way by then), its
 * tokens are stamped; with nothing to run it sleeps until 0.2 ms before the next arrival and then watches the clock.
 * Times count from the replay's start, which is the first arrival; a request's arrival is when the trace says, not when
 * the loop came to look. */
#ifndef KW_ENGINE_SERVE_SERVE_TRACE_H
#define KW_ENGINE_SERVE_SERVE_TRACE_H
#include <signal.h>
#include "engine/engine.h"
#include "sim/core/hist.h"
#include "sim/core/text.h"

struct kw_serve_trace { /* what to replay; arrays are borrowed */
    size_t n;
    const int64_t *arrival;          /* [n] ns, not decreasing, from 0 */
    const uint32_t *prompt, *output; /* [n] tokens, both >= 1 */
    /* Prefix-block hashes, or NULL: hash[hash_at[i] .. hash_at[i + 1]) name request i's leading blocks of hash_block
     * tokens. Equal hashes become equal tokens, so that prefix caching finds what the trace says it would. */
    const uint32_t *hash_at; /* [n + 1] */
    const uint64_t *hash;
    uint32_t hash_block;
    double speed;                      /* arrivals come this many times as fast; > 0 */
    uint64_t seed;                     /* of the prompts */
    int64_t limit_ns;                  /* what has not finished by then is cancelled; 0: no limit */
    const volatile sig_atomic_t *stop; /* not 0: as if limit_ns were over; NULL: never */
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* after each step, or NULL */
    void *progress_ctx;
};

enum kw_served_status { KW_SERVED_DONE, KW_SERVED_REFUSED, KW_SERVED_CUT };
extern const char
    *const kw_served_status_name[]; /* "done", "refused" (the engine can never run it), "cut" (by the limit) */

struct kw_served { /* one request; times are ns since the replay's start, INT64_MIN where there is none */
    int64_t arrival, added, first, last; /* added: when the loop took it; last: its last token (so far, when cut) */
    int64_t itl_max;                     /* longest gap between two of its tokens; 0 with fewer than two */
    uint32_t prompt, output;             /* tokens asked */
    uint32_t generated;                  /* tokens got */
    enum kw_served_status status;
};
struct kw_served_step { /* one batch: what it held and what it took */
    int64_t begin, wall_ns, device_ns;
    uint64_t decode_context, prefill_pairs2; /* as in kw_step */
    uint32_t n_decode, n_chunks, prefill_tokens, n_preempted;
    uint32_t waiting, running, blocks_used; /* after the step */
};

struct kw_served_trace { /* everything that was measured; owned */
    size_t n;
    struct kw_served *request; /* [n] in the trace's order */
    size_t n_steps, cap_steps;
    struct kw_served_step *step;
    struct kw_hist itl; /* ns between tokens of a request, over all requests */
    int64_t wall_ns;    /* start to the end of the last step */
    double speed;
    uint32_t done, refused, cut; /* sum: n */
    struct kw_error refusal;     /* why the first of the refused was */
};

/* Replays t on an engine with no active requests. KW_ERANGE: t is not what it has to be, or KW_ENOMEM, or a failed
 * step: *out is empty then. Being stopped or over the limit is no failure. */
enum kw_status kw_serve_trace_run(struct kw_served_trace *out, struct kw_engine *e, const struct kw_serve_trace *t,
                                  struct kw_error *err);
void kw_served_trace_free(struct kw_served_trace *s); /* safe to call again */

/* ttft = first - arrival; e2e = last - arrival; tpot = (e2e - ttft) / (generated - 1), ns, 0 with one token (as vLLM's
 * benchmark); of a request that has a first token. */
int64_t kw_served_ttft(const struct kw_served *r);
int64_t kw_served_e2e(const struct kw_served *r);
double kw_served_tpot(const struct kw_served *r);

/* The q-quantiles (nearest rank) of TTFT, TPOT and E2E over the finished requests, and totals. */
struct kw_served_summary {
    double ttft_s[4], tpot_s[4], itl_s[4], e2e_s[4];          /* p50, p95, p99, mean; NAN when nothing finished */
    double duration_s, request_rate, output_rate, total_rate; /* requests/s finished; tokens/s out; in and out */
    double busy;                                              /* share of the time in which a step ran */
    double decode_mean, decode_step_s; /* mean sequences of a decode-only step, and their mean wall time */
    uint64_t prompt_tokens, output_tokens, preempted;
};
enum kw_status kw_served_summarise(struct kw_served_summary *m, const struct kw_served_trace *s, struct kw_error *err);

/* JSON lines: one object a request ("arrival" in seconds, "prompt", "output": what `trace convert --format generic
 * --columns arrival=arrival,prompt=prompt,output=output` reads), or one a step. */
void kw_served_requests_jsonl(struct kw_text *out, const struct kw_served_trace *s);
void kw_served_steps_jsonl(struct kw_text *out, const struct kw_served_trace *s);

#endif
