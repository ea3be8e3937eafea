/* Reading published tables: small files of our own with every hazard, and the real ones where KEEPWARM_DATA has them.
 */
#include "calibrate/import/import.h"
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include "calibrate/import/check_gemm.h"
#include "calibrate/import/import_aic.h"
#include "calibrate/import/import_vllm_bench.h"
#include "sim/core/files/csv.h"
#include "calibrate/operators/l2_correction.h"
#include "calibrate/operators/server_law.h"
#include "tests/check.h"
#include "tests/failmalloc.h"

static struct kw_error err;
static char dir[64];

static const char *file(const char *name, const char *text)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    if (!f) abort();
    fputs(text, f);
    fclose(f);
    return path;
}

static void a_csv_table_reads_quotes_crlf_and_gzip(void)
{
    struct kw_csv s;
    bool more;
    int b;
    double v;
    const char *text = "\xef\xbb\xbf"
                       "a,b,\"c, d\"\r\n1,2.5,\"x \"\"y\"\", z\"\r\n\r\n3,-4e-3,\"two\nlines\"\r\n5,6,\n7,8,5\" \"x";
    CHECK(kw_csv_memory(&s, "t.csv", text, strlen(text), &err) == KW_OK);
    CHECK(s.n == 3);
    CHECK(kw_csv_column(&s, "a") == 0 && kw_csv_column(&s, "c, d") == 2);
    CHECK(kw_csv_need(&s, "b", &b, &err) == KW_OK && b == 1);
    CHECK(kw_csv_need(&s, "z", &b, &err) == KW_EPARSE &&
          strstr(err.msg, "t.csv:1: no column 'z'; the header has: a, b, c, d"));
    b = 1;
    CHECK(kw_csv_next(&s, &more, &err) == KW_OK && more);
    CHECK_STR(s.field[2].p, "x \"y\", z");
    CHECK(kw_csv_f64(&s, b, 0, 10, &v, &err) == KW_OK && v == 2.5);
    CHECK(kw_csv_f64(&s, b, 3, 10, &v, &err) == KW_ERANGE && strstr(err.msg, "t.csv:2: b: want a number in 3..10"));
    CHECK(kw_csv_f64(&s, 2, 3, 10, &v, &err) == KW_EPARSE);
    CHECK(kw_csv_next(&s, &more, &err) == KW_OK && more && s.line == 4); /* where the row begins */
    CHECK_STR(s.field[2].p, "two\nlines");
    CHECK(kw_csv_f64(&s, b, -1, 1, &v, &err) == KW_OK && v == -4e-3);
    CHECK(kw_csv_next(&s, &more, &err) == KW_OK && more);
    CHECK_STR(s.field[2].p, "");
    CHECK(kw_csv_next(&s, &more, &err) == KW_OK && more); /* a quote inside a field that began without one is text */
    CHECK_STR(s.field[2].p, "5\" \"x");
    CHECK(kw_csv_next(&s, &more, &err) == KW_OK && !more);
    kw_csv_close(&s);
    kw_csv_close(&s);

    char path[256];
    snprintf(path, sizeof path, "%s/t.csv.gz", dir);
    gzFile g = gzopen(path, "wb");
    for (int i = 0; i < 20000; i++) gzprintf(g, "%d,%d\n", i, 20000 - i); /* past the first buffer, poor to compress */
    gzclose(g);
    CHECK(kw_csv_open(&s, path, &err) == KW_OK);
    long rows = 0;
    while (kw_csv_next(&s, &more, &err) == KW_OK && more) rows++;
    CHECK(rows == 19999);
    kw_csv_close(&s);
    CHECK(truncate(path, 20000) == 0);
    enum kw_status st = kw_csv_open(&s, path, &err);
    while (st == KW_OK && (st = kw_csv_next(&s, &more, &err)) == KW_OK && more) rows++;
    CHECK(st == KW_EPARSE && strstr(err.msg, path) && strstr(err.msg, "gzip"));
    kw_csv_close(&s);
}

