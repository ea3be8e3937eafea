/* tests/sim/core/test_json.c - the JSON reader: what it accepts, what it refuses and where it says so, and every
 * failing malloc. */
#include "sim/core/files/json.h"
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "sim/core/units.h"
#include "tests/check.h"
#include "tests/failmalloc.h"
#include "workloads/readers/jsonl.h"

static struct kw_error err;

static enum kw_status parse(struct kw_json *doc, const char *text)
{
    err.msg[0] = 0;
    return kw_json_parse(doc, "f.json", text, strlen(text), &err);
}

/* The message of a text that must be refused. */
static const char *refused(const char *text, size_t len, enum kw_status want)
{
    struct kw_json doc;
    err.msg[0] = 0;
    CHECK(kw_json_parse(&doc, "f.json", text, len, &err) == want);
    CHECK(!doc.root && !doc.text && !doc.name && !doc.tables);
    kw_json_free(&doc);
    return err.msg;
}
#define REFUSED(text, msg) CHECK_STR(refused(text, sizeof(text) - 1, KW_EPARSE), msg)

/* The same text as a value on a line of JSONL, which passes the same scanner. */
static enum kw_status on_a_line(const char *text, size_t len)
{
    static struct kw_jfield f[KW_JSONL_MAX];
    char line[600] = "{\"k\": ";
    size_t n = strlen(line), members;
    memcpy(line + n, text, len);
    line[n + len] = '}';
    err.msg[0] = 0;
    return kw_jsonl_object((struct kw_span){ line, n + len + 1 }, f, &members, &err);
}
/* Malformed wherever it stands. */
#define MALFORMED(text, msg)                                                                                           \
    do {                                                                                                               \
        REFUSED(text, msg);                                                                                            \
        CHECK(on_a_line(text, sizeof(text) - 1) == KW_EPARSE);                                                         \
    } while (0)

static const char example[] = "{\n"
                              "  \"name\": \"chat\",\n"
                              "  \"deployments\": [\n"
                              "    { \"keep_warm\": 2, \"price\": \"3.95\", \"rate\": 0.5,\n"
                              "      \"gpu\": \"h100\",\n"
                              "      \"spot\": true, \"note\": null },\n"
                              "    { \"keep_warm\": -1 }\n"
                              "  ]\n"
                              "}\n";

static void reads_values(void)
{
    struct kw_json doc;
    CHECK(parse(&doc, example) == KW_OK);
    struct kw_jnode root = kw_json_root(&doc), d = kw_json_at(kw_json_get(root, "deployments"), 0);
    const char *s;
    int64_t i;
    double f;
    bool b;
    int e;
    CHECK(kw_json_str(kw_json_get(root, "name"), &s, &err) == KW_OK);
    CHECK_STR(s, "chat");
    CHECK(kw_json_i64(kw_json_get(d, "keep_warm"), 0, 4, &i, &err) == KW_OK && i == 2);
    CHECK(kw_json_nano(kw_json_get(d, "price"), 0, INT64_MAX, &i, &err) == KW_OK && i == 3950000000);
    CHECK(kw_json_nano(kw_json_get(d, "keep_warm"), 0, INT64_MAX, &i, &err) == KW_OK && i == 2000000000);
    CHECK(kw_json_f64(kw_json_get(d, "rate"), 0, 1, &f, &err) == KW_OK && f == 0.5);
    CHECK(kw_json_f64(kw_json_get(d, "keep_warm"), 0, INFINITY, &f, &err) == KW_OK && f == 2);
    static const char *const gpus[] = { "a100", "h100", NULL };
    CHECK(kw_json_enum(kw_json_get(d, "gpu"), gpus, &e, &err) == KW_OK && e == 1);
    CHECK(kw_json_bool_or(kw_json_get(d, "spot"), false, &b, &err) == KW_OK && b);
    CHECK(kw_json_len(d) == 6 && kw_json_len(kw_json_get(root, "deployments")) == 2);
    CHECK(kw_json_is_object(d) && !kw_json_is_array(d) && kw_json_is_number(kw_json_get(d, "rate")));
    CHECK(kw_json_is_string(kw_json_get(d, "price")) && kw_json_is_array(kw_json_get(root, "deployments")));
    CHECK_STR(kw_json_get(d, "rate").path, "deployments[0].rate");
    CHECK_STR(root.path, "");
    CHECK(!kw_json_present(kw_json_get(d, "Keep_Warm"))); /* keys are exact, unlike cJSON's */
    const char *key;
    struct kw_jnode m = kw_json_member(d, 1, &key);
    CHECK_STR(key, "price");
    CHECK(kw_json_is_string(m));
    CHECK(!kw_json_member(d, 6, &key).item && !key);
    CHECK(!kw_json_at(d, 0).item && !kw_json_get(kw_json_get(root, "name"), "x").item);
    kw_json_free(&doc);
    CHECK(!doc.root);
    kw_json_free(&doc);
}

