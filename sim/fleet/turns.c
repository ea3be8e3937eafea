#include "sim/fleet/turns.h"
#include <assert.h>
#include <stdlib.h>

void kw_turns_init(struct kw_turns *t)
{
    *t = (struct kw_turns){ .next = INT64_MAX };
}

void kw_turns_free(struct kw_turns *t)
{
    free(t->heap);
    kw_turns_init(t);
}

void kw_turns_clear(struct kw_turns *t)
{
    t->n = 0;
    t->order = 0;
    t->next = INT64_MAX;
}

static bool before(const struct kw_turn *a, const struct kw_turn *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

enum kw_status kw_turns_add(struct kw_turns *t, kw_ns at, uint32_t request, bool warmup, struct kw_error *err)
{
    if (t->n == t->cap) {
        uint32_t cap = t->cap ? 2 * t->cap : 256;
        struct kw_turn *heap = t->cap > UINT32_MAX / 4 ? NULL : realloc(t->heap, cap * sizeof *heap);
        if (!heap) return kw_fail(err, KW_ENOMEM, "no memory for %u turns on their way", cap);
        t->heap = heap;
        t->cap = cap;
    }
    struct kw_turn x = { at, t->order++, request, warmup };
    uint32_t i = t->n++;
    for (; i && before(&x, &t->heap[(i - 1) / 2]); i = (i - 1) / 2) t->heap[i] = t->heap[(i - 1) / 2];
    t->heap[i] = x;
    t->next = t->heap[0].at;
    return KW_OK;
}

struct kw_turn kw_turns_pop(struct kw_turns *t)
{
    assert(t->n);
    struct kw_turn first = t->heap[0], x = t->heap[--t->n];
    uint32_t i = 0;
    for (uint32_t k; (k = 2 * i + 1) < t->n; i = k) {
        if (k + 1 < t->n && before(&t->heap[k + 1], &t->heap[k])) k++;
        if (!before(&t->heap[k], &x)) break;
        t->heap[i] = t->heap[k];
    }
    t->heap[i] = x;
    t->next = t->n ? t->heap[0].at : INT64_MAX;
    return first;
}
