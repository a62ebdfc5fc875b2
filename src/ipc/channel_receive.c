/*
 * The order in which what comes in is handed on. Replies go to their call, everything else to the
 * message handler, always on the main stack. Refused packets close the channel (inbox.c refuses
 * them), after what came before them.
 *
 * Packets are received many at a time, but each message has a callback of the loop to itself: what
 * the one before it resumed runs first, and nothing of the channel is touched after its handler.
 */
#include <poll.h>
#include <sched.h>

#include "src/base/log.h"
#include "src/base/time.h"
#include "src/ipc/channel_state.h"

#define SPIN_US 100

void channel_drop_received(struct channel *c)
{
    while (c->in) {
        struct incoming *in = c->in;
        c->in = in->next;
        incoming_free(in);
    }
    c->in_end = &c->in;
    c->fault = (struct err){};
}

/* Hands a request or one-way message to its handler, which may free the channel. */
static void dispatch(struct channel *c, struct incoming *in)
{
    c->events.message(c, &in->msg, c->arg);
    incoming_free(in);
}

static void take_reply(struct channel *c, struct incoming *in)
{
    for (struct pending *p = c->pending; p; p = p->next) {
        if (p->id == in->msg.id) {
            channel_finish(c, p, in, NULL);
            return;
        }
    }
    log_warn("ipc.late", "peer=%s type=%s id=%u", process_name(c->peer), msg_name(in->msg.type),
             in->msg.id);
    incoming_free(in);
}

/* Reads what has come; how many messages. */
static int receive(struct channel *c)
{
    struct incoming *list;
    const int n = inbox_receive(&c->inbox, c->fd, c->self, c->peer, &list, &c->fault);

    for (; list; list = list->next) {
        list->msg.from = c->peer;
        list->msg.instance = c->instance;
        *c->in_end = list;
        c->in_end = &list->next;
    }
    return n;
}

static struct incoming *unlink_received(struct channel *c, struct incoming **at)
{
    struct incoming *in = *at;

    *at = in->next;
    if (!in->next)
        c->in_end = at;
    in->next = NULL;
    return in;
}

static bool is_reply(const struct channel *c, const struct incoming *in)
{
    return in->msg.id != 0 && (in->msg.id & 1) == channel_parity(c);
}

static void shut_for_fault(struct channel *c)
{
    const struct err why = c->fault;

    c->fault = (struct err){};
    channel_shut(c, &why);
}

static void handle_next(struct channel *c)
{
    if (c->in || c->fault.code != ERR_NONE || c->gone)
        watch_soon(c->handle);
    else if (c->gathering)
        watch_soon(c->batch_end);
}

/*
 * A message: after it, nothing of c may be used. Replies: all up to the next message, which waits
 * until the fibers that they resume have run. Then the fault behind them, then `closed`.
 */
void channel_on_handle(void *arg)
{
    struct channel *c = arg;

    if (c->in && is_reply(c, c->in)) {
        while (c->in && is_reply(c, c->in))
            take_reply(c, unlink_received(c, &c->in));
        handle_next(c);
    } else if (c->in) {
        struct incoming *in = unlink_received(c, &c->in);
        handle_next(c);
        dispatch(c, in);
    } else if (c->fault.code != ERR_NONE) {
        shut_for_fault(c);
    } else if (c->gone) {
        channel_tell_closed(c);
    }
}

void channel_on_socket(int fd, bool readable, bool writable, void *arg)
{
    struct channel *c = arg;

    (void)fd;
    if (writable)
        channel_flush(c, NULL);
    if (!readable || c->in || c->fault.code != ERR_NONE)
        return; /* what was received before comes first */
    if (receive(c) > 1) {
        c->gathering = true;
        c->gathering_since = monotonic_ms();
    }
    channel_on_handle(c);
}

/* For a caller outside the loop: replies, and one PEER or (now) any message. False: none of it. */
static bool handle_outside(struct channel *c, bool now)
{
    struct incoming **at = &c->in;
    bool took = false;

    while (*at) {
        if (is_reply(c, *at)) {
            take_reply(c, unlink_received(c, at));
            took = true;
        } else if (now || (*at)->msg.type == MSG_PEER) {
            struct incoming *in = unlink_received(c, at);
            if (c->in || c->fault.code != ERR_NONE)
                watch_soon(c->handle);
            dispatch(c, in); /* nothing of c may be used after it */
            return true;
        } else {
            at = &(*at)->next;
        }
    }
    if (c->in)
        watch_soon(c->handle);
    if (!took && c->fault.code != ERR_NONE) {
        shut_for_fault(c);
        took = true;
    }
    return took;
}

/*
 * A signature takes less time than waking a processor that fell asleep over it, so an answer is
 * looked for that long first.
 */
static bool comes_soon(struct channel *c)
{
    const int64_t end = monotonic_us() + SPIN_US;

    do {
        if (receive(c) > 0 || c->fault.code != ERR_NONE)
            return true;
        sched_yield(); /* the peer may need this very processor */
    } while (monotonic_us() < end);
    return false;
}

int channel_pump(struct channel *c, uint64_t ms, bool now)
{
    if (handle_outside(c, now))
        return 0;
    if (c->fd < 0)
        return -1;
    loop_before_wait(c->loop);
    if (!c->full && comes_soon(c)) {
        handle_outside(c, now);
        return 0;
    }
    struct pollfd p = {.fd = c->fd, .events = (short)(POLLIN | (c->full ? POLLOUT : 0))};
    if (poll(&p, 1, ms > INT32_MAX ? INT32_MAX : (int)ms) <= 0)
        return 0;
    if (p.revents & POLLOUT)
        channel_flush(c, NULL);
    if (p.revents & ~POLLOUT) {
        receive(c);
        handle_outside(c, now);
    }
    return 0;
}
