/* Records: put, get, find, count, delete; revisions, unique values, indexes that follow changes. */
#include "tests/unit/src/core/store/store_test.h"

static void test_row_put_gives_id_and_revision(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *t = begin(db, true);
    OWN(own_cert)
    struct cert c = {0}, got = {0};

    fields_init(&cert_fields, &c);
    c.name = xstrdup("shop.example");
    strs_add(&c.names, "shop.example");
    strs_add(&c.names, "");
    c.port = 0; /* not its default: must come back as it is */
    c.chain = xstrdup("hidden, and stored");
    c.ignored = true;
    OK(row_put(t, TABLE_CERT, &c, &e));
    assert_true(id_valid(c.id));
    assert_int_equal(c.rev, 1);
    assert_true(c.created_at > 0);
    commit(&t);

    t = begin(db, false);
    OK(row_get(t, TABLE_CERT, c.id, &got, &e));
    txn_abort(&t);
    assert_string_equal(got.name, "shop.example");
    assert_int_equal(got.names.n, 2);
    assert_string_equal(got.names.v[1], "");
    assert_int_equal(got.port, 0);
    assert_string_equal(got.chain, "hidden, and stored");
    assert_true(got.ignored);
    assert_string_equal(got.status, "Discovered");
    assert_null(got.subject);
    own_cert(&got);
}

static void test_row_put_never_stores_a_secret(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *t = begin(db, true);
    OWN(own_user)
    struct user u = {0};
    struct blob packed;

    fields_init(&user_fields, &u);
    u.username = xstrdup("alice");
    OK(secret_copy(&u.password, "correct horse battery", 21, &e));
    OK(row_put(t, TABLE_USER, &u, &e));
    OK(row_packed(t, &db->tables[TABLE_USER], u.id, &packed, &e));
    assert_null(memmem(packed.p, packed.n, "correct horse", 13));
    txn_abort(&t);
}

static void test_row_put_refuses_stale_revision(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *t = begin(db, true);
    OWN(own_cert)
    struct cert a = {0};
    OWN(own_cert)
    struct cert b = {0};
    char id[ID_CHARS + 1];

    add_cert(t, "a.example", "Issued", 0, id);
    OK(row_get(t, TABLE_CERT, id, &a, &e));
    OK(row_get(t, TABLE_CERT, id, &b, &e));
    a.port = 8443;
    OK(row_put(t, TABLE_CERT, &a, &e));
    assert_int_equal(a.rev, 2);
    REFUSED(row_put(t, TABLE_CERT, &b, &e), ERR_CONFLICT);
    assert_int_equal(b.rev, 1);
    commit(&t); /* the refusal changed nothing, so what was done stands */
    check_store(db);
}

static void test_row_put_refuses_unknown_id(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);
    OWN(own_cert)
    struct cert c = {0};

    fields_init(&cert_fields, &c);
    c.id = xstrdup("00000000000000000000");
    c.rev = 1; /* a change of what is not there */
    REFUSED(row_put(t, TABLE_CERT, &c, &e), ERR_NOT_FOUND);
    free(c.id);
    c.id = xstrdup("../../etc/passwd");
    REFUSED(row_put(t, TABLE_CERT, &c, &e), ERR_NOT_FOUND);
    c.rev = 0;
    REFUSED(row_put(t, TABLE_CERT, &c, &e), ERR_BUG);
    txn_abort(&t);
}

static void test_row_put_takes_a_chosen_id_once(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);
    OWN(own_cert)
    struct cert a = {0};
    OWN(own_cert)
    struct cert b = {0};

    fields_init(&cert_fields, &a);
    fields_init(&cert_fields, &b);
    a.id = xstrdup("00000000000000000000");
    b.id = xstrdup("00000000000000000000");
    OK(row_put(t, TABLE_CERT, &a, &e));
    assert_int_equal(a.rev, 1);
    assert_string_equal(a.id, "00000000000000000000");
    REFUSED(row_put(t, TABLE_CERT, &b, &e), ERR_CONFLICT);
    txn_abort(&t);
}

static void test_row_put_refuses_second_unique_value(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *t = begin(db, true);
    OWN(own_user)
    struct user a = {0};
    OWN(own_user)
    struct user b = {0};

    fields_init(&user_fields, &a);
    fields_init(&user_fields, &b);
    a.username = xstrdup("alice");
    b.username = xstrdup("ALICE");
    OK(row_put(t, TABLE_USER, &a, &e));
    struct err why = {0};
    assert_int_equal(row_put(t, TABLE_USER, &b, &why), -1);
    assert_int_equal(why.code, ERR_CONFLICT);
    assert_non_null(strstr(why.text, "User Name"));
    free(b.username);
    b.username = xstrdup("bob");
    OK(row_put(t, TABLE_USER, &b, &e));
    OK(row_put(t, TABLE_USER, &a, &e)); /* its own value is no duplicate */
    commit(&t);
    check_store(db);
}

/* Session hashes are UNIQUE; a record without one does not keep others out. */
static void test_row_put_empty_unique_values_repeat(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);

    for (int i = 0; i < 2; i++) {
        OWN(own_session)
        struct session s = {0};
        fields_init(&session_fields, &s);
        OK(row_put(t, TABLE_SESSION, &s, &e));
    }
    commit(&t);
}

static void count_is(struct txn *t, const char *column, const char *value, uint64_t want)
{
    uint64_t n = 99;

    OK(row_count(t, TABLE_CERT, column, value, &n, &e));
    assert_int_equal(n, want);
}

