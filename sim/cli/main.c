/* sim/cli/main.c - finds the command, reads its options, runs it. */
#include <gsl/gsl_errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "sim/cli/commands/engine_open.h"
#include "sim/cli/exec_self.h"
#include "sim/cli/help.h"
#include "sim/cli/session.h"
#include "sim/io/results/version.h"

static int print_help(const struct kw_command *c)
{
    struct kw_text out = { 0 };
    kw_help_command(c, &out);
    return kw_cli_print(&out);
}

/* All commands, or those of a group (NULL: all): help that was asked for, or, without --help, what was wrong. */
static int print_commands(const struct kw_command_group *g, bool asked)
{
    struct kw_text out = { 0 };
    struct kw_error err;
    if (g)
        kw_help_group(g, &out);
    else
        kw_help_all(&out);
    if (asked) return kw_cli_print(&out);
    if (!out.failed) fputs(out.s, stderr);
    int code = out.failed ? kw_cli_fail(kw_fail(&err, KW_ENOMEM, "out of memory"), &err) : 2;
    kw_text_free(&out);
    return code;
}

static bool is_help(const char *word)
{
    return !strcmp(word, "--help") || !strcmp(word, "-h");
}

/* `keepwarm man`, `keepwarm completion bash|zsh`: made from the command table for `make install`. */
static int print_generated(int argc, char **argv)
{
    struct kw_text out = { 0 };
    struct kw_error err;
    if (!strcmp(argv[0], "man") && argc == 1)
        kw_help_man(&out);
    else if (argc == 2 && !strcmp(argv[1], "bash"))
        kw_help_bash(&out);
    else if (argc == 2 && !strcmp(argv[1], "zsh"))
        kw_help_zsh(&out);
    else
        return kw_cli_fail(kw_fail(&err, KW_EUSAGE, "usage: keepwarm man | keepwarm completion bash|zsh"), &err);
    return kw_cli_print(&out);
}

int main(int argc, char **argv)
{
    struct kw_error err = { "" };
    struct kw_options o;
    char **all = argv;
    bool help;
    int used;
    kw_cli_engine_begin();
    gsl_set_error_handler_off(); /* GSL aborts by default; every status is checked instead */
    signal(SIGPIPE, SIG_IGN);    /* a closed pipe is an error of the write, with a message */
    argc--;
    argv++;
    if (argc == 0 || is_help(argv[0]) || !strcmp(argv[0], "help")) {
        const struct kw_command_group *g = kw_command_group_find(argc - 1, argv + 1);
        if (g || argc < 2) return print_commands(g, argc > 0);
        const struct kw_command *c = kw_command_find(argc - 1, argv + 1, &used, &err);
        return c ? print_help(c) : kw_cli_fail(KW_EUSAGE, &err);
    }
    if (!strcmp(argv[0], "--version")) {
        struct kw_text out = { 0 };
        kw_text_add(&out, "keepwarm %s (%s)\n", kw_version, kw_git_revision);
        return kw_cli_print(&out);
    }
    if (!strcmp(argv[0], "man") || !strcmp(argv[0], "completion")) return print_generated(argc, argv);
    const struct kw_command_group *g = kw_command_group_find(argc, argv);
    if (g) return print_commands(g, argc > 1 && is_help(argv[1]));
    const struct kw_command *c = kw_command_find(argc, argv, &used, &err);
    if (!c) return kw_cli_fail(KW_EUSAGE, &err);
    enum kw_status st = kw_options_parse(c, argc - used, argv + used, &o, &help, &err);
    if (st != KW_OK) return kw_cli_fail(st, &err);
    if (help) return print_help(c);
    if (kw_command_takes(c, KW_OPT_BACKEND)) kw_exec_self_sleepy(all);
    int code = c->run(&o);
    return code == 1 && kw_session_interrupted() ? 128 + kw_session_interrupted() : code; /* as a shell tells it */
}
