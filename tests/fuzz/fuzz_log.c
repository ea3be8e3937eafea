/* Every log by its column map: the first byte picks the format, or lets the file say what it is; the second a map of
 * the user's own, from 0xf0 on one that reads latency. What tells an API's latency is fitted. */
#include "tests/fuzz/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const columns[] = { NULL,
                                           "missing=mean,broken=drop",
                                           "arrival=t,prompt=in+r?,output=out,cached=r?,id=i?,unit=s",
                                           "arrival=u.t,prompt=u.a - u.b|u.c,output=u.o,where=k!x|y,status=s?,unit=iso",
                                           "buckets=even,bucket=3600",
                                           "unit=mdy",
                                           "unit=days" };
    static const char *const latency[] = { "arrival=t,prompt=in,output=out,first=f?,end=e?,unit=s",
                                           "arrival=t,prompt=in,output=out,ttft=w_ms?,e2e=a?+b:us,unit=s" };
    if (n < 2) return 0;
    size_t formats = 0;
    while (kw_trace_format(formats, NULL)) formats++;
    size_t pick = data[0] % (formats + 1);
    const char *format = pick < formats ? kw_trace_format(pick, NULL) : NULL;
    if (format && (strcmp(format, "keepwarm") == 0 || strcmp(format, "workload") == 0)) format = NULL;
    const char *map = data[1] < 0xf0 ? columns[data[1] % (sizeof columns / sizeof *columns)] : latency[data[1] % 2];
    fuzz_trace(data + 2, n - 2, format, map);
    return 0;
}
