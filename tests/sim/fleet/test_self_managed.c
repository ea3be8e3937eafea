/* The autoscalers that users run themselves, decision by decision: sequences worked out by hand from what their sources
 * compute, without a pool. */
#include "sim/fleet/scalers/scaler.h"
#include "tests/check.h"

#define S KW_NS_PER_S

static struct kw_signals signals(uint32_t ready, uint32_t starting, uint64_t queued, uint64_t in_flight)
{
    return (struct kw_signals){ .ready = ready,
                                .starting = starting,
                                .queued = queued,
                                .in_flight = in_flight,
                                .waiting = queued,
                                .oldest = KW_NEVER,
                                .unanswered = KW_NEVER,
                                .slots = 4 };
}

static void begin(struct kw_autoscaler *s, const struct kw_autoscaling *c)
{
    struct kw_error err;
    kw_scaler_init(s);
    if (kw_scaler_begin(s, c, c->keep_warm, &err) == KW_OK) return;
    CHECK(!"begin");
    fprintf(stderr, "%s\n", err.msg);
}

static uint32_t tick(struct kw_autoscaler *s, struct kw_signals g, kw_ns now)
{
    return s->policy->want(s, &g, now, KW_CAUSE_TIMER);
}

/* ---- KEDA and the HPA */

/* The defaults of KEDA and of the controller; one trigger of ten requests a replica. */
static struct kw_autoscaling keda(uint32_t keep_warm)
{
    struct kw_autoscaling c = { .scaler = KW_SCALER_HPA,
                                .keep_warm = keep_warm,
                                .max_replicas = 100,
                                .eval_period = 15 * S,
                                .zero_timeout = 300 * S,
                                .scale_down_delay = 300 * S };
    c.hpa = (struct kw_hpa){ .n_triggers = 1, .poll = 30 * S, .tolerance = 0.1 };
    c.hpa.trigger[0] = (struct kw_trigger){ .metric = KW_TRIGGER_BOTH, .threshold = 10 };
    return c;
}

/* The example of the Kubernetes documentation in AverageValue: ceil(metric / target); and a ratio within the tolerance
 * leaves everything as it is. */
static void hpa_divides_and_tolerates(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = keda(1);
    begin(&s, &c);
    CHECK(tick(&s, signals(3, 0, 0, 32), 15 * S) == 3); /* 1.07 */
    CHECK(tick(&s, signals(3, 0, 0, 33), 30 * S) == 4); /* 1.1, which is more than 0.1 off in doubles, there as here */
    CHECK(tick(&s, signals(10, 0, 0, 109), 45 * S) == 10); /* 1.09 */
    CHECK(tick(&s, signals(10, 0, 0, 91), 60 * S) == 10);  /* 0.91 */
    CHECK(tick(&s, signals(10, 0, 0, 112), 75 * S) == 12); /* ceil(11.2) */
    begin(&s, &c);
    CHECK(tick(&s, signals(4, 2, 0, 61), 90 * S) == 6); /* those that start count: 61 / 60 */
    c.max_replicas = 11;
    CHECK(tick(&s, signals(10, 0, 0, 500), 105 * S) == 11);
    kw_scaler_free(&s);
}

/* Without a behavior a step is at most max(2 n, 4). */
static void hpa_doubles_at_most_and_four_at_first(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = keda(1);
    begin(&s, &c);
    CHECK(tick(&s, signals(1, 0, 0, 1000), 15 * S) == 4);
    CHECK(tick(&s, signals(1, 3, 0, 1000), 30 * S) == 8);
    CHECK(tick(&s, signals(1, 7, 0, 1000), 45 * S) == 16);
    CHECK(tick(&s, signals(1, 63, 0, 1000), 60 * S) == 100); /* the ceiling, and all it needs */
    kw_scaler_free(&s);
}

