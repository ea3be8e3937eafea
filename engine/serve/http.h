/* engine/serve/http.h - the engine behind OpenAI-compatible HTTP, on libmicrohttpd: POST /v1/completions (streamed as
 * server-sent events or whole), GET /v1/models, /health, /metrics (Prometheus). Plain HTTP/1.1 on one IPv4 address,
 * loopback unless told otherwise; a proxy in front adds TLS and keys.
 *
 * Clients are untrusted. A request's size, the time to send it, the time without progress while reading an answer,
 * connections and requests in flight are bounded: 400, 404, 405, 413, 415, 429 with Retry-After, 503 while draining,
 * all with OpenAI's {"error": {...}}. A client that leaves, or closes its half of the connection, cancels its request.
 */
#ifndef KW_ENGINE_SERVE_HTTP_H
#define KW_ENGINE_SERVE_HTTP_H
#include "engine/serve/serve.h"

struct kw_http_options {      /* {0} is usable */
    const char *host;         /* IPv4 address; NULL: 127.0.0.1 */
    uint16_t port;            /* 0: a free one */
    const char *model;        /* the name clients use; NULL: the config's, or "model" */
    uint32_t max_queue;       /* requests waiting for a seat */
    size_t max_body;          /* bytes of a request's body; 0: 2 MiB */
    uint32_t max_connections; /* 0: a few more than requests in flight; never more than the open files allow */
    uint32_t timeout_s;       /* to send a request; without progress in reading an answer; idle; 0: 30 */
};

struct kw_http; /* opaque */

/* Could it listen there? Asked before a model is loaded for minutes. KW_ERANGE: host; KW_EFAIL: the address is taken.
 */
enum kw_status kw_http_check(const struct kw_http_options *o, struct kw_error *err);
/* Takes over the engine until stop. KW_EFAIL: the address is taken or not ours, no threads; KW_ERANGE: host; KW_ENOMEM.
 */
enum kw_status kw_http_start(struct kw_http **h, struct kw_engine *e, const struct kw_http_options *o,
                             struct kw_error *err);
uint16_t kw_http_port(const struct kw_http *h);
bool kw_http_failed(struct kw_http *h, struct kw_error *why); /* the engine has: nothing can be served any more */

/* New requests get 503 from now on. True once nothing is in flight. */
bool kw_http_drain(struct kw_http *h);
/* Cancels what is still in flight, closes every connection, gives the engine back. *cut: how many were cancelled. */
void kw_http_stop(struct kw_http *h, uint32_t *cut);

#endif
