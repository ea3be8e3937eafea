#include "sim/cli/commands/calibrate_own.h"
#include <stdio.h>
#include <stdlib.h>
#include "calibrate/own/own_base.h"
#include "calibrate/own/own_layers.h"
#include "calibrate/own/own_steps.h"
#include "sim/cli/output.h"
#include "sim/core/files/source.h"

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
