/* tests/fuzz/fuzz_stream.c - any bytes as a server's answer, in one piece and byte by byte: both say the same. */
#include <stdlib.h>
#include <string.h>
#include "calibrate/observe/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kw_stream whole = { .n = 0 }, bytes = { .n = 0 };
    struct kw_error err = { "" }, other = { "" };
    const char *text = (const char *)data;
    enum kw_status a = kw_stream_feed(&whole, text, size, 1, &err), b = KW_OK;
    for (size_t i = 0; b == KW_OK && i < size; i++) b = kw_stream_feed(&bytes, text + i, 1, 1, &other);
    if (a != b || whole.events != bytes.events || whole.done != bytes.done || strcmp(err.msg, other.msg)) abort();
    if (a != KW_OK && !err.msg[0]) abort();
    kw_stream_free(&whole);
    kw_stream_free(&bytes);
    return 0;
}
