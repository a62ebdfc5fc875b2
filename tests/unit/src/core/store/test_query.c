/* The list grammar: every operator on every kind, order, cursors under change, refusals, exports.
 */
#include "src/base/time.h"
#include "src/core/store/query_inside.h"
#include "tests/unit/src/core/store/store_test.h"

#define DAY INT64_C(86400)
#define NOW INT64_C(1795219200) /* 2026-11-21 */

static const int64_t now_fixed = NOW * 1000;

static int setup(void **state)
{
    clock_replace(&now_fixed);
    return temp_setup(state);
}

static int teardown(void **state)
{
    clock_replace(NULL);
    return temp_teardown(state);
}

static json_t *run(struct txn *t, enum table table, const char *text)
{
    OWN(own_query)
    struct query *q = NULL;
    json_t *page = NULL;

    OK(query_parse(table, text, &q, &e));
    OK(query_run(t, q, &page, &e));
    return page;
}

/* Names of the items, parted by spaces. */
static void names(const json_t *page, struct buf *out)
{
    json_t *item;
    size_t i;

    buf_clear(out);
    json_array_foreach (json_object_get(page, "items"), i, item)
        buf_addf(out, "%s%s", i ? " " : "", json_str(item, "name"));
}

static void five_certs(struct txn *t)
{
    static const struct {
        const char *name, *status, *tag;
        int64_t not_after, port;
        bool ignored;
    } rows[] = {
        {"alpha.example", "Issued", "env=prod", NOW + 10 * DAY, 443, false},
        {"Beta.example", "Deployed", "env=test", NOW + 30 * DAY, 8443, false},
        {"gamma.test", "Deployed", NULL, NOW - 5 * DAY, 443, true},
        {"=2+5", "Discovered", "team=a", 0, 0, false},
        {"delta.example", "Rolled Back", "env=prod", NOW + 90 * DAY, 9443, false},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        OWN(own_cert)
        struct cert c = {0};
        fields_init(&cert_fields, &c);
        c.name = xstrdup(rows[i].name);
        free(c.status);
        c.status = xstrdup(rows[i].status);
        if (rows[i].tag)
            strs_add(&c.tags, rows[i].tag);
        c.not_after = rows[i].not_after;
        c.port = rows[i].port;
        c.ignored = rows[i].ignored;
        c.server = xstrdup(i % 2 ? "00000000000000000001" : "00000000000000000002");
        OK(row_put(t, TABLE_CERT, &c, &e));
    }
}

static void test_query_run_filters(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"sort=name", "=2+5 alpha.example Beta.example delta.example gamma.test"},
        {"sort=-name", "gamma.test delta.example Beta.example alpha.example =2+5"},
        {"sort=name&filter=name:contains:EXAMPLE", "alpha.example Beta.example delta.example"},
        {"sort=name&filter=name:equals:BETA.example", "Beta.example"},
        {"sort=-not_after&filter=name:equals:BETA.example", "Beta.example"},
        {"sort=name&filter=name:not:beta.example", "=2+5 alpha.example delta.example gamma.test"},
        {"sort=name&filter=name:equals:%3D2%2B5", "=2+5"},
        {"sort=name&filter=status:equals:Deployed", "Beta.example gamma.test"},
        {"sort=-name&filter=status:equals:deployed", "gamma.test Beta.example"},
        {"sort=status&filter=status:equals:Deployed&filter=port:equals:443", "gamma.test"},
        {"sort=name&filter=status:not:Deployed", "=2+5 alpha.example delta.example"},
        {"sort=name&filter=status:in:Issued|Rolled+Back", "alpha.example delta.example"},
        {"sort=name&filter=status:equals:All",
         "=2+5 alpha.example Beta.example delta.example gamma.test"},
        {"sort=name&filter=ignored:equals:true", "gamma.test"},
        {"sort=name&filter=ignored:equals:false", "=2+5 alpha.example Beta.example delta.example"},
        {"sort=name&filter=ignored:not:true&filter=port:above:443", "Beta.example delta.example"},
        {"sort=name&filter=port:equals:443", "alpha.example gamma.test"},
        {"sort=name&filter=port:below:443", "=2+5"},
        {"sort=name&filter=port:above:8443", "delta.example"},
        {"sort=not_after&filter=not_after:before:2026-12-02", "gamma.test alpha.example"},
        {"sort=-not_after&filter=not_after:before:02-Dec-2026", "alpha.example gamma.test"},
        {"sort=not_after&filter=not_after:after:2026-12-01", "Beta.example delta.example"},
        {"sort=-not_after&filter=not_after:after:2026-12-01T00:00:00Z&filter=not_after:before:2027-"
         "01-01",
         "Beta.example"},
        {"sort=name&filter=not_after:before:2026-12-02", "alpha.example gamma.test"},
        {"sort=expires_within&filter=expires_within:below:31",
         "gamma.test alpha.example Beta.example"},
        {"sort=expires_within&filter=expires_within:equals:10", "alpha.example"},
        {"sort=-expires_within&filter=expires_within:above:10", "delta.example Beta.example"},
        {"sort=name&filter=tags:equals:env%3Dprod", "alpha.example delta.example"},
        {"sort=name&filter=tags:contains:env", "alpha.example Beta.example delta.example"},
        {"sort=name&filter=tags:not:env%3dprod", "=2+5 Beta.example gamma.test"},
        {"sort=name&filter=server:equals:00000000000000000001", "=2+5 Beta.example"},
        {"sort=-name&filter=server:in:00000000000000000001|x", "Beta.example =2+5"},
        {"sort=name&filter=server:not:00000000000000000001",
         "alpha.example delta.example gamma.test"},
        {"sort=name&q=GAMMA", "gamma.test"},
        {"sort=name&q=team%3Da", "=2+5"},
        {"sort=name&q=nothing+of+this", ""},
        {"sort=name&limit=2", "=2+5 alpha.example"},
        {"&&sort=name&limit=1&", "=2+5"},
    };
    struct txn *t = begin(((struct temp *)*state)->db, true);
    OWN(buf_free)
    struct buf got = BUF(4096);

    five_certs(t);
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(own_json)
        json_t *page = run(t, TABLE_CERT, cases[i].text);
        names(page, &got);
        if (strcmp(buf_cstr(&got), cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].text, buf_cstr(&got));
    }
    txn_abort(&t);
}

