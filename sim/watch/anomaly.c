#include "sim/watch/anomaly.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DAY = 24, PAST_DAYS = 28, PAST = PAST_DAYS * DAY, FIRST = 3 * DAY, LEVEL = DAY, LEADS = 2, WAYS = 3 };
static const double tail_share = 0.1;  /* of the scores, the largest: what the tail is fitted to */
static const double better = 0.95;     /* how near a way has to be, of the simpler one before it, to be taken */
static const double least_rise = 0.25; /* of log value: a rise of less than 28 % is no alarm, however steady the past */
static const double offset_share = 0.05; /* of the median hour: what an hour of nothing counts as */

struct series {
    const struct kw_signal *s;
    double *z, *season, *beyond; /* [n] */
    double *score[LEADS][WAYS];  /* [n] of the forecasts of 1 and 2 hours before, each made in three ways; NaN: none */
    double *spare;               /* [PAST] */
    double offset;
};

/* The value of rank q * (n - 1); v is reordered: Hoare's selection, CACM 4(7), 1961. No value is NaN. */
static double quantile(double *v, size_t n, double q)
{
    size_t want = (size_t)(q * (double)(n - 1) + 0.5), lo = 0, hi = n - 1;
    while (lo < hi) {
        double pivot = v[lo + (hi - lo) / 2];
        size_t i = lo, j = hi;
        for (;;) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i >= j) break;
            double swap = v[i];
            v[i++] = v[j];
            v[j--] = swap;
        }
        size_t left = v[j] > pivot ? j - 1 : j; /* v[lo..left] <= pivot <= v[left + 1..hi] */
        if (want <= left)
            hi = left;
        else
            lo = left + 1;
    }
    return v[want];
}

/* The mean without the lowest and the highest fifth: nearly as steady as the mean, and no burst moves it far. */
static double middle(double *v, size_t n)
{
    size_t cut = n / 5;
    double sum = 0;
    if (cut) {
        quantile(v, n, (double)cut / (double)(n - 1));                                 /* v[0..cut) are the lowest */
        quantile(v + cut, n - cut, (double)(n - 1 - 2 * cut) / (double)(n - 1 - cut)); /* v[n - cut..n) the highest */
    }
    for (size_t i = cut; i < n - cut; i++) sum += v[i];
    return sum / (double)(n - 2 * cut);
}

static bool weekend(int64_t hour)
{
    int64_t d = (hour / DAY + 3) % 7; /* 1970-01-01 was a Thursday */
    return d >= 5;
}

/* The middle of the same hour of day on earlier days of its kind; NaN where two of them were not seen. */
static double seasonal(struct series *x, size_t t, size_t *days)
{
    size_t n = 0;
    for (size_t d = 1; d <= PAST_DAYS && d * DAY <= t; d++)
        if (weekend(x->s->first + (int64_t)t) == weekend(x->s->first + (int64_t)(t - d * DAY)))
            x->spare[n++] = x->z[t - d * DAY];
    *days = n;
    return n >= 2 ? middle(x->spare, n) : NAN;
}

/* What z had beyond the season in the day that ends `lead` hours before t. */
static double level(struct series *x, size_t t, size_t lead)
{
    size_t n = 0;
    for (size_t k = lead; k < lead + LEVEL && k <= t; k++)
        if (!isnan(x->beyond[t - k])) x->spare[n++] = x->beyond[t - k];
    return n ? quantile(x->spare, n, 0.5) : 0;
}

/* Lag-1 correlation of what z had beyond season, large values cut so that one burst does not decide. */
static double carried(struct series *x, size_t t)
{
    size_t from = t > PAST ? t - PAST : 0, n = 0;
    for (size_t k = from; k < t; k++)
        if (!isnan(x->beyond[k])) x->spare[n++] = fabs(x->beyond[k]);
    if (n < DAY) return 0;
    double cut = 3 * quantile(x->spare, n, 0.5), xy = 0, xx = 0;
    for (size_t k = from + 1; k < t; k++) {
        if (isnan(x->beyond[k]) || isnan(x->beyond[k - 1])) continue;
        double a = fmax(-cut, fmin(cut, x->beyond[k - 1])), b = fmax(-cut, fmin(cut, x->beyond[k]));
        xy += a * b;
        xx += a * a;
    }
    return xx > 0 ? fmax(0, fmin(0.9, xy / xx)) : 0;
}

