/* The law of host time: a known truth is found again, with errors that mean what they say. */
#include "calibrate/measure/host_time.h"
#include <math.h>
#include "sim/core/rng.h"
#include "tests/check.h"

static struct kw_error err;
enum { POINTS = 40 };

/* Points as a server gives them: steps of many batch sizes, kernels from 3 to 40 ms; noise is relative, one sigma. */
static void observe(struct kw_host_point p[POINTS], const struct kw_host_time *h, double kernels, double noise,
                    struct kw_rng *r)
{
    for (int i = 0; i < POINTS; i++) {
        double batch = 1 + i % 8 * 16, steps = 100 + 10 * i;
        p[i] = (struct kw_host_point){ .steps = steps,
                                       .sequences = steps * batch,
                                       .chunks = steps * (i % 5) * 0.3,
                                       .kernel_s = steps * (3e-3 + 40e-6 * batch + 1e-3 * (i % 7)) };
        p[i].measured_s = (kernels * p[i].kernel_s + h->fixed_s * p[i].steps + h->sequence_s * p[i].sequences +
                           h->chunk_s * p[i].chunks) *
                          (1 + noise * (r ? kw_rng_normal(r) : 0));
    }
}

static void a_known_law_is_found_again(void)
{
    const struct kw_host_time truth = { 1.5e-3, 20e-6, 300e-6 };
    struct kw_host_point p[POINTS];
    struct kw_host_fit f;
    observe(p, &truth, 1, 0, NULL);
    CHECK(kw_host_time_fit(&f, p, POINTS, KW_HOST_FIXED | KW_HOST_SEQUENCE | KW_HOST_CHUNK, &err) == KW_OK);
    CHECK_NEAR(f.host.fixed_s, truth.fixed_s, 1e-12);
    CHECK_NEAR(f.host.sequence_s, truth.sequence_s, 1e-13);
    CHECK_NEAR(f.host.chunk_s, truth.chunk_s, 1e-12);
    CHECK(f.kernels == 1 && isnan(f.error[3]) && f.error[0] < 1e-12);
    CHECK_NEAR(f.residual, 0, 1e-12);
    observe(p, &truth, 1.3, 0, NULL);
    CHECK(kw_host_time_fit(&f, p, POINTS, 15, &err) == KW_OK);
    CHECK_NEAR(f.kernels, 1.3, 1e-9);
    CHECK_NEAR(f.host.fixed_s, truth.fixed_s, 1e-10);
}

/* Over 400 draws the truth lies within two standard errors 95 times of 100, and they are as large as the scatter. */
static void standard_errors_cover_the_truth(void)
{
    const struct kw_host_time truth = { 1.5e-3, 20e-6, 300e-6 };
    enum { DRAWS = 400 };
    struct kw_rng r;
    int within[4] = { 0 };
    double sum = 0, square = 0, error = 0;
    CHECK(kw_rng_init(&r, 7, 0, KW_RNG_LENGTHS, &err) == KW_OK);
    for (int d = 0; d < DRAWS; d++) {
        struct kw_host_point p[POINTS];
        struct kw_host_fit f;
        observe(p, &truth, 1.2, 0.03, &r);
        if (kw_host_time_fit(&f, p, POINTS, 15, &err) != KW_OK) continue;
        const double is[] = { f.host.fixed_s, f.host.sequence_s, f.host.chunk_s, f.kernels },
                     was[] = { 1.5e-3, 20e-6, 300e-6, 1.2 };
        for (int j = 0; j < 4; j++) within[j] += fabs(is[j] - was[j]) < 2 * f.error[j];
        sum += f.kernels;
        square += f.kernels * f.kernels;
        error += f.error[3];
    }
    for (int j = 0; j < 4; j++) CHECK(within[j] > DRAWS * 9 / 10 && within[j] < DRAWS * 99 / 100);
    double scatter = sqrt(square / DRAWS - sum * sum / DRAWS / DRAWS);
    CHECK_NEAR(sum / DRAWS, 1.2, 0.01);
    CHECK_NEAR(error / DRAWS / scatter, 1, 0.15);
    kw_rng_free(&r);
}

