/* sim/watch/state.h - a ledger as an HDF5 file, put in place whole (sim/core/files/file.h): a watch that is killed leaves
 * the one before, and what it had not kept is read again. */
#ifndef KW_SIM_WATCH_STATE_H
#define KW_SIM_WATCH_STATE_H
#include "sim/watch/ledger.h"

/* Two watches of one state would each put in place what the other has not counted: the second is refused. *lock is closed to give
 * it back, and a process that ends gives it back; the file PATH.lock stays. KW_EINPUT: another has it, or it cannot be made. */
enum kw_status kw_watch_lock(int *lock, const char *path, struct kw_error *err);

enum kw_status kw_watch_save(const struct kw_watch_ledger *l, const char *path, struct kw_error *err);
/* *l is empty where there is no such file. KW_EPARSE: it is no state, KW_ERANGE: it contradicts itself. On failure *l is empty. */
enum kw_status kw_watch_load(struct kw_watch_ledger *l, const char *path, struct kw_error *err);

#endif
