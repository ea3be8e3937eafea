#include "engine/serve/http.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "engine/serve/completion.h"
#include "sim/core/rng.h"

enum {
    POOL = 2,       /* network threads: one may parse a large prompt while the other streams */
    TAKE = 64,      /* tokens taken at a time */
    WATCH_MS = 100, /* how often connections are looked after */
    DISCARD = 4,    /* a body too large is read up to so many times the limit, so that the client reads the answer */
    HEADER_BYTES = 32768,
    SEND_BYTES = 131072, /* the kernel doubles it; 5 MB/s where a packet takes 50 ms: far more than tokens need */
};

static const unsigned codes[] = { 200, 400, 404, 405, 413, 415, 429, 500, 503 };
#define N_CODES (sizeof codes / sizeof *codes)

struct connection { /* from accept to close */
    int fd;
    int64_t since;            /* of the connection or of the last answer's end: what the time to send counts from */
    bool busy;                /* a request was received whole and is being answered */
    struct kw_ticket *ticket; /* of the request being answered, or NULL */
    struct connection *prev, *next;
};

struct kw_http {
    struct kw_engine *e;
    struct kw_serve *serve;
    struct MHD_Daemon *daemon;
    struct kw_completion_limits limits;
    char model[256];
    size_t max_body;
    int64_t timeout_ns;
    uint64_t birth; /* makes ids and seeds of this process its own */
    atomic_uint_fast64_t serial, responses[N_CODES], disconnects;
    pthread_t watcher;
    pthread_mutex_t lock; /* the list, and tickets in it; taken before the serving loop's */
    pthread_cond_t ended; /* stop the watcher */
    bool stopping;
    struct connection *list;
};

struct exchange { /* a request and its answer */
    struct kw_http *h;
    struct MHD_Connection *mhd;
    struct connection *c;
    char *body;
    size_t n, cap, discarded;
    struct kw_completion want;
    struct kw_ticket *ticket;
    struct kw_answer answer;
    struct kw_text out; /* of a stream: what is to be sent */
    size_t out_at;
    uint32_t at; /* tokens taken */
    bool ended;  /* out is the last of the stream */
    time_t created;
    uint64_t serial;
};

/* ---- answers */

static enum MHD_Result reply(struct exchange *x, unsigned code, const char *type, struct kw_text *text,
                             const char *header, const char *value)
{
    if (text->failed || !text->s) { /* out of memory: say nothing, close */
        kw_text_free(text);
        return MHD_NO;
    }
    struct MHD_Response *r = MHD_create_response_from_buffer(text->n, text->s, MHD_RESPMEM_MUST_FREE);
    if (!r) {
        kw_text_free(text);
        return MHD_NO;
    }
    enum MHD_Result ok = MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (header && ok == MHD_YES) ok = MHD_add_response_header(r, header, value);
    if (ok == MHD_YES) ok = MHD_queue_response(x->mhd, code, r);
    MHD_destroy_response(r);
    for (size_t i = 0; i < N_CODES; i++)
        if (codes[i] == code) x->h->responses[i]++;
    return ok;
}

static void error_json(struct kw_text *out, const char *type, const char *param, const char *code, const char *message)
{
    kw_text_add(out, "{\"error\": {\"message\": ");
    kw_completion_quote(out, message, strlen(message));
    kw_text_add(out, ", \"type\": \"%s\", \"param\": ", type);
    kw_text_add(out, param ? "\"%s\"" : "null", param);
    kw_text_add(out, ", \"code\": ");
    kw_text_add(out, code ? "\"%s\"}}" : "null}}", code);
}

static enum MHD_Result refuse(struct exchange *x, unsigned status, const char *param, const char *code,
                              const char *message)
{
    struct kw_text out = { 0 };
    const char *type = status == 429 ? "rate_limit_exceeded" : status >= 500 ? "server_error" : "invalid_request_error";
    error_json(&out, type, param, code, message);
    bool later = status == 429 || status == 503;
    return reply(x, status, "application/json", &out,
                 later           ? MHD_HTTP_HEADER_RETRY_AFTER
                 : status == 405 ? MHD_HTTP_HEADER_ALLOW
                                 : NULL,
                 later ? "1" : "GET, HEAD, POST");
}

