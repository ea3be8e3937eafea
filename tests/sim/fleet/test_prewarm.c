/* Replicas that a forecast starts: what it says by hand, that it looks at nothing that has not come, and that traffic which
 * rises at nine is met by starts at five to nine. */
#include <gsl/gsl_cdf.h>
#include <math.h>
#include "sim/core/rng.h"
#include "sim/fleet/prewarm.h"
#include "sim/fleet/warmup.h"
#include "tests/check.h"
#include "tests/sim/fleet/fleet_case.h"

#define H KW_NS_PER_HOUR
#define DAY (24 * H)
#define START (300 * S)

/* A pool from zero whose starts take five minutes, and a forecast by the day in steps of a quarter of an hour. */
static void pool(struct fleet_case *c, enum kw_forecast_kind kind, uint32_t max_replicas)
{
    case_begin(c, KW_SCALER_CAPACITY, 0, max_replicas);
    c->d[0].scaling.idle_timeout = c->d[0].scaling.zero_timeout = 60 * S;
    c->d[0].cold.init = case_seconds(kw_nano_to_double(START));
    c->d[0].prewarm = (struct kw_prewarm){ DAY, 900 * S, KW_LEAD_AUTO, 1, kind };
}

static enum kw_status make(struct fleet_case *c, struct kw_floor *f, struct kw_forecast_error *off)
{
    struct kw_trace_view view = { .trace = &c->trace };
    *off = (struct kw_forecast_error){ 0 };
    return kw_prewarm_floor(f, &c->d[0], 0, &c->routing, &view, 0, off, &c->err);
}

/* 2, 8 and 4 requests at ten o'clock of three days, one at eleven of the third. */
static void a_forecast_by_hand(void)
{
    struct fleet_case c;
    struct kw_arrivals a;
    double f[96 * 3];
    pool(&c, KW_FORECAST_SEASONAL, 1);
    static const int came[] = { 2, 8, 4 };
    for (int day = 0; day < 3; day++)
        for (int i = 0; i < came[day]; i++) case_request(&c, day * DAY + 10 * H + i * S, 100 + day, 7);
    case_request(&c, 2 * DAY + 11 * H, 100, 7);
    c.trace.span = 3 * DAY;
    struct kw_trace_view view = { .trace = &c.trace };
    CHECK(kw_arrivals_count(&a, &view, &c.d[0], 0, &c.routing, 900 * S, &c.err) == KW_OK && a.n == 288);
    CHECK(a.count[96 + 40] == 8 && a.prompt[96 + 40] == 808 && a.output[96 + 40] == 56);
    kw_forecast(&a, KW_FORECAST_SEASONAL, DAY, START, f);
    CHECK(isnan(f[40]) && isnan(f[95]) && f[96] == 0 && f[96 + 40] == 2);
    CHECK(f[192 + 40] == (8 + 0.5 * 2) / 1.5 && f[192 + 44] == 0);
    struct kw_forecast_error e = { 0 };
    kw_forecast_judge(&a, f, &e);
    CHECK(e.steps == 192 && e.came == 13 && e.off == 6 + 2 + 1); /* 2 for 8, 6 for 4, 0 for 1 */
    CHECK_NEAR(kw_forecast_wape(&e), 9.0 / 13, 1e-12);
    CHECK_NEAR(kw_forecast_mae(&e), 9.0 / 192, 1e-12);
    kw_forecast(&a, KW_FORECAST_ORACLE, DAY, START, f);
    CHECK(f[40] == 2 && f[192 + 44] == 1 && f[0] == 0);
    kw_arrivals_free(&a);
    case_end(&c);
}

/* Days of a hundred requests at random, more by day than by night. */
static void random_days(struct fleet_case *c, int days, uint64_t seed)
{
    struct kw_rng r;
    CHECK(kw_rng_init(&r, seed, 0, KW_RNG_ARRIVALS, NULL) == KW_OK);
    for (double t = 0; t < days * 86400.0;) {
        double of_day = fmod(t, 86400) / 86400, rate = 0.004 * (0.1 + pow(sin(3.14159265 * of_day), 4));
        t += kw_rng_exp(&r, 1 / rate);
        if (t < days * 86400.0) case_request(c, (kw_ns)(t * 1e9), 1 + (uint32_t)(kw_rng_u64(&r) % 90000), 1);
    }
    kw_rng_free(&r);
    c->trace.span = days * DAY;
}

/* At no moment does the floor know what comes after it: other requests from there on leave it as it was. What an oracle
 * holds changes, which shows that the test would see it. */
