/* The scheduler: cases worked out by hand for each policy, then thousands of random workloads in which jumping equals
 * stepping, block tables equal counts, and every invariant holds after every step. */
#include "engine/scheduler/scheduler.h"
#include "tests/check.h"
#include <stdlib.h>

static struct kw_error err;

static uint64_t rng_state;
static uint32_t rnd(uint32_t n) /* 0..n-1 */
{
    rng_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = rng_state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ (x >> 31)) % n);
}

static struct kw_sched_config base(void)
{
    return (struct kw_sched_config){ .policy = KW_SCHED_VLLM,
                                     .max_num_batched_tokens = 32,
                                     .max_num_seqs = 4,
                                     .max_model_len = 1000,
                                     .block_size = 4,
                                     .num_blocks = 100 };
}

static struct kw_sched *make(struct kw_sched_config c)
{
    struct kw_sched *s = NULL;
    CHECK(kw_sched_new(&s, &c, &err) == KW_OK);
    return s;
}

static uint32_t add(struct kw_sched *s, uint64_t id, uint32_t prompt, uint32_t output)
{
    uint32_t slot = UINT32_MAX;
    CHECK(kw_sched_add(s, &(struct kw_sched_request){ .id = id, .prompt = prompt, .output = output }, &slot, &err) ==
          KW_OK);
    return slot;
}

/* One step and its commit as text: "d2/9 c1:0+5! c2:0+3 p0 | f1 x2": decodes/context, chunks id:past+len ('!' last),
 * preempted ids, a: adapters that take a slot; then first tokens and finished ids. */
static const char *one(struct kw_sched *s)
{
    static char text[512];
    struct kw_step st;
    struct kw_sched_done done;
    if (!kw_sched_step(s, &st)) return "idle";
    int n = 0;
    if (st.n_decode)
        n += snprintf(text + n, sizeof text - (size_t)n, "d%u/%ju ", st.n_decode, (uintmax_t)st.decode_context);
    for (uint32_t i = 0; i < st.n_chunks; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "c%ju:%u+%u%s ", (uintmax_t)kw_sched_id(s, st.chunks[i].slot),
                      st.chunks[i].past, st.chunks[i].len, st.chunks[i].last ? "!" : "");
    for (uint32_t i = 0; i < st.n_preempted; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "p%ju ", (uintmax_t)kw_sched_id(s, st.preempted[i]));
    for (uint32_t i = 0; i < st.n_entered; i++) n += snprintf(text + n, sizeof text - (size_t)n, "a%u ", st.entered[i]);
    kw_sched_commit(s, &done);
    n += snprintf(text + n, sizeof text - (size_t)n, "|");
    for (uint32_t i = 0; i < done.n_first; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, " f%ju", (uintmax_t)kw_sched_id(s, done.first[i]));
    for (uint32_t i = 0; i < done.n_finished; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, " x%ju", (uintmax_t)kw_sched_id(s, done.finished[i]));
    CHECK(kw_sched_check(s, &err) || !fprintf(stderr, "%s\n", err.msg));
    return text;
}

static void vllm_chunks_and_mixes(void)
{
    struct kw_sched *s = make(base());
    add(s, 1, 10, 3);
    CHECK_STR(one(s), "c1:0+10! | f1");
    add(s, 2, 50, 2);
    add(s, 3, 6, 1);
    CHECK_STR(one(s), "d1/11 c2:0+31 |");
    CHECK_STR(one(s), "d1/12 c2:31+19! c3:0+6! | f2 f3 x1 x3");
    CHECK_STR(one(s), "d1/51 | x2");
    CHECK_STR(one(s), "idle");
    CHECK(kw_sched_blocks_free(s) == 100);
    kw_sched_delete(s);
}

