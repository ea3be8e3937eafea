#include "calibrate/observe/observe.h"
#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "calibrate/observe/stream.h"
#include "sim/core/files/json.h"
#include "sim/core/rng.h"
#include "sim/core/text.h"

enum {
    MOST_PAGE = 4 << 20,
    CONNECT_S = 10,
    SMALLEST_ID = 32,
    IDS = 192
}; /* ids that any vocabulary has, none special */

struct call {                  /* one request under way */
    CURL *easy;                /* NULL: none */
    struct kw_text body, page; /* sent; received, where it is no stream of events */
    struct kw_stream stream;
    struct kw_request_times t;
    struct kw_error why;
    bool failed;
};

struct load {
    const struct kw_observe_options *o;
    struct kw_observed *out;
    char base[512], auth[512];
    struct curl_slist *headers;
    CURLM *multi;
    struct call *call;
    uint32_t n_calls, sent;
    struct kw_rng rng;
    double begin_s;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void kw_observed_free(struct kw_observed *o)
{
    free(o->r);
    *o = (struct kw_observed){ .r = NULL };
}

void kw_observe_bound(const struct kw_observe_options *o, double *prompt, double *output)
{
    uint32_t longest = 0;
    for (uint32_t i = 0; i < o->n_prompts; i++) longest = o->prompt[i] > longest ? o->prompt[i] : longest;
    *prompt = (double)o->requests * longest;
    *output = (double)o->requests * o->max_tokens;
}

/* ---- one call ---- */

static size_t on_bytes(char *bytes, size_t one, size_t n, void *arg)
{
    struct call *c = arg;
    char *type = NULL;
    long code = 0;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_getinfo(c->easy, CURLINFO_CONTENT_TYPE, &type);
    if (code == 200 && type && !strncmp(type, "text/event-stream", 17)) {
        if (kw_stream_feed(&c->stream, bytes, n * one, now_s(), &c->why) == KW_OK) return n * one;
        c->failed = true;
        return 0; /* ends the transfer */
    }
    if (c->page.n + n * one > MOST_PAGE) return 0;
    kw_text_add(&c->page, "%.*s", (int)(n * one), bytes);
    return n * one;
}

static void end_call(struct load *l, struct call *c)
{
    if (c->easy && l->multi) curl_multi_remove_handle(l->multi, c->easy);
    if (c->easy) curl_easy_cleanup(c->easy);
    kw_text_free(&c->body);
    kw_text_free(&c->page);
    kw_stream_free(&c->stream);
    *c = (struct call){ .easy = NULL };
}

static enum kw_status begin_call(struct load *l, struct call *c, const char *path, struct kw_error *err)
{
    char url[600];
    snprintf(url, sizeof url, "%s%s", l->base, path);
    c->easy = curl_easy_init();
    if (!c->easy) return kw_fail(err, KW_ENOMEM, "out of memory");
    curl_easy_setopt(c->easy, CURLOPT_URL, url);
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, l->headers);
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
    curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    return KW_OK;
}

/* What a server's own words are in {"error": {"message": ...}}, or the page's begin. */
static void words_of(const char *page, char to[200])
{
    struct kw_json doc;
    const char *words = NULL;
    snprintf(to, 200, "%.*s", (int)strcspn(page ? page : "", "\r\n"), page ? page : "");
    if (!page || kw_json_parse(&doc, "answer", page, strlen(page), NULL) != KW_OK) return;
    struct kw_jnode e = kw_json_get(kw_json_root(&doc), "error");
    if (kw_json_str(kw_json_get(e, "message"), &words, NULL) == KW_OK) snprintf(to, 200, "%s", words);
    kw_json_free(&doc);
}

