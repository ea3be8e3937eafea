#include "calibrate/profile/show.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/gpu.h"
#include "calibrate/profile/link.h"
#include "sim/core/date.h"

#define CONTEXT 1024.0
#define BAR 50

/* Text wrapped at blanks to KW_SHOW_COLUMNS, every line indented. */
static void put_wrapped(FILE *f, const char *s, int indent)
{
    int room = KW_SHOW_COLUMNS - indent;
    while (*s) {
        int n = (int)strlen(s);
        if (n > room) {
            n = room;
            for (int i = room; i > room / 2; i--)
                if (s[i] == ' ') {
                    n = i;
                    break;
                }
        }
        fprintf(f, "%*s%.*s\n", indent, "", n, s);
        s += n;
        while (*s == ' ') s++;
    }
}

static void put_grade(FILE *f, const char *what, const struct kw_provenance *v, const char *today)
{
    int64_t days = today ? kw_date_age_days(v->date, today) : INT64_MIN;
    char age[32] = "";
    if (days != INT64_MIN) snprintf(age, sizeof age, "%lld day%s old", (long long)days, days == 1 ? "" : "s");
    fprintf(f, "  %-16s %-9s  %-10s  %s\n", what, kw_grade_name[v->grade], v->date, age);
    put_wrapped(f, v->source, 19);
}

/* "all-reduce", which link, and what a step's all-reduces take over it. */
static void put_link(FILE *f, const struct kw_profile *p, const char *today)
{
    char what[160];
    struct kw_link link;
    struct kw_error ignored;
    put_grade(f, "all-reduce", &p->link.provenance, today);
    snprintf(what, sizeof what, "%s; of a step %.2f ms at 1 token, %.1f ms at 2048",
             kw_link_named(&link, p->link.name, p->tp, &ignored) == KW_OK ? link.full_name : p->link.name,
             1e3 * kw_curve_at(&p->tables.comm, 1), 1e3 * kw_curve_at(&p->tables.comm, 2048));
    put_wrapped(f, what, 19);
}

/* The parts of a step, each with the letter it has in the picture. */
enum { DENSE, ATTENTION, HEAD, COMM, FIXED, PARTS };
static const char letter[] = "=#-~.";

static double decode_attention_s(const struct kw_step_tables *t, double batch, double context)
{
    uint32_t i = 0;
    while (i + 1 < t->n_decode_rows && t->decode_batch[i + 1] <= batch) i++;
    double s = kw_curve_at(&t->decode[i], batch * context);
    if (i + 1 == t->n_decode_rows || batch <= t->decode_batch[i]) return s;
    double w = (batch - t->decode_batch[i]) / (t->decode_batch[i + 1] - t->decode_batch[i]);
    return s + w * (kw_curve_at(&t->decode[i + 1], batch * context) - s);
}

static double decode_parts(const struct kw_step_tables *t, double batch, double part[PARTS])
{
    part[DENSE] = kw_curve_at(&t->dense, batch);
    part[ATTENTION] = decode_attention_s(t, batch, CONTEXT);
    part[HEAD] = kw_curve_at(&t->head, batch);
    part[COMM] = kw_curve_at(&t->comm, batch);
    part[FIXED] = t->fixed_s + t->sequence_s * batch;
    return part[DENSE] + part[ATTENTION] + part[HEAD] + part[COMM] + part[FIXED];
}

static double prefill_parts(const struct kw_step_tables *t, double tokens, double part[PARTS])
{
    part[DENSE] = kw_curve_at(&t->dense, tokens);
    part[ATTENTION] = kw_curve_at(&t->prefill_attn, tokens * tokens / 2) + t->prefill_token_s * tokens;
    part[HEAD] = kw_curve_at(&t->head, 1);
    part[COMM] = kw_curve_at(&t->comm, tokens);
    part[FIXED] = t->fixed_s + t->sequence_s + t->chunk_s;
    return part[DENSE] + part[ATTENTION] + part[HEAD] + part[COMM] + part[FIXED];
}

/* A stacked bar; full is the time of a whole one. Ends are rounded, so the bar's length is the step's. */
static void put_bar(FILE *f, const double part[PARTS], double full)
{
    double sum = 0;
    int at = 0;
    for (int i = 0; i < PARTS; i++) {
        sum += part[i];
        for (int end = (int)lround(BAR * sum / full); at < end; at++) putc(letter[i], f);
    }
    putc('\n', f);
}

