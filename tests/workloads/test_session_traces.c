/* tests/workloads/test_session_traces.c - sessions in a trace: who waits for whom and how long, what prompts grow to, which blocks they
 * share; read from logs, drawn from a model, cut, sorted, kept. */
#include "workloads/sessions.h"
#include <stdlib.h>
#include <unistd.h>
#include "sim/core/files/source.h"
#include "tests/check.h"
#include "tests/failmalloc.h"
#include "workloads/fit.h"
#include "workloads/stats.h"
#include "workloads/synth.h"
#include "workloads/trace_h5.h"
#include "workloads/trace_load.h"

static struct kw_error err;
static struct kw_trace t;
#define NONE KW_TRACE_NO_TURN

static enum kw_status read_text(const char *text, const char *format, const char *columns)
{
    struct kw_source s;
    kw_trace_free(&t);
    CHECK(kw_source_memory(&s, "mem", text, strlen(text), &err) == KW_OK);
    enum kw_status st = kw_trace_read(&t, &s, format, columns, &err);
    kw_source_close(&s);
    return st;
}

/* Leading hashes that two requests share. */
static uint32_t shared(const struct kw_trace *x, size_t a, size_t b)
{
    uint32_t n = 0, na = x->hash_at[a + 1] - x->hash_at[a], nb = x->hash_at[b + 1] - x->hash_at[b];
    while (n < na && n < nb && x->hash[x->hash_at[a] + n] == x->hash[x->hash_at[b] + n]) n++;
    return n;
}

/* b's second turn stands before a's, and both sessions begin with one block of 64 tokens in common. */
#define TWO                                                                                                            \
    "{\"session_id\": \"a\", \"timestamp\": 2000, \"input_length\": 100, \"output_length\": 30, \"hash_ids\": [1, "    \
    "2]}\n"                                                                                                            \
    "{\"session_id\": \"b\", \"timestamp\": 1000, \"input_length\": 90, \"output_length\": 10, \"hash_ids\": [1, "     \
    "3]}\n"                                                                                                            \
    "{\"session_id\": \"b\", \"delay\": 250.5, \"input_length\": 7, \"output_length\": 5}\n"                           \
    "{\"session_id\": \"a\", \"delay\": 0, \"input_length\": 70, \"output_length\": 1}\n"                              \
    "{\"session_id\": \"a\", \"delay\": 9000, \"input_length\": 1, \"output_length\": 9}\n"

static void turns_wait_for_the_turn_before(void)
{
    CHECK(read_text(TWO, NULL, "block=64") == KW_OK);
    CHECK_STR(t.notes.format, "mooncake-sessions");
    CHECK(t.n == 5 && t.hash_block == 64 && t.span == 10000 * 1000000LL); /* a's pauses: 9 s behind 1 s */
    const struct {
        kw_ns at, think;
        uint32_t prompt, output, before, then;
    } want[] = { { 0, 0, 90, 10, NONE, 1 },
                 { 0, 250500000, 90 + 10 + 7, 5, 0, NONE },
                 { 1000000000, 0, 100, 30, NONE, 3 },
                 { 1000000000, 0, 100 + 30 + 70, 1, 2, 4 },
                 { 1000000000, 9000000000, 200 + 1 + 1, 9, 3, NONE } };
    for (size_t i = 0; i < t.n; i++) {
        CHECK(t.arrival[i] == want[i].at && t.think[i] == want[i].think);
        CHECK(t.prompt[i] == want[i].prompt && t.output[i] == want[i].output);
        CHECK(t.before[i] == want[i].before && t.then[i] == want[i].then);
        CHECK(t.hash_at[i + 1] - t.hash_at[i] == (t.prompt[i] + t.output[i] + 63) / 64);
    }
    CHECK(shared(&t, 0, 1) == 2 && shared(&t, 2, 3) == 3 &&
          shared(&t, 3, 4) == 4);                                            /* to the end of the answer before */
    CHECK(shared(&t, 0, 2) == 1 && shared(&t, 1, 4) == 1 && t.hash[0] == 1); /* by the file's whole blocks alone */
    CHECK(kw_sessions_longest(&t) == 9000000000);
}

