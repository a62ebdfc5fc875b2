/*
 * Deploy: drives a worker through the steps of src/model/deploy.h. Intent is journalled before each
 * step, outcome after it. A job that was interrupted looks first (OBSERVE) and goes on from what it
 * finds, by the table below. A failure before SWITCH cleans up, after it rolls back.
 */
#include "src/core/flow/deploy.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"

#define BUNDLE_MAX 65536

/* Where to go on after a restart: last intent, what OBSERVE found, next step. */
static const struct {
    enum deploy_step first, last; /* range of the last step with an intent */
    enum deploy_outcome seen;
    enum deploy_step next;
} resume_table[] = {
    {DEPLOY_BACKUP, DEPLOY_ARM, OUTCOME_OLD, DEPLOY_BACKUP},
    {DEPLOY_BACKUP, DEPLOY_ARM, OUTCOME_ROLLED_BACK, DEPLOY_BACKUP},
    {DEPLOY_SWITCH, DEPLOY_COMMIT, OUTCOME_OLD, DEPLOY_BACKUP},
    {DEPLOY_SWITCH, DEPLOY_COMMIT, OUTCOME_MIXED, DEPLOY_ROLLBACK},
    {DEPLOY_BACKUP, DEPLOY_COMMIT, OUTCOME_NEW, DEPLOY_ACTIVATE},
    {DEPLOY_BACKUP, DEPLOY_COMMIT, OUTCOME_NEW_SERVED, DEPLOY_VERIFY},
    {DEPLOY_BACKUP, DEPLOY_ARM, OUTCOME_MIXED, DEPLOY_ROLLBACK},
    {DEPLOY_ROLLBACK, DEPLOY_ROLLBACK, OUTCOME_OLD, DEPLOY_ROLLBACK},
    {DEPLOY_ROLLBACK, DEPLOY_ROLLBACK, OUTCOME_NEW, DEPLOY_ROLLBACK},
    {DEPLOY_ROLLBACK, DEPLOY_ROLLBACK, OUTCOME_NEW_SERVED, DEPLOY_ROLLBACK},
    {DEPLOY_ROLLBACK, DEPLOY_ROLLBACK, OUTCOME_MIXED, DEPLOY_ROLLBACK},
    {DEPLOY_CLEAN, DEPLOY_CLEAN, OUTCOME_OLD, DEPLOY_CLEAN},
    {DEPLOY_CLEAN, DEPLOY_CLEAN, OUTCOME_ROLLED_BACK, DEPLOY_CLEAN},
};

void deploy_done(struct deploy *d)
{
    worker_stop(d->worker);
    fields_free(&cert_fields, &d->cert);
    fields_free(&server_fields, &d->server);
    fields_free(&key_fields, &d->key);
}

int deploy_load(struct run *r, struct deploy *d, struct err *e)
{
    d->run = r;
    if (load(r->core, TABLE_CERT, r->job.cert, &d->cert, e) < 0)
        return err_wrap(e, "certificate");
    if (load(r->core, TABLE_SERVER, r->job.server, &d->server, e) < 0)
        return err_wrap(e, "server");
    if (str_eq(d->server.state, "Disabled"))
        return err_set(e, ERR_CONFLICT, "server %s is disabled: enable it, then retry",
                       d->server.description);
    if (text_of(d->cert.key)[0] && load(r->core, TABLE_KEY, d->cert.key, &d->key, e) < 0)
        return err_wrap(e, "key");
    return 0;
}

int deploy_connect(struct deploy *d, struct err *e)
{
    OWN(buf_free)
    struct buf request = BUF(512 * 1024);
    if (deploy_request_of(d, &request, e) < 0)
        return -1;
    const struct worker_for who = worker_for_run(d->run);
    return worker_start(&who, &d->server, buf_blob(&request), blob_str(text_of(d->cert.chain)),
                        bytes_blob(&d->key.spki), &d->worker, e);
}

/* Runs one step with its journal entries. The result is the step's; -1 only for our own trouble. */
int deploy_step_run(struct deploy *d, enum deploy_step step, struct blob bundle,
                    struct step_result *res, struct err *e)
{
    struct run *r = d->run;
    r->job.resume_step = step;
    if (run_intent(r, deploy_step_title(step), e) < 0)
        return -1;
    if (worker_step(d->worker, step, bytes_blob(&r->job.plan), bundle, res, e) < 0)
        return -1;
    if (res->plan.n)
        bytes_set(&r->job.plan, bytes_blob(&res->plan));
    if (res->evidence && res->evidence[0])
        run_log(r, "%s", res->evidence);
    bool failed = res->outcome == OUTCOME_FAILED || res->outcome == OUTCOME_RETRY ||
                  res->outcome == OUTCOME_HOST_KEY;
    if (failed)
        return run_step_failed(r, deploy_step_title(step), text_of(res->text), e);
    return run_done(r, deploy_step_title(step), text_of(res->text), e);
}

