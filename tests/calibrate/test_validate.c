/* The two replays of validate, by the fleet's replica and by hand over the scheduler, give the same times; its
 * statistics. */
#include "calibrate/validate/validate.c"
#include "tests/check.h"

static double at[] = { 0, 1, 4096 }, dense[] = { 3e-3, 3.1e-3, 40e-3 }, seqs[] = { 0, 1 }, head[] = { 0, 2e-6 },
              zero[] = { 0 };
static double sum[] = { 0, 1e6 }, decode[] = { 0, 30e-3 }, pairs[] = { 0, 1e8 }, attn[] = { 1e-4, 0.5 },
              batch[] = { 1 };
static struct kw_curve row = { 2, sum, decode };

static const struct kw_sched_config limits = { .policy = KW_SCHED_VLLM,
                                               .max_num_batched_tokens = 256,
                                               .max_num_seqs = 16,
                                               .max_model_len = 512,
                                               .block_size = 16,
                                               .num_blocks = 60 };

static struct kw_profile profile(void)
{
    return (struct kw_profile){ .tables = { .fixed_s = 50e-6,
                                            .dense = { 3, at, dense },
                                            .head = { 2, seqs, head },
                                            .n_decode_rows = 1,
                                            .decode_batch = batch,
                                            .decode = &row,
                                            .prefill_attn = { 2, pairs, attn },
                                            .comm = { 1, zero, zero } } };
}

