/* The body of POST /v1/completions: any bytes give a request within its limits or an error with a message. The first
 * byte picks whether there is a tokenizer, and the answer's text is made from the prompt's ids, checked against its
 * promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "engine/serve/completion.h"
#include "sim/core/files/json.h"
#include "tests/fuzz/elements.h"

static const char letters[] = /* the bytes a, b, blank, 0xc3, 0xa9, newline, quote and 1 as tokens, and "ab" */
    "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"\\u0120\": 2, \"\\u00c3\": 3, \"\\u00a9\": 4, "
    "\"ab\": 5, \"\\u010a\": 6, \"\\\"\": 7, \"\\u0101\": 8},"
    " \"merges\": [\"a b\"]},"
    " \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": "
    "true},"
    " \"decoder\": {\"type\": \"ByteLevel\"}, \"added_tokens\": []}";

/* Streams the prompt's ids as if they were the answer. */
static void stream(const struct kw_completion *c, const struct kw_tokenizer *t)
{
    struct kw_answer a = { 0 };
    struct kw_text out = { 0 };
    size_t sent = 0, n;
    for (uint32_t i = 0; i < c->n_prompt; i++) {
        if (kw_answer_add(&a, c, t, c->prompt[i]) != KW_OK) break;
        const char *s = kw_answer_next(&a, c, i + 1 == c->n_prompt, &n);
        if (n && s != a.text + sent) abort(); /* every byte once, in order */
        sent += n;
        if (sent > a.n) abort();
    }
    for (size_t k = 0; k < c->n_stop; k++) /* what was sent holds no stop text */
        for (size_t at = 0; at + c->stop_len[k] <= sent; at++)
            if (!memcmp(a.text + at, c->stop[k], c->stop_len[k])) abort();
    kw_completion_quote(&out, a.text ? a.text : "", a.n);
    struct kw_json doc;
    if (!out.failed && !memchr(a.text ? a.text : "", 0, a.n)) { /* whatever its bytes, the quoted text is JSON */
        if (kw_json_parse(&doc, "quoted", out.s, out.n, NULL) != KW_OK) abort();
        kw_json_free(&doc);
    }
    kw_text_free(&out);
    kw_answer_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kw_tokenizer *t;
    if (!t && kw_tokenizer_parse(&t, "letters", letters, sizeof letters - 1, NULL) != KW_OK) abort();
    if (!size) return 0;
    struct kw_completion_limits l = { .vocab = 9, .longest = 512, .tokenizer = data[0] & 1 ? t : NULL };
    struct kw_completion c;
    struct kw_error err = { "" };
    const char *param;
    if (kw_completion_parse(&c, &param, (const char *)data + 1, size - 1, &l, &err) != KW_OK) {
        if (!err.msg[0]) abort();
        return 0;
    }
    if (!c.n_prompt || !c.max_tokens || (uint64_t)c.n_prompt + c.max_tokens > l.longest) abort();
    for (uint32_t i = 0; i < c.n_prompt; i++)
        if (c.prompt[i] >= l.vocab) abort();
    if (!(c.sampling.temperature >= 0 && c.sampling.temperature <= 2 && c.sampling.top_p > 0 && c.sampling.top_p <= 1))
        abort();
    stream(&c, l.tokenizer);
    kw_completion_free(&c);
    return 0;
}
