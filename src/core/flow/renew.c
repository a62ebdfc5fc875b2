/* Starting an issue or a renewal (contract S2, 410-418). */
#include "src/core/flow/renew.h"

#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/flow/validate.h"

int cert_demand_idle(struct txn *t, const struct cert *c, struct err *e)
{
    OWN(own_job)
    struct job j = {0};
    struct err gone = {0};
    if (text_of(c->job)[0] == '\0' || row_get(t, TABLE_JOB, c->job, &j, &gone) < 0)
        return 0;
    if (job_is_open(&j))
        return err_set(e, ERR_CONFLICT, "%s: job %s is %s; wait for its end or cancel it", c->name,
                       j.id, j.state);
    return 0;
}

static int demand_configured(const struct cert *c, struct err *e)
{
    if (text_of(c->connector)[0] == '\0')
        return err_set(e, ERR_CONFLICT, "Certificate Authority: choose a connector for %s first",
                       c->name);
    if (c->ignored)
        return err_set(e, ERR_CONFLICT, "%s is ignored: take it back into the inventory first",
                       c->name);
    if (text_of(c->successor)[0])
        return err_set(e, ERR_CONFLICT, "%s has a successor already: work on that one", c->name);
    return 0;
}

/* The successor: the configuration of the old one, none of its history. */
static int make_successor(struct txn *t, struct cert *old, struct cert *next, struct err *e)
{
    OWN(own_json)
    json_t *copy = fields_to_json(&cert_fields, old);
    fields_init(&cert_fields, next);
    if (fields_load(&cert_fields, copy, next, e) < 0)
        return err_wrap(e, "successor");
    text_set(&next->id, NULL);
    next->rev = 0;
    text_set(&next->status, "Initiated");
    text_set(&next->predecessor, old->id);
    text_set(&next->successor, NULL);
    text_set(&next->order, NULL);
    text_set(&next->order_reference, NULL);
    text_set(&next->key, NULL);
    text_set(&next->job, NULL);
    text_set(&next->serial, NULL);
    text_set(&next->fingerprint, NULL);
    text_set(&next->issuer, NULL);
    text_set(&next->failure, NULL);
    text_set(&next->failure_cause, NULL);
    next->revoked = false;
    validate_anew(next);
    next->not_before = next->not_after = next->renew_at = next->last_provisioned = 0;
    text_set(&next->previous_chain, old->chain);
    text_set(&next->chain, NULL);
    cert_derive(next, false);
    if (row_put(t, TABLE_CERT, next, e) < 0)
        return -1;
    text_set(&old->successor, next->id);
    cert_derive(old, false);
    if (row_put(t, TABLE_CERT, old, e) < 0)
        return -1;
    return timeline_add(t, old->id, "renewal started", next->id, NULL, e);
}

static int start_on(struct txn *t, struct cert *c, const char *who, const char *client,
                    char job[ID_CHARS + 1], struct err *e)
{
    struct job_request req = {.kind = JOB_ISSUE,
                              .cert = c->id,
                              .connector = c->connector,
                              .subject = c->name,
                              .requested_by = who};
    if (job_create(t, &req, job, e) < 0)
        return -1;
    text_set(&c->job, job);
    if (!str_eq(c->status, "Deployed"))
        text_set(&c->status, "Initiated");
    OWN(own_mem)
    char *object = xasprintf("certificate/%s", c->id);
    struct audit_entry a = {.actor = who,
                            .client = client ? client : "",
                            .action = "certificate.issue",
                            .object = object,
                            .name = c->name,
                            .result = "ok",
                            .detail = job};
    if (cert_settle(t, c, e) < 0 || row_put(t, TABLE_CERT, c, e) < 0)
        return -1;
    return audit_add(t, &a, e);
}

int renew_plan(struct core *core, const char *cert_id, const char *requested_by,
               char job[ID_CHARS + 1], struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_cert)
    struct cert c = {0};
    if (txn_begin(core->db, true, &t, e) < 0 || row_get(t, TABLE_CERT, cert_id, &c, e) < 0 ||
        demand_configured(&c, e) < 0)
        return -1;
    struct job_request req = {.kind = JOB_ISSUE,
                              .cert = c.id,
                              .connector = c.connector,
                              .subject = c.name,
                              .requested_by = requested_by,
                              .dry_run = true};
    if (job_create(t, &req, job, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    jobs_kick(core);
    return 0;
}

int renew_start(struct core *core, const char *cert_id, const char *requested_by,
                const char *client, char job[ID_CHARS + 1], struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_cert)
    struct cert c = {0}, next = {0};
    if (txn_begin(core->db, true, &t, e) < 0 || row_get(t, TABLE_CERT, cert_id, &c, e) < 0 ||
        demand_configured(&c, e) < 0 || cert_demand_idle(t, &c, e) < 0)
        return -1;
    bool renewal = str_eq(c.status, "Deployed");
    if (renewal && make_successor(t, &c, &next, e) < 0)
        return -1;
    if (start_on(t, renewal ? &next : &c, requested_by, client, job, e) < 0 ||
        txn_commit(&t, e) < 0)
        return -1;
    jobs_kick(core);
    return 0;
}
