#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"
#include "engine/text/pretokenizer.h"
#include "sim/core/files/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_ID (1u << 22)
#define NONE UINT32_MAX
#define BLANK "\xe2\x96\x81" /* U+2581, which stands for a blank in Llama 2's and Mistral's tokens */

struct token {   /* of an id */
    char *bytes; /* what it decodes to, NUL-terminated; NULL: no such token */
    size_t len;
    bool special; /* decodes to nothing */
};
struct name { /* what it is called in the file, as bytes of text (BPE over characters: before blanks are put back) */
    const char *s;
    size_t len;
    uint32_t id;
};
struct merge {
    uint64_t pair; /* left id << 32 | right id */
    uint32_t rank, id;
};
struct added { /* an added token: matched in the text before anything else */
    char *s;
    size_t len;
    uint32_t id;
    bool special;
};

struct kw_tokenizer {
    struct token *token; /* [n_ids] */
    uint32_t n_ids;
    struct name *names; /* [n_names] sorted by bytes: the model's vocabulary */
    size_t n_names;
    char **text;          /* [n_names] the names' memory */
    struct merge *merges; /* [n_merges] sorted by pair */
    size_t n_merges;
    struct added *added; /* [n_added] longest first */
    size_t n_added;
    bool starts[256];      /* some added token begins with this byte */
    uint32_t byte_id[256]; /* the token of a single byte, or NONE */
    uint32_t unknown;      /* for characters without a token, or NONE: left out */
    enum kw_pretokenizer pretokenizer;
    bool bytewise; /* byte-level; else characters, with blanks as U+2581 */
    bool byte_fallback;
    bool whole_first; /* ignore_merges: a word that is a token needs no merging */
    enum { PREFIX_NEVER, PREFIX_FIRST, PREFIX_ALWAYS } prefix; /* a blank before the text, or before each piece of it */
    uint32_t before[4], after[4];                              /* what the post-processor puts around the text */
    uint32_t n_before, n_after;
};

static enum kw_status no_memory(struct kw_error *err)
{
    return kw_fail(err, KW_ENOMEM, "out of memory for the tokenizer");
}

/* ---- GPT-2's bytes: printable ones stand for themselves, the 68 others are U+0100 and up, in order. */

