/* sim/plan/sweep/distance.h - where a deployment lies, and so what it costs there and how long each region's requests
 * take to it and back: by the user's own word, else by platforms/network/region.h. */
#ifndef KW_SIM_PLAN_SWEEP_DISTANCE_H
#define KW_SIM_PLAN_SWEEP_DISTANCE_H
#include "sim/plan/sweep/candidate.h"
#include "workloads/trace.h"

struct kw_distance { /* the user's own, both ways alike; of requests of a region to deployments in a region */
    char a[32], b[32];
    kw_ns rtt;
};
struct kw_distances {
    const struct kw_distance *own; /* [n], borrowed */
    size_t n;
};

/* Our name of a region where it is one that we know, else the name itself: what a trace's regions are told apart by. */
const char *kw_distance_name(const char *name);

/* Puts a choice that was just made into a region of its platform: its offer becomes that region's, before the user's words. KW_ERANGE: it is not sold there. */
enum kw_status kw_choice_place(struct kw_choice *c, const struct kw_region_offer *r, struct kw_error *err);
/* Fills how far the placed choice is from each of the trace's regions (none: not at all), its requests passing `via` (0:
 * the platform's nearest to it). KW_ERANGE names the pair that nobody knows. */
enum kw_status kw_choice_locate(struct kw_choice *c, kw_region_set via, const struct kw_trace *t,
                                const struct kw_distances *d, struct kw_error *err);

/* The order in which requests of each of the trace's regions take the located deployments: those in it, then by
 * distance, the first of equals first. */
void kw_candidate_order(struct kw_candidate *c, const struct kw_trace *t);

#endif
