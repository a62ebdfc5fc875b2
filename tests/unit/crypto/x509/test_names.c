/* Which names cover which hosts (RFC 9525, 6.3), and which a successor would lose. */
#include "tests/unit/crypto/pki.h"

static void test_cert_name_covers(void **state)
{
    (void)state;
    static const struct {
        const char *san, *host;
        bool want;
    } cases[] = {
        {"a.example", "a.example", true},
        {"a.example", "A.Example", true},
        {"a.example", "b.a.example", false},
        {"*.a.example", "b.a.example", true},
        {"*.a.example", "a.example", false},
        {"*.a.example", "c.b.a.example", false},
        {"*.a.example", "*.a.example", true},
        {"*.a.example", "*.b.a.example", false},
        {"*.example", "*.a.example", false},
        {"*.example", "a.example", false}, /* a whole top-level domain: never */
        {"*.a.example", ".a.example", false},
        {"b*.a.example", "bc.a.example", false},
        {"IP:192.0.2.1", "192.0.2.1", true},
        {"IP:192.0.2.1", "IP:192.0.2.1", true},
        {"192.0.2.1", "192.0.2.1", false}, /* an address as a DNS name */
        {"*.0.2.1", "192.0.2.1", false},
        {"IP:2001:db8::1", "2001:db8:0:0::1", true},
        {"IP:2001:db8::1", "2001:db8::2", false},
        {"email:a@b.example", "email:a@b.example", true},
        {"email:a@b.example", "b.example", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (cert_name_covers(cases[i].san, cases[i].host) != cases[i].want)
            fail_msg("%s and %s", cases[i].san, cases[i].host);
}

static void test_cert_names_lost(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *lost;
    } cases[] = {
        {"a.example b.example", "b.example a.example", ""},
        {"a.example b.example", "a.example", "b.example"},
        {"a.example b.example", "*.example", "a.example b.example"},
        {"x.a.example y.a.example", "*.a.example", ""},
        {"*.a.example", "x.a.example y.a.example", "*.a.example"},
        {"a.example IP:192.0.2.1", "a.example IP:192.0.2.2", "IP:192.0.2.1"},
        {"", "a.example", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(strs_free)
        struct strs before = {0};
        OWN(strs_free)
        struct strs after = {0};
        OWN(strs_free)
        struct strs lost = {0};
        strs_split(&before, cases[i].before, " ");
        strs_split(&after, cases[i].after, " ");
        assert_int_equal(cert_names_lost(&before, &after, &lost), 0);
        OWN(own_mem)
        char *text = strs_join(&lost, " ");
        assert_string_equal(text, cases[i].lost);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cert_name_covers),
        cmocka_unit_test(test_cert_names_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
