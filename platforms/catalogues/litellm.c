/* LiteLLM's model_prices_and_context_window.json (BerriAI/litellm, MIT): an object of models by name, mostly
 * "provider/id", each with litellm_provider, mode and prices a token. Beside the base price stand _flex, _priority,
 * _batches, and _above_200k_tokens for long prompts. Shape as of its commits of 2026. */
#include "platforms/catalogues/price_list.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "platforms/facts/sale.h"
#include "sim/core/units.h"

/* Azure's and Vertex AI's prices are their own, not OpenAI's and Gemini's; vertex_ai alone sells models of others. */
static const struct kw_provider providers[] = { { "anthropic", "anthropic" },
                                                { "azure", "azure-openai" },
                                                { "bedrock", "bedrock" },
                                                { "bedrock_converse", "bedrock" },
                                                { "fireworks_ai", "fireworks-api" },
                                                { "gemini", "gemini" },
                                                { "groq", "groq" },
                                                { "openai", "openai" },
                                                { "together_ai", "together-api" },
                                                { "vertex_ai-language-models", "vertex-api" },
                                                { NULL, NULL } };

static bool is(struct kw_jnode root)
{
    for (int i = 0, n = kw_json_is_object(root) ? kw_json_len(root) : 0; i < n; i++)
        if (kw_json_present(kw_json_get(kw_json_member(root, i, NULL), "litellm_provider"))) return true;
    return false;
}

/* "input_cost_per_token_above_200k_tokens": of requests with longer prompts. */
static enum kw_status read_above(struct kw_price_list *l, struct kw_jnode entry, struct kw_listing *x,
                                 struct kw_error *err)
{
    static const struct {
        const char *key;
        enum kw_listed fact;
    } prices[] = { { "input_cost_per_token_above_", KW_LISTED_ABOVE_IN },
                   { "cache_read_input_token_cost_above_", KW_LISTED_ABOVE_CACHED_IN },
                   { "cache_creation_input_token_cost_above_", KW_LISTED_ABOVE_CACHE_WRITE },
                   { "output_cost_per_token_above_", KW_LISTED_ABOVE_OUT } };
    for (int i = 0; i < kw_json_len(entry); i++) {
        const char *key;
        struct kw_jnode n = kw_json_member(entry, i, &key);
        for (size_t k = 0; k < sizeof prices / sizeof *prices; k++) {
            size_t len = strlen(prices[k].key);
            char *end;
            if (strncmp(key, prices[k].key, len) || !isdigit((unsigned char)key[len]) || !kw_json_present(n)) continue;
            long tokens = strtol(key + len, &end, 10);
            if (tokens < 1 || tokens > 100000000) continue; /* no prompt is as long */
            if (*end == 'k') tokens *= 1000, end++;
            if (strcmp(end, "_tokens")) continue; /* of another service tier, or by the hour */
            if (kw_price_list_above(x, tokens)) KW_TRY(kw_price_list_number(l, n, 6, &x->fact[prices[k].fact], err));
        }
    }
    return KW_OK;
}

/* The price by the batch as a factor of the other. Ours is one of input and output, and of six digits. */
static void read_batch(struct kw_price_list *l, const struct kw_listed_value *in, const struct kw_listed_value *out,
                       struct kw_listing *x)
{
    const struct kw_listed_value *base_in = &x->fact[KW_LISTED_IN], *base_out = &x->fact[KW_LISTED_OUT];
    if (!in->known || !out->known || !base_in->known || !base_out->known || base_in->v <= 0 || base_out->v <= 0) return;
    int64_t factor = (int64_t)((kw_i128)in->v * 1000000 / base_in->v);
    if (factor < 0 || factor > 1000000 || (kw_i128)factor * base_in->v != (kw_i128)in->v * 1000000 ||
        (kw_i128)factor * base_out->v != (kw_i128)out->v * 1000000) {
        kw_price_list_leave_out(
            l, "batch prices that are no one factor of input and output (the offer is taken without)", "");
        return;
    }
    x->fact[KW_LISTED_BATCH] = (struct kw_listed_value){ .known = true, .v = factor * 1000 };
}

