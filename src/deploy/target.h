/* What is different between server types. The order of work, the file rules and the rollback are
 * not. */
#pragma once
#include "src/deploy/worker.h"

struct target {
    const char *name;
    /* Finds endpoints; with a chain in the worker also fills the plan for the asked one. Read-only.
     */
    int (*discover)(struct worker *w, struct step *s, struct err *e);
    /* Shell that makes the server load the staged pair aside; CERT, KEY and DIR are set. */
    void (*add_trial)(const struct plan *p, struct buf *script);
    /* Shell that prints the whole live configuration: config_sha256 of the plan is its hash. */
    void (*add_dump)(const struct plan *p, struct buf *script);
    /* Shell that tests the live configuration. */
    void (*add_test)(const struct plan *p, struct buf *script);
    /* Shell that makes the running server take the files up without dropping connections. */
    void (*add_reload)(const struct plan *p, struct buf *script);
    /* Shell that starts the server when it is dead, in a rollback only. */
    void (*add_start)(const struct plan *p, struct buf *script);
    int verify_seconds;
};
extern const struct target target_nginx;
const struct target *target_find(const char *server_type); /* NULL if unknown */

/* Fills ->final, hashes, owner, mode, context of every plan file; notes what forbids or endangers
 * the change. */
int files_inspect(struct worker *w, struct plan *p, struct err *e);
