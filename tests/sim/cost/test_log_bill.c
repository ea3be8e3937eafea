/* A log priced line by line, by hand, and cost exports added up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/cost/invoice.h"
#include "tests/check.h"
#include "workloads/trace_load.h"

static struct kw_error err;
static struct kw_api_offer offers[3];
static struct kw_platform platform = { .name = "p", .kind = KW_KIND_API, .apis = offers, .n_apis = 3 };

static void make_platform(void)
{
    memset(offers, 0, sizeof offers);
    snprintf(offers[0].model, sizeof offers[0].model, "gpt-4o");
    snprintf(offers[1].model, sizeof offers[1].model, "gpt-4o-mini");
    snprintf(offers[2].model, sizeof offers[2].model, "claude");
    snprintf(offers[2].sku, sizeof offers[2].sku, "anthropic.claude-x-v1:0");
    for (int i = 0; i < 3; i++) {
        offers[i].price.in_mtok = (struct kw_price){ .known = true, .v = 3 * KW_NANO };
        offers[i].price.out_mtok = (struct kw_price){ .known = true, .v = 15 * KW_NANO };
        offers[i].batch_ppm = 1000000;
    }
    offers[2].price.cached_in_mtok = (struct kw_price){ .known = true, .v = 300000000 };
    offers[2].price.cache_write_mtok = (struct kw_price){ .known = true, .v = 3750000000 };
    offers[2].max_model_len = 100;
}

static enum kw_status read_log(struct kw_trace *t, const char *text)
{
    struct kw_source s;
    enum kw_status st = kw_source_memory(&s, "mem", text, strlen(text), &err);
    if (st == KW_OK) st = kw_trace_read(t, &s, NULL, NULL, &err);
    kw_source_close(&s);
    return st;
}

static void names_of_logs_find_their_offer(void)
{
    static const struct {
        const char *name;
        int offer; /* -1: none */
    } row[] = { { "gpt-4o", 0 },
                { "GPT-4o", 0 },
                { "openai/gpt-4o", 0 },
                { "gpt-4o-2024-08-06", 0 },
                { "gpt-4o-mini", 1 },
                { "openai/gpt-4o-mini-2024-07-18", 1 },
                { "gpt-4o-latest", 0 },
                { "gpt-4o-audio", -1 }, /* another model at another price */
                { "my-gpt-4o", 0 },
                { "xgpt-4o", -1 },
                { "us.anthropic.claude-x-v1:0", 2 },
                { "", -1 } };
    make_platform();
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const struct kw_api_offer *o = kw_log_bill_offer(&platform, row[i].name);
        if (o != (row[i].offer < 0 ? NULL : &offers[row[i].offer])) {
            CHECK(!"offer");
            fprintf(stderr, "  '%s' is %s\n", row[i].name, o ? o->model : "nothing");
        }
    }
}

static void a_log_is_priced_by_hand(void)
{
    struct kw_trace t;
    struct kw_log_bill b;
    make_platform();
    CHECK(read_log(&t, "ts,model,input_tokens,cache_read_input_tokens,cache_creation_input_tokens,output_tokens\n"
                       "2026-06-01T08:00:00Z,claude,10,70,20,30\n2026-06-01T08:00:01Z,gpt-4o,100,0,0,7\n"
                       "2026-06-01T08:00:02Z,claude,200,0,0,1\n2026-06-01T08:00:03Z,llama,5,0,0,5\n") == KW_OK);
    CHECK(kw_log_bill(&b, &t, &platform, NULL, KW_TERM_ON_DEMAND, &err) == KW_OK && b.n == 3);
    CHECK(b.model[0].requests == 2 && b.model[0].requests_beyond == 1); /* a prompt of 200 tokens of 100 */
    /* 210 x $3 + 70 x $0.30 + 20 x $3.75 + 31 x $15, a million tokens each: in nano-dollars */
    CHECK(b.model[0].cost[KW_LINE_IN] == 630000 && b.model[0].cost[KW_LINE_CACHED] == 21000 &&
          b.model[0].cost[KW_LINE_WRITE] == 75000 && b.model[0].cost[KW_LINE_OUT] == 465000);
    CHECK(b.model[1].total == 100 * 3000 + 7 * 15000 && b.model[1].at_input_price[KW_LINE_CACHED]);
    CHECK(!b.model[2].offer && b.model[2].total == 0 && b.unpriced_requests == 1);
    CHECK(b.total == b.model[0].total + b.model[1].total && b.tokens[KW_LINE_OUT] == 38);
    kw_log_bill_free(&b);
    CHECK(kw_log_bill(&b, &t, &platform, "gpt-4o", KW_TERM_ON_DEMAND, &err) == KW_OK && b.n == 1);
    CHECK(b.model[0].requests == 4 && b.unpriced_requests == 0);
    kw_log_bill_free(&b);
    CHECK(kw_log_bill(&b, &t, &platform, "nothing", KW_TERM_ON_DEMAND, &err) == KW_ERANGE && !b.model);
    CHECK_STR(err.msg, "p sells no model called 'nothing'");
    kw_trace_free(&t);
}

