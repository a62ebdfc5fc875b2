/* Jobs: list, page with steps, approve, cancel, retry, roll back, log, report. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/api/job_steps.h"
#include "src/core/api/trail_json.h"
#include "src/core/flow/deploy.h"
#include "src/core/policies.h"
#include "src/model/order_state.h"

int on_jobs_list(struct api *a, struct err *e)
{
    return api_list(a, TABLE_JOB, e);
}

struct followers {
    const char *job;
    json_t *ids;
};

static int follower(void *record, void *arg, struct err *e)
{
    const struct job *j = record;
    struct followers *f = arg;
    (void)e;
    if (!str_eq(j->follows, f->job))
        return 1;
    json_array_append_new(f->ids, json_string(j->id));
    return 0;
}

int on_jobs_get(struct api *a, struct err *e)
{
    OWN(own_job)
    struct job j = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, false, &t, e) < 0 || row_get(t, TABLE_JOB, a->param, &j, e) < 0)
        return -1;
    OWN(own_json)
    json_t *journal = trail_json(t, TRAIL_JOURNAL, j.id, 1, e);
    if (journal == NULL)
        return -1;
    json_t *items = json_object_get(journal, "items");
    json_t *o = api_record_json(TABLE_JOB, &j);
    json_put_take(o, "steps", job_steps(&j, items));
    json_object_set(o, "journal", items);
    json_t *next = json_array();
    json_put_take(o, "follows_up", next);
    if (row_each(t, TABLE_JOB, "follows", j.id, follower, &(struct followers){j.id, next}, e) < 0) {
        json_decref(o);
        return -1;
    }
    api_etag(a, TABLE_JOB, &j);
    return api_json(a, 200, o, e);
}

int on_jobs_log(struct api *a, struct err *e)
{
    OWN(own_job)
    struct job j = {0};
    OWN(own_mem)
    char *text = api_query_get(a, "from");
    OWN(txn_abort)
    struct txn *t = NULL;
    uint64_t from = 1;
    if (text && parse_u64(text, 1, INT64_MAX, &from, e) < 0)
        return err_wrap(e, "from");
    if (txn_begin(a->core->db, false, &t, e) < 0 || row_get(t, TABLE_JOB, a->param, &j, e) < 0)
        return -1;
    json_t *o = trail_json(t, TRAIL_LOG, j.id, from, e);
    if (o == NULL)
        return -1;
    json_t *items = json_object_get(o, "items");
    size_t n = json_array_size(items);
    int64_t next = n ? json_int(json_array_get(items, n - 1), "seq") + 1 : (int64_t)from;
    json_put_int(o, "next", next);
    return api_json(a, 200, o, e);
}

static void add_trail(struct buf *out, const char *title, const json_t *items,
                      const char *const *members)
{
    buf_addf(out, "\n%s\n", title);
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *x = json_array_get(items, i);
        for (const char *const *m = members; *m; m++)
            buf_addf(out, "%s%s", m == members ? "" : "  ", json_str(x, *m));
        buf_addc(out, '\n');
    }
}

int on_jobs_report(struct api *a, struct err *e)
{
    static const char *const journal_members[] = {"time", "event", "step", "text", NULL};
    static const char *const log_members[] = {"time", "line", NULL};
    OWN(own_job)
    struct job j = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(buf_free)
    struct buf out = BUF(4 * 1024 * 1024);
    char at[TIME_TEXT_BYTES];
    if (txn_begin(a->core->db, false, &t, e) < 0 || row_get(t, TABLE_JOB, a->param, &j, e) < 0)
        return -1;
    OWN(own_json)
    json_t *journal = trail_json(t, TRAIL_JOURNAL, j.id, 1, e);
    OWN(own_json)
    json_t *log = journal ? trail_json(t, TRAIL_LOG, j.id, 1, e) : NULL;
    if (log == NULL)
        return -1;
    time_print(now_s(), at);
    buf_addf(&out, "%s\njob       %s\nstate     %s\nasked by  %s\nattempts  %lld\nreport    %s\n",
             j.title, j.id, j.state, text_of(j.requested_by), (long long)j.attempts, at);
    if (text_of(j.error)[0])
        buf_addf(&out, "error     %s\ncause     %s\nto do     %s\n", j.error, text_of(j.cause),
                 text_of(j.advice));
    if (text_of(j.plan_text)[0])
        buf_addf(&out, "\nPlan\n%s\n", j.plan_text);
    add_trail(&out, "Journal", json_object_get(journal, "items"), journal_members);
    add_trail(&out, "Log", json_object_get(log, "items"), log_members);
    return api_text(a, "text/plain; charset=utf-8", NULL, buf_blob(&out), e);
}

/* A change of a job that waits for people; runs it again when `run` says so. */
static int change(struct api *a,
                  int (*edit)(struct api *a, struct txn *t, struct job *j, struct err *e),
                  const char *what, struct err *e)
{
    OWN(own_job)
    struct job j = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_JOB, a->param, &j, e) < 0 ||
        edit(a, t, &j, e) < 0 || row_put(t, TABLE_JOB, &j, e) < 0 ||
        cert_follow_job(t, &j, e) < 0 || api_audit(a, t, "job", j.id, j.title, what, e) < 0 ||
        txn_commit(&t, e) < 0)
        return -1;
    jobs_kick(a->core);
    return api_record(a, 200, TABLE_JOB, &j, e);
}

