/* Keys of certificates: list, page, and destroying one that nothing uses. */
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/api.h"
#include "src/core/flow/renew.h"

int on_keys_list(struct api *a, struct err *e)
{
    return api_list(a, TABLE_KEY, e);
}

int on_keys_get(struct api *a, struct err *e)
{
    OWN(own_key)
    struct key k = {0};
    if (load(a->core, TABLE_KEY, a->param, &k, e) < 0)
        return -1;
    return api_record(a, 200, TABLE_KEY, &k, e);
}

/* A key is used by the certificate it was made for, and by the job that is making that one. */
static int demand_unused(struct txn *t, const struct key *k, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    struct err gone = {0};
    if (row_get(t, TABLE_CERT, text_of(k->cert), &c, &gone) < 0)
        return gone.code == ERR_NOT_FOUND ? 0 : err_set(e, gone.code, "%s", gone.text);
    if (str_eq(text_of(c.key), k->id))
        return err_set(e, ERR_CONFLICT, "certificate %s uses this key: delete it first", c.name);
    return cert_demand_idle(t, &c, e);
}

static int read_unused(struct api *a, struct txn *t, struct key *k, struct err *e)
{
    if (row_get(t, TABLE_KEY, a->param, k, e) < 0 || api_check_match(a, k->rev, e) < 0)
        return -1;
    return demand_unused(t, k, e);
}

static int destroy(struct api *a, const struct key *k, struct err *e)
{
    const struct msg_KEY_DESTROY m = {.envelope = bytes_blob(&k->envelope)};
    OWN(reply_done)
    struct reply r = {0};
    return call_KEY_DESTROY(a->core->key, &m, MSG_DONE, KEY_TIMEOUT_MS, &r, e);
}

int on_keys_delete(struct api *a, struct err *e)
{
    OWN(own_key)
    struct key k = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, false, &t, e) < 0 || read_unused(a, t, &k, e) < 0)
        return -1;
    txn_abort(&t);
    t = NULL;
    /* The token first: a record without its key is told by the next try, a key without its record
     * would stay for ever. */
    if (destroy(a, &k, e) < 0 || txn_begin(a->core->db, true, &t, e) < 0 ||
        row_delete(t, TABLE_KEY, k.id, e) < 0 ||
        api_audit(a, t, "key", k.id, k.label, "destroyed", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return api_empty(a, 204);
}