static void bad_csv_tables_are_refused(void)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        { "", "t.csv: is empty" },
        { "a,b\n1\n", "t.csv:2: 1 fields, but the header has 2" },
        { "a,b\n1,2,3\n", "t.csv:2: 3 fields, but the header has 2" },
        { "a,b\n1,\"2\n3\n", "t.csv:2: a quoted field begins on line 2 and does not end" },
        { "a,b\n1,\"2\"3\n", "t.csv:2: text after a closing quote" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kw_csv s;
        bool more = true;
        enum kw_status st = kw_csv_memory(&s, "t.csv", bad[i].text, strlen(bad[i].text), &err);
        while (st == KW_OK && more) st = kw_csv_next(&s, &more, &err);
        CHECK(st == KW_EPARSE);
        if (!strstr(err.msg, bad[i].message)) CHECK_STR(err.msg, bad[i].message);
        kw_csv_close(&s);
    }
    struct kw_csv s;
    CHECK(kw_csv_memory(&s, "t.csv", "a\0b", 3, &err) == KW_EPARSE && strstr(err.msg, "t.csv: looks binary"));
    char wide[400];
    memset(wide, ',', sizeof wide);
    CHECK(kw_csv_memory(&s, "t.csv", wide, sizeof wide, &err) == KW_EPARSE && strstr(err.msg, "more than 128 columns"));
    CHECK(kw_csv_open(&s, "/nowhere.csv", &err) == KW_EINPUT && strstr(err.msg, "/nowhere.csv"));
    long n = 1;
    for (;; n++) {
        failmalloc_at(n);
        enum kw_status st = kw_csv_memory(&s, "t.csv", "a,b\n1,2\n", 8, &err);
        if (!failmalloc_off()) break;
        CHECK(st == KW_ENOMEM && !s.header && !s.s);
    }
    CHECK(n == 5);
    kw_csv_close(&s);
}

static void a_gemm_table_is_filtered_and_sorted(void)
{
    struct kw_samples q = { 0 };
    char version[16];
    struct kw_aic_choice c = { "H100", "vllm", "bfloat16", NULL };
    const char *path = file(
        "gemm.csv",
        "gpu,framework,version,kernel,dtype,m,n,k,latency_ms,origin_path\n"
        "H100-SXM-80GB,vllm,0.24.0,x,bfloat16,8,64,128,0.5,p\nH100-SXM-80GB,vllm,0.24.0,x,bfloat16,1,64,128,0.25,p\n"
        "H100-SXM-80GB,vllm,0.24.0,x,fp8,1,64,128,0.1,p\nH100-SXM-80GB,trtllm,1,x,bfloat16,1,64,128,0.2,p\n"
        "L40S,vllm,0.24.0,x,bfloat16,1,64,128,9,p\n");
    CHECK(kw_import_aic_gemm(&q, path, &c, version, &err) == KW_OK);
    CHECK(q.n == 2 && q.p[0].x[0] == 1 && q.p[0].x[1] == 64 && q.p[0].x[2] == 128 && q.p[1].x[0] == 8);
    CHECK_NEAR(q.p[0].s, 0.25e-3, 1e-18);
    CHECK_STR(version, "0.24.0");
    c.gpu = "T4";
    CHECK(kw_import_aic_gemm(&q, path, &c, version, &err) == KW_ERANGE &&
          strstr(err.msg, "no rows for T4, vllm, bfloat16"));
    c.gpu = "H100";
    path = file("gemm.csv",
                "gpu,framework,version,kernel,dtype,m,n,k,latency_ms\nH100-SXM-80GB,vllm,1,x,bfloat16,1,64,128,-1\n");
    CHECK(kw_import_aic_gemm(&q, path, &c, version, &err) == KW_ERANGE && strstr(err.msg, "gemm.csv:2: latency_ms"));
    path = file("gemm.csv", "gpu,framework,dtype,m,n,k,latency_ms\n");
    CHECK(kw_import_aic_gemm(&q, path, &c, version, &err) == KW_EPARSE && strstr(err.msg, "no column 'version'"));
    CHECK(q.n == 2);
    kw_samples_free(&q);
}

static void decode_attention_loses_jitter(void)
{
    struct kw_samples q = { 0 };
    char version[16];
    struct kw_aic_choice c = { "L40S", "vllm", "bfloat16", NULL };
    const char *path =
        file("attn.csv", "gpu,framework,version,kernel,kv_dtype,heads,kv_heads,batch,context,latency_ms\n"
                         "L40S,vllm,1,x,bfloat16,32,8,4,256,0.022\nL40S,vllm,1,x,bfloat16,32,8,4,512,0.094\n"
                         "L40S,vllm,1,x,bfloat16,32,8,4,1024,0.027\nL40S,vllm,1,x,bfloat16,32,8,8,64,0.020\n");
    CHECK(kw_import_aic_decode(&q, path, &c, version, &err) == KW_OK && q.n == 4);
    CHECK_NEAR(q.p[0].s, 22e-6, 1e-15);
    CHECK_NEAR(q.p[1].s, 27e-6, 1e-15);
    CHECK_NEAR(q.p[2].s, 27e-6, 1e-15); /* the next batch is another row */
    kw_samples_free(&q);
}