static void put_decode(FILE *f, const struct kw_profile *p, const struct kw_gpu_spec *g, const struct kw_model_shape *m)
{
    double part[PARTS], tokens = (double)p->num_blocks * p->block_size, full = 0;
    double weights = m ? kw_model_step_bytes(m, p->precision) : p->weight_bytes;
    uint32_t last = 1;
    while (2 * last <= p->max_num_seqs && 2 * last * CONTEXT <= tokens) last *= 2;
    full = decode_parts(&p->tables, last, part);
    fprintf(f, "\ndecode step, every sequence at %.0f tokens\n  batch        ms      tok/s   read\n", CONTEXT);
    for (uint32_t b = 1; b <= last; b *= 2) {
        double s = decode_parts(&p->tables, b, part), bytes = weights + b * CONTEXT * p->kv_bytes_per_token;
        fprintf(f, "  %5u %9.2f %10.0f   ", b, s * 1e3, b / s);
        if (g)
            fprintf(f, "%3.0f%%  ", 100 * bytes / (p->tp * g->bandwidth) / s);
        else
            fputs("   -  ", f);
        put_bar(f, part, full);
    }
}

static void put_prefill(FILE *f, const struct kw_profile *p, const struct kw_gpu_spec *g,
                        const struct kw_model_shape *m)
{
    double part[PARTS], flops = !g ? NAN : !strcmp(p->precision, "fp8") ? g->flops_fp8 : g->flops_bf16;
    double full = prefill_parts(&p->tables, p->max_num_batched_tokens, part);
    fprintf(f, "\nprefill step, one prompt\n  tokens       ms      tok/s    MFU\n");
    for (uint32_t n = 128; n <= p->max_num_batched_tokens; n *= 2) {
        double s = prefill_parts(&p->tables, n, part);
        fprintf(f, "  %6u %8.2f %10.0f   ", n, s * 1e3, n / s);
        if (g && m)
            fprintf(f, "%3.0f%%  ", 100 * 2 * kw_model_linear_params(m) * n / (p->tp * flops) / s);
        else
            fputs("   -  ", f);
        put_bar(f, part, full);
    }
    fprintf(f, "  %c dense layers  %c attention  %c lm_head and sampling  %c all-reduce  %c fixed\n", letter[DENSE],
            letter[ATTENTION], letter[HEAD], letter[COMM], letter[FIXED]);
    if (p->tables.mixed.context_s > 0)
        fprintf(f,
                "  decode beside prefill: %.1f us a sequence, %.1f ns a context token, %.1f ns x sequences x tokens\n",
                p->tables.mixed.sequence_s * 1e6, p->tables.mixed.context_s * 1e9, p->tables.mixed.pair_s * 1e9);
}

/* What a step takes beside its own work, and a request outside the engine; nothing where nobody knows it. */
static void put_beside(FILE *f, const struct kw_profile *p)
{
    const struct kw_step_tables *t = &p->tables;
    if (t->fixed_s > 0 || t->sequence_s > 0 || t->chunk_s > 0)
        fprintf(f, "\nhost a step: %.3g us, %.3g us a sequence, %.3g us a new request\n", t->fixed_s * 1e6,
                t->sequence_s * 1e6, t->chunk_s * 1e6);
    if (p->front_s > 0 || p->front_token_s > 0)
        fprintf(f, "before the engine, part of TTFT: %.3g ms a request, %.3g us a token of its prompt\n",
                p->front_s * 1e3, p->front_token_s * 1e6);
    for (uint32_t i = 0; i < t->cold.n_idle; i++)
        fprintf(f, "%s%.3g ms after %.3g ms", i ? ", " : "cold caches add: ", t->cold.idle[i].more_s * 1e3,
                t->cold.idle[i].idle_s * 1e3);
    if (t->cold.n_idle) fputs(" without work\n", f);
    if (t->cold.after_prompt_s > 0)
        fprintf(f, "and %.3g ms to the decode after a prompt\n", t->cold.after_prompt_s * 1e3);
}

/* Seconds, or milliseconds where a tenth of a second would hide them. */
static void put_seconds(FILE *f, double s)
{
    if (s < 0.0995)
        fprintf(f, " %5.*f ms", s < 0.00995 ? 2 : 1, s * 1e3);
    else
        fprintf(f, " %8.1f", s);
}

