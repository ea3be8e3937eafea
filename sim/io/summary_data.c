#include "sim/fleet/schedule_rules.h"
#include "sim/io/summary.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/sweep/precision.h"

/* The shortest decimal that reads back as v: cJSON's own stops at 15 digits when that is near enough. */
static const char *shortest(double v, char buf[32])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, 32, "%.*g", digits, v);
        if (strtod(buf, NULL) == v) break;
    }
    return buf;
}

/* cJSON fails by NULL on an exhausted heap, and takes NULL for an object to add to: *lost remembers that a member is
 * missing, so that half a document is never printed. */
static void add_text(cJSON *o, const char *key, const char *v, bool *lost)
{
    if (!cJSON_AddStringToObject(o, key, v)) *lost = true;
}

static void add_bool(cJSON *o, const char *key, bool v, bool *lost)
{
    if (!cJSON_AddBoolToObject(o, key, v)) *lost = true;
}

static void add_number(cJSON *o, const char *key, double v, bool *lost)
{
    char buf[32];
    if (!(isfinite(v) ? cJSON_AddRawToObject(o, key, shortest(v, buf)) : cJSON_AddNullToObject(o, key))) *lost = true;
}

/* How a replica lies on its GPUs; one rank, and slices of experts, go without saying. */
static void add_split(cJSON *o, const struct kw_choice *c, bool *lost)
{
    add_number(o, "tp", c->tp, lost);
    if (c->dp > 1) add_number(o, "dp", c->dp, lost);
    if (c->ep > 1) add_number(o, "ep", c->ep, lost);
    if (!c->engines.decode) return;
    add_number(o, "prefill_engines", c->engines.prefill, lost);
    add_number(o, "prefill_tp", c->engines.prefill_tp, lost);
    add_number(o, "decode_engines", c->engines.decode, lost);
}

/* Takes item. */
static void add_element(cJSON *array, cJSON *item, bool *lost)
{
    if (cJSON_AddItemToArray(array, item)) return;
    cJSON_Delete(item);
    *lost = true;
}

static cJSON *add_array(cJSON *o, const char *key, bool *lost)
{
    cJSON *a = cJSON_AddArrayToObject(o, key);
    if (!a) *lost = true;
    return a;
}

static void add_estimate(cJSON *o, const struct kw_metric_info *info, struct kw_estimate e, bool *lost)
{
    char key[64];
    add_number(o, info->name, e.value, lost);
    snprintf(key, sizeof key, "%s_lo", info->name);
    add_number(o, key, e.lo, lost);
    snprintf(key, sizeof key, "%s_hi", info->name);
    add_number(o, key, e.hi, lost);
}

/* Of each class, model and region and each deployment what is told of it. */
static void add_groups(cJSON *o, const struct kw_point *p, bool *lost)
{
    cJSON *groups = add_array(o, "groups", lost);
    for (uint32_t i = 0; i < p->n_groups; i++) {
        const struct kw_point_group *g = &p->group[i];
        cJSON *x = cJSON_CreateObject();
        if (g->klass[0]) add_text(x, "class", g->klass, lost);
        if (g->model[0]) add_text(x, "model", g->model, lost);
        if (g->region[0]) add_text(x, "region", g->region, lost);
        if (g->deployment[0]) add_text(x, "deployment", g->deployment, lost);
        add_number(x, "requests", (double)g->arrived, lost);
        for (int m = 0; m < KW_METRICS; m++) {
            struct kw_estimate e = kw_point_group_told(p, i, (enum kw_metric)m);
            if (!isnan(e.value)) add_estimate(x, &kw_metric_info[m], e, lost);
        }
        add_element(groups, x, lost);
    }
}

/* Means over the drawings and how well they are known; nothing of fewer than tell it. */
static void add_means(cJSON *o, const struct kw_point *p, bool *lost)
{
    char key[64];
    if (p->replications < KW_PRECISION_FIRST) return;
    cJSON *x = cJSON_AddObjectToObject(o, "over_drawings");
    for (int m = 0; m < KW_METRICS; m++) {
        if (m != KW_METRIC_COST && !kw_metric_is_percentile((enum kw_metric)m)) continue;
        struct kw_precision k = kw_precision_reached(&p->sample[0][m], p->replications, KW_METRICS);
        add_number(x, kw_metric_info[m].name, k.mean, lost);
        snprintf(key, sizeof key, "%s_within", kw_metric_info[m].name);
        add_number(x, key, k.share, lost);
    }
}

/* thin is null where no plan judged it. */
static void add_margin(cJSON *o, const struct kw_margin *m, bool *lost)
{
    if (isnan(m->left))
        add_number(o, "thin", NAN, lost);
    else
        add_bool(o, "thin", m->thin, lost);
    add_number(o, "margin_left", m->left, lost);
    add_number(o, "margin_error", m->error, lost);
    add_number(o, "p_feasible_with_step_error", m->probability, lost);
}

/* Dates are null where nobody says. */
static void add_date(cJSON *o, const char *key, const char *date, bool *lost)
{
    if (!(date[0] ? cJSON_AddStringToObject(o, key, date) : cJSON_AddNullToObject(o, key))) *lost = true;
}

static void add_sale(cJSON *o, const struct kw_choice *c, bool *lost)
{
    char buf[400];
    const struct kw_sale *s = kw_choice_sale(c);
    add_date(o, "seen", s->seen, lost);
    add_date(o, "ends", s->ends, lost);
    add_bool(o, "ended", s->ended, lost);
    add_bool(o, "not_seen_for_long", s->unseen, lost);
    if (*kw_choice_stand_in(c, buf, sizeof buf)) add_text(o, "latency_stand_in", buf, lost);
}

static void add_units(cJSON *o, const struct kw_choice *c, bool *lost)
{
    const struct kw_provision *p = &c->provision;
    struct kw_unit_price price = kw_choice_unit_price(c);
    char exact[32];
    cJSON *x = cJSON_AddObjectToObject(o, "provisioned");
    add_number(x, "units", p->bought.n, lost);
    add_text(x, "unit", c->api->provisioned.unit, lost);
    add_text(x, "term", kw_commitment_name[p->commitment], lost);
    add_bool(x, "spill", p->bought.above == KW_ABOVE_SPILL, lost);
    add_text(x, "price_usd", kw_nano_format(exact, sizeof exact, price.v), lost);
    add_text(x, "price_per", kw_commitment_name[price.per], lost);
    add_text(x, "committed_usd", kw_nano_format(exact, sizeof exact, kw_choice_committed(c)), lost);
}