static void times_read_from_l2_are_raised(void)
{
    struct kw_gpu_spec g = { .bandwidth = 1e12, .l2_bytes = 50e6 };
    struct kw_samples q = { 0 };
    double share;
    /* 4096 B a KV token: 10 us to start, 80 % of 1 TB/s from memory, twice as fast as that below 100 MB. */
    static const double context[] = { 1, 4096, 16384, 65536, 262144 };
    for (int i = 0; i < 5; i++) {
        double bytes = 4 * 128 * 8 * context[i], s = i == 0 ? 10e-6 : 10e-6 + bytes / (bytes < 100e6 ? 1.6e12 : 0.8e12);
        CHECK(kw_samples_push(&q, (struct kw_sample){ { 32, 8, 1, context[i] }, s }, &err) == KW_OK);
    }
    CHECK(kw_l2_correct_decode(&q, &g, 128, &share) == 3);
    CHECK_NEAR(share, 0.8, 1e-9);
    for (int i = 0; i < 5; i++) CHECK_NEAR(q.p[i].s, 10e-6 + 4 * 128 * 8 * context[i] / 0.8e12, 1e-12);
    q.n = 2; /* nothing beyond the cache to learn from: left alone */
    CHECK(kw_l2_correct_decode(&q, &g, 128, &share) == 0 && isnan(share));
    kw_samples_free(&q);
    /* GEMM: six copies of 8 MB stay in L2 and are read at 107 % of memory; a large one shows 90 %. */
    CHECK(kw_samples_push(&q, (struct kw_sample){ { 1, 2000, 2000 }, 8e6 / 1.07e12 }, &err) == KW_OK);
    CHECK(kw_samples_push(&q, (struct kw_sample){ { 1, 20000, 20000 }, 800.08e6 / 0.9e12 }, &err) == KW_OK);
    CHECK(kw_l2_correct_gemm(&q, &g, 2, 6, &share) == 1);
    CHECK_NEAR(share, 0.9, 1e-9);
    CHECK_NEAR(q.p[0].s, (8e6 + 4000 + 4000) / 0.9e12, 1e-15);
    kw_samples_free(&q);
}

static void layers_and_mixed_attention(void)
{
    struct kw_samples q = { 0 };
    CHECK(kw_import_vllm_layer(&q, file("d.csv", "layer,tokens,time_us\nact_fn,2,3\nact_fn,1,2.5\no_proj,1,9\n"),
                               "act_fn", &err) == KW_OK);
    CHECK(q.n == 2 && q.p[0].x[0] == 1);
    CHECK_NEAR(q.p[0].s, 2.5e-6, 1e-18);
    kw_samples_free(&q);
    CHECK(kw_import_vllm_layer(&q, file("d.csv", "layer,sequences,time_us\nlm_head,4,7\n"), "lm_head", &err) == KW_OK &&
          q.p[0].x[0] == 4);
    CHECK(kw_import_vllm_layer(&q, file("d.csv", "layer,sequences,time_us\nlm_head,4,7\n"), "norm", &err) == KW_ERANGE);
    CHECK(kw_import_vllm_layer(&q, file("d.csv", "layer,rows,time_us\nlm_head,4,7\n"), "lm_head", &err) == KW_EPARSE);
    kw_samples_free(&q);
    const char *path = file("a.csv", "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n16,0,1,64,5\n0,0,1,64,4\n");
    CHECK(kw_import_vllm_attention(&q, path, &err) == KW_OK && q.n == 2 && q.p[0].x[0] == 0 && q.p[1].x[0] == 16);
    kw_samples_free(&q);
}

static void other_peoples_layers(void)
{
    struct kw_samples q = { 0 };
    const char *path =
        file("l.csv", "layer_name,input,kv_cache,tp_size,latency(ns)\nq_proj,8,0,1,16000\no_proj,8,0,1,9\n");
    CHECK(kw_import_llmservingsim_layer(&q, path, "q_proj", &err) == KW_OK && q.n == 1 && q.p[0].x[0] == 8);
    CHECK_NEAR(q.p[0].s, 16e-6, 1e-18);
    CHECK(kw_import_llmservingsim_layer(&q, path, "k_proj", &err) == KW_ERANGE && q.n == 1);
    path = file("v.csv", "time_stats.emb.median,num_tokens,num_tensor_parallel_workers\n0.5,64,1\n0.25,64,2\n");
    CHECK(kw_import_vidur_layer(&q, path, "emb", 2, &err) == KW_OK && q.n == 2);
    CHECK_NEAR(q.p[1].s, 0.25e-3, 1e-18);
    CHECK(kw_import_vidur_layer(&q, path, "act", 2, &err) == KW_EPARSE && strstr(err.msg, "time_stats.act.median"));
    kw_samples_free(&q);
}

/* ---- the real files ---- */

static const char *data(void)
{
    const char *d = getenv("KEEPWARM_DATA");
    if (!d) d = "../shared/data";
    return access(d, R_OK) == 0 ? d : NULL;
}

