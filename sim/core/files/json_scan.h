/* sim/core/files/json_scan.h - the one lexical scanner of JSON: what it lets through is JSON by RFC 8259 (strings,
 * escapes, UTF-8, numbers, nesting), for whole documents (json.h) and for JSONL, whose lines are too many to build a
 * tree of each (workloads/readers/jsonl.h). It allocates nothing and looks at each byte once. */
#ifndef KW_SIM_CORE_FILES_JSON_SCAN_H
#define KW_SIM_CORE_FILES_JSON_SCAN_H
#include <stdbool.h>
#include "sim/core/status.h"
#include "sim/core/files/word_scan.h"

#define KW_JSON_MAX_DEPTH 64
#define KW_JSON_MAX_NUMBER 63 /* characters: cJSON copies a number into 64 bytes and silently stops there */

struct kw_json_scan {
    const char *p, *end;
    const char *want; /* what was wanted at p, once a scan has failed */
    bool python;      /* NaN, Infinity and -Infinity pass as values, as Python's json module writes them */
};

/* Stricter than the grammar in three things, which would be lost or wrong further on: \u0000, numbers of more than
 * KW_JSON_MAX_NUMBER characters and nesting deeper than KW_JSON_MAX_DEPTH are refused. All return false with `want` set
 * and p at the place that is wrong. */

/* Past blanks and line ends; cannot fail. Inside, a scan moves a pointer of its own, which stays in a register: `s->p++`
 * would be a store for every byte. */
static inline void kw_json_scan_blank(struct kw_json_scan *s)
{
    const char *p = s->p, *end = s->end;
    while (p < end && (unsigned char)*p <= ' ' && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) p++;
    s->p = p;
}
/* Blanks and one value, which lies `depth` containers deep: a plain string or a whole number here, the rest by the other. */
bool kw_json_scan_any_value(struct kw_json_scan *s, int depth);
static inline bool kw_json_scan_value(struct kw_json_scan *s, int depth)
{
    const char *p = s->p + (s->p < s->end && *s->p == ' '), *q = p;
    if (p < s->end && *p == '"' && (q = kw_word_past_plain(p + 1, s->end)) < s->end && *q == '"') {
        s->p = q + 1;
        return true;
    }
    if (p < s->end && *p >= '0' && *p <= '9') {
        while (q < s->end && *q >= '0' && *q <= '9') q++;
        if (q < s->end && (*q == ',' || *q == '}') && (*p != '0' || q - p == 1) && q - p <= KW_JSON_MAX_NUMBER) {
            s->p = q;
            return true;
        }
    }
    return kw_json_scan_any_value(s, depth);
}
/* Blanks, a key and its colon; its text, between the quotes and escapes as written, is [*begin, *end). Most keys have no more
 * than a blank before them and are plain. */
bool kw_json_scan_any_key(struct kw_json_scan *s, const char **begin, const char **end);
static inline bool kw_json_scan_key(struct kw_json_scan *s, const char **begin, const char **end)
{
    const char *p = s->p + (s->p < s->end && *s->p == ' '), *q;
    if (p < s->end && *p == '"' && (q = kw_word_past_plain(p + 1, s->end), s->end - q > 1) && q[0] == '"' &&
        q[1] == ':') {
        *begin = p + 1;
        *end = q;
        s->p = q + 2;
        return true;
    }
    return kw_json_scan_any_key(s, begin, end);
}
/* After a member: blanks, then ',' (*more true) or the container's closing bracket, both taken. */
static inline bool kw_json_scan_next(struct kw_json_scan *s, char close, bool *more)
{
    kw_json_scan_blank(s);
    *more = s->p < s->end && *s->p == ',';
    if (!*more && (s->p == s->end || *s->p != close)) {
        s->want = close == '}' ? "',' or '}'" : "',' or ']'";
        return false;
    }
    s->p++;
    return true;
}

/* "column 7: want a digit; got 'x'" into err, KW_EPARSE; begin is where the line of s->p begins, end_name what lies
 * beyond the text ("the end of the file"). */
enum kw_status kw_json_scan_fail(const struct kw_json_scan *s, const char *begin, const char *end_name,
                                 struct kw_error *err);

#endif
