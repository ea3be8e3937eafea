/* sim/fleet/trace_view.h - walks a trace, or a resampling of it in blocks, in order of arrival. */
#ifndef KW_SIM_FLEET_TRACE_VIEW_H
#define KW_SIM_FLEET_TRACE_VIEW_H
#include "sim/fleet/events.h"
#include "workloads/trace.h"

/* A part of a trace, as a run meets it: requests [first, first + n) repeated as blocks in another order when resampled.
 */
struct kw_trace_view {
    const struct kw_trace *trace;
    kw_ns block; /* 0: the trace as it is; else resample in blocks of this length */
    uint32_t n_blocks;
    const uint32_t *block_of; /* [n_blocks] which original block stands at place i; NULL when block == 0 */
};

/* A block k of the trace holds the requests that arrived in [k * block, (k + 1) * block) and lasts that long; the last
 * one lasts to the trace's span and holds a request that arrives exactly there. Blocks keep their length where they are
 * put, so the identity order is the trace itself. */
struct kw_cursor {
    const struct kw_trace_view *view;
    kw_ns next;     /* arrival of the next request, KW_NEVER after the last */
    size_t request; /* its index in the trace */
    size_t end;     /* end of the present block */
    kw_ns shift;    /* from the trace's time to the view's */
    kw_ns start;    /* of the block after the present one */
    uint32_t place; /* of the present block */
};

/* Stands before the first request; *window is the view's span, *n its requests. KW_ERANGE: an empty trace, a block
 * number beyond the trace, more than 2^32 - 2 requests or more than 290 years. */
enum kw_status kw_cursor_init(struct kw_cursor *c, const struct kw_trace_view *view, kw_ns *window, uint64_t *n,
                              struct kw_error *err);
void kw_cursor_block(struct kw_cursor *c); /* on to the next block that holds a request */
/* Stands before the first request at or after `from` of the view's time, which begins at `base` from now on. */
void kw_cursor_seek(struct kw_cursor *c, kw_ns base, kw_ns from);

/* Past the turns that wait for an answer: they follow their session's first, which has their arrival. */
static inline void kw_cursor_step(struct kw_cursor *c)
{
    const struct kw_trace *t = c->view->trace;
    c->request++;
    while (t->before && c->request < c->end && t->before[c->request] != KW_TRACE_NO_TURN) c->request++;
    if (c->request < c->end) {
        c->next = t->arrival[c->request] + c->shift;
    } else {
        kw_cursor_block(c);
    }
}

#endif
