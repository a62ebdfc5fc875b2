/* Channels and calls between two ends in one process, over a real socket pair. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "src/base/fiber.h"
#include "src/base/own.h"
#include "src/ipc/call.h"
#include "src/ipc/channel_int.h"
#include "src/ipc/keyclient.h"

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

static void key_message(struct channel *c, struct msg *m, void *arg)
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

static void web_message(struct channel *c, struct msg *m, void *arg)
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

static void on_closed(struct channel *c, const struct err *why, void *arg)
{
    struct pair *p = arg;

    (void)c;
    p->closed++;
    p->why = *why;
    loop_stop(p->loop);
}

static void on_attached(struct channel *c, void *arg)
{
    (void)c;
    ((struct pair *)arg)->attached++;
}

static const struct channel_events web_events = {web_message, on_closed, on_attached};
static const struct channel_events key_events = {key_message, on_closed, NULL};

static void make_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

static int setup(void **state)
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

static int teardown(void **state)
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

static void sign_in_fiber(void *arg)
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

static void run(struct pair *p)
{
    struct err e;

    assert_int_equal(loop_run(p->loop, &e), 0);
}

static void run_fiber(struct pair *p)
{
    fiber_start(p->loop, sign_in_fiber, p);
    while (!p->ended)
        run(p);
}

static void test_call_in_fiber(void **state)
{
    struct pair *p = *state;

    run_fiber(p);
    assert_int_equal(p->rc, 0);
}

static void test_call_in_fiber_refused(void **state)
{
    struct pair *p = *state;

    p->mode = REFUSE;
    run_fiber(p);
    assert_int_equal(p->rc, -1);
    assert_int_equal(p->e.code, ERR_TOKEN);
    assert_string_equal(p->e.text, "PIN?locked");
}

static void test_call_in_fiber_wrong_answer(void **state)
{
    struct pair *p = *state;

    p->mode = WRONG;
    run_fiber(p);
    assert_int_equal(p->e.code, ERR_BUG);
    assert_string_equal(p->e.text, "key answered DONE, expected KEY_SIGNED");
}

static void test_call_in_fiber_times_out(void **state)
{
    struct pair *p = *state;

    p->mode = SILENT;
    p->timeout = 20;
    run_fiber(p);
    assert_int_equal(p->rc, -1);
    assert_int_equal(p->e.code, ERR_NETWORK);
    assert_non_null(strstr(p->e.text, "no answer from key"));
}

static void test_call_in_fiber_peer_dies(void **state)
{
    struct pair *p = *state;

    p->mode = HANG_UP;
    run_fiber(p);
    assert_int_equal(p->e.code, ERR_NETWORK);
    assert_non_null(strstr(p->e.text, "key went away"));
}

static void test_call_channel_freed_meanwhile(void **state)
{
    struct pair *p = *state;

    p->mode = SILENT;
    fiber_start(p->loop, sign_in_fiber, p);
    channel_free(TAKE(p->web));
    run(p);
    while (!p->ended)
        run(p);
    assert_int_equal(p->e.code, ERR_NETWORK);
}

static void test_call_waits_for_attach(void **state)
{
    struct pair *p = *state;
    int fds[2];
    struct err e;

    channel_free(TAKE(p->key));
    run(p);
    assert_int_equal(p->closed, 1);
    assert_false(channel_open(p->web));
    fiber_start(p->loop, sign_in_fiber, p);
    assert_false(p->ended);
    make_pair(fds);
    p->key = channel_new(p->loop, PROC_KEY, PROC_WEB, 0, fds[1], &key_events, p);
    assert_int_equal(channel_attach(p->web, fds[0], &e), 0);
    assert_int_equal(p->attached, 1);
    while (!p->ended)
        run(p);
    assert_int_equal(p->rc, 0);
}

static void test_call_not_attached_times_out(void **state)
{
    struct pair *p = *state;

    channel_free(TAKE(p->key));
    run(p);
    p->timeout = 20;
    run_fiber(p);
    assert_int_equal(p->e.code, ERR_NETWORK);
}

/* A key that answers from a process of its own, for calls that block this one: its socket. */
static int fork_key(unsigned mode)
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

static void attach_forked_key(struct pair *p, unsigned mode)
{
    struct err e;

    assert_int_equal(channel_attach(p->web, fork_key(mode), &e), 0);
}

