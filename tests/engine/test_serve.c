/* The serving loop and what drives it: traces replayed, tickets, completions and their text, the metrics page, bench
 * rows. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "engine/bench.h"
#include "engine/serve/completion.h"
#include "engine/serve/serve.h"
#include "engine/serve/serve_trace.h"
#include "tests/check.h"
#include "workloads/trace.h"
#include "workloads/trace_load.h"

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
}

static enum kw_engine_async async; /* every test runs both ways */

static bool open_engine(struct kw_engine *e, uint32_t num_blocks, bool prefix_caching)
{
    struct kw_error err = { "" };
    struct kw_engine_options o = { .model = "tiny",
                                   .backend = "cpu",
                                   .precision = "fp32",
                                   .seed = 3,
                                   .threads = 1,
                                   .num_blocks = num_blocks,
                                   .max_model_len = 256,
                                   .max_num_seqs = 8,
                                   .max_num_batched_tokens = 64,
                                   .prefix_caching = prefix_caching,
                                   .async_scheduling = async };
    bool ok = kw_engine_open(e, &o, NULL, &err) == KW_OK;
    CHECK_STR(err.msg, "");
    return ok;
}

/* ---- replay */

enum { N = 20 };
struct small_trace {
    int64_t arrival[N];
    uint32_t prompt[N], output[N];
};

static struct kw_serve_trace make_trace(struct small_trace *t)
{
    for (uint32_t i = 0; i < N; i++) {
        t->arrival[i] = i / 3 * INT64_C(40000000);
        t->prompt[i] = 5 + i * 7 % 31;
        t->output[i] = 1 + i * 5 % 9;
    }
    return (struct kw_serve_trace){
        .n = N, .arrival = t->arrival, .prompt = t->prompt, .output = t->output, .speed = 20, .seed = 9
    };
}

static void check_times(const struct kw_served_trace *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct kw_served *r = &s->request[i];
        if (r->status != KW_SERVED_DONE) continue;
        CHECK(r->generated == r->output);
        CHECK(r->arrival <= r->added && r->added < r->first && r->first <= r->last && r->last <= s->wall_ns);
        CHECK((r->generated == 1) == (r->first == r->last));
    }
    for (size_t i = 0; i < s->n_steps; i++) {
        CHECK(s->step[i].wall_ns > 0 && s->step[i].begin >= 0);
        CHECK(i == 0 || s->step[i].begin >= s->step[i - 1].begin + s->step[i - 1].wall_ns);
    }
}

static void a_replay_accounts_for_every_token(void)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    struct small_trace t;
    struct kw_served_trace s;
    if (!open_engine(&e, 0, false)) return;
    struct kw_serve_trace r = make_trace(&t);
    CHECK(kw_serve_trace_run(&s, &e, &r, &err) == KW_OK);
    CHECK(s.n == N && s.done == N && s.refused == 0 && s.cut == 0);
    check_times(&s);
    uint64_t decodes = 0, prefill = 0, prompt = 0, output = 0;
    for (size_t i = 0; i < N; i++) prompt += t.prompt[i], output += t.output[i];
    for (size_t i = 0; i < s.n_steps; i++) decodes += s.step[i].n_decode, prefill += s.step[i].prefill_tokens;
    CHECK(prefill == prompt);     /* nothing was preempted */
    CHECK(decodes == output - N); /* the first token of each comes with its prompt */
    CHECK(s.itl.n == output - N);
    CHECK(s.step[s.n_steps - 1].running == 0 && s.step[s.n_steps - 1].blocks_used == 0);
    CHECK(s.request[N - 1].arrival == 240000000 / 20);
    struct kw_served_summary m;
    CHECK(kw_served_summarise(&m, &s, &err) == KW_OK);
    CHECK(m.output_tokens == output && m.prompt_tokens == prompt && m.busy > 0 && m.busy <= 1);
    CHECK(m.ttft_s[0] > 0 && m.ttft_s[0] <= m.ttft_s[1] && m.ttft_s[1] <= m.ttft_s[2] && m.ttft_s[3] <= m.ttft_s[2]);
    CHECK(m.e2e_s[2] * 1e9 <= (double)s.wall_ns);
    kw_served_trace_free(&s);
    kw_engine_close(&e);
}