/* At the limit and one token above it, cached and written ones counted in. */
static void long_prompts_of_a_log_are_lines_of_their_own(void)
{
    struct kw_trace t;
    struct kw_log_bill b;
    make_platform();
    offers[2].above.tokens = 100;
    offers[2].above.price = offers[2].price;
    offers[2].above.price.in_mtok.v = 6 * KW_NANO;
    offers[2].above.price.out_mtok.v = 22500000000;
    offers[2].above.price.cached_in_mtok.v = 600000000;
    CHECK(read_log(&t, "ts,model,input_tokens,cache_read_input_tokens,cache_creation_input_tokens,output_tokens\n"
                       "2026-06-01T08:00:00Z,claude,10,70,20,30\n2026-06-01T08:00:01Z,claude,11,70,20,30\n") == KW_OK);
    CHECK(kw_log_bill(&b, &t, &platform, NULL, KW_TERM_ON_DEMAND, &err) == KW_OK);
    const struct kw_log_bill_model *m = &b.model[0];
    CHECK(m->requests == 2 && m->long_requests == 1 && m->tokens[KW_LINE_IN] == 21 && m->long_tokens[KW_LINE_IN] == 11);
    CHECK(m->long_cost[KW_LINE_IN] == 11 * 6000 && m->long_cost[KW_LINE_CACHED] == 70 * 600 &&
          m->long_cost[KW_LINE_WRITE] == 20 * 3750 && m->long_cost[KW_LINE_OUT] == 30 * 22500);
    CHECK(m->cost[KW_LINE_IN] == 10 * 3000 + 11 * 6000 && m->cost[KW_LINE_OUT] == 30 * 15000 + 30 * 22500);
    CHECK(b.total == m->cost[0] + m->cost[1] + m->cost[2] + m->cost[3]);
    kw_log_bill_free(&b);
    kw_trace_free(&t);
}

/* Two versions of one model are one volume: 100 tokens at $3 a Mtok, 50 at $1; a log's, however long it was. */
static void names_of_one_offer_fill_its_brackets_together(void)
{
    const struct kw_brackets by = { .n = 2, .nth = 1, .upto = { 100, INT64_MAX }, .v = { 3 * KW_NANO, KW_NANO } };
    struct kw_trace t;
    struct kw_log_bill b;
    make_platform();
    offers[2].price.in_mtok.brackets = &by;
    CHECK(read_log(&t, "ts,model,input_tokens,output_tokens\n2026-06-01T08:00:00Z,claude-v1,40,1\n"
                       "2026-06-02T09:00:00Z,claude-v2,70,1\n2026-06-03T08:00:00Z,claude-v1,40,1\n") == KW_OK);
    CHECK(kw_log_bill(&b, &t, &platform, NULL, KW_TERM_ON_DEMAND, &err) == KW_OK && b.n == 2);
    CHECK(b.model[0].cost[KW_LINE_IN] == 80 * 3000 && b.model[1].cost[KW_LINE_IN] == 20 * 3000 + 50 * 1000);
    CHECK(b.total == 350000 + 3 * 15000);
    kw_log_bill_free(&b);
    kw_trace_free(&t);
}

