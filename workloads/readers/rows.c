#include "workloads/readers/rows.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "workloads/readers/row_ids.h"
#include "workloads/sessions.h"

void kw_rows_init(struct kw_rows *r)
{
    memset(r, 0, sizeof *r);
    r->t.epoch_unix = INT64_MIN;
}

static void names_free(struct kw_names *s)
{
    for (size_t i = 0; i < s->n; i++) free(s->name[i]);
    free(s->name);
    free(s->slot);
    memset(s, 0, sizeof *s);
}

void kw_rows_free(struct kw_rows *r)
{
    kw_trace_free(&r->t);
    names_free(&r->models);
    names_free(&r->classes);
    names_free(&r->regions);
    names_free(&r->owners);
    free(r->of);
    r->of = NULL;
    r->cap = r->hash_cap = 0;
}

static uint32_t spread(const char *p, size_t n) /* FNV-1a, Fowler, Noll, Vo; only for finding slots */
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)p[i]) * 16777619u;
    return h;
}

static size_t names_slot(const struct kw_names *s, const char *p, size_t n)
{
    assert(s->slots && (s->slots & (s->slots - 1)) == 0 && 2 * s->n <= s->slots); /* else the walk may not end */
    size_t i = spread(p, n) & (s->slots - 1);
    for (; s->slot[i]; i = (i + 1) & (s->slots - 1)) {
        const char *have = s->name[s->slot[i] - 1];
        if (strlen(have) == n && memcmp(have, p, n) == 0) break;
    }
    return i;
}

static enum kw_status names_grow(struct kw_names *s, struct kw_error *err)
{
    size_t slots = s->slots ? s->slots * 2 : 64;
    char **name = realloc(s->name, slots / 2 * sizeof *name);
    if (name) s->name = name;
    uint32_t *slot = calloc(slots, sizeof *slot);
    if (!name || !slot) {
        free(slot);
        return kw_fail(err, KW_ENOMEM, "out of memory for names");
    }
    free(s->slot);
    s->slot = slot;
    s->slots = slots;
    for (size_t i = 0; i < s->n; i++) s->slot[names_slot(s, s->name[i], strlen(s->name[i]))] = (uint32_t)i + 1;
    return KW_OK;
}

/* O(1) a row: millions of rows name a handful of models. Numbers are given in order of first appearance, so that the
 * same file gives the same numbers. */
static enum kw_status names_index(struct kw_names *s, struct kw_span x, uint16_t *out, struct kw_error *err)
{
    if (x.n > KW_NAME_MAX) x.n = KW_NAME_MAX; /* a name is a label; longer text is not one */
    if (s->n) {                               /* mostly the row before had it, too */
        const char *last = s->name[s->last];
        *out = s->last;
        if (strlen(last) == x.n && memcmp(last, x.p, x.n) == 0) return KW_OK;
    }
    size_t at = 0;
    if (s->slots && s->slot[at = names_slot(s, x.p, x.n)]) {
        *out = s->last = (uint16_t)(s->slot[at] - 1);
        return KW_OK;
    }
    if (s->n > UINT16_MAX)
        return kw_fail(err, KW_ERANGE,
                       "more than 65536 different models, classes, regions or owners: is it the right column?");
    if (2 * (s->n + 1) > s->slots) {
        enum kw_status st = names_grow(s, err);
        if (st != KW_OK) return st;
        at = names_slot(s, x.p, x.n);
    }
    char *copy = malloc(x.n + 1);
    if (!copy) return kw_fail(err, KW_ENOMEM, "out of memory for names");
    memcpy(copy, x.p, x.n);
    copy[x.n] = 0;
    s->name[s->n] = copy;
    s->slot[at] = (uint32_t)++s->n;
    *out = s->last = (uint16_t)(s->n - 1);
    return KW_OK;
}

/* One column to cap entries; the old block stays valid when it fails. */
static bool grow(void **column, size_t cap, size_t size)
{
    void *p = realloc(*column, cap * size);
    if (p) *column = p;
    return p != NULL;
}

