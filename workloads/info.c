/* A trace's stats as text for a terminal. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/date.h"
#include "sim/core/text.h"
#include "workloads/stats.h"

enum { WIDTH = 80, LEFT = 11, ROWS = 3 };

static const char *const block[9] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };

char *kw_grouped(char *buf, size_t size, double x, int decimals)
{
    char plain[64];
    size_t used = 0;
    snprintf(plain, sizeof plain, "%.*f", decimals, x);
    size_t whole = strcspn(plain, ".");
    for (size_t i = 0; plain[i] && used + 2 < size; i++) {
        if (i && i < whole && (whole - i) % 3 == 0 && plain[i - 1] != '-') buf[used++] = ',';
        buf[used++] = plain[i];
    }
    if (size) buf[used] = 0;
    return buf;
}

/* Seconds as people say them: "58.4 min", "7.00 days". */
static char *spoken(char *buf, size_t size, double s)
{
    if (s < 120)
        snprintf(buf, size, "%.4g s", s);
    else if (s < 7200)
        snprintf(buf, size, "%.3g min", s / 60);
    else if (s < 2 * 86400)
        snprintf(buf, size, "%.3g h", s / 3600);
    else
        snprintf(buf, size, "%.4g days", s / 86400);
    return buf;
}

/* x[n] as rows of block characters, the top row first; the fullest column reaches the top, a used one shows. */
static void bars(struct kw_text *out, const double *x, int n, int rows, const char *const label[])
{
    double top = 0;
    for (int i = 0; i < n; i++)
        if (x[i] > top) top = x[i];
    for (int r = rows - 1; r >= 0; r--) {
        kw_text_add(out, "%-*s", LEFT, label[rows - 1 - r]);
        for (int i = 0; i < n; i++) {
            int level = top > 0 ? (int)ceil(x[i] / top * 8 * rows - 1e-9) - 8 * r : 0;
            kw_text_add(out, "%s", block[level < 0 ? 0 : level > 8 ? 8 : level]);
        }
        kw_text_trim(out);
        kw_text_add(out, "\n");
    }
}

