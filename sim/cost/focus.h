/* sim/cost/focus.h - the charges of a FOCUS cost export (FinOps Open Cost and Usage Specification 1.x), a CSV row each. */
#ifndef KW_SIM_COST_FOCUS_H
#define KW_SIM_COST_FOCUS_H
#include "sim/core/files/csv.h"
#include "sim/core/units.h"

enum kw_focus_column {
    KW_FOCUS_BILLED,
    KW_FOCUS_EFFECTIVE,
    KW_FOCUS_CURRENCY,
    KW_FOCUS_CATEGORY,
    KW_FOCUS_DESCRIPTION,
    KW_FOCUS_METER,
    KW_FOCUS_QUANTITY,
    KW_FOCUS_UNIT,
    KW_FOCUS_SERVICE,
    KW_FOCUS_PROVIDER,
    KW_FOCUS_RESOURCE,
    KW_FOCUS_RESOURCE_NAME,
    KW_FOCUS_TAGS,
    KW_FOCUS_BEGIN,
    KW_FOCUS_END,
    KW_FOCUS_COLUMNS
};

struct kw_focus {
    struct kw_csv t;
    int at[KW_FOCUS_COLUMNS];           /* -1: the export has no such column */
    struct kw_span x[KW_FOCUS_COLUMNS]; /* of the row read last, "" where there is no column; until the next one */
    kw_i128 sum;                        /* of both costs of all rows so far, without their signs */
    kw_nusd billed, effective;          /* of that row; one stands for the other where the row has but one */
};

/* "-" is stdin; gzip and zstd are read directly. KW_EPARSE: neither BilledCost nor EffectiveCost is in it. Messages begin
 * "path:line: ". f must not move. Close also after a failure. */
enum kw_status kw_focus_open(struct kw_focus *f, const char *path, struct kw_error *err);
void kw_focus_close(struct kw_focus *f);
/* KW_EPARSE, naming the columns there are, where it lacks this one. */
enum kw_status kw_focus_need(const struct kw_focus *f, enum kw_focus_column c, struct kw_error *err);
/* The next charge; *more is false at the end. KW_EPARSE: a cost that is no number; KW_ERANGE: another currency than
 * USD, or costs that add up to more than 64 bits of nano-dollars may hold. */
enum kw_status kw_focus_next(struct kw_focus *f, bool *more, struct kw_error *err);

/* The row's number, of an export that may write more digits than nano-dollars have ("1500000.0000000000", "1.5e-7"). */
enum kw_status kw_focus_number(const struct kw_focus *f, enum kw_focus_column c, double *out, struct kw_error *err);
/* Its charge period, [from, to) in ns since 1970: ChargePeriodStart is in it, ChargePeriodEnd is not. KW_EPARSE, KW_ERANGE. */
enum kw_status kw_focus_period(const struct kw_focus *f, kw_ns *from, kw_ns *to, struct kw_error *err);

bool kw_focus_holds(struct kw_span x, const char *word); /* letters of any case */

#endif
