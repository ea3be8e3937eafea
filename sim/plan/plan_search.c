/* The search: which candidates are simulated, and how often. It may leave a candidate out, or stop its run on the way,
 * only where its bounds prove that it can be neither the best, nor the runner-up, nor contend, so that the ranking sees
 * what an exhaustive search would show it. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/plan/plan_internal.h"
#include "sim/plan/sweep/ceiling.h"

/* The race. The trace itself (replication 0) decides, so one replication tells what a candidate costs and whether it
 * meets the objectives; the other replications are for the intervals of those that contend. A candidate is `open` until
 * it is simulated or proven not to matter. */
struct race {
    struct kw_plan *p;
    const struct kw_study *study;
    struct kw_sweep *sweep;
    double *floor;   /* [n] least cost a replication can have, USD a month */
    double *replica; /* [n] of one replica always on, USD a month; serverless candidates of one deployment, else 0 */
    double *most;    /* [n] what a candidate may cost before it is of no interest; made anew for each batch */
    double *lowest;  /* [n] scratch by family, like the next */
    double *first;
    size_t *next;  /* [n] the next candidate of i's family, n: none. The first is p->family[i] */
    bool *open;    /* [n] */
    bool *wanted;  /* [n] scratch: for the first look */
    size_t *batch; /* [2n + KW_PLAN_CONTENDERS] scratch */
    uint32_t all;  /* replications */
    double near;   /* > 0: only the cheapest is wanted, and what costs up to so many times as much */
};

static bool known(const struct kw_plan *p, size_t i)
{
    return p->points[i].replications > 0;
}

static double cost_of(const struct kw_plan *p, ptrdiff_t i)
{
    return i < 0 ? INFINITY : p->points[i].m[KW_METRIC_COST].value;
}

static double least_cost(const struct race *r, size_t i)
{
    return known(r->p, i) ? cost_of(r->p, (ptrdiff_t)i) : r->floor[i] * (1 - KW_COST_SLACK) - 1e-6;
}

/* Cheapest feasible candidate, of another family than `other` unless that is -1; ties as in kw_points_rank. */
static ptrdiff_t cheapest(const struct kw_plan *p, ptrdiff_t other)
{
    ptrdiff_t best = -1;
    for (size_t i = 0; i < p->n; i++) {
        if (!known(p, i) || !p->points[i].feasible) continue;
        if (other >= 0 && p->family[i] == p->family[other]) continue;
        if (best < 0 || kw_point_better(&p->points[i], &p->points[best])) best = (ptrdiff_t)i;
    }
    return best;
}

/* Up to what cost a family contends: the runner-up's, and a quarter above the best. */
static double contending_cost(const struct kw_plan *p)
{
    ptrdiff_t first = cheapest(p, -1), second = first < 0 ? -1 : cheapest(p, first);
    return fmax(cost_of(p, second), KW_PLAN_CONTENDS * cost_of(p, first));
}

/* lowest[f]: what the cheapest feasible one of family f costs. */
static void cheapest_of_families(struct race *r)
{
    struct kw_plan *p = r->p;
    for (size_t i = 0; i < p->n; i++) r->lowest[i] = INFINITY;
    for (size_t i = 0; i < p->n; i++)
        if (known(p, i) && p->points[i].feasible)
            r->lowest[p->family[i]] = fmin(r->lowest[p->family[i]], cost_of(p, (ptrdiff_t)i));
}

/* Units bought ahead, of which there are several counts. */
static bool counted(const struct kw_plan *p, size_t i)
{
    const struct kw_candidate *c = &p->candidates[i];
    return c->n == 1 && !c->as_written && c->choice[0].term == KW_TERM_PROVISIONED;
}

/* Counts of units whose latency nobody knows are all missed alike: a family is known by its cheapest of them too. */
static void cheapest_of_counts(struct race *r)
{
    struct kw_plan *p = r->p;
    for (size_t i = 0; i < p->n; i++)
        if (known(p, i) && counted(p, i) && !strcmp(p->points[i].miss, KW_MISS_LATENCY))
            r->lowest[p->family[i]] = fmin(r->lowest[p->family[i]], cost_of(p, (ptrdiff_t)i));
}

/* Closes what is simulated, what costs too much to contend and what its own family's cheapest undercuts. Returns how
 * many remain open, with what each may cost at the most. */
static size_t prune(struct race *r)
{
    struct kw_plan *p = r->p;
    double limit = r->near > 0 ? r->near * cost_of(p, cheapest(p, -1)) : contending_cost(p);
    size_t left = 0;
    cheapest_of_families(r);
    cheapest_of_counts(r);
    for (size_t i = 0; i < p->n; i++) {
        double least = least_cost(r, i);
        r->most[i] = fmin(limit, r->lowest[p->family[i]]);
        if (known(p, i) || p->points[i].pruned || least > r->most[i]) r->open[i] = false;
        left += r->open[i];
    }
    return left;
}

/* A dedicated pool of the search's own that stays as it is, of which there are several sizes. */
static bool sized(const struct kw_plan *p, size_t i)
{
    const struct kw_candidate *c = &p->candidates[i];
    return c->n == 1 && !c->as_written && c->choice[0].platform->kind == KW_KIND_DEDICATED && !c->choice[0].autoscaler;
}

/* Pools of a family cost in proportion to their size, so that the first size that does is the cheapest that does. A
 * larger dedicated pool of a family waits while a smaller one may still turn out to do. smallest: [n] by family. */
static void smallest_open(const struct race *r, double *smallest)
{
    for (size_t i = 0; i < r->p->n; i++) smallest[i] = INFINITY;
    for (size_t i = 0; i < r->p->n; i++)
        if (r->open[i] && sized(r->p, i))
            smallest[r->p->family[i]] =
                fmin(smallest[r->p->family[i]], r->p->candidates[i].choice[0].scaling.max_replicas);
}

