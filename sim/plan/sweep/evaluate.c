#include "sim/plan/sweep/evaluate.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "sim/core/rng.h"

enum kw_status kw_resampling_init(struct kw_resampling *r, const struct kw_trace *t, uint32_t replications,
                                  uint64_t seed, struct kw_error *err)
{
    *r = (struct kw_resampling){ .replications = replications };
    if (replications < 1 || replications > KW_REPLICATIONS_MAX)
        return kw_fail(err, KW_ERANGE, "replications is %" PRIu32 ", want 1 to %d", replications, KW_REPLICATIONS_MAX);
    enum kw_status st = kw_days_init(&r->days, t, err);
    if (st != KW_OK) return st;
    if (!(r->days.variation.df > 0)) r->replications = replications = 1;
    r->day_at = malloc((size_t)replications * r->days.places * sizeof *r->day_at);
    if (!r->day_at) st = kw_fail(err, KW_ENOMEM, "out of memory for the resampled traces");
    for (uint32_t k = 0; k < replications && st == KW_OK; k++) {
        uint32_t *row = r->day_at + (size_t)k * r->days.places;
        struct kw_rng rng;
        for (uint32_t i = 0; i < r->days.places; i++) row[i] = i;
        if (k == 0 || (st = kw_rng_init(&rng, seed, k, KW_RNG_RESAMPLE, err)) != KW_OK) continue;
        kw_days_draw(&r->days, &rng, row);
        kw_rng_free(&rng);
    }
    if (st != KW_OK) kw_resampling_free(r);
    return st;
}

void kw_resampling_free(struct kw_resampling *r)
{
    free(r->day_at);
    kw_days_free(&r->days);
    *r = (struct kw_resampling){ .day_at = NULL };
}

struct kw_trace_view kw_resampling_view(const struct kw_resampling *r, const struct kw_trace *t, uint32_t i)
{
    if (i == 0) return (struct kw_trace_view){ .trace = t };
    return (struct kw_trace_view){ .trace = t,
                                   .block = r->days.length,
                                   .n_blocks = r->days.places,
                                   .block_of = r->day_at + (size_t)i * r->days.places };
}

/* "7 drawings", "as many drawings as 1 % takes". Returns buf. */
static char *drawings_text(const struct kw_study *s, char *buf, size_t size)
{
    if (s->precision > 0)
        snprintf(buf, size, "as many drawings as %g %% takes", 100 * s->precision);
    else
        snprintf(buf, size, "%" PRIu32 " drawings", s->replications - 1);
    return buf;
}

enum kw_status kw_study_scaling(const struct kw_study *s, char *buf, size_t size, struct kw_error *err)
{
    char drawings[64];
    struct kw_days days;
    double span = kw_nano_to_double(s->trace->span), hours = span / 3600;
    int at = hours >= 48  ? snprintf(buf, size, "%.3g days", hours / 24)
             : hours >= 2 ? snprintf(buf, size, "%.3g hours", hours)
                          : snprintf(buf, size, "%.3g minutes", hours * 60);
    if (at < 0 || (size_t)at >= size) return KW_OK;
    double month = (double)kw_study_month(s) / (double)KW_NS_PER_HOUR;
    at += snprintf(buf + at, size - (size_t)at, " scaled x%.4g to a month of %g hours", month / hours, month);
    if (at < 0 || (size_t)at >= size) return KW_OK;
    char *rest = buf + at;
    size = size - (size_t)at;
    if (s->replications < 2) {
        snprintf(rest, size, "; one replication, so no intervals");
        return KW_OK;
    }
    enum kw_status st = kw_days_init(&days, s->trace, err);
    if (st != KW_OK) return st;
    if (!(days.variation.df > 0))
        snprintf(rest, size,
                 "; from less than 3 whole days variation cannot be estimated: no intervals, the trace itself decides");
    else
        snprintf(rest, size, "; the trace itself decides, %s of its %" PRIu32 " %sdays%s give intervals",
                 drawings_text(s, drawings, sizeof drawings), days.n, days.places > days.n ? "whole " : "",
                 days.groups == 7   ? " by weekday"
                 : days.groups == 2 ? ", working days and weekends apart,"
                                    : "");
    kw_days_free(&days);
    return KW_OK;
}

/* Requests that came for each one completed, where more and more of them waited: from the begin to the middle, and over
 * the whole window by more than one in a hundred that came. Less, and few, are what chance or the hour does. */
