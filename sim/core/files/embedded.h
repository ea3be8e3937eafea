/* sim/core/files/embedded.h - the data files compiled into the program (platforms, profiles, workloads), so that it
 * runs from anywhere with no data directory. The Makefile lists them; they are found by their path in the repository.
 */
#ifndef KW_SIM_CORE_FILES_EMBEDDED_H
#define KW_SIM_CORE_FILES_EMBEDDED_H
#include <stddef.h>

/* The i-th file in path order: its path ("platforms/modal.json"), text and length. NULL past the end. */
const char *kw_embedded_at(size_t i, const char **text, size_t *len);
/* The text of one file, NUL-terminated, or NULL. */
const char *kw_embedded_find(const char *path, size_t *len);

#endif
