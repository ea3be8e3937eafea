#include "calibrate/own/request_law.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/operators/regress.h"
#include "sim/core/ascending.h"
#include "sim/core/rng.h"

enum {
    MOST_EQUATIONS = 20000
}; /* of a longer log, every so many-th answer: all of them count as who ran beside whom */
enum { T = KW_REQUEST_TERMS, ROUNDS = 8, REWEIGHTS = 12, REPLICATES = 200, SHORTEST = 8 };
#define EXACT 0.005 /* errors below it weigh alike */

struct part {                        /* between two events: nobody's first or last token comes within */
    double begin, s, batch, context; /* context: sum over the sequences, in its middle */
    double tokens, pairs, prompts;   /* of prompts whose first token ends it */
    double steps;                    /* so many, by the law of the round before */
};

struct work { /* owns its arrays */
    const struct kw_request_times *r;
    size_t n, n_parts, stride;
    struct part *part;
    size_t *from, *to;          /* [n] parts that an answer ran through */
    size_t *order;              /* [n] by first token */
    unsigned char *block;       /* [n] */
    double *x, *y;              /* [n][T], [n]: the equation of each answer; y NAN: none */
    double *f, *g;              /* [n][2], [n]: of its first token; g NAN: none */
    double *sum;                /* [n_parts + 1][6]: steps, steps B, steps S, tokens, pairs, prompts before each part */
    double *rows, *rhs, *scale; /* scratch for a regression */
};

static void work_free(struct work *w)
{
    free(w->part), free(w->from), free(w->to), free(w->order), free(w->block), free(w->x), free(w->y), free(w->f);
    free(w->g), free(w->sum), free(w->rows), free(w->rhs), free(w->scale);
}

static int by_first(const void *a, const void *b, const struct kw_request_times *r)
{
    const size_t i = *(const size_t *)a, j = *(const size_t *)b;
    if (r[i].first_s != r[j].first_s) return r[i].first_s < r[j].first_s ? -1 : 1;
    return i < j ? -1 : i > j;
}

/* Heap sort: the order needs r, which qsort has no place for. */
static void sort(size_t *v, size_t n, const struct kw_request_times *r)
{
    for (size_t heap = n / 2, end = n; end > 1;) {
        if (heap > 0) {
            heap--;
        } else {
            size_t last = v[--end];
            v[end] = v[0];
            v[0] = last;
        }
        for (size_t at = heap, child; (child = 2 * at + 1) < end; at = child) {
            if (child + 1 < end && by_first(&v[child], &v[child + 1], r) < 0) child++;
            if (by_first(&v[at], &v[child], r) >= 0) break;
            size_t keep = v[at];
            v[at] = v[child];
            v[child] = keep;
        }
    }
}

