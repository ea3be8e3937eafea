/* The platform reader: what it refuses and with which words, that every shipped file loads, that the numbers in them
 * are those of PLATFORMS.md, and what the listings say. */
#include "platforms/facts/platform.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include "platforms/facts/platform_read.h"
#include "platforms/facts/platforms.h"
#include "platforms/facts/show.h"
#include "tests/check.h"
#include "tests/failmalloc.h"

/* The offer of a model; NULL when there is none. */
static const struct kw_api_offer *api_offer(const struct kw_platform *p, const char *model)
{
    for (size_t i = 0; i < p->n_apis; i++)
        if (!strcmp(p->apis[i].model, model)) return &p->apis[i];
    return NULL;
}

static const char SERVERLESS[] =
    "{ \"keepwarm_platform\": 1, \"name\": \"tiny\", \"title\": \"Tiny\", \"kind\": \"serverless\",\n"
    "  \"sources\": { \"S1\": { \"source\": \"page\", \"date\": \"2026-01-02\", \"grade\": \"published\", "
    "\"evidence\": \"P\" },\n"
    "                 \"guess\": { \"source\": \"none\", \"date\": \"undated\", \"grade\": \"unknown\" } },\n"
    "  \"gpus\": [ { \"gpu\": \"H100\", \"sku\": \"h1\", \"count\": [1, 4], \"src\": \"S1\", \"hour\": \"3.60\" },\n"
    "              { \"gpu\": \"H100\", \"sku\": \"h8\", \"count\": [4, 8], \"src\": \"S1\",\n"
    "                \"hour\": { \"usd_per_second\": \"0.0005\", \"note\": \"by the second\" } } ],\n"
    "  \"host\": { \"src\": \"S1\", \"cpu_core_hour\": \"0.04\", \"cpu_cores\": 2 },\n"
    "  \"meter\": { \"src\": \"S1\", \"granularity_s\": \"1\", \"multiplier\": \"1.25\",\n"
    "    \"bills\": { \"provision\": \"no\", \"pull\": \"assumed no\", \"load\": \"yes\", \"init\": \"inferred yes\",\n"
    "      \"restore\": \"yes\", \"active\": \"yes\", \"keep_warm\": \"yes\", \"idle\": \"yes\", \"drain\": \"assumed "
    "yes\",\n"
    "      \"failed_start\": \"no\" } },\n"
    "  \"scaling\": { \"src\": \"S1\", \"scaler\": \"capacity\", \"keep_warm\": 1, \"max_replicas\": 4,\n"
    "    \"idle_timeout_s\": \"60\", \"idle_timeout_range_s\": [2, 1200], \"at_zero\": \"queue\" },\n"
    "  \"cold\": { \"src\": \"S1\", \"provision\": { \"constant\": \"1.5\" },\n"
    "    \"restore\": { \"quantiles\": { \"0.5\": \"10\", \"0.95\": \"20\" }, \"src\": \"guess\" } },\n"
    "  \"retry\": { \"src\": \"S1\", \"max_attempts\": 3, \"base_s\": \"0.5\", \"cap_s\": \"8\" },\n"
    "  \"words\": { \"keep_warm\": \"min\" },\n"
    "  \"not_found\": [ \"the weather\" ], \"notes\": \"note\" }\n";

static const char API[] =
    "{ \"keepwarm_platform\": 1, \"name\": \"tinyapi\", \"title\": \"Tiny API\", \"kind\": \"api\",\n"
    "  \"sources\": { \"S1\": { \"source\": \"page\", \"date\": \"2026-01-02\", \"grade\": \"published\" } },\n"
    "  \"tier\": \"two\",\n"
    "  \"tiers\": { \"one\": { \"src\": \"S1\", \"rule\": \"actual\", \"rpm\": 10 },\n"
    "               \"two\": { \"src\": \"S1\", \"rule\": \"reserve_max_tokens\", \"rpm\": 20, \"tpm\": 1000,\n"
    "                          \"cache_reads_count\": false, \"window_s\": \"10\", \"reject_code\": 503 } },\n"
    "  \"apis\": [ { \"model\": \"m1\", \"sku\": \"v/m1\", \"src\": \"S1\", \"params_b\": 8, \"in_mtok\": \"0.18\",\n"
    "                \"cached_in_mtok\": \"0.09\", \"out_mtok\": \"0.20\", \"batch\": \"0.5\", \"max_model_len\": "
    "8192,\n"
    "                \"ttft_s\": { \"lognormal\": { \"p50\": \"0.5\", \"p95\": \"1\" } },\n"
    "                \"output_rate\": { \"constant\": \"100\" } },\n"
    "              { \"model\": \"m2\", \"sku\": \"v/m2\", \"src\": \"S1\", \"in_mtok\": \"1\", \"out_mtok\": \"2\",\n"
    "                \"output_burndown\": 5 } ] }\n";

static enum kw_status parse(struct kw_platform *p, const char *text, struct kw_error *err)
{
    return kw_platform_parse(p, "t.json", text, strlen(text), err);
}

