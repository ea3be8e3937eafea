/* The real scheduler against tests/engine/reference_scheduler.h: first by hand (a few steps whose outcome is worked out
 * in the comment, both must give it), then on random workloads, each step compared field by field, and the jumps
 * against the single steps. A mismatch is shrunk to a small case and printed as one block.
 *
 *   build/tests/engine/test_scheduler_reference          everything, about ten seconds
 *   build/tests/engine/test_scheduler_reference SEED     that one random case, step by step
 */
#include "tests/engine/scheduler_walk.h"
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include "tests/check.h"

/* ------------------------------------------------------------------------------------------------ random cases */

static uint32_t up_to(uint64_t *rng, uint32_t most) /* 1..most, small ones more often */
{
    uint32_t cap = 1 + below(rng, most);
    return 1 + below(rng, cap);
}

static void make_case(struct tested *t, uint64_t seed)
{
    uint64_t rng = seed * 2654435761u + 17;
    memset(t, 0, sizeof *t);
    t->seed = seed;
    struct kw_sched_config *c = &t->c;
    c->policy = (enum kw_sched_policy)below(&rng, 6);
    c->block_size = 1u << below(&rng, 6);
    c->num_blocks = below(&rng, 4) ? 2 + below(&rng, 14) : 2 + below(&rng, 100);
    if (c->policy == KW_SCHED_PREFILL_FIRST && below(&rng, 2)) c->num_blocks += 99; /* with a watermark */
    c->max_num_seqs = 1 + below(&rng, 12);
    c->max_num_batched_tokens = c->max_num_seqs + (below(&rng, 3) ? up_to(&rng, 4 * c->block_size) : below(&rng, 600));
    if (c->policy >= KW_SCHED_TRTLLM && c->max_num_batched_tokens < c->block_size)
        c->max_num_batched_tokens = c->block_size;
    c->max_model_len = c->num_blocks * c->block_size + (below(&rng, 2) ? 1 : 0);
    if (below(&rng, 4) == 0) c->max_model_len = 2 + below(&rng, c->max_model_len - 1);
    c->prefix_caching = below(&rng, 3) > 0;
    c->reserve_full_prompt = below(&rng, 2);
    c->block_tables = below(&rng, 2);
    bool can = c->policy == KW_SCHED_VLLM || c->policy == KW_SCHED_SARATHI;
    uint32_t adapters = can && below(&rng, 2) ? 1 + below(&rng, 6) : 0;
    if (adapters) c->max_loras = 1 + below(&rng, 4);

    /* Few different hashes, so that prefixes coincide. Chained: a hash names its parent too, as Mooncake's do; else the
     * same number turns up at different depths and behind different prefixes, where it must not be a hit. */
    bool chained = below(&rng, 2);
    uint32_t branches = 1 + below(&rng, 3), parts = 1u << below(&rng, 3),
             spread = below(&rng, 3) ? 1 + below(&rng, 60) : 1;
    bool cancels = below(&rng, 3) == 0, hashes = below(&rng, 5) > 0;
    uint32_t at = 0;
    t->n = 1 + below(&rng, below(&rng, 3) ? 8 : 30);
    for (uint32_t i = 0; i < t->n; i++) {
        struct request *r = &t->r[i];
        uint32_t room =
            c->max_model_len < c->num_blocks * c->block_size ? c->max_model_len : c->num_blocks * c->block_size;
        r->prompt = up_to(&rng, room > 1 ? room - 1 : 1);
        if (below(&rng, 4) == 0) r->prompt = (r->prompt + c->block_size - 1) / c->block_size * c->block_size;
        if (r->prompt >= room) r->prompt = room > 1 ? room - 1 : 1;
        uint32_t left = room > r->prompt ? room - r->prompt : 1;
        r->output = below(&rng, 3) ? up_to(&rng, left < 40 ? left : 40) : up_to(&rng, left);
        if (below(&rng, 30) == 0) r->output += c->num_blocks * c->block_size + 1; /* can never run */
        r->hash_block = c->block_size * parts;
        r->with_hash = hashes && below(&rng, 6) > 0;
        uint64_t path = 1;
        r->n_hash = (r->prompt + (below(&rng, 2) ? r->hash_block - 1 : 0)) / r->hash_block;
        if (r->n_hash > HASHES) r->n_hash = HASHES;
        for (uint32_t h = 0; h < r->n_hash; h++) {
            uint64_t branch = below(&rng, branches), mix = path * 1000003 + branch;
            r->hash[h] = path = chained ? draw(&mix) : branch;
        }
        at += below(&rng, 2) ? below(&rng, spread) : 0;
        r->arrives = at;
        r->adapter = adapters ? below(&rng, adapters + 1) : 0;
        r->cancelled = cancels && below(&rng, 3) == 0 ? at + below(&rng, 50) : 0;
    }
}

