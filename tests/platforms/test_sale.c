#include "platforms/facts/sale.c"
#include "platforms/facts/platform_read.h"
#include "platforms/facts/platforms.h"
#include "tests/check.h"

static struct kw_sale judged(const char *from, const char *ends, const char *seen, const char *today)
{
    struct kw_sale s = { .vouched = false };
    snprintf(s.available_from, sizeof s.available_from, "%s", from);
    snprintf(s.ends, sizeof s.ends, "%s", ends);
    snprintf(s.seen, sizeof s.seen, "%s", seen);
    kw_sale_judge(&s, today);
    return s;
}

static void it_is_sold_until_the_day_it_ends(void)
{
    struct kw_sale s = judged("", "2026-08-16", "2026-08-01", "2026-08-15");
    CHECK(kw_sale_open(&s) && !s.ended && s.soon && s.ends_days == 1);
    s = judged("", "2026-08-16", "2026-08-01", "2026-08-16");
    CHECK(!kw_sale_open(&s) && s.ended && !s.soon);
    s = judged("", "2026-08", "2026-07-31", "2026-08-01"); /* a month counts as its first day */
    CHECK(s.ended);
    s = judged("", "2026-09-15", "2026-08-14", "2026-08-15");
    CHECK(s.soon && s.ends_days == 31);
    s = judged("", "2026-09-16", "2026-08-14", "2026-08-15");
    CHECK(!s.soon && s.ends_days == 32);
    s = judged("", "", "2026-08-14", "2026-08-15");
    CHECK(kw_sale_open(&s) && !s.soon && s.ends_days == -1);
}

static void it_is_not_sold_before_it_begins(void)
{
    struct kw_sale s = judged("2026-09-01", "", "2026-08-01", "2026-08-31");
    CHECK(s.not_yet && !kw_sale_open(&s));
    s = judged("2026-09-01", "", "2026-08-01", "2026-09-01");
    CHECK(!s.not_yet && kw_sale_open(&s));
}

static void what_was_not_seen_for_long_counts_a_step_lower(void)
{
    struct kw_sale s = judged("", "", "2026-08-31", "2026-11-29");
    CHECK(!s.unseen && s.seen_days == 90 && kw_sale_grade(&s, KW_GRADE_PUBLISHED) == KW_GRADE_PUBLISHED);
    s = judged("", "", "2026-08-30", "2026-11-29");
    CHECK(s.unseen && kw_sale_open(&s) && s.seen_days == 91);
    CHECK(kw_sale_grade(&s, KW_GRADE_MEASURED) == KW_GRADE_PUBLISHED);
    CHECK(kw_sale_grade(&s, KW_GRADE_PUBLISHED) == KW_GRADE_ESTIMATED);
    CHECK(kw_sale_grade(&s, KW_GRADE_USER) == KW_GRADE_ESTIMATED);
    CHECK(kw_sale_grade(&s, KW_GRADE_ESTIMATED) == KW_GRADE_UNKNOWN);
    CHECK(kw_sale_grade(&s, KW_GRADE_UNKNOWN) == KW_GRADE_UNKNOWN);
    s = judged("", "", "", "2026-11-29");
    CHECK(s.unseen && s.seen_days == -1);
    s.vouched = true; /* the user's own price */
    kw_sale_judge(&s, "2026-11-29");
    CHECK(!s.unseen);
    s = judged("", "", "2026-12-24", "2026-11-29"); /* seen later than the day asked for */
    CHECK(!s.unseen && s.seen_days == 0);
}

static void it_says_so_in_a_sentence(void)
{
    char buf[200];
    struct kw_sale s = judged("", "2026-08-16", "2026-08-01", "2026-11-29");
    snprintf(s.ends_at.source, sizeof s.ends_at.source, "gone: console.groq.com/docs/deprecations");
    CHECK_STR(kw_sale_text(&s, buf, sizeof buf), "ended 2026-08-16 (console.groq.com/docs/deprecations)");
    s = judged("", "2026-12-11", "2026-11-28", "2026-11-29");
    snprintf(s.seen_at.source, sizeof s.seen_at.source, "p: the price page");
    CHECK_STR(kw_sale_text(&s, buf, sizeof buf), "last seen 2026-11-28 (the price page), 1 day ago; ends 2026-12-11");
    s = judged("2027-01-01", "", "2026-11-28", "2026-11-29");
    CHECK_STR(kw_sale_text(&s, buf, sizeof buf), "sold from 2027-01-01 on");
    s = judged("", "", "", "2026-11-29");
    CHECK_STR(kw_sale_text(&s, buf, sizeof buf), "nobody says when it was last seen");
}

#define FILE_WITH(offer)                                                                                               \
    "{\"keepwarm_platform\": 1, \"name\": \"x\", \"title\": \"X\", \"kind\": \"api\", \"sources\": {"                  \
    "\"old\": {\"source\": \"page\", \"date\": \"2026-01-02\", \"grade\": \"published\"},"                             \
    "\"new\": {\"source\": \"list\", \"date\": \"2026-05-06\", \"grade\": \"published\"},"                             \
    "\"mine\": {\"source\": \"contract\", \"date\": \"2026-05-06\", \"grade\": \"user\"}},"                            \
    "\"apis\": [{\"model\": \"m\", \"sku\": \"m\", \"src\": \"old\", " offer "}]}"

