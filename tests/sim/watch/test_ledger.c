/* Requests of logs, counted and priced hour by hour, by hand. */
#include "sim/watch/ledger.c"
#include <math.h>
#include "sim/watch/view.h"
#include "tests/check.h"
#include "tests/sim/watch/log_case.h"

static struct kw_api_offer offers[2];
static struct kw_gpu_offer gpu = { .gpu = "H100", .gpus_min = 1, .gpus_max = 8 };
static struct kw_platform api = { .name = "api", .kind = KW_KIND_API, .apis = offers, .n_apis = 2 },
                          machines = { .name = "lambda", .kind = KW_KIND_DEDICATED, .gpus = &gpu, .n_gpus = 1 },
                          serverless = { .name = "runpod", .kind = KW_KIND_SERVERLESS, .gpus = &gpu, .n_gpus = 1 };
static const struct kw_platform *const of_api[] = { &api }, *const of_machines[] = { &machines },
                                       *const of_serverless[] = { &serverless };
static const struct kw_watch_place sold = { .platform = of_api, .n = 1 },
                                   rented = { .platform = of_machines, .n = 1, .gpu = &gpu, .gpus = 2 },
                                   started = { .platform = of_serverless, .n = 1, .gpu = &gpu, .gpus = 1 };

static void make_platforms(void)
{
    memset(offers, 0, sizeof offers);
    for (int i = 0; i < 2; i++) {
        snprintf(offers[i].model, sizeof offers[i].model, i ? "big" : "small");
        offers[i].batch_ppm = 1000000;
        offers[i].price.in_mtok = (struct kw_price){ .known = true, .v = (i ? 10 : 1) * KW_NANO };
        offers[i].price.out_mtok = (struct kw_price){ .known = true, .v = (i ? 30 : 2) * KW_NANO };
        offers[i].price.cached_in_mtok = (struct kw_price){ .known = true, .v = (i ? 10 : 1) * KW_NANO / 10 };
    }
    gpu.gpu_hour = (struct kw_price){ .known = true, .v = 3600000000 }; /* $0.001 a second */
    machines.meter.multiplier_ppm = serverless.meter.multiplier_ppm = 1000000;
    serverless.meter.bills[KW_PHASE_LOAD] = true;
}

#define HEAD "ts,model,input_tokens,cached_tokens,output_tokens,team,cost\n"
static const char log_text[] = HEAD "2026-06-01T08:10:00Z,small,100,40,10,red,9\n"
                                    "2026-06-01T08:20:00Z,big,1000,0,20,blue,9\n"
                                    "2026-06-01T08:30:00Z,small,200,0,30,red,9\n"
                                    "2026-06-01T10:00:00Z,other,500,0,50,blue,0.25\n"
                                    "2026-06-01T10:00:01Z,other,500,0,50,blue,\n";

static void tokens_are_priced_where_their_model_is_sold(void)
{
    struct kw_watch_ledger l = { 0 };
    make_platforms();
    CHECK(add(&l, log_text, NULL, &sold));
    struct kw_watch_count c = of(&l, KW_WATCH_MODEL, "small");
    /* 260 x $1, 40 x $0.10 and 40 x $2 a million */
    CHECK(c.requests == 2 && c.cost == 260000 + 4000 + 80000 && c.said == 18 * KW_NANO && c.says_cost == 2);
    c = of(&l, KW_WATCH_MODEL, "big");
    CHECK(c.requests == 1 && c.cost == 10000000 + 600000);
    c = of(&l, KW_WATCH_MODEL, "other"); /* sold nowhere: what the log says, and one request that says nothing */
    CHECK(c.requests == 2 && c.cost == KW_NANO / 4 && c.unpriced == 1 && isnan(kw_watch_usd_per_mtok(&c)));
    CHECK(kw_watch_usd_per_request(&c) == 0.25);
    c = of(&l, KW_WATCH_TEAM, "red");
    CHECK(c.requests == 2 && c.cost == 344000);
    c = of(&l, KW_WATCH_BY_SOURCE, "api");
    CHECK(c.requests == 3 && kw_watch_tokens(&c) == 1360);
    CHECK(fabs(kw_watch_usd_per_mtok(&c) - 10.944 / 1.360) < 1e-9);
    CHECK(l.n_cells == 3 && l.n_series == 3 && l.n_sources == 2); /* small of red at 8, big and other of blue */
    kw_watch_free(&l);
}

