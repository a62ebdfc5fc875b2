/* Servers, inheritance and the choice of the block; what is not certain is refused, never guessed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/deploy/target/nginx_config.h"

static int read_text(const char *text, bool complete, struct conf_files *files,
                     struct ngx_config *c, struct err *e)
{
    assert_int_equal(conf_files_add(files, "/etc/nginx/nginx.conf", blob_str(text), e), 0);
    return ngx_config_read(files, "/etc/nginx/nginx.conf", complete, 0, c, e);
}

#define READ(config)                                                                               \
    OWN(conf_files_free)                                                                           \
    struct conf_files files = {0};                                                                 \
    OWN(ngx_config_free)                                                                           \
    struct ngx_config c = {0};                                                                     \
    struct err e = {0};                                                                            \
    if (read_text(config, true, &files, &c, &e) < 0)                                               \
    fail_msg("%s", e.text)

static void test_ngx_config_read_pairs_and_paths(void **state)
{
    (void)state;
    READ("http { ssl_certificate c.crt; ssl_certificate_key /k/c.key;\n"
         "server { listen 443 ssl; server_name a.test; }\n"
         "server { listen [::]:443 ssl; ssl_certificate /x.crt; ssl_certificate /y.crt;\n"
         " ssl_certificate_key /x.key; ssl_certificate_key /y.key; }\n"
         "server { listen 1.2.3.4:8443 ssl; ssl_certificate $ssl_server_name.crt; "
         "ssl_certificate_key data:$k; }\n"
         "server { listen 80; }\n"
         "upstream u { server 10.0.0.1:80; } }");

    assert_int_equal(c.servers, 4);
    assert_string_equal(c.server[0].pair[0].cert, "/etc/nginx/c.crt");
    assert_string_equal(c.server[0].pair[0].key, "/k/c.key");
    assert_int_equal(c.server[0].pair[0].line, 1);
    assert_int_equal(c.server[1].pairs, 2);
    assert_string_equal(c.server[1].pair[1].key, "/y.key");
    assert_string_equal(c.server[1].listen[0].address, "");
    assert_false(c.server[2].pair[0].plain);
    assert_string_equal(c.server[2].listen[0].address, "1.2.3.4");
    assert_false(c.server[3].listen[0].ssl);
}

static void test_ngx_config_read_knows_ssl_on_of_old_versions(void **state)
{
    (void)state;
    static const char text[] = "http { server { ssl on; listen 443; server_name a.test; } }";
    OWN(conf_files_free)
    struct conf_files files = {0};
    OWN(ngx_config_free)
    struct ngx_config old = {0};
    OWN(ngx_config_free)
    struct ngx_config new = {0};
    struct err e = {0};

    assert_int_equal(conf_files_add(&files, "/n", blob_str(text), &e), 0);
    assert_int_equal(ngx_config_read(&files, "/n", true, 1025000, &old, &e), 0);
    assert_int_equal(ngx_config_read(&files, "/n", true, 1025001, &new, &e), 0);
    assert_true(old.server[0].listen[0].ssl);
    assert_false(new.server[0].listen[0].ssl);
}

/* Before 1.15.9 a dollar sign in a path was a dollar sign. */
static void test_ngx_config_read_knows_variables_by_version(void **state)
{
    (void)state;
    static const char text[] = "http { server { listen 443 ssl; ssl_certificate /c$x.crt; "
                               "ssl_certificate_key /c.key; } }";
    OWN(conf_files_free)
    struct conf_files files = {0};
    OWN(ngx_config_free)
    struct ngx_config old = {0};
    OWN(ngx_config_free)
    struct ngx_config new = {0};
    struct err e = {0};

    assert_int_equal(conf_files_add(&files, "/n", blob_str(text), &e), 0);
    assert_int_equal(ngx_config_read(&files, "/n", true, 1015008, &old, &e), 0);
    assert_int_equal(ngx_config_read(&files, "/n", true, 1015009, &new, &e), 0);
    assert_true(old.server[0].pair[0].plain);
    assert_false(new.server[0].pair[0].plain);
}

static void test_ngx_config_read_ignores_certificates_that_are_not_ours(void **state)
{
    (void)state;
    READ("http { server { listen 443 ssl; proxy_ssl_certificate /p.crt; grpc_ssl_certificate "
         "/g.crt;\n"
         "ssl_client_certificate /ca.crt; location / { ssl_certificate /no; } } }");
    assert_int_equal(c.server[0].pairs, 0);
}

