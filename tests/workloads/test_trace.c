/* tests/workloads/test_trace.c - every trace reader on every hazard seen in public data, from memory; the lines and
 * messages of bad input; gzip, SHA-256, clocks; HDF5 round trip; cuts and copies; the public traces' known figures
 * where they are at hand. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sim/core/files/json.h"
#include "sim/core/rng.h"
#include "tests/check.h"
#include "tests/failmalloc.h"
#include "workloads/readers/timestamp.h"
#include "workloads/model.h"
#include "workloads/readers/rows.h"
#include "sim/core/files/source.h"
#include "workloads/stats.h"
#include "workloads/trace_h5.h"
#include "workloads/trace_load.h"

static struct kw_error err;
static struct kw_trace t;

static enum kw_status read_bytes(const void *data, size_t n, const char *format, const char *columns)
{
    struct kw_source s;
    err.msg[0] = 0;
    enum kw_status st = kw_source_memory(&s, "mem", data, n, &err);
    if (st == KW_OK) st = kw_trace_read(&t, &s, format, columns, &err);
    kw_source_close(&s);
    if (st != KW_OK) CHECK(t.n == 0 && t.arrival == NULL && t.hash == NULL && t.model_name == NULL);
    return st;
}

static enum kw_status read_text(const char *text, const char *format, const char *columns)
{
    return read_bytes(text, strlen(text), format, columns);
}

/* Reads text and expects it to fail with this status and message. */
static void refuse(const char *text, const char *columns, enum kw_status want, const char *message)
{
    enum kw_status st = read_text(text, NULL, columns);
    CHECK(st == want);
    CHECK_STR(err.msg, message);
    kw_trace_free(&t);
}

static int is(size_t i, kw_ns at, uint32_t prompt, uint32_t output)
{
    return i < t.n && t.arrival[i] == at && t.prompt[i] == prompt && t.output[i] == output;
}

#define AZURE "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"

static void azure_crlf_no_last_newline_seven_digits(void)
{
    CHECK(read_text(AZURE "2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109", NULL, NULL) ==
          KW_OK);
    CHECK(t.n == 2 && is(0, 0, 374, 44) && is(1, 4314579000, 396, 109));
    CHECK(t.span == 4314579000 && t.epoch_unix == 1700158546 && t.model == NULL && t.klass == NULL && t.hash == NULL);
    CHECK_STR(t.notes.format, "azure");
    CHECK(t.notes.rows == 2 && t.notes.clock_back == 0 && t.notes.equal_times == 0);
    kw_trace_free(&t);
    kw_trace_free(&t);
    /* 2024: a zone; LF; a byte-order mark; a blank line; another order of columns */
    CHECK(read_text("\xef\xbb\xbf"
                    "GeneratedTokens,TIMESTAMP,ContextTokens\n\n7,2024-05-10 00:00:00.009930+00:00,9\n"
                    "8,2024-05-10 02:00:01+02:00,9\n",
                    NULL, NULL) == KW_OK);
    CHECK(t.n == 2 && is(0, 0, 9, 7) && is(1, 990070000, 9, 8) && t.epoch_unix == 1715299200);
    kw_trace_free(&t);
}

static void azure_refusals_name_the_line(void)
{
    refuse(AZURE "2023-11-16 18:15:46,374\r\n", NULL, KW_EPARSE, "mem:2: 2 fields, but the header has 3");
    refuse(AZURE "\r\n2023-13-16 18:15:46,374,1\r\n", NULL, KW_ERANGE,
           "mem:3: no such time: '2023-13-16 18:15:46' (years 1970 to 2261)");
    refuse(AZURE "yesterday,374,1\n", NULL, KW_EPARSE,
           "mem:2: want a time such as 2023-11-16 18:17:03.97996, got 'yesterday'");
    refuse(AZURE "2023-11-16 18:15:46,374,0\n", "zero=refuse", KW_ERANGE,
           "mem:2: 0 output tokens (zero=drop leaves such rows out)");
    refuse(AZURE "2023-11-16 18:15:46,0,1\n", "zero=refuse", KW_ERANGE,
           "mem:2: 0 prompt tokens (zero=drop leaves such rows out)");
    refuse(AZURE "2023-11-16 18:15:46,-4,1\n", NULL, KW_ERANGE, "mem:2: count -4 is negative");
    refuse(AZURE "2023-11-16 18:15:46,12x,1\n", NULL, KW_EPARSE, "mem:2: want a whole number of tokens, got '12x'");
    refuse(AZURE "2023-11-16 18:15:46,,1\n", "missing=refuse", KW_ERANGE,
           "mem:2: no token counts (missing=drop leaves such requests out, missing=mean takes the mean)");
    refuse(AZURE "2023-11-16 18:15:46,NaN,1\n", NULL, KW_ERANGE,
           "mem: none of 1 requests has token counts in ContextTokens and GeneratedTokens");
    refuse(AZURE "2023-11-16 18:15:46,10000001,1\n", NULL, KW_ERANGE,
           "mem:2: 10000001 prompt tokens in one request (limit 10000000)");
    refuse(AZURE "2023-11-16 18:15:46,1,99999999999999999999\n", NULL, KW_ERANGE,
           "mem:2: count 99999999999999999999 is absurd");
    refuse(AZURE, NULL, KW_ERANGE, "mem: holds no requests (rows left out: 0)");
    refuse("", NULL, KW_ERANGE, "mem: is empty");
    CHECK(read_text(AZURE "2023-11-16 18:15:46,9,0\n2023-11-16 18:15:47,0,9\n2023-11-16 18:15:48,9,9\n", NULL,
                    "zero=drop") == KW_OK);
    CHECK(t.n == 1 && t.notes.rows == 3 && t.notes.dropped_failed == 1 && t.notes.dropped_other == 1);
    char buf[200];
    CHECK_STR(kw_trace_remarks(&t, buf, sizeof buf),
              "1 failed rows without output left out; 1 rows without a prompt left out");
    CHECK(strlen(kw_trace_remarks(&t, buf, 20)) == 19);
    kw_trace_free(&t);
}

static void burstgpt_by_name_failed_rows_dropped(void)
{
    CHECK(read_text("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                    "5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,1087,0,1087,API log\n"
                    "118,GPT-4,417,276,693,Conversation log\n",
                    NULL, NULL) == KW_OK);
    CHECK_STR(t.notes.format, "burstgpt");
    CHECK(t.n == 2 && is(0, 0, 472, 18) && is(1, 113 * KW_NS_PER_S, 417, 276));
    CHECK(t.notes.rows == 3 && t.notes.dropped_failed == 1 && t.epoch_unix == INT64_MIN);
    CHECK(t.n_models == 2 && t.model[0] == 0 && t.model[1] == 1 && t.n_classes == 1 && t.klass[1] == 0);
    CHECK_STR(t.model_name[0], "ChatGPT");
    CHECK_STR(t.model_name[1], "GPT-4");
    CHECK_STR(t.class_name[0], "Conversation log");
    kw_trace_free(&t);
    /* v3: columns inserted, float seconds with an offset, an empty session, a quoted field */
    CHECK(read_text("Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                    "19440110.0,,43,GPT-4,906,446,1352,API log\n"
                    "19440161.5,\"a,\"\"b\",2,\"ChatGPT\",36,29,65,Conversation log\n",
                    NULL, NULL) == KW_OK);
    CHECK(t.n == 2 && is(0, 0, 906, 446) && is(1, 51500000000, 36, 29));
    CHECK_STR(t.model_name[1], "ChatGPT");
    CHECK_STR(t.class_name[0], "API log");
    kw_trace_free(&t);
    refuse("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,\"x,472,18,490,y\n", NULL,
           KW_EPARSE, "mem:2: a quoted field begins on line 2 and does not end");
    refuse("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n-5,x,472,18,490,y\n", NULL, KW_ERANGE,
           "mem:2: time -5 is negative");
    refuse("Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,x,472,0,490,y\n", NULL, KW_ERANGE,
           "mem: holds no requests (rows left out: 1)");
}