static void a_small_cache_preempts_and_still_serves_all(void)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_served_trace s;
    int64_t arrival[4] = { 0 };
    uint32_t prompt[4] = { 30, 30, 30, 30 }, output[4] = { 40, 40, 40, 40 }, preempted = 0;
    if (!open_engine(&e, 12, false)) return;
    struct kw_serve_trace r = { .n = 4, .arrival = arrival, .prompt = prompt, .output = output, .speed = 1 };
    CHECK(kw_serve_trace_run(&s, &e, &r, &err) == KW_OK);
    CHECK(s.done == 4);
    for (size_t i = 0; i < s.n_steps; i++) preempted += s.step[i].n_preempted;
    CHECK(preempted > 0);
    check_times(&s);
    kw_served_trace_free(&s);
    kw_engine_close(&e);
}

static void equal_hashes_share_their_blocks(void)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_served_trace s;
    int64_t arrival[2] = { 0, 400000000 };
    uint32_t prompt[2] = { 70, 70 }, output[2] = { 2, 2 }, at[3] = { 0, 2, 4 }, prefill = 0;
    uint64_t hash[4] = { 77, 78, 77, 79 };
    if (!open_engine(&e, 64, true)) return;
    struct kw_serve_trace r = { .n = 2,
                                .arrival = arrival,
                                .prompt = prompt,
                                .output = output,
                                .speed = 1,
                                .hash_at = at,
                                .hash = hash,
                                .hash_block = 32 };
    CHECK(kw_serve_trace_run(&s, &e, &r, &err) == KW_OK);
    for (size_t i = 0; i < s.n_steps; i++) prefill += s.step[i].prefill_tokens;
    CHECK(s.done == 2 && prefill == 140 - 32); /* the first hash block, nothing more */
    kw_served_trace_free(&s);
    kw_engine_close(&e);
}

static void what_cannot_run_is_refused_and_what_lasts_too_long_is_cut(void)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_served_trace s;
    int64_t arrival[4] = { 0, 0, 0, INT64_C(3600000000000) };
    uint32_t prompt[4] = { 8, 5000, 200, 8 }, output[4] = { 3, 3, 200, 3 };
    if (!open_engine(&e, 0, false)) return;
    struct kw_serve_trace r = {
        .n = 4, .arrival = arrival, .prompt = prompt, .output = output, .speed = 1, .limit_ns = 300000000
    };
    CHECK(kw_serve_trace_run(&s, &e, &r, &err) == KW_OK);
    CHECK(s.done == 1 && s.refused == 2 && s.cut == 1);
    CHECK(s.request[1].status == KW_SERVED_REFUSED && s.request[2].status == KW_SERVED_REFUSED &&
          strstr(s.refusal.msg, "max_model_len"));
    CHECK(s.request[3].status == KW_SERVED_CUT && s.request[3].first == INT64_MIN);
    CHECK(kw_engine_active(&e) == 0);
    kw_served_trace_free(&s);
    volatile sig_atomic_t stop = 1;
    r.stop = &stop;
    CHECK(kw_serve_trace_run(&s, &e, &r, &err) == KW_OK && s.cut == 4 && s.n_steps == 0);
    kw_served_trace_free(&s);
    r.speed = 0;
    CHECK(kw_serve_trace_run(&s, &e, &r, &err) == KW_ERANGE && strstr(err.msg, "speed"));
    kw_engine_close(&e);
}

static void json_lines_are_a_trace_again(void)
{
    struct kw_served r[2] = {
        { .arrival = 0, .added = 1, .first = 5, .last = 9, .prompt = 3, .output = 2, .generated = 2 },
        { .arrival = 250000000, .first = INT64_MIN, .prompt = 4, .output = 5, .status = KW_SERVED_CUT }
    };
    struct kw_served_step step = { .begin = 7, .wall_ns = 1000000000, .n_decode = 3 };
    struct kw_served_trace s = { .n = 2, .request = r, .n_steps = 1, .step = &step };
    struct kw_text out = { 0 };
    struct kw_trace t;
    struct kw_error err = { "" };
    char path[] = "/tmp/keepwarm-serve-XXXXXX";
    int fd = mkstemp(path);
    kw_served_requests_jsonl(&out, &s);
    CHECK(fd >= 0 && write(fd, out.s, out.n) == (ssize_t)out.n);
    close(fd);
    CHECK(kw_trace_load(&t, path, "generic", "arrival=arrival,prompt=prompt,output=output", &err) == KW_OK);
    CHECK(t.n == 2 && t.arrival[1] == 250000000 && t.prompt[1] == 4 && t.output[0] == 2);
    kw_trace_free(&t);
    unlink(path);
    kw_text_free(&out);
    kw_served_steps_jsonl(&out, &s);
    CHECK(out.s && strstr(out.s, "{\"begin_s\":0.000000007,\"wall_s\":1,") == out.s && strstr(out.s, "\"n_decode\":3"));
    kw_text_free(&out);
}

