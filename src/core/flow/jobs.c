/* The job runner: what is due, what may run now, and the fiber that runs it. */
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/flow/parts.h"

#define RUNNING_MAX 24
#define TICK_MS 1000
#define AGAIN_MAX 5

/* What one running job holds: nothing else may touch its server or its certificate. */
struct hold {
    char job[ID_CHARS + 1];
    char server[ID_CHARS + 1]; /* "" when none */
    char cert[ID_CHARS + 1];
};

struct slot {
    struct hold hold;
    bool used;
};

struct jobs {
    struct core *core;
    struct watch *tick, *soon;
    struct slot slots[RUNNING_MAX];
};

static const struct {
    const char *name;
    const char *title; /* followed by the subject */
    int (*run)(struct run *r, struct err *e);
} kinds[JOB_KINDS] = {
    [JOB_ISSUE] = {"issue", "Issue certificate for", flow_issue},
    [JOB_DEPLOY] = {"deploy", "Deploy", flow_deploy},
    [JOB_ROLLBACK] = {"rollback", "Roll back", flow_rollback},
    [JOB_SERVER_CHECK] = {"server check", "Check server", flow_server_check},
    [JOB_CONNECTOR_CHECK] = {"connector check", "Check CA connector", flow_connector_check},
    [JOB_REVOKE] = {"revoke", "Revoke", flow_revoke},
};

int job_create(struct txn *t, const struct job_request *r, char id[ID_CHARS + 1], struct err *e)
{
    OWN(own_job)
    struct job j = {0};
    fields_init(&job_fields, &j);
    text_set(&j.kind, kinds[r->kind].name);
    OWN(own_mem)
    char *title = xasprintf("%s %s", r->redeploy ? "Redeploy" : kinds[r->kind].title,
                            r->subject ? r->subject : "");
    text_set(&j.title, title);
    text_set(&j.cert, r->cert);
    text_set(&j.server, r->server);
    text_set(&j.connector, r->connector);
    text_set(&j.order, r->order);
    text_set(&j.follows, r->follows);
    text_set(&j.requested_by, r->requested_by);
    j.dry_run = r->dry_run;
    j.redeploy = r->redeploy;
    j.next_at = now_s();
    if (row_put(t, TABLE_JOB, &j, e) < 0)
        return err_wrap(e, "new job");
    return str_copy(id, ID_CHARS + 1, j.id, e);
}

bool job_is_open(const struct job *j)
{
    static const char *const open[] = {"Queued", "Running", "Waiting", "Needs Approval"};
    for (size_t i = 0; i < COUNT(open); i++)
        if (str_eq(j->state, open[i]))
            return true;
    return false;
}

void job_again(struct job *j)
{
    if (!job_is_open(j)) {
        j->resume_step = 0;
        bytes_free(&j->plan);
        j->finished_at = 0;
    }
    j->cancelling = false;
    text_set(&j->state, "Queued");
    text_set(&j->error, "");
    text_set(&j->advice, "");
    text_set(&j->cause, "");
    j->next_at = now_s();
}

static bool same(const char *a, const char *b)
{
    return a[0] != '\0' && strcmp(a, b) == 0;
}

static bool clashes(const struct hold *a, const struct hold *b)
{
    return same(a->job, b->job) || same(a->server, b->server) || same(a->cert, b->cert);
}

static int hold_of(const struct job *j, struct hold *h, struct err *e)
{
    const char *server = j->server ? j->server : "", *cert = j->cert ? j->cert : "";
    if (str_copy(h->job, sizeof h->job, j->id, e) < 0 ||
        str_copy(h->server, sizeof h->server, server, e) < 0)
        return -1;
    return str_copy(h->cert, sizeof h->cert, cert, e);
}

struct start {
    struct core *core;
    struct slot *slot;
};

