/* sim/fleet/fleet.h - the event loop: a trace meets deployments, and what happened is an outcome. It knows no file,
 * JSON or money. Deterministic: the same inputs, seed and replication give the same outcome to the bit, on any machine.
 */
#ifndef KW_SIM_FLEET_FLEET_H
#define KW_SIM_FLEET_FLEET_H
#include <stdint.h>
#include "sim/fleet/deployment.h"
#include "sim/fleet/outcome.h"
#include "sim/fleet/trace_view.h"

/* Keeps what runs of one thread can share (replica pools, queues), so that a sweep allocates once. */
struct kw_fleet;
enum kw_status kw_fleet_new(struct kw_fleet **f, struct kw_error *err);
void kw_fleet_delete(struct kw_fleet *f);

/* Replays the view against the deployments. o must be initialised; it is cleared first. Where opt->ceiling is passed the
 * run ends there, KW_OK with o->stopped. KW_ERANGE with a message when a
 * deployment is inconsistent (keep_warm > max_replicas, no steptime, ...). */
enum kw_status kw_fleet_run(struct kw_fleet *f, const struct kw_trace_view *view, const struct kw_deployment *d,
                            uint32_t n_deployments, const struct kw_routing *routing,
                            const struct kw_fleet_options *opt, struct kw_outcome *o, struct kw_error *err);

#endif
