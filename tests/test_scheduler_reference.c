/* The real scheduler against tests/reference_scheduler.h: first by hand (a few steps whose outcome is worked out in the
 * comment, both must give it), then on random workloads, each step compared field by field, and the jumps against the
 * single steps. A mismatch is shrunk to a small case and printed as one block.
 *
 *   build/tests/test_scheduler_reference          everything, about ten seconds
 *   build/tests/test_scheduler_reference SEED     that one random case, step by step
 */
#include "tests/reference_scheduler.h"
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include "tests/check.h"

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
    uint64_t waiting_tokens;
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
    fprintf(f, " prefill %" PRIu32 "/%" PRIu64 " free %" PRIu32 "\n", x->b.prefill_tokens, x->b.prefill_pairs2, x->free_decided);
}

static void print_after(FILE *f, const char *who, const struct after *x)
{
    fprintf(f, "    %-9s ->", who);
    print_ids(f, "first", x->d.first, x->d.n_first);
    print_ids(f, "finished", x->d.finished, x->d.n_finished);
    fprintf(f, " free %" PRIu32 " running %" PRIu32 " waiting %" PRIu32 " (%" PRIu64 " tokens)\n", x->free, x->running, x->waiting,
            x->waiting_tokens);
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
    if (a->waiting_tokens != b->waiting_tokens) return "waiting_tokens";
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ the two schedulers */

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
    x->waiting_tokens = ref_waiting_tokens(s);
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
    x->waiting_tokens = kw_sched_waiting_tokens(s);
}

/* ------------------------------------------------------------------------------------------------ a case and its run */

struct request {
    uint32_t prompt, output, n_hash, hash_block;
    bool with_hash;
    uint32_t arrives, cancelled; /* before which step; cancelled 0: never */
    uint64_t hash[HASHES];
};

struct tested { /* one workload on one replica */
    uint64_t seed; /* of the jump lengths, and what to give the program to see the case again */
    struct kw_sched_config c;
    uint32_t n;
    struct request r[REF_SEQS];
};

struct verdict { /* "" when the real scheduler did as the reference */
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
    return (struct kw_sched_request){ .id = 100 + i, .prompt = r->prompt, .output = r->output,
                                      .hash = r->with_hash ? r->hash : NULL, .n_hash = r->with_hash ? r->n_hash : 0,
                                      .hash_block = r->with_hash ? r->hash_block : 0 };
}

/* What the cases of a run have exercised, so that agreement on nothing is noticed. */
static struct coverage { uint64_t preempted, hit_chunks, cut_chunks, long_jumps, cancelled, refused, resumed_hits; } covered;

/* Three schedulers walk through one case: the reference and `one` step by step, `jump` by jumps of random length. */
struct walk {
    const struct tested *t;
    struct ref_sched ref;
    struct kw_sched *one, *jump;
    uint32_t slot_one[REF_SEQS], slot_jump[REF_SEQS], index[REF_SEQS]; /* per request; index: in ref.seq */
    bool there[REF_SEQS];     /* added and neither finished nor cancelled */
    bool added[REF_SEQS], added_jump[REF_SEQS]; /* add was called: in ref and one; in jump */
    uint32_t now, jump_now;   /* steps taken by ref and one; by jump, which may be ahead */
    struct ref_done jump_done;
    bool jump_in_flight;      /* jump_done awaits the step before jump_now */
    uint64_t claim;           /* what jumpable said at the previous step if no event came since; 0: nothing to hold it to */
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
        if (st != (accepts ? KW_OK : KW_ERANGE)) return fail(w, "one", accepts ? err.msg : "add accepts what can never run");
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

/* No request that is added now can be in the next batch: what jumpable said stays true (engine/scheduler.h at add). */
static bool newcomers_must_wait(const struct walk *w, const struct kw_sched *s)
{
    return w->t->c.policy == KW_SCHED_STATIC || kw_sched_waiting(s) > 0 || kw_sched_running(s) == w->t->c.max_num_seqs;
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

/* Everything one can ask about the sequences still there; with block tables also that no block is in two places unless its
 * content is the same, and that every block is either in use or free. */
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
            struct ref_hash x = ref_hash_of(&w->ref, q, b), y = ref_hash_of(&w->ref, &w->ref.seq[w->index[user[id[b]] - 1]], b);
            if (user[id[b]] == i + 1 || !w->t->c.prefix_caching || x.owner || y.owner || x.chain != y.chain || x.part != y.part)
                return fail(w, who, "a block is in two sequences of different content");
        }
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
        const uint32_t *a = kw_sched_blocks(w->one, w->slot_one[i], &n), *b = kw_sched_blocks(w->jump, w->slot_jump[i], &m);
        if (n != m || (n && memcmp(a, b, n * sizeof *a))) return fail(w, "jump", "block table differs from single steps'");
    }
    return true;
}

