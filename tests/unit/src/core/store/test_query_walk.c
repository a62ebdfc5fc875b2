/* Cursors: tampered ones, walks while records change, and the bound on what a page examines. */
#include "tests/unit/src/core/store/query_test.h"

static void test_query_cursor_refuses_tampering(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);
    static const char *const sorts[] = {"-name", "name", "-status", "not_after", "-created_at"};

    five_certs(t);
    OWN(own_json)
    json_t *page = run(t, TABLE_CERT, "sort=name&limit=2");
    const char *cursor = json_str(page, "next");
    for (size_t i = 0; i < strlen(cursor); i++) {
        for (size_t s = 0; s < COUNT(sorts); s++) {
            OWN(own_mem)
            char *text = xasprintf("sort=%s&cursor=%s", sorts[s], cursor);
            OWN(own_query)
            struct query *q = NULL;
            OWN(own_json)
            json_t *got = NULL;
            struct err why = {0};
            text[strlen(text) - 1 - i] = "Az0_"[i % 4];
            if (query_parse(TABLE_CERT, text, &q, &why) < 0 || query_run(t, q, &got, &why) < 0)
                assert_int_equal(why.code, ERR_INPUT);
        }
    }
    OWN(own_query)
    struct query *q = NULL;
    OWN(own_mem)
    char *other = xasprintf("sort=status&cursor=%s", cursor);
    OK(query_parse(TABLE_CERT, other, &q, &e));
    json_t *none = NULL;
    REFUSED(query_run(t, q, &none, &e), ERR_INPUT);
    txn_abort(&t);
}

/* Pages through the list while other records come, go and change behind and before the cursor. */
static void walk_all(struct db *db, const char *query, size_t expected)
{
    struct strs seen = {0};
    OWN(own_mem)
    char *cursor = xstrdup("");

    for (int page_no = 0; cursor; page_no++) {
        struct txn *t = begin(db, true);
        OWN(own_mem)
        char *text = xasprintf("%s&limit=7&cursor=%s", query, cursor);
        OWN(own_json)
        json_t *page = run(t, TABLE_CERT, text);
        json_t *item;
        size_t i;
        char id[ID_CHARS + 1];
        json_array_foreach (json_object_get(page, "items"), i, item) {
            if (!str_starts(json_str(item, "name"), "stays"))
                continue;
            if (strs_has(&seen, json_str(item, "id")))
                fail_msg("%s: twice: %s", query, json_str(item, "name"));
            strs_add(&seen, json_str(item, "id"));
        }
        free(cursor);
        cursor =
            json_is_null(json_object_get(page, "next")) ? NULL : xstrdup(json_str(page, "next"));
        add_cert(t, page_no % 2 ? "a-comes" : "z-comes", "Issued", NOW + page_no * DAY, id);
        if (page_no % 3 == 0)
            OK(row_delete(t, TABLE_CERT, id, &e));
        commit(&t);
        assert_true(page_no < 1000);
    }
    if (seen.n != expected)
        fail_msg("%s: %zu of %zu", query, seen.n, expected);
    strs_free(&seen);
}

static void test_query_cursor_visits_each_once(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *t = begin(db, true);

    for (int i = 0; i < 200; i++) {
        OWN(own_mem)
        char *name = xasprintf("stays-%d", i % 50);
        add_cert(t, name, i % 2 ? "Issued" : "Deployed", NOW + i % 5 * DAY, NULL);
    }
    commit(&t);
    walk_all(db, "sort=name", 200);
    walk_all(db, "sort=-name", 200);
    walk_all(db, "sort=not_after", 200);
    walk_all(db, "sort=-not_after&filter=status:equals:Deployed", 100);
    walk_all(db, "sort=-status", 200);
    walk_all(db, "filter=name:contains:stays", 200);
    walk_all(db, "sort=expires_within&filter=expires_within:below:3", 120);
    check_store(db);
}

static int found(const struct query *q, const struct hit *hit, void *arg, struct err *e)
{
    (void)q;
    (void)hit;
    (void)e;
    ++*(int *)arg;
    return 0;
}

/* The work of one page is bounded, and the cursor goes on where it stopped. */
static void test_query_walk_stops_examining(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);
    OWN(own_query)
    struct query *q = NULL;
    struct walk_result result;
    int hits = 0, pages = 0;

    for (int i = 0; i < 100; i++)
        add_cert(t, i == 99 ? "needle" : "hay", "Issued", i, NULL);
    OK(query_parse(TABLE_CERT, "sort=not_after&filter=name:contains:eed", &q, &e));
    do {
        OK(query_walk(t, q, 5, 30, found, &hits, &result, &e));
        assert_int_equal(result.examined, pages < 3 ? 30 : 10);
        assert_int_equal(hits, pages < 3 ? 0 : 1);
        pages++;
        q->has_cursor = true;
        buf_clear(&q->cursor);
        buf_add(&q->cursor, result.next.b, result.next.n);
    } while (result.next.n);
    assert_int_equal(pages, 4);
    txn_abort(&t);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_query_cursor_refuses_tampering),
        CASE(test_query_cursor_visits_each_once),
        CASE(test_query_walk_stops_examining),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
