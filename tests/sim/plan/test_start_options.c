/* How replicas start, as a customer may choose it: what a start takes then, and who is refused. */
#include "sim/plan/sweep/start_options.h"
#include <string.h>
#include "sim/fleet/pool/cold_start.h"
#include "tests/check.h"

#define S KW_NS_PER_S

static struct kw_platform platform;
static struct kw_profile profile;
static const struct kw_gpu_offer offer = {
    .gpu = "H100", .sku = "h", .gpus_min = 1, .gpus_max = 8, .gpu_hour = { .known = true, .v = KW_NANO }
};

static struct kw_law constant(double v)
{
    return (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { v } };
}

/* 10 GB at 0.5 GB/s from network storage, 5 GB/s from the node; 3 s of init; a restore takes 4 s; a boot 1 s. */
static struct kw_choice choice(void)
{
    struct kw_choice c;
    struct kw_platform *p = &platform;
    platform = (struct kw_platform){ .kind = KW_KIND_SERVERLESS, .name = "cloud", .can_plan = true };
    p->scaling.max_replicas = 1;
    p->cold.provision = constant(1);
    p->cold.init = constant(3);
    p->cold.restore = constant(4);
    profile = (struct kw_profile){ .gpu = "H100", .precision = "bf16", .tp = 1, .num_blocks = 9, .weight_bytes = 10e9 };
    profile.load_rate = constant(0.5e9);
    profile.cached_load_rate = constant(5e9);
    p->start_options = (struct kw_start_options){ .node_cache = true, .snapshot = true };
    CHECK(kw_choice_gpu(&c, p, &offer, &profile, NULL, NULL) == KW_OK);
    return c;
}

static kw_ns takes(const struct kw_choice *c)
{
    kw_ns took = 0;
    CHECK(!kw_start_varies(&c->cold, &c->scaling));
    CHECK(kw_start_quantile(&c->cold, &c->scaling, 0.5, &took, NULL) == KW_OK);
    return took;
}

static void each_takes_what_its_laws_say(void)
{
    struct kw_choice c = choice();
    CHECK(takes(&c) == (1 + 20 + 3) * S);
    CHECK(kw_choice_weights_from(&c, KW_WEIGHTS_NODE, NULL) == KW_OK && takes(&c) == (1 + 2 + 3) * S);
    CHECK(kw_choice_weights_from(&c, KW_WEIGHTS_NETWORK, NULL) == KW_OK && takes(&c) == (1 + 20 + 3) * S);
    CHECK(kw_choice_snapshot(&c, true, NULL) == KW_OK && takes(&c) == (1 + 4) * S);
    CHECK(kw_choice_snapshot(&c, false, NULL) == KW_OK && takes(&c) == (1 + 20 + 3) * S);
}

/* The platform's own share of starts that find the weights stands until the user says otherwise. */
static void the_platforms_own_law_stands(void)
{
    struct kw_choice c = choice();
    c.cold.cache_hit = 0.25;
    CHECK(kw_choice_weights_from(&c, KW_WEIGHTS_PLATFORM, NULL) == KW_OK && c.cold.cache_hit == 0.25);
}

static void what_is_not_offered_is_refused(void)
{
    struct kw_choice c = choice();
    struct kw_error err;
    struct kw_start_options *o = &platform.start_options;
    o->snapshot_gpus_max = 1;
    c.tp = c.gpus = 2;
    CHECK(kw_choice_snapshot(&c, true, &err) == KW_ERANGE && !c.snapshot && !c.cold.snapshot_probability);
    CHECK_STR(err.msg, "cloud restores snapshots of 1 GPU at the most, not of 2");
    c.cold.cached_load_rate.kind = KW_LAW_NONE;
    CHECK(kw_choice_weights_from(&c, KW_WEIGHTS_NODE, &err) == KW_ERANGE && !c.weights_from && !c.cold.cache_hit);
    CHECK(strstr(err.msg, "state cold_start.cached_load_rate"));
    *o = (struct kw_start_options){ .node_cache = false };
    CHECK(kw_choice_weights_from(&c, KW_WEIGHTS_NODE, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "state cold_start.cache_hit"));
    CHECK(kw_choice_snapshot(&c, true, &err) == KW_ERANGE && strstr(err.msg, "state cold_start.restore"));
    CHECK(kw_choice_snapshot(&c, false, &err) == KW_OK);
}

/* Where the platform says that customers share public models, they have a meter of their own, and a size that is nobody's. */
static void a_public_model_is_the_platforms(void)
{
    struct kw_choice c = choice();
    struct kw_error err;
    CHECK(kw_choice_pooled(&c, 20, &err) == KW_ERANGE && !c.pooled && strstr(err.msg, "of cloud share the replicas"));
    platform.public_models.shared = true;
    CHECK(kw_choice_pooled(&c, -1, &err) == KW_ERANGE && kw_choice_pooled(&c, NAN, &err) == KW_ERANGE && !c.pooled);
    CHECK(kw_choice_meter(&c) == &platform.meter);
    struct kw_deployment d;
    CHECK(kw_choice_pooled(&c, 20, &err) == KW_OK && kw_choice_meter(&c) == &platform.public_models.meter);
    kw_choice_deployment(&c, &d);
    CHECK(d.others_per_hour == 20);
    c.steptime = (const struct kw_steptime *)&c; /* any: it is not looked into */
    CHECK(kw_choice_check(&c, &err) == KW_OK);
    c.scaling.keep_warm = 1;
    CHECK(kw_choice_check(&c, &err) == KW_ERANGE && strstr(err.msg, "want no keep_warm"));
    c.scaling.keep_warm = 0;
    snprintf(c.serves, sizeof c.serves, "tune-1");
    CHECK(kw_choice_check(&c, &err) == KW_ERANGE && strstr(err.msg, "'tune-1' is a fine-tune"));
}

int main(void)
{
    RUN(each_takes_what_its_laws_say);
    RUN(the_platforms_own_law_stands);
    RUN(what_is_not_offered_is_refused);
    RUN(a_public_model_is_the_platforms);
    return check_report();
}
