#include "engine/serve/serve_trace.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "sim/core/ascending.h"
#include "sim/core/rng.h"

const char *const kw_served_status_name[] = { "done", "refused", "cut", NULL };

enum {
    NAP_NS = 50 * 1000 * 1000, /* longest sleep: how soon a stop is seen */
    AWAKE_NS =
        200 * 1000 /* a timer wakes 50 us late by default (prctl(2), PR_SET_TIMERSLACK), and a core has to wake up */
};

struct replay {
    struct kw_served_trace *out;
    struct kw_engine *e;
    const struct kw_serve_trace *t;
    size_t next; /* first request not yet added */
    int64_t start;
    uint32_t *ids; /* the prompt being made */
    size_t cap_ids;
    uint64_t finished; /* done + refused + cut */
    bool broken;       /* a step failed: the engine is of no more use */
};

static enum kw_status check(const struct kw_serve_trace *t, const struct kw_engine *e, struct kw_error *err)
{
    if (!(t->speed > 0) || !isfinite(t->speed))
        return kw_fail(err, KW_ERANGE, "speed: want a number above 0; got %g", t->speed);
    if (kw_engine_active(e)) return kw_fail(err, KW_EFAIL, "the engine still has %u requests", kw_engine_active(e));
    for (size_t i = 0; i < t->n; i++) {
        if (t->arrival[i] < (i ? t->arrival[i - 1] : 0))
            return kw_fail(err, KW_ERANGE, "request %zu: arrivals must not decrease", i);
        if ((double)t->arrival[i] / t->speed > 9e18)
            return kw_fail(err, KW_ERANGE, "request %zu: arrives after more than 2^63 ns", i);
        if (!t->prompt[i] || !t->output[i])
            return kw_fail(err, KW_ERANGE, "request %zu: want at least one token of prompt and output", i);
    }
    return KW_OK;
}

static int64_t due(const struct replay *p, size_t i)
{
    return (int64_t)((double)p->t->arrival[i] / p->t->speed);
}

/* A token's id follows from its block's hash and its place in it, or from the request where no hash covers it. */
static void make_prompt(const struct replay *p, size_t i, uint32_t n)
{
    const struct kw_serve_trace *t = p->t;
    uint32_t hashes = t->hash_at && t->hash_block ? t->hash_at[i + 1] - t->hash_at[i] : 0;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t block = hashes ? k / t->hash_block : 0;
        uint64_t from =
            block < hashes ? kw_mix64(t->hash[t->hash_at[i] + block]) + k % t->hash_block : kw_mix64(~(uint64_t)i) + k;
        p->ids[k] = (uint32_t)(kw_mix64(from ^ kw_mix64(t->seed)) % p->e->config.vocab);
    }
}

/* Request i joins the queue, or is refused for good. */
static enum kw_status add(struct replay *p, size_t i, struct kw_error *err)
{
    struct kw_served *r = &p->out->request[i];
    const uint32_t longest = p->e->limits.max_model_len;
    struct kw_error why = { "" };
    enum kw_status st = KW_ERANGE;
    r->added = kw_now_ns() - p->start;
    if (r->prompt > longest) {
        kw_fail(&why, st, "%u prompt tokens; max_model_len is %u", r->prompt, longest);
    } else {
        if (r->prompt > p->cap_ids) {
            uint32_t *ids = realloc(p->ids, r->prompt * sizeof *ids);
            if (!ids) return kw_fail(err, KW_ENOMEM, "out of memory for a prompt of %u tokens", r->prompt);
            p->ids = ids;
            p->cap_ids = r->prompt;
        }
        make_prompt(p, i, r->prompt);
        st = kw_engine_add(
            p->e,
            &(struct kw_engine_request){
                .id = i, .prompt = p->ids, .n_prompt = r->prompt, .max_new = r->output, .ignore_eos = true },
            &why);
    }
    if (st == KW_ERANGE) {
        if (!p->out->refused++) p->out->refusal = why;
        r->status = KW_SERVED_REFUSED;
        p->finished++;
        return KW_OK;
    }
    if (st != KW_OK && err) *err = why;
    return st;
}

static enum kw_status add_arrived(struct replay *p, struct kw_error *err)
{
    int64_t now = kw_now_ns() - p->start;
    enum kw_status st = KW_OK;
    while (st == KW_OK && p->next < p->t->n && due(p, p->next) <= now) st = add(p, p->next++, err);
    return st;
}

static enum kw_status keep_step(struct replay *p, const struct kw_engine_step *step, int64_t begin,
                                struct kw_error *err)
{
    struct kw_served_trace *out = p->out;
    if (out->n_steps == out->cap_steps) {
        size_t cap = out->cap_steps ? 2 * out->cap_steps : 1024;
        struct kw_served_step *more = realloc(out->step, cap * sizeof *more);
        if (!more) return kw_fail(err, KW_ENOMEM, "out of memory for %zu steps", cap);
        out->step = more;
        out->cap_steps = cap;
    }
    const struct kw_step *b = &step->batch;
    out->step[out->n_steps++] = (struct kw_served_step){
        .begin = begin,
        .wall_ns = step->wall_ns,
        .device_ns = step->device_ns,
        .decode_context = b->decode_context,
        .prefill_pairs2 = b->prefill_pairs2,
        .n_decode = b->n_decode,
        .n_chunks = b->n_chunks,
        .prefill_tokens = b->prefill_tokens,
        .n_preempted = b->n_preempted,
        .waiting = kw_sched_waiting(p->e->sched),
        .running = kw_sched_running(p->e->sched),
        .blocks_used = p->e->limits.num_blocks - kw_sched_blocks_free(p->e->sched),
    };
    return KW_OK;
}