/* A lower wish holds once no higher one of the last 300 s is left: that of 300 s ago still counts. */
static void hpa_shrinks_to_the_largest_of_five_minutes(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = keda(1);
    begin(&s, &c);
    CHECK(tick(&s, signals(10, 0, 0, 100), 15 * S) == 10);
    CHECK(tick(&s, signals(10, 0, 0, 60), 30 * S) == 10);
    for (kw_ns t = 45; t < 315; t += 15) CHECK(tick(&s, signals(10, 0, 0, 20), t * S) == 10);
    CHECK(tick(&s, signals(10, 0, 0, 20), 315 * S) == 10); /* 15 is 300 s ago */
    CHECK(tick(&s, signals(10, 0, 0, 20), 330 * S) == 6);
    CHECK(tick(&s, signals(6, 0, 0, 20), 345 * S) == 2);
    CHECK(tick(&s, signals(2, 0, 0, 0), 660 * S) == 1); /* the HPA's floor is one */
    kw_scaler_free(&s);
}

static void several_triggers_take_the_largest(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = keda(1);
    c.hpa.n_triggers = 2;
    c.hpa.trigger[0] = (struct kw_trigger){ .metric = KW_TRIGGER_WAITING, .threshold = 2 };
    c.hpa.trigger[1] = (struct kw_trigger){ .metric = KW_TRIGGER_RUNNING, .threshold = 30 };
    begin(&s, &c);
    struct kw_signals g = signals(1, 0, 0, 95);
    g.waiting = 5;                   /* in the engine: 90 run */
    CHECK(tick(&s, g, 15 * S) == 3); /* of the first ceil(2.5) = 3, of the second 3 */
    g.waiting = 0;
    CHECK(tick(&s, g, 30 * S) == 4); /* 95 run */
    g.waiting = 20;
    CHECK(tick(&s, g, 45 * S) == 4); /* ten wanted, at most four at once */
    begin(&s, &c);
    g = signals(4, 0, 0, 95);
    g.waiting = 14;
    CHECK(tick(&s, g, 15 * S) == 7); /* of the first seven, of the second ceil(81 / 30) = 3 */
    kw_scaler_free(&s);
}

/* 0 -> 1 at KEDA's poll, 1 -> 0 once the last active poll lies more than the cooldown back. */
static void keda_polls_from_zero_and_cools_down(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = keda(0);
    begin(&s, &c);
    struct kw_signals none = signals(0, 0, 0, 0), one = signals(0, 0, 1, 0);
    CHECK(s.policy->timer(&s, &none, 0) == KW_NEVER);
    CHECK(s.policy->want(&s, &one, 31 * S, KW_CAUSE_ARRIVED) == 0 && s.policy->timer(&s, &one, 31 * S) == 60 * S);
    CHECK(tick(&s, one, 60 * S) == 1);
    struct kw_signals up = signals(0, 1, 1, 0);
    CHECK(s.policy->timer(&s, &up, 60 * S) == 75 * S); /* now there is an HPA */
    CHECK(tick(&s, signals(1, 0, 0, 1), 90 * S) == 1); /* the last active poll */
    for (kw_ns t = 105; t < 405; t += 15) CHECK(tick(&s, signals(1, 0, 0, 0), t * S) == 1);
    CHECK(tick(&s, signals(1, 0, 0, 0), 390 * S + 15 * S) == 1); /* no poll */
    CHECK(tick(&s, signals(1, 0, 0, 0), 420 * S) == 0);          /* at 390 exactly 300 s: not yet */
    c.hpa.trigger[0].activation = 5;
    begin(&s, &c);
    CHECK(tick(&s, signals(0, 0, 5, 0), 30 * S) == 0 && tick(&s, signals(0, 0, 6, 0), 60 * S) == 1);
    CHECK(s.policy->want(&s, &none, 61 * S, KW_CAUSE_ARRIVED) == 0); /* a router sent it past */
    CHECK(s.policy->timer(&s, &none, 61 * S) == 90 * S && tick(&s, none, 90 * S) == 1);
    kw_scaler_free(&s);
}

