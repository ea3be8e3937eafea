#include "calibrate/profile/steptime.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/units.h"

#define PS_PER_S 1e12
#define LONGEST_PS INT64_C(1000000000000000) /* 1000 s */
#define STEEPEST_PS INT64_C(100000000) /* 0.1 ms a context token: with at most 2^32 of them a step stays in int64 */
#define FRACTION 20                    /* fractional bits of a slope in ps per query-key pair or prefill token */

struct piece { /* from lo up to the next piece's lo: base + slope * (C - lo) ps */
    uint64_t lo;
    int64_t base, slope;
};

struct ramp { /* from lo query-key pairs up: base + slope * (pairs - lo) / 2^FRACTION ps */
    uint64_t lo, slope;
    int64_t base;
};

struct kw_steptime {
    bool constant;
    int64_t decode_ps, prefill_ps; /* constant */
    uint32_t max_batch, max_tokens;
    int64_t *token; /* [max_tokens + 1] fixed + dense + comm, >= 1 */
    int64_t *group; /* [max_group + 1] experts + exchange, over tokens of all ranks; NULL: no such tables */
    uint64_t max_group, group_to;
    uint32_t pad_to;
    int64_t *head; /* [max_batch + 1] head + host time of the sequences */
    int64_t *rows; /* [max_rows + 1] head alone, of that many rows; NULL: compiled without drafts */
    uint32_t max_rows;
    uint32_t n_idle;
    struct {
        int64_t idle_ns, more;
    } idle[KW_STEP_IDLES];
    int64_t after_prompt;
    int64_t chunk; /* host time of a chunk */
    uint32_t *row; /* [max_batch + 2] first piece of a batch size */
    struct piece *piece;
    struct ramp *ramp; /* [n_ramp] */
    uint32_t n_ramp;
    uint64_t batch_to, tokens_to, pairs2_to;            /* where the tables end; pairs twice, as a step counts them */
    uint64_t token_slope;                               /* ps per prefill token, FRACTION bits */
    bool mixed;                                         /* decode beside prefill has a law of its own: */
    uint64_t mixed_sequence, mixed_context, mixed_pair; /* ps each, FRACTION bits */
};

double kw_curve_at(const struct kw_curve *c, double x)
{
    if (x <= c->x[0]) return c->y[0];
    if (c->n == 1) return c->y[0];
    uint32_t lo = 0, hi = c->n - 1; /* the piece [lo, lo + 1], the last one for x beyond it */
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (c->x[mid] <= x)
            lo = mid;
        else
            hi = mid;
    }
    return c->y[lo] + (c->y[hi] - c->y[lo]) * ((x - c->x[lo]) / (c->x[hi] - c->x[lo]));
}

static enum kw_status check_curve(const struct kw_curve *c, const char *name, struct kw_error *err)
{
    if (!c->n || !c->x || !c->y) return kw_fail(err, KW_ERANGE, "step time: %s has no points", name);
    for (uint32_t i = 0; i < c->n; i++) {
        if (!isfinite(c->x[i]) || !isfinite(c->y[i]) || c->x[i] < 0 || c->x[i] > 1e18)
            return kw_fail(err, KW_ERANGE, "step time: %s point %u (%g, %g) is not a number in range", name, i, c->x[i],
                           c->y[i]);
        if (c->y[i] < 0)
            return kw_fail(err, KW_ERANGE, "step time: %s is %g s at %g, want no negative time", name, c->y[i],
                           c->x[i]);
        if (c->y[i] > 1000)
            return kw_fail(err, KW_ERANGE, "step time: %s is %g s at %g, want at most 1000 s", name, c->y[i], c->x[i]);
        if (i && c->x[i] <= c->x[i - 1])
            return kw_fail(err, KW_ERANGE, "step time: %s points are not ascending: %g after %g", name, c->x[i],
                           c->x[i - 1]);
    }
    return KW_OK;
}

static enum kw_status to_ps(double s, const char *name, double x, int64_t *ps, struct kw_error *err)
{
    if (!(s >= 0)) return kw_fail(err, KW_ERANGE, "step time: %s is %g s at %g, want no negative time", name, s, x);
    if (s > 1000) return kw_fail(err, KW_ERANGE, "step time: %s is %g s at %g, want at most 1000 s", name, s, x);
    *ps = llround(s * PS_PER_S);
    return KW_OK;
}