static void seats_and_order(void)
{
    struct kw_sched_config c = base();
    c.max_num_seqs = 2;
    struct kw_sched *s = make(c);
    add(s, 1, 4, 2);
    add(s, 2, 4, 4);
    add(s, 3, 4, 1);
    add(s, 4, 4, 1);
    CHECK_STR(one(s), "c1:0+4! c2:0+4! | f1 f2");
    CHECK_STR(one(s), "d2/10 | x1");
    CHECK_STR(one(s), "d1/6 c3:0+4! | f3 x3");
    CHECK_STR(one(s), "d1/7 c4:0+4! | f4 x2 x4");
    CHECK_STR(one(s), "idle");
    kw_sched_delete(s);
}

/* 6 blocks of 4. A: 8 tokens (2 blocks), B: 8 (2), C: 7 (2): full. Then A and B need a third block each: C is popped
 * for A (2 free), A and B take one each. C needs 2 blocks for its 7+1 tokens: none are free until A ends. */
static void preempts_the_newest(void)
{
    struct kw_sched_config c = base();
    c.num_blocks = 6;
    struct kw_sched *s = make(c);
    add(s, 1, 8, 4);
    add(s, 2, 8, 6);
    add(s, 3, 7, 3);
    CHECK_STR(one(s), "c1:0+8! c2:0+8! c3:0+7! | f1 f2 f3");
    CHECK_STR(one(s), "d2/18 p3 |");
    CHECK_STR(one(s), "d2/20 |");
    CHECK(kw_sched_jumpable(s) == 1);
    CHECK_STR(one(s), "d2/22 | x1");
    CHECK_STR(one(s), "d1/12 c3:0+8! |"); /* its second token comes of the recomputation: no first token again */
    CHECK_STR(one(s), "d1/13 p3 | x2");   /* one block is free and both need one: 3 goes again, now 7 + 2 tokens long */
    CHECK_STR(one(s), "c3:0+9! | x3");
    CHECK_STR(one(s), "idle");
    kw_sched_delete(s);
}

/* The sequence that runs out is itself the newest: it goes, and the older one decodes on. */
static void preempts_itself(void)
{
    struct kw_sched_config c = base();
    c.num_blocks = 4;
    struct kw_sched *s = make(c);
    add(s, 1, 5, 3);
    add(s, 2, 8, 3);
    CHECK_STR(one(s), "c1:0+5! c2:0+8! | f1 f2");
    CHECK_STR(one(s), "d1/6 p2 |");
    CHECK_STR(one(s), "d1/7 | x1");
    CHECK_STR(one(s), "c2:0+9! |");
    CHECK_STR(one(s), "d1/10 | x2");
    kw_sched_delete(s);
}

/* A prompt of two chunks runs out of blocks in its second: preempted without ever having had a token. Reserving the
 * whole prompt instead keeps it waiting. */
static void reserves_the_prompt(void)
{
    for (int reserve = 0; reserve < 2; reserve++) {
        struct kw_sched_config c = base();
        c.num_blocks = 12;
        c.max_num_batched_tokens = 24;
        c.reserve_full_prompt = reserve;
        struct kw_sched *s = make(c);
        add(s, 1, 20, 3);
        CHECK_STR(one(s), "c1:0+20! | f1");
        add(s, 2, 40, 1);
        if (reserve) {
            CHECK_STR(one(s), "d1/21 |");
        } else {
            CHECK_STR(one(s), "d1/21 c2:0+23 |");
            CHECK_STR(one(s), "d1/22 p2 | x1");
        }
        if (reserve) CHECK_STR(one(s), "d1/22 | x1");
        CHECK_STR(one(s), "c2:0+24 |");
        CHECK_STR(one(s), "c2:24+16! | f2 x2");
        CHECK_STR(one(s), "idle");
        kw_sched_delete(s);
    }
}