/* The rules of a behavior, as the API server fills them in: 4 pods or 100 % in 15 s up, 100 % in 15 s down. */
static struct kw_autoscaling behaving(void)
{
    struct kw_autoscaling c = keda(1);
    c.hpa.behaves = true;
    c.hpa.up = (struct kw_hpa_rules){ .n = 2, .policy = { { true, 4, 15 * S }, { false, 100, 15 * S } } };
    c.hpa.down = (struct kw_hpa_rules){ .window = 300 * S, .n = 1, .policy = { { false, 100, 15 * S } } };
    return c;
}

static void behavior_limits_how_far_within_a_period(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = behaving();
    begin(&s, &c);
    CHECK(tick(&s, signals(1, 0, 0, 1000), 15 * S) == 5); /* four pods more, not twice one */
    CHECK(tick(&s, signals(1, 4, 0, 1000), 30 * S) == 10);
    CHECK(tick(&s, signals(1, 9, 0, 1000), 45 * S) == 20);
    c.hpa.up.select = KW_SELECT_MIN;
    begin(&s, &c);
    CHECK(tick(&s, signals(1, 0, 0, 1000), 15 * S) == 2);
    c.hpa.up.policy[1].period = c.hpa.up.policy[0].period = 60 * S; /* what it had a minute ago, doubled */
    begin(&s, &c);
    CHECK(tick(&s, signals(2, 0, 0, 1000), 15 * S) == 4);
    CHECK(tick(&s, signals(2, 2, 0, 1000), 30 * S) == 4 && tick(&s, signals(2, 2, 0, 1000), 60 * S) == 4);
    CHECK(tick(&s, signals(2, 2, 0, 1000), 75 * S) == 8); /* the change of 15 is a minute old */
    c = behaving();
    c.hpa.down = (struct kw_hpa_rules){ .n = 1, .policy = { { true, 2, 60 * S } } };
    begin(&s, &c);
    CHECK(tick(&s, signals(10, 0, 0, 10), 15 * S) == 8);
    CHECK(tick(&s, signals(8, 0, 0, 10), 30 * S) == 8 && tick(&s, signals(8, 0, 0, 10), 75 * S) == 6);
    c.hpa.down.policy[0] = (struct kw_hpa_policy){ false, 50, 60 * S };
    begin(&s, &c);
    CHECK(tick(&s, signals(5, 0, 0, 1), 15 * S) == 2); /* half of five, cut off */
    c.hpa.up = (struct kw_hpa_rules){ .n = 1, .policy = { { false, 100, 60 * S } } };
    begin(&s, &c);
    CHECK(tick(&s, signals(4, 0, 0, 1000), 15 * S) == 8);
    CHECK(tick(&s, signals(6, 0, 0, 1000), 30 * S) == 6); /* two were lost: twice the two of a minute ago is less */
    c.hpa.down.select = KW_SELECT_DISABLED;
    begin(&s, &c);
    CHECK(tick(&s, signals(10, 0, 0, 10), 15 * S) == 10);
    kw_scaler_free(&s);
}

static void behavior_steadies_both_ways(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = behaving();
    c.hpa.up.window = 60 * S;
    begin(&s, &c);
    CHECK(tick(&s, signals(2, 0, 0, 20), 15 * S) == 2);
    for (kw_ns t = 30; t < 75; t += 15) CHECK(tick(&s, signals(2, 0, 0, 40), t * S) == 2);
    CHECK(tick(&s, signals(2, 0, 0, 30), 75 * S) == 3); /* the two of 15 are a minute old, three is the least since */
    CHECK(tick(&s, signals(3, 0, 0, 5), 90 * S) == 3);  /* and on the way down four was wanted within five minutes */
    struct kw_signals empty = signals(1, 0, 0, 0);
    CHECK(s.policy->timer(&s, &empty, 90 * S) == 105 * S); /* its wishes while nothing happens count */
    kw_scaler_free(&s);
}

/* ---- Ray Serve */

