#include "platforms/facts/show.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "platforms/facts/platforms.h"
#include "sim/core/date.h"
#include "sim/core/text.h"

#define WIDTH 100 /* terminal columns of what is printed */

/* Hands the text over, or says that memory ran out. */
static enum kw_status done(struct kw_text *t, char **text, struct kw_error *err)
{
    if (t->failed || !t->s) {
        kw_text_free(t);
        return kw_fail(err, KW_ENOMEM, "out of memory");
    }
    *text = t->s;
    return KW_OK;
}

/* s in at least `width` columns; unlike kw_text_pad never cut. */
static void cell(struct kw_text *t, const char *s, int width)
{
    int pad = width - kw_text_width(s);
    kw_text_add(t, "%s%*s", s, pad > 0 ? pad : 0, "");
}

/* ---- small pieces */

/* "S41" of "S41: runpod/docs ..." */
static int id_length(const char *source)
{
    return (int)strcspn(source, ":");
}

static void money(char *buf, size_t size, kw_nusd v) /* two digits at least, four at most */
{
    double usd = kw_nano_to_double(v);
    snprintf(buf, size, v % (KW_NANO / 100) ? "%.4g" : "%.2f", usd);
}

static void duration(char *buf, size_t size, kw_ns d)
{
    char s[32];
    if (d == 0)
        snprintf(buf, size, "0");
    else if (d % KW_NS_PER_HOUR == 0)
        snprintf(buf, size, "%" PRId64 " h", d / KW_NS_PER_HOUR);
    else if (d > 60 * KW_NS_PER_S && d % (60 * KW_NS_PER_S) == 0)
        snprintf(buf, size, "%" PRId64 " min", d / (60 * KW_NS_PER_S));
    else if (d < KW_NS_PER_MS)
        snprintf(buf, size, "exact");
    else
        snprintf(buf, size, "%.12s s", kw_nano_format(s, sizeof s, d));
}

static const struct kw_sale *sale_at(const struct kw_platform *p, size_t i)
{
    return p->kind == KW_KIND_API ? &p->apis[i].sale : &p->gpus[i].sale;
}

/* "5/7": so many of its offers are sold. */
static void sold(char *buf, size_t size, const struct kw_platform *p)
{
    size_t n = p->kind == KW_KIND_API ? p->n_apis : p->n_gpus, open = 0;
    for (size_t i = 0; i < n; i++) open += kw_sale_open(sale_at(p, i));
    snprintf(buf, size, n ? "%zu/%zu" : "-", open, n);
}

/* The names of what is sold, each once, as many as fit; "+3" for the rest, "9 models" where the first does not. */
static void offers(char *buf, size_t size, const struct kw_platform *p)
{
    size_t n = p->kind == KW_KIND_API ? p->n_apis : p->n_gpus, used = 0, left = 0;
    buf[0] = 0;
    for (size_t i = 0; i < n; i++) {
        const char *name = p->kind == KW_KIND_API ? p->apis[i].model : p->gpus[i].gpu;
        bool seen = !kw_sale_open(sale_at(p, i));
        for (size_t k = 0; k < i && !seen; k++)
            seen = !strcmp(name, p->kind == KW_KIND_API ? p->apis[k].model : p->gpus[k].gpu);
        if (seen) continue;
        size_t len = strlen(name);
        if (left || used + len + 5 > size) { /* room for " +99" and the NUL */
            left++;
            continue;
        }
        used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? " " : "", name);
    }
    if (left && used) snprintf(buf + used, size - used, " +%zu", left);
    if (left && !used) snprintf(buf, size, "%zu %s", left, p->kind == KW_KIND_API ? "models" : "GPUs");
    if (!buf[0]) snprintf(buf, size, "-");
}

