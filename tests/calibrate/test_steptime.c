/* Step times: values worked out by hand, the decode law against the step it stands for, and refusals. */
#include "calibrate/profile/steptime.h"
#include "tests/check.h"
#include <stdlib.h>

static struct kw_error err;

struct own {
    double x[8], y[8];
};
static struct kw_curve curve(struct own *o, uint32_t n, const double *xy)
{
    for (uint32_t i = 0; i < n; i++) {
        o->x[i] = xy[2 * i];
        o->y[i] = xy[2 * i + 1];
    }
    return (struct kw_curve){ .n = n, .x = o->x, .y = o->y };
}

/* fixed 1 ms; dense 2 us up to 100 tokens, then 0.02 us a token; head 10 us + 1 us a sequence; decode rows at batch 1
 * and 5; prefill 0.3 ns a pair from 1000 pairs on; 0.5 us a token; comm 7 us from 0. */
static struct own mem[6];
static double batch[2] = { 1, 5 };
static struct kw_curve rows[2];
static struct kw_step_tables tables(void)
{
    rows[0] = curve(&mem[0], 3, (double[]){ 0, 1e-6, 1000, 11e-6, 2000, 31e-6 });
    rows[1] = curve(&mem[1], 2, (double[]){ 0, 5e-6, 4000, 85e-6 });
    return (struct kw_step_tables){
        .fixed_s = 1e-3,
        .dense = curve(&mem[2], 2, (double[]){ 100, 2e-6, 200, 4e-6 }),
        .head = curve(&mem[3], 2, (double[]){ 0, 10e-6, 10, 20e-6 }),
        .n_decode_rows = 2,
        .decode_batch = batch,
        .decode = rows,
        .prefill_attn = curve(&mem[4], 2, (double[]){ 1000, 0, 2000, 0.3e-6 }),
        .prefill_token_s = 0.5e-6,
        .comm = curve(&mem[5], 1, (double[]){ 0, 7e-6 }),
    };
}

static int64_t ps(const struct kw_steptime *t, uint32_t n_decode, uint64_t context, uint32_t n_chunks, uint32_t tokens,
                  uint64_t pairs2)
{
    return kw_steptime_ps(t, &(struct kw_step){ .n_decode = n_decode,
                                                .decode_context = context,
                                                .n_chunks = n_chunks,
                                                .prefill_tokens = tokens,
                                                .prefill_pairs2 = pairs2 });
}

static void by_hand(void)
{
    struct kw_step_tables t = tables();
    struct kw_steptime *s = NULL;
    CHECK(kw_steptime_compile(&s, &t, 16, 8192, &err) == KW_OK);
    int64_t base = 1000000000 + 7000000;                                    /* fixed and comm, ps */
    CHECK(ps(s, 1, 500, 0, 0, 0) == base + 2000000 + 11000000 + 6000000);   /* half way to 11 us */
    CHECK(ps(s, 1, 1500, 0, 0, 0) == base + 2000000 + 11000000 + 21000000); /* the second piece */
    CHECK(ps(s, 1, 3000, 0, 0, 0) == base + 2000000 + 11000000 + 51000000); /* the last slope goes on: 20 ns a token */
    CHECK(ps(s, 5, 2000, 0, 0, 0) == base + 2000000 + 15000000 + 45000000);
    CHECK(ps(s, 3, 2000, 0, 0, 0) == base + 2000000 + 13000000 + 38000000); /* between 31 and 45 us */
    CHECK(ps(s, 9, 2000, 0, 0, 0) == base + 2000000 + 19000000 + 59000000); /* 45 + (45 - 31) */
    CHECK(ps(s, 0, 0, 1, 10000, 0) ==
          ps(s, 0, 0, 1, 8192, 0) + (10000 - 8192) * (20000 + 500000)); /* beyond max_tokens */
    CHECK(ps(s, 0, 0, 1, 300, 0) == base + 6000000 + 11000000 + 150000000);
    CHECK(ps(s, 0, 0, 2, 150, 3000 * 2) == base + 3000000 + 12000000 + 75000000 + 600000);
    CHECK(ps(s, 1, 500, 1, 149, 1500 * 2) == base + 3000000 + 12000000 + 6000000 + 74500000 + 150000);
    kw_steptime_delete(s);
}