static bool plain_byte(unsigned b)
{
    return (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
}

/* The byte that a character of a byte-level token stands for, -1 when it is none. */
static int byte_of(uint32_t c)
{
    if (c < 256) return plain_byte(c) ? (int)c : -1;
    for (unsigned b = 0, k = 256; b < 256; b++)
        if (!plain_byte(b) && k++ == c) return (int)b;
    return -1;
}

/* A name of the vocabulary to the bytes it stands for; out has room for len. -1 when a character stands for none. */
static long bytes_of_name(const char *s, size_t len, char *out)
{
    long n = 0;
    for (size_t i = 0, k; i < len; i += k) {
        int b = byte_of(kw_unicode_read(s + i, len - i, &k));
        if (b < 0) return -1;
        out[n++] = (char)b;
    }
    return n;
}

/* "<0x0A>": the byte, else -1. */
static int byte_token(const char *s, size_t len)
{
    unsigned b;
    char end;
    return len == 6 && sscanf(s, "<0x%2X%c", &b, &end) == 2 && end == '>' ? (int)b : -1;
}

/* ---- reading the file */

static int compare(const char *a, size_t na, const char *b, size_t nb)
{
    int c = memcmp(a, b, na < nb ? na : nb);
    return c ? c : na < nb ? -1 : na > nb;
}
static int by_bytes(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    return compare(x->s, x->len, y->s, y->len);
}
static int by_pair(const void *a, const void *b)
{
    const struct merge *x = a, *y = b;
    if (x->pair != y->pair) return x->pair < y->pair ? -1 : 1;
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}
static int longest_first(const void *a, const void *b)
{
    const struct added *x = a, *y = b;
    if (x->len != y->len) return x->len > y->len ? -1 : 1;
    return memcmp(x->s, y->s, x->len);
}

static uint32_t find_name(const struct kw_tokenizer *t, const char *s, size_t len)
{
    for (size_t lo = 0, hi = t->n_names; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        int c = compare(t->names[mid].s, t->names[mid].len, s, len);
        if (c == 0) return t->names[mid].id;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NONE;
}

/* What the id of a vocabulary entry decodes to. */
static enum kw_status set_token(struct kw_tokenizer *t, uint32_t id, const char *s, size_t len, bool special,
                                struct kw_error *err)
{
    struct token *k = &t->token[id];
    char *copy = malloc(len + 1);
    if (!copy) return no_memory(err);
    free(k->bytes);
    *k = (struct token){ .bytes = copy, .special = special };
    int b = t->bytewise || special ? -1 : byte_token(s, len);
    if (b >= 0) {
        copy[k->len++] = (char)b;
    } else {
        for (size_t i = 0; i < len; i++)
            if (!t->bytewise && len - i >= 3 && !memcmp(s + i, BLANK, 3))
                copy[k->len++] = ' ', i += 2;
            else
                copy[k->len++] = s[i];
    }
    copy[k->len] = 0;
    return KW_OK;
}

static enum kw_status read_vocab(struct kw_tokenizer *t, struct kw_jnode vocab, struct kw_error *err)
{
    if (!kw_json_is_object(vocab) || !kw_json_len(vocab))
        return kw_json_fail(vocab, KW_EPARSE, err, "want an object of token: id");
    const size_t n = (size_t)kw_json_len(vocab);
    t->names = calloc(n, sizeof *t->names);
    t->text = calloc(n, sizeof *t->text);
    if (!t->names || !t->text) return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        const char *key;
        int64_t id;
        struct kw_jnode m = kw_json_member(vocab, (int)i, &key);
        enum kw_status st = kw_json_i64(m, 0, t->n_ids - 1, &id, err);
        if (st != KW_OK) return st;
        if (t->token[id].bytes) return kw_json_fail(m, KW_ERANGE, err, "id %d is taken by another token", (int)id);
        size_t len = strlen(key);
        if (!(t->text[i] = malloc(len + 1))) return no_memory(err);
        t->n_names = i + 1;
        long got = t->bytewise ? bytes_of_name(key, len, t->text[i]) : -1;
        if (got < 0) { /* special tokens are in some vocabularies under their plain name */
            memcpy(t->text[i], key, len);
            got = (long)len;
        }
        t->names[i] = (struct name){ t->text[i], (size_t)got, (uint32_t)id };
        if ((st = set_token(t, (uint32_t)id, t->text[i], (size_t)got, false, err)) != KW_OK) return st;
        int b = t->bytewise ? (got == 1 ? (unsigned char)t->text[i][0] : -1) : byte_token(key, len);
        if (b >= 0) t->byte_id[b] = (uint32_t)id;
    }
    qsort(t->names, n, sizeof *t->names, by_bytes);
    for (size_t i = 1; i < n; i++)
        if (!by_bytes(&t->names[i - 1], &t->names[i]))
            return kw_json_fail(vocab, KW_ERANGE, err, "ids %u and %u are the same token", t->names[i - 1].id,
                                t->names[i].id);
    return KW_OK;
}

/* The id of one side of a merge; its bytes end up in buf at *len on. */
static uint32_t side(const struct kw_tokenizer *t, const char *s, size_t n, char *buf, size_t *len)
{
    long got = t->bytewise ? bytes_of_name(s, n, buf + *len) : -1;
    if (got < 0) memcpy(buf + *len, s, n), got = (long)n;
    uint32_t id = find_name(t, buf + *len, (size_t)got);
    *len += (size_t)got;
    return id;
}

static enum kw_status read_merge(const struct kw_tokenizer *t, struct kw_jnode m, struct merge *out,
                                 struct kw_error *err)
{
    const char *a, *b;
    size_t na;
    enum kw_status st;
    if (kw_json_is_array(m)) { /* ["a", "b"], since tokenizers 0.20 */
        if (kw_json_len(m) != 2) return kw_json_fail(m, KW_EPARSE, err, "want two tokens");
        if ((st = kw_json_str(kw_json_at(m, 0), &a, err)) != KW_OK ||
            (st = kw_json_str(kw_json_at(m, 1), &b, err)) != KW_OK)
            return st;
        na = strlen(a);
    } else { /* "a b" */
        if ((st = kw_json_str(m, &a, err)) != KW_OK) return st;
        const char *blank = strchr(a, ' ');
        if (!blank) return kw_json_fail(m, KW_EPARSE, err, "want two tokens with a blank between");
        na = (size_t)(blank - a), b = blank + 1;
    }
    size_t len = 0, nb = strlen(b);
    char *buf = malloc(na + nb + 1);
    if (!buf) return no_memory(err);
    uint32_t left = side(t, a, na, buf, &len), right = side(t, b, nb, buf, &len), both = find_name(t, buf, len);
    free(buf);
    if (left == NONE || right == NONE || both == NONE)
        return kw_json_fail(m, KW_ERANGE, err, "%s is not in the vocabulary",
                            left == NONE    ? "the first token"
                            : right == NONE ? "the second token"
                                            : "the merged token");
    out->pair = (uint64_t)left << 32 | right, out->id = both;
    return KW_OK;
}

static enum kw_status read_merges(struct kw_tokenizer *t, struct kw_jnode merges, struct kw_error *err)
{
    if (!kw_json_is_array(merges)) return kw_json_fail(merges, KW_EPARSE, err, "want an array");
    const size_t n = (size_t)kw_json_len(merges);
    t->merges = calloc(n + 1, sizeof *t->merges);
    if (!t->merges) return no_memory(err);
    for (size_t i = 0; i < n; i++) {
        enum kw_status st = read_merge(t, kw_json_at(merges, (int)i), &t->merges[i], err);
        if (st != KW_OK) return st;
        t->merges[i].rank = (uint32_t)i;
    }
    qsort(t->merges, n, sizeof *t->merges, by_pair);
    for (size_t i = 0; i < n; i++) /* of a pair that is listed twice the first counts */
        if (!t->n_merges || t->merges[i].pair != t->merges[t->n_merges - 1].pair)
            t->merges[t->n_merges++] = t->merges[i];
    return KW_OK;
}

/* Ids of the vocabulary and of the added tokens: the largest + 1. */
static enum kw_status count_ids(struct kw_tokenizer *t, struct kw_jnode vocab, struct kw_jnode added,
                                struct kw_error *err)
{
    int64_t id, largest = 0;
    enum kw_status st;
    for (int i = 0; i < kw_json_len(vocab); i++) {
        if ((st = kw_json_i64(kw_json_member(vocab, i, NULL), 0, MAX_ID - 1, &id, err)) != KW_OK) return st;
        if (id > largest) largest = id;
    }
    for (int i = 0; i < kw_json_len(added); i++) {
        if ((st = kw_json_i64(kw_json_get(kw_json_at(added, i), "id"), 0, MAX_ID - 1, &id, err)) != KW_OK) return st;
        if (id > largest) largest = id;
    }
    t->n_ids = (uint32_t)largest + 1;
    t->token = calloc(t->n_ids, sizeof *t->token);
    return t->token ? KW_OK : no_memory(err);
}

static enum kw_status read_added(struct kw_tokenizer *t, struct kw_jnode added, struct kw_error *err)
{
    if (!kw_json_present(added)) return KW_OK;
    if (!kw_json_is_array(added)) return kw_json_fail(added, KW_EPARSE, err, "want an array");
    const int n = kw_json_len(added);
    t->added = calloc((size_t)n + 1, sizeof *t->added);
    if (!t->added) return no_memory(err);
    for (int i = 0; i < n; i++) {
        struct kw_jnode m = kw_json_at(added, i);
        static const char *const flags[] = { "lstrip", "rstrip", "single_word" };
        const char *s;
        bool special, on;
        int64_t id = 0;
        enum kw_status st;
        if ((st = kw_json_str(kw_json_get(m, "content"), &s, err)) != KW_OK ||
            (st = kw_json_i64(kw_json_get(m, "id"), 0, t->n_ids - 1, &id, err)) != KW_OK ||
            (st = kw_json_bool_or(kw_json_get(m, "special"), false, &special, err)) != KW_OK)
            return st;
        for (int j = 0; j < 3; j++) {
            if ((st = kw_json_bool_or(kw_json_get(m, flags[j]), false, &on, err)) != KW_OK) return st;
            if (on) return kw_json_fail(kw_json_get(m, flags[j]), KW_ERANGE, err, "not implemented");
        }
        if (!*s) return kw_json_fail(m, KW_ERANGE, err, "an empty token");
        struct added *a = &t->added[t->n_added];
        *a = (struct added){ .s = malloc(strlen(s) + 1), .len = strlen(s), .id = (uint32_t)id, .special = special };
        if (!a->s) return no_memory(err);
        t->n_added++;
        strcpy(a->s, s);
        t->starts[(unsigned char)*s] = true;
        if ((st = set_token(t, a->id, s, a->len, special, err)) != KW_OK) return st;
    }
    qsort(t->added, t->n_added, sizeof *t->added, longest_first);
    return KW_OK;
}

/* The steps of a component: itself, or the members of a Sequence (under `members`). */
static struct kw_jnode step_of(struct kw_jnode n, const char *members, int i)
{
    const char *type;
    if (!kw_json_present(n)) return (struct kw_jnode){ 0 };
    if (kw_json_str(kw_json_get(n, "type"), &type, NULL) == KW_OK && !strcmp(type, "Sequence"))
        return kw_json_at(kw_json_get(n, members), i);
    return i ? (struct kw_jnode){ 0 } : n;
}

static enum kw_status read_normalizer(struct kw_tokenizer *t, struct kw_jnode n, struct kw_error *err)
{
    /* NFC (Qwen2) is taken as done: nearly all text is, and its tables would be larger than the rest of the engine. */
    static const char *const types[] = { "NFC", "Prepend", "Replace", NULL };
    struct kw_jnode s;
    for (int i = 0; (s = step_of(n, "normalizers", i)).item; i++) {
        int k;
        const char *from, *to;
        enum kw_status st = kw_json_enum(kw_json_get(s, "type"), types, &k, err);
        if (st != KW_OK) return st;
        if (k == 1) {
            if ((st = kw_json_str(kw_json_get(s, "prepend"), &to, err)) != KW_OK) return st;
            if (strcmp(to, BLANK))
                return kw_json_fail(s, KW_ERANGE, err, "prepending anything but U+2581 is not implemented");
            t->prefix = PREFIX_ALWAYS;
        } else if (k == 2) {
            if ((st = kw_json_str(kw_json_get(kw_json_get(s, "pattern"), "String"), &from, err)) != KW_OK ||
                (st = kw_json_str(kw_json_get(s, "content"), &to, err)) != KW_OK)
                return st;
            if (strcmp(from, " ") || strcmp(to, BLANK))
                return kw_json_fail(s, KW_ERANGE, err, "replacing anything but a blank by U+2581 is not implemented");
        }
    }
    return KW_OK;
}

/* The patterns that published tokenizers have; any other is refused. */
static enum kw_status read_pattern(struct kw_tokenizer *t, struct kw_jnode n, struct kw_error *err)
{
#define WORDS "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
#define REST "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    static const struct {
        const char *regex;
        enum kw_pretokenizer how;
    } known[] = { { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|" WORDS "{1,3}" REST, KW_PRETOKENIZER_LLAMA3 },
                  { "(?i:'s|'t|'re|'ve|'m|'ll|'d)|" WORDS REST, KW_PRETOKENIZER_QWEN2 } };
    const char *s;
    enum kw_status st = kw_json_str(kw_json_get(n, "Regex"), &s, err);
    if (st != KW_OK) return st;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(s, known[i].regex)) {
            t->pretokenizer = known[i].how;
            return KW_OK;
        }
    return kw_json_fail(n, KW_ERANGE, err, "this split pattern is not implemented (those of Llama 3 and Qwen2 are)");
}

