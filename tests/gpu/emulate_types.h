/* tests/gpu/emulate_types.h - the part of the emulation that needs target.cuh's types: number conversions and launches.
 */
#ifndef KW_TESTS_GPU_EMULATE_TYPES_H
#define KW_TESTS_GPU_EMULATE_TYPES_H

namespace kw
{
inline float to_float(bf16 x)
{
    return kw_bf16_to_f32(x.v);
}
inline float to_float(fp16 x)
{
    return kw_fp16_to_f32(x.v);
}
inline float to_float(fp8 x)
{
    return kw_fp8_to_f32(x.v);
}
template <> inline float to<float>(float x)
{
    return x;
}
template <> inline bf16 to<bf16>(float x)
{
    return { kw_f32_to_bf16(x) };
}
template <> inline fp16 to<fp16>(float x)
{
    return { kw_f32_to_fp16(x) };
}
template <> inline fp8 to<fp8>(float x)
{
    return { kw_f32_to_fp8(x) };
}
template <class T> float half_of(uint32_t word, unsigned which)
{
    return to_float(T{ (uint16_t)(word >> 16 * which) });
}
inline vec16 load_streaming(const void *p)
{
    return *(const vec16 *)p;
}
template <class... P, class... A> void launch(queue &q, dim3 grid, unsigned block, void (*kernel)(P...), A... args)
{
    emulate::enqueue(q.stream, [=] { emulate::run(grid, block, [=] { kernel((P)args...); }); });
}
} // namespace kw
#endif
