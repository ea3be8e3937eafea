/* tests/engine/test_tokenizer.c - splits as the published patterns make them, merges in order, bytes that come back,
 * and what is refused. The tokenizers are small ones written here. */
#include "engine/text/tokenizer.c" /* its byte table is static */
#include "tests/check.h"
#include "tests/failmalloc.h"

/* ---- the split patterns */

/* "a|b|c" of the words of s. */
static const char *words(enum kw_pretokenizer how, const char *s, size_t len)
{
    static char out[512];
    size_t n = 0;
    for (size_t at = 0, end; at < len; at = end) {
        end = kw_pretokenizer_end(how, s, len, at);
        if (end <= at || end > len) {
            CHECK(!"a word must have an end");
            break;
        }
        if (at) out[n++] = '|';
        memcpy(out + n, s + at, end - at);
        n += end - at;
    }
    out[n] = 0;
    return out;
}
#define WORDS_ARE(how, s, want) CHECK_STR(words(how, s, strlen(s)), want)

static void llama3_words(void) /* each worked out from the pattern by hand */
{
    WORDS_ARE(KW_PRETOKENIZER_LLAMA3, "Hello world", "Hello| world");
    WORDS_ARE(KW_PRETOKENIZER_LLAMA3, "I'm we'LL don't 'sx",
              "I|'m| we|'LL| don|'t| '|sx"); /* \s takes no letters: " '" first */
    WORDS_ARE(KW_PRETOKENIZER_LLAMA3, "12345 6", "123|45| |6");
    WORDS_ARE(KW_PRETOKENIZER_LLAMA3, "a  b", "a| | b");
    WORDS_ARE(KW_PRETOKENIZER_LLAMA3, "a   ", "a|   ");
    WORDS_ARE(KW_PRETOKENIZER_LLAMA3, "\tx = y;\n\n  z", "\tx| =| y|;\n\n| | z");
    WORDS_ARE(KW_PRETOKENIZER_LLAMA3, "a \n\n  b", "a| \n\n| | b");
    WORDS_ARE(KW_PRETOKENIZER_LLAMA3, "...!?\nq", "...!?\n|q");
    WORDS_ARE(KW_PRETOKENIZER_LLAMA3, "(x)", "(x|)");
    WORDS_ARE(KW_PRETOKENIZER_LLAMA3, "caf\xc3\xa9 \xe4\xbd\xa0\xe5\xa5\xbd", "caf\xc3\xa9| \xe4\xbd\xa0\xe5\xa5\xbd");
    WORDS_ARE(KW_PRETOKENIZER_LLAMA3, "\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4",
              "\xd9\xa1\xd9\xa2\xd9\xa3|\xd9\xa4"); /* Arabic digits */
    WORDS_ARE(KW_PRETOKENIZER_LLAMA3,
              "x\xff\xfe"
              "y",
              "x|\xff\xfe|y");
}

static void qwen2_and_gpt2_words(void)
{
    WORDS_ARE(KW_PRETOKENIZER_QWEN2, "abc 1234", "abc| |1|2|3|4");
    WORDS_ARE(KW_PRETOKENIZER_GPT2, "Hello world 123!! 4", "Hello| world| 123|!!| 4");
    WORDS_ARE(KW_PRETOKENIZER_GPT2, "I'm I'M", "I|'m| I|'|M");
    WORDS_ARE(KW_PRETOKENIZER_GPT2, "a \n b", "a| \n| b");
    WORDS_ARE(KW_PRETOKENIZER_GPT2, "a\n\nb", "a|\n|\n|b");
    WORDS_ARE(KW_PRETOKENIZER_GPT2, "  x", " | x");
}

/* ---- byte-level BPE */

#define LLAMA3_REGEX                                                                                                   \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}{1,3}| "                             \
    "?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"

/* All 256 bytes (ids 0..255 in GPT-2's order), then the merges' results; <|bos|> 300, <|eot|> 301, an added word 302.
 */
