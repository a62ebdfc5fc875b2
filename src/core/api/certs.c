/* Provisioning certificates: list, add, configure, delete, ignore (contract G, H). */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/flow/renew.h"
#include "src/core/policies.h"

int on_certs_list(struct api *a, struct err *e)
{
    return api_list(a, TABLE_CERT, e);
}

int on_certs_get(struct api *a, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    if (load(a->core, TABLE_CERT, a->param, &c, e) < 0)
        return -1;
    return api_record(a, 200, TABLE_CERT, &c, e);
}

static int demand(struct txn *t, enum table table, const char *id, const char *label, struct err *e)
{
    struct err none = {0};
    const struct fields *f = table_fields(table);
    if (text_of(id)[0] == '\0')
        return 0;
    void *record = xcalloc(1, f->size);
    int rc = row_get(t, table, id, record, &none);
    fields_free(f, record);
    free(record);
    if (rc == 0)
        return 0;
    if (none.code == ERR_NOT_FOUND)
        return err_set(e, ERR_INPUT, "%s: there is no %s %s", label, table_name(table), id);
    return err_set(e, none.code, "%s", none.text);
}

/* What the configuration must be in itself before it is kept. */
static int check(struct txn *t, struct cert *c, struct err *e)
{
    char host[254];
    if (demand(t, TABLE_CONNECTOR, c->connector, "Certificate Authority", e) < 0 ||
        demand(t, TABLE_SERVER, c->server, "Server", e) < 0)
        return -1;
    if (text_of(c->name)[0] == '\0' && c->names.n > 0)
        text_set(&c->name, c->names.v[0]);
    if (text_of(c->name)[0] == '\0')
        return err_set(e, ERR_INPUT, "CN / SAN Name: needed, for example shop.example");
    if (c->names.n == 0)
        strs_add(&c->names, c->name);
    for (size_t i = 0; i < c->names.n; i++) {
        const char *n = c->names.v[i];
        if (strchr(n, ':') == NULL && parse_host(n, true, host, sizeof host, e) < 0)
            return err_wrap(e, "Names: %s", n);
    }
    if (str_eq(c->key_alg, "ed25519") && str_eq(c->key_policy, "deployable"))
        return err_set(e, ERR_INPUT,
                       "Key Algorithm: an Ed25519 key cannot leave this HSM, so a server cannot "
                       "have it; choose p-256");
    return 0;
}

int on_certs_create(struct api *a, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    json_t *b;
    fields_init(&cert_fields, &c);
    if (api_body(a, &b, e) < 0 || fields_from_json(&cert_fields, b, false, &c, e) < 0 ||
        txn_begin(a->core->db, true, &t, e) < 0 || check(t, &c, e) < 0)
        return -1;
    text_set(&c.configured_by, api_user(a));
    text_set(&c.status, "Initiated");
    if (policies_demand(t, &c, NULL, e) < 0)
        return -1;
    cert_derive(&c, false);
    if (row_put(t, TABLE_CERT, &c, e) < 0 ||
        timeline_add(t, c.id, "added", api_user(a), NULL, e) < 0 ||
        api_audit(a, t, "certificate", c.id, c.name, "added by hand", e) < 0 ||
        txn_commit(&t, e) < 0)
        return -1;
    a->location = xasprintf("/api/v1/certificates/%s", c.id);
    return api_record(a, 201, TABLE_CERT, &c, e);
}

/* A deployment that waits looks again when its time was moved. */
static int wake_deployment(struct txn *t, const struct cert *c, struct err *e)
{
    OWN(own_job)
    struct job j = {0};
    struct err gone = {0};
    if (text_of(c->job)[0] == '\0' || row_get(t, TABLE_JOB, c->job, &j, &gone) < 0 ||
        !str_eq(j.kind, "deploy") || !str_eq(j.state, "Waiting"))
        return 0;
    j.next_at = now_s();
    return row_put(t, TABLE_JOB, &j, e);
}

