/* Each autoscaler against decisions worked out by hand, without a pool; KPA against the published rule written out
 * naively over random loads. */
#include "sim/fleet/scalers/scaler.h"
#include "sim/fleet/scalers/scaler_loop.h"
#include "tests/check.h"

#define S KW_NS_PER_S

static struct kw_signals signals(uint32_t ready, uint32_t busy, uint32_t starting, uint64_t queued, uint64_t in_flight)
{
    return (struct kw_signals){ .ready = ready,
                                .busy = busy,
                                .starting = starting,
                                .queued = queued,
                                .in_flight = in_flight,
                                .oldest = KW_NEVER,
                                .unanswered = KW_NEVER,
                                .slots = 4 };
}

static void begin(struct kw_autoscaler *s, const struct kw_autoscaling *c)
{
    struct kw_error err;
    kw_scaler_init(s);
    if (kw_scaler_begin(s, c, c->keep_warm, &err) != KW_OK) {
        CHECK(!"begin");
        fprintf(stderr, "%s\n", err.msg);
    }
}

static uint32_t ask(struct kw_autoscaler *s, struct kw_signals g, kw_ns now, enum kw_scaler_cause cause)
{
    return s->policy->want(s, &g, now, cause);
}

static void fixed_wants_its_floor(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = { .scaler = KW_SCALER_FIXED, .keep_warm = 3, .max_replicas = 3 };
    begin(&s, &c);
    CHECK(ask(&s, signals(3, 3, 0, 100, 300), 0, KW_CAUSE_ARRIVED) == 3 && !s.policy->idle_timeout);
}

static void capacity_counts_what_waits_beside_what_is_busy(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = { .scaler = KW_SCALER_CAPACITY, .max_replicas = 100, .hard_concurrency = 4 };
    begin(&s, &c);
    CHECK(ask(&s, signals(2, 2, 0, 0, 5), 0, KW_CAUSE_ARRIVED) == 2);
    CHECK(ask(&s, signals(2, 2, 0, 1, 8), 0, KW_CAUSE_ARRIVED) == 3);
    CHECK(ask(&s, signals(2, 2, 1, 4, 8), 0, KW_CAUSE_ARRIVED) == 3); /* the start under way has room for four */
    CHECK(ask(&s, signals(2, 2, 1, 5, 8), 0, KW_CAUSE_ARRIVED) == 4);
    c.hard_concurrency = 0; /* the engine queues: what counts is all there is over what the engines run */
    CHECK(ask(&s, signals(2, 2, 0, 0, 8), 0, KW_CAUSE_ARRIVED) == 2);
    CHECK(ask(&s, signals(2, 2, 0, 0, 9), 0, KW_CAUSE_ARRIVED) == 3);
    CHECK(ask(&s, signals(0, 0, 0, 9, 0), 0, KW_CAUSE_ARRIVED) == 3);
}

static void queue_delay_adds_one_a_delay(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = { .scaler = KW_SCALER_QUEUE_DELAY, .max_replicas = 9, .target_delay = 4 * S };
    begin(&s, &c);
    struct kw_signals g = signals(0, 0, 0, 1, 0);
    g.unanswered = 100 * S;
    CHECK(ask(&s, g, 100 * S, KW_CAUSE_ARRIVED) == 1); /* from zero at once */
    g.starting = 1;
    g.unanswered = KW_NEVER; /* the start is for the one who waits: no other is due, however long it takes */
    CHECK(s.policy->timer(&s, &g, 100 * S) == KW_NEVER && ask(&s, g, 200 * S, KW_CAUSE_TIMER) == 1);
    g.queued = 4;
    g.unanswered = 100 * S; /* three more came at the same time */
    CHECK(s.policy->timer(&s, &g, 100 * S) == 104 * S);
    CHECK(ask(&s, g, 103 * S, KW_CAUSE_ARRIVED) == 1);
    CHECK(ask(&s, g, 104 * S, KW_CAUSE_TIMER) == 2);
    g.starting = 2;
    CHECK(ask(&s, g, 106 * S, KW_CAUSE_TIMER) == 2); /* one a delay */
    CHECK(s.policy->timer(&s, &g, 104 * S) == 108 * S);
    CHECK(ask(&s, g, 108 * S, KW_CAUSE_TIMER) == 3);
    g.unanswered = 107 * S; /* the older ones were served meanwhile */
    CHECK(s.policy->timer(&s, &g, 108 * S) == 112 * S);
    CHECK(ask(&s, g, 109 * S, KW_CAUSE_TIMER) == 2); /* too young: no change */
    g.unanswered = KW_NEVER;
    CHECK(s.policy->timer(&s, &g, 112 * S) == KW_NEVER);
    c.target_delay = 0;
    struct kw_error err;
    CHECK(kw_scaler_begin(&s, &c, c.keep_warm, &err) == KW_ERANGE);
}

