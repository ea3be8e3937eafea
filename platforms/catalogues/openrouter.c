/* OpenRouter's own list of models, the answer of GET https://openrouter.ai/api/v1/models: {"data": [{"id": "vendor/model",
 * "context_length", "expiration_date", "pricing": {"prompt": "0.0000025", ...}}]}, decimal strings, dollars a token. Its
 * price is what it charges, whoever answers: a platform of its own, not the vendor's. */
#include "platforms/catalogues/price_list.h"
#include "platforms/facts/sale.h"

static const struct kw_provider itself[] = { { "openrouter", "openrouter" }, { NULL, NULL } };

static bool is(struct kw_jnode root)
{
    struct kw_jnode data = kw_json_get(root, "data");
    return kw_json_len(data) > 0 && kw_json_present(kw_json_get(kw_json_at(data, 0), "pricing"));
}

static enum kw_status read_model(struct kw_price_list *l, struct kw_jnode n, const char *platform, struct kw_error *err)
{
    static const struct {
        const char *key;
        enum kw_listed fact;
    } prices[] = { { "prompt", KW_LISTED_IN },
                   { "input_cache_read", KW_LISTED_CACHED_IN },
                   { "input_cache_write", KW_LISTED_CACHE_WRITE },
                   { "completion", KW_LISTED_OUT } };
    const char *id, *ends;
    struct kw_jnode pricing = kw_json_get(n, "pricing");
    KW_TRY(kw_json_str(kw_json_get(n, "id"), &id, err));
    struct kw_listing *x = kw_price_list_add(l, platform, id);
    if (!x) return kw_fail(err, KW_ENOMEM, "%s: out of memory", l->name);
    for (size_t i = 0; i < sizeof prices / sizeof *prices; i++)
        KW_TRY(kw_price_list_number(l, kw_json_get(pricing, prices[i].key), 6, &x->fact[prices[i].fact], err));
    KW_TRY(kw_price_list_tokens(kw_json_get(n, "context_length"), &x->fact[KW_LISTED_WINDOW], err));
    KW_TRY(kw_json_str_or(kw_json_get(n, "expiration_date"), "", &ends, err));
    kw_price_list_day(ends, &x->fact[KW_LISTED_ENDS]);
    if (x->fact[KW_LISTED_ENDS].known)
        x->fact[KW_LISTED_STATUS] = (struct kw_listed_value){ .known = true, .v = KW_SALE_DEPRECATED };
    kw_price_list_settle(l);
    return KW_OK;
}

static enum kw_status read(struct kw_price_list *l, const struct kw_price_list_options *o, struct kw_error *err)
{
    struct kw_jnode data = kw_json_get(kw_json_root(&l->doc), "data");
    const char *platform = kw_price_list_platform(l, o, itself, "openrouter");
    for (int i = 0; *platform && i < kw_json_len(data); i++) KW_TRY(read_model(l, kw_json_at(data, i), platform, err));
    return KW_OK;
}

const struct kw_price_form kw_form_openrouter = {
    .name = "OpenRouter",
    .id = "openrouter",
    .source = "openrouter.ai/api/v1/models",
    .seller = true,
    .is = is,
    .read = read,
};
