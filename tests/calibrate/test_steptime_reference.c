/* calibrate/profile/steptime.h from the outside: random tables, each duration against the formula in doubles, the
 * decode law against kw_steptime_ps, what compile must refuse. Knows nothing of how the tables are compiled. */
#include "calibrate/profile/steptime.h"
#include <float.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include "tests/check.h"

enum { ROWS = 6, POINTS = 8 };

/* ------------------------------------------------------------------------------------------------ tables */

struct tables { /* kw_step_tables with room for its curves */
    struct kw_step_tables t;
    struct kw_curve row[ROWS];
    double batch[ROWS], x[4 + ROWS][POINTS], y[4 + ROWS][POINTS];
};

static uint64_t state = 1;

static uint64_t draw(void) /* splitmix64 */
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double uniform(double lo, double hi)
{
    return lo + (hi - lo) * (double)(draw() >> 11) * 0x1p-53;
}

static double log_uniform(double lo, double hi)
{
    return exp(uniform(log(lo), log(hi)));
}

static uint64_t below(uint64_t n)
{
    return draw() % n;
}

/* Rising points: x from x0 on growing about fourfold, slope changing from segment to segment around `slope`. */
static void rising(struct kw_curve *c, double *x, double *y, double x0, double y0, double slope)
{
    c->n = 1 + (uint32_t)below(POINTS);
    c->x = x;
    c->y = y;
    x[0] = x0;
    y[0] = y0;
    double step = log_uniform(16, 4096);
    for (uint32_t i = 1; i < c->n; i++, step *= uniform(1.5, 4)) {
        x[i] = x[i - 1] + floor(step);
        y[i] = y[i - 1] + floor(step) * slope * (below(5) ? uniform(0.3, 2) : 0);
    }
}

/* A plausible model on a plausible GPU: whole steps of tens of us to hundreds of ms. */
static void random_tables(struct tables *s)
{
    memset(s, 0, sizeof *s);
    struct kw_step_tables *t = &s->t;
    t->fixed_s = log_uniform(1e-5, 1e-2);
    rising(&t->dense, s->x[0], s->y[0], (double)below(2), log_uniform(1e-5, 1e-2), log_uniform(1e-8, 1e-4));
    rising(&t->head, s->x[1], s->y[1], (double)below(2), log_uniform(1e-6, 1e-3), log_uniform(1e-8, 1e-5));
    rising(&t->prefill_attn, s->x[2], s->y[2], 0, 0, log_uniform(1e-14, 1e-10));
    rising(&t->comm, s->x[3], s->y[3], 0, 0, below(2) ? 0 : log_uniform(1e-9, 1e-6));
    t->prefill_token_s = below(2) ? 0 : log_uniform(1e-9, 1e-6);
    t->n_decode_rows = 1 + (uint32_t)below(ROWS);
    t->decode_batch = s->batch;
    t->decode = s->row;
    double slope = log_uniform(1e-11, 1e-7), base = log_uniform(1e-6, 1e-3);
    for (uint32_t i = 0; i < t->n_decode_rows; i++) {
        s->batch[i] = i ? s->batch[i - 1] + 1 + (double)below(40) : 1;
        base *= uniform(1, 1.5);
        rising(&s->row[i], s->x[4 + i], s->y[4 + i], (double)below(2) * s->batch[i], base, slope);
    }
}

/* The largest batch inside the grid; rows may cross beyond it. */
static uint32_t last_row(const struct tables *s)
{
    return (uint32_t)s->batch[s->t.n_decode_rows - 1];
}

/* ------------------------------------------------------------------------------------------------ the formula in
 * doubles */

static double curve_at(const struct kw_curve *c, double x)
{
    if (c->n == 1 || x <= c->x[0]) return c->y[0];
    uint32_t i = 1;
    while (i < c->n - 1 && c->x[i] < x) i++; /* the segment that ends at i; the last one goes on */
    return c->y[i - 1] + (c->y[i] - c->y[i - 1]) / (c->x[i] - c->x[i - 1]) * (x - c->x[i - 1]);
}

/* Between rows linear in B; before the first row the first; beyond the last the growth of the last two goes on, if any.
 */
static double attn_decode(const struct kw_step_tables *t, double b, double c)
{
    if (t->n_decode_rows == 1 || b <= t->decode_batch[0]) return curve_at(&t->decode[0], c);
    uint32_t i = 1;
    while (i < t->n_decode_rows - 1 && t->decode_batch[i] < b) i++;
    double lo = curve_at(&t->decode[i - 1], c), hi = curve_at(&t->decode[i], c);
    double w = (b - t->decode_batch[i - 1]) / (t->decode_batch[i] - t->decode_batch[i - 1]);
    return lo + (hi - lo) * (w > 1 && hi < lo ? 1 : w);
}

