/*
 * One message on its socket: the header, the body (inline, or in a sealed memfd), the descriptors.
 * Used by the channel alone. Everything the receiver refuses is refused here.
 */
#pragma once
#include "src/base/buf.h"
#include "src/ipc/msg.h"

#define PACKET_HEADER_BYTES 8
#define PACKET_INLINE_MAX (64 * 1024 - PACKET_HEADER_BYTES) /* longer bodies travel as memfd */
#define PACKET_FDS_MAX 2                                    /* the memfd, then the FD field */
#define PACKET_BATCH 16                                     /* packets in one system call */
#define PACKET_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define PACKET_IN_MEMFD 1u /* header flag */

/* On its way out: owns its bytes and copies of its descriptors. */
struct outgoing {
    struct outgoing *next;
    uint8_t *bytes;
    size_t n;
    size_t weight; /* bytes it holds, the memfd's included */
    bool secret;
    int fds[PACKET_FDS_MAX];
    int fd_count;
};

/* Came in: owns its memory and its descriptor. */
struct incoming {
    struct incoming *next;
    struct msg msg;
    void *mem;
    size_t mem_bytes;
    bool mapped; /* mem is a mapping of the memfd */
};

/* Copies the body and dups fd (-1: none). */
struct outgoing *outgoing_new(enum msg_type type, uint32_t id, const struct buf *body, int fd,
                              struct err *e);
void outgoing_free(struct outgoing *o);
/*
 * Sends the list from o on, PACKET_BATCH at most, in order. How many were sent; 0: the socket is
 * full; -1: the peer is gone.
 */
int outgoing_send(const struct outgoing *o, int sock, struct err *e);

/* Where packets are received, before each gets memory of its own size. Starts as {}. */
struct inbox {
    uint8_t *slots;
};
void inbox_done(struct inbox *b);

/*
 * Receives up to PACKET_BATCH packets and returns how many are messages that `peer` may send to
 * `self`; *out lists them in order. *fault is what came behind them and ends the connection:
 * ERR_NETWORK when the peer is gone, ERR_BUG when it sent what it may not, else ERR_NONE.
 */
int inbox_receive(struct inbox *b, int sock, enum process self, enum process peer,
                  struct incoming **out, struct err *fault);
void incoming_free(struct incoming *in);
/* Wipes when the type holds a secret, then frees or unmaps. */
void packet_mem_free(void *mem, size_t n, bool mapped, bool secret);
