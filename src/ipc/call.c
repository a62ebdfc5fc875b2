/*
 * Calls: a request, and the wait for its reply. A fiber yields; the main stack polls the one socket
 * and leaves everything else that comes for the loop. Nothing is ever sent twice.
 */
#include "src/ipc/call.h"

#include <errno.h>
#include <stdlib.h>

#include "src/base/fiber.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/ipc/channel_int.h"

void reply_done(struct reply *r)
{
    if (!r->mem) /* never filled: its fd means nothing */
        return;
    own_fd(&r->msg.fd);
    packet_mem_free(r->mem, r->mem_bytes, r->mapped, r->secret);
    *r = (struct reply){.msg.fd = -1};
}

struct waiter {
    struct channel *c;
    struct pending p;
    const char *what;
};

static void on_timeout(void *arg)
{
    struct waiter *w = arg;

    if (w->p.done)
        return;
    channel_unpend(w->c, &w->p);
    err_set(&w->p.err, ERR_NETWORK, "%s: no answer from %s in time", w->what,
            process_name(channel_peer(w->c)));
    w->p.done = true;
    if (w->p.fiber)
        fiber_resume(w->p.fiber);
}

/* On the main stack. While the channel is not attached only parent can help: its PEER is awaited.
 */
static void wait_blocking(struct waiter *w, int64_t deadline)
{
    while (!w->p.done) {
        const int64_t left = deadline - monotonic_ms();
        struct channel *from = w->p.id ? w->c : channel_control(w->c);

        if (left <= 0 || !from || channel_pump(from, (uint64_t)left, false) < 0) {
            on_timeout(w);
            return;
        }
    }
}

/* After it, w->c may be gone; w->p says what happened. */
static void wait_for(struct waiter *w, int64_t deadline)
{
    const int64_t left = deadline - monotonic_ms();

    w->p.fiber = fiber_self();
    channel_pend(w->c, &w->p);
    if (!w->p.fiber) {
        wait_blocking(w, deadline);
        return;
    }
    struct watch *timer =
        loop_timer(channel_loop(w->c), left > 0 ? (uint64_t)left : 0, on_timeout, w);
    while (!w->p.done)
        fiber_yield();
    watch_free(timer);
}

static int refused(const struct msg *m, struct err *e)
{
    struct msg_FAILED f;

    if (get_FAILED(m, &f, e) < 0)
        return -1;
    if (f.code == ERR_NONE || f.code >= ERR_COUNT)
        return err_set(e, ERR_BUG, "FAILED with code %u", f.code);
    return err_set(e, (enum err_code)f.code, "%s", f.text);
}

static int accept_reply(struct incoming *in, enum msg_type want, struct reply *out, struct err *e)
{
    int rc = -1;

    if (in->msg.type == MSG_FAILED && want != MSG_FAILED) {
        refused(&in->msg, e);
    } else if (in->msg.type != want) {
        err_set(e, ERR_BUG, "%s answered %s, expected %s", process_name(in->msg.from),
                msg_name(in->msg.type), msg_name(want));
    } else {
        rc = 0;
        if (out) {
            *out = (struct reply){.msg = in->msg,
                                  .mem = TAKE(in->mem),
                                  .mem_bytes = in->mem_bytes,
                                  .secret = msg_is_secret(want),
                                  .mapped = in->mapped};
            in->msg.fd = -1;
        }
    }
    incoming_free(in);
    return rc;
}

int call_raw(struct channel *c, enum msg_type type, const struct buf *body, int fd,
             enum msg_type want, uint64_t timeout_ms, struct reply *out, struct err *e)
{
    const int64_t deadline = monotonic_ms() + (int64_t)timeout_ms;
    struct waiter w = {.c = c, .what = msg_name(type)};

    if (!channel_open(c)) {
        wait_for(&w, deadline);
        if (w.p.err.code != ERR_NONE) {
            if (e)
                *e = w.p.err;
            return -1;
        }
        w.p = (struct pending){};
    }
    w.p.id = channel_next_id(c);
    if (channel_send(c, type, w.p.id, body, fd, e) < 0)
        return -1;
    wait_for(&w, deadline);
    if (!w.p.reply) {
        if (e)
            *e = w.p.err;
        return -1;
    }
    return accept_reply(w.p.reply, want, out, e);
}

#pragma push_macro("BLOB")
#undef BLOB
#define U32(name)
#define U64(name)
#define STR(name)
#define BLOB(name)
#define SECRET(name)
#define FD(name) fd = m->name;
#define MSG(NAME, from, to, fields)                                                                \
    int call_##NAME(struct channel *c, const struct msg_##NAME *m, enum msg_type want,             \
                    uint64_t timeout_ms, struct reply *out, struct err *e)                         \
    {                                                                                              \
        OWN(buf_free)                                                                              \
        struct buf body = {.limit = MSG_MAX_BYTES, .secret = msg_is_secret(MSG_##NAME)};           \
        int fd = -1;                                                                               \
                                                                                                   \
        put_##NAME(&body, m);                                                                      \
        fields return call_raw(c, MSG_##NAME, &body, fd, want, timeout_ms, out, e);                \
    }
#include "src/ipc/messages.def"
#undef MSG
#pragma pop_macro("BLOB")
