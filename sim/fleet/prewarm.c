#include "sim/fleet/prewarm.h"
#include <math.h>
#include <stdlib.h>
#include "sim/fleet/pool/cold_start.h"
#include "workloads/sessions.h"

#define WITHIN 0.95     /* of the time as many replicas as are wanted are there */
#define Z_WITHIN 1.6449 /* of a normal law */
#define LARGE 400       /* a mean from which on a Poisson law is taken as normal */

/* T(B) of the header, s. */
static double stays(const struct kw_deployment *d, double prompt, double output, uint32_t batch)
{
    double context = prompt + output / 2, budget = d->sched.max_num_batched_tokens;
    uint32_t len = (uint32_t)fmin(fmax(prompt, 1), budget), ranks = kw_deployment_ranks(d);
    uint32_t each = (batch + ranks - 1) / ranks;
    struct kw_sched_chunk chunk = { .len = len, .last = true };
    struct kw_step decode = { .n_decode = each, .drafted = each * d->speculative.tokens };
    decode.decode_context = (uint64_t)(each * fmax(context, 1)) + decode.drafted;
    struct kw_step prefill = { .n_chunks = 1, .chunks = &chunk, .prefill_tokens = len };
    prefill.prefill_pairs2 = (uint64_t)(len * fmax(prompt, 1));
    double token = (double)kw_steptime_alike_ps(d->steptime, &prefill, ranks) / len / ranks;
    double step = (double)kw_steptime_alike_ps(d->steptime, &decode, ranks);
    if (d->speculative.tokens)
        step = (step + (double)kw_speculative_ps(&d->speculative, &decode)) / kw_speculative_mean(&d->speculative);
    return 1e-12 * (output * step + batch * prompt * token);
}

static uint32_t most_at_once(const struct kw_deployment *d, double prompt, double output)
{
    double fit = floor((double)d->sched.num_blocks * d->sched.block_size / fmax(prompt + output, 1));
    double most = fmin(d->sched.max_num_seqs, fmax(fit, 1)) * kw_deployment_ranks(d);
    const struct kw_autoscaling *c = &d->scaling;
    if (c->hard_concurrency) most = fmin(most, c->hard_concurrency);
    bool counts =
        c->scaler == KW_SCALER_CONCURRENCY || c->scaler == KW_SCALER_KPA || c->scaler == KW_SCALER_REQUEST_COUNT;
    if (counts && c->target >= 1) most = fmin(most, fmax(1, c->target * c->utilisation));
    return (uint32_t)most;
}

/* By bisection: a step never gets shorter by more sequences. */
uint32_t kw_prewarm_batch(const struct kw_deployment *d, double prompt, double output, kw_ns tpot, double *stays_s)
{
    uint32_t lo = 1, hi = most_at_once(d, prompt, output);
    double limit = tpot ? (double)tpot * 1e-9 * fmax(output, 1) : INFINITY;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo + 1) / 2;
        if (stays(d, prompt, output, mid) <= limit)
            lo = mid;
        else
            hi = mid - 1;
    }
    *stays_s = stays(d, prompt, output, lo);
    return lo;
}

/* The least k with P(Poisson(mean) <= k) >= WITHIN. */
static double under_way(double mean)
{
    if (mean > LARGE) return ceil(mean + Z_WITHIN * sqrt(mean));
    double p = exp(-mean), sum = p, k = 0;
    while (sum < WITHIN) {
        k++;
        p *= mean / k;
        sum += p;
    }
    return k;
}

/* wanted[b]: replicas of step b. Tokens are those of requests that came before the forecast of the step was made. */
static void replicas_wanted(const struct kw_deployment *d, const struct kw_arrivals *a, const double *expected,
                            kw_ns tpot, kw_ns lead, uint32_t *wanted)
{
    const struct kw_prewarm *w = &d->prewarm;
    double n = 0, prompt = 0, output = 0, step_s = kw_nano_to_double(a->step), stays_s = 0;
    uint32_t past = 0, batch = 0;
    for (uint32_t b = 0; b < a->n; b++) {
        uint32_t known = past;
        for (; past < b && (past + 1) * a->step <= b * a->step - lead; past++) {
            n += a->count[past];
            prompt += a->prompt[past];
            output += a->output[past];
        }
        wanted[b] = 0;
        if (isnan(expected[b]) || expected[b] < w->least || !(expected[b] > 0)) continue;
        if (n > 0 && (past != known || !batch)) batch = kw_prewarm_batch(d, prompt / n, output / n, tpot, &stays_s);
        double most = batch ? ceil(under_way(expected[b] / step_s * stays_s) / batch) : 1;
        wanted[b] = (uint32_t)fmin(fmax(most, 1), d->scaling.max_replicas);
    }
}

