/* tests/engine/scheduler_walk.h - one workload walked through by three schedulers: the reference and the real one step
 * by step, the real one by jumps. Every step, state and jump is compared; the verdict names the first difference. */
#ifndef KW_TESTS_ENGINE_SCHEDULER_WALK_H
#define KW_TESTS_ENGINE_SCHEDULER_WALK_H
#include <inttypes.h>
#include <stdio.h>
#include "tests/engine/reference_scheduler.h"

/* ------------------------------------------------------------------------------------------------ what is compared */

enum { HASHES = 64, MAX_STEPS = 20000 };

struct batch { /* a step, ids for slots; kept as plain data so that both sides fill the same */
    bool any;
    struct ref_batch b;
    uint32_t free_decided; /* blocks free between step and commit */
};

struct after { /* what the commit ended, and the state behind it */
    struct ref_done d;
    uint32_t free, running, waiting;
};

static void print_ids(FILE *f, const char *name, const uint64_t *id, uint32_t n)
{
    if (n == 0) return;
    fprintf(f, " %s", name);
    for (uint32_t i = 0; i < n; i++) fprintf(f, "%c%" PRIu64, i ? ',' : ' ', id[i]);
}

static void print_batch(FILE *f, const char *who, const struct batch *x)
{
    fprintf(f, "    %-9s", who);
    if (!x->any) fprintf(f, " nothing to run");
    print_ids(f, "preempted", x->b.preempted, x->b.n_preempted);
    print_ids(f, "decodes", x->b.decoding, x->b.n_decode);
    if (x->b.n_decode) fprintf(f, " (context %" PRIu64 ")", x->b.decode_context);
    for (uint32_t i = 0; i < x->b.n_chunks; i++) {
        const struct ref_chunk *c = &x->b.chunk[i];
        fprintf(f, " chunk %" PRIu64 "[%" PRIu32 "+%" PRIu32 "%s]", c->id, c->past, c->len, c->last ? " last" : "");
    }
    fprintf(f, " prefill %" PRIu32 "/%" PRIu64 " free %" PRIu32 "\n", x->b.prefill_tokens, x->b.prefill_pairs2,
            x->free_decided);
}

static void print_after(FILE *f, const char *who, const struct after *x)
{
    fprintf(f, "    %-9s ->", who);
    print_ids(f, "first", x->d.first, x->d.n_first);
    print_ids(f, "finished", x->d.finished, x->d.n_finished);
    fprintf(f, " free %" PRIu32 " running %" PRIu32 " waiting %" PRIu32 "\n", x->free, x->running, x->waiting);
}

/* The first field in which two batches differ, NULL when none does. */
static const char *batch_differs(const struct batch *a, const struct batch *b)
{
    if (a->any != b->any) return "whether there is a step";
    if (a->b.n_preempted != b->b.n_preempted) return "n_preempted";
    if (memcmp(a->b.preempted, b->b.preempted, sizeof a->b.preempted)) return "preempted ids";
    if (a->b.n_decode != b->b.n_decode) return "n_decode";
    if (memcmp(a->b.decoding, b->b.decoding, sizeof a->b.decoding)) return "decoding ids";
    if (a->b.decode_context != b->b.decode_context) return "decode_context";
    if (a->b.n_chunks != b->b.n_chunks) return "n_chunks";
    for (uint32_t i = 0; i < a->b.n_chunks; i++) {
        const struct ref_chunk *x = &a->b.chunk[i], *y = &b->b.chunk[i];
        if (x->id != y->id) return "chunk id";
        if (x->past != y->past) return "chunk past";
        if (x->len != y->len) return "chunk len";
        if (x->last != y->last) return "chunk last";
    }
    if (a->b.prefill_tokens != b->b.prefill_tokens) return "prefill_tokens";
    if (a->b.prefill_pairs2 != b->b.prefill_pairs2) return "prefill_pairs2";
    if (a->b.n_adapters != b->b.n_adapters) return "n_adapters";
    if (a->b.n_entered != b->b.n_entered) return "n_entered";
    if (memcmp(a->b.entered, b->b.entered, sizeof a->b.entered)) return "entered";
    if (a->free_decided != b->free_decided) return "blocks free after step";
    return NULL;
}

