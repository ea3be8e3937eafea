/* Speculative decoding: how many tokens come out against the closed form, what drafting takes, a replica's times by hand from
 * the rule in speculative.h, and random workloads where both stepping modes agree to the bit and nothing is lost.
 * tests/sim/fleet/test_speculative.sh holds the same rule against a model of its own. */
#include "sim/fleet/speculative.h"
#include <math.h>
#include "sim/core/rng.h"
#include "tests/sim/fleet/replica_play.h"

static struct kw_speculative alike(uint32_t tokens, double accept, int64_t pass_ps)
{
    struct kw_speculative s = { .tokens = tokens, .pass_ps = pass_ps };
    for (uint32_t i = 0; i < tokens; i++) s.accept[i] = accept;
    return s;
}

static void closed_form(void)
{
    CHECK_NEAR(kw_speculative_mean(&(struct kw_speculative){ .tokens = 4, .accept = { 0.8, 0.8, 0.8, 0.8 } }),
               (1 - pow(0.8, 5)) / (1 - 0.8), 1e-12);
    CHECK_NEAR(kw_speculative_mean(&(struct kw_speculative){ .tokens = 2, .accept = { 0.5, 0.25 } }), 1 + 0.5 + 0.125,
               1e-12);
    const double a[] = { 0, 0.3, 0.7, 0.95, 1 };
    for (uint32_t k = 1; k <= 7; k += 2)
        for (int i = 0; i < 5; i++) {
            struct kw_speculative s = alike(k, a[i], 0);
            uint64_t places = 0;
            double steps = 0, mean = kw_speculative_mean(&s), var = 0;
            for (uint32_t request = 0; request < 500; request++)
                for (uint32_t place = 1; place < 400;) {
                    uint32_t n = 1 + kw_speculative_right(&s, kw_mix64(request + 77), place);
                    CHECK(n <= 1 + k);
                    place += n;
                    places += n;
                    steps++;
                    var += ((double)n - mean) * ((double)n - mean);
                }
            CHECK_NEAR((double)places / steps, mean, 4 * sqrt(var) / steps + 1e-12);
        }
}

/* Whether a place is guessed does not depend on where the draft begins or on its length. */
static void a_place_has_its_luck(void)
{
    struct kw_speculative s = alike(8, 0.6, 0), shorter = alike(3, 0.6, 0);
    for (uint64_t luck = 1; luck < 200; luck++) {
        uint32_t n = kw_speculative_right(&s, kw_mix64(luck), 10);
        CHECK(kw_speculative_right(&shorter, kw_mix64(luck), 10) == (n < 3 ? n : 3));
        if (n) CHECK(kw_speculative_right(&s, kw_mix64(luck), 11) >= n - 1);
        if (n < 8) CHECK(!kw_speculative_right(&s, kw_mix64(luck), 10 + n));
    }
}

/* In ns: a step 1000, a token 1, a row of the head 10, a token of context 0.5 a sequence of the batch, a chunk nothing more. */
static struct kw_steptime *linear(double scale)
{
    double x[] = { 0, 1000 }, token[] = { 0, scale * 1e-6 }, head[] = { 0, scale * 1e-5 }, none[] = { 0, 0 },
           context[] = { 0, scale * 0.5e-6 }, row[] = { 1 };
    struct kw_curve attention = { .n = 2, .x = x, .y = context }, flat = { .n = 2, .x = x, .y = none };
    struct kw_step_tables t = { .fixed_s = scale * 1e-6,
                                .dense = { .n = 2, .x = x, .y = token },
                                .head = { .n = 2, .x = x, .y = head },
                                .n_decode_rows = 1,
                                .decode_batch = row,
                                .decode = &attention,
                                .prefill_attn = flat,
                                .comm = flat };
    struct kw_steptime *time = NULL;
    CHECK(kw_steptime_compile_drafts(&time, &t, 16, 1000, 4, &err) == KW_OK);
    return time;
}

static void what_a_step_takes(void)
{
    struct kw_steptime *target = linear(1), *draft = linear(0.25);
    struct kw_sched_chunk chunk[] = { { .slot = 9, .past = 20, .len = 12, .last = true }, { .slot = 8, .len = 5 } };
    struct kw_step step = { .n_decode = 3, .drafted = 6, .decode_context = 100 };
    /* 1000 + 9 tokens + 9 rows of 10 + half of 100 of context */
    CHECK(kw_steptime_ps(target, &step) == (1000 + 9 + 90 + 50) * 1000);
    struct kw_speculative s = { .tokens = 2, .draft = draft };
    /* the step itself and one pass more of 3 sequences with one token more each, a quarter of such a step of the target */
    CHECK(kw_speculative_ps(&s, &step) == (1149 + 1000 + 3 + 30) * 250 + (103 * 500) / 4);
    step.n_chunks = 2;
    step.chunks = chunk;
    step.prefill_tokens = 17;
    /* 26 tokens, 11 rows; the prompt that ends is drafted for too: 4 sequences, 100 + 32 + 4 of context */
    CHECK(kw_steptime_ps(target, &step) == (1000 + 26 + 110 + 50) * 1000);
    CHECK(kw_speculative_ps(&s, &step) == (1186 + 1000 + 4 + 40) * 250 + (136 * 500) / 4);
    s = alike(2, 1, 7000);
    CHECK(kw_speculative_ps(&s, &step) == 14000);
    step.n_decode = step.drafted = step.decode_context = 0;
    step.chunks = chunk + 1;
    step.n_chunks = 1;
    step.prefill_tokens = 5;
    CHECK(kw_speculative_ps(&s, &step) == 0); /* nobody gets a token: nothing to draft after */
    kw_steptime_delete(target);
    kw_steptime_delete(draft);
}

