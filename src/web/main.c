/*
 * web: TLS, HTTP and static files before core. It is handed its sockets, has no key, no database
 * and no way out; what it may not judge it does not know.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"
#include "src/base/fiber.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/ipc/call.h"
#include "src/sandbox/confine.h"
#include "src/web/asset.h"
#include "src/web/http01.h"
#include "src/web/identity.h"
#include "src/web/server.h"
#include "src/web/stream.h"
#include "src/web/tls.h"

#define PEERS_MS 60000

static struct {
    struct loop *loop;
    struct channel *core, *key;
    struct channel *peers[3];
    struct control control;
    struct assets assets;
    struct server server;
    struct identity identity;
    struct http01 http01;
    struct strs names; /* --name */
    const char *folder;
    int waiting_https; /* listener that came before the identity */
    bool serving;
} web = {.waiting_https = -1};

static void hello(void)
{
    OWN(own_mem)
    char *names = strs_join(&web.names, " ");
    const struct msg_WEB_HELLO m = {.names = names};
    struct err e;

    if (send_WEB_HELLO(web.core, &m, &e) < 0)
        log_warn("web.hello", "why=%s", log_q(e.text));
}

static void on_core_back(struct channel *c, void *arg)
{
    (void)c, (void)arg;
    if (!web.serving)
        return;
    hello();
    streams_announce(&web.server);
}

static void on_core_gone(struct channel *c, const struct err *why, void *arg)
{
    (void)c, (void)why, (void)arg;
    kept_drop(&web.server.kept);
}

static void on_key_back(struct channel *c, void *arg)
{
    (void)c, (void)arg;
    if (web.serving)
        identity_key_back(&web.identity);
}

static int on_challenge(struct msg *m, struct err *e)
{
    struct msg_HTTP01_SET set;
    struct msg_HTTP01_CLEAR clear;

    if (m->type == MSG_HTTP01_SET)
        return get_HTTP01_SET(m, &set, e) < 0 ? -1
                                              : http01_set(&web.http01, set.token, set.answer, e);
    if (get_HTTP01_CLEAR(m, &clear, e) < 0)
        return -1;
    http01_clear(&web.http01, clear.token);
    return 0;
}

static int from_core(struct msg *m, struct err *e)
{
    struct msg_TLS_IDENTITY identity;
    struct msg_STREAM_EVENT event;
    struct msg_STREAM_CLOSE close;

    switch (m->type) {
    case MSG_TLS_IDENTITY:
        if (get_TLS_IDENTITY(m, &identity, e) < 0)
            return -1;
        identity_set(&web.identity, &identity);
        return 0;
    case MSG_STREAM_EVENT:
        if (get_STREAM_EVENT(m, &event, e) < 0)
            return -1;
        stream_event(&web.server, &event);
        return 0;
    case MSG_STREAM_CLOSE:
        if (get_STREAM_CLOSE(m, &close, e) < 0)
            return -1;
        stream_close(&web.server, close.stream);
        return 0;
    case MSG_CHANGES:
        return kept_attach(&web.server.kept, take_fd(&m->fd), e);
    case MSG_HTTP01_SET:
    case MSG_HTTP01_CLEAR:
        return on_challenge(m, e);
    default:
        return err_set(e, ERR_BUG, "%s is not for web", msg_name(m->type));
    }
}

static void on_core(struct channel *c, struct msg *m, void *arg)
{
    struct err e = {};
    const int rc = from_core(m, &e);

    (void)arg;
    if (rc < 0)
        log_warn("web.message", "type=%s why=%s", msg_name(m->type), log_q(e.text));
    if (!m->id)
        return;
    if (rc < 0)
        reply_failed(c, m->id, &e);
    else
        reply_DONE(c, m->id, &(struct msg_DONE){}, NULL);
}

static int listen_on(uint32_t service, int take_listener, struct err *e)
{
    OWN(own_fd)
    int fd = take_listener;

    if (service == LISTEN_HTTP01)
        return http01_start(&web.http01, take_fd(&fd), e);
    if (service != LISTEN_HTTPS || web.server.http || web.waiting_https >= 0)
        return err_set(e, ERR_BUG, "LISTEN for service %u, or twice", service);
    if (web.serving)
        return server_start(&web.server, take_fd(&fd), e);
    web.waiting_https = take_fd(&fd);
    return 0;
}

