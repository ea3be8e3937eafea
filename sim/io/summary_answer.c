/* The answer of a plan in plain words: what to rent, how many replicas to keep warm, at what cost, whether the objectives are
 * met, and how surely. What it rests on is another section's (summary_basis.c). */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/core/document.h"
#include "sim/io/quantity.h"
#include "sim/io/summary.h"

/* What the first month costs where a sign-up credit pays a part of it; false where none does. */
bool kw_summary_first_month(const struct kw_bill *month, kw_nusd one_off, char *buf, size_t size)
{
    char credit[32], left[32];
    if (!one_off) return false;
    snprintf(buf, size, "$%s: a sign-up credit pays $%s of it, once",
             kw_quantity_usd(kw_nano_to_double(month->total - one_off), left),
             kw_quantity_usd(kw_nano_to_double(one_off), credit));
    return true;
}

/* What a month would cost without the credit that a platform gives each month; false where none does. */
bool kw_summary_monthly_credit(const struct kw_bill *month, char *buf, size_t size)
{
    char credit[32], whole[32];
    if (!month->item[KW_ITEM_CREDIT]) return false;
    snprintf(buf, size, "$%s a month before the platform's monthly credit, which pays $%s of it, once an account",
             kw_quantity_usd(kw_nano_to_double(month->total - month->item[KW_ITEM_CREDIT]), whole),
             kw_quantity_usd(kw_nano_to_double(-month->item[KW_ITEM_CREDIT]), credit));
    return true;
}

static bool rests_on_unknown_limits(const struct kw_candidate *c)
{
    bool unknown = false;
    for (uint32_t d = 0; d < c->n; d++) unknown |= kw_choice_limits_unknown(&c->choice[d]);
    return unknown;
}

/* "1 x RTX 4090 (1 GPU) on RunPod Pods, Community Cloud, on demand: llama-3.1-8b in fp8" */
static void rent(const struct kw_choice *x, char *buf, size_t size)
{
    const char *title = x->platform->title, *model = kw_choice_model(x);
    char term[32];
    snprintf(term, sizeof term, "%s", kw_term_name[x->term]);
    for (char *c = term; *c; c++)
        if (*c == '_') *c = ' ';
    if (x->api) {
        snprintf(buf, size, "nothing: %s by the token from %s%s%s", model, title,
                 x->term == KW_TERM_ON_DEMAND ? "" : ", ", x->term == KW_TERM_ON_DEMAND ? "" : term);
        return;
    }
    if (x->platform->kind == KW_KIND_SERVERLESS || x->autoscaler) {
        char gpus[80];
        snprintf(gpus, sizeof gpus, x->gpus > 1 ? "%s x %u" : "%s", x->gpu->gpu, x->gpus);
        snprintf(buf, size, "%s on %s%s%s, up to %u replica%s as they are needed: %s in %s", gpus, title,
                 x->autoscaler ? ", " : "", x->autoscaler ? term : "", x->scaling.max_replicas,
                 x->scaling.max_replicas == 1 ? "" : "s", model, x->profile->precision);
        return;
    }
    uint32_t gpus = kw_gpus_rented(x->gpu, x->gpus, x->scaling.max_replicas),
             unit = x->gpu->gpus_min ? x->gpu->gpus_min : 1;
    snprintf(buf, size, "%u x %s (%u GPU%s) on %s, %s: %s in %s", gpus / unit,
             x->gpu->sku[0] ? x->gpu->sku : x->gpu->gpu, gpus, gpus == 1 ? "" : "s", title, term, model,
             x->profile->precision);
}

static uint32_t most_scheduled(const struct kw_schedule *s)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->change[i].warm > most) most = s->change[i].warm;
    return most;
}

/* "1 replica at all times; each further one stops after 300 s idle" */
static void keeps_warm(const struct kw_choice *x, char *buf, size_t size)
{
    uint32_t n = x->scaling.keep_warm;
    const char *more = x->prewarm.forecast ? ", more where a forecast wants them" : "";
    double idle = kw_nano_to_double(x->scaling.idle_timeout), last = kw_nano_to_double(x->scaling.zero_timeout);
    if (x->api)
        snprintf(buf, size, "nothing: the provider does");
    else if (x->platform->kind == KW_KIND_DEDICATED && !x->autoscaler)
        snprintf(buf, size, "%u replica%s, at all times: what is rented by the hour stays on", n, n == 1 ? "" : "s");
    else if (x->schedule.n)
        snprintf(buf, size, "%u to %u by the hour of the week (run says when); each further one stops after %g s idle",
                 n, most_scheduled(&x->schedule), idle);
    else if (n)
        snprintf(buf, size, "%u replica%s at all times%s; each further one stops after %g s idle", n, n == 1 ? "" : "s",
                 more, idle);
    else
        snprintf(buf, size, "none%s: the last replica stops after %g s idle, the next request starts one", more, last);
}

