/* Measure and fit over a backend whose law is known: no device, no sleeping, a clock that the backend itself moves. */
#include <stdlib.h>
#include <unistd.h>
#include "calibrate/measure/fit_measured.h"
#include "calibrate/measure/measure.h"
#include "sim/core/rng.h"
#include "tests/check.h"

struct kw_backend { /* its law, seconds; and the state of its clock */
    double step, token, seq, decode_seq, context, pair,
        prompt;     /* a0, a1 tokens, h, per decode, per context token, per pair, per prompt */
    double beside;  /* per decode and prompt token of a mixed step */
    double noise;   /* relative, uniform +- */
    double drift;   /* relative a second of device time */
    double hiccup;  /* relative, of every tenth step */
    double cold;    /* seconds that the first three decode steps after a prompt take more, together */
    uint32_t since; /* steps without prompts since the last one with */
    bool padded;    /* pure decode runs at the next power of two */
    int64_t now_ns, host_ns, pending_ns;
    uint64_t steps, fail_at;
    struct kw_result *out;
};

static double law_s(const struct kw_backend *b, double n_decode, double sum, double chunks, double tokens, double pairs)
{
    double d = n_decode;
    if (b->padded && !chunks)
        for (d = 1; d < n_decode;) d *= 2;
    double t = b->step + b->token * (d + tokens) + b->seq * (d + chunks) + b->decode_seq * d + b->context * sum +
               b->pair * pairs;
    if (chunks) t += b->prompt;
    if (chunks && n_decode) t += b->beside * n_decode * tokens;
    return t;
}

static enum kw_status fake_submit(struct kw_backend *b, const struct kw_batch *t, struct kw_result *out,
                                  struct kw_error *err)
{
    double sum = 0, chunks = t->n_seqs - t->n_decode, tokens = t->n_tokens - t->n_decode, pairs = 0;
    if (b->fail_at && b->steps + 1 == b->fail_at) return kw_fail(err, KW_EFAIL, "the device is gone");
    for (uint32_t i = 0; i < t->n_seqs; i++) {
        double len = t->seqs[i].len, past = t->seqs[i].past;
        if (i < t->n_decode)
            sum += past + 1;
        else
            pairs += len * past + len * len / 2;
    }
    double s = law_s(b, t->n_decode, sum, chunks, tokens, pairs);
    if (!chunks && b->since < 3) s += b->cold / 3;
    b->since = chunks > 0 ? 0 : b->since + 1;
    s *= 1 + b->noise * (2.0 * (double)(kw_mix64(++b->steps) >> 11) / 9007199254740992.0 - 1) +
         b->drift * (double)b->now_ns * 1e-9;
    if (b->steps % 10 == 3) s *= 1 + b->hiccup;
    b->pending_ns = (int64_t)(s * 1e9);
    out->device_ns = b->pending_ns;
    b->out = out;
    return KW_OK;
}

static enum kw_status fake_wait(struct kw_backend *b, struct kw_error *err)
{
    (void)err;
    b->now_ns += b->pending_ns + b->host_ns;
    return KW_OK;
}

static enum kw_status fake_fill(struct kw_backend *b, uint64_t seed, struct kw_error *err)
{
    (void)b, (void)seed, (void)err;
    return KW_OK;
}

static enum kw_status fake_device(struct kw_backend *b, struct kw_device *d, struct kw_error *err)
{
    (void)b, (void)err;
    *d = (struct kw_device){ .name = "NVIDIA H200", .clock_mhz = 1980 };
    return KW_OK;
}

static int64_t fake_now(void *ctx)
{
    return ((struct kw_backend *)ctx)->now_ns;
}

static const struct kw_backend_ops fake = {
    .name = "cuda", .submit = fake_submit, .wait = fake_wait, .kv_fill = fake_fill, .device = fake_device
};
static const struct kw_backend usual = { .step = 3e-3,
                                         .token = 8e-6,
                                         .seq = 2e-6,
                                         .decode_seq = 4e-6,
                                         .context = 3e-8,
                                         .pair = 5e-9,
                                         .prompt = 2e-4,
                                         .host_ns = 30000 };
static const struct kw_measured_head head = { .device = "NVIDIA H200",
                                              .driver = "570",
                                              .backend = "cuda",
                                              .model = "llama-3.1-8b",
                                              .precision = "bf16",
                                              .commit = "abc",
                                              .date = "2026-11-24",
                                              .memory_bytes = 150e9,
                                              .weight_bytes = 16e9,
                                              .kv_bytes_per_token = 131072,
                                              .block_size = 16,
                                              .num_blocks = 20000,
                                              .max_num_seqs = 256,
                                              .max_num_batched_tokens = 2048,
                                              .max_model_len = 16384 };