static struct kw_autoscaling ray(uint32_t keep_warm)
{
    return (struct kw_autoscaling){ .scaler = KW_SCALER_RAY_SERVE,
                                    .keep_warm = keep_warm,
                                    .max_replicas = 20,
                                    .target = 2,
                                    .utilisation = 1,
                                    .eval_period = 10 * S,
                                    .scale_up_window = 30 * S,
                                    .scale_up_delay = 30 * S,
                                    .scale_down_delay = 600 * S,
                                    .zero_timeout = 600 * S,
                                    .max_up_rate = 1,
                                    .max_down_rate = 1 };
}

/* Requests in the pool from `now` on; ticks up to `until`, when the policy asks for them. Returns when it first wanted
 * another number than there are replicas, KW_NEVER: not by then; *what: the number. */
static kw_ns first_change(struct kw_autoscaler *s, struct kw_signals g, kw_ns now, kw_ns until, uint32_t *what)
{
    kw_area_track(&s->area, g.queued + g.in_flight, now);
    *what = s->policy->want(s, &g, now, KW_CAUSE_ARRIVED);
    for (kw_ns t = now; *what == kw_signals_alive(&g) && t <= until; *what = tick(s, g, t)) {
        kw_ns next = s->policy->timer(s, &g, t);
        if (next == KW_NEVER || next > until) return KW_NEVER;
        t = now = next;
    }
    return *what == kw_signals_alive(&g) ? KW_NEVER : now;
}

/* A spike that comes just after a report is seen at the next one, 10 s later, and held for 30 s: 30 to 40 s in all. */
static void ray_waits_thirty_to_forty_seconds(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = ray(1);
    uint32_t what;
    for (kw_ns at = 101 * S; at < 110 * S; at += 2 * S) {
        begin(&s, &c);
        kw_ns t = first_change(&s, signals(1, 0, 0, 600), at, 1000 * S, &what);
        CHECK(t == 140 * S && t - at >= 30 * S && t - at <= 40 * S);
        CHECK(what == 20); /* the ceiling */
        kw_scaler_free(&s);
    }
    begin(&s, &c); /* six requests: the mean of 30 s is 2 at 110 s, one replica's, 4 at 120 s and 6 from 130 s on */
    CHECK(first_change(&s, signals(1, 0, 0, 6), 100 * S, 1000 * S, &what) == 150 * S && what == 3);
    kw_scaler_free(&s);
    begin(&s, &c); /* three: 1 at 110, 2 at 120: only at 130 s more than two */
    CHECK(first_change(&s, signals(1, 0, 0, 3), 100 * S, 1000 * S, &what) == 160 * S && what == 2);
    kw_scaler_free(&s);
}

/* Down after 600 s, to one at first and to none only from one, after another 600 s. */
static void ray_goes_down_in_ten_minutes_and_to_zero_from_one(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = ray(0);
    uint32_t what;
    begin(&s, &c);
    kw_area_track(&s.area, 8, 0);
    for (kw_ns t = 10; t <= 100; t += 10) CHECK(tick(&s, signals(4, 0, 0, 8), t * S) == 4);
    kw_ns t = first_change(&s, signals(4, 0, 0, 0), 100 * S, 5000 * S, &what);
    CHECK(t == 710 * S && what == 1); /* below four from the report at 110 s on */
    t = first_change(&s, signals(1, 0, 0, 0), t, 5000 * S, &what);
    CHECK(t == 1310 * S && what == 0);
    struct kw_signals none = signals(0, 0, 0, 0), queued = signals(0, 0, 3, 0);
    CHECK(s.policy->timer(&s, &none, t) == KW_NEVER);
    CHECK(s.policy->want(&s, &queued, 2000 * S, KW_CAUSE_ARRIVED) == 1); /* from zero at once */
    c.max_up_rate = 2.5;
    CHECK(s.policy->want(&s, &queued, 2000 * S, KW_CAUSE_ARRIVED) == 3); /* ceil(upscaling_factor) */
    kw_scaler_free(&s);
}

