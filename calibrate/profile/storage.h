/* calibrate/profile/storage.h - how fast weights come from where they lie: an object store, a network disk, the node's own
 * disk, the page cache (calibrate/data/storage.json, embedded). Laws in bytes/s over all GPUs of a replica, of the
 * safetensors loader but where a row says otherwise; each with source, date and grade.
 *
 * p GPUs load p^e times as fast, e from the one pair of loads on 1 and on 8 GPUs: of several GPUs a law is graded
 * estimated. */
#ifndef KW_CALIBRATE_PROFILE_STORAGE_H
#define KW_CALIBRATE_PROFILE_STORAGE_H
#include <stdint.h>
#include "sim/core/law.h"

#define KW_STORAGE_UNKNOWN "unknown" /* nobody says where: as slow as a network disk, or as fast as the node's own */
#define KW_STORAGE_NODE "node_nvme"  /* the node's own disk */

/* The law of that path. KW_ERANGE with the paths there are. */
enum kw_status kw_storage_law(struct kw_law *out, const char *path, uint32_t gpus, struct kw_error *err);

#endif