static void head_json(struct kw_text *out, const struct exchange *x)
{
    if (x->want.request_id[0])
        kw_text_add(out, "{\"id\": \"cmpl-%s\"", x->want.request_id);
    else
        kw_text_add(out, "{\"id\": \"cmpl-%016" PRIx64 "\"", kw_mix64(x->h->birth + x->serial));
    kw_text_add(out, ", \"object\": \"text_completion\", \"created\": %lld, \"model\": ", (long long)x->created);
    kw_completion_quote(out, x->h->model, strlen(x->h->model));
}

static void usage_json(struct kw_text *out, const struct exchange *x)
{
    kw_text_add(out, "\"usage\": {\"prompt_tokens\": %u, \"completion_tokens\": %u, \"total_tokens\": %u}",
                x->want.n_prompt, x->at, x->want.n_prompt + x->at);
}

static void choice_json(struct kw_text *out, const struct exchange *x, const char *text, size_t n, const uint32_t *ids,
                        uint32_t n_ids, const char *finish)
{
    kw_text_add(out, "\"choices\": [{\"index\": 0, \"text\": ");
    kw_completion_quote(out, text, n);
    kw_text_add(out, ", \"logprobs\": null, \"finish_reason\": ");
    kw_text_add(out, finish ? "\"%s\"" : "null", finish);
    if (x->want.token_ids) {
        kw_text_add(out, ", \"token_ids\": [");
        for (uint32_t i = 0; i < n_ids; i++) kw_text_add(out, "%s%u", i ? ", " : "", ids[i]);
        kw_text_add(out, "]");
    }
    kw_text_add(out, "}]");
}

static const char *finish_word(const struct exchange *x, enum kw_serve_state state)
{
    if (x->answer.stopped || state == KW_SERVE_STOP) return "stop";
    return state == KW_SERVE_LENGTH ? "length" : NULL;
}

/* ---- an answer as a whole */

/* Takes what there is. A stop text that is found ends the request. */
static enum kw_serve_state advance(struct exchange *x, bool *memory)
{
    struct kw_http *h = x->h;
    uint32_t ids[TAKE], n;
    enum kw_serve_state state;
    do {
        state = kw_serve_take(h->serve, x->ticket, x->at, ids, TAKE, &n);
        for (uint32_t i = 0; i < n && !x->answer.stopped; i++) {
            if (kw_answer_add(&x->answer, &x->want, h->limits.tokenizer, ids[i]) != KW_OK) *memory = false;
            x->at++;
        }
    } while (n == TAKE && !x->answer.stopped);
    if (x->answer.stopped && state == KW_SERVE_ACTIVE) {
        kw_serve_cancel(h->serve, x->ticket, true);
        state = KW_SERVE_STOP;
    }
    return state;
}

static enum MHD_Result whole_answer(struct exchange *x, enum kw_serve_state state)
{
    struct kw_text out = { 0 };
    uint32_t *ids = NULL, n = 0;
    size_t len;
    if (x->want.token_ids) {
        ids = malloc((x->at + (size_t)1) * sizeof *ids);
        if (!ids) return refuse(x, 500, NULL, NULL, "out of memory");
        kw_serve_take(x->h->serve, x->ticket, 0, ids, x->at, &n);
    }
    const char *text = kw_answer_next(&x->answer, &x->want, true, &len);
    head_json(&out, x);
    kw_text_add(&out, ", ");
    choice_json(&out, x, text, len, ids, n, finish_word(x, state));
    kw_text_add(&out, ", ");
    usage_json(&out, x);
    kw_text_add(&out, "}");
    free(ids);
    return reply(x, 200, "application/json", &out, NULL, NULL);
}