static enum kw_status read_prices(struct kw_price_list *l, struct kw_jnode n, struct kw_listing *x,
                                  struct kw_error *err)
{
    static const struct {
        const char *key;
        enum kw_listed fact;
    } prices[] = { { "input_cost_per_token", KW_LISTED_IN },
                   { "cache_read_input_token_cost", KW_LISTED_CACHED_IN },
                   { "cache_creation_input_token_cost", KW_LISTED_CACHE_WRITE },
                   { "output_cost_per_token", KW_LISTED_OUT },
                   { "input_cost_per_token_flex", KW_LISTED_FLEX_IN },
                   { "cache_read_input_token_cost_flex", KW_LISTED_FLEX_CACHED_IN },
                   { "output_cost_per_token_flex", KW_LISTED_FLEX_OUT },
                   { "input_cost_per_token_priority", KW_LISTED_PRIORITY_IN },
                   { "cache_read_input_token_cost_priority", KW_LISTED_PRIORITY_CACHED_IN },
                   { "output_cost_per_token_priority", KW_LISTED_PRIORITY_OUT } };
    struct kw_listed_value batch_in = { .known = false }, batch_out = { .known = false };
    for (size_t i = 0; i < sizeof prices / sizeof *prices; i++)
        KW_TRY(kw_price_list_number(l, kw_json_get(n, prices[i].key), 6, &x->fact[prices[i].fact], err));
    KW_TRY(kw_price_list_number(l, kw_json_get(n, "input_cost_per_token_batches"), 6, &batch_in, err));
    KW_TRY(kw_price_list_number(l, kw_json_get(n, "output_cost_per_token_batches"), 6, &batch_out, err));
    read_batch(l, &batch_in, &batch_out, x);
    return read_above(l, n, x, err);
}

static enum kw_status read_entry(struct kw_price_list *l, struct kw_jnode n, const char *key,
                                 const struct kw_price_list_options *o, struct kw_error *err)
{
    const char *provider, *mode, *ends;
    KW_TRY(kw_json_str_or(kw_json_get(n, "litellm_provider"), "", &provider, err));
    KW_TRY(kw_json_str_or(kw_json_get(n, "mode"), "", &mode, err));
    if (strcmp(mode, "chat") && strcmp(mode, "completion") && strcmp(mode, "responses")) {
        kw_price_list_leave_out(l, "that generate no text", "");
        return KW_OK;
    }
    const char *platform = kw_price_list_platform(l, o, providers, provider), *id = key;
    if (!*platform) return KW_OK;
    size_t len = strlen(provider);
    if (!strncmp(key, provider, len) && key[len] == '/') id += len + 1;
    bool regional = !strcmp(platform, "bedrock") || !strcmp(platform, "azure-openai");
    if (regional && strchr(id, '/')) { /* "us-gov-west-1/...", ".../1-month-commitment/...", "eu/gpt-..." */
        kw_price_list_leave_out(l, "of one region of Bedrock's or Azure's, or one commitment", "");
        return KW_OK;
    }
    struct kw_listing *x = kw_price_list_add(l, platform, id);
    if (!x) return kw_fail(err, KW_ENOMEM, "%s: out of memory", l->name);
    KW_TRY(read_prices(l, n, x, err));
    KW_TRY(kw_price_list_tokens(kw_json_get(n, "max_input_tokens"), &x->fact[KW_LISTED_WINDOW], err));
    x->fact[KW_LISTED_WINDOW].fills = true; /* of some models that of the prompt alone */
    KW_TRY(kw_json_str_or(kw_json_get(n, "deprecation_date"), "", &ends, err));
    kw_price_list_day(ends, &x->fact[KW_LISTED_ENDS]);
    if (x->fact[KW_LISTED_ENDS].known)
        x->fact[KW_LISTED_STATUS] = (struct kw_listed_value){ .known = true, .v = KW_SALE_DEPRECATED };
    kw_price_list_settle(l);
    return KW_OK;
}

static enum kw_status read(struct kw_price_list *l, const struct kw_price_list_options *o, struct kw_error *err)
{
    struct kw_jnode root = kw_json_root(&l->doc);
    for (int i = 0; i < kw_json_len(root); i++) {
        const char *key;
        struct kw_jnode n = kw_json_member(root, i, &key);
        if (!strcmp(key, "sample_spec")) continue; /* says what the keys mean */
        if (!kw_json_is_object(n)) return kw_json_fail(n, KW_EPARSE, err, "want an object, a model's prices");
        KW_TRY(read_entry(l, n, key, o, err));
    }
    return KW_OK;
}

const struct kw_price_form kw_form_litellm = {
    .name = "LiteLLM",
    .id = "litellm",
    .source = "BerriAI/litellm model_prices_and_context_window.json (MIT)",
    .is = is,
    .read = read,
};
