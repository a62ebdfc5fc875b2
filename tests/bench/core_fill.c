/*
 * Fills a store with certificates that nobody serves, for measurements at size: core_fill FOLDER
 * ROWS [DUE CONNECTOR]. Of them DUE are deployed and due for renewal at that connector; the first
 * STUCK of these name none. The appliance must be stopped. The files end up owned by the owner of
 * the folder.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/str.h"
#include "src/base/time.h"
#include "src/core/flow/parts.h"
#include "src/core/store/inside.h"

#define BATCH 10000
#define DAY 86400
#define NOW INT64_C(1795219200)
#define STUCK 60

static uint32_t due;
static const char *connector;

static void must(int got, const struct err *e)
{
    if (got == 0)
        return;
    fprintf(stderr, "core_fill: %s\n", e->text);
    exit(1);
}

static void make_due(struct cert *c, uint32_t i)
{
    free(c->status);
    c->status = xstrdup("Deployed");
    c->connector = xstrdup(i < STUCK ? "" : connector);
    strs_add(&c->names, c->name);
    c->not_before = now_s() - 80 * DAY;
    c->not_after = now_s() + (i < STUCK ? 1 : 10) * DAY; /* the stuck ones come first */
    cert_derive(c, false);
}

static void put_one(struct txn *t, uint32_t i)
{
    static const char *const statuses[] = {"Discovered", "Deployed", "Deployed", "Deployed",
                                           "Rolled Back"};
    struct err e = {0};
    const uint32_t mixed = i * 2654435761u; /* spreads the values without order */
    OWN(own_cert)
    struct cert c = {0};

    fields_init(&cert_fields, &c);
    c.name = xasprintf("host-%07u.example.com", i);
    free(c.status);
    c.status = xstrdup(statuses[mixed % COUNT(statuses)]);
    c.issuer = xstrdup("Example Issuing CA");
    c.not_before = NOW - (int64_t)(mixed % 90) * DAY;
    c.not_after = NOW + (int64_t)(mixed % 31536000);
    c.serial = xasprintf("%016x", mixed);
    c.fingerprint = xasprintf("%032x%032x", i, ~i);
    c.location = xasprintf("10.%u.%u.%u:443", i >> 16 & 255, i >> 8 & 255, i & 255);
    strs_add(&c.tags, i % 2 ? "env=production" : "env=test");
    if (i < due)
        make_due(&c, i);
    must(row_put(t, TABLE_CERT, &c, &e), &e);
}

/* LMDB's files are made by whoever runs this, and are read by the owner of the folder. */
static void give_away(const char *dir)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "lock"};
    struct stat st;

    if (stat(dir, &st) < 0)
        exit(1);
    for (size_t i = 0; i < COUNT(files); i++) {
        OWN(own_mem)
        char *path = xasprintf("%s/%s", dir, files[i]);
        if (access(path, F_OK) == 0 && lchown(path, st.st_uid, st.st_gid) < 0) {
            perror(path);
            exit(1);
        }
    }
}

int main(int argc, char **argv)
{
    struct err e = {0};
    struct db *db = NULL;
    uint32_t rows;

    if (argc != 3 && argc != 5) {
        fputs("usage: core_fill FOLDER ROWS [DUE CONNECTOR]\n", stderr);
        return 2;
    }
    must(parse_u32(argv[2], 0, 10000000, &rows, &e), &e);
    if (argc == 5) {
        must(parse_u32(argv[3], STUCK, rows, &due, &e), &e);
        connector = argv[4];
    }
    must(db_open(argv[1], &db, &e), &e);
    for (uint32_t i = 0; i < rows; i += BATCH) {
        struct txn *t = NULL;
        must(txn_begin(db, true, &t, &e), &e);
        for (uint32_t k = i; k < i + BATCH && k < rows; k++)
            put_one(t, k);
        must(txn_commit(&t, &e), &e);
    }
    db_close(db);
    give_away(argv[1]);
    return 0;
}
