/* What core asks: each in a fiber, for all of it waits for parent. */
#include <stdlib.h>

#include "src/base/log.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/sys/look.h"
#include "src/sys/network.h"
#include "src/sys/sys.h"

#define ACT_MS 30000

static int status(struct sys *s, struct channel *to, uint32_t id, struct err *e)
{
    if (updater_status(s, e) < 0)
        return -1;
    const struct msg_SYS_STATE state = {.board = s->board, .step = s->step, .slots = s->slots};
    return reply_SYS_STATE(to, id, &state, e);
}

static int update(struct sys *s, struct channel *to, const struct msg *m, struct err *e)
{
    struct msg_SYS_UPDATE want;
    OWN(own_mem)
    char *lines = NULL;

    if (get_SYS_UPDATE(m, &want, e) < 0 ||
        updater_step(s, (enum update_step)want.step, want.piece, want.bytes, &lines, e) < 0)
        return -1;
    const struct msg_SYS_UPDATED done = {.lines = lines};
    return reply_SYS_UPDATED(to, m->id, &done, e);
}

static int machine(struct sys *s, struct channel *to, const struct msg *m, struct err *e)
{
    struct msg_SYS_MACHINE want;
    OWN(reply_done)
    struct reply r = {0};
    const struct msg_DONE done = {};

    if (get_SYS_MACHINE(m, &want, e) < 0)
        return -1;
    if (to == s->menu && want.act != MACHINE_RESTART && want.act != MACHINE_POWER_OFF)
        return err_set(e, ERR_DENIED, "act %u is not for the console", want.act);
    const struct msg_MACHINE act = {.act = want.act, .text = want.text};
    if (call_MACHINE(s->parent, &act, MSG_DONE, ACT_MS, &r, e) < 0)
        return -1;
    return reply_DONE(to, m->id, &done, e);
}

/* core takes it, and then it is its own to keep; until then it holds as it was typed. */
static void typed(struct sys *s, struct blob settings)
{
    struct err e;

    bytes_set(&s->typed, settings);
    if (channel_open(s->core) && send_SYS_TYPED(s->core, &(struct msg_SYS_TYPED){}, &e) < 0)
        log_warn("sys.typed", "why=%s", log_q(e.text));
}

void sys_core_attached(struct channel *c, void *arg)
{
    const struct sys *s = arg;
    struct err e;

    if (s->typed.n && send_SYS_TYPED(c, &(struct msg_SYS_TYPED){}, &e) < 0)
        log_warn("sys.typed", "why=%s", log_q(e.text));
}

static int taken(struct sys *s, struct channel *to, uint32_t id, struct err *e)
{
    const struct msg_SYS_TAKEN all = {.settings = bytes_blob(&s->typed)};

    if (reply_SYS_TAKEN(to, id, &all, e) < 0)
        return -1;
    bytes_free(&s->typed);
    return 0;
}

static int have_parent(struct sys *s, enum machine_act act, const char *text, struct err *e)
{
    const struct msg_MACHINE m = {.act = act, .text = text};
    OWN(reply_done)
    struct reply r = {0};

    return call_MACHINE(s->parent, &m, MSG_DONE, ACT_MS, &r, e);
}

/* The files first; then who reads them. The console does not know the host name. */
static int network(struct sys *s, struct channel *to, const struct msg *m, struct err *e)
{
    OWN(network_free)
    struct network n;
    const struct msg_DONE done = {};
    struct msg_SYS_NETWORK want;
    bool changed;

    network_init(&n);
    if (get_SYS_NETWORK(m, &want, e) < 0 ||
        (want.settings.n && network_decode(want.settings, &n, e) < 0) ||
        network_write(s->run, want.settings.n ? &n : NULL, &changed, e) < 0)
        return -1;
    const char *name = n.general.host_name;
    if ((to != s->menu &&
         have_parent(s, MACHINE_HOST_NAME, name && name[0] ? name : HOST_NAME_DEFAULT, e) < 0) ||
        (changed && have_parent(s, MACHINE_NETWORK, "", e) < 0))
        return -1;
    if (to == s->menu)
        typed(s, want.settings);
    return reply_DONE(to, m->id, &done, e);
}

static int seen(struct sys *s, struct channel *to, const struct msg *m, struct err *e)
{
    OWN(buf_free)
    struct buf lines = BUF(LOOK_MAX);

    if (look(s->net, &lines, e) < 0)
        return -1;
    const struct msg_SYS_SEEN answer = {.lines = buf_cstr(&lines)};
    return reply_SYS_SEEN(to, m->id, &answer, e);
}

static int handle(struct sys *s, struct channel *to, const struct msg *m, struct err *e)
{
    switch ((int)m->type) {
    case MSG_SYS_STATUS:
        return status(s, to, m->id, e);
    case MSG_SYS_UPDATE:
        return update(s, to, m, e);
    case MSG_SYS_MACHINE:
        return machine(s, to, m, e);
    case MSG_SYS_NETWORK:
        return network(s, to, m, e);
    case MSG_SYS_TAKE:
        return taken(s, to, m->id, e);
    case MSG_SYS_LOOK:
        return seen(s, to, m, e);
    default:
        return err_set(e, ERR_BUG, "%s is not for sys", msg_name(m->type));
    }
}

/* A message, kept for the fiber that handles it. */
struct work {
    struct sys *sys;
    struct channel *from;
    struct msg msg;
    void *body;
};

static void work_fiber(void *arg)
{
    struct work *w = arg;
    struct err e = {0};

    if (handle(w->sys, w->from, &w->msg, &e) < 0) {
        log_info("sys.failed", "type=%s why=%s", msg_name(w->msg.type), log_q(e.text));
        if (reply_failed(w->from, w->msg.id, &e) < 0)
            log_warn("sys.reply", "type=%s", msg_name(w->msg.type));
    }
    free(w->body);
    free(w);
}

void sys_message(struct channel *c, struct msg *m, void *arg)
{
    struct work *w = xcalloc(1, sizeof(*w));

    *w = (struct work){.sys = arg, .from = c, .msg = *m, .body = xmemdup(m->body.p, m->body.n)};
    w->msg.body = BLOB(w->body, m->body.n);
    w->msg.fd = -1;
    fiber_start(channel_loop(c), work_fiber, w);
}
