#include "calibrate/measure/measured.h"
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/ascending.h"
#include "sim/core/files/h5.h"
#include "sim/core/files/json.h"

#define MAX_SAMPLES 4096 /* of one line */

const char *const kw_measured_kind_name[] = { "decode",       "prefill",    "mixed",  "skewed", "host",
                                              "after_prompt", "after_idle", "anchor", NULL };

void kw_measured_interval(const double *v, size_t n, double *median, double *low, double *high, double *coverage)
{
    *median = n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
    double p = ldexp(1, -(int)(n < 1000 ? n : 1000)), below = p; /* P(Bin = 0), P(Bin < l) */
    size_t l = 1;
    if (n >= 1000) { /* 2^-n leaves the doubles; the normal law is exact to a rank there */
        l = (size_t)floor(0.5 * (double)n - 0.98 * sqrt((double)n));
        below = 0.025;
    } else {
        for (;;) { /* may l + 1 be taken? P(Bin < l + 1) adds P(Bin = l) */
            double next = p * (double)(n - l + 1) / (double)l;
            if (2 * (l + 1) > n || 1 - 2 * (below + next) < 0.95) break;
            p = next;
            below += next;
            l++;
        }
    }
    *low = v[l - 1];
    *high = v[n - l];
    *coverage = n > 1 ? 1 - 2 * below : 0;
}

static void statistics(struct kw_measured_point *p)
{
    kw_measured_interval(p->us, p->n, &p->median_s, &p->low_s, &p->high_s, &p->coverage);
    p->median_s *= 1e-6;
    p->low_s *= 1e-6;
    p->high_s *= 1e-6;
}

void kw_measured_free(struct kw_measured *m)
{
    for (size_t i = 0; i < m->n; i++) free(m->point[i].us);
    free(m->point);
    free(m->start);
    free(m->phase);
    *m = (struct kw_measured){ 0 };
}

static bool same(const struct kw_measured_key *a, const struct kw_measured_key *b)
{
    return a->kind == b->kind && a->batch == b->batch && a->context == b->context && a->chunks == b->chunks &&
           a->tokens == b->tokens && a->past == b->past && a->shape == b->shape && a->idle_ms == b->idle_ms;
}

static struct kw_measured_point *find(const struct kw_measured *m, const struct kw_measured_key *k)
{
    for (size_t i = 0; i < m->n; i++)
        if (same(&m->point[i].key, k)) return &m->point[i];
    return NULL;
}

const struct kw_measured_point *kw_measured_find(const struct kw_measured *m, const struct kw_measured_key *k)
{
    return find(m, k);
}

/* Merged into m; nothing changes when memory runs out. */
static enum kw_status merge(struct kw_measured *m, const struct kw_measured_key *k, uint64_t context_sum,
                            const double *us, size_t n, double host_s, double at_s, struct kw_error *err)
{
    struct kw_measured_point *p = find(m, k);
    if (!p && m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 64;
        struct kw_measured_point *more = realloc(m->point, cap * sizeof *more);
        if (!more) return kw_fail(err, KW_ENOMEM, "out of memory for %zu points", cap);
        m->point = more;
        m->cap = cap;
    }
    size_t had = p ? p->n : 0;
    double *all = realloc(p ? p->us : NULL, (had + n) * sizeof *all);
    if (!all) return kw_fail(err, KW_ENOMEM, "out of memory for %zu samples", had + n);
    double *visit = malloc(n * sizeof *visit), median, low, high, coverage;
    if (p) p->us = all;
    if (!visit) {
        if (!p) free(all);
        return kw_fail(err, KW_ENOMEM, "out of memory for %zu samples", n);
    }
    memcpy(visit, us, n * sizeof *visit);
    memcpy(all + had, us, n * sizeof *all);
    if (!p) {
        p = &m->point[m->n++];
        *p = (struct kw_measured_point){ .key = *k, .us = all };
    }
    qsort(visit, n, sizeof *visit, kw_ascending);
    kw_measured_interval(visit, n, &median, &low, &high, &coverage);
    free(visit);
    if (k->kind == KW_MEASURED_ANCHOR) {
        if (!m->n_anchors++) m->anchor_first_s = median * 1e-6;
        p->drift = median * 1e-6 / m->anchor_first_s - 1;
        if (fabs(p->drift) > fabs(m->drift_worst)) m->drift_worst = p->drift;
    } else {
        p->drift = 0; /* that of the last anchor seen */
        for (size_t i = 0; i < m->n; i++)
            if (m->point[i].key.kind == KW_MEASURED_ANCHOR) p->drift = m->point[i].drift;
    }
    p->host_s = (p->host_s * (double)had + host_s * (double)n) / (double)(had + n);
    p->n = had + n;
    p->visits++;
    p->context_sum = context_sum;
    p->at_s = at_s;
    qsort(p->us, p->n, sizeof *p->us, kw_ascending);
    statistics(p);
    if (at_s > m->last_s) m->last_s = at_s;
    return KW_OK;
}

