/* sim/io/scenario/places.h - what a scenario says of places: where requests come from ("regions"), how far regions are
 * from each other ("rtt_s"), where a deployment lies ("region", "via"). */
#ifndef KW_SIM_IO_SCENARIO_PLACES_H
#define KW_SIM_IO_SCENARIO_PLACES_H
#include "sim/core/files/json.h"
#include "sim/plan/sweep/distance.h"

struct kw_places {
    char (*name)[32]; /* [n_shares], owned: regions of the requests */
    double *share;    /* [n_shares], owned; they add up to 1 */
    size_t n_shares;
    struct kw_distance *own; /* owned */
    struct kw_distances distances;
};

/* Reads "regions" and "rtt_s" of the document. */
enum kw_status kw_places_read(struct kw_places *p, struct kw_jnode root, struct kw_error *err);
void kw_places_free(struct kw_places *p); /* safe to call again */

/* Tells a trace's requests where they come from where the scenario does, and names regions as they are known here.
 * KW_ERANGE with the path: the trace says so itself, times between regions that no request comes from or of names that
 * nobody knows, too many regions to tell apart. */
enum kw_status kw_places_meet(const struct kw_places *p, struct kw_jnode root, struct kw_trace *t, uint64_t seed,
                              struct kw_error *err);

/* "region" and "via" of a deployment, whose platform and offer the choice has. t NULL: distances are not asked for. */
enum kw_status kw_places_deployment(struct kw_choice *c, struct kw_jnode o, const struct kw_trace *t,
                                    const struct kw_distances *d, struct kw_error *err);

/* The region of the platform that somebody calls so; KW_ERANGE at n names what there is. */
enum kw_status kw_places_find(struct kw_jnode n, const char *name, const struct kw_platform *p,
                              const struct kw_region_offer **out, struct kw_error *err);

#endif