static void prefill_first_whole_prompts(void)
{
    struct kw_sched_config c = base();
    c.policy = KW_SCHED_PREFILL_FIRST;
    struct kw_sched *s = make(c);
    add(s, 1, 20, 3);
    add(s, 2, 12, 2);
    add(s, 3, 1, 1);
    add(s, 4, 50, 1);
    CHECK_STR(one(s), "c1:0+20! c2:0+12! | f1 f2");
    CHECK_STR(one(s), "c3:0+1! | f3 x3");  /* 4 is longer than what is left of the budget */
    CHECK_STR(one(s), "c4:0+50! | f4 x4"); /* alone, above the budget */
    CHECK_STR(one(s), "d2/34 | x2");
    add(s, 5, 4, 1);
    CHECK_STR(one(s), "c5:0+4! | f5 x5");
    CHECK_STR(one(s), "d1/22 | x1");
    CHECK_STR(one(s), "idle");
    kw_sched_delete(s);
}

static void static_batches(void)
{
    struct kw_sched_config c = base();
    c.policy = KW_SCHED_STATIC;
    c.max_num_seqs = 3;
    struct kw_sched *s = make(c);
    add(s, 1, 20, 3);
    add(s, 2, 30, 2);
    CHECK_STR(one(s), "c1:0+20! c2:0+12 | f1");
    add(s, 3, 4, 1);
    CHECK_STR(one(s), "c2:12+18! | f2");
    CHECK_STR(one(s), "d2/52 | x2");
    CHECK(kw_sched_waiting(s) == 1 && kw_sched_running(s) == 1);
    CHECK_STR(one(s), "d1/22 | x1");
    CHECK_STR(one(s), "c3:0+4! | f3 x3");
    CHECK_STR(one(s), "idle");
    kw_sched_delete(s);
}

static uint32_t add_hashed(struct kw_sched *s, uint64_t id, uint32_t prompt, uint32_t output, const uint64_t *hash,
                           uint32_t n)
{
    uint32_t slot = UINT32_MAX;
    struct kw_sched_request r = {
        .id = id, .prompt = prompt, .output = output, .hash = hash, .n_hash = n, .hash_block = 8
    };
    CHECK(kw_sched_add(s, &r, &slot, &err) == KW_OK);
    return slot;
}

static void prefix_hits(void)
{
    static const uint64_t ab[] = { 7, 8 }, ac[] = { 7, 9 }, b[] = { 8 };
    struct kw_sched_config c = base();
    c.prefix_caching = true;
    c.num_blocks = 8;
    struct kw_sched *s = make(c);
    uint32_t slot = add_hashed(s, 1, 16, 1, ab, 2);
    CHECK_STR(one(s), "c1:0+16! | f1 x1");
    CHECK(kw_sched_cached(s, slot) == 0);
    slot = add_hashed(s, 2, 16, 1, ac, 2);
    CHECK_STR(one(s), "c2:8+8! | f2 x2"); /* shares the first hash: 8 tokens, 2 blocks */
    CHECK(kw_sched_cached(s, slot) == 8);
    slot = add_hashed(s, 3, 8, 1, b, 1);
    CHECK_STR(one(s), "c3:0+8! | f3 x3"); /* hash 8 after nothing is not hash 8 after 7 */
    slot = add_hashed(s, 4, 16, 1, ac, 2);
    CHECK_STR(one(s), "c4:12+4! | f4 x4"); /* all cached, yet a token must be computed: the last block again */
    CHECK(kw_sched_cached(s, slot) == 12);
    CHECK(kw_sched_blocks_free(s) == 8);
    slot = add(s, 5, 17, 1);
    CHECK_STR(one(s), "c5:0+17! | f5 x5"); /* takes 5 of 8 blocks: the oldest of the queue */
    slot = add_hashed(s, 6, 16, 1, ab, 2);
    CHECK_STR(one(s), "c6:8+8! | f6 x6"); /* "8 after 7" is gone; 7 was hit later and is still there */
    kw_sched_delete(s);
}

static uint32_t add_adapted(struct kw_sched *s, uint64_t id, uint32_t adapter, uint32_t output, bool held)
{
    uint32_t slot = UINT32_MAX;
    struct kw_sched_request r = { .id = id, .prompt = 4, .output = output, .adapter = adapter, .held = held };
    CHECK(kw_sched_add(s, &r, &slot, &err) == KW_OK);
    return slot;
}

