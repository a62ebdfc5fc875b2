/*
 * Power cuts: all that LMDB writes while a store is made and 30 steps are committed is recorded
 * once. Then every prefix of it, with the last write whole or torn, and without any of the writes
 * that were not flushed, is a file that must open as a store: with every step that was told to be
 * durable, nothing of one that never was, an audit chain that verifies, and room for the next step.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "src/base/loop.h"
#include "src/base/time.h"
#include "src/core/audit.h"
#include "src/model/audit_verify.h"
#include "tests/unit/src/core/sign_head.h"
#include "tests/unit/src/core/store/disk_log.h"
#include "tests/unit/src/core/store/store_test.h"

#define STEPS 30u
#define BIG_ENTRY 20000u /* needs pages of its own */
#define LATE 3u          /* a step changes the record of so many steps before */
#define OWNER "cut"

static EVP_PKEY *key;
static char dir[] = "/tmp/power-cut-XXXXXX";
static uint64_t seed;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static char *cert_name(unsigned step)
{
    return xasprintf("host-%u.example", step);
}

/* Changes the record of an earlier step, or takes it away. */
static void change_earlier(struct txn *t, unsigned step)
{
    OWN(own_cert)
    struct cert c = {0};
    OWN(own_mem)
    char *name = cert_name(step - LATE);

    OK(row_find(t, TABLE_CERT, "name", name, &c, &e));
    if (step % 3 == 0) {
        OK(row_delete(t, TABLE_CERT, c.id, &e));
        return;
    }
    free(c.status);
    c.status = xstrdup("Issued");
    OK(row_put(t, TABLE_CERT, &c, &e));
}

/* One step as a job makes them: a record, a changed one, a journal entry, the audit record. */
static void make_step(struct txn *t, unsigned step)
{
    static uint8_t entry[BIG_ENTRY];
    OWN(own_mem)
    char *name = cert_name(step);
    OWN(own_mem)
    char *number = xasprintf("%u", step);
    struct audit_entry a = {
        .actor = "scheduler", .action = "cert.renew", .name = name, .result = "ok"};

    add_cert(t, name, "Order Pending", 1000 + step, NULL);
    if (step > LATE)
        change_earlier(t, step);
    memset(entry, (int)step, sizeof(entry));
    OK(trail_add(t, TRAIL_JOURNAL, OWNER, BLOB(entry, step % 4 ? 100 : BIG_ENTRY), NULL, &e));
    OK(setting_put(t, "step", number, &e));
    OK(audit_add(t, &a, &e));
    if (step % 5 == 0)
        sign_head(t, key);
}

static void run_step(struct db *db, unsigned step, bool later)
{
    struct txn *t = begin(db, true);

    make_step(t, step);
    disk_log.begun = step;
    if (later) {
        OK(txn_commit_later(&t, &e));
        return;
    }
    commit(&t);
    disk_log.finished = step; /* of a group too: the one before went to the disk with it */
}

static void remove_store(void)
{
    temp_remove(dir);
    assert_int_equal(mkdir(dir, 0700), 0);
}

static int start(void **state)
{
    (void)state;
    struct db *db = NULL;
    struct loop *loop = loop_new();

    key = EVP_EC_gen("P-256");
    const char *given = getenv("SEED"); /* repeats a run */
    if (given)
        OK(parse_u64(given, 1, UINT64_MAX, &seed, &e));
    else
        assert_int_equal(getrandom(&seed, sizeof(seed), 0), sizeof(seed));
    print_message("seed %llu\n", (unsigned long long)seed);
    assert_non_null(mkdtemp(dir));
    disk_log.on = true;
    OK(db_open(dir, &db, &e));
    db_group_commits(db, loop);
    for (unsigned step = 1; step <= STEPS; step++)
        run_step(db, step, step % 4 == 1 && step != STEPS);
    db_close(db);
    disk_log.on = false;
    loop_free(loop);
    remove_store();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < disk_log.n; i++)
        free(disk_log.log[i].p);
    EVP_PKEY_free(key);
    temp_remove(dir);
    return 0;
}

static unsigned last_step(struct txn *t)
{
    OWN(own_mem)
    char *text = NULL;
    struct err why = {0};
    uint64_t step = 0;

    if (setting_get(t, "step", &text, &why) < 0) {
        assert_int_equal(why.code, ERR_NOT_FOUND);
        return 0;
    }
    OK(parse_u64(text, 1, STEPS + 1, &step, &e));
    return (unsigned)step;
}

/* Every record is as the steps up to `last` left it, and there is no other. */
static void check_records(struct txn *t, unsigned last)
{
    uint64_t left = 0, n = 0;

    for (unsigned step = 1; step <= last; step++) {
        OWN(own_cert)
        struct cert c = {0};
        OWN(own_mem)
        char *name = cert_name(step);
        struct err e = {0};
        const bool changed = step + LATE <= last, gone = changed && (step + LATE) % 3 == 0;
        if (row_find(t, TABLE_CERT, "name", name, &c, &e) < 0) {
            assert_int_equal(e.code, ERR_NOT_FOUND);
            assert_true(gone);
            continue;
        }
        assert_false(gone);
        assert_string_equal(c.status, changed ? "Issued" : "Order Pending");
        left++;
    }
    OK(row_count(t, TABLE_CERT, NULL, NULL, &n, &e));
    assert_int_equal(n, left);
}

