/* engine/scheduler/adapter_slots.h - the slots of a GPU that hold LoRA adapters: whose sequences run, who may join them,
 * and which adapter leaves a slot for another. Internal to the scheduler.
 *
 * Semantics are those of vLLM V1 (scheduler.py: scheduled_loras; lora/worker_manager.py and lora/model_manager.py: the
 * LRU cache of active adapters): at most max_loras distinct adapters in a batch. An adapter whose last sequence has
 * left the batch stays in its slot until another one needs it; of those the one that has been out of the batch for the
 * longest goes first. Adapters are numbered from 1; 0 is the base model, which needs no slot. */
#ifndef KW_ENGINE_SCHEDULER_ADAPTER_SLOTS_H
#define KW_ENGINE_SCHEDULER_ADAPTER_SLOTS_H
#include <stdbool.h>
#include <stdint.h>
#include "sim/core/status.h"

struct kw_adapter_slots {
    uint32_t max;            /* slots; 0: no adapters here */
    uint32_t n_active;       /* distinct adapters among the running sequences, <= n_loaded */
    uint32_t n_loaded;       /* slots in use, <= max */
    uint32_t n_welcome;      /* waiting sequences of the base model or of an active adapter */
    uint32_t oldest, newest; /* loaded and not active, by when they left the batch; 0: none */
    struct kw_adapter_slot {
        uint32_t running, waiting; /* sequences */
        uint32_t older, newer;     /* neighbours among those loaded and not active */
        bool loaded;
    } * adapter; /* [cap] by number, owned */
    uint32_t cap;
    uint32_t *entered; /* [n_entered <= max] adapters that take a slot with the step decided last, owned */
    uint32_t n_entered;
};

enum kw_status kw_adapter_slots_init(struct kw_adapter_slots *s, uint32_t max, struct kw_error *err);
void kw_adapter_slots_free(struct kw_adapter_slots *s);
void kw_adapter_slots_reset(struct kw_adapter_slots *s); /* all slots empty, no sequences; memory kept */

/* Room for adapters up to this number. KW_ENOMEM: unchanged. */
enum kw_status kw_adapter_slots_know(struct kw_adapter_slots *s, uint32_t adapter, struct kw_error *err);

/* A sequence of the adapter joins the queue (or leaves it). */
void kw_adapter_slots_wait(struct kw_adapter_slots *s, uint32_t adapter, bool joins);
/* A sequence of the adapter, not 0, joins the running ones, which kw_adapter_slots_admits allowed; or leaves them. */
void kw_adapter_slots_run(struct kw_adapter_slots *s, uint32_t adapter);
void kw_adapter_slots_leave(struct kw_adapter_slots *s, uint32_t adapter);

/* The adapter is not in the host's memory any more: its slot, if it has one, is free. None of its sequences runs. */
void kw_adapter_slots_unload(struct kw_adapter_slots *s, uint32_t adapter);

/* Whether a sequence of the adapter may join the batch as it is. */
static inline bool kw_adapter_slots_admits(const struct kw_adapter_slots *s, uint32_t adapter)
{
    return !adapter || s->n_active < s->max || s->adapter[adapter].running;
}

/* Whether any waiting sequence may: O(1), so that a queue of others is not walked at each step. */
static inline bool kw_adapter_slots_admit_any(const struct kw_adapter_slots *s)
{
    return s->n_active < s->max || s->n_welcome;
}

/* A fingerprint of what is loaded, and of the order in which it gives way; O(adapters). */
uint64_t kw_adapter_slots_state(const struct kw_adapter_slots *s);

/* Counts and lists agree with each other; O(adapters). */
bool kw_adapter_slots_check(const struct kw_adapter_slots *s, struct kw_error *err);

#endif
