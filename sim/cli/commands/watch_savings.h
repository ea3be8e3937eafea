/* sim/cli/commands/watch_savings.h - would the traffic of a log cost less on machines? A plan of the same requests answers,
 * never a quotient of prices. */
#ifndef KW_SIM_CLI_COMMANDS_WATCH_SAVINGS_H
#define KW_SIM_CLI_COMMANDS_WATCH_SAVINGS_H
#include "sim/cli/options.h"
#include "sim/watch/view.h"
#include "sim/plan/kinds.h"

struct kw_watch_savings {
    char model[256], source[96]; /* of the log: the dearest one that is priced by the token */
    char instead[64];            /* whose shape is planned */
    struct kw_watch_count count;
    double days;                 /* that the log spans */
    double now;                  /* dollars a month at that rate */
    double tokens_month;         /* of the plan, which both figures are of */
    struct kw_volume_point best; /* by kind */
};

/* Plans the requests that the log at `path` has of its dearest model, as l has it, on o->savings, by o->slo.
 * KW_ERANGE: the ledger has no model priced by the token. */
enum kw_status kw_watch_savings(struct kw_watch_savings *s, const struct kw_options *o, const char *path,
                                const struct kw_watch_ledger *l, struct kw_error *err);
void kw_watch_savings_free(struct kw_watch_savings *s);

/* One sentence with its evidence, as text and as a member of a JSON object. */
void kw_watch_savings_text(const struct kw_watch_savings *s, struct kw_text *out);
void kw_watch_savings_json(const struct kw_watch_savings *s, struct kw_text *out);

#endif
