/* Readiness (S3), renewal time and back-off: decisions that need no other process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/core/flow/parts.h"

static void fill(struct cert *c)
{
    fields_init(&cert_fields, c);
    text_set(&c->id, "00000000000000000001");
    text_set(&c->bot, "built-in");
    text_set(&c->server, "s");
    text_set(&c->connector, "k");
    text_set(&c->cert_path, "/etc/nginx/tls/a.crt");
    text_set(&c->chain, "pem");
    text_set(&c->key, "key");
    text_set(&c->status, "Issued");
}

static void test_cert_derive_readiness(void **state)
{
    (void)state;
    static const struct {
        const char *what, *status;
        bool ignored, bot, server, path, material, failed;
        const char *want;
    } rows[] = {
        {"ignored wins", "Issued", true, false, true, true, true, true, "Ignored"},
        {"no bot", "Issued", false, false, true, true, true, false, "Bot Unassigned"},
        {"no server", "Issued", false, true, false, true, true, false, "Configuration Pending"},
        {"no path", "Issued", false, true, true, false, true, false, "Configuration Pending"},
        {"not issued yet", "Initiated", false, true, true, true, false, false,
         "Configuration Pending"},
        {"waits for deployment", "Issued", false, true, true, true, true, false,
         "Deployment Pending"},
        {"failed", "Issued", false, true, true, true, true, true, "Deployment Failed"},
        {"deployed", "Deployed", false, true, true, true, true, false, "Ready"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        OWN(own_cert)
        struct cert c = {0};
        fill(&c);
        c.ignored = rows[i].ignored;
        text_set(&c.status, rows[i].status);
        if (!rows[i].bot)
            text_set(&c.bot, "");
        if (!rows[i].server)
            text_set(&c.server, "");
        if (!rows[i].path)
            text_set(&c.cert_path, "");
        if (!rows[i].material)
            text_set(&c.key, "");
        cert_derive(&c, rows[i].failed);
        if (strcmp(c.readiness, rows[i].want) != 0)
            fail_msg("%s: %s, not %s", rows[i].what, c.readiness, rows[i].want);
    }
}

static void test_cert_derive_renewal_time(void **state)
{
    (void)state;
    const int64_t day = 86400;
    OWN(own_cert)
    struct cert c = {0};
    fill(&c);
    c.not_before = 1000 * day;
    c.not_after = 1090 * day;
    cert_derive(&c, false);
    assert_int_equal(c.renew_at, 0); /* not deployed: nothing to renew */
    text_set(&c.status, "Deployed");
    cert_derive(&c, false);
    assert_in_range(c.renew_at, 1060 * day - 90 * day / 60,
                    1060 * day); /* one third left, less the jitter */
    c.renew_days = 10;
    cert_derive(&c, false);
    assert_in_range(c.renew_at, 1080 * day - 90 * day / 60, 1080 * day);
    c.renew_days = 90; /* as long as its life: would renew for ever */
    cert_derive(&c, false);
    assert_in_range(c.renew_at, 1060 * day - 90 * day / 60, 1060 * day);
    text_set(&c.renewal, "manual");
    cert_derive(&c, false);
    assert_int_equal(c.renew_at, 0);
    text_set(&c.renewal, "automatic");
    text_set(&c.successor, "x");
    cert_derive(&c, false);
    assert_int_equal(c.renew_at, 0);
}

/* Own setting, then what the policies want at the latest: the earliest counts. */
static void test_cert_derive_renewal_time_by_policy(void **state)
{
    (void)state;
    static const struct {
        int64_t own_days, percent, days, left; /* left: days before the end of a life of 90 */
    } rows[] = {
        {0, 0, 0, 30},  {0, 20, 0, 30}, {0, 50, 0, 45},  {60, 50, 0, 60},
        {0, 0, 40, 40}, {0, 0, 10, 30}, {0, 50, 60, 60}, {0, 0, 90, 30}, /* as long as its life */
    };
    const int64_t day = 86400;
    for (size_t i = 0; i < COUNT(rows); i++) {
        OWN(own_cert)
        struct cert c = {0};
        fill(&c);
        text_set(&c.status, "Deployed");
        c.not_before = 1000 * day;
        c.not_after = 1090 * day;
        c.renew_days = rows[i].own_days;
        c.policy_renew_percent = rows[i].percent;
        c.policy_renew_days = rows[i].days;
        cert_derive(&c, false);
        assert_in_range(c.renew_at, (1090 - rows[i].left) * day - 90 * day / 60,
                        (1090 - rows[i].left) * day);
    }
}

static void test_backoff_s_grows_and_respects_the_time_left(void **state)
{
    (void)state;
    assert_int_equal(backoff_s(1, INT64_MAX), 5);
    assert_int_equal(backoff_s(2, INT64_MAX), 10);
    assert_int_equal(backoff_s(30, INT64_MAX), 3600);
    assert_int_equal(backoff_s(30, 86400), 3600);
    assert_int_equal(backoff_s(30, 3600), 360);
    assert_int_equal(backoff_s(30, 10), 5);
    assert_int_equal(backoff_s(0, INT64_MAX), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cert_derive_readiness),
        cmocka_unit_test(test_cert_derive_renewal_time),
        cmocka_unit_test(test_cert_derive_renewal_time_by_policy),
        cmocka_unit_test(test_backoff_s_grows_and_respects_the_time_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
