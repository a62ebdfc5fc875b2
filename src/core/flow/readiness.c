/*
 * Readiness in the light of the latest job (contract S3): a failure counts as one only while no
 * retry of it is pending.
 */
#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/flow/renew.h"

bool job_brings(const struct job *j)
{
    static const char *const kinds[] = {"issue", "deploy", "rollback"};
    for (size_t i = 0; i < COUNT(kinds) && !j->dry_run; i++)
        if (str_eq(j->kind, kinds[i]))
            return true;
    return false;
}

static int retry_pending(struct txn *t, const struct cert *c, bool *out, struct err *e)
{
    OWN(own_job)
    struct job j = {0};
    struct err gone = {0};
    *out = false;
    if (text_of(c->job)[0] == '\0')
        return 0;
    if (row_get(t, TABLE_JOB, c->job, &j, &gone) < 0)
        return gone.code == ERR_NOT_FOUND ? 0 : err_set(e, gone.code, "%s", gone.text);
    *out = job_is_open(&j) && job_brings(&j);
    return 0;
}

int cert_settle(struct txn *t, struct cert *c, struct err *e)
{
    bool pending;
    if (retry_pending(t, c, &pending, e) < 0)
        return -1;
    cert_derive(c, text_of(c->failure_cause)[0] && !pending);
    return 0;
}

int cert_follow_job(struct txn *t, const struct job *j, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    struct err gone = {0};
    if (text_of(j->cert)[0] == '\0' || j->dry_run)
        return 0;
    if (row_get(t, TABLE_CERT, j->cert, &c, &gone) < 0)
        return gone.code == ERR_NOT_FOUND ? 0 : err_set(e, gone.code, "%s", gone.text);
    if (!str_eq(c.job, j->id)) {
        if (!job_is_open(j))
            return 0;
        if (cert_demand_idle(t, &c, e) < 0)
            return -1;
        text_set(&c.job, j->id);
    }
    OWN(own_mem)
    char *was = xstrdup(text_of(c.readiness));
    if (cert_settle(t, &c, e) < 0 || row_put(t, TABLE_CERT, &c, e) < 0)
        return -1;
    OWN(own_mem)
    char *text = xasprintf("%s to %s", was, c.readiness);
    return str_eq(was, c.readiness) ? 0 : timeline_add(t, c.id, "readiness", text, j->id, e);
}

int cert_settle_job(struct run *r, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(r->core->db, true, &t, e) < 0 || cert_follow_job(t, &r->job, e) < 0)
        return -1;
    return txn_commit(&t, e);
}
