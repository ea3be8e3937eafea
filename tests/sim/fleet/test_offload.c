/* tests/sim/fleet/test_offload.c - a host tier of the prefix cache at a replica: its times to the nanosecond, what is found where,
 * and jumps against single steps. */
#include "tests/sim/fleet/replica_play.h"
#include "tests/failmalloc.h"

static const uint64_t chat[] = { 11, 12, 13, 14, 15 }, other[] = { 21, 22, 23, 24, 25 };

static struct kw_sched_request prompt(uint64_t id, const uint64_t *hash, uint32_t tokens)
{
    return (
        struct kw_sched_request){ .id = id, .prompt = tokens, .output = 1, .hash = hash, .n_hash = 5, .hash_block = 8 };
}

/* 10 blocks of 4 tokens, of which a prompt takes all: the second pushes the first out, the third loads 9 of them (the last token is
 * computed) and computes 4 tokens. A fourth, at the same time as the third, waits for the link, and then for its turn. */
static void a_prompt_comes_back(void)
{
    struct kw_steptime *time = NULL;
    CHECK(kw_steptime_constant(&time, 7000000, 50000000, &err) == KW_OK); /* 7 us, 50 us */
    for (int mode = 0; mode < 4; mode++) {
        struct load l = { .c = base(), .n = 3, .kill = INT64_MAX, .offload = { .latency = 2000, .block_ps = 333333 } };
        struct outcome o;
        l.c.prefix_caching = true;
        l.c.num_blocks = 10;
        l.c.host_blocks = 20;
        l.c.async_scheduling = mode & 2;
        for (int i = 0; i < 3; i++) {
            l.r[i] = prompt((uint64_t)i, i == 1 ? other : chat, 40);
            l.at[i] = 1000000 * i;
            l.cancel[i] = INT64_MAX;
        }
        play(&l, time, (enum kw_stepping)(mode & 1), NULL, &o);
        CHECK(o.first[0] == 50000 && o.first[1] == 1050000 && o.cached[1] == 0);
        CHECK(o.loaded[2] == 36 && o.cached[2] == 36);
        CHECK(o.first[2] == 2000000 + 2000 + 3000 + 50000); /* 9 x 333.333 ns, rounded up */
        CHECK(o.count.prefill_tokens == 40 + 40 + 4 && o.count.loaded_tokens == 36);
        l.c.host_blocks = 9; /* of the other alone: whoever came last */
        play(&l, time, (enum kw_stepping)(mode & 1), NULL, &o);
        CHECK(o.loaded[2] == 0 && o.first[2] == 2050000);
        l.c.host_blocks = 14; /* the first 4 of the first prompt are left of it: it lost its last ones */
        play(&l, time, (enum kw_stepping)(mode & 1), NULL, &o);
        CHECK(o.loaded[2] == 16 && o.first[2] == 2000000 + 2000 + 1334 + 50000);
        l.c.host_blocks = 20;
        l.c.num_blocks = 20; /* nothing was pushed out: no load */
        play(&l, time, (enum kw_stepping)(mode & 1), NULL, &o);
        CHECK(o.loaded[2] == 0 && o.cached[2] == 36 && o.first[2] == 2050000);
    }
    kw_steptime_delete(time);
}

/* Two that come together: the loads follow each other, and somebody behind them who loads nothing is served meanwhile. */
static void loads_take_turns(void)
{
    struct kw_steptime *time = NULL;
    CHECK(kw_steptime_constant(&time, 7000000, 50000000, &err) == KW_OK);
    struct load l = { .c = base(), .n = 6, .kill = INT64_MAX, .offload = { .latency = 1000, .block_ps = 10000000 } };
    struct outcome o;
    static const uint64_t third[] = { 31, 32, 33, 34, 35 };
    const uint64_t *of[] = { chat, other, third, chat, other, NULL };
    l.c.prefix_caching = true;
    l.c.num_blocks = 30;
    l.c.host_blocks = 100;
    for (int i = 0; i < 6; i++) {
        l.r[i] = prompt((uint64_t)i, of[i], i == 2 ? 120 : i == 5 ? 8 : 40);
        if (i == 5) l.r[i].n_hash = 0;
        l.at[i] = i < 3 ? 1000000 * i : 3000000;
        l.cancel[i] = INT64_MAX;
    }
    play(&l, time, KW_STEPPING_JUMP, NULL, &o);
    CHECK(o.first[5] == 3050000);                              /* behind both, and past them */
    CHECK(o.loaded[3] == 36 && o.first[3] == 3091000 + 50000); /* 1 + 9 x 10 us */
    CHECK(o.loaded[4] == 36 && o.first[4] == 3182000 + 50000); /* then those of the other */
    l.cancel[3] = 3040000;                                     /* gone while it loads: the link goes on */
    play(&l, time, KW_STEPPING_JUMP, NULL, &o);
    CHECK(o.first[3] == -1 && o.first[4] == 3182000 + 50000);
    kw_steptime_delete(time);
}