/* "$0.58/h" for time, "$0.18 $0.18" per million tokens in and out. */
static void cheapest(char *buf, size_t size, const struct kw_platform *p)
{
    const struct kw_gpu_offer *g = NULL;
    const struct kw_api_offer *a = NULL;
    char in[24], out[24];
    for (size_t i = 0; i < p->n_gpus; i++)
        if (kw_sale_open(&p->gpus[i].sale) && p->gpus[i].gpu_hour.known &&
            (!g || p->gpus[i].gpu_hour.v < g->gpu_hour.v))
            g = &p->gpus[i];
    for (size_t i = 0; i < p->n_apis; i++) {
        const struct kw_api_offer *o = &p->apis[i];
        if (kw_sale_open(&o->sale) && o->price.in_mtok.known && o->price.out_mtok.known &&
            (!a || o->price.in_mtok.v + o->price.out_mtok.v < a->price.in_mtok.v + a->price.out_mtok.v))
            a = o;
    }
    snprintf(buf, size, "not found");
    if (g) {
        money(in, sizeof in, g->gpu_hour.v);
        snprintf(buf, size, "$%s/h", in);
    } else if (a) {
        money(in, sizeof in, a->price.in_mtok.v);
        money(out, sizeof out, a->price.out_mtok.v);
        snprintf(buf, size, "$%s $%s", in, out);
    }
}

/* A copy of the file that holds the key is read with -p FILE. */
static void print_why_not(struct kw_text *t, const struct kw_platform *p)
{
    if (p->can_plan) return;
    kw_text_add(t, "cannot be planned: %s\n", p->why_not);
    kw_text_add(t, "what would mend it: %s%s\n", p->mend,
                p->user_mends ? "" : " in a copy of the file, read with -p FILE");
}

/* What the marks of a list mean, with the key that would mend each. */
static void list_why_not(struct kw_text *t, const struct kw_platforms *all)
{
    static const char *const mark[] = {
        "*: not planned for want of this, which a copy of its file (-p FILE) may have; show NAME says more\n",
        "~: planned in full once you give this; an API is ranked by cost without\n"
    };
    for (int user = 1; user >= 0; user--)
        for (size_t i = 0, n = 0; i < all->n; i++) {
            const struct kw_platform *p = &all->p[i];
            char name[40];
            if (p->can_plan || p->user_mends != !!user) continue;
            if (!n++) kw_text_add(t, "%s", mark[user]);
            snprintf(name, sizeof name, "  %s", p->name);
            cell(t, name, 18);
            kw_text_add(t, " %s\n", p->mend);
        }
}

enum kw_status kw_show_list(const struct kw_platforms *all, const char *today, char **text, struct kw_error *err)
{
    static const struct {
        const char *title;
        int width;
    } column[] = { { "name", 19 }, { "kind", 10 }, { "GPUs or models", 16 }, { "sold", 5 },   { "from", 12 },
                   { "meter", 5 }, { "idle", 6 },  { "grade", 9 },           { "oldest", 10 } };
    const size_t columns = sizeof column / sizeof *column;
    struct kw_text g = { 0 };
    for (size_t i = 0; i < columns; i++) {
        if (i) kw_text_add(&g, " ");
        cell(&g, column[i].title, i + 1 < columns ? column[i].width : 0);
    }
    kw_text_add(&g, "\n");
    for (size_t i = 0; i < all->n; i++) {
        const struct kw_platform *p = &all->p[i];
        char name[48], offer[17], price[64], meter[24], idle[24], on_sale[32];
        snprintf(name, sizeof name, "%s%s", p->name, p->can_plan ? "" : p->user_mends ? "~" : "*");
        offers(offer, sizeof offer, p);
        sold(on_sale, sizeof on_sale, p);
        cheapest(price, sizeof price, p);
        duration(meter, sizeof meter, p->meter.granularity);
        if (p->kind == KW_KIND_API) snprintf(meter, sizeof meter, "token");
        duration(idle, sizeof idle, p->scaling.idle_timeout);
        if (p->kind != KW_KIND_SERVERLESS || p->scaling.idle_timeout == 0) snprintf(idle, sizeof idle, "-");
        const char *oldest = p->oldest[0] ? p->oldest : "undated";
        const char *value[] = { name, kw_kind_name[p->kind],     offer, on_sale, price, meter,
                                idle, kw_grade_name[p->weakest], oldest };
        for (size_t k = 0; k < columns; k++) {
            if (k) kw_text_add(&g, " ");
            cell(&g, value[k], k + 1 < columns ? column[k].width : 0);
        }
        kw_text_add(&g, "\n");
    }
    kw_text_add(&g,
                "\nfrom: the cheapest GPU-hour, or $ per million tokens in and out. "
                "grade: the weakest of its numbers.\n"
                "api: billed by the token, of open models what others call serverless per-token.\n"
                "sold: offers that can be bought on %s, of all in its file.\n",
                today);
    list_why_not(&g, all);
    return done(&g, text, err);
}

