/*
 * Jobs (design decision 9): made in the transaction of whoever asks, run in a fiber each,
 * journalled before and after every outside step, resumed by observation after any kind of death.
 * At most one job changes a server at a time; jobs of different servers run side by side.
 */
#pragma once
#include "src/base/enc.h"
#include "src/core/core.h"
#include "src/model/deploy.h"

struct jobs *jobs_new(struct core *core);
/* Starts what is due; called at start-up, by the clock, and after a commit that made a job. */
void jobs_kick(struct core *core);
/* After a restart every job found Running is due again at once. */
int jobs_recover(struct core *core, struct err *e);

enum job_kind {
    JOB_ISSUE,
    JOB_DEPLOY,
    JOB_ROLLBACK,
    JOB_SERVER_CHECK,
    JOB_CONNECTOR_CHECK,
    JOB_REVOKE,
    JOB_KINDS
};

struct job_request {
    enum job_kind kind;
    const char *cert, *server, *connector, *order, *follows; /* ids or NULL */
    const char *subject;                                     /* name for the title */
    const char *requested_by;
    bool dry_run, redeploy;
};
/* Makes a job Queued in the caller's transaction; its id is written. Call jobs_kick after the
 * commit. */
int job_create(struct txn *t, const struct job_request *r, char id[ID_CHARS + 1], struct err *e);

/* Queued, Running, Waiting or Needs Approval: more of it is to come. */
bool job_is_open(const struct job *j);
/* Queued again; one that has ended begins anew, for what it changed was put back or never happened.
 */
void job_again(struct job *j);

/* A job under way. */
struct run {
    struct core *core;
    struct job job;
    bool finished; /* a final or waiting state has been committed */
    uint64_t lost; /* core->lost as the attempt began */
};

/* Each commits the journal entry, the job record and the audit record in one transaction. */
int run_intent(struct run *r, const char *step, struct err *e);
int run_done(struct run *r, const char *step, const char *text, struct err *e);
int run_step_failed(struct run *r, const char *step, const char *text, struct err *e);
/* A line of the live log. Never a secret: those who write lines mask them. */
void run_log(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * Has a process of the appliance gone away during this attempt? Then what the attempt says of its
 * failure is no finding: the flow returns -1, and the job looks at the world again at once. Only in
 * a fiber: it gives the news a moment to arrive.
 */
bool run_interrupted(struct run *r);
/* The end: `state` is a final one of job.def; error and advice may be NULL. */
int run_finish(struct run *r, const char *state, enum deploy_cause cause, const char *error,
               const char *advice, struct err *e);
/* Not the end: runs again at `at` (seconds; 0: when a person acts). */
int run_wait(struct run *r, const char *state, int64_t at, enum deploy_cause cause,
             const char *error, struct err *e);
/* Has somebody asked to stop? Reads the store. */
bool run_cancelled(struct run *r);
/* Seconds to wait: doubles from 5 s up to an hour, never more than a tenth of the time left. */
int64_t backoff_s(int64_t attempts, int64_t seconds_left);

int flow_issue(struct run *r, struct err *e);
int flow_deploy(struct run *r, struct err *e);
int flow_rollback(struct run *r, struct err *e);
int flow_server_check(struct run *r, struct err *e);
int flow_connector_check(struct run *r, struct err *e);
int flow_revoke(struct run *r, struct err *e);

/* Test builds stop here (SIGSTOP) when the fault file names step and `when` ("before", "after"). */
void fault_point(struct core *core, const char *step, const char *when);
