/* What core asks: each in a fiber, for all of it waits for parent. */
#include <stdlib.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/sys/sys.h"

#define ACT_MS 30000

static int status(struct sys *s, uint32_t id, struct err *e)
{
    if (updater_status(s, e) < 0)
        return -1;
    const struct msg_SYS_STATE state = {.board = s->board, .step = s->step, .slots = s->slots};
    return reply_SYS_STATE(s->core, id, &state, e);
}

static int update(struct sys *s, const struct msg *m, struct err *e)
{
    struct msg_SYS_UPDATE want;
    OWN(own_mem)
    char *lines = NULL;

    if (get_SYS_UPDATE(m, &want, e) < 0 ||
        updater_step(s, (enum update_step)want.step, want.piece, want.bytes, &lines, e) < 0)
        return -1;
    const struct msg_SYS_UPDATED done = {.lines = lines};
    return reply_SYS_UPDATED(s->core, m->id, &done, e);
}

static int machine(struct sys *s, const struct msg *m, struct err *e)
{
    struct msg_SYS_MACHINE want;
    OWN(reply_done)
    struct reply r = {0};
    const struct msg_DONE done = {};

    if (get_SYS_MACHINE(m, &want, e) < 0)
        return -1;
    const struct msg_MACHINE act = {.act = want.act, .text = want.text};
    if (call_MACHINE(s->parent, &act, MSG_DONE, ACT_MS, &r, e) < 0)
        return -1;
    return reply_DONE(s->core, m->id, &done, e);
}

static int handle(struct sys *s, const struct msg *m, struct err *e)
{
    switch ((int)m->type) {
    case MSG_SYS_STATUS:
        return status(s, m->id, e);
    case MSG_SYS_UPDATE:
        return update(s, m, e);
    case MSG_SYS_MACHINE:
        return machine(s, m, e);
    default:
        return err_set(e, ERR_BUG, "%s is not for sys", msg_name(m->type));
    }
}

/* A message, kept for the fiber that handles it. */
struct work {
    struct sys *sys;
    struct msg msg;
    void *body;
};

static void work_fiber(void *arg)
{
    struct work *w = arg;
    struct err e = {0};

    if (handle(w->sys, &w->msg, &e) < 0) {
        log_info("sys.failed", "type=%s why=%s", msg_name(w->msg.type), log_q(e.text));
        if (reply_failed(w->sys->core, w->msg.id, &e) < 0)
            log_warn("sys.reply", "type=%s", msg_name(w->msg.type));
    }
    free(w->body);
    free(w);
}

void sys_message(struct channel *c, struct msg *m, void *arg)
{
    struct work *w = xcalloc(1, sizeof(*w));

    *w = (struct work){.sys = arg, .msg = *m, .body = xmemdup(m->body.p, m->body.n)};
    w->msg.body = BLOB(w->body, m->body.n);
    w->msg.fd = -1;
    fiber_start(channel_loop(c), work_fiber, w);
}
