/* What a plan may require of platforms: how it is asked for, what takes it, what every shipped file says. */
#include "platforms/facts/attributes.h"
#include <stdlib.h>
#include "platforms/facts/platform_read.h"
#include "platforms/facts/platforms.h"
#include "platforms/facts/show.h"
#include "tests/check.h"

static void a_word_asks_for_an_attribute(void)
{
    struct kw_requirement r;
    struct kw_error err = { "" };
    for (int a = 0; a < KW_ATTRIBUTES; a++) {
        char word[40];
        CHECK(!kw_requirement_read(&r, kw_attribute_name[a], &err) && (int)r.attribute == a && !r.or_unknown);
        snprintf(word, sizeof word, "%s?", kw_attribute_name[a]);
        CHECK(!kw_requirement_read(&r, word, &err) && (int)r.attribute == a && r.or_unknown);
    }
    CHECK(kw_requirement_read(&r, "hippa", &err) == KW_ERANGE);
    CHECK(!strcmp(err.msg, "no attribute of a platform is called 'hippa' (did you mean 'hipaa'?)"));
    CHECK(kw_requirement_read(&r, "hipaa??", &err) == KW_ERANGE);
    CHECK(kw_requirement_read(&r, "?", &err) == KW_ERANGE && kw_requirement_read(&r, "", &err) == KW_ERANGE);
    CHECK(kw_requirement_read(&r, "hipaa-and-a-name-longer-than-any-attribute", &err) == KW_ERANGE);
}

static void not_known_is_not_no(void)
{
    const struct kw_requirement sure = { KW_ATTRIBUTE_SOC2, false }, or_unknown = { KW_ATTRIBUTE_SOC2, true };
    struct kw_attribute_fact f = { .note = "nobody says" };
    char buf[400];
    CHECK(!kw_requirement_met(&sure, &f) && kw_requirement_met(&or_unknown, &f));
    CHECK(!strcmp(kw_attribute_text(KW_ATTRIBUTE_SOC2, &f, buf, sizeof buf), "soc2: not known: nobody says"));
    kw_attribute_state(&f, false);
    CHECK(!kw_requirement_met(&sure, &f) && !kw_requirement_met(&or_unknown, &f));
    CHECK(!strcmp(kw_attribute_text(KW_ATTRIBUTE_SOC2, &f, buf, sizeof buf), "soc2: no (stated by the user; user)"));
    kw_attribute_state(&f, true);
    CHECK(kw_requirement_met(&sure, &f) && kw_requirement_met(&or_unknown, &f));
    CHECK(f.provenance.grade == KW_GRADE_USER);
}

static void those_left_out_are_told_by_what_they_say(void)
{
    char buf[400];
    struct kw_attribute_fact unknown = { .note = "n" },
                             no = { .answer = KW_ANSWER_NO, .note = "kept", .provenance = { .source = "page" } };
    const struct kw_attribute_without both[] = { { "a", &unknown }, { "b", &no }, { "c", &unknown }, { "d", &no } };
    const struct kw_attribute_without silent[] = { { "a", &unknown } };
    CHECK(!strcmp(kw_attribute_without_text(KW_ATTRIBUTE_HIPAA, both, 4, buf, sizeof buf),
                  "hipaa: no at b (kept; page, measured), d (kept; page, measured); not known of a, c"));
    CHECK(!strcmp(kw_attribute_without_text(KW_ATTRIBUTE_HIPAA, silent, 1, buf, sizeof buf), "hipaa: not known of a"));
    CHECK(!*kw_attribute_without_text(KW_ATTRIBUTE_HIPAA, silent, 0, buf, sizeof buf));
}

/* The user reads why something is left out: an answer has a source and a date, what has none says why. */
static void every_platform_answers_or_says_why_not(void)
{
    struct kw_platforms all;
    struct kw_error err;
    CHECK(!kw_platforms_embedded(&all, &err));
    for (size_t i = 0; i < all.n; i++)
        for (int a = 0; a < KW_ATTRIBUTES; a++) {
            const struct kw_attribute_fact *f = &all.p[i].attribute[a];
            bool told =
                f->answer == KW_ANSWER_UNKNOWN ? f->note[0] != 0 : f->provenance.source[0] && f->provenance.date[0];
            CHECK(told);
            if (!told) printf("%s: attributes.%s\n", all.p[i].name, kw_attribute_name[a]);
        }
    kw_platforms_free(&all);
}

