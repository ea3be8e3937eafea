/* tests/fidelity/silicon_table.h - the part of `make fidelity` on silicon.h: by engine and version, GPU and kind of model how
 * far a profile made on the spot is from what servers published, of both halves and of the one that judges. */
#ifndef KW_TESTS_FIDELITY_SILICON_TABLE_H
#define KW_TESTS_FIDELITY_SILICON_TABLE_H
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/ascending.h"
#include "tests/fidelity/silicon.h"

enum silicon_figure { SILICON_TPOT, SILICON_RATE, SILICON_TTFT };

/* ours / theirs - 1; NAN where nobody published it. */
static inline double silicon_off(const struct kw_silicon_run *r, enum silicon_figure f)
{
    if (f == SILICON_TPOT) return r->our_tpot_s / r->tpot_s - 1;
    if (f == SILICON_TTFT) return r->our_ttft_s / r->ttft_s - 1;
    return kw_silicon_rate(r, r->our_ttft_s, r->our_tpot_s) / kw_silicon_rate(r, r->ttft_s, r->tpot_s) - 1;
}

static inline bool silicon_moe(const struct kw_silicon_run *r)
{
    return r->m->experts.n > 0;
}

static inline bool silicon_alike(const struct kw_silicon_run *a, const struct kw_silicon_run *b)
{
    return !strcmp(a->engine, b->engine) && !strcmp(a->version, b->version) && !strcmp(a->gpu, b->gpu) &&
           silicon_moe(a) == silicon_moe(b);
}

static inline double silicon_median(double *v, size_t n)
{
    if (!n) return NAN;
    qsort(v, n, sizeof *v, kw_ascending);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Median absolute error of a figure over the judged runs of like's group (NULL: of all dense or all other models), and its
 * sign; the worst. *n counts. */
static inline double silicon_error(const struct kw_silicon *s, const struct kw_silicon_run *like, bool moe,
                                   enum silicon_figure f, bool held_out_only, double *worst, size_t *n)
{
    double *v = malloc((s->n + 1) * sizeof *v), sign;
    *worst = 0, *n = 0;
    for (size_t i = 0; v && i < s->n; i++) {
        const struct kw_silicon_run *r = &s->run[i];
        if (r->why != KW_SILICON_JUDGED || (held_out_only && !r->held_out)) continue;
        if (like ? !silicon_alike(like, r) : silicon_moe(r) != moe) continue;
        double off = silicon_off(r, f);
        if (!isfinite(off)) continue;
        if (fabs(off) > fabs(*worst)) *worst = off;
        v[(*n)++] = off;
    }
    if (!v) return NAN;
    sign = silicon_median(v, *n);
    for (size_t i = 0; i < *n; i++) v[i] = fabs(v[i]);
    double a = copysign(silicon_median(v, *n), sign);
    free(v);
    return a;
}

static inline void silicon_row(const struct kw_silicon *s, const struct kw_silicon_run *like, bool moe)
{
    static const enum silicon_figure figures[] = { SILICON_TPOT, SILICON_RATE, SILICON_TTFT };
    double worst, none;
    size_t n, held;
    silicon_error(s, like, moe, SILICON_TPOT, false, &worst, &n);
    silicon_error(s, like, moe, SILICON_TPOT, true, &none, &held);
    printf("  %-7s %-15s %-5s %-5s %4zu %4zu %+5.0f%% |", like ? like->engine : "all", like ? like->version : "",
           like ? like->gpu : "", moe ? "MoE" : "dense", n, held, 100 * worst);
    for (int half = 0; half < 2; half++) {
        for (size_t f = 0; f < 3; f++) {
            double e = silicon_error(s, like, moe, figures[f], half == 1, &none, &n);
            if (n)
                printf(" %+6.1f", 100 * e);
            else
                printf(" %6s", "-");
        }
        printf(half ? "\n" : " |");
    }
}

/* How many of the judging half lie within the 90 % interval of what was predicted of them. */
static inline void silicon_coverage(const struct kw_silicon *s, bool moe, const char *engine)
{
    printf("  90 %% intervals, judging half, %s%s%s:", moe ? "MoE" : "dense", engine ? ", " : "", engine ? engine : "");
    for (int ttft = 0; ttft < 2; ttft++) {
        size_t in = 0, n = 0;
        for (size_t i = 0; i < s->n; i++) {
            const struct kw_silicon_run *r = &s->run[i];
            if (r->why != KW_SILICON_JUDGED || !r->held_out || silicon_moe(r) != moe) continue;
            double off = silicon_off(r, ttft ? SILICON_TTFT : SILICON_TPOT),
                   within = ttft ? r->ttft_within : r->tpot_within;
            if (!isfinite(off) || (engine && strcmp(r->engine, engine))) continue;
            n++;
            in += fabs(log1p(off)) <= log1p(within);
        }
        printf("%s %s holds %.0f %% of %zu", ttft ? "," : "", ttft ? "TTFT" : "TPOT",
               n ? 100.0 * (double)in / (double)n : 0, n);
    }
    printf("\n");
}

static inline void print_silicon(const struct kw_silicon *s)
{
    size_t count[KW_SILICON_WHYS] = { 0 };
    for (size_t i = 0; i < s->n; i++) count[s->run[i].why]++;
    printf(
        "closed-loop runs of whole servers (silicon_public), predicted by profiles made on the spot: median absolute\n"
        "error in %%, with the sign of the median. judging half: configurations (model, GPU, engine, version, split) "
        "that\n"
        "no law was fitted to\n"
        "  %-7s %-15s %-5s %-5s %4s %4s %6s | %6s %6s %6s | %s\n"
        "  %-7s %-15s %-5s %-5s %4s %4s %6s | %6s %6s %6s | %6s %6s %6s\n",
        "", "", "", "", "", "of", "worst", "all", "", "", "judging half", "engine", "version", "GPU", "model", "n",
        "them", "TPOT", "TPOT", "rate", "TTFT", "TPOT", "rate", "TTFT");
    for (size_t i = 0; i < s->n; i++) {
        bool seen = s->run[i].why != KW_SILICON_JUDGED;
        for (size_t k = 0; k < i && !seen; k++)
            seen = s->run[k].why == KW_SILICON_JUDGED && silicon_alike(&s->run[k], &s->run[i]);
        if (!seen) silicon_row(s, &s->run[i], silicon_moe(&s->run[i]));
    }
    silicon_row(s, NULL, false);
    silicon_row(s, NULL, true);
    for (int moe = 0; moe < 2; moe++) {
        silicon_coverage(s, moe, NULL);
        silicon_coverage(s, moe, "vllm");
    }
    printf("  of %zu rows %zu are judged; not:", s->n, count[KW_SILICON_JUDGED]);
    for (int k = 1; k < KW_SILICON_WHYS; k++)
        if (count[k]) printf(" %zu %s;", count[k], kw_silicon_why_name[k]);
    printf("\n");
}

#endif
