/* Which route a path is, and what roles may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/model/routes.h"

static const struct {
    const char *method, *path;
    enum route_id want;
    const char *arg;
} found[] = {
    {"GET", "/api/v1/state", ROUTE_state_get, ""},
    {"GET", "/api/v1/servers/abc", ROUTE_servers_get, "abc"},
    {"POST", "/api/v1/servers/abc/host-keys/approve", ROUTE_servers_approve_host_keys, "abc"},
    {"POST", "/api/v1/certificates/batch", ROUTE_certs_batch, ""},
    {"GET", "/api/v1/ca/local/crl.der", ROUTE_ca_crl, "local"},
    {"GET", "/api/v1/schema/connector.acme", ROUTE_schema_get, "connector.acme"},
};

static void test_route_find_finds(void **state)
{
    struct err e;

    (void)state;
    for (size_t i = 0; i < COUNT(found); i++) {
        struct route_match m;
        assert_int_equal(route_find(found[i].method, found[i].path, &m, &e), 0);
        assert_int_equal(m.id, found[i].want);
        assert_string_equal(m.arg, found[i].arg);
    }
}

static void test_route_find_every_route_by_its_pattern(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        OWN(own_mem)
        char *path = xstrdup(routes[i].path);
        struct route_match m;
        struct err e;
        for (char *brace; (brace = strpbrk(path, "{}"));)
            *brace = '0';
        assert_int_equal(route_find(routes[i].method, path, &m, &e), 0);
        assert_int_equal(m.id, i);
    }
}

static void test_route_find_refuses(void **state)
{
    static const struct {
        const char *method, *path;
        enum err_code code;
    } cases[] = {
        {"GET", "/api/v1", ERR_NOT_FOUND},
        {"GET", "/api/v1/servers/", ERR_NOT_FOUND},
        {"GET", "/api/v1/servers/a/b", ERR_NOT_FOUND},
        {"GET", "/api/v1/state/", ERR_NOT_FOUND},
        {"GET", "/api/v1/certificates/batch", ERR_INPUT},
        {"PUT", "/api/v1/servers/abc", ERR_INPUT},
        {"get", "/api/v1/state", ERR_INPUT},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct route_match m;
        struct err e;
        assert_int_equal(route_find(cases[i].method, cases[i].path, &m, &e), -1);
        assert_int_equal(e.code, cases[i].code);
    }
}

static void test_route_find_refuses_long_argument(void **state)
{
    char path[400] = "/api/v1/servers/";
    struct route_match m;
    struct err e;

    (void)state;
    memset(path + strlen(path), 'a', ROUTE_ARG_BYTES);
    assert_int_equal(route_find("GET", path, &m, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void test_route_methods_lists(void **state)
{
    char text[64];

    (void)state;
    route_methods("/api/v1/servers/abc", text, sizeof(text));
    assert_string_equal(text, "GET, PATCH, DELETE");
    route_methods("/nowhere", text, sizeof(text));
    assert_string_equal(text, "");
}

static uint32_t of(const char *names)
{
    struct strs s = {};

    strs_split(&s, names, ",");
    const uint32_t mask = role_permissions(&s);
    strs_free(&s);
    return mask;
}

static void test_role_permissions_by_role(void **state)
{
    (void)state;
    assert_true(permission_in(of("viewer"), PERM_CERT_READ));
    assert_false(permission_in(of("viewer"), PERM_CERT_WRITE));
    assert_false(permission_in(of("viewer"), PERM_AUDIT_READ));
    assert_true(permission_in(of("operator"), PERM_SERVER_WRITE));
    assert_false(permission_in(of("operator"), PERM_DEPLOY_APPROVE));
    assert_true(permission_in(of("operator,approver"), PERM_DEPLOY_APPROVE));
    assert_true(permission_in(of("auditor"), PERM_AUDIT_READ));
    assert_false(permission_in(of("connector-admin"), PERM_USER_ADMIN));
    assert_true(permission_in(of("security-officer"), PERM_SYSTEM_ADMIN));
}

static void test_role_permissions_of_nobody(void **state)
{
    (void)state;
    assert_int_equal(of("king"), PERM_BIT(PERM_ANY));
    assert_true(permission_in(of("king"), PERM_NONE));
    assert_int_equal(of("viewer,operator,approver,connector-admin,security-officer,auditor"),
                     PERM_BIT(PERM_COUNT) - 2);
}

static void test_permission_parse_round_trip(void **state)
{
    (void)state;
    for (unsigned p = 0; p < PERM_COUNT; p++)
        assert_int_equal(permission_parse(permission_name((enum permission)p)), p);
    assert_int_equal(permission_parse("cert_read"), PERM_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_route_find_finds),
        cmocka_unit_test(test_route_find_every_route_by_its_pattern),
        cmocka_unit_test(test_route_find_refuses),
        cmocka_unit_test(test_route_find_refuses_long_argument),
        cmocka_unit_test(test_route_methods_lists),
        cmocka_unit_test(test_role_permissions_by_role),
        cmocka_unit_test(test_role_permissions_of_nobody),
        cmocka_unit_test(test_permission_parse_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