/* Makes the case smaller as long as it still fails in the same way: fewer requests, no cancels, shorter, earlier,
 * plainer. */
static void shrink(struct tested *t, const char *what)
{
    static struct tested less;
    struct verdict v;
    for (bool smaller = true; smaller;) {
        smaller = false;
        for (uint32_t i = t->n; i-- > 0;) { /* backwards: removing one keeps the ones before in place */
            for (int how = 0; how < 10; how++) {
                less = *t;
                struct request *r = &less.r[i];
                if (how == 0) {
                    memmove(r, r + 1, (less.n - i - 1) * sizeof *r);
                    less.n--;
                } else if (how == 1)
                    r->cancelled = 0;
                else if (how == 2)
                    r->output = (r->output + 1) / 2;
                else if (how == 3)
                    r->prompt = (r->prompt + 1) / 2;
                else if (how == 4)
                    r->output -= r->output > 1;
                else if (how == 5)
                    r->prompt -= r->prompt > 1;
                else if (how == 6)
                    r->arrives = i > 0 ? less.r[i - 1].arrives : 0;
                else if (how == 7) {
                    uint32_t gap = r->arrives - (i > 0 ? less.r[i - 1].arrives : 0);
                    for (uint32_t j = i; j < less.n && gap > 0; j++) less.r[j].arrives -= (gap + 1) / 2;
                    for (uint32_t j = i; j < less.n && gap > 0; j++)
                        less.r[j].cancelled -= less.r[j].cancelled ? (gap + 1) / 2 : 0;
                } else if (how == 8)
                    r->adapter = 0;
                else
                    r->with_hash = false;
                if (r->n_hash > (r->prompt + r->hash_block - 1) / r->hash_block) r->n_hash--;
                if (less.n == 0 || !memcmp(&less, t, sizeof less)) continue;
                run_case(&less, &v, NULL);
                if (strcmp(v.what, what)) continue;
                *t = less;
                smaller = true;
                if (how == 0) break;
            }
        }
    }
}

static void report(const struct tested *found)
{
    static struct tested t;
    struct verdict v;
    t = *found;
    run_case(&t, &v, NULL);
    fprintf(stderr, "---- seed %" PRIu64 ": step %" PRIu32 ": %s. Smallest case like it:\n", t.seed, v.step, v.what);
    shrink(&t, v.what);
    print_case(stderr, &t);
    run_case(&t, &v, stderr);
    fprintf(stderr, "  step %" PRIu32 ": %s\n----\n", v.step, v.what);
}

static uint64_t current_seed; /* for the handler: an assert inside the scheduler must name its case too */