/* Blocks that come during a step: the batch after it takes their prompt in, and with async scheduling, where that one is decided
 * already, the one behind. */
static void a_load_ends_in_a_step(void)
{
    struct kw_steptime *time = NULL;
    static const uint64_t third[] = { 31, 32, 33, 34, 35 };
    CHECK(kw_steptime_constant(&time, 7000000, 50000000, &err) == KW_OK);
    for (int mode = 0; mode < 4; mode++) {
        struct load l = {
            .c = base(), .n = 4, .kill = INT64_MAX, .offload = { .latency = 1000, .block_ps = 10000000 }
        };
        struct outcome o;
        l.c.prefix_caching = true;
        l.c.async_scheduling = mode & 2;
        l.c.num_blocks = 30;
        l.c.host_blocks = 100;
        l.r[0] = l.r[2] = prompt(0, chat, 40);
        l.r[1] = prompt(1, third, 120);
        l.r[2].id = 2;
        l.r[3] = (struct kw_sched_request){ .id = 3, .prompt = 8, .output = 60 };
        for (int i = 0; i < 4; i++) {
            l.at[i] = i < 2 ? 1000000 * i : 3000000;
            l.cancel[i] = INT64_MAX;
        }
        play(&l, time, (enum kw_stepping)(mode & 1), NULL, &o);
        /* There at 3.091 ms; steps end at 3.085, 3.092 and 3.099. */
        CHECK(o.loaded[2] == 36 && o.first[3] == 3050000 && o.first[2] == (mode & 2 ? 3149000 : 3142000));
    }
    kw_steptime_delete(time);
}

/* One after the other, from a cache that holds one prompt and a host that holds all, as from a cache that holds all. */
static void a_host_without_end_is_a_cache_without_end(void)
{
    uint64_t cached = 0, loaded = 0;
    struct kw_steptime *time = NULL;
    CHECK(kw_steptime_constant(&time, 10, 50, &err) == KW_OK);
    for (uint32_t seed = 0; seed < 500 && !check_bad; seed++) {
        static struct load l;
        static struct outcome a, b;
        rng_state = 991 + seed;
        draw(&l);
        l.c.policy = KW_SCHED_VLLM;
        l.c.prefix_caching = true;
        l.c.max_loras = 0;
        l.lora.adapters = NULL;
        l.kill = INT64_MAX;
        for (uint32_t i = 0; i < l.n; i++) {
            l.at[i] = 1000000 * (kw_ns)i;
            l.cancel[i] = INT64_MAX;
            l.r[i].adapter = 0;
        }
        l.c.host_blocks = 100000;
        l.offload = (struct kw_kv_offload){ .latency = rnd(30), .block_ps = 1 + rnd(3000) };
        play(&l, time, KW_STEPPING_JUMP, NULL, &a);
        l.c.host_blocks = 0;
        l.c.num_blocks = 100000;
        play(&l, time, KW_STEPPING_JUMP, NULL, &b);
        for (uint32_t i = 0; i < l.n; i++) {
            CHECK(a.cached[i] == b.cached[i] && a.loaded[i] <= a.cached[i]);
            cached += a.cached[i];
            loaded += a.loaded[i];
        }
    }
    CHECK(loaded > 1000 && cached > loaded);
    kw_steptime_delete(time);
}