/* ---- decode attention: rows of the grid to one piecewise linear law for every batch size ---- */

/* Seconds of decode attention for a batch of b between the grid's rows i and j (equal: one row). */
static double attention(const struct kw_step_tables *t, uint32_t i, uint32_t j, double b, double c)
{
    double lo = kw_curve_at(&t->decode[i], c);
    if (i == j) return lo;
    double rise = kw_curve_at(&t->decode[j], c) - lo,
           w = (b - t->decode_batch[i]) / (t->decode_batch[j] - t->decode_batch[i]);
    if (w > 1) return lo + rise + (rise > 0 ? rise * (w - 1) : 0);
    return lo + rise * w;
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint32_t knots(const struct kw_curve *c, uint64_t *at)
{
    for (uint32_t i = 0; i < c->n; i++) at[i] = (uint64_t)llround(c->x[i]);
    return c->n;
}

/* The pieces for batch size b into p; at: room for the knots. *n: how many. */
static enum kw_status compile_row(const struct kw_step_tables *t, uint32_t b, uint64_t *at, struct piece *p,
                                  uint32_t *n, struct kw_error *err)
{
    uint32_t i = 0, last = t->n_decode_rows - 1;
    while (i + 1 < last && t->decode_batch[i + 1] <= b) i++;
    uint32_t j = last ? i + 1 : i;
    if (b <= t->decode_batch[i]) j = i;
    uint32_t m = 1;
    at[0] = 0;
    m += knots(&t->decode[i], at + m);
    if (j != i) m += knots(&t->decode[j], at + m);
    qsort(at, m, sizeof *at, ascending);
    uint32_t k = 0;
    for (uint32_t q = 0; q < m; q++)
        if (!k || at[q] != at[k - 1]) at[k++] = at[q];
    assert(k && at[0] == 0); /* find_piece always finds one */
    enum kw_status st;
    for (uint32_t q = 0; q < k; q++) {
        p[q].lo = at[q];
        if ((st = to_ps(attention(t, i, j, b, (double)at[q]), "decode attention", (double)at[q], &p[q].base, err)) !=
            KW_OK)
            return st;
        if (q && p[q].base < p[q - 1].base) p[q].base = p[q - 1].base;
    }
    for (uint32_t q = 0; q < k; q++) {
        double slope;
        if (q + 1 < k)
            slope = (double)(p[q + 1].base - p[q].base) / (double)(at[q + 1] - at[q]);
        else /* the last slope goes on; a million tokens further makes it exact enough */
            slope =
                (attention(t, i, j, b, (double)at[q] + 1e6) - attention(t, i, j, b, (double)at[q])) * PS_PER_S / 1e6;
        if (slope < 0) slope = 0;
        if (slope > STEEPEST_PS)
            return kw_fail(
                err, KW_ERANGE,
                "step time: decode attention of batch %u grows by %g s a token of context at %g, want at most 0.0001",
                b, slope / PS_PER_S, (double)at[q]);
        p[q].slope = (int64_t)slope; /* down: a piece must not end above the next one's base */
    }
    *n = k;
    return KW_OK;
}

static enum kw_status compile_decode(struct kw_steptime *o, const struct kw_step_tables *t, struct kw_error *err)
{
    size_t widest = 0;
    for (uint32_t i = 0; i < t->n_decode_rows; i++)
        if (t->decode[i].n > widest) widest = t->decode[i].n;
    size_t room = 2 * widest + 1, cap = 0, n = 0;
    uint64_t *at = malloc(room * sizeof *at);
    if (!at) return kw_fail(err, KW_ENOMEM, "step time: no memory");
    enum kw_status st = KW_OK;
    for (uint32_t b = 0; b <= o->max_batch && st == KW_OK; b++) {
        if (n + room > cap) {
            cap = 2 * cap + room;
            struct piece *p = realloc(o->piece, cap * sizeof *p);
            if (!p) {
                st = kw_fail(err, KW_ENOMEM, "step time: no memory");
                break;
            }
            o->piece = p;
        }
        uint32_t m = 0;
        o->row[b] = (uint32_t)n;
        st = compile_row(t, b, at, o->piece + n, &m, err);
        n += m;
    }
    assert(n <= UINT32_MAX); /* row[] holds indices of pieces */
    o->row[o->max_batch + 1] = (uint32_t)n;
    free(at);
    return st;
}

/* ---- the rest ---- */

static enum kw_status compile_prefill(struct kw_steptime *o, const struct kw_step_tables *t, struct kw_error *err)
{
    const struct kw_curve *c = &t->prefill_attn;
    double slope = 0;
    o->n_ramp = 0;
    for (uint32_t i = 0; i <= c->n; i++) { /* ramp 0 is the level part before the first point */
        struct ramp *r = &o->ramp[o->n_ramp++];
        uint32_t p = i ? i - 1 : 0;
        r->lo = i ? (uint64_t)llround(c->x[p]) : 0;
        r->base = llround(c->y[p] * PS_PER_S);
        if (i && i < c->n) slope = (c->y[i] - c->y[p]) * PS_PER_S / (c->x[i] - c->x[p]);
        if (slope < 0) slope = 0;
        if (slope > 1e9)
            return kw_fail(err, KW_ERANGE,
                           "step time: prefill attention grows by %g s a pair at %g, want at most 0.001",
                           slope / PS_PER_S, c->x[p]);
        r->slope = (uint64_t)llround(slope * (1 << FRACTION));
        if (i && o->n_ramp > 1 && r->lo == r[-1].lo) { /* the first point is at 0, or two round to one place */
            r[-1] = *r;
            o->n_ramp--;
        }
    }
    return KW_OK;
}

static enum kw_status compile_group(struct kw_steptime *o, const struct kw_step_group *g, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    o->pad_to = g->pad_to;
    if (!g->experts.n && !g->exchange.n) return KW_OK;
    o->max_group = (uint64_t)o->max_tokens * g->ranks;
    o->group = malloc((o->max_group + 1) * sizeof *o->group);
    if (!o->group) return kw_fail(err, KW_ENOMEM, "step time: no memory for %u ranks", g->ranks);
    for (uint64_t i = 0; i <= o->max_group && st == KW_OK; i++) {
        double s = (g->experts.n ? kw_curve_at(&g->experts, (double)i) : 0) +
                   (g->exchange.n ? kw_curve_at(&g->exchange, (double)i) : 0);
        st = to_ps(s, "experts + exchange", (double)i, &o->group[i], err);
    }
    const struct kw_curve *last = g->experts.n ? &g->experts : &g->exchange;
    o->group_to = last->n == 1 ? UINT64_MAX : (uint64_t)last->x[last->n - 1];
    return st;
}

static enum kw_status compile(struct kw_steptime *o, const struct kw_step_tables *t, struct kw_error *err)
{
    enum kw_status st;
    int64_t tokens_ps = 0;
    for (uint32_t i = 0; i <= o->max_tokens; i++) {
        double dense = kw_curve_at(&t->dense, i), comm = kw_curve_at(&t->comm, i);
        if (dense < 0 || comm < 0)
            return kw_fail(err, KW_ERANGE, "step time: %s falls below zero at %u tokens", dense < 0 ? "dense" : "comm",
                           i);
        if ((st = to_ps(t->fixed_s + dense + comm, "fixed + dense + comm", i, &o->token[i], err)) != KW_OK) return st;
        if (o->token[i] < 1) o->token[i] = 1;
    }
    for (uint32_t i = 0; i <= o->max_batch; i++)
        if ((st = to_ps(kw_curve_at(&t->head, i) + t->sequence_s * i, "head", i, &o->head[i], err)) != KW_OK) return st;
    for (uint32_t i = 0; o->rows && i <= o->max_rows; i++)
        if ((st = to_ps(kw_curve_at(&t->head, i), "head", i, &o->rows[i], err)) != KW_OK) return st;
    if ((st = compile_decode(o, t, err)) != KW_OK || (st = compile_prefill(o, t, err)) != KW_OK) return st;
    if ((st = compile_group(o, &t->group, err)) != KW_OK) return st;
    if ((st = to_ps(t->prefill_token_s * o->max_tokens, "prefill per token", o->max_tokens, &tokens_ps, err)) != KW_OK)
        return st;
    o->chunk = llround(t->chunk_s * PS_PER_S);
    o->n_idle = t->cold.n_idle;
    for (uint32_t i = 0; i < o->n_idle; i++) {
        o->idle[i].idle_ns = llround(t->cold.idle[i].idle_s * 1e9);
        o->idle[i].more = llround(t->cold.idle[i].more_s * PS_PER_S);
    }
    o->after_prompt = llround(t->cold.after_prompt_s * PS_PER_S);
    o->token_slope = (uint64_t)llround(t->prefill_token_s * PS_PER_S * (1 << FRACTION));
    o->mixed_sequence = (uint64_t)llround(t->mixed.sequence_s * PS_PER_S * (1 << FRACTION));
    o->mixed_context = (uint64_t)llround(t->mixed.context_s * PS_PER_S * (1 << FRACTION));
    o->mixed_pair = (uint64_t)llround(t->mixed.pair_s * PS_PER_S * (1 << FRACTION));
    o->mixed = o->mixed_sequence || o->mixed_context || o->mixed_pair;
    o->batch_to = (uint64_t)t->decode_batch[t->n_decode_rows - 1];
    o->tokens_to = (uint64_t)fmax(1, t->dense.x[t->dense.n - 1]);
    o->pairs2_to = 2 * (uint64_t)t->prefill_attn.x[t->prefill_attn.n - 1];
    if (t->n_decode_rows == 1) o->batch_to = UINT64_MAX; /* one row is a law for any batch */
    if (t->dense.n == 1) o->tokens_to = UINT64_MAX;
    if (t->prefill_attn.n == 1) o->pairs2_to = UINT64_MAX;
    int64_t most = o->token[o->max_tokens] + o->head[o->max_batch] + tokens_ps + o->ramp[o->n_ramp - 1].base +
                   o->piece[o->row[o->max_batch + 1] - 1].base + (o->group ? o->group[o->max_group] : 0);
    if (most > LONGEST_PS)
        return kw_fail(err, KW_ERANGE, "step time: the largest step takes %g s, want at most 1000 s",
                       (double)most / PS_PER_S);
    return KW_OK;
}

double kw_step_after_idle_s(const struct kw_step_cold *c, double idle_s)
{
    double x = 0, y = 0;
    for (uint32_t i = 0; i < c->n_idle; x = c->idle[i].idle_s, y = c->idle[i].more_s, i++)
        if (idle_s < c->idle[i].idle_s) return y + (c->idle[i].more_s - y) * (idle_s - x) / (c->idle[i].idle_s - x);
    return y;
}

static enum kw_status check_idle(const struct kw_step_cold *c, struct kw_error *err)
{
    double x = 0, y = 0;
    if (c->n_idle > KW_STEP_IDLES)
        return kw_fail(err, KW_ERANGE, "step time: %u idle times, want at most %d", c->n_idle, KW_STEP_IDLES);
    for (uint32_t i = 0; i < c->n_idle; x = c->idle[i].idle_s, y = c->idle[i].more_s, i++)
        if (!(c->idle[i].idle_s >= x + 1e-6 && c->idle[i].idle_s <= 1e6 && c->idle[i].more_s >= y &&
              c->idle[i].more_s <= 1))
            return kw_fail(
                err, KW_ERANGE,
                "step time: after %g s idle a step takes %g s more, want both ascending and at most 1 s more",
                c->idle[i].idle_s, c->idle[i].more_s);
    return KW_OK;
}

enum kw_status kw_steptime_compile(struct kw_steptime **out, const struct kw_step_tables *t, uint32_t max_batch,
                                   uint32_t max_tokens, struct kw_error *err)
{
    return kw_steptime_compile_drafts(out, t, max_batch, max_tokens, 0, err);
}

enum kw_status kw_steptime_compile_drafts(struct kw_steptime **out, const struct kw_step_tables *t, uint32_t max_batch,
                                          uint32_t max_tokens, uint32_t drafts, struct kw_error *err)
{
    enum kw_status st;
    if (!max_batch || !max_tokens || max_tokens > UINT32_C(1) << 30 || max_batch > UINT32_C(1) << 24)
        return kw_fail(err, KW_ERANGE, "step time: %u sequences and %u tokens a step, want 1 to 2^24 and 1 to 2^30",
                       max_batch, max_tokens);
    if (!(t->fixed_s >= 0 && t->fixed_s <= 1000))
        return kw_fail(err, KW_ERANGE, "step time: fixed is %g s, want 0 to 1000", t->fixed_s);
    if (!(t->sequence_s >= 0 && t->sequence_s <= 1))
        return kw_fail(err, KW_ERANGE, "step time: a sequence takes the host %g s, want 0 to 1", t->sequence_s);
    if (!(t->chunk_s >= 0 && t->chunk_s <= 1))
        return kw_fail(err, KW_ERANGE, "step time: a chunk takes the host %g s, want 0 to 1", t->chunk_s);
    if (!(t->prefill_token_s >= 0 && t->prefill_token_s <= 1))
        return kw_fail(err, KW_ERANGE, "step time: a prefill token takes %g s, want 0 to 1", t->prefill_token_s);
    if (!(t->cold.after_prompt_s >= 0 && t->cold.after_prompt_s <= 1))
        return kw_fail(err, KW_ERANGE, "step time: a step after a prompt takes %g s more, want 0 to 1",
                       t->cold.after_prompt_s);
    if ((st = check_idle(&t->cold, err)) != KW_OK) return st;
    const double mixed[] = { t->mixed.sequence_s, t->mixed.context_s, t->mixed.pair_s };
    for (int i = 0; i < 3; i++)
        if (!(mixed[i] >= 0 && mixed[i] <= 1e-3))
            return kw_fail(err, KW_ERANGE, "step time: decode beside prefill takes %g s a unit, want 0 to 0.001",
                           mixed[i]);
    if ((st = check_curve(&t->dense, "dense", err)) != KW_OK || (st = check_curve(&t->head, "head", err)) != KW_OK ||
        (st = check_curve(&t->prefill_attn, "prefill attention", err)) != KW_OK ||
        (st = check_curve(&t->comm, "comm", err)) != KW_OK)
        return st;
    const struct kw_step_group *g = &t->group;
    if ((g->experts.n || g->exchange.n || g->pad_to) && (g->ranks < 2 || g->ranks > KW_STEP_RANKS))
        return kw_fail(err, KW_ERANGE, "step time: %u ranks share experts, want 2 to %d", g->ranks, KW_STEP_RANKS);
    if ((g->experts.n && (st = check_curve(&g->experts, "experts", err)) != KW_OK) ||
        (g->exchange.n && (st = check_curve(&g->exchange, "exchange", err)) != KW_OK))
        return st;
    if (!t->n_decode_rows) return kw_fail(err, KW_ERANGE, "step time: decode attention has no rows");
    for (uint32_t i = 0; i < t->n_decode_rows; i++) {
        if ((st = check_curve(&t->decode[i], "decode attention", err)) != KW_OK) return st;
        if (!(t->decode_batch[i] > 0 && t->decode_batch[i] < 1e9) ||
            (i && t->decode_batch[i] <= t->decode_batch[i - 1]))
            return kw_fail(err, KW_ERANGE,
                           "step time: decode attention row %u has batch %g, want ascending batch sizes", i,
                           t->decode_batch[i]);
    }
    struct kw_steptime *o = calloc(1, sizeof *o);
    if (!o) return kw_fail(err, KW_ENOMEM, "step time: no memory");
    o->max_batch = max_batch;
    o->max_tokens = max_tokens;
    o->token = malloc(((size_t)max_tokens + 1) * sizeof *o->token);
    o->head = malloc(((size_t)max_batch + 1) * sizeof *o->head);
    o->row = malloc(((size_t)max_batch + 2) * sizeof *o->row);
    o->ramp = malloc(((size_t)t->prefill_attn.n + 1) * sizeof *o->ramp);
    o->max_rows = drafts ? max_batch * (1 + drafts) : 0;
    if (drafts) o->rows = malloc(((size_t)o->max_rows + 1) * sizeof *o->rows);
    if (o->token && o->head && o->row && o->ramp && (o->rows || !drafts))
        st = compile(o, t, err);
    else
        st = kw_fail(err, KW_ENOMEM, "step time: no memory for %u tokens", max_tokens);
    if (st == KW_OK)
        *out = o;
    else
        kw_steptime_delete(o);
    return st;
}

void kw_steptime_delete(struct kw_steptime *t)
{
    if (!t) return;
    free(t->token);
    free(t->group);
    free(t->head);
    free(t->rows);
    free(t->row);
    free(t->piece);
    free(t->ramp);
    free(t);
}

enum kw_status kw_steptime_constant(struct kw_steptime **out, int64_t decode_ps, int64_t prefill_ps,
                                    struct kw_error *err)
{
    if (decode_ps < 1 || prefill_ps < 1 || decode_ps > LONGEST_PS || prefill_ps > LONGEST_PS)
        return kw_fail(err, KW_ERANGE, "step time: constant %jd and %jd ps, want 1 ps to 1000 s", (intmax_t)decode_ps,
                       (intmax_t)prefill_ps);
    struct kw_steptime *o = calloc(1, sizeof *o);
    if (!o) return kw_fail(err, KW_ENOMEM, "step time: no memory");
    o->constant = true;
    o->decode_ps = decode_ps;
    o->prefill_ps = prefill_ps;
    *out = o;
    return KW_OK;
}

/* O(log pieces), and O(1) in the first piece, where short contexts are. Asked once a piece by a replica that jumps,
 * once a step by one that does not. */
static inline const struct piece *find_piece(const struct kw_steptime *t, uint32_t b, uint64_t c)
{
    uint32_t lo = t->row[b], hi = t->row[b + 1]; /* piece[lo].lo == 0 <= c */
    assert(lo < hi && t->piece[lo].lo == 0);
    if (hi - lo == 1 || c < t->piece[lo + 1].lo) return &t->piece[lo];
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (t->piece[mid].lo <= c)
            lo = mid;
        else
            hi = mid;
    }
    return &t->piece[lo];
}

