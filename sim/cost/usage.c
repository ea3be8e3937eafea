#include "sim/cost/usage.h"
#include <assert.h>

#ifndef NDEBUG
static kw_ns phases_sum(const struct kw_life *l)
{
    kw_ns sum = 0;
    for (int p = 0; p < KW_PHASES; p++) sum += l->phase[p];
    return sum;
}

/* A negative quantity would be a refund, which the bill has no line for. */
static bool counts_up(const struct kw_usage *u)
{
    bool ok = u->window > 0 && u->requests >= 0 && u->tokens_in >= 0 && u->tokens_cached >= 0 && u->tokens_out >= 0 &&
              u->reserved_gpu_ns >= 0 && u->standin_gpu_ns >= 0 && u->rounding_gpu_ns >= 0 && u->minimum_gpu_ns >= 0 &&
              u->unbilled_gpu_ns >= 0 && u->busy_gpu_ns >= 0 && u->long_in >= 0 && u->long_in <= u->tokens_in &&
              u->long_cached >= 0 && u->long_cached <= u->tokens_cached && u->long_cache_write >= 0 &&
              u->long_cache_write <= u->tokens_cache_write && u->long_out >= 0 && u->long_out <= u->tokens_out &&
              u->ping_in >= 0 && u->ping_out >= 0;
    for (int p = 0; p < KW_PHASES; p++) ok = ok && u->gpu_ns[p] >= 0;
    return ok;
}
#endif

/* What is missing to the next whole `to`; not the whole: rounding is an item of its own on the bill. */
static kw_ns round_up(kw_ns x, kw_ns to)
{
    return to > 1 && x % to ? to - x % to : 0;
}

/* Sums in replica-ns, 128 bits wide so that adding can never overflow; multiplied by the GPUs at the end. */
struct tally {
    kw_i128 phase[KW_PHASES], rounding, minimum, unbilled, busy, lives, there, standin;
};

/* b: what came before the window, NULL for nothing. Minimum and rounding are of the whole life and fall due at its end:
 * in full where that lies in the window, not at all where it lies beyond. */
static void bill_by_phase(struct tally *t, const struct kw_life *l, const struct kw_life_before *b,
                          const struct kw_meter *m)
{
    kw_ns billed = 0;
    for (int p = 0; p < KW_PHASES; p++) {
        if (m->bills[p]) {
            t->phase[p] += l->phase[p];
            billed += l->phase[p] + (b ? b->phase[p] : 0);
        } else {
            t->unbilled += l->phase[p];
        }
    }
    if (billed == 0 || l->goes_on) return; /* it never reached the meter: no minimum either */
    kw_ns minimum = m->min_charge > billed ? m->min_charge - billed : 0;
    t->minimum += minimum;
    t->rounding += round_up(billed + minimum, m->granularity);
}

/* Everything from the first success on is billed, in whole windows. Of the steady phases, what lies before it is the
 * service of the first request (ACTIVE) and, on a replica kept warm, the idling before it. */
static void bill_by_window(struct tally *t, const struct kw_life *l, const struct kw_life_before *b, kw_ns window)
{
    static const enum kw_phase steady[] = { KW_PHASE_ACTIVE, KW_PHASE_IDLE, KW_PHASE_KEEP_WARM, KW_PHASE_DRAIN };
    if (l->first_success < 0) {
        t->unbilled += l->gone - l->born;
        return;
    }
    kw_ns billed = l->gone - l->first_success, before = -billed;
    for (int i = 0; i < 4; i++) before += l->phase[steady[i]];
    t->unbilled += l->gone - l->born - billed;
    for (int i = 0; i < 4; i++) {
        kw_ns skipped = before < l->phase[steady[i]] ? before : l->phase[steady[i]];
        before -= skipped;
        t->phase[steady[i]] += l->phase[steady[i]] - skipped;
    }
    assert(before == 0 && "a success happens in a steady phase");
    if (l->goes_on) return;
    billed += b ? b->since_success : 0;
    t->rounding += billed == 0 ? window : round_up(billed, window);
}

/* Minimum and rounding fill at most the time in which the replicas allowed were not billed anyway: a bill above that of
 * all of them always on is above what is possible. */
static void cap_additions(struct tally *t, kw_i128 room)
{
    if (room < 0) room = 0; /* replicas draining beside their successors */
    if (t->minimum > room) t->minimum = room;
    if (t->rounding > room - t->minimum) t->rounding = room - t->minimum;
}

static bool narrow(int64_t *out, kw_i128 v)
{
    if (v > INT64_MAX || v < INT64_MIN) return false;
    *out = (int64_t)v;
    return true;
}

/* What nodes that come and go are paid for. Only what the meter sees of them: there, with or without a replica. A failed
 * start is not told from the rest of the node's time. */
