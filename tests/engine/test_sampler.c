/* tests/engine/test_sampler.c - number formats against their definitions, and sampling against the distribution it
 * promises.
 */
#include "engine/model/dtype.h"
#include "engine/sampler.h"
#include "engine/startup.h"
#include "tests/check.h"
#include <stdbool.h>
#include <stdlib.h>

/* ---- number formats */

/* The value of a code by the format's definition: exponent bits e with bias, mantissa bits m. */
static double value(unsigned code, int e, int m, int bias)
{
    double sign = code >> (e + m) & 1 ? -1 : 1;
    int exponent = (int)(code >> m & ((1u << e) - 1));
    double fraction = (double)(code & ((1u << m) - 1)) / (1 << m);
    return sign * (exponent ? ldexp(1 + fraction, exponent - bias) : ldexp(fraction, 1 - bias));
}

static void every_code_has_its_value_and_comes_back(void)
{
    for (unsigned c = 0; c < 256; c++) {
        float v = kw_fp8_to_f32((uint8_t)c);
        if ((c & 0x7f) == 0x7f)
            CHECK(isnan(v) && isnan(kw_fp8_to_f32(kw_f32_to_fp8(v))));
        else
            CHECK(v == value(c, 4, 3, 7) && kw_f32_to_fp8(v) == c);
    }
    for (unsigned c = 0; c < 65536; c++) {
        float h = kw_fp16_to_f32((uint16_t)c), b = kw_bf16_to_f32((uint16_t)c);
        if ((c & 0x7c00) == 0x7c00)
            CHECK(c & 0x3ff ? isnan(h) && isnan(kw_fp16_to_f32(kw_f32_to_fp16(h)))
                            : isinf(h) && kw_f32_to_fp16(h) == c);
        else
            CHECK(h == value(c, 5, 10, 15) && kw_f32_to_fp16(h) == c);
        if ((c & 0x7f80) == 0x7f80)
            CHECK(c & 0x7f ? isnan(b) && isnan(kw_bf16_to_f32(kw_f32_to_bf16(b))) : kw_f32_to_bf16(b) == c);
        else
            CHECK(b == value(c, 8, 7, 127) && kw_f32_to_bf16(b) == c);
    }
}

/* Between two neighbours: the nearer one, at the middle the even one. */
static void rounding_is_to_nearest_even(void)
{
    for (unsigned c = 0; c < 0x7e; c++) {
        float lo = kw_fp8_to_f32((uint8_t)c), hi = kw_fp8_to_f32((uint8_t)(c + 1)), mid = (lo + hi) / 2;
        CHECK(kw_f32_to_fp8(nextafterf(mid, 0)) == c && kw_f32_to_fp8(nextafterf(mid, 1e9f)) == c + 1);
        CHECK(kw_f32_to_fp8(mid) == (c & 1 ? c + 1 : c) && kw_f32_to_fp8(-mid) == (c & 1 ? c + 1 : c) + 0x80);
    }
    for (unsigned c = 0; c < 0x7bff; c++) {
        float lo = kw_fp16_to_f32((uint16_t)c), hi = kw_fp16_to_f32((uint16_t)(c + 1)), mid = (lo + hi) / 2;
        CHECK(kw_f32_to_fp16(nextafterf(mid, 0)) == c && kw_f32_to_fp16(nextafterf(mid, 1e9f)) == c + 1);
        CHECK(kw_f32_to_fp16(mid) == (c & 1 ? c + 1 : c));
    }
    for (unsigned c = 0; c < 0x7f7f; c += 3) {
        float lo = kw_bf16_to_f32((uint16_t)c), hi = kw_bf16_to_f32((uint16_t)(c + 1)), mid = lo + (hi - lo) / 2;
        CHECK(kw_f32_to_bf16(nextafterf(mid, 0)) == c && kw_f32_to_bf16(nextafterf(mid, INFINITY)) == c + 1);
        CHECK(kw_f32_to_bf16(mid) == (c & 1 ? c + 1 : c));
    }
    CHECK(kw_f32_to_fp8(1e30f) == 0x7e && kw_f32_to_fp8(-INFINITY) == 0xfe && kw_f32_to_fp8(464.1f) == 0x7e);
    CHECK(kw_f32_to_fp16(65519.9f) == 0x7bff && kw_f32_to_fp16(65520) == 0x7c00 && kw_f32_to_bf16(3.4e38f) == 0x7f80);
    CHECK(kw_dtype_find("bfloat16") == KW_DT_BF16 && kw_dtype_find("F8_E4M3") == KW_DT_FP8 &&
          kw_dtype_find("int8") == -1);
}

