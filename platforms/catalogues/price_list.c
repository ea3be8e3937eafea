#include "platforms/catalogues/price_list.h"
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/date.h"
#include "sim/core/files/sha256.h"
#include "sim/core/files/source.h"
#include "sim/core/text.h"
#include "sim/core/units.h"

#define MOST_TOKENS 100000000          /* of a prompt: a limit of a platform file */
#define MOST_BYTES ((size_t)256 << 20) /* as much as kw_json_parse takes */

const struct kw_listed_fact kw_listed_fact[KW_LISTED_FACTS] = {
    [KW_LISTED_IN] = { "", "in_mtok", KW_LISTED_USD },
    [KW_LISTED_CACHED_IN] = { "", "cached_in_mtok", KW_LISTED_USD },
    [KW_LISTED_CACHE_WRITE] = { "", "cache_write_mtok", KW_LISTED_USD },
    [KW_LISTED_OUT] = { "", "out_mtok", KW_LISTED_USD },
    [KW_LISTED_FLEX_IN] = { "flex", "in_mtok", KW_LISTED_USD },
    [KW_LISTED_FLEX_CACHED_IN] = { "flex", "cached_in_mtok", KW_LISTED_USD },
    [KW_LISTED_FLEX_OUT] = { "flex", "out_mtok", KW_LISTED_USD },
    [KW_LISTED_PRIORITY_IN] = { "priority", "in_mtok", KW_LISTED_USD },
    [KW_LISTED_PRIORITY_CACHED_IN] = { "priority", "cached_in_mtok", KW_LISTED_USD },
    [KW_LISTED_PRIORITY_OUT] = { "priority", "out_mtok", KW_LISTED_USD },
    [KW_LISTED_ABOVE_TOKENS] = { "above", "tokens", KW_LISTED_TOKENS },
    [KW_LISTED_ABOVE_IN] = { "above", "in_mtok", KW_LISTED_USD },
    [KW_LISTED_ABOVE_CACHED_IN] = { "above", "cached_in_mtok", KW_LISTED_USD },
    [KW_LISTED_ABOVE_CACHE_WRITE] = { "above", "cache_write_mtok", KW_LISTED_USD },
    [KW_LISTED_ABOVE_OUT] = { "above", "out_mtok", KW_LISTED_USD },
    [KW_LISTED_BATCH] = { "", "batch", KW_LISTED_FACTOR },
    [KW_LISTED_WINDOW] = { "", "max_model_len", KW_LISTED_TOKENS },
    [KW_LISTED_STATUS] = { "", "status", KW_LISTED_WORD },
    [KW_LISTED_ENDS] = { "", "ends", KW_LISTED_DAY },
    [KW_LISTED_HOUR] = { "", "hour", KW_LISTED_USD },
    [KW_LISTED_SPOT_HOUR] = { "", "spot_hour", KW_LISTED_USD },
};

static const struct kw_price_form *const forms[] = { &kw_form_genai_prices, &kw_form_openrouter, &kw_form_litellm,
                                                     &kw_form_models_dev };

/* ---- for the forms */

void kw_price_list_leave_out(struct kw_price_list *l, const char *why, const char *what)
{
    for (size_t i = 0; i < l->n_left; i++)
        if (!strcmp(l->left[i].why, why) && !strncmp(l->left[i].what, what, sizeof l->left->what - 1)) {
            l->left[i].n++;
            return;
        }
    struct kw_left_out *more = realloc(l->left, (l->n_left + 1) * sizeof *more);
    if (!more) return; /* a count short: the offers themselves are what must not be lost */
    l->left = more;
    l->left[l->n_left] = (struct kw_left_out){ .why = why, .n = 1 };
    snprintf(l->left[l->n_left].what, sizeof l->left->what, "%s", what);
    l->n_left++;
}

static bool among(const struct kw_price_list_options *o, const char *word)
{
    for (size_t i = 0; i < o->n_only; i++)
        if (!strcmp(o->only[i], word)) {
            if (o->met) o->met[i] = true;
            return true;
        }
    return false;
}

/* A provider's name as that of a platform and of its file. */
static const char *make_platform(struct kw_price_list *l, const struct kw_price_list_options *o, const char *theirs)
{
    const struct kw_platform *had = o->all ? kw_platforms_find(o->all, theirs) : NULL;
    snprintf(l->made, sizeof l->made, "%.27s%s", theirs, had && had->kind != KW_KIND_API ? "-api" : "");
    for (char *c = l->made; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_-", *c) && (*c != '.' || c == l->made)) *c = '-';
    return l->made;
}

const char *kw_price_list_platform(struct kw_price_list *l, const struct kw_price_list_options *o,
                                   const struct kw_provider known[], const char *theirs)
{
    const char *ours = NULL;
    for (size_t i = 0; known[i].theirs && !ours; i++)
        if (!strcmp(known[i].theirs, theirs)) ours = known[i].ours;
    if (ours) return o->n_only == 0 || among(o, ours) ? ours : "";
    if (among(o, theirs)) return make_platform(l, o, theirs);
    if (o->n_only == 0) kw_price_list_leave_out(l, "of providers that are no platform here", theirs);
    return "";
}

struct kw_listing *kw_price_list_add(struct kw_price_list *l, const char *platform, const char *sku)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 256;
        struct kw_listing *more = realloc(l->v, cap * sizeof *more);
        if (!more) return NULL;
        l->v = more;
        l->cap = cap;
    }
    struct kw_listing *x = &l->v[l->n++];
    *x = (struct kw_listing){ .count = 0 };
    snprintf(x->platform, sizeof x->platform, "%s", platform);
    snprintf(x->sku, sizeof x->sku, "%s", sku);
    return x;
}