static enum kw_status parse(struct kw_platform *p, const char *text, struct kw_error *err)
{
    *p = (struct kw_platform){ .n_gpus = 0 };
    return kw_platform_parse(p, "x.json", text, strlen(text), err);
}

static void files_say_when(void)
{
    struct kw_platform p;
    struct kw_error err = { "" };
    CHECK(parse(&p, FILE_WITH("\"in_mtok\": \"1\", \"out_mtok\": {\"usd\": \"2\", \"src\": \"new\"}"), &err) == KW_OK);
    CHECK_STR(p.apis[0].sale.seen, "2026-05-06"); /* of the newest price */
    CHECK_STR(p.apis[0].sale.seen_at.source, "new: list");
    kw_platform_free(&p);
    CHECK(
        parse(&p,
              FILE_WITH("\"in_mtok\": \"1\", \"out_mtok\": \"2\", \"seen\": {\"value\": \"2026-04\", \"src\": \"new\"},"
                        "\"ends\": {\"value\": \"2026-12-01\", \"src\": \"new\"}, \"status\": \"deprecated\","
                        "\"available_from\": \"2025\""),
              &err) == KW_OK);
    const struct kw_sale *s = &p.apis[0].sale;
    CHECK_STR(s->seen, "2026-04");
    CHECK_STR(s->ends, "2026-12-01");
    CHECK_STR(s->ends_at.source, "new: list");
    CHECK_STR(s->available_from, "2025");
    CHECK(s->status == KW_SALE_DEPRECATED && !s->ended);
    kw_platform_as_of(&p, "2026-12-01");
    CHECK(s->ended);
    kw_platform_free(&p);
    CHECK(parse(&p, FILE_WITH("\"in_mtok\": {\"usd\": \"1\", \"src\": \"mine\"}, \"out_mtok\": \"2\""), &err) == KW_OK);
    kw_platform_as_of(&p, "2030-01-01");
    CHECK(p.apis[0].sale.vouched && !p.apis[0].sale.unseen);
    kw_platform_free(&p);
}

static void refuses_what_is_no_day(void)
{
    static const struct {
        const char *offer, *want;
    } bad[] = {
        { FILE_WITH("\"ends\": \"soon\""), "x.json:1: apis[0].ends: want YYYY-MM-DD, YYYY-MM or YYYY, got \"soon\"" },
        { FILE_WITH("\"seen\": \"undated\""),
          "x.json:1: apis[0].seen: want YYYY-MM-DD, YYYY-MM or YYYY, got \"undated\"" },
        { FILE_WITH("\"available_from\": \"2026-13-01\""),
          "x.json:1: apis[0].available_from: want YYYY-MM-DD, YYYY-MM or YYYY, got \"2026-13-01\"" },
        { FILE_WITH("\"ends\": \"2026-01-01\", \"available_from\": \"2026-02-01\""),
          "x.json:1: apis[0].ends: it ends before it begins (available_from 2026-02-01)" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kw_platform p;
        struct kw_error err = { "" };
        CHECK(parse(&p, bad[i].offer, &err) == KW_ERANGE);
        CHECK_STR(err.msg, bad[i].want);
    }
    struct kw_platform p;
    struct kw_error err = { "" };
    CHECK(parse(&p, FILE_WITH("\"status\": \"gone\""), &err) != KW_OK);
    CHECK(strstr(err.msg, "apis[0].status") != NULL);
}

/* Every offer shipped says when it was seen, and of the APIs', whose models come and go, in 2026 or that they are gone. */
static void every_offer_shipped_was_seen(void)
{
    struct kw_platforms all;
    struct kw_error err = { "" };
    CHECK(kw_platforms_embedded(&all, &err) == KW_OK);
    for (size_t i = 0; i < all.n; i++) {
        const struct kw_platform *p = &all.p[i];
        for (size_t k = 0; k < p->n_apis; k++) {
            const struct kw_sale *s = &p->apis[k].sale;
            bool told = s->ends[0] || kw_date_age_days("2026-01-01", s->seen) >= 0;
            if (!told) fprintf(stderr, "%s %s: seen '%s'\n", p->name, p->apis[k].model, s->seen);
            CHECK(told);
        }
        for (size_t k = 0; k < p->n_gpus; k++) {
            if (!p->gpus[k].sale.seen[0]) fprintf(stderr, "%s %s: never seen\n", p->name, p->gpus[k].sku);
            CHECK(p->gpus[k].sale.seen[0] != 0);
        }
    }
    kw_platforms_free(&all);
}

int main(void)
{
    RUN(it_is_sold_until_the_day_it_ends);
    RUN(it_is_not_sold_before_it_begins);
    RUN(what_was_not_seen_for_long_counts_a_step_lower);
    RUN(it_says_so_in_a_sentence);
    RUN(files_say_when);
    RUN(refuses_what_is_no_day);
    RUN(every_offer_shipped_was_seen);
    return check_report();
}