static void jumps_equal_steps(void)
{
    uint64_t loaded = 0, preemptions = 0, conserved = 0, lost = 0;
    for (uint32_t seed = 0; seed < 6000 && !check_bad; seed++) {
        static struct load l;
        static struct outcome a, b;
        rng_state = 55000 + seed;
        draw(&l);
        l.c.policy = rnd(2) ? KW_SCHED_VLLM : KW_SCHED_SARATHI;
        l.c.prefix_caching = true;
        l.c.max_loras = 0;
        l.lora.adapters = NULL;
        l.c.host_blocks = 1 + rnd(rnd(2) ? 30 : 300);
        l.offload =
            (struct kw_kv_offload){ .latency = rnd(rnd(2) ? 30 : 3000), .block_ps = 1 + rnd(rnd(2) ? 3000 : 300000) };
        for (uint32_t i = 0; i < l.n; i++) {
            l.r[i].adapter = 0;
            l.r[i].answers = l.r[i].hash && !rnd(3);
        }
        struct kw_steptime *time = draw_time(l.c.max_num_seqs, 1);
        play(&l, time, KW_STEPPING_EACH, NULL, &a);
        play(&l, time, KW_STEPPING_JUMP, NULL, &b);
        CHECK(!memcmp(&a, &b, sizeof a));
        uint64_t prompts = 0;
        bool whole = l.kill == INT64_MAX && !a.count.preemptions;
        for (uint32_t i = 0; i < l.n; i++) {
            prompts += l.r[i].prompt;
            whole = whole && l.cancel[i] == INT64_MAX;
        }
        if (whole) { /* each prompt token is found in one of the tiers, or computed once */
            conserved++;
            CHECK(a.count.cached_tokens + a.count.prefill_tokens == prompts);
        }
        CHECK(a.count.loaded_tokens <= a.count.cached_tokens);
        if (check_bad) fprintf(stderr, "seed %u\n", seed);
        loaded += a.count.loaded_tokens;
        preemptions += a.count.preemptions;
        lost += a.lost;
        kw_steptime_delete(time);
    }
    printf("random workloads: %ju tokens loaded, %ju preemptions, %ju lost, %ju without any loss\n", (uintmax_t)loaded,
           (uintmax_t)preemptions, (uintmax_t)lost, (uintmax_t)conserved);
    CHECK(loaded > 10000 && preemptions > 1000 && lost > 100 && conserved > 100);
}

static void bad_configurations(void)
{
    struct kw_sched *s = NULL;
    struct kw_sched_config c = base();
    c.host_blocks = 5;
    CHECK(kw_sched_new(&s, &c, &err) == KW_ERANGE && strstr(err.msg, "host_blocks want prefix_caching"));
    c.prefix_caching = true;
    c.policy = KW_SCHED_STATIC;
    CHECK(kw_sched_new(&s, &c, &err) == KW_ERANGE && strstr(err.msg, "host_blocks are for the policies vllm"));
    c.policy = KW_SCHED_VLLM;
    c.max_loras = 1;
    CHECK(kw_sched_new(&s, &c, &err) == KW_ERANGE);
}

/* Every allocation fails once; the same request is then taken as ever. */
static void out_of_memory(void)
{
    struct kw_steptime *time = NULL;
    struct kw_sched_config c = base();
    const struct kw_kv_offload offload = { .latency = 10, .block_ps = 1000 };
    static const uint64_t hash[40] = { 1, 2, 3, 4, 5 };
    CHECK(kw_steptime_constant(&time, 1000, 5000, &err) == KW_OK);
    c.prefix_caching = true;
    c.host_blocks = 5000;
    long n = 1;
    for (;; n++) {
        struct kw_replica r = { .next = 0 };
        struct kw_replica_out out;
        uint32_t failures = 0, finished = 0;
        failmalloc_at(n);
        if (kw_replica_init(&r, &c, time, KW_STEPPING_JUMP, NULL, &err) != KW_OK) {
            failures++;
            CHECK(kw_replica_init(&r, &c, time, KW_STEPPING_JUMP, NULL, &err) == KW_OK);
        }
        kw_replica_offload(&r, &offload);
        for (uint32_t i = 0; i < 40; i++) {
            struct kw_sched_request q = { .id = i,
                                          .prompt = 20 * (1 + i % 8),
                                          .output = 3,
                                          .hash = hash + i / 10,
                                          .n_hash = 1 + i % 20,
                                          .hash_block = 8 };
            uint32_t slot;
            if (kw_replica_add(&r, &q, 5, &slot, &err) == KW_OK) continue;
            failures++;
            CHECK(r.n_live == i && kw_sched_check(r.sched, &err));
            CHECK(kw_replica_add(&r, &q, 5, &slot, &err) == KW_OK);
        }
        bool fired = failmalloc_off();
        CHECK(failures == fired);
        for (; r.next != INT64_MAX; finished += out.n_finished) kw_replica_advance(&r, r.next, &out);
        CHECK(finished == 40 && kw_sched_check(r.sched, &err));
        kw_replica_free(&r);
        if (!fired) break;
    }
    CHECK(n > 25);
    kw_steptime_delete(time);
}

int main(void)
{
    RUN(a_prompt_comes_back);
    RUN(loads_take_turns);
    RUN(a_load_ends_in_a_step);
    RUN(a_host_without_end_is_a_cache_without_end);
    RUN(jumps_equal_steps);
    RUN(bad_configurations);
    RUN(out_of_memory);
    return check_report();
}
