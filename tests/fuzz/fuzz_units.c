/* tests/fuzz/fuzz_units.c - any text: what is read is written back as the same number. */
#include "sim/core/units.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[512], out[32];
    size_t n = size < sizeof text ? size : sizeof text - 1;
    memcpy(text, data, n);
    text[n] = 0;
    struct kw_error err = { "" };
    int64_t v = 7, w = 0, x = 1;
    enum kw_status st = kw_nano_parse(text, &v, &err);
    if (st != KW_OK) {
        if (v != 7 || !err.msg[0] || (st != KW_EPARSE && st != KW_ERANGE)) abort();
    } else if (kw_nano_parse(kw_nano_format(out, sizeof out, v), &w, &err) != KW_OK || w != v || strlen(out) > 24) {
        abort();
    }
    int64_t scaled = 7;
    bool rounded = false;
    enum kw_status again = kw_nano_scaled(text, 0, &scaled, &rounded, &err);
    if (st == KW_OK && (again != KW_OK || scaled != v || rounded)) abort(); /* what both read is one number */
    if (again != KW_OK && (scaled != 7 || (again != KW_EPARSE && again != KW_ERANGE))) abort();
    memcpy(&x, data, size < sizeof x ? size : sizeof x);
    kw_nano_format(out, sizeof out, x);
    return 0;
}
