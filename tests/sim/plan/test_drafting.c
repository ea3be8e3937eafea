/* A choice that decodes speculatively: what a draft model takes from the KV cache and from a cold start, whose slots are looked
 * ahead for, what is refused, and how it is told. */
#include "sim/plan/sweep/drafting.h"
#include <math.h>
#include <string.h>
#include "platforms/facts/platforms.h"
#include "sim/plan/sweep/steptimes.h"
#include "tests/check.h"

static struct kw_platforms platforms;
static struct kw_profiles profiles;
static struct kw_steptimes steptimes;

static const struct kw_profile *profile(const char *model, const char *precision)
{
    const struct kw_profile *p = kw_profiles_find(&profiles, "H100", model, precision, 1);
    CHECK(p);
    return p;
}

static struct kw_choice choice(void)
{
    struct kw_choice c;
    struct kw_error err = { "" };
    const struct kw_platform *p = kw_platforms_find(&platforms, "runpod");
    const struct kw_profile *prof = profile("llama-3.1-8b", "fp8");
    const struct kw_steptime *st = NULL;
    const struct kw_gpu_offer *o = p->gpus;
    while (strcmp(o->gpu, "H100")) o++;
    CHECK(kw_steptimes_get(&steptimes, prof, 0, 0, &st, &err) == KW_OK);
    CHECK(kw_choice_gpu(&c, p, o, prof, st, &err) == KW_OK);
    return c;
}

static const struct kw_speculative two = { .tokens = 2, .accept = { 0.8, 0.5 } };

/* The blocks of both models' keys and values that fit beside the draft model's weights; one block more would not. */
static void a_model_takes_blocks(void)
{
    struct kw_choice c = choice();
    const struct kw_profile *draft = profile("llama-3.2-3b", "bf16");
    struct kw_error err = { "" };
    double weights = c.cold.weight_bytes, own = c.profile->kv_bytes_per_token, more = draft->kv_bytes_per_token;
    double room = (double)c.sched.num_blocks * c.sched.block_size * own;
    CHECK(kw_choice_speculate(&c, &two, draft, &err) == KW_OK);
    double used = draft->weight_bytes + (double)c.sched.num_blocks * c.sched.block_size * (own + more);
    CHECK(draft->weight_bytes > 2e9 && more > 0 && used <= room);
    CHECK(used + c.sched.block_size * (own + more) > room);
    CHECK(c.sched.draft_tokens == 2 && c.sched.lookahead_tokens == 2 && !c.sched.async_scheduling);
    CHECK(c.cold.weight_bytes == weights + draft->weight_bytes);
    char buf[240];
    CHECK(strstr(kw_choice_drafting(&c, buf, sizeof buf), "2 tokens a step drafted by llama-3.2-3b (steps "));
    CHECK(strstr(buf, "), right with probability 0.8, 0.5 (2.2 tokens a step)"));
    c = choice();
    c.sched.num_blocks = 77; /* stated: what is left beside it */
    CHECK(kw_choice_speculate(&c, &two, draft, &err) == KW_OK && c.sched.num_blocks == 77);
}

static void others_take_none(void)
{
    struct kw_choice c = choice();
    struct kw_speculative s = two;
    struct kw_error err = { "" };
    char buf[240];
    CHECK_STR(kw_choice_drafting(&c, buf, sizeof buf), "");
    uint32_t blocks = c.sched.num_blocks;
    CHECK(kw_choice_speculate(&c, &two, NULL, &err) == KW_OK);
    CHECK(c.sched.num_blocks == blocks && c.sched.draft_tokens == 2 && !c.sched.lookahead_tokens);
    CHECK(strstr(kw_choice_drafting(&c, buf, sizeof buf), "n-grams, at no time of the device"));
    c = choice();
    s.pass_ps = 1500000000;
    s.accept[1] = 0.8;
    CHECK(kw_choice_speculate(&c, &s, NULL, &err) == KW_OK);
    CHECK(c.sched.num_blocks == blocks && c.sched.lookahead_tokens == 2);
    CHECK(
        strstr(kw_choice_drafting(&c, buf, sizeof buf), "what takes 1.5 ms a pass, right with probability 0.8 (2.44"));
}

static void refused(void)
{
    struct kw_choice c = choice();
    struct kw_error err = { "" };
    c.dp = 2;
    CHECK(kw_choice_speculate(&c, &two, NULL, &err) == KW_ERANGE && strstr(err.msg, "(dp 2)"));
    c = choice();
    c.sched.policy = KW_SCHED_PREFILL_FIRST;
    CHECK(kw_choice_speculate(&c, &two, NULL, &err) == KW_ERANGE && strstr(err.msg, "only the schedulers"));
    c = choice();
    c.sched.max_num_seqs = c.sched.max_num_batched_tokens / 3 + 1;
    CHECK(kw_choice_speculate(&c, &two, NULL, &err) == KW_ERANGE && strstr(err.msg, "of 1 + 2 tokens pass"));
    c.sched.max_num_seqs--;
    CHECK(kw_choice_speculate(&c, &two, NULL, &err) == KW_OK);
    c = choice();
    struct kw_profile large = *profile("llama-3.2-3b", "bf16");
    large.weight_bytes = 1e12;
    CHECK(kw_choice_speculate(&c, &two, &large, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "more than the"));
}

int main(void)
{
    struct kw_error err = { "" };
    CHECK(kw_platforms_embedded(&platforms, &err) == KW_OK && kw_profiles_embedded(&profiles, &err) == KW_OK);
    kw_steptimes_init(&steptimes);
    CHECK_STR(err.msg, "");
    RUN(a_model_takes_blocks);
    RUN(others_take_none);
    RUN(refused);
    kw_steptimes_free(&steptimes);
    kw_profiles_free(&profiles);
    kw_platforms_free(&platforms);
    return check_report();
}