#define MOON(ts, in, ids)                                                                                              \
    "{\"timestamp\": " ts ", \"input_length\": " in ", \"output_length\": 3, \"hash_ids\": " ids "}\n"

static void mooncake_hashes_and_batches(void)
{
    CHECK(read_text(MOON("0", "1025", "[0, 1, 2]") MOON("0", "1024", "[0, 18446744073709551615]")
                        MOON("3000", "1", "[]"),
                    NULL, NULL) == KW_OK);
    CHECK_STR(t.notes.format, "mooncake");
    CHECK(t.n == 3 && is(0, 0, 1025, 3) && is(2, 3 * KW_NS_PER_S, 1, 3) && t.hash_block == 512);
    CHECK(t.hash_at[0] == 0 && t.hash_at[1] == 3 && t.hash_at[2] == 5 && t.hash_at[3] == 5);
    CHECK(t.hash[0] == 0 && t.hash[2] == 2 && t.hash[4] == UINT64_MAX && t.notes.equal_times == 1);
    kw_trace_free(&t);
    refuse(MOON("0", "512", "[0, 1]"), "block=512", KW_ERANGE, "mem:1: 2 hash_ids, but 512 tokens are 1 blocks of 512");
    refuse(MOON("0", "512", "[0.5]"), NULL, KW_EPARSE, "mem:1: \"hash_ids\": want whole numbers, got '.5'");
    refuse(MOON("0", "512", "[-1]"), NULL, KW_EPARSE, "mem:1: \"hash_ids\": want whole numbers, got '-1'");
    refuse(MOON("0", "512", "[18446744073709551616]"), NULL, KW_ERANGE,
           "mem:1: \"hash_ids\": a hash is beyond 64 bits");
    refuse(MOON("0", "5", "[1]") "\n" MOON("null", "5", "[1]"), NULL, KW_EPARSE,
           "mem:3: no \"timestamp\" in the record (broken=drop leaves such records out)");
    CHECK(read_text(MOON("0", "5", "[1]") "{\"timestamp\": 0}\n", NULL, NULL) == KW_OK && t.n == 1);
    CHECK(t.notes.unknown_tokens == 1 && t.notes.rows == 2);
    kw_trace_free(&t);
    refuse(MOON("0", "5", "[1]") "{\"timestamp\": 0\n", NULL, KW_EPARSE,
           "mem:2: column 16: want ',' or '}'; got the end of the line (broken=drop leaves such records out)");
    refuse(MOON("0", "5", "[1]") "[1]\n", NULL, KW_EPARSE,
           "mem:2: column 1: want a JSON object '{'; got '[1]' (broken=drop leaves such records out)");
    refuse(MOON("0", "5", "[1]") MOON("0, \"timestamp\": 1", "5", "[1]"), NULL, KW_EPARSE,
           "mem:2: \"timestamp\" is there twice (broken=drop leaves such records out)");
    refuse(MOON("0", "5", "[1, ]"), NULL, KW_EPARSE,
           "mem:1: column 73: want a JSON value (NaN, Infinity and bare words are none); got ']}'");
    refuse(MOON("0", "5", "[1]") MOON("1, \"user\": \"caf\xe9\"", "5", "[1]"), NULL, KW_EPARSE,
           "mem:2: column 30: want valid UTF-8; got byte 0xe9 (broken=drop leaves such records out)");
    refuse(MOON("0", "5", "7") MOON("0", "5", "[1]"), NULL, KW_EPARSE,
           "mem:1: \"hash_ids\": want a list of block hashes");
}

#define RAG(ts, in, sys)                                                                                               \
    "{\"timestamp\": \"" ts "\", \"input_length\": " in ", \"output_length\": 9, \"hash_ids\": {\"sys_prompt\": " sys  \
    ", \"passages_ids\": [5], \"history\": [6, 7], \"web_search\": [], \"user_input\": [8]}, \"session_id\": \"x\"}\n"

static void ragpulse_strings_nested_and_clock_back(void)
{
    CHECK(read_text(RAG("82", "1100", "[1, 2, 3]") RAG("93", "1100", "[1, 2, 4]") RAG("90", "1100", "[1, 9, 3]")
                        RAG("90", "1099", "[2, 1, 3]") "\n",
                    NULL, NULL) == KW_OK);
    CHECK_STR(t.notes.format, "ragpulse");
    CHECK(t.n == 4 && is(0, 0, 1100, 9) && is(1, 8 * KW_NS_PER_S, 1100, 9) && is(2, 8 * KW_NS_PER_S, 1099, 9) &&
          is(3, 11 * KW_NS_PER_S, 1100, 9)); /* sorted, equal times in file order */
    CHECK(t.notes.clock_back == 1 && t.notes.worst_back == 3 * KW_NS_PER_S && t.notes.equal_times == 1);
    CHECK(t.hash_block == 512 && t.hash_at[4] == 8); /* full system-prompt blocks only: all but the last */
    const uint64_t *h = t.hash;
    CHECK(h[0] == h[6] && h[1] == h[7]);                 /* the same two blocks */
    CHECK(h[2] == h[0] && h[3] != h[1]);                 /* one block shared */
    CHECK(h[4] != h[0] && h[5] != h[0] && h[5] != h[1]); /* the same ids, another order: no shared prefix */
    char buf[400];
    CHECK_STR(kw_trace_remarks(&t, buf, sizeof buf),
              "the clock jumped back 1 time, at most 3 s; rows were sorted by time, stably");
    kw_trace_free(&t);
    /* two recordings, each from 0, one after the other: never silently laid over each other */
    CHECK(read_text(RAG("0", "9", "[1]") RAG("600", "9", "[1]") RAG("0", "9", "[1]") RAG("600", "9", "[1]"), NULL,
                    NULL) == KW_OK);
    CHECK(strstr(kw_trace_remarks(&t, buf, sizeof buf),
                 "over half the span: logs of replicas one after another belong together so"));
    kw_trace_free(&t);
    refuse(RAG("82", "1100", "3"), NULL, KW_EPARSE, "mem:1: \"hash_ids\".\"sys_prompt\": want a list");
    refuse(RAG("82", "1023", "[1, 2, 3]"), NULL, KW_ERANGE,
           "mem:1: 2 full blocks of system prompt do not fit 1023 tokens");
    refuse(RAG("8 2", "1100", "[1]"), NULL, KW_EPARSE, "mem:1: want a number, got '8 2'");
}

