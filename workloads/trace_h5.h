/* workloads/trace_h5.h - a trace in HDF5: every column, the names and the notes; written and read. */
#ifndef KW_WORKLOADS_TRACE_H5_H
#define KW_WORKLOADS_TRACE_H5_H
#include "workloads/trace.h"

/* Writes every column and the notes as HDF5 (format "keepwarm", readable by h5py); kw_trace_h5_load reads it back
 * equal.
 */
enum kw_status kw_trace_save(const struct kw_trace *t, const char *path, struct kw_error *err);

/* Reads what kw_trace_save wrote and checks every invariant, as the file may come from elsewhere. KW_EINPUT,
 * KW_EPARSE, KW_ERANGE, KW_ENOMEM; on failure *t is empty. */
enum kw_status kw_trace_h5_load(struct kw_trace *t, const char *path, struct kw_error *err);

#endif