static void put_cold_start(FILE *f, const struct kw_profile *p)
{
    static const double q[] = { 0.05, 0.5, 0.95 };
    fprintf(f, "\ncold start, s           p5      p50      p95\n");
    const struct kw_law *laws[] = { &p->load_rate, &p->cached_load_rate };
    static const char *const names[] = { "load", "load, cached" };
    for (int i = 0; i < 2; i++) {
        fprintf(f, "  %-16s", names[i]);
        for (int k = 0; k < 3; k++) put_seconds(f, p->weight_bytes / kw_law_quantile(laws[i], 1 - q[k]));
        bool small = p->weight_bytes < 1e8;
        fprintf(f, "   %.1f %s at %.2f GB/s (median)\n", p->weight_bytes / (small ? 1e6 : 1e9), small ? "MB" : "GB",
                kw_law_quantile(laws[i], 0.5) / 1e9);
    }
    fprintf(f, "  %-16s", "engine start");
    for (int k = 0; k < 3; k++) put_seconds(f, kw_law_quantile(&p->init, q[k]));
    putc('\n', f);
}

enum kw_status kw_profile_show(char **text, const struct kw_profile *p, const char *today, struct kw_error *err)
{
    char *out = NULL;
    size_t size;
    const struct kw_gpu_spec *g = kw_gpu_find(p->gpu);
    const struct kw_model_shape *m = kw_model_find(p->model);
    FILE *f = open_memstream(&out, &size);
    if (!f) return kw_fail(err, KW_ENOMEM, "out of memory");
    double tokens = (double)p->num_blocks * p->block_size;
    fprintf(f, "%u x %s, %s, %s    (%s)\n", p->tp, g ? g->full_name : p->gpu, p->model, p->precision, p->engine);
    if (p->device[0])
        fprintf(f, "  measured on %s; drift at worst %.1f %%%s\n", p->device, 100 * p->drift,
                p->unsteady ? ": NOT A STEADY DEVICE" : "");
    fprintf(f, "  weights %.2f GB; KV cache %u blocks of %u = %.0f tokens, %.1f GB, %.0f B a token\n",
            p->weight_bytes / 1e9, p->num_blocks, p->block_size, tokens, tokens * p->kv_bytes_per_token / 1e9,
            p->kv_bytes_per_token);
    fprintf(f, "  at most %u sequences, %u tokens a step, %u tokens a request\n", p->max_num_seqs,
            p->max_num_batched_tokens, p->max_model_len);
    fprintf(f, "\n  %-16s %-9s  %-10s  weakest: %s\n", "", "grade", "date", kw_grade_name[p->weakest]);
    put_grade(f, "step times", &p->steps, today);
    if (p->link.name[0]) put_link(f, p, today);
    put_grade(f, "KV blocks", &p->kv, today);
    put_grade(f, "load", &p->load_rate.provenance, today);
    put_grade(f, "load, cached", &p->cached_load_rate.provenance, today);
    put_grade(f, "engine start", &p->init.provenance, today);
    fprintf(f,
            "  error left out: decode step median %.1f %%, worst %.1f %%; prefill step median %.1f %%, worst %.1f %%\n",
            100 * p->steps_error_median, 100 * p->steps_error_worst, 100 * p->prefill_error_median,
            100 * p->prefill_error_worst);
    put_decode(f, p, g, m);
    put_prefill(f, p, g, m);
    put_beside(f, p);
    put_cold_start(f, p);
    int bad = ferror(f);
    if (fclose(f) != 0 || bad || !out) {
        free(out);
        return kw_fail(err, KW_ENOMEM, "out of memory");
    }
    *text = out;
    return KW_OK;
}

static void json_string(FILE *f, const char *key, const char *s)
{
    fprintf(f, "\"%s\": \"", key);
    for (; *s; s++) fprintf(f, *s == '"' || *s == '\\' ? "\\%c" : "%c", (unsigned char)*s < 0x20 ? ' ' : *s);
    fputc('"', f);
}

static void json_part(FILE *f, const char *key, const struct kw_provenance *v)
{
    fprintf(f, "    \"%s\": { \"grade\": \"%s\", \"date\": \"%s\", ", key, kw_grade_name[v->grade], v->date);
    json_string(f, "source", v->source);
    fputs(" }", f);
}

