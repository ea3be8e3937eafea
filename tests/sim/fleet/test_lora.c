/* LoRA on one replica, worked out by hand: what a swap of adapters costs, which one gives way, who waits for what, and
 * how much longer a step takes. Prefill steps of 1000 ns, decode steps of 10 ns, in both ways of stepping. That the two
 * agree on random traffic: test_replica.c. */
#include "sim/fleet/adapter_store.h"
#include "sim/fleet/replica.h"
#include "tests/check.h"

static struct kw_error err;

enum { MANY = 32, ADAPTERS = 9 };
static const double bytes[ADAPTERS + 1] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
static const struct kw_adapters adapters = { .n = ADAPTERS, .bytes = bytes };

static struct kw_law constant(double v)
{
    return (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { v } };
}

/* 500 ns from storage, 70 ns into a slot. */
static struct kw_lora places(uint32_t host)
{
    return (struct kw_lora){
        .adapters = &adapters, .max_cpu_loras = host, .fetch_s = constant(500e-9), .activate_s = constant(70e-9)
    };
}

struct request {
    uint32_t adapter, output;
    kw_ns at, first, finish; /* the last two are found */
};

/* Plays them on one replica; the counters at its end. */
static struct kw_replica_count play(struct request *q, uint32_t n, uint32_t slots, const struct kw_lora *lora,
                                    enum kw_stepping mode)
{
    struct kw_sched_config c = { .policy = KW_SCHED_VLLM,
                                 .max_num_batched_tokens = 64,
                                 .max_num_seqs = 8,
                                 .max_model_len = 1000,
                                 .block_size = 4,
                                 .num_blocks = 1000,
                                 .max_loras = slots };
    struct kw_steptime *time = NULL;
    struct kw_replica r;
    struct kw_replica_out out;
    struct kw_rng luck;
    CHECK(kw_steptime_constant(&time, 10000, 1000000, &err) == KW_OK && kw_rng_init(&luck, 1, 0, 1, &err) == KW_OK);
    CHECK(kw_replica_init(&r, &c, time, mode, NULL, &err) == KW_OK);
    CHECK(kw_replica_adapt(&r, lora, false, &luck, &err) == KW_OK);
    for (uint32_t next = 0; next < n || r.next != INT64_MAX;) {
        uint32_t slot;
        if (next < n && q[next].at <= r.next) {
            struct kw_sched_request a = {
                .id = next, .prompt = 4, .output = q[next].output, .adapter = q[next].adapter
            };
            CHECK(kw_replica_add(&r, &a, q[next].at, &slot, &err) == KW_OK);
            next++;
            continue;
        }
        kw_ns now = r.next;
        kw_replica_advance(&r, now, &out);
        for (uint32_t i = 0; i < out.n_first; i++) q[out.first[i].id].first = now;
        for (uint32_t i = 0; i < out.n_finished; i++) q[out.finished[i].id].finish = now;
    }
    CHECK(r.n_live == 0 && kw_sched_blocks_free(r.sched) == c.num_blocks);
    struct kw_replica_count count = r.count;
    kw_replica_free(&r);
    kw_steptime_delete(time);
    kw_rng_free(&luck);
    return count;
}

/* Requests of two adapters in turn, apart in time: with one slot each pays for a swap, with two only the first of each. */
static void two_adapters_in_turn(void)
{
    for (int mode = 0; mode < 2; mode++)
        for (uint32_t slots = 1; slots <= 2; slots++) {
            struct request q[10];
            struct kw_lora lora = places(2);
            for (uint32_t i = 0; i < 10; i++)
                q[i] = (struct request){ .adapter = 1 + i % 2, .output = 1, .at = 10000 * i };
            struct kw_replica_count c = play(q, 10, slots, &lora, (enum kw_stepping)mode);
            CHECK(c.fetches == 2 && c.held == 2 && c.held_ns == 2 * 500);
            CHECK(c.activations == (slots == 1 ? 10 : 2));
            for (uint32_t i = 0; i < 10; i++) {
                kw_ns fetch = i < 2 ? 500 : 0, swap = slots == 1 || i < 2 ? 70 : 0;
                CHECK(q[i].finish == q[i].at + fetch + swap + 1000);
            }
        }
}