/* Four eyes, where a policy asks for them. */
static int demand_second_person(struct api *a, struct txn *t, const struct job *j, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(policy_limits_free)
    struct policy_limits l = {0};
    if (text_of(j->cert)[0] == '\0')
        return 0;
    if (row_get(t, TABLE_CERT, j->cert, &c, e) < 0 || policies_judge(t, &c, NULL, &l, e) < 0)
        return -1;
    if (l.approval != APPROVAL_FOUR_EYES || deploy_second_person(&c, j, api_user(a)))
        return 0;
    return err_set(
        e, ERR_DENIED,
        "policy %s asks for a second person: you configured the certificate or asked for "
        "this deployment; have somebody else approve it",
        l.approval_by);
}

static int edit_approve(struct api *a, struct txn *t, struct job *j, struct err *e)
{
    if (!str_eq(j->state, "Needs Approval"))
        return err_set(e, ERR_CONFLICT, "the job is %s: there is nothing to approve", j->state);
    if (api_check_match(a, j->rev, e) < 0 || demand_second_person(a, t, j, e) < 0)
        return -1;
    j->approved = true;
    bytes_set(&j->approved_plan, bytes_blob(&j->plan));
    text_set(&j->approved_by, api_user(a));
    text_set(&j->state, "Queued");
    text_set(&j->error, "");
    j->next_at = now_s();
    return 0;
}

int on_jobs_approve(struct api *a, struct err *e)
{
    return change(a, edit_approve, "plan approved", e);
}

static int edit_cancel(struct api *a, struct txn *t, struct job *j, struct err *e)
{
    (void)t;
    (void)a;
    if (!job_is_open(j))
        return err_set(e, ERR_CONFLICT, "the job has ended: %s", j->state);
    j->cancelling = true;
    if (str_eq(j->state, "Needs Approval") || (str_eq(j->state, "Queued") && j->attempts == 0)) {
        text_set(&j->state, "Cancelled"); /* nothing was begun */
        j->next_at = 0;
        j->finished_at = now_s();
    } else if (!str_eq(j->state, "Running")) {
        j->next_at = now_s();
    }
    return 0;
}

int on_jobs_cancel(struct api *a, struct err *e)
{
    return change(a, edit_cancel, "cancel asked for", e);
}

/* What an issue forgets, to make it anew: an order that has ended, or from which step on was asked.
 */
static int forget(struct txn *t, struct job *j, const char *step, struct err *e)
{
    OWN(own_order)
    struct order o = {0};
    bool over = false;
    if (step[0] && !job_has_step(j, step))
        return err_set(e, ERR_INPUT, "step: a job of kind %s has no step '%s'", j->kind, step);
    if (!str_eq(j->kind, "issue"))
        return 0;
    if (text_of(j->order)[0]) {
        if (row_get(t, TABLE_ORDER, j->order, &o, e) < 0)
            return -1;
        enum order_state s = order_state_parse(o.state);
        over = s > ORDER_APPROVAL_PENDING && s != ORDER_ISSUED;
        if (!over && s != ORDER_ISSUED && step[0] && !str_eq(step, "check"))
            return err_set(e, ERR_CONFLICT, "step: the order is %s; cancel it first", o.state);
    }
    bool key = str_eq(step, "key");
    if (key)
        text_set(&j->key, "");
    if (over || key || str_eq(step, "csr") || str_eq(step, "order"))
        text_set(&j->order, "");
    return 0;
}

static int edit_retry(struct api *a, struct txn *t, struct job *j, struct err *e)
{
    static const char *const names[] = {"step", NULL};
    const char *step = "";
    if (a->body &&
        (json_only(a->body, names, e) < 0 || json_opt_str(a->body, "step", 40, &step, e) < 0))
        return -1;
    if (str_eq(j->state, "Running") || str_eq(j->state, "Done") || str_eq(j->state, "No Change"))
        return err_set(e, ERR_CONFLICT, "the job is %s: nothing to retry", j->state);
    if (forget(t, j, step, e) < 0)
        return -1;
    job_again(j);
    return 0;
}

int on_jobs_retry(struct api *a, struct err *e)
{
    if (change(a, edit_retry, "retry asked for", e) < 0)
        return -1;
    return api_accepted(a, a->param, e);
}

int on_certs_retry(struct api *a, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    if (load(a->core, TABLE_CERT, a->param, &c, e) < 0)
        return -1;
    if (text_of(c.job)[0] == '\0')
        return err_set(e, ERR_CONFLICT, "%s has had no job yet: issue it first", c.name);
    if (str_copy(a->param, sizeof a->param, c.job, e) < 0)
        return -1;
    return on_jobs_retry(a, e);
}

int on_jobs_rollback(struct api *a, struct err *e)
{
    OWN(own_job)
    struct job j = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    char id[ID_CHARS + 1];
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_JOB, a->param, &j, e) < 0)
        return -1;
    if (!str_eq(j.kind, "deploy") || !str_eq(j.state, "Done") || j.dry_run)
        return err_set(e, ERR_CONFLICT,
                       "only a finished deployment can be rolled back; this is %s, %s", j.kind,
                       j.state);
    if (j.unchanged)
        return err_set(e, ERR_CONFLICT,
                       "the certificate was served before this deployment, too: roll back the one "
                       "that brought it");
    OWN(own_cert)
    struct cert c = {0};
    if (row_get(t, TABLE_CERT, j.cert, &c, e) < 0)
        return -1;
    struct job_request q = {.kind = JOB_ROLLBACK,
                            .cert = j.cert,
                            .server = j.server,
                            .follows = j.id,
                            .subject = c.name,
                            .requested_by = api_user(a)};
    if (job_create(t, &q, id, e) < 0)
        return -1;
    text_set(&c.job, id);
    if (cert_settle(t, &c, e) < 0 || row_put(t, TABLE_CERT, &c, e) < 0 ||
        api_audit(a, t, "job", j.id, j.title, id, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    jobs_kick(a->core);
    return api_accepted(a, id, e);
}