static int simple_step(struct deploy *d, enum deploy_step step, struct step_result *res,
                       struct err *e)
{
    OWN(buf_free)
    struct buf bundle = BUF_SECRET(BUNDLE_MAX);
    if (step == DEPLOY_STAGE &&
        worker_export_key(d->worker, &d->key, blob_str(text_of(d->cert.chain)), &bundle, e) < 0)
        return -1;
    return deploy_step_run(d, step, buf_blob(&bundle), res, e);
}

static int end_failed(struct deploy *d, const char *state, enum deploy_cause cause,
                      const char *text, struct err *e)
{
    const char *status = str_eq(state, "Rolled Back") ? "Rolled Back" : NULL;
    if (job_brings(&d->run->job) &&
        cert_mark_failed(d->run->core, d->cert.id, status, cause, text, e) < 0)
        return -1;
    return run_finish(d->run, state, cause, text, deploy_advice(cause), e);
}

/* Why a job gives up, kept by the intent of the step that puts things right, for a resume. */
static void keep_why(struct run *r, enum deploy_cause cause, const char *why)
{
    text_set(&r->job.error, why);
    text_set(&r->job.cause, cause_names[cause]);
}

static enum deploy_cause kept_cause(const struct run *r)
{
    for (enum deploy_cause c = CAUSE_NONE; c < CAUSE_COUNT; c++)
        if (str_eq(text_of(r->job.cause), cause_names[c]))
            return c;
    return CAUSE_INTERNAL;
}

/* Puts everything back and says why. The rollback itself failing is retried, for the server needs
 * it. */
static int roll_back(struct deploy *d, enum deploy_cause cause, const char *why, struct err *e)
{
    OWN(step_result_free)
    struct step_result res = {0};
    OWN(own_mem)
    char *reason = xstrdup(why);
    keep_why(d->run, cause, reason);
    if (deploy_step_run(d, DEPLOY_ROLLBACK, BLOB(NULL, 0), &res, e) < 0)
        return -1;
    if (res.outcome != OUTCOME_OK && res.outcome != OUTCOME_ROLLED_BACK) {
        OWN(own_mem)
        char *text =
            xasprintf("%s; putting the old certificate back failed: %s", reason, text_of(res.text));
        return run_wait(d->run, "Waiting", now_s() + backoff_s(d->run->job.attempts, INT64_MAX),
                        res.cause, text, e);
    }
    return end_failed(d, "Rolled Back", cause, reason, e);
}

static int clean_up(struct deploy *d, const char *state, enum deploy_cause cause, const char *why,
                    struct err *e)
{
    OWN(step_result_free)
    struct step_result res = {0};
    OWN(own_mem)
    char *reason = xstrdup(why);
    keep_why(d->run, cause, reason);
    if (deploy_step_run(d, DEPLOY_CLEAN, BLOB(NULL, 0), &res, e) < 0)
        return -1;
    return end_failed(d, state, cause, reason, e);
}

/* A step did not do what it should: what now? Transient trouble before any change is tried again.
 */
static int step_failed(struct deploy *d, enum deploy_step step, const struct step_result *res,
                       struct err *e)
{
    struct run *r = d->run;
    OWN(own_mem)
    char *text = xasprintf("%s: %s", deploy_step_title(step), text_of(res->text));
    if (step > DEPLOY_ARM)
        return roll_back(d, res->cause, text, e);
    if (res->outcome == OUTCOME_HOST_KEY)
        return deploy_host_key(d, res, e);
    if (res->outcome == OUTCOME_RETRY) {
        int64_t left = d->cert.not_after > now_s() ? d->cert.not_after - now_s() : INT64_MAX;
        if (job_brings(&r->job) && cert_mark_retrying(r->core, d->cert.id, res->cause, text, e) < 0)
            return -1;
        return run_wait(r, "Waiting", now_s() + backoff_s(r->job.attempts, left), res->cause, text,
                        e);
    }
    if (step > DEPLOY_PLAN)
        return clean_up(d, "Failed", res->cause, text, e);
    return end_failed(d, "Failed", res->cause, text, e);
}

