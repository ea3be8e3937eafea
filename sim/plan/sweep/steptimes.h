/* sim/plan/sweep/steptimes.h - step times compiled once per profile and limits, shared by every candidate that uses
 * them. */
#ifndef KW_SIM_PLAN_SWEEP_STEPTIMES_H
#define KW_SIM_PLAN_SWEEP_STEPTIMES_H
#include "calibrate/profile/profile.h"
#include "calibrate/profile/steptime.h"

struct kw_steptimes {
    struct kw_steptimes_entry {
        const struct kw_profile *profile;
        uint32_t max_batch, max_tokens, drafts;
        struct kw_steptime *steptime;
    } * e; /* [n], owned */
    size_t n;
};

void kw_steptimes_init(struct kw_steptimes *s);
void kw_steptimes_free(struct kw_steptimes *s); /* candidates that use them must be gone */
/* Compiled for the profile (by its address) and limits (0: the profile's own); the result lives as long as s. Not for
 * several threads at once. */
enum kw_status kw_steptimes_get(struct kw_steptimes *s, const struct kw_profile *p, uint32_t max_batch,
                                uint32_t max_tokens, const struct kw_steptime **out, struct kw_error *err);
/* The same for steps with drafted tokens, kw_sched_config.draft_tokens of them a decoding sequence. */
enum kw_status kw_steptimes_drafts(struct kw_steptimes *s, const struct kw_profile *p, uint32_t max_batch,
                                   uint32_t max_tokens, uint32_t drafts, const struct kw_steptime **out,
                                   struct kw_error *err);

#endif
