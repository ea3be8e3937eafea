/* What each shipped platform does, by its own file: what of a start is billed, in what steps, how long the idle tail is,
 * what a request meets at zero, what scales it and what a quota counts; and the examples that providers print. The table
 * "What each platform does" of ARCHITECTURE.md says the same in words; tests/semantics.py holds the two together. */
#include <string.h>
#include "platforms/facts/platforms.h"
#include "sim/cost/usage.h"
#include "tests/check.h"

#define S KW_NS_PER_S

static struct kw_platforms all;

static const struct kw_platform *at(const char *name)
{
    const struct kw_platform *p = kw_platforms_find(&all, name);
    if (!p) printf("no platform %s\n", name);
    CHECK(p != NULL);
    return p;
}

/* Of the platform's meter: a life of these times in seconds, one GPU. */
static struct kw_usage billed(const char *platform, double load, double init, double active, double idle, bool failed)
{
    struct kw_life l = { .born = 7, .first_success = -1, .failed = failed };
    l.phase[failed ? KW_PHASE_FAILED_START : KW_PHASE_LOAD] = (kw_ns)(load * S);
    l.phase[KW_PHASE_INIT] = (kw_ns)(init * S);
    l.phase[KW_PHASE_ACTIVE] = (kw_ns)(active * S);
    l.phase[KW_PHASE_IDLE] = (kw_ns)(idle * S);
    l.gone = l.born;
    for (int i = 0; i < KW_PHASES; i++) l.gone += l.phase[i];
    if (active > 0)
        l.first_success = l.born + l.phase[KW_PHASE_LOAD] + l.phase[KW_PHASE_INIT] + l.phase[KW_PHASE_ACTIVE];
    struct kw_ledger g = { .lives_n = 1, .lives = &l };
    struct kw_usage u;
    memset(&u, 0, sizeof u);
    CHECK(kw_usage_from_ledger(&u, &g, &at(platform)->meter, KW_KIND_SERVERLESS, 1, 0, 864000 * S, NULL) == KW_OK);
    return u;
}

static double paid(struct kw_usage u)
{
    kw_ns sum = u.minimum_gpu_ns + u.rounding_gpu_ns;
    for (int i = 0; i < KW_PHASES; i++) sum += u.gpu_ns[i];
    return (double)sum / S;
}

/* Of provision 1 s, pull 2 s, load 4 s and init 8 s those that the platform bills, added up. */
static void a_start_is_billed_from_where_the_meter_starts(void)
{
    static const struct {
        const char *name;
        int s;
    } start[] = {
        { "modal", 12 },         { "runpod", 12 },    { "baseten", 12 },   { "beam", 12 },
        { "fal", 12 },           { "cloud-run", 12 }, { "replicate", 14 }, { "sagemaker", 14 },
        { "huggingface", 14 },   { "vertex", 15 },    { "fireworks", 0 },  { "together-dedicated", 0 },
        { "bedrock-import", 0 },
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof start / sizeof *start; i++) {
        const struct kw_platform *p = at(start[i].name);
        int s = 0;
        for (int k = 0; k < 4; k++) s += p->meter.bills[KW_PHASE_PROVISION + k] << k;
        if (s != start[i].s) fprintf(stderr, "%s: %d s of a start billed\n", start[i].name, s);
        CHECK(s == start[i].s);
        CHECK(p->meter.bills[KW_PHASE_ACTIVE] && p->meter.bills[KW_PHASE_KEEP_WARM] && p->meter.bills[KW_PHASE_IDLE]);
    }
    for (size_t i = 0; i < all.n; i++) n += all.p[i].kind == KW_KIND_SERVERLESS;
    CHECK(n == sizeof start / sizeof *start);
}

/* RunPod: start, execution and idle time together, rounded up to the next second. Baseten, Together, Hugging Face: whole
 * minutes. Cloud Run: steps of 100 ms. */
