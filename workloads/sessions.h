/* workloads/sessions.h - closed-loop sessions: a turn comes a pause after the answer to the one before it has ended, and its
 * prompt holds that answer and all that came before. A trace says who waits for whom (trace.h: before, think); when a turn comes
 * is known only to who serves it. */
#ifndef KW_WORKLOADS_SESSIONS_H
#define KW_WORKLOADS_SESSIONS_H
#include "workloads/trace.h"

#define KW_SESSION_BLOCK                                                                                               \
    64 /* tokens a hash covers where the trace has none of its own: a multiple of most engines' KV blocks */

/* KW_ERANGE where t has sessions: `what` wants requests whose arrivals are known. */
enum kw_status kw_sessions_refuse(const struct kw_trace *t, const char *what, struct kw_error *err);

/* The longest that a session's pauses add up to, at most the trace's span; 0 without sessions. O(n). */
kw_ns kw_sessions_longest(const struct kw_trace *t);

/* t->then from t->before, both [n]. */
void kw_sessions_link(struct kw_trace *t);

/* Makes sessions of requests that have before, then and think: gives each turn the arrival of its session's first, and hashes to
 * all, so that a prefix cache sees the conversation. added: a turn's prompt is what it adds to the conversation, which is put before
 * it; else it is the whole, and goes on from the turn before where it is at least as long as that one's prompt and answer.
 * A first turn's own hashes (in `whole`, every turn's) name the whole blocks of its prompt; all else is the session's alone, but
 * for the first shared_tokens, whole blocks of them, which all sessions have in common (the system prompt).
 * KW_ERANGE: a prompt grows beyond KW_TRACE_MAX_TOKENS, too many hashes. KW_ENOMEM. */
enum kw_status kw_sessions_join(struct kw_trace *t, bool added, uint32_t shared_tokens, struct kw_error *err);

#endif