/* text with its first `from` replaced by `to`; "" appends nothing, so from has to be there. */
static char *swapped(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    CHECK(at != NULL);
    if (!at) at = text, from = "";
    char *out = malloc(strlen(text) + strlen(to) + 1);
    sprintf(out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return out;
}

static void refused(int line, const char *base, const char *from, const char *to, enum kw_status want_st,
                    const char *want)
{
    struct kw_platform p = { .n_gpus = 77 };
    struct kw_error err = { "" };
    char *text = swapped(base, from, to);
    enum kw_status st = parse(&p, text, &err);
    bool good = st == want_st && strstr(err.msg, want) && !strncmp(err.msg, "t.json:", 7) && p.n_gpus == 77;
    if (!good)
        fprintf(stderr, "%s:%d: status %d, '%s', want status %d, '%s'\n", __FILE__, line, st, err.msg, want_st, want);
    CHECK(good);
    if (st == KW_OK) kw_platform_free(&p);
    free(text);
}
#define REFUSED(from, to, st, want) refused(__LINE__, SERVERLESS, from, to, st, want)
#define X10 "0123456789"
#define X150 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define REFUSED_API(from, to, st, want) refused(__LINE__, API, from, to, st, want)

static void refuses_bad_structure(void)
{
    REFUSED("}\n", "", KW_EPARSE, "t.json:"); /* malformed: the scanner's own message */
    REFUSED("\"keepwarm_platform\": 1", "\"keepwarm_platform\": 2", KW_ERANGE, "t.json:1: keepwarm_platform");
    REFUSED("\"keepwarm_platform\": 1, ", "", KW_EPARSE, "missing key 'keepwarm_platform'");
    REFUSED("\"words\"", "\"wrods\"", KW_EPARSE, "words");
    REFUSED("\"name\": \"tiny\", ", "", KW_EPARSE, "missing key 'name'");
    REFUSED("\"name\": \"tiny\"", "\"name\": \"\"", KW_ERANGE, "t.json:1: name: want some text");
    REFUSED("\"name\": \"tiny\"", "\"name\": \"abcdefghijklmnopqrstuvwxyzabcdefghijkl\"", KW_ERANGE,
            "longer than 31 bytes");
    REFUSED("\"serverless\"", "\"serverles\"", KW_ERANGE, "serverless");
    REFUSED("\"kind\"", "\"kind\": \"api\", \"kind\"", KW_EPARSE, "kind"); /* the same key twice */
    REFUSED("\"not_found\": [ \"the weather\" ]", "\"not_found\": \"the weather\"", KW_EPARSE,
            "want an array of sentences");
    REFUSED("[ \"the weather\" ]", "[ 3 ]", KW_EPARSE, "not_found[0]");
    REFUSED("\"kind\": \"serverless\"", "\"kind\": \"api\"", KW_EPARSE, "gpus: a platform of kind 'api' has none");
    REFUSED_API("\"kind\": \"api\"", "\"kind\": \"dedicated\"", KW_EPARSE,
                "apis: a platform of kind 'dedicated' has none");
}

static void refuses_numbers_without_provenance(void)
{
    REFUSED("\"sources\": {", "\"sources\": [ {", KW_EPARSE, "t.json:");
    REFUSED_API("{ \"S1\": { \"source\": \"page\", \"date\": \"2026-01-02\", \"grade\": \"published\" } }", "[]",
                KW_EPARSE, "sources: want an object of sources");
    REFUSED_API("\"source\": \"page\"", "\"source\": \"" X150 "123456\"", KW_ERANGE,
                "sources.S1: id and source together are longer");
    REFUSED("\"note\": \"by the second\"", "\"note\": \"" X150 "0123456789\"", KW_ERANGE,
            "gpus[1].hour.note: longer than 159");
    REFUSED("\"grade\": \"published\", ", "", KW_EPARSE, "missing key 'grade'");
    REFUSED("\"grade\": \"published\"", "\"grade\": \"sure\"", KW_ERANGE, "sources.S1.grade");
    REFUSED("\"date\": \"2026-01-02\"", "\"date\": \"January\"", KW_ERANGE, "want YYYY-MM-DD");
    REFUSED("\"evidence\": \"P\"", "\"evidence\": \"X\"", KW_ERANGE, "want P, Q, T or D");
    REFUSED("\"src\": \"S1\", \"hour\"", "\"src\": \"S2\", \"hour\"", KW_EPARSE,
            "t.json:4: gpus[0].src: \"S2\" is not among the sources; did you mean \"S1\"?");
    REFUSED("\"count\": [1, 4], \"src\": \"S1\", ", "\"count\": [1, 4], ", KW_EPARSE,
            "gpus[0].count: a number without a source");
    REFUSED("\"src\": \"S1\", \"scaler\"", "\"scaler\"", KW_EPARSE, "scaling.scaler: a number without a source");
    REFUSED("\"src\": \"S1\", \"cpu_core_hour\"", "\"cpu_core_hour\"", KW_EPARSE,
            "host.cpu_core_hour: a number without");
    REFUSED("{ \"constant\": \"1.5\" }", "{ \"constant\": \"1.5\", \"src\": 4 }", KW_EPARSE, "cold.provision.src");
    REFUSED("\"keep_warm\": 1", "\"keep_warm\": { \"value\": 1, \"sauce\": \"S1\" }", KW_EPARSE, "sauce");
}

static void refuses_bad_prices(void)
{
    REFUSED("\"3.60\"", "\"-3.60\"", KW_ERANGE, "gpus[0].hour");
    REFUSED("\"3.60\"", "\"1000.01\"", KW_ERANGE, "gpus[0].hour");
    REFUSED("\"3.60\"", "3.60", KW_EPARSE, "gpus[0].hour"); /* a double is not exact */
    REFUSED("\"3.60\"", "\"3,60\"", KW_EPARSE, "gpus[0].hour");
    REFUSED("\"3.60\"", "\"nan\"", KW_EPARSE, "gpus[0].hour");
    REFUSED("\"3.60\"", "{ \"eur\": \"3.60\" }", KW_EPARSE, "eur");
    REFUSED("\"3.60\"", "{ \"note\": \"free\" }", KW_EPARSE, "usd");
    REFUSED("\"usd_per_second\": \"0.0005\"", "\"usd_per_second\": \"0.5\"", KW_ERANGE, "gpus[1].hour.usd_per_second");
    REFUSED("\"usd_per_second\": \"0.0005\"", "\"usd_per_second\": \"0.0005\", \"usd\": \"1.8\"", KW_EPARSE,
            "not both");
    REFUSED_API("\"0.20\"", "{ \"usd_per_second\": \"0.20\" }", KW_EPARSE, "apis[0].out_mtok.usd_per_second");
    REFUSED_API("\"0.18\"", "\"-0.18\"", KW_ERANGE, "apis[0].in_mtok");
    REFUSED_API("\"batch\": \"0.5\"", "\"batch\": \"1.5\"", KW_ERANGE, "apis[0].batch");
    REFUSED("\"multiplier\": \"1.25\"", "\"multiplier\": \"0\"", KW_ERANGE, "meter.multiplier");
    REFUSED("\"multiplier\": \"1.25\"", "\"multiplier\": \"1.0000001\"", KW_ERANGE, "six digits");
}

static void refuses_offers_that_cannot_be(void)
{
    REFUSED("\"count\": [1, 4]", "\"count\": [3, 4]", KW_ERANGE, "has to be a multiple of the fewest (3)");
    REFUSED("\"count\": [1, 4]", "\"count\": [4, 1]", KW_ERANGE, "gpus[0].count");
    REFUSED("\"count\": [1, 4]", "\"count\": [0, 4]", KW_ERANGE, "gpus[0].count[0]");
    REFUSED("\"count\": [1, 4]", "\"count\": 4", KW_EPARSE, "[fewest, most]");
    REFUSED("\"count\": [1, 4], ", "", KW_EPARSE, "[fewest, most]");
    REFUSED("\"sku\": \"h8\"", "\"sku\": \"h1\"", KW_ERANGE, "offer 'h1' is stated twice (first as gpus[0])");
    REFUSED("\"gpu\": \"H100\", \"sku\": \"h1\"", "\"gpu\": \"anacceleratorofaverylongname\", \"sku\": \"h1\"",
            KW_ERANGE, "longer than 23");
    REFUSED_API("\"model\": \"m2\"", "\"model\": \"m1\"", KW_ERANGE, "model 'm1' is stated twice (first as apis[0])");
    REFUSED_API("\"model\": \"m2\", ", "", KW_EPARSE, "missing key 'model'");
    REFUSED_API("\"max_model_len\": 8192", "\"max_model_len\": 10000000000", KW_ERANGE, "apis[0].max_model_len");
}

static void refuses_bad_meters(void)
{
    REFUSED("\"granularity_s\": \"1\", ", "", KW_EPARSE, "missing key 'granularity_s'");
    REFUSED("\"granularity_s\": \"1\"", "\"granularity_s\": \"-1\"", KW_ERANGE, "meter.granularity_s");
    REFUSED("\"granularity_s\": \"1\"", "\"granularity_s\": \"100000\"", KW_ERANGE, "meter.granularity_s");
    REFUSED("\"active\": \"yes\", ", "", KW_EPARSE, "missing key 'active'");
    REFUSED("\"active\": \"yes\"", "\"active\": true", KW_EPARSE, "meter.bills.active");
    REFUSED("\"active\": \"yes\"", "\"active\": \"maybe\"", KW_ERANGE, "meter.bills.active");
    REFUSED("\"active\": \"yes\"", "\"activ\": \"yes\"", KW_EPARSE, "active");
}

/* Which phases a customer pays for is no guess, and a request that meets no replica has to wait for one to find it. */
static void refuses_public_models_half_told(void)
{
    REFUSED("\"scaling\": {", "\"public_models\": { \"src\": \"S1\" }, \"scaling\": {", KW_EPARSE,
            "public_models: missing key 'bills'");
    REFUSED("\"scaling\": {",
            "\"public_models\": { \"src\": \"S1\", \"bills\": { \"active\": \"yes\" } }, \"scaling\": {", KW_EPARSE,
            "missing key 'provision'");
    REFUSED("\"at_zero\": \"queue\" },", "\"at_zero\": \"stopped\" }, \"public_models\": { \"bills\": {} },", KW_ERANGE,
            "public_models: wants \"at_zero\": \"queue\"");
    REFUSED_API("\"tier\": \"two\",", "\"tier\": \"two\", \"public_models\": {},", KW_ERANGE,
                "public_models: a platform of kind 'api' has none");
}

static void refuses_bad_scaling(void)
{
    REFUSED("\"keep_warm\": 1", "\"keep_warm\": 5", KW_ERANGE,
            "t.json:12: scaling.keep_warm: keep_warm 5 is above max_replicas 4");
    REFUSED("\"keep_warm\": 1", "\"keep_warm\": -1", KW_ERANGE, "scaling.keep_warm");
    REFUSED("\"keep_warm\": 1", "\"keep_warm\": 1.5", KW_EPARSE, "scaling.keep_warm");
    REFUSED("\"max_replicas\": 4", "\"max_replicas\": 0", KW_ERANGE, "scaling.max_replicas");
    REFUSED("\"scaler\": \"capacity\"", "\"scaler\": \"capacities\"", KW_ERANGE, "capacity");
    REFUSED("\"scaler\": \"capacity\"", "\"scaler\": \"capacity\", \"balance\": \"rand\"", KW_ERANGE,
            "did you mean 'random'");
    REFUSED("\"scaler\": \"capacity\", ", "", KW_EPARSE, "missing key 'scaler'");
    REFUSED("\"idle_timeout_s\": \"60\"", "\"idle_timeout_s\": \"1\"", KW_ERANGE,
            "outside idle_timeout_range_s 2..1200");
    REFUSED("\"idle_timeout_s\": \"60\"", "\"idle_timeout_s\": \"1201\"", KW_ERANGE,
            "outside idle_timeout_range_s 2..1200");
    REFUSED("\"idle_timeout_s\": \"60\", ", "", KW_EPARSE, "missing key 'idle_timeout_s'");
    REFUSED("[2, 1200]", "\"2..1200\"", KW_EPARSE, "want [least, most] seconds");
    REFUSED("[2, 1200]", "[1200, 2]", KW_ERANGE, "scaling.idle_timeout_range_s[1]");
    REFUSED("\"idle_timeout_s\": \"60\"", "\"idle_timeout_s\": \"60\", \"zero_timeout_s\": \"30\"", KW_ERANGE,
            "scaling.zero_timeout_s: want at least idle_timeout_s");
    REFUSED("\"capacity\"", "\"queue_delay\"", KW_ERANGE, "'queue_delay' wants a target_delay_s above 0");
    REFUSED("\"capacity\"", "\"request_count\"", KW_ERANGE, "'request_count' wants a target above 0");
    REFUSED("\"capacity\"", "\"load_target\", \"target\": 1.5", KW_ERANGE, "a load is 0..1, got 1.5");
    REFUSED("\"at_zero\": \"queue\"", "\"at_zero\": \"reject_and_start\"", KW_EPARSE, "wants a reject_code");
    REFUSED("\"at_zero\": \"queue\"", "\"at_zero\": \"queue\", \"reject_code\": 200", KW_ERANGE, "scaling.reject_code");
    REFUSED("\"at_zero\": \"queue\"", "\"at_zero\": \"queue\", \"utilisation\": 1.5", KW_ERANGE, "scaling.utilisation");
    REFUSED("\"at_zero\": \"queue\"", "\"at_zero\": \"queue\", \"no_queue\": 1", KW_EPARSE, "scaling.no_queue");
    REFUSED("\"cap_s\": \"8\"", "\"cap_s\": \"0.1\"", KW_ERANGE, "retry.cap_s: want at least base_s");
    REFUSED("\"max_attempts\": 3", "\"max_attempts\": 0", KW_ERANGE, "retry.max_attempts");
}

static void refuses_bad_laws_and_tiers(void)
{
    REFUSED("{ \"constant\": \"1.5\" }", "{ \"constant\": \"-1.5\" }", KW_EPARSE, "cold.provision.constant");
    REFUSED("{ \"constant\": \"1.5\" }", "{ \"median\": \"1.5\" }", KW_EPARSE, "median");
    REFUSED("{ \"constant\": \"1.5\" }", "\"1.5\"", KW_EPARSE, "cold.provision");
    REFUSED("\"0.95\": \"20\"", "\"0.95\": \"5\"", KW_ERANGE, "must not fall");
    REFUSED("\"restore\": { \"quantiles\": { \"0.5\": \"10\", \"0.95\": \"20\" }, \"src\": \"guess\" } }",
            "\"snapshot_probability\": 0.5 }", KW_ERANGE, "cold.snapshot_probability: wants a restore law beside it");
    REFUSED_API("\"tier\": \"two\"", "\"tier\": \"three\"", KW_EPARSE, "tier: \"three\" is not among the tiers");
    REFUSED_API("\"one\": {", "\"\": {", KW_ERANGE, "want a tier name of 1..31 bytes");
    REFUSED_API("\"tier\": \"two\",", "", KW_EPARSE, "missing key 'tier'");
    REFUSED_API("\"rule\": \"actual\"", "\"rule\": \"guess\"", KW_ERANGE, "tiers.one.rule");
    REFUSED_API("\"rpm\": 10", "\"rpm\": 0", KW_ERANGE, "tiers.one.rpm");
    REFUSED_API("\"rpm\": 10", "\"rpn\": 10", KW_EPARSE, "rpm");
    REFUSED_API("{ \"constant\": \"100\" }", "{ \"constant\": \"0\" }", KW_ERANGE,
                "apis[0].output_rate: a rate has to be above 0");
    REFUSED("\"provision\": {",
            "\"load_rate\": { \"quantiles\": { \"0.1\": \"0\", \"0.9\": \"5\" } }, \"provision\": {", KW_ERANGE,
            "cold.load_rate: a rate has to be above 0");
    REFUSED_API("\"p95\": \"1\"", "\"p95\": \"0.1\"", KW_ERANGE, "apis[0].ttft_s.lognormal.p95");
}

static void refuses_tiers_that_are_none(void)
{
    static const char head[] =
        "{\"keepwarm_platform\":1,\"name\":\"b\",\"title\":\"B\",\"kind\":\"api\",\"sources\":{},";
    static const struct {
        const char *tail, *want;
    } c[] = { { "\"tier\":\"x\",\"tiers\":[]}", "t.json:1: tiers: want an object of tiers" },
              { "\"tier\":\"x\",\"tiers\":{}}", "t.json:1: tiers: want an object of tiers" },
              { "\"tier\":\"x\"}", "t.json:1: tier: there are no tiers to choose from" } };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        char text[400];
        struct kw_platform p;
        struct kw_error err = { "" };
        snprintf(text, sizeof text, "%s%s", head, c[i].tail);
        CHECK(parse(&p, text, &err) == KW_EPARSE);
        CHECK(strstr(err.msg, c[i].want) != NULL);
    }
}