/* ---- tickets */

static enum kw_serve_state wait_over(struct kw_serve *s, struct kw_ticket *t, uint32_t *ids, uint32_t cap, uint32_t *n)
{
    enum kw_serve_state state;
    int i = 0;
    while ((state = kw_serve_take(s, t, 0, ids, cap, n)) == KW_SERVE_ACTIVE && ++i < 60000) nap();
    return state;
}

static void wait_idle(struct kw_serve *s, struct kw_metrics *m)
{
    for (int i = 0; i < 60000; i++) {
        kw_serve_metrics(s, m);
        if (!m->running && !m->waiting && !m->blocks_used) return;
        nap();
    }
    CHECK(!"idle");
}

static void tokens_are_those_of_a_prompt_alone(void)
{
    enum { REQUESTS = 12 };
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_generated alone[REQUESTS];
    struct kw_engine_request r[REQUESTS];
    uint32_t prompt[REQUESTS][40], ids[64], n;
    struct kw_ticket *t[REQUESTS];
    struct kw_serve *s;
    struct kw_metrics m;
    if (!open_engine(&e, 0, false)) return;
    for (uint32_t i = 0; i < REQUESTS; i++) {
        for (uint32_t k = 0; k < 40; k++) prompt[i][k] = (i * 131 + k * 17) % e.config.vocab;
        r[i] = (struct kw_engine_request){
            .id = 1, .prompt = prompt[i], .n_prompt = 3 + 3 * i, .max_new = 4 + i, .ignore_eos = true
        };
        if (i % 3 == 0)
            r[i].sampling =
                (struct kw_sampling){ .temperature = 1, .seed = 5 + i }; /* the same draws, whatever the batch */
        CHECK(kw_engine_generate(&e, &r[i], &alone[i], &err) == KW_OK);
    }
    CHECK(kw_serve_start(&s, &e, &(struct kw_serve_options){ .max_queue = 64 }, &err) == KW_OK);
    for (uint32_t i = 0; i < REQUESTS; i++) CHECK(kw_serve_submit(s, &r[i], NULL, &t[i], &err) == KW_OK);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        CHECK(wait_over(s, t[i], ids, 64, &n) == KW_SERVE_LENGTH);
        CHECK(n == alone[i].n && !memcmp(ids, alone[i].ids, n * sizeof *ids));
        kw_serve_release(s, t[i]);
        kw_generated_free(&alone[i]);
    }
    wait_idle(s, &m);
    CHECK(m.received == REQUESTS && m.ended[KW_END_LENGTH] == REQUESTS && m.ttft.n == REQUESTS &&
          m.itl.n == m.generation_tokens - REQUESTS);
    kw_serve_stop(s);
    kw_engine_close(&e);
}

static void a_stop_token_ends_and_is_not_shown(void)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_generated g;
    uint32_t prompt[3] = { 1, 2, 3 }, ids[16], n;
    struct kw_serve *s;
    struct kw_ticket *t;
    if (!open_engine(&e, 0, false)) return;
    struct kw_engine_request r = { .prompt = prompt, .n_prompt = 3, .max_new = 8, .ignore_eos = true };
    CHECK(kw_engine_generate(&e, &r, &g, &err) == KW_OK && g.n == 8);
    uint32_t at = 1;
    while (at < 7 && g.ids[at] == g.ids[0]) at++;
    r.stop = &g.ids[at], r.n_stop = 1;
    CHECK(kw_serve_start(&s, &e, &(struct kw_serve_options){ 0 }, &err) == KW_OK);
    CHECK(kw_serve_submit(s, &r, NULL, &t, &err) == KW_OK);
    CHECK(wait_over(s, t, ids, 16, &n) == KW_SERVE_STOP && n == at && !memcmp(ids, g.ids, n * sizeof *ids));
    kw_serve_release(s, t);
    kw_serve_stop(s);
    kw_generated_free(&g);
    kw_engine_close(&e);
}

