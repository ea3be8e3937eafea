/* calibrate/observe/stream.h - an answer of an OpenAI-compatible server as its bytes come: server-sent events with the chunks of
 * /v1/completions. It knows no network, so tests and a fuzzer feed it. Source of the form: platform.openai.com/docs/api-reference/
 * completions (streaming), html.spec.whatwg.org, server-sent events. */
#ifndef KW_CALIBRATE_OBSERVE_STREAM_H
#define KW_CALIBRATE_OBSERVE_STREAM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/status.h"

enum { KW_STREAM_LINE = 1 << 20 }; /* bytes of an event at most */

struct kw_stream { /* zeroed at first; owns line */
    char *line;
    size_t n, cap;                            /* of the line that is not whole yet */
    double first_s, end_s;                    /* of the first and the last event with a token */
    uint32_t events;                          /* those with a token */
    int64_t prompt_tokens, completion_tokens; /* as the server counts; 0: it did not say */
    bool done;                                /* "data: [DONE]" came */
};
/* bytes[0..len) came at now_s. KW_EPARSE: no event, or one that holds an error, with its words; KW_ENOMEM. */
enum kw_status kw_stream_feed(struct kw_stream *s, const char *bytes, size_t len, double now_s, struct kw_error *err);
void kw_stream_free(struct kw_stream *s); /* safe to call again */

#endif
