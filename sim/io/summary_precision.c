/* What --precision asked for, what the drawings know, and what no drawing can narrow. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/io/quantity.h"
#include "sim/io/summary.h"
#include "sim/plan/sweep/precision.h"

/* "TTFT p95 0.369 s": of a percentile. */
static const char *percentile_words(enum kw_metric m, double v, char buf[64])
{
    static const char *const time[] = { "TTFT", "TPOT", "E2E" };
    static const char *const level[] = { "p50", "p95", "p99" };
    char number[32];
    int k = m - KW_METRIC_TTFT_P50;
    bool ms = k / 3 == 1;
    snprintf(buf, 64, "%s %s %s %s", time[k / 3], level[k % 3], kw_quantity_brief(ms ? 1e3 * v : v, number),
             ms ? "ms" : "s");
    return buf;
}

/* "0.8 %", "<0.1 %". */
static const char *within(double share, char buf[32])
{
    snprintf(buf, 32, share > 0 && share < 0.001 ? "<0.1 %%" : "%.1f %%", 100 * share);
    return buf;
}

/* The worse of the two; NAN is no figure. */
static double worse(double a, double b)
{
    return isnan(a) || b > a ? b : a;
}

/* The figures that the precision is of, and the worst of them. */
static double known(const struct kw_point *p, const struct kw_slo *slo, char *buf, size_t size)
{
    char usd[32], share[32], words[64], group[160];
    enum kw_metric m[KW_PERCENTILES];
    size_t at = 0, n = p->n_classes ? 0 : kw_slo_percentiles(slo, m);
    struct kw_precision x = kw_precision_reached(&p->sample[0][KW_METRIC_COST], p->replications, KW_METRICS);
    double worst = x.share;
    if (isnan(x.share)) /* a credit pays all of it in some drawing */
        at = (size_t)snprintf(buf, size, "cost not positive");
    else
        at = (size_t)snprintf(buf, size, "$%s a month within %s", kw_quantity_usd(x.mean, usd), within(x.share, share));
    for (size_t k = 0; k < n && at < size; k++) {
        x = kw_precision_reached(&p->sample[0][m[k]], p->replications, KW_METRICS);
        if (isnan(x.share)) continue;
        worst = worse(worst, x.share);
        at += (size_t)snprintf(buf + at, size - at, ", %s within %s", percentile_words(m[k], x.mean, words),
                               within(x.share, share));
    }
    for (uint32_t i = 0; i < p->n_classes; i++) {
        const struct kw_point_group *g = &p->group[i];
        n = kw_slo_percentiles(g->klass[0] ? kw_slo_of_class(slo, g->klass) : slo, m);
        for (size_t k = 0; k < n && at < size; k++) {
            x = kw_precision_reached(&p->group_sample[i][m[k]], p->replications, (size_t)p->n_groups * KW_METRICS);
            if (isnan(x.share)) continue;
            worst = worse(worst, x.share);
            at += (size_t)snprintf(buf + at, size - at, ", %s of %s within %s", percentile_words(m[k], x.mean, words),
                                   kw_point_group_name(g, group, sizeof group), within(x.share, share));
        }
    }
    return worst;
}

void kw_summary_precision(double asked, const struct kw_point *p, const struct kw_slo *slo, struct kw_text *out)
{
    char figures[600], buf[1200], low[32], high[32];
    if (!(asked > 0) || p->replications < KW_PRECISION_FIRST)
        return; /* too few days to draw: the month's line says so */
    double worst = known(p, slo, figures, sizeof figures);
    bool missed = p->replications == KW_REPLICATIONS_MAX && worst > asked * (1 + 1e-9);
    size_t at = (size_t)snprintf(buf, sizeof buf, "%g %%%s: %u drawings%s know the mean over weeks like this one, %s",
                                 100 * asked, missed ? " is not reached" : "", p->drawn,
                                 missed ? ", the most there are," : "", figures);
    const struct kw_estimate cost = kw_point_told(p, KW_METRIC_COST);
    if (isfinite(cost.lo) && at < sizeof buf)
        snprintf(buf + at, sizeof buf - at,
                 " (95 %%). One other week costs $%s to $%s: the interval is of that, and more drawings do not narrow "
                 "it, more days do",
                 kw_quantity_usd(cost.lo, low), kw_quantity_usd(cost.hi, high));
    kw_summary_paragraph("precision", buf, out);
}
