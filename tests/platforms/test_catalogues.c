/* Catalogues of prices, one small sample a form (invented values, made by hand in the form's shape): every fact to the last
 * digit, what is left out with its reason, which of two facts is newer, and a platform file changed in those places only. */
#include "platforms/catalogues/price_list.h"
#include <inttypes.h>
#include <stdlib.h>
#include "platforms/catalogues/revision.h"
#include "platforms/facts/platform_read.h"
#include "platforms/facts/sale.h"
#include "sim/core/units.h"
#include "tests/check.h"
#include "tests/failmalloc.h"

static struct kw_error err;
static const char *const GPUS[] = { "A100-40", "A100-80", "A100-80-PCIE", "H100", "H100-PCIE", "L4", "T4", NULL };
static const struct kw_price_list_options PLAIN = { .date = "2027-03-04", .gpus = GPUS };

static const struct kw_listing *find(const struct kw_price_list *l, const char *sku)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->v[i].sku, sku)) return &l->v[i];
    return NULL;
}

static bool has(const struct kw_listing *x, enum kw_listed f, int64_t v)
{
    if (x && x->fact[f].known && x->fact[f].v == v) return true;
    fprintf(stderr, "%s: %s%s is %s%" PRId64 "\n", x ? x->sku : "?", kw_listed_fact[f].tier, kw_listed_fact[f].key,
            x && x->fact[f].known ? "" : "unknown ", x ? x->fact[f].v : 0);
    return false;
}

static size_t left(const struct kw_price_list *l, const char *why, const char *what)
{
    for (size_t i = 0; i < l->n_left; i++)
        if (strstr(l->left[i].why, why) && !strcmp(l->left[i].what, what)) return l->left[i].n;
    return 0;
}

static bool read(struct kw_price_list *l, const char *text, const struct kw_price_list_options *o)
{
    enum kw_status st = kw_price_list_read(l, "sample", text, strlen(text), o, &err);
    if (st != KW_OK) fprintf(stderr, "%s\n", err.msg);
    return st == KW_OK;
}

#define USD(x) ((int64_t)((x)*1000 + 0.5) * (KW_NANO / 1000))

static const char LITELLM[] =
    "{ \"sample_spec\": { \"litellm_provider\": \"words\", \"mode\": \"one of: chat, ...\", \"input_cost_per_token\": "
    "0.0 },\n"
    "  \"test-one\": { \"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token\": 1.3e-06,\n"
    "    \"output_cost_per_token\": 0.0000104, \"cache_read_input_token_cost\": 1.3E-7, \"max_input_tokens\": 272000,\n"
    "    \"input_cost_per_token_batches\": 6.5e-07, \"output_cost_per_token_batches\": 5.2e-06,\n"
    "    \"input_cost_per_token_flex\": 6.5e-07, \"output_cost_per_token_flex\": 5.2e-06,\n"
    "    \"input_cost_per_token_priority\": 2.6e-06, \"output_cost_per_token_priority\": 2.08e-05,\n"
    "    \"input_cost_per_token_above_272k_tokens\": 2.6e-06, \"output_cost_per_token_above_272k_tokens\": 1.56e-05,\n"
    "    \"input_cost_per_token_above_272k_tokens_priority\": 9e-06, \"cache_creation_input_token_cost_above_1hr\": "
    "9e-06,\n"
    "    \"deprecation_date\": \"2028-02-01\", \"supports_vision\": true, \"nobody_knows_this_key\": {\"a\": [1]} },\n"
    "  \"groq/test/two\": { \"litellm_provider\": \"groq\", \"mode\": \"chat\", \"input_cost_per_token\": "
    "7.000000000000001e-08,\n"
    "    \"output_cost_per_token\": 3e-07, \"input_cost_per_token_batches\": 3.5e-08, "
    "\"output_cost_per_token_batches\": 2e-07, \"input_cost_per_token_flex\": 3e-08 },\n"
    "  \"three\": { \"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token\": 1e-06, "
    "\"output_cost_per_token\": 2e-06,\n"
    "    \"input_cost_per_token_above_128k_tokens\": 2e-06, \"output_cost_per_token_above_256k_tokens\": 4e-06,\n"
    "    \"input_cost_per_token_above_256k_tokens\": 4e-06, \"deprecation_date\": \"some day\" },\n"
    "  \"embed\": { \"litellm_provider\": \"openai\", \"mode\": \"embedding\", \"input_cost_per_token\": 1e-08 },\n"
    "  \"free\": { \"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token\": 0.0, "
    "\"output_cost_per_token\": 0 },\n"
    "  \"no-out\": { \"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token\": 1e-06 },\n"
    "  \"dear\": { \"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token\": 1, "
    "\"output_cost_per_token\": 1 },\n"
    "  \"bedrock/eu-west-9/test.m-v1:0\": { \"litellm_provider\": \"bedrock\", \"mode\": \"chat\", "
    "\"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06 },\n"
    "  \"groq/three\": { \"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token\": 1e-06, "
    "\"output_cost_per_token\": 2e-06 },\n"
    "  \"openai/three\": { \"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token\": 5e-06, "
    "\"output_cost_per_token\": 2e-06 },\n"
    "  \"vertex_ai/x\": { \"litellm_provider\": \"vertex_ai\", \"mode\": \"chat\", \"input_cost_per_token\": 1e-06, "
    "\"output_cost_per_token\": 2e-06 } }\n";