/* Called when the request came and each time it is woken. */
static enum MHD_Result continue_whole(struct exchange *x)
{
    for (;;) {
        bool memory = true;
        enum kw_serve_state state = advance(x, &memory);
        if (!memory) return refuse(x, 500, NULL, NULL, "out of memory");
        if (state == KW_SERVE_FAILED) return refuse(x, 500, NULL, NULL, "the engine failed");
        if (state == KW_SERVE_CANCELLED) return refuse(x, 503, NULL, NULL, "cancelled");
        if (state != KW_SERVE_ACTIVE) return whole_answer(x, state);
        if (kw_serve_sleep(x->h->serve, x->ticket, x->at, !x->want.n_stop)) return MHD_YES;
    }
}

/* ---- a stream */

static void event(struct exchange *x, const char *text, size_t n, const uint32_t *ids, uint32_t n_ids,
                  const char *finish)
{
    kw_text_add(&x->out, "data: ");
    head_json(&x->out, x);
    kw_text_add(&x->out, ", ");
    choice_json(&x->out, x, text, n, ids, n_ids, finish);
    if (x->want.usage_each) {
        kw_text_add(&x->out, ", ");
        usage_json(&x->out, x);
    }
    kw_text_add(&x->out, "}\n\n");
}

static void end_stream(struct exchange *x, enum kw_serve_state state)
{
    if (state == KW_SERVE_FAILED || state == KW_SERVE_CANCELLED) {
        kw_text_add(&x->out, "data: ");
        error_json(&x->out, "server_error", NULL, NULL, state == KW_SERVE_FAILED ? "the engine failed" : "cancelled");
        kw_text_add(&x->out, "\n\n");
    } else if (x->want.include_usage) {
        kw_text_add(&x->out, "data: ");
        head_json(&x->out, x);
        kw_text_add(&x->out, ", \"choices\": [], ");
        usage_json(&x->out, x);
        kw_text_add(&x->out, "}\n\n");
    }
    kw_text_add(&x->out, "data: [DONE]\n\n");
    x->ended = true;
}

/* An event a token; the last says why it ended. False: nothing yet. */
static bool fill_stream(struct exchange *x)
{
    uint32_t ids[TAKE], n;
    size_t len;
    const struct kw_http *h = x->h;
    enum kw_serve_state state = kw_serve_take(h->serve, x->ticket, x->at, ids, TAKE, &n);
    bool over = state != KW_SERVE_ACTIVE && n < TAKE, told = false;
    for (uint32_t i = 0; i < n && !x->answer.stopped; i++) {
        if (kw_answer_add(&x->answer, &x->want, h->limits.tokenizer, ids[i]) != KW_OK) x->out.failed = true;
        x->at++;
        bool last = x->answer.stopped || (over && i + 1 == n);
        const char *finish = last ? finish_word(x, state) : NULL,
                   *text = kw_answer_next(&x->answer, &x->want, last, &len);
        event(x, text, len, &ids[i], 1, finish);
        told |= finish != NULL;
    }
    if (x->answer.stopped && state == KW_SERVE_ACTIVE) {
        kw_serve_cancel(h->serve, x->ticket, true);
        over = true;
        state = KW_SERVE_STOP;
    }
    if (over && !told && finish_word(x, state)) { /* ended by a token that is not shown */
        const char *text = kw_answer_next(&x->answer, &x->want, true, &len);
        event(x, text, len, NULL, 0, finish_word(x, state));
    }
    if (over) end_stream(x, state);
    return n || over;
}

/* Called by the server whenever the socket takes more: what has come is sent at once, since a token that waits for the
 * next is latency. With nothing to send the connection sleeps and costs no thread until the engine wakes it. */
static ssize_t read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct exchange *x = cls;
    (void)pos;
    while (x->out_at == x->out.n) {
        if (x->ended) return MHD_CONTENT_READER_END_OF_STREAM;
        x->out.n = x->out_at = 0;
        if (fill_stream(x)) {
            if (x->out.failed) return MHD_CONTENT_READER_END_WITH_ERROR;
            continue;
        }
        if (kw_serve_sleep(x->h->serve, x->ticket, x->at, false)) return 0;
    }
    assert(x->out_at < x->out.n); /* 0 would tell the server to wait */
    size_t n = x->out.n - x->out_at < max ? x->out.n - x->out_at : max;
    memcpy(buf, x->out.s + x->out_at, n);
    x->out_at += n;
    return (ssize_t)n;
}

