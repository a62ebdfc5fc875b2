/*
 * Records by name: what a noun is called in the API, finding one by id or by its unique name, its
 * schema, and NAME=VALUE words checked against the schema's fields.
 */
#pragma once
#include "src/base/enc.h"
#include "src/ctl/api.h"

#define ID_TEXT_BYTES (ID_CHARS + 1)

struct noun {
    const char *word, *path, *schema, *name_column;
};
const struct noun *noun_of(const struct ctl *c); /* of the running command's first word */
const struct noun *noun_find(const char *word);
const char *verb_of(const struct ctl *c); /* the command's second word */

/* The id of the record that `text` names; ERR_CONFLICT lists the candidates. */
int record_find(struct ctl *c, const struct noun *n, const char *text, char id[ID_TEXT_BYTES],
                struct err *e);
/* GET /schema/RECORD; the caller owns *out. */
int record_schema(struct ctl *c, const char *record, json_t **out, struct err *e);
/* The field or column of that name or label (case and dashes do not matter); NULL: none. */
const json_t *schema_member(const json_t *list, const char *name);
/* Words from `first` on as members of `body`. Secrets come from where their value says (prompt.h).
 */
int settings_read(struct ctl *c, const json_t *schema, size_t first, json_t *body, struct err *e);
/* One NAME=VALUE word by its field. */
int setting_read(struct ctl *c, const json_t *schema, const char *word, json_t *body,
                 struct err *e);
