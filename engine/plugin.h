/* engine/plugin.h - opens libkeepwarm_cuda.so at run time, so that one program runs with and without a GPU. */
#ifndef KW_ENGINE_PLUGIN_H
#define KW_ENGINE_PLUGIN_H
#include "engine/backend.h"

/* Where it looks, the first that exists: path (unless NULL), $KEEPWARM_CUDA, beside the executable, ../lib/keepwarm
 * beside it, then the loader's own search. Once open it stays open (CUDA does not unload cleanly). KW_EFAIL, with what
 * to install or build, when the plugin, one of its libraries, the driver or a device is missing, or when it was built
 * from another revision (ABI). */
enum kw_status kw_plugin_open(const struct kw_backend_ops **ops, const char *path, struct kw_error *err);

/* The backend by name: "cpu", "reference", "cuda", or "auto" (cuda where a device answers, else cpu; never fails). */
enum kw_status kw_backend_find(const struct kw_backend_ops **ops, const char *name, struct kw_error *err);

#endif