/* One slot: who has another adapter is passed over and keeps its place, the base model needs none. */
static void one_adapter_a_batch(void)
{
    struct kw_sched_config c = base();
    c.max_loras = 1;
    struct kw_sched *s = make(c);
    add_adapted(s, 1, 7, 2, false);
    add_adapted(s, 2, 8, 1, false);
    add_adapted(s, 3, 0, 2, false);
    add_adapted(s, 4, 7, 1, false);
    CHECK_STR(one(s), "c1:0+4! c3:0+4! c4:0+4! a7 | f1 f3 f4 x4");
    CHECK(kw_sched_waiting(s) == 1);
    CHECK_STR(one(s), "d2/10 | x1 x3");
    add_adapted(s, 5, 7, 1, false);
    CHECK_STR(one(s), "c2:0+4! a8 | f2 x2"); /* before 5, whose adapter was in the slot until now */
    CHECK_STR(one(s), "c5:0+4! a7 | f5 x5");
    add_adapted(s, 6, 7, 1, false);
    CHECK_STR(one(s), "c6:0+4! | f6 x6"); /* still there */
    CHECK(kw_sched_check(s, &err));
    kw_sched_delete(s);
}

/* Two slots: the adapter whose last sequence left first gives its slot away. */
static void the_adapter_out_of_use_for_longest_leaves(void)
{
    struct kw_sched_config c = base();
    c.max_loras = 2;
    struct kw_sched *s = make(c);
    add_adapted(s, 1, 1, 2, false);
    add_adapted(s, 2, 2, 1, false);
    CHECK_STR(one(s), "c1:0+4! c2:0+4! a1 a2 | f1 f2 x2");
    CHECK_STR(one(s), "d1/5 | x1"); /* 2 left before 1 */
    add_adapted(s, 3, 3, 1, false);
    CHECK_STR(one(s), "c3:0+4! a3 | f3 x3");
    add_adapted(s, 4, 1, 1, false);
    CHECK_STR(one(s), "c4:0+4! | f4 x4");
    add_adapted(s, 5, 2, 1, false);
    CHECK_STR(one(s), "c5:0+4! a2 | f5 x5"); /* in the place of 3 */
    add_adapted(s, 6, 3, 1, false);
    CHECK_STR(one(s), "c6:0+4! a3 | f6 x6"); /* in that of 1 */
    kw_sched_delete(s);
}

/* A held sequence is in no queue; released, it is the last. */
static void held_until_released(void)
{
    struct kw_sched_config c = base();
    c.max_loras = 2;
    struct kw_sched *s = make(c);
    uint32_t slots[4], first = add_adapted(s, 1, 1, 1, true), gone = add_adapted(s, 2, 2, 1, true);
    CHECK_STR(one(s), "idle");
    CHECK(kw_sched_held(s) == 2 && kw_sched_waiting(s) == 0);
    add_adapted(s, 3, 0, 1, false);
    CHECK(kw_sched_list(s, slots) == 3 && slots[0] != first && slots[1] == first && slots[2] == gone);
    kw_sched_cancel(s, gone);
    kw_sched_release(s, first);
    CHECK(kw_sched_check(s, &err));
    CHECK_STR(one(s), "c3:0+4! c1:0+4! a1 | f3 f1 x3 x1");
    CHECK(kw_sched_held(s) == 0 && kw_sched_blocks_free(s) == c.num_blocks);
    kw_sched_delete(s);
}

/* The same prompt under another adapter has other keys and values. */
static void adapters_share_no_blocks(void)
{
    static const uint64_t hash[] = { 7, 8 };
    struct kw_sched_config c = base();
    c.prefix_caching = true;
    c.max_loras = 2;
    struct kw_sched *s = make(c);
    struct kw_sched_request r = { .prompt = 16, .output = 1, .hash = hash, .n_hash = 2, .hash_block = 8 };
    static const struct {
        uint32_t adapter, cached;
    } turn[] = { { 0, 0 }, { 1, 0 }, { 2, 0 }, { 1, 12 }, { 0, 12 }, { 2, 12 } };
    for (size_t i = 0; i < sizeof turn / sizeof *turn; i++) {
        uint32_t slot;
        r.adapter = turn[i].adapter;
        CHECK(kw_sched_add(s, &r, &slot, &err) == KW_OK);
        one(s);
        CHECK(kw_sched_cached(s, slot) == turn[i].cached);
    }
    kw_sched_delete(s);
}

