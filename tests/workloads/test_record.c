/* A record reads the same whatever was read before it: the keys that are guessed from the record before are looked at, too. */
#include "workloads/readers/record.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/rng.h"
#include "tests/check.h"

static uint64_t state = 1;

static unsigned below(unsigned n)
{
    return (unsigned)((state = kw_mix64(state)) >> 33) % n;
}

/* Some begin alike, some are longer than what is compared at once, and some need their escapes looked at. */
static const char *const keys[] = { "a",
                                    "b",
                                    "ab",
                                    "a.b",
                                    "usage",
                                    "attributes",
                                    "prompt_tokens",
                                    "prompt_tokens_details",
                                    "b\\\"",
                                    "\xc3\xa9",
                                    "a_key_whose_name_has_more_than_29_characters",
                                    "a_key_whose_name_has_more_than_29_characters_and_one" };
enum { KEYS = sizeof keys / sizeof *keys, ROOM = 4000 };

static size_t put_object(char *to, size_t room, int depth)
{
    static const char *const scalar[] = {
        "1",  "23", "\"x\"", "null", "\"\\u0041\"", "[{\"key\": \"b\", \"value\": 7}]", "\"{\\\"b\\\": 5}\"",
        "1e", "[]", "0.5"
    };
    size_t n = (size_t)snprintf(to, room, "{");
    unsigned members = below(5);
    for (unsigned i = 0; i < members; i++) {
        n += (size_t)snprintf(to + n, room - n, "%s%s\"%s\"%s:%s", i ? "," : "", below(3) ? " " : "", keys[below(KEYS)],
                              below(9) ? "" : " ", below(3) ? " " : "");
        n += depth < 3 && !below(3) ? put_object(to + n, room - n, depth + 1)
                                    : (size_t)snprintf(to + n, room - n, "%s", scalar[below(below(40) ? 7 : 10)]);
    }
    return n + (size_t)snprintf(to + n, room - n, "%s}", below(9) ? "" : " ");
}

static bool same_cells(const struct kw_record *a, const struct kw_record *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct kw_cell *x = &a->cell[i], *y = &b->cell[i];
        if (x->kind != y->kind || x->text.n != y->text.n || (x->text.n && memcmp(x->text.p, y->text.p, x->text.n)))
            return false;
    }
    return true;
}

static void records_do_not_depend_on_those_before(void)
{
    struct kw_columns map = { .n_paths = 0 };
    struct kw_record one = { .n_keys = 0 };
    struct kw_error err;
    char text[2][ROOM];
    size_t n[2] = { 0, 0 };
    long read = 0, found = 0;
    CHECK(kw_columns_add(&map,
                         "arrival=a,prompt=usage.prompt_tokens+a.b?,output=b.a|prompt_tokens_details.b?,"
                         "cached=usage.a_key_whose_name_has_more_than_29_characters?,id=ab?,model=usage.ab?",
                         &err) == KW_OK);
    for (int i = 0; i < 60000; i++) {
        struct kw_record alone = { .n_keys = 0 };
        struct kw_error err_one = { .msg = "" }, err_alone = { .msg = "" };
        const unsigned which = below(3) ? 0 : 1; /* mostly one of two again, or a new one in its place */
        if (!n[which] || !below(3)) n[which] = put_object(text[which], ROOM, 0);
        const struct kw_span s = { text[which], n[which] };
        kw_record_clear(&one, &map, 0);
        kw_record_clear(&alone, &map, 0);
        enum kw_status st = kw_record_json(&one, &map, s, &err_one);
        bool same = kw_record_json(&alone, &map, s, &err_alone) == st && !strcmp(err_one.msg, err_alone.msg) &&
                    same_cells(&one, &alone, map.n_paths);
        if (!same) fprintf(stderr, "  %.*s: '%s', alone '%s'\n", (int)s.n, s.p, err_one.msg, err_alone.msg);
        CHECK(same);
        read += st == KW_OK;
        for (size_t k = 0; k < map.n_paths; k++) found += one.cell[k].kind != KW_CELL_ABSENT;
        kw_record_free(&alone);
        if (!same) break;
    }
    CHECK(read > 20000 && found > 10000);
    kw_record_free(&one);
}

int main(void)
{
    RUN(records_do_not_depend_on_those_before);
    return check_report();
}
