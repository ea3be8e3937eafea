/* Engines that prefill and engines that decode: times by hand from the rule in disaggregated.h, then random workloads where jumping
 * equals stepping to the bit, every request has its tokens and all KV blocks of both kinds are free at the end. */
#include "sim/fleet/disaggregated.c"
#include "tests/sim/fleet/replica_play.h"

static struct kw_steptime *constant(int64_t decode_ns, int64_t prefill_ns)
{
    struct kw_steptime *time = NULL;
    CHECK(kw_steptime_constant(&time, 1000 * decode_ns, 1000 * prefill_ns, &err) == KW_OK);
    return time;
}

/* A prompt of 10 takes 920 + 10 8 / 1 B a ns = 1000 ns from engine to engine. */
static struct load pair(uint32_t prefill, uint32_t decode, uint32_t n, const struct kw_steptime *prefill_time)
{
    struct load l = { .c = base(), .n = n, .kill = INT64_MAX };
    l.pair = (struct kw_disaggregated){ .prefill = prefill,
                                        .decode = decode,
                                        .prefill_time = prefill_time,
                                        .prefill_sched = base(),
                                        .kv_bytes = 8,
                                        .bytes_s = 1000000000,
                                        .latency = 920 };
    for (int i = 0; i < MANY; i++) l.cancel[i] = INT64_MAX;
    for (uint32_t i = 0; i < n; i++) l.r[i] = (struct kw_sched_request){ .id = i, .prompt = 10, .output = 4 };
    return l;
}

static void both_ways(const struct load *l, const struct kw_steptime *time, struct outcome *o)
{
    struct outcome each;
    play(l, time, KW_STEPPING_JUMP, NULL, o);
    play(l, time, KW_STEPPING_EACH, NULL, &each);
    CHECK(!memcmp(o, &each, sizeof each));
}

static void transfers(void)
{
    struct kw_disaggregated d = { .kv_bytes = 131072, .bytes_s = 50000000000, .latency = 7000 };
    CHECK(kw_transfer_ns(&d, 1000) == 7000 + 2621440);
    CHECK(kw_transfer_ns(&d, 1) == 7000 + 2621); /* 2621.44 */
    CHECK(kw_transfer_ns(&d, 2) == 7000 + 5243); /* 5242.88 */
    d.bytes_s = INT64_MAX;
    CHECK(kw_transfer_ns(&d, 1000) == 7000);
}

/* Prompt 5000, transfer 1000, the last prompt token 700, then three steps of 1000. Output 1 comes from the decoding engine too. */
static void alone(void)
{
    struct kw_steptime *prefill = constant(1, 5000), *decode = constant(1000, 700);
    struct load l = pair(1, 1, 1, prefill);
    struct outcome o;
    both_ways(&l, decode, &o);
    CHECK(o.first[0] == 6700 && o.finish[0] == 9700);
    CHECK(o.count.output_tokens == 4 && o.count.finished == 1 && o.count.prefill_tokens == 10 + 1);
    CHECK(o.count.iterations == 1 + 4);
    l.r[0].output = 1;
    both_ways(&l, decode, &o);
    CHECK(o.first[0] == 6700 && o.finish[0] == 6700 && o.count.output_tokens == 1);
    /* nothing to wait for: the prompt, and what a plain replica takes for a prompt of one token and the rest */
    l.r[0].output = 4;
    l.pair.latency = 0;
    l.pair.bytes_s = INT64_MAX;
    both_ways(&l, decode, &o);
    struct load plain = pair(0, 0, 1, NULL);
    struct outcome p;
    plain.r[0].prompt = 1;
    both_ways(&plain, decode, &p);
    CHECK(o.first[0] == 5000 + p.first[0] && o.finish[0] == 5000 + p.finish[0]);
    kw_steptime_delete(prefill);
    kw_steptime_delete(decode);
}

/* Both prompts in one step; the second moves after the first, and is in the step that begins after it is there. With an engine
 * more of each kind nobody waits for anybody. */
