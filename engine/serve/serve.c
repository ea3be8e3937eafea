#include "engine/serve/serve.h"
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct kw_ticket {
    struct kw_engine_request request; /* owns prompt and stop; id: see id_of */
    uint32_t place;                   /* in serve's table */
    void *who;
    uint32_t *token; /* [cap], n of them */
    uint32_t n, cap;
    enum kw_serve_state state;
    bool queued;    /* the loop has not come to it yet */
    bool in_engine; /* the engine runs it; freed only when neither */
    bool released;  /* nobody else holds it */
    bool asleep, asleep_whole;
    int64_t arrived, first, last;
    struct kw_ticket *next; /* in the queue of new ones */
};

struct kw_serve {
    struct kw_engine *e;
    struct kw_serve_options o;
    pthread_t thread;
    pthread_mutex_t lock;     /* everything below; the engine is the loop's alone */
    pthread_cond_t work;      /* there is something for the loop to do */
    struct kw_ticket **table; /* [capacity] by place; NULL: free */
    uint32_t *free_place;     /* stack of them */
    uint32_t capacity, n_free, n_tickets;
    uint32_t n_left;                /* over, but the engine runs them still */
    uint64_t serial;                /* requests so far */
    struct kw_ticket *head, **tail; /* new ones, in order */
    struct kw_metrics metrics;
    bool draining, stopping, failed;
    struct kw_error why;
};

/* ---- under the lock */

static void wake(struct kw_serve *s, struct kw_ticket *t)
{
    if (!t->asleep || (t->asleep_whole && t->state == KW_SERVE_ACTIVE)) return;
    t->asleep = false;
    s->o.wake(s->o.ctx, t->who);
}

static void free_ticket(struct kw_serve *s, struct kw_ticket *t)
{
    assert(s->table[t->place] == t && s->n_free < s->capacity); /* freed once */
    s->table[t->place] = NULL;
    s->free_place[s->n_free++] = t->place;
    free((void *)(uintptr_t)t->request.prompt);
    free((void *)(uintptr_t)t->request.stop);
    free(t->token);
    free(t);
}

static void free_if_unused(struct kw_serve *s, struct kw_ticket *t)
{
    if (t->released && !t->queued && !t->in_engine) free_ticket(s, t);
}

/* The request is over; its ticket stays until it is released, and until the engine has let go of it. */
static void end(struct kw_serve *s, struct kw_ticket *t, enum kw_serve_state state, enum kw_metrics_end how)
{
    assert(t->state == KW_SERVE_ACTIVE && state != KW_SERVE_ACTIVE);
    t->state = state;
    s->n_left += t->in_engine;
    s->metrics.ended[how]++;
    if (t->n && (how == KW_END_STOP || how == KW_END_LENGTH)) {
        kw_metrics_observe(&s->metrics.e2e, t->last - t->arrived);
        if (t->n > 1) kw_metrics_observe(&s->metrics.tpot, (t->last - t->first) / (t->n - 1));
    }
    wake(s, t);
}

static bool put_token(struct kw_ticket *t, uint32_t token)
{
    if (t->n == t->cap) {
        uint32_t cap = t->cap ? 2 * t->cap : 32;
        uint32_t *more = realloc(t->token, cap * sizeof *more);
        if (!more) return false;
        t->token = more;
        t->cap = cap;
    }
    t->token[t->n++] = token;
    return true;
}

/* One event of the engine: a token, and perhaps the end. */
static void take_event(struct kw_serve *s, const struct kw_engine_event *v, int64_t now)
{
    struct kw_ticket *t = s->table[v->id & UINT32_MAX];
    assert(t && t->request.id == v->id);
    s->metrics.generation_tokens++;
    if (v->finish) {
        t->in_engine = false;
        s->n_left -= t->state != KW_SERVE_ACTIVE;
    }
    if (t->state == KW_SERVE_ACTIVE) {
        kw_metrics_observe(v->index ? &s->metrics.itl : &s->metrics.ttft, now - (v->index ? t->last : t->arrived));
        if (v->index == 0) t->first = now;
        t->last = now;
        if (v->finish == KW_FINISH_STOP) /* the stop token is no part of the answer */
            end(s, t, KW_SERVE_STOP, KW_END_STOP);
        else if (!put_token(t, v->token))
            end(s, t, KW_SERVE_FAILED, KW_END_ERROR);
        else if (v->finish == KW_FINISH_LENGTH)
            end(s, t, KW_SERVE_LENGTH, KW_END_LENGTH);
        else
            wake(s, t);
    }
    free_if_unused(s, t);
}

