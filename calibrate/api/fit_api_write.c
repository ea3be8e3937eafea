#include "calibrate/api/fit_api_write.h"
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "key": { law, grade, date and source }, the quantiles folded: no string of theirs holds a blank. */
static void law(struct kw_text *out, const char *key, const struct kw_law *l, int indent)
{
    struct kw_text form = { 0 };
    kw_law_write(&form, l);
    kw_text_add(&form, ",");
    kw_text_add(out, "%*s\"%s\": {\n%*s", indent, "", key, indent + 2, "");
    kw_text_fold(out, form.failed ? "" : form.s, indent + 4, KW_TEXT_COLUMNS - 2);
    out->failed |= form.failed;
    kw_text_free(&form);
    kw_text_add(out, "%*s\"grade\": \"%s\", \"date\": \"%s\",\n%*s\"source\": ", indent + 2, "",
                kw_grade_name[l->provenance.grade], l->provenance.date, indent + 2, "");
    kw_text_quote(out, l->provenance.source);
    kw_text_add(out, "\n%*s}", indent, "");
}

void kw_api_fit_deployment(struct kw_text *out, const struct kw_api_fit *f, int indent)
{
    law(out, "ttft", &f->ttft, indent);
    kw_text_add(out, ",\n%*s\"ttft_known_to\": %u,\n", indent, "", f->prompt_max);
    if (f->per_ktok.kind != KW_LAW_NONE) {
        law(out, "ttft_per_ktok", &f->per_ktok, indent);
        kw_text_add(out, ",\n");
    }
    law(out, "output_rate", &f->rate, indent);
    kw_text_add(out, ",\n%*s\"output_rate_known_to\": %u\n", indent, "", f->tokens_max);
}

static void number(struct kw_text *out, double v)
{
    if (isfinite(v))
        kw_text_add(out, "%.10g", v);
    else
        kw_text_add(out, "null");
}

static void figure(struct kw_text *out, const char *key, const struct kw_api_figure *f, const double *by_law)
{
    kw_text_add(out, ",\n  \"%s\": {\"value\": ", key);
    number(out, f->value);
    kw_text_add(out, ", \"low\": ");
    number(out, f->lo);
    kw_text_add(out, ", \"high\": ");
    number(out, f->hi);
    if (by_law) {
        kw_text_add(out, ", \"law\": ");
        number(out, *by_law);
    }
    kw_text_add(out, "}");
}

void kw_api_fit_json(struct kw_text *out, const struct kw_api_fit *f, const char *platform, const char *model)
{
    const struct {
        const char *key;
        uint64_t n;
    } counts[] = { { "requests", f->n },
                   { "ttft_requests", f->ttft_n },
                   { "rate_requests", f->rate_n },
                   { "no_first_token", f->no_first },
                   { "at_once", f->at_once },
                   { "cached", f->cached },
                   { "no_end", f->no_end },
                   { "one_token", f->one_token },
                   { "prompt_min", f->prompt_min },
                   { "prompt_max", f->prompt_max } };
    kw_text_add(out, "{\n  \"platform\": ");
    kw_text_quote(out, platform);
    kw_text_add(out, ",\n  \"model\": ");
    kw_text_quote(out, model);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        kw_text_add(out, ",\n  \"%s\": %" PRIu64, counts[i].key, counts[i].n);
    figure(out, "ttft_p50_s", &f->ttft_p50, NULL);
    figure(out, "ttft_p95_s", &f->ttft_p95, NULL);
    figure(out, "ttft_per_ktok_s", &f->slope, NULL);
    figure(out, "output_rate_p50", &f->rate_p50, NULL);
    figure(out, "output_rate_p05", &f->rate_p05, NULL);
    figure(out, "observed_ttft_p50_s", &f->check_ttft_p50.log, &f->check_ttft_p50.law);
    figure(out, "observed_ttft_p95_s", &f->check_ttft_p95.log, &f->check_ttft_p95.law);
    figure(out, "observed_e2e_p50_s", &f->check_e2e_p50.log, &f->check_e2e_p50.law);
    figure(out, "observed_e2e_p95_s", &f->check_e2e_p95.log, &f->check_e2e_p95.law);
    kw_text_add(out, ",\n  \"hour_of_day_matters\": %s,\n  \"deployment\": {\n", f->hour.matters ? "true" : "false");
    kw_api_fit_deployment(out, f, 4);
    kw_text_add(out, "  }\n}\n");
}

