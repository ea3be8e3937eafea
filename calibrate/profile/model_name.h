/* calibrate/profile/model_name.h - names under which one shape is published: "meta-llama/Meta-Llama-3.1-8B-Instruct" is
 * llama-3.1-8b trained further. What names training (instruct, chat, it, base), a file form (hf), the maker again (meta) or
 * a day (2507, 0324) says nothing of the shape; any other word, a quantisation's among them, may. */
#ifndef KW_CALIBRATE_PROFILE_MODEL_NAME_H
#define KW_CALIBRATE_PROFILE_MODEL_NAME_H
#include <stdbool.h>

/* Whether the names differ by such words alone, whatever their case. Where both have an organisation before a slash, it is the same
 * one: another's copy may be quantised without saying so. */
bool kw_model_names_agree(const char *a, const char *b);

#endif
