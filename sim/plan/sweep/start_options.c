#include "sim/plan/sweep/start_options.h"
#include <inttypes.h>
#include "sim/fleet/pool/pooled.h"

const char *const kw_weights_from_name[] = { "platform", "network", "node", NULL };

enum kw_status kw_choice_weights_from(struct kw_choice *c, enum kw_weights_from from, struct kw_error *err)
{
    const char *platform = c->platform->name;
    if (from == KW_WEIGHTS_NODE && !c->platform->start_options.node_cache)
        return kw_fail(
            err, KW_ERANGE,
            "that %s keeps weights on the disks of its nodes was not found: state cold_start.cache_hit, how often "
            "a start finds them there",
            platform);
    if (from == KW_WEIGHTS_NODE && c->cold.cached_load_rate.kind == KW_LAW_NONE)
        return kw_fail(err, KW_ERANGE,
                       "how fast weights load from a node's disk on %s is not known: state "
                       "cold_start.cached_load_rate",
                       platform);
    c->weights_from = from;
    if (from != KW_WEIGHTS_PLATFORM) c->cold.cache_hit = from == KW_WEIGHTS_NODE;
    return KW_OK;
}

enum kw_status kw_choice_snapshot(struct kw_choice *c, bool on, struct kw_error *err)
{
    const struct kw_start_options *o = &c->platform->start_options;
    if (on && (!o->snapshot || c->cold.restore.kind == KW_LAW_NONE))
        return kw_fail(err, KW_ERANGE,
                       "that a start on %s can always restore a snapshot was not found: state cold_start.restore and "
                       "cold_start.snapshot_probability",
                       c->platform->name);
    if (on && o->snapshot_gpus_max && c->gpus > o->snapshot_gpus_max)
        return kw_fail(err, KW_ERANGE, "%s restores snapshots of %" PRIu32 " GPU at the most, not of %" PRIu32,
                       c->platform->name, o->snapshot_gpus_max, c->gpus);
    c->snapshot = on;
    c->cold.snapshot_probability = on;
    return KW_OK;
}

enum kw_status kw_choice_pooled(struct kw_choice *c, double others_per_hour, struct kw_error *err)
{
    if (!c->platform->public_models.shared)
        return kw_fail(err, KW_ERANGE,
                       "that customers of %s share the replicas of public models, and what they pay for these, was not "
                       "found (public_models of a platform file)",
                       c->platform->name);
    if (!(others_per_hour >= 0 && others_per_hour <= KW_POOLED_MOST))
        return kw_fail(err, KW_ERANGE, "want 0 to %g requests of others an hour, got %g", KW_POOLED_MOST,
                       others_per_hour);
    c->pooled = 1;
    c->others_per_hour = others_per_hour;
    return KW_OK;
}
