/* sim/io/scenario/adapters.h - "adapters" of a scenario: which models of the trace are LoRA adapters of which base. */
#ifndef KW_SIM_IO_SCENARIO_ADAPTERS_H
#define KW_SIM_IO_SCENARIO_ADAPTERS_H
#include "sim/core/files/json.h"
#include "sim/plan/sweep/fine_tunes.h"

/* The list at n, absent or not, against the names of the trace's models: of each model the first entry that has a pattern
 * for it ('*' any characters, '?' one); a pattern does not match the base itself. KW_ERANGE with the path: a pattern that
 * no model matches, an unknown base, a rank that vLLM does not take. *f needs no freeing then. */
enum kw_status kw_adapters_read(struct kw_jnode n, const struct kw_trace *t, struct kw_fine_tunes *f,
                                struct kw_error *err);

/* Every adapter's requests, as they are routed, reach deployments that can serve them: of its base with adapters, or of
 * the adapter itself; an API at its base's price. KW_ERANGE at the deployment's place in `list`. */
enum kw_status kw_adapters_check_routes(struct kw_jnode list, const struct kw_candidate *c, const struct kw_trace *t,
                                        const struct kw_fine_tunes *f, struct kw_error *err);

/* Where a model's requests go that routing by model does not name: to the deployment of the fine-tune itself, else to the
 * first that serves it beside its base; false: it is no fine-tune, or there is none. */
bool kw_adapters_home(const struct kw_candidate *c, const struct kw_fine_tunes *f, const char *model, uint8_t *out);

#endif