static bool waits(const struct race *r, const double *smallest, size_t i)
{
    return sized(r->p, i) && !r->p->points[i].replications &&
           r->p->candidates[i].choice[0].scaling.max_replicas > smallest[r->p->family[i]];
}

static enum kw_status advance(struct race *r, size_t n, uint32_t upto, struct kw_error *err)
{
    return kw_sweep_advance(r->sweep, r->p->points, r->batch, n, upto, err);
}

/* One replication; what costs more than r->most is stopped on the way and never looked at again. */
static enum kw_status advance_within(struct race *r, size_t n, struct kw_error *err)
{
    enum kw_status st = kw_sweep_within(r->sweep, r->p->points, r->batch, n, r->most, err);
    for (size_t k = 0; k < n && st == KW_OK; k++)
        if (!known(r->p, r->batch[k])) r->p->points[r->batch[k]].pruned = true;
    return st;
}

static int by_index(const void *x, const void *y)
{
    size_t a = *(const size_t *)x, b = *(const size_t *)y;
    return a < b ? -1 : a > b;
}

/* The `most` of the batch that may be cheapest: what they turn out to cost may close the others. */
static size_t likeliest(struct race *r, size_t n, size_t most)
{
    size_t *b = r->batch;
    for (size_t k = 0; k < most && k < n; k++)
        for (size_t j = k + 1; j < n; j++)
            if (r->floor[b[j]] < r->floor[b[k]] || (r->floor[b[j]] == r->floor[b[k]] && b[j] < b[k])) {
                size_t swap = b[k];
                b[k] = b[j];
                b[j] = swap;
            }
    n = n < most ? n : most;
    qsort(b, n, sizeof *b, by_index);
    return n;
}

/* Until nothing is open: of each family those that may be cheapest, which then close dearer ones. O(n) a round. */
static enum kw_status run_race(struct race *r, struct kw_error *err)
{
    struct kw_plan *p = r->p;
    enum kw_status st = KW_OK;
    while (st == KW_OK && prune(r) > 0) {
        double *smallest = r->lowest, *first = r->first;
        size_t n = 0;
        smallest_open(r, smallest);
        for (size_t i = 0; i < p->n; i++) first[i] = INFINITY;
        for (size_t i = 0; i < p->n; i++)
            if (r->open[i] && !waits(r, smallest, i)) first[p->family[i]] = fmin(first[p->family[i]], r->floor[i]);
        for (size_t i = 0; i < p->n; i++)
            if (r->open[i] && !waits(r, smallest, i) && r->floor[i] == first[p->family[i]]) r->batch[n++] = i;
        assert(n > 0);
        if (r->near > 0) n = likeliest(r, n, 8);
        st = advance_within(r, n, err);
    }
    return st;
}

/* Who contends, by merit: the cheapest feasible one of each family up to the contending cost, and of what is cheaper
 * still and misses by at most half the ones nearest to the objectives: other days may turn it. At most `room`. */
static size_t contenders(const struct kw_plan *p, size_t *out, size_t room)
{
    double limit = contending_cost(p), best = cost_of(p, cheapest(p, -1));
    size_t n = 0;
    for (int feasible = 1; feasible >= 0; feasible--)
        for (size_t from = n, i = 0; i < p->n; i++) {
            const struct kw_point *x = &p->points[i];
            double cost = cost_of(p, (ptrdiff_t)i);
            if (!known(p, i) || x->feasible != feasible) continue;
            if (feasible ? cost > limit : !(x->miss_ratio <= 0.5) || cost >= best) continue;
            size_t at = from;
            bool beaten = false; /* by its family */
            for (size_t k = from; k < n && feasible && !beaten; k++)
                beaten = p->family[out[k]] == p->family[i] && !kw_point_better(x, &p->points[out[k]]);
            if (beaten) continue;
            for (size_t k = from; k < n && feasible; k++)
                if (p->family[out[k]] == p->family[i]) {
                    memmove(out + k, out + k + 1, (--n - k) * sizeof *out);
                    break;
                }
            while (at < n && !kw_point_better(x, &p->points[out[at]])) at++;
            if (at - from >= room / 2) continue;
            if (n - from == room / 2) n--;
            memmove(out + at + 1, out + at, (n++ - at) * sizeof *out);
            out[at] = i;
        }
    return n;
}

/* Of those simulated, where none is feasible: the one that ranks first. */
static size_t nearest(const struct kw_plan *p)
{
    size_t best = p->n;
    for (size_t i = 0; i < p->n; i++)
        if (known(p, i) && (best == p->n || kw_point_better(&p->points[i], &p->points[best]))) best = i;
    assert(best < p->n && "what was looked at first is known");
    return best;
}

/* Every replication of the batch; as many as the answer takes, where a precision was asked for. */
static enum kw_status finish(struct race *r, size_t n, struct kw_error *err)
{
    const struct kw_plan *p = r->p;
    ptrdiff_t best = cheapest(p, -1), second = best < 0 ? -1 : cheapest(p, best);
    size_t judged[] = { best < 0 ? nearest(p) : (size_t)best, (size_t)second };
    return kw_sweep_finish(r->sweep, r->p->points, r->batch, n, judged, 1 + (second >= 0), &r->all, err);
}

/* Every replication of those that contend; of the nearest miss where nothing is feasible. */
static enum kw_status finish_contenders(struct race *r, struct kw_error *err)
{
    struct kw_plan *p = r->p;
    size_t n = contenders(p, r->batch, KW_PLAN_CONTENDERS);
    if (cheapest(p, -1) < 0) {
        r->batch[0] = nearest(p);
        n = 1;
    }
    qsort(r->batch, n, sizeof *r->batch, by_index);
    enum kw_status st = finish(r, n, err);
    for (size_t i = 0; i < p->n; i++)
        if (known(p, i)) p->points[i].pruned = p->points[i].replications < r->all;
    return st;
}

