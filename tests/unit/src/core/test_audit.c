/* The audit chain: records hold the one before, heads belong to records, exports verify, lists
 * filter. */
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/audit_inside.h"
#include "src/model/audit_verify.h"
#include "tests/unit/src/core/sign_head.h"
#include "tests/unit/src/core/store/store_test.h"

static void add(struct txn *t, const char *actor, const char *action, const char *result)
{
    struct audit_entry a = {.actor = actor,
                            .client = "192.0.2.7",
                            .action = action,
                            .object = "cert/x",
                            .name = "shop.example",
                            .result = result,
                            .detail = "line\nbreak, \"quotes\" and \xff"};

    OK(audit_add(t, &a, &e));
}

static void test_audit_export_verifies(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    OWN(buf_free)
    struct buf out = BUF(100000);
    struct audit_report r;

    for (int i = 0; i < 10; i++) {
        add(t, i % 2 ? "alice" : "scheduler", "cert.renew", "ok");
        if (i == 4 || i == 8)
            sign_head(t, key);
    }
    OK(audit_export(t, 0, 0, &out, &e));
    OK(audit_verify(buf_blob(&out), BLOB(NULL, 0), &r, &e));
    assert_int_equal(r.records, 10);
    assert_int_equal(r.first, 1);
    assert_int_equal(r.last, 10);
    assert_int_equal(r.heads, 2);
    assert_int_equal(r.signed_up_to, 9);
    assert_int_equal(strlen(r.spki_sha256), 64);
    buf_clear(&out);
    OK(audit_export(t, 3, 7, &out, &e)); /* a range holds together too */
    OK(audit_verify(buf_blob(&out), BLOB(NULL, 0), &r, &e));
    assert_int_equal(r.records, 5);
    assert_int_equal(r.signed_up_to, 5);
    EVP_PKEY_free(key);
    txn_abort(&t);
}

/* A change of the stored bytes under our feet shows in the export. */
static void test_audit_tampered_store_fails(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *t = begin(db, true);
    OWN(buf_free)
    struct buf out = BUF(100000);
    OWN(buf_free)
    struct buf line = BUF(10000);
    struct audit_report r;
    struct blob was;

    for (int i = 0; i < 4; i++)
        add(t, "alice", "cert.renew", "failed");
    OK(trail_get(t, TRAIL_AUDIT, AUDIT_CHAIN, 2, &was, &e));
    buf_add_blob(&line, was);
    memcpy(memmem(line.p, line.n, "failed", 6), "passed", 6);
    uint8_t bytes[2 + 8] = {TRAIL_AUDIT, 0, 0, 0, 0, 0, 0, 0, 0, 2};
    MDB_val key = {sizeof(bytes), bytes}, value = {line.n, line.p};
    assert_int_equal(mdb_put(t->mdb, db->trails, &key, &value, 0), 0);
    OK(audit_export(t, 0, 0, &out, &e));
    struct err why = {0};
    assert_int_equal(audit_verify(buf_blob(&out), BLOB(NULL, 0), &r, &why), -1);
    assert_int_equal(why.code, ERR_CRYPTO);
    assert_non_null(strstr(why.text, "record 3: the record before it was changed"));
    txn_abort(&t);
}

static void test_audit_store_head_refuses_foreign_heads(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct blob some = BLOB("x", 1);
    uint8_t hash[32], old[32];
    uint64_t seq;

    OK(audit_head(t, &seq, hash, &e));
    assert_int_equal(seq, 0);
    REFUSED(audit_store_head(t, 1, 0, hash, some, some, &e), ERR_NOT_FOUND);
    add(t, "alice", "login", "ok");
    OK(audit_head(t, &seq, old, &e));
    REFUSED(audit_store_head(t, 1, 0, hash, some, some, &e), ERR_CONFLICT);
    add(t, "alice", "logout", "ok");
    sign_head(t, key);
    REFUSED(audit_store_head(t, 1, 0, old, some, some, &e), ERR_CONFLICT); /* goes back */
    REFUSED(audit_store_head(t, 2, 0, hash, BLOB(NULL, 0), some, &e), ERR_BUG);
    REFUSED(trail_drop(t, TRAIL_AUDIT, AUDIT_CHAIN, &e), ERR_BUG);
    EVP_PKEY_free(key);
    txn_abort(&t);
}

static void test_audit_list_filters_and_pages(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);
    OWN(own_json)
    json_t *page = NULL;
    json_t *none = NULL;

    for (int i = 0; i < 30; i++)
        add(t, i % 3 ? "alice" : "bob", i % 2 ? "login" : "cert.renew", "ok");
    OK(audit_list(t, "limit=10", &page, &e));
    json_t *first = json_array_get(json_object_get(page, "items"), 0);
    assert_int_equal(json_int(first, "seq"), 30);
    assert_string_equal(json_str(first, "client"), "192.0.2.7");
    assert_int_equal(json_int(page, "total"), 30);
    OWN(own_mem)
    char *more = xasprintf("filter=actor:equals:bob&limit=4&cursor=%s", json_str(page, "next"));
    own_json(&page);
    OK(audit_list(t, more, &page, &e));
    assert_int_equal(json_array_size(json_object_get(page, "items")), 4);
    first = json_array_get(json_object_get(page, "items"), 0);
    assert_int_equal(json_int(first, "seq"), 19);
    own_json(&page);
    OK(audit_list(
        t, "filter=action:contains:RENEW&filter=seq:below:7&filter=time:after:2020-01-01&limit=500",
        &page, &e));
    assert_int_equal(json_array_size(json_object_get(page, "items")), 3);
    assert_true(json_is_null(json_object_get(page, "next")));
    own_json(&page);
    OK(audit_list(t, "q=nobody", &page, &e));
    assert_int_equal(json_array_size(json_object_get(page, "items")), 0);
    REFUSED(audit_list(t, "filter=prev:equals:0", &none, &e), ERR_INPUT);
    REFUSED(audit_list(t, "sort=actor", &none, &e), ERR_INPUT);
    REFUSED(audit_list(t, "cursor=AAAA", &none, &e), ERR_INPUT);
    REFUSED(audit_list(t, "cursor=__________8", &none, &e), ERR_INPUT);
    txn_abort(&t);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_audit_export_verifies),
        CASE(test_audit_tampered_store_fails),
        CASE(test_audit_store_head_refuses_foreign_heads),
        CASE(test_audit_list_filters_and_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