static enum kw_status read(const char *attributes, struct kw_platform *p, struct kw_error *err)
{
    char text[900];
    int n = snprintf(text, sizeof text,
                     "{\"keepwarm_platform\": 1, \"name\": \"t\", \"title\": \"T\", \"kind\": \"api\",\n"
                     "\"sources\": {\"S\": {\"source\": \"page\", \"date\": \"2020-01-02\", \"grade\": \"estimated\"},"
                     " \"U\": {\"source\": \"none\", \"date\": \"undated\", \"grade\": \"unknown\"}},\n"
                     "\"attributes\": %s}",
                     attributes);
    return kw_platform_parse(p, "t.json", text, (size_t)n, err);
}

static void a_file_states_them(void)
{
    struct kw_platform p;
    struct kw_error err;
    char *text = NULL;
    CHECK(!read("{\"src\": \"S\", \"hipaa\": true, \"soc2\": {\"value\": false, \"note\": \"lapsed\"},\n"
                "\"not_known\": {\"iso27001\": \"not looked for\"}}",
                &p, &err));
    CHECK(p.attribute[KW_ATTRIBUTE_HIPAA].answer == KW_ANSWER_YES);
    CHECK(p.attribute[KW_ATTRIBUTE_SOC2].answer == KW_ANSWER_NO &&
          !strcmp(p.attribute[KW_ATTRIBUTE_SOC2].note, "lapsed"));
    CHECK(p.attribute[KW_ATTRIBUTE_ISO27001].answer == KW_ANSWER_UNKNOWN);
    CHECK(!strcmp(p.attribute[KW_ATTRIBUTE_ISO27001].note, "not looked for"));
    CHECK(p.attribute[KW_ATTRIBUTE_NO_TRAINING].answer == KW_ANSWER_UNKNOWN);
    CHECK(p.attribute[KW_ATTRIBUTE_LORA].answer == KW_ANSWER_UNKNOWN && p.attribute[KW_ATTRIBUTE_LORA].note[0]);
    CHECK(p.weakest == KW_GRADE_MEASURED && !p.oldest[0]); /* no bill rests on them */
    CHECK(!kw_show_platform(&p, &text, &err));
    CHECK(strstr(text, "attributes.hipaa ") && strstr(text, "  iso27001: not known: not looked for\n"));
    free(text);
    kw_platform_free(&p);
}

static void what_a_file_may_not_say(void)
{
    static const struct {
        const char *attributes, *message;
    } bad[] = {
        { "{\"src\": \"S\", \"hippa\": true}", "attributes.hippa: unknown key; did you mean 'hipaa'?" },
        { "{\"hipaa\": true}", "attributes.hipaa: a number without a source" },
        { "{\"src\": \"S\", \"hipaa\": \"yes\"}", "attributes.hipaa: want true or false" },
        { "{\"src\": \"S\", \"hipaa\": {\"note\": \"x\"}}", "attributes.hipaa: missing key 'value'" },
        { "{\"hipaa\": {\"value\": true, \"src\": \"U\"}}", "what is not known goes into attributes.not_known" },
        { "{\"src\": \"S\", \"soc2\": true, \"not_known\": {\"soc2\": \"x\"}}", "attributes.soc2 says yes" },
        { "{\"not_known\": {\"soc\": \"x\"}}", "not_known.soc: unknown key; did you mean 'soc2'?" },
        { "{\"not_known\": {\"soc2\": \"\"}}", "want some text" },
        { "{\"src\": \"S\", \"lora\": true}", "attributes.lora: unknown key" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kw_platform p;
        struct kw_error err = { "" };
        bool refused = read(bad[i].attributes, &p, &err) != KW_OK;
        CHECK(refused && strstr(err.msg, bad[i].message));
        if (!refused || !strstr(err.msg, bad[i].message)) printf("%s: %s\n", bad[i].attributes, err.msg);
        if (!refused) kw_platform_free(&p);
    }
}

int main(void)
{
    RUN(a_word_asks_for_an_attribute);
    RUN(not_known_is_not_no);
    RUN(those_left_out_are_told_by_what_they_say);
    RUN(every_platform_answers_or_says_why_not);
    RUN(a_file_states_them);
    RUN(what_a_file_may_not_say);
    return check_report();
}
