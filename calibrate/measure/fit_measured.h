/* calibrate/measure/fit_measured.h - a profile from the points that measure.h timed on our own engine.
 *
 *   decode      t(B, S) = (a + b B + c S)(1 + r(B, S / B))     whole step, fit_decode.h; S = sum of context
 *   head        h per sequence, from several prompts in a step against one of as many tokens
 *   dense       B <= the largest batch measured: t(B, S) at the shortest context, less c S, h B and q B; more tokens:
 *               t(T) of one whole prompt, less attention, h and p. p and q tell prompts from decodes of as many tokens:
 *               t(T) - t(B = T) = p - q T. Never falling: what a row is above it is attention's
 *   prefill     t(T, past) - dense(T) - h over pairs T past + T^2 / 2: g pairs from the regression a + b T + g pairs,
 *               plus its residual, plus what a prompt costs above a decode of as many tokens
 *   host        from step to step less the device's time, in the serving loop: f0 + f1 sequences + f2 new requests, the
 *               law of host_time.h; f1 and f2 stay where they are above twice their standard error, else they are 0.
 *               The scheduler, building the batch, submitting, sampling, taking tokens; a request's admission and end
 *   cold        fit_cold.h
 *   mixed       dense + head + both attentions; where that misses, kw_step_mixed, if it is better left out
 *   cold start  empirical quantiles; lognormal from 20 starts on, where Lilliefors's test does not refuse it at 5 %
 *
 *   mean        all of it but host and cold times the mean over the median of a point's samples, in the mean over the
 *               points: medians stand against hiccups, but what is served adds up means
 *
 * Up to that factor a measured point that is none of a fall gives its own time back. Errors are leave-one-out, of
 * medians. */
#ifndef KW_CALIBRATE_MEASURE_FIT_MEASURED_H
#define KW_CALIBRATE_MEASURE_FIT_MEASURED_H
#include <stdio.h>
#include "calibrate/measure/measured.h"
#include "calibrate/profile/profile.h"

/* Everything of p, provenance measured; gpu: its short name, or NULL to find it from the device's. Errors, the worst
 * points, drift, extrapolation and how far unlike lengths and mixed steps are off go to report. KW_ERANGE says which
 * points are missing, that gpu is not in gpus.json or that the device is another one; KW_EUSAGE: gpu is given although no
 * GPU was measured. p is empty on failure. */
enum kw_status kw_fit_measured(struct kw_profile *p, const struct kw_measured *m, const char *gpu, FILE *report,
                               struct kw_error *err);

/* The step tables alone and the four error fields, of decode points and prompts that somebody else timed: as above without
 * host, mixed steps, cold times and means over medians, which such a table says nothing of. All else of p is the caller's;
 * its tables are empty before. */
enum kw_status kw_fit_measured_steps(struct kw_profile *p, const struct kw_measured *m, FILE *report,
                                     struct kw_error *err);

/* error[i], i < n <= m->n: |predicted / measured - 1| of point i by a fit without it; 0 where that is not defined (no
 * decode or single-prompt prefill point). KW_ERANGE: too few points for a fit. */
enum kw_status kw_fit_measured_left_out(const struct kw_measured *m, double *error, size_t n, struct kw_error *err);

/* The name in gpus.json of a device as its driver calls it, matched whole ("NVIDIA A100-SXM4-80GB" is "A100-80"); "CPU"
 * when the backend is no GPU's; else the device's own name, which report tells. KW_ERANGE: nobody's, and too long. */
enum kw_status kw_fit_measured_gpu(char gpu[24], const char *device, const char *backend, FILE *report,
                                   struct kw_error *err);

#endif
