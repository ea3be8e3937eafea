/* tests/fuzz/fuzz_measured.c - any bytes as measured points; what is accepted is fitted or refused, never more than it
 * says. */
#include <stdlib.h>
#include <string.h>
#include "calibrate/measure/fit_measured.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kw_measured m;
    struct kw_profile p;
    struct kw_error err = { "" };
    if (kw_measured_parse(&m, "fuzz.jsonl", (const char *)data, size, &err) != KW_OK) {
        if (!err.msg[0] || strchr(err.msg, '\n')) abort();
        return 0;
    }
    for (size_t i = 0; i < m.n; i++)
        if (!(m.point[i].low_s <= m.point[i].median_s && m.point[i].median_s <= m.point[i].high_s)) abort();
    FILE *f = fopen("/dev/null", "w");
    if (!f) abort();
    if (kw_fit_measured(&p, &m, NULL, f, &err) == KW_OK) {
        struct kw_steptime *t;
        if (kw_steptime_compile(&t, &p.tables, 64, 512, &err) == KW_OK) kw_steptime_delete(t);
        kw_profile_free(&p);
    } else if (!err.msg[0] || strchr(err.msg, '\n')) {
        abort();
    }
    fclose(f);
    kw_measured_free(&m);
    return 0;
}
