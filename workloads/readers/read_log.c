/* Any log of requests by its column map: records to rows, with what logs do: rows that failed, that repeat an id, that
 * a cache answered, that lack their tokens, or that stand for many requests. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "workloads/readers/guess.h"
#include "workloads/readers/jsonl.h"
#include "workloads/readers/load_test.h"
#include "workloads/readers/log_format.h"
#include "workloads/readers/reader.h"
#include "workloads/readers/records.h"
#include "workloads/readers/row_ids.h"
#include "workloads/readers/time_form.h"

enum { HEAD = 64 << 10, SAMPLES = 500 };
static const uint64_t most_in_bucket = 100000000;

/* What a word means is asked once while rows repeat it, and mostly they do; a few at a time, for models take turns. */
enum { ANSWERS = 8 };
struct answers {
    struct answer {
        char word[80];
        size_t n;
        enum kw_cell_kind kind;
        bool known, yes;
    } of[ANSWERS];
};

struct kw_log {
    struct kw_rows *r;
    struct kw_columns map;
    const struct kw_log_format *format; /* NULL: none is known */
    const char *inside;                 /* records.h; the format's, or of an envelope around any */
    enum kw_unit unit;
    struct kw_row_ids ids;
    struct kw_u64s hashes;
    struct imputed {
        uint32_t row;
        bool prompt, output;
    } * imputed;
    size_t n_imputed, imputed_cap;
    double known_prompt, known_output; /* sums over rows whose counts are known */
    uint64_t n_known;
    bool grouped_dots; /* "2.028" is 2028: a spreadsheet's file with semicolons */
    kw_ns shift;       /* added to local times after summer time ended */
    kw_ns stamp;       /* arrival as the record has it, less the duration: what its other times count from */
    struct kw_minute minute;
    bool observes; /* the map tells when tokens came */
    kw_ns last_local;
    bool accounts; /* whose a request is, and what it cost */
    char owner[KW_NAME_MAX + 1];
    kw_ns bucket; /* length, where no column says its end */
    struct answers passes[KW_MAP_FILTERS], succeeded, hit, generates;
    struct kw_rng rng;
    struct kw_load_test run; /* of results without start times */
};

/* ---- values ---- */

static bool is_blank_word(struct kw_span x)
{
    static const char *const blank[] = { "",    "null", "NULL", "None", "nan", "NaN", "NA",
                                         "N/A", "n/a",  "-",    "\\N",  "-1",  "-1.0" };
    for (size_t i = 0; i < sizeof blank / sizeof *blank; i++)
        if (strlen(blank[i]) == x.n && memcmp(blank[i], x.p, x.n) == 0) return true;
    return false;
}

static inline bool is_blank(const struct kw_cell *x)
{
    if (x->kind == KW_CELL_ABSENT || x->kind == KW_CELL_NULL) return true;
    if (x->text.n > 4 || (x->text.n && *x->text.p >= '0' && *x->text.p <= '9')) return false;
    return is_blank_word(x->text);
}

/* Digits in groups of three behind the first: 1,234,567. */
static bool is_grouped(struct kw_span s, char sep)
{
    size_t lead = 0;
    while (lead < s.n && s.p[lead] >= '0' && s.p[lead] <= '9') lead++;
    if (lead == 0 || lead > 3 || lead == s.n || (s.n - lead) % 4) return false;
    for (size_t i = lead; i < s.n; i++)
        if ((i - lead) % 4 == 0 ? s.p[i] != sep : s.p[i] < '0' || s.p[i] > '9') return false;
    return true;
}

static enum kw_status count_of(const struct kw_log *g, const struct kw_cell *x, uint64_t *out, struct kw_error *err)
{
    struct kw_span s = x->text;
    if (s.n && s.n <= 15) { /* nearly all: digits alone */
        uint64_t v = 0;
        size_t i = 0;
        for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) v = v * 10 + (uint64_t)(s.p[i] - '0');
        *out = v;
        if (i == s.n) return KW_OK;
    }
    char sep = is_grouped(s, ',') ? ',' : g->grouped_dots && is_grouped(s, '.') ? '.' : 0;
    if (!sep || s.n > 24) return kw_timestamp_count(s, out, err);
    char plain[32];
    size_t k = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != sep) plain[k++] = s.p[i];
    return kw_timestamp_count((struct kw_span){ plain, k }, out, err);
}

/* The first alternative whose terms are there and do not come out negative. *known false: none. */
static enum kw_status tokens(const struct kw_log *g, const struct kw_cell *cell, const struct kw_map_field *f,
                             uint64_t *out, bool *known, struct kw_error *err)
{
    *out = 0;
    *known = false;
    for (size_t a = 0; a < f->n && !*known; a++) {
        int64_t total = 0;
        bool all = true, any = false;
        for (size_t i = 0; i < f->alt[a].n && all; i++) {
            const struct kw_map_term *t = &f->alt[a].term[i];
            const struct kw_cell *x = &cell[t->path];
            uint64_t v = 0;
            bool blank = is_blank(x);
            all = !blank || t->optional;
            any |= !blank;
            enum kw_status st = blank ? KW_OK : count_of(g, x, &v, err);
            if (st != KW_OK) return st;
            total += t->minus ? -(int64_t)v : (int64_t)v;
        }
        *known = all && any && total >= 0;
        if (*known) *out = (uint64_t)total;
    }
    return KW_OK;
}

static const struct kw_cell *one(const struct kw_cell *cell, const struct kw_map_field *f)
{
    static const struct kw_cell none = { .kind = KW_CELL_ABSENT };
    for (size_t a = 0; a < f->n; a++)
        if (!is_blank(&cell[f->alt[a].term[0].path])) return &cell[f->alt[a].term[0].path];
    return f->n ? &cell[f->alt[f->n - 1].term[0].path] : &none;
}

static bool same_word(struct kw_span x, const char *word, size_t n)
{
    if (x.n != n) return false;
    for (size_t i = 0; i < n; i++)
        if ((x.p[i] | (x.p[i] >= 'A' && x.p[i] <= 'Z' ? 32 : 0)) !=
            (word[i] | (word[i] >= 'A' && word[i] <= 'Z' ? 32 : 0)))
            return false;
    return true;
}

