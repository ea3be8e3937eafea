#include "sim/cost/log_bill.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *const kw_meter_line_name[] = { "input", "cached input", "cache write", "output", NULL };

void kw_log_bill_free(struct kw_log_bill *b)
{
    free(b->model);
    memset(b, 0, sizeof *b);
}

static bool letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Behind a model's name only a date or a version may follow: "-2024-07-18", "@20250101", "-v1:0", "-latest". */
static bool only_version(const char *rest)
{
    if (!*rest) return true;
    if (*rest == ':' || *rest == '@') return true;
    if (*rest != '-') return false;
    rest++;
    if (strcasecmp(rest, "latest") == 0 || strcasecmp(rest, "preview") == 0) return true;
    if ((*rest == 'v' || *rest == 'V') && rest[1] >= '0' && rest[1] <= '9') return true;
    return strlen(rest) >= 8 && !strncmp(rest, "20", 2);
}

/* Length of `known` where it stands in name as a whole, a version behind it; 0: it does not. */
static size_t stands_in(const char *name, const char *known)
{
    size_t n = strlen(known);
    for (const char *at = name; n && *at; at++) {
        if (at > name && letter_or_digit(at[-1])) continue; /* the middle of a word */
        if (strncasecmp(at, known, n) == 0 && only_version(at + n)) return n;
    }
    return 0;
}

const struct kw_api_offer *kw_log_bill_offer(const struct kw_platform *p, const char *name)
{
    const struct kw_api_offer *best = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < p->n_apis; i++) {
        size_t a = stands_in(name, p->apis[i].model), b = stands_in(name, p->apis[i].sku), n = a > b ? a : b;
        if (n > longest) best = &p->apis[i], longest = n;
    }
    return best;
}

static struct kw_usage usage(const struct kw_log_bill_model *m, kw_ns window)
{
    return (struct kw_usage){ .kind = KW_KIND_API,
                              .window = window,
                              .month = window, /* a price by volume sees this log's */
                              .requests = m->requests,
                              .tokens_in = m->tokens[KW_LINE_IN],
                              .tokens_cached = m->tokens[KW_LINE_CACHED],
                              .tokens_cache_write = m->tokens[KW_LINE_WRITE],
                              .tokens_out = m->tokens[KW_LINE_OUT],
                              .long_prompt = m->offer->above.tokens,
                              .long_in = m->long_tokens[KW_LINE_IN],
                              .long_cached = m->long_tokens[KW_LINE_CACHED],
                              .long_cache_write = m->long_tokens[KW_LINE_WRITE],
                              .long_out = m->long_tokens[KW_LINE_OUT] };
}

static void take(struct kw_log_bill_model *m, const struct kw_tariff *t, const struct kw_bill *b)
{
    static const enum kw_item item[KW_LINES] = { KW_ITEM_TOKENS_IN, KW_ITEM_TOKENS_CACHED, KW_ITEM_TOKENS_CACHE_WRITE,
                                                 KW_ITEM_TOKENS_OUT },
                              above[KW_LINES] = { KW_ITEM_LONG_IN, KW_ITEM_LONG_CACHED, KW_ITEM_LONG_CACHE_WRITE,
                                                  KW_ITEM_LONG_OUT };
    for (int i = 0; i < KW_LINES; i++) {
        m->price[0][i] = kw_token_price(t, (enum kw_meter_line)i, false);
        m->price[1][i] = kw_token_price(t, (enum kw_meter_line)i, true);
        m->at_input_price[i] = i != KW_LINE_IN && m->price[0][i].price == m->price[0][KW_LINE_IN].price;
        m->long_cost[i] = b->item[above[i]];
        m->total += m->cost[i] = b->item[item[i]] + m->long_cost[i];
    }
}

