#include "sim/fleet/lockstep.h"
#include <string.h>
#include "sim/fleet/replica_step.h"

struct kw_lockstep {
    uint32_t n;
    struct kw_replica *rank;                 /* [n] */
    struct kw_step *step;                    /* [n] the batch that each took, where it is in_step */
    struct kw_replica_seq *first, *finished; /* [cap] of all ranks, for the caller */
    uint32_t cap;
};

/* ---- life ---- */

enum kw_status kw_lockstep_init(struct kw_replica *r, const struct kw_sched_config *c, uint32_t ranks,
                                const struct kw_steptime *t, enum kw_stepping mode, struct kw_hist *itl,
                                struct kw_error *err)
{
    assert(ranks > 1 && ranks <= KW_STEP_RANKS);
    *r = (struct kw_replica){ .next = IDLE, .boundary = IDLE, .time = t, .idle_since = INT64_MIN, .mode = mode };
    r->after_prompt_ps = kw_steptime_after_prompt_ps(t);
    if (c->draft_tokens) return kw_fail(err, KW_ERANGE, "replica: drafts are not simulated on several ranks");
    if (c->max_loras) return kw_fail(err, KW_ERANGE, "replica: LoRA adapters are not simulated on several ranks");
    struct kw_lockstep *g = r->group = calloc(1, sizeof *g);
    if (g) g->rank = calloc(ranks, sizeof *g->rank);
    if (g) g->step = calloc(ranks, sizeof *g->step);
    enum kw_status st =
        g && g->rank && g->step ? KW_OK : kw_fail(err, KW_ENOMEM, "replica: no memory for %u ranks", ranks);
    for (uint32_t i = 0; i < ranks && st == KW_OK; i++)
        if ((st = kw_replica_init(&g->rank[i], c, t, mode, itl, err)) == KW_OK) g->n++;
    if (st != KW_OK) kw_lockstep_free(r);
    return st;
}

void kw_lockstep_free(struct kw_replica *r)
{
    struct kw_lockstep *g = r->group;
    if (g) {
        for (uint32_t i = 0; i < g->n; i++) kw_replica_free(&g->rank[i]);
        free(g->rank);
        free(g->step);
        free(g->first);
        free(g->finished);
        free(g);
    }
    *r = (struct kw_replica){ .next = IDLE, .boundary = IDLE };
}

static void set_idle(struct kw_replica *r)
{
    r->next = r->boundary = IDLE;
    r->in_step = false;
}

void kw_lockstep_reset(struct kw_replica *r)
{
    struct kw_lockstep *g = r->group;
    for (uint32_t i = 0; i < g->n; i++) kw_replica_reset(&g->rank[i]);
    set_idle(r);
    r->count = (struct kw_replica_count){ 0 };
    r->idle_since = INT64_MIN;
    r->n_live = r->most_step_tokens = r->most_running = 0;
    r->watch_next = r->prompted = false;
}

const struct kw_replica *kw_lockstep_rank(const struct kw_replica *r, uint32_t slot, uint32_t *inner)
{
    *inner = slot / r->group->n;
    return &r->group->rank[slot % r->group->n];
}

uint32_t kw_lockstep_sum(const struct kw_replica *r, uint32_t (*of)(const struct kw_sched *))
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < r->group->n; i++) sum += of(r->group->rank[i].sched);
    return sum;
}

/* Steps and runs are the group's; what happens in them is the ranks'. */
struct kw_replica_count kw_lockstep_counted(const struct kw_replica *r)
{
    struct kw_replica_count sum = r->count;
    for (uint32_t i = 0; i < r->group->n; i++) {
        const struct kw_replica_count *c = &r->group->rank[i].count;
        sum.decode_tokens += c->decode_tokens;
        sum.prefill_tokens += c->prefill_tokens;
        sum.recomputed_tokens += c->recomputed_tokens;
        sum.cached_tokens += c->cached_tokens;
        sum.output_tokens += c->output_tokens;
        sum.preemptions += c->preemptions;
        sum.finished += c->finished;
    }
    return sum;
}