#define LEADERS 3 /* serverless platforms, by their best */

const struct kw_choice *kw_plan_serverless(const struct kw_plan *p, size_t i)
{
    const struct kw_candidate *c = &p->candidates[i];
    const struct kw_choice *x = &c->choice[0];
    bool plain = c->n == 1 && !c->as_written && !c->mitigation && !x->schedule.n;
    return plain && x->platform->kind == KW_KIND_SERVERLESS ? x : NULL;
}

static enum kw_status bound(struct race *r, size_t i, struct kw_error *err)
{
    const struct kw_choice *c = kw_plan_serverless(r->p, i);
    kw_ns window = r->study->trace->span, month = kw_study_month(r->study);
    enum kw_status st = kw_cost_floor(&r->p->candidates[i], window, month, &r->floor[i], err);
    assert((st != KW_OK || r->floor[i] >= 0) && "bounds rest on figures that are never negative");
    if (counted(r->p, i)) r->floor[i] += kw_plan_units_floor(&r->p->candidates[i].choice[0], r->study->trace, month);
    return st == KW_OK && c ? kw_cost_replica(c, window, month, &r->replica[i], err) : st;
}

static void link_families(struct race *r)
{
    size_t *last = r->batch; /* of family i */
    for (size_t i = 0; i < r->p->n; i++) {
        size_t f = r->p->family[i];
        r->next[i] = r->p->n;
        if (f != i) r->next[last[f]] = i;
        last[f] = i;
    }
}

static enum kw_status open_race(struct race *r, struct kw_plan *p, const struct kw_study *study,
                                const struct kw_sweep_options *run, struct kw_error *err)
{
    memset(r, 0, sizeof *r);
    r->p = p;
    r->study = study;
    double **of_doubles[] = { &r->floor, &r->replica, &r->most, &r->lowest, &r->first };
    bool ok = true;
    for (size_t k = 0; k < sizeof of_doubles / sizeof *of_doubles; k++)
        ok = (*of_doubles[k] = calloc(p->n, sizeof(double))) && ok;
    r->next = malloc(p->n * sizeof *r->next);
    r->open = malloc(p->n * sizeof *r->open);
    r->wanted = malloc(p->n * sizeof *r->wanted);
    r->batch = malloc((2 * p->n + KW_PLAN_CONTENDERS) * sizeof *r->batch);
    ok = ok && r->next && r->open && r->wanted && r->batch;
    enum kw_status st = ok ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    if (st == KW_OK) st = kw_sweep_open(&r->sweep, p->candidates, p->n, study, run, err);
    if (st == KW_OK) r->all = kw_sweep_replications(r->sweep);
    if (st == KW_OK) link_families(r);
    for (size_t i = 0; i < p->n && st == KW_OK; i++) {
        r->open[i] = true;
        st = bound(r, i, err);
    }
    return st;
}

static void close_race(struct race *r)
{
    kw_sweep_close(r->sweep);
    free(r->floor);
    free(r->replica);
    free(r->most);
    free(r->lowest);
    free(r->first);
    free(r->next);
    free(r->open);
    free(r->wanted);
    free(r->batch);
}

/* A ceiling is raised to what is kept. */
static bool same_ceiling(const struct kw_autoscaling *x, const struct kw_autoscaling *y)
{
    const struct kw_autoscaling *high = x->max_replicas > y->max_replicas ? x : y;
    return x->max_replicas == y->max_replicas || high->max_replicas == high->keep_warm;
}

/* Same offer, concurrency, timeouts and ceiling; keep_warm may differ. */
static bool same_but_warm(const struct kw_plan *p, size_t i, size_t j)
{
    if (p->family[i] != p->family[j]) return false;
    const struct kw_choice *x = kw_plan_serverless(p, i), *y = kw_plan_serverless(p, j);
    return x && y && same_ceiling(&x->scaling, &y->scaling) && x->scaling.idle_timeout == y->scaling.idle_timeout &&
           x->scaling.zero_timeout == y->scaling.zero_timeout && kw_choice_concurrency(x) == kw_choice_concurrency(y);
}

/* Whether one of the two smallest keep_warm of its offer. */
static bool little_warm(const struct race *r, size_t i)
{
    const struct kw_plan *p = r->p;
    int smaller = 0;
    for (size_t j = p->family[i]; j < p->n; j = r->next[j])
        smaller += same_but_warm(p, i, j) &&
                   p->candidates[j].choice[0].scaling.keep_warm < p->candidates[i].choice[0].scaling.keep_warm;
    return smaller < 2;
}

/* The best of the first replication on a serverless platform that none of taken[n] is on; -1 when there is none left.
 */
static ptrdiff_t leader(const struct kw_plan *p, const size_t *taken, size_t n)
{
    ptrdiff_t best = -1;
    for (size_t i = 0; i < p->n; i++) {
        const struct kw_choice *c = kw_plan_serverless(p, i);
        const struct kw_point *x = &p->points[i];
        if (!c || !x->replications) continue;
        bool out = false;
        for (size_t k = 0; k < n && !out; k++) out = p->candidates[taken[k]].choice[0].platform == c->platform;
        if (out) continue;
        const struct kw_point *y = best < 0 ? NULL : &p->points[best];
        if (!y || kw_point_better(x, y)) best = (ptrdiff_t)i;
    }
    return best;
}

/* Whether family f is the cheapest of those that are bought at its price: the same offer in another precision. */
static bool leads_price(const struct race *r, size_t f)
{
    const struct kw_plan *p = r->p;
    const struct kw_choice *x = &p->candidates[f].choice[0];
    if (p->family[f] != f || !isfinite(r->lowest[f]) || p->candidates[f].n != 1) return false;
    for (size_t j = 0; j < p->n; j++) {
        const struct kw_choice *y = &p->candidates[j].choice[0];
        if (p->family[j] == j && p->candidates[j].n == 1 && x->gpu == y->gpu && x->api == y->api &&
            x->term == y->term && x->provision.commitment == y->provision.commitment &&
            (r->lowest[j] < r->lowest[f] || (r->lowest[j] == r->lowest[f] && j < f)))
            return false;
    }
    return true;
}

