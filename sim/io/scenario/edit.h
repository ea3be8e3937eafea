/* sim/io/scenario/edit.h - edits a JSON document by path, as `--set` and a sweep's axes do. The text is spliced in
 * place, so every other value keeps its line and errors still point into the user's file. */
#ifndef KW_SIM_IO_SCENARIO_EDIT_H
#define KW_SIM_IO_SCENARIO_EDIT_H
#include "sim/core/files/json.h"

/* Finds the value at path: keys joined by dots (in quotes where a key holds some: a."b.c".d), [i] an index, [name] the array element whose "name" is that. Absent
 * when there is none. KW_EUSAGE when the path is malformed or leads through a value that is no container. */
enum kw_status kw_edit_find(const struct kw_json *doc, const char *path, struct kw_jnode *out, struct kw_error *err);

/* Puts the JSON text `json` (one value, no newline) at path: replaces what is there, else adds the last key to its
 * object (making objects on the way) or appends to an array when the index is its length. doc is unchanged on
 * failure. */
enum kw_status kw_edit_put(struct kw_json *doc, const char *path, const char *json, struct kw_error *err);

/* The same with a string as the value. */
enum kw_status kw_edit_put_string(struct kw_json *doc, const char *path, const char *value, struct kw_error *err);

/* The same, the last of the list at path, which is made where there is none. */
enum kw_status kw_edit_append_string(struct kw_json *doc, const char *path, const char *value, struct kw_error *err);

/* "KEY=STRING": the string at KEY, which may hold dots, of the object at path, which is made where there is none. "KEY": {}. */
enum kw_status kw_edit_put_member(struct kw_json *doc, const char *path, const char *member, struct kw_error *err);

/* "path=value" from a command line. The value is taken as JSON if it is JSON, else as a string; a number with a
 * fraction or exponent becomes a decimal string, since the reader wants exact decimals. */
enum kw_status kw_edit_set(struct kw_json *doc, const char *assignment, struct kw_error *err);

#endif
