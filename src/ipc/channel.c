/*
 * The channel object: attaching and shutting it, its calls under way, and what it sends. While a
 * batch of received messages is handled what is sent is gathered, for a millisecond at most.
 * channel_receive.c is the other direction.
 */
#include "src/ipc/channel.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "src/base/fiber.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/ipc/channel_state.h"

#define GATHER_MS 1 /* a handler that takes longer has its answer sent at once */

static void end_batch(void *arg);

/*
 * Both ends number their requests: the process named first in process.def uses even numbers, so an
 * id says whose request it belongs to. They start anywhere, so that an answer to a process that
 * died is not taken for one to its successor.
 */
uint32_t channel_parity(const struct channel *c)
{
    return c->self < c->peer ? 0 : 1;
}

struct channel *channel_new(struct loop *l, enum process self, enum process peer, uint32_t instance,
                            int take_fd, const struct channel_events *events, void *arg)
{
    struct channel *c = xcalloc(1, sizeof(*c));

    c->loop = l;
    c->self = self;
    c->peer = peer;
    c->instance = instance;
    c->events = *events;
    c->arg = arg;
    c->fd = -1;
    c->in_end = &c->in;
    c->handle = loop_soon(l, channel_on_handle, c);
    c->batch_end = loop_soon(l, end_batch, c);
    c->before_wait = (struct loop_hook){.fn = end_batch, .arg = c};
    loop_hook_add(l, &c->before_wait);
    if (getrandom(&c->last_id, sizeof(c->last_id), 0) != sizeof(c->last_id))
        abort(); /* the kernel always has it for so few bytes */
    c->last_id = (c->last_id & ~1u) | channel_parity(c);
    if (take_fd >= 0) {
        struct err e;
        if (channel_attach(c, take_fd, &e) < 0)
            log_error("ipc.attach", "peer=%s why=%s", process_name(peer), log_q(e.text));
    }
    return c;
}

void channel_finish(struct channel *c, struct pending *p, struct incoming *reply,
                    const struct err *why)
{
    channel_unpend(c, p);
    p->reply = reply;
    if (why)
        p->err = *why;
    p->done = true;
    if (p->fiber)
        fiber_resume(p->fiber);
}

static void finish_all(struct channel *c, bool waiting_for_attach, const struct err *why)
{
    for (struct pending *p = c->pending, *next; p; p = next) {
        next = p->next;
        if ((p->id == 0) == waiting_for_attach)
            channel_finish(c, p, NULL, why);
    }
}

/* The socket is finished: calls fail now, `closed` follows from the loop. */
void channel_shut(struct channel *c, const struct err *why)
{
    if (why->code == ERR_BUG)
        log_error("ipc.refused", "self=%s peer=%s why=%s", process_name(c->self),
                  process_name(c->peer), log_q(why->text));
    watch_free(TAKE(c->watch));
    own_fd(&c->fd);
    c->fd = -1;
    outbox_drop(&c->out);
    c->full = false;
    finish_all(c, false, why);
    c->gone = true;
    c->why = *why;
    watch_soon(c->handle);
}

void channel_tell_closed(struct channel *c)
{
    const struct err why = c->why;

    c->gone = false;
    if (c->events.closed)
        c->events.closed(c, &why, c->arg);
}

void channel_free(struct channel *c)
{
    struct err why;

    if (!c)
        return;
    end_batch(c);
    err_set(&why, ERR_NETWORK, "the channel to %s was closed", process_name(c->peer));
    finish_all(c, false, &why);
    finish_all(c, true, &why);
    loop_hook_remove(c->loop, &c->before_wait);
    watch_free(c->watch);
    watch_free(c->handle);
    watch_free(c->batch_end);
    own_fd(&c->fd);
    outbox_drop(&c->out);
    channel_drop_received(c);
    inbox_done(&c->inbox);
    free(c);
}

