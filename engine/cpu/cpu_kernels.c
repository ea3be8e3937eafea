#include "engine/cpu/cpu_kernels.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* As the vector kernels read it: through fp16, whose exponent bias is 8 more, so NaN codes come out as +-480. */
static float fp8_value(uint8_t v)
{
    return 256 * kw_fp16_to_f32((uint16_t)((v & 0x80u) << 8 | (v & 0x7fu) << 7));
}

/* ---- four floats by hand: any machine. The compiler makes SSE2 or NEON of it. */

struct four {
    float v[4];
};
#define EACH(expr)                                                                                                     \
    struct four r;                                                                                                     \
    for (int i = 0; i < 4; i++) r.v[i] = (expr);                                                                       \
    return r
static inline struct four four_set(float f)
{
    EACH(f);
}
static inline struct four four_load(const float *p)
{
    EACH(p[i]);
}
static inline struct four four_bf16(const uint16_t *p)
{
    EACH(kw_bf16_to_f32(p[i]));
}
static inline struct four four_fp16(const uint16_t *p)
{
    EACH(kw_fp16_to_f32(p[i]));
}
static inline struct four four_fp8(const uint8_t *p)
{
    EACH(fp8_value(p[i]));
}
static inline struct four four_add(struct four a, struct four b)
{
    EACH(a.v[i] + b.v[i]);
}
static inline struct four four_mul(struct four a, struct four b)
{
    EACH(a.v[i] * b.v[i]);
}
static inline struct four four_div(struct four a, struct four b)
{
    EACH(a.v[i] / b.v[i]);
}
static inline struct four four_max(struct four a, struct four b)
{
    EACH(a.v[i] > b.v[i] ? a.v[i] : b.v[i]);
}
static inline struct four four_min(struct four a, struct four b)
{
    EACH(a.v[i] < b.v[i] ? a.v[i] : b.v[i]);
}
static inline struct four four_fma(struct four a, struct four b, struct four c)
{
    EACH(a.v[i] * b.v[i] + c.v[i]);
}
static inline struct four four_exp(struct four a)
{
    EACH(expf(a.v[i]));
}
static inline void four_store(float *p, struct four a)
{
    memcpy(p, a.v, sizeof a.v);
}
static inline float four_sum(struct four a)
{
    return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]);
}
static inline float four_largest(struct four a)
{
    return fmaxf(fmaxf(a.v[0], a.v[1]), fmaxf(a.v[2], a.v[3]));
}

#define KW_NAME(x) portable_##x
#define KW_SET "portable"
#define KW_TARGET
#define V struct four
#define LANES 4
#define ZERO four_set(0)
#define SET1 four_set
#define LOAD four_load
#define STORE four_store
#define ADD four_add
#define MUL four_mul
#define DIV four_div
#define MAX four_max
#define MINIMUM four_min
#define FMA four_fma
#define KEEP(v)
#define LOAD_BF16 four_bf16
#define LOW_BF16 four_bf16
#define HIGH_BF16(p) four_bf16((p) + 4)
#define PAIRS_BF16 false
#define LOAD_FP16 four_fp16
#define LOAD_FP8 four_fp8
#define SUM four_sum
#define LARGEST four_largest
#define EXP four_exp
#include "engine/cpu/cpu_kernels.inc"

#if defined(__x86_64__)
#include <immintrin.h>

/* e^x for |x| up to 88: x = n ln 2 + r, |r| <= ln 2 / 2, a polynomial of degree 6 for e^r (Taylor: the next term is
 * below 2e-8), times 2^n. Below -87 the result is 2^-126 at most and may as well be it: weights that small vanish in
 * any sum. */
#define LOG2E 1.44269504f
#define LN2_HIGH 0.693359375f /* few bits, so that n * LN2_HIGH is exact (Cody & Waite, 1980) */
#define LN2_LOW -2.12194440e-4f

#define AVX2 __attribute__((target("avx2,fma,f16c")))
AVX2 static inline __m256 avx2_exp(__m256 x)
{
    x = _mm256_max_ps(x, _mm256_set1_ps(-87));
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(LOG2E)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(LN2_HIGH), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(LN2_LOW), r);
    __m256 p = _mm256_set1_ps(1 / 720.0f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1 / 120.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1 / 24.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1 / 6.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1));
    __m256i e = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(p, _mm256_castsi256_ps(e));
}
AVX2 static inline __m256 avx2_bf16(const uint16_t *p)
{
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)), 16));
}
/* Of two neighbouring bf16 one is a float but for a shift, the other but for a mask: half the work of widening each by
 * itself. So a vector holds every other column, and x is packed alike. */
