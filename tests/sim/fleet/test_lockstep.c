/* Ranks that step together: times by hand from the rule in lockstep.h, then random workloads where jumping equals stepping
 * to the bit. tests/sim/fleet/test_lockstep.sh holds the same rule against a model of its own. */
#include "sim/fleet/lockstep.h"
#include "tests/sim/fleet/replica_play.h"

/* Steps of linear parts, each in ns: a token 1, a sequence 10, experts 100 a token of all ranks, an exchange 1000; context
 * and prompts cost nothing. */
static struct kw_steptime *linear(uint32_t ranks, uint32_t pad_to)
{
    static double one[] = { 0, 100 }, token[] = { 0, 100e-9 }, none[] = { 0, 0 }, experts[] = { 0, 100 * 100e-9 },
                  head[] = { 0, 100 * 10e-9 }, exchange[] = { 1e-6, 1e-6 }, row[] = { 1 };
    static struct kw_curve flat = { .n = 2, .x = one, .y = none };
    struct kw_step_tables t = { .dense = { .n = 2, .x = one, .y = token },
                                .head = { .n = 2, .x = one, .y = head },
                                .n_decode_rows = 1,
                                .decode_batch = row,
                                .decode = &flat,
                                .prefill_attn = flat,
                                .comm = flat,
                                .group = { .ranks = ranks,
                                           .pad_to = pad_to,
                                           .experts = { .n = 2, .x = one, .y = experts },
                                           .exchange = { .n = 2, .x = one, .y = exchange } } };
    struct kw_steptime *time = NULL;
    CHECK(kw_steptime_compile(&time, &t, 16, 100, &err) == KW_OK);
    return time;
}

static struct load two(void)
{
    struct load l = { .c = base(), .n = 2, .kill = INT64_MAX, .ranks = 2 };
    for (int i = 0; i < MANY; i++) l.cancel[i] = INT64_MAX;
    return l;
}

static void times(const struct load *l, uint32_t pad_to, struct outcome *o)
{
    for (int mode = 0; mode < 2; mode++) {
        struct kw_steptime *time = linear(l->ranks, pad_to);
        play(l, time, mode ? KW_STEPPING_EACH : KW_STEPPING_JUMP, NULL, o);
        kw_steptime_delete(time);
    }
}

/* One request each: both ranks prefill at once, the longer prompt decides; then both decode. */
static void one_each(void)
{
    struct load l = two();
    struct outcome o;
    l.r[0] = (struct kw_sched_request){ .id = 0, .prompt = 20, .output = 3 };
    l.r[1] = (struct kw_sched_request){ .id = 1, .prompt = 5, .output = 3 };
    times(&l, 0, &o);
    /* prompts: 20 + 10 + 100 (20 + 5) + 1000 = 3530; decodes: 1 + 10 + 100 (1 + 1) + 1000 = 1211 */
    CHECK(o.first[0] == 3530 && o.first[1] == 3530);
    CHECK(o.finish[0] == 3530 + 2 * 1211 && o.finish[1] == o.finish[0]);
    CHECK(o.count.iterations == 3);
    times(&l, 50, &o); /* padded: both run 20 tokens, then 1 */
    CHECK(o.first[0] == 20 + 10 + 100 * 40 + 1000 && o.finish[0] == o.first[0] + 2 * 1211);
}

/* One busy rank: the other runs a dummy of one token, or as many as the busy one where a graph pads it. */
static void one_idle(void)
{
    struct load l = two();
    struct outcome o;
    l.n = 1;
    l.r[0] = (struct kw_sched_request){ .id = 0, .prompt = 20, .output = 2 };
    times(&l, 0, &o);
    CHECK(o.first[0] == 20 + 10 + 100 * (20 + 1) + 1000 && o.finish[0] == o.first[0] + 1211);
    times(&l, 19, &o); /* the prompt is too long for a graph, its decodes are not */
    CHECK(o.first[0] == 20 + 10 + 100 * (20 + 1) + 1000 && o.finish[0] == o.first[0] + 1211);
    times(&l, 20, &o);
    CHECK(o.first[0] == 20 + 10 + 100 * (20 + 20) + 1000 && o.finish[0] == o.first[0] + 1211);
}

/* Padding costs a rank its own tokens too: of 30 and 2 sequences... here of prompts of 8 with one sequence and of 2 with
 * two, where the second rank's sequences outweigh its tokens only when they are padded. */