/* Up to what cost a family is told of: that of the cheapest at each of KW_PLAN_TOLD prices, contending or not. */
static double told_cost(struct race *r)
{
    struct kw_plan *p = r->p;
    double least[KW_PLAN_TOLD];
    cheapest_of_families(r);
    for (int k = 0; k < KW_PLAN_TOLD; k++) least[k] = INFINITY;
    for (size_t i = 0; i < p->n; i++) {
        double cost = leads_price(r, i) ? r->lowest[i] : INFINITY;
        for (int k = 0; k < KW_PLAN_TOLD; k++) {
            double other = least[k];
            least[k] = fmin(cost, other);
            cost = fmax(cost, other);
        }
    }
    return fmax(contending_cost(p), least[KW_PLAN_TOLD - 1]);
}

struct shop { /* a serverless platform while its offers are looked at */
    const struct kw_platform *platform;
    ptrdiff_t cheapest; /* feasible candidate known, -1: none */
    ptrdiff_t turn;     /* a candidate of the offer whose turn it is, -1: none */
};

/* Whether i's offer is looked at before j's: the one with the cheaper replica, of equals the one with less weights to
 * read for a token. A guess at which is cheapest, for its cost then stops the others early. */
static bool before(const struct race *r, size_t i, size_t j)
{
    if (r->replica[i] != r->replica[j]) return r->replica[i] < r->replica[j];
    double x = kw_plan_serverless(r->p, i)->cold.weight_bytes, y = kw_plan_serverless(r->p, j)->cold.weight_bytes;
    return x != y ? x < y : r->p->family[i] < r->p->family[j];
}

static struct shop *shop_of(struct shop *shops, size_t *n, const struct kw_platform *q)
{
    size_t k = 0;
    while (k < *n && shops[k].platform != q) k++;
    if (k < *n) return &shops[k];
    shops[(*n)++] = (struct shop){ .platform = q, .cheapest = -1, .turn = -1 };
    return &shops[k];
}

/* What i may cost to show on its platform: no more than the best there, and on the best's own offer, whose keep-warm
 * curve is shown, no more than the best with as many kept. */
static double of_interest(const struct race *r, const struct shop *s, size_t i)
{
    const struct kw_plan *p = r->p;
    if (s->cheapest < 0) return INFINITY;
    if (p->family[s->cheapest] != p->family[i]) return cost_of(p, s->cheapest);
    double least = INFINITY;
    for (size_t j = p->family[i]; j < p->n; j = r->next[j])
        if (known(p, j) && p->points[j].feasible &&
            p->candidates[j].choice[0].scaling.keep_warm == p->candidates[i].choice[0].scaling.keep_warm)
            least = fmin(least, cost_of(p, (ptrdiff_t)j));
    return least;
}

/* One offer of each serverless platform, the cheapest of those still wanted, within what its platform's best costs; and
 * `others`, wanted candidates that are none of these, as they are. False when nobody is wanted any more. */
static bool next_offers(struct race *r, struct shop *shops, bool others, size_t *n)
{
    struct kw_plan *p = r->p;
    size_t n_shops = 0;
    bool any = false;
    double told = told_cost(r);
    *n = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct kw_choice *c = kw_plan_serverless(p, i);
        if (!c) continue;
        struct shop *s = shop_of(shops, &n_shops, c->platform);
        if (known(p, i) && p->points[i].feasible && cost_of(p, (ptrdiff_t)i) < cost_of(p, s->cheapest))
            s->cheapest = (ptrdiff_t)i;
        if (r->wanted[i] && (s->turn < 0 || before(r, i, (size_t)s->turn))) s->turn = (ptrdiff_t)i;
    }
    for (size_t i = 0; i < p->n; i++) {
        const struct kw_choice *c = kw_plan_serverless(p, i);
        const struct shop *s = c ? shop_of(shops, &n_shops, c->platform) : NULL;
        if (!r->wanted[i] || (s ? p->family[i] != p->family[s->turn] : !others)) continue;
        r->most[i] = s ? fmax(fmin(told, r->lowest[p->family[i]]), of_interest(r, s, i)) : INFINITY;
        r->wanted[i] = false;
        any = true;
        if (least_cost(r, i) <= r->most[i]) r->batch[(*n)++] = i;
    }
    return any;
}

static enum kw_status look_at_wanted(struct race *r, struct kw_error *err)
{
    struct shop *shops = malloc(r->p->n * sizeof *shops);
    enum kw_status st = shops ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    bool others = true;
    for (size_t n; st == KW_OK && next_offers(r, shops, others, &n); others = false) st = advance_within(r, n, err);
    free(shops);
    return st;
}

/* The first look: one replication of what may be good. Of dedicated pools only the smallest of each family; of
 * serverless offers the two smallest keep_warm, and all of them on the leading platforms' best offers (for their keep-warm
 * curves). The others stay open, at what their kept replicas cost at the least. A serverless candidate that costs more
 * than its platform's best and than what is told of is stopped: it is nobody's rival. */