static char *byte_level(const char *merges, const char *extra)
{
    static char text[16384];
    size_t n = 0;
    n += (size_t)sprintf(text,
                         "{\"added_tokens\":[{\"id\":300,\"content\":\"<|bos|>\",\"special\":true},"
                         "{\"id\":301,\"content\":\"<|eot|>\",\"special\":true},{\"id\":302,\"content\":\"<tool>\"}],"
                         "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":"
                         "{\"Regex\":\"" LLAMA3_REGEX "\"},\"behavior\":\"Isolated\",\"invert\":false},"
                         "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]},"
                         "\"post_processor\":{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"},"
                         "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<|bos|>\"}},"
                         "{\"Sequence\":{\"id\":\"A\"}}]}]},\"model\":{\"type\":\"BPE\",\"vocab\":{");
    for (unsigned b = 0, k = 256; b < 256; b++) {
        unsigned c = plain_byte(b) ? b : k++;
        n += (size_t)sprintf(text + n, "%s\"\\u%04x\":%u", b ? "," : "", c, b);
    }
    n +=
        (size_t)sprintf(text + n,
                        ",\"he\":256,\"ll\":257,\"hell\":258,\"\\u0120hell\":259,\"aa\":260,\"aaa\":261,\"hello\":262},"
                        "\"merges\":%s%s}}",
                        merges, extra);
    return text;
}
#define MERGES "[\"h e\",\"l l\",[\"he\",\"ll\"],\"\\u0120 hell\",\"a a\",\"aa a\"]"

static struct kw_tokenizer *parsed(const char *text)
{
    struct kw_tokenizer *t;
    struct kw_error err = { "" };
    kw_tokenizer_parse(&t, "t.json", text, strlen(text), &err);
    CHECK_STR(err.msg, "");
    return t;
}

/* The ids of s as "1 2 3". */
static const char *ids_of(const struct kw_tokenizer *t, const char *s, size_t len, bool special)
{
    static char out[512];
    uint32_t *ids;
    size_t n, k = 0;
    out[0] = 0;
    CHECK(kw_tokenizer_encode(t, s, len, special, &ids, &n, NULL) == KW_OK);
    for (size_t i = 0; i < n; i++) k += (size_t)sprintf(out + k, "%s%u", i ? " " : "", ids[i]);
    free(ids);
    return out;
}
#define IDS_ARE(t, s, special, want) CHECK_STR(ids_of(t, s, strlen(s), special), want)

static void merges_apply_by_rank(void)
{
    struct kw_tokenizer *t = parsed(byte_level(MERGES, ""));
    if (!t) return;
    IDS_ARE(t, "hell", false, "258");
    IDS_ARE(t, "hello", false, "258 111"); /* "hello" is a token, but no merge makes it */
    IDS_ARE(t, "x hell", false, "120 259");
    IDS_ARE(t, "aaaaa", false, "260 261"); /* aa, aa, a: the second aa + a */
    IDS_ARE(t, "aaaa", false, "260 260");
    IDS_ARE(t, "", false, "");
    IDS_ARE(t, "\n", false, "10");
    IDS_ARE(t, "\xff\xc3\xa9", false, "255 195 169");
    IDS_ARE(t, "hell", true, "300 258");
    IDS_ARE(t, "<|bos|>hell<|eot|>", true, "300 300 258 301");
    IDS_ARE(t, "<|eot|>", false, "60 124 101 111 116 124 62"); /* plain text unless special */
    IDS_ARE(t, "a<tool>a", false, "97 302 97");                /* an added token that is not special always counts */
    CHECK(kw_tokenizer_vocab(t) == 303 && kw_tokenizer_is_special(t, 300) && !kw_tokenizer_is_special(t, 302));
    kw_tokenizer_free(t);
    t = parsed(byte_level(MERGES, ",\"ignore_merges\":true"));
    if (!t) return;
    IDS_ARE(t, "hello", false, "262");
    IDS_ARE(t, "hellp", false, "258 112");
    kw_tokenizer_free(t);
}

static void any_bytes_come_back(void)
{
    struct kw_tokenizer *t = parsed(byte_level(MERGES, ""));
    if (!t) return;
    char s[600], *back;
    for (int round = 0; round < 20; round++) {
        size_t n = 0, len;
        uint32_t *ids, state = (uint32_t)round * 2654435761u + 1;
        for (; n < (size_t)(round * 29); n++) {
            state = state * 1664525u + 1013904223u;
            s[n] = round % 2 ? (char)(state >> 24) : "hel aa\n1'"[(state >> 24) % 9];
        }
        size_t k;
        CHECK(kw_tokenizer_encode(t, s, n, false, &ids, &k, NULL) == KW_OK);
        CHECK(kw_tokenizer_decode(t, ids, k, &back, &len, NULL) == KW_OK);
        CHECK(len == n && !memcmp(back, s, n));
        free(ids);
        free(back);
    }
    size_t len;
    CHECK(*kw_tokenizer_bytes(t, 300, &len) == 0 && len == 0); /* special */
    CHECK(*kw_tokenizer_bytes(t, 299, &len) == 0 && len == 0); /* no such token */
    CHECK(*kw_tokenizer_bytes(t, 9999, &len) == 0 && len == 0);
    kw_tokenizer_free(t);
}

