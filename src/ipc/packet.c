/*
 * Puts messages on a SOCK_SEQPACKET socket and takes them off. Refuses unknown types, a wrong
 * sender or receiver, bodies over MSG_MAX_BYTES, memfds that are not sealed, and descriptors that
 * are missing or too many.
 */
#include "src/ipc/packet.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "src/base/own.h"
#include "src/base/secret.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

union control_bytes {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(PACKET_FDS_MAX * sizeof(int))];
};

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
    if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
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

int outgoing_send(const struct outgoing *o, int sock, struct err *e)
{
    union control_bytes control = {};
    struct iovec iov = {.iov_base = o->bytes, .iov_len = o->n};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};

    if (o->fd_count > 0) {
        const size_t bytes = (size_t)o->fd_count * sizeof(int);
        h.msg_control = control.bytes;
        h.msg_controllen = CMSG_SPACE(bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        assert(c); /* control has room for it */
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(c), o->fds, bytes);
    }
    for (;;) {
        if (sendmsg(sock, &h, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return 1;
        if (errno == EINTR)
            continue;
        /* ETOOMANYREFS: too many descriptors of this user are in flight; they drain. */
        if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
            return 0;
        return err_set(e, ERR_NETWORK, "send: %s", strerror(errno));
    }
}

void incoming_free(struct incoming *in)
{
    if (!in)
        return;
    /* A type that was not understood may have held a secret too. */
    const bool secret = in->msg.type == MSG_COUNT || msg_is_secret(in->msg.type);
    own_fd(&in->msg.fd);
    packet_mem_free(in->mem, in->mem_bytes, in->mapped, secret);
    free(in);
}

DEFINE_OWN(struct incoming *, incoming, incoming_free)

/* The descriptors of a received packet; closes those that were not taken. */
struct got_fds {
    int v[PACKET_FDS_MAX];
    int n;
};

static void own_got_fds(struct got_fds *g)
{
    for (int i = 0; i < g->n; i++)
        own_fd(&g->v[i]);
}

static void collect_fds(struct msghdr *h, struct got_fds *out)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (out->n < PACKET_FDS_MAX)
                out->v[out->n++] = fd;
            else
                close(fd);
        }
    }
}

/* Maps the body in the memfd: only if its size and content can no longer change. */
static int map_body(struct incoming *in, struct reader *r, int memfd, struct err *e)
{
    const uint32_t n = read_u32(r);
    struct stat st;

    if (!reader_done(r) || n <= PACKET_INLINE_MAX || n > MSG_MAX_BYTES)
        return err_set(e, ERR_BUG, "%s: its memfd has a wrong size", msg_name(in->msg.type));
    const int seals = fcntl(memfd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS)
        return err_set(e, ERR_BUG, "%s: its memfd is not sealed", msg_name(in->msg.type));
    if (fstat(memfd, &st) < 0 || st.st_size != (off_t)n)
        return err_set(e, ERR_BUG, "%s: its memfd is not as long as it says",
                       msg_name(in->msg.type));
    void *map = mmap(NULL, n, PROT_READ, MAP_PRIVATE, memfd, 0);
    if (map == MAP_FAILED)
        return err_sys(e, "message: map memfd");
    wipe(in->mem, in->mem_bytes);
    free(in->mem);
    in->mem = map;
    in->mem_bytes = n;
    in->mapped = true;
    in->msg.body = BLOB(map, n);
    return 0;
}

static int parse(struct incoming *in, enum process self, enum process peer, struct got_fds *fds,
                 struct err *e)
{
    struct reader r = reader_of(BLOB(in->mem, in->mem_bytes));
    const uint16_t type = read_u16(&r);
    const uint16_t flags = read_u16(&r);

    in->msg.id = read_u32(&r);
    if (r.failed || type >= MSG_COUNT || (flags & ~PACKET_IN_MEMFD))
        return err_set(e, ERR_BUG, "not a message: type %u, flags %u, %zu bytes", type, flags,
                       in->mem_bytes);
    in->msg.type = type;
    if (!(msg_from(type) & (1u << peer)) || !(msg_to(type) & (1u << self)))
        return err_set(e, ERR_BUG, "%s may not send %s to %s", process_name(peer), msg_name(type),
                       process_name(self));
    const int want = (flags & PACKET_IN_MEMFD ? 1 : 0) + (msg_has_fd(type) ? 1 : 0);
    if (fds->n != want)
        return err_set(e, ERR_BUG, "%s: %d descriptors, expected %d", msg_name(type), fds->n, want);
    in->msg.body = BLOB((uint8_t *)in->mem + PACKET_HEADER_BYTES, r.n - r.at);
    if ((flags & PACKET_IN_MEMFD) && map_body(in, &r, fds->v[0], e) < 0)
        return -1;
    if (msg_has_fd(type))
        in->msg.fd = take_fd(&fds->v[want - 1]);
    return 0;
}

/* Length of the next packet: > 0, 0 at the end, -1 with errno. */
static ssize_t next_length(int sock)
{
    ssize_t n;

    do
        n = recv(sock, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n;
}

int incoming_receive(int sock, enum process self, enum process peer, struct incoming **out,
                     struct err *e)
{
    const ssize_t n = next_length(sock);
    OWN(own_got_fds)
    struct got_fds fds = {};

    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n < 0)
        return err_set(e, ERR_NETWORK, "receive: %s", strerror(errno));
    if (n == 0)
        return err_set(e, ERR_NETWORK, "%s went away: it is being restarted", process_name(peer));
    if (n > PACKET_INLINE_MAX + PACKET_HEADER_BYTES)
        return err_set(e, ERR_BUG, "a packet of %zd bytes", n);

    OWN(own_incoming)
    struct incoming *in = xcalloc(1, sizeof(*in));
    in->msg.type = MSG_COUNT;
    in->msg.fd = -1;
    in->mem = xmalloc((size_t)n);
    in->mem_bytes = (size_t)n;
    union control_bytes control = {};
    struct iovec iov = {.iov_base = in->mem, .iov_len = in->mem_bytes};
    struct msghdr h = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    const ssize_t got = recvmsg(sock, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR
                   ? 0
                   : err_set(e, ERR_NETWORK, "receive: %s", strerror(errno));
    collect_fds(&h, &fds);
    if (got != n || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        return err_set(e, ERR_BUG, "a packet with more bytes or descriptors than any message has");
    if (parse(in, self, peer, &fds, e) < 0)
        return -1;
    *out = TAKE(in);
    return 1;
}
