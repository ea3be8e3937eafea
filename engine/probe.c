#include "engine/probe.h"
#include <omp.h>
#include <stdlib.h>
#include <unistd.h>
#include "engine/startup.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { PASSES = 7, CHAINS = 12 }; /* 12 chains hide a latency of 4-6 cycles at 2 a cycle */

typedef uint64_t lanes __attribute__((vector_size(64)));
typedef double doubles __attribute__((vector_size(64)));

static uint64_t array_size(void)
{
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    uint64_t want = cache > 0 ? 4 * (uint64_t)cache : 0, least = UINT64_C(64) << 20, most = UINT64_C(512) << 20;
    return want < least ? least : want > most ? most : want / 64 * 64;
}

/* Integers, so that the compiler may keep the sums apart. */
static uint64_t sum(const lanes *a, size_t n, int threads)
{
    uint64_t total = 0;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : total)
    for (size_t k = 0; k < n / 4; k++) {
        const lanes *v = a + 4 * k;
        lanes s = (v[0] + v[1]) + (v[2] + v[3]);
        total += s[0] ^ s[7];
    }
    return total;
}

static void triad(doubles *a, const doubles *b, const doubles *c, size_t n, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (size_t k = 0; k < n; k++) a[k] = b[k] + 3.0 * c[k];
}

static void measure_memory(struct kw_probe *p, double *a, double *b, double *c)
{
    size_t n = p->array_bytes / 64;
    volatile uint64_t sink = 0;
#pragma omp parallel for num_threads(p->threads) schedule(static) /* each page near the thread that will read it */
    for (size_t k = 0; k < 8 * n; k++) a[k] = 0, b[k] = 1, c[k] = (double)k;
    for (int pass = 0; pass < PASSES; pass++) {
        int64_t t0 = kw_now_ns();
        sink += sum((const lanes *)(const void *)c, n, p->threads);
        int64_t t1 = kw_now_ns();
        triad((doubles *)(void *)a, (const doubles *)(const void *)b, (const doubles *)(const void *)c, n, p->threads);
        int64_t t2 = kw_now_ns();
        double read = (double)p->array_bytes * 1e9 / (double)(t1 - t0),
               all = 3.0 * (double)p->array_bytes * 1e9 / (double)(t2 - t1);
        if (read > p->read) p->read = read;
        if (all > p->triad) p->triad = all;
    }
    (void)sink;
}

#if defined(__x86_64__)
/* Named, not an array: they stay in registers whether the compiler unrolls or not. */
#define EACH_CHAIN(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)
#define START(i) x##i = SET((float)(i)),
#define STEP(i) x##i = FMADD(x##i, m, c);
#define SUM(i) s = ADD(s, x##i);
#define KERNEL(type)                                                                                                   \
    type m = SET(0.999f), c = SET(1e-3f), EACH_CHAIN(START) s = c;                                                     \
    for (int r = 0; r < rounds; r++) {                                                                                 \
        EACH_CHAIN(STEP)                                                                                               \
    }                                                                                                                  \
    EACH_CHAIN(SUM)

#define SET _mm512_set1_ps
#define FMADD _mm512_fmadd_ps
#define ADD _mm512_add_ps
__attribute__((target("avx512f"))) static float fma_512(int rounds)
{
    KERNEL(__m512)
    return _mm512_cvtss_f32(s);
}
#undef SET
#undef FMADD
#undef ADD
#define SET _mm256_set1_ps
#define FMADD _mm256_fmadd_ps
#define ADD _mm256_add_ps
__attribute__((target("avx2,fma"))) static float fma_256(int rounds)
{
    KERNEL(__m256)
    return _mm256_cvtss_f32(s);
}

/* Each thread times itself: had they to meet after every try, one that lost its core would spoil them all. */
static void measure_fma(struct kw_probe *p)
{
    enum { ROUNDS = 50000, TRIES = 200 }; /* 0.1 ms each: on a busy machine some are left alone */
    float (*kernel)(int) = __builtin_cpu_supports("avx512f") ? fma_512 : fma_256;
    const double width = kernel == fma_512 ? 16 : 8;
    if (!__builtin_cpu_supports("fma") || !__builtin_cpu_supports("avx2")) return;
    volatile float sink = 0;
    double rate = 0;
    float total = 0;
#pragma omp parallel num_threads(p->threads) reduction(+ : rate, total)
    {
        int64_t best = INT64_MAX;
        for (int pass = 0; pass < TRIES; pass++) {
            int64_t began = kw_now_ns();
            total += kernel(ROUNDS);
            int64_t took = kw_now_ns() - began;
            if (took < best) best = took;
        }
        rate = 2.0 * width * CHAINS * ROUNDS * 1e9 / (double)best;
    }
    sink = total;
    (void)sink;
    p->fma = rate;
}
#else
static void measure_fma(struct kw_probe *p)
{
    (void)p;
}
#endif

enum kw_status kw_probe_run(struct kw_probe *p, int threads, struct kw_error *err)
{
    *p = (struct kw_probe){ .array_bytes = array_size(), .threads = threads > 0 ? threads : omp_get_max_threads() };
    void *block[3] = { NULL };
    enum kw_status st = KW_OK;
    for (int i = 0; i < 3 && st == KW_OK; i++)
        if (posix_memalign(&block[i], 4096, p->array_bytes))
            st = kw_fail(err, KW_ENOMEM, "out of memory for arrays of %llu MiB",
                         (unsigned long long)p->array_bytes >> 20);
    if (st == KW_OK) {
        measure_memory(p, block[0], block[1], block[2]);
        measure_fma(p);
    }
    for (int i = 0; i < 3; i++) free(block[i]);
    return st;
}