static void one_at_a_time_on_a_link(void)
{
    struct kw_steptime *prefill = constant(1, 5000), *decode = constant(1000, 700);
    struct load l = pair(1, 1, 2, prefill);
    struct outcome o;
    both_ways(&l, decode, &o);
    CHECK(o.first[0] == 6700 && o.first[1] == 7700 + 700); /* there at 7000, while 6700 to 7700 runs */
    CHECK(o.finish[0] == 8400 + 1000 && o.finish[1] == 8400 + 3000);
    l = pair(1, 2, 2, prefill); /* the first engine's link */
    both_ways(&l, decode, &o);
    CHECK(o.first[0] == 6700 && o.first[1] == 7700);
    l = pair(2, 1, 2, prefill); /* the second's */
    both_ways(&l, decode, &o);
    CHECK(o.first[0] == 6700 && o.first[1] == 8400);
    l = pair(2, 2, 2, prefill);
    both_ways(&l, decode, &o);
    CHECK(o.first[0] == 6700 && o.first[1] == 6700 && o.finish[1] == 9700);
    kw_steptime_delete(prefill);
    kw_steptime_delete(decode);
}

/* Three blocks hold one prompt: the next one is computed when the first has moved. */
static void blocks_are_kept_until_they_are_read(void)
{
    struct kw_steptime *prefill = constant(1, 5000), *decode = constant(1000, 700);
    struct load l = pair(1, 1, 2, prefill);
    struct outcome o;
    l.pair.prefill_sched.num_blocks = 3;
    both_ways(&l, decode, &o);
    CHECK(o.first[0] == 6700 && o.first[1] == 6000 + 5000 + 1000 + 700);
    /* And at the decoding engine: 13 tokens in 4 blocks, no room for a second prompt until the first is done, at 9700. */
    l = pair(1, 1, 2, prefill);
    l.c.num_blocks = 4;
    both_ways(&l, decode, &o);
    CHECK(o.finish[0] == 9700 && o.first[1] == 9700 + 1000 + 700);
    l.c.max_num_seqs = 1; /* a seat must be free to begin, too */
    l.c.num_blocks = 100;
    both_ways(&l, decode, &o);
    CHECK(o.finish[0] == 9700 && o.first[1] == 9700 + 700); /* begun at 5000, there at 7000, seated at 9700 */
    kw_steptime_delete(prefill);
    kw_steptime_delete(decode);
}

/* Whoever leaves does so at once for the client; what is under way is read to its end, and everything is given back. */
static void cancelled_anywhere(void)
{
    struct kw_steptime *prefill = constant(1, 5000), *decode = constant(1000, 700);
    static const kw_ns when[] = { 0, 2500, 5000, 5500, 6000, 6300, 7200, 9699 };
    for (size_t i = 0; i < sizeof when / sizeof *when; i++) {
        struct load l = pair(1, 1, 3, prefill);
        struct outcome o;
        l.cancel[1] = when[i];
        l.c.num_blocks = 4; /* so that one waits for blocks */
        both_ways(&l, decode, &o);
        CHECK(o.finish[0] >= 0 && o.finish[1] < 0 && o.finish[2] >= 0);
        CHECK(o.count.cancelled == 1 && o.count.finished == 2);
        l.cancel[1] = INT64_MAX;
        l.kill = when[i] + 1;
        both_ways(&l, decode, &o);
        CHECK(o.lost == 3);
    }
    kw_steptime_delete(prefill);
    kw_steptime_delete(decode);
}

static void draw_pair(struct load *l)
{
    do draw(l);
    while ((l->c.policy != KW_SCHED_VLLM && l->c.policy != KW_SCHED_SARATHI) || l->c.max_loras);
    l->c.async_scheduling = false;
    struct kw_sched_config *first = &l->pair.prefill_sched;
    *first = l->c;
    l->c.prefix_caching = false;
    if (rnd(2)) first->num_blocks += rnd(40);
    first->max_num_seqs = 1 + rnd(6);
    first->max_num_batched_tokens = first->max_num_seqs + rnd(120);
    l->pair.prefill = 1 + rnd(3);
    l->pair.decode = 1 + rnd(3);
    l->pair.kv_bytes = 1 + rnd(100);
    l->pair.bytes_s = rnd(3) ? 1000000000 + rnd(1000000000) : INT64_MAX;
    l->pair.latency = rnd(2) ? rnd(2000) : 0;
}

