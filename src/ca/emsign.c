/* The emSign connector (Hub API V1): what each operation of core means there. */
#include <stdio.h>
#include <stdlib.h>

#include "src/base/own.h"
#include "src/ca/emsign_client.h"

#define REVOKE_AGAIN_S 300
#define REMARKS_MAX 200
#define SHOWN_MAX 12

static struct emsign open_client(struct ca_job *job)
{
    return (struct emsign){.job = job, .s = job->settings};
}

static int failed(struct ca_job *job, const char *step, struct err *e)
{
    ca_evidence(job, step, "failed", "%s", e->text);
    return -1;
}

/* "ValidateCredentials" refused without a known code is the account, not the request. */
static int log_in(struct emsign *c, struct err *e)
{
    OWN(own_json)
    json_t *a = emsign_call(c, "ValidateCredentials", NULL, NULL, e);

    return a ? 0 : -1;
}

static bool offers(const struct strs *products, const char *code)
{
    OWN(own_mem)
    char *head = xasprintf("%s ", code);

    for (size_t i = 0; i < products->n; i++)
        if (str_starts(products->v[i], head))
            return true;
    return false;
}

/* Some accounts list products only for a group. */
static int check_products(struct emsign *c, struct strs *products, struct err *e)
{
    json_t *q = json_object();

    if (c->s->group_number && *c->s->group_number)
        json_put_str(q, "groupNumber", c->s->group_number);
    OWN(own_json)
    json_t *a = emsign_call(c, "GetProductDetails", "productDetails", q, e);
    if (!a || emsign_products_parse(a, products, e) < 0)
        return -1;
    if (c->s->product && *c->s->product && !offers(products, c->s->product))
        return err_set(e, ERR_NOT_FOUND,
                       "Product: the account offers no product %.20s; the evidence lists those it "
                       "offers%s",
                       c->s->product, products->n ? "" : " (none: does it need a Group?)");
    return 0;
}

static void tell_products(struct ca_job *job, const struct strs *products, const char *state)
{
    struct strs shown = {products->v, products->n < SHOWN_MAX ? products->n : SHOWN_MAX};
    OWN(own_mem)
    char *text = strs_join(&shown, "; ");

    ca_evidence(job, "Products", state, "%zu products: %.400s", products->n, text);
}

static int test(struct ca_job *job, struct ca_result *out, struct err *e)
{
    struct emsign c = open_client(job);
    OWN(strs_free)
    struct strs products = {0};

    if (emsign_order_settings(c.s, e) < 0)
        return failed(job, "Settings", e);
    ca_evidence(job, "Login", "running", "asking emSign to validate the credentials");
    if (log_in(&c, e) < 0)
        return failed(job, "Login", e);
    ca_evidence(job, "Login", "ok", "account %s", c.s->account_number);
    ca_evidence(job, "Products", "running", "asking for the account's products");
    const int got = check_products(&c, &products, e);
    if (products.n)
        tell_products(job, &products, got < 0 ? "failed" : "ok");
    if (got < 0)
        return failed(job, "Products", e);
    snprintf(out->detail, sizeof(out->detail), "account %s, %zu products", c.s->account_number,
             products.n);
    return 0;
}

static int enroll(struct ca_job *job, struct ca_result *out, struct err *e)
{
    struct emsign c = open_client(job);
    struct emsign_order o;

    if (emsign_order_decode(bytes_blob(&job->order_memory), &o, e) < 0 ||
        emsign_place(&c, &o, e) < 0)
        return -1;
    return emsign_follow(&c, &o, false, out, e);
}

static int poll(struct ca_job *job, struct ca_result *out, struct err *e)
{
    struct emsign c = open_client(job);
    struct emsign_order o;

    if (emsign_order_decode(bytes_blob(&job->order_memory), &o, e) < 0)
        return -1;
    if (!o.at.order[0])
        return err_set(e, ERR_NOT_FOUND, "emSign never confirmed this order; it is placed again");
    return emsign_follow(&c, &o, true, out, e);
}