static void law_is_the_step(void)
{
    struct kw_step_tables t = tables();
    struct kw_steptime *s = NULL;
    CHECK(kw_steptime_compile(&s, &t, 16, 8192, &err) == KW_OK);
    uint64_t pieces = 0;
    for (uint32_t b = 1; b <= 16; b++)
        for (uint64_t c = b, hi = 0; c < 9000; c++) {
            struct kw_decode_law law;
            kw_steptime_decode(s, b, c, &law);
            CHECK(law.lo <= c && c < law.hi && law.slope_ps >= 0);
            CHECK(ps(s, b, c, 0, 0, 0) == law.base_ps + law.slope_ps * (int64_t)(c - law.lo));
            if (law.hi != hi) pieces++;
            hi = law.hi;
        }
    CHECK(pieces > 40);
    kw_steptime_delete(s);
}

static void levels_what_falls(void)
{
    struct kw_step_tables t = tables();
    rows[0].y[2] = 9e-6;
    struct kw_steptime *s = NULL;
    CHECK(kw_steptime_compile(&s, &t, 16, 8192, &err) == KW_OK);
    CHECK(ps(s, 1, 1000, 0, 0, 0) == ps(s, 1, 2000, 0, 0, 0) && ps(s, 1, 2000, 0, 0, 0) == ps(s, 1, 9000, 0, 0, 0));
    kw_steptime_delete(s);
}

