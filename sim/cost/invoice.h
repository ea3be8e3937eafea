/* sim/cost/invoice.h - what a provider charged, from a FOCUS cost export (FinOps Open Cost and Usage Specification 1.x):
 * its lines added up by what they meter. */
#ifndef KW_SIM_COST_INVOICE_H
#define KW_SIM_COST_INVOICE_H
#include "sim/cost/log_bill.h"

struct kw_invoice {
    kw_nusd cost[KW_LINES], other, total; /* other: charges that meter no tokens, taxes, fees, credits */
    double tokens[KW_LINES];              /* of the lines that say how many */
    bool counted[KW_LINES];               /* every line of this kind says how many */
    uint64_t rows;
    char first_day[11], last_day[11]; /* YYYY-MM-DD of the charge periods, "" when none is said */
};

/* Reads a FOCUS export ("-" is stdin; gzip and zstd are read directly): BilledCost, else EffectiveCost, of every row; a
 * row meters cached input, cache writes, input or output by the words of its SkuMeter and ChargeDescription. service:
 * only rows whose ServiceName, ProviderName or ChargeDescription holds it, letters of any case; NULL: all.
 * KW_EPARSE: not such a file; KW_ERANGE: another currency than USD, or no row; the message begins "path:line: ". */
enum kw_status kw_invoice_read(struct kw_invoice *v, const char *path, const char *service, struct kw_error *err);

#endif
