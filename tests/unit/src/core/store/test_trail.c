/* Trails: numbers per owner, walks from anywhere, dropping one owner only. */
#include "tests/unit/src/core/store/store_test.h"

static int collect(uint64_t seq, struct blob entry, void *arg, struct err *e)
{
    (void)e;
    buf_addf(arg, "%llu%.*s ", (unsigned long long)seq, (int)entry.n, (const char *)entry.p);
    return seq == 5 ? 1 : 0;
}

static void trail_is(struct txn *t, enum trail trail, const char *owner, uint64_t from,
                     const char *want)
{
    OWN(buf_free)
    struct buf out = BUF(4096);

    OK(trail_each(t, trail, owner, from, collect, &out, &e));
    assert_string_equal(buf_cstr(&out), want);
}

static void test_trail_numbers_per_owner(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);
    static const char *const owners[] = {"", "a", "ab", "b"};
    uint64_t seq = 0;

    for (int i = 1; i <= 3; i++)
        for (size_t o = 0; o < COUNT(owners); o++) {
            OK(trail_add(t, TRAIL_LOG, owners[o], blob_str(owners[o]), &seq, &e));
            assert_int_equal(seq, i);
        }
    OK(trail_add(t, TRAIL_JOURNAL, "a", blob_str("j"), &seq, &e));
    assert_int_equal(seq, 1);
    trail_is(t, TRAIL_LOG, "a", 1, "1a 2a 3a ");
    trail_is(t, TRAIL_LOG, "a", 3, "3a ");
    trail_is(t, TRAIL_LOG, "a", 4, "");
    trail_is(t, TRAIL_LOG, "", 0, "1 2 3 ");
    trail_is(t, TRAIL_TIMELINE, "a", 0, "");
    OK(trail_drop(t, TRAIL_LOG, "a", &e));
    trail_is(t, TRAIL_LOG, "a", 0, "");
    trail_is(t, TRAIL_LOG, "ab", 0, "1ab 2ab 3ab ");
    trail_is(t, TRAIL_JOURNAL, "a", 0, "1j ");
    commit(&t);
}

static void test_trail_each_stops_and_orders(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);

    for (int i = 0; i < 300; i++)
        OK(trail_add(t, TRAIL_AUDIT, "", blob_str(""), NULL, &e));
    trail_is(t, TRAIL_AUDIT, "", 3, "3 4 5 ");
    trail_is(t, TRAIL_AUDIT, "", 299, "299 300 ");
    txn_abort(&t);
}

static void test_trail_add_refuses(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *t = begin(db, true);
    OWN(own_mem)
    char *large = xcalloc(1, TRAIL_ENTRY_MAX + 1);
    char owner[TRAIL_OWNER_MAX + 2];

    memset(owner, 'x', sizeof(owner) - 1);
    owner[sizeof(owner) - 1] = 0;
    REFUSED(trail_add(t, TRAIL_LOG, "a", BLOB(large, TRAIL_ENTRY_MAX + 1), NULL, &e), ERR_LIMIT);
    REFUSED(trail_add(t, TRAIL_LOG, owner, blob_str("x"), NULL, &e), ERR_BUG);
    REFUSED(trail_drop(t, TRAIL_AUDIT, "", &e), ERR_BUG);
    txn_abort(&t);
    t = begin(db, false);
    REFUSED(trail_add(t, TRAIL_LOG, "a", blob_str("x"), NULL, &e), ERR_BUG);
    txn_abort(&t);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_trail_numbers_per_owner),
        CASE(test_trail_each_stops_and_orders),
        CASE(test_trail_add_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