static void padded_rank_decides(void)
{
    struct load l = two();
    struct outcome o;
    l.n = 3;
    l.r[0] = (struct kw_sched_request){ .id = 0, .prompt = 18, .output = 1 };
    l.r[1] = (struct kw_sched_request){ .id = 1, .prompt = 1, .output = 1 };
    l.r[2] = (struct kw_sched_request){ .id = 2, .prompt = 1, .output = 1 };
    /* 0 goes to rank 0, 1 to rank 1, 2 to rank 0 (equal loads: the first): 19 tokens of two sequences against one of one */
    times(&l, 0, &o);
    CHECK(o.first[0] == 19 + 20 + 100 * 20 + 1000 && o.first[1] == o.first[0] && o.first[2] == o.first[0]);
    times(&l, 50, &o);
    CHECK(o.first[0] == 19 + 20 + 100 * 38 + 1000);
}

/* A request that comes while the other rank decodes joins at the next boundary, whether or not that run was cut for it. */
static void joins_between_steps(void)
{
    struct load l = two();
    struct outcome o;
    l.r[0] = (struct kw_sched_request){ .id = 0, .prompt = 1, .output = 50 };
    l.r[1] = (struct kw_sched_request){ .id = 1, .prompt = 4, .output = 1 };
    l.at[1] = 10 * 1211 + 1; /* steps of 1 + 10 + 100 (1 + 1) + 1000, the prompt's too */
    times(&l, 0, &o);
    CHECK(o.first[0] == 1211 && o.first[1] == 11 * 1211 + 4 + 10 + 100 * 5 + 1000);
    CHECK(o.finish[0] == o.first[1] + 38 * 1211);
}

/* A decode of long context is the slowest until the other rank's grows past it: a run ends where they change places. */
static void slowest_changes(void)
{
    static double b[] = { 1, 2 }, x[] = { 0, 1000 }, slow[] = { 0, 1000e-9 }, fast[] = { 0, 4000e-9 }, z[] = { 0, 0 };
    struct kw_curve rows[] = { { .n = 2, .x = x, .y = slow }, { .n = 2, .x = x, .y = fast } };
    struct kw_curve none = { .n = 2, .x = x, .y = z };
    struct kw_step_tables t = { .fixed_s = 1e-6,
                                .dense = none,
                                .head = none,
                                .n_decode_rows = 2,
                                .decode_batch = b,
                                .decode = rows,
                                .prefill_attn = none,
                                .comm = none };
    struct kw_steptime *time = NULL;
    struct load l = two();
    struct outcome o[2];
    CHECK(kw_steptime_compile(&time, &t, 16, 600, &err) == KW_OK);
    l.c.max_num_batched_tokens = 600;
    l.c.num_blocks = 1000;
    l.n = 3;
    l.r[0] = (struct kw_sched_request){ .id = 0, .prompt = 500, .output = 200 };
    l.r[1] = (struct kw_sched_request){ .id = 1, .prompt = 20, .output = 200 };
    l.r[2] = (struct kw_sched_request){ .id = 2, .prompt = 20, .output = 200 };
    l.at[2] = 1; /* to rank 1 when it has one that runs, as rank 0 has: to rank 0 otherwise */
    play(&l, time, KW_STEPPING_EACH, NULL, &o[0]);
    play(&l, time, KW_STEPPING_JUMP, NULL, &o[1]);
    CHECK(!memcmp(&o[0], &o[1], sizeof o[0]));
    kw_steptime_delete(time);
}

/* 4 waiting + running: one that waits weighs as four that run. */
static void goes_where_least_waits(void)
{
    struct kw_sched_config c = base();
    struct kw_steptime *time = linear(3, 0);
    struct kw_replica r;
    uint32_t slot;
    CHECK(kw_replica_init_group(&r, &c, 3, time, KW_STEPPING_JUMP, NULL, &err) == KW_OK);
    const uint32_t rank[] = { 0, 1, 2, 0, 1 };
    for (uint32_t i = 0; i < 5; i++) {
        struct kw_sched_request q = { .id = i, .prompt = 5, .output = 9 };
        CHECK(kw_replica_add(&r, &q, 0, &slot, &err) == KW_OK && slot % 3 == rank[i]);
    }
    struct kw_replica_out out;
    kw_replica_advance(&r, r.next, &out); /* begins: all five run, 2, 2, 1 */
    struct kw_sched_request q = { .id = 5, .prompt = 5, .output = 9 };
    CHECK(kw_replica_add(&r, &q, 1, &slot, &err) == KW_OK && slot % 3 == 2); /* now 4 + 1 there */
    q.id = 6;
    CHECK(kw_replica_add(&r, &q, 1, &slot, &err) == KW_OK && slot % 3 == 0);
    CHECK(kw_replica_waiting(&r) == 2 && kw_replica_seated(&r) == 7);
    uint64_t ids[8];
    CHECK(kw_replica_kill(&r, 2, ids) == 7 && r.n_live == 0 && kw_replica_blocks_free(&r) == 3 * c.num_blocks);
    kw_replica_free(&r);
    kw_steptime_delete(time);
}