static size_t place(const double *event, size_t n, double t) /* of the event at t, which is there */
{
    size_t lo = 0, hi = n;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (event[mid] <= t)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static enum kw_status work_new(struct work *w, const struct kw_request_times *r, size_t n, struct kw_error *err)
{
    *w = (struct work){ .r = r, .n = n, .stride = n / MOST_EQUATIONS + 1 };
    double *event = malloc((2 * n + 1) * sizeof *event);
    w->from = malloc((n + 1) * sizeof *w->from), w->to = malloc((n + 1) * sizeof *w->to);
    w->order = malloc((n + 1) * sizeof *w->order), w->block = malloc(n + 1);
    w->x = malloc((n + 1) * T * sizeof *w->x), w->y = malloc((n + 1) * sizeof *w->y);
    w->f = malloc((n + 1) * 2 * sizeof *w->f), w->g = malloc((n + 1) * sizeof *w->g);
    w->part = calloc(2 * n + 1, sizeof *w->part), w->sum = malloc((2 * n + 2) * 6 * sizeof *w->sum);
    w->rows = malloc((2 * n + 1) * T * sizeof *w->rows), w->rhs = malloc((2 * n + 1) * sizeof *w->rhs);
    w->scale = malloc((2 * n + 1) * sizeof *w->scale);
    if (!event || !w->from || !w->to || !w->order || !w->block || !w->x || !w->y || !w->f || !w->g || !w->part ||
        !w->sum || !w->rows || !w->rhs || !w->scale) {
        free(event);
        return kw_fail(err, KW_ENOMEM, "out of memory");
    }
    size_t events = 0, k = 0;
    for (size_t i = 0; i < n; i++) event[events++] = r[i].first_s, event[events++] = r[i].end_s;
    qsort(event, events, sizeof *event, kw_ascending);
    for (size_t i = 0; i < events; i++)
        if (!k || event[i] != event[k - 1]) event[k++] = event[i];
    w->n_parts = k ? k - 1 : 0;
    for (size_t i = 0; i < w->n_parts; i++) w->part[i].begin = event[i], w->part[i].s = event[i + 1] - event[i];
    for (size_t i = 0; i < n; i++) {
        w->order[i] = i;
        w->from[i] = place(event, k, r[i].first_s);
        w->to[i] = place(event, k, r[i].end_s);
        const double prompt = r[i].prompt - (double)r[i].cached;
        if (w->from[i]) { /* the part that its first token ends */
            struct part *p = &w->part[w->from[i] - 1];
            p->tokens += prompt;
            p->pairs += prompt * r[i].cached + prompt * prompt / 2;
            p->prompts++;
        }
        for (size_t j = w->from[i]; j < w->to[i]; j++) {
            double at = (w->part[j].begin + w->part[j].s / 2 - r[i].first_s) / (r[i].end_s - r[i].first_s);
            w->part[j].batch++;
            w->part[j].context += r[i].prompt + 1 + at * (r[i].output - 1.0);
        }
    }
    free(event);
    sort(w->order, n, r);
    for (size_t i = 0; i < n; i++) w->block[w->order[i]] = (unsigned char)(i * KW_REQUEST_BLOCKS / n);
    return KW_OK;
}

/* ---- the equations ---- */

static double step_s(const double *c, const struct part *p)
{
    return c[KW_REQUEST_STEP] + c[KW_REQUEST_SEQUENCE] * p->batch + c[KW_REQUEST_CONTEXT] * p->context;
}

/* Steps of each part by law c (NULL: equal ones), and what adds up before it. */
static void count_steps(struct work *w, const double *c)
{
    double *s = w->sum;
    memset(s, 0, 6 * sizeof *s);
    for (size_t i = 0; i < w->n_parts; i++, s += 6) {
        struct part *p = &w->part[i];
        double left =
            c ? fmax(p->s - c[KW_REQUEST_PREFILL] * p->tokens - c[KW_REQUEST_PAIR] * p->pairs, 0.01 * p->s) : p->s;
        p->steps = left / fmax(c ? step_s(c, p) : 1, 1e-9);
        const double add[] = { p->steps, p->steps * p->batch, p->steps * p->context, p->tokens, p->pairs, p->prompts };
        for (int k = 0; k < 6; k++) s[6 + k] = s[k] + add[k];
    }
}

static double between(const struct work *w, size_t i, int k)
{
    return w->sum[6 * w->to[i] + (size_t)k] - w->sum[6 * w->from[i] + (size_t)k];
}

static void equations(struct work *w)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct kw_request_times *r = &w->r[i];
        const double n = r->output - 1.0, steps = between(w, i, 0), scale = n / steps;
        w->y[i] = NAN;
        if (i % w->stride || r->output < SHORTEST || !(steps > 0) || !(r->end_s > r->first_s)) continue;
        double *x = &w->x[i * T];
        x[KW_REQUEST_STEP] = n;
        x[KW_REQUEST_SEQUENCE] = scale * between(w, i, 1);
        x[KW_REQUEST_CONTEXT] = scale * between(w, i, 2);
        x[KW_REQUEST_PREFILL] = between(w, i, 3);
        x[KW_REQUEST_PAIR] = between(w, i, 4);
        w->y[i] = r->end_s - r->first_s;
    }
}

/* ---- a robust regression over chosen requests ---- */

struct choice { /* how often each block counts */
    unsigned times[KW_REQUEST_BLOCKS];
};

static double value(const double *x, const double *c, int k)
{
    double s = 0;
    for (int j = 0; j < k; j++) s += x[j] * c[j];
    return s;
}

/* Coefficients c[k] >= floor of y = x c over the requests chosen that have an equation; of term j only where use[j]. scale
 * NULL: y. Reweighted by the inverse root of the relative error: between squares and absolute deviations. */