static void the_past_alone(void)
{
    int oracle_saw = 0;
    for (int k = 0; k < 60; k++) {
        struct fleet_case c;
        struct kw_floor was, is;
        struct kw_forecast_error off;
        enum kw_forecast_kind kind = k % 2 ? KW_FORECAST_SEASONAL : KW_FORECAST_ORACLE;
        kw_floor_init(&was);
        kw_floor_init(&is);
        pool(&c, kind, 40);
        c.d[0].prewarm.lead = k % 3 ? KW_LEAD_AUTO : (1 + k) * 311 * S;
        random_days(&c, 4, (uint64_t)k);
        CHECK(make(&c, &was, &off) == KW_OK);
        kw_ns now = DAY + (kw_ns)((double)k / 60 * 3 * (double)DAY);
        size_t kept = 0;
        while (kept < c.trace.n && c.trace.arrival[kept] < now) kept++;
        c.trace.n = kept;
        for (kw_ns t = now; t < 4 * DAY; t += (1 + k % 7) * 10 * S) case_request(&c, t, 50000, 1);
        CHECK(make(&c, &is, &off) == KW_OK);
        int differs = 0;
        for (kw_ns t = 0; t <= now; t += 60 * S) differs += kw_floor_level(&was, t) != kw_floor_level(&is, t);
        if (kind == KW_FORECAST_SEASONAL)
            CHECK(differs == 0);
        else
            oracle_saw += differs > 0;
        kw_floor_free(&was);
        kw_floor_free(&is);
        case_end(&c);
    }
    CHECK(oracle_saw > 20);
}

/* Three days of a request every ten seconds from nine to ten. */
static void nine_to_ten(struct fleet_case *c)
{
    for (int day = 0; day < 3; day++)
        for (int i = 0; i < 360; i++) case_request(c, day * DAY + 9 * H + i * 10 * S, 1000, 1);
    c->trace.span = 3 * DAY;
}

static void a_rise_at_nine_is_met_by_starts_at_five_to_nine(void)
{
    for (int each = 0; each < 2; each++) {
        struct fleet_case c;
        struct kw_floor f;
        struct kw_forecast_error off;
        kw_floor_init(&f);
        pool(&c, KW_FORECAST_SEASONAL, 4);
        nine_to_ten(&c);
        CHECK(make(&c, &f, &off) == KW_OK && off.off == 0);
        CHECK(!kw_floor_level(&f, 9 * H) && !kw_floor_level(&f, DAY + 9 * H - START - 1));
        CHECK(kw_floor_level(&f, DAY + 9 * H - START) == 1 && kw_floor_level(&f, DAY + 10 * H - 1) == 1);
        CHECK(!kw_floor_level(&f, DAY + 10 * H) && kw_floor_area(&f, 3 * DAY) == 2 * (H + START));
        c.d[0].floor = &f;
        c.opt.stepping_each = each;
        c.opt.warmup = kw_warmup_length(c.d, 1, c.trace.span);
        CHECK(case_run(&c) == KW_OK && c.o.completed == 3 * 360);
        CHECK(c.o.cold == 30 && c.o.ledger[0].starts == 6); /* the first five minutes of the first day, and one a day */
        const struct kw_life *l = c.o.ledger[0].lives;
        for (uint64_t i = 0; i < c.o.ledger[0].lives_n; i++)
            CHECK(l[i].born < DAY || (l[i].born % DAY == 9 * H - START && l[i].gone % DAY >= 10 * H));
        case_end(&c);
        kw_floor_free(&f);
    }
}

static void an_oracle_knows_the_first_day_too(void)
{
    struct fleet_case c;
    struct kw_floor f;
    struct kw_forecast_error off;
    kw_floor_init(&f);
    pool(&c, KW_FORECAST_ORACLE, 4);
    nine_to_ten(&c);
    CHECK(make(&c, &f, &off) == KW_OK && off.off == 0 && off.came == 3 * 360);
    CHECK(kw_floor_area(&f, 3 * DAY) == 3 * (H + START));
    c.d[0].floor = &f;
    CHECK(case_run(&c) == KW_OK && c.o.cold == 0);
    kw_ns alive = 0;
    for (int p = 0; p < KW_PHASES; p++) alive += c.o.ledger[0].phase[p];
    CHECK(alive == 3 * (H + START + 51 * S)); /* the last answer ends at 9:59:51, and idles for a minute */
    case_end(&c);
    kw_floor_free(&f);
}

