#include <stdlib.h>
#include <string.h>
#include "platforms/facts/platform_read.h"
#include "platforms/facts/platforms.h"
#include "tests/check.h"

#define EU_WEST kw_region_find("eu-west")
#define US_EAST kw_region_find("us-east")

static void names_lead_to_regions(void)
{
    CHECK(EU_WEST && kw_region_find("eu-west-1") == EU_WEST && kw_region_find("northeurope") == EU_WEST &&
          kw_region_find("IE") == EU_WEST);
    CHECK(kw_region_find("eu-west-2") == kw_region_find("uk"));
    CHECK(!kw_region_find("") && !kw_region_find("EU-WEST") && !kw_region_find("eu-west-77"));
    CHECK(!strcmp(kw_region_name(EU_WEST), "eu-west") && !kw_region_name(EU_WEST | US_EAST) && !kw_region_name(0));
}

static void areas_hold_regions(void)
{
    CHECK(kw_region_within(EU_WEST, kw_region_find("eu")) && !kw_region_within(kw_region_find("eu"), EU_WEST));
    CHECK(!kw_region_within(kw_region_find("uk"), kw_region_find("eu")) && !kw_region_within(0, EU_WEST));
}

static void times_are_those_of_the_table(void)
{
    CHECK(kw_region_rtt(EU_WEST, US_EAST) == 76 * KW_NS_PER_MS && kw_region_rtt(US_EAST, EU_WEST) == 76 * KW_NS_PER_MS);
    CHECK(kw_region_rtt(EU_WEST, EU_WEST) == 20 * KW_NS_PER_MS);
    CHECK(kw_region_rtt(US_EAST, kw_region_find("eu")) == 110 * KW_NS_PER_MS); /* Stockholm is the farthest */
    CHECK(kw_region_rtt(kw_region_find("sa-east"), kw_region_find("sa-east")) == KW_RTT_UNKNOWN);
    CHECK(kw_region_rtt(0, EU_WEST) == KW_RTT_UNKNOWN);
}

/* A way round is no shorter than the way there by more than paths differ: a slip in a row would show. */
static void no_time_is_far_from_the_detours(void)
{
    const char *const *name = kw_region_names();
    for (int a = 0; name[a]; a++)
        for (int b = 0; name[b]; b++)
            for (int c = 0; name[c]; c++) {
                kw_region_set x = kw_region_find(name[a]), y = kw_region_find(name[b]), z = kw_region_find(name[c]);
                if (x & (x - 1) || y & (y - 1) || z & (z - 1) || x == y || y == z) continue;
                kw_ns direct = kw_region_rtt(x, y), round = kw_region_rtt(x, z) + kw_region_rtt(z, y);
                if (x != z && kw_region_rtt(x, z) > 0) CHECK(direct > 0 && direct < 2 * round);
            }
}

static const char TEXT[] =
    "{ \"keepwarm_platform\": 1, \"name\": \"tiny\", \"title\": \"Tiny\", \"kind\": \"dedicated\",\n"
    "  \"sources\": { \"S\": { \"source\": \"a page\", \"date\": \"2026-11-01\", \"grade\": \"published\" } },\n"
    "  \"gpus\": [ { \"gpu\": \"L4\", \"sku\": \"one\", \"count\": [1, 1], \"src\": \"S\", \"hour\": \"2\", "
    "\"spot_hour\": \"1\" },\n"
    "    { \"gpu\": \"H100\", \"sku\": \"two\", \"count\": [1, 1], \"src\": \"S\", \"hour\": \"4\" } ],\n"
    "  \"regions\": { \"src\": \"S\", \"via\": [\"us-east\", \"eu-west\"], \"list\": [\n"
    "    { \"name\": \"us-east\", \"vendor\": \"Ashburn\" }, { \"name\": \"eu\", \"multiplier\": \"1.15\" },\n"
    "    { \"name\": \"au\", \"multiplier\": \"0.5\", \"gpus\": [ { \"sku\": \"one\", \"hour\": \"3\" }, { \"sku\": "
    "\"two\" } ] },\n"
    "    { \"name\": \"uk\", \"gpus\": [ { \"sku\": \"two\" } ] } ] } }\n";

static enum kw_status parse(struct kw_platform *p, const char *text, struct kw_error *err)
{
    return kw_platform_parse(p, "t.json", text, strlen(text), err);
}

