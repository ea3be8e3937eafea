/* The examples that providers print of their own bills, by the shipped files: each to the cent that the page has, and where
 * the page contradicts itself both figures. Where the price of the example is not the file's, the example's stands in it. */
#include <string.h>
#include "platforms/facts/platforms.h"
#include "sim/cost/bill.h"
#include "tests/check.h"

#define S KW_NS_PER_S
#define H KW_NS_PER_HOUR
#define CENT (KW_NANO / 100)

static struct kw_platforms all;

static const struct kw_platform *at(const char *name)
{
    const struct kw_platform *p = kw_platforms_find(&all, name);
    if (!p) printf("no platform %s\n", name);
    CHECK(p != NULL);
    return p;
}

static const struct kw_api_offer *model(const struct kw_platform *p, const char *name)
{
    for (size_t i = 0; i < p->n_apis; i++)
        if (!strcmp(p->apis[i].model, name)) return &p->apis[i];
    printf("%s does not sell %s\n", p->name, name);
    CHECK(false);
    return &p->apis[0];
}

static const struct kw_gpu_offer *sku(const struct kw_platform *p, const char *name)
{
    for (size_t i = 0; i < p->n_gpus; i++)
        if (!strcmp(p->gpus[i].sku, name)) return &p->gpus[i];
    printf("%s does not rent %s\n", p->name, name);
    CHECK(false);
    return &p->gpus[0];
}