/* A line of marks under WIDTH columns that stand for span_s seconds. */
static void time_axis(struct kw_text *out, double span_s)
{
    static const struct {
        double s;
        const char *unit;
    } unit[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
    static const int nice[] = { 1, 2, 3, 5, 6, 7, 10, 12, 14, 15, 20, 28, 30, 50, 60, 100, 200, 500, 1000, 10000 };
    char line[WIDTH + 32];
    int u = 0;
    while (u < 3 && span_s < 2 * unit[u].s) u++;
    double units = span_s / unit[u].s;
    size_t k = 0;
    while (k + 1 < sizeof nice / sizeof *nice && units / nice[k] > 8) k++;
    memset(line, ' ', sizeof line);
    int end = 0;
    for (int i = 0; i * nice[k] <= units && i < 12; i++) {
        int at = units > 0 ? (int)(i * nice[k] / units * WIDTH) : 0;
        char mark[24];
        int n = snprintf(mark, sizeof mark, "%d %s", i * nice[k], unit[u].unit);
        if (at + n > WIDTH + 8) break;
        memcpy(line + at, mark, (size_t)n);
        end = at + n;
    }
    kw_text_add(out, "%-*s%.*s\n", LEFT, "", end, line);
}

static void rate_picture(struct kw_text *out, const struct kw_trace *t)
{
    double x[WIDTH] = { 0 }, top = 0;
    double span = t->span > 0 ? (double)t->span : 1;
    char high[LEFT + 8];
    for (size_t i = 0; i < t->n; i++) {
        int k = (int)((double)t->arrival[i] / span * WIDTH);
        x[k < WIDTH ? k : WIDTH - 1] += WIDTH / (span / 1e9);
    }
    for (int i = 0; i < WIDTH; i++)
        if (x[i] > top) top = x[i];
    snprintf(high, sizeof high, "%.3g/s", top);
    bars(out, x, WIDTH, ROWS, (const char *const[]){ high, "", "" });
    time_axis(out, span / 1e9);
}

/* Token lengths on a log axis from 1 to the largest power of two at or above the maximum. */
static void length_picture(struct kw_text *out, const char *name, const uint32_t *x, size_t n, uint32_t max)
{
    double bar[WIDTH] = { 0 };
    int octaves = 1;
    while (octaves < 24 && UINT32_C(1) << octaves < max) octaves++;
    for (size_t i = 0; i < n; i++) {
        int k = (int)(log2((double)x[i]) / octaves * WIDTH);
        bar[k < WIDTH ? k : WIDTH - 1]++;
    }
    bars(out, bar, WIDTH, 1, &name);
    char line[WIDTH + 32];
    memset(line, ' ', sizeof line);
    int end = 0, step = octaves > 12 ? 2 : 1;
    for (int o = 0; o <= octaves; o += step) {
        char mark[24];
        int at = o * WIDTH / octaves,
            k = snprintf(mark, sizeof mark, o < 10 ? "%d" : "%dk", o < 10 ? 1 << o : 1 << (o - 10));
        if (at + k > WIDTH + 8 || at < end) continue;
        memcpy(line + at, mark, (size_t)k);
        end = at + k;
    }
    kw_text_add(out, "%-*s%.*s\n", LEFT, "", end, line);
}

static void token_row(struct kw_text *out, const char *name, const struct kw_token_stats *s)
{
    char b[7][32];
    kw_text_add(out, "%-*s%11s%10s%10s%10s%10s%12s%16s\n", LEFT, name, kw_grouped(b[0], 32, s->mean, 1),
                kw_grouped(b[1], 32, s->p50, 0), kw_grouped(b[2], 32, s->p90, 0), kw_grouped(b[3], 32, s->p95, 0),
                kw_grouped(b[4], 32, s->p99, 0), kw_grouped(b[5], 32, s->max, 0),
                kw_grouped(b[6], 32, (double)s->total, 0));
}

static void latency_row(struct kw_text *out, const char *name, const struct kw_latency_stats *s)
{
    if (s->n)
        kw_text_add(out, "%-*s%10.4g%10.4g%10.4g%10.4g%12.4g%16zu\n", LEFT + 11, name, s->p50, s->p90, s->p95, s->p99,
                    s->worst, s->n);
}

/* What the source saw of the answers, the slow side of each. */
static void latency_rows(struct kw_text *out, const struct kw_trace_stats *s)
{
    if (!s->ttft_s.n && !s->e2e_s.n) return;
    kw_text_add(out, "\n%-*s%10s%10s%10s%10s%12s%16s\n", LEFT + 11, "as observed", "p50", "p90", "p95", "p99", "worst",
                "requests");
    latency_row(out, "TTFT, s", &s->ttft_s);
    latency_row(out, "E2E, s", &s->e2e_s);
    latency_row(out, "output, tokens/s", &s->output_rate);
}

/* "name 60.1 %, ...", the largest first, at most six. */
static void shares(struct kw_text *out, const char *title, char **name, const uint64_t *count, size_t names, size_t n)
{
    uint64_t below = UINT64_MAX;
    size_t shown = 0, used = 0;
    if (!count) return;
    kw_text_add(out, "%-*s", LEFT, title);
    while (shown < names && used < 6) {
        uint64_t best = 0;
        for (size_t i = 0; i < names; i++)
            if (count[i] < below && count[i] > best) best = count[i];
        if (!best) break;
        for (size_t i = 0; i < names && used < 6; i++) {
            if (count[i] != best) continue;
            kw_text_add(out, "%s%.24s %.1f %%", used++ ? ", " : "", *name[i] ? name[i] : "(none)",
                        100.0 * (double)best / (double)n);
            shown++;
        }
        below = best;
    }
    if (names > shown) kw_text_add(out, ", and %zu more", names - shown);
    kw_text_add(out, "\n");
}

/* UTC of a Unix time. */
static void utc(char *buf, size_t size, int64_t unix_s)
{
    static const char *const weekday[] = { "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" };
    int64_t day = unix_s / 86400, s = unix_s % 86400;
    int y, m, d;
    kw_date_of_day(day, &y, &m, &d);
    snprintf(buf, size, "%s %04d-%02d-%02d %02" PRId64 ":%02" PRId64 ":%02" PRId64 " UTC", weekday[day % 7], y, m, d,
             s / 3600, s / 60 % 60, s % 60);
}

/* What the source's provider read from its cache and wrote to it, of all prompt tokens. */
static void cache_row(struct kw_text *out, const struct kw_trace *t)
{
    uint64_t read = 0, written = 0, prompt = 0;
    char a[32], b[32];
    if (!t->cached && !t->written) return;
    for (size_t i = 0; i < t->n; i++) {
        prompt += t->prompt[i];
        read += t->cached ? t->cached[i] : 0;
        written += t->written ? t->written[i] : 0;
    }
    kw_text_add(out, "%-*s%s read from the provider's cache (%.1f %% of prompt tokens), %s written to it\n", LEFT,
                "cached", kw_grouped(a, sizeof a, (double)read, 0), 100.0 * (double)read / (double)prompt,
                kw_grouped(b, sizeof b, (double)written, 0));
}

/* How much of text[0..n) a line of `width` takes: whole words, if there are any that fit. */
static size_t fit(const char *text, size_t n, size_t width)
{
    if (n <= width) return n;
    size_t k = width;
    while (k && text[k] != ' ') k--;
    return k ? k : width;
}

static void summary(struct kw_text *out, const struct kw_trace *t, const struct kw_trace_stats *s)
{
    char a[64], b[64], c[64], remarks[2000];
    const char *slash = strrchr(t->notes.source, '/');
    kw_text_add(out, "%-*s%.70s (%s)\n", LEFT, "trace", slash && slash[1] ? slash + 1 : t->notes.source,
                t->notes.format);
    kw_text_add(out, "%-*s%s", LEFT, "requests", kw_grouped(a, sizeof a, (double)s->n, 0));
    if (t->notes.rows != t->n) kw_text_add(out, " of %s rows", kw_grouped(a, sizeof a, (double)t->notes.rows, 0));
    if (t->epoch_unix >= 0 && t->epoch_unix < INT64_C(253402300800)) {
        utc(a, sizeof a, t->epoch_unix);
        kw_text_add(out, ", from %s", a);
    }
    kw_text_add(out, "\n%-*s%s s (%s), %.4g requests/s\n", LEFT, "span", kw_grouped(a, sizeof a, s->span_s, 3),
                spoken(b, sizeof b, s->span_s), s->rate);
    kw_text_add(out, "%-*sbusiest minute %.2fx the mean (%s requests, at %s), busiest hour %.2fx\n", LEFT, "peaks",
                s->peak_minute, kw_grouped(a, sizeof a, (double)s->busiest_minute, 0),
                spoken(b, sizeof b, (double)s->busiest_minute_at / 1e9), s->peak_hour);
    kw_text_add(out, "%-*sinterarrival CV ", LEFT, "gaps");
    if (isnan(s->cv))
        kw_text_add(out, "-");
    else
        kw_text_add(out, "%.2f", s->cv);
    kw_text_add(out, ", longest gap %s at %s; empty: %s of %" PRIu64 " minutes, %" PRIu64 " of %" PRIu64 " hours\n",
                spoken(a, sizeof a, (double)s->longest_gap / 1e9), spoken(b, sizeof b, (double)s->longest_gap_at / 1e9),
                kw_grouped(c, sizeof c, (double)s->empty_minutes, 0), s->minutes, s->empty_hours, s->hours);
    if (s->sessions)
        kw_text_add(out, "%-*s%s, %.4g turns each; a turn comes %.4g s (median) after the answer before it\n", LEFT,
                    "sessions", kw_grouped(a, sizeof a, (double)s->sessions, 0), (double)s->n / (double)s->sessions,
                    s->think_p50_s);
    if (s->blocks)
        kw_text_add(out,
                    "%-*s%s distinct %u-token blocks; unbounded cache: %.1f %% of blocks, %.1f %% of prompt tokens\n",
                    LEFT, "prefixes", kw_grouped(a, sizeof a, (double)s->distinct_blocks, 0), t->hash_block,
                    100 * s->block_hits, 100 * s->token_hits);
    shares(out, "models", t->model_name, s->model_count, t->n_models, t->n);
    shares(out, "classes", t->class_name, s->class_count, t->n_classes, t->n);
    shares(out, "regions", t->region_name, s->region_count, t->n_regions, t->n);
    kw_trace_remarks(t, remarks, sizeof remarks);
    for (char *r = remarks; *r;) { /* one remark after another, each on lines of its own */
        char *semi = strstr(r, "; ");
        size_t n = semi ? (size_t)(semi - r) : strlen(r);
        bool first = r == remarks;
        while (n) {
            size_t k = fit(r, n, WIDTH);
            kw_text_add(out, "%-*s%.*s\n", LEFT, first ? "note" : "", (int)k, r);
            first = false;
            r += k, n -= k;
            while (n && *r == ' ') r++, n--;
        }
        if (semi) r = semi + 2;
    }
    if (*t->notes.sha256) kw_text_add(out, "%-*s%s\n", LEFT, "sha256", t->notes.sha256);
}

enum kw_status kw_trace_info(char **text, const struct kw_trace *t, const struct kw_trace_stats *given,
                             struct kw_error *err)
{
    struct kw_trace_stats own = { 0 };
    const struct kw_trace_stats *s = given;
    struct kw_text out = { 0 };
    if (!s) {
        enum kw_status st = kw_trace_stats(&own, t, err);
        if (st != KW_OK) return st;
        s = &own;
    }
    summary(&out, t, s);
    kw_text_add(&out, "\n%-*s%11s%10s%10s%10s%10s%12s%16s\n", LEFT, "tokens", "mean", "p50", "p90", "p95", "p99", "max",
                "total");
    token_row(&out, "prompt", &s->prompt);
    token_row(&out, "output", &s->output);
    cache_row(&out, t);
    if (!isnan(s->rank_correlation))
        kw_text_add(&out, "%-*s%11.3f  between prompt and output (Spearman)\n", LEFT, "rank corr.",
                    s->rank_correlation);
    latency_rows(&out, s);
    kw_text_add(&out, "\nrequests/s over time\n");
    rate_picture(&out, t);
    kw_text_add(&out, "\ntokens a request, log scale\n");
    length_picture(&out, "prompt", t->prompt, t->n, s->prompt.max);
    length_picture(&out, "output", t->output, t->n, s->output.max);
    kw_trace_stats_free(&own);
    *text = out.s;
    if (!out.failed) return KW_OK;
    kw_text_free(&out);
    *text = NULL;
    return kw_fail(err, KW_ENOMEM, "out of memory for the report");
}

static void json_number(struct kw_text *out, const char *key, double x)
{
    if (isfinite(x))
        kw_text_add(out, ",\n  \"%s\": %.10g", key, x);
    else
        kw_text_add(out, ",\n  \"%s\": null", key);
}

static void json_tokens(struct kw_text *out, const char *key, const struct kw_token_stats *s)
{
    kw_text_add(out,
                ",\n  \"%s\": { \"mean\": %.10g, \"min\": %u, \"p50\": %u, \"p90\": %u, \"p95\": %u, \"p99\": %u, "
                "\"max\": %u, \"total\": %" PRIu64 " }",
                key, s->mean, s->min, s->p50, s->p90, s->p95, s->p99, s->max, s->total);
}

static void json_latency(struct kw_text *out, const char *key, const struct kw_latency_stats *s)
{
    if (s->n)
        kw_text_add(out,
                    ",\n  \"%s\": { \"requests\": %zu, \"p50\": %.10g, \"p90\": %.10g, \"p95\": %.10g, \"p99\": %.10g, "
                    "\"worst\": %.10g }",
                    key, s->n, s->p50, s->p90, s->p95, s->p99, s->worst);
}

static void json_counts(struct kw_text *out, const char *key, char **name, const uint64_t *count, size_t n)
{
    if (!count) return;
    kw_text_add(out, ",\n  \"%s\": {", key);
    for (size_t i = 0; i < n; i++) {
        kw_text_add(out, "%s", i ? ", " : " ");
        kw_text_quote(out, name[i]);
        kw_text_add(out, ": %" PRIu64, count[i]);
    }
    kw_text_add(out, " }");
}

enum kw_status kw_trace_info_json(char **text, const struct kw_trace *t, const struct kw_trace_stats *given,
                                  struct kw_error *err)
{
    struct kw_trace_stats own = { 0 };
    const struct kw_trace_stats *s = given;
    const struct kw_trace_notes *k = &t->notes;
    struct kw_text out = { 0 };
    if (!s) {
        enum kw_status st = kw_trace_stats(&own, t, err);
        if (st != KW_OK) return st;
        s = &own;
    }
    kw_text_add(&out, "{\n  \"source\": ");
    kw_text_quote(&out, k->source);
    kw_text_add(&out,
                ",\n  \"format\": \"%s\",\n  \"sha256\": \"%s\",\n  \"requests\": %zu,\n  \"rows\": %" PRIu64
                ",\n  \"dropped_failed\": %" PRIu64 ",\n  \"dropped_other\": %" PRIu64,
                k->format, k->sha256, t->n, k->rows, k->dropped_failed, k->dropped_other);
    const struct {
        const char *key;
        uint64_t n;
    } counts[] = { { "filtered", k->filtered },
                   { "gateway_hits", k->gateway_hits },
                   { "not_generated", k->not_generated },
                   { "duplicates", k->duplicates },
                   { "unknown_tokens", k->unknown_tokens },
                   { "imputed", k->imputed },
                   { "broken", k->broken },
                   { "cut_off", k->cut_off },
                   { "headers_again", k->headers_again },
                   { "buckets", k->buckets },
                   { "load_tests", k->load_tests },
                   { "load_tests_drawn", k->load_tests_drawn },
                   { "clock_back", k->clock_back },
                   { "fell_back", k->fell_back },
                   { "latency_odd", k->latency_odd },
                   { "equal_times", k->equal_times } };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        kw_text_add(&out, ",\n  \"%s\": %" PRIu64, counts[i].key, counts[i].n);
    if (t->cached) {
        uint64_t cached = 0;
        for (size_t i = 0; i < t->n; i++) cached += t->cached[i];
        kw_text_add(&out, ",\n  \"cached_tokens\": %" PRIu64, cached);
    }
    if (t->written) {
        uint64_t written = 0;
        for (size_t i = 0; i < t->n; i++) written += t->written[i];
        kw_text_add(&out, ",\n  \"cache_write_tokens\": %" PRIu64, written);
    }
    kw_text_add(&out, ",\n  \"read_as\": ");
    kw_text_quote(&out, k->read_as);
    kw_text_add(&out, ",\n  \"hints\": ");
    kw_text_quote(&out, k->hints);
    json_number(&out, "worst_back_s", (double)k->worst_back / 1e9);
    json_number(&out, "epoch_unix_s", t->epoch_unix == INT64_MIN ? NAN : (double)t->epoch_unix);
    json_number(&out, "span_s", s->span_s);
    json_number(&out, "rate_per_s", s->rate);
    json_number(&out, "interarrival_cv", s->cv);
    json_number(&out, "peak_minute_over_mean", s->peak_minute);
    json_number(&out, "peak_hour_over_mean", s->peak_hour);
    json_number(&out, "busiest_minute_requests", (double)s->busiest_minute);
    json_number(&out, "busiest_minute_at_s", (double)s->busiest_minute_at / 1e9);
    json_number(&out, "longest_gap_s", (double)s->longest_gap / 1e9);
    json_number(&out, "longest_gap_at_s", (double)s->longest_gap_at / 1e9);
    json_number(&out, "minutes", (double)s->minutes);
    json_number(&out, "empty_minutes", (double)s->empty_minutes);
    json_number(&out, "hours", (double)s->hours);
    json_number(&out, "empty_hours", (double)s->empty_hours);
    json_tokens(&out, "prompt_tokens", &s->prompt);
    json_tokens(&out, "output_tokens", &s->output);
    json_latency(&out, "observed_ttft_s", &s->ttft_s);
    json_latency(&out, "observed_e2e_s", &s->e2e_s);
    json_latency(&out, "observed_output_rate", &s->output_rate);
    json_number(&out, "rank_correlation", s->rank_correlation);
    if (s->sessions) {
        json_number(&out, "sessions", (double)s->sessions);
        json_number(&out, "think_p50_s", s->think_p50_s);
    }
    if (s->blocks) {
        json_number(&out, "prefix_block_tokens", t->hash_block);
        json_number(&out, "prefix_blocks", (double)s->blocks);
        json_number(&out, "prefix_distinct_blocks", (double)s->distinct_blocks);
        json_number(&out, "prefix_block_hits", s->block_hits);
        json_number(&out, "prefix_token_hits", s->token_hits);
    }
    json_counts(&out, "models", t->model_name, s->model_count, t->n_models);
    json_counts(&out, "classes", t->class_name, s->class_count, t->n_classes);
    json_counts(&out, "regions", t->region_name, s->region_count, t->n_regions);
    kw_text_add(&out, "\n}\n");
    kw_trace_stats_free(&own);
    *text = out.s;
    if (!out.failed) return KW_OK;
    kw_text_free(&out);
    *text = NULL;
    return kw_fail(err, KW_ENOMEM, "out of memory for the report");
}