static enum kw_status read_metaspace(struct kw_tokenizer *t, struct kw_jnode s, struct kw_error *err)
{
    static const char *const schemes[] = { "never", "first", "always", NULL };
    const char *blank;
    bool split;
    int k;
    enum kw_status st;
    if ((st = kw_json_str_or(kw_json_get(s, "replacement"), BLANK, &blank, err)) != KW_OK ||
        (st = kw_json_bool_or(kw_json_get(s, "split"), true, &split, err)) != KW_OK ||
        (st = kw_json_enum_or(kw_json_get(s, "prepend_scheme"), PREFIX_ALWAYS, schemes, &k, err)) != KW_OK)
        return st;
    if (strcmp(blank, BLANK) || split)
        return kw_json_fail(s, KW_ERANGE, err, "Metaspace: want replacement U+2581 and split false");
    t->prefix = k;
    return KW_OK;
}

static enum kw_status read_pre_tokenizer(struct kw_tokenizer *t, struct kw_jnode n, struct kw_error *err)
{
    static const char *const types[] = { "Split", "ByteLevel", "Metaspace", NULL };
    static const char *const isolated[] = { "Isolated", NULL };
    struct kw_jnode s;
    t->pretokenizer = KW_PRETOKENIZER_WHOLE;
    for (int i = 0; (s = step_of(n, "pretokenizers", i)).item; i++) {
        int k, how;
        bool invert, regex, space;
        enum kw_status st = kw_json_enum(kw_json_get(s, "type"), types, &k, err);
        if (st != KW_OK) return st;
        if (k == 0) {
            if ((st = kw_json_enum(kw_json_get(s, "behavior"), isolated, &how, err)) != KW_OK ||
                (st = kw_json_bool_or(kw_json_get(s, "invert"), false, &invert, err)) != KW_OK)
                return st;
            if (invert) return kw_json_fail(s, KW_ERANGE, err, "invert is not implemented");
            if ((st = read_pattern(t, kw_json_get(s, "pattern"), err)) != KW_OK) return st;
        } else if (k == 1) {
            t->bytewise = true;
            if ((st = kw_json_bool_or(kw_json_get(s, "use_regex"), true, &regex, err)) != KW_OK ||
                (st = kw_json_bool_or(kw_json_get(s, "add_prefix_space"), true, &space, err)) != KW_OK)
                return st;
            if (regex && t->pretokenizer != KW_PRETOKENIZER_WHOLE)
                return kw_json_fail(s, KW_ERANGE, err, "two split patterns are not implemented");
            if (regex) t->pretokenizer = KW_PRETOKENIZER_GPT2;
            if (space) return kw_json_fail(s, KW_ERANGE, err, "add_prefix_space is not implemented");
        } else if ((st = read_metaspace(t, s, err)) != KW_OK) {
            return st;
        }
    }
    if (t->pretokenizer != KW_PRETOKENIZER_WHOLE && !t->bytewise)
        return kw_json_fail(n, KW_ERANGE, err, "a split pattern without ByteLevel is not implemented");
    return KW_OK;
}

