/* tests/engine/test_host_tier.c - the second tier of the prefix cache: against a plain list, least recently used first. */
#include "engine/scheduler/host_tier.c"
#include "tests/check.h"

static struct kw_error err;
static uint64_t state;
static uint32_t rnd(uint32_t n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % n;
}

static void the_least_recently_used_leaves(void)
{
    for (uint32_t seed = 0; seed < 300; seed++) {
        uint64_t list[64];
        uint32_t n = 0, most = 1 + seed % 40, keys = 1 + rnd(80);
        uint64_t low = rnd(2) ? 0 : 60; /* shifted: many keys of one home in the map */
        struct kw_host_tier t;
        kw_host_tier_init(&t, most);
        CHECK(kw_host_tier_reserve(&t, keys, &err) == KW_OK);
        for (uint32_t step = 0; step < 400; step++) {
            uint64_t key = (uint64_t)rnd(keys) << low, at = 0;
            while (at < n && list[at] != key) at++;
            CHECK(kw_host_tier_has(&t, key) == (at < n));
            kw_host_tier_put(&t, key);
            if (at == n && n == most) at = 0;
            if (at == n) n++;
            for (; at + 1 < n; at++) list[at] = list[at + 1];
            list[n - 1] = key;
            CHECK(t.n == n && n <= most && kw_host_tier_check(&t, &err));
            uint32_t b = t.oldest;
            for (uint32_t i = 0; i < n; i++, b = t.block[b].newer) CHECK(t.block[b].key == list[i]);
        }
        kw_host_tier_reset(&t);
        CHECK(!t.n && kw_host_tier_check(&t, &err) && kw_host_tier_reserve(&t, keys, &err) == KW_OK);
        kw_host_tier_put(&t, 5);
        CHECK(kw_host_tier_has(&t, 5) && !kw_host_tier_has(&t, 6));
        kw_host_tier_free(&t);
        kw_host_tier_free(&t);
    }
}

/* A tier of terabytes takes memory for what is stored in it. */
static void memory_follows_need(void)
{
    struct kw_host_tier t;
    kw_host_tier_init(&t, UINT32_C(1) << 31);
    for (uint64_t i = 0; i < 1000; i++) {
        CHECK(kw_host_tier_reserve(&t, 1, &err) == KW_OK);
        kw_host_tier_put(&t, i);
        kw_host_tier_unreserve(&t, 1);
    }
    CHECK(t.cap <= 1024 && kw_host_tier_has(&t, 0) && kw_host_tier_has(&t, 999) && kw_host_tier_check(&t, &err));
    kw_host_tier_free(&t);
}

int main(void)
{
    RUN(the_least_recently_used_leaves);
    RUN(memory_follows_need);
    return check_report();
}