/* Why a finished call is no answer; KW_OK where it is one. streamed: it had to come as events. */
static enum kw_status verdict(const struct load *l, const struct call *c, CURLcode code, bool streamed,
                              struct kw_error *err)
{
    long http = 0;
    char words[200];
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &http);
    if (c->failed) return kw_fail(err, KW_EPARSE, "%.200s: %.300s", l->base, c->why.msg);
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return kw_fail(err, KW_EUSAGE, "--url: want http://HOST:PORT, got '%.200s'", l->o->url);
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_OPERATION_TIMEDOUT)
        return kw_fail(err, KW_EFAIL, "%.200s: no server answers: %s", l->base, curl_easy_strerror(code));
    if (code != CURLE_OK)
        return kw_fail(err, KW_EFAIL, "%.200s: the server broke off: %s", l->base, curl_easy_strerror(code));
    words_of(c->page.s, words);
    if (http == 401 || http == 403)
        return kw_fail(err, KW_EFAIL, "%.200s: the server wants a key (%ld): set KEEPWARM_API_KEY; it says: %s",
                       l->base, http, words);
    if (http == 429 || http == 503)
        return kw_fail(err, KW_EFAIL,
                       "%.200s: the server turned a request away (%ld) beside %u others: ask for less --concurrency; "
                       "it says: %s",
                       l->base, http, l->n_calls - 1, words);
    if (http != 200) return kw_fail(err, KW_EFAIL, "%.200s: the server answered %ld: %s", l->base, http, words);
    if (streamed && c->page.n)
        return kw_fail(err, KW_EPARSE, "%.200s: the answer was not streamed: %.80s", l->base, words);
    if (streamed && !c->stream.done)
        return kw_fail(err, KW_EFAIL, "%.200s: an answer ended before its end was told", l->base);
    if (streamed && !c->stream.events) return kw_fail(err, KW_EPARSE, "%.200s: an answer had no tokens", l->base);
    return KW_OK;
}

/* GET, to its end; the page is *c's. */
static enum kw_status get(struct load *l, struct call *c, const char *path, long *http, struct kw_error *err)
{
    enum kw_status st = begin_call(l, c, path, err);
    if (st != KW_OK) return st;
    curl_easy_setopt(c->easy, CURLOPT_TIMEOUT, (long)CONNECT_S);
    CURLcode code = curl_easy_perform(c->easy);
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, http);
    return code == CURLE_OK && *http == 404 ? KW_OK : verdict(l, c, code, false, err);
}

/* ---- what the server says of itself ---- */

/* Sum over the page's samples of a name: "vllm:num_requests_running{model=\"m\"} 3". NAN: none. */
static double sample(const char *page, const char *name)
{
    double sum = NAN;
    const size_t n = strlen(name);
    for (const char *p = page; p && *p; p = strchr(p, '\n'), p += p != NULL) {
        if (strncmp(p, name, n) || (p[n] != '{' && p[n] != ' ')) continue;
        const char *value = p + n, *end = p + strcspn(p, "\n");
        if (*value == '{')
            while (value < end && *value != '}') value++;
        if (value == end) continue;
        char *stop;
        double v = strtod(*value == '}' ? value + 1 : value, &stop);
        if (stop <= end && isfinite(v)) sum = (isnan(sum) ? 0 : sum) + v;
    }
    return sum;
}

static double first_of(const char *page, const char *const *names)
{
    double v = NAN;
    for (; *names && isnan(v); names++) v = sample(page, *names);
    return v;
}

/* A label's whole number: num_gpu_blocks="2588". */
static uint32_t label(const char *page, const char *metric, const char *name)
{
    const char *at = strstr(page, metric);
    while (at && at[strlen(metric)] != '{') at = strstr(at + 1, metric);
    if (!at) return 0;
    const char *end = at + strcspn(at, "\n"), *p = strstr(at, name);
    unsigned long v = p && p < end && p[strlen(name)] == '=' ? strtoul(p + strlen(name) + 2, NULL, 10) : 0;
    return v <= 1u << 30 ? (uint32_t)v : 0;
}

/* A page of vLLM's, of ours, or none. before: nothing of ours runs yet. */
static enum kw_status look(struct load *l, bool before, struct kw_error *err)
{
    static const char *const running[] = { "vllm:num_requests_running", "keepwarm_requests_running",
                                           "sglang:num_running_reqs", NULL },
                             *const waiting[] = { "vllm:num_requests_waiting", "keepwarm_requests_waiting",
                                                  "sglang:num_queue_reqs", NULL },
                             *const kv[] = { "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc",
                                             "keepwarm_kv_cache_usage_ratio", "sglang:token_usage", NULL };
    struct call c = { .easy = NULL };
    struct kw_error why;
    long http = 0;
    struct kw_observed *out = l->out;
    enum kw_status st = get(l, &c, "/metrics", &http, &why);
    const char *page = st == KW_OK && http == 200 && c.page.s ? c.page.s : "";
    const double runs = first_of(page, running), waits = first_of(page, waiting), used = first_of(page, kv);
    if (before && isfinite(runs)) {
        out->metrics = true;
        out->others = runs + (isfinite(waits) ? waits : 0);
    }
    if (isfinite(waits)) out->waiting_most = fmax(out->waiting_most, waits);
    if (isfinite(used)) out->kv_most = fmax(out->kv_most, used);
    if (before) {
        out->num_blocks = label(page, "vllm:cache_config_info", "num_gpu_blocks");
        out->block_size = label(page, "vllm:cache_config_info", "block_size");
    }
    end_call(l, &c);
    return st == KW_ENOMEM ? kw_fail(err, st, "%s", why.msg) : KW_OK; /* a server without such a page is one, too */
}