static bool among(struct kw_span x, const char *words)
{
    for (const char *w = words; *w;) {
        size_t n = strcspn(w, "|");
        if ((n == 1 && *w == '*' && x.n) || same_word(x, w, n)) return true;
        w += n + (w[n] == '|');
    }
    return false;
}

/* Where the answer to this word is, or belongs. */
static struct answer *answer_of(struct answers *a, const struct kw_cell *x)
{
    size_t n = x->text.n;
    return &a->of[n ? (n + 3 * (unsigned char)x->text.p[n / 2] + (unsigned char)x->text.p[n - 1]) % ANSWERS : 0];
}

static bool remembers(const struct answer *a, const struct kw_cell *x)
{
    return a->known && a->kind == x->kind && a->n == x->text.n && (!a->n || !memcmp(a->word, x->text.p, a->n));
}

static bool remember(struct answer *a, const struct kw_cell *x, bool yes)
{
    a->known = x->text.n <= sizeof a->word;
    a->kind = x->kind;
    a->n = x->text.n;
    if (a->known && a->n) memcpy(a->word, x->text.p, a->n);
    return a->yes = yes;
}

static bool passes(const struct kw_map_filter *f, const struct kw_cell *cell)
{
    const struct kw_cell *x = &cell[f->path];
    bool named = among(x->text, f->words); /* a blank may be: Infinity, null */
    if (is_blank(x) && !named) return f->optional || f->none_of;
    return named != f->none_of;
}

/* Of a status that the map gives no words for: 2xx, or a word that means success. Blank says nothing. */
static bool succeeded(const struct kw_map_filter *f, const struct kw_cell *cell)
{
    static const char good[] =
        "success|succeeded|successful|ok|completed|complete|done|true|finished|200 ok|stop|length|unset";
    const struct kw_cell *x = &cell[f->path];
    if (*f->words) return is_blank(x) || among(x->text, f->words) != f->none_of;
    if (x->text.n == 3 && x->text.p[0] == '2' && x->text.p[1] >= '0' && x->text.p[1] <= '9') return true;
    return is_blank(x) || among(x->text, good);
}

static bool is_true(const struct kw_cell *x)
{
    return !is_blank(x) && !among(x->text, "false|0|no|miss|none|0.0|disabled");
}

static bool says_error(const struct kw_cell *x)
{
    return !is_blank(x) && !among(x->text, "false|0|no|{}|[]");
}

/* ---- rows ---- */

/* A row was seen at this time, whether it is kept or not: the log was open then. */
static void observed(struct kw_log *g, kw_ns at)
{
    struct kw_rows *r = g->r;
    if (!r->until || at < r->from) r->from = at;
    if (at > r->until) r->until = at;
}

/* A length, or the sum of a list of them. */
static enum kw_status one_length(const struct kw_cell *x, int exp10, kw_ns *out, struct kw_error *err)
{
    struct kw_span s = x->text;
    kw_ns v;
    *out = 0;
    if (x->kind != KW_CELL_LIST) return kw_timestamp_decimal(s, exp10, out, err);
    for (size_t at = 1; at < s.n;) {
        size_t k = 0;
        while (at + k < s.n && !strchr(",] \t\r\n", s.p[at + k])) k++;
        if (k) {
            enum kw_status st = kw_timestamp_decimal((struct kw_span){ s.p + at, k }, exp10, &v, err);
            if (st != KW_OK) return st;
            if (*out > INT64_MAX - v) return kw_fail(err, KW_ERANGE, "lengths that add up beyond 292 years");
            *out += v;
        }
        at += k + 1;
    }
    return KW_OK;
}

/* The first alternative whose terms are all there, added; *said false: none. */
static enum kw_status length_of(const struct kw_cell *cell, const struct kw_map_field *f, enum kw_unit unit, kw_ns *out,
                                bool *said, struct kw_error *err)
{
    int exp10 = unit == KW_UNIT_MS ? 6 : unit == KW_UNIT_US ? 3 : unit == KW_UNIT_NS ? 0 : 9;
    *said = false;
    for (size_t a = 0; a < f->n && !*said; a++) {
        kw_ns sum = 0, v;
        bool all = true;
        for (size_t i = 0; i < f->alt[a].n && all; i++) {
            const struct kw_cell *x = &cell[f->alt[a].term[i].path];
            if (!(all = !is_blank(x))) break;
            enum kw_status st = one_length(x, exp10, &v, err);
            if (st != KW_OK) return st;
            if (sum > INT64_MAX - v) return kw_fail(err, KW_ERANGE, "lengths that add up beyond 292 years");
            sum += f->alt[a].term[i].minus ? -v : v;
        }
        *said = all;
        if (all) *out = sum;
    }
    return KW_OK;
}

static enum kw_status arrival(struct kw_log *g, const struct kw_cell *cell, kw_ns *out, struct kw_error *err)
{
    const struct kw_cell *x = one(cell, &g->map.arrival);
    bool zoned;
    if (is_blank(x))
        return kw_fail(err, KW_EPARSE, "no \"%.60s\" in the record", g->map.path[g->map.arrival.alt[0].term[0].path]);
    if (g->unit == KW_UNIT_AUTO) {
        struct kw_time_samples s = { 0 };
        const char *why;
        kw_time_sample(&s, x->text);
        enum kw_status st = kw_time_settle(&s, g->map.path[g->map.arrival.alt[0].term[0].path], &g->unit, &why, err);
        if (st != KW_OK) return st;
    }
    enum kw_status st = kw_time_read(x->text, g->unit, &g->minute, out, &zoned, err);
    if (st != KW_OK) return st;
    if (!zoned) {
        kw_ns back = g->last_local - *out;
        g->r->t.notes.local_time = true;
        if (back >= 1800 * KW_NS_PER_S && back <= 3600 * KW_NS_PER_S && !g->shift && kw_time_falls_back(g->last_local))
            g->shift = 3600 * KW_NS_PER_S;
        g->last_local = *out;
        g->r->t.notes.fell_back += g->shift > 0;
    }
    kw_ns length = 0;
    bool said;
    if ((st = length_of(cell, &g->map.duration, g->map.duration_unit, &length, &said, err)) != KW_OK) return st;
    g->stamp = *out - length;
    if (!zoned) *out += g->shift;
    *out = *out > length ? *out - length : 0;
    if (*out < KW_NANO * KW_NS_PER_S && g->unit < KW_UNIT_DAYS) g->r->dated = false;
    return KW_OK;
}