static void on_abort(int sig)
{
    (void)sig;
    fprintf(stderr, "aborted in seed %" PRIu64 "\n", current_seed);
    signal(SIGABRT, SIG_DFL);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Cases until 40,000 are done or eight seconds are over (2,000 at least on any machine); the first five failures are
 * shown. */
static void random_cases_agree(void)
{
    static struct tested t;
    struct verdict v;
    uint64_t steps = 0, failures = 0, seed = 1;
    double start = seconds();
    for (; seed <= 40000 && (seed <= 2000 || seconds() - start < 8) && failures < 5; seed++) {
        current_seed = seed;
        make_case(&t, seed);
        steps += run_case(&t, &v, NULL);
        if (v.what[0]) {
            failures++;
            report(&t);
        }
    }
    CHECK(failures == 0);
    printf("%" PRIu64 " random cases, %" PRIu64 " steps, %.1f s; %" PRIu64 " preempted, %" PRIu64
           " chunks cut, %" PRIu64 " with hits, %" PRIu64 " resumed with hits, %" PRIu64 " jumps > 1, %" PRIu64
           " cancelled, %" PRIu64 " refused\n",
           seed - 1, steps, seconds() - start, covered.preempted, covered.cut_chunks, covered.hit_chunks,
           covered.resumed_hits, covered.long_jumps, covered.cancelled, covered.refused);
    if (failures) return;
    CHECK(covered.preempted > 500 && covered.cut_chunks > 500 && covered.hit_chunks > 500 &&
          covered.resumed_hits > 500);
    CHECK(covered.long_jumps > 500 && covered.cancelled > 100 && covered.refused > 100);
    CHECK(covered.entered > 500 && covered.passed > 500);
}

/* ------------------------------------------------------------------------------------------------ by hand */

static struct kw_sched_config blocks_of_16(uint32_t num_blocks, bool prefix_caching)
{
    return (struct kw_sched_config){ .policy = KW_SCHED_VLLM,
                                     .max_num_batched_tokens = 64,
                                     .max_num_seqs = 8,
                                     .max_model_len = 1000,
                                     .block_size = 16,
                                     .num_blocks = num_blocks,
                                     .prefix_caching = prefix_caching };
}

/* The reference's steps as text, and the real scheduler must agree with each. Requests are A, B, C; a step is preempted
 * ones, decodes, chunks: "-B A C0+64!" preempts B, decodes A, computes C's tokens 0..63, which end its prompt. */
static void check_trace(const struct tested *t, const char *want)
{
    static struct batch x;
    static struct ref_sched s;
    struct ref_done done;
    struct verdict v;
    char got[2000] = "";
    size_t n = 0;
    ref_init(&s, &t->c);
    for (uint32_t step = 0; n < sizeof got - 400; step++) {
        bool more = false;
        for (uint32_t i = 0; i < t->n; i++) {
            struct kw_sched_request r = as_request(t, i);
            if (t->r[i].arrives == step) ref_add(&s, &r);
            more |= t->r[i].arrives > step;
        }
        ref_look(&s, &x);
        if (!x.any && !more) break;
        if (step) n += (size_t)snprintf(got + n, sizeof got - n, " | ");
        const char *gap = "";
        for (uint32_t i = 0; i < x.b.n_preempted; i++, gap = " ")
            n += (size_t)snprintf(got + n, sizeof got - n, "%s-%c", gap, (char)('A' + x.b.preempted[i] - 100));
        for (uint32_t i = 0; i < x.b.n_decode; i++, gap = " ")
            n += (size_t)snprintf(got + n, sizeof got - n, "%s%c", gap, (char)('A' + x.b.decoding[i] - 100));
        for (uint32_t i = 0; i < x.b.n_chunks; i++, gap = " ")
            n += (size_t)snprintf(got + n, sizeof got - n, "%s%c%" PRIu32 "+%" PRIu32 "%s", gap,
                                  (char)('A' + x.b.chunk[i].id - 100), x.b.chunk[i].past, x.b.chunk[i].len,
                                  x.b.chunk[i].last ? "!" : "");
        ref_commit(&s, &done);
    }
    CHECK_STR(got, want);
    run_case(t, &v, NULL);
    CHECK_STR(v.what, "");
    if (v.what[0]) {
        print_case(stderr, t);
        run_case(t, &v, stderr);
    }
}

/* Budget 64: A's 100 tokens need two steps, B gets what the second leaves, C comes in when B is done. */
static void chunks_fill_the_budget(void)
{
    check_trace(
        &(struct tested){
            .c = blocks_of_16(20, false),
            .n = 3,
            .r = { { .prompt = 100, .output = 3 }, { .prompt = 60, .output = 1 }, { .prompt = 10, .output = 2 } } },
        "A0+64 | A64+36! B0+28 | A B28+32! C0+10! | A C");
}

/* Four blocks. A and B hold 2 each (prompts of 31); step 1 computes token 32, which fits; step 2 needs a third block
 * for A: B, the newest, leaves. Nothing is admitted in a step that preempted, nor in step 3 (two free blocks wanted for
 * 33 tokens are three); B comes back with its 31 + 2 tokens when A has gone. */
static void the_newest_leaves_and_is_recomputed(void)
{
    check_trace(&(struct tested){ .c = blocks_of_16(4, false),
                                  .n = 2,
                                  .r = { { .prompt = 31, .output = 4 }, { .prompt = 31, .output = 4 } } },
                "A0+31! B0+31! | A B | -B A | A | B0+33! | B");
}

/* The same with prefix caching. B leaves with two full blocks (step 1 filled the second), both hashed; the second is
 * first in the free queue and A takes it; the first is still there when B comes back. */
static void the_preempted_hits_its_own_blocks(void)
{
    check_trace(&(struct tested){ .c = blocks_of_16(4, true),
                                  .n = 2,
                                  .r = { { .prompt = 31, .output = 4 }, { .prompt = 31, .output = 4 } } },
                "A0+31! B0+31! | A B | -B A | A | B16+17! | B");
}

/* Same prompt of 48 tokens: B hits A's first two blocks in the very step that computes them. The third would be a hit
 * as well, but the last token must be computed, so the block is computed again. */
static void a_prefix_is_shared_within_one_step(void)
{
    struct request r = {
        .prompt = 48, .output = 1, .with_hash = true, .n_hash = 3, .hash_block = 16, .hash = { 1, 2, 3 }
    };
    check_trace(&(struct tested){ .c = blocks_of_16(20, true), .n = 2, .r = { r, r } }, "A0+48! B32+16!");
}

/* A hash over 32 tokens names two blocks; the third block of A (tokens 32..47) is the first part of its second hash.
 * B has the same first hash only: 32 hit. C has both and a longer prompt: 48 hit. */
static void a_hash_may_cover_several_blocks(void)
{
    struct tested t = {
        .c = blocks_of_16(20, true),
        .n = 3,
        .r = { { .prompt = 49, .output = 1, .with_hash = true, .n_hash = 2, .hash_block = 32, .hash = { 1, 2 } },
               { .prompt = 60, .output = 1, .with_hash = true, .n_hash = 2, .hash_block = 32, .hash = { 1, 3 } },
               { .prompt = 66, .output = 1, .with_hash = true, .n_hash = 3, .hash_block = 32, .hash = { 1, 2, 4 } } }
    };
    t.c.max_num_batched_tokens = 200;
    check_trace(&t, "A0+49! B32+28! C48+18!");
}

/* Four blocks. A ends first and frees its second block, then its first, behind the two never used; B takes those two
 * and A's second. So of A's prefix the head alone is left for C. */
static void the_tail_is_evicted_before_the_head(void)
{
    check_trace(
        &(struct tested){
            .c = blocks_of_16(4, true),
            .n = 3,
            .r = { { .prompt = 32, .output = 1, .with_hash = true, .n_hash = 2, .hash_block = 16, .hash = { 1, 2 } },
                   { .prompt = 48, .output = 1, .arrives = 1 },
                   { .prompt = 40,
                     .output = 1,
                     .arrives = 2,
                     .with_hash = true,
                     .n_hash = 2,
                     .hash_block = 16,
                     .hash = { 1, 2 } } } },
        "A0+32! | B0+48! | C16+24!");
}

/* C and D end in the same step, D's slot being the older one reused. C was admitted first, so its blocks are first in
 * the free queue and E takes them; D's head is left for F. */
static void who_ends_together_frees_in_admission_order(void)
{
    struct tested t = { .c = blocks_of_16(4, true),
                        .n = 6,
                        .r = { { .prompt = 1, .output = 1 },
                               { .prompt = 1, .output = 1 },
                               { .prompt = 1, .output = 2, .arrives = 1 },
                               { .prompt = 1,
                                 .output = 2,
                                 .arrives = 1,
                                 .with_hash = true,
                                 .n_hash = 1,
                                 .hash_block = 2,
                                 .hash = { 1 } },
                               { .prompt = 1, .output = 2, .arrives = 1 },
                               { .prompt = 2,
                                 .output = 1,
                                 .arrives = 1,
                                 .with_hash = true,
                                 .n_hash = 1,
                                 .hash_block = 2,
                                 .hash = { 1 } } } };
    t.c.block_size = 1;
    t.c.max_num_seqs = 3;
    check_trace(&t, "A0+1! B0+1! | C0+1! D0+1! E0+1! | -E C D | E0+2! F1+1!");
}

/* C computes what A left in the cache: a copy. It is preempted, B's growth evicts both, C comes back and computes the
 * block again: now it is nobody's copy, and D hits it in the same step. */
static void a_copy_is_shared_when_the_first_is_gone(void)
{
    struct request p4 = { .prompt = 4, .output = 1, .with_hash = true, .n_hash = 1, .hash_block = 4, .hash = { 9 } },
                   p5 = p4, c = p4;
    p5.prompt = 5;
    c.output = 2;
    struct tested t = { .c = blocks_of_16(3, true), .n = 4, .r = { p4, { .prompt = 4, .output = 6 }, c, p5 } };
    t.c.block_size = 4;
    check_trace(&t, "A0+4! B0+4! C0+4! | -C B | B | B | B | B | C0+5! D4+1!");
}

/* Hit blocks that nobody uses come out of the free queue, so they count. A's two blocks are cached, B uses one of the
 * other two; C hits A's two and needs two more: four of the three free. It waits for B. */
static void unused_hits_count_as_blocks_to_find(void)
{
    check_trace(
        &(struct tested){
            .c = blocks_of_16(4, true),
            .n = 3,
            .r = { { .prompt = 32, .output = 1, .with_hash = true, .n_hash = 2, .hash_block = 16, .hash = { 1, 2 } },
                   { .prompt = 8, .output = 3, .arrives = 1 },
                   { .prompt = 50,
                     .output = 1,
                     .arrives = 2,
                     .with_hash = true,
                     .n_hash = 2,
                     .hash_block = 16,
                     .hash = { 1, 2 } } } },
        "A0+32! | B0+8! | B | B | C32+18!");
}

/* Six blocks, budget 32. B's prompt of 90 needs all six. Beside A there are blocks for its first chunk, and without
 * reserve_full_prompt that is enough; with it B waits until A is done. */
static void reserving_the_whole_prompt_delays_admission(void)
{
    struct tested t = { .c = blocks_of_16(6, false),
                        .n = 2,
                        .r = { { .prompt = 20, .output = 3 }, { .prompt = 90, .output = 1, .arrives = 1 } } };
    t.c.max_num_batched_tokens = 32;
    check_trace(&t, "A0+20! | A B0+31 | A B31+31 | B62+28!");
    t.c.reserve_full_prompt = true;
    check_trace(&t, "A0+20! | A | A | B0+32 | B32+32 | B64+26!");
}

/* A prompt under way has no claim on later blocks. A (one block, then two) and B's first chunk (two) fill the four; B's
 * rest needs a third, nobody is newer, so B itself leaves, comes back in the next step with a first chunk, and so on
 * until A is done: the thrashing that scheduler_reserve_full_isl was made for (vLLM pull request 37307). With it B
 * waits. */
static void a_half_computed_prompt_is_preempted(void)
{
    struct tested t = { .c = blocks_of_16(4, false),
                        .n = 2,
                        .r = { { .prompt = 16, .output = 5 }, { .prompt = 48, .output = 1 } } };
    t.c.max_num_batched_tokens = 33;
    check_trace(&t, "A0+16! B0+17 | -B A | A B0+32 | -B A | A B0+32 | B32+16!");
    t.c.reserve_full_prompt = true;
    check_trace(&t, "A0+16! B0+17 | -B A | A | A | A | B0+33 | B33+15!");
}

/* V0: prompts are whole and stop the decodes; B and C fit one step together, D does not fit beside them. */
static void prefill_first_stops_decodes(void)
{
    struct tested t = { .c = blocks_of_16(20, false),
                        .n = 4,
                        .r = { { .prompt = 40, .output = 3 },
                               { .prompt = 30, .output = 1, .arrives = 1 },
                               { .prompt = 20, .output = 2, .arrives = 1 },
                               { .prompt = 15, .output = 1, .arrives = 1 } } };
    t.c.policy = KW_SCHED_PREFILL_FIRST;
    check_trace(&t, "A0+40! | B0+30! C0+20! | D0+15! | A C | A");
}

/* V0's watermark of 200 blocks: 2 stay free. A has 100, so B comes beside it with 98 and not with 99, and then waits for
 * its end. Alone it may have all 200. */
static void prefill_first_keeps_a_hundredth_free(void)
{
    struct tested t = { .c = blocks_of_16(200, false),
                        .n = 2,
                        .r = { { .prompt = 1600, .output = 3 }, { .prompt = 1568, .output = 1 } } };
    t.c.policy = KW_SCHED_PREFILL_FIRST;
    t.c.max_model_len = 4000;
    check_trace(&t, "A0+1600! | B0+1568! | A | A");
    t.r[1].prompt = 1569;
    check_trace(&t, "A0+1600! | A | A | B0+1569!");
    t.r[1].prompt = 3200;
    check_trace(&t, "A0+1600! | A | A | B0+3200!");
}

/* Six blocks of 16, budget 64. A ends with 3 (34 tokens), B with 4 (49): there are blocks for B's prompt beside A, but not
 * for both ends, so B waits until A has gone, and C does not pass it. With MAX_UTILIZATION B comes in at once, its prompt
 * cut after a block, C behind it; when B wants its 4th block there is none, so it is paused and computed again. */
static void trtllm_reserves_to_the_end(void)
{
    struct tested t = {
        .c = blocks_of_16(6, false),
        .n = 3,
        .r = { { .prompt = 31, .output = 4 }, { .prompt = 47, .output = 3 }, { .prompt = 1, .output = 1 } }
    };
    t.c.policy = KW_SCHED_TRTLLM;
    check_trace(&t, "A0+31! | A | A | A | B0+47! C0+1! | B | B");
    t.c.policy = KW_SCHED_TRTLLM_MAX_UTILIZATION;
    check_trace(&t, "A0+31! B0+32 | A B32+15! C0+1! | A B | -B A | B0+49!");
}

/* Blocks that A holds are not reserved again for B, which begins with the same 48 tokens: both end with 4, 6 are enough. Of
 * 5 they are not. */
static void trtllm_reserves_shared_blocks_once(void)
{
    struct request r = {
        .prompt = 48, .output = 2, .with_hash = true, .n_hash = 3, .hash_block = 16, .hash = { 1, 2, 3 }
    };
    struct tested t = { .c = blocks_of_16(6, true), .n = 2, .r = { r, r } };
    t.c.policy = KW_SCHED_TRTLLM;
    check_trace(&t, "A0+48! B32+16! | A B");
    t.c.num_blocks = 5;
    check_trace(&t, "A0+48! | A | B32+16! | B");
}

/* Budget 50: three blocks, and nobody gets the two tokens beyond them. Budget 16 beside a decode is no block: B waits. */
static void trtllm_cuts_prompts_after_a_block(void)
{
    struct tested t = { .c = blocks_of_16(20, false),
                        .n = 2,
                        .r = { { .prompt = 100, .output = 1 }, { .prompt = 2, .output = 1 } } };
    t.c.policy = KW_SCHED_TRTLLM;
    t.c.max_num_batched_tokens = 50;
    check_trace(&t, "A0+48 | A48+48 | A96+4! B0+2!");
    t.c.max_num_batched_tokens = 16;
    t.r[0] = (struct request){ .prompt = 1, .output = 3 };
    t.r[1] = (struct request){ .prompt = 20, .output = 1 };
    check_trace(&t, "A0+1! | A | A | B0+16 | B16+4!");
}

/* Two seats: A and B. Both prompts first, chunked, then both decode; C waits for both to end although a seat is free.
 */
static void static_batches_do_not_mix(void)
{
    struct tested t = {
        .c = blocks_of_16(20, false),
        .n = 3,
        .r = { { .prompt = 100, .output = 2 }, { .prompt = 60, .output = 4 }, { .prompt = 10, .output = 1 } }
    };
    t.c.policy = KW_SCHED_STATIC;
    t.c.max_num_seqs = 2;
    check_trace(&t, "A0+64 | A64+36! B0+28 | B28+32! | A B | B | B | C0+10!");
}

/* The same numbers behind another prefix, or deeper, are other content. */
static void a_hash_behind_another_prefix_is_no_hit(void)
{
    check_trace(
        &(struct tested){
            .c = blocks_of_16(20, true),
            .n = 3,
            .r = { { .prompt = 20, .output = 1, .with_hash = true, .n_hash = 1, .hash_block = 16, .hash = { 5 } },
                   { .prompt = 40, .output = 1, .with_hash = true, .n_hash = 2, .hash_block = 16, .hash = { 6, 5 } },
                   { .prompt = 40,
                     .output = 1,
                     .with_hash = true,
                     .n_hash = 2,
                     .hash_block = 16,
                     .hash = { 5, 5 },
                     .arrives = 1 } } },
        "A0+20! B0+40! | C16+24!");
}

static enum kw_status add(struct kw_sched *s, uint32_t prompt, uint32_t output)
{
    struct kw_error err = { "" };
    uint32_t slot;
    enum kw_status st =
        kw_sched_add(s, &(struct kw_sched_request){ .id = 1, .prompt = prompt, .output = output }, &slot, &err);
    CHECK((st == KW_OK) == (err.msg[0] == 0));
    return st;
}

/* The last output token is never computed, so prompt + output - 1 tokens in the cache are enough. Sums may not wrap. */
static void what_can_never_run_is_refused(void)
{
    struct kw_sched *s;
    struct kw_error err;
    struct kw_sched_config c = blocks_of_16(2, false);
    CHECK(kw_sched_new(&s, &c, &err) == KW_OK);
    CHECK(add(s, 30, 3) == KW_OK);
    CHECK(add(s, 30, 4) == KW_ERANGE);
    CHECK(add(s, UINT32_MAX, UINT32_MAX) == KW_ERANGE);
    CHECK(add(s, UINT32_MAX, 2) == KW_ERANGE);
    CHECK(add(s, 2, UINT32_MAX) == KW_ERANGE);
    CHECK(kw_sched_waiting(s) == 1);
    kw_sched_delete(s);
    c.max_model_len = 32;
    CHECK(kw_sched_new(&s, &c, &err) == KW_OK);
    CHECK(add(s, 30, 3) == KW_ERANGE);
    CHECK(add(s, 30, 2) == KW_OK);
    kw_sched_delete(s);
}

static void configurations_out_of_range_are_refused(void)
{
    struct kw_sched_config good = blocks_of_16(4, false), bad[9];
    for (int i = 0; i < 9; i++) bad[i] = good;
    bad[0].max_num_batched_tokens = good.max_num_seqs - 1;
    bad[1].max_num_seqs = 0;
    bad[2].block_size = 0;
    bad[3].block_size = 24;
    bad[4].block_size = 1024;
    bad[5].num_blocks = 0;
    bad[6].policy = (enum kw_sched_policy)6;
    bad[7].max_model_len = 0;
    bad[8].policy = KW_SCHED_TRTLLM;
    bad[8].block_size = 128;
    for (int i = 0; i < 9; i++) {
        struct kw_sched *s = NULL;
        struct kw_error err = { "" };
        CHECK(kw_sched_new(&s, &bad[i], &err) == KW_ERANGE && err.msg[0]);
        if (!err.msg[0]) fprintf(stderr, "  (configuration %d)\n", i);
    }
}

/* reset is as new: what the run before left in the cache is not hit, and what was in flight is gone. */
static void reset_forgets_everything(void)
{
    static struct batch x;
    struct kw_sched *s;
    struct kw_error err;
    struct kw_sched_done done;
    uint32_t slot;
    uint64_t hash[4] = { 1, 2, 3, 4 };
    struct kw_sched_config c = blocks_of_16(20, true);
    struct kw_sched_request r = { .id = 7, .prompt = 64, .output = 1, .hash = hash, .n_hash = 4, .hash_block = 16 };
    CHECK(kw_sched_new(&s, &c, &err) == KW_OK);
    for (int round = 0; round < 3; round++) { /* cold; warm, and reset between step and commit; cold again */
        CHECK(kw_sched_add(s, &r, &slot, &err) == KW_OK);
        real_look(s, &x);
        CHECK(x.any && x.b.n_chunks == 1 && x.b.chunk[0].past == (round == 1 ? 48u : 0u));
        CHECK(kw_sched_cached(s, slot) == (round == 1 ? 48u : 0u));
        if (round == 1)
            kw_sched_reset(s);
        else
            kw_sched_commit(s, &done);
        CHECK(kw_sched_blocks_free(s) == 20 && kw_sched_running(s) == 0 && kw_sched_waiting(s) == 0);
    }
    kw_sched_delete(s);
}

int main(int argc, char **argv)
{
    signal(SIGABRT, on_abort);
    if (argc > 1) {
        static struct tested t;
        struct verdict v;
        current_seed = strtoull(argv[1], NULL, 10);
        make_case(&t, current_seed);
        print_case(stdout, &t);
        run_case(&t, &v, stdout);
        printf("%s\n", v.what[0] ? v.what : "agreed");
        fflush(stdout);
        if (v.what[0]) report(&t);
        return v.what[0] != 0;
    }
    RUN(chunks_fill_the_budget);
    RUN(the_newest_leaves_and_is_recomputed);
    RUN(the_preempted_hits_its_own_blocks);
    RUN(a_prefix_is_shared_within_one_step);
    RUN(a_hash_may_cover_several_blocks);
    RUN(a_hash_behind_another_prefix_is_no_hit);
    RUN(the_tail_is_evicted_before_the_head);
    RUN(who_ends_together_frees_in_admission_order);
    RUN(a_copy_is_shared_when_the_first_is_gone);
    RUN(unused_hits_count_as_blocks_to_find);
    RUN(reserving_the_whole_prompt_delays_admission);
    RUN(a_half_computed_prompt_is_preempted);
    RUN(prefill_first_stops_decodes);
    RUN(prefill_first_keeps_a_hundredth_free);
    RUN(trtllm_reserves_to_the_end);
    RUN(trtllm_reserves_shared_blocks_once);
    RUN(trtllm_cuts_prompts_after_a_block);
    RUN(static_batches_do_not_mix);
    RUN(what_can_never_run_is_refused);
    RUN(configurations_out_of_range_are_refused);
    RUN(reset_forgets_everything);
    RUN(random_cases_agree);
    return check_report();
}