/* jumpable said k at the last step; this one, and what the last one finished, must bear it out: exactly k. */
static bool claim_holds(struct walk *w, const struct batch *x, bool last_finished)
{
    bool goes_on = x->any && !last_finished && x->b.n_preempted == 0 && x->b.n_chunks == 0;
    if (w->claim == 1 && goes_on) return fail(w, "one", "jumpable said 1 but the step after is the same");
    if (w->claim > 1 && !goes_on) return fail(w, "one", "jumpable said more steps than stay the same");
    if (w->claim > 1 && kw_sched_jumpable(w->one) != w->claim - 1) return fail(w, "one", "jumpable is not one less a step later");
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
            bool blind = below(&w->rng, 2) && newcomers_must_wait(w, w->jump); /* jump over arrivals, added beforehand */
            until = next_arrival(w, w->added_jump) - w->now;
            if (most > until && !blind) most = until;
            uint64_t steps = below(&w->rng, 4) ? most : 1 + draw(&w->rng) % most;
            if ((blind || (steps == 1 && below(&w->rng, 2))) && !arrive_jump(w, w->now + (uint32_t)steps)) return false;
            if (steps == 1 && below(&w->rng, 2)) kw_sched_commit(w->jump, &done);
            else kw_sched_advance(w->jump, steps, &done);
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
    if (kw_sched_new(&w.one, &t->c, &err) || kw_sched_new(&w.jump, &t->c, &err)) fail(&w, "new", err.msg);
    else walk_on(&w, show);
    kw_sched_delete(w.one);
    kw_sched_delete(w.jump);
    return w.now;
}

/* ------------------------------------------------------------------------------------------------ random cases */

static uint32_t up_to(uint64_t *rng, uint32_t most) /* 1..most, small ones more often */
{
    uint32_t cap = 1 + below(rng, most);
    return 1 + below(rng, cap);
}

static void make_case(struct tested *t, uint64_t seed)
{
    uint64_t rng = seed * 2654435761u + 17;
    memset(t, 0, sizeof *t);
    t->seed = seed;
    struct kw_sched_config *c = &t->c;
    c->policy = (enum kw_sched_policy)below(&rng, 4);
    c->block_size = 1u << below(&rng, 6);
    c->num_blocks = below(&rng, 4) ? 2 + below(&rng, 14) : 2 + below(&rng, 100);
    c->max_num_seqs = 1 + below(&rng, 12);
    c->max_num_batched_tokens = c->max_num_seqs + (below(&rng, 3) ? up_to(&rng, 4 * c->block_size) : below(&rng, 600));
    c->max_model_len = c->num_blocks * c->block_size + (below(&rng, 2) ? 1 : 0);
    if (below(&rng, 4) == 0) c->max_model_len = 2 + below(&rng, c->max_model_len - 1);
    c->prefix_caching = below(&rng, 3) > 0;
    c->reserve_full_prompt = below(&rng, 2);
    c->block_tables = below(&rng, 2);

    /* Few different hashes, so that prefixes coincide. Chained: a hash names its parent too, as Mooncake's do; else the same
     * number turns up at different depths and behind different prefixes, where it must not be a hit. */
    bool chained = below(&rng, 2);
    uint32_t branches = 1 + below(&rng, 3), parts = 1u << below(&rng, 3), spread = below(&rng, 3) ? 1 + below(&rng, 60) : 1;
    bool cancels = below(&rng, 3) == 0, hashes = below(&rng, 5) > 0;
    uint32_t at = 0;
    t->n = 1 + below(&rng, below(&rng, 3) ? 8 : 30);
    for (uint32_t i = 0; i < t->n; i++) {
        struct request *r = &t->r[i];
        uint32_t room = c->max_model_len < c->num_blocks * c->block_size ? c->max_model_len : c->num_blocks * c->block_size;
        r->prompt = up_to(&rng, room > 1 ? room - 1 : 1);
        if (below(&rng, 4) == 0) r->prompt = (r->prompt + c->block_size - 1) / c->block_size * c->block_size;
        if (r->prompt >= room) r->prompt = room > 1 ? room - 1 : 1;
        uint32_t left = room > r->prompt ? room - r->prompt : 1;
        r->output = below(&rng, 3) ? up_to(&rng, left < 40 ? left : 40) : up_to(&rng, left);
        if (below(&rng, 30) == 0) r->output += c->num_blocks * c->block_size + 1; /* can never run */
        r->hash_block = c->block_size * parts;
        r->with_hash = hashes && below(&rng, 6) > 0;
        uint64_t path = 1;
        r->n_hash = (r->prompt + (below(&rng, 2) ? r->hash_block - 1 : 0)) / r->hash_block;
        if (r->n_hash > HASHES) r->n_hash = HASHES;
        for (uint32_t h = 0; h < r->n_hash; h++) {
            uint64_t branch = below(&rng, branches), mix = path * 1000003 + branch;
            r->hash[h] = path = chained ? draw(&mix) : branch;
        }
        at += below(&rng, 2) ? below(&rng, spread) : 0;
        r->arrives = at;
        r->cancelled = cancels && below(&rng, 3) == 0 ? at + below(&rng, 50) : 0;
    }
}

