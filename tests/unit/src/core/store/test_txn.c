/* Transactions: commit, abort, events, the growing map, the full disk, the lock, and being killed.
 */
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/src/core/store/store_test.h"

static void test_txn_abort_leaves_nothing(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *t = begin(db, true);
    uint64_t n = 9;

    add_cert(t, "a.example", "Issued", 1, NULL);
    txn_abort(&t);
    assert_null(t);
    txn_abort(&t);
    t = begin(db, false);
    OK(row_count(t, TABLE_CERT, NULL, NULL, &n, &e));
    assert_int_equal(n, 0);
    txn_abort(&t);
}

static void test_txn_begin_refuses_two_writers(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    struct txn *a = begin(db, true), *b = NULL;

    REFUSED(txn_begin(db, true, &b, &e), ERR_BUG);
    b = begin(db, false); /* reading beside it is fine */
    REFUSED(setting_put(b, "x", "y", &e), ERR_BUG);
    txn_abort(&b);
    txn_abort(&a);
}

static void note(enum table table, const char *id, bool deleted, void *arg)
{
    buf_addf(arg, "%s %s%s;", table_name(table), deleted ? "-" : "+", id_valid(id) ? "" : "?");
}

static void test_txn_commit_tells_changes_once(void **state)
{
    struct db *db = ((struct temp *)*state)->db;
    OWN(buf_free)
    struct buf told = BUF(4096);
    char id[ID_CHARS + 1];
    struct txn *t;

    db_on_change(db, note, &told);
    t = begin(db, true);
    add_cert(t, "a.example", "Issued", 1, id);
    assert_int_equal(told.n, 0);
    commit(&t);
    t = begin(db, true);
    OK(row_delete(t, TABLE_CERT, id, &e));
    txn_abort(&t);
    t = begin(db, true);
    OK(row_delete(t, TABLE_CERT, id, &e));
    OK(setting_put(t, "a", "b", &e));
    commit(&t);
    assert_string_equal(buf_cstr(&told), "cert +;cert -;setting +;");
}

static void test_db_open_refuses_a_second_process(void **state)
{
    struct temp *temp = *state;
    struct db *other = NULL;

    REFUSED(db_open(temp->dir, &other, &e), ERR_CONFLICT);
}

static const struct fields *const cert_only[TABLE_END] = {[TABLE_CERT] = &cert_fields};

/* 300 MB through small transactions, from a map of 1 MiB. */
static void test_txn_begin_grows_the_map(void **state)
{
    (void)state;
    char dir[] = "/tmp/store-XXXXXX";
    struct db *db = NULL;
    size_t size = 1024 * 1024;
    OWN(own_mem)
    char *filler = xmalloc(size);
    uint64_t n = 0;

    assert_non_null(mkdtemp(dir));
    OK(db_open_with(dir, (struct db_options){1024 * 1024, cert_only}, &db, &e));
    OK(mdb_env_set_flags(db->env, MDB_NOSYNC, 1)); /* the disk is not what is tested */
    memset(filler, 'x', size);
    for (int i = 0; i < 150; i++) {
        struct txn *t = begin(db, true);
        for (int k = 0; k < 2; k++)
            OK(trail_add(t, TRAIL_LOG, "filler", BLOB(filler, size), &n, &e));
        add_cert(t, "a.example", "Issued", i, NULL);
        commit(&t);
    }
    assert_int_equal(n, 300);
    struct txn *t = begin(db, false);
    OK(row_count(t, TABLE_CERT, "status", "Issued", &n, &e));
    assert_int_equal(n, 150);
    txn_abort(&t);
    check_store(db);
    db_close(db);
    temp_remove(dir);
}

/* In a child with a file system of 4 MB of its own. */
static int fill_disk(const char *dir)
{
    struct db *db = NULL;
    struct err e = {0};
    char filler[60000];
    uint64_t added = 0, seen = 0;
    struct txn *t = NULL;
    int refused = 0;

    memset(filler, 'x', sizeof(filler));
    if (db_open(dir, &db, &e) < 0)
        return 2;
    for (int i = 0; i < 200 && refused < 3; i++) {
        if (txn_begin(db, true, &t, &e) < 0)
            return 3;
        uint64_t seq;
        if (trail_add(t, TRAIL_LOG, "x", BLOB(filler, sizeof(filler)), &seq, &e) < 0)
            return 4;
        add_cert(t, "a.example", "Issued", 1, NULL);
        if (txn_commit(&t, &e) == 0)
            added++;
        else if (e.code == ERR_LIMIT && strstr(e.text, "disk is full"))
            refused++;
        else {
            fprintf(stderr, "full disk: %s\n", e.text);
            return 5;
        }
    }
    db_close(db);
    if (refused < 3 || db_open(dir, &db, &e) < 0 || txn_begin(db, false, &t, &e) < 0)
        return 6;
    if (row_count(t, TABLE_CERT, NULL, NULL, &seen, &e) < 0 || store_check(t, &e) < 0)
        return 7;
    txn_abort(&t);
    db_close(db);
    return seen == added ? 0 : 8;
}

