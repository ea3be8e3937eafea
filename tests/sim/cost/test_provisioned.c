/* Bills of capacity bought ahead, to the nano-dollar: the providers' own examples and prices, terms, and what is unused. */
#include "sim/cost/bill.h"
#include "platforms/facts/platforms.h"
#include "tests/check.h"

#define USD KW_NANO
#define WEEK (168 * KW_NS_PER_HOUR)

static struct kw_platforms all;

static const struct kw_api_offer *offer(const char *platform, const char *model)
{
    for (size_t i = 0; i < all.n; i++)
        for (size_t k = 0; !strcmp(all.p[i].name, platform) && k < all.p[i].n_apis; k++)
            if (!strcmp(all.p[i].apis[k].model, model)) return &all.p[i].apis[k];
    return NULL;
}

static struct kw_unit_price usd(kw_nusd v, enum kw_commitment per)
{
    return (struct kw_unit_price){ .known = true, .v = v, .per = per };
}

/* A month of n units at this price, and of no token on demand. */
static kw_nusd month_of(int64_t n, struct kw_unit_price price)
{
    struct kw_platform p = { .name = "p" };
    struct kw_api_offer o = {
        .model = "m", .price = { .in_mtok = { .known = true, .v = USD }, .out_mtok = { .known = true, .v = USD } }
    };
    struct kw_usage u = { .kind = KW_KIND_API, .window = WEEK, .units = n };
    struct kw_tariff t = { .platform = &p, .api = &o, .term = KW_TERM_PROVISIONED, .unit = price };
    struct kw_bill b;
    struct kw_error err = { "" };
    CHECK(kw_bills(&b, &u, &t, 1, true, &err) == KW_OK);
    CHECK(b.total == b.item[KW_ITEM_PROVISIONED]);
    return b.total;
}

/* S33 and the Azure price page: a month of each term. 730 hours are 4.345 weeks. */
static void each_term_costs_its_part_of_a_month(void)
{
    const struct kw_provisioned *gsu = &offer("vertex-api", "gemini-3.6-flash")->provisioned;
    CHECK(month_of(1, gsu->price[KW_COMMIT_MONTH]) == 2700 * USD);
    CHECK(month_of(1, gsu->price[KW_COMMIT_3_MONTHS]) == 2400 * USD);
    CHECK(month_of(1, gsu->price[KW_COMMIT_YEAR]) == 2000 * USD);
    CHECK(month_of(1, gsu->price[KW_COMMIT_WEEK]) == 5214285714286); /* 1200 * 730 / 168 */
    CHECK(month_of(45, gsu->price[KW_COMMIT_YEAR]) == 90000 * USD);
    CHECK(!gsu->price[KW_COMMIT_HOUR].known && !gsu->price[KW_COMMIT_6_MONTHS].known);
    const struct kw_provisioned *ptu = &offer("azure-openai", "gpt-5.2")->provisioned;
    CHECK(month_of(300, ptu->price[KW_COMMIT_HOUR]) == 300 * 730 * USD);
    CHECK(month_of(15, ptu->price[KW_COMMIT_MONTH]) == 15 * 260 * USD);
    CHECK(month_of(15, ptu->price[KW_COMMIT_YEAR]) == 15 * 221 * USD); /* $2,652 a year */
}

/* The hourly prices that S33 states beside them, and Azure's discounts of 64 and 70 %. */
static void terms_agree_with_the_hours_and_discounts_stated(void)
{
    const struct kw_provisioned *gsu = &offer("vertex-api", "gemini-3.6-flash")->provisioned;
    const struct {
        enum kw_commitment term;
        double hour;
    } stated[] = { { KW_COMMIT_WEEK, 7.14 },
                   { KW_COMMIT_MONTH, 3.6986 },
                   { KW_COMMIT_3_MONTHS, 3.2877 },
                   { KW_COMMIT_YEAR, 2.7397 } };
    for (int i = 0; i < 4; i++) {
        const struct kw_unit_price *p = &gsu->price[stated[i].term];
        CHECK_NEAR(kw_nano_to_double(p->v) / ((double)kw_commitment_length(p->per) / (double)KW_NS_PER_HOUR),
                   stated[i].hour, i ? 0.00005 : 0.005);
    }
    const struct kw_provisioned *ptu = &offer("azure-openai", "gpt-5.2")->provisioned;
    double hour = kw_nano_to_double(month_of(1, ptu->price[KW_COMMIT_HOUR]));
    CHECK_NEAR(1 - kw_nano_to_double(month_of(1, ptu->price[KW_COMMIT_MONTH])) / hour, 0.64, 0.005);
    CHECK_NEAR(1 - kw_nano_to_double(month_of(1, ptu->price[KW_COMMIT_YEAR])) / hour, 0.70, 0.005);
}