static struct kw_measure_setup setup_of(struct kw_backend *b)
{
    return (struct kw_measure_setup){ .ops = &fake,
                                      .backend = b,
                                      .block_size = 16,
                                      .num_blocks = 20000,
                                      .max_tokens = 2048,
                                      .max_seqs = 256,
                                      .max_model_len = 16384,
                                      .vocab = 1000 };
}

static struct kw_measure_options options_of(struct kw_backend *b, double budget_s)
{
    return (struct kw_measure_options){ .budget_s = budget_s, .seed = 7, .now = fake_now, .ctx = b };
}

static void measure(struct kw_measured *m, struct kw_backend *b, double budget_s, FILE *f)
{
    struct kw_measure_setup setup = setup_of(b);
    struct kw_measure_options o = options_of(b, budget_s);
    struct kw_error err = { "" };
    m->head = head;
    CHECK(kw_measure_run(m, f, &setup, &o, &err) == KW_OK);
    CHECK_STR(err.msg, "");
}

static char *report_text;
static size_t report_len;
static bool fit(struct kw_profile *p, const struct kw_measured *m)
{
    struct kw_error err = { "" };
    free(report_text);
    report_text = NULL;
    FILE *f = open_memstream(&report_text, &report_len);
    enum kw_status st = kw_fit_measured(p, m, NULL, f, &err);
    fclose(f);
    CHECK_STR(err.msg, "");
    return st == KW_OK;
}

/* Relative error of the compiled profile over random steps: [0] decode, [1] prompts, [2] mixed; the worst of 500 each.
 */
