#include "sim/cost/bill.h"
#include <assert.h>
#include <math.h>
#include <string.h>

const char *const kw_item_name[] = { "active",
                                     "keep_warm",
                                     "idle",
                                     "load",
                                     "provision",
                                     "drain",
                                     "failed_start",
                                     "rounding",
                                     "minimum",
                                     "cpu",
                                     "memory",
                                     "reserved",
                                     "standin",
                                     "provisioned",
                                     "tokens_in",
                                     "tokens_cached",
                                     "tokens_cache_write",
                                     "tokens_out",
                                     "long_in",
                                     "long_cached",
                                     "long_cache_write",
                                     "long_out",
                                     "egress",
                                     "fee",
                                     "credit",
                                     "operations",
                                     "monitoring",
                                     NULL };
const char *const kw_term_name[] = { "on_demand",   "monthly",  "spot",     "batch",  "flex",    "priority",
                                     "provisioned", "3_months", "6_months", "1_year", "3_years", NULL };
_Static_assert(sizeof kw_item_name / sizeof *kw_item_name == KW_ITEMS + 1, "a name for each item");
_Static_assert(sizeof kw_term_name / sizeof *kw_term_name == KW_TERMS + 1, "a name for each term");

/* price * GPU-ns * month * share passes 2^128 for a large fleet, so products are 384 bits wide: six factors of 63 bits
 * and a doubling fit. Little-endian limbs. */
#define LIMBS 6
__extension__ typedef unsigned __int128 u128;

static void wide_multiply(uint64_t x[LIMBS], uint64_t by)
{
    u128 carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (u128)x[i] * by;
        x[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

static void wide_divide(uint64_t x[LIMBS], uint64_t by) /* floor */
{
    u128 rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        rest = rest << 64 | x[i];
        x[i] = (uint64_t)(rest / by);
        rest %= by;
    }
}

/* round(of * prod(num) / prod(den)), half up; all factors >= 0, den > 0. floor((2N + D) / 2D) by one factor of 2D at a time,
 * which is exact because floor(floor(x / a) / b) == floor(x / ab). False when it does not fit. */
static bool ratio_of(kw_nusd *out, u128 of, const int64_t *num, int n, const int64_t *den, int m)
{
    uint64_t x[LIMBS] = { (uint64_t)of, (uint64_t)(of >> 64) }, d[LIMBS] = { 1 };
    wide_multiply(x, 2);
    for (int i = 0; i < n; i++) {
        assert(num[i] >= 0);
        wide_multiply(x, (uint64_t)num[i]);
    }
    for (int j = 0; j < m; j++) {
        assert(den[j] > 0);
        wide_multiply(d, (uint64_t)den[j]);
    }
    u128 carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (u128)x[i] + d[i];
        x[i] = (uint64_t)carry;
        carry >>= 64;
    }
    wide_divide(x, 2);
    for (int j = 0; j < m; j++) wide_divide(x, (uint64_t)den[j]);
    for (int i = 1; i < LIMBS; i++)
        if (x[i]) return false;
    if (x[0] > INT64_MAX) return false;
    *out = (kw_nusd)x[0];
    return true;
}

static bool ratio(kw_nusd *out, const int64_t *num, int n, const int64_t *den, int m)
{
    return ratio_of(out, 1, num, n, den, m);
}

struct billing {
    const struct kw_usage *u;
    const struct kw_tariff *t;
    const struct kw_usage
        *all_u; /* [n] of all deployments of the user, u and t the one at i: what a month's volume is told from */
    const struct kw_tariff *all_t;
    uint32_t n, i;
    bool month;
    int64_t scale_num, scale_den, passes; /* month / window / 1, or 1 / 1 / passes for one window's own bill */
    int64_t region_ppm;                   /* on what is metered where the offer lies, 1000000 = 1 */
    struct kw_bill b;
    struct kw_error *err;
};