/* ---- writing ---- */

static void put_string(FILE *f, const char *key, const char *s)
{
    fprintf(f, "\"%s\":\"", key);
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') putc('\\', f);
        if ((unsigned char)*s >= 0x20) putc(*s, f);
    }
    putc('"', f);
}

static enum kw_status flush(FILE *f, struct kw_error *err)
{
    if (fflush(f) || ferror(f)) return kw_fail(err, KW_EIO, "the file of measured points: %s", strerror(errno));
    return KW_OK;
}

enum kw_status kw_measured_put_head(FILE *f, const struct kw_measured_head *h, struct kw_error *err)
{
    const struct {
        const char *key, *s;
    } words[] = { { "device", h->device }, { "driver", h->driver },       { "backend", h->backend },
                  { "model", h->model },   { "precision", h->precision }, { "commit", h->commit },
                  { "date", h->date } };
    fputs("{\"keepwarm_measured\":1", f);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        putc(',', f);
        put_string(f, words[i].key, words[i].s);
    }
    fprintf(f,
            ",\"units\":%u,\"clock_mhz\":%u,\"memory_clock_mhz\":%u,\"memory_bytes\":%.0f,\"weight_bytes\":%.0f,"
            "\"kv_bytes_per_token\":%.15g,\"block_size\":%u,\"num_blocks\":%u,\"max_num_seqs\":%u,"
            "\"max_num_batched_tokens\":%u,\"max_model_len\":%u,\"seed\":%llu}\n",
            h->units, h->clock_mhz, h->memory_clock_mhz, h->memory_bytes, h->weight_bytes, h->kv_bytes_per_token,
            h->block_size, h->num_blocks, h->max_num_seqs, h->max_num_batched_tokens, h->max_model_len,
            (unsigned long long)h->seed);
    return flush(f, err);
}

enum kw_status kw_measured_put_start(FILE *f, const struct kw_measured_start *s, const struct kw_startup *startup,
                                     struct kw_error *err)
{
    fputs("{\"kind\":\"start\",", f);
    put_string(f, "mode", s->mode);
    fprintf(f,
            ",\"bytes\":%.0f,\"load_s\":%.9f,\"init_s\":%.9f,\"ready_s\":%.9f,\"first_token_s\":%.9f,\"sum_s\":%.9f,"
            "\"critical_s\":%.9f,"
            "\"file_bytes\":%.0f,\"direct_bytes\":%.0f,\"rate\":%.15g,\"first_byte_s\":%.9g,\"phases\":[",
            s->bytes, s->load_s, s->init_s, s->ready_s, s->first_token_s, s->sum_s, s->critical_s, s->file_bytes,
            s->direct_bytes, s->rate, s->first_byte_s);
    bool critical[KW_STARTUP_MAX] = { false };
    uint32_t path[KW_STARTUP_MAX], n_path = startup ? kw_startup_critical(startup, path) : 0;
    for (uint32_t i = 0; i < n_path; i++) critical[path[i]] = true;
    for (uint32_t i = 0; startup && i < startup->n && i < KW_STARTUP_MAX; i++) {
        const struct kw_startup_phase *p = &startup->at[i];
        fputs(i ? ",{" : "{", f);
        put_string(f, "name", p->name);
        fprintf(f, ",\"begin_s\":%.9f,\"s\":%.9f,\"bytes\":%llu,\"critical\":%s}",
                (double)(p->begin - startup->origin) * 1e-9, (double)((p->end ? p->end : p->begin) - p->begin) * 1e-9,
                (unsigned long long)p->bytes, critical[i] ? "true" : "false");
    }
    fputs("]}\n", f);
    return flush(f, err);
}

