/* sim/core/files/sha256.h - SHA-256 of a byte stream (FIPS 180-4, by nettle), so that a result can name the exact trace
 * it used. */
#ifndef KW_SIM_CORE_FILES_SHA256_H
#define KW_SIM_CORE_FILES_SHA256_H
#include <nettle/sha2.h>
#include <stddef.h>

struct kw_sha256 {
    struct sha256_ctx c;
};

void kw_sha256_init(struct kw_sha256 *s);
void kw_sha256_add(struct kw_sha256 *s, const void *data, size_t n);
/* The digest as 64 lower-case hex digits and a NUL. s needs another init before it is used again. */
void kw_sha256_hex(struct kw_sha256 *s, char hex[65]);

#endif
