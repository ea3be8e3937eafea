#include "sim/core/provenance.h"
#include <stdio.h>
#include <string.h>

const char *const kw_grade_name[] = { "measured", "published", "estimated", "user", "unknown", NULL };

enum kw_grade kw_grade_weaker(enum kw_grade a, enum kw_grade b)
{
    /* How far each grade is from a measurement of our own. USER ranks with PUBLISHED, and a tie keeps the named source
     * (the smaller enum), so that the answer does not depend on the order of the two. */
    static const int rank[] = { [KW_GRADE_MEASURED] = 0,
                                [KW_GRADE_PUBLISHED] = 1,
                                [KW_GRADE_USER] = 1,
                                [KW_GRADE_ESTIMATED] = 2,
                                [KW_GRADE_UNKNOWN] = 3 };
    if (rank[a] != rank[b]) return rank[a] > rank[b] ? a : b;
    return a < b ? a : b;
}

/* "undated", "2026-08-21"; a month or a year alone is what some sources give, and is kept as they give it. */
static int date_ok(const char *s)
{
    static const char *const forms[] = { "dddd-dd-dd", "dddd-dd", "dddd" };
    if (!strcmp(s, "undated")) return 1;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t k = 0;
        while (forms[i][k] && s[k] && (forms[i][k] == 'd' ? s[k] >= '0' && s[k] <= '9' : s[k] == forms[i][k])) k++;
        if (forms[i][k] || s[k]) continue;
        int month = k >= 7 ? (s[5] - '0') * 10 + s[6] - '0' : 1, day = k >= 10 ? (s[8] - '0') * 10 + s[9] - '0' : 1;
        return month >= 1 && month <= 12 && day >= 1 && day <= 31;
    }
    return 0;
}

enum kw_status kw_provenance_read(struct kw_jnode obj, struct kw_provenance *out, struct kw_error *err)
{
    struct kw_provenance p = { .evidence = 0 };
    int grade;
    const char *source, *date, *evidence;
    enum kw_status st;
    if ((st = kw_json_enum(kw_json_get(obj, "grade"), kw_grade_name, &grade, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(obj, "source"), &source, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(obj, "date"), &date, err)) != KW_OK) return st;
    if ((st = kw_json_str_or(kw_json_get(obj, "evidence"), "", &evidence, err)) != KW_OK) return st;
    if (!*source) return kw_json_fail(kw_json_get(obj, "source"), KW_ERANGE, err, "want a source, got \"\"");
    if (strlen(source) >= sizeof p.source)
        return kw_json_fail(kw_json_get(obj, "source"), KW_ERANGE, err, "longer than %zu bytes", sizeof p.source - 1);
    if (!date_ok(date))
        return kw_json_fail(kw_json_get(obj, "date"), KW_ERANGE, err,
                            "want YYYY-MM-DD, YYYY-MM, YYYY or undated, got \"%.40s\"", date);
    if (*evidence && (evidence[1] || !strchr("PQTD", evidence[0])))
        return kw_json_fail(kw_json_get(obj, "evidence"), KW_ERANGE, err, "want P, Q, T or D, got \"%.40s\"", evidence);
    p.grade = (enum kw_grade)grade;
    snprintf(p.source, sizeof p.source, "%s", source);
    snprintf(p.date, sizeof p.date, "%.10s", date);
    p.evidence = *evidence;
    *out = p;
    return KW_OK;
}