static void queue_delay_from_arrival_adds_one_for_each_that_waits(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = {
        .scaler = KW_SCALER_QUEUE_DELAY, .max_replicas = 9, .target_delay = 4 * S, .target_delay_from = KW_DELAY_ARRIVAL
    };
    begin(&s, &c);
    struct kw_signals g = signals(0, 0, 1, 4, 0); /* one start under way, three more came at the same time */
    g.unanswered = 100 * S;
    CHECK(s.policy->timer(&s, &g, 100 * S) == 104 * S);
    for (uint32_t k = 1; k < 4; k++) { /* all at 104, one after another */
        CHECK(ask(&s, g, 104 * S, KW_CAUSE_TIMER) == k + 1);
        g.starting = k + 1;
        g.unanswered = k < 3 ? 100 * S : 102 * S;
        CHECK(s.policy->timer(&s, &g, 104 * S) == (k < 3 ? 104 : 106) * S);
    }
    CHECK(ask(&s, g, 106 * S, KW_CAUSE_TIMER) == 5); /* but the ceiling is four: nothing comes */
    CHECK(s.policy->timer(&s, &g, 106 * S) == 110 * S);
    g.unanswered = KW_NEVER;
    CHECK(s.policy->timer(&s, &g, 107 * S) == KW_NEVER);
}

static void request_count_divides_and_rounds_up(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = { .scaler = KW_SCALER_REQUEST_COUNT, .max_replicas = 9, .target = 4 };
    begin(&s, &c);
    CHECK(ask(&s, signals(0, 0, 0, 0, 0), 0, KW_CAUSE_ARRIVED) == 0);
    CHECK(ask(&s, signals(0, 0, 0, 1, 0), 0, KW_CAUSE_ARRIVED) == 1);
    CHECK(ask(&s, signals(1, 1, 0, 4, 4), 0, KW_CAUSE_ARRIVED) == 2);
    CHECK(ask(&s, signals(1, 1, 0, 5, 4), 0, KW_CAUSE_ARRIVED) == 3);
}

static void queue_grows_by_one_while_the_starts_do_not_suffice(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = { .scaler = KW_SCALER_QUEUE, .max_replicas = 9 };
    begin(&s, &c);
    CHECK(ask(&s, signals(1, 1, 0, 0, 4), 0, KW_CAUSE_ARRIVED) == 1);
    CHECK(ask(&s, signals(1, 1, 0, 1, 4), 0, KW_CAUSE_ARRIVED) == 2);
    CHECK(ask(&s, signals(1, 1, 1, 4, 4), 0, KW_CAUSE_ARRIVED) == 2);
    CHECK(ask(&s, signals(1, 1, 1, 5, 4), 0, KW_CAUSE_FREED) == 3);
    c.eval_period = 10 * S;
    begin(&s, &c);
    struct kw_signals g = signals(1, 1, 0, 3, 4);
    CHECK(ask(&s, g, 1 * S, KW_CAUSE_ARRIVED) == 1 && s.policy->timer(&s, &g, 1 * S) == 10 * S);
    CHECK(ask(&s, g, 10 * S, KW_CAUSE_TIMER) == 2 && s.policy->timer(&s, &g, 10 * S) == 20 * S);
    CHECK(ask(&s, signals(0, 0, 0, 1, 0), 21 * S, KW_CAUSE_ARRIVED) == 1); /* zero does not wait for the tick */
}

