/* Orders end by the clock, each once, and come back when the clock had run ahead. */
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/flow/expire.h"
#include "tests/unit/src/core/store/store_test.h"

#define T0 2000000000 /* seconds */

static void at(int64_t seconds)
{
    static int64_t ms;
    ms = seconds * 1000;
    clock_replace(&ms);
}

static void add_order(struct temp *s, const char *cert, const char *state, int64_t expires_at,
                      char id[ID_CHARS + 1])
{
    struct txn *t = begin(s->db, true);
    OWN(own_order)
    struct order o = {0};
    fields_init(&order_fields, &o);
    text_set(&o.name, "shop.example");
    text_set(&o.cert, cert);
    text_set(&o.state, state);
    o.expires_at = expires_at;
    OK(row_put(t, TABLE_ORDER, &o, &e));
    snprintf(id, ID_CHARS + 1, "%s", o.id);
    commit(&t);
}

static void check_order(struct temp *s, const char *id, const char *state, int64_t expires_at,
                        int64_t expired_at)
{
    struct txn *t = begin(s->db, false);
    OWN(own_order)
    struct order o = {0};
    OK(row_get(t, TABLE_ORDER, id, &o, &e));
    txn_abort(&t);
    assert_string_equal(o.state, state);
    assert_int_equal(o.expires_at, expires_at);
    assert_int_equal(o.expired_at, expired_at);
}

static uint64_t in_state(struct temp *s, const char *state)
{
    struct txn *t = begin(s->db, false);
    uint64_t n = 0;
    OK(row_count(t, TABLE_ORDER, "state", state, &n, &e));
    txn_abort(&t);
    return n;
}

static uint64_t audited(struct temp *s)
{
    struct txn *t = begin(s->db, false);
    uint8_t hash[32];
    uint64_t seq = 0;
    OK(audit_head(t, &seq, hash, &e));
    txn_abort(&t);
    return seq;
}

static int count(uint64_t seq, struct blob entry, void *arg, struct err *e)
{
    (void)seq;
    (void)e;
    assert_non_null(memmem(entry.p, entry.n, "order expired", 13));
    ++*(int *)arg;
    return 0;
}

static void test_expire_due_ends_what_has_ended_once(void **state)
{
    struct temp *s = *state;
    struct core core = {.db = s->db};
    char cert[ID_CHARS + 1], id[ID_CHARS + 1], later[ID_CHARS + 1], revoked[ID_CHARS + 1];
    int told = 0;

    struct txn *t = begin(s->db, true);
    add_cert(t, "shop.example", "Deployed", T0, cert);
    commit(&t);
    add_order(s, cert, "Certificate Issued", T0, id);
    add_order(s, "00000000000000000000", "Certificate Issued", T0 + 10, later); /* cert is gone */
    add_order(s, cert, "Revoked", 0, revoked);
    at(T0 - 1);
    OK(expire_due(&core, &e));
    check_order(s, id, "Certificate Issued", T0, 0);
    assert_int_equal(audited(s), 0);
    at(T0);
    for (int i = 0; i < 2; i++)
        OK(expire_due(&core, &e));
    check_order(s, id, "Expired", 0, T0);
    check_order(s, later, "Certificate Issued", T0 + 10, 0);
    assert_int_equal(audited(s), 1);
    at(T0 + 10000000); /* off for months */
    OK(expire_due(&core, &e));
    check_order(s, later, "Expired", 0, T0 + 10);
    check_order(s, revoked, "Revoked", 0, 0);
    t = begin(s->db, false);
    OK(trail_each(t, TRAIL_TIMELINE, cert, 1, count, &told, &e));
    txn_abort(&t);
    assert_int_equal(told, 1);
    check_store(s->db);
}

static void test_expire_due_takes_back_what_a_fast_clock_ended(void **state)
{
    struct temp *s = *state;
    struct core core = {.db = s->db};
    char id[ID_CHARS + 1];

    add_order(s, "00000000000000000000", "Certificate Issued", T0, id);
    at(T0 + 5);
    OK(expire_due(&core, &e));
    check_order(s, id, "Expired", 0, T0);
    at(T0 - 5);
    OK(expire_due(&core, &e));
    check_order(s, id, "Certificate Issued", T0, 0);
    at(T0);
    OK(expire_due(&core, &e));
    check_order(s, id, "Expired", 0, T0);
    assert_int_equal(audited(s), 3);
}

static void test_expire_due_takes_more_than_a_batch(void **state)
{
    struct temp *s = *state;
    struct core core = {.db = s->db};
    char id[ID_CHARS + 1];

    for (int i = 0; i < 120; i++)
        add_order(s, "00000000000000000000", "Certificate Issued", T0 + i, id);
    at(T0 + 109);
    OK(expire_due(&core, &e));
    assert_int_equal(in_state(s, "Expired"), 110);
    at(T0 + 4);
    OK(expire_due(&core, &e));
    assert_int_equal(in_state(s, "Expired"), 5);
}

static int teardown(void **state)
{
    clock_replace(NULL);
    return temp_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, temp_setup, teardown)
        T(test_expire_due_ends_what_has_ended_once),
        T(test_expire_due_takes_back_what_a_fast_clock_ended),
        T(test_expire_due_takes_more_than_a_batch),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
