/* The generic reader on CSV or JSONL; the first byte picks the column map, so units, names and dropping are covered. */
#include "tests/fuzz/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const map[] = { "arrival=a,prompt=b,output=c",
                                       "arrival=a,prompt=b,output=c,unit=ms,model=d,zero=drop",
                                       "arrival=a,prompt=b,output=c,unit=iso,class=d,region=d|a",
                                       "arrival=a,prompt=a,output=a,unit=ns,model=a,class=a" };
    if (n == 0) return 0;
    fuzz_trace(data + 1, n - 1, "generic", map[data[0] % 4]);
    return 0;
}
