/* An answer's events as their bytes come: in any pieces, with comments, other fields and CR LF; what is none is named. */
#include "calibrate/observe/stream.h"
#include "tests/check.h"

static const char answer[] =
    ": keep-alive\r\n\r\n"
    "event: completion\r\n"
    "data: {\"choices\":[{\"text\":\" a\",\"finish_reason\":null}]}\r\n\r\n"
    "data:{\"choices\":[{\"text\":\"\",\"finish_reason\":null}]}\n\n" /* half of a character: a token */
    "data: {\"choices\":[{\"text\":\"b\"}]}\n\n"
    "data: {\"choices\":[{\"text\":\"\",\"finish_reason\":\"length\"}]}\n\n" /* none */
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n"
    "data: [DONE]\n\n";

static void any_pieces_make_the_same_answer(void)
{
    for (size_t piece = 1; piece < sizeof answer; piece++) {
        struct kw_stream s = { .n = 0 };
        struct kw_error err = { "" };
        const size_t n = sizeof answer - 1;
        for (size_t at = 0; at < n; at += piece)
            CHECK(kw_stream_feed(&s, answer + at, n - at < piece ? n - at : piece, (double)at + 1, &err) == KW_OK);
        CHECK(s.events == 3 && s.done && s.prompt_tokens == 7 && s.completion_tokens == 3);
        CHECK(s.first_s > 0 && s.end_s >= s.first_s && (piece > 60 || s.end_s > s.first_s));
        kw_stream_free(&s);
    }
}

static void what_is_no_event_is_named(void)
{
    static const struct {
        const char *text, *says;
    } cases[] = { { "data: {\"choices\":\n\n", "an event of the answer is no JSON: '{\"choices\":'" },
                  { "{\"choices\":[]}\n", "the answer is no stream of events: '{\"choices\":[]}'" },
                  { "data: {\"error\":{\"message\":\"out of KV blocks\"}}\n\n",
                    "the answer broke off: out of KV blocks" },
                  { "data: {\"error\":1}\n\n", "the answer broke off: an error without words" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kw_stream s = { .n = 0 };
        struct kw_error err = { "" };
        CHECK(kw_stream_feed(&s, cases[i].text, strlen(cases[i].text), 1, &err) == KW_EPARSE);
        CHECK_STR(err.msg, cases[i].says);
        kw_stream_free(&s);
    }
}

static void a_line_without_end_is_refused(void)
{
    struct kw_stream s = { .n = 0 };
    struct kw_error err = { "" };
    static char long_line[4096];
    memset(long_line, 'x', sizeof long_line);
    enum kw_status st = KW_OK;
    for (int i = 0; st == KW_OK && i < 1000; i++) st = kw_stream_feed(&s, long_line, sizeof long_line, 1, &err);
    CHECK(st == KW_EPARSE && s.cap <= KW_STREAM_LINE && strstr(err.msg, "longer than 1 MiB"));
    kw_stream_free(&s);
}

int main(void)
{
    RUN(any_pieces_make_the_same_answer);
    RUN(what_is_no_event_is_named);
    RUN(a_line_without_end_is_refused);
    return check_report();
}
