/* Bytes of adapters and slots, against numbers worked out from Llama-3.1-8B's config.json by hand. */
#include "calibrate/profile/lora.h"
#include "tests/check.h"

static bool near(double x, double want)
{
    return x > want * (1 - 1e-12) && x < want * (1 + 1e-12);
}

/* Per layer in + out: q 4096 + 4096, k and v 4096 + 1024, o 4096 + 4096, gate and up 4096 + 14336, down 14336 + 4096. */
static void bytes_of_an_adapter(void)
{
    const struct kw_model_shape *m = kw_model_find("llama-3.1-8b");
    CHECK(near(kw_lora_bytes(m, 16, KW_LORA_ALL), 2.0 * 32 * 16 * (2 * 8192 + 2 * 5120 + 3 * 18432)));
    CHECK(near(kw_lora_bytes(m, 8, 1u << KW_LORA_Q | 1u << KW_LORA_V), 2.0 * 32 * 8 * (8192 + 5120)));
    CHECK(near(kw_lora_bytes(m, 64, 1u << KW_LORA_DOWN), 4 * kw_lora_bytes(m, 16, 1u << KW_LORA_DOWN)));
}

/* On one GPU a slot is an adapter of all matrices and of both tables; on two, half of each matrix that is split. */
static void bytes_of_a_slot(void)
{
    const struct kw_model_shape *m = kw_model_find("llama-3.1-8b");
    double tables = 2.0 * 16 * 2 * (128256 + 4096);
    CHECK(near(kw_lora_slot_bytes(m, 16, 1), kw_lora_bytes(m, 16, KW_LORA_ALL) + tables));
    double split = (4096 + 2048) + 2 * (4096 + 512) + (2048 + 4096) + 2 * (4096 + 7168) + (7168 + 4096);
    CHECK(near(kw_lora_slot_bytes(m, 16, 2), 2.0 * 32 * 16 * split + tables));
    double copied = (4096 + 256) + 2 * (4096 + 128) + (256 + 4096) + 2 * (4096 + 896) + (896 + 4096);
    CHECK(near(kw_lora_slot_bytes(m, 16, 16), 2.0 * 32 * 16 * copied + tables)); /* 8 KV heads on 16 GPUs */
}

static void ranks_that_vllm_allows(void)
{
    CHECK(kw_lora_max_rank_for(1) == 1 && kw_lora_max_rank_for(2) == 8 && kw_lora_max_rank_for(16) == 16);
    CHECK(kw_lora_max_rank_for(17) == 32 && kw_lora_max_rank_for(257) == 320 && kw_lora_max_rank_for(512) == 512);
    CHECK(kw_lora_max_rank_for(513) == 0);
}

static void shipped_facts_have_sources(void)
{
    const struct kw_lora_fact *step = kw_lora_fact("step_overhead"), *copy = kw_lora_fact("activate_gb_s");
    CHECK(step && step->least == 0.092 && step->most == 0.314 && step->provenance.grade == KW_GRADE_ESTIMATED);
    /* 8.4 and 23.9 % less throughput */
    CHECK(step->least > 1 / (1 - 0.084) - 1.0005 && step->most < 1 / (1 - 0.239) - 0.9995);
    CHECK(copy && copy->least == copy->most && copy->provenance.source[0] && copy->provenance.date[0]);
    CHECK(!kw_lora_fact("speed of light"));
}

int main(void)
{
    RUN(bytes_of_an_adapter);
    RUN(bytes_of_a_slot);
    RUN(ranks_that_vllm_allows);
    RUN(shipped_facts_have_sources);
    return check_report();
}