static void long_words_take_no_quadratic_time(void)
{
    struct kw_tokenizer *t = parsed(byte_level(MERGES, ""));
    if (!t) return;
    const size_t n = 300000;
    char *s = malloc(n), *back;
    memset(s, 'a', n);
    uint32_t *ids;
    size_t k, len;
    CHECK(kw_tokenizer_encode(t, s, n, false, &ids, &k, NULL) == KW_OK && k == n / 2);
    CHECK(kw_tokenizer_decode(t, ids, k, &back, &len, NULL) == KW_OK && len == n && !memcmp(back, s, n));
    free(s), free(ids), free(back);
    kw_tokenizer_free(t);
}

/* ---- BPE over characters, as Llama 2 and Mistral */

#define CHARACTERS(normalizer, pre)                                                                                    \
    "{\"normalizer\":" normalizer ",\"pre_tokenizer\":" pre                                                            \
    ",\"added_tokens\":[{\"id\":0,\"content\":\"<unk>\",\"special\":true},"                                            \
    "{\"id\":1,\"content\":\"<s>\",\"special\":true}],\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":" \
    "["                                                                                                                \
    "{\"SpecialToken\":{\"id\":\"<s>\"}},{\"Sequence\":{\"id\":\"A\"}}]},\"model\":{\"type\":\"BPE\",\"unk_token\":"   \
    "\"<unk>\","                                                                                                       \
    "\"byte_fallback\":true,\"vocab\":{\"<unk>\":0,\"<s>\":1,\"<0x0A>\":2,\"<0xC3>\":3,\"<0xA9>\":4,\"\\u2581\":5,"    \
    "\"h\":6,"                                                                                                         \
    "\"i\":7,\"hi\":8,\"\\u2581hi\":9,\"\\u2581\\u2581\":10},\"merges\":[\"h i\",\"\\u2581 hi\",\"\\u2581 "            \
    "\\u2581\"]}}"
#define LLAMA2                                                                                                         \
    CHARACTERS("{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"\\u2581\"},"               \
               "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\\u2581\"}]}",                      \
               "null")
#define MISTRAL                                                                                                        \
    CHARACTERS("null",                                                                                                 \
               "{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\",\"prepend_scheme\":\"first\",\"split\":false}")

static void characters_fall_back_to_bytes(void)
{
    struct kw_tokenizer *t = parsed(LLAMA2);
    if (!t) return;
    IDS_ARE(t, "hi", true, "1 9");
    IDS_ARE(t, "hi hi", false, "9 9");
    IDS_ARE(t, "hi  hi", false, "9 5 9"); /* "hi" and its blank have the lower rank */
    IDS_ARE(t, "h\n\xc3\xa9q", false, "5 6 2 3 4 0");
    IDS_ARE(t, "hi<s>hi", true, "1 9 1 9");
    uint32_t ids[] = { 1, 9, 9, 2, 3, 4 };
    char *text;
    size_t n;
    CHECK(kw_tokenizer_decode(t, ids, 6, &text, &n, NULL) == KW_OK);
    CHECK_STR(text, "hi hi\n\xc3\xa9");
    free(text);
    kw_tokenizer_free(t);
    t = parsed(MISTRAL);
    if (!t) return;
    IDS_ARE(t, "hi<s>hi", true, "1 9 1 8"); /* a blank before the first piece alone */
    kw_tokenizer_free(t);
}

static void streams_show_whole_characters(void)
{
    CHECK(kw_tokenizer_whole("abc", 3) == 3 && kw_tokenizer_whole("", 0) == 0);
    CHECK(kw_tokenizer_whole("a\xc3", 2) == 1 && kw_tokenizer_whole("a\xc3\xa9", 3) == 3);
    CHECK(kw_tokenizer_whole("\xe2\x96", 2) == 0 && kw_tokenizer_whole("\xe2\x96\x81", 3) == 3);
    CHECK(kw_tokenizer_whole("x\xf0\x9f\x98", 4) == 1 && kw_tokenizer_whole("\xf0\x9f\x98\x80", 4) == 4);
    CHECK(kw_tokenizer_whole("\xff", 1) == 1 && kw_tokenizer_whole("\xa9\xa9\xa9\xa9", 4) == 4);
}

/* ---- what is refused */

static void unknown_tokenizers_are_refused(void)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        { "{}", "vocab" },
        { "[1]", "" },
        { "{\"model\":{\"type\":\"Unigram\"}}", "model.type" },
        { "{\"model\":{\"vocab\":{}}}", "vocab" },
        { "{\"model\":{\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]}}", "taken" },
        { "{\"model\":{\"vocab\":{\"a\":-1},\"merges\":[]}}", "vocab.a" },
        { "{\"model\":{\"vocab\":{\"a\":4194304},\"merges\":[]}}", "vocab.a" },
        { "{\"model\":{\"vocab\":{\"a\":0}}}", "merges" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"ab\"]}}", "blank" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"a a\"]}}", "merged" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[\"b a\"]}}", "first" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]}}", "two tokens" },
        { "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[],\"dropout\":0.1}}", "dropout" },
        { "{\"normalizer\":{\"type\":\"NFKC\"},\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}", "normalizer.type" },
        { "{\"normalizer\":{\"type\":\"Prepend\",\"prepend\":\"x\"},\"model\":{}}", "U+2581" },
        { "{\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"model\":{}}", "pre_tokenizer.type" },
        { "{\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":\"a+\"}},\"model\":{"
          "}}",
          "split pattern" },
        { "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true},\"model\":{}}", "add_prefix_space" },
        { "{\"added_tokens\":[{\"id\":1,\"content\":\"x\",\"lstrip\":true}],\"model\":{\"vocab\":{\"a\":0},\"merges\":["
          "]}}",
          "lstrip" },
        { "{\"added_tokens\":[{\"id\":1,\"content\":\"\"}],\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}", "empty" },
        { "{\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}}]},"
          "\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}",
          "added token" },
        { "{\"post_processor\":{\"type\":\"BertProcessing\"},\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}",
          "post_processor.type" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct kw_tokenizer *t;
        struct kw_error err = { "" };
        CHECK(kw_tokenizer_parse(&t, "t.json", bad[i].text, strlen(bad[i].text), &err) != KW_OK && !t);
        if (!strstr(err.msg, bad[i].why)) printf("%zu: %s\n", i, err.msg);
        CHECK(strstr(err.msg, bad[i].why) && strstr(err.msg, "t.json"));
    }
    struct kw_tokenizer *t;
    struct kw_error err;
    CHECK(kw_tokenizer_load(&t, "/nonexistent", &err) == KW_EINPUT && !t);
}

