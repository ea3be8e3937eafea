#include "calibrate/operators/samples.h"
#include <stdlib.h>

enum kw_status kw_samples_push(struct kw_samples *q, struct kw_sample p, struct kw_error *err)
{
    if (q->n == q->cap) {
        size_t cap = q->cap ? 2 * q->cap : 256;
        struct kw_sample *more = realloc(q->p, cap * sizeof *more);
        if (!more) return kw_fail(err, KW_ENOMEM, "out of memory");
        q->p = more;
        q->cap = cap;
    }
    q->p[q->n++] = p;
    return KW_OK;
}

void kw_samples_free(struct kw_samples *q)
{
    free(q->p);
    *q = (struct kw_samples){ 0 };
}

static int by_place(const void *a, const void *b)
{
    const struct kw_sample *p = a, *q = b;
    for (int i = 0; i < 4; i++)
        if (p->x[i] != q->x[i]) return p->x[i] < q->x[i] ? -1 : 1;
    return p->s < q->s ? -1 : p->s > q->s;
}

void kw_samples_sort(struct kw_samples *q)
{
    if (q->n) qsort(q->p, q->n, sizeof *q->p, by_place);
}
