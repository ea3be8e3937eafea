#include "sim/core/files/json_scan.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* cJSON alone is not enough behind it: it forgives raw newlines in strings, "01", invalid UTF-8 and lone NULs. After
 * the scanner has accepted a text, cJSON can only fail for want of memory. */

static bool stop(struct kw_json_scan *s, const char *want)
{
    s->want = want;
    return false;
}

static bool digit(char c) /* not isdigit: a table behind a call, once a character */
{
    return c >= '0' && c <= '9';
}

/* Length of the valid UTF-8 sequence at p, 0 if there is none (overlong forms, surrogates, above U+10FFFF refused). */
static int utf8_length(const char *p, const char *end)
{
    const unsigned char *u = (const unsigned char *)p;
    int n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : u[0] < 0xf5 ? 4 : 0;
    if (n == 0 || end - p < n) return 0;
    for (int i = 1; i < n; i++)
        if ((u[i] & 0xc0) != 0x80) return 0;
    if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) || (u[0] == 0xf0 && u[1] < 0x90) ||
        (u[0] == 0xf4 && u[1] > 0x8f))
        return 0;
    return n;
}

/* The four digits after "\u" at p; -1 if they are not hexadecimal. */
static long hex4(const char *p, const char *end)
{
    long v = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i], lower = (char)(c | 0x20);
        if (!digit(c) && (lower < 'a' || lower > 'f')) return -1;
        v = v * 16 + (digit(c) ? c - '0' : lower - 'a' + 10);
    }
    return v;
}

static bool scan_escape(struct kw_json_scan *s) /* p stands on the backslash */
{
    if (s->end - s->p < 2) return stop(s, "an escaped character");
    if (s->p[1] != 'u') {
        if (!s->p[1] || !strchr("\"\\/bfnrt", s->p[1])) return stop(s, "an escape JSON knows (\\n, \\u00e9, ...)");
        s->p += 2;
        return true;
    }
    long hi = hex4(s->p + 2, s->end);
    if (hi < 0) return stop(s, "four hexadecimal digits after \\u");
    if (hi == 0) return stop(s, "a string without NUL characters");
    int used = 6;
    if (hi >= 0xd800 && hi <= 0xdfff) {
        long lo = -1;
        if (hi < 0xdc00 && s->end - s->p >= 12 && s->p[6] == '\\' && s->p[7] == 'u') lo = hex4(s->p + 8, s->end);
        if (lo < 0xdc00 || lo > 0xdfff) return stop(s, "surrogates in pairs (\\ud83d\\ude00)");
        used = 12;
    }
    s->p += used;
    return true;
}

/* p at its opening quote. */
static bool scan_string(struct kw_json_scan *s)
{
    assert(s->p < s->end && *s->p == '"');
    const char *p = s->p + 1, *end = s->end;
    while ((p = kw_word_past_plain(p, end)) < end && *p != '"') {
        unsigned char c = (unsigned char)*p;
        s->p = p;
        if (c == '\\') {
            if (!scan_escape(s)) return false;
            p = s->p;
        } else if (c < 0x20) {
            return stop(s, "the closing quote of a string or an escape (\\n, \\t)");
        } else {
            int n = utf8_length(p, end);
            if (n == 0) return stop(s, "valid UTF-8");
            p += n;
        }
    }
    s->p = p;
    if (p == end) return stop(s, "the closing quote of a string");
    s->p++;
    return true;
}

static bool scan_word(struct kw_json_scan *s)
{
    static const struct {
        char word[9];
        unsigned char n;
    } words[] = { { "true", 4 }, { "false", 5 }, { "null", 4 }, { "NaN", 3 }, { "Infinity", 8 } };
    for (int i = 0; i < (s->python ? 5 : 3); i++)
        if (*s->p == *words[i].word && s->end - s->p >= words[i].n && !memcmp(s->p, words[i].word, words[i].n)) {
            s->p += words[i].n;
            return true;
        }
    return stop(s, "a JSON value (NaN, Infinity and bare words are none)");
}