static enum kw_status overflow(struct billing *x, enum kw_item item)
{
    return kw_fail(x->err, KW_ERANGE, "%s: the bill's item '%s' exceeds 9.2 billion dollars", x->t->platform->name,
                   kw_item_name[item]);
}

static enum kw_status unknown(struct billing *x, const char *what, const char *of)
{
    return kw_fail(x->err, KW_ERANGE, "%s %s: %s is not known", x->t->platform->name, of, what);
}

/* price per `per` units; share_ppb: how much of the resource goes with one unit of quantity, 1e9 = 1. */
/* The one place that rounds. Everything before it is a product of integers, so the order of factors does not show. */
static enum kw_status item(struct billing *x, enum kw_item k, kw_nusd price, int64_t quantity, int64_t per,
                           int64_t share_ppb, int64_t factor_ppm)
{
    const int64_t num[] = { price, quantity, x->scale_num, share_ppb, factor_ppm, x->region_ppm };
    const int64_t den[] = { per, x->scale_den, x->passes, KW_NANO, 1000000, 1000000 };
    return ratio(&x->b.item[k], num, 6, den, 6) ? KW_OK : overflow(x, k);
}

static bool sum64(int64_t *out, const int64_t *v, int n)
{
    *out = 0;
    for (int i = 0; i < n; i++)
        if (__builtin_add_overflow(*out, v[i], out)) return false;
    return true;
}