static void logs_add_up(void)
{
    struct kw_watch_ledger one = { 0 }, two = { 0 };
    char first[400] = HEAD, second[400] = HEAD;
    const char *at = strchr(log_text, '\n') + 1;
    for (int i = 0; *at; i++) {
        size_t n = strcspn(at, "\n") + 1;
        strncat(i % 2 ? first : second, at, n);
        at += n;
    }
    make_platforms();
    CHECK(add(&one, log_text, NULL, &sold) && add(&two, first, NULL, &sold) && add(&two, second, NULL, &sold));
    CHECK(one.n_cells == two.n_cells && one.n_series == two.n_series);
    for (int by = 0; by <= KW_WATCH_BY_ALL; by++) {
        struct kw_watch_row *a, *b;
        size_t n, m;
        CHECK(kw_watch_rows(&one, kw_watch_window(&one, 0), by, &a, &n, &err) == KW_OK);
        CHECK(kw_watch_rows(&two, kw_watch_window(&two, 0), by, &b, &m, &err) == KW_OK && n == m);
        for (size_t i = 0; i < n && n == m; i++)
            CHECK(!strcmp(a[i].name, b[i].name) && a[i].count.requests == b[i].count.requests &&
                  a[i].count.cost == b[i].count.cost && a[i].count.unpriced == b[i].count.unpriced &&
                  kw_watch_tokens(&a[i].count) == kw_watch_tokens(&b[i].count));
        free(a), free(b);
    }
    kw_watch_free(&one);
    kw_watch_free(&two);
}

static void rent_runs_from_the_first_request_to_the_last(void)
{
    struct kw_watch_ledger l = { 0 };
    struct kw_watch_count *hour;
    make_platforms();
    /* 08:10 to 11:10 on two GPUs at $3.60: $21.60, nothing at 9 and 10 */
    CHECK(add(&l,
              "ts,input_tokens,output_tokens,team\n2026-06-01T08:10:00Z,10,10,red\n2026-06-01T11:10:00Z,20,20,blue\n",
              NULL, &rented));
    CHECK(of(&l, KW_WATCH_BY_ALL, "").cost == INT64_C(21600000000));
    CHECK(of(&l, KW_WATCH_TEAM, "red").cost == INT64_C(7200000000));
    CHECK(of(&l, KW_WATCH_TEAM, "blue").cost == INT64_C(14400000000));
    CHECK(of(&l, KW_WATCH_BY_SOURCE, "lambda:H100x2").requests == 2);
    struct kw_watch_window w = kw_watch_window(&l, 0);
    CHECK(w.to - w.from == 4 && kw_watch_hours(&l, w, &hour, &err) == KW_OK);
    CHECK(hour[0].cost == 6 * KW_NANO && hour[1].cost == INT64_C(7200000000) && hour[3].cost == INT64_C(1200000000));
    free(hour);
    w = kw_watch_window(&l, 2); /* the last two hours alone */
    CHECK(w.to - w.from == 2 && kw_watch_over(&l) == w.to - 1);
    kw_watch_free(&l);
}

static void starts_are_counted_and_cost_what_their_gpu_does(void)
{
    struct kw_watch_ledger l = { 0 };
    make_platforms();
    CHECK(add(&l,
              "ts,input_tokens,output_tokens,ran_ms,wait_ms,cold\n2026-06-01T08:00:00Z,10,10,2000,30000,true\n"
              "2026-06-01T08:01:00Z,10,10,1000,0,false\n2026-06-01T08:02:00Z,10,10,1000,,true\n"
              "2026-06-01T08:03:00Z,10,10,1000,,\n",
              "gpu=ran_ms,start=wait_ms,cold=cold", &started));
    struct kw_watch_count c = of(&l, KW_WATCH_BY_SOURCE, "runpod:H100");
    CHECK(c.requests == 4 && c.says_start == 3 && c.cold == 2 && c.cold_timed == 1 && c.cold_ns == 30 * KW_NS_PER_S);
    CHECK(c.cost == 35 * KW_NANO / 1000 && c.cold_cost == 30 * KW_NANO / 1000 && c.gpu_ns == 5 * KW_NS_PER_S);
    size_t cells = l.n_cells, series = l.n_series;
    CHECK(!add(&l,
               "ts,input_tokens,output_tokens,ran_ms,team\n2026-06-01T09:00:00Z,10,10,5,x\n"
               "2026-06-01T09:01:00Z,10,10,,x\n",
               "gpu=ran_ms", &started));
    CHECK(strstr(err.msg, "GPU time") && l.n_cells == cells && l.n_series == series); /* as it was */
    kw_watch_free(&l);
}

static void busy_time_counts_once_where_answers_overlap(void)
{
    struct kw_watch_ledger l = { 0 };
    make_platforms();
    CHECK(add(&l,
              "ts,input_tokens,output_tokens,e2e_ms\n2026-06-01T08:00:00Z,10,10,60000\n"
              "2026-06-01T08:00:30Z,10,10,60000\n2026-06-01T08:10:00Z,10,10,10000\n",
              NULL, &rented));
    CHECK(of(&l, KW_WATCH_BY_ALL, "").busy_ns == 100 * KW_NS_PER_S);
    kw_watch_free(&l);
}

static void what_an_hour_cannot_price_is_refused(void)
{
    struct kw_watch_ledger l = { 0 };
    static const struct kw_brackets brackets = { .n = 2 };
    make_platforms();
    offers[0].price.in_mtok.brackets = &brackets;
    CHECK(!add(&l, log_text, NULL, &sold) && strstr(err.msg, "month's volume") && !l.n_cells && !l.n_sources);
    make_platforms();
    offers[0].price.out_mtok.known = false;
    CHECK(!add(&l, log_text, NULL, &sold) && strstr(err.msg, "not known"));
    make_platforms();
    gpu.gpu_hour.known = false;
    CHECK(!add(&l, log_text, NULL, &rented) && strstr(err.msg, "not known"));
    kw_watch_free(&l);
}

