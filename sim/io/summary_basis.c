/* What a plan's answer rests on: its inputs and their grade, what was assumed, what was left out, how the search went. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/core/document.h"
#include "sim/io/quantity.h"
#include "sim/io/summary.h"

void kw_summary_sale(const struct kw_candidate *c, struct kw_text *out)
{
    char buf[400], sale[200];
    for (uint32_t k = 0; k < c->n; k++) {
        const struct kw_choice *x = &c->choice[k];
        kw_sale_text(kw_choice_sale(x), sale, sizeof sale);
        snprintf(buf, sizeof buf, "%s%s%s", c->n > 1 ? x->name : "", c->n > 1 ? ": " : "", sale);
        kw_summary_paragraph(k ? "" : "on sale", buf, out);
    }
    for (uint32_t k = 0, shown = 0; k < c->n; k++)
        if (*kw_choice_bought(&c->choice[k], buf, sizeof buf)) kw_summary_paragraph(shown++ ? "" : "bought", buf, out);
    for (uint32_t k = 0, shown = 0; k < c->n; k++)
        if (*kw_choice_stand_in(&c->choice[k], buf, sizeof buf))
            kw_summary_paragraph(shown++ ? "" : "latency", buf, out);
}

/* What joins the GPUs of a replica, where several share a model. */
static void links(const struct kw_profile *const *p, size_t n, struct kw_text *out)
{
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        const struct kw_profile_link *l = &p[i]->link;
        char text[320];
        if (!l->name[0]) continue;
        snprintf(text, sizeof text, "%u x %s over %s, %s: %s", kw_profile_gpus(p[i]), p[i]->gpu, l->name,
                 kw_grade_name[l->provenance.grade], l->provenance.source);
        kw_summary_paragraph(first ? "link" : "", text, out);
        first = false;
    }
}

void kw_summary_step_times(const struct kw_candidate *c, size_t n, ptrdiff_t first, struct kw_text *out)
{
    enum { MOST = 6 };
    const struct kw_profile *named[MOST];
    size_t shown = 0;
    for (size_t i = 0; i <= n; i++) {
        const struct kw_candidate *x = i ? &c[i - 1] : first >= 0 ? &c[first] : NULL;
        for (uint32_t k = 0; x && k < x->n; k++) {
            const struct kw_profile *p = x->choice[k].profile;
            char basis[KW_PROFILE_TEXT];
            size_t j = 0;
            if (!p || !x->choice[k].steptime || (i && !p->file[0] && !p->unsteady && !p->set_aside)) continue;
            while (j < shown && named[j] != p) j++;
            if (j < shown || shown == MOST) continue;
            named[shown++] = p;
            kw_summary_paragraph(shown == 1 ? "step times" : "", kw_profile_basis(p, basis), out);
        }
    }
    links(named, shown, out);
}

void kw_summary_balancing(const struct kw_candidate *c, struct kw_text *out)
{
    char text[320];
    bool first = true;
    for (uint32_t k = 0; k < c->n; k++) {
        if (!*kw_choice_balancing(&c->choice[k], text, sizeof text)) continue;
        kw_summary_paragraph(first ? "balancing" : "", text, out);
        first = false;
    }
}

void kw_summary_assumed(const struct kw_candidate *c, struct kw_text *out)
{
    char text[240];
    bool first = true;
    for (uint32_t k = 0; k < c->n; k++) {
        const struct kw_speculative *s = &c->choice[k].speculative;
        const struct kw_link *l = &c->choice[k].kv_link;
        if (c->choice[k].prefill) {
            snprintf(text, sizeof text,
                     "%s: the KV cache moves over %.60s (%s), one prompt at a time from and to an engine",
                     c->choice[k].name, l->full_name, kw_grade_name[l->provenance.grade]);
            kw_summary_paragraph(first ? "assumed" : "", text, out);
            first = false;
        }
        if (!s->tokens) continue;
        snprintf(text, sizeof text,
                 "%s: that drafted tokens are right so often, each whatever the others are: the scenario's acceptance, "
                 "%.4g tokens a step",
                 c->choice[k].name, kw_speculative_mean(s));
        kw_summary_paragraph(first ? "assumed" : "", text, out);
        first = false;
    }
}

/* How the best fares with adapters; false where no request asked its engines for one. */
static bool adapter_words(const struct kw_point *q, char *buf, size_t size)
{
    const double wait = q->m[KW_METRIC_ADAPTER_WAIT].value;
    char number[32];
    if (isnan(q->m[KW_METRIC_ADAPTER_COLD].value)) return false;
    size_t at = (size_t)snprintf(buf, size, "%s %% of the LoRA requests waited for their adapter",
                                 kw_quantity_percent(q->m[KW_METRIC_ADAPTER_COLD].value, number));
    if (isfinite(wait))
        at += (size_t)snprintf(buf + at, size - at, ", %s s on average", kw_quantity_brief(wait, number));
    at += (size_t)snprintf(buf + at, size - at, "; %s loads in the window",
                           kw_quantity_number(q->m[KW_METRIC_ADAPTER_LOADS].value, number));
    if (q->adapter_overhead > 0)
        snprintf(buf + at, size - at, "; steps with adapters may take up to %s %% longer than without",
                 kw_quantity_percent(q->adapter_overhead, number));
    return true;
}

