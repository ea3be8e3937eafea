/* Every billing rule of PLATFORMS.md 2, 4 and 5, by the shipped files: the example that the provider prints of its own bill, to
 * the cent that the page has, and where the page contradicts itself both figures; where it prints none, the rule's sentence
 * with the file's price, by hand. Where the price of the example is not the file's, the example's stands in it.
 *
 *     2  OpenAI: cached 50 or 90 % off, reasoning is output, batch, flex, priority      openai_tiers
 *        Anthropic: write 1.25, read 0.1, batch, batch * cache, > 200k, US 1.1          anthropic_*
 *        Bedrock: batch half price, read 90 % off, no charge across regions             bedrock_tokens
 *        Vertex, Gemini: > 200k, batch, cache and batch do not stack                    gemini_tokens
 *        Together, Fireworks, Groq: batch, cached input                                 open_model_apis
 *        LoRA at the price of its base                                                  sim/cli/test_lora.sh
 *        sign-up credits                                                                sim/cost/test_bill one_off_credits_*
 *     4  Bedrock: model units by the hour, used or not; import: windows                 bedrock_units, bedrock_window
 *        GSU: fixed fee, terms, sizes                                                   sim/cost/test_provisioned
 *        PTU: hours, reservations and what exceeds them                                 azure_hours_and_reservation
 *        PTU: sizes, spill-over                                                         sim/cost/test_provisioned
 *     5  Replicate deployment, Modal, RunPod, Fireworks, Together, Baseten, Hugging
 *        Face, Vertex, SageMaker, Cloud Run, fal, Beam                                  the functions of their names
 *        Modal: CPU, memory, region, non-preemptible; Cloud Run: vCPU, memory           modal_region, cloud_run_steps
 *        where each meter starts, failed starts                                         test_semantics
 *        bytes sent out                                                                 sim/cost/test_bill what_is_sent_out
 *
 * Not billed by keepwarm, so without a test: Anthropic's 1 h cache writes at twice the input and Priority Tier; Bedrock's
 * Flex, Priority and Reserved tiers; Vertex's Priority and Flex; Scale Tier; Modal's shared endpoints; storage (of imported
 * models, RunPod's disks and volumes); Modal's egress; Baseten's image builds; fal's free 5xx answers; Replicate's public
 * models and fast-booting fine-tunes; Vast; Groq's flex, which costs what on demand does. An H100
 * of Modal that is upgraded costs what the H100 does. */
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

