/* Work on one certificate: issue, renew, rotate, deploy, roll back, revoke; its files and its
 * timeline. */
#include <stdlib.h>
#include <string.h>

#include "crypto/x509/chain.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/api/api.h"
#include "src/core/api/trail_json.h"
#include "src/core/flow/renew.h"
#include "src/model/connectors.h"

static int dry_run_of(struct api *a, bool *out, struct err *e)
{
    static const char *const names[] = {"dry_run", NULL};
    if (a->body == NULL)
        return 0;
    return json_only(a->body, names, e) < 0 ? -1 : json_opt_bool(a->body, "dry_run", out, e);
}

static int start_issue(struct api *a, struct err *e)
{
    char job[ID_CHARS + 1];
    bool dry_run = false;
    if (dry_run_of(a, &dry_run, e) < 0 ||
        (dry_run ? renew_plan(a->core, a->param, api_user(a), job, e)
                 : renew_start(a->core, a->param, api_user(a), a->client, job, e)) < 0)
        return -1;
    return api_accepted(a, job, e);
}

int on_certs_issue(struct api *a, struct err *e)
{
    return start_issue(a, e);
}

/* Each issue makes a new key: renewal and rotation differ in why, not in how. */
int on_certs_renew(struct api *a, struct err *e)
{
    return start_issue(a, e);
}

int on_certs_rotate(struct api *a, struct err *e)
{
    return start_issue(a, e);
}