enum kw_status kw_price_list_number(struct kw_price_list *l, struct kw_jnode n, int shift, struct kw_listed_value *out,
                                    struct kw_error *err)
{
    const char *s;
    struct kw_error why = { "" };
    int64_t v;
    bool rounded = false;
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_str(n, &s, err));
    enum kw_status st = kw_nano_scaled(s, shift, &v, &rounded, &why);
    if (st != KW_OK) return kw_json_fail(n, st, err, "%s", why.msg);
    l->rounded += rounded;
    out->known = true;
    out->v = v;
    return KW_OK;
}

enum kw_status kw_price_list_tokens(struct kw_jnode n, struct kw_listed_value *out, struct kw_error *err)
{
    const char *s;
    if (!kw_json_present(n)) return KW_OK;
    KW_TRY(kw_json_str(n, &s, err));
    int64_t v;
    bool rounded = false;
    struct kw_error why = { "" };
    if (kw_nano_scaled(s, -9, &v, &rounded, &why) != KW_OK || rounded || v < 0 || v > UINT32_MAX)
        return kw_json_fail(n, KW_ERANGE, err, "want a number of tokens; got '%.40s'", s);
    out->known = v > 0;
    out->v = v;
    return KW_OK;
}

void kw_price_list_day(const char *s, struct kw_listed_value *out)
{
    char day[11] = "";
    snprintf(day, sizeof day, "%.10s", s);
    if (!kw_date_is_day(day) || kw_date_age_days(day, day) != 0 || isdigit((unsigned char)s[10])) return;
    out->known = true;
    out->v = strtol(day, NULL, 10) * 10000 + strtol(day + 5, NULL, 10) * 100 + strtol(day + 8, NULL, 10);
}

void kw_price_list_note(struct kw_listing *x, const char *fmt, ...)
{
    size_t at = strlen(x->note);
    va_list ap;
    if (at) at += (size_t)snprintf(x->note + at, sizeof x->note - at, ", ");
    if (at >= sizeof x->note) return;
    va_start(ap, fmt);
    vsnprintf(x->note + at, sizeof x->note - at, fmt, ap);
    va_end(ap);
}

bool kw_price_list_above(struct kw_listing *x, int64_t tokens)
{
    struct kw_listed_value *limit = &x->fact[KW_LISTED_ABOVE_TOKENS];
    if (!limit->known) *limit = (struct kw_listed_value){ .known = true, .v = tokens };
    if (limit->v == tokens && tokens <= MOST_TOKENS) return true;
    x->steps = true;
    return false;
}

static bool listed_before(const struct kw_price_list *l, const struct kw_listing *x)
{
    for (size_t i = 0; i + 1 < l->n; i++)
        if (!strcmp(l->v[i].sku, x->sku) && !strcmp(l->v[i].platform, x->platform)) return true;
    return false;
}

void kw_price_list_settle(struct kw_price_list *l)
{
    struct kw_listing *x = &l->v[l->n - 1];
    const struct kw_listed_value *in = &x->fact[KW_LISTED_IN], *out = &x->fact[KW_LISTED_OUT];
    const char *why = NULL;
    for (int i = 0; i < KW_LISTED_FACTS; i++)
        if (x->fact[i].known && kw_listed_fact[i].type == KW_LISTED_USD) {
            if (x->fact[i].v < 0) why = "at a price below 0: not known before a request is made";
            if (x->fact[i].v > 1000 * KW_NANO) why = "at more than $1000 a million tokens";
        }
    if (!in->known || !out->known)
        why = "without a price of input or of output tokens";
    else if (in->v == 0 && out->v == 0)
        why = "at a price of 0: free within limits, or not known";
    else if (!x->sku[0])
        why = "without a name";
    else if (listed_before(l, x))
        why = "listed before under the same name";
    else if (strlen(x->sku) > 79)
        why = "with a name longer than 79 bytes";
    if (why) {
        kw_price_list_leave_out(l, why, "");
        l->n--;
        return;
    }
    if (x->steps) kw_price_list_note(x, "dearer by several prompt lengths, which are left out");
    bool whole = !x->steps && x->fact[KW_LISTED_ABOVE_IN].known && x->fact[KW_LISTED_ABOVE_OUT].known;
    for (int i = KW_LISTED_ABOVE_TOKENS; i <= KW_LISTED_ABOVE_OUT && !whole; i++) x->fact[i].known = false;
}

