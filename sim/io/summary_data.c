#include "sim/io/summary.h"
#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* cJSON's own calls fail by NULL on an exhausted heap; one flag at the end is enough. */
static void add_number(cJSON *o, const char *key, double v)
{
    if (isnan(v))
        cJSON_AddNullToObject(o, key);
    else
        cJSON_AddNumberToObject(o, key, v);
}

static cJSON *point_object(const struct kw_candidate *c, const struct kw_point *p)
{
    char buf[512], exact[32];
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "label", kw_candidate_label(c, buf, sizeof buf));
    cJSON *deployments = cJSON_AddArrayToObject(o, "deployments");
    for (uint32_t k = 0; k < c->n; k++) {
        const struct kw_choice *d = &c->choice[k];
        cJSON *x = cJSON_CreateObject();
        cJSON_AddStringToObject(x, "name", d->name);
        cJSON_AddStringToObject(x, "platform", d->platform->name);
        cJSON_AddStringToObject(x, "kind", kw_kind_name[d->platform->kind]);
        if (d->gpu) {
            cJSON_AddStringToObject(x, "gpu", d->gpu->gpu);
            cJSON_AddStringToObject(x, "precision", d->profile->precision);
            cJSON_AddNumberToObject(x, "tp", d->tp);
            cJSON_AddNumberToObject(x, "keep_warm", d->scaling.keep_warm);
            cJSON_AddNumberToObject(x, "max_replicas", d->scaling.max_replicas);
            cJSON_AddStringToObject(x, "idle_timeout_s", kw_nano_format(exact, sizeof exact, d->scaling.idle_timeout));
            cJSON_AddStringToObject(x, "term", kw_term_name[d->term]);
        }
        cJSON_AddStringToObject(x, "settings", kw_choice_settings(d, buf, sizeof buf));
        cJSON_AddItemToArray(deployments, x);
    }
    for (int m = 0; m < KW_METRICS; m++) {
        const struct kw_metric_info *info = &kw_metric_info[m];
        add_number(o, info->name, p->m[m].mean);
        snprintf(buf, sizeof buf, "%s_lo", info->name);
        add_number(o, buf, p->m[m].lo);
        snprintf(buf, sizeof buf, "%s_hi", info->name);
        add_number(o, buf, p->m[m].hi);
    }
    cJSON *bill = cJSON_AddObjectToObject(o, "bill_usd_month");
    for (int i = 0; i < KW_ITEMS; i++)
        if (p->bill.item[i]) cJSON_AddStringToObject(bill, kw_item_name[i], kw_nano_format(exact, sizeof exact, p->bill.item[i]));
    cJSON_AddStringToObject(bill, "total", kw_nano_format(exact, sizeof exact, p->bill.total));
    cJSON_AddBoolToObject(o, "feasible", p->feasible);
    cJSON_AddStringToObject(o, "miss", p->miss);
    cJSON_AddNumberToObject(o, "rank", p->rank);
    add_number(o, "p_best", p->p_best);
    cJSON_AddBoolToObject(o, "pruned", p->pruned);
    cJSON_AddNumberToObject(o, "replications", p->replications);
    cJSON_AddStringToObject(o, "grade", kw_grade_name[p->grade]);
    return o;
}

void kw_summary_json(const char *command, const struct kw_candidate *c, const struct kw_point *p, size_t n,
                     const struct kw_plan *plan, struct kw_text *out)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "command", command);
    if (plan) {
        cJSON_AddStringToObject(root, "recommendation", plan->recommendation);
        cJSON_AddStringToObject(root, "why", plan->why);
        cJSON_AddStringToObject(root, "scaling", plan->scaling);
        cJSON_AddNumberToObject(root, "best", (double)plan->best);
        cJSON_AddNumberToObject(root, "runner_up", (double)plan->runner_up);
        cJSON_AddNumberToObject(root, "nearest_miss", (double)plan->nearest_miss);
        cJSON *dropped = cJSON_AddArrayToObject(root, "left_out");
        for (size_t i = 0; i < plan->n_dropped; i++) {
            cJSON *x = cJSON_CreateObject();
            cJSON_AddStringToObject(x, "what", plan->dropped[i].what);
            cJSON_AddStringToObject(x, "why", plan->dropped[i].why);
            cJSON_AddItemToArray(dropped, x);
        }
    }
    cJSON *points = cJSON_AddArrayToObject(root, "points");
    for (size_t i = 0; i < n; i++) cJSON_AddItemToArray(points, point_object(&c[i], &p[i]));
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    if (text)
        kw_text_add(out, "%s\n", text);
    else
        out->failed = true;
    free(text);
}

/* RFC 4180: a field with a comma, quote or newline is quoted, quotes doubled. */
static void csv_field(const char *s, struct kw_text *out)
{
    if (!strpbrk(s, ",\"\n")) {
        kw_text_add(out, "%s", s);
        return;
    }
    kw_text_add(out, "\"");
    for (; *s; s++) kw_text_add(out, *s == '"' ? "\"\"" : "%c", *s);
    kw_text_add(out, "\"");
}

void kw_summary_csv(const struct kw_candidate *c, const struct kw_point *p, size_t n, struct kw_text *out)
{
    kw_text_add(out, "rank,label,settings,feasible,miss,p_best,pruned,replications,grade");
    for (int m = 0; m < KW_METRICS; m++)
        kw_text_add(out, ",%s,%s_lo,%s_hi", kw_metric_info[m].name, kw_metric_info[m].name, kw_metric_info[m].name);
    kw_text_add(out, "\n");
    for (size_t i = 0; i < n; i++) {
        char buf[320];
        kw_text_add(out, "%u,", p[i].rank);
        csv_field(kw_candidate_label(&c[i], buf, sizeof buf), out);
        kw_text_add(out, ",");
        csv_field(kw_choice_settings(&c[i].choice[0], buf, sizeof buf), out);
        kw_text_add(out, ",%d,", p[i].feasible);
        csv_field(p[i].miss, out);
        kw_text_add(out, ",%.9g,%d,%u,%s", p[i].p_best, p[i].pruned, p[i].replications, kw_grade_name[p[i].grade]);
        for (int m = 0; m < KW_METRICS; m++) {
            const double v[] = { p[i].m[m].mean, p[i].m[m].lo, p[i].m[m].hi };
            for (int k = 0; k < 3; k++) {
                kw_text_add(out, ",");
                if (!isnan(v[k])) kw_text_add(out, "%.17g", v[k]);
            }
        }
        kw_text_add(out, "\n");
    }
}
