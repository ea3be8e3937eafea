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

static void scaled(const char *s, int shift, int64_t want, bool want_rounded)
{
    int64_t v = -77;
    bool rounded = false;
    err.msg[0] = 0;
    CHECK(kw_nano_scaled(s, shift, &v, &rounded, &err) == KW_OK);
    if (v != want || rounded != want_rounded)
        fprintf(stderr, "'%s' by 10^%d gave %lld%s: %s\n", s, shift, (long long)v, rounded ? ", rounded" : "", err.msg);
    CHECK(v == want && rounded == want_rounded);
}

/* Prices a token, as catalogues write them, to prices a million: the same digits at another place, never a double's. */
static void exponents_are_exact(void)
{
    scaled("2.5e-06", 6, 2500000000, false);
    scaled("0.00000059", 6, 590000000, false);
    scaled("5.9E-07", 6, 590000000, false);
    scaled("1e-6", 6, 1000000000, false);
    scaled("0.1", 0, 100000000, false);
    scaled("-1", 6, -1000000000000000, false);
    scaled("0", 6, 0, false);
    scaled("0.0e+05", 6, 0, false);
    scaled("1.5e+3", 0, 1500000000000, false);
    scaled("9223372036.854775807", 0, INT64_MAX, false);
    scaled("0.000000000000001", 6, 1, false);
    scaled("7.000000000000001e-07", 6, 700000000, true); /* what a double's noise looks like */
    scaled("6.999999999999999e-07", 6, 700000000, true);
    scaled("5e-10", 0, 1, true);
    scaled("4.9e-10", 0, 0, true);
    scaled("5e-12", 0, 0, true);
    scaled("-5e-10", 0, -1, true);
    scaled("1.4999999999999999999999999999999999999999999e-9", 0, 1, true);
    scaled("0.1000000000000000000000000000000000000000000000000", 0, 100000000, false);
    scaled("1e-999", 6, 0, true);
    static const char *const bad[] = { "", "-", ".", "e5", "1e", "1e+", "1.2.3", "0x1", "1e5x", " 1", "NaN", "1e1000" };
    static const char *const large[] = { "9223372036.854775808", "1e10", "1e999",
                                         "123456789012345678901234567890123456789012345" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t v = -77;
        bool rounded = false;
        enum kw_status st = kw_nano_scaled(bad[i], 6, &v, &rounded, &err);
        CHECK((st == KW_EPARSE || (i == 11 && st == KW_ERANGE)) && v == -77 && !rounded);
    }
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        int64_t v = -77;
        bool rounded = false;
        CHECK(kw_nano_scaled(large[i], 0, &v, &rounded, &err) == KW_ERANGE && v == -77);
    }
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
    RUN(exponents_are_exact);
    RUN(formats_shortest);
    RUN(round_trips);
    return check_report();
}