static void both_replays_agree(void)
{
    struct kw_profile p = profile();
    struct kw_validate_traffic t;
    struct kw_error err = { "" };
    struct kw_steptime *steps;
    struct kw_validated_side a, b;
    const double one[] = { 1, 1, 1 };
    p.tables.cold = (struct kw_step_cold){ 2, { { 10e-3, 1e-3 }, { 500e-3, 3e-3 } }, 2e-3 };
    p.tables.sequence_s = 3e-6, p.tables.chunk_s = 40e-6;
    CHECK(kw_validate_synthetic(&t, 300, 100, 40, 2, 512, 3, &err) == KW_OK);
    CHECK(steptime_of(&steps, &p, &limits, &err) == KW_OK);
    for (double speed = 2; speed < 40; speed *= 2) { /* requests/s: from idle to queueing and preemption */
        CHECK(simulate(&a, &p, &limits, &t, speed, 0, &err) == KW_OK);
        CHECK(simulate_as_run(&b, steps, &p.tables, one, 1, &limits, &t, speed, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        for (size_t i = 0; i < t.n; i++) {
            CHECK_NEAR((double)a.request[i].first, (double)b.request[i].first, 50);
            CHECK_NEAR((double)a.request[i].last, (double)b.request[i].last, 50);
            CHECK(a.request[i].arrival <= a.request[i].first && a.request[i].first <= a.request[i].last);
        }
        if (speed == 32) CHECK(a.preempted > 0);
        side_free(&a);
        side_free(&b);
    }
    kw_steptime_delete(steps);
    kw_validate_traffic_free(&t);
}

static void capacity_is_what_saturates(void)
{
    struct kw_profile p = profile();
    struct kw_validate_traffic t;
    struct kw_error err = { "" };
    struct kw_validated_side r;
    double rate;
    CHECK(kw_validate_synthetic(&t, 300, 100, 40, 1, 512, 3, &err) == KW_OK);
    CHECK(kw_validate_capacity(&rate, &p, &limits, &t, &err) == KW_OK && rate > 5 && rate < 200);
    double span = (double)t.arrival[299] * 1e-9;
    CHECK(simulate(&r, &p, &limits, &t, 0.5 * rate * span / 300, 0, &err) == KW_OK); /* half of it: keeps up */
    CHECK((double)(r.end - r.request[299].arrival) * 1e-9 < 3);
    CHECK(r.batch > 0.5 && r.batch < 16);
    side_free(&r);
    kw_validate_traffic_free(&t);
}

static void batches_over_time_add_up(void)
{
    struct kw_validated_side r = { 0 };
    const struct stretch s[] = { { 0, 100, 4 }, { 100, 150, 0 }, { 400, 1000, 2 } };
    over_time(&r, s, 3, 1000, 5);
    CHECK_NEAR(r.batch, (4 * 100 + 2 * 600) / 1000.0, 1e-12);
    CHECK_NEAR(r.decoding[0], 4, 1e-12);
    CHECK_NEAR(r.decoding[25], 0, 1e-12);
    CHECK_NEAR(r.decoding[199], 2, 1e-12);
    over_time(&r, s, 3, 1000, 2.5); /* it went on for longer than the slices: they end, the mean does not */
    CHECK_NEAR(r.batch, (4 * 100 + 2 * 600) / 1000.0, 1e-12);
    CHECK_NEAR(r.decoding[199], 2, 1e-12);
}

static void verdicts(void)
{
    const struct {
        double sim;
        enum kw_verdict want;
    } rows[] = { { 1.029, KW_WITHIN }, { 0.971, KW_WITHIN }, { 1.04, KW_INSIDE },
                 { 0.9, KW_INSIDE },   { 1.06, KW_MISSES },  { 0.89, KW_MISSES } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kw_validated_figure f = { .sim_run_s = { rows[i].sim * 1.05, rows[i].sim * 0.9, rows[i].sim },
                                         .run_s = { 1.05, 0.9, 1 } };
        judge(&f, 3);
        CHECK(f.engine_s == 1 && f.low_s == 0.9 && f.high_s == 1.05);
        CHECK(f.verdict == rows[i].want);
    }
    /* A machine of three speeds, each run with a profile of its own: 10 % off in two of three, whatever the medians
     * say. */
    struct kw_validated_figure interleaved = { .run_s = { 2, 1, 4 }, .sim_run_s = { 2, 1.1, 4.4 } };
    judge(&interleaved, 3);
    CHECK(interleaved.engine_s == 2 && interleaved.sim_s == 2 && interleaved.verdict == KW_INSIDE);
    CHECK_NEAR(interleaved.error, 0.1, 1e-12);
    struct kw_validated_figure none = { .sim_run_s = { NAN, NAN }, .run_s = { NAN, NAN } };
    judge(&none, 2);
    CHECK(none.verdict == KW_MISSES); /* nobody had a second token: nothing is claimed */
}

/* Half the parts 2 of 4 sequences off, the other half right: root of the mean square is sqrt(2) of a mean of 4. */
static void batches_that_differ(void)
{
    struct kw_validated_side a = { .batch = 4 }, b = { .batch = 4 };
    for (int i = 0; i < SLICES; i++) a.decoding[i] = b.decoding[i] = 4;
    CHECK(batches_apart(&a, &b) == 0);
    for (int i = 0; i < SLICES / 2; i++) b.decoding[i] = 6;
    CHECK_NEAR(batches_apart(&a, &b), sqrt(2) / 4, 1e-12);
    for (int i = 0; i < SLICES / 2; i++) b.decoding[i] = i % 2 ? 5 : 3; /* within a part it averages out */
    CHECK_NEAR(batches_apart(&a, &b), 0, 1e-12);
}

/* After idle time and after a prompt the profile's own step is longer, and only then. */
static void cold_steps_are_judged_as_such(void)
{
    struct kw_profile p = profile();
    struct kw_steptime *steps;
    struct kw_error err = { "" };
    p.tables.cold = (struct kw_step_cold){ 2, { { 10e-3, 1e-3 }, { 20e-3, 3e-3 } }, 1e-3 };
    CHECK(steptime_of(&steps, &p, &limits, &err) == KW_OK);
    struct kw_served_step s[] = {
        { .n_chunks = 1, .prefill_tokens = 50, .prefill_pairs2 = 2500, .running = 1 },
        { .n_decode = 1, .decode_context = 51, .running = 1 },
        { .n_decode = 1, .decode_context = 51, .running = 0, .begin = 7000000, .wall_ns = 1000000 },
        { .n_decode = 1, .decode_context = 51, .running = 1, .begin = 23000000 }
    };
    double settled = profile_device_s(s, 2, steps, &p.tables);
    CHECK_NEAR(profile_device_s(s, 1, steps, &p.tables) - settled, 1e-3, 1e-9);
    CHECK_NEAR(profile_device_s(s, 3, steps, &p.tables) - settled, 2e-3, 1e-9); /* idle for 15 ms */
    struct kw_step first = batch_of(s);
    CHECK_NEAR(profile_device_s(s, 0, steps, &p.tables),
               (double)kw_steptime_ps(steps, &first) * 1e-12 - host_of(&p.tables, &first) + 3e-3, 1e-9);
    kw_steptime_delete(steps);
}

static void quantiles_are_nearest_rank(void)
{
    double v[100], s[KW_VALIDATE_STATISTICS];
    for (int i = 0; i < 100; i++) v[i] = 100 - i;
    statistics(v, 100, s);
    CHECK(s[0] == 50 && s[1] == 95 && s[2] == 99);
    CHECK_NEAR(s[3], 50.5, 1e-12);
}

static void synthetic_traffic_is_as_asked(void)
{
    struct kw_validate_traffic t;
    struct kw_error err = { "" };
    CHECK(kw_validate_synthetic(&t, 4000, 100, 40, 3, 4096, 9, &err) == KW_OK);
    size_t together = 0;
    for (size_t i = 1; i < t.n; i++) {
        CHECK(t.arrival[i] >= t.arrival[i - 1] && t.prompt[i] && t.output[i] && t.prompt[i] + t.output[i] <= 4096);
        together += t.arrival[i] == t.arrival[i - 1];
    }
    CHECK_NEAR((double)t.arrival[t.n - 1] * 1e-9 / 4000, 1, 0.08); /* 1 request/s */
    CHECK_NEAR((double)together / 4000, 2.0 / 3, 0.03);            /* bursts of three */
    kw_validate_traffic_free(&t);
}

int main(void)
{
    RUN(both_replays_agree);
    RUN(capacity_is_what_saturates);
    RUN(batches_over_time_add_up);
    RUN(verdicts);
    RUN(batches_that_differ);
    RUN(cold_steps_are_judged_as_such);
    RUN(quantiles_are_nearest_rank);
    RUN(synthetic_traffic_is_as_asked);
    return check_report();
}