static uint32_t find_added(const struct kw_tokenizer *t, const char *s)
{
    for (size_t i = 0; i < t->n_added; i++)
        if (!strcmp(t->added[i].s, s)) return t->added[i].id;
    return NONE;
}

/* TemplateProcessing's "single": special tokens before and after the text. */
static enum kw_status read_post_processor(struct kw_tokenizer *t, struct kw_jnode n, struct kw_error *err)
{
    static const char *const types[] = { "ByteLevel", "TemplateProcessing", NULL };
    struct kw_jnode s;
    for (int i = 0; (s = step_of(n, "processors", i)).item; i++) {
        int k;
        enum kw_status st = kw_json_enum(kw_json_get(s, "type"), types, &k, err);
        if (st != KW_OK) return st;
        struct kw_jnode single = kw_json_get(s, "single");
        bool after = false;
        for (int j = 0; k == 1 && j < kw_json_len(single); j++) {
            struct kw_jnode m = kw_json_at(single, j), special = kw_json_get(m, "SpecialToken");
            if (!kw_json_present(special)) {
                after = true;
                continue;
            }
            const char *name;
            if ((st = kw_json_str(kw_json_get(special, "id"), &name, err)) != KW_OK) return st;
            uint32_t id = find_added(t, name), *count = after ? &t->n_after : &t->n_before;
            if (id == NONE) return kw_json_fail(special, KW_ERANGE, err, "is not an added token");
            if (*count == 4) return kw_json_fail(single, KW_ERANGE, err, "want at most 4 special tokens on a side");
            (after ? t->after : t->before)[(*count)++] = id;
        }
    }
    return KW_OK;
}