static double formula_s(const struct kw_step_tables *t, const struct kw_step *s)
{
    double tokens = (double)s->n_decode + s->prefill_tokens, sequences = (double)s->n_decode + s->n_chunks;
    double sum = t->fixed_s + curve_at(&t->dense, tokens) + curve_at(&t->head, sequences) + curve_at(&t->comm, tokens);
    if (s->n_decode) sum += attn_decode(t, s->n_decode, (double)s->decode_context);
    if (s->n_chunks)
        sum += curve_at(&t->prefill_attn, (double)s->prefill_pairs2 / 2) + t->prefill_token_s * s->prefill_tokens;
    return sum;
}

static struct kw_step decode_step(uint32_t b, uint64_t c)
{
    return (struct kw_step){ .n_decode = b, .decode_context = c };
}

static struct kw_steptime *compile(const struct kw_step_tables *t, uint32_t max_batch, uint32_t max_tokens)
{
    struct kw_steptime *out = NULL;
    struct kw_error err = { "" };
    enum kw_status st = kw_steptime_compile(&out, t, max_batch, max_tokens, &err);
    CHECK(st == KW_OK && out);
    if (st) fprintf(stderr, "  %s\n", err.msg);
    return out;
}

/* Within 1e-6, and a ps for each context token since the law's knot: its slope is a whole number of ps. One message is
 * enough to look into. */
static bool close_enough(const struct kw_steptime *compiled, const struct kw_step_tables *t, const struct kw_step *s)
{
    struct kw_decode_law law = { .lo = s->decode_context };
    if (s->n_decode) kw_steptime_decode(compiled, s->n_decode, s->decode_context, &law);
    int64_t ps = kw_steptime_ps(compiled, s);
    double want = formula_s(t, s) * 1e12, off = fabs((double)ps - want);
    if (ps > 0 && off <= 1e-6 * want + (double)(s->decode_context - law.lo)) return true;
    fprintf(stderr,
            "  decode %" PRIu32 " context %" PRIu64 " (knot %" PRIu64 ") chunks %" PRIu32 " tokens %" PRIu32
            " pairs2 %" PRIu64 ": %" PRId64 " ps, formula %.0f, off by %.2e\n",
            s->n_decode, s->decode_context, law.lo, s->n_chunks, s->prefill_tokens, s->prefill_pairs2, ps, want,
            off / want);
    return false;
}

/* ------------------------------------------------------------------------------------------------ tests */

enum { TABLES = 60, MAX_BATCH = 256, MAX_TOKENS = 8192 };

static void any_step_agrees_with_the_formula(void)
{
    static struct tables s;
    uint32_t bad = 0, seen = 0;
    for (int n = 0; n < TABLES && !bad; n++) {
        random_tables(&s);
        struct kw_steptime *t = compile(&s.t, last_row(&s) + 3, MAX_TOKENS);
        if (!t) return;
        for (int i = 0; i < 400 && !bad; i++, seen++) {
            struct kw_step x = { 0 };
            if (below(3)) {
                x.n_decode = 1 + (uint32_t)below(last_row(&s));
                x.decode_context = x.n_decode * (uint64_t)log_uniform(1, 60000);
            }
            if (x.n_decode == 0 || below(2)) {
                x.n_chunks = 1 + (uint32_t)below(3);
                x.prefill_tokens = x.n_chunks + (uint32_t)below(MAX_TOKENS - MAX_BATCH - 3);
                uint64_t past = below(3) ? 0 : (uint64_t)log_uniform(1, 1e5);
                x.prefill_pairs2 =
                    2 * past * x.prefill_tokens + (uint64_t)x.prefill_tokens * x.prefill_tokens / x.n_chunks;
            }
            bad += !close_enough(t, &s.t, &x);
        }
        kw_steptime_delete(t);
    }
    CHECK(bad == 0 && seen > 10000);
}

/* Beyond the last row of the decode grid, up to max_batch: linear in B as between the last two. Each row is the first
 * times a growing factor, so that nothing falls with C out there (falling is levelled, which the formula does not do).
 */
