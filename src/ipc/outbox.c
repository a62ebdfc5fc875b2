/* The queue between channel_send and the socket. */
#include "src/ipc/outbox.h"

#define OUTBOX_MAX_BYTES (64 * 1024 * 1024)

int outbox_add(struct outbox *b, struct outgoing *take, struct err *e)
{
    if (b->bytes + take->weight > OUTBOX_MAX_BYTES) {
        outgoing_free(take);
        return err_set(e, ERR_LIMIT, "does not keep up: %zu bytes wait for it", b->bytes);
    }
    *(b->first ? &b->last->next : &b->first) = take;
    b->last = take;
    b->n++;
    b->bytes += take->weight;
    return 0;
}

static void drop_first(struct outbox *b)
{
    struct outgoing *o = b->first;

    b->first = o->next;
    b->n--;
    b->bytes -= o->weight;
    outgoing_free(o);
}

int outbox_flush(struct outbox *b, int sock, struct err *e)
{
    while (b->first) {
        int sent = outgoing_send(b->first, sock, e);
        if (sent < 0) {
            outbox_drop(b);
            return -1;
        }
        if (sent == 0)
            return 0;
        while (sent-- > 0)
            drop_first(b);
    }
    return 0;
}

void outbox_drop(struct outbox *b)
{
    while (b->first)
        drop_first(b);
}