enum kw_status kw_measured_visit(struct kw_measured *m, FILE *f, const struct kw_measured_key *k, uint64_t context_sum,
                                 const double *us, size_t n, double host_s, double at_s, uint32_t clock_mhz,
                                 struct kw_error *err)
{
    enum kw_status st = merge(m, k, context_sum, us, n, host_s, at_s, err);
    if (st != KW_OK || !f) return st;
    fprintf(f, "{\"kind\":\"%s\",\"batch\":%u,\"context\":%u,\"chunks\":%u,\"tokens\":%u,\"past\":%u,\"shape\":%u,",
            kw_measured_kind_name[k->kind], k->batch, k->context, k->chunks, k->tokens, k->past, k->shape);
    if (k->idle_ms) fprintf(f, "\"idle_ms\":%u,", k->idle_ms);
    fprintf(f, "\"sum\":%llu,\"at_s\":%.6f,\"clock_mhz\":%u,\"host_us\":%.4f,\"us\":[", (unsigned long long)context_sum,
            at_s, clock_mhz, host_s * 1e6);
    for (size_t i = 0; i < n; i++) fprintf(f, "%s%.9g", i ? "," : "", us[i]);
    fputs("]}\n", f);
    return flush(f, err);
}

enum kw_status kw_measured_add_start(struct kw_measured *m, const struct kw_measured_start *s, struct kw_error *err)
{
    if (m->n_starts == m->cap_starts) {
        size_t cap = m->cap_starts ? 2 * m->cap_starts : 16;
        struct kw_measured_start *more = realloc(m->start, cap * sizeof *more);
        if (!more) return kw_fail(err, KW_ENOMEM, "out of memory for %zu cold starts", cap);
        m->start = more;
        m->cap_starts = cap;
    }
    m->start[m->n_starts++] = *s;
    return KW_OK;
}

/* ---- reading ---- */

static enum kw_status read_word(struct kw_jnode o, const char *key, char *to, size_t size, struct kw_error *err)
{
    const char *s;
    struct kw_jnode n = kw_json_get(o, key);
    enum kw_status st = kw_json_str(n, &s, err);
    if (st == KW_OK && strlen(s) >= size) st = kw_json_fail(n, KW_ERANGE, err, "want at most %zu bytes", size - 1);
    if (st == KW_OK) memcpy(to, s, strlen(s) + 1);
    return st;
}

static enum kw_status read_u32(struct kw_jnode o, const char *key, int64_t lo, int64_t hi, uint32_t *to,
                               struct kw_error *err)
{
    int64_t v;
    enum kw_status st = kw_json_i64(kw_json_get(o, key), lo, hi, &v, err);
    if (st == KW_OK) *to = (uint32_t)v;
    return st;
}