/* What was approved is not what would be done: a person looks again. */
static int ask_again(struct deploy *d, const struct step_result *res, struct err *e)
{
    struct run *r = d->run;
    r->job.approved = false;
    text_set(&r->job.approved_by, "");
    bytes_free(&r->job.approved_plan);
    r->job.resume_step = DEPLOY_PLAN;
    return run_wait(r, "Needs Approval", 0, res->cause, text_of(res->text), e);
}

/* 1: go on; 0: the run has ended or waits; -1: trouble. */
static int after_plan(struct deploy *d, const struct step_result *res, struct err *e)
{
    struct run *r = d->run;
    text_set(&r->job.plan_text, res->evidence);
    r->job.unchanged = res->outcome == OUTCOME_NO_CHANGE;
    if (r->job.unchanged && !r->job.redeploy) {
        if (job_brings(&r->job) && deploy_mark_deployed(d, NULL, e) < 0)
            return -1;
        return run_finish(r, "No Change", CAUSE_NONE, NULL,
                          "The certificate is already configured and served.", e);
    }
    if (r->job.dry_run)
        return run_finish(r, "Done", CAUSE_NONE, NULL,
                          "Dry run: nothing was changed. Deploy to carry the plan out.", e);
    if (res->outcome == OUTCOME_PLAN_CHANGED)
        return ask_again(d, res, e);
    bool review = res->outcome == OUTCOME_NEEDS_REVIEW;
    if (review &&
        r->job.approved) /* what an approval cannot settle, such as unknown configuration */
        return end_failed(d, "Failed", CAUSE_CONFIGURATION, text_of(res->text), e);
    OWN(own_mem)
    char *asked = NULL; /* by a policy */
    if (deploy_approval(d, &asked, e) < 0)
        return -1;
    r->job.resume_step = DEPLOY_PLAN;
    if (asked || ((review || str_eq(d->cert.approval, "manual")) && !r->job.approved))
        return run_wait(r, "Needs Approval", 0,
                        review  ? res->cause
                        : asked ? CAUSE_POLICY
                                : CAUSE_NONE,
                        review ? text_of(res->text) : asked, e);
    return deploy_window(d, e);
}

static int run_steps(struct deploy *d, enum deploy_step from, struct err *e)
{
    OWN(own_mem)
    char *said = NULL; /* by the last step */

    for (enum deploy_step step = from; step <= DEPLOY_COMMIT; step++) {
        OWN(step_result_free)
        struct step_result res = {0};
        if (step > DEPLOY_PLAN && step <= DEPLOY_ARM && run_cancelled(d->run))
            return clean_up(d, "Cancelled", CAUSE_NONE, "cancelled; nothing was changed", e);
        if (step == DEPLOY_ACTIVATE && run_cancelled(d->run))
            return roll_back(d, CAUSE_NONE, "cancelled", e);
        if (simple_step(d, step, &res, e) < 0)
            return -1;
        bool planned = step == DEPLOY_PLAN &&
                       (res.outcome == OUTCOME_NO_CHANGE || res.outcome == OUTCOME_NEEDS_REVIEW ||
                        res.outcome == OUTCOME_PLAN_CHANGED);
        if (res.outcome != OUTCOME_OK && !planned)
            return step_failed(d, step, &res, e);
        if (step == DEPLOY_PLAN) {
            int go = after_plan(d, &res, e);
            if (go != 1)
                return go;
        }
        free(said);
        said = xstrdup(text_of(res.evidence));
    }
    if (deploy_mark_deployed(d, said, e) < 0)
        return -1;
    return run_finish(d->run, "Done", CAUSE_NONE, NULL, NULL, e);
}

/* Rolls back or cleans up after an interruption, for the reason its first attempt had, if any. */
static int put_right(struct deploy *d, enum deploy_step last, enum deploy_step how, struct err *e)
{
    struct run *r = d->run;
    const bool begun = last == how && text_of(r->job.error)[0];
    if (how == DEPLOY_ROLLBACK)
        return roll_back(d, begun ? kept_cause(r) : CAUSE_VERIFICATION,
                         begun ? r->job.error : "interrupted while switching", e);
    enum deploy_cause cause = begun ? kept_cause(r) : CAUSE_INTERNAL;
    return clean_up(d, cause == CAUSE_NONE ? "Cancelled" : "Failed", cause,
                    begun ? r->job.error : "interrupted while cleaning up", e);
}

