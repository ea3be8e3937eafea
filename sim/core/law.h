/* sim/core/law.h - a random duration or rate as data: constant, lognormal by two quantiles, or a quantile table.
 * One draw of the stream gives one value (inversion), so streams stay aligned between configurations. */
#ifndef KW_SIM_CORE_LAW_H
#define KW_SIM_CORE_LAW_H
#include "sim/core/files/json.h"
#include "sim/core/provenance.h"
#include "sim/core/rng.h"
#include "sim/core/text.h"
#include "sim/core/units.h"

#define KW_LAW_MAX_QUANTILES 24

/* kind NONE: absent (draws 0). CONSTANT: v[0]. LOGNORMAL: mu, sigma in v[0], v[1] (of the natural log).
 * QUANTILES: at probabilities p[0..n) ascending, values v[0..n) non-decreasing, log-linear between points (linear where
 * a value is 0), constant beyond the outer points. EXPONENTIAL: mean in v[0]; for queueing models, has no JSON form.
 * Values are seconds for durations, units per second for rates. */
struct kw_law {
    enum kw_law_kind { KW_LAW_NONE, KW_LAW_CONSTANT, KW_LAW_LOGNORMAL, KW_LAW_QUANTILES, KW_LAW_EXPONENTIAL } kind;
    int n;
    double p[KW_LAW_MAX_QUANTILES], v[KW_LAW_MAX_QUANTILES];
    struct kw_provenance provenance;
};

/* JSON: {"constant": "12.5"} | {"lognormal": {"p50": "12", "p95": "30"}} | {"quantiles": {"0.05": "3", ...}} each with
 * kw_provenance_read's keys beside it. Values are decimal strings in the law's unit, >= 0, finite. */
enum kw_status kw_law_read(struct kw_jnode obj, struct kw_law *out, struct kw_error *err);
/* The same form without the provenance keys, for a file that keeps its sources in a table: out->provenance is empty.
 * The caller checks obj's keys. */
enum kw_status kw_law_read_form(struct kw_jnode obj, struct kw_law *out, struct kw_error *err);
/* The members that kw_law_read_form reads, without the braces: "quantiles": {"0.5": "12", ...}. EXPONENTIAL and NONE have
 * none. A value is written as its shortest decimal of 15 digits. */
void kw_law_write(struct kw_text *out, const struct kw_law *l);
double kw_law_quantile(const struct kw_law *l, double u);     /* 0 < u < 1 */
double kw_law_draw(const struct kw_law *l, struct kw_rng *r); /* always consumes exactly one uniform */
#define KW_LAW_LONGEST INT64_C(1000000000000000)              /* ns, 11.6 days: no phase or answer takes longer */
kw_ns kw_law_ns(double seconds); /* to ns, rounded, clamped to [0, KW_LAW_LONGEST]; NAN gives 0 */
kw_ns kw_law_draw_ns(const struct kw_law *l, struct kw_rng *r); /* a draw through kw_law_ns */

#endif
