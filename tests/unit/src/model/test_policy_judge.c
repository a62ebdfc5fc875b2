/* Policies as tables: what applies, what is refused and in which words, and what several leave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"
#include "src/model/policy.h"
#include "src/model/policy_match.h"
#include "src/model/policy_window.h"

static int64_t at(const char *text)
{
    int64_t t = 0;
    assert_int_equal(time_parse(text, &t, NULL), 0);
    return t;
}

/* A policy from the JSON the API would take. */
static void add(struct policy_set *s, const char *name, const char *text)
{
    OWN(own_json)
    json_t *body = json_parse(blob_str(text), 4096, "policy", NULL);
    struct err e = {0};
    assert_non_null(body);
    s->v = xrealloc(s->v, (s->n + 1) * sizeof(*s->v));
    struct policy *p = &s->v[s->n++];
    fields_init(&policy_fields, p);
    json_put_str(body, "name", name);
    if (fields_from_json(&policy_fields, body, false, p, &e) < 0 || policy_check(p, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    text_set(&p->id, name);
}

struct asked {
    struct strs names, tags;
    struct policy_request q;
};

static void ask(struct asked *a, const char *names, const char *tags)
{
    strs_split(&a->names, names, " ");
    strs_split(&a->tags, tags, " ");
    a->q = (struct policy_request){.names = &a->names,
                                   .tags = &a->tags,
                                   .connector = "0000000000000000000a",
                                   .ca_type = "Public",
                                   .key_alg = "p-256",
                                   .key_policy = "deployable",
                                   .days = 90,
                                   .at = at("2026-11-25T12:00:00Z")};
}

static void asked_free(struct asked *a)
{
    strs_free(&a->names);
    strs_free(&a->tags);
}

static void test_policy_applies(void **state)
{
    static const struct {
        const char *policy, *names, *tags;
        bool want;
    } rows[] = {
        {"{}", "shop.example", "", true},
        {"{\"for_names\":[\"*.prod.example\"]}", "a.prod.example", "", true},
        {"{\"for_names\":[\"*.prod.example\"]}", "a.b.PROD.example", "", true},
        {"{\"for_names\":[\"*.prod.example\"]}", "prod.example", "", false},
        {"{\"for_names\":[\"*.prod.example\"]}", "shop.example a.prod.example", "", true},
        {"{\"for_names\":[\"*.prod.example\"]}", "a.prod.example.org", "", false},
        {"{\"for_tags\":[\"env=production\"]}", "shop.example", "env=production", true},
        {"{\"for_tags\":[\"env=production\"]}", "shop.example", "env=test", false},
        {"{\"for_connectors\":[\"0000000000000000000a\"]}", "shop.example", "", true},
        {"{\"for_connectors\":[\"0000000000000000000b\"]}", "shop.example", "", false},
        {"{\"for_ca_types\":[\"Public\"]}", "shop.example", "", true},
        {"{\"for_ca_types\":[\"Private\"]}", "shop.example", "", false},
        {"{\"for_ca_types\":[\"Public\"],\"for_tags\":[\"x\"]}", "shop.example", "", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        OWN(policy_set_free)
        struct policy_set s = {0};
        OWN(asked_free)
        struct asked a = {0};
        add(&s, "P", rows[i].policy);
        ask(&a, rows[i].names, rows[i].tags);
        if (policy_applies(&s.v[0], &a.q) != rows[i].want)
            fail_msg("row %zu: %s on %s", i, rows[i].policy, rows[i].names);
    }
}

/* One limit each: refused in these words, by this field; want NULL: allowed. */
static void test_policy_judge_each_limit(void **state)
{
    static const struct {
        const char *policy, *names, *field, *want;
    } rows[] = {
        {"{}", "shop.example", NULL, NULL},
        {"{\"max_days\":90}", "shop.example", NULL, NULL},
        {"{\"max_days\":89}", "shop.example", "validity_days",
         "Validity: 90 days; policy P allows at most 89, choose 89 or fewer"},
        {"{\"key_algs\":[\"p-384\",\"rsa-3072\"]}", "shop.example", "key_alg",
         "Key Algorithm: policy P does not allow p-256; choose one of p-384, rsa-3072"},
        {"{\"key_algs\":[\"p-256\"]}", "shop.example", NULL, NULL},
        {"{\"custodies\":[\"sealed\"]}", "shop.example", "key_policy",
         "Key Custody: policy P does not allow deployable; choose one of sealed"},
        {"{\"connectors\":[\"0000000000000000000b\"]}", "shop.example", "connector",
         "Certificate Authority: policy P does not allow this connector; choose one of its Allowed "
         "Connectors"},
        {"{\"connectors\":[\"0000000000000000000a\"]}", "shop.example", NULL, NULL},
        {"{\"wildcards\":false}", "shop.example *.shop.example", "names",
         "Names: *.shop.example: policy P allows no wildcard names; list the names one by one"},
        {"{\"wildcards\":false}", "shop.example", NULL, NULL},
        {"{\"suffixes\":[\"example\"]}", "shop.example *.shop.example", NULL, NULL},
        {"{\"suffixes\":[\"corp.example\"]}", "a.corp.example evil-corp.example", "names",
         "Names: evil-corp.example: policy P allows only names below corp.example; take the name "
         "out"},
        {"{\"suffixes\":[\".corp.example\"]}", "corp.example", "names",
         "Names: corp.example: policy P allows only names below .corp.example; take the name out"},
        {"{\"max_names\":1}", "a.example b.example", "names",
         "Names: 2 names; policy P allows at most 1, part them into more certificates"},
        {"{\"max_names\":2}", "a.example b.example", NULL, NULL},
        {"{\"for_names\":[\"*.other\"],\"max_days\":1}", "shop.example", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        OWN(policy_set_free)
        struct policy_set s = {0};
        OWN(asked_free)
        struct asked a = {0};
        OWN(policy_findings_free)
        struct policy_findings f = {0};
        add(&s, "P", rows[i].policy);
        ask(&a, rows[i].names, "");
        policy_judge(&s, &a.q, &f);
        if (f.n != (rows[i].want != NULL))
            fail_msg("row %zu: %zu findings: %s", i, f.n, f.n ? f.v[0].text : "");
        if (f.n == 0)
            continue;
        assert_string_equal(f.v[0].text, rows[i].want);
        assert_string_equal(f.v[0].field, rows[i].field);
        assert_string_equal(f.v[0].policy, "P");
    }
}

/* What is not known is not judged. */
static void test_policy_judge_leaves_the_unknown(void **state)
{
    OWN(policy_set_free)
    struct policy_set s = {0};
    OWN(policy_findings_free)
    struct policy_findings f = {0};
    struct strs none = {0};
    struct policy_request q = {.names = &none, .tags = &none, .at = 1};
    (void)state;
    add(&s, "P",
        "{\"max_days\":1,\"key_algs\":[\"p-384\"],\"custodies\":[\"sealed\"],\"wildcards\":false,"
        "\"connectors\":[\"0000000000000000000b\"],\"suffixes\":[\"example\"]}");
    policy_judge(&s, &q, &f);
    assert_int_equal(f.n, 0);
}

static void test_policy_limits_strictest_wins(void **state)
{
    OWN(policy_set_free)
    struct policy_set s = {0};
    OWN(asked_free)
    struct asked a = {0};
    OWN(policy_limits_free)
    struct policy_limits l = {0};
    OWN(policy_findings_free)
    struct policy_findings f = {0};
    (void)state;
    add(&s, "A",
        "{\"max_days\":200,\"key_algs\":[\"p-256\",\"p-384\"],\"renew_percent\":50,"
        "\"approval\":\"required\"}");
    add(&s, "B",
        "{\"max_days\":80,\"key_algs\":[\"p-384\",\"rsa-2048\"],\"renew_days\":20,"
        "\"custodies\":[\"sealed\",\"deployable\"],\"max_names\":3}");
    add(&s, "C", "{\"approval\":\"four eyes\",\"wildcards\":false,\"max_names\":5}");
    add(&s, "D", "{\"for_names\":[\"*.other\"],\"max_days\":1}");
    ask(&a, "shop.example", "");
    policy_limits(&s, &a.q, &l);
    OWN(own_mem)
    char *algs = strs_join(&l.key_algs, " ");
    OWN(own_mem)
    char *custodies = strs_join(&l.custodies, " ");
    OWN(own_mem)
    char *names = strs_join(&l.policies, " ");
    assert_string_equal(names, "A B C");
    assert_string_equal(algs, "p-384");
    assert_string_equal(custodies, "deployable sealed");
    assert_int_equal(l.max_days, 80);
    assert_int_equal(l.max_names, 3);
    assert_int_equal(l.renew_percent, 50);
    assert_int_equal(l.renew_days, 20);
    assert_false(l.wildcards);
    assert_int_equal(l.approval, APPROVAL_FOUR_EYES);
    assert_string_equal(l.approval_by, "C");
    assert_int_equal(l.opens, a.q.at);
    policy_judge(&s, &a.q, &f);
    assert_int_equal(f.n, 2); /* 90 days and p-256, both by B */
    assert_string_equal(f.v[0].policy_name, "B");
    assert_string_equal(f.v[1].policy_name, "B");
}

static void test_policy_first_has_the_public_validity(void **state)
{
    static const struct {
        const char *day;
        int64_t days;
    } rows[] = {{"2020-08-31", 0},   {"2026-03-14", 398}, {"2026-03-15", 200}, {"2027-03-14", 200},
                {"2027-03-15", 100}, {"2029-03-14", 100}, {"2029-03-15", 47},  {"2039-01-01", 47}};
    OWN(own_policy)
    struct policy all = {0}, tls = {0}, none = {0};
    struct err e = {0};
    (void)state;
    fields_init(&policy_fields, &all);
    fields_init(&policy_fields, &tls);
    fields_init(&policy_fields, &none);
    assert_true(policy_first(0, &all) && policy_first(1, &tls) && !policy_first(2, &none));
    assert_int_equal(policy_check(&all, &e), 0);
    assert_int_equal(policy_check(&tls, &e), 0);
    assert_int_equal(policy_max_days(&all, at("2039-01-01")), 825);
    for (size_t i = 0; i < COUNT(rows); i++)
        if (policy_max_days(&tls, at(rows[i].day)) != rows[i].days)
            fail_msg("%s: %lld days", rows[i].day,
                     (long long)policy_max_days(&tls, at(rows[i].day)));
    assert_true(policy_steps_between(&tls, at("2027-03-14"), at("2027-03-15")));
    assert_false(policy_steps_between(&tls, at("2027-03-15"), at("2027-03-16")));
}

static void test_policy_max_days_takes_the_smaller(void **state)
{
    OWN(policy_set_free)
    struct policy_set s = {0};
    (void)state;
    add(&s, "P", "{\"max_days\":60,\"max_days_from\":[\"2027-01-01 30\",\"2026-01-01 90\"]}");
    assert_int_equal(policy_max_days(&s.v[0], at("2025-01-01")), 60);
    assert_int_equal(policy_max_days(&s.v[0], at("2026-06-01")), 60);
    assert_int_equal(policy_max_days(&s.v[0], at("2027-06-01")), 30);
}

static void test_policy_check_refuses(void **state)
{
    static const struct {
        const char *policy, *want;
    } rows[] = {
        {"{\"for_names\":[\"a b\"]}", "For Names: a b: expected a name"},
        {"{\"for_names\":[\"shop.example/\"]}", "For Names: shop.example/: expected a name"},
        {"{\"max_days_from\":[\"2027-03-15\"]}",
         "Longest Validity From: 2027-03-15: expected a date"},
        {"{\"max_days_from\":[\"soon 47\"]}", "Longest Validity From: soon 47: expected a date"},
        {"{\"max_days_from\":[\"2027-03-15 0\"]}", "Longest Validity From: 2027-03-15 0: expected"},
        {"{\"suffixes\":[\"*.example\"]}", "Allowed Domains: "},
        {"{\"windows\":[\"Mon 25:00-26:00\"]}",
         "Deployment Windows: Mon 25:00-26:00: expected days"},
        {"{\"windows\":[\"Xxx 01:00-02:00\"]}",
         "Deployment Windows: Xxx 01:00-02:00: expected days"},
        {"{\"windows\":[\"Mon-Fri\"]}", "Deployment Windows: Mon-Fri: expected days"},
        {"{\"windows\":[\"Mon 01:00-01:00\"]}", "Deployment Windows: Mon 01:00-01:00: expected"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        OWN(own_policy)
        struct policy p = {0};
        OWN(own_json)
        json_t *body = json_parse(blob_str(rows[i].policy), 4096, "policy", NULL);
        struct err e = {0};
        fields_init(&policy_fields, &p);
        json_put_str(body, "name", "P");
        assert_int_equal(fields_from_json(&policy_fields, body, false, &p, &e), 0);
        assert_int_equal(policy_check(&p, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        if (!str_starts(e.text, rows[i].want))
            fail_msg("%s: %s", rows[i].policy, e.text);
    }
}

/* 2026-11-25 is a Wednesday. */
static void test_policy_window_opens(void **state)
{
    static const struct {
        const char *window, *at, *want;
    } rows[] = {
        {"daily 01:00-05:00", "2026-11-25T03:00:00Z", "2026-11-25T03:00:00Z"},
        {"daily 01:00-05:00", "2026-11-25T01:00:00Z", "2026-11-25T01:00:00Z"},
        {"daily 01:00-05:00", "2026-11-25T05:00:00Z", "2026-11-26T01:00:00Z"},
        {"daily 01:00-05:00", "2026-11-25T00:59:59Z", "2026-11-25T01:00:00Z"},
        {"Mon-Fri 22:00-04:00", "2026-11-25T03:59:59Z", "2026-11-25T03:59:59Z"},
        {"Mon-Fri 22:00-04:00", "2026-11-28T03:00:00Z", "2026-11-28T03:00:00Z"}, /* of Friday */
        {"Mon-Fri 22:00-04:00", "2026-11-29T03:00:00Z", "2026-11-30T22:00:00Z"},
        {"Sat 00:00-24:00", "2026-11-25T12:00:00Z", "2026-11-28T00:00:00Z"},
        {"Sat 00:00-24:00", "2026-11-28T23:59:59Z", "2026-11-28T23:59:59Z"},
        {"Sat 00:00-24:00", "2026-11-29T00:00:00Z", "2026-12-05T00:00:00Z"},
        {"Sat-Mon 10:00-11:00", "2026-11-25T12:00:00Z", "2026-11-28T10:00:00Z"},
        {"Sat-Mon 10:00-11:00", "2026-11-30T10:30:00Z", "2026-11-30T10:30:00Z"},
        {"wed 12:00-13:00", "1969-12-31T12:30:00Z", "1969-12-31T12:30:00Z"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct policy_window w;
        struct err e = {0};
        char got[TIME_TEXT_BYTES];
        assert_int_equal(policy_window_parse(rows[i].window, &w, &e), 0);
        time_print(policy_window_opens(&w, at(rows[i].at)), got);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s at %s: %s, not %s", rows[i].window, rows[i].at, got, rows[i].want);
    }
}

static void test_policy_limits_windows_must_meet(void **state)
{
    static const struct {
        const char *a, *b, *want, *by;
    } rows[] = {
        {"daily 01:00-05:00", "daily 04:00-06:00", "2026-11-26T04:00:00Z", "B"},
        {"Mon-Fri 22:00-04:00", "Sat 00:00-24:00", "2026-11-28T00:00:00Z", "B"},
        {"daily 11:00-13:00", "daily 10:00-14:00", "2026-11-25T12:00:00Z", "A"},
        {"Mon 01:00-02:00", "Tue 01:00-02:00", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        OWN(policy_set_free)
        struct policy_set s = {0};
        OWN(asked_free)
        struct asked q = {0};
        OWN(policy_limits_free)
        struct policy_limits l = {0};
        char got[TIME_TEXT_BYTES];
        OWN(own_mem)
        char *a = xasprintf("{\"windows\":[\"%s\"]}", rows[i].a);
        OWN(own_mem)
        char *b = xasprintf("{\"windows\":[\"%s\"]}", rows[i].b);
        add(&s, "A", a);
        add(&s, "B", b);
        ask(&q, "shop.example", "");
        policy_limits(&s, &q.q, &l);
        if (rows[i].want == NULL) {
            assert_int_equal(l.opens, -1);
            continue;
        }
        time_print(l.opens, got);
        assert_string_equal(got, rows[i].want);
        assert_string_equal(l.opens_by, rows[i].by);
    }
}

static void test_policy_pattern_matches(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool want;
    } rows[] = {
        {"shop.example", "shop.example", true},
        {"shop.example", "SHOP.example", true},
        {"shop.example", "shop.example.", false},
        {"*", "", true},
        {"*", "anything", true},
        {"*.example", "a.b.example", true},
        {"*.example", "example", false},
        {"web-*.example", "web-1.example", true},
        {"web-*.example", "web.example", false},
        {"a*b*c", "aXbXbXc", true},
        {"a*b*c", "aXcXb", false},
        {"**", "x", true},
        {"*.example", "*.example", true},
        {"", "", true},
        {"", "x", false},
        {"*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (policy_pattern_matches(rows[i].pattern, rows[i].name) != rows[i].want)
            fail_msg("%s on %s", rows[i].pattern, rows[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_policy_applies),
        cmocka_unit_test(test_policy_judge_each_limit),
        cmocka_unit_test(test_policy_judge_leaves_the_unknown),
        cmocka_unit_test(test_policy_limits_strictest_wins),
        cmocka_unit_test(test_policy_first_has_the_public_validity),
        cmocka_unit_test(test_policy_max_days_takes_the_smaller),
        cmocka_unit_test(test_policy_check_refuses),
        cmocka_unit_test(test_policy_window_opens),
        cmocka_unit_test(test_policy_limits_windows_must_meet),
        cmocka_unit_test(test_policy_pattern_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