static void litellm_prices_a_token_become_prices_a_million(void)
{
    struct kw_price_list l;
    CHECK(read(&l, LITELLM, &PLAIN));
    CHECK_STR(l.form->id, "litellm");
    const struct kw_listing *x = find(&l, "test-one");
    CHECK(x && !strcmp(x->platform, "openai"));
    CHECK(has(x, KW_LISTED_IN, USD(1.3)) && has(x, KW_LISTED_OUT, USD(10.4)) && has(x, KW_LISTED_CACHED_IN, USD(0.13)));
    CHECK(has(x, KW_LISTED_FLEX_IN, USD(0.65)) && has(x, KW_LISTED_FLEX_OUT, USD(5.2)) &&
          !x->fact[KW_LISTED_FLEX_CACHED_IN].known);
    CHECK(has(x, KW_LISTED_PRIORITY_IN, USD(2.6)) && has(x, KW_LISTED_PRIORITY_OUT, USD(20.8)));
    CHECK(has(x, KW_LISTED_ABOVE_TOKENS, 272000) && has(x, KW_LISTED_ABOVE_IN, USD(2.6)) &&
          has(x, KW_LISTED_ABOVE_OUT, USD(15.6)));
    CHECK(has(x, KW_LISTED_BATCH, KW_NANO / 2) && has(x, KW_LISTED_WINDOW, 272000) && x->fact[KW_LISTED_WINDOW].fills);
    CHECK(has(x, KW_LISTED_ENDS, 20280201) && has(x, KW_LISTED_STATUS, KW_SALE_DEPRECATED));
    x = find(&l, "test/two");
    CHECK(x && !strcmp(x->platform, "groq") && has(x, KW_LISTED_IN, USD(0.07)) && !x->fact[KW_LISTED_BATCH].known);
    CHECK(l.rounded == 1 && left(&l, "batch prices that are no one factor", "") == 1);
    x = find(&l, "three");
    CHECK(x && x->steps && !x->fact[KW_LISTED_ABOVE_TOKENS].known && !x->fact[KW_LISTED_ABOVE_IN].known &&
          strstr(x->note, "several prompt lengths") && !x->fact[KW_LISTED_ENDS].known);
    CHECK(l.n == 4 && left(&l, "listed before", "") == 1 && has(x, KW_LISTED_IN, USD(1)) &&
          left(&l, "generate no text", "") == 1 && left(&l, "price of 0", "") == 1);
    CHECK(left(&l, "without a price", "") == 1 && left(&l, "more than $1000", "") == 1);
    CHECK(left(&l, "one region of Bedrock's or Azure's", "") == 1 && left(&l, "no platform here", "vertex_ai") == 1);
    kw_price_list_free(&l);
    const char *only[] = { "groq", "vertex_ai" }; /* a provider that is asked for becomes a platform of its name */
    const struct kw_price_list_options some = { .date = "2027-03-04", .gpus = GPUS, .only = only, .n_only = 2 };
    CHECK(read(&l, LITELLM, &some) && l.n == 2 && find(&l, "test/two") && find(&l, "x") &&
          !strcmp(find(&l, "x")->platform, "vertex_ai"));
    kw_price_list_free(&l);
}

static const char GENAI[] =
    "[ { \"id\": \"google\", \"name\": \"G\", \"models\": [\n"
    "    { \"id\": \"test-flash\", \"match\": {\"or\": [{\"equals\": \"test-flash\"}, {\"starts_with\": "
    "\"test-flash-2\"}]},\n"
    "      \"context_window\": 1000000, \"prices\": {\"input_mtok\": {\"base\": 1.25, \"tiers\": [{\"start\": 200000, "
    "\"price\": 2.5}]},\n"
    "      \"cache_read_mtok\": 0.3125, \"output_mtok\": {\"base\": 10, \"tiers\": [{\"start\": 200000, \"price\": "
    "15}]}} },\n"
    "    { \"id\": \"test-dated\", \"deprecated\": true, \"prices\": [ {\"prices\": {\"input_mtok\": 3, "
    "\"output_mtok\": 15}},\n"
    "      {\"constraint\": {\"start_date\": \"2027-02-01\"}, \"prices\": {\"input_mtok\": 2, \"output_mtok\": 10}},\n"
    "      {\"constraint\": {\"start_date\": \"2027-06-01\"}, \"prices\": {\"input_mtok\": 1, \"output_mtok\": 5}},\n"
    "      {\"constraint\": {\"start_time\": \"16:30:00Z\", \"end_time\": \"00:30:00Z\"}, \"prices\": {\"input_mtok\": "
    "0.5, \"output_mtok\": 2}} ] } ] },\n"
    "  { \"id\": \"elsewhere\", \"models\": [ {\"id\": \"a\"}, {\"id\": \"b\"} ] } ]\n";

static void where_no_set_holds_it_is_the_first(void)
{
    struct kw_price_list l;
    CHECK(read(&l,
               "[ { \"id\": \"openai\", \"models\": [ { \"id\": \"a\", \"prices\": [ {\"constraint\": {\"start_date\": "
               "\"2028-01-01\"},\n"
               "\"prices\": {\"input_mtok\": 7, \"output_mtok\": 8}} ] } ] } ]",
               &PLAIN));
    CHECK(has(find(&l, "a"), KW_LISTED_IN, USD(7)));
    kw_price_list_free(&l);
}