static enum kw_status robust(struct work *w, const struct choice *of, const double *x, const double *y,
                             const double *scale, int k, const bool *use, const double *floor, double *c,
                             struct kw_error *err)
{
    int term[T], m = 0;
    enum kw_status st = KW_OK;
    for (int j = 0; j < k; j++) {
        c[j] = floor[j];
        if (use[j]) term[m++] = j;
    }
    for (int round = 0; round < REWEIGHTS && st == KW_OK; round++) {
        size_t n = 0;
        double got[T];
        for (size_t i = 0; i < w->n; i++) {
            if (isnan(y[i])) continue;
            const double by = scale ? scale[i] : y[i], e = fabs(value(&x[i * (size_t)k], c, k) - y[i]) / by;
            for (unsigned t = 0; t < of->times[w->block[i]] && n < 2 * w->n; t++, n++) {
                for (int j = 0; j < m; j++) w->rows[n * (size_t)m + (size_t)j] = x[i * (size_t)k + (size_t)term[j]];
                w->rhs[n] = y[i] - value(&x[i * (size_t)k], floor, k);
                w->scale[n] = by * (round ? sqrt(sqrt(fmax(e, EXACT))) : 1); /* squared, the error's root */
            }
        }
        if ((st = kw_regress(n, (size_t)m, w->rows, w->rhs, w->scale, got, err)) != KW_OK) break;
        for (int j = 0; j < m; j++) c[term[j]] = floor[term[j]] + got[j];
    }
    return st;
}

/* Both in turns: steps counted by the law, the law from the steps. A term that the requests cannot tell stays at its floor. */
static enum kw_status steps_law(struct work *w, const struct choice *of, bool *use, const double *floor, double *c,
                                struct kw_error *err)
{
    static const int drop[] = { KW_REQUEST_PAIR, KW_REQUEST_SEQUENCE, KW_REQUEST_CONTEXT };
    enum kw_status st = KW_ERANGE;
    for (size_t d = 0; st == KW_ERANGE && d <= sizeof drop / sizeof *drop; d++) {
        if (d) use[drop[d - 1]] = false;
        st = KW_OK;
        for (int round = 0; round < ROUNDS && st == KW_OK; round++) {
            count_steps(w, round ? c : NULL);
            equations(w);
            st = robust(w, of, w->x, w->y, NULL, T, use, floor, c, err);
        }
    }
    return st;
}

/* ---- the front ---- */

/* The engine's part of each TTFT, of requests during whose wait nobody else's first token came but in their own step. */
static void fronts(struct work *w, const double *c, uint32_t budget, struct kw_request_law *l)
{
    l->beside = l->firsts = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct kw_request_times *r = &w->r[i];
        double tokens = r->prompt - (double)r->cached, pairs = tokens * r->cached + tokens * tokens / 2, others = 0;
        double step = c[KW_REQUEST_STEP], half = 0;
        size_t at = w->from[i];
        w->g[i] = NAN;
        if (i % w->stride) continue;
        for (; at > 0 && w->part[at - 1].begin + w->part[at - 1].s > r->arrival_s; at--) {
            const struct part *p = &w->part[at - 1];
            if (at == w->from[i])
                tokens = p->tokens, pairs = p->pairs; /* all that its step computed */
            else
                others += p->prompts;
        }
        if (others > 0) {
            l->beside++;
            continue;
        }
        if (at < w->n_parts && w->part[at].begin <= r->arrival_s && w->part[at].batch > 0) {
            step = step_s(c, &w->part[at]);
            half = step / 2;
        }
        w->f[2 * i] = 1, w->f[2 * i + 1] = r->prompt;
        w->g[i] = half + ceil(tokens / budget) * step + c[KW_REQUEST_PREFILL] * tokens + c[KW_REQUEST_PAIR] * pairs;
        l->firsts++;
    }
    if (l->firsts < KW_REQUEST_LEAST) l->firsts = 0;
}