/* Capped above any step that compile admits, so that sums stay in range whatever the lengths are. The one
 * multiplication in 128 bits, for steps with chunks alone: a pure decode step is all in 64. */
static_assert(INT64_MAX / 8 > LONGEST_PS, "a capped term is longer than any step");
static_assert(UINT64_C(1000000000) << FRACTION < UINT64_MAX / 2, "the steepest slope of a pair keeps its fraction");
static int64_t scaled(uint64_t n, uint64_t slope, int bits)
{
    kw_i128 ps = ((kw_i128)n * slope) >> bits;
    return ps > INT64_MAX / 8 ? INT64_MAX / 8 : (int64_t)ps;
}

/* Two table look-ups for pure decode, and find_piece; with chunks a search of the ramps from the longest down. Integers
 * throughout: the sum of k steps is then what kw_steptime_decode's law says of them, in any order of additions. */
int64_t kw_steptime_ps(const struct kw_steptime *t, const struct kw_step *step)
{
    if (t->constant) return step->n_chunks ? t->prefill_ps : t->decode_ps;
    uint32_t tokens = step->n_decode + step->drafted + step->prefill_tokens, seqs = step->n_decode + step->n_chunks;
    assert(seqs <= t->max_batch);
    int64_t ps = t->head[seqs];
    if (step->drafted) {
        assert(seqs + step->drafted <= t->max_rows);
        ps += t->rows[seqs + step->drafted] - t->rows[seqs];
    }
    if (tokens <= t->max_tokens) {
        ps += t->token[tokens];
    } else { /* the last token's slope goes on, as the curves do */
        int64_t last = t->token[t->max_tokens], slope = last - t->token[t->max_tokens - 1];
        ps += last + scaled(tokens - t->max_tokens, slope > 0 ? (uint64_t)slope : 0, 0);
    }
    if (step->n_decode && step->n_chunks && t->mixed) {
        ps += scaled(step->n_decode, t->mixed_sequence, FRACTION) +
              scaled(step->decode_context, t->mixed_context, FRACTION) +
              scaled((uint64_t)step->n_decode * step->prefill_tokens, t->mixed_pair, FRACTION);
    } else if (step->n_decode) {
        const struct piece *p = find_piece(t, step->n_decode, step->decode_context);
        ps += p->base + p->slope * (int64_t)(step->decode_context - p->lo);
    }
    if (step->n_chunks) {
        uint32_t i = t->n_ramp - 1;
        while (i && 2 * t->ramp[i].lo > step->prefill_pairs2) i--;
        const struct ramp *r = &t->ramp[i];
        ps += t->chunk * step->n_chunks + r->base + scaled(step->prefill_pairs2 - 2 * r->lo, r->slope, FRACTION + 1) +
              scaled(step->prefill_tokens, t->token_slope, FRACTION);
    }
    assert(ps > 0); /* time goes on: an event loop of steps of no length would not end */
    return ps;
}

