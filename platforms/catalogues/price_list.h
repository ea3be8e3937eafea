/* platforms/catalogues/price_list.h - a catalogue of prices as its publisher has it, read into rows of ours: one offer a row,
 * each fact exact. A file a form reads them (genai_prices.c, litellm.c, models_dev.c, openrouter.c, skypilot.c); which one
 * a file is, its content says. Nothing is dropped silently: what is no offer of ours is counted with the reason. */
#ifndef KW_PLATFORMS_CATALOGUES_PRICE_LIST_H
#define KW_PLATFORMS_CATALOGUES_PRICE_LIST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "platforms/facts/platforms.h"
#include "sim/core/files/json.h"

/* What a catalogue may say of an offer. kw_listed_fact[] names each as a platform file does. */
enum kw_listed {
    KW_LISTED_IN,
    KW_LISTED_CACHED_IN,
    KW_LISTED_CACHE_WRITE,
    KW_LISTED_OUT,
    KW_LISTED_FLEX_IN,
    KW_LISTED_FLEX_CACHED_IN,
    KW_LISTED_FLEX_OUT,
    KW_LISTED_PRIORITY_IN,
    KW_LISTED_PRIORITY_CACHED_IN,
    KW_LISTED_PRIORITY_OUT,
    KW_LISTED_ABOVE_TOKENS,
    KW_LISTED_ABOVE_IN,
    KW_LISTED_ABOVE_CACHED_IN,
    KW_LISTED_ABOVE_CACHE_WRITE,
    KW_LISTED_ABOVE_OUT,
    KW_LISTED_BATCH,
    KW_LISTED_WINDOW,
    KW_LISTED_STATUS,
    KW_LISTED_ENDS,
    KW_LISTED_HOUR,
    KW_LISTED_SPOT_HOUR,
    KW_LISTED_FACTS
};
enum kw_listed_type { KW_LISTED_USD, KW_LISTED_FACTOR, KW_LISTED_TOKENS, KW_LISTED_WORD, KW_LISTED_DAY };
struct kw_listed_fact {
    const char *tier, *key; /* tier "flex", "priority" or "above": the key stands in that object; "" else */
    enum kw_listed_type type;
};
extern const struct kw_listed_fact kw_listed_fact[KW_LISTED_FACTS];

/* A value: nano-dollars (per 1e6 tokens or GPU-hour), a factor in 1e-9, tokens, an enum kw_sale_status, or a day as
 * 20261129. */
struct kw_listed_value {
    bool known;
    bool fills; /* for a file that states none; a stated one stands */
    int64_t v;
};

struct kw_listing {    /* one offer */
    char platform[32]; /* ours */
    char sku[128];     /* the catalogue's name for it */
    char gpu[24];      /* neutral name; "": it is a model */
    uint32_t count;    /* GPUs of the machine */
    bool by_gpu; /* stands for an offer of this GPU and count whatever its sku: vendor and catalogue name them apart */
    struct kw_listed_value fact[KW_LISTED_FACTS];
    bool steps;            /* prices change at several prompt lengths */
    char note[160];        /* of its input price or hour: what the figure leaves out; "" */
    struct kw_jnode match; /* genai-prices: rules for the names it goes by; absent elsewhere */
    bool taken;            /* for whoever compares: an offer of ours was found for it */
};

struct kw_left_out { /* entries that are no offer of ours */
    const char *why; /* static */
    char what[40];   /* which of their kind; "" */
    size_t n;
};

struct kw_price_list { /* owns all of it; must not move, since rows point into doc */
    char name[240];    /* the file, as the user has it */
    const struct kw_price_form *form;
    char date[11];
    char sha256[65];    /* of the file */
    struct kw_json doc; /* empty for a CSV; every number in it is a string of its digits */
    struct kw_listing *v;
    size_t n, cap;
    struct kw_left_out *left; /* in order of first sight */
    size_t n_left;
    char region[40]; /* whose prices were taken: GPU lists; "": the cheapest of each offer */
    char made[32];   /* the name of a platform that a provider becomes */
    size_t rounded;  /* prices with more digits than a nano-dollar holds */
};

