/*
 * An order that is to be cancelled. The CA is told, and asked again until it has answered, for what
 * is left there may be paid for; an order it has issued meanwhile goes on.
 */
#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/flow/issue.h"

static int tell(struct run *r, const struct order *o, struct reply *rep, struct msg_CA_ORDER *m,
                struct err *e)
{
    struct ca_args a;

    if (ca_args_load(r->core, o->connector, CA_ANYWAY, &a, e) < 0)
        return -1;
    struct msg_CA_CANCEL q = {.type = a.connector.type,
                              .connector = a.connector.id,
                              .settings = buf_blob(&a.settings),
                              .secrets = buf_blob(&a.secrets),
                              .keys = buf_blob(&a.keys),
                              .memory = bytes_blob(&a.connector.memory),
                              .order = o->id,
                              .order_memory = bytes_blob(&o->memory),
                              .csr = bytes_blob(&o->csr)};
    const int rc = call_CA_CANCEL(r->core->ca, &q, MSG_CA_ORDER, CA_TIMEOUT_MS, rep, e);
    ca_args_free(&a);
    return rc < 0 ? -1 : get_CA_ORDER(&rep->msg, m, e);
}

/* It cannot be cancelled any more: the wish is forgotten, and the order asked for its state. */
static int go_on(struct run *r, const char *why, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_job)
    struct job stored = {0};

    if (txn_begin(r->core->db, true, &t, e) < 0 || row_get(t, TABLE_JOB, r->job.id, &stored, e) < 0)
        return -1;
    stored.cancelling = false;
    if (row_put(t, TABLE_JOB, &stored, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    r->job.rev = stored.rev;
    r->job.cancelling = false;
    return run_wait(r, "Waiting", now_s(), CAUSE_CA, why, e);
}

/* Not told: as final as the CA's answer is. */
static int untold(struct run *r, const struct order *o, const struct err *why, struct err *e)
{
    if (run_step_failed(r, "cancel", why->text, e) < 0)
        return -1;
    if (why->code == ERR_CONFLICT)
        return go_on(r, why->text, e);
    if (why->code == ERR_NETWORK || why->code == ERR_LIMIT || why->code == ERR_TOKEN)
        return run_wait(r, "Waiting", now_s() + backoff_s(r->job.attempts, INT64_MAX), CAUSE_CA,
                        why->text, e);
    OWN(own_mem)
    char *text = xasprintf("cancelled here; the CA was told and answered: %.300s", why->text);
    return issue_end(r, o, "Cancelled", CAUSE_CA, text, e);
}

int issue_cancel(struct run *r, const struct order *o, struct err *e)
{
    OWN(reply_done)
    struct reply rep = {0};
    struct msg_CA_ORDER m;
    struct err why = {0};

    if (issue_unsent(o))
        return issue_end(r, o, "Cancelled", CAUSE_CA, "cancelled before it was sent", e);
    if (run_intent(r, "cancel", e) < 0)
        return -1;
    if (tell(r, o, &rep, &m, &why) < 0) {
        if (run_interrupted(r)) {
            *e = why;
            return -1;
        }
        return untold(r, o, &why, e);
    }
    const char *text = *text_of(m.detail) ? m.detail : "cancelled at the CA";
    if (run_done(r, "cancel", text, e) < 0)
        return -1;
    return issue_end(r, o, "Cancelled", CAUSE_CA, text, e);
}