static void setup_wants_one_for_each_who_waits(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = { .scaler = KW_SCALER_SETUP, .max_replicas = 9 };
    begin(&s, &c);
    CHECK(s.policy->shrink == KW_SHRINK_STARTING);
    CHECK(ask(&s, signals(2, 2, 1, 3, 2), 0, KW_CAUSE_ARRIVED) == 5);
    CHECK(ask(&s, signals(2, 2, 3, 1, 2), 0, KW_CAUSE_FREED) == 3); /* two setups are called off */
}

static void load_target_averages_up_and_waits_down(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = { .scaler = KW_SCALER_LOAD_TARGET,
                                .max_replicas = 9,
                                .target = 0.5,
                                .utilisation = 1,
                                .scale_up_window = 10 * S,
                                .scale_down_delay = 20 * S,
                                .zero_timeout = 60 * S };
    struct kw_signals g = signals(1, 1, 0, 0, 6);
    begin(&s, &c); /* one replica carries 0.5 * 4 = 2 requests */
    kw_area_track(&s.area, 6, 0);
    uint32_t want[100];
    for (int t = 1; t <= 90; t++) {
        if (t == 11) kw_area_track(&s.area, 0, 10 * S + 1);
        if (t == 11) g.in_flight = 0;
        want[t] = ask(&s, g, t * S, KW_CAUSE_TIMER);
        g.ready = want[t];
        CHECK(s.policy->timer(&s, &g, t * S) == (t + 1) * S || !g.ready);
    }
    CHECK(want[1] == 1);  /* mean 0.6 over ten seconds */
    CHECK(want[3] == 1);  /* 1.8 */
    CHECK(want[4] == 2);  /* 2.4 */
    CHECK(want[10] == 3); /* 6.0 */
    /* The wish falls from 11 s on (5.4 -> 3, 4.2 at 13 -> 3, 3.6 at 14 -> 2), and is 3 last at 13: held until 33. */
    CHECK(want[33] == 3 && want[34] == 2);
    /* The wish of 1 was last at 19 (0.6): held until 39; then 0, which waits for a minute without requests. */
    CHECK(want[39] == 1 && want[69] == 1 && want[70] == 1 && want[71] == 0);
    CHECK(s.policy->timer(&s, &g, 90 * S) == KW_NEVER); /* asleep */
    g.ready = 0;
    g.queued = 1;
    kw_area_track(&s.area, 1, 1000 * S + 1);
    CHECK(ask(&s, g, 1000 * S + 1, KW_CAUSE_ARRIVED) == 1 && s.policy->timer(&s, &g, 1000 * S + 1) == 1001 * S);
    kw_scaler_free(&s);
}

static void concurrency_multiplies_target_and_utilisation(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = { .scaler = KW_SCALER_CONCURRENCY,
                                .max_replicas = 99,
                                .target = 10,
                                .utilisation = 0.7,
                                .scale_up_window = 60 * S,
                                .scale_down_delay = 0,
                                .max_down_rate = 2 };
    struct kw_signals g = signals(8, 8, 0, 0, 56);
    begin(&s, &c);
    kw_area_track(&s.area, 56, 0);
    for (int t = 1; t < 60; t++) ask(&s, g, t * S, KW_CAUSE_TIMER);
    CHECK(ask(&s, g, 60 * S, KW_CAUSE_TIMER) == 8); /* 56 / 7 exactly */
    kw_area_track(&s.area, 57, 60 * S);
    for (int t = 61; t < 120; t++) ask(&s, g, t * S, KW_CAUSE_TIMER);
    CHECK(ask(&s, g, 120 * S, KW_CAUSE_TIMER) == 9);
    kw_area_track(&s.area, 7, 120 * S);
    for (int t = 121; t < 180; t++) ask(&s, g, t * S, KW_CAUSE_TIMER);
    CHECK(ask(&s, g, 180 * S, KW_CAUSE_TIMER) == 4); /* one would do, but not below half at once */
    kw_scaler_free(&s);
}

