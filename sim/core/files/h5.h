/* sim/core/files/h5.h - the thin HDF5 layer: the only file that calls HDF5, and only from one thread. Files are written
 * under a temporary name, synced and renamed on close (file.h), so a reader never sees half a file. Readable by h5py,
 * xarray and h5web: dimension scales, "units" and "description" attributes. No timestamps inside HDF5 objects (same
 * bytes). */
#ifndef KW_SIM_CORE_FILES_H5_H
#define KW_SIM_CORE_FILES_H5_H
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"

enum kw_h5_type { KW_H5_I64, KW_H5_U64, KW_H5_U32, KW_H5_U16, KW_H5_U8, KW_H5_F64, KW_H5_STR };

struct kw_h5; /* an open file */

/* Every message begins "FILE: " or "FILE: /object: ". Statuses: KW_EIO with the system's reason (disk full,
 * permission), KW_EINPUT for a file to read that is not there, KW_ENOMEM, KW_EPARSE for a file read that is no HDF5, is
 * damaged or holds another type, KW_EFAIL for a call that makes no sense (a parent group that does not exist, a name
 * taken, a scale of another length). After a failed call the file is still open: the caller commits or abandons it.
 * KW_ENOMEM is sure for our own allocations only: HDF5 1.10 does not survive every failed allocation inside itself. */

/* path must not exist or be a regular file (never renames over /dev/null). *f is NULL on failure. */
enum kw_status kw_h5_create(struct kw_h5 **f, const char *path, struct kw_error *err);
/* Flush, close, then kw_file_commit. f is gone either way; on failure the temporary file is removed and path is
 * untouched. */
enum kw_status kw_h5_commit(struct kw_h5 *f, struct kw_error *err);
void kw_h5_abandon(struct kw_h5 *f); /* close without renaming; NULL is allowed; also closes a file opened to read */

/* The parent must exist. description may be NULL. */
enum kw_status kw_h5_group(struct kw_h5 *f, const char *path, const char *description, struct kw_error *err);

/* A dataset of rank 1..4, C order; its group must exist. xarray opens a group only if each dimension of each dataset
 * in it has a scale in that group or one above. type KW_H5_STR: data is const char *const[], stored as variable-length
 * UTF-8, never deflated; for columns of millions store codes instead.
 * dims[i] names the scale dataset (path, must exist already, rank 1) of dimension i, or NULL for none.
 * scale != NULL makes this rank-1 dataset a dimension scale with that name. deflate 0..9. */
struct kw_h5_dataset {
    const char *path; /* "/points/cost_usd_month" */
    enum kw_h5_type type;
    const char *units;       /* "" for none */
    const char *description; /* one line */
    int rank;
    size_t shape[4];
    const char *dims[4];
    const char *scale;
    int deflate;
};
enum kw_status kw_h5_write(struct kw_h5 *f, const struct kw_h5_dataset *d, const void *data, struct kw_error *err);

/* Attributes of a group or dataset ("/" is the root); written again, the later value stands. Strings are UTF-8 of any
 * length. */
enum kw_status kw_h5_attr_str(struct kw_h5 *f, const char *object, const char *name, const char *value,
                              struct kw_error *err);
enum kw_status kw_h5_attr_i64(struct kw_h5 *f, const char *object, const char *name, int64_t v, struct kw_error *err);

/* Reading. rank 0 (a scalar) has n = 1. */
enum kw_status kw_h5_open(struct kw_h5 **f, const char *path, struct kw_error *err);
enum kw_status kw_h5_shape(struct kw_h5 *f, const char *path, int *rank, size_t shape[4], struct kw_error *err);
int kw_h5_exists(struct kw_h5 *f, const char *path);
/* Reads the whole dataset, converting to type; *data is malloc'd, the caller frees. Integers convert to doubles but not
 * back, and a value that does not fit an integer type is KW_ERANGE, never clamped. KW_H5_STR gives one block: n char*
 * followed by the bytes, so one free() is enough. */
enum kw_status kw_h5_read(struct kw_h5 *f, const char *path, enum kw_h5_type type, void **data, size_t *n,
                          struct kw_error *err);
/* The same of a dataset that has to hold `want` values; out is the address of the pointer. KW_EPARSE: it holds another
 * number. */
enum kw_status kw_h5_read_n(struct kw_h5 *f, const char *path, enum kw_h5_type type, size_t want, void *out,
                            struct kw_error *err);
/* *out is malloc'd, the caller frees. An attribute that is not there is KW_EPARSE. */
enum kw_status kw_h5_read_attr_str(struct kw_h5 *f, const char *object, const char *name, char **out,
                                   struct kw_error *err);
enum kw_status kw_h5_read_attr_i64(struct kw_h5 *f, const char *object, const char *name, int64_t *out,
                                   struct kw_error *err);

#endif