static void check_trails(struct txn *t, unsigned last)
{
    OWN(buf_free)
    struct buf out = BUF(1 << 20);
    struct audit_report r = {0};
    struct blob entry;
    uint64_t n = 0;

    OK(trail_last(t, TRAIL_JOURNAL, OWNER, &n, &entry, &e));
    assert_int_equal(n, last);
    if (last == 0)
        return;
    assert_int_equal(entry.n, last % 4 ? 100 : BIG_ENTRY);
    assert_int_equal(((const uint8_t *)entry.p)[entry.n - 1], last);
    OK(audit_export(t, 0, 0, &out, &e));
    OK(audit_verify(buf_blob(&out), BLOB(NULL, 0), &r, &e));
    assert_int_equal(r.records, last);
    assert_int_equal(r.signed_up_to, last - last % 5);
}

static unsigned check_all(struct db *db)
{
    struct txn *t = begin(db, false);
    const unsigned last = last_step(t);

    OK(store_check(t, &e));
    check_records(t, last);
    check_trails(t, last);
    txn_abort(&t);
    return last;
}

/* The machine starts with what write `w` left, of which so many steps were durable. */
static void starts(const struct disk_file *f, const struct disk_write *w, unsigned finished,
                   bool goes_on)
{
    OWN(own_mem)
    char *path = xasprintf("%s/%s", dir, w->named ? "data.mdb" : "data.new");
    struct db *db = NULL;

    remove_store();
    disk_file_save(f, path);
    OK(db_open(dir, &db, &e));
    const unsigned last = check_all(db);
    if (last < finished || last > w->begun)
        fail_msg("step %u is the last, %u was durable and %u begun", last, finished, w->begun);
    if (goes_on) {
        run_step(db, last + 1, false);
        assert_int_equal(check_all(db), last + 1);
    }
    db_close(db);
}

/* Steps that were durable when the power went just before write `n`. */
static unsigned finished_at(size_t n)
{
    return n < disk_log.n ? disk_log.log[n].finished : STEPS;
}

static void test_power_cut_after_every_write(void **state)
{
    (void)state;
    struct disk_file disk = {0};

    for (size_t n = 0; n < disk_log.n; n++) {
        disk_file_put(&disk, &disk_log.log[n], disk_log.log[n].n);
        starts(&disk, &disk_log.log[n], finished_at(n + 1), n % 4 == 0);
    }
    assert_true(disk_log.n > 4 * STEPS);
    free(disk.p);
}

/*
 * The last write is cut: between sectors, with noise where the next one was to be; and one of
 * LMDB's head pages, which is shorter than a sector, at any byte.
 */
static void test_power_cut_inside_every_write(void **state)
{
    (void)state;
    struct disk_file disk = {0}, torn = {0};

    for (size_t n = 0; n < disk_log.n; n++) {
        struct disk_write w = disk_log.log[n];
        const bool head = w.n < SECTOR;
        const size_t unit = head ? 1 + next_random() % 8 : SECTOR * (w.n > 8192 ? 16 : 4);
        for (size_t cut = 0; cut < w.n; cut += unit) {
            uint8_t noise[SECTOR];
            disk_file_copy(&torn, &disk);
            disk_file_put(&torn, &w, cut);
            if (!head) {
                for (size_t i = 0; i < SECTOR; i++)
                    noise[i] = (uint8_t)next_random();
                const struct disk_write next = {.p = noise, .at = w.at + cut, .n = SECTOR};
                disk_file_put(&torn, &next, SECTOR);
            }
            starts(&torn, &w, w.finished, false);
        }
        disk_file_put(&disk, &w, w.n);
    }
    free(disk.p);
    free(torn.p);
}

/* Of the writes that were not flushed when the power went each may be on the disk or not. */
static void test_power_cut_loses_unflushed_writes(void **state)
{
    (void)state;
    struct disk_file flushed = {0}, disk = {0};
    size_t first = 0;

    for (size_t n = 0; n < disk_log.n; n++) {
        while (disk_log.log[first].flushes < disk_log.log[n].flushes) {
            disk_file_put(&flushed, &disk_log.log[first], disk_log.log[first].n);
            first++;
        }
        disk_file_copy(&disk, &flushed);
        for (size_t i = first; i <= n; i++)
            if (next_random() & 1)
                disk_file_put(&disk, &disk_log.log[i], disk_log.log[i].n);
        starts(&disk, &disk_log.log[n], disk_log.log[n].finished, n % 4 == 0);
    }
    free(flushed.p);
    free(disk.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_cut_after_every_write),
        cmocka_unit_test(test_power_cut_inside_every_write),
        cmocka_unit_test(test_power_cut_loses_unflushed_writes),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
