/* engine/text/pretokenizer.h - where a byte-level tokenizer cuts a text into words before it merges anything: the
 * regular expressions of published tokenizers, matched by hand.
 *   GPT-2:   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *   Llama 3: (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
 *            \s*[\r\n]+|\s+(?!\S)|\s+
 *   Qwen2:   as Llama 3, digits one by one. */
#ifndef KW_ENGINE_TEXT_PRETOKENIZER_H
#define KW_ENGINE_TEXT_PRETOKENIZER_H
#include <stddef.h>

enum kw_pretokenizer {
    KW_PRETOKENIZER_LLAMA3,
    KW_PRETOKENIZER_QWEN2,
    KW_PRETOKENIZER_GPT2,
    KW_PRETOKENIZER_WHOLE /* the text is one word */
};

/* Where the word of s[0..len) that begins at `at` < len ends: at < end <= len. Invalid UTF-8 counts byte by byte as
 * neither letter, number nor blank. */
size_t kw_pretokenizer_end(enum kw_pretokenizer how, const char *s, size_t len, size_t at);

#endif
