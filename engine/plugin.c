#define _POSIX_C_SOURCE 200809L
#include "engine/plugin.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLUGIN "libkeepwarm_cuda.so"

/* folder of the executable + suffix; false when it cannot be told. */
static bool beside_executable(char *out, size_t size, const char *suffix)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0) return false;
    exe[n] = 0;
    char *slash = strrchr(exe, '/');
    if (!slash) return false;
    *slash = 0;
    return snprintf(out, size, "%s/%s", exe, suffix) < (int)size;
}

/* The file to open; a bare name leaves it to the loader's own search. */
static const char *locate(char buf[4352], const char *path)
{
    if (path) return path;
    const char *env = getenv("KEEPWARM_CUDA");
    if (env && *env) return env;
    if (beside_executable(buf, 4352, PLUGIN) && !access(buf, R_OK)) return buf;
    if (beside_executable(buf, 4352, "../lib/keepwarm/" PLUGIN) && !access(buf, R_OK)) return buf;
    return PLUGIN;
}

static enum kw_status open_library(void **lib, const char *file, struct kw_error *err)
{
    *lib = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (*lib) return KW_OK;
    const char *why = dlerror();
    if (!why) why = "cannot be opened";
    if (!strchr(file, '/') || access(file, R_OK))
        return kw_fail(
            err, KW_EFAIL,
            "no CUDA backend (%.200s): build it with the CUDA toolkit (12.9 or newer; make finds nvcc) or set "
            "KEEPWARM_CUDA to %s; --backend cpu needs neither",
            why, PLUGIN);
    return kw_fail(
        err, KW_EFAIL,
        "%.300s: install the CUDA runtime libraries (libcudart, libcublasLt) of the version it was built with, "
        "or add their folder to LD_LIBRARY_PATH; --backend cpu needs none",
        why);
}

enum kw_status kw_plugin_open(const struct kw_backend_ops **ops, const char *path, struct kw_error *err)
{
    char buf[4352];
    const char *file = locate(buf, path);
    void *lib;
    enum kw_status st = open_library(&lib, file, err);
    if (st != KW_OK) return st;
    void *symbol = dlsym(lib, KW_BACKEND_PLUGIN_SYMBOL);
    kw_backend_plugin_fn *entry;
    memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from an object's to a function's pointer */
    const struct kw_backend_ops *got = symbol ? entry() : NULL;
    uint32_t n;
    if (!got)
        st = kw_fail(err, KW_EFAIL, "%.300s: exports no %s: not a backend of keepwarm", file, KW_BACKEND_PLUGIN_SYMBOL);
    else if (got->abi != KW_BACKEND_ABI || got->size != sizeof *got)
        st = kw_fail(err, KW_EFAIL,
                     "%.300s: built for interface %u (%u bytes), this program has %u (%zu bytes): run make", file,
                     got->abi, got->size, KW_BACKEND_ABI, sizeof *got);
    else
        st = got->probe(&n, err);
    if (st == KW_OK)
        *ops = got;
    else
        dlclose(lib);
    return st;
}

enum kw_status kw_backend_find(const struct kw_backend_ops **ops, const char *name, struct kw_error *err)
{
    if (!strcmp(name, "cpu") || !strcmp(name, "reference")) {
        *ops = *name == 'c' ? &kw_backend_cpu : &kw_backend_reference;
        return KW_OK;
    }
    if (!strcmp(name, "cuda")) return kw_plugin_open(ops, NULL, err);
    if (strcmp(name, "auto"))
        return kw_fail(err, KW_ERANGE, "no backend is called '%.40s': want auto, cpu, cuda or reference", name);
    if (kw_plugin_open(ops, NULL, NULL) != KW_OK) *ops = &kw_backend_cpu;
    return KW_OK;
}