static void reads_every_field(void)
{
    struct kw_platform p;
    struct kw_error err = { "" };
    CHECK(parse(&p, SERVERLESS, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    CHECK(p.kind == KW_KIND_SERVERLESS && p.n_gpus == 2 && p.n_apis == 0);
    CHECK(p.gpus[0].gpu_hour.known && p.gpus[0].gpu_hour.v == 3600000000);
    CHECK(p.gpus[1].gpu_hour.v == 1800000000); /* 0.0005 a second */
    CHECK(!p.gpus[0].gpu_month.known && !p.gpus[0].gpu_hour_spot.known);
    CHECK(p.gpus[1].gpus_min == 4 && p.gpus[1].gpus_max == 8);
    CHECK(p.gpus[1].cpu_core_hour.v == 40000000 && !p.gpus[1].memory_gib_hour.known);
    CHECK_NEAR(p.gpus[0].cpu_cores, 2, 0);
    CHECK_STR(p.gpus[0].gpu_hour.provenance.source, "S1: page");
    CHECK_STR(p.gpus[0].gpu_hour.provenance.date, "2026-01-02");
    CHECK(p.gpus[0].gpu_hour.provenance.grade == KW_GRADE_PUBLISHED && p.gpus[0].gpu_hour.provenance.evidence == 'P');
    CHECK(p.meter.granularity == KW_NS_PER_S && p.meter.multiplier_ppm == 1250000 && p.meter.window == 0);
    CHECK(!p.meter.bills[KW_PHASE_PROVISION] && p.meter.bills_grade[KW_PHASE_PROVISION] == KW_GRADE_PUBLISHED);
    CHECK(!p.meter.bills[KW_PHASE_PULL] && p.meter.bills_grade[KW_PHASE_PULL] == KW_GRADE_UNKNOWN);
    CHECK(p.meter.bills[KW_PHASE_INIT] && p.meter.bills_grade[KW_PHASE_INIT] == KW_GRADE_ESTIMATED);
    CHECK(p.meter.bills[KW_PHASE_DRAIN] && p.meter.bills_grade[KW_PHASE_DRAIN] == KW_GRADE_UNKNOWN);
    CHECK(p.scaling.scaler == KW_SCALER_CAPACITY && p.scaling.keep_warm == 1 && p.scaling.max_replicas == 4);
    CHECK(p.balance == KW_BALANCE_LEAST_OUTSTANDING && p.balance_grade == KW_GRADE_ESTIMATED); /* silent */
    CHECK(p.scaling.idle_timeout == 60 * KW_NS_PER_S && p.scaling.zero_timeout == p.scaling.idle_timeout);
    CHECK_NEAR(p.scaling.utilisation, 1, 0);
    CHECK(p.idle_timeout_min_s == 2 && p.idle_timeout_max_s == 1200);
    CHECK(p.cold.provision.kind == KW_LAW_CONSTANT && p.cold.load.kind == KW_LAW_NONE);
    CHECK(p.cold.restore.kind == KW_LAW_QUANTILES && p.cold.restore.provenance.grade == KW_GRADE_UNKNOWN);
    CHECK(p.retry.max_attempts == 3 && p.retry.cap == 8 * KW_NS_PER_S);
    CHECK_STR(p.word_keep_warm, "min");
    CHECK_STR(p.word_buffer, "");
    CHECK(p.n_not_found == 1);
    CHECK_STR(p.not_found[0], "the weather");
    CHECK(p.weakest == KW_GRADE_ESTIMATED); /* the inferred phase; unknown ones do not count */
    CHECK_STR(p.oldest, "2026-01-02");
    CHECK(p.can_plan);
    bool noted = false;
    for (size_t i = 0; i < p.n_facts; i++)
        if (!strcmp(p.facts[i].path, "gpus[h8].hour"))
            noted = !strcmp(p.facts[i].value, "$1.8 per GPU-hour") && !strcmp(p.facts[i].note, "by the second");
    CHECK(noted);
    kw_platform_free(&p);
    kw_platform_free(&p); /* safe to call again */
}

static void reads_an_api(void)
{
    struct kw_platform p;
    struct kw_error err = { "" };
    CHECK(parse(&p, API, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    const struct kw_api_offer *a = api_offer(&p, "m1"), *b = api_offer(&p, "m2");
    CHECK(a && b && !api_offer(&p, "m3"));
    CHECK(a->price.in_mtok.v == 180000000 && a->price.cached_in_mtok.v == 90000000 && a->price.out_mtok.v == 200000000);
    CHECK(!a->price.cache_write_mtok.known && a->batch_ppm == 500000 && b->batch_ppm == 1000000);
    CHECK(a->max_model_len == 8192);
    CHECK_NEAR(kw_law_quantile(&a->ttft_s, 0.95), 1, 1e-9);
    CHECK_NEAR(kw_law_quantile(&a->output_rate, 0.5), 100, 0);
    CHECK(a->ttft_per_ktok_s.kind == KW_LAW_NONE);
    CHECK_STR(a->limits.tier, "two");
    CHECK(a->limits.rpm == 20 && a->limits.tpm == 1000 && a->limits.itpm == 0 && !a->limits.cache_reads_count);
    CHECK(a->limits.rule == KW_COUNT_RESERVE_MAX_TOKENS && a->limits.window == 10 * KW_NS_PER_S);
    CHECK(a->limits.reject_code == 503);
    CHECK_NEAR(a->limits.output_burndown, 1, 0);
    CHECK_NEAR(b->limits.output_burndown, 5, 0);
    const struct kw_rate_limits *one = kw_platform_tier(&p, "one");
    CHECK(one && one->rpm == 10 && one->reject_code == 429 && one->window == 0 && !kw_platform_tier(&p, "zero"));
    CHECK(p.can_plan);
    kw_platform_free(&p);
}

/* Sections a file leaves out are absent, and the platform says that it cannot be planned. */
static void what_is_absent_cannot_be_planned(void)
{
    static const struct {
        const char *base, *from, *to, *why;
    } c[] = {
        { SERVERLESS, "\"hour\": \"3.60\"", "\"spot_hour\": \"3.60\"", "" }, /* the second offer still has a price */
        { API, "\"output_rate\": { \"constant\": \"100\" }", "\"ttft_per_ktok_s\": { \"constant\": \"1\" }",
          "latency was not found" },
        { SERVERLESS, "\"notes\": \"note\"", "\"cannot_plan\": \"no way\", \"mend\": \"a key\"", "no way" },
    };
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) {
        struct kw_platform p;
        struct kw_error err = { "" };
        char *text = swapped(c[i].base, c[i].from, c[i].to);
        CHECK(parse(&p, text, &err) == KW_OK);
        CHECK_STR(err.msg, "");
        CHECK(p.can_plan == !*c[i].why);
        CHECK(strstr(p.why_not, c[i].why) != NULL);
        CHECK(!p.mend[0] == p.can_plan);
        kw_platform_free(&p);
        free(text);
    }
    static const char bare[] =
        "{\"keepwarm_platform\":1,\"name\":\"b\",\"title\":\"B\",\"kind\":\"serverless\",\"sources\":{}}";
    struct kw_platform p;
    struct kw_error err = { "" };
    CHECK(parse(&p, bare, &err) == KW_OK);
    CHECK_STR(p.why_not, "no price was found");
    CHECK_STR(p.mend, "gpus[].hour");
    CHECK(p.n_facts == 0 && p.meter.granularity == 1 && p.meter.multiplier_ppm == 1000000 && p.retry.max_attempts == 1);
    kw_platform_free(&p);
}

static void offers_are_chosen_by_fit_then_price(void)
{
    struct kw_platform p;
    CHECK(parse(&p, SERVERLESS, NULL) == KW_OK);
    CHECK(kw_platform_gpu(&p, "H100", 1) == &p.gpus[0]);
    CHECK(kw_platform_gpu(&p, "H100", 4) == &p.gpus[1]); /* both have it, the second is cheaper */
    CHECK(kw_platform_gpu(&p, "H100", 8) == &p.gpus[1]);
    CHECK(!kw_platform_gpu(&p, "H100", 6) && !kw_platform_gpu(&p, "H100", 16) && !kw_platform_gpu(&p, "A100", 1));
    p.gpus[1].gpu_hour.known = false;
    CHECK(kw_platform_gpu(&p, "H100", 4) == &p.gpus[0]);
    CHECK(kw_gpu_offer_step(&p.gpus[1], 4) == 1 && kw_gpu_offer_step(&p.gpus[1], 2) == 2);
    CHECK(kw_gpu_offer_step(&p.gpus[1], 1) == 4 && kw_gpu_offer_step(&p.gpus[1], 3) == 0);
    CHECK(kw_gpu_offer_step(&p.gpus[1], 0) == 0 && kw_gpu_offer_step(&p.gpus[1], 9) == 0);
    p.kind = KW_KIND_DEDICATED; /* nodes of four hold two replicas of two, but single machines come first */
    CHECK(kw_platform_gpu(&p, "H100", 2) == &p.gpus[0]);
    p.gpus[0].gpus_max = 1;
    CHECK(kw_platform_gpu(&p, "H100", 2) == &p.gpus[1]);
    kw_platform_free(&p);
}

/* ---- the shipped files */

static struct kw_platforms all;

static void every_shipped_file_loads(void)
{
    static const char *const must[] = { "modal",     "runpod",           "replicate",     "fireworks", "openai",
                                        "anthropic", "together-api",     "fireworks-api", "groq",      "bedrock",
                                        "lambda",    "runpod-community", "runpod-secure", "aws",       NULL };
    struct kw_error err = { "" };
    CHECK(kw_platforms_embedded(&all, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    for (int i = 0; must[i]; i++) CHECK(kw_platforms_find(&all, must[i]) != NULL);
    CHECK(kw_platforms_find(&all, "nowhere") == NULL);
    for (size_t i = 0; i < all.n; i++) {
        const struct kw_platform *p = &all.p[i];
        kw_platform_as_of(&all.p[i], "2026-11-29");
        CHECK(i == 0 || strcmp(all.p[i - 1].name, p->name) < 0); /* in name order, no name twice */
        CHECK(p->n_facts > 0);
        CHECK(p->can_plan == !p->why_not[0] && p->can_plan == !p->mend[0]);
        CHECK(p->can_plan || p->n_not_found > 0);
        for (size_t k = 0; k < p->n_facts; k++) {
            CHECK(p->facts[k].provenance.source[0] && p->facts[k].value[0]);
            if (p->facts[k].provenance.grade == KW_GRADE_UNKNOWN) CHECK(p->n_not_found > 0 || p->facts[k].note[0]);
        }
    }
}

static const struct kw_platform *at(const char *name)
{
    static const struct kw_platform none;
    const struct kw_platform *p = kw_platforms_find(&all, name);
    if (!p) fprintf(stderr, "no platform %s\n", name);
    CHECK(p != NULL);
    return p ? p : &none;
}

/* Prices of PLATFORMS.md section 10, in dollars with two digits as printed there; the files may state more. */
static void gpu_prices_are_those_of_the_reference(void)
{
    static const struct {
        const char *platform, *gpu;
        uint32_t tp;
        double usd;
    } want[] = {
        { "modal", "T4", 1, 0.59 },
        { "modal", "L4", 1, 0.80 },
        { "modal", "L40S", 1, 1.95 },
        { "modal", "A100-40", 1, 2.10 },
        { "modal", "A100-80", 1, 2.50 },
        { "modal", "H100", 1, 3.95 },
        { "modal", "H200", 1, 4.54 },
        { "modal", "B200", 1, 6.25 },
        { "runpod", "L4", 1, 0.68 },
        { "runpod", "A40", 1, 1.22 },
        { "runpod", "L40S", 1, 1.91 },
        { "runpod", "A100-80", 1, 2.74 },
        { "runpod", "H100", 1, 4.18 },
        { "runpod", "H200", 1, 5.58 },
        { "runpod", "B200", 1, 8.64 },
        { "replicate", "T4", 1, 0.81 },
        { "replicate", "L40S", 1, 3.51 },
        { "replicate", "A100-80", 1, 5.04 },
        { "replicate", "H100", 1, 5.49 },
        { "huggingface", "T4", 1, 0.50 },
        { "huggingface", "H100", 1, 10.00 },
        { "lambda", "A100-40", 1, 1.99 },
        { "lambda", "A100-80", 8, 2.79 },
        { "lambda", "H100", 1, 4.29 },
        { "lambda", "H100", 8, 3.99 },
        { "fireworks", "H100", 1, 8.00 },
        { "together-dedicated", "H100", 1, 5.40 },
        { "aws", "H100", 8, 6.88 },
        { "aws", "A100-80", 8, 3.43 },
        { "aws", "A100-40", 8, 2.74 },
        { "azure", "A100-80-PCIE", 1, 3.67 },
        { "gcp", "H100", 1, 10.98 },
        { "runpod-community", "H100", 1, 2.69 },
        { "runpod-community", "A100-80", 1, 1.39 },
        { "runpod-secure", "B200", 1, 6.79 },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct kw_gpu_offer *o = kw_platform_gpu(at(want[i].platform), want[i].gpu, want[i].tp);
        if (!o || !o->gpu_hour.known) fprintf(stderr, "%s %s: no price\n", want[i].platform, want[i].gpu);
        CHECK(o && o->gpu_hour.known);
        if (o) CHECK_NEAR(kw_nano_to_double(o->gpu_hour.v), want[i].usd, 0.005001);
    }
    const struct kw_gpu_offer *modal = kw_platform_gpu(at("modal"), "H100", 1);
    CHECK(modal && modal->gpu_hour.v == 3949200000); /* 0.001097 a second, exactly */
    CHECK(modal && modal->cpu_core_hour.v == 47160000 && modal->memory_gib_hour.v == 7992000);
    CHECK(kw_platform_gpu(at("gcp"), "H100", 1)->gpu_hour_spot.v == 6571000000);
    CHECK(kw_platform_gpu(at("lambda"), "A100-80", 1) == &at("lambda")->gpus[1]); /* only as a node of eight */
}

static void token_prices_are_those_of_the_reference(void)
{
    static const struct {
        const char *platform, *model, *in, *out;
    } want[] = {
        { "openai", "gpt-4o", "2.5", "10" },
        { "openai", "gpt-5", "1.25", "10" },
        { "openai", "gpt-5-mini", "0.25", "2" },
        { "anthropic", "claude-sonnet-4.5", "3", "15" },
        { "anthropic", "claude-haiku-4.5", "1", "5" },
        { "anthropic", "claude-opus-4.5", "5", "25" },
        { "gemini", "gemini-2.0-flash", "0.1", "0.4" },
        { "gemini", "gemini-2.5-flash", "0.3", "2.5" },
        { "together-api", "llama-3.1-70b", "0.88", "0.88" },
        { "together-api", "llama-3.1-8b", "0.18", "0.18" },
        { "fireworks-api", "llama-3.1-70b", "0.9", "0.9" },
        { "fireworks-api", "llama-3.1-8b", "0.2", "0.2" },
        { "groq", "llama-3.3-70b", "0.59", "0.79" },
        { "groq", "llama-3.1-8b", "0.05", "0.08" },
        { "bedrock", "llama-3.1-70b", "0.72", "0.72" },
        { "bedrock", "llama-3.1-8b", "0.22", "0.22" },
        { "bedrock", "llama-3-70b", "2.65", "3.5" },
    };
    char buf[32];
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct kw_api_offer *o = api_offer(at(want[i].platform), want[i].model);
        CHECK(o != NULL);
        if (!o) continue;
        CHECK_STR(kw_nano_format(buf, sizeof buf, o->price.in_mtok.v), want[i].in);
        CHECK_STR(kw_nano_format(buf, sizeof buf, o->price.out_mtok.v), want[i].out);
    }
    const struct kw_api_offer *o = api_offer(at("openai"), "gpt-4o");
    CHECK(o && o->price.cached_in_mtok.v == 1250000000 && o->batch_ppm == 500000);
    o = api_offer(at("anthropic"), "claude-haiku-4.5");
    CHECK(o && o->price.cached_in_mtok.v == 100000000 && o->price.cache_write_mtok.v == 1250000000);
    CHECK(!at("azure-openai")->can_plan && !at("vertex-api")->can_plan && at("openai")->can_plan);
}

static bool says(const struct kw_platform *p, const char *not_found)
{
    for (size_t i = 0; i < p->n_not_found; i++)
        if (strstr(p->not_found[i], not_found)) return true;
    return false;
}

/* Every pool of replicas states how it spreads requests; where that is an estimate it is named as not found. */
static void balancing_is_a_fact(void)
{
    int pools = 0;
    for (size_t i = 0; i < all.n; i++) {
        const struct kw_platform *p = &all.p[i];
        const struct kw_fact *f = NULL;
        bool scales = false;
        for (size_t k = 0; k < p->n_facts; k++) {
            scales |= !strncmp(p->facts[k].path, "scaling.", 8);
            if (!strcmp(p->facts[k].path, "scaling.balance")) f = &p->facts[k];
        }
        CHECK((f != NULL) == scales);
        if (!f) continue;
        pools++;
        CHECK_STR(f->value, kw_balance_name[p->balance]);
        CHECK(f->provenance.grade == p->balance_grade);
        CHECK((f->provenance.grade == KW_GRADE_ESTIMATED) == says(p, "which replica takes the next request"));
        CHECK((f->provenance.grade == KW_GRADE_USER) == (p->kind == KW_KIND_DEDICATED));
    }
    CHECK(pools > 15);
    CHECK(at("sagemaker")->balance == KW_BALANCE_RANDOM && at("baseten")->balance == KW_BALANCE_LEAST_OUTSTANDING);
}

/* PLATFORMS.md sections 3, 5, 6 and 8. */
static void rules_are_those_of_the_reference(void)
{
    const struct kw_platform *p = at("modal");
    CHECK(p->scaling.scaler == KW_SCALER_CAPACITY && p->scaling.at_zero == KW_ZERO_QUEUE);
    CHECK(p->scaling.keep_warm == 0 && p->scaling.idle_timeout == 60 * KW_NS_PER_S && p->scaling.queue_limit == 2000);
    CHECK(p->idle_timeout_min_s == 2 && p->idle_timeout_max_s == 1200);
    CHECK(p->meter.granularity == KW_NS_PER_S && p->meter.monthly_credit == 30 * KW_NANO);
    CHECK(p->meter.bills[KW_PHASE_LOAD] && p->meter.bills_grade[KW_PHASE_LOAD] == KW_GRADE_ESTIMATED);
    CHECK_STR(p->word_keep_warm, "min_containers");
    CHECK_STR(p->word_idle_timeout, "scaledown_window");
    CHECK_NEAR(kw_law_quantile(&p->cold.restore, 0.5), 13.8, 1e-12);

    p = at("runpod");
    CHECK(p->scaling.scaler == KW_SCALER_QUEUE_DELAY && p->scaling.target_delay == 4 * KW_NS_PER_S);
    CHECK(p->scaling.idle_timeout == 5 * KW_NS_PER_S && p->scaling.max_replicas == 3 &&
          p->scaling.hard_concurrency == 30);
    CHECK(p->scaling.queue_timeout == 86400 * KW_NS_PER_S);
    CHECK(!p->meter.bills[KW_PHASE_PULL] && p->meter.bills[KW_PHASE_LOAD] && p->meter.bills[KW_PHASE_DRAIN]);
    CHECK(!p->meter.bills[KW_PHASE_FAILED_START]);

    p = at("replicate");
    CHECK(p->scaling.scaler == KW_SCALER_QUEUE && p->meter.bills[KW_PHASE_LOAD] && p->meter.bills[KW_PHASE_IDLE]);
    bool assumed = false;
    for (size_t i = 0; i < p->n_facts; i++)
        assumed |=
            !strcmp(p->facts[i].path, "scaling.idle_timeout_s") && p->facts[i].provenance.grade == KW_GRADE_UNKNOWN;
    CHECK(assumed); /* "a few minutes": the plan has to say so */
    const struct kw_meter *public = &p->public_models.meter;
    CHECK(p->public_models.shared && public->granularity == p->meter.granularity);
    for (int ph = 0; ph < KW_PHASES; ph++) CHECK(public->bills[ph] == (ph == KW_PHASE_ACTIVE || ph == KW_PHASE_DRAIN));
    CHECK(public->bills_grade[KW_PHASE_ACTIVE] == KW_GRADE_PUBLISHED && public->provenance.date[0] == '2');

    p = at("fireworks");
    CHECK(p->scaling.scaler == KW_SCALER_LOAD_TARGET && p->scaling.at_zero == KW_ZERO_REJECT_AND_START);
    CHECK(p->scaling.reject_code == 503 && p->scaling.scale_up_window == 30 * KW_NS_PER_S);
    CHECK(p->scaling.scale_down_delay == 600 * KW_NS_PER_S && p->scaling.zero_timeout == 3600 * KW_NS_PER_S);
    CHECK(p->scaling.max_replicas == 1 && !p->meter.bills[KW_PHASE_LOAD] && !p->meter.bills[KW_PHASE_INIT]);
    CHECK_NEAR(p->scaling.target, 0.8, 0);

    p = at("baseten");
    CHECK(p->scaling.scaler == KW_SCALER_CONCURRENCY && p->meter.granularity == 60 * KW_NS_PER_S);
    CHECK_NEAR(p->scaling.target * p->scaling.utilisation, 0.7, 1e-12);
    CHECK(p->scaling.idle_timeout == 900 * KW_NS_PER_S && !p->meter.bills[KW_PHASE_DRAIN]);

    CHECK(at("huggingface")->scaling.zero_timeout == 3600 * KW_NS_PER_S);
    CHECK(at("together-dedicated")->scaling.at_zero == KW_ZERO_STOPPED);
    CHECK(at("vertex")->scaling.reject_code == 429 && at("vertex")->scaling.no_queue);
    CHECK(at("vertex")->can_plan && at("sagemaker")->can_plan && at("cloud-run")->can_plan);
    CHECK(at("azure-openai")->user_mends && at("bedrock-import")->user_mends && at("fal")->can_plan &&
          at("beam")->can_plan);
    const struct kw_gpu_offer *run =
        &at("cloud-run")->gpus[0]; /* an hour of an L4, 8 vCPU and 32 GiB: $1.421, says its source */
    CHECK_NEAR(kw_nano_to_double(run->gpu_hour.v + 8 * run->cpu_core_hour.v + 32 * run->memory_gib_hour.v), 1.421,
               5e-4);
    CHECK(!at("modal")->scaling.no_queue);
    CHECK(at("aws")->meter.min_charge == 60 * KW_NS_PER_S);

    const struct kw_rate_limits *l = kw_platform_tier(at("anthropic"), "Build");
    CHECK(l && l->rpm == 5000 && l->itpm == 5000000 && l->otpm == 1000000 && !l->cache_reads_count && l->window == 0);
    CHECK(l && l->rule == KW_COUNT_ESTIMATE_THEN_SETTLE);
    CHECK_STR(at("anthropic")->apis[0].limits.tier, "Start");
    l = kw_platform_tier(at("groq"), "free");
    CHECK(l && l->rpm == 30 && l->rpd == 1000 && l->tpm == 12000 && l->tpd == 100000);
    CHECK(at("openai")->apis[0].limits.rule == KW_COUNT_MAX_OF_MAX_TOKENS_AND_ESTIMATE);
    CHECK(at("bedrock")->apis[0].limits.rule == KW_COUNT_RESERVE_THEN_REFUND);
    CHECK_NEAR(api_offer(at("bedrock"), "claude-sonnet-4.5")->limits.output_burndown, 5, 0);
    CHECK(kw_platform_tier(at("fireworks-api"), "payment method")->rpm == 6000);
}

/* Medians of data/calibration/llmperf_api_latency_2023-12.csv (its SOURCES entry); the laws stand in for a newer model
 * and have to say so by their grade. */
static void api_latencies_are_the_measured_ones(void)
{
    static const struct {
        const char *platform, *model;
        double ttft, e2e150; /* medians, s */
    } want[] = {
        { "groq", "llama-3.1-70b", 0.22, 0.81 },
        { "together-api", "llama-3.1-70b", 0.64, 2.44 },
        { "bedrock", "llama-3.1-70b", 0.38, 6.9 },
        { "fireworks-api", "llama-3.1-70b", 0.52, 3.8 },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct kw_api_offer *o = api_offer(at(want[i].platform), want[i].model);
        CHECK(o != NULL);
        if (!o) continue;
        double ttft = kw_law_quantile(&o->ttft_s, 0.5), rate = kw_law_quantile(&o->output_rate, 0.5);
        CHECK_NEAR(ttft, want[i].ttft, 0.005);
        CHECK_NEAR(ttft + 149 / rate, want[i].e2e150, 0.06 * want[i].e2e150);
        CHECK(o->ttft_s.provenance.grade == KW_GRADE_ESTIMATED);
        CHECK_STR(o->ttft_s.provenance.date, "2023-12-19");
    }
}

/* What the sources say of the newer laws, and what each law of any file has to say of itself: to which prompt it was
 * measured, and that it is no fact of the vendor's. One whose prompts nobody told names the traffic it is of. */
static void newer_api_latencies_are_those_of_their_sources(void)
{
    static const struct {
        const char *platform, *model;
        double p50, p95, rate, ktok; /* s, s, tokens a second, s */
        uint32_t known_to;
        bool traffic;
    } want[] = {
        { "openai", "gpt-5.6-luna", 1.69, 2.86, 131.6, 0, 852, false },
        { "openai", "gpt-5.6-terra", 1.51, 2.98, 80.1, 0.00775, 275000, false },
        { "openai", "gpt-4.1", 0.487, 1.034, 179, 0, 527, false },
        { "anthropic", "claude-haiku-4.5", 0.628, 1.297, 51, 0, 3874, true },
        { "anthropic", "claude-sonnet-5", 0.489, 1.43, 61, 0.01294, 900000, true },
        { "bedrock", "claude-haiku-4.5", 0.776, 1.894, 62, 0, 3874, true },
        { "groq", "gpt-oss-120b", 0.233, 1.439, 299, 0, 2669, true },
        { "together-api", "gpt-oss-120b", 0.373, 3.795, 35, 0, 2669, true },
        { "gemini", "gemini-2.5-flash-lite", 0.621, 2.391, 91, 0, 2286, true },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const struct kw_api_offer *o = api_offer(at(want[i].platform), want[i].model);
        CHECK(o != NULL);
        if (!o) continue;
        CHECK_NEAR(kw_law_quantile(&o->ttft_s, 0.5), want[i].p50, 0.005);
        CHECK_NEAR(kw_law_quantile(&o->ttft_s, 0.95), want[i].p95, 0.005);
        CHECK_NEAR(kw_law_quantile(&o->output_rate, 0.5), want[i].rate, 0.1);
        CHECK_NEAR(kw_law_quantile(&o->ttft_per_ktok_s, 0.5), want[i].ktok, 1e-6);
        CHECK(o->ttft_known_to == want[i].known_to && (o->latency_of[0] != 0) == want[i].traffic);
    }
    for (size_t i = 0; i < all.n; i++) {
        for (size_t k = 0; k < all.p[i].n_apis; k++) {
            const struct kw_api_offer *o = &all.p[i].apis[k];
            if (o->ttft_s.kind == KW_LAW_NONE) continue;
            CHECK(o->output_rate.kind != KW_LAW_NONE && o->ttft_known_to > 0 && o->rate_known_to > 0);
            CHECK(o->ttft_s.provenance.grade == KW_GRADE_ESTIMATED);
        }
    }
}

/* The arithmetic of PLATFORMS.md section 15 from the files' own numbers, before any bill exists: what a bill has to
 * give. */
static kw_nusd nusd(kw_nusd an_hour, kw_ns gpu_time)
{
    return (kw_nusd)((kw_i128)an_hour * gpu_time / KW_NS_PER_HOUR);
}

static void worked_examples_follow_from_the_files(void)
{
    /* Hugging Face: $0.50 an hour, one replica for 730 h and two more for a quarter of it. */
    const struct kw_gpu_offer *o = kw_platform_gpu(at("huggingface"), "T4", 1);
    CHECK(o != NULL);
    int64_t month = KW_HOURS_PER_MONTH * KW_NS_PER_HOUR;
    CHECK(o && nusd(o->gpu_hour.v, month + 2 * month / 4) == 547500000000);
    /* Bedrock import: one window of 300 s at 2 CMU of $0.05718 a minute; always on is $6.86 an hour. */
    const struct kw_platform *p = at("bedrock-import");
    o = p->n_gpus ? &p->gpus[0] : NULL;
    CHECK(o && p->meter.window == 300 * KW_NS_PER_S);
    CHECK(o && nusd(o->gpu_hour.v, 2 * p->meter.window) == 571800000);
    CHECK(o && 2 * o->gpu_hour.v == 6861600000);
}

/* ---- text */

static int widest(const char *text) /* an address is never broken, so it does not count */
{
    int most = 0;
    while (*text) {
        int n = (int)strcspn(text, "\n");
        if (!strncmp(text, "https://", 8)) text += n, n = 0;
        most = n > most ? n : most;
        text += n + (text[n] != 0);
    }
    return most;
}

static void listings_fit_a_terminal(void)
{
    char *text = NULL;
    struct kw_error err = { "" };
    CHECK(kw_show_list(&all, "2026-11-29", &text, &err) == KW_OK);
    CHECK(text && widest(text) <= 100);
    CHECK(text &&
          strstr(text, "modal               serverless T4 L4 A10G +7    10/10 $0.5904/h    1 s   60 s   estimated"));
    CHECK(text &&
          strstr(text, "openai              api        gpt-4o +16       17/17 $0.05 $0.40  token -      estimated"));
    for (size_t i = 0; i < all.n; i++) { /* each that cannot be planned stands below with what would mend it */
        char line[200];
        snprintf(line, sizeof line, "\n  %-16s %s\n", all.p[i].name, all.p[i].mend);
        CHECK(all.p[i].can_plan || (text && strstr(text, line)));
    }
    free(text);
    for (size_t i = 0; i < all.n; i++) {
        text = NULL;
        CHECK(kw_show_platform(&all.p[i], &text, &err) == KW_OK);
        CHECK(text && widest(text) <= 100);
        for (size_t k = 0; text && k < all.p[i].n_facts; k++) CHECK(strstr(text, all.p[i].facts[k].path) != NULL);
        free(text);
    }
    text = NULL;
    CHECK(kw_show_platform(at("replicate"), &text, &err) == KW_OK);
    CHECK(text && strstr(text, "scaling.idle_timeout_s                 180 s                       unknown"));
    CHECK(text && strstr(text, "the docs say 'a few minutes'; three are assumed"));
    CHECK(text && !strstr(text, "cannot be planned"));
    CHECK(text && strstr(text, "not found\n  - the idle time before an instance stops"));
    free(text);
    text = NULL;
    CHECK(kw_show_platform(at("bedrock-import"), &text, &err) == KW_OK);
    CHECK(text && strstr(text, "what would mend it: --profile FILE: a profile of the model on GPU CMU\n"));
    free(text);
    struct kw_platforms none = { 0 };
    text = NULL;
    CHECK(kw_show_list(&none, "2026-11-29", &text, &err) == KW_OK);
    CHECK(text && strstr(text, "name "));
    free(text);
}

static void check_names_what_is_stale(void)
{
    struct kw_platform p;
    struct kw_error err = { "" };
    char *text = NULL;
    size_t stale = 99;
    CHECK(parse(&p, SERVERLESS, NULL) == KW_OK);
    CHECK(kw_show_check(&p, "t.json", "2026-04-02", &text, &stale, &err) == KW_OK); /* 90 days: not more than 90 */
    CHECK(stale == 0);
    CHECK(text && strstr(text, "t.json: valid: platform 'tiny', serverless, 2 offers,"));
    CHECK(text && strstr(text, "3 assumed, 1 not found, 0 undated, 0 older than 90 days at 2026-04-02"));
    CHECK(text && !strstr(text, "stale\n"));
    free(text);
    CHECK(kw_show_check(&p, "t.json", "2026-04-03", &text, &stale, &err) == KW_OK);
    CHECK(stale == p.n_facts - 3);
    CHECK(text && strstr(text, "  gpus[h1].hour: $3.6 per GPU-hour, 2026-01-02, 91 days old\n"));
    free(text);
    text = NULL;
    CHECK(kw_show_check(&p, "t.json", "2026-7-2", &text, &stale, &err) == KW_EUSAGE);
    CHECK_STR(err.msg, "'2026-7-2' is not a date: want YYYY-MM-DD");
    CHECK(kw_show_check(&p, "t.json", "2026-07", &text, &stale, &err) == KW_EUSAGE);
    CHECK(text == NULL);
    kw_platform_free(&p);
}

/* ---- memory and files */

static void every_allocation_may_fail(void)
{
    const char *const bases[] = { SERVERLESS, API };
    for (int b = 0; b < 2; b++)
        for (long n = 1;; n++) {
            struct kw_platform p = { .n_gpus = 77 };
            struct kw_error err = { "" };
            failmalloc_at(n);
            enum kw_status st = parse(&p, bases[b], &err);
            if (!failmalloc_off()) {
                CHECK(st == KW_OK && n > 10);
                kw_platform_free(&p);
                break;
            }
            CHECK(st == KW_ENOMEM && p.n_gpus == 77 && err.msg[0]);
            if (st == KW_OK) kw_platform_free(&p);
        }
    struct kw_platform p;
    CHECK(parse(&p, SERVERLESS, NULL) == KW_OK);
    for (int which = 0; which < 3; which++)
        for (long n = 1;; n++) {
            char *text = NULL;
            struct kw_error err = { "" };
            failmalloc_at(n);
            enum kw_status st = which == 0   ? kw_show_platform(&p, &text, &err)
                                : which == 1 ? kw_show_check(&p, "t", "2026-01-02", &text, NULL, &err)
                                             : kw_show_list(&(struct kw_platforms){ &p, 1 }, "2026-11-29", &text, &err);
            bool fired = failmalloc_off();
            CHECK(st == (fired ? KW_ENOMEM : KW_OK));
            CHECK((st == KW_OK) == (text != NULL));
            free(text);
            if (!fired) break;
        }
    kw_platform_free(&p);
    for (long n = 1; n < 4; n++) { /* the first file of all; the rest is the same path */
        struct kw_platforms none = { .n = 5 };
        failmalloc_at(n);
        enum kw_status st = kw_platforms_embedded(&none, NULL);
        CHECK(failmalloc_off() && st == KW_ENOMEM && none.n == 5);
    }
}

static void loads_from_a_file(void)
{
    struct kw_platform p;
    struct kw_error err = { "" };
    char path[] = "/tmp/kw_platform_XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    CHECK(f != NULL);
    if (!f) return;
    fputs(SERVERLESS, f);
    fclose(f);
    CHECK(kw_platform_load(&p, path, &err) == KW_OK);
    kw_platform_free(&p);
    remove(path);
    CHECK(kw_platform_load(&p, path, &err) == KW_EINPUT);
    CHECK(strstr(err.msg, path) != NULL);
}

int main(void)
{
    RUN(refuses_bad_structure);
    RUN(refuses_numbers_without_provenance);
    RUN(refuses_bad_prices);
    RUN(refuses_offers_that_cannot_be);
    RUN(refuses_bad_meters);
    RUN(refuses_public_models_half_told);
    RUN(refuses_bad_scaling);
    RUN(refuses_bad_laws_and_tiers);
    RUN(refuses_tiers_that_are_none);
    RUN(reads_every_field);
    RUN(reads_an_api);
    RUN(what_is_absent_cannot_be_planned);
    RUN(offers_are_chosen_by_fit_then_price);
    RUN(every_shipped_file_loads);
    RUN(gpu_prices_are_those_of_the_reference);
    RUN(token_prices_are_those_of_the_reference);
    RUN(balancing_is_a_fact);
    RUN(rules_are_those_of_the_reference);
    RUN(api_latencies_are_the_measured_ones);
    RUN(newer_api_latencies_are_those_of_their_sources);
    RUN(worked_examples_follow_from_the_files);
    RUN(listings_fit_a_terminal);
    RUN(check_names_what_is_stale);
    RUN(every_allocation_may_fail);
    RUN(loads_from_a_file);
    kw_platforms_free(&all);
    return check_report();
}
