/* calibrate/operators/fit_gemm.h - the time of any matrix product from a table of some: utilisation borrowed, not
 * latency.
 *
 *   t(m, n, k) = max( roof(m, n, k) / u(m, n, k), floor(m) ),   roof = max( 2 m n k / F, (w (n k + m k) + 2 m n) / M )
 *
 * F FLOP/s, M B/s of the data sheet, w bytes of an operand, 2 of a result. ln u at a site (n, k) of the table is linear
 * in ln m; between sites it is the mean of the 4 nearest in (ln n, ln k), weighted 1/d^2, so a site gives its own time
 * back. floor(m): the smallest time in the table at that m, since no kernel of a smaller product was seen to be faster.
 * Source of the advice: data/published/SOURCES.md ("borrow utilisation"); Williams et al., CACM 52(4), 2009. */
#ifndef KW_CALIBRATE_OPERATORS_FIT_GEMM_H
#define KW_CALIBRATE_OPERATORS_FIT_GEMM_H
#include "calibrate/operators/samples.h"

struct kw_gemm_fit { /* owns its arrays */
    double flops, bandwidth, operand_bytes;
    size_t n_sites, n_m;
    double *n, *k;   /* [n_sites] */
    double *m;       /* [n_m] ascending */
    double *log_u;   /* [n_sites][n_m]; NAN where not measured */
    double *floor_s; /* [n_m] */
};

/* points: x = { m, n, k }. KW_ERANGE when there are none. *f is empty on failure. */
enum kw_status kw_gemm_fit(struct kw_gemm_fit *f, const struct kw_samples *points, double flops, double bandwidth,
                           double operand_bytes, struct kw_error *err);
void kw_gemm_fit_free(struct kw_gemm_fit *f);

#define KW_GEMM_NO_SITE ((size_t)-1)
/* Seconds of m x n, inner k; every extent >= 1. leave_out: a site not to use, or KW_GEMM_NO_SITE. */
double kw_gemm_fit_s(const struct kw_gemm_fit *f, double m, double n, double k, size_t leave_out);
/* The measured time of site i at m[j]; NAN where not measured. */
double kw_gemm_fit_measured_s(const struct kw_gemm_fit *f, size_t i, size_t j);
/* The site at exactly (n, k), or KW_GEMM_NO_SITE. */
size_t kw_gemm_fit_site(const struct kw_gemm_fit *f, double n, double k);
/* Leave one site out: relative errors over every measured point, their median and worst, and where the worst is. */
enum kw_status kw_gemm_fit_errors(const struct kw_gemm_fit *f, double *median, double *worst, double worst_at[3],
                                  struct kw_error *err);

#endif