/* All at once: one slot serves one adapter until none of its requests is left; the base model's run beside it. */
static void a_batch_holds_as_many_adapters_as_slots(void)
{
    for (int mode = 0; mode < 2; mode++) {
        struct request q[] = { { .adapter = 1, .output = 11 },
                               { .adapter = 2, .output = 1 },
                               { .adapter = 0, .output = 1 },
                               { .adapter = 1, .output = 1 } };
        struct kw_lora lora = places(2);
        play(q, 4, 1, &lora, (enum kw_stepping)mode);
        CHECK(q[2].finish == 1000); /* nobody else is there before 500, and it is alone until 1000 */
        CHECK(q[0].first == 1000 + 70 + 1000 && q[3].finish == q[0].first);
        CHECK(q[0].finish == q[0].first + 10 * 10);
        CHECK(q[1].finish == q[0].finish + 70 + 1000);
        for (uint32_t i = 0; i < 4; i++) q[i].first = q[i].finish = 0;
        play(q, 4, 2, &lora, (enum kw_stepping)mode);
        CHECK(q[1].finish == 1000 + 2 * 70 + 1000 && q[0].first == q[1].finish); /* both adapters enter in one step */
    }
}

/* Adapters in host memory by the requests' order; those found there are not fetched. */
static uint64_t fetches(const char *order, uint32_t host)
{
    struct request q[MANY];
    struct kw_lora lora = places(host);
    uint32_t n = 0;
    for (; order[n]; n++)
        q[n] = (struct request){ .adapter = (uint32_t)(order[n] - '0'), .output = 1, .at = 10000 * n };
    return play(q, n, 1, &lora, KW_STEPPING_JUMP).fetches;
}

static void who_was_used_longest_ago_gives_way(void)
{
    CHECK(fetches("1212", 2) == 2);
    CHECK(fetches("1231", 2) == 4);  /* 3 in the place of 1 */
    CHECK(fetches("12132", 2) == 4); /* 3 in the place of 2 */
    CHECK(fetches("12131", 2) == 3); /* 1 stayed */
    CHECK(fetches("1231", 3) == 3);
    CHECK(fetches("123412341234", 3) == 12); /* round and round through one place too few: never a hit */
    CHECK(fetches("123412341234", 4) == 4);
    CHECK(fetches("1000100", 1) == 1); /* the base model takes no place */
}

/* Where every place has a request, the next adapter waits until one is free: one place, requests 100 ns apart. */
static void no_place_no_fetch(void)
{
    for (int mode = 0; mode < 2; mode++) {
        struct request q[] = { { .adapter = 1, .output = 1 }, { .adapter = 2, .output = 1, .at = 100 } };
        struct kw_lora lora = places(1);
        struct kw_replica_count c = play(q, 2, 1, &lora, (enum kw_stepping)mode);
        CHECK(q[0].finish == 500 + 70 + 1000);
        CHECK(q[1].finish == q[0].finish + 500 + 70 + 1000 && c.fetches == 2);
        CHECK(c.held == 2 && c.held_ns == 500 + (q[0].finish - 100) + 500);
    }
}

/* What leaves host memory leaves its slot: fetched again, it is copied again. Here 1 makes place for 3 and is back before 3
 * is there, whose fetch takes longer; nobody has taken its slot meanwhile. */
static void out_of_memory_out_of_the_slot(void)
{
    struct request q[] = { { .adapter = 1, .output = 1 },
                           { .adapter = 2, .output = 1, .at = 10000 },
                           { .adapter = 3, .output = 1, .at = 20000 },
                           { .adapter = 1, .output = 1, .at = 20010 } };
    struct kw_lora lora = places(2);
    lora.fetch_s.kind = KW_LAW_NONE;
    lora.fetch_rate = constant(1 / 100e-9);
    struct kw_replica_count c = play(q, 4, 2, &lora, KW_STEPPING_JUMP);
    CHECK(c.fetches == 4 && c.activations == 4);
    CHECK(q[3].finish == 20010 + 100 + 70 + 1000);
    CHECK(q[2].finish == q[3].finish + 70 + 1000);
}

