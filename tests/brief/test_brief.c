/* The brief's numbers come out to the cent under its own assumptions, or are shown not to. */
#include "sim/plan/brief.h"
#include <math.h>
#include "tests/check.h"

#define USD KW_NANO
#define CENT (KW_NANO / 100)

static kw_nusd whole(kw_nusd v)
{
    return (v + USD / 2) / USD * USD;
}

/* PLATFORMS.md 12 and 13: the serverless column is twice its own price, the rented one a month of 720 hours. */
static void volumes_come_out(void)
{
    for (int i = 0; i < KW_BRIEF_VOLUMES; i++) {
        const struct kw_brief_volume *v = &kw_brief_volume[i];
        struct kw_brief_own own = kw_brief_own(v);
        CHECK(own.api == v->api && own.serverless_was == v->serverless && own.serverless * 2 == v->serverless);
        CHECK(whole(own.dedicated) == v->dedicated);
    }
    CHECK(kw_brief_own(&kw_brief_volume[0]).serverless == 27 * USD);
    CHECK(kw_brief_own(&kw_brief_volume[3]).dedicated == 185760 * CENT);
}

static void sums_come_out(void)
{
    kw_nusd by_token, rented;
    double saving = kw_brief_saving(&by_token, &rented);
    CHECK(kw_brief_cold_month() == 252 * USD);
    CHECK(by_token == 1728 * USD && rented == 92880 * CENT && round(100 * saving) == 46);
}

/* No row lies within the sum of its phases. Of a 70B they add up to 18 to 29 s, and its table says 30 to 90;
 * of 3B to 4.6 s at the least, and it says 3. */
static void phases_do_not_add_up(void)
{
    double lo, hi;
    int outside = 0;
    for (const struct kw_brief_start *s = kw_brief_start; s->size; s++) {
        kw_brief_phases(s, &lo, &hi);
        CHECK(lo > 0 && hi == lo + 11 && s->lo < s->hi && s->modal < s->replicate);
        CHECK(s->modal >= s->lo && s->replicate <= s->hi);
        outside += s->hi > hi || s->lo < lo;
    }
    CHECK(outside == 5); /* not one row */
    kw_brief_phases(&kw_brief_start[4], &lo, &hi);
    CHECK(lo == 18 && hi == 29);
    kw_brief_phases(&kw_brief_start[0], &lo, &hi);
    CHECK(fabs(lo - 4.6) < 1e-12);
}

int main(void)
{
    RUN(volumes_come_out);
    RUN(sums_come_out);
    RUN(phases_do_not_add_up);
    return check_report();
}
