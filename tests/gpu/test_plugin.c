/* The plugin as the program meets it: opened at run time, on a machine with or without a GPU. Arguments: the plugin, a
 * library that is no plugin, a plugin of another interface. */
#include "engine/plugin.h"
#include "tests/check.h"

static const char *plugin, *no_plugin, *other_abi;

static void opens_or_says_what_to_install(void)
{
    const struct kw_backend_ops *ops = NULL;
    struct kw_error err = { "" };
    uint32_t n = 0;
    enum kw_status st = kw_plugin_open(&ops, plugin, &err);
    if (st == KW_OK) {
        CHECK_STR(ops->name, "cuda");
        CHECK(ops->probe(&n, &err) == KW_OK && n > 0);
        return;
    }
    printf("refused: %s\n", err.msg);
    CHECK(st == KW_EFAIL && !ops);
    CHECK(strstr(err.msg, "driver") && strstr(err.msg, "--backend cpu"));
    CHECK(!strchr(err.msg, '\n'));
}

static void what_is_no_plugin_is_refused(void)
{
    const struct kw_backend_ops *ops = NULL;
    struct kw_error err = { "" };
    CHECK(kw_plugin_open(&ops, no_plugin, &err) == KW_EFAIL && strstr(err.msg, KW_BACKEND_PLUGIN_SYMBOL));
    err.msg[0] = 0;
    CHECK(kw_plugin_open(&ops, other_abi, &err) == KW_EFAIL && strstr(err.msg, "interface"));
    err.msg[0] = 0;
    CHECK(kw_plugin_open(&ops, "/nonexistent/libkeepwarm_cuda.so", &err) == KW_EFAIL && err.msg[0]);
    CHECK(!ops);
}

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    plugin = argv[1], no_plugin = argv[2], other_abi = argv[3];
    RUN(opens_or_says_what_to_install);
    RUN(what_is_no_plugin_is_refused);
    return check_report();
}