static cJSON *point_object(const struct kw_candidate *c, const struct kw_point *p, bool *lost)
{
    char buf[512], exact[32];
    cJSON *o = cJSON_CreateObject();
    add_text(o, "label", kw_candidate_label(c, buf, sizeof buf), lost);
    if (c->n > 1) add_text(o, "routing", kw_candidate_routing(c, buf, sizeof buf), lost);
    cJSON *deployments = add_array(o, "deployments", lost);
    for (uint32_t k = 0; k < c->n; k++) {
        const struct kw_choice *d = &c->choice[k];
        cJSON *x = cJSON_CreateObject();
        add_text(x, "name", d->name, lost);
        add_text(x, "platform", d->platform->name, lost);
        add_text(x, "kind", kw_kind_name[d->platform->kind], lost);
        if (d->region) add_text(x, "region", d->region->name, lost);
        add_text(x, "model", kw_choice_model(d), lost);
        if (d->gpu) {
            add_text(x, "gpu", d->gpu->gpu, lost);
            add_text(x, "precision", d->profile->precision, lost);
            add_split(x, d, lost);
            if (d->profile->link.name[0]) {
                add_text(x, "link", d->profile->link.name, lost);
                add_text(x, "link_grade", kw_grade_name[d->profile->link.provenance.grade], lost);
            }
            add_text(x, "profile", kw_profile_name(d->profile, buf), lost);
            if (d->profile->file[0]) add_text(x, "profile_sha256", d->profile->sha256, lost);
            add_text(x, "profile_grade", kw_grade_name[d->profile->steps.grade], lost);
            if (d->profile->steps.date[0]) add_text(x, "step_times", kw_profile_basis(d->profile, buf), lost);
            if (*kw_choice_drafting(d, buf, sizeof buf)) add_text(x, "speculative", buf, lost);
            if (*kw_choice_engines_text(d, buf, sizeof buf)) add_text(x, "disaggregated", buf, lost);
            if (*kw_choice_offload_text(d, buf, sizeof buf)) add_text(x, "kv_offload", buf, lost);
            add_number(x, "keep_warm", d->scaling.keep_warm, lost);
            add_number(x, "max_replicas", d->scaling.max_replicas, lost);
            add_text(x, "idle_timeout_s", kw_nano_format(exact, sizeof exact, d->scaling.idle_timeout), lost);
        }
        if (d->gpu) {
            add_text(x, "balance", kw_balance_name[d->balance], lost);
            add_text(x, "balance_grade", kw_grade_name[kw_choice_balance_grade(d)], lost);
        }
        if (d->api) add_bool(x, "limits_known", !kw_choice_limits_unknown(d), lost);
        add_text(x, "term", kw_term_name[d->term], lost);
        if (kw_term_months(d->term)) add_number(x, "committed_months", kw_term_months(d->term), lost);
        if (d->term == KW_TERM_PROVISIONED) add_units(x, d, lost);
        add_sale(x, d, lost);
        add_text(x, "settings", kw_choice_settings(d, buf, sizeof buf), lost);
        add_element(deployments, x, lost);
    }
    if (c->choice[0].tells_model) add_number(o, "quality", kw_candidate_quality(c), lost); /* null: not stated */
    for (int m = 0; m < KW_METRICS; m++) {
        add_estimate(o, &kw_metric_info[m], kw_point_told(p, (enum kw_metric)m), lost);
    }
    add_groups(o, p, lost);
    const struct kw_bill *b = kw_point_bill(p);
    cJSON *bill = cJSON_AddObjectToObject(o, "bill_usd_month");
    for (int i = 0; i < KW_ITEMS; i++)
        if (b->item[i]) add_text(bill, kw_item_name[i], kw_nano_format(exact, sizeof exact, b->item[i]), lost);
    add_text(bill, "total", kw_nano_format(exact, sizeof exact, b->total), lost);
    if (p->one_off && !kw_point_overloaded(p))
        add_text(o, "one_off_credit_usd", kw_nano_format(exact, sizeof exact, p->one_off), lost);
    if (p->arrived) { /* simulated now: a result keeps the counts in its own columns */
        add_number(o, "interruptions", (double)p->interruptions, lost);
        add_number(o, "cut_off", (double)p->cut_off, lost);
        add_number(o, "standins", (double)p->standins, lost);
        add_number(o, "windows", p->passes, lost);
        add_text(o, "steady_state", kw_steadiness_name[p->steady], lost);
        add_number(o, "steady_error", p->steady_error, lost);
    }
    add_bool(o, "overloaded", kw_point_overloaded(p), lost);
    if (kw_point_has_range(p)) { /* the other end of the range */
        cJSON *beyond = cJSON_AddObjectToObject(o, "if_longer_prompts_wait_in_proportion");
        if (p->known_to) add_number(beyond, "measured_to_tokens", p->known_to, lost);
        if (p->rate_known_to) add_number(beyond, "rate_measured_to_tokens", p->rate_known_to, lost);
        if (p->steps_outside > 0) add_number(beyond, "steps_outside", p->steps_outside, lost);
        if (p->adapter_overhead > 0) add_number(beyond, "adapter_overhead", p->adapter_overhead, lost);
        add_number(beyond, "ttft_p95_s", p->beyond[KW_METRIC_TTFT_P95], lost);
        add_number(beyond, "tpot_p95_s", p->beyond[KW_METRIC_TPOT_P95], lost);
        add_number(beyond, "e2e_p95_s", p->beyond[KW_METRIC_E2E_P95], lost);
    }
    if (c->as_written) add_bool(o, "as_written", true, lost);
    add_bool(o, "feasible", p->feasible, lost);
    add_text(o, "miss", p->miss, lost);
    add_text(o, "nothing_to_judge", p->unjudged, lost);
    add_number(o, "rank", p->rank, lost);
    add_number(o, "drawings", p->drawn, lost);
    add_number(o, "best_in", p->won, lost);
    add_number(o, "feasible_in", p->met, lost);
    add_number(o, "p_best", kw_point_p_best(p), lost);
    add_number(o, "p_feasible", kw_point_p_feasible(p), lost);
    add_means(o, p, lost);
    add_bool(o, "tie", p->tie, lost);
    add_margin(o, &p->margin, lost);
    add_bool(o, "pruned", p->pruned, lost);
    add_number(o, "replications", p->replications, lost);
    add_text(o, "grade", kw_grade_name[p->grade], lost);
    return o;
}