static enum MHD_Result begin_stream(struct exchange *x)
{
    struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_stream, x, NULL);
    if (!r) return MHD_NO;
    enum MHD_Result ok = MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    if (ok == MHD_YES) ok = MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (ok == MHD_YES) ok = MHD_queue_response(x->mhd, 200, r);
    MHD_destroy_response(r);
    x->h->responses[0]++;
    return ok;
}

/* ---- requests */

/* Under the lock, since the thread that watches for clients that left reads it. */
static void set_ticket(struct exchange *x, struct kw_ticket *t)
{
    pthread_mutex_lock(&x->h->lock);
    x->ticket = t;
    if (x->c) x->c->ticket = t;
    pthread_mutex_unlock(&x->h->lock);
}

static enum MHD_Result complete(struct exchange *x)
{
    struct kw_http *h = x->h;
    struct kw_error err = { "" };
    const char *param, *type = MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
    /* A page in a browser can post text/plain to a loopback address without asking; not this type. */
    if (!type || strncmp(type, "application/json", 16))
        return refuse(x, 415, NULL, NULL, "want Content-Type: application/json");
    enum kw_status st = kw_completion_parse(&x->want, &param, x->body ? x->body : "", x->n, &h->limits, &err);
    free(x->body);
    x->body = NULL;
    if (st == KW_ENOMEM) return refuse(x, 503, NULL, NULL, "out of memory");
    if (st != KW_OK) return refuse(x, 400, param, NULL, err.msg);
    if (x->want.model[0] && strcmp(x->want.model, h->model)) {
        snprintf(err.msg, sizeof err.msg, "The model `%.255s` does not exist", x->want.model);
        return refuse(x, 404, "model", "model_not_found", err.msg);
    }
    x->serial = ++h->serial;
    x->created = time(NULL);
    if (!x->want.seeded) x->want.sampling.seed = kw_mix64(h->birth ^ x->serial);
    struct kw_engine_request r = { .prompt = x->want.prompt,
                                   .n_prompt = x->want.n_prompt,
                                   .max_new = x->want.max_tokens,
                                   .sampling = x->want.sampling,
                                   .ignore_eos = x->want.ignore_eos,
                                   .stop = x->want.stop_ids,
                                   .n_stop = x->want.n_stop_ids };
    struct kw_ticket *t;
    st = kw_serve_submit(h->serve, &r, x, &t, &err);
    if (st == KW_EBUDGET) return refuse(x, 429, NULL, "queue_full", err.msg);
    if (st == KW_ERANGE) return refuse(x, 400, NULL, NULL, err.msg);
    if (st != KW_OK) return refuse(x, kw_serve_failed(h->serve, NULL) ? 500 : 503, NULL, NULL, err.msg);
    set_ticket(x, t);
    return x->want.stream ? begin_stream(x) : continue_whole(x);
}

static enum MHD_Result health(struct exchange *x)
{
    struct kw_error err = { "" };
    struct kw_text out = { 0 };
    if (kw_serve_failed(x->h->serve, &err)) return refuse(x, 500, NULL, NULL, err.msg);
    if (kw_serve_draining(x->h->serve)) return refuse(x, 503, NULL, NULL, "the server is shutting down");
    kw_text_add(&out, "{\"status\": \"ok\"}");
    return reply(x, 200, "application/json", &out, NULL, NULL);
}

static enum MHD_Result models(struct exchange *x)
{
    struct kw_text out = { 0 };
    kw_text_add(&out, "{\"object\": \"list\", \"data\": [{\"id\": ");
    kw_completion_quote(&out, x->h->model, strlen(x->h->model));
    kw_text_add(&out, ", \"object\": \"model\", \"created\": 0, \"owned_by\": \"keepwarm\", \"max_model_len\": %u}]}",
                x->h->limits.longest);
    return reply(x, 200, "application/json", &out, NULL, NULL);
}