/* After a preemption a sequence finds its own blocks again, generated tokens included, unless others took them. */
static void preempted_hits_its_own(void)
{
    struct kw_sched_config c = base();
    c.prefix_caching = true;
    c.num_blocks = 6;
    struct kw_sched *s = make(c);
    add(s, 1, 8, 4);
    add(s, 2, 4, 9);
    add(s, 3, 11, 2);
    CHECK_STR(one(s), "c1:0+8! c2:0+4! c3:0+11! | f1 f2 f3");
    CHECK_STR(one(s), "d2/14 p3 |"); /* 3 gave 3 blocks: queue = partial, 2nd, 1st; 1 and 2 took partial and 2nd */
    CHECK_STR(one(s), "d2/16 |");    /* 1 free block, 3 needs 3 less the one it would hit */
    CHECK_STR(one(s), "d2/18 | x1");
    CHECK_STR(one(s), "d1/8 c3:4+8! | x3");
    kw_sched_delete(s);
}

/* Async: what comes while a step runs joins the batch after the next one; a finished sequence keeps its seat for one.
 */
static void async_decides_a_step_ahead(void)
{
    struct kw_sched_config c = base();
    c.async_scheduling = true;
    c.max_num_seqs = 2;
    struct kw_sched *s = make(c);
    add(s, 1, 4, 3);
    CHECK_STR(one(s), "c1:0+4! | f1"); /* from idle at once */
    add(s, 2, 4, 5);
    CHECK_STR(one(s), "d1/5 |"); /* was decided before 2 came */
    CHECK_STR(one(s), "d1/6 c2:0+4! | f2 x1");
    add(s, 3, 4, 1);
    CHECK_STR(one(s), "d1/5 |"); /* 3 is not known, and 1 has its seat still */
    CHECK_STR(one(s), "d1/6 c3:0+4! | f3 x3");
    add(s, 4, 4, 1);
    CHECK_STR(one(s), "d1/7 |");
    CHECK(kw_sched_jumpable(s) == 1);
    CHECK_STR(one(s), "d1/8 c4:0+4! | f4 x2 x4");
    add(s, 5, 4, 1);
    CHECK_STR(one(s), "c5:0+4! | f5 x5"); /* the batch decided ahead was empty and took no time */
    CHECK_STR(one(s), "idle");
    CHECK(kw_sched_blocks_free(s) == c.num_blocks);
    add(s, 6, 4, 3);
    CHECK_STR(one(s), "c6:0+4! | f6");
    uint32_t gone = add(s, 7, 4, 1);
    add(s, 8, 4, 1);
    kw_sched_cancel(s, gone); /* 8 is no better known for it */
    CHECK_STR(one(s), "d1/5 |");
    CHECK_STR(one(s), "d1/6 c8:0+4! | f8 x6 x8");
    kw_sched_delete(s);
}

/* Async under pressure: 4 blocks. 1 and 2 hold 2 each; 2 ends with the step in which 1 fills its second block. For 1's
 * third block the decision drops 2, which is still in its seat but as good as gone: no preemption, yet 3 is not
 * admitted. */
static void async_drops_the_finished(void)
{
    struct kw_sched_config c = base();
    c.async_scheduling = true;
    c.num_blocks = 4;
    struct kw_sched *s = make(c);
    add(s, 1, 7, 4);
    add(s, 2, 7, 2);
    CHECK_STR(one(s), "c1:0+7! c2:0+7! | f1 f2");
    add(s, 3, 4, 1);
    CHECK_STR(one(s), "d2/16 | x2");
    CHECK_STR(one(s), "d1/9 |");
    CHECK_STR(one(s), "d1/10 c3:0+4! | f3 x1 x3");
    kw_sched_delete(s);
}

