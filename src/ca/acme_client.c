/* Directory, nonces and signed POSTs (acme_client.h). */
#include "src/ca/acme_client.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"

#define NONCE_TRIES 8
#define NONCE_MAX 512
#define POST_MAX_BYTES (256 * 1024)
#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static int sign_with_account(void *arg, struct blob tbs, struct buf *der, struct err *e)
{
    return ca_sign(arg, "account", PURPOSE_JWS, SIGN_ECDSA_SHA256, tbs, der, e);
}

/* Every answer may bring the next nonce; one that is no base64url is dropped (RFC 8555, 6.5.1). */
static void keep_nonce(struct acme *a, const struct http_response *r)
{
    const char *nonce = http_header(r, "Replay-Nonce");

    free(TAKE(a->nonce));
    if (nonce && *nonce && strlen(nonce) <= NONCE_MAX && nonce[strspn(nonce, BASE64URL)] == '\0')
        a->nonce = xstrdup(nonce);
}

static int refused(struct acme *a, const struct http_response *r, struct err *e)
{
    acme_problem_parse(buf_blob(&r->body), &a->problem);
    return acme_refused(r->status, &a->problem, http_retry_after(r, ACME_RETRY_AFTER_MAX), e);
}

static int ask(struct acme *a, const char *method, const char *url, struct http_response *out,
               struct err *e)
{
    const struct http_request q = {.method = method, .url = url, .max_body = ACME_ANSWER_MAX};

    return ca_http(a->job, &q, out, e);
}

int acme_open(struct ca_job *job, struct acme *a, struct err *e)
{
    const struct named_blob *key = ca_key_blob(job, "account", e);
    OWN(http_response_free)
    struct http_response r = {0};
    OWN(buf_free)
    struct buf jwk = BUF(512);

    a->job = job;
    a->s = job->settings;
    if (!key || jws_jwk(bytes_blob(&key->b), &jwk, e) < 0 ||
        jws_thumbprint(bytes_blob(&key->b), a->thumbprint, e) < 0 ||
        ask(a, "GET", a->s->base_url, &r, e) < 0)
        return err_wrap(e, "directory");
    if (r.status >= 400)
        return refused(a, &r, e);
    if (r.status != 200)
        return err_set(e, ERR_REMOTE,
                       "directory: answer %ld; expected 200, check the ACME Directory URL",
                       r.status);
    a->jwk = buf_take_str(&jwk);
    return acme_directory_parse(buf_blob(&r.body), a->s->base_url, &a->dir, e);
}

void acme_close(struct acme *a)
{
    acme_directory_free(&a->dir);
    free(a->jwk);
    free(a->account);
    free(a->nonce);
    *a = (struct acme){0};
}

static int need_nonce(struct acme *a, struct err *e)
{
    OWN(http_response_free)
    struct http_response r = {0};

    if (a->nonce)
        return 0;
    if (ask(a, "HEAD", a->dir.new_nonce, &r, e) < 0)
        return err_wrap(e, "newNonce");
    keep_nonce(a, &r);
    if (r.status >= 400)
        return refused(a, &r, e);
    if (!a->nonce)
        return err_set(e, ERR_REMOTE, "newNonce: the CA gave no usable Replay-Nonce");
    return 0;
}

static int post_once(struct acme *a, const char *url, struct blob payload,
                     struct http_response *out, struct err *e)
{
    static const char *const headers[] = {"Content-Type: application/jose+json", NULL};
    const struct jws j = {
        .kid = a->account, .jwk = a->jwk, .nonce = a->nonce, .url = url, .payload = payload};
    OWN(buf_free)
    struct buf body = BUF(POST_MAX_BYTES);

    if (jws_sign(&j, sign_with_account, a->job, &body, e) < 0)
        return -1;
    free(TAKE(a->nonce)); /* used, whatever comes of it */
    const struct http_request q = {.method = "POST",
                                   .url = url,
                                   .headers = headers,
                                   .body = buf_blob(&body),
                                   .max_body = ACME_ANSWER_MAX};
    if (ca_http(a->job, &q, out, e) < 0)
        return -1;
    keep_nonce(a, out);
    return 0;
}

int acme_post(struct acme *a, const char *url, struct blob payload, struct http_response *out,
              struct err *e)
{
    int got = -1;

    a->problem = (struct acme_problem){0};
    for (int i = 0; i < NONCE_TRIES; i++) {
        OWN(http_response_free)
        struct http_response r = {0};
        if (need_nonce(a, e) < 0 || post_once(a, url, payload, &r, e) < 0)
            return -1;
        if (r.status < 400) {
            *out = r;
            r = (struct http_response){0};
            return 0;
        }
        got = refused(a, &r, e);
        if (!str_eq(a->problem.type, "badNonce"))
            return got;
    }
    return got;
}

char *acme_location(const struct acme *a, const struct http_response *r, struct err *e)
{
    const char *url = http_header(r, "Location");

    if (!url) {
        err_set(e, ERR_REMOTE, "the CA's answer has no Location");
        return NULL;
    }
    return acme_url_check(url, &a->dir.hosts, "Location", e) < 0 ? NULL : xstrdup(url);
}
