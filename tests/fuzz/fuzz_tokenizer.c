/* tokenizer.json, then a zero byte and a text: any bytes give ids within the vocabulary, or an error. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "engine/text/tokenizer.h"
#include "tests/fuzz/elements.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t n = end ? (size_t)(end - data) : size;
    struct kw_tokenizer *t;
    struct kw_error err = { "" };
    if (kw_tokenizer_parse(&t, "fuzz", (const char *)data, n, &err) != KW_OK) {
        if (!err.msg[0] || t) abort();
        return 0;
    }
    const char *text = end ? (const char *)end + 1 : "Hello, world 123";
    size_t len = end ? size - n - 1 : 16;
    for (int special = 0; special < 2; special++) {
        uint32_t *ids;
        size_t k, bytes;
        char *back;
        if (kw_tokenizer_encode(t, text, len, special, &ids, &k, &err) != KW_OK) continue;
        for (size_t i = 0; i < k; i++)
            if (ids[i] >= kw_tokenizer_vocab(t)) abort();
        if (kw_tokenizer_decode(t, ids, k, &back, &bytes, &err) == KW_OK) {
            if (kw_tokenizer_whole(back, bytes) > bytes) abort();
            free(back);
        }
        free(ids);
    }
    kw_tokenizer_free(t);
    return 0;
}
