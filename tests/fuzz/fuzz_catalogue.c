/* Catalogues of prices and what they change of a platform file: any bytes give a list or an error; what is then written of
 * a file is a platform file, and the same list changes it no more. */
#include <stdint.h>
#include <stdlib.h>
#include "platforms/catalogues/revision.h"
#include "platforms/facts/platform_read.h"
#include "tests/fuzz/elements.h"

static const char API[] =
    "{ \"keepwarm_platform\": 1, \"name\": \"openai\", \"title\": \"T\", \"kind\": \"api\",\n"
    "  \"sources\": { \"s\": {\"source\": \"p\", \"date\": \"2026-01-01\", \"grade\": \"published\"} },\n"
    "  \"apis\": [ { \"model\": \"m\", \"sku\": \"m\", \"src\": \"s\", \"in_mtok\": \"1\", \"out_mtok\": \"2\", "
    "\"ends\": \"2026-02\",\n"
    "    \"priority\": {\"in_mtok\": \"2\", \"out_mtok\": \"4\"}, \"above\": {\"tokens\": 200000, \"in_mtok\": \"2\", "
    "\"out_mtok\": "
    "\"3\"} } ] }";
static const char GPUS[] =
    "{ \"keepwarm_platform\": 1, \"name\": \"aws\", \"title\": \"T\", \"kind\": \"dedicated\",\n"
    "  \"sources\": { \"s\": {\"source\": \"p\", \"date\": \"2026-01-01\", \"grade\": \"published\"} },\n"
    "  \"gpus\": [ { \"gpu\": \"H100\", \"sku\": \"p5.48xlarge\", \"count\": [8, 8], \"src\": \"s\", \"hour\": "
    "\"6.88\" } ] }";

static void revise(struct kw_price_list *l, const char *text, size_t len)
{
    struct kw_error err = { "" };
    struct kw_platforms none = { NULL, 0 };
    const char *add[] = { "all" };
    const struct kw_revision_options o = { .all = &none, .add = add, .n_add = 1 };
    struct kw_revision r = { .n = 0 }, again = { .n = 0 };
    struct kw_platform p;
    for (size_t i = 0; i < l->n; i++) l->v[i].taken = false;
    if (kw_revision_make(&r, l, "file", text, len, &o, &err) != KW_OK) abort();
    if (r.text) {
        if (kw_platform_parse(&p, "file", r.text, r.len, &err) != KW_OK) abort();
        kw_platform_free(&p);
        for (size_t i = 0; i < l->n; i++) l->v[i].taken = false;
        if (kw_revision_make(&again, l, "file", r.text, r.len, &o, &err) != KW_OK || again.text) abort();
        kw_revision_free(&again);
    }
    kw_revision_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const gpus[] = { "A100-40", "A100-80", "H100", "L4", "T4", NULL };
    const struct kw_price_list_options o = { .date = "2026-11-28", .gpus = gpus };
    struct kw_price_list l;
    struct kw_error err = { "" };
    if (kw_price_list_read(&l, "fuzz", (const char *)data, size, &o, &err) != KW_OK) {
        if (!err.msg[0] || l.v || l.left) abort(); /* every failure has a message and leaves nothing */
        return 0;
    }
    revise(&l, API, sizeof API - 1);
    revise(&l, GPUS, sizeof GPUS - 1);
    char *blank = kw_revision_blank(&l, "openrouter");
    if (blank) revise(&l, blank, strlen(blank));
    free(blank);
    kw_price_list_free(&l);
    return 0;
}