static enum kw_status more_rows(struct kw_rows *r, const struct kw_row *row, struct kw_error *err)
{
    struct kw_trace *t = &r->t;
    size_t cap = r->cap ? r->cap + r->cap / 2 : 4096;
    if (t->n >= KW_TRACE_MAX_ROWS) return kw_fail(err, KW_ERANGE, "more than %u requests", KW_TRACE_MAX_ROWS);
    bool ok = grow((void **)&t->arrival, cap, sizeof *t->arrival) &&
              grow((void **)&t->prompt, cap, sizeof *t->prompt) && grow((void **)&t->output, cap, sizeof *t->output);
    if (ok && (t->n ? t->model != NULL : row->model.p != NULL)) ok = grow((void **)&t->model, cap, sizeof *t->model);
    if (ok && (t->n ? t->cached != NULL : row->says_cached)) ok = grow((void **)&t->cached, cap, sizeof *t->cached);
    if (ok && (t->n ? t->written != NULL : row->says_written)) ok = grow((void **)&t->written, cap, sizeof *t->written);
    if (ok && (t->n ? t->klass != NULL : row->klass.p != NULL)) ok = grow((void **)&t->klass, cap, sizeof *t->klass);
    if (ok && (t->n ? t->region != NULL : row->region.p != NULL))
        ok = grow((void **)&t->region, cap, sizeof *t->region);
    if (ok && (t->n ? t->owner != NULL : row->owner.p != NULL)) ok = grow((void **)&t->owner, cap, sizeof *t->owner);
    if (ok && (t->n ? t->charged != NULL : row->says_charged)) ok = grow((void **)&t->charged, cap, sizeof *t->charged);
    if (ok && (t->n ? t->id != NULL : row->says_id)) ok = grow((void **)&t->id, cap, sizeof *t->id);
    if (ok && (t->n ? t->start != NULL : row->says_start)) ok = grow((void **)&t->start, cap, sizeof *t->start);
    if (ok && (t->n ? t->gpu != NULL : row->says_gpu)) ok = grow((void **)&t->gpu, cap, sizeof *t->gpu);
    if (ok && (t->n ? r->of != NULL : row->says_session))
        ok = grow((void **)&r->of, cap, sizeof *r->of) && grow((void **)&t->think, cap, sizeof *t->think);
    if (ok && t->ttft) ok = grow((void **)&t->ttft, cap, sizeof *t->ttft);
    if (ok && t->e2e) ok = grow((void **)&t->e2e, cap, sizeof *t->e2e);
    if (ok && (t->n ? t->hash_at != NULL : row->hash != NULL)) {
        ok = grow((void **)&t->hash_at, cap + 1, sizeof *t->hash_at);
        if (ok && t->n == 0) t->hash_at[0] = 0;
    }
    if (!ok) return kw_fail(err, KW_ENOMEM, "out of memory for %zu requests", cap);
    r->cap = cap;
    return KW_OK;
}

static enum kw_status more_hashes(struct kw_rows *r, size_t need, struct kw_error *err)
{
    if (need > UINT32_MAX) return kw_fail(err, KW_ERANGE, "more than %u prefix hashes", UINT32_MAX);
    size_t cap = r->hash_cap ? r->hash_cap : 4096;
    while (cap < need) cap += cap / 2;
    if (!grow((void **)&r->t.hash, cap, sizeof *r->t.hash))
        return kw_fail(err, KW_ENOMEM, "out of memory for %zu prefix hashes", cap);
    r->hash_cap = cap;
    return KW_OK;
}

/* A latency into its column, which the first row that has one makes: a log without any pays nothing. */
static enum kw_status put_latency(struct kw_rows *r, kw_ns **column, kw_ns value, struct kw_error *err)
{
    if (value < 0 && !*column) return KW_OK;
    if (!*column) {
        if (!(*column = malloc(r->cap * sizeof **column)))
            return kw_fail(err, KW_ENOMEM, "out of memory for %zu latencies", r->cap);
        for (size_t i = 0; i < r->t.n; i++) (*column)[i] = -1;
    }
    (*column)[r->t.n] = value;
    return KW_OK;
}

/* Amortised O(1) a row. Whether optional columns exist is decided by the first row kept; afterwards a row without a
 * value has the empty name. Clocks that jump back are only noted here and sorted once at the end. */
