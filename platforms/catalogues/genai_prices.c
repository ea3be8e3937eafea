/* genai-prices' data.json (pydantic/genai-prices, MIT): a list of providers, each with models; prices in dollars per 1e6
 * tokens, plain or {"base", "tiers": [{"start", "price"}]}, or a list of such sets of which a constraint says when each
 * holds. A model goes by its id and by whatever its match rules accept. */
#include "platforms/catalogues/price_list.h"
#include <ctype.h>
#include <string.h>
#include "platforms/facts/sale.h"
#include "sim/core/date.h"

static const struct kw_provider providers[] = {
    { "fireworks", "fireworks-api" }, { "google", "gemini" },         { "groq", "groq" },
    { "openai", "openai" },           { "together", "together-api" }, { NULL, NULL }
};

static bool is(struct kw_jnode root)
{
    struct kw_jnode first = kw_json_at(root, 0);
    return kw_json_present(kw_json_get(first, "id")) && kw_json_is_array(kw_json_get(first, "models"));
}

/* ---- which set of prices */

/* The last set that holds on the day, as genai-prices takes it (its types.py of 2026-08), where none does the first; a set
 * that holds at hours of a day is told and not taken. */
static struct kw_jnode valid_set(struct kw_jnode prices, const char *date, struct kw_listing *x)
{
    if (!kw_json_is_array(prices)) return prices;
    struct kw_jnode set = kw_json_get(kw_json_at(prices, 0), "prices");
    for (int i = 0; i < kw_json_len(prices); i++) {
        struct kw_jnode of = kw_json_at(prices, i), when = kw_json_get(of, "constraint");
        const char *from = "", *start = "", *end = "";
        kw_json_str_or(kw_json_get(when, "start_date"), "", &from, NULL);
        kw_json_str_or(kw_json_get(when, "start_time"), "", &start, NULL);
        kw_json_str_or(kw_json_get(when, "end_time"), "", &end, NULL);
        if (*start || *end)
            kw_price_list_note(x, "another price from %.20s to %.20s", start, end);
        else if (!*from || kw_date_age_days(from, date) >= 0)
            set = kw_json_get(of, "prices");
    }
    return set;
}

/* A price, and the one of longer prompts where it has tiers: by the whole request, as genai-prices counts. */
static enum kw_status read_price(struct kw_price_list *l, struct kw_jnode n, enum kw_listed base, enum kw_listed above,
                                 struct kw_listing *x, struct kw_error *err)
{
    struct kw_jnode tiers = kw_json_get(n, "tiers");
    KW_TRY(kw_price_list_number(l, kw_json_is_object(n) ? kw_json_get(n, "base") : n, 0, &x->fact[base], err));
    for (int i = 0; i < kw_json_len(tiers); i++) {
        struct kw_listed_value start = { .known = false };
        KW_TRY(kw_price_list_tokens(kw_json_get(kw_json_at(tiers, i), "start"), &start, err));
        if (start.known && kw_price_list_above(x, start.v))
            KW_TRY(kw_price_list_number(l, kw_json_get(kw_json_at(tiers, i), "price"), 0, &x->fact[above], err));
    }
    return KW_OK;
}

/* ---- the names of a model */

static bool accepts(struct kw_jnode rule, const char *sku);

static bool any_or_all(struct kw_jnode rules, const char *sku, bool all)
{
    for (int i = 0; i < kw_json_len(rules); i++)
        if (accepts(kw_json_at(rules, i), sku) != all) return !all;
    return all && kw_json_len(rules) > 0;
}

/* May a name that goes on so be the same model? Of a day or a version of its packaging yes, of another number no:
 * claude-opus-5-20260724 is claude-opus-5, claude-opus-5-5 is not. */
static bool same_model(const char *rest)
{
    const char *at = rest + (*rest && strchr("-@:_", *rest) ? 1 : 0);
    return !*rest || strspn(at, "0123456789") >= 6 || (*at == 'v' && isdigit((unsigned char)at[1])) ||
           !strcmp(at, "latest");
}

