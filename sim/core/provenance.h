/* sim/core/provenance.h - where a number comes from. Every number shipped carries one. */
#ifndef KW_SIM_CORE_PROVENANCE_H
#define KW_SIM_CORE_PROVENANCE_H
#include "sim/core/files/json.h"

/* Strongest first; the weakest of several is the largest. USER: set by the user in a scenario. UNKNOWN: not found; such
 * a value is never used silently, the user must set it. */
enum kw_grade { KW_GRADE_MEASURED, KW_GRADE_PUBLISHED, KW_GRADE_ESTIMATED, KW_GRADE_USER, KW_GRADE_UNKNOWN };

struct kw_provenance {
    enum kw_grade grade;
    char source[160]; /* document, repository@commit or command, with PLATFORMS.md's source ids where they exist */
    char date[11];    /* YYYY-MM-DD it was measured, published or checked; "undated" */
    char evidence; /* PLATFORMS.md letter: P vendor text, Q vendor text as quoted, T third party, D derived; 0 none */
};

extern const char *const kw_grade_name[]; /* "measured", "published", "estimated", "user", "unknown", NULL */
/* The weaker of two: measured < published < estimated < unknown; user counts as published. */
enum kw_grade kw_grade_weaker(enum kw_grade a, enum kw_grade b);
/* Reads {"grade": "...", "source": "...", "date": "...", "evidence": "P"} (all but evidence required) from obj. */
enum kw_status kw_provenance_read(struct kw_jnode obj, struct kw_provenance *out, struct kw_error *err);

#endif