static void what_would_be_negative_stays_out(void)
{
    const struct kw_host_time none = { 0 };
    struct kw_host_point p[POINTS];
    struct kw_host_fit f = { .kernels = 77 };
    observe(p, &none, 0.9, 0, NULL); /* quicker than the kernels say: no host time can explain it */
    CHECK(kw_host_time_fit(&f, p, POINTS, KW_HOST_FIXED | KW_HOST_SEQUENCE, &err) == KW_OK);
    CHECK(f.host.fixed_s == 0 && f.host.sequence_s == 0 && f.kernels == 1 && isnan(f.error[0]));
    CHECK_NEAR(f.residual, 1 / 0.9 - 1, 1e-9);
    CHECK(kw_host_time_fit(&f, p, POINTS, KW_HOST_FIXED | KW_HOST_KERNELS, &err) == KW_OK);
    CHECK_NEAR(f.kernels, 0.9, 1e-9);
    CHECK_NEAR(f.host.fixed_s, 0, 1e-9);
    f.kernels = 77;
    CHECK(kw_host_time_fit(&f, p, 1, 3, &err) == KW_ERANGE && f.kernels == 77);
    CHECK(kw_host_time_fit(&f, p, POINTS, 0, &err) == KW_ERANGE && f.kernels == 77);
    for (int i = 0; i < POINTS; i++)
        p[i].sequences = 8 * p[i].steps; /* one batch size: fixed or a sequence, who knows */
    CHECK(kw_host_time_fit(&f, p, POINTS, 3, &err) == KW_ERANGE && f.kernels == 77);
}

static void tables_take_the_law(void)
{
    double x[] = { 1, 1000 }, y[] = { 1e-3, 1e-3 }, none[] = { 0, 0 }, batch[] = { 1 };
    struct kw_curve zero = { 2, x, none };
    struct kw_step_tables t = { .fixed_s = 1e-4,
                                .dense = { 2, x, y },
                                .head = zero,
                                .n_decode_rows = 1,
                                .decode_batch = batch,
                                .decode = &zero,
                                .prefill_attn = zero,
                                .comm = zero };
    struct kw_sched_chunk chunks[] = { { .len = 10 }, { .len = 20 } };
    struct kw_step mixed = { .n_decode = 5,
                             .decode_context = 50,
                             .n_chunks = 2,
                             .chunks = chunks,
                             .prefill_tokens = 30,
                             .prefill_pairs2 = 500 };
    struct kw_step decode = { .n_decode = 5, .decode_context = 50 };
    struct kw_steptime *law;
    struct kw_decode_law run;
    kw_host_time_add(&t, &(struct kw_host_time){ 2e-3, 10e-6, 100e-6 });
    CHECK(kw_steptime_compile(&law, &t, 16, 64, &err) == KW_OK);
    CHECK(kw_steptime_ps(law, &decode) == INT64_C(1000000) * (100 + 1000 + 2000 + 50));
    CHECK(kw_steptime_ps(law, &mixed) == INT64_C(1000000) * (100 + 1000 + 2000 + 70 + 200));
    kw_steptime_decode(law, 5, 50, &run); /* what a jump adds up */
    CHECK(run.base_ps == kw_steptime_ps(law, &decode) && run.slope_ps == 0);
    kw_steptime_delete(law);
    t.chunk_s = -1e-6;
    CHECK(kw_steptime_compile(&law, &t, 16, 64, &err) == KW_ERANGE);
    t.chunk_s = 0;
    t.sequence_s = NAN;
    CHECK(kw_steptime_compile(&law, &t, 16, 64, &err) == KW_ERANGE);
}

int main(void)
{
    RUN(a_known_law_is_found_again);
    RUN(standard_errors_cover_the_truth);
    RUN(what_would_be_negative_stays_out);
    RUN(tables_take_the_law);
    return check_report();
}