static double overload(const struct kw_outcome *o)
{
    double most = fmax(10, 0.01 * (double)o->arrived), begin = (double)o->waiting[0];
    bool grew = (double)o->waiting[2] - begin > most && (double)o->waiting[1] - begin > most / 4;
    return grew ? fmax(1, (double)o->arrived / fmax(1, (double)o->done)) : 0;
}

void kw_evaluate_percentiles(double sample[KW_METRICS], const struct kw_hist *const time[KW_TIMES])
{
    static const double p[] = { 0.50, 0.95, 0.99 };
    for (int k = 0; k < KW_TIMES; k++) {
        double *q = &sample[KW_METRIC_TTFT_P50 + 3 * k];
        kw_hist_quantiles(time[k], p, 3, q);
        for (int i = 0; i < 3; i++) q[i] /= 1e9; /* NAN stays NAN */
    }
}

void kw_evaluate_places(struct kw_percentiles *t, uint32_t r, const double sample[KW_METRICS],
                        const struct kw_hist *const time[KW_TIMES])
{
    for (int k = 0; k < KW_TIMES && r == 0; k++) kw_ranks_init(&t->ranks[k], time[k], 1e-9);
    for (int i = 0; i < KW_PERCENTILES && r > 0; i++)
        t->place[r][i] = kw_ranks_place(time[i / 3], sample[KW_METRIC_TTFT_P50 + i] * 1e9);
}

