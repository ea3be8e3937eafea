#include "sim/cli/commands/calibrate_own.h"
#include <stdio.h>
#include <stdlib.h>
#include "calibrate/own/own_base.h"
#include "calibrate/own/own_layers.h"
#include "calibrate/own/own_requests.h"
#include "calibrate/own/own_steps.h"
#include "sim/cli/output.h"
#include "sim/core/files/source.h"
#include "workloads/trace_load.h"

enum kind { NONE, STEPS, LAYERS };

/* What a file holds, by its first bytes. */
static enum kw_status kind_of(enum kind *kind, const char *path, struct kw_error *err)
{
    struct kw_source s;
    const char *head;
    size_t n;
    enum kw_status st = kw_source_open(&s, path, err);
    if (st != KW_OK) return st;
    if ((st = kw_source_peek(&s, 4096, &head, &n, err)) != KW_OK) kw_where(err, path, 0);
    const enum kind is = st != KW_OK                 ? NONE
                         : kw_own_layers_is(head, n) ? LAYERS
                         : kw_own_steps_is(head, n)  ? STEPS
                                                     : NONE;
    if (st == KW_OK && is == NONE)
        st = kw_fail(err, KW_EPARSE,
                     "%.300s: no table of step times that is known, by its header; want columns batch,context,ms or "
                     "tokens,past,ms, or a table of Vidur's or LLMServingSim's",
                     path);
    else if (st == KW_OK && *kind != NONE && *kind != is)
        st = kw_fail(err, KW_ERANGE, "%.300s: holds %s, the files before it %s: a profile is of either", path,
                     is == STEPS ? "whole steps" : "layers", is == STEPS ? "layers" : "whole steps");
    *kind = is;
    kw_source_close(&s);
    return st;
}

int kw_cli_calibrate_import_own(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_profile p = { .tp = 0 };
    enum kind kind = NONE;
    const struct kw_model_shape *m = NULL;
    const struct kw_own_origin origin = { o->origin, o->date };
    char *report = NULL;
    size_t len;
    FILE *f = NULL;
    enum kw_status st = KW_OK;
    if (o->source) st = kw_fail(&err, KW_EUSAGE, "--source is of published tables; give it or files, not both");
    for (size_t i = 0; st == KW_OK && i < o->args.n; i++) st = kind_of(&kind, o->args.v[i], &err);
    if (st == KW_OK) st = kw_own_base(&p, o->gpu, o->model, o->precision, (uint32_t)o->tp, &err);
    if (st == KW_OK && !(f = open_memstream(&report, &len))) st = kw_fail(&err, KW_ENOMEM, "out of memory");
    if (st == KW_OK && kind == LAYERS) st = kw_model_named(&m, o->model, &err);
    if (st == KW_OK)
        st = kind == LAYERS ? kw_own_layers(&p, m, o->args.v, o->args.n, &origin, f, &err)
                            : kw_own_steps(&p, o->args.v, o->args.n, &origin, f, &err);
    if (f && fclose(f) && st == KW_OK) st = kw_fail(&err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) st = kw_own_save(&p, o->out, &err);
    kw_profile_free(&p);
    if (st == KW_OK) return kw_cli_print_owned(report);
    free(report);
    return kw_cli_fail(st, &err);
}

/* ---- from requests ---- */

enum kw_status kw_cli_calibrate_base(struct kw_profile *p, const struct kw_options *o, struct kw_error *err)
{
    if (o->profile.n > 1) return kw_fail(err, KW_EUSAGE, "--profile: one, whose KV cache and limits are kept");
    if (o->profile.n && (o->gpu || o->model || o->precision))
        return kw_fail(err, KW_EUSAGE, "--profile says GPU, model and precision; give it or them");
    if (o->profile.n) return kw_profile_load(p, o->profile.v[0], err);
    if (!o->gpu || !o->model)
        return kw_fail(err, KW_EUSAGE, "a profile from requests wants --gpu and --model, or --profile FILE");
    return kw_own_base(p, o->gpu, o->model, o->precision, (uint32_t)o->tp, err);
}

/* Those requests of t that say when their first and last tokens came, in s. */
static enum kw_status times_of(struct kw_request_times **out, size_t *n, const struct kw_trace *t, struct kw_error *err)
{
    struct kw_request_times *r = malloc((t->n + 1) * sizeof *r);
    *n = 0;
    *out = r;
    if (!r) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < t->n && t->ttft && t->e2e; i++) {
        const kw_ns ttft = t->ttft[i], e2e = t->e2e[i];
        if (ttft < 0 || e2e < ttft || (e2e == ttft && t->output[i] > 1)) continue; /* not said, or all at once */
        const double at = (double)t->arrival[i] * 1e-9;
        r[(*n)++] = (struct kw_request_times){ .arrival_s = at,
                                               .first_s = at + (double)ttft * 1e-9,
                                               .end_s = at + (double)e2e * 1e-9,
                                               .prompt = t->prompt[i],
                                               .cached = t->cached ? t->cached[i] : 0,
                                               .output = t->output[i] };
    }
    return KW_OK;
}

int kw_cli_calibrate_fit_requests(const struct kw_options *o)
{
    struct kw_error err = { "" };
    struct kw_profile p = { .tp = 0 };
    struct kw_trace t = { .n = 0 };
    struct kw_request_law law;
    struct kw_request_times *r = NULL;
    struct kw_provenance v;
    char *report = NULL, remarks[2000];
    size_t len, n = 0;
    FILE *f = NULL;
    enum kw_status st = KW_OK;
    if (o->args.n) st = kw_fail(&err, KW_EUSAGE, "POINTS.jsonl or --requests LOG: give one");
    if (st == KW_OK) st = kw_cli_calibrate_base(&p, o, &err);
    if (st == KW_OK) st = kw_trace_load(&t, o->of_requests, o->format, o->columns, &err);
    if (st == KW_OK && o->strict && (st = kw_trace_strict(&t, &err)) != KW_OK) kw_where(&err, o->of_requests, 0);
    if (st == KW_OK && !o->quiet && kw_trace_remarks(&t, remarks, sizeof remarks)[0])
        kw_cli_note("%s: %s", o->of_requests, remarks);
    if (st == KW_OK) st = times_of(&r, &n, &t, &err);
    const struct kw_own_origin own = { NULL, NULL };
    if (st == KW_OK) st = kw_own_provenance(&v, &own, o->of_requests, t.notes.sha256, n, "calibrate fit", &err);
    if (st == KW_OK && !(f = open_memstream(&report, &len))) st = kw_fail(&err, KW_ENOMEM, "out of memory");
    if (st == KW_OK && n < t.n) fprintf(f, "%zu of %zu requests say when their first and last tokens came\n", n, t.n);
    if (st == KW_OK) st = kw_own_requests(&p, &law, r, n, &v, o->seed >= 0 ? (uint64_t)o->seed : 1, f, &err);
    if (st == KW_ERANGE) kw_where(&err, o->of_requests, 0);
    if (f && fclose(f) && st == KW_OK) st = kw_fail(&err, KW_ENOMEM, "out of memory");
    if (st == KW_OK) st = kw_own_save(&p, o->out, &err);
    kw_profile_free(&p);
    kw_trace_free(&t);
    free(r);
    if (st == KW_OK) return kw_cli_print_owned(report);
    free(report);
    return kw_cli_fail(st, &err);
}
