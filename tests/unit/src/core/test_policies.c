/*
 * Policies in the store: a store of an older release gets them and has its certificates judged, a
 * limit that changes by its date does too, and a judgement that was cut short goes on.
 */
#include "src/base/loop.h"
#include "src/base/time.h"
#include "src/core/policies.h"
#include "tests/unit/src/core/store/store_test.h"

#define CERTS 450 /* more than two batches */
#define DAY_MS INT64_C(86400000)
#define NOV_2026 INT64_C(1795608000000) /* 2026-11-25T12:00:00Z */

static int64_t now_is;

/* The field table of certificates before there were policies. */
static struct fields older_cert(void)
{
    static const char *const newer[] = {
        "policy",        "policy_findings",      "refused_by",
        "configured_by", "policy_renew_percent", "policy_renew_days"};
    struct field *v = xcalloc(cert_fields.n, sizeof(*v));
    struct fields f = {cert_fields.name, cert_fields.size, v, 0};

    for (size_t i = 0; i < cert_fields.n; i++) {
        bool is_newer = false;
        for (size_t k = 0; k < COUNT(newer); k++)
            is_newer = is_newer || str_eq(cert_fields.v[i].name, newer[k]);
        if (!is_newer)
            v[f.n++] = cert_fields.v[i];
    }
    return f;
}

static void put_connector(struct txn *t, char id[ID_CHARS + 1])
{
    OWN(own_connector)
    struct connector c = {0};

    fields_init(&connector_fields, &c);
    text_set(&c.name, "Public CA");
    text_set(&c.type, "acme");
    text_set(&c.ca_type, "Public");
    OK(row_put(t, TABLE_CONNECTOR, &c, &e));
    snprintf(id, ID_CHARS + 1, "%s", c.id);
}

static void put_cert(struct txn *t, const struct fields *f, const char *connector, int number)
{
    struct cert c = {0};

    fields_init(f, &c);
    c.name = xasprintf("c%d.example", number);
    strs_add(&c.names, c.name);
    text_set(&c.connector, connector);
    text_set(&c.status, "Initiated");
    text_set(&c.key_alg, "p-256");
    text_set(&c.key_policy, "deployable");
    c.validity_days = number % 3 == 0 ? 300 : number % 3 == 1 ? 150 : 47;
    OK(row_put(t, TABLE_CERT, &c, &e));
    fields_free(f, &c);
}

