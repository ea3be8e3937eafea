#include "engine/serve/completion.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/json.h"

#define PLACE "request" /* the name under which the body is parsed */

static const char *const known[] = {
    "model",
    "prompt",
    "max_tokens",
    "temperature",
    "top_p",
    "seed",
    "n",
    "stream",
    "stream_options",
    "stop",
    "top_k",
    "stop_token_ids",
    "ignore_eos",
    "return_token_ids",
    "best_of",
    "echo",
    "logprobs",
    "suffix",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "logit_bias",
    "min_tokens",
    "min_p",
    "skip_special_tokens",
    "user",
    "add_special_tokens",
    "request_id",
    "use_beam_search",
    "length_penalty",
    "spaces_between_special_tokens",
    "include_stop_str_in_output",
    NULL,
};

/* Fields that are taken with the one value that changes nothing. */
static const struct {
    const char *key;
    double value;
} neutral[] = {
    { "n", 1 },
    { "best_of", 1 },
    { "presence_penalty", 0 },
    { "frequency_penalty", 0 },
    { "repetition_penalty", 1 },
    { "min_p", 0 },
    { "length_penalty", 1 },
};
static const struct {
    const char *key;
    bool value;
} flags[] = {
    /* likewise */
    { "echo", false },
    { "skip_special_tokens", true },
    { "use_beam_search", false },
    { "spaces_between_special_tokens", true },
    { "include_stop_str_in_output", false },
};

static enum kw_status read_neutral(struct kw_jnode root, const char **param, struct kw_error *err)
{
    enum kw_status st = KW_OK;
    double v;
    for (size_t i = 0; st == KW_OK && i < sizeof neutral / sizeof *neutral; i++) {
        struct kw_jnode x = kw_json_get(root, *param = neutral[i].key);
        st = kw_json_f64_or(x, neutral[i].value, -1e9, 1e9, &v, err);
        if (st == KW_OK && v != neutral[i].value)
            st = kw_json_fail(x, KW_ERANGE, err, "only %g is implemented; got %g", neutral[i].value, v);
    }
    return st;
}

static enum kw_status read_unused(struct kw_jnode root, const char **param, struct kw_error *err)
{
    const char *text;
    bool flag;
    struct kw_jnode x = kw_json_get(root, *param = "logprobs");
    if (kw_json_present(x)) return kw_json_fail(x, KW_ERANGE, err, "is not implemented; want null");
    x = kw_json_get(root, *param = "logit_bias");
    if (kw_json_present(x) && (!kw_json_is_object(x) || kw_json_len(x)))
        return kw_json_fail(x, KW_ERANGE, err, "is not implemented; want {} or null");
    x = kw_json_get(root, *param = "suffix");
    enum kw_status st = kw_json_str_or(x, "", &text, err);
    if (st == KW_OK && *text) st = kw_json_fail(x, KW_ERANGE, err, "is not implemented; want \"\" or null");
    for (size_t i = 0; st == KW_OK && i < sizeof flags / sizeof *flags; i++) {
        st = kw_json_bool_or(x = kw_json_get(root, *param = flags[i].key), flags[i].value, &flag, err);
        if (st == KW_OK && flag != flags[i].value)
            st = kw_json_fail(x, KW_ERANGE, err, "is not implemented; want %s", flags[i].value ? "true" : "false");
    }
    if (st == KW_OK) st = kw_json_str_or(kw_json_get(root, *param = "user"), "", &text, err);
    return st;
}

static enum kw_status read_ids(struct kw_completion *c, struct kw_jnode list, const struct kw_completion_limits *l,
                               struct kw_error *err)
{
    int n = kw_json_len(list);
    if ((uint32_t)n >= l->longest)
        return kw_json_fail(list, KW_ERANGE, err, "%d tokens; prompt and answer may have %u", n, l->longest);
    c->prompt = malloc(((size_t)n + 1) * sizeof *c->prompt);
    if (!c->prompt) return kw_fail(err, KW_ENOMEM, "out of memory for a prompt of %d tokens", n);
    for (int i = 0; i < n; i++) {
        int64_t id;
        enum kw_status st = kw_json_i64(kw_json_at(list, i), 0, (int64_t)l->vocab - 1, &id, err);
        if (st != KW_OK) return st;
        c->prompt[i] = (uint32_t)id;
    }
    c->n_prompt = (uint32_t)n;
    return KW_OK;
}