/* A fact for each deployment, the name of each before it where there are several. */
static void each(const char *label, const struct kw_candidate *c,
                 void (*words)(const struct kw_choice *, char *, size_t), struct kw_text *out)
{
    char text[600], one[500];
    bool pools = kw_candidate_pools_alike(c);
    for (uint32_t d = 0; d < (pools ? 1 : c->n); d++) {
        words(&c->choice[d], one, sizeof one);
        if (pools)
            snprintf(text, sizeof text, "in each of %u pools, one a model: %s", c->n, one);
        else if (c->n > 1)
            snprintf(text, sizeof text, "%s: %s", c->choice[d].name, one);
        else
            snprintf(text, sizeof text, "%s", one);
        kw_summary_paragraph(d ? "" : label, text, out);
    }
}

/* "TTFT p95 0.37 s of 2 s": every objective beside the figure that it is judged by, the worse end where that is a range. */
static void objectives(const struct kw_slo *s, const struct kw_point *p, struct kw_text *out)
{
    const struct {
        const char *what;
        enum kw_metric m;
        kw_ns most;
    } times[] = { { "TTFT p50", KW_METRIC_TTFT_P50, s->ttft_p50 }, { "TTFT p95", KW_METRIC_TTFT_P95, s->ttft_p95 },
                  { "TTFT p99", KW_METRIC_TTFT_P99, s->ttft_p99 }, { "TPOT p50", KW_METRIC_TPOT_P50, s->tpot_p50 },
                  { "TPOT p95", KW_METRIC_TPOT_P95, s->tpot_p95 }, { "TPOT p99", KW_METRIC_TPOT_P99, s->tpot_p99 },
                  { "E2E p50", KW_METRIC_E2E_P50, s->e2e_p50 },    { "E2E p95", KW_METRIC_E2E_P95, s->e2e_p95 },
                  { "E2E p99", KW_METRIC_E2E_P99, s->e2e_p99 } };
    const struct {
        const char *what, *bound;
        enum kw_metric m;
        double limit;
    } shares[] = { { "cold", "at most", KW_METRIC_COLD_FRACTION, s->cold_fraction },
                   { "errors", "at most", KW_METRIC_ERROR_FRACTION, s->error_fraction },
                   { "attainment", "at least", KW_METRIC_ATTAINMENT, s->attainment } };
    const char *sep = "met: ";
    struct kw_text text = { 0 };
    char number[32];
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        double v = p->m[times[i].m].value, limit = kw_nano_to_double(times[i].most);
        bool ms = limit < 1;
        if (!times[i].most) continue;
        if (kw_point_has_range(p) && p->beyond[times[i].m] > v) v = p->beyond[times[i].m];
        if (!isfinite(v)) continue;
        kw_text_add(&text, "%s%s %s %s (at most %g)", sep, times[i].what, kw_quantity_brief(ms ? 1e3 * v : v, number),
                    ms ? "ms" : "s", ms ? 1e3 * limit : limit);
        sep = ", ";
    }
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        if (shares[i].limit < 0) continue;
        kw_text_add(&text, "%s%s %s %% (%s %g)", sep, shares[i].what,
                    kw_quantity_percent(p->m[shares[i].m].value, number), shares[i].bound, 100 * shares[i].limit);
        sep = ", ";
    }
    if (s->budget_month)
        kw_text_add(&text, "%sthe budget of $%s a month", sep,
                    kw_quantity_usd(kw_nano_to_double(s->budget_month), number));
    if (s->n_by_class) kw_text_add(&text, "%sthose of each class, too", text.n ? "; " : sep);
    if (text.n) kw_summary_paragraph("objectives", text.s, out);
    out->failed |= text.failed;
    kw_text_free(&text);
}

static void cost(const struct kw_point *q, struct kw_text *out)
{
    char buf[300], a[32], b[32], c[32];
    if (!isfinite(q->m[KW_METRIC_TTFT_P95].value))
        snprintf(buf, sizeof buf, "$%s a month; its latency is not known: ranked by cost alone",
                 kw_quantity_usd(q->m[KW_METRIC_COST].value, a));
    else if (isfinite(q->m[KW_METRIC_COST].lo))
        snprintf(buf, sizeof buf, "$%s a month (95 %%: %s to %s)", kw_quantity_usd(q->m[KW_METRIC_COST].value, a),
                 kw_quantity_usd(q->m[KW_METRIC_COST].lo, b), kw_quantity_usd(q->m[KW_METRIC_COST].hi, c));
    else
        snprintf(buf, sizeof buf, "$%s a month", kw_quantity_usd(q->m[KW_METRIC_COST].value, a));
    kw_summary_paragraph("cost", buf, out);
    if (kw_summary_monthly_credit(&q->bill, buf, sizeof buf)) kw_summary_paragraph("credit", buf, out);
    if (kw_summary_first_month(&q->bill, q->one_off, buf, sizeof buf)) kw_summary_paragraph("first month", buf, out);
}