AVX2 static inline __m256 avx2_even(const uint16_t *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p), 16));
}
AVX2 static inline __m256 avx2_odd(const uint16_t *p)
{
    static const uint32_t mask[8] = { 0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u,
                                      0xffff0000u, 0xffff0000u, 0xffff0000u, 0xffff0000u };
    __m256 v; /* as text, or GCC keeps the mask in a register, and there is none to spare */
    __asm__("vmovups %1, %0\n\tvandps %2, %0, %0" : "=x"(v) : "m"(*(const uint16_t(*)[16])p), "m"(mask));
    return v;
}
AVX2 static inline __m256 avx2_fp16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}
AVX2 static inline __m256 avx2_fp8(const uint8_t *p)
{
    __m128i b =
        _mm_cvtepi8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)p)); /* sign bits fill the upper byte */
    __m128i h = _mm_or_si128(_mm_and_si128(b, _mm_set1_epi16((short)0x8000)),
                             _mm_slli_epi16(_mm_and_si128(b, _mm_set1_epi16(0x7f)), 7));
    return _mm256_mul_ps(_mm256_cvtph_ps(h), _mm256_set1_ps(256));
}
AVX2 static inline float avx2_sum(__m256 v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
AVX2 static inline float avx2_largest(__m256 v)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}

#define KW_NAME(x) avx2_##x
#define KW_SET "avx2"
#define KW_TARGET AVX2
#define V __m256
#define LANES 8
#define ZERO _mm256_setzero_ps()
#define SET1 _mm256_set1_ps
#define LOAD _mm256_loadu_ps
#define STORE _mm256_storeu_ps
#define ADD _mm256_add_ps
#define MUL _mm256_mul_ps
#define DIV _mm256_div_ps
#define MAX _mm256_max_ps
#define MINIMUM _mm256_min_ps
#define FMA _mm256_fmadd_ps
#define KEEP(v) __asm__ volatile("" : "+x"(v) : : "memory");
#define LOAD_BF16 avx2_bf16
#define LOW_BF16 avx2_even
#define HIGH_BF16 avx2_odd
#define PAIRS_BF16 true
#define LOAD_FP16 avx2_fp16
#define LOAD_FP8 avx2_fp8
#define SUM avx2_sum
#define LARGEST avx2_largest
#define EXP avx2_exp
#include "engine/cpu/cpu_kernels.inc"

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx2,fma,f16c")))
AVX512 static inline __m512 avx512_exp(__m512 x)
{
    x = _mm512_max_ps(x, _mm512_set1_ps(-87));
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(LOG2E)), 0); /* 0: to nearest, no fraction bits */
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(LN2_HIGH), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(LN2_LOW), r);
    __m512 p = _mm512_set1_ps(1 / 720.0f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1 / 120.0f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1 / 24.0f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1 / 6.0f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
    __m512i e = _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127)), 23);
    return _mm512_mul_ps(p, _mm512_castsi512_ps(e));
}
AVX512 static inline __m512 avx512_bf16(const uint16_t *p)
{
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(b), 16));
}
AVX512 static inline __m512 avx512_even(const uint16_t *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
}
AVX512 static inline __m512 avx512_odd(const uint16_t *p)
{
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32((int)0xffff0000u)));
}
AVX512 static inline __m512 avx512_fp16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
AVX512 static inline __m512 avx512_fp8(const uint8_t *p)
{
    __m256i b = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
    __m256i h = _mm256_or_si256(_mm256_and_si256(b, _mm256_set1_epi16((short)0x8000)),
                                _mm256_slli_epi16(_mm256_and_si256(b, _mm256_set1_epi16(0x7f)), 7));
    return _mm512_mul_ps(_mm512_cvtph_ps(h), _mm512_set1_ps(256));
}

#define KW_NAME(x) avx512_##x
#define KW_SET "avx512"
#define KW_TARGET AVX512
#define V __m512
#define LANES 16
#define ZERO _mm512_setzero_ps()
#define SET1 _mm512_set1_ps
#define LOAD _mm512_loadu_ps
#define STORE _mm512_storeu_ps
#define ADD _mm512_add_ps
#define MUL _mm512_mul_ps
#define DIV _mm512_div_ps
#define MAX _mm512_max_ps
#define MINIMUM _mm512_min_ps
#define FMA _mm512_fmadd_ps
#define KEEP(v) __asm__ volatile("" : "+v"(v) : : "memory");
#define LOAD_BF16 avx512_bf16
#define LOW_BF16 avx512_even
#define HIGH_BF16 avx512_odd
#define PAIRS_BF16 true
#define LOAD_FP16 avx512_fp16
#define LOAD_FP8 avx512_fp8
#define SUM _mm512_reduce_add_ps
#define LARGEST _mm512_reduce_max_ps
#define EXP avx512_exp
#include "engine/cpu/cpu_kernels.inc"
#endif

const struct kw_cpu_kernels *kw_cpu_kernels(const char *which)
{
    const struct kw_cpu_kernels *set[3];
    int n = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        set[n++] = &avx512_kernels;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) set[n++] = &avx2_kernels;
#endif
    set[n++] = &portable_kernels;
    for (int i = 0; i < n; i++)
        if (!which || !strcmp(which, set[i]->name)) return set[i];
    return NULL;
}
