/* Orders (acme_order.h). */
#include "src/ca/acme_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/x509/chain.h"
#include "src/base/enc.h"
#include "src/base/fiber.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/ca/acme_authz.h"

#define INLINE_MS 30000 /* waited here in all; then core asks again */
#define WAIT_MIN_S 1
#define PAYLOAD_MAX (64 * 1024)

static int add_identifier(json_t *list, const char *san, struct err *e)
{
    char ip[64];
    const bool address = str_starts(san, "IP:");

    if (str_starts(san, "*."))
        return err_set(e, ERR_INPUT,
                       "%s: a wildcard needs dns-01, and this connector proves names by http-01; "
                       "order the single names",
                       san);
    if (address && parse_ip(san + 3, ip, sizeof(ip), e) < 0)
        return -1;
    if (!address && strchr(san, ':'))
        return err_set(e, ERR_INPUT, "%.100s: ACME issues for host names and addresses only", san);
    json_t *one = json_object();
    json_put_str(one, "type", address ? "ip" : "dns"); /* RFC 8738 */
    json_put_str(one, "value", address ? ip : san);
    json_array_append_new(list, one);
    return 0;
}

static int order_body(const struct acme *a, bool replaces, struct buf *out, struct err *e)
{
    const struct strs *names = &a->job->request.names;
    OWN(own_json)
    json_t *body = json_object();
    json_t *list = json_array();

    json_put_take(body, "identifiers", list);
    if (names->n == 0)
        return err_set(e, ERR_INPUT,
                       "the request has no alternative name; give at least one host name");
    for (size_t i = 0; i < names->n; i++)
        if (add_identifier(list, names->v[i], e) < 0)
            return -1;
    if (*a->job->profile) {
        if (!strs_has(&a->dir.profiles, a->job->profile))
            return err_set(e, ERR_NOT_FOUND, "Profile: this CA offers no profile %.60s",
                           a->job->profile);
        json_put_str(body, "profile", a->job->profile);
    }
    if (replaces && a->dir.has_renewal_info && *a->job->replaces)
        json_put_str(body, "replaces", a->job->replaces);
    return json_print(body, out, e);
}

static int send_order(struct acme *a, bool replaces, struct http_response *r, struct err *e)
{
    OWN(buf_free)
    struct buf body = BUF(PAYLOAD_MAX);

    if (order_body(a, replaces, &body, e) < 0)
        return -1;
    return acme_post(a, a->dir.new_order, buf_blob(&body), r, e);
}

/* newOrder, with the two refusals that have a remedy of their own, each tried once. */
static int new_order(struct acme *a, struct http_response *r, struct err *e)
{
    if (send_order(a, true, r, e) == 0)
        return 0;
    if (str_eq(a->problem.type, "accountDoesNotExist")) {
        log_warn("acme.account_gone", "connector=%s", log_q(a->job->connector));
        return acme_account_renew(a, e) < 0 ? -1 : send_order(a, true, r, e);
    }
    if (str_eq(a->problem.type, "alreadyReplaced")) /* RFC 9773, 5: order it without the link */
        return send_order(a, false, r, e);
    return -1;
}

/*
 * An empty URL marks that newOrder is on its way. If its answer is lost the mark stays, and the
 * next attempt places a new order: ACME cannot look up the lost one, which costs nothing and
 * expires at the CA without a certificate.
 */
static int place(struct acme *a, struct acme_placed *p, struct err *e)
{
    OWN(http_response_free)
    struct http_response r = {0};

    if (p->url)
        log_info("acme.order_lost", "connector=%s order=%s", log_q(a->job->connector),
                 log_q(a->job->order));
    free(p->url);
    p->url = xstrdup("");
    if (acme_placed_save(a, p, e) < 0 || new_order(a, &r, e) < 0)
        return -1;
    char *url = acme_location(a, &r, e);
    if (!url)
        return err_wrap(e, "newOrder");
    free(p->url);
    p->url = url;
    return acme_placed_save(a, p, e);
}

static int get_order(struct acme *a, const char *url, struct acme_order *o, uint32_t *wait_s,
                     struct err *e)
{
    OWN(http_response_free)
    struct http_response r = {0};

    if (acme_post(a, url, BLOB(NULL, 0), &r, e) < 0)
        return err_wrap(e, "order");
    *wait_s = http_retry_after(&r, ACME_RETRY_AFTER_MAX);
    return acme_order_parse(buf_blob(&r.body), &a->dir.hosts, o, e);
}

static int finalize(struct acme *a, const struct acme_order *o, struct err *e)
{
    OWN(own_json)
    json_t *body = json_object();
    OWN(own_mem)
    char *csr = base64url_str(a->job->csr);
    OWN(buf_free)
    struct buf payload = BUF(PAYLOAD_MAX);
    OWN(http_response_free)
    struct http_response r = {0};

    json_put_str(body, "csr", csr);
    if (json_print(body, &payload, e) < 0)
        return -1;
    if (acme_post(a, o->finalize, buf_blob(&payload), &r, e) == 0 ||
        str_eq(a->problem.type, "orderNotReady"))
        return 0; /* its state is asked next */
    return err_wrap(e, "finalize");
}