static void take_tokens(struct replay *p, const struct kw_engine_step *step, int64_t now)
{
    for (uint32_t k = 0; k < step->n_events; k++) {
        const struct kw_engine_event *v = &step->events[k];
        struct kw_served *r = &p->out->request[v->id];
        if (v->index == 0) {
            r->first = now;
        } else {
            int64_t gap = now - r->last;
            kw_hist_add(&p->out->itl, gap, 1);
            if (gap > r->itl_max) r->itl_max = gap;
        }
        r->last = now;
        r->generated = v->index + 1;
        if (!v->finish) continue;
        r->status = KW_SERVED_DONE;
        p->out->done++;
        p->finished++;
    }
}

/* Sleeps until shortly before it is time; the loop then looks at the clock again and again. */
static void nap(int64_t ns)
{
    ns -= AWAKE_NS;
    if (ns > NAP_NS) ns = NAP_NS;
    if (ns <= 0) return;
    struct timespec t = { .tv_sec = 0, .tv_nsec = (long)ns };
    nanosleep(&t, NULL); /* woken early by a signal: the caller looks at the clock again */
}

static bool over(const struct replay *p)
{
    return (p->t->stop && *p->t->stop) || (p->t->limit_ns && kw_now_ns() - p->start >= p->t->limit_ns);
}

static enum kw_status loop(struct replay *p, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    while (st == KW_OK && p->finished < p->t->n && !over(p)) {
        if ((st = add_arrived(p, err)) != KW_OK) break;
        struct kw_engine_step step;
        bool ran;
        if ((st = kw_engine_step(p->e, &step, &ran, err)) != KW_OK) {
            p->broken = true;
            break;
        }
        if (!ran) {
            if (p->next < p->t->n) nap(due(p, p->next) - (kw_now_ns() - p->start));
            continue;
        }
        int64_t now = kw_now_ns() - p->start;
        take_tokens(p, &step, now);
        p->out->wall_ns = now;
        st = keep_step(p, &step, step.ended - step.wall_ns - p->start, err);
        if (p->t->progress) p->t->progress(p->t->progress_ctx, p->finished, p->t->n);
    }
    return st;
}

/* What is left when the time is over or memory ran out: nothing stays in the engine. */
static void cut_rest(struct replay *p)
{
    for (size_t i = 0; i < p->t->n; i++) {
        struct kw_served *r = &p->out->request[i];
        if (r->status != KW_SERVED_CUT) continue;
        if (i < p->next && !p->broken) kw_engine_cancel(p->e, i);
        p->out->cut++;
    }
    if (!p->broken) kw_engine_settle(p->e, NULL);
}

enum kw_status kw_serve_trace_run(struct kw_served_trace *out, struct kw_engine *e, const struct kw_serve_trace *t,
                                  struct kw_error *err)
{
    *out = (struct kw_served_trace){ .n = t->n, .speed = t->speed };
    struct replay p = { .out = out, .e = e, .t = t };
    enum kw_status st = check(t, e, err);
    if (st != KW_OK) return st;
    out->request = calloc(t->n + !t->n, sizeof *out->request);
    if (!out->request) return kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", t->n);
    st = kw_hist_init(&out->itl, err);
    for (size_t i = 0; i < t->n; i++)
        out->request[i] = (struct kw_served){ .arrival = due(&p, i),
                                              .added = INT64_MIN,
                                              .first = INT64_MIN,
                                              .last = INT64_MIN,
                                              .prompt = t->prompt[i],
                                              .output = t->output[i],
                                              .status = KW_SERVED_CUT };
    if (st == KW_OK) {
        p.start = kw_now_ns();
        st = loop(&p, err);
        cut_rest(&p);
        assert(st != KW_OK || out->done + out->refused + out->cut == t->n);
    }
    free(p.ids);
    if (st != KW_OK) kw_served_trace_free(out);
    return st;
}

void kw_served_trace_free(struct kw_served_trace *s)
{
    free(s->request);
    free(s->step);
    kw_hist_free(&s->itl);
    *s = (struct kw_served_trace){ 0 };
}

/* ---- what was measured */

int64_t kw_served_ttft(const struct kw_served *r)
{
    return r->first - r->arrival;
}
int64_t kw_served_e2e(const struct kw_served *r)
{
    return r->last - r->arrival;
}

double kw_served_tpot(const struct kw_served *r)
{
    return r->generated > 1 ? (double)(r->last - r->first) / (r->generated - 1) : 0;
}