/* Of it, what was used: a month's credit does not count. */
static kw_nusd used(const struct kw_usage *u, const struct kw_tariff *t)
{
    struct kw_bill b;
    CHECK(kw_bills(&b, u, t, 1, true, NULL) == KW_OK);
    return b.total - b.item[KW_ITEM_CREDIT];
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

/* platform.claude.com/docs, pricing, 10,000 tickets of 3,700 tokens: "$37.00" for Haiku at $1 and $5, which is all of them at
 * the price of input. The page of 2026 says the same $37.00 of Opus at $5 and $25, where input alone is $185. */
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
    struct kw_life all_states = { .phase[KW_PHASE_PROVISION] = 30 * S,
                                  .phase[KW_PHASE_PULL] = 30 * S,
                                  .phase[KW_PHASE_LOAD] = 20 * S,
                                  .phase[KW_PHASE_INIT] = 10 * S,
                                  .phase[KW_PHASE_ACTIVE] = 15 * S,
                                  .phase[KW_PHASE_IDLE] = 10 * S,
                                  .phase[KW_PHASE_DRAIN] = 5 * S };
    u = lives(p, &all_states, 1, 2); /* SETUP, RUNNING, IDLE and DRAINING: 60 s */
    CHECK(total(&u, &(struct kw_tariff){ .platform = p, .gpu = sku(p, "H200") }) == 15 * CENT);
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

/* docs.together.ai, dedicated pricing: three replicas bill three times the rate of one, by the minute, stopped ones nothing.
 * docs.together.ai, inference/pricing: nor do provisioning, queues and deployments that fail. */
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
    struct kw_life start[2] = {
        { .phase[KW_PHASE_PROVISION] = 60 * S, .phase[KW_PHASE_PULL] = 60 * S, .phase[KW_PHASE_LOAD] = 60 * S },
        { .failed = true, .phase[KW_PHASE_FAILED_START] = 300 * S }
    };
    none = lives(p, start, 2, 1);
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

/* developers.openai.com, pricing, flex, batch: 600k tokens in, 400k cached and 100k out, of which the 80k of reasoning are
 * output like the others. gpt-5 at $1.25, $0.125, $10: 0.75 + 0.05 + 1. Flex and batch are half of it, priority twice. */
static void openai_tiers(void)
{
    const struct kw_platform *p = at("openai");
    struct kw_tariff t = { .platform = p, .api = model(p, "gpt-5") };
    const struct kw_usage u = tokens(600000, 400000, 20000 + 80000), cached = tokens(0, 1000000, 0);
    CHECK(total(&u, &t) == 180 * CENT);
    t.term = KW_TERM_FLEX;
    CHECK(total(&u, &t) == 90 * CENT);
    t.term = KW_TERM_BATCH;
    CHECK(total(&u, &t) == 90 * CENT);
    t.term = KW_TERM_PRIORITY;
    CHECK(total(&u, &t) == 360 * CENT);
    CHECK(total(&cached, &(struct kw_tariff){ .platform = p, .api = model(p, "gpt-4o") }) == 125 * CENT); /* of $2.50 */
}

/* platform.claude.com/docs, pricing: on the $3 of Sonnet 4.5 a write of 5 minutes is 1.25 times as much, a read a tenth; by the
 * batch half of each; a prompt above 200k $6 and $22.50. Inference in the US is 1.1 times the price of Sonnet 5, $2 and $10. */
static void anthropic_multipliers(void)
{
    const struct kw_platform *p = at("anthropic");
    struct kw_tariff t = { .platform = p, .api = model(p, "claude-sonnet-4.5") };
    struct kw_usage u = tokens(1000000, 1000000, 1000000);
    u.tokens_cache_write = 1000000;
    u.long_prompt = 200000;
    CHECK(total(&u, &t) == 2205 * CENT); /* 3 + 0.30 + 3.75 + 15 */
    t.term = KW_TERM_BATCH;
    CHECK(total(&u, &t) == 11025 * KW_NANO / 1000);
    t.term = KW_TERM_ON_DEMAND;
    u = tokens(250000, 0, 1000);
    u.long_prompt = 200000;
    u.long_in = 250000;
    u.long_out = 1000;
    CHECK(total(&u, &t) == 15225 * KW_NANO / 10000);
    u = tokens(1000000, 0, 1000000);
    t.api = kw_region_api(p, kw_platform_region(p, "us"), model(p, "claude-sonnet-5"));
    CHECK(t.api && total(&u, &t) == 1320 * CENT);
}

/* docs.aws.amazon.com/bedrock: 2,000 tokens in and 1,000 out of Llama 3.1 70B at $0.72 and $0.72, half by the batch; Sonnet 4.5
 * reads the cache at a tenth of $3. The profile across regions ("global.") costs what the model itself does. */
static void bedrock_tokens(void)
{
    const struct kw_platform *p = at("bedrock");
    struct kw_tariff t = { .platform = p, .api = model(p, "llama-3.1-70b") };
    struct kw_usage u = tokens(2000, 0, 1000);
    CHECK(total(&u, &t) == 2160000);
    t.term = KW_TERM_BATCH;
    CHECK(total(&u, &t) == 1080000);
    u = tokens(1000000, 1000000, 0);
    CHECK(total(&u, &(struct kw_tariff){ .platform = p, .api = model(p, "claude-sonnet-4.5") }) == 330 * CENT);
}

/* ai.google.dev and Vertex, pricing of 2.5 Pro: a prompt of 150k at $1.25 and $10, one of 300k at $2.50 and $15, answers of 2k:
 * 0.1875 + 0.02 + 0.75 + 0.03; half by the batch. Of 2.5 Flash by the batch (docs.cloud.google.com, batch inference) input and
 * output are half of $0.30 and $2.50, a cached token stays at $0.03: the discounts do not stack. */
static void gemini_tokens(void)
{
    static const char *const seller[] = { "gemini", "vertex-api" };
    for (int i = 0; i < 2; i++) {
        const struct kw_platform *p = at(seller[i]);
        struct kw_tariff t = { .platform = p, .api = model(p, "gemini-2.5-pro") };
        struct kw_usage u = tokens(450000, 0, 4000);
        u.long_prompt = 200000;
        u.long_in = 300000;
        u.long_out = 2000;
        CHECK(total(&u, &t) == 9875 * KW_NANO / 10000);
        t.term = KW_TERM_BATCH;
        CHECK(total(&u, &t) == 49375 * KW_NANO / 100000);
        t.api = model(p, "gemini-2.5-flash");
        u = tokens(1000000, 1000000, 1000000);
        CHECK(total(&u, &t) == 15 * CENT + 3 * CENT + 125 * CENT);
    }
}

/* docs.together.ai, docs.fireworks.ai, groq.com, pricing: 1e6 tokens in, cached and out, on demand and by the batch at half
 * price. Of a batch Fireworks halves cached tokens, too; Groq does not say, so there they cost what input does. */
static void open_model_apis(void)
{
    static const struct {
        const char *seller, *model;
        int64_t cached;
        kw_nusd on_demand, batch;
    } row[] = {
        { "together-api", "llama-3.1-70b", 0, 1760000000, 880000000 },            /* 0.88 + 0.88 */
        { "fireworks-api", "llama-3.1-70b", 0, 1800000000, 900000000 },           /* 0.90 + 0.90 */
        { "fireworks-api", "gpt-oss-120b", 1000000, 765000000, 382500000 },       /* 0.15 + 0.015 + 0.60 */
        { "groq", "llama-3.3-70b", 0, 1380000000, 690000000 },                    /* 0.59 + 0.79 */
        { "groq", "gpt-oss-120b", 1000000, 825000000, 75000000 * 2 + 300000000 }, /* 0.15 + 0.075 + 0.60 */
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const struct kw_platform *p = at(row[i].seller);
        struct kw_tariff t = { .platform = p, .api = model(p, row[i].model) };
        const struct kw_usage u = tokens(1000000, row[i].cached, 1000000);
        CHECK(total(&u, &t) == row[i].on_demand);
        t.term = KW_TERM_BATCH;
        CHECK(total(&u, &t) == row[i].batch);
    }
}

/* Bedrock: docs.umbrellacost.io has one model unit, committed for a month, at $39.60 an hour (the file has no price). 24 hours
 * of 31 days, by hand, are $29,462.40, whether or not a token comes. */
static void bedrock_units(void)
{
    const struct kw_platform *p = at("bedrock");
    struct kw_usage u = { .kind = KW_KIND_API, .window = H, .month = 24 * 31 * H, .units = 1 };
    struct kw_tariff t = { .platform = p, .api = model(p, "llama-3.1-70b"), .term = KW_TERM_PROVISIONED };
    t.unit = (struct kw_unit_price){ .known = true, .v = 3960 * CENT, .per = KW_COMMIT_HOUR };
    CHECK(total(&u, &t) == 2946240 * CENT);
}

/* learn.microsoft.com, provisioned throughput onboarding: 300 PTU cost 300 times the hourly rate, for 15 minutes of an hour a
 * quarter of it; deployments of 250 PTU in the scope of a reservation of 200 pay 50 by the hour. At $1 an hour and $260 a
 * month: 300, 75; 52,000 + 36,500. */
static void azure_hours_and_reservation(void)
{
    const struct kw_platform *p = at("azure-openai");
    const struct kw_api_offer *o = model(p, "gpt-5.2");
    const struct kw_usage u[2] = { { .kind = KW_KIND_API, .window = 730 * H, .units = 200 },
                                   { .kind = KW_KIND_API, .window = 730 * H, .units = 50 } };
    struct kw_tariff t[2] = { { .platform = p, .api = o, .term = KW_TERM_PROVISIONED },
                              { .platform = p, .api = o, .term = KW_TERM_PROVISIONED } };
    struct kw_bill b[2];
    t[0].unit = o->provisioned.price[KW_COMMIT_MONTH];
    t[1].unit = o->provisioned.price[KW_COMMIT_HOUR];
    CHECK(kw_bills(b, u, t, 2, true, NULL) == KW_OK);
    CHECK(b[0].total == 52000 * KW_NANO && b[1].total == 36500 * KW_NANO);
    struct kw_usage hour = { .kind = KW_KIND_API, .window = H, .units = 300 };
    CHECK(kw_bills(b, &hour, &t[1], 1, false, NULL) == KW_OK && b[0].total == 300 * KW_NANO);
    hour.window = 15 * 60 * S;
    CHECK(kw_bills(b, &hour, &t[1], 1, false, NULL) == KW_OK && b[0].total == 75 * KW_NANO);
}

/* replicate.com/docs/billing, deployments: setup (with the image), active and idle time. 60 s + 5.2 s + 60 s are 126 s of a T4
 * at $0.000225. */
static void replicate_setup_and_idle(void)
{
    const struct kw_platform *p = at("replicate");
    struct kw_life l = { .phase[KW_PHASE_PULL] = 20 * S,
                         .phase[KW_PHASE_LOAD] = 30 * S,
                         .phase[KW_PHASE_INIT] = 10 * S,
                         .phase[KW_PHASE_ACTIVE] = 5200 * KW_NS_PER_MS,
                         .phase[KW_PHASE_IDLE] = 60 * S };
    struct kw_usage u = lives(p, &l, 1, 1);
    CHECK(used(&u, &(struct kw_tariff){ .platform = p, .gpu = sku(p, "gpu-t4") }) == 28350000);
}

/* modal.com/docs/guide/region-selection: a T4, a core and 1 GB in us-west for an hour are (T4 + core + GB) * 1.75; at
 * $0.000164, $0.0000131 and $0.00000222 a second $0.645552 * 1.75. A broad region is 1.15 times by the price page (1.5 by the
 * guide), a container that cannot be preempted 3 times, and both multiply. */
static void modal_region(void)
{
    struct kw_platform p = *at("modal");
    struct kw_life l = { .phase[KW_PHASE_ACTIVE] = 1200 * S, .phase[KW_PHASE_IDLE] = 2400 * S };
    const struct kw_usage u = lives(&p, &l, 1, 1);
    struct kw_gpu_offer t4 = *kw_region_gpu(&p, kw_platform_region(&p, "us-west"), sku(&p, "T4"));
    struct kw_tariff t = { .platform = &p, .gpu = &t4 };
    t4.cpu_cores = t4.memory_gib = 1;
    CHECK(used(&u, &t) == 1129716000);
    p.meter.multiplier_ppm = 3000000;
    CHECK(used(&u, &t) == 3 * 1129716000LL);
    p.meter.multiplier_ppm = 1000000;
    t4.region_surcharge_ppm = kw_region_gpu(&p, kw_platform_region(&p, "us"), sku(&p, "T4"))->region_surcharge_ppm;
    CHECK(used(&u, &t) == 742384800);
}

/* docs.baseten.co/organization/billing: minutes in which a replica is up, from its load on; neither its placement nor its
 * drain. 995 s are 17 minutes of a T4 at $0.63 an hour. A start that fails is free. */
static void baseten_minutes(void)
{
    const struct kw_platform *p = at("baseten");
    struct kw_tariff t = { .platform = p, .gpu = sku(p, "T4 4 vCPU 16 GB") };
    struct kw_life l = { .phase[KW_PHASE_PROVISION] = 100 * S,
                         .phase[KW_PHASE_PULL] = 100 * S,
                         .phase[KW_PHASE_LOAD] = 45 * S,
                         .phase[KW_PHASE_INIT] = 20 * S,
                         .phase[KW_PHASE_ACTIVE] = 30 * S,
                         .phase[KW_PHASE_IDLE] = 900 * S,
                         .phase[KW_PHASE_DRAIN] = 100 * S };
    struct kw_usage u = lives(p, &l, 1, 1);
    CHECK(used(&u, &t) == 178500000);
    struct kw_life failed = { .failed = true, .phase[KW_PHASE_FAILED_START] = 400 * S };
    u = lives(p, &failed, 1, 1);
    CHECK(used(&u, &t) == 0);
}

/* Nodes and instances by the time that they are there: Vertex from its order on (assumed), SageMaker once there is an instance.
 * An hour of each, idle or not: g2-standard-4 at $0.81, ml.g6.xlarge at $1.127; at zero nothing. */
static void vertex_and_sagemaker_hours(void)
{
    const struct kw_platform *v = at("vertex"), *m = at("sagemaker");
    struct kw_life l = { .phase[KW_PHASE_PROVISION] = 165 * S,
                         .phase[KW_PHASE_PULL] = 300 * S,
                         .phase[KW_PHASE_LOAD] = 137 * S,
                         .phase[KW_PHASE_ACTIVE] = 963 * S,
                         .phase[KW_PHASE_IDLE] = 2200 * S };
    const struct kw_tariff of_m = { .platform = m, .gpu = sku(m, "ml.g6.xlarge") },
                           of_v = { .platform = v, .gpu = sku(v, "g2-standard-4") };
    struct kw_usage u = lives(m, &l, 1, 1), none = lives(v, &l, 0, 1);
    CHECK(used(&u, &of_m) == 1127 * KW_NANO / 1000);
    l.phase[KW_PHASE_IDLE] -= 165 * S;
    u = lives(v, &l, 1, 1);
    CHECK(used(&u, &of_v) == 81 * CENT && used(&none, &of_v) == 0);
}

/* cloud.google.com/run/pricing: the instance from its start to its end, in steps of 100 ms, with its CPU and memory. 625.55 s
 * are 625.6 s of an L4 at $0.0001867, 4 vCPU at $0.000018 and 16 GiB at $0.000002: $0.0002907 a second. */
static void cloud_run_steps(void)
{
    const struct kw_platform *p = at("cloud-run");
    struct kw_life l = { .phase[KW_PHASE_PROVISION] = 5 * S,
                         .phase[KW_PHASE_LOAD] = 12340 * KW_NS_PER_MS,
                         .phase[KW_PHASE_ACTIVE] = 3210 * KW_NS_PER_MS,
                         .phase[KW_PHASE_IDLE] = 600 * S,
                         .phase[KW_PHASE_DRAIN] = 10 * S };
    struct kw_usage u = lives(p, &l, 1, 1);
    CHECK(used(&u, &(struct kw_tariff){ .platform = p, .gpu = sku(p, "nvidia-l4") }) == 181861920);
}

/* docs.beam.cloud/v2/resources/pricing-and-billing: a REST API with keep_warm_seconds=300. Waiting for a machine and pulling
 * are free; on_start, the code and the 300 s are paid: here 10 + 5 + 300 s of an RTX4090 at $0.000192, 4 cores at $0.0000528
 * and 16 GiB at $0.0000056: $0.0004928 a second. */
static void beam_keep_warm(void)
{
    const struct kw_platform *p = at("beam");
    struct kw_life l = { .phase[KW_PHASE_PROVISION] = 30 * S,
                         .phase[KW_PHASE_PULL] = 20 * S,
                         .phase[KW_PHASE_LOAD] = 10 * S,
                         .phase[KW_PHASE_ACTIVE] = 5 * S,
                         .phase[KW_PHASE_IDLE] = 300 * S };
    struct kw_usage u = lives(p, &l, 1, 1);
    CHECK(used(&u, &(struct kw_tariff){ .platform = p, .gpu = sku(p, "RTX4090") }) == 155232000);
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
    RUN(openai_tiers);
    RUN(anthropic_multipliers);
    RUN(bedrock_tokens);
    RUN(gemini_tokens);
    RUN(open_model_apis);
    RUN(bedrock_units);
    RUN(azure_hours_and_reservation);
    RUN(replicate_setup_and_idle);
    RUN(modal_region);
    RUN(baseten_minutes);
    RUN(vertex_and_sagemaker_hours);
    RUN(cloud_run_steps);
    RUN(beam_keep_warm);
    kw_platforms_free(&all);
    return check_report();
}
