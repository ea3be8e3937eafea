/* The two ways to split a row agree: by the quotes' parity, 64 bytes at a time, and quote by quote. */
#include "sim/core/files/csv.c"
#include "sim/core/rng.h"
#include "tests/check.h"

enum { MOST = 300 };

/* Rows of few characters, so that quotes stand wherever they can; lengths around the blocks'. */
static size_t draw(struct kw_rng *rng, char *line)
{
    static const char letters[] = "a,\",\"\"b,x\"";
    size_t n = 1 + (size_t)(kw_rng_uniform(rng) * (MOST - 2)), k = 2 + (size_t)(kw_rng_uniform(rng) * 9);
    for (size_t i = 0; i < n; i++) line[i] = letters[(size_t)(kw_rng_uniform(rng) * (double)k)];
    if (kw_rng_uniform(rng) < 0.5) /* or what a writer makes: fields in quotes, theirs doubled */
        for (size_t i = 0, at = 0; i + 8 < n; i = at) {
            line[i] = '"';
            for (at = i + 1; at + 3 < n && kw_rng_uniform(rng) < 0.9;) {
                line[at] = kw_rng_uniform(rng) < 0.3 ? '"' : 'z';
                at += line[at] == '"' ? (line[at + 1] = '"', 2u) : 1u;
            }
            line[at++] = '"';
            line[at++] = ',';
        }
    line[n] = 0;
    return n;
}

static void both_ways_split_alike(void)
{
    struct kw_rng rng;
    struct kw_error err;
    static struct kw_span b[KW_CSV_MAX];
    bool doubled[KW_CSV_MAX];
    uint32_t stop[KW_CSV_MAX + 64];
    long fast = 0, quoted = 0;
    CHECK(kw_rng_init(&rng, 3, 0, KW_RNG_ARRIVALS, &err) == KW_OK);
    for (int i = 0; i < 200000; i++) {
        char line[MOST + KW_SOURCE_SLACK];
        size_t n = draw(&rng, line), ka = 0, kb = 0;
        memset(line + n + 1, i % 2 ? '"' : ',', KW_SOURCE_SLACK - 1); /* what lies behind the line is nothing to it */
        enum split how = find_fields(line, n, ',', b, doubled, &kb);
        if (!find_stops(line, n, ',', stop, &ka)) continue;
        fast++;
        bool same = how == WHOLE && ka == kb;
        for (size_t k = 0; same && k < ka; k++) {
            size_t begin = k ? stop[k - 1] + 1 : 0, length = stop[k] - begin;
            const bool in_quotes = length && line[begin] == '"';
            const char *p = line + begin + in_quotes;
            length -= 2 * in_quotes;
            same = b[k].p == p && b[k].n == length && in_quotes >= doubled[k];
            char plain[MOST + 200], want[MOST + 1];
            size_t m = 0;
            if (!same || !in_quotes) continue;
            quoted += doubled[k];
            for (size_t j = 0; j < length; j++, m++) want[m] = p[j], j += p[j] == '"';
            same = undouble(plain, p, length) == m && !memcmp(plain, want, m);
        }
        if (!same) fprintf(stderr, "%s\n", line);
        CHECK(same);
        if (!same) break;
    }
    CHECK(fast > 20000 && quoted > 10000);
    kw_rng_free(&rng);
}

/* Of rows longer than a block, by either way; the columns that are not wanted stay as they were. */
static void only_wanted_columns_are_handed_out(void)
{
    static const char *const rows[] = {
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,\"b \"\"c\"\"\",d,\"\"",
        "a,\"b \"\"c\"\"\",5\",\"\""
    };
    static const uint16_t wanted[] = { 1, 3 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        struct kw_csv c;
        struct kw_error err;
        bool more;
        int n = snprintf(text, sizeof text, "w,x,y,z\n%s\n1,2\n", rows[i]);
        CHECK(kw_csv_memory(&c, "rows", text, (size_t)n, &err) == KW_OK);
        memset(c.field, 0, sizeof c.field);
        c.wanted = wanted;
        c.n_wanted = 2;
        CHECK(kw_csv_next(&c, &more, &err) == KW_OK && more);
        CHECK(c.field[1].n == 5 && !strcmp(c.field[1].p, "b \"c\"") && c.field[3].n == 0 && !*c.field[3].p);
        CHECK(!c.field[0].p && !c.field[2].p);
        CHECK(kw_csv_next(&c, &more, &err) == KW_EPARSE && strstr(err.msg, "2 fields, but the header has 4"));
        kw_csv_close(&c);
    }
}

int main(void)
{
    RUN(both_ways_split_alike);
    RUN(only_wanted_columns_are_handed_out);
    return check_report();
}