static void test_query_parse_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *names;
    } cases[] = {
        {"filter=nosuch:equals:1", "nosuch"},
        {"filter=chain:contains:BEGIN", "chain"}, /* hidden */
        {"filter=name", "column:operator:value"},
        {"filter=name:equals", "column:operator:value"},
        {"filter=name:like:x", "contains, equals, not"},
        {"filter=status:contains:x", "equals, not, in"},
        {"filter=status:equals:Broken", "Order Pending"},
        {"filter=status:in:Issued|Broken", "Order Pending"},
        {"filter=ignored:equals:1", "true or false"},
        {"filter=port:equals:443;DROP TABLE cert", "port"},
        {"filter=port:equals:99999999999999999999", "port"},
        {"filter=not_after:before:tomorrow", "not_after"},
        {"filter=not_after:equals:2026-01-01", "before, after"},
        {"filter=expires_within:below:x", "days"},
        {"sort=nosuch", "nosuch"},
        {"sort=port", "port"},
        {"sort=' OR 1=1 --", "no such column"},
        {"columns=name,previous_chain", "previous_chain"},
        {"columns=../../etc/passwd", "no such column"},
        {"limit=0", "limit"},
        {"limit=501", "limit"},
        {"limit=-1", "limit"},
        {"limit=", "limit"},
        {"cursor=%00", "control"},
        {"cursor=***", "cursor"},
        {"q=%zz", "hex"},
        {"q=%4", "hex"},
        {"q=%ff%fe", "UTF-8"},
        {"q=a%0ab", "control"},
        {"select=*", "select"},
        {"\x01=1", "?"},
        {"a=1&filter", "a"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct query *q = NULL;
        struct err why = {0};
        if (query_parse(TABLE_CERT, cases[i].text, &q, &why) == 0)
            fail_msg("accepted: %s", cases[i].text);
        if (why.code != ERR_INPUT || !strstr(why.text, cases[i].names))
            fail_msg("%s: %s", cases[i].text, why.text);
    }
}

static void test_query_parse_refuses_too_much(void **state)
{
    (void)state;
    OWN(buf_free)
    struct buf text = BUF(100000);
    struct query *q = NULL;

    for (int i = 0; i <= QUERY_FILTERS; i++)
        buf_add_str(&text, "filter=name:contains:a&");
    REFUSED(query_parse(TABLE_CERT, buf_cstr(&text), &q, &e), ERR_INPUT);
    for (int i = 0; i < 10000; i++)
        buf_addc(&text, 'a');
    REFUSED(query_parse(TABLE_CERT, buf_cstr(&text), &q, &e), ERR_INPUT);
}

