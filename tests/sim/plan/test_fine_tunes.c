/* A choice that serves LoRA adapters: what its slots take from the KV cache, its defaults and what it refuses. */
#include <math.h>
#include <string.h>
#include "platforms/facts/platforms.h"
#include "sim/plan/sweep/fine_tunes.h"
#include "sim/plan/sweep/steptimes.h"
#include "tests/check.h"

static struct kw_platforms platforms;
static struct kw_profiles profiles;
static struct kw_steptimes steptimes;
static struct kw_fine_tunes tunes; /* of four models: the base, ranks 4 and 16, and one of another base */

static struct kw_choice choice(uint32_t tp)
{
    struct kw_choice c;
    struct kw_error err = { "" };
    const struct kw_platform *p = kw_platforms_find(&platforms, "runpod");
    const struct kw_profile *prof = kw_profiles_find(&profiles, "H100", "llama-3.1-8b", "fp8", tp);
    const struct kw_steptime *st = NULL;
    const struct kw_gpu_offer *o = p->gpus;
    while (strcmp(o->gpu, "H100")) o++;
    CHECK(prof && kw_steptimes_get(&steptimes, prof, 0, 0, &st, &err) == KW_OK);
    CHECK(kw_choice_gpu(&c, p, o, prof, st, &err) == KW_OK);
    CHECK_STR(err.msg, "");
    return c;
}

static void defaults_are_vllms(void)
{
    struct kw_choice c = choice(1);
    struct kw_lora_ask ask;
    struct kw_error err = { "" };
    kw_lora_ask_init(&ask);
    CHECK(kw_choice_adapters(&c, &tunes, &ask, &err) == KW_OK);
    CHECK(c.sched.max_loras == 1 && c.lora.max_cpu_loras == 1 && c.max_lora_rank == 16);
    CHECK(c.lora.adapters == &tunes.view && c.lora.fetch_rate.kind != KW_LAW_NONE &&
          c.lora.fetch_s.kind == KW_LAW_NONE);
    CHECK(c.lora.overhead == 0.092 && c.lora.overhead_most == 0.314 && c.lora_grade >= KW_GRADE_ESTIMATED);
    CHECK(kw_fine_tunes_of(&tunes, "llama-3.1-8b") == 2 && kw_fine_tunes_of(&tunes, "llama-3.1-70b") == 1);
}

/* 2 x 8 KV heads x 128 x 32 layers, 2 bytes each with fp8 weights too, are 131,072 bytes a token. A slot of rank 16
 * takes 92,356,608 bytes (tests/calibrate/test_lora.c has the sum). */
static void slots_take_blocks(void)
{
    struct kw_error err = { "" };
    for (uint32_t n = 1; n <= 8; n *= 2) {
        struct kw_choice c = choice(1);
        struct kw_lora_ask ask;
        kw_lora_ask_init(&ask);
        ask.max_loras = n;
        uint32_t before = c.sched.num_blocks, block = c.sched.block_size * 131072;
        double slot = 2.0 * 32 * 16 * (2 * 8192 + 2 * 5120 + 3 * 18432) + 2.0 * 16 * 2 * (128256 + 4096);
        CHECK(kw_choice_adapters(&c, &tunes, &ask, &err) == KW_OK);
        CHECK(before - c.sched.num_blocks == (uint32_t)ceil(n * slot / block));
        CHECK(c.profile->num_blocks == before && c.lora.max_cpu_loras == n);
    }
    struct kw_choice c = choice(1);
    struct kw_lora_ask ask;
    kw_lora_ask_init(&ask);
    c.sched.num_blocks = 77; /* stated: what is left beside the slots */
    CHECK(kw_choice_adapters(&c, &tunes, &ask, &err) == KW_OK && c.sched.num_blocks == 77);
}

static void refused(struct kw_lora_ask ask, const char *want)
{
    struct kw_choice c = choice(1);
    struct kw_error err = { "" };
    CHECK(kw_choice_adapters(&c, &tunes, &ask, &err) == KW_ERANGE);
    CHECK_STR(err.msg, want);
}

static void what_does_not_go_together(void)
{
    struct kw_lora_ask ask;
    kw_lora_ask_init(&ask);
    ask.max_lora_rank = 8;
    refused(ask, "max_lora_rank is 8, and adapter 'large' has rank 16");
    kw_lora_ask_init(&ask);
    ask.max_loras = 4;
    ask.max_cpu_loras = 3;
    refused(ask, "max_cpu_loras (3) must be >= max_loras (4)");
    kw_lora_ask_init(&ask);
    ask.max_lora_rank = 512;
    ask.max_loras = 100;
    struct kw_choice c = choice(1);
    struct kw_error err = { "" };
    uint32_t before = c.sched.num_blocks;
    CHECK(kw_choice_adapters(&c, &tunes, &ask, &err) == KW_ERANGE && c.sched.num_blocks == before);
    CHECK(strstr(err.msg, "100 slots of rank 512 take 295.5 GB of each GPU, more than the ") == err.msg);
}

int main(void)
{
    struct kw_error err = { "" };
    CHECK(kw_platforms_embedded(&platforms, &err) == KW_OK && kw_profiles_embedded(&profiles, &err) == KW_OK);
    kw_steptimes_init(&steptimes);
    CHECK(kw_fine_tunes_init(&tunes, 4, &err) == KW_OK);
    const struct kw_model_shape *small = kw_model_find("llama-3.1-8b"), *other = kw_model_find("llama-3.1-70b");
    kw_fine_tunes_add(&tunes, 1, &(struct kw_fine_tune){ "little", small, 4, KW_LORA_ALL });
    kw_fine_tunes_add(&tunes, 2, &(struct kw_fine_tune){ "large", small, 16, KW_LORA_ALL });
    kw_fine_tunes_add(&tunes, 3, &(struct kw_fine_tune){ "other", other, 64, KW_LORA_ALL });
    CHECK_STR(err.msg, "");
    RUN(defaults_are_vllms);
    RUN(slots_take_blocks);
    RUN(what_does_not_go_together);
    kw_fine_tunes_free(&tunes);
    kw_steptimes_free(&steptimes);
    kw_profiles_free(&profiles);
    kw_platforms_free(&platforms);
    return check_report();
}