/* "0.37 s", or "0.64 to 2.59 s" where prompts pass those an API was measured with. */
static const char *seconds(const struct kw_point *q, enum kw_metric m, char *buf, size_t size)
{
    char a[32], b[32];
    double v = q->m[m].value, beyond = kw_point_has_range(q) ? q->beyond[m] : v;
    kw_quantity_brief(v, a);
    if (beyond > 1.01 * v)
        snprintf(buf, size, "%s to %s s", a, kw_quantity_brief(beyond, b));
    else
        snprintf(buf, size, "%s s", a);
    return buf;
}

/* What its users see, beside what was asked for. */
static void served(const struct kw_point *q, struct kw_text *out)
{
    char buf[400], p95[72], p99[72], cold[32], failed[32], goodput[32];
    if (!isfinite(q->m[KW_METRIC_TTFT_P95].value)) return;
    snprintf(
        buf, sizeof buf,
        "the first token within %s for 95 %% of the requests (TTFT p95), within %s for 99 %%; %s %% wait for a cold "
        "start, %s %% fail; %s a second within all limits (goodput)",
        seconds(q, KW_METRIC_TTFT_P95, p95, sizeof p95), seconds(q, KW_METRIC_TTFT_P99, p99, sizeof p99),
        kw_quantity_percent(q->m[KW_METRIC_COLD_FRACTION].value, cold),
        kw_quantity_percent(q->m[KW_METRIC_ERROR_FRACTION].value, failed),
        kw_quantity_brief(q->m[KW_METRIC_GOODPUT].value, goodput));
    kw_summary_paragraph("users see", buf, out);
}

static void how_surely(const struct kw_plan *p, struct kw_text *out)
{
    const struct kw_point *q = &p->points[p->best];
    char buf[600], days[64];
    snprintf(days, sizeof days, q->met == q->drawn ? "all %u" : "%u of the %u", q->met, q->drawn);
    if (q->drawn && p->tie)
        snprintf(buf, sizeof buf,
                 "meets the objectives on the traffic as it came and on %s drawings of its days anew; which is "
                 "cheapest is a tie",
                 days);
    else if (q->drawn)
        snprintf(buf, sizeof buf,
                 "meets the objectives on the traffic as it came and on %s drawings of its days anew; the cheapest "
                 "that does on %u of "
                 "them",
                 days, q->won);
    else
        snprintf(buf, sizeof buf, "judged on the traffic as it came alone; how much other days differ is not known");
    if (rests_on_unknown_limits(&p->candidates[p->best])) {
        size_t n = strlen(buf);
        snprintf(buf + n, sizeof buf - n, "; all of it only if rate limits that were not found carry the load");
    }
    kw_summary_paragraph("how surely", buf, out);
    if (q->margin.thin) kw_summary_paragraph("margin", kw_plan_margin_text(p, buf, sizeof buf), out);
    snprintf(buf, sizeof buf, "%s, the weakest of what this rests on", kw_grade_name[q->grade]);
    kw_summary_paragraph("inputs", buf, out);
}

static void nothing_meets(const struct kw_plan *p, struct kw_text *out)
{
    char buf[600], label[320], usd[32];
    kw_document_section(out, "Nothing meets the objectives");
    if (p->nearest_miss < 0) return;
    const struct kw_point *q = &p->points[p->nearest_miss];
    kw_candidate_label(&p->candidates[p->nearest_miss], label, sizeof label);
    if (kw_point_overloaded(q))
        snprintf(buf, sizeof buf, "%s: %s", label, q->miss);
    else
        snprintf(buf, sizeof buf, "%s at $%s a month: %s", label, kw_quantity_usd(q->m[KW_METRIC_COST].value, usd),
                 q->miss);
    kw_summary_paragraph("nearest", buf, out);
}

void kw_summary_answer(const struct kw_plan *p, const struct kw_slo *slo, struct kw_text *out)
{
    char buf[1200];
    if (p->best < 0) {
        nothing_meets(p, out);
    } else {
        const struct kw_candidate *c = &p->candidates[p->best];
        const struct kw_point *q = &p->points[p->best];
        kw_document_section(out, "Recommendation");
        each("rent", c, rent, out);
        each("keep warm", c, keeps_warm, out);
        cost(q, out);
        if (slo) objectives(slo, q, out);
        served(q, out);
        how_surely(p, out);
        kw_summary_paragraph("why", p->why, out);
    }
    for (size_t i = 0; i < p->n_stress; i++)
        kw_summary_paragraph(i ? "" : "if worse", kw_plan_stress_text(p, i, buf, sizeof buf), out);
    for (size_t i = 0; i < p->n_ranges; i++)
        kw_summary_paragraph(i ? "" : "range", kw_plan_range_text(p, i, buf, sizeof buf), out);
    if (p->best < 0) return;
    for (size_t i = 0; i < p->n_require; i++)
        kw_summary_paragraph(i ? "" : "required", kw_plan_required_text(p, i, buf, sizeof buf), out);
    kw_summary_sale(&p->candidates[p->best], out);
    kw_summary_paragraph("run", p->recommendation, out);
    for (uint32_t d = 0; d < p->candidates[p->best].n; d++) kw_summary_calls(&p->candidates[p->best].choice[d], out);
}
