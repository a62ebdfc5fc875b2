/*
 * Connections. The gate works on the input of the TLS bufferevent: what came is taken out, looked
 * at, and put back when it is vetted, before evhttp is told of it. evhttp never has more than one
 * head that it has not answered.
 */
#include "src/web/conn.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/web/framing.h"
#include "src/web/limits.h"

/* What evhttp gets in place of a refused head. */
#define HARMLESS "GET / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n"

/* Requests sent ahead of the answer wait here. */
#define AHEAD_MAX (64 * 1024)

enum phase { CONN_NEW, CONN_HEAD, CONN_BODY, CONN_ANSWER, CONN_REFUSED };

struct conn {
    struct conn *next, **from;
    struct server *server;
    struct bufferevent *bev;
    struct evbuffer *raw; /* came, and is not vetted yet */
    struct watch *deadline;
    struct request *request; /* vetted, on its way through evhttp */
    struct framing body;
    struct refusal refusal;
    enum phase phase;
    bool busy; /* the gate itself is changing the input */
    char address[INET6_ADDRSTRLEN];
};

/* OpenSSL freed the session: the bufferevent and evhttp's connection are gone too. */
static void conn_gone(void *arg)
{
    struct conn *c = arg;

    watch_free(c->deadline);
    evbuffer_free(c->raw);
    request_free(c->request);
    *c->from = c->next;
    if (c->next)
        c->next->from = c->from;
    c->server->conn_count--;
    free(c);
}

/* The rest is evhttp's: it reads the end of the connection and frees it. */
static void cut(struct conn *c, const char *why)
{
    const evutil_socket_t fd = bufferevent_getfd(c->bev);

    log_debug("web.cut", "client=%s why=%s", c->address, why);
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
}

static size_t count_of(const struct server *s, const char *address)
{
    size_t n = 0;

    for (const struct conn *c = s->conns; c; c = c->next)
        n += strcmp(c->address, address) == 0;
    return n;
}

static void read_address(struct conn *c)
{
    struct sockaddr_storage sa = {};
    socklen_t n = sizeof(sa);
    const evutil_socket_t fd = bufferevent_getfd(c->bev);
    const int on = 1;

    if (fd < 0 || getpeername(fd, (struct sockaddr *)&sa, &n) < 0)
        return;
    if (sa.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)&sa)->sin_addr, c->address, sizeof(c->address));
    else if (sa.ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&sa)->sin6_addr, c->address,
                  sizeof(c->address));
    if (str_starts(c->address, "::ffff:"))
        memmove(c->address, c->address + 7, strlen(c->address + 7) + 1);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* answers are one write each */
}

/* evhttp tells the descriptor only after it asked for the bufferevent; so admission is a moment
 * later. */
static void admit(struct conn *c)
{
    c->phase = CONN_HEAD;
    read_address(c);
    watch_again(c->deadline, (uint64_t)WEB_HEAD_SECONDS * 1000);
    if (c->server->conn_count > WEB_CONNECTIONS_MAX)
        cut(c, "connections");
    else if (c->address[0] && count_of(c->server, c->address) > WEB_CONNECTIONS_OF_ONE)
        cut(c, "connections of one address");
}

static void on_deadline(void *arg)
{
    struct conn *c = arg;

    if (c->phase == CONN_NEW)
        admit(c);
    else if (c->phase == CONN_HEAD || c->phase == CONN_BODY)
        cut(c, "too slow");
}

static void refuse(struct conn *c)
{
    evbuffer_drain(c->raw, evbuffer_get_length(c->raw));
    c->phase = CONN_REFUSED;
    evbuffer_add(bufferevent_get_input(c->bev), HARMLESS, strlen(HARMLESS));
}

