/* engine/text/tokenizer.h - text to token ids and back with a Hugging Face tokenizer.json: byte-level BPE (Llama 3,
 * Qwen2, GPT-2) and BPE over characters with byte fallback (Llama 2, Mistral). The file is untrusted. What a file asks
 * for beyond these (other models, normalizers, split patterns) is refused by name. */
#ifndef KW_ENGINE_TEXT_TOKENIZER_H
#define KW_ENGINE_TEXT_TOKENIZER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"

struct kw_tokenizer; /* read-only once made; threads may share it */

/* path: a tokenizer.json or the folder that holds it. */
enum kw_status kw_tokenizer_load(struct kw_tokenizer **t, const char *path, struct kw_error *err);
enum kw_status kw_tokenizer_parse(struct kw_tokenizer **t, const char *name, const char *text, size_t len,
                                  struct kw_error *err);
void kw_tokenizer_free(struct kw_tokenizer *t); /* NULL is allowed */

uint32_t kw_tokenizer_vocab(const struct kw_tokenizer *t); /* largest id + 1, added tokens included */

/* text[0..len) (any bytes; invalid UTF-8 is encoded byte by byte) to malloc'd ids. special: the beginning-of-text token
 * that the file's post-processor adds, and special tokens written out in the text ("<|eot_id|>") are recognised;
 * without it they are plain text. */
enum kw_status kw_tokenizer_encode(const struct kw_tokenizer *t, const char *text, size_t len, bool special,
                                   uint32_t **ids, size_t *n, struct kw_error *err);

/* The bytes of one id, NUL-terminated for convenience; *len may be 0 (special tokens, ids without a token). A character
 * may be split over several ids, so a stream is shown only up to its last whole UTF-8 sequence: kw_tokenizer_whole. */
const char *kw_tokenizer_bytes(const struct kw_tokenizer *t, uint32_t id, size_t *len);
bool kw_tokenizer_is_special(const struct kw_tokenizer *t, uint32_t id);
/* All ids as malloc'd NUL-terminated text; the leading blank that Llama 2 adds is taken off. */
enum kw_status kw_tokenizer_decode(const struct kw_tokenizer *t, const uint32_t *ids, size_t n, char **text,
                                   size_t *len, struct kw_error *err);
/* How many leading bytes of s[0..len) end on a character's boundary (bytes that cannot begin or continue one count). */
size_t kw_tokenizer_whole(const char *s, size_t len);

#endif