static int run_begin(struct run *r, const char *id, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(r->core->db, true, &t, e) < 0 || row_get(t, TABLE_JOB, id, &r->job, e) < 0)
        return -1;
    text_set(&r->job.state, "Running");
    r->job.attempts++;
    r->job.next_at = 0;
    if (r->job.started_at == 0)
        r->job.started_at = now_s();
    if (row_put(t, TABLE_JOB, &r->job, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

static int run_give_up(struct run *r, const char *why, struct err *e)
{
    if (job_brings(&r->job) &&
        cert_mark_failed(r->core, r->job.cert, NULL, CAUSE_INTERNAL, why, e) < 0)
        return -1;
    return run_finish(
        r, "Failed", CAUSE_INTERNAL, why,
        "Read the job's log and retry. If it fails again, copy the report for support.", e);
}

/* A flow that failed without an end of its own: transient trouble waits, the rest is a failure. */
static void run_fell_through(struct run *r, const struct err *why)
{
    struct err e = {0};
    bool transient = why->code == ERR_NETWORK || why->code == ERR_TOKEN || why->code == ERR_LIMIT;
    int rc = transient ? run_wait(r, "Waiting", now_s() + backoff_s(r->job.attempts, INT64_MAX),
                                  CAUSE_INTERNAL, why->text, &e)
                       : run_give_up(r, why->text, &e);
    if (rc < 0)
        log_error("job.lost_end", "job=%s error=%s", r->job.id, log_q(e.text));
}

static int attempt(struct run *r, const char *id, struct err *e)
{
    size_t k = 0;
    r->lost = r->core->lost;
    if (run_begin(r, id, e) < 0)
        return -1;
    while (k < JOB_KINDS && !str_eq(kinds[k].name, r->job.kind))
        k++;
    log_info("job.start", "job=%s kind=%s attempt=%lld", id, log_q(r->job.kind),
             (long long)r->job.attempts);
    return k < JOB_KINDS ? kinds[k].run(r, e)
                         : err_set(e, ERR_BUG, "no flow for jobs of kind %s", r->job.kind);
}

/*
 * A process of ours that dies takes the attempt with it, not the job: the next one begins at once,
 * and its first call waits until the process is back. One that dies each time is left to back-off.
 */
static int attempts(struct run *r, const char *id, struct err *e)
{
    for (int again = 0;; again++) {
        int rc = attempt(r, id, e);
        if (rc == 0 || r->finished || again == AGAIN_MAX || !run_interrupted(r))
            return rc;
        log_warn("job.again", "job=%s error=%s", id, log_q(e->text));
        fields_free(&job_fields, &r->job);
    }
}

static void job_fiber(void *arg)
{
    struct start *s = arg;
    struct run r = {.core = s->core};
    struct err e = {0};
    int rc = attempts(&r, s->slot->hold.job, &e);
    if (rc < 0 && r.job.id == NULL)
        log_error("job.start", "job=%s error=%s", s->slot->hold.job, log_q(e.text));
    else if (rc < 0 && !r.finished)
        run_fell_through(&r, &e);
    log_info("job.end", "job=%s state=%s", s->slot->hold.job, log_q(text_of(r.job.state)));
    fields_free(&job_fields, &r.job);
    s->slot->used = false;
    jobs_kick(s->core);
    free(s);
}

struct due {
    const struct jobs *jobs;
    int64_t now;
    size_t room, n;
    struct hold v[RUNNING_MAX];
};

static int due_one(void *record, void *arg, struct err *e)
{
    const struct job *j = record;
    struct due *d = arg;
    struct hold h = {0};
    if (j->next_at > d->now)
        return 1;
    if (hold_of(j, &h, e) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(d->jobs->slots); i++)
        if (d->jobs->slots[i].used && clashes(&d->jobs->slots[i].hold, &h))
            return 0;
    for (size_t i = 0; i < d->n; i++)
        if (clashes(&d->v[i], &h))
            return 0;
    d->v[d->n++] = h;
    return d->n == d->room ? 1 : 0;
}

static void start_one(struct core *core, const struct hold *h)
{
    struct slot *s = core->jobs->slots;
    while (s->used)
        s++;
    *s = (struct slot){.hold = *h, .used = true};
    struct start *st = xcalloc(1, sizeof *st);
    *st = (struct start){core, s};
    fiber_start(core->loop, job_fiber, st);
}

static void start_due(struct core *core)
{
    struct due d = {.jobs = core->jobs, .now = now_s()};
    struct err e = {0};
    if (core->state != STATE_OPERATIONAL)
        return;
    for (size_t i = 0; i < COUNT(core->jobs->slots); i++)
        d.room += core->jobs->slots[i].used ? 0 : 1;
    if (d.room == 0)
        return;
    struct txn *t = NULL;
    int rc = txn_begin(core->db, false, &t, &e);
    if (rc == 0)
        rc = row_each(t, TABLE_JOB, "next_at", "1", due_one, &d, &e);
    txn_abort(&t);
    if (rc < 0)
        log_error("jobs.scan", "error=%s", log_q(e.text));
    for (size_t i = 0; rc == 0 && i < d.n; i++)
        start_one(core, &d.v[i]);
}

static void on_soon(void *arg)
{
    start_due(arg);
}

static void on_tick(void *arg)
{
    struct core *core = arg;
    start_due(core);
    watch_again(core->jobs->tick, TICK_MS);
}

struct jobs *jobs_new(struct core *core)
{
    struct jobs *js = xcalloc(1, sizeof *js);
    js->core = core;
    js->tick = loop_timer(core->loop, TICK_MS, on_tick, core);
    js->soon = loop_timer(core->loop, 0, on_soon, core);
    return js;
}

void jobs_kick(struct core *core)
{
    if (core->jobs)
        watch_again(core->jobs->soon, 0);
}

struct found {
    char id[64][ID_CHARS + 1];
    size_t n;
};

static int found_one(void *record, void *arg, struct err *e)
{
    const struct job *j = record;
    struct found *f = arg;
    if (!str_eq(j->state, "Running"))
        return 1;
    if (str_copy(f->id[f->n], sizeof f->id[0], j->id, e) < 0)
        return -1;
    return ++f->n == COUNT(f->id) ? 1 : 0;
}

static int recover_some(struct txn *t, const struct found *f, struct err *e)
{
    for (size_t i = 0; i < f->n; i++) {
        OWN(own_job)
        struct job j = {0};
        if (row_get(t, TABLE_JOB, f->id[i], &j, e) < 0)
            return -1;
        text_set(&j.state, "Waiting");
        j.next_at = now_s();
        if (row_put(t, TABLE_JOB, &j, e) < 0)
            return -1;
        log_info("job.recover", "job=%s step=%s", j.id, log_q(j.step));
    }
    return 0;
}

int jobs_recover(struct core *core, struct err *e)
{
    struct found f;
    do {
        OWN(txn_abort)
        struct txn *t = NULL;
        f.n = 0;
        if (txn_begin(core->db, true, &t, e) < 0 ||
            row_each(t, TABLE_JOB, "state", "Running", found_one, &f, e) < 0 ||
            recover_some(t, &f, e) < 0 || txn_commit(&t, e) < 0)
            return err_wrap(e, "resume jobs");
    } while (f.n == COUNT(f.id));
    return 0;
}
