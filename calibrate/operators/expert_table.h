/* calibrate/operators/expert_table.h - how long the routed experts of one layer take on one GPU, where a published table has
 * experts of exactly that shape (calibrate/data/experts.json and experts-balanced.json, embedded; `make kernels` makes them
 * anew): by tokens, for each way to split them, sorting by expert and the sum over experts included. Other shapes go by the
 * law of shape_steps.h.
 *
 * Routing is a power law where nobody says otherwise: popular experts get more tokens, so that a batch touches fewer of them
 * and the fullest takes longest. (With balanced routing 32 tokens of gpt-oss-120b read nearly all experts and 64 cost nothing
 * more, which no server shows.) Balanced, 64 tokens take 1.2 times as long in the median of H100's shapes, 8,192 take 0.9 of
 * it, on 8 GPUs with whole experts 0.6, since no GPU has the popular ones. */
#ifndef KW_CALIBRATE_OPERATORS_EXPERT_TABLE_H
#define KW_CALIBRATE_OPERATORS_EXPERT_TABLE_H
#include "calibrate/profile/expert_routing.h"
#include "calibrate/profile/gpu.h"
#include "calibrate/profile/model_shape.h"

enum { KW_EXPERT_TOKENS = 27 };
extern const double kw_expert_tokens[KW_EXPERT_TOKENS];

struct kw_expert_row {
    char gpu[24], precision[8];                /* of the experts: bf16, fp8, mxfp4, nvfp4, int4 */
    uint32_t hidden, width, active, n, tp, ep; /* of a whole expert; each GPU has n / ep experts, 1 / tp wide */
    float us[KW_EXPERT_TOKENS];
};

/* Reads the table of a routing, so that the next does not lack memory. KW_ENOMEM. */
enum kw_status kw_expert_table_load(enum kw_expert_routing routing, struct kw_error *err);
/* The row of those experts on that GPU; NULL: none. */
const struct kw_expert_row *kw_expert_row_find(const struct kw_gpu_spec *gpu, const struct kw_model_shape *m,
                                               const char *precision, uint32_t tp, uint32_t ep,
                                               enum kw_expert_routing routing);
/* Seconds for so many tokens of all GPUs that share the experts, log-linear between rows, beyond the last in proportion. */
double kw_expert_row_s(const struct kw_expert_row *r, double tokens);

#endif
