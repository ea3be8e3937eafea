#include "sim/fleet/tally.h"
#include <assert.h>
#include <stdlib.h>

#define MAX_POINTS 20000000 /* of a series: seven columns of them are half a gigabyte */

/* Doubles all columns together; one that could not grow leaves those before it longer than they need be, which is
 * harmless. */
static enum kw_status grow_series(struct kw_tally *t, size_t cap, struct kw_error *err)
{
    struct kw_series *s = &t->o->series;
    uint32_t **column[] = { &s->arrivals,   &s->completions, &s->rejections, &s->queue,
                            &s->ready_busy, &s->ready_idle,  &s->starting };
    if (cap > MAX_POINTS)
        return kw_fail(err, KW_ERANGE, "the series would have more than %d points: take a longer step", MAX_POINTS);
    for (size_t i = 0; i < sizeof column / sizeof *column; i++) {
        uint32_t *p = realloc(*column[i], cap * sizeof *p);
        if (!p) return kw_fail(err, KW_ENOMEM, "no memory for a series of %zu points", cap);
        *column[i] = p;
    }
    t->series_cap = cap;
    return KW_OK;
}

enum kw_status kw_tally_begin(struct kw_tally *t, struct kw_outcome *o, const struct kw_trace *trace, uint64_t n,
                              kw_ns opens, const struct kw_fleet_options *opt, struct kw_error *err)
{
    *t = (struct kw_tally){ .o = o, .trace = trace, .slo = opt->slo, .opens = opens, .next_sample = INT64_MAX };
    o->arrived = n;
    if (opt->records) {
        o->records = malloc(n * sizeof *o->records);
        if (!o->records)
            return kw_fail(err, KW_ENOMEM, "no memory for the records of %llu requests", (unsigned long long)n);
    }
    if (opt->series_step) {
        o->series.step = opt->series_step;
        t->next_sample = opens + opt->series_step;
        return grow_series(t, (size_t)(o->window / opt->series_step < 1024 ? o->window / opt->series_step + 2 : 1024),
                           err);
    }
    return KW_OK;
}

static void record(struct kw_tally *t, const struct kw_inflight *f, enum kw_request_status status, kw_ns ttft,
                   kw_ns e2e, uint32_t cached, uint32_t preemptions)
{
    assert(f->place < t->o->arrived);
    if (!t->o->records) return;
    t->o->records[f->place] = (struct kw_record){ .ttft = ttft,
                                                  .e2e = e2e,
                                                  .request = f->request,
                                                  .status = (uint8_t)status,
                                                  .deployment = f->deployment,
                                                  .cold = f->cold,
                                                  .attempts = f->attempts,
                                                  .cached_tokens = cached,
                                                  .preemptions = preemptions };
}

/* Once a request: three histogram increments, and a record only when asked for, since records would be most of a large
 * run's memory. TPOT is floored to ns, like every other time. */
void kw_tally_completed(struct kw_tally *t, const struct kw_inflight *f, kw_ns now, kw_ns rtt, uint32_t cached,
                        uint32_t written, uint32_t preemptions)
{
    struct kw_outcome *o = t->o;
    if (now > t->opens && now - t->opens <= o->window) o->done++;
    if (f->warmup) return;
    struct kw_ledger *l = &o->ledger[f->deployment];
    uint32_t prompt = t->trace->prompt[f->request], output = t->trace->output[f->request];
    kw_ns ttft = f->first - f->arrival + rtt, e2e = now - f->arrival + rtt, tpot = 0;
    assert(f->first >= f->arrival && now >= f->first);
    kw_hist_add(&o->ttft, ttft, 1);
    kw_hist_add(&o->e2e, e2e, 1);
    if (output >= 2) {
        tpot = (e2e - ttft) / (output - 1);
        kw_hist_add(&o->tpot, tpot, 1);
    }
    o->completed++;
    o->cold += f->cold;
    o->attained += !((t->slo.ttft && ttft > t->slo.ttft) || (t->slo.e2e && e2e > t->slo.e2e) ||
                     (t->slo.tpot && tpot > t->slo.tpot));
    l->completed++;
    l->cold_requests += f->cold;
    l->tokens_in += prompt;
    l->tokens_cached += cached;
    l->tokens_cache_write += written;
    assert((uint64_t)cached + written <= prompt);
    l->tokens_out += output;
    t->completions++;
    record(t, f, KW_REQ_COMPLETED, ttft, e2e, cached, preemptions);
}

void kw_tally_lost(struct kw_tally *t, const struct kw_inflight *f, enum kw_request_status status)
{
    if (f->warmup) return;
    struct kw_outcome *o = t->o;
    struct kw_ledger *l = &o->ledger[f->deployment];
    assert(status != KW_REQ_COMPLETED);
    switch (status) {
    case KW_REQ_REJECTED: o->rejected++, l->rejected++; break;
    case KW_REQ_TIMED_OUT: o->timed_out++, l->timed_out++; break;
    case KW_REQ_TOO_LONG: o->too_long++, l->too_long++; break;
    case KW_REQ_COMPLETED: break;
    }
    o->cold += f->cold;
    l->cold_requests += f->cold;
    t->rejections++;
    record(t, f, status, -1, -1, 0, 0);
}

enum kw_status kw_tally_sample(struct kw_tally *t, const struct kw_state *now, struct kw_error *err)
{
    struct kw_series *s = &t->o->series;
    assert(s->step > 0 && s->n <= t->series_cap);
    if (s->n == t->series_cap) {
        enum kw_status st = grow_series(t, 2 * t->series_cap, err);
        if (st != KW_OK) return st;
    }
    s->arrivals[s->n] = t->arrivals;
    s->completions[s->n] = t->completions;
    s->rejections[s->n] = t->rejections;
    s->queue[s->n] = now->queue;
    s->ready_busy[s->n] = now->ready_busy;
    s->ready_idle[s->n] = now->ready_idle;
    s->starting[s->n] = now->starting;
    s->n++;
    t->arrivals = t->completions = t->rejections = 0;
    t->next_sample += s->step;
    return KW_OK;
}
