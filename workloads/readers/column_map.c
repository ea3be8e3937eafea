#include "workloads/readers/column_map.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const unit_names[KW_UNITS + 1] = { "auto", "s",   "ms",  "us",     "ns", "days",
                                                      "iso",  "mdy", "dmy", "ymdhms", NULL };

const char *kw_unit_name(enum kw_unit unit)
{
    return unit_names[unit];
}

enum value_kind { PATHS, SUM, LENGTH, WHERE, STATUS, UNIT, TURNS, ZERO, MISSING, BROKEN, BUCKETS, SECONDS, TOKENS };

#define FIELD(name, member, kind)                                                                                      \
    {                                                                                                                  \
        name, kind, offsetof(struct kw_columns, member)                                                                \
    }
static const struct key {
    const char *name;
    enum value_kind kind;
    size_t at;
} keys[] = {
    FIELD("arrival", arrival, PATHS),
    FIELD("prompt", prompt, SUM),
    FIELD("output", output, SUM),
    FIELD("model", model, PATHS),
    FIELD("class", klass, PATHS),
    FIELD("region", region, PATHS),
    FIELD("cached", cached, SUM),
    FIELD("write", write, SUM),
    FIELD("count", count, SUM),
    FIELD("id", id, PATHS),
    FIELD("end", end, PATHS),
    FIELD("duration", duration, LENGTH),
    FIELD("first", first, PATHS),
    FIELD("ttft", ttft, LENGTH),
    FIELD("e2e", e2e, LENGTH),
    FIELD("error", error, PATHS),
    FIELD("hit", hit, PATHS),
    FIELD("hashes", hashes, PATHS),
    FIELD("session", session, PATHS),
    FIELD("delay", delay, LENGTH),
    FIELD("turns", turns, TURNS),
    FIELD("key", key, PATHS),
    FIELD("team", team, PATHS),
    FIELD("tag", tag, PATHS),
    FIELD("cost", cost, PATHS),
    FIELD("cold", cold, PATHS),
    FIELD("start", start, LENGTH),
    FIELD("rate", rate, PATHS),
    FIELD("concurrency", concurrency, PATHS),
    FIELD("burstiness", burstiness, PATHS),
    FIELD("gpu", gpu, LENGTH),
    FIELD("where", where, WHERE),
    FIELD("status", status, STATUS),
    FIELD("unit", unit, UNIT),
    FIELD("zero", zero, ZERO),
    FIELD("missing", missing, MISSING),
    FIELD("broken", broken, BROKEN),
    FIELD("buckets", buckets, BUCKETS),
    FIELD("bucket", bucket_s, SECONDS),
    FIELD("block", block, TOKENS),
};
#undef FIELD
enum { KEYS = sizeof keys / sizeof *keys };

static bool is_field(const struct key *k)
{
    return k->kind == PATHS || k->kind == SUM || k->kind == LENGTH;
}

static size_t key_of(const char *text, size_t n)
{
    size_t i = 0;
    while (i < KEYS && (strlen(keys[i].name) != n || memcmp(keys[i].name, text, n))) i++;
    return i;
}

