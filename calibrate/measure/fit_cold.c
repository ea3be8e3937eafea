#include "calibrate/measure/fit_cold.h"
#include <math.h>
#include <stdlib.h>
#include "calibrate/operators/regress.h"

struct cold {        /* what the pairs of one kind say */
    size_t n, clear; /* pairs; of them clearly above settled */
    double median_s, low_s, high_s;
};

/* Median over the pairs of one kind (and idle time) of what comes first less what comes settled; 0 unless most pairs'
 * firsts are above it by their intervals. */
static enum kw_status cold_of(const struct kw_measured *m, enum kw_measured_kind kind, uint32_t idle_ms, struct cold *c,
                              struct kw_error *err)
{
    double *v = malloc((m->n + 1) * sizeof *v), worst;
    if (!v) return kw_fail(err, KW_ENOMEM, "out of memory");
    *c = (struct cold){ .low_s = INFINITY };
    for (size_t i = 0; i < m->n; i++) {
        const struct kw_measured_point *p = &m->point[i];
        struct kw_measured_key k = p->key;
        if (k.kind != kind || k.shape || k.idle_ms != idle_ms) continue;
        k.shape = 1;
        const struct kw_measured_point *settled = kw_measured_find(m, &k);
        if (!settled) continue;
        v[c->n] = p->median_s - settled->median_s;
        c->clear += p->low_s > settled->median_s;
        c->low_s = fmin(c->low_s, v[c->n]);
        c->high_s = fmax(c->high_s, v[c->n]);
        c->n++;
    }
    kw_regress_errors(v, c->n, &c->median_s, &worst);
    if (2 * c->clear <= c->n || !(c->median_s > 0)) c->median_s = 0;
    if (c->median_s > 1) c->median_s = 1;
    free(v);
    return KW_OK;
}

/* Idle times measured, ascending; at most KW_STEP_IDLES. */
static uint32_t idle_times(const struct kw_measured *m, uint32_t ms[KW_STEP_IDLES])
{
    uint32_t n = 0;
    for (uint32_t least = 0; n < KW_STEP_IDLES; n++) {
        uint32_t next = UINT32_MAX;
        for (size_t i = 0; i < m->n; i++)
            if (m->point[i].key.idle_ms > least && m->point[i].key.idle_ms < next) next = m->point[i].key.idle_ms;
        if (next == UINT32_MAX) break;
        ms[n] = least = next;
    }
    return n;
}

/* The longer without work, the more: what a shorter time shows, a longer one does not undo. */
static enum kw_status fit_idle(struct kw_step_cold *to, const struct kw_measured *m, FILE *report, struct kw_error *err)
{
    uint32_t ms[KW_STEP_IDLES], n = idle_times(m, ms);
    double most = 0;
    if (!n) return KW_OK;
    fputs("caches: a step after idle time:", report);
    for (uint32_t i = 0; i < n; i++) {
        struct cold c;
        enum kw_status st = cold_of(m, KW_MEASURED_AFTER_IDLE, ms[i], &c, err);
        if (st != KW_OK) return st;
        most = fmax(most, c.median_s);
        to->idle[i].idle_s = ms[i] * 1e-3;
        to->idle[i].more_s = most;
        fprintf(report, "%s %.0f us more after %u ms%s", i ? "," : "", c.median_s * 1e6, ms[i],
                c.median_s > 0 ? "" : " (not significant)");
    }
    fputc('\n', report);
    to->n_idle = most > 0 ? n : 0;
    return KW_OK;
}

enum kw_status kw_fit_cold(struct kw_step_cold *to, const struct kw_measured *m, FILE *report, struct kw_error *err)
{
    struct cold c;
    enum kw_status st = cold_of(m, KW_MEASURED_AFTER_PROMPT, 0, &c, err);
    if (st != KW_OK) return st;
    *to = (struct kw_step_cold){ .after_prompt_s = c.median_s };
    if (c.n)
        fprintf(report,
                "caches: the decodes after a prompt, together,: %.0f us more (%zu pairs, %.0f to %.0f; %zu clear of "
                "what is settled%s)\n",
                c.median_s * 1e6, c.n, c.low_s * 1e6, c.high_s * 1e6, c.clear,
                c.median_s > 0 ? "" : ": not significant, 0");
    return fit_idle(to, m, report, err);
}