static int download(struct acme *a, const struct acme_order *o, struct ca_result *out,
                    struct err *e)
{
    OWN(http_response_free)
    struct http_response r = {0};

    if (!o->certificate)
        return err_set(e, ERR_REMOTE, "the order is valid, but the CA names no certificate");
    if (acme_post(a, o->certificate, BLOB(NULL, 0), &r, e) < 0)
        return err_wrap(e, "certificate");
    buf_add_blob(&out->chain, buf_blob(&r.body));
    out->state = ORDER_ISSUED;
    return buf_check(&out->chain, "certificate chain", e);
}

static int reject(struct acme *a, const struct acme_order *o, struct ca_result *out, struct err *e)
{
    struct err why = {.text = ""};

    if (acme_authz_why(a, o, &why, e) < 0)
        return -1;
    out->state = ORDER_REJECTED;
    snprintf(out->detail, sizeof(out->detail), "%s",
             why.text[0] ? why.text : (o->error ? o->error : "order invalid"));
    return 0;
}

/* One look at the order and the step its state allows. *done: `out` is the answer. */
static int step(struct acme *a, struct acme_placed *p, struct ca_result *out, bool *done,
                uint32_t *wait_s, struct err *e)
{
    OWN(acme_order_free)
    struct acme_order o = {0};

    if (get_order(a, p->url, &o, wait_s, e) < 0)
        return -1;
    if (o.status != ACME_PENDING && acme_authz_unpublish(a, p, e) < 0)
        return -1;
    switch (o.status) {
    case ACME_PENDING:
        out->state = ORDER_VALIDATION_PENDING;
        return acme_authz_answer(a, p, &o, e);
    case ACME_READY:
        *wait_s = 0;
        out->state = ORDER_CSR_PENDING;
        return finalize(a, &o, e);
    case ACME_PROCESSING:
        out->state = ORDER_VALIDATION_PENDING;
        return 0;
    case ACME_VALID:
        *done = true;
        return download(a, &o, out, e);
    default:
        *done = true;
        return reject(a, &o, out, e);
    }
}

static int drive(struct acme *a, struct acme_placed *p, struct ca_result *out, struct err *e)
{
    const int64_t deadline = monotonic_ms() + INLINE_MS;
    bool done = false;

    for (;;) {
        uint32_t wait_s = 0;
        if (step(a, p, out, &done, &wait_s, e) < 0)
            return -1;
        if (done)
            return 0;
        if (out->state == ORDER_CSR_PENDING && monotonic_ms() < deadline) {
            out->state = ORDER_VALIDATION_PENDING;
            continue; /* finalized: look at once */
        }
        if (wait_s < WAIT_MIN_S)
            wait_s = WAIT_MIN_S;
        if (monotonic_ms() + wait_s * 1000LL > deadline) {
            out->state = ORDER_VALIDATION_PENDING;
            out->retry_after_s = wait_s;
            snprintf(out->detail, sizeof(out->detail),
                     "the CA is still checking the names or issuing");
            return 0;
        }
        fiber_sleep(ca_loop(a->job), wait_s * 1000ULL);
    }
}

int acme_order_run(struct acme *a, bool may_place, struct ca_result *out, struct err *e)
{
    OWN(acme_placed_free)
    struct acme_placed p = {0};

    if (acme_placed_decode(bytes_blob(&a->job->order_memory), &p, e) < 0)
        return -1;
    if (!p.url || !*p.url) {
        if (!may_place)
            return err_set(e, ERR_NOT_FOUND,
                           "the CA's answer to this order was never received; place it again");
        if (place(a, &p, e) < 0)
            return -1;
    }
    if (acme_url_check(p.url, &a->dir.hosts, "order", e) < 0)
        return -1;
    out->reference = xstrdup(p.url);
    if (drive(a, &p, out, e) == 0)
        return 0;
    if (e->code != ERR_NETWORK && e->code != ERR_LIMIT && acme_authz_unpublish(a, &p, NULL) < 0)
        log_warn("acme.unpublish", "order=%s", log_q(a->job->order));
    return -1;
}

int acme_order_cancel(struct acme *a, struct err *e)
{
    OWN(acme_placed_free)
    struct acme_placed p = {0};
    OWN(acme_order_free)
    struct acme_order o = {0};
    uint32_t wait_s;

    if (acme_placed_decode(bytes_blob(&a->job->order_memory), &p, e) < 0)
        return -1;
    if (!p.url || !*p.url)
        return 0; /* nothing is known to be at the CA */
    if (acme_authz_unpublish(a, &p, e) < 0 ||
        acme_url_check(p.url, &a->dir.hosts, "order", e) < 0 ||
        get_order(a, p.url, &o, &wait_s, e) < 0)
        return -1;
    return acme_authz_deactivate(a, &o, e);
}
