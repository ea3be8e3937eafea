/* calibrate/profile/table.h - a list of the data compiled into the program (calibrate/data/gpus.json, models.json) as
 * rows of a struct, read by the first caller that asks. */
#ifndef KW_CALIBRATE_PROFILE_TABLE_H
#define KW_CALIBRATE_PROFILE_TABLE_H
#include <pthread.h>
#include <stddef.h>
#include "sim/core/files/json.h"

struct kw_table {
    const char *path, *key; /* the embedded file, and its list */
    enum kw_status (*read)(struct kw_jnode n, void *row, struct kw_error *err);
    void *rows; /* [cap] of `size` bytes each, static storage of the owner */
    size_t size, cap;
    size_t n;             /* read so far: 0 or all of them */
    pthread_mutex_t lock; /* OpenMP threads may race to be the first */
};

/* The rows of t, read if they are not yet. 0 when memory ran out: the next call tries again. Any other failure is our
 * own file's, and asserted. */
size_t kw_table_load(struct kw_table *t);

#endif
