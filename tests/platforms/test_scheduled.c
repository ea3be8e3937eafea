/* Calls that keep another number warm: what stands in the place of their slots, and what a file may say. */
#include "platforms/facts/platform.h"
#include "platforms/facts/platform_read.h"
#include "platforms/facts/platforms.h"
#include "tests/check.h"

static void crons(void)
{
    char buf[64];
    CHECK_STR(kw_scheduled_cron(0x7f, 8 * 60 + 5, buf, sizeof buf), "5 8 * * *");
    CHECK_STR(kw_scheduled_cron(0x1f, 23 * 60 + 59, buf, sizeof buf), "59 23 * * 1-5");
    CHECK_STR(kw_scheduled_cron(0x60, 0, buf, sizeof buf), "0 0 * * 6,7");
    CHECK_STR(kw_scheduled_cron(1 | 4 | 0x70, 60, buf, sizeof buf), "0 1 * * 1,3,5-7");
}

static void slots(void)
{
    struct kw_scheduled s = { .call = "set {n} x {n} at {cron} or {aws_cron} of {timezone} as {i}, {other} {" };
    char buf[200];
    CHECK_STR(kw_scheduled_call(&s, 3, 0x1f, 485, "Europe/Berlin", 2, buf, sizeof buf),
              "set 3 x 3 at 5 8 * * 1-5 or cron(5 8 ? * MON-FRI *) of Europe/Berlin as 2, {other} {");
    CHECK_STR(kw_scheduled_call(&s, 3, 0x41, 485, "UTC", 2, buf, 48),
              "set 3 x 3 at 5 8 * * 1,7 or cron(5 8 ? * MON,SU"); /* cut, and ended */
    s.call[0] = 0;
    CHECK_STR(kw_scheduled_call(&s, 3, 1, 0, "UTC", 1, buf, sizeof buf), "");
}

static const char *const file =
    "{\"keepwarm_platform\": 1, \"name\": \"p\", \"title\": \"P\", \"kind\": \"%s\", \"sources\": "
    "{\"S\": {\"source\": \"x\", \"date\": \"2026-01-01\", \"grade\": \"published\"}}, "
    "\"scheduled\": %s}";

static void read_as(const char *kind, const char *scheduled, const char *want)
{
    char text[600];
    struct kw_platform p;
    struct kw_error err = { "" };
    int n = snprintf(text, sizeof text, file, kind, scheduled);
    enum kw_status st = kw_platform_parse(&p, "f", text, (size_t)n, &err);
    CHECK(want ? st != KW_OK && strstr(err.msg, want) : st == KW_OK);
    if (st == KW_OK) kw_platform_free(&p);
}

static void what_a_file_says(void)
{
    read_as("serverless", "{\"src\": \"S\", \"call\": \"set {n}\"}", NULL);
    read_as("serverless", "{\"src\": \"S\", \"own\": \"yes\", \"call\": {\"value\": \"set {n}\", \"note\": \"x\"}}",
            NULL);
    read_as("serverless", "{\"src\": \"S\", \"call\": \"set it\"}", "want a call with {n} in it");
    read_as("serverless", "{\"src\": \"S\", \"own\": \"perhaps\", \"call\": \"set {n}\"}", "scheduled.own");
    read_as("serverless", "{\"src\": \"S\"}", "want a \"call\"");
    read_as("serverless", "{\"call\": \"set {n}\"}", "source");
    read_as("dedicated", "{\"src\": \"S\", \"call\": \"set {n}\"}", "a platform of kind 'dedicated' has none");
}

/* Of the platforms built in: known of eleven, not of the two that keep none warm by a setting or say nothing of it. */
static void built_in(void)
{
    struct kw_platforms all;
    size_t known = 0, own = 0;
    CHECK(kw_platforms_embedded(&all, NULL) == KW_OK);
    for (size_t i = 0; i < all.n; i++) {
        const struct kw_platform *p = &all.p[i];
        if (p->kind != KW_KIND_SERVERLESS) CHECK(!p->scheduled.call[0]);
        known += p->scheduled.call[0] != 0;
        own += p->scheduled.own == KW_SCHEDULED_YES;
        if (p->scheduled.call[0]) CHECK(p->scheduled.provenance.source[0] && p->scheduled.provenance.date[0] == '2');
    }
    CHECK(known == 11 && own == 2);
    kw_platforms_free(&all);
}

int main(void)
{
    RUN(crons);
    RUN(slots);
    RUN(what_a_file_says);
    RUN(built_in);
    return check_report();
}