/* A head, when all of it is there. */
static void pass_head(struct conn *c)
{
    const size_t have = evbuffer_get_length(c->raw);
    const size_t look = have < REQUEST_HEAD_MAX ? have : REQUEST_HEAD_MAX;
    const uint8_t *p = look ? evbuffer_pullup(c->raw, (ev_ssize_t)look) : NULL;
    const size_t n = look ? request_head_end(p, look) : 0;

    if (!n && have < REQUEST_HEAD_MAX && !(have && memchr(p, 0, look)))
        return;
    c->request = request_parse(n ? BLOB(p, n) : BLOB(p, look), &c->refusal);
    if (!n && c->refusal.status != 431 && have >= REQUEST_HEAD_MAX)
        c->refusal = (struct refusal){431, "head: at most 16 KiB"};
    if (!c->request ||
        (request_check_host(c->request, &c->server->names, &c->refusal) < 0 &&
         request_check_host(c->request, tls_names(c->server->tls), &c->refusal) < 0)) {
        request_free(TAKE(c->request));
        refuse(c);
        return;
    }
    evbuffer_remove_buffer(c->raw, bufferevent_get_input(c->bev), n);
    c->body = framing_of(c->request);
    c->phase = c->body.state == FRAMING_DONE ? CONN_ANSWER : CONN_BODY;
    watch_again(c->deadline, (uint64_t)WEB_BODY_SECONDS * 1000);
}

static void pass_body(struct conn *c)
{
    const size_t have = evbuffer_get_length(c->raw);
    size_t taken;

    if (framing_take(&c->body, evbuffer_pullup(c->raw, -1), have, &taken) < 0) {
        evbuffer_drain(c->raw, have);
        c->phase = CONN_REFUSED;
        cut(c, "chunked body");
        return;
    }
    evbuffer_remove_buffer(c->raw, bufferevent_get_input(c->bev), taken);
    if (c->body.state == FRAMING_DONE)
        c->phase = CONN_ANSWER;
}

static void pass(struct conn *c)
{
    c->busy = true;
    if (c->phase == CONN_NEW)
        admit(c);
    if (c->phase == CONN_HEAD && evbuffer_get_length(c->raw))
        pass_head(c);
    if (c->phase == CONN_BODY && evbuffer_get_length(c->raw))
        pass_body(c);
    if (c->phase == CONN_REFUSED)
        evbuffer_drain(c->raw, evbuffer_get_length(c->raw));
    c->busy = false;
}

/*
 * Runs inside the read of the bufferevent, before evhttp hears of it. What is before the bytes that
 * were just added is vetted already: evhttp has not come to it yet.
 */
static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
    struct conn *c = arg;

    if (c->busy || !info->n_added)
        return;
    c->busy = true;
    if (evbuffer_get_length(input) == info->n_added) {
        evbuffer_add_buffer(c->raw, input);
    } else {
        struct evbuffer *vetted = evbuffer_new();
        evbuffer_remove_buffer(input, vetted, evbuffer_get_length(input) - info->n_added);
        evbuffer_add_buffer(c->raw, input);
        evbuffer_add_buffer(input, vetted);
        evbuffer_free(vetted);
    }
    c->busy = false;
    pass(c);
    if (c->phase == CONN_ANSWER && evbuffer_get_length(c->raw) > AHEAD_MAX)
        cut(c, "too much before the answer");
}

struct bufferevent *conn_new(struct server *s)
{
    struct conn *c = xcalloc(1, sizeof(*c));
    SSL *ssl = tls_accept(s->tls, c, conn_gone);
    struct bufferevent *bev =
        ssl ? bufferevent_openssl_socket_new(loop_base(s->loop), -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                             BEV_OPT_CLOSE_ON_FREE)
            : NULL;

    if (!bev)
        abort(); /* the listener is opened after the identity: only memory can lack */
    c->server = s;
    c->bev = bev;
    c->raw = evbuffer_new();
    c->next = s->conns;
    c->from = &s->conns;
    if (c->next)
        c->next->from = &c->next;
    s->conns = c;
    s->conn_count++;
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    evbuffer_add_cb(bufferevent_get_input(bev), on_input, c);
    c->deadline = loop_timer(s->loop, 0, on_deadline, c);
    return bev;
}

struct conn *conn_of(struct server *s, struct bufferevent *bev)
{
    return tls_owner(s->tls, bufferevent_openssl_get_ssl(bev));
}

const char *conn_address(const struct conn *c)
{
    return c->address;
}

struct request *conn_take_request(struct conn *c, struct refusal *why)
{
    *why = c->refusal;
    if (c->phase == CONN_REFUSED)
        return NULL;
    return TAKE(c->request);
}

void conn_next(struct conn *c)
{
    if (c->phase != CONN_ANSWER)
        return;
    c->phase = CONN_HEAD;
    watch_again(c->deadline, (uint64_t)WEB_IDLE_SECONDS * 1000);
    pass(c);
}