static void test_ngx_config_read_reports_missing_includes(void **state)
{
    (void)state;
    OWN(conf_files_free)
    struct conf_files files = {0};
    OWN(ngx_config_free)
    struct ngx_config c = {0};
    struct err e = {0};

    assert_int_equal(
        read_text("http { include conf.d/*.conf; include /abs; }", false, &files, &c, &e), 0);
    assert_int_equal(c.missing.n, 2);
    assert_string_equal(c.missing.v[0], "/etc/nginx/conf.d/*.conf");
    assert_string_equal(c.missing.v[1], "/abs");
}

static void test_ngx_config_read_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"http { include gone; }", "no such file in what nginx reports"},
        {"include nginx.conf;", "includes nested deeper"},
        {"http { server { listen 443x:; } }", "port"},
        {"http { server { listen; } }", "expected an address or port"},
        {"http { ssl_certificate; }", "expected one value"},
        {"http { server { }", "expected \"}\""},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(conf_files_free)
        struct conf_files files = {0};
        struct ngx_config c = {0};
        struct err e = {0};
        assert_int_equal(read_text(cases[i].text, true, &files, &c, &e), -1);
        if (!strstr(e.text, cases[i].why) || !strstr(e.text, "/etc/nginx/nginx.conf:1"))
            if (!strstr(e.text, "includes nested"))
                fail_msg("%s: %s", cases[i].text, e.text);
        assert_null(c.server);
    }
}

static void test_ngx_config_select_refuses_to_guess(void **state)
{
    (void)state;
    READ("http { server { listen 443 ssl; server_name a.test twice.test; }\n"
         "server { listen 443 ssl; server_name twice.test ~^re; }\n"
         "server { listen 8443; server_name a.test; } }");
    static const struct {
        uint32_t port;
        const char *name;
        enum err_code code;
    } cases[] = {
        {443, "a.test", ERR_NONE},      {443, "twice.test", ERR_CONFLICT},
        {443, "re.test", ERR_CONFLICT}, {8443, "a.test", ERR_NOT_FOUND},
        {444, "a.test", ERR_NOT_FOUND}, {443, "", ERR_NONE},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct ngx_server *s = NULL;
        struct err why = {0};
        int rc = ngx_config_select(&c, "192.0.2.1", cases[i].port, cases[i].name, &s, &why);
        assert_int_equal(why.code, cases[i].code);
        assert_int_equal(rc, cases[i].code ? -1 : 0);
        assert_true(rc < 0 ? s == NULL : s == &c.server[0]);
    }
}

static void test_conf_files_from_dump_gives_the_bytes_back(void **state)
{
    (void)state;
    OWN(conf_files_free)
    struct conf_files files = {0};
    struct err e = {0};

    assert_int_equal(conf_files_from_dump(blob_str("# configuration file /a:\nx;\n\n"
                                                   "# configuration file /b c:\n\n"
                                                   "# configuration file /d:\ny;\r\nno newline\n"),
                                          &files, &e),
                     0);
    assert_int_equal(files.n, 3);
    assert_int_equal(files.v[0].text.n, 3);
    assert_string_equal(files.v[1].path, "/b c");
    assert_int_equal(files.v[1].text.n, 0);
    assert_memory_equal(files.v[2].text.p, "y;\r\nno newline", 14);
    struct conf_files none = {0};
    assert_int_equal(conf_files_from_dump(blob_str("nginx: boo\n"), &none, &e), -1);
    assert_int_equal(conf_files_from_dump(BLOB("", 0), &none, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ngx_config_read_pairs_and_paths),
        cmocka_unit_test(test_ngx_config_read_knows_ssl_on_of_old_versions),
        cmocka_unit_test(test_ngx_config_read_knows_variables_by_version),
        cmocka_unit_test(test_ngx_config_read_ignores_certificates_that_are_not_ours),
        cmocka_unit_test(test_ngx_config_read_reports_missing_includes),
        cmocka_unit_test(test_ngx_config_read_refuses),
        cmocka_unit_test(test_ngx_config_select_refuses_to_guess),
        cmocka_unit_test(test_conf_files_from_dump_gives_the_bytes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