static void refuses(void)
{
    struct kw_sched *s = NULL;
    struct kw_sched_config c = base(), bad[8];
    for (int i = 0; i < 8; i++) bad[i] = c;
    bad[0].max_num_seqs = 0;
    bad[1].max_num_batched_tokens = 3;
    bad[2].block_size = 3;
    bad[3].block_size = 1024;
    bad[4].num_blocks = 0;
    bad[5].max_model_len = 1;
    bad[6].num_blocks = UINT32_MAX;
    bad[7].max_model_len = UINT32_MAX;
    for (int i = 0; i < 8; i++) CHECK(kw_sched_new(&s, &bad[i], &err) == KW_ERANGE && err.msg[0]);
    c.async_scheduling = true;
    c.policy = KW_SCHED_STATIC;
    CHECK(kw_sched_new(&s, &c, &err) == KW_ERANGE && err.msg[0]);
    c.async_scheduling = false;
    c.max_loras = 1;
    CHECK(kw_sched_new(&s, &c, &err) == KW_ERANGE && err.msg[0]);
    c = base();
    c.max_loras = KW_SCHED_MAX_LORAS + 1;
    CHECK(kw_sched_new(&s, &c, &err) == KW_ERANGE && err.msg[0]);
    c = base();
    c.num_blocks = 10;
    s = make(c);
    uint32_t slot;
    CHECK(kw_sched_add(s, &(struct kw_sched_request){ .prompt = 1, .output = 1, .adapter = 1 }, &slot, &err) ==
          KW_ERANGE);
    CHECK(kw_sched_add(s, &(struct kw_sched_request){ .prompt = 0, .output = 1 }, &slot, &err) == KW_ERANGE);
    CHECK(kw_sched_add(s, &(struct kw_sched_request){ .prompt = 1, .output = 0 }, &slot, &err) == KW_ERANGE);
    CHECK(kw_sched_add(s, &(struct kw_sched_request){ .prompt = 999, .output = 2 }, &slot, &err) == KW_ERANGE);
    CHECK(kw_sched_add(s, &(struct kw_sched_request){ .prompt = UINT32_MAX, .output = UINT32_MAX }, &slot, &err) ==
          KW_ERANGE);
    CHECK(kw_sched_add(s, &(struct kw_sched_request){ .prompt = 40, .output = 2 }, &slot, &err) == KW_ERANGE);
    CHECK(kw_sched_add(s, &(struct kw_sched_request){ .prompt = 40, .output = 1 }, &slot, &err) == KW_OK);
    CHECK_STR(one(s), "c0:0+32 |");
    CHECK_STR(one(s), "c0:32+8! | f0 x0");
    kw_sched_delete(s);
}

/* ---- random workloads ---- */

enum { MANY = 40 };
struct load {
    struct kw_sched_config c;
    uint32_t n;
    struct kw_sched_request r[MANY];
    uint64_t at[MANY], cancel_at[MANY]; /* step numbers, ascending; cancel UINT64_MAX: never */
    uint64_t hash[MANY][8];
};
struct outcome {
    uint64_t first[MANY], finish[MANY], decoded, prefilled, pairs2, context, preempted, steps;
    uint32_t cached[MANY];
};

