/* What cost exports charge, by hand: whose it is, by whom it was used, and what nobody can tell. */
#include "sim/watch/charges.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sim/watch/retention.h"
#include "sim/watch/view.h"
#include "tests/check.h"
#include "tests/sim/watch/log_case.h"

static const struct kw_watch_place modal = { .service = "modal" }, other = { .service = "sagemaker" };
static struct kw_watch_export x;

static enum kw_status read_exports(struct kw_watch_ledger *l, const char *const *text, size_t n)
{
    char path[2][40];
    const char *paths[2];
    for (size_t i = 0; i < n; i++) {
        snprintf(path[i], sizeof path[i], "/tmp/kw-charges-XXXXXX");
        int fd = mkstemp(path[i]);
        CHECK(fd >= 0 && write(fd, text[i], strlen(text[i])) == (ssize_t)strlen(text[i]));
        close(fd);
        paths[i] = path[i];
    }
    enum kw_status st = kw_watch_charges_read(l, paths, n, &x, &err);
    for (size_t i = 0; i < n; i++) unlink(path[i]);
    return st;
}

static enum kw_status read_export(struct kw_watch_ledger *l, const char *text)
{
    return read_exports(l, &text, 1);
}

#define LOG "ts,model,input_tokens,output_tokens,team\n"
#define FOCUS "BilledCost,EffectiveCost,BillingCurrency,ServiceName,ResourceId,Tags,ChargePeriodStart,ChargePeriodEnd\n"
#define DAY(cost, service, tags, from, to)                                                                             \
    "0," cost ",USD," service ",r," tags ",2026-06-" from "T00:00:00Z,2026-06-" to "T00:00:00Z\n"

static const char log_text[] = LOG "2026-06-01T00:10:00Z,m,900,100,a\n2026-06-01T23:50:00Z,m,900,100,a\n"
                                   "2026-06-02T05:00:00Z,m,2000,1000,b\n2026-06-04T00:30:00Z,m,500,500,a\n"
                                   "2026-06-04T01:30:00Z,m,2500,500,b\n";

/* Days of $24, $48, $12 and $24, of which the log reaches over two hours of the last. The third has no request: all share it. */
static void a_days_charge_is_shared_by_its_tokens(void)
{
    struct kw_watch_ledger l = { 0 };
    struct kw_watch_charges_sum sum;
    struct kw_watch_count *hour;
    kw_nusd whole = 0;
    CHECK(add(&l, log_text, NULL, &modal) && l.n_sources == 1 && l.source[0].charged);
    CHECK_STR(l.source[0].name, "costs:modal");
    CHECK(read_export(&l, FOCUS DAY("24", "Modal", "", "01", "02") DAY("40", "Modal", "", "02", "03")
                              DAY("8", "Modal", "", "02", "03") DAY("12", "Modal", "", "03", "04")
                                  DAY("24", "Modal", "", "04", "05") DAY("9", "Amazon S3", "", "01", "02")
                                      DAY("1", "", "", "01", "30")) == KW_OK);
    CHECK(x.rows == 7 && x.taken == 5 && x.cost == 108 * KW_NANO && x.unclaimed == 10 * KW_NANO && !x.billed);
    CHECK(x.n_services == 2 && l.n_charges == 4);
    CHECK_STR(x.service[0].name, "Amazon S3");
    CHECK_STR(x.service[1].name, "(no service named)");
    CHECK(of(&l, KW_WATCH_BY_ALL, "").cost == 86 * KW_NANO && of(&l, KW_WATCH_BY_ALL, "").waiting == 0);
    CHECK(of(&l, KW_WATCH_TEAM, "a").cost == 28500000000 && of(&l, KW_WATCH_TEAM, "b").cost == 57500000000);
    CHECK(fabs(kw_watch_usd_per_mtok(&(struct kw_watch_count){ .cost = 86, .tokens = { 9000 } }) - 86e-9 * 1e6 / 9000) <
          1e-12);
    kw_watch_charges_told(&l, 0, kw_watch_window(&l, 0), &sum);
    CHECK(sum.counted == 86 * KW_NANO && sum.outside == 22 * KW_NANO);
    struct kw_watch_window w = kw_watch_window(&l, 0);
    CHECK(kw_watch_hours(&l, w, &hour, &err) == KW_OK);
    for (int64_t i = 0; i < w.to - w.from; i++) whole += hour[i].cost;
    CHECK(whole == 86 * KW_NANO && hour[0].cost == KW_NANO && hour[24].cost == 2 * KW_NANO);
    free(hour);
    kw_watch_free(&l);
}

/* An hour's charge that no whole hour of the clock is, and one that no number of nano-dollars an hour makes. */
static void parts_of_a_charge_are_its_whole(void)
{
    const struct kw_watch_charge c = { 0, 1800 * KW_NS_PER_S, 9000 * KW_NS_PER_S + 7, 1000000007 },
                                 credit = { 0, 0, 7 * KW_NS_PER_HOUR, -1000 };
    kw_nusd sum = 0, back = 0;
    for (int64_t h = 0; h < 4; h++) sum += kw_watch_charged(&c, h * KW_NS_PER_HOUR, (h + 1) * KW_NS_PER_HOUR);
    for (int64_t h = 0; h < 9; h++) back += kw_watch_charged(&credit, h * KW_NS_PER_HOUR, (h + 1) * KW_NS_PER_HOUR);
    CHECK(sum == c.cost && back == credit.cost && kw_watch_charged(&c, 0, 1800 * KW_NS_PER_S) == 0);
}

