/*
 * The steps of a connection. A refusal after the head does not cut the connection: the rest of the
 * body is read and dropped, because a browser shows no answer that comes before it has sent all.
 */
#include "src/rescue/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"

#define BEGIN_MS 10000 /* for handshake and head together */
#define BODY_MS 30000  /* and a second for each so many bytes: */
#define BODY_BYTES_S (64u * 1024)
#define ANSWER_MS 30000
#define LINGER_MS 2000
#define READ_BYTES 16384u
#define READS_AT_ONCE 64
#define ANSWER_BYTES (256u * 1024)

static int on_send(void *arg, const unsigned char *p, size_t n)
{
    const struct conn *c = arg;
    const ssize_t done = send(c->fd, p, n, MSG_NOSIGNAL);

    if (done >= 0)
        return (int)done;
    return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_WRITE
                                             : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

static int on_receive(void *arg, unsigned char *p, size_t n)
{
    const struct conn *c = arg;
    const ssize_t got = recv(c->fd, p, n, 0);

    if (got >= 0)
        return (int)got;
    return errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ
                                             : MBEDTLS_ERR_SSL_INTERNAL_ERROR;
}

struct conn *conn_new(const struct server *s, const struct tls *t, bool *busy, int fd)
{
    struct conn *c = xcalloc(1, sizeof(*c));

    c->server = s;
    c->busy = busy;
    c->fd = fd;
    c->deadline = monotonic_ms() + BEGIN_MS;
    c->out = BUF(ANSWER_BYTES);
    mbedtls_ssl_init(&c->ssl);
    if (mbedtls_ssl_setup(&c->ssl, &t->config) != 0) {
        conn_free(c);
        return NULL;
    }
    mbedtls_ssl_set_bio(&c->ssl, c, on_send, on_receive, NULL);
    return c;
}

static void end_stream(struct conn *c)
{
    if (!c->intake.begun)
        return;
    intake_end(&c->intake);
    *c->busy = false;
}

void conn_free(struct conn *c)
{
    if (!c)
        return;
    end_stream(c);
    mbedtls_ssl_free(&c->ssl);
    own_fd(&c->fd);
    buf_free(&c->body);
    buf_free(&c->out);
    free(c);
}

/* An answer that a browser can go back from. */
static void refuse(struct page *p, const struct err *why)
{
    page_start(p, err_code_title(why->code));
    p->status = err_http_status(why->code);
    page_note(p, TONE_BAD, why->text);
    buf_add_str(&p->html, "<p><a href=\"/\">Back</a></p>");
}

static void answer(struct conn *c)
{
    OWN(page_free)
    struct page page = {};
    struct err e;

    if (!c->refused && c->route->answer(c->server->ctx, buf_blob(&c->body), &page, &c->why) < 0)
        c->refused = true;
    buf_free(&c->body);
    end_stream(c);
    if (c->refused) {
        page_free(&page);
        refuse(&page, &c->why);
    }
    c->last = page.last && !c->refused;
    c->step = page_answer(&page, c->request.html, &c->out, &e) < 0 ? CONN_OVER : CONN_ANSWER;
    c->deadline = monotonic_ms() + ANSWER_MS;
}

static const struct route *find_route(const struct conn *c)
{
    const struct server *s = c->server;

    for (size_t i = 0; i < s->routes_n; i++)
        if (str_eq(s->routes[i].path, c->request.path) &&
            str_eq(s->routes[i].method, c->request.method))
            return &s->routes[i];
    return NULL;
}

static bool from_elsewhere(const struct http_head *h)
{
    static const char scheme[] = "https://";

    return h->origin[0] != '\0' &&
           !(str_starts(h->origin, scheme) && str_ieq(h->origin + sizeof(scheme) - 1, h->host));
}

static int begin_body(struct conn *c, struct err *e)
{
    const struct http_head *h = &c->request;

    if (from_elsewhere(h))
        return err_set(e, ERR_DENIED, "the request comes from the page of another site");
    c->route = find_route(c);
    if (!c->route)
        return err_set(e, ERR_NOT_FOUND, "there is no %s %s here", h->method, h->path);
    if (h->length > c->route->body_max)
        return err_set(e, ERR_LIMIT, "the body has %llu bytes, at most %llu are taken",
                       (unsigned long long)h->length, (unsigned long long)c->route->body_max);
    if (!c->route->stream) {
        c->body = BUF_SECRET(c->route->body_max);
        return 0;
    }
    if (*c->busy)
        return err_set(e, ERR_CONFLICT, "another upload is under way: wait until it has ended");
    if (intake_begin(&c->intake, h->type, h->length, c->route->stream, c->server->ctx, e) < 0)
        return -1;
    *c->busy = c->intake.begun;
    return 0;
}

static void feed(struct conn *c, const uint8_t *p, size_t n)
{
    c->left -= n;
    if (c->refused)
        return;
    if (!c->route->stream) {
        buf_add(&c->body, p, n);
        return;
    }
    if (!c->intake.begun && *c->busy) {
        c->refused = true;
        err_set(&c->why, ERR_CONFLICT, "another upload is under way: wait until it has ended");
        return;
    }
    if (intake_feed(&c->intake, p, n, &c->why) < 0)
        c->refused = true;
    *c->busy = *c->busy || c->intake.begun;
    if (c->refused)
        end_stream(c);
}

/* After the head: the body, of which the first bytes may have come with it. */
static void begin(struct conn *c, size_t head)
{
    static const uint8_t go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const size_t over = c->head_n - head;

    c->step = CONN_BODY;
    c->left = c->request.length;
    c->refused = begin_body(c, &c->why) < 0;
    c->deadline = monotonic_ms() + BODY_MS + (int64_t)(c->left / BODY_BYTES_S) * 1000;
    if (c->refused && (!c->route || c->left > c->route->body_max || c->request.expects))
        c->left = 0; /* it will not come, or is too long to be waited for */
    else if (over > c->left)
        c->step = CONN_OVER; /* a second request behind the first */
    else if (over > 0)
        feed(c, c->head + head, over);
    if (c->step == CONN_BODY && c->left > 0 && c->request.expects)
        mbedtls_ssl_write(&c->ssl, go_on, sizeof(go_on) - 1); /* it helps, but is not needed */
    if (c->step == CONN_BODY && c->left == 0)
        answer(c);
}

static void take_head(struct conn *c)
{
    const size_t head = http_head_bytes(c->head, c->head_n);

    if (head == 0 && c->head_n < sizeof(c->head))
        return;
    if (head == 0)
        err_set(&c->why, ERR_LIMIT, "request: its head is longer than %u bytes", HTTP_HEAD_BYTES);
    c->refused = head == 0 || http_head_parse(c->head, head, &c->request, &c->why) < 0;
    if (c->refused)
        answer(c);
    else
        begin(c, head);
}

/* Reads once; false when there is nothing to read now. */
static bool read_some(struct conn *c)
{
    uint8_t p[READ_BYTES];
    const size_t room = sizeof(c->head) - c->head_n;
    const bool is_head = c->step == CONN_HEAD;
    const size_t want = is_head ? room : c->left < sizeof(p) ? (size_t)c->left : sizeof(p);
    const int n = mbedtls_ssl_read(&c->ssl, p, want);

    if (n == MBEDTLS_ERR_SSL_WANT_READ || n == MBEDTLS_ERR_SSL_WANT_WRITE) {
        c->write = n == MBEDTLS_ERR_SSL_WANT_WRITE;
        return false;
    }
    if (n <= 0) {
        c->step = CONN_OVER;
        return false;
    }
    if (is_head) {
        memcpy(c->head + c->head_n, p, (size_t)n);
        c->head_n += (size_t)n;
        take_head(c);
    } else {
        feed(c, p, (size_t)n);
        if (c->left == 0)
            answer(c);
    }
    explicit_bzero(p, (size_t)n);
    return true;
}

static void write_some(struct conn *c)
{
    while (c->sent < c->out.n) {
        const int n = mbedtls_ssl_write(&c->ssl, c->out.p + c->sent, c->out.n - c->sent);
        if (n == MBEDTLS_ERR_SSL_WANT_WRITE || n == MBEDTLS_ERR_SSL_WANT_READ)
            return;
        if (n <= 0) {
            c->step = CONN_OVER;
            return;
        }
        c->sent += (size_t)n;
    }
    mbedtls_ssl_close_notify(&c->ssl);
    shutdown(c->fd, SHUT_WR);
    c->step = CONN_LINGER;
    c->deadline = monotonic_ms() + LINGER_MS;
}

/* What still comes is dropped, lest the kernel resets the connection before the answer is read. */
static void linger(struct conn *c)
{
    uint8_t p[READ_BYTES];
    ssize_t n;

    for (int i = 0; i < READS_AT_ONCE; i++) {
        n = recv(c->fd, p, sizeof(p), 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            c->step = CONN_OVER;
        if (n <= 0)
            return;
    }
}

static void shake_hands(struct conn *c)
{
    const int rc = mbedtls_ssl_handshake(&c->ssl);

    c->write = rc == MBEDTLS_ERR_SSL_WANT_WRITE;
    if (rc == 0)
        c->step = CONN_HEAD;
    else if (rc != MBEDTLS_ERR_SSL_WANT_READ && rc != MBEDTLS_ERR_SSL_WANT_WRITE)
        c->step = CONN_OVER;
}

void conn_run(struct conn *c)
{
    c->write = false;
    if (c->step == CONN_HANDSHAKE)
        shake_hands(c);
    for (int i = 0; i < READS_AT_ONCE && (c->step == CONN_HEAD || c->step == CONN_BODY); i++)
        if (!read_some(c))
            break;
    if (c->step == CONN_ANSWER)
        write_some(c);
    if (c->step == CONN_LINGER)
        linger(c);
}

short conn_events(const struct conn *c)
{
    return c->write || c->step == CONN_ANSWER ? POLLOUT : POLLIN;
}

bool conn_pending(const struct conn *c)
{
    return (c->step == CONN_HEAD || c->step == CONN_BODY) &&
           mbedtls_ssl_check_pending(&c->ssl) != 0;
}