static void draw(struct load *l)
{
    memset(l, 0, sizeof *l);
    struct kw_sched_config *c = &l->c;
    c->policy = (enum kw_sched_policy)rnd(6);
    c->max_num_seqs = 1 + rnd(12);
    c->max_num_batched_tokens = c->max_num_seqs + rnd(rnd(2) ? 8 : 100);
    c->block_size = 1u << rnd(5);
    if (c->policy >= KW_SCHED_TRTLLM && c->max_num_batched_tokens < c->block_size)
        c->max_num_batched_tokens = c->block_size;
    c->prefix_caching = rnd(2);
    c->reserve_full_prompt = rnd(2);
    c->max_model_len = 400;
    c->async_scheduling = (c->policy == KW_SCHED_VLLM || c->policy == KW_SCHED_SARATHI) && rnd(2);
    uint32_t max_prompt = 1 + rnd(150), max_output = 1 + rnd(rnd(2) ? 5 : 100);
    uint32_t most = (max_prompt + max_output + c->block_size - 1) / c->block_size;
    c->num_blocks = most + rnd(rnd(2) ? 4 : 3 * most + 1);
    l->n = 1 + rnd(MANY);
    uint64_t t = 0;
    uint32_t gap = 1 + rnd(rnd(2) ? 3 : 60), families = 1 + rnd(4), per = 1 + rnd(4);
    for (uint32_t i = 0; i < l->n; i++) {
        struct kw_sched_request *r = &l->r[i];
        r->id = i;
        r->prompt = 1 + rnd(max_prompt);
        r->output = 1 + rnd(max_output);
        if (rnd(3)) {
            r->hash = l->hash[i];
            r->hash_block = c->block_size * per;
            r->n_hash = (r->prompt + r->hash_block - 1) / r->hash_block;
            if (r->n_hash > 8) r->n_hash = 8;
            uint32_t family = rnd(families), fork = rnd(r->n_hash + 1);
            for (uint32_t j = 0; j < r->n_hash; j++) l->hash[i][j] = j < fork ? 100 * family + j : 1000 + 10 * i + j;
        }
        t += rnd(gap);
        l->at[i] = t;
        l->cancel_at[i] = rnd(6) ? UINT64_MAX : t + rnd(100);
    }
}

static void play(const struct load *l, bool jump, bool tables, struct outcome *o)
{
    memset(o, 0xff, sizeof *o);
    o->decoded = o->prefilled = o->pairs2 = o->context = o->preempted = o->steps = 0;
    struct kw_sched_config c = l->c;
    c.block_tables = tables;
    struct kw_sched *s = make(c);
    uint32_t slot[MANY], next = 0, gone = 0;
    bool live[MANY] = { false };
    uint64_t now = 0;
    while (next < l->n || gone < l->n) {
        while (next < l->n && l->at[next] <= now) {
            CHECK(kw_sched_add(s, &l->r[next], &slot[next], &err) == KW_OK);
            live[next++] = true;
        }
        uint64_t wake = next < l->n ? l->at[next] : UINT64_MAX;
        for (uint32_t i = 0; i < next; i++) {
            if (!live[i]) continue;
            if (l->cancel_at[i] <= now) {
                kw_sched_cancel(s, slot[i]);
                live[i] = false;
                gone++;
            } else if (l->cancel_at[i] < wake) {
                wake = l->cancel_at[i];
            }
        }
        struct kw_step st;
        struct kw_sched_done done;
        if (!kw_sched_step(s, &st)) {
            CHECK(kw_sched_waiting(s) == 0 && kw_sched_running(s) == 0 && kw_sched_blocks_free(s) == c.num_blocks);
            if (wake == UINT64_MAX) break;
            now = wake;
            continue;
        }
        if (tables)
            for (uint32_t i = 0, n; i < st.n_decode; i++) { /* each decoding sequence has room for its token */
                const uint32_t *b = kw_sched_blocks(s, kw_sched_decoding(s, i), &n);
                for (uint32_t j = 0; j < n; j++) CHECK(b[j] < c.num_blocks);
            }
        uint64_t k = 1;
        if (jump) {
            k = kw_sched_jumpable(s);
            if (k > wake - now) k = wake - now;
            if (k > 1 && !rnd(3)) k = 1 + rnd((uint32_t)k); /* any part of a jump is one */
        }
        o->steps += k;
        o->decoded += st.n_decode * k;
        o->context += st.decode_context * k + st.n_decode * (k * (k - 1) / 2);
        o->prefilled += st.prefill_tokens;
        o->pairs2 += st.prefill_pairs2;
        o->preempted += st.n_preempted;
        if (!kw_sched_check(s, &err)) CHECK_STR(err.msg, "before the commit");
        if (k == 1 && rnd(2))
            kw_sched_commit(s, &done);
        else
            kw_sched_advance(s, k, &done);
        now += k;
        for (uint32_t i = 0; i < done.n_first; i++) o->first[kw_sched_id(s, done.first[i])] = now;
        for (uint32_t i = 0; i < done.n_finished; i++) {
            uint64_t id = kw_sched_id(s, done.finished[i]);
            CHECK(live[id] && kw_sched_generated(s, done.finished[i]) == l->r[id].output);
            o->finish[id] = now;
            o->cached[id] = kw_sched_cached(s, done.finished[i]);
            live[id] = false;
            gone++;
        }
        if (!kw_sched_check(s, &err)) CHECK_STR(err.msg, "");
        if (tables) { /* no block is in two tables unless it is shared, never without prefix caching */
            uint32_t list[MANY], n = kw_sched_list(s, list), total = 0, m;
            for (uint32_t i = 0; i < n; i++) {
                kw_sched_blocks(s, list[i], &m);
                total += m;
            }
            CHECK(c.prefix_caching || (c.async_scheduling && done.n_finished) ||
                  total + kw_sched_blocks_free(s) == c.num_blocks);
        }
    }
    kw_sched_delete(s);
}