static enum kw_status first_look(struct race *r, struct kw_error *err)
{
    struct kw_plan *p = r->p;
    size_t n = 0, *leaders = r->batch + p->n;
    smallest_open(r, r->first);
    for (size_t i = 0; i < p->n; i++)
        r->wanted[i] = !known(p, i) && !p->points[i].pruned && !waits(r, r->first, i) && !counted(p, i) &&
                       (!kw_plan_serverless(p, i) || little_warm(r, i));
    enum kw_status st = look_at_wanted(r, err);
    if (st != KW_OK) return st;
    size_t n_leaders = 0;
    for (ptrdiff_t best; n_leaders < LEADERS && (best = leader(p, leaders, n_leaders)) >= 0;)
        leaders[n_leaders++] = (size_t)best;
    for (size_t i = 0; i < p->n; i++) {
        bool curve = false;
        for (size_t k = 0; k < n_leaders && !curve; k++) curve = same_but_warm(p, i, leaders[k]);
        if (!curve || known(p, i)) continue;
        p->points[i].pruned = false;
        r->batch[n++] = i;
    }
    return n ? advance(r, n, 1, err) : KW_OK;
}

/* What is not simulated stays zero, which takes no memory beyond its own. */
static enum kw_status grow_points(struct kw_plan *p, size_t from, struct kw_error *err)
{
    struct kw_point *points = realloc(p->points, p->n * sizeof *points);
    if (!points) return kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    p->points = points;
    memset(points + from, 0, (p->n - from) * sizeof *points);
    return KW_OK;
}

/* Idle timeouts, requests per replica and ceilings on replicas other than those enumerated are tried where the first
 * replication looks best: on the best candidate's offer of each of three serverless platforms, with the keep_warm enumerated
 * there up to one more than it has; then around the best of these, until none is better. The first replication is the same
 * in a pruned and an exhaustive plan, and so is this choice. */
#define ROUNDS 4
static const int64_t idle_tries_s[] = { 5, 15, 30, 60, 120, 300, 900 };
static const uint32_t concurrency_tries[] = { 16, 32, 64,
                                              128 }; /* beside the default and what the engine runs at once */

static bool bought_alike(const struct kw_choice *x, const struct kw_choice *y)
{
    struct kw_deployment a, b;
    if (x->platform != y->platform || x->gpu != y->gpu || x->api != y->api || x->profile != y->profile ||
        x->term != y->term || x->schedule.n != y->schedule.n || x->scaling.keep_warm != y->scaling.keep_warm ||
        x->scaling.idle_timeout != y->scaling.idle_timeout || x->scaling.max_replicas != y->scaling.max_replicas)
        return false;
    kw_choice_deployment(x, &a);
    kw_choice_deployment(y, &b);
    return !memcmp(&a, &b, sizeof a);
}

/* Whether another candidate is bought, runs and is routed to as c is. */
static bool is_tried(const struct kw_plan *p, const struct kw_candidate *c)
{
    for (size_t j = 0; j < p->n; j++) {
        const struct kw_candidate *x = &p->candidates[j];
        if (x->n != c->n || x->as_written || x->routing.policy != c->routing.policy ||
            x->routing.overflow_at != c->routing.overflow_at ||
            memcmp(x->routing.class_to, c->routing.class_to, sizeof x->routing.class_to))
            continue;
        uint32_t d = 0;
        while (d < c->n && bought_alike(&x->choice[d], &c->choice[d])) d++;
        if (d == c->n) return true;
    }
    return false;
}

/* Candidate `of` with c in the place of its deployment d, unless the platform does not take that or it is there. */
static enum kw_status push_setting(struct kw_plan *p, size_t of, uint32_t d, const struct kw_choice *c,
                                   struct kw_error *err)
{
    struct kw_candidate x;
    if (kw_choice_check(c, NULL) != KW_OK) return KW_OK;
    kw_candidate_init(&x);
    enum kw_status st = kw_candidate_copy(&x, &p->candidates[of], err);
    if (st != KW_OK) return st;
    x.choice[d] = *c;
    if (!is_tried(p, &x)) st = kw_plan_push_copy(p, &x, err);
    kw_candidate_free(&x);
    return st;
}

static enum kw_status push_idle_timeouts(struct kw_plan *p, size_t of, uint32_t d, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    if (!kw_choice_sets_idle_timeout(&p->candidates[of].choice[d])) return KW_OK;
    for (size_t t = 0; t < sizeof idle_tries_s / sizeof *idle_tries_s && st == KW_OK; t++) {
        struct kw_choice c = p->candidates[of].choice[d];
        kw_choice_idle_timeout(&c, idle_tries_s[t] * KW_NS_PER_S);
        st = push_setting(p, of, d, &c, err);
    }
    return st;
}

static enum kw_status push_concurrencies(struct kw_plan *p, size_t of, struct kw_error *err)
{
    const struct kw_platform *q = p->candidates[of].choice[0].platform;
    enum kw_status st = KW_OK;
    for (size_t t = 0; t < sizeof concurrency_tries / sizeof *concurrency_tries && st == KW_OK; t++) {
        uint32_t n = concurrency_tries[t];
        struct kw_choice c = p->candidates[of].choice[0];
        if (n < q->concurrency_min || n > q->concurrency_max || n > (uint64_t)c.sched.max_num_seqs * c.dp) continue;
        kw_choice_set_concurrency(&c, n);
        st = push_setting(p, of, 0, &c, err);
    }
    return st;
}

/* Replicas of deployment d that its requests keep busy on average, where one packs them as well as it can; 0: not known. */
static double replicas_needed(const struct kw_point *x, uint32_t d)
{
    const struct kw_usage *u = &x->usage[d];
    double busy = (double)u->busy_gpu_ns / (double)(u->window * (kw_ns)u->gpus);
    double needed = busy * x->m[KW_METRIC_CAPACITY_USED].value / x->m[KW_METRIC_UTILISATION].value;
    return x->n == 1 && isfinite(needed) ? needed : 0;
}

/* A ceiling lets requests wait for the replicas there are, where objectives leave the time: fewer starts, fewer idle tails.
 * Ceilings that no moment reached change nothing, and below what the requests keep busy on average work piles up. */