static int ascending(const void *x, const void *y)
{
    const kw_ns *a = x, *b = y;
    return (*a > *b) - (*a < *b);
}

/* The highest of the steps that [t, t + lead] reaches into; round the window's end for an oracle alone, as the first season
 * wants nothing of a forecast. */
static uint32_t highest(const struct kw_arrivals *a, const uint32_t *wanted, kw_ns t, kw_ns lead)
{
    uint32_t most = 0;
    for (kw_ns at = t; at <= t + lead;) {
        kw_ns inside = at % a->window, b = inside / a->step, end = (b + 1) * a->step;
        if (wanted[b] > most) most = wanted[b];
        at += (end < a->window ? end : a->window) - inside;
    }
    return most;
}

/* Changes are due where a step begins, `lead` before that, and where the deployment's own floor changes. */
static enum kw_status lay(struct kw_floor *out, const struct kw_deployment *d, const struct kw_arrivals *a,
                          const uint32_t *wanted, kw_ns lead, struct kw_error *err)
{
    size_t own = d->floor ? d->floor->n : 0, n = 0;
    kw_ns *at = malloc((2 * (size_t)a->n + own) * sizeof *at);
    if (!at) return kw_fail(err, KW_ENOMEM, "%s: no memory for a forecast", d->name);
    for (uint32_t b = 0; b < a->n; b++) {
        kw_ns begin = b * a->step, early = (begin - lead % a->window + a->window) % a->window;
        at[n++] = begin;
        at[n++] = early;
    }
    for (size_t i = 0; i < own; i++)
        if (d->floor->step[i].at < a->window) at[n++] = d->floor->step[i].at;
    qsort(at, n, sizeof *at, ascending);
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < n && st == KW_OK; i++) {
        if (i && at[i] == at[i - 1]) continue;
        uint32_t level = d->floor ? kw_floor_level(d->floor, at[i]) : d->scaling.keep_warm,
                 most = highest(a, wanted, at[i], lead);
        st = kw_floor_append(out, at[i], most > level ? most : level, err);
    }
    free(at);
    return st;
}

enum kw_status kw_prewarm_lead(const struct kw_deployment *d, kw_ns *lead, struct kw_error *err)
{
    const struct kw_prewarm *w = &d->prewarm;
    *lead = w->lead;
    enum kw_status st = w->lead == KW_LEAD_AUTO ? kw_start_quantile(&d->cold, &d->scaling, WITHIN, lead, err) : KW_OK;
    if (st != KW_OK || w->forecast != KW_FORECAST_SEASONAL || *lead + w->step <= w->season) return st;
    return kw_fail(err, KW_ERANGE, "%s: starts of %.4g s and a step take longer than a season", d->name,
                   kw_nano_to_double(*lead));
}

enum kw_status kw_prewarm_floor(struct kw_floor *out, const struct kw_deployment *d, uint32_t index,
                                const struct kw_routing *routing, const struct kw_trace_view *view, kw_ns tpot,
                                struct kw_forecast_error *off, struct kw_error *err)
{
    const struct kw_prewarm *w = &d->prewarm;
    struct kw_arrivals a = { .n = 0 };
    kw_ns lead;
    kw_floor_clear(out);
    enum kw_status st = kw_sessions_refuse(view->trace, "prewarm", err);
    if (st == KW_OK) st = kw_prewarm_lead(d, &lead, err);
    if (st == KW_OK) st = kw_arrivals_count(&a, view, d, index, routing, w->step, err);
    if (st != KW_OK) return st;
    if (a.window <= 0 || (w->forecast == KW_FORECAST_SEASONAL && a.window <= w->season))
        st = kw_fail(err, KW_ERANGE, "%s: in a window of %.4g days nothing comes after the first season of %.4g",
                     d->name, kw_nano_to_double(a.window) / 86400, kw_nano_to_double(w->season) / 86400);
    double *expected = malloc(a.n * sizeof *expected);
    uint32_t *wanted = malloc(a.n * sizeof *wanted);
    if (st == KW_OK && (!expected || !wanted)) st = kw_fail(err, KW_ENOMEM, "%s: no memory for a forecast", d->name);
    if (st == KW_OK) {
        kw_forecast(&a, w->forecast, w->season, lead, expected);
        kw_forecast_judge(&a, expected, off);
        replicas_wanted(d, &a, expected, tpot, lead, wanted);
        st = lay(out, d, &a, wanted, lead, err);
    }
    free(expected);
    free(wanted);
    kw_arrivals_free(&a);
    return st;
}