static struct load lone(uint32_t k, double accept, uint32_t output)
{
    struct load l = { .c = base(), .n = 1, .kill = INT64_MAX };
    for (int i = 0; i < MANY; i++) l.cancel[i] = INT64_MAX;
    l.r[0] = (struct kw_sched_request){ .prompt = 10, .output = output, .luck = 5 };
    l.drafts = alike(k, accept, 100000);
    l.c.draft_tokens = l.c.lookahead_tokens = k;
    return l;
}

/* Steps of 1000 ns, prompts of 5000, passes of 100: all right is k + 1 tokens a step, none is one token in a longer step. */
static void all_or_none(void)
{
    struct kw_steptime *time = NULL;
    CHECK(kw_steptime_constant(&time, 1000000, 5000000, &err) == KW_OK);
    for (uint32_t k = 1; k <= 4; k++)
        for (uint32_t output = 1; output < 60; output++)
            for (int right = 0; right < 2; right++)
                for (int mode = 0; mode < 2; mode++) {
                    struct load l = lone(k, right, output);
                    struct kw_hist itl;
                    struct outcome o;
                    CHECK(kw_hist_init(&itl, &err) == KW_OK);
                    play(&l, time, mode ? KW_STEPPING_EACH : KW_STEPPING_JUMP, &itl, &o);
                    uint32_t a_step = right ? k + 1 : 1, steps = (output - 1 + a_step - 1) / a_step;
                    CHECK(o.first[0] == 5000 + 100 * k);
                    CHECK(o.finish[0] == o.first[0] + steps * (1000 + 100 * (kw_ns)k));
                    CHECK(o.count.verified == steps && o.count.verified_tokens == output - 1);
                    CHECK(o.count.output_tokens == output && o.count.iterations == steps + 1);
                    CHECK(o.count.decode_tokens == steps * (1 + k));
                    CHECK(itl.n == output - 1);
                    CHECK(itl.sum == (kw_i128)steps * (1000 + 100 * (int64_t)k) * 1000); /* the others' gaps are 0 */
                    kw_hist_free(&itl);
                }
    kw_steptime_delete(time);
}

/* A prompt of 10 and blocks of 4, so 3 blocks; the first verification writes its last token, 3 drafts and looks 3 ahead: 17
 * places, 5 blocks. Refused tokens leave those to the next. */
static void blocks_by_hand(void)
{
    struct load l = lone(3, 0, 6);
    struct kw_sched *s = NULL;
    struct kw_step step;
    struct kw_sched_done done;
    uint32_t slot, tokens[1];
    CHECK(kw_sched_new(&s, &l.c, &err) == KW_OK);
    CHECK(kw_sched_add(s, &l.r[0], &slot, &err) == KW_OK);
    CHECK(kw_sched_step(s, &step) && step.prefill_tokens == 10 && !step.drafted);
    CHECK(kw_sched_blocks_free(s) == 97);
    kw_sched_commit_drafts(s, tokens, &done);
    CHECK(done.n_first == 1);
    static const uint32_t free_blocks[] = { 95, 95, 95, 95, 94 }; /* 17, 18, 19, 20 and 21 places */
    for (uint32_t i = 0; i < 5; i++) {
        CHECK(kw_sched_step(s, &step) && step.n_decode == 1 && step.drafted == 3);
        CHECK(step.decode_context == 10 + i + 4 && kw_sched_jumpable(s) == 1);
        CHECK(kw_sched_blocks_free(s) == free_blocks[i]);
        tokens[0] = i < 4 ? 1 : 4;
        kw_sched_commit_drafts(s, tokens, &done);
        CHECK(tokens[0] == 1); /* the last one asked for: three drafted ones are past the end */
        CHECK(kw_sched_check(s, &err));
    }
    CHECK(done.n_finished == 1 && kw_sched_blocks_free(s) == 100);
    kw_sched_delete(s);
}

/* Two sequences that need more than there is: the newer one goes, comes back and is computed anew, its luck with it. */
static void preempted_and_back(void)
{
    struct load l = lone(3, 0.5, 40), alone;
    struct kw_steptime *time = NULL;
    struct outcome o, one;
    CHECK(kw_steptime_constant(&time, 1000000, 5000000, &err) == KW_OK);
    l.n = 2;
    l.r[1] = (struct kw_sched_request){ .id = 1, .prompt = 10, .output = 40, .luck = 99 };
    l.c.num_blocks = 16;
    play(&l, time, KW_STEPPING_JUMP, NULL, &o);
    CHECK(o.count.preemptions > 0 && o.count.finished == 2 && o.count.output_tokens == 80);
    alone = l;
    alone.n = 1;
    alone.r[0] = l.r[1];
    alone.r[0].id = 0;
    play(&alone, time, KW_STEPPING_JUMP, NULL, &one);
    CHECK(o.finish[0] < o.finish[1] && o.finish[1] > one.finish[0]);
    kw_steptime_delete(time);
}

