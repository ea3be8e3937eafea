/* engine/cuda/target.cuh - what kernels are written against: number formats, 16-byte vectors, reductions, tensor-core
 * and asynchronous-copy primitives, kernel launches. nvcc compiles it for the device; a host compiler gets the same
 * names from the emulate.h that the build offers (-Itests/gpu), where every thread of a block is a fiber, so that each
 * kernel's own source runs without a GPU. */
#ifndef KW_CUDA_TARGET_CUH
#define KW_CUDA_TARGET_CUH
#include <stddef.h>
#include <stdint.h>
#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cuda_runtime.h>
#define KW_SHARED(type, name, dims) __shared__ __align__(16) type name dims
#else
#include "emulate.h"
#endif

namespace kw
{

/* 16- and 8-bit numbers by their bits: one type on the device and on the host. */
struct bf16 {
    uint16_t v;
};
struct fp16 {
    uint16_t v;
};
struct fp8 {
    uint8_t v;
}; /* E4M3 */
struct alignas(16) vec16 {
    uint32_t w[4];
};
template <class T> constexpr int lanes_of = 16 / (int)sizeof(T); /* values in a vec16 */

/* Where kernels go: one stream. err keeps the first failure of a launch; whoever filled the queue looks at it once. */
struct queue {
    cudaStream_t stream;
    bool overlap; /* programmatic dependent launch (compute capability 9 and above) */
    cudaError_t err;
};
#ifndef __CUDACC__
} // namespace kw
#include "emulate_types.h"
namespace kw
{
#else
__device__ __forceinline__ float to_float(float x)
{
    return x;
}
__device__ __forceinline__ float to_float(bf16 x)
{
    return __uint_as_float((uint32_t)x.v << 16);
}
__device__ __forceinline__ float to_float(fp16 x)
{
    return __half2float(__ushort_as_half(x.v));
}
__device__ __forceinline__ float to_float(fp8 x)
{
    return __half2float(__half(__nv_cvt_fp8_to_halfraw(x.v, __NV_E4M3)));
}
template <class T> __device__ __forceinline__ T to(float x);
template <> __device__ __forceinline__ float to<float>(float x)
{
    return x;
}
template <> __device__ __forceinline__ bf16 to<bf16>(float x)
{
    return { __bfloat16_as_ushort(__float2bfloat16_rn(x)) };
}
template <> __device__ __forceinline__ fp16 to<fp16>(float x)
{
    return { __half_as_ushort(__float2half_rn(x)) };
}
template <> __device__ __forceinline__ fp8 to<fp8>(float x)
{
    return { __nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3) };
}

/* Weights are read once: they must not push activations out of L1. */
__device__ __forceinline__ vec16 load_streaming(const void *p)
{
    vec16 r;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r.w[0]), "=r"(r.w[1]), "=r"(r.w[2]), "=r"(r.w[3])
                 : "l"(p));
    return r;
}
__device__ __forceinline__ void prefetch(const void *p)
{
    asm volatile("prefetch.global.L2 [%0];" ::"l"(p));
}
/* Past L1: what another block of this launch has written. */
__device__ __forceinline__ float load_shared_by_blocks(const float *p)
{
    return __ldcg(p);
}

__device__ __forceinline__ uint32_t shared_address(const void *p)
{
    return (uint32_t)__cvta_generic_to_shared(p);
}
/* 16 bytes from global to shared memory in the background; zeros where !valid (src is not read). */
__device__ __forceinline__ void copy_async(void *shared, const void *global, bool valid)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
                 "r"(valid ? 16 : 0)
                 : "memory");
}
__device__ __forceinline__ void copy_async_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}
/* Until at most N of this thread's committed groups are under way. */
template <int N> __device__ __forceinline__ void copy_async_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}
/* Four 8x8 matrices of 16-bit values; lane i gives the address of row i % 8 of matrix i / 8. Lane l receives of matrix
 * j in r[j] the values (l / 4, 2 (l % 4) + {0, 1}); transposed: (2 (l % 4) + {0, 1}, l / 4). PTX ISA, ldmatrix. */
__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}
__device__ __forceinline__ void load_matrices_transposed(uint32_t (&r)[4], const void *row)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}
/* d (16x8) += a (16x16) b (16x8), sums in fp32. PTX ISA, mma.m16n8k16: with g = lane / 4, p = 2 (lane % 4), a holds
 * (g, p), (g + 8, p), (g, p + 8), (g + 8, p + 8), b holds (p, g), (p + 8, g), each with its right (lower) neighbour, d
 * holds (g, p), (g, p + 1), (g + 8, p), (g + 8, p + 1). */
