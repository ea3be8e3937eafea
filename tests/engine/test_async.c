/* tests/engine/test_async.c - steps ahead: batch k + 1 is decided and submitted while k runs. Nothing may change but
 * the time: tokens are those of one step after another, decisions those the simulator makes. The backend is the CPU's
 * behind a queue: a batch is computed when it is waited for, so whatever is used too early is rubbish. */
#define _POSIX_C_SOURCE 200809L
#include "engine/engine.h"
#include "sim/core/rng.h"
#include "tests/check.h"
#include <assert.h>
#include <stdlib.h>

enum { VOCAB = 128, MOST = 24, LONGEST = 160, RUBBISH = 0x7fffffff };

/* ---- the backend behind a queue */

static struct {
    const struct kw_backend_ops *ops;
    struct queued {
        struct kw_batch batch; /* arrays of its own */
        struct kw_result *out;
    } queue[2];
    uint32_t n, batches, overlapped, by_previous; /* submitted; while another was under way; tokens named by row */
    uint32_t fail_submit, fail_wait;              /* the so-manieth fails; 0: none */
    uint32_t waits;
} late;

static void *copy(const void *p, size_t bytes)
{
    void *c = malloc(bytes + !bytes);
    assert(c);
    memcpy(c, p, bytes);
    return c;
}

static enum kw_status late_submit(struct kw_backend *b, const struct kw_batch *t, struct kw_result *out,
                                  struct kw_error *err)
{
    (void)b;
    late.batches++;
    if (late.batches == late.fail_submit) return kw_fail(err, KW_EFAIL, "late: batch %u", late.batches);
    CHECK(late.n < 2);
    if (late.n) late.overlapped++;
    struct kw_batch c = *t;
    c.tokens = copy(t->tokens, t->n_tokens * sizeof *t->tokens);
    c.positions = copy(t->positions, t->n_tokens * sizeof *t->positions);
    c.slots = copy(t->slots, t->n_tokens * sizeof *t->slots);
    c.seqs = copy(t->seqs, t->n_seqs * sizeof *t->seqs);
    c.tables = copy(t->tables, (size_t)t->n_seqs * t->table_stride * sizeof *t->tables);
    c.logit_tokens = copy(t->logit_tokens, t->n_logits * sizeof *t->logit_tokens);
    for (uint32_t i = 0; i < t->n_tokens; i++) late.by_previous += t->tokens[i] >> 31;
    for (uint32_t i = 0; i < t->n_logits; i++) out->argmax[i] = RUBBISH;
    for (size_t i = 0; out->logits && i < (size_t)t->n_logits * VOCAB; i++) out->logits[i] = NAN;
    late.queue[late.n++] = (struct queued){ c, out };
    return KW_OK;
}

static void free_batch(const struct kw_batch *t)
{
    const void *all[] = { t->tokens, t->positions, t->slots, t->seqs, t->tables, t->logit_tokens };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free((void *)(uintptr_t)all[i]);
}

static enum kw_status late_wait(struct kw_backend *b, struct kw_error *err)
{
    CHECK(late.n > 0);
    if (++late.waits == late.fail_wait) return kw_fail(err, KW_EFAIL, "late: wait %u", late.waits);
    struct queued q = late.queue[0];
    enum kw_status st = late.ops->submit(b, &q.batch, q.out, err);
    if (st == KW_OK) st = late.ops->wait(b, err);
    free_batch(&q.batch);
    late.queue[0] = late.queue[1];
    late.n--;
    return st;
}

static void late_destroy(struct kw_backend *b)
{
    while (late.n) free_batch(&late.queue[--late.n].batch);
    late.ops->destroy(b);
}

static struct kw_backend_ops late_ops;