static enum kw_status remember_imputed(struct kw_log *g, bool prompt, bool output, struct kw_error *err)
{
    if (g->n_imputed == g->imputed_cap) {
        size_t cap = g->imputed_cap ? 2 * g->imputed_cap : 256;
        struct imputed *more = realloc(g->imputed, cap * sizeof *more);
        if (!more) return kw_fail(err, KW_ENOMEM, "out of memory for %zu rows", cap);
        g->imputed = more;
        g->imputed_cap = cap;
    }
    g->imputed[g->n_imputed++] = (struct imputed){ (uint32_t)g->r->t.n, prompt, output };
    return KW_OK;
}

/* What one record says, once it is known to be a request that was served. */
struct said {
    struct kw_row row;
    bool knows_prompt, knows_output;
    uint64_t id; /* its hash; 0: it has none */
};

static enum kw_status hashes(struct kw_log *g, const struct kw_cell *x, struct kw_row *row, struct kw_error *err)
{
    uint64_t block = g->r->t.hash_block;
    g->hashes.n = 0;
    if (x->kind == KW_CELL_LIST) {
        enum kw_status st = kw_jsonl_u64s(x->text, "hash_ids", &g->hashes, err);
        if (st != KW_OK) return st;
    } else if (!is_blank(x)) {
        return kw_fail(err, KW_EPARSE, "\"hash_ids\": want a list of block hashes");
    }
    if (g->hashes.n > (row->prompt + block - 1) / block)
        return kw_fail(err, KW_ERANGE, "%zu hash_ids, but %llu tokens are %llu blocks of %llu", g->hashes.n,
                       (unsigned long long)row->prompt, (unsigned long long)((row->prompt + block - 1) / block),
                       (unsigned long long)block);
    row->hash = g->hashes.v;
    row->n_hash = g->hashes.n;
    return KW_OK;
}

static enum kw_status read_counts(struct kw_log *g, const struct kw_cell *cell, struct said *s, struct kw_error *err)
{
    bool known = false;
    enum kw_status st = tokens(g, cell, &g->map.prompt, &s->row.prompt, &s->knows_prompt, err);
    if (st == KW_OK) st = tokens(g, cell, &g->map.output, &s->row.output, &s->knows_output, err);
    if (st == KW_OK && g->map.cached.n) st = tokens(g, cell, &g->map.cached, &s->row.cached, &known, err);
    s->row.says_cached =
        g->map.cached.n > 0 && (known || !g->format || !g->format->side_by_side); /* a list all have, or none */
    s->row.says_written = g->map.write.n > 0;
    if (st == KW_OK && g->map.write.n) st = tokens(g, cell, &g->map.write, &s->row.written, &known, err);
    return st;
}

/* When a time column says it was, counted from the arrival. KW_EPARSE, KW_ERANGE: it is no time. */
static enum kw_status since_arrival(struct kw_log *g, const struct kw_cell *cell, const struct kw_map_field *f,
                                    kw_ns *out, bool *said, struct kw_error *err)
{
    const struct kw_cell *x = one(cell, f);
    bool zoned;
    *said = f->n && !is_blank(x);
    if (!*said) return KW_OK;
    enum kw_status st = kw_time_read(x->text, g->unit, &g->minute, out, &zoned, err);
    if (st == KW_OK) *out -= g->stamp;
    return st;
}

/* What the record says of its first token and its end. That tells nothing of the traffic, so what makes no sense is
 * counted and left out instead of failing; 0 is how sources write that they do not know. */
static void observe(struct kw_log *g, const struct kw_cell *cell, struct kw_row *row)
{
    const struct kw_columns *m = &g->map;
    struct kw_error ignored;
    enum kw_status st = length_of(cell, &m->ttft, m->ttft_unit, &row->ttft, &row->says_ttft, &ignored);
    if (st == KW_OK && !row->says_ttft) st = since_arrival(g, cell, &m->first, &row->ttft, &row->says_ttft, &ignored);
    if (st == KW_OK) st = length_of(cell, &m->e2e, m->e2e_unit, &row->e2e, &row->says_e2e, &ignored);
    if (st == KW_OK && !row->says_e2e) st = since_arrival(g, cell, &m->end, &row->e2e, &row->says_e2e, &ignored);
    if (st == KW_OK && !row->says_e2e)
        st = length_of(cell, &m->duration, m->duration_unit, &row->e2e, &row->says_e2e, &ignored);
    row->says_ttft &= row->ttft != 0;
    row->says_e2e &= row->e2e != 0;
    bool odd = st != KW_OK || (row->says_ttft && row->ttft < 0) || (row->says_e2e && row->e2e < 0) ||
               (row->says_ttft && row->says_e2e && row->e2e < row->ttft);
    g->r->t.notes.latency_odd += odd;
    if (odd) row->says_ttft = row->says_e2e = false;
}

/* A latency of the row that is there, or of the fuller one that takes its place, counted from the earlier arrival. */
static void merge_latency(kw_ns *column, uint32_t at, bool replace, kw_ns value, kw_ns earlier)
{
    if (!column) return;
    if (replace)
        column[at] = value + (earlier < 0 ? -earlier : 0);
    else if (column[at] >= 0 && earlier > 0)
        column[at] += earlier;
}

