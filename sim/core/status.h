/* sim/core/status.h - how a call says that it failed. Every fallible call returns kw_status and fills the caller's
 * kw_error with one line that names the place and the value. Only sim/cli prints or exits. */
#ifndef KW_SIM_CORE_STATUS_H
#define KW_SIM_CORE_STATUS_H

#if defined(__GNUC__)
#define KW_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))
#else
#define KW_PRINTF(fmt_at, args_at)
#endif

enum kw_status {
    KW_OK = 0,
    KW_EIO,     /* the file system said no to what we write: open, write, sync, rename; or a port is taken */
    KW_EINPUT,  /* an input is not there, is no file, or cannot be read */
    KW_EPARSE,  /* the input is malformed */
    KW_ERANGE,  /* the input is well formed but its value is not acceptable */
    KW_ENOMEM,  /* out of memory; the callee's state is unchanged */
    KW_EUSAGE,  /* the command line is off */
    KW_ESLO,    /* nothing meets the objectives */
    KW_EBUDGET, /* a budget set by the user was exceeded */
    KW_EFAIL    /* anything else that failed at run time */
};

struct kw_error {
    char msg[768]; /* one line, no newline at the end; "" when nothing failed */
};

/* Formats the message into err (NULL is allowed) and returns st, so callers write `return kw_fail(...)`. */
enum kw_status kw_fail(struct kw_error *err, enum kw_status st, const char *fmt, ...) KW_PRINTF(3, 4);

/* Leaves the function with what a call failed with: only where nothing is held that has to be given back. */
#define KW_TRY(call)                                                                                                   \
    do {                                                                                                               \
        enum kw_status st_ = (call);                                                                                   \
        if (st_ != KW_OK) return st_;                                                                                  \
    } while (0)

/* Puts "path:line: " (or "path: " when line <= 0) before the message in err. NULL err is allowed. */
void kw_where(struct kw_error *err, const char *path, long line);

/* The process exit code for a status: 0 done, 1 failed, 2 bad usage or input, 3 nothing meets the SLO, 4 over budget.
 */
int kw_exit_code(enum kw_status st);

#endif
