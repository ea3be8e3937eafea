#include "sim/plan/levers.h"
#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "sim/fleet/pool/cold_start.h"
#include "sim/plan/scaled.h"

const char *const kw_lever_name[] = { "price",     "token_prices", "unit_price",  "fee",    "engineer", "start_time",
                                      "step_time", "ttft",         "output_rate", "volume", "reading",  NULL };

/* Where prices stand in an offer, so that the same one is found in a copy. */
static const size_t gpu_price_at[] = {
    offsetof(struct kw_gpu_offer, gpu_hour),          offsetof(struct kw_gpu_offer, gpu_month),
    offsetof(struct kw_gpu_offer, committed[0].hour), offsetof(struct kw_gpu_offer, committed[1].hour),
    offsetof(struct kw_gpu_offer, committed[2].hour), offsetof(struct kw_gpu_offer, committed[3].hour),
    offsetof(struct kw_gpu_offer, gpu_hour_spot),     offsetof(struct kw_gpu_offer, cpu_core_hour),
    offsetof(struct kw_gpu_offer, memory_gib_hour)
};
static_assert(KW_GPU_TERMS == 4, "every term has its price above");
#define GPU_PRICES (sizeof gpu_price_at / sizeof *gpu_price_at)

static const size_t token_prices_at[][2] = { /* of short prompts and of long ones, by service tier */
                                             { offsetof(struct kw_api_offer, price),
                                               offsetof(struct kw_api_offer, above.price) },
                                             { offsetof(struct kw_api_offer, flex),
                                               offsetof(struct kw_api_offer, above.flex) },
                                             { offsetof(struct kw_api_offer, priority),
                                               offsetof(struct kw_api_offer, above.priority) }
};
#define TIERS (sizeof token_prices_at / sizeof *token_prices_at)
static const size_t token_price_at[] = { offsetof(struct kw_token_prices, in_mtok),
                                         offsetof(struct kw_token_prices, cached_in_mtok),
                                         offsetof(struct kw_token_prices, cache_write_mtok),
                                         offsetof(struct kw_token_prices, out_mtok) };
#define LINES (sizeof token_price_at / sizeof *token_price_at)

static const char *in_region(const struct kw_choice *c, char *buf, size_t size)
{
    buf[0] = 0;
    if (c->region) snprintf(buf, size, " in %s", c->region->name);
    return buf;
}

/* The user's own numbers have no place in a platform and no date. */
static const struct kw_provenance own = { .grade = KW_GRADE_USER };

static struct kw_lever *add(struct kw_lever *out, size_t *n, enum kw_lever_kind kind, const void *of, kw_nusd value,
                            const char *unit, const struct kw_provenance *p)
{
    assert(*n < KW_LEVERS_OF_CHOICE);
    struct kw_lever *l = &out[(*n)++];
    *l = (struct kw_lever){ .kind = kind, .of = of, .value = kw_nano_to_double(value), .unit = unit, .provenance = *p };
    return l;
}

/* By the vendor's name where the platform sells several of the GPU. */
static const char *gpu_name(const struct kw_choice *c)
{
    size_t like = 0;
    for (size_t i = 0; i < c->platform->n_gpus; i++) like += !strcmp(c->platform->gpus[i].gpu, c->gpu->gpu);
    return like > 1 ? c->gpu->sku : c->gpu->gpu;
}