static void genai_prices_hold_on_the_day_of_the_catalogue(void)
{
    struct kw_price_list l;
    CHECK(read(&l, GENAI, &PLAIN));
    CHECK_STR(l.form->id, "genai-prices");
    const struct kw_listing *x = find(&l, "test-flash");
    CHECK(x && !strcmp(x->platform, "gemini") && has(x, KW_LISTED_IN, USD(1.25)) && has(x, KW_LISTED_OUT, USD(10)));
    CHECK(has(x, KW_LISTED_CACHED_IN, 312500000) && has(x, KW_LISTED_WINDOW, 1000000));
    CHECK(has(x, KW_LISTED_ABOVE_TOKENS, 200000) && has(x, KW_LISTED_ABOVE_IN, USD(2.5)) &&
          has(x, KW_LISTED_ABOVE_OUT, USD(15)));
    CHECK(l.form->names(x, "test-flash") && l.form->names(x, "test-flash-2-20270101") &&
          l.form->names(x, "test-flash-2"));
    CHECK(!l.form->names(x, "test-flash-2-5") && !l.form->names(x, "test-flash-2.1") && !l.form->names(x, "test"));
    x = find(&l, "test-dated");
    CHECK(has(x, KW_LISTED_IN, USD(2)) && has(x, KW_LISTED_OUT, USD(10)) &&
          has(x, KW_LISTED_STATUS, KW_SALE_DEPRECATED));
    CHECK(x && strstr(x->note, "another price from 16:30:00Z to 00:30:00Z"));
    CHECK(left(&l, "no platform here", "elsewhere") == 2);
    kw_price_list_free(&l);
    const struct kw_price_list_options before = { .date = "2027-01-31", .gpus = GPUS };
    CHECK(read(&l, GENAI, &before) && has(find(&l, "test-dated"), KW_LISTED_IN, USD(3)));
    kw_price_list_free(&l);
    const struct kw_price_list_options first_day = { .date = "2027-02-01", .gpus = GPUS };
    CHECK(read(&l, GENAI, &first_day) && has(find(&l, "test-dated"), KW_LISTED_IN, USD(2)));
    kw_price_list_free(&l);
}

static const char MODELS_DEV[] =
    "{ \"togetherai\": { \"id\": \"togetherai\", \"models\": {\n"
    "    \"test/large\": { \"id\": \"test/large\", \"cost\": {\"input\": 0.18, \"output\": 0.59, \"cache_read\": "
    "0.045, \"cache_write\": 0,\n"
    "      \"tiers\": [ {\"input\": 0.36, \"output\": 1.18, \"cache_read\": 0.09, \"tier\": {\"type\": \"context\", "
    "\"size\": 128000}} ]},\n"
    "      \"limit\": {\"context\": 262144, \"output\": 8192}, \"status\": \"deprecated\" },\n"
    "    \"old\": { \"cost\": {\"input\": 1, \"output\": 2, \"context_over_200k\": {\"input\": 2, \"output\": 3}}, "
    "\"limit\": {\"context\": 0} },\n"
    "    \"other\": { \"cost\": {\"input\": 1, \"output\": 2, \"tiers\": [{\"input\": 3, \"output\": 4, \"tier\": "
    "{\"type\": \"hour\"}}]} } } },\n"
    "  \"nowhere\": { \"models\": { \"a\": {} } } }\n";

static void models_dev_prices_are_by_the_million_already(void)
{
    struct kw_price_list l;
    CHECK(read(&l, MODELS_DEV, &PLAIN));
    CHECK_STR(l.form->id, "models-dev");
    const struct kw_listing *x = find(&l, "test/large");
    CHECK(x && !strcmp(x->platform, "together-api") && has(x, KW_LISTED_IN, USD(0.18)) &&
          has(x, KW_LISTED_OUT, USD(0.59)));
    CHECK(has(x, KW_LISTED_CACHED_IN, USD(0.045)) && has(x, KW_LISTED_CACHE_WRITE, 0) &&
          has(x, KW_LISTED_WINDOW, 262144));
    CHECK(has(x, KW_LISTED_ABOVE_TOKENS, 128000) && has(x, KW_LISTED_ABOVE_CACHED_IN, USD(0.09)) &&
          has(x, KW_LISTED_STATUS, KW_SALE_DEPRECATED));
    x = find(&l, "old");
    CHECK(has(x, KW_LISTED_ABOVE_TOKENS, 200000) && has(x, KW_LISTED_ABOVE_OUT, USD(3)) &&
          !x->fact[KW_LISTED_WINDOW].known);
    x = find(&l, "other");
    CHECK(x && strstr(x->note, "other prices by hour") && !x->fact[KW_LISTED_ABOVE_TOKENS].known);
    CHECK(left(&l, "no platform here", "nowhere") == 1 && l.n == 3);
    kw_price_list_free(&l);
}

static const char OPENROUTER[] =
    "{ \"data\": [\n"
    "  { \"id\": \"test/chat-70b-instruct\", \"context_length\": 131072, \"expiration_date\": "
    "\"2027-09-30T00:00:00Z\",\n"
    "    \"pricing\": {\"prompt\": \"0.00000012\", \"completion\": \"0.0000003\", \"input_cache_read\": "
    "\"0.000000012\", \"image\": \"0\"} },\n"
    "  { \"id\": \"test/chat-70b-instruct:free\", \"pricing\": {\"prompt\": \"0\", \"completion\": \"0\"} },\n"
    "  { \"id\": \"openrouter/auto\", \"pricing\": {\"prompt\": \"-1\", \"completion\": \"-1\"}, \"expiration_date\": "
    "null } ] }\n";

static void openrouter_is_a_platform_of_its_own(void)
{
    struct kw_price_list l;
    CHECK(read(&l, OPENROUTER, &PLAIN));
    const struct kw_listing *x = find(&l, "test/chat-70b-instruct");
    CHECK(l.n == 1 && x && !strcmp(x->platform, "openrouter") && l.form->seller);
    CHECK(has(x, KW_LISTED_IN, USD(0.12)) && has(x, KW_LISTED_OUT, USD(0.3)) &&
          has(x, KW_LISTED_CACHED_IN, USD(0.012)));
    CHECK(has(x, KW_LISTED_WINDOW, 131072) && has(x, KW_LISTED_ENDS, 20270930));
    CHECK(left(&l, "price of 0", "") == 1 && left(&l, "below 0", "") == 1);
    kw_price_list_free(&l);
}

