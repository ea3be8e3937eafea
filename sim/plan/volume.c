#include "sim/plan/volume.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include "sim/core/rng.h"

#define LEAST_SHIFT (15 * 60 * KW_NS_PER_S)
#define MOST_SHIFT (60 * 60 * KW_NS_PER_S)
#define MOST_SHIFT_PART 16      /* of the span */
#define SMOOTHING_REQUESTS 1000 /* that many, at the trace's mean rate, are moved over each other */

double kw_volume_tokens(const struct kw_trace *t)
{
    double sum = 0;
    for (size_t i = 0; i < t->n; i++) sum += (double)t->prompt[i] + t->output[i];
    return sum;
}

double kw_volume_dispersion(const struct kw_trace *t, kw_ns window)
{
    kw_ns windows = t->span / window;
    double squares = 0, sum = 0, before = -1;
    size_t i = 0;
    for (kw_ns k = 0; k < windows && (i < t->n || before > 0); k++) {
        if (before == 0 && i < t->n && t->arrival[i] / window > k) { /* empty ones differ from empty ones in nothing */
            k = t->arrival[i] / window - 1;
            continue;
        }
        double n = 0;
        for (; i < t->n && t->arrival[i] < (k + 1) * window; i++) n++;
        if (before >= 0) squares += (n - before) * (n - before);
        sum += n;
        before = n;
    }
    return windows >= 2 && sum > 0 ? squares / (2 * sum) : 1;
}

/* Uniform in [0, 1), a function of its arguments alone, so that what is kept does not depend on the factor. */
static double lot(uint64_t seed, uint64_t what, uint64_t which)
{
    return (double)(kw_mix64(seed ^ kw_mix64(kw_mix64(what) ^ (which + 1))) >> 11) * 0x1p-53;
}

enum { LOT_JOIN = 1, LOT_SHIFT = 2, LOT_KEEP = 3 };

#define GAPS 4096 /* classes of gaps up to KW_VOLUME_WINDOW */

static size_t gap_class(const struct kw_trace *t, size_t i)
{
    kw_ns gap = t->arrival[i] - t->arrival[i - 1];
    return gap >= KW_VOLUME_WINDOW ? GAPS : (size_t)(gap / ((KW_VOLUME_WINDOW + GAPS - 1) / GAPS));
}

/* The first request of each one's run: the share q of requests with the smallest gaps follow the one before; of the last
 * class of gaps, by a draw. */
static void join_runs(uint32_t *first, const struct kw_trace *t, uint64_t seed)
{
    double dispersion = kw_volume_dispersion(t, KW_VOLUME_WINDOW);
    double follow = dispersion > 1 ? (dispersion - 1) / (dispersion + 1) * (double)t->n : 0;
    uint32_t count[GAPS + 1] = { 0 };
    size_t last = 0;
    for (size_t i = 1; i < t->n; i++) count[gap_class(t, i)]++;
    while (last < GAPS && count[last] < follow) follow -= count[last++];
    double of_last = last < GAPS && count[last] ? follow / count[last] : 0;
    for (size_t i = 0; i < t->n; i++) {
        size_t k = i ? gap_class(t, i) : GAPS;
        bool follows = k < last || (k == last && lot(seed, LOT_JOIN, i) < of_last);
        first[i] = follows && k < GAPS ? first[i - 1] : (uint32_t)i;
    }
}

/* Requests laid out, to be gathered. */
struct layout {
    uint32_t *row, *copy;
    kw_ns *at;
    size_t n, room;
};

static void layout_free(struct layout *l)
{
    free(l->row);
    free(l->copy);
    free(l->at);
}

static kw_ns most_shift(const struct kw_trace *t)
{
    double smooth = 0.5 * SMOOTHING_REQUESTS * (double)t->span / (double)t->n;
    double most = fmin(fmax(smooth, (double)LEAST_SHIFT), (double)MOST_SHIFT);
    return (kw_ns)fmin(most, (double)t->span / MOST_SHIFT_PART);
}

static kw_ns shift_of(uint32_t copy, const struct kw_trace *t, uint64_t seed)
{
    return copy ? (kw_ns)((2 * lot(seed, LOT_SHIFT, copy) - 1) * (double)most_shift(t)) : 0;
}

