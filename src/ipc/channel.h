/*
 * A channel: one SOCK_SEQPACKET socket to one peer. Messages over 64 KiB travel as a sealed memfd.
 * Every message is checked against who may send it to whom; a wrong one closes the channel, for
 * the sender is broken or hostile. When a process is restarted, parent sends a new descriptor and
 * channel_attach continues the same channel object: those who hold it need not know.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "src/base/loop.h"
#include "src/ipc/msg.h"

struct channel;

struct channel_events {
    /* A request or one-way message. The handler may keep nothing of it. */
    void (*message)(struct channel *c, struct msg *m, void *arg);
    /* The peer is gone; a new descriptor may come. May be NULL. */
    void (*closed)(struct channel *c, const struct err *why, void *arg);
    /* Attached (again). May be NULL. */
    void (*attached)(struct channel *c, void *arg);
};

/* fd -1: not attached yet; calls then wait for the peer up to their timeout. */
struct channel *channel_new(struct loop *l, enum process self, enum process peer, uint32_t instance,
                            int take_fd, const struct channel_events *events, void *arg);
void channel_free(struct channel *c); /* calls under way fail with ERR_NETWORK */
int channel_attach(struct channel *c, int take_fd, struct err *e);
bool channel_open(const struct channel *c);
enum process channel_peer(const struct channel *c);
uint32_t channel_instance(const struct channel *c);
void *channel_arg(const struct channel *c);
struct loop *channel_loop(const struct channel *c);

/* Queues without blocking; at most 64 MiB wait. ERR_NETWORK when the peer is not there. */
int channel_send(struct channel *c, enum msg_type type, uint32_t id, const struct buf *body, int fd,
                 struct err *e);

/* What is sent until the end of this turn of the loop goes out together, within a millisecond. */
void channel_gather(struct channel *c);
/* Messages were received that wait for the one at hand. */
bool channel_busy(const struct channel *c);

/*
 * send_NAME: one way. reply_NAME: answers request `id`. Both lend the struct.
 * reply_failed answers with FAILED from an err.
 */
#define MSG(NAME, from, to, fields)                                                                \
    int send_##NAME(struct channel *c, const struct msg_##NAME *m, struct err *e);                 \
    int reply_##NAME(struct channel *c, uint32_t id, const struct msg_##NAME *m, struct err *e);
#include "src/ipc/messages.def"
#undef MSG
int reply_failed(struct channel *c, uint32_t id, const struct err *why);
