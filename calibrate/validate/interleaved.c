#include "calibrate/validate/interleaved.h"
#include <errno.h>
#include <string.h>
#include "calibrate/measure/fit_measured.h"

/* Both rounds' visits into one. */
static enum kw_status add_round(struct kw_measured *to, const struct kw_measured *round, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (size_t i = 0; st == KW_OK && i < round->n; i++) {
        const struct kw_measured_point *p = &round->point[i];
        st = kw_measured_visit(to, NULL, &p->key, p->context_sum, p->us, p->n, p->host_s, p->at_s, 0, err);
    }
    return st;
}

/* b may be NULL. */
static enum kw_status fit_rounds(struct kw_profile *p, const struct kw_measured *a, const struct kw_measured *b,
                                 struct kw_error *err)
{
    struct kw_measured both = { .head = a->head };
    FILE *report = fopen("/dev/null", "w"); /* `calibrate fit` on the file of points says it all */
    enum kw_status st = report ? add_round(&both, a, err) : kw_fail(err, KW_EIO, "/dev/null: %s", strerror(errno));
    if (st == KW_OK && b) st = add_round(&both, b, err);
    if (st == KW_OK) st = kw_fit_measured(p, &both, NULL, report, err);
    if (report) fclose(report);
    kw_measured_free(&both);
    return st;
}

enum kw_status kw_validate_interleaved(struct kw_validated *v, struct kw_profile *last, struct kw_engine *e,
                                       const struct kw_measured_head *head, FILE *f, double from_s,
                                       const struct kw_measure_options *how, const struct kw_validate_traffic *traffic,
                                       const struct kw_validate_options *o, struct kw_error *err)
{
    struct kw_measure_setup setup = kw_measure_setup(e);
    struct kw_measure_options once = *how;
    struct kw_measured round[2] = { { .head = *head, .last_s = from_s }, { .head = *head } };
    struct kw_profile profile[KW_VALIDATE_MOST_RUNS] = { 0 };
    const struct kw_profile *of_run[KW_VALIDATE_MOST_RUNS];
    const int64_t began = kw_now_ns();
    once.passes = 1;
    *v = (struct kw_validated){ 0 };
    enum kw_status st = kw_measure_run(&round[0], f, &setup, &once, err);
    if (st == KW_OK) st = fit_rounds(&profile[0], &round[0], NULL, err);
    if (st == KW_OK) st = kw_validate_begin(v, e, &profile[0], traffic, o, err);
    kw_profile_free(&profile[0]);
    while (st == KW_OK && v->runs < o->runs) {
        uint32_t r = v->runs;
        st = kw_validate_serve(v, e, traffic, o, err);
        kw_measured_free(&round[(r + 1) % 2]);
        round[(r + 1) % 2] =
            (struct kw_measured){ .head = *head, .last_s = from_s + (double)(kw_now_ns() - began) * 1e-9 };
        once.seed++; /* another order */
        if (st == KW_OK) st = kw_measure_run(&round[(r + 1) % 2], f, &setup, &once, err);
        if (st == KW_OK && o->stop && *o->stop) st = kw_fail(err, KW_EFAIL, "stopped");
        if (st == KW_OK) st = fit_rounds(&profile[r], &round[r % 2], &round[(r + 1) % 2], err);
        of_run[r] = &profile[r];
    }
    if (st == KW_OK) st = kw_validate_judge(v, e, of_run, traffic, err);
    v->interleaved = true;
    if (st == KW_OK && last) {
        *last = profile[o->runs - 1];
        profile[o->runs - 1] = (struct kw_profile){ 0 };
    }
    for (int i = 0; i < KW_VALIDATE_MOST_RUNS; i++) kw_profile_free(&profile[i]);
    for (int i = 0; i < 2; i++) kw_measured_free(&round[i]);
    if (st != KW_OK) kw_validated_free(v);
    return st;
}
