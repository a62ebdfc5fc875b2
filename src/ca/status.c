/* Fetches lists of revoked certificates, keeps them, and asks them (status.h). */
#include "src/ca/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"
#include "crypto/x509/chain.h"
#include "crypto/x509/status.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/model/revocation.h"

#define LISTS_MAX 32
#define LISTS_BYTES (8 * 1024 * 1024) /* of all lists kept, as they came */
#define KEEP_S 3600
#define FAILED_S 300
#define CONNECT_MS 5000
#define FETCH_MS 20000

static struct list {
    char *url;
    X509_CRL *crl; /* NULL: the address failed, why says how */
    size_t bytes;
    int64_t until;
    char why[ERR_TEXT_BYTES];
} lists[LISTS_MAX];

static void forget(struct list *l)
{
    free(l->url);
    X509_CRL_free(l->crl);
    *l = (struct list){0};
}

static struct list *find(const char *url)
{
    for (size_t i = 0; i < LISTS_MAX; i++)
        if (lists[i].url && str_eq(lists[i].url, url))
            return &lists[i];
    return NULL;
}

static size_t kept_bytes(void)
{
    size_t n = 0;
    for (size_t i = 0; i < LISTS_MAX; i++)
        n += lists[i].bytes;
    return n;
}

/* A free place, made by dropping those that end first. */
static struct list *place(const char *url, size_t bytes)
{
    struct list *l = find(url);

    if (l)
        forget(l);
    for (;;) {
        struct list *first = NULL, *empty = NULL;
        for (size_t i = 0; i < LISTS_MAX; i++) {
            if (!lists[i].url)
                empty = &lists[i];
            else if (!first || lists[i].until < first->until)
                first = &lists[i];
        }
        if (empty && (!first || kept_bytes() + bytes <= LISTS_BYTES)) {
            empty->url = xstrdup(url);
            empty->bytes = bytes;
            return empty;
        }
        forget(first);
    }
}

static int fetch(struct ca *ca, const char *url, X509_CRL **out, size_t *bytes, struct err *e)
{
    const struct http_request q = {.method = "GET",
                                   .url = url,
                                   .signed_object = true,
                                   .max_body = CRL_MAX_BYTES,
                                   .connect_ms = CONNECT_MS,
                                   .total_ms = FETCH_MS};
    OWN(http_response_free)
    struct http_response r = {0};

    if (http_perform(ca->http, &q, &r, e) < 0)
        return -1;
    if (r.status != 200)
        return err_set(e, ERR_REMOTE, "the server answered %ld", r.status);
    *bytes = r.body.n;
    return crl_read(buf_blob(&r.body), out, e);
}

/* The list of that address, a reference of the caller's; fetched when none is kept. */
static int list_of(struct ca *ca, const char *url, X509_CRL **out, struct err *e)
{
    struct list *l = find(url);
    int64_t now = now_s(), from, next = 0;
    X509_CRL *crl = NULL;
    size_t bytes = 0;
    struct err why = {0};

    if (!l || l->until <= now || l->until > now + KEEP_S) { /* the clock was set back: look again */
        if (fetch(ca, url, &crl, &bytes, &why) == 0 && crl_dates(crl, &from, &next, &why) < 0)
            X509_CRL_free(TAKE(crl));
        now = now_s();
        l = place(url, bytes);
        l->crl = crl;
        const bool late = next && next <= now;
        l->until = now + (crl && !late ? KEEP_S : FAILED_S);
        if (next > now && next < l->until)
            l->until = next;
        snprintf(l->why, sizeof l->why, "%s", why.text);
        log_info("ca.list", "url=%s bytes=%zu why=%s", log_q(url), bytes, log_q(why.text));
    }
    if (!l->crl)
        return err_set(e, ERR_NETWORK, "its list at %.200s could not be had: %s", url, l->why);
    X509_CRL_up_ref(l->crl);
    *out = l->crl;
    return 0;
}

struct verdict {
    enum revocation state;
    int64_t as_of, next;
    char text[ERR_TEXT_BYTES];
};

static int judge(struct ca *ca, const struct chain *c, struct verdict *v, struct err *e)
{
    OWN(own_mem)
    char *url = cert_crl_url(c->v[0]);
    OWN(own_x509_crl)
    X509_CRL *crl = NULL;
    char day[TIME_TEXT_BYTES];
    int64_t since = 0;

    if (!url)
        return err_set(e, ERR_NOT_FOUND, "it names no revocation list");
    if (c->n < 2)
        return err_set(e, ERR_NOT_FOUND,
                       "its issuer is not sent with it, so no list can be checked");
    if (list_of(ca, url, &crl, e) < 0 || crl_dates(crl, &v->as_of, &v->next, e) < 0)
        return -1;
    const int got = crl_says(c->v[0], c->v[1], crl, now_s(), &since, e);
    if (got < 0)
        return err_wrap(e, "%.200s", url);
    time_print(got ? since : v->as_of, day);
    v->state = got ? REVOCATION_REVOKED : REVOCATION_GOOD;
    snprintf(v->text, sizeof v->text,
             got ? "its CA revoked it on %.10s" : "not on the list of %.10s", day);
    return 0;
}

int ca_status(struct ca *ca, uint32_t id, const struct msg_CA_STATUS *m, struct err *e)
{
    OWN(chain_free)
    struct chain got = {0};
    OWN(chain_free)
    struct chain ordered = {0};
    OWN(buf_free)
    struct buf spki = BUF(CERT_MAX_BYTES);
    struct verdict v = {0};
    struct err why = {0};

    if (chain_parse(m->chain_pem, &got, e) < 0 || cert_spki(got.v[0], &spki, e) < 0)
        return -1;
    if (chain_order(&got, buf_blob(&spki), false, &ordered, &why) < 0 ||
        judge(ca, &ordered, &v, &why) < 0) {
        v = (struct verdict){.state = REVOCATION_UNKNOWN};
        snprintf(v.text, sizeof v.text, "%s", why.text);
    }
    const struct msg_CA_STATUS_IS answer = {
        .state = v.state, .as_of = (uint64_t)v.as_of, .next = (uint64_t)v.next, .detail = v.text};
    return reply_CA_STATUS_IS(ca->core, id, &answer, e);
}
