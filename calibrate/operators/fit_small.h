/* calibrate/operators/fit_small.h - the kernels between the matrix products (norms, rotary embedding, activation,
 * embedding, sampler): t(n) = t0 + n bytes / (e M), n tokens or sequences, M the GPU's bandwidth, bytes a token from
 * the shape. t0 and e are fitted on boards that have tables and carried to GPUs that have none by M. e passes 1 where
 * operands stay in the L2 cache. */
#ifndef KW_CALIBRATE_OPERATORS_FIT_SMALL_H
#define KW_CALIBRATE_OPERATORS_FIT_SMALL_H
#include "calibrate/profile/model.h"
#include "calibrate/operators/samples.h"

enum kw_small_kernel {
    KW_SMALL_EMBEDDING, /* once a step */
    KW_SMALL_NORM,      /* residual add and norm; twice a layer */
    KW_SMALL_ROPE,      /* once a layer */
    KW_SMALL_ACT,       /* silu(gate) * up; once a layer */
    KW_SMALL_LAST_NORM, /* once a step */
    KW_SMALL_SAMPLER,   /* over sequences, once a step */
    KW_SMALL_KINDS
};
extern const char *const kw_small_layer[]; /* their names in vllm_bench's tables */

/* Bytes that one token (sequence) moves through a kernel on one of tp GPUs: reads and writes, 2 a value, logits 4. */
double kw_small_bytes(enum kw_small_kernel k, const struct kw_model_shape *m, unsigned tp);

struct kw_small_fit {
    double t0, per_byte;              /* s; 1/e */
    double error_median, error_worst; /* of the fit over its own points; two boards, one law */
};
/* One table a board: points[i].x = { n }, bandwidth[i]; the same shape on all. */
enum kw_status kw_small_fit(struct kw_small_fit *f, const struct kw_samples *points, const double *bandwidth,
                            size_t boards, double bytes, struct kw_error *err);
double kw_small_fit_s(const struct kw_small_fit *f, double n, double bytes, double bandwidth);

#endif