/* Windows follow each other: an oracle starts what their begin wants before their end. */
static void an_oracle_looks_round_the_end(void)
{
    struct fleet_case c;
    struct kw_floor f;
    struct kw_forecast_error off;
    kw_floor_init(&f);
    pool(&c, KW_FORECAST_ORACLE, 4);
    case_request(&c, 10 * S, 1000, 1);
    c.trace.span = DAY;
    CHECK(make(&c, &f, &off) == KW_OK);
    CHECK(kw_floor_level(&f, 0) == 1 && kw_floor_level(&f, 900 * S) == 0 && kw_floor_level(&f, DAY - START) == 1 &&
          kw_floor_level(&f, DAY - START - 1) == 0);
    case_end(&c);
    kw_floor_free(&f);
}

/* One request a second of five seconds each: five under way on average, and as many replicas as the 95 % point of a
 * Poisson law; of two a replica half of that, rounded up. */
static void as_many_as_come_at_once(void)
{
    for (uint32_t seats = 1; seats <= 2; seats++) {
        struct fleet_case c;
        struct kw_floor f;
        struct kw_forecast_error off;
        kw_floor_init(&f);
        pool(&c, KW_FORECAST_SEASONAL, 20);
        c.d[0].sched.max_num_seqs = c.d[0].scaling.hard_concurrency = seats;
        for (kw_ns t = 0; t < 2 * DAY; t += S) case_request(&c, t, 5000, 1);
        c.trace.span = 2 * DAY;
        CHECK(make(&c, &f, &off) == KW_OK);
        double k = 0, mean = 5 * seats; /* two prompts at once take twice as long */
        while (gsl_cdf_poisson_P((unsigned)k, mean) < 0.95) k++;
        CHECK(kw_floor_level(&f, DAY + 1) == ceil(k / seats) && kw_floor_level(&f, DAY - START - 1) == 0);
        case_end(&c);
        kw_floor_free(&f);
    }
}

static void a_replica_serves_as_many_as_the_objective_allows(void)
{
    struct fleet_case c;
    double stays;
    pool(&c, KW_FORECAST_SEASONAL, 1);
    c.d[0].sched.max_num_seqs = 64;
    c.d[0].scaling.hard_concurrency = 0;
    /* Prompts of 100 ms, ten tokens of output: B of them are there for B x 0.1 s, a tenth of it a token. */
    CHECK(kw_prewarm_batch(&c.d[0], 100, 10, 0, &stays) == 64);
    CHECK_NEAR(stays, 6.4, 1e-9);
    CHECK(kw_prewarm_batch(&c.d[0], 100, 10, 201 * MS, &stays) == 20);
    CHECK_NEAR(stays, 2, 1e-9);
    CHECK(kw_prewarm_batch(&c.d[0], 100, 10, 1 * MS, &stays) == 1); /* none does: it is one all the same */
    c.d[0].sched.num_blocks = 4;                                    /* of 512 tokens: at 400 a request five fit */
    CHECK(kw_prewarm_batch(&c.d[0], 390, 10, 0, &stays) == 5);
    case_end(&c);
}

static void what_cannot_be_forecast_is_refused(void)
{
    struct fleet_case c;
    struct kw_floor f;
    struct kw_forecast_error off;
    kw_floor_init(&f);
    pool(&c, KW_FORECAST_SEASONAL, 4);
    case_request(&c, 0, 1000, 1);
    c.trace.span = DAY;
    CHECK(make(&c, &f, &off) == KW_ERANGE); /* one season */
    c.trace.span = 2 * DAY;
    CHECK(make(&c, &f, &off) == KW_OK);
    c.d[0].cold.init = case_seconds(86000);
    CHECK(make(&c, &f, &off) == KW_ERANGE); /* starts as long as it */
    c.d[0].cold.init = case_seconds(1);
    c.routing.policy = KW_ROUTE_FALLBACK;
    struct kw_trace_view view = { .trace = &c.trace };
    CHECK(kw_prewarm_floor(&f, &c.d[0], 1, &c.routing, &view, 0, &off, &c.err) == KW_ERANGE);
    case_end(&c);
    kw_floor_free(&f);
}

int main(void)
{
    RUN(a_forecast_by_hand);
    RUN(the_past_alone);
    RUN(a_rise_at_nine_is_met_by_starts_at_five_to_nine);
    RUN(an_oracle_knows_the_first_day_too);
    RUN(an_oracle_looks_round_the_end);
    RUN(as_many_as_come_at_once);
    RUN(a_replica_serves_as_many_as_the_objective_allows);
    RUN(what_cannot_be_forecast_is_refused);
    return check_report();
}