static void a_loop_that_slept_continues_as_if_it_had_ticked(void)
{
    struct kw_autoscaler awake, slept;
    struct kw_autoscaling c = { .scaler = KW_SCALER_CONCURRENCY,
                                .keep_warm = 1,
                                .max_replicas = 99,
                                .target = 1,
                                .utilisation = 1,
                                .scale_up_window = 30 * S,
                                .scale_down_delay = 50 * S };
    struct kw_signals g = signals(1, 0, 0, 0, 0);
    begin(&awake, &c);
    begin(&slept, &c);
    kw_ns asleep_from = -1;
    for (int t = 0; t < 400; t++) {
        uint64_t level = t < 40 ? 5 : t < 300 ? 0 : 9;
        if (t == 0 || t == 40 || t == 300) {
            kw_area_track(&awake.area, level, t * S);
            kw_area_track(&slept.area, level, t * S);
            g.in_flight = level;
            g.busy = level > 0;
        }
        uint32_t want = ask(&awake, g, t * S, KW_CAUSE_TIMER);
        if (t < 150 || t >= 300) CHECK(ask(&slept, g, t * S, KW_CAUSE_TIMER) == want);
        g.ready = want ? want : 1;
        if (asleep_from < 0 && t > 40 && awake.policy->timer(&awake, &g, t * S) == KW_NEVER) asleep_from = t;
    }
    CHECK(asleep_from == 114); /* the mean is 0 from 70; the last wish of 2, at 63 (5 * 7 / 30), is held until 113 */
    kw_scaler_free(&awake);
    kw_scaler_free(&slept);
}

static void queue_delay_looks_on_its_grid(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = {
        .scaler = KW_SCALER_QUEUE_DELAY, .max_replicas = 9, .target_delay = 4 * S, .eval_period = 3 * S
    };
    begin(&s, &c);
    struct kw_signals g = signals(1, 1, 0, 1, 4);
    g.unanswered = 1 * S;
    CHECK(s.policy->timer(&s, &g, 1 * S) == 3 * S);
    CHECK(ask(&s, g, 3 * S, KW_CAUSE_TIMER) == 1); /* it has waited for 2 s */
    CHECK(s.policy->timer(&s, &g, 3 * S) == 6 * S);
    CHECK(ask(&s, g, 6 * S, KW_CAUSE_TIMER) == 2);
    CHECK(s.policy->timer(&s, &g, 6 * S) == 9 * S && ask(&s, g, 9 * S, KW_CAUSE_TIMER) == 2);
}

static void zero_comes_at_the_zero_timeout_to_the_ns_and_at_once(void)
{
    /* Concurrency, window 10 s: the last request leaves at 10 s, so at the tick of 70 s it is 60 s ago. Four replicas
     * that may go down by half a tick go to zero all the same: nothing is asked for. */
    struct kw_autoscaler s;
    struct kw_autoscaling c = { .scaler = KW_SCALER_CONCURRENCY,
                                .max_replicas = 9,
                                .target = 1,
                                .utilisation = 1,
                                .scale_up_window = 10 * S,
                                .zero_timeout = 60 * S,
                                .max_down_rate = 2 };
    struct kw_signals g = signals(4, 4, 0, 0, 4);
    begin(&s, &c);
    kw_area_track(&s.area, 4, 0);
    for (int t = 1; t <= 9; t++) CHECK(ask(&s, g, t * S, KW_CAUSE_TIMER) > 0);
    kw_area_track(&s.area, 0, 10 * S);
    g.in_flight = g.busy = 0;
    for (int t = 10; t <= 69; t++) CHECK(ask(&s, g, t * S, KW_CAUSE_TIMER) > 0);
    CHECK(ask(&s, g, 70 * S, KW_CAUSE_TIMER) == 0);
    kw_scaler_free(&s);
}

