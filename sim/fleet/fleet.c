/* sim/fleet/fleet.c - the loop: the next arrival or the next event, whichever is first; arrivals first when both are
 * due. */
#include "sim/fleet/fleet.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/fleet/api/api_gateway.h"
#include "sim/fleet/hold.h"
#include "sim/fleet/pool/pool.h"
#include "sim/fleet/router.h"
#include "sim/fleet/steady.h"

/* Beyond the window a run only finishes what is under way; what a year more could not finish has timed out. */
#define HORIZON (INT64_C(366) * 24 * KW_NS_PER_HOUR)
#define STOP_EVERY 4096            /* events between looks at the stop flag */
#define LONG_PASS 32               /* a pass of more than this part of the work is the only one */
#define MORE_RUN_UPS 3             /* then: whole passes before it, at most */
#define NO_RECORD (UINT32_MAX - 1) /* places of the warm-up's requests count down from here */

struct kw_fleet {
    struct kw_run_context context;
    struct kw_router router;
    struct kw_hist itl; /* engines keep its address; its content is swapped into the outcome */
    struct kw_pool pool[KW_FLEET_MAX_DEPLOYMENTS];
    struct kw_api_gateway api[KW_FLEET_MAX_DEPLOYMENTS];
    struct kw_hold_queue hold[KW_FLEET_MAX_DEPLOYMENTS];
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
    kw_turns_init(&f->context.turns);
    for (int i = 0; i < KW_FLEET_MAX_DEPLOYMENTS; i++) {
        kw_pool_init(&f->pool[i]);
        kw_api_gateway_init(&f->api[i]);
        kw_hold_queue_init(&f->hold[i]);
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
        kw_hold_queue_free(&f->hold[i]);
    }
    kw_router_free(&f->router);
    kw_hist_free(&f->itl);
    kw_events_free(&f->context.events);
    kw_inflight_table_free(&f->context.flights);
    kw_turns_free(&f->context.turns);
    free(f->context.warmup_hash);
    free(f);
}

struct sums { /* over all deployments, so far */
    kw_ns alive;
    uint64_t starts, retries;
};

/* Requests that follow each other sooner than a replica without one stops make a stretch: what is known of the present
 * one and of those after it before they come. Looked at once the window is open. */
struct stretches {
    bool looked;
    kw_ns longest;          /* a start takes at the most */
    kw_ns ends;             /* until then a replica that is ready stays */
    struct kw_cursor ahead; /* first request after the present stretch */
    kw_ns later;            /* replica-ns of those from there on, at the least */
};

/* One run; the fleet is what the loop works on, these are its parameters. */
struct run {
    struct kw_fleet *f;
    const struct kw_deployment *d;
    uint32_t n;
    const struct kw_fleet_options *opt;
    struct kw_outcome *o;
    struct kw_cursor cursor;
    kw_ns begins, period; /* of the cursor's present pass over the view, on the run's clock */
    kw_ns window;
    kw_ns edge;          /* between two passes: the next window opens here, or a further pass runs up to it */
    kw_ns opens, closes; /* the window, on it; KW_NEVER until it opens */
    kw_ns came;          /* when a request came last, -1: none did */
    size_t last;         /* the request */
    struct stretches stretches;
    bool opened, halved, closed;
    uint32_t arrived, warmed; /* requests of the window; of the warm-up */
    uint32_t passes;          /* windows begun */
    bool settles;             /* passes go on until they tell the steady state */
    struct kw_steady steady;
    uint32_t ping_id[KW_FLEET_MAX_DEPLOYMENTS]; /* of those that are pinged */
    struct sums sums;                           /* at the window's begin */
    uint64_t alive[2];                          /* replicas, at the window's begin and end */
    uint64_t waiting_marked;                    /* requests, after the last number of windows that is a power of two */
};

/* A view of a moment is replayed at most this often: what it lasts says nothing of a fleet that takes minutes. */
#define MAX_PASSES 1000