static void vidur_and_servegen(void)
{
    CHECK(read_text("arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,374,44\n4.314579,396,109\n", NULL, NULL) ==
          KW_OK);
    CHECK_STR(t.notes.format, "vidur");
    CHECK(t.n == 2 && is(1, 4314579000, 396, 109));
    kw_trace_free(&t);
    CHECK(read_text("arrival_s,input_tokens,output_tokens\n1041000.000984,1305,26\n1041000.094565,1322,114\n", NULL,
                    NULL) == KW_OK);
    CHECK_STR(t.notes.format, "servegen");
    CHECK(t.n == 2 && is(1, 93581000, 1322, 114) && t.epoch_unix == INT64_MIN);
    kw_trace_free(&t);
    refuse("arrival_s,input_tokens,output_tokens,arrived_at,num_prefill_tokens,num_decode_tokens\n", NULL, KW_EPARSE,
           "mem: could be vidur or servegen: name the format");
}

#define MAP "arrival=ts,prompt=in,output=out"

static void generic_csv_and_jsonl(void)
{
    CHECK(read_text("ts;x;in;out;who\n1500;a;5;6;b\n2500.25;a;7;8;c\n", NULL, MAP ",unit=ms,model=x,class=who") ==
          KW_OK);
    CHECK(t.n == 2 && is(0, 0, 5, 6) && is(1, 1000250000, 7, 8) && t.n_models == 1 && t.n_classes == 2);
    CHECK_STR(t.class_name[1], "c");
    CHECK_STR(t.notes.format, "generic");
    kw_trace_free(&t);
    CHECK(read_text("ts,in,who,out\n1,5,\"two\nlines, \"\"x\"\"\",6\n2,7,5\"x,8\n", NULL, MAP ",unit=s,class=who") ==
          KW_OK);
    CHECK(t.n == 2 && is(0, 0, 5, 6) && is(1, KW_NS_PER_S, 7, 8));
    CHECK_STR(t.class_name[0], "two\nlines, \"x\"");
    CHECK_STR(t.class_name[1], "5\"x");
    kw_trace_free(&t);
    CHECK(read_text("ts\tin\tout\n2024-01-01T00:00:00Z\t1\t1\n2024-01-01T00:00:00.5Z\t1\t1\n", NULL, MAP) == KW_OK);
    CHECK(t.n == 2 && t.arrival[1] == KW_NS_PER_S / 2 && t.epoch_unix == 1704067200);
    kw_trace_free(&t);
    CHECK(read_text("ts,in,out\n1704067200000000,1,1\n1704067200000001,1,1\n", NULL, MAP ",unit=us") == KW_OK);
    CHECK(t.arrival[1] == 1000 && t.epoch_unix == 1704067200); /* big enough to be Unix time */
    kw_trace_free(&t);
    CHECK(read_text(
              "{\"ts\": \"1.5\", \"in\": 5.0, \"out\": \"6\", \"m\": \"q\", \"deep\": {\"a\": [1, {\"b\": null}]}}\n\n"
              "{\"ts\": 2, \"in\": 1, \"out\": 1, \"m\": \"r\"}\n",
              NULL, MAP ",model=m") == KW_OK);
    CHECK(t.n == 2 && is(0, 0, 5, 6) && is(1, KW_NS_PER_S / 2, 1, 1) && t.n_models == 2);
    kw_trace_free(&t);
    refuse("ts,in,out\n1e3,1,1\n1.7e12,1,1\n", MAP, KW_EPARSE,
           "mem: column 'ts': whole numbers such as 1700000000000 could be s, ms, us or ns: say unit=s|ms|us|ns");
    refuse("ts,in,out\n1e3,1,1\n1.7e12,1,1\n", MAP ",unit=s", KW_ERANGE,
           "mem:3: time 1.7e12 is beyond 292 years (is its unit right? unit=s|ms|us|ns)");
    refuse("ts,in,out\ninf,1,1\n", MAP, KW_EPARSE, "mem:2: want a number, got 'inf'");
    refuse("when,in,out\n1,1,1\n", MAP, KW_EPARSE, "mem:1: no column 'ts'; the header has: when, in, out");
    refuse("{\"ts\": 1.5, \"in\": 5}\n", MAP, KW_ERANGE, "mem: none of 1 requests has token counts in in and out");
    refuse("ts,in,out\n1,1,1\n", "arival=ts", KW_EPARSE,
           "columns: unknown key 'arival'; known: arrival, prompt, output, model, class, region, cached, write, "
           "count, id, end, duration, first, ttft, e2e, error, hit, hashes, session, delay, turns, key, team, tag, "
           "cost, cold, start, rate, "
           "concurrency, burstiness, gpu, "
           "where, status, unit, zero, missing, "
           "broken, buckets, bucket, "
           "block");
    refuse("ts,in,out\n", "unit=h", KW_EPARSE,
           "columns: unit is auto, s, ms, us, ns, days, iso, mdy, dmy or ymdhms, not 'h'");
    refuse("ts,in,out\n", "zero=1", KW_EPARSE, "columns: zero is drop or refuse, not '1'");
    refuse("ts,in,out\n", "arrival", KW_EPARSE, "columns: want key=value, got 'arrival'");
    refuse("ts,in,out\n", "arrival=", KW_EPARSE, "columns: 'arrival' wants a value");
    refuse("ts,in,out\n", "arrival=a,arrival=b", KW_EPARSE, "columns: 'arrival' is given twice");
    CHECK(read_text("ts,in,out\n1,1,1\n", "csv", MAP) == KW_EUSAGE);
    CHECK_STR(err.msg, "mem: unknown trace format 'csv' (`keepwarm trace formats` lists them)");
}

