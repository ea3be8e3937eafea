#include "sim/fleet/pool/capacity.h"
#include "tests/check.h"

/* Every decode step lasts 20 ms and every step of prompts 40 ms, whatever its size: the best is the largest. */
static void needs_the_largest_steps(void)
{
    struct kw_steptime *t;
    CHECK(kw_steptime_constant(&t, INT64_C(20000000000), INT64_C(40000000000), NULL) == KW_OK);
    struct kw_deployment d = {
        .kind = KW_KIND_SERVERLESS,
        .steptime = t,
        .sched = { .max_num_batched_tokens = 1000, .max_num_seqs = 50, .num_blocks = 10000, .block_size = 16 }
    };
    struct kw_ledger l = { .completed = 10, .tokens_in = 10000, .tokens_cached = 2000, .tokens_out = 5000 };
    /* 8,000 tokens in steps of 1,000, and 5,000 in steps of 50 */
    CHECK(kw_capacity_needed(&d, &l) == 8 * 40 * INT64_C(1000000) + 100 * 20 * INT64_C(1000000));
    d.sched.max_num_seqs = 48; /* no power of two: it is tried all the same; 5000 / 48 steps */
    CHECK_NEAR((double)kw_capacity_needed(&d, &l), 0.32e9 + 5000 / 48.0 * 0.02e9, 1);
    /* A mean context of 1,000 + 250 tokens and KV blocks for ten of them. */
    d.sched.num_blocks = 12500 / 16 + 1;
    CHECK(kw_capacity_needed(&d, &l) == INT64_C(320000000) + 500 * 20 * INT64_C(1000000));
    d.sched.num_blocks = 1; /* never less than one sequence */
    CHECK(kw_capacity_needed(&d, &l) == INT64_C(320000000) + 5000 * 20 * INT64_C(1000000));
    l.completed = 0;
    CHECK(kw_capacity_needed(&d, &l) == 0);
    l.completed = 10;
    d.kind = KW_KIND_API;
    CHECK(kw_capacity_needed(&d, &l) == 0);
    kw_steptime_delete(t);
}

int main(void)
{
    RUN(needs_the_largest_steps);
    return check_report();
}