static cJSON *reading_object(const struct kw_reading *r, const struct kw_candidate *c, bool *lost)
{
    char buf[400];
    cJSON *o = cJSON_CreateObject();
    add_text(o, "label", kw_candidate_label(c, buf, sizeof buf), lost);
    for (int i = 0; i < 2; i++) {
        char key[40];
        snprintf(key, sizeof key, "%s_usd_month", kw_reading_name[r->of][i]);
        add_number(o, key, r->cost[i], lost);
        snprintf(key, sizeof key, "%s_e2e_p95_s", kw_reading_name[r->of][i]);
        if (r->of == KW_READING_BATCH) add_number(o, key, r->e2e[i], lost);
    }
    add_bool(o, "other_feasible", r->feasible, lost);
    add_text(o, "other_miss", r->miss, lost);
    add_text(o, "grade", kw_grade_name[r->grade], lost);
    add_text(o, "text", kw_reading_text(r, buf, sizeof buf), lost);
    return o;
}

/* begin_unix_s is null where the trace has no dates. */
static void add_window(cJSON *root, const struct kw_window *w, bool *lost)
{
    char text[512];
    cJSON *o = cJSON_AddObjectToObject(root, "window");
    add_text(o, "chosen", kw_window_chosen_name[w->chosen], lost);
    add_number(o, "hours", (double)(w->end - w->begin) / (double)KW_NS_PER_HOUR, lost);
    add_number(o, "begin_unix_s", w->begin_unix == INT64_MIN ? NAN : (double)w->begin_unix, lost);
    add_number(o, "left_out", (double)w->left_out, lost);
    add_text(o, "text", kw_window_text(w, text, sizeof text), lost);
}

/* By what it bills the tokens: units bill those that spill on demand. */
static enum kw_term token_term(const struct kw_choice *c)
{
    return c->term == KW_TERM_PROVISIONED ? KW_TERM_ON_DEMAND : c->term;
}

/* The same choice, for what a bill rests on. */
static bool same_offer(const struct kw_choice *a, const struct kw_choice *b)
{
    return a->platform == b->platform && a->api == b->api && a->gpu == b->gpu && token_term(a) == token_term(b) &&
           !strcmp(a->name, b->name);
}

/* Of the deployment d of c[k], or of its limits. */
static bool told_before(const struct kw_candidate *c, size_t k, uint32_t d, bool limits)
{
    const struct kw_choice *x = &c[k].choice[d];
    for (size_t i = 0; i <= k; i++)
        for (uint32_t j = 0; j < (i < k ? c[i].n : d); j++)
            if (same_offer(&c[i].choice[j], x) && (!limits || kw_choice_limits_unknown(&c[i].choice[j]))) return true;
    return false;
}

bool kw_summary_unknown_at(const struct kw_candidate *c, size_t n, const struct kw_trace *t, size_t i, char *buf,
                           size_t size)
{
    for (size_t k = 0; k < n; k++)
        for (uint32_t d = 0; d < c[k].n; d++) {
            const struct kw_choice *x = &c[k].choice[d];
            if (!told_before(c, k, d, false) && *kw_choice_unknown(x, t, buf, size) && !i--) return true;
            if (!told_before(c, k, d, true) && *kw_choice_unlimited(x, t, buf, size) && !i--) return true;
        }
    return false;
}

/* value is null where it is not known. */
static void add_attribute(cJSON *o, enum kw_attribute a, const struct kw_attribute_fact *f, bool *lost)
{
    add_text(o, "attribute", kw_attribute_name[a], lost);
    if (f->answer == KW_ANSWER_UNKNOWN)
        *lost |= !cJSON_AddNullToObject(o, "value");
    else
        add_bool(o, "value", f->answer == KW_ANSWER_YES, lost);
    add_text(o, "note", f->note, lost);
    if (f->answer == KW_ANSWER_UNKNOWN) return;
    add_text(o, "source", f->provenance.source, lost);
    add_date(o, "date", f->provenance.date, lost);
    add_text(o, "grade", kw_grade_name[f->provenance.grade], lost);
}

/* What the platforms of the recommendation say of each attribute that was required. */
static void add_required(cJSON *root, const struct kw_plan *p, bool *lost)
{
    cJSON *list = add_array(root, "required", lost);
    for (size_t i = 0; i < p->n_require; i++)
        for (uint32_t d = 0; p->best >= 0 && d < p->candidates[p->best].n; d++) {
            const struct kw_platform *q = p->candidates[p->best].choice[d].platform;
            cJSON *x = cJSON_CreateObject();
            add_text(x, "platform", q->name, lost);
            add_attribute(x, p->require[i].attribute, &q->attribute[p->require[i].attribute], lost);
            add_element(list, x, lost);
        }
}

/* quality and tokens are null where they are not stated. */
static void add_substitutes(cJSON *root, const struct kw_plan *p, bool *lost)
{
    cJSON *list = add_array(root, "substitutes", lost);
    for (size_t i = 0; i < p->n_substitutes; i++) {
        const struct kw_substitute *s = &p->substitute[i];
        cJSON *x = cJSON_CreateObject();
        add_text(x, "model", s->model, lost);
        add_number(x, "quality", s->quality ? s->quality : NAN, lost);
        add_number(x, "tokens", s->tokens_ppm ? (double)s->tokens_ppm / 1e6 : NAN, lost);
        add_element(list, x, lost);
    }
}