static void a_life_is_rounded_up_as_the_platform_says(void)
{
    CHECK_NEAR(paid(billed("runpod", 6.2, 2, 1.5, 5, false)), 15, 1e-9);
    CHECK_NEAR(paid(billed("modal", 0, 2, 1.25, 60, false)), 64, 1e-9);
    CHECK_NEAR(paid(billed("replicate", 0, 2, 1.25, 0, false)), 4, 1e-9);
    CHECK_NEAR(paid(billed("baseten", 30, 29, 1, 0.5, false)), 120, 1e-9);
    CHECK_NEAR(paid(billed("huggingface", 30, 29, 1, 0, false)), 60, 1e-9);
    CHECK_NEAR(paid(billed("together-dedicated", 300, 60, 61, 0, false)), 120, 1e-9);
    CHECK_NEAR(paid(billed("cloud-run", 3, 2, 0.31, 0, false)), 5.4, 1e-9);
    CHECK_NEAR(paid(billed("fireworks", 300, 60, 59.5, 600, false)), 660, 1e-9); /* nothing until it takes requests */
}

/* Bedrock's import: windows of 5 minutes from the first success; 2 CMU for one at $0.05718 a CMU-minute are $0.5718. */
static void an_import_is_billed_in_windows(void)
{
    const struct kw_platform *p = at("bedrock-import");
    CHECK_NEAR(paid(billed("bedrock-import", 60, 0, 10, 0, false)), 300, 1e-9);
    CHECK_NEAR(paid(billed("bedrock-import", 60, 0, 10, 301, false)), 600, 1e-9);
    CHECK_NEAR(2 * 300 * kw_nano_to_double(p->gpus[0].gpu_hour.v) / 3600, 0.5718, 1e-6);
}

static void a_start_that_fails_is_billed_or_not(void)
{
    static const char *const free_of[] = { "runpod",        "baseten", "huggingface", "fireworks", "together-dedicated",
                                           "bedrock-import" };
    for (size_t i = 0; i < sizeof free_of / sizeof *free_of; i++)
        CHECK(paid(billed(free_of[i], 90, 0, 0, 0, true)) == 0);
    CHECK(paid(billed("modal", 90, 0, 0, 0, true)) == 90); /* assumed */
}

static void the_idle_tail_is_as_long_as_the_default(void)
{
    static const struct {
        const char *name;
        int idle, zero;
    } tail[] = {
        { "runpod", 5, 0 },
        { "modal", 60, 0 },
        { "fal", 60, 0 },
        { "beam", 180, 0 },
        { "replicate", 180, 0 },
        { "fireworks", 600, 3600 },
        { "baseten", 900, 0 },
        { "cloud-run", 900, 0 },
        { "huggingface", 300, 3600 },
        { "vertex", 300, 3600 },
        { "sagemaker", 1200, 0 },
        { "bedrock-import", 300, 0 },
        { "together-dedicated", 300, 0 },
    };
    for (size_t i = 0; i < sizeof tail / sizeof *tail; i++) {
        const struct kw_autoscaling *s = &at(tail[i].name)->scaling;
        CHECK(s->idle_timeout == tail[i].idle * S);
        CHECK(!tail[i].zero || s->zero_timeout == tail[i].zero * S);
        CHECK(paid(billed(tail[i].name, 0, 0, 60, 240, false)) >= 300); /* and it is billed */
    }
}