/* v is sorted here; ns to s. */
static void quantiles(double out[4], double *v, size_t n)
{
    static const unsigned percent[] = { 50, 95, 99 };
    qsort(v, n, sizeof *v, kw_ascending);
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += v[i];
    for (int k = 0; k < 3; k++) out[k] = n ? v[(percent[k] * n + 99) / 100 - 1] * 1e-9 : NAN;
    out[3] = n ? sum / (double)n * 1e-9 : NAN;
}

static void step_totals(struct kw_served_summary *m, const struct kw_served_trace *s)
{
    double busy = 0, decode = 0, seqs = 0;
    uint64_t n = 0;
    for (size_t i = 0; i < s->n_steps; i++) {
        const struct kw_served_step *t = &s->step[i];
        busy += (double)t->wall_ns;
        m->preempted += t->n_preempted;
        if (t->n_chunks) continue;
        decode += (double)t->wall_ns;
        seqs += t->n_decode;
        n++;
    }
    m->busy = s->wall_ns ? busy / (double)s->wall_ns : 0;
    m->decode_mean = n ? seqs / (double)n : NAN;
    m->decode_step_s = n ? decode * 1e-9 / (double)n : NAN;
}

enum kw_status kw_served_summarise(struct kw_served_summary *m, const struct kw_served_trace *s, struct kw_error *err)
{
    double *v = malloc((3 * (size_t)s->done + 1) * sizeof *v), *tpot = v + s->done, *e2e = tpot + s->done;
    if (!v) return kw_fail(err, KW_ENOMEM, "out of memory for %u requests", s->done);
    *m = (struct kw_served_summary){ .duration_s = (double)s->wall_ns * 1e-9 };
    size_t n = 0, n_tpot = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct kw_served *r = &s->request[i];
        m->output_tokens += r->generated;
        if (r->first != INT64_MIN) m->prompt_tokens += r->prompt;
        if (r->status != KW_SERVED_DONE) continue;
        if (r->generated > 1) tpot[n_tpot++] = kw_served_tpot(r);
        e2e[n] = (double)kw_served_e2e(r);
        v[n++] = (double)kw_served_ttft(r);
    }
    quantiles(m->ttft_s, v, n);
    quantiles(m->tpot_s, tpot, n_tpot);
    quantiles(m->e2e_s, e2e, n);
    free(v);
    static const double at[] = { .5, .95, .99 };
    for (int k = 0; k < 3; k++) m->itl_s[k] = kw_hist_quantile(&s->itl, at[k]) * 1e-9;
    m->itl_s[3] = kw_hist_mean(&s->itl) * 1e-9;
    step_totals(m, s);
    if (m->duration_s > 0) {
        m->request_rate = (double)n / m->duration_s;
        m->output_rate = (double)m->output_tokens / m->duration_s;
        m->total_rate = (double)(m->output_tokens + m->prompt_tokens) / m->duration_s;
    }
    return KW_OK;
}

/* ---- JSON lines */

static void seconds(struct kw_text *out, const char *key, int64_t ns)
{
    char buf[40];
    kw_text_add(out, ",\"%s\":%s", key, kw_nano_format(buf, sizeof buf, ns));
}

void kw_served_requests_jsonl(struct kw_text *out, const struct kw_served_trace *s)
{
    char buf[40];
    for (size_t i = 0; i < s->n; i++) {
        const struct kw_served *r = &s->request[i];
        kw_text_add(out, "{\"arrival\":%s,\"prompt\":%u,\"output\":%u,\"generated\":%u,\"status\":\"%s\"",
                    kw_nano_format(buf, sizeof buf, r->arrival), r->prompt, r->output, r->generated,
                    kw_served_status_name[r->status]);
        if (r->first != INT64_MIN) {
            seconds(out, "ttft_s", kw_served_ttft(r));
            seconds(out, "e2e_s", kw_served_e2e(r));
            seconds(out, "itl_max_s", r->itl_max);
            kw_text_add(out, ",\"tpot_s\":%.9f", kw_served_tpot(r) * 1e-9);
        }
        kw_text_add(out, "}\n");
    }
}

void kw_served_steps_jsonl(struct kw_text *out, const struct kw_served_trace *s)
{
    char buf[40];
    for (size_t i = 0; i < s->n_steps; i++) {
        const struct kw_served_step *t = &s->step[i];
        kw_text_add(out, "{\"begin_s\":%s", kw_nano_format(buf, sizeof buf, t->begin));
        seconds(out, "wall_s", t->wall_ns);
        seconds(out, "device_s", t->device_ns);
        kw_text_add(out,
                    ",\"n_decode\":%u,\"decode_context\":%" PRIu64 ",\"n_chunks\":%u,\"prefill_tokens\":%u,"
                    "\"prefill_pairs2\":%" PRIu64
                    ",\"n_preempted\":%u,\"waiting\":%u,\"running\":%u,\"blocks_used\":%u}\n",
                    t->n_decode, t->decode_context, t->n_chunks, t->prefill_tokens, t->prefill_pairs2, t->n_preempted,
                    t->waiting, t->running, t->blocks_used);
    }
}