static void add_search(cJSON *root, const struct kw_plan *p, bool *lost)
{
    cJSON *o = cJSON_AddObjectToObject(root, "search");
    add_number(o, "gated", (double)p->n_dropped, lost);
    add_number(o, "candidates", (double)p->count.candidates, lost);
    add_number(o, "bounded", (double)p->count.bounded, lost);
    add_number(o, "stopped", (double)p->count.stopped, lost);
    add_number(o, "simulated", (double)p->count.simulated, lost);
    add_number(o, "raced", (double)p->count.raced, lost);
    add_number(o, "runs", (double)p->simulations, lost);
    add_number(o, "runs_shared", (double)p->simulations_shared, lost);
    add_number(o, "requests", (double)p->requests, lost);
}

/* Every fact that was moved, or read otherwise; move null: none up to KW_FLIP_MOST times either way flips the answer, nor does the
 * other reading; 0: that does. An end of an interval that
 * no move reaches is null, too, beside "noise" of a fact that other days alone may flip. */
static void add_flips(cJSON *root, const struct kw_plan *p, bool *lost)
{
    cJSON *list = add_array(root, "flips", lost);
    for (size_t i = 0; i < p->n_flips; i++) {
        const struct kw_flip *f = &p->flips[i];
        const struct kw_lever *l = &f->lever;
        cJSON *o = cJSON_CreateObject();
        add_text(o, "kind", kw_lever_name[l->kind], lost);
        add_text(o, "fact", l->fact, lost);
        add_number(o, "value", l->value, lost);
        add_text(o, "unit", l->unit, lost);
        add_text(o, "grade", kw_grade_name[l->provenance.grade], lost);
        add_text(o, "source", l->provenance.source, lost);
        add_date(o, "date", l->provenance.date, lost);
        add_number(o, "age_days", f->age_days < 0 ? NAN : (double)f->age_days, lost);
        add_number(o, "move", f->move.value, lost);
        add_number(o, "move_lo", f->move.lo, lost);
        add_number(o, "move_hi", f->move.hi, lost);
        add_number(o, "stands", f->stands, lost);
        add_bool(o, "sought", f->sought, lost);
        if (f->reading) add_text(o, "reading", f->reading, lost);
        if (f->reading) add_text(o, "other_reading", f->other, lost);
        add_bool(o, "noise", f->noise, lost);
        add_number(o, "value_at_flip", f->at, lost);
        add_bool(o, "misses", f->misses, lost);
        if (f->then[0]) add_text(o, "then", f->then, lost);
        add_number(o, "cost_usd_month", f->cost, lost);
        add_element(list, o, lost);
    }
}

static void add_rules(cJSON *o, const struct kw_schedule *s, bool *lost)
{
    struct kw_schedule_rule rule[KW_SCHEDULE_RULES];
    uint32_t otherwise, n = kw_schedule_rules(s, rule, &otherwise);
    add_text(o, "timezone", s->zone->name, lost);
    cJSON *list = add_array(o, "rules", lost);
    for (uint32_t i = 0; i < n; i++) {
        char days[40], at[8];
        cJSON *x = cJSON_CreateObject();
        add_text(x, "days", kw_schedule_days_text(rule[i].days, days, sizeof days), lost);
        snprintf(at, sizeof at, "%02d:%02d", rule[i].from / 60 % 24, rule[i].from % 60);
        add_text(x, "from", at, lost);
        snprintf(at, sizeof at, "%02d:%02d", rule[i].to / 60 % 25, rule[i].to % 60);
        add_text(x, "to", at, lost);
        add_number(x, "keep_warm", rule[i].warm, lost);
        add_element(list, x, lost);
    }
    add_number(o, "otherwise", otherwise, lost);
}

/* As a deployment of a scenario has a schedule, with what it saves. */
static void add_schedules(cJSON *root, const struct kw_plan *p, bool *lost)
{
    cJSON *list = add_array(root, "schedules", lost);
    for (size_t k = 0; k < p->n_schedules; k++) {
        const struct kw_plan_schedule *s = &p->schedule[k];
        cJSON *o = cJSON_CreateObject();
        add_text(o, "constant", s->label, lost);
        add_number(o, "constant_usd_month", s->constant, lost);
        add_number(o, "bound_usd_month", isinf(s->found.bound) ? NAN : s->found.bound, lost);
        add_number(o, "foresight_usd_month", isinf(s->foresight) ? NAN : s->foresight, lost);
        add_number(o, "usd_month", s->found.any ? s->found.cost : NAN, lost);
        add_number(o, "ttft_p95_s", s->found.any ? s->found.ttft_p95_s : NAN, lost);
        add_number(o, "point", s->candidate < 0 ? NAN : (double)s->candidate, lost);
        if (s->found.any) add_rules(o, &s->choice.schedule, lost);
        add_number(o, "drawn", s->drawn, lost);
        add_number(o, "met", s->met, lost);
        if (s->found.any) {
            add_number(o, "hours", s->found.n, lost);
            add_number(o, "share_of_late", s->share, lost);
            cJSON *fitted = cJSON_AddObjectToObject(o, "fitted_to_replayed_days");
            add_number(fitted, "usd_month", s->close.cost, lost);
            add_number(fitted, "hours", s->close.n, lost);
            add_number(fitted, "bound_usd_month", s->close.bound, lost);
            add_number(fitted, "met", s->close_met, lost);
            add_rules(fitted, &s->close_schedule, lost);
        }
        add_bool(o, "fits_replayed_days_alone", s->fits_alone, lost);
        if (s->weeks) {
            cJSON *later = cJSON_AddObjectToObject(o, "later");
            add_number(later, "weeks", s->weeks, lost);
            add_number(later, "usd_month", s->later.cost, lost);
            add_number(later, "ttft_p95_s", s->later.ttft_p95_s, lost);
            add_bool(later, "feasible", s->later.feasible, lost);
        }
        add_element(list, o, lost);
    }
}

