/* sim/io/scenario/engines_apart.h - "disaggregated" of a deployment. */
#ifndef KW_SIM_IO_SCENARIO_ENGINES_APART_H
#define KW_SIM_IO_SCENARIO_ENGINES_APART_H
#include "calibrate/profile/link.h"
#include "sim/core/files/json.h"
#include "sim/io/scenario/catalogue.h"
#include "sim/plan/sweep/candidate.h"

struct kw_apart_ask {
    struct kw_engines engines; /* decode 0: it is not asked for */
    struct kw_link link;
};

/* What the deployment o asks for, whose tp is that of the engines that decode. */
enum kw_status kw_apart_read(struct kw_jnode o, uint32_t tp, struct kw_apart_ask *ask, struct kw_error *err);
/* The choice of it, its scheduler read, becomes that. */
enum kw_status kw_apart_set(struct kw_jnode o, const struct kw_apart_ask *ask, struct kw_catalogue *cat,
                            struct kw_choice *c, struct kw_error *err);

#endif