static void rows_are_quantised_by_their_largest(void)
{
    float x[] = { 0.5f, -2, 1, 0 }, zero[3] = { 0 };
    uint8_t q[4];
    float s = kw_fp8_quantise(q, x, 4);
    CHECK_NEAR(s, 2 / 448.0, 1e-9);
    CHECK(q[1] == 0xfe && kw_fp8_to_f32(q[0]) == 112 && kw_fp8_to_f32(q[2]) == 224 && q[3] == 0);
    CHECK(kw_fp8_quantise(q, zero, 3) == 1 && q[0] == 0 && q[2] == 0);
    CHECK(kw_fp8_quantise(q, x, 0) == 1);
}

/* ---- sampling */

#define N 8
static const float logits[N] = { 1, 3, 2, NAN, 3, -1, 0, 2.5f }; /* the best: 1, then 4, 7, 2, 0, 6, 5 */

/* How often each id comes up in `draws`. */
static void count(const struct kw_sampling *how, uint64_t id, int draws, int *times)
{
    struct kw_sampler s;
    struct kw_sampler_scratch x;
    struct kw_error err = { "" };
    memset(times, 0, N * sizeof *times);
    CHECK(kw_sampler_init(&s, how, id, &err) == KW_OK && kw_sampler_scratch_init(&x, N, &err) == KW_OK);
    for (int i = 0; i < draws; i++) times[kw_sampler_next(&s, &x, logits)]++;
    kw_sampler_free(&s);
    kw_sampler_scratch_free(&x);
}

/* Draws agree with the probabilities within five standard deviations; ids outside `kept` never come. */
static void agrees(struct kw_sampling how, const int *kept, int n)
{
    enum { DRAWS = 20000 };
    int times[N];
    double total = 0;
    count(&how, 1, DRAWS, times);
    for (int i = 0; i < n; i++) total += exp((logits[kept[i]] - 3) / how.temperature);
    for (int i = 0; i < N; i++) {
        double p = 0;
        for (int j = 0; j < n; j++)
            if (kept[j] == i) p = exp((logits[i] - 3) / how.temperature) / total;
        CHECK_NEAR(times[i], DRAWS * p, 5 * sqrt(DRAWS * p * (1 - p)) + 1e-9);
    }
}

static void draws_follow_the_distribution(void)
{
    static const int all[] = { 1, 4, 7, 2, 0, 6, 5 };
    agrees((struct kw_sampling){ .temperature = 1 }, all, 7);
    agrees((struct kw_sampling){ .temperature = 2.5f, .seed = 3 }, all, 7);
    agrees((struct kw_sampling){ .temperature = 1, .top_k = 3 }, all, 3);
    agrees((struct kw_sampling){ .temperature = 1, .top_k = 1 }, all, 1); /* a tie: the smaller id */
    agrees((struct kw_sampling){ .temperature = 1, .top_k = 100 }, all, 7);
    /* p: 0.317, 0.317, 0.192, 0.117 ... */
    agrees((struct kw_sampling){ .temperature = 1, .top_p = 0.3f }, all, 1);
    agrees((struct kw_sampling){ .temperature = 1, .top_p = 0.5f }, all, 2);
    agrees((struct kw_sampling){ .temperature = 1, .top_p = 0.8f }, all, 3);
    agrees((struct kw_sampling){ .temperature = 1, .top_p = 0.9f }, all, 4);
    /* of the first three: 0.384, 0.384, 0.233 */
    agrees((struct kw_sampling){ .temperature = 1, .top_p = 0.75f, .top_k = 3 }, all, 2);
    agrees((struct kw_sampling){ .temperature = 1e-6f }, all, 2);
}

static void greedy_and_odd_logits(void)
{
    int times[N];
    count(&(struct kw_sampling){ 0 }, 1, 10, times);
    CHECK(times[1] == 10);
    float nan[2] = { NAN, NAN }, inf[3] = { 0, INFINITY, NAN }, low[2] = { -INFINITY, -INFINITY };
    CHECK(kw_argmax(nan, 2) == 0 && kw_argmax(inf, 3) == 1 && kw_argmax(low, 2) == 0 && kw_argmax(logits, N) == 1);
    const struct kw_sampling how[] = { { .temperature = 1 },
                                       { .temperature = 1, .top_k = 2 },
                                       { .temperature = 1, .top_p = .5f } };
    for (int i = 0; i < 3; i++) {
        struct kw_sampler s;
        struct kw_sampler_scratch x;
        CHECK(!kw_sampler_init(&s, &how[i], 1, NULL) && !kw_sampler_scratch_init(&x, 2, NULL));
        CHECK(kw_sampler_next(&s, &x, nan) == 0 && kw_sampler_next(&s, &x, inf) < 2 &&
              kw_sampler_next(&s, &x, low) < 2);
        kw_sampler_free(&s);
        kw_sampler_scratch_free(&x);
    }
}

