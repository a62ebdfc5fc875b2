/* Calls over a channel: from a fiber, which waits, and from the main stack, which blocks. */
#include "src/ipc/channel_int.h"
#include "src/ipc/keyclient.h"
#include "tests/ipc/channel_pair.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_call_in_fiber),
        PAIR_TEST(test_call_in_fiber_refused),
        PAIR_TEST(test_call_in_fiber_wrong_answer),
        PAIR_TEST(test_call_in_fiber_times_out),
        PAIR_TEST(test_call_in_fiber_peer_dies),
        PAIR_TEST(test_call_channel_freed_meanwhile),
        PAIR_TEST(test_call_waits_for_attach),
        PAIR_TEST(test_call_not_attached_times_out),
        PAIR_TEST(test_call_on_main_stack),
        PAIR_TEST(test_call_on_main_stack_fails),
        PAIR_TEST(test_call_on_main_stack_waits_for_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