enum way { WAY_SHARED, WAY_POOLS, WAY_API, WAY_NONE };

static enum way adapter_way(const struct kw_candidate *c)
{
    if (kw_candidate_pools_alike(c)) return WAY_POOLS;
    if (c->n != 1 || !c->choice[0].lora.adapters) return WAY_NONE;
    return c->choice[0].profile ? WAY_SHARED : WAY_API;
}

/* The first by rank that meets the objectives of each way to serve adapters; false where there is but one way. */
static bool adapter_ways(const struct kw_plan *p, char *buf, size_t size)
{
    static const char *const way[] = { "beside their base", "in a pool for each model", "from an API" };
    ptrdiff_t best[WAY_NONE] = { -1, -1, -1 };
    bool tried[WAY_NONE] = { false };
    size_t at = 0, ways = 0;
    for (size_t k = 0; k < p->n; k++) {
        size_t i = p->order[k];
        enum way w = adapter_way(&p->candidates[i]);
        if (w == WAY_NONE) continue;
        tried[w] = true;
        if (p->points[i].feasible && best[w] < 0) best[w] = (ptrdiff_t)i;
    }
    buf[0] = 0;
    for (int w = 0; w < WAY_NONE && at < size; w++) {
        char usd[32], label[320];
        if (!tried[w]) continue;
        at += (size_t)snprintf(buf + at, size - at, "%s%s: ", ways++ ? "; " : "", way[w]);
        if (at >= size) break;
        if (best[w] < 0)
            at += (size_t)snprintf(buf + at, size - at, "none meets the objectives");
        else
            at += (size_t)snprintf(buf + at, size - at, "$%s (%s)",
                                   kw_quantity_usd(p->points[best[w]].m[KW_METRIC_COST].value, usd),
                                   kw_candidate_label(&p->candidates[best[w]], label, sizeof label));
    }
    return ways > 1;
}

static void left_out(const struct kw_plan *p, bool all, struct kw_text *out)
{
    char buf[900], without[4000];
    size_t shown = 0, others = 0, lines = 0;
    for (int a = 0; a < KW_ATTRIBUTES; a++)
        if (*kw_plan_without_text(p, (enum kw_attribute)a, without, sizeof without))
            kw_summary_paragraph(lines++ ? "" : "left out", without, out);
    for (size_t i = 0; i < p->n_dropped; i++) shown += p->dropped[i].missing != NULL;
    for (int sold = 0; sold < 2; sold++) /* what has ended is always told, and first */
        for (size_t i = 0; i < p->n_dropped; i++) {
            const struct kw_dropped *d = &p->dropped[i];
            if (d->missing || d->unsold == !!sold || (sold && !all && others++ >= 3)) continue;
            snprintf(buf, sizeof buf, "%s: %s", d->what, d->why);
            kw_summary_paragraph(lines++ ? "" : "left out", buf, out);
            shown++;
        }
    if (shown < p->n_dropped) {
        snprintf(buf, sizeof buf, "and %zu more (--all)", p->n_dropped - shown);
        kw_summary_paragraph("", buf, out);
    }
}

void kw_summary_basis(const struct kw_plan *p, bool all, struct kw_text *out)
{
    char buf[900];
    kw_document_section(out, "What this rests on");
    if (p->best >= 0) {
        const struct kw_point *q = &p->points[p->best];
        if (*kw_point_steady(q, buf, sizeof buf)) kw_summary_paragraph("steady", buf, out);
        bool waits = adapter_words(q, buf, sizeof buf);
        if (waits) kw_summary_paragraph("adapters", buf, out);
        if (adapter_ways(p, buf, sizeof buf)) kw_summary_paragraph(waits ? "" : "adapters", buf, out);
    }
    kw_summary_step_times(p->candidates, p->n, p->best, out);
    if (p->best >= 0) kw_summary_balancing(&p->candidates[p->best], out);
    for (size_t i = 0; i < p->n_assumptions && i < 6; i++)
        kw_summary_paragraph(i ? "" : "assumed", p->assumptions[i], out);
    left_out(p, all, out);
    if (p->untried[0]) kw_summary_paragraph("not tried", p->untried, out);
    kw_summary_paragraph("searched", kw_plan_searched_text(p, buf, sizeof buf), out);
}
