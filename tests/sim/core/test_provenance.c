#include "sim/core/provenance.h"
#include <stdio.h>
#include <string.h>
#include "tests/check.h"

static enum kw_status read(const char *text, struct kw_provenance *p, struct kw_error *err)
{
    struct kw_json doc;
    enum kw_status st = kw_json_parse(&doc, "p.json", text, strlen(text), err);
    if (st != KW_OK) return st;
    st = kw_provenance_read(kw_json_root(&doc), p, err);
    kw_json_free(&doc);
    return st;
}

static void reads_all_four_keys(void)
{
    struct kw_provenance p;
    struct kw_error err;
    CHECK(read("{\"grade\": \"published\", \"source\": \"S41\", \"date\": \"2026-08-20\", \"evidence\": \"Q\"}", &p,
               &err) == KW_OK);
    CHECK(p.grade == KW_GRADE_PUBLISHED && p.evidence == 'Q');
    CHECK_STR(p.source, "S41");
    CHECK_STR(p.date, "2026-08-20");
    CHECK(read("{\"grade\": \"estimated\", \"source\": \"x\", \"date\": \"undated\"}", &p, &err) == KW_OK &&
          p.evidence == 0);
    CHECK(read("{\"grade\": \"user\", \"source\": \"x\", \"date\": \"2020-11\"}", &p, &err) == KW_OK);
    CHECK_STR(p.date, "2020-11");
}

static void bad_input_is_named_and_leaves_out_alone(void)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        { "{\"source\": \"x\", \"date\": \"undated\"}", "missing key 'grade'" },
        { "{\"grade\": \"publishd\", \"source\": \"x\", \"date\": \"undated\"}", "published" },
        { "{\"grade\": \"published\", \"date\": \"undated\"}", "missing key 'source'" },
        { "{\"grade\": \"published\", \"source\": \"\", \"date\": \"undated\"}", "want a source" },
        { "{\"grade\": \"published\", \"source\": \"x\"}", "missing key 'date'" },
        { "{\"grade\": \"published\", \"source\": \"x\", \"date\": \"2026-13-01\"}", "got \"2026-13-01\"" },
        { "{\"grade\": \"published\", \"source\": \"x\", \"date\": \"2026-00\"}", "got \"2026-00\"" },
        { "{\"grade\": \"published\", \"source\": \"x\", \"date\": \"2026-08-32\"}", "got \"2026-08-32\"" },
        { "{\"grade\": \"published\", \"source\": \"x\", \"date\": \"20 Aug 2026\"}", "want YYYY-MM-DD" },
        { "{\"grade\": \"published\", \"source\": \"x\", \"date\": \"2026-08-201\"}", "want YYYY-MM-DD" },
        { "{\"grade\": \"published\", \"source\": \"x\", \"date\": \"undated\", \"evidence\": \"X\"}",
          "want P, Q, T or D" },
        { "{\"grade\": \"published\", \"source\": \"x\", \"date\": \"undated\", \"evidence\": \"PQ\"}",
          "want P, Q, T or D" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kw_provenance p = { .grade = KW_GRADE_USER, .evidence = 'D' };
        struct kw_error err = { .msg = "" };
        CHECK(read(bad[i].text, &p, &err) != KW_OK);
        if (!strstr(err.msg, bad[i].message)) {
            CHECK_STR(err.msg, bad[i].message);
        }
        CHECK(p.grade == KW_GRADE_USER && p.evidence == 'D');
    }
    char text[400], source[161];
    memset(source, 'x', 160);
    source[160] = 0;
    snprintf(text, sizeof text, "{\"grade\": \"user\", \"source\": \"%s\", \"date\": \"undated\"}", source);
    struct kw_provenance p;
    struct kw_error err;
    CHECK(read(text, &p, &err) == KW_ERANGE && strstr(err.msg, "longer than 159 bytes"));
    source[159] = 0;
    snprintf(text, sizeof text, "{\"grade\": \"user\", \"source\": \"%s\", \"date\": \"undated\"}", source);
    CHECK(read(text, &p, &err) == KW_OK && strlen(p.source) == 159);
}

static void the_weaker_grade_is_a_commutative_maximum(void)
{
    CHECK(kw_grade_weaker(KW_GRADE_MEASURED, KW_GRADE_PUBLISHED) == KW_GRADE_PUBLISHED);
    CHECK(kw_grade_weaker(KW_GRADE_ESTIMATED, KW_GRADE_USER) == KW_GRADE_ESTIMATED);
    CHECK(kw_grade_weaker(KW_GRADE_MEASURED, KW_GRADE_USER) == KW_GRADE_USER);
    CHECK(kw_grade_weaker(KW_GRADE_USER, KW_GRADE_PUBLISHED) == KW_GRADE_PUBLISHED);
    CHECK(kw_grade_weaker(KW_GRADE_ESTIMATED, KW_GRADE_UNKNOWN) == KW_GRADE_UNKNOWN);
    for (int a = KW_GRADE_MEASURED; a <= KW_GRADE_UNKNOWN; a++)
        for (int b = KW_GRADE_MEASURED; b <= KW_GRADE_UNKNOWN; b++) {
            enum kw_grade x = (enum kw_grade)a, y = (enum kw_grade)b;
            CHECK(kw_grade_weaker(x, y) == kw_grade_weaker(y, x));
            CHECK(kw_grade_weaker(x, x) == x);
            for (int c = KW_GRADE_MEASURED; c <= KW_GRADE_UNKNOWN; c++) {
                enum kw_grade z = (enum kw_grade)c;
                CHECK(kw_grade_weaker(kw_grade_weaker(x, y), z) == kw_grade_weaker(x, kw_grade_weaker(y, z)));
            }
        }
}

int main(void)
{
    RUN(reads_all_four_keys);
    RUN(bad_input_is_named_and_leaves_out_alone);
    RUN(the_weaker_grade_is_a_commutative_maximum);
    return check_report();
}