/* ---- show */

static void print_sources(struct kw_text *t, const struct kw_fact *facts, size_t n)
{
    kw_text_add(t, "\nsources\n");
    for (size_t i = 0; i < n; i++) {
        const struct kw_provenance *v = &facts[i].provenance;
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++) seen = !strcmp(facts[k].provenance.source, v->source);
        if (seen) continue;
        kw_text_add(t, "  ");
        kw_text_fold(t, v->source, 6, WIDTH);
        kw_text_add(t, "      %s", v->date);
        if (v->evidence) kw_text_add(t, ", evidence %c", v->evidence);
        kw_text_add(t, "\n");
    }
}

/* When each offer is sold, of those that tell() picks. */
static void print_sales(struct kw_text *t, const struct kw_platform *p, const char *head,
                        bool (*tell)(const struct kw_sale *))
{
    size_t n = p->kind == KW_KIND_API ? p->n_apis : p->n_gpus, told = 0;
    for (size_t i = 0; i < n; i++) {
        char sale[200], line[320];
        const struct kw_sale *s = sale_at(p, i);
        if (!tell(s)) continue;
        if (!told++) kw_text_add(t, "\n%s\n", head);
        snprintf(line, sizeof line, "%s: %s%s%s%s", p->kind == KW_KIND_API ? p->apis[i].model : p->gpus[i].sku,
                 s->status == KW_SALE_ACTIVE ? "" : kw_sale_status_name[s->status],
                 s->status == KW_SALE_ACTIVE ? "" : "; ", kw_sale_text(s, sale, sizeof sale),
                 s->unseen && kw_sale_open(s) ? ": it may be gone" : "");
        kw_text_add(t, "  ");
        kw_text_fold(t, line, 6, WIDTH);
    }
}

static bool any(const struct kw_sale *s)
{
    (void)s;
    return true;
}

static bool wants_a_look(const struct kw_sale *s)
{
    return !kw_sale_open(s) || s->soon || s->unseen;
}

static void print_assumptions(struct kw_text *t, const struct kw_platform *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_facts; i++) {
        const struct kw_fact *k = &p->facts[i];
        if (k->provenance.grade != KW_GRADE_UNKNOWN) continue;
        if (!n++) kw_text_add(t, "\nassumed, because it was not found (set it in the scenario when you know)\n");
        kw_text_add(t, "  ");
        char line[sizeof k->path + sizeof k->value + sizeof k->note + 8];
        snprintf(line, sizeof line, "%s: %s%s%s%s", k->path, k->value, k->note[0] ? " (" : "", k->note,
                 k->note[0] ? ")" : "");
        kw_text_fold(t, line, 6, WIDTH);
    }
}

static void print_not_found(struct kw_text *t, const struct kw_platform *p)
{
    if (p->n_not_found) kw_text_add(t, "\nnot found\n");
    for (size_t i = 0; i < p->n_not_found; i++) {
        kw_text_add(t, "  - ");
        kw_text_fold(t, p->not_found[i], 4, WIDTH);
    }
}

