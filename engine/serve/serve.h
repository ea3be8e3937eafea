/* engine/serve/serve.h - the serving loop: one thread that owns the engine and runs batch after batch; other threads
 * hand in requests and take tokens out. It knows no network: engine/serve/http.c is one user, tests are another.
 *
 * A ticket is one request from submit to release. The loop's thread appends its tokens and says when it is over;
 * whoever holds the ticket reads them with take, and sleeps between (sleep, wake: callbacks, so that a network thread
 * need not block). All functions may be called from any thread; a ticket is used by one thread at a time. */
#ifndef KW_ENGINE_SERVE_SERVE_H
#define KW_ENGINE_SERVE_SERVE_H
#include "engine/engine.h"
#include "engine/serve/metrics.h"

struct kw_serve;  /* opaque */
struct kw_ticket; /* opaque */

struct kw_serve_options {
    uint32_t max_queue; /* requests beyond the max_num_seqs that the batch seats; more are refused */
    /* Called with the loop's lock held (call nothing of this header): put the user to rest, wake it again. who: of
     * submit. NULL: kw_serve_sleep always refuses. */
    void (*sleep)(void *ctx, void *who);
    void (*wake)(void *ctx, void *who);
    void *ctx;
};

/* Takes over the engine, which must have no active requests, until stop. KW_ENOMEM, KW_EFAIL. */
enum kw_status kw_serve_start(struct kw_serve **s, struct kw_engine *e, const struct kw_serve_options *o,
                              struct kw_error *err);

/* r->id is ignored, everything else is copied. KW_EBUDGET: the queue is full, try later; KW_EFAIL: draining, or the
 * engine has failed; KW_ERANGE: it can never run; KW_ENOMEM. *t is NULL on failure. */
enum kw_status kw_serve_submit(struct kw_serve *s, const struct kw_engine_request *r, void *who, struct kw_ticket **t,
                               struct kw_error *err);

enum kw_serve_state { KW_SERVE_ACTIVE, KW_SERVE_STOP, KW_SERVE_LENGTH, KW_SERVE_CANCELLED, KW_SERVE_FAILED };
/* Tokens [at, at + n) of the answer, n <= cap; the state when they were taken. A stop token is not among them. */
enum kw_serve_state kw_serve_take(struct kw_serve *s, struct kw_ticket *t, uint32_t at, uint32_t *ids, uint32_t cap,
                                  uint32_t *n);
/* Unless there is something to take beyond token `at` (whole: unless the request is over), calls sleep, and wake as
 * soon as there is. False: there is already, or there are no callbacks. */
bool kw_serve_sleep(struct kw_serve *s, struct kw_ticket *t, uint32_t at, bool whole);
/* Ends it early; stop: because a stop string was found (counted as finished), else aborted. Nothing once it is over.
 * Wakes. */
void kw_serve_cancel(struct kw_serve *s, struct kw_ticket *t, bool stop);
void kw_serve_release(struct kw_serve *s,
                      struct kw_ticket *t); /* cancels what is not over; t is gone. NULL is allowed */

void kw_serve_drain(struct kw_serve *s); /* from now on submit refuses */
bool kw_serve_draining(struct kw_serve *s);
bool kw_serve_failed(struct kw_serve *s, struct kw_error *why); /* a step failed: every ticket has failed and will */
uint32_t kw_serve_tickets(struct kw_serve *s);                  /* submitted and not released */
void kw_serve_metrics(struct kw_serve *s, struct kw_metrics *m);
void kw_serve_cancel_all(struct kw_serve *s); /* every ticket not over */
void kw_serve_stop(struct kw_serve *s);       /* all tickets must be released; ends the thread, gives the engine back */

#endif
