/* sim/core/files/word_scan.h - text searched a word at a time, for the short stretches of JSON and CSV: there a call of memchr
 * costs more than it saves. The tests for a byte in a word: Mycroft, comp.arch, 1987; Warren, Hacker's Delight, 6-1.
 * A borrow may mark bytes behind the first one that fits, never before it: only the first counts. */
#ifndef KW_SIM_CORE_FILES_WORD_SCAN_H
#define KW_SIM_CORE_FILES_WORD_SCAN_H
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define KW_WORD_ONES UINT64_C(0x0101010101010101)
#define KW_WORD_HIGH UINT64_C(0x8080808080808080)

/* Eight bytes, the first the lowest on every machine. */
static inline uint64_t kw_word_at(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return w;
}

/* Marks the bytes of w that are c. */
static inline uint64_t kw_word_is(uint64_t w, char c)
{
    w ^= KW_WORD_ONES * (unsigned char)c;
    return (w - KW_WORD_ONES) & ~w & KW_WORD_HIGH;
}

/* The first c in [p, end), or end. */
static inline const char *kw_word_find(const char *p, const char *end, char c)
{
    for (; end - p >= 8; p += 8) {
        uint64_t hit = kw_word_is(kw_word_at(p), c);
        if (hit) return p + (__builtin_ctzll(hit) >> 3);
    }
    while (p < end && *p != c) p++;
    return p;
}

#ifdef __SSE2__
static inline uint64_t kw_word_mask16(const char *p, char c)
{
    __m128i w = _mm_loadu_si128((const __m128i *)(const void *)p);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(w, _mm_set1_epi8(c)));
}
#else
static inline uint64_t kw_word_mask16(const char *p, char c)
{
    const uint64_t low = ~KW_WORD_HIGH, gather = UINT64_C(0x0102040810204081); /* bit 8i + 7 to bit 56 + i */
    uint64_t v = kw_word_at(p) ^ KW_WORD_ONES * (unsigned char)c,
             w = kw_word_at(p + 8) ^ KW_WORD_ONES * (unsigned char)c;
    v = ~(((v & low) + low) | v | low);
    w = ~(((w & low) + low) | w | low);
    return ((v >> 7) * gather >> 56) | ((w >> 7) * gather >> 56) << 8;
}
#endif

/* How many of the 32 bytes at a and at b, from the first on, are the same. */
static inline uint32_t kw_word_alike32(const char *a, const char *b)
{
#ifdef __SSE2__
    const __m128i *x = (const __m128i *)(const void *)a, *y = (const __m128i *)(const void *)b;
    uint32_t low = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(x), _mm_loadu_si128(y)));
    uint32_t high = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128(x + 1), _mm_loadu_si128(y + 1)));
    return (uint32_t)__builtin_ctzll(~(uint64_t)(low | high << 16));
#else
    for (uint32_t n = 0; n < 32; n += 8) {
        uint64_t differ = kw_word_at(a + n) ^ kw_word_at(b + n);
        if (differ) return n + (uint32_t)(__builtin_ctzll(differ) >> 3);
    }
    return 32;
#endif
}

/* Which of the 64 bytes at p are c, the first the lowest bit: all of them, exactly. */
static inline uint64_t kw_word_mask(const char *p, char c)
{
    return kw_word_mask16(p, c) | kw_word_mask16(p + 16, c) << 16 | kw_word_mask16(p + 32, c) << 32 |
           kw_word_mask16(p + 48, c) << 48;
}

/* Bit i is set where an odd number of bits up to i are. */
static inline uint64_t kw_word_parity(uint64_t x)
{
    x ^= x << 1;
    x ^= x << 2;
    x ^= x << 4;
    x ^= x << 8;
    x ^= x << 16;
    return x ^ x << 32;
}

/* The first byte in [p, end) that a JSON string does not hold as it is: a quote, a backslash, a control character, or what is
 * not ASCII; or end. */
static inline const char *kw_word_past_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) { /* as signed bytes, all that is not ASCII is below a blank, too */
        __m128i w = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i quotes = _mm_or_si128(_mm_cmpeq_epi8(w, _mm_set1_epi8('"')), _mm_cmpeq_epi8(w, _mm_set1_epi8('\\')));
        int hit = _mm_movemask_epi8(_mm_or_si128(quotes, _mm_cmplt_epi8(w, _mm_set1_epi8(' '))));
        if (hit) return p + __builtin_ctz((unsigned)hit);
    }
#endif
    for (; end - p >= 8; p += 8) {
        uint64_t w = kw_word_at(p),
                 hit = kw_word_is(w, '"') | kw_word_is(w, '\\') | (((w - KW_WORD_ONES * 0x20) | w) & KW_WORD_HIGH);
        if (hit) return p + (__builtin_ctzll(hit) >> 3);
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80) p++;
    return p;
}

#endif