/* Answers stand among the facts; these have none. */
static void print_not_known(struct kw_text *t, const struct kw_platform *p)
{
    size_t n = 0;
    for (int a = 0; a < KW_ATTRIBUTES; a++) {
        char line[320];
        if (p->attribute[a].answer != KW_ANSWER_UNKNOWN) continue;
        if (!n++) kw_text_add(t, "\nattributes that are not known (a contract of yours: candidates.attributes)\n");
        kw_text_add(t, "  ");
        kw_text_fold(t, kw_attribute_text((enum kw_attribute)a, &p->attribute[a], line, sizeof line), 6, WIDTH);
    }
}

static void print_facts(struct kw_text *t, const struct kw_fact *facts, size_t n)
{
    cell(t, "fact", 38);
    cell(t, " value", 29);
    cell(t, " grade", 11);
    cell(t, "date", 11);
    kw_text_add(t, "source\n");
    for (size_t i = 0; i < n; i++) {
        const struct kw_fact *k = &facts[i];
        char id[48];
        snprintf(id, sizeof id, "%.*s", id_length(k->provenance.source), k->provenance.source);
        cell(t, k->path, 38);
        kw_text_add(t, " ");
        if (kw_text_width(k->path) > 38 || kw_text_width(k->value) > 27) { /* a long one gets a line of its own */
            kw_text_add(t, "%s\n%*s", k->value, 67, "");
        } else {
            cell(t, k->value, 28);
        }
        cell(t, kw_grade_name[k->provenance.grade], 10);
        kw_text_add(t, " ");
        cell(t, k->provenance.date, 11);
        kw_text_add(t, "%s\n", id);
        if (k->note[0]) {
            kw_text_add(t, "      ");
            kw_text_fold(t, k->note, 6, WIDTH);
        }
    }
}

/* Who keeps replicas warm by the hour, and how. */
static void print_scheduled(struct kw_text *t, const struct kw_platform *p)
{
    static const char *const own[] = { "whether the platform has schedules of its own was not found",
                                       "the platform has no schedules of its own",
                                       "the platform has schedules of its own" };
    if (p->kind != KW_KIND_SERVERLESS) return;
    kw_text_add(t, "\nreplicas kept warm by the hour: %s\n  ", own[p->scheduled.own]);
    kw_text_fold(t, p->scheduled.call[0] ? p->scheduled.call : "what sets their number from a program was not found", 2,
                 WIDTH);
}

enum kw_status kw_show_platform(const struct kw_platform *p, char **text, struct kw_error *err)
{
    struct kw_text g = { 0 };
    kw_text_add(&g, "%s: %s (%s)\n", p->name, p->title, kw_kind_name[p->kind]);
    if (p->url[0]) kw_text_add(&g, "%s\n", p->url);
    print_why_not(&g, p);
    kw_text_add(&g, "weakest grade %s, oldest date %s\n\n", kw_grade_name[p->weakest],
                p->oldest[0] ? p->oldest : "undated");
    print_facts(&g, p->facts, p->n_facts);
    if (p->n_tiers) kw_text_add(&g, "\ntier in use: %s\n", p->n_apis ? p->apis[0].limits.tier : p->tiers[0].tier);
    print_sales(&g, p, "on sale", any);
    print_scheduled(&g, p);
    print_assumptions(&g, p);
    print_not_known(&g, p);
    print_not_found(&g, p);
    print_sources(&g, p->facts, p->n_facts);
    if (p->notes[0]) {
        kw_text_add(&g, "\nnotes\n  ");
        kw_text_fold(&g, p->notes, 2, WIDTH);
    }
    return done(&g, text, err);
}

