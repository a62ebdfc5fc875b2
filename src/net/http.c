/*
 * libcurl's multi interface on our loop: its sockets are our watches, its timer our timer, and a
 * request is one fiber that sleeps until its transfer is done. Policy is set here and nowhere else.
 */
#include "src/net/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/fiber.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/net/http_error.h"

#define HEADERS_MAX 100
#define HEADER_MAX_BYTES 4096

DEFINE_OWN(CURL *, curl, curl_easy_cleanup)
DEFINE_OWN(struct curl_slist *, slist, curl_slist_free_all)

struct http {
    struct loop *loop;
    CURLM *multi;
    struct watch *timer;
};

struct transfer {
    struct fiber *fiber;
    struct http_response answer;
    CURLcode result;
    bool done;
    bool too_large;
    char text[CURL_ERROR_SIZE];
};

static void collect(struct http *h)
{
    int left;
    CURLMsg *m;

    while ((m = curl_multi_info_read(h->multi, &left))) {
        struct transfer *t = NULL;
        if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t))
            continue;
        t->result = m->data.result;
        t->done = true;
        fiber_resume(t->fiber);
    }
}

static void act(struct http *h, curl_socket_t fd, int events)
{
    int running;

    if (curl_multi_socket_action(h->multi, fd, events, &running) != CURLM_OK)
        log_error("http.multi", "why=%s", log_q("socket action failed"));
    collect(h);
}

static void on_socket(int fd, bool readable, bool writable, void *arg)
{
    act(arg, fd, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *arg)
{
    act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct http *h = arg;
    struct watch *w = socket_arg;
    const bool read = what & CURL_POLL_IN, write = what & CURL_POLL_OUT;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        watch_free(w);
        curl_multi_assign(h->multi, fd, NULL);
    } else if (w) {
        watch_update(w, read, write);
    } else {
        w = loop_watch(h->loop, fd, read, write, on_socket, h);
        curl_multi_assign(h->multi, fd, w);
    }
    return 0;
}

static int want_timer(CURLM *multi, long ms, void *arg)
{
    struct http *h = arg;

    (void)multi;
    watch_free(TAKE(h->timer));
    if (ms >= 0)
        h->timer = loop_timer(h->loop, (uint64_t)ms, on_timer, h);
    return 0;
}

struct http *http_new(struct loop *l)
{
    struct http *h = xcalloc(1, sizeof(*h));

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(h->multi = curl_multi_init()))
        abort(); /* out of memory */
    h->loop = l;
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    return h;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    curl_multi_cleanup(h->multi);
    watch_free(h->timer);
    free(h);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;

    buf_add(&t->answer.body, p, size * n);
    if (buf_ok(&t->answer.body))
        return size * n;
    t->too_large = true;
    return 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * n;

    while (len && (p[len - 1] == '\r' || p[len - 1] == '\n'))
        len--;
    if (len >= 5 && memcmp(p, "HTTP/", 5) == 0) /* a new answer: an interim one (1xx) came before */
        strs_free(&t->answer.headers);
    else if (len && len <= HEADER_MAX_BYTES && t->answer.headers.n < HEADERS_MAX &&
             text_clean(p, len, "\t"))
        strs_add_n(&t->answer.headers, p, len);
    return size * n;
}

/* The policy of every transfer. */
static bool set_policy(CURL *c, const struct http_request *q)
{
    bool ok = true;
#define SET(option, value) ok = ok && curl_easy_setopt(c, option, value) == CURLE_OK
    SET(CURLOPT_URL, q->url);
    SET(CURLOPT_PROTOCOLS_STR, q->signed_object ? "http,https" : "https");
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, q->key_sha256 ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, q->key_sha256 ? 0L : 2L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, q->proxy ? q->proxy : ""); /* "": not even the environment's */
    SET(CURLOPT_NOPROXY, "");
    SET(CURLOPT_PROXYUSERNAME, q->proxy_user);
    SET(CURLOPT_PROXYPASSWORD, q->proxy_password);
    SET(CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(q->connect_ms ? q->connect_ms : HTTP_CONNECT_MS));
    SET(CURLOPT_TIMEOUT_MS, (long)(q->total_ms ? q->total_ms : HTTP_TOTAL_MS));
    SET(CURLOPT_USERAGENT, "certkeep");
    if (q->key_sha256) {
        OWN(own_mem)
        char *pin = xasprintf("sha256//%s", q->key_sha256);
        SET(CURLOPT_PINNEDPUBLICKEY, pin); /* copied */
    }
    if (q->anchors && *q->anchors) {
        struct curl_blob pem = {(void *)q->anchors, strlen(q->anchors), CURL_BLOB_COPY};
        SET(CURLOPT_CAINFO_BLOB, &pem);
        SET(CURLOPT_CAPATH, NULL);
    }
    return ok;
}

