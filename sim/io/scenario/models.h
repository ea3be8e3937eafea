/* sim/io/scenario/models.h - the models that a scenario names, before anything is made of them. */
#ifndef KW_SIM_IO_SCENARIO_MODELS_H
#define KW_SIM_IO_SCENARIO_MODELS_H
#include "sim/io/scenario/catalogue.h"
#include "sim/io/scenario/scenario.h"

/* Reads the config.json files that s names as models (at the top, in deployments, substitutes, adapters' bases and swept
 * values; c->search_path says where), and makes profiles on the spot of them, and of what t's log names, wherever the shape is
 * known and c has none of a combination. Before any candidate is made. A file that is no model's: its own status, with the
 * scenario's path in front. */
enum kw_status kw_scenario_models(const struct kw_scenario *s, const struct kw_trace *t, struct kw_catalogue *c,
                                  struct kw_error *err);
/* A model by its name, Hugging Face id or path: its shape to *out, NULL where nobody knows it, and profiles of it in c. */
enum kw_status kw_catalogue_model(struct kw_catalogue *c, const char *name, const struct kw_model_shape **out,
                                  struct kw_error *err);

#endif