/* An item whose price is missing is an error and never 0: a plan would choose it. */
static enum kw_status bill_gpus(struct billing *x)
{
    const struct kw_usage *u = x->u;
    const struct kw_gpu_offer *o = x->t->gpu;
    int64_t factor = x->t->platform->meter.multiplier_ppm;
    if (!o) return kw_fail(x->err, KW_ERANGE, "%s: no GPU offer to bill by", x->t->platform->name);
    bool dedicated = u->kind == KW_KIND_DEDICATED;
    enum kw_term term = x->t->term;
    if (term == KW_TERM_MONTHLY && dedicated) {
        if (!o->gpu_month.known) return unknown(x, "the monthly price", o->gpu);
        enum kw_status st =
            item(x, KW_ITEM_RESERVED, o->gpu_month.v, u->reserved_gpu_ns, kw_usage_month(u), KW_NANO, factor);
        if (st != KW_OK) return st;
    } else {
        const struct kw_price *p = kw_gpu_price(o, term);
        if (!p->known)
            return unknown(x,
                           term == KW_TERM_SPOT   ? "the spot price"
                           : kw_term_months(term) ? "the price by that commitment"
                                                  : "the hourly price",
                           o->gpu);
        const int64_t *g = u->gpu_ns;
        int64_t load = 0, provision = 0;
        if (!sum64(&load, (int64_t[]){ g[KW_PHASE_LOAD], g[KW_PHASE_INIT], g[KW_PHASE_RESTORE] }, 3) ||
            !sum64(&provision, (int64_t[]){ g[KW_PHASE_PROVISION], g[KW_PHASE_PULL] }, 2))
            return overflow(x, KW_ITEM_LOAD);
        const struct {
            enum kw_item item;
            int64_t gpu_ns;
        } line[] = { { KW_ITEM_ACTIVE, g[KW_PHASE_ACTIVE] },
                     { KW_ITEM_KEEP_WARM, g[KW_PHASE_KEEP_WARM] },
                     { KW_ITEM_IDLE, g[KW_PHASE_IDLE] },
                     { KW_ITEM_LOAD, load },
                     { KW_ITEM_PROVISION, provision },
                     { KW_ITEM_DRAIN, g[KW_PHASE_DRAIN] },
                     { KW_ITEM_FAILED_START, g[KW_PHASE_FAILED_START] },
                     { KW_ITEM_ROUNDING, u->rounding_gpu_ns },
                     { KW_ITEM_MINIMUM, u->minimum_gpu_ns },
                     { KW_ITEM_RESERVED, u->reserved_gpu_ns } };
        for (size_t i = 0; i < sizeof line / sizeof *line; i++) {
            enum kw_status st = item(x, line[i].item, p->v, line[i].gpu_ns, KW_NS_PER_HOUR, KW_NANO, factor);
            if (st != KW_OK) return st;
        }
        if (u->standin_gpu_ns > 0) {
            if (!o->gpu_hour.known) return unknown(x, "the hourly price", o->gpu);
            enum kw_status st =
                item(x, KW_ITEM_STANDIN, o->gpu_hour.v, u->standin_gpu_ns, KW_NS_PER_HOUR, KW_NANO, factor);
            if (st != KW_OK) return st;
        }
    }
    int64_t paid = 0, part[KW_PHASES + 4];
    for (int p = 0; p < KW_PHASES; p++) part[p] = u->gpu_ns[p];
    part[KW_PHASES] = u->rounding_gpu_ns;
    part[KW_PHASES + 1] = u->minimum_gpu_ns;
    part[KW_PHASES + 2] = u->reserved_gpu_ns;
    part[KW_PHASES + 3] = u->standin_gpu_ns;
    if (!sum64(&paid, part, KW_PHASES + 4)) return overflow(x, KW_ITEM_CPU);
    const struct {
        enum kw_item item;
        const struct kw_price *price;
        double share;
    } beside[] = { { KW_ITEM_CPU, &o->cpu_core_hour, o->cpu_cores },
                   { KW_ITEM_MEMORY, &o->memory_gib_hour, o->memory_gib } };
    for (int i = 0; i < 2; i++) {
        if (!beside[i].price->known) continue; /* not metered beside the GPU */
        enum kw_status st = item(x, beside[i].item, beside[i].price->v, paid, KW_NS_PER_HOUR,
                                 (int64_t)llround(beside[i].share * 1e9), factor);
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

uint32_t kw_term_months(enum kw_term term)
{
    if (term == KW_TERM_MONTHLY) return 1;
    return term >= KW_TERM_COMMITTED ? kw_gpu_term_months[term - KW_TERM_COMMITTED] : 0;
}

const struct kw_price *kw_gpu_price(const struct kw_gpu_offer *o, enum kw_term term)
{
    if (term >= KW_TERM_COMMITTED) return &o->committed[term - KW_TERM_COMMITTED].hour;
    return term == KW_TERM_MONTHLY ? &o->gpu_month : term == KW_TERM_SPOT ? &o->gpu_hour_spot : &o->gpu_hour;
}

bool kw_term_of_api(enum kw_term term)
{
    return term >= KW_TERM_BATCH && term <= KW_TERM_PROVISIONED;
}

const struct kw_token_prices *kw_term_prices(const struct kw_api_offer *o, enum kw_term term)
{
    return term == KW_TERM_FLEX ? &o->flex : term == KW_TERM_PRIORITY ? &o->priority : &o->price;
}

const struct kw_token_prices *kw_term_above(const struct kw_api_offer *o, enum kw_term term)
{
    const struct kw_above_prices *a = &o->above;
    return term == KW_TERM_FLEX ? &a->flex : term == KW_TERM_PRIORITY ? &a->priority : &a->price;
}

/* Prices are of prompts up to and above a length: usage has to be counted by that length. */
static enum kw_status check_above(const struct billing *x)
{
    const struct kw_usage *u = x->u;
    uint32_t limit = x->t->api->above.tokens;
    bool any = u->tokens_in || u->tokens_cached || u->tokens_cache_write || u->tokens_out;
    if (!limit || !any || u->long_prompt == limit) return KW_OK;
    return kw_fail(
        x->err, KW_ERANGE,
        "%s %s: prompts above %u tokens have prices of their own, and the usage does not tell them apart (it "
        "does above %lld, 0 for not at all): simulate it again",
        x->t->platform->name, x->t->api->model, limit, (long long)u->long_prompt);
}

struct kw_line_price kw_token_price(const struct kw_tariff *t, enum kw_meter_line line, bool above)
{
    const struct kw_api_offer *o = t->api;
    const struct kw_token_prices *p = above ? kw_term_above(o, t->term) : kw_term_prices(o, t->term);
    const struct kw_price *own[KW_LINES] = { &p->in_mtok, &p->cached_in_mtok, &p->cache_write_mtok, &p->out_mtok };
    const enum kw_batch_cache rule = t->platform->batch.cache;
    struct kw_line_price r = { own[line], 1000000 };
    bool batch = t->term == KW_TERM_BATCH, cache = line == KW_LINE_CACHED || line == KW_LINE_WRITE;
    if (cache && (!own[line]->known || (batch && rule == KW_BATCH_CACHE_UNKNOWN))) {
        r.price = own[KW_LINE_IN];
        cache = false;
    }
    if (batch && !(cache && rule == KW_BATCH_CACHE_WINS)) r.factor_ppm = o->batch_ppm;
    return r;
}

/* Units are there the whole month, so its length alone counts and no window does. */
static enum kw_status bill_units(struct billing *x, bool month)
{
    const struct kw_usage *u = x->u;
    const struct kw_unit_price *p = &x->t->unit;
    if (!u->units) return KW_OK;
    if (!p->known) return unknown(x, "the price of a unit", x->t->api ? x->t->api->model : "");
    const int64_t num[] = { p->v, u->units, month ? kw_usage_month(u) : u->window };
    const int64_t den[] = { kw_commitment_length(p->per), month ? 1 : kw_usage_passes(u) };
    return ratio(&x->b.item[KW_ITEM_PROVISIONED], num, 3, den, 2) ? KW_OK : overflow(x, KW_ITEM_PROVISIONED);
}

/* What is metered other than time: quantity at a price per `per` of it. */
struct line {
    enum kw_item item;
    int64_t quantity, per;
    const struct kw_price *price;
    int64_t factor_ppm;
};
#define TOKEN_LINES (2 * KW_LINES) /* those of long prompts behind the others */
#define METERED (TOKEN_LINES + 1)  /* and what is sent out */

/* The k-th of the METERED; false: this deployment has none. */
static bool metered(const struct kw_usage *u, const struct kw_tariff *t, int k, struct line *l)
{
    static const enum kw_item items[TOKEN_LINES] = {
        KW_ITEM_TOKENS_IN, KW_ITEM_TOKENS_CACHED, KW_ITEM_TOKENS_CACHE_WRITE, KW_ITEM_TOKENS_OUT,
        KW_ITEM_LONG_IN,   KW_ITEM_LONG_CACHED,   KW_ITEM_LONG_CACHE_WRITE,   KW_ITEM_LONG_OUT
    };
    if (k == TOKEN_LINES) {
        const struct kw_egress *e = &t->platform->egress;
        *l = (struct line){ KW_ITEM_EGRESS, u->egress_bytes, e->per, &e->price, 1000000 };
        return u->egress_bytes && e->price.known;
    }
    if (u->kind != KW_KIND_API || !t->api) return false;
    const bool apart = t->api->above.tokens; /* else a request is priced by what it is, however long */
    const int64_t all[KW_LINES] = { u->tokens_in + u->ping_in, u->tokens_cached, u->tokens_cache_write,
                                    u->tokens_out + u->ping_out },
                  above[KW_LINES] = { u->long_in, u->long_cached, u->long_cache_write, u->long_out };
    int i = k % KW_LINES;
    bool is_long = k >= KW_LINES;
    if (is_long && (!apart || !above[i])) return false; /* what nobody asked for needs no price */
    struct kw_line_price p = kw_token_price(t, (enum kw_meter_line)i, is_long);
    *l = (struct line){ items[k],
                        is_long ? above[i]
                        : apart ? all[i] - above[i]
                                : all[i],
                        1000000, p.price, p.factor_ppm };
    return true;
}

static bool same_account(const struct kw_tariff *a, const struct kw_tariff *b)
{
    return (a->platform == b->platform || !strcmp(a->platform->name, b->platform->name)) &&
           !strcmp(a->account ? a->account : "", b->account ? b->account : "");
}

/* What the account uses in a month at the price of line k of x: before this line, in the order of deployments and lines, and
 * in all. In units of 1 / window, so that nothing rounds: quantity * month. False on overflow. */
static bool volume(const struct billing *x, int k, const struct line *of, u128 *before, u128 *all)
{
    struct line l;
    *before = *all = 0;
    for (uint32_t i = 0; i < x->n; i++) {
        const struct kw_usage *u = &x->all_u[i];
        if (!same_account(&x->all_t[i], x->t)) continue;
        for (int j = 0; j < METERED; j++) {
            if (i == x->i && j == k) *before = *all;
            if (!metered(u, &x->all_t[i], j, &l) || !l.price->brackets ||
                l.price->brackets->nth != of->price->brackets->nth)
                continue;
            if (u->window != x->u->window || kw_usage_month(u) != kw_usage_month(x->u)) return false;
            if (__builtin_add_overflow(*all, (u128)l.quantity * (u128)kw_usage_month(u), all)) return false;
        }
    }
    return true;
}

/* Each bracket's part of a line rounds by itself, as on an invoice. */
static enum kw_status item_by_volume(struct billing *x, int k, const struct line *l)
{
    const struct kw_brackets *b = l->price->brackets;
    kw_ns month = kw_usage_month(x->u);
    u128 from, all, own = (u128)l->quantity * (u128)month, low = 0;
    if (!volume(x, k, l, &from, &all)) return overflow(x, l->item);
    const u128 to = from + own;
    kw_nusd *out = &x->b.item[l->item], part;
    for (uint32_t i = 0; i < b->n; i++) {
        u128 high = i + 1 < b->n ? (u128)b->upto[i] * (u128)x->u->window : ~(u128)0;
        u128 here = to < high ? to : high, start = from > low ? from : low;
        u128 of = b->whole ? (all > low || !i) && all <= high ? own : 0 : here > start ? here - start : 0;
        const int64_t num[] = { b->v[i], l->factor_ppm, x->region_ppm };
        const int64_t den[] = { l->per, x->month ? x->u->window : month, x->passes, 1000000, 1000000 };
        if (!ratio_of(&part, of, num, 3, den, 5) || __builtin_add_overflow(*out, part, out))
            return overflow(x, l->item);
        low = high;
    }
    return KW_OK;
}

static enum kw_status bill_metered(struct billing *x)
{
    struct line l;
    enum kw_status st = KW_OK;
    if (x->u->kind == KW_KIND_API) {
        if (!x->t->api) return kw_fail(x->err, KW_ERANGE, "%s: no model offer to bill by", x->t->platform->name);
        st = check_above(x);
    }
    for (int k = 0; k < METERED && st == KW_OK; k++) {
        if (!metered(x->u, x->t, k, &l)) continue;
        if (!l.price->known)
            return unknown(x,
                           k >= KW_LINES      ? "the price of tokens of long prompts"
                           : k == KW_LINE_OUT ? "the price of output tokens"
                                              : "the price of input tokens",
                           x->t->api->model);
        int64_t region = x->region_ppm;
        if (k == TOKEN_LINES) x->region_ppm = 1000000; /* a price of its own wherever the machines lie */
        st = l.price->brackets ? item_by_volume(x, k, &l)
                               : item(x, l.item, l.price->v, l.quantity, l.per, KW_NANO, l.factor_ppm);
        x->region_ppm = region;
    }
    return st;
}

/* What the kind's engineer adds here: with the first deployment of the kind. */
static kw_nusd engineer_of(const struct billing *x)
{
    for (uint32_t k = 0; k < x->i; k++)
        if (x->all_u[k].kind == x->u->kind && x->all_t[k].engineer_month) return 0;
    return x->t->engineer_month;
}

/* A monitored life is whatever was not gone: what the meter billed and what it did not. Of rented machines a GPU is watched while
 * it is paid for, so that those which no replica uses count, too. */
static enum kw_status bill_monitoring(struct billing *x)
{
    const struct kw_usage *u = x->u;
    const struct kw_monitoring *m = &x->t->monitoring;
    kw_i128 alive = u->unbilled_gpu_ns, paid = (kw_i128)u->reserved_gpu_ns + u->standin_gpu_ns, phases = 0;
    for (int p = 0; p < KW_PHASES; p++) phases += u->gpu_ns[p];
    bool dedicated = u->kind == KW_KIND_DEDICATED; /* its lives are all unbilled, its phases are of machines */
    if (!dedicated) alive += phases;
    kw_i128 watched = dedicated ? paid + phases : alive;
    if (alive > INT64_MAX || watched > INT64_MAX) return overflow(x, KW_ITEM_MONITORING);
    kw_ns month = kw_usage_month(u);
    const struct {
        kw_nusd price;
        int64_t quantity, per;
    } line[] = { { m->replica_month, (int64_t)alive, month * (u->gpus ? u->gpus : 1) },
                 { m->gpu_month, (int64_t)watched, month },
                 { m->mrequest, u->requests, 1000000 } };
    kw_nusd sum = 0;
    for (size_t k = 0; k < sizeof line / sizeof *line; k++) {
        enum kw_status st = item(x, KW_ITEM_MONITORING, line[k].price, line[k].quantity, line[k].per, KW_NANO, 1000000);
        if (st != KW_OK) return st;
        if (__builtin_add_overflow(sum, x->b.item[KW_ITEM_MONITORING], &sum)) return overflow(x, KW_ITEM_MONITORING);
    }
    x->b.item[KW_ITEM_MONITORING] = sum;
    return KW_OK;
}

/* What the user pays others than the platform, whose credits and fees it does not touch. */
static kw_nusd own_costs(const struct kw_bill *b)
{
    return b->item[KW_ITEM_OPERATIONS] + b->item[KW_ITEM_MONITORING];
}

#ifndef NDEBUG
/* Lines that refund would hide a fault of the meter: only the credit may, and the total is the lines, nothing else. */
static bool adds_up(const struct kw_bill *b)
{
    kw_i128 sum = 0;
    for (int i = 0; i < KW_ITEMS; i++) {
        if (i == KW_ITEM_CREDIT ? b->item[i] > 0 : b->item[i] < 0) return false;
        sum += b->item[i];
    }
    return sum == b->total;
}
#endif

/* What is metered of deployment i of n, and the user's engineer; fee and credit belong to the account. */
static enum kw_status bill_use(struct kw_bill *out, const struct kw_usage *all_u, const struct kw_tariff *all_t,
                               uint32_t n, uint32_t i, bool month, struct kw_error *err)
{
    const struct kw_usage *u = &all_u[i];
    const struct kw_tariff *t = &all_t[i];
    kw_ns month_ns = kw_usage_month(u);
    int64_t passes = month ? 1 : kw_usage_passes(u);
    struct billing x = { .u = u,
                         .t = t,
                         .all_u = all_u,
                         .all_t = all_t,
                         .n = n,
                         .i = i,
                         .month = month,
                         .scale_num = month ? month_ns : 1,
                         .scale_den = month ? u->window : 1,
                         .passes = passes,
                         .region_ppm = 1000000,
                         .err = err };
    if (t->gpu) x.region_ppm += t->gpu->region_surcharge_ppm;
    if (t->api) x.region_ppm += t->api->region_surcharge_ppm;
    if (u->window <= 0) return kw_fail(err, KW_ERANGE, "usage without an observation window");
    enum kw_status st = u->kind == KW_KIND_API ? KW_OK : bill_gpus(&x);
    if (st == KW_OK) st = bill_metered(&x);
    if (st == KW_OK) st = bill_units(&x, month);
    x.region_ppm = 1000000; /* the user's own costs are the same anywhere */
    if (st == KW_OK) st = bill_monitoring(&x);
    if (st != KW_OK) return st;
    /* Monthly already; for a window, pro rata. */
    x.scale_num = month ? 1 : u->window;
    x.scale_den = month ? 1 : month_ns;
    kw_nusd people = engineer_of(&x);
    if (__builtin_add_overflow(people, t->operations_month, &people)) return overflow(&x, KW_ITEM_OPERATIONS);
    if ((st = item(&x, KW_ITEM_OPERATIONS, people, 1, 1, KW_NANO, 1000000)) != KW_OK) return st;
    if (!sum64(&x.b.total, x.b.item, KW_ITEMS)) return overflow(&x, KW_ITEM_ACTIVE);
    *out = x.b;
    return KW_OK;
}

enum kw_status kw_bill_carried(kw_nusd *out, const struct kw_usage *u, const struct kw_tariff *t, struct kw_error *err)
{
    struct kw_usage of = { .kind = u->kind,
                           .window = u->window,
                           .month = u->month,
                           .tokens_in = u->carried_in,
                           .tokens_cached = u->carried_cached,
                           .tokens_cache_write = u->carried_cache_write,
                           .tokens_out = u->carried_out,
                           .long_prompt = t->api->above.tokens };
    struct kw_tariff on_demand = { .platform = t->platform, .api = t->api, .term = KW_TERM_ON_DEMAND };
    struct kw_bill b;
    enum kw_status st = bill_use(&b, &of, &on_demand, 1, 0, true, err);
    if (st == KW_OK) *out = b.total;
    return st;
}

/* The part of `amount` that falls to the stretch from..to of `whole`: parts of stretches that fill the whole add up to
 * the amount exactly. Of nothing, the first gets all. */
static kw_nusd part_of(kw_nusd amount, kw_i128 from, kw_i128 to, kw_i128 whole, bool first)
{
    if (!whole) return first ? amount : 0;
    return (kw_nusd)(amount * to / whole - amount * from / whole);
}

/* The fee, and then the credit, of the account that deployment `first` is the first of, by what each of them uses. */
static enum kw_status bill_account(struct kw_bill *b, const struct kw_usage *u, const struct kw_tariff *t, uint32_t n,
                                   uint32_t first, bool month, struct kw_error *err)
{
    const struct kw_meter *m = &t[first].platform->meter;
    struct billing x = { .u = &u[first],
                         .t = &t[first],
                         .scale_num = month ? 1 : u[first].window,
                         .scale_den = month ? 1 : kw_usage_month(&u[first]),
                         .passes = month ? 1 : kw_usage_passes(&u[first]),
                         .region_ppm = 1000000,
                         .err = err };
    enum kw_status st;
    if ((st = item(&x, KW_ITEM_FEE, m->monthly_fee, 1, 1, KW_NANO, 1000000)) != KW_OK ||
        (st = item(&x, KW_ITEM_CREDIT, m->monthly_credit, 1, 1, KW_NANO, 1000000)) != KW_OK)
        return st;
    kw_i128 whole = 0, at = 0;
    for (uint32_t i = first; i < n; i++)
        if (same_account(&t[i], &t[first])) whole += b[i].total - own_costs(&b[i]);
    kw_nusd fee = x.b.item[KW_ITEM_FEE], credit = x.b.item[KW_ITEM_CREDIT];
    kw_i128 payable = whole + (m->credit_pays_fee ? fee : 0); /* and no platform pays for the user's engineer */
    if (payable < credit) credit = (kw_nusd)payable;
    for (uint32_t i = first; i < n; i++) {
        if (!same_account(&t[i], &t[first])) continue;
        kw_nusd used = b[i].total - own_costs(&b[i]);
        b[i].item[KW_ITEM_FEE] = part_of(fee, at, at + used, whole, i == first);
        b[i].item[KW_ITEM_CREDIT] = -part_of(credit, at, at + used, whole, i == first);
        if (!sum64(&b[i].total, b[i].item, KW_ITEMS)) return overflow(&x, KW_ITEM_FEE);
        assert(adds_up(&b[i]));
        at += used;
    }
    return KW_OK;
}

/* O(n^2) in a candidate's deployments, of which there are few. Use is billed first for all, since fee and credit are shared
 * out by it. */
enum kw_status kw_bills(struct kw_bill *b, const struct kw_usage *u, const struct kw_tariff *t, uint32_t n, bool month,
                        struct kw_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        enum kw_status st = bill_use(&b[i], u, t, n, i, month, err);
        if (st != KW_OK) return st;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t first = 0;
        while (!same_account(&t[first], &t[i])) first++;
        enum kw_status st = first == i ? bill_account(b, u, t, n, i, month, err) : KW_OK;
        if (st != KW_OK) return st;
    }
    return KW_OK;
}

kw_nusd kw_bills_one_off(const struct kw_bill *b, const struct kw_tariff *t, uint32_t n)
{
    kw_nusd sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct kw_meter *m = &t[i].platform->meter;
        kw_i128 left = 0;
        uint32_t first = 0;
        while (!same_account(&t[first], &t[i])) first++;
        if (first < i) continue;
        for (uint32_t k = i; k < n; k++)
            if (same_account(&t[k], &t[i]))
                left += b[k].total - own_costs(&b[k]) - (m->credit_pays_fee ? 0 : b[k].item[KW_ITEM_FEE]);
        sum += left < m->one_off_credit ? (kw_nusd)left : m->one_off_credit;
    }
    return sum;
}