static void on_parent(struct control *ctl, struct msg *m, void *arg)
{
    struct msg_LISTEN l;
    struct err e;

    (void)ctl, (void)arg;
    if (m->type != MSG_LISTEN)
        return;
    if (get_LISTEN(m, &l, &e) < 0 || listen_on(l.service, take_fd(&m->fd), &e) < 0)
        log_error("web.listen", "why=%s", log_q(e.text));
}

static int connect_peers(struct err *e)
{
    const struct channel_events core = {
        .message = on_core, .attached = on_core_back, .closed = on_core_gone};
    const struct channel_events key = {.attached = on_key_back};

    web.core = channel_new(web.loop, PROC_WEB, PROC_CORE, 0, -1, &core, NULL);
    web.key = channel_new(web.loop, PROC_WEB, PROC_KEY, 0, -1, &key, NULL);
    web.peers[0] = web.core;
    web.peers[1] = web.key;
    web.control = (struct control){.peers = web.peers, .loop = web.loop, .other = on_parent};
    if (control_open(&web.control, PROC_WEB, e) < 0)
        return -1;
    return control_wait_peers(&web.control, PEERS_MS, e);
}

/* What needs a file of the system (OpenSSL's configuration, the UI) or a peer is done before
 * confine(). */
static int prepare(struct err *e)
{
    web.http01.loop = web.loop;
    web.server.loop = web.loop;
    web.server.assets = &web.assets;
    for (size_t i = 0; i < web.names.n; i++)
        strs_add(&web.server.names, web.names.v[i]);
    if (assets_load(web.folder, &web.assets, e) < 0 || connect_peers(e) < 0)
        return -1;
    web.server.core = web.core;
    if (tls_new(web.key, &web.server.tls, e) < 0)
        return -1;
    web.identity = (struct identity){
        .loop = web.loop, .key = web.key, .parent = web.control.parent, .tls = web.server.tls};
    return identity_boot(&web.identity, e);
}

static int start(struct err *e)
{
    const struct confine_paths paths = {};
    char notice[256];

    if (prepare(e) < 0 || confine(PROC_WEB, &paths, notice, e) < 0)
        return -1;
    if (notice[0])
        log_warn("web.confined", "notice=%s", log_q(notice));
    web.serving = true;
    if (web.waiting_https >= 0 && server_start(&web.server, take_fd(&web.waiting_https), e) < 0)
        return -1;
    hello();
    return send_READY(web.control.parent, &(struct msg_READY){.detail = "serving"}, e);
}

static int parse_arguments(int argc, char **argv, struct err *e)
{
    static const struct option options[] = {{"static", required_argument, NULL, 's'},
                                            {"name", required_argument, NULL, 'n'},
                                            {"debug", no_argument, NULL, 'd'},
                                            {}};
    bool debug = false;
    char host[256];
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 's')
            web.folder = optarg;
        else if (c == 'd')
            debug = true;
        else if (c != 'n')
            return err_set(e, ERR_INPUT,
                           "usage: certkeep-web [--static FOLDER] [--name NAME]... [--debug]");
        else if (parse_ip(optarg, host, sizeof(host), e) < 0 &&
                 parse_host(optarg, false, host, sizeof(host), e) < 0)
            return err_wrap(e, "--name %s", optarg);
        else
            strs_add(&web.names, host);
    }
    log_open("web", debug);
    return 0;
}

int main(int argc, char **argv)
{
    struct err e = {};

    log_open("web", false);
    signal(SIGPIPE, SIG_IGN); /* a client that left is an error of its connection, not our end */
    web.loop = loop_new();
    if (parse_arguments(argc, argv, &e) < 0 || start(&e) < 0) {
        if (web.control.stopped)
            return 0;
        log_error("web.start", "why=%s", log_q(e.text));
        return err_exit_status(e.code);
    }
    if (loop_run(web.loop, &e) < 0)
        log_error("web.loop", "why=%s", log_q(e.text));
    streams_end(&web.server);
    return 0;
}
