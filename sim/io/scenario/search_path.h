/* sim/io/scenario/search_path.h - where the files lie that a scenario names (trace, profiles, platforms): a relative
 * path is looked for in the scenario's folder, then, where a result is opened again, in the result's, then in the
 * working folder. */
#ifndef KW_SIM_IO_SCENARIO_SEARCH_PATH_H
#define KW_SIM_IO_SCENARIO_SEARCH_PATH_H
#include <stdbool.h>
#include "sim/core/status.h"

enum { KW_SEARCH_FOLDERS = 2, KW_SEARCH_PATH_SIZE = 1024 };

struct kw_search_path {                                  /* all zero: the working folder alone */
    char folder[KW_SEARCH_FOLDERS][KW_SEARCH_PATH_SIZE]; /* looked in one after the other; "": no such place */
};

/* The folder of `document` (a path; NULL and "-" have none), and before it `recorded` (may be NULL), the scenario's
 * folder of which the result at `document` tells. A folder whose name is too long is left out. */
void kw_search_path_init(struct kw_search_path *p, const char *document, const char *recorded);
/* The file to open for `path`: into buf where it is found beside, else path itself (an absolute path, "-", and what
 * is in neither place; also what is built in). *beside (may be NULL): it was found in folder[0]. */
const char *kw_search_path_find(const struct kw_search_path *p, const char *path, char buf[KW_SEARCH_PATH_SIZE],
                                bool *beside);
/* Adds to the message the other places where `path` was looked for, if it is not in the working folder either.
 * Returns st. */
enum kw_status kw_search_path_nor(const struct kw_search_path *p, const char *path, enum kw_status st,
                                  struct kw_error *err);

#endif
