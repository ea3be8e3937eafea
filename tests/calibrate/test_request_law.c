/* The law of an engine's steps from its answers' first and last tokens: a replica of a known law is simulated, its requests are
 * handed over as a server's log would have them, and the law comes back; so does it from vLLM's own runs. */
#include "calibrate/own/own_requests.h"
#include <stdlib.h>
#include "calibrate/profile/curve.h"
#include "sim/core/rng.h"
#include "sim/fleet/replica.h"
#include "tests/check.h"
#include "workloads/trace_load.h"

enum { N = 900 };
static const double truth[KW_REQUEST_TERMS] = { 9e-3, 30e-6, 60e-9, 40e-6, 0.5e-9 };
static const double front = 12e-3, front_token = 4e-6;

static void line_of(struct kw_curve *c, double slope)
{
    struct kw_error err;
    CHECK(kw_curve_new(c, 2, &err) == KW_OK);
    kw_curve_put(c, 0, 0);
    kw_curve_put(c, 1e6, slope * 1e6);
}

/* a + b B + c S + d T + e P, as a profile's tables have it: a prompt's token more than a decode's. */
static struct kw_steptime *known_law(void)
{
    struct kw_step_tables t = { .fixed_s = truth[0], .prefill_token_s = truth[3] - truth[1], .n_decode_rows = 1 };
    struct kw_steptime *time;
    struct kw_error err;
    struct kw_curve row;
    double batch = 1;
    line_of(&t.dense, truth[1]), line_of(&t.head, 0), line_of(&t.prefill_attn, truth[4]), line_of(&t.comm, 0);
    line_of(&row, truth[2]);
    t.decode = &row, t.decode_batch = &batch;
    CHECK(kw_steptime_compile(&time, &t, 256, 4096, &err) == KW_OK);
    kw_curve_free(&t.dense), kw_curve_free(&t.head), kw_curve_free(&t.prefill_attn), kw_curve_free(&t.comm);
    kw_curve_free(&row);
    return time;
}

/* A load that grows from 0.5 to 9.5 requests/s and falls again; noise: a share by which each time is late, at most. */
static void serve(struct kw_request_times *r, double noise, uint64_t seed)
{
    struct kw_sched_config c = { .max_num_seqs = 256,
                                 .max_num_batched_tokens = 2048,
                                 .block_size = 16,
                                 .num_blocks = 1 << 16,
                                 .max_model_len = 32768 };
    struct kw_steptime *time = known_law();
    struct kw_replica rep;
    struct kw_error err = { "" };
    struct kw_rng rng;
    double at = 0;
    kw_ns *arrival = malloc(N * sizeof *arrival);
    CHECK(kw_rng_init(&rng, seed, 0, KW_RNG_ARRIVALS, &err) == KW_OK);
    CHECK(kw_replica_init(&rep, &c, time, KW_STEPPING_JUMP, NULL, &err) == KW_OK);
    for (int i = 0; i < N; i++) {
        at += kw_rng_exp(&rng, 1 / (0.5 + 9 * sin(3.14159 * (i + 0.5) / N)));
        arrival[i] = (kw_ns)(at * 1e9);
        r[i] = (struct kw_request_times){ .prompt = (uint32_t)(64 * exp(3 * kw_rng_uniform(&rng))),
                                          .output = (uint32_t)(20 * exp(3 * kw_rng_uniform(&rng))) };
        r[i].arrival_s = at - front - front_token * r[i].prompt;
    }
    for (int i = 0; i < N || rep.next != INT64_MAX;) {
        if (i < N && arrival[i] <= rep.next) {
            struct kw_sched_request q = { .id = (uint64_t)i, .prompt = r[i].prompt, .output = r[i].output };
            uint32_t slot;
            CHECK(kw_replica_add(&rep, &q, arrival[i], &slot, &err) == KW_OK);
            i++;
            continue;
        }
        struct kw_replica_out out;
        const double now = (double)rep.next * 1e-9;
        kw_replica_advance(&rep, rep.next, &out);
        for (uint32_t k = 0; k < out.n_first; k++) r[out.first[k].id].first_s = now;
        for (uint32_t k = 0; k < out.n_finished; k++) r[out.finished[k].id].end_s = now;
    }
    for (int i = 0; i < N; i++) { /* the way to the client */
        r[i].first_s += noise * kw_rng_uniform(&rng);
        r[i].end_s += noise * kw_rng_uniform(&rng);
    }
    free(arrival);
    kw_replica_free(&rep);
    kw_steptime_delete(time);
    kw_rng_free(&rng);
}

