#include "sim/cli/output.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "sim/core/date.h"

int kw_cli_fail(enum kw_status st, const struct kw_error *err)
{
    char msg[sizeof err->msg];
    snprintf(msg, sizeof msg, "%s", err->msg[0] ? err->msg : "failed");
    kw_text_mask(msg);
    fprintf(stderr, "keepwarm: %s\n", msg);
    return kw_exit_code(st);
}

void kw_cli_note(const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    kw_text_mask(line);
    fprintf(stderr, "keepwarm: %s\n", line);
}

int kw_cli_print(struct kw_text *text)
{
    struct kw_error err;
    enum kw_status st = KW_OK;
    if (text->s) kw_text_mask(text->s);
    if (text->failed)
        st = kw_fail(&err, KW_ENOMEM, "out of memory");
    else if ((text->n && fwrite(text->s, 1, text->n, stdout) != text->n) || fflush(stdout))
        st = kw_fail(&err, KW_EIO, "standard output: %s", strerror(errno));
    kw_text_free(text);
    return st == KW_OK ? 0 : kw_cli_fail(st, &err);
}

int kw_cli_columns(void)
{
    struct winsize size;
    enum { LEAST = 80 };
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_col > KW_TEXT_COLUMNS)
        return KW_TEXT_COLUMNS;
    return size.ws_col < LEAST ? LEAST : size.ws_col;
}

int kw_cli_print_owned(char *text)
{
    struct kw_text t = { 0 };
    if (text) kw_text_add(&t, "%s", text);
    t.failed |= !text;
    free(text);
    return kw_cli_print(&t);
}

char *kw_cli_date(char buf[16], int64_t unix_s)
{
    struct kw_error none;
    if (unix_s < 0 && kw_date_today(buf, &none) == KW_OK) return buf;
    time_t at = unix_s >= 0 ? (time_t)unix_s : time(NULL);
    struct tm tm;
    if (!gmtime_r(&at, &tm) || !strftime(buf, 16, "%Y-%m-%d", &tm)) snprintf(buf, 16, "undated");
    return buf;
}
