/* Field tables: what each kind accepts and refuses, patches, redaction, the encoded form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/field.h"
#include "src/base/secret.h"

struct sample {
    char *name;
    char *notes;
    char *host;
    char *url;
    char *plain_url;
    char *path;
    char *email;
    char *mode;
    char *server;
    int64_t port;
    bool enabled;
    int64_t due;
    struct bytes blob;
    struct strs tags;
    struct secret password;
    char *hidden;
    int64_t created;
};

#define AT(member) offsetof(struct sample, member)
static const struct field sample_fields[] = {
    {"name", "Name", FIELD_TEXT, FIELD_REQUIRED, AT(name), 2, 10},
    {"notes", "Notes", FIELD_LINES, 0, AT(notes)},
    {"host", "Host", FIELD_HOST, 0, AT(host)},
    {"url", "Address", FIELD_URL, 0, AT(url)},
    {"plain_url", "Plain", FIELD_URL, FIELD_HTTP_OK, AT(plain_url)},
    {"path", "Path", FIELD_PATH, 0, AT(path)},
    {"email", "Mail", FIELD_EMAIL, 0, AT(email)},
    {"mode", "Mode", FIELD_ENUM, 0, AT(mode), .choices = "auto manual", .initial = "auto"},
    {"server", "Server", FIELD_ID, 0, AT(server), .choices = "servers"},
    {"port", "Ports", FIELD_INT, FIELD_REQUIRED, AT(port), 1, 65535, .initial = "443"},
    {"enabled", "Enabled", FIELD_BOOL, 0, AT(enabled), .initial = "true"},
    {"due", "Due", FIELD_TIME, 0, AT(due)},
    {"blob", "Blob", FIELD_BYTES, 0, AT(blob), 0, 4},
    {"tags", "Tags", FIELD_LIST, 0, AT(tags), 0, 5, .initial = "a b"},
    {"password", "Password", FIELD_SECRET, FIELD_REQUIRED, AT(password), 4, 16},
    {"hidden", "Hidden", FIELD_TEXT, FIELD_HIDDEN, AT(hidden)},
    {"created", "Created", FIELD_TIME, FIELD_READONLY, AT(created)},
};
static const struct fields sample = {"sample", sizeof(struct sample), sample_fields,
                                     COUNT(sample_fields)};

static int apply(const char *text, bool patch, struct sample *s, struct err *e)
{
    OWN(own_json)
    json_t *j = json_parse(blob_str(text), 100000, "body", e);

    if (!j)
        fail_msg("not JSON: %s: %s", text, e->text);
    return fields_from_json(&sample, j, patch, s, e);
}

static void filled(struct sample *s)
{
    struct err e = {0};

    fields_init(&sample, s);
    if (apply("{\"name\":\"web\",\"password\":\"hunter2\"}", false, s, &e) < 0)
        fail_msg("%s", e.text);
}

static void test_fields_init_sets_defaults(void **state)
{
    (void)state;
    struct sample s;

    fields_init(&sample, &s);
    assert_string_equal(s.mode, "auto");
    assert_int_equal(s.port, 443);
    assert_true(s.enabled);
    assert_int_equal(s.tags.n, 2);
    assert_string_equal(s.tags.v[1], "b");
    assert_null(s.name);
    fields_free(&sample, &s);
    assert_memory_equal(&s, &(struct sample){0}, sizeof(s));
}

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

static void test_fields_from_json_failure_leaves_the_record(void **state)
{
    (void)state;
    struct sample s, before;
    struct err e = {0};

    filled(&s);
    before = s;
    assert_int_equal(apply("{\"name\":\"other\",\"tags\":[\"x\"],\"password\":\"longer\","
                           "\"port\":80,\"enabled\":7}",
                           true, &s, &e),
                     -1);
    assert_memory_equal(&s, &before, sizeof(s));
    assert_string_equal(s.name, "web");
    assert_memory_equal(s.password.p, "hunter2", 7);
    fields_free(&sample, &s);
}

static void test_fields_from_json_patch_keeps_the_absent(void **state)
{
    (void)state;
    struct sample s;
    struct err e = {0};

    filled(&s);
    assert_int_equal(apply("{\"port\":80,\"host\":\"A.Example\"}", true, &s, &e), 0);
    assert_string_equal(s.name, "web");
    assert_int_equal(s.port, 80);
    assert_string_equal(s.host, "a.example");
    assert_int_equal(apply("{\"port\":null,\"host\":\"\",\"mode\":null}", true, &s, &e), 0);
    assert_int_equal(s.port, 443);
    assert_null(s.host);
    assert_string_equal(s.mode, "auto");
    fields_free(&sample, &s);
}

static void test_fields_from_json_demands_the_required(void **state)
{
    (void)state;
    struct sample s;
    struct err e = {0};

    fields_init(&sample, &s);
    assert_int_equal(apply("{\"password\":\"hunter2\"}", false, &s, &e), -1);
    assert_string_equal(e.text, "Name: missing, expected a value");
    assert_int_equal(apply("{\"name\":\"web\"}", false, &s, &e), -1);
    assert_string_equal(e.text, "Password: missing, expected a value");
    /* a patch of a loaded record: the secret is sealed elsewhere */
    s.name = xstrdup("web");
    assert_int_equal(apply("{\"port\":80}", true, &s, &e), 0);
    fields_free(&sample, &s);
}