static bool set_request(CURL *c, const struct http_request *q, struct curl_slist *headers)
{
    bool ok = true;

    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_FRESH_CONNECT, (long)q->once);
    SET(CURLOPT_FORBID_REUSE, (long)q->once);
    if (str_eq(q->method, "HEAD"))
        SET(CURLOPT_NOBODY, 1L);
    if (str_eq(q->method, "POST")) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.n);
        SET(CURLOPT_POSTFIELDS, q->body.n ? q->body.p : "");
    }
    return ok;
}

static bool set_answer(CURL *c, struct transfer *t)
{
    bool ok = true;

    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_ERRORBUFFER, t->text);
    SET(CURLOPT_PRIVATE, t);
#undef SET
    return ok;
}

static struct curl_slist *header_list(const struct http_request *q)
{
    struct curl_slist *list =
        curl_slist_append(NULL, "Expect:"); /* bodies are small: no 100-continue */

    for (const char *const *h = q->headers; h && *h && list; h++)
        list = curl_slist_append(list, *h);
    if (!list)
        abort(); /* out of memory */
    return list;
}

static void run(struct http *h, CURL *c, struct transfer *t)
{
    if (!t->fiber) {
        t->result = curl_easy_perform(c);
        return;
    }
    if (curl_multi_add_handle(h->multi, c) != CURLM_OK) {
        t->result = CURLE_FAILED_INIT;
        return;
    }
    while (!t->done)
        fiber_yield();
    curl_multi_remove_handle(h->multi, c);
}

static void response_move(struct http_response *to, struct http_response *from)
{
    *to = *from;
    *from = (struct http_response){0};
}

int http_perform(struct http *h, const struct http_request *q, struct http_response *out,
                 struct err *e)
{
    struct transfer t = {.fiber = fiber_self(),
                         .answer.body = BUF(q->max_body ? q->max_body : HTTP_BODY_MAX)};
    struct http_failure why = {.url = q->url, .max_body = t.answer.body.limit, .text = t.text};
    OWN(own_curl)
    CURL *c = curl_easy_init();
    OWN(own_slist)
    struct curl_slist *headers = header_list(q);

    if (!c)
        abort(); /* out of memory */
    if (!str_starts(q->url, "https://") && !(q->signed_object && str_starts(q->url, "http://")))
        return err_set(e, ERR_INPUT, "address %.200s: expected https://", q->url);
    if (!set_policy(c, q) || !set_request(c, q, headers) || !set_answer(c, &t))
        return err_set(
            e, ERR_INPUT,
            "address %.200s: cannot be asked; check the address, proxy and trust anchors", q->url);
    run(h, c, &t);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &t.answer.status);
    if (t.result != CURLE_OK) {
        long verify = 0, proxy = 0;
        curl_off_t connected_us = 0;
        curl_easy_getinfo(c, CURLINFO_SSL_VERIFYRESULT, &verify);
        curl_easy_getinfo(c, CURLINFO_APPCONNECT_TIME_T, &connected_us);
        http_response_free(&t.answer);
        curl_easy_getinfo(c, CURLINFO_HTTP_CONNECTCODE, &proxy);
        why.code = (int)t.result;
        why.proxy = q->proxy && *q->proxy ? q->proxy : NULL;
        why.proxy_status = proxy;
        why.verify = verify;
        why.connected = connected_us > 0;
        why.too_large = t.too_large;
        return http_failed(&why, e);
    }
    response_move(out, &t.answer);
    return 0;
}

void http_response_free(struct http_response *r)
{
    strs_free(&r->headers);
    buf_free(&r->body);
}

const char *http_header(const struct http_response *r, const char *name)
{
    const size_t n = strlen(name);

    for (size_t i = 0; i < r->headers.n; i++) {
        const char *h = r->headers.v[i];
        if (strncasecmp(h, name, n) != 0 || h[n] != ':')
            continue;
        h += n + 1;
        while (*h == ' ' || *h == '\t')
            h++;
        return h;
    }
    return NULL;
}

uint32_t http_retry_after(const struct http_response *r, uint32_t max)
{
    const char *text = http_header(r, "Retry-After");
    char whole[16] = "";
    uint64_t s = 0;

    if (!text)
        return 0;
    const size_t digits = strspn(text, "0123456789"); /* some servers send decimals: cut */
    if (digits && digits < sizeof(whole) && (!text[digits] || text[digits] == '.')) {
        memcpy(whole, text, digits);
        if (parse_u64(whole, 0, UINT64_MAX, &s, NULL) < 0)
            return 0;
    } else {
        const time_t at = curl_getdate(text, NULL);
        s = at > now_s() ? (uint64_t)(at - now_s()) : 0;
    }
    return s > max ? max : (uint32_t)s;
}