static enum kw_status served_model(struct load *l, struct kw_error *err)
{
    struct call c = { .easy = NULL };
    struct kw_json doc;
    long http = 0;
    const char *id = NULL;
    if (l->o->model) {
        snprintf(l->out->model, sizeof l->out->model, "%.127s", l->o->model);
        return KW_OK;
    }
    enum kw_status st = get(l, &c, "/v1/models", &http, err);
    if (st == KW_OK && kw_json_parse(&doc, "models", c.page.s ? c.page.s : "", c.page.n, NULL) == KW_OK) {
        struct kw_jnode data = kw_json_get(kw_json_root(&doc), "data");
        if (kw_json_is_array(data) && kw_json_len(data) &&
            kw_json_str(kw_json_get(kw_json_at(data, 0), "id"), &id, NULL) == KW_OK)
            snprintf(l->out->model, sizeof l->out->model, "%.127s", id);
        kw_json_free(&doc);
    }
    if (st == KW_OK && !*l->out->model)
        st = kw_fail(err, KW_EFAIL, "%.200s: /v1/models names no model: say with --name what it is served under",
                     l->base);
    end_call(l, &c);
    return st;
}

/* ---- the load ---- */

static enum kw_status ask(struct load *l, struct call *c, struct kw_error *err)
{
    const struct kw_observe_options *o = l->o;
    const uint32_t prompt = o->prompt[kw_rng_u64(&l->rng) % o->n_prompts], least = (o->max_tokens + 3) / 4,
                   output = least + (uint32_t)(kw_rng_u64(&l->rng) % (o->max_tokens - least + 1));
    enum kw_status st = begin_call(l, c, "/v1/completions", err);
    if (st != KW_OK) return st;
    kw_text_add(&c->body, "{\"model\":");
    kw_text_quote(&c->body, l->out->model);
    kw_text_add(&c->body,
                ",\"max_tokens\":%u,\"temperature\":0,\"ignore_eos\":true,\"stream\":true,"
                "\"stream_options\":{\"include_usage\":true},\"prompt\":[",
                output);
    for (uint32_t i = 0; i < prompt; i++)
        kw_text_add(&c->body, "%s%u", i ? "," : "", SMALLEST_ID + (unsigned)(kw_rng_u64(&l->rng) % IDS));
    kw_text_add(&c->body, "]}");
    if (c->body.failed) return kw_fail(err, KW_ENOMEM, "out of memory");
    c->t = (struct kw_request_times){ .prompt = prompt, .output = output };
    curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->body.s);
    curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE, (long)c->body.n);
    c->t.arrival_s = now_s();
    if (curl_multi_add_handle(l->multi, c->easy) != CURLM_OK)
        return kw_fail(err, KW_EFAIL, "libcurl takes no more requests");
    l->n_calls++;
    l->sent++;
    return KW_OK;
}

static void keep(struct load *l, const struct call *c)
{
    struct kw_request_times *t = &l->out->r[l->out->n++];
    *t = c->t;
    t->first_s = c->stream.first_s;
    t->end_s = c->stream.end_s;
    if (c->stream.prompt_tokens > 0) t->prompt = (uint32_t)c->stream.prompt_tokens;
    t->output = c->stream.completion_tokens > 0 ? (uint32_t)c->stream.completion_tokens : c->stream.events;
}

/* Those that are over: kept, or the first that failed ends it all. */
static enum kw_status reap(struct load *l, struct kw_error *err)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(l->multi, &left));) {
        struct call *c;
        if (m->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        enum kw_status st = verdict(l, c, m->data.result, true, err);
        if (st != KW_OK) {
            struct kw_error why = *err;
            return l->out->n ? kw_fail(err, st, "%.600s; after %zu answers, nothing is kept", why.msg, l->out->n) : st;
        }
        keep(l, c);
        end_call(l, c);
        l->n_calls--;
        if (l->o->progress) l->o->progress(l->o->ctx, l->out->n, l->o->requests);
    }
    return KW_OK;
}

