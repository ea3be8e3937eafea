#include "sim/plan/sweep/fine_tunes.h"
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/kv.h"

enum kw_status kw_fine_tunes_init(struct kw_fine_tunes *f, uint32_t n_models, struct kw_error *err)
{
    *f = (struct kw_fine_tunes){ .n_models = n_models };
    f->of = calloc(n_models + 1, sizeof *f->of);
    f->of_model = calloc(n_models + 1, sizeof *f->of_model);
    f->bytes = calloc(n_models + 1, sizeof *f->bytes);
    if (!f->of || !f->of_model || !f->bytes) {
        kw_fine_tunes_free(f);
        return kw_fail(err, KW_ENOMEM, "out of memory for adapters");
    }
    f->view = (struct kw_adapters){ .n_models = n_models, .of_model = f->of_model, .bytes = f->bytes };
    return KW_OK;
}

void kw_fine_tunes_free(struct kw_fine_tunes *f)
{
    free(f->of);
    free(f->of_model);
    free(f->bytes);
    *f = (struct kw_fine_tunes){ .n = 0 };
}

void kw_fine_tunes_add(struct kw_fine_tunes *f, uint32_t k, const struct kw_fine_tune *t)
{
    assert(k < f->n_models && !f->of_model[k] && t->base && t->rank);
    f->of_model[k] = ++f->n;
    f->of[f->n] = *t;
    f->bytes[f->n] = kw_lora_bytes(t->base, t->rank, t->targets);
    f->view.n = f->n;
}

const struct kw_fine_tune *kw_fine_tunes_find(const struct kw_fine_tunes *f, const char *model)
{
    for (uint32_t a = 1; f && a <= f->n; a++)
        if (!strcmp(f->of[a].name, model)) return &f->of[a];
    return NULL;
}

const char *kw_fine_tunes_base(const struct kw_fine_tunes *f, const char *model)
{
    const struct kw_fine_tune *t = kw_fine_tunes_find(f, model);
    return t ? t->base->name : model;
}

bool kw_fine_tune_is_of(const struct kw_fine_tune *t, const char *model)
{
    return kw_model_find(model) == t->base || kw_model_same_shape(t->base->name, model);
}

uint32_t kw_fine_tunes_of(const struct kw_fine_tunes *f, const char *model)
{
    uint32_t n = 0;
    for (uint32_t a = 1; f && a <= f->n; a++) n += kw_fine_tune_is_of(&f->of[a], model);
    return n;
}

void kw_lora_ask_init(struct kw_lora_ask *a)
{
    memset(a, 0, sizeof *a);
    a->step_overhead = -1;
}

static struct kw_law constant(double v, const struct kw_provenance *p)
{
    return (struct kw_law){ .kind = KW_LAW_CONSTANT, .n = 1, .v = { v }, .provenance = *p };
}

/* The largest rank among the adapters that a replica of the base may meet. */
static const struct kw_fine_tune *largest(const struct kw_choice *c, const struct kw_fine_tunes *f)
{
    const struct kw_fine_tune *t = NULL;
    for (uint32_t a = 1; a <= f->n; a++)
        if (kw_fine_tune_is_of(&f->of[a], c->profile->model) && (!t || f->of[a].rank > t->rank)) t = &f->of[a];
    return t;
}

