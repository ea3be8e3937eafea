/* calibrate/operators/on_the_spot.h - a profile of any shape on any GPU without a file: step times by the laws of its
 * kernels (shape_steps.h) and of the engine's host time (server_law.h), KV cache by its kind of attention, loading from
 * where nobody says weights lie. Graded estimated; its errors, in the fields of a profile's leave-out errors, are how far
 * servers were from what was predicted of them (server_law.h): the median, and in place of the worst what nine of ten were
 * within. */
#ifndef KW_CALIBRATE_OPERATORS_ON_THE_SPOT_H
#define KW_CALIBRATE_OPERATORS_ON_THE_SPOT_H
#include "calibrate/operators/shape_steps.h"
#include "calibrate/profile/gpu.h"
#include "calibrate/profile/profile.h"

/* Of a sequence of n tokens, layers within a window keep min(n, window) of them. Blocks hold equal tokens, so the cache is
 * sized as if those layers kept all tokens, or without them, with a whole window of each of max_num_seqs sequences set
 * aside: whichever holds more; neither holds less than it says. States of linear attention are set aside for max_num_seqs
 * sequences too, of which there are no more than half of the room has states for.
 * The profile is of one of dp ranks: its tp GPUs, its KV cache; where `apart`, of all of
 * them, the KV cache of each. KW_ERANGE: the GPU lacks the precision, the heads do not split, or it does not fit. */
enum kw_status kw_on_the_spot(struct kw_profile *out, const struct kw_model_shape *m, const struct kw_gpu_spec *gpu,
                              const char *precision, const struct kw_split *split, struct kw_error *err);
/* Adds those of every GPU of the table, tp 1, 2, 4 and 8 and precision that the checkpoint runs in (its own; of one in 16
 * bits fp8 too, and fp16 where there is no bf16), as far as they fit and *all has none of that combination, or a user's alone. */
enum kw_status kw_on_the_spot_all(struct kw_profiles *all, const struct kw_model_shape *m,
                                  enum kw_expert_routing routing, struct kw_error *err);
/* Adds, of a model with experts, those of dp ranks (each of n_dp) by the same tp and precisions, with experts whole or sliced as
 * n_ep names them; n_ep 0: whole where dp is above 1. Likewise. */
enum kw_status kw_on_the_spot_groups(struct kw_profiles *all, const struct kw_model_shape *m, const uint32_t *dp,
                                     size_t n_dp, const uint32_t *ep, size_t n_ep, enum kw_expert_routing routing,
                                     struct kw_error *err);

#endif
