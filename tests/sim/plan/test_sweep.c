/* Sweeps: the same bytes on any number of threads, equal candidates simulated once, and clean ends. Failing allocations
 * are in test_plan.c, as clang's OpenMP, which ThreadSanitizer wants (make test SAN=thread CC=clang), ends the program
 * at its own. */
#include "tests/sim/plan/fakeplan.h"
#include "sim/plan/sweep/sweep.h"

#define N 23
static struct kw_candidate candidates[N];

static struct kw_study study(uint32_t replications)
{
    struct kw_study s = { .trace = &fake_trace, .replications = replications, .seed = 5, .series_step = KW_NS_PER_S };
    kw_slo_init(&s.slo);
    s.slo.ttft_p95 = 2 * KW_NS_PER_S;
    return s;
}

static void make_candidates(void)
{
    fake_world();
    for (int i = 0; i < N; i++)
        fake_candidate(&candidates[i], i % FAKE_PLATFORMS, (1 + i % 5) * KW_NS_PER_S / 2, (i % 4) * 1000 * KW_NS_PER_S,
                       1 + (uint32_t)i % 3, i % 7 == 0 ? 20 : 0);
}

static void free_candidates(void)
{
    for (int i = 0; i < N; i++) kw_candidate_free(&candidates[i]);
}

static void points_init(struct kw_point *p)
{
    for (int i = 0; i < N; i++) CHECK(kw_point_init(&p[i], NULL) == KW_OK);
}

static void points_free(struct kw_point *p)
{
    for (int i = 0; i < N; i++) kw_point_free(&p[i]);
}

static bool equal_points(const struct kw_point *a, const struct kw_point *b)
{
    return a->replications == b->replications && a->n == b->n && a->rank == b->rank && a->pareto == b->pareto &&
           a->feasible == b->feasible && a->won == b->won && a->met == b->met && a->miss_ratio == b->miss_ratio &&
           !strcmp(a->miss, b->miss) && !memcmp(a->sample, b->sample, a->replications * sizeof *a->sample) &&
           !memcmp(a->m, b->m, sizeof a->m) && !memcmp(a->usage, b->usage, a->replications * a->n * sizeof *a->usage) &&
           !memcmp(&a->bill, &b->bill, sizeof a->bill) && !memcmp(a->bill_of, b->bill_of, a->n * sizeof *a->bill_of) &&
           a->ttft.n == b->ttft.n && a->ttft.sum == b->ttft.sum &&
           !memcmp(a->ttft.count, b->ttft.count, KW_HIST_BUCKETS * sizeof *a->ttft.count) && a->arrived == b->arrived &&
           a->completed == b->completed && a->series.n == b->series.n &&
           !memcmp(a->series.arrivals, b->series.arrivals, a->series.n * sizeof *a->series.arrivals);
}

struct bar {
    uint64_t last, total, calls;
    bool backwards;
    int *stop;
};

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct bar *b = ctx;
    b->backwards = b->backwards || done <= b->last || done > total;
    b->last = done;
    b->total = total;
    b->calls++;
    if (b->stop && done == 3) *b->stop = 1;
}

static void one_thread_is_many_threads(void)
{
    static struct kw_point one[N], many[N];
    struct kw_study s = study(8);
    make_candidates();
    points_init(one);
    CHECK(kw_sweep(one, candidates, N, &s, &(struct kw_sweep_options){ .threads = 1 }, NULL) == KW_OK);
    for (uint32_t threads = 2; threads <= 8; threads *= 2) {
        struct bar bar = { 0 };
        struct kw_sweep_options o = { .threads = threads, .progress = on_progress, .progress_ctx = &bar };
        points_init(many);
        CHECK(kw_sweep(many, candidates, N, &s, &o, NULL) == KW_OK);
        for (int i = 0; i < N; i++) CHECK(equal_points(&one[i], &many[i]));
        CHECK(!bar.backwards && bar.last == bar.total && bar.calls == bar.total);
        points_free(many);
    }
    points_free(one);
    free_candidates();
}