static enum kw_status bill_nodes(struct kw_usage *r, const struct kw_ledger *l, const struct kw_meter *m,
                                 uint32_t node_gpus, struct kw_error *err)
{
    static const enum kw_phase start[] = { KW_PHASE_PULL, KW_PHASE_LOAD, KW_PHASE_INIT, KW_PHASE_RESTORE };
    struct kw_meter of_node = *m;
    struct tally t = { .rounding = 0 };
    of_node.bills[KW_PHASE_ACTIVE] = of_node.bills[KW_PHASE_IDLE] = true;
    for (uint64_t i = 0, k = 0; i < l->nodes_n; i++)
        bill_by_phase(&t, &l->nodes[i],
                      k < l->nodes_before_n && l->nodes_before[k].life == i ? &l->nodes_before[k++] : NULL, &of_node);
    kw_i128 there = t.phase[KW_PHASE_ACTIVE] + t.phase[KW_PHASE_IDLE], reserved = there * node_gpus;
    kw_i128 nodes = (l->max_replicas + l->places - 1) / l->places;
    if (l->max_replicas) cap_additions(&t, nodes * r->window - there - t.phase[KW_PHASE_PROVISION]);
    bool ok = narrow(&r->gpu_ns[KW_PHASE_PROVISION], t.phase[KW_PHASE_PROVISION] * node_gpus) &&
              narrow(&r->rounding_gpu_ns, t.rounding * node_gpus) && narrow(&r->minimum_gpu_ns, t.minimum * node_gpus);
    for (int i = 0; i < 4; i++) {
        reserved -= (kw_i128)l->phase[start[i]] * r->gpus;
        ok = ok && narrow(&r->gpu_ns[start[i]], (kw_i128)l->phase[start[i]] * r->gpus);
    }
    ok = ok && narrow(&r->reserved_gpu_ns, reserved);
    if (!ok) return kw_fail(err, KW_ERANGE, "GPU time exceeds 292 GPU-years in one deployment: replay a shorter trace");
    assert(reserved >= 0 && "replicas start on nodes that are there");
    return KW_OK;
}

/* O(lives), once a replication. Prices do not enter: what was used is kept, and a price change is a new bill and not a
 * new simulation. */
enum kw_status kw_usage_from_ledger(struct kw_usage *u, const struct kw_ledger *l, const struct kw_meter *m,
                                    enum kw_kind kind, uint32_t gpus, uint32_t reserved_gpus, kw_ns window,
                                    struct kw_error *err)
{
    if (window <= 0)
        return kw_fail(err, KW_ERANGE, "the observation window is %lld ns, want more than 0", (long long)window);
    struct kw_usage r = { .kind = kind,
                          .window = window,
                          .gpus = gpus,
                          .requests = (int64_t)l->completed,
                          .carried_in = l->carried_in - l->carried_cached - l->carried_cache_write,
                          .carried_cached = l->carried_cached,
                          .carried_cache_write = l->carried_cache_write,
                          .carried_out = l->carried_out,
                          .long_prompt = l->long_prompt,
                          .long_in = l->long_in - l->long_cached - l->long_cache_write,
                          .long_cached = l->long_cached,
                          .long_cache_write = l->long_cache_write,
                          .long_out = l->long_out,
                          .ping_in = l->ping_in,
                          .ping_out = l->ping_out };
    r.tokens_in = l->tokens_in - l->tokens_cached - l->tokens_cache_write - r.carried_in;
    r.tokens_cached = l->tokens_cached - r.carried_cached;
    r.tokens_cache_write = l->tokens_cache_write - r.carried_cache_write;
    r.tokens_out = l->tokens_out - r.carried_out;
    if (kind == KW_KIND_API) {
        r.gpus = 0;
        assert(counts_up(&r));
        *u = r;
        return KW_OK;
    }
    struct tally t = { .rounding = 0 };
    for (uint64_t i = 0, k = 0; i < l->lives_n; i++) {
        const struct kw_life *life = &l->lives[i];
        const struct kw_life_before *before = k < l->before_n && l->before[k].life == i ? &l->before[k++] : NULL;
        assert(phases_sum(life) == life->gone - life->born);
        t.lives += life->gone - life->born;
        t.busy += life->phase[KW_PHASE_ACTIVE];
        *(life->standin ? &t.standin : &t.there) += life->gone - life->born - life->phase[KW_PHASE_PROVISION];
        if (kind == KW_KIND_DEDICATED)
            t.unbilled += life->gone - life->born;
        else if (m->window > 0)
            bill_by_window(&t, life, before, m->window);
        else
            bill_by_phase(&t, life, before, m);
    }
    kw_i128 billed = 0; /* by phase: what the meter saw and what it did not are all the lives there were */
    kw_i128 reserved = (kw_i128)reserved_gpus * window;
    if (l->interruptible && l->max_replicas) reserved = reserved_gpus * t.there / l->max_replicas;
    bool ok = narrow(&r.reserved_gpu_ns, kind == KW_KIND_DEDICATED ? reserved : 0);
    if (t.standin) ok = ok && narrow(&r.standin_gpu_ns, reserved_gpus * t.standin / l->max_replicas);
    for (int p = 0; p < KW_PHASES; p++) {
        billed += t.phase[p];
        ok = ok && narrow(&r.gpu_ns[p], t.phase[p] * gpus);
    }
    assert(billed + t.unbilled == t.lives);
    kw_i128 most = (kw_i128)l->max_replicas * window;
    if (l->max_replicas) cap_additions(&t, most - billed);
    if (l->max_replicas && billed - t.phase[KW_PHASE_DRAIN] + t.minimum + t.rounding > most)
        return kw_fail(err, KW_EFAIL, "replicas are billed for longer than %u can be", l->max_replicas);
    ok = ok && narrow(&r.rounding_gpu_ns, t.rounding * gpus) && narrow(&r.minimum_gpu_ns, t.minimum * gpus) &&
         narrow(&r.unbilled_gpu_ns, t.unbilled * gpus) && narrow(&r.busy_gpu_ns, t.busy * gpus);
    if (!ok) return kw_fail(err, KW_ERANGE, "GPU time exceeds 292 GPU-years in one deployment: replay a shorter trace");
    if (kind == KW_KIND_DEDICATED && l->places) {
        r.reserved_gpu_ns = 0;
        enum kw_status st = bill_nodes(&r, l, m, reserved_gpus, err);
        if (st != KW_OK) return st;
    }
    assert(counts_up(&r));
    *u = r;
    return KW_OK;
}

