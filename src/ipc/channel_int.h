/* What call.c needs of a channel: the calls under way, and reading the socket without the loop. */
#pragma once
#include "src/ipc/channel.h"
#include "src/ipc/packet.h"

struct fiber;

/* A call under way; lives on its caller's stack. id 0: waits for the channel to be attached. */
struct pending {
    struct pending *next;
    uint32_t id;
    struct fiber *fiber; /* resumed when done; NULL: the caller polls */
    bool done;
    struct incoming *reply; /* NULL when it failed (err.code != 0), or when attached */
    struct err err;
};

uint32_t channel_next_id(struct channel *c);
void channel_pend(struct channel *c, struct pending *p);
void channel_unpend(struct channel *c, struct pending *p);
/*
 * For callers on the main stack: waits at most `ms` for this socket alone and takes one message.
 * A reply ends its call; PEER is handled at once; others are handled now (dispatch) or kept for
 * the loop. -1 when nothing can come: not attached.
 */
int channel_pump(struct channel *c, uint64_t ms, bool dispatch);
/* Where PEER comes from, for callers on the main stack that wait for the peer. */
void channel_set_control(struct channel *c, struct channel *control);
struct channel *channel_control(const struct channel *c);
