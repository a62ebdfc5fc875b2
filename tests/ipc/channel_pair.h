/*
 * Two ends of a channel in one process, over a real socket pair, for tests: web makes requests, key
 * answers them as told. For calls that block, a key in a process of its own.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/fiber.h"
#include "src/base/own.h"
#include "src/ipc/call.h"

#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* web (one end, makes requests) and key (the other, answers as told). */
struct pair {
    struct loop *loop;
    struct channel *web, *key;
    enum { ANSWER, REFUSE, WRONG, SILENT, HANG_UP, CHATTER } mode;
    int web_got, key_got, closed, attached;
    struct err why;
    uint32_t last_type;
    uint64_t got_bytes;
    int kept_fd;
    /* of the fiber */
    int rc;
    struct err e;
    bool ended;
    uint64_t timeout;
};

static inline void key_message(struct channel *c, struct msg *m, void *arg)
{
    struct pair *p = arg;
    struct msg_KEY_SIGN sign;
    struct err e;

    p->key_got++;
    p->last_type = m->type;
    p->got_bytes += m->body.n;
    if (m->type != MSG_KEY_SIGN)
        return;
    assert_int_equal(get_KEY_SIGN(m, &sign, &e), 0);
    const struct msg_KEY_SIGNED answer = {.signature = sign.tbs};
    switch (p->mode) {
    case ANSWER:
        assert_int_equal(reply_KEY_SIGNED(c, m->id, &answer, &e), 0);
        break;
    case REFUSE:
        reply_failed(c, m->id, &(struct err){ERR_TOKEN, "PIN\x01locked"});
        break;
    case WRONG:
        assert_int_equal(reply_DONE(c, m->id, &(struct msg_DONE){}, &e), 0);
        break;
    case SILENT:
        break;
    case HANG_UP:
        channel_free(TAKE(p->key));
        loop_stop(p->loop);
        break;
    case CHATTER: /* other messages before the answer */
        for (int i = 0; i < 3; i++)
            assert_int_equal(send_KEY_STATE(c, &(struct msg_KEY_STATE){.state = (uint32_t)i}, &e),
                             0);
        assert_int_equal(reply_KEY_SIGNED(c, m->id, &answer, &e), 0);
        break;
    }
}

static inline void web_message(struct channel *c, struct msg *m, void *arg)
{
    struct pair *p = arg;
    struct msg_KEY_STATE s;
    struct err e;

    (void)c;
    assert_int_equal(get_KEY_STATE(m, &s, &e), 0);
    assert_int_equal(s.state, p->web_got); /* in order */
    if (++p->web_got == 3)
        loop_stop(p->loop);
}

static inline void on_closed(struct channel *c, const struct err *why, void *arg)
{
    struct pair *p = arg;

    (void)c;
    p->closed++;
    p->why = *why;
    loop_stop(p->loop);
}

static inline void on_attached(struct channel *c, void *arg)
{
    (void)c;
    ((struct pair *)arg)->attached++;
}

static const struct channel_events web_events = {web_message, on_closed, on_attached};
static const struct channel_events key_events = {key_message, on_closed, NULL};

static inline void make_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

static inline int setup(void **state)
{
    struct pair *p = xcalloc(1, sizeof(*p));
    int fds[2];

    make_pair(fds);
    p->loop = loop_new();
    p->kept_fd = -1;
    p->timeout = 2000;
    p->web = channel_new(p->loop, PROC_WEB, PROC_KEY, 0, fds[0], &web_events, p);
    p->key = channel_new(p->loop, PROC_KEY, PROC_WEB, 0, fds[1], &key_events, p);
    p->attached = 0;
    *state = p;
    return 0;
}

static inline int teardown(void **state)
{
    struct pair *p = *state;

    channel_free(p->web);
    channel_free(p->key);
    while (waitpid(-1, NULL, 0) > 0)
        continue;
    loop_free(p->loop);
    assert_int_equal(fiber_count(), 0);
    free(p);
    return 0;
}

static inline void sign_in_fiber(void *arg)
{
    struct pair *p = arg;
    OWN(reply_done)
    struct reply r = {};
    struct msg_KEY_SIGNED s;
    const struct msg_KEY_SIGN m = {.tbs = blob_str("to be signed"), .scheme = 3};

    p->rc = call_KEY_SIGN(p->web, &m, MSG_KEY_SIGNED, p->timeout, &r, &p->e);
    if (p->rc == 0) {
        assert_int_equal(get_KEY_SIGNED(&r.msg, &s, &p->e), 0);
        assert_true(blob_eq(s.signature, blob_str("to be signed")));
    }
    p->ended = true;
    loop_stop(p->loop);
}

static inline void run(struct pair *p)
{
    struct err e;

    assert_int_equal(loop_run(p->loop, &e), 0);
}

static inline void run_fiber(struct pair *p)
{
    fiber_start(p->loop, sign_in_fiber, p);
    while (!p->ended)
        run(p);
}

/* A key that answers from a process of its own, for calls that block this one: its socket. */
static inline int fork_key(unsigned mode)
{
    int fds[2];

    make_pair(fds);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct pair child = {.mode = mode, .loop = loop_new()};
        struct err e;
        close(fds[0]);
        child.key = channel_new(child.loop, PROC_KEY, PROC_WEB, 0, fds[1], &key_events, &child);
        loop_run(child.loop, &e); /* until the socket is closed */
        _exit(0);
    }
    close(fds[1]);
    return fds[0];
}

static inline void attach_forked_key(struct pair *p, unsigned mode)
{
    struct err e;

    assert_int_equal(channel_attach(p->web, fork_key(mode), &e), 0);
}
