#include "calibrate/show.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/gpu.h"
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

static void put_prefill(FILE *f, const struct kw_profile *p, const struct kw_gpu_spec *g, const struct kw_model_shape *m)
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
    fprintf(f, "  %c dense layers  %c attention  %c lm_head and sampling  %c all-reduce  %c fixed\n", letter[DENSE], letter[ATTENTION],
            letter[HEAD], letter[COMM], letter[FIXED]);
    if (p->tables.mixed.context_s > 0)
        fprintf(f, "  decode beside prefill: %.1f us a sequence, %.1f ns a context token, %.1f ns x sequences x tokens\n",
                p->tables.mixed.sequence_s * 1e6, p->tables.mixed.context_s * 1e9, p->tables.mixed.pair_s * 1e9);
}

static void put_cold_start(FILE *f, const struct kw_profile *p)
{
    static const double q[] = { 0.05, 0.5, 0.95 };
    fprintf(f, "\ncold start, s           p5      p50      p95\n");
    const struct kw_law *laws[] = { &p->load_rate, &p->cached_load_rate };
    static const char *const names[] = { "load", "load, cached" };
    for (int i = 0; i < 2; i++) {
        fprintf(f, "  %-16s", names[i]);
        for (int k = 0; k < 3; k++) fprintf(f, " %8.1f", p->weight_bytes / kw_law_quantile(laws[i], 1 - q[k]));
        fprintf(f, "   %.1f GB at %.2f GB/s (median)\n", p->weight_bytes / 1e9, kw_law_quantile(laws[i], 0.5) / 1e9);
    }
    fprintf(f, "  %-16s", "engine start");
    for (int k = 0; k < 3; k++) fprintf(f, " %8.1f", kw_law_quantile(&p->init, q[k]));
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
    fprintf(f, "  weights %.2f GB; KV cache %u blocks of %u = %.0f tokens, %.1f GB, %.0f B a token\n", p->weight_bytes / 1e9,
            p->num_blocks, p->block_size, tokens, tokens * p->kv_bytes_per_token / 1e9, p->kv_bytes_per_token);
    fprintf(f, "  at most %u sequences, %u tokens a step, %u tokens a request\n", p->max_num_seqs, p->max_num_batched_tokens,
            p->max_model_len);
    fprintf(f, "\n  %-16s %-9s  %-10s  weakest: %s\n", "", "grade", "date", kw_grade_name[p->weakest]);
    put_grade(f, "step times", &p->steps, today);
    put_grade(f, "KV blocks", &p->kv, today);
    put_grade(f, "load", &p->load_rate.provenance, today);
    put_grade(f, "load, cached", &p->cached_load_rate.provenance, today);
    put_grade(f, "engine start", &p->init.provenance, today);
    fprintf(f, "  error left out: decode step median %.1f %%, worst %.1f %%; prefill step median %.1f %%, worst %.1f %%\n",
            100 * p->steps_error_median, 100 * p->steps_error_worst, 100 * p->prefill_error_median, 100 * p->prefill_error_worst);
    put_decode(f, p, g, m);
    put_prefill(f, p, g, m);
    put_cold_start(f, p);
    int bad = ferror(f);
    if (fclose(f) != 0 || bad || !out) {
        free(out);
        return kw_fail(err, KW_ENOMEM, "out of memory");
    }
    *text = out;
    return KW_OK;
}