static void test_indexes_follow_change_and_delete(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *t = begin(db, true);
    OWN(own_cert)
    struct cert c = {0};
    char a[ID_CHARS + 1], b[ID_CHARS + 1];

    add_cert(t, "a.example", "Issued", 100, a);
    add_cert(t, "b.example", "Issued", 200, b);
    count_is(t, NULL, NULL, 2);
    count_is(t, "status", "Issued", 2);
    OK(row_get(t, TABLE_CERT, a, &c, &e));
    free(c.status);
    c.status = xstrdup("Deployed");
    c.not_after = -5;
    OK(row_put(t, TABLE_CERT, &c, &e));
    count_is(t, "status", "Issued", 1);
    count_is(t, "status", "Deployed", 1);
    count_is(t, "not_after", "100", 0);
    count_is(t, "not_after", "-5", 1);
    OK(row_delete(t, TABLE_CERT, b, &e));
    REFUSED(row_delete(t, TABLE_CERT, b, &e), ERR_NOT_FOUND);
    count_is(t, NULL, NULL, 1);
    count_is(t, "status", "Issued", 0);
    commit(&t);
    check_store(db);
}

static void test_row_find_is_exact_beyond_the_key(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *t = begin(db, true);
    OWN(own_cert)
    struct cert c = {0};
    char name[256], id[ID_CHARS + 1];

    memset(name, 'x', 250);
    name[250] = 0;
    add_cert(t, name, "Issued", 1, NULL);
    name[249] = 'y';
    add_cert(t, name, "Issued", 2, id);
    OK(row_find(t, TABLE_CERT, "name", name, &c, &e));
    assert_string_equal(c.id, id);
    count_is(t, "name", name, 1);
    name[249] = 'z';
    own_cert(&c);
    REFUSED(row_find(t, TABLE_CERT, "name", name, &c, &e), ERR_NOT_FOUND);
    name[240] = 0; /* a beginning is not the value */
    REFUSED(row_find(t, TABLE_CERT, "name", name, &c, &e), ERR_NOT_FOUND);
    REFUSED(row_find(t, TABLE_CERT, "port", "443", &c, &e), ERR_BUG); /* has no index */
    REFUSED(row_find(t, TABLE_CERT, "not_after", "soon", &c, &e), ERR_INPUT);
    txn_abort(&t);
}

static int collect(void *record, void *arg, struct err *e)
{
    struct buf *out = arg;

    (void)e;
    buf_addf(out, "%s ", ((struct cert *)record)->name ? ((struct cert *)record)->name : "-");
    return 0;
}

static void order_is(struct txn *t, const char *column, const char *from, const char *want)
{
    OWN(buf_free)
    struct buf out = BUF(4096);

    OK(row_each(t, TABLE_CERT, column, from, collect, &out, &e));
    assert_string_equal(buf_cstr(&out), want);
}

static void test_row_each_orders_every_type(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);

    add_cert(t, "b", "Issued", 300, NULL);
    add_cert(t, "ab", "Deployed", -300, NULL);
    add_cert(t, "A", "Initiated", 0, NULL);
    add_cert(t, "\xc3\xa4", "Discovered", INT64_MAX, NULL);
    add_cert(t, "a.b", "Rolled Back", -1, NULL);
    add_cert(t, "", "Order Pending", INT64_MIN, NULL);
    order_is(t, "name", NULL, "- A a.b ab b \xc3\xa4 ");
    order_is(t, "name", "AB", "ab b \xc3\xa4 ");
    order_is(t, "not_after", NULL, "- ab a.b A b \xc3\xa4 ");
    order_is(t, "not_after", "0", "A b \xc3\xa4 ");
    order_is(t, "status", NULL, "ab \xc3\xa4 A b - a.b ");
    txn_abort(&t);
}

/* The callback may delete the record it is given. */
static int delete_it(void *record, void *arg, struct err *e)
{
    return row_delete(arg, TABLE_CERT, ((struct row_head *)record)->id, e);
}

static void test_row_each_survives_delete(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *t = begin(db, true);

    for (int i = 0; i < 500; i++)
        add_cert(t, "same.example", "Issued", i % 7, NULL);
    OK(row_each(t, TABLE_CERT, "not_after", "3", delete_it, t, &e));
    count_is(t, NULL, NULL, 216);
    OK(row_each(t, TABLE_CERT, NULL, NULL, delete_it, t, &e));
    count_is(t, NULL, NULL, 0);
    commit(&t);
    check_store(db);
}

static void test_setting_put_replaces(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);
    char *value = NULL;

    REFUSED(setting_get(t, "name", &value, &e), ERR_NOT_FOUND);
    OK(setting_put(t, "name", "one", &e));
    OK(setting_put(t, "name", "two", &e));
    OK(setting_get(t, "name", &value, &e));
    assert_string_equal(value, "two");
    free(value);
    txn_abort(&t);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_row_put_gives_id_and_revision),
        CASE(test_row_put_never_stores_a_secret),
        CASE(test_row_put_refuses_stale_revision),
        CASE(test_row_put_refuses_unknown_id),
        CASE(test_row_put_takes_a_chosen_id_once),
        CASE(test_row_put_refuses_second_unique_value),
        CASE(test_row_put_empty_unique_values_repeat),
        CASE(test_indexes_follow_change_and_delete),
        CASE(test_row_find_is_exact_beyond_the_key),
        CASE(test_row_each_orders_every_type),
        CASE(test_row_each_survives_delete),
        CASE(test_setting_put_replaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