static enum kw_status read_export(struct kw_invoice *v, const char *text, const char *service)
{
    char path[] = "/tmp/kw-focus-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) return KW_EFAIL;
    fputs(text, f);
    fclose(f);
    enum kw_status st = kw_invoice_read(v, path, service, &err);
    unlink(path);
    return st;
}

#define FOCUS                                                                                                          \
    "BilledCost,BillingCurrency,ChargeCategory,ChargeDescription,SkuMeter,ConsumedQuantity,ConsumedUnit,ServiceName,"  \
    "ChargePeriodStart,ChargePeriodEnd\n"

static void an_export_is_added_up_by_what_it_meters(void)
{
    struct kw_invoice v;
    const char *text = FOCUS
        "1.5,USD,Usage,\"Claude, Input tokens\",Input,0.5,1M Tokens,Bedrock,2026-05-02T00:00:00Z,2026-05-03T00:00:00Z\n"
        "0.25,USD,Usage,cache read input,Cache read,250,1K tokens,Bedrock,2026-05-01T00:00:00Z,2026-05-02T00:00:00Z\n"
        "0.75,USD,Usage,cache write input,Cache "
        "write,200000.0,Tokens,Bedrock,2026-05-01T00:00:00Z,2026-05-02T00:00:00Z\n"
        "3,USD,Usage,Output tokens,Output,200000,Tokens,Bedrock,2026-05-01T00:00:00Z,2026-05-02T00:00:00Z\n"
        "0.5,USD,Tax,VAT on input,,,,Bedrock,2026-05-01T00:00:00Z,2026-05-02T00:00:00Z\n"
        "9,USD,Usage,Storage,GB,1,GB,S3,2026-05-01T00:00:00Z,2026-05-02T00:00:00Z\n";
    CHECK(read_export(&v, text, "bedrock") == KW_OK && v.rows == 5);
    CHECK(v.cost[KW_LINE_IN] == 1500000000 && v.cost[KW_LINE_CACHED] == 250000000 &&
          v.cost[KW_LINE_WRITE] == 750000000 && v.cost[KW_LINE_OUT] == 3000000000 && v.other == 500000000 &&
          v.total == 6000000000);
    CHECK(v.tokens[KW_LINE_IN] == 500000 && v.tokens[KW_LINE_CACHED] == 250000 && v.tokens[KW_LINE_WRITE] == 200000);
    CHECK_STR(v.first_day, "2026-05-01");
    CHECK_STR(v.last_day, "2026-05-03");
    CHECK(read_export(&v, text, NULL) == KW_OK && v.rows == 6 && v.other == 9500000000);
    CHECK(read_export(&v, text, "nobody") == KW_ERANGE && strstr(err.msg, "no charge of nobody in it"));
    CHECK(read_export(&v, FOCUS "1,EUR,Usage,input,,,,x,,\n", NULL) == KW_ERANGE);
    CHECK(strstr(err.msg, ":2: BillingCurrency: want USD, got 'EUR'") != NULL);
    CHECK(read_export(&v, FOCUS "x,USD,Usage,input,,,,x,,\n", NULL) == KW_EPARSE);
    CHECK(strstr(err.msg, ":2: BilledCost: want a number, got 'x'") != NULL);
    CHECK(read_export(&v, FOCUS "1,USD,Usage,input,,,,x,,\n", NULL) == KW_OK && !v.counted[KW_LINE_IN]);
    CHECK(read_export(&v, "a,b\n1,2\n", NULL) == KW_EPARSE && strstr(err.msg, "no column 'BilledCost'"));
}

int main(void)
{
    RUN(names_of_logs_find_their_offer);
    RUN(a_log_is_priced_by_hand);
    RUN(long_prompts_of_a_log_are_lines_of_their_own);
    RUN(names_of_one_offer_fill_its_brackets_together);
    RUN(an_export_is_added_up_by_what_it_meters);
    return check_report();
}
