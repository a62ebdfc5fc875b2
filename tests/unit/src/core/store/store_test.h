/* Stores in temporary folders, for the tests of the store and of what stands on it. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/core/store/inside.h"

/* Fails the test with the error's own words. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        struct err e = {0};                                                                        \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, e.text);                                                     \
    } while (0)
#define REFUSED(call, wanted)                                                                      \
    do {                                                                                           \
        struct err e = {0};                                                                        \
        if ((call) == 0)                                                                           \
            fail_msg("%s: accepted", #call);                                                       \
        if (e.code != (wanted))                                                                    \
            fail_msg("%s: %d: %s", #call, (int)e.code, e.text);                                    \
    } while (0)

struct temp {
    char dir[64];
    struct db *db;
};

static inline void temp_remove(const char *dir)
{
    static const char *const files[] = {"data.mdb", "data.new", "lock.mdb", "lock"};

    for (size_t i = 0; i < COUNT(files); i++) {
        OWN(own_mem)
        char *path = xasprintf("%s/%s", dir, files[i]);
        unlink(path);
    }
    rmdir(dir);
}

static inline int temp_setup(void **state)
{
    struct temp *t = xcalloc(1, sizeof(*t));
    struct err e = {0};

    snprintf(t->dir, sizeof(t->dir), "/tmp/store-XXXXXX");
    if (!mkdtemp(t->dir) || db_open(t->dir, &t->db, &e) < 0) {
        print_error("%s\n", e.text);
        return -1;
    }
    *state = t;
    return 0;
}

static inline int temp_teardown(void **state)
{
    struct temp *t = *state;

    db_close(t->db);
    temp_remove(t->dir);
    free(t);
    return 0;
}

static inline struct txn *begin(struct db *db, bool write)
{
    struct txn *t = NULL;

    OK(txn_begin(db, write, &t, &e));
    return t;
}

static inline void commit(struct txn **t)
{
    OK(txn_commit(t, &e));
}

static inline void check_store(struct db *db)
{
    struct txn *t = begin(db, false);

    OK(store_check(t, &e));
    txn_abort(&t);
}

/* A new certificate; id holds its identifier afterwards. */
static inline void add_cert(struct txn *t, const char *name, const char *status, int64_t not_after,
                            char id[ID_CHARS + 1])
{
    OWN(own_cert)
    struct cert c = {0};

    fields_init(&cert_fields, &c);
    c.name = xstrdup(name);
    free(c.status);
    c.status = xstrdup(status);
    c.not_after = not_after;
    OK(row_put(t, TABLE_CERT, &c, &e));
    if (id)
        snprintf(id, ID_CHARS + 1, "%s", c.id);
}