/* 1 us after 4 us without work, 5 us after 10: linear from nothing, and no more beyond. */
static void after_idle(void)
{
    struct kw_step_tables t = tables();
    struct kw_steptime *c;
    t.cold = (struct kw_step_cold){ 2, { { 4e-6, 1e-6 }, { 10e-6, 5e-6 } }, 0 };
    CHECK(kw_steptime_compile(&c, &t, 8, 4000, &err) == KW_OK);
    const struct {
        int64_t idle_ns, more_ps;
    } rows[] = { { 0, 0 },          { 1000, 250000 },   { 4000, 1000000 },     { 7000, 3000000 },
                 { 9999, 4999333 }, { 10000, 5000000 }, { INT64_MAX, 5000000 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CHECK(kw_steptime_after_idle_ps(c, rows[i].idle_ns) == rows[i].more_ps);
        CHECK_NEAR(kw_step_after_idle_s(&t.cold, (double)rows[i].idle_ns * 1e-9), (double)rows[i].more_ps * 1e-12,
                   1e-12);
    }
    kw_steptime_delete(c);
    t.cold.idle[1].idle_s = 4e-6;
    CHECK(kw_steptime_compile(&c, &t, 8, 4000, &err) == KW_ERANGE && strstr(err.msg, "want both ascending"));
    t.cold.idle[1].idle_s = 10e-6, t.cold.idle[1].more_s = 0.5e-6;
    CHECK(kw_steptime_compile(&c, &t, 8, 4000, &err) == KW_ERANGE);
    t.cold.n_idle = KW_STEP_IDLES + 1;
    CHECK(kw_steptime_compile(&c, &t, 8, 4000, &err) == KW_ERANGE && strstr(err.msg, "7 idle times"));
}

static void constants(void)
{
    struct kw_steptime *s = NULL;
    struct kw_decode_law law;
    CHECK(kw_steptime_constant(&s, 5, 7, &err) == KW_OK);
    CHECK(ps(s, 3, 100, 0, 0, 0) == 5 && ps(s, 3, 100, 1, 10, 100) == 7);
    kw_steptime_decode(s, 3, 100, &law);
    CHECK(law.lo == 0 && law.hi == UINT64_MAX && law.base_ps == 5 && law.slope_ps == 0);
    kw_steptime_delete(s);
    s = NULL;
    CHECK(kw_steptime_constant(&s, 0, 7, &err) == KW_ERANGE &&
          kw_steptime_constant(&s, 5, INT64_MAX, &err) == KW_ERANGE && !s);
}

static void refuses(void)
{
    for (int i = 0; i < 14; i++) {
        struct kw_step_tables t = tables();
        struct kw_steptime *s = NULL;
        uint32_t max_batch = 16, max_tokens = 8192;
        switch (i) {
        case 0: t.fixed_s = -1e-9; break;
        case 1: t.fixed_s = NAN; break;
        case 2: t.dense.y[1] = 0; break; /* falls below zero beyond its end */
        case 3: t.dense.y[1] = INFINITY; break;
        case 4: t.head.x[1] = 0; break;
        case 5: t.n_decode_rows = 0; break;
        case 6: rows[1].y[0] = -1e-9; break;
        case 7: rows[0].x[1] = 5000; break;
        case 8: batch[1] = 1; break;
        case 9: t.prefill_token_s = -1; break;
        case 10: t.comm.n = 0; break;
        case 11: max_batch = 0; break;
        case 12: t.dense.y[1] = 999; break; /* more than 1000 s at 8192 tokens */
        case 13: rows[0].y[2] = 900; break; /* 0.9 s a token of context */
        }
        err.msg[0] = 0;
        CHECK(kw_steptime_compile(&s, &t, max_batch, max_tokens, &err) == KW_ERANGE && !s && err.msg[0]);
        batch[1] = 5;
    }
}

/* Beyond the last context, batch, token or pair a step is outside; its other end grows in proportion, all of it, and what
 * is inside stays to the bit. The decode law says the same as the step. */
static void outside_the_tables(void)
{
    struct kw_step_tables t = tables();
    struct kw_steptime *s = NULL, *p = NULL;
    CHECK(kw_steptime_compile(&s, &t, 16, 8192, &err) == KW_OK && kw_steptime_in_proportion(&p, s, &err) == KW_OK);
    for (uint32_t b = 1; b <= 8; b++)
        for (uint64_t c = 0; c < 6000; c += 250) {
            struct kw_decode_law law, slower;
            bool out = kw_steptime_outside(s, &(struct kw_step){ .n_decode = b, .decode_context = c });
            CHECK(out == (b > 5 || c >= (b == 1 ? 2000 : 4000)));
            kw_steptime_decode(s, b, c, &law);
            kw_steptime_decode(p, b, c, &slower);
            CHECK(law.outside == out);
            int64_t now = ps(s, b, c, 0, 0, 0), most = ps(p, b, c, 0, 0, 0);
            CHECK(out ? most >= now : most == now);
            CHECK(slower.base_ps + slower.slope_ps * (int64_t)(c - slower.lo) == most);
        }
    int64_t last = ps(s, 1, 2000, 0, 0, 0);
    CHECK(llabs(ps(p, 1, 4000, 0, 0, 0) - 2 * last) < 4000);                     /* slopes are whole ps a token */
    CHECK(llabs(ps(p, 8, 100, 0, 0, 0) - ps(s, 8, 100, 0, 0, 0) * 8 / 5) < 200); /* and 8 sequences beside 5 */
    CHECK(!kw_steptime_outside(s, &(struct kw_step){ .n_chunks = 1, .prefill_tokens = 200, .prefill_pairs2 = 4000 }));
    CHECK(kw_steptime_outside(s, &(struct kw_step){ .n_chunks = 1, .prefill_tokens = 201, .prefill_pairs2 = 4000 }));
    CHECK(kw_steptime_outside(s, &(struct kw_step){ .n_chunks = 1, .prefill_tokens = 100, .prefill_pairs2 = 4002 }));
    CHECK(ps(p, 0, 0, 1, 400, 0) - ps(s, 0, 0, 1, 400, 0) > 1000000000); /* twice the tokens: fixed and all */
    kw_steptime_delete(s);
    kw_steptime_delete(p);
    CHECK(kw_steptime_constant(&s, 5, 7, &err) == KW_OK && kw_steptime_in_proportion(&p, s, &err) == KW_OK);
    CHECK(!kw_steptime_outside(s, &(struct kw_step){ .n_decode = 9, .decode_context = 1u << 30 }));
    CHECK(ps(p, 9, 1u << 30, 0, 0, 0) == 5);
    kw_steptime_delete(s);
    kw_steptime_delete(p);
}

int main(void)
{
    RUN(by_hand);
    RUN(law_is_the_step);
    RUN(levels_what_falls);
    RUN(after_idle);
    RUN(constants);
    RUN(outside_the_tables);
    RUN(refuses);
    return check_report();
}