/* All models at once, as one account: names that are of one offer fill its brackets together. */
static enum kw_status price(struct kw_log_bill *b, const struct kw_platform *p, enum kw_term term, kw_ns window,
                            struct kw_error *err)
{
    struct kw_usage *u = calloc(b->n, sizeof *u);
    struct kw_tariff *t = calloc(b->n, sizeof *t);
    struct kw_bill *bill = calloc(b->n, sizeof *bill);
    enum kw_status st = u && t && bill ? KW_OK : kw_fail(err, KW_ENOMEM, "out of memory for a bill");
    uint32_t n = 0;
    for (size_t k = 0; k < b->n && st == KW_OK; k++) {
        const struct kw_log_bill_model *m = &b->model[k];
        if (!m->offer) continue;
        if (term == KW_TERM_BATCH && m->offer->batch_ppm == 1000000)
            st = kw_fail(err, KW_ERANGE, "%s: a batch price of %s was not found", p->name, m->offer->model);
        u[n] = usage(m, window);
        t[n++] = (struct kw_tariff){ .platform = p, .api = m->offer, .term = term };
    }
    if (st == KW_OK) st = kw_bills(bill, u, t, n, false, err);
    for (size_t k = 0, i = 0; k < b->n && st == KW_OK; k++) {
        if (!b->model[k].offer) continue;
        take(&b->model[k], &t[i], &bill[i]);
        i++;
    }
    free(u);
    free(t);
    free(bill);
    return st;
}

static void count(struct kw_log_bill_model *m, const struct kw_trace *t, size_t i)
{
    int64_t cached = t->cached ? t->cached[i] : 0, written = t->written ? t->written[i] : 0;
    const int64_t tokens[KW_LINES] = { [KW_LINE_IN] = (int64_t)t->prompt[i] - cached - written,
                                       [KW_LINE_CACHED] = cached,
                                       [KW_LINE_WRITE] = written,
                                       [KW_LINE_OUT] = t->output[i] };
    bool above = m->offer && m->offer->above.tokens && t->prompt[i] > m->offer->above.tokens;
    m->requests++;
    m->long_requests += above;
    for (int k = 0; k < KW_LINES; k++) {
        m->tokens[k] += tokens[k];
        if (above) m->long_tokens[k] += tokens[k];
    }
    if (m->offer && m->offer->max_model_len) m->requests_beyond += t->prompt[i] > m->offer->max_model_len;
}

enum kw_status kw_log_bill(struct kw_log_bill *b, const struct kw_trace *t, const struct kw_platform *p,
                           const char *model, enum kw_term term, struct kw_error *err)
{
    size_t n = model || !t->model ? 1 : t->n_models;
    memset(b, 0, sizeof *b);
    if (!p->n_apis) return kw_fail(err, KW_ERANGE, "%s sells no tokens: its bill is not told from a log", p->name);
    if (!(b->model = calloc(n, sizeof *b->model))) return kw_fail(err, KW_ENOMEM, "out of memory for a bill");
    b->n = n;
    for (size_t k = 0; k < n; k++) {
        b->model[k].name = model ? model : t->model ? t->model_name[k] : "";
        b->model[k].offer = kw_log_bill_offer(p, b->model[k].name);
    }
    for (size_t i = 0; i < t->n; i++) count(&b->model[n == 1 ? 0 : t->model[i]], t, i);
    bool any = false;
    for (size_t k = 0; k < n; k++) {
        any |= b->model[k].offer != NULL;
        if (!b->model[k].offer) b->unpriced_requests += b->model[k].requests;
    }
    enum kw_status st = price(b, p, term, t->span ? t->span : 1, err);
    for (size_t k = 0; k < n && st == KW_OK; k++) {
        for (int i = 0; i < KW_LINES && b->model[k].offer; i++)
            b->tokens[i] += b->model[k].tokens[i], b->cost[i] += b->model[k].cost[i];
        b->total += b->model[k].total;
    }
    if (st == KW_OK && !any)
        st = kw_fail(err, KW_ERANGE, "%s sells no model called '%.60s'%s", p->name, b->model[0].name,
                     *b->model[0].name ? "" : ": the log names none, say --model NAME");
    if (st != KW_OK) kw_log_bill_free(b);
    return st;
}