static void batches_beyond_the_grid_go_on_linearly(void)
{
    static struct tables s;
    uint32_t bad = 0, seen = 0;
    for (int n = 0; n < TABLES && !bad; n++) {
        random_tables(&s);
        double factor = 1;
        for (uint32_t r = 1; r < s.t.n_decode_rows; r++) {
            factor *= uniform(1, 1.3);
            s.row[r].n = s.row[0].n;
            for (uint32_t p = 0; p < s.row[0].n; p++)
                s.row[r].x[p] = s.row[0].x[p], s.row[r].y[p] = factor * s.row[0].y[p];
        }
        struct kw_steptime *t = compile(&s.t, MAX_BATCH, MAX_TOKENS);
        if (!t) return;
        for (int i = 0; i < 50 && !bad; i++, seen++) {
            uint32_t b = 1 + (uint32_t)below(MAX_BATCH);
            struct kw_step x = decode_step(b, b + below((uint64_t)(s.row[0].x[s.row[0].n - 1] + 1) * 2));
            bad += !close_enough(t, &s.t, &x);
        }
        kw_steptime_delete(t);
    }
    CHECK(bad == 0 && seen > 1000);
}

/* The law at a context holds it, equals kw_steptime_ps at both ends and within, and the laws tile the axis without a
 * gap; no step is faster than one with less context, at the knots too. */
static void laws_tile_the_context_axis(void)
{
    static struct tables s;
    uint64_t laws = 0;
    for (int n = 0; n < TABLES; n++) {
        random_tables(&s);
        struct kw_steptime *t = compile(&s.t, last_row(&s) + 3, MAX_TOKENS);
        if (!t) return;
        for (int i = 0; i < 12; i++) {
            uint32_t b = 1 + (uint32_t)below(last_row(&s));
            uint64_t c = b, end = (uint64_t)b * 40000;
            while (c < end) {
                struct kw_decode_law law;
                kw_steptime_decode(t, b, c, &law);
                CHECK(law.lo <= c && c < law.hi && law.slope_ps >= 0 && law.base_ps > 0);
                if (!(law.lo <= c && c < law.hi)) return;
                uint64_t stop = law.hi < end ? law.hi : end,
                         probe[4] = { c, law.lo < b ? b : law.lo, c + below(stop - c), stop - 1 };
                for (int p = 0; p < 4; p++) {
                    struct kw_step x = decode_step(b, probe[p]);
                    struct kw_decode_law same;
                    int64_t ps = kw_steptime_ps(t, &x);
                    CHECK(ps == law.base_ps + law.slope_ps * (int64_t)(probe[p] - law.lo));
                    kw_steptime_decode(t, b, probe[p], &same);
                    CHECK(same.lo == law.lo && same.hi == law.hi && same.base_ps == law.base_ps &&
                          same.slope_ps == law.slope_ps);
                }
                laws++;
                if (law.hi >= end) break;
                struct kw_step before = decode_step(b, law.hi - 1), at = decode_step(b, law.hi);
                CHECK(kw_steptime_ps(t, &before) <= kw_steptime_ps(t, &at));
                c = law.hi;
                if (check_bad) return;
            }
        }
        kw_steptime_delete(t);
    }
    CHECK(laws > 1000);
}

/* What a jump adds up, k*first + slope*B*k(k-1)/2, is what k steps take. */
static void a_run_of_steps_is_an_arithmetic_series(void)
{
    static struct tables s;
    for (int n = 0; n < TABLES; n++) {
        random_tables(&s);
        struct kw_steptime *t = compile(&s.t, last_row(&s) + 3, MAX_TOKENS);
        if (!t) return;
        for (int i = 0; i < 20; i++) {
            uint32_t b = 1 + (uint32_t)below(last_row(&s));
            uint64_t c = b * (1 + below(4000));
            struct kw_decode_law law;
            kw_steptime_decode(t, b, c, &law);
            int64_t sum = 0, k = 0;
            for (; k < 500 && c + (uint64_t)k * b < law.hi; k++) {
                struct kw_step x = decode_step(b, c + (uint64_t)k * b);
                sum += kw_steptime_ps(t, &x);
            }
            int64_t first = law.base_ps + law.slope_ps * (int64_t)(c - law.lo);
            CHECK(sum == k * first + law.slope_ps * b * (k * (k - 1) / 2));
        }
        kw_steptime_delete(t);
    }
}