static enum MHD_Result metrics(struct exchange *x)
{
    struct kw_metrics m;
    struct kw_text out = { 0 };
    kw_serve_metrics(x->h->serve, &m);
    kw_metrics_print(&out, &m);
    kw_text_add(&out, "# HELP keepwarm_http_responses_total Answers begun, by status.\n# TYPE "
                      "keepwarm_http_responses_total counter\n");
    for (size_t i = 0; i < N_CODES; i++)
        kw_text_add(&out, "keepwarm_http_responses_total{code=\"%u\"} %llu\n", codes[i],
                    (unsigned long long)x->h->responses[i]);
    kw_text_add(&out,
                "# HELP keepwarm_http_disconnects_total Clients that left before their answer's end.\n"
                "# TYPE keepwarm_http_disconnects_total counter\nkeepwarm_http_disconnects_total %llu\n",
                (unsigned long long)x->h->disconnects);
    return reply(x, 200, "text/plain; version=0.0.4", &out, NULL, NULL);
}

static enum MHD_Result route(struct exchange *x, const char *url, const char *method)
{
    static const struct {
        const char *url;
        bool post;
        enum MHD_Result (*answer)(struct exchange *x);
    } routes[] = {
        { "/v1/completions", true, complete },
        { "/v1/models", false, models },
        { "/health", false, health },
        { "/metrics", false, metrics },
    };
    bool post = !strcmp(method, "POST"), get = !strcmp(method, "GET") || !strcmp(method, "HEAD");
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (strcmp(url, routes[i].url)) continue;
        if (routes[i].post ? !post : !get) return refuse(x, 405, NULL, NULL, routes[i].post ? "want POST" : "want GET");
        return routes[i].answer(x);
    }
    return refuse(x, 404, NULL, NULL,
                  "there is no such path; POST /v1/completions, GET /v1/models, /health and /metrics are");
}

static bool keep_body(struct exchange *x, const char *data, size_t n)
{
    if (x->n + n > x->h->max_body || x->discarded) {
        x->discarded += n;
        return x->discarded <= DISCARD * x->h->max_body;
    }
    if (x->n + n > x->cap) {
        size_t cap = 2 * (x->n + n);
        char *more = realloc(x->body, cap);
        if (!more) return false;
        x->body = more;
        x->cap = cap;
    }
    memcpy(x->body + x->n, data, n);
    x->n += n;
    return true;
}

static enum MHD_Result too_large(struct exchange *x)
{
    char message[80];
    snprintf(message, sizeof message, "the request is larger than %zu bytes", x->h->max_body);
    return refuse(x, 413, NULL, NULL, message);
}

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}

static void set_busy(struct exchange *x, bool busy)
{
    if (!x->c) return;
    pthread_mutex_lock(&x->h->lock);
    x->c->busy = busy;
    x->c->since = kw_now_ns();
    pthread_mutex_unlock(&x->h->lock);
}

