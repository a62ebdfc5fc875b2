/* Many packets in one system call: their order, and what a handler may do in the middle of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "src/base/fiber.h"
#include "src/base/own.h"
#include "src/base/time.h"
#include "src/ipc/call.h"
#include "src/ipc/channel_int.h"

#define SECRET_TEXT "correct horse battery staple"

/* key is a channel; web is its peer's bare socket, or a channel too. */
struct pair {
    struct loop *loop;
    struct channel *key, *web, *parent;
    int sock; /* web's end while web is NULL */
    int spare;
    void (*act)(struct pair *p, struct msg *m);
    unsigned got, answers;
    bool fiber_ran, fiber_ran_first;
};

static void on_message(struct channel *c, struct msg *m, void *arg)
{
    struct pair *p = arg;

    (void)c;
    p->got++;
    p->act(p, m);
}

static const struct channel_events key_events = {.message = on_message};

static int setup(void **state)
{
    struct pair *p = xcalloc(1, sizeof(*p));
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    p->loop = loop_new();
    p->key = channel_new(p->loop, PROC_KEY, PROC_WEB, 0, fds[0], &key_events, p);
    p->sock = fds[1];
    p->spare = -1;
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;

    channel_free(p->key);
    channel_free(p->web);
    channel_free(p->parent);
    own_fd(&p->sock);
    own_fd(&p->spare);
    loop_free(p->loop);
    assert_int_equal(fiber_count(), 0);
    free(p);
    return 0;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

/* Until everything that is due has run. */
static void run_until_idle(struct pair *p)
{
    struct err e;
    struct watch *end = loop_timer(p->loop, 20, stop, p->loop);

    assert_int_equal(loop_run(p->loop, &e), 0);
    watch_free(end);
}

static void send_sign(int sock, uint32_t number)
{
    OWN(buf_free)
    struct buf packet = BUF(1000);

    buf_add_u16(&packet, MSG_KEY_SIGN);
    buf_add_u16(&packet, 0);
    buf_add_u32(&packet, 0);
    put_KEY_SIGN(&packet, &(struct msg_KEY_SIGN){.purpose = number});
    assert_int_equal(send(sock, packet.p, packet.n, 0), packet.n);
}

static void send_signs(int sock, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        send_sign(sock, i);
}

static uint32_t number_of(const struct msg *m)
{
    struct msg_KEY_SIGN sign;
    struct err e;

    assert_int_equal(get_KEY_SIGN(m, &sign, &e), 0);
    return sign.purpose;
}

static void answer(struct pair *p, uint32_t number)
{
    struct err e;

    assert_int_equal(send_KEY_STATE(p->key, &(struct msg_KEY_STATE){.state = number}, &e), 0);
}

/* How many answers have arrived at the bare socket, with the numbers p->answers, p->answers + 1...
 */
static unsigned arrived(struct pair *p, int sock)
{
    uint8_t bytes[1000];
    unsigned n = 0;
    ssize_t got;

    while ((got = recv(sock, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
        struct msg m = {.type = MSG_KEY_STATE, .fd = -1};
        struct msg_KEY_STATE s;
        struct err e;
        m.body = BLOB(bytes + PACKET_HEADER_BYTES, (size_t)got - PACKET_HEADER_BYTES);
        assert_int_equal(get_KEY_STATE(&m, &s, &e), 0);
        assert_int_equal(s.state, p->answers++);
        n++;
    }
    return n;
}

static void act_in_order(struct pair *p, struct msg *m)
{
    assert_int_equal(number_of(m), p->got - 1);
    answer(p, p->got - 1);
}

static void test_batch_keeps_order(void **state)
{
    struct pair *p = *state;

    p->act = act_in_order;
    send_signs(p->sock, 0, 3 * PACKET_BATCH + 5);
    run_until_idle(p);
    assert_int_equal(p->got, 3 * PACKET_BATCH + 5);
    assert_int_equal(arrived(p, p->sock), p->got);
}

static void act_free(struct pair *p, struct msg *m)
{
    assert_int_equal(number_of(m), 0);
    answer(p, 0);
    channel_free(TAKE(p->key));
}

static void test_batch_channel_freed_by_its_first_message(void **state)
{
    struct pair *p = *state;

    p->act = act_free;
    send_signs(p->sock, 0, 10);
    run_until_idle(p);
    assert_int_equal(p->got, 1);
    assert_int_equal(arrived(p, p->sock), 1); /* what was gathered is sent before */
}

static void act_reattach(struct pair *p, struct msg *m)
{
    struct err e;

    if (p->got == 1) {
        int fds[2];
        assert_int_equal(number_of(m), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(channel_attach(p->key, fds[0], &e), 0);
        p->spare = fds[1];
        send_signs(p->spare, 100, 103);
        return;
    }
    assert_int_equal(number_of(m), 100 + p->got - 2);
    answer(p, p->got - 2);
}

static void test_batch_reattached_by_its_first_message(void **state)
{
    struct pair *p = *state;

    p->act = act_reattach;
    send_signs(p->sock, 0, 10);
    run_until_idle(p);
    assert_int_equal(p->got, 4); /* the first of the former peer, and all of its successor */
    assert_int_equal(arrived(p, p->spare), 3);
    assert_int_equal(recv(p->sock, &(char){0}, 1, MSG_DONTWAIT), 0); /* closed, nothing sent */
}

static void act_block(struct pair *p, struct msg *m)
{
    OWN(buf_free)
    struct buf empty = BUF(10);
    struct err e;

    (void)m;
    if (p->got != 2) {
        answer(p, p->got - 1);
        return;
    }
    clock_replace(NULL);
    assert_int_equal(arrived(p, p->sock), 0);
    put_READY(&empty, &(struct msg_READY){});
    assert_int_equal(call_raw(p->parent, MSG_READY, &empty, -1, MSG_DONE, 10, NULL, &e), -1);
    assert_int_equal(arrived(p, p->sock), 1);
    answer(p, 1);
    assert_int_equal(arrived(p, p->sock), 1); /* the batch has ended: nothing is gathered */
}

static void test_batch_is_sent_before_a_handler_blocks(void **state)
{
    const int64_t fixed = 1000000; /* however slow the machine, nothing waits too long */
    struct pair *p = *state;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    p->parent = channel_new(p->loop, PROC_KEY, PROC_PARENT, 0, fds[0], &key_events, p);
    p->spare = fds[1];
    p->act = act_block;
    send_signs(p->sock, 0, 4);
    clock_replace(&fixed);
    run_until_idle(p);
    clock_replace(NULL);
    assert_int_equal(p->got, 4);
    assert_int_equal(arrived(p, p->sock), 2);
}

static void act_stop(struct pair *p, struct msg *m)
{
    (void)m;
    answer(p, 0);
    loop_stop(p->loop);
}

static void test_batch_is_sent_when_the_loop_ends(void **state)
{
    struct pair *p = *state;
    struct err e;

    p->act = act_stop;
    send_signs(p->sock, 0, 4);
    assert_int_equal(loop_run(p->loop, &e), 0);
    assert_int_equal(p->got, 1);
    assert_int_equal(arrived(p, p->sock), 1);
}

static void call_in_fiber(void *arg)
{
    struct pair *p = arg;
    struct err e;

    assert_int_equal(
        call_KEY_SIGN(p->web, &(struct msg_KEY_SIGN){}, MSG_KEY_SIGNED, 1000, NULL, &e), 0);
    p->fiber_ran = true;
}

/* key: the reply, and at once a message that makes sense only to who has seen the reply. */
static void act_reply_and_more(struct pair *p, struct msg *m)
{
    struct err e;

    if (m->type == MSG_KEY_STATE) {
        p->fiber_ran_first = p->fiber_ran;
        return;
    }
    if (m->id != 0) {
        assert_int_equal(reply_KEY_SIGNED(p->key, m->id, &(struct msg_KEY_SIGNED){}, &e), 0);
        answer(p, 0);
        answer(p, 1);
    }
}

static void test_batch_fiber_runs_before_the_next_message(void **state)
{
    struct pair *p = *state;

    p->web = channel_new(p->loop, PROC_WEB, PROC_KEY, 0, take_fd(&p->sock), &key_events, p);
    p->act = act_reply_and_more;
    fiber_start(p->loop, call_in_fiber, p);
    run_until_idle(p);
    assert_int_equal(p->got, 3);
    assert_true(p->fiber_ran_first);
}

static bool holds(const uint8_t *bytes, size_t n, const char *text)
{
    return memmem(bytes, n, text, strlen(text)) != NULL;
}

static void send_unlock(int sock, uint16_t type, const char *text)
{
    OWN(buf_free)
    struct buf packet = BUF(1000);

    buf_add_u16(&packet, type);
    buf_add_u16(&packet, 0);
    buf_add_u32(&packet, 0);
    put_KEY_UNLOCK(&packet, &(struct msg_KEY_UNLOCK){.passphrase = blob_str(text)});
    assert_int_equal(send(sock, packet.p, packet.n, 0), packet.n);
}

static void test_inbox_wipes_secrets(void **state)
{
    const size_t bytes = PACKET_BATCH * (PACKET_INLINE_MAX + PACKET_HEADER_BYTES);
    struct inbox inbox = {};
    struct incoming *list, *next;
    struct err fault;
    int fds[2], n = 0;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    send_unlock(fds[1], MSG_KEY_UNLOCK, SECRET_TEXT);
    send_unlock(fds[1], MSG_KEY_DESTROY, "not a secret");
    send_unlock(fds[1], MSG_COUNT, SECRET_TEXT);      /* not understood: may hold one */
    send_unlock(fds[1], MSG_KEY_UNLOCK, SECRET_TEXT); /* behind a fault */
    assert_int_equal(inbox_receive(&inbox, fds[0], PROC_KEY, PROC_CORE, &list, &fault), 2);
    assert_int_equal(fault.code, ERR_BUG);
    assert_false(holds(inbox.slots, bytes, SECRET_TEXT));
    assert_false(holds(inbox.slots, bytes, SECRET_TEXT + 10));
    assert_true(holds(inbox.slots, bytes, "not a secret"));
    assert_true(holds(list->mem, list->mem_bytes, SECRET_TEXT));
    for (; list; list = next, n++) {
        next = list->next;
        incoming_free(list);
    }
    assert_int_equal(n, 2);
    assert_int_equal(inbox_receive(&inbox, fds[0], PROC_KEY, PROC_CORE, &list, &fault), 0);
    assert_int_equal(fault.code, ERR_NONE);
    close(fds[1]);
    assert_int_equal(inbox_receive(&inbox, fds[0], PROC_KEY, PROC_CORE, &list, &fault), 0);
    assert_int_equal(fault.code, ERR_NETWORK);
    close(fds[0]);
    inbox_done(&inbox);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_batch_keeps_order),
        T(test_batch_channel_freed_by_its_first_message),
        T(test_batch_reattached_by_its_first_message),
        T(test_batch_is_sent_before_a_handler_blocks),
        T(test_batch_is_sent_when_the_loop_ends),
        T(test_batch_fiber_runs_before_the_next_message),
        cmocka_unit_test(test_inbox_wipes_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