static int start_job(struct api *a, struct job_request q, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    char job[ID_CHARS + 1];
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_CERT, a->param, &c, e) < 0 ||
        cert_demand_idle(t, &c, e) < 0)
        return -1;
    if (text_of(c.server)[0] == '\0')
        return err_set(e, ERR_CONFLICT, "Server: choose the server of %s first", c.name);
    if (text_of(c.key)[0] == '\0')
        return err_set(e, ERR_CONFLICT, "%s has no certificate from here yet: issue it first",
                       c.name);
    q.cert = c.id;
    q.server = c.server;
    q.subject = c.name;
    q.requested_by = api_user(a);
    if (job_create(t, &q, job, e) < 0)
        return -1;
    if (!q.dry_run)
        text_set(&c.job, job);
    if (cert_settle(t, &c, e) < 0 || row_put(t, TABLE_CERT, &c, e) < 0 ||
        api_audit(a, t, "certificate", c.id, c.name, job, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    jobs_kick(a->core);
    return api_accepted(a, job, e);
}

int on_certs_deploy(struct api *a, struct err *e)
{
    struct job_request q = {.kind = JOB_DEPLOY};
    return dry_run_of(a, &q.dry_run, e) < 0 ? -1 : start_job(a, q, e);
}

int on_certs_redeploy(struct api *a, struct err *e)
{
    struct job_request q = {.kind = JOB_DEPLOY, .redeploy = true};
    return dry_run_of(a, &q.dry_run, e) < 0 ? -1 : start_job(a, q, e);
}

int on_certs_rollback(struct api *a, struct err *e)
{
    return start_job(a, (struct job_request){.kind = JOB_ROLLBACK}, e);
}

/* A reason its CA does not know is refused here, not on the wire. */
static int takes_reason(struct txn *t, const struct order *o, int64_t reason, struct err *e)
{
    OWN(own_connector)
    struct connector c = {0};
    OWN(own_mem)
    char *list = xstrdup("");
    if (row_get(t, TABLE_CONNECTOR, o->connector, &c, e) < 0)
        return err_wrap(e, "CA connector");
    const struct connector_kind *k = connector_kind_find(c.type);
    if (k == NULL || k->reasons & REASON((unsigned)reason))
        return 0;
    for (unsigned i = 0; i < 32; i++)
        if (k->reasons & REASON(i)) {
            char *longer = xasprintf("%s%s%u", list, *list ? ", " : "", i);
            free(list);
            list = longer;
        }
    return err_set(e, ERR_INPUT, "reason: %s takes only %s (RFC 5280, 5.3.1)", k->title, list);
}

int on_certs_revoke(struct api *a, struct err *e)
{
    static const char *const names[] = {"reason", "comments", NULL};
    OWN(own_cert)
    struct cert c = {0};
    OWN(own_order)
    struct order o = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    const char *comments = "";
    char job[ID_CHARS + 1];
    int64_t reason = 0;
    json_t *b;
    if (api_body(a, &b, e) < 0 || json_only(b, names, e) < 0 ||
        json_get_int(b, "reason", 0, 10, &reason, e) < 0 ||
        json_opt_str(b, "comments", 500, &comments, e) < 0)
        return -1;
    if (reason == 2 || (reason >= 6 && reason != 9))
        return err_set(e, ERR_INPUT, "reason: expected 0, 1, 3, 4, 5 or 9 (RFC 5280, 5.3.1)");
    if (txn_begin(a->core->db, true, &t, e) < 0 || row_get(t, TABLE_CERT, a->param, &c, e) < 0 ||
        cert_demand_idle(t, &c, e) < 0)
        return -1;
    if (text_of(c.order)[0] == '\0')
        return err_set(e, ERR_CONFLICT, "%s was not ordered here: revoke it at its own CA", c.name);
    if (row_get(t, TABLE_ORDER, c.order, &o, e) < 0)
        return -1;
    if (takes_reason(t, &o, reason, e) < 0)
        return -1;
    o.revoke_reason = reason;
    text_set(&o.revoke_comments, comments);
    struct job_request q = {.kind = JOB_REVOKE,
                            .cert = c.id,
                            .order = o.id,
                            .connector = o.connector,
                            .subject = c.name,
                            .requested_by = api_user(a)};
    if (row_put(t, TABLE_ORDER, &o, e) < 0 || job_create(t, &q, job, e) < 0)
        return -1;
    text_set(&c.job, job);
    if (row_put(t, TABLE_CERT, &c, e) < 0 ||
        api_audit(a, t, "certificate", c.id, c.name, comments, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    jobs_kick(a->core);
    return api_accepted(a, job, e);
}

static int chain_of(struct api *a, struct cert *c, struct chain *chain, struct err *e)
{
    if (load(a->core, TABLE_CERT, a->param, c, e) < 0)
        return -1;
    if (text_of(c->chain)[0] == '\0')
        return err_set(e, ERR_CONFLICT, "%s has no certificate yet", c->name);
    return chain_parse(blob_str(c->chain), chain, e);
}

/* A file name made of the certificate's name: nothing in it but letters, digits, dot and hyphen. */
static char *file_name(const struct cert *c, const char *suffix)
{
    OWN(own_mem)
    char *base = xstrdup(text_of(c->name));
    for (char *p = base; *p; p++)
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789.-", *p) == NULL)
            *p = '_';
    return xasprintf("%s.%s", base[0] ? base : "certificate", suffix);
}

int on_certs_download(struct api *a, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(chain_free)
    struct chain chain = {0};
    OWN(buf_free)
    struct buf out = BUF(CERT_MAX_BYTES * CHAIN_MAX_CERTS);
    OWN(own_mem)
    char *format = api_query_get(a, "format");
    if (chain_of(a, &c, &chain, e) < 0)
        return -1;
    bool der = str_eq(format, "der"), all = str_eq(format, "chain");
    if (format && !der && !all && !str_eq(format, "pem"))
        return err_set(e, ERR_INPUT, "format: expected pem, der or chain");
    struct chain one = {.v = {chain.v[0]}, .n = 1};
    if ((der ? cert_der(chain.v[0], &out, e) : chain_pem(all ? &chain : &one, &out, e)) < 0)
        return -1;
    OWN(own_mem)
    char *name = file_name(&c, der ? "der" : "pem");
    return api_text(a, der ? "application/pkix-cert" : "application/x-pem-file", name,
                    buf_blob(&out), e);
}

static int link_json(const X509 *cert, json_t **out, struct err *e)
{
    struct cert_info info = {0};
    struct strs findings = {0};
    char from[TIME_TEXT_BYTES], until[TIME_TEXT_BYTES];
    int rc = cert_describe(cert, &info, e);
    if (rc == 0)
        rc = cert_findings(cert, now_s(), &findings, e);
    if (rc == 0) {
        json_t *o = json_object();
        time_print(info.not_before, from);
        time_print(info.not_after, until);
        json_put_str(o, "subject", info.subject);
        json_put_str(o, "issuer", info.issuer);
        json_put_str(o, "serial", info.serial);
        json_put_str(o, "not_before", from);
        json_put_str(o, "not_after", until);
        json_put_str(o, "sig_alg", info.sig_alg);
        json_put_str(o, "key", info.key_alg);
        json_put_str(o, "fingerprint", info.fingerprint);
        json_put_strs(o, "names", &info.names);
        json_put_strs(o, "findings", &findings);
        *out = o;
    }
    strs_free(&findings);
    cert_info_free(&info);
    return rc;
}

int on_certs_text(struct api *a, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(chain_free)
    struct chain chain = {0};
    OWN(buf_free)
    struct buf text = BUF(256 * 1024);
    OWN(own_json)
    json_t *links = json_array();
    if (chain_of(a, &c, &chain, e) < 0 || cert_text(chain.v[0], &text, e) < 0)
        return -1;
    for (size_t i = 0; i < chain.n; i++) {
        json_t *one = NULL;
        if (link_json(chain.v[i], &one, e) < 0)
            return -1;
        json_array_append_new(links, one);
    }
    json_t *o = json_object();
    json_put_str(o, "text", buf_cstr(&text));
    json_put_take(o, "chain", TAKE(links));
    return api_json(a, 200, o, e);
}

int on_certs_timeline(struct api *a, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    if (load(a->core, TABLE_CERT, a->param, &c, e) < 0)
        return -1;
    return timeline_answer(a, c.id, NULL, e);
}