static void cancelled_requests_leave_nothing_behind(void)
{
    enum { REQUESTS = 24 };
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_ticket *t[REQUESTS], *more;
    struct kw_serve *s;
    struct kw_metrics m;
    uint32_t prompt[100] = { 0 }, ids[200], n;
    if (!open_engine(&e, 0, false)) return;
    CHECK(kw_serve_start(&s, &e, &(struct kw_serve_options){ .max_queue = REQUESTS - 8 }, &err) == KW_OK);
    struct kw_engine_request r = { .prompt = prompt, .n_prompt = 100, .max_new = 150, .ignore_eos = true };
    for (int i = 0; i < REQUESTS; i++) CHECK(kw_serve_submit(s, &r, NULL, &t[i], &err) == KW_OK);
    CHECK(kw_serve_submit(s, &r, NULL, &more, &err) == KW_EBUDGET && !more && strstr(err.msg, "24"));
    for (int i = 0; i < 20000 && (kw_serve_take(s, t[0], 0, ids, 200, &n), n < 3); i++) nap();
    for (int i = 0; i < REQUESTS; i += 2) kw_serve_cancel(s, t[i], false);          /* running ones and waiting ones */
    CHECK(kw_serve_take(s, t[0], 0, ids, 200, &n) == KW_SERVE_CANCELLED && n >= 3); /* what came stays */
    for (int i = 1; i < REQUESTS; i += 4) kw_serve_release(s, t[i]);                /* gone without a word */
    CHECK(kw_serve_tickets(s) == REQUESTS * 3 / 4);
    for (int i = 3; i < REQUESTS; i += 4) CHECK(wait_over(s, t[i], ids, 200, &n) == KW_SERVE_LENGTH && n == 150);
    wait_idle(s, &m);
    CHECK(m.received == REQUESTS && m.refused == 1 && m.ended[KW_END_ABORT] == REQUESTS * 3 / 4 &&
          m.ended[KW_END_LENGTH] == REQUESTS / 4);
    for (int i = 0; i < REQUESTS; i++)
        if (i % 4 != 1) kw_serve_release(s, t[i]);
    kw_serve_drain(s);
    CHECK(kw_serve_submit(s, &r, NULL, &more, &err) == KW_EFAIL && strstr(err.msg, "shutting down"));
    CHECK(kw_serve_tickets(s) == 0);
    kw_serve_stop(s);
    CHECK(kw_engine_active(&e) == 0 && kw_sched_check(e.sched, &err));
    kw_engine_close(&e);
}

static void a_stop_amid_work_gives_the_engine_back(void)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_ticket *t[4];
    struct kw_serve *s;
    uint32_t prompt[8] = { 0 };
    if (!open_engine(&e, 0, false)) return;
    CHECK(kw_serve_start(&s, &e, &(struct kw_serve_options){ .max_queue = 4 }, &err) == KW_OK);
    struct kw_engine_request r = { .prompt = prompt, .n_prompt = 8, .max_new = 200, .ignore_eos = true };
    for (int i = 0; i < 4; i++) CHECK(kw_serve_submit(s, &r, NULL, &t[i], &err) == KW_OK);
    for (int i = 0; i < 4; i++) kw_serve_release(s, t[i]);
    kw_serve_stop(s);
    CHECK(kw_engine_active(&e) == 0);
    struct kw_generated g;
    r.max_new = 2;
    CHECK(kw_engine_generate(&e, &r, &g, &err) == KW_OK && g.n == 2);
    kw_generated_free(&g);
    kw_engine_close(&e);
}

/* A backend that breaks at its third batch. */
static struct kw_backend_ops breaking;
static const struct kw_backend_ops *sound;
static int batches_left;

static enum kw_status submit_or_break(struct kw_backend *b, const struct kw_batch *batch, struct kw_result *out,
                                      struct kw_error *err)
{
    return --batches_left < 0 ? kw_fail(err, KW_EFAIL, "the device fell off the bus")
                              : sound->submit(b, batch, out, err);
}

static void a_broken_device_fails_every_request(void)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_ticket *t[12], *more;
    struct kw_serve *s;
    uint32_t prompt[8] = { 0 }, ids[16], n;
    if (!open_engine(&e, 0, false)) return;
    sound = e.ops, breaking = *e.ops, breaking.submit = submit_or_break, batches_left = 3;
    e.ops = &breaking;
    CHECK(kw_serve_start(&s, &e, &(struct kw_serve_options){ .max_queue = 16 }, &err) == KW_OK);
    struct kw_engine_request r = { .prompt = prompt, .n_prompt = 8, .max_new = 16, .ignore_eos = true };
    for (int i = 0; i < 12; i++) {
        enum kw_status st = kw_serve_submit(s, &r, NULL, &t[i], &err);
        CHECK(st == KW_OK || (st == KW_EFAIL && !t[i])); /* it may have broken by now */
    }
    for (int i = 0; i < 12; i++)
        if (t[i]) CHECK(wait_over(s, t[i], ids, 16, &n) == KW_SERVE_FAILED && n < 16);
    struct kw_error why = { "" };
    CHECK(kw_serve_failed(s, &why));
    CHECK_STR(why.msg, "the device fell off the bus");
    CHECK(kw_serve_submit(s, &r, NULL, &more, &err) == KW_EFAIL && strstr(err.msg, "fell off"));
    for (int i = 0; i < 12; i++) kw_serve_release(s, t[i]);
    kw_serve_stop(s);
    kw_engine_close(&e);
}

