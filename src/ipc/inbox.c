/*
 * Takes messages off a SOCK_SEQPACKET socket, several at a time. Refuses unknown types, a wrong
 * sender or receiver, bodies over MSG_MAX_BYTES, memfds that are not sealed, and descriptors that
 * are missing or too many. What held a secret, or was not understood, is wiped at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "src/base/own.h"
#include "src/base/secret.h"
#include "src/ipc/packet.h"

#define SLOT_BYTES (PACKET_INLINE_MAX + PACKET_HEADER_BYTES)
#define KEEP_BYTES (128 * 1024) /* a batch of more gives its pages back */

union control_bytes {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(PACKET_FDS_MAX * sizeof(int))];
};

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
    if (seals < 0 || (seals & PACKET_SEALS) != PACKET_SEALS)
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

/* Most of it is never touched: a page for each packet of a batch of short ones. */
static int open_slots(struct inbox *b, struct err *e)
{
    void *map = mmap(NULL, PACKET_BATCH * SLOT_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (map == MAP_FAILED)
        return err_sys(e, "message: buffers");
    madvise(map, PACKET_BATCH * SLOT_BYTES, MADV_DONTDUMP);
    b->slots = map;
    return 0;
}

void inbox_done(struct inbox *b)
{
    if (b->slots)
        munmap(b->slots, PACKET_BATCH * SLOT_BYTES);
    b->slots = NULL;
}

/* One packet of the batch: n bytes in a slot, and what the kernel says of it. */
static struct incoming *take_packet(const uint8_t *slot, size_t n, struct msghdr *h,
                                    enum process self, enum process peer, struct err *e)
{
    OWN(own_got_fds)
    struct got_fds fds = {};
    OWN(own_incoming)
    struct incoming *in = xcalloc(1, sizeof(*in));

    collect_fds(h, &fds);
    in->msg.type = MSG_COUNT;
    in->msg.fd = -1;
    if (n == 0) {
        err_set(e, ERR_NETWORK, "%s went away: it is being restarted", process_name(peer));
        return NULL;
    }
    if (h->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        err_set(e, ERR_BUG, "a packet with more bytes or descriptors than any message has");
        return NULL;
    }
    in->mem = xmemdup(slot, n);
    in->mem_bytes = n;
    return parse(in, self, peer, &fds, e) < 0 ? NULL : TAKE(in);
}

int inbox_receive(struct inbox *b, int sock, enum process self, enum process peer,
                  struct incoming **out, struct err *fault)
{
    struct mmsghdr h[PACKET_BATCH];
    union control_bytes control[PACKET_BATCH];
    struct iovec iov[PACKET_BATCH];
    size_t touched = 0;
    int got, good = 0;

    *out = NULL;
    *fault = (struct err){};
    if (!b->slots && open_slots(b, fault) < 0)
        return 0;
    for (unsigned i = 0; i < PACKET_BATCH; i++) {
        iov[i] = (struct iovec){.iov_base = b->slots + i * SLOT_BYTES, .iov_len = SLOT_BYTES};
        h[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i],
                                       .msg_iovlen = 1,
                                       .msg_control = control[i].bytes,
                                       .msg_controllen = sizeof(control[i].bytes)};
    }
    do
        got = recvmmsg(sock, h, PACKET_BATCH, MSG_CMSG_CLOEXEC | MSG_DONTWAIT, NULL);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno != EAGAIN)
        err_set(fault, ERR_NETWORK, "receive: %s", strerror(errno));
    for (int i = 0; i < got; i++) {
        uint8_t *slot = iov[i].iov_base;
        struct err ignored;
        struct incoming *in = take_packet(slot, h[i].msg_len, &h[i].msg_hdr, self, peer,
                                          fault->code == ERR_NONE ? fault : &ignored);
        touched += h[i].msg_len;
        if (!in || msg_is_secret(in->msg.type))
            wipe(slot, h[i].msg_len);
        if (fault->code != ERR_NONE) { /* nothing that follows a fault is believed */
            incoming_free(in);
            continue;
        }
        *out = in;
        out = &in->next;
        good++;
    }
    *out = NULL;
    if (touched > KEEP_BYTES)
        madvise(b->slots, PACKET_BATCH * SLOT_BYTES, MADV_DONTNEED);
    return good;
}
