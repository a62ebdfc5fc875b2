/* Group commit: many fibers, one write to disk; what is read meanwhile; what a failure leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/base/fiber.h"
#include "src/base/loop.h"
#include "src/core/store/inside.h"

#define FIBERS 50

struct world {
    char dir[64];
    struct loop *loop;
    struct db *db;
    unsigned done, failed, seen_early;
};

static size_t txn_number(struct db *db)
{
    MDB_envinfo info;
    mdb_env_info(db->env, &info);
    return info.me_last_txnid;
}

static int set_up(void **state)
{
    struct world *w = xcalloc(1, sizeof *w);
    struct err e = {0};
    snprintf(w->dir, sizeof w->dir, "/tmp/group.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->loop = loop_new();
    assert_int_equal(db_open(w->dir, &w->db, &e), 0);
    db_group_commits(w->db, w->loop);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    OWN(own_mem)
    char *data = xasprintf("%s/data.mdb", w->dir);
    OWN(own_mem)
    char *lock = xasprintf("%s/lock.mdb", w->dir);
    OWN(own_mem)
    char *ours = xasprintf("%s/lock", w->dir);
    db_close(w->db);
    loop_free(w->loop);
    unlink(data);
    unlink(lock);
    unlink(ours);
    assert_int_equal(rmdir(w->dir), 0);
    free(w);
    return 0;
}

static int put_setting(struct world *w, const char *name, const char *value, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    if (txn_begin(w->db, true, &t, e) < 0 || setting_put(t, name, value, e) < 0)
        return -1;
    return txn_commit(&t, e);
}

static void writer(void *arg)
{
    struct world *w = arg;
    struct err e = {0};
    static unsigned next;
    char name[32];
    snprintf(name, sizeof name, "n%u", next++);
    if (put_setting(w, name, "v", &e) == 0) {
        w->done++;
    } else {
        w->failed++;
    }
    if (w->done + w->failed == FIBERS)
        loop_stop(w->loop);
}

static void test_commit_of_many_fibers_is_one_write(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    size_t before = txn_number(w->db);
    for (int i = 0; i < FIBERS; i++)
        fiber_start(w->loop, writer, w);
    assert_int_equal(w->done, 0); /* nobody was told before it is on disk */
    assert_int_equal(loop_run(w->loop, &e), 0);
    assert_int_equal(w->done, FIBERS);
    assert_int_equal(txn_number(w->db), before + 1);
    uint64_t n;
    OWN(txn_abort)
    struct txn *t = NULL;
    assert_int_equal(txn_begin(w->db, false, &t, &e), 0);
    assert_int_equal(row_count(t, TABLE_SETTING, NULL, NULL, &n, &e), 0);
    assert_int_equal(n, FIBERS);
}

static void read_back(void *arg)
{
    struct world *w = arg;
    struct err e = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *value = NULL;
    assert_int_equal(txn_begin(w->db, false, &t, &e), 0);
    if (setting_get(t, "early", &value, &e) == 0)
        w->seen_early++;
}

static void write_early(void *arg)
{
    struct world *w = arg;
    struct err e = {0};
    assert_int_equal(put_setting(w, "early", "v", &e), 0);
    loop_stop(w->loop);
}

static void test_read_sees_what_waits_for_the_disk(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    fiber_start(w->loop, write_early, w);
    fiber_start(w->loop, read_back, w);
    assert_int_equal(w->seen_early, 1);
    assert_int_equal(loop_run(w->loop, &e), 0);
}

static void test_commit_on_the_main_stack_is_durable_at_once(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    size_t before = txn_number(w->db);
    assert_int_equal(put_setting(w, "main", "v", &e), 0);
    assert_int_equal(txn_number(w->db), before + 1);
}

static void test_abort_leaves_the_other_members(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    OWN(own_mem)
    char *value = NULL;
    fiber_start(w->loop, write_early, w);
    assert_int_equal(txn_begin(w->db, true, &t, &e), 0);
    assert_int_equal(setting_put(t, "never", "v", &e), 0);
    txn_abort(&t);
    t = NULL;
    assert_int_equal(loop_run(w->loop, &e), 0);
    assert_int_equal(txn_begin(w->db, false, &t, &e), 0);
    assert_int_equal(setting_get(t, "early", &value, &e), 0);
    free(TAKE(value));
    assert_int_equal(setting_get(t, "never", &value, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void test_write_inside_a_read_of_the_group_is_refused(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    OWN(txn_abort)
    struct txn *outer = NULL, *inner = NULL;
    fiber_start(w->loop, write_early, w); /* opens the group */
    assert_int_equal(txn_begin(w->db, false, &outer, &e), 0);
    assert_int_equal(txn_begin(w->db, true, &inner, &e), -1);
    assert_int_equal(e.code, ERR_BUG);
    txn_abort(&outer);
    outer = NULL;
    assert_int_equal(loop_run(w->loop, &e), 0);
}

/* At each commit that a read may see, and once more at the disk: there it may be lost. */
static void test_count_changes_grows_with_what_reads_may_see(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    OWN(txn_abort)
    struct txn *t = NULL;
    _Atomic uint64_t count = 1;
    db_count_changes(w->db, &count);
    fiber_start(w->loop, write_early, w);
    assert_int_equal(count, 2);
    assert_int_equal(txn_begin(w->db, true, &t, &e), 0);
    assert_int_equal(setting_put(t, "never", "v", &e), 0);
    txn_abort(&t);
    t = NULL;
    assert_int_equal(txn_begin(w->db, false, &t, &e), 0);
    txn_abort(&t);
    t = NULL;
    assert_int_equal(count, 2);
    assert_int_equal(loop_run(w->loop, &e), 0);
    assert_int_equal(count, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_commit_of_many_fibers_is_one_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_sees_what_waits_for_the_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_commit_on_the_main_stack_is_durable_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_abort_leaves_the_other_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_count_changes_grows_with_what_reads_may_see, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_write_inside_a_read_of_the_group_is_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
