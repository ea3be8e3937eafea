/* sim/io/summary.h - results as people read them: aligned tables of 100 columns with units. */
#ifndef KW_SIM_IO_SUMMARY_H
#define KW_SIM_IO_SUMMARY_H
#include "sim/core/text.h"
#include "sim/io/scenario/scenario.h"
#include "workloads/window.h"
#include "sim/plan/breakeven.h"
#include "sim/plan/bucket_arrivals.h"
#include "sim/plan/migration.h"
#include "sim/plan/plan_parts.h"
#include "workloads/trace.h"

/* Text that hangs under its label. */
void kw_summary_paragraph(const char *label, const char *text, struct kw_text *out);
/* What was simulated: traffic, model, objectives. */
void kw_summary_head(const char *command, const struct kw_scenario *s, const struct kw_trace *t, struct kw_text *out);
/* Which stretch of time the trace stands for, how a month is made of it, and the user's own costs in it. */
void kw_summary_window(const struct kw_scenario *s, const struct kw_window *w, const char *scaling,
                       struct kw_text *out);
/* What a bill rests on that this trace or the platform files do not tell: a line each, none twice; false where there is none. */
bool kw_summary_unknown(const struct kw_candidate *c, size_t n, const struct kw_trace *t, struct kw_text *out);
/* One configuration in full: latencies, counts, what a month costs by line item. */
void kw_summary_point(const struct kw_candidate *c, const struct kw_point *p, struct kw_text *out);
/* A row a configuration, by rank; the columns of a sweep's axes first. limit 0: all rows. */
void kw_summary_points(const struct kw_scenario *s, const struct kw_candidate *c, const struct kw_point *p, size_t n,
                       size_t limit, struct kw_text *out);
/* The plan: the answer, the best of each kind, keep-warm curves, schedules, the best of each platform, what would flip it. */
void kw_summary_plan(const struct kw_plan *p, const struct kw_slo *slo, bool all, struct kw_text *out);
/* What makes the schedule of a deployment happen: calls of its platform by a clock; nothing without one. */
void kw_summary_calls(const struct kw_choice *c, struct kw_text *out);
/* A plan's answer in plain words, or that nothing meets the objectives; and what it rests on, both as sections. */
void kw_summary_answer(const struct kw_plan *p, const struct kw_slo *slo, struct kw_text *out);
void kw_summary_basis(const struct kw_plan *p, bool all, struct kw_text *out);
/* Facts of a candidate: when each offer was last seen on sale, what is bought ahead, whose latency stands in for its own; */
void kw_summary_sale(const struct kw_candidate *c, struct kw_text *out);
/* which profiles the candidates stand on, each once: all of `first` (when >= 0), of the others those that are files
 * of the user's, set better ones aside or are not steady. Repriced ones are known by name alone. */
void kw_summary_step_times(const struct kw_candidate *c, size_t n, ptrdiff_t first, struct kw_text *out);
/* and how requests are spread over replicas. */
void kw_summary_balancing(const struct kw_candidate *c, struct kw_text *out);
/* What the user said that no log or profile tells, and that decides: acceptance of drafted tokens. */
void kw_summary_assumed(const struct kw_candidate *c, struct kw_text *out);
/* What the first month costs where a sign-up credit pays a part of it, and what a month would cost without a monthly one; false
 * where none does. */
bool kw_summary_first_month(const struct kw_bill *month, kw_nusd one_off, char *buf, size_t size);
bool kw_summary_monthly_credit(const struct kw_bill *month, char *buf, size_t size);
/* The schedules that a plan looked for; nothing where it looked for none. */
void kw_summary_schedules(const struct kw_plan *p, struct kw_text *out);
/* Of a plan what would flip its answer, as a section; nothing where nothing was moved. */
void kw_summary_flips(const struct kw_plan *p, bool all, struct kw_text *out);
/* Its keep-warm curves and its frontier, as far as the plan has them. */
void kw_summary_tradeoffs(const struct kw_plan *p, struct kw_text *out);
/* The same as CSV, of each part: rows of a curve say so in `of`, rows of the frontier too. */
void kw_summary_tradeoffs_csv(const struct kw_plan_parts *x, struct kw_text *out);
/* How well the drawings know a point's means, where a precision was asked for (0: it was not); and what they cannot narrow. */
void kw_summary_precision(double asked, const struct kw_point *p, const struct kw_slo *slo, struct kw_text *out);
/* Of each deployment that lies in a region, how far the trace's regions are from it; nothing where none does. */
void kw_summary_distances(const struct kw_candidate *c, const struct kw_trace *t, struct kw_text *out);
/* TTFT p95 by region of the n configurations `shown`, where regions alone tell requests apart. */
void kw_summary_regions(const struct kw_plan *p, const size_t *shown, size_t n, struct kw_text *out);
/* Before the plan of one of several models; and after the last what they come to together. as_written: NULL, or all the
 * user's deployments on all the traffic. */
