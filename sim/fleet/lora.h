/* sim/fleet/lora.h - LoRA adapters as the fleet sees them: which of the trace's models is an adapter, and how a
 * deployment of the base serves them.
 *
 * An adapter lies in storage, in the host memory of a replica (max_cpu_loras of them), or in a slot of its GPUs too
 * (max_loras; engine/scheduler/adapter_slots.h). A new replica has none of them.
 *   fetch     storage -> host memory. The requests of that adapter wait for it, alone: the engine goes on. As many
 *             fetches as there is room for go on at once, each as fast as it would be alone.
 *   activate  host memory -> GPU slot. It belongs to the step whose batch needs it first, so everybody in it waits: vLLM
 *             V1 copies in the worker before the forward pass (v1/worker/lora_model_runner_mixin.py set_active_loras).
 * Host memory drops the adapter that has been without a request for the longest, and with it its GPU slot (vLLM's LRU
 * caches: lora/model_manager.py). Of those with a request none is dropped: where all are, the next fetch waits. vLLM
 * would drop one and load it again in the step. */
#ifndef KW_SIM_FLEET_LORA_H
#define KW_SIM_FLEET_LORA_H
#include <stdint.h>
#include "sim/core/law.h"

/* Of a trace's models; immutable, shared by all threads. */
struct kw_adapters {
    uint32_t n;               /* adapters, numbered from 1 */
    uint32_t n_models;        /* of the trace */
    const uint32_t *of_model; /* [n_models] its adapter; 0: a whole model */
    const double *bytes;      /* [n + 1] by adapter */
};

struct kw_lora {
    const struct kw_adapters *adapters; /* borrowed; NULL: none is told apart, every request is for the model itself */
    uint32_t max_cpu_loras;             /* >= max_loras of the scheduler */
    struct kw_law fetch_s, fetch_rate;  /* s each; where that is NONE: bytes/s */
    struct kw_law activate_s, activate_rate; /* the same */
    /* A step with any adapter in its batch takes 1 + overhead times as long: at the least, and at the most where what
     * is known is a range. */
    double overhead, overhead_most;
};

/* Of a request for this model of the trace. */
static inline uint32_t kw_lora_adapter(const struct kw_lora *l, const uint16_t *model, uint32_t request)
{
    return l->adapters && model ? l->adapters->of_model[model[request]] : 0;
}

#endif