/* One of several rows of an id: the fullest counts, at the earliest time. */
static void merge(struct kw_log *g, uint32_t at, const struct said *s)
{
    struct kw_trace *t = &g->r->t;
    t->notes.rows++;
    t->notes.duplicates++;
    kw_ns earlier = t->arrival[at] - s->row.at; /* > 0: the request arrived before the row that is there */
    if (earlier > 0) t->arrival[at] = s->row.at, t->notes.clock_back += at > 0;
    bool fuller = s->knows_output && s->row.output > t->output[at] && s->row.output <= KW_TRACE_MAX_TOKENS;
    merge_latency(t->ttft, at, fuller && s->row.says_ttft, s->row.ttft, earlier);
    merge_latency(t->e2e, at, fuller && s->row.says_e2e, s->row.e2e, earlier);
    if (!fuller) return;
    if (t->charged) t->charged[at] = s->row.charged;
    g->known_output += (double)s->row.output - t->output[at];
    t->output[at] = (uint32_t)s->row.output;
    if (s->row.prompt && s->row.prompt <= KW_TRACE_MAX_TOKENS && s->row.cached + s->row.written <= s->row.prompt) {
        g->known_prompt += (double)s->row.prompt - t->prompt[at];
        t->prompt[at] = (uint32_t)s->row.prompt;
        if (t->cached) t->cached[at] = (uint32_t)s->row.cached;
        if (t->written) t->written[at] = (uint32_t)s->row.written;
    }
}

static enum kw_status push(struct kw_log *g, struct said *s, struct kw_error *err)
{
    struct kw_trace_notes *k = &g->r->t.notes;
    enum kw_status st;
    int64_t had;
    size_t before = g->r->t.n;
    bool unsure = !s->knows_prompt || !s->knows_output;
    if (unsure && g->map.missing == KW_MISSING_REFUSE)
        return kw_fail(err, KW_ERANGE,
                       "no token counts (missing=drop leaves such requests out, missing=mean takes the mean)");
    if (unsure) k->unknown_tokens++;
    if (unsure && g->map.missing == KW_MISSING_DROP) {
        k->rows++;
        return KW_OK;
    }
    if (s->id) {
        if ((st = kw_row_ids_put(&g->ids, s->id, (uint32_t)before, &had, err)) != KW_OK) return st;
        if (had >= 0) {
            merge(g, (uint32_t)had, s);
            return KW_OK;
        }
    }
    if (!s->knows_prompt) s->row.prompt = 1;
    if (!s->knows_output) s->row.output = 1;
    if (unsure && s->row.cached + s->row.written > s->row.prompt) s->row.cached = s->row.written = 0;
    if (unsure && (st = remember_imputed(g, !s->knows_prompt, !s->knows_output, err)) != KW_OK) return st;
    if ((st = kw_rows_push(g->r, &s->row, err)) != KW_OK) return st;
    if (unsure) {
        k->imputed++;
    } else if (g->r->t.n > before) {
        g->known_prompt += (double)s->row.prompt;
        g->known_output += (double)s->row.output;
        g->n_known++;
    }
    return KW_OK;
}

/* The i-th of a bucket's n + 1 gaps, in any unit: exponential ones leave the arrivals of a Poisson process (uniform, sorted:
 * Devroye, Non-Uniform Random Variate Generation, 1986, V.2). */
static double bucket_gap(struct kw_log *g, uint64_t i, uint64_t n)
{
    switch (g->map.buckets) {
    case KW_BUCKETS_EVEN: return 1;
    case KW_BUCKETS_BEGIN: return i == n;
    default: return kw_rng_exp(&g->rng, 1);
    }
}

/* A bucket's requests: n arrivals between its ends, tokens shared out evenly and to the last one. */
static enum kw_status push_bucket(struct kw_log *g, const struct kw_cell *cell, struct said *s, uint64_t n,
                                  struct kw_error *err)
{
    struct kw_row whole = s->row; /* of its tokens: cached and written ones may not fall on one request twice */
    const struct kw_cell *end = one(cell, &g->map.end);
    kw_ns length = g->bucket;
    bool zoned;
    enum kw_status st = KW_OK;
    if (g->map.end.n && !is_blank(end)) {
        if ((st = kw_time_read(end->text, g->unit, &g->minute, &length, &zoned, err)) != KW_OK) return st;
        length -= whole.at;
    }
    if (length <= 0)
        return kw_fail(err, KW_ERANGE, "a bucket without an end after its start: say end=NAME or bucket=SECONDS");
    observed(g, whole.at);
    observed(g, whole.at + length);
    g->r->t.notes.buckets++;
    g->r->t.notes.bucket_arrivals = g->map.buckets;
    if (n == 0) return KW_OK;
    if (n > most_in_bucket) return kw_fail(err, KW_ERANGE, "%llu requests in one bucket", (unsigned long long)n);
    if (!s->knows_prompt || !s->knows_output || whole.prompt < n || whole.output < n)
        return kw_fail(err, KW_ERANGE, "%llu requests, but %llu prompt and %llu output tokens", (unsigned long long)n,
                       (unsigned long long)whole.prompt, (unsigned long long)whole.output);
    double *gap = malloc((n + 1) * sizeof *gap), sum = 0;
    if (!gap) return kw_fail(err, KW_ENOMEM, "out of memory for a bucket of %llu requests", (unsigned long long)n);
    for (uint64_t i = 0; i <= n; i++) sum += gap[i] = bucket_gap(g, i, n);
    if (g->r->t.n == 0) sum -= gap[0], gap[0] = 0; /* the first bucket opens the trace */
    double at = 0;
    uint64_t rows = g->r->t.notes.rows;
    for (uint64_t i = 0; i < n && st == KW_OK; i++) {
        at += gap[i];
        s->row.at = whole.at + (kw_ns)((double)length * (at / sum) * (1 - 1e-12));
        s->row.prompt = whole.prompt / n + (i < whole.prompt % n);
        s->row.output = whole.output / n + (i < whole.output % n);
        s->row.cached = whole.cached / n + (i < whole.cached % n);
        if (whole.charged > 0) s->row.charged = whole.charged / (kw_nusd)n + ((kw_nusd)i < whole.charged % (kw_nusd)n);
        s->row.written =
            whole.written / n + (i + whole.cached % n >= n && i + whole.cached % n < n + whole.written % n);
        st = kw_rows_push(g->r, &s->row, err);
    }
    free(gap);
    g->r->t.notes.rows = rows + n;
    return st;
}

/* Models that do not generate: their rows are no load on one that does. */
static bool names_generator(struct kw_span model)
{
    static const char *const other[] = { "embed", "rerank", "moderation" };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        for (size_t n = strlen(other[i]), at = 0; at + n <= model.n; at++)
            if (same_word((struct kw_span){ model.p + at, n }, other[i], n)) return false;
    return true;
}

