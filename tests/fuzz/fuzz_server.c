/* The server as a whole, over a loopback socket: whatever a client sends, in whatever pieces, and however it leaves,
 * the server answers HTTP or hangs up, lives on, and forgets the request. The first byte says how: bits 0-2 the pieces
 * but one, bit 3 closes its half of the connection before it reads, bit 4 resets instead of closing; the rest is what
 * it sends. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "engine/serve/http.h"

enum { PATIENCE_MS = 3, CHECK_EVERY = 256 };

static const char config[] =
    "{\"model_type\": \"llama\", \"num_hidden_layers\": 1, \"hidden_size\": 16, \"num_attention_heads\": 2, "
    "\"num_key_value_heads\": 1,"
    " \"intermediate_size\": 16, \"vocab_size\": 32, \"max_position_embeddings\": 64, \"tie_word_embeddings\": true}";
static const char letters[] =
    "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"\\u0120\": 2, \"\\u00c3\": 3, \"\\u00a9\": 4, "
    "\"ab\": 5},"
    " \"merges\": [\"a b\"]}, \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false}}";

static struct kw_engine engine;
static struct kw_http *server;
static char folder[] = "/tmp/fuzz_server.XXXXXX";

static void put(const char *name, const char *text)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f)) abort();
}

static void drop(const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static int dial(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(kw_http_port(server)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) abort();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* What came until the server closed or said nothing for so long; at most n - 1 bytes are kept. */
static size_t hear(int fd, char *to, size_t n, int patience_ms)
{
    size_t got = 0;
    char more[4096];
    struct pollfd p = { .fd = fd, .events = POLLIN };
    while (poll(&p, 1, patience_ms) > 0) {
        ssize_t k = read(fd, more, sizeof more);
        if (k <= 0) break;
        size_t keep = (size_t)k < n - 1 - got ? (size_t)k : n - 1 - got;
        memcpy(to + got, more, keep);
        got += keep;
    }
    to[got] = 0;
    return got;
}

/* Of the metrics page. */
static double value(const char *page, const char *name)
{
    char line[80];
    snprintf(line, sizeof line, "\nkeepwarm_request%s ", name);
    const char *at = strstr(page, line);
    if (!at) abort();
    return strtod(at + strlen(line), NULL);
}

/* Nobody's request is left behind, and the server is well. */
static void check(void)
{
    char answer[32768];
    for (int i = 0;; i++) {
        int fd = dial();
        if (dprintf(fd, "GET /metrics HTTP/1.0\r\nHost: h\r\n\r\n") < 0) abort();
        hear(fd, answer, sizeof answer, 10000);
        close(fd);
        if (strncmp(answer, "HTTP/1", 6) || !strstr(answer, " 200 OK\r\n")) abort();
        double ended = value(answer, "s_total{finish=\"stop\"}") + value(answer, "s_total{finish=\"length\"}") +
                       value(answer, "s_total{finish=\"abort\"}") + value(answer, "s_total{finish=\"error\"}");
        if (value(answer, "s_received_total") == ended && value(answer, "s_running") + value(answer, "s_waiting") == 0)
            break;
        if (i == 500) abort(); /* the watcher looks every 0.1 s for clients that left */
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    if (kw_http_failed(server, NULL)) abort();
}

static void end(void)
{
    uint32_t cut;
    check();
    kw_http_stop(server, &cut);
    kw_engine_close(&engine);
    drop("config.json"), drop("tokenizer.json");
    rmdir(folder);
}

static void begin(void)
{
    struct kw_error err = { "" };
    if (!mkdtemp(folder)) abort();
    put("config.json", config), put("tokenizer.json", letters);
    struct kw_engine_options o = { .model = folder,
                                   .synthetic = true,
                                   .backend = "cpu",
                                   .precision = "fp32",
                                   .threads = 1,
                                   .num_blocks = 32,
                                   .max_model_len = 48,
                                   .max_num_seqs = 4,
                                   .max_num_batched_tokens = 32 };
    struct kw_http_options h = { .max_queue = 2, .max_body = 1024, .timeout_s = 1 };
    if (kw_engine_open(&engine, &o, NULL, &err) != KW_OK || kw_http_start(&server, &engine, &h, &err) != KW_OK) {
        fprintf(stderr, "%s\n", err.msg);
        abort();
    }
    atexit(end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned runs;
    char answer[16];
    if (!server) begin();
    if (!size) return 0;
    uint8_t how = *data++;
    size_t pieces = (how & 7) + 1u;
    size--;
    int fd = dial();
    for (size_t i = 0, at = 0; i < pieces; i++) {
        size_t to = size * (i + 1) / pieces;
        if (to > at && send(fd, data + at, to - at, MSG_NOSIGNAL) < 0) break; /* it has hung up */
        at = to;
    }
    if (how & 8) shutdown(fd, SHUT_WR);
    size_t got = hear(fd, answer, sizeof answer, PATIENCE_MS);
    if (got >= 7 && strncmp(answer, "HTTP/1.", 7)) abort();
    if (how & 16) setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
    close(fd);
    if (++runs % CHECK_EVERY == 0) check();
    return 0;
}