/* The engine is of no more use. */
static void fail_all(struct kw_serve *s, const struct kw_error *why)
{
    s->failed = true;
    s->why = *why;
    s->head = NULL, s->tail = &s->head, s->n_left = 0;
    for (uint32_t i = 0; i < s->capacity; i++) {
        struct kw_ticket *t = s->table[i];
        if (!t) continue;
        t->queued = t->in_engine = false;
        if (t->state == KW_SERVE_ACTIVE) end(s, t, KW_SERVE_FAILED, KW_END_ERROR);
        free_if_unused(s, t);
    }
}

/* ---- the loop's thread; the lock is held but while the engine works */

/* New requests go to the engine. What it refuses for good was checked by submit, so only memory can be short. */
static void add_new(struct kw_serve *s)
{
    while (s->head) {
        struct kw_ticket *t = s->head;
        s->head = t->next;
        if (!s->head) s->tail = &s->head;
        t->queued = false;
        if (t->state == KW_SERVE_ACTIVE) {
            t->in_engine = kw_engine_add(s->e, &t->request, NULL) == KW_OK;
            if (!t->in_engine) end(s, t, KW_SERVE_FAILED, KW_END_ERROR);
        }
        free_if_unused(s, t);
    }
}

/* The engine lets go of what ended early. */
static void drop_left(struct kw_serve *s)
{
    for (uint32_t i = 0; s->n_left && i < s->capacity; i++) {
        struct kw_ticket *t = s->table[i];
        if (!t || !t->in_engine || t->state == KW_SERVE_ACTIVE) continue;
        kw_engine_cancel(s->e, t->request.id);
        t->in_engine = false;
        s->n_left--;
        free_if_unused(s, t);
    }
    assert(s->n_left == 0);
}

static void keep_gauges(struct kw_serve *s)
{
    s->metrics.running = kw_sched_running(s->e->sched);
    s->metrics.waiting = kw_sched_waiting(s->e->sched);
    s->metrics.blocks_used = s->e->limits.num_blocks - kw_sched_blocks_free(s->e->sched);
}

static void take_step(struct kw_serve *s, const struct kw_engine_step *step)
{
    int64_t now = kw_now_ns();
    s->metrics.steps++;
    s->metrics.preemptions += step->batch.n_preempted;
    kw_metrics_observe(&s->metrics.step, step->wall_ns);
    for (uint32_t i = 0; i < step->n_events; i++) take_event(s, &step->events[i], now);
}

static void *loop(void *arg)
{
    struct kw_serve *s = arg;
    bool ran = false; /* a step may still be under way when nobody is active */
    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        if (!s->failed) {
            add_new(s);
            drop_left(s);
            keep_gauges(s);
        }
        if (s->failed || (!ran && !kw_engine_active(s->e))) {
            pthread_cond_wait(&s->work, &s->lock);
            continue;
        }
        struct kw_engine_step step;
        struct kw_error err = { "" };
        pthread_mutex_unlock(&s->lock);
        enum kw_status st = kw_engine_step(s->e, &step, &ran, &err);
        pthread_mutex_lock(&s->lock);
        if (st != KW_OK)
            fail_all(s, &err);
        else if (ran)
            take_step(s, &step);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- called by others */

enum kw_status kw_serve_start(struct kw_serve **out, struct kw_engine *e, const struct kw_serve_options *o,
                              struct kw_error *err)
{
    *out = NULL;
    if (kw_engine_active(e)) return kw_fail(err, KW_EFAIL, "the engine still has %u requests", kw_engine_active(e));
    struct kw_serve *s = calloc(1, sizeof *s);
    if (!s) return kw_fail(err, KW_ENOMEM, "out of memory for the server");
    s->e = e, s->o = *o, s->tail = &s->head;
    s->metrics.num_blocks = e->limits.num_blocks;
    s->capacity = s->n_free = e->limits.max_num_seqs + o->max_queue;
    s->table = calloc(s->capacity, sizeof *s->table);
    s->free_place = malloc(s->capacity * sizeof *s->free_place);
    enum kw_status st =
        s->table && s->free_place ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for %u requests", s->capacity);
    if (st == KW_OK) {
        for (uint32_t i = 0; i < s->capacity; i++) s->free_place[i] = s->capacity - 1 - i;
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->work, NULL);
        if (pthread_create(&s->thread, NULL, loop, s)) st = kw_fail(err, KW_EFAIL, "no thread for the serving loop");
    }
    if (st != KW_OK) {
        free(s->table);
        free(s->free_place);
        free(s);
        return st;
    }
    *out = s;
    return KW_OK;
}