/* Within the interval or a fiftieth, and the interval says something. */
static void comes_back(const struct kw_request_estimate *e, double want, double share, const char *name)
{
    if (!(e->v >= want * (1 - share) && e->v <= want * (1 + share)) || !(e->lo <= want * 1.02 && e->hi >= want * 0.98))
        fprintf(stderr, "%s: %g (%g to %g), want %g\n", name, e->v, e->lo, e->hi, want);
    CHECK(e->v >= want * (1 - share) && e->v <= want * (1 + share));
    CHECK(e->lo <= want * 1.02 && e->hi >= want * 0.98);
}

static void a_known_law_comes_back(void)
{
    static struct kw_request_times r[N];
    for (int noisy = 0; noisy < 2; noisy++) { /* the way to the client takes 2.5 ms then, of front and end alike */
        struct kw_request_law l;
        struct kw_error err = { "" };
        serve(r, noisy ? 5e-3 : 0, 1);
        CHECK(kw_request_law(&l, r, N, NULL, 2048, 1, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        comes_back(&l.term[KW_REQUEST_STEP], truth[0], 0.02, "step");
        comes_back(&l.term[KW_REQUEST_SEQUENCE], truth[1], 0.25, "sequence");
        comes_back(&l.term[KW_REQUEST_CONTEXT], truth[2], 0.15, "context");
        comes_back(&l.term[KW_REQUEST_PREFILL], truth[3], 0.05, "prefill");
        comes_back(&l.front, front + (noisy ? 2.5e-3 : 0), 0.05, "front");
        CHECK(l.tpot.median < 0.01 && l.tpot.n > 300 && l.decodes == N);
        CHECK(l.ttft.median < 0.25 && l.batch_most > 20); /* where in a step a request comes is luck */
    }
}

/* The same requests in another order, and on another clock, have the same law. */
static void neither_order_nor_clock_matters(void)
{
    static struct kw_request_times r[N], s[N];
    struct kw_request_law a, b;
    struct kw_error err;
    serve(r, 0, 2);
    for (int i = 0; i < N; i++) {
        s[i] = r[N - 1 - i];
        s[i].arrival_s += 1024, s[i].first_s += 1024, s[i].end_s += 1024;
    }
    CHECK(kw_request_law(&a, r, N, NULL, 2048, 1, &err) == KW_OK &&
          kw_request_law(&b, s, N, NULL, 2048, 1, &err) == KW_OK);
    for (int j = 0; j < 4; j++) CHECK_NEAR(b.term[j].v / a.term[j].v, 1, 1e-4);
    CHECK(a.decodes == b.decodes && a.beside == b.beside);
}

/* No law of half the requests' own is judged by them: the others may say anything. */
static void the_judged_half_is_not_fitted_to(void)
{
    static struct kw_request_times r[N];
    struct kw_request_law a;
    struct kw_error err;
    serve(r, 0, 3);
    CHECK(kw_request_law(&a, r, N, NULL, 2048, 1, &err) == KW_OK && a.tpot.median < 0.01);
    /* A step that takes twice as long in every second block of requests: the law of the others misses it. */
    double to = 0;
    for (int i = 0; i < N; i++) to = fmax(to, r[i].end_s);
    for (int i = 0; i < N; i++)
        r[i].end_s = fmin(r[i].first_s + (r[i].end_s - r[i].first_s) * (i / 45 % 2 ? 1.6 : 1), to);
    CHECK(kw_request_law(&a, r, N, NULL, 2048, 1, &err) == KW_OK && a.tpot.median > 0.25);
}

static void too_little_is_refused(void)
{
    static struct kw_request_times r[N];
    struct kw_request_law l;
    struct kw_error err = { "" };
    serve(r, 0, 4);
    CHECK(kw_request_law(&l, r, 39, NULL, 2048, 1, &err) == KW_ERANGE && strstr(err.msg, "want 40 at least"));
    for (int i = 0; i < 100; i++) /* one after another: the batch is one */
        r[i].arrival_s = 10.0 * i, r[i].first_s = 10.0 * i + 1, r[i].end_s = 10.0 * i + 5;
    CHECK(kw_request_law(&l, r, 100, NULL, 2048, 1, &err) == KW_ERANGE &&
          strstr(err.msg, "a law wants a load that changes"));
    for (int i = 0; i < N; i++) r[i].output = 2;
    CHECK(kw_request_law(&l, r, N, NULL, 2048, 1, &err) == KW_ERANGE && strstr(err.msg, "0 answers of 8 tokens"));
    CHECK(kw_request_law(&l, r, 0, NULL, 2048, 1, &err) == KW_ERANGE);
}

/* A profile of it serves as the law says, and no faster than the GPU can. */
static void its_profile_has_the_law(void)
{
    static struct kw_request_times r[N];
    struct kw_profile p;
    struct kw_request_law l;
    struct kw_provenance v = { .grade = KW_GRADE_MEASURED, .source = "a log", .date = "2026-11-30" };
    struct kw_error err = { "" };
    struct kw_steptime *t;
    char *report;
    size_t len;
    FILE *f = open_memstream(&report, &len);
    serve(r, 0, 1);
    CHECK(kw_own_base(&p, "H100", "llama-3.1-8b", "bf16", 1, &err) == KW_OK);
    CHECK(kw_own_requests(&p, &l, r, N, &v, 1, f, &err) == KW_OK);
    fclose(f);
    CHECK_STR(err.msg, "");
    CHECK(kw_steptime_compile(&t, &p.tables, 256, 8192, &err) == KW_OK);
    for (uint32_t b = 1; b < (uint32_t)l.batch_most; b += 5) {
        struct kw_step s = { .n_decode = b, .decode_context = 400 * b };
        CHECK_NEAR((double)kw_steptime_ps(t, &s) * 1e-12 / (truth[0] + truth[1] * b + truth[2] * 400 * b), 1, 0.02);
    }
    struct kw_step prompt = { .n_chunks = 1, .prefill_tokens = 1024, .prefill_pairs2 = 1024 * 1024 };
    CHECK_NEAR((double)kw_steptime_ps(t, &prompt) * 1e-12 / (truth[0] + truth[3] * 1024 + truth[4] * 1024 * 512), 1,
               0.03);
    CHECK(strstr(report, "a step takes (95 %)") && strstr(report, "TPOT of the other half: off by"));
    CHECK(p.steps.grade == KW_GRADE_MEASURED && p.steps_error_median < 0.01 && p.num_blocks > 10000);
    kw_steptime_delete(t);
    kw_profile_free(&p), free(report);
    /* 70B does not step in 9 ms on 4 of these: the law stays at what memory allows. */
    f = open_memstream(&report, &len);
    CHECK(kw_own_base(&p, "H100", "llama-3.1-70b", "bf16", 4, &err) == KW_OK);
    CHECK(kw_own_requests(&p, &l, r, N, &v, 1, f, &err) == KW_OK);
    fclose(f);
    CHECK(l.term[KW_REQUEST_STEP].v >= l.floor[KW_REQUEST_STEP] && l.floor[KW_REQUEST_STEP] > 10e-3);
    CHECK(strstr(report, "the data sheet's bound") != NULL);
    kw_profile_free(&p), free(report);
}

/* vLLM 0.19 on two boards (data/calibration/vllm_bench). What a step of theirs takes is known from their own kernels' tables, which
 * this never sees; host time comes on top of it. */
static void real_runs_of_vllm(void)
{
    static const struct {
        const char *gpu;
        double tpot, decode, share; /* judged TPOT; batch; how near to the kernels' own */
    } runs[] = { { "RTXPRO6000", 0.01, 96, 0.12 }, { "RTX4090", 0.04, 32, 0.15 } };
    const char *env = getenv("KEEPWARM_DATA");
    for (int k = 0; k < 2; k++) {
        char path[1024];
        struct kw_trace t;
        struct kw_error err = { "" };
        snprintf(path, sizeof path, "%s/calibration/vllm_bench/%s_Llama-3.1-8B/requests.jsonl",
                 env ? env : "../shared/data", runs[k].gpu);
        enum kw_status st = kw_trace_load(&t, path, NULL,
                                          "arrival=queued_ts,first=first_token_ts,end=last_token_ts,prompt=input_toks,"
                                          "output=output_toks,unit=s",
                                          &err);
        if (st == KW_EINPUT) {
            SKIP("no runs of vLLM in KEEPWARM_DATA");
            return;
        }
        CHECK(st == KW_OK && t.n == 300 && t.ttft && t.e2e);
        struct kw_request_times *r = malloc(t.n * sizeof *r);
        for (size_t i = 0; i < t.n; i++) {
            const double at = (double)t.arrival[i] * 1e-9;
            r[i] = (struct kw_request_times){
                at, at + (double)t.ttft[i] * 1e-9, at + (double)t.e2e[i] * 1e-9, t.prompt[i], 0, t.output[i]
            };
        }
        struct kw_profile p, kernels;
        struct kw_request_law l;
        struct kw_provenance v = { .grade = KW_GRADE_MEASURED, .source = "a log", .date = "2026-11-30" };
        struct kw_steptime *ours, *theirs;
        FILE *null = fopen("/dev/null", "w");
        CHECK(kw_own_base(&p, runs[k].gpu, "llama-3.1-8b", "bf16", 1, &err) == KW_OK);
        CHECK(kw_own_base(&kernels, runs[k].gpu, "llama-3.1-8b", "bf16", 1, &err) == KW_OK);
        CHECK(kw_own_requests(&p, &l, r, t.n, &v, 1, null, &err) == KW_OK);
        fclose(null);
        CHECK(l.tpot.median < runs[k].tpot && l.tpot.n == 150);
        CHECK(kw_steptime_compile(&ours, &p.tables, 256, 2048, &err) == KW_OK);
        CHECK(kw_steptime_compile(&theirs, &kernels.tables, 256, 2048, &err) == KW_OK);
        struct kw_step s = { .n_decode = (uint32_t)runs[k].decode,
                             .decode_context = (uint64_t)(runs[k].decode * 1200) };
        CHECK_NEAR((double)kw_steptime_ps(ours, &s) / (double)kw_steptime_ps(theirs, &s), 1, runs[k].share);
        printf("%s: TPOT of the other half %.1f %%; batch %.0f: %.2f x its kernels\n", runs[k].gpu, 100 * l.tpot.median,
               runs[k].decode, (double)kw_steptime_ps(ours, &s) / (double)kw_steptime_ps(theirs, &s));
        kw_steptime_delete(ours), kw_steptime_delete(theirs);
        kw_profile_free(&p), kw_profile_free(&kernels);
        kw_trace_free(&t), free(r);
    }
}

int main(void)
{
    RUN(a_known_law_comes_back);
    RUN(neither_order_nor_clock_matters);
    RUN(the_judged_half_is_not_fitted_to);
    RUN(too_little_is_refused);
    RUN(its_profile_has_the_law);
    RUN(real_runs_of_vllm);
    return check_report();
}