/* Regions differ in how often spot machines are taken: what the file says of the offer itself is of no region. */
static void a_region_has_its_own_spot_rates(void)
{
    struct kw_platform p;
    struct kw_error err;
    char text[2 * sizeof TEXT];
    const char *hour = strstr(TEXT, "\"spot_hour\": \"1\""), *au = strstr(TEXT, "\"hour\": \"3\"");
    snprintf(text, sizeof text, "%.*s%s%.*s%s%s", (int)(hour - TEXT), TEXT,
             "\"spot\": {\"src\": \"S\", \"interrupted_month\": [0.1, 0.2]}, ", (int)(au - hour), hour,
             "\"spot\": {\"src\": \"S\", \"interrupted_month\": [0.2]}, ", au);
    CHECK(parse(&p, text, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    CHECK_NEAR(p.gpus[0].spot.per_hour, 0.22314355131 / 730, 1e-9); /* -ln(0.8) in a month */
    CHECK(p.gpus[0].spot.known && !p.gpus[1].spot.known);
    CHECK(!kw_platform_region(&p, "us-east")->gpus[0].spot.known);
    const struct kw_spot *there = &kw_platform_region(&p, "au")->gpus[0].spot;
    CHECK(!there->known && there->share_lo == 0.2 && there->share_hi == 1);
    kw_platform_free(&p);
}

static void a_region_has_its_own_prices(void)
{
    struct kw_platform p;
    struct kw_error err;
    CHECK(parse(&p, TEXT, &err) == KW_OK && p.n_regions == 4);
    const struct kw_region_offer *us = kw_platform_region(&p, "Ashburn"), *eu = kw_platform_region(&p, "eu"),
                                 *au = kw_platform_region(&p, "au"), *uk = kw_platform_region(&p, "uk");
    CHECK(us == kw_platform_region(&p, "us-east") && !kw_platform_region(&p, "ca"));
    CHECK(kw_region_gpu(&p, us, &p.gpus[0])->gpu_hour.v == 2 * KW_NANO && !us->gpus[0].region_surcharge_ppm);
    CHECK(eu->gpus[1].gpu_hour.v == 4 * KW_NANO && eu->gpus[1].region_surcharge_ppm == 150000);
    CHECK(au->gpus[0].gpu_hour.v == 3 * KW_NANO && !au->gpus[0].region_surcharge_ppm &&
          !au->gpus[0].gpu_hour_spot.known);
    CHECK(au->gpus[1].gpu_hour.v == 4 * KW_NANO && au->gpus[1].region_surcharge_ppm == -500000);
    CHECK(!kw_region_gpu(&p, uk, &p.gpus[0]) && kw_region_gpu(&p, uk, &eu->gpus[1]) == &uk->gpus[1]);
    kw_platform_free(&p);
}

static void requests_pass_the_nearest_gateway(void)
{
    struct kw_platform p;
    struct kw_error err;
    kw_region_set eu_central = kw_region_find("eu-central");
    CHECK(parse(&p, TEXT, &err) == KW_OK);
    CHECK(kw_platform_rtt(&p, US_EAST, EU_WEST, 0) == 76 * KW_NS_PER_MS); /* in by Dublin */
    CHECK(kw_platform_rtt(&p, US_EAST, eu_central, 0) == (76 + 29) * KW_NS_PER_MS);
    CHECK(kw_platform_rtt(&p, eu_central, eu_central, US_EAST) == (97 + 97) * KW_NS_PER_MS);
    p.via = 0;
    CHECK(kw_platform_rtt(&p, US_EAST, eu_central, 0) == 97 * KW_NS_PER_MS);
    CHECK(kw_platform_rtt(&p, 0, eu_central, 0) == KW_RTT_UNKNOWN);
    kw_platform_free(&p);
}

static void refused(int line, const char *from, const char *to, const char *want)
{
    struct kw_platform p;
    struct kw_error err = { "" };
    char text[sizeof TEXT + 200];
    const char *at = strstr(TEXT, from);
    CHECK(at != NULL);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - TEXT), TEXT, to, at + strlen(from));
    enum kw_status st = parse(&p, text, &err);
    if (st == KW_OK || !strstr(err.msg, want)) fprintf(stderr, "line %d: %d '%s'\n", line, st, err.msg);
    CHECK(st != KW_OK && strstr(err.msg, want) && !strncmp(err.msg, "t.json:", 7));
    if (st == KW_OK) kw_platform_free(&p);
}
#define REFUSED(from, to, want) refused(__LINE__, from, to, want)

static void says_what_is_wrong(void)
{
    REFUSED("\"name\": \"eu\"", "\"name\": \"eu-wset\"",
            "regions.list[1].name: no region or area is called 'eu-wset' (did you mean 'eu-west'?)");
    REFUSED("\"name\": \"eu\"", "\"name\": \"eu-west-1\"", "is called 'eu-west' here");
    REFUSED("\"name\": \"uk\"", "\"name\": \"au\"", "region 'au' is stated twice");
    REFUSED("\"1.15\"", "\"0\"", "regions.list[1].multiplier");
    REFUSED("\"1.15\"", "\"1.1234567\"", "six digits");
    REFUSED("{ \"sku\": \"one\", \"hour\"", "{ \"sku\": \"six\", \"hour\"", "no offer of \"gpus\" has this sku");
    REFUSED("{ \"sku\": \"two\" } ] },", "{ \"sku\": \"one\" } ] },", "offer 'one' is stated twice");
    REFUSED("\"via\": [\"us-east\", \"eu-west\"]", "\"via\": [\"us\"]",
            "regions.via[0]: want a region; 'us' is an area");
    REFUSED("\"via\": [\"us-east\", \"eu-west\"]", "\"via\": \"us-east\"", "regions.via");
    REFUSED("\"src\": \"S\", \"via\"", "\"via\"", "regions.via");
    REFUSED("\"vendor\": \"Ashburn\"", "\"models\": [\"x\"]", "models");
}

int main(void)
{
    RUN(names_lead_to_regions);
    RUN(areas_hold_regions);
    RUN(times_are_those_of_the_table);
    RUN(no_time_is_far_from_the_detours);
    RUN(a_region_has_its_own_prices);
    RUN(a_region_has_its_own_spot_rates);
    RUN(requests_pass_the_nearest_gateway);
    RUN(says_what_is_wrong);
    return check_report();
}