static enum kw_status slots(struct kw_choice *c, const struct kw_fine_tunes *f, const struct kw_lora_ask *ask,
                            struct kw_error *err)
{
    const struct kw_fine_tune *t = largest(c, f);
    uint32_t held = kw_lora_max_rank_for(t->rank < 16 ? 16 : t->rank);
    c->sched.max_loras = ask->max_loras ? ask->max_loras : 1;
    c->lora.max_cpu_loras = ask->max_cpu_loras ? ask->max_cpu_loras : c->sched.max_loras;
    c->max_lora_rank = ask->max_lora_rank ? ask->max_lora_rank : held;
    if (!held)
        return kw_fail(err, KW_ERANGE, "adapter '%.60s' has rank %" PRIu32 ", vLLM takes 512 at most", t->name,
                       t->rank);
    if (t->rank > c->max_lora_rank)
        return kw_fail(err, KW_ERANGE, "max_lora_rank is %" PRIu32 ", and adapter '%.60s' has rank %" PRIu32,
                       c->max_lora_rank, t->name, t->rank);
    if (c->lora.max_cpu_loras < c->sched.max_loras)
        return kw_fail(err, KW_ERANGE, "max_cpu_loras (%" PRIu32 ") must be >= max_loras (%" PRIu32 ")",
                       c->lora.max_cpu_loras, c->sched.max_loras);
    if (c->sched.policy != KW_SCHED_VLLM && c->sched.policy != KW_SCHED_SARATHI)
        return kw_fail(err, KW_ERANGE, "only the schedulers vllm and sarathi serve adapters");
    return KW_OK;
}

/* A count of blocks that the user states is what is left beside the slots. */
static enum kw_status shrink_kv(struct kw_choice *c, struct kw_error *err)
{
    const struct kw_profile *p = c->profile;
    const struct kw_model_shape *m = kw_model_find(p->model);
    if (c->sched.num_blocks != p->num_blocks) return KW_OK;
    double slots = c->sched.max_loras * kw_lora_slot_bytes(m, c->max_lora_rank, p->tp);
    double block = c->sched.block_size * kw_kv_gpu_bytes_per_token(m, p->precision, p->tp), taken = ceil(slots / block);
    if (!(taken < c->sched.num_blocks))
        return kw_fail(err, KW_ERANGE,
                       "%" PRIu32 " slots of rank %" PRIu32
                       " take %.1f GB of each GPU, more than the %.1f GB of its KV "
                       "cache",
                       c->sched.max_loras, c->max_lora_rank, slots / 1e9, c->sched.num_blocks * block / 1e9);
    c->sched.num_blocks -= (uint32_t)taken;
    return KW_OK;
}

enum kw_status kw_choice_adapters(struct kw_choice *c, const struct kw_fine_tunes *f, const struct kw_lora_ask *ask,
                                  struct kw_error *err)
{
    const struct kw_lora_fact *overhead = kw_lora_fact("step_overhead"), *copy = kw_lora_fact("activate_gb_s");
    assert(c->profile && kw_fine_tunes_of(f, c->profile->model));
    if (!overhead || !copy) return kw_fail(err, KW_ENOMEM, "out of memory for adapters");
    enum kw_status st = slots(c, f, ask, err);
    if (st == KW_OK) st = shrink_kv(c, err);
    if (st != KW_OK) return st;
    struct kw_lora *l = &c->lora;
    l->adapters = &f->view;
    if (ask->load_s.kind != KW_LAW_NONE)
        l->fetch_s = ask->load_s;
    else
        l->fetch_rate = ask->load_rate.kind != KW_LAW_NONE      ? ask->load_rate
                        : c->cold.load_rate.kind != KW_LAW_NONE ? c->cold.load_rate
                                                                : c->profile->load_rate;
    if (l->fetch_s.kind == KW_LAW_NONE && l->fetch_rate.kind == KW_LAW_NONE)
        return kw_fail(err, KW_ERANGE, "how fast adapters load is not known: state lora.load or lora.load_rate");
    if (ask->activate_s.kind != KW_LAW_NONE)
        l->activate_s = ask->activate_s;
    else
        l->activate_rate = constant(copy->least * 1e9, &copy->provenance);
    bool stated = ask->step_overhead >= 0;
    l->overhead = stated ? ask->step_overhead : overhead->least;
    l->overhead_most = stated ? ask->step_overhead : overhead->most;
    c->lora_grade = stated ? KW_GRADE_USER : overhead->provenance.grade;
    const struct kw_law *laws[] = { &l->fetch_s, &l->fetch_rate, &l->activate_s, &l->activate_rate };
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++)
        if (laws[i]->kind != KW_LAW_NONE) c->lora_grade = kw_grade_weaker(c->lora_grade, laws[i]->provenance.grade);
    return KW_OK;
}
