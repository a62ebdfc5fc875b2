/* The ACME connector (RFC 8555): what each operation of core means at such a CA. */
#include <stdio.h>
#include <stdlib.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/ca/acme_client.h"
#include "src/ca/acme_order.h"

static int open_account(struct ca_job *job, struct acme *a, struct err *e)
{
    return acme_open(job, a, e) < 0 ? -1 : acme_account(a, e);
}

static int failed(struct ca_job *job, const char *step, struct err *e)
{
    ca_evidence(job, step, "failed", "%s", e->text);
    return -1;
}

/* newAccount answers a known key with its account, so a test never makes a second one. */
static int test(struct ca_job *job, struct ca_result *out, struct err *e)
{
    OWN(acme_close)
    struct acme a = {0};

    ca_evidence(job, "Directory", "running", "asking the CA");
    if (acme_open(job, &a, e) < 0)
        return failed(job, "Directory", e);
    ca_evidence(job, "Directory", "ok", "TLS, certificate and directory are in order%s%.200s",
                a.dir.terms ? "; terms of service: " : "", a.dir.terms ? a.dir.terms : "");
    ca_evidence(job, "Account", "running", "signing in with the account key");
    if (acme_account_renew(&a, e) < 0)
        return failed(job, "Account", e);
    ca_evidence(job, "Account", "ok", "%.300s", a.account);
    snprintf(out->detail, sizeof(out->detail), "Account %.300s", a.account);
    return 0;
}

static int enroll(struct ca_job *job, struct ca_result *out, struct err *e)
{
    OWN(acme_close)
    struct acme a = {0};

    return open_account(job, &a, e) < 0 ? -1 : acme_order_run(&a, true, out, e);
}

static int poll(struct ca_job *job, struct ca_result *out, struct err *e)
{
    OWN(acme_close)
    struct acme a = {0};

    return open_account(job, &a, e) < 0 ? -1 : acme_order_run(&a, false, out, e);
}

static int cancel(struct ca_job *job, struct ca_result *out, struct err *e)
{
    OWN(acme_close)
    struct acme a = {0};

    if (open_account(job, &a, e) < 0 || acme_order_cancel(&a, e) < 0)
        return -1;
    out->state = ORDER_CANCELLED;
    return 0;
}

/* RFC 8555, 7.6, signed by the account that ordered the certificate. */
static int revoke_cert(struct ca_job *job, struct ca_result *out, struct err *e)
{
    OWN(acme_close)
    struct acme a = {0};
    OWN(own_json)
    json_t *body = json_object();
    OWN(own_mem)
    char *cert = base64url_str(job->cert);
    OWN(buf_free)
    struct buf payload = BUF(128 * 1024);
    OWN(http_response_free)
    struct http_response r = {0};

    json_put_str(body, "certificate", cert);
    if (job->reason != 0)
        json_put_int(body, "reason", job->reason);
    if (open_account(job, &a, e) < 0 || json_print(body, &payload, e) < 0)
        return -1;
    if (acme_post(&a, a.dir.revoke_cert, buf_blob(&payload), &r, e) < 0 &&
        !str_eq(a.problem.type, "alreadyRevoked"))
        return err_wrap(e, "revoke");
    out->state = ORDER_REVOKED;
    return 0;
}

const struct connector connector_acme = {
    .test = test, .enroll = enroll, .poll = poll, .cancel = cancel, .revoke = revoke_cert};