static void count_steps(struct kw_replica *r, uint64_t k)
{
    r->count.iterations += k;
    if (r->outside) r->count.outside += k;
}

/* ---- cutting a run ---- */

static void follow(struct kw_replica *rank, const struct kw_replica *r)
{
    rank->at = r->at;
    rank->first_ps = r->first_ps;
    rank->rise_ps = r->rise_ps;
    rank->k = r->k;
    rank->boundary = r->boundary;
    rank->end_ps = r->end_ps;
}

static void cut_all(struct kw_replica *r, kw_ns t)
{
    if (!r->in_step || r->k < 2) return;
    cut(r, t);
    for (uint32_t i = 0; i < r->group->n; i++)
        if (r->group->rank[i].in_step) follow(&r->group->rank[i], r);
    r->next = r->boundary;
}

static void watch_all(struct kw_replica *r, struct kw_hist *itl)
{
    for (uint32_t i = 0; i < r->group->n; i++) watch(&r->group->rank[i], itl);
    watch(r, itl);
}

void kw_lockstep_watch(struct kw_replica *r, struct kw_hist *itl, kw_ns now)
{
    assert(now <= r->next);
    if (!r->in_step) {
        watch_all(r, itl);
        return;
    }
    r->itl_next = itl;
    r->watch_next = true;
    cut_all(r, now);
}

uint64_t kw_lockstep_kv_asked(const struct kw_replica *r, kw_ns now)
{
    uint64_t tokens = 0;
    for (uint32_t i = 0; i < r->group->n; i++) {
        const struct kw_replica *rank = &r->group->rank[i];
        tokens += kw_sched_context(rank->sched) + kw_sched_tokens_waiting(rank->sched);
        if (rank->in_step && r->k > 1)
            tokens += rank->n_decode * (boundary_from(r, (now + 1 - r->at.ns) * 1000 - r->at.ps) - 1);
    }
    return tokens;
}

/* ---- requests ---- */

static uint32_t least_loaded(const struct kw_lockstep *g)
{
    uint32_t best = 0;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < g->n; i++) {
        uint64_t load = 4 * (uint64_t)kw_sched_waiting(g->rank[i].sched) + kw_sched_running(g->rank[i].sched);
        if (load < least) best = i, least = load;
    }
    return best;
}

static enum kw_status make_room(struct kw_lockstep *g, struct kw_error *err)
{
    uint32_t seats = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        const struct kw_replica *rank = &g->rank[i];
        seats += rank->cap < rank->max_num_seqs ? rank->cap : rank->max_num_seqs;
    }
    if (seats <= g->cap) return KW_OK;
    void *first = realloc(g->first, seats * sizeof *g->first);
    if (first) g->first = first;
    void *finished = realloc(g->finished, seats * sizeof *g->finished);
    if (finished) g->finished = finished;
    if (!first || !finished) return kw_fail(err, KW_ENOMEM, "replica: no memory for %u requests", seats);
    g->cap = seats;
    return KW_OK;
}

/* Whether a request that came to a rank just now can change the batch that the rank decides next: as in replica.c, and a rank
 * that runs dummies takes it at once. */
static bool changes_next(const struct kw_replica *rank)
{
    return !rank->in_step || rank->async ||
           (!rank->closed && kw_sched_waiting(rank->sched) == 1 && kw_sched_running(rank->sched) < rank->max_num_seqs);
}