/* Where a record that is no request served is counted, or NULL. */
static uint64_t *left_out_as(struct kw_log *g, const struct kw_cell *cell)
{
    struct kw_trace_notes *k = &g->r->t.notes;
    struct answer *at;
#define ASKED(a, x, question) (remembers(at = answer_of(a, x), x) ? at->yes : remember(at, x, question))
    for (size_t i = 0; i < g->map.n_where; i++) {
        const struct kw_map_filter *f = &g->map.where[i];
        if (!ASKED(&g->passes[i], &cell[f->path], passes(f, cell))) return &k->filtered;
    }
    const struct kw_cell *model = one(cell, &g->map.model), *hit = one(cell, &g->map.hit);
    if (g->map.model.n && !ASKED(&g->generates, model, names_generator(model->text))) return &k->not_generated;
    if (g->map.hit.n && ASKED(&g->hit, hit, is_true(hit))) return &k->gateway_hits;
    const struct kw_map_filter *f = &g->map.status;
    bool failed = (g->map.has_status && !ASKED(&g->succeeded, &cell[f->path], succeeded(f, cell))) ||
                  (g->map.error.n && says_error(one(cell, &g->map.error)));
    return failed ? &k->dropped_failed : NULL;
#undef ASKED
}

/* Key, team and tag as one name, each cut to a part of it. */
static struct kw_span owner_of(struct kw_log *g, const struct kw_cell *cell)
{
    const struct kw_map_field *f[] = { &g->map.key, &g->map.team, &g->map.tag };
    enum { PART = (KW_NAME_MAX - 2) / 3 };
    size_t n = 0;
    for (int i = 0; i < 3; i++) {
        const struct kw_cell *x = one(cell, f[i]);
        struct kw_span s = is_blank(x) ? (struct kw_span){ "", 0 } : x->text;
        if (i) g->owner[n++] = KW_TRACE_OWNER_SEP;
        if (same_word(s, "[]", 2) || same_word(s, "{}", 2)) s.n = 0;
        for (size_t k = 0; k < s.n && k < PART; k++) g->owner[n++] = (unsigned char)s.p[k] < ' ' ? ' ' : s.p[k];
    }
    return (struct kw_span){ g->owner, n };
}

/* Dollars as written, 1.5e-06 or 0.03, rounded to nano-dollars. */
static enum kw_status dollars(const struct kw_cell *x, kw_nusd *out, struct kw_error *err)
{
    char text[48];
    bool rounded = false;
    struct kw_span s = kw_span_trimmed(x->text);
    if (s.n && *s.p == '$') s.p++, s.n--;
    if (!s.n || s.n >= sizeof text)
        return kw_fail(err, KW_EPARSE, "cost: want dollars, got '%.*s'", (int)(s.n < 40 ? s.n : 40), s.p);
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    if (kw_nano_scaled(text, 0, out, &rounded, err) != KW_OK || *out < 0)
        return kw_fail(err, KW_EPARSE, "cost: want dollars, got '%.40s'", text);
    return KW_OK;
}

/* Whose the request is, what it cost, and how its machine came by. */
static enum kw_status account(struct kw_log *g, const struct kw_cell *cell, struct kw_row *row, struct kw_error *err)
{
    const struct kw_columns *m = &g->map;
    enum kw_status st = KW_OK;
    bool said = false;
    if (m->key.n || m->team.n || m->tag.n) row->owner = owner_of(g, cell);
    row->says_charged = m->cost.n > 0;
    row->charged = -1;
    if (m->cost.n && !is_blank(one(cell, &m->cost))) st = dollars(one(cell, &m->cost), &row->charged, err);
    row->says_gpu = m->gpu.n > 0;
    if (st == KW_OK && m->gpu.n) st = length_of(cell, &m->gpu, m->gpu_unit, &row->gpu, &said, err);
    if (!said) row->gpu = -1;
    row->says_start = m->start.n || m->cold.n;
    said = false;
    if (st == KW_OK && m->start.n) st = length_of(cell, &m->start, m->start_unit, &row->start, &said, err);
    const struct kw_cell *cold = one(cell, &m->cold);
    if (m->cold.n && !is_blank(cold)) {
        if (!is_true(cold))
            row->start = 0;
        else if (!said || row->start <= 0)
            row->start = KW_TRACE_COLD;
        said = true;
    }
    if (!said) row->start = -1;
    if (st == KW_OK && (row->start < -1 || row->gpu < -1))
        st = kw_fail(err, KW_ERANGE, "a length of a start or of GPU time below 0");
    return st;
}

/* ---- load tests without start times ---- */

/* A number > 0, or word for none of it (Python writes Infinity, JSON's null). */
static enum kw_status setting(const struct kw_cell *x, const char *what, double none, double *out, struct kw_error *err)
{
    char text[40], *end;
    *out = none;
    if (x->kind == KW_CELL_ABSENT || x->text.n == 0 || among(x->text, "null|none|inf|infinity")) return KW_OK;
    snprintf(text, sizeof text, "%.*s", (int)(x->text.n < sizeof text ? x->text.n : sizeof text - 1), x->text.p);
    *out = strtod(text, &end);
    if (end != text && !*end && *out > 0 && isfinite(*out)) return KW_OK;
    return kw_fail(err, KW_EPARSE,
                   "a load test without start times whose %s is '%s': nothing tells when its requests were sent", what,
                   text);
}

/* The path that a field is read from. */
static const char *path_of(const struct kw_log *g, const struct kw_cell *cell, const struct kw_map_field *f)
{
    size_t a = 0;
    while (a + 1 < f->n && is_blank(&cell[f->alt[a].term[0].path])) a++;
    return f->n ? g->map.path[f->alt[a].term[0].path] : "";
}