static enum kw_status unknown_key(const char *text, size_t n, struct kw_error *err)
{
    char known[400];
    size_t used = 0;
    for (size_t i = 0; i < KEYS && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", keys[i].name);
    return kw_fail(err, KW_EPARSE, "columns: unknown key '%.*s'; known: %s", (int)(n < 40 ? n : 40), text, known);
}

/* Length of text up to the first of `stops` that no backslash hides, or all n. */
static size_t until(const char *text, size_t n, const char *stops)
{
    size_t i = 0;
    for (; i < n; i++) {
        if (text[i] == '\\')
            i += i + 1 < n;
        else if (strchr(stops, text[i]))
            break;
    }
    return i;
}

/* The path in text[0..n), blanks around it cut and backslashes undone, to its place in the list; a '?' behind it says
 * that it may be absent. */
static enum kw_status path_index(struct kw_columns *c, const char *text, size_t n, uint8_t *index, bool *optional,
                                 struct kw_error *err)
{
    char path[KW_MAP_PATH];
    size_t k = 0;
    while (n && *text == ' ') text++, n--;
    while (n && text[n - 1] == ' ' && (n < 2 || text[n - 2] != '\\')) n--;
    *optional = n > 1 && text[n - 1] == '?' && text[n - 2] != '\\';
    n -= *optional;
    for (size_t i = 0; i < n && k < sizeof path; i++) {
        if (text[i] == '\\' && i + 1 < n) i++;
        path[k++] = text[i];
    }
    if (k == 0 || k == sizeof path)
        return kw_fail(err, KW_EPARSE, "columns: want names of 1 to %d bytes, got '%.*s'", KW_MAP_PATH - 1,
                       (int)(n < 40 ? n : 40), text);
    path[k] = 0;
    size_t i = 0;
    while (i < c->n_paths && strcmp(c->path[i], path)) i++;
    if (i == KW_MAP_PATHS) return kw_fail(err, KW_EPARSE, "columns: more than %d names", KW_MAP_PATHS);
    if (i == c->n_paths) memcpy(c->path[c->n_paths++], path, k + 1);
    *index = (uint8_t)i;
    return KW_OK;
}

/* a+b - c: the minus stands between blanks, since names may hold one. */
static enum kw_status sum(struct kw_columns *c, const char *text, size_t n, bool one, struct kw_map_sum *out,
                          struct kw_error *err)
{
    const char *end = text + n;
    bool minus = false;
    *out = (struct kw_map_sum){ .n = 0 };
    while (text <= end) {
        size_t k = 0, left = (size_t)(end - text);
        bool next_minus = false;
        for (;; k++) {
            k += until(text + k, left - k, one ? "" : "+-");
            if (k >= left || text[k] == '+') break;
            next_minus = k && k + 1 < left && text[k - 1] == ' ' && text[k + 1] == ' ';
            if (next_minus) break;
        }
        if (out->n == KW_MAP_TERMS) return kw_fail(err, KW_EPARSE, "columns: more than %d terms", KW_MAP_TERMS);
        struct kw_map_term *t = &out->term[out->n++];
        t->minus = minus;
        enum kw_status st = path_index(c, text, k, &t->path, &t->optional, err);
        if (st != KW_OK) return st;
        minus = next_minus;
        text += k + 1;
        if (k >= left) break;
    }
    return KW_OK;
}

static enum kw_status field(struct kw_columns *c, const char *text, size_t n, bool one, struct kw_map_field *out,
                            struct kw_error *err)
{
    *out = (struct kw_map_field){ .n = 0 };
    for (size_t at = 0; at <= n;) {
        size_t k = until(text + at, n - at, "|");
        if (out->n == KW_MAP_ALTERNATIVES)
            return kw_fail(err, KW_EPARSE, "columns: more than %d alternatives", KW_MAP_ALTERNATIVES);
        enum kw_status st = sum(c, text + at, k, one, &out->alt[out->n++], err);
        if (st != KW_OK) return st;
        at += k + 1;
    }
    return KW_OK;
}

/* PATH:a|b, PATH!a|b; also PATH=a, PATH==a, PATH!=a, as people write it. */
static enum kw_status filter(struct kw_columns *c, const char *text, size_t n, bool may_lack_words,
                             struct kw_map_filter *out, struct kw_error *err)
{
    size_t k = until(text, n, ":=!"), words = k;
    memset(out, 0, sizeof *out);
    if (k < n) {
        out->none_of = text[words++] == '!';
        while (words < n && text[words] == '=') words++;
    }
    if (n - words >= sizeof out->words || (words >= n && (!may_lack_words || k < n)))
        return kw_fail(err, KW_EPARSE, "columns: want PATH:WORD|WORD or PATH!WORD, of at most %zu bytes, got '%.*s'",
                       sizeof out->words - 1, (int)(n < 40 ? n : 40), text);
    memcpy(out->words, text + words, n - words);
    return path_index(c, text, k, &out->path, &out->optional, err);
}

static enum kw_status word(const char *key, const char *text, size_t n, const char *const words[], int *out,
                           struct kw_error *err)
{
    char list[100];
    size_t used = 0;
    for (*out = 0; words[*out]; ++*out) {
        if (strlen(words[*out]) == n && memcmp(words[*out], text, n) == 0) return KW_OK;
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                     !*out             ? ""
                                     : words[*out + 1] ? ", "
                                                       : " or ",
                                     words[*out]);
    }
    return kw_fail(err, KW_EPARSE, "columns: %s is %s, not '%.*s'", key, list, (int)(n < 40 ? n : 40), text);
}

static enum kw_status number(const char *key, const char *text, size_t n, double lo, double hi, double *out,
                             struct kw_error *err)
{
    char buf[40], *end;
    if (n < sizeof buf) {
        memcpy(buf, text, n);
        buf[n] = 0;
        *out = strtod(buf, &end);
        if (n && !*end && *out >= lo && *out <= hi) return KW_OK;
    }
    return kw_fail(err, KW_EPARSE, "columns: %s wants a number in %g..%g, got '%.*s'", key, lo, hi,
                   (int)(n < 40 ? n : 40), text);
}