static cJSON *tradeoff_object(const struct kw_tradeoff *x, bool *lost)
{
    cJSON *o = cJSON_CreateObject();
    add_number(o, "keep_warm", x->keep_warm, lost);
    add_number(o, "point", x->candidate < 0 ? NAN : (double)x->candidate, lost); /* null: simulated for this alone */
    for (int k = 0; k < KW_TRADEOFF_FIGURES; k++)
        add_estimate(o, &kw_metric_info[kw_tradeoff_metric[k]], x->of[k], lost);
    add_bool(o, "overloaded", x->overloaded, lost);
    add_bool(o, "feasible", x->feasible, lost);
    add_number(o, "drawings", x->drawn, lost);
    add_number(o, "feasible_in", x->met, lost);
    return o;
}

static void add_tradeoffs(cJSON *root, const struct kw_plan *p, bool *lost)
{
    const struct kw_tradeoffs *t = &p->tradeoffs;
    char exact[32];
    cJSON *curves = add_array(root, "keep_warm_curves", lost);
    for (size_t i = 0; i < t->n_curves; i++) {
        const struct kw_choice *c = &p->candidates[t->curve[i].leader].choice[0];
        cJSON *o = cJSON_CreateObject();
        add_text(o, "platform", c->platform->name, lost);
        add_text(o, "gpu", c->gpu->gpu, lost);
        add_text(o, "precision", c->profile->precision, lost);
        add_split(o, c, lost);
        add_text(o, "idle_timeout_s", kw_nano_format(exact, sizeof exact, c->scaling.idle_timeout), lost);
        add_number(o, "concurrency", kw_choice_concurrency(c), lost);
        add_number(o, "best_point", (double)t->curve[i].leader, lost);
        cJSON *points = add_array(o, "points", lost);
        for (size_t k = 0; k < t->curve[i].n; k++)
            add_element(points, tradeoff_object(&t->curve[i].point[k], lost), lost);
        add_element(curves, o, lost);
    }
    cJSON *frontier = add_array(root, "frontier", lost);
    for (size_t i = 0; i < t->n_frontier; i++) add_element(frontier, tradeoff_object(&t->frontier[i], lost), lost);
}

/* What a plan says, its ranges, what is not known, and its points. */
static void add_results(cJSON *root, const struct kw_trace *t, const struct kw_candidate *c, const struct kw_point *p,
                        size_t n, const struct kw_plan *plan, const struct kw_reading *reading, bool *lost)
{
    if (plan) {
        add_text(root, "recommendation", plan->recommendation, lost);
        add_text(root, "why", plan->why, lost);
        if (plan->untried[0]) add_text(root, "not_tried", plan->untried, lost);
        add_text(root, "scaling", plan->scaling, lost);
        add_number(root, "best", (double)plan->best, lost);
        add_number(root, "runner_up", (double)plan->runner_up, lost);
        add_number(root, "nearest_miss", (double)plan->nearest_miss, lost);
        add_bool(root, "tie", plan->tie, lost);
        if (plan->best >= 0) add_margin(root, &p[plan->best].margin, lost);
        cJSON *dropped = add_array(root, "left_out", lost);
        for (size_t i = 0; i < plan->n_dropped; i++) {
            cJSON *x = cJSON_CreateObject();
            add_text(x, "what", plan->dropped[i].what, lost);
            add_text(x, "why", plan->dropped[i].why, lost);
            add_bool(x, "not_on_sale", plan->dropped[i].unsold, lost);
            if (plan->dropped[i].missing) add_attribute(x, plan->dropped[i].attribute, plan->dropped[i].missing, lost);
            add_element(dropped, x, lost);
        }
        add_required(root, plan, lost);
        add_substitutes(root, plan, lost);
        add_schedules(root, plan, lost);
        add_flips(root, plan, lost);
        add_search(root, plan, lost);
        add_tradeoffs(root, plan, lost);
    }
    cJSON *ranges = add_array(root, "ranges", lost);
    for (size_t i = 0; plan && i < plan->n_ranges; i++) {
        const struct kw_range *r = &plan->ranges[i];
        cJSON *o = reading_object(&r->reading, &c[r->candidate], lost);
        add_bool(o, "other_wins", r->wins, lost);
        add_element(ranges, o, lost);
    }
    for (int of = 0; !plan && reading && of < KW_READINGS; of++)
        if (reading[of].shown) add_element(ranges, reading_object(&reading[of], &c[0], lost), lost);
    char unknown[320];
    cJSON *sentences = t ? add_array(root, "not_known", lost) : NULL;
    for (size_t i = 0; t && kw_summary_unknown_at(c, n, t, i, unknown, sizeof unknown); i++)
        add_element(sentences, cJSON_CreateString(unknown), lost);
    cJSON *points = add_array(root, "points", lost);
    for (size_t i = 0; i < n; i++) add_element(points, point_object(&c[i], &p[i], lost), lost);
}

static void add_best(cJSON *o, const char *key, const struct kw_kind_best *x, bool *lost)
{
    cJSON *to = cJSON_AddObjectToObject(o, key);
    add_text(to, "label", x->label, lost);
    add_estimate(to, &kw_metric_info[KW_METRIC_COST], x->cost, lost);
    add_number(to, "ttft_p95_s", x->ttft_p95_s, lost);
    add_bool(to, "latency_assumed", x->assumed, lost);
    add_number(to, "utilisation", x->utilisation, lost);
    add_number(to, "capacity_used", x->capacity_used, lost);
    add_number(to, "replica_usd_hour", x->replica_hour, lost);
}

static void add_crossing(cJSON *to, const struct kw_crossing *c, bool *lost)
{
    add_text(to, "from", kw_kind_name[c->from], lost);
    add_text(to, "to", kw_kind_name[c->to], lost);
    add_number(to, "tokens_month", c->tokens_month, lost);
    add_number(to, "tokens_month_lo", c->lo, lost);
    add_number(to, "tokens_month_hi", c->hi, lost);
    add_bool(to, "interval_counts_other_days", c->estimated, lost);
    add_bool(to, "step", c->step, lost);
    add_best(to, "below", &c->below, lost);
    add_best(to, "above", &c->above, lost);
}