static enum kw_status read_model(struct kw_tokenizer *t, struct kw_jnode root, struct kw_error *err)
{
    static const char *const types[] = { "BPE", NULL };
    struct kw_jnode m = kw_json_get(root, "model"), added = kw_json_get(root, "added_tokens");
    const char *unknown, *prefix;
    int k;
    enum kw_status st;
    if ((st = kw_json_enum_or(kw_json_get(m, "type"), 0, types, &k, err)) != KW_OK) return st;
    if (kw_json_present(kw_json_get(m, "dropout")))
        return kw_json_fail(kw_json_get(m, "dropout"), KW_ERANGE, err, "dropout is not implemented");
    if ((st = kw_json_str_or(kw_json_get(m, "continuing_subword_prefix"), "", &prefix, err)) != KW_OK) return st;
    if (*prefix) return kw_json_fail(kw_json_get(m, "continuing_subword_prefix"), KW_ERANGE, err, "not implemented");
    if ((st = kw_json_str_or(kw_json_get(m, "end_of_word_suffix"), "", &prefix, err)) != KW_OK) return st;
    if (*prefix) return kw_json_fail(kw_json_get(m, "end_of_word_suffix"), KW_ERANGE, err, "not implemented");
    if ((st = kw_json_bool_or(kw_json_get(m, "byte_fallback"), false, &t->byte_fallback, err)) != KW_OK ||
        (st = kw_json_bool_or(kw_json_get(m, "ignore_merges"), false, &t->whole_first, err)) != KW_OK ||
        (st = kw_json_str_or(kw_json_get(m, "unk_token"), "", &unknown, err)) != KW_OK ||
        (st = count_ids(t, kw_json_get(m, "vocab"), added, err)) != KW_OK ||
        (st = read_vocab(t, kw_json_get(m, "vocab"), err)) != KW_OK ||
        (st = read_merges(t, kw_json_get(m, "merges"), err)) != KW_OK || (st = read_added(t, added, err)) != KW_OK)
        return st;
    if (*unknown) t->unknown = find_name(t, unknown, strlen(unknown));
    return KW_OK;
}

