#include "workloads/readers/guess.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "workloads/readers/records.h"

enum { NAMES = 160 };

enum role {
    ARRIVAL,
    END,
    DURATION,
    FIRST,
    TTFT,
    E2E,
    PROMPT,
    OUTPUT,
    CACHED,
    READ_BESIDE,
    WRITE_BESIDE,
    REASONING_BESIDE,
    COUNT,
    ID,
    MODEL,
    STATUS,
    KEY,
    TEAM,
    TAG,
    COST,
    ROLES
};

/* Names as they are compared: lower case, letters and digits only. In each list the surest come first. */
static const char *const synonyms[ROLES] = {
    [ARRIVAL] =
        ("arrival arrivaltime arrivals arrivedat requestcreatedat requeststarttime starttime startedat start "
         "timestamp requesttimestamp requesttime requestedat createdat created time datetime date eventtime ts t "
         "loggingtime timegenerated begin elapsed offset zeit zeitstempel datum starttimeunixnano"),
    [END] = "endtime finishedat completedat endedat responsetime end",
    [DURATION] = "duration requestduration latency",
    [FIRST] = "firsttokenat firsttokentime firsttokentimestamp completionstarttime timefirsttoken",
    [TTFT] = "ttft timetofirsttoken firsttokenlatency timetofirstchunk",
    [E2E] = "e2e e2elatency totallatency requestlatency totalduration totaltime",
    [PROMPT] =
        ("prompttokens inputtokens prompt input promptlen promptlength inputlen inputlength contexttokens tokensin "
         "tokensprompt tokensinput numprompttokens numinputtokens numprefilltokens inputtokencount "
         "prompttokencount requesttokens intokens in isl eingabe promptn"),
    [OUTPUT] = ("completiontokens outputtokens output completion outputlen outputlength generatedtokens tokensout "
                "tokenscompletion tokensoutput numcompletiontokens numoutputtokens numdecodetokens outputtokencount "
                "candidatestokencount candidatestokens responsetokens outtokens out osl ausgabe outputn"),
    [CACHED] = "cachedtokens tokenscached inputcachedtokens cachedinputtokens cachedprompttokens promptcachedtokens "
               "cachedcontenttokencount",
    [READ_BESIDE] = "cachereadinputtokens cachereadtokens cacheread inputcacheread cachereadinputtokencount",
    [WRITE_BESIDE] = ("cachecreationinputtokens cachecreationtokens cachewriteinputtokens "
                      "cachewritetokens cachecreation inputcachecreation cachewriteinputtokencount"),
    [REASONING_BESIDE] = "thoughtstokens thoughtstokencount",
    [COUNT] = "nummodelrequests numrequests requestcount nrequests requests numberofrequests",
    [ID] = "requestid messageid generationid responseid id",
    [MODEL] = "model modelname modelid requestmodel",
    [STATUS] = "status statuscode httpstatus responsestatus httpstatuscode",
    [KEY] = "apikey apikeyname apikeyid keyname key user userid username customer tenant",
    [TEAM] = "team teamid teamname project projectid projectname workspace workspaceid organization department",
    [TAG] = "tag tags requesttags label labels environment env app appname feature",
    [COST] = "costusd cost totalcost totalcostusd spend spendusd costtotal requestcost",
};

struct name {
    char text[KW_MAP_PATH];
    char plain[KW_MAP_PATH]; /* its last part as it is compared */
    size_t depth;
    bool nested_json, number, text_value, words; /* of the values seen */
};

struct names {
    struct name v[NAMES];
    size_t n;
    char first_model[80];
    size_t models;
    char id[KW_MAP_PATH], last_id[80]; /* of the first name that is one of ID, and its value last seen */
    size_t ids, repeats;
};

static size_t rank(enum role role, const char *plain);