/* Volumes, and what was found between them. */
static void add_volumes(cJSON *root, const struct kw_breakeven *b, bool *lost)
{
    char method[1024];
    if (!b) return;
    cJSON *o = cJSON_AddObjectToObject(root, b->searched ? "break_even" : "volumes");
    add_text(o, "method", kw_breakeven_method(b, method, sizeof method), lost);
    add_number(o, "dispersion_10_s", b->dispersion, lost);
    cJSON *volumes = add_array(o, "volumes", lost);
    for (uint32_t v = 0; v < b->n_volumes; v++) {
        const struct kw_volume_point *p = &b->volume[v];
        cJSON *x = cJSON_CreateObject();
        add_number(x, "factor", p->factor, lost);
        add_number(x, "tokens_month", p->tokens_month, lost);
        add_number(x, "requests_replayed", (double)p->requests, lost);
        add_number(x, "windows", p->windows, lost);
        add_number(x, "part", p->part, lost);
        add_number(x, "pools", p->pools, lost);
        add_text(x, "cheapest", p->winner < 0 ? "" : kw_kind_name[p->winner], lost);
        for (int k = 0; k < KW_KINDS; k++) add_best(x, kw_kind_name[k], &p->kind[k], lost);
        add_element(volumes, x, lost);
    }
    if (!b->searched) return;
    cJSON *crossings = add_array(o, "crossings", lost);
    for (uint32_t i = 0; i < b->n_crossings; i++) {
        cJSON *x = cJSON_CreateObject();
        add_crossing(x, &b->crossing[i], lost);
        add_element(crossings, x, lost);
    }
    if (isnan(b->serverless_to_dedicated.tokens_month)) return;
    cJSON *x = cJSON_AddObjectToObject(o, "serverless_cheaper_below");
    const struct kw_crossing *c = &b->serverless_to_dedicated;
    add_estimate(x, &kw_metric_info[KW_METRIC_CAPACITY_USED], c->used, lost);
    add_number(x, "utilisation", c->above.utilisation, lost);
    add_number(x, "price_ratio", c->above.replica_hour / c->below.replica_hour, lost);
    add_crossing(x, c, lost);
}

static void add_side(cJSON *o, const char *key, const struct kw_migration_side *s, bool *lost)
{
    char exact[32];
    cJSON *x = cJSON_AddObjectToObject(o, key);
    add_text(x, "cost_usd_month", kw_nano_format(exact, sizeof exact, s->cost), lost);
    if (!s->served) return;
    add_number(x, "ttft_p95_s", s->ttft_p95, lost);
    add_number(x, "ttft_p99_s", s->ttft_p99, lost);
    add_number(x, "cold_fraction", s->cold, lost);
    add_number(x, "error_fraction", s->error, lost);
    add_bool(x, "feasible", s->met, lost);
    if (!s->met) add_text(x, "miss", s->miss, lost);
}

static void add_back(cJSON *o, const struct kw_migration_back *b, bool *lost)
{
    cJSON *x = cJSON_AddObjectToObject(o, "back");
    add_number(x, "arrived", (double)b->arrived, lost);
    add_number(x, "failed", (double)b->failed, lost);
    add_number(x, "cut_off", (double)b->cut, lost);
    add_number(x, "error_fraction", b->error, lost);
    add_number(x, "ttft_p95_s", b->ttft_p95, lost);
    add_number(x, "first_token_s", b->first_token, lost);
    add_number(x, "more_starts", b->starts, lost);
    add_number(x, "more_cost_usd", b->cost, lost);
}

static void add_migration(cJSON *root, const struct kw_migration *m, bool *lost)
{
    char exact[32];
    if (!m) return;
    cJSON *o = cJSON_AddObjectToObject(root, "migration"), *steps;
    add_text(o, "from", m->name[KW_MIGRATION_OLD], lost);
    add_text(o, "to", m->name[KW_MIGRATION_NEW], lost);
    add_text(o, "from_binds", m->binds[KW_MIGRATION_OLD], lost);
    add_text(o, "to_binds", m->binds[KW_MIGRATION_NEW], lost);
    add_bool(o, "to_single", m->single, lost);
    add_number(o, "failure_s", kw_nano_to_double(m->failure), lost);
    add_number(o, "failure_from_s", kw_nano_to_double(m->failure_at), lost);
    steps = add_array(o, "steps", lost);
    for (uint32_t i = 0; i < m->n; i++) {
        const struct kw_migration_step *s = &m->step[i];
        cJSON *x = cJSON_CreateObject();
        add_number(x, "share", s->share, lost);
        add_text(x, "cost_usd_month", kw_nano_format(exact, sizeof exact, s->cost), lost);
        add_bool(x, "feasible", s->met, lost);
        if (!s->met) add_text(x, "miss", s->miss, lost);
        add_side(x, "old", &s->side[KW_MIGRATION_OLD], lost);
        add_side(x, "new", &s->side[KW_MIGRATION_NEW], lost);
        add_back(x, &s->back, lost);
        add_element(steps, x, lost);
    }
}

/* t: NULL of a result opened again. */
static cJSON *document(const char *command, const struct kw_trace *t, const struct kw_window *w, kw_ns month,
                       bool *lost)
{
    cJSON *root = cJSON_CreateObject();
    add_text(root, "command", command, lost);
    if (w) add_window(root, w, lost);
    cJSON *models = t && t->n_models ? add_array(root, "trace_models", lost) : NULL;
    for (size_t k = 0; models && k < t->n_models; k++) add_element(models, cJSON_CreateString(t->model_name[k]), lost);
    if (month) add_number(root, "month_hours", (double)month / (double)KW_NS_PER_HOUR, lost);
    return root;
}

/* Takes root. */
static void print_document(cJSON *root, bool lost, struct kw_text *out)
{
    char *text = lost ? NULL : cJSON_Print(root);
    cJSON_Delete(root);
    if (text)
        kw_text_add(out, "%s\n", text);
    else
        out->failed = true;
    free(text);
}