/* Least absolute deviations of TTFT - engine = front + front_token p, by the same reweighting; none below 0. */
static enum kw_status front_law(struct work *w, const struct choice *of, const bool use[2], double front[2],
                                struct kw_error *err)
{
    static const double zero[2] = { 0 };
    double *y = malloc((w->n + 1) * 2 * sizeof *y), *scale = y ? y + w->n : NULL;
    if (!y) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (size_t i = 0; i < w->n; i++) {
        const double ttft = w->r[i].first_s - w->r[i].arrival_s;
        y[i] = ttft - w->g[i];
        scale[i] = fmax(ttft, 1e-6);
    }
    enum kw_status st = robust(w, of, w->f, y, scale, 2, use, zero, front, err);
    free(y);
    return st;
}

/* ---- judged, and how sure ---- */

static void judge(struct work *w, const double *c, const double front[2], const struct choice *of,
                  struct kw_request_law *l)
{
    size_t n = 0, m = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (!of->times[w->block[i]]) continue;
        const double ttft = w->r[i].first_s - w->r[i].arrival_s;
        if (!isnan(w->y[i])) w->rhs[n++] = fabs(value(&w->x[i * T], c, T) / w->y[i] - 1);
        if (!isnan(w->g[i]) && ttft > 0) w->scale[m++] = fabs((w->g[i] + value(&w->f[2 * i], front, 2)) / ttft - 1);
    }
    const struct {
        struct kw_request_judged *to;
        double *v;
        size_t n;
    } of_both[] = { { &l->tpot, w->rhs, n }, { &l->ttft, w->scale, m } };
    for (int k = 0; k < 2; k++) {
        size_t count = of_both[k].n;
        qsort(of_both[k].v, count, sizeof(double), kw_ascending);
        *of_both[k].to = (struct kw_request_judged){ count ? of_both[k].v[count / 2] : NAN,
                                                     count ? of_both[k].v[count * 9 / 10] : NAN,
                                                     count ? of_both[k].v[count - 1] : NAN, count };
    }
}

static void interval(struct kw_request_estimate *e, double *v, size_t n, bool told)
{
    qsort(v, n, sizeof *v, kw_ascending);
    e->lo = told && n ? fmin(v[(size_t)(0.025 * (double)n)], e->v) : NAN;
    e->hi = told && n ? fmax(v[n - 1 - (size_t)(0.025 * (double)n)], e->v) : NAN;
}

/* Blocks drawn anew, the law from them each time; what counts the steps stays that of all. */
static enum kw_status bootstrap(struct work *w, const bool *use, const bool use_front[2], const double *floor,
                                uint64_t seed, struct kw_request_law *l, struct kw_error *err)
{
    struct kw_rng rng;
    double *v = malloc(REPLICATES * (T + 2) * sizeof *v);
    size_t n = 0;
    enum kw_status st = kw_rng_init(&rng, seed, 0, KW_RNG_RESAMPLE, err);
    if (st == KW_OK && !v) st = kw_fail(err, KW_ENOMEM, "out of memory");
    for (int rep = 0; st == KW_OK && rep < REPLICATES; rep++) {
        struct choice of = { { 0 } };
        double c[T], front[2] = { 0 };
        struct kw_error why;
        for (int k = 0; k < KW_REQUEST_BLOCKS; k++) of.times[kw_rng_u64(&rng) % KW_REQUEST_BLOCKS]++;
        enum kw_status one = robust(w, &of, w->x, w->y, NULL, T, use, floor, c, &why);
        if (one == KW_OK && l->firsts) one = front_law(w, &of, use_front, front, &why);
        if (one == KW_ENOMEM) st = kw_fail(err, one, "%s", why.msg);
        if (one != KW_OK) continue; /* a drawing that cannot tell the terms apart */
        for (int j = 0; j < T; j++) v[j * REPLICATES + (int)n] = c[j];
        v[T * REPLICATES + (int)n] = front[0], v[(T + 1) * REPLICATES + (int)n++] = front[1];
    }
    for (int j = 0; st == KW_OK && j < T; j++) interval(&l->term[j], &v[j * REPLICATES], n, use[j]);
    if (st == KW_OK) {
        interval(&l->front, &v[T * REPLICATES], n, l->firsts > 0);
        interval(&l->front_token, &v[(T + 1) * REPLICATES], n, l->firsts > 0 && use_front[1]);
    }
    free(v);
    kw_rng_free(&rng);
    return st;
}

