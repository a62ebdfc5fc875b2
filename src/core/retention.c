/* The setting, and the steps that take away what is past its time (retention.h). */
#include "src/core/retention.h"

#include <stdlib.h>

#include "src/base/enc.h"
#include "src/base/json.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"

#define SETTING "retention"
#define ANSWER_PREFIX "repeat."
#define JOBS_AT_ONCE 25
#define JOBS_LOOK 200
#define OTHERS_AT_ONCE 100
#define EVERY_S 600
#define DAY_S 86400
#define HOUR_S 3600

int retention_get(struct txn *t, struct retention *out, int64_t *rev, struct err *e)
{
    OWN(own_setting)
    struct setting s = {0};
    struct err none = {0};

    *rev = 0;
    fields_init(&retention_fields, out);
    if (row_find(t, TABLE_SETTING, "name", SETTING, &s, &none) < 0)
        return none.code == ERR_NOT_FOUND ? 0 : err_set(e, none.code, "%s", none.text);
    OWN(own_json)
    json_t *o = json_parse(blob_str(text_of(s.value)), 4096, SETTING, e);
    if (!o || fields_load(&retention_fields, o, out, e) < 0)
        return -1;
    *rev = s.rev;
    return 0;
}

int retention_put(struct txn *t, const struct retention *r, struct err *e)
{
    OWN(own_json)
    json_t *o = fields_to_json(&retention_fields, r);
    OWN(buf_free)
    struct buf text = BUF(4096);

    return json_print(o, &text, e) < 0 ? -1 : setting_put(t, SETTING, buf_cstr(&text), e);
}

/* Records that are past their time, by the index of a time. */
struct due {
    struct txn *t;
    int64_t before;
    char id[OTHERS_AT_ONCE][ID_CHARS + 1];
    size_t n, most, looked;
    int64_t at; /* of the last one looked at */
    bool full;
};

static int take(struct due *d, const char *id, struct err *e)
{
    if (str_copy(d->id[d->n++], ID_CHARS + 1, id, e) < 0)
        return -1;
    d->full = d->n == d->most;
    return d->full ? 1 : 0;
}

static int ended_session(void *record, void *arg, struct err *e)
{
    const struct session *s = record;
    struct due *d = arg;

    return s->expires_at > d->before ? 1 : take(d, s->id, e);
}

static int kept_answer(void *record, void *arg, struct err *e)
{
    const struct setting *s = record;
    struct due *d = arg;

    if (s->created_at > d->before)
        return 1;
    return str_starts(s->name, ANSWER_PREFIX) ? take(d, s->id, e) : 0;
}

/* Of a table whose rows have nothing below them. */
static int drop_rows(struct txn *t, enum table table, const char *column, row_fn fn, int64_t before,
                     size_t *n, bool *more, struct err *e)
{
    struct due d = {.t = t, .before = before, .most = OTHERS_AT_ONCE};

    if (row_each(t, table, column, "1", fn, &d, e) < 0)
        return -1;
    for (size_t i = 0; i < d.n; i++)
        if (row_delete(t, table, d.id[i], e) < 0)
            return -1;
    *n = d.n;
    *more |= d.full;
    return 0;
}

struct later {
    const struct job *than;
    bool found;
};

static int later_deployment(void *record, void *arg, struct err *e)
{
    const struct job *j = record;
    struct later *l = arg;

    (void)e;
    if (!str_eq(j->cert, l->than->cert))
        return 1;
    l->found = str_eq(j->kind, "deploy") && str_eq(j->state, "Done") && !j->dry_run &&
               !str_eq(j->id, l->than->id) && j->finished_at >= l->than->finished_at;
    return l->found ? 1 : 0;
}

