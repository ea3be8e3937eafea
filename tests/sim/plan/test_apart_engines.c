/* A choice with engines that prefill and engines that decode: its GPUs, whose KV blocks and prefix cache, what its link carries, how
 * it is told. */
#include "sim/plan/sweep/apart_engines.h"
#include <math.h>
#include <string.h>
#include "platforms/facts/platforms.h"
#include "tests/check.h"

static struct kw_platforms platforms;
static struct kw_profiles profiles;

static const struct kw_profile *profile(uint32_t tp)
{
    const struct kw_profile *p = kw_profiles_find(&profiles, "H100", "llama-3.1-8b", "fp8", tp);
    CHECK(p);
    return p;
}

static struct kw_choice choice(struct kw_engines e, uint32_t tp)
{
    struct kw_choice c;
    struct kw_error err = { "" };
    const struct kw_platform *p = kw_platforms_find(&platforms, "runpod");
    const struct kw_gpu_offer *o = p->gpus;
    while (strcmp(o->gpu, "H100")) o++;
    CHECK(kw_choice_engines(&c, p, o, profile(tp), &e, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    return c;
}

static const struct kw_link stated = { .full_name = "mine", .gpus = 2, .latency_s = 12e-6, .bandwidth = 40e9 };

static void one_of_each(void)
{
    struct kw_error err = { "" };
    struct kw_choice c = choice((struct kw_engines){ 2, 1, 1 }, 1);
    char buf[240];
    CHECK(c.gpus == 3);
    CHECK_STR(kw_choice_engines_text(&c, buf, sizeof buf), ""); /* nothing is known of the link yet */
    CHECK(kw_choice_apart(&c, profile(1), &stated, &err) == KW_OK);
    const struct kw_disaggregated *d = &c.disaggregated;
    CHECK(d->prefill == 2 && d->decode == 1 && d->latency == 12000 && d->bytes_s == 40000000000);
    CHECK(d->kv_bytes == 131072); /* 2 x 8 KV heads x 128 x 32 layers, 2 bytes each */
    CHECK(d->prefill_sched.prefix_caching && !c.sched.prefix_caching);
    CHECK(!c.sched.async_scheduling && !d->prefill_sched.async_scheduling);
    CHECK(d->prefill_sched.num_blocks == c.sched.num_blocks);
    CHECK_STR(kw_choice_engines_text(&c, buf, sizeof buf),
              "2 engines of tp 1 prefill, 1 of tp 1 decodes, KV cache at 40 GB/s after 12 us");
    CHECK_STR(kw_choice_split(&c, "", buf), "2P1D tp1+1");
}

/* A shard moves from a GPU to a GPU, as many at once as the smaller engine has. */
static void shards_move_side_by_side(void)
{
    struct kw_error err = { "" };
    const struct kw_profile *two = profile(2);
    struct kw_choice c = choice((struct kw_engines){ 1, 2, 1 }, 1);
    CHECK(c.gpus == 3 && kw_choice_apart(&c, two, &stated, &err) == KW_OK);
    CHECK(c.disaggregated.bytes_s == 40000000000);
    CHECK(two->num_blocks != c.profile->num_blocks && c.disaggregated.prefill_sched.num_blocks == two->num_blocks);
    c = choice((struct kw_engines){ 1, 1, 1 }, 2);
    CHECK(c.gpus == 3 && kw_choice_apart(&c, profile(1), &stated, &err) == KW_OK);
    CHECK(c.disaggregated.bytes_s == 40000000000);
    c = choice((struct kw_engines){ 1, 2, 1 }, 2);
    c.sched.num_blocks = 77; /* stated */
    CHECK(c.gpus == 4 && kw_choice_apart(&c, two, &stated, &err) == KW_OK);
    CHECK(c.disaggregated.bytes_s == 80000000000 && c.disaggregated.prefill_sched.num_blocks == 77);
}

static void a_measured_link_is_a_line(void)
{
    struct kw_error err = { "" };
    struct kw_choice c = choice((struct kw_engines){ 1, 1, 1 }, 1);
    struct kw_link measured = { .gpus = 2, .n = 3, .bytes = { 1000, 5000, 1001000 }, .s = { 5e-6, 7e-6, 25e-6 } };
    CHECK(kw_choice_apart(&c, profile(1), &measured, &err) == KW_OK);
    CHECK(c.disaggregated.latency == 5000 && c.disaggregated.bytes_s == 50000000000);
}

int main(void)
{
    struct kw_error err = { "" };
    CHECK(kw_platforms_embedded(&platforms, &err) == KW_OK && kw_profiles_embedded(&profiles, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    RUN(one_of_each);
    RUN(shards_move_side_by_side);
    RUN(a_measured_link_is_a_line);
    kw_profiles_free(&profiles);
    kw_platforms_free(&platforms);
    return check_report();
}