static enum kw_status read_all(struct kw_tokenizer **out, const struct kw_json *doc, struct kw_error *err)
{
    struct kw_jnode root = kw_json_root(doc);
    struct kw_tokenizer *t = calloc(1, sizeof *t);
    if (!t) return no_memory(err);
    t->unknown = NONE;
    for (int i = 0; i < 256; i++) t->byte_id[i] = NONE;
    enum kw_status st;
    if ((st = read_normalizer(t, kw_json_get(root, "normalizer"), err)) == KW_OK &&
        (st = read_pre_tokenizer(t, kw_json_get(root, "pre_tokenizer"), err)) == KW_OK &&
        (st = read_model(t, root, err)) == KW_OK)
        st = read_post_processor(t, kw_json_get(root, "post_processor"), err);
    if (st != KW_OK)
        kw_tokenizer_free(t);
    else
        *out = t;
    return st;
}

enum kw_status kw_tokenizer_parse(struct kw_tokenizer **t, const char *name, const char *text, size_t len,
                                  struct kw_error *err)
{
    struct kw_json doc;
    *t = NULL;
    enum kw_status st = kw_json_parse(&doc, name, text, len, err);
    if (st != KW_OK) return st;
    st = read_all(t, &doc, err);
    kw_json_free(&doc);
    return st;
}

enum kw_status kw_tokenizer_load(struct kw_tokenizer **t, const char *path, struct kw_error *err)
{
    char file[4096];
    struct stat s;
    struct kw_json doc;
    bool folder = !stat(path, &s) && S_ISDIR(s.st_mode);
    *t = NULL;
    if (snprintf(file, sizeof file, "%s%s", path, folder ? "/tokenizer.json" : "") >= (int)sizeof file)
        return kw_fail(err, KW_ERANGE, "%.100s...: the path is too long", path);
    enum kw_status st = kw_json_load(&doc, file, err);
    if (st != KW_OK) return st;
    st = read_all(t, &doc, err);
    kw_json_free(&doc);
    return st;
}

void kw_tokenizer_free(struct kw_tokenizer *t)
{
    if (!t) return;
    for (uint32_t i = 0; t->token && i < t->n_ids; i++) free(t->token[i].bytes);
    for (size_t i = 0; t->text && i < t->n_names; i++) free(t->text[i]);
    for (size_t i = 0; i < t->n_added; i++) free(t->added[i].s);
    free(t->token), free(t->names), free(t->text), free(t->merges), free(t->added);
    free(t);
}

uint32_t kw_tokenizer_vocab(const struct kw_tokenizer *t)
{
    return t->n_ids;
}

/* ---- merging */

struct symbol {
    uint32_t id, prev, next; /* neighbours by index; NONE at the ends; id NONE: merged away */
};
struct candidate {     /* a pair that could be merged, if it is still there */
    uint32_t rank, at; /* the left symbol */
    uint64_t pair;
    uint32_t id;
};

struct ids { /* what encode collects, and its working memory */
    uint32_t *id;
    size_t n, cap;
    struct symbol *sym;
    struct candidate *heap;
    size_t n_sym, n_heap, cap_sym, cap_heap;
};

/* Room for `more` further elements; false: no memory, nothing changed. */
static bool room(void *array, size_t *cap, size_t have, size_t more, size_t size)
{
    void **a = array, *p;
    if (have + more <= *cap) return true;
    size_t want = (have + more) * 2 + 64;
    if (!(p = realloc(*a, want * size))) return false;
    *a = p, *cap = want;
    return true;
}

static bool emit(struct ids *x, uint32_t id)
{
    if (!room(&x->id, &x->cap, x->n, 1, sizeof *x->id)) return false;
    x->id[x->n++] = id;
    return true;
}

static bool sooner(const struct candidate *a, const struct candidate *b)
{
    return a->rank < b->rank || (a->rank == b->rank && a->at < b->at);
}

