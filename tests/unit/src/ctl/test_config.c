/* Addresses, pins, file modes, exit status. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/ctl/config.h"

static void test_config_url_cases(void **state)
{
    static const struct {
        const char *text, *out;
    } cases[] = {
        {"https://keep.example", "https://keep.example"},
        {"https://keep.example/", "https://keep.example"},
        {"https://KEEP.example:443", "https://keep.example"},
        {"https://10.1.2.3:8443", "https://10.1.2.3:8443"},
        {"https://[::1]:8443", "https://[::1]:8443"},
        {"http://keep.example", NULL},
        {"https://user@keep.example", NULL},
        {"https://keep.example/api", NULL},
        {"https://keep.example?x", NULL},
        {"https://", NULL},
        {"https://keep.example:0", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[CONFIG_URL_BYTES] = "untouched";
        struct err e = {0};
        const int r = config_url(cases[i].text, out, &e);
        assert_int_equal(r, cases[i].out ? 0 : -1);
        if (cases[i].out)
            assert_string_equal(out, cases[i].out);
        else
            assert_int_equal(e.code, ERR_INPUT);
    }
}

static void test_config_pin_takes_colons_and_case(void **state)
{
    char out[CONFIG_PIN_CHARS + 1];
    char text[3 * 32 + 1] = "";
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < 32; i++)
        snprintf(text + 3 * i, 4, "AB%s", i < 31 ? ":" : "");
    assert_int_equal(config_pin(text, out, &e), 0);
    assert_int_equal(strspn(out, "ab"), 64);
    assert_int_equal(config_pin("abcd", out, &e), -1);
    text[0] = 'g';
    assert_int_equal(config_pin(text, out, &e), -1);
}

static void test_config_files_are_private(void **state)
{
    char folder[] = "/tmp/ctl-config-XXXXXX", path[256];
    struct config c = {.url = "https://a", .token_url = "https://a"}, got = {0};
    OWN(buf_free)
    struct buf token = BUF_SECRET(256);
    struct err e = {0};
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(folder));
    setenv("XDG_CONFIG_HOME", folder, 1);
    umask(0);
    assert_int_equal(config_save(&c, &e), 0);
    assert_int_equal(config_token_save(blob_str("secret-token"), &e), 0);
    snprintf(path, sizeof(path), "%s/certkeep/token", folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(config_load(&got, &e), 0);
    assert_string_equal(got.url, "https://a");
    assert_int_equal(config_token_load(&got, "https://b", &token, &e), 0);
    assert_int_equal(token.n, 0);
    assert_int_equal(config_token_load(&got, "https://a", &token, &e), 0);
    assert_string_equal(buf_cstr(&token), "secret-token");
    chmod(path, 0604);
    assert_int_equal(config_token_load(&got, "https://a", &token, &e), -1);
    assert_non_null(strstr(e.text, "0600"));
    assert_int_equal(config_token_delete(&e), 0);
    assert_int_equal(config_token_delete(&e), 0);
    config_free(&got);
    snprintf(path, sizeof(path), "%s/certkeep/config.json", folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/certkeep", folder);
    assert_int_equal(rmdir(path), 0); /* nothing half-written is left */
    assert_int_equal(rmdir(folder), 0);
}

static void test_exit_status_is_documented_and_unique(void **state)
{
    OWN(buf_free)
    struct buf doc = BUF(65536);
    struct err e = {0};

    (void)state;
    assert_int_equal(file_read("docs/howto/console.md", false, &doc, &e), 0);
    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        char row[64];
        snprintf(row, sizeof(row), "| %d | %s |", err_exit_status((enum err_code)code),
                 err_code_name((enum err_code)code));
        assert_non_null(strstr(buf_cstr(&doc), row));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_url_cases),
        cmocka_unit_test(test_config_pin_takes_colons_and_case),
        cmocka_unit_test(test_config_files_are_private),
        cmocka_unit_test(test_exit_status_is_documented_and_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
