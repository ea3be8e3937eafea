/* calibrate/profile/model.h - the shapes of the models we know: calibrate/data/models.json, embedded, and config.json files
 * that users name. */
#ifndef KW_CALIBRATE_PROFILE_MODEL_H
#define KW_CALIBRATE_PROFILE_MODEL_H
#include "calibrate/profile/model_shape.h"
#include "sim/core/status.h"

/* By name or hf_name, or by one that agrees with them (model_name.h); NULL when unknown. */
const struct kw_model_shape *kw_model_find(const char *name);
/* The same where only the names agree, which users are told; NULL where it is called so, or unknown. */
const struct kw_model_shape *kw_model_taken_for(const char *name);
/* The same, or the shape in a file (a name that ends in ".json"), which is known by its path from then on. KW_ERANGE with
 * the nearest known name; KW_EINPUT, KW_EPARSE, KW_ERANGE of a file with its line and key, as kw_model_config_read. */
enum kw_status kw_model_named(const struct kw_model_shape **out, const char *name, struct kw_error *err);
bool kw_model_is_file(const char *name);
/* The same of a name that leads to `path`, wherever that lies. */
enum kw_status kw_model_load(const struct kw_model_shape **out, const char *name, const char *path,
                             struct kw_error *err);
size_t kw_model_count(void);
const struct kw_model_shape *kw_model_at(size_t i); /* NULL past the end */
/* Two known models whose every extent agrees: their steps take the same time. */
bool kw_model_same_shape(const char *a, const char *b);

#endif
