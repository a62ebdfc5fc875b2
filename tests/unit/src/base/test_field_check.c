/* What each kind of field accepts from the API, and every near miss it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/src/base/field_sample.h"

/* One member at a time, as a patch on a good record. */
static const struct {
    const char *body;
    const char *error; /* NULL: accepted */
} cases[] = {
    {"{\"name\":\"ab\"}", NULL},
    {"{\"name\":\"0123456789\"}", NULL},
    {"{\"name\":\"a\"}", "Name: expected text of 2 to 10 bytes"},
    {"{\"name\":\"0123456789a\"}", "Name: expected text of 2 to 10 bytes"},
    {"{\"name\":\"\"}", "Name: missing, expected a value"},
    {"{\"name\":null}", "Name: missing, expected a value"},
    {"{\"name\":7}", "Name: expected text"},
    {"{\"name\":\"a\\nb\"}", "Name: expected one line of text without control characters"},
    {"{\"name\":\"a\\u0085b\"}", "Name: expected one line of text without control characters"},
    {"{\"notes\":\"a\\n\\tb\\r\\n\"}", NULL},
    {"{\"notes\":\"a\\u0007\"}", "Notes: expected text without control characters"},
    {"{\"notes\":\"\"}", NULL},
    {"{\"host\":\"WWW.example.com\"}", NULL},
    {"{\"host\":\"2001:DB8::1\"}", NULL},
    {"{\"host\":\"-x.example\"}",
     "Host: expected a host name or IP address such as www.example.com or 192.0.2.1"},
    {"{\"host\":\"1.2.3.256\"}",
     "Host: expected a host name or IP address such as www.example.com or 192.0.2.1"},
    {"{\"url\":\"https://ca.example.com\"}", NULL},
    {"{\"url\":\"https://ca.example.com:8443/a/b?x=%20y\"}", NULL},
    {"{\"url\":\"https://[2001:db8::1]/dir\"}", NULL},
    {"{\"url\":\"https://[2001:db8::1]:8443\"}", NULL},
    {"{\"url\":\"https://192.0.2.1\"}", NULL},
    {"{\"url\":\"http://ca.example.com\"}", "Address: expected a URL that begins with https://"},
    {"{\"url\":\"ftp://ca.example.com\"}", "Address: expected a URL that begins with https://"},
    {"{\"plain_url\":\"http://ca.example.com\"}", NULL},
    {"{\"plain_url\":\"file:///etc/passwd\"}",
     "Plain: expected a URL that begins with https:// or http://"},
    {"{\"path\":\"/etc/ssl/site.pem\"}", NULL},
    {"{\"path\":\"/etc/ssl/\"}", NULL},
    {"{\"path\":\"/\"}", NULL},
    {"{\"path\":\"/etc/..a/.b\"}", NULL},
    {"{\"path\":\"etc/ssl\"}", "Path: expected an absolute path such as /etc/ssl/site.pem"},
    {"{\"path\":\"/etc/../x\"}", "Path: expected a path without \".\", \"..\" and empty parts"},
    {"{\"path\":\"/etc/.\"}", "Path: expected a path without \".\", \"..\" and empty parts"},
    {"{\"path\":\"/etc/..\"}", "Path: expected a path without \".\", \"..\" and empty parts"},
    {"{\"path\":\"//etc\"}", "Path: expected a path without \".\", \"..\" and empty parts"},
    {"{\"path\":\"/etc\\u0001\"}", "Path: expected one line of text without control characters"},
    {"{\"email\":\"a.b+c@example.com\"}", NULL},
    {"{\"email\":\"example.com\"}", "Mail: expected an address such as admin@example.com"},
    {"{\"email\":\".a@example.com\"}", "Mail: expected an address such as admin@example.com"},
    {"{\"email\":\"a@b@example.com\"}", "Mail: expected an address such as admin@example.com"},
    {"{\"email\":\"a..b@example.com\"}",
     "Mail: expected an address without two dots in a row before the @"},
    {"{\"mode\":\"manual\"}", NULL},
    {"{\"mode\":\"auto manual\"}", "Mode: expected one of: auto, manual"},
    {"{\"mode\":\"Auto\"}", "Mode: expected one of: auto, manual"},
    {"{\"server\":\"0123456789abcdefghjk\"}", NULL},
    {"{\"server\":\"0123456789abcdefghji\"}", "Server: expected an identifier of 20 characters"},
    {"{\"port\":1}", NULL},
    {"{\"port\":65535}", NULL},
    {"{\"port\":null}", NULL},
    {"{\"port\":0}", "Ports: expected a number from 1 to 65535"},
    {"{\"port\":65536}", "Ports: expected a number from 1 to 65535"},
    {"{\"port\":\"80\"}", "Ports: expected a number from 1 to 65535"},
    {"{\"port\":80.0}", "Ports: expected a number from 1 to 65535"},
    {"{\"enabled\":false}", NULL},
    {"{\"enabled\":0}", "Enabled: expected true or false"},
    {"{\"due\":\"2026-11-21T02:45:00Z\"}", NULL},
    {"{\"due\":null}", NULL},
    {"{\"due\":1}", "Due: expected a time such as 2026-11-21T02:45:00Z, 2026-11-21 or 21-Nov-2026"},
    {"{\"blob\":\"AAECAw==\"}", NULL},
    {"{\"blob\":\"AAECAwQ=\"}", "Blob: expected at most 4 bytes, as base64"},
    {"{\"blob\":\"AAECAwQFBgcICQ==\"}", "Blob: expected at most 4 bytes, as base64"},
    {"{\"blob\":\"AAEC!w==\"}", "Blob: expected base64 with padding without spaces or line breaks"},
    {"{\"tags\":[]}", NULL},
    {"{\"tags\":[\"one\",\"two\"]}", NULL},
    {"{\"tags\":[\"one\",\"\"]}", "Tags: entry 2: expected one line of text of 1 to 5 bytes"},
    {"{\"tags\":[\"123456\"]}", "Tags: entry 1: expected one line of text of 1 to 5 bytes"},
    {"{\"tags\":[1]}", "Tags: entry 1: expected one line of text of 1 to 5 bytes"},
    {"{\"tags\":\"one\"}", "Tags: expected a list of at most 100 texts"},
    {"{\"modes\":[]}", NULL},
    {"{\"modes\":[\"by hand\",\"auto\"]}", NULL},
    {"{\"modes\":[\"auto\",\"never\"]}", "Modes: entry 2: expected one of: auto, by hand"},
    {"{\"modes\":[\"auto\",\"auto\"]}", "Modes: entry 2: auto stands twice"},
    {"{\"modes\":[\"\"]}", "Modes: entry 1: expected one line of text of 1 to 64 bytes"},
    {"{\"servers\":[\"0123456789abcdefghjk\"]}", NULL},
    {"{\"servers\":[\"web\"]}", "Servers: entry 1: expected an identifier of 20 characters"},
    {"{\"password\":\"hunter3\"}", NULL},
    {"{\"password\":\"abc\"}", "Password: expected text of 4 to 16 bytes"},
    {"{\"password\":null}", "Password: missing, expected a value"},
    {"{\"hidden\":\"x\"}", "hidden: there is no such member, leave it out"},
    {"{\"nonsense\":\"x\"}", "nonsense: there is no such member, leave it out"},
    {"{\"has_password\":true}", "has_password: there is no such member, leave it out"},
    {"{\"created\":null}", "Created: set by the appliance, leave it out"},
    {"[]", "expected an object"},
};