/* 1: somebody still needs this job; 0: nobody; -1: error. */
static int needed(struct txn *t, const struct job *j, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(own_order)
    struct order o = {0};
    struct err none = {0};

    if (text_of(j->order)[0] && row_get(t, TABLE_ORDER, j->order, &o, &none) == 0 &&
        str_eq(text_of(o.job), j->id))
        return 1;
    none = (struct err){0};
    if (text_of(j->cert)[0] == '\0' || row_get(t, TABLE_CERT, j->cert, &c, &none) < 0)
        return none.code && none.code != ERR_NOT_FOUND ? err_set(e, none.code, "%s", none.text) : 0;
    if (str_eq(text_of(c.job), j->id))
        return 1;
    if (!str_eq(j->kind, "deploy") || !str_eq(j->state, "Done") || j->dry_run)
        return 0;
    struct later l = {.than = j};
    if (row_each(t, TABLE_JOB, "cert", j->cert, later_deployment, &l, e) < 0)
        return -1;
    return l.found ? 0 : 1; /* the one a rollback goes back by */
}

/* Jobs of one second are looked at together, so that the walk can go on with the next. */
static int ended_job(void *record, void *arg, struct err *e)
{
    const struct job *j = record;
    struct due *d = arg;

    if (j->finished_at > d->before)
        return 1;
    if (d->looked >= JOBS_LOOK && j->finished_at != d->at) {
        d->full = true;
        return 1;
    }
    d->looked++;
    d->at = j->finished_at;
    const int keep = needed(d->t, j, e);
    return keep < 0 ? -1 : keep ? 0 : take(d, j->id, e);
}

static int drop_jobs(struct txn *t, int64_t before, struct retention_walk *w,
                     struct retention_run *run, struct err *e)
{
    struct due d = {.t = t, .before = before, .most = JOBS_AT_ONCE};
    OWN(own_mem)
    char *from = xasprintf("%lld", (long long)(w->from < 1 ? 1 : w->from));

    if (row_each(t, TABLE_JOB, "finished_at", from, ended_job, &d, e) < 0)
        return -1;
    for (size_t i = 0; i < d.n; i++)
        if (row_delete(t, TABLE_JOB, d.id[i], e) < 0 ||
            trail_drop(t, TRAIL_JOURNAL, d.id[i], e) < 0 ||
            trail_drop(t, TRAIL_LOG, d.id[i], e) < 0)
            return -1;
    /* Full of what was taken: the same second may hold more. Full of what stays: behind it. */
    w->from = !d.full ? 0 : d.n == d.most ? d.at : d.at + 1;
    run->jobs = d.n;
    run->more |= d.full;
    return 0;
}

static int audit_run(struct txn *t, const struct retention_run *run, struct err *e)
{
    if (run->jobs + run->sessions + run->answers == 0)
        return 0;
    OWN(own_mem)
    char *detail = xasprintf("%zu ended jobs, %zu ended sessions and %zu kept answers taken away",
                             run->jobs, run->sessions, run->answers);
    const struct audit_entry entry = {.actor = "system",
                                      .client = "",
                                      .action = "retention.prune",
                                      .object = "appliance",
                                      .name = "",
                                      .result = "ok",
                                      .detail = detail};
    return audit_add(t, &entry, e);
}

int retention_step(struct db *db, struct retention_walk *w, struct retention_run *out,
                   struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    struct retention r;
    struct retention_run run = {0};
    struct retention_walk walk = *w;
    int64_t rev, now = now_s();

    if (txn_begin(db, true, &t, e) < 0 || retention_get(t, &r, &rev, e) < 0 ||
        drop_jobs(t, now - r.jobs_days * DAY_S, &walk, &run, e) < 0 ||
        drop_rows(t, TABLE_SESSION, "expires_at", ended_session, now - r.sessions_days * DAY_S,
                  &run.sessions, &run.more, e) < 0 ||
        drop_rows(t, TABLE_SETTING, "created_at", kept_answer, now - r.answers_hours * HOUR_S,
                  &run.answers, &run.more, e) < 0 ||
        audit_run(t, &run, e) < 0 || txn_commit(&t, e) < 0)
        return err_wrap(e, "retention");
    *w = walk;
    *out = run;
    return 0;
}

static int64_t next; /* step of the clock; 0: at once */

void retention_wake(void)
{
    next = 0;
}

int retention_tick(struct core *core, struct err *e)
{
    static struct retention_walk walk;
    struct retention_run run = {0};

    if (now_s() < next)
        return 0;
    if (retention_step(core->db, &walk, &run, e) < 0)
        return -1;
    next = run.more ? 0 : now_s() + EVERY_S;
    return 0;
}