/* Regular expressions are Python's and accept nothing here. */
static bool accepts(struct kw_jnode rule, const char *sku)
{
    const char *s, *at;
    size_t n = strlen(sku);
    if (kw_json_is_array(kw_json_get(rule, "or"))) return any_or_all(kw_json_get(rule, "or"), sku, false);
    if (kw_json_is_array(kw_json_get(rule, "and"))) return any_or_all(kw_json_get(rule, "and"), sku, true);
    if (kw_json_str(kw_json_get(rule, "equals"), &s, NULL) == KW_OK) return !strcmp(sku, s);
    if (kw_json_str(kw_json_get(rule, "starts_with"), &s, NULL) == KW_OK)
        return !strncmp(sku, s, strlen(s)) && same_model(sku + strlen(s));
    if (kw_json_str(kw_json_get(rule, "contains"), &s, NULL) == KW_OK)
        return *s && (at = strstr(sku, s)) && same_model(at + strlen(s));
    if (kw_json_str(kw_json_get(rule, "ends_with"), &s, NULL) == KW_OK)
        return n >= strlen(s) && !strcmp(sku + n - strlen(s), s);
    return false;
}

static bool names(const struct kw_listing *l, const char *sku)
{
    return accepts(l->match, sku);
}

/* ---- reading */

static enum kw_status read_model(struct kw_price_list *l, struct kw_jnode n, const char *platform, struct kw_error *err)
{
    static const struct {
        const char *key;
        enum kw_listed fact, above;
    } prices[] = { { "input_mtok", KW_LISTED_IN, KW_LISTED_ABOVE_IN },
                   { "cache_read_mtok", KW_LISTED_CACHED_IN, KW_LISTED_ABOVE_CACHED_IN },
                   { "cache_write_mtok", KW_LISTED_CACHE_WRITE, KW_LISTED_ABOVE_CACHE_WRITE },
                   { "output_mtok", KW_LISTED_OUT, KW_LISTED_ABOVE_OUT } };
    const char *id;
    bool deprecated;
    KW_TRY(kw_json_str(kw_json_get(n, "id"), &id, err));
    struct kw_listing *x = kw_price_list_add(l, platform, id);
    if (!x) return kw_fail(err, KW_ENOMEM, "%s: out of memory", l->name);
    struct kw_jnode set = valid_set(kw_json_get(n, "prices"), l->date, x);
    for (size_t i = 0; i < sizeof prices / sizeof *prices; i++)
        KW_TRY(read_price(l, kw_json_get(set, prices[i].key), prices[i].fact, prices[i].above, x, err));
    KW_TRY(kw_price_list_tokens(kw_json_get(n, "context_window"), &x->fact[KW_LISTED_WINDOW], err));
    KW_TRY(kw_json_bool_or(kw_json_get(n, "deprecated"), false, &deprecated, err));
    if (deprecated) x->fact[KW_LISTED_STATUS] = (struct kw_listed_value){ .known = true, .v = KW_SALE_DEPRECATED };
    x->match = kw_json_get(n, "match");
    kw_price_list_settle(l);
    return KW_OK;
}

static enum kw_status read(struct kw_price_list *l, const struct kw_price_list_options *o, struct kw_error *err)
{
    struct kw_jnode root = kw_json_root(&l->doc);
    for (int i = 0; i < kw_json_len(root); i++) {
        const char *provider;
        struct kw_jnode models = kw_json_get(kw_json_at(root, i), "models");
        KW_TRY(kw_json_str(kw_json_get(kw_json_at(root, i), "id"), &provider, err));
        for (int k = 0; k < kw_json_len(models); k++) {
            const char *platform = kw_price_list_platform(l, o, providers, provider);
            if (*platform) KW_TRY(read_model(l, kw_json_at(models, k), platform, err));
        }
    }
    return KW_OK;
}

const struct kw_price_form kw_form_genai_prices = {
    .name = "genai-prices",
    .id = "genai-prices",
    .source = "pydantic/genai-prices data.json (MIT)",
    .is = is,
    .read = read,
    .names = names,
};
