/*
 * Issue: key in the HSM, CSR, order, wait, check, hand over to deployment. Each step is skipped
 * when the records show that it happened; the order is written before it is sent and `ca` looks
 * before it sends again, so a kill at any instruction neither loses nor doubles an order.
 */
#include "src/core/flow/issue.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/policy.h"
#include "crypto/x509/chain.h"
#include "crypto/x509/csr.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/flow/expire.h"
#include "src/core/policies.h"
#include "src/model/ca_fault.h"

#define POLL_MIN_S 2
#define POLL_MAX_S 3600

static int keep_key(struct run *r, struct cert *c, const struct msg_KEY_MADE *made, struct err *e)
{
    OWN(own_key)
    struct key k = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    char spki[65];
    fields_init(&key_fields, &k);
    text_set(&k.label, c->name);
    text_set(&k.alg, c->key_alg);
    text_set(&k.policy, policy_name(made->policy));
    text_set(&k.cert, c->id);
    bytes_set(&k.envelope, made->envelope);
    bytes_set(&k.spki, made->spki);
    if (spki_sha256(made->spki, spki, e) < 0)
        return -1;
    text_set(&k.spki_sha256, spki);
    if (txn_begin(r->core->db, true, &t, e) < 0 || row_put(t, TABLE_KEY, &k, e) < 0)
        return -1;
    text_set(&r->job.key, k.id);
    OWN(own_job)
    struct job stored = {0};
    if (row_get(t, TABLE_JOB, r->job.id, &stored, e) < 0)
        return -1;
    r->job.rev = stored.rev;
    if (row_put(t, TABLE_JOB, &r->job, e) < 0 ||
        timeline_add(t, c->id, "key made", k.spki_sha256, r->job.id, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

static int step_key(struct run *r, struct cert *c, struct err *e)
{
    if (text_of(r->job.key)[0])
        return 0;
    const struct alg_info *alg = alg_by_name(c->key_alg);
    enum key_policy policy;
    if (alg == NULL)
        return err_set(e, ERR_INPUT, "Key Algorithm: '%s' is not known", text_of(c->key_alg));
    if (policy_by_name(c->key_policy, &policy, e) < 0 || run_intent(r, "key", e) < 0)
        return -1;
    struct msg_KEY_GENERATE m = {
        .alg = alg->alg, .policy = policy, .purposes = PURPOSE_CSR, .label = c->name};
    OWN(reply_done)
    struct reply rep = {0};
    struct msg_KEY_MADE made;
    if (call_KEY_GENERATE(r->core->key, &m, MSG_KEY_MADE, KEY_TIMEOUT_MS, &rep, e) < 0 ||
        get_KEY_MADE(&rep.msg, &made, e) < 0 || keep_key(r, c, &made, e) < 0)
        return err_wrap(e, "key in the HSM");
    OWN(own_mem)
    char *text = xasprintf("%s made in the HSM, custody %s", alg->title, policy_name(made.policy));
    return run_done(r, "key", text, e);
}

static int keep_order(struct run *r, struct cert *c, struct blob csr, struct err *e)
{
    OWN(own_order)
    struct order o = {0};
    OWN(own_connector)
    struct connector ca = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    fields_init(&order_fields, &o);
    if (txn_begin(r->core->db, true, &t, e) < 0 || cert_reread(t, c, e) < 0 ||
        row_get(t, TABLE_CONNECTOR, c->connector, &ca, e) < 0)
        return -1;
    text_set(&o.cert, c->id);
    text_set(&o.name, c->name);
    text_set(&o.connector, c->connector);
    text_set(&o.connector_name, ca.name);
    text_set(&o.state, order_state_name(ORDER_QUEUED));
    text_set(&o.requested_by, r->job.requested_by);
    text_set(&o.job, r->job.id);
    text_set(&o.profile, c->profile);
    o.validity_days = c->validity_days;
    bytes_set(&o.csr, csr);
    if (row_put(t, TABLE_ORDER, &o, e) < 0)
        return -1;
    text_set(&c->order, o.id);
    text_set(&c->status, "Order Pending");
    text_set(&c->ca_type, ca.ca_type);
    text_set(&c->dcv_status, str_eq(ca.type, "acme")        ? "http-01: pending"
                             : str_eq(ca.ca_type, "Public") ? "by the CA: pending"
                                                            : "not needed");
    text_set(&c->failure, "");
    text_set(&c->failure_cause, "");
    cert_derive(c, false);
    text_set(&r->job.order, o.id);
    OWN(own_job)
    struct job stored = {0};
    if (row_put(t, TABLE_CERT, c, e) < 0 || row_get(t, TABLE_JOB, r->job.id, &stored, e) < 0)
        return -1;
    r->job.rev = stored.rev;
    if (row_put(t, TABLE_JOB, &r->job, e) < 0 ||
        timeline_add(t, c->id, "order queued", ca.name, r->job.id, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

static int step_csr(struct run *r, struct cert *c, struct err *e)
{
    if (text_of(r->job.order)[0])
        return 0;
    OWN(own_key)
    struct key k = {0};
    if (load(r->core, TABLE_KEY, r->job.key, &k, e) < 0 || run_intent(r, "csr", e) < 0)
        return -1;
    OWN(own_mem)
    char *names = strs_join(&c->names, "\n");
    OWN(own_mem)
    char *subject = text_of(c->subject)[0] ? xstrdup(c->subject) : xasprintf("CN=%s", c->name);
    struct msg_CA_CSR m = {.subject = subject,
                           .names = names[0] ? names : c->name,
                           .envelope = bytes_blob(&k.envelope),
                           .spki = bytes_blob(&k.spki),
                           .flags = 1};
    OWN(reply_done)
    struct reply rep = {0};
    struct msg_CA_CSR_MADE made;
    if (call_CA_CSR(r->core->ca, &m, MSG_CA_CSR_MADE, CA_TIMEOUT_MS, &rep, e) < 0 ||
        get_CA_CSR_MADE(&rep.msg, &made, e) < 0 || keep_order(r, c, made.csr, e) < 0)
        return err_wrap(e, "certificate signing request");
    return run_done(r, "csr", "signed in the HSM", e);
}

/* What the CA answered, into the order's record. */
static int keep_answer(struct run *r, const struct msg_CA_ORDER *m, struct order *o, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_order)
    struct order stored = {0};
    if (txn_begin(r->core->db, true, &t, e) < 0 || row_get(t, TABLE_ORDER, o->id, &stored, e) < 0)
        return -1;
    if (m->state >= ORDER_STATE_COUNT)
        return err_set(e, ERR_BUG, "ca answered with order state %u", m->state);
    text_set(&stored.state, order_state_name(m->state));
    if (m->reference && m->reference[0])
        text_set(&stored.reference, m->reference);
    if (m->order_memory.n)
        bytes_set(&stored.memory, m->order_memory);
    if (stored.submitted_at == 0)
        stored.submitted_at = now_s();
    stored.next_at = 0;
    text_set(&stored.error, m->state == ORDER_ISSUED ? "" : m->detail);
    text_set(&stored.category, "");
    text_set(&stored.remedy, "");
    if (m->state == ORDER_ISSUED) {
        OWN(own_mem)
        char *pem = xstrndup(m->chain_pem.p, m->chain_pem.n);
        text_set(&stored.chain, pem);
        stored.issued_at = now_s();
    }
    if (row_put(t, TABLE_ORDER, &stored, e) < 0 ||
        timeline_add(t, stored.cert, "order", stored.state, r->job.id, e) < 0 ||
        txn_commit(&t, e) < 0)
        return -1;
    fields_free(&order_fields, o);
    return load(r->core, TABLE_ORDER, r->job.order, o, e);
}

/* The order could not be sent or asked for: it stays as it is, with the reason, for a later try. */
static int keep_queued(struct run *r, struct order *o, const struct err *why, struct err *e)
{
    OWN(own_order)
    struct order stored = {0};
    OWN(own_cert)
    struct cert c = {0};
    if (load(r->core, TABLE_ORDER, o->id, &stored, e) < 0 ||
        load(r->core, TABLE_CERT, o->cert, &c, e) < 0)
        return -1;
    int64_t left = issue_time_left(r->core, &c);
    stored.attempts++;
    stored.next_at = now_s() + backoff_s(stored.attempts, left);
    text_set(&stored.error, why->text);
    text_set(&stored.category, ca_fault_words(why->code));
    text_set(&stored.remedy, ca_fault_remedy(why->code));
    if (why->code ==
        ERR_NOT_FOUND) /* the CA never got it: its answer to the first sending was lost */
        text_set(&stored.state, order_state_name(ORDER_QUEUED));
    if (save(r->core, TABLE_ORDER, &stored, e) < 0)
        return -1;
    return run_wait(r, "Waiting", stored.next_at, CAUSE_CA, why->text, e);
}

static int ask_ca(struct run *r, struct order *o, struct reply *rep, struct err *e)
{
    struct ca_args a;
    int rc;
    if (ca_args_load(r->core, o->connector, CA_SERVE, &a, e) < 0)
        return -1;
    if (order_state_parse(o->state) == ORDER_QUEUED) {
        struct msg_CA_ENROLL m = {.type = a.connector.type,
                                  .connector = a.connector.id,
                                  .settings = buf_blob(&a.settings),
                                  .secrets = buf_blob(&a.secrets),
                                  .keys = buf_blob(&a.keys),
                                  .memory = bytes_blob(&a.connector.memory),
                                  .order = o->id,
                                  .order_memory = bytes_blob(&o->memory),
                                  .csr = bytes_blob(&o->csr),
                                  .profile = o->profile,
                                  .validity_days = (uint32_t)o->validity_days,
                                  .replaces = ""};
        rc = call_CA_ENROLL(r->core->ca, &m, MSG_CA_ORDER, CA_TIMEOUT_MS, rep, e);
    } else {
        struct msg_CA_POLL m = {.type = a.connector.type,
                                .connector = a.connector.id,
                                .settings = buf_blob(&a.settings),
                                .secrets = buf_blob(&a.secrets),
                                .keys = buf_blob(&a.keys),
                                .memory = bytes_blob(&a.connector.memory),
                                .order = o->id,
                                .order_memory = bytes_blob(&o->memory),
                                .csr = bytes_blob(&o->csr)};
        rc = call_CA_POLL(r->core->ca, &m, MSG_CA_ORDER, CA_TIMEOUT_MS, rep, e);
    }
    ca_args_free(&a);
    return rc;
}

/* 1: issued; 0: the run has ended or waits; -1: error. */
static int step_order(struct run *r, struct order *o, struct err *e)
{
    struct err why = {0};
    if (order_state_parse(o->state) == ORDER_ISSUED)
        return 1;
    if (run_cancelled(r))
        return issue_cancel(r, o, e);
    if (run_intent(r, "order", e) < 0)
        return -1;
    OWN(reply_done)
    struct reply rep = {0};
    struct msg_CA_ORDER m;
    if (ask_ca(r, o, &rep, &why) < 0) {
        if (run_interrupted(r)) {
            *e = why;
            return -1;
        }
        bool unknown = why.code == ERR_NOT_FOUND && order_state_parse(o->state) != ORDER_QUEUED;
        bool later =
            why.code == ERR_NETWORK || why.code == ERR_LIMIT || why.code == ERR_TOKEN || unknown;
        if (run_step_failed(r, "order", why.text, e) < 0)
            return -1;
        if (later)
            return keep_queued(r, o, &why, e);
        return issue_fault(r->core, o->id, why.code, e) < 0
                   ? -1
                   : issue_end(r, o, "Failed", CAUSE_CA, why.text, e);
    }
    if (get_CA_ORDER(&rep.msg, &m, e) < 0 || keep_answer(r, &m, o, e) < 0)
        return -1;
    enum order_state s = order_state_parse(o->state);
    OWN(own_mem)
    char *text = xasprintf("%s%s%s", o->state, text_of(m.detail)[0] ? ": " : "", text_of(m.detail));
    if (run_done(r, "order", text, e) < 0)
        return -1;
    if (s == ORDER_ISSUED)
        return 1;
    if (order_is_final(s))
        return issue_end(r, o, o->state, CAUSE_CA, text_of(m.detail)[0] ? m.detail : o->state, e);
    int64_t wait = m.retry_after_s < POLL_MIN_S   ? POLL_MIN_S
                   : m.retry_after_s > POLL_MAX_S ? POLL_MAX_S
                                                  : m.retry_after_s;
    return run_wait(r, "Waiting", now_s() + wait, CAUSE_NONE, text, e);
}

/* The answer is what was asked for: key of the CSR, chain complete by issuer, names, validity; and
 * the policies hold. */
static int check_answer(struct run *r, const struct order *o, struct cert *c, struct buf *out,
                        struct err *e)
{
    OWN(chain_free)
    struct chain got = {0}, ordered = {0};
    OWN(own_key)
    struct key k = {0};
    if (load(r->core, TABLE_KEY, r->job.key, &k, e) < 0 ||
        chain_parse(blob_str(o->chain), &got, e) < 0 ||
        chain_order(&got, bytes_blob(&k.spki), true, &ordered, e) < 0 ||
        chain_check(&ordered, bytes_blob(&k.spki), &c->names, now_s(), e) < 0 ||
        policies_accept(r->core, c, ordered.v[0], e) < 0)
        return err_wrap(e, "the CA's answer");
    return chain_pem(&ordered, out, e);
}

static int finish_issue(struct run *r, struct order *o, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(buf_free)
    struct buf pem = BUF(65536);
    char next[ID_CHARS + 1] = "";
    if (load(r->core, TABLE_CERT, r->job.cert, &c, e) < 0 || run_intent(r, "check", e) < 0)
        return -1;
    struct err why = {0};
    if (check_answer(r, o, &c, &pem, &why) < 0) {
        if (run_step_failed(r, "check", why.text, e) < 0 ||
            issue_fault(r->core, o->id, why.code, e) < 0)
            return -1;
        return issue_end(r, o, "Failed", why.code == ERR_DENIED ? CAUSE_POLICY : CAUSE_CA, why.text,
                         e);
    }
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(r->core->db, true, &t, e) < 0 || cert_reread(t, &c, e) < 0)
        return -1;
    text_set(&c.previous_chain, c.chain);
    if (cert_describe_chain(&c, buf_cstr(&pem), e) < 0)
        return -1;
    text_set(&c.status, "Issued");
    c.revoked = false;
    if (str_starts(text_of(c.dcv_status), "http-01"))
        text_set(&c.dcv_status, "http-01: proved");
    else if (str_eq(c.ca_type, "Public"))
        text_set(&c.dcv_status, "by the CA: proved");
    text_set(&c.key, r->job.key);
    text_set(&c.order_reference, o->reference);
    text_set(&c.failure, "");
    text_set(&c.failure_cause, "");
    cert_derive(&c, false);
    if (policies_mark(t, &c, e) < 0 ||
        timeline_add(t, c.id, "issued", c.serial, r->job.id, e) < 0 ||
        expire_at(t, o->id, c.not_after, e) < 0)
        return -1;
    if (cert_may_deploy(&c)) {
        struct job_request req = {.kind = JOB_DEPLOY,
                                  .cert = c.id,
                                  .server = c.server,
                                  .follows = r->job.id,
                                  .subject = c.name,
                                  .requested_by = r->job.requested_by};
        if (job_create(t, &req, next, e) < 0)
            return -1;
        text_set(&c.job, next);
    }
    if (row_put(t, TABLE_CERT, &c, e) < 0 || txn_commit(&t, e) < 0 ||
        run_done(r, "check", "key, chain and names fit the request and the policies", e) < 0)
        return -1;
    int rc = run_finish(r, "Done", CAUSE_NONE, NULL, NULL, e);
    jobs_kick(r->core);
    return rc;
}

int flow_issue(struct run *r, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(own_order)
    struct order o = {0};
    if (load(r->core, TABLE_CERT, r->job.cert, &c, e) < 0)
        return err_wrap(e, "certificate");
    if (r->job.dry_run)
        return plan_issue(r, &c, e);
    /* The row has this job's key once the answer was checked; it may be deployed by now. */
    if (text_of(c.key)[0] && str_eq(c.key, r->job.key))
        return run_finish(r, "Done", CAUSE_NONE, NULL, NULL, e);
    int allowed = issue_allowed(r, &c, e);
    if (allowed != 1)
        return allowed;
    if (step_key(r, &c, e) < 0 || step_csr(r, &c, e) < 0 ||
        load(r->core, TABLE_ORDER, r->job.order, &o, e) < 0)
        return -1;
    int rc = step_order(r, &o, e);
    return rc == 1 ? finish_issue(r, &o, e) : rc;
}