/* The tables are the caller's again after compile. */
static void the_tables_are_copied(void)
{
    static struct tables s;
    random_tables(&s);
    struct kw_steptime *t = compile(&s.t, last_row(&s) + 3, MAX_TOKENS);
    if (!t) return;
    struct kw_step x = {
        .n_decode = 1, .decode_context = 1000, .n_chunks = 1, .prefill_tokens = 100, .prefill_pairs2 = 10000
    };
    int64_t ps = kw_steptime_ps(t, &x);
    memset(&s, 0xff, sizeof s);
    CHECK(kw_steptime_ps(t, &x) == ps);
    kw_steptime_delete(t);
    kw_steptime_delete(NULL);
}

static bool refused(const struct kw_step_tables *t, uint32_t max_batch, uint32_t max_tokens)
{
    struct kw_steptime *out = NULL;
    struct kw_error err = { "" };
    enum kw_status st = kw_steptime_compile(&out, t, max_batch, max_tokens, &err);
    CHECK((st == KW_OK) == (err.msg[0] == 0));
    if (st == KW_OK) kw_steptime_delete(out);
    return st == KW_ERANGE;
}

/* Each number of a good table in turn becomes each bad value. */
static void negative_and_unbounded_times_are_refused(void)
{
    static struct tables good, bad;
    const double value[] = { -1e-3, -1e-9, NAN, INFINITY, -INFINITY, 2000, 1e300, DBL_MAX };
    const int values = sizeof value / sizeof *value;
    do random_tables(&good);
    while (good.t.dense.n < 3 || good.t.head.n < 3 || good.t.prefill_attn.n < 3 || good.t.comm.n < 3 ||
           good.t.n_decode_rows < 3 || good.row[1].n < 3);
    CHECK(!refused(&good.t, last_row(&good), MAX_TOKENS));
    for (int v = 0; v < values; v++) {
        for (int place = 0; place < 7; place++) {
            bad = good; /* the copy's curves point into good: aim them at the copy */
            struct kw_curve *curve[] = { &bad.t.dense, &bad.t.head, &bad.t.prefill_attn, &bad.t.comm };
            for (int c = 0; c < 4; c++) curve[c]->x = bad.x[c], curve[c]->y = bad.y[c];
            for (uint32_t r = 0; r < bad.t.n_decode_rows; r++) bad.row[r].x = bad.x[4 + r], bad.row[r].y = bad.y[4 + r];
            bad.t.decode = bad.row;
            bad.t.decode_batch = bad.batch;
            const char *what[] = { "fixed_s", "dense", "head", "prefill_attn", "comm", "decode", "prefill_token_s" };
            if (place == 0)
                bad.t.fixed_s = value[v] < 0 ? 10 * value[v] - 1 : value[v]; /* so that the sum is negative, too */
            else if (place < 5)
                curve[place - 1]->y[1] = value[v] < 0 ? 10 * value[v] - 1 : value[v];
            else if (place == 5)
                bad.row[1].y[1] = value[v] < 0 ? 10 * value[v] - 1 : value[v];
            else
                bad.t.prefill_token_s = value[v] < 0 ? 10 * value[v] - 1 : value[v];
            bool said_no = refused(&bad.t, last_row(&good), MAX_TOKENS);
            /* a knot beyond every context or token count that can be asked for need not be refused for being large */
            bool out_of_range = place < 5 && place > 0 && isfinite(value[v]) && curve[place - 1]->x[1] > MAX_TOKENS;
            CHECK(said_no || out_of_range);
            if (!said_no && !out_of_range) fprintf(stderr, "  %s = %g was accepted\n", what[place], value[v]);
        }
    }
}

static void malformed_curves_are_refused(void)
{
    static struct tables s;
    for (int what = 0; what < 9; what++) {
        do random_tables(&s);
        while (s.t.dense.n < 3 || s.t.n_decode_rows < 3 || s.row[0].n < 3 || s.t.head.n < 3);
        if (what == 0) s.t.dense.n = 0;
        if (what == 1) s.t.head.n = 0;
        if (what == 2) s.t.n_decode_rows = 0;
        if (what == 3) s.row[0].n = 0;
        if (what == 4) s.x[0][2] = s.x[0][1];
        if (what == 5) s.x[1][2] = s.x[1][0];
        if (what == 6) s.batch[1] = s.batch[0];
        if (what == 7) s.x[4][1] = NAN;
        if (what == 8) s.batch[2] = INFINITY;
        bool said_no = refused(&s.t, MAX_BATCH, MAX_TOKENS);
        CHECK(said_no);
        if (!said_no) fprintf(stderr, "  malformation %d was accepted\n", what);
    }
}

/* Falling slopes are measurements' right as long as no time in range is negative; "in range" is what compile was told.
 */
