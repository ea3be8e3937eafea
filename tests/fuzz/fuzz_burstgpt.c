/* The BurstGPT CSV reader. */
#include "tests/fuzz/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_trace(data, n, "burstgpt", NULL);
    return 0;
}