/* `most` requests, so many at once; then until the last of them is answered. */
static enum kw_status rung(struct load *l, uint32_t concurrency, uint32_t most, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    const uint32_t until = l->sent + most;
    while (st == KW_OK && (l->n_calls || l->sent < until)) {
        int running;
        if (*l->o->stop) return kw_fail(err, KW_EFAIL, "stopped after %zu answers; nothing is kept", l->out->n);
        if (now_s() - l->begin_s > l->o->budget_s) break;
        for (uint32_t i = 0; st == KW_OK && i < concurrency && l->sent < until; i++)
            if (!l->call[i].easy) st = ask(l, &l->call[i], err);
        if (st != KW_OK) break;
        if (curl_multi_perform(l->multi, &running) != CURLM_OK) return kw_fail(err, KW_EFAIL, "libcurl failed");
        if ((st = reap(l, err)) == KW_OK && l->n_calls) curl_multi_poll(l->multi, NULL, 0, 50, NULL);
    }
    return st;
}

/* Each rung's share of the requests: in proportion to how many run at once, and four more. */
static enum kw_status ladder(struct load *l, struct kw_error *err)
{
    const struct kw_observe_options *o = l->o;
    double weight = 0, share = 0;
    enum kw_status st = KW_OK;
    for (uint32_t i = 0; i < o->n_concurrency; i++) weight += o->concurrency[i] + 4.0;
    l->begin_s = now_s();
    for (uint32_t i = 0; st == KW_OK && i < o->n_concurrency && now_s() - l->begin_s <= o->budget_s; i++) {
        share += o->concurrency[i] + 4.0;
        st = rung(l, o->concurrency[i], (uint32_t)(o->requests * share / weight) - l->sent, err);
        if (st == KW_OK) st = look(l, false, err);
    }
    l->out->given_up = l->n_calls;
    l->out->s = now_s() - l->begin_s;
    return st;
}

static enum kw_status begin(struct load *l, struct kw_error *err)
{
    const struct kw_observe_options *o = l->o;
    uint32_t most = 0;
    size_t n = strlen(o->url);
    while (n && o->url[n - 1] == '/') n--;
    if (n > 3 && !memcmp(o->url + n - 3, "/v1", 3)) n -= 3;
    if (n >= sizeof l->base || (strncmp(o->url, "http://", 7) && strncmp(o->url, "https://", 8)))
        return kw_fail(err, KW_EUSAGE, "--url: want http://HOST:PORT, got '%.200s'", o->url);
    snprintf(l->base, sizeof l->base, "%.*s", (int)n, o->url);
    for (uint32_t i = 0; i < o->n_concurrency; i++) most = o->concurrency[i] > most ? o->concurrency[i] : most;
    l->call = calloc(most + 1, sizeof *l->call);
    l->out->r = malloc((o->requests + 1) * sizeof *l->out->r);
    l->headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (l->headers && o->key) {
        snprintf(l->auth, sizeof l->auth, "Authorization: Bearer %.400s", o->key);
        if (!curl_slist_append(l->headers, l->auth)) return kw_fail(err, KW_ENOMEM, "out of memory");
    }
    l->multi = curl_multi_init();
    if (!l->call || !l->out->r || !l->headers || !l->multi) return kw_fail(err, KW_ENOMEM, "out of memory");
    curl_multi_setopt(l->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)most);
    curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)most);
    return kw_rng_init(&l->rng, o->seed, 0, KW_RNG_LENGTHS, err);
}

enum kw_status kw_observe(struct kw_observed *out, const struct kw_observe_options *o, struct kw_error *err)
{
    struct load l = { .o = o, .out = out };
    *out = (struct kw_observed){ .r = NULL };
    if (curl_global_init(CURL_GLOBAL_DEFAULT)) return kw_fail(err, KW_EFAIL, "libcurl cannot be started");
    enum kw_status st = begin(&l, err);
    if (st == KW_OK) st = served_model(&l, err);
    if (st == KW_OK) st = look(&l, true, err);
    if (st == KW_OK) st = ladder(&l, err);
    for (struct call *c = l.call; c && o->n_concurrency; c++) { /* given up, or beside one that failed */
        uint32_t most = 0;
        for (uint32_t i = 0; i < o->n_concurrency; i++) most = o->concurrency[i] > most ? o->concurrency[i] : most;
        if (c >= l.call + most) break;
        end_call(&l, c);
    }
    if (l.multi) curl_multi_cleanup(l.multi);
    curl_slist_free_all(l.headers);
    kw_rng_free(&l.rng);
    free(l.call);
    curl_global_cleanup();
    if (st != KW_OK) kw_observed_free(out);
    return st;
}
