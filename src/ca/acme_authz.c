/* Authorizations (acme_authz.h). A token is remembered before it is published, so none is left
 * behind. */
#include "src/ca/acme_authz.h"

#include <stdlib.h>

#include "src/base/own.h"

#define PLACED_MAX (32 * 1024)

int acme_placed_save(struct acme *a, const struct acme_placed *p, struct err *e)
{
    OWN(buf_free)
    struct buf memory = BUF(PLACED_MAX);

    acme_placed_encode(p, &memory);
    if (buf_check(&memory, "memory of the order", e) < 0)
        return -1;
    return ca_remember_order(a->job, buf_blob(&memory), e);
}

static int get_authz(struct acme *a, const char *url, struct acme_authz *out, struct err *e)
{
    OWN(http_response_free)
    struct http_response r = {0};

    if (acme_post(a, url, BLOB(NULL, 0), &r, e) < 0)
        return err_wrap(e, "authorization");
    return acme_authz_parse(buf_blob(&r.body), &a->dir.hosts, out, e);
}

static int publish(struct acme *a, struct acme_placed *p, const char *token, struct err *e)
{
    OWN(own_mem)
    char *answer = xasprintf("%s.%s", token, a->thumbprint);

    if (!strs_has(&p->tokens, token)) {
        strs_add(&p->tokens, token);
        if (acme_placed_save(a, p, e) < 0)
            return -1;
    }
    return ca_publish(a->job, token, answer, e);
}

static int answer_one(struct acme *a, struct acme_placed *p, const char *url, struct err *e)
{
    OWN(acme_authz_free)
    struct acme_authz z = {0};
    OWN(http_response_free)
    struct http_response r = {0};

    if (get_authz(a, url, &z, e) < 0)
        return -1;
    if (z.status != ACME_PENDING)
        return 0;
    if (!z.has_http01)
        return err_set(e, ERR_INPUT, "%.120s: the CA does not offer http-01 for this name", z.name);
    if (publish(a, p, z.token, e) < 0)
        return -1;
    if (z.challenge == ACME_PENDING && acme_post(a, z.url, blob_str("{}"), &r, e) < 0)
        return err_wrap(e, "challenge of %.120s", z.name);
    return 0;
}

int acme_authz_answer(struct acme *a, struct acme_placed *p, const struct acme_order *o,
                      struct err *e)
{
    for (size_t i = 0; i < o->authorizations.n; i++)
        if (answer_one(a, p, o->authorizations.v[i], e) < 0)
            return -1;
    return 0;
}

int acme_authz_unpublish(struct acme *a, struct acme_placed *p, struct err *e)
{
    if (p->tokens.n == 0)
        return 0;
    for (size_t i = 0; i < p->tokens.n; i++)
        if (ca_publish(a->job, p->tokens.v[i], "", e) < 0)
            return -1;
    strs_free(&p->tokens);
    return acme_placed_save(a, p, e);
}

int acme_authz_why(struct acme *a, const struct acme_order *o, struct err *why, struct err *e)
{
    for (size_t i = 0; i < o->authorizations.n; i++) {
        OWN(acme_authz_free)
        struct acme_authz z = {0};
        if (get_authz(a, o->authorizations.v[i], &z, e) < 0)
            return -1;
        if (z.status == ACME_VALID || z.status == ACME_PENDING)
            continue;
        err_set(why, ERR_REMOTE, "%.120s: %s", z.name, z.error ? z.error : "not proven");
        return 0;
    }
    return 0;
}

int acme_authz_deactivate(struct acme *a, const struct acme_order *o, struct err *e)
{
    for (size_t i = 0; i < o->authorizations.n; i++) {
        OWN(acme_authz_free)
        struct acme_authz z = {0};
        OWN(http_response_free)
        struct http_response r = {0};
        if (get_authz(a, o->authorizations.v[i], &z, e) < 0)
            return -1;
        /* A valid one may serve other orders: it stays. */
        if (z.status == ACME_PENDING &&
            acme_post(a, o->authorizations.v[i], blob_str("{\"status\":\"deactivated\"}"), &r, e) <
                0)
            return err_wrap(e, "give up %.120s", z.name);
    }
    return 0;
}