static void defaults_stand_in_for_absent_and_null(void)
{
    struct kw_json doc;
    CHECK(parse(&doc, "{\"n\": null, \"x\": 1}") == KW_OK);
    struct kw_jnode root = kw_json_root(&doc);
    static const char *const keys[] = { "n", "gone" };
    static const char *const words[] = { "a", "b", NULL };
    for (int k = 0; k < 2; k++) {
        struct kw_jnode n = kw_json_get(root, keys[k]);
        const char *s;
        int64_t i, j;
        double f;
        bool b;
        int e;
        CHECK(!kw_json_present(n));
        CHECK(kw_json_str_or(n, "d", &s, &err) == KW_OK && !strcmp(s, "d"));
        CHECK(kw_json_i64_or(n, 7, 0, 3, &i, &err) == KW_OK && i == 7); /* the default is not subject to the range */
        CHECK(kw_json_nano_or(n, 9, 0, 3, &j, &err) == KW_OK && j == 9);
        CHECK(kw_json_f64_or(n, 1.5, 0, 1, &f, &err) == KW_OK && f == 1.5);
        CHECK(kw_json_bool_or(n, true, &b, &err) == KW_OK && b);
        CHECK(kw_json_enum_or(n, -1, words, &e, &err) == KW_OK && e == -1);
        CHECK(kw_json_i64(n, 0, 3, &i, &err) == KW_EPARSE && i == 7);
    }
    kw_json_free(&doc);
}