static bool open_engine(struct kw_engine *e, const struct kw_engine_options *o)
{
    struct kw_error err = { "" };
    CHECK(kw_engine_open(e, o, NULL, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    if (err.msg[0]) return false;
    memset(&late, 0, sizeof late);
    late.ops = e->ops;
    late_ops = *e->ops;
    late_ops.submit = late_submit, late_ops.wait = late_wait, late_ops.destroy = late_destroy;
    e->ops = &late_ops;
    return true;
}

/* ---- a scene: requests that come, end by a stop token, and are cancelled, all by the number of the step */

struct scene {
    uint32_t n;
    struct player {
        uint32_t prompt[LONGEST], n_prompt, max_new;
        uint32_t at;     /* comes during this step (0: before the first); after an idle time, with the next that runs */
        uint32_t cancel; /* after so many of its tokens; 0: never */
        uint32_t stop[2], n_stop;
        struct kw_sampling sampling;
    } p[MOST];
};
struct lines { /* what the requests got */
    uint32_t token[MOST][LONGEST], n[MOST];
    enum kw_finish finish[MOST];
    uint32_t preempted, steps, idle_steps;
};

static uint64_t rng;
static uint32_t rnd(uint32_t n)
{
    return (uint32_t)(kw_mix64(++rng) % n);
}

static void draw(struct scene *s, bool sampled, bool stops)
{
    memset(s, 0, sizeof *s);
    s->n = 4 + rnd(MOST - 4);
    uint32_t at = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        struct player *p = &s->p[i];
        p->n_prompt = 1 + rnd(rnd(3) ? 30 : 90);
        p->max_new = 1 + rnd(rnd(3) ? 12 : 60);
        uint32_t common = rnd(2) ? rnd(p->n_prompt + 1) : 0; /* prefixes to share */
        for (uint32_t k = 0; k < p->n_prompt; k++) p->prompt[k] = k < common ? k * 7 % VOCAB : rnd(VOCAB);
        at += rnd(4) ? rnd(3) : rnd(25);
        p->at = at;
        if (!rnd(5)) p->cancel = 1 + rnd(p->max_new);
        if (stops && rnd(2)) p->n_stop = 2, p->stop[0] = rnd(VOCAB), p->stop[1] = rnd(VOCAB);
        if (sampled && rnd(2)) p->sampling = (struct kw_sampling){ .temperature = 1.5f, .seed = i };
    }
}

static struct kw_engine_request request_of(const struct scene *s, uint32_t i)
{
    const struct player *p = &s->p[i];
    return (struct kw_engine_request){ .id = i,
                                       .prompt = p->prompt,
                                       .n_prompt = p->n_prompt,
                                       .max_new = p->max_new,
                                       .stream = i,
                                       .sampling = p->sampling,
                                       .stop = p->stop,
                                       .n_stop = p->n_stop };
}

static void take(const struct scene *s, struct kw_engine *e, const struct kw_engine_step *step, struct lines *l)
{
    for (uint32_t k = 0; k < step->n_events; k++) {
        const struct kw_engine_event *v = &step->events[k];
        const uint32_t i = (uint32_t)v->id;
        CHECK(v->index == l->n[i] && v->token < VOCAB && !l->finish[i]);
        CHECK(!s->p[i].cancel || l->n[i] < s->p[i].cancel); /* none after it was cancelled */
        l->token[i][l->n[i]++] = v->token;
        l->finish[i] = v->finish;
        if (l->n[i] == s->p[i].cancel && !v->finish) CHECK(kw_engine_cancel(e, i) && !kw_engine_cancel(e, i));
    }
}

static bool due(const struct scene *s, uint32_t next, uint32_t steps, bool idle)
{
    return next < s->n && (idle || s->p[next].at <= steps);
}

static void play(const struct scene *s, struct kw_engine *e, struct lines *l, struct kw_step *kept, uint32_t room)
{
    struct kw_error err = { "" };
    uint32_t next = 0;
    bool ran = true;
    memset(l, 0, sizeof *l);
    while (ran || next < s->n) {
        struct kw_engine_step step;
        for (bool idle = !ran; due(s, next, l->steps, idle); idle = false) {
            struct kw_engine_request r = request_of(s, next++);
            CHECK(kw_engine_add(e, &r, &err) == KW_OK);
        }
        CHECK(kw_engine_step(e, &step, &ran, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        if (err.msg[0]) return;
        CHECK(kw_sched_check(e->sched, &err));
        if (!ran) continue;
        CHECK(step.wall_ns > 0 && step.batch.n_decode + step.batch.n_chunks > 0);
        if (l->steps < room) kept[l->steps] = step.batch;
        l->steps++;
        l->preempted += step.batch.n_preempted;
        take(s, e, &step, l);
    }
    CHECK(kw_engine_active(e) == 0 && late.n == 0);
    CHECK(kw_sched_blocks_free(e->sched) == e->limits.num_blocks && kw_sched_running(e->sched) == 0);
    for (uint32_t i = 0; i < s->n; i++) CHECK(l->finish[i] || l->n[i] == s->p[i].cancel);
}

static struct kw_engine_options options(enum kw_engine_async async)
{
    return (struct kw_engine_options){ .model = "tests/engine/models/llama",
                                       .backend = "cpu",
                                       .precision = "fp32",
                                       .synthetic = true,
                                       .seed = 7,
                                       .threads = 1,
                                       .block_size = 8,
                                       .num_blocks = 200,
                                       .max_model_len = LONGEST,
                                       .max_num_seqs = 16,
                                       .max_num_batched_tokens = 64,
                                       .async_scheduling = async };
}

/* ---- */

static void tokens_are_those_of_one_step_after_another(void)
{
    static struct scene s;
    static struct lines want, got;
    uint32_t preempted = 0, overlapped = 0, stopped = 0, cancelled = 0, previous = 0;
    for (uint32_t k = 0; k < 60 && !check_bad; k++) {
        rng = 1000 * k;
        draw(&s, k % 3 == 2, true);
        struct kw_engine e;
        struct kw_engine_options o = options(KW_ASYNC_OFF);
        if (k % 2) o.num_blocks = 21; /* the longest needs 20 */
        o.prefix_caching = k % 4 > 1;
        o.policy = k % 5 == 4 ? KW_SCHED_SARATHI : KW_SCHED_VLLM;
        if (!open_engine(&e, &o)) return;
        play(&s, &e, &want, NULL, 0);
        CHECK(late.overlapped == 0 && late.by_previous == 0);
        kw_engine_close(&e);
        o.async_scheduling = KW_ASYNC_ON;
        if (!open_engine(&e, &o)) return;
        for (int twice = 0; twice < 2; twice++) { /* the second time over a warm prefix cache and reused slots */
            play(&s, &e, &got, NULL, 0);
            for (uint32_t i = 0; i < s.n; i++) {
                CHECK(got.n[i] == want.n[i] && got.finish[i] == want.finish[i]);
                CHECK(!memcmp(got.token[i], want.token[i], want.n[i] * sizeof *want.token[i]));
                stopped += want.finish[i] == KW_FINISH_STOP, cancelled += !want.finish[i];
            }
            preempted += got.preempted;
        }
        overlapped += late.overlapped, previous += late.by_previous;
        kw_engine_close(&e);
    }
    printf("%u batches submitted ahead, %u tokens by row; %u preempted, %u stopped, %u cancelled\n", overlapped,
           previous, preempted, stopped, cancelled);
    CHECK(overlapped > 1000 && previous > 1000 && preempted > 50 && stopped > 50 && cancelled > 50);
}

/* Equal prefixes have equal names; what the engine computes from tokens. */
static void name_blocks(const struct player *p, uint32_t block, uint64_t *hash)
{
    uint64_t h = 1;
    for (uint32_t k = 0; k < p->n_prompt; k++) {
        h = kw_mix64(h ^ kw_mix64(p->prompt[k] + 1));
        if ((k + 1) % block == 0) hash[k / block] = h;
    }
}

/* The simulator's order of calls (sim/fleet/replica.c): step k, what comes during k, commit k. */
static uint32_t simulate(const struct scene *s, const struct kw_sched_config *c, struct kw_step *kept, uint32_t room)
{
    static uint64_t hash[MOST][LONGEST];
    struct kw_error err = { "" };
    struct kw_sched *sched;
    uint32_t next = 0, n = 0, slot;
    bool in_step = false, idle = false;
    CHECK(kw_sched_new(&sched, c, &err) == KW_OK);
    for (;;) {
        struct kw_step step;
        struct kw_sched_done done;
        for (; due(s, next, n, idle); idle = false, next++) {
            const struct player *p = &s->p[next];
            name_blocks(p, c->block_size, hash[next]);
            struct kw_sched_request r = { .id = next,
                                          .prompt = p->n_prompt,
                                          .output = p->max_new,
                                          .hash = hash[next],
                                          .n_hash = c->prefix_caching ? p->n_prompt / c->block_size : 0,
                                          .hash_block = c->block_size };
            CHECK(kw_sched_add(sched, &r, &slot, &err) == KW_OK);
        }
        if (in_step) kw_sched_commit(sched, &done);
        in_step = kw_sched_step(sched, &step);
        idle = !in_step;
        if (in_step && n < room) kept[n] = step;
        n += in_step;
        if (idle && next == s->n) break;
    }
    kw_sched_delete(sched);
    return n;
}

/* Everyone ends with the same step, so that the decision during it is empty, and somebody comes during it: the batch
 * that follows is decided when all of that is known. */
static void end_together(struct scene *s, uint32_t seats)
{
    const uint32_t length = 2 + rnd(8);
    for (uint32_t i = 0; i < s->n; i++) {
        s->p[i].n_prompt = 1 + rnd(4), s->p[i].max_new = length;
        s->p[i].at = i < seats ? 0 : 1 + i / seats * length - rnd(3);
    }
    for (uint32_t i = s->n; i-- > 1;)
        if (s->p[i - 1].at > s->p[i].at) s->p[i - 1].at = s->p[i].at;
}

/* Two seats and blocks for about two: when one ends as the other needs a block, that one is preempted by an empty
 * decision. */
static void crowd(struct scene *s)
{
    for (uint32_t i = 0; i < s->n; i++) s->p[i].n_prompt = 60 + rnd(18), s->p[i].max_new = 1 + rnd(24), s->p[i].at = i;
}

static void decisions_are_the_simulators(void)
{
    enum { ROOM = 4000 };
    static struct scene s;
    static struct lines l;
    static struct kw_step engine[ROOM], simulator[ROOM];
    uint32_t steps = 0, preempted = 0, mixed = 0, differ = 0;
    for (uint32_t k = 0; k < 120 && !check_bad; k++) {
        rng = 500000 + 1000 * k;
        draw(&s, k % 7 == 6, false);
        for (uint32_t i = 0; i < s.n; i++) s.p[i].cancel = 0;
        struct kw_engine e;
        struct kw_engine_options o = options(KW_ASYNC_ON);
        o.max_num_seqs = 2 + rnd(15);
        if (k % 5 == 4) end_together(&s, o.max_num_seqs = 2 + rnd(4));
        if (k % 2) o.num_blocks = 20 + rnd(8);
        if (k % 5 == 3) crowd(&s), o.max_num_seqs = 2, o.num_blocks = 20;
        o.prefix_caching = k % 4 > 1;
        if (!open_engine(&e, &o)) return;
        e.config.n_eos = 0;
        play(&s, &e, &l, engine, ROOM);
        uint32_t n = simulate(&s, &e.limits, simulator, ROOM);
        CHECK(n == l.steps && n < ROOM);
        for (uint32_t i = 0; i < n && i < l.steps && !check_bad; i++) {
            const struct kw_step *a = &engine[i], *b = &simulator[i];
            CHECK(a->n_decode == b->n_decode && a->decode_context == b->decode_context && a->n_chunks == b->n_chunks);
            CHECK(a->prefill_tokens == b->prefill_tokens && a->prefill_pairs2 == b->prefill_pairs2 &&
                  a->n_preempted == b->n_preempted);
            mixed += a->n_decode && a->n_chunks;
        }
        steps += n, preempted += l.preempted;
        struct kw_sched_config now = e.limits;
        now.async_scheduling = false;
        differ += simulate(&s, &now, simulator, ROOM) != n || memcmp(engine, simulator, 8 * sizeof *engine);
        kw_engine_close(&e);
    }
    printf("%u steps, %u mixed, %u preemptions: composed as in the simulator; %u of 120 scenes go otherwise without "
           "the lag\n",
           steps, mixed, preempted, differ);
    CHECK(steps > 3000 && mixed > 300 && preempted > 100 && differ > 60);
}

/* Whether a batch was taken (step), was its tokens' due, and what is under way when the backend fails. */
static void failures_lose_no_token_of_an_earlier_step(void)
{
    static struct scene s;
    static struct lines l, whole;
    struct kw_error err = { "" };
    rng = 9;
    draw(&s, false, false);
    for (uint32_t i = 0; i < s.n; i++) s.p[i].at = 0, s.p[i].cancel = 0;
    struct kw_engine_options o = options(KW_ASYNC_ON);
    struct kw_engine e;
    if (!open_engine(&e, &o)) return;
    play(&s, &e, &whole, NULL, 0);
    kw_engine_close(&e);
    for (uint32_t k = 1; k < 12; k++)
        for (int waiting = 0; waiting < 2; waiting++) {
            if (!open_engine(&e, &o)) return;
            if (waiting)
                late.fail_wait = k;
            else
                late.fail_submit = k;
            memset(&l, 0, sizeof l);
            for (uint32_t i = 0; i < s.n; i++) {
                struct kw_engine_request r = request_of(&s, i);
                CHECK(kw_engine_add(&e, &r, &err) == KW_OK);
            }
            struct kw_engine_step step;
            bool ran = true;
            enum kw_status st;
            while ((st = kw_engine_step(&e, &step, &ran, &err)) == KW_OK && ran) take(&s, &e, &step, &l), l.steps++;
            char want[40];
            snprintf(want, sizeof want, "late: %s %u", waiting ? "wait" : "batch", k);
            CHECK(st == KW_EFAIL && l.steps == k - 1); /* the steps before it were delivered */
            CHECK_STR(err.msg, want);
            for (uint32_t i = 0; i < s.n; i++)
                CHECK(!memcmp(l.token[i], whole.token[i], l.n[i] * sizeof l.token[i][0]));
            CHECK(kw_engine_step(&e, &step, &ran, &err) == KW_EFAIL && !ran);
            CHECK_STR(err.msg, want);
            for (uint32_t i = 0; i < s.n; i++) kw_engine_cancel(&e, i);
            kw_engine_close(&e);
        }
}

/* With a step still under way: closing, cancelling everyone, ids used again, and settling. */
static void what_is_under_way_is_waited_for(void)
{
    static struct scene s;
    struct kw_error err = { "" };
    rng = 77;
    draw(&s, false, false);
    struct kw_engine_options o = options(KW_ASYNC_ON);
    struct kw_engine e;
    struct kw_engine_step step;
    bool ran;
    struct kw_engine_request r = request_of(&s, 0);
    r.n_prompt = 20, r.max_new = 50;
    for (int cancel = 0; cancel < 2; cancel++) {
        if (!open_engine(&e, &o)) return;
        CHECK(kw_engine_add(&e, &r, &err) == KW_OK && kw_engine_step(&e, &step, &ran, &err) == KW_OK &&
              step.n_events == 1);
        uint32_t first = step.events[0].token;
        CHECK(late.n == 1);
        if (cancel) {
            CHECK(kw_engine_cancel(&e, r.id) && kw_engine_active(&e) == 0 && late.n == 1);
            CHECK(kw_engine_add(&e, &r, &err) == KW_OK); /* the id is free again, the old row still under way */
            CHECK(kw_engine_step(&e, &step, &ran, &err) == KW_OK && ran && step.n_events == 0 &&
                  step.batch.n_decode == 1);
            CHECK(kw_engine_step(&e, &step, &ran, &err) == KW_OK && ran && step.n_events == 1);
            CHECK(step.events[0].token == first && step.events[0].index == 0);
            CHECK(kw_engine_cancel(&e, r.id) && kw_engine_settle(&e, &err) == KW_OK && late.n == 0);
            CHECK(kw_sched_blocks_free(e.sched) == e.limits.num_blocks && kw_sched_check(e.sched, &err));
        }
        kw_engine_close(&e);
    }
    CHECK(late.n == 0);

    struct kw_generated g, again;
    if (!open_engine(&e, &o)) return;
    r.ignore_eos = true;
    CHECK(kw_engine_generate(&e, &r, &g, &err) == KW_OK && g.n == 50 && late.n == 0);
    uint32_t at = 1;
    while (at < 49 && g.ids[at] == g.ids[0]) at++;
    r.stop = &g.ids[at], r.n_stop = 1;
    CHECK(kw_engine_generate(&e, &r, &again, &err) == KW_OK && again.n == at && again.finish == KW_FINISH_STOP &&
          late.n == 0);
    CHECK(!memcmp(g.ids, again.ids, at * sizeof *g.ids));
    CHECK(kw_sched_blocks_free(e.sched) == e.limits.num_blocks);
    kw_generated_free(&g);
    kw_generated_free(&again);
    kw_engine_close(&e);
}

static void where_it_is_used(void)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_engine_options o = options(KW_ASYNC_AUTO);
    if (!open_engine(&e, &o)) return;
    CHECK(!e.limits.async_scheduling); /* a CPU computes in the caller's threads */
    kw_engine_close(&e);
    o.async_scheduling = KW_ASYNC_ON, o.policy = KW_SCHED_STATIC;
    CHECK(kw_engine_open(&e, &o, NULL, &err) == KW_ERANGE && strstr(err.msg, "async_scheduling"));
}

int main(void)
{
    RUN(tokens_are_those_of_one_step_after_another);
    RUN(decisions_are_the_simulators);
    RUN(failures_lose_no_token_of_an_earlier_step);
    RUN(what_is_under_way_is_waited_for);
    RUN(where_it_is_used);
    return check_report();
}