static void ticks_slept_through_hold_what_stood_before(void)
{
    struct kw_mean m = { 0 };
    struct kw_area a = { 0 };
    CHECK(kw_mean_begin(&m, 4 * S, 1 * S, NULL) == KW_OK);
    kw_area_track(&a, 5, 0);
    kw_mean_tick(&m, &a, 1 * S);
    kw_area_track(&a, 0, 1 * S);
    kw_mean_tick(&m, &a, 4 * S); /* 2 s and 3 s were slept through */
    for (uint32_t k = 1; k <= 3; k++) CHECK(kw_mean_over(&m, k) == 0);
    CHECK(kw_mean_over(&m, 4) == 1.25);
    kw_mean_tick(&m, &a, 100 * S);
    CHECK(kw_mean_over(&m, 4) == 0);
    kw_mean_free(&m);
}

/* ---- Knative ---- */

struct change {
    kw_ns at;
    uint64_t level;
};

/* Mean level over [to - window, to], or from `first` on when that is later, by walking all changes. */
static double naive_mean(const struct change *h, int n, kw_ns window, kw_ns first, kw_ns to)
{
    kw_ns from = to - window, span = window;
    if (first > from) span = to - first > S ? to - first : S;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        kw_ns a = h[i].at > from ? h[i].at : from, b = i + 1 < n && h[i + 1].at < to ? h[i + 1].at : to;
        if (b > a) sum += (double)h[i].level * (double)(b - a);
    }
    return sum / (double)span;
}

