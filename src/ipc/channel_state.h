/* The channel object itself, for the two files that are it: channel.c and channel_receive.c. */
#pragma once
#include "src/ipc/channel_int.h"
#include "src/ipc/outbox.h"

struct channel {
    struct loop *loop;
    enum process self, peer;
    uint32_t instance;
    struct channel_events events;
    void *arg;
    struct channel *control;
    int fd;
    struct watch *watch;
    uint32_t last_id;
    struct pending *pending;
    struct inbox inbox;
    struct incoming *in, **in_end; /* received, not handled yet */
    struct err fault;              /* received behind them: shuts the channel */
    struct watch *handle;          /* handles the next of them */
    struct outbox out;
    bool full;      /* the socket takes no more: the loop waits for it */
    bool gathering; /* sent at the end of the batch */
    int64_t gathering_since;
    struct watch *batch_end;
    struct loop_hook before_wait;
    bool gone; /* closed, and `closed` was not called yet */
    struct err why;
};

uint32_t channel_parity(const struct channel *c); /* lowest bit of the ids of its own requests */
/* Ends a call with its reply or with an error. */
void channel_finish(struct channel *c, struct pending *p, struct incoming *reply,
                    const struct err *why);
/* The socket is finished: calls fail now, `closed` follows from the loop. */
void channel_shut(struct channel *c, const struct err *why);
void channel_tell_closed(struct channel *c);
int channel_flush(struct channel *c, struct err *e);

void channel_on_socket(int fd, bool readable, bool writable, void *arg);
void channel_on_handle(void *arg);
void channel_drop_received(struct channel *c);