static enum kw_status begin_load_test(struct kw_log *g, const struct kw_records *in, struct kw_error *err)
{
    const struct kw_cell *cell = in->record.cell;
    const struct kw_columns *m = &g->map;
    double rate, most = INFINITY, burstiness = 1;
    if (one(cell, &m->rate)->kind == KW_CELL_ABSENT)
        return kw_fail(
            err, KW_EPARSE,
            "load-test results without start times and without the rate of requests: nothing tells when they "
            "were sent");
    enum kw_status st = setting(one(cell, &m->rate), path_of(g, cell, &m->rate), INFINITY, &rate, err);
    const char *limit = path_of(g, cell, &m->concurrency), *shape = path_of(g, cell, &m->burstiness);
    if (st == KW_OK) st = setting(one(cell, &m->concurrency), limit, INFINITY, &most, err);
    if (st == KW_OK) st = setting(one(cell, &m->burstiness), shape, 1, &burstiness, err);
    if (st != KW_OK) return st;
    uint64_t slots = most < (double)in->of ? (uint64_t)fmax(1, most) : 0;
    return kw_load_test_begin(&g->run, in->of, rate, slots, burstiness, m->buckets, &g->rng, err);
}

static bool starts_unsaid(const struct kw_log *g, const struct kw_cell *cell)
{
    const struct kw_map_field *f = &g->map.arrival;
    return f->alt[0].term[0].optional && is_blank(one(cell, f));
}

/* The i-th request's start, which every request has to be asked for: one that is left out was under way, too. One that
 * failed says no more than that it did, and is taken to have done so at once. */
static enum kw_status sent(struct kw_log *g, const struct kw_records *in, const uint64_t *left_out, kw_ns *at,
                           struct kw_error *err)
{
    struct kw_trace_notes *k = &g->r->t.notes;
    const struct kw_cell *cell = in->record.cell;
    kw_ns took = 0;
    bool said;
    if (in->of == 0)
        return kw_fail(err, KW_EPARSE,
                       "a load test's summary, without its requests: vllm bench serve writes them with --save-result "
                       "--save-detailed, sglang.bench_serving with --output-details");
    enum kw_status st = in->at ? KW_OK : begin_load_test(g, in, err);
    if (st == KW_OK) st = length_of(cell, &g->map.e2e, g->map.e2e_unit, &took, &said, err);
    if (st == KW_OK && took < 0) took = 0;
    if (st == KW_OK && !said && !left_out && g->run.slots)
        st = kw_fail(err, KW_EPARSE, "no latency of a request: nothing tells when the next one was sent");
    if (st == KW_OK) st = kw_load_test_start(&g->run, took, at, err);
    if (st != KW_OK) return st;
    g->r->dated = false;
    g->stamp = *at;
    if (left_out == &k->filtered) return KW_OK;
    if (!g->run.kept) {
        k->load_tests++;
        k->load_tests_drawn += g->run.drawn;
        k->bucket_arrivals = g->map.buckets;
    }
    g->run.kept = true;
    observed(g, g->run.begin);
    observed(g, g->run.until);
    return KW_OK;
}

/* ---- one record ---- */

/* Which session it is a turn of, and how long it waits. */
static enum kw_status turn_of(struct kw_log *g, const struct kw_cell *cell, struct kw_row *row, struct kw_error *err)
{
    const struct kw_cell *x = one(cell, &g->map.session);
    bool said = false;
    row->says_session = true;
    if (!is_blank(x)) row->session = kw_row_ids_hash(&g->ids, x->text);
    enum kw_status st = length_of(cell, &g->map.delay, g->map.delay_unit, &row->think, &said, err);
    if (!said) row->think = -1;
    if (st == KW_OK && said && row->think < 0) st = kw_fail(err, KW_ERANGE, "a pause below 0 before a turn");
    if (st == KW_OK && row->at < 0 && !row->session)
        st = kw_fail(err, KW_EPARSE, "no arrival and no session in the record");
    return st;
}

/* A turn of a session need not say when it came. */
static bool waits(const struct kw_log *g, const struct kw_cell *cell)
{
    return g->map.session.n && is_blank(one(cell, &g->map.arrival));
}

static enum kw_status take(void *ctx, struct kw_records *in, struct kw_error *err)
{
    struct kw_log *g = ctx;
    const struct kw_cell *cell = in->record.cell;
    struct kw_trace_notes *k = &g->r->t.notes;
    struct said s = { .knows_prompt = false };
    uint64_t count;
    bool counted;
    enum kw_status st;
    const struct kw_cell *id = one(cell, &g->map.id);
    if (g->map.id.n && !is_blank(id)) s.id = kw_row_ids_hash(&g->ids, id->text);
    uint64_t *left_out = left_out_as(g, cell);
    bool later = waits(g, cell), says_when = !later && !starts_unsaid(g, cell);
    s.row.at = -1;
    st = later ? KW_OK : says_when ? arrival(g, cell, &s.row.at, err) : sent(g, in, left_out, &s.row.at, err);
    if (left_out && (later || says_when || st == KW_OK)) {
        k->rows++;
        ++*left_out;
        if (st == KW_OK && says_when) observed(g, s.row.at);
        return KW_OK;
    }
    if (st != KW_OK || (st = read_counts(g, cell, &s, err)) != KW_OK) return st;
    if (says_when) observed(g, s.row.at);
    if (g->map.model.n) s.row.model = one(cell, &g->map.model)->text;
    if (g->map.klass.n) s.row.klass = one(cell, &g->map.klass)->text;
    if (g->map.model.n && !s.row.model.p) s.row.model = (struct kw_span){ "", 0 };
    if (g->map.klass.n && !s.row.klass.p) s.row.klass = (struct kw_span){ "", 0 };
    if (g->map.region.n) {
        const struct kw_cell *x = one(cell, &g->map.region);
        s.row.region = x->kind == KW_CELL_ABSENT || x->kind == KW_CELL_NULL ? (struct kw_span){ "", 0 } : x->text;
    }
    if (g->accounts && (st = account(g, cell, &s.row, err)) != KW_OK) return st;
    s.row.says_id = g->accounts && g->map.id.n && !g->map.count.n; /* a bucket's is not of one request */
    s.row.id = s.id;
    if (g->map.session.n && (st = turn_of(g, cell, &s.row, err)) != KW_OK) return st;
    if (g->map.count.n) {
        if ((st = tokens(g, cell, &g->map.count, &count, &counted, err)) != KW_OK) return st;
        if (!counted) return kw_fail(err, KW_EPARSE, "no count of requests in the record");
        return push_bucket(g, cell, &s, count, err);
    }
    if (g->observes) observe(g, cell, &s.row);
    if (g->map.hashes.n && s.knows_prompt && (st = hashes(g, one(cell, &g->map.hashes), &s.row, err)) != KW_OK)
        return st;
    if (g->map.has_status && !is_blank(&cell[g->map.status.path]) && s.row.output == 0) {
        s.knows_output = false; /* a success without output: a stream whose usage nobody asked for */
        s.knows_prompt &= s.row.prompt > 0;
    }
    return push(g, &s, err);
}

