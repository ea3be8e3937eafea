/* calibrate/profile/model_config.h - the shape of a model from its config.json, as Hugging Face's transformers has it. */
#ifndef KW_CALIBRATE_PROFILE_MODEL_CONFIG_H
#define KW_CALIBRATE_PROFILE_MODEL_CONFIG_H
#include "calibrate/profile/model_shape.h"
#include "sim/core/files/json.h"

/* Everything of m but its names and source, from config.json's root; of a model with a tower for images, its text_config.
 * Architectures: the model_types of the table in model_config.c. What a family's class takes where its config says
 * nothing (which layers slide, tied tables) is taken as there. KW_ERANGE: another model_type, or a key that speaks of a
 * shape and is not known here (a number, list or true whose name has layer, head, expert, rank, window, ...): what it
 * does to the model cannot be told, so nothing is. KW_EPARSE: a key is missing or no number. m is whole or untouched. */
enum kw_status kw_model_config_read(struct kw_jnode root, struct kw_model_shape *m, struct kw_error *err);
/* A quantization_config of m, whose shape is read already. */
enum kw_status kw_model_config_quant(struct kw_jnode quantization, struct kw_model_shape *m, struct kw_error *err);

#endif
