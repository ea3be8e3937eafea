/* How numbers are written: what rounds to nothing still shows, and what is not there is a dash. */
#include "sim/io/quantity.h"
#include <math.h>
#include "tests/check.h"

static char buf[32];

static void dollars_keep_their_thousands_apart(void)
{
    CHECK_STR(kw_quantity_usd(NAN, buf), "-");
    CHECK_STR(kw_quantity_usd(0, buf), "0.00");
    CHECK_STR(kw_quantity_usd(999.994, buf), "999.99");
    CHECK_STR(kw_quantity_usd(1000, buf), "1,000");
    CHECK_STR(kw_quantity_usd(1234567.8, buf), "1,234,568");
    CHECK_STR(kw_quantity_usd(-12345, buf), "-12,345");
    CHECK_STR(kw_quantity_cents(1234.5, buf), "1234.50");
}

static void times_have_three_digits(void)
{
    CHECK_STR(kw_quantity_number(NAN, buf), "-");
    CHECK_STR(kw_quantity_number(0.0042, buf), "0.0042");
    CHECK_STR(kw_quantity_number(4.256, buf), "4.26");
    CHECK_STR(kw_quantity_number(42.56, buf), "42.6");
    CHECK_STR(kw_quantity_number(425.6, buf), "426");
    CHECK_STR(kw_quantity_brief(0.04256, buf), "0.0426");
    CHECK_STR(kw_quantity_brief(NAN, buf), "-");
}

static void small_shares_do_not_vanish(void)
{
    CHECK_STR(kw_quantity_percent(NAN, buf), "-");
    CHECK_STR(kw_quantity_percent(0, buf), "0.00");
    CHECK_STR(kw_quantity_percent(0.0001, buf), "<0.05");
    CHECK_STR(kw_quantity_percent(0.0123, buf), "1.23");
    CHECK_STR(kw_quantity_percent(0.5, buf), "50.0");
    CHECK_STR(kw_quantity_share(0.0123, buf), "1.23");
}

static void parts_and_stretches_choose_their_digits(void)
{
    CHECK_STR(kw_quantity_part(1, 3, buf), "33.3");
    CHECK_STR(kw_quantity_part(1, 0, buf), "0.0");
    CHECK_STR(kw_quantity_dollars(12345.5, buf), "12346");
    CHECK_STR(kw_quantity_stretch(7199, buf), "120.0 min");
    CHECK_STR(kw_quantity_stretch(7200, buf), "2.0 h");
    CHECK_STR(kw_quantity_stretch(172800, buf), "2.00 days");
}

int main(void)
{
    RUN(dollars_keep_their_thousands_apart);
    RUN(times_have_three_digits);
    RUN(small_shares_do_not_vanish);
    RUN(parts_and_stretches_choose_their_digits);
    return check_report();
}
