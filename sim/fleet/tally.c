#include "sim/fleet/tally.h"
#include <assert.h>
#include <stdlib.h>
#include "sim/fleet/request_tokens.h"

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
                              kw_ns edge, const struct kw_fleet_options *opt, struct kw_error *err)
{
    *t = (struct kw_tally){ .o = o,
                            .far = opt->far,
                            .edge = edge,
                            .trace = trace,
                            .slo = opt->slo,
                            .opens = KW_NEVER,
                            .window = o->window,
                            .next_sample = KW_NEVER };
    if (opt->groups) t->slo = opt->groups->group[0].limits;
    if (opt->groups && opt->groups->n > 1) t->groups = opt->groups;
    enum kw_status st = kw_outcome_groups(o, t->groups ? t->groups->n : 1, err);
    if (st == KW_OK && t->far) {
        kw_outcome_clear(t->far);
        t->far->n_deployments = o->n_deployments;
        st = kw_outcome_groups(t->far, t->groups ? t->groups->n : 1, err);
    }
    if (st != KW_OK) return st;
    o->arrived = n;
    if (opt->records) {
        t->n_records = (uint32_t)n;
        o->records = malloc(n * sizeof *o->records);
        if (!o->records)
            return kw_fail(err, KW_ENOMEM, "no memory for the records of %llu requests", (unsigned long long)n);
    }
    if (opt->series_step) {
        o->series.step = opt->series_step;
        return grow_series(t, (size_t)(o->window / opt->series_step < 1024 ? o->window / opt->series_step + 2 : 1024),
                           err);
    }
    return KW_OK;
}

void kw_tally_open(struct kw_tally *t, kw_ns opens, bool first)
{
    t->opens = opens;
    if (first && t->o->series.step) t->next_sample = opens + t->o->series.step;
}

static void record(struct kw_tally *t, const struct kw_inflight *f, enum kw_request_status status, kw_ns ttft,
                   kw_ns e2e, uint32_t cached, uint32_t loaded, uint32_t preemptions)
{
    if (f->place >= t->n_records) return;
    t->o->records[f->place] = (struct kw_record){ .arrival = f->arrival - t->opens,
                                                  .ttft = ttft,
                                                  .e2e = e2e,
                                                  .request = f->request,
                                                  .status = (uint8_t)status,
                                                  .deployment = f->deployment,
                                                  .cold = f->cold,
                                                  .attempts = f->attempts,
                                                  .cached_tokens = cached,
                                                  .loaded_tokens = loaded,
                                                  .preemptions = preemptions };
}

/* The groups a request is of: its class and model, its deployment; NULL where there is only one. */
static struct kw_group_outcome *class_of(const struct kw_tally *t, struct kw_outcome *o, const struct kw_inflight *f)
{
    return t->groups ? &o->group[kw_groups_of(t->groups, t->trace, f->request)] : NULL;
}

static struct kw_group_outcome *deployment_of(struct kw_outcome *o, const struct kw_inflight *f)
{
    return o->n_groups > o->n_classes ? &o->group[o->n_classes + f->deployment] : NULL;
}

struct completed { /* one completed request's figures */
    kw_ns ttft, tpot, e2e;
    bool tells_tpot, attained;
};

/* Three comparisons a request and group; an objective of 0 was not asked. */
static bool within(const struct kw_slo_limits *l, const struct completed *c)
{
    return !((l->ttft && c->ttft > l->ttft) || (l->e2e && c->e2e > l->e2e) || (l->tpot && c->tpot > l->tpot));
}

/* Priced apart: one token more than the limit. */
static bool is_long(const struct kw_ledger *l, uint32_t prompt)
{
    return l->long_prompt && prompt > l->long_prompt;
}

static void group_timed(struct kw_group_outcome *g, const struct completed *c)
{
    if (!g) return;
    kw_hist_add(&g->ttft, c->ttft, 1);
    kw_hist_add(&g->e2e, c->e2e, 1);
    if (c->tells_tpot) kw_hist_add(&g->tpot, c->tpot, 1);
    g->attained += c->attained;
}

static void group_completed(struct kw_group_outcome *g, const struct kw_inflight *f, const struct kw_ledger *l,
                            uint32_t prompt, uint32_t output)
{
    if (!g) return;
    g->arrived++;
    g->completed++;
    g->cold += f->cold;
    g->tokens_in[f->deployment] += prompt;
    g->tokens_out[f->deployment] += output;
    if (!is_long(l, prompt)) return;
    g->long_in[f->deployment] += prompt;
    g->long_out[f->deployment] += output;
}

static void group_lost(struct kw_group_outcome *g, const struct kw_inflight *f)
{
    if (!g) return;
    g->arrived++;
    g->cold += f->cold;
}

static void group_done(struct kw_group_outcome *g, bool attained)
{
    if (!g) return;
    g->done++;
    g->good += attained;
}

