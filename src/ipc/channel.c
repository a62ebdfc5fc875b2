/*
 * The channel object: its queue of outgoing packets, its calls under way, and the order in which
 * what comes in is handed on. Replies go to their call, everything else to the message handler,
 * always on the main stack. Refused packets close the channel (packet.c refuses them).
 */
#include "src/ipc/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "src/base/fiber.h"
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/ipc/channel_int.h"

#define QUEUE_MAX_BYTES (64 * 1024 * 1024)

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
    struct outgoing *out, **out_end;
    size_t out_bytes;
    struct incoming *later, **later_end; /* read by a blocking call, to be handled from the loop */
    struct watch *later_timer;
    bool gone; /* closed, and `closed` was not called yet */
    struct err why;
};

static void on_socket(int fd, bool readable, bool writable, void *arg);

/*
 * Both ends number their requests: the process named first in process.def uses even numbers, so an
 * id says whose request it belongs to. They start anywhere, so that an answer to a process that
 * died is not taken for one to its successor.
 */
static uint32_t own_parity(const struct channel *c)
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
    c->out_end = &c->out;
    c->later_end = &c->later;
    if (getrandom(&c->last_id, sizeof(c->last_id), 0) != sizeof(c->last_id))
        abort(); /* the kernel always has it for so few bytes */
    c->last_id = (c->last_id & ~1u) | own_parity(c);
    if (take_fd >= 0) {
        struct err e;
        if (channel_attach(c, take_fd, &e) < 0)
            log_error("ipc.attach", "peer=%s why=%s", process_name(peer), log_q(e.text));
    }
    return c;
}

static void finish(struct channel *c, struct pending *p, struct incoming *reply,
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
            finish(c, p, NULL, why);
    }
}

static void drop_queue(struct channel *c)
{
    while (c->out) {
        struct outgoing *o = c->out;
        c->out = o->next;
        outgoing_free(o);
    }
    c->out_end = &c->out;
    c->out_bytes = 0;
}

static void on_later(void *arg);

static void arm_later(struct channel *c)
{
    if (c->later_timer)
        watch_again(c->later_timer, 0);
    else
        c->later_timer = loop_timer(c->loop, 0, on_later, c);
}

/* The socket is finished: calls fail now, `closed` follows from the loop. */
static void shut(struct channel *c, const struct err *why)
{
    if (why->code == ERR_BUG)
        log_error("ipc.refused", "self=%s peer=%s why=%s", process_name(c->self),
                  process_name(c->peer), log_q(why->text));
    watch_free(TAKE(c->watch));
    own_fd(&c->fd);
    c->fd = -1;
    drop_queue(c);
    finish_all(c, false, why);
    c->gone = true;
    c->why = *why;
    arm_later(c);
}

static void tell_closed(struct channel *c)
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
    err_set(&why, ERR_NETWORK, "the channel to %s was closed", process_name(c->peer));
    finish_all(c, false, &why);
    finish_all(c, true, &why);
    watch_free(c->watch);
    watch_free(c->later_timer);
    own_fd(&c->fd);
    drop_queue(c);
    while (c->later) {
        struct incoming *in = c->later;
        c->later = in->next;
        incoming_free(in);
    }
    free(c);
}

int channel_attach(struct channel *c, int take_fd, struct err *e)
{
    if (c->fd >= 0) { /* parent knew before we did */
        struct err why;
        err_set(&why, ERR_NETWORK, "%s was restarted", process_name(c->peer));
        shut(c, &why);
    }
    if (c->gone)
        tell_closed(c);
    const int flags = fcntl(take_fd, F_GETFL);
    if (flags < 0 || fcntl(take_fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(take_fd, F_SETFD, FD_CLOEXEC) < 0) {
        err_sys(e, "attach channel");
        close(take_fd);
        return -1;
    }
    c->fd = take_fd;
    c->watch = loop_watch(c->loop, c->fd, true, false, on_socket, c);
    finish_all(c, true, NULL);
    if (c->events.attached)
        c->events.attached(c, c->arg);
    return 0;
}

/* Writes what the socket takes. The reading side notices a peer that is gone. */
static void flush(struct channel *c)
{
    while (c->out) {
        struct outgoing *o = c->out;
        const int sent = outgoing_send(o, c->fd, NULL);
        if (sent < 0) {
            drop_queue(c);
            break;
        }
        if (sent == 0)
            break;
        c->out = o->next;
        if (!c->out)
            c->out_end = &c->out;
        c->out_bytes -= o->weight;
        outgoing_free(o);
    }
    watch_update(c->watch, true, c->out != NULL);
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
    if (c->out_bytes + o->weight > QUEUE_MAX_BYTES) {
        outgoing_free(o);
        return err_set(e, ERR_LIMIT, "%s does not keep up: %zu bytes wait for it",
                       process_name(c->peer), c->out_bytes);
    }
    const int sent = c->out ? 0 : outgoing_send(o, c->fd, e);
    if (sent == 0) {
        *c->out_end = o;
        c->out_end = &o->next;
        c->out_bytes += o->weight;
        watch_update(c->watch, true, true);
        return 0;
    }
    outgoing_free(o);
    return sent < 0 ? err_wrap(e, "%s", process_name(c->peer)) : 0;
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
            finish(c, p, in, NULL);
            return;
        }
    }
    log_warn("ipc.late", "peer=%s type=%s id=%u", process_name(c->peer), msg_name(in->msg.type),
             in->msg.id);
    incoming_free(in);
}

/* Reads one message. `now`: its handler may run; else it is kept for the loop. */
static void receive(struct channel *c, bool now)
{
    struct incoming *in = NULL;
    struct err e;
    const int got = incoming_receive(c->fd, c->self, c->peer, &in, &e);

    if (got < 0)
        shut(c, &e);
    if (got <= 0)
        return;
    in->msg.from = c->peer;
    in->msg.instance = c->instance;
    if (in->msg.id != 0 && (in->msg.id & 1) == own_parity(c)) {
        take_reply(c, in);
    } else if (in->msg.type == MSG_PEER || (now && !c->later)) {
        dispatch(c, in); /* nothing of c may be used after it */
    } else {
        *c->later_end = in;
        c->later_end = &in->next;
        arm_later(c);
    }
}

static void on_later(void *arg)
{
    struct channel *c = arg;
    struct incoming *in = c->later;

    if (!in) {
        if (c->gone)
            tell_closed(c);
        return;
    }
    c->later = in->next;
    in->next = NULL;
    if (!c->later)
        c->later_end = &c->later;
    if (c->later || c->gone)
        arm_later(c);
    dispatch(c, in);
}

static void on_socket(int fd, bool readable, bool writable, void *arg)
{
    struct channel *c = arg;

    (void)fd;
    if (writable)
        flush(c);
    if (readable)
        receive(c, true);
}

int channel_pump(struct channel *c, uint64_t ms, bool now)
{
    if (c->fd < 0)
        return -1;
    struct pollfd p = {.fd = c->fd, .events = (short)(POLLIN | (c->out ? POLLOUT : 0))};
    if (poll(&p, 1, ms > INT32_MAX ? INT32_MAX : (int)ms) <= 0)
        return 0;
    on_socket(c->fd, false, p.revents & POLLOUT, c);
    if (p.revents & ~POLLOUT)
        receive(c, now);
    return 0;
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
