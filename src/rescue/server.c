/* The loop: accept, go on where the sockets allow, drop what is late. */
#include "src/rescue/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/base/time.h"
#include "src/rescue/conn.h"

#define CONNS_MAX 8u
#define BACKLOG 16
#define TICK_MS 1000

struct places {
    struct conn *conn[CONNS_MAX];
    bool busy;
    bool over;
};

int server_listen(uint16_t port, int *out, struct err *e)
{
    const struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const int on = 1;
    const int off = 0;
    OWN(own_fd)
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, BACKLOG) < 0) {
        err_sys(e, "listen");
        return err_wrap(e, "port %u", port);
    }
    *out = take_fd(&fd);
    return 0;
}

static void take_new(const struct server *s, const struct tls *t, struct places *p)
{
    for (size_t i = 0; i < CONNS_MAX; i++) {
        if (p->conn[i])
            continue;
        /* cppcheck-suppress nullPointer ; accept takes no address when none is wanted */
        const int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        p->conn[i] = conn_new(s, t, &p->busy, fd);
    }
}

/* Polls, and lets every connection go on that can; -1 when poll itself fails. */
static int turn(const struct server *s, const struct tls *t, struct places *p, struct err *e)
{
    struct pollfd fds[CONNS_MAX + 1];
    bool room = false;
    bool pending = false;

    for (size_t i = 0; i < CONNS_MAX; i++) {
        const struct conn *c = p->conn[i];
        fds[i] = (struct pollfd){.fd = c ? c->fd : -1, .events = c ? conn_events(c) : 0};
        room = room || !c;
        pending = pending || (c && conn_pending(c));
    }
    fds[CONNS_MAX] = (struct pollfd){.fd = room ? s->listener : -1, .events = POLLIN};
    if (poll(fds, COUNT(fds), pending ? 0 : TICK_MS) < 0 && errno != EINTR)
        return err_sys(e, "poll");
    const int64_t now = monotonic_ms();
    for (size_t i = 0; i < CONNS_MAX; i++) {
        struct conn *c = p->conn[i];
        if (!c)
            continue;
        if (fds[i].revents || conn_pending(c))
            conn_run(c);
        if (c->step != CONN_OVER && now < c->deadline)
            continue;
        p->over = p->over || c->last;
        conn_free(c);
        p->conn[i] = NULL;
    }
    if (fds[CONNS_MAX].revents)
        take_new(s, t, p);
    return 0;
}

int server_run(const struct server *s, struct err *e)
{
    struct places places = {};
    struct tls tls;
    int64_t next = 0;
    int rc = 0;

    if (page_prepare(e) < 0 || tls_start(&tls, s->identity, e) < 0)
        return -1;
    while (rc == 0 && !places.over) {
        rc = turn(s, &tls, &places, e);
        if (s->tick && monotonic_ms() >= next) {
            next = monotonic_ms() + TICK_MS;
            s->tick(s->ctx);
        }
    }
    for (size_t i = 0; i < CONNS_MAX; i++)
        conn_free(places.conn[i]);
    tls_free(&tls);
    return rc;
}
