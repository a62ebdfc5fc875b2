/* No secret and nothing unclean leaves in a text; what core keeps for ACME is read as it was
 * written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/ca/acme_client.h"
#include "src/ca/job.h"

static void test_job_redact(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"the key hunter22 is wrong: hunter22", "the key ******** is wrong: ********"},
        {"hunter2", "hunter2"},
        {"hunter22hunter22", "****************"},
        {"", ""},
        {"na\xc3\xafve", "na\xc3\xafve"},
        {"two\nlines\x7f", "two?lines?"},
        {"cut \xc3", "cut ?"},
    };
    const struct connector_kind *kind = connector_kind_find("acme");
    struct acme_settings s = {0};
    const struct ca_job job = {.kind = kind, .settings = &s};

    fields_init(kind->fields(), &s);
    assert_int_equal(secret_copy(&s.eab_key, "hunter22", 8, NULL), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(own_mem)
        char *text = xstrdup(cases[i].in);
        job_redact(&job, text);
        assert_string_equal(text, cases[i].out);
    }
    fields_free(kind->fields(), &s);
}

static void test_acme_placed_round_trip(void **state)
{
    (void)state;
    char *tokens[] = {"one", "two"};
    static const char *const urls[] = {"", "https://ca.example/order/1"};

    for (size_t i = 0; i < COUNT(urls); i++) {
        const struct acme_placed a = {.url = (char *)urls[i], .tokens = {tokens, i * 2}};
        OWN(acme_placed_free)
        struct acme_placed b = {0};
        OWN(buf_free)
        struct buf out = BUF(1024);
        acme_placed_encode(&a, &out);
        assert_int_equal(acme_placed_decode(buf_blob(&out), &b, NULL), 0);
        assert_string_equal(b.url,
                            urls[i]); /* "" is the mark of an order on its way, not no memory */
        assert_int_equal(b.tokens.n, i * 2);
        for (size_t n = 1; n < out.n; n++) {
            struct acme_placed c;
            assert_int_equal(acme_placed_decode(BLOB(out.p, n), &c, NULL), -1);
        }
    }
    struct acme_placed none;
    assert_int_equal(acme_placed_decode(BLOB(NULL, 0), &none, NULL), 0);
    assert_null(none.url);
}

static void test_acme_memory_round_trip(void **state)
{
    (void)state;
    const struct acme_memory a = {.directory = (char *)"https://ca.example/dir",
                                  .account = (char *)"https://ca.example/1"};
    OWN(acme_memory_free)
    struct acme_memory b = {0};
    OWN(buf_free)
    struct buf out = BUF(1024);

    acme_memory_encode(&a, &out);
    assert_int_equal(acme_memory_decode(buf_blob(&out), &b, NULL), 0);
    assert_string_equal(b.directory, a.directory);
    assert_string_equal(b.account, a.account);
    buf_addc(&out, 'x');
    struct acme_memory c;
    assert_int_equal(acme_memory_decode(buf_blob(&out), &c, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_job_redact),
        cmocka_unit_test(test_acme_placed_round_trip),
        cmocka_unit_test(test_acme_memory_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
