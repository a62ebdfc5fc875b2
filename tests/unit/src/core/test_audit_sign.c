/* Signing heads: fibers that sign at the same time use one key, which the first of them makes. */
#include <sys/socket.h>

#include "src/core/audit.h"
#include "src/core/audit_sign.h"
#include "tests/unit/src/core/store/store_test.h"

#define FIBERS 3

struct world {
    struct core core;
    struct channel *key;
    unsigned made, signatures, ended;
};

/* A key process: each key it makes is another one. */
static void on_message(struct channel *c, struct msg *m, void *arg)
{
    struct world *w = arg;

    if (m->type == MSG_KEY_GENERATE) {
        OWN(own_mem)
        char *name = xasprintf("key %u", ++w->made);
        const struct msg_KEY_MADE made = {.envelope = blob_str(name), .spki = blob_str(name)};
        OK(reply_KEY_MADE(c, m->id, &made, &e));
        return;
    }
    assert_int_equal(m->type, MSG_KEY_SIGN);
    struct msg_KEY_SIGN sign;
    OK(get_KEY_SIGN(m, &sign, &e));
    assert_true(blob_eq(sign.envelope, blob_str("key 1")));
    w->signatures++;
    OK(reply_KEY_SIGNED(c, m->id, &(struct msg_KEY_SIGNED){.signature = blob_str("s")}, &e));
}

static void on_closed(struct channel *c, const struct err *why, void *arg)
{
    (void)c;
    (void)arg;
    fail_msg("%s", why->text);
}

static void ignore(struct channel *c, struct msg *m, void *arg)
{
    (void)c;
    (void)m;
    (void)arg;
}

static const struct channel_events key_events_here = {on_message, on_closed, NULL};
static const struct channel_events core_events_here = {ignore, on_closed, NULL};

static void sign_in_fiber(void *arg)
{
    struct world *w = arg;

    OK(audit_sign_head(&w->core, &e));
    if (++w->ended == FIBERS)
        loop_stop(w->core.loop);
}

static void test_heads_signed_at_once_have_one_key(void **state)
{
    struct world w = {.core = {.loop = loop_new(), .db = ((struct temp *)*state)->db}};
    const struct audit_entry a = {.actor = "admin", .action = "setup", .result = "ok"};
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    w.core.key = channel_new(w.core.loop, PROC_CORE, PROC_KEY, 0, fds[0], &core_events_here, &w);
    w.key = channel_new(w.core.loop, PROC_KEY, PROC_CORE, 0, fds[1], &key_events_here, &w);
    struct txn *t = begin(w.core.db, true);
    OK(audit_add(t, &a, &e));
    commit(&t);
    for (unsigned i = 0; i < FIBERS; i++)
        fiber_start(w.core.loop, sign_in_fiber, &w);
    OK(loop_run(w.core.loop, &e));
    assert_int_equal(w.made, 1);
    assert_int_equal(w.signatures, 1); /* the others found that head signed */
    channel_free(w.core.key);
    channel_free(w.key);
    loop_free(w.core.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_heads_signed_at_once_have_one_key, temp_setup,
                                        temp_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
