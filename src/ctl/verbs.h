/* What the files of single records borrow from the commands that are the same for all. */
#pragma once
#include "src/ctl/api.h"

/* "/servers/ID" + tail of the record the first word names, malloc'ed; NULL: not found. */
char *verb_path(struct ctl *c, const char *tail, struct err *e);
/* --yes, or asks. */
int verb_sure(struct ctl *c, const char *what, struct err *e);
/* GET for the ETag, then PATCH with it. */
int verb_patch(struct ctl *c, const char *path, const json_t *body, struct api_answer *out,
               struct err *e);
/* POST to an action of the record; waits for its job. */
int verb_post(struct ctl *c, const char *action, const json_t *body, struct err *e);
int verb_report(struct ctl *c, const json_t *record, const char *done, struct err *e);