static void add_gpu(struct kw_lever *out, size_t *n, const struct kw_choice *c)
{
    const struct kw_gpu_offer *o = c->gpu;
    const struct {
        const struct kw_price *price;
        const char *unit, *what;
    } all[] = { { kw_gpu_price(o, c->term), c->term == KW_TERM_MONTHLY ? "USD/GPU-month" : "USD/GPU-hour", NULL },
                { c->term == KW_TERM_SPOT ? &o->gpu_hour : NULL, "USD/GPU-hour", NULL }, /* what stands in */
                { &o->cpu_core_hour, "USD/core-hour", "CPU beside" },
                { &o->memory_gib_hour, "USD/GiB-hour", "memory beside" } };
    char region[40];
    in_region(c, region, sizeof region);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const struct kw_price *p = all[i].price;
        if (!p || !p->known) continue;
        struct kw_lever *l = add(out, n, KW_LEVER_PRICE, p, p->v, all[i].unit, &p->provenance);
        if (all[i].what)
            snprintf(l->fact, sizeof l->fact, "%s price of %s %s%s", c->platform->name, all[i].what, gpu_name(c),
                     region);
        else
            snprintf(l->fact, sizeof l->fact, "%s price of %s (%s)%s", c->platform->name, gpu_name(c),
                     kw_term_name[i ? KW_TERM_ON_DEMAND : c->term], region);
    }
}

static void add_tokens(struct kw_lever *out, size_t *n, const struct kw_choice *c)
{
    static const char *const line_name[LINES] = { "input", "cached input", "cache writes", "output" };
    const struct kw_api_offer *o = c->api;
    const struct kw_token_prices *tier = kw_term_prices(o, c->term), *above = kw_term_above(o, c->term);
    char region[40], of_tier[24] = "";
    in_region(c, region, sizeof region);
    if (tier != &o->price) snprintf(of_tier, sizeof of_tier, " (%s)", kw_term_name[c->term]);
    struct kw_lever *l =
        add(out, n, KW_LEVER_TOKENS, tier, tier->out_mtok.v, "USD/Mtok of output", &tier->out_mtok.provenance);
    snprintf(l->fact, sizeof l->fact, "%s token prices of %s%s%s", c->platform->name, o->model, of_tier, region);
    for (int is_long = 0; is_long < (o->above.tokens ? 2 : 1); is_long++)
        for (size_t i = 0; i < LINES; i++) {
            const struct kw_price *p = (const void *)((const char *)(is_long ? above : tier) + token_price_at[i]);
            if (!p->known) continue;
            l = add(out, n, KW_LEVER_PRICE, p, p->v, "USD/Mtok", &p->provenance);
            snprintf(l->fact, sizeof l->fact, "%s price of %s of %s%s%s%s", c->platform->name, line_name[i], o->model,
                     is_long ? ", long prompts" : "", of_tier, region);
        }
}

static const char *const unit_price_unit[KW_COMMITMENTS] = {
    "USD/unit-hour", "USD/unit-week", "USD/unit-month", "USD/unit-3-months", "USD/unit-6-months", "USD/unit-year"
};

static const void *unit_price(const struct kw_choice *c)
{
    return c->provision.own_price ? (const void *)&own : &c->api->provisioned.price[c->provision.commitment];
}

static void add_unit(struct kw_lever *out, size_t *n, const struct kw_choice *c)
{
    struct kw_unit_price p = kw_choice_unit_price(c);
    char region[40];
    struct kw_lever *l = add(out, n, KW_LEVER_UNIT, unit_price(c), p.v, unit_price_unit[p.per],
                             c->provision.own_price ? &own : &p.provenance);
    snprintf(l->fact, sizeof l->fact, "%s price of a %s of %s (%s)%s", c->platform->name, c->api->provisioned.unit,
             c->api->model, kw_commitment_name[c->provision.commitment], in_region(c, region, sizeof region));
}

