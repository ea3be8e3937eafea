/* sim/core/files/file.h - a file written whole or not at all: under a temporary name beside it, synced, renamed, its
 * directory synced. The only place that renames, so every result, profile and checkpoint survives a crash alike. */
#ifndef KW_SIM_CORE_FILES_FILE_H
#define KW_SIM_CORE_FILES_FILE_H
#include <stddef.h>
#include "sim/core/status.h"

/* A file in the making. tmp is "<path>.tmp.<pid>": in the same directory, since a rename cannot leave a file system. */
struct kw_file {
    char *path, *tmp; /* owned */
    int fd;           /* of tmp; a library that opens files by name may write it too: what is synced is the file */
};

/* Makes the temporary file, empty, open to read and write. path must not exist or be a regular file: no rename over
 * /dev/null. KW_EIO "path: reason", KW_ENOMEM; nothing is left then. */
enum kw_status kw_file_create(struct kw_file *f, const char *path, struct kw_error *err);
/* Appends from[0..n). KW_EIO "path: reason". */
enum kw_status kw_file_write(struct kw_file *f, const void *from, size_t n, struct kw_error *err);
/* Syncs, closes and renames it over path, and syncs the directory. f is done with either way. On KW_EIO the temporary
 * file is gone and path as it was, except that after "cannot sync its directory" the new file is in place but may not
 * outlive a power cut. */
enum kw_status kw_file_commit(struct kw_file *f, struct kw_error *err);
void kw_file_abandon(struct kw_file *f); /* closes and removes the temporary file; path is as it was */

/* All of these for a text at hand: puts text[0..n) at path. */
enum kw_status kw_file_replace(const char *path, const char *text, size_t n, struct kw_error *err);
/* Can a file be put there? Makes the temporary file and removes it; path is not touched. Asked before hours of work
 * whose result goes there. KW_EIO "path: reason". */
enum kw_status kw_file_check(const char *path, struct kw_error *err);

#endif
