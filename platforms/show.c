#include "platforms/show.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- text that grows: written through a memory stream, whose only failure is want of memory */

struct page {
    FILE *f;
    char *text;
    size_t len;
};

static enum kw_status page_open(struct page *g, struct kw_error *err)
{
    *g = (struct page){ 0 };
    g->f = open_memstream(&g->text, &g->len);
    return g->f ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory");
}

static enum kw_status page_close(struct page *g, char **text, struct kw_error *err)
{
    bool bad = ferror(g->f);
    bad |= fclose(g->f) != 0;
    if (bad || !g->text) {
        free(g->text);
        return kw_fail(err, KW_ENOMEM, "out of memory");
    }
    *text = g->text;
    return KW_OK;
}

/* How many columns s takes: bytes that do not continue a UTF-8 character. */
static int columns(const char *s)
{
    int n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* s in at least `width` columns, never cut. */
static void cell(FILE *f, const char *s, int width)
{
    int pad = width - columns(s);
    fprintf(f, "%s%*s", s, pad > 0 ? pad : 0, "");
}

/* Text wrapped at 100 columns, each line after `indent` blanks; the first line's blanks are written already. */
static void wrapped(FILE *f, const char *s, int indent)
{
    int at = indent;
    while (*s) {
        size_t word = strcspn(s, " ");
        if (at > indent && at + 1 + (int)word > 100) {
            fprintf(f, "\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', f);
            at++;
        }
        fprintf(f, "%.*s", (int)word, s);
        at += (int)word;
        s += word;
        while (*s == ' ') s++;
    }
    fputc('\n', f);
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

static void duration(char *buf, size_t size, kw_ns t)
{
    char s[32];
    if (t == 0) snprintf(buf, size, "0");
    else if (t % KW_NS_PER_HOUR == 0) snprintf(buf, size, "%" PRId64 " h", t / KW_NS_PER_HOUR);
    else if (t > 60 * KW_NS_PER_S && t % (60 * KW_NS_PER_S) == 0)
        snprintf(buf, size, "%" PRId64 " min", t / (60 * KW_NS_PER_S));
    else if (t < KW_NS_PER_MS) snprintf(buf, size, "exact");
    else snprintf(buf, size, "%.12s s", kw_nano_format(s, sizeof s, t));
}

/* The names of what is offered, each once, as many as fit; "+3" for the rest. */
static void offers(char *buf, size_t size, const struct kw_platform *p)
{
    size_t n = p->kind == KW_KIND_API ? p->n_apis : p->n_gpus, used = 0, left = 0;
    buf[0] = 0;
    for (size_t i = 0; i < n; i++) {
        const char *name = p->kind == KW_KIND_API ? p->apis[i].model : p->gpus[i].gpu;
        bool seen = false;
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
    if (left) snprintf(buf + used, size - used, "%s+%zu", used ? " " : "", left);
    if (!buf[0]) snprintf(buf, size, "-");
}

/* "$0.58/h" for time, "$0.18 $0.18" per million tokens in and out. */
static void cheapest(char *buf, size_t size, const struct kw_platform *p)
{
    const struct kw_gpu_offer *g = NULL;
    const struct kw_api_offer *a = NULL;
    char in[24], out[24];
    for (size_t i = 0; i < p->n_gpus; i++)
        if (p->gpus[i].gpu_hour.known && (!g || p->gpus[i].gpu_hour.v < g->gpu_hour.v)) g = &p->gpus[i];
    for (size_t i = 0; i < p->n_apis; i++) {
        const struct kw_api_offer *o = &p->apis[i];
        if (o->in_mtok.known && o->out_mtok.known &&
            (!a || o->in_mtok.v + o->out_mtok.v < a->in_mtok.v + a->out_mtok.v))
            a = o;
    }
    snprintf(buf, size, "not found");
    if (g) {
        money(in, sizeof in, g->gpu_hour.v);
        snprintf(buf, size, "$%s/h", in);
    } else if (a) {
        money(in, sizeof in, a->in_mtok.v);
        money(out, sizeof out, a->out_mtok.v);
        snprintf(buf, size, "$%s $%s", in, out);
    }
}

enum kw_status kw_show_list(const struct kw_platforms *all, char **text, struct kw_error *err)
{
    static const struct {
        const char *title;
        int width;
    } column[] = { { "name", 19 }, { "kind", 10 }, { "GPUs or models", 22 }, { "from", 12 },
                   { "meter", 5 }, { "idle", 6 },  { "grade", 9 },           { "oldest", 10 } };
    struct page g;
    enum kw_status st = page_open(&g, err);
    if (st != KW_OK) return st;
    for (size_t i = 0; i < 8; i++) {
        if (i) fputc(' ', g.f);
        cell(g.f, column[i].title, i < 7 ? column[i].width : 0);
    }
    fputc('\n', g.f);
    bool marked = false;
    for (size_t i = 0; i < all->n; i++) {
        const struct kw_platform *p = &all->p[i];
        char name[48], offer[23], price[64], meter[24], idle[24];
        snprintf(name, sizeof name, "%s%s", p->name, p->can_plan ? "" : "*");
        marked |= !p->can_plan;
        offers(offer, sizeof offer, p);
        cheapest(price, sizeof price, p);
        duration(meter, sizeof meter, p->meter.granularity);
        if (p->kind == KW_KIND_API) snprintf(meter, sizeof meter, "token");
        duration(idle, sizeof idle, p->scaling.idle_timeout);
        if (p->kind != KW_KIND_SERVERLESS || p->scaling.idle_timeout == 0) snprintf(idle, sizeof idle, "-");
        const char *value[] = { name,  kw_kind_name[p->kind], offer,        price, meter, idle, kw_grade_name[p->weakest],
                                p->oldest[0] ? p->oldest : "undated" };
        for (size_t k = 0; k < 8; k++) {
            if (k) fputc(' ', g.f);
            cell(g.f, value[k], k < 7 ? column[k].width : 0);
        }
        fputc('\n', g.f);
    }
    fprintf(g.f, "\nfrom: the cheapest GPU-hour, or $ per million tokens in and out. grade: the weakest of its numbers.\n");
    if (marked) fprintf(g.f, "*: not enough is known to plan with it; `platforms show NAME` says what is missing.\n");
    return page_close(&g, text, err);
}

/* ---- show */

static void print_sources(FILE *f, const struct kw_platform *p)
{
    fprintf(f, "\nsources\n");
    for (size_t i = 0; i < p->n_facts; i++) {
        const struct kw_provenance *v = &p->facts[i].provenance;
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++) seen = !strcmp(p->facts[k].provenance.source, v->source);
        if (seen) continue;
        fprintf(f, "  ");
        wrapped(f, v->source, 6);
        fprintf(f, "      %s", v->date);
        if (v->evidence) fprintf(f, ", evidence %c", v->evidence);
        fputc('\n', f);
    }
}

static void print_assumptions(FILE *f, const struct kw_platform *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_facts; i++) {
        const struct kw_fact *k = &p->facts[i];
        if (k->provenance.grade != KW_GRADE_UNKNOWN) continue;
        if (!n++) fprintf(f, "\nassumed, because it was not found (set it in the scenario when you know)\n");
        fprintf(f, "  ");
        char line[sizeof k->path + sizeof k->value + sizeof k->note + 8];
        snprintf(line, sizeof line, "%s: %s%s%s%s", k->path, k->value, k->note[0] ? " (" : "", k->note,
                 k->note[0] ? ")" : "");
        wrapped(f, line, 6);
    }
}

static void print_not_found(FILE *f, const struct kw_platform *p)
{
    if (p->n_not_found) fprintf(f, "\nnot found\n");
    for (size_t i = 0; i < p->n_not_found; i++) {
        fprintf(f, "  - ");
        wrapped(f, p->not_found[i], 4);
    }
}

enum kw_status kw_show_platform(const struct kw_platform *p, char **text, struct kw_error *err)
{
    struct page g;
    enum kw_status st = page_open(&g, err);
    if (st != KW_OK) return st;
    fprintf(g.f, "%s: %s (%s)\n", p->name, p->title, kw_kind_name[p->kind]);
    if (p->url[0]) fprintf(g.f, "%s\n", p->url);
    if (!p->can_plan) fprintf(g.f, "cannot be planned: %s\n", p->why_not);
    fprintf(g.f, "weakest grade %s, oldest date %s\n\n", kw_grade_name[p->weakest], p->oldest[0] ? p->oldest : "undated");
    cell(g.f, "fact", 38);
    cell(g.f, " value", 29);
    cell(g.f, " grade", 11);
    cell(g.f, "date", 11);
    fprintf(g.f, "source\n");
    for (size_t i = 0; i < p->n_facts; i++) {
        const struct kw_fact *k = &p->facts[i];
        char id[48];
        snprintf(id, sizeof id, "%.*s", id_length(k->provenance.source), k->provenance.source);
        cell(g.f, k->path, 38);
        fputc(' ', g.f);
        if (columns(k->path) > 38 || columns(k->value) > 27) { /* a long one gets a line of its own */
            fprintf(g.f, "%s\n%*s", k->value, 67, "");
        } else {
            cell(g.f, k->value, 28);
        }
        cell(g.f, kw_grade_name[k->provenance.grade], 10);
        fputc(' ', g.f);
        cell(g.f, k->provenance.date, 11);
        fprintf(g.f, "%s\n", id);
        if (k->note[0]) {
            fprintf(g.f, "      ");
            wrapped(g.f, k->note, 6);
        }
    }
    if (p->n_tiers) fprintf(g.f, "\ntier in use: %s\n", p->n_apis ? p->apis[0].limits.tier : p->tiers[0].tier);
    print_assumptions(g.f, p);
    print_not_found(g.f, p);
    print_sources(g.f, p);
    if (p->notes[0]) {
        fprintf(g.f, "\nnotes\n  ");
        wrapped(g.f, p->notes, 2);
    }
    return page_close(&g, text, err);
}

/* ---- age */

/* Days since 1 March of year 0, by the civil calendar (H. Hinnant, chrono-compatible low-level date algorithms). */
static int64_t day_number(int y, int m, int d)
{
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy;
}

static bool parse_date(const char *s, int64_t *day)
{
    int part[3] = { 0, 1, 1 };
    for (int i = 0; i < 3; i++) {
        int digits = i == 0 ? 4 : 2, v = 0;
        for (int k = 0; k < digits; k++, s++) {
            if (*s < '0' || *s > '9') return false;
            v = v * 10 + (*s - '0');
        }
        part[i] = v;
        if (!*s) break;
        if (i == 2 || *s++ != '-') return false;
    }
    if (part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31) return false;
    *day = day_number(part[0], part[1], part[2]);
    return true;
}

int64_t kw_show_age_days(const char *date, const char *today)
{
    int64_t from, to;
    return parse_date(date, &from) && parse_date(today, &to) ? to - from : INT64_MIN;
}

static bool ours(const struct kw_fact *k) /* a choice or an assumption: it has no age */
{
    return k->provenance.grade == KW_GRADE_USER || k->provenance.grade == KW_GRADE_UNKNOWN;
}

enum kw_status kw_show_check(const struct kw_platform *p, const char *file, const char *today, char **text,
                             size_t *n_stale, struct kw_error *err)
{
    struct page g;
    int64_t day;
    if (strlen(today) != 10 || !parse_date(today, &day))
        return kw_fail(err, KW_EUSAGE, "'%.20s' is not a date: want YYYY-MM-DD", today);
    enum kw_status st = page_open(&g, err);
    if (st != KW_OK) return st;
    size_t stale = 0, undated = 0, assumed = 0;
    for (size_t i = 0; i < p->n_facts; i++) {
        const struct kw_fact *k = &p->facts[i];
        assumed += k->provenance.grade == KW_GRADE_UNKNOWN;
        if (ours(k)) continue;
        int64_t age = kw_show_age_days(k->provenance.date, today);
        undated += age == INT64_MIN;
        stale += age > KW_SHOW_STALE_DAYS;
    }
    fprintf(g.f, "%s: valid: platform '%s', %s, %zu offers, %zu facts\n", file, p->name, kw_kind_name[p->kind],
            p->n_gpus + p->n_apis, p->n_facts);
    if (!p->can_plan) fprintf(g.f, "cannot be planned: %s\n", p->why_not);
    fprintf(g.f, "%zu assumed, %zu not found, %zu undated, %zu older than %d days at %s\n", assumed, p->n_not_found,
            undated, stale, KW_SHOW_STALE_DAYS, today);
    print_assumptions(g.f, p);
    bool head = false;
    for (size_t i = 0; i < p->n_facts; i++) {
        const struct kw_fact *k = &p->facts[i];
        int64_t age = kw_show_age_days(k->provenance.date, today);
        if (ours(k) || age <= KW_SHOW_STALE_DAYS) continue;
        if (!head) fprintf(g.f, "\nstale\n");
        head = true;
        fprintf(g.f, "  %s: %s, %s, %" PRId64 " days old\n", k->path, k->value, k->provenance.date, age);
    }
    print_not_found(g.f, p);
    st = page_close(&g, text, err);
    if (st == KW_OK && n_stale) *n_stale = stale;
    return st;
}