/* An id at a moment is counted once, in whichever log it stands; the same id at another moment is another request, and a row
 * without one is always new. */
static void a_request_told_again_counts_once(void)
{
    struct kw_watch_ledger l = { 0 };
    static const char a[] = "id,ts,model,input_tokens,output_tokens\n"
                            "r1,2026-06-01T08:10:00Z,small,100,10\n,2026-06-01T08:10:00Z,small,7,1\n"
                            "r2,2026-06-01T09:10:00Z,small,200,20\n";
    static const char b[] = "id,ts,model,input_tokens,output_tokens\n"
                            "r2,2026-06-01T09:10:00Z,small,200,20\n,2026-06-01T08:10:00Z,small,7,1\n"
                            "r3,2026-06-01T09:20:00Z,small,800,80\n";
    static const char c[] = "id,ts,model,input_tokens,output_tokens\n"
                            "r4,2026-06-01T08:59:59.75Z,small,1,1\nr5,2026-06-01T09:00:00.5Z,small,1,1\n"
                            "r2,2026-06-01T09:10:00.000000001Z,small,400,40\n";
    static const char d[] = "id,ts,model,input_tokens,output_tokens\n"
                            "r5,2026-06-01T09:00:00.5Z,small,1,1\n"; /* the log's first, at another part of a second */
    make_platforms();
    CHECK(add(&l, a, NULL, &sold) && l.n_ids == 2 && l.again == 0);
    CHECK(add(&l, b, NULL, &sold) && l.again == 1 && l.n_ids == 3);
    CHECK(of(&l, KW_WATCH_BY_ALL, "").tokens[KW_LINE_IN] == 100 + 7 + 200 + 7 + 800);
    CHECK(add(&l, c, NULL, &sold) && l.again == 1 && l.n_ids == 6);
    CHECK(add(&l, a, NULL, &sold) && l.again == 3 && of(&l, KW_WATCH_BY_ALL, "").requests == 9);
    CHECK(add(&l, d, NULL, &sold) && l.again == 4 && l.n_ids == 6);
    kw_watch_free(&l);
}

/* Ids are kept for as long as KW_WATCH_ID_HOURS, and no more than KW_WATCH_IDS of them. */
static void old_ids_are_forgotten(void)
{
    struct kw_watch_ledger l = { 0 };
    static const char day[] = "id,ts,model,input_tokens,output_tokens\nr1,2026-06-%02dT08:10:00Z,small,100,10\n";
    char text[120];
    make_platforms();
    for (int d = 1; d <= 12; d++) {
        snprintf(text, sizeof text, day, d);
        CHECK(add(&l, text, NULL, &sold) && l.n_ids == (size_t)(d < 9 ? d : 9));
    }
    CHECK(l.ids_from == l.id[0].hour && l.id[l.n_ids - 1].hour - l.ids_from == KW_WATCH_ID_HOURS);
    struct kw_watch_id *many = realloc(l.id, KW_WATCH_IDS * sizeof *many);
    CHECK(many);
    for (size_t i = 0; i < KW_WATCH_IDS; i++) many[i] = (struct kw_watch_id){ l.ids_from + (i >= 5), i + 1 };
    l.id = many, l.n_ids = KW_WATCH_IDS;
    snprintf(text, sizeof text, day, 12);
    text[strlen("id,ts,model,input_tokens,output_tokens\nr")] = '7';
    int64_t from = l.ids_from;
    CHECK(add(&l, text, NULL, &sold) && l.n_ids == KW_WATCH_IDS - 4 && l.ids_from == from + 1);
    kw_watch_free(&l);
}

static void many_owners_are_told_apart(void)
{
    enum { N = 3000 };
    struct kw_watch_ledger l = { 0 };
    char *text = malloc(N * 80), *to = text;
    make_platforms();
    to += sprintf(to, HEAD);
    for (int i = 0; i < N; i++)
        to += sprintf(to, "2026-06-01T08:%02d:%02dZ,small,%d,0,1,t%d,\n", i / 60, i % 60, 1 + i, i % 700);
    CHECK(add(&l, text, NULL, &sold) && l.n_series == 700 && l.n_cells == 700);
    CHECK(of(&l, KW_WATCH_TEAM, "t699").requests == 4 && of(&l, KW_WATCH_BY_ALL, "").requests == N);
    free(text);
    kw_watch_free(&l);
}

int main(void)
{
    RUN(tokens_are_priced_where_their_model_is_sold);
    RUN(logs_add_up);
    RUN(rent_runs_from_the_first_request_to_the_last);
    RUN(starts_are_counted_and_cost_what_their_gpu_does);
    RUN(busy_time_counts_once_where_answers_overlap);
    RUN(what_an_hour_cannot_price_is_refused);
    RUN(a_request_told_again_counts_once);
    RUN(old_ids_are_forgotten);
    RUN(many_owners_are_told_apart);
    return check_report();
}
