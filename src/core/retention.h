/*
 * Ended work is kept for a configurable time and then taken away: jobs with their journals and
 * logs, ended sessions, answers kept for repeated requests. Never: the audit, a job that a
 * certificate or an order still names, and the deployment a certificate can be rolled back to.
 */
#pragma once
#include "src/core/core.h"
#include "src/model/retention.h"

/* The setting, and the revision of its record (0: never set, the defaults). */
int retention_get(struct txn *t, struct retention *out, int64_t *rev, struct err *e);
int retention_put(struct txn *t, const struct retention *r, struct err *e);

/* Where a walk over ended jobs is: those that stay are not looked at again and again. */
struct retention_walk {
    int64_t from; /* finished_at to go on with; 0: from the start */
};
struct retention_run {
    size_t jobs, sessions, answers;
    bool more; /* something that is due may be left */
};
/* One small step: a single transaction with its audit record, if anything was taken away. */
int retention_step(struct db *db, struct retention_walk *w, struct retention_run *out,
                   struct err *e);
/* By the clock: a step each ten minutes, and at once while there is more. */
int retention_tick(struct core *core, struct err *e);
/* The setting has changed: the next tick is a step. */
void retention_wake(void);