/* Load generators name their requests; vLLM answers with that name. */
static enum kw_status read_request_id(struct kw_completion *c, struct kw_jnode x, struct kw_error *err)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    const char *text;
    enum kw_status st = kw_json_str_or(x, "", &text, err);
    if (st != KW_OK) return st;
    size_t n = strlen(text);
    if (n >= sizeof c->request_id || text[strspn(text, allowed)])
        return kw_json_fail(x, KW_ERANGE, err, "want at most %zu letters, digits, '-', '_' and '.'",
                            sizeof c->request_id - 1);
    memcpy(c->request_id, text, n + 1);
    return KW_OK;
}

/* At least so many tokens: what ignore_eos does anyway. Without it a token that ends would have to be left undrawn. */
static enum kw_status read_min_tokens(const struct kw_completion *c, struct kw_jnode x, struct kw_error *err)
{
    int64_t least;
    enum kw_status st = kw_json_i64_or(x, 0, 0, UINT32_MAX, &least, err);
    if (st == KW_OK && least > c->max_tokens)
        st = kw_json_fail(x, KW_ERANGE, err, "%lld is more than max_tokens, %u", (long long)least, c->max_tokens);
    if (st == KW_OK && least && (!c->ignore_eos || c->n_stop || c->n_stop_ids))
        st = kw_json_fail(x, KW_ERANGE, err, "is implemented with ignore_eos and without stops only");
    return st;
}

static enum kw_status read_text(struct kw_completion *c, struct kw_jnode x, bool special,
                                const struct kw_completion_limits *l, struct kw_error *err)
{
    const char *text;
    size_t n;
    if (!l->tokenizer)
        return kw_json_fail(x, KW_ERANGE, err,
                            "the model has no tokenizer.json, so no text can be read; want a list of token ids");
    enum kw_status st = kw_json_str(x, &text, err);
    if (st == KW_OK) st = kw_tokenizer_encode(l->tokenizer, text, strlen(text), special, &c->prompt, &n, err);
    if (st != KW_OK) return st;
    if (n >= l->longest)
        return kw_json_fail(x, KW_ERANGE, err, "%zu tokens; prompt and answer may have %u", n, l->longest);
    c->n_prompt = (uint32_t)n;
    return KW_OK;
}

/* A text, a list of ids, or a list with one of these. */
static enum kw_status read_prompt(struct kw_completion *c, struct kw_jnode x, bool special,
                                  const struct kw_completion_limits *l, struct kw_error *err)
{
    if (kw_json_is_array(x) && kw_json_len(x) && !kw_json_is_number(kw_json_at(x, 0))) {
        if (kw_json_len(x) > 1) return kw_json_fail(x, KW_ERANGE, err, "one prompt a request; got %d", kw_json_len(x));
        x = kw_json_at(x, 0);
    }
    if (!kw_json_is_array(x) && !kw_json_is_string(x))
        return kw_json_fail(x, KW_EPARSE, err, "want a text or a list of token ids");
    enum kw_status st = kw_json_is_array(x) ? read_ids(c, x, l, err) : read_text(c, x, special, l, err);
    if (st == KW_OK && !c->n_prompt) st = kw_json_fail(x, KW_ERANGE, err, "want at least one token");
    return st;
}

