/* What a provider remembers of prompts: minimum, steps, lifetime and writes by hand, and against a list that is searched
 * from end to end. */
#include "sim/fleet/api/prompt_cache.h"
#include "tests/check.h"
#include <stdlib.h>
#include "sim/core/rng.h"

#define S KW_NS_PER_S

static const struct kw_cache_rule automatic = { KW_CACHE_AUTOMATIC, 1024, 128, 300 * S };
static const struct kw_cache_rule explicit_ = { KW_CACHE_EXPLICIT, 1024, 1, 300 * S };

static struct kw_prefix prefix(const uint64_t *hash, uint32_t n)
{
    return (struct kw_prefix){ hash, n, 0, 0, 0 };
}

static void a_prefix_counts_in_steps_from_the_minimum_on(void)
{
    struct kw_prompt_cache c;
    const uint64_t a[] = { 1, 2, 3, 4 }, b[] = { 1, 2, 9 }, other[] = { 7, 2, 3, 4 };
    kw_prompt_cache_init(&c);
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(a, 4), 500, 2000, 0) == 0);
    CHECK(!kw_prompt_cache_keep(&c, &automatic, prefix(a, 4), 2000, 0, S, NULL));
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(a, 4), 500, 2000, S - 1) == 0); /* not written yet */
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(a, 4), 500, 2000, S) == 1920);  /* 15 steps of 128 */
    CHECK(kw_prompt_cache_read(&c, &explicit_, prefix(a, 4), 500, 1900, S) == 1900);  /* no more than there is */
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(b, 3), 500, 1500, S) == 0);     /* 1000 tokens: too short */
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(b, 3), 512, 1536, S) == 1024);
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(other, 4), 500, 2000, S) == 0); /* from the first token on */
    CHECK(kw_prompt_cache_written(&automatic, 2000, 0) == 0);
    CHECK(kw_prompt_cache_written(&explicit_, 2000, 1500) == 500 && kw_prompt_cache_written(&explicit_, 1023, 0) == 0);
    CHECK(!kw_prompt_cache_keep(&c, &automatic, prefix(other, 1), 1023, S, S, NULL)); /* too short to be remembered */
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(other, 1), 1100, 1100, S) == 0);
    kw_prompt_cache_free(&c);
}

static void what_is_used_lives_on(void)
{
    struct kw_prompt_cache c;
    const uint64_t a[] = { 1, 2, 3 }, b[] = { 1, 2, 5 };
    kw_prompt_cache_init(&c);
    CHECK(!kw_prompt_cache_keep(&c, &automatic, prefix(a, 3), 1536, 0, S, NULL)); /* until 301 s */
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(a, 3), 512, 1536, 301 * S - 1) == 1536);
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(a, 3), 512, 1536, 301 * S) == 0);
    CHECK(!kw_prompt_cache_keep(&c, &automatic, prefix(b, 3), 1536, 200 * S, 201 * S, NULL)); /* 1, 2: until 500 s */
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(a, 3), 512, 1536, 400 * S) == 1024);
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(a, 3), 512, 1536, 500 * S) == 0);
    CHECK(!kw_prompt_cache_keep(&c, &automatic, prefix(a, 3), 1536, 600 * S, 610 * S, NULL)); /* written anew */
    CHECK(
        !kw_prompt_cache_keep(&c, &automatic, prefix(a, 3), 1536, 601 * S, 602 * S, NULL)); /* and sooner by another */
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(a, 3), 512, 1536, 602 * S) == 1536);
    kw_prompt_cache_clear(&c);
    CHECK(kw_prompt_cache_read(&c, &automatic, prefix(a, 3), 512, 1536, 602 * S) == 0);
    kw_prompt_cache_free(&c);
}

/* 20,000 prompts over a tree of prefixes against a plain list; many more blocks than the table keeps at once. */
static void a_list_says_the_same(void)
{
    enum { N = 20000, DEEP = 6, LIST = N * DEEP };
    struct entry {
        uint64_t hash;
        kw_ns from, until;
    } *list = malloc(LIST * sizeof *list);
    size_t n = 0, first = 0;
    struct kw_prompt_cache c;
    struct kw_rng r;
    CHECK(list && !kw_rng_init(&r, 11, 0, KW_RNG_SERVICE, NULL));
    const struct kw_cache_rule rule = { KW_CACHE_AUTOMATIC, 1024, 128, 5 * S };
    kw_prompt_cache_init(&c);
    kw_ns now = 0;
    uint64_t hits = 0;
    for (int i = 0; i < N; i++) {
        uint64_t hash[DEEP], path = 0;
        uint32_t depth = 1 + (uint32_t)(kw_rng_u64(&r) % DEEP);
        for (uint32_t k = 0; k < depth; k++) hash[k] = path = path * 1000 + 1 + kw_rng_u64(&r) % (k < 2 ? 2 : 60);
        now += (kw_ns)(kw_rng_u64(&r) % (20 * KW_NS_PER_MS));
        kw_ns ready = now + (kw_ns)(kw_rng_u64(&r) % S);
        uint32_t prompt = depth * 512 - (uint32_t)(kw_rng_u64(&r) % 512), got, want = 0;
        struct entry *found[DEEP] = { NULL };
        while (first < n && list[first].until <= now) first++;
        for (uint32_t k = 0; k < depth; k++)
            for (size_t j = first; j < n; j++)
                if (list[j].hash == hash[k] && list[j].until > now) found[k] = &list[j];
        for (uint32_t k = 0; k < depth && found[k] && found[k]->from <= now; k++) want += 512;
        if (want > prompt) want = prompt;
        want -= want % 128;
        if (want < 1024) want = 0;
        got = kw_prompt_cache_read(&c, &rule, prefix(hash, depth), 512, prompt, now);
        CHECK(got == want);
        hits += got > 0;
        CHECK(!kw_prompt_cache_keep(&c, &rule, prefix(hash, depth), prompt, now, ready, NULL));
        for (uint32_t k = 0; prompt >= 1024 && k < depth; k++) {
            struct entry *e = found[k] ? found[k] : &list[n++];
            if (!found[k]) *e = (struct entry){ hash[k], ready, ready + 5 * S };
            kw_ns used = (e->from <= now ? now : ready) + 5 * S;
            if (ready < e->from) e->from = ready;
            if (used > e->until) e->until = used;
        }
    }
    CHECK(hits > N / 20 && c.slots < 8 * 5 * 100 * DEEP * 4); /* and it forgets: far fewer slots than blocks seen */
    kw_prompt_cache_free(&c);
    kw_rng_free(&r);
    free(list);
}

int main(void)
{
    RUN(a_prefix_counts_in_steps_from_the_minimum_on);
    RUN(what_is_used_lives_on);
    RUN(a_list_says_the_same);
    return check_report();
}
