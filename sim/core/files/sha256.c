#include "sim/core/files/sha256.h"

void kw_sha256_init(struct kw_sha256 *s)
{
    sha256_init(&s->c);
}

void kw_sha256_add(struct kw_sha256 *s, const void *data, size_t n)
{
    sha256_update(&s->c, n, data);
}

void kw_sha256_hex(struct kw_sha256 *s, char hex[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[SHA256_DIGEST_SIZE];
    sha256_digest(&s->c, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[64] = 0;
}