static void errors_name_file_line_and_path(void)
{
    struct kw_json doc;
    CHECK(parse(&doc, example) == KW_OK);
    struct kw_jnode root = kw_json_root(&doc), list = kw_json_get(root, "deployments");
    struct kw_jnode d = kw_json_at(list, 0), e = kw_json_at(list, 1);
    const char *s = "kept";
    int64_t i = 42;
    double f;
    bool b;
    int w;
    CHECK(kw_json_i64(kw_json_get(e, "keep_warm"), 0, 1000, &i, &err) == KW_ERANGE && i == 42);
    CHECK_STR(err.msg, "f.json:7: deployments[1].keep_warm: want an integer from 0 to 1000; got -1");
    CHECK(kw_json_i64(kw_json_get(d, "rate"), 0, INT64_MAX, &i, &err) == KW_EPARSE);
    CHECK_STR(err.msg, "f.json:4: deployments[0].rate: want an integer, at least 0 (and below 2^53); got 0.5");
    CHECK(kw_json_nano(kw_json_get(d, "rate"), 0, 1, &i, &err) == KW_EPARSE);
    CHECK_STR(err.msg,
              "f.json:4: deployments[0].rate: want a decimal in quotes (\"0.25\": a JSON number is not exact); "
              "got 0.5");
    CHECK(kw_json_nano(kw_json_get(d, "gpu"), 0, 1, &i, &err) == KW_EPARSE);
    CHECK_STR(err.msg, "f.json:5: deployments[0].gpu: want a decimal number such as 0.25; got 'h100'");
    CHECK(kw_json_nano(kw_json_get(d, "price"), 0, KW_NANO, &i, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "f.json:4: deployments[0].price: want a decimal from 0 to 1; got \"3.95\"");
    CHECK(kw_json_f64(kw_json_get(d, "rate"), 1, 2, &f, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "f.json:4: deployments[0].rate: want a number from 1 to 2; got 0.5");
    CHECK(kw_json_f64(kw_json_get(d, "note"), 1, 2, &f, &err) == KW_EPARSE);
    CHECK_STR(err.msg, "f.json:6: deployments[0].note: want a number; got null");
    CHECK(kw_json_str(kw_json_get(d, "spot"), &s, &err) == KW_EPARSE && !strcmp(s, "kept"));
    CHECK_STR(err.msg, "f.json:6: deployments[0].spot: want a string; got true");
    CHECK(kw_json_bool_or(list, false, &b, &err) == KW_EPARSE);
    CHECK_STR(err.msg, "f.json:3: deployments: want true or false; got an array");
    static const char *const gpus[] = { "a100", "h200", "l40s", NULL };
    CHECK(kw_json_enum(kw_json_get(d, "gpu"), gpus, &w, &err) == KW_ERANGE);
    CHECK_STR(err.msg,
              "f.json:5: deployments[0].gpu: want one of a100, h200, l40s; got \"h100\"; did you mean 'a100'?");
    CHECK(kw_json_str(kw_json_get(e, "gpu"), &s, &err) == KW_EPARSE);
    CHECK_STR(err.msg, "f.json:7: deployments[1]: missing key 'gpu'");
    CHECK(kw_json_str(kw_json_get(kw_json_get(root, "slo"), "p95"), &s, &err) == KW_EPARSE);
    CHECK_STR(err.msg, "f.json:1: missing key 'slo.p95'");
    CHECK(kw_json_str(kw_json_at(list, 5), &s, &err) == KW_EPARSE);
    CHECK_STR(err.msg, "f.json:3: deployments: missing element [5]");
    CHECK(kw_json_fail(e, KW_ERANGE, &err, "%d too many", 3) == KW_ERANGE);
    CHECK_STR(err.msg, "f.json:7: deployments[1]: 3 too many");
    CHECK(kw_json_fail(root, KW_EFAIL, NULL, "x") == KW_EFAIL);
    kw_json_free(&doc);
}

static void unknown_keys_name_the_nearest(void)
{
    struct kw_json doc;
    static const char *const known[] = { "keep_warm", "max_replicas", "gpu", NULL };
    CHECK(parse(&doc, "{\"a\": {\"gpu\": 1,\n \"keep_wram\": 2}, \"b\": {\"zzzzzz\": 1}, \"c\": {\"gpu\": 1}}") ==
          KW_OK);
    struct kw_jnode root = kw_json_root(&doc);
    CHECK(kw_json_keys(kw_json_get(root, "a"), known, &err) == KW_EPARSE);
    CHECK_STR(err.msg, "f.json:2: a.keep_wram: unknown key; did you mean 'keep_warm'?");
    CHECK(kw_json_keys(kw_json_get(root, "b"), known, &err) == KW_EPARSE);
    CHECK_STR(err.msg, "f.json:2: b.zzzzzz: unknown key; known here: keep_warm, max_replicas, gpu");
    CHECK(kw_json_keys(kw_json_get(root, "c"), known, &err) == KW_OK);
    CHECK(kw_json_keys(kw_json_get(kw_json_get(root, "c"), "gpu"), known, &err) == KW_EPARSE);
    CHECK_STR(err.msg, "f.json:2: c.gpu: want an object; got 1");
    CHECK(kw_json_keys(kw_json_get(root, "d"), known, &err) == KW_EPARSE);
    CHECK_STR(err.msg, "f.json:1: missing key 'd'");
    kw_json_free(&doc);
}

static void refuses_bad_syntax(void)
{
    MALFORMED("", "f.json:1: column 1: want a JSON value; got the end of the file");
    MALFORMED(" \n\n ", "f.json:3: column 2: want a JSON value; got the end of the file");
    MALFORMED("{\"a\": 1,\n}", "f.json:2: column 1: want a key in double quotes; got '}'");
    MALFORMED("[1,]", "f.json:1: column 4: want a JSON value (NaN, Infinity and bare words are none); got ']'");
    MALFORMED("[1 2]", "f.json:1: column 4: want ',' or ']'; got '2]'");
    MALFORMED("{\"a\" 1}", "f.json:1: column 6: want ':' after a key; got '1}'");
    MALFORMED("{\"a\":1", "f.json:1: column 7: want ',' or '}'; got the end of the file");
    MALFORMED("{\"a\":1\n\"b\":2}", "f.json:2: column 1: want ',' or '}'; got '\"b\":2}'");
    MALFORMED("{} x", "f.json:1: column 4: want nothing after the value; got 'x'");
    MALFORMED("{}{}", "f.json:1: column 3: want nothing after the value; got '{}'");
    MALFORMED("{}\0", "f.json:1: column 3: want nothing after the value; got byte 0x00");
    MALFORMED("[1,\0]", "f.json:1: column 4: want a JSON value (NaN, Infinity and bare words are none); got byte 0x00");
    MALFORMED("\"a\0b\"",
              "f.json:1: column 3: want the closing quote of a string or an escape (\\n, \\t); got byte 0x00");
    MALFORMED("[\"a\nb\"]",
              "f.json:1: column 4: want the closing quote of a string or an escape (\\n, \\t); got the end of "
              "the line");
    MALFORMED("[\"a", "f.json:1: column 4: want the closing quote of a string; got the end of the file");
    MALFORMED("[\"\\", "f.json:1: column 3: want an escaped character; got '\\'");
    MALFORMED("[\"\\x\"]", "f.json:1: column 3: want an escape JSON knows (\\n, \\u00e9, ...); got '\\x\"]'");
    MALFORMED("[\"\\u12g4\"]", "f.json:1: column 3: want four hexadecimal digits after \\u; got '\\u12g4\"]'");
    MALFORMED("[\"\\u0000\"]", "f.json:1: column 3: want a string without NUL characters; got '\\u0000\"]'");
    MALFORMED("[\"\\ud800\"]", "f.json:1: column 3: want surrogates in pairs (\\ud83d\\ude00); got '\\ud800\"]'");
    MALFORMED("[NaN]", "f.json:1: column 2: want a JSON value (NaN, Infinity and bare words are none); got 'NaN]'");
    MALFORMED("[-Infinity]", "f.json:1: column 3: want a digit; got 'Infinity]'");
    MALFORMED("[01]", "f.json:1: column 2: want a number without leading zeros; got '01]'");
    MALFORMED("[-01]", "f.json:1: column 2: want a number without leading zeros; got '-01]'");
    MALFORMED("[1.]", "f.json:1: column 4: want a digit; got ']'");
    MALFORMED("[1e]", "f.json:1: column 4: want a digit; got ']'");
    MALFORMED("[+1]", "f.json:1: column 2: want a JSON value (NaN, Infinity and bare words are none); got '+1]'");
    MALFORMED("[.5]", "f.json:1: column 2: want a JSON value (NaN, Infinity and bare words are none); got '.5]'");
    MALFORMED("[0x10]", "f.json:1: column 3: want ',' or ']'; got 'x10]'");
    MALFORMED("{'a':1}", "f.json:1: column 2: want a key in double quotes; got ''a':1}'");
    MALFORMED("[1] // note", "f.json:1: column 5: want nothing after the value; got '//'");
    MALFORMED("[10000000000000000000000000000000000000000000000000000000000000000]",
              "f.json:1: column 2: want a number of at most 63 characters; got '10000000000000000000'");
}

static void refuses_bad_utf8(void)
{
    static const char *const bad[] = { "\"\xff\"",         "\"\xc0\x80\"",         "\"\xc3\"",
                                       "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe0\x80\x80\"",
                                       "\"\x80\"",         "\"\xf0\x80\x80\x80\"", "\"\xe2\x82" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *msg = refused(bad[i], strlen(bad[i]), KW_EPARSE);
        CHECK(strstr(msg, "f.json:1: column 2: want valid UTF-8; got byte 0x"));
        CHECK(on_a_line(bad[i], strlen(bad[i])) == KW_EPARSE);
        CHECK(strstr(err.msg, "column 8: want valid UTF-8; got byte 0x"));
    }
    struct kw_json doc;
    const char *s;
    CHECK(parse(&doc, "\xef\xbb\xbf[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\", \"\\u00e9\\ud83d\\ude00\"]") == KW_OK);
    CHECK(kw_json_str(kw_json_at(kw_json_root(&doc), 0), &s, &err) == KW_OK);
    CHECK_STR(s, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    CHECK(kw_json_str(kw_json_at(kw_json_root(&doc), 1), &s, &err) == KW_OK);
    CHECK_STR(s, "\xc3\xa9\xf0\x9f\x98\x80");
    kw_json_free(&doc);
    static const char good[] = "[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\", \"\\u00e9\\ud83d\\ude00\"]";
    CHECK(on_a_line(good, sizeof good - 1) == KW_OK);
}

static void refuses_overflow_and_deep_nesting(void)
{
    CHECK_STR(refused("{\"a\":\n [1, 1e999]}", 18, KW_ERANGE),
              "f.json:2: a[1]: the number is too large for a double (limit 1.8e308)");
    CHECK_STR(refused("-1e999", 6, KW_ERANGE), "f.json:1: the number is too large for a double (limit 1.8e308)");
    char deep[400];
    struct kw_json doc;
    for (int n = 64; n <= 65; n++) {
        memset(deep, '[', (size_t)n);
        memset(deep + n, ']', (size_t)n);
        deep[2 * n] = 0;
        if (n == 64) {
            CHECK(parse(&doc, deep) == KW_OK);
            kw_json_free(&doc);
        } else {
            CHECK(strstr(refused(deep, 2 * 65, KW_EPARSE), "column 65: want at most 64 levels of nesting"));
        }
        CHECK(on_a_line(deep + 1, 2 * (size_t)(n - 1)) == (n == 64 ? KW_OK : KW_EPARSE)); /* the object is one level */
    }
    size_t n = 4 << 20; /* millions of brackets must not meet anybody's stack */
    char *big = malloc(n);
    CHECK(big != NULL);
    if (!big) return;
    memset(big, '[', n);
    CHECK(strstr(refused(big, n, KW_EPARSE), "64 levels"));
    memset(big, ' ', n);
    for (size_t i = 0; i + 5 < n; i += 5) memcpy(big + i, "{\"a\":", 5);
    CHECK(strstr(refused(big, n, KW_EPARSE), "64 levels"));
    free(big);
}

static void refuses_duplicate_keys(void)
{
    REFUSED("{\"a\":1,\n\"b\":2,\n\"a\":3}", "f.json:3: a: the key is given twice (first on line 1)");
    REFUSED("{\"x\":[{\"a\":1, \"\\u0061\":2}]}", "f.json:1: x[0].a: the key is given twice (first on line 1)");
    struct kw_json doc;
    CHECK(parse(&doc, "{\"a\":1, \"A\":2, \"b\":{\"a\":3}}") == KW_OK);
    kw_json_free(&doc);

    enum { N = 200000 };
    char *text = malloc(N * 24 + 64), *p = text;
    CHECK(text != NULL);
    if (!text) return;
    p += sprintf(p, "{");
    for (int i = 0; i < N; i++) p += sprintf(p, "\"k%d\":%d,\n", i, i);
    char *last = p;
    sprintf(p, "\"z\":0}");
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    CHECK(parse(&doc, text) == KW_OK);
    CHECK(kw_json_len(kw_json_root(&doc)) == N + 1);
    for (int i = 0; i < N; i += 997) { /* the table's binary search */
        char key[16];
        int64_t v = -1;
        sprintf(key, "k%d", i);
        CHECK(kw_json_i64(kw_json_get(kw_json_root(&doc), key), 0, N, &v, &err) == KW_OK && v == i);
    }
    CHECK(!kw_json_get(kw_json_root(&doc), "k").item && !kw_json_get(kw_json_root(&doc), "zz").item);
    const char *key;
    CHECK(kw_json_is_number(kw_json_member(kw_json_root(&doc), N - 1, &key)));
    CHECK_STR(key, "k199999");
    kw_json_free(&doc);
    sprintf(last, "\"k7\":0}");
    CHECK_STR(refused(text, strlen(text), KW_EPARSE), "f.json:200001: k7: the key is given twice (first on line 8)");
    clock_gettime(CLOCK_MONOTONIC, &b);
    CHECK(b.tv_sec - a.tv_sec < 20); /* quadratic work would take minutes */
    free(text);
}

static void large_arrays_are_indexed(void)
{
    enum { N = 300000 };
    char *text = malloc(N * 8 + 8), *p = text;
    CHECK(text != NULL);
    if (!text) return;
    p += sprintf(p, "[");
    for (int i = 0; i < N; i++) p += sprintf(p, "%s%d", i ? "," : "", i);
    sprintf(p, "]");
    struct kw_json doc;
    CHECK(parse(&doc, text) == KW_OK);
    struct kw_jnode a = kw_json_root(&doc);
    int bad = 0;
    for (int i = 0; i < kw_json_len(a); i++) {
        int64_t v;
        bad += kw_json_i64(kw_json_at(a, i), 0, N, &v, &err) != KW_OK || v != i;
    }
    CHECK(bad == 0 && kw_json_len(a) == N);
    CHECK(!kw_json_at(a, N).item && !kw_json_at(a, -1).item);
    kw_json_free(&doc);
    free(text);
}

static void long_keys_and_paths_are_cut(void)
{
    char text[6000], *p = text;
    for (int i = 0; i < 20; i++) {
        p += sprintf(p, "{\"");
        for (int k = 0; k < 50; k++) p += sprintf(p, "\xc3\xa9"); /* two bytes each: must not be cut in half */
        p += sprintf(p, "\":");
    }
    p += sprintf(p, "1");
    for (int i = 0; i < 20; i++) p += sprintf(p, "}");
    struct kw_json doc;
    CHECK(parse(&doc, text) == KW_OK);
    struct kw_jnode n = kw_json_root(&doc);
    for (int i = 0; i < 20; i++) n = kw_json_member(n, 0, NULL);
    const char *s;
    CHECK(kw_json_is_number(n));
    CHECK(kw_json_str(n, &s, &err) == KW_EPARSE);
    CHECK(strlen(n.path) < sizeof n.path && !strcmp(n.path + strlen(n.path) - 3, "..."));
    CHECK(strstr(n.path, "\xc3\xa9...") && !strstr(n.path, "\xc3."));
    CHECK(kw_json_line(&n) == 1);
    kw_json_free(&doc);

    CHECK(parse(&doc, "{\"a\\nb\\u001b[31m\": 1}") == KW_OK); /* a key cannot break the message's line or colour it */
    CHECK(kw_json_str(kw_json_member(kw_json_root(&doc), 0, NULL), &s, &err) == KW_EPARSE);
    CHECK_STR(err.msg, "f.json:1: a?b?[31m: want a string; got 1");
    kw_json_free(&doc);
}

static void integers_must_be_exact(void)
{
    struct kw_json doc;
    int64_t v = 5;
    CHECK(parse(&doc, "[9007199254740991, 9007199254740992, -9007199254740991, 1e3, 1e300, 1.5, 9223372037]") == KW_OK);
    struct kw_jnode a = kw_json_root(&doc);
    CHECK(kw_json_i64(kw_json_at(a, 0), INT64_MIN, INT64_MAX, &v, &err) == KW_OK && v == 9007199254740991);
    CHECK(kw_json_i64(kw_json_at(a, 1), INT64_MIN, INT64_MAX, &v, &err) == KW_ERANGE);
    CHECK_STR(err.msg, "f.json:1: [1]: want an integer (below 2^53); got 9007199254740992");
    CHECK(kw_json_i64(kw_json_at(a, 2), INT64_MIN, INT64_MAX, &v, &err) == KW_OK && v == -9007199254740991);
    CHECK(kw_json_i64(kw_json_at(a, 3), 0, 1000, &v, &err) == KW_OK && v == 1000);
    CHECK(kw_json_i64(kw_json_at(a, 4), INT64_MIN, INT64_MAX, &v, &err) == KW_ERANGE && v == 1000);
    CHECK(kw_json_i64(kw_json_at(a, 5), INT64_MIN, INT64_MAX, &v, &err) == KW_EPARSE);
    CHECK(kw_json_nano(kw_json_at(a, 6), 0, INT64_MAX, &v, &err) == KW_ERANGE);
    kw_json_free(&doc);
}

static void loads_files(void)
{
    char path[] = "/tmp/kw_json_XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fputs("[", f);
    for (int i = 0; i < 5000; i++) fprintf(f, "%d,\n", i); /* past the first buffer */
    fputs("{\"a\":1}]", f);
    fclose(f);
    struct kw_json doc;
    CHECK(kw_json_load(&doc, path, &err) == KW_OK);
    CHECK(kw_json_len(kw_json_root(&doc)) == 5001);
    struct kw_jnode last = kw_json_at(kw_json_root(&doc), 5000);
    CHECK(kw_json_line(&last) == 5001);
    kw_json_free(&doc);
    unlink(path);
    CHECK(kw_json_load(&doc, path, &err) == KW_EINPUT);
    CHECK(strstr(err.msg, "No such file or directory") && strstr(err.msg, path));
    CHECK(kw_json_load(&doc, "/", &err) == KW_EINPUT);
    CHECK_STR(err.msg, "/: Is a directory");
    CHECK(!doc.root && !doc.text);
}

static void every_allocation_may_fail(void)
{
    char text[4096], *p = text; /* large enough for tables of both kinds */
    p += sprintf(p, "{\"list\":[");
    for (int i = 0; i < 40; i++) p += sprintf(p, "%d,", i);
    p += sprintf(p, "\"s\\n\"]");
    for (int k = 0; k < 3; k++) {
        p += sprintf(p, ",\"o%d\":{", k);
        for (int i = 0; i < 20; i++) p += sprintf(p, "\"k%d\":[true],", i);
        p += sprintf(p, "\"z\":null}");
    }
    sprintf(p, "}");
    char path[] = "/tmp/kw_json_XXXXXX";
    FILE *f = fdopen(mkstemp(path), "w");
    for (int i = 0; i < 2000; i++) fputs("      ", f);
    fputs(text, f);
    fclose(f);
    long n;
    struct kw_json doc;
    for (n = 1;; n++) {
        failmalloc_at(n);
        enum kw_status st = parse(&doc, text);
        if (!failmalloc_off()) break;
        CHECK(st == KW_ENOMEM);
        CHECK_STR(err.msg, "f.json: out of memory");
        CHECK(!doc.root && !doc.text && !doc.name && !doc.tables);
    }
    CHECK(n > 200); /* the loop did run */
    kw_json_free(&doc);
    for (n = 1;; n++) {
        failmalloc_at(n);
        enum kw_status st = kw_json_load(&doc, path, &err);
        if (!failmalloc_off()) break;
        CHECK(st == KW_ENOMEM && !doc.root);
    }
    CHECK(kw_json_len(kw_json_root(&doc)) == 4);
    kw_json_free(&doc);
    unlink(path);
}

int main(void)
{
    RUN(reads_values);
    RUN(defaults_stand_in_for_absent_and_null);
    RUN(errors_name_file_line_and_path);
    RUN(unknown_keys_name_the_nearest);
    RUN(refuses_bad_syntax);
    RUN(refuses_bad_utf8);
    RUN(refuses_overflow_and_deep_nesting);
    RUN(refuses_duplicate_keys);
    RUN(large_arrays_are_indexed);
    RUN(long_keys_and_paths_are_cut);
    RUN(integers_must_be_exact);
    RUN(loads_files);
    RUN(every_allocation_may_fail);
    return check_report();
}