/* A wish that comes and goes within the delay changes nothing, and the delay begins anew. */
static void ray_counts_in_a_row(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = ray(1);
    c.scale_up_window = 10 * S;
    begin(&s, &c);
    uint64_t load[] = { 8, 8, 2, 8, 8, 8 };
    for (int i = 0; i < 6; i++) {
        kw_area_track(&s.area, load[i], i * 10 * S);
        CHECK(tick(&s, signals(1, 0, 0, load[i]), (i + 1) * 10 * S) == 1);
    }
    kw_area_track(&s.area, 8, 60 * S);
    CHECK(tick(&s, signals(1, 0, 0, 8), 70 * S) == 4); /* above since the report at 40 s */
    kw_scaler_free(&s);
}

/* Factors act on the difference, and a step down that rounding would undo is one. */
static void ray_scales_the_difference(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = ray(1);
    c.scale_up_delay = c.scale_down_delay = 0;
    c.scale_up_window = 10 * S;
    c.max_up_rate = 0.5;
    begin(&s, &c);
    kw_area_track(&s.area, 20, 0);
    CHECK(tick(&s, signals(2, 0, 0, 20), 10 * S) == 6); /* 2 + 0.5 * (10 - 2) */
    c.max_down_rate = 0.1;
    kw_area_track(&s.area, 10, 10 * S);
    CHECK(tick(&s, signals(6, 0, 0, 10), 20 * S) == 5); /* 6 - 0.1 rounds up to 6: one less */
    kw_scaler_free(&s);
}

/* ---- SkyServe */

static struct kw_autoscaling sky(uint32_t keep_warm)
{
    return (struct kw_autoscaling){ .scaler = KW_SCALER_SKYSERVE,
                                    .keep_warm = keep_warm,
                                    .max_replicas = 10,
                                    .target = 0.5,
                                    .eval_period = 20 * S,
                                    .scale_up_delay = 300 * S,
                                    .scale_down_delay = 1200 * S };
}

static void requests(struct kw_autoscaler *s, struct kw_signals g, kw_ns at, int n)
{
    while (n-- > 0) CHECK(s->policy->want(s, &g, at, KW_CAUSE_ARRIVED) == kw_signals_alive(&g));
}

/* 15 decisions above in a row; one in between that is not begins the count anew. */
static void sky_takes_fifteen_decisions_up_and_sixty_down(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = sky(1);
    begin(&s, &c);
    struct kw_signals one = signals(1, 0, 0, 0);
    int above = 0, taken = 0;
    for (int k = 0; k < 40 && !taken; k++) { /* a request a second: 60 in a minute, 1 / 0.5 = 2 */
        for (int i = 0; i < 20; i++) requests(&s, one, (k * 20 + i) * S, k != 10 && k != 11 && k != 12);
        uint32_t w = tick(&s, one, (k + 1) * 20 * S);
        /* at the first tick 20 / 60 / 0.5 -> 1, at the second 40 / 60 / 0.5 -> 2; the gap leaves less than 30 a minute */
        above = k >= 1 && k != 12 && k != 11 && k != 13 ? above + 1 : 0;
        if (w == 2) taken = above;
        CHECK(w == 2 ? above == 15 : w == 1);
    }
    CHECK(taken == 15);
    struct kw_signals three = signals(3, 0, 0, 0);
    kw_ns last = 100000 * S;
    s.held = 0;
    for (int k = 1; k <= 60; k++) CHECK(tick(&s, three, last + k * 20 * S) == (k < 60 ? 3 : 1)); /* to the floor */
    struct kw_signals two = signals(2, 0, 0, 0);
    last = 200000 * S;
    s.held = -5; /* decisions the other way round do not count */
    for (int k = 1; k <= 15; k++) {
        requests(&s, two, last + (k * 20 - 5) * S, k == 1 ? 75 : 25);
        CHECK((tick(&s, two, last + k * 20 * S) == 2) == (k < 15));
    }
    kw_scaler_free(&s);
}

