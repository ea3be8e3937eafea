/* --set and sweep edits: values land where the path says, other lines stay, nonsense is refused and changes nothing. */
#include "sim/io/scenario/edit.h"
#include "tests/check.h"

static const char *const text =
    "{\n \"a\": {\"b\": 1},\n \"list\": [\n  {\"name\": \"main\", \"k\": 2},\n  {\"name\": \"api\"}\n ],\n"
    " \"empty\": {},\n \"last\": \"x\"\n}";

static const struct {
    const char *set, *want;
} good[] = {
    { "a.b=7", "{\n \"a\": {\"b\": 7},\n" },
    { "a.c=7", "{\n \"a\": {\"b\": 1,\"c\":7},\n" },
    { "empty.x=true", " \"empty\": {\"x\":true},\n" },
    { "empty.x.y.z=0.5", " \"empty\": {\"x\":{\"y\":{\"z\":\"0.5\"}}},\n" },
    { "list[0].k=3", "  {\"name\": \"main\", \"k\": 3},\n" },
    { "list[api].k=3", "  {\"name\": \"api\",\"k\":3}\n" },
    { "list[2]={\"name\":\"new\"}", "  {\"name\": \"api\"}\n ,{\"name\":\"new\"}]," },
    { "last=modal", " \"last\": \"modal\"\n" },
    { "last=2e3", " \"last\": \"2e3\"\n" },
    { "last=-4", " \"last\": -4\n" },
    { "last=a \"b\"", " \"last\": \"a \\\"b\\\"\"\n" },
    { "new={\"p\": [1, 2]}", ",\"new\":{\"p\": [1, 2]}}" },
};

static void edits_land_and_leave_the_rest(void)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct kw_json doc;
        struct kw_error err = { "" };
        CHECK(!kw_json_parse(&doc, "f.json", text, strlen(text), &err));
        CHECK(!kw_edit_set(&doc, good[i].set, &err));
        CHECK_STR(err.msg, "");
        if (!strstr(doc.text, good[i].want)) {
            CHECK(0);
            fprintf(stderr, "%s gave:\n%s\n", good[i].set, doc.text);
        }
        struct kw_jnode last = kw_json_get(kw_json_root(&doc), "last");
        CHECK(kw_json_line(&last) == 8);
        kw_json_free(&doc);
    }
}

static const struct {
    const char *set, *want;
} bad[] = {
    { "a.b", "--set wants path=value" },
    { "=1", "--set wants path=value" },
    { "a..b=1", "is no path" },
    { "list[9].k=1", "there is no element [9]" },
    { "list[nobody].k=1", "there is no element [nobody]" },
    { "list[0=1", "is no path" },
    { "a.b.c=1", "which is no object" },
    { "a[0]=1", "which is no array" },
};

static void nonsense_is_refused_and_changes_nothing(void)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kw_json doc;
        struct kw_error err = { "" };
        CHECK(!kw_json_parse(&doc, "f.json", text, strlen(text), NULL));
        CHECK(kw_edit_set(&doc, bad[i].set, &err) == KW_EUSAGE);
        if (!strstr(err.msg, bad[i].want)) {
            CHECK(0);
            fprintf(stderr, "%s gave: %s\n", bad[i].set, err.msg);
        }
        CHECK_STR(doc.text, text);
        kw_json_free(&doc);
    }
}

static void find_says_present_or_absent(void)
{
    struct kw_json doc;
    struct kw_jnode n;
    int64_t v = 0;
    CHECK(!kw_json_parse(&doc, "f.json", text, strlen(text), NULL));
    CHECK(!kw_edit_find(&doc, "list[main].k", &n, NULL) && !kw_json_i64(n, 0, 9, &v, NULL) && v == 2);
    CHECK(!kw_edit_find(&doc, "list[api].k", &n, NULL) && !kw_json_present(n));
    kw_json_free(&doc);
}

static void keys_may_hold_dots(void)
{
    static const char dotted[] = "{\"a\": {\"b.c\": {\"d\": 1}}}";
    struct kw_json doc;
    CHECK(!kw_json_parse(&doc, "f.json", dotted, strlen(dotted), NULL));
    CHECK(!kw_edit_set(&doc, "a.\"b.c\".d=2", NULL));
    CHECK_STR(doc.text, "{\"a\": {\"b.c\": {\"d\": 2}}}");
    CHECK(!kw_edit_set(&doc, "a.\"e.f\"=0.5", NULL));
    CHECK_STR(doc.text, "{\"a\": {\"b.c\": {\"d\": 2},\"e.f\":\"0.5\"}}");
    CHECK(kw_edit_set(&doc, "a.\"e.f=1", NULL) == KW_EUSAGE && kw_edit_set(&doc, "a.\"\"=1", NULL) == KW_EUSAGE);
    kw_json_free(&doc);
}

static void members_and_lists_grow(void)
{
    struct kw_json doc;
    struct kw_error err = { "" };
    CHECK(!kw_json_parse(&doc, "f.json", "{}", 2, NULL));
    CHECK(!kw_edit_append_string(&doc, "c.list", "x", NULL) && !kw_edit_append_string(&doc, "c.list", "y", NULL));
    CHECK_STR(doc.text, "{\"c\":{\"list\":[\"x\",\"y\"]}}");
    CHECK(!kw_edit_put_member(&doc, "c.by", "m-3.1=0.9", NULL) && !kw_edit_put_member(&doc, "c.by", "n", NULL));
    CHECK(!kw_edit_put_member(&doc, "c.by", "m-3.1=0.8", NULL));
    CHECK_STR(doc.text, "{\"c\":{\"list\":[\"x\",\"y\"],\"by\":{\"m-3.1\":\"0.8\",\"n\":{}}}}");
    CHECK(kw_edit_put_member(&doc, "c.by", "=1", &err) == KW_EUSAGE);
    CHECK_STR(err.msg, "'=1' is no NAME or NAME=VALUE");
    CHECK(kw_edit_append_string(&doc, "c.by", "x", NULL) == KW_EUSAGE);
    kw_json_free(&doc);
}

int main(void)
{
    RUN(edits_land_and_leave_the_rest);
    RUN(nonsense_is_refused_and_changes_nothing);
    RUN(find_says_present_or_absent);
    RUN(keys_may_hold_dots);
    RUN(members_and_lists_grow);
    return check_report();
}