/* Bytes over bandwidth, where no time is said: adapter a has a bytes. */
static void bytes_over_bandwidth(void)
{
    struct request q[] = { { .adapter = 4, .output = 1 } };
    struct kw_lora lora = { .adapters = &adapters,
                            .max_cpu_loras = 1,
                            .fetch_rate = constant(4 / 800e-9),
                            .activate_rate = constant(4 / 20e-9) };
    play(q, 1, 1, &lora, KW_STEPPING_JUMP);
    CHECK(q[0].finish == 800 + 20 + 1000);
}

/* A quarter longer while any adapter is in the batch, and not after. */
static void steps_with_adapters_take_longer(void)
{
    for (int mode = 0; mode < 2; mode++) {
        struct request q[] = { { .adapter = 1, .output = 11, .at = 0 }, { .adapter = 0, .output = 31, .at = 500 } };
        struct kw_lora lora = places(1);
        lora.overhead = 0.25;
        play(q, 2, 1, &lora, (enum kw_stepping)mode);
        CHECK(q[0].first == 500 + 70 + 1250 && q[1].first == q[0].first);
        CHECK(q[0].finish == q[0].first + 125);      /* ten of 12.5 ns */
        CHECK(q[1].finish == q[0].finish + 20 * 10); /* the other twenty as ever */
        struct request same_size[] = { { .adapter = 1, .output = 3, .at = 0 },
                                       { .adapter = 0, .output = 31, .at = 500 },
                                       { .adapter = 0, .output = 3, .at = 1840 } };
        play(same_size, 3, 1, &lora, (enum kw_stepping)mode);
        CHECK(same_size[0].finish == 1820 + 25 && same_size[2].first == 1845 + 1000);
        CHECK(same_size[2].finish == 2845 + 20); /* two in the batch, as when the adapter was one of them */
        struct request alone[] = { { .adapter = 0, .output = 3 } };
        play(alone, 1, 1, &lora, (enum kw_stepping)mode);
        CHECK(alone[0].finish == 1000 + 20);
    }
}

/* Clients that leave: a fetch that nobody waits for any more goes on, one that has not begun does not begin. */
static void fetches_nobody_waits_for(void)
{
    struct kw_adapter_store s;
    struct kw_lora lora = places(1);
    struct kw_rng luck;
    CHECK(kw_rng_init(&luck, 1, 0, 1, &err) == KW_OK);
    kw_adapter_store_init(&s);
    CHECK(kw_adapter_store_begin(&s, &lora, &luck, &err) == KW_OK);
    CHECK(!kw_adapter_store_need(&s, 1, 0) && s.next == 500);
    CHECK(!kw_adapter_store_need(&s, 2, 10) && s.fetches == 1); /* no place */
    kw_adapter_store_leave(&s, 2, 20);
    kw_adapter_store_leave(&s, 1, 30);
    CHECK(s.next == 500 && kw_adapter_store_land(&s, 500) == 1 && !kw_adapter_store_land(&s, 500));
    CHECK(s.next == INT64_MAX && s.fetches == 1);
    CHECK(kw_adapter_store_need(&s, 1, 600)); /* it is there all the same */
    CHECK(!kw_adapter_store_need(&s, 2, 700));
    kw_adapter_store_leave(&s, 1, 800);
    CHECK(s.next == 1300 && s.n_dropped == 1 && s.dropped[0] == 1);
    uint64_t coming = kw_adapter_store_state(&s, 900);
    CHECK(kw_adapter_store_land(&s, 1300) == 2 && kw_adapter_store_state(&s, 1300) != coming);
    kw_adapter_store_clear(&s);
    CHECK(!kw_adapter_store_need(&s, 2, 0) && s.fetches == 1);
    kw_adapter_store_free(&s);
    kw_rng_free(&luck);
}

int main(void)
{
    RUN(two_adapters_in_turn);
    RUN(a_batch_holds_as_many_adapters_as_slots);
    RUN(who_was_used_longest_ago_gives_way);
    RUN(no_place_no_fetch);
    RUN(out_of_memory_out_of_the_slot);
    RUN(bytes_over_bandwidth);
    RUN(steps_with_adapters_take_longer);
    RUN(fetches_nobody_waits_for);
    return check_report();
}
