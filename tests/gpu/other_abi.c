/* A plugin of another interface, and (without its symbol) a library that is no plugin: for tests/gpu/test_plugin.c. */
#include "engine/backend.h"

static const struct kw_backend_ops ops = { .abi = KW_BACKEND_ABI + 1, .size = sizeof ops, .name = "other" };
#ifndef NO_SYMBOL
kw_backend_plugin_fn kw_backend_plugin;
#else
#define kw_backend_plugin something_else
kw_backend_plugin_fn something_else;
#endif
const struct kw_backend_ops *kw_backend_plugin(void)
{
    return &ops;
}