/* Is one id seen in two records after one another? */
static void note_id(struct names *s, const struct name *x, struct kw_span value)
{
    if (!rank(ID, x->plain) || value.n >= sizeof s->last_id || (*s->id && strcmp(s->id, x->text))) return;
    memcpy(s->id, x->text, sizeof s->id);
    s->repeats += s->ids++ && strlen(s->last_id) == value.n && memcmp(s->last_id, value.p, value.n) == 0;
    memcpy(s->last_id, value.p, value.n);
    s->last_id[value.n] = 0;
}

static void add(void *ctx, struct kw_span name, struct kw_span value)
{
    struct names *s = ctx;
    size_t i = 0;
    if (!name.n || name.n >= KW_MAP_PATH) return;
    while (i < s->n && (strlen(s->v[i].text) != name.n || memcmp(s->v[i].text, name.p, name.n))) i++;
    if (i == NAMES) return;
    struct name *x = &s->v[i];
    if (i == s->n) {
        memset(x, 0, sizeof *x);
        memcpy(x->text, name.p, name.n);
        size_t from = name.n, k = 0;
        while (from && name.p[from - 1] != '.') from--;
        for (size_t j = 0; j < name.n; j++) x->depth += name.p[j] == '.';
        for (size_t j = from; j < name.n; j++)
            if (isalnum((unsigned char)name.p[j])) x->plain[k++] = (char)tolower((unsigned char)name.p[j]);
        if (k > 3 && !memcmp(x->plain + k - 3, "utc", 3))
            x->plain[k - 3] = 0; /* "TimeGenerated [UTC]" of Azure's exports */
        s->n++;
    }
    if (!value.n) return;
    note_id(s, x, value);
    if ((*value.p >= '0' && *value.p <= '9') || *value.p == '-' || *value.p == '.')
        x->number = true;
    else if (*value.p == '{' || *value.p == '[')
        x->nested_json = true;
    else if (!(value.n == 4 && !memcmp(value.p, "null", 4)) && !(value.n == 3 && !memcmp(value.p, "NaN", 3)))
        x->text_value = true;
    if (value.n == 4 && (!memcmp(value.p, "true", 4) || !memcmp(value.p, "True", 4))) x->words = true;
    if (value.n == 5 && (!memcmp(value.p, "false", 5) || !memcmp(value.p, "False", 5))) x->words = true;
    if (strcmp(x->plain, "model") == 0 && value.n < sizeof s->first_model &&
        (strlen(s->first_model) != value.n || memcmp(s->first_model, value.p, value.n))) {
        memcpy(s->first_model, value.p, value.n);
        s->first_model[value.n] = 0;
        s->models++; /* changes, not distinct names: enough to tell one from several */
    }
}

static size_t place(enum role role, const char *plain, size_t n)
{
    size_t at = 1;
    for (const char *p = synonyms[role]; *p; at++) {
        size_t k = strcspn(p, " ");
        if (k == n && memcmp(p, plain, n) == 0) return at;
        p += k + (p[k] == ' ');
    }
    return 0;
}

/* Place of a name in a role's list, from 1; 0: it is none of them. Times may have their unit behind their name. */
static size_t rank(enum role role, const char *plain)
{
    static const char *const units[] = { "ms", "us", "ns", "sec", "seconds", "s" };
    size_t n = strlen(plain), at = place(role, plain, n);
    if (role > E2E) return at;
    for (size_t i = 0; i < sizeof units / sizeof *units && !at; i++) {
        size_t k = strlen(units[i]);
        if (n > k && memcmp(plain + n - k, units[i], k) == 0) at = place(role, plain, n - k);
    }
    return at;
}

static const struct name *find(const struct names *s, enum role role)
{
    const struct name *best = NULL;
    size_t best_rank = 0;
    bool counts = role == PROMPT || role == OUTPUT || role == CACHED || role == READ_BESIDE || role == WRITE_BESIDE;
    for (size_t i = 0; i < s->n; i++) {
        const struct name *x = &s->v[i];
        size_t r = rank(role, x->plain);
        if (!r || x->nested_json || (counts && (x->words || (x->text_value && !x->number)))) continue;
        if (!best || x->depth < best->depth || (x->depth == best->depth && r < best_rank)) {
            best = x;
            best_rank = r;
        }
    }
    return best;
}