/* Relative noise of a sum over so many requests, beside the traffic's own: what the past had beyond its season, less the
 * noise of its requests, and a tenth at the least. */
static double noise(const struct series *x, size_t t)
{
    const double normal =
        1.4826; /* a standard deviation over the median of the absolute deviations (Hampel, JASA 69, 1974) */
    size_t from = t > PAST ? t - PAST : 0, n = 0;
    for (size_t k = from; k < t; k++)
        if (!isnan(x->beyond[k])) x->spare[n++] = fabs(x->beyond[k]);
    double all = n < DAY ? 0 : normal * quantile(x->spare, n, 0.5);
    n = 0;
    for (size_t k = from; k < t; k++) x->spare[n++] = 2 / fmax(1, x->s->requests[k]);
    double own = fmax(0.01, all * all - quantile(x->spare, n, 0.5));
    n = 0;
    for (size_t d = 1; d <= PAST_DAYS && d * DAY <= t; d++) x->spare[n++] = x->s->requests[t - d * DAY];
    return sqrt(own + 2 / fmax(1, quantile(x->spare, n, 0.5)));
}

/* Where scores like those of the past come once in 1 / p hours; INFINITY with too few of them. */
static double threshold(const struct series *x, size_t t, const double *score, double p)
{
    size_t from = t > PAST ? t - PAST : 0, n = 0;
    for (size_t k = from; k < t; k++)
        if (!isnan(score[k])) x->spare[n++] = score[k];
    if (n < 2 * DAY) return INFINITY;
    double u = quantile(x->spare, n, 1 - tail_share), sum = 0, squares = 0;
    size_t above = 0;
    for (size_t k = 0; k < n; k++) {
        double e = x->spare[k] - u;
        if (e <= 0) continue;
        above++;
        sum += e;
        squares += e * e;
    }
    if (above < 2) return u;
    double mean = sum / (double)above, spread = squares / (double)above - mean * mean;
    if (spread <= 0) return u + mean;
    double ratio = mean * mean / spread, shape = fmax(-0.5, fmin(0.25, 0.5 * (1 - ratio)));
    double scale = mean * (1 - shape) * (1 + 1 / sqrt((double)above)),
           rare = (double)n * p / (double)above; /* of those above u */
    /* The scale is one standard error above its estimate: a tail that is known from little is taken for wide. */
    return u + (fabs(shape) < 1e-6 ? -scale * log(rare) : scale / shape * (pow(rare, -shape) - 1));
}

/* How near a way's forecasts were: of the tail, which sets the limit, too little is seen to choose by. */
static double missed_by(const struct series *x, size_t t, const double *score)
{
    size_t from = t > PAST ? t - PAST : 0, n = 0;
    for (size_t k = from; k < t; k++)
        if (!isnan(score[k])) x->spare[n++] = fabs(score[k]);
    return n < 2 * DAY ? INFINITY : quantile(x->spare, n, 0.5);
}

/* What z is expected to be, in each way, from `ago` hours before. */
static void forecasts(struct series *x, size_t t, size_t ago, double phi, double out[WAYS])
{
    double base = level(x, t, ago), had = x->beyond[t - ago];
    double carries = isnan(had) ? 0 : pow(phi, (double)ago);
    if (isnan(had)) had = 0;
    out[0] = x->season[t];
    out[1] = x->season[t] + carries * had;
    out[2] = x->season[t] + base + carries * (had - base);
}

/* Does a value twice as large cross the limit of this forecast? One from an hour before has seen half of the fault. */
static bool tells_twice(const struct series *x, size_t t, int lead, int way, double phi, double limit)
{
    double had = t ? fmax(0, x->s->value[t - 1]) : 0;
    double taught = lead == 0 && way > 0 ? phi * log((1.5 * had + x->offset) / (had + x->offset)) : 0;
    return log(2 * x->s->value[t] + x->offset) > limit + taught;
}

