/* engine/cpu/cpu_kernels.h - the inner loops of the CPU backend, compiled for several instruction sets into one program
 * and chosen at run time. Every kernel sums one result in an order that depends on its own operands' extents alone,
 * never on how many rows or tokens come with it: a sequence computes the same bits alone and in a batch. */
#ifndef KW_ENGINE_CPU_CPU_KERNELS_H
#define KW_ENGINE_CPU_CPU_KERNELS_H
#include <stddef.h>
#include <stdint.h>
#include "engine/model/dtype.h"

#define KW_CPU_STRIP 4 /* tokens that gemm reads side by side */

struct kw_cpu_kernels {
    const char *name; /* "avx512", "avx2", "portable" */
    /* By the dtype of w: y[t * ldy + r] = sum_c w[r * ldw + c] * x_t[c], r < rows, t < n, c < cols. Strides in values.
     * fp8: codes without their scale; the two NaN codes read as +-480. x [n * cols] as `pack` left it. next: as many
     * rows of the same stride that will be wanted next, to be fetched from memory meanwhile; NULL: none. */
    void (*gemm[4])(float *y, size_t ldy, const float *x, const void *w, size_t ldw, uint32_t rows, uint32_t cols,
                    uint32_t n, const void *next);
    /* By the dtype of w: the cols values of token t of n to where gemm reads them in to [n * cols]. Tokens come in
     * strips of KW_CPU_STRIP, the last of what is left; a strip beginning with token t begins at to + t * cols. */
    void (*pack[4])(float *to, const float *x, uint32_t cols, uint32_t t, uint32_t n);
    /* By the dtype of v (fp8: NULL): acc[t * lda + i] += sum_j p[t * ldp + j] * v[j * ldv + i], j < len ascending,
     * i < dim, t < n. */
    void (*weigh[4])(float *acc, size_t lda, const float *p, size_t ldp, const void *v, size_t ldv, uint32_t len,
                     uint32_t dim, uint32_t n);
    /* s[i] = exp(scale * s[i] - *most), *most = max of scale * s[i], *sum = their sum; n >= 1. */
    void (*softmax)(float *s, uint32_t n, float scale, float *most, float *sum);
    /* gate[i] = gate[i] / (1 + exp(-gate[i])) * up[i] */
    void (*swiglu)(float *gate, const float *up, uint32_t n);
    /* x[i] += add[i] (NULL: nothing), h[i] = x[i] / sqrt(mean(x^2) + eps) * norm[i] */
    void (*rms_norm)(float *h, float *x, const float *add, const float *norm, float eps, uint32_t n);
};

/* The best that this machine runs. which: "avx512", "avx2", "portable" asks for one (tests), NULL takes the best;
 * NULL is returned when the machine or the build has no such set. The backend asks for $KEEPWARM_CPU where that is set.
 */
const struct kw_cpu_kernels *kw_cpu_kernels(const char *which);

#endif
