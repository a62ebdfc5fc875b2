/*
 * Puts messages on a SOCK_SEQPACKET socket: makes the packet, with the memfd of a long body, and
 * sends several at once. inbox.c takes them off.
 */
#include "src/ipc/packet.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "src/base/own.h"
#include "src/base/secret.h"

void packet_mem_free(void *mem, size_t n, bool mapped, bool secret)
{
    if (!mem)
        return;
    if (mapped) { /* read-only: its pages go back to the kernel, which hands none out unwiped */
        munmap(mem, n);
        return;
    }
    if (secret)
        wipe(mem, n);
    free(mem);
}

static int write_all(int fd, struct blob b)
{
    const uint8_t *at = b.p;

    while (b.n > 0) {
        const ssize_t n = write(fd, at, b.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        at += n;
        b.n -= (size_t)n;
    }
    return 0;
}

static int memfd_of(struct blob body, struct err *e)
{
    OWN(own_fd)
    int fd = memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return err_sys(e, "message: memfd");
    if (write_all(fd, body) < 0)
        return err_sys(e, "message: write memfd");
    if (fcntl(fd, F_ADD_SEALS, PACKET_SEALS) < 0)
        return err_sys(e, "message: seal memfd");
    return take_fd(&fd);
}

void outgoing_free(struct outgoing *o)
{
    if (!o)
        return;
    for (int i = 0; i < o->fd_count; i++)
        close(o->fds[i]);
    packet_mem_free(o->bytes, o->n, false, o->secret);
    free(o);
}

DEFINE_OWN(struct outgoing *, outgoing, outgoing_free)

struct outgoing *outgoing_new(enum msg_type type, uint32_t id, const struct buf *body, int fd,
                              struct err *e)
{
    OWN(own_outgoing)
    struct outgoing *o = xcalloc(1, sizeof(*o));
    const bool big = body->n > PACKET_INLINE_MAX;
    const size_t inline_bytes = big ? 4 : body->n;

    o->secret = msg_is_secret(type);
    o->n = PACKET_HEADER_BYTES + inline_bytes;
    o->bytes = xmalloc(o->n);
    o->weight = o->n + (big ? body->n : 0);
    struct buf head = BUF(PACKET_HEADER_BYTES + 4);
    buf_add_u16(&head, (uint16_t)type);
    buf_add_u16(&head, big ? PACKET_IN_MEMFD : 0);
    buf_add_u32(&head, id);
    if (big)
        buf_add_u32(&head, (uint32_t)body->n);
    memcpy(o->bytes, head.p, head.n);
    buf_free(&head);
    if (!big && body->n > 0)
        memcpy(o->bytes + PACKET_HEADER_BYTES, body->p, body->n);
    if (big) {
        const int memfd = memfd_of(buf_blob(body), e);
        if (memfd < 0)
            return NULL;
        o->fds[o->fd_count++] = memfd;
    }
    if (fd >= 0) {
        const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (copy < 0) {
            err_sys(e, "message: copy its descriptor");
            return NULL;
        }
        o->fds[o->fd_count++] = copy;
    }
    return TAKE(o);
}

/* What the kernel is told of one packet. */
struct addressed {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(PACKET_FDS_MAX * sizeof(int))];
    struct iovec iov;
};

static void address(const struct outgoing *o, struct addressed *v, struct msghdr *h)
{
    v->iov = (struct iovec){.iov_base = o->bytes, .iov_len = o->n};
    *h = (struct msghdr){.msg_iov = &v->iov, .msg_iovlen = 1};
    if (o->fd_count == 0)
        return;
    const size_t bytes = (size_t)o->fd_count * sizeof(int);
    h->msg_control = v->control;
    h->msg_controllen = CMSG_SPACE(bytes);
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    assert(c); /* control has room for it */
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(c), o->fds, bytes);
}

int outgoing_send(const struct outgoing *o, int sock, struct err *e)
{
    struct mmsghdr h[PACKET_BATCH];
    struct addressed v[PACKET_BATCH];
    unsigned n = 0;

    for (; o && n < PACKET_BATCH; o = o->next, n++)
        address(o, &v[n], &h[n].msg_hdr);
    for (;;) {
        const int sent = sendmmsg(sock, h, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0)
            return sent;
        if (errno == EINTR)
            continue;
        /* ETOOMANYREFS: too many descriptors of this user are in flight; they drain. */
        if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
            return 0;
        return err_set(e, ERR_NETWORK, "send: %s", strerror(errno));
    }
}
