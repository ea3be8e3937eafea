#include "calibrate/profile/lora.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "calibrate/profile/table.h"
#include "sim/core/units.h"

const char *const kw_lora_target_name[] = { "q_proj",    "k_proj",  "v_proj",    "o_proj",
                                            "gate_proj", "up_proj", "down_proj", NULL };
_Static_assert(sizeof kw_lora_target_name / sizeof *kw_lora_target_name == KW_LORA_TARGETS + 1, "a name for each");

struct matrix {
    double in, out;
    bool splits_out; /* over the GPUs of a replica; else its input is split */
};

static struct matrix matrix_of(const struct kw_model_shape *m, enum kw_lora_target t)
{
    double q = (double)m->heads * m->head_dim, kv = (double)m->kv_heads * m->head_dim;
    switch (t) {
    case KW_LORA_Q: return (struct matrix){ m->hidden, q, true };
    case KW_LORA_K:
    case KW_LORA_V: return (struct matrix){ m->hidden, kv, true };
    case KW_LORA_O: return (struct matrix){ q, m->hidden, false };
    case KW_LORA_GATE:
    case KW_LORA_UP: return (struct matrix){ m->hidden, m->intermediate, true };
    case KW_LORA_DOWN: return (struct matrix){ m->intermediate, m->hidden, false };
    case KW_LORA_TARGETS: break;
    }
    assert(!"a target of a layer");
    return (struct matrix){ 0, 0, false };
}

double kw_lora_bytes(const struct kw_model_shape *m, uint32_t rank, unsigned targets)
{
    double values = 0;
    for (int t = 0; t < KW_LORA_TARGETS; t++) {
        struct matrix x = matrix_of(m, (enum kw_lora_target)t);
        if (targets & 1u << t) values += x.in + x.out;
    }
    return 2.0 * m->layers * rank * values;
}

double kw_lora_slot_bytes(const struct kw_model_shape *m, uint32_t max_rank, uint32_t tp)
{
    double layer = 0, tables = 2.0 * ((double)m->vocab + m->hidden); /* embed_tokens and lm_head */
    assert(tp > 0);
    for (int t = 0; t < KW_LORA_TARGETS; t++) {
        struct matrix x = matrix_of(m, (enum kw_lora_target)t);
        bool kv = t == KW_LORA_K || t == KW_LORA_V;
        double parts = kv && tp > m->kv_heads ? m->kv_heads : tp; /* KV heads are copied where tp exceeds them */
        layer += x.splits_out ? x.in + x.out / parts : x.in / parts + x.out;
    }
    return 2.0 * max_rank * (m->layers * layer + tables);
}

uint32_t kw_lora_max_rank_for(uint32_t rank)
{
    static const uint32_t allowed[] = { 1, 8, 16, 32, 64, 128, 256, 320, 512 }; /* vllm/config/lora.py MaxLoRARanks */
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (rank <= allowed[i]) return allowed[i];
    return 0;
}

static enum kw_status read_fact(struct kw_jnode n, void *row, struct kw_error *err)
{
    static const char *const keys[] = { "name", "least", "most", "grade", "source", "date", "evidence", NULL };
    struct kw_lora_fact *f = row;
    const char *name;
    int64_t least, most;
    enum kw_status st;
    if ((st = kw_json_keys(n, keys, err)) != KW_OK) return st;
    if ((st = kw_json_str(kw_json_get(n, "name"), &name, err)) != KW_OK) return st;
    if ((st = kw_json_nano(kw_json_get(n, "least"), 0, INT64_MAX, &least, err)) != KW_OK) return st;
    if ((st = kw_json_nano(kw_json_get(n, "most"), least, INT64_MAX, &most, err)) != KW_OK) return st;
    snprintf(f->name, sizeof f->name, "%s", name);
    f->least = kw_nano_to_double(least);
    f->most = kw_nano_to_double(most);
    return kw_provenance_read(n, &f->provenance, err);
}

static struct kw_lora_fact facts[8];
static struct kw_table table = { .path = "calibrate/data/lora.json",
                                 .key = "lora",
                                 .read = read_fact,
                                 .rows = facts,
                                 .size = sizeof *facts,
                                 .cap = sizeof facts / sizeof *facts,
                                 .lock = PTHREAD_MUTEX_INITIALIZER };

const struct kw_lora_fact *kw_lora_fact(const char *name)
{
    size_t n = kw_table_load(&table);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(facts[i].name, name)) return &facts[i];
    return NULL;
}