static size_t first_from(const struct kw_trace *t, kw_ns at)
{
    size_t lo = 0, hi = t->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->arrival[mid] < at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* One copy of the trace, moved by shift and round its end, as it is seen in [from, from + length): laid out from `at` on.
 * Of a thinned one the runs with a lot below `below`. */
struct copy {
    const uint32_t *first; /* NULL: whole */
    double below;
    uint64_t seed, draw;
    uint32_t prefix; /* whose prefix hashes: 0 the trace's own */
    kw_ns shift;
};

static bool lay(struct layout *l, const struct kw_trace *in, const struct copy *c, kw_ns from, kw_ns length, kw_ns at)
{
    for (int turn = -1; turn <= 1; turn++) {
        kw_ns back = c->shift + turn * in->span, lo = from - back, hi = from + length - back;
        if (lo < 0) lo = 0;
        if (hi >= in->span) hi = in->span + 1; /* one that arrives at the very end belongs to it */
        for (size_t i = lo < in->span && hi > 0 ? first_from(in, lo) : in->n; i < in->n && in->arrival[i] < hi; i++) {
            if (c->first && lot(c->seed, c->draw, c->first[i]) >= c->below) continue;
            if (l->n == l->room) {
                size_t room = 2 * l->room + 1024;
                uint32_t *row = realloc(l->row, room * sizeof *row);
                if (row) l->row = row;
                uint32_t *copy = realloc(l->copy, room * sizeof *copy);
                if (copy) l->copy = copy;
                kw_ns *times = realloc(l->at, room * sizeof *times);
                if (times) l->at = times;
                if (!row || !copy || !times) return false;
                l->room = room;
            }
            kw_ns offset = in->arrival[i] + back - from;
            l->row[l->n] = (uint32_t)i;
            l->copy[l->n] = c->prefix;
            l->at[l->n++] = at + (offset < length || (c->shift == 0 && offset == length) ? offset : length - 1);
        }
    }
    return true;
}

/* Tokens of the runs with a lot below `below`. */
static double kept_tokens(const double *lots, const double *tokens, size_t n, double below)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        if (lots[i] < below) sum += tokens[i];
    return sum;
}

/* The runs whose lot is in [lo, hi), counted, or written to lots and tokens where those are given; the tokens of those
 * below lo. */
static size_t runs_between(const struct kw_trace *in, const uint32_t *first, uint32_t windows, uint32_t copy,
                           uint64_t seed, double lo, double hi, double *lots, double *tokens, double *below_lo)
{
    size_t n = 0;
    *below_lo = 0;
    for (uint32_t w = 0; w < windows; w++)
        for (size_t i = 0, end; i < in->n; i = end) {
            double sum = 0, x = lot(seed, LOT_KEEP + w + copy, first[i]);
            for (end = i; end < in->n && first[end] == first[i]; end++)
                sum += (double)in->prompt[end] + in->output[end];
            if (x < lo) *below_lo += sum;
            if (x < lo || x >= hi) continue;
            if (lots) {
                lots[n] = x;
                tokens[n] = sum;
            }
            n++;
        }
    return n;
}

/* Below which lot runs are kept, so that their tokens come to `share` of all: halving the interval between two lots that
 * surely hold it. */
static enum kw_status threshold(double *below, const struct kw_trace *in, const uint32_t *first, double share,
                                uint32_t windows, uint32_t copy, uint64_t seed, struct kw_error *err)
{
    double lo = 0.5 * share, hi = fmin(1, 2 * share + 1e-3), under, want = share * kw_volume_tokens(in) * windows;
    size_t n = runs_between(in, first, windows, copy, seed, lo, hi, NULL, NULL, &under);
    if (under >= want) { /* very few and unequal runs */
        hi = lo;
        lo = 0;
        n = runs_between(in, first, windows, copy, seed, lo, hi, NULL, NULL, &under);
    }
    double *lots = malloc((n + 1) * sizeof *lots), *tokens = malloc((n + 1) * sizeof *tokens);
    if (lots && tokens) {
        runs_between(in, first, windows, copy, seed, lo, hi, lots, tokens, &under);
        for (int k = 0; k < 50; k++) {
            double mid = 0.5 * (lo + hi);
            if (under + kept_tokens(lots, tokens, n, mid) < want)
                lo = mid;
            else
                hi = mid;
        }
        double less = want - under - kept_tokens(lots, tokens, n, lo),
               more = under + kept_tokens(lots, tokens, n, hi) - want;
        *below = more < less ? hi : lo;
    }
    bool ok = lots && tokens;
    free(lots);
    free(tokens);
    return ok ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a volume");
}