/* ---- the head: what the first records settle ---- */

struct survey {
    struct kw_log *g;
    struct kw_time_samples time;
    size_t records, counts_with_dot, counts_grouped;
    size_t fits[12]; /* records whose hashes number exactly ceil(prompt / 2^(i + 4)) */
    size_t hashed;
};

static void survey_counts(struct survey *v, const struct kw_map_field *f, const struct kw_cell *cell)
{
    for (size_t i = 0; i < f->alt[0].n; i++) {
        const struct kw_cell *x = &cell[f->alt[0].term[i].path];
        if (is_blank(x) || !memchr(x->text.p, '.', x->text.n)) continue;
        v->counts_with_dot++;
        v->counts_grouped += is_grouped(x->text, '.');
    }
}

static enum kw_status look(void *ctx, struct kw_records *in, struct kw_error *err)
{
    struct survey *v = ctx;
    struct kw_log *g = v->g;
    const struct kw_cell *cell = in->record.cell, *x = one(cell, &g->map.arrival);
    struct kw_error ignored;
    (void)err;
    if (v->records++ >= SAMPLES) return KW_EFAIL; /* enough */
    if (!is_blank(x) && x->kind != KW_CELL_LIST) kw_time_sample(&v->time, x->text);
    survey_counts(v, &g->map.prompt, cell);
    survey_counts(v, &g->map.output, cell);
    x = one(cell, &g->map.hashes);
    if (g->map.hashes.n && x->kind == KW_CELL_LIST) {
        uint64_t prompt;
        bool known;
        g->hashes.n = 0;
        if (tokens(g, cell, &g->map.prompt, &prompt, &known, &ignored) == KW_OK && known &&
            kw_jsonl_u64s(x->text, "hash_ids", &g->hashes, &ignored) == KW_OK && g->hashes.n) {
            v->hashed++;
            for (int i = 0; i < 12; i++) v->fits[i] += (prompt + (16u << i) - 1) / (16u << i) == g->hashes.n;
        }
    }
    return KW_OK;
}

/* 512 tokens (Mooncake) unless the numbers of hashes say otherwise for nearly all records. */
static uint32_t block_of(const struct survey *v)
{
    int best = 5;
    for (int i = 0; i < 12; i++)
        if (v->fits[i] > v->fits[best]) best = i;
    return v->fits[best] * 10 >= v->hashed * 9 && v->fits[best] ? 16u << best : 512;
}

static enum kw_status settle_unit(struct kw_log *g, const struct survey *v, const char **why, struct kw_error *err)
{
    const char *column = g->map.path[g->map.arrival.alt[0].term[0].path];
    *why = "";
    g->unit = g->map.unit;
    if (g->unit != KW_UNIT_AUTO) return KW_OK;
    bool relative = !v->time.dates && v->time.hi < 1e9;
    if (g->format && g->format->whole != KW_UNIT_AUTO && relative && !v->time.fraction) {
        *why = "the format's";
        g->unit = g->format->whole;
        return KW_OK;
    }
    if (!v->time.n) return KW_OK; /* the first record will tell */
    return kw_time_settle(&v->time, column, &g->unit, why, err);
}

static void say_read_as(struct kw_log *g, const char *why, bool guessed)
{
    char a[60], p[160], o[100], *to = g->r->t.notes.read_as;
    bool own_prompt = kw_columns_said(&g->map, "prompt");
    const char *says = g->format && g->format->says && !own_prompt ? g->format->says : "";
    size_t size = sizeof g->r->t.notes.read_as, used = 0;
    static const char *const units[KW_UNITS] = {
        "as it reads",           "seconds", "milliseconds",    "microseconds",    "nanoseconds",
        "days of a spreadsheet", "dates",   "month/day dates", "day/month dates", "dates of 14 digits"
    };
    if (!guessed && !*says && g->map.unit != KW_UNIT_AUTO) return; /* the format's name says it all */
    used = (size_t)snprintf(to, size, "read as: times in column %s, %s",
                            kw_columns_text(&g->map, &g->map.arrival, a, sizeof a), units[g->unit]);
    if (*why && strcmp(why, "dates") && used < size) used += (size_t)snprintf(to + used, size - used, " (%s)", why);
    if (g->map.duration.n && used < size) used += (size_t)snprintf(to + used, size - used, ", less the duration");
    if (guessed && used < size)
        used += (size_t)snprintf(to + used, size - used, ", prompt from %s, output from %s",
                                 kw_columns_text(&g->map, &g->map.prompt, p, sizeof p),
                                 kw_columns_text(&g->map, &g->map.output, o, sizeof o));
    const struct kw_map_field *first = g->map.ttft.n ? &g->map.ttft : &g->map.first;
    const struct kw_map_field *end = g->map.e2e.n ? &g->map.e2e : &g->map.end;
    if (guessed && first->n && used < size)
        used += (size_t)snprintf(to + used, size - used, ", first token by %s",
                                 kw_columns_text(&g->map, first, a, sizeof a));
    if (guessed && end->n && !g->map.count.n && used < size)
        used += (size_t)snprintf(to + used, size - used, ", end by %s", kw_columns_text(&g->map, end, a, sizeof a));
    if (*says && used < size) snprintf(to + used, size - used, ", %s", says);
}

static void note_arrival(void *ctx, struct kw_span name, struct kw_span value)
{
    struct survey *v = ctx;
    const struct kw_columns *m = &v->g->map;
    (void)value;
    for (size_t a = 0; a < m->arrival.n; a++) {
        const char *path = m->path[m->arrival.alt[a].term[0].path];
        v->records += strlen(path) == name.n && !memcmp(path, name.p, name.n);
    }
}