static const char *done_differs(const struct ref_done *a, const struct ref_done *b)
{
    if (a->n_first != b->n_first || memcmp(a->first, b->first, sizeof a->first)) return "first";
    if (a->n_finished != b->n_finished || memcmp(a->finished, b->finished, sizeof a->finished)) return "finished";
    return NULL;
}

static const char *after_differs(const struct after *a, const struct after *b)
{
    const char *d = done_differs(&a->d, &b->d);
    if (d) return d;
    if (a->free != b->free) return "blocks free after commit";
    if (a->running != b->running) return "running";
    if (a->waiting != b->waiting) return "waiting";
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ the two schedulers
 */

static void ref_look(struct ref_sched *s, struct batch *x)
{
    memset(x, 0, sizeof *x);
    x->any = ref_step(s, &x->b);
    x->free_decided = s->n_free;
}

static void ref_state(const struct ref_sched *s, struct after *x)
{
    x->free = s->n_free;
    x->running = s->n_running;
    x->waiting = s->n_waiting;
}

static void real_look(struct kw_sched *s, struct batch *x)
{
    struct kw_step step;
    memset(x, 0, sizeof *x);
    memset(&step, 0xa5, sizeof step); /* an empty step must be written too */
    x->any = kw_sched_step(s, &step);
    x->b.n_decode = step.n_decode < REF_SEQS ? step.n_decode : REF_SEQS;
    x->b.n_chunks = step.n_chunks < REF_SEQS ? step.n_chunks : REF_SEQS;
    x->b.n_preempted = step.n_preempted < REF_SEQS ? step.n_preempted : REF_SEQS;
    x->b.decode_context = step.decode_context;
    x->b.prefill_tokens = step.prefill_tokens;
    x->b.prefill_pairs2 = step.prefill_pairs2;
    x->b.n_adapters = step.n_adapters;
    x->b.n_entered = step.n_entered < REF_SEQS ? step.n_entered : REF_SEQS;
    for (uint32_t i = 0; i < x->b.n_entered; i++) x->b.entered[i] = step.entered[i];
    for (uint32_t i = 0; i < x->b.n_preempted; i++) x->b.preempted[i] = kw_sched_id(s, step.preempted[i]);
    for (uint32_t i = 0; i < x->b.n_decode; i++) x->b.decoding[i] = kw_sched_id(s, kw_sched_decoding(s, i));
    for (uint32_t i = 0; i < x->b.n_chunks; i++) {
        const struct kw_sched_chunk *c = &step.chunks[i];
        x->b.chunk[i] = (struct ref_chunk){ kw_sched_id(s, c->slot), c->past, c->len, c->last };
    }
    x->free_decided = kw_sched_blocks_free(s);
}

static void real_done(const struct kw_sched *s, const struct kw_sched_done *d, struct ref_done *x)
{
    memset(x, 0, sizeof *x);
    x->n_first = d->n_first < REF_SEQS ? d->n_first : REF_SEQS;
    x->n_finished = d->n_finished < REF_SEQS ? d->n_finished : REF_SEQS;
    for (uint32_t i = 0; i < x->n_first; i++) x->first[i] = kw_sched_id(s, d->first[i]);
    for (uint32_t i = 0; i < x->n_finished; i++) x->finished[i] = kw_sched_id(s, d->finished[i]);
}

static void real_state(const struct kw_sched *s, struct after *x)
{
    x->free = kw_sched_blocks_free(s);
    x->running = kw_sched_running(s);
    x->waiting = kw_sched_waiting(s);
}

/* ------------------------------------------------------------------------------------------------ a case and its run
 */

struct request {
    uint32_t prompt, output, n_hash, hash_block;
    bool with_hash;
    uint32_t adapter;
    uint32_t arrives, cancelled; /* before which step; cancelled 0: never */
    uint64_t hash[HASHES];
};

struct tested {    /* one workload on one replica */
    uint64_t seed; /* of the jump lengths, and what to give the program to see the case again */
    struct kw_sched_config c;
    uint32_t n;
    struct request r[REF_SEQS];
};

struct verdict {    /* "" when the real scheduler did as the reference */
    char what[800]; /* holds a kw_error and who said it */
    uint32_t step;
};

static uint64_t draw(uint64_t *state) /* splitmix64, Steele, Lea, Flood, OOPSLA 2014 */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint32_t below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(draw(state) % n);
}