void kw_summary_part(const struct kw_plan_part *part, const struct kw_trace *t, size_t i, size_t n,
                     struct kw_text *out);
void kw_summary_whole(const struct kw_plan_parts *x, const struct kw_plan_whole *w, const struct kw_point *as_written,
                      struct kw_text *out);
/* Volumes planned, crossings where they were looked for; the same as CSV, a row a volume and kind of each part (b[x->n]). */
void kw_summary_volumes(const struct kw_breakeven *b, struct kw_text *out);
void kw_summary_volumes_csv(const struct kw_breakeven *b, const struct kw_plan_parts *x, struct kw_text *out);

/* Each step on either side, and going back; n 0: that there is nothing to migrate to. */
void kw_summary_migration(const struct kw_migration *m, struct kw_text *out);

/* The same figures for machines: one JSON document, or CSV with a head line. Its columns platform to max_replicas
 * hold the settings (idle_timeout in s), profile and profile_grade
 * name the profile that the step times are of, and its grade ("-" of an API; of several deployments joined by " + ", as
 * /points of a result has them); of_class, of_model, of_region and of_deployment are empty in a configuration's own row and say in
 * the rows after it which class, model, region or deployment they are of, where there are several; part is the model that a plan
 * of several chose it for. t: NULL where the trace is not at hand;
 * volumes: NULL without other volumes, else of the plan, or of each part; migration, buckets: NULL without one. */
void kw_summary_json(const char *command, const struct kw_trace *t, const struct kw_window *w, kw_ns month,
                     const struct kw_candidate *c, const struct kw_point *p, size_t n, const struct kw_plan *plan,
                     const struct kw_reading *reading, const struct kw_breakeven *volumes,
                     const struct kw_migration *migration, const struct kw_bucket_study *buckets, struct kw_text *out);
/* What other arrivals in the trace's buckets make of a point, where the trace has any. */
void kw_summary_buckets(const struct kw_bucket_study *x, struct kw_text *out);
/* One point's ranges under r[KW_READINGS], where there are any to show. */
void kw_summary_reading(const struct kw_reading *r, struct kw_text *out);
/* The i-th distinct sentence about what is not known of the n candidates' bills, into buf; false past the last. */
bool kw_summary_unknown_at(const struct kw_candidate *c, size_t n, const struct kw_trace *t, size_t i, char *buf,
                           size_t size);
/* Of a plan of several models: "parts", each as a plan alone, and "whole". written: NULL without deployments. t NULL (of
 * a result that was priced again): the parts have their points and which is the best. */
void kw_summary_parts_json(const char *command, const struct kw_trace *t, const struct kw_window *w, kw_ns month,
                           const struct kw_plan_parts *x, const struct kw_plan_whole *whole,
                           const struct kw_candidate *written, const struct kw_point *as_written,
                           const struct kw_breakeven *volumes, struct kw_text *out);
void kw_summary_csv(const struct kw_candidate *c, const struct kw_point *p, size_t n, struct kw_text *out);

/* A configuration of two results, and every figure of both: columns rank_a, rank_b, NAME_a, NAME_b. */
struct kw_summary_pair {
    const struct kw_point *a, *b;
    char label[320];
};
void kw_summary_pairs_csv(const struct kw_summary_pair *p, size_t n, struct kw_text *out);
void kw_summary_pairs_json(const char *path_a, const char *path_b, bool traces_differ, const struct kw_summary_pair *p,
                           size_t n, size_t only_a, size_t only_b, struct kw_text *out);

#endif