static void range_is_what_was_asked_for(void)
{
    double x[] = { 0, 100 }, y[] = { 0.02, 0.01 }, zero[] = { 0, 0 }, one[] = { 1 };
    struct kw_curve none = { 1, zero, zero }, falling = { 2, x, y };
    struct kw_step_tables t = { .fixed_s = 0.001,
                                .dense = falling,
                                .head = none,
                                .n_decode_rows = 1,
                                .decode_batch = one,
                                .decode = &none,
                                .prefill_attn = none,
                                .comm = none };
    CHECK(!refused(&t, 8, 150)); /* 0.01 - 50 * 1e-4 is still 5 ms */
    CHECK(refused(&t, 8, 400));  /* -20 ms */
    t.dense = none;
    t.fixed_s = 999;
    CHECK(!refused(&t, 8, 150));
    t.fixed_s = 1001;
    CHECK(refused(&t, 8, 150));
    double half[] = { 600 }; /* each within bounds, the step is not */
    t.fixed_s = 600;
    t.dense = (struct kw_curve){ 1, zero, half };
    CHECK(refused(&t, 8, 150));
    t.dense = none;
    t.fixed_s = 0; /* nothing takes any time: refused, or at least not 0 ps */
    struct kw_steptime *out = NULL;
    if (kw_steptime_compile(&out, &t, 8, 150, NULL) == KW_OK) {
        struct kw_step s = decode_step(1, 10);
        CHECK(kw_steptime_ps(out, &s) > 0);
        kw_steptime_delete(out);
    }
}

/* Contexts no server has ever had must neither overflow nor end the axis. */
static void huge_contexts_do_not_overflow(void)
{
    static struct tables s;
    random_tables(&s);
    struct kw_steptime *t = compile(&s.t, last_row(&s) + 3, MAX_TOKENS);
    if (!t) return;
    int64_t before = 0;
    for (uint64_t c = 1; c < (uint64_t)MAX_BATCH * 10000000; c *= 3) { /* KW_TRACE_MAX_TOKENS each */
        struct kw_decode_law law;
        struct kw_step x = decode_step(1, c);
        int64_t ps = kw_steptime_ps(t, &x);
        kw_steptime_decode(t, 1, c, &law);
        CHECK(law.lo <= c && c < law.hi && ps == law.base_ps + law.slope_ps * (int64_t)(c - law.lo));
        CHECK(ps >= before - before / 1000000);
        before = ps;
    }
    kw_steptime_delete(t);
}

static void constant_is_constant(void)
{
    struct kw_steptime *t = NULL;
    struct kw_error err;
    CHECK(kw_steptime_constant(&t, 123456789, 987654321, &err) == KW_OK);
    if (!t) return;
    for (uint32_t b = 1; b < 5000; b = b * 3 + 1) {
        struct kw_decode_law law;
        struct kw_step decode = decode_step(b, (uint64_t)b * b * 7),
                       prefill = { .n_chunks = 1, .prefill_tokens = b, .prefill_pairs2 = b * (uint64_t)b };
        struct kw_step mixed = prefill;
        mixed.n_decode = b;
        mixed.decode_context = b;
        CHECK(kw_steptime_ps(t, &decode) == 123456789);
        CHECK(kw_steptime_ps(t, &prefill) == 987654321);
        CHECK(kw_steptime_ps(t, &mixed) == 987654321);
        kw_steptime_decode(t, b, decode.decode_context, &law);
        CHECK(law.lo <= decode.decode_context && decode.decode_context < law.hi && law.base_ps == 123456789 &&
              law.slope_ps == 0);
    }
    kw_steptime_delete(t);
    CHECK(kw_steptime_constant(&t, 0, 1, &err) == KW_ERANGE);
    CHECK(kw_steptime_constant(&t, 1, 0, &err) == KW_ERANGE);
    CHECK(kw_steptime_constant(&t, -5, 1, &err) == KW_ERANGE);
}

int main(void)
{
    RUN(any_step_agrees_with_the_formula);
    RUN(batches_beyond_the_grid_go_on_linearly);
    RUN(laws_tile_the_context_axis);
    RUN(a_run_of_steps_is_an_arithmetic_series);
    RUN(the_tables_are_copied);
    RUN(negative_and_unbounded_times_are_refused);
    RUN(malformed_curves_are_refused);
    RUN(range_is_what_was_asked_for);
    RUN(huge_contexts_do_not_overflow);
    RUN(constant_is_constant);
    return check_report();
}
