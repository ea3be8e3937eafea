/* sim/fleet/scalers/scaler_setup.c - the pool of queueing theory, M/M/c/Setup/DelayedOff (Gandhi, Harchol-Balter, Adan,
 * Performance Evaluation 67(11), 2010; Gandhi, Doroudi, Harchol-Balter, Scheller-Wolf, SIGMETRICS 2013): an arrival
 * that finds no idle server puts one that is off into setup; when fewer customers wait than servers are in setup, the
 * newest setup is called off; a server with nothing to do goes off after idle_timeout. For the closed forms and for
 * policies built on them. */
#include "sim/fleet/scalers/scaler.h"

static uint32_t want(struct kw_autoscaler *s, const struct kw_signals *g, kw_ns now, enum kw_scaler_cause cause)
{
    (void)s, (void)now, (void)cause;
    uint64_t need = g->ready + g->queued;
    return need < UINT32_MAX ? (uint32_t)need : UINT32_MAX;
}

const struct kw_scaler_policy kw_scaler_setup = { .name = "setup",
                                                  .shrink = KW_SHRINK_STARTING,
                                                  .on_arrival = true,
                                                  .on_free = true,
                                                  .idle_timeout = true,
                                                  .want = want };
