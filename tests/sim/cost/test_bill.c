/* Bills against examples worked by hand, one per way of metering, and the identities of money. */
#include "sim/cost/bill.h"
#include "sim/core/rng.h"
#include "tests/check.h"

#define S KW_NS_PER_S
#define USD KW_NANO

static struct kw_platform platform(void)
{
    struct kw_platform p = { .name = "p", .meter = { .granularity = 1, .multiplier_ppm = 1000000 } };
    return p;
}

static struct kw_price price(kw_nusd v)
{
    return (struct kw_price){ .known = true, .v = v };
}

static enum kw_status bill_month(struct kw_bill *b, const struct kw_usage *u, const struct kw_tariff *t,
                                 struct kw_error *err)
{
    return kw_bills(b, u, t, 1, true, err);
}

static struct kw_bill month(const struct kw_usage *u, const struct kw_tariff *t)
{
    struct kw_bill b;
    struct kw_error err = { "" };
    memset(&b, 0x5a, sizeof b);
    CHECK(bill_month(&b, u, t, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    kw_nusd sum = 0;
    for (int i = 0; i < KW_ITEMS; i++) sum += b.item[i];
    CHECK(sum == b.total);
    return b;
}

/* PLATFORMS.md 15, Hugging Face's own example: 1 -> 3 replicas for 15 minutes each hour at $0.50/h = $547.50 a month.
 */
static void hugging_face_example(void)
{
    struct kw_life l[3] = { { .gone = 3600 * S, .first_success = -1 },
                            { .gone = 900 * S, .first_success = -1 },
                            { .gone = 900 * S, .first_success = -1 } };
    l[0].phase[KW_PHASE_ACTIVE] = 900 * S;
    l[0].phase[KW_PHASE_KEEP_WARM] = 2700 * S;
    l[1].phase[KW_PHASE_ACTIVE] = l[2].phase[KW_PHASE_ACTIVE] = 840 * S;
    l[1].phase[KW_PHASE_INIT] = l[2].phase[KW_PHASE_INIT] = 60 * S;
    struct kw_ledger g = { .lives_n = 3, .lives = l };
    struct kw_platform p = platform();
    p.meter.granularity = 60 * S;
    p.meter.bills[KW_PHASE_ACTIVE] = p.meter.bills[KW_PHASE_KEEP_WARM] = p.meter.bills[KW_PHASE_INIT] = true;
    struct kw_gpu_offer o = { .gpu = "T4", .gpus_min = 1, .gpus_max = 4, .gpu_hour = price(USD / 2) };
    struct kw_tariff t = { .platform = &p, .gpu = &o };
    struct kw_usage u;
    CHECK(kw_usage_from_ledger(&u, &g, &p.meter, KW_KIND_SERVERLESS, 1, 0, 3600 * S, NULL) == KW_OK);
    struct kw_bill b = month(&u, &t);
    CHECK(b.total == 547500000000);
    CHECK(kw_bill_idle(&b, &u) == 273750000000); /* 45 min of each hour */
    CHECK(kw_bill_cold(&b) == 12166666667);      /* 2 minutes of each hour: 730 / 30 * 0.5 */
}

/* PLATFORMS.md 4 and 15, Bedrock custom import: one window, 2 CMU at $0.0785 a CMU-minute = $0.785. */
static void bedrock_window_example(void)
{
    struct kw_life l = { .gone = 70 * S, .first_success = 65 * S };
    l.phase[KW_PHASE_LOAD] = 60 * S;
    l.phase[KW_PHASE_ACTIVE] = 10 * S;
    struct kw_ledger g = { .lives_n = 1, .lives = &l };
    struct kw_platform p = platform();
    p.meter.window = 300 * S;
    struct kw_gpu_offer o = { .gpu = "CMU", .gpus_min = 1, .gpus_max = 8, .gpu_hour = price(60 * 78500000L) };
    struct kw_tariff t = { .platform = &p, .gpu = &o };
    struct kw_usage u;
    struct kw_bill b;
    CHECK(kw_usage_from_ledger(&u, &g, &p.meter, KW_KIND_SERVERLESS, 2, 0, 86400 * S, NULL) == KW_OK);
    u.window = 730 * KW_NS_PER_HOUR; /* the same usage in a month of its own: priced as it is */
    CHECK(bill_month(&b, &u, &t, NULL) == KW_OK);
    CHECK(b.total == 785000000);
    CHECK(b.item[KW_ITEM_LOAD] == 0 && b.item[KW_ITEM_ACTIVE] == 13083333 && b.item[KW_ITEM_ROUNDING] == 771916667);
    /* Always on: 12 windows an hour at the 2026 rate $0.05718 is $6.8616/h (PLATFORMS.md: $6.86/h). */
    o.gpu_hour = price(60 * 57180000L);
    u = (struct kw_usage){ .kind = KW_KIND_SERVERLESS, .window = 730 * KW_NS_PER_HOUR, .gpus = 2 };
    u.gpu_ns[KW_PHASE_ACTIVE] = 2 * 3600 * S;
    CHECK(bill_month(&b, &u, &t, NULL) == KW_OK && b.total == 6861600000);
}

/* Modal: GPU + CPU + memory, all times the region factor. One hour of H100 at $3.9492, 0.125 core at $0.0473 a
 * core-hour and 16 GiB at $0.008 a GiB-hour in a region of x1.15, once in a 730-hour month. */
static void modal_resources_and_region(void)
{
    struct kw_platform p = platform();
    p.meter.multiplier_ppm = 1150000;
    p.meter.monthly_credit = 30 * USD;
    struct kw_gpu_offer o = { .gpu = "H100",
                              .gpus_min = 1,
                              .gpus_max = 8,
                              .gpu_hour = price(3949200000),
                              .cpu_core_hour = price(47300000),
                              .memory_gib_hour = price(8000000),
                              .cpu_cores = 0.125,
                              .memory_gib = 16 };
    struct kw_tariff t = { .platform = &p, .gpu = &o };
    struct kw_usage u = { .kind = KW_KIND_SERVERLESS, .window = 730 * KW_NS_PER_HOUR, .gpus = 1 };
    u.gpu_ns[KW_PHASE_ACTIVE] = KW_NS_PER_HOUR / 2;
    u.gpu_ns[KW_PHASE_IDLE] = KW_NS_PER_HOUR / 2;
    struct kw_bill b = month(&u, &t);
    CHECK(b.item[KW_ITEM_ACTIVE] == 2270790000 && b.item[KW_ITEM_IDLE] == 2270790000);
    CHECK(b.item[KW_ITEM_CPU] == 6799375);                        /* 0.0473 * 0.125 * 1.15 */
    CHECK(b.item[KW_ITEM_MEMORY] == 147200000);                   /* 0.008 * 16 * 1.15 */
    CHECK(b.item[KW_ITEM_CREDIT] == -4695579375 && b.total == 0); /* the credit pays what there is, no more */
    t.operations_month = 5 * USD;
    CHECK(month(&u, &t).total == 5 * USD); /* no platform's credit pays for the user's engineer */
    p.meter.monthly_fee = 250 * USD;
    p.meter.monthly_credit = 100 * USD;
    t.operations_month = 1000 * USD;
    b = month(&u, &t);
    CHECK(b.total == (250 + 1000) * USD); /* a credit pays for use and not for the fee */
    p.meter.credit_pays_fee = true;
    CHECK(month(&u, &t).total == (250 - 100 + 1000) * USD + 4695579375);
    p.meter.credit_pays_fee = false;
    p.meter.monthly_fee = 19990000000; /* a fee of 19.99 and a credit of 30 beside use of 4.70 */
    p.meter.monthly_credit = 30 * USD;
    t.operations_month = 0;
    CHECK(month(&u, &t).total == 19990000000);
}

/* Sign-up credits pay once, after the month's own credit, for what such a credit covers, and once an account. */
static void one_off_credits_are_beside_the_month(void)
{
    struct kw_platform p = platform();
    struct kw_usage u[3];
    struct kw_tariff t[3];
    struct kw_bill b[3];
    struct kw_gpu_offer o = { .gpu = "L4", .gpu_hour = price(USD) };
    p.meter.one_off_credit = 25 * USD;
    p.meter.monthly_fee = 7 * USD;
    for (int i = 0; i < 3; i++) {
        u[i] = (struct kw_usage){ .kind = KW_KIND_SERVERLESS, .window = 730 * KW_NS_PER_HOUR, .gpus = 1 };
        u[i].gpu_ns[KW_PHASE_ACTIVE] = 10 * KW_NS_PER_HOUR;
        t[i] = (struct kw_tariff){ .platform = &p, .gpu = &o, .operations_month = USD };
    }
    CHECK(kw_bills(b, u, t, 3, true, NULL) == KW_OK && kw_bills_one_off(b, t, 3) == 25 * USD);
    CHECK(b[0].total + b[1].total + b[2].total == (30 + 7 + 3) * USD); /* no part of the month */
    p.meter.monthly_credit = 12 * USD;
    CHECK(kw_bills(b, u, t, 3, true, NULL) == KW_OK && kw_bills_one_off(b, t, 3) == 18 * USD);
    p.meter.credit_pays_fee = true;
    CHECK(kw_bills(b, u, t, 3, true, NULL) == KW_OK && kw_bills_one_off(b, t, 3) == 25 * USD);
    t[2].account = "another"; /* with a fee, credits and a sign-up of its own */
    p.meter.credit_pays_fee = false;
    CHECK(kw_bills(b, u, t, 3, true, NULL) == KW_OK && kw_bills_one_off(b, t, 3) == 8 * USD);
    CHECK(b[0].total + b[1].total == (20 - 12 + 7 + 2) * USD && b[2].total == (10 - 10 + 7 + 1) * USD);
}

static void api_tokens(void)
{
    /* gpt-4o: 2.50 in, 1.25 cached, 10 out per million (PLATFORMS.md 2); 3M in of which 1M cached, 0.5M out in half a
     * month. */
    struct kw_platform p = platform();
    struct kw_api_offer o = { .model = "gpt-4o",
                              .price.in_mtok = price(2500000000),
                              .price.cached_in_mtok = price(1250000000),
                              .price.out_mtok = price(10 * USD) };
    struct kw_tariff t = { .platform = &p, .api = &o };
    struct kw_usage u = { .kind = KW_KIND_API,
                          .window = 365 * KW_NS_PER_HOUR,
                          .tokens_in = 2000000,
                          .tokens_cached = 1000000,
                          .tokens_out = 500000 };
    struct kw_bill b = month(&u, &t);
    CHECK(b.item[KW_ITEM_TOKENS_IN] == 10 * USD && b.item[KW_ITEM_TOKENS_CACHED] == 2500000000 &&
          b.item[KW_ITEM_TOKENS_OUT] == 10 * USD);
    CHECK(b.total == 22500000000);
    u.tokens_cache_write =
        1000000; /* twice in a month; what a write costs where it has no price of its own is an input's */
    CHECK(month(&u, &t).item[KW_ITEM_TOKENS_CACHE_WRITE] == 5 * USD);
    o.price.cache_write_mtok = price(3125000000);
    CHECK(month(&u, &t).item[KW_ITEM_TOKENS_CACHE_WRITE] == 6250000000);
    o.price.cached_in_mtok.known = false; /* then cached ones cost what fresh ones do */
    CHECK(month(&u, &t).item[KW_ITEM_TOKENS_CACHED] == 5 * USD);
}

/* ai.google.dev/gemini-api/docs/pricing, Gemini 2.5 Pro: $1.25 in and $10 out up to 200k tokens of prompt, $2.50 and $15
 * above, the whole request. One request of 200,000 + 1,000 tokens costs $0.26, one of 200,001 + 1,000 $0.5150025. */
static void long_prompts_have_prices_of_their_own(void)
{
    struct kw_platform p = platform();
    struct kw_api_offer o = { .model = "gemini-2.5-pro",
                              .price = { .in_mtok = price(1250000000), .out_mtok = price(10 * USD) },
                              .above = { .tokens = 200000,
                                         .price = { .in_mtok = price(2500000000), .out_mtok = price(15 * USD) } },
                              .batch_ppm = 500000 };
    struct kw_tariff t = { .platform = &p, .api = &o };
    struct kw_usage u = { .kind = KW_KIND_API,
                          .window = 730 * KW_NS_PER_HOUR,
                          .long_prompt = 200000,
                          .tokens_in = 400001,
                          .tokens_out = 2000,
                          .long_in = 200001,
                          .long_out = 1000 };
    struct kw_bill b = month(&u, &t);
    CHECK(b.item[KW_ITEM_TOKENS_IN] == 250000000 && b.item[KW_ITEM_TOKENS_OUT] == 10000000);
    CHECK(b.item[KW_ITEM_LONG_IN] == 500002500 && b.item[KW_ITEM_LONG_OUT] == 15000000);
    CHECK(b.total == 260000000 + 515002500);
    t.term = KW_TERM_BATCH;
    CHECK(month(&u, &t).total == 130000000 + 257501250);
    u.tokens_cached = u.long_cached = 100000; /* without a cached price above, as long input: not as short cached */
    o.price.cached_in_mtok = price(125000000);
    t.term = KW_TERM_ON_DEMAND;
    CHECK(month(&u, &t).item[KW_ITEM_LONG_CACHED] == 250000000 && month(&u, &t).item[KW_ITEM_TOKENS_CACHED] == 0);
    o.above.price.cached_in_mtok = price(250000000);
    CHECK(month(&u, &t).item[KW_ITEM_LONG_CACHED] == 25000000);
    t.term = KW_TERM_PRIORITY;
    o.priority = o.price;
    struct kw_error err;
    CHECK(bill_month(&b, &u, &t, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "p gemini-2.5-pro: the price of tokens of long prompts is not known");
    u.long_in = u.long_cached = u.long_out = 0; /* nobody sent one: nothing is asked */
    CHECK(bill_month(&b, &u, &t, &err) == KW_OK);
    t.term = KW_TERM_ON_DEMAND;
    u.long_prompt = 128000; /* counted by another limit */
    CHECK(bill_month(&b, &u, &t, &err) == KW_ERANGE && strstr(err.msg, "simulate it again"));
    o.above.tokens = 0; /* one price again: how they were counted does not matter */
    u.long_in = 200001;
    CHECK(month(&u, &t).item[KW_ITEM_TOKENS_IN] == 500001250 && month(&u, &t).item[KW_ITEM_LONG_IN] == 0);
}

/* Anthropic's pricing page: a cache read is a tenth of input, by the batch half of that (Sonnet 5: $2, $0.20, $0.10). Vertex's page
 * of batch inference: the discounts of cache and batch do not stack, the cache's holds (Gemini 2.5 Flash: $0.03). */
static void batch_and_cache(void)
{
    struct kw_platform p = platform();
    struct kw_api_offer o = { .model = "m",
                              .price = { .in_mtok = price(2 * USD),
                                         .cached_in_mtok = price(200000000),
                                         .cache_write_mtok = price(2500000000),
                                         .out_mtok = price(10 * USD) },
                              .batch_ppm = 500000 };
    struct kw_tariff t = { .platform = &p, .api = &o, .term = KW_TERM_BATCH };
    struct kw_usage u = { .kind = KW_KIND_API,
                          .window = 730 * KW_NS_PER_HOUR,
                          .tokens_in = 1000000,
                          .tokens_cached = 1000000,
                          .tokens_cache_write = 1000000,
                          .tokens_out = 1000000 };
    p.batch.cache = KW_BATCH_CACHE_MULTIPLIES;
    struct kw_bill b = month(&u, &t);
    CHECK(b.item[KW_ITEM_TOKENS_IN] == USD && b.item[KW_ITEM_TOKENS_CACHED] == 100000000 &&
          b.item[KW_ITEM_TOKENS_CACHE_WRITE] == 1250000000 && b.item[KW_ITEM_TOKENS_OUT] == 5 * USD);
    p.batch.cache = KW_BATCH_CACHE_WINS;
    b = month(&u, &t);
    CHECK(b.item[KW_ITEM_TOKENS_IN] == USD && b.item[KW_ITEM_TOKENS_CACHED] == 200000000 &&
          b.item[KW_ITEM_TOKENS_CACHE_WRITE] == 2500000000);
    p.batch.cache = KW_BATCH_CACHE_UNKNOWN; /* nobody says that there is a discount */
    b = month(&u, &t);
    CHECK(b.item[KW_ITEM_TOKENS_CACHED] == USD && b.item[KW_ITEM_TOKENS_CACHE_WRITE] == USD);
}

/* $10 per 1e6 tokens up to 2e6 a month, $6 up to 5e6, $2 above, as one reads such a table. */
static const struct kw_brackets tiers = {
    .n = 3, .nth = 1, .upto = { 2000000, 5000000, INT64_MAX }, .v = { 10 * USD, 6 * USD, 2 * USD }
};

static kw_nusd of_tokens(int64_t tokens, const struct kw_brackets *b, kw_ns window, enum kw_item item)
{
    struct kw_platform p = platform();
    struct kw_api_offer o = {
        .model = "m", .price = { .in_mtok = { .known = true, .v = 10 * USD, .brackets = b }, .out_mtok = price(USD) }
    };
    struct kw_tariff t = { .platform = &p, .api = &o };
    struct kw_usage u = { .kind = KW_KIND_API, .window = window, .tokens_in = tokens };
    return month(&u, &t).item[item];
}

static void prices_by_volume(void)
{
    const kw_ns m = 730 * KW_NS_PER_HOUR;
    const enum kw_item in = KW_ITEM_TOKENS_IN;
    CHECK(of_tokens(0, &tiers, m, in) == 0);
    CHECK(of_tokens(2000000, &tiers, m, in) == 20 * USD); /* the whole of the first */
    CHECK(of_tokens(2000001, &tiers, m, in) == 20 * USD + 6000);
    CHECK(of_tokens(5000000, &tiers, m, in) == 38 * USD);
    CHECK(of_tokens(5000001, &tiers, m, in) == 38 * USD + 2000);
    CHECK(of_tokens(9000000, &tiers, m, in) == 46 * USD);
    CHECK(of_tokens(900000, &tiers, m / 10, in) == 46 * USD); /* the month's volume counts, not the window's */
    struct kw_brackets whole = tiers;
    whole.whole = true;
    CHECK(of_tokens(0, &whole, m, in) == 0);
    CHECK(of_tokens(2000000, &whole, m, in) == 20 * USD);
    CHECK(of_tokens(2000001, &whole, m, in) == 12 * USD + 6000);
    CHECK(of_tokens(9000000, &whole, m, in) == 18 * USD);
    /* Of one price throughout it is no other bill, to the nano-dollar. */
    struct kw_brackets flat = tiers;
    flat.v[1] = flat.v[2] = 10 * USD;
    flat.upto[0] = 0;
    flat.upto[1] = INT64_MAX / 4;
    for (int64_t tokens = 1; tokens < INT64_C(10000000000000); tokens = 3 * tokens + 7)
        CHECK(of_tokens(tokens, &flat, 86400 * S - 7, in) == of_tokens(tokens, NULL, 86400 * S - 7, in));
}

/* Deployments of one account fill the brackets together, in their order, whatever the term; another account's has its own. */
static void an_accounts_volume_is_one(void)
{
    struct kw_platform p = platform(), q = platform();
    q.name[0] = 'q';
    struct kw_brackets by[2] = { tiers, tiers };
    by[1].nth = 2;
    struct kw_api_offer o = { .model = "m",
                              .price = { .in_mtok = { .known = true, .v = 10 * USD, .brackets = &by[0] },
                                         .out_mtok = { .known = true, .v = 10 * USD, .brackets = &by[1] } },
                              .batch_ppm = 500000 };
    struct kw_tariff t[4] = { { .platform = &p, .api = &o },
                              { .platform = &p, .api = &o, .account = "other" },
                              { .platform = &p, .api = &o, .term = KW_TERM_BATCH },
                              { .platform = &q, .api = &o } };
    struct kw_usage u[4];
    struct kw_bill b[4];
    for (int i = 0; i < 4; i++) /* half a month */
        u[i] = (struct kw_usage){ .kind = KW_KIND_API,
                                  .window = 365 * KW_NS_PER_HOUR,
                                  .tokens_in = 1000000,
                                  .tokens_cached = 500000,
                                  .tokens_out = 1000000 };
    CHECK(kw_bills(b, u, t, 4, true, NULL) == KW_OK);
    /* First: 2e6 in at $10, then 1e6 cached at the input's price, $6; out fills a list of its own. */
    CHECK(b[0].item[KW_ITEM_TOKENS_IN] == 20 * USD && b[0].item[KW_ITEM_TOKENS_CACHED] == 6 * USD);
    CHECK(b[0].item[KW_ITEM_TOKENS_OUT] == 20 * USD);
    CHECK(b[1].total == b[0].total && b[3].total == b[0].total);
    /* Behind 3e6 of the first: 2e6 at $6, then 1e6 at $2, half of it all by the batch. */
    CHECK(b[2].item[KW_ITEM_TOKENS_IN] == 6 * USD && b[2].item[KW_ITEM_TOKENS_CACHED] == USD);
    CHECK(b[2].item[KW_ITEM_TOKENS_OUT] == 6 * USD);
    CHECK(kw_bills(b, u, t, 4, false, NULL) == KW_OK); /* half of a month's */
    CHECK(b[0].item[KW_ITEM_TOKENS_IN] == 10 * USD && b[2].total == 13 * USD / 2);
    by[0].whole = true; /* 6e6 in all: each token of them at $2 */
    CHECK(kw_bills(b, u, t, 4, true, NULL) == KW_OK);
    CHECK(b[0].item[KW_ITEM_TOKENS_IN] == 4 * USD && b[2].item[KW_ITEM_TOKENS_IN] == 2 * USD);
    CHECK(b[1].item[KW_ITEM_TOKENS_IN] == 12 * USD); /* 3e6 */
    by[0].whole = false;
    u[2].window *= 2; /* then how much a month holds cannot be told */
    struct kw_error err;
    CHECK(kw_bills(b, u, t, 4, true, &err) == KW_ERANGE && strstr(err.msg, "tokens_in"));
}

/* 1000 output tokens of 250 bytes an hour are 182.5 MB a month: AWS's first 100 GB are free; and 20 TB: 10140 GB at $0.09,
 * 9760 at $0.085. */
static void what_is_sent_out(void)
{
    const struct kw_brackets by = { .n = 3,
                                    .nth = 1,
                                    .upto = { INT64_C(100000000000), INT64_C(10240000000000), INT64_MAX },
                                    .v = { 0, 90000000, 85000000 } };
    struct kw_platform p = platform();
    p.egress.per = 1000000000;
    p.meter.multiplier_ppm = 3000000; /* of machines, not of bytes */
    struct kw_gpu_offer o = { .gpu = "L4", .gpu_hour = price(USD), .region_surcharge_ppm = 500000 };
    struct kw_tariff t = { .platform = &p, .gpu = &o };
    struct kw_usage u = { .kind = KW_KIND_SERVERLESS, .window = KW_NS_PER_HOUR, .gpus = 1, .tokens_out = 1000 };
    CHECK(kw_usage_egress(&u, 250, NULL) == KW_OK && u.egress_bytes == 250000);
    CHECK(month(&u, &t).total == 0); /* no price is stated */
    p.egress.price = price(90000000);
    CHECK(month(&u, &t).item[KW_ITEM_EGRESS] == 16425000);
    p.egress.price.brackets = &by;
    CHECK(month(&u, &t).total == 0);
    u.window = 730 * KW_NS_PER_HOUR;
    u.egress_bytes = INT64_C(20000000000000);
    CHECK(month(&u, &t).item[KW_ITEM_EGRESS] == 912600000000 + 829600000000);
    p.egress.per = 1 << 30;
    p.egress.price.brackets = NULL;
    u.egress_bytes = INT64_C(1) << 31;
    CHECK(month(&u, &t).item[KW_ITEM_EGRESS] == 180000000);
    u.carried_out = 5; /* what units answer leaves, too */
    CHECK(kw_usage_egress(&u, 2, NULL) == KW_OK && u.egress_bytes == 2010);
    u.tokens_out = INT64_MAX - 4;
    CHECK(kw_usage_egress(&u, 1, NULL) == KW_ERANGE && u.egress_bytes == 2010);
}

static void dedicated_terms(void)
{
    struct kw_platform p = platform();
    struct kw_gpu_offer o = {
        .gpu = "A100-80", .gpus_min = 1, .gpus_max = 8, .gpu_hour = price(2 * USD), .gpu_month = price(1000 * USD)
    };
    struct kw_tariff t = { .platform = &p, .gpu = &o };
    struct kw_usage u = { .kind = KW_KIND_DEDICATED,
                          .window = 168 * KW_NS_PER_HOUR,
                          .gpus = 1,
                          .reserved_gpu_ns = 3 * 168 * KW_NS_PER_HOUR,
                          .busy_gpu_ns = 168 * KW_NS_PER_HOUR };
    struct kw_bill b = month(&u, &t);
    CHECK(b.total == 3 * 1460 * USD && b.item[KW_ITEM_RESERVED] == b.total);
    CHECK(kw_bill_idle(&b, &u) == 2 * 1460 * USD);
    u.busy_gpu_ns = 4 * 168 * KW_NS_PER_HOUR; /* a backlog outlasts the window */
    CHECK(kw_bill_idle(&b, &u) == 0);
    u.busy_gpu_ns = 168 * KW_NS_PER_HOUR;
    t.term = KW_TERM_MONTHLY;
    CHECK(month(&u, &t).total == 3000 * USD);
    t.term = KW_TERM_SPOT;
    struct kw_error err;
    CHECK(bill_month(&b, &u, &t, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "p A100-80: the spot price is not known");
    /* GCP's A100 of $3.67 an hour, 37 % off for a year: 3 x 2.3121 x 730 h = $5,063.499 a month. */
    o.committed[2] = (struct kw_gpu_term){ .hour = price(2312100000), .upfront_ppm = 500000 };
    t.term = (enum kw_term)(KW_TERM_COMMITTED + 2);
    CHECK(kw_term_months(t.term) == 12 && !strcmp(kw_term_name[t.term], "1_year") && !kw_term_of_api(t.term));
    CHECK(month(&u, &t).item[KW_ITEM_RESERVED] == 5063499000000);
    t.term = (enum kw_term)(KW_TERM_COMMITTED + 3);
    CHECK(kw_term_months(t.term) == 36 && bill_month(&b, &u, &t, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "p A100-80: the price by that commitment is not known");
    t.term = KW_TERM_SPOT;
    o.gpu_hour_spot = price(USD / 2);
    u.standin_gpu_ns = 84 * KW_NS_PER_HOUR; /* half of the time of one, at the price on demand */
    b = month(&u, &t);
    CHECK(b.item[KW_ITEM_RESERVED] == 3 * 365 * USD && b.item[KW_ITEM_STANDIN] == 730 * USD);
    CHECK(kw_bill_idle(&b, &u) == 1825 * USD * 5 / 7); /* one of three and a half is at work */
    o.gpu_hour.known = false;
    CHECK(bill_month(&b, &u, &t, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "p A100-80: the hourly price is not known");
}

/* PLATFORMS.md 12, the seed's table: 500M tokens on an A100 at $1.29/h for 720 h cost $929 (its month has 720 hours,
 * ours 730: $941.70), and 500M tokens at $0.54/M cost $270, half of what the seed prints. */
static void the_seeds_numbers(void)
{
    struct kw_platform p = platform();
    struct kw_gpu_offer o = { .gpu = "A100-80", .gpus_min = 1, .gpus_max = 1, .gpu_hour = price(1290000000) };
    struct kw_api_offer a = { .model = "llama-3-70b",
                              .price.in_mtok = price(540000000),
                              .price.out_mtok = price(540000000) };
    struct kw_usage u = { .kind = KW_KIND_DEDICATED,
                          .window = 720 * KW_NS_PER_HOUR,
                          .reserved_gpu_ns = 720 * KW_NS_PER_HOUR };
    CHECK(month(&u, &(struct kw_tariff){ .platform = &p, .gpu = &o }).total == 941700000000);
    u.window = 730 * KW_NS_PER_HOUR; /* 720 hours of a month of 730 */
    CHECK(month(&u, &(struct kw_tariff){ .platform = &p, .gpu = &o }).total == 928800000000);
    u = (struct kw_usage){
        .kind = KW_KIND_API, .window = 730 * KW_NS_PER_HOUR, .tokens_in = 400000000, .tokens_out = 100000000
    };
    CHECK(month(&u, &(struct kw_tariff){ .platform = &p, .api = &a }).total == 270 * USD);
}

/* What is paid beside the GPU follows all that is paid of it: the phases, what rounding and the minimum add, and what
 * is rented. 1 core and 1 GiB a GPU, $1 an hour for each of the three. */
static void cpu_and_memory_follow_every_paid_hour(void)
{
    struct kw_platform p = platform();
    struct kw_gpu_offer o = { .gpu = "X",
                              .gpus_min = 1,
                              .gpus_max = 8,
                              .gpu_hour = price(USD),
                              .cpu_core_hour = price(USD),
                              .memory_gib_hour = price(USD),
                              .cpu_cores = 1,
                              .memory_gib = 1 };
    struct kw_tariff t = { .platform = &p, .gpu = &o };
    struct kw_usage none = { .kind = KW_KIND_SERVERLESS, .window = 730 * KW_NS_PER_HOUR, .gpus = 1 };
    for (int i = 0; i < KW_PHASES + 3; i++) {
        struct kw_usage u = none;
        *(i < KW_PHASES        ? &u.gpu_ns[i]
          : i == KW_PHASES     ? &u.rounding_gpu_ns
          : i == KW_PHASES + 1 ? &u.minimum_gpu_ns
                               : &u.reserved_gpu_ns) = 7 * KW_NS_PER_HOUR;
        struct kw_bill b = month(&u, &t);
        CHECK(b.total == 21 * USD && b.item[KW_ITEM_CPU] == 7 * USD && b.item[KW_ITEM_MEMORY] == 7 * USD);
    }
}

/* The items of a line each: who reads 'idle' must not find 'keep_warm' there. */
static void each_phase_has_its_own_item(void)
{
    static const enum kw_item item[KW_PHASES] = {
        [KW_PHASE_PROVISION] = KW_ITEM_PROVISION, [KW_PHASE_PULL] = KW_ITEM_PROVISION,
        [KW_PHASE_LOAD] = KW_ITEM_LOAD,           [KW_PHASE_INIT] = KW_ITEM_LOAD,
        [KW_PHASE_RESTORE] = KW_ITEM_LOAD,        [KW_PHASE_ACTIVE] = KW_ITEM_ACTIVE,
        [KW_PHASE_IDLE] = KW_ITEM_IDLE,           [KW_PHASE_KEEP_WARM] = KW_ITEM_KEEP_WARM,
        [KW_PHASE_DRAIN] = KW_ITEM_DRAIN,         [KW_PHASE_FAILED_START] = KW_ITEM_FAILED_START
    };
    struct kw_platform p = platform();
    struct kw_gpu_offer o = { .gpu = "X", .gpus_min = 1, .gpus_max = 8, .gpu_hour = price(USD) };
    struct kw_tariff t = { .platform = &p, .gpu = &o };
    for (int i = 0; i < KW_PHASES; i++) {
        struct kw_usage u = { .kind = KW_KIND_SERVERLESS, .window = 730 * KW_NS_PER_HOUR, .gpus = 1 };
        u.gpu_ns[i] = KW_NS_PER_HOUR;
        struct kw_bill b = month(&u, &t);
        CHECK(b.item[item[i]] == USD && b.total == USD);
        bool cold = item[i] == KW_ITEM_PROVISION || item[i] == KW_ITEM_LOAD || item[i] == KW_ITEM_FAILED_START;
        bool idle = item[i] == KW_ITEM_IDLE || item[i] == KW_ITEM_KEEP_WARM;
        CHECK(kw_bill_cold(&b) == (cold ? USD : 0) && kw_bill_idle(&b, &u) == (idle ? USD : 0));
    }
}

/* 1.15 times the region on top of the meter's 3: 0.5 h of $3.9492, 3 cores at $0.0473 and the user's engineer, who
 * costs the same anywhere. Once rounded: 3.9492 * 0.5 * 3.45 = 6.81237. */
static void a_region_multiplies_what_is_metered(void)
{
    struct kw_platform p = platform();
    p.meter.multiplier_ppm = 3000000;
    p.meter.monthly_fee = 7 * USD;
    struct kw_gpu_offer o = { .gpu = "H100",
                              .gpu_hour = price(3949200000),
                              .cpu_core_hour = price(47300000),
                              .cpu_cores = 3,
                              .region_surcharge_ppm = 150000 };
    struct kw_tariff t = { .platform = &p, .gpu = &o, .operations_month = USD };
    struct kw_usage u = { .kind = KW_KIND_SERVERLESS, .window = 730 * KW_NS_PER_HOUR, .gpus = 1 };
    u.gpu_ns[KW_PHASE_ACTIVE] = KW_NS_PER_HOUR / 2;
    struct kw_bill b = month(&u, &t);
    CHECK(b.item[KW_ITEM_ACTIVE] == 6812370000 && b.item[KW_ITEM_CPU] == 244777500); /* 0.0473 * 3 * 0.5 * 3.45 */
    CHECK(b.item[KW_ITEM_OPERATIONS] == USD && b.item[KW_ITEM_FEE] == 7 * USD);
    CHECK(b.total == 6812370000 + 244777500 + 8 * USD);
    o.region_surcharge_ppm = -999999; /* a millionth of it: 5.9238 $ / 1e6, rounded once */
    CHECK(month(&u, &t).item[KW_ITEM_ACTIVE] == 5924);
    struct kw_api_offer a = { .model = "m",
                              .price.in_mtok = price(3 * USD),
                              .price.out_mtok = price(15 * USD),
                              .price.cached_in_mtok = price(300000000),
                              .batch_ppm = 500000,
                              .region_surcharge_ppm = 100000 };
    t = (struct kw_tariff){ .platform = &p, .api = &a };
    u = (struct kw_usage){
        .kind = KW_KIND_API, .window = 730 * KW_NS_PER_HOUR, .tokens_in = 1000001, .tokens_cached = 10, .tokens_out = 7
    };
    b = month(&u, &t);
    CHECK(b.item[KW_ITEM_TOKENS_IN] == 3300003300 && b.item[KW_ITEM_TOKENS_CACHED] == 3300 &&
          b.item[KW_ITEM_TOKENS_OUT] == 115500);
    t.term = KW_TERM_BATCH;
    CHECK(month(&u, &t).item[KW_ITEM_TOKENS_OUT] == 57750);
}

static void rounding_is_half_away_from_zero_once(void)
{
    struct kw_platform p = platform();
    struct kw_api_offer o = { .model = "m", .price.in_mtok = price(1), .price.out_mtok = price(0) };
    struct kw_tariff t = { .platform = &p, .api = &o };
    struct kw_usage u = { .kind = KW_KIND_API, .window = 730 * KW_NS_PER_HOUR, .tokens_in = 499999 };
    CHECK(month(&u, &t).total == 0);
    u.tokens_in = 500000;
    CHECK(month(&u, &t).total == 1);
    u.tokens_in = 1499999;
    CHECK(month(&u, &t).total == 1);
}

static void unknown_prices_and_overflow_are_named(void)
{
    struct kw_platform p = platform();
    struct kw_api_offer o = { .model = "m", .price.in_mtok = price(1000 * USD) };
    struct kw_tariff t = { .platform = &p, .api = &o };
    struct kw_usage u = { .kind = KW_KIND_API, .window = 1, .tokens_in = 1000000 };
    struct kw_bill b;
    struct kw_error err;
    CHECK(bill_month(&b, &u, &t, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "p: the bill's item 'tokens_in' exceeds 9.2 billion dollars");
    u.window = 730 * KW_NS_PER_HOUR; /* ten billion dollars are more than 2^63 and less than 2^64 */
    u.tokens_in = INT64_C(10000000000000);
    CHECK(bill_month(&b, &u, &t, &err) == KW_ERANGE);
    u.window = S;
    u.tokens_in = 1;
    CHECK(bill_month(&b, &u, &t, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "p m: the price of output tokens is not known");
    struct kw_gpu_offer g = { .gpu = "H100", .gpu_hour = price(1000 * USD) };
    u = (struct kw_usage){ .kind = KW_KIND_DEDICATED, .window = 1, .reserved_gpu_ns = INT64_MAX };
    CHECK(bill_month(&b, &u, &(struct kw_tariff){ .platform = &p, .gpu = &g }, &err) == KW_ERANGE);
    /* A fleet of 10,000 GPUs at $1000/h for a year is large, but well within range: $730,000,000 * 10... no overflow.
     */
    u = (struct kw_usage){ .kind = KW_KIND_DEDICATED,
                           .window = 8760 * KW_NS_PER_HOUR,
                           .reserved_gpu_ns = 290 * 8760 * KW_NS_PER_HOUR };
    CHECK(month(&u, &(struct kw_tariff){ .platform = &p, .gpu = &g }).total == 290LL * 730 * 1000 * USD);
}

static void random_bills_add_up_and_scale(void)
{
    struct kw_rng r;
    CHECK(kw_rng_init(&r, 3, 0, KW_RNG_SERVICE, NULL) == KW_OK);
    for (int round = 0; round < 3000; round++) {
        struct kw_platform p = platform();
        p.meter.multiplier_ppm = 500000 + (int64_t)(kw_rng_u64(&r) % 2000000);
        p.meter.monthly_fee = (kw_nusd)(kw_rng_u64(&r) % (300 * USD));
        p.meter.monthly_credit = (kw_nusd)(kw_rng_u64(&r) % (300 * USD));
        struct kw_gpu_offer o = { .gpu = "X",
                                  .gpus_min = 1,
                                  .gpus_max = 8,
                                  .gpu_hour = price((kw_nusd)(kw_rng_u64(&r) % (100 * USD))),
                                  .cpu_core_hour = price((kw_nusd)(kw_rng_u64(&r) % USD)),
                                  .cpu_cores = kw_rng_uniform(&r) * 32 };
        struct kw_usage u = { .kind = KW_KIND_SERVERLESS,
                              .window = 1 + (kw_ns)(kw_rng_u64(&r) % (8760 * KW_NS_PER_HOUR)),
                              .gpus = 1 };
        int64_t total = 0;
        for (int i = 0; i < KW_PHASES; i++) total += u.gpu_ns[i] = (int64_t)(kw_rng_u64(&r) % (uint64_t)u.window);
        struct kw_tariff t = { .platform = &p, .gpu = &o };
        struct kw_bill b = month(&u, &t), two = b;
        long double hours = (long double)total / (long double)u.window * 730;
        long double want = hours *
                           (long double)(o.gpu_hour.v + (long double)o.cpu_core_hour.v * (long double)o.cpu_cores) *
                           (long double)p.meter.multiplier_ppm / 1e6L;
        long double got = (long double)(b.total - b.item[KW_ITEM_FEE] - b.item[KW_ITEM_CREDIT]);
        CHECK(fabsl(got - want) <= 20 + want * 1e-9L); /* a rounding a line; the CPU share is exact to 1e-9 core */
        CHECK(b.total >= 0 && b.item[KW_ITEM_CREDIT] <= 0);
        CHECK(kw_bill_add(&two, &b, NULL) == KW_OK && two.total == 2 * b.total &&
              two.item[KW_ITEM_CPU] == 2 * b.item[KW_ITEM_CPU]);
    }
    struct kw_bill big = { .total = INT64_MAX }, one = { .total = 1 };
    CHECK(kw_bill_add(&big, &one, NULL) == KW_ERANGE && big.total == INT64_MAX);
    kw_rng_free(&r);
}

/* Fee and credit belong to the account, however many deployments it has: $250 and $24 once, by what each uses. */
static void deployments_of_one_account_share_fee_and_credit(void)
{
    struct kw_platform p = platform(), q = platform();
    snprintf(q.name, sizeof q.name, "other");
    p.meter.monthly_fee = 250 * USD;
    p.meter.monthly_credit = 24 * USD;
    q.meter.monthly_credit = 30 * USD;
    struct kw_gpu_offer o = { .gpu = "X", .gpus_min = 1, .gpus_max = 8, .gpu_hour = price(USD) };
    struct kw_usage u[5];
    struct kw_tariff t[5];
    const int64_t hours[] = { 10, 5, 20, 0, 3 }; /* the second and the fifth are the other platform's */
    for (int i = 0; i < 5; i++) {
        u[i] = (struct kw_usage){ .kind = KW_KIND_SERVERLESS, .window = 730 * KW_NS_PER_HOUR, .gpus = 1 };
        u[i].gpu_ns[KW_PHASE_ACTIVE] = hours[i] * KW_NS_PER_HOUR;
        t[i] = (struct kw_tariff){ .platform = i == 1 || i == 4 ? &q : &p, .gpu = &o };
    }
    t[3].operations_month = 7 * USD;
    struct kw_bill b[5];
    CHECK(kw_bills(b, u, t, 5, true, NULL) == KW_OK);
    kw_nusd fee = 0, credit = 0, total = 0;
    for (int i = 0; i < 5; i++) {
        fee += b[i].item[KW_ITEM_FEE];
        if (t[i].platform == &p) credit += b[i].item[KW_ITEM_CREDIT];
        total += b[i].total;
    }
    CHECK(fee == 250 * USD && credit == -24 * USD);
    CHECK(b[0].item[KW_ITEM_FEE] == 83333333333 && b[2].item[KW_ITEM_FEE] == 166666666667); /* a third, two thirds */
    CHECK(b[1].item[KW_ITEM_CREDIT] == -5 * USD && b[4].total == 0); /* no more than what there is to pay */
    CHECK(b[3].item[KW_ITEM_FEE] == 0 && b[3].total == 7 * USD);
    CHECK(total == (30 + 250 - 24 + 7) * USD);
    CHECK(kw_bills(b, u + 3, t + 3, 1, true, NULL) == KW_OK && b[0].total == (250 + 7) * USD); /* unused */
}

/* Half an engineer of $12,000 counts once a kind, whatever the number of deployments; monitoring goes by time and requests. Two
 * serverless replicas of 2 GPUs each live 365 of 730 hours: 0.5 replicas and 1 GPU on average each. */
static void own_costs_are_beside_the_platforms(void)
{
    struct kw_platform p = platform(), q = platform();
    snprintf(q.name, sizeof q.name, "other");
    p.meter.monthly_credit = 1000000 * USD; /* pays nothing of it */
    struct kw_tco tco = { .engineer_month = 12000 * USD,
                          .share_ppb = { 0, KW_NANO / 2, KW_NANO },
                          .monitoring = { 10 * USD, 3 * USD, 7 * USD } };
    struct kw_gpu_offer o = { .gpu = "X", .gpus_min = 1, .gpus_max = 8, .gpu_hour = price(USD) };
    struct kw_usage u[4];
    struct kw_tariff t[4];
    struct kw_bill b[4];
    for (int i = 0; i < 4; i++) {
        enum kw_kind kind = i < 2 ? KW_KIND_SERVERLESS : KW_KIND_DEDICATED;
        u[i] = (struct kw_usage){ .kind = kind, .window = 730 * KW_NS_PER_HOUR, .gpus = 2, .requests = 500000 };
        if (i < 2) u[i].gpu_ns[KW_PHASE_ACTIVE] = 730 * KW_NS_PER_HOUR / 2;
        u[i].unbilled_gpu_ns = 730 * KW_NS_PER_HOUR / 2; /* a start that is not billed is watched all the same */
        if (i > 1) u[i].reserved_gpu_ns = 4 * 730 * KW_NS_PER_HOUR;
        t[i] = (struct kw_tariff){ .platform = i % 2 ? &q : &p,
                                   .gpu = &o,
                                   .engineer_month = kw_tco_engineer(&tco, kind),
                                   .monitoring = tco.monitoring };
    }
    CHECK(kw_bills(b, u, t, 4, true, NULL) == KW_OK);
    CHECK(b[0].item[KW_ITEM_OPERATIONS] == 6000 * USD && b[1].item[KW_ITEM_OPERATIONS] == 0);
    CHECK(b[2].item[KW_ITEM_OPERATIONS] == 12000 * USD && b[3].item[KW_ITEM_OPERATIONS] == 0);
    CHECK(b[0].item[KW_ITEM_MONITORING] == 5 * USD + 3 * USD + 3500000000);
    CHECK(b[2].item[KW_ITEM_MONITORING] == 2500000000 + 12 * USD + 3500000000); /* 4 GPUs are paid for */
    CHECK(b[0].total ==
          b[0].item[KW_ITEM_OPERATIONS] + b[0].item[KW_ITEM_MONITORING]); /* use 365, all of it credited */
    CHECK(kw_bills_one_off(b, t, 4) == 0);
    p.meter.one_off_credit = q.meter.one_off_credit = 1000000 * USD;
    CHECK(kw_bills_one_off(b, t, 4) == 365 * USD + 2920 * USD); /* the use of the other account */
    CHECK(kw_bills(b, u, t, 4, false, NULL) == KW_OK && b[0].item[KW_ITEM_MONITORING] == 11500000000);
    for (int i = 0; i < 4; i++) u[i].window /= 2; /* the same in half the time: twice the rate */
    CHECK(kw_bills(b, u, t, 4, true, NULL) == KW_OK && b[0].item[KW_ITEM_MONITORING] == 23 * USD);
    CHECK(kw_bills(b, u, t, 4, false, NULL) == KW_OK && b[0].item[KW_ITEM_OPERATIONS] == 3000 * USD);
    tco.engineer_month = INT64_MAX;
    CHECK(kw_tco_engineer(&tco, KW_KIND_API) == 0 && kw_tco_engineer(&tco, KW_KIND_DEDICATED) == INT64_MAX);
    CHECK(kw_tco_engineer(&tco, KW_KIND_SERVERLESS) == INT64_MAX / 2 + 1); /* half up */
    t[0].engineer_month = INT64_MAX;
    t[0].operations_month = 1;
    CHECK(kw_bills(b, u, t, 4, true, NULL) == KW_ERANGE);
}

int main(void)
{
    RUN(hugging_face_example);
    RUN(bedrock_window_example);
    RUN(modal_resources_and_region);
    RUN(api_tokens);
    RUN(long_prompts_have_prices_of_their_own);
    RUN(batch_and_cache);
    RUN(prices_by_volume);
    RUN(an_accounts_volume_is_one);
    RUN(what_is_sent_out);
    RUN(dedicated_terms);
    RUN(the_seeds_numbers);
    RUN(cpu_and_memory_follow_every_paid_hour);
    RUN(each_phase_has_its_own_item);
    RUN(a_region_multiplies_what_is_metered);
    RUN(rounding_is_half_away_from_zero_once);
    RUN(unknown_prices_and_overflow_are_named);
    RUN(deployments_of_one_account_share_fee_and_credit);
    RUN(one_off_credits_are_beside_the_month);
    RUN(own_costs_are_beside_the_platforms);
    RUN(random_bills_add_up_and_scale);
    return check_report();
}