/* ---- into a platform file ---- */

static cJSON *law_object(const struct kw_law *l, const char *src)
{
    struct kw_text text = { 0 };
    kw_text_add(&text, "{");
    kw_law_write(&text, l);
    kw_text_add(&text, "}");
    cJSON *o = text.failed ? NULL : cJSON_Parse(text.s);
    kw_text_free(&text);
    if (o && !cJSON_AddStringToObject(o, "src", src)) {
        cJSON_Delete(o);
        return NULL;
    }
    return o;
}

static cJSON *count_object(uint32_t v, const char *src)
{
    cJSON *o = cJSON_CreateObject();
    if (o && (!cJSON_AddNumberToObject(o, "value", v) || !cJSON_AddStringToObject(o, "src", src))) {
        cJSON_Delete(o);
        return NULL;
    }
    return o;
}

static bool is(const cJSON *offer, const char *key, const char *value)
{
    const cJSON *s = cJSON_GetObjectItemCaseSensitive(offer, key);
    return cJSON_IsString(s) && !strcmp(s->valuestring, value);
}

static bool put(cJSON *to, const char *key, cJSON *value)
{
    if (value && cJSON_AddItemToObject(to, key, value)) return true;
    cJSON_Delete(value);
    return false;
}

static bool replace_latency(cJSON *root, cJSON *offer, const struct kw_api_fit *f)
{
    static const char *const gone[] = { "ttft_s",      "ttft_known_to",        "ttft_per_ktok_s",
                                        "output_rate", "output_rate_known_to", "latency_of" };
    cJSON *sources = cJSON_GetObjectItemCaseSensitive(root, "sources"), *own = cJSON_CreateObject();
    char src[40] = "own-log";
    for (int i = 2; cJSON_GetObjectItemCaseSensitive(sources, src); i++) snprintf(src, sizeof src, "own-log-%d", i);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) cJSON_DeleteItemFromObjectCaseSensitive(offer, gone[i]);
    bool ok = own && cJSON_AddStringToObject(own, "source", f->ttft.provenance.source) &&
              cJSON_AddStringToObject(own, "date", f->ttft.provenance.date) &&
              cJSON_AddStringToObject(own, "grade", kw_grade_name[f->ttft.provenance.grade]);
    if (!ok) {
        cJSON_Delete(own);
        return false;
    }
    ok = put(sources, src, own) && put(offer, "ttft_s", law_object(&f->ttft, src)) &&
         put(offer, "ttft_known_to", count_object(f->prompt_max, src)) &&
         put(offer, "output_rate", law_object(&f->rate, src)) &&
         put(offer, "output_rate_known_to", count_object(f->tokens_max, src));
    if (ok && f->per_ktok.kind != KW_LAW_NONE) ok = put(offer, "ttft_per_ktok_s", law_object(&f->per_ktok, src));
    return ok;
}

enum kw_status kw_api_fit_into(char **out, const char *text, const char *model, const char *sku,
                               const struct kw_api_fit *f, struct kw_error *err)
{
    cJSON *root = cJSON_Parse(text), *offer = NULL, *o;
    enum kw_status st = KW_OK;
    *out = NULL;
    cJSON_ArrayForEach(o, cJSON_GetObjectItemCaseSensitive(root, "apis"))
    {
        if (!offer && is(o, "model", model) && is(o, "sku", sku)) offer = o;
    }
    if (!offer)
        st = root ? kw_fail(err, KW_ERANGE, "no offer of %.48s (%.80s) in the platform file", model, sku)
                  : kw_fail(err, KW_ENOMEM, "out of memory");
    else if (!replace_latency(root, offer, f) || !(*out = cJSON_Print(root)))
        st = kw_fail(err, KW_ENOMEM, "out of memory");
    cJSON_Delete(root);
    return st;
}
