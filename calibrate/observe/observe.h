/* calibrate/observe/observe.h - a live OpenAI-compatible server under a bounded load, and when its answers came: a ladder of
 * concurrencies, each a closed loop (an answer ends, the next request is sent) over prompts of the lengths asked for, drained
 * before the next rung so that the batch goes up and down. By libcurl, one thread.
 *
 * Prompts are random token ids, no two alike: a prefix cache helps none of them. Answers are of a quarter to all of
 * max_tokens, and the end of text is ignored. GET /metrics before, between and after, where the server has it: whether it
 * serves others beside us, its KV cache, what waited. */
#ifndef KW_CALIBRATE_OBSERVE_OBSERVE_H
#define KW_CALIBRATE_OBSERVE_OBSERVE_H
#include <signal.h>
#include <stdbool.h>
#include "calibrate/own/request_law.h"

enum { KW_OBSERVE_RUNGS = 32 };

struct kw_observe_options {
    const char *url;   /* http://host:port, "/v1" behind it or not */
    const char *key;   /* bearer token; NULL: none */
    const char *model; /* the name it is served under; NULL: the first that it lists */
    uint32_t concurrency[KW_OBSERVE_RUNGS], n_concurrency;
    uint32_t prompt[KW_OBSERVE_RUNGS], n_prompts;
    uint32_t max_tokens, requests; /* of an answer; in all */
    double budget_s;               /* what is under way then is given up */
    uint64_t seed;
    void (*progress)(void *ctx, uint64_t done, uint64_t of);
    void *ctx;
    const volatile sig_atomic_t *stop;
};

struct kw_observed { /* owns r */
    struct kw_request_times *r;
    size_t n, given_up; /* answered whole; under way when the budget was over */
    char model[128];
    bool metrics;                    /* there is such a page that tells what runs */
    uint32_t num_blocks, block_size; /* of its KV cache; 0: not told */
    double others, waiting_most,
        kv_most; /* requests it served before ours; most waiting; largest share of the KV cache */
    double s;
};

/* Most prompt and output tokens that the load may ask for. */
void kw_observe_bound(const struct kw_observe_options *o, double *prompt, double *output);

/* Nothing is kept of a load that broke: KW_EFAIL no server, one that died, refused (401, 429, 503, ...), or was told to stop;
 * KW_EPARSE one that does not stream, or whose events are none. KW_EUSAGE: no such URL. KW_ENOMEM. */
enum kw_status kw_observe(struct kw_observed *out, const struct kw_observe_options *o, struct kw_error *err);
void kw_observed_free(struct kw_observed *o); /* safe to call again */

#endif
