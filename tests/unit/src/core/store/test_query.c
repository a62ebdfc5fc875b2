/* The list grammar: every operator on every kind, order, refusals, answers, exports. */
#include "tests/unit/src/core/store/query_test.h"

static const struct {
    const char *text, *want;
} filter_cases[] = {
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
    {"sort=expires_within&filter=expires_within:below:31", "gamma.test alpha.example Beta.example"},
    {"sort=expires_within&filter=expires_within:equals:10", "alpha.example"},
    {"sort=-expires_within&filter=expires_within:above:10", "delta.example Beta.example"},
    {"sort=name&filter=tags:equals:env%3Dprod", "alpha.example delta.example"},
    {"sort=name&filter=tags:contains:env", "alpha.example Beta.example delta.example"},
    {"sort=name&filter=tags:not:env%3dprod", "=2+5 Beta.example gamma.test"},
    {"sort=name&filter=server:equals:00000000000000000001", "=2+5 Beta.example"},
    {"sort=-name&filter=server:in:00000000000000000001|x", "Beta.example =2+5"},
    {"sort=name&filter=server:not:00000000000000000001", "alpha.example delta.example gamma.test"},
    {"sort=name&q=GAMMA", "gamma.test"},
    {"sort=name&q=team%3Da", "=2+5"},
    {"sort=name&q=nothing+of+this", ""},
    {"sort=name&limit=2", "=2+5 alpha.example"},
    {"&&sort=name&limit=1&", "=2+5"},
};

static void test_query_run_filters(void **state)
{
    struct txn *t = begin(((struct temp *)*state)->db, true);
    OWN(buf_free)
    struct buf got = BUF(4096);

    five_certs(t);
    for (size_t i = 0; i < COUNT(filter_cases); i++) {
        OWN(own_json)
        json_t *page = run(t, TABLE_CERT, filter_cases[i].text);
        names(page, &got);
        if (strcmp(buf_cstr(&got), filter_cases[i].want) != 0)
            fail_msg("%s: %s", filter_cases[i].text, buf_cstr(&got));
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
    assert_string_equal(json_str(item, "subject"), "");
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
        CASE(test_query_export_csv_and_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