static void kpa_follows_the_published_rule(void)
{
    enum { TICKS = 3000 };
    static struct change h[TICKS];
    uint64_t x = 88172645463325252u;
    int wrong = 0, panics = 0, calmed = 0;
    for (int round = 0; round < 20 && !wrong; round++) {
        struct kw_autoscaling c = { .scaler = KW_SCALER_KPA,
                                    .keep_warm = 1,
                                    .max_replicas = 1000,
                                    .target = 10,
                                    .utilisation = 0.7,
                                    .max_up_rate = round % 2 ? 1000 : 3,
                                    .max_down_rate = 2,
                                    .panic_threshold = 2,
                                    .panic_window_share = 0.1,
                                    .scale_down_delay = round % 4 < 2 ? 0 : 30 * S };
        struct kw_autoscaler s;
        begin(&s, &c);
        int n = 0, most = 0;
        kw_ns panic_since = -1;
        uint32_t ready = 1, wishes[TICKS];
        for (int t = 1; t < TICKS / 2 && !wrong; t++) {
            kw_ns now = 2 * S * t;
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            if (x % 5 == 0) { /* a new level somewhere since the last tick; now and then a spike or silence */
                uint64_t level = x % 35 == 0 ? 400 + x % 1000 : x % 25 == 0 ? 0 : (x >> 20) % 120;
                h[n] = (struct change){ now - (kw_ns)((x >> 30) % (2 * S)), level };
                if (!n || h[n].at > h[n - 1].at) {
                    kw_area_track(&s.area, level, h[n].at);
                    n++;
                }
            }
            uint64_t level = n ? h[n - 1].level : 0;
            struct kw_signals g = signals(ready, ready, (uint32_t)(x >> 50) % 3, 0, level);
            uint32_t got = ask(&s, g, now, KW_CAUSE_TIMER);
            /* autoscaler.go, in its own order */
            double pods = ready > 1 ? ready : 1, max_up = ceil(c.max_up_rate * pods),
                   max_down = floor(pods / c.max_down_rate);
            double dspc = ceil(naive_mean(h, n, 60 * S, INT64_MIN, now) / 7 - 1e-9);
            double dppc = ceil(naive_mean(h, n, 6 * S, INT64_MIN, now) / 7 - 1e-9);
            int stable = (int)fmin(fmax(dspc, max_down), max_up), panic = (int)fmin(fmax(dppc, max_down), max_up);
            bool over = dppc / pods >= c.panic_threshold;
            if (panic_since < 0 && over) {
                panic_since = now;
                panics++;
            } else if (over) {
                panic_since = now;
            } else if (panic_since >= 0 && panic_since + 60 * S < now) {
                panic_since = -1;
                most = 0;
                calmed++;
            }
            int desired = stable;
            if (panic_since >= 0) {
                if (desired < panic) desired = panic;
                if (desired > most) most = desired;
                desired = most;
            }
            wishes[t] = (uint32_t)desired;
            uint32_t alive = g.ready + g.starting, held = 0;
            for (int u = t; u > 0 && (u == t || u > t - (int)(c.scale_down_delay / (2 * S))); u--)
                held = wishes[u] > held ? wishes[u] : held;
            uint32_t want = wishes[t] >= alive ? wishes[t] : held < alive ? held : alive;
            if (!want && level) want = 1;
            if (want < 1 && got <= 1) got = want; /* zero: kw_scaler_loop_hold's own test is above */
            if (got != want) {
                wrong++;
                fprintf(stderr, "round %d tick %d: wants %u, the rule %u\n", round, t, got, want);
            }
            if (x % 3 == 0)
                ready = got > ready ? ready + 1 : got < ready && ready > 1 ? ready - 1 : ready; /* pods follow */
        }
        kw_scaler_free(&s);
    }
    CHECK(!wrong && panics > 20 && calmed > 10);
}

static void kpa_measures_from_the_first_request_after_zero(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = { .scaler = KW_SCALER_KPA,
                                .max_replicas = 1000,
                                .target = 1,
                                .utilisation = 1,
                                .max_up_rate = 1000,
                                .max_down_rate = 2,
                                .panic_threshold = 2,
                                .panic_window_share = 0.1 };
    begin(&s, &c);
    struct kw_signals g = signals(0, 0, 0, 20, 0);
    kw_area_track(&s.area, 20, 101 * S);
    CHECK(ask(&s, g, 101 * S, KW_CAUSE_ARRIVED) == 1);
    g.starting = 1;
    CHECK(s.policy->timer(&s, &g, 101 * S) == 102 * S);
    CHECK(ask(&s, g, 102 * S, KW_CAUSE_TIMER) == 20); /* 20 over the one second measured, not over sixty */
    kw_scaler_free(&s);
}

int main(void)
{
    RUN(fixed_wants_its_floor);
    RUN(capacity_counts_what_waits_beside_what_is_busy);
    RUN(queue_delay_adds_one_a_delay);
    RUN(queue_delay_from_arrival_adds_one_for_each_that_waits);
    RUN(request_count_divides_and_rounds_up);
    RUN(queue_grows_by_one_while_the_starts_do_not_suffice);
    RUN(setup_wants_one_for_each_who_waits);
    RUN(load_target_averages_up_and_waits_down);
    RUN(concurrency_multiplies_target_and_utilisation);
    RUN(a_loop_that_slept_continues_as_if_it_had_ticked);
    RUN(queue_delay_looks_on_its_grid);
    RUN(zero_comes_at_the_zero_timeout_to_the_ns_and_at_once);
    RUN(ticks_slept_through_hold_what_stood_before);
    RUN(kpa_follows_the_published_rule);
    RUN(kpa_measures_from_the_first_request_after_zero);
    return check_report();
}
