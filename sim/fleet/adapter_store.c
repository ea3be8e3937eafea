#include "sim/fleet/adapter_store.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NEVER INT64_MAX

void kw_adapter_store_init(struct kw_adapter_store *s)
{
    *s = (struct kw_adapter_store){ .next = NEVER };
}

void kw_adapter_store_free(struct kw_adapter_store *s)
{
    free(s->adapter);
    free(s->coming);
    free(s->dropped);
    kw_adapter_store_init(s);
}

void kw_adapter_store_clear(struct kw_adapter_store *s)
{
    if (s->adapter) memset(s->adapter, 0, (s->n + 1) * sizeof *s->adapter);
    s->next = NEVER;
    s->fetches = 0;
    s->n_room = s->oldest = s->newest = s->wanted = s->last_wanted = s->n_coming = s->n_dropped = 0;
}

enum kw_status kw_adapter_store_begin(struct kw_adapter_store *s, const struct kw_lora *lora, struct kw_rng *rng,
                                      struct kw_error *err)
{
    kw_adapter_store_free(s);
    if (!lora->adapters) return KW_OK;
    uint32_t n = lora->adapters->n;
    s->adapter = calloc(n + 1, sizeof *s->adapter);
    s->coming = malloc((n + 1) * sizeof *s->coming);
    s->dropped = malloc((n + 1) * sizeof *s->dropped);
    if (!s->adapter || !s->coming || !s->dropped) {
        kw_adapter_store_free(s);
        return kw_fail(err, KW_ENOMEM, "replica: no memory for %u adapters", n);
    }
    s->lora = lora;
    s->rng = rng;
    s->n = n;
    return KW_OK;
}

/* One draw whichever law it is, so that the stream stays aligned. */
static kw_ns duration(const struct kw_adapter_store *s, const struct kw_law *seconds, const struct kw_law *rate,
                      uint32_t adapter)
{
    if (seconds->kind != KW_LAW_NONE) return kw_law_draw_ns(seconds, s->rng);
    double r = kw_law_draw(rate, s->rng);
    return r > 0 ? kw_law_ns(s->lora->adapters->bytes[adapter] / r) : 0;
}

static void push(struct kw_adapter_store *s, uint32_t *head, uint32_t *tail, uint32_t a)
{
    s->adapter[a].older = *tail;
    s->adapter[a].newer = 0;
    if (*tail)
        s->adapter[*tail].newer = a;
    else
        *head = a;
    *tail = a;
}

static void take(struct kw_adapter_store *s, uint32_t *head, uint32_t *tail, uint32_t a)
{
    uint32_t older = s->adapter[a].older, newer = s->adapter[a].newer;
    if (older)
        s->adapter[older].newer = newer;
    else
        *head = newer;
    if (newer)
        s->adapter[newer].older = older;
    else
        *tail = older;
}

static void find_next(struct kw_adapter_store *s)
{
    s->next = NEVER;
    for (uint32_t i = 0; i < s->n_coming; i++)
        if (s->adapter[s->coming[i]].arrives < s->next) s->next = s->adapter[s->coming[i]].arrives;
}

/* Those that wait for a place are fetched while there is one, or can be. */
static void fetch_wanted(struct kw_adapter_store *s, kw_ns now)
{
    while (s->wanted) {
        if (s->n_room == s->lora->max_cpu_loras) {
            uint32_t out = s->oldest;
            if (!out) return;
            take(s, &s->oldest, &s->newest, out);
            s->adapter[out].state = KW_STORED_NOT;
            s->dropped[s->n_dropped++] = out;
            s->n_room--;
        }
        uint32_t a = s->wanted;
        take(s, &s->wanted, &s->last_wanted, a);
        s->adapter[a].state = KW_STORED_COMING;
        s->adapter[a].arrives = now + duration(s, &s->lora->fetch_s, &s->lora->fetch_rate, a);
        s->coming[s->n_coming++] = a;
        s->n_room++;
        s->fetches++;
        if (s->adapter[a].arrives < s->next) s->next = s->adapter[a].arrives;
    }
}

bool kw_adapter_store_need(struct kw_adapter_store *s, uint32_t a, kw_ns now)
{
    struct kw_stored *x = &s->adapter[a];
    assert(a && a <= s->n);
    if (x->state == KW_STORED_HERE) {
        if (!x->live++) take(s, &s->oldest, &s->newest, a);
        return true;
    }
    x->live++;
    if (x->state == KW_STORED_NOT) {
        x->state = KW_STORED_WANTED;
        push(s, &s->wanted, &s->last_wanted, a);
        fetch_wanted(s, now);
    }
    return false;
}

void kw_adapter_store_leave(struct kw_adapter_store *s, uint32_t a, kw_ns now)
{
    struct kw_stored *x = &s->adapter[a];
    assert(x->live);
    if (--x->live) return;
    if (x->state == KW_STORED_WANTED) {
        take(s, &s->wanted, &s->last_wanted, a);
        x->state = KW_STORED_NOT;
    } else if (x->state == KW_STORED_HERE) {
        push(s, &s->oldest, &s->newest, a);
        fetch_wanted(s, now);
    }
}

uint32_t kw_adapter_store_land(struct kw_adapter_store *s, kw_ns now)
{
    uint32_t at = UINT32_MAX;
    for (uint32_t i = 0; i < s->n_coming; i++)
        if (s->adapter[s->coming[i]].arrives <= now && (at == UINT32_MAX || s->coming[i] < s->coming[at])) at = i;
    if (at == UINT32_MAX) return 0;
    uint32_t a = s->coming[at];
    s->coming[at] = s->coming[--s->n_coming];
    find_next(s);
    s->adapter[a].state = KW_STORED_HERE;
    if (!s->adapter[a].live) { /* who wanted it has left meanwhile */
        push(s, &s->oldest, &s->newest, a);
        fetch_wanted(s, now);
    }
    return a;
}

int64_t kw_adapter_store_activate_ps(struct kw_adapter_store *s, uint32_t adapter)
{
    return 1000 * duration(s, &s->lora->activate_s, &s->lora->activate_rate, adapter);
}

static uint64_t fold(uint64_t h, int64_t v)
{
    return kw_mix64(h ^ (uint64_t)v);
}

uint64_t kw_adapter_store_state(const struct kw_adapter_store *s, kw_ns now)
{
    uint64_t h = 0, on_the_way = 0;
    for (uint32_t a = s->oldest; a; a = s->adapter[a].newer) h = fold(h, a);
    for (uint32_t a = s->wanted; a; a = s->adapter[a].newer) h = fold(h, -(int64_t)a);
    for (uint32_t i = 0; i < s->n_coming; i++) on_the_way += fold(s->coming[i], s->adapter[s->coming[i]].arrives - now);
    return fold(h, (int64_t)on_the_way);
}