static int reject(struct emsign *c, const char *number, struct err *e)
{
    json_t *q = json_object();

    json_put_str(q, "orderNumber", number);
    json_put_str(q, "rejectRemarks", "cancelled by the requester");
    OWN(own_json)
    json_t *a = emsign_call(c, "RejectOrder", "orderDetails", q, e);
    return a ? 0 : -1;
}

/* Looked at first: it may be cancelled, or issued, already. */
static int cancel(struct ca_job *job, struct ca_result *out, struct err *e)
{
    struct emsign c = open_client(job);
    struct emsign_order o;
    OWN(emsign_track_free)
    struct emsign_track t = {0};

    if (emsign_order_decode(bytes_blob(&job->order_memory), &o, e) < 0 ||
        (!o.at.order[0] && o.sent_at && emsign_find_lost(&c, &o, e) < 0))
        return -1;
    out->state = ORDER_CANCELLED;
    if (!o.at.order[0])
        return 0;
    if (emsign_track(&c, o.at.order, &t, e) < 0)
        return -1;
    if (t.state == ORDER_CANCELLED || t.state == ORDER_REJECTED)
        return 0;
    if (t.state == ORDER_ISSUED)
        return err_set(e, ERR_CONFLICT,
                       "emSign has issued order %s: it cannot be cancelled, revoke the "
                       "certificate",
                       o.at.order);
    return reject(&c, o.at.order, e);
}

static int ask_revocation(struct emsign *c, const char *number, struct err *e)
{
    json_t *q = json_object();
    char reason[8], remarks[REMARKS_MAX + 1];

    snprintf(reason, sizeof(reason), "%u", c->job->reason);
    snprintf(remarks, sizeof(remarks), "%.*s", REMARKS_MAX,
             *c->job->comments ? c->job->comments : "revoked by the requester");
    for (char *p = remarks; *p; p++)
        if (*p == ';' || *p == '\n')
            *p = ','; /* it refuses the first */
    while (!utf8_valid(remarks, strlen(remarks)))
        remarks[strlen(remarks) - 1] = '\0';
    json_put_str(q, "orderNumber", number);
    json_put_str(q, "requestorEmail", c->s->email);
    json_put_str(q, "revokeReasonId", reason);
    json_put_str(q, "revokeRemarks", remarks);
    OWN(own_json)
    json_t *a = emsign_call(c, "RevokeOrder", "revocationDetails", q, e);
    return a ? 0 : -1;
}

/* A success only means that it was asked for: it is done when the order says so. */
static int revoke_cert(struct ca_job *job, struct ca_result *out, struct err *e)
{
    struct emsign c = open_client(job);
    struct emsign_order o;
    OWN(emsign_track_free)
    struct emsign_track t = {0};

    if (emsign_order_decode(bytes_blob(&job->order_memory), &o, e) < 0)
        return -1;
    if (!o.at.order[0])
        return err_set(e, ERR_NOT_FOUND,
                       "the certificate was not ordered through this connector; revoke it in the "
                       "emSign portal");
    if (emsign_track(&c, o.at.order, &t, e) < 0)
        return -1;
    if (t.revocation == REVOCATION_NONE) {
        emsign_track_free(&t);
        if (ask_revocation(&c, o.at.order, e) < 0 || emsign_track(&c, o.at.order, &t, e) < 0)
            return -1;
    }
    if (t.revocation == REVOCATION_REFUSED)
        return err_set(e, ERR_DENIED, "emSign refused to revoke order %s; ask its support",
                       o.at.order);
    out->state = t.revocation == REVOCATION_DONE ? ORDER_REVOKED : ORDER_APPROVAL_PENDING;
    out->retry_after_s = REVOKE_AGAIN_S;
    snprintf(out->detail, sizeof(out->detail), "emSign: revocation %s",
             t.revocation == REVOCATION_DONE ? "done" : "pending");
    return 0;
}

const struct connector connector_emsign = {
    .test = test, .enroll = enroll, .poll = poll, .cancel = cancel, .revoke = revoke_cert};
