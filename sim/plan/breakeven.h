/* sim/plan/breakeven.h - at which volume another kind of platform becomes the cheapest. */
#ifndef KW_SIM_PLAN_BREAKEVEN_H
#define KW_SIM_PLAN_BREAKEVEN_H
#include "sim/plan/plan.h"

#define KW_BREAKEVEN_VOLUMES 9 /* the study's volume times 1/16 .. 16 */

struct kw_breakeven {
    uint32_t n_volumes;
    double factor[KW_BREAKEVEN_VOLUMES];       /* of the study's volume, ascending */
    double mtok_month[KW_BREAKEVEN_VOLUMES];   /* million tokens in + out a month at that volume */
    double cost[KW_BREAKEVEN_VOLUMES][3];      /* [volume][enum kw_kind] cheapest feasible USD a month; NAN: none */
    char setting[KW_BREAKEVEN_VOLUMES][3][96]; /* label of it */
    struct kw_crossing {
        enum kw_kind from, to; /* the cheapest kind below and above */
        double lo, hi;         /* mtok_month of the simulated volumes around it */
        double mtok_month;     /* where cost lines between the two meet (linear in volume) */
    } crossing[KW_BREAKEVEN_VOLUMES];
    uint32_t n_crossings;
    char method[240];
};

/* Simulates each volume for the leaders of each kind in the finished plan. Volumes below 1 keep each request with that
 * probability, volumes above repeat each request at a random offset within +-30 s, so daily and weekly shape stays.
 * max_factor bounds the work: volumes above it are left out. Deterministic. */
enum kw_status kw_breakeven_find(struct kw_breakeven *b, const struct kw_plan *p, const struct kw_study *study,
                                 const struct kw_plan_options *o, double max_factor, struct kw_error *err);

#endif