static enum kw_status read_head(struct kw_jnode o, struct kw_measured_head *h, struct kw_error *err)
{
    int64_t version, seed = 0;
    const struct {
        const char *key;
        char *to;
        size_t size;
    } words[] = { { "device", h->device, sizeof h->device },
                  { "driver", h->driver, sizeof h->driver },
                  { "backend", h->backend, sizeof h->backend },
                  { "model", h->model, sizeof h->model },
                  { "precision", h->precision, sizeof h->precision },
                  { "commit", h->commit, sizeof h->commit },
                  { "date", h->date, sizeof h->date } };
    const struct {
        const char *key;
        int64_t lo, hi;
        uint32_t *to;
    } counts[] = { { "units", 0, 1 << 24, &h->units },
                   { "clock_mhz", 0, 1 << 20, &h->clock_mhz },
                   { "memory_clock_mhz", 0, 1 << 20, &h->memory_clock_mhz },
                   { "block_size", 1, 512, &h->block_size },
                   { "num_blocks", 1, 1 << 30, &h->num_blocks },
                   { "max_num_seqs", 1, 65536, &h->max_num_seqs },
                   { "max_num_batched_tokens", 1, 1 << 20, &h->max_num_batched_tokens },
                   { "max_model_len", 1, 1 << 24, &h->max_model_len } };
    enum kw_status st = kw_json_i64(kw_json_get(o, "keepwarm_measured"), 1, 1, &version, err);
    for (size_t i = 0; st == KW_OK && i < sizeof words / sizeof *words; i++)
        st = read_word(o, words[i].key, words[i].to, words[i].size, err);
    for (size_t i = 0; st == KW_OK && i < sizeof counts / sizeof *counts; i++)
        st = read_u32(o, counts[i].key, counts[i].lo, counts[i].hi, counts[i].to, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(o, "memory_bytes"), 0, 1e15, &h->memory_bytes, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(o, "weight_bytes"), 1, 1e14, &h->weight_bytes, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(o, "kv_bytes_per_token"), 1, 1e9, &h->kv_bytes_per_token, err);
    if (st == KW_OK) st = kw_json_i64(kw_json_get(o, "seed"), 0, INT64_C(1) << 52, &seed, err);
    h->seed = (uint64_t)seed;
    return st;
}

static enum kw_status read_phase(struct kw_jnode o, struct kw_measured *m, struct kw_error *err)
{
    if (m->n_phases == m->cap_phases) {
        size_t cap = m->cap_phases ? 2 * m->cap_phases : 64;
        struct kw_measured_phase *more = realloc(m->phase, cap * sizeof *more);
        if (!more) return kw_fail(err, KW_ENOMEM, "out of memory for %zu phases", cap);
        m->phase = more;
        m->cap_phases = cap;
    }
    struct kw_measured_phase p = { .start = (uint32_t)m->n_starts };
    enum kw_status st = read_word(o, "name", p.name, sizeof p.name, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(o, "begin_s"), 0, 1e6, &p.begin_s, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(o, "s"), 0, 1e6, &p.s, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(o, "bytes"), 0, 1e14, &p.bytes, err);
    if (st == KW_OK) st = kw_json_bool_or(kw_json_get(o, "critical"), false, &p.critical, err);
    if (st == KW_OK) m->phase[m->n_phases++] = p;
    return st;
}

static enum kw_status read_start(struct kw_jnode o, struct kw_measured *m, struct kw_error *err)
{
    struct kw_measured_start s = { .bytes = 0 };
    const struct {
        const char *key;
        double hi, *to;
    } later[] = { { "ready_s", 1e6, &s.ready_s },
                  { "first_token_s", 1e6, &s.first_token_s },
                  { "sum_s", 1e6, &s.sum_s },
                  { "critical_s", 1e6, &s.critical_s },
                  { "file_bytes", 1e14, &s.file_bytes },
                  { "direct_bytes", 1e14, &s.direct_bytes },
                  { "rate", 1e14, &s.rate },
                  { "first_byte_s", 1e6, &s.first_byte_s } };
    enum kw_status st = read_word(o, "mode", s.mode, sizeof s.mode, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(o, "bytes"), 0, 1e14, &s.bytes, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(o, "load_s"), 0, 1e6, &s.load_s, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(o, "init_s"), 0, 1e6, &s.init_s, err);
    for (size_t i = 0; st == KW_OK && i < sizeof later / sizeof *later; i++)
        st = kw_json_f64_or(kw_json_get(o, later[i].key), 0, 0, later[i].hi, later[i].to, err);
    struct kw_jnode phases = kw_json_get(o, "phases");
    int n = kw_json_is_array(phases) ? kw_json_len(phases) : 0;
    if (st == KW_OK && n > KW_STARTUP_MAX)
        st = kw_json_fail(phases, KW_ERANGE, err, "want at most %d phases; got %d", KW_STARTUP_MAX, n);
    for (int i = 0; st == KW_OK && i < n; i++) st = read_phase(kw_json_at(phases, i), m, err);
    return st == KW_OK ? kw_measured_add_start(m, &s, err) : st;
}

