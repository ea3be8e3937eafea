/* The RAGPulse JSONL reader: nested lists, sorting. */
#include "tests/fuzz/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_trace(data, n, "ragpulse", NULL);
    return 0;
}
