/* sim/fleet/fleet.c - the loop: the next arrival or the next event, whichever is first; arrivals first when both are
 * due. */
#include "sim/fleet/fleet.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/api/api_gateway.h"
#include "sim/fleet/pool/pool.h"
#include "sim/fleet/router.h"

/* Beyond the window a run only finishes what is under way; what a year more could not finish has timed out. */
#define HORIZON (INT64_C(366) * 24 * KW_NS_PER_HOUR)
#define STOP_EVERY 4096            /* events between looks at the stop flag */
#define NO_RECORD (UINT32_MAX - 1) /* places of the warm-up's requests count down from here */

struct kw_fleet {
    struct kw_run_context context;
    struct kw_router router;
    struct kw_hist itl; /* engines keep its address; its content is swapped into the outcome */
    struct kw_pool pool[KW_FLEET_MAX_DEPLOYMENTS];
    struct kw_api_gateway api[KW_FLEET_MAX_DEPLOYMENTS];
};

enum kw_status kw_fleet_new(struct kw_fleet **out, struct kw_error *err)
{
    struct kw_fleet *f = calloc(1, sizeof *f);
    if (!f) return kw_fail(err, KW_ENOMEM, "no memory for a fleet");
    enum kw_status st = kw_hist_init(&f->itl, err);
    if (st != KW_OK) {
        free(f);
        return st;
    }
    kw_events_init(&f->context.events);
    kw_inflight_table_init(&f->context.flights);
    for (int i = 0; i < KW_FLEET_MAX_DEPLOYMENTS; i++) {
        kw_pool_init(&f->pool[i]);
        kw_api_gateway_init(&f->api[i]);
    }
    *out = f;
    return KW_OK;
}

void kw_fleet_delete(struct kw_fleet *f)
{
    if (!f) return;
    for (int i = 0; i < KW_FLEET_MAX_DEPLOYMENTS; i++) {
        kw_pool_free(&f->pool[i]);
        kw_api_gateway_free(&f->api[i]);
    }
    kw_router_free(&f->router);
    kw_hist_free(&f->itl);
    kw_events_free(&f->context.events);
    kw_inflight_table_free(&f->context.flights);
    free(f->context.warmup_hash);
    free(f);
}

/* One run; the fleet is what the loop works on, these are its parameters. */
struct run {
    struct kw_fleet *f;
    const struct kw_deployment *d;
    uint32_t n;
    const struct kw_fleet_options *opt;
    struct kw_outcome *o;
    struct kw_cursor cursor;
    kw_ns begins, period; /* of the cursor's present pass over the view, on the run's clock */
    kw_ns opens, closes;  /* the window, on it */
    bool opened, halved, closed;
    uint32_t arrived, warmed; /* requests of the window; of the warm-up */
};

/* A view of a moment is replayed at most this often: what it lasts says nothing of a fleet that takes minutes. */
#define MAX_PASSES 1000

static bool warming(const struct run *run)
{
    return run->begins < run->opens;
}

/* The run's clock begins with the warm-up: the view's last `warmup` ns, again and again where the view is shorter, then
 * the view itself. A window that ends with its last arrival, at which the next pass cannot begin too, is followed by a
 * mean gap (n requests). */
static void begin_passes(struct run *run, const struct kw_trace *t, kw_ns window, uint64_t n)
{
    kw_ns gap = n > 1 && t->arrival[t->n - 1] == t->span ? window / (kw_ns)(n - 1) : 0;
    kw_ns warmup = window > 0 ? run->opt->warmup : 0, passes;
    run->period = window + gap;
    passes = warmup ? (warmup - 1) / run->period + 1 : 0;
    if (passes > MAX_PASSES) {
        passes = MAX_PASSES;
        warmup = passes * run->period;
    }
    run->opens = warmup;
    run->closes = warmup + window;
    run->begins = warmup - passes * run->period;
    assert(run->begins <= 0 && run->opens <= run->closes);
    kw_cursor_seek(&run->cursor, run->begins, -run->begins);
}

/* On to the next pass while the present one holds no request any more. */
static void next_pass(struct run *run)
{
    while (run->cursor.next == KW_NEVER && warming(run)) {
        run->begins += run->period;
        kw_cursor_seek(&run->cursor, run->begins, 0);
    }
}

static enum kw_status begin_warmup_hashes(struct kw_run_context *w, kw_ns warmup, struct kw_error *err)
{
    const struct kw_trace *t = w->trace;
    free(w->warmup_hash);
    w->warmup_hash = NULL;
    if (!warmup || !t->hash_at) return KW_OK;
    size_t n = t->hash_at[t->n];
    w->warmup_hash = malloc((n + 1) * sizeof *w->warmup_hash);
    if (!w->warmup_hash) return kw_fail(err, KW_ENOMEM, "no memory for %zu prefix hashes", n);
    for (size_t i = 0; i < n; i++) w->warmup_hash[i] = kw_mix64(t->hash[i] ^ UINT64_C(0x7761726d7570));
    return KW_OK;
}