bool kw_steptime_pads(const struct kw_steptime *t, uint32_t most)
{
    return most <= t->pad_to;
}

int64_t kw_steptime_padding_ps(const struct kw_steptime *t, uint32_t own, uint32_t padded)
{
    if (t->constant || own >= padded) return 0;
    uint32_t last = t->max_tokens;
    int64_t more = t->token[padded < last ? padded : last] - t->token[own < last ? own : last];
    return more > 0 ? more : 0;
}

/* As for a rank's tokens, the last one's slope goes on. */
int64_t kw_steptime_group_ps(const struct kw_steptime *t, uint64_t tokens)
{
    if (!t->group) return 0;
    if (tokens <= t->max_group) return t->group[tokens];
    int64_t last = t->group[t->max_group], slope = last - t->group[t->max_group - 1];
    return last + scaled(tokens - t->max_group, slope > 0 ? (uint64_t)slope : 0, 0);
}

int64_t kw_steptime_alike_ps(const struct kw_steptime *t, const struct kw_step *step, uint32_t ranks)
{
    uint64_t tokens = ((uint64_t)step->n_decode + step->drafted + step->prefill_tokens) * ranks;
    return kw_steptime_ps(t, step) + kw_steptime_group_ps(t, tokens);
}

bool kw_steptime_group_outside(const struct kw_steptime *t, uint64_t tokens)
{
    return t->group && tokens > t->group_to;
}