static void test_fields_to_json_redacts(void **state)
{
    (void)state;
    struct sample s;

    filled(&s);
    s.hidden = xstrdup("inner");
    OWN(own_json)
    json_t *stored = fields_to_json(&sample, &s);
    OWN(own_json)
    json_t *shown = fields_to_api(&sample, &s);
    OWN(buf_free)
    struct buf text = BUF(100000);
    assert_true(json_bool(stored, "has_password"));
    assert_null(json_object_get(stored, "password"));
    assert_string_equal(json_str(stored, "hidden"), "inner");
    assert_null(json_object_get(shown, "hidden"));
    assert_true(json_is_null(json_object_get(shown, "due")));
    assert_int_equal(json_print(stored, &text, NULL), 0);
    assert_null(strstr(buf_cstr(&text), "hunter2"));
    fields_free(&sample, &s);
}

static void fill_all(struct sample *s)
{
    struct err e = {0};

    filled(s);
    if (apply("{\"notes\":\"a\\nb\",\"due\":\"2026-11-21\",\"blob\":\"AAEC\",\"tags\":[\"\u00e9\"],"
              "\"enabled\":false,\"email\":\"a@b.example\"}",
              true, s, &e) < 0)
        fail_msg("%s", e.text);
    s->hidden = xstrdup("inner");
    s->created = 1795229100;
}

static void assert_same_json(const struct sample *a, const struct sample *b)
{
    OWN(own_json)
    json_t *x = fields_to_json(&sample, a);
    OWN(own_json)
    json_t *y = fields_to_json(&sample, b);

    json_object_del(x, "has_password");
    json_object_del(y, "has_password");
    assert_true(json_equal(x, y));
}

static void test_fields_load_reads_back(void **state)
{
    (void)state;
    struct sample s, t;
    struct err e = {0};

    fill_all(&s);
    OWN(own_json)
    json_t *stored = fields_to_json(&sample, &s);
    json_put_int(stored, "of_a_newer_version", 1);
    json_object_del(stored, "mode");
    fields_init(&sample, &t);
    assert_int_equal(fields_load(&sample, stored, &t, &e), 0);
    assert_same_json(&s, &t);
    assert_int_equal(t.password.n, 0);
    json_put_int(stored, "name", 1);
    assert_int_equal(fields_load(&sample, stored, &t, &e), -1);
    assert_int_equal(e.code, ERR_STORE);
    assert_string_equal(e.text, "sample.name: expected text");
    assert_string_equal(t.name, "web");
    fields_free(&sample, &s);
    fields_free(&sample, &t);
}

static void test_fields_encode_decodes_back(void **state)
{
    (void)state;
    struct sample s, t;
    struct err e = {0};
    OWN(buf_free)
    struct buf out = BUF(100000);

    fill_all(&s);
    fields_encode(&sample, &s, &out);
    assert_true(buf_ok(&out) && out.secret);
    fields_init(&sample, &t);
    assert_int_equal(fields_decode(&sample, buf_blob(&out), &t, &e), 0);
    assert_same_json(&s, &t);
    assert_true(secret_eq(&s.password, &t.password));
    /* every shorter form, and one longer, is refused and changes nothing */
    struct sample before = t;
    for (size_t n = 0; n < out.n; n++)
        assert_int_equal(fields_decode(&sample, BLOB(out.p, n), &t, &e), -1);
    buf_addc(&out, 0);
    assert_int_equal(fields_decode(&sample, buf_blob(&out), &t, &e), -1);
    assert_int_equal(e.code, ERR_BUG);
    assert_memory_equal(&t, &before, sizeof(t));
    fields_free(&sample, &s);
    fields_free(&sample, &t);
}

static void test_fields_schema_describes(void **state)
{
    (void)state;
    OWN(own_json)
    json_t *schema = fields_schema(&sample);
    const json_t *list = json_object_get(schema, "fields");

    assert_string_equal(json_str(schema, "name"), "sample");
    assert_int_equal(json_array_size(list), COUNT(sample_fields) - 1); /* without the hidden one */
    const json_t *port = json_array_get(list, 9);
    assert_string_equal(json_str(port, "kind"), "int");
    assert_string_equal(json_str(port, "label"), "Ports");
    assert_true(json_bool(port, "required"));
    assert_int_equal(json_int(port, "max"), 65535);
    assert_int_equal(json_int(port, "initial"), 443);
    const json_t *mode = json_array_get(list, 7);
    assert_string_equal(json_string_value(json_array_get(json_object_get(mode, "choices"), 1)),
                        "manual");
    assert_string_equal(json_str(json_array_get(list, 8), "table"), "servers");
}

static void test_fields_next_secret_finds_all(void **state)
{
    (void)state;
    size_t at = 0;

    assert_string_equal(fields_next_secret(&sample, &at)->name, "password");
    assert_null(fields_next_secret(&sample, &at));
}

static void test_bytes_set_of_its_own_part(void **state)
{
    (void)state;
    struct bytes b = {0};

    bytes_set(&b, BLOB("abcdef", 6));
    bytes_set(&b, BLOB(b.p + 2, 3));
    assert_true(blob_eq(bytes_blob(&b), BLOB("cde", 3)));
    bytes_set(&b, BLOB(NULL, 0));
    assert_null(b.p);
    bytes_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_init_sets_defaults),
        cmocka_unit_test(test_fields_from_json_cases),
        cmocka_unit_test(test_fields_from_json_refuses_urls),
        cmocka_unit_test(test_fields_from_json_failure_leaves_the_record),
        cmocka_unit_test(test_fields_from_json_patch_keeps_the_absent),
        cmocka_unit_test(test_fields_from_json_demands_the_required),
        cmocka_unit_test(test_fields_to_json_redacts),
        cmocka_unit_test(test_fields_load_reads_back),
        cmocka_unit_test(test_fields_encode_decodes_back),
        cmocka_unit_test(test_fields_schema_describes),
        cmocka_unit_test(test_fields_next_secret_finds_all),
        cmocka_unit_test(test_bytes_set_of_its_own_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