static void heap_push(struct ids *x, struct candidate c)
{
    size_t i = x->n_heap++;
    for (; i && sooner(&c, &x->heap[(i - 1) / 2]); i = (i - 1) / 2) x->heap[i] = x->heap[(i - 1) / 2];
    x->heap[i] = c;
}

static struct candidate heap_pop(struct ids *x)
{
    struct candidate top = x->heap[0], last = x->heap[--x->n_heap];
    size_t i = 0;
    for (size_t c; (c = 2 * i + 1) < x->n_heap; i = c) {
        if (c + 1 < x->n_heap && sooner(&x->heap[c + 1], &x->heap[c])) c++;
        if (!sooner(&x->heap[c], &last)) break;
        x->heap[i] = x->heap[c];
    }
    x->heap[i] = last;
    return top;
}

static const struct merge *find_merge(const struct kw_tokenizer *t, uint64_t pair)
{
    for (size_t lo = 0, hi = t->n_merges; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->merges[mid].pair == pair) return &t->merges[mid];
        if (t->merges[mid].pair < pair)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* The pair that begins at symbol i, if a merge knows it. Each merge adds two at most, so the heap has room from the
 * start. */
static void consider(const struct kw_tokenizer *t, struct ids *x, uint32_t i)
{
    if (i == NONE || x->sym[i].next == NONE) return;
    uint64_t pair = (uint64_t)x->sym[i].id << 32 | x->sym[x->sym[i].next].id;
    const struct merge *m = find_merge(t, pair);
    if (m) heap_push(x, (struct candidate){ .rank = m->rank, .at = i, .pair = pair, .id = m->id });
}

/* Applies merges in order of rank, leftmost first, until none applies; emits what is left. O(n log n). */
static bool merge_symbols(const struct kw_tokenizer *t, struct ids *x)
{
    const uint32_t n = (uint32_t)x->n_sym;
    x->n_heap = 0;
    if (!room(&x->heap, &x->cap_heap, 0, 3 * (size_t)n, sizeof *x->heap)) return false;
    for (uint32_t i = 0; i < n; i++) x->sym[i].prev = i ? i - 1 : NONE, x->sym[i].next = i + 1 < n ? i + 1 : NONE;
    for (uint32_t i = 0; i < n; i++) consider(t, x, i);
    while (x->n_heap) {
        struct candidate c = heap_pop(x);
        struct symbol *a = &x->sym[c.at];
        if (a->id == NONE || a->next == NONE || ((uint64_t)a->id << 32 | x->sym[a->next].id) != c.pair) continue;
        struct symbol *b = &x->sym[a->next];
        a->id = c.id, b->id = NONE;
        a->next = b->next;
        if (b->next != NONE) x->sym[b->next].prev = c.at;
        consider(t, x, a->prev);
        consider(t, x, c.at);
    }
    for (uint32_t i = 0; i != NONE && i < n; i = x->sym[i].next)
        if (!emit(x, x->sym[i].id)) return false;
    return true;
}

/* The first symbols of a word: a byte's token each, or a character's with its bytes' where it has none. */
static bool put_symbols(const struct kw_tokenizer *t, struct ids *x, const char *s, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        n = 1;
        uint32_t id = NONE;
        if (!t->bytewise) {
            kw_unicode_read(s + i, len - i, &n);
            id = find_name(t, s + i, n);
        }
        bool bytes = id == NONE && (t->bytewise || t->byte_fallback);
        for (size_t j = 0; bytes && j < n; j++) {
            id = t->byte_id[(unsigned char)s[i + j]];
            if (id == NONE) id = t->unknown;
            if (id == NONE) continue;
            if (!room(&x->sym, &x->cap_sym, x->n_sym, 1, sizeof *x->sym)) return false;
            x->sym[x->n_sym++].id = id;
        }
        if (bytes) continue;
        if (id == NONE) id = t->unknown;
        if (id == NONE) continue;
        if (!room(&x->sym, &x->cap_sym, x->n_sym, 1, sizeof *x->sym)) return false;
        x->sym[x->n_sym++].id = id;
    }
    return true;
}

static bool encode_word(const struct kw_tokenizer *t, struct ids *x, const char *s, size_t len)
{
    uint32_t whole = t->whole_first ? find_name(t, s, len) : NONE;
    if (whole != NONE) return emit(x, whole);
    x->n_sym = 0;
    return put_symbols(t, x, s, len) && merge_symbols(t, x);
}