static void json_quantiles(FILE *f, const char *key, const struct kw_law *l, double bytes, const char *end)
{
    static const double q[] = { 0.05, 0.5, 0.95 };
    fprintf(f, "\"%s\": [", key);
    for (int k = 0; k < 3; k++)
        fprintf(f, "%s%.6g", k ? ", " : "",
                bytes > 0 ? bytes / kw_law_quantile(l, 1 - q[k]) : kw_law_quantile(l, q[k]));
    fprintf(f, "]%s", end);
}

enum kw_status kw_profile_show_json(char **text, const struct kw_profile *p, struct kw_error *err)
{
    char *out = NULL, name[KW_PROFILE_TEXT];
    size_t size;
    double part[PARTS], tokens = (double)p->num_blocks * p->block_size;
    FILE *f = open_memstream(&out, &size);
    if (!f) return kw_fail(err, KW_ENOMEM, "out of memory");
    fputs("{ ", f);
    json_string(f, "profile", kw_profile_name(p, name));
    const struct {
        const char *key, *s;
    } words[] = { { "gpu", p->gpu },       { "model", p->model },   { "precision", p->precision },
                  { "engine", p->engine }, { "device", p->device }, { "sha256", p->sha256 } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        fputs(i % 3 ? ", " : ",\n  ", f);
        json_string(f, words[i].key, words[i].s);
    }
    fprintf(f, ", \"tp\": %u,\n  \"grade\": \"%s\", \"weakest\": \"%s\", \"steady\": %s, \"drift\": %.6g,\n", p->tp,
            kw_grade_name[p->steps.grade], kw_grade_name[p->weakest], p->unsteady ? "false" : "true", p->drift);
    fprintf(f, "  \"weight_bytes\": %.15g, \"kv_bytes_per_token\": %.15g, \"kv_tokens\": %.15g,\n", p->weight_bytes,
            p->kv_bytes_per_token, tokens);
    fprintf(f, "  \"max_num_seqs\": %u, \"max_num_batched_tokens\": %u, \"max_model_len\": %u,\n", p->max_num_seqs,
            p->max_num_batched_tokens, p->max_model_len);
    fputs("  \"parts\": {\n", f);
    const struct {
        const char *key;
        const struct kw_provenance *v;
    } parts[] = { { "step_times", &p->steps },
                  { "kv_blocks", &p->kv },
                  { "load", &p->load_rate.provenance },
                  { "load_cached", &p->cached_load_rate.provenance },
                  { "engine_start", &p->init.provenance } };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        json_part(f, parts[i].key, parts[i].v);
        fputs(i + 1 < sizeof parts / sizeof *parts ? ",\n" : " },\n", f);
    }
    fprintf(f,
            "  \"front_s\": %.9g, \"front_token_s\": %.9g,\n"
            "  \"errors\": { \"decode_median\": %.6g, \"decode_worst\": %.6g, \"prefill_median\": %.6g, "
            "\"prefill_worst\": %.6g },\n",
            p->front_s, p->front_token_s, p->steps_error_median, p->steps_error_worst, p->prefill_error_median,
            p->prefill_error_worst);
    fprintf(f, "  \"decode_context\": %.0f, \"decode\": [", CONTEXT);
    for (uint32_t b = 1; b <= p->max_num_seqs && (b == 1 || b * CONTEXT <= tokens); b *= 2)
        fprintf(f, "%s{ \"batch\": %u, \"s\": %.9g }", b > 1 ? ", " : "", b, decode_parts(&p->tables, b, part));
    fputs("],\n  \"prefill\": [", f);
    for (uint32_t n = 128; n <= p->max_num_batched_tokens; n *= 2)
        fprintf(f, "%s{ \"tokens\": %u, \"s\": %.9g }", n > 128 ? ", " : "", n, prefill_parts(&p->tables, n, part));
    fputs("],\n  \"cold_start_s\": { \"quantiles\": [0.05, 0.5, 0.95], ", f);
    json_quantiles(f, "load", &p->load_rate, p->weight_bytes, ", ");
    json_quantiles(f, "load_cached", &p->cached_load_rate, p->weight_bytes, ", ");
    json_quantiles(f, "engine_start", &p->init, 0, " } }\n");
    int bad = ferror(f);
    if (fclose(f) != 0 || bad || !out) {
        free(out);
        return kw_fail(err, KW_ENOMEM, "out of memory");
    }
    *text = out;
    return KW_OK;
}