static void test_fields_from_json_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sample s;
        struct err e = {0};
        filled(&s);
        int got = apply(cases[i].body, true, &s, &e);
        if (got == 0 && cases[i].error)
            fail_msg("%s: accepted", cases[i].body);
        if (got < 0 && !cases[i].error)
            fail_msg("%s: %s", cases[i].body, e.text);
        if (got < 0) {
            assert_int_equal(e.code, ERR_INPUT);
            assert_string_equal(e.text, cases[i].error);
        }
        fields_free(&sample, &s);
    }
}

static void test_fields_from_json_refuses_urls(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "https://",
        "https:///path",
        "https://user@example.com",
        "https://u:p@a.b",
        "https://a.b/#x",
        "https://a.b#x",
        "https://a.b:0",
        "https://a.b:65536",
        "https://a.b:",
        "https://a.b/x y",
        "https://a.b/%zz",
        "https://a.b/%2",
        "https://[::1",
        "https://[1.2.3.4]/",
        "https://::1/",
        "https://a_b.c",
        "https://a.b\\\\c",
        "https://a.b/<x>",
        "HTTPS://a.b",
        "https://a.b/\\u00e9",
        "https://1.2.3",
        "https://-a.b/path",
        "//a.b",
        "https:/a.b",
    };

    for (size_t i = 0; i < COUNT(urls); i++) {
        struct sample s;
        struct err e = {0};
        OWN(own_mem)
        char *body = xasprintf("{\"url\":\"%s\"}", urls[i]);
        filled(&s);
        if (apply(body, true, &s, &e) == 0)
            fail_msg("accepted: %s", urls[i]);
        assert_null(s.url);
        fields_free(&sample, &s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_from_json_cases),
        cmocka_unit_test(test_fields_from_json_refuses_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