static void test_call_on_main_stack(void **state)
{
    struct pair *p = *state;
    OWN(buf_free)
    struct buf signature = BUF(1000);
    struct err e;

    attach_forked_key(p, CHATTER);
    assert_int_equal(
        keyclient_sign(p->web, 1, 2, blob_str("envelope"), blob_str("tbs"), &signature, &e), 0);
    assert_true(blob_eq(buf_blob(&signature), blob_str("tbs")));
    assert_int_equal(p->web_got, 0); /* kept for the loop */
    while (p->web_got < 3)
        run(p);
}

static void test_call_on_main_stack_fails(void **state)
{
    static const struct {
        unsigned mode;
        enum err_code code;
        const char *text;
    } cases[] = {
        {REFUSE, ERR_TOKEN, "PIN?locked"},
        {WRONG, ERR_BUG, "expected KEY_SIGNED"},
        {SILENT, ERR_NETWORK, "no answer from key"},
        {HANG_UP, ERR_NETWORK, "key went away"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pair *p;
        void *one = NULL;
        struct err e;
        setup(&one);
        p = one;
        attach_forked_key(p, cases[i].mode);
        assert_int_equal(
            call_KEY_SIGN(p->web, &(struct msg_KEY_SIGN){}, MSG_KEY_SIGNED, 50, NULL, &e), -1);
        assert_int_equal(e.code, cases[i].code);
        assert_non_null(strstr(e.text, cases[i].text));
        teardown(&one);
    }
    (void)state;
}

static void parent_says(struct channel *c, struct msg *m, void *arg)
{
    struct pair *p = arg;
    struct msg_PEER peer;
    struct err e;

    (void)c;
    assert_int_equal(m->type, MSG_PEER);
    assert_int_equal(get_PEER(m, &peer, &e), 0);
    assert_int_equal(channel_attach(p->web, take_fd(&m->fd), &e), 0);
}

static void test_call_on_main_stack_waits_for_peer(void **state)
{
    struct pair *p = *state;
    const struct channel_events events = {parent_says, NULL, NULL};
    int control[2];
    struct err e;
    OWN(buf_free)
    struct buf signature = BUF(1000);

    channel_free(TAKE(p->key));
    run(p);
    make_pair(control);
    struct channel *web_end =
        channel_new(p->loop, PROC_WEB, PROC_PARENT, 0, control[0], &events, p);
    struct channel *parent_end =
        channel_new(p->loop, PROC_PARENT, PROC_WEB, 0, control[1], &events, p);
    channel_set_control(p->web, web_end);
    const int key = fork_key(ANSWER);
    assert_int_equal(send_PEER(parent_end, &(struct msg_PEER){.process = PROC_KEY, .fd = key}, &e),
                     0);
    close(key);
    assert_int_equal(keyclient_sign(p->web, 1, 2, blob_str("x"), blob_str("tbs"), &signature, &e),
                     0);
    channel_free(web_end);
    channel_free(parent_end);
}

static void test_send_big_bodies(void **state)
{
    static const size_t sizes[] = {
        0, 1, PACKET_INLINE_MAX - 16, PACKET_INLINE_MAX - 15, 70000, MSG_MAX_BYTES - 100};
    struct pair *p = *state;
    struct err e;

    for (size_t i = 0; i < COUNT(sizes); i++) {
        OWN(own_mem)
        void *bytes = xcalloc(1, sizes[i] + 1);
        OWN(reply_done)
        struct reply r = {};
        void *one = NULL;
        struct msg_KEY_SIGNED s;
        setup(&one);
        struct pair *q = one;
        memset(bytes, (int)i + 1, sizes[i]);
        attach_forked_key(q, ANSWER);
        const struct msg_KEY_SIGN m = {.tbs = {bytes, sizes[i]}};
        assert_int_equal(call_KEY_SIGN(q->web, &m, MSG_KEY_SIGNED, 5000, &r, &e), 0);
        assert_int_equal(get_KEY_SIGNED(&r.msg, &s, &e), 0);
        assert_int_equal(s.signature.n, sizes[i]);
        assert_memory_equal(s.signature.p, bytes, sizes[i]);
        assert_int_equal(r.mapped, r.msg.body.n > PACKET_INLINE_MAX);
        teardown(&one);
    }
    OWN(own_mem)
    void *huge = xcalloc(1, MSG_MAX_BYTES);
    const struct msg_KEY_SIGN m = {.tbs = {huge, MSG_MAX_BYTES}};
    assert_int_equal(send_KEY_SIGN(p->web, &m, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

static void test_send_queues_when_full(void **state)
{
    struct pair *p = *state;
    OWN(own_mem)
    void *bytes = xcalloc(1, 60000);
    const struct msg_KEY_SIGN m = {.tbs = {bytes, 60000}};
    struct err e;
    int sent = 0;

    p->mode = SILENT;
    while (send_KEY_SIGN(p->web, &m, &e) == 0)
        sent++;
    assert_int_equal(e.code, ERR_LIMIT);
    assert_in_range(sent, 1000, 1200); /* 64 MiB, and what the kernel took */
    while (p->key_got < sent) {
        channel_pump(p->key, 0, true);
        channel_pump(p->web, 0, true);
    }
    assert_int_equal(p->got_bytes, (uint64_t)sent * (60000 + 16));
}

static void parent_keeps(struct channel *c, struct msg *m, void *arg)
{
    struct pair *p = arg;

    (void)c;
    p->kept_fd = take_fd(&m->fd);
    p->got_bytes = m->body.n;
    loop_stop(p->loop);
}

static void test_send_descriptor(void **state)
{
    struct pair *p = *state;
    const struct channel_events events = {parent_keeps, NULL, NULL};
    int fds[2], pipe_fds[2];
    struct err e;
    char got[3] = "";

    make_pair(fds);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    struct channel *key = channel_new(p->loop, PROC_KEY, PROC_PARENT, 0, fds[0], &events, p);
    struct channel *parent = channel_new(p->loop, PROC_PARENT, PROC_KEY, 0, fds[1], &events, p);
    assert_int_equal(send_PIN_KEEP(key, &(struct msg_PIN_KEEP){.fd = pipe_fds[0]}, &e), 0);
    close(pipe_fds[0]);
    run(p);
    assert_int_equal(write(pipe_fds[1], "pin", 3), 3);
    assert_int_equal(read(p->kept_fd, got, 3), 3);
    assert_memory_equal(got, "pin", 3);
    assert_int_equal(fcntl(p->kept_fd, F_GETFD), FD_CLOEXEC);
    close(p->kept_fd);
    close(pipe_fds[1]);
    channel_free(key);
    channel_free(parent);
}

static void test_send_refuses_wrong_direction(void **state)
{
    struct pair *p = *state;
    struct err e;

    assert_int_equal(send_KEY_LOCK(p->web, &(struct msg_KEY_LOCK){}, &e), -1);
    assert_string_equal(e.text, "web may not send KEY_LOCK to key");
    assert_int_equal(send_KEY_UNLOCK(p->key, &(struct msg_KEY_UNLOCK){}, &e), -1);
}

/* One raw packet, as a hostile peer would write it. */
struct raw {
    const char *bytes;
    size_t n;
    int fds;   /* descriptors that go with it */
    int memfd; /* 0: pipes; else a memfd of that size */
    int seals;
    const char *why;
};

static int raw_fd(const struct raw *r)
{
    if (!r->memfd)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int fd = memfd_create("raw", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, r->memfd), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, r->seals), 0);
    return fd;
}

static void send_raw(int sock, const struct raw *r)
{
    char control[CMSG_SPACE(4 * sizeof(int))] = {0};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)r->bytes, .iov_len = r->n};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
    int fds[4];

    for (int i = 0; i < r->fds; i++)
        fds[i] = raw_fd(r);
    if (r->fds) {
        h.msg_control = control;
        h.msg_controllen = CMSG_SPACE((size_t)r->fds * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN((size_t)r->fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, (size_t)r->fds * sizeof(int));
    }
    assert_int_equal(sendmsg(sock, &h, 0), r->n);
    for (int i = 0; i < r->fds; i++)
        close(fds[i]);
}

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static void test_receive_closes_on_wrong_packets(void **state)
{
    const char sign[] = {0, MSG_KEY_SIGN, 0, 0, 0, 0, 0, 1};
    const char lock[] = {0, MSG_KEY_LOCK, 0, 0, 0, 0, 0, 1};
    const char state_msg[] = {0, MSG_KEY_STATE, 0, 0, 0, 0, 0, 1};
    const char type[] = {1, 0, 0, 0, 0, 0, 0, 1};
    const char flags[] = {0, MSG_KEY_SIGN, 0, 2, 0, 0, 0, 1};
    const char big[] = {0, MSG_KEY_SIGN, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0};
    const char small[] = {0, MSG_KEY_SIGN, 0, 1, 0, 0, 0, 1, 0, 0, 16, 0};
    const char over[] = {0, MSG_KEY_SIGN, 0, 1, 0, 0, 0, 1, 1, 0, 0, 1};
    const char surplus[] = {0, MSG_KEY_SIGN, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0};
    const struct raw cases[] = {
        {"\0", 1, .why = "not a message"},
        {type, 8, .why = "not a message"},
        {flags, 8, .why = "not a message"},
        {lock, 8, .why = "web may not send KEY_LOCK to key"},
        {state_msg, 8, .why = "web may not send KEY_STATE to key"},
        {sign, 8, .fds = 1, .why = "KEY_SIGN: 1 descriptors, expected 0"},
        {sign, 8, .fds = 4, .why = "more bytes or descriptors"},
        {big, 12, .why = "KEY_SIGN: 0 descriptors, expected 1"},
        {big, 12, .fds = 2, .memfd = 65536, .seals = ALL_SEALS, .why = "2 descriptors, expected 1"},
        {big, 12, .fds = 1, .why = "not sealed"},
        {big, 12, .fds = 1, .memfd = 65536, .why = "not sealed"},
        {big, 12, .fds = 1, .memfd = 65536, .seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW,
         .why = "not sealed"},
        {big, 12, .fds = 1, .memfd = 65535, .seals = ALL_SEALS, .why = "not as long as it says"},
        {small, 12, .fds = 1, .memfd = 4096, .seals = ALL_SEALS, .why = "wrong size"},
        {over, 12, .fds = 1, .memfd = 4096, .seals = ALL_SEALS, .why = "wrong size"},
        {surplus, 13, .fds = 1, .memfd = 65536, .seals = ALL_SEALS, .why = "wrong size"},
    };
    struct pair *p = *state;

    channel_free(TAKE(p->web));
    for (size_t i = 0; i < COUNT(cases); i++) {
        int fds[2];
        struct err e;
        make_pair(fds);
        assert_int_equal(channel_attach(p->key, fds[0], &e), 0);
        p->closed = 0;
        send_raw(fds[1], &cases[i]);
        while (!p->closed)
            run(p);
        assert_int_equal(p->why.code, ERR_BUG);
        if (!strstr(p->why.text, cases[i].why))
            fail_msg("case %zu: '%s', expected '%s'", i, p->why.text, cases[i].why);
        assert_false(channel_open(p->key));
        close(fds[1]);
    }
    assert_int_equal(p->key_got, 0);
    /* The well-formed one of them is taken. */
    int fds[2];
    struct err e;
    make_pair(fds);
    assert_int_equal(channel_attach(p->key, fds[0], &e), 0);
    const char status[] = {0, MSG_KEY_STATUS, 0, 0, 0, 0, 0, 0};
    send_raw(fds[1], &(struct raw){status, 8});
    assert_int_equal(channel_pump(p->key, 100, true), 0);
    assert_int_equal(p->last_type, MSG_KEY_STATUS);
    close(fds[1]);
}

static void test_receive_drops_late_replies(void **state)
{
    struct pair *p = *state;
    struct err e;

    /* An id of web's parity that web never used. */
    assert_int_equal(reply_KEY_SIGNED(p->key, 3, &(struct msg_KEY_SIGNED){}, &e), 0);
    assert_int_equal(channel_pump(p->web, 100, true), 0);
    assert_true(channel_open(p->web));
    assert_int_equal(p->web_got, 0);
}

static void test_attach_replaces_an_open_socket(void **state)
{
    struct pair *p = *state;
    int fds[2];
    struct err e;

    make_pair(fds);
    assert_int_equal(channel_attach(p->web, fds[0], &e), 0);
    assert_int_equal(p->closed, 1); /* told before it was attached again */
    assert_int_equal(p->attached, 1);
    channel_free(TAKE(p->key));
    p->key = channel_new(p->loop, PROC_KEY, PROC_WEB, 0, fds[1], &key_events, p);
    run_fiber(p);
    assert_int_equal(p->rc, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_call_in_fiber),
        T(test_call_in_fiber_refused),
        T(test_call_in_fiber_wrong_answer),
        T(test_call_in_fiber_times_out),
        T(test_call_in_fiber_peer_dies),
        T(test_call_channel_freed_meanwhile),
        T(test_call_waits_for_attach),
        T(test_call_not_attached_times_out),
        T(test_call_on_main_stack),
        T(test_call_on_main_stack_fails),
        T(test_call_on_main_stack_waits_for_peer),
        T(test_send_big_bodies),
        T(test_send_queues_when_full),
        T(test_send_descriptor),
        T(test_send_refuses_wrong_direction),
        T(test_receive_closes_on_wrong_packets),
        T(test_receive_drops_late_replies),
        T(test_attach_replaces_an_open_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