int channel_attach(struct channel *c, int take_fd, struct err *e)
{
    if (c->fd >= 0) { /* parent knew before we did */
        struct err why;
        err_set(&why, ERR_NETWORK, "%s was restarted", process_name(c->peer));
        channel_shut(c, &why);
    }
    channel_drop_received(c); /* an answer to the former peer would reach its successor */
    if (c->gone)
        channel_tell_closed(c);
    const int flags = fcntl(take_fd, F_GETFL);
    if (flags < 0 || fcntl(take_fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(take_fd, F_SETFD, FD_CLOEXEC) < 0) {
        err_sys(e, "attach channel");
        close(take_fd);
        return -1;
    }
    c->fd = take_fd;
    c->watch = loop_watch(c->loop, c->fd, true, false, channel_on_socket, c);
    finish_all(c, true, NULL);
    if (c->events.attached)
        c->events.attached(c, c->arg);
    return 0;
}

int channel_flush(struct channel *c, struct err *e)
{
    if (outbox_flush(&c->out, c->fd, e) < 0)
        return -1; /* the reading side notices too */
    if (c->full != (c->out.n > 0)) {
        c->full = !c->full;
        watch_update(c->watch, true, c->full);
    }
    if (c->gathering)
        c->gathering_since = monotonic_ms();
    return 0;
}

/* Also before anybody waits outside the loop, and when the loop ends. */
static void end_batch(void *arg)
{
    struct channel *c = arg;

    c->gathering = false;
    if (c->out.n > 0 && !c->full)
        channel_flush(c, NULL);
}

static bool may_gather(const struct channel *c)
{
    return c->gathering && c->out.n < PACKET_BATCH &&
           monotonic_ms() - c->gathering_since < GATHER_MS;
}

void channel_gather(struct channel *c)
{
    if (!c->gathering)
        c->gathering_since = monotonic_ms();
    c->gathering = true;
    watch_soon(c->batch_end);
}

bool channel_busy(const struct channel *c)
{
    return c->in != NULL;
}

int channel_send(struct channel *c, enum msg_type type, uint32_t id, const struct buf *body, int fd,
                 struct err *e)
{
    if (!(msg_from(type) & (1u << c->self)) || !(msg_to(type) & (1u << c->peer)))
        return err_set(e, ERR_BUG, "%s may not send %s to %s", process_name(c->self),
                       msg_name(type), process_name(c->peer));
    if (!buf_ok(body) || body->n > MSG_MAX_BYTES)
        return err_set(e, ERR_LIMIT,
                       "message %s: longer than %d bytes, or a text with control "
                       "characters",
                       msg_name(type), MSG_MAX_BYTES);
    if (msg_has_fd(type) != (fd >= 0))
        return err_set(e, ERR_BUG, "message %s: %s descriptor", msg_name(type),
                       fd < 0 ? "misses its" : "has a surplus");
    if (c->fd < 0)
        return err_set(e, ERR_NETWORK, "%s is restarting: try again in a moment",
                       process_name(c->peer));
    struct outgoing *o = outgoing_new(type, id, body, fd, e);
    if (!o)
        return -1;
    if (outbox_add(&c->out, o, e) < 0)
        return err_wrap(e, "%s", process_name(c->peer));
    if (c->full || may_gather(c))
        return 0;
    return channel_flush(c, e) < 0 ? err_wrap(e, "%s", process_name(c->peer)) : 0;
}

uint32_t channel_next_id(struct channel *c)
{
    c->last_id += 2;
    if (c->last_id == 0)
        c->last_id = 2;
    return c->last_id;
}

void channel_pend(struct channel *c, struct pending *p)
{
    p->next = c->pending;
    c->pending = p;
}

void channel_unpend(struct channel *c, struct pending *p)
{
    for (struct pending **at = &c->pending; *at; at = &(*at)->next) {
        if (*at == p) {
            *at = p->next;
            return;
        }
    }
}

void channel_set_control(struct channel *c, struct channel *control)
{
    c->control = control;
}

struct channel *channel_control(const struct channel *c)
{
    return c->control;
}

bool channel_open(const struct channel *c)
{
    return c->fd >= 0;
}

enum process channel_peer(const struct channel *c)
{
    return c->peer;
}

uint32_t channel_instance(const struct channel *c)
{
    return c->instance;
}

void *channel_arg(const struct channel *c)
{
    return c->arg;
}

struct loop *channel_loop(const struct channel *c)
{
    return c->loop;
}
