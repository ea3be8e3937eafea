/* platforms/facts/attributes.h - what a customer may ask of a platform beside price and speed: what it promises of data,
 * which audits it shows, what it serves. Yes, no or not known; what no source says is not known, which is not "no". An
 * answer is of the offers that the file prices: what the vendor sells otherwise stands in the note. */
#ifndef KW_PLATFORMS_FACTS_ATTRIBUTES_H
#define KW_PLATFORMS_FACTS_ATTRIBUTES_H
#include <stdbool.h>
#include <stddef.h>
#include "sim/core/provenance.h"

enum kw_attribute {
    KW_ATTRIBUTE_DATA_IN_ACCOUNT, /* requests are served inside the customer's own cloud account or network */
    KW_ATTRIBUTE_NO_TRAINING,     /* inputs train no model unless the customer agrees to it */
    KW_ATTRIBUTE_ZERO_RETENTION,  /* nothing of a request is kept once it is answered, by default or on demand */
    KW_ATTRIBUTE_HIPAA,           /* the vendor signs a business associate agreement that covers the offer */
    KW_ATTRIBUTE_SOC2,            /* a SOC 2 Type II report covers it */
    KW_ATTRIBUTE_ISO27001,        /* an ISO/IEC 27001 certificate covers it */
    KW_ATTRIBUTE_CUSTOM_WEIGHTS,  /* it serves weights that the customer brings */
    KW_ATTRIBUTES_OF_FILE,        /* these stand in a file's "attributes"; the others follow from what else it says */
    KW_ATTRIBUTE_LORA = KW_ATTRIBUTES_OF_FILE, /* it serves LoRA adapters: its "lora" */
    KW_ATTRIBUTES
};
extern const char *const kw_attribute_name[]; /* "data_in_account", ..., "custom_weights", "lora", NULL */

enum kw_answer { KW_ANSWER_UNKNOWN, KW_ANSWER_NO, KW_ANSWER_YES };
extern const char *const kw_answer_name[]; /* "not known", "no", "yes", NULL */

struct kw_attribute_fact {
    enum kw_answer answer;
    char note[160]; /* of which plan it holds, what it leaves out; of an unknown one why it is not known */
    struct kw_provenance provenance; /* of "no" and "yes" */
};

/* One thing a plan asks of every platform: "hipaa"; "hipaa?" also takes a platform of which it is not known. */
struct kw_requirement {
    enum kw_attribute attribute;
    bool or_unknown;
};

/* KW_ERANGE: no attribute is called that, with the nearest that is. */
enum kw_status kw_requirement_read(struct kw_requirement *r, const char *word, struct kw_error *err);
bool kw_requirement_met(const struct kw_requirement *r, const struct kw_attribute_fact *f);
/* "hipaa: no, NOTE (SOURCE, published 2026-07-01)", "hipaa: not known: NOTE". Returns buf. */
char *kw_attribute_text(enum kw_attribute a, const struct kw_attribute_fact *f, char *buf, size_t size);
/* Platforms that a requirement left out: "soc2: no at x (NOTE; SOURCE, published); not known of groq, runpod"; "" when there
 * are none. Returns buf. */
struct kw_attribute_without {
    const char *platform;
    const struct kw_attribute_fact *fact; /* "no" or not known */
};
char *kw_attribute_without_text(enum kw_attribute a, const struct kw_attribute_without *w, size_t n, char *buf,
                                size_t size);
/* The user's own word, as of a contract. */
void kw_attribute_state(struct kw_attribute_fact *f, bool yes);

#endif