/* What a session with whole prompts goes on from, and its pauses by what was observed. */
static void whole_prompts_go_on_where_they_hold_the_answer(void)
{
    const char *log = "s,at,in,out,end\n"
                      "x,10,200,20,12\n"
                      "x,15.5,230,26,16\n"
                      "x,15.75,100,20,20\n" /* asked before the answer; the conversation was cut short */
                      ",16,5,5,17\n";
    const char *map = "arrival=at,prompt=in,output=out,end=end,session=s,turns=whole,unit=s";
    CHECK(read_text(log, "generic", map) == KW_OK);
    CHECK(t.n == 4 && t.prompt[1] == 230 && t.think[1] == 3500000000 && t.think[2] == 0 && t.before[2] == 1);
    CHECK(t.before[3] == NONE && t.then[3] == NONE && t.arrival[3] == 6000000000 && t.arrival[2] == 0);
    CHECK(shared(&t, 0, 1) == 4 && shared(&t, 1, 2) == 0 && t.hash_block == KW_SESSION_BLOCK);
    CHECK(read_text(log, "generic", "arrival=at,prompt=in,output=out,session=s,turns=whole,unit=s") == KW_ERANGE);
    CHECK(strstr(err.msg, "neither its pause"));
    CHECK(read_text("s,at,in,out,d\nx,,5,5,1\n", "generic",
                    "arrival=at,prompt=in,output=out,session=s,delay=d:s,unit=s") == KW_ERANGE);
    CHECK(strstr(err.msg, "the first turn of a session has no arrival"));
    CHECK(read_text("s,at,in,out,d,e\nx,1,5,5,,\nx,,5,5,1,3\n", "generic",
                    "arrival=at,prompt=in,output=out,session=s,delay=d - e:s,unit=s") == KW_ERANGE);
    CHECK(strstr(err.msg, "a pause below 0"));
    CHECK(read_text("s,at,in,out,d\n,,5,5,1\n", "generic",
                    "arrival=at,prompt=in,output=out,session=s,delay=d:s,unit=s") == KW_EPARSE);
    CHECK(read_text("s,at,in,out,d\nx,1,9000000,5,\nx,,9000000,5,3\n", "generic",
                    "arrival=at,prompt=in,output=out,session=s,delay=d:s,unit=s") == KW_ERANGE);
    CHECK(strstr(err.msg, "grows to 18000005 prompt tokens"));
}

static bool is_not_second(const void *ctx, size_t i)
{
    (void)ctx;
    return i != 3;
}

static bool is_later(const void *ctx, size_t i)
{
    (void)ctx;
    return i > 2;
}

static void what_is_cut_keeps_its_order(void)
{
    struct kw_trace cut;
    CHECK(read_text(TWO, NULL, "block=64") == KW_OK);
    CHECK(kw_trace_slice(&cut, &t, 500000000, INT64_MAX, &err) == KW_OK);
    CHECK(cut.n == 3 && cut.before[0] == NONE && cut.before[1] == 0 && cut.then[1] == 2 && cut.think[2] == 9000000000);
    kw_trace_free(&cut);
    CHECK(kw_trace_pick(&cut, &t, is_not_second, NULL, &err) == KW_OK);
    CHECK(cut.n == 4 && cut.before[3] == 2 && cut.then[2] == 3 && cut.think[3] == 9000000000 && cut.before[2] == NONE);
    kw_trace_free(&cut);
    CHECK(kw_trace_pick(&cut, &t, is_later, NULL, &err) == KW_OK);
    CHECK(cut.n == 2 && cut.before[0] == NONE && cut.think[0] == 0 && cut.before[1] == 0);
    kw_trace_free(&cut);
    const uint32_t row[] = { 0 };
    const kw_ns at[] = { 0 };
    CHECK(kw_trace_gather(&cut, &t, row, at, NULL, 1, 10, &err) == KW_ERANGE && strstr(err.msg, "sessions"));
    struct kw_workload w;
    CHECK(kw_workload_fit(&w, &t, &(struct kw_fit_options){ .start_hour = -1 }, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "trace fit: the trace is of sessions"));
    const char *const name[] = { "far", "near" };
    const double share[] = { 0.5, 0.5 };
    CHECK(kw_trace_draw_regions(&t, name, share, 2, 3, &err) == KW_OK);
    CHECK(t.region[1] == t.region[0] && t.region[3] == t.region[2] && t.region[4] == t.region[2]);
}

static void a_file_keeps_them(void)
{
    struct kw_trace back;
    char path[] = "/tmp/kw_sessions_XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    CHECK(read_text(TWO, NULL, "block=64") == KW_OK && kw_trace_save(&t, path, &err) == KW_OK);
    CHECK(kw_trace_load(&back, path, NULL, NULL, &err) == KW_OK);
    CHECK(back.n == t.n && !memcmp(back.before, t.before, t.n * 4) && !memcmp(back.then, t.then, t.n * 4) &&
          !memcmp(back.think, t.think, t.n * sizeof *t.think));
    kw_trace_free(&back);
    t.before[4] = 2; /* two wait for one */
    CHECK(kw_trace_save(&t, path, &err) == KW_OK && kw_trace_load(&back, path, NULL, NULL, &err) == KW_ERANGE);
    CHECK(strstr(err.msg, "two turns"));
    t.before[4] = 0; /* of another session */
    CHECK(kw_trace_save(&t, path, &err) == KW_OK && kw_trace_load(&back, path, NULL, NULL, &err) == KW_ERANGE);
    remove(path);
}

#define MODEL(sessions)                                                                                                \
    "{\"keepwarm_workload\": 1, \"duration_s\": \"20000\", \"arrivals\": {\"law\": \"poisson\", \"rate_per_s\": 0.2}," \
    " \"tokens\": {\"p\": [0, 1], \"prompt\": [10, 90], \"output\": [5, 45]}, \"classes\": [{\"name\": \"a\", "        \
    "\"share\": 0.5}, {\"name\": \"b\", \"share\": 0.5}], \"sessions\": {" sessions "}}"
