#include "engine/text/pretokenizer.h"
#include <stdbool.h>
#include <string.h>
#include "engine/text/unicode.h"

struct cursor { /* the characters of s[0..len) */
    const char *s;
    size_t len;
};

/* Class of the character at `at`, its bytes in *n and itself in *c; past the end: -1. */
static int look(const struct cursor *x, size_t at, size_t *n, uint32_t *c)
{
    *n = 0, *c = 0;
    if (at >= x->len) return -1;
    *c = kw_unicode_read(x->s + at, x->len - at, n);
    return (int)kw_unicode_class(*c);
}

static size_t run_of(const struct cursor *x, size_t at, int class, uint32_t most)
{
    size_t n;
    uint32_t c;
    while (most-- && look(x, at, &n, &c) == class) at += n;
    return at;
}

/* "'s", "'t", "'re", "'ve", "'m", "'ll", "'d" at `at`: their end, or 0. */
static size_t contraction(const struct cursor *x, size_t at, bool any_case)
{
    static const char *const tail[] = { "s", "t", "re", "ve", "m", "ll", "d" };
    if (x->s[at] != '\'') return 0;
    for (size_t i = 0; i < sizeof tail / sizeof *tail; i++) {
        size_t n = strlen(tail[i]), j = 0;
        if (x->len - at - 1 < n) continue;
        for (; j < n; j++) {
            char c = x->s[at + 1 + j];
            if (any_case && c >= 'A' && c <= 'Z') c = (char)(c + 32);
            if (c != tail[i][j]) break;
        }
        if (j == n) return at + 1 + n;
    }
    return 0;
}

/* "\s+(?!\S)|\s+" from a blank on: a run of blanks without its last one, which belongs to the word after it. newlines:
 * "\s*[\r\n]+" comes first: up to the run's last line end. */
static size_t blanks(const struct cursor *x, size_t at, bool newlines)
{
    size_t n, end = at, last = at, line = 0;
    uint32_t c;
    while (look(x, end, &n, &c) == KW_UNICODE_SPACE) {
        last = end;
        end += n;
        if (c == '\n' || c == '\r') line = end;
    }
    if (newlines && line) return line;
    return end < x->len && last > at ? last : end;
}

/* The patterns of Llama 3 and Qwen2: where the word that begins at `at` < len ends. */
static size_t word_llama3(const struct cursor *x, size_t at, uint32_t digits)
{
    size_t n, n2, end = contraction(x, at, true);
    uint32_t c, c2;
    if (end) return end;
    int k = look(x, at, &n, &c), k2 = look(x, at + n, &n2, &c2);
    if (k == KW_UNICODE_LETTER) return run_of(x, at, KW_UNICODE_LETTER, UINT32_MAX);
    if (k != KW_UNICODE_NUMBER && c != '\r' && c != '\n' && k2 == KW_UNICODE_LETTER)
        return run_of(x, at + n, KW_UNICODE_LETTER, UINT32_MAX);
    if (k == KW_UNICODE_NUMBER) return run_of(x, at, KW_UNICODE_NUMBER, digits);
    if (k == KW_UNICODE_OTHER || (c == ' ' && k2 == KW_UNICODE_OTHER)) {
        end = run_of(x, k == KW_UNICODE_OTHER ? at : at + n, KW_UNICODE_OTHER, UINT32_MAX);
        while (end < x->len && (x->s[end] == '\r' || x->s[end] == '\n')) end++;
        return end;
    }
    return blanks(x, at, true);
}

/* GPT-2: letters, digits and signs each with a blank before them. */
static size_t word_gpt2(const struct cursor *x, size_t at)
{
    size_t n, n2, end = contraction(x, at, false);
    uint32_t c, c2;
    if (end) return end;
    int k = look(x, at, &n, &c), k2 = look(x, at + n, &n2, &c2);
    if (k != KW_UNICODE_SPACE) return run_of(x, at, k, UINT32_MAX);
    if (c == ' ' && k2 >= 0 && k2 != KW_UNICODE_SPACE) return run_of(x, at + n, k2, UINT32_MAX);
    return blanks(x, at, false);
}

size_t kw_pretokenizer_end(enum kw_pretokenizer how, const char *s, size_t len, size_t at)
{
    const struct cursor x = { s, len };
    switch (how) {
    case KW_PRETOKENIZER_LLAMA3: return word_llama3(&x, at, 3);
    case KW_PRETOKENIZER_QWEN2: return word_llama3(&x, at, 1);
    case KW_PRETOKENIZER_GPT2: return word_gpt2(&x, at);
    default: return len;
    }
}