/* What of a file stands in two columns: a name of theirs, and what there is to say. */
static void print_names(struct kw_text *t, const char *head, struct kw_jnode names)
{
    if (kw_json_len(names)) kw_text_add(t, "\n%s\n", head);
    for (int i = 0; i < kw_json_len(names); i++) {
        const char *name, *why = "";
        char line[320];
        struct kw_jnode n = kw_json_member(names, i, &name);
        (void)kw_json_str(n, &why, NULL);
        snprintf(line, sizeof line, "%s: %s", name, why);
        kw_text_add(t, "  ");
        kw_text_fold(t, line, 6, WIDTH);
    }
}

enum kw_status kw_show_self_managed(const struct kw_self_managed *f, char **text, struct kw_error *err)
{
    struct kw_text g = { 0 };
    struct kw_jnode root = kw_json_root(&f->doc);
    kw_text_add(&g, "%s: %s (run by the user, on dedicated machines)\n%s\nweakest grade %s\n\n", f->name, f->title,
                f->url, kw_grade_name[f->weakest]);
    print_facts(&g, f->facts, f->n_facts);
    print_names(&g, "said elsewhere in a scenario", kw_json_get(root, "elsewhere"));
    print_names(&g, "not modelled", kw_json_get(root, "not_modelled"));
    print_sources(&g, f->facts, f->n_facts);
    if (f->notes[0]) {
        kw_text_add(&g, "\nnotes\n  ");
        kw_text_fold(&g, f->notes, 2, WIDTH);
    }
    return done(&g, text, err);
}

/* A choice, an assumption or an announced day does not get old. */
static bool ageless(const struct kw_fact *k)
{
    const char *dot = strrchr(k->path, '.');
    return k->provenance.grade == KW_GRADE_USER || k->provenance.grade == KW_GRADE_UNKNOWN ||
           (dot && (!strcmp(dot, ".ends") || !strcmp(dot, ".available_from")));
}

enum kw_status kw_show_check(struct kw_platform *p, const char *file, const char *today, char **text, size_t *n_stale,
                             struct kw_error *err)
{
    struct kw_text g = { 0 };
    if (strlen(today) != 10 || kw_date_age_days(today, today) != 0)
        return kw_fail(err, KW_EUSAGE, "'%.20s' is not a date: want YYYY-MM-DD", today);
    size_t stale = 0, undated = 0, assumed = 0;
    kw_platform_as_of(p, today);
    for (size_t i = 0; i < p->n_facts; i++) {
        const struct kw_fact *k = &p->facts[i];
        assumed += k->provenance.grade == KW_GRADE_UNKNOWN;
        if (ageless(k)) continue;
        int64_t age = kw_date_age_days(k->provenance.date, today);
        undated += age == INT64_MIN;
        stale += age > KW_SHOW_STALE_DAYS;
    }
    kw_text_add(&g, "%s: valid: platform '%s', %s, %zu offers, %zu facts\n", file, p->name, kw_kind_name[p->kind],
                p->n_gpus + p->n_apis, p->n_facts);
    print_why_not(&g, p);
    kw_text_add(&g, "%zu assumed, %zu not found, %zu undated, %zu older than %d days at %s\n", assumed, p->n_not_found,
                undated, stale, KW_SHOW_STALE_DAYS, today);
    print_sales(&g, p, "ended, ending or not seen for long", wants_a_look);
    print_assumptions(&g, p);
    bool head = false;
    for (size_t i = 0; i < p->n_facts; i++) {
        const struct kw_fact *k = &p->facts[i];
        int64_t age = kw_date_age_days(k->provenance.date, today);
        if (ageless(k) || age <= KW_SHOW_STALE_DAYS) continue;
        if (!head) kw_text_add(&g, "\nstale\n");
        head = true;
        kw_text_add(&g, "  %s: %s, %s, %" PRId64 " days old\n", k->path, k->value, k->provenance.date, age);
    }
    print_not_found(&g, p);
    enum kw_status st = done(&g, text, err);
    if (st == KW_OK && n_stale) *n_stale = stale;
    return st;
}