enum kw_status kw_rows_push(struct kw_rows *r, const struct kw_row *row, struct kw_error *err)
{
    struct kw_trace *t = &r->t;
    enum kw_status st;
    if (row->prompt == 0 || row->output == 0) {
        if (!r->drop_zero)
            return kw_fail(err, KW_ERANGE, "0 %s tokens (zero=drop leaves such rows out)",
                           row->prompt == 0 ? "prompt" : "output");
        t->notes.rows++;
        if (row->output == 0)
            t->notes.dropped_failed++;
        else
            t->notes.dropped_other++;
        return KW_OK;
    }
    if (row->prompt > KW_TRACE_MAX_TOKENS || row->output > KW_TRACE_MAX_TOKENS)
        return kw_fail(err, KW_ERANGE, "%llu %s tokens in one request (limit %d)",
                       (unsigned long long)(row->prompt > KW_TRACE_MAX_TOKENS ? row->prompt : row->output),
                       row->prompt > KW_TRACE_MAX_TOKENS ? "prompt" : "output", KW_TRACE_MAX_TOKENS);
    uint64_t cached = (row->says_cached ? row->cached : 0) + (row->says_written ? row->written : 0);
    if (cached > row->prompt)
        return kw_fail(err, KW_ERANGE,
                       "%llu cached tokens of %llu in the prompt (where they stand beside it: prompt=NAME+CACHED)",
                       (unsigned long long)cached, (unsigned long long)row->prompt);
    if (t->n == r->cap && (st = more_rows(r, row, err)) != KW_OK) return st;
    size_t n = t->n;
    if (t->model && (st = names_index(&r->models, row->model, &t->model[n], err)) != KW_OK) return st;
    if (t->klass && (st = names_index(&r->classes, row->klass, &t->klass[n], err)) != KW_OK) return st;
    if (t->region && (st = names_index(&r->regions, row->region, &t->region[n], err)) != KW_OK) return st;
    if (t->owner && (st = names_index(&r->owners, row->owner, &t->owner[n], err)) != KW_OK) return st;
    if (t->hash_at) {
        size_t have = t->hash_at[n], need = have + row->n_hash;
        if (need > r->hash_cap && (st = more_hashes(r, need, err)) != KW_OK) return st;
        if (row->n_hash) memcpy(t->hash + have, row->hash, row->n_hash * sizeof *t->hash);
        t->hash_at[n + 1] = (uint32_t)need;
    }
    assert(n < r->cap && (row->at >= 0 || row->session) &&
           (!row->says_ttft || !row->says_e2e || row->e2e >= row->ttft));
    if ((st = put_latency(r, &t->ttft, row->says_ttft ? row->ttft : -1, err)) != KW_OK) return st;
    if ((st = put_latency(r, &t->e2e, row->says_e2e ? row->e2e : -1, err)) != KW_OK) return st;
    t->arrival[n] = row->at;
    t->prompt[n] = (uint32_t)row->prompt;
    t->output[n] = (uint32_t)row->output;
    if (t->cached) t->cached[n] = (uint32_t)row->cached;
    if (t->written) t->written[n] = (uint32_t)row->written;
    if (t->charged) t->charged[n] = row->charged;
    if (t->id) t->id[n] = row->id;
    if (t->start) t->start[n] = row->start;
    if (t->gpu) t->gpu[n] = row->gpu;
    if (r->of) {
        r->of[n] = row->session;
        t->think[n] = row->think;
    }
    if (n && !r->of && row->at < r->last) {
        t->notes.clock_back++;
        if (r->last - row->at > t->notes.worst_back) t->notes.worst_back = r->last - row->at;
    }
    r->last = row->at;
    t->notes.rows++;
    t->n++;
    return KW_OK;
}

/* Gives back what a column over-allocated; a failed shrink keeps the block. */
static void shrink(void **column, size_t n, size_t size)
{
    if (!*column) return;
    void *p = realloc(*column, (n ? n : 1) * size);
    if (p) *column = p;
}

/* The pause before turn i, after turn `prev` that came at `came`. */
static enum kw_status pause_of(const struct kw_trace *t, size_t i, uint32_t prev, kw_ns came, kw_ns *out,
                               struct kw_error *err)
{
    kw_ns lasted = t->e2e ? t->e2e[prev] : -1;
    *out = t->think[i];
    if (*out >= 0) return KW_OK;
    if (t->arrival[i] < 0 || came < 0 || lasted < 0)
        return kw_fail(err, KW_ERANGE,
                       "a turn of a session says neither its pause (delay=) nor, with its arrival, when the answer "
                       "before it ended "
                       "(end= or e2e=)");
    *out = t->arrival[i] - came > lasted ? t->arrival[i] - came - lasted : 0; /* asked before the answer had ended */
    return KW_OK;
}

/* Who waits for whom, in the file's order. The window is taken to last until each session's last turn would come if answers took
 * no time. */
