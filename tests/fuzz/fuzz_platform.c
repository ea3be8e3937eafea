/* The platform reader and the texts made from what it read: any bytes give a platform or an error, never more. */
#include <stdint.h>
#include <stdlib.h>
#include "platforms/facts/platform_read.h"
#include "platforms/facts/platforms.h"
#include "platforms/facts/show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kw_platform p;
    struct kw_error err = { "" };
    if (kw_platform_parse(&p, "fuzz", (const char *)data, size, &err) != KW_OK) {
        if (!err.msg[0]) abort(); /* every failure has a message */
        return 0;
    }
    if (p.scaling.keep_warm > p.scaling.max_replicas) abort();
    for (size_t i = 0; i < p.n_gpus; i++)
        if (p.gpus[i].gpu_hour.v < 0 || p.gpus[i].gpus_min < 1 || p.gpus[i].gpus_max % p.gpus[i].gpus_min) abort();
    char *text = NULL;
    if (kw_show_platform(&p, &text, &err) == KW_OK) free(text);
    if (kw_show_check(&p, "fuzz", "2026-11-24", &text, NULL, &err) == KW_OK) free(text);
    struct kw_platforms one = { &p, 1 };
    if (kw_show_list(&one, "2026-11-24", &text, &err) == KW_OK) free(text);
    kw_platform_free(&p);
    return 0;
}