static enum kw_status add_stop(struct kw_completion *c, struct kw_jnode x, struct kw_error *err)
{
    const char *text;
    enum kw_status st = kw_json_str(x, &text, err);
    if (st != KW_OK) return st;
    size_t n = strlen(text);
    if (!n) return kw_json_fail(x, KW_ERANGE, err, "an empty text stops nothing");
    if (n > 1024) return kw_json_fail(x, KW_ERANGE, err, "want at most 1024 bytes");
    char *copy = malloc(n + 1);
    if (!copy) return kw_fail(err, KW_ENOMEM, "out of memory for a stop text");
    memcpy(copy, text, n + 1);
    c->stop[c->n_stop] = copy;
    c->stop_len[c->n_stop++] = n;
    return KW_OK;
}

static enum kw_status read_stops(struct kw_completion *c, struct kw_jnode root, const char **param,
                                 struct kw_error *err)
{
    struct kw_jnode x = kw_json_get(root, *param = "stop");
    enum kw_status st = KW_OK;
    if (kw_json_is_array(x)) {
        if (kw_json_len(x) > KW_COMPLETION_STOPS)
            return kw_json_fail(x, KW_ERANGE, err, "want at most %d texts", KW_COMPLETION_STOPS);
        for (int i = 0; st == KW_OK && i < kw_json_len(x); i++) st = add_stop(c, kw_json_at(x, i), err);
    } else if (kw_json_present(x)) {
        st = add_stop(c, x, err);
    }
    if (st != KW_OK) return st;
    x = kw_json_get(root, *param = "stop_token_ids");
    if (!kw_json_present(x)) return KW_OK;
    if (!kw_json_is_array(x) || kw_json_len(x) > 16)
        return kw_json_fail(x, KW_ERANGE, err, "want a list of at most 16 token ids");
    for (int i = 0; i < kw_json_len(x); i++) {
        int64_t id;
        if ((st = kw_json_i64(kw_json_at(x, i), 0, UINT32_MAX, &id, err)) != KW_OK) return st;
        c->stop_ids[c->n_stop_ids++] = (uint32_t)id;
    }
    return KW_OK;
}

static enum kw_status read_sampling(struct kw_completion *c, struct kw_jnode root, const char **param,
                                    struct kw_error *err)
{
    double temperature, top_p;
    int64_t top_k = 0, seed = 0;
    enum kw_status st = kw_json_f64_or(kw_json_get(root, *param = "temperature"), 1, 0, 2, &temperature, err);
    if (st == KW_OK) st = kw_json_f64_or(kw_json_get(root, *param = "top_p"), 1, 1e-6, 1, &top_p, err);
    if (st == KW_OK) st = kw_json_i64_or(kw_json_get(root, *param = "top_k"), -1, -1, UINT32_MAX, &top_k, err);
    struct kw_jnode x = kw_json_get(root, "seed");
    c->seeded = kw_json_present(x);
    if (st == KW_OK)
        st = kw_json_i64_or(x, 0, -(INT64_C(1) << 53) + 1, (INT64_C(1) << 53) - 1, &seed, (*param = "seed", err));
    if (st != KW_OK) return st;
    c->sampling =
        (struct kw_sampling){ (float)temperature, top_k < 0 ? 0 : (uint32_t)top_k, (float)top_p, (uint64_t)seed };
    return KW_OK;
}

static enum kw_status read_stream(struct kw_completion *c, struct kw_jnode root, const char **param,
                                  struct kw_error *err)
{
    static const char *const options[] = { "include_usage", "continuous_usage_stats", NULL };
    enum kw_status st = kw_json_bool_or(kw_json_get(root, *param = "stream"), false, &c->stream, err);
    struct kw_jnode x = kw_json_get(root, "stream_options");
    if (st != KW_OK || !kw_json_present(x)) return st;
    *param = "stream_options";
    if ((st = kw_json_keys(x, options, err)) != KW_OK) return st;
    if (!c->stream) return kw_json_fail(x, KW_ERANGE, err, "is for streams only");
    st = kw_json_bool_or(kw_json_get(x, "include_usage"), false, &c->include_usage, err);
    if (st == KW_OK) st = kw_json_bool_or(kw_json_get(x, "continuous_usage_stats"), false, &c->usage_each, err);
    return st;
}