/* Of one rank's law on n ranks that are alike, nothing is left but the rank's: n times as much is done in the same time. */
static void alike_ranks(void)
{
    struct load l = two(), alone = two();
    struct outcome o, a;
    struct kw_steptime *time = NULL;
    CHECK(kw_steptime_constant(&time, 10250, 1000500, &err) == KW_OK);
    alone.ranks = 1;
    alone.n = 1;
    l.ranks = l.n = 5;
    for (uint32_t i = 0; i < 5; i++) l.r[i] = (struct kw_sched_request){ .id = i, .prompt = 30, .output = 77 };
    alone.r[0] = l.r[0];
    play(&l, time, KW_STEPPING_JUMP, NULL, &o);
    play(&alone, time, KW_STEPPING_JUMP, NULL, &a);
    for (uint32_t i = 0; i < 5; i++) CHECK(o.first[i] == a.first[0] && o.finish[i] == a.finish[0]);
    CHECK(o.count.iterations == a.count.iterations && o.count.output_tokens == 5 * a.count.output_tokens);
    kw_steptime_delete(time);
}

static void jumps_equal_steps(void)
{
    struct kw_hist each, jump;
    CHECK(kw_hist_init(&each, &err) == KW_OK && kw_hist_init(&jump, &err) == KW_OK);
    uint64_t requests = 0, lost = 0, full = 0, preemptions = 0, cached = 0;
    for (uint32_t seed = 0; seed < 4000 && !check_bad; seed++) {
        static struct load l;
        static struct outcome a, b;
        rng_state = seed;
        draw(&l);
        l.ranks = 2 + rnd(3);
        l.lora.adapters = NULL;
        l.c.max_loras = 0;
        for (uint32_t i = 0; i < l.n; i++) l.r[i].adapter = 0;
        struct kw_steptime *time = draw_time(l.c.max_num_seqs, l.ranks);
        if (!time) return;
        kw_hist_clear(&each);
        kw_hist_clear(&jump);
        play(&l, time, KW_STEPPING_EACH, &each, &a);
        play(&l, time, KW_STEPPING_JUMP, &jump, &b);
        CHECK(!memcmp(&a, &b, sizeof a));
        CHECK(each.n == jump.n && each.sum == jump.sum && each.min == jump.min && each.max == jump.max);
        CHECK(!memcmp(each.count, jump.count, KW_HIST_BUCKETS * sizeof *each.count));
        bool whole = l.kill == INT64_MAX;
        uint64_t gaps = 0;
        for (uint32_t i = 0; i < l.n; i++) {
            if (l.cancel[i] != INT64_MAX) whole = false;
            gaps += l.r[i].output - 1;
        }
        if (whole) {
            full++;
            CHECK(each.n == gaps && a.count.output_tokens == gaps + l.n && a.count.finished == l.n);
        }
        if (check_bad) fprintf(stderr, "seed %u, policy %d, %u ranks\n", seed, (int)l.c.policy, l.ranks);
        kw_steptime_delete(time);
        requests += l.n;
        lost += a.lost;
        preemptions += a.count.preemptions;
        cached += a.count.cached_tokens;
    }
    printf("random workloads: %ju requests, %ju preemptions, %ju lost, %ju tokens from the cache\n",
           (uintmax_t)requests, (uintmax_t)preemptions, (uintmax_t)lost, (uintmax_t)cached);
    CHECK(preemptions > 1000 && lost > 100 && cached > 1000 && full > 100);
    kw_hist_free(&each);
    kw_hist_free(&jump);
}

int main(void)
{
    RUN(one_each);
    RUN(one_idle);
    RUN(padded_rank_decides);
    RUN(joins_between_steps);
    RUN(slowest_changes);
    RUN(goes_where_least_waits);
    RUN(alike_ranks);
    RUN(jumps_equal_steps);
    return check_report();
}
