/* sim/watch/metrics.h - what a watch has found, in Prometheus' text format, for node_exporter's textfile collector.
 * sim/watch/grafana.json is a dashboard of these names. */
#ifndef KW_SIM_WATCH_METRICS_H
#define KW_SIM_WATCH_METRICS_H
#include "sim/core/text.h"
#include "sim/watch/alarms.h"
#include "sim/watch/budget.h"
#include "sim/watch/view.h"

/* Totals since the ledger began are counters by source, model, key, team and tag; budget may be NULL. KW_ENOMEM. */
enum kw_status kw_watch_metrics(struct kw_text *out, const struct kw_watch_ledger *l, const struct kw_watch_alarms *a,
                                const struct kw_watch_budget *b, struct kw_error *err);

#endif
