/* config.json as the planner reads it: any bytes give a shape whose counts and bytes can be computed with, or an error of
 * one line. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "calibrate/profile/model_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kw_model_shape m = { .name = "fuzz" };
    struct kw_error err = { "" };
    struct kw_json doc;
    if (kw_json_parse(&doc, "fuzz", (const char *)data, size, &err) != KW_OK) return 0;
    enum kw_status st = kw_model_config_read(kw_json_root(&doc), &m, &err);
    kw_json_free(&doc);
    if (st != KW_OK) {
        if (!err.msg[0] || strchr(err.msg, '\n') || m.layers) abort();
        return 0;
    }
    const char *own = kw_model_own_precision(&m);
    if (m.window_layers > m.layers || m.linear_layers > m.layers || m.experts.dense_layers > m.layers) abort();
    if (m.heads % m.kv_heads || m.experts.active > m.experts.n) abort();
    if (!(m.n_params > 0) || !(m.active_params <= m.n_params) || !isfinite(m.n_params)) abort();
    if (!(kw_model_weight_bytes(&m, own) > 0) || kw_model_weight_bytes(&m, own) > 2 * m.n_params) abort();
    if (!(kw_model_kv_bytes(&m, own, 100) >= 0) || kw_model_experts_touched(&m, 9) > m.experts.n) abort();
    return 0;
}