static enum kw_status push_ceilings(struct kw_plan *p, size_t of, uint32_t d, struct kw_error *err)
{
    static const uint32_t tries[] = { 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48 };
    const struct kw_point *x = &p->points[of];
    const struct kw_autoscaling *s = &p->candidates[of].choice[d].scaling;
    if (!x->replications) return KW_OK;
    double needed = replicas_needed(x, d);
    uint32_t least = s->keep_warm, most = x->peak_replicas < s->max_replicas ? x->peak_replicas : s->max_replicas;
    enum kw_status st = KW_OK;
    for (size_t t = 0; t < sizeof tries / sizeof *tries && st == KW_OK; t++) {
        struct kw_choice c = p->candidates[of].choice[d];
        if (tries[t] < least || tries[t] >= most || tries[t] < needed) continue;
        c.scaling.max_replicas = tries[t];
        st = push_setting(p, of, d, &c, err);
    }
    return st;
}

/* Settings save what is paid for replicas without work: what i would cost without any of that. */
static double cost_of_work(const struct kw_plan *p, size_t i)
{
    const struct kw_usage *u = p->points[i].usage;
    int64_t billed = u->minimum_gpu_ns + u->rounding_gpu_ns;
    for (int ph = 0; ph < KW_PHASES; ph++) billed += u->gpu_ns[ph];
    return billed > u->busy_gpu_ns ? cost_of(p, (ptrdiff_t)i) * (double)u->busy_gpu_ns / (double)billed : 0;
}

/* Around those of the first round's leaders, later of the first leader and of others that may contend. */
static enum kw_status add_settings(struct kw_plan *p, const struct kw_plan_options *o, int round, struct kw_error *err)
{
    size_t leaders[LEADERS], n_leaders = 0, n = p->n;
    double limit = contending_cost(p);
    for (ptrdiff_t best; n_leaders < LEADERS && (best = leader(p, leaders, n_leaders)) >= 0;)
        leaders[n_leaders++] = (size_t)best;
    for (size_t k = 0; k < n_leaders; k++) {
        if (round > 0 && k > 0 && cost_of_work(p, leaders[k]) > limit) continue;
        for (size_t i = 0; i < n; i++) {
            if (!same_but_warm(p, i, leaders[k]) || p->candidates[i].choice[0].scaling.keep_warm >
                                                        p->candidates[leaders[k]].choice[0].scaling.keep_warm + 1)
                continue;
            enum kw_status st = o->n_idle_timeouts ? KW_OK : push_idle_timeouts(p, i, 0, err);
            if (st == KW_OK && !o->n_concurrency) st = push_concurrencies(p, i, err);
            if (st == KW_OK && !o->n_max_replicas) st = push_ceilings(p, i, 0, err);
            if (st != KW_OK) return st;
        }
    }
    return KW_OK;
}

/* The best hybrid of a policy in the first replication; -1: there is none. */
static ptrdiff_t leading_hybrid(const struct kw_plan *p, enum kw_route_policy policy)
{
    ptrdiff_t best = -1;
    for (size_t i = 0; i < p->n; i++) {
        const struct kw_candidate *c = &p->candidates[i];
        if (c->n != 2 || c->as_written || c->routing.policy != policy || !p->points[i].replications) continue;
        if (best < 0 || kw_point_better(&p->points[i], &p->points[best])) best = (ptrdiff_t)i;
    }
    return best;
}

/* Hybrids have the settings of those that lead alone; beside another deployment others may be better. */
static enum kw_status add_hybrid_settings(struct kw_plan *p, const struct kw_plan_options *o, struct kw_error *err)
{
    static const enum kw_route_policy policies[] = { KW_ROUTE_FALLBACK, KW_ROUTE_OVERFLOW, KW_ROUTE_CLASS };
    ptrdiff_t leaders[sizeof policies / sizeof *policies];
    size_t n = sizeof policies / sizeof *policies;
    enum kw_status st = KW_OK;
    for (size_t k = 0; k < n; k++) leaders[k] = leading_hybrid(p, policies[k]);
    for (size_t k = 0; k < n; k++)
        for (uint32_t d = 0; leaders[k] >= 0 && d < 2 && st == KW_OK; d++) {
            size_t of = (size_t)leaders[k];
            if (p->candidates[of].choice[d].platform->kind != KW_KIND_SERVERLESS) continue;
            if (!o->n_idle_timeouts) st = push_idle_timeouts(p, of, d, err);
            if (st == KW_OK && !o->n_max_replicas) st = push_ceilings(p, of, d, err);
        }
    return st;
}

/* Another idle timeout or concurrency that changed nothing, in any replication it had. */
static bool made_no_difference(const struct kw_plan *p, size_t i, size_t enumerated)
{
    const struct kw_point *x = &p->points[i];
    const struct kw_candidate *a = &p->candidates[i];
    const struct kw_choice *c = kw_plan_serverless(p, i);
    if (!a->as_written && kw_candidate_pools_alike(a) && a->choice[0].platform->kind == KW_KIND_SERVERLESS)
        c = &a->choice[0];
    if (i < enumerated && (!c || kw_choice_concurrency_is_default(c))) return false;
    for (size_t j = 0; j < i; j++) {
        const struct kw_point *y = &p->points[j];
        if (p->family[i] != p->family[j] || y->replications < x->replications ||
            p->candidates[i].choice[0].scaling.keep_warm != p->candidates[j].choice[0].scaling.keep_warm)
            continue;
        if (!memcmp(x->sample, y->sample, x->replications * sizeof *x->sample)) return true;
    }
    return false;
}

/* What was not simulated to its end is not part of the answer, nor what differs from another in nothing that shows. An
 * equal of the best or the runner-up comes after it in every order, so dropping it changes neither. */