#define HEAD                                                                                                           \
    "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone\n"
static const char AWS[] =
    HEAD "p9.48xlarge,H100,8.0,192.0,2048.0,\"{'Gpus': [1, 2]}\",41.000000414,16.8,us-east-1,us-east-1a\n"
         "p9.48xlarge,H100,8.0,192.0,2048.0,,41.000000414,16,us-east-1,us-east-1b\n"
         "p9.48xlarge,H100,8.0,192.0,2048.0,,32,,ap-south-9,ap-south-9a\n"
         "m9.large,,,2,8,,0.1,,us-east-1,us-east-1a\n"
         "g9.xlarge,Mystery,1,4,16,,1,,us-east-1,us-east-1a\n"
         "g9.small.large,L4,0.25,4,16,,1,,us-east-1,us-east-1a\n"
         "a2.xlarge,A100,1,4,16,,0,,us-east-1,us-east-1a\n"
         "a3.xlarge,A100,1,4,16,,,0.5,us-east-1,us-east-1a\n"
         "a4.xlarge,A100,1,4,16,,1001,,us-east-1,us-east-1a\n";

static void skypilot_machines_are_priced_by_the_gpu(void)
{
    struct kw_price_list l;
    CHECK(read(&l, AWS, &PLAIN));
    const struct kw_listing *x = find(&l, "p9.48xlarge");
    CHECK_STR(l.region, "us-east-1"); /* that of the file that ships */
    CHECK(x && !strcmp(x->platform, "aws") && !strcmp(x->gpu, "H100") && x->count == 8 && !x->by_gpu);
    CHECK(has(x, KW_LISTED_HOUR, 5125000052) && has(x, KW_LISTED_SPOT_HOUR, USD(2)));
    CHECK_STR(x ? x->note : "", "us-east-1; 41.000000414 for 8");
    CHECK(left(&l, "not known here", "Mystery") == 1 && left(&l, "part of a GPU", "") == 1);
    CHECK(!find(&l, "a2.xlarge") && left(&l, "machines without a price", "") == 1); /* 0 is no price */
    CHECK(has(find(&l, "a3.xlarge"), KW_LISTED_SPOT_HOUR, USD(0.5)) && left(&l, "more than $1000 a GPU-hour", "") == 1);
    kw_price_list_free(&l);
    struct kw_price_list_options o = PLAIN;
    o.region = "cheapest";
    CHECK(read(&l, AWS, &o) && has(find(&l, "p9.48xlarge"), KW_LISTED_HOUR, USD(4)) && !l.region[0]);
    kw_price_list_free(&l);
    o.region = "ap-south-9";
    CHECK(read(&l, AWS, &o) && has(find(&l, "p9.48xlarge"), KW_LISTED_HOUR, USD(4)) && l.n == 1);
    kw_price_list_free(&l);
    o.region = "moon";
    CHECK(kw_price_list_read(&l, "sample", AWS, strlen(AWS), &o, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "sample: no GPU machine is in region 'moon'");
}

/* Google's GPUs stand apart from the machines they are in. */
static void googles_machine_and_gpus_are_added_up(void)
{
    struct kw_price_list l;
    CHECK(read(&l,
               HEAD "a2-highgpu-2g,,,24,170,,1.5,0.5,us-x1,us-x1-a\na2-highgpu-2g,,,24,170,,1.2,0.4,eu-x1,eu-x1-a\n"
                    ",A100,2,,,,5.5,1.75,us-x1,us-x1-a\n,A100,1,,,,2.75,,us-x1,us-x1-a\n,H100,8,,,,9,,us-x1,us-x1-a\n",
               &PLAIN));
    const struct kw_listing *x = find(&l, "a2-highgpu-2g");
    CHECK(l.n == 1 && x && !strcmp(x->platform, "gcp") && x->by_gpu && x->count == 2);
    CHECK(has(x, KW_LISTED_HOUR, USD(3.5)) && has(x, KW_LISTED_SPOT_HOUR, USD(1.125)));
    CHECK_STR(x ? x->note : "", "us-x1; 7 for 2");
    kw_price_list_free(&l);
}

static void the_clouds_and_their_cards_are_told_apart(void)
{
    static const struct {
        const char *row, *platform, *gpu;
    } rows[] = { { "1x_H100_SECURE,H100,1,8,80,,2,,US,US-1", "runpod-secure", "H100-PCIE" },
                 { "1x_H100-SXM_SECURE,H100-SXM,1,8,80,,2,,US,US-1", "runpod-secure", "H100" },
                 { "1x_A100-80GB_COMMUNITY,A100-80GB,1,8,80,,2,,US,US-1", "runpod-community", "A100-80-PCIE" },
                 { "gpu_8x_a100_80gb_sxm4,A100-80GB,8,8,80,,16,,us-1,", "lambda", "A100-80" },
                 { "gpu-h100-sxm_1gpu-16vcpu-200gb,H100,1,16,200,,3,,eu-1,", "nebius", "H100" },
                 { "Standard_NC24ads_A100_v4,A100-80GB,1,24,220,,3,,eastus,1", "azure", "A100-80-PCIE" },
                 { "Standard_ND96amsr_A100_v4,A100-80GB,8,24,220,,3,,eastus,1", "azure", "A100-80" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[400];
        struct kw_price_list l;
        snprintf(text, sizeof text, HEAD "%s\n", rows[i].row);
        CHECK(read(&l, text, &PLAIN) && l.n == 1);
        if (l.n != 1) continue;
        CHECK_STR(l.v[0].platform, rows[i].platform);
        CHECK_STR(l.v[0].gpu, rows[i].gpu);
        kw_price_list_free(&l);
    }
    struct kw_price_list l;
    CHECK(read(&l, HEAD "odd,H100,1,8,80,,2,,here,\n", &PLAIN) && l.n == 0 &&
          left(&l, "of a cloud that is no platform", "") == 1);
    kw_price_list_free(&l);
}

static void what_is_no_catalogue_says_so_in_one_line(void)
{
    static const struct {
        const char *text;
        enum kw_status st;
        const char *msg;
    } bad[] = {
        { "", KW_EPARSE, "sample: want a catalogue of prices: genai-prices data.json, LiteLLM " },
        { "{}", KW_EPARSE, "sample: want a catalogue of prices" },
        { "[]", KW_EPARSE, "sample: want a catalogue of prices" },
        { "a,b\n1,2\n", KW_EPARSE, "sample: want a catalogue of prices" },
        { "{ \"a\": { \"litellm_provider\": \"openai\", }", KW_EPARSE,
          "sample:1: column 40: want a key in double quotes; got '}'" },
        { "{ \"a\": { \"litellm_provider\": \"openai\", \"mode\": \"chat\",\n\"input_cost_per_token\": \"cheap\" } }",
          KW_EPARSE, "sample:2: a.input_cost_per_token: want a number; got 'cheap'" },
        { "{ \"a\": { \"litellm_provider\": \"openai\", \"mode\": \"chat\",\n\"input_cost_per_token\": [1] } }",
          KW_EPARSE, "sample:2: a.input_cost_per_token: want a string; got an array" },
        { "{ \"a\": { \"litellm_provider\": \"openai\", \"mode\": \"chat\",\n\"input_cost_per_token\": 1e40 } }",
          KW_ERANGE, "sample:2: a.input_cost_per_token: '1e40' is too large" },
        { "{ \"a\": { \"litellm_provider\": \"openai\", \"mode\": \"chat\", \"max_input_tokens\": 1.5 } }", KW_ERANGE,
          "sample:1: a.max_input_tokens: want a number of tokens; got '1.5'" },
        { "{ \"a\": { \"litellm_provider\": \"x\" }, \"b\": 3 }", KW_EPARSE,
          "sample:1: b: want an object, a model's prices" },
        { "[ { \"id\": \"google\", \"models\": [ {} ] } ]", KW_EPARSE, "sample:1: [0].models[0]: missing key 'id'" },
        { HEAD "p9.xlarge,H100,1,8,80,,dear,,us-east-1,\n", KW_EPARSE, "sample:2: Price: want a number; got 'dear'" },
        { HEAD "p9.xlarge,H100,many,8,80,,1,,us-east-1,\n", KW_EPARSE,
          "sample:2: AcceleratorCount: want a number; got 'many'" },
        { HEAD "p9.x\xd1large,H100,1,8,80,,1,,us-east-1,\n", KW_EPARSE,
          "sample:2: InstanceType: want a name of letters, digits and signs; got byte 0xd1" },
        { HEAD "p9.xlarge,H100\n", KW_EPARSE, "sample:2: 2 fields, but the header has 10" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kw_price_list l;
        CHECK(kw_price_list_read(&l, "sample", bad[i].text, strlen(bad[i].text), &PLAIN, &err) == bad[i].st);
        if (strncmp(err.msg, bad[i].msg, strlen(bad[i].msg))) fprintf(stderr, "%s\n", err.msg);
        CHECK(!strncmp(err.msg, bad[i].msg, strlen(bad[i].msg)) && !strchr(err.msg, '\n'));
        CHECK(!l.v && !l.doc.text);
    }
}

/* ---- what changes of a file */

static const char FILE_TEXT[] =
    "{ \"keepwarm_platform\": 1, \"name\": \"openai\", \"title\": \"T\", \"kind\": \"api\",\n"
    "  \"sources\": { \"old\": {\"source\": \"page\", \"date\": \"2027-01-01\", \"grade\": \"published\"},\n"
    "    \"new\": {\"source\": \"page\", \"date\": \"2027-03-04\", \"grade\": \"published\"},\n"
    "    \"mine\": {\"source\": \"contract\", \"date\": \"2026-01-01\", \"grade\": \"user\"} },\n"
    "  \"apis\": [\n"
    "    { \"model\": \"one\", \"sku\": \"test-one\", \"src\": \"old\", \"in_mtok\": {\"usd\": \"1.20\", \"note\": "
    "\"n\"}, \"out_mtok\": \"10.40\",\n"
    "      \"cached_in_mtok\": {\"usd\": \"0.14\", \"src\": \"new\"}, \"max_model_len\": 400000,\n"
    "      \"priority\": {\"src\": \"new\", \"in_mtok\": \"2.50\", \"out_mtok\": \"20.80\"} },\n"
    "    { \"model\": \"ours\", \"sku\": \"three\", \"src\": \"mine\", \"in_mtok\": \"0.90\", \"out_mtok\": \"2\" },\n"
    "    { \"model\": \"gone\", \"sku\": \"nowhere\", \"src\": \"old\", \"in_mtok\": \"1\", \"out_mtok\": \"1\" },\n"
    "    { \"model\": \"ended\", \"sku\": \"nowhere2\", \"src\": \"old\", \"in_mtok\": \"1\", \"out_mtok\": \"1\", "
    "\"ends\": \"2027-02\" }\n"
    "  ] }\n";

static const struct kw_change *change(const struct kw_revision *r, const char *offer, const char *fact)
{
    for (size_t i = 0; i < r->n; i++)
        if (!strcmp(r->v[i].offer, offer) && !strcmp(r->v[i].fact, fact)) return &r->v[i];
    return NULL;
}

static bool is(const struct kw_revision *r, const char *offer, const char *fact, enum kw_change_kind kind,
               const char *had, const char *listed)
{
    const struct kw_change *c = change(r, offer, fact);
    if (c && c->kind == kind && !strcmp(c->had, had) && !strcmp(c->listed, listed)) return true;
    fprintf(stderr, "%s %s: %d, '%s' -> '%s'\n", offer, fact, c ? (int)c->kind : -1, c ? c->had : "",
            c ? c->listed : "");
    return false;
}

/* The file's prices of long prompts are of a later day than those of short ones, or of an earlier: they follow these. */
static void prices_of_long_prompts_follow_those_of_short_ones(void)
{
    static const char *const text[2] = {
        "{ \"keepwarm_platform\": 1, \"name\": \"openai\", \"title\": \"T\", \"kind\": \"api\", \"sources\": {\"s\": "
        "{\"source\": \"p\", \"date\": \"2027-01-01\", \"grade\": \"published\"}, \"t\": {\"source\": \"p\", \"date\": "
        "\"2027-05-01\", \"grade\": \"published\"}}, \"apis\": [{\"model\": \"one\", \"sku\": \"test-one\", \"src\": "
        "\"s\", "
        "\"in_mtok\": \"0.2\", \"out_mtok\": \"1\", \"above\": {\"src\": \"t\", \"tokens\": 272000, \"in_mtok\": "
        "\"0.4\", "
        "\"out_mtok\": \"2\"}}] }",
        "{ \"keepwarm_platform\": 1, \"name\": \"openai\", \"title\": \"T\", \"kind\": \"api\", \"sources\": {\"s\": "
        "{\"source\": \"p\", \"date\": \"2027-05-01\", \"grade\": \"published\"}, \"t\": {\"source\": \"p\", \"date\": "
        "\"2027-01-01\", \"grade\": \"published\"}}, \"apis\": [{\"model\": \"one\", \"sku\": \"test-one\", \"src\": "
        "\"s\", "
        "\"in_mtok\": \"9\", \"out_mtok\": \"9\", \"above\": {\"src\": \"t\", \"tokens\": 272000, \"in_mtok\": \"18\", "
        "\"out_mtok\": \"18\"}}] }"
    };
    struct kw_platforms none = { NULL, 0 };
    const struct kw_revision_options o = { .all = &none };
    for (int k = 0; k < 2; k++) {
        struct kw_price_list l;
        struct kw_revision r = { .n = 0 };
        enum kw_change_kind kind = k ? KW_CHANGE_OLDER : KW_CHANGE_TAKEN;
        CHECK(read(&l, LITELLM, &PLAIN));
        CHECK(kw_revision_make(&r, &l, "f.json", text[k], strlen(text[k]), &o, &err) == KW_OK);
        CHECK(is(&r, "one", "in_mtok", kind, k ? "9" : "0.2", "1.3") &&
              is(&r, "one", "above.in_mtok", kind, k ? "18" : "0.4", "2.6") &&
              is(&r, "one", "above.out_mtok", kind, k ? "18" : "2", "15.6"));
        kw_revision_free(&r);
        kw_price_list_free(&l);
    }
}

static void the_newer_fact_wins_and_nothing_else_moves(void)
{
    struct kw_price_list l;
    struct kw_platforms none = { NULL, 0 };
    struct kw_revision r = { .n = 0 }, again = { .n = 0 };
    const struct kw_revision_options o = { .all = &none };
    struct kw_platform p;
    CHECK(read(&l, LITELLM, &PLAIN));
    CHECK(kw_revision_make(&r, &l, "f.json", FILE_TEXT, sizeof FILE_TEXT - 1, &o, &err) == KW_OK && r.text);
    CHECK(is(&r, "one", "in_mtok", KW_CHANGE_TAKEN, "1.2", "1.3") &&
          is(&r, "one", "batch", KW_CHANGE_TAKEN, "", "0.5"));
    CHECK_NEAR(change(&r, "one", "in_mtok")->percent, 100.0 / 12, 1e-9);
    CHECK(is(&r, "one", "cached_in_mtok", KW_CHANGE_OLDER, "0.14", "0.13")); /* of the same day */
    CHECK(is(&r, "one", "priority.in_mtok", KW_CHANGE_OLDER, "2.5", "2.6") && !change(&r, "one", "priority.out_mtok"));
    CHECK(is(&r, "one", "flex.in_mtok", KW_CHANGE_TAKEN, "", "0.65") &&
          is(&r, "one", "above.tokens", KW_CHANGE_TAKEN, "", "272000"));
    CHECK(is(&r, "one", "max_model_len", KW_CHANGE_STATED, "400000", "272000") &&
          is(&r, "one", "ends", KW_CHANGE_TAKEN, "", "2028-02-01"));
    CHECK(is(&r, "ours", "in_mtok", KW_CHANGE_OWN, "0.9", "1"));
    CHECK(is(&r, "gone", "", KW_CHANGE_ABSENT, "", "") && !change(&r, "ended", "")); /* what ended is not missed */
    CHECK(!change(&r, "one", "out_mtok") && r.same == 3);

    CHECK(kw_platform_parse(&p, "f.json", r.text, r.len, &err) == KW_OK);
    CHECK(p.n_apis == 4 && p.apis[0].price.in_mtok.v == USD(1.3) &&
          !strcmp(p.apis[0].price.in_mtok.provenance.date, "2027-03-04") &&
          p.apis[0].price.in_mtok.provenance.evidence == 'T');
    CHECK(strstr(p.apis[0].price.in_mtok.provenance.source, "litellm-2027-03-04: BerriAI/litellm") != NULL);
    CHECK(p.apis[0].price.out_mtok.v == USD(10.4) && !strcmp(p.apis[0].price.out_mtok.provenance.date, "2027-01-01"));
    CHECK(p.apis[0].flex.out_mtok.v == USD(5.2) && p.apis[0].above.tokens == 272000 &&
          p.apis[0].above.price.out_mtok.v == USD(15.6));
    CHECK(p.apis[0].batch_ppm == 500000 && !strcmp(p.apis[0].sale.ends, "2028-02-01") &&
          p.apis[1].price.in_mtok.v == USD(0.9));
    kw_platform_free(&p);
    /* Every byte that is not of a changed fact is there, in order. */
    static const char *const kept[] = {
        "{ \"keepwarm_platform\": 1, \"name\": \"openai\"", "\"grade\": \"user\"}",
        "\"in_mtok\": {\"usd\": \"1.3\", \"src\": \"litellm-2027-03-04\"}, \"out_mtok\": \"10.40\",\n      "
        "\"cached_in_mtok\": {\"usd\": \"0.14\", \"src\": \"new\"}, \"max_model_len\": 400000,\n      "
        "\"priority\": {\"src\": \"new\", \"in_mtok\": \"2.50\", \"out_mtok\": \"20.80\"}",
        "{ \"model\": \"ours\", \"sku\": \"three\", \"src\": \"mine\", \"in_mtok\": \"0.90\", \"out_mtok\": \"2\" },\n"
    };
    const char *at = r.text;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        CHECK(at && strstr(at, kept[i]));
        at = at && strstr(at, kept[i]) ? strstr(at, kept[i]) + strlen(kept[i]) : NULL;
    }
    /* Importing it again changes nothing. */
    for (size_t i = 0; i < l.n; i++) l.v[i].taken = false;
    CHECK(kw_revision_make(&again, &l, "f.json", r.text, r.len, &o, &err) == KW_OK && !again.text);
    kw_revision_free(&again);
    kw_price_list_free(&l);
    kw_revision_free(&r);
}

static void an_older_catalogue_changes_nothing(void)
{
    struct kw_price_list l;
    struct kw_platforms none = { NULL, 0 };
    struct kw_revision r = { .n = 0 };
    const struct kw_revision_options o = { .all = &none };
    const struct kw_price_list_options old = { .date = "2026-12-31", .gpus = GPUS };
    CHECK(read(&l, LITELLM, &old));
    CHECK(kw_revision_make(&r, &l, "f.json", FILE_TEXT, sizeof FILE_TEXT - 1, &o, &err) == KW_OK && !r.text);
    CHECK(is(&r, "one", "in_mtok", KW_CHANGE_OLDER, "1.2", "1.3"));
    CHECK(is(&r, "one", "flex.in_mtok", KW_CHANGE_OLDER, "", "0.65")); /* beside prices of a later day */
    for (size_t i = 0; i < r.n; i++) CHECK(!r.v[i].taken);
    kw_revision_free(&r);
    kw_price_list_free(&l);
}

static void new_offers_are_taken_when_asked_for(void)
{
    static const char TEXT[] = "{ \"keepwarm_platform\": 1, \"name\": \"groq\", \"title\": \"T\", \"kind\": \"api\", "
                               "\"sources\": {}, \"apis\": [] }";
    struct kw_api_offer known = { .model = "two" };
    struct kw_platform other = { .apis = &known, .n_apis = 1 };
    struct kw_platforms all = { &other, 1 };
    struct kw_price_list l;
    struct kw_revision r = { .n = 0 };
    struct kw_platform p;
    bool added[1] = { false };
    const char *add[] = { "two-b=test-one" };
    struct kw_revision_options o = { .all = &all };
    CHECK(read(&l, LITELLM, &PLAIN));
    CHECK(kw_revision_make(&r, &l, "f.json", TEXT, sizeof TEXT - 1, &o, &err) == KW_OK &&
          r.text); /* a blank file takes all */
    CHECK(kw_platform_parse(&p, "f.json", r.text, r.len, &err) == KW_OK && p.n_apis == 1);
    CHECK_STR(p.apis[0].model, "two"); /* "test/two" is the name that others have for it */
    CHECK_STR(p.apis[0].sku, "test/two");
    kw_platform_free(&p);
    kw_revision_free(&r);

    static const char ONE[] =
        "{ \"keepwarm_platform\": 1, \"name\": \"openai\", \"title\": \"T\", \"kind\": \"api\", \"sources\": {\"s\": "
        "{\"source\": \"p\", \"date\": \"2027\", \"grade\": \"published\"}}, \"apis\": [{\"model\": \"m\", \"sku\": "
        "\"m\", \"src\": \"s\", \"in_mtok\": \"1\", \"out_mtok\": \"1\"}] }";
    CHECK(kw_revision_make(&r, &l, "f.json", ONE, sizeof ONE - 1, &o, &err) == KW_OK &&
          !r.text); /* listed, not taken */
    CHECK(is(&r, "test-one", "", KW_CHANGE_NEW, "", "1.3 in, 10.4 out") && !change(&r, "test-one", "")->taken);
    kw_revision_free(&r);
    o = (struct kw_revision_options){ .all = &all, .add = add, .n_add = 1, .added = added };
    CHECK(kw_revision_make(&r, &l, "f.json", ONE, sizeof ONE - 1, &o, &err) == KW_OK && r.text && added[0]);
    CHECK(kw_platform_parse(&p, "f.json", r.text, r.len, &err) == KW_OK && p.n_apis == 2);
    CHECK_STR(p.apis[1].model, "two-b");
    CHECK(p.apis[1].priority.out_mtok.v == USD(20.8) && p.apis[1].max_model_len == 272000 &&
          p.apis[1].above.tokens == 272000);
    kw_platform_free(&p);
    kw_revision_free(&r);
    add[0] = "m=test-one";
    CHECK(kw_revision_make(&r, &l, "f.json", ONE, sizeof ONE - 1, &o, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "--add test-one: the platform has a model of that name");
    kw_revision_free(&r);
    kw_price_list_free(&l);
}

static void a_seller_who_lists_it_sells_it(void)
{
    static const char TEXT[] =
        "{ \"keepwarm_platform\": 1, \"name\": \"aws\", \"title\": \"T\", \"kind\": \"dedicated\",\n"
        "  \"sources\": {\"s\": {\"source\": \"p\", \"date\": \"2026-01\", \"grade\": \"published\"}},\n"
        "  \"gpus\": [ {\"gpu\": \"H100\", \"sku\": \"p9.48xlarge\", \"count\": [8, 8], \"src\": \"s\", \"hour\": "
        "\"5.125000052\", \"seen\": \"2026-02\"} ] }";
    struct kw_price_list l;
    struct kw_platforms none = { NULL, 0 };
    struct kw_revision r = { .n = 0 };
    struct kw_platform p;
    const struct kw_revision_options o = { .all = &none };
    CHECK(read(&l, AWS, &PLAIN));
    CHECK(kw_revision_make(&r, &l, "f.json", TEXT, sizeof TEXT - 1, &o, &err) == KW_OK && r.text && r.seen == 1 &&
          r.same == 1);
    CHECK(is(&r, "p9.48xlarge", "spot_hour", KW_CHANGE_TAKEN, "", "2") &&
          is(&r, "a3.xlarge", "", KW_CHANGE_NEW, "", ""));
    CHECK(kw_platform_parse(&p, "f.json", r.text, r.len, &err) == KW_OK);
    CHECK_STR(p.gpus[0].sale.seen, "2027-03-04");
    CHECK(!strcmp(p.gpus[0].gpu_hour.provenance.date, "2026-01") && p.gpus[0].gpu_hour_spot.v == USD(2));
    kw_platform_free(&p);
    kw_revision_free(&r);
    kw_price_list_free(&l);
}

/* A file may have one offer for all sizes of a machine, by names of its own. */
static void machines_stand_for_an_offer_of_their_gpu(void)
{
    static const char TEXT[] =
        "{ \"keepwarm_platform\": 1, \"name\": \"nebius\", \"title\": \"T\", \"kind\": \"dedicated\",\n"
        "  \"sources\": {\"s\": {\"source\": \"p\", \"date\": \"2026-01\", \"grade\": \"published\"}},\n"
        "  \"gpus\": [ {\"gpu\": \"H100\", \"sku\": \"HGX\", \"count\": [1, 8], \"src\": \"s\", \"hour\": \"3\"} ] }";
    struct kw_price_list l;
    struct kw_platforms none = { NULL, 0 };
    struct kw_revision r = { .n = 0 };
    const struct kw_revision_options o = { .all = &none };
    CHECK(read(&l,
               HEAD "gpu-h-8vcpu,H100,8,,,,16,,eu,\ngpu-h-1vcpu,H100,1,,,,2,,eu,\ngpu-h-2vcpu,H100,2,,,,5,,eu,\n"
                    "gpu-h-16vcpu,H100,16,,,,32,,eu,\ngpu-l-1vcpu,L4,1,,,,1,,eu,\n",
               &PLAIN));
    CHECK(kw_revision_make(&r, &l, "f.json", TEXT, sizeof TEXT - 1, &o, &err) == KW_OK && r.text);
    CHECK(is(&r, "HGX", "hour", KW_CHANGE_TAKEN, "3", "2") && !change(&r, "gpu-h-8vcpu", "") &&
          !change(&r, "gpu-h-1vcpu", ""));
    CHECK(is(&r, "gpu-h-2vcpu", "", KW_CHANGE_NEW, "", "2.5") && change(&r, "gpu-h-16vcpu", "") &&
          change(&r, "gpu-l-1vcpu", ""));
    kw_revision_free(&r);
    kw_price_list_free(&l);
}

/* A malloc that fails at any point gives an error, never a crash or a half-made text. */
static void no_memory_is_an_error(void)
{
    struct kw_platforms none = { NULL, 0 };
    const struct kw_revision_options o = { .all = &none };
    for (long k = 1;; k++) {
        struct kw_price_list l;
        struct kw_revision r = { .n = 0 };
        failmalloc_at(k);
        enum kw_status st = kw_price_list_read(&l, "sample", LITELLM, strlen(LITELLM), &PLAIN, &err);
        if (st == KW_OK) st = kw_revision_make(&r, &l, "f.json", FILE_TEXT, sizeof FILE_TEXT - 1, &o, &err);
        bool failed = failmalloc_off();
        CHECK(st == KW_ENOMEM || (st == KW_OK && r.text)); /* OK: a count of what was left out is short, no more */
        kw_revision_free(&r);
        kw_price_list_free(&l);
        if (!failed) break;
    }
}

int main(void)
{
    RUN(litellm_prices_a_token_become_prices_a_million);
    RUN(genai_prices_hold_on_the_day_of_the_catalogue);
    RUN(where_no_set_holds_it_is_the_first);
    RUN(models_dev_prices_are_by_the_million_already);
    RUN(openrouter_is_a_platform_of_its_own);
    RUN(skypilot_machines_are_priced_by_the_gpu);
    RUN(googles_machine_and_gpus_are_added_up);
    RUN(the_clouds_and_their_cards_are_told_apart);
    RUN(what_is_no_catalogue_says_so_in_one_line);
    RUN(prices_of_long_prompts_follow_those_of_short_ones);
    RUN(the_newer_fact_wins_and_nothing_else_moves);
    RUN(an_older_catalogue_changes_nothing);
    RUN(new_offers_are_taken_when_asked_for);
    RUN(a_seller_who_lists_it_sells_it);
    RUN(machines_stand_for_an_offer_of_their_gpu);
    RUN(no_memory_is_an_error);
    return check_report();
}
