/* The Azure CSV reader. */
#include "tests/fuzz/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_trace(data, n, "azure", NULL);
    return 0;
}
