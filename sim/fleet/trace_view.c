#include "sim/fleet/trace_view.h"
#include <assert.h>

#define LONGEST (INT64_MAX / 4) /* ns, 73 years: times added to arrivals stay far from overflow */

/* First request of [lo, hi) that arrives at `at` or later, hi when none does. */
static size_t lower_bound(const struct kw_trace *t, size_t lo, size_t hi, kw_ns at)
{
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->arrival[mid] < at) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

struct range {
    size_t first, end;
    kw_ns begin, length;
};

static struct range block_range(const struct kw_trace_view *v, uint32_t k)
{
    const struct kw_trace *t = v->trace;
    if (!v->block) return (struct range){ 0, t->n, 0, t->span };
    kw_ns begin = k * v->block, left = t->span - begin;
    assert(left >= 0); /* kw_cursor_init has refused blocks beyond the end */
    bool last = left <= v->block;
    return (struct range){ lower_bound(t, 0, t->n, begin), last ? t->n : lower_bound(t, 0, t->n, begin + v->block),
                           begin, last ? left : v->block };
}

/* O(log n) a block and nothing a request: views are walked, never copied, since a resampled trace of each replication
 * would take the memory of the trace again. */
void kw_cursor_block(struct kw_cursor *c)
{
    const struct kw_trace_view *v = c->view;
    uint32_t n = v->block ? v->n_blocks : 1;
    while (c->place < n) {
        struct range r = block_range(v, v->block ? v->block_of[c->place] : 0);
        assert(r.first <= r.end && r.end <= v->trace->n && r.length >= 0);
        c->place++;
        c->shift = c->start - r.begin;
        c->start += r.length;
        c->request = r.first;
        c->end = r.end;
        if (r.first < r.end) {
            c->next = v->trace->arrival[r.first] + c->shift;
            return;
        }
    }
    c->next = KW_NEVER;
}

void kw_cursor_seek(struct kw_cursor *c, kw_ns base, kw_ns from)
{
    *c = (struct kw_cursor){ .view = c->view, .start = base };
    assert(from >= 0);
    for (;;) {
        kw_cursor_block(c);
        if (c->next == KW_NEVER || c->next >= base + from) return;
        size_t at = lower_bound(c->view->trace, c->request, c->end, base + from - c->shift);
        if (at == c->end) continue;
        c->request = at;
        c->next = c->view->trace->arrival[at] + c->shift;
        return;
    }
}

/* Checks what the walk relies on, once: kw_cursor_step trusts it at every request. */
enum kw_status kw_cursor_init(struct kw_cursor *c, const struct kw_trace_view *view, kw_ns *window, uint64_t *n,
                              struct kw_error *err)
{
    const struct kw_trace *t = view->trace;
    if (!t || !t->n) return kw_fail(err, KW_ERANGE, "the trace holds no request");
    if (t->span < t->arrival[t->n - 1] || t->span > LONGEST)
        return kw_fail(err, KW_ERANGE, "the trace's span of %lld ns is not in [last arrival, 73 years]",
                       (long long)t->span);
    if (view->block < 0 || (view->block && (!view->block_of || !view->n_blocks)))
        return kw_fail(err, KW_ERANGE, "a resampled trace wants blocks of positive length and their order");
    *window = 0;
    *n = 0;
    for (uint32_t i = 0; i < (view->block ? view->n_blocks : 1); i++) {
        uint32_t k = view->block ? view->block_of[i] : 0;
        if (view->block && k > (t->span ? (t->span - 1) / view->block : 0))
            return kw_fail(err, KW_ERANGE, "block %u is beyond the end of the trace", k);
        struct range r = block_range(view, k);
        *window += r.length;
        *n += r.end - r.first;
        if (*window > LONGEST) return kw_fail(err, KW_ERANGE, "the resampled trace is longer than 73 years");
    }
    if (*n >= UINT32_MAX - 1)
        return kw_fail(err, KW_ERANGE, "%llu requests are more than a run can hold", (unsigned long long)*n);
    *c = (struct kw_cursor){ .view = view };
    kw_cursor_block(c);
    return KW_OK;
}