static int sleeping, woken;
static void rest(void *ctx, void *who)
{
    (void)ctx, (void)who, sleeping++;
}
static void rise(void *ctx, void *who)
{
    (void)ctx, (void)who, woken++;
}

static void sleep_and_wake_come_in_pairs(void)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_ticket *t;
    struct kw_serve *s;
    uint32_t prompt[60] = { 0 }, ids[64], n;
    if (!open_engine(&e, 0, false)) return;
    sleeping = woken = 0;
    CHECK(kw_serve_start(&s, &e, &(struct kw_serve_options){ .sleep = rest, .wake = rise }, &err) == KW_OK);
    struct kw_engine_request r = { .prompt = prompt, .n_prompt = 60, .max_new = 40, .ignore_eos = true };
    CHECK(kw_serve_submit(s, &r, NULL, &t, &err) == KW_OK);
    CHECK(kw_serve_sleep(s, t, 0, true));
    CHECK(wait_over(s, t, ids, 64, &n) == KW_SERVE_LENGTH);
    CHECK(sleeping == 1 && woken == 1); /* once, at the end */
    CHECK(!kw_serve_sleep(s, t, 0, false) && !kw_serve_sleep(s, t, 40, true) && sleeping == 1);
    kw_serve_release(s, t);
    CHECK(kw_serve_submit(s, &r, NULL, &t, &err) == KW_OK);
    CHECK(kw_serve_sleep(s, t, 0, false));
    kw_serve_cancel(s, t, false); /* wakes at once */
    CHECK(sleeping == 2 && woken == 2);
    kw_serve_release(s, t);
    kw_serve_stop(s);
    kw_engine_close(&e);
}

/* ---- completions */

static const struct kw_completion_limits limits = { .vocab = 100, .longest = 50, .tokenizer = NULL };

static enum kw_status parse(struct kw_completion *c, const char *body, const char **param, struct kw_error *err)
{
    err->msg[0] = 0;
    return kw_completion_parse(c, param, body, strlen(body), &limits, err);
}

