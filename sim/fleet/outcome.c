#include "sim/fleet/outcome.h"
#include <stdlib.h>
#include <string.h>

static void drop_arrays(struct kw_outcome *o)
{
    struct kw_series *s = &o->series;
    for (uint32_t i = 0; i < KW_FLEET_MAX_DEPLOYMENTS; i++) {
        free(o->ledger[i].lives);
        free(o->ledger[i].before);
        free(o->ledger[i].nodes);
        free(o->ledger[i].nodes_before);
    }
    free(o->records);
    free(s->arrivals);
    free(s->completions);
    free(s->rejections);
    free(s->queue);
    free(s->ready_busy);
    free(s->ready_idle);
    free(s->starting);
}

enum kw_status kw_outcome_init(struct kw_outcome *o, struct kw_error *err)
{
    *o = (struct kw_outcome){ 0 };
    struct kw_hist *h[] = { &o->ttft, &o->tpot, &o->itl, &o->e2e, &o->start };
    for (int i = 0; i < 5; i++) {
        enum kw_status st = kw_hist_init(h[i], err);
        if (st == KW_OK) continue;
        kw_outcome_free(o);
        return st;
    }
    return KW_OK;
}

void kw_outcome_free(struct kw_outcome *o)
{
    drop_arrays(o);
    struct kw_hist *h[] = { &o->ttft, &o->tpot, &o->itl, &o->e2e, &o->start };
    for (int i = 0; i < 5; i++) kw_hist_free(h[i]);
    for (uint32_t i = 0; i < o->group_cap; i++) {
        kw_hist_free(&o->group[i].ttft);
        kw_hist_free(&o->group[i].tpot);
        kw_hist_free(&o->group[i].e2e);
        kw_hist_free(&o->group[i].start);
    }
    free(o->group);
    *o = (struct kw_outcome){ 0 };
}

void kw_outcome_clear(struct kw_outcome *o)
{
    drop_arrays(o);
    struct kw_hist kept[] = { o->ttft, o->tpot, o->itl, o->e2e, o->start };
    for (int i = 0; i < 5; i++) kw_hist_clear(&kept[i]);
    for (uint32_t i = 0; i < o->group_cap; i++) {
        struct kw_group_outcome *g = &o->group[i];
        kw_hist_clear(&g->ttft);
        kw_hist_clear(&g->tpot);
        kw_hist_clear(&g->e2e);
        kw_hist_clear(&g->start);
        *g = (struct kw_group_outcome){ .ttft = g->ttft, .tpot = g->tpot, .e2e = g->e2e, .start = g->start };
    }
    *o = (struct kw_outcome){ .ttft = kept[0],
                              .tpot = kept[1],
                              .itl = kept[2],
                              .e2e = kept[3],
                              .start = kept[4],
                              .group = o->group,
                              .group_cap = o->group_cap };
}

enum kw_status kw_outcome_groups(struct kw_outcome *o, uint32_t n_classes, struct kw_error *err)
{
    uint32_t classes = n_classes > 1 ? n_classes : 0, n = classes + (o->n_deployments > 1 ? o->n_deployments : 0);
    if (n > o->group_cap) {
        struct kw_group_outcome *p = realloc(o->group, n * sizeof *p);
        if (!p) return kw_fail(err, KW_ENOMEM, "no memory for the figures of %u groups", n);
        o->group = p;
        for (; o->group_cap < n; o->group_cap++) {
            p = &o->group[o->group_cap];
            *p = (struct kw_group_outcome){ .arrived = 0 };
            enum kw_status st = kw_hist_init(&p->ttft, err);
            if (st == KW_OK && (st = kw_hist_init(&p->tpot, err)) == KW_OK) st = kw_hist_init(&p->e2e, err);
            if (st == KW_OK) st = kw_hist_init(&p->start, err);
            if (st == KW_OK) continue;
            kw_hist_free(&p->ttft);
            kw_hist_free(&p->tpot);
            kw_hist_free(&p->e2e);
            return st;
        }
    }
    o->n_classes = classes;
    o->n_groups = n;
    return KW_OK;
}