/* Ranges of what was seen, and which terms it can tell. */
static enum kw_status look(struct work *w, struct kw_request_law *l, bool *use, bool use_front[2], struct kw_error *err)
{
    double least = INFINITY, most = 0, steps = 0, done = 0, first = INFINITY, last = -INFINITY;
    uint32_t shortest = UINT32_MAX;
    size_t m = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct kw_request_times *r = &w->r[i];
        l->short_answers += r->output < SHORTEST;
        l->decodes += r->output >= SHORTEST && r->end_s > r->first_s;
        l->prompt_most = r->prompt > l->prompt_most ? r->prompt : l->prompt_most;
        shortest = r->prompt < shortest ? r->prompt : shortest;
        first = fmin(first, r->arrival_s), last = fmax(last, r->end_s);
    }
    l->span_s = last - first;
    if (l->decodes < KW_REQUEST_LEAST)
        return kw_fail(err, KW_ERANGE,
                       "%zu answers of %d tokens and more whose first and last token have a time: want %d at least",
                       l->decodes, SHORTEST, KW_REQUEST_LEAST);
    for (size_t i = 0; i < w->n_parts; i++) {
        const struct part *p = &w->part[i];
        if (!(p->batch > 0)) continue;
        least = fmin(least, p->batch), most = fmax(most, p->batch);
        l->context_most = fmax(l->context_most, p->context);
        steps += p->s;
        w->rhs[m++] = p->batch;
    }
    if (!(most > least))
        return kw_fail(err, KW_ERANGE, "the batch was of %g sequences all the time: a law wants a load that changes",
                       most);
    l->batch_most = most;
    qsort(w->rhs, m, sizeof *w->rhs, kw_ascending); /* by time spent at each */
    for (size_t k = 0; k < m; k++) {
        if (k && w->rhs[k] == w->rhs[k - 1]) continue;
        for (size_t i = 0; i < w->n_parts; i++)
            if (w->part[i].batch == w->rhs[k]) done += w->part[i].s;
        if (!(l->batch_lo > 0) && done >= 0.05 * steps) l->batch_lo = w->rhs[k];
        if (!(l->batch_hi > 0) && done >= 0.95 * steps) l->batch_hi = w->rhs[k];
    }
    const bool lengths = l->prompt_most >= 2.0 * shortest;
    for (int j = 0; j < T; j++) use[j] = j != KW_REQUEST_PAIR || lengths; /* of prompts alike, pairs go with tokens */
    use_front[0] = true, use_front[1] = lengths;
    return KW_OK;
}

enum kw_status kw_request_law(struct kw_request_law *l, const struct kw_request_times *r, size_t n, const double *floor,
                              uint32_t budget, uint64_t seed, struct kw_error *err)
{
    static const double zero[T] = { 0 };
    struct work w;
    struct choice all, half = { { 0 } }, other = { { 0 } };
    bool use[T], use_front[2];
    double c[T], front[2] = { 0 };
    if (!floor) floor = zero;
    *l = (struct kw_request_law){ .decodes = 0 };
    memcpy(l->floor, floor, sizeof l->floor);
    for (int k = 0; k < KW_REQUEST_BLOCKS; k++) {
        all.times[k] = 1;
        *(k % 2 ? &other.times[k] : &half.times[k]) = 1;
    }
    enum kw_status st = work_new(&w, r, n, err);
    if (st == KW_OK) st = look(&w, l, use, use_front, err);
    if (st == KW_OK) st = steps_law(&w, &half, use, floor, c, err); /* of one half, for the other */
    if (st == KW_OK) {
        fronts(&w, c, budget, l);
        if (l->firsts) st = front_law(&w, &half, use_front, front, err);
    }
    if (st == KW_OK) judge(&w, c, front, &other, l);
    if (st == KW_OK) st = steps_law(&w, &all, use, floor, c, err);
    if (st == KW_OK) {
        fronts(&w, c, budget, l);
        if (l->firsts) st = front_law(&w, &all, use_front, front, err);
    }
    for (int j = 0; st == KW_OK && j < T; j++) l->term[j].v = c[j];
    l->front.v = l->firsts ? front[0] : NAN, l->front_token.v = l->firsts ? front[1] : NAN;
    if (st == KW_OK) st = bootstrap(&w, use, use_front, floor, seed, l, err);
    work_free(&w);
    return st;
}