static void *copy(const void *from, size_t bytes)
{
    void *to = malloc(bytes + !bytes);
    if (to && bytes) memcpy(to, from, bytes);
    return to;
}

static enum kw_status check_request(const struct kw_engine *e, const struct kw_engine_request *r, struct kw_error *err)
{
    const struct kw_sched_config *l = &e->limits;
    uint64_t tokens = (uint64_t)r->n_prompt + r->max_new;
    if (!r->n_prompt || !r->max_new || r->n_stop > 16)
        return kw_fail(err, KW_ERANGE, "want a prompt, at least one new token and at most 16 stop tokens");
    if (tokens > l->max_model_len || (tokens - 1 + l->block_size - 1) / l->block_size > l->num_blocks)
        return kw_fail(err, KW_ERANGE, "%u prompt and %u new tokens are more than fit", r->n_prompt, r->max_new);
    for (uint32_t i = 0; i < r->n_prompt; i++)
        if (r->prompt[i] >= e->config.vocab)
            return kw_fail(err, KW_ERANGE, "prompt token %u is id %u; the vocabulary has %u", i, r->prompt[i],
                           e->config.vocab);
    struct kw_sampler probe;
    enum kw_status st = kw_sampler_init(&probe, &r->sampling, 0, err);
    if (st == KW_OK) kw_sampler_free(&probe);
    return st;
}

enum kw_status kw_serve_submit(struct kw_serve *s, const struct kw_engine_request *r, void *who, struct kw_ticket **out,
                               struct kw_error *err)
{
    *out = NULL;
    int64_t now = kw_now_ns();
    enum kw_status st = check_request(s->e, r, err);
    if (st != KW_OK) return st;
    struct kw_ticket *t = calloc(1, sizeof *t);
    uint32_t *prompt = copy(r->prompt, r->n_prompt * sizeof *prompt), *stop = copy(r->stop, r->n_stop * sizeof *stop);
    if (!t || !prompt || !stop) {
        free(t), free(prompt), free(stop);
        return kw_fail(err, KW_ENOMEM, "out of memory for a request");
    }
    t->request = *r;
    t->request.prompt = prompt, t->request.stop = stop;
    t->who = who, t->arrived = now, t->queued = true;
    pthread_mutex_lock(&s->lock);
    if (s->failed)
        st = kw_fail(err, KW_EFAIL, "the engine has failed: %.600s", s->why.msg);
    else if (s->draining)
        st = kw_fail(err, KW_EFAIL, "the server is shutting down");
    else if (!s->n_free)
        st = kw_fail(err, KW_EBUDGET, "%u requests are running or waiting, which is the limit", s->capacity);
    if (st == KW_OK) {
        t->place = s->free_place[--s->n_free];
        t->request.id = ++s->serial << 32 | t->place;
        s->table[t->place] = t;
        *s->tail = t;
        s->tail = &t->next;
        s->n_tickets++;
        s->metrics.received++;
        s->metrics.prompt_tokens += r->n_prompt;
        pthread_cond_signal(&s->work);
        *out = t;
    } else {
        s->metrics.refused++;
    }
    pthread_mutex_unlock(&s->lock);
    if (st != KW_OK) free(t), free(prompt), free(stop);
    return st;
}

