/* tests/gpu/emulate.h - CUDA on the host, enough to run engine/cuda as it stands: each thread of a block is a fiber
 * that yields at barriers, shuffles and matrix operations; blocks run one after another, streams only when somebody
 * waits, and no further than he waits for. It is stricter than a GPU where that finds faults:
 *  - threads and blocks run forwards, backwards or shuffled (emulate::order): a missing barrier changes results;
 *  - device and shared memory begin as NaNs, asynchronous copies turn their target into NaNs until they are waited for;
 *  - an allocation ends at a page nobody may touch;
 *  - warps must meet at the same operation, whole; a block whose threads wait at different places stops the test;
 *  - pinned memory is read when the stream gets there, not when the copy is asked for. */
#ifndef KW_TESTS_GPU_EMULATE_H
#define KW_TESTS_GPU_EMULATE_H
#include <functional>
#include <math.h>
#include <stdint.h>
#include <string.h>
extern "C" {
#include "engine/model/dtype.h"
}

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define KW_SHARED(type, name, dims)                                                                                    \
    alignas(16) static type name dims;                                                                                 \
    emulate::shared((void *)&name, sizeof name)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
extern dim3 threadIdx, blockIdx, blockDim, gridDim;

/* ---- the runtime's calls that engine/cuda makes */
enum cudaError_t {
    cudaSuccess,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInsufficientDriver = 35,
    cudaErrorNoDevice = 100,
    cudaErrorUnknown = 999
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
enum {
    cudaStreamNonBlocking = 1,
    cudaEventDisableTiming = 2,
    cudaHostAllocDefault = 0,
    cudaStreamCaptureModeThreadLocal = 1
};
enum cudaDeviceAttr {
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrComputeCapabilityMinor = 76
};
struct cudaDeviceProp {
    char name[256];
    int multiProcessorCount;
};
typedef struct emulated_stream *cudaStream_t;
typedef struct emulated_event *cudaEvent_t;
typedef struct emulated_graph *cudaGraph_t, *cudaGraphExec_t;
cudaError_t cudaGetDeviceCount(int *n);
cudaError_t cudaRuntimeGetVersion(int *v);
cudaError_t cudaDriverGetVersion(int *v);
cudaError_t cudaGetLastError();
const char *cudaGetErrorString(cudaError_t e);
cudaError_t cudaSetDevice(int d);
cudaError_t cudaDeviceGetAttribute(int *v, cudaDeviceAttr a, int d);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int d);
cudaError_t cudaDeviceGetPCIBusId(char *s, int n, int d);
cudaError_t cudaMemGetInfo(size_t *unused, size_t *all);
cudaError_t cudaMalloc(void **p, size_t n);
cudaError_t cudaFree(void *p);
cudaError_t cudaHostAlloc(void **p, size_t n, unsigned flags);
cudaError_t cudaFreeHost(void *p);
cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t n, cudaMemcpyKind k, cudaStream_t s);
cudaError_t cudaMemsetAsync(void *dst, int v, size_t n, cudaStream_t s);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t s);
cudaError_t cudaStreamSynchronize(cudaStream_t s);
cudaError_t cudaEventCreate(cudaEvent_t *e);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t e);
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s);
cudaError_t cudaEventSynchronize(cudaEvent_t e);
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t a, cudaEvent_t b);
cudaError_t cudaStreamBeginCapture(cudaStream_t s, int mode);
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *g);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *x, cudaGraph_t g, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t x, cudaStream_t s);
cudaError_t cudaGraphUpload(cudaGraphExec_t x, cudaStream_t s);
cudaError_t cudaGraphDestroy(cudaGraph_t g);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t x);

namespace emulate
{
enum order_kind { FORWARD, BACKWARD, SHUFFLED };
extern order_kind order;  /* of threads and blocks */
extern uint64_t seed;     /* for SHUFFLED */
extern uint64_t launches; /* kernels run so far */
void shared(void *at, size_t bytes);
void barrier();                  /* of the block */
void warp_barrier(uint32_t tag); /* of the warp; tag: what the caller does, the same in all its lanes */
/* [thread][8]: what lanes show each other, for the caller's next operation: write, warp_barrier, read. Two of them take
 * turns, so that no second barrier has to keep writers of the next operation off. */
typedef uint64_t board[8];
board *next_board();
unsigned thread(); /* the running one's number in its block */
void copy(void *shared, const void *global, bool valid);
void copy_commit();
void copy_wait(int most);
void enqueue(cudaStream_t s, std::function<void()> work); /* recorded while s captures */
void run(dim3 grid, unsigned block, const std::function<void()> &kernel);
} // namespace emulate

