/* Records and lists as tables, by the labels of their schema. */
#pragma once
#include "src/ctl/record.h"

/* The record, its labels from `schema` (may be NULL); members in `skip` (NULL-ended) are left out.
 */
int show_record(struct ctl *c, const json_t *schema, const json_t *record, const char *const *skip,
                struct err *e);
/* A list with the options of lists: one page, or all. */
int show_list(struct ctl *c, const struct noun *n, struct err *e);
/* The rows that --filter and --search choose, with these columns; the caller owns *items. */
int show_matching(struct ctl *c, const struct noun *n, const char *columns, json_t **items,
                  struct err *e);
/* items[] as a table of these members (NULL-ended pairs: member, head); state: a member or NULL. */
int show_items(struct ctl *c, const json_t *items, const char *const *columns, const char *state,
               struct err *e);
/* Prints --json, or nothing: true when it did. */
bool show_json(const struct ctl *c, const json_t *j);
/* Bytes to --out or standard output; binary is refused on a terminal. */
int show_file(struct ctl *c, struct blob content, bool binary, unsigned mode, struct err *e);