static void draw_drafts(struct load *l)
{
    do draw(l);
    while ((l->c.policy != KW_SCHED_VLLM && l->c.policy != KW_SCHED_SARATHI) || l->c.max_loras);
    struct kw_sched_config *c = &l->c;
    c->async_scheduling = false;
    c->draft_tokens = 1 + rnd(rnd(2) ? 3 : 12);
    c->lookahead_tokens = rnd(2) ? c->draft_tokens : 0;
    c->max_num_batched_tokens = c->max_num_seqs * (1 + c->draft_tokens) + rnd(rnd(2) ? 8 : 100);
    c->num_blocks += (2 * c->draft_tokens + c->block_size - 1) / c->block_size;
    l->drafts = alike(c->draft_tokens, 0, rnd(2) ? rnd(2000) : 0);
    for (uint32_t i = 0; i < c->draft_tokens; i++) l->drafts.accept[i] = rnd(4) ? 0.01 * rnd(101) : rnd(2);
    for (uint32_t i = 0; i < l->n; i++) l->r[i].luck = kw_mix64(i + 1000 * rnd(1000));
}

static void jumps_are_steps(void)
{
    uint64_t preempted = 0, verified = 0, more = 0, lost = 0;
    for (int seed = 0; seed < 1500; seed++) {
        struct load l;
        struct outcome o[2];
        struct kw_hist itl[2];
        rng_state = (uint64_t)seed * 7919 + 3;
        draw_drafts(&l);
        struct kw_steptime *time = draw_time(l.c.max_num_seqs, 1), *draft = draw_time(l.c.max_num_seqs, 1);
        if (rnd(2)) l.drafts.draft = draft;
        for (int m = 0; m < 2; m++) {
            CHECK(kw_hist_init(&itl[m], &err) == KW_OK);
            play(&l, time, m ? KW_STEPPING_EACH : KW_STEPPING_JUMP, &itl[m], &o[m]);
        }
        CHECK(!memcmp(&o[0], &o[1], sizeof o[0]));
        CHECK(itl[0].n == itl[1].n && itl[0].sum == itl[1].sum && itl[0].max == itl[1].max);
        uint64_t asked = 0;
        bool all = true;
        for (uint32_t i = 0; i < l.n; i++) {
            all = all && o[0].finish[i] >= 0;
            asked += l.r[i].output;
        }
        if (all) CHECK(o[0].count.output_tokens == asked && itl[0].n == asked - l.n);
        CHECK(o[0].count.verified_tokens >= o[0].count.verified || !o[0].count.verified);
        preempted += o[0].count.preemptions;
        verified += o[0].count.verified;
        more += o[0].count.verified_tokens - o[0].count.verified;
        lost += o[0].lost;
        for (int m = 0; m < 2; m++) kw_hist_free(&itl[m]);
        kw_steptime_delete(time);
        kw_steptime_delete(draft);
    }
    CHECK(preempted > 100 && verified > 10000 && more > 1000 && lost > 10);
}

static void refused(void)
{
    static const struct {
        uint32_t drafts, ahead, seqs, budget;
        bool async;
        uint32_t loras;
        enum kw_sched_policy policy;
    } bad[] = {
        { 33, 0, 1, 100, false, 0, KW_SCHED_VLLM }, { 2, 3, 1, 100, false, 0, KW_SCHED_VLLM },
        { 3, 0, 4, 15, false, 0, KW_SCHED_VLLM },   { 3, 0, 4, 16, true, 0, KW_SCHED_VLLM },
        { 3, 0, 4, 16, false, 1, KW_SCHED_VLLM },   { 3, 0, 4, 16, false, 0, KW_SCHED_STATIC },
    };
    struct kw_sched *s = NULL;
    struct kw_sched_config c = base();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        c = base();
        c.draft_tokens = bad[i].drafts;
        c.lookahead_tokens = bad[i].ahead;
        c.max_num_seqs = bad[i].seqs;
        c.max_num_batched_tokens = bad[i].budget;
        c.async_scheduling = bad[i].async;
        c.max_loras = bad[i].loras;
        c.policy = bad[i].policy;
        CHECK(kw_sched_new(&s, &c, &err) == KW_ERANGE);
    }
    c = base();
    c.draft_tokens = 3;
    c.max_num_batched_tokens = 16;
    CHECK(kw_sched_new(&s, &c, &err) == KW_OK);
    kw_sched_delete(s);
}

int main(void)
{
    RUN(closed_form);
    RUN(a_place_has_its_luck);
    RUN(what_a_step_takes);
    RUN(all_or_none);
    RUN(blocks_by_hand);
    RUN(preempted_and_back);
    RUN(jumps_are_steps);
    RUN(refused);
    return check_report();
}