static void jumps_equal_steps(void)
{
    uint64_t preempted = 0, cached = 0, jumped = 0;
    for (uint32_t seed = 0; seed < 6000 && !check_bad; seed++) {
        static struct load l;
        static struct outcome a, b, t;
        rng_state = seed;
        draw(&l);
        play(&l, false, false, &a);
        play(&l, true, false, &b);
        CHECK(!memcmp(&a, &b, sizeof a));
        play(&l, seed & 1, true, &t);
        CHECK(!memcmp(&a, &t, sizeof a));
        if (check_bad) fprintf(stderr, "seed %u, policy %d\n", seed, (int)l.c.policy);
        preempted += a.preempted;
        for (uint32_t i = 0; i < l.n; i++) cached += a.cached[i] != UINT32_MAX && a.cached[i];
        jumped += a.steps;
    }
    printf("random workloads: %ju steps, %ju preemptions, %ju prefix hits\n", (uintmax_t)jumped, (uintmax_t)preempted,
           (uintmax_t)cached);
    CHECK(preempted > 1000 && cached > 1000);
}

/* A reset scheduler is as new. */
static void reset_is_new(void)
{
    struct kw_sched_config c = base();
    c.prefix_caching = true;
    struct kw_sched *s = make(c);
    static const uint64_t h[] = { 1 };
    add_hashed(s, 1, 9, 5, h, 1);
    one(s);
    add_hashed(s, 2, 9, 5, h, 1);
    kw_sched_reset(s);
    CHECK(kw_sched_check(s, &err) && kw_sched_running(s) == 0 && kw_sched_waiting(s) == 0 &&
          kw_sched_blocks_free(s) == 100);
    CHECK_STR(one(s), "idle");
    add_hashed(s, 3, 9, 5, h, 1);
    CHECK_STR(one(s), "c3:0+9! | f3");
    kw_sched_delete(s);
}

int main(void)
{
    RUN(vllm_chunks_and_mixes);
    RUN(seats_and_order);
    RUN(preempts_the_newest);
    RUN(preempts_itself);
    RUN(reserves_the_prompt);
    RUN(prefill_first_whole_prompts);
    RUN(static_batches);
    RUN(prefix_hits);
    RUN(preempted_hits_its_own);
    RUN(async_decides_a_step_ahead);
    RUN(async_drops_the_finished);
    RUN(one_adapter_a_batch);
    RUN(the_adapter_out_of_use_for_longest_leaves);
    RUN(held_until_released);
    RUN(adapters_share_no_blocks);
    RUN(refuses);
    RUN(reset_is_new);
    RUN(jumps_equal_steps);
    return check_report();
}
