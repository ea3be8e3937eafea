/* tests/sim/core/test_units.c - decimal text to exact integers and back, and costs rounded once. */
#include "sim/core/units.h"
#include "tests/check.h"

static struct kw_error err;

static void reads(const char *s, int64_t want)
{
    int64_t v = -77;
    err.msg[0] = 0;
    CHECK(kw_nano_parse(s, &v, &err) == KW_OK);
    if (v != want) fprintf(stderr, "'%s' gave %lld: %s\n", s, (long long)v, err.msg);
    CHECK(v == want);
}

static void refuses(const char *s, enum kw_status want, const char *msg)
{
    int64_t v = -77;
    CHECK(kw_nano_parse(s, &v, &err) == want && v == -77);
    CHECK_STR(err.msg, msg);
}

static void decimals_are_exact(void)
{
    reads("0.25", 250000000);
    reads("-3", -3000000000);
    reads("12.", 12000000000);
    reads(".5", 500000000);
    reads("-.5", -500000000);
    reads("0.000000001", 1);
    reads("0.1", 100000000);
    reads("0.123456789000", 123456789);
    reads("-0", 0);
    reads("00012", 12000000000);
    reads("9223372036.854775807", INT64_MAX);
    reads("-9223372036.854775807", -INT64_MAX);
}

static void other_text_is_refused(void)
{
    static const char *const bad[] = { "",    "-",   ".",     "-.",  "+1",  " 1",   "1 ",  "1e5",
                                       "0x1", "1,5", "1.2.3", "abc", "--1", "1.5s", "NaN", "inf" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t v = -77;
        CHECK(kw_nano_parse(bad[i], &v, &err) == KW_EPARSE && v == -77);
    }
    refuses("1e5", KW_EPARSE, "want a decimal number such as 0.25; got '1e5'");
    refuses("0.0000000001", KW_ERANGE, "'0.0000000001' has more than 9 digits after the point");
    refuses("9223372036.854775808", KW_ERANGE, "'9223372036.854775808' is too large (limit 9223372036.85)");
    refuses("99999999999999999999999999999999999999999999", KW_ERANGE,
            "'9999999999999999999999999999999999999999' is too large (limit 9223372036.85)");
}

static void formats_shortest(void)
{
    static const struct {
        int64_t v;
        const char *text;
    } row[] = { { 0, "0" },
                { 250000000, "0.25" },
                { 1, "0.000000001" },
                { -1500000000, "-1.5" },
                { 10000000000, "10" },
                { 100 * KW_NANO, "100" },
                { INT64_MAX, "9223372036.854775807" },
                { INT64_MIN, "-9223372036.854775808" } };
    char buf[32];
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        CHECK_STR(kw_nano_format(buf, sizeof buf, row[i].v), row[i].text);
}

static void round_trips(void)
{
    uint64_t x = 88172645463325252u;
    char buf[32];
    int bad = 0;
    for (int i = 0; i < 100000; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17; /* xorshift64: any scatter will do */
        int64_t v = (int64_t)(x >> (i % 63)), back = 0;
        if (v == INT64_MIN) continue;
        bad += kw_nano_parse(kw_nano_format(buf, sizeof buf, v), &back, NULL) != KW_OK || back != v;
    }
    CHECK(bad == 0);
    CHECK(kw_nano_to_double(-250000000) == -0.25);
}

int main(void)
{
    RUN(decimals_are_exact);
    RUN(other_text_is_refused);
    RUN(formats_shortest);
    RUN(round_trips);
    return check_report();
}