enum kw_status kw_lockstep_add(struct kw_replica *r, const struct kw_sched_request *q, kw_ns now, uint32_t *slot,
                               struct kw_error *err)
{
    assert(now <= r->next && !q->adapter);
    struct kw_lockstep *g = r->group;
    uint32_t k = least_loaded(g), i;
    struct kw_replica *rank = &g->rank[k];
    enum kw_status st = KW_OK;
    if (rank->n_slots == rank->cap && (st = grow(rank, err)) != KW_OK) return st;
    if ((st = make_room(g, err)) != KW_OK) return st;
    if ((st = kw_sched_add(rank->sched, q, &i, err)) != KW_OK) return st;
    if (i >= rank->n_slots) rank->n_slots = i + 1;
    rank->slot[i] = (struct kw_replica_slot){ .id = q->id, .last = { -1, 0 }, .since = now };
    rank->n_live++;
    r->n_live++;
    *slot = i * g->n + k;
    if (r->in_step) {
        if (changes_next(rank)) cut_all(r, now);
    } else if (r->boundary == IDLE) {
        r->at = (struct kw_replica_time){ now, 0 };
        r->next = r->boundary = now;
    }
    return KW_OK;
}

void kw_lockstep_cancel(struct kw_replica *r, uint32_t slot, kw_ns now)
{
    struct kw_replica *rank = &r->group->rank[slot % r->group->n];
    uint32_t i = slot / r->group->n;
    assert(now <= r->next && i < rank->n_slots && !rank->slot[i].cancelled);
    r->n_live--;
    rank->n_live--;
    r->count.cancelled++;
    if (!rank->in_step) {
        kw_sched_cancel(rank->sched, i);
        return;
    }
    rank->slot[i].cancelled = true;
    rank->pending[rank->n_pending++] = i;
    cut_all(r, now);
}

uint32_t kw_lockstep_kill(struct kw_replica *r, kw_ns now, uint64_t *ids)
{
    assert(now <= r->next || r->next == IDLE);
    uint32_t n = 0;
    cut_all(r, now);
    if (r->in_step) count_steps(r, r->k - 1);
    for (uint32_t i = 0; i < r->group->n; i++) n += kw_replica_kill(&r->group->rank[i], now, ids + n);
    set_idle(r);
    r->n_live = 0;
    return n;
}

/* ---- a step ---- */

static uint32_t tokens_of(const struct kw_step *step)
{
    return step->n_decode + step->prefill_tokens;
}

/* How long the rank's own part takes, padded, and by how much more each further step; *k: how many steps that holds for, at
 * the most. */
static void time_rank(struct kw_replica *rank, const struct kw_step *step, uint32_t padded, uint64_t *k)
{
    const struct kw_steptime *t = rank->time;
    rank->rise_ps = 0;
    *k = 1;
    if (step->n_chunks) {
        rank->first_ps = kw_steptime_ps(t, step);
        rank->outside = kw_steptime_outside(t, step);
    } else {
        uint64_t c = step->decode_context;
        if (!law_holds(rank, step)) {
            kw_steptime_decode(t, step->n_decode, c, &rank->law);
            rank->law_batch = step->n_decode;
        }
        rank->first_ps = rank->law.base_ps + rank->law.slope_ps * (int64_t)(c - rank->law.lo);
        rank->rise_ps = rank->law.slope_ps * step->n_decode;
        rank->outside = rank->law.outside;
        if (rank->mode == KW_STEPPING_JUMP && (*k = kw_sched_jumpable(rank->sched)) > 1 &&
            c + (*k - 1) * step->n_decode >= rank->law.hi)
            *k = (rank->law.hi - 1 - c) / step->n_decode + 1;
    }
    rank->first_ps += kw_steptime_padding_ps(t, tokens_of(step), padded);
}