static void print_case(FILE *f, const struct tested *t)
{
    static const char *policy[] = { "vllm", "prefill_first", "sarathi", "static" };
    const struct kw_sched_config *c = &t->c;
    fprintf(f, "  %s budget %" PRIu32 " seqs %" PRIu32 " model_len %" PRIu32 " block %" PRIu32 " blocks %" PRIu32 "%s%s%s\n",
            policy[c->policy], c->max_num_batched_tokens, c->max_num_seqs, c->max_model_len, c->block_size, c->num_blocks,
            c->prefix_caching ? " prefix_caching" : "", c->reserve_full_prompt ? " reserve_full_prompt" : "",
            c->block_tables ? " block_tables" : "");
    for (uint32_t i = 0; i < t->n; i++) {
        const struct request *r = &t->r[i];
        fprintf(f, "  request %" PRIu32 ": at step %" PRIu32 ", prompt %" PRIu32 ", output %" PRIu32, 100 + i, r->arrives, r->prompt,
                r->output);
        if (r->cancelled) fprintf(f, ", cancelled before step %" PRIu32, r->cancelled);
        if (r->with_hash && c->prefix_caching) {
            fprintf(f, ", a hash per %" PRIu32 " tokens:", r->hash_block);
            for (uint32_t h = 0; h < r->n_hash; h++) fprintf(f, " %04" PRIx64, r->hash[h] & 0xffff);
        }
        fputc('\n', f);
    }
}

/* Makes the case smaller as long as it still fails in the same way: fewer requests, no cancels, shorter, earlier, plainer. */
static void shrink(struct tested *t, const char *what)
{
    static struct tested less;
    struct verdict v;
    for (bool smaller = true; smaller;) {
        smaller = false;
        for (uint32_t i = t->n; i-- > 0;) { /* backwards: removing one keeps the ones before in place */
            for (int how = 0; how < 9; how++) {
                less = *t;
                struct request *r = &less.r[i];
                if (how == 0) {
                    memmove(r, r + 1, (less.n - i - 1) * sizeof *r);
                    less.n--;
                } else if (how == 1) r->cancelled = 0;
                else if (how == 2) r->output = (r->output + 1) / 2;
                else if (how == 3) r->prompt = (r->prompt + 1) / 2;
                else if (how == 4) r->output -= r->output > 1;
                else if (how == 5) r->prompt -= r->prompt > 1;
                else if (how == 6) r->arrives = i > 0 ? less.r[i - 1].arrives : 0;
                else if (how == 7) {
                    uint32_t gap = r->arrives - (i > 0 ? less.r[i - 1].arrives : 0);
                    for (uint32_t j = i; j < less.n && gap > 0; j++) less.r[j].arrives -= (gap + 1) / 2;
                    for (uint32_t j = i; j < less.n && gap > 0; j++) less.r[j].cancelled -= less.r[j].cancelled ? (gap + 1) / 2 : 0;
                }
                else r->with_hash = false;
                if (r->n_hash > (r->prompt + r->hash_block - 1) / r->hash_block) r->n_hash--;
                if (less.n == 0 || !memcmp(&less, t, sizeof less)) continue;
                run_case(&less, &v, NULL);
                if (strcmp(v.what, what)) continue;
                *t = less;
                smaller = true;
                if (how == 0) break;
            }
        }
    }
}

