/*
 * Requests and their replies. call_NAME sends the request and waits for the reply named in `want`:
 * in a fiber it yields, on the main stack it blocks in poll(2) (for signing in a handshake, and at
 * start-up). FAILED comes back as its error, a reply of another type as ERR_BUG, silence as
 * ERR_NETWORK after timeout_ms. When the peer dies meanwhile the call fails with ERR_NETWORK at
 * once and nothing is sent again: the caller knows what is safe to repeat. A call on a channel that
 * is not attached waits for the peer first, within the same timeout.
 */
#pragma once
#include "src/ipc/channel.h"

/* A reply the caller owns: decode it with get_NAME, then reply_done. */
struct reply {
    struct msg msg;
    void *mem;
    size_t mem_bytes;
    bool secret;
    bool mapped; /* mem is a read-only mapping */
};
void reply_done(
    struct reply *r); /* wipes when secret, frees, closes an untaken fd; OWN(reply_done) */

/* `out` may be NULL when the reply says nothing (DONE). */
int call_raw(struct channel *c, enum msg_type type, const struct buf *body, int fd,
             enum msg_type want, uint64_t timeout_ms, struct reply *out, struct err *e);

#define MSG(NAME, from, to, fields)                                                                \
    int call_##NAME(struct channel *c, const struct msg_##NAME *m, enum msg_type want,             \
                    uint64_t timeout_ms, struct reply *out, struct err *e);
#include "src/ipc/messages.def"
#undef MSG

/*
 * Start-up of every process but parent, in main(): opens the control channel on CONTROL_FD.
 * PEER messages are matched to `peers` (channels made by channel_new with fd -1) and attached;
 * LISTEN, PIN_BACK, WORKER_* and others go to `other`. STOP ends the loop.
 */
struct control {
    struct channel *parent;
    struct channel **peers; /* NULL-ended */
    struct loop *loop;
    bool stopped; /* STOP came, or parent is gone */
    void (*other)(struct control *ctl, struct msg *m, void *arg);
    void *arg;
};
int control_open(struct control *ctl, enum process self, struct err *e);
/*
 * Serves the control channel alone until the first PEER of each peer has come (at most timeout_ms).
 * ERR_CONFLICT when parent said STOP meanwhile.
 */
int control_wait_peers(struct control *ctl, uint64_t timeout_ms, struct err *e);
