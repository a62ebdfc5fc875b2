/* The packets of one channel that wait to be sent, in order. At most 64 MiB wait. */
#pragma once
#include "src/ipc/packet.h"

struct outbox {
    struct outgoing *first, *last;
    size_t n;
    size_t bytes;
};

/* Takes the packet; ERR_LIMIT when too much waits already. */
int outbox_add(struct outbox *b, struct outgoing *take, struct err *e);
/* Writes what the socket takes; some may be left. -1: the peer is gone, and nothing is left. */
int outbox_flush(struct outbox *b, int sock, struct err *e);
void outbox_drop(struct outbox *b);
