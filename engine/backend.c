#include "engine/backend.h"
#include <inttypes.h>

enum kw_status kw_batch_check(const struct kw_batch *t, const struct kw_backend_params *p, uint32_t num_blocks,
                              struct kw_error *err)
{
    const struct kw_model_config *c = p->config;
    if (t->n_tokens == 0 || t->n_tokens > p->max_tokens)
        return kw_fail(err, KW_ERANGE, "batch: %u tokens; want 1 to %u", t->n_tokens, p->max_tokens);
    if (t->n_seqs == 0 || t->n_seqs > p->max_seqs || t->n_decode > t->n_seqs || t->n_logits > p->max_seqs)
        return kw_fail(err, KW_ERANGE, "batch: %u sequences, %u decodes, %u rows of logits; want at most %u", t->n_seqs,
                       t->n_decode, t->n_logits, p->max_seqs);
    uint32_t at = 0;
    for (uint32_t i = 0; i < t->n_seqs; i++) {
        const struct kw_batch_seq *s = &t->seqs[i];
        if (s->start != at || s->len == 0 || s->len > t->n_tokens - at || (i < t->n_decode && s->len != 1))
            return kw_fail(err, KW_ERANGE, "batch: sequence %u is tokens [%u, +%u) after %u of %u", i, s->start, s->len,
                           at, t->n_tokens);
        if (s->past > p->max_model_len || s->len > p->max_model_len - s->past)
            return kw_fail(err, KW_ERANGE, "batch: sequence %u has %u + %u tokens; want at most %u", i, s->past, s->len,
                           p->max_model_len);
        const uint32_t n = (s->past + s->len + p->block_size - 1) / p->block_size;
        const uint32_t *table = t->tables + (size_t)i * t->table_stride;
        if (n > t->table_stride)
            return kw_fail(err, KW_ERANGE, "batch: sequence %u needs %u blocks; its table has %u", i, n,
                           t->table_stride);
        for (uint32_t j = 0; j < n; j++)
            if (table[j] >= num_blocks)
                return kw_fail(err, KW_ERANGE, "batch: sequence %u block %u is %u of %u", i, j, table[j], num_blocks);
        for (uint32_t j = 0; j < s->len; j++) {
            uint32_t k = s->start + j, pos = s->past + j;
            if (t->positions[k] != pos ||
                t->slots[k] != table[pos / p->block_size] * p->block_size + pos % p->block_size)
                return kw_fail(err, KW_ERANGE, "batch: token %u is at position %u, slot %u; its sequence says %u", k,
                               t->positions[k], t->slots[k], pos);
            if (!(t->tokens[k] & KW_TOKEN_PREVIOUS) && t->tokens[k] >= c->vocab)
                return kw_fail(err, KW_ERANGE, "batch: token %u is id %u of %u", k, t->tokens[k], c->vocab);
        }
        at += s->len;
    }
    if (at != t->n_tokens) return kw_fail(err, KW_ERANGE, "batch: the sequences hold %u of %u tokens", at, t->n_tokens);
    for (uint32_t i = 0; i < t->n_logits; i++)
        if (t->logit_tokens[i] >= t->n_tokens || (i && t->logit_tokens[i] <= t->logit_tokens[i - 1]))
            return kw_fail(err, KW_ERANGE, "batch: logit_tokens[%u] is %u; want ascending below %u", i,
                           t->logit_tokens[i], t->n_tokens);
    return KW_OK;
}