/* Where and how it is brought to its server, as one text to compare. */
static char *aim_of(const struct cert *c)
{
    return xasprintf("%s\n%s\n%s\n%s\n%s\n%s\n%lld", text_of(c->server), text_of(c->cert_path),
                     text_of(c->key_path), text_of(c->sni), text_of(c->bot), c->deployment_type,
                     (long long)c->port);
}

/* Another aim: why the last deployment failed says nothing of the next one, which is queued. */
static int aim_anew(struct txn *t, struct cert *c, struct err *e)
{
    OWN(own_job)
    struct job j = {0};
    struct err gone = {0};
    text_set(&c->failure, "");
    text_set(&c->failure_cause, "");
    if (!cert_may_deploy(c) || text_of(c->job)[0] == '\0' ||
        row_get(t, TABLE_JOB, c->job, &j, &gone) < 0 || !str_eq(j.kind, "deploy") ||
        (!str_eq(j.state, "Failed") && !str_eq(j.state, "Rolled Back")))
        return 0;
    job_again(&j);
    text_set(&j.server, c->server);
    if (row_put(t, TABLE_JOB, &j, e) < 0)
        return -1;
    return timeline_add(t, c->id, "deployment queued again", "by a change of its configuration",
                        j.id, e);
}

int on_certs_update(struct api *a, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    json_t *b;
    if (api_body(a, &b, e) < 0 || txn_begin(a->core->db, true, &t, e) < 0 ||
        row_get(t, TABLE_CERT, a->param, &c, e) < 0 || api_edit(a, &c, e) < 0)
        return -1;
    int64_t deploy_after = c.deploy_after;
    OWN(own_mem)
    char *aim = aim_of(&c);
    OWN(policy_findings_free)
    struct policy_findings before = {0};
    if (policies_judge(t, &c, &before, NULL, e) < 0 ||
        fields_from_json(&cert_fields, b, true, &c, e) < 0 || check(t, &c, e) < 0 ||
        policies_demand(t, &c, &before, e) < 0 ||
        (c.deploy_after != deploy_after && wake_deployment(t, &c, e) < 0))
        return -1;
    text_set(&c.configured_by, api_user(a));
    if (str_eq(c.status, "Discovered"))
        text_set(&c.status, "Initiated");
    OWN(own_mem)
    char *now = aim_of(&c);
    if (text_of(c.chain)[0])
        c.validate_at = now_s();
    if (text_of(c.failure_cause)[0] && !str_eq(aim, now) && aim_anew(t, &c, e) < 0)
        return -1;
    if (cert_settle(t, &c, e) < 0 || row_put(t, TABLE_CERT, &c, e) < 0 ||
        timeline_add(t, c.id, "configured", api_user(a), NULL, e) < 0 ||
        api_audit(a, t, "certificate", c.id, c.name, "configured", e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    jobs_kick(a->core);
    return api_record(a, 200, TABLE_CERT, &c, e);
}

int on_certs_delete(struct api *a, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_CERT, a->param, &c, e) < 0 ||
        api_check_match(a, c.edits, e) < 0 || cert_demand_idle(t, &c, e) < 0 ||
        row_delete(t, TABLE_CERT, c.id, e) < 0 || trail_drop(t, TRAIL_TIMELINE, c.id, e) < 0 ||
        api_audit(a, t, "certificate", c.id, c.name,
                  "taken out of the inventory; its server is untouched", e) < 0 ||
        txn_commit(&t, e) < 0)
        return -1;
    return api_empty(a, 204);
}

static int set_ignored(struct api *a, bool ignored, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    const char *word = ignored ? "ignored" : "taken back";
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_CERT, a->param, &c, e) < 0)
        return -1;
    c.ignored = ignored;
    api_edited(&c);
    if (cert_settle(t, &c, e) < 0 || row_put(t, TABLE_CERT, &c, e) < 0 ||
        timeline_add(t, c.id, word, api_user(a), NULL, e) < 0 ||
        api_audit(a, t, "certificate", c.id, c.name, word, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return api_record(a, 200, TABLE_CERT, &c, e);
}

int on_certs_ignore(struct api *a, struct err *e)
{
    return set_ignored(a, true, e);
}

int on_certs_unignore(struct api *a, struct err *e)
{
    return set_ignored(a, false, e);
}