static void judge(struct series *x, size_t t, double p, struct kw_judgement *out)
{
    *out = (struct kw_judgement){ .expected = NAN, .limit = NAN };
    size_t days;
    x->season[t] = seasonal(x, t, &days);
    x->beyond[t] = isnan(x->season[t]) ? NAN : x->z[t] - x->season[t];
    if (t < FIRST || isnan(x->season[t])) return;
    /* A season of few days is itself uncertain. */
    double limits[LEADS][WAYS], phi = carried(x, t), each = noise(x, t) * sqrt(1 + 1 / (double)days), lowest = INFINITY;
    for (int lead = 0; lead < LEADS; lead++) {
        double forecast[WAYS];
        double least = INFINITY;
        int best = 0;
        forecasts(x, t, (size_t)lead + 1, phi, forecast);
        for (int w = 0; w < WAYS; w++) {
            limits[lead][w] = threshold(x, t, x->score[lead][w], p / LEADS);
            x->score[lead][w][t] = (x->z[t] - forecast[w]) / each;
            double by = missed_by(x, t, x->score[lead][w]);
            if (!w || by < better * least) least = by, best = w;
        }
        /* What lasts becomes the rule: where the day before was beyond the limit, its level is what is expected. */
        if (level(x, t, (size_t)lead + 1) > fmax(limits[lead][best] * each, least_rise)) best = WAYS - 1;
        if (t < KW_ANOMALY_WARM_HOURS || !isfinite(limits[lead][best])) continue;
        double rise = fmax(limits[lead][best] * each, least_rise);
        out->judged = true;
        out->score = fmax(out->score, (x->z[t] - forecast[best]) / rise);
        if (lead == 0) out->expected = fmax(0, exp(forecast[best]) - x->offset);
        lowest = fmin(lowest, exp(forecast[best] + rise) - x->offset);
        out->tells_twice |= x->s->value[t] > 0 && tells_twice(x, t, lead, best, phi, forecast[best] + rise);
    }
    if (out->judged) out->limit = lowest;
    out->tells_twice |= out->judged && out[-1].judged && 1.5 * x->s->value[t - 1] > out[-1].limit;
    out->alarm = out->judged && out->score > 1;
    /* A fault is no measure of what is usual: of one that lasts the first hour counts, as the rarest of what is. */
    for (int i = 0; i < LEADS * WAYS && out->alarm; i++) {
        double *score = x->score[i / WAYS][i % WAYS];
        score[t] = out[-1].alarm ? NAN : fmin(score[t], limits[i / WAYS][i % WAYS]);
    }
}

enum kw_status kw_anomalies(const struct kw_signal *s, double per_month, struct kw_judgement *out, struct kw_error *err)
{
    struct series x = { .s = s };
    size_t n = s->n;
    double *all = malloc(((3 + LEADS * WAYS) * n + PAST + 1) * sizeof *all);
    if (!all) return kw_fail(err, KW_ENOMEM, "out of memory for %zu hours", n);
    x.z = all, x.season = all + n, x.beyond = all + 2 * n;
    for (int i = 0; i < LEADS * WAYS; i++) x.score[i / WAYS][i % WAYS] = all + (3 + (size_t)i) * n;
    x.spare = all + (3 + LEADS * WAYS) * n;
    /* The offset is of the first week, so that no later hour changes how earlier ones were judged. */
    size_t positive = 0;
    for (size_t t = 0; t < n && t < KW_ANOMALY_WARM_HOURS; t++)
        if (s->value[t] > 0) x.spare[positive++] = s->value[t];
    x.offset = positive ? offset_share * quantile(x.spare, positive, 0.5) : 1e-9;
    for (size_t t = 0; t < n; t++) {
        x.z[t] = log(fmax(0, s->value[t]) + x.offset);
        for (int i = 0; i < LEADS * WAYS; i++) x.score[i / WAYS][i % WAYS][t] = NAN;
    }
    for (size_t t = 0; t < n; t++) judge(&x, t, per_month / 720, &out[t]);
    free(all);
    return KW_OK;
}
