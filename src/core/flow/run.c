/* What every flow does around its steps: journal, log, end, wait; each change in one transaction
 * with its audit record. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/events.h"
#include "src/core/flow/parts.h"

#define LOG_LINE_BYTES 1000
#define NEWS_MS 20 /* an answer may overtake the news that a third process ended */

static int journal_add(struct txn *t, const char *job, const char *step, const char *phase,
                       const char *text, struct err *e)
{
    OWN(own_json)
    json_t *o = json_object();
    OWN(buf_free)
    struct buf line = BUF(8192);
    json_put_now(o);
    json_put_str(o, "step", step);
    json_put_str(o, "event", phase);
    json_put_str(o, "text", text ? text : "");
    if (json_print(o, &line, e) < 0)
        return -1;
    return trail_add(t, TRAIL_JOURNAL, job, buf_blob(&line), NULL, e);
}

static int audit_step(struct txn *t, const struct run *r, const char *action, const char *result,
                      const char *detail, struct err *e)
{
    OWN(own_mem)
    char *object = xasprintf("job/%s", r->job.id);
    struct audit_entry a = {.actor = r->job.requested_by ? r->job.requested_by : "system",
                            .client = "",
                            .action = action,
                            .object = object,
                            .name = r->job.title,
                            .result = result,
                            .detail = detail ? detail : ""};
    return audit_add(t, &a, e);
}

/* Writes r->job over the stored record, but keeps what others may have set meanwhile: the wish to
 * cancel. A plan is approved only while its job waits. */
static int job_save(struct txn *t, struct run *r, struct err *e)
{
    OWN(own_job)
    struct job stored = {0};
    if (row_get(t, TABLE_JOB, r->job.id, &stored, e) < 0)
        return -1;
    r->job.rev = stored.rev;
    r->job.cancelling = r->job.cancelling || stored.cancelling;
    return row_put(t, TABLE_JOB, &r->job, e);
}

static int step_commit(struct run *r, const char *step, const char *phase, const char *text,
                       struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *detail =
        xasprintf("%s %s%s%s", step, phase, text && text[0] ? ": " : "", text ? text : "");
    text_set(&r->job.step, step);
    if (txn_begin(r->core->db, true, &t, e) < 0 || job_save(t, r, e) < 0 ||
        journal_add(t, r->job.id, step, phase, text, e) < 0 ||
        audit_step(t, r, "job.step", str_eq(phase, "failed") ? "failed" : "ok", detail, e) < 0)
        return err_wrap(e, "journal");
    return txn_commit(&t, e);
}

int run_intent(struct run *r, const char *step, struct err *e)
{
    fault_point(r->core, step, "before");
    return step_commit(r, step, "before", NULL, e);
}

int run_done(struct run *r, const char *step, const char *text, struct err *e)
{
    if (step_commit(r, step, "after", text, e) < 0)
        return -1;
    run_log(r, "%s: %s", step, text && text[0] ? text : "done");
    fault_point(r->core, step, "after");
    return 0;
}

int run_step_failed(struct run *r, const char *step, const char *text, struct err *e)
{
    run_log(r, "%s: FAILED: %s", step, text);
    return step_commit(r, step, "failed", text, e);
}

void run_log(struct run *r, const char *fmt, ...)
{
    char line[LOG_LINE_BYTES];
    struct err e = {0};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    OWN(own_json)
    json_t *o = json_object();
    OWN(buf_free)
    struct buf text = BUF(8192);
    json_put_now(o);
    json_put_str(o, "line",
                 utf8_valid(line, strlen(line)) ? line : "(a line that is not UTF-8 was left out)");
    OWN(txn_abort)
    struct txn *t = NULL;
    uint64_t seq = 0;
    if (json_print(o, &text, &e) < 0 || txn_begin(r->core->db, true, &t, &e) < 0 ||
        trail_add(t, TRAIL_LOG, r->job.id, buf_blob(&text), &seq, &e) < 0 ||
        txn_commit_later(&t, &e) < 0) {
        log_warn("job.log", "job=%s error=%s", r->job.id, log_q(e.text));
        return;
    }
    events_log_line(r->core->events, r->job.id, seq, o);
}

static int end_commit(struct run *r, const char *result, const char *detail, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(r->core->db, true, &t, e) < 0 || job_save(t, r, e) < 0 ||
        audit_step(t, r, "job.end", result, detail, e) < 0 || txn_commit(&t, e) < 0)
        return err_wrap(e, "end of job");
    r->finished = true;
    return 0;
}

int run_finish(struct run *r, const char *state, enum deploy_cause cause, const char *error,
               const char *advice, struct err *e)
{
    bool good = str_eq(state, "Done") || str_eq(state, "No Change");
    text_set(&r->job.state, state);
    text_set(&r->job.cause, cause_names[cause]);
    text_set(&r->job.error, error);
    text_set(&r->job.advice, advice);
    r->job.next_at = 0;
    r->job.finished_at = now_s();
    OWN(own_mem)
    char *detail = xasprintf("%s%s%s", state, error && error[0] ? ": " : "", error ? error : "");
    run_log(r, "%s", detail);
    return end_commit(r, good ? "ok" : "failed", detail, e);
}

int run_wait(struct run *r, const char *state, int64_t at, enum deploy_cause cause,
             const char *error, struct err *e)
{
    const char *advice = NULL;
    if (str_eq(state, "Needs Approval"))
        advice = "Read the plan. Approve it to go on, or cancel the job: nothing was changed.";
    else if (cause != CAUSE_NONE)
        advice = "It is tried again by itself. Mend what is named above; retry to go on at once.";
    text_set(&r->job.state, state);
    text_set(&r->job.cause, cause_names[cause]);
    text_set(&r->job.advice, advice);
    text_set(&r->job.error, error);
    r->job.next_at = at;
    OWN(own_mem)
    char *detail = xasprintf("%s%s%s", state, error && error[0] ? ": " : "", error ? error : "");
    run_log(r, "%s", detail);
    return end_commit(r, "ok", detail, e);
}

bool run_interrupted(struct run *r)
{
    if (r->core->lost == r->lost)
        fiber_sleep(r->core->loop, NEWS_MS);
    return r->core->lost != r->lost;
}

bool run_cancelled(struct run *r)
{
    struct err e = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_job)
    struct job stored = {0};
    if (txn_begin(r->core->db, false, &t, &e) < 0 ||
        row_get(t, TABLE_JOB, r->job.id, &stored, &e) < 0)
        return false;
    r->job.cancelling = stored.cancelling;
    return stored.cancelling;
}

int64_t backoff_s(int64_t attempts, int64_t seconds_left)
{
    int64_t shift = attempts < 1 ? 0 : attempts > 10 ? 10 : attempts - 1;
    int64_t wait = (int64_t)5 << shift;
    if (wait > 3600)
        wait = 3600;
    if (seconds_left / 10 < wait)
        wait = seconds_left / 10;
    return wait < 5 ? 5 : wait;
}
