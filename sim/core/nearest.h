/* sim/core/nearest.h - the word somebody may have meant. */
#ifndef KW_SIM_CORE_NEAREST_H
#define KW_SIM_CORE_NEAREST_H

/* The nearest of the NULL-terminated words by edit distance (insert, delete, replace, swap neighbours; case and '-' for
 * '_' are free), the first of equals, or NULL when none is near (distance > 1 + len/3). Words over 63 bytes are far.
 * Of owner/name only the name counts, and a word that stands in it whole comes first: llama-3.1-8b for
 * meta-llama/Llama-3.1-8B-Instruct. */
const char *kw_nearest(const char *word, const char *const words[]);
/* For the end of a message: " (did you mean 'modal'?)", or "" when none is near. Returns buf. */
#define KW_NEAREST_HINT 96
char *kw_nearest_hint(char buf[KW_NEAREST_HINT], const char *word, const char *const words[]);

#endif