/* key=name into text, the name's own commas and signs hidden; op before it, or the key and '='. */
static void say(char *text, size_t size, const char *key, const char *op, const struct name *x, const char *tail)
{
    size_t used = strlen(text);
    if (used + 2 * KW_MAP_PATH + 20 > size) return;
    used += (size_t)snprintf(text + used, size - used, "%s%s%s", key ? (used ? "," : "") : op, key ? key : "",
                             key ? "=" : "");
    for (const char *p = x->text; *p; p++) {
        if (strchr(",+|\\?:=! ", *p)) text[used++] = '\\';
        text[used++] = *p;
    }
    text[used] = 0;
    snprintf(text + used, size - used, "%s", tail);
}

static enum kw_status not_found(const struct names *s, const char *what, struct kw_error *err)
{
    char list[200];
    size_t used = 0;
    list[0] = 0;
    for (size_t i = 0; i < s->n && used + 48 < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%.40s", i ? ", " : "", s->v[i].text);
    return kw_fail(
        err, KW_EPARSE,
        "format not recognised: no name says %s among %s%s; say --columns arrival=NAME,prompt=NAME,output=NAME "
        "(`keepwarm trace formats` lists what is known)",
        what, list, used + 48 >= sizeof list ? ", ..." : "");
}

/* What tells when tokens came. A length is only taken when its name says its unit: 0.4 and 400 look alike. `starts`: the
 * arrival is no end, so that an end can be one. */
static void guess_latency(const struct kw_columns *c, const struct names *s, bool starts, char *text, size_t size)
{
    const struct name *first = find(s, FIRST), *ttft = find(s, TTFT), *e2e = find(s, E2E), *end = find(s, END);
    if (!c->ttft.n && !c->first.n && ttft && kw_columns_name_unit(ttft->text) != KW_UNIT_AUTO)
        say(text, size, "ttft", "", ttft, "?");
    if (!c->first.n && !c->ttft.n && first) say(text, size, "first", "", first, "?");
    if (!c->e2e.n && !c->end.n && e2e && kw_columns_name_unit(e2e->text) != KW_UNIT_AUTO)
        say(text, size, "e2e", "", e2e, "?");
    else if (!c->end.n && !c->e2e.n && starts && end && !c->count.n && !find(s, COUNT) &&
             strcmp(end->plain, "responsetime"))
        say(text, size, "end", "", end, "?");
}

enum kw_status kw_guess_columns(struct kw_columns *c, const char *head, size_t n, struct kw_error *err)
{
    struct names s;
    char text[1200] = "";
    memset(&s, 0, sizeof s);
    kw_records_names(head, n, add, &s);
    const struct name *x, *arrival = find(&s, ARRIVAL), *end = find(&s, END), *duration = find(&s, DURATION);
    if (!c->arrival.n) {
        if (!arrival && !end) return not_found(&s, "when a request arrived", err);
        say(text, sizeof text, "arrival", "", arrival ? arrival : end, "");
        if (!arrival && duration && !c->duration.n) say(text, sizeof text, "duration", "", duration, "");
    }
    if (!c->prompt.n) {
        if (!(x = find(&s, PROMPT))) return not_found(&s, "how long a prompt is", err);
        say(text, sizeof text, "prompt", "", x, "");
        const struct name *read = find(&s, READ_BESIDE), *write = find(&s, WRITE_BESIDE);
        if (read) say(text, sizeof text, NULL, "+", read, "?");
        if (write) say(text, sizeof text, NULL, "+", write, "?");
        if (!c->cached.n && read) say(text, sizeof text, "cached", "", read, "?");
        if (!c->write.n && write) say(text, sizeof text, "write", "", write, "?");
        if (!c->cached.n && !read && (x = find(&s, CACHED))) say(text, sizeof text, "cached", "", x, "?");
    }
    if (!c->output.n) {
        if (!(x = find(&s, OUTPUT))) return not_found(&s, "how long an output is", err);
        say(text, sizeof text, "output", "", x, "");
        if ((x = find(&s, REASONING_BESIDE))) say(text, sizeof text, NULL, "+", x, "?");
    }
    guess_latency(c, &s, arrival && !c->duration.n, text, sizeof text);
    if (!c->count.n && (x = find(&s, COUNT))) say(text, sizeof text, "count", "", x, "");
    if (!c->count.n && find(&s, COUNT) && end && arrival && !c->end.n) say(text, sizeof text, "end", "", end, "?");
    if (!c->id.n && (x = find(&s, ID))) say(text, sizeof text, "id", "", x, "");
    if (!c->model.n && (x = find(&s, MODEL))) say(text, sizeof text, "model", "", x, "");
    if (!c->has_status && (x = find(&s, STATUS))) say(text, sizeof text, "status", "", x, "?");
    return kw_columns_add(c, text, err);
}

enum kw_status kw_guess_accounts(struct kw_columns *c, const char *head, size_t n, struct kw_error *err)
{
    static const struct {
        enum role role;
        const char *key;
    } wanted[] = { { KEY, "key" }, { TEAM, "team" }, { TAG, "tag" }, { COST, "cost" } };
    struct names s;
    char text[1200] = "";
    memset(&s, 0, sizeof s);
    kw_records_names(head, n, add, &s);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const struct name *x = find(&s, wanted[i].role);
        if (x && !kw_columns_said(c, wanted[i].key)) say(text, sizeof text, wanted[i].key, "", x, "?");
    }
    return kw_columns_add(c, text, err);
}