static enum kw_status read_all(struct kw_completion *c, struct kw_jnode root, const char **param,
                               const struct kw_completion_limits *l, struct kw_error *err)
{
    const char *model;
    bool special;
    int64_t max_tokens = 0;
    *param = NULL;
    if (!kw_json_is_object(root)) return kw_json_fail(root, KW_EPARSE, err, "want an object");
    enum kw_status st = kw_json_keys(root, known, err);
    if (st == KW_OK) st = kw_json_str_or(kw_json_get(root, *param = "model"), "", &model, err);
    if (st == KW_OK) {
        size_t n = strlen(model);
        if (n >= sizeof c->model)
            return kw_json_fail(kw_json_get(root, "model"), KW_ERANGE, err, "want at most 255 bytes");
        memcpy(c->model, model, n + 1);
        st = kw_json_bool_or(kw_json_get(root, *param = "add_special_tokens"), true, &special, err);
        if (st == KW_OK) st = read_prompt(c, kw_json_get(root, *param = "prompt"), special, l, err);
    }
    struct kw_jnode x = kw_json_get(root, "max_tokens");
    if (st == KW_OK) st = kw_json_i64_or(x, 16, 1, UINT32_MAX, &max_tokens, (*param = "max_tokens", err));
    if (st == KW_OK && max_tokens > (int64_t)l->longest - c->n_prompt) /* OpenAI's default of 16 may not fit either */
        st = kw_json_fail(x, KW_ERANGE, err, "%lld and %u prompt tokens are more than %u, the longest that fits",
                          (long long)max_tokens, c->n_prompt, l->longest);
    c->max_tokens = (uint32_t)max_tokens;
    if (st == KW_OK) st = read_sampling(c, root, param, err);
    if (st == KW_OK) st = read_stream(c, root, param, err);
    if (st == KW_OK) st = read_stops(c, root, param, err);
    if (st == KW_OK) st = kw_json_bool_or(kw_json_get(root, *param = "ignore_eos"), false, &c->ignore_eos, err);
    if (st == KW_OK) st = read_min_tokens(c, kw_json_get(root, *param = "min_tokens"), err);
    if (st == KW_OK) st = read_request_id(c, kw_json_get(root, *param = "request_id"), err);
    if (st == KW_OK) st = kw_json_bool_or(kw_json_get(root, *param = "return_token_ids"), false, &c->token_ids, err);
    if (st == KW_OK) st = read_neutral(root, param, err);
    if (st == KW_OK) st = read_unused(root, param, err);
    return st;
}

/* A client's body is one line as a rule, so "request:1: " before a message tells it nothing. */
static void drop_place(struct kw_error *err)
{
    size_t n = strlen(PLACE);
    if (!err || strncmp(err->msg, PLACE ":", n + 1)) return;
    n += 1 + strspn(err->msg + n + 1, "0123456789");
    n += strspn(err->msg + n, ": ");
    memmove(err->msg, err->msg + n, strlen(err->msg + n) + 1);
}

enum kw_status kw_completion_parse(struct kw_completion *c, const char **param, const char *body, size_t len,
                                   const struct kw_completion_limits *l, struct kw_error *err)
{
    struct kw_json doc;
    *c = (struct kw_completion){ 0 };
    *param = NULL;
    enum kw_status st = kw_json_parse(&doc, PLACE, body, len, err);
    if (st == KW_OK) {
        st = read_all(c, kw_json_root(&doc), param, l, err);
        kw_json_free(&doc);
    }
    if (st != KW_OK) kw_completion_free(c);
    if (st != KW_OK) drop_place(err);
    return st;
}

void kw_completion_free(struct kw_completion *c)
{
    free(c->prompt);
    for (size_t i = 0; i < c->n_stop; i++) free(c->stop[i]);
    *c = (struct kw_completion){ 0 };
}

/* ---- the answer */

/* Where a stop text begins in what came since `from`, or SIZE_MAX. A longer text that came whole earlier wins nothing:
 * the one that begins first does. */
