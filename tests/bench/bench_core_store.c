/*
 * Measures the store: bench_core_store [ROWS] [FOLDER]. Puts in batches, reads of single records,
 * durable commits, and list pages with filter and sort. Prints a table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "src/base/str.h"
#include "src/core/store/query_inside.h"

#define BATCH 1000
#define READS 100000
#define PAGES 500
#define COMMITS 200
#define NOW INT64_C(1795219200)

static void must(int got, const struct err *e)
{
    if (got == 0)
        return;
    fprintf(stderr, "bench: %s\n", e->text);
    exit(1);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void line(const char *what, double value, const char *unit)
{
    printf("%-56s %12.1f %s\n", what, value, unit);
}

static void put_one(struct txn *t, uint32_t i, char id[ID_CHARS + 1])
{
    static const char *const statuses[] = {"Discovered", "Issued",   "Deployed",
                                           "Deployed",   "Deployed", "Rolled Back"};
    struct err e = {0};
    OWN(own_cert)
    struct cert c = {0};

    fields_init(&cert_fields, &c);
    c.name = xasprintf("host-%06u.example.com", (unsigned)(i * 2654435761u) % 1000000);
    free(c.status);
    c.status = xstrdup(statuses[i % COUNT(statuses)]);
    c.issuer = xstrdup("Example Issuing CA");
    c.not_after = NOW + (int64_t)(i * 2654435761u % 31536000);
    c.serial = xasprintf("%016x", i);
    c.fingerprint = xasprintf("%032x%032x", i, ~i);
    c.location = xasprintf("10.%u.%u.%u:443", i >> 16 & 255, i >> 8 & 255, i & 255);
    strs_add(&c.tags, i % 2 ? "env=production" : "env=test");
    must(row_put(t, TABLE_CERT, &c, &e), &e);
    memcpy(id, c.id, ID_CHARS + 1);
}

static void bench_puts(struct db *db, uint32_t rows, char (*ids)[ID_CHARS + 1])
{
    struct err e = {0};
    double from = seconds();

    for (uint32_t i = 0; i < rows; i += BATCH) {
        struct txn *t = NULL;
        must(txn_begin(db, true, &t, &e), &e);
        for (uint32_t k = i; k < i + BATCH && k < rows; k++)
            put_one(t, k, ids[k]);
        must(txn_commit(&t, &e), &e);
    }
    line("puts in batches of 1,000, durable", rows / (seconds() - from), "records/s");
}

static void bench_gets(struct db *db, uint32_t rows, char (*ids)[ID_CHARS + 1])
{
    struct err e = {0};
    struct txn *t = NULL;
    double from = seconds();

    must(txn_begin(db, false, &t, &e), &e);
    for (uint32_t i = 0; i < READS; i++) {
        OWN(own_cert)
        struct cert c = {0};
        must(row_get(t, TABLE_CERT, ids[i * 2654435761u % rows], &c, &e), &e);
    }
    txn_abort(&t);
    line("get of one record at random", (seconds() - from) / READS * 1e6, "us");
}

static void bench_changes(struct db *db, uint32_t rows, char (*ids)[ID_CHARS + 1])
{
    struct err e = {0};
    double from = seconds();

    for (uint32_t i = 0; i < COMMITS; i++) {
        struct txn *t = NULL;
        OWN(own_cert)
        struct cert c = {0};
        must(txn_begin(db, true, &t, &e), &e);
        must(row_get(t, TABLE_CERT, ids[i * 2654435761u % rows], &c, &e), &e);
        c.not_after++;
        must(row_put(t, TABLE_CERT, &c, &e), &e);
        must(txn_commit(&t, &e), &e);
    }
    line("change of one record, durable", (seconds() - from) / COMMITS * 1e3, "ms");
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Pages from the start and on by cursor; begins again at the end of the list. */
static void bench_list(struct db *db, const char *what, const char *text)
{
    static double times[PAGES];
    struct err e = {0};
    struct txn *t = NULL;
    OWN(own_mem)
    char *cursor = xstrdup("");

    must(txn_begin(db, false, &t, &e), &e);
    for (int i = 0; i < PAGES; i++) {
        OWN(own_query)
        struct query *q = NULL;
        OWN(own_json)
        json_t *page = NULL;
        OWN(own_mem)
        char *all = xasprintf("%s&cursor=%s", text, cursor);
        double from = seconds();
        must(query_parse(TABLE_CERT, all, &q, &e), &e);
        must(query_run(t, q, &page, &e), &e);
        times[i] = (seconds() - from) * 1e3;
        free(cursor);
        cursor = xstrdup(json_str(page, "next"));
    }
    txn_abort(&t);
    qsort(times, PAGES, sizeof(times[0]), by_value);
    OWN(own_mem)
    char *p50 = xasprintf("list: %s: p50", what);
    OWN(own_mem)
    char *p99 = xasprintf("list: %s: p99", what);
    line(p50, times[PAGES / 2], "ms");
    line(p99, times[PAGES * 99 / 100], "ms");
}

static void remove_store(const char *dir)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "lock"};

    for (size_t i = 0; i < COUNT(files); i++) {
        OWN(own_mem)
        char *path = xasprintf("%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
}

int main(int argc, char **argv)
{
    static const char *const lists[][2] = {
        {"default", ""},
        {"filter status, sort by name", "filter=status:equals:Deployed&sort=name"},
        {"filter status and name, sort by end",
         "filter=status:equals:Issued&filter=name:contains:host-00&sort=not_after"},
        {"end before, sort by end down", "filter=not_after:before:2027-03-01&sort=-not_after"},
        {"serial equals", "filter=serial:equals:00000000000000ff&sort=name"},
        {"text that no record has", "q=nothing+has+this"},
    };
    struct err e = {0};
    struct db *db = NULL;
    uint32_t rows = 100000;
    struct rusage used;

    if (argc > 1)
        must(parse_u32(argv[1], 1, 10000000, &rows, &e), &e);
    char made[] = "/tmp/bench-store-XXXXXX";
    const char *dir = argc > 2 ? argv[2] : mkdtemp(made);
    must(dir ? db_open(dir, &db, &e) : -1, &e);
    char(*ids)[ID_CHARS + 1] = xcalloc(rows, sizeof(*ids));
    printf("store of %u certificates in %s\n", rows, dir);
    bench_puts(db, rows, ids);
    bench_gets(db, rows, ids);
    bench_changes(db, rows, ids);
    for (size_t i = 0; i < COUNT(lists); i++)
        bench_list(db, lists[i][0], lists[i][1]);
    getrusage(RUSAGE_SELF, &used);
    line("memory, LMDB's map included", (double)used.ru_maxrss / 1024, "MiB");
    db_close(db);
    free(ids);
    if (argc <= 2)
        remove_store(dir);
    return 0;
}