static void a_completion_is_read(void)
{
    struct kw_completion c;
    struct kw_error err;
    const char *param;
    CHECK(parse(&c,
                "{\"model\": \"m\", \"prompt\": [1, 2, 99], \"max_tokens\": 47, \"temperature\": 0.5, \"top_p\": 0.9, "
                "\"top_k\": 7,"
                "\"seed\": -3, \"n\": 1, \"best_of\": null, \"stream\": true, \"stream_options\": {\"include_usage\": "
                "true},"
                "\"stop\": [\"a\", \"bc\"], \"stop_token_ids\": [5], \"ignore_eos\": true, \"return_token_ids\": true, "
                "\"echo\": false,"
                "\"logprobs\": null, \"suffix\": \"\", \"presence_penalty\": 0.0, \"frequency_penalty\": 0, "
                "\"repetition_penalty\": 1.0,"
                "\"logit_bias\": {}, \"min_tokens\": 0, \"min_p\": 0, \"skip_special_tokens\": true, \"user\": \"u\"}",
                &param, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    CHECK_STR(c.model, "m");
    CHECK(c.n_prompt == 3 && c.prompt[2] == 99 && c.max_tokens == 47 && c.stream && c.include_usage && c.ignore_eos &&
          c.token_ids);
    CHECK(c.n_stop == 2 && !strcmp(c.stop[1], "bc") && c.n_stop_ids == 1 && c.stop_ids[0] == 5);
    CHECK(c.sampling.temperature == 0.5f && c.sampling.top_p == 0.9f && c.sampling.top_k == 7 && c.seeded &&
          c.sampling.seed == (uint64_t)-3);
    kw_completion_free(&c);
    /* What vllm bench serve, genai-perf and guidellm send. */
    CHECK(parse(&c,
                "{\"model\": \"m\", \"prompt\": [1], \"repetition_penalty\": 1.0, \"max_tokens\": 9, \"logprobs\": "
                "null, \"stream\": true,"
                "\"stream_options\": {\"include_usage\": true, \"continuous_usage_stats\": true}, \"ignore_eos\": "
                "true, \"min_tokens\": 9,"
                "\"request_id\": \"bench-0.a_B\", \"add_special_tokens\": false, \"use_beam_search\": false, \"stop\": "
                "null, \"top_k\": -1}",
                &param, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    CHECK(c.max_tokens == 9 && c.usage_each && c.include_usage && c.ignore_eos && !c.n_stop);
    CHECK_STR(c.request_id, "bench-0.a_B");
    kw_completion_free(&c);
    CHECK(parse(&c, "{\"prompt\": [[4, 5]]}", &param, &err) == KW_OK);
    CHECK(c.n_prompt == 2 && c.max_tokens == 16 && c.sampling.temperature == 1 && !c.seeded && !c.stream &&
          !c.model[0]);
    kw_completion_free(&c);
}

static void what_is_wrong_with_a_completion_is_named(void)
{
    static const struct {
        const char *body, *param, *says;
    } bad[] = {
        { "", NULL, "" },
        { "[1]", NULL, "want an object" },
        { "{}", "prompt", "want a text or a list" },
        { "{\"prompt\": []}", "prompt", "at least one token" },
        { "{\"prompt\": \"hi\"}", "prompt", "no tokenizer" },
        { "{\"prompt\": [100]}", "prompt", "99" },
        { "{\"prompt\": [1.5]}", "prompt", "" },
        { "{\"prompt\": [-1]}", "prompt", "" },
        { "{\"prompt\": [[1], [2]]}", "prompt", "one prompt" },
        { "{\"prompt\": [[[1]]]}", "prompt", "" },
        { "{\"prompt\": [1], \"max_tokens\": 0}", "max_tokens", "" },
        { "{\"prompt\": [1], \"max_tokens\": 50}", "max_tokens", "50" },
        { "{\"prompt\": [1], \"temperature\": 3}", "temperature", "" },
        { "{\"prompt\": [1], \"temperature\": -0.1}", "temperature", "" },
        { "{\"prompt\": [1], \"top_p\": 0}", "top_p", "" },
        { "{\"prompt\": [1], \"top_k\": -2}", "top_k", "" },
        { "{\"prompt\": [1], \"stream\": 1}", "stream", "" },
        { "{\"prompt\": [1], \"stream_options\": {}}", "stream_options", "streams only" },
        { "{\"prompt\": [1], \"stream\": true, \"stream_options\": {\"x\": 1}}", "stream_options", "" },
        { "{\"prompt\": [1], \"stop\": \"\"}", "stop", "nothing" },
        { "{\"prompt\": [1], \"stop\": [\"a\", \"b\", \"c\", \"d\", \"e\"]}", "stop", "at most 4" },
        { "{\"prompt\": [1], \"stop\": [\"a\", 2]}", "stop", "" },
        { "{\"prompt\": [1], \"stop_token_ids\": 3}", "stop_token_ids", "" },
        { "{\"prompt\": [1], \"n\": 2}", "n", "only 1" },
        { "{\"prompt\": [1], \"presence_penalty\": 0.5}", "presence_penalty", "only 0" },
        { "{\"prompt\": [1], \"logprobs\": 5}", "logprobs", "not implemented" },
        { "{\"prompt\": [1], \"logit_bias\": {\"5\": 1}}", "logit_bias", "not implemented" },
        { "{\"prompt\": [1], \"echo\": true}", "echo", "not implemented" },
        { "{\"prompt\": [1], \"suffix\": \"x\"}", "suffix", "not implemented" },
        { "{\"prompt\": [1], \"skip_special_tokens\": false}", "skip_special_tokens", "not implemented" },
        { "{\"prompt\": [1], \"min_tokens\": 3}", "min_tokens", "ignore_eos" },
        { "{\"prompt\": [1], \"min_tokens\": 30, \"ignore_eos\": true}", "min_tokens", "more than max_tokens" },
        { "{\"prompt\": [1], \"min_tokens\": 3, \"ignore_eos\": true, \"stop\": \"a\"}", "min_tokens",
          "without stops" },
        { "{\"prompt\": [1], \"request_id\": \"a\\\"b\"}", "request_id", "letters" },
        { "{\"prompt\": [1], \"use_beam_search\": true}", "use_beam_search", "not implemented" },
        { "{\"prompt\": [1], \"promt\": [1]}", NULL, "prompt" },
        { "{\"prompt\": [1], \"prompt\": [2]}", NULL, "" },
        { "{\"prompt\": [1], \"seed\": 1e300}", "seed", "" },
    };
    struct kw_completion c;
    struct kw_error err;
    const char *param;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum kw_status st = parse(&c, bad[i].body, &param, &err);
        bool ok = (st == KW_EPARSE || st == KW_ERANGE) && err.msg[0] && strstr(err.msg, bad[i].says) &&
                  strncmp(err.msg, "request:", 8) && !c.prompt &&
                  (param == NULL ? bad[i].param == NULL : bad[i].param && !strcmp(param, bad[i].param));
        if (!ok) fprintf(stderr, "%s: %d, %s, %s\n", bad[i].body, (int)st, param ? param : "-", err.msg);
        CHECK(ok);
    }
}

/* The text as a stream would send it, piece by piece, with '|' between. */
static const char *streamed(const char *stop, const uint32_t *ids, size_t n, const struct kw_tokenizer *t, char *buf)
{
    struct kw_completion c = { 0 };
    struct kw_answer a = { 0 };
    size_t at = 0, len;
    if (stop) c.stop[0] = (char *)(uintptr_t)stop, c.stop_len[0] = strlen(stop), c.n_stop = 1;
    for (size_t i = 0; i < n; i++) {
        CHECK(kw_answer_add(&a, &c, t, ids[i]) == KW_OK);
        const char *s = kw_answer_next(&a, &c, i + 1 == n, &len);
        memcpy(buf + at, s, len);
        at += len;
        buf[at++] = '|';
    }
    buf[at] = 0;
    kw_answer_free(&a);
    return buf;
}

static void what_may_begin_a_stop_text_is_held_back(void)
{
    char buf[200];
    uint32_t ids[] = { 12, 34, 56, 78 };
    CHECK_STR(streamed(NULL, ids, 4, NULL, buf), " 12| 34| 56| 78|");
    CHECK_STR(streamed("4 5", ids, 4, NULL, buf), " 12| 3|||"); /* found over two tokens; nothing of it was sent */
    CHECK_STR(streamed("4 9", ids, 4, NULL, buf), " 12| 3|4 56| 78|"); /* held back, then not it */
    CHECK_STR(streamed("8x", ids, 4, NULL, buf), " 12| 34| 56| 78|");  /* over: what was held back comes out */
    CHECK_STR(streamed(" 12", ids, 4, NULL, buf), "||||");
}

static void split_characters_wait_for_their_rest(void)
{
    static const char file[] = /* byte-level BPE over single bytes: 0xc3 0xa9 is e with an accent */
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"\\u00c3\": 1, \"\\u00a9\": 2}, \"merges\": []},"
        " \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, "
        "\"use_regex\": true},"
        " \"decoder\": {\"type\": \"ByteLevel\"}, \"added_tokens\": []}";
    struct kw_tokenizer *t;
    struct kw_error err = { "" };
    char buf[64];
    if (kw_tokenizer_parse(&t, "t", file, strlen(file), &err) != KW_OK) {
        CHECK_STR(err.msg, "");
        return;
    }
    CHECK_STR(streamed(NULL, (uint32_t[]){ 0, 1, 2, 0 }, 4, t, buf), "a||\xc3\xa9|a|");
    CHECK_STR(streamed(NULL, (uint32_t[]){ 0, 1 }, 2, t, buf),
              "a|\xc3|"); /* over: bytes as they are; JSON makes U+FFFD of them */
    kw_tokenizer_free(t);
    struct kw_text out = { 0 };
    kw_completion_quote(&out, "a\"\\\n\x01\xc3\xa9\xc3\xed\xa0\x80\xf4\x90\x80\x80", 15);
    CHECK_STR(out.s, "\"a\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf"
                     "\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    kw_text_free(&out);
}

/* ---- metrics and bench */

static void buckets_add_up(void)
{
    struct kw_metrics m = { .num_blocks = 8, .blocks_used = 2 };
    struct kw_text out = { 0 };
    kw_metrics_observe(&m.ttft, 1000000); /* 1 ms: le="0.001", bounds are inclusive */
    kw_metrics_observe(&m.ttft, 1000001);
    kw_metrics_observe(&m.ttft, INT64_C(100000000000));
    kw_metrics_observe(&m.ttft, -5);
    kw_metrics_print(&out, &m);
    CHECK(strstr(out.s, "\nkeepwarm_time_to_first_token_seconds_bucket{le=\"0.0005\"} 1\n"));
    CHECK(strstr(out.s, "\nkeepwarm_time_to_first_token_seconds_bucket{le=\"0.001\"} 2\n"));
    CHECK(strstr(out.s, "\nkeepwarm_time_to_first_token_seconds_bucket{le=\"0.002\"} 3\n"));
    CHECK(strstr(out.s, "\nkeepwarm_time_to_first_token_seconds_bucket{le=\"60\"} 3\n"));
    CHECK(strstr(out.s, "\nkeepwarm_time_to_first_token_seconds_bucket{le=\"+Inf\"} 4\n"));
    CHECK(strstr(out.s, "\nkeepwarm_time_to_first_token_seconds_sum 100.002000001\n"));
    CHECK(strstr(out.s, "\nkeepwarm_kv_cache_usage_ratio 0.25\n"));
    kw_text_free(&out);
}

static void bench_rows_say_what_a_step_needs(void)
{
    struct kw_engine e;
    struct kw_error err = { "" };
    struct kw_bench_row *row;
    size_t n;
    if (!open_engine(&e, 40, false)) return;
    const uint32_t prompts[] = { 100, 300 }, batches[] = { 1, 8, 9 }, contexts[] = { 0, 100 };
    struct kw_bench_options o = { .prompts = prompts,
                                  .n_prompts = 2,
                                  .batches = batches,
                                  .n_batches = 3,
                                  .contexts = contexts,
                                  .n_contexts = 2,
                                  .steps = 10,
                                  .seed = 1 };
    CHECK(kw_bench_run(&row, &n, &e, &o, &err) == KW_OK && n == 8);
    const struct kw_model_config *c = &e.config;
    double weights = (double)kw_weights_step_bytes(&e.layout), kv = 4.0 * (double)kw_config_kv_values(c),
           embed = 4.0 * c->hidden;
    CHECK(!row[0].decode && row[0].tokens == 100 && row[0].steps == 5 && row[0].step_s > 0 &&
          row[0].low_s <= row[0].step_s);
    CHECK_NEAR(row[0].bytes, 2 * weights + 100 * (embed + kv) + 64 * kv, 1); /* 64 tokens a step: the weights twice */
    CHECK_NEAR(row[0].flops, kw_config_flops(c, 100, 1, 5050), 1);
    CHECK_NEAR(row[0].token_rate * row[0].step_s, 100, 1e-6);
    CHECK(strstr(row[1].skipped, "max_model_len"));
    CHECK(row[2].decode && row[2].batch == 1 && row[2].context == 0 && row[2].steps == 10);
    CHECK_NEAR(row[2].bytes, weights + embed + kv * (3 + 5.5 + 1), 1);
    CHECK_NEAR(row[3].flops, kw_config_flops(c, 8, 8, 8 * 8.5), 1);
    CHECK(strstr(row[4].skipped, "max_num_seqs"));
    CHECK(!row[5].skipped[0] && row[5].context == 100);
    CHECK(strstr(row[6].skipped, "KV blocks"));
    free(row);
    kw_engine_close(&e);
}

int main(void)
{
    static const enum kw_engine_async both[] = { KW_ASYNC_OFF, KW_ASYNC_ON };
    for (int k = 0; k < 2; k++) {
        async = both[k];
        RUN(a_replay_accounts_for_every_token);
        RUN(a_small_cache_preempts_and_still_serves_all);
        RUN(equal_hashes_share_their_blocks);
        RUN(what_cannot_run_is_refused_and_what_lasts_too_long_is_cut);
        RUN(tokens_are_those_of_a_prompt_alone);
        RUN(a_stop_token_ends_and_is_not_shown);
        RUN(cancelled_requests_leave_nothing_behind);
        RUN(a_stop_amid_work_gives_the_engine_back);
        RUN(a_broken_device_fails_every_request);
        RUN(sleep_and_wake_come_in_pairs);
    }
    RUN(json_lines_are_a_trace_again);
    RUN(a_completion_is_read);
    RUN(what_is_wrong_with_a_completion_is_named);
    RUN(what_may_begin_a_stop_text_is_held_back);
    RUN(split_characters_wait_for_their_rest);
    RUN(buckets_add_up);
    RUN(bench_rows_say_what_a_step_needs);
    return check_report();
}
