/* sim/plan/sweep/start_options.h - what a customer can choose of how replicas start: weights on the node's own disk in the
 * place of network storage, restoring a snapshot, and a public model whose replicas others may have started. Only where the platform's file says that it offers it: what is not
 * known there can be said by its law (cold_start in a scenario). */
#ifndef KW_SIM_PLAN_SWEEP_START_OPTIONS_H
#define KW_SIM_PLAN_SWEEP_START_OPTIONS_H
#include "sim/plan/sweep/candidate.h"

/* Every start finds the weights on its node's disk (how often one does, no platform says), or none does. KW_ERANGE,
 * unchanged: the platform does not say that it keeps them there, or nobody knows how fast they load from it. */
enum kw_status kw_choice_weights_from(struct kw_choice *c, enum kw_weights_from from, struct kw_error *err);

/* Every start restores a snapshot, or none does. KW_ERANGE, unchanged: the platform offers none that a customer can have for
 * every start, or not for as many GPUs. */
enum kw_status kw_choice_snapshot(struct kw_choice *c, bool on, struct kw_error *err);

/* A public model, for which other customers ask so many times an hour: sim/fleet/pool/pooled.h. KW_ERANGE, unchanged: the
 * platform does not say that it shares such, or that is no rate. */
enum kw_status kw_choice_pooled(struct kw_choice *c, double others_per_hour, struct kw_error *err);

#endif