uint32_t kw_gpus_per_replica(const struct kw_gpu_offer *o, uint32_t tp)
{
    uint32_t unit = o->gpus_min > 0 ? o->gpus_min : 1;
    return (tp + unit - 1) / unit * unit;
}

uint32_t kw_gpus_rented(const struct kw_gpu_offer *o, uint32_t tp, uint32_t replicas)
{
    uint32_t unit = o->gpus_min > 0 ? o->gpus_min : 1;
    if (unit <= tp) return replicas * kw_gpus_per_replica(o, tp);
    uint32_t a_node = unit / tp;
    return (replicas + a_node - 1) / a_node * unit;
}

enum kw_status kw_usage_times(struct kw_usage *u, double n, struct kw_error *err)
{
    struct kw_usage x = *u;
    enum { OTHERS = 24 };
    int64_t *quantity[KW_PHASES + OTHERS] = { &x.rounding_gpu_ns,  &x.minimum_gpu_ns, &x.unbilled_gpu_ns,
                                              &x.reserved_gpu_ns,  &x.busy_gpu_ns,    &x.requests,
                                              &x.tokens_in,        &x.tokens_cached,  &x.tokens_cache_write,
                                              &x.tokens_out,       &x.long_in,        &x.long_cached,
                                              &x.long_cache_write, &x.long_out,       &x.egress_bytes,
                                              &x.standin_gpu_ns,   &x.units,          &x.units_used_millionths,
                                              &x.carried_in,       &x.carried_cached, &x.carried_cache_write,
                                              &x.carried_out,      &x.ping_in,        &x.ping_out };
    for (int k = 0; k < KW_PHASES; k++) quantity[OTHERS + k] = &x.gpu_ns[k];
    for (int k = 0; k < KW_PHASES + OTHERS && n != 1; k++) {
        long double v = (long double)*quantity[k] * n + 0.5L;
        if (!(v >= 0 && v < 9.2e18L)) return kw_fail(err, KW_ERANGE, "%g times the usage is too much to count", n);
        *quantity[k] = (int64_t)v;
    }
    *u = x;
    return KW_OK;
}

/* So many tokens, in millionths, of what a unit carries in the window, in millionths. */
static kw_i128 share(kw_i128 weighted, int64_t tokens_min, kw_ns window)
{
    return weighted * (60 * KW_NS_PER_S) / ((kw_i128)tokens_min * window);
}

enum kw_status kw_usage_units(struct kw_usage *u, const struct kw_units_bought *b, struct kw_error *err)
{
    const struct kw_unit_capacity *c = &b->carries;
    bool split = b->rule == KW_UNITS_SPLIT;
    int64_t prompt = u->carried_in + u->carried_cached + u->carried_cache_write;
    kw_i128 used =
        share(kw_unit_weighted(c, prompt, u->carried_cached, u->carried_cache_write, split ? 0 : u->carried_out),
              split ? c->in_min : c->tokens_min, u->window);
    kw_i128 out = split ? share((kw_i128)u->carried_out * 1000000, c->out_min, u->window) : 0;
    if (out > used) used = out;
    if (used > INT64_MAX) return kw_fail(err, KW_ERANGE, "the tokens that units carry are too many to count");
    u->units = b->n;
    u->units_used_millionths = (int64_t)used;
    return KW_OK;
}

enum kw_status kw_usage_egress(struct kw_usage *u, uint32_t bytes_per_token, struct kw_error *err)
{
    int64_t tokens, bytes;
    if (__builtin_add_overflow(u->tokens_out, u->carried_out, &tokens) ||
        __builtin_mul_overflow(tokens, (int64_t)bytes_per_token, &bytes))
        return kw_fail(err, KW_ERANGE, "%u bytes a token are too many to count", bytes_per_token);
    u->egress_bytes = bytes;
    return KW_OK;
}
