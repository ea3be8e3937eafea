/* tests/engine/test_plugin.c - a backend's library that is missing, is none, or is of another build is refused with a
 * hint. */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include "engine/plugin.h"
#include "tests/check.h"
#include <stdlib.h>
#include <unistd.h>

/* Compiles source to a shared library in folder; false without a compiler. */
static bool library(const char *folder, const char *source, char *path)
{
    char c[64], command[512];
    snprintf(c, sizeof c, "%s/p.c", folder);
    sprintf(path, "%s/p.so", folder);
    FILE *f = fopen(c, "w");
    if (!f) return false;
    fputs(source, f);
    fclose(f);
    snprintf(command, sizeof command, "cc -shared -fPIC -I. -D_POSIX_C_SOURCE=200809L -o %s %s 2>/dev/null", path, c);
    return system(command) == 0;
}

#define BACKEND(abi, probe)                                                                                            \
    "#include \"engine/backend.h\"\n#include <stdio.h>\n"                                                              \
    "static enum kw_status probe(uint32_t *n, struct kw_error *err) { *n = 1; " probe " }\n"                           \
    "static const struct kw_backend_ops ops = { .abi = " abi                                                           \
    ", .size = sizeof ops, .name = \"p\", .probe = probe };\n"                                                         \
    "const struct kw_backend_ops *kw_backend_plugin(void) { return &ops; }\n"

static void refusals_say_what_to_do(void)
{
    static const struct {
        const char *source;
        enum kw_status st;
        const char *why;
    } cases[] = {
        { "int nothing;\n", KW_EFAIL, "not a backend" },
        { BACKEND("99", "return KW_OK;"), KW_EFAIL, "run make" },
        { BACKEND("KW_BACKEND_ABI", "if (err) sprintf(err->msg, \"no device: install the driver\"); return KW_EFAIL;"),
          KW_EFAIL, "driver" },
        { BACKEND("KW_BACKEND_ABI", "return KW_OK;"), KW_OK, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[] = "/tmp/keepwarm-test-XXXXXX", path[64], c[64];
        const struct kw_backend_ops *ops = NULL;
        struct kw_error err = { "" };
        CHECK(mkdtemp(folder) != NULL);
        if (!library(folder, cases[i].source, path)) {
            SKIP("no C compiler called cc");
        } else {
            CHECK(kw_plugin_open(&ops, path, &err) == cases[i].st);
            if (!strstr(err.msg, cases[i].why)) printf("%zu: %s\n", i, err.msg);
            CHECK(strstr(err.msg, cases[i].why) != NULL && (ops != NULL) == (cases[i].st == KW_OK));
            remove(path);
        }
        snprintf(c, sizeof c, "%s/p.c", folder);
        remove(c);
        rmdir(folder);
    }
}

static void what_is_missing_is_named(void)
{
    const struct kw_backend_ops *ops = NULL;
    struct kw_error err = { "" };
    CHECK(kw_plugin_open(&ops, "/nonexistent/libkeepwarm_cuda.so", &err) == KW_EFAIL && !ops);
    CHECK(strstr(err.msg, "CUDA toolkit") && strstr(err.msg, "--backend cpu"));
    CHECK(kw_plugin_open(&ops, "Makefile", &err) == KW_EFAIL && !ops); /* no library at all */
    setenv("KEEPWARM_CUDA", "/nonexistent/other.so", 1);
    CHECK(kw_backend_find(&ops, "cuda", &err) == KW_EFAIL && strstr(err.msg, "other.so"));
    CHECK(kw_backend_find(&ops, "auto", &err) == KW_OK && ops == &kw_backend_cpu);
    CHECK(kw_backend_find(&ops, "cpu", &err) == KW_OK && ops == &kw_backend_cpu);
    CHECK(kw_backend_find(&ops, "reference", &err) == KW_OK && ops == &kw_backend_reference);
    CHECK(kw_backend_find(&ops, "metal", &err) == KW_ERANGE && strstr(err.msg, "reference"));
    CHECK(kw_backend_cpu.abi == KW_BACKEND_ABI && kw_backend_cpu.size == sizeof kw_backend_cpu);
}

int main(void)
{
    RUN(what_is_missing_is_named);
    RUN(refusals_say_what_to_do);
    return check_report();
}