struct kw_outcome kw_outcome_with_times(const struct kw_outcome *o, struct kw_outcome *times)
{
    struct kw_outcome x = *o;
    for (uint32_t i = 0; i < o->n_groups; i++) {
        struct kw_group_outcome told = times->group[i], *g = &times->group[i];
        *g = o->group[i];
        g->ttft = told.ttft;
        g->tpot = told.tpot;
        g->e2e = told.e2e;
        g->start = told.start; /* its own, which nobody fills */
        g->attained = told.attained;
        g->done = told.done;
        g->good = told.good;
    }
    x.group = times->group;
    x.ttft = times->ttft;
    x.tpot = times->tpot;
    x.e2e = times->e2e;
    x.attained = times->attained;
    x.done = times->done;
    x.good = times->good;
    return x;
}

/* Each request is one of one class and of one deployment: both add up to the whole. */
static bool groups_add_up(const struct kw_outcome *o)
{
    for (int side = 0; side < 2; side++) {
        uint32_t from = side ? o->n_classes : 0, to = side ? o->n_groups : o->n_classes;
        uint64_t arrived = 0, completed = 0, cold = 0, attained = 0, ttft = 0, done = 0;
        for (uint32_t i = from; i < to; i++) {
            arrived += o->group[i].arrived;
            completed += o->group[i].completed;
            cold += o->group[i].cold;
            attained += o->group[i].attained;
            done += o->group[i].done;
            ttft += o->group[i].ttft.n;
        }
        if (from < to && (arrived != o->arrived || completed != o->completed || cold != o->cold ||
                          attained != o->attained || ttft != o->completed || done != o->done))
            return false;
    }
    return true;
}

static enum kw_status check_ledger(const struct kw_ledger *l, const char *name, kw_ns window, struct kw_error *err)
{
    kw_ns sum[KW_PHASES] = { 0 };
    kw_i128 alive = 0;
    uint64_t ended = l->completed + l->rejected + l->timed_out + l->too_long, served = 0;
    if (l->requests != ended)
        return kw_fail(err, KW_EFAIL, "%s: %llu requests came and %llu ended", name, (unsigned long long)l->requests,
                       (unsigned long long)ended);
    if (l->held_ns < 0 || (!l->held && l->held_ns))
        return kw_fail(err, KW_EFAIL, "%s: %llu requests were held for %lld ns", name, (unsigned long long)l->held,
                       (long long)l->held_ns);
    if (l->pings_answered > l->pings)
        return kw_fail(err, KW_EFAIL, "%s: %llu of %llu pings were answered", name,
                       (unsigned long long)l->pings_answered, (unsigned long long)l->pings);
    if (l->adapter_requests > l->requests || l->adapter_cold > l->adapter_requests)
        return kw_fail(err, KW_EFAIL, "%s: %llu requests waited for an adapter, of %llu of adapters, of %llu in all",
                       name, (unsigned long long)l->adapter_cold, (unsigned long long)l->adapter_requests,
                       (unsigned long long)l->requests);
    if (l->tokens_loaded < 0 || l->tokens_loaded > l->tokens_cached || l->tokens_cached > l->tokens_in)
        return kw_fail(err, KW_EFAIL, "%s: %lld tokens were loaded, of %lld cached, of %lld in all", name,
                       (long long)l->tokens_loaded, (long long)l->tokens_cached, (long long)l->tokens_in);
    if (l->carried > l->completed || l->carried_in > l->tokens_in || l->carried_cached > l->tokens_cached ||
        l->carried_cache_write > l->tokens_cache_write || l->carried_out > l->tokens_out)
        return kw_fail(err, KW_EFAIL, "%s: units carried more than was completed", name);
    for (uint64_t i = 0; i < l->lives_n; i++) {
        const struct kw_life *life = &l->lives[i];
        kw_ns all = 0;
        for (int p = 0; p < KW_PHASES; p++) {
            if (life->phase[p] < 0)
                return kw_fail(err, KW_EFAIL, "%s: life %llu has a negative phase", name, (unsigned long long)i);
            all += life->phase[p];
            sum[p] += life->phase[p];
        }
        if (life->born + all != life->gone)
            return kw_fail(err, KW_EFAIL, "%s: the phases of life %llu do not add up to it", name,
                           (unsigned long long)i);
        if (life->born < 0 || life->gone > window)
            return kw_fail(err, KW_EFAIL, "%s: life %llu reaches beyond the window", name, (unsigned long long)i);
        served += life->requests;
        if (!life->standin) alive += all - life->phase[KW_PHASE_DRAIN];
    }
    if (l->max_replicas && alive > (kw_i128)l->max_replicas * window)
        return kw_fail(err, KW_EFAIL, "%s: replicas were alive for longer than %u can be", name, l->max_replicas);
    if (memcmp(sum, l->phase, sizeof sum))
        return kw_fail(err, KW_EFAIL, "%s: phase sums differ from the sum over lives", name);
    if (l->lives_n && served + l->late != l->completed)
        return kw_fail(err, KW_EFAIL, "%s: replicas served %llu requests and %llu late, %llu completed", name,
                       (unsigned long long)served, (unsigned long long)l->late, (unsigned long long)l->completed);
    return KW_OK;
}