static struct kw_sched_request as_request(const struct tested *t, uint32_t i)
{
    const struct request *r = &t->r[i];
    return (struct kw_sched_request){ .id = 100 + i,
                                      .prompt = r->prompt,
                                      .output = r->output,
                                      .hash = r->with_hash ? r->hash : NULL,
                                      .n_hash = r->with_hash ? r->n_hash : 0,
                                      .hash_block = r->with_hash ? r->hash_block : 0,
                                      .adapter = r->adapter };
}

/* What the cases of a run have exercised, so that agreement on nothing is noticed. */
static struct coverage {
    uint64_t preempted, hit_chunks, cut_chunks, long_jumps, cancelled, refused, resumed_hits, entered, passed;
} covered;

/* Three schedulers walk through one case: the reference and `one` step by step, `jump` by jumps of random length. */
struct walk {
    const struct tested *t;
    struct ref_sched ref;
    struct kw_sched *one, *jump;
    uint32_t slot_one[REF_SEQS], slot_jump[REF_SEQS], index[REF_SEQS]; /* per request; index: in ref.seq */
    bool there[REF_SEQS];                                              /* added and neither finished nor cancelled */
    bool added[REF_SEQS], added_jump[REF_SEQS];                        /* add was called: in ref and one; in jump */
    uint32_t now, jump_now; /* steps taken by ref and one; by jump, which may be ahead */
    struct ref_done jump_done;
    bool jump_in_flight; /* jump_done awaits the step before jump_now */
    uint64_t claim;      /* what jumpable said at the previous step if no event came since; 0: nothing to hold it to */
    uint64_t rng;
    struct verdict *v;
};

static bool fail(struct walk *w, const char *who, const char *what)
{
    if (!w->v->what[0]) {
        snprintf(w->v->what, sizeof w->v->what, "%.20s: %.760s", who, what);
        w->v->step = w->now;
    }
    return false;
}

static uint32_t next_cancel(const struct walk *w)
{
    uint32_t at = UINT32_MAX;
    for (uint32_t i = 0; i < w->t->n; i++)
        if (w->t->r[i].cancelled > w->now && w->t->r[i].cancelled < at) at = w->t->r[i].cancelled;
    return at;
}

static uint32_t next_arrival(const struct walk *w, const bool *added)
{
    uint32_t at = UINT32_MAX;
    for (uint32_t i = 0; i < w->t->n; i++)
        if (!added[i] && w->t->r[i].arrives > w->now && w->t->r[i].arrives < at) at = w->t->r[i].arrives;
    return at;
}

/* The requests that arrive before step `until` are added to the reference and `one`. */
static bool arrive(struct walk *w, uint32_t until)
{
    for (uint32_t i = 0; i < w->t->n; i++) {
        struct kw_sched_request q = as_request(w->t, i);
        struct kw_error err = { "" };
        if (w->added[i] || w->t->r[i].arrives > until) continue;
        w->added[i] = true;
        bool accepts = ref_accepts(&w->ref, &q);
        enum kw_status st = kw_sched_add(w->one, &q, &w->slot_one[i], &err);
        if (st != (accepts ? KW_OK : KW_ERANGE))
            return fail(w, "one", accepts ? err.msg : "add accepts what can never run");
        covered.refused += !accepts;
        if (!accepts) continue;
        w->index[i] = ref_add(&w->ref, &q);
        w->there[i] = true;
    }
    return true;
}

static bool arrive_jump(struct walk *w, uint32_t until)
{
    for (uint32_t i = 0; i < w->t->n; i++) {
        struct kw_sched_request q = as_request(w->t, i);
        struct kw_error err = { "" };
        if (w->added_jump[i] || w->t->r[i].arrives > until) continue;
        w->added_jump[i] = true;
        enum kw_status st = kw_sched_add(w->jump, &q, &w->slot_jump[i], &err);
        if (st != (ref_accepts(&w->ref, &q) ? KW_OK : KW_ERANGE)) return fail(w, "jump", "add's answer");
    }
    return true;
}

/* No request that is added now can be in the next batch: what jumpable said stays true (engine/scheduler/scheduler.h at
 * add). */
