#include "sim/core/nearest.h"
#include "tests/check.h"

static void nearest_words(void)
{
    static const char *const w[] = { "keep_warm", "max_replicas", "region", "gpu", "tp", NULL };
    CHECK_STR(kw_nearest("keepwarm", w), "keep_warm");
    CHECK_STR(kw_nearest("KEEP-WARM", w), "keep_warm");
    CHECK_STR(kw_nearest("maxreplicas", w), "max_replicas");
    CHECK_STR(kw_nearest("ergion", w), "region");
    CHECK_STR(kw_nearest("pt", w), "tp"); /* a swap is one edit */
    CHECK(!kw_nearest("bandwidth", w));
    CHECK(!kw_nearest("", (const char *const[]){ "abc", NULL }));
    CHECK(!kw_nearest("x", (const char *const[]){ NULL }));
    char big[300];
    memset(big, 'a', sizeof big);
    big[299] = 0;
    CHECK(!kw_nearest(big, w) && !kw_nearest("a", (const char *const[]){ big, NULL }));
}

static void a_hint_ends_a_message(void)
{
    static const char *const w[] = { "modal", "runpod", NULL };
    char hint[KW_NEAREST_HINT];
    CHECK_STR(kw_nearest_hint(hint, "modl", w), " (did you mean 'modal'?)");
    CHECK_STR(kw_nearest_hint(hint, "lambda", w), "");
}

int main(void)
{
    RUN(nearest_words);
    RUN(a_hint_ends_a_message);
    return check_report();
}
