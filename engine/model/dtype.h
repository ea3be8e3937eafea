/* engine/model/dtype.h - the number formats of weights and KV cache, and conversions that round to nearest even. */
#ifndef KW_ENGINE_MODEL_DTYPE_H
#define KW_ENGINE_MODEL_DTYPE_H
#include <stddef.h>
#include <stdint.h>

enum kw_dtype {
    KW_DT_FP32,
    KW_DT_BF16, /* 8 exponent bits, 7 of mantissa: the upper half of an fp32 */
    KW_DT_FP16, /* IEEE binary16 */
    KW_DT_FP8   /* E4M3FN: 4 exponent bits (bias 7), 3 of mantissa, no infinity, NaN 0x7f and 0xff, largest 448
                 * (Micikevicius et al., arXiv:2209.05433) */
};
#define KW_FP8_MAX 448.0f

size_t kw_dtype_bytes(enum kw_dtype t);     /* of one value */
const char *kw_dtype_name(enum kw_dtype t); /* "fp32", "bf16", "fp16", "fp8" */
/* By our name, PyTorch's ("bfloat16", "float16", "float32", "float8_e4m3fn") or safetensors' ("BF16", "F16", "F32",
 * "F8_E4M3"). -1 when it is none of these. */
int kw_dtype_find(const char *name);

float kw_bf16_to_f32(uint16_t v);
uint16_t kw_f32_to_bf16(float v); /* NaN stays NaN */
float kw_fp16_to_f32(uint16_t v);
uint16_t kw_f32_to_fp16(float v); /* beyond 65504: infinity */
float kw_fp8_to_f32(uint8_t v);
uint8_t kw_f32_to_fp8(float v); /* saturates at 448 with the sign kept, as cvt.rn.satfinite does; NaN stays NaN */

/* n values of type `from` at src to type `to` at dst, through fp32. Neither needs alignment; they may not overlap
 * unless dst == src and `to` is not wider. Value by value: kw_fp8_quantise is what scales. */
void kw_dtype_convert(void *dst, enum kw_dtype to, const void *src, enum kw_dtype from, size_t n);

/* One row to fp8 with one scale: q[i] = fp8(x[i] / s), s = max|x| / 448 (1 where that is below FLT_MIN), returned: x ~
 * q * s. This one rule quantises weights (per output row) and activations (per token), here and on the GPU. The
 * division is done as x * (1 / s) in fp32. */
float kw_fp8_quantise(uint8_t *q, const float *x, size_t n);

#endif