/* O(KW_STEP_IDLES), once a busy period. In 128 bits: the product of two long times passes 2^63. */
int64_t kw_steptime_after_idle_ps(const struct kw_steptime *t, int64_t idle_ns)
{
    assert(idle_ns >= 0);
    int64_t x = 0, y = 0;
    for (uint32_t i = 0; i < t->n_idle; x = t->idle[i].idle_ns, y = t->idle[i].more, i++)
        if (idle_ns < t->idle[i].idle_ns)
            return y + (int64_t)((kw_i128)(t->idle[i].more - y) * (idle_ns - x) / (t->idle[i].idle_ns - x));
    return y;
}

int64_t kw_steptime_after_prompt_ps(const struct kw_steptime *t)
{
    return t->after_prompt;
}

/* As find_piece. The answer holds up to law->hi, so the replica asks anew only there and where its batch changes. */
static bool last_piece(const struct kw_steptime *t, uint32_t b, const struct piece *p)
{
    return p->lo && p + 1 == t->piece + t->row[b + 1];
}

bool kw_steptime_outside(const struct kw_steptime *t, const struct kw_step *step)
{
    if (t->constant) return false;
    uint64_t tokens = (uint64_t)step->n_decode + step->drafted + step->prefill_tokens;
    if (step->n_decode > t->batch_to || tokens > t->tokens_to) return true;
    if (step->n_chunks && step->prefill_pairs2 > t->pairs2_to) return true;
    return step->n_decode && !(step->n_chunks && t->mixed) &&
           last_piece(t, step->n_decode, find_piece(t, step->n_decode, step->decode_context));
}