char *kw_guess_unused(const struct kw_columns *c, const char *head, size_t n, char *buf, size_t size)
{
    struct names s;
    size_t used = 0;
    memset(&s, 0, sizeof s);
    buf[0] = 0;
    kw_records_names(head, n, add, &s);
    for (size_t i = 0; i < s.n && used < size; i++) {
        const struct name *x = &s.v[i];
        if (kw_columns_use(c, x->text) || !x->number) continue;
        const char *sep = used ? "; " : "";
        if (rank(READ_BESIDE, x->plain) || rank(WRITE_BESIDE, x->plain))
            used += (size_t)snprintf(buf + used, size - used,
                                     "%s%s is not used: where it counts tokens beside the prompt's, say prompt=...+%s",
                                     sep, x->text, x->text);
        else if (rank(CACHED, x->plain))
            used += (size_t)snprintf(buf + used, size - used, "%s%s is not used: say cached=%s to bill cached input",
                                     sep, x->text, x->text);
        else if (rank(TTFT, x->plain) && kw_columns_name_unit(x->text) == KW_UNIT_AUTO)
            used += (size_t)snprintf(buf + used, size - used, "%s%s is not used: say its unit, ttft=%s:ms or :s", sep,
                                     x->text, x->text);
        else if (rank(COUNT, x->plain))
            used += (size_t)snprintf(buf + used, size - used,
                                     "%s%s counts requests: a row is a bucket, not a request; say count=%s", sep,
                                     x->text, x->text);
    }
    if (s.repeats && !c->id.n && used < size)
        used +=
            (size_t)snprintf(buf + used, size - used, "%s%s repeats: where rows of one id are one request, say id=%s",
                             used ? "; " : "", s.id, s.id);
    if (s.models > 1 && !c->model.n && used < size)
        snprintf(buf + used, size - used,
                 "%srows of several models are read as one traffic: say model=NAME, or where=NAME:%s", used ? "; " : "",
                 s.first_model);
    return buf;
}
