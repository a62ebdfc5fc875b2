/* Filters as people say them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/ctl/filter.h"

static const char columns_text[] =
    "[{\"name\":\"status\",\"label\":\"Status\",\"type\":\"enum\",\"operators\":[\"equals\","
    "\"not\",\"in\"],"
    "\"choices\":[\"Issued\",\"Order Pending\",\"Deployed\"]},"
    "{\"name\":\"name\",\"label\":\"CN / SAN "
    "Name\",\"type\":\"text\",\"operators\":[\"contains\",\"equals\",\"not\"]},"
    "{\"name\":\"not_after\",\"label\":\"Expires "
    "On\",\"type\":\"time\",\"operators\":[\"before\",\"after\"]},"
    "{\"name\":\"port\",\"label\":\"Port\",\"type\":\"int\",\"operators\":[\"equals\",\"below\","
    "\"above\"]},"
    "{\"name\":\"ignored\",\"label\":\"Ignored\",\"type\":\"bool\",\"operators\":[\"equals\","
    "\"not\",\"in\"]}]";

static void test_filter_sentence_cases(void **state)
{
    static const struct {
        const char *text, *out; /* out NULL: refused */
    } cases[] = {
        {"Status is Deployed", "status:equals:Deployed"},
        {"status IS NOT order pending", "status:not:Order Pending"},
        {"Status is one of issued, Order Pending or deployed",
         "status:in:Issued|Order Pending|Deployed"},
        {"Status in Issued|Deployed", "status:in:Issued|Deployed"},
        {"Status is All", "status:equals:All"},
        {"CN / SAN Name contains shop or bar", "name:contains:shop or bar"},
        {"name is a:b", "name:equals:a:b"},
        {"Expires On before 2026-12-31", "not_after:before:2026-12-31"},
        {"Expires On < 2026-12-31", "not_after:before:2026-12-31"},
        {"Port is above 1024", "port:above:1024"},
        {"Port > 1024", "port:above:1024"},
        {"Ignored is yes", "ignored:equals:true"},
        {"any_column:not:checked by the server", "any_column:not:checked by the server"},
        {"Status is Wrong", NULL},
        {"Status contains Issued", NULL},
        {"Expires On is 2026-12-31", NULL},
        {"Status is none of Issued", NULL},
        {"Statusis Issued", NULL},
        {"Nothing is 1", NULL},
        {"", NULL},
    };
    OWN(own_json)
    json_t *columns = json_loads(columns_text, 0, NULL);

    (void)state;
    assert_non_null(columns);
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(buf_free)
        struct buf out = BUF(256);
        struct err e = {0};
        const int r = filter_sentence(columns, cases[i].text, &out, &e);
        if (cases[i].out) {
            if (r < 0)
                fail_msg("%s: %s", cases[i].text, e.text);
            assert_string_equal(buf_cstr(&out), cases[i].out);
        } else {
            assert_int_equal(r, -1);
            assert_int_equal(e.code, ERR_INPUT);
        }
    }
}

static void test_filter_sentence_without_schema(void **state)
{
    OWN(buf_free)
    struct buf out = BUF(256);
    struct err e = {0};

    (void)state;
    assert_int_equal(filter_sentence(NULL, "Actor is not alice", &out, &e), 0);
    assert_string_equal(buf_cstr(&out), "actor:not:alice");
    assert_int_equal(filter_sentence(NULL, "Actor", &out, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter_sentence_cases),
        cmocka_unit_test(test_filter_sentence_without_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
