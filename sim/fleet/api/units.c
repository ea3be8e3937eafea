#include "sim/fleet/api/units.h"
#include <assert.h>

#define MILLION INT64_C(1000000)
#define MINUTE (60 * KW_NS_PER_S)

/* Tokens of all units within `time`, in millionths, in 128 bits on the way. */
static int64_t within(int64_t tokens_min, uint32_t units, kw_ns time)
{
    kw_i128 v = (kw_i128)tokens_min * units * MILLION * time / MINUTE;
    return v < INT64_MAX ? (int64_t)v : INT64_MAX;
}

/* By utilisation `window` is how much 100 % is: the bucket's depth, which drains over it. By the rule window it is a
 * window of the provider's clock. */
void kw_units_init(struct kw_units *u, const struct kw_deployment *d)
{
    const struct kw_unit_capacity *c = &d->units.carries;
    uint32_t n = d->units.n;
    kw_ns window = d->units.window;
    assert(n > 0 && window > 0);
    *u = (struct kw_units){ .carries = c, .rule = d->units.rule };
    switch (u->rule) {
    case KW_UNITS_WINDOW: kw_bucket_init(&u->in, within(c->tokens_min, n, MINUTE), window, MINUTE); break;
    case KW_UNITS_UTILISATION: kw_bucket_init(&u->in, within(c->tokens_min, n, window), 0, window); break;
    case KW_UNITS_SPLIT:
        kw_bucket_init(&u->in, within(c->in_min, n, window), 0, window);
        kw_bucket_init(&u->out, within(c->out_min, n, window), 0, window);
        break;
    }
}

static struct kw_units_taken weigh(const struct kw_units *u, uint32_t prompt, uint32_t cached, uint32_t written,
                                   uint32_t output)
{
    bool split = u->rule == KW_UNITS_SPLIT;
    return (struct kw_units_taken){ .in = (int64_t)kw_unit_weighted(u->carries, prompt, cached, written,
                                                                    split ? 0 : output),
                                    .out = split ? output * MILLION : 0 };
}

bool kw_units_admit(struct kw_units *u, kw_ns now, uint32_t prompt, uint32_t cached, uint32_t written,
                    uint32_t expected, struct kw_units_taken *t, kw_ns *retry_after)
{
    *t = weigh(u, prompt, cached, written, expected);
    int64_t need = t->in;
    if (u->rule == KW_UNITS_UTILISATION) need = 1; /* anything left: below 100 % */
    if (u->rule == KW_UNITS_SPLIT) t->out = 0;     /* not known yet */
    kw_bucket_advance(&u->in, now);
    kw_bucket_advance(&u->out, now);
    kw_ns in = kw_bucket_wait(&u->in, need), out = kw_bucket_wait(&u->out, 1);
    *retry_after = in < 0 ? in : in > out ? in : out;
    if (*retry_after) return false;
    kw_bucket_take(&u->in, t->in);
    kw_bucket_take(&u->out, t->out);
    return true;
}

void kw_units_settle(struct kw_units *u, kw_ns now, uint32_t prompt, uint32_t cached, uint32_t written, uint32_t output,
                     const struct kw_units_taken *t)
{
    struct kw_units_taken was = weigh(u, prompt, cached, written, output);
    kw_bucket_advance(&u->in, now);
    kw_bucket_advance(&u->out, now);
    kw_bucket_take(&u->in, was.in - t->in);
    kw_bucket_take(&u->out, was.out - t->out);
}
