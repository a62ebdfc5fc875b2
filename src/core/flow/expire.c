/* Orders end and, when the clock was wrong, come back (expire.h). */
#include "src/core/flow/expire.h"

#include <inttypes.h>
#include <stdlib.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/flow/parts.h"
#include "src/model/order_state.h"

#define BATCH 50

int expire_at(struct txn *t, const char *order, int64_t not_after, struct err *e)
{
    OWN(own_order)
    struct order o = {0};
    if (row_get(t, TABLE_ORDER, order, &o, e) < 0)
        return -1;
    o.expires_at = not_after;
    return row_put(t, TABLE_ORDER, &o, e);
}

struct due {
    char id[BATCH][ID_CHARS + 1];
    size_t n;
    int64_t now;
};

static int ended(void *record, void *arg, struct err *e)
{
    const struct order *o = record;
    struct due *d = arg;
    if (o->expires_at > d->now || d->n == BATCH)
        return 1;
    return str_copy(d->id[d->n++], ID_CHARS + 1, o->id, e);
}

static int not_ended(void *record, void *arg, struct err *e)
{
    const struct order *o = record;
    struct due *d = arg;
    if (d->n == BATCH)
        return 1;
    return str_copy(d->id[d->n++], ID_CHARS + 1, o->id, e);
}

static int tell(struct txn *t, const struct order *o, bool over, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    struct err gone = {0};
    OWN(own_mem)
    char *object = xasprintf("order/%s", o->id);
    const char *text = over ? "its certificate has ended"
                            : "the clock was corrected: its certificate has not ended yet";
    const struct audit_entry a = {.actor = "scheduler",
                                  .client = "",
                                  .action = over ? "order.expired" : "order.issued",
                                  .object = object,
                                  .name = o->name,
                                  .result = "ok",
                                  .detail = text};
    if (audit_add(t, &a, e) < 0)
        return -1;
    if (row_get(t, TABLE_CERT, text_of(o->cert), &c, &gone) < 0)
        return gone.code == ERR_NOT_FOUND ? 0 : err_set(e, gone.code, "%s", gone.text);
    return timeline_add(t, c.id, over ? "order expired" : "order issued", text, o->job, e);
}

static int move(struct core *core, const char *id, bool over, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_order)
    struct order o = {0};
    if (txn_begin(core->db, true, &t, e) < 0 || row_get(t, TABLE_ORDER, id, &o, e) < 0)
        return -1;
    text_set(&o.state, order_state_name(over ? ORDER_EXPIRED : ORDER_ISSUED));
    int64_t end = over ? o.expires_at : o.expired_at;
    o.expires_at = over ? 0 : end;
    o.expired_at = over ? end : 0;
    if (row_put(t, TABLE_ORDER, &o, e) < 0 || tell(t, &o, over, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

/* All that is due on one of the two indexes, a batch at a time. */
static int walk(struct core *core, bool over, struct err *e)
{
    struct due d;
    do {
        OWN(txn_abort)
        struct txn *t = NULL;
        d.n = 0;
        d.now = now_s();
        OWN(own_mem)
        char *from = over ? xstrdup("1") : xasprintf("%" PRId64, d.now + 1);
        if (txn_begin(core->db, false, &t, e) < 0 ||
            row_each(t, TABLE_ORDER, over ? "expires_at" : "expired_at", from,
                     over ? ended : not_ended, &d, e) < 0)
            return -1;
        txn_abort(&t);
        for (size_t i = 0; i < d.n; i++)
            if (move(core, d.id[i], over, e) < 0)
                return err_wrap(e, "order %s", d.id[i]);
    } while (d.n == BATCH);
    return 0;
}

int expire_due(struct core *core, struct err *e)
{
    return walk(core, true, e) < 0 ? -1 : walk(core, false, e);
}