/* The first deployment that has i's account; NULL: it is the first. */
static struct kw_api_gateway *first_of_account(const struct run *run, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (run->d[k].kind == KW_KIND_API && *run->d[k].account && !strcmp(run->d[k].account, run->d[i].account))
            return &run->f->api[k];
    return NULL;
}

static enum kw_status begin(struct run *run, const struct kw_trace_view *view, const struct kw_routing *routing,
                            struct kw_error *err)
{
    struct kw_fleet *f = run->f;
    struct kw_outcome *o = run->o;
    uint64_t n;
    enum kw_status st;
    kw_outcome_clear(o);
    kw_hist_clear(&f->itl);
    kw_events_clear(&f->context.events);
    kw_inflight_table_clear(&f->context.flights);
    if (run->n < 1 || run->n > KW_FLEET_MAX_DEPLOYMENTS)
        return kw_fail(err, KW_ERANGE, "a run wants 1..%d deployments, got %u", KW_FLEET_MAX_DEPLOYMENTS, run->n);
    if (run->opt->series_step < 0) return kw_fail(err, KW_ERANGE, "the step of the series is negative");
    if ((st = kw_cursor_init(&run->cursor, view, &o->window, &n, err)) != KW_OK) return st;
    if (run->opt->warmup < 0) return kw_fail(err, KW_ERANGE, "the warm-up is negative");
    f->context.trace = view->trace;
    o->n_deployments = run->n;
    begin_passes(run, view->trace, o->window, n);
    next_pass(run);
    if ((st = begin_warmup_hashes(&f->context, run->opens, err)) != KW_OK) return st;
    if ((st = kw_tally_begin(&f->context.tally, o, view->trace, n, run->opens, run->opt, err)) != KW_OK) return st;
    if ((st = kw_router_begin(&f->router, routing, view->trace, run->n, run->opt, err)) != KW_OK) return st;
    f->context.move_on_n = f->router.route->passes_over ? run->n : 0;
    for (uint32_t i = 0; i < run->n; i++) {
        const struct kw_deployment *d = &run->d[i];
        if (d->kind == KW_KIND_API) {
            st = kw_api_gateway_begin(&f->api[i], &f->context, d, i, first_of_account(run, i), run->opt, err);
        } else if ((st = kw_pool_check(d, view->trace, err)) == KW_OK) {
            st = kw_pool_begin(&f->pool[i], &f->context, d, i, run->opt, &f->itl, err);
        }
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

/* A first try or a further one: the deployment does not see which. What can be counted at once (attempts) is counted
 * here, so that a pool that refuses and an API that refuses agree on when a client gives up. */
static enum kw_status offer(struct run *run, uint32_t flight, kw_ns now, struct kw_error *err)
{
    struct kw_inflight *f = &run->f->context.flights.f[flight];
    f->attempts++;
    if (run->d[f->deployment].kind == KW_KIND_API)
        return kw_api_gateway_offer(&run->f->api[f->deployment], flight, now, err);
    return kw_pool_offer(&run->f->pool[f->deployment], flight, now, err);
}

/* A count over the replicas is made for the policies that ask for it only: it is the one thing here whose cost grows
 * with the fleet. */
static struct kw_target_state target_state(const struct run *run, uint32_t k)
{
    if (run->d[k].kind == KW_KIND_API) return (struct kw_target_state){ .ready = true };
    const struct kw_pool *p = &run->f->pool[k];
    return (struct kw_target_state){ .ready = p->g.ready > 0,
                                     .waiting = run->f->router.route->counts_waiting ? kw_pool_waiting(p) : 0 };
}

/* *to: where the request goes, of deployments `from` and after it where the policy takes them in order. A cold pool
 * that it is sent past has met traffic all the same, so that it starts. */
static enum kw_status route(struct run *run, uint32_t request, uint32_t from, kw_ns now, uint32_t *to,
                            struct kw_error *err)
{
    struct kw_router *r = &run->f->router;
    *to = r->route->pick ? r->route->pick(r, request) : from;
    if (!r->route->passes_over) return KW_OK;
    for (; *to + 1 < run->n; ++*to) {
        struct kw_target_state s = target_state(run, *to);
        if (!r->route->passes_over(r, &s)) break;
        if (s.ready) continue;
        enum kw_status st = kw_pool_note_diverted(&run->f->pool[*to], now, err);
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

/* O(1) but for the route and what the pool or the API takes. The warm-up's requests go the same way and are counted
 * nowhere. */
static enum kw_status arrive(struct run *run, struct kw_error *err)
{
    struct kw_fleet *f = run->f;
    kw_ns now = run->cursor.next;
    uint32_t flight, to = 0, request = (uint32_t)run->cursor.request;
    enum kw_status st = kw_inflight_table_take(&f->context.flights, &flight, err);
    if (st != KW_OK) return st;
    if ((st = route(run, request, 0, now, &to, err)) != KW_OK) return st;
    bool warmup = warming(run);
    f->context.flights.f[flight] = (struct kw_inflight){ .arrival = now,
                                                         .first = -1,
                                                         .request = request,
                                                         .place = warmup ? NO_RECORD - run->warmed++ : run->arrived++,
                                                         .deployment = (uint8_t)to,
                                                         .warmup = warmup };
    if (!warmup) {
        run->o->ledger[to].requests++;
        f->context.tally.arrivals++;
    }
    kw_cursor_step(&run->cursor);
    next_pass(run);
    return offer(run, flight, now, err);
}

static enum kw_status retry(struct run *run, uint32_t flight, kw_ns now, struct kw_error *err)
{
    struct kw_inflight *f = &run->f->context.flights.f[flight];
    kw_events_release(&run->f->context.events, f->event);
    if (f->moved) {
        uint32_t from = f->deployment, to;
        enum kw_status st = route(run, f->request, from + 1, now, &to, err);
        if (st != KW_OK) return st;
        f->deployment = (uint8_t)to;
        f->attempts = 0;
        f->moved = false;
        if (!f->warmup) {
            run->o->ledger[from].requests--;
            run->o->ledger[to].requests++;
        }
    } else if (!f->warmup) {
        run->o->ledger[f->deployment].retries++;
    }
    return offer(run, flight, now, err);
}

/* The event on top, given to whoever owns its id. It is not popped: its handler sets its id again or cancels it, which
 * costs one sift of the heap instead of two (events.h). A handler that does neither would be called for ever. */
static enum kw_status handle_event(struct run *run, kw_ns now, struct kw_error *err)
{
    struct kw_events *q = &run->f->context.events;
    uint32_t tag = q->tag[kw_events_top(q)], number = kw_tag_number(tag), k = kw_tag_deployment(tag);
    struct kw_pool *p = &run->f->pool[k];
    assert(kw_events_next(q) == now && k < run->n);
    switch (kw_tag_kind(tag)) {
    case KW_EV_RUN: return kw_pool_run(p, number, now, err);
    case KW_EV_LIFE: return kw_pool_life(p, number, now, err);
    case KW_EV_SCALER: return kw_pool_scale(p, now, err);
    case KW_EV_QUEUE_TIMEOUT: return kw_pool_queue_timeout(p, now, err);
    case KW_EV_REQUEST_TIMEOUT: return kw_pool_request_timeout(p, now, err);
    case KW_EV_INTERRUPTION: return kw_pool_interruption(p, number, now, err);
    case KW_EV_RETRY: return retry(run, number, now, err);
    case KW_EV_API_DONE: kw_api_gateway_done(&run->f->api[k], number, now); return KW_OK;
    }
    return kw_fail(err, KW_EFAIL, "an event of unknown kind");
}

/* O(deployments) a point of the series, from counts the pools keep. Between two events nothing changes, so points that
 * fall due together are all taken from the state before the next event. */
static enum kw_status sample_until(struct run *run, kw_ns until, struct kw_error *err)
{
    struct kw_tally *t = &run->f->context.tally;
    while (t->next_sample <= until) {
        struct kw_state s = { 0 };
        for (uint32_t i = 0; i < run->n; i++) {
            if (run->d[i].kind == KW_KIND_API) continue;
            const struct kw_signals *g = &run->f->pool[i].g;
            s.queue += (uint32_t)g->queued;
            s.ready_busy += g->busy;
            s.ready_idle += g->ready - g->busy;
            s.starting += g->starting;
        }
        enum kw_status st = kw_tally_sample(t, &s, err);
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

/* O(replicas): three times a run, at the window's edges and its middle. */
static uint64_t waiting(const struct run *run)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < run->n; i++)
        if (run->d[i].kind != KW_KIND_API) n += kw_pool_waiting(&run->f->pool[i]);
    return n;
}

/* The window opens before anything that happens at its begin, and closes after everything at its end. */
static bool edge_due(const struct run *run, kw_ns now)
{
    if (!run->opened) return now >= run->opens;
    if (!run->halved) return now > run->opens + run->o->window / 2;
    return !run->closed && now > run->closes;
}

/* The next edge. An engine's next step end may be earlier after it. */
static enum kw_status pass_edge(struct run *run, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    if (!run->opened) {
        for (uint32_t i = 0; i < run->n; i++)
            if (run->d[i].kind != KW_KIND_API) kw_pool_open(&run->f->pool[i], run->opens);
        run->o->waiting[0] = waiting(run);
        run->opened = true;
    } else if (!run->halved) {
        run->o->waiting[1] = waiting(run);
        run->halved = true;
    } else {
        run->o->waiting[2] = waiting(run);
        for (uint32_t i = 0; i < run->n && st == KW_OK; i++)
            if (run->d[i].kind != KW_KIND_API) st = kw_pool_close(&run->f->pool[i], run->closes, err);
        run->closed = true;
    }
    return st;
}

static bool over_ceiling(const struct run *run, kw_ns now)
{
    const struct kw_ceiling *c = &run->opt->ceiling;
    return c->most && run->d[0].kind != KW_KIND_API &&
           kw_pool_used(&run->f->pool[0], c->counts, now, run->closes) > c->most;
}

/* Every event of a run passes here; beside its handler it costs a few comparisons. The order
 * at one moment is part of the results and must not change: what the window's edge does, then the series' point, then
 * arrivals, then events in the heap's order. Arrivals never enter the heap: they are sorted already, and a heap as long
 * as the trace would cost a cache miss a level. */
static enum kw_status loop(struct run *run, struct kw_error *err)
{
    struct kw_fleet *f = run->f;
    struct kw_outcome *o = run->o;
    const struct kw_tally *t = &f->context.tally;
    kw_ns horizon = run->closes + HORIZON, last = 0;
    uint64_t events = 0;
    for (;;) {
        kw_ns event = kw_events_next(&f->context.events), now = run->cursor.next <= event ? run->cursor.next : event;
        enum kw_status st;
        if (edge_due(run, now)) {
            if ((st = pass_edge(run, err)) != KW_OK) return st;
            continue;
        }
        if (!f->context.flights.live && run->cursor.next == KW_NEVER && now >= run->closes) break;
        if (now > horizon) break; /* KW_NEVER too: nothing will ever move what is still there */
        if (now >= t->next_sample && (st = sample_until(run, now, err)) != KW_OK) return st;
        uint32_t live = f->context.flights.live;
        st = run->cursor.next <= event ? arrive(run, err) : handle_event(run, now, err);
        if (st != KW_OK) return st;
        if (f->context.flights.live < live) last = now;
        if (++events % STOP_EVERY) continue;
        if (over_ceiling(run, now)) {
            o->stopped = true;
            return KW_OK;
        }
        if (run->opt->stop && *run->opt->stop)
            return kw_fail(err, KW_EFAIL, "stopped before the end, after %u of %llu requests", run->arrived,
                           (unsigned long long)o->arrived);
    }
    o->events = events;
    o->end = (last > run->closes ? last : run->closes) - run->opens;
    while (edge_due(run, KW_NEVER)) {
        enum kw_status st = pass_edge(run, err);
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

/* Requests that nothing will ever serve: a stopped deployment's queue, or what outlasted the horizon. */
static void time_out_unserved(struct run *run)
{
    struct kw_inflight_table *t = &run->f->context.flights;
    for (uint32_t i = 0; i < t->n && t->live; i++) {
        if (t->f[i].at == KW_AT_NOWHERE) continue;
        kw_tally_lost(&run->f->context.tally, &t->f[i], KW_REQ_TIMED_OUT);
        kw_inflight_table_drop(t, i);
    }
}

enum kw_status kw_fleet_run(struct kw_fleet *f, const struct kw_trace_view *view, const struct kw_deployment *d,
                            uint32_t n_deployments, const struct kw_routing *routing,
                            const struct kw_fleet_options *opt, struct kw_outcome *o, struct kw_error *err)
{
    struct run run = { .f = f, .d = d, .n = n_deployments, .opt = opt, .o = o };
    enum kw_status st;
    if ((st = begin(&run, view, routing, err)) != KW_OK) return st;
    if ((st = loop(&run, err)) != KW_OK) return st;
    if (o->stopped) {
        o->arrived = run.arrived;
        return KW_OK;
    }
    time_out_unserved(&run);
    kw_ns end = run.opens + o->end;
    if ((st = sample_until(&run, end, err)) != KW_OK) return st;
    for (uint32_t i = 0; i < n_deployments; i++)
        if (d[i].kind != KW_KIND_API && (st = kw_pool_end(&f->pool[i], end, err)) != KW_OK) return st;
    struct kw_hist swap = o->itl;
    o->itl = f->itl;
    f->itl = swap;
    return kw_outcome_check(o, d, err);
}
