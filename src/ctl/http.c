/* HTTPS to the appliance (http.h) over one libcurl handle. */
#include "src/ctl/http.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/secret.h"
#include "src/net/http_error.h"

#define CONNECT_MS 10000L
#define TOTAL_MS 120000L /* setup makes keys, and a Report may be long */
#define HEADERS_MAX 100
#define HEADER_MAX_BYTES 8192

struct web {
    CURL *curl;
    char *url, *ca;
    char pin[65], seen[65];
    bool probe;
};

struct web *web_new(const char *url, const char *ca, const char *pin, bool probe)
{
    struct web *w = xcalloc(1, sizeof(*w));

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(w->curl = curl_easy_init()))
        abort(); /* out of memory */
    w->url = xstrdup(url);
    w->ca = xstrdup(ca);
    w->probe = probe;
    snprintf(w->pin, sizeof(w->pin), "%s", pin);
    return w;
}

void web_free(struct web *w)
{
    if (!w)
        return;
    curl_easy_cleanup(w->curl);
    free(w->url);
    free(w->ca);
    free(w);
}

const char *web_seen(const struct web *w)
{
    return w->seen;
}

/* In place of OpenSSL's verification: the leaf's fingerprint is the pinned one, or it is refused.
 */
static int compare_pin(X509_STORE_CTX *x, void *arg)
{
    struct web *w = arg;
    X509 *leaf = X509_STORE_CTX_get0_cert(x);
    uint8_t md[32];
    unsigned n = 0;

    w->seen[0] = 0;
    if (leaf && X509_digest(leaf, EVP_sha256(), md, &n) && n == sizeof(md)) {
        char *hex = hex_str(BLOB(md, n));
        snprintf(w->seen, sizeof(w->seen), "%s", hex);
        free(hex);
    }
    const bool good = w->seen[0] && (w->probe || strcmp(w->seen, w->pin) == 0);
    X509_STORE_CTX_set_error(x, good ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return good;
}

static CURLcode on_ssl_ctx(CURL *curl, void *ctx, void *arg)
{
    (void)curl;
    SSL_CTX_set_cert_verify_callback(ctx, compare_pin, arg);
    return CURLE_OK;
}

struct transfer {
    struct web_answer answer;
    bool too_large;
};

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;

    buf_add(&t->answer.body, p, size * n);
    t->too_large = !buf_ok(&t->answer.body);
    return t->too_large ? 0 : size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * n;

    while (len && (p[len - 1] == '\r' || p[len - 1] == '\n'))
        len--;
    if (len >= 5 && memcmp(p, "HTTP/", 5) == 0) /* an interim answer (1xx) came before */
        strs_free(&t->answer.headers);
    else if (len && len <= HEADER_MAX_BYTES && t->answer.headers.n < HEADERS_MAX &&
             text_clean(p, len, "\t"))
        strs_add_n(&t->answer.headers, p, len);
    return size * n;
}

#define SET(option, value) ok = ok && curl_easy_setopt(c, option, value) == CURLE_OK

static bool set_trust(struct web *w, CURL *c)
{
    const bool pinned = w->probe || w->pin[0];
    bool ok = true;

    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, pinned ? 0L : 2L); /* the pin is stricter than a name */
    if (pinned) {
        SET(CURLOPT_CAINFO, NULL);
        SET(CURLOPT_CAPATH, NULL);
        SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
        SET(CURLOPT_SSL_CTX_DATA, w);
    } else if (w->ca) {
        struct curl_blob pem = {w->ca, strlen(w->ca), CURL_BLOB_COPY};
        SET(CURLOPT_CAINFO_BLOB, &pem);
        SET(CURLOPT_CAPATH, NULL);
    }
    return ok;
}

static bool set_request(CURL *c, const char *url, const char *method, struct curl_slist *headers,
                        struct blob body)
{
    bool ok = true;

    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    SET(CURLOPT_TIMEOUT_MS, TOTAL_MS);
    SET(CURLOPT_USERAGENT, "certkeep");
    SET(CURLOPT_HTTPHEADER, headers);
    if (body.p) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
        SET(CURLOPT_POSTFIELDS, body.p);
    }
    SET(CURLOPT_CUSTOMREQUEST, method);
    return ok;
}

