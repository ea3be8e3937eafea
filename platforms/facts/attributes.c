#include "platforms/facts/attributes.h"
#include <stdio.h>
#include <string.h>
#include "sim/core/nearest.h"

const char *const kw_attribute_name[] = { "data_in_account", "no_training",    "zero_retention", "hipaa", "soc2",
                                          "iso27001",        "custom_weights", "lora",           NULL };
_Static_assert(sizeof kw_attribute_name / sizeof *kw_attribute_name == KW_ATTRIBUTES + 1, "a name for each attribute");
const char *const kw_answer_name[] = { "not known", "no", "yes", NULL };

enum kw_status kw_requirement_read(struct kw_requirement *r, const char *word, struct kw_error *err)
{
    char name[32], hint[KW_NEAREST_HINT];
    size_t n = strlen(word);
    bool or_unknown = n > 0 && word[n - 1] == '?';
    snprintf(name, sizeof name, "%.*s", (int)(n - or_unknown < 31 ? n - or_unknown : 31), word);
    for (int a = 0; kw_attribute_name[a]; a++) {
        if (strlen(word) - or_unknown != strlen(kw_attribute_name[a]) || strcmp(name, kw_attribute_name[a])) continue;
        *r = (struct kw_requirement){ .attribute = (enum kw_attribute)a, .or_unknown = or_unknown };
        return KW_OK;
    }
    return kw_fail(err, KW_ERANGE, "no attribute of a platform is called '%.40s'%s", word,
                   kw_nearest_hint(hint, name, kw_attribute_name));
}

bool kw_requirement_met(const struct kw_requirement *r, const struct kw_attribute_fact *f)
{
    return f->answer == KW_ANSWER_YES || (r->or_unknown && f->answer == KW_ANSWER_UNKNOWN);
}

char *kw_attribute_text(enum kw_attribute a, const struct kw_attribute_fact *f, char *buf, size_t size)
{
    const struct kw_provenance *v = &f->provenance;
    const char *name = kw_attribute_name[a];
    if (f->answer == KW_ANSWER_UNKNOWN)
        snprintf(buf, size, "%s: not known%s%s", name, f->note[0] ? ": " : "", f->note);
    else
        snprintf(buf, size, "%s: %s%s%s (%s; %s%s%s)", name, kw_answer_name[f->answer], f->note[0] ? ", " : "", f->note,
                 v->source, kw_grade_name[v->grade], v->date[0] ? " " : "", v->date);
    return buf;
}

char *kw_attribute_without_text(enum kw_attribute a, const struct kw_attribute_without *w, size_t n, char *buf,
                                size_t size)
{
    static const char *const of[] = { [KW_ANSWER_UNKNOWN] = "not known of", [KW_ANSWER_NO] = "no at" };
    size_t at = 0;
    buf[0] = 0;
    for (int answer = KW_ANSWER_NO; answer >= KW_ANSWER_UNKNOWN; answer--)
        for (size_t i = 0, told = 0; i < n && at < size; i++) {
            const struct kw_attribute_fact *f = w[i].fact;
            if ((int)f->answer != answer) continue;
            if (!at) at = (size_t)snprintf(buf, size, "%s: ", kw_attribute_name[a]);
            const char *before = told++ ? ", " : buf[at - 2] == ':' ? "" : "; ";
            at += (size_t)snprintf(buf + at, size - at, "%s%s%s%s", before, told > 1 ? "" : of[answer],
                                   told > 1 ? "" : " ", w[i].platform);
            if (answer == KW_ANSWER_NO && at < size)
                at += (size_t)snprintf(buf + at, size - at, " (%s%s%s, %s)", f->note, f->note[0] ? "; " : "",
                                       f->provenance.source, kw_grade_name[f->provenance.grade]);
        }
    return buf;
}

void kw_attribute_state(struct kw_attribute_fact *f, bool yes)
{
    *f = (struct kw_attribute_fact){ .answer = yes ? KW_ANSWER_YES : KW_ANSWER_NO,
                                     .provenance = { .grade = KW_GRADE_USER, .source = "stated by the user" } };
}