enum kw_status kw_evaluate_outcome(const struct kw_candidate *c, const struct kw_outcome *o, double sample[KW_METRICS],
                                   struct kw_usage *usage, struct kw_error *err)
{
    kw_i128 busy = 0, ready = 0, needed = 0;
    bool replicas = false;
    struct kw_ledger adapters = { 0 }; /* sums over the deployments */
    uint64_t pings = 0, held = 0, found = 0, verified = 0, verified_tokens = 0;
    bool pooled = false;
    kw_ns held_ns = 0;
    int64_t hit = 0, loaded = 0, prompts = 0;
    bool host = false;
    for (uint32_t d = 0; d < c->n; d++) {
        const struct kw_choice *choice = &c->choice[d];
        const struct kw_ledger *l = &o->ledger[d];
        enum kw_kind kind = choice->platform->kind;
        uint32_t gpus = 0, rented = 0;
        replicas |= kind != KW_KIND_API;
        if (kind != KW_KIND_API) {
            hit += l->tokens_cached;
            loaded += l->tokens_loaded;
            host |= choice->sched.host_blocks > 0;
            prompts += l->tokens_in;
        }
        if (kind != KW_KIND_API) gpus = kw_gpus_per_replica(choice->gpu, choice->gpus);
        if (kind == KW_KIND_DEDICATED) {
            gpus = choice->gpus; /* several replicas share a rented node */
            rented = choice->autoscaler ? kw_choice_node_gpus(choice)
                                        : kw_gpus_rented(choice->gpu, choice->gpus, choice->scaling.max_replicas);
        }
        enum kw_status st =
            kw_usage_from_ledger(&usage[d], l, kw_choice_meter(choice), kind, gpus, rented, o->window, err);
        if (st != KW_OK) return st;
        usage[d].passes = o->passes;
        if (choice->term == KW_TERM_PROVISIONED &&
            (st = kw_usage_units(&usage[d], &choice->provision.bought, err)) != KW_OK)
            return st;
        if ((st = kw_usage_egress(&usage[d], choice->egress_bytes, err)) != KW_OK) return st;
        pings += l->pings;
        found += l->found_warm;
        pooled |= choice->pooled;
        held += l->held;
        held_ns += l->held_ns;
        adapters.adapter_requests += l->adapter_requests;
        adapters.adapter_cold += l->adapter_cold;
        adapters.adapter_fetches += l->adapter_fetches;
        adapters.adapter_held += l->adapter_held;
        adapters.adapter_held_ns += l->adapter_held_ns;
        verified += l->verified;
        verified_tokens += l->verified_tokens;
        kw_ns active = l->phase[KW_PHASE_ACTIVE];
        busy += (kw_i128)active * choice->gpus;
        needed += (kw_i128)l->needed * choice->gpus;
        ready += ((kw_i128)active + l->phase[KW_PHASE_KEEP_WARM] + l->phase[KW_PHASE_IDLE]) * choice->gpus;
    }
    kw_evaluate_percentiles(sample, (const struct kw_hist *[]){ &o->ttft, &o->tpot, &o->e2e });
    bool timed = true;
    for (uint32_t d = 0; d < c->n; d++) timed = timed && (kw_choice_latency_known(&c->choice[d]) || !usage[d].requests);
    for (int m = 0; m < KW_METRICS && !timed; m++)
        if (kw_metric_is_percentile((enum kw_metric)m)) sample[m] = NAN;
    assert(o->completed + o->rejected + o->timed_out + o->too_long <= o->arrived && "each request ends once");
    assert(o->attained <= o->completed && o->cold <= o->arrived);
    assert(busy >= 0 && busy <= ready && "a replica is busy only while it is ready");
    double arrived = (double)o->arrived;
    sample[KW_METRIC_COLD_FRACTION] = o->arrived ? (double)o->cold / arrived : NAN;
    sample[KW_METRIC_ERROR_FRACTION] = o->arrived ? (double)(o->rejected + o->timed_out + o->too_long) / arrived : NAN;
    sample[KW_METRIC_ATTAINMENT] = o->arrived && timed ? (double)o->attained / arrived : NAN;
    sample[KW_METRIC_GOODPUT] = timed ? (double)o->good / kw_nano_to_double(o->window) : NAN;
    sample[KW_METRIC_OVERLOAD] = overload(o);
    sample[KW_METRIC_CARRIED] = (double)o->done / kw_nano_to_double(o->window);
    sample[KW_METRIC_UTILISATION] = ready > 0 ? (double)busy / (double)ready : NAN;
    /* Prompts that ride along in decode steps may be served in less than by steps of their own. */
    sample[KW_METRIC_CAPACITY_USED] = ready > 0 ? fmin(1, (double)needed / (double)ready) : NAN;
    sample[KW_METRIC_STARTS] = replicas ? (double)o->start.n / o->passes : NAN;
    sample[KW_METRIC_START_P50] = kw_hist_quantile(&o->start, 0.50) / 1e9; /* NAN stays NAN */
    sample[KW_METRIC_START_P95] = kw_hist_quantile(&o->start, 0.95) / 1e9;
    sample[KW_METRIC_FORECAST_MAE] = sample[KW_METRIC_FORECAST_WAPE] = NAN; /* whoever made the forecast knows */
    sample[KW_METRIC_HELD] = held ? (double)held / o->passes : NAN;
    sample[KW_METRIC_HELD_WAIT] = held ? 1e-9 * (double)held_ns / (double)held : NAN;
    sample[KW_METRIC_PINGS] = pings ? (double)pings / o->passes : NAN;
    sample[KW_METRIC_FOUND_WARM] = pooled ? (double)found / o->passes : NAN;
    sample[KW_METRIC_PREFIX_HIT] = hit > 0 ? (double)hit / (double)prompts : NAN;
    sample[KW_METRIC_HOST_HIT] = host && prompts ? (double)loaded / (double)prompts : NAN;
    sample[KW_METRIC_HOST_TOKENS] = host ? (double)loaded / o->passes : NAN;
    sample[KW_METRIC_DRAFT_TOKENS] = verified ? (double)verified_tokens / (double)verified : NAN;
    const struct kw_ledger *a = &adapters;
    bool adapted = a->adapter_requests > 0;
    sample[KW_METRIC_ADAPTER_COLD] = adapted ? (double)a->adapter_cold / (double)a->adapter_requests : NAN;
    sample[KW_METRIC_ADAPTER_WAIT] =
        a->adapter_held ? kw_nano_to_double(a->adapter_held_ns) / (double)a->adapter_held : NAN;
    sample[KW_METRIC_ADAPTER_LOADS] = adapted ? (double)a->adapter_fetches / o->passes : NAN;
    /* Costs follow from usage and prices: kw_point_finish. */
    sample[KW_METRIC_COST] = sample[KW_METRIC_USD_PER_MTOK] = sample[KW_METRIC_COLD_COST] =
        sample[KW_METRIC_IDLE_COST] = sample[KW_METRIC_START_COST] = sample[KW_METRIC_COST_WINDOW] =
            sample[KW_METRIC_CLASS_WORST] = sample[KW_METRIC_UNITS_USED] = sample[KW_METRIC_SPILLED] =
                sample[KW_METRIC_UNITS_BREAK_EVEN] = NAN;
    return KW_OK;
}
