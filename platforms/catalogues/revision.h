/* platforms/catalogues/revision.h - what a price list changes of a platform file: fact by fact, which is newer, and the
 * file's text with the newer facts in their places and not a byte else changed. */
#ifndef KW_PLATFORMS_CATALOGUES_REVISION_H
#define KW_PLATFORMS_CATALOGUES_REVISION_H
#include "platforms/catalogues/price_list.h"
#include "platforms/facts/platforms.h"

enum kw_change_kind {
    KW_CHANGE_TAKEN,  /* the list's value is newer, or the file has none: it is in the text */
    KW_CHANGE_OLDER,  /* the file's value is of the same day or newer: it stays */
    KW_CHANGE_OWN,    /* the file's value is the user's own: it stays */
    KW_CHANGE_STATED, /* the file states one and the list's is only for files that do not */
    KW_CHANGE_NEW,    /* an offer that the file lacks; taken: it is in the text */
    KW_CHANGE_ABSENT  /* an offer of the file, on sale by it, that the list does not have: nothing is changed */
};
struct kw_change {
    enum kw_change_kind kind;
    char platform[32], offer[128], fact[32]; /* offer: model or sku; fact: "flex.in_mtok", "" of a whole offer */
    char had[40], had_date[11], listed[40];  /* values as the file would write them; "": none */
    char name[48];                           /* KW_CHANGE_NEW: the model it would be called, or is */
    double percent;                          /* of the value it had; NAN where that says nothing */
    bool taken;
    const char *note; /* borrowed from the list: of a price that stands for one of several; "" */
};

struct kw_revision { /* owns all; {0} is empty */
    struct kw_change *v;
    size_t n, cap;
    size_t same, seen; /* facts that agree; offers whose last day on sale the list moves on */
    char *text;        /* the file's, NUL-terminated; NULL: nothing is changed */
    size_t len;
};

struct kw_revision_options {        /* borrowed */
    const struct kw_platforms *all; /* whose names of models are the neutral ones */
    const char *const *add;         /* [n_add] offers to take that a file lacks: "ID", "NAME=ID", or "all" */
    size_t n_add;
    bool *added; /* [n_add] set where one was found; NULL: nobody asks */
};

/* What `list` says of the platform in text[0..len), whose rows it marks as taken; name: of the file, for messages. Adds to
 * r->v; r->text is new. KW_EPARSE: the file is broken; KW_ERANGE: an offer asked for cannot be added. */
enum kw_status kw_revision_make(struct kw_revision *r, struct kw_price_list *list, const char *name, const char *text,
                                size_t len, const struct kw_revision_options *o, struct kw_error *err);
/* The text of a file without offers, for a provider that has none yet (malloc'd); NULL: out of memory. */
char *kw_revision_blank(const struct kw_price_list *list, const char *platform);
void kw_revision_free(struct kw_revision *r); /* safe to call again */

#endif
