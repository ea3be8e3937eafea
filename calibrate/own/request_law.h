/* calibrate/own/request_law.h - the law of an engine's steps from when its answers' first and last tokens came: no step is
 * seen, only who was decoding beside whom. For an answer of n + 1 tokens whose n later ones took D,
 *
 *   D = a n + b sum B + c sum S + d T + e P
 *
 * sums over its n steps: B sequences decoding, S tokens of their contexts; T prompt tokens, less cached ones, and P their
 * query-key pairs, of prompts whose first token came while it ran. Between two first or last tokens of anybody B stands still and
 * S grows evenly; how many of its steps fall between them follows from the law itself, so that both are found in turns
 * (8 rounds from equal steps). Least squares in the relative error, each weighted by the inverse root of the last round's
 * error, so that an answer that was preempted or stalled counts little; no coefficient below its floor.
 *
 * Time to first token, of requests during whose wait nobody else's came but in their own step:
 *
 *   TTFT = front + front_token p + half a step, if anybody was decoding, + its own step with all prompts of it
 *
 * Blocks of requests by the time of their first tokens: the law of every second block is judged on the others, the one
 * handed out is of all; 95 % intervals by drawing blocks anew. The judgement takes who ran beside whom from the log: it is of
 * the steps' times, not of a simulation. Source of the model of a step: ENGINE.md 4; of blocks, Kunsch, Ann. Stat. 17(3), 1989. */
#ifndef KW_CALIBRATE_OWN_REQUEST_LAW_H
#define KW_CALIBRATE_OWN_REQUEST_LAW_H
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"

struct kw_request_times {             /* an answer */
    double arrival_s, first_s, end_s; /* one clock for all; arrival <= first <= end */
    uint32_t prompt, cached, output;  /* tokens; cached of the prompt's */
};

enum kw_request_term {
    KW_REQUEST_STEP,
    KW_REQUEST_SEQUENCE,
    KW_REQUEST_CONTEXT,
    KW_REQUEST_PREFILL,
    KW_REQUEST_PAIR,
    KW_REQUEST_TERMS
};
enum { KW_REQUEST_LEAST = 40, KW_REQUEST_BLOCKS = 20 };

struct kw_request_estimate {
    double v, lo, hi; /* lo, hi: 95 %; NAN where the requests do not tell the term, which is then its floor */
};
struct kw_request_judged {
    double median, p90, worst; /* |law / observed - 1| */
    size_t n;
};
struct kw_request_law {
    struct kw_request_estimate term[KW_REQUEST_TERMS]; /* s: a, b, c, d, e */
    struct kw_request_estimate front, front_token;     /* s a request; s a token of its prompt */
    double floor[KW_REQUEST_TERMS];                    /* as given */
    struct kw_request_judged tpot, ttft;               /* by the law of the other half */
    size_t decodes, firsts;                            /* requests that the steps, and the front, are fitted to */
    size_t short_answers;                              /* of fewer than 8 tokens: their gaps say little */
    size_t beside;                   /* others' first tokens came while they waited: nothing of the front is told */
    double batch_lo, batch_hi;       /* sequences decoding: 5 and 95 % of the steps */
    double batch_most, context_most; /* largest batch; largest sum of context */
    uint32_t prompt_most;
    double span_s; /* first arrival to last token */
};

/* r[0..n) in any order. floor: [KW_REQUEST_TERMS] least value of each, such as a step that reads all weights; NULL: 0.
 * budget: most prompt tokens of a step. KW_ERANGE: fewer than KW_REQUEST_LEAST answers of 8 tokens
 * and more, or the batch never changed. KW_ENOMEM. */
enum kw_status kw_request_law(struct kw_request_law *l, const struct kw_request_times *r, size_t n, const double *floor,
                              uint32_t budget, uint64_t seed, struct kw_error *err);

#endif
