/* Revocation at the CA that issued: the order keeps reason and comments, the row its mark. */
#include <stdlib.h>
#include <string.h>

#include "crypto/x509/chain.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/flow/parts.h"
#include "src/model/order_state.h"

static int leaf_der(const struct order *o, struct buf *der, struct err *e)
{
    OWN(chain_free)
    struct chain got = {0}, ordered = {0};
    OWN(buf_free)
    struct buf spki = BUF(8192);
    if (chain_parse(blob_str(text_of(o->chain)), &got, e) < 0 ||
        cert_spki(got.v[0], &spki, e) < 0 ||
        chain_order(&got, buf_blob(&spki), true, &ordered, e) < 0)
        return -1;
    return cert_der(ordered.v[0], der, e);
}

static int keep_revoked(struct run *r, const char *order_id, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_order)
    struct order o = {0};
    OWN(own_cert)
    struct cert c = {0};
    if (txn_begin(r->core->db, true, &t, e) < 0 || row_get(t, TABLE_ORDER, order_id, &o, e) < 0 ||
        row_get(t, TABLE_CERT, r->job.cert, &c, e) < 0)
        return -1;
    text_set(&o.state, order_state_name(ORDER_REVOKED));
    o.expires_at = o.expired_at = 0;
    c.revoked = true;
    c.validate_at = now_s();
    if (cert_settle(t, &c, e) < 0 || row_put(t, TABLE_ORDER, &o, e) < 0 ||
        row_put(t, TABLE_CERT, &c, e) < 0 ||
        timeline_add(t, c.id, "revoked", text_of(o.revoke_comments), r->job.id, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

static int wait_for_ca(struct run *r, const struct msg_CA_ORDER *m, struct err *e)
{
    OWN(own_mem)
    char *text = xasprintf("Revocation Pending: %.300s", text_of(m->detail));
    int64_t wait = m->retry_after_s > 0 ? m->retry_after_s : backoff_s(r->job.attempts, INT64_MAX);
    if (run_done(r, "revoke", text, e) < 0)
        return -1;
    return run_wait(r, "Waiting", now_s() + wait, CAUSE_NONE, text, e);
}

int flow_revoke(struct run *r, struct err *e)
{
    OWN(own_order)
    struct order o = {0};
    OWN(buf_free)
    struct buf der = BUF(CERT_MAX_BYTES);
    struct ca_args a;
    struct msg_CA_ORDER answer;
    struct err why = {0};
    if (load(r->core, TABLE_ORDER, r->job.order, &o, e) < 0 || leaf_der(&o, &der, e) < 0 ||
        ca_args_load(r->core, o.connector, CA_SERVE, &a, e) < 0)
        return -1;
    struct msg_CA_REVOKE m = {.type = a.connector.type,
                              .connector = a.connector.id,
                              .settings = buf_blob(&a.settings),
                              .secrets = buf_blob(&a.secrets),
                              .keys = buf_blob(&a.keys),
                              .memory = bytes_blob(&a.connector.memory),
                              .order = o.id,
                              .order_memory = bytes_blob(&o.memory),
                              .cert_der = buf_blob(&der),
                              .reason = (uint32_t)o.revoke_reason,
                              .comments = o.revoke_comments};
    OWN(reply_done)
    struct reply rep = {0};
    int rc = run_intent(r, "revoke", e);
    bool ok = rc == 0 &&
              call_CA_REVOKE(r->core->ca, &m, MSG_CA_ORDER, CA_TIMEOUT_MS, &rep, &why) == 0 &&
              get_CA_ORDER(&rep.msg, &answer, &why) == 0;
    ca_args_free(&a);
    if (rc < 0)
        return -1;
    if (!ok && run_interrupted(r)) {
        *e = why;
        return -1;
    }
    if (!ok) {
        if (run_step_failed(r, "revoke", why.text, e) < 0)
            return -1;
        if (why.code == ERR_NETWORK || why.code == ERR_LIMIT)
            return run_wait(r, "Waiting", now_s() + backoff_s(r->job.attempts, INT64_MAX), CAUSE_CA,
                            why.text, e);
        return run_finish(r, "Failed", CAUSE_CA, why.text,
                          "Revoke at the CA itself, or correct the connector and retry.", e);
    }
    if (answer.state != ORDER_REVOKED) /* asked for; the CA decides in its own time */
        return wait_for_ca(r, &answer, e);
    if (keep_revoked(r, o.id, e) < 0 ||
        run_done(r, "revoke", "the CA has revoked the certificate", e) < 0)
        return -1;
    return run_finish(r, "Done", CAUSE_NONE, NULL, NULL, e);
}
