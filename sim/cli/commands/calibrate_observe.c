#include "sim/cli/commands/calibrate_observe.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/observe/observe.h"
#include "calibrate/own/own_requests.h"
#include "sim/cli/commands/calibrate.h"
#include "sim/cli/commands/calibrate_own.h"
#include "sim/cli/commands/engine_open.h"
#include "sim/cli/output.h"
#include "sim/cli/progress.h"
#include "sim/core/files/file.h"

/* "1,2,4" to whole numbers from 1 to `most`. */
static enum kw_status list(uint32_t to[KW_OBSERVE_RUNGS], uint32_t *n, const char *option, const char *text,
                           uint32_t most, struct kw_error *err)
{
    const char *p = text;
    *n = 0;
    for (;;) {
        char *end;
        const unsigned long v = *p >= '0' && *p <= '9' ? strtoul(p, &end, 10) : 0;
        if (!v || v > most || (*end && *end != ',') || *n == KW_OBSERVE_RUNGS)
            return kw_fail(err, KW_EUSAGE,
                           "--%s: want up to %d whole numbers from 1 to %u, such as 1,8,64; got '%.80s'", option,
                           KW_OBSERVE_RUNGS, most, text);
        to[(*n)++] = (uint32_t)v;
        if (!*end) return KW_OK;
        p = end + 1;
    }
}

static enum kw_status options(struct kw_observe_options *to, const struct kw_options *o, struct kw_error *err)
{
    *to = (struct kw_observe_options){ .url = o->url,
                                       .key = getenv("KEEPWARM_API_KEY"),
                                       .model = o->name,
                                       .max_tokens = (uint32_t)o->max_tokens,
                                       .requests = (uint32_t)o->requests,
                                       .seed = o->seed >= 0 ? (uint64_t)o->seed : 1,
                                       .stop = kw_cli_engine_stop() };
    if (!o->url || !o->out) return kw_fail(err, KW_EUSAGE, "calibrate observe wants --url and -o FILE");
    if (o->max_tokens < 16)
        return kw_fail(err, KW_EUSAGE, "--max-tokens: want 16 at least, since gaps are counted; got %d",
                       (int)o->max_tokens);
    enum kw_status st = list(to->concurrency, &to->n_concurrency, "concurrency",
                             o->concurrency ? o->concurrency : "1,2,4,8,16,32", 4096, err);
    if (st == KW_OK)
        st = list(to->prompt, &to->n_prompts, "prompts", o->lengths ? o->lengths : "64,256,1024", 1 << 20, err);
    return st == KW_OK ? kw_cli_calibrate_budget(&to->budget_s, o->budget, err) : st;
}

static void say_bound(const struct kw_observe_options *o)
{
    double prompt, output;
    char a[16], b[16];
    kw_observe_bound(o, &prompt, &output);
    kw_cli_note("observing %s: at most %u requests of %s prompt tokens and %s output tokens in all, %u to %u at once, "
                "for %.0f s",
                o->url, o->requests, kw_text_si(a, prompt), kw_text_si(b, output), o->concurrency[0],
                o->concurrency[o->n_concurrency - 1], o->budget_s);
}

/* What /metrics told, and what of it the profile takes. */
static void take_metrics(struct kw_profile *p, const struct kw_observed *got, const struct kw_provenance *v, FILE *f)
{
    fprintf(f, "%s: %zu answers in %.0f s", got->model, got->n, got->s);
    if (got->given_up) fprintf(f, ", %zu given up when the time was over", got->given_up);
    fputc('\n', f);
    if (!got->metrics) {
        fputs("  no /metrics that says what runs: others beside these requests would not be seen\n", f);
        return;
    }
    if (got->others > 0)
        fprintf(f, "  IT SERVED %.0f OTHER REQUESTS when this began: their steps are taken for these requests'\n",
                got->others);
    fprintf(f, "  between the rungs at most %.0f waited, and %.0f %% of the KV cache was in use\n", got->waiting_most,
            100 * got->kv_most);
    if (!got->num_blocks || !got->block_size || got->block_size & (got->block_size - 1)) return;
    p->num_blocks = got->num_blocks;
    p->block_size = got->block_size;
    p->kv = *v;
    snprintf(p->kv.source, sizeof p->kv.source, "the server's own /metrics (vllm:cache_config_info)");
    fprintf(f, "  KV cache: %u blocks of %u tokens, as it says\n", got->num_blocks, got->block_size);
}

int kw_cli_calibrate_observe(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_observe_options how;
    struct kw_observed got = { .r = NULL };
    struct kw_profile p = { .tp = 0 };
    struct kw_request_law law;
    struct kw_provenance v;
    struct kw_progress bar;
    char *report = NULL;
    size_t len;
    FILE *f = NULL;
    enum kw_status st = options(&how, o, &err);
    if (st == KW_OK) st = kw_cli_calibrate_base(&p, o, &err);
    if (st == KW_OK) st = kw_file_check(o->out, &err); /* before minutes of load */
    if (st == KW_OK) {
        if (!o->quiet) say_bound(&how);
        kw_progress_begin(&bar, "observing", o->quiet);
        how.progress = kw_progress_update;
        how.ctx = &bar;
        st = kw_observe(&got, &how, &err);
        kw_progress_end(&bar);
    }
    const struct kw_own_origin own = { NULL, NULL };
    if (st == KW_OK) st = kw_own_provenance(&v, &own, "answers", "", got.n, "calibrate observe", &err);
    if (st == KW_OK && !(f = open_memstream(&report, &len))) st = kw_fail(&err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) {
        take_metrics(&p, &got, &v, f);
        st = kw_own_requests(&p, &law, got.r, got.n, &v, how.seed, f, &err);
    }
    if (f && fclose(f) && st == KW_OK) st = kw_fail(&err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) st = kw_own_save(&p, o->out, &err);
    kw_profile_free(&p);
    kw_observed_free(&got);
    if (st == KW_OK) return kw_cli_print_owned(report);
    free(report);
    return kw_cli_fail(st, &err);
}