static void every_allocation_may_fail(void)
{
    struct kw_tokenizer *t = NULL;
    struct kw_error err;
    const char *text = LLAMA2;
    for (long n = 1;; n++) {
        failmalloc_at(n);
        enum kw_status st = kw_tokenizer_parse(&t, "t", text, strlen(text), &err);
        if (!failmalloc_off()) break;
        CHECK(st == KW_ENOMEM && !t);
        if (st != KW_ENOMEM) printf("%ld: %s\n", n, err.msg);
    }
    if (!t) return;
    for (long n = 1;; n++) {
        uint32_t *ids;
        size_t k;
        failmalloc_at(n);
        enum kw_status st = kw_tokenizer_encode(t, "hi hi <s> h", 11, true, &ids, &k, &err);
        bool failed = failmalloc_off();
        free(ids);
        if (!failed) break;
        CHECK(st == KW_ENOMEM && !ids && !k);
    }
    kw_tokenizer_free(t);
}

int main(void)
{
    RUN(llama3_words);
    RUN(qwen2_and_gpt2_words);
    RUN(merges_apply_by_rank);
    RUN(any_bytes_come_back);
    RUN(long_words_take_no_quadratic_time);
    RUN(characters_fall_back_to_bytes);
    RUN(streams_show_whole_characters);
    RUN(unknown_tokenizers_are_refused);
    RUN(every_allocation_may_fail);
    return check_report();
}
