/* engine/text/unicode.h - what the split patterns of tokenizers ask of a character: letter (general category L), number
 * (N) or white space. The tables in unicode.c are written by make_unicode.py. */
#ifndef KW_ENGINE_TEXT_UNICODE_H
#define KW_ENGINE_TEXT_UNICODE_H
#include <stddef.h>
#include <stdint.h>

enum kw_unicode_class { KW_UNICODE_OTHER, KW_UNICODE_LETTER, KW_UNICODE_NUMBER, KW_UNICODE_SPACE };
enum kw_unicode_class kw_unicode_class(uint32_t code_point);

/* The character at s[0..len), len >= 1: its code point, and its bytes in *n. Invalid UTF-8: UINT32_MAX and one byte. */
uint32_t kw_unicode_read(const char *s, size_t len, size_t *n);

#endif
