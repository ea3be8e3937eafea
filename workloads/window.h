/* workloads/window.h - the stretch of time that a trace stands for, which a month is scaled from: stated by the user,
 * or assumed from the times of day and the weekdays of the arrivals. */
#ifndef KW_WORKLOADS_WINDOW_H
#define KW_WORKLOADS_WINDOW_H
#include "workloads/trace.h"

enum kw_window_chosen {
    KW_WINDOW_SPAN,   /* from the first arrival to the trace's end: nothing else is known */
    KW_WINDOW_DAYS,   /* whole days */
    KW_WINDOW_WEEKS,  /* whole weeks */
    KW_WINDOW_STATED, /* by the user */
};
extern const char *const kw_window_chosen_name[]; /* "span", "days", "weeks", "stated", NULL */

struct kw_window {
    enum kw_window_chosen chosen;
    int assumed_side;    /* STATED: -1 the begin, 1 the end is assumed; 0 none */
    kw_ns begin, end;    /* on the trace's time: begin may be before its first arrival, end after its last */
    uint64_t left_out;   /* requests outside */
    kw_ns arrivals_span; /* first to last arrival inside */
    int64_t begin_unix;  /* UTC seconds of begin, INT64_MIN when the trace has no dates */
    double speed;        /* the cut is then played so many times as fast; 0 as 1 */
};

/* The window that nobody stated, in the order in which the rules are tried:
 *   span    the times of day are not known (relative time stamps), four hours or less, or a day's traffic that comes
 *           evenly over its hours: the trace's own span.
 *   days    times of day known, more than four hours of one day: the whole day, its other hours silent. More days:
 * whole ones where the hours of the day differ (chi-square over the hours observed, and one below half the mean);
 *           calendar days where the hours around midnight are quiet (a tenth of their share) or no others are, else as
 *           many times 24 h as the arrivals fill, from the middle of a night.
 *   weeks   five days or more and a weekend that shows: Saturday and Sunday below 0.7 of the other days, or outside a
 *           trace of quiet nights (where its days begin, in whatever time zone) that no other day is missing from. Where whole weeks would add working days that
 *           nobody saw, the last incomplete week is left out instead. Without dates: five days of quiet nights, or two
 *           days running of each seven below 0.3 of the others. */
void kw_window_assume(struct kw_window *w, const struct kw_trace *t);

/* out = the requests of in within [begin, end) (end itself too where it is the trace's own end), at their place in the
 * window, which may be wider than the arrivals: out->span == end - begin. KW_ERANGE when it is empty, holds no request
 * or lasts more than ten years. out must not be in. w->left_out, arrivals_span and begin_unix are filled. */
enum kw_status kw_window_cut(struct kw_trace *out, const struct kw_trace *in, struct kw_window *w,
                             struct kw_error *err);

/* "1 whole day, 2026-03-02 00:00 to 2026-03-03 00:00 UTC; its arrivals span 8 h; assumed ..., set trace.from_s and
 * trace.to_s for another": which window, how it came about and how to set it. Returns buf. */
char *kw_window_text(const struct kw_window *w, char *buf, size_t size);

#endif