static void clocks_are_exact(void)
{
    static const struct {
        const char *text;
        int exp10;
        kw_ns want; /* -1: KW_ERANGE, -2: KW_EPARSE */
    } row[] = { { "0", 9, 0 },
                { "1", 9, KW_NS_PER_S },
                { "0.1", 9, 100000000 },
                { "1.0000000004", 9, 1000000000 },
                { "1.0000000005", 9, 1000000001 },
                { "0.07949090003967285", 9, 79490900 },
                { "1e-9", 9, 1 },
                { "1.5E+2", 6, 150000000 },
                { "00012.50", 6, 12500000 },
                { "9223372036.854775807", 9, INT64_MAX },
                { "9223372036.854775808", 9, -1 },
                { "1e400", 9, -1 },
                { "1e-400", 9, 0 },
                { "0e99999", 9, 0 },
                { "123456789012345678901234567890", 0, -1 },
                { "0.00000000000000000000000000012", 9, 0 },
                { "-0", 9, 0 },
                { "-1", 9, -1 },
                { "", 9, -2 },
                { ".", 9, -2 },
                { "1.2.3", 9, -2 },
                { "1e", 9, -2 },
                { "0x10", 9, -2 },
                { "1 ", 9, -2 },
                { "nan", 9, -2 },
                { "4.9e-10", 9, 0 },
                { "5e-10", 9, 1 } };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        kw_ns got = -7;
        enum kw_status st =
            kw_timestamp_decimal((struct kw_span){ row[i].text, strlen(row[i].text) }, row[i].exp10, &got, &err);
        enum kw_status want = row[i].want == -1 ? KW_ERANGE : row[i].want == -2 ? KW_EPARSE : KW_OK;
        if (st != want || (st == KW_OK && got != row[i].want)) {
            CHECK(!"clock");
            fprintf(stderr, "  '%s' gave %d, %lld\n", row[i].text, st, (long long)got);
        }
    }
    static const struct {
        const char *text;
        kw_ns want;
    } iso[] = { { "1970-01-01 00:00:00", 0 },
                { "2000-02-29T23:59:59.999999999Z", 951868799999999999 },
                { "2000-02-29T23:59:59.9999999999Z", 951868799999999999 },
                { "1970-01-01 01:00:00+01", 0 },
                { "1970-01-01 01:00:00+0100", 0 },
                { "1969-12-31 23:00:00-01:00", -1 },
                { "2261-12-31 23:59:60", 9214646400000000000 },
                { "2023-02-29 00:00:00", -1 },
                { "1900-01-01 00:00:00", -1 },
                { "2023-01-01 24:00:00", -1 },
                { "1970-01-02 00:00", 86400000000000 },
                { "1970-01-02", 86400000000000 },
                { "1970/01/02 00:00:01,5 UTC", 86401500000000 },
                { "1970-01-02 01:00:00.5 +0100 CET", -2 },
                { "1970-01-02 01:00:00.5 +0100 UTC m=+0.1", 86400500000000 },
                { "2023-01-01 00:00:00 EST", -2 },
                { "2023-01-01 00:00:00+9", -2 },
                { "1970-01-01 00:00:00+01:00", -1 } };
    for (size_t i = 0; i < sizeof iso / sizeof *iso; i++) {
        kw_ns got = -7;
        bool zoned;
        enum kw_status st =
            kw_timestamp_iso((struct kw_span){ iso[i].text, strlen(iso[i].text) }, NULL, &got, &zoned, &err);
        enum kw_status want = iso[i].want == -1 ? KW_ERANGE : iso[i].want == -2 ? KW_EPARSE : KW_OK;
        if (st != want || (st == KW_OK && got != iso[i].want)) {
            CHECK(!"iso clock");
            fprintf(stderr, "  '%s' gave %d, %lld\n", iso[i].text, st, (long long)got);
        }
    }
}

/* Whatever time was read before, a time reads the same. */
static void minutes_known_and_new_read_alike(void)
{
    static const char *const minute[] = { "2026-05-31 09:00", "2026-05-31T09:00", "2026-05-31 09:01",
                                          "2026-05-31 9:010", "2026/05/31 09:00", "2026-02-30 00:00",
                                          "1969-12-31 23:59", "1970-01-01 00:00" };
    static const char *const rest[] = { "",   ":07",  ":07.25",    ":60.1234567899", ":61",
                                        ":7", ":00Z", ":00+02:00", " +0100",         ":00 x" };
    enum { MINUTES = sizeof minute / sizeof *minute, RESTS = sizeof rest / sizeof *rest };
    struct kw_minute last = { .at = 0 };
    uint64_t draw = 1;
    for (int i = 0; i < 20000; i++) {
        char text[60];
        draw = kw_mix64(draw);
        int n =
            snprintf(text, sizeof text, "%s%s", minute[draw % 3 ? 0 : draw / 3 % MINUTES], rest[(draw >> 32) % RESTS]);
        const struct kw_span s = { text, (size_t)n };
        kw_ns want = -1, got = -1;
        bool zoned_want, zoned_got;
        struct kw_error err_want = { .msg = "" }, err_got = { .msg = "" };
        enum kw_status st = kw_timestamp_iso(s, NULL, &want, &zoned_want, &err_want);
        bool same = kw_timestamp_iso(s, &last, &got, &zoned_got, &err_got) == st && got == want &&
                    zoned_got == zoned_want && !strcmp(err_want.msg, err_got.msg);
        if (!same) fprintf(stderr, "  '%s' gave %lld '%s'\n", text, (long long)got, err_got.msg);
        CHECK(same);
    }
    CHECK(last.at > 0);
}