/* Exports lag: what was not charged yet is told apart, hours of it are not over, and a later export fills them in. */
static void what_is_not_charged_yet_waits(void)
{
    struct kw_watch_ledger l = { 0 };
    CHECK(add(&l, log_text, NULL, &modal));
    CHECK(kw_watch_over(&l) == kw_watch_window(&l, 0).to - 1);
    CHECK(of(&l, KW_WATCH_BY_ALL, "").waiting == 5 &&
          isnan(kw_watch_usd_per_mtok(&(struct kw_watch_count){ .waiting = 1 })));
    CHECK(read_export(&l, FOCUS DAY("24", "Modal", "", "01", "02") DAY("48", "Modal", "", "02", "03")) == KW_OK);
    struct kw_watch_count c = of(&l, KW_WATCH_BY_ALL, "");
    CHECK(c.waiting == 2 && c.waiting_tokens == 4000 && c.cost == 72 * KW_NANO);
    CHECK(fabs(kw_watch_usd_per_mtok(&c) - 72 / 0.005) < 1e-6 && fabs(kw_watch_usd_per_request(&c) - 24) < 1e-9);
    CHECK(kw_watch_over(&l) == kw_watch_window(&l, 0).from + 48);
    /* The second day again, corrected, and more: what lies within it is replaced, the first day stays. */
    CHECK(read_export(&l, FOCUS DAY("30", "Modal", "", "02", "03") DAY("12", "Modal", "", "03", "04")
                              DAY("24", "Modal", "", "04", "05")) == KW_OK);
    CHECK(of(&l, KW_WATCH_BY_ALL, "").cost == 68 * KW_NANO && of(&l, KW_WATCH_BY_ALL, "").waiting == 0);
    kw_watch_free(&l);
}

static void whose_a_charge_is(void)
{
    struct kw_watch_ledger l = { 0 };
    CHECK(read_export(&l, FOCUS DAY("1", "Modal", "", "01", "02")) == KW_ERANGE && strstr(err.msg, "LOG=costs:NAME"));
    CHECK(add(&l, log_text, NULL, &modal) && add(&l, log_text, NULL, &other) && l.n_sources == 2);
    CHECK(read_export(&l, FOCUS DAY("1", "Modal", "", "01", "02")) == KW_ERANGE);
    CHECK(strstr(err.msg, "no charge of 'sagemaker'") && strstr(err.msg, "it has charges of nobody") && !l.n_charges);
    CHECK(read_export(&l, FOCUS DAY("1", "Modal", "sageMaker", "01", "02")) == KW_ERANGE);
    CHECK(strstr(err.msg, ":2: a charge of both costs:modal and costs:sagemaker"));
    static const char *const two[] = { FOCUS DAY("1", "MODAL", "", "01", "02"),
                                       FOCUS DAY("3", "Amazon EC2", "\"{\"\"x\"\": \"\"SageMaker\"\"}\"", "01", "02") };
    CHECK(read_exports(&l, two, 2) == KW_OK && l.n_charges == 2 && x.cost == 4 * KW_NANO);
    CHECK(of(&l, KW_WATCH_BY_SOURCE, "costs:sagemaker").cost == 3 * KW_NANO);
    /* An export without EffectiveCost: what was billed. */
    CHECK(read_export(&l, "BilledCost,ServiceName,ChargePeriodStart,ChargePeriodEnd\n"
                          "5,modal,2026-06-01,2026-06-02\n-2,modal,2026-06-01,2026-06-02\n") == KW_OK);
    CHECK(x.billed && of(&l, KW_WATCH_BY_SOURCE, "costs:modal").cost == 3 * KW_NANO);
    CHECK(read_export(&l, "BilledCost,ServiceName\n1,modal\n") == KW_EPARSE && strstr(err.msg, "'ChargePeriodStart'"));
    CHECK(read_export(&l, FOCUS DAY("1", "modal", "", "02", "01")) == KW_ERANGE);
    CHECK(strstr(err.msg, ":2: ChargePeriodEnd: want later than ChargePeriodStart"));
    CHECK(read_export(&l, FOCUS "1,1,USD,modal,r,,June,2026-06-02\n") == KW_EPARSE &&
          strstr(err.msg, "ChargePeriodStart"));
    CHECK(read_export(&l, FOCUS "1,1,EUR,modal,r,,2026-06-01,2026-06-02\n") == KW_ERANGE && strstr(err.msg, "'EUR'"));
    CHECK(read_export(&l, FOCUS "8e9,0,USD,modal,r,,2026-06-01,2026-06-02\n") == KW_ERANGE &&
          strstr(err.msg, "billion"));
    kw_watch_free(&l);
}

static void old_charges_are_forgotten(void)
{
    struct kw_watch_ledger l = { 0 };
    size_t cells;
    CHECK(add(&l, LOG "2026-06-01T00:10:00Z,m,900,100,a\n", NULL, &other) && add(&l, log_text, NULL, &modal));
    CHECK(read_export(&l, FOCUS DAY("24", "Modal", "", "01", "02") DAY("2", "sagemaker", "", "01", "02")
                              DAY("24", "Modal", "", "04", "05")) == KW_OK);
    CHECK(l.n_charges == 3 && kw_watch_forget(&l, 24, &cells, &err) == KW_OK);
    CHECK(l.n_sources == 1 && l.n_charges == 1 && l.charge[0].source == 0 && l.charge[0].cost == 24 * KW_NANO);
    kw_watch_free(&l);
}

int main(void)
{
    RUN(a_days_charge_is_shared_by_its_tokens);
    RUN(parts_of_a_charge_are_its_whole);
    RUN(what_is_not_charged_yet_waits);
    RUN(whose_a_charge_is);
    RUN(old_charges_are_forgotten);
    return check_report();
}