/* Units that carry so many weighted tokens a minute, in millionths. */
static uint32_t needed(const struct kw_provisioned *p, int64_t prompt, int64_t cached, int64_t output,
                       uint32_t min_units, uint32_t increment)
{
    kw_i128 weighted = kw_unit_weighted(&p->carries, prompt, cached, 0, output),
            unit = (kw_i128)p->carries.tokens_min * 1000000;
    return kw_provisioned_count(min_units, increment, (uint32_t)((weighted + unit - 1) / unit));
}

/* Microsoft's own examples: 1,000 requests a minute on gpt-5.2, regional PTU in steps of 50. And Google's: 30,000 tokens a
 * second on 675 are 44.44, so 45 GSU. */
static void published_sizing_examples(void)
{
    const struct kw_provisioned *ptu = &offer("azure-openai", "gpt-5.2")->provisioned;
    CHECK(needed(ptu, 200000, 0, 20000, 50, 50) == 150);                         /* 360,000 / 3,400 = 105.88 */
    CHECK(needed(ptu, 200000, 100000, 20000, 50, 50) == 100);                    /* half of it cached: 76.47 */
    CHECK(needed(ptu, 100000, 0, 50000, 50, 50) == 150);                         /* 147.06 */
    CHECK(needed(ptu, 200000, 0, 20000, ptu->min_units, ptu->increment) == 110); /* global: 15, 20, 25, ... */
    CHECK(needed(ptu, 1, 0, 0, ptu->min_units, ptu->increment) == 15);
    const struct kw_provisioned *gsu = &offer("vertex-api", "gemini-3.6-flash")->provisioned;
    CHECK(needed(gsu, 60 * 10 * 1500, 0, 60 * 10 * 300, gsu->min_units, gsu->increment) == 45);
    CHECK(kw_provisioned_count(500, 275, 501) == 775 && kw_provisioned_count(0, 0, 7) == 7 &&
          kw_provisioned_count(0, 0, 0) == 1 && kw_provisioned_count(4000000000, 4000000000, 4000000001) == UINT32_MAX);
}