static void jumps_are_steps(void)
{
    uint64_t preempted = 0, cached = 0, lost = 0, cancelled = 0, requests = 0;
    for (int seed = 0; seed < 1500; seed++) {
        struct load l;
        struct outcome o[2];
        struct kw_hist itl[2];
        rng_state = (uint64_t)seed * 104729 + 11;
        draw_pair(&l);
        struct kw_steptime *time = draw_time(l.c.max_num_seqs, 1);
        struct kw_steptime *first = draw_time(l.pair.prefill_sched.max_num_seqs, 1);
        l.pair.prefill_time = first;
        uint64_t asked = 0;
        bool all = true;
        for (int m = 0; m < 2; m++) {
            CHECK(kw_hist_init(&itl[m], &err) == KW_OK);
            play(&l, time, m ? KW_STEPPING_EACH : KW_STEPPING_JUMP, &itl[m], &o[m]);
        }
        CHECK(!memcmp(&o[0], &o[1], sizeof o[0]));
        CHECK(itl[0].n == itl[1].n && itl[0].sum == itl[1].sum && itl[0].max == itl[1].max);
        for (uint32_t i = 0; i < l.n; i++) {
            all = all && o[0].finish[i] >= 0;
            asked += l.r[i].output;
            if (o[0].first[i] >= 0) CHECK(o[0].first[i] >= l.at[i] + kw_transfer_ns(&l.pair, l.r[i].prompt));
        }
        if (all) CHECK(o[0].count.output_tokens == asked && o[0].count.finished == l.n && itl[0].n == asked - l.n);
        for (uint32_t i = 0; i < l.n; i++) cached += o[0].cached[i];
        preempted += o[0].count.preemptions;
        cancelled += o[0].count.cancelled;
        lost += o[0].lost;
        requests += l.n;
        for (int m = 0; m < 2; m++) kw_hist_free(&itl[m]);
        kw_steptime_delete(time);
        kw_steptime_delete(first);
    }
    printf("random workloads: %llu requests, %llu preemptions, %llu cancelled, %llu lost, %llu tokens from the cache\n",
           (unsigned long long)requests, (unsigned long long)preempted, (unsigned long long)cancelled,
           (unsigned long long)lost, (unsigned long long)cached);
    CHECK(preempted > 100 && cached > 100 && cancelled > 100 && lost > 10);
}

static void refused(void)
{
    struct kw_steptime *time = constant(1, 1);
    struct load l = pair(1, 1, 1, time);
    struct kw_replica r;
    uint32_t slot;
    l.pair.prefill_sched.num_blocks = 2;
    CHECK(kw_replica_init_pair(&r, &l.c, time, &l.pair, KW_STEPPING_JUMP, NULL, &err) == KW_OK);
    CHECK(kw_replica_add(&r, &l.r[0], 0, &slot, &err) == KW_ERANGE && !r.n_live && r.next == INT64_MAX);
    CHECK(kw_replica_blocks_free(&r) == 102 && kw_replica_seated(&r) == 0);
    kw_replica_free(&r);
    l.c.async_scheduling = true;
    l.pair.prefill_sched.num_blocks = 100;
    CHECK(kw_replica_init_pair(&r, &l.c, time, &l.pair, KW_STEPPING_JUMP, NULL, &err) == KW_OK);
    CHECK(kw_replica_add(&r, &l.r[0], 0, &slot, &err) == KW_ERANGE);
    kw_replica_free(&r);
    kw_steptime_delete(time);
}

int main(void)
{
    RUN(transfers);
    RUN(alone);
    RUN(one_at_a_time_on_a_link);
    RUN(blocks_are_kept_until_they_are_read);
    RUN(cancelled_anywhere);
    RUN(jumps_are_steps);
    RUN(refused);
    return check_report();
}