/* Text without added tokens. BPE over characters takes it as one word, blanks written as U+2581. */
static bool encode_plain(const struct kw_tokenizer *t, struct ids *x, const char *s, size_t len, bool first)
{
    if (!len) return true;
    if (t->bytewise) {
        for (size_t at = 0, end; at < len; at = end) {
            end = kw_pretokenizer_end(t->pretokenizer, s, len, at);
            if (!encode_word(t, x, s + at, end - at)) return false;
        }
        return true;
    }
    char *copy = malloc(3 * len + 3);
    if (!copy) return false;
    size_t n = 0;
    if (t->prefix == PREFIX_ALWAYS || (t->prefix == PREFIX_FIRST && first)) memcpy(copy, BLANK, 3), n = 3;
    for (size_t i = 0; i < len; i++)
        if (s[i] == ' ')
            memcpy(copy + n, BLANK, 3), n += 3;
        else
            copy[n++] = s[i];
    bool done = encode_word(t, x, copy, n);
    free(copy);
    return done;
}

/* The added token at s, the longest that fits; NULL when there is none. */
static const struct added *added_at(const struct kw_tokenizer *t, const char *s, size_t len, bool special)
{
    if (!t->starts[(unsigned char)*s]) return NULL;
    for (size_t i = 0; i < t->n_added; i++) {
        const struct added *a = &t->added[i];
        if ((special || !a->special) && a->len <= len && !memcmp(a->s, s, a->len)) return a;
    }
    return NULL;
}

static bool encode_text(const struct kw_tokenizer *t, struct ids *x, const char *s, size_t len, bool special)
{
    size_t from = 0;
    for (uint32_t i = 0; special && i < t->n_before; i++)
        if (!emit(x, t->before[i])) return false;
    for (size_t at = 0; at < len;) {
        const struct added *a = added_at(t, s + at, len - at, special);
        if (!a) {
            at++;
            continue;
        }
        if (!encode_plain(t, x, s + from, at - from, from == 0) || !emit(x, a->id)) return false;
        from = at += a->len;
    }
    if (!encode_plain(t, x, s + from, len - from, from == 0)) return false;
    for (uint32_t i = 0; special && i < t->n_after; i++)
        if (!emit(x, t->after[i])) return false;
    return true;
}

enum kw_status kw_tokenizer_encode(const struct kw_tokenizer *t, const char *text, size_t len, bool special,
                                   uint32_t **ids, size_t *n, struct kw_error *err)
{
    struct ids x = { 0 };
    *ids = NULL, *n = 0;
    if (len > UINT32_MAX / 8) return kw_fail(err, KW_ERANGE, "text of %zu bytes: want at most %u", len, UINT32_MAX / 8);
    bool done = room(&x.id, &x.cap, 0, 1, sizeof *x.id) && encode_text(t, &x, text, len, special);
    free(x.sym);
    free(x.heap);
    if (!done) {
        free(x.id);
        return no_memory(err);
    }
    *ids = x.id, *n = x.n;
    return KW_OK;
}

/* ---- and back */

const char *kw_tokenizer_bytes(const struct kw_tokenizer *t, uint32_t id, size_t *len)
{
    const struct token *k = id < t->n_ids ? &t->token[id] : NULL;
    bool shown = k && k->bytes && !k->special;
    *len = shown ? k->len : 0;
    return shown ? k->bytes : "";
}

bool kw_tokenizer_is_special(const struct kw_tokenizer *t, uint32_t id)
{
    return id < t->n_ids && t->token[id].special;
}

enum kw_status kw_tokenizer_decode(const struct kw_tokenizer *t, const uint32_t *ids, size_t n, char **text,
                                   size_t *len, struct kw_error *err)
{
    size_t total = 0, k;
    for (size_t i = 0; i < n; i++) {
        kw_tokenizer_bytes(t, ids[i], &k);
        total += k;
    }
    char *out = malloc(total + 1);
    if (!out) return no_memory(err);
    *len = 0;
    for (size_t i = 0; i < n; i++) {
        const char *s = kw_tokenizer_bytes(t, ids[i], &k);
        if (t->prefix != PREFIX_NEVER && *len == 0 && k && *s == ' ') s++, k--;
        memcpy(out + *len, s, k);
        *len += k;
    }
    out[*len] = 0;
    *text = out;
    return KW_OK;
}

size_t kw_tokenizer_whole(const char *s, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) { /* a character has at most 3 bytes after its first */
        unsigned char c = (unsigned char)s[len - back];
        if ((c & 0xc0) == 0x80) continue;
        size_t want = c >= 0xf0 && c < 0xf5 ? 4 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xc2 && c < 0xe0 ? 2 : 1;
        return want > back ? len - back : len;
    }
    return len;
}
