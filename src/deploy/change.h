/* What the scripts of the steps that write have in common. */
#pragma once
#include "src/deploy/worker.h"

/* Shell functions: hash FILE prints its SHA-256, nothing when there is no such file; die WORDS. */
extern const char change_helpers[];
/* F final, S staged, N backup, OLD and NEW hash ("" absent), for a script. */
void change_file(struct buf *b, const struct plan_file *f);
int change_run(struct worker *w, struct buf *b, struct via_out *o, enum err_code code,
               struct err *e);
/* Runs the server's own test or command; its words become evidence, a bad end FAILED with `cause`.
 */
int change_test(struct worker *w, struct step *s, struct buf *b, const char *what,
                enum deploy_cause cause, struct err *e);