static bool set_answer(CURL *c, struct transfer *t, char *text)
{
    bool ok = true;

    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_ERRORBUFFER, text);
    return ok;
}

static int failed(struct web *w, struct transfer *t, CURLcode code, const char *text, struct err *e)
{
    struct http_failure why = {.url = w->url,
                               .code = (int)code,
                               .too_large = t->too_large,
                               .max_body = WEB_BODY_MAX,
                               .text = text};
    curl_off_t connected_us = 0;

    curl_easy_getinfo(w->curl, CURLINFO_SSL_VERIFYRESULT, &why.verify);
    curl_easy_getinfo(w->curl, CURLINFO_APPCONNECT_TIME_T, &connected_us);
    why.connected = connected_us > 0;
    if (w->pin[0] && !w->probe && w->seen[0] && strcmp(w->pin, w->seen) != 0)
        return err_set(e, ERR_CRYPTO,
                       "the server's certificate is not the pinned one: it has SHA-256 %s, pinned "
                       "is %s; compare with the console of the appliance before you trust it",
                       w->seen, w->pin);
    http_failed(&why, e);
    if (e && e->code == ERR_CRYPTO && why.verify && !w->ca)
        return err_set(e, ERR_CRYPTO,
                       "the certificate of %s is not issued under a root this computer trusts; "
                       "give the appliance's root with --ca FILE, or the fingerprint its console "
                       "shows with --pin SHA256",
                       w->url);
    if (e && e->code == ERR_CRYPTO && why.verify == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
        return err_set(e, ERR_CRYPTO,
                       "the certificate of %s is not issued under the root trusted for it; a new "
                       "or locked appliance has one of its own: give the fingerprint its console "
                       "shows with --pin SHA256",
                       w->url);
    return -1;
}

static void own_wiped_slist(struct curl_slist **list)
{
    for (struct curl_slist *i = *list; i; i = i->next)
        wipe(i->data, strlen(i->data));
    curl_slist_free_all(*list);
}

int web_perform(struct web *w, const char *method, const char *path, const struct strs *headers,
                struct blob body, struct web_answer *out, struct err *e)
{
    struct transfer t = {.answer.body = BUF_SECRET(WEB_BODY_MAX)};
    char text[CURL_ERROR_SIZE] = "";
    OWN(own_mem)
    char *url = xasprintf("%s%s", w->url, path);
    OWN(own_wiped_slist)
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    for (size_t i = 0; list && i < headers->n; i++)
        list = curl_slist_append(list, headers->v[i]);
    if (!list)
        abort();              /* out of memory */
    curl_easy_reset(w->curl); /* options only: the connection stays */
    if (!set_trust(w, w->curl) || !set_request(w->curl, url, method, list, body) ||
        !set_answer(w->curl, &t, text))
        return err_set(e, ERR_INPUT, "%s: cannot be asked; are the trust anchors PEM?", w->url);
    const CURLcode code = curl_easy_perform(w->curl);
    curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &t.answer.status);
    curl_easy_setopt(w->curl, CURLOPT_ERRORBUFFER, NULL);
    if (code != CURLE_OK) {
        web_answer_free(&t.answer);
        return failed(w, &t, code, text, e);
    }
    *out = t.answer;
    return 0;
}

const char *web_header(const struct web_answer *a, const char *name)
{
    const size_t n = strlen(name);

    for (size_t i = 0; i < a->headers.n; i++) {
        const char *h = a->headers.v[i];
        if (strncasecmp(h, name, n) == 0 && h[n] == ':')
            return h + n + 1 + strspn(h + n + 1, " \t");
    }
    return NULL;
}

void own_wiped_strs(struct strs *s)
{
    for (size_t i = 0; i < s->n; i++)
        wipe(s->v[i], strlen(s->v[i]));
    strs_free(s);
}

void web_answer_free(struct web_answer *a)
{
    own_wiped_strs(&a->headers);
    buf_free(&a->body);
}