/* After a restart: connect, look, and go on by the table. */
static int resume(struct deploy *d, struct err *e)
{
    struct run *r = d->run;
    const enum deploy_step last = (enum deploy_step)r->job.resume_step;
    OWN(step_result_free)
    struct step_result seen = {0}, conn = {0};
    if (worker_step(d->worker, DEPLOY_CONNECT, bytes_blob(&r->job.plan), BLOB(NULL, 0), &conn, e) <
        0)
        return -1;
    if (conn.outcome != OUTCOME_OK)
        return run_wait(r, "Waiting", now_s() + backoff_s(r->job.attempts, INT64_MAX), conn.cause,
                        text_of(conn.text), e);
    if (worker_step(d->worker, DEPLOY_OBSERVE, bytes_blob(&r->job.plan), BLOB(NULL, 0), &seen, e) <
        0)
        return -1;
    run_log(r, "resumed after step %s: %s", deploy_step_title(last), text_of(seen.text));
    if (seen.plan.n)
        bytes_set(&r->job.plan, bytes_blob(&seen.plan));
    if (seen.outcome == OUTCOME_ROLLED_BACK && last >= DEPLOY_SWITCH)
        return roll_back(d, CAUSE_VERIFICATION,
                         "the server's rollback timer put the old certificate back", e);
    for (size_t i = 0; i < COUNT(resume_table); i++) {
        if (last < resume_table[i].first || last > resume_table[i].last ||
            seen.outcome != resume_table[i].seen)
            continue;
        enum deploy_step next = resume_table[i].next;
        if (next == DEPLOY_ROLLBACK || next == DEPLOY_CLEAN)
            return put_right(d, last, next, e);
        return run_steps(d, next, e);
    }
    return run_wait(r, "Waiting", now_s() + backoff_s(r->job.attempts, INT64_MAX), seen.cause,
                    text_of(seen.text), e);
}

/* The scheduled plan binds what follows an issue or a renewal; a person who asks deploys at once.
 */
static bool too_early(const struct deploy *d)
{
    return text_of(d->run->job.follows)[0] && d->cert.deploy_after > now_s();
}

/* Cancelled while it waited: what failed before is not tried again. */
static int cancelled_before(struct run *r, struct err *e)
{
    if (run_finish(r, "Cancelled", CAUSE_NONE, "cancelled; nothing was changed", NULL, e) < 0)
        return -1;
    return cert_settle_job(r, e);
}

int flow_deploy(struct run *r, struct err *e)
{
    OWN(deploy_done)
    struct deploy d = {0};
    if (deploy_load(r, &d, e) < 0) {
        if (e->code != ERR_NOT_FOUND && e->code != ERR_CONFLICT)
            return -1;
        OWN(own_mem)
        char *text = xstrdup(e->text);
        return end_failed(&d, "Failed", CAUSE_POLICY, text, e);
    }
    if (text_of(d.cert.chain)[0] == '\0' || text_of(d.cert.key)[0] == '\0')
        return end_failed(
            &d, "Failed", CAUSE_POLICY,
            "the certificate has not been issued here: issue it first, its key must be in the HSM",
            e);
    if (r->job.resume_step <= DEPLOY_PLAN && run_cancelled(r))
        return cancelled_before(r, e);
    if (r->job.resume_step == 0 && too_early(&d))
        return run_wait(r, "Waiting", d.cert.deploy_after, CAUSE_NONE,
                        "waits for the time of Deploy After", e);
    /* A plan that was made waits without a connection. */
    if (r->job.resume_step == DEPLOY_PLAN && !r->job.dry_run) {
        int open = deploy_window(&d, e);
        if (open != 1)
            return open;
    }
    if (deploy_connect(&d, e) < 0)
        return -1;
    if (r->job.resume_step > DEPLOY_PLAN)
        return resume(&d, e);
    return run_steps(&d, DEPLOY_CONNECT, e);
}

int flow_rollback(struct run *r, struct err *e)
{
    OWN(deploy_done)
    struct deploy d = {0};
    OWN(step_result_free)
    struct step_result res = {0};
    if (deploy_load(r, &d, e) < 0 || deploy_last_plan(&d, e) < 0 || deploy_connect(&d, e) < 0)
        return -1;
    if (deploy_step_run(&d, DEPLOY_CONNECT, BLOB(NULL, 0), &res, e) < 0)
        return -1;
    if (res.outcome != OUTCOME_OK)
        return step_failed(&d, DEPLOY_CONNECT, &res, e);
    step_result_free(&res);
    if (deploy_step_run(&d, DEPLOY_ROLLBACK, BLOB(NULL, 0), &res, e) < 0)
        return -1;
    if (res.outcome != OUTCOME_OK)
        return end_failed(&d, "Failed", res.cause, text_of(res.text), e);
    if (deploy_mark_rolled_back(&d, res.evidence, e) < 0)
        return -1;
    return run_finish(r, "Done", CAUSE_NONE, NULL, NULL, e);
}