/* A folder with the store of an older release. */
static void write_older(const char *dir)
{
    const struct fields *tables[TABLE_END] = {0};
    struct fields older = older_cert();
    char connector[ID_CHARS + 1];
    struct db *db = NULL;

    for (unsigned i = 1; i < TABLE_POLICY; i++)
        tables[i] = i == TABLE_CERT ? &older : table_fields((enum table)i);
    OK(db_open_with(dir, (struct db_options){1024 * 1024, tables}, &db, &e));
    struct txn *t = begin(db, true);
    put_connector(t, connector);
    for (int i = 0; i < CERTS; i++)
        put_cert(t, &older, connector, i);
    commit(&t);
    db_close(db);
    free((void *)older.v);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

/* Runs what was started until nothing is left to judge. */
static void settle(struct core *core)
{
    struct watch *w = loop_timer(core->loop, 1, stop, core->loop);

    for (int i = 0; i < 1000; i++) {
        watch_again(w, 1);
        OK(loop_run(core->loop, &e));
        if (!core->judging)
            break;
    }
    watch_free(w);
    assert_false(core->judging);
}

static uint64_t with_outcome(struct core *core, const char *outcome)
{
    struct txn *t = begin(core->db, false);
    uint64_t n = 0;

    OK(row_count(t, TABLE_CERT, "policy", outcome, &n, &e));
    txn_abort(&t);
    return n;
}

static void expect(struct core *core, uint64_t unjudged, uint64_t compliant, uint64_t findings)
{
    assert_int_equal(with_outcome(core, ""), unjudged);
    assert_int_equal(with_outcome(core, "Compliant"), compliant);
    assert_int_equal(with_outcome(core, "Findings"), findings);
}

static int setup(void **state)
{
    struct core *core = xcalloc(1, sizeof(*core));
    static char dir[64];

    now_is = NOV_2026;
    clock_replace(&now_is);
    snprintf(dir, sizeof(dir), "/tmp/store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    core->public_dir = dir;
    write_older(dir);
    OK(db_open(dir, &core->db, &e));
    core->loop = loop_new();
    *state = core;
    return 0;
}

static int teardown(void **state)
{
    struct core *core = *state;

    clock_replace(NULL);
    db_close(core->db);
    loop_free(core->loop);
    temp_remove(core->public_dir);
    free(core);
    return 0;
}

static void test_older_store_gets_policies_and_is_judged(void **state)
{
    struct core *core = *state;
    uint64_t n = 0;

    expect(core, CERTS, 0, 0);
    for (int again = 0; again < 2; again++) { /* a second start makes nothing twice */
        OK(policies_begin(core, &e));
        OK(policies_tick(core, &e));
        settle(core);
        expect(core, 0, CERTS / 3 * 2, CERTS / 3); /* 300 days are too many in 2026 */
    }
    struct txn *t = begin(core->db, false);
    OWN(own_policy)
    struct policy p = {0};
    OWN(own_cert)
    struct cert c = {0};
    OK(row_count(t, TABLE_POLICY, NULL, NULL, &n, &e));
    assert_int_equal(n, 2);
    OK(row_find(t, TABLE_POLICY, "builtin", "public-tls", &p, &e));
    OK(row_find(t, TABLE_CERT, "policy", "Findings", &c, &e));
    assert_int_equal(c.refused_by.n, 1);
    assert_string_equal(c.refused_by.v[0], p.id);
    assert_string_equal(c.policy_findings.v[0],
                        "Validity: 300 days; policy Public TLS allows at most 200, choose 200 or "
                        "fewer");
    txn_abort(&t);
    check_store(core->db);
}

static void test_a_date_that_comes_judges_again(void **state)
{
    struct core *core = *state;

    OK(policies_begin(core, &e));
    OK(policies_tick(core, &e));
    settle(core);
    now_is = NOV_2026 + 109 * DAY_MS; /* 2027-03-14 */
    OK(policies_tick(core, &e));
    settle(core);
    expect(core, 0, CERTS / 3 * 2, CERTS / 3);
    now_is += DAY_MS; /* 100 days from now on */
    OK(policies_tick(core, &e));
    settle(core);
    expect(core, 0, CERTS / 3, CERTS / 3 * 2);
}

struct nth {
    int left;
    char *out;
};

static int nth_one(void *record, void *arg, struct err *e)
{
    struct nth *n = arg;

    (void)e;
    if (n->left-- > 0)
        return 0;
    snprintf(n->out, ID_CHARS + 1, "%s", ((struct cert *)record)->id);
    return 1;
}

static void middle_id(struct core *core, char out[ID_CHARS + 1])
{
    struct txn *t = begin(core->db, false);
    struct nth n = {CERTS / 2, out};

    OK(row_each(t, TABLE_CERT, NULL, NULL, nth_one, &n, &e));
    txn_abort(&t);
}

static void test_a_judgement_cut_short_goes_on(void **state)
{
    struct core *core = *state;
    char id[ID_CHARS + 1];

    OK(policies_begin(core, &e));
    middle_id(core, id);
    struct txn *t = begin(core->db, true);
    OK(setting_put(t, "policy.sweep", id, &e)); /* so far it came before the restart */
    commit(&t);
    OK(policies_tick(core, &e));
    settle(core);
    assert_int_equal(with_outcome(core, ""), CERTS / 2 + 1);
    t = begin(core->db, true);
    OK(policies_changed(t, &e)); /* a change begins from the start */
    commit(&t);
    policies_kick(core);
    settle(core);
    assert_int_equal(with_outcome(core, ""), 0);
}

static void test_demand_refuses_only_new_findings(void **state)
{
    struct core *core = *state;
    OWN(own_cert)
    struct cert c = {0};
    OWN(policy_findings_free)
    struct policy_findings before = {0};
    struct err why = {0};

    OK(policies_begin(core, &e));
    OK(policies_tick(core, &e));
    settle(core);
    struct txn *t = begin(core->db, false);
    OK(row_find(t, TABLE_CERT, "policy", "Findings", &c, &e));
    OK(policies_judge(t, &c, &before, NULL, &e));
    OK(policies_demand(t, &c, &before, &e)); /* as it was: it may be kept */
    c.validity_days = 301;
    assert_int_equal(policies_demand(t, &c, &before, &why), -1);
    assert_int_equal(why.code, ERR_INPUT);
    assert_true(str_starts(why.text, "Validity: 301 days; policy Public TLS"));
    c.validity_days = 200;
    OK(policies_demand(t, &c, &before, &e));
    assert_string_equal(c.policy, "Compliant");
    txn_abort(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_older_store_gets_policies_and_is_judged, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_date_that_comes_judges_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_judgement_cut_short_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_demand_refuses_only_new_findings, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
