/* calibrate/profile/lora.h - what a LoRA adapter of a known model weighs, what GPU memory the slots for adapters take, and
 * what is known of their cost in time (calibrate/data/lora.json, embedded).
 *
 * An adapter of rank r on a matrix of d_in x d_out is two matrices of r * (d_in + d_out) values, 2 bytes each. */
#ifndef KW_CALIBRATE_PROFILE_LORA_H
#define KW_CALIBRATE_PROFILE_LORA_H
#include "calibrate/profile/model.h"
#include "sim/core/provenance.h"

/* The matrices of a layer that an adapter may change, by the names of PEFT's target_modules. */
enum kw_lora_target {
    KW_LORA_Q,
    KW_LORA_K,
    KW_LORA_V,
    KW_LORA_O,
    KW_LORA_GATE,
    KW_LORA_UP,
    KW_LORA_DOWN,
    KW_LORA_TARGETS
};
extern const char *const kw_lora_target_name[]; /* "q_proj", ..., NULL */
#define KW_LORA_ALL ((1u << KW_LORA_TARGETS) - 1)

/* Bytes of one adapter over all layers; targets: bits 1u << enum kw_lora_target. */
double kw_lora_bytes(const struct kw_model_shape *m, uint32_t rank, unsigned targets);

/* Bytes that one slot takes on each of tp GPUs: vLLM sets memory aside for every matrix it could change, embeddings and
 * lm_head too, at max_lora_rank, whatever the adapters are of (lora/layers/, 0.19). Without fully_sharded_loras: of a
 * matrix whose output is split over the GPUs the second factor is split and the first is not, and the other way round
 * where the input is split; those of the embeddings are on each GPU whole. */
double kw_lora_slot_bytes(const struct kw_model_shape *m, uint32_t max_rank, uint32_t tp);

/* Ranks that vLLM allows as max_lora_rank: the smallest that holds `rank`; 0: none does. */
uint32_t kw_lora_max_rank_for(uint32_t rank);

struct kw_lora_fact { /* a number shipped, as a range where the source has one */
    char name[24];
    double least, most;
    struct kw_provenance provenance;
};
/* "step_overhead": how much longer a step with adapters takes, 0.1 = 10 %. "activate_gb_s": 1e9 bytes/s from host memory
 * into a slot. NULL: no such fact, or no memory. */
const struct kw_lora_fact *kw_lora_fact(const char *name);

#endif
