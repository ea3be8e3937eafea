#include "sim/fleet/flight.h"
#include <stdlib.h>

void kw_flights_init(struct kw_flights *t)
{
    *t = (struct kw_flights){ .free = KW_NO_FLIGHT };
}

void kw_flights_free(struct kw_flights *t)
{
    free(t->f);
    kw_flights_init(t);
}

void kw_flights_clear(struct kw_flights *t)
{
    t->n = t->live = 0;
    t->free = KW_NO_FLIGHT;
}

enum kw_status kw_flights_grow(struct kw_flights *t, struct kw_error *err)
{
    uint32_t cap = t->cap ? 2 * t->cap : 256;
    if (t->cap > UINT32_MAX / 4) return kw_fail(err, KW_ENOMEM, "more than %u requests under way", t->cap);
    struct kw_flight *f = realloc(t->f, cap * sizeof *f);
    if (!f) return kw_fail(err, KW_ENOMEM, "no memory for %u requests under way", cap);
    t->f = f;
    t->cap = cap;
    return KW_OK;
}