enum kw_status kw_bill_add(struct kw_bill *sum, const struct kw_bill *b, struct kw_error *err)
{
    struct kw_bill r;
    bool over = __builtin_add_overflow(sum->total, b->total, &r.total);
    for (int i = 0; i < KW_ITEMS; i++) over |= __builtin_add_overflow(sum->item[i], b->item[i], &r.item[i]);
    if (over) return kw_fail(err, KW_ERANGE, "the bill exceeds 9.2 billion dollars");
    assert((!adds_up(sum) || !adds_up(b) || adds_up(&r)) && "sums of bills are bills");
    *sum = r;
    return KW_OK;
}

kw_nusd kw_bill_cold(const struct kw_bill *b)
{
    return b->item[KW_ITEM_LOAD] + b->item[KW_ITEM_PROVISION] + b->item[KW_ITEM_FAILED_START];
}

/* In 128 bits: millionths of thousands of units times their bill in nano-dollars pass 2^63. A burst may take more than
 * there is, which later windows pay back. */
static kw_nusd unused_units(const struct kw_bill *b, const struct kw_usage *u)
{
    kw_i128 all = (kw_i128)u->units * 1000000, unused = all - u->units_used_millionths;
    return unused > 0 ? (kw_nusd)(b->item[KW_ITEM_PROVISIONED] * unused / all) : 0;
}

kw_nusd kw_bill_idle(const struct kw_bill *b, const struct kw_usage *u)
{
    if (u->units) return unused_units(b, u);
    if (u->kind != KW_KIND_DEDICATED) return b->item[KW_ITEM_KEEP_WARM] + b->item[KW_ITEM_IDLE];
    /* In 128 bits: a year of a fleet in ns times its bill in nano-dollars passes 2^63. */
    kw_i128 rented = (kw_i128)u->reserved_gpu_ns + u->standin_gpu_ns;
    kw_i128 paid = (kw_i128)b->item[KW_ITEM_RESERVED] + b->item[KW_ITEM_STANDIN];
    if (rented <= 0 || u->busy_gpu_ns >= rented) return 0; /* a backlog outlasts the window */
    kw_i128 idle = paid * (rented - u->busy_gpu_ns) / rented;
    assert(idle >= 0 && idle <= paid && "waiting costs a part of what is rented");
    return (kw_nusd)idle;
}