static void add_buckets(cJSON *root, const struct kw_bucket_study *x, bool *lost)
{
    if (!x || !x->shown) return;
    cJSON *o = cJSON_AddObjectToObject(root, "bucket_arrivals");
    add_text(o, "taken", kw_bucket_arrivals_name[x->taken], lost);
    add_bool(o, "matters", kw_bucket_study_matters(x), lost);
    cJSON *of = cJSON_AddObjectToObject(o, "of");
    for (int i = 0; i < KW_BUCKET_ARRIVALS; i++) {
        cJSON *one = cJSON_AddObjectToObject(of, kw_bucket_arrivals_name[i]);
        add_number(one, "cost_usd_month", x->of[i].cost, lost);
        add_number(one, "ttft_p95_s", x->of[i].ttft_p95, lost);
        add_bool(one, "feasible", x->of[i].feasible, lost);
        if (!x->of[i].feasible) add_text(one, "miss", x->of[i].miss, lost);
    }
}

void kw_summary_json(const char *command, const struct kw_trace *t, const struct kw_window *w, kw_ns month,
                     const struct kw_candidate *c, const struct kw_point *p, size_t n, const struct kw_plan *plan,
                     const struct kw_reading *reading, const struct kw_breakeven *volumes,
                     const struct kw_migration *migration, const struct kw_bucket_study *buckets, struct kw_text *out)
{
    bool lost = false;
    cJSON *root = document(command, t, w, month, &lost);
    add_results(root, t, c, p, n, plan, reading, &lost);
    add_volumes(root, volumes, &lost);
    add_migration(root, migration, &lost);
    add_buckets(root, buckets, &lost);
    print_document(root, lost, out);
}

void kw_summary_parts_json(const char *command, const struct kw_trace *t, const struct kw_window *w, kw_ns month,
                           const struct kw_plan_parts *x, const struct kw_plan_whole *whole,
                           const struct kw_candidate *written, const struct kw_point *as_written,
                           const struct kw_breakeven *volumes, struct kw_text *out)
{
    bool lost = false;
    char exact[32];
    cJSON *root = document(command, t, w, month, &lost);
    cJSON *parts = add_array(root, "parts", &lost);
    for (size_t i = 0; i < x->n; i++) {
        const struct kw_plan_part *part = &x->part[i];
        const struct kw_trace *mine = t ? kw_plan_part_trace(part, t) : NULL;
        cJSON *o = cJSON_CreateObject();
        add_text(o, "model", part->model, &lost);
        if (mine)
            add_number(o, "requests", (double)mine->n, &lost);
        else
            add_number(o, "best", (double)part->plan.best, &lost);
        add_results(o, mine, part->plan.candidates, part->plan.points, part->plan.n, mine ? &part->plan : NULL, NULL,
                    &lost);
        add_volumes(o, volumes ? &volumes[i] : NULL, &lost);
        add_element(parts, o, &lost);
    }
    cJSON *sum = cJSON_AddObjectToObject(root, "whole");
    add_bool(sum, "complete", whole->complete, &lost);
    add_text(sum, "cost_usd_month", kw_nano_format(exact, sizeof exact, whole->bill.total), &lost);
    if (whole->one_off) add_text(sum, "one_off_credit_usd", kw_nano_format(exact, sizeof exact, whole->one_off), &lost);
    add_text(sum, "apart_usd_month", kw_nano_format(exact, sizeof exact, whole->apart), &lost);
    if (written && !cJSON_AddItemToObject(sum, "as_written", point_object(written, as_written, &lost))) lost = true;
    print_document(root, lost, out);
}

/* RFC 4180: a field with a comma, quote or newline is quoted, quotes doubled. */
static void csv_field(const char *s, struct kw_text *out)
{
    if (!strpbrk(s, ",\"\n")) {
        kw_text_add(out, "%s", s);
        return;
    }
    kw_text_add(out, "\"");
    for (; *s; s++) kw_text_add(out, *s == '"' ? "\"\"" : "%c", *s);
    kw_text_add(out, "\"");
}

/* A word of each deployment, as /points of a result has it: joined by " + ". */
typedef const char *(*deployment_word)(const struct kw_choice *c, char buf[KW_PROFILE_TEXT]);

static const char *settings_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    return kw_choice_settings(c, buf, KW_PROFILE_TEXT);
}

static const char *platform_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    (void)buf;
    return c->platform->name;
}

static const char *kind_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    (void)buf;
    return kw_kind_name[c->platform->kind];
}

static const char *gpu_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    (void)buf;
    return c->gpu ? c->gpu->gpu : "-";
}

static const char *precision_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    (void)buf;
    return c->profile ? c->profile->precision : "-";
}

/* A whole number, "-" of an API. */
static const char *count_of(const struct kw_choice *c, uint32_t v, char buf[KW_PROFILE_TEXT])
{
    snprintf(buf, KW_PROFILE_TEXT, c->gpu ? "%u" : "-", v);
    return buf;
}

static const char *tp_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    return count_of(c, c->tp, buf);
}

static const char *dp_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    return count_of(c, c->dp, buf);
}

static const char *ep_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    return count_of(c, c->ep, buf);
}

static const char *region_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    (void)buf;
    return c->region ? c->region->name : "-";
}

static const char *keep_warm_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    return count_of(c, c->scaling.keep_warm, buf);
}

static const char *max_replicas_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    return count_of(c, c->scaling.max_replicas, buf);
}

static const char *idle_timeout_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    return c->platform->kind == KW_KIND_SERVERLESS ? kw_nano_format(buf, KW_PROFILE_TEXT, c->scaling.idle_timeout)
                                                   : "-";
}

static const char *profile_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    return c->profile ? kw_profile_name(c->profile, buf) : "-";
}

static const char *profile_grade_of(const struct kw_choice *c, char buf[KW_PROFILE_TEXT])
{
    (void)buf;
    return c->profile ? kw_grade_name[c->profile->steps.grade] : "-";
}

static void csv_words(const struct kw_candidate *c, deployment_word word, struct kw_text *out)
{
    struct kw_text joined = { 0 };
    char buf[KW_PROFILE_TEXT];
    for (uint32_t k = 0; k < c->n; k++) kw_text_add(&joined, "%s%s", k ? " + " : "", word(&c->choice[k], buf));
    if (joined.failed)
        out->failed = true;
    else
        csv_field(joined.s ? joined.s : "", out);
    kw_text_free(&joined);
}

/* Nothing where there is no figure. */
static void csv_number(double v, struct kw_text *out)
{
    char buf[32];
    kw_text_add(out, ",%s", isfinite(v) ? shortest(v, buf) : "");
}

