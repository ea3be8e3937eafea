/* sim/cli/commands/engine_open.h - what the engine's commands share: an engine from the command line, and Ctrl-C. */
#ifndef KW_SIM_CLI_COMMANDS_ENGINE_OPEN_H
#define KW_SIM_CLI_COMMANDS_ENGINE_OPEN_H
#include <signal.h>
#include "engine/engine.h"
#include "sim/cli/options.h"

/* First thing in main: from then on (in truth from before exec, engine/startup.h) the cold start of kw_cli_engine_open
 * counts. */
void kw_cli_engine_begin(void);

/* The engine that --model (or the name given) and the other engine options ask for; strings are borrowed from them. */
enum kw_status kw_cli_engine_options(struct kw_engine_options *want, const struct kw_options *o, const char *model,
                                     struct kw_error *err);

/* Opens what --model (or the name given) and the other engine options say; a line on stderr tells what started and how
 * long it took, unless quiet. */
enum kw_status kw_cli_engine_open(struct kw_engine *e, struct kw_device *d, const struct kw_options *o,
                                  const char *model, struct kw_error *err);

/* Not 0 after the first SIGINT or SIGTERM; the second kills as usual. */
const volatile sig_atomic_t *kw_cli_engine_stop(void);

/* "1,2,512" to numbers in [lo, hi]; malloc'd, at least one. name: the option, for messages. */
enum kw_status kw_cli_engine_numbers(uint32_t **v, size_t *n, const char *text, uint32_t lo, uint32_t hi,
                                     const char *name, struct kw_error *err);
/* A plain decimal such as 0.25, >= 0. */
enum kw_status kw_cli_engine_decimal(double *v, const char *text, const char *name, struct kw_error *err);

#endif
