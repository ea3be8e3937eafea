/* sim/cli/help.h - what the tables of options.h say to a reader: --help, the man page, the shell completions. */
#ifndef KW_SIM_CLI_HELP_H
#define KW_SIM_CLI_HELP_H
#include "sim/cli/options.h"
#include "sim/core/text.h"

void kw_help_command(const struct kw_command *c, struct kw_text *out);
void kw_help_group(const struct kw_command_group *g, struct kw_text *out); /* its commands, a line each */
void kw_help_all(struct kw_text *out);
void kw_help_man(struct kw_text *out);  /* roff: keepwarm(1) */
void kw_help_bash(struct kw_text *out); /* a completion function */
void kw_help_zsh(struct kw_text *out);

#endif