static kw_nusd total(const struct kw_usage *u, const struct kw_tariff *t)
{
    struct kw_bill b;
    struct kw_error err = { "" };
    CHECK(kw_bills(&b, u, t, 1, true, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    return b.total;
}

/* A usage of one month, so that it is priced as it is. */
static struct kw_usage tokens(int64_t in, int64_t cached, int64_t out)
{
    return (struct kw_usage){
        .kind = KW_KIND_API, .window = 730 * H, .tokens_in = in, .tokens_cached = cached, .tokens_out = out
    };
}

/* Of the platform's meter: lives of these phases in seconds on tp GPUs, in a month of 730 hours. */
static struct kw_usage lives(const struct kw_platform *p, struct kw_life *l, size_t n, uint32_t gpus)
{
    struct kw_ledger g = { .lives_n = n, .lives = l };
    struct kw_usage u;
    for (size_t i = 0; i < n; i++) {
        l[i].first_success = -1;
        l[i].gone = 0;
        for (int k = 0; k < KW_PHASES; k++) l[i].gone += l[i].phase[k];
        l[i].born = 0;
    }
    memset(&u, 0, sizeof u);
    CHECK(kw_usage_from_ledger(&u, &g, &p->meter, KW_KIND_SERVERLESS, gpus, 0, 730 * H, NULL) == KW_OK);
    return u;
}

/* platform.claude.com/docs, Managed Agents, a coding session of Opus: 50,000 tokens in and 15,000 out, and the same with 80 %
 * of the input read from the cache. Less the runtime of $0.08, $0.625 and $0.445. */
static void anthropic_session(void)
{
    const struct kw_platform *p = at("anthropic");
    struct kw_tariff t = { .platform = p, .api = model(p, "claude-opus-4.5") };
    struct kw_usage u = tokens(50000, 0, 15000);
    CHECK(total(&u, &t) == 705 * KW_NANO / 1000 - 8 * CENT);
    u = tokens(10000, 40000, 15000);
    CHECK(total(&u, &t) == 525 * KW_NANO / 1000 - 8 * CENT);
}

/* platform.claude.com/docs, pricing, 10,000 tickets of 3,700 tokens: "$37.00" for Haiku at $1 and $5, which is all of them at the
 * price of input. The page of 2026 says the same $37.00 of Opus at $5 and $25, where input alone is $185. */
static void anthropic_tickets(void)
{
    const struct kw_platform *p = at("anthropic");
    struct kw_usage u = tokens(37000000, 0, 0);
    CHECK(total(&u, &(struct kw_tariff){ .platform = p, .api = model(p, "claude-haiku-4.5") }) == 37 * KW_NANO);
    CHECK(total(&u, &(struct kw_tariff){ .platform = p, .api = model(p, "claude-opus-4.5") }) == 185 * KW_NANO);
}

/* huggingface.co/docs/inference-endpoints/support/pricing. Basic: one replica all month at $0.064/h, $46.72 (the table above
 * it says $0.067, which makes $48.91). Advanced: a GPU at $0.50/h, 1 -> 3 replicas for 15 minutes of each hour, $547.50. */
static void hugging_face_examples(void)
{
    const struct kw_platform *p = at("huggingface");
    struct kw_gpu_offer cpu = *sku(p, "aws T4");
    struct kw_life one = { .phase[KW_PHASE_KEEP_WARM] = 730 * H };
    struct kw_tariff t = { .platform = p, .gpu = &cpu };
    struct kw_usage u = lives(p, &one, 1, 1);
    cpu.gpu_hour.v = 64 * KW_NANO / 1000;
    CHECK(total(&u, &t) == 4672 * CENT);
    cpu.gpu_hour.v = 67 * KW_NANO / 1000;
    CHECK(total(&u, &t) == 4891 * CENT);

    struct kw_life spikes[1 + 2 * 730];
    memset(spikes, 0, sizeof spikes);
    spikes[0].phase[KW_PHASE_KEEP_WARM] = 730 * H;
    for (int i = 1; i <= 2 * 730; i++) {
        spikes[i].phase[KW_PHASE_INIT] = 60 * S; /* "initializing" is paid too */
        spikes[i].phase[KW_PHASE_ACTIVE] = 840 * S;
    }
    t.gpu = sku(p, "aws T4");
    u = lives(p, spikes, 1 + 2 * 730, 1);
    CHECK(total(&u, &t) == 54750 * CENT);
    /* The same page's table: an A100 x4 is $10 an hour. */
    t.gpu = sku(p, "aws A100");
    u = lives(p, &one, 1, 4);
    CHECK(total(&u, &t) == 7300 * KW_NANO);
}

/* docs.fal.ai, serverless/pricing: a runner of two A100 for 60 s is 120 GPU-seconds. Here of two H200 at $4.50 an hour. */
static void fal_gpu_seconds(void)
{
    const struct kw_platform *p = at("fal");
    struct kw_life l = { .phase[KW_PHASE_ACTIVE] = 60 * S };
    struct kw_usage u = lives(p, &l, 1, 2);
    CHECK(u.gpu_ns[KW_PHASE_ACTIVE] == 120 * S);
    CHECK(total(&u, &(struct kw_tariff){ .platform = p, .gpu = sku(p, "H200") }) == 15 * CENT);
    struct kw_life start = { .phase[KW_PHASE_PROVISION] = 30 * S, .phase[KW_PHASE_PULL] = 30 * S };
    u = lives(p, &start, 1, 2); /* PENDING and DOCKER_PULL: no */
    CHECK(total(&u, &(struct kw_tariff){ .platform = p, .gpu = sku(p, "H200") }) == 0);
}

/* docs.fireworks.ai, billing and scaling: from 1 to 2 replicas of 2 GPUs each means paying for 4 GPUs in all. At $8 an hour, a
 * replica of one hour is $16 and two are $32; nothing while they start. */
static void fireworks_replicas(void)
{
    const struct kw_platform *p = at("fireworks");
    struct kw_tariff t = { .platform = p, .gpu = sku(p, "NVIDIA_H100_80GB") };
    struct kw_life l[2] = { { .phase[KW_PHASE_LOAD] = 600 * S, .phase[KW_PHASE_ACTIVE] = H },
                            { .phase[KW_PHASE_LOAD] = 600 * S, .phase[KW_PHASE_ACTIVE] = H } };
    struct kw_usage u = lives(p, l, 1, 2);
    CHECK(total(&u, &t) == 16 * KW_NANO);
    u = lives(p, l, 2, 2);
    CHECK(total(&u, &t) == 32 * KW_NANO);
}

/* docs.together.ai, dedicated pricing: three replicas bill three times the rate of one, by the minute, stopped ones nothing. */
static void together_replicas(void)
{
    const struct kw_platform *p = at("together-dedicated");
    struct kw_tariff t = { .platform = p, .gpu = sku(p, "H100") };
    struct kw_life l[3] = { { .phase[KW_PHASE_ACTIVE] = H },
                            { .phase[KW_PHASE_ACTIVE] = H },
                            { .phase[KW_PHASE_ACTIVE] = H } };
    struct kw_usage one = lives(p, l, 1, 1), three = lives(p, l, 3, 1);
    CHECK(total(&one, &t) == 54 * KW_NANO / 10 && total(&three, &t) == 162 * KW_NANO / 10);
    struct kw_usage none = lives(p, l, 0, 1);
    CHECK(total(&none, &t) == 0);
}

/* docs.runpod.io, serverless/pricing: start, execution and idle time, each life rounded up to the second; while it is throttled
 * or pulls its image, nothing. 8.2 s of start, 1.5 s of work and 5 s idle are 15 s of an H100 PRO at $0.00116. */
static void runpod_seconds(void)
{
    const struct kw_platform *p = at("runpod");
    struct kw_life l = { .phase[KW_PHASE_PROVISION] = 100 * S,
                         .phase[KW_PHASE_PULL] = 100 * S,
                         .phase[KW_PHASE_LOAD] = 6200 * KW_NS_PER_MS,
                         .phase[KW_PHASE_INIT] = 2 * S,
                         .phase[KW_PHASE_ACTIVE] = 1500 * KW_NS_PER_MS,
                         .phase[KW_PHASE_IDLE] = 5 * S };
    struct kw_usage u = lives(p, &l, 1, 1);
    CHECK_NEAR((double)total(&u, &(struct kw_tariff){ .platform = p, .gpu = sku(p, "80 GB PRO (H100)") }),
               15 * 0.00116e9, 2);
}

/* aws.amazon.com/bedrock/pricing, Custom Model Import: 2 units for one window of 5 minutes at $0.0785 a unit-minute, $0.785. */
static void bedrock_window(void)
{
    const struct kw_platform *p = at("bedrock-import");
    struct kw_gpu_offer unit = p->gpus[0];
    unit.gpu_hour.v = 60 * 785 * KW_NANO / 10000;
    struct kw_life l = { .gone = 70 * S, .first_success = 65 * S };
    l.phase[KW_PHASE_LOAD] = 60 * S;
    l.phase[KW_PHASE_ACTIVE] = 10 * S;
    struct kw_ledger g = { .lives_n = 1, .lives = &l };
    struct kw_usage u;
    memset(&u, 0, sizeof u);
    CHECK(kw_usage_from_ledger(&u, &g, &p->meter, KW_KIND_SERVERLESS, 2, 0, 730 * H, NULL) == KW_OK);
    CHECK(total(&u, &(struct kw_tariff){ .platform = p, .gpu = &unit }) == 785 * KW_NANO / 1000);
}

int main(void)
{
    struct kw_error err;
    if (kw_platforms_embedded(&all, &err) != KW_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    RUN(anthropic_session);
    RUN(anthropic_tickets);
    RUN(hugging_face_examples);
    RUN(fal_gpu_seconds);
    RUN(fireworks_replicas);
    RUN(together_replicas);
    RUN(runpod_seconds);
    RUN(bedrock_window);
    kw_platforms_free(&all);
    return check_report();
}
