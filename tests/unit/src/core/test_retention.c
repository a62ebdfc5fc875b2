/* What retention takes away and what it never does; time is the test's. */
#include "src/base/enc.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/core/retention.h"
#include "tests/unit/src/core/store/store_test.h"

#define NOW ((int64_t)2000000000)
#define DAY 86400

static const int64_t now_ms_fixed = NOW * 1000;

struct made {
    const char *kind, *state, *cert, *order;
    int64_t finished_at;
    bool dry_run;
};

static void add_job(struct txn *t, struct made m, char id[ID_CHARS + 1])
{
    OWN(own_job)
    struct job j = {0};

    fields_init(&job_fields, &j);
    text_set(&j.kind, m.kind);
    text_set(&j.state, m.state);
    text_set(&j.cert, m.cert);
    text_set(&j.order, m.order);
    j.finished_at = m.finished_at;
    j.dry_run = m.dry_run;
    OK(row_put(t, TABLE_JOB, &j, &e));
    OK(trail_add(t, TRAIL_JOURNAL, j.id, blob_str("{}"), NULL, &e));
    OK(trail_add(t, TRAIL_LOG, j.id, blob_str("{}"), NULL, &e));
    snprintf(id, ID_CHARS + 1, "%s", j.id);
}

static int count_one(uint64_t seq, struct blob entry, void *arg, struct err *e)
{
    (void)seq;
    (void)entry;
    (void)e;
    ++*(int *)arg;
    return 0;
}

/* Whether the job is there, with both of its trails or with neither. */
static bool job_is(struct db *db, const char *id)
{
    OWN(own_job)
    struct job j = {0};
    struct txn *t = begin(db, false);
    struct err gone = {0};
    int entries = 0;
    const bool there = row_get(t, TABLE_JOB, id, &j, &gone) == 0;

    OK(trail_each(t, TRAIL_JOURNAL, id, 1, count_one, &entries, &e));
    OK(trail_each(t, TRAIL_LOG, id, 1, count_one, &entries, &e));
    txn_abort(&t);
    assert_int_equal(entries, there ? 2 : 0);
    return there;
}

static struct retention_run step(struct db *db, struct retention_walk *w)
{
    struct retention_run run;

    OK(retention_step(db, w, &run, &e));
    return run;
}

static uint64_t audit_records(struct db *db)
{
    struct txn *t = begin(db, false);
    uint8_t hash[32];
    uint64_t seq;

    OK(audit_head(t, &seq, hash, &e));
    txn_abort(&t);
    return seq;
}

static void test_retention_takes_old_jobs_and_keeps_what_is_named(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *t = begin(db, true);
    char cert[ID_CHARS + 1], gone[ID_CHARS + 1], order[ID_CHARS + 1];
    char old[ID_CHARS + 1], young[ID_CHARS + 1], open[ID_CHARS + 1], last[ID_CHARS + 1];
    char first[ID_CHARS + 1], deployed[ID_CHARS + 1], dry[ID_CHARS + 1], ordered[ID_CHARS + 1];
    struct retention_walk w = {0};
    const int64_t long_ago = NOW - 400 * DAY;

    id_new(gone);
    add_cert(t, "shop.example", "Deployed", NOW, cert);
    add_job(t, (struct made){"deploy", "Done", cert, NULL, long_ago, false}, first);
    add_job(t, (struct made){"deploy", "Done", cert, NULL, long_ago + 5, false}, deployed);
    add_job(t, (struct made){"deploy", "Done", cert, NULL, long_ago + 9, true}, dry);
    add_job(t, (struct made){"deploy", "Failed", cert, NULL, long_ago + 20, false}, last);
    add_job(t, (struct made){"deploy", "Done", gone, NULL, long_ago, false}, old);
    add_job(t, (struct made){"deploy", "Done", gone, NULL, NOW - 179 * DAY, false}, young);
    add_job(t, (struct made){"issue", "Waiting", gone, NULL, 0, false}, open);
    OWN(own_order)
    struct order o = {0};
    fields_init(&order_fields, &o);
    OK(row_put(t, TABLE_ORDER, &o, &e));
    snprintf(order, sizeof order, "%s", o.id);
    add_job(t, (struct made){"issue", "Done", gone, order, long_ago, false}, ordered);
    text_set(&o.job, ordered);
    OK(row_put(t, TABLE_ORDER, &o, &e));
    OWN(own_cert)
    struct cert c = {0};
    OK(row_get(t, TABLE_CERT, cert, &c, &e));
    text_set(&c.job, last);
    OK(row_put(t, TABLE_CERT, &c, &e));
    commit(&t);

    struct retention_run run = step(db, &w);
    assert_int_equal(run.jobs, 3);
    assert_false(run.more);
    assert_false(job_is(db, old) || job_is(db, first) || job_is(db, dry));
    assert_true(job_is(db, deployed)); /* a rollback goes back by it */
    assert_true(job_is(db, last) && job_is(db, ordered));
    assert_true(job_is(db, young) && job_is(db, open));
    assert_int_equal(audit_records(db), 1);
    run = step(db, &w);
    assert_int_equal(run.jobs, 0);
    assert_int_equal(audit_records(db), 1); /* nothing done, nothing said */
    check_store(db);
}