static enum kw_status read_visit(struct kw_jnode o, int kind, struct kw_measured *m, struct kw_error *err)
{
    struct kw_measured_key k = { .kind = (enum kw_measured_kind)kind };
    const struct {
        const char *key;
        uint32_t *to;
    } counts[] = { { "batch", &k.batch },   { "context", &k.context }, { "chunks", &k.chunks },
                   { "tokens", &k.tokens }, { "past", &k.past },       { "shape", &k.shape } };
    int64_t sum = 0;
    double at = 0, host = 0;
    enum kw_status st = KW_OK;
    for (size_t i = 0; st == KW_OK && i < sizeof counts / sizeof *counts; i++)
        st = read_u32(o, counts[i].key, 0, 1 << 24, counts[i].to, err);
    if (st == KW_OK && k.kind == KW_MEASURED_AFTER_IDLE) st = read_u32(o, "idle_ms", 1, 1 << 24, &k.idle_ms, err);
    if (st == KW_OK) st = kw_json_i64(kw_json_get(o, "sum"), 0, INT64_C(1) << 48, &sum, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(o, "at_s"), 0, 1e9, &at, err);
    if (st == KW_OK) st = kw_json_f64(kw_json_get(o, "host_us"), -1e9, 1e9, &host, err);
    struct kw_jnode us = kw_json_get(o, "us");
    int n = kw_json_len(us);
    if (st == KW_OK && (!kw_json_is_array(us) || n < 1 || n > MAX_SAMPLES))
        st = kw_json_fail(us, KW_ERANGE, err, "want 1 to %d samples; got %d", MAX_SAMPLES, n);
    if (st == KW_OK && k.kind == KW_MEASURED_HOST ? !k.batch : st == KW_OK && !k.batch && !(k.chunks && k.tokens))
        st = kw_json_fail(o, KW_ERANGE, err, "a point without sequences");
    if (st != KW_OK) return st;
    double *v = malloc((size_t)n * sizeof *v);
    if (!v) return kw_fail(err, KW_ENOMEM, "out of memory");
    for (int i = 0; st == KW_OK && i < n; i++) st = kw_json_f64(kw_json_at(us, i), 1e-6, 1e10, &v[i], err);
    if (st == KW_OK) st = merge(m, &k, (uint64_t)sum, v, (size_t)n, host * 1e-6, at, err);
    free(v);
    return st;
}

static enum kw_status read_line(struct kw_jnode o, struct kw_measured *m, bool first, struct kw_error *err)
{
    const char *kind;
    if (first) return read_head(o, &m->head, err);
    enum kw_status st = kw_json_str(kw_json_get(o, "kind"), &kind, err);
    if (st != KW_OK) return st;
    if (!strcmp(kind, "start")) return read_start(o, m, err);
    int i = 0;
    while (kw_measured_kind_name[i] && strcmp(kind, kw_measured_kind_name[i])) i++;
    if (i == KW_MEASURED_KINDS)
        return kw_json_fail(
            kw_json_get(o, "kind"), KW_EPARSE, err,
            "want decode, prefill, mixed, skewed, host, after_prompt, after_idle, anchor or start; got '%.40s'", kind);
    return read_visit(o, i, m, err);
}