/* Once when the headers are there, once for each piece of the body, once when the request is whole, and again whenever
 * a request that was put to sleep is woken. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *n_upload, void **per_request)
{
    struct exchange *x = *per_request;
    (void)version;
    if (!x) {
        x = calloc(1, sizeof *x);
        if (!x) return MHD_NO;
        *per_request = x;
        x->h = cls, x->mhd = mhd, x->c = connection_of(mhd);
        const char *expect = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT);
        const char *length = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
        if (expect && length && strtoull(length, NULL, 10) > x->h->max_body)
            return too_large(x); /* it has not sent it yet */
        return MHD_YES;
    }
    if (*n_upload) {
        bool kept = keep_body(x, upload, *n_upload);
        *n_upload = 0;
        return kept ? MHD_YES : MHD_NO;
    }
    if (x->ticket) return continue_whole(x);
    set_busy(x, true);
    return x->discarded ? too_large(x) : route(x, url, method);
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **per_request, enum MHD_RequestTerminationCode why)
{
    struct exchange *x = *per_request;
    struct kw_http *h = cls;
    (void)mhd;
    if (!x) return;
    *per_request = NULL;
    struct kw_ticket *t = x->ticket;
    if (t && why != MHD_REQUEST_TERMINATED_COMPLETED_OK) h->disconnects++;
    set_ticket(x, NULL);
    kw_serve_release(h->serve, t);
    set_busy(x, false);
    kw_completion_free(&x->want);
    kw_answer_free(&x->answer);
    kw_text_free(&x->out);
    free(x->body);
    free(x);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct kw_http *h = cls;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct connection *c = calloc(1, sizeof *c);
        *context = c;
        if (!c) return; /* served all the same, but not watched */
        c->fd = i ? i->connect_fd : -1;
        c->since = kw_now_ns();
        /* What a client that does not read may pin in the kernel, which would grow to 4 MB a connection by itself; and
         * only a full buffer shows that there is no progress. */
        int most = SEND_BYTES;
        setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &most, sizeof most);
        pthread_mutex_lock(&h->lock);
        c->next = h->list;
        if (c->next) c->next->prev = c;
        h->list = c;
        pthread_mutex_unlock(&h->lock);
        return;
    }
    struct connection *c = *context;
    if (!c) return;
    pthread_mutex_lock(&h->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        h->list = c->next;
    if (c->next) c->next->prev = c->prev;
    pthread_mutex_unlock(&h->lock);
    free(c);
    *context = NULL;
}

/* ---- connections nobody hears of otherwise: a request asleep is not polled by libmicrohttpd, and its time limit
 * starts anew with each byte of a request */

static bool has_left(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static void *watch(void *arg)
{
    struct kw_http *h = arg;
    pthread_mutex_lock(&h->lock);
    while (!h->stopping) {
        int64_t now = kw_now_ns();
        for (struct connection *c = h->list; c; c = c->next) {
            if (c->ticket && has_left(c->fd)) kw_serve_cancel(h->serve, c->ticket, false);
            if (!c->busy && now - c->since > h->timeout_ns) shutdown(c->fd, SHUT_RDWR);
        }
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += WATCH_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&h->ended, &h->lock, &until);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* ---- start and stop */

static void put_to_sleep(void *ctx, void *who)
{
    (void)ctx;
    MHD_suspend_connection(((struct exchange *)who)->mhd);
}

static void wake_up(void *ctx, void *who)
{
    (void)ctx;
    MHD_resume_connection(((struct exchange *)who)->mhd);
}

static unsigned connection_limit(const struct kw_engine *e, const struct kw_http_options *o)
{
    struct rlimit files = { 1024, 1024 };
    getrlimit(RLIMIT_NOFILE, &files);
    uint64_t most = files.rlim_cur > 96 ? files.rlim_cur - 64 : 32; /* weights, trace files, epoll */
    uint64_t want = o->max_connections ? o->max_connections : (uint64_t)e->limits.max_num_seqs + o->max_queue + 256;
    return (unsigned)(want < most ? want : most);
}

static enum kw_status read_address(struct sockaddr_in *at, const struct kw_http_options *o, struct kw_error *err)
{
    const char *host = o->host ? o->host : "127.0.0.1";
    *at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(o->port) };
    if (inet_pton(AF_INET, host, &at->sin_addr) == 1) return KW_OK;
    return kw_fail(err, KW_ERANGE, "host: want an IPv4 address such as 127.0.0.1; got '%.60s'", host);
}

static enum kw_status cannot_listen(const struct kw_http_options *o, int why, struct kw_error *err)
{
    return kw_fail(err, KW_EFAIL, "cannot listen on %s port %u: %s", o->host ? o->host : "127.0.0.1", o->port,
                   why ? strerror(why) : "libmicrohttpd refused");
}

enum kw_status kw_http_check(const struct kw_http_options *o, struct kw_error *err)
{
    struct sockaddr_in at;
    enum kw_status st = read_address(&at, o, err);
    int fd = st == KW_OK ? socket(AF_INET, SOCK_STREAM, 0) : -1, yes = 1;
    if (st == KW_OK && (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) ||
                        bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 1)))
        st = cannot_listen(o, errno, err);
    if (fd >= 0) close(fd);
    return st;
}

