/*
 * Transactions. The map grows here, before a write begins and while nothing is open, so that a
 * transaction of ordinary size never meets its end. A half-made change cannot be committed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/fiber.h"
#include "src/core/store/inside.h"

/* Room a write transaction finds: pages it copies plus what it adds. Address space, not disk. */
#define MAP_ROOM_BYTES ((size_t)64 * 1024 * 1024)
#define MAP_MAX_BYTES ((size_t)1 << 42)

static int map_grow(struct db *db, struct err *e)
{
    MDB_envinfo info;
    MDB_stat stat;

    if (db->open_txns > 0)
        return 0; /* LMDB cannot move the map under an open read; the next write does it */
    mdb_env_info(db->env, &info);
    mdb_env_stat(db->env, &stat);
    size_t used = (info.me_last_pgno + 1) * stat.ms_psize, size = info.me_mapsize;
    if (!db->grow && size >= used && size - used >= MAP_ROOM_BYTES)
        return 0;
    do
        size *= 2;
    while (size < used + MAP_ROOM_BYTES);
    if (size > MAP_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "store: larger than %zu bytes", MAP_MAX_BYTES);
    int rc = mdb_env_set_mapsize(db->env, size);
    if (rc)
        return store_err(e, rc, "store: grow");
    db->grow = false;
    return 0;
}

int txn_begin(struct db *db, bool write, struct txn **out, struct err *e)
{
    MDB_txn *mdb;

    if (write && db->writing)
        return err_set(e, ERR_BUG, "store: a write transaction inside another");
    if (write && map_grow(db, e) < 0)
        return -1;
    int rc = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &mdb);
    if (rc)
        return store_err(e, rc, "store: begin");
    struct txn *t = xcalloc(1, sizeof(*t));
    *t = (struct txn){.db = db, .mdb = mdb, .write = write};
    db->open_txns++;
    if (write)
        db->writing = true;
    fiber_forbid_yield();
    *out = t;
    return 0;
}

/* The LMDB transaction is over: what is left is ours. */
static void txn_end(struct txn *t)
{
    t->db->open_txns--;
    if (t->write)
        t->db->writing = false;
    fiber_allow_yield();
}

static void txn_free(struct txn *t)
{
    free(t->changes);
    free(t);
}

void txn_abort(struct txn **at)
{
    struct txn *t = TAKE(*at);

    if (!t)
        return;
    mdb_txn_abort(t->mdb);
    txn_end(t);
    txn_free(t);
}

int txn_commit(struct txn **at, struct err *e)
{
    struct txn *t = *at;

    if (t->broken) {
        txn_abort(at);
        return err_set(e, ERR_STORE, "store: a change failed half-way; nothing was changed");
    }
    *at = NULL;
    struct db *db = t->db;
    int rc = mdb_txn_commit(t->mdb);
    txn_end(t);
    if (rc == MDB_MAP_FULL)
        db->grow = true;
    for (size_t i = 0; rc == 0 && db->change && i < t->n; i++)
        db->change(t->changes[i].table, t->changes[i].id, t->changes[i].deleted, db->change_arg);
    txn_free(t);
    return rc ? store_err(e, rc, "store: commit") : 0;
}

int txn_writable(struct txn *t, struct err *e)
{
    return t->write ? 0 : err_set(e, ERR_BUG, "store: a change in a read transaction");
}

void txn_note(struct txn *t, enum table table, const char *id, bool deleted)
{
    if (!t->db->change)
        return;
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 8;
        t->changes = xrealloc(t->changes, t->cap * sizeof(*t->changes));
    }
    struct change *c = &t->changes[t->n++];
    *c = (struct change){.table = table, .deleted = deleted};
    memcpy(c->id, id, ID_CHARS);
}

const struct layout *txn_layout(struct txn *t, enum table table, struct err *e)
{
    if ((unsigned)table < TABLE_END && t->db->tables[table].f)
        return &t->db->tables[table];
    err_set(e, ERR_BUG, "store: there is no table %u", (unsigned)table);
    return NULL;
}
