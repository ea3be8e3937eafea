/* tests/sim/core/test_status.c - messages are one line and never overflow; statuses map to the documented exit codes.
 */
#include "sim/core/status.h"
#include "tests/check.h"

static void messages_are_one_line(void)
{
    struct kw_error err;
    CHECK(kw_fail(&err, KW_EPARSE, "got '%s' on %d", "a\nb\t\x1b[31m\x7f", 3) == KW_EPARSE);
    CHECK_STR(err.msg, "got 'a?b??[31m?' on 3");
    CHECK(kw_fail(NULL, KW_EIO, "%s", "unseen") == KW_EIO);
}

static void places_come_first(void)
{
    struct kw_error err;
    kw_fail(&err, KW_ERANGE, "negative price");
    kw_where(&err, "a.json", 7);
    CHECK_STR(err.msg, "a.json:7: negative price");
    kw_fail(&err, KW_ERANGE, "empty");
    kw_where(&err, "b.csv", 0);
    CHECK_STR(err.msg, "b.csv: empty");
    kw_where(NULL, "b.csv", 1);
}

static void long_messages_are_cut(void)
{
    struct kw_error err;
    char big[2000];
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = 0;
    kw_fail(&err, KW_EIO, "%s", big);
    CHECK(strlen(err.msg) == sizeof err.msg - 1);
    kw_where(&err, big, 2147483647);
    CHECK(strlen(err.msg) < sizeof err.msg);
    CHECK(strstr(err.msg, ":2147483647: xxx") != NULL); /* the line survives a long path */
}

static void exit_codes(void)
{
    CHECK(kw_exit_code(KW_OK) == 0);
    CHECK(kw_exit_code(KW_EINPUT) == 2 && kw_exit_code(KW_EIO) == 1 && kw_exit_code(KW_ENOMEM) == 1 &&
          kw_exit_code(KW_EFAIL) == 1);
    CHECK(kw_exit_code(KW_EPARSE) == 2 && kw_exit_code(KW_ERANGE) == 2 && kw_exit_code(KW_EUSAGE) == 2);
    CHECK(kw_exit_code(KW_ESLO) == 3 && kw_exit_code(KW_EBUDGET) == 4);
}

int main(void)
{
    RUN(messages_are_one_line);
    RUN(places_come_first);
    RUN(long_messages_are_cut);
    RUN(exit_codes);
    return check_report();
}