template <class T>
__device__ __forceinline__ void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);
template <>
__device__ __forceinline__ void multiply<bf16>(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <>
__device__ __forceinline__ void multiply<fp16>(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
/* Under programmatic dependent launch a kernel begins while the one before it still runs. Every kernel calls begin()
 * before it reads or writes anything another kernel writes or reads: it lets the next kernel start its own prologue,
 * then waits until all before have finished. Without that launch attribute both are no-ops; with it they must be there,
 * so only 9.0, whose machine code is among what make builds, is launched so. What no kernel writes (weights) may be
 * prefetched before. */
__device__ __forceinline__ void begin()
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
#endif

__device__ __forceinline__ vec16 load16(const void *p)
{
    return *(const vec16 *)p;
}
__device__ __forceinline__ void store16(void *p, const vec16 &v)
{
    *(vec16 *)p = v;
}

__device__ __forceinline__ void unpack(float (&f)[4], const vec16 &v)
{
#pragma unroll
    for (int i = 0; i < 4; i++) f[i] = __uint_as_float(v.w[i]);
}
template <class T> __device__ __forceinline__ void unpack_as(float (&f)[lanes_of<T>], const vec16 &v);
template <> __device__ __forceinline__ void unpack_as<float>(float (&f)[4], const vec16 &v)
{
    unpack(f, v);
}
template <> __device__ __forceinline__ void unpack_as<bf16>(float (&f)[8], const vec16 &v)
{
#pragma unroll
    for (int i = 0; i < 4; i++)
        f[2 * i] = __uint_as_float(v.w[i] << 16), f[2 * i + 1] = __uint_as_float(v.w[i] & 0xffff0000u);
}
template <> __device__ __forceinline__ void unpack_as<fp16>(float (&f)[8], const vec16 &v)
{
#pragma unroll
    for (int i = 0; i < 4; i++)
        f[2 * i] = to_float(fp16{ (uint16_t)v.w[i] }), f[2 * i + 1] = to_float(fp16{ (uint16_t)(v.w[i] >> 16) });
}
template <> __device__ __forceinline__ void unpack_as<fp8>(float (&f)[16], const vec16 &v)
{
#pragma unroll
    for (int i = 0; i < 8; i++) {
        uint32_t two = v.w[i / 2] >> (i % 2 * 16);
#ifdef __CUDACC__
        __half2 h = __half2(__nv_cvt_fp8x2_to_halfraw2((__nv_fp8x2_storage_t)two, __NV_E4M3));
        float2 x = __half22float2(h);
        f[2 * i] = x.x, f[2 * i + 1] = x.y;
#else
        f[2 * i] = to_float(fp8{ (uint8_t)two }), f[2 * i + 1] = to_float(fp8{ (uint8_t)(two >> 8) });
#endif
    }
}
template <class T> __device__ __forceinline__ vec16 pack_as(const float (&f)[lanes_of<T>])
{
    union {
        vec16 v;
        T t[lanes_of<T>];
    } u;
#pragma unroll
    for (int i = 0; i < lanes_of<T>; i++) u.t[i] = to<T>(f[i]);
    return u.v;
}
/* Two values in 32 bits, the first in the low half. */
template <class T> __device__ __forceinline__ uint32_t pack_two(float a, float b)
{
    return (uint32_t)to<T>(a).v | (uint32_t)to<T>(b).v << 16;
}

__device__ __forceinline__ float warp_sum(float v)
{
#pragma unroll
    for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
    return v;
}
__device__ __forceinline__ float warp_max(float v)
{
#pragma unroll
    for (int o = 16; o; o >>= 1) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, o));
    return v;
}
/* Over a block of WARPS warps; every thread gets the result. May be called again: the barriers are inside. */
template <int WARPS> __device__ __forceinline__ float block_sum(float v)
{
    KW_SHARED(float, part, [WARPS]);
    v = warp_sum(v);
    __syncthreads();
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
    __syncthreads();
    float all = 0;
#pragma unroll
    for (int i = 0; i < WARPS; i++) all += part[i];
    return all;
}
template <int WARPS> __device__ __forceinline__ float block_max(float v)
{
    KW_SHARED(float, part, [WARPS]);
    v = warp_max(v);
    __syncthreads();
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
    __syncthreads();
    float all = part[0];
#pragma unroll
    for (int i = 1; i < WARPS; i++) all = fmaxf(all, part[i]);
    return all;
}

#ifdef __CUDACC__
template <class... P, class... A> void launch(queue &q, dim3 grid, unsigned block, void (*kernel)(P...), A... args)
{
    cudaLaunchConfig_t c = {};
    cudaLaunchAttribute attr[1] = {};
    c.gridDim = grid, c.blockDim = dim3(block), c.stream = q.stream;
    attr[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attr[0].val.programmaticStreamSerializationAllowed = 1;
    c.attrs = attr, c.numAttrs = q.overlap ? 1 : 0;
    cudaError_t e = cudaLaunchKernelEx(&c, kernel, (P)args...);
    if (q.err == cudaSuccess) q.err = e;
}
#endif

} // namespace kw
#endif