/* data gzipped with zlib into out; returns its length. */
static size_t gzipped(const void *data, size_t n, unsigned char *out, size_t room)
{
    z_stream z = { 0 };
    CHECK(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)data;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    CHECK(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

static void gzip_whole_truncated_corrupt(void)
{
    const char *text = "arrival_s,input_tokens,output_tokens\n1,2,3\n2,3,4\n";
    unsigned char z[400];
    size_t n = gzipped(text, strlen(text), z, sizeof z);
    CHECK(read_bytes(z, n, NULL, NULL) == KW_OK && t.n == 2);
    kw_trace_free(&t);
    for (size_t cut = 2; cut < n; cut++) { /* every truncation is seen, none is taken for the end */
        char want[120];
        CHECK(read_bytes(z, cut, NULL, NULL) == KW_EPARSE);
        snprintf(want, sizeof want, "gzip data ends early: the file is truncated after %zu bytes", cut);
        CHECK(strstr(err.msg, want) != NULL);
    }
    for (size_t at = 10; at < n; at++) { /* every changed byte behind the header is seen by its CRC or length */
        z[at] ^= 0x55;
        CHECK(read_bytes(z, n, NULL, NULL) != KW_OK);
        CHECK(strstr(err.msg, "gzip") != NULL);
        z[at] ^= 0x55;
    }
    size_t both = n + gzipped("3,4,5\n", 6, z + n, sizeof z - n); /* members one after another are one file */
    CHECK(read_bytes(z, both, NULL, NULL) == KW_OK && t.n == 3);
    kw_trace_free(&t);
    memset(z + n, 0, 20); /* padded with zeros */
    CHECK(read_bytes(z, n + 20, NULL, NULL) == KW_OK && t.n == 2);
    kw_trace_free(&t);
    memcpy(z + n, "tail", 4);
    CHECK(read_bytes(z, n + 4, NULL, NULL) == KW_EPARSE);
    CHECK(strstr(err.msg, "something that is not gzip follows the gzip data") != NULL);
}

static void binary_long_lines_and_files(void)
{
    CHECK(read_bytes("\0\1\2ELF", 6, NULL, NULL) == KW_EPARSE);
    CHECK(strstr(err.msg, "mem: looks binary and is no trace format known here") != NULL);
    CHECK(read_bytes("\x7f"
                     "ELF\2\1\1",
                     7, "azure", NULL) == KW_EPARSE);
    CHECK_STR(err.msg, "mem: looks binary: byte 0x02 at its start");
    CHECK(read_bytes("\x89HDF\r\n\x1a\n", 8, "servegen", NULL) == KW_EPARSE);
    CHECK_STR(err.msg, "mem: looks binary: byte 0x1a at its start");
    const char nul[] = AZURE "2023-11-16 18:15:46,3\0,4\n";
    CHECK(read_bytes(nul, sizeof nul - 1, NULL, NULL) == KW_EPARSE);
    CHECK_STR(err.msg, "mem:2: looks binary: a NUL byte in the text");
    size_t n = KW_SOURCE_MAX_LINE + 100;
    char *big = malloc(n);
    memset(big, 'x', n);
    memcpy(big, "ts,in,out\n", 10);
    CHECK(read_bytes(big, n, NULL, MAP) == KW_EPARSE);
    CHECK_STR(err.msg, "mem:2: a line is longer than 16 MiB");
    memcpy(big, "ts,in,out,", 10); /* a long header and a long row, within the limit, pass */
    big[3000000] = '\n';
    memset(big + 3000001, '1', 2);
    memcpy(big + 3000001, "1,1,1,", 6);
    CHECK(read_bytes(big, 6000000, NULL, MAP ",unit=s") == KW_OK && t.n == 1);
    kw_trace_free(&t);
    free(big);
    CHECK(kw_trace_load(&t, "/nonexistent/x.csv", NULL, NULL, &err) == KW_EINPUT);
    CHECK_STR(err.msg, "/nonexistent/x.csv: No such file or directory");
    CHECK(kw_trace_load(&t, "/", NULL, NULL, &err) == KW_EINPUT);
    CHECK_STR(err.msg, "/: is a directory");
    CHECK(read_bytes("\x89HDF\r\n\x1a\n", 8, NULL, NULL) == KW_EUSAGE);
    CHECK_STR(err.msg, "mem: an HDF5 trace is read from a file, not a pipe");
}

static void sha256_known_answers(void)
{
    static const struct { /* FIPS 180-4 examples (NIST CAVS) */
        const char *text, *hex;
    } row[] = { { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
                { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
                { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" } };
    struct kw_sha256 s;
    char hex[65], whole[65], block[1000];
    for (int i = 0; i < 3; i++) {
        kw_sha256_init(&s);
        kw_sha256_add(&s, row[i].text, strlen(row[i].text));
        kw_sha256_hex(&s, hex);
        CHECK_STR(hex, row[i].hex);
    }
    memset(block, 'a', sizeof block);
    kw_sha256_init(&s);
    for (int i = 0; i < 1000; i++) kw_sha256_add(&s, block, 1000);
    kw_sha256_hex(&s, hex);
    CHECK_STR(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"); /* a million 'a' */
    for (size_t n = 0; n < 200; n++) { /* pieces of any size give the whole's digest */
        kw_sha256_init(&s);
        kw_sha256_add(&s, block, n);
        kw_sha256_hex(&s, whole);
        kw_sha256_init(&s);
        for (size_t at = 0; at < n;) {
            size_t k = at % 7 + 1 < n - at ? at % 7 + 1 : n - at;
            kw_sha256_add(&s, block + at, k);
            at += k;
        }
        kw_sha256_hex(&s, hex);
        CHECK_STR(hex, whole);
    }
}

/* Columns, names and notes that two traces share, all but where they were read from. */
static int same(const struct kw_trace *a, const struct kw_trace *b)
{
    size_t n = a->n;
    if (n != b->n || a->span != b->span || a->epoch_unix != b->epoch_unix || a->hash_block != b->hash_block ||
        !a->model != !b->model || !a->klass != !b->klass || !a->hash_at != !b->hash_at || a->n_models != b->n_models ||
        a->n_classes != b->n_classes || !a->region != !b->region || a->n_regions != b->n_regions)
        return 0;
    int eq = !memcmp(a->arrival, b->arrival, n * sizeof *a->arrival) && !memcmp(a->prompt, b->prompt, n * 4) &&
             !memcmp(a->output, b->output, n * 4) && (!a->model || !memcmp(a->model, b->model, n * 2)) &&
             (!a->klass || !memcmp(a->klass, b->klass, n * 2)) &&
             (!a->region || !memcmp(a->region, b->region, n * 2)) && !a->ttft == !b->ttft && !a->e2e == !b->e2e &&
             (!a->ttft || !memcmp(a->ttft, b->ttft, n * sizeof *a->ttft)) &&
             (!a->e2e || !memcmp(a->e2e, b->e2e, n * sizeof *a->e2e)) &&
             (!a->hash_at || !memcmp(a->hash_at, b->hash_at, n * 4 + 4));
    if (eq && a->hash_at && a->hash_at[n]) eq = !memcmp(a->hash, b->hash, a->hash_at[n] * sizeof *a->hash);
    for (size_t i = 0; eq && i < a->n_models; i++) eq = !strcmp(a->model_name[i], b->model_name[i]);
    for (size_t i = 0; eq && i < a->n_classes; i++) eq = !strcmp(a->class_name[i], b->class_name[i]);
    for (size_t i = 0; eq && i < a->n_regions; i++) eq = !strcmp(a->region_name[i], b->region_name[i]);
    return eq;
}

static char *scratch(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/kw_test_trace_%ld_%s", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (long)getpid(),
             name);
    return path;
}

static void hdf5_round_trip(void)
{
    struct kw_trace back;
    char *path = scratch("rt.h5");
    static const char *const text[] = {
        MOON("5", "1025", "[0, 1, 2]") MOON("3", "1024", "[7, 8]") MOON("3000", "1", "[]"),
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,a\n9,q,1,0,1,a\n"
        "9,\"GPT-4 \xc3\xa9\",1,2,3,\n",
        AZURE "2023-11-16 18:15:46.6805900,374,44\r\n", MOON("0", "5", "[]"),
        "time,in,out,ttft_ms,e2e_ms\n3.5,5,6,70,900\n1.5,5,6,80,\n2.5,5,6,,\n"
    };
    for (int i = 0; i < 5; i++) {
        CHECK(read_text(text[i], NULL, NULL) == KW_OK);
        CHECK(kw_trace_save(&t, path, &err) == KW_OK);
        CHECK(kw_trace_load(&back, path, NULL, NULL, &err) == KW_OK);
        CHECK(same(&t, &back));
        CHECK(back.notes.rows == t.notes.rows && back.notes.dropped_failed == t.notes.dropped_failed &&
              back.notes.clock_back == t.notes.clock_back && back.notes.worst_back == t.notes.worst_back &&
              back.notes.equal_times == t.notes.equal_times);
        CHECK_STR(back.notes.format, "keepwarm");
        CHECK(strlen(back.notes.sha256) == 64 && strcmp(back.notes.sha256, t.notes.sha256));
        kw_trace_free(&back);
        kw_trace_free(&t);
    }
    FILE *f = fopen(path, "r+"); /* cut short: an error, not a crash */
    CHECK(f && ftruncate(fileno(f), 900) == 0 && fclose(f) == 0);
    CHECK(kw_trace_load(&back, path, NULL, NULL, &err) != KW_OK);
    CHECK(strstr(err.msg, "rt.h5") != NULL && back.n == 0);
    unlink(path);
    CHECK(kw_trace_save(&t, "/nonexistent/dir/x.h5", &err) == KW_EIO);
}

#define FROM MAP ",unit=s,region=from"
#define PLACES "ts,in,out,from\n0,1,1,eu-west\n2,2,1,us-east\n1,3,1,\n3,4,1,eu-west\n"

static bool not_the_first(const void *ctx, size_t request)
{
    (void)ctx;
    return request > 0;
}

static const char *one_name(void *ctx, const char *name)
{
    return *name ? ctx : name;
}

/* Through sorting, the file form, a cut, a choice and a gathering: each request keeps where it comes from. */
static void requests_keep_their_region(void)
{
    struct kw_trace back, out;
    char *path = scratch("region.h5");
    CHECK(read_text(PLACES, NULL, FROM) == KW_OK && t.n_regions == 3);
    CHECK_STR(t.region_name[t.region[0]], "eu-west");
    CHECK_STR(t.region_name[t.region[1]], ""); /* sorted */
    CHECK_STR(t.region_name[t.region[2]], "us-east");
    CHECK(kw_trace_save(&t, path, &err) == KW_OK && kw_trace_load(&back, path, NULL, NULL, &err) == KW_OK);
    CHECK(same(&t, &back));
    kw_trace_free(&back);
    unlink(path);
    CHECK(kw_trace_slice(&out, &t, 2 * KW_NS_PER_S, 9 * KW_NS_PER_S, &err) == KW_OK && out.n == 2);
    CHECK(out.region[0] == t.region[2] && out.region[1] == t.region[3]);
    kw_trace_free(&out);
    CHECK(kw_trace_pick(&out, &t, not_the_first, NULL, &err) == KW_OK && out.region[0] == t.region[1]);
    kw_trace_free(&out);
    CHECK(kw_trace_gather(&out, &t, (uint32_t[]){ 2, 0 }, (kw_ns[]){ 5, 3 }, NULL, 2, 9, &err) == KW_OK);
    CHECK(out.region[0] == t.region[0] && out.region[1] == t.region[2]);
    kw_trace_free(&out);
    CHECK(kw_trace_rename_regions(&t, one_name, "here", &err) == KW_OK && t.n_regions == 2);
    CHECK(t.region[0] == 0 && t.region[1] == 1 && t.region[2] == 0 && t.region[3] == 0);
    CHECK_STR(t.region_name[0], "here");
    kw_trace_free(&t);
    CHECK(read_text("ts,in,out,from\n0,1,1,\n1,1,1,\n", NULL, FROM) == KW_OK && !t.region && !t.n_regions);
    kw_trace_free(&t);
}

/* The draws are of the seed alone: another share moves only requests between its bounds. */
static void regions_are_drawn_by_share(void)
{
    static const char *const name[] = { "a", "b", "c" };
    enum { N = 20000 };
    char *text = malloc(N * 16 + 16);
    size_t at = (size_t)sprintf(text, "ts,in,out\n");
    for (int i = 0; i < N; i++) at += (size_t)sprintf(text + at, "%d,1,1\n", i);
    uint16_t *before = malloc(N * sizeof *before);
    CHECK(read_text(text, NULL, MAP ",unit=s") == KW_OK);
    CHECK(kw_trace_draw_regions(&t, name, (double[]){ 0.5, 0.3, 0.2 }, 3, 1, &err) == KW_OK && t.n_regions == 3);
    memcpy(before, t.region, N * sizeof *before);
    size_t n[3] = { 0 }, moved = 0, astray = 0;
    for (int i = 0; i < N; i++) n[t.region[i]]++;
    CHECK_NEAR((double)n[0] / N, 0.5, 4 * sqrt(0.25 / N));
    CHECK_NEAR((double)n[1] / N, 0.3, 4 * sqrt(0.21 / N));
    kw_trace_free(&t);
    CHECK(read_text(text, NULL, MAP ",unit=s") == KW_OK);
    CHECK(kw_trace_draw_regions(&t, name, (double[]){ 0.5, 0.4, 0.1 }, 3, 1, &err) == KW_OK);
    for (int i = 0; i < N; i++) {
        moved += t.region[i] != before[i];
        astray += t.region[i] != before[i] && !(before[i] == 2 && t.region[i] == 1);
    }
    CHECK(!astray);
    CHECK_NEAR((double)moved / N, 0.1, 4 * sqrt(0.09 / N));
    kw_trace_free(&t);
    free(before);
    free(text);
}

static void speed_slice_sort(void)
{
    struct kw_trace out;
    CHECK(read_text(MOON("0", "1025", "[0, 1, 2]") MOON("1000", "600", "[0, 9]") MOON("1000", "3", "[4]")
                        MOON("4000", "2", "[5]"),
                    NULL, NULL) == KW_OK);
    CHECK(kw_trace_slice(&out, &t, KW_NS_PER_S, 4 * KW_NS_PER_S, &err) == KW_OK);
    CHECK(out.n == 2 && out.arrival[0] == 0 && out.arrival[1] == 0 && out.prompt[0] == 600 && out.prompt[1] == 3 &&
          out.hash_at[0] == 0 && out.hash_at[2] == 3 && out.hash[1] == 9 && out.hash[2] == 4 &&
          out.span == 3 * KW_NS_PER_S && out.notes.equal_times == 1);
    kw_trace_free(&out);
    CHECK(kw_trace_slice(&out, &t, 2 * KW_NS_PER_S, 4 * KW_NS_PER_S, &err) == KW_ERANGE && out.n == 0);
    CHECK_STR(err.msg, "no request arrives in [2 s, 4 s)");

    /* Sorted stably: the two that share an arrival keep their order, and each its hashes. */
    t.arrival[0] = 2 * KW_NS_PER_S, t.arrival[3] = KW_NS_PER_S;
    CHECK(kw_trace_sort(&t, &err) == KW_OK);
    CHECK(t.prompt[0] == 600 && t.prompt[1] == 3 && t.prompt[2] == 2 && t.prompt[3] == 1025 &&
          t.arrival[2] == KW_NS_PER_S && t.arrival[3] == 2 * KW_NS_PER_S);
    CHECK(t.hash_at[1] == 2 && t.hash_at[2] == 3 && t.hash_at[3] == 4 && t.hash_at[4] == 7);
    CHECK(t.hash[0] == 0 && t.hash[1] == 9 && t.hash[2] == 4 && t.hash[3] == 5 && t.hash[6] == 2);
    kw_trace_free(&t);

    CHECK(read_text(MOON("0", "9", "[]") MOON("1000", "9", "[]") MOON("4000", "9", "[]"), NULL, NULL) == KW_OK);
    CHECK(kw_trace_speed(&t, 2, &err) == KW_OK && t.arrival[1] == KW_NS_PER_S / 2 && t.span == 2 * KW_NS_PER_S);
    CHECK(kw_trace_speed(&t, 0, &err) == KW_ERANGE && kw_trace_speed(&t, NAN, &err) == KW_ERANGE &&
          t.span == 2 * KW_NS_PER_S);
    kw_trace_free(&t);
}

static void rows_sort_stably(void)
{
    struct kw_rows r;
    uint64_t x = 1;
    kw_rows_init(&r);
    for (uint32_t i = 0; i < 5000; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint64_t h = i;
        struct kw_row row = { .at = (kw_ns)(x >> 57), .prompt = i + 1, .output = 1, .hash = &h, .n_hash = i % 2 };
        CHECK(kw_rows_push(&r, &row, &err) == KW_OK);
    }
    CHECK(kw_rows_finish(&r, &t, &err) == KW_OK && t.n == 5000 && t.arrival[0] == 0);
    int bad = 0;
    for (size_t i = 1; i < t.n; i++) {
        bad += t.arrival[i] < t.arrival[i - 1];
        bad += t.arrival[i] == t.arrival[i - 1] && t.prompt[i] < t.prompt[i - 1];
        uint32_t k = t.hash_at[i + 1] - t.hash_at[i];
        bad += k != (t.prompt[i] - 1) % 2 || (k && t.hash[t.hash_at[i]] != t.prompt[i] - 1);
    }
    CHECK(bad == 0);
    kw_trace_free(&t);
    kw_rows_free(&r);
}

static void stats_of_a_small_trace(void)
{
    struct kw_trace_stats s;
    CHECK(read_text(MOON("0", "1025", "[0, 1, 2]") MOON("0", "1025", "[0, 1, 3]") MOON("60000", "513", "[1, 0]")
                        MOON("240000", "100", "[0]"),
                    NULL, NULL) == KW_OK);
    t.output[3] = 11;
    CHECK(kw_trace_stats(&s, &t, &err) == KW_OK);
    CHECK(s.minutes == 5 && s.empty_minutes == 2 && s.hours == 1 && s.busiest_minute == 2 && s.busiest_minute_at == 0);
    CHECK_NEAR(s.peak_minute, 2 / 0.8, 1e-12);
    CHECK_NEAR(s.rate, 4 / 240.0, 1e-12);
    CHECK_NEAR(s.cv, sqrt((80 * 80 + 20 * 20 + 100 * 100) / 3.0) / 80, 1e-12); /* gaps 0, 60, 180 s */
    CHECK(s.longest_gap == 180 * KW_NS_PER_S && s.longest_gap_at == 60 * KW_NS_PER_S);
    CHECK(s.prompt.p50 == 513 && s.prompt.p90 == 1025 && s.prompt.min == 100 && s.prompt.max == 1025 &&
          s.prompt.total == 2663);
    CHECK(s.output.p50 == 3 && s.output.p99 == 11);
    /* ranks of prompt 3.5 3.5 2 1, of output 2 2 2 4 */
    CHECK_NEAR(s.rank_correlation, -3.0 / sqrt(4.5 * 3), 1e-12);
    /* hits: 0; blocks 0 and 1; block 1 and then 0; block 0 */
    CHECK(s.blocks == 9 && s.distinct_blocks == 4);
    CHECK_NEAR(s.block_hits, 5 / 9.0, 1e-12);
    CHECK_NEAR(s.token_hits, (1024 + 513 + 100) / 2663.0, 1e-12);
    kw_trace_stats_free(&s);
    kw_trace_stats_free(&s);
    char *text;
    CHECK(kw_trace_info(&text, &t, NULL, &err) == KW_OK);
    for (char *line = text, *nl; (nl = strchr(line, '\n')); line = nl + 1) {
        int width = 0;
        for (char *p = line; p < nl; p++) width += ((unsigned char)*p & 0xc0) != 0x80;
        CHECK(width <= 100);
    }
    CHECK(strstr(text, "span       240.000 s (4 min), 0.01667 requests/s\n") != NULL);
    CHECK(
        strstr(text, "prompt           665.8       513     1,025     1,025     1,025       1,025           2,663\n") !=
        NULL);
    free(text);
    struct kw_json doc;
    CHECK(kw_trace_info_json(&text, &t, NULL, &err) == KW_OK);
    CHECK(kw_json_parse(&doc, "info", text, strlen(text), &err) == KW_OK);
    double x = 0;
    CHECK(kw_json_f64(kw_json_get(kw_json_root(&doc), "span_s"), 0, 1e9, &x, &err) == KW_OK && x == 240);
    CHECK(kw_json_f64(kw_json_get(kw_json_get(kw_json_root(&doc), "prompt_tokens"), "p90"), 0, 1e9, &x, &err) ==
              KW_OK &&
          x == 1025);
    CHECK(kw_json_f64(kw_json_get(kw_json_root(&doc), "prefix_distinct_blocks"), 0, 1e9, &x, &err) == KW_OK && x == 4);
    CHECK(!kw_json_present(kw_json_get(kw_json_root(&doc), "epoch_unix_s")));
    kw_json_free(&doc);
    free(text);
    kw_trace_free(&t);
    char buf[64];
    CHECK_STR(kw_grouped(buf, sizeof buf, 1234567.891, 1), "1,234,567.9");
    CHECK_STR(kw_grouped(buf, sizeof buf, -123456, 0), "-123,456");
    CHECK_STR(kw_grouped(buf, sizeof buf, 999, 0), "999");
}

static void info_of_extreme_traces(void)
{
    static const char *const text[] = { "arrival_s,input_tokens,output_tokens\n5,1,1\n",
                                        "arrival_s,input_tokens,output_tokens\n0,10000000,1\n9223372036,1,10000000\n",
                                        "arrival_s,input_tokens,output_tokens\n5,1,1\n5,1,1\n" };
    for (int i = 0; i < 3; i++) {
        char *info;
        CHECK(read_text(text[i], NULL, NULL) == KW_OK);
        CHECK(kw_trace_info(&info, &t, NULL, &err) == KW_OK && strlen(info) > 400);
        free(info);
        kw_trace_free(&t);
    }
}

static void no_memory_leaves_nothing(void)
{
    static const char *const text[] = {
        MOON("5", "1025", "[0, 1, 2]") MOON("3", "1024", "[7, 8]"),
        RAG("82", "1100", "[1, 2, 3]") RAG("93", "1100", "[1, 2, 4]"),
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,a,4,1,5,x\n3,b,4,1,5,y\n",
        "arrival_s,input_tokens,output_tokens\n5,1,1\n"
    };
    unsigned char z[400];
    for (int i = 0; i < 5; i++) {
        size_t n = i < 4 ? strlen(text[i]) : gzipped(text[3], strlen(text[3]), z, sizeof z);
        for (long k = 1;; k++) {
            failmalloc_at(k);
            struct kw_source s;
            enum kw_status st = kw_source_memory(&s, "mem", i < 4 ? (const void *)text[i] : z, n, &err);
            if (st == KW_OK) st = kw_trace_read(&t, &s, NULL, NULL, &err);
            kw_source_close(&s);
            if (!failmalloc_off()) break;
            CHECK(st == KW_ENOMEM || st == KW_OK); /* a failed shrink is no failure */
            if (st != KW_OK) CHECK(t.n == 0 && t.arrival == NULL);
            kw_trace_free(&t);
        }
        CHECK(t.n > 0);
        for (long k = 1;; k++) {
            struct kw_trace_stats st;
            char *info = NULL;
            struct kw_trace out;
            failmalloc_at(k);
            enum kw_status a = kw_trace_stats(&st, &t, &err);
            enum kw_status b = kw_trace_info(&info, &t, NULL, &err);
            enum kw_status c = kw_trace_slice(&out, &t, 0, INT64_MAX, &err);
            enum kw_status d = kw_trace_sort(&t, &err);
            bool more = failmalloc_off();
            CHECK(a == KW_OK || a == KW_ENOMEM);
            CHECK(b == KW_OK || (b == KW_ENOMEM && info == NULL));
            CHECK(c == KW_OK || (c == KW_ENOMEM && out.n == 0));
            CHECK(d == KW_OK || d == KW_ENOMEM);
            CHECK((a == KW_ENOMEM) + (b == KW_ENOMEM) + (c == KW_ENOMEM) + (d == KW_ENOMEM) == (more ? 1 : 0));
            kw_trace_stats_free(&st);
            free(info);
            kw_trace_free(&out);
            if (!more) break;
        }
        kw_trace_free(&t);
    }
}

/* data/SOURCES.md: figures of the public traces, checked end to end. */
static void public_traces(void)
{
    static const struct {
        const char *file, *sha;
        size_t n;
        double span, rate, cv, peak_minute, in_mean, in_p50, in_p99, in_max, out_mean, out_p50, out_p99, out_max;
        uint64_t minutes, empty_minutes, hours, empty_hours;
        double longest_gap;
    } row[] = { { "azure_llm_2023_code.csv",
                  "54e9a6d2a4bd",
                  8819,
                  3435.948,
                  2.567,
                  13.15,
                  4.16,
                  2047.8,
                  1469,
                  7436,
                  7437,
                  27.9,
                  13,
                  251,
                  1899,
                  58,
                  12,
                  1,
                  0,
                  217.169 },
                { "azure_llm_2023_conv.csv",
                  "2f1e5b666d4e",
                  19366,
                  3501.722,
                  5.530,
                  1.09,
                  1.545,
                  1154.7,
                  1020,
                  4142,
                  14050,
                  211.1,
                  129,
                  601,
                  1000,
                  59,
                  0,
                  1,
                  0,
                  -1 },
                { "mooncake_conversation.jsonl",
                  "b8cbb061a852",
                  12031,
                  3536.999,
                  3.402,
                  3.03,
                  1.21,
                  12035.1,
                  6909,
                  85400,
                  126195,
                  342.6,
                  350,
                  1119,
                  2000,
                  59,
                  0,
                  1,
                  0,
                  -1 },
                { "ragpulse_week1.jsonl",
                  "f437716655bc",
                  3800,
                  604371,
                  0.00629,
                  3.16,
                  18.56,
                  3020.8,
                  3166,
                  5269,
                  -1,
                  255.9,
                  201,
                  795,
                  -1,
                  10073,
                  7510,
                  168,
                  13,
                  16802 },
                { "derived_servegen_m-large_c92_14d.csv.gz",
                  "54fb3ec4f9d9",
                  35465,
                  -1,
                  -1,
                  25.06,
                  234,
                  934,
                  -1,
                  1973,
                  -1,
                  36.9,
                  -1,
                  64,
                  -1,
                  19080,
                  15764,
                  318,
                  124,
                  109203 },
                { "derived_servegen_m-large_c18_14d.csv",
                  "6ff32642ecff",
                  5603,
                  142199.9,
                  -1,
                  41.34,
                  -1,
                  -1,
                  -1,
                  -1,
                  -1,
                  -1,
                  -1,
                  -1,
                  -1,
                  2370,
                  1916,
                  40,
                  28,
                  63025 } };
    const char *data = getenv("KEEPWARM_DATA") ? getenv("KEEPWARM_DATA") : "../shared/data";
    char path[300];
    snprintf(path, sizeof path, "%s/traces/%s", data, row[0].file);
    if (access(path, R_OK)) {
        SKIP("no public traces (KEEPWARM_DATA)");
        return;
    }
#define FACT(got, want, tol)                                                                                           \
    do {                                                                                                               \
        if ((want) >= 0) CHECK_NEAR(got, want, tol);                                                                   \
    } while (0)
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct kw_trace_stats s;
        snprintf(path, sizeof path, "%s/traces/%s", data, row[i].file);
        CHECK(kw_trace_load(&t, path, NULL, NULL, &err) == KW_OK);
        CHECK(t.n == row[i].n && strncmp(t.notes.sha256, row[i].sha, 12) == 0 && t.notes.clock_back == 0);
        CHECK(kw_trace_stats(&s, &t, &err) == KW_OK);
        FACT(s.span_s, row[i].span, row[i].span < 1e5 ? 6e-4 : 0.1);
        FACT(s.rate, row[i].rate, row[i].rate < 0.1 ? 6e-6 : 6e-4);
        FACT(s.cv, row[i].cv, 0.006);
        FACT(s.peak_minute, row[i].peak_minute, row[i].peak_minute > 100 ? 0.5 : 0.006);
        FACT(s.prompt.mean, row[i].in_mean, 0.5);
        FACT(s.prompt.p50, row[i].in_p50, 1);
        FACT(s.prompt.p99, row[i].in_p99, 1); /* SOURCES.md interpolates, we take the nearest rank */
        FACT(s.prompt.max, row[i].in_max, 0);
        FACT(s.output.mean, row[i].out_mean, 0.05);
        FACT(s.output.p50, row[i].out_p50, 1);
        FACT(s.output.p99, row[i].out_p99, 1);
        FACT(s.output.max, row[i].out_max, 0);
        FACT((double)s.longest_gap / 1e9, row[i].longest_gap, 0.6);
        CHECK(s.minutes == row[i].minutes && s.empty_minutes == row[i].empty_minutes && s.hours == row[i].hours &&
              s.empty_hours == row[i].empty_hours);
        if (i == 2) {
            CHECK(s.distinct_blocks == 182790 && t.n - 1 - t.notes.equal_times + 1 == 1180);
            CHECK_NEAR(s.block_hits, 0.366, 5e-4);
        }
        kw_trace_stats_free(&s);
        kw_trace_free(&t);
    }
    static const char *const sample[] = { "burstgpt_v1_format_sample.csv", "burstgpt_v3_format_sample.csv" };
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/traces/%s", data, sample[i]);
        CHECK(kw_trace_load(&t, path, NULL, NULL, &err) == KW_OK && t.n == (i ? 4 : 3) && t.n_models == 2);
        kw_trace_free(&t);
    }
    snprintf(path, sizeof path, "%s/traces/azure_functions_2021_sample.csv", data);
    CHECK(kw_trace_load(&t, path, NULL, NULL, &err) == KW_EPARSE && strstr(err.msg, "format not recognised") != NULL);
}

int main(void)
{
    RUN(azure_crlf_no_last_newline_seven_digits);
    RUN(azure_refusals_name_the_line);
    RUN(burstgpt_by_name_failed_rows_dropped);
    RUN(mooncake_hashes_and_batches);
    RUN(ragpulse_strings_nested_and_clock_back);
    RUN(vidur_and_servegen);
    RUN(generic_csv_and_jsonl);
    RUN(clocks_are_exact);
    RUN(minutes_known_and_new_read_alike);
    RUN(gzip_whole_truncated_corrupt);
    RUN(binary_long_lines_and_files);
    RUN(sha256_known_answers);
    RUN(hdf5_round_trip);
    RUN(requests_keep_their_region);
    RUN(regions_are_drawn_by_share);
    RUN(speed_slice_sort);
    RUN(rows_sort_stably);
    RUN(stats_of_a_small_trace);
    RUN(info_of_extreme_traces);
    RUN(no_memory_leaves_nothing);
    RUN(public_traces);
    return check_report();
}
