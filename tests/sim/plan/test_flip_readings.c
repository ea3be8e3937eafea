/* What a platform leaves open, read the other way: who is the one to take then, by what was replayed of three candidates on
 * one serverless platform, one on rented machines and one on an API. */
#include "sim/plan/flip_readings.h"
#include "tests/sim/plan/fakeplan.h"

enum { FIRST, SECOND, THIRD, RENTED, ASKED, N };

static struct kw_plan p;
static struct kw_candidate candidate[N];
static struct kw_point point[N];
static size_t order[N];
static struct kw_otherwise otherwise[8];
static struct kw_fact fact[3];

/* Costs of 100, 120, 140 on platform 0, 110 rented and 130 by the token, all feasible; the plan's order by cost. */
static void plan(size_t best)
{
    static const int on[N] = { 0, 0, 0, 3, 6 };
    static const double usd[N] = { 100, 120, 140, 110, 130 };
    static const size_t by_cost[N] = { FIRST, RENTED, SECOND, ASKED, THIRD };
    fake_world();
    memset(point, 0, sizeof point);
    p = (struct kw_plan){ .candidates = candidate, .points = point, .order = order, .n = N, .otherwise = otherwise };
    for (size_t i = 0; i < N; i++) {
        fake_candidate(&candidate[i], on[i], 0, 60 * KW_NS_PER_S, on[i] == 3, 0);
        point[i].m[KW_METRIC_COST].value = usd[i];
        point[i].m[KW_METRIC_TTFT_P95].value = 1;
        point[i].feasible = true;
        point[i].peak_replicas = 2;
        order[i] = by_cost[i];
    }
    p.best = (ptrdiff_t)best;
    p.runner_up = -1;
}

static void done(void)
{
    for (size_t i = 0; i < N; i++) kw_candidate_free(&candidate[i]);
    free(p.flips);
}

static void read_otherwise(size_t of, double usd, bool feasible)
{
    otherwise[p.n_otherwise++] =
        (struct kw_otherwise){ .of = of, .reading = KW_READING_PACKING, .cost = usd, .feasible = feasible };
}

static const struct kw_flip *one(void)
{
    struct kw_error err = { "" };
    CHECK(kw_flip_readings(&p, &err) == KW_OK && p.n_flips == 1);
    const struct kw_flip *f = &p.flips[0];
    CHECK(f->sought && f->lever.kind == KW_LEVER_READING && f->lever.provenance.grade == KW_GRADE_UNKNOWN);
    CHECK_STR(f->reading, "spread");
    CHECK_STR(f->other, "pack");
    return f;
}

static void a_rival_that_gets_cheaper_is_taken(void)
{
    plan(RENTED); /* at 110: the first is passed over, for what it misses under a stress */
    read_otherwise(SECOND, 105, true);
    read_otherwise(THIRD, 104, true);
    read_otherwise(FIRST, 50, true);
    const struct kw_flip *f = one();
    CHECK(f->move.value == 0 && f->rival == THIRD && f->cost == 104 && !f->misses);
    done();
}

static void one_that_misses_stays_dearer_or_was_stopped_is_not(void)
{
    plan(RENTED);
    read_otherwise(SECOND, 105, false);
    read_otherwise(THIRD, 111, true);
    otherwise[p.n_otherwise++] =
        (struct kw_otherwise){ .of = SECOND, .reading = KW_READING_PACKING, .dear = true, .feasible = true };
    const struct kw_flip *f = one();
    CHECK(isnan(f->move.value) && f->rival < 0 && isnan(f->cost));
    done();
}

/* Those on the same platform that were not replayed would be others, too: nobody knows which. */
static void the_recommended_one_gets_dearer(void)
{
    plan(FIRST);
    read_otherwise(FIRST, 125, true);
    const struct kw_flip *f = one();
    CHECK(f->move.value == 0 && f->rival == RENTED && f->cost == 110 && !f->misses);
    done();

    plan(FIRST);
    point[RENTED].feasible = point[ASKED].feasible = false;
    order[1] = SECOND, order[2] = THIRD, order[3] = RENTED, order[4] = ASKED;
    read_otherwise(FIRST, 125, true);
    f = one();
    CHECK(isnan(f->move.value));
    done();
}

