#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "engine/serve/http.h"
#include "sim/cli/commands/engine.h"
#include "sim/cli/commands/engine_open.h"
#include "sim/cli/output.h"

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
}

/* Until a signal, or until the engine fails; then what runs may finish for a while. */
static enum kw_status serve(struct kw_http *h, const struct kw_options *o, struct kw_error *err)
{
    const volatile sig_atomic_t *stop = kw_cli_engine_stop();
    bool failed = false;
    printf("keepwarm: serving on http://%s:%u\n", o->host ? o->host : "127.0.0.1", kw_http_port(h));
    fflush(stdout);
    while (!*stop && !(failed = kw_http_failed(h, err))) nap();
    if (!failed && !o->quiet)
        fprintf(stderr, "keepwarm: finishing what runs (%d s at most; again to stop at once)\n", (int)o->drain);
    for (int64_t end = kw_now_ns() + o->drain * 1000000000; !kw_http_drain(h) && !failed && kw_now_ns() < end;) nap();
    uint32_t cut = 0;
    kw_http_stop(h, &cut);
    if (failed) return KW_EFAIL;
    return cut ? kw_fail(err, KW_EFAIL, "%u request%s cut short after %d s", cut, cut == 1 ? " was" : "s were",
                         (int)o->drain)
               : KW_OK;
}

int kw_cli_engine_serve(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_engine e;
    struct kw_device d;
    struct kw_http *h;
    const char *model = o->model ? o->model : "tiny";
    struct kw_http_options http = { .host = o->host,
                                    .port = (uint16_t)o->port,
                                    .max_queue = (uint32_t)o->max_queue,
                                    .max_body = (size_t)o->max_body << 10,
                                    .timeout_s = (uint32_t)o->timeout };
    enum kw_status st = kw_http_check(&http, &err);
    if (st == KW_OK) st = kw_cli_engine_open(&e, &d, o, model, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    http.model = e.config.name;
    st = kw_http_start(&h, &e, &http, &err);
    if (st == KW_OK) st = serve(h, o, &err);
    kw_engine_close(&e);
    if (st == KW_OK && !o->quiet) fprintf(stderr, "keepwarm: stopped\n");
    return st == KW_OK ? 0 : kw_cli_fail(st, &err);
}
