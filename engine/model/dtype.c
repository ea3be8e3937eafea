#include "engine/model/dtype.h"
#include <float.h>
#include <math.h>
#include <string.h>

static uint32_t bits_of(float v)
{
    uint32_t u;
    memcpy(&u, &v, 4);
    return u;
}

static float float_of(uint32_t u)
{
    float v;
    memcpy(&v, &u, 4);
    return v;
}

size_t kw_dtype_bytes(enum kw_dtype t)
{
    return t == KW_DT_FP32 ? 4 : t == KW_DT_FP8 ? 1 : 2;
}

const char *kw_dtype_name(enum kw_dtype t)
{
    static const char *const name[] = { "fp32", "bf16", "fp16", "fp8" };
    return name[t];
}

int kw_dtype_find(const char *name)
{
    static const struct {
        const char *name;
        enum kw_dtype t;
    } known[] = { { "fp32", KW_DT_FP32 }, { "float32", KW_DT_FP32 },      { "F32", KW_DT_FP32 },
                  { "bf16", KW_DT_BF16 }, { "bfloat16", KW_DT_BF16 },     { "BF16", KW_DT_BF16 },
                  { "fp16", KW_DT_FP16 }, { "float16", KW_DT_FP16 },      { "F16", KW_DT_FP16 },
                  { "fp8", KW_DT_FP8 },   { "float8_e4m3fn", KW_DT_FP8 }, { "F8_E4M3", KW_DT_FP8 } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(name, known[i].name)) return (int)known[i].t;
    return -1;
}

float kw_bf16_to_f32(uint16_t v)
{
    return float_of((uint32_t)v << 16);
}

uint16_t kw_f32_to_bf16(float v)
{
    uint32_t u = bits_of(v);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x40); /* a quiet NaN: rounding could make it infinite */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

float kw_fp16_to_f32(uint16_t v)
{
    uint32_t sign = (uint32_t)(v & 0x8000) << 16, mag = v & 0x7fff;
    if (mag >= 0x7c00) return float_of(sign | 0x7f800000 | (mag & 0x3ff) << 13);
    if (mag < 0x0400) return float_of(sign | bits_of((float)mag * 0x1p-24f)); /* subnormal: multiples of 2^-24 */
    return float_of(sign | ((mag << 13) + ((127 - 15) << 23)));
}

/* To the nearest integer, ties to even, for 0 <= v < 2^22: in the sum the fraction has no bits left. Not rintf, which
 * is a call where the compiler may not assume SSE4.1. */
static float to_integer(float v)
{
    return (v + 0x1p23f) - 0x1p23f;
}

uint16_t kw_f32_to_fp16(float v)
{
    uint32_t u = bits_of(v), mag = u & 0x7fffffff;
    uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
    if (mag > 0x7f800000) return sign | 0x7e00;
    if (mag >= 0x477ff000) return sign | 0x7c00; /* 65520 and above round to infinity */
    if (mag < 0x38800000)                        /* below 2^-14: subnormal; the product is exact */
        return sign | (uint16_t)to_integer(float_of(mag) * 0x1p24f);
    return sign | (uint16_t)((mag - ((127 - 15) << 23) + 0xfff + (mag >> 13 & 1)) >> 13);
}

float kw_fp8_to_f32(uint8_t v)
{
    uint32_t sign = (uint32_t)(v & 0x80) << 24, mag = v & 0x7f;
    if (mag == 0x7f) return float_of(sign | 0x7fc00000);
    if (mag < 8) return float_of(sign | bits_of((float)mag * 0x1p-9f));
    return float_of(sign | ((mag << 20) + ((127 - 7) << 23)));
}

uint8_t kw_f32_to_fp8(float v)
{
    uint32_t u = bits_of(v), mag = u & 0x7fffffff;
    uint8_t sign = (uint8_t)(u >> 24 & 0x80);
    if (mag > 0x7f800000) return sign | 0x7f;
    if (mag >= 0x43e00000) return sign | 0x7e;                                       /* 448 and above */
    if (mag < 0x3c800000) return sign | (uint8_t)to_integer(float_of(mag) * 0x1p9f); /* below 2^-6: multiples of 2^-9 */
    uint32_t code = (mag - ((127 - 7) << 23) + 0x7ffff + (mag >> 20 & 1)) >> 20;
    return sign | (uint8_t)(code > 0x7e ? 0x7e : code);
}

#define INLINED static inline __attribute__((always_inline))

INLINED float load(const unsigned char *p, enum kw_dtype t)
{
    uint16_t h;
    float f;
    switch (t) {
    case KW_DT_FP32: memcpy(&f, p, 4); return f;
    case KW_DT_BF16: memcpy(&h, p, 2); return kw_bf16_to_f32(h);
    case KW_DT_FP16: memcpy(&h, p, 2); return kw_fp16_to_f32(h);
    default: return kw_fp8_to_f32(*p);
    }
}

INLINED void store(unsigned char *p, enum kw_dtype t, float f)
{
    uint16_t h;
    switch (t) {
    case KW_DT_FP32: memcpy(p, &f, 4); break;
    case KW_DT_BF16: h = kw_f32_to_bf16(f), memcpy(p, &h, 2); break;
    case KW_DT_FP16: h = kw_f32_to_fp16(f), memcpy(p, &h, 2); break;
    default: *p = kw_f32_to_fp8(f);
    }
}

/* With both formats known to the compiler: one tight loop a pair. */
INLINED void convert(unsigned char *d, enum kw_dtype to, const unsigned char *s, enum kw_dtype from, size_t n)
{
    const size_t in = kw_dtype_bytes(from), out = kw_dtype_bytes(to);
    for (size_t i = 0; i < n; i++) store(d + i * out, to, load(s + i * in, from));
}

void kw_dtype_convert(void *dst, enum kw_dtype to, const void *src, enum kw_dtype from, size_t n)
{
#define PAIR(a, b)                                                                                                     \
    case (a)*4 + (b):                                                                                                  \
        convert(dst, b, src, a, n);                                                                                    \
        break
#define FROM(a, b, c, d)                                                                                               \
    PAIR(a, b);                                                                                                        \
    PAIR(a, c);                                                                                                        \
    PAIR(a, d)
    switch (from * 4 + to) {
        FROM(KW_DT_FP32, KW_DT_BF16, KW_DT_FP16, KW_DT_FP8);
        FROM(KW_DT_BF16, KW_DT_FP32, KW_DT_FP16, KW_DT_FP8);
        FROM(KW_DT_FP16, KW_DT_FP32, KW_DT_BF16, KW_DT_FP8);
        FROM(KW_DT_FP8, KW_DT_FP32, KW_DT_BF16, KW_DT_FP16);
    default: memmove(dst, src, n * kw_dtype_bytes(from)); /* the same format */
    }
}

float kw_fp8_quantise(uint8_t *q, const float *x, size_t n)
{
    float amax = 0;
    for (size_t i = 0; i < n; i++) {
        float a = fabsf(x[i]);
        if (a > amax) amax = a;
    }
    float s = amax / KW_FP8_MAX;
    if (s < FLT_MIN) s = 1;
    float inv = 1 / s;
    for (size_t i = 0; i < n; i++) q[i] = kw_f32_to_fp8(x[i] * inv);
    return s;
}