static enum kw_status check(const struct kw_trace *in, double factor, double requests, double spans,
                            struct kw_error *err)
{
    if (!(factor >= 1e-6) || factor > 1e6)
        return kw_fail(err, KW_ERANGE, "volume factor %g is not within 1e-6 and 1e6", factor);
    if (requests >= (double)KW_TRACE_MAX_ROWS || (double)in->span * spans > 9e18)
        return kw_fail(err, KW_ERANGE, "%g times the volume is %.4g requests, too many", factor, requests);
    return KW_OK;
}

/* Slices of all copies, `windows` times. */
static enum kw_status scale(struct kw_trace *out, const struct kw_trace *in, double factor, const kw_ns *from, size_t n,
                            kw_ns length, uint32_t windows, uint64_t seed, struct kw_error *err)
{
    uint32_t whole = (uint32_t)factor;
    double rest = factor - whole, below = 0;
    if (whole && rest * (double)in->n < 1e-3) rest = 0;
    struct layout l = { .n = 0 };
    uint32_t *first = malloc((in->n + 1) * sizeof *first);
    enum kw_status st = first ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a volume");
    if (st == KW_OK && rest > 0) {
        join_runs(first, in, seed);
        st = threshold(&below, in, first, rest, windows, whole, seed, err);
    }
    for (uint32_t w = 0; w < windows && st == KW_OK; w++)
        for (uint32_t c = 0; c < whole + (rest > 0) && st == KW_OK; c++) {
            struct copy copy = { .first = c == whole ? first : NULL,
                                 .below = below,
                                 .seed = seed,
                                 .draw = LOT_KEEP + w + whole,
                                 .prefix = w * (whole + 1) + c,
                                 .shift = shift_of(c, in, seed) };
            for (size_t i = 0; i < n && st == KW_OK; i++)
                if (!lay(&l, in, &copy, from[i], length, (kw_ns)(w * n + i) * length))
                    st = kw_fail(err, KW_ENOMEM, "out of memory for a volume");
        }
    if (st == KW_OK && l.n == 0) st = kw_fail(err, KW_ERANGE, "no request is left at %g times the volume", factor);
    if (st == KW_OK) st = kw_trace_gather(out, in, l.row, l.at, l.copy, l.n, (kw_ns)(windows * n) * length, err);
    layout_free(&l);
    free(first);
    return st;
}

enum kw_status kw_volume_scale(struct kw_trace *out, const struct kw_trace *in, double factor, uint32_t windows,
                               uint64_t seed, struct kw_error *err)
{
    const kw_ns all = 0;
    *out = (struct kw_trace){ .epoch_unix = INT64_MIN };
    enum kw_status st = check(in, factor, factor * (double)in->n * windows, windows, err);
    return st == KW_OK ? scale(out, in, factor, &all, 1, in->span, windows, seed, err) : st;
}

enum kw_status kw_volume_slices(struct kw_trace *out, const struct kw_trace *in, double factor, const kw_ns *from,
                                size_t n, kw_ns length, uint64_t seed, struct kw_error *err)
{
    *out = (struct kw_trace){ .epoch_unix = INT64_MIN };
    enum kw_status st =
        check(in, factor, 2 * factor * (double)in->n * (double)length / (double)in->span * (double)n, 1, err);
    double asked = factor, want = factor * kw_volume_tokens(in) / (double)in->span * (double)length * (double)n;
    for (int k = 0; k < 3 && st == KW_OK; k++) { /* what the slices hold is known when they are there */
        kw_trace_free(out);
        st = scale(out, in, factor, from, n, length, 1, seed, err);
        if (st == KW_OK) factor = fmin(fmax(factor * want / kw_volume_tokens(out), asked / 4), asked * 4);
    }
    if (st == KW_OK) out->epoch_unix = INT64_MIN; /* no day and no week any more */
    return st;
}