static bool newcomers_must_wait(const struct walk *w, const struct kw_sched *s)
{
    return w->t->c.policy == KW_SCHED_STATIC || (kw_sched_waiting(s) > 0 && !w->t->c.max_loras) ||
           kw_sched_running(s) == w->t->c.max_num_seqs;
}

static void cancel_now(struct walk *w)
{
    for (uint32_t i = 0; i < w->t->n; i++) {
        if (!w->there[i] || w->t->r[i].cancelled == 0 || w->t->r[i].cancelled != w->now) continue;
        ref_cancel(&w->ref, w->index[i]);
        kw_sched_cancel(w->one, w->slot_one[i]);
        kw_sched_cancel(w->jump, w->slot_jump[i]);
        w->there[i] = false;
        w->claim = 0;
        covered.cancelled++;
    }
}

static void count_coverage(const struct walk *w, const struct ref_batch *b)
{
    covered.preempted += b->n_preempted;
    covered.entered += b->n_entered;
    covered.passed += b->n_passed;
    for (uint32_t i = 0; i < b->n_chunks; i++) {
        const struct ref_seq *q = NULL;
        for (uint32_t j = 0; j < w->ref.n_seqs; j++)
            if (w->ref.seq[j].r.id == b->chunk[i].id) q = &w->ref.seq[j];
        bool begins = q && q->computed == b->chunk[i].past && q->n_hashed * w->t->c.block_size >= b->chunk[i].past;
        covered.cut_chunks += !b->chunk[i].last;
        covered.hit_chunks += begins && q->cached > 0 && q->preemptions == 0 && q->cached == b->chunk[i].past;
        covered.resumed_hits += begins && q->preemptions > 0 && b->chunk[i].past > 0;
    }
}

/* Everything one can ask about the sequences still there; with block tables also that no block is in two places unless
 * its content is the same, and that every block is either in use or free. */
static bool same_sequences(struct walk *w, struct kw_sched *s, const uint32_t *slot, const char *who)
{
    static uint32_t user[REF_BLOCKS]; /* request + 1 that was seen with the block */
    uint32_t in_use = 0;
    struct kw_error err;
    memset(user, 0, sizeof user);
    for (uint32_t i = 0; i < w->t->n; i++) {
        if (!w->there[i]) continue;
        const struct ref_seq *q = &w->ref.seq[w->index[i]];
        if (kw_sched_id(s, slot[i]) != q->r.id) return fail(w, who, "id of a slot");
        if (kw_sched_generated(s, slot[i]) != q->generated) return fail(w, who, "generated");
        if (kw_sched_cached(s, slot[i]) != q->cached) return fail(w, who, "cached");
        if (kw_sched_preemptions(s, slot[i]) != q->preemptions) return fail(w, who, "preemptions");
        if (!w->t->c.block_tables) continue;
        uint32_t n;
        const uint32_t *id = kw_sched_blocks(s, slot[i], &n);
        if (n != q->n_blocks) return fail(w, who, "number of blocks of a sequence");
        for (uint32_t b = 0; b < n; b++) {
            if (id[b] >= w->t->c.num_blocks) return fail(w, who, "block id out of range");
            if (!user[id[b]]) {
                user[id[b]] = i + 1;
                in_use++;
                continue;
            }
            struct ref_hash x = ref_hash_of(&w->ref, q, b),
                            y = ref_hash_of(&w->ref, &w->ref.seq[w->index[user[id[b]] - 1]], b);
            if (user[id[b]] == i + 1 || !w->t->c.prefix_caching || x.owner || y.owner || x.chain != y.chain ||
                x.part != y.part)
                return fail(w, who, "a block is in two sequences of different content");
        }
    }
    uint32_t listed[REF_SEQS + 1], n = kw_sched_list(s, listed);
    if (n != w->ref.n_running + w->ref.n_waiting) return fail(w, who, "length of kw_sched_list");
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i < w->ref.n_running ? w->ref.running[i] : w->ref.waiting[i - w->ref.n_running];
        if (kw_sched_id(s, listed[i]) != w->ref.seq[at].r.id) return fail(w, who, "order of kw_sched_list");
    }
    if (w->t->c.block_tables && in_use + kw_sched_blocks_free(s) != w->t->c.num_blocks)
        return fail(w, who, "blocks in use and free do not add up to num_blocks");
    if (!kw_sched_check(s, &err)) return fail(w, who, err.msg);
    return true;
}

