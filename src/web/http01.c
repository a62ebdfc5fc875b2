/* Challenges of ACME orders and the plain listener that answers them. Refuses bodies and methods
 * but GET. */
#include "src/web/http01.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/web/limits.h"

#define WELL_KNOWN "/.well-known/acme-challenge/"
#define ANSWER_MAX 512
#define SECONDS 10

static struct challenge *find(const struct http01 *h, const char *token)
{
    for (size_t i = 0; i < h->n; i++)
        if (strcmp(h->v[i].token, token) == 0)
            return &h->v[i];
    return NULL;
}

/* base64url and, in the answer, one dot: RFC 8555, 8.1 */
static bool is_plain(const char *text, size_t max)
{
    const size_t n = strlen(text);

    return n && n <= max &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == n;
}

int http01_set(struct http01 *h, const char *token, const char *answer, struct err *e)
{
    struct challenge *c = find(h, token);

    if (!is_plain(token, ANSWER_MAX) || !is_plain(answer, ANSWER_MAX))
        return err_set(e, ERR_INPUT, "challenge: expected base64url");
    if (!c && h->n >= WEB_CHALLENGES_MAX)
        return err_set(e, ERR_LIMIT, "challenges: at most %d at once", WEB_CHALLENGES_MAX);
    if (c) {
        free(c->answer);
        c->answer = xstrdup(answer);
        return 0;
    }
    h->v = xrealloc(h->v, (h->n + 1) * sizeof(*h->v));
    h->v[h->n++] = (struct challenge){xstrdup(token), xstrdup(answer)};
    return 0;
}

void http01_clear(struct http01 *h, const char *token)
{
    for (size_t i = h->n; i-- > 0;) {
        if (token && *token && strcmp(h->v[i].token, token) != 0)
            continue;
        free(h->v[i].token);
        free(h->v[i].answer);
        h->v[i] = h->v[--h->n];
    }
}

static void add(struct evhttp_request *req, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(req), name, value);
}

static void reply(struct evhttp_request *req, int status, const char *text)
{
    add(req, "Content-Type", "text/plain; charset=utf-8");
    add(req, "X-Content-Type-Options", "nosniff");
    add(req, "Cache-Control", "no-store");
    add(req, "Connection", "close");
    evbuffer_add(evhttp_request_get_output_buffer(req), text, strlen(text));
    evhttp_send_reply(req, status, NULL, NULL);
}

/* https://HOST/ when the request named a host we can repeat. */
static char *secure_address(struct evhttp_request *req)
{
    const char *said = evhttp_find_header(evhttp_request_get_input_headers(req), "Host");
    char host[256];
    struct err e;

    if (!said || strlen(said) > 255)
        return NULL;
    const size_t n = strcspn(said, ":");
    OWN(own_mem)
    char *name = xstrndup(said, n);
    if (parse_ip(name, host, sizeof(host), &e) < 0 &&
        parse_host(name, false, host, sizeof(host), &e) < 0)
        return NULL;
    return xasprintf("https://%s/", host);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    const struct http01 *h = arg;
    const char *uri = evhttp_request_get_uri(req);
    const struct challenge *c =
        uri && str_starts(uri, WELL_KNOWN) ? find(h, uri + strlen(WELL_KNOWN)) : NULL;
    OWN(own_mem)
    char *secure = uri && !str_starts(uri, WELL_KNOWN) ? secure_address(req) : NULL;

    if (c) {
        reply(req, 200, c->answer);
    } else if (secure) {
        add(req, "Location", secure);
        reply(req, 308, "this appliance speaks https\n");
    } else {
        reply(req, 404, "not here\n");
    }
}

static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    (void)arg;
    return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
}

int http01_start(struct http01 *h, int take_listener, struct err *e)
{
    OWN(own_fd)
    int fd = take_listener;
    struct evconnlistener *listener;

    if (evutil_make_socket_nonblocking(fd) < 0)
        return err_sys(e, "http-01 listener");
    h->http = evhttp_new(loop_base(h->loop));
    evhttp_set_bevcb(h->http, on_connection, h);
    evhttp_set_gencb(h->http, on_request, h);
    evhttp_set_allowed_methods(h->http, EVHTTP_REQ_GET);
    evhttp_set_default_content_type(h->http, NULL);
    evhttp_set_max_headers_size(h->http, 4096);
    evhttp_set_max_body_size(h->http, 0);
    evhttp_set_timeout(h->http, SECONDS);
    listener = evconnlistener_new(loop_base(h->loop), NULL, NULL,
                                  LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!listener || !evhttp_bind_listener(h->http, listener)) {
        if (listener)
            evconnlistener_free(listener);
        return err_set(e, ERR_SYSTEM, "http-01 listener: evhttp does not take it");
    }
    take_fd(&fd);
    return 0;
}

void http01_stop(struct http01 *h)
{
    if (h->http)
        evhttp_free(TAKE(h->http));
    http01_clear(h, NULL);
    free(h->v);
    h->v = NULL;
}
