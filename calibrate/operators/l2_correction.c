#include "calibrate/operators/l2_correction.h"
#include <math.h>

#define FITS 2.0   /* times the L2: up to here some of the data may have stayed in it */
#define BEYOND 4.0 /* times the L2: from here memory sets the pace */

/* One table: bytes a point moves, bytes the collector kept going round, and the time any point takes whatever it moves.
 */
struct table {
    struct kw_samples *points;
    double scale,
        copies; /* decode: bytes per KV head, sequence and token; GEMM: bytes an operand, copies of the weights */
    int gemm;
    double start;
};

static double bytes_of(const struct table *t, const double x[4])
{
    if (!t->gemm) return t->scale * x[1] * x[2] * x[3];
    return t->scale * (x[1] * x[2] + x[0] * x[2]) + 2 * x[0] * x[1];
}

static double resident(const struct table *t, const double x[4])
{
    return t->gemm ? t->copies * t->scale * x[1] * x[2] : bytes_of(t, x);
}

static size_t raise_cached(const struct table *t, const struct kw_gpu_spec *gpu, double *share)
{
    size_t raised = 0;
    double best = 0;
    *share = NAN;
    for (size_t i = 0; i < t->points->n; i++) {
        const struct kw_sample *p = &t->points->p[i];
        if (resident(t, p->x) >= BEYOND * gpu->l2_bytes && p->s > t->start)
            best = fmax(best, bytes_of(t, p->x) / (p->s - t->start) / gpu->bandwidth);
    }
    if (!(best > 0)) return 0;
    *share = fmin(best, 1);
    for (size_t i = 0; i < t->points->n; i++) {
        struct kw_sample *p = &t->points->p[i];
        double least = t->start + bytes_of(t, p->x) / (*share * gpu->bandwidth);
        if (resident(t, p->x) >= FITS * gpu->l2_bytes || p->s >= least) continue;
        p->s = least;
        raised++;
    }
    return raised;
}

size_t kw_l2_correct_decode(struct kw_samples *points, const struct kw_gpu_spec *gpu, double head_dim, double *share)
{
    struct table t = { .points = points, .scale = 4 * head_dim, .start = INFINITY }; /* key and value, 2 bytes each */
    for (size_t i = 0; i < points->n; i++) t.start = fmin(t.start, points->p[i].s);
    return raise_cached(&t, gpu, share);
}

size_t kw_l2_correct_gemm(struct kw_samples *points, const struct kw_gpu_spec *gpu, double operand_bytes, double copies,
                          double *share)
{
    struct table t = { .points = points, .scale = operand_bytes, .copies = copies, .gemm = 1 };
    return raise_cached(&t, gpu, share);
}