static void or_misses_an_objective(void)
{
    plan(FIRST);
    read_otherwise(FIRST, 90, false);
    const struct kw_flip *f = one();
    CHECK(f->move.value == 0 && f->misses && f->rival == RENTED && f->cost == 110);
    done();

    plan(FIRST);
    for (size_t i = 1; i < N; i++) point[i].feasible = false;
    read_otherwise(FIRST, 90, false);
    read_otherwise(SECOND, 80, false);
    f = one();
    CHECK(f->move.value == 0 && f->misses && f->rival < 0 && isnan(f->cost));
    done();
}

/* Both are read so at once: it is one fact. */
static void what_makes_both_cheaper_is_one_fact(void)
{
    plan(FIRST);
    read_otherwise(FIRST, 60, true);
    read_otherwise(SECOND, 70, true);
    const struct kw_flip *f = one();
    CHECK(isnan(f->move.value));
    done();

    plan(FIRST);
    read_otherwise(FIRST, 60, true);
    read_otherwise(SECOND, 50, true);
    f = one();
    CHECK(f->move.value == 0 && f->rival == SECOND && f->cost == 50);
    done();
}

/* Bills are facts of the file; what is not known and has no second reading is told and not sought. */
static void bills_and_what_nobody_looked_at(void)
{
    static const char *const path[] = { "meter.bills.active", "scaling.idle_timeout_s", "scaling.balance" };
    plan(FIRST);
    for (int i = 0; i < 3; i++) {
        fact[i] = (struct kw_fact){ .provenance.grade = KW_GRADE_UNKNOWN };
        snprintf(fact[i].path, sizeof fact[i].path, "%s", path[i]);
        snprintf(fact[i].value, sizeof fact[i].value, "180 s");
    }
    fake_platform[0].facts = fact;
    fake_platform[0].n_facts = 3;
    otherwise[p.n_otherwise++] = (struct kw_otherwise){ .of = FIRST, .bills = &fact[0], .cost = 115, .feasible = true };
    struct kw_error err = { "" };
    CHECK(kw_flip_readings(&p, &err) == KW_OK && p.n_flips == 2);
    CHECK(p.flips[0].move.value == 0 && p.flips[0].rival == RENTED);
    CHECK_STR(p.flips[0].reading, "not billed");
    CHECK_STR(p.flips[0].other, "billed");
    CHECK(strstr(p.flips[0].lever.fact, ": meter.bills.active"));
    CHECK(!p.flips[1].sought && isnan(p.flips[1].move.value) && !p.flips[1].reading);
    CHECK(strstr(p.flips[1].lever.fact, ": scaling.idle_timeout_s 180 s"));
    done();
}

/* A platform's idle timeout is nothing that an answer with one of its own rests on. */
static void another_timeout_does_not_rest_on_the_platforms(void)
{
    static struct kw_platform p = { .kind = KW_KIND_SERVERLESS, .scaling = { .idle_timeout = 60 * KW_NS_PER_S } };
    static const struct kw_fact timeout = { .path = "scaling.idle_timeout_s" },
                                limit = { .path = "scaling.queue_limit" };
    struct kw_choice c = { .platform = &p, .scaling = p.scaling };
    CHECK(kw_choice_rests_on(&c, &timeout) && kw_choice_rests_on(&c, &limit));
    c.scaling.idle_timeout = 900 * KW_NS_PER_S;
    CHECK(!kw_choice_rests_on(&c, &timeout) && kw_choice_rests_on(&c, &limit));
}

int main(void)
{
    (void)fake_trace; /* nothing is simulated */
    RUN(a_rival_that_gets_cheaper_is_taken);
    RUN(one_that_misses_stays_dearer_or_was_stopped_is_not);
    RUN(the_recommended_one_gets_dearer);
    RUN(or_misses_an_objective);
    RUN(what_makes_both_cheaper_is_one_fact);
    RUN(bills_and_what_nobody_looked_at);
    RUN(another_timeout_does_not_rest_on_the_platforms);
    return check_report();
}