#define LAWS                                                                                                           \
    "\"turns\": {\"quantiles\": {\"0.5\": \"2\", \"0.9\": \"8\"}}, \"think_s\": {\"lognormal\": {\"p50\": \"20\", "    \
    "\"p95\": \"100\"}}"

static void a_model_draws_them(void)
{
    struct kw_workload w, again;
    struct kw_trace other;
    struct kw_trace_stats s;
    const char *text = MODEL(LAWS ", \"shared_tokens\": 130, \"most_tokens\": 400");
    CHECK(kw_workload_parse(&w, "m", text, strlen(text), &err) == KW_OK);
    kw_trace_free(&t);
    CHECK(kw_synth(&t, &w, 3, &err) == KW_OK && kw_synth(&other, &w, 3, &err) == KW_OK);
    CHECK(other.n == t.n && !memcmp(other.think, t.think, t.n * sizeof *t.think) &&
          !memcmp(other.hash, t.hash, t.hash_at[t.n] * 8));
    kw_trace_free(&other);
    size_t long_ones = 0, first = 0, of_two = 0;
    for (size_t i = 0; i < t.n; i++) {
        uint32_t b = t.before[i];
        if (b == NONE) {
            first = i;
            continue;
        }
        long_ones += t.prompt[i] + t.output[i] > 400;
        of_two += i == first + 1;
        if (b + 1 != i || t.arrival[i] != t.arrival[b] || t.klass[i] != t.klass[b] ||
            t.prompt[i] <= t.prompt[b] + t.output[b]) {
            CHECK(!"a turn goes on from the one before");
            break;
        }
    }
    CHECK(long_ones == 0);
    CHECK(kw_trace_stats(&s, &t, &err) == KW_OK);
    CHECK_NEAR((double)s.sessions, 4000, 5 * 63.3); /* Poisson */
    CHECK(of_two == s.sessions);                    /* the law of turns says 2 at the least */
    CHECK_NEAR(s.think_p50_s, 20, 2);
    CHECK(shared(&t, 0, t.n - 1) <= 2); /* 130 tokens: two whole blocks, where both prompts have them */
    kw_trace_stats_free(&s);
    char *saved = kw_workload_text(&w);
    CHECK(saved && kw_workload_parse(&again, "again", saved, strlen(saved), &err) == KW_OK && again.has_sessions);
    CHECK(again.shared_tokens == 130 && again.most_tokens == 400 && kw_law_quantile(&again.turns, 0.9) == 8);
    free(saved);
    static const struct {
        const char *text, *says;
    } bad[] = {
        { MODEL("\"turns\": 3, \"think_s\": {\"constant\": \"1\"}"), "m:1: sessions.turns: want {\"constant\"" },
        { MODEL("\"turns\": {\"constant\": \"3\"}"), "sessions.think_s: want" },
        { MODEL("\"turns\": {\"constant\": \"3000\"}, \"think_s\": {\"constant\": \"1\"}"), "more than 1000 turns" },
        { MODEL(LAWS ", \"think\": 3"), "sessions.think: unknown key" }
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(kw_workload_parse(&w, "m", bad[i].text, strlen(bad[i].text), &err) != KW_OK);
        if (!strstr(err.msg, bad[i].says)) CHECK_STR(err.msg, bad[i].says);
    }
}

static void every_allocation_may_fail(void)
{
    struct kw_workload w;
    const char *text = MODEL(LAWS);
    CHECK(kw_workload_parse(&w, "m", text, strlen(text), &err) == KW_OK);
    for (long k = 1;; k++) {
        kw_trace_free(&t);
        failmalloc_at(k);
        enum kw_status st = kw_synth(&t, &w, 1, &err);
        if (!failmalloc_off()) break;
        CHECK(st == KW_ENOMEM || st == KW_OK); /* a failed shrink is no failure */
    }
    for (long k = 1;; k++) {
        struct kw_source s;
        kw_trace_free(&t);
        CHECK(kw_source_memory(&s, "mem", TWO, strlen(TWO), &err) == KW_OK);
        failmalloc_at(k);
        enum kw_status st = kw_trace_read(&t, &s, NULL, "block=64", &err);
        bool more = failmalloc_off();
        kw_source_close(&s);
        if (!more) break;
        CHECK(st == KW_ENOMEM || st == KW_OK);
    }
    CHECK(t.n == 5);
}

int main(void)
{
    RUN(turns_wait_for_the_turn_before);
    RUN(whole_prompts_go_on_where_they_hold_the_answer);
    RUN(what_is_cut_keeps_its_order);
    RUN(a_file_keeps_them);
    RUN(a_model_draws_them);
    RUN(every_allocation_may_fail);
    kw_trace_free(&t);
    return check_report();
}