static bool same_tables(struct walk *w)
{
    for (uint32_t i = 0; i < w->t->n; i++) {
        uint32_t n, m;
        if (!w->there[i] || !w->t->c.block_tables) continue;
        const uint32_t *a = kw_sched_blocks(w->one, w->slot_one[i], &n),
                       *b = kw_sched_blocks(w->jump, w->slot_jump[i], &m);
        if (n != m || (n && memcmp(a, b, n * sizeof *a)))
            return fail(w, "jump", "block table differs from single steps'");
    }
    return true;
}

/* jumpable said k at the last step; this one, and what the last one finished, must bear it out: exactly k. */
static bool claim_holds(struct walk *w, const struct batch *x, bool last_finished)
{
    bool goes_on = x->any && !last_finished && x->b.n_preempted == 0 && x->b.n_chunks == 0;
    if (w->claim == 1 && goes_on) return fail(w, "one", "jumpable said 1 but the step after is the same");
    if (w->claim > 1 && !goes_on) return fail(w, "one", "jumpable said more steps than stay the same");
    if (w->claim > 1 && kw_sched_jumpable(w->one) != w->claim - 1)
        return fail(w, "one", "jumpable is not one less a step later");
    return true;
}

static bool walk_on(struct walk *w, FILE *show)
{
    static struct batch want, got, leap;
    static struct after want_after, got_after, leap_after;
    bool last_finished = false;
    while (w->now < MAX_STEPS) {
        uint32_t there = w->ref.n_seqs;
        if (!arrive(w, w->now)) return false;
        if (w->ref.n_seqs != there) w->claim = 0;
        if (w->jump_now == w->now && !arrive_jump(w, w->now)) return false;
        cancel_now(w);
        ref_look(&w->ref, &want);
        real_look(w->one, &got);
        const char *d = batch_differs(&want, &got);
        if (show) {
            fprintf(show, "  step %" PRIu32 "\n", w->now);
            print_batch(show, "reference", &want);
            print_batch(show, "scheduler", &got);
        }
        if (d) return fail(w, "one", d);

        if (w->claim && !claim_holds(w, &want, last_finished)) return false;
        w->claim = 0;
        count_coverage(w, &want.b);

        bool leaps = w->jump_now == w->now;
        if (leaps) {
            real_look(w->jump, &leap);
            if ((d = batch_differs(&want, &leap))) return fail(w, "jump", d);
        }
        if (!want.any) { /* idle: to the next event */
            uint32_t at = next_arrival(w, w->added), c = next_cancel(w);
            if (c < at) at = c;
            if (at == UINT32_MAX) {
                if (w->ref.n_waiting + w->ref.n_running > 0) return fail(w, "reference", "stuck");
                if (w->ref.n_free != w->t->c.num_blocks) return fail(w, "reference", "lost a block");
                return true;
            }
            w->now = w->jump_now = at;
            last_finished = false;
            continue;
        }

        uint64_t k = kw_sched_jumpable(w->one);
        if (k < 1) return fail(w, "one", "jumpable < 1");
        if (want.b.n_chunks && k != 1) return fail(w, "one", "jumpable > 1 with prefill chunks");
        if (!want.b.n_chunks) w->claim = k;

        if (leaps) {
            struct kw_sched_done done;
            if (kw_sched_jumpable(w->jump) != k) return fail(w, "jump", "jumpable differs from the one stepped singly");
            uint64_t most = k, until = next_cancel(w) - w->now;
            if (most > until) most = until;
            bool blind =
                below(&w->rng, 2) && newcomers_must_wait(w, w->jump); /* jump over arrivals, added beforehand */
            until = next_arrival(w, w->added_jump) - w->now;
            if (most > until && !blind) most = until;
            uint64_t steps = below(&w->rng, 4) ? most : 1 + draw(&w->rng) % most;
            if ((blind || (steps == 1 && below(&w->rng, 2))) && !arrive_jump(w, w->now + (uint32_t)steps)) return false;
            if (steps == 1 && below(&w->rng, 2))
                kw_sched_commit(w->jump, &done);
            else
                kw_sched_advance(w->jump, steps, &done);
            real_done(w->jump, &done, &w->jump_done);
            w->jump_now = w->now + (uint32_t)steps;
            covered.long_jumps += steps > 1;
        }

        struct kw_sched_done done;
        if (below(&w->rng, 3) == 0) { /* who arrives before the next step may be added while this one is under way */
            if (!newcomers_must_wait(w, w->one) && next_arrival(w, w->added) == w->now + 1) w->claim = 0;
            if (!arrive(w, w->now + 1)) return false;
        }
        ref_commit(&w->ref, &want_after.d);
        ref_state(&w->ref, &want_after);
        kw_sched_commit(w->one, &done);
        real_done(w->one, &done, &got_after.d);
        real_state(w->one, &got_after);
        w->now++;
        d = after_differs(&want_after, &got_after);
        if (show) {
            print_after(show, "reference", &want_after);
            print_after(show, "scheduler", &got_after);
        }
        if (d) return fail(w, "one", d);
        last_finished = want_after.d.n_finished > 0;
        for (uint32_t i = 0; i < w->t->n; i++)
            if (w->there[i] && w->ref.seq[w->index[i]].state == REF_GONE) w->there[i] = false;
        if (!same_sequences(w, w->one, w->slot_one, "one")) return false;

        if (w->jump_now == w->now) {
            if (!arrive(w, w->now)) return false; /* so that all three have met the same requests */
            w->claim = 0;
            if (!arrive_jump(w, w->now)) return false;
            ref_state(&w->ref, &want_after);
            leap_after.d = w->jump_done;
            real_state(w->jump, &leap_after);
            if ((d = after_differs(&want_after, &leap_after))) return fail(w, "jump", d);
            if (!same_sequences(w, w->jump, w->slot_jump, "jump") || !same_tables(w)) return false;
        } else if (want_after.d.n_finished + want_after.d.n_first > 0) {
            return fail(w, "jump", "a sequence finished inside a jump");
        }
    }
    return fail(w, "reference", "does not come to an end");
}

