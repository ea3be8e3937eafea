/* The Mooncake JSONL reader and the JSONL scanner. */
#include "tests/fuzz/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_trace(data, n, "mooncake", NULL);
    return 0;
}