enum kw_status kw_measured_parse(struct kw_measured *m, const char *name, const char *text, size_t len,
                                 struct kw_error *err)
{
    enum kw_status st = KW_OK;
    *m = (struct kw_measured){ 0 };
    long line = 1;
    for (const char *at = text, *end; st == KW_OK && (end = memchr(at, '\n', len - (size_t)(at - text)));
         at = end + 1, line++) {
        struct kw_json doc;
        char where[4200];
        snprintf(where, sizeof where, "%.4000s line %ld", name, line);
        st = kw_json_parse(&doc, where, at, (size_t)(end - at), err);
        if (st != KW_OK) break;
        st = read_line(kw_json_root(&doc), m, line == 1, err);
        kw_json_free(&doc);
        if (st == KW_OK) m->bytes = (size_t)(end + 1 - text);
    }
    if (st == KW_OK && line == 1)
        st = kw_fail(err, KW_EPARSE, "%s: no first line {\"keepwarm_measured\": 1, ...}", name);
    if (st != KW_OK) kw_measured_free(m);
    return st;
}

enum kw_status kw_measured_load(struct kw_measured *m, const char *path, struct kw_error *err)
{
    FILE *f = fopen(path, "rb");
    if (!f) return kw_fail(err, KW_EINPUT, "%s: %s", path, strerror(errno));
    char *text = NULL;
    size_t n = 0, cap = 0, got = 1;
    enum kw_status st = KW_OK;
    while (st == KW_OK && got) {
        if (n == cap) {
            cap = cap ? 2 * cap : 1 << 16;
            char *more = cap > (size_t)1 << 28 ? NULL : realloc(text, cap);
            if (!more) {
                st = kw_fail(err, KW_ENOMEM, "%s: out of memory for its text", path);
                break;
            }
            text = more;
        }
        got = fread(text + n, 1, cap - n, f);
        n += got;
    }
    if (st == KW_OK && ferror(f)) st = kw_fail(err, KW_EINPUT, "%s: %s", path, strerror(errno));
    fclose(f);
    if (st == KW_OK) st = kw_measured_parse(m, path, text, n, err);
    free(text);
    return st;
}

/* ---- HDF5 ---- */

enum { POINT_COLUMNS = 17 };

static double column(const struct kw_measured_point *p, int c)
{
    const double v[POINT_COLUMNS] = { p->key.kind,
                                      p->key.batch,
                                      p->key.context,
                                      (double)p->context_sum,
                                      p->key.chunks,
                                      p->key.tokens,
                                      p->key.past,
                                      p->key.shape,
                                      p->key.idle_ms * 1e-3,
                                      (double)p->n,
                                      p->median_s,
                                      p->low_s,
                                      p->high_s,
                                      p->coverage,
                                      p->host_s,
                                      p->drift,
                                      p->at_s };
    return v[c];
}

static enum kw_status write_points(struct kw_h5 *f, const struct kw_measured *m, double *v, struct kw_error *err)
{
    static const struct {
        const char *path, *units, *description;
    } columns[POINT_COLUMNS] = {
        { "/points/kind", "",
          "0 decode, 1 prefill, 2 mixed, 3 skewed, 4 host, 5 after a prompt, 6 after idle time, 7 anchor" },
        { "/points/batch", "sequences", "decoding sequences" },
        { "/points/context", "tokens", "of each decoding sequence after the step; skewed: the mean" },
        { "/points/context_sum", "tokens", "sum over the decoding sequences" },
        { "/points/chunks", "sequences", "prefill chunks" },
        { "/points/tokens", "tokens", "of each chunk" },
        { "/points/past", "tokens", "before each chunk" },
        { "/points/shape", "", "skewed: which lengths; after something: 0 at once, 1 settled" },
        { "/points/idle", "s", "without work before the step; 0: of no point that has it" },
        { "/points/samples", "", "steps timed" },
        { "/points/median", "s", "median step on the device" },
        { "/points/low", "s", "lower end of the median's order-statistic interval" },
        { "/points/high", "s", "upper end of it" },
        { "/points/coverage", "", "what the interval covers" },
        { "/points/host", "s", "submit to wait less the device's time" },
        { "/points/drift", "", "of the anchor before" },
        { "/points/at", "s", "last visit, since the run began" }
    };
    enum kw_status st = kw_h5_group(f, "/points", "one row a point, all visits merged", err);
    for (size_t i = 0; i < m->n; i++) v[i] = (double)i;
    struct kw_h5_dataset index = { .path = "/points/point",
                                   .type = KW_H5_F64,
                                   .units = "",
                                   .description = "row",
                                   .rank = 1,
                                   .shape = { m->n },
                                   .scale = "point" };
    if (st == KW_OK) st = kw_h5_write(f, &index, v, err);
    for (int c = 0; st == KW_OK && c < POINT_COLUMNS; c++) {
        for (size_t i = 0; i < m->n; i++) v[i] = column(&m->point[i], c);
        struct kw_h5_dataset d = { .path = columns[c].path,
                                   .type = KW_H5_F64,
                                   .units = columns[c].units,
                                   .description = columns[c].description,
                                   .rank = 1,
                                   .shape = { m->n },
                                   .dims = { "/points/point" } };
        st = kw_h5_write(f, &d, v, err);
    }
    return st;
}