static void at_zero_each_answers_as_it_says(void)
{
    static const struct {
        const char *name;
        enum kw_at_zero answer;
        int code;
    } zero[] = {
        { "modal", KW_ZERO_QUEUE, 0 },
        { "fal", KW_ZERO_QUEUE, 0 },
        { "beam", KW_ZERO_QUEUE, 0 },
        { "runpod", KW_ZERO_QUEUE, 0 },
        { "replicate", KW_ZERO_QUEUE, 0 },
        { "baseten", KW_ZERO_QUEUE, 0 },
        { "cloud-run", KW_ZERO_QUEUE, 0 },
        { "fireworks", KW_ZERO_REJECT_AND_START, 503 },
        { "huggingface", KW_ZERO_REJECT_AND_START, 503 },
        { "vertex", KW_ZERO_REJECT_AND_START, 429 },
        { "sagemaker", KW_ZERO_REJECT_AND_START, 503 },
        { "bedrock-import", KW_ZERO_REJECT_AND_START, 429 },
        { "together-dedicated", KW_ZERO_STOPPED, 0 },
    };
    for (size_t i = 0; i < sizeof zero / sizeof *zero; i++) {
        const struct kw_autoscaling *s = &at(zero[i].name)->scaling;
        CHECK(s->at_zero == zero[i].answer);
        CHECK(!zero[i].code || s->reject_code == zero[i].code);
    }
}

static void each_is_scaled_by_its_own_signal(void)
{
    static const struct {
        const char *name;
        enum kw_scaler scaler;
    } by[] = {
        { "modal", KW_SCALER_CAPACITY },
        { "fal", KW_SCALER_CAPACITY },
        { "beam", KW_SCALER_REQUEST_COUNT },
        { "bedrock-import", KW_SCALER_CAPACITY },
        { "runpod", KW_SCALER_QUEUE_DELAY },
        { "replicate", KW_SCALER_QUEUE },
        { "fireworks", KW_SCALER_LOAD_TARGET },
        { "vertex", KW_SCALER_LOAD_TARGET },
        { "baseten", KW_SCALER_CONCURRENCY },
        { "huggingface", KW_SCALER_CONCURRENCY },
        { "sagemaker", KW_SCALER_CONCURRENCY },
        { "cloud-run", KW_SCALER_CONCURRENCY },
        { "together-dedicated", KW_SCALER_CONCURRENCY },
    };
    for (size_t i = 0; i < sizeof by / sizeof *by; i++) CHECK(at(by[i].name)->scaling.scaler == by[i].scaler);
    for (size_t i = 0; i < all.n; i++)
        if (all.p[i].kind == KW_KIND_DEDICATED) CHECK(all.p[i].scaling.scaler == KW_SCALER_FIXED);
}

static void each_quota_counts_by_its_own_rule(void)
{
    static const struct {
        const char *name;
        enum kw_count_rule rule;
    } by[] = {
        { "openai", KW_COUNT_MAX_OF_MAX_TOKENS_AND_ESTIMATE },
        { "anthropic", KW_COUNT_ESTIMATE_THEN_SETTLE },
        { "bedrock", KW_COUNT_RESERVE_THEN_REFUND },
        { "gemini", KW_COUNT_ACTUAL },
        { "groq", KW_COUNT_ACTUAL },
        { "together-api", KW_COUNT_ACTUAL },
        { "fireworks-api", KW_COUNT_ACTUAL },
        { "vertex-api", KW_COUNT_ACTUAL },
        { "azure-openai", KW_COUNT_RESERVE_MAX_TOKENS },
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
        const struct kw_platform *p = at(by[i].name);
        CHECK(p->n_tiers > 0);
        for (size_t k = 0; k < p->n_tiers; k++) CHECK(p->tiers[k].rule == by[i].rule);
    }
    for (size_t i = 0; i < all.n; i++) n += all.p[i].kind == KW_KIND_API;
    CHECK(n == sizeof by / sizeof *by);
}

int main(void)
{
    struct kw_error err;
    CHECK(kw_platforms_embedded(&all, &err) == KW_OK);
    RUN(a_start_is_billed_from_where_the_meter_starts);
    RUN(a_life_is_rounded_up_as_the_platform_says);
    RUN(an_import_is_billed_in_windows);
    RUN(a_start_that_fails_is_billed_or_not);
    RUN(the_idle_tail_is_as_long_as_the_default);
    RUN(at_zero_each_answers_as_it_says);
    RUN(each_is_scaled_by_its_own_signal);
    RUN(each_quota_counts_by_its_own_rule);
    kw_platforms_free(&all);
    return check_report();
}