static enum kw_status join(struct kw_rows *r, struct kw_error *err)
{
    struct kw_trace *t = &r->t;
    struct kw_row_ids ids = { 0 };
    size_t n = t->n;
    uint32_t *last = malloc(n * sizeof *last); /* of the session that begins with i: its latest turn */
    kw_ns *came = malloc(n * sizeof *came), *until = malloc(n * sizeof *until);
    enum kw_status st = KW_OK;
    t->before = malloc(n * sizeof *t->before);
    t->then = malloc(n * sizeof *t->then);
    if (!last || !came || !until || !t->before || !t->then)
        st = kw_fail(err, KW_ENOMEM, "out of memory for the sessions of %zu requests", n);
    for (size_t i = 0; i < n && st == KW_OK; i++) {
        int64_t first = -1;
        if (r->of[i]) st = kw_row_ids_put(&ids, r->of[i], (uint32_t)i, &first, err);
        if (st != KW_OK) break;
        came[i] = t->arrival[i];
        if (first < 0) {
            if (t->arrival[i] < 0) st = kw_fail(err, KW_ERANGE, "the first turn of a session has no arrival");
            t->before[i] = KW_TRACE_NO_TURN;
            t->think[i] = 0;
            last[i] = (uint32_t)i;
            until[i] = t->arrival[i];
            continue;
        }
        uint32_t prev = last[first];
        if ((st = pause_of(t, i, prev, came[prev], &t->think[i], err)) != KW_OK) break;
        t->before[i] = prev;
        t->arrival[i] = t->arrival[first];
        last[first] = (uint32_t)i;
        until[first] += t->think[i];
        if (until[first] > r->until) r->until = until[first];
    }
    if (st == KW_OK) st = kw_sessions_join(t, r->added, 0, err);
    for (size_t i = 1; i < n && st == KW_OK; i++)
        if (t->arrival[i] < t->arrival[i - 1]) {
            st = kw_trace_sort(t, err);
            break;
        }
    kw_row_ids_free(&ids);
    free(last), free(came), free(until);
    return st;
}

/* Sorted only where a clock jumped back, stably: requests of one moment stay in the file's order, which decides who is
 * served first. */
enum kw_status kw_rows_finish(struct kw_rows *r, struct kw_trace *out, struct kw_error *err)
{
    struct kw_trace *t = &r->t;
    enum kw_status st;
    if (t->n == 0)
        return kw_fail(err, KW_ERANGE, "holds no requests (rows left out: %llu)", (unsigned long long)t->notes.rows);
    if (r->of && (st = join(r, err)) != KW_OK) return st;
    shrink((void **)&t->arrival, t->n, sizeof *t->arrival);
    shrink((void **)&t->prompt, t->n, sizeof *t->prompt);
    shrink((void **)&t->output, t->n, sizeof *t->output);
    shrink((void **)&t->cached, t->n, sizeof *t->cached);
    shrink((void **)&t->written, t->n, sizeof *t->written);
    shrink((void **)&t->model, t->n, sizeof *t->model);
    shrink((void **)&t->klass, t->n, sizeof *t->klass);
    shrink((void **)&t->region, t->n, sizeof *t->region);
    shrink((void **)&t->owner, t->n, sizeof *t->owner);
    shrink((void **)&t->charged, t->n, sizeof *t->charged);
    shrink((void **)&t->id, t->n, sizeof *t->id);
    shrink((void **)&t->start, t->n, sizeof *t->start);
    shrink((void **)&t->gpu, t->n, sizeof *t->gpu);
    shrink((void **)&t->ttft, t->n, sizeof *t->ttft);
    shrink((void **)&t->e2e, t->n, sizeof *t->e2e);
    shrink((void **)&t->think, t->n, sizeof *t->think);
    shrink((void **)&t->hash_at, t->n + 1, sizeof *t->hash_at);
    shrink((void **)&t->hash, t->hash_at ? t->hash_at[t->n] : 0, sizeof *t->hash);
    if (t->notes.clock_back && (st = kw_trace_sort(t, err)) != KW_OK) return st;
    bool widened = r->until > 0;
    kw_ns first = widened && r->from < t->arrival[0] ? r->from : t->arrival[0];
    t->epoch_part = first % KW_NS_PER_S;
    if (r->dated) {
        t->epoch_unix = first / KW_NS_PER_S;
    } else {
        t->origin = first;
    }
    for (size_t i = 0; i < t->n; i++) {
        t->arrival[i] -= first;
        assert(!i || t->arrival[i] >= t->arrival[i - 1]); /* what every reader of a trace relies on */
        t->notes.equal_times += i && t->arrival[i] == t->arrival[i - 1];
    }
    t->span = t->arrival[t->n - 1];
    if (widened && r->until - first > t->span) t->span = r->until - first;
    if (t->hash_at == NULL) t->hash_block = 0;
    t->model_name = r->models.name;
    t->n_models = r->models.n;
    t->class_name = r->classes.name;
    t->n_classes = r->classes.n;
    t->region_name = r->regions.name;
    t->n_regions = r->regions.n;
    if (t->n_regions == 1 && !t->region_name[0][0]) { /* a column that says nothing of any request */
        free(t->region_name[0]), free(t->region_name), free(t->region);
        t->region_name = NULL;
        t->region = NULL;
        t->n_regions = 0;
    }
    t->owner_name = r->owners.name;
    t->n_owners = r->owners.n;
    free(r->models.slot);
    free(r->classes.slot);
    free(r->regions.slot);
    free(r->owners.slot);
    free(r->of);
    *out = *t;
    kw_rows_init(r);
    return KW_OK;
}
