/* Orders: list, page, check now, cancel, retry, delete (contract S4, X). */
#include <stdlib.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/api/trail_json.h"
#include "src/core/flow/parts.h"
#include "src/core/flow/renew.h"
#include "src/model/order_state.h"

int on_orders_list(struct api *a, struct err *e)
{
    return api_list(a, TABLE_ORDER, e);
}

int on_orders_get(struct api *a, struct err *e)
{
    OWN(own_order)
    struct order o = {0};
    if (load(a->core, TABLE_ORDER, a->param, &o, e) < 0)
        return -1;
    return api_record(a, 200, TABLE_ORDER, &o, e);
}

static bool is_open(const struct order *o)
{
    return order_state_parse(o->state) <= ORDER_APPROVAL_PENDING;
}

/* The job that drives an open order runs now; with `cancel`, to end it. */
static int wake(struct api *a, bool cancel, const char *what, char job[ID_CHARS + 1], struct err *e)
{
    OWN(own_order)
    struct order o = {0};
    OWN(own_job)
    struct job j = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_ORDER, a->param, &o, e) < 0)
        return -1;
    if (!is_open(&o))
        return err_set(e, ERR_CONFLICT, "the order is %s: nothing is open at the CA", o.state);
    if (row_get(t, TABLE_JOB, text_of(o.job), &j, e) < 0)
        return err_wrap(e, "job of the order");
    j.cancelling = j.cancelling || cancel;
    if (!str_eq(j.state, "Running"))
        j.next_at = now_s();
    if (row_put(t, TABLE_JOB, &j, e) < 0 || api_audit(a, t, "order", o.id, o.name, what, e) < 0 ||
        txn_commit(&t, e) < 0)
        return -1;
    jobs_kick(a->core);
    if (str_copy(job, ID_CHARS + 1, j.id, e) < 0)
        return -1;
    return api_record(a, 200, TABLE_ORDER, &o, e);
}

int on_orders_check(struct api *a, struct err *e)
{
    char job[ID_CHARS + 1];
    return wake(a, false, "status check asked for", job, e);
}

int on_orders_cancel(struct api *a, struct err *e)
{
    char job[ID_CHARS + 1];
    return wake(a, true, "cancel asked for", job, e);
}

int on_orders_retry(struct api *a, struct err *e)
{
    OWN(own_order)
    struct order o = {0};
    char job[ID_CHARS + 1];
    if (load(a->core, TABLE_ORDER, a->param, &o, e) < 0)
        return -1;
    if (str_eq(o.state, "Certificate Issued") || str_eq(o.state, "Revoked"))
        return err_set(e, ERR_CONFLICT, "the order is %s: renew the certificate instead", o.state);
    int rc = is_open(&o) ? wake(a, false, "retry asked for", job, e)
                         : renew_start(a->core, text_of(o.cert), api_user(a), a->client, job, e);
    return rc < 0 ? -1 : api_accepted(a, job, e);
}

int on_orders_delete(struct api *a, struct err *e)
{
    OWN(own_order)
    struct order o = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_ORDER, a->param, &o, e) < 0 ||
        api_check_match(a, o.rev, e) < 0)
        return -1;
    if (is_open(&o))
        return err_set(e, ERR_CONFLICT, "the order is open: cancel it first, or wait for its end");
    if (row_delete(t, TABLE_ORDER, o.id, e) < 0 ||
        api_audit(a, t, "order", o.id, o.name,
                  "removed here; the CA and the certificate are untouched", e) < 0 ||
        txn_commit(&t, e) < 0)
        return -1;
    return api_empty(a, 204);
}

int on_orders_timeline(struct api *a, struct err *e)
{
    OWN(own_order)
    struct order o = {0};
    if (load(a->core, TABLE_ORDER, a->param, &o, e) < 0)
        return -1;
    return timeline_answer(a, text_of(o.cert), &o, e);
}
