/* tests/fuzz/fuzz_profile.c - any bytes as a profile; what is accepted must compile or be refused, and print. */
#include "calibrate/profile/profile.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kw_profile p;
    struct kw_error err = { "" };
    if (kw_profile_parse(&p, "fuzz.json", (const char *)data, size, &err) != KW_OK) {
        if (!err.msg[0] || strchr(err.msg, '\n')) abort();
        return 0;
    }
    struct kw_steptime *t;
    if (kw_steptime_compile(&t, &p.tables, 64, 512, &err) == KW_OK) {
        struct kw_step step = { .n_decode = 7, .decode_context = 12345 };
        if (kw_steptime_ps(t, &step) <= 0) abort();
        kw_steptime_delete(t);
    }
    if (!(kw_law_quantile(&p.load_rate, 0.5) > 0)) abort();
    kw_profile_free(&p);
    return 0;
}
