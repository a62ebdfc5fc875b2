/* What a deployment reads from and leaves in the records of certificate, server and job. */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/flow/deploy.h"
#include "src/model/deploy_request.h"

int deploy_request_of(struct deploy *d, struct buf *out, struct err *e)
{
    const struct cert *c = &d->cert;
    struct deploy_request q = {0};
    fields_init(&deploy_request_fields, &q);
    text_set(&q.cert_path, c->cert_path);
    text_set(&q.key_path, c->key_path);
    text_set(&q.sni, text_of(c->sni)[0] ? c->sni : c->name);
    q.port = c->port;
    for (size_t i = 0; i < c->names.n; i++)
        strs_add(&q.names, c->names.v[i]);
    if (text_of(c->fingerprint)[0])
        strs_add(&q.own_fingerprints, c->fingerprint);
    q.allow_name_loss = q.accept_risks = d->run->job.approved;
    if (q.accept_risks)
        bytes_set(&q.approved_plan, bytes_blob(&d->run->job.approved_plan));
    q.allow_edit = str_eq(c->config_edits, "allow");
    q.dry_run = d->run->job.dry_run;
    q.redeploy = d->run->job.redeploy;
    fields_encode(&deploy_request_fields, &q, out);
    fields_free(&deploy_request_fields, &q);
    return buf_check(out, "deployment request", e);
}

static int supersede(struct txn *t, const struct cert *successor, struct err *e)
{
    OWN(own_cert)
    struct cert old = {0};
    struct err gone = {0};
    if (text_of(successor->predecessor)[0] == '\0')
        return 0;
    if (row_get(t, TABLE_CERT, successor->predecessor, &old, &gone) < 0)
        return gone.code == ERR_NOT_FOUND ? 0 : err_set(e, gone.code, "%s", gone.text);
    old.superseded = true;
    cert_derive(&old, false);
    if (row_put(t, TABLE_CERT, &old, e) < 0)
        return -1;
    return timeline_add(t, old.id, "superseded", successor->serial, NULL, e);
}

/* "name: value" of a step's evidence; malloc'ed, NULL when it says nothing of it. */
static char *evidence_value(const char *evidence, const char *name)
{
    OWN(own_mem)
    char *head = xasprintf("%s: ", name);
    const char *at = evidence;

    while (at && !str_starts(at, head))
        at = (at = strchr(at, '\n')) ? at + 1 : NULL;
    return at ? xstrndup(at + strlen(head), strcspn(at + strlen(head), "\n")) : NULL;
}

/* A deployment that edited the configuration says which files the server block names now. */
static void take_paths(struct cert *c, const char *evidence)
{
    OWN(own_mem)
    char *cert = evidence_value(text_of(evidence), "certificate file");
    OWN(own_mem)
    char *key = evidence_value(text_of(evidence), "key file");

    if (cert && key) {
        text_set(&c->cert_path, cert);
        text_set(&c->key_path, key);
    }
}

int deploy_mark_deployed(struct deploy *d, const char *evidence, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_cert)
    struct cert c = {0};
    if (txn_begin(d->run->core->db, true, &t, e) < 0 ||
        row_get(t, TABLE_CERT, d->cert.id, &c, e) < 0)
        return -1;
    take_paths(&c, evidence);
    text_set(&c.status, "Deployed");
    text_set(&c.failure, "");
    text_set(&c.failure_cause, "");
    c.last_provisioned = now_s();
    OWN(own_mem)
    char *location = xasprintf("%s:%lld", d->server.address, (long long)c.port);
    text_set(&c.location, location);
    cert_derive(&c, false);
    if (row_put(t, TABLE_CERT, &c, e) < 0 || supersede(t, &c, e) < 0 ||
        timeline_add(t, c.id, "deployed", location, d->run->job.id, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int deploy_mark_rolled_back(struct deploy *d, const char *evidence, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_cert)
    struct cert c = {0};
    if (txn_begin(d->run->core->db, true, &t, e) < 0 ||
        row_get(t, TABLE_CERT, d->cert.id, &c, e) < 0)
        return -1;
    take_paths(&c, evidence);
    text_set(&c.status, "Rolled Back");
    text_set(&c.failure, "rolled back by hand: the former certificate serves again");
    c.last_provisioned = now_s();
    cert_derive(&c, false);
    if (row_put(t, TABLE_CERT, &c, e) < 0 ||
        timeline_add(t, c.id, "rolled back", "by hand", d->run->job.id, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

struct last {
    struct bytes plan;
    int64_t at;
};

static int last_one(void *record, void *arg, struct err *e)
{
    const struct job *j = record;
    struct last *l = arg;
    (void)e;
    if (str_eq(j->kind, "deploy") && str_eq(j->state, "Done") && !j->dry_run && !j->unchanged &&
        j->finished_at >= l->at) {
        bytes_set(&l->plan, bytes_blob(&j->plan));
        l->at = j->finished_at;
    }
    return 0;
}

int deploy_last_plan(struct deploy *d, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    struct last l = {0};
    if (txn_begin(d->run->core->db, false, &t, e) < 0 ||
        row_each(t, TABLE_JOB, "cert", d->cert.id, last_one, &l, e) < 0)
        return -1;
    if (l.plan.n == 0)
        return err_set(e, ERR_CONFLICT, "%s has no finished deployment to roll back", d->cert.name);
    bytes_free(&d->run->job.plan);
    d->run->job.plan = l.plan;
    return 0;
}

int server_keep_offer(struct core *core, const char *server_id, const char *evidence,
                      const char *why, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_server)
    struct server s = {0};
    if (txn_begin(core->db, true, &t, e) < 0 || row_get(t, TABLE_SERVER, server_id, &s, e) < 0)
        return -1;
    strs_free(&s.offered_keys);
    strs_split(&s.offered_keys, text_of(evidence), "\n");
    text_set(&s.state, s.host_keys.n ? "Auth Failed" : "Unverified");
    text_set(&s.last_error, why);
    s.last_check = now_s();
    if (row_put(t, TABLE_SERVER, &s, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

int deploy_host_key(struct deploy *d, const struct step_result *res, struct err *e)
{
    if (server_keep_offer(d->run->core, d->server.id, res->evidence, text_of(res->text), e) < 0)
        return -1;
    if (job_brings(&d->run->job) && cert_mark_failed(d->run->core, d->cert.id, NULL,
                                                     CAUSE_CONNECTIVITY, text_of(res->text), e) < 0)
        return -1;
    return run_finish(d->run, "Failed", CAUSE_CONNECTIVITY, text_of(res->text),
                      "Compare the fingerprints with the server's console. If they are right, "
                      "approve the host key on "
                      "the server's page and retry; nothing was sent to the server.",
                      e);
}
