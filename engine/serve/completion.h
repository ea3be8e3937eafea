/* engine/serve/completion.h - OpenAI's /v1/completions: from a request's JSON to what the engine runs, and from its
 * tokens to the answer's text. It knows no network. Source of the fields:
 * platform.openai.com/docs/api-reference/completions, and for those after "stop" vLLM's OpenAI-compatible server. What
 * is not implemented is refused, never ignored. */
#ifndef KW_ENGINE_SERVE_COMPLETION_H
#define KW_ENGINE_SERVE_COMPLETION_H
#include "engine/engine.h"
#include "sim/core/text.h"

#define KW_COMPLETION_STOPS 4

struct kw_completion { /* a request; owns its arrays */
    char model[256];   /* "" when it names none */
    uint32_t *prompt;  /* [n_prompt] ids below the vocabulary */
    uint32_t n_prompt, max_tokens;
    struct kw_sampling sampling;
    bool seeded; /* it gave a seed; else the server draws one */
    bool stream, include_usage;
    bool usage_each;     /* every event of a stream carries the usage so far */
    char request_id[65]; /* letters, digits, '-', '_', '.'; "" for none: the answer's id is "cmpl-" and it */
    char *stop[KW_COMPLETION_STOPS]; /* texts that end the answer, none empty */
    size_t stop_len[KW_COMPLETION_STOPS], n_stop;
    uint32_t stop_ids[16], n_stop_ids;
    bool ignore_eos; /* always max_tokens */
    bool token_ids;  /* answers carry "token_ids" too */
};

struct kw_completion_limits {
    uint32_t vocab, longest;              /* longest: prompt and answer together, tokens */
    const struct kw_tokenizer *tokenizer; /* NULL: prompts are token ids only */
};

/* body[0..len) is untrusted. KW_EPARSE or KW_ERANGE with a message for the client, *param naming the field (static, or
 * NULL); KW_ENOMEM. *c is empty on failure. */
enum kw_status kw_completion_parse(struct kw_completion *c, const char **param, const char *body, size_t len,
                                   const struct kw_completion_limits *l, struct kw_error *err);
void kw_completion_free(struct kw_completion *c); /* safe to call again */

struct kw_answer { /* the text of an answer as it grows; {0} is empty */
    char *text;    /* [n] owned; special tokens are left out */
    size_t n, cap;
    size_t sent;  /* bytes handed out by kw_answer_next */
    bool stopped; /* a stop text was found; text ends before it */
};
/* Appends a token's bytes; without a tokenizer a blank and the id in decimal. KW_ENOMEM: unchanged. */
enum kw_status kw_answer_add(struct kw_answer *a, const struct kw_completion *c, const struct kw_tokenizer *t,
                             uint32_t id);
/* What can be sent now: [a->text + a->sent - *n, ...) after the call. Until over, no part of a character and nothing
 * that may be the beginning of a stop text. Returns its start. */
const char *kw_answer_next(struct kw_answer *a, const struct kw_completion *c, bool over, size_t *n);
void kw_answer_free(struct kw_answer *a);

/* Appends s[0..n) as a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD. */
void kw_completion_quote(struct kw_text *out, const char *s, size_t n);

#endif
