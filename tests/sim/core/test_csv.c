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
    static struct kw_span a[KW_CSV_MAX], b[KW_CSV_MAX];
    bool da[KW_CSV_MAX], db[KW_CSV_MAX];
    long fast = 0, quoted = 0;
    CHECK(kw_rng_init(&rng, 3, 0, KW_RNG_ARRIVALS, &err) == KW_OK);
    for (int i = 0; i < 200000; i++) {
        char line[MOST + 1];
        size_t n = draw(&rng, line), ka = 0, kb = 0;
        enum split how = find_fields(line, n, ',', b, db, &kb);
        if (!find_fields_fast(line, n, ',', a, da, &ka)) continue;
        fast++;
        bool same = how == WHOLE && ka == kb;
        for (size_t k = 0; same && k < ka; k++) {
            same = a[k].p == b[k].p && a[k].n == b[k].n && da[k] >= db[k];
            char plain[MOST + 200], want[MOST + 1];
            size_t m = 0;
            if (!same || !da[k]) continue;
            quoted += db[k];
            for (size_t j = 0; j < a[k].n; j++, m++) want[m] = a[k].p[j], j += a[k].p[j] == '"';
            same = undouble(plain, a[k].p, a[k].n, line + n) == m && !memcmp(plain, want, m);
        }
        if (!same) fprintf(stderr, "%s\n", line);
        CHECK(same);
        if (!same) break;
    }
    CHECK(fast > 20000 && quoted > 10000);
    kw_rng_free(&rng);
}

int main(void)
{
    RUN(both_ways_split_alike);
    return check_report();
}
