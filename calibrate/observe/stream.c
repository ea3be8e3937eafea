#include "calibrate/observe/stream.h"
#include <stdlib.h>
#include <string.h>
#include "sim/core/files/json.h"

void kw_stream_free(struct kw_stream *s)
{
    free(s->line);
    *s = (struct kw_stream){ 0 };
}

/* A chunk's first choice: a token, unless it only says why the answer ended. */
static bool has_token(struct kw_jnode root)
{
    const char *text = "", *why;
    struct kw_jnode choices = kw_json_get(root, "choices");
    if (!kw_json_is_array(choices) || !kw_json_len(choices)) return false;
    struct kw_jnode choice = kw_json_at(choices, 0);
    if (kw_json_str(kw_json_get(choice, "text"), &text, NULL) != KW_OK) text = "";
    return *text || kw_json_str(kw_json_get(choice, "finish_reason"), &why, NULL) != KW_OK;
}

static enum kw_status event(struct kw_stream *s, const char *text, size_t n, double now_s, struct kw_error *err)
{
    struct kw_json doc;
    struct kw_error why;
    const char *words;
    if (n == 6 && !memcmp(text, "[DONE]", 6)) {
        s->done = true;
        return KW_OK;
    }
    enum kw_status st = kw_json_parse(&doc, "event", text, n, &why);
    if (st == KW_ENOMEM) return kw_fail(err, st, "out of memory");
    if (st != KW_OK) return kw_fail(err, KW_EPARSE, "an event of the answer is no JSON: '%.60s'", text);
    struct kw_jnode root = kw_json_root(&doc), error = kw_json_get(root, "error"), usage = kw_json_get(root, "usage");
    if (kw_json_present(error)) {
        if (kw_json_str(kw_json_get(error, "message"), &words, NULL) != KW_OK) words = "an error without words";
        st = kw_fail(err, KW_EPARSE, "the answer broke off: %.200s", words);
    } else {
        if (has_token(root)) {
            if (!s->events++) s->first_s = now_s;
            s->end_s = now_s;
        }
        const struct {
            const char *key;
            int64_t *to;
        } count[] = { { "prompt_tokens", &s->prompt_tokens }, { "completion_tokens", &s->completion_tokens } };
        for (int i = 0; i < 2; i++) {
            int64_t v;
            if (kw_json_i64(kw_json_get(usage, count[i].key), 0, 10000000, &v, NULL) == KW_OK) *count[i].to = v;
        }
    }
    kw_json_free(&doc);
    return st;
}

/* Comments, other fields and blank lines are left out; each event of these servers is one line. */
static enum kw_status line(struct kw_stream *s, double now_s, struct kw_error *err)
{
    size_t n = s->n, from = 5;
    if (n && s->line[n - 1] == '\r') n--;
    s->n = 0;
    if (!n || s->line[0] == ':' || (n >= 5 && (!memcmp(s->line, "event", 5) || !memcmp(s->line, "retry", 5))))
        return KW_OK;
    if (n >= 3 && !memcmp(s->line, "id:", 3)) return KW_OK;
    s->line[n] = 0;
    if (n < 5 || memcmp(s->line, "data:", 5))
        return kw_fail(err, KW_EPARSE, "the answer is no stream of events: '%.60s'", s->line);
    if (s->line[from] == ' ') from++;
    return event(s, s->line + from, n - from, now_s, err);
}

enum kw_status kw_stream_feed(struct kw_stream *s, const char *bytes, size_t len, double now_s, struct kw_error *err)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') {
            if (!s->cap) continue; /* nothing was there */
            enum kw_status st = line(s, now_s, err);
            if (st != KW_OK) return st;
            continue;
        }
        if (s->n + 1 >= s->cap) {
            size_t cap = s->cap ? 2 * s->cap : 512;
            char *more = cap <= KW_STREAM_LINE ? realloc(s->line, cap) : NULL;
            if (!more)
                return cap <= KW_STREAM_LINE ? kw_fail(err, KW_ENOMEM, "out of memory")
                                             : kw_fail(err, KW_EPARSE, "an event of the answer is longer than 1 MiB");
            s->line = more;
            s->cap = cap;
        }
        s->line[s->n++] = bytes[i];
    }
    return KW_OK;
}