inline void __syncthreads()
{
    emulate::barrier();
}
inline void __threadfence() {}
template <class T> T __shfl_xor_sync(uint32_t mask, T v, int lane_mask)
{
    const unsigned t = emulate::thread();
    emulate::board *b = emulate::next_board();
    memcpy(b[t], &v, sizeof v);
    emulate::warp_barrier(mask ^ (uint32_t)lane_mask);
    memcpy(&v, b[t ^ (unsigned)lane_mask], sizeof v);
    return v;
}
inline uint32_t atomicInc(uint32_t *p, uint32_t most)
{
    uint32_t old = *p;
    *p = old >= most ? 0 : old + 1;
    return old;
}
inline unsigned long long atomicMax(unsigned long long *p, unsigned long long v)
{
    unsigned long long old = *p;
    if (v > old) *p = v;
    return old;
}
inline unsigned long long atomicExch(unsigned long long *p, unsigned long long v)
{
    unsigned long long old = *p;
    *p = v;
    return old;
}
inline uint32_t min(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}
inline float __uint_as_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}
inline uint32_t __float_as_uint(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}
inline float rsqrtf(float x)
{
    return 1.0f / sqrtf(x);
}
inline float __expf(float x)
{
    return expf(x);
}
inline float __fdiv_rn(float a, float b)
{
    return a / b;
}
inline float __fmul_rn(float a, float b)
{
    return a * b;
}
inline float __fadd_rn(float a, float b)
{
    return a + b;
}

namespace kw
{
struct bf16;
struct fp16;
struct fp8;
struct queue;
inline float to_float(float x)
{
    return x;
}
template <class N> inline float number(N x);
template <class T> T to(float x);
struct vec16;
inline void prefetch(const void *) {}
inline float load_shared_by_blocks(const float *p)
{
    return *p;
}
inline void copy_async(void *shared, const void *global, bool valid)
{
    emulate::copy(shared, global, valid);
}
inline void copy_async_commit()
{
    emulate::copy_commit();
}
template <int N> void copy_async_wait()
{
    emulate::copy_wait(N);
}
inline void begin() {}

/* As target.cuh says of the device's: matrix j's row r at the address that lane 8 j + r gave. */
inline void load_matrices_any(uint32_t (&out)[4], const void *row, bool transposed)
{
    const unsigned t = emulate::thread(), warp = t / 32 * 32, lane = t % 32;
    emulate::board *b = emulate::next_board();
    memcpy(b[t], &row, sizeof row);
    emulate::warp_barrier(transposed ? 3 : 2);
    for (unsigned j = 0; j < 4; j++) {
        uint16_t two[2];
        for (unsigned k = 0; k < 2; k++) {
            const unsigned r = transposed ? lane % 4 * 2 + k : lane / 4, c = transposed ? lane / 4 : lane % 4 * 2 + k;
            const uint16_t *at;
            memcpy(&at, b[warp + j * 8 + r], sizeof at);
            two[k] = at[c];
        }
        out[j] = two[0] | (uint32_t)two[1] << 16;
    }
}
inline void load_matrices(uint32_t (&r)[4], const void *row)
{
    load_matrices_any(r, row, false);
}
inline void load_matrices_transposed(uint32_t (&r)[4], const void *row)
{
    load_matrices_any(r, row, true);
}

template <class T> float half_of(uint32_t word, unsigned which);
template <class T> void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    const unsigned t = emulate::thread(), warp = t / 32 * 32, lane = t % 32;
    emulate::board *b = emulate::next_board();
    for (int i = 0; i < 4; i++) b[t][i] = a[i];
    b[t][4] = b0, b[t][5] = b1;
    emulate::warp_barrier(4);
    auto at_a = [&](unsigned row, unsigned k) {
        return half_of<T>((uint32_t)b[warp + row % 8 * 4 + k % 8 / 2][row / 8 + k / 8 * 2], k % 2);
    };
    auto at_b = [&](unsigned k, unsigned col) {
        return half_of<T>((uint32_t)b[warp + col * 4 + k % 8 / 2][4 + k / 8], k % 2);
    };
    for (unsigned i = 0; i < 4; i++) {
        const unsigned row = lane / 4 + i / 2 * 8, col = lane % 4 * 2 + i % 2;
        float sum = 0;
        for (unsigned k = 0; k < 16; k++) sum += at_a(row, k) * at_b(k, col);
        d[i] += sum;
    }
}
} // namespace kw
#endif
