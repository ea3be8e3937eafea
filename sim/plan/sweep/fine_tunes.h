/* sim/plan/sweep/fine_tunes.h - which models of a trace are LoRA adapters, of which base; and a choice that serves them
 * beside it. */
#ifndef KW_SIM_PLAN_SWEEP_FINE_TUNES_H
#define KW_SIM_PLAN_SWEEP_FINE_TUNES_H
#include "calibrate/profile/lora.h"
#include "sim/plan/sweep/candidate.h"

struct kw_fine_tune {
    const char *name;                  /* of the trace's model; borrowed from the trace */
    const struct kw_model_shape *base; /* static */
    uint32_t rank;
    unsigned targets; /* bits 1u << enum kw_lora_target */
};

struct kw_fine_tunes {
    uint32_t n;              /* adapters, numbered from 1 in the order of the trace's models */
    struct kw_fine_tune *of; /* [n + 1], owned */
    uint32_t n_models;
    uint32_t *of_model;      /* [n_models], owned: adapter of a model of the trace; 0: none */
    double *bytes;           /* [n + 1], owned */
    struct kw_adapters view; /* the same, as a fleet sees it; borrows from the above */
};

/* None yet, of a trace of so many models. KW_ENOMEM: nothing to free. */
enum kw_status kw_fine_tunes_init(struct kw_fine_tunes *f, uint32_t n_models, struct kw_error *err);
void kw_fine_tunes_free(struct kw_fine_tunes *f); /* safe to call again */
/* Model k of the trace is one; in ascending order of k, once each. */
void kw_fine_tunes_add(struct kw_fine_tunes *f, uint32_t k, const struct kw_fine_tune *t);

/* The fine-tune of this name; NULL when there is none (f may be NULL). */
const struct kw_fine_tune *kw_fine_tunes_find(const struct kw_fine_tunes *f, const char *model);
/* What a deployment of `model` runs: the base of a fine-tune, else the model itself. */
const char *kw_fine_tunes_base(const struct kw_fine_tunes *f, const char *model);
/* Whether the fine-tune is of the model, by its name, its Hugging Face id or its shape under another name. */
bool kw_fine_tune_is_of(const struct kw_fine_tune *t, const char *model);
/* Fine-tunes of the model. */
uint32_t kw_fine_tunes_of(const struct kw_fine_tunes *f, const char *model);

struct kw_lora_ask { /* what the user says of a deployment's adapters; 0, NONE and < 0: the default */
    uint32_t max_loras, max_cpu_loras, max_lora_rank;
    struct kw_law load_s, load_rate, activate_s;
    double step_overhead;
};
void kw_lora_ask_init(struct kw_lora_ask *a);

/* The choice, of replicas whose profile is of a base of f, serves its adapters beside it: slots and the memory they take
 * (where num_blocks is the profile's own), and what is known of their cost in time. Defaults: vLLM's max_loras 1 and
 * max_cpu_loras equal to it; the smallest max_lora_rank that holds every adapter of the base, 16 at least; storage as
 * fast as for weights. KW_ERANGE: a rank above max_lora_rank, max_cpu_loras below max_loras, no room left for the KV
 * cache, a policy without adapters, or nobody says how fast adapters load. Borrows from f. */
enum kw_status kw_choice_adapters(struct kw_choice *c, const struct kw_fine_tunes *f, const struct kw_lora_ask *ask,
                                  struct kw_error *err);

#endif