/* More than one step holds, and at the front only jobs that stay. */
static void test_retention_goes_on_in_small_steps(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct retention_walk w = {0};
    char id[ID_CHARS + 1], cert[ID_CHARS + 1];
    size_t taken = 0, steps = 0;
    struct txn *t = begin(db, true);

    for (int i = 0; i < 450; i++) {
        add_cert(t, "kept.example", "Deployed", NOW, cert);
        add_job(t, (struct made){"deploy", "Done", cert, NULL, NOW - 900 * DAY + i / 100, false},
                id);
    }
    for (int i = 0; i < 130; i++)
        add_job(t, (struct made){"server check", "Done", NULL, NULL, NOW - 800 * DAY, false}, id);
    commit(&t);
    for (bool more = true; more; steps++) {
        struct retention_run run = step(db, &w);
        assert_true(run.jobs <= 25);
        taken += run.jobs;
        more = run.more;
        assert_true(steps < 40);
    }
    assert_int_equal(taken, 130);
    t = begin(db, false);
    uint64_t n;
    OK(row_count(t, TABLE_JOB, NULL, NULL, &n, &e));
    txn_abort(&t);
    assert_int_equal(n, 450);
    assert_int_equal(audit_records(db), 6); /* one for each step that took something */
    check_store(db);
}

static void add_session(struct txn *t, const char *hash, int64_t expires_at)
{
    OWN(own_session)
    struct session s = {0};

    fields_init(&session_fields, &s);
    text_set(&s.secret_hash, hash);
    s.expires_at = expires_at;
    OK(row_put(t, TABLE_SESSION, &s, &e));
}

static void set(struct db *db, int64_t jobs, int64_t sessions, int64_t answers)
{
    const struct retention r = {jobs, sessions, answers};
    struct txn *t = begin(db, true);

    OK(retention_put(t, &r, &e));
    commit(&t);
}

static void test_retention_follows_its_setting(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct retention_walk w = {0};
    struct retention r;
    struct txn *t = begin(db, true);
    char id[ID_CHARS + 1];
    int64_t rev;

    OK(retention_get(t, &r, &rev, &e));
    assert_true(r.jobs_days == 180 && r.sessions_days == 0 && r.answers_hours == 24 && rev == 0);
    add_session(t, "a", NOW - 1);
    add_session(t, "b", NOW - 3 * DAY);
    add_session(t, "c", NOW + 5);
    add_session(t, "d", 0); /* has no end */
    OK(setting_put(t, "repeat.one", "{}", &e));
    OK(setting_put(t, "ui.names", "localhost", &e));
    add_job(t, (struct made){"server check", "Done", NULL, NULL, NOW - 3 * DAY, false}, id);
    commit(&t);
    set(db, 4, 2, 1);
    struct retention_run run = step(db, &w);
    assert_true(run.jobs == 0 && run.sessions == 1 && run.answers == 0);
    set(db, 2, 0, 1);
    run = step(db, &w);
    assert_true(run.jobs == 1 && run.sessions == 1 && run.answers == 0);
    const int64_t later = (NOW + 3601) * 1000;
    clock_replace(&later);
    run = step(db, &w);
    assert_true(run.jobs == 0 && run.answers == 1 && run.sessions == 1);
    t = begin(db, false);
    OWN(own_mem)
    char *names = NULL;
    OK(setting_get(t, "ui.names", &names, &e));
    OK(retention_get(t, &r, &rev, &e));
    txn_abort(&t);
    assert_true(r.jobs_days == 2 && rev > 1);
    clock_replace(&now_ms_fixed);
    check_store(db);
}

static int group_setup(void **state)
{
    clock_replace(&now_ms_fixed);
    return temp_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_retention_takes_old_jobs_and_keeps_what_is_named,
                                        group_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(test_retention_goes_on_in_small_steps, group_setup,
                                        temp_teardown),
        cmocka_unit_test_setup_teardown(test_retention_follows_its_setting, group_setup,
                                        temp_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