static void candidates_that_differ_in_price_share_runs(void)
{
    static struct kw_point p[N];
    struct kw_study s = study(4);
    struct kw_sweep *sweep;
    size_t all[N];
    fake_world();
    fake_gpu[4].gpu_hour.v = 2 * KW_NANO;
    for (int i = 0; i < N; i++) {
        all[i] = (size_t)i;
        fake_candidate(&candidates[i], 3 + i % 3, KW_NS_PER_S * (1 + i / 6), 0, 1, 0); /* dedicated, in groups of 6 */
    }
    points_init(p);
    CHECK(kw_sweep_open(&sweep, candidates, N, &s, NULL, NULL) == KW_OK);
    CHECK(kw_sweep_size(sweep, 4) == 4 * 4);
    CHECK(kw_sweep_advance(sweep, p, (size_t[]){ 1, 3 }, 2, 2, NULL) == KW_OK);
    CHECK(kw_sweep_advance(sweep, p, all, N, 4, NULL) == KW_OK);
    struct kw_sweep_count c = kw_sweep_done(sweep);
    CHECK(c.simulations == 2 + 16); /* 1 and 3 had the first two of their group, which ran again for the others */
    CHECK(c.simulations + c.shared == N * 4);
    CHECK_NEAR(p[0].m[KW_METRIC_COST].value, 730, 1e-9);
    CHECK_NEAR(p[1].m[KW_METRIC_COST].value, 1460, 1e-9);
    CHECK(p[0].m[KW_METRIC_TTFT_P95].value == p[1].m[KW_METRIC_TTFT_P95].value && p[0].ttft.n == 4000 &&
          p[1].ttft.n == 4000);
    CHECK(p[6].m[KW_METRIC_TTFT_P95].value > p[0].m[KW_METRIC_TTFT_P95].value);
    kw_sweep_close(sweep);
    points_free(p);
    free_candidates();
}

static void interrupted(void)
{
    static struct kw_point p[N];
    struct kw_study s = study(8);
    int stop = 0;
    struct bar bar = { .stop = &stop };
    struct kw_sweep_options o = { .threads = 1, .progress = on_progress, .progress_ctx = &bar, .stop = &stop };
    struct kw_error err;
    make_candidates();
    points_init(p);
    CHECK(kw_sweep(p, candidates, N, &s, &o, &err) == KW_EFAIL);
    CHECK_STR(err.msg, "interrupted");
    CHECK(bar.calls == 3);
    points_free(p);
    free_candidates();
}

static void the_lowest_failure_is_reported(void)
{
    static struct kw_point p[N];
    struct kw_study s = study(8);
    struct kw_error err;
    make_candidates();
    fakefleet_fail_at = 5 * KW_NS_PER_S / 2; /* candidates 4, 9, 14, 19 in all replications */
    for (uint32_t threads = 1; threads <= 4; threads++) {
        points_init(p);
        CHECK(kw_sweep(p, candidates, N, &s, &(struct kw_sweep_options){ .threads = threads }, &err) == KW_ERANGE);
        CHECK_STR(err.msg, "on_demand4 2 x H100 bf16 tp1 on_demand: made to fail in replication 0");
        points_free(p);
    }
    fakefleet_fail_at = -1;
    candidates[2].choice[0].scaling.keep_warm = 99;
    points_init(p);
    CHECK(kw_sweep(p, candidates, N, &s, NULL, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "keep_warm 99 exceeds max_replicas 8") != NULL);
    CHECK(kw_sweep(p, candidates, 0, &s, NULL, &err) == KW_ERANGE);
    points_free(p);
    free_candidates();
}

static void repricing_needs_no_simulation(void)
{
    static struct kw_point p[N];
    struct kw_study s = study(8);
    make_candidates();
    points_init(p);
    CHECK(kw_sweep(p, candidates, N, &s, NULL, NULL) == KW_OK);
    struct kw_point *q = &p[0];
    double cost = q->m[KW_METRIC_COST].value, lo = q->m[KW_METRIC_COST].lo, ttft = q->m[KW_METRIC_TTFT_P95].value;
    struct kw_tariff t = kw_choice_tariff(&candidates[0].choice[0]);
    fake_gpu[0].gpu_hour.v = 3 * KW_NANO;
    CHECK(kw_point_finish(q, &t, &s.slo, NULL) == KW_OK);
    CHECK_NEAR(q->m[KW_METRIC_COST].value, 3 * cost, 1e-6);
    CHECK_NEAR(q->m[KW_METRIC_COST].lo, 3 * lo, 1e-6);
    CHECK(q->m[KW_METRIC_TTFT_P95].value == ttft);
    CHECK_NEAR(kw_nano_to_double(q->bill.total), q->m[KW_METRIC_COST].value, 1e-6);
    points_free(p);
    free_candidates();
}