size_t kw_levers_of_choice(const struct kw_choice *c, struct kw_lever out[KW_LEVERS_OF_CHOICE])
{
    const struct kw_platform *p = c->platform;
    size_t n = 0;
    if (c->term == KW_TERM_PROVISIONED) add_unit(out, &n, c);
    if (c->api) add_tokens(out, &n, c);
    if (c->gpu) add_gpu(out, &n, c);
    if (p->egress.price.known && c->egress_bytes) {
        const struct kw_price *e = &p->egress.price;
        struct kw_lever *l =
            add(out, &n, KW_LEVER_PRICE, e, e->v, p->egress.per == 1000000000 ? "USD/GB" : "USD/GiB", &e->provenance);
        snprintf(l->fact, sizeof l->fact, "%s price of bytes sent out", p->name);
    }
    if (p->meter.monthly_fee) {
        struct kw_lever *l = add(out, &n, KW_LEVER_FEE, p, p->meter.monthly_fee, "USD/month", &p->meter.provenance);
        snprintf(l->fact, sizeof l->fact, "%s monthly fee", p->name);
    }
    if (c->engineer_month || c->operations_month) {
        kw_nusd all = c->engineer_month ? c->engineer_month : c->operations_month;
        struct kw_lever *l = add(out, &n, KW_LEVER_ENGINEER, &kw_kind_name[p->kind], all, "USD/month", &own);
        snprintf(l->fact, sizeof l->fact, "the engineer's share of %s", kw_kind_name[p->kind]);
    }
    return n;
}

bool kw_lever_same(const struct kw_lever *a, const struct kw_lever *b)
{
    return a->kind == b->kind && a->of == b->of && (a->of || !strcmp(a->fact, b->fact));
}

static struct kw_lever *add_law(struct kw_lever *out, size_t *n, enum kw_lever_kind kind, const char *unit,
                                const struct kw_provenance *p)
{
    struct kw_lever *l = &out[(*n)++];
    assert(*n <= KW_LAWS_OF_CHOICE);
    *l = (struct kw_lever){ .kind = kind, .value = NAN, .unit = unit, .provenance = *p };
    return l;
}

/* The longest phase's, at the weakest grade of all. */
static struct kw_provenance start_provenance(const struct kw_cold_start *k)
{
    const struct kw_law *phase[] = { &k->provision,    &k->pull,    &k->load,     &k->init,
                                     &k->engine_start, &k->restore, &k->load_rate };
    struct kw_provenance p = { .grade = KW_GRADE_MEASURED };
    enum kw_grade weakest = KW_GRADE_MEASURED;
    double longest = -1;
    for (size_t i = 0; i < sizeof phase / sizeof *phase; i++) {
        if (phase[i]->kind == KW_LAW_NONE) continue;
        double median = kw_law_quantile(phase[i], 0.5);
        if (phase[i] == &k->load_rate) median = k->weight_bytes / median;
        weakest = kw_grade_weaker(weakest, phase[i]->provenance.grade);
        if (median <= longest) continue;
        longest = median;
        p = phase[i]->provenance;
    }
    p.grade = weakest;
    return p;
}

size_t kw_levers_of_times(const struct kw_choice *c, struct kw_lever out[KW_LAWS_OF_CHOICE])
{
    size_t n = 0;
    if (c->profile) {
        struct kw_lever *l = add_law(out, &n, KW_LEVER_STEPS, "ms a decode step", &c->profile->steps);
        snprintf(l->fact, sizeof l->fact, "step time of %s on %s", c->profile->model, c->gpu->gpu);
    }
    if (c->profile && kw_choice_scales(c)) {
        struct kw_provenance p = start_provenance(&c->cold);
        struct kw_lever *l = add_law(out, &n, KW_LEVER_START, "s", &p);
        snprintf(l->fact, sizeof l->fact, "%s time of a cold start", c->platform->name);
    }
    bool promised = c->term == KW_TERM_BATCH && c->batch_from == KW_BATCH_PROMISED; /* that is the worst there is */
    if (!c->api || !kw_choice_latency_known(c) || promised) return n;
    struct kw_lever *ttft = add_law(out, &n, KW_LEVER_TTFT, "s", &c->ttft_s.provenance),
                    *rate = add_law(out, &n, KW_LEVER_RATE, "tokens/s", &c->output_rate.provenance);
    snprintf(ttft->fact, sizeof ttft->fact, "%s first token of %s", c->platform->name, c->api->model);
    snprintf(rate->fact, sizeof rate->fact, "%s output rate of %s", c->platform->name, c->api->model);
    return n;
}