enum kw_serve_state kw_serve_take(struct kw_serve *s, struct kw_ticket *t, uint32_t at, uint32_t *ids, uint32_t cap,
                                  uint32_t *n)
{
    pthread_mutex_lock(&s->lock);
    *n = t->n > at ? t->n - at : 0;
    if (*n > cap) *n = cap;
    if (*n) memcpy(ids, t->token + at, *n * sizeof *ids);
    enum kw_serve_state state = t->state;
    pthread_mutex_unlock(&s->lock);
    return state;
}

bool kw_serve_sleep(struct kw_serve *s, struct kw_ticket *t, uint32_t at, bool whole)
{
    pthread_mutex_lock(&s->lock);
    bool sleeps = s->o.sleep && t->state == KW_SERVE_ACTIVE && (whole || t->n <= at);
    if (sleeps) {
        t->asleep = true;
        t->asleep_whole = whole;
        s->o.sleep(s->o.ctx, t->who);
    }
    pthread_mutex_unlock(&s->lock);
    return sleeps;
}

static void cancel(struct kw_serve *s, struct kw_ticket *t, bool stop)
{
    if (t->state != KW_SERVE_ACTIVE) return;
    end(s, t, stop ? KW_SERVE_STOP : KW_SERVE_CANCELLED, stop ? KW_END_STOP : KW_END_ABORT);
    pthread_cond_signal(&s->work);
}

void kw_serve_cancel(struct kw_serve *s, struct kw_ticket *t, bool stop)
{
    pthread_mutex_lock(&s->lock);
    cancel(s, t, stop);
    pthread_mutex_unlock(&s->lock);
}

void kw_serve_release(struct kw_serve *s, struct kw_ticket *t)
{
    if (!t) return;
    pthread_mutex_lock(&s->lock);
    s->n_tickets--;
    t->asleep = false;
    t->released = true;
    cancel(s, t, false);
    free_if_unused(s, t);
    pthread_mutex_unlock(&s->lock);
}

void kw_serve_cancel_all(struct kw_serve *s)
{
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < s->capacity; i++)
        if (s->table[i]) cancel(s, s->table[i], false);
    pthread_mutex_unlock(&s->lock);
}

void kw_serve_drain(struct kw_serve *s)
{
    pthread_mutex_lock(&s->lock);
    s->draining = true;
    pthread_mutex_unlock(&s->lock);
}

bool kw_serve_draining(struct kw_serve *s)
{
    pthread_mutex_lock(&s->lock);
    bool yes = s->draining;
    pthread_mutex_unlock(&s->lock);
    return yes;
}

bool kw_serve_failed(struct kw_serve *s, struct kw_error *why)
{
    pthread_mutex_lock(&s->lock);
    bool yes = s->failed;
    if (yes && why) *why = s->why;
    pthread_mutex_unlock(&s->lock);
    return yes;
}

uint32_t kw_serve_tickets(struct kw_serve *s)
{
    pthread_mutex_lock(&s->lock);
    uint32_t n = s->n_tickets;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void kw_serve_metrics(struct kw_serve *s, struct kw_metrics *m)
{
    pthread_mutex_lock(&s->lock);
    *m = s->metrics;
    for (const struct kw_ticket *t = s->head; t; t = t->next) m->waiting += t->state == KW_SERVE_ACTIVE;
    pthread_mutex_unlock(&s->lock);
}

void kw_serve_stop(struct kw_serve *s)
{
    pthread_mutex_lock(&s->lock);
    assert(s->n_tickets == 0);
    s->stopping = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    for (uint32_t i = 0; i < s->capacity; i++) { /* released, but the loop ended before it came to them */
        struct kw_ticket *t = s->table[i];
        if (!t) continue;
        if (!s->failed && t->in_engine) kw_engine_cancel(s->e, t->request.id);
        free_ticket(s, t);
    }
    if (!s->failed) kw_engine_settle(s->e, NULL);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->work);
    free(s->table);
    free(s->free_place);
    free(s);
}