static void sky_looks_every_five_seconds_at_zero(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = sky(0);
    begin(&s, &c);
    struct kw_signals none = signals(0, 0, 0, 0);
    CHECK(s.policy->timer(&s, &none, 1000 * S) == KW_NEVER);
    requests(&s, none, 1001 * S, 31); /* refused, and counted: 31 / 60 / 0.5 = 1.03 */
    CHECK(s.policy->timer(&s, &none, 1001 * S) == 1005 * S && s.policy->wakes_itself);
    CHECK(tick(&s, none, 1005 * S) == 2);
    struct kw_signals two = signals(0, 2, 0, 0);
    CHECK(s.policy->timer(&s, &two, 1005 * S) == 1020 * S);
    CHECK(tick(&s, none, 1060 * S) == 2 && tick(&s, none, 1065 * S) == 0); /* those of the minute before 1060 s */
    requests(&s, none, 2005 * S, 31);
    CHECK(tick(&s, none, 2005 * S) == 0 && tick(&s, none, 2010 * S) == 2); /* what comes at a tick is of the next */
    c.target = 0;
    struct kw_error err;
    CHECK(kw_scaler_begin(&s, &c, c.keep_warm, &err) == KW_ERANGE);
    kw_scaler_free(&s);
}

/* ---- Dynamo */

static void dynamo_adds_one_and_takes_one(void)
{
    struct kw_autoscaler s;
    struct kw_autoscaling c = { .scaler = KW_SCALER_DYNAMO,
                                .keep_warm = 1,
                                .max_replicas = 8,
                                .eval_period = 5 * S,
                                .up_above = 1,
                                .down_below = 0.6 };
    begin(&s, &c);
    struct kw_signals g = signals(2, 0, 0, 50);
    g.kv_most = 1;
    CHECK(tick(&s, g, 5 * S) == 2); /* above, not at */
    g.kv_most = 1.01;
    CHECK(tick(&s, g, 10 * S) == 3 && s.policy->timer(&s, &g, 10 * S) == 15 * S);
    g.starting = 1;
    CHECK(tick(&s, g, 15 * S) == 3); /* one is on its way: it only looks */
    g = signals(3, 0, 0, 20);
    g.kv_most = 0.6;
    CHECK(tick(&s, g, 20 * S) == 3);
    g.kv_most = 0.59;
    CHECK(tick(&s, g, 25 * S) == 2);
    g = signals(1, 0, 0, 1);
    CHECK(tick(&s, g, 30 * S) == 1);
    g = signals(1, 0, 0, 0);
    CHECK(s.policy->timer(&s, &g, 30 * S) == KW_NEVER);
    struct kw_error err;
    c.keep_warm = 0;
    CHECK(kw_scaler_begin(&s, &c, c.keep_warm, &err) == KW_ERANGE);
    c.keep_warm = 1;
    c.down_below = 1;
    CHECK(kw_scaler_begin(&s, &c, c.keep_warm, &err) == KW_ERANGE);
    kw_scaler_free(&s);
}

int main(void)
{
    RUN(hpa_divides_and_tolerates);
    RUN(hpa_doubles_at_most_and_four_at_first);
    RUN(hpa_shrinks_to_the_largest_of_five_minutes);
    RUN(several_triggers_take_the_largest);
    RUN(keda_polls_from_zero_and_cools_down);
    RUN(behavior_limits_how_far_within_a_period);
    RUN(behavior_steadies_both_ways);
    RUN(ray_waits_thirty_to_forty_seconds);
    RUN(ray_goes_down_in_ten_minutes_and_to_zero_from_one);
    RUN(ray_counts_in_a_row);
    RUN(ray_scales_the_difference);
    RUN(sky_takes_fifteen_decisions_up_and_sixty_down);
    RUN(sky_looks_every_five_seconds_at_zero);
    RUN(dynamo_adds_one_and_takes_one);
    return check_report();
}
