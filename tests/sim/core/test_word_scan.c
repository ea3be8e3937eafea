/* Words against bytes: every length, every place, bytes of all values. */
#include "sim/core/files/word_scan.h"
#include <stdbool.h>
#include "sim/core/rng.h"
#include "tests/check.h"

static const char *plain_end(const char *p, const char *end)
{
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80) p++;
    return p;
}

static void words_see_what_bytes_do(void)
{
    char text[100];
    uint64_t draw = 1;
    for (int i = 0; i < 200000; i++) {
        bool ascii = i % 2, rare = i % 3;
        for (size_t k = 0; k < sizeof text; k++) {
            draw = kw_mix64(draw + 1);
            text[k] = (char)(rare && draw >> 40 & 31 ? 'a' + (draw & 15) : ascii ? 0x1e + draw % 0x64 : draw);
        }
        const char *from = text + draw % 9, *end = from + (draw >> 8) % 80, c = text[draw >> 16 & 63];
        CHECK(kw_word_past_plain(from, end) == plain_end(from, end));
        char other[32];
        uint32_t alike = 0, first = (uint32_t)(draw >> 24) % 33;
        memcpy(other, from, sizeof other);
        for (size_t k = first; k < sizeof other; k += 1 + (size_t)(draw >> 36) % 9) other[k] ^= 1;
        while (alike < 32 && other[alike] == from[alike]) alike++;
        CHECK(kw_word_alike32(from, other) == alike && alike == first);
        const char *hit = memchr(from, c, (size_t)(end - from));
        CHECK(kw_word_find(from, end, c) == (hit ? hit : end));
        uint64_t mask = kw_word_mask(from, c), parity = kw_word_parity(mask), odd = 0;
        for (int k = 0; k < 64; k++) {
            CHECK((mask >> k & 1) == (from[k] == c));
            odd ^= mask >> k & 1;
            CHECK((parity >> k & 1) == odd);
        }
    }
}

int main(void)
{
    RUN(words_see_what_bytes_do);
    return check_report();
}