static void drop_idle(struct kw_plan *p, bool *drop, size_t enumerated)
{
    struct kw_plan_count *c = &p->count;
    size_t kept = 0;
    c->candidates = p->n;
    c->bounded = c->stopped = c->simulated = c->raced = 0;
    for (size_t i = 0; i < p->n; i++) {
        drop[i] = !known(p, i) || made_no_difference(p, i, enumerated);
        c->simulated += known(p, i);
        c->raced += known(p, i) && !p->points[i].pruned;
        *(p->points[i].pruned ? &c->stopped : &c->bounded) += !known(p, i);
    }
    for (size_t i = 0; i < p->n; i++) {
        if (drop[i]) {
            kw_candidate_free(&p->candidates[i]);
            kw_point_free(&p->points[i]);
            continue;
        }
        p->candidates[kept] = p->candidates[i];
        p->points[kept] = p->points[i];
        kept++;
    }
    assert((kept > 0 || p->n == 0) && "what was looked at first stays");
    p->n = kept;
}

/* Progress over the sweeps of one plan as one count. */
struct relay {
    const struct kw_sweep_options *user;
    uint64_t before;
};

static void relay_progress(void *ctx, uint64_t done, uint64_t total)
{
    const struct relay *r = ctx;
    r->user->progress(r->user->progress_ctx, r->before + done, r->before + total);
}

static void count(struct kw_plan *p, const struct race *r, struct relay *relay)
{
    struct kw_sweep_count c = kw_sweep_done(r->sweep);
    p->simulations += c.simulations;
    p->simulations_shared += c.shared;
    p->simulations_stopped += c.stopped;
    p->requests += c.requests;
    relay->before += c.simulations;
}

/* The trace itself, of every candidate, none of them stopped on the way. */
static enum kw_status look_at_all(struct race *r, struct kw_error *err)
{
    struct kw_plan *p = r->p;
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        p->points[i].pruned = false;
        if (!known(p, i)) r->batch[n++] = i; /* a race before may have raced the others */
    }
    enum kw_status st = n ? advance(r, n, 1, err) : KW_OK;
    for (size_t i = 0; i < p->n; i++) r->batch[i] = i;
    return st;
}

static enum kw_status evaluate_all(struct race *r, const struct kw_plan_options *o, struct kw_error *err)
{
    enum kw_status st;
    if (o->exhaustive) {
        st = look_at_all(r, err); /* which tells whom a precision is asked of */
        if (st == KW_OK) st = finish(r, r->p->n, err);
    } else if (o->frontier) { /* which what costs too much to be the best may be on */
        st = look_at_all(r, err);
        if (st == KW_OK) st = finish_contenders(r, err);
    } else {
        if ((st = first_look(r, err)) != KW_OK || (st = run_race(r, err)) != KW_OK) return st;
        st = finish_contenders(r, err);
    }
    r->p->simulations_exhaustive = kw_sweep_size(r->sweep, r->all);
    return st;
}

static enum kw_status search_start(struct kw_plan *p, const struct kw_study *study, const struct kw_sweep_options *run,
                                   struct relay *relay, struct kw_error *err)
{
    struct race r;
    enum kw_status st = open_race(&r, p, study, run, err);
    if (st == KW_OK) st = first_look(&r, err);
    if (st == KW_OK) count(p, &r, relay);
    close_race(&r);
    return st;
}

/* Points of their own for the candidates from `before` on; on failure the plan has those it had. */
static enum kw_status take_added(struct kw_plan *p, size_t before, enum kw_status st, struct kw_error *err)
{
    if (st == KW_OK) st = grow_points(p, before, err);
    while (st != KW_OK && p->n > before) kw_candidate_free(&p->candidates[--p->n]); /* those have no points */
    return st == KW_OK ? kw_plan_families(p, err) : st;
}

/* A first look at what is there, and at other settings around the leaders while one of these leads. */
static enum kw_status look_around(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                                  const struct kw_sweep_options *run, struct relay *relay, struct kw_error *err)
{
    enum kw_status st = search_start(p, study, run, relay, err);
    for (int round = 0; round < ROUNDS && st == KW_OK; round++) {
        size_t before = p->n;
        st = take_added(p, before, add_settings(p, o, round, err), err);
        if (st != KW_OK || p->n == before) break;
        st = search_start(p, study, run, relay, err);
    }
    return st;
}

/* Deployments by region, hybrids and mixes. */
static enum kw_status widen(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                            struct kw_error *err)
{
    size_t before = p->n;
    enum kw_status st = kw_plan_regions(p, before, study->trace, o, err);
    if (st == KW_OK && o->hybrids) st = kw_plan_hybrids(p, before, study, o, err);
    if (st == KW_OK && o->mixes) st = kw_plan_mixes(p, before, err);
    return take_added(p, before, st, err);
}

/* The same of the hybrids, once they are there. */
static enum kw_status look_around_hybrids(struct kw_plan *p, const struct kw_study *study,
                                          const struct kw_plan_options *o, const struct kw_sweep_options *run,
                                          struct relay *relay, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    for (int round = 0; round < ROUNDS && st == KW_OK; round++) {
        st = search_start(p, study, run, relay, err);
        size_t before = p->n;
        if (st == KW_OK) st = take_added(p, before, add_hybrid_settings(p, o, err), err);
        if (p->n == before) break;
    }
    return st;
}

/* Schedules and other mitigations are those of what every search knows, however much it leaves out: of all that was looked
 * at before the race, and of what the race has to simulate, since it may contend and be the cheapest of its offer. */
static bool *looked_at(const struct kw_plan *p)
{
    bool *settled = malloc((p->n + 1) * sizeof *settled);
    for (size_t i = 0; settled && i < p->n; i++) settled[i] = known(p, i);
    return settled;
}

static void settle(struct race *r)
{
    struct kw_plan *p = r->p;
    double limit = contending_cost(p);
    cheapest_of_families(r);
    for (size_t i = 0; i < p->n; i++)
        if (known(p, i) && cost_of(p, (ptrdiff_t)i) <= fmin(limit, r->lowest[p->family[i]])) p->settled[i] = true;
}