static void test_txn_commit_on_a_full_disk(void **state)
{
    (void)state;
    char dir[] = "/tmp/store-XXXXXX";
    int status;

    assert_non_null(mkdtemp(dir));
    pid_t pid = fork();
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("full", dir, "tmpfs", 0, "size=4m") < 0)
            _exit(77); /* not root: nothing to try it on */
        _exit(fill_disk(dir));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    rmdir(dir);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Puts, changes and deletes for ever; each committed transaction is told through the pipe. */
static void write_for_ever(const char *dir, int pipe_fd)
{
    struct db *db = NULL;
    struct err e = {0};
    static const char *const statuses[] = {"Issued", "Deployed", "Discovered"};
    char id[ID_CHARS + 1];

    if (db_open(dir, &db, &e) < 0)
        _exit(1);
    for (int64_t i = 0;; i++) {
        struct txn *t = begin(db, true);
        struct cert c = {0};
        add_cert(t, "first.example", statuses[i % 3], i, NULL);
        add_cert(t, "second.example", "Issued", -i, id);
        if (row_get(t, TABLE_CERT, id, &c, &e) < 0)
            _exit(2);
        c.not_after = i * 2;
        if (row_put(t, TABLE_CERT, &c, &e) < 0 ||
            (i % 4 == 3 && row_delete(t, TABLE_CERT, id, &e) < 0) ||
            trail_add(t, TRAIL_AUDIT, "", BLOB("entry", 5), NULL, &e) < 0)
            _exit(3);
        fields_free(&cert_fields, &c);
        if (txn_commit(&t, &e) < 0 || write(pipe_fd, "c", 1) != 1)
            _exit(4);
    }
}

static int count_entry(uint64_t seq, struct blob entry, void *arg, struct err *e)
{
    (void)entry;
    (void)e;
    *(uint64_t *)arg = seq;
    return 0;
}

/* Lets a child write until it has told of `after` commits and some more, and kills it. */
static uint64_t run_and_kill(const char *dir, int after, long nanoseconds)
{
    int fds[2], status;
    uint64_t told = 0;
    char c;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0)
        write_for_ever(dir, fds[1]);
    close(fds[1]);
    while (told < (uint64_t)after && read(fds[0], &c, 1) == 1)
        told++;
    nanosleep(&(struct timespec){0, nanoseconds}, NULL); /* the kill hits any instruction */
    kill(pid, SIGKILL);
    while (read(fds[0], &c, 1) == 1)
        told++;
    waitpid(pid, &status, 0);
    close(fds[0]);
    assert_true(WIFSIGNALED(status));
    return told;
}

static void test_store_survives_sigkill(void **state)
{
    (void)state;
    char dir[] = "/tmp/store-XXXXXX";
    uint64_t told = 0;

    assert_non_null(mkdtemp(dir));
    srandom(7);
    for (int round = 0; round < 100; round++) {
        struct db *db = NULL;
        uint64_t stored = 0;
        told += run_and_kill(dir, (int)(random() % 4), random() % 3000000);
        OK(db_open(dir, &db, &e));
        struct txn *t = begin(db, false);
        OK(trail_each(t, TRAIL_AUDIT, "", stored, count_entry, &stored, &e));
        OK(store_check(t, &e));
        txn_abort(&t);
        db_close(db);
        /* Whatever was told is stored; of each round at most one commit was not told. */
        if (stored < told || stored > told + (uint64_t)round + 1)
            fail_msg("round %d: %llu told, %llu stored", round, (unsigned long long)told,
                     (unsigned long long)stored);
    }
    temp_remove(dir);
}

int main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_txn_abort_leaves_nothing),
        CASE(test_txn_begin_refuses_two_writers),
        CASE(test_txn_commit_tells_changes_once),
        CASE(test_db_open_refuses_a_second_process),
        cmocka_unit_test(test_txn_begin_grows_the_map),
        cmocka_unit_test(test_txn_commit_on_a_full_disk),
        cmocka_unit_test(test_store_survives_sigkill),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