/* Does the head's first object say itself when it arrived, rather than what a list in it holds? */
static bool says_arrival(struct kw_log *g, const char *head, size_t n)
{
    struct survey v = { .g = g };
    struct kw_columns guessed = g->map;
    struct kw_error ignored;
    if (!g->map.arrival.n) return kw_guess_columns(&guessed, head, n, &ignored) == KW_OK;
    kw_records_names(head, n, note_arrival, &v);
    return v.records > 0;
}

/* The map, completed: a format's under the user's, or names that say it; then what the first records settle. */
static enum kw_status settle(struct kw_log *g, struct kw_source *s, const struct kw_columns *said, bool guess,
                             struct kw_error *err)
{
    struct survey v = { .g = g };
    struct kw_source head_source;
    struct kw_error ignored;
    const char *head, *why = "";
    size_t n;
    enum kw_status st = kw_source_peek(s, HEAD, &head, &n, err);
    if (st != KW_OK) return st;
    if (n > HEAD) n = HEAD;
    g->map = *said;
    if (g->format && kw_columns_said(said, "prompt") && !kw_columns_said(said, "cached") && g->format->beside)
        g->map.cached.n = 0; /* a prompt of the user's own, which need not hold what stands beside it */
    if (g->format && kw_columns_said(said, "prompt") && !kw_columns_said(said, "write")) g->map.write.n = 0;
    g->inside = g->format ? g->format->inside : NULL;
    const char *way, *list = g->inside ? NULL : kw_records_list(head, n, &way);
    if (list && !says_arrival(g, head, n)) {
        g->inside = way;
        n -= (size_t)(list - head);
        head = list; /* its first elements stand for the rest */
    }
    if (guess && (st = kw_guess_columns(&g->map, head, n, err)) != KW_OK) return st;
    if (g->accounts && !g->format && (st = kw_guess_accounts(&g->map, head, n, err)) != KW_OK) return st;
    kw_guess_unused(&g->map, head, n, g->r->t.notes.hints, sizeof g->r->t.notes.hints);
    struct kw_records in = { .map = &g->map,
                             .inside = list ? NULL : g->inside,
                             .side_by_side = g->format && g->format->side_by_side,
                             .head_only = true };
    if ((st = kw_source_memory(&head_source, "head", head, n, err)) != KW_OK) return st;
    kw_records_each(&in, &head_source, look, &v, &ignored);
    kw_source_close(&head_source);
    kw_records_free(&in);
    g->grouped_dots = in.sep == ';' && v.counts_with_dot && v.counts_grouped == v.counts_with_dot;
    if (g->map.hashes.n) g->r->t.hash_block = g->map.block ? g->map.block : block_of(&v);
    if ((st = settle_unit(g, &v, &why, err)) != KW_OK) return st;
    g->observes = g->map.first.n || g->map.ttft.n || g->map.end.n || g->map.e2e.n || g->map.duration.n;
    g->r->dated = true; /* until a number too small for Unix time comes */
    g->bucket = (kw_ns)(g->map.bucket_s * 1e9);
    g->r->t.notes.guessed = guess;
    say_read_as(g, why, guess);
    return KW_OK;
}

/* Rows kept at the mean of those that are known. */
static enum kw_status impute(struct kw_log *g, struct kw_error *err)
{
    struct kw_trace *t = &g->r->t;
    if (!g->n_imputed) return KW_OK;
    if (!g->n_known) return kw_fail(err, KW_ERANGE, "missing=mean: no row has token counts to take the mean of");
    double prompt = g->known_prompt / (double)g->n_known, output = g->known_output / (double)g->n_known;
    for (size_t i = 0; i < g->n_imputed; i++) {
        const struct imputed *x = &g->imputed[i];
        if (x->prompt) t->prompt[x->row] = (uint32_t)fmax(1, round(prompt));
        if (x->output && t->output[x->row] <= 1) t->output[x->row] = (uint32_t)fmax(1, round(output));
    }
    return KW_OK;
}

static void log_free(struct kw_log *g)
{
    kw_row_ids_free(&g->ids);
    free(g->hashes.v);
    free(g->imputed);
    kw_rng_free(&g->rng);
    kw_load_test_free(&g->run);
}

enum kw_status kw_log_read(struct kw_rows *r, struct kw_source *s, const struct kw_log_format *format,
                           const struct kw_columns *said, bool accounts, struct kw_error *err)
{
    enum { SEED = 1 };
    struct kw_log *g = calloc(1, sizeof *g);
    if (!g) return kw_fail(err, KW_ENOMEM, "out of memory");
    g->r = r;
    g->format = format;
    g->accounts = accounts;
    r->drop_zero = said->zero == KW_ZERO_DROP;
    r->added = said->turns == KW_TURNS_ADDED;
    bool guess = !said->arrival.n || !said->prompt.n || !said->output.n;
    enum kw_status st = settle(g, s, said, guess, err);
    if (st == KW_OK) st = kw_rng_init(&g->rng, SEED, 0, KW_RNG_ARRIVALS, err);
    struct kw_records in = { .map = &g->map,
                             .inside = g->inside,
                             .side_by_side = format && format->side_by_side,
                             .drop_broken = g->map.broken == KW_BROKEN_DROP };
    if (st == KW_OK) {
        st = kw_records_each(&in, s, take, g, err);
        s->line = st == KW_OK ? 0 : in.line;
    }
    kw_records_free(&in);
    if (st == KW_OK) st = impute(g, err);
    char in_names[160], out_names[100];
    if (st == KW_OK && r->t.n == 0 && r->t.notes.unknown_tokens)
        st = kw_fail(err, KW_ERANGE, "none of %llu requests has token counts in %s and %s",
                     (unsigned long long)r->t.notes.unknown_tokens,
                     kw_columns_text(&g->map, &g->map.prompt, in_names, sizeof in_names),
                     kw_columns_text(&g->map, &g->map.output, out_names, sizeof out_names));
    struct kw_trace_notes *k = &r->t.notes;
    k->broken = in.broken;
    k->broken_at = in.broken_at;
    k->cut_off = in.cut_off;
    k->headers_again = in.headers_again;
    k->rows += in.broken + in.cut_off;
    log_free(g);
    free(g);
    return st;
}
