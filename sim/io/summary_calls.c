/* What makes a schedule happen: an action of the platform's own schedules each, or lines for a cron that call its API. */
#include <stdio.h>
#include <string.h>
#include "sim/core/document.h"
#include "sim/fleet/schedule_rules.h"
#include "sim/io/summary.h"

void kw_summary_calls(const struct kw_choice *c, struct kw_text *out)
{
    const struct kw_scheduled *s = &c->platform->scheduled;
    struct kw_schedule_rule call[KW_SCHEDULE_RULES];
    struct kw_deployment d;
    char line[800], cron[64], text[700];
    uint32_t n = 0;
    kw_ns lead;
    if (!c->schedule.n || !c->steptime) return; /* a result opened again keeps no laws of starts */
    kw_choice_deployment(c, &d);
    if (kw_schedule_lead(&d, &lead, NULL) != KW_OK || kw_schedule_calls(&c->schedule, lead, call, &n, NULL) != KW_OK)
        return;
    const char *zone = c->schedule.zone->name, *title = c->platform->title;
    const bool known = s->call[0] && !c->autoscaler, timed = known && strstr(s->call, "{aws_cron}");
    static const char *const own[] = { "whether it has schedules of its own was not found",
                                       "it has no schedules of its own", "it has schedules of its own, too" };
    if (!known)
        snprintf(line, sizeof line, "%s: how a program changes what it keeps warm was not found; by the clocks of %s:",
                 c->autoscaler ? c->autoscaler->title : title, zone);
    else if (timed)
        snprintf(line, sizeof line, "%s has schedules of its own (%s, %s):", title, kw_grade_name[s->provenance.grade],
                 s->provenance.date);
    else
        snprintf(line, sizeof line, "%s: %s; its API (%s, %s) by a crontab of yours with CRON_TZ=%s:", title,
                 own[s->own], kw_grade_name[s->provenance.grade], s->provenance.date, zone);
    kw_document_fact("calls", line, out);
    for (uint32_t i = 0; i < n; i++) {
        kw_scheduled_cron(call[i].days, call[i].from, cron, sizeof cron);
        if (!known)
            snprintf(text, sizeof text, "%u replica%s", call[i].warm, call[i].warm == 1 ? "" : "s");
        else
            kw_scheduled_call(s, call[i].warm, call[i].days, call[i].from, zone, i + 1, text, sizeof text);
        snprintf(line, sizeof line, "%s%s%s", timed ? "" : cron, timed ? "" : "  ", text);
        kw_document_fact("", line, out);
    }
}