static void test_query_run_answers_items_and_totals(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);

    five_certs(t);
    OWN(own_json)
    json_t *page =
        run(t, TABLE_CERT,
            "sort=name&limit=2&columns=not_after,expires_within,port,ignored,tags,subject");
    json_t *item = json_array_get(json_object_get(page, "items"), 1);
    assert_int_equal(json_int(page, "total"), 5);
    assert_int_equal(json_int(page, "examined"), 2);
    assert_string_not_equal(json_str(page, "next"), "");
    assert_true(id_valid(json_str(item, "id")));
    assert_int_equal(json_int(item, "rev"), 1);
    assert_string_equal(json_str(item, "not_after"), "2026-12-01T00:00:00Z");
    assert_int_equal(json_int(item, "expires_within"), 10);
    assert_int_equal(json_int(item, "port"), 443);
    assert_true(json_is_false(json_object_get(item, "ignored")));
    assert_true(json_is_null(json_object_get(item, "subject")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(item, "tags"), 0)),
                        "env=prod");
    assert_int_equal(json_object_size(item), 8);
    OWN(own_json)
    json_t *counted = run(t, TABLE_CERT, "filter=status:equals:Deployed&limit=1");
    assert_int_equal(json_int(counted, "total"), 2);
    OWN(own_json)
    json_t *unknown = run(t, TABLE_CERT, "filter=name:contains:a");
    assert_true(json_is_null(json_object_get(unknown, "total")));
    assert_true(json_is_null(json_object_get(unknown, "next")));
    txn_abort(&t);
}

/* No column of any table shows what is hidden or secret. */
static void test_query_columns_hide(void **state)
{
    (void)state;
    for (unsigned table = 1; table < TABLE_END; table++) {
        OWN(own_json)
        json_t *list = query_columns((enum table)table);
        json_t *one;
        size_t i;
        assert_true(json_array_size(list) > 0);
        json_array_foreach (list, i, one) {
            const struct fields *f = table_fields((enum table)table);
            for (size_t k = 0; k < f->n; k++)
                if (strcmp(f->v[k].name, json_str(one, "name")) == 0)
                    assert_true(!(f->v[k].flags & FIELD_HIDDEN) && f->v[k].kind != FIELD_SECRET);
        }
    }
}

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

static void test_query_export_csv_and_lines(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);
    OWN(own_query)
    struct query *q = NULL;
    OWN(buf_free)
    struct buf out = BUF(4096);
    OWN(buf_free)
    struct buf small = BUF(60);

    five_certs(t);
    add_cert(t, "say \"hi\", all", "Issued", 0, NULL);
    OK(query_parse(TABLE_CERT, "sort=name&columns=name,port,ignored,tags,not_after&limit=1", &q,
                   &e));
    OK(query_export(t, q, true, &out, &e));
    assert_string_equal(buf_cstr(&out),
                        "\"CN / SAN Name\",\"Port\",\"Ignored\",\"Tags\",\"Expires On\"\r\n"
                        "\"'=2+5\",0,false,\"team=a\",\r\n"
                        "\"alpha.example\",443,false,\"env=prod\",\"2026-12-01T00:00:00Z\"\r\n"
                        "\"Beta.example\",8443,false,\"env=test\",\"2026-12-21T00:00:00Z\"\r\n"
                        "\"delta.example\",9443,false,\"env=prod\",\"2027-02-19T00:00:00Z\"\r\n"
                        "\"gamma.test\",443,true,\"\",\"2026-11-16T00:00:00Z\"\r\n"
                        "\"say \"\"hi\"\", all\",443,false,\"\",\r\n");
    buf_clear(&out);
    OK(query_export(t, q, false, &out, &e));
    OWN(own_json)
    json_t *first = json_parse(BLOB(out.p, strcspn((char *)out.p, "\n")), 4096, "line", NULL);
    assert_string_equal(json_str(first, "name"), "=2+5");
    REFUSED(query_export(t, q, true, &small, &e), ERR_LIMIT);
    txn_abort(&t);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_query_run_filters),
        cmocka_unit_test(test_query_parse_refuses),
        cmocka_unit_test(test_query_parse_refuses_too_much),
        CASE(test_query_run_answers_items_and_totals),
        cmocka_unit_test(test_query_columns_hide),
        CASE(test_query_cursor_refuses_tampering),
        CASE(test_query_cursor_visits_each_once),
        CASE(test_query_walk_stops_examining),
        CASE(test_query_export_csv_and_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