static double decode_step_s(const struct kw_step_tables *t)
{
    const double context = 1000; /* tokens of the one sequence */
    double s =
        t->fixed_s + t->sequence_s + kw_curve_at(&t->dense, 1) + kw_curve_at(&t->head, 1) + kw_curve_at(&t->comm, 1);
    return t->n_decode_rows ? s + kw_curve_at(&t->decode[0], context) : s;
}

enum kw_status kw_lever_measure(struct kw_lever *l, const struct kw_choice *c, struct kw_error *err)
{
    kw_ns start = 0;
    enum kw_status st = KW_OK;
    switch (l->kind) {
    case KW_LEVER_START:
        st = kw_start_quantile(&c->cold, &c->scaling, 0.5, &start, err);
        l->value = (double)start / (double)KW_NS_PER_S;
        break;
    case KW_LEVER_STEPS: l->value = 1e3 * decode_step_s(&c->profile->tables); break;
    case KW_LEVER_TTFT: l->value = kw_law_quantile(&c->ttft_s, 0.5); break;
    case KW_LEVER_RATE: l->value = kw_law_quantile(&c->output_rate, 0.5); break;
    default: assert(!"no law");
    }
    return st;
}

bool kw_lever_of(const struct kw_lever *l, const struct kw_choice *c)
{
    struct kw_lever all[KW_LEVERS_OF_CHOICE];
    static_assert(KW_LAWS_OF_CHOICE <= KW_LEVERS_OF_CHOICE, "there is room for either");
    size_t n = kw_lever_is_price(l->kind) ? kw_levers_of_choice(c, all) : kw_levers_of_times(c, all);
    while (n-- > 0)
        if (kw_lever_same(&all[n], l)) return true;
    return false;
}

bool kw_lever_moves(const struct kw_lever *l, const struct kw_candidate *c)
{
    for (uint32_t d = 0; d < c->n; d++)
        if (kw_lever_of(l, &c->choice[d])) return true;
    return false;
}

enum kw_status kw_lever_apply(const struct kw_lever *l, double by, struct kw_candidate *c,
                              struct kw_steptime *made[KW_FLEET_MAX_DEPLOYMENTS], struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (uint32_t d = 0; d < KW_FLEET_MAX_DEPLOYMENTS; d++) made[d] = NULL;
    for (uint32_t d = 0; d < c->n && st == KW_OK; d++) {
        struct kw_choice *x = &c->choice[d];
        if (!kw_lever_of(l, x)) continue;
        switch (l->kind) {
        case KW_LEVER_START: kw_scaled_starts(x, by); break;
        case KW_LEVER_STEPS:
            if ((st = kw_scaled_steps(&made[d], x, by, err)) == KW_OK) x->steptime = made[d];
            break;
        case KW_LEVER_TTFT: kw_scaled_ttft(x, by); break;
        case KW_LEVER_RATE: kw_scaled_rate(x, by); break;
        default: assert(!"no law");
        }
    }
    return st;
}

/* The most there is where that is more. */
static kw_nusd times(kw_nusd v, double by)
{
    double moved = (double)v * by;
    return moved < 0x1p63 ? (kw_nusd)llround(moved) : INT64_MAX;
}

/* Copies that a tariff may point to in the place of what it has. */
struct copies {
    struct kw_platform platform;
    struct kw_gpu_offer gpu;
    struct kw_api_offer api;
    struct kw_brackets brackets[TIERS * 2 * LINES];
    size_t n_brackets;
};

static void scale(struct copies *m, struct kw_price *p, double by)
{
    p->v = times(p->v, by);
    if (!p->brackets) return;
    assert(m->n_brackets < sizeof m->brackets / sizeof *m->brackets);
    struct kw_brackets *b = &m->brackets[m->n_brackets++];
    *b = *p->brackets;
    for (uint32_t i = 0; i < b->n; i++) b->v[i] = times(b->v[i], by);
    p->brackets = b;
}