static void *copy_of(const void *from, size_t bytes)
{
    void *to = malloc(bytes);
    if (to) memcpy(to, from, bytes);
    return to;
}

static int64_t at_most(double ps, int64_t most)
{
    return ps < (double)most ? (int64_t)ps : most;
}

/* Beyond the last context all of a decode step in proportion to it, beyond the last batch to the batch. */
static void decode_in_proportion(struct kw_steptime *o, uint32_t b)
{
    struct piece *last = &o->piece[o->row[b + 1] - 1];
    int64_t rest = o->token[b < o->max_tokens ? b : o->max_tokens] + o->head[b];
    if (last->lo) {
        int64_t slope = at_most((double)(rest + last->base) / (double)last->lo, STEEPEST_PS);
        if (slope > last->slope) last->slope = slope;
    }
    if (b <= o->batch_to) return;
    double more = (double)b / (double)o->batch_to;
    for (uint32_t i = o->row[b]; i < o->row[b + 1]; i++) {
        o->piece[i].base = at_most((double)(rest + o->piece[i].base) * more - (double)rest, LONGEST_PS);
        o->piece[i].slope = at_most((double)o->piece[i].slope * more, STEEPEST_PS);
    }
}

enum kw_status kw_steptime_in_proportion(struct kw_steptime **out, const struct kw_steptime *t, struct kw_error *err)
{
    if (t->constant) return kw_steptime_constant(out, t->decode_ps, t->prefill_ps, err);
    struct kw_steptime *o = copy_of(t, sizeof *t);
    if (!o) return kw_fail(err, KW_ENOMEM, "step time: no memory");
    o->token = copy_of(t->token, ((size_t)t->max_tokens + 1) * sizeof *t->token);
    if (t->group) o->group = copy_of(t->group, (t->max_group + 1) * sizeof *t->group);
    o->head = copy_of(t->head, ((size_t)t->max_batch + 1) * sizeof *t->head);
    if (t->rows) o->rows = copy_of(t->rows, ((size_t)t->max_rows + 1) * sizeof *t->rows);
    o->row = copy_of(t->row, ((size_t)t->max_batch + 2) * sizeof *t->row);
    o->piece = copy_of(t->piece, t->row[t->max_batch + 1] * sizeof *t->piece);
    o->ramp = copy_of(t->ramp, t->n_ramp * sizeof *t->ramp);
    if (!o->token || !o->head || !o->row || !o->piece || !o->ramp || (t->group && !o->group) || (t->rows && !o->rows)) {
        kw_steptime_delete(o);
        return kw_fail(err, KW_ENOMEM, "step time: no memory");
    }
    for (uint32_t b = 1; b <= o->max_batch; b++) decode_in_proportion(o, b);
    for (uint64_t i = o->tokens_to; i < o->max_tokens; i++)
        o->token[i + 1] = at_most(
            fmax((double)o->token[i + 1], (double)t->token[o->tokens_to] * (double)(i + 1) / (double)o->tokens_to),
            LONGEST_PS);
    for (uint64_t i = o->group_to; o->group && i < o->max_group; i++)
        o->group[i + 1] = at_most(
            fmax((double)o->group[i + 1], (double)t->group[o->group_to] * (double)(i + 1) / (double)o->group_to),
            LONGEST_PS);
    struct ramp *r = &o->ramp[o->n_ramp - 1];
    if (r->lo) {
        double slope = (double)r->base / (double)r->lo * (1 << FRACTION);
        if (slope > (double)r->slope) r->slope = (uint64_t)fmin(slope, 1e9 * (1 << FRACTION));
    }
    *out = o;
    return KW_OK;
}

void kw_steptime_decode(const struct kw_steptime *t, uint32_t n_decode, uint64_t context, struct kw_decode_law *law)
{
    if (t->constant) {
        *law = (struct kw_decode_law){ .lo = 0, .hi = UINT64_MAX, .base_ps = t->decode_ps, .slope_ps = 0 };
        return;
    }
    assert(n_decode <= t->max_batch && n_decode <= t->max_tokens);
    const struct piece *p = find_piece(t, n_decode, context);
    law->lo = p->lo;
    law->hi = p + 1 < t->piece + t->row[n_decode + 1] ? p[1].lo : UINT64_MAX;
    law->base_ps = t->token[n_decode] + t->head[n_decode] + p->base;
    law->slope_ps = p->slope;
    law->outside = n_decode > t->batch_to || last_piece(t, n_decode, p);
    assert(law->lo <= context && context < law->hi && law->base_ps > 0 && law->slope_ps >= 0);
}
