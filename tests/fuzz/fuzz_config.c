/* config.json: any bytes give a config whose sizes can be computed with, and which comes back from what it writes, or
 * an error. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "engine/model/weights.h"
#include "tests/fuzz/elements.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kw_model_config c, back;
    struct kw_weights_layout l;
    struct kw_weight w;
    struct kw_error err = { "" };
    if (kw_config_parse(&c, "fuzz", (const char *)data, size, &err) != KW_OK) {
        if (!err.msg[0]) abort();
        return 0;
    }
    if (c.heads % c.kv_heads || c.head_dim % 2 || c.n_eos > 8) abort();
    for (uint32_t i = 0; i < c.head_dim / 2; i++)
        if (!isfinite(kw_config_inv_freq(&c, i))) abort();
    if (!kw_config_kv_values(&c) || !(kw_config_flops(&c, 1, 1, 1) > 0)) abort();
    for (int p = 0; p < 4; p++) {
        kw_weights_layout(&l, &c, (enum kw_dtype)p);
        if (l.bytes / 8 > kw_config_params(&c) + 4096 * ((uint64_t)c.layers + 1)) abort(); /* nothing wrapped around */
        for (size_t i = 0; i < 64 && kw_weights_at(&l, i, &w); i++)
            if (w.matrix.offset % 256 || w.matrix.bytes > l.bytes || w.matrix.offset > l.bytes - w.matrix.bytes)
                abort();
    }
    char *text;
    if (kw_config_write(&c, &text, &err) != KW_OK) return 0;
    if (kw_config_parse(&back, "written", text, strlen(text), &err) != KW_OK) abort();
    if (back.layers != c.layers || back.hidden != c.hidden || back.rope != c.rope || back.bos != c.bos) abort();
    free(text);
    return 0;
}
