/* sim/io/results/writer.h - an HDF5 file in the making that stops at the first failure, so that a long row of datasets
 * reads as one: every call after a failure does nothing, and the end says what it was. */
#ifndef KW_SIM_IO_RESULTS_WRITER_H
#define KW_SIM_IO_RESULTS_WRITER_H
#include "sim/core/files/h5.h"

struct kw_writer {
    struct kw_h5 *f;
    enum kw_status st; /* of the first failure */
    struct kw_error *err;
};

/* A file that takes path's place at the end. On failure there is nothing to end. */
enum kw_status kw_writer_open(struct kw_writer *w, const char *path, struct kw_error *err);
/* The file is complete, or, after a failure, gone. */
enum kw_status kw_writer_close(struct kw_writer *w);

void kw_writer_group(struct kw_writer *w, const char *path, const char *description);
void kw_writer_attr(struct kw_writer *w, const char *name, const char *value); /* of the root; NULL counts as "" */
void kw_writer_attr_i64(struct kw_writer *w, const char *name, int64_t v);
void kw_writer_put(struct kw_writer *w, struct kw_h5_dataset d, const void *data);
/* A scale 0, 1, ... n - 1. */
void kw_writer_index(struct kw_writer *w, const char *path, const char *name, size_t n, const char *description);
void kw_writer_no_memory(struct kw_writer *w); /* the caller could not make what it wanted to put */

/* What every file says of itself: title, schema_version, the build's version, revision and flags, the command. */
void kw_writer_about(struct kw_writer *w, const char *title, int64_t schema_version, const char *command);
/* created_utc as ISO 8601; "" for 0. */
void kw_writer_created(struct kw_writer *w, int64_t created_utc);

#endif
