/* sim/core/files/file.h - a text file written whole or not at all: temporary file beside it, synced, renamed, directory
 * synced. */
#ifndef KW_SIM_CORE_FILES_FILE_H
#define KW_SIM_CORE_FILES_FILE_H
#include <stddef.h>
#include "sim/core/status.h"

/* Puts text[0..n) at path, which must not exist or be a regular file. KW_EIO "path: reason" on any failure; path is
 * then as it was and no temporary file is left. */
enum kw_status kw_file_replace(const char *path, const char *text, size_t n, struct kw_error *err);
/* Can kw_file_replace (or kw_h5_create) put a file there? Makes the temporary file and removes it; path is not touched.
 * Asked before hours of work whose result goes there. KW_EIO "path: reason". */
enum kw_status kw_file_check(const char *path, struct kw_error *err);

#endif
