#include "engine/scheduler/adapter_slots.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum kw_status kw_adapter_slots_init(struct kw_adapter_slots *s, uint32_t max, struct kw_error *err)
{
    *s = (struct kw_adapter_slots){ .max = max };
    if (!max) return KW_OK;
    s->entered = malloc(max * sizeof *s->entered);
    return s->entered ? KW_OK : kw_fail(err, KW_ENOMEM, "scheduler: no memory for %u adapter slots", max);
}

void kw_adapter_slots_free(struct kw_adapter_slots *s)
{
    free(s->adapter);
    free(s->entered);
    *s = (struct kw_adapter_slots){ 0 };
}

void kw_adapter_slots_reset(struct kw_adapter_slots *s)
{
    s->n_active = s->n_loaded = s->n_welcome = s->oldest = s->newest = s->n_entered = 0;
    if (s->adapter) memset(s->adapter, 0, s->cap * sizeof *s->adapter);
}

enum kw_status kw_adapter_slots_know(struct kw_adapter_slots *s, uint32_t adapter, struct kw_error *err)
{
    if (adapter < s->cap) return KW_OK;
    uint32_t cap = s->cap ? s->cap : 16;
    while (cap <= adapter) cap *= 2;
    struct kw_adapter_slot *p = realloc(s->adapter, cap * sizeof *p);
    if (!p) return kw_fail(err, KW_ENOMEM, "scheduler: no memory for %u adapters", cap);
    memset(p + s->cap, 0, (cap - s->cap) * sizeof *p);
    s->adapter = p;
    s->cap = cap;
    return KW_OK;
}

void kw_adapter_slots_wait(struct kw_adapter_slots *s, uint32_t adapter, bool joins)
{
    uint32_t by = joins ? 1 : UINT32_MAX;
    assert(joins || s->adapter[adapter].waiting);
    s->adapter[adapter].waiting += by;
    if (!adapter || s->adapter[adapter].running) s->n_welcome += by;
}

/* The adapter is in its slot and none of its sequences runs: it may be replaced, after those before it. */
static void push_newest(struct kw_adapter_slots *s, uint32_t a)
{
    s->adapter[a].older = s->newest;
    s->adapter[a].newer = 0;
    if (s->newest)
        s->adapter[s->newest].newer = a;
    else
        s->oldest = a;
    s->newest = a;
}

static void take_out(struct kw_adapter_slots *s, uint32_t a)
{
    uint32_t older = s->adapter[a].older, newer = s->adapter[a].newer;
    if (older)
        s->adapter[older].newer = newer;
    else
        s->oldest = newer;
    if (newer)
        s->adapter[newer].older = older;
    else
        s->newest = older;
}

void kw_adapter_slots_unload(struct kw_adapter_slots *s, uint32_t a)
{
    if (a >= s->cap || !s->adapter[a].loaded) return;
    assert(!s->adapter[a].running);
    take_out(s, a);
    s->adapter[a].loaded = false;
    s->n_loaded--;
}

static void enter(struct kw_adapter_slots *s, uint32_t a)
{
    if (s->n_loaded == s->max) kw_adapter_slots_unload(s, s->oldest); /* fewer than max are active */
    s->adapter[a].loaded = true;
    s->n_loaded++;
    s->entered[s->n_entered++] = a;
}

void kw_adapter_slots_run(struct kw_adapter_slots *s, uint32_t a)
{
    assert(a && kw_adapter_slots_admits(s, a));
    if (s->adapter[a].running++) return;
    s->n_active++;
    s->n_welcome += s->adapter[a].waiting;
    if (s->adapter[a].loaded)
        take_out(s, a);
    else
        enter(s, a);
}

void kw_adapter_slots_leave(struct kw_adapter_slots *s, uint32_t a)
{
    assert(a && s->adapter[a].running);
    if (--s->adapter[a].running) return;
    s->n_active--;
    s->n_welcome -= s->adapter[a].waiting;
    push_newest(s, a);
}

static uint64_t fold(uint64_t h, uint64_t v)
{
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

uint64_t kw_adapter_slots_state(const struct kw_adapter_slots *s)
{
    uint64_t h = 0;
    for (uint32_t a = 1; a < s->cap; a++)
        if (s->adapter[a].running) h = fold(h, a);
    h = fold(h, 0);
    for (uint32_t a = s->oldest; a; a = s->adapter[a].newer) h = fold(h, a);
    return h;
}

bool kw_adapter_slots_check(const struct kw_adapter_slots *s, struct kw_error *err)
{
    uint32_t active = 0, loaded = 0, welcome = 0, idle = 0;
    for (uint32_t a = 0; a < s->cap; a++) {
        const struct kw_adapter_slot *x = &s->adapter[a];
        active += x->running > 0;
        loaded += x->loaded;
        if (!a || x->running) welcome += x->waiting;
        if (x->running && !x->loaded) return kw_fail(err, KW_EFAIL, "adapter %u runs without a slot", a), false;
    }
    for (uint32_t a = s->oldest; a && idle <= loaded; a = s->adapter[a].newer, idle++)
        if (s->adapter[a].running || !s->adapter[a].loaded)
            return kw_fail(err, KW_EFAIL, "adapter %u is no idle one", a), false;
    if (active != s->n_active || loaded != s->n_loaded || welcome != s->n_welcome || idle != loaded - active ||
        loaded > s->max)
        return kw_fail(err, KW_EFAIL, "adapter slots: %u active, %u loaded, %u idle, %u welcome", active, loaded, idle,
                       welcome),
               false;
    return true;
}
