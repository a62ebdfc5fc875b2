/* evhttp set up narrowly, and where each vetted request goes: API, event stream, or a file of the
 * UI. */
#include "src/web/server.h"

#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/web/conn.h"
#include "src/web/forward.h"
#include "src/web/limits.h"
#include "src/web/reply.h"
#include "src/web/stream.h"

static void on_answered(struct evhttp_request *req, void *arg)
{
    (void)req;
    conn_next(arg);
}

/* evhttp keeps a request whose client went away before the answer; then it is ours to free. */
static void on_client_gone(struct evhttp_connection *evcon, void *arg)
{
    struct exchange *x = arg;
    struct evhttp_request *req = TAKE(x->req);

    (void)evcon;
    if (!evhttp_request_get_connection(req))
        evhttp_request_free(req);
    if (x->gone)
        x->gone(x->gone_arg);
}

void exchange_release(struct exchange *x)
{
    struct evhttp_request *req = TAKE(x->req);
    struct evhttp_connection *evcon = evhttp_request_get_connection(req);

    evhttp_connection_set_closecb(evcon, NULL, NULL);
    evhttp_request_set_on_complete_cb(req, on_answered,
                                      conn_of(x->server, evhttp_connection_get_bufferevent(evcon)));
}

void exchange_free(struct exchange *x)
{
    if (!x)
        return;
    if (x->req) /* nobody answered: a bug, but not a client that waits for ever */
        reply_problem(x, 500, ERR_BUG, "no answer was made", true);
    request_free(x->request);
    free(x);
}

static void serve_asset(struct exchange *x)
{
    const struct request *r = x->request;
    const bool reads = strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
    const struct asset *found = assets_find(x->server->assets, r->path);

    if (!reads) {
        reply_problem(x, 405, ERR_INPUT, "only GET and HEAD here; the API is below /api/v1/", true);
        return;
    }
    if (!found) {
        reply_problem(x, 404, ERR_NOT_FOUND, "there is no such file", false);
        return;
    }
    const enum asset_form form = asset_choose(found, r->accept_encoding);
    struct answer a = {.status = 200,
                       .type = found->type,
                       .body = buf_blob(&found->form[form]),
                       .encoding = asset_encoding(form),
                       .etag = found->etag,
                       .for_ever = found->for_ever,
                       .ask_again = !found->for_ever};
    if (strcmp(r->if_none_match, found->etag) == 0)
        a.status = 304;
    reply_send(x, &a);
}

static bool is_below(const char *path, const char *folder)
{
    const size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && (path[n] == '/' || !path[n]);
}

static void on_request(struct evhttp_request *req, void *arg)
{
    struct server *s = arg;
    struct evhttp_connection *evcon = evhttp_request_get_connection(req);
    struct conn *c = conn_of(s, evhttp_connection_get_bufferevent(evcon));
    struct exchange *x = xcalloc(1, sizeof(*x));
    struct refusal why;

    x->server = s;
    x->req = req;
    x->request = conn_take_request(c, &why);
    str_copy(x->client, sizeof(x->client), conn_address(c), NULL);
    evhttp_connection_set_closecb(evcon, on_client_gone, x);
    if (!x->request) {
        log_info("web.refused", "client=%s status=%d why=%s", x->client, why.status,
                 log_q(why.text));
        reply_problem(x, why.status,
                      why.status == 401                        ? ERR_AUTH
                      : why.status == 403                      ? ERR_DENIED
                      : why.status == 413 || why.status == 431 ? ERR_LIMIT
                                                               : ERR_INPUT,
                      why.text, true);
        exchange_free(x);
        return;
    }
    if (is_below(x->request->path, "/api")) {
        if (strcmp(x->request->path, STREAM_PATH) == 0 && strcmp(x->request->method, "GET") == 0)
            stream_start(x);
        else
            forward_start(x);
        return;
    }
    serve_asset(x);
    exchange_free(x);
}

static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    (void)base;
    return conn_new(arg);
}

int server_start(struct server *s, int take_listener, struct err *e)
{
    OWN(own_fd)
    int fd = take_listener;
    struct evconnlistener *listener;

    if (!tls_ready(s->tls))
        return err_set(e, ERR_CONFLICT, "HTTPS: no certificate yet");
    if (evutil_make_socket_nonblocking(fd) < 0)
        return err_sys(e, "HTTPS listener");
    s->http = evhttp_new(loop_base(s->loop));
    evhttp_set_bevcb(s->http, on_connection, s);
    evhttp_set_gencb(s->http, on_request, s);
    evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                            EVHTTP_REQ_PATCH | EVHTTP_REQ_DELETE);
    evhttp_set_default_content_type(s->http, NULL);
    evhttp_set_max_headers_size(s->http, (ev_ssize_t)REQUEST_HEAD_MAX + 512);
    evhttp_set_max_body_size(s->http, (ev_ssize_t)REQUEST_BODY_MAX);
    evhttp_set_timeout(s->http, WEB_IDLE_SECONDS);
    listener = evconnlistener_new(loop_base(s->loop), NULL, NULL,
                                  LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (!listener || !evhttp_bind_listener(s->http, listener)) {
        if (listener)
            evconnlistener_free(listener);
        return err_set(e, ERR_SYSTEM, "HTTPS listener: evhttp does not take it");
    }
    take_fd(&fd);
    return 0;
}

void server_stop(struct server *s)
{
    if (s->http)
        evhttp_free(TAKE(s->http));
}