enum kw_unit kw_columns_name_unit(const char *name)
{
    static const struct {
        const char *end;
        enum kw_unit unit;
    } ends[] = { { "ms", KW_UNIT_MS },           { "us", KW_UNIT_US },          { "ns", KW_UNIT_NS },
                 { "nano", KW_UNIT_NS },         { "millis", KW_UNIT_MS },      { "seconds", KW_UNIT_S },
                 { "secs", KW_UNIT_S },          { "sec", KW_UNIT_S },          { "milliseconds", KW_UNIT_MS },
                 { "microseconds", KW_UNIT_US }, { "nanoseconds", KW_UNIT_NS }, { "_s", KW_UNIT_S } };
    size_t n = strlen(name), longest = 0;
    enum kw_unit unit = KW_UNIT_AUTO;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t k = strlen(ends[i].end);
        if (n <= k || k <= longest) continue;
        size_t j = 0;
        while (j < k &&
               (name[n - k + j] | (name[n - k + j] >= 'A' && name[n - k + j] <= 'Z' ? 32 : 0)) == ends[i].end[j])
            j++;
        if (j == k) longest = k, unit = ends[i].unit;
    }
    return unit;
}

/* PATH|PATH:ms: how long something took. */
static enum kw_status length(struct kw_columns *c, const struct key *k, const char *text, size_t n,
                             struct kw_map_field *f, struct kw_error *err)
{
    enum kw_unit *unit = f == &c->duration ? &c->duration_unit
                         : f == &c->ttft   ? &c->ttft_unit
                         : f == &c->delay  ? &c->delay_unit
                         : f == &c->start  ? &c->start_unit
                         : f == &c->gpu    ? &c->gpu_unit
                                           : &c->e2e_unit;
    size_t paths = until(text, n, ":");
    *unit = KW_UNIT_AUTO;
    if (paths < n) {
        static const char *const units[] = { "s", "ms", "us", "ns", NULL };
        int w;
        enum kw_status st = word(k->name, text + paths + 1, n - paths - 1, units, &w, err);
        if (st != KW_OK) return st;
        *unit = (enum kw_unit)(KW_UNIT_S + w);
    }
    enum kw_status st = field(c, text, paths, false, f, err);
    for (size_t a = 0; st == KW_OK && a < f->n && *unit == KW_UNIT_AUTO; a++)
        *unit = kw_columns_name_unit(c->path[f->alt[a].term[0].path]);
    if (st != KW_OK || *unit != KW_UNIT_AUTO) return st;
    *unit = KW_UNIT_S;
    if (f == &c->duration) return KW_OK;
    return kw_fail(err, KW_EPARSE, "columns: %s=%.*s: in which unit? say %s=%.*s:ms (s, ms, us or ns)", k->name,
                   (int)(paths < 40 ? paths : 40), text, k->name, (int)(paths < 40 ? paths : 40), text);
}

static enum kw_status set(struct kw_columns *c, const struct key *k, const char *text, size_t n, struct kw_error *err)
{
    static const char *const zero[] = { "drop", "refuse", NULL }, *const missing[] = { "drop", "mean", "refuse", NULL },
                             *const broken[] = { "refuse", "drop", NULL }, *const turns[] = { "added", "whole", NULL };
    void *at = (char *)c + k->at;
    double x = 0;
    int w = 0;
    enum kw_status st = KW_OK;
    switch (k->kind) {
    case PATHS: return field(c, text, n, true, at, err);
    case SUM: return field(c, text, n, false, at, err);
    case LENGTH: return length(c, k, text, n, at, err);
    case WHERE:
        if (c->n_where == KW_MAP_FILTERS) return kw_fail(err, KW_EPARSE, "columns: more than %d where", KW_MAP_FILTERS);
        return filter(c, text, n, false, &c->where[c->n_where++], err);
    case STATUS: c->has_status = true; return filter(c, text, n, true, at, err);
    case UNIT: st = word(k->name, text, n, unit_names, &w, err), c->unit = (enum kw_unit)w; break;
    case TURNS: st = word(k->name, text, n, turns, &w, err), c->turns = w; break;
    case ZERO: st = word(k->name, text, n, zero, &w, err), c->zero = w; break;
    case MISSING: st = word(k->name, text, n, missing, &w, err), c->missing = w; break;
    case BROKEN: st = word(k->name, text, n, broken, &w, err), c->broken = w; break;
    case BUCKETS:
        st = word(k->name, text, n, kw_bucket_arrivals_name, &w, err), c->buckets = (enum kw_bucket_arrivals)w;
        break;
    case SECONDS: return number(k->name, text, n, 1, 86400.0 * 366, &c->bucket_s, err);
    case TOKENS: st = number(k->name, text, n, 1, 65536, &x, err), c->block = (uint32_t)x; break;
    }
    return st;
}

