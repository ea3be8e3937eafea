/* sim/core/files/utf16.h - UTF-16 as Windows writes it ("Unicode" of PowerShell 5 and Excel) to UTF-8. RFC 2781, RFC 3629. */
#ifndef KW_SIM_CORE_FILES_UTF16_H
#define KW_SIM_CORE_FILES_UTF16_H
#include <stdbool.h>
#include <stddef.h>

/* The whole characters of in[0..n) into out, which has room for 3 * (n / 2) bytes; *used bytes of in are behind then, at most
 * 3 short of n. Returns the bytes written; SIZE_MAX: half of a surrogate pair stands alone, at in[*used]. */
size_t kw_utf16_to_utf8(const unsigned char *in, size_t n, bool big_endian, unsigned char *out, size_t *used);

#endif
