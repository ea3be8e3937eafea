/* tests/sim/plan/fakeplan.h - made-up platforms, profiles and candidates for tests that use
 * tests/sim/fleet/fakefleet.h. */
#ifndef KW_TESTS_SIM_PLAN_FAKEPLAN_H
#define KW_TESTS_SIM_PLAN_FAKEPLAN_H
#include "sim/core/rng.h"
#include "sim/plan/plan.h"
#include "tests/check.h"
#include "tests/sim/fleet/fakefleet.h"

#define FAKE_PLATFORMS 9
static struct kw_platform fake_platform[FAKE_PLATFORMS]; /* 0..2 serverless, 3..5 dedicated, 6..8 api */
static struct kw_gpu_offer fake_gpu[FAKE_PLATFORMS];
static struct kw_api_offer fake_api[FAKE_PLATFORMS];
static struct kw_profile fake_profile;
static const struct kw_steptime *fake_steptime = (const struct kw_steptime *)&fake_profile; /* never looked into */
static double fake_x[1] = { 1 }, fake_y[1] = { 1e-3 };
static struct kw_curve fake_rows[1] = { { 1, fake_x, fake_y } };
static kw_ns fake_arrival[3] = { 0, 1000, 2000 };
static uint32_t fake_tokens[3] = { 10, 20, 30 };
static struct kw_trace fake_trace = { .n = 3,
                                      .arrival = fake_arrival,
                                      .prompt = fake_tokens,
                                      .output = fake_tokens,
                                      .span = 7 * 24 * KW_NS_PER_HOUR,
                                      .epoch_unix = INT64_MIN };

static struct kw_price fake_price(kw_nusd v)
{
    return (struct kw_price){ .known = true, .v = v };
}

/* Prices of $1 an hour and $1 a million tokens; the test changes what it wants. */
static void fake_world(void)
{
    memset(fake_platform, 0, sizeof fake_platform);
    memset(fake_gpu, 0, sizeof fake_gpu);
    memset(fake_api, 0, sizeof fake_api);
    memset(&fake_profile, 0, sizeof fake_profile);
    snprintf(fake_profile.gpu, sizeof fake_profile.gpu, "H100");
    snprintf(fake_profile.precision, sizeof fake_profile.precision, "bf16");
    snprintf(fake_profile.model, sizeof fake_profile.model, "m");
    fake_profile.tp = 1;
    fake_profile.tables =
        (struct kw_step_tables){ .fixed_s = 1e-3, .n_decode_rows = 1, .decode_batch = fake_x, .decode = fake_rows };
    fake_profile.tables.dense = fake_profile.tables.head = fake_profile.tables.prefill_attn = fake_profile.tables.comm =
        fake_rows[0];
    fake_profile.num_blocks = 1000;
    fake_profile.block_size = 16;
    fake_profile.max_num_seqs = 8;
    fake_profile.max_num_batched_tokens = 64;
    fake_profile.max_model_len = 8192;
    for (int i = 0; i < FAKE_PLATFORMS; i++) {
        struct kw_platform *p = &fake_platform[i];
        p->balance = KW_BALANCE_LEAST_OUTSTANDING;
        p->balance_grade = KW_GRADE_ESTIMATED;
        p->kind = i < 3 ? KW_KIND_SERVERLESS : i < 6 ? KW_KIND_DEDICATED : KW_KIND_API;
        snprintf(p->name, sizeof p->name, "%s%d", kw_term_name[0], i);
        p->can_plan = true;
        p->meter = (struct kw_meter){ .granularity = KW_NS_PER_S, .multiplier_ppm = 1000000 };
        p->meter.bills[KW_PHASE_ACTIVE] = p->meter.bills[KW_PHASE_KEEP_WARM] = p->meter.bills[KW_PHASE_IDLE] = true;
        p->scaling = (struct kw_autoscaling){ .scaler = KW_SCALER_CAPACITY,
                                              .max_replicas = 8,
                                              .idle_timeout = 60 * KW_NS_PER_S,
                                              .zero_timeout = 60 * KW_NS_PER_S };
        snprintf(p->word_idle_timeout, sizeof p->word_idle_timeout, "patience");
        p->gpus = &fake_gpu[i];
        p->apis = &fake_api[i];
        p->n_gpus = p->kind != KW_KIND_API;
        p->n_apis = p->kind == KW_KIND_API;
        fake_gpu[i] = (struct kw_gpu_offer){
            .gpu = "H100", .sku = "h", .gpus_min = 1, .gpus_max = 8, .gpu_hour = fake_price(KW_NANO)
        };
        fake_api[i] = (struct kw_api_offer){ .model = "m",
                                             .price.in_mtok = fake_price(KW_NANO),
                                             .price.out_mtok = fake_price(KW_NANO) };
        fake_api[i].ttft_s.kind = fake_api[i].output_rate.kind = KW_LAW_CONSTANT;
    }
}

/* One candidate on platform i. ttft: of one replica in ns; extra: billed life beside kept replicas; failed per mille.
 */
static void fake_candidate(struct kw_candidate *to, int i, kw_ns ttft, kw_ns extra, uint32_t replicas, uint64_t failed)
{
    struct kw_choice c;
    struct kw_error err = { "" };
    kw_candidate_init(to);
    if (fake_platform[i].kind == KW_KIND_API) {
        CHECK(kw_choice_api(&c, &fake_platform[i], &fake_api[i], &err) == KW_OK);
    } else {
        CHECK(kw_choice_gpu(&c, &fake_platform[i], &fake_gpu[i], &fake_profile, fake_steptime, &err) == KW_OK);
        if (fake_platform[i].kind == KW_KIND_DEDICATED)
            kw_choice_replicas(&c, replicas);
        else
            kw_choice_idle_timeout(&c, extra);
        c.scaling.keep_warm = replicas;
        c.scaling.queue_limit = failed;
    }
    CHECK_STR(err.msg, "");
    c.network_rtt = ttft;
    CHECK(kw_candidate_add(to, &c, NULL) == KW_OK);
}
#endif