/* v: room for a value a row. */
static enum kw_status write_starts(struct kw_h5 *f, const struct kw_measured *m, double *v, struct kw_error *err)
{
#define AT(member) offsetof(struct kw_measured_start, member)
    static const struct {
        const char *path, *units, *description;
        size_t at;
    } columns[] = { { "/starts/bytes", "B", "weights", AT(bytes) },
                    { "/starts/load", "s", "weights, first byte to last", AT(load_s) },
                    { "/starts/init", "s", "all the rest until ready", AT(init_s) },
                    { "/starts/ready", "s", "from before exec; 0: not known", AT(ready_s) },
                    { "/starts/first_token", "s", "from before exec; 0: not known", AT(first_token_s) },
                    { "/starts/sum", "s", "all phases one after the other", AT(sum_s) },
                    { "/starts/critical", "s", "phases on the critical path", AT(critical_s) },
                    { "/starts/file_bytes", "B", "read from files", AT(file_bytes) },
                    { "/starts/direct_bytes", "B", "of them by O_DIRECT", AT(direct_bytes) },
                    { "/starts/rate", "B/s", "of an emulated network, else 0", AT(rate) },
                    { "/starts/first_byte", "s", "of an emulated network, before each file", AT(first_byte_s) } };
#undef AT
    const char **mode = malloc(m->n_starts * sizeof *mode);
    if (!mode) return kw_fail(err, KW_ENOMEM, "out of memory");
    enum kw_status st = kw_h5_group(f, "/starts", "one row a cold start, each in a process of its own", err);
    for (size_t i = 0; i < m->n_starts; i++) v[i] = (double)i, mode[i] = m->start[i].mode;
    struct kw_h5_dataset d = { .path = "/starts/start",
                               .type = KW_H5_F64,
                               .units = "",
                               .description = "row",
                               .rank = 1,
                               .shape = { m->n_starts },
                               .scale = "start" };
    if (st == KW_OK) st = kw_h5_write(f, &d, v, err);
    d = (struct kw_h5_dataset){ .path = "/starts/mode",
                                .type = KW_H5_STR,
                                .units = "",
                                .description = "how the weights were read",
                                .rank = 1,
                                .shape = { m->n_starts },
                                .dims = { "/starts/start" } };
    if (st == KW_OK) st = kw_h5_write(f, &d, mode, err);
    free(mode);
    for (size_t c = 0; st == KW_OK && c < sizeof columns / sizeof *columns; c++) {
        for (size_t i = 0; i < m->n_starts; i++) memcpy(&v[i], (const char *)&m->start[i] + columns[c].at, sizeof *v);
        d.path = columns[c].path, d.type = KW_H5_F64, d.units = columns[c].units,
        d.description = columns[c].description;
        st = kw_h5_write(f, &d, v, err);
    }
    return st;
}