static void few_days_have_one_replication(void)
{
    struct kw_resampling r;
    struct kw_trace t = fake_trace;
    char text[200];
    struct kw_study s = study(8);
    CHECK(kw_resampling_init(&r, &t, 3, 1, NULL) == KW_OK);
    CHECK(r.replications == 3 && r.days.places == 7 && r.days.length == 24 * KW_NS_PER_HOUR);
    for (uint32_t i = 0; i < 7; i++) CHECK(r.day_at[i] == i && r.day_at[7 + i] < 7);
    CHECK(memcmp(r.day_at + 7, r.day_at + 14, 7 * sizeof *r.day_at) != 0);
    kw_resampling_free(&r);
    CHECK(kw_study_scaling(&s, text, sizeof text, NULL) == KW_OK);
    CHECK_STR(text,
              "7 days scaled x4.345 to a month of 730 hours; the trace itself decides, 7 drawings of its 7 days give "
              "intervals");
    t.span = 60 * KW_NS_PER_HOUR;
    s.trace = &t;
    CHECK(kw_resampling_init(&r, &t, 3, 1, NULL) == KW_OK && r.replications == 1);
    kw_resampling_free(&r);
    CHECK(kw_study_scaling(&s, text, sizeof text, NULL) == KW_OK);
    CHECK_STR(text, "2.5 days scaled x12.17 to a month of 730 hours; from less than 3 whole days variation cannot be "
                    "estimated: no intervals, the trace itself decides");
    t.span = 0;
    CHECK(kw_resampling_init(&r, &t, 2, 1, NULL) == KW_ERANGE);
    CHECK(kw_resampling_init(&r, &fake_trace, KW_REPLICATIONS_MAX + 1, 1, NULL) == KW_ERANGE);
}

/* Everything that a run depends on beside the deployments: one difference, and the run is not shared. */
static void only_equal_routing_shares_runs(void)
{
    struct kw_study s = study(2);
    struct kw_sweep *sweep;
    struct kw_candidate two[2];
    fake_world();
    for (int what = 0; what < 7; what++) {
        for (int i = 0; i < 2; i++) {
            fake_candidate(&two[i], 3, KW_NS_PER_S, 0, 1, 0);
            struct kw_choice again = two[i].choice[0]; /* adding moves what is there */
            CHECK(kw_candidate_add(&two[i], &again, NULL) == KW_OK);
            two[i].routing.policy = KW_ROUTE_SPLIT;
            two[i].routing.share[0] = two[i].routing.share[1] = 1;
        }
        struct kw_routing *r = &two[1].routing;
        switch (what) {
        case 0: break; /* equal */
        case 1: r->policy = KW_ROUTE_OVERFLOW; break;
        case 2: r->overflow_at = 7; break;
        case 3: r->share[0] = 3; break;
        case 4: r->share[1] = 3; break;
        case 5: r->class_to[255] = 1; break;
        case 6: two[1].choice[1].network_rtt++; break;
        }
        CHECK(kw_sweep_open(&sweep, two, 2, &s, NULL, NULL) == KW_OK);
        CHECK(kw_sweep_size(sweep, 2) == (what ? 4 : 2));
        kw_sweep_close(sweep);
        for (int i = 0; i < 2; i++) kw_candidate_free(&two[i]);
    }
}

int main(void)
{
    RUN(one_thread_is_many_threads);
    RUN(candidates_that_differ_in_price_share_runs);
    RUN(interrupted);
    RUN(the_lowest_failure_is_reported);
    RUN(repricing_needs_no_simulation);
    RUN(few_days_have_one_replication);
    RUN(only_equal_routing_shares_runs);
    return check_report();
}
