/* Addresses come from the kernel: a netlink socket says when to look again. */
#include "src/parent/console.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/addresses.h"
#include "src/base/buf.h"
#include "src/base/loop.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/model/version.h"

#define SHOWN_MAX 1024

struct console {
    int fd;
    struct watch *watch;
    char *shown;
};

static void show(struct console *c)
{
    OWN(buf_free)
    struct buf b = BUF(SHOWN_MAX);

    addresses_add(&b, "admin UI");
    if (b.n == 0)
        buf_add_str(&b, "no address yet\n");
    if (!buf_ok(&b) || str_eq(c->shown, buf_cstr(&b)))
        return;
    own_mem(&c->shown);
    c->shown = buf_take_str(&b);
    fputs(c->shown, stdout);
    fflush(stdout);
}

static void on_change(int fd, bool readable, bool writable, void *arg)
{
    char skipped[8192];

    (void)readable;
    (void)writable;
    while (recv(fd, skipped, sizeof(skipped), 0) > 0)
        ;
    show(arg);
}

struct console *console_new(struct loop *l, struct err *e)
{
    const struct sockaddr_nl at = {.nl_family = AF_NETLINK,
                                   .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    OWN(own_fd)
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
        err_sys(e, "addresses");
        return NULL;
    }
    struct console *c = xcalloc(1, sizeof(*c));
    c->fd = take_fd(&fd);
    c->watch = loop_watch(l, c->fd, true, false, on_change, c);
    printf("\nCertkeep %s\n", CERTKEEP_VERSION);
    show(c);
    return c;
}

void console_free(struct console *c)
{
    if (!c)
        return;
    watch_free(c->watch);
    own_fd(&c->fd);
    own_mem(&c->shown);
    free(c);
}