static void report(const struct tested *found)
{
    static struct tested t;
    struct verdict v;
    t = *found;
    run_case(&t, &v, NULL);
    fprintf(stderr, "---- seed %" PRIu64 ": step %" PRIu32 ": %s. Smallest case like it:\n", t.seed, v.step, v.what);
    shrink(&t, v.what);
    print_case(stderr, &t);
    run_case(&t, &v, stderr);
    fprintf(stderr, "  step %" PRIu32 ": %s\n----\n", v.step, v.what);
}

static uint64_t current_seed; /* for the handler: an assert inside the scheduler must name its case too */

static void on_abort(int sig)
{
    (void)sig;
    fprintf(stderr, "aborted in seed %" PRIu64 "\n", current_seed);
    signal(SIGABRT, SIG_DFL);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Cases until 40,000 are done or eight seconds are over (2,000 at least on any machine); the first five failures are shown. */
static void random_cases_agree(void)
{
    static struct tested t;
    struct verdict v;
    uint64_t steps = 0, failures = 0, seed = 1;
    double start = seconds();
    for (; seed <= 40000 && (seed <= 2000 || seconds() - start < 8) && failures < 5; seed++) {
        current_seed = seed;
        make_case(&t, seed);
        steps += run_case(&t, &v, NULL);
        if (v.what[0]) {
            failures++;
            report(&t);
        }
    }
    CHECK(failures == 0);
    printf("%" PRIu64 " random cases, %" PRIu64 " steps, %.1f s; %" PRIu64 " preempted, %" PRIu64 " chunks cut, %" PRIu64
           " with hits, %" PRIu64 " resumed with hits, %" PRIu64 " jumps > 1, %" PRIu64 " cancelled, %" PRIu64 " refused\n",
           seed - 1, steps, seconds() - start, covered.preempted, covered.cut_chunks, covered.hit_chunks, covered.resumed_hits,
           covered.long_jumps, covered.cancelled, covered.refused);
    if (failures) return;
    CHECK(covered.preempted > 500 && covered.cut_chunks > 500 && covered.hit_chunks > 500 && covered.resumed_hits > 500);
    CHECK(covered.long_jumps > 500 && covered.cancelled > 100 && covered.refused > 100);
}

/* ------------------------------------------------------------------------------------------------ by hand */

static struct kw_sched_config blocks_of_16(uint32_t num_blocks, bool prefix_caching)
{
    return (struct kw_sched_config){ .policy = KW_SCHED_VLLM, .max_num_batched_tokens = 64, .max_num_seqs = 8, .max_model_len = 1000,
                                     .block_size = 16, .num_blocks = num_blocks, .prefix_caching = prefix_caching };
}

/* The reference's steps as text, and the real scheduler must agree with each. Requests are A, B, C; a step is preempted
 * ones, decodes, chunks: "-B A C0+64!" preempts B, decodes A, computes C's tokens 0..63, which end its prompt. */
static void check_trace(const struct tested *t, const char *want)
{
    static struct batch x;
    static struct ref_sched s;
    struct ref_done done;
    struct verdict v;
    char got[2000] = "";
    size_t n = 0;
    ref_init(&s, &t->c);
    for (uint32_t step = 0; n < sizeof got - 400; step++) {
        bool more = false;
        for (uint32_t i = 0; i < t->n; i++) {
            struct kw_sched_request r = as_request(t, i);
            if (t->r[i].arrives == step) ref_add(&s, &r);
            more |= t->r[i].arrives > step;
        }
        ref_look(&s, &x);
        if (!x.any && !more) break;
        if (step) n += (size_t)snprintf(got + n, sizeof got - n, " | ");
        const char *gap = "";
        for (uint32_t i = 0; i < x.b.n_preempted; i++, gap = " ")
            n += (size_t)snprintf(got + n, sizeof got - n, "%s-%c", gap, (char)('A' + x.b.preempted[i] - 100));
        for (uint32_t i = 0; i < x.b.n_decode; i++, gap = " ")
            n += (size_t)snprintf(got + n, sizeof got - n, "%s%c", gap, (char)('A' + x.b.decoding[i] - 100));
        for (uint32_t i = 0; i < x.b.n_chunks; i++, gap = " ")
            n += (size_t)snprintf(got + n, sizeof got - n, "%s%c%" PRIu32 "+%" PRIu32 "%s", gap, (char)('A' + x.b.chunk[i].id - 100),
                                  x.b.chunk[i].past, x.b.chunk[i].len, x.b.chunk[i].last ? "!" : "");
        ref_commit(&s, &done);
    }
    CHECK_STR(got, want);
    run_case(t, &v, NULL);
    CHECK_STR(v.what, "");
    if (v.what[0]) {
        print_case(stderr, t);
        run_case(t, &v, stderr);
    }
}

/* Budget 64: A's 100 tokens need two steps, B gets what the second leaves, C comes in when B is done. */
static void chunks_fill_the_budget(void)
{
    check_trace(&(struct tested){ .c = blocks_of_16(20, false), .n = 3,
                                  .r = { { .prompt = 100, .output = 3 }, { .prompt = 60, .output = 1 }, { .prompt = 10, .output = 2 } } },
                "A0+64 | A64+36! B0+28 | A B28+32! C0+10! | A C");
}

/* Four blocks. A and B hold 2 each (prompts of 31); step 1 computes token 32, which fits; step 2 needs a third block for A:
 * B, the newest, leaves. Nothing is admitted in a step that preempted, nor in step 3 (two free blocks wanted for 33 tokens are
 * three); B comes back with its 31 + 2 tokens when A has gone. */
static void the_newest_leaves_and_is_recomputed(void)
{
    check_trace(&(struct tested){ .c = blocks_of_16(4, false), .n = 2, .r = { { .prompt = 31, .output = 4 }, { .prompt = 31, .output = 4 } } },
                "A0+31! B0+31! | A B | -B A | A | B0+33! | B");
}

/* The same with prefix caching. B leaves with two full blocks (step 1 filled the second), both hashed; the second is first in
 * the free queue and A takes it; the first is still there when B comes back. */
static void the_preempted_hits_its_own_blocks(void)
{
    check_trace(&(struct tested){ .c = blocks_of_16(4, true), .n = 2, .r = { { .prompt = 31, .output = 4 }, { .prompt = 31, .output = 4 } } },
                "A0+31! B0+31! | A B | -B A | A | B16+17! | B");
}

/* Same prompt of 48 tokens: B hits A's first two blocks in the very step that computes them. The third would be a hit as
 * well, but the last token must be computed, so the block is computed again. */
static void a_prefix_is_shared_within_one_step(void)
{
    struct request r = { .prompt = 48, .output = 1, .with_hash = true, .n_hash = 3, .hash_block = 16, .hash = { 1, 2, 3 } };
    check_trace(&(struct tested){ .c = blocks_of_16(20, true), .n = 2, .r = { r, r } }, "A0+48! B32+16!");
}

/* A hash over 32 tokens names two blocks; the third block of A (tokens 32..47) is the first part of its second hash.
 * B has the same first hash only: 32 hit. C has both and a longer prompt: 48 hit. */
static void a_hash_may_cover_several_blocks(void)
{
    struct tested t = { .c = blocks_of_16(20, true), .n = 3,
                        .r = { { .prompt = 49, .output = 1, .with_hash = true, .n_hash = 2, .hash_block = 32, .hash = { 1, 2 } },
                               { .prompt = 60, .output = 1, .with_hash = true, .n_hash = 2, .hash_block = 32, .hash = { 1, 3 } },
                               { .prompt = 66, .output = 1, .with_hash = true, .n_hash = 3, .hash_block = 32, .hash = { 1, 2, 4 } } } };
    t.c.max_num_batched_tokens = 200;
    check_trace(&t, "A0+49! B32+28! C48+18!");
}

/* Four blocks. A ends first and frees its second block, then its first, behind the two never used; B takes those two and
 * A's second. So of A's prefix the head alone is left for C. */
static void the_tail_is_evicted_before_the_head(void)
{
    check_trace(&(struct tested){ .c = blocks_of_16(4, true), .n = 3,
                                  .r = { { .prompt = 32, .output = 1, .with_hash = true, .n_hash = 2, .hash_block = 16, .hash = { 1, 2 } },
                                         { .prompt = 48, .output = 1, .arrives = 1 },
                                         { .prompt = 40, .output = 1, .arrives = 2, .with_hash = true, .n_hash = 2, .hash_block = 16, .hash = { 1, 2 } } } },
                "A0+32! | B0+48! | C16+24!");
}

/* C and D end in the same step, D's slot being the older one reused. C was admitted first, so its blocks are first in the
 * free queue and E takes them; D's head is left for F. */
static void who_ends_together_frees_in_admission_order(void)
{
    struct tested t = { .c = blocks_of_16(4, true), .n = 6,
                        .r = { { .prompt = 1, .output = 1 }, { .prompt = 1, .output = 1 }, { .prompt = 1, .output = 2, .arrives = 1 },
                               { .prompt = 1, .output = 2, .arrives = 1, .with_hash = true, .n_hash = 1, .hash_block = 2, .hash = { 1 } },
                               { .prompt = 1, .output = 2, .arrives = 1 },
                               { .prompt = 2, .output = 1, .arrives = 1, .with_hash = true, .n_hash = 1, .hash_block = 2, .hash = { 1 } } } };
    t.c.block_size = 1;
    t.c.max_num_seqs = 3;
    check_trace(&t, "A0+1! B0+1! | C0+1! D0+1! E0+1! | -E C D | E0+2! F1+1!");
}

/* C computes what A left in the cache: a copy. It is preempted, B's growth evicts both, C comes back and computes the block
 * again: now it is nobody's copy, and D hits it in the same step. */
static void a_copy_is_shared_when_the_first_is_gone(void)
{
    struct request p4 = { .prompt = 4, .output = 1, .with_hash = true, .n_hash = 1, .hash_block = 4, .hash = { 9 } }, p5 = p4, c = p4;
    p5.prompt = 5;
    c.output = 2;
    struct tested t = { .c = blocks_of_16(3, true), .n = 4, .r = { p4, { .prompt = 4, .output = 6 }, c, p5 } };
    t.c.block_size = 4;
    check_trace(&t, "A0+4! B0+4! C0+4! | -C B | B | B | B | B | C0+5! D4+1!");
}

/* Hit blocks that nobody uses come out of the free queue, so they count. A's two blocks are cached, B uses one of the other
 * two; C hits A's two and needs two more: four of the three free. It waits for B. */
static void unused_hits_count_as_blocks_to_find(void)
{
    check_trace(&(struct tested){ .c = blocks_of_16(4, true), .n = 3,
                                  .r = { { .prompt = 32, .output = 1, .with_hash = true, .n_hash = 2, .hash_block = 16, .hash = { 1, 2 } },
                                         { .prompt = 8, .output = 3, .arrives = 1 },
                                         { .prompt = 50, .output = 1, .arrives = 2, .with_hash = true, .n_hash = 2, .hash_block = 16, .hash = { 1, 2 } } } },
                "A0+32! | B0+8! | B | B | C32+18!");
}

/* Six blocks, budget 32. B's prompt of 90 needs all six. Beside A there are blocks for its first chunk, and without
 * reserve_full_prompt that is enough; with it B waits until A is done. */
static void reserving_the_whole_prompt_delays_admission(void)
{
    struct tested t = { .c = blocks_of_16(6, false), .n = 2, .r = { { .prompt = 20, .output = 3 }, { .prompt = 90, .output = 1, .arrives = 1 } } };
    t.c.max_num_batched_tokens = 32;
    check_trace(&t, "A0+20! | A B0+31 | A B31+31 | B62+28!");
    t.c.reserve_full_prompt = true;
    check_trace(&t, "A0+20! | A | A | B0+32 | B32+32 | B64+26!");
}

/* A prompt under way has no claim on later blocks. A (one block, then two) and B's first chunk (two) fill the four; B's rest
 * needs a third, nobody is newer, so B itself leaves, comes back in the next step with a first chunk, and so on until A is
 * done: the thrashing that scheduler_reserve_full_isl was made for (vLLM pull request 37307). With it B waits. */
static void a_half_computed_prompt_is_preempted(void)
{
    struct tested t = { .c = blocks_of_16(4, false), .n = 2, .r = { { .prompt = 16, .output = 5 }, { .prompt = 48, .output = 1 } } };
    t.c.max_num_batched_tokens = 33;
    check_trace(&t, "A0+16! B0+17 | -B A | A B0+32 | -B A | A B0+32 | B32+16!");
    t.c.reserve_full_prompt = true;
    check_trace(&t, "A0+16! B0+17 | -B A | A | A | A | B0+33 | B33+15!");
}

/* V0: prompts are whole and stop the decodes; B and C fit one step together, D does not fit beside them. */
static void prefill_first_stops_decodes(void)
{
    struct tested t = { .c = blocks_of_16(20, false), .n = 4,
                        .r = { { .prompt = 40, .output = 3 }, { .prompt = 30, .output = 1, .arrives = 1 },
                               { .prompt = 20, .output = 2, .arrives = 1 }, { .prompt = 15, .output = 1, .arrives = 1 } } };
    t.c.policy = KW_SCHED_PREFILL_FIRST;
    check_trace(&t, "A0+40! | B0+30! C0+20! | D0+15! | A C | A");
}

/* Two seats: A and B. Both prompts first, chunked, then both decode; C waits for both to end although a seat is free. */
static void static_batches_do_not_mix(void)
{
    struct tested t = { .c = blocks_of_16(20, false), .n = 3,
                        .r = { { .prompt = 100, .output = 2 }, { .prompt = 60, .output = 4 }, { .prompt = 10, .output = 1 } } };
    t.c.policy = KW_SCHED_STATIC;
    t.c.max_num_seqs = 2;
    check_trace(&t, "A0+64 | A64+36! B0+28 | B28+32! | A B | B | B | C0+10!");
}

/* The same numbers behind another prefix, or deeper, are other content. */
static void a_hash_behind_another_prefix_is_no_hit(void)
{
    check_trace(&(struct tested){ .c = blocks_of_16(20, true), .n = 3,
                                  .r = { { .prompt = 20, .output = 1, .with_hash = true, .n_hash = 1, .hash_block = 16, .hash = { 5 } },
                                         { .prompt = 40, .output = 1, .with_hash = true, .n_hash = 2, .hash_block = 16, .hash = { 6, 5 } },
                                         { .prompt = 40, .output = 1, .with_hash = true, .n_hash = 2, .hash_block = 16, .hash = { 5, 5 }, .arrives = 1 } } },
                "A0+20! B0+40! | C16+24!");
}

static enum kw_status add(struct kw_sched *s, uint32_t prompt, uint32_t output)
{
    struct kw_error err = { "" };
    uint32_t slot;
    enum kw_status st = kw_sched_add(s, &(struct kw_sched_request){ .id = 1, .prompt = prompt, .output = output }, &slot, &err);
    CHECK((st == KW_OK) == (err.msg[0] == 0));
    return st;
}

/* The last output token is never computed, so prompt + output - 1 tokens in the cache are enough. Sums may not wrap. */
static void what_can_never_run_is_refused(void)
{
    struct kw_sched *s;
    struct kw_error err;
    struct kw_sched_config c = blocks_of_16(2, false);
    CHECK(kw_sched_new(&s, &c, &err) == KW_OK);
    CHECK(add(s, 30, 3) == KW_OK);
    CHECK(add(s, 30, 4) == KW_ERANGE);
    CHECK(add(s, UINT32_MAX, UINT32_MAX) == KW_ERANGE);
    CHECK(add(s, UINT32_MAX, 2) == KW_ERANGE);
    CHECK(add(s, 2, UINT32_MAX) == KW_ERANGE);
    CHECK(kw_sched_waiting(s) == 1);
    kw_sched_delete(s);
    c.max_model_len = 32;
    CHECK(kw_sched_new(&s, &c, &err) == KW_OK);
    CHECK(add(s, 30, 3) == KW_ERANGE);
    CHECK(add(s, 30, 2) == KW_OK);
    kw_sched_delete(s);
}

static void configurations_out_of_range_are_refused(void)
{
    struct kw_sched_config good = blocks_of_16(4, false), bad[8];
    for (int i = 0; i < 8; i++) bad[i] = good;
    bad[0].max_num_batched_tokens = good.max_num_seqs - 1;
    bad[1].max_num_seqs = 0;
    bad[2].block_size = 0;
    bad[3].block_size = 24;
    bad[4].block_size = 1024;
    bad[5].num_blocks = 0;
    bad[6].policy = (enum kw_sched_policy)4;
    bad[7].max_model_len = 0;
    for (int i = 0; i < 8; i++) {
        struct kw_sched *s = NULL;
        struct kw_error err = { "" };
        CHECK(kw_sched_new(&s, &bad[i], &err) == KW_ERANGE && err.msg[0]);
        if (!err.msg[0]) fprintf(stderr, "  (configuration %d)\n", i);
    }
}

/* reset is as new: what the run before left in the cache is not hit, and what was in flight is gone. */
static void reset_forgets_everything(void)
{
    static struct batch x;
    struct kw_sched *s;
    struct kw_error err;
    struct kw_sched_done done;
    uint32_t slot;
    uint64_t hash[4] = { 1, 2, 3, 4 };
    struct kw_sched_config c = blocks_of_16(20, true);
    struct kw_sched_request r = { .id = 7, .prompt = 64, .output = 1, .hash = hash, .n_hash = 4, .hash_block = 16 };
    CHECK(kw_sched_new(&s, &c, &err) == KW_OK);
    for (int round = 0; round < 3; round++) { /* cold; warm, and reset between step and commit; cold again */
        CHECK(kw_sched_add(s, &r, &slot, &err) == KW_OK);
        real_look(s, &x);
        CHECK(x.any && x.b.n_chunks == 1 && x.b.chunk[0].past == (round == 1 ? 48u : 0u));
        CHECK(kw_sched_cached(s, slot) == (round == 1 ? 48u : 0u));
        if (round == 1) kw_sched_reset(s);
        else kw_sched_commit(s, &done);
        CHECK(kw_sched_blocks_free(s) == 20 && kw_sched_running(s) == 0 && kw_sched_waiting(s) == 0);
    }
    kw_sched_delete(s);
}

int main(int argc, char **argv)
{
    signal(SIGABRT, on_abort);
    if (argc > 1) {
        static struct tested t;
        struct verdict v;
        current_seed = strtoull(argv[1], NULL, 10);
        make_case(&t, current_seed);
        print_case(stdout, &t);
        run_case(&t, &v, stdout);
        printf("%s\n", v.what[0] ? v.what : "agreed");
        fflush(stdout);
        if (v.what[0]) report(&t);
        return v.what[0] != 0;
    }
    RUN(chunks_fill_the_budget);
    RUN(the_newest_leaves_and_is_recomputed);
    RUN(the_preempted_hits_its_own_blocks);
    RUN(a_prefix_is_shared_within_one_step);
    RUN(a_hash_may_cover_several_blocks);
    RUN(a_hash_behind_another_prefix_is_no_hit);
    RUN(the_tail_is_evicted_before_the_head);
    RUN(who_ends_together_frees_in_admission_order);
    RUN(a_copy_is_shared_when_the_first_is_gone);
    RUN(unused_hits_count_as_blocks_to_find);
    RUN(reserving_the_whole_prompt_delays_admission);
    RUN(a_half_computed_prompt_is_preempted);
    RUN(prefill_first_stops_decodes);
    RUN(static_batches_do_not_mix);
    RUN(what_can_never_run_is_refused);
    RUN(configurations_out_of_range_are_refused);
    RUN(reset_forgets_everything);
    RUN(random_cases_agree);
    return check_report();
}
