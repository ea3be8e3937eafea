/* sim/fleet/adapter_store.h - the LoRA adapters in one replica's host memory: which are there, which are on their way,
 * which give way to them (lora.h). It knows no request, only how many of each adapter are on the replica. */
#ifndef KW_SIM_FLEET_ADAPTER_STORE_H
#define KW_SIM_FLEET_ADAPTER_STORE_H
#include <stdbool.h>
#include "sim/core/rng.h"
#include "sim/core/status.h"
#include "sim/core/units.h"
#include "sim/fleet/lora.h"

struct kw_adapter_store {
    const struct kw_lora *lora; /* borrowed, like rng; NULL: no adapters here */
    struct kw_rng *rng;
    kw_ns next;                   /* when the next fetch ends; INT64_MAX: none is under way */
    uint64_t fetches;             /* begun */
    uint32_t n_room;              /* places taken: here or on its way, <= max_cpu_loras */
    uint32_t oldest, newest;      /* here and without a request, by when the last one left; 0: none */
    uint32_t wanted, last_wanted; /* waiting for a place, in order; through `newer` */
    struct kw_stored {
        kw_ns arrives;         /* COMING */
        uint32_t live;         /* requests of it on the replica */
        uint32_t older, newer; /* neighbours in the list it is in */
        enum { KW_STORED_NOT, KW_STORED_WANTED, KW_STORED_COMING, KW_STORED_HERE } state;
    } * adapter; /* [n + 1] by number, owned */
    uint32_t n;
    uint32_t *coming; /* [n_coming] numbers, owned; room for max_cpu_loras */
    uint32_t n_coming;
    uint32_t *dropped; /* [n_dropped] adapters that gave way since it was last set to 0, owned; room for n */
    uint32_t n_dropped;
};

void kw_adapter_store_init(struct kw_adapter_store *s); /* no adapters */
void kw_adapter_store_free(struct kw_adapter_store *s); /* back to it; safe to call again */
/* A new life: empty, of these adapters. KW_ENOMEM: no adapters. */
enum kw_status kw_adapter_store_begin(struct kw_adapter_store *s, const struct kw_lora *lora, struct kw_rng *rng,
                                      struct kw_error *err);
void kw_adapter_store_clear(struct kw_adapter_store *s); /* empty, the adapters stay known */

/* One request more needs the adapter. True when it is here; else it is fetched, or waits for a place, and the request
 * waits with it. O(1) but for the fetches under way. */
bool kw_adapter_store_need(struct kw_adapter_store *s, uint32_t adapter, kw_ns now);
/* One request less. */
void kw_adapter_store_leave(struct kw_adapter_store *s, uint32_t adapter, kw_ns now);
/* An adapter whose fetch is over by now == next, the lowest number first: it is here; 0: no more. */
uint32_t kw_adapter_store_land(struct kw_adapter_store *s, kw_ns now);
/* How long the copy into a GPU slot takes, ps. One draw. */
int64_t kw_adapter_store_activate_ps(struct kw_adapter_store *s, uint32_t adapter);

/* A fingerprint of what is where, and of the order in which it gives way; fetches by how long they still take. */
uint64_t kw_adapter_store_state(const struct kw_adapter_store *s, kw_ns now);

#endif
