/* workloads/readers/row_ids.h - which row of a log holds an id already: logs repeat what they update. */
#ifndef KW_WORKLOADS_READERS_ROW_IDS_H
#define KW_WORKLOADS_READERS_ROW_IDS_H
#include <stddef.h>
#include <stdint.h>
#include "sim/core/span.h"
#include "sim/core/status.h"

struct kw_row_ids { /* zeroed is empty; at least a quarter of the slots is free */
    struct kw_row_id {
        uint32_t
            hash[2]; /* of the id; both 0: free. Two ids of one hash are taken for one: 64 bits, so among ten million
                             rows with a probability of 3e-6 */
        uint32_t row;
    } * slot; /* [slots] */
    size_t n, slots;
};

void kw_row_ids_free(struct kw_row_ids *s);
/* The id's hash. Its slot, far from the last one, is on its way into the cache from then on. */
uint64_t kw_row_ids_hash(const struct kw_row_ids *s, struct kw_span id);
/* The row that has the id of this hash, or -1 and `row` has it from now on. KW_ENOMEM. */
enum kw_status kw_row_ids_put(struct kw_row_ids *s, uint64_t hash, uint32_t row, int64_t *had, struct kw_error *err);

#endif