/* cost(units) = units * price + spilled tokens * their prices, and what no token used: by hand. */
static void spilled_tokens_are_billed_and_the_unused_part_told(void)
{
    const struct kw_api_offer *o = offer("azure-openai", "gpt-5.2");
    struct kw_platform p = { .name = "azure-openai" };
    struct kw_ledger g = { .completed = 10,
                           .tokens_in = 30000000,
                           .tokens_cached = 2000000,
                           .tokens_out = 4000000,
                           .carried = 8,
                           .carried_in = 21000000,
                           .carried_cached = 1000000,
                           .carried_out = 3000000 };
    struct kw_units_bought bought = { .n = 15, .rule = KW_UNITS_UTILISATION, .carries = o->provisioned.carries };
    struct kw_usage u;
    struct kw_bill b;
    struct kw_error err = { "" };
    CHECK(kw_usage_from_ledger(&u, &g, &p.meter, KW_KIND_API, 0, 0, 73 * KW_NS_PER_HOUR, &err) == KW_OK);
    CHECK(kw_usage_units(&u, &bought, &err) == KW_OK);
    /* (20 M + 8 * 3 M) tokens of 3,400 * 60 * 73 a unit */
    CHECK(u.units == 15 && u.units_used_millionths == INT64_C(44000000) * 1000000 / (3400 * 60 * 73));
    struct kw_tariff t = {
        .platform = &p, .api = o, .term = KW_TERM_PROVISIONED, .unit = o->provisioned.price[KW_COMMIT_MONTH]
    };
    CHECK(kw_bills(&b, &u, &t, 1, true, &err) == KW_OK); /* the window is a tenth of a month */
    CHECK(b.item[KW_ITEM_PROVISIONED] == 3900 * USD);
    CHECK(b.item[KW_ITEM_TOKENS_IN] == 140 * USD && b.item[KW_ITEM_TOKENS_CACHED] == 10 * 175000000 &&
          b.item[KW_ITEM_TOKENS_OUT] == 10 * 14 * USD);
    CHECK(b.total == 3900 * USD + 140 * USD + 1750000000 + 140 * USD);
    CHECK(kw_bill_idle(&b, &u) == (kw_nusd)((kw_i128)3900 * USD * (15000000 - u.units_used_millionths) / 15000000));
    CHECK(kw_bills(&b, &u, &t, 1, false, &err) == KW_OK); /* of the window itself */
    CHECK(b.item[KW_ITEM_PROVISIONED] == 390 * USD && b.item[KW_ITEM_TOKENS_OUT] == 14 * USD);
    u.passes = 2; /* two windows added up: one of them */
    CHECK(kw_bills(&b, &u, &t, 1, false, &err) == KW_OK && b.item[KW_ITEM_PROVISIONED] == 195 * USD);
    t.unit.known = false;
    CHECK(kw_bills(&b, &u, &t, 1, true, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "azure-openai gpt-5.2: the price of a unit is not known");
}

/* Input and output apart: the fuller of both is what is used; a burst above all of it leaves nothing unused. */
static void model_units_are_used_by_the_fuller_side(void)
{
    struct kw_platform p = { .name = "p" };
    struct kw_ledger g = {
        .completed = 1, .carried = 1, .tokens_in = 600, .carried_in = 600, .tokens_out = 90, .carried_out = 90
    };
    struct kw_units_bought bought = { .n = 2, .rule = KW_UNITS_SPLIT };
    struct kw_usage u;
    bought.carries = (struct kw_unit_capacity){ .in_min = 1000, .out_min = 100, .weight_cached = 1000000 };
    CHECK(kw_usage_from_ledger(&u, &g, &p.meter, KW_KIND_API, 0, 0, 60 * KW_NS_PER_S, NULL) == KW_OK);
    CHECK(kw_usage_units(&u, &bought, NULL) == KW_OK && u.units_used_millionths == 900000);
    struct kw_bill b = { .item = { [KW_ITEM_PROVISIONED] = 100 } };
    CHECK(kw_bill_idle(&b, &u) == 55);
    u.units_used_millionths = 3000000;
    CHECK(kw_bill_idle(&b, &u) == 0);
}

static void more_money_than_there_is_is_an_error(void)
{
    struct kw_platform p = { .name = "p" };
    struct kw_api_offer o = {
        .model = "m", .price = { .in_mtok = { .known = true, .v = USD }, .out_mtok = { .known = true, .v = USD } }
    };
    struct kw_usage u = { .kind = KW_KIND_API, .window = WEEK, .units = INT64_C(20000000) };
    struct kw_tariff t = { .platform = &p, .api = &o, .term = KW_TERM_PROVISIONED, .unit = usd(USD, KW_COMMIT_HOUR) };
    struct kw_bill b;
    struct kw_error err = { "" };
    CHECK(kw_bills(&b, &u, &t, 1, true, &err) == KW_ERANGE && strstr(err.msg, "provisioned"));
}

int main(void)
{
    struct kw_error err;
    CHECK(kw_platforms_embedded(&all, &err) == KW_OK);
    RUN(each_term_costs_its_part_of_a_month);
    RUN(terms_agree_with_the_hours_and_discounts_stated);
    RUN(published_sizing_examples);
    RUN(spilled_tokens_are_billed_and_the_unused_part_told);
    RUN(model_units_are_used_by_the_fuller_side);
    RUN(more_money_than_there_is_is_an_error);
    kw_platforms_free(&all);
    return check_report();
}