static void a_whole_import(void)
{
    const char *d = data();
    if (!d) {
        SKIP("no KEEPWARM_DATA");
        return;
    }
    struct kw_profile p;
    char *report;
    CHECK(kw_calibrate_import(&p, d, "H200", "llama-3.1-8b", "bf16", 1, &report, &err) == KW_OK);
    CHECK(strstr(report, "decode step, a point and the GEMM sites left out") && strstr(report, "qkv"));
    /* ENGINE.md 1, kernels alone (no norms, no launches): 4.5 ms at batch 1 and 1k, 17.6k tok/s at 256, prefill 54.8k
     * tok/s. */
    struct kw_steptime *t;
    CHECK(kw_steptime_compile(&t, &p.tables, 1024, 8192, &err) == KW_OK);
    struct kw_step one = { .n_decode = 1, .decode_context = 1024 },
                   many = { .n_decode = 256, .decode_context = 256 * 1024 },
                   prompt = { .n_chunks = 1, .prefill_tokens = 2048, .prefill_pairs2 = 2048 * 2048 };
    CHECK_NEAR((double)kw_steptime_ps(t, &one) * 1e-9, 4.5 + 0.4, 0.2); /* small kernels: 160 of 2 us and the sampler */
    CHECK_NEAR(256 / ((double)kw_steptime_ps(t, &many) * 1e-12 - 256 * p.tables.sequence_s) / 17600, 1, 0.06);
    CHECK_NEAR(p.tables.sequence_s, kw_server_law_of("vllm")->sequence_s, 1e-12); /* host and front end beside them */
    CHECK(p.front_s > 0 && p.steps_error_worst > 0.2 && strstr(p.steps.source, "host of vllm"));
    CHECK_NEAR(2048e12 / (double)kw_steptime_ps(t, &prompt) / 54800, 0.9, 0.03);
    kw_steptime_delete(t);
    CHECK(p.steps.grade == KW_GRADE_PUBLISHED && p.weakest == KW_GRADE_ESTIMATED);
    kw_profile_free(&p);
    free(report);
    CHECK(kw_calibrate_import(&p, d, "H2000", "llama-3.1-8b", "bf16", 1, NULL, &err) == KW_ERANGE);
    CHECK(kw_calibrate_import(&p, d, "H200", "llama-9", "bf16", 1, NULL, &err) == KW_ERANGE);
    CHECK(kw_calibrate_import(&p, d, "A100-80", "llama-3.1-8b", "fp8", 1, NULL, &err) == KW_ERANGE &&
          strstr(err.msg, "no precision"));
    CHECK(kw_calibrate_import(&p, d, "H200", "llama-3.1-8b", "bf16", 3, NULL, &err) == KW_ERANGE);
    CHECK(kw_calibrate_import(&p, d, "T4", "llama-3.1-70b", "bf16", 1, NULL, &err) == KW_ERANGE &&
          strstr(err.msg, "does not fit"));
    CHECK(kw_calibrate_import(&p, "/nowhere", "H200", "llama-3.1-8b", "bf16", 1, NULL, &err) == KW_EINPUT);
}

static void the_two_boards_with_their_own_kernels(void)
{
    const char *d = data();
    if (!d) {
        SKIP("no KEEPWARM_DATA");
        return;
    }
    struct kw_profile p;
    CHECK(kw_calibrate_import(&p, d, "RTX4090", "llama-3.1-8b", "bf16", 1, NULL, &err) == KW_OK);
    CHECK(p.num_blocks == 2588 && p.kv.grade == KW_GRADE_PUBLISHED && p.steps.grade == KW_GRADE_PUBLISHED);
    /* 32 layers of the table's row tokens = 1 by hand: 247.3 + 126.8 + 38.1 + 54.9 + 2 x 1.9 + 2.2 + 2.6 us, + 2.8
     * + 1.9. */
    CHECK_NEAR(kw_curve_at(&p.tables.dense, 1) * 1e6, 32 * (247.3 + 126.8 + 38.1 + 54.9 + 3.8 + 2.2 + 2.6) + 4.7, 10);
    CHECK_NEAR(kw_curve_at(&p.tables.head, 1) * 1e6, 1096.93 + 25.001, 0.01);
    CHECK(p.tables.mixed.context_s > 0 && p.tables.mixed.pair_s > 0);
    kw_profile_free(&p);
}

int main(void)
{
    snprintf(dir, sizeof dir, "/tmp/kw_import_XXXXXX");
    if (!mkdtemp(dir)) return 1;
    RUN(a_csv_table_reads_quotes_crlf_and_gzip);
    RUN(bad_csv_tables_are_refused);
    RUN(a_gemm_table_is_filtered_and_sorted);
    RUN(decode_attention_loses_jitter);
    RUN(times_read_from_l2_are_raised);
    RUN(layers_and_mixed_attention);
    RUN(other_peoples_layers);
    RUN(a_whole_import);
    RUN(the_two_boards_with_their_own_kernels);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    if (system(command)) return 1;
    return check_report();
}