/* The step that all take: that of the slowest rank, while it is the slowest, and the experts of all tokens. O(ranks). */
static void time_group(struct kw_replica *r)
{
    struct kw_lockstep *g = r->group;
    struct kw_replica *slowest = NULL;
    uint32_t most = 0;
    uint64_t all = 0, k = UINT64_MAX;
    for (uint32_t i = 0; i < g->n; i++) {
        uint32_t own = g->rank[i].in_step ? tokens_of(&g->step[i]) : 1; /* a dummy's */
        if (own > most) most = own;
        all += own;
    }
    bool pads = kw_steptime_pads(r->time, most);
    if (pads) all = (uint64_t)most * g->n;
    r->outside = kw_steptime_group_outside(r->time, all);
    for (uint32_t i = 0; i < g->n; i++) {
        struct kw_replica *rank = &g->rank[i];
        uint64_t own;
        if (!rank->in_step) continue;
        time_rank(rank, &g->step[i], pads ? most : 0, &own);
        r->outside |= rank->outside;
        if (own < k) k = own;
        if (!slowest || rank->first_ps > slowest->first_ps ||
            (rank->first_ps == slowest->first_ps && rank->rise_ps > slowest->rise_ps))
            slowest = rank;
    }
    for (uint32_t i = 0; i < g->n && k > 1; i++) { /* step j belongs to it while first + j rise of no other is larger */
        const struct kw_replica *rank = &g->rank[i];
        if (!rank->in_step || rank->rise_ps <= slowest->rise_ps) continue;
        uint64_t ahead = (uint64_t)((slowest->first_ps - rank->first_ps) / (rank->rise_ps - slowest->rise_ps));
        if (ahead + 1 < k) k = ahead + 1;
    }
    r->first_ps = slowest->first_ps + kw_steptime_group_ps(r->time, all);
    r->rise_ps = slowest->rise_ps;
    r->k = at_most_run_ps(r, k);
}

static void decide(struct kw_replica *r)
{
    struct kw_lockstep *g = r->group;
    bool was_busy = r->in_step, chunks = false;
    r->in_step = false;
    for (uint32_t i = 0; i < g->n; i++) {
        struct kw_replica *rank = &g->rank[i];
        rank->at = r->at;
        r->in_step |= take_batch(rank, &g->step[i]);
        if (!rank->in_step) rank->boundary = IDLE;
        chunks |= rank->in_step && g->step[i].n_chunks;
        if (rank->most_step_tokens > r->most_step_tokens) r->most_step_tokens = rank->most_step_tokens;
        if (rank->most_running > r->most_running) r->most_running = rank->most_running;
    }
    if (!r->in_step) {
        if (was_busy) r->idle_since = r->at.ns;
        set_idle(r);
        return;
    }
    int64_t cold_ps =
        !was_busy
            ? kw_steptime_after_idle_ps(r->time, r->idle_since == INT64_MIN ? INT64_MAX : r->at.ns - r->idle_since)
        : r->prompted && !chunks ? r->after_prompt_ps
                                 : 0;
    r->prompted = chunks;
    r->count.runs++;
    time_group(r);
    if (cold_ps) { /* one step that is none of a run */
        r->first_ps += cold_ps;
        r->k = 1;
    }
    set_end(r);
    for (uint32_t i = 0; i < g->n; i++)
        if (g->rank[i].in_step) follow(&g->rank[i], r);
    r->next = r->boundary;
}

/* Those of one rank behind those of the ranks before it. */
static void collect(struct kw_lockstep *g, uint32_t k, const struct kw_replica_out *of, struct kw_replica_out *out)
{
    for (uint32_t i = 0; i < of->n_first; i++) {
        g->first[out->n_first] = of->first[i];
        g->first[out->n_first++].slot = of->first[i].slot * g->n + k;
    }
    for (uint32_t i = 0; i < of->n_finished; i++) {
        g->finished[out->n_finished] = of->finished[i];
        g->finished[out->n_finished++].slot = of->finished[i].slot * g->n + k;
    }
}

void kw_lockstep_advance(struct kw_replica *r, struct kw_replica_out *out)
{
    struct kw_lockstep *g = r->group;
    *out = (struct kw_replica_out){ .first = g->first, .finished = g->finished };
    if (r->in_step) {
        count_steps(r, r->k);
        for (uint32_t i = 0; i < g->n; i++) {
            struct kw_replica *rank = &g->rank[i];
            struct kw_replica_out of = { .first = rank->first, .finished = rank->finished };
            if (!rank->in_step) continue;
            end_run(rank, &of);
            collect(g, i, &of, out);
        }
        r->n_live -= out->n_finished;
        r->at.ns = r->boundary;
        r->at.ps = r->end_ps;
    }
    if (r->watch_next) watch_all(r, r->itl_next);
    decide(r);
}