static enum kw_status start_daemon(struct kw_http *h, const struct kw_http_options *o, struct kw_error *err)
{
    struct sockaddr_in at;
    enum kw_status st = read_address(&at, o, err);
    if (st != KW_OK) return st;
    errno = 0;
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, o->port, NULL, NULL, on_request, h,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_CONNECTION_LIMIT, connection_limit(h->e, o),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(h->timeout_ns / 1000000000), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEADER_BYTES, MHD_OPTION_THREAD_POOL_SIZE, (unsigned)POOL, MHD_OPTION_END);
    return h->daemon ? KW_OK : cannot_listen(o, errno, err);
}

enum kw_status kw_http_start(struct kw_http **out, struct kw_engine *e, const struct kw_http_options *o,
                             struct kw_error *err)
{
    *out = NULL;
    struct kw_http *h = calloc(1, sizeof *h);
    if (!h) return kw_fail(err, KW_ENOMEM, "out of memory for the server");
    const struct kw_sched_config *l = &e->limits;
    uint64_t fits = (uint64_t)l->num_blocks * l->block_size + 1; /* the last token never enters the KV cache */
    h->e = e;
    h->limits = (struct kw_completion_limits){ .vocab = e->config.vocab,
                                               .tokenizer = e->tokenizer,
                                               .longest = fits < l->max_model_len ? (uint32_t)fits : l->max_model_len };
    h->max_body = o->max_body ? o->max_body : (size_t)2 << 20;
    h->timeout_ns = (int64_t)(o->timeout_s ? o->timeout_s : 30) * 1000000000;
    h->birth = kw_mix64((uint64_t)time(NULL)) ^ (uint64_t)kw_now_ns();
    snprintf(h->model, sizeof h->model, "%s", o->model ? o->model : e->config.name[0] ? e->config.name : "model");
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->ended, NULL);
    struct kw_serve_options serve = { .max_queue = o->max_queue, .sleep = put_to_sleep, .wake = wake_up };
    enum kw_status st = kw_serve_start(&h->serve, e, &serve, err);
    if (st == KW_OK) st = start_daemon(h, o, err);
    if (st == KW_OK && pthread_create(&h->watcher, NULL, watch, h))
        st = kw_fail(err, KW_EFAIL, "no thread to watch connections");
    if (st != KW_OK) {
        if (h->daemon) MHD_stop_daemon(h->daemon);
        if (h->serve) kw_serve_stop(h->serve);
        free(h);
        return st;
    }
    *out = h;
    return KW_OK;
}

uint16_t kw_http_port(const struct kw_http *h)
{
    const union MHD_DaemonInfo *i = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return i ? i->port : 0;
}

bool kw_http_failed(struct kw_http *h, struct kw_error *why)
{
    return kw_serve_failed(h->serve, why);
}

bool kw_http_drain(struct kw_http *h)
{
    kw_serve_drain(h->serve);
    return kw_serve_tickets(h->serve) == 0;
}

void kw_http_stop(struct kw_http *h, uint32_t *cut)
{
    kw_serve_drain(h->serve);
    *cut = kw_serve_tickets(h->serve);
    kw_serve_cancel_all(h->serve);
    /* Everyone is woken by that; a second for the last words to leave, then the connections are closed under them. */
    for (int i = 0; i < 100 && kw_serve_tickets(h->serve); i++)
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    pthread_mutex_lock(&h->lock);
    h->stopping = true;
    pthread_cond_signal(&h->ended);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->watcher, NULL);
    MHD_stop_daemon(h->daemon); /* completes every request, which releases its ticket */
    kw_serve_stop(h->serve);
    pthread_mutex_destroy(&h->lock);
    pthread_cond_destroy(&h->ended);
    free(h);
}