static bool warming(const struct run *run)
{
    return run->begins < run->opens; /* until the window opens, always */
}

/* Fixed fleets have no state that a replay finds; requests of a further pass would find their own copies in caches. */
static bool settles(const struct run *run, const struct kw_trace *t, uint64_t n)
{
    bool scales = false;
    for (uint32_t i = 0; i < run->n; i++)
        scales |= run->d[i].kind != KW_KIND_API &&
                  (kw_least_warm(&run->d[i]) < run->d[i].scaling.max_replicas || run->d[i].spot.per_hour > 0);
    return scales && !t->hash_at && n <= run->opt->settle / LONG_PASS;
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
    run->window = window;
    run->edge = warmup;
    run->opens = run->closes = KW_NEVER;
    run->begins = warmup - passes * run->period;
    run->came = -1;
    assert(run->begins <= 0);
    kw_cursor_seek(&run->cursor, run->begins, -run->begins);
    run->settles = warmup && settles(run, t, n);
    kw_steady_begin(&run->steady, run->opt->settle, n);
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

/* A time that nobody knows is never taken as none. */
static enum kw_status check_regions(const struct kw_deployment *d, const struct kw_trace *t, struct kw_error *err)
{
    if (!d->located) return KW_OK;
    if (!t->region || t->n_regions > KW_REGIONS_MAX)
        return kw_fail(err, KW_ERANGE, "%s lies in a region, and the trace has %zu (want 1 to %d)", d->name,
                       t->n_regions, KW_REGIONS_MAX);
    for (size_t i = 0; i < t->n_regions; i++)
        if (d->region_rtt[i] < 0)
            return kw_fail(err, KW_ERANGE, "%s: the round-trip time from region '%.40s' is not known", d->name,
                           t->region_name[i]);
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

/* Pings keep the run's clock and not the window's: their phase at its begin is any, as a control loop's is. */
static enum kw_status begin_pings(struct run *run, uint32_t i, struct kw_error *err)
{
    const struct kw_ping *ping = &run->d[i].ping;
    if (!ping->every) return KW_OK;
    enum kw_status st = kw_events_id(&run->f->context.events, kw_tag(KW_EV_PING, i, 0), &run->ping_id[i], err);
    if (st != KW_OK) return st;
    kw_events_set(&run->f->context.events, run->ping_id[i], ping->every / 2);
    kw_steady_ticks(&run->steady, ping->every, run->period);
    return KW_OK;
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
    kw_turns_clear(&f->context.turns);
    if (run->n < 1 || run->n > KW_FLEET_MAX_DEPLOYMENTS)
        return kw_fail(err, KW_ERANGE, "a run wants 1..%d deployments, got %u", KW_FLEET_MAX_DEPLOYMENTS, run->n);
    if (run->opt->series_step < 0) return kw_fail(err, KW_ERANGE, "the step of the series is negative");
    if ((st = kw_cursor_init(&run->cursor, view, &o->window, &n, err)) != KW_OK) return st;
    if (run->opt->warmup < 0) return kw_fail(err, KW_ERANGE, "the warm-up is negative");
    f->context.trace = view->trace;
    o->n_deployments = run->n;
    begin_passes(run, view->trace, o->window, n);
    f->context.cycle = (struct kw_cycle){ run->begins, run->period };
    if (n) next_pass(run); /* of no request at all there is none to find */
    if ((st = begin_warmup_hashes(&f->context, run->edge, err)) != KW_OK) return st;
    if ((st = kw_tally_begin(&f->context.tally, o, view->trace, n, run->edge, run->opt, err)) != KW_OK) return st;
    if ((st = kw_router_begin(&f->router, routing, view->trace, run->n, run->opt, err)) != KW_OK) return st;
    f->context.move_on_n = f->router.route->passes_over ? run->n : 0;
    for (uint32_t i = 0; i < run->n; i++) {
        const struct kw_deployment *d = &run->d[i];
        if ((st = check_regions(d, view->trace, err)) != KW_OK) return st;
        if (d->kind == KW_KIND_API) {
            st = kw_api_gateway_begin(&f->api[i], &f->context, d, i, first_of_account(run, i), run->opt, err);
        } else if ((st = kw_pool_check(d, view->trace, err)) == KW_OK) {
            st = kw_pool_begin(&f->pool[i], &f->context, d, i, run->opt, &f->itl, err);
        }
        if (st != KW_OK) return st;
        if (d->kind != KW_KIND_API && f->pool[i].scaler.period)
            kw_steady_ticks(&run->steady, f->pool[i].scaler.period, run->period);
        kw_hold_queue_begin(&f->hold[i], &f->context, d, i);
        if ((st = begin_pings(run, i, err)) != KW_OK) return st;
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

/* No replica is ready there and the request may wait for one. */
static bool waits_at(const struct run *run, uint32_t to, uint32_t request)
{
    return run->d[to].kind != KW_KIND_API && kw_hold_takes(&run->f->hold[to], request) && !run->f->pool[to].g.ready;
}

/* *to: where the request goes, from the *nth of its order on where the policy takes them so; may_wait: it stays where it
 * can be held. A cold pool that it is sent past has met traffic all the same, so that it starts. */
static enum kw_status route(struct run *run, uint32_t request, bool may_wait, uint32_t *nth, kw_ns now, uint32_t *to,
                            struct kw_error *err)
{
    struct kw_router *r = &run->f->router;
    *to = r->route->pick ? r->route->pick(r, request) : kw_router_nth(r, request, *nth);
    if (!r->route->passes_over) return KW_OK;
    for (; *nth + 1 < run->n; *to = kw_router_nth(r, request, ++*nth)) {
        struct kw_target_state s = target_state(run, *to);
        if (!r->route->passes_over(r, &s) || (may_wait && waits_at(run, *to, request))) break;
        if (s.ready) continue;
        enum kw_status st = kw_pool_note_diverted(&run->f->pool[*to], now, err);
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

/* O(1) but for the route and what the pool or the API takes. The warm-up's requests go the same way and are counted
 * nowhere. */
static enum kw_status arrive(struct run *run, uint32_t request, bool warmup, kw_ns now, struct kw_error *err)
{
    struct kw_fleet *f = run->f;
    uint32_t flight, to = 0, nth = 0;
    enum kw_status st = kw_inflight_table_take(&f->context.flights, &flight, err);
    if (st != KW_OK) return st;
    if ((st = route(run, request, true, &nth, now, &to, err)) != KW_OK) return st;
    f->context.flights.f[flight] = (struct kw_inflight){ .arrival = now,
                                                         .asked = now,
                                                         .first = -1,
                                                         .request = request,
                                                         .place = warmup ? NO_RECORD - run->warmed++ : run->arrived++,
                                                         .deployment = (uint8_t)to,
                                                         .nth = (uint8_t)nth,
                                                         .warmup = warmup };
    if (!warmup) {
        run->o->ledger[to].requests++;
        f->context.tally.arrivals++;
    }
    run->steady.work++;
    return waits_at(run, to, request) ? kw_hold_add(&f->hold[to], flight, now, err) : offer(run, flight, now, err);
}

/* The view's next request, or the next turn of a session: the former where both come at once. */
static kw_ns next_arrival(const struct run *run)
{
    kw_ns turn = run->f->context.turns.next;
    return run->cursor.next <= turn ? run->cursor.next : turn;
}

static enum kw_status arrive_next(struct run *run, struct kw_error *err)
{
    struct kw_turns *turns = &run->f->context.turns;
    if (turns->next < run->cursor.next) {
        struct kw_turn turn = kw_turns_pop(turns);
        return arrive(run, turn.request, turn.warmup, turn.at, err);
    }
    kw_ns now = run->cursor.next;
    uint32_t request = (uint32_t)run->cursor.request;
    bool warmup = warming(run);
    run->came = now;
    run->last = request;
    kw_cursor_step(&run->cursor);
    next_pass(run);
    return arrive(run, request, warmup, now, err);
}

/* From where it was sent to another deployment of its order. */
static void move(struct run *run, struct kw_inflight *f, uint32_t nth, uint32_t to)
{
    uint32_t from = f->deployment;
    f->deployment = (uint8_t)to;
    f->nth = (uint8_t)nth;
    if (f->warmup) return;
    run->o->ledger[from].requests--;
    run->o->ledger[to].requests++;
}

/* It was held, and goes the way of one that comes now. A policy that picks had picked. */
static enum kw_status release(struct run *run, uint32_t flight, kw_ns now, struct kw_error *err)
{
    struct kw_inflight *f = &run->f->context.flights.f[flight];
    uint32_t to = f->deployment, nth = f->nth;
    kw_hold_release(&run->f->hold[to], flight, now);
    if (run->f->router.route->passes_over) {
        enum kw_status st = route(run, f->request, false, &nth, now, &to, err);
        if (st != KW_OK) return st;
        move(run, f, nth, to);
    }
    return offer(run, flight, now, err);
}

/* A replica may be ready there: whom was held for it goes. */
static enum kw_status release_all(struct run *run, uint32_t k, kw_ns now, struct kw_error *err)
{
    struct kw_hold_queue *q = &run->f->hold[k];
    enum kw_status st = KW_OK;
    while (st == KW_OK && q->n && run->f->pool[k].g.ready) st = release(run, kw_hold_first(q), now, err);
    return st;
}

static enum kw_status retry(struct run *run, uint32_t flight, kw_ns now, struct kw_error *err)
{
    struct kw_inflight *f = &run->f->context.flights.f[flight];
    kw_events_release(&run->f->context.events, f->event);
    if (f->moved) {
        bool may_wait = f->asked == f->arrival; /* else it was held already */
        uint32_t nth = f->nth + 1u, to;
        enum kw_status st = route(run, f->request, may_wait, &nth, now, &to, err);
        if (st != KW_OK) return st;
        move(run, f, nth, to);
        f->attempts = 0;
        f->moved = false;
        if (may_wait && waits_at(run, to, f->request)) return kw_hold_add(&run->f->hold[to], flight, now, err);
    } else if (!f->warmup) {
        run->o->ledger[f->deployment].retries++;
    }
    return offer(run, flight, now, err);
}

/* It goes straight to its deployment, past the router. After the last window none is sent: what is left is to end. */
static enum kw_status ping(struct run *run, uint32_t to, kw_ns now, struct kw_error *err)
{
    struct kw_fleet *f = run->f;
    uint32_t flight;
    if (run->closed) {
        kw_events_cancel(&f->context.events, run->ping_id[to]);
        return KW_OK;
    }
    kw_events_set(&f->context.events, run->ping_id[to], now + run->d[to].ping.every);
    enum kw_status st = kw_inflight_table_take(&f->context.flights, &flight, err);
    if (st != KW_OK) return st;
    bool counts = run->opened && now < run->closes;
    f->context.flights.f[flight] = (struct kw_inflight){ .arrival = now,
                                                         .asked = now,
                                                         .first = -1,
                                                         .request = KW_NO_REQUEST,
                                                         .place = NO_RECORD - run->warmed++,
                                                         .deployment = (uint8_t)to,
                                                         .warmup = !counts };
    run->o->ledger[to].pings += counts;
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
    run->steady.work += kw_tag_kind(tag) != KW_EV_RUN; /* steps: as many as the way of stepping makes */
    switch (kw_tag_kind(tag)) {
    case KW_EV_RUN: return kw_pool_run(p, number, now, err);
    case KW_EV_LIFE: {
        enum kw_status st = kw_pool_life(p, number, now, err);
        return st == KW_OK ? release_all(run, k, now, err) : st;
    }
    case KW_EV_SCALER: return kw_pool_scale(p, now, err);
    case KW_EV_QUEUE_TIMEOUT: return kw_pool_queue_timeout(p, now, err);
    case KW_EV_REQUEST_TIMEOUT: return kw_pool_request_timeout(p, now, err);
    case KW_EV_INTERRUPTION: return kw_pool_interruption(p, number, now, err);
    case KW_EV_NODE: return kw_pool_node(p, number, now, err);
    case KW_EV_RETRY: return retry(run, number, now, err);
    case KW_EV_API_DONE: return kw_api_gateway_done(&run->f->api[k], number, now, err);
    case KW_EV_FLOOR: return kw_pool_floor(p, now, err);
    case KW_EV_BATCH: return kw_api_gateway_send(&run->f->api[k], now, err);
    case KW_EV_PING: return ping(run, k, now, err);
    case KW_EV_HOLD: return release(run, number, now, err);
    }
    return kw_fail(err, KW_EFAIL, "an event of unknown kind");
}

/* O(replicas): three times a run, at the window's edges and its middle. */
static uint64_t waiting(const struct run *run)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < run->n; i++)
        if (run->d[i].kind != KW_KIND_API) n += kw_pool_waiting(&run->f->pool[i]);
    return n;
}

static uint64_t alive(const struct run *run)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < run->n; i++)
        if (run->d[i].kind != KW_KIND_API) n += kw_signals_alive(&run->f->pool[i].g);
    return n;
}

static struct sums sums(const struct run *run)
{
    struct sums s = { 0 };
    for (uint32_t i = 0; i < run->n; i++) {
        const struct kw_ledger *l = &run->o->ledger[i];
        for (int p = 0; p < KW_PHASES; p++) s.alive += l->phase[p];
        if (kw_start_varies(&run->d[i].cold, &run->d[i].scaling)) s.starts += l->starts;
        s.retries += l->retries;
    }
    return s;
}

/* O(requests under way + replicas). */
static uint64_t state(const struct run *run, kw_ns now)
{
    const struct kw_inflight_table *t = &run->f->context.flights;
    uint64_t h = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct kw_inflight *f = &t->f[i];
        if (f->at == KW_AT_NOWHERE) continue;
        uint64_t x = kw_mix64((uint64_t)f->request << 24 | (uint64_t)f->deployment << 16 | f->attempts << 8 | f->at);
        x = kw_mix64(x ^ (uint64_t)(now - f->arrival));
        h += kw_mix64(x ^ (uint64_t)(f->first < 0 ? -1 : now - f->first));
    }
    for (uint32_t i = 0; i < run->n; i++) {
        if (run->d[i].kind != KW_KIND_API) h = kw_mix64(h ^ kw_pool_state(&run->f->pool[i], now, run->opt->warmup));
        if (run->d[i].ping.every)
            h = kw_mix64(h ^ (uint64_t)(kw_events_due(&run->f->context.events, run->ping_id[i]) - now));
    }
    return h;
}

/* Whether the window that is over met luck that another pass would draw anew. */
static bool drew(const struct run *run, const struct sums *s)
{
    bool luck = run->f->router.routing->policy == KW_ROUTE_SPLIT || s->starts > run->sums.starts ||
                s->retries > run->sums.retries;
    for (uint32_t i = 0; i < run->n; i++) luck |= run->d[i].kind != KW_KIND_API && kw_pool_draws(&run->f->pool[i]);
    return luck;
}

static void open_window(struct run *run)
{
    run->opens = run->edge;
    run->closes = run->opens + run->window;
    kw_tally_open(&run->f->context.tally, run->opens, !run->passes);
    for (uint32_t i = 0; i < run->n; i++) {
        if (run->d[i].kind == KW_KIND_API) continue;
        if (run->passes)
            kw_pool_reopen(&run->f->pool[i], run->opens, run->passes * run->window);
        else
            kw_pool_open(&run->f->pool[i], run->opens);
    }
    if (!run->passes) run->o->waiting[0] = waiting(run);
    run->sums = sums(run);
    run->alive[0] = alive(run);
    run->passes++;
    run->opened = true;
    run->halved = run->passes > 1;
    run->closed = false;
}

/* What waits at half time: in the middle of one window; of several, after a power of two of them, between a quarter and
 * a half of all. */
static void mark_half(struct run *run)
{
    if (run->passes & (run->passes - 1)) return;
    if (run->passes > 1) run->o->waiting[1] = run->waiting_marked;
    run->waiting_marked = run->o->waiting[2];
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

static enum kw_status close_window(struct run *run, struct kw_error *err)
{
    run->o->waiting[2] = waiting(run);
    run->alive[1] = alive(run);
    mark_half(run);
    for (uint32_t i = 0; i < run->n; i++) {
        enum kw_status st = run->d[i].kind == KW_KIND_API ? KW_OK : kw_pool_close(&run->f->pool[i], run->closes, err);
        if (st != KW_OK) return st;
    }
    run->closed = true;
    struct sums s = sums(run);
    if (!run->settles || kw_steady_enough(&run->steady, s.alive - run->sums.alive, drew(run, &s))) return KW_OK;
    enum kw_status st = sample_until(run, run->closes, err);
    if (st != KW_OK) return st;
    run->f->context.tally.next_sample = KW_NEVER; /* the series is of the first window */
    run->begins += run->period;
    run->edge = run->begins;
    run->opened = run->closed = false;
    kw_cursor_seek(&run->cursor, run->begins, 0);
    return KW_OK;
}

/* The window opens before anything that happens at its begin, and closes after everything at its end. */
static bool edge_due(const struct run *run, kw_ns now)
{
    if (!run->opened) return now >= run->edge;
    if (!run->halved) return now > run->opens + run->window / 2;
    return !run->closed && now > run->closes;
}

/* The next edge. An engine's next step end may be earlier after it. */
static enum kw_status pass_edge(struct run *run, struct kw_error *err)
{
    if (!run->opened) {
        if (run->settles && !run->passes && !kw_steady_opens(&run->steady, state(run, run->edge), waiting(run)))
            run->edge += run->period;
        else
            open_window(run);
    } else if (!run->halved) {
        run->o->waiting[1] = waiting(run);
        run->halved = true;
    } else {
        return close_window(run, err);
    }
    return KW_OK;
}

/* Any replica takes it: it is not declined as too long. */
static bool fits(const struct run *run, size_t request)
{
    const struct kw_sched_config *c = &run->d[0].sched;
    const struct kw_trace *t = run->f->context.trace;
    uint64_t prompt = kw_tokens_as(t->prompt[request], run->d[0].tokens_ppm),
             output = kw_tokens_as(t->output[request], run->d[0].tokens_ppm), all = prompt + output;
    return prompt && output && all <= c->max_model_len && all <= (uint64_t)c->num_blocks * c->block_size;
}

/* Until when requests that follow one at `last` keep a replica that is ready; the cursor goes on to the first that does not. */
static kw_ns follow(const struct run *run, struct kw_cursor *c, kw_ns last, kw_ns patience)
{
    while (c->next != KW_NEVER && c->next - last < patience && fits(run, c->request)) {
        last = c->next;
        kw_cursor_step(c);
    }
    kw_ns ends = last + patience < c->next ? last + patience : c->next;
    return ends < run->closes ? ends : run->closes;
}

/* A stretch from its first request on, where the cursor stands and a start is ordered at once if there is none: replica-ns in
 * it at the least, and *ends. Nobody starts for a request that is declined. */
static kw_ns stretch(const struct run *run, struct kw_cursor *c, kw_ns patience, kw_ns *ends)
{
    kw_ns first = c->next;
    bool served = fits(run, c->request);
    kw_cursor_step(c);
    *ends = served ? follow(run, c, first, patience) : 0;
    return *ends - first > run->stretches.longest ? *ends - first - run->stretches.longest : 0;
}

/* Each request of the window is looked at once, or twice where it is in a stretch of its own. */
static void look_ahead(struct run *run, kw_ns patience)
{
    struct stretches *s = &run->stretches;
    kw_ns ends;
    if (!s->looked) {
        s->looked = true;
        s->longest = kw_pool_longest_start(&run->f->pool[0]);
        s->ahead = run->cursor;
        s->ends = run->came >= 0 && fits(run, run->last) ? follow(run, &s->ahead, run->came, patience) : 0;
        struct kw_cursor c = s->ahead;
        while (s->longest != KW_NEVER && c.next != KW_NEVER) s->later += stretch(run, &c, patience, &ends);
    }
    while (s->ahead.next <= run->came) {
        kw_ns least = stretch(run, &s->ahead, patience, &s->ends);
        if (s->longest != KW_NEVER) s->later -= least;
    }
}

/* Replica-ns that the traffic to come is sure to keep of the one pool there is. */
static kw_ns kept_by_traffic(struct run *run, const bool counts[KW_PHASES], kw_ns now)
{
    const struct kw_pool *p = &run->f->pool[0];
    bool known = run->n == 1 && !run->f->context.trace->before; /* when turns of sessions come is not */
    kw_ns patience = known ? kw_pool_patience(p, counts) : 0;
    if (!patience) return 0;
    look_ahead(run, patience);
    const struct stretches *s = &run->stretches;
    return (p->g.ready && s->ends > now ? s->ends - now : 0) + s->later;
}

/* Never of a run that may go on for more windows, or begin again from further back: what it used so far is not counted
 * then. */
static bool over_ceiling(struct run *run, kw_ns now)
{
    const struct kw_ceiling *c = &run->opt->ceiling;
    if (!c->most || (run->opt->settle && run->opt->warmup) || run->d[0].kind == KW_KIND_API || !run->opened)
        return false;
    return kw_pool_used(&run->f->pool[0], c->counts, now, run->closes, kept_by_traffic(run, c->counts, now)) > c->most;
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
    kw_ns last = 0;
    uint64_t events = 0;
    for (;;) {
        kw_ns event = kw_events_next(&f->context.events), arrival = next_arrival(run);
        kw_ns now = arrival <= event ? arrival : event;
        enum kw_status st;
        if (edge_due(run, now)) {
            if ((st = pass_edge(run, err)) != KW_OK) return st;
            continue;
        }
        bool over = run->settles ? run->closed : run->opened && now >= run->closes;
        if (over && !f->context.flights.live && arrival == KW_NEVER) break;
        /* KW_NEVER too: nothing will ever move what is still there */
        if (run->closed && now > run->closes + HORIZON) {
            if (now < KW_NEVER) last = run->closes + HORIZON; /* replicas came and went until then */
            break;
        }
        if (now >= t->next_sample && (st = sample_until(run, now, err)) != KW_OK) return st;
        uint32_t live = f->context.flights.live;
        st = arrival <= event ? arrive_next(run, err) : handle_event(run, now, err);
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

/* A turn and those behind it, which never come. */
static void lose_turns(struct run *run, uint32_t request, uint32_t deployment, bool warmup)
{
    const struct kw_trace *t = run->f->context.trace;
    for (; t->then && !warmup && request != KW_TRACE_NO_TURN; request = t->then[request]) {
        struct kw_inflight f = { .arrival = run->closes,
                                 .asked = run->closes,
                                 .first = -1,
                                 .request = request,
                                 .place = run->arrived++,
                                 .deployment = (uint8_t)deployment };
        run->o->ledger[deployment].requests++;
        kw_tally_lost(&run->f->context.tally, &f, KW_REQ_TIMED_OUT);
    }
}

/* Requests that nothing will ever serve: a stopped deployment's queue, or what outlasted the horizon. */
static void time_out_unserved(struct run *run)
{
    struct kw_inflight_table *t = &run->f->context.flights;
    struct kw_turns *turns = &run->f->context.turns;
    const struct kw_trace *trace = run->f->context.trace;
    for (uint32_t i = 0; i < t->n && t->live; i++) {
        const struct kw_inflight *f = &t->f[i];
        if (f->at == KW_AT_NOWHERE) continue;
        kw_tally_lost(&run->f->context.tally, f, KW_REQ_TIMED_OUT);
        if (trace->then && !kw_inflight_is_ping(f)) lose_turns(run, trace->then[f->request], f->deployment, f->warmup);
        kw_inflight_table_drop(t, i);
    }
    while (turns->n) {
        struct kw_turn turn = kw_turns_pop(turns);
        lose_turns(run, turn.request, 0, turn.warmup);
    }
}

/* A window of one pass ends with another number of replicas than it began with, and that alone may be worth more than
 * the tolerance: what is there at the end should have been there at the begin. For a day at most; then comes a night. */
static bool other_fleet(const struct run *run)
{
    if (run->settles || !run->opt->settle || !run->opt->warmup || run->alive[0] == run->alive[1]) return false;
    double off = fabs((double)run->alive[1] - (double)run->alive[0]);
    double lasts = fmin((double)run->window, 24 * (double)KW_NS_PER_HOUR);
    bool grows = (double)run->o->waiting[2] - (double)run->o->waiting[0] > fmax(10, 0.01 * (double)run->o->arrived);
    return !grows && off * lasts > KW_STEADY_TOLERANCE * (double)(sums(run).alive);
}

/* What is told of all windows together. */
static void tell_steady(struct run *run)
{
    struct kw_outcome *o = run->o;
    const struct kw_steady *s = &run->steady;
    o->passes = run->passes;
    o->window = run->passes * run->window;
    o->arrived = run->passes > 1 ? run->arrived : o->arrived;
    o->steady_error = run->settles && !s->overloaded ? kw_steady_error(s) : NAN;
    if (isnan(o->steady_error))
        o->steady = KW_STEADY_ONE_PASS;
    else if (s->period)
        o->steady = KW_STEADY_REPEATS;
    else
        o->steady = o->steady_error <= KW_STEADY_TOLERANCE ? KW_STEADY_MEAN : KW_STEADY_UNSETTLED;
}

enum kw_status kw_fleet_run(struct kw_fleet *f, const struct kw_trace_view *view, const struct kw_deployment *d,
                            uint32_t n_deployments, const struct kw_routing *routing,
                            const struct kw_fleet_options *opt, struct kw_outcome *o, struct kw_error *err)
{
    struct run run = { .f = f, .d = d, .n = n_deployments, .opt = opt, .o = o };
    enum kw_status st;
    if ((st = begin(&run, view, routing, err)) != KW_OK) return st;
    if ((st = loop(&run, err)) != KW_OK) return st;
    struct kw_fleet_options again = *opt;
    for (int i = 0; i < MORE_RUN_UPS && !o->stopped && other_fleet(&run); i++) {
        again.warmup += run.period;
        run = (struct run){ .f = f, .d = d, .n = n_deployments, .opt = &again, .o = o };
        if ((st = begin(&run, view, routing, err)) != KW_OK) return st;
        if ((st = loop(&run, err)) != KW_OK) return st;
    }
    if (o->stopped) {
        o->arrived = run.arrived;
        o->passes = 1;
        return KW_OK;
    }
    time_out_unserved(&run);
    tell_steady(&run);
    kw_ns end = run.opens + o->end;
    if ((st = sample_until(&run, end, err)) != KW_OK) return st;
    for (uint32_t i = 0; i < n_deployments; i++)
        if (d[i].kind != KW_KIND_API && (st = kw_pool_end(&f->pool[i], end, err)) != KW_OK) return st;
    struct kw_hist swap = o->itl;
    o->itl = f->itl;
    f->itl = swap;
    return kw_outcome_check(o, d, err);
}