static const char *past_digits(const char *p, const char *end)
{
    while (p < end && digit(*p)) p++;
    return p;
}

static bool scan_number(struct kw_json_scan *s)
{
    const char *from = s->p, *end = s->end, *p = from + (*from == '-'), *whole = p;
    if (s->python && p < end && *p == 'I') {
        s->p = p;
        return scan_word(s);
    }
    p = past_digits(p, end);
    if (p > whole + 1 && *whole == '0') return stop(s, "a number without leading zeros");
    bool ok = p > whole;
    if (ok && p < end && *p == '.') {
        const char *digits = ++p;
        p = past_digits(p, end);
        ok = p > digits;
    }
    if (ok && p < end && (*p == 'e' || *p == 'E')) {
        if (++p < end && (*p == '+' || *p == '-')) p++;
        const char *digits = p;
        p = past_digits(p, end);
        ok = p > digits;
    }
    if (ok && p - from > KW_JSON_MAX_NUMBER) return stop(s, "a number of at most 63 characters");
    s->p = p;
    return ok || stop(s, "a digit");
}

bool kw_json_scan_any_key(struct kw_json_scan *s, const char **begin, const char **end)
{
    kw_json_scan_blank(s);
    if (s->p == s->end || *s->p != '"') return stop(s, "a key in double quotes");
    *begin = s->p + 1;
    if (!scan_string(s)) return false;
    *end = s->p - 1;
    kw_json_scan_blank(s);
    if (s->p == s->end || *s->p != ':') return stop(s, "':' after a key");
    s->p++;
    return true;
}

/* An array or an object by its closing bracket; p stands on the opening one. */
static bool scan_members(struct kw_json_scan *s, int depth, char close)
{
    const char *begin, *end;
    bool more = true;
    if (depth == KW_JSON_MAX_DEPTH) return stop(s, "at most 64 levels of nesting");
    s->p++;
    kw_json_scan_blank(s);
    if (s->p < s->end && *s->p == close) {
        s->p++;
        return true;
    }
    while (more) {
        if (close == '}' && !kw_json_scan_key(s, &begin, &end)) return false;
        if (!kw_json_scan_value(s, depth + 1) || !kw_json_scan_next(s, close, &more)) return false;
    }
    return true;
}

bool kw_json_scan_any_value(struct kw_json_scan *s, int depth)
{
    kw_json_scan_blank(s);
    if (s->p == s->end) return stop(s, "a JSON value");
    switch (*s->p) {
    case '{': return scan_members(s, depth, '}');
    case '[': return scan_members(s, depth, ']');
    case '"': return scan_string(s);
    case '-': return scan_number(s);
    default: return digit(*s->p) ? scan_number(s) : scan_word(s);
    }
}

/* What stands at p, for a message: a few printable characters in quotes, or a byte by number. */
static const char *show(char buf[32], const char *p, const char *end, const char *end_name)
{
    int n = 0;
    while (n < 20 && p + n < end && p[n] > 0x20 && p[n] < 0x7f) n++;
    if (p == end)
        snprintf(buf, 32, "%.31s", end_name);
    else if (*p == '\n' || *p == '\r')
        snprintf(buf, 32, "the end of the line");
    else if (n == 0)
        snprintf(buf, 32, "byte 0x%02x", (unsigned)(unsigned char)*p);
    else
        snprintf(buf, 32, "'%.*s'", n, p);
    return buf;
}

enum kw_status kw_json_scan_fail(const struct kw_json_scan *s, const char *begin, const char *end_name,
                                 struct kw_error *err)
{
    char got[32];
    const char *eol = s->p < s->end ? memchr(s->p, '\n', (size_t)(s->end - s->p)) : NULL;
    return kw_fail(err, KW_EPARSE, "column %ld: want %s; got %s", (long)(s->p - begin) + 1, s->want,
                   show(got, s->p, eol && eol != s->p ? eol : s->end, end_name));
}