/* With points of their own; on failure the plan has the candidates it had. */
static enum kw_status add_mitigations(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                                      struct kw_error *err)
{
    size_t before = p->n;
    enum kw_status st = o->no_schedules ? KW_OK : kw_plan_schedules(p, study, o, err);
    if (st == KW_OK) st = kw_plan_mitigations(p, study, o, err);
    if (st == KW_OK && p->n > before) st = grow_points(p, before, err);
    while (st != KW_OK && p->n > before) kw_candidate_free(&p->candidates[--p->n]);
    return st == KW_OK && p->n > before ? kw_plan_families(p, err) : st;
}

enum kw_status kw_plan_search(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                              struct kw_error *err)
{
    struct relay relay = { .user = &o->run };
    struct kw_sweep_options run = o->run;
    if (run.progress) {
        run.progress = relay_progress;
        run.progress_ctx = &relay;
    }
    p->simulations = p->simulations_shared = p->simulations_stopped = p->requests = 0;
    for (size_t i = 0; p->points && i < p->n; i++) kw_point_free(&p->points[i]); /* of an earlier run */
    size_t enumerated = p->n;
    enum kw_status st = grow_points(p, 0, err);
    if (st == KW_OK) st = kw_plan_families(p, err);
    if (st == KW_OK) st = look_around(p, study, o, &run, &relay, err);
    size_t alone = p->n;
    if (st == KW_OK) st = widen(p, study, o, err);
    if (st == KW_OK && p->n > alone) st = look_around_hybrids(p, study, o, &run, &relay, err);
    if (st == KW_OK && !(p->settled = looked_at(p))) st = kw_fail(err, KW_ENOMEM, "out of memory for a plan");
    if (st != KW_OK) return st;
    /* A second race, for its sweep must know the candidates just added; what was simulated so far stays in the points.
     */
    struct race r;
    st = open_race(&r, p, study, &run, err);
    if (st == KW_OK) st = evaluate_all(&r, o, err);
    if (st == KW_OK) count(p, &r, &relay);
    if (st == KW_OK) settle(&r);
    size_t found = p->n;
    if (st == KW_OK) st = add_mitigations(p, study, o, err);
    free(p->settled);
    p->settled = NULL;
    if (st == KW_OK && p->n > found) { /* and a third, for those */
        close_race(&r);
        st = open_race(&r, p, study, &run, err);
        if (st == KW_OK) st = evaluate_all(&r, o, err);
        if (st == KW_OK) count(p, &r, &relay);
    }
    if (st == KW_OK) drop_idle(p, r.open, enumerated);
    if (st == KW_OK) kw_plan_schedules_settle(p);
    close_race(&r);
    return st;
}

/* Bounds of one kind's cheapest take in what the tokens alone keep a replica busy: a candidate that meets the objectives
 * loses no more than a few requests. */
static enum kw_status raise_floors(struct race *r, struct kw_error *err)
{
    const double served = 0.98;
    double computed = 0;
    uint32_t ppm = UINT32_MAX; /* which computed is of */
    enum kw_status st = KW_OK;
    for (size_t i = 0; i < r->p->n && st == KW_OK; i++) {
        const struct kw_choice *c = kw_plan_serverless(r->p, i);
        if (!c || !kw_choice_meter(c)->bills[KW_PHASE_ACTIVE] || kw_choice_meter(c)->window) continue;
        if (c->tokens_ppm != ppm) computed = kw_plan_computed(r->study->trace, ppm = c->tokens_ppm);
        struct kw_usage u = { .kind = KW_KIND_SERVERLESS,
                              .window = r->study->trace->span,
                              .month = kw_study_month(r->study) };
        double busy = served * computed * kw_plan_least_token_s(c) * kw_gpus_per_replica(c->gpu, c->gpus);
        if (busy > 9e9) continue; /* beyond int64 ns */
        struct kw_tariff tariff = kw_choice_tariff(c);
        struct kw_bill bill;
        u.gpu_ns[KW_PHASE_ACTIVE] = (int64_t)(busy * 1e9);
        st = kw_bills(&bill, &u, &tariff, 1, true, err);
        if (st == KW_OK) r->floor[i] = fmax(r->floor[i], kw_nano_to_double(bill.total));
    }
    return st;
}

static enum kw_status race_for_cheapest(struct kw_plan *p, const struct kw_study *study, double near,
                                        const struct kw_sweep_options *run, struct kw_error *err)
{
    struct race r;
    struct relay relay = { .user = run };
    enum kw_status st = open_race(&r, p, study, run, err);
    r.near = near;
    if (st == KW_OK) st = raise_floors(&r, err);
    if (st == KW_OK) st = run_race(&r, err);
    if (st == KW_OK) count(p, &r, &relay);
    close_race(&r);
    return st;
}

enum kw_status kw_plan_cheapest(struct kw_plan *p, const struct kw_study *study, const struct kw_plan_options *o,
                                bool widened, struct kw_error *err)
{
    const double leading = 2.5; /* another platform's best, whose other settings may be the cheapest */
    size_t enumerated = p->n;
    enum kw_status st = grow_points(p, 0, err);
    if (st == KW_OK) st = kw_plan_families(p, err);
    if (st == KW_OK) st = race_for_cheapest(p, study, widened ? leading : KW_PLAN_NEAR, &o->run, err);
    if (st == KW_OK && widened) {
        st = take_added(p, enumerated, add_settings(p, o, 0, err), err);
        if (st == KW_OK && p->n > enumerated) st = race_for_cheapest(p, study, KW_PLAN_NEAR, &o->run, err);
    }
    if (st == KW_OK) p->best = cheapest(p, -1);
    return st;
}