/* ---- which form */

/* Every number of a JSON text becomes a string of its own characters, so that it is read as written and not as the double
 * nearest to it. Lines stay where they are. The text has been parsed, so a digit outside of a string begins a number. */
static bool quote_numbers(const char *text, size_t len, struct kw_text *out)
{
    size_t room = len + 1;
    for (size_t i = 0; i < len; i++) room += (isdigit((unsigned char)text[i]) != 0) + (text[i] == '-');
    char *to = malloc(2 * room); /* every run of number characters gains two quotes and is at least one long */
    if (!to) return false;
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        if (text[i] == '"') {
            to[n++] = text[i++];
            while (text[i] != '"') {
                if (text[i] == '\\') to[n++] = text[i++];
                to[n++] = text[i++];
            }
            to[n++] = text[i++];
        } else if (text[i] == '-' || isdigit((unsigned char)text[i])) {
            to[n++] = '"';
            while (i < len && (isdigit((unsigned char)text[i]) || strchr("+-.eE", text[i]))) to[n++] = text[i++];
            to[n++] = '"';
        } else {
            to[n++] = text[i++];
        }
    }
    to[n] = 0;
    *out = (struct kw_text){ .s = to, .n = n, .cap = 2 * room };
    return true;
}

static enum kw_status parse(struct kw_price_list *l, const char *text, size_t len, struct kw_error *err)
{
    struct kw_text quoted = { 0 };
    KW_TRY(
        kw_json_parse(&l->doc, l->name, text, len, err)); /* of the text itself: its messages show what stands there */
    bool done = quote_numbers(l->doc.text, l->doc.len, &quoted);
    kw_json_free(&l->doc);
    if (!done) return kw_fail(err, KW_ENOMEM, "%s: out of memory", l->name);
    enum kw_status st = kw_json_parse(&l->doc, l->name, quoted.s, quoted.n, err);
    kw_text_free(&quoted);
    return st;
}

static enum kw_status no_form(const struct kw_price_list *l, struct kw_error *err)
{
    return kw_fail(err, KW_EPARSE,
                   "%s: want a catalogue of prices: genai-prices data.json, LiteLLM "
                   "model_prices_and_context_window.json, models.dev api.json, OpenRouter /api/v1/models, or a "
                   "SkyPilot vms.csv",
                   l->name);
}

enum kw_status kw_price_list_read(struct kw_price_list *l, const char *name, const char *text, size_t len,
                                  const struct kw_price_list_options *o, struct kw_error *err)
{
    struct kw_sha256 sha;
    *l = (struct kw_price_list){ .n = 0 };
    snprintf(l->name, sizeof l->name, "%.239s", name);
    snprintf(l->date, sizeof l->date, "%s", o->date);
    kw_sha256_init(&sha);
    kw_sha256_add(&sha, text, len);
    kw_sha256_hex(&sha, l->sha256);
    size_t at = len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (at < len && isspace((unsigned char)text[at])) at++;
    enum kw_status st = KW_OK;
    if (at < len && (text[at] == '{' || text[at] == '[')) {
        st = parse(l, text, len, err);
        struct kw_jnode root = st == KW_OK ? kw_json_root(&l->doc) : (struct kw_jnode){ .doc = NULL };
        for (size_t i = 0; st == KW_OK && i < sizeof forms / sizeof *forms && !l->form; i++)
            if (forms[i]->is(root)) l->form = forms[i];
        if (st == KW_OK) st = l->form ? l->form->read(l, o, err) : no_form(l, err);
    } else {
        l->form = &kw_form_skypilot;
        st = kw_skypilot_read(l, text, len, o, err);
        if (st == KW_EINPUT) st = no_form(l, err);
    }
    if (st != KW_OK) kw_price_list_free(l);
    return st;
}

enum kw_status kw_price_list_load(struct kw_price_list *l, const char *path, const struct kw_price_list_options *o,
                                  struct kw_error *err)
{
    struct kw_source s;
    char *text = NULL, sha256[65];
    size_t len;
    *l = (struct kw_price_list){ .n = 0 };
    KW_TRY(kw_source_open(&s, path, err));
    enum kw_status st = kw_source_all(&s, MOST_BYTES, &text, &len, err);
    if (st == KW_OK) st = kw_source_hash(&s, sha256, err);
    if (st == KW_OK) st = kw_price_list_read(l, s.name, text, len, o, err);
    if (st == KW_OK) memcpy(l->sha256, sha256, sizeof sha256);
    free(text);
    kw_source_close(&s);
    return st;
}

void kw_price_list_free(struct kw_price_list *l)
{
    kw_json_free(&l->doc);
    free(l->v);
    free(l->left);
    *l = (struct kw_price_list){ .n = 0 };
}
