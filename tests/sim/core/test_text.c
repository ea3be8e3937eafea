#include "sim/core/text.h"
#include "tests/check.h"

static void adds_and_pads(void)
{
    struct kw_text t = { 0 };
    kw_text_add(&t, "%d-%s", 7, "x");
    CHECK_STR(t.s, "7-x");
    kw_text_pad(&t, "ab", 4);
    kw_text_pad(&t, "ab", -4);
    CHECK_STR(t.s, "7-xab    ab");
    kw_text_free(&t);
    kw_text_pad(&t, "äöüß", 5);
    CHECK_STR(t.s, "äöüß ");
    kw_text_free(&t);
    kw_text_pad(&t, "äöüßabc", 5);
    CHECK_STR(t.s, "äöüß…");
    CHECK(kw_text_width(t.s) == 5);
    kw_text_free(&t);
    for (int i = 0; i < 10000; i++) kw_text_add(&t, "%04d", i);
    CHECK(t.n == 40000 && !t.failed && !strncmp(t.s + 39996, "9999", 5));
    kw_text_free(&t);
}

static void what_a_terminal_obeys_is_masked(void)
{
    char s[] = "a\033]0;x\a\177\xc2\x9b"
               "2Jé\n\tb";
    kw_text_mask(s);
    CHECK_STR(s, "a?]0;x????2Jé\n\tb");
}

static void si_has_three_digits(void)
{
    static const struct {
        double v;
        const char *want;
    } c[] = {
        { 0, "0" },           { 7, "7" },          { 1.234, "1.23" },  { 45.678, "45.7" },
        { 789.4, "789" },     { 999.6, "1.00k" },  { 12345, "12.3k" }, { 4.56e6, "4.56M" },
        { 9.996e9, "10.0G" }, { -1234, "-1.23k" }, { NAN, "-" },
    };
    char buf[16];
    for (size_t i = 0; i < sizeof c / sizeof *c; i++) CHECK_STR(kw_text_si(buf, c[i].v), c[i].want);
}

static void folds_at_blanks(void)
{
    struct kw_text t = { 0 };
    kw_text_add(&t, "  ");
    kw_text_fold(&t, " ab cd  efg äöü h", 2, 7); /* two words fill a line of 7; code points count, not bytes */
    CHECK_STR(t.s, "  ab cd\n  efg\n  äöü h\n");
    kw_text_free(&t);
    kw_text_fold(&t, "ab cdef", 0, 6); /* 7 columns with the blank */
    CHECK_STR(t.s, "ab\ncdef\n");
    kw_text_free(&t);
    kw_text_fold(&t, "longer-than-a-line x", 0, 7);
    CHECK_STR(t.s, "longer-than-a-line\nx\n");
    kw_text_free(&t);
    kw_text_add(&t, "label   ");
    kw_text_fold(&t, "", 8, 20);
    CHECK_STR(t.s, "label\n");
    kw_text_free(&t);
}

static void a_json_string_holds_any_text(void)
{
    struct kw_text t = { 0 };
    kw_text_quote(&t, "a \"b\\c\"\n\x01 \xc3\xa9");
    CHECK_STR(t.s, "\"a \\\"b\\\\c\\\"\\u000a\\u0001 \xc3\xa9\"");
    kw_text_free(&t);
}

int main(void)
{
    RUN(a_json_string_holds_any_text);
    RUN(adds_and_pads);
    RUN(what_a_terminal_obeys_is_masked);
    RUN(folds_at_blanks);
    RUN(si_has_three_digits);
    return check_report();
}
