/* calibrate/operators/gemm_table.h - how long matrix products of any extent take on GPUs that have published tables of them
 * (calibrate/data/gemm.json, embedded; `make kernels` makes it anew): the roofline times what the table says of products of
 * about that size,
 *
 *   t(m, n, k) = r(m, n, k) max(2 m n k / F, (w n k + a m k + 2 m n) / M),      w, a bytes a weight and an activation
 *
 * r by m, n and k, linear in their logarithms between the grid's points; F and M of the data sheet (roofline; Williams et
 * al., CACM 52(4), 2009). A grid point holds the median over the table's products within half an octave of n and k, so that
 * single tiles that fit badly or well do not decide; where the table timed a product in the L2 cache (r below 1.05) the
 * grid has 1.05: weights come from memory in a model. A GPU without tables takes r of those of its compute capability,
 * else of all. */
#ifndef KW_CALIBRATE_OPERATORS_GEMM_TABLE_H
#define KW_CALIBRATE_OPERATORS_GEMM_TABLE_H
#include "calibrate/profile/gpu.h"
#include "sim/core/status.h"

enum kw_gemm_kind { KW_GEMM_BF16, KW_GEMM_FP8, KW_GEMM_NVFP4, KW_GEMM_KINDS };
extern const char *const kw_gemm_kind_name[KW_GEMM_KINDS];

enum { KW_GEMM_M = 21, KW_GEMM_N = 9, KW_GEMM_K = 7 }; /* n from 2^9 to 2^17, k from 2^9 to 2^15 */
extern const double kw_gemm_m[KW_GEMM_M];

struct kw_gemm_ratio { /* of one GPU and kind */
    double r[KW_GEMM_M][KW_GEMM_N][KW_GEMM_K];
};

/* r of a GPU. bf16 stands in for a kind that no table has (NVFP4 and fp8 of a GPU that lacks it are never asked for).
 * KW_ENOMEM. */
enum kw_status kw_gemm_ratio_of(struct kw_gemm_ratio *out, const struct kw_gpu_spec *gpu, enum kw_gemm_kind kind,
                                struct kw_error *err);
double kw_gemm_ratio_at(const struct kw_gemm_ratio *t, double m, double n, double k);

/* The roofline itself, s. weight: bytes a weight, which may be narrower than the kind's operands (int4 widened to bf16);
 * slower: times the operations, server_law.h. */
double kw_gemm_roofline_s(const struct kw_gpu_spec *gpu, enum kw_gemm_kind kind, double weight, double m, double n,
                          double k, double slower);

#endif
