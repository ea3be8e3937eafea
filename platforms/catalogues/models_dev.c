/* models.dev's api.json (sst/models.dev, MIT): an object of providers, each with models by id; cost in dollars per 1e6
 * tokens, limit.context the window. Longer prompts cost more by cost.tiers, before by cost.context_over_200k. Shape as
 * its readers of 2026 state it. */
#include "platforms/catalogues/price_list.h"
#include <string.h>
#include "platforms/facts/sale.h"

static const struct kw_provider providers[] = { { "amazon-bedrock", "bedrock" },
                                                { "anthropic", "anthropic" },
                                                { "azure", "azure-openai" },
                                                { "fireworks-ai", "fireworks-api" },
                                                { "google", "gemini" },
                                                { "google-vertex", "vertex-api" },
                                                { "groq", "groq" },
                                                { "openai", "openai" },
                                                { "togetherai", "together-api" },
                                                { NULL, NULL } };

static bool is(struct kw_jnode root)
{
    int n = kw_json_is_object(root) ? kw_json_len(root) : 0;
    for (int i = 0; i < n; i++)
        if (!kw_json_is_object(kw_json_get(kw_json_member(root, i, NULL), "models"))) return false;
    return n > 0;
}

static enum kw_status read_rates(struct kw_price_list *l, struct kw_jnode rates, const enum kw_listed fact[4],
                                 struct kw_listing *x, struct kw_error *err)
{
    static const char *const keys[] = { "input", "cache_read", "cache_write", "output" };
    for (int i = 0; i < 4; i++) KW_TRY(kw_price_list_number(l, kw_json_get(rates, keys[i]), 0, &x->fact[fact[i]], err));
    return KW_OK;
}

/* cost.tiers, or before there were such the one above 200,000. */
static enum kw_status read_above(struct kw_price_list *l, struct kw_jnode cost, struct kw_listing *x,
                                 struct kw_error *err)
{
    static const enum kw_listed above[] = { KW_LISTED_ABOVE_IN, KW_LISTED_ABOVE_CACHED_IN, KW_LISTED_ABOVE_CACHE_WRITE,
                                            KW_LISTED_ABOVE_OUT };
    struct kw_jnode tiers = kw_json_get(cost, "tiers"), old = kw_json_get(cost, "context_over_200k");
    for (int i = 0; i < kw_json_len(tiers); i++) {
        struct kw_jnode tier = kw_json_get(kw_json_at(tiers, i), "tier");
        struct kw_listed_value size = { .known = false };
        const char *type;
        KW_TRY(kw_json_str_or(kw_json_get(tier, "type"), "context", &type, err));
        KW_TRY(kw_price_list_tokens(kw_json_get(tier, "size"), &size, err));
        if (strcmp(type, "context"))
            kw_price_list_note(x, "other prices by %.30s, which are left out", type);
        else if (size.known && kw_price_list_above(x, size.v))
            KW_TRY(read_rates(l, kw_json_at(tiers, i), above, x, err));
    }
    if (kw_json_len(tiers) || !kw_json_present(old)) return KW_OK;
    kw_price_list_above(x, 200000);
    return read_rates(l, old, above, x, err);
}

static enum kw_status read_model(struct kw_price_list *l, struct kw_jnode n, const char *platform, const char *id,
                                 struct kw_error *err)
{
    static const enum kw_listed base[] = { KW_LISTED_IN, KW_LISTED_CACHED_IN, KW_LISTED_CACHE_WRITE, KW_LISTED_OUT };
    struct kw_jnode cost = kw_json_get(n, "cost");
    const char *status;
    struct kw_listing *x = kw_price_list_add(l, platform, id);
    if (!x) return kw_fail(err, KW_ENOMEM, "%s: out of memory", l->name);
    KW_TRY(read_rates(l, cost, base, x, err));
    KW_TRY(read_above(l, cost, x, err));
    KW_TRY(kw_price_list_tokens(kw_json_get(kw_json_get(n, "limit"), "context"), &x->fact[KW_LISTED_WINDOW], err));
    KW_TRY(kw_json_str_or(kw_json_get(n, "status"), "", &status, err));
    if (!strcmp(status, "deprecated"))
        x->fact[KW_LISTED_STATUS] = (struct kw_listed_value){ .known = true, .v = KW_SALE_DEPRECATED };
    kw_price_list_settle(l);
    return KW_OK;
}

static enum kw_status read(struct kw_price_list *l, const struct kw_price_list_options *o, struct kw_error *err)
{
    struct kw_jnode root = kw_json_root(&l->doc);
    for (int i = 0; i < kw_json_len(root); i++) {
        const char *provider, *id;
        struct kw_jnode models = kw_json_get(kw_json_member(root, i, &provider), "models");
        for (int k = 0; k < kw_json_len(models); k++) {
            struct kw_jnode n = kw_json_member(models, k, &id);
            const char *platform = kw_price_list_platform(l, o, providers, provider);
            if (!kw_json_is_object(n)) return kw_json_fail(n, KW_EPARSE, err, "want an object, a model");
            if (*platform) KW_TRY(read_model(l, n, platform, id, err));
        }
    }
    return KW_OK;
}

const struct kw_price_form kw_form_models_dev = {
    .name = "models.dev",
    .id = "models-dev",
    .source = "models.dev api.json (sst/models.dev, MIT)",
    .is = is,
    .read = read,
};