static void streams_differ_by_request_and_repeat(void)
{
    int a[N], b[N], c[N], d[N];
    struct kw_sampling how = { .temperature = 3, .seed = 9 };
    count(&how, 1, 200, a);
    count(&how, 1, 200, b);
    count(&how, 2, 200, c);
    how.seed = 10;
    count(&how, 1, 200, d);
    CHECK(!memcmp(a, b, sizeof a) && memcmp(a, c, sizeof a) && memcmp(a, d, sizeof a));
}

/* ---- phases of a start */

static void the_critical_path_is_found(void)
{
    struct kw_startup p = { .origin = 1000 };
    uint32_t path[KW_STARTUP_MAX];
    kw_startup_add(&p, "exec", 1000, 1100, 0);
    kw_startup_add(&p, "weights", 1200, 2000, 10);
    kw_startup_add(&p, "plans", 1150, 1700, 0); /* hidden behind the weights */
    kw_startup_add(&p, "first token", 2000, 2100, 0);
    kw_startup_add(&p, "part of the weights", 1300, 1900, 0); /* of its thread: counted with them */
    kw_startup_add(&p, "beside them", 1300, 1900, 0);
    p.at[5].thread++;
    CHECK(kw_startup_sum(&p) == 100 + 800 + 550 + 100 + 600);
    p.n -= 2;
    uint32_t open = kw_startup_begin(&p, "never ends");
    CHECK(open == 4 && kw_startup_sum(&p) == 100 + 800 + 550 + 100 && kw_startup_wall(&p) == 1100);
    struct kw_startup_figures f;
    kw_startup_figures(&p, &f);
    CHECK(f.weights == 800 && f.ready == 1000 && f.first_token == 1100 && f.sum == 1550 && f.critical == 1000);
    uint32_t n = kw_startup_critical(&p, path);
    CHECK(n == 3 && path[0] == 3 && path[1] == 1 && path[2] == 0);
    kw_startup_end(NULL, 3, 0);
    CHECK(kw_startup_begin(NULL, "x") == UINT32_MAX);
    for (int i = 0; i < 2 * KW_STARTUP_MAX; i++) kw_startup_add(&p, "many", 1, 2, 0);
    CHECK(p.n == KW_STARTUP_MAX && p.lost > 0 && kw_startup_critical(&p, path) <= KW_STARTUP_MAX);
    kw_startup_init(&p);
    CHECK(p.n == 1 && p.at[0].end >= p.origin && p.at[0].end - p.origin < INT64_C(600) * 1000000000);
}

/* Lengths around whole blocks, values that repeat, NaN and infinities among them. */
static void argmax_is_the_first_of_the_largest(void)
{
    static float v[1100];
    uint32_t state = 1, wrong = 0;
    for (uint32_t n = 1; n <= 1100; n++) {
        uint32_t want = 0;
        bool any = false;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t r = (state = state * 1664525u + 1013904223u) >> 24;
            v[i] = (float)(r % 5) - 3 - (float)(n % 4);
            if (r < 130) v[i] = -0.0f;
            if (r < 80 || n % 7 == 0) v[i] = -INFINITY;
            if (r < 40 || n % 11 == 0) v[i] = NAN;
        }
        for (uint32_t i = 0; i < n; i++)
            if (v[i] == v[i] && (!any || v[i] > v[want])) want = i, any = true;
        wrong += kw_argmax(v, n) != want;
    }
    CHECK(wrong == 0);
}

int main(void)
{
    RUN(every_code_has_its_value_and_comes_back);
    RUN(rounding_is_to_nearest_even);
    RUN(rows_are_quantised_by_their_largest);
    RUN(draws_follow_the_distribution);
    RUN(greedy_and_odd_logits);
    RUN(argmax_is_the_first_of_the_largest);
    RUN(streams_differ_by_request_and_repeat);
    RUN(the_critical_path_is_found);
    return check_report();
}