/* Runs a case; v->what is "" when all agreed. show: prints every step there. Returns steps taken. */
static uint32_t run_case(const struct tested *t, struct verdict *v, FILE *show)
{
    static struct walk w;
    struct kw_error err;
    memset(&w, 0, sizeof w);
    memset(v, 0, sizeof *v);
    w.t = t;
    w.v = v;
    w.rng = t->seed;
    ref_init(&w.ref, &t->c);
    if (kw_sched_new(&w.one, &t->c, &err) || kw_sched_new(&w.jump, &t->c, &err))
        fail(&w, "new", err.msg);
    else
        walk_on(&w, show);
    kw_sched_delete(w.one);
    kw_sched_delete(w.jump);
    return w.now;
}

static void print_case(FILE *f, const struct tested *t)
{
    const struct kw_sched_config *c = &t->c;
    fprintf(f,
            "  %s budget %" PRIu32 " seqs %" PRIu32 " model_len %" PRIu32 " block %" PRIu32 " blocks %" PRIu32
            "%s%s%s\n",
            kw_sched_policy_name[c->policy], c->max_num_batched_tokens, c->max_num_seqs, c->max_model_len,
            c->block_size, c->num_blocks, c->prefix_caching ? " prefix_caching" : "",
            c->reserve_full_prompt ? " reserve_full_prompt" : "", c->block_tables ? " block_tables" : "");
    for (uint32_t i = 0; i < t->n; i++) {
        const struct request *r = &t->r[i];
        fprintf(f, "  request %" PRIu32 ": at step %" PRIu32 ", prompt %" PRIu32 ", output %" PRIu32, 100 + i,
                r->arrives, r->prompt, r->output);
        if (r->cancelled) fprintf(f, ", cancelled before step %" PRIu32, r->cancelled);
        if (r->with_hash && c->prefix_caching) {
            fprintf(f, ", a hash per %" PRIu32 " tokens:", r->hash_block);
            for (uint32_t h = 0; h < r->n_hash; h++) fprintf(f, " %04" PRIx64, r->hash[h] & 0xffff);
        }
        fputc('\n', f);
    }
}

#endif