/* Nodes: lives that add up, never more at once than was told, and on them exactly the replicas that have left their
 * PROVISION. What a failed start spent there is not told apart any more. */
static enum kw_status check_nodes(const struct kw_ledger *l, const char *name, kw_ns window, struct kw_error *err)
{
    kw_i128 up = 0, there = 0, taken = 0;
    bool failed = false;
    for (uint64_t i = 0; i < l->nodes_n; i++) {
        const struct kw_life *n = &l->nodes[i];
        kw_ns all = 0;
        bool negative =
            n->phase[KW_PHASE_PROVISION] < 0 || n->phase[KW_PHASE_ACTIVE] < 0 || n->phase[KW_PHASE_IDLE] < 0;
        for (int p = 0; p < KW_PHASES; p++) all += n->phase[p];
        if (negative || n->born + all != n->gone || n->born < 0 || n->gone > window)
            return kw_fail(err, KW_EFAIL, "%s: the life of node %llu does not add up", name, (unsigned long long)i);
        there += all;
        up += n->phase[KW_PHASE_ACTIVE] + n->phase[KW_PHASE_IDLE];
    }
    for (uint64_t i = 0; i < l->lives_n; i++) {
        taken += l->lives[i].gone - l->lives[i].born - l->lives[i].phase[KW_PHASE_PROVISION];
        failed |= l->lives[i].failed;
    }
    if (there > (kw_i128)l->peak_nodes * window || l->places_taken > (kw_i128)l->places * up)
        return kw_fail(err, KW_EFAIL, "%s: more was on %u nodes of %u than they hold", name, l->peak_nodes, l->places);
    if (!failed && taken != l->places_taken)
        return kw_fail(err, KW_EFAIL, "%s: replicas were on nodes for %lld ns, nodes had them for %lld ns", name,
                       (long long)taken, (long long)l->places_taken);
    return KW_OK;
}

/* Conservation, in release builds too: O(lives), once a run. A result that does not add up is never returned. */
enum kw_status kw_outcome_check(const struct kw_outcome *o, const struct kw_deployment *d, struct kw_error *err)
{
    uint64_t routed = 0;
    for (uint32_t i = 0; i < o->n_deployments; i++) {
        enum kw_status st = check_ledger(&o->ledger[i], d[i].name, o->window, err);
        if (st == KW_OK && o->ledger[i].places) st = check_nodes(&o->ledger[i], d[i].name, o->window, err);
        if (st != KW_OK) return st;
        routed += o->ledger[i].requests;
    }
    if (o->arrived != routed || o->arrived != o->completed + o->rejected + o->timed_out + o->too_long)
        return kw_fail(err, KW_EFAIL, "%llu requests arrived, %llu were routed, %llu + %llu + %llu + %llu ended",
                       (unsigned long long)o->arrived, (unsigned long long)routed, (unsigned long long)o->completed,
                       (unsigned long long)o->rejected, (unsigned long long)o->timed_out,
                       (unsigned long long)o->too_long);
    if (o->ttft.n != o->completed || o->e2e.n != o->completed || o->tpot.n > o->completed || o->attained > o->completed)
        return kw_fail(err, KW_EFAIL, "histograms hold %llu and %llu of %llu completed requests",
                       (unsigned long long)o->ttft.n, (unsigned long long)o->e2e.n, (unsigned long long)o->completed);
    if (!groups_add_up(o)) return kw_fail(err, KW_EFAIL, "the requests of classes or deployments do not add up");
    return KW_OK;
}