/* A column each. */
static const struct {
    const char *name;
    deployment_word word;
} setting[] = {
    { "platform", platform_of },
    { "kind", kind_of },
    { "gpu", gpu_of },
    { "region", region_of },
    { "precision", precision_of },
    { "tp", tp_of },
    { "dp", dp_of },
    { "ep", ep_of },
    { "keep_warm", keep_warm_of },
    { "idle_timeout", idle_timeout_of },
    { "max_replicas", max_replicas_of },
};

/* Of the point, or of a group of it (group >= 0). */
static void csv_row(const struct kw_candidate *c, const struct kw_point *p, int64_t group, struct kw_text *out)
{
    char buf[320];
    kw_text_add(out, "%u,", p->rank);
    csv_field(kw_candidate_label(c, buf, sizeof buf), out);
    for (size_t k = 0; k < sizeof setting / sizeof *setting; k++) {
        kw_text_add(out, ",");
        csv_words(c, setting[k].word, out);
    }
    kw_text_add(out, ",%s,", kw_candidate_route(c, buf, sizeof buf));
    csv_words(c, settings_of, out);
    kw_text_add(out, ",%d,", p->feasible);
    csv_field(p->miss, out);
    csv_number(kw_point_p_best(p), out);
    csv_number(kw_point_p_feasible(p), out);
    kw_text_add(out, isnan(p->margin.left) ? ",%d," : ",%d,%d", p->tie, p->margin.thin);
    kw_text_add(out, ",%d,%u,%s", p->pruned, p->replications, kw_grade_name[p->grade]);
    for (int m = 0; m < KW_METRICS; m++) {
        const struct kw_estimate e = group < 0 ? kw_point_told(p, (enum kw_metric)m)
                                               : kw_point_group_told(p, (uint32_t)group, (enum kw_metric)m);
        const double v[] = { e.value, e.lo, e.hi };
        for (int k = 0; k < 3; k++) csv_number(v[k], out);
    }
    kw_text_add(out, ",");
    csv_words(c, profile_of, out);
    kw_text_add(out, ",");
    csv_words(c, profile_grade_of, out);
    kw_text_add(out, ",");
    csv_field(kw_candidate_models(c, buf, sizeof buf), out);
    csv_number(c->choice[0].tells_model ? kw_candidate_quality(c) : NAN, out);
    const char *of[] = { "", "", "", "" };
    if (group >= 0) {
        of[0] = p->group[group].klass;
        of[1] = p->group[group].model;
        of[2] = p->group[group].region;
        of[3] = p->group[group].deployment;
    }
    for (int k = 0; k < 4; k++) {
        kw_text_add(out, ",");
        csv_field(of[k], out);
    }
    kw_text_add(out, ",");
    csv_field(c->part, out);
    kw_text_add(out, "\n");
}

void kw_summary_csv(const struct kw_candidate *c, const struct kw_point *p, size_t n, struct kw_text *out)
{
    kw_text_add(out, "rank,label");
    for (size_t k = 0; k < sizeof setting / sizeof *setting; k++) kw_text_add(out, ",%s", setting[k].name);
    kw_text_add(out, ",routing,settings,feasible,miss,p_best,p_feasible,tie,thin,pruned,replications,grade");
    for (int m = 0; m < KW_METRICS; m++)
        kw_text_add(out, ",%s,%s_lo,%s_hi", kw_metric_info[m].name, kw_metric_info[m].name, kw_metric_info[m].name);
    kw_text_add(out, ",profile,profile_grade,model,quality,of_class,of_model,of_region,of_deployment,part\n");
    for (size_t i = 0; i < n; i++) {
        csv_row(&c[i], &p[i], -1, out);
        for (uint32_t g = 0; g < p[i].n_groups; g++) csv_row(&c[i], &p[i], g, out);
    }
}

void kw_summary_pairs_csv(const struct kw_summary_pair *p, size_t n, struct kw_text *out)
{
    kw_text_add(out, "label,rank_a,rank_b,feasible_a,feasible_b");
    for (int m = 0; m < KW_METRICS; m++) kw_text_add(out, ",%s_a,%s_b", kw_metric_info[m].name, kw_metric_info[m].name);
    kw_text_add(out, "\n");
    for (size_t i = 0; i < n; i++) {
        const struct kw_point *a = p[i].a, *b = p[i].b;
        csv_field(p[i].label, out);
        kw_text_add(out, ",%u,%u,%d,%d", a->rank, b->rank, a->feasible, b->feasible);
        for (int m = 0; m < KW_METRICS; m++) {
            csv_number(kw_point_told(a, (enum kw_metric)m).value, out);
            csv_number(kw_point_told(b, (enum kw_metric)m).value, out);
        }
        kw_text_add(out, "\n");
    }
}

void kw_summary_pairs_json(const char *path_a, const char *path_b, bool traces_differ, const struct kw_summary_pair *p,
                           size_t n, size_t only_a, size_t only_b, struct kw_text *out)
{
    bool lost = false;
    cJSON *root = cJSON_CreateObject();
    add_text(root, "command", "compare", &lost);
    add_text(root, "a", path_a, &lost);
    add_text(root, "b", path_b, &lost);
    add_bool(root, "traces_differ", traces_differ, &lost);
    add_number(root, "only_a", (double)only_a, &lost);
    add_number(root, "only_b", (double)only_b, &lost);
    cJSON *points = add_array(root, "points", &lost);
    for (size_t i = 0; i < n; i++) {
        cJSON *o = cJSON_CreateObject();
        add_text(o, "label", p[i].label, &lost);
        for (int side = 0; side < 2; side++) {
            const struct kw_point *x = side ? p[i].b : p[i].a;
            cJSON *s = cJSON_AddObjectToObject(o, side ? "b" : "a");
            add_number(s, "rank", x->rank, &lost);
            add_bool(s, "feasible", x->feasible, &lost);
            for (int m = 0; m < KW_METRICS; m++)
                add_number(s, kw_metric_info[m].name, kw_point_told(x, (enum kw_metric)m).value, &lost);
        }
        add_element(points, o, &lost);
    }
    print_document(root, lost, out);
}