enum kw_status kw_columns_add(struct kw_columns *c, const char *text, struct kw_error *err)
{
    uint64_t now = 0;
    while (text && *text) {
        size_t n = until(text, strlen(text), ","), k = until(text, n, "=");
        if (k >= n) return kw_fail(err, KW_EPARSE, "columns: want key=value, got '%.*s'", (int)(n < 40 ? n : 40), text);
        size_t i = key_of(text, k);
        if (i == KEYS) return unknown_key(text, k, err);
        if (n == k + 1) return kw_fail(err, KW_EPARSE, "columns: '%s' wants a value", keys[i].name);
        if ((now >> i & 1) && keys[i].kind != WHERE)
            return kw_fail(err, KW_EPARSE, "columns: '%s' is given twice", keys[i].name);
        enum kw_status st = set(c, &keys[i], text + k + 1, n - k - 1, err);
        if (st != KW_OK) return st;
        now |= UINT64_C(1) << i;
        text += n + (text[n] == ',');
    }
    c->said |= now;
    return KW_OK;
}

static const char *const account_keys[] = { "key", "team", "tag", "cost", "cold", "start", "gpu", NULL };

const char *kw_columns_account_key(const struct kw_columns *c)
{
    for (size_t i = 0; account_keys[i]; i++)
        if (kw_columns_said(c, account_keys[i])) return account_keys[i];
    return NULL;
}

enum kw_status kw_columns_without_accounts(const char *text, char *buf, size_t size, struct kw_error *err)
{
    size_t used = 0;
    buf[0] = 0;
    while (text && *text) {
        size_t n = until(text, strlen(text), ","), k = until(text, n, "="), i = 0;
        while (account_keys[i] && (strlen(account_keys[i]) != k || memcmp(account_keys[i], text, k))) i++;
        if (!account_keys[i]) {
            if (used + n + 2 > size) return kw_fail(err, KW_ERANGE, "columns: more than %zu bytes", size - 2);
            if (used) buf[used++] = ',';
            memcpy(buf + used, text, n);
            buf[used += n] = 0;
        }
        text += n + (text[n] == ',');
    }
    return KW_OK;
}

bool kw_columns_said(const struct kw_columns *c, const char *key)
{
    size_t i = key_of(key, strlen(key));
    assert(i < KEYS);
    return c->said >> i & 1;
}

bool kw_columns_use(const struct kw_columns *c, const char *path)
{
    if (c->has_status && strcmp(c->path[c->status.path], path) == 0) return true;
    for (size_t i = 0; i < c->n_where; i++)
        if (strcmp(c->path[c->where[i].path], path) == 0) return true;
    for (size_t k = 0; k < KEYS; k++) {
        const struct kw_map_field *f = (const void *)((const char *)c + keys[k].at);
        if (!is_field(&keys[k])) continue;
        for (size_t a = 0; a < f->n; a++)
            for (size_t i = 0; i < f->alt[a].n; i++)
                if (strcmp(c->path[f->alt[a].term[i].path], path) == 0) return true;
    }
    return false;
}

/* Of a field's first alternative the first path that is not there, unless another alternative has all of its own. */
static const char *field_lacks(const struct kw_columns *c, const struct kw_map_field *f, const bool have[])
{
    const char *first = NULL;
    for (size_t a = 0; a < f->n; a++) {
        const char *lack = NULL;
        for (size_t i = 0; i < f->alt[a].n && !lack; i++) {
            const struct kw_map_term *t = &f->alt[a].term[i];
            if (!t->optional && !have[t->path]) lack = c->path[t->path];
        }
        if (!lack) return NULL;
        if (!first) first = lack;
    }
    return first;
}

const char *kw_columns_lack(const struct kw_columns *c, const bool have[])
{
    for (size_t k = 0; k < KEYS; k++) {
        const struct kw_map_field *f = (const void *)((const char *)c + keys[k].at);
        const char *lack = is_field(&keys[k]) ? field_lacks(c, f, have) : NULL;
        if (lack) return lack;
    }
    if (c->has_status && !c->status.optional && !have[c->status.path]) return c->path[c->status.path];
    for (size_t i = 0; i < c->n_where; i++)
        if (!c->where[i].optional && !have[c->where[i].path]) return c->path[c->where[i].path];
    return NULL;
}

char *kw_columns_text(const struct kw_columns *c, const struct kw_map_field *f, char *buf, size_t size)
{
    size_t used = (size_t)snprintf(buf, size, "%s", f->n ? "" : "-");
    for (size_t i = 0; i < f->n; i++)
        for (size_t j = 0; j < f->alt[i].n && used < size; j++) {
            const struct kw_map_term *t = &f->alt[i].term[j];
            used += (size_t)snprintf(buf + used, size - used, "%s%s",
                                     j   ? t->minus ? " - " : " + "
                                     : i ? " or "
                                         : "",
                                     c->path[t->path]);
        }
    return buf;
}
