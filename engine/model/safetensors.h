/* engine/model/safetensors.h - a checkpoint: the headers of one .safetensors file or of all shards of an index, checked
 * before anything is trusted. Format (huggingface/safetensors README): u64 little-endian header length N, N bytes of
 * JSON
 * {"name": {"dtype": "BF16", "shape": [..], "data_offsets": [begin, end]}, "__metadata__": {..}}, then the data;
 * offsets count from the first data byte. Refused: N beyond the file or 100 MB, offsets that are reversed, outside the
 * file, overlapping or leaving holes, a shape whose size is not end - begin, duplicate names, paths in an index that
 * leave its folder. */
#ifndef KW_ENGINE_MODEL_SAFETENSORS_H
#define KW_ENGINE_MODEL_SAFETENSORS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "engine/model/dtype.h"
#include "sim/core/status.h"

enum kw_st_dtype { /* what a header may say; the engine reads the first four */
                   KW_ST_F32 = KW_DT_FP32,
                   KW_ST_BF16 = KW_DT_BF16,
                   KW_ST_F16 = KW_DT_FP16,
                   KW_ST_F8_E4M3 = KW_DT_FP8,
                   KW_ST_OTHER /* F64, I64, BOOL, F8_E5M2 ...: sized and kept, but not readable as weights */
};

struct kw_tensor {
    const char *name; /* owned by the checkpoint */
    enum kw_st_dtype dtype;
    uint32_t n_dims; /* 0..8 */
    uint64_t shape[8];
    uint64_t offset, bytes; /* in its file, counted from the file's start */
    uint32_t file;          /* index of the shard */
};

struct kw_checkpoint {    /* owns everything; read-only once open */
    char **path;          /* [n_files] */
    uint64_t *file_bytes; /* [n_files] */
    uint32_t n_files;
    struct kw_tensor *tensors; /* [n_tensors] sorted by name */
    size_t n_tensors;
    char **names;        /* [n_files] the names of a file's tensors, NUL-terminated one after the other */
    uint64_t data_bytes; /* sum over tensors */
};

/* path: a .safetensors file, a model.safetensors.index.json, or a folder that holds model.safetensors or that index.
 * KW_EINPUT, KW_EPARSE, KW_ERANGE with file and tensor named. *k is empty on failure. */
enum kw_status kw_checkpoint_open(struct kw_checkpoint *k, const char *path, struct kw_error *err);
void kw_checkpoint_free(struct kw_checkpoint *k);                                            /* safe to call again */
const struct kw_tensor *kw_checkpoint_find(const struct kw_checkpoint *k, const char *name); /* NULL when absent */

/* The core under it: adds the tensors of one header, text[0..len) being the JSON, of a file of file_bytes whose data
 * begins at 8 + len. Knows no file. A name that another file holds already is refused. Unchanged on failure. */
enum kw_status kw_checkpoint_add(struct kw_checkpoint *k, const char *path, const char *text, size_t len,
                                 uint64_t file_bytes, struct kw_error *err);

#endif