static void scale_gpu(struct copies *m, struct kw_tariff *t, const struct kw_lever *l, double by)
{
    for (size_t i = 0; t->gpu && i < GPU_PRICES; i++) {
        if ((const char *)t->gpu + gpu_price_at[i] != (const char *)l->of) continue;
        m->gpu = *t->gpu;
        scale(m, (void *)((char *)&m->gpu + gpu_price_at[i]), by);
        t->gpu = &m->gpu;
        return;
    }
}

static void scale_api(struct copies *m, struct kw_tariff *t, const struct kw_lever *l, double by)
{
    const struct kw_api_offer *from = t->api;
    for (size_t i = 0; from && i < TIERS * 2 * LINES; i++) {
        size_t tier = i / (2 * LINES), of = token_prices_at[tier][i / LINES % 2], at = of + token_price_at[i % LINES];
        bool all = l->kind == KW_LEVER_TOKENS && (const char *)from + token_prices_at[tier][0] == (const char *)l->of;
        if (!all && (l->kind != KW_LEVER_PRICE || (const char *)from + at != (const char *)l->of)) continue;
        if (t->api == from) m->api = *from;
        t->api = &m->api;
        scale(m, (void *)((char *)&m->api + at), by);
    }
}

static void move(struct copies *m, struct kw_tariff *t, const struct kw_choice *c, const struct kw_lever *l, double by)
{
    const struct kw_platform *p = t->platform;
    m->n_brackets = 0;
    switch (l->kind) {
    case KW_LEVER_PRICE:
        scale_gpu(m, t, l, by);
        scale_api(m, t, l, by);
        if (l->of == &p->egress.price) {
            m->platform = *p;
            scale(m, &m->platform.egress.price, by);
            t->platform = &m->platform;
        }
        break;
    case KW_LEVER_TOKENS: scale_api(m, t, l, by); break;
    case KW_LEVER_UNIT:
        if (c->term == KW_TERM_PROVISIONED && unit_price(c) == l->of) t->unit.v = times(t->unit.v, by);
        break;
    case KW_LEVER_FEE:
        if (l->of != p) break;
        m->platform = *p;
        m->platform.meter.monthly_fee = times(p->meter.monthly_fee, by);
        t->platform = &m->platform;
        break;
    case KW_LEVER_ENGINEER:
        if (l->of != &kw_kind_name[p->kind]) break;
        t->engineer_month = times(t->engineer_month, by);
        t->operations_month = times(t->operations_month, by);
        break;
    default: assert(!"no lever");
    }
}

/* An account is known by its platform's name, so that copies of one platform are one. */
enum kw_status kw_lever_cost(const struct kw_lever *l, double by, const struct kw_candidate *c,
                             const struct kw_usage *usage, double *usd, struct kw_error *err)
{
    struct copies moved[KW_FLEET_MAX_DEPLOYMENTS];
    struct kw_tariff tariff[KW_FLEET_MAX_DEPLOYMENTS];
    struct kw_bill bill[KW_FLEET_MAX_DEPLOYMENTS];
    kw_nusd all = 0;
    for (uint32_t d = 0; d < c->n; d++) {
        tariff[d] = kw_choice_tariff(&c->choice[d]);
        move(&moved[d], &tariff[d], &c->choice[d], l, by);
    }
    struct kw_error why = { "" };
    enum kw_status st = kw_bills(bill, usage, tariff, c->n, true, &why);
    for (uint32_t d = 0; d < c->n && st == KW_OK; d++)
        if (__builtin_add_overflow(all, bill[d].total, &all)) st = KW_ERANGE;
    *usd = kw_nano_to_double(st == KW_ERANGE ? INT64_MAX : all); /* a bill holds no more, and no rival costs as much */
    return st == KW_OK || st == KW_ERANGE ? KW_OK : kw_fail(err, st, "%s", why.msg);
}