static enum kw_status write_phases(struct kw_h5 *f, const struct kw_measured *m, double *v, struct kw_error *err)
{
    static const struct {
        const char *path, *units, *description;
    } columns[] = { { "/phases/start", "", "row of /starts" },
                    { "/phases/begin", "s", "from before exec" },
                    { "/phases/duration", "s", "phases overlap" },
                    { "/phases/bytes", "B", "moved; 0 where that has no meaning" },
                    { "/phases/critical", "", "1: on the critical path" } };
    const char **name = malloc(m->n_phases * sizeof *name);
    if (!name) return kw_fail(err, KW_ENOMEM, "out of memory");
    enum kw_status st = kw_h5_group(f, "/phases", "phases of the cold starts", err);
    for (size_t i = 0; i < m->n_phases; i++) v[i] = (double)i, name[i] = m->phase[i].name;
    struct kw_h5_dataset d = { .path = "/phases/phase",
                               .type = KW_H5_F64,
                               .units = "",
                               .description = "row",
                               .rank = 1,
                               .shape = { m->n_phases },
                               .scale = "phase" };
    if (st == KW_OK) st = kw_h5_write(f, &d, v, err);
    d = (struct kw_h5_dataset){ .path = "/phases/name",
                                .type = KW_H5_STR,
                                .units = "",
                                .description = "what was done",
                                .rank = 1,
                                .shape = { m->n_phases },
                                .dims = { "/phases/phase" } };
    if (st == KW_OK) st = kw_h5_write(f, &d, name, err);
    free(name);
    for (size_t c = 0; st == KW_OK && c < sizeof columns / sizeof *columns; c++) {
        for (size_t i = 0; i < m->n_phases; i++) {
            const struct kw_measured_phase *p = &m->phase[i];
            const double row[] = { p->start, p->begin_s, p->s, p->bytes, p->critical };
            v[i] = row[c];
        }
        d.path = columns[c].path, d.type = KW_H5_F64, d.units = columns[c].units,
        d.description = columns[c].description;
        st = kw_h5_write(f, &d, v, err);
    }
    return st;
}

enum kw_status kw_measured_write_h5(const struct kw_measured *m, const char *path, struct kw_error *err)
{
    const struct kw_measured_head *h = &m->head;
    const struct {
        const char *name, *s;
    } words[] = { { "device", h->device }, { "driver", h->driver },       { "backend", h->backend },
                  { "model", h->model },   { "precision", h->precision }, { "commit", h->commit },
                  { "date", h->date } };
    const struct {
        const char *name;
        int64_t v;
    } counts[] = { { "units", h->units },
                   { "clock_mhz", h->clock_mhz },
                   { "memory_clock_mhz", h->memory_clock_mhz },
                   { "memory_bytes", (int64_t)h->memory_bytes },
                   { "weight_bytes", (int64_t)h->weight_bytes },
                   { "kv_bytes_per_token", (int64_t)h->kv_bytes_per_token },
                   { "block_size", h->block_size },
                   { "num_blocks", h->num_blocks },
                   { "max_num_seqs", h->max_num_seqs },
                   { "max_num_batched_tokens", h->max_num_batched_tokens },
                   { "max_model_len", h->max_model_len },
                   { "seed", (int64_t)h->seed } };
    struct kw_h5 *f;
    size_t rows = m->n > m->n_phases ? m->n : m->n_phases;
    double *v = malloc(((rows > m->n_starts ? rows : m->n_starts) + 1) * sizeof *v);
    if (!v) return kw_fail(err, KW_ENOMEM, "out of memory");
    enum kw_status st = kw_h5_create(&f, path, err);
    if (st == KW_OK) {
        for (size_t i = 0; st == KW_OK && i < sizeof words / sizeof *words; i++)
            st = kw_h5_attr_str(f, "/", words[i].name, words[i].s, err);
        for (size_t i = 0; st == KW_OK && i < sizeof counts / sizeof *counts; i++)
            st = kw_h5_attr_i64(f, "/", counts[i].name, counts[i].v, err);
        if (st == KW_OK && m->n) st = write_points(f, m, v, err);
        if (st == KW_OK && m->n_starts) st = write_starts(f, m, v, err);
        if (st == KW_OK && m->n_phases) st = write_phases(f, m, v, err);
        if (st == KW_OK)
            st = kw_h5_commit(f, err);
        else
            kw_h5_abandon(f);
    }
    free(v);
    return st;
}
