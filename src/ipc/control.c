/* The channel to parent, which every process but parent opens first (call.h). */
#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/ipc/call.h"
#include "src/ipc/channel_int.h"

static void stop(struct control *ctl)
{
    ctl->stopped = true;
    loop_stop(ctl->loop);
}

static void on_peer(struct control *ctl, struct msg *m)
{
    struct msg_PEER peer;
    struct err e;

    if (get_PEER(m, &peer, &e) < 0) {
        log_error("control.peer", "why=%s", log_q(e.text));
        return;
    }
    for (struct channel **c = ctl->peers; c && *c; c++) {
        if ((uint32_t)channel_peer(*c) != peer.process || channel_instance(*c) != peer.instance)
            continue;
        if (channel_attach(*c, take_fd(&m->fd), &e) < 0)
            log_error("control.peer", "why=%s", log_q(e.text));
        return;
    }
    log_warn("control.peer", "process=%u instance=%u why=unknown", peer.process, peer.instance);
}

static void on_message(struct channel *c, struct msg *m, void *arg)
{
    struct control *ctl = arg;

    (void)c;
    if (m->type == MSG_PEER)
        on_peer(ctl, m);
    else if (m->type == MSG_STOP)
        stop(ctl);
    else if (ctl->other)
        ctl->other(ctl, m, ctl->arg);
}

static void on_closed(struct channel *c, const struct err *why, void *arg)
{
    struct control *ctl = arg;

    (void)c;
    log_error("control.closed", "why=%s", log_q(why->text));
    stop(ctl);
}

int control_open(struct control *ctl, enum process self, struct err *e)
{
    const struct channel_events events = {.message = on_message, .closed = on_closed};

    ctl->parent = channel_new(ctl->loop, self, PROC_PARENT, 0, -1, &events, ctl);
    if (channel_attach(ctl->parent, CONTROL_FD, e) < 0) {
        channel_free(TAKE(ctl->parent));
        return err_wrap(e, "control channel: is this process started by certkeep-parent?");
    }
    for (struct channel **c = ctl->peers; c && *c; c++)
        channel_set_control(*c, ctl->parent);
    return 0;
}

static struct channel *missing_peer(const struct control *ctl)
{
    for (struct channel **c = ctl->peers; c && *c; c++)
        if (!channel_open(*c))
            return *c;
    return NULL;
}

int control_wait_peers(struct control *ctl, uint64_t timeout_ms, struct err *e)
{
    const int64_t deadline = monotonic_ms() + (int64_t)timeout_ms;
    const struct channel *missing;

    while ((missing = missing_peer(ctl))) {
        const int64_t left = deadline - monotonic_ms();
        if (ctl->stopped)
            return err_set(e, ERR_CONFLICT, "stopped before it began");
        if (left <= 0)
            return err_set(e, ERR_NETWORK, "no channel to %s from parent in time",
                           process_name(channel_peer(missing)));
        if (channel_pump(ctl->parent, (uint64_t)left, true) < 0)
            return err_set(e, ERR_NETWORK, "parent is gone");
    }
    return 0;
}
