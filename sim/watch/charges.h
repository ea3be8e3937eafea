/* sim/watch/charges.h - what sources were charged by a FOCUS cost export: the cost of requests that have no price of their own
 * here, of GPU services above all. A charge is spread evenly over its period, by whole hours that its log reaches into; within
 * the period requests share it by their tokens (view.h). What no log tells of is counted nowhere, and said. */
#ifndef KW_SIM_WATCH_CHARGES_H
#define KW_SIM_WATCH_CHARGES_H
#include "sim/watch/ledger.h"

enum { KW_WATCH_SERVICES = 64 };

struct kw_watch_export { /* what was found in one reading */
    uint64_t rows, taken;
    kw_nusd cost, unclaimed; /* of the rows taken, and of those that no source's word is in */
    bool billed;             /* no row has an EffectiveCost: BilledCost stands for it */
    kw_ns from, until;       /* of the charge periods, ns since 1970 */
    struct kw_watch_service {
        char name[80];
        kw_nusd effective, billed;
    } service
        [KW_WATCH_SERVICES]; /* of the rows not taken, the dearest first; the last one stands for all further ones */
    size_t n_services;
};

/* Takes the rows of all n files together that hold the word of one of l's charged sources in their service, provider, resource,
 * description, meter or tags, by EffectiveCost, in place of what l has within the periods of the files. KW_EPARSE: no export;
 * KW_ERANGE: another currency, a row of two sources, no charged source in l; KW_ENOMEM. l is as it was on failure. */
enum kw_status kw_watch_charges_read(struct kw_watch_ledger *l, const char *const *path, size_t n,
                                     struct kw_watch_export *x, struct kw_error *err);

/* What of a charge falls into [from, to): parts of a period add up to its whole. */
kw_nusd kw_watch_charged(const struct kw_watch_charge *c, kw_ns from, kw_ns to);

/* The charges of a source: [*first, return value) of l->charge. */
size_t kw_watch_charges_of(const struct kw_watch_ledger *l, uint32_t source, size_t *first);

/* By source the hours of [from, to) of which an export has a charge; at[k] is NULL where source k is not charged so. */
struct kw_watch_coverage {
    unsigned char **at; /* [n_sources] */
    size_t n_sources;
    int64_t from;
};
enum kw_status kw_watch_coverage(struct kw_watch_coverage *c, const struct kw_watch_ledger *l, int64_t from, int64_t to,
                                 struct kw_error *err);
void kw_watch_coverage_free(struct kw_watch_coverage *c);

#endif
