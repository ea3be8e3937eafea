/* A safetensors header: any bytes give tensors that tile their file, or an error. The first byte says how much data
 * there is beyond the header. */
#include <stdint.h>
#include <stdlib.h>
#include "engine/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kw_checkpoint k = { 0 };
    struct kw_error err = { "" };
    if (!size) return 0;
    uint64_t file = 8 + (size - 1) + data[0];
    if (kw_checkpoint_add(&k, "fuzz", (const char *)data + 1, size - 1, file, &err) != KW_OK) {
        if (!err.msg[0] || k.n_files || k.n_tensors) abort();
        kw_checkpoint_free(&k); /* it may have grown */
        return 0;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < k.n_tensors; i++) {
        const struct kw_tensor *t = &k.tensors[i];
        if (t->offset < 8 + (size - 1) || t->bytes > file || t->offset > file - t->bytes || t->n_dims > 8) abort();
        if (kw_checkpoint_find(&k, t->name) != t) abort();
        sum += t->bytes;
    }
    if (sum != data[0]) abort();
    kw_checkpoint_free(&k);
    return 0;
}