struct kw_price_list_options { /* all borrowed */
    const char *date;          /* of the catalogue, YYYY-MM-DD */
    const char *const *only;   /* [n_only] platforms of ours, or providers of the catalogue that become one; 0: ours */
    bool *met;                 /* [n_only] set for those that the catalogue has; NULL: nobody asks */
    const struct kw_platforms *all; /* ours; NULL: none */
    size_t n_only;
    const char *const *gpus; /* neutral names that are known, NULL-terminated */
    const char *region;      /* GPU lists: this one; "cheapest"; NULL: the one that the platform's file is of */
};

/* A form of catalogue. */
struct kw_price_form {
    const char *name;   /* "LiteLLM" */
    const char *id;     /* "litellm": of the source in a platform file */
    const char *source; /* what that source says of it, with its licence where it has one */
    bool seller;        /* read off what the sellers' own interfaces answer: what it lists was on sale that day */
    bool (*is)(struct kw_jnode root); /* NULL, like read: not JSON */
    enum kw_status (*read)(struct kw_price_list *l, const struct kw_price_list_options *o, struct kw_error *err);
    bool (*names)(const struct kw_listing *l,
                  const char *sku); /* does it go by this name too? NULL: by its own alone */
};
extern const struct kw_price_form kw_form_genai_prices, kw_form_litellm, kw_form_models_dev, kw_form_openrouter,
    kw_form_skypilot;

/* text[0..len) as a catalogue; name: of the file, for messages. KW_EPARSE: it is of no form that is known, or broken;
 * KW_ERANGE: a value is not acceptable. l is empty on failure. */
enum kw_status kw_price_list_read(struct kw_price_list *l, const char *name, const char *text, size_t len,
                                  const struct kw_price_list_options *o, struct kw_error *err);
/* The same of a file, gzip or zstd decoded; "-" is stdin. KW_EINPUT: it cannot be read. */
enum kw_status kw_price_list_load(struct kw_price_list *l, const char *path, const struct kw_price_list_options *o,
                                  struct kw_error *err);
void kw_price_list_free(struct kw_price_list *l); /* safe to call again */

/* ---- for the forms */

/* The one that is no JSON. KW_EINPUT: its header is not that of a vms.csv. */
enum kw_status kw_skypilot_read(struct kw_price_list *l, const char *text, size_t len,
                                const struct kw_price_list_options *o, struct kw_error *err);

struct kw_provider { /* a provider as the catalogue calls it, and our platform; a table ends with NULL */
    const char *theirs, *ours;
};
/* The platform that a provider's offers are of, "" where they are left out (and counted, unless the user asked for others). */
const char *kw_price_list_platform(struct kw_price_list *l, const struct kw_price_list_options *o,
                                   const struct kw_provider known[], const char *theirs);
/* Counts an entry by why (a literal) and what (may be ""). */
void kw_price_list_leave_out(struct kw_price_list *l, const char *why, const char *what);
/* A new empty row; NULL: out of memory. Moves the rows. */
struct kw_listing *kw_price_list_add(struct kw_price_list *l, const char *platform, const char *sku);
/* Reads the number at n times 10^shift where it is present: KW_ERANGE below 0. */
enum kw_status kw_price_list_number(struct kw_price_list *l, struct kw_jnode n, int shift, struct kw_listed_value *out,
                                    struct kw_error *err);
enum kw_status kw_price_list_tokens(struct kw_jnode n, struct kw_listed_value *out, struct kw_error *err);
/* A text added to the row's note, behind a comma where there is one. */
void kw_price_list_note(struct kw_listing *x, const char *fmt, ...) KW_PRINTF(2, 3);
/* Are prices of prompts above `tokens` to be read into the row? A platform file has one such limit: false for a second, and
 * then neither is taken and the note says so. */
bool kw_price_list_above(struct kw_listing *x, int64_t tokens);
/* "2027-01-14" or a time that begins so: as 20270114. Anything else leaves it unknown: some say so in words. */
void kw_price_list_day(const char *s, struct kw_listed_value *out);
/* Is the last row an offer: a price of input and of output, not both 0 and none above $1000, under a name that no row before
 * it has? Else it is dropped again and counted. */
void kw_price_list_settle(struct kw_price_list *l);

#endif