static void count_carried(struct kw_ledger *l, uint32_t prompt, uint32_t cached, uint32_t written, uint32_t output)
{
    l->carried++;
    l->carried_in += prompt;
    l->carried_cached += cached;
    l->carried_cache_write += written;
    l->carried_out += output;
}

/* Billed, and told apart from what users asked. */
static void ping_answered(struct kw_outcome *o, const struct kw_inflight *f, uint32_t prompt, uint32_t output)
{
    struct kw_ledger *l = &o->ledger[f->deployment];
    if (f->warmup) return;
    l->pings_answered++;
    l->ping_in += prompt;
    l->ping_out += output;
}

/* What the times of an answer decide, into o, whose window opens at `opens`. TPOT is floored to ns, like every other
 * time. Always inlined: every request of a run passes, and a call of its own costs a replay 3 %. */
static inline __attribute__((always_inline)) struct completed take_times(const struct kw_tally *t, struct kw_outcome *o,
                                                                         kw_ns opens, const struct kw_inflight *f,
                                                                         kw_ns first, kw_ns now, kw_ns rtt,
                                                                         uint32_t output)
{
    struct kw_group_outcome *klass = class_of(t, o, f), *deployment = deployment_of(o, f);
    struct completed c = { .ttft = first - f->arrival + rtt, .e2e = now - f->arrival + rtt, .tells_tpot = output >= 2 };
    assert(first >= f->arrival && now >= first);
    if (c.tells_tpot) c.tpot = (c.e2e - c.ttft) / (output - 1);
    c.attained = within(klass ? &t->groups->group[klass - o->group].limits : &t->slo, &c);
    if (now > opens && now - opens <= t->window) {
        o->done++;
        o->good += c.attained;
        group_done(klass, c.attained);
        group_done(deployment, c.attained);
    }
    if (f->warmup) return c;
    kw_hist_add(&o->ttft, c.ttft, 1);
    kw_hist_add(&o->e2e, c.e2e, 1);
    if (c.tells_tpot) kw_hist_add(&o->tpot, c.tpot, 1);
    o->attained += c.attained;
    group_timed(klass, &c);
    group_timed(deployment, &c);
    return c;
}

void kw_tally_far(struct kw_tally *t, const struct kw_inflight *f, kw_ns first, kw_ns now, kw_ns rtt,
                  const struct kw_deployment *by)
{
    if (!kw_inflight_is_ping(f)) take_times(t, t->far, t->edge, f, first, now, rtt, kw_request_output(t->trace, by, f));
}

/* Once a request: three histogram increments, and a record only when asked for, since records would be most of a large
 * run's memory. */
void kw_tally_completed(struct kw_tally *t, const struct kw_inflight *f, kw_ns now, kw_ns rtt,
                        const struct kw_deployment *by, uint32_t cached, uint32_t loaded, uint32_t written,
                        uint32_t preemptions, bool carried)
{
    struct kw_outcome *o = t->o;
    uint32_t prompt = kw_request_prompt(t->trace, by, f), output = kw_request_output(t->trace, by, f);
    if (kw_inflight_is_ping(f)) {
        ping_answered(o, f, prompt, output);
        return;
    }
    struct completed c = take_times(t, o, t->opens, f, f->first, now, rtt, output);
    if (f->warmup) return;
    struct kw_ledger *l = &o->ledger[f->deployment];
    o->completed++;
    o->cold += f->cold;
    group_completed(class_of(t, o, f), f, l, prompt, output);
    group_completed(deployment_of(o, f), f, l, prompt, output);
    l->completed++;
    l->cold_requests += f->cold;
    l->adapter_requests += f->adapted;
    l->adapter_cold += f->fetched;
    l->tokens_in += prompt;
    l->tokens_cached += cached;
    l->tokens_loaded += loaded;
    l->tokens_cache_write += written;
    assert((uint64_t)cached + written <= prompt);
    l->tokens_out += output;
    if (carried) {
        count_carried(l, prompt, cached, written, output);
    } else if (is_long(l, prompt)) {
        l->long_in += prompt;
        l->long_cached += cached;
        l->long_cache_write += written;
        l->long_out += output;
    }
    t->completions++;
    record(t, f, KW_REQ_COMPLETED, c.ttft, c.e2e, cached, loaded, preemptions);
}

void kw_tally_lost(struct kw_tally *t, const struct kw_inflight *f, enum kw_request_status status)
{
    if (f->warmup || kw_inflight_is_ping(f)) return;
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
    l->adapter_requests += f->adapted;
    l->adapter_cold += f->fetched;
    group_lost(class_of(t, o, f), f);
    group_lost(deployment_of(o, f), f);
    t->rejections++;
    record(t, f, status, -1, -1, 0, 0, 0);
}

void kw_tally_started(struct kw_tally *t, uint32_t deployment, kw_ns took)
{
    struct kw_outcome *o = t->o;
    kw_hist_add(&o->start, took, 1);
    if (o->n_groups > o->n_classes) kw_hist_add(&o->group[o->n_classes + deployment].start, took, 1);
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
