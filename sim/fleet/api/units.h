/* sim/fleet/api/units.h - capacity bought ahead as requests meet it: which fit into it, and what they take. Rules and
 * their sources: platforms/facts/provisioned.h. Exact integers; tokens in millionths, since weights have decimals. */
#ifndef KW_SIM_FLEET_API_UNITS_H
#define KW_SIM_FLEET_API_UNITS_H
#include "sim/fleet/api/bucket.h"
#include "sim/fleet/deployment.h"

struct kw_units_taken { /* by one request at admission; settled when it is complete */
    int64_t in, out;
};

struct kw_units {
    const struct kw_unit_capacity *carries; /* one unit; borrowed from the deployment */
    enum kw_unit_rule rule;
    struct kw_bucket in, out; /* out: of the rule split alone, else no limit */
};

/* d->units.n > 0, its capacity known. */
void kw_units_init(struct kw_units *u, const struct kw_deployment *d);
/* Whether a request fits at `now` (non-decreasing over calls, this and settle together); then *t is taken. expected: output
 * tokens it is taken for. Else *retry_after is how long until it would fit if nobody else came, -1 for never: by the rule
 * window it is larger than a window's capacity. */
bool kw_units_admit(struct kw_units *u, kw_ns now, uint32_t prompt, uint32_t cached, uint32_t written,
                    uint32_t expected, struct kw_units_taken *t, kw_ns *retry_after);
/* An admitted request is complete: what it took in truth is put in the place of *t. */
void kw_units_settle(struct kw_units *u, kw_ns now, uint32_t prompt, uint32_t cached, uint32_t written, uint32_t output,
                     const struct kw_units_taken *t);

#endif
