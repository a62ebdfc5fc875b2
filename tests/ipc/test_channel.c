/* Messages between the two ends of a channel: big ones, many, with descriptors, and new sockets. */
#include <fcntl.h>

#include "src/ipc/channel_int.h"
#include "tests/ipc/channel_pair.h"

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
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_send_big_bodies),
        PAIR_TEST(test_send_queues_when_full),
        PAIR_TEST(test_send_descriptor),
        PAIR_TEST(test_send_refuses_wrong_direction),
        PAIR_TEST(test_receive_drops_late_replies),
        PAIR_TEST(test_attach_replaces_an_open_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