static size_t find_stop(const struct kw_answer *a, const struct kw_completion *c, size_t from)
{
    size_t found = SIZE_MAX;
    for (size_t k = 0; k < c->n_stop; k++) {
        size_t len = c->stop_len[k];
        for (size_t at = from > len - 1 ? from - (len - 1) : 0; at + len <= a->n && at < found; at++)
            if (!memcmp(a->text + at, c->stop[k], len)) found = at;
    }
    return found;
}

enum kw_status kw_answer_add(struct kw_answer *a, const struct kw_completion *c, const struct kw_tokenizer *t,
                             uint32_t id)
{
    char number[16];
    const char *bytes = number;
    size_t len = 0;
    if (!t)
        len = (size_t)snprintf(number, sizeof number, " %u", id);
    else if (!kw_tokenizer_is_special(t, id))
        bytes = kw_tokenizer_bytes(t, id, &len);
    if (a->stopped || !len) return KW_OK;
    if (a->n + len > a->cap) {
        size_t cap = 2 * (a->n + len) + 64;
        char *more = realloc(a->text, cap);
        if (!more) return KW_ENOMEM;
        a->text = more;
        a->cap = cap;
    }
    memcpy(a->text + a->n, bytes, len);
    a->n += len;
    size_t stop = find_stop(a, c, a->n - len);
    if (stop != SIZE_MAX) {
        a->stopped = true;
        a->n = stop; /* >= sent: what may begin a stop text was held back */
    }
    return KW_OK;
}

const char *kw_answer_next(struct kw_answer *a, const struct kw_completion *c, bool over, size_t *n)
{
    size_t ready = a->n - a->sent;
    const char *from = a->text ? a->text + a->sent : "";
    if (!over && !a->stopped) {
        size_t hold = 0; /* the longest end of the text that begins a stop text */
        for (size_t k = 0; k < c->n_stop; k++)
            for (size_t len = c->stop_len[k] - 1; len > hold; len--)
                if (len <= ready && !memcmp(from + ready - len, c->stop[k], len)) hold = len;
        ready = kw_tokenizer_whole(from, ready - hold);
    }
    a->sent += ready;
    *n = ready;
    return from;
}

void kw_answer_free(struct kw_answer *a)
{
    free(a->text);
    *a = (struct kw_answer){ 0 };
}

/* Bytes of the well-formed UTF-8 sequence at s, or 0 (RFC 3629: no overlong forms, no surrogates, nothing past
 * U+10FFFF). */
static size_t utf8(const unsigned char *s, size_t n)
{
    unsigned c = s[0];
    size_t len = c < 0x80 ? 1 : c >= 0xc2 && c <= 0xdf ? 2 : (c & 0xf0) == 0xe0 ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (!len || len > n) return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) || (c == 0xf0 && s[1] < 0x90) ||
        (c == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

void kw_completion_quote(struct kw_text *out, const char *s, size_t n)
{
    kw_text_add(out, "\"");
    for (size_t i = 0; i < n;) {
        size_t plain = i;
        while (plain < n && (unsigned char)s[plain] >= 0x20 && (unsigned char)s[plain] < 0x80 && s[plain] != '"' &&
               s[plain] != '\\')
            plain++;
        if (plain > i) {
            kw_text_add(out, "%.*s", (int)(plain - i), s + i);
            i = plain;
            continue;
        }
        size_t len = utf8((const unsigned char *)s + i, n - i);
        if (s[i] == '"' || s[i] == '\\')
            kw_text_add(out, "\\%c", s[i]);
        else if (s[i] == '\n')
            kw_text_add(out, "\\n");
        else if (len == 1)
            kw_text_add(out, "\\u%04x", (unsigned char)s[i]);
        else if (len)
            kw_text_add(out, "%.*s", (int)len, s + i);
        else
            kw_text_add(out, "\xef\xbf\xbd");
        i += len ? len : 1;
    }
    kw_text_add(out, "\"");
}
