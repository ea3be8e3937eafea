#include "sim/cli/commands/engine_open.h"
#include "sim/cli/output.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "sim/core/files/json.h"
#include "sim/core/units.h"

#define FIRST_BYTE_S 0.05 /* of an emulated network: object storage, tens of ms (ENGINE.md 3) */

static volatile sig_atomic_t stop;
static struct kw_startup began;

void kw_cli_engine_begin(void)
{
    kw_startup_init(&began);
}

static void on_signal(int sig)
{
    stop = 1;
    signal(sig, SIG_DFL);
}

const volatile sig_atomic_t *kw_cli_engine_stop(void)
{
    struct sigaction act = { .sa_handler = on_signal };
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    return &stop;
}

static enum kw_status choose(int *out, const char *word, const char *const words[], const char *name,
                             struct kw_error *err)
{
    *out = 0;
    if (!word) return KW_OK;
    for (; words[*out]; ++*out)
        if (!strcmp(word, words[*out])) return KW_OK;
    char hint[KW_NEAREST_HINT];
    return kw_fail(err, KW_EUSAGE, "--%s: there is no '%.40s'%s", name, word, kw_nearest_hint(hint, word, words));
}

enum kw_status kw_cli_engine_options(struct kw_engine_options *want, const struct kw_options *o, const char *model,
                                     struct kw_error *err)
{
    static const char *const when[] = { "auto", "on", "off", NULL }; /* enum kw_engine_async */
    int policy = 0, load = 0, async = 0;
    if (!model) return kw_fail(err, KW_EUSAGE, "want --model NAME or FOLDER");
    enum kw_status st = choose(&policy, o->policy, kw_sched_policy_name, "policy", err);
    if (st == KW_OK) st = choose(&async, o->async_scheduling, when, "async-scheduling", err);
    if (st == KW_OK) st = choose(&load, o->load, kw_load_modes, "load", err);
    double rate = 0;
    if (st == KW_OK && o->rate) st = kw_cli_engine_decimal(&rate, o->rate, "rate", err);
    if (st == KW_OK && load == KW_LOAD_NETWORK && !(rate > 0))
        st = kw_fail(
            err, KW_EUSAGE,
            "--load: want cached or direct; the emulated network needs a --rate, which only `engine start` takes");
    *want = (struct kw_engine_options){
        .model = model,
        .backend = o->backend,
        .precision = o->precision,
        .synthetic = o->synthetic,
        .seed = o->seed >= 0 ? (uint64_t)o->seed : 1,
        .device = (int)o->device,
        .threads = (uint32_t)o->threads,
        .block_size = (uint32_t)o->block_size,
        .num_blocks = (uint32_t)o->num_blocks,
        .max_model_len = (uint32_t)o->max_len,
        .max_num_seqs = (uint32_t)o->max_seqs,
        .max_num_batched_tokens = (uint32_t)o->max_batched,
        .policy = (enum kw_sched_policy)policy,
        .prefix_caching = o->prefix_caching,
        .async_scheduling = (enum kw_engine_async)async,
        .eager = o->eager,
        .load = { .mode = (enum kw_load_mode)load,
                  .rate = rate * 1e9,
                  .first_byte_s = load == KW_LOAD_NETWORK ? FIRST_BYTE_S : 0 },
    };
    return st;
}

enum kw_status kw_cli_engine_open(struct kw_engine *e, struct kw_device *d, const struct kw_options *o,
                                  const char *model, struct kw_error *err)
{
    struct kw_engine_options want;
    enum kw_status st = kw_cli_engine_options(&want, o, model, err);
    struct kw_model_config shape;
    struct stat s;
    if (st == KW_OK && !o->quiet && !stat(model, &s) && S_ISDIR(s.st_mode) &&
        kw_config_named(&shape, model, NULL) == KW_OK)
        kw_cli_note("'%s' is a folder here and the name of a shape: the folder is taken", model);
    if (st == KW_OK) st = kw_engine_open(e, &want, &began, err);
    if (st != KW_OK) return st;
    if ((st = e->ops->device(e->backend, d, err)) != KW_OK) {
        kw_engine_close(e);
        return st;
    }
    if (!o->quiet)
        kw_cli_note("%s in %s on %s (%s), %u KV blocks of %u tokens, ready after %.2f s", e->config.name,
                    kw_dtype_name(e->layout.precision), d->name, e->ops->name, e->limits.num_blocks,
                    e->limits.block_size, (double)kw_startup_wall(&e->startup) * 1e-9);
    return KW_OK;
}

enum kw_status kw_cli_engine_numbers(uint32_t **v, size_t *n, const char *text, uint32_t lo, uint32_t hi,
                                     const char *name, struct kw_error *err)
{
    size_t cap = 1;
    for (const char *p = text; *p; p++) cap += *p == ',';
    *n = 0;
    *v = malloc(cap * sizeof **v);
    if (!*v) return kw_fail(err, KW_ENOMEM, "out of memory for --%s", name);
    for (const char *p = text;; p++) {
        size_t digits = strspn(p, "0123456789");
        unsigned long long one = digits && digits < 11 ? strtoull(p, NULL, 10) : UINT64_MAX;
        if (one < lo || one > hi || (p[digits] && p[digits] != ',')) {
            free(*v);
            *v = NULL;
            return kw_fail(err, KW_EUSAGE, "--%s wants numbers from %u to %u with commas between; got '%.40s'", name,
                           lo, hi, text);
        }
        (*v)[(*n)++] = (uint32_t)one;
        p += digits;
        if (!*p) return KW_OK;
    }
}

enum kw_status kw_cli_engine_decimal(double *v, const char *text, const char *name, struct kw_error *err)
{
    int64_t nano;
    struct kw_error why;
    if (kw_nano_parse(text, &nano, &why) != KW_OK || nano < 0)
        return kw_fail(err, KW_EUSAGE, "--%s wants a number such as 0.5; got '%.40s'", name, text);
    *v = kw_nano_to_double(nano);
    return KW_OK;
}