static void worst_errors(const struct kw_profile *p, const struct kw_backend *b, double worst[3])
{
    struct kw_steptime *t;
    struct kw_error err = { "" };
    CHECK(kw_steptime_compile(&t, &p->tables, 257, 4096, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    if (err.msg[0]) return;
    for (int kind = 0; kind < 3; kind++) {
        worst[kind] = 0;
        for (uint64_t i = 0; i < 500; i++) {
            uint64_t r = kw_mix64(i * 3 + (uint64_t)kind);
            struct kw_step s = { 0 };
            if (kind != 1) {
                s.n_decode = 1 + (uint32_t)(r % (kind ? 64 : 200));
                s.decode_context = s.n_decode * (16 + (r >> 10) % 1500);
            }
            if (kind) {
                uint64_t len = 32 + (r >> 24) % (kind == 1 ? 2000 : 1900), past = (r >> 40) % 4000;
                s.n_chunks = 1;
                s.prefill_tokens = (uint32_t)len;
                s.prefill_pairs2 = 2 * len * past + len * len;
            }
            double want = law_s(b, s.n_decode, (double)s.decode_context, s.n_chunks, s.prefill_tokens,
                                (double)s.prefill_pairs2 / 2) +
                          (double)b->host_ns * 1e-9;
            double e = fabs((double)kw_steptime_ps(t, &s) * 1e-12 / want - 1);
            if (e > worst[kind]) worst[kind] = e;
        }
    }
    kw_steptime_delete(t);
}

static void recovers_a_law_without_noise(void)
{
    struct kw_backend b = usual;
    struct kw_measured m = { 0 };
    struct kw_profile p;
    double worst[3];
    measure(&m, &b, 0, NULL);
    if (!fit(&p, &m)) return;
    worst_errors(&p, &b, worst);
    CHECK(worst[0] < 0.005);
    CHECK(worst[1] < 0.01);
    CHECK(worst[2] < 0.01);
    CHECK(p.steps_error_worst < 0.01); /* the law has the form of the fit */
    CHECK(p.steps_error_median < 0.002);
    CHECK_NEAR(p.tables.fixed_s, 30e-6, 1e-7);
    CHECK(p.tables.mixed.pair_s == 0 && strstr(report_text, "; kept"));
    CHECK(p.steps.grade == KW_GRADE_MEASURED && p.kv.grade == KW_GRADE_MEASURED);
    CHECK_STR(p.gpu, "H200");
    CHECK_STR(p.steps.date, "2026-11-24");
    CHECK(p.weakest == KW_GRADE_ESTIMATED); /* no start was measured */
    CHECK(!strstr(report_text, "NOT A STEADY DEVICE"));
    kw_profile_free(&p);
    kw_measured_free(&m);
}

static void recovers_a_law_through_noise(void)
{
    struct kw_backend b = usual;
    struct kw_measured m = { 0 };
    struct kw_profile p;
    double worst[3];
    b.noise = 0.03; /* sd 1.7 % */
    measure(&m, &b, 120, NULL);
    if (!fit(&p, &m)) return;
    worst_errors(&p, &b, worst);
    CHECK(worst[0] < 0.03);
    CHECK(worst[1] < 0.03);
    CHECK(worst[2] < 0.04);
    CHECK(p.steps_error_worst < 0.05 && p.steps_error_worst > 0.001); /* says what it does not know */
    kw_profile_free(&p);
    kw_measured_free(&m);
}

/* Every tenth step half as long again: no median sees it, but 5 % of all time is that. */
static void sums_go_with_means(void)
{
    struct kw_backend b = usual;
    struct kw_measured m = { 0 };
    struct kw_profile p;
    double worst[3];
    b.hiccup = 0.5;
    measure(&m, &b, 120, NULL);
    for (size_t i = 0; i < m.n; i++)
        if (m.point[i].key.kind == KW_MEASURED_DECODE && m.point[i].n > 40)
            CHECK(m.point[i].median_s == m.point[i].us[0] * 1e-6);
    if (!fit(&p, &m)) return;
    struct kw_backend longer = usual;
    for (double *v = &longer.step; v <= &longer.prompt; v++) *v *= 1.05;
    worst_errors(&p, &longer, worst);
    CHECK(worst[0] < 0.03 && worst[1] < 0.03 && worst[2] < 0.03);
    CHECK(strstr(report_text, "means: a step takes 1.05") || strstr(report_text, "means: a step takes 1.04"));
    kw_profile_free(&p);
    kw_measured_free(&m);
}

/* What interleaved validation does: each point once, whatever its interval, and no more. */
static void a_pass_visits_each_point_once(void)
{
    struct kw_backend b = usual;
    struct kw_measured m = { .head = head }, all = { .head = head };
    struct kw_measure_setup setup = setup_of(&b);
    struct kw_measure_options o = options_of(&b, 600);
    struct kw_error err = { "" };
    b.noise = 0.3;
    o.passes = 1;
    CHECK(kw_measure_run(&m, NULL, &setup, &o, &err) == KW_OK);
    o.passes = 0;
    CHECK(kw_measure_run(&all, NULL, &setup, &o, &err) == KW_OK);
    CHECK(m.n > 100 && m.n <= all.n);
    for (size_t i = 0; i < m.n; i++) CHECK(m.point[i].visits == 1 || m.point[i].key.kind == KW_MEASURED_ANCHOR);
    kw_measured_free(&m);
    kw_measured_free(&all);
}

static void sees_the_sizes_a_batch_is_padded_to(void)
{
    struct kw_backend b = usual;
    struct kw_measured m = { 0 };
    struct kw_profile p;
    double worst[3];
    b.padded = true;
    b.decode_seq = 2e-5;
    measure(&m, &b, 0, NULL);
    if (!fit(&p, &m)) return;
    worst_errors(&p, &b, worst);
    CHECK(worst[0] < 0.02); /* a straight line from 129 to 256 would be 12 % off */
    double at[3];
    for (int i = 0; i < 3; i++) at[i] = kw_curve_at(&p.tables.dense, i == 0 ? 64 : i == 1 ? 65 : 127);
    CHECK(at[1] > at[0] * 1.05 && fabs(at[2] / at[1] - 1) < 0.05); /* 65 to 127 pay for 128 */
    CHECK(strstr(report_text, "steps of the batch buckets:") && strstr(report_text, "after 64 by"));
    kw_profile_free(&p);
    kw_measured_free(&m);
}

static void takes_a_mixed_law_where_parts_do_not_add_up(void)
{
    struct kw_backend b = usual;
    struct kw_measured m = { 0 };
    struct kw_profile p;
    double worst[3];
    b.beside = 1e-7; /* 64 decodes beside 2000 tokens: 13 ms on 20 */
    measure(&m, &b, 0, NULL);
    if (!fit(&p, &m)) return;
    worst_errors(&p, &b, worst);
    CHECK_NEAR(p.tables.mixed.pair_s, 1e-7, 2e-9);
    CHECK(worst[2] < 0.02);
    CHECK(strstr(report_text, "taken") != NULL);
    kw_profile_free(&p);
    kw_measured_free(&m);
}

/* The longer the more, although one time in between shows less by chance; and what is not clear counts for nothing. */
static void sees_caches_that_others_took_while_idle(void)
{
    struct kw_backend b = usual;
    struct kw_measured m = { 0 };
    struct kw_profile p;
    b.noise = 0.01;
    measure(&m, &b, 120, NULL);
    for (size_t i = 0; i < m.n; i++) {
        struct kw_measured_point *k = &m.point[i];
        if (k->key.kind != KW_MEASURED_AFTER_IDLE || k->key.shape) continue;
        double more = k->key.idle_ms == 5 ? 1e-9 : k->key.idle_ms == 20 ? 2e-3 : k->key.idle_ms == 60 ? 1e-3 : 5e-3;
        k->median_s += more, k->low_s += more, k->high_s += more;
    }
    if (!fit(&p, &m)) return;
    CHECK(p.tables.cold.n_idle == 4);
    CHECK(kw_step_after_idle_s(&p.tables.cold, 5e-3) < 0.1e-3);
    CHECK_NEAR(kw_step_after_idle_s(&p.tables.cold, 20e-3), 2e-3, 0.1e-3);
    CHECK_NEAR(kw_step_after_idle_s(&p.tables.cold, 60e-3), 2e-3, 0.1e-3);
    CHECK_NEAR(kw_step_after_idle_s(&p.tables.cold, 130e-3), 3.5e-3, 0.1e-3);
    CHECK_NEAR(kw_step_after_idle_s(&p.tables.cold, 3600), 5e-3, 0.1e-3);
    CHECK(strstr(report_text, "us more after 200 ms") != NULL);
    kw_profile_free(&p);
    kw_measured_free(&m);
}

static void sees_caches_that_a_prompt_emptied(void)
{
    for (int cold = 0; cold < 2; cold++) {
        struct kw_backend b = usual;
        struct kw_measured m = { 0 };
        struct kw_profile p;
        double worst[3];
        b.cold = cold ? 1.2e-3 : 0;
        b.noise = 0.01;
        measure(&m, &b, 120, NULL);
        if (!fit(&p, &m)) return;
        CHECK_NEAR(p.tables.cold.after_prompt_s, b.cold, cold ? 0.1e-3 : 0);
        CHECK(!p.tables.cold.n_idle); /* this clock stands still while idle */
        CHECK(strstr(report_text, cold ? "the decodes after a prompt, together,: 1" : "not significant") != NULL);
        b.cold = 0;
        worst_errors(&p, &b, worst); /* the settled steps are as before */
        CHECK(worst[0] < 0.03 && worst[1] < 0.03);
        kw_profile_free(&p);
        kw_measured_free(&m);
    }
}

/* 4 us a step, and where asked 0.3 us a sequence and 2 us a new request, from gaps with 5 % of noise. */
static void host_terms_stay_where_they_are_significant(void)
{
    for (int law = 0; law < 2; law++) {
        struct kw_backend b = usual;
        struct kw_measured m = { 0 };
        struct kw_profile p;
        struct kw_error err = { "" };
        measure(&m, &b, 0, NULL);
        uint64_t n = 0;
        for (uint32_t batch = 1; batch <= 64; batch *= 4)
            for (uint32_t chunks = 0; chunks <= 4; chunks = chunks ? 4 * chunks : 1) {
                struct kw_measured_key k = {
                    .kind = KW_MEASURED_HOST, .batch = batch, .chunks = chunks, .tokens = chunks ? 8 : 0
                };
                double us[20], is = 4 + law * (0.3 * (batch + chunks) + 2 * chunks);
                double bias = 1 + 0.05 * ((double)(kw_mix64(++n) >> 11) / 9007199254740992.0 - 0.5);
                for (int i = 0; i < 20; i++) us[i] = is * bias;
                CHECK(kw_measured_visit(&m, NULL, &k, batch, us, 20, 0, 0, 0, &err) == KW_OK);
            }
        if (!fit(&p, &m)) return;
        CHECK_NEAR(p.tables.fixed_s * 1e6, 4, 0.3);
        CHECK_NEAR(p.tables.sequence_s * 1e6, law ? 0.3 : 0, law ? 0.05 : 0.002);
        CHECK_NEAR(p.tables.chunk_s * 1e6, law ? 2 : 0, law ? 0.4 : 0.1);
        if (!law)
            CHECK(p.tables.sequence_s == 0 && p.tables.chunk_s == 0 &&
                  strstr(report_text, "not significant, 0") != NULL);
        CHECK(strstr(report_text, "left out, median") != NULL);
        kw_profile_free(&p);
        kw_measured_free(&m);
    }
}

static void drift_is_flagged(void)
{
    struct kw_backend b = usual;
    struct kw_measured m = { 0 };
    struct kw_profile p;
    b.drift = 0.01; /* a percent a second: heat */
    measure(&m, &b, 0, NULL);
    CHECK(m.n_anchors > 5);
    CHECK(m.drift_worst > 0.05);
    size_t flagged = 0;
    for (size_t i = 0; i < m.n; i++) flagged += fabs(m.point[i].drift) > 0.02;
    CHECK(flagged > 10);
    if (!fit(&p, &m)) return;
    CHECK(strstr(report_text, "NOT A STEADY DEVICE") != NULL);
    char basis[KW_PROFILE_TEXT];
    CHECK(p.unsteady && p.drift > 0.05 &&
          strstr(kw_profile_basis(&p, basis), "measured on NVIDIA H200, 2026-11-24, NOT A STEADY DEVICE (drift"));
    kw_profile_free(&p);
    kw_measured_free(&m);
}

static void keeps_to_its_budget(void)
{
    for (double budget = 2; budget < 60; budget *= 4) {
        struct kw_backend b = usual;
        struct kw_measured m = { 0 };
        b.noise = 0.2;
        measure(&m, &b, budget, NULL);
        CHECK((double)b.now_ns * 1e-9 < budget + 0.2); /* a visit's last step and an anchor may end after it */
        CHECK((double)b.now_ns * 1e-9 > budget * 0.8); /* noise this strong can use all of it */
        CHECK(m.n > 10);
        kw_measured_free(&m);
    }
}

static void more_time_makes_it_surer(void)
{
    double error[2];
    for (int i = 0; i < 2; i++) {
        struct kw_backend b = usual;
        struct kw_measured m = { 0 };
        b.noise = 0.2;
        measure(&m, &b, i ? 200 : 10, NULL);
        double sum = 0;
        for (size_t j = 0; j < m.n; j++) sum += (m.point[j].high_s - m.point[j].low_s) / m.point[j].median_s;
        error[i] = sum / (double)m.n;
        kw_measured_free(&m);
    }
    CHECK(error[1] < 0.6 * error[0]);
}

/* The first run is cut in the middle of a line, as kill -9 leaves it. */
static void resumes_after_a_kill(void)
{
    char path[] = "/tmp/test_measure.XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    struct kw_backend b = usual;
    struct kw_measured m = { 0 }, again, whole;
    struct kw_error err = { "" };
    CHECK(kw_measured_put_head(f, &head, &err) == KW_OK);
    measure(&m, &b, 3, f);
    fputs("{\"kind\":\"decode\",\"batch\":8,\"conte", f);
    fclose(f);
    CHECK(kw_measured_load(&again, path, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    CHECK(again.n == m.n && again.n_anchors == m.n_anchors);
    CHECK_STR(again.head.device, "NVIDIA H200");
    size_t had = again.n;
    for (size_t i = 0; i < m.n; i++) {
        CHECK(again.point[i].n == m.point[i].n);
        CHECK_NEAR(again.point[i].median_s / m.point[i].median_s, 1, 1e-8);
    }
    CHECK(truncate(path, (off_t)again.bytes) == 0);
    f = fopen(path, "a");
    uint64_t before = b.steps;
    size_t samples = 0;
    for (size_t i = 0; i < had; i++) samples += again.point[i].n;
    measure(&again, &b, 0, f);
    fclose(f);
    CHECK(again.n > had);
    for (size_t i = 0; i < had; i++) /* no noise: what was done stays as it was; the anchor alone is visited again */
        if (again.point[i].key.kind != KW_MEASURED_ANCHOR && m.point[i].coverage >= 0.95)
            CHECK(again.point[i].n == m.point[i].n);
    CHECK(b.steps > before && samples > 0);
    CHECK(kw_measured_load(&whole, path, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    CHECK(whole.n == again.n);
    kw_measured_free(&m);
    kw_measured_free(&again);
    kw_measured_free(&whole);
    unlink(path);
}

/* A start's line, with its phases, comes back as it was written; lines of older files hold less. */
static void a_start_comes_back(void)
{
    char *text;
    size_t len;
    struct kw_measured m;
    struct kw_error err = { "" };
    struct kw_startup phases = { .origin = 0 };
    struct kw_measured_start s = { .mode = "network",
                                   .bytes = 8e6,
                                   .load_s = 0.25,
                                   .init_s = 0.125,
                                   .ready_s = 0.375,
                                   .first_token_s = 0.5,
                                   .sum_s = 1,
                                   .critical_s = 0.4375,
                                   .file_bytes = 8.5e6,
                                   .direct_bytes = 3,
                                   .rate = 5e7,
                                   .first_byte_s = 0.05 };
    kw_startup_add(&phases, "exec", 0, 500000000, 0);
    kw_startup_add(&phases, "hidden", 100000000, 600000000, 0);
    kw_startup_add(&phases, "weights", 500000000, 1500000000, 8000000);
    FILE *f = open_memstream(&text, &len);
    CHECK(kw_measured_put_head(f, &head, &err) == KW_OK && kw_measured_put_start(f, &s, &phases, &err) == KW_OK);
    fputs("{\"kind\":\"start\",\"mode\":\"cached\",\"bytes\":1,\"load_s\":2,\"init_s\":3,\"phases\":[]}\n", f);
    fclose(f);
    CHECK(kw_measured_parse(&m, "f", text, len, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    if (err.msg[0]) return;
    CHECK(m.n_starts == 2 && m.n_phases == 3 && !memcmp(&m.start[0], &s, sizeof s));
    CHECK(m.start[1].load_s == 2 && m.start[1].ready_s == 0 && m.start[1].direct_bytes == 0);
    CHECK_STR(m.phase[2].name, "weights");
    CHECK(m.phase[2].begin_s == 0.5 && m.phase[2].s == 1 && m.phase[2].bytes == 8e6);
    CHECK(m.phase[0].critical && !m.phase[1].critical && m.phase[2].critical);
    kw_measured_free(&m);
    free(text);
}

/* Rates of each way of loading apart, init times of one way only. */
static void starts_are_fitted_by_mode(void)
{
    struct kw_backend b = usual;
    struct kw_measured m = { 0 };
    struct kw_profile p;
    struct kw_error err = { "" };
    measure(&m, &b, 0, NULL);
    for (int i = 0; i < 3; i++) {
        struct kw_measured_start refused = {
            .mode = "direct", .bytes = 1e9, .load_s = 0.1, .init_s = 9, .file_bytes = 1e9
        };
        struct kw_measured_start network = {
            .mode = "network", .bytes = 1e9, .load_s = 2.05, .init_s = 1, .rate = 5e8, .first_byte_s = 0.05
        };
        CHECK(kw_measured_add_start(&m, &network, &err) == KW_OK);
        if (!i) CHECK(kw_measured_add_start(&m, &refused, &err) == KW_OK); /* O_DIRECT was refused: no disk's rate */
    }
    if (fit(&p, &m)) {
        CHECK_NEAR(kw_law_quantile(&p.load_rate, 0.5), 5e8, 1);
        CHECK(strstr(p.load_rate.provenance.source, "network emulated at 0.5 GB/s") != NULL);
        CHECK(p.cached_load_rate.provenance.grade == KW_GRADE_ESTIMATED);
        CHECK_NEAR(kw_law_quantile(&p.init, 0.5), 9, 1e-9);
        kw_profile_free(&p);
    }
    for (int i = 0; i < 3; i++) {
        struct kw_measured_start direct = {
            .mode = "direct", .bytes = 1e9, .load_s = 0.5, .init_s = 9, .file_bytes = 1e9, .direct_bytes = 1e9
        };
        CHECK(kw_measured_add_start(&m, &direct, &err) == KW_OK);
    }
    if (fit(&p, &m)) {
        CHECK_NEAR(kw_law_quantile(&p.load_rate, 0.5), 2e9, 1);
        kw_profile_free(&p);
    }
    kw_measured_free(&m);
}

static void a_profile_survives_its_file(void)
{
    char path[] = "/tmp/test_measure_profile.XXXXXX";
    struct kw_backend b = usual;
    struct kw_measured m = { 0 };
    struct kw_profile p, q;
    struct kw_error err = { "" };
    b.step = 4.5e-3; /* what an H200 can do: below 3.1 ms the reader refuses */
    b.token = 2e-5;
    measure(&m, &b, 0, NULL);
    for (int i = 0; i < 25; i++) {
        struct kw_measured_start s = { .mode = "direct", .bytes = 16e9, .load_s = 2 + 0.1 * i, .init_s = 8 + 0.2 * i };
        CHECK(kw_measured_add_start(&m, &s, &err) == KW_OK);
    }
    close(mkstemp(path));
    if (!fit(&p, &m)) return;
    CHECK(!p.unsteady);
    p.unsteady = true;
    p.drift = 0.07;
    CHECK(kw_profile_save(&p, path, &err) == KW_OK && kw_profile_load(&q, path, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    if (!err.msg[0]) {
        CHECK(q.unsteady && q.drift == 0.07);
        CHECK_STR(q.device, "NVIDIA H200");
        CHECK(q.steps.grade == KW_GRADE_MEASURED && q.tables.n_decode_rows == p.tables.n_decode_rows);
        CHECK_STR(q.engine, "keepwarm cuda abc");
        CHECK_NEAR(kw_law_quantile(&q.init, 0.5), 10.4, 0.3);
        CHECK_NEAR(kw_law_quantile(&q.load_rate, 0.5), 16e9 / 3.2, 3e8);
        CHECK(q.init.provenance.grade == KW_GRADE_MEASURED &&
              q.cached_load_rate.provenance.grade == KW_GRADE_ESTIMATED);
        kw_profile_free(&q);
    }
    b.step = 1e-3; /* faster than its memory: measured or not, no profile */
    kw_measured_free(&m);
    kw_profile_free(&p);
    measure(&m, &b, 0, NULL);
    if (!fit(&p, &m)) return;
    CHECK(kw_profile_save(&p, path, &err) == KW_OK && kw_profile_load(&q, path, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "memory allows") != NULL);
    kw_measured_free(&m);
    kw_profile_free(&p);
    unlink(path);
}

static void intervals_are_those_of_the_binomial(void)
{
    double v[50], median, low, high, coverage;
    for (int i = 0; i < 50; i++) v[i] = i + 1;
    const struct {
        size_t n;
        double low, high, coverage;
    } want[] = { /* Conover, table A3: sums of C(n, k) / 2^n */
                 { 6, 1, 6, 0.96875 },
                 { 5, 1, 5, 0.9375 },
                 { 10, 2, 9, 0.978515625 },
                 { 20, 6, 15, 0.958610535 },
                 { 50, 18, 33, 0.967160 }
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        kw_measured_interval(v, want[i].n, &median, &low, &high, &coverage);
        CHECK_NEAR(low, want[i].low, 0);
        CHECK_NEAR(high, want[i].high, 0);
        CHECK_NEAR(coverage, want[i].coverage, 1e-6);
        CHECK_NEAR(median, ((double)want[i].n + 1) / 2, 0);
    }
    kw_measured_interval(v, 1, &median, &low, &high, &coverage);
    CHECK(median == 1 && low == 1 && high == 1 && coverage == 0);
}

static void refuses_with_a_reason(void)
{
    static const char start[] =
        "{\"keepwarm_measured\":1,\"device\":\"d\",\"driver\":\"\",\"backend\":\"cpu\",\"model\":\"m\",\"precision\":"
        "\"bf16\","
        "\"commit\":\"c\",\"date\":\"\",\"units\":1,\"clock_mhz\":0,\"memory_clock_mhz\":0,\"memory_bytes\":1,\"weight_"
        "bytes\":1,"
        "\"kv_bytes_per_token\":1,\"block_size\":16,\"num_blocks\":9,\"max_num_seqs\":4,\"max_num_batched_tokens\":64,"
        "\"max_model_len\":64,\"seed\":1}\n";
    static const struct {
        const char *line, *why;
    } bad[] = { { "{\"kind\":\"decade\"}\n", "line 2" },
                { "[1]\n", "line 2" },
                { "{\"kind\":\"decode\",\"batch\":1}\n", "context" },
                { "{\"kind\":\"decode\",\"batch\":0,\"context\":1,\"chunks\":0,\"tokens\":0,\"past\":0,\"shape\":0,"
                  "\"sum\":1,\"at_s\":0,\"host_us\":0,\"us\":[1]}\n",
                  "without sequences" },
                { "{\"kind\":\"decode\",\"batch\":1,\"context\":1,\"chunks\":0,\"tokens\":0,\"past\":0,\"shape\":0,"
                  "\"sum\":1,\"at_s\":0,\"host_us\":0,\"us\":[]}\n",
                  "samples" },
                { "{\"kind\":\"decode\",\"batch\":1,\"context\":1,\"chunks\":0,\"tokens\":0,\"past\":0,\"shape\":0,"
                  "\"sum\":1,\"at_s\":0,\"host_us\":0,\"us\":[-3]}\n",
                  "us[0]" } };
    struct kw_measured m;
    struct kw_profile p;
    struct kw_error err = { "" };
    CHECK(kw_measured_parse(&m, "f", "", 0, &err) == KW_EPARSE);
    CHECK(kw_measured_parse(&m, "f", start, sizeof start - 3, &err) == KW_EPARSE); /* its only line is torn */
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[2000];
        int n = snprintf(text, sizeof text, "%s%s", start, bad[i].line);
        CHECK(kw_measured_parse(&m, "f", text, (size_t)n, &err) != KW_OK);
        CHECK(strstr(err.msg, bad[i].why) != NULL);
    }
    CHECK(kw_measured_parse(&m, "f", start, sizeof start - 1, &err) == KW_OK);
    FILE *f = fopen("/dev/null", "w");
    CHECK(kw_fit_measured(&p, &m, "H100", f, &err) == KW_EUSAGE && strstr(err.msg, "cpu backend"));
    snprintf(m.head.backend, sizeof m.head.backend, "cuda");
    CHECK(kw_fit_measured(&p, &m, "H10O", f, &err) == KW_ERANGE && strstr(err.msg, "did you mean 'H100'"));
    snprintf(m.head.device, sizeof m.head.device, "NVIDIA L40");
    CHECK(kw_fit_measured(&p, &m, "L4", f, &err) == KW_ERANGE && strstr(err.msg, "NVIDIA L40, which is L40"));
    CHECK(kw_fit_measured(&p, &m, NULL, f, &err) == KW_ERANGE && strstr(err.msg, "want 6"));
    fclose(f);
    kw_measured_free(&m);
    struct kw_backend b = usual;
    struct kw_measure_setup setup = setup_of(&b);
    struct kw_measure_options o = options_of(&b, 0);
    b.fail_at = 40;
    CHECK(kw_measure_run(&m, NULL, &setup, &o, &err) == KW_EFAIL);
    CHECK_STR(err.msg, "the device is gone");
    kw_measured_free(&m);
    setup.num_blocks = 0;
    CHECK(kw_measure_run(&m, NULL, &setup, &o, &err) == KW_ERANGE);
}

/* Whole names: the NVIDIA L40 is no L4, the H100 NVL no H100, and a slice of a GPU is not the GPU. */
static void knows_gpus_by_their_drivers_names(void)
{
    static const struct {
        const char *device, *backend, *gpu;
    } want[] = { { "NVIDIA H200", "cuda", "H200" },
                 { "NVIDIA H200 NVL", "cuda", "H200-NVL" },
                 { "NVIDIA H100 80GB HBM3", "cuda", "H100" },
                 { "NVIDIA H100 PCIe", "cuda", "H100-PCIE" },
                 { "NVIDIA H100 NVL", "cuda", "H100-NVL" },
                 { "NVIDIA L40S", "cuda", "L40S" },
                 { "NVIDIA L40", "cuda", "L40" },
                 { "NVIDIA L4", "cuda", "L4" },
                 { "NVIDIA A10", "cuda", "A10" },
                 { "NVIDIA A100-SXM4-80GB", "cuda", "A100-80" },
                 { "NVIDIA A100-PCIE-40GB", "cuda", "A100-40-PCIE" },
                 { "NVIDIA A100 80GB PCIe", "cuda", "A100-80-PCIE" },
                 { "NVIDIA GeForce RTX 4090", "cuda", "RTX4090" },
                 { "AMD EPYC 9654, 2 threads", "cpu", "CPU" },
                 { "NVIDIA H200 MIG 3g.71gb", "cuda", "NVIDIA H200 MIG 3g.71gb" },
                 { "Some New Board", "cuda", "Some New Board" } };
    FILE *f = fopen("/dev/null", "w");
    struct kw_error err = { "" };
    char gpu[24];
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        CHECK(kw_fit_measured_gpu(gpu, want[i].device, want[i].backend, f, &err) == KW_OK);
        CHECK_STR(gpu, want[i].gpu);
    }
    CHECK(kw_fit_measured_gpu(gpu, "NVIDIA GeForce RTX 4090 Laptop GPU", "cuda", f, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "near it are RTX4090") && strstr(err.msg, "--gpu"));
    fclose(f);
}

static void unlike_lengths_have_the_mean_they_say(void)
{
    uint32_t v[32];
    for (uint32_t shape = 0; shape < 3; shape++) {
        uint64_t sum = kw_measure_lengths(v, shape, 32, 512, 1 << 20);
        CHECK_NEAR((double)sum / 32 / 512, 1, 0.06);
        uint32_t least = v[0], most = v[0];
        for (int i = 0; i < 32; i++) {
            if (v[i] < least) least = v[i];
            if (v[i] > most) most = v[i];
        }
        CHECK(most > 8 * least);
    }
}

int main(void)
{
    RUN(recovers_a_law_without_noise);
    RUN(recovers_a_law_through_noise);
    RUN(sums_go_with_means);
    RUN(a_pass_visits_each_point_once);
    RUN(sees_the_sizes_a_batch_is_padded_to);
    RUN(takes_a_mixed_law_where_parts_do_not_add_up);
    RUN(sees_caches_that_others_took_while_idle);
    RUN(sees_caches_that_a_prompt_emptied);
    RUN(host_terms_stay_where_they_are_significant);
    RUN(drift_is_flagged);
    RUN(keeps_to_its_budget);
    RUN(more_time_makes_it_surer);
    RUN(resumes_after_a_kill);
    RUN(a_start_comes_back);
    RUN(starts_are_fitted_by_mode);
    RUN(a_profile_survives_its_file);
    RUN(intervals_are_those_of_the_binomial);
    RUN(refuses_with_a_reason);
    RUN(knows_gpus_by_their_drivers_names);
    RUN(unlike_lengths_have_the_mean_they_say);
    free(report_text);
    return check_report();
}
