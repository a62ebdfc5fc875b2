/*
 * Transactions. The map grows here, before a write begins and while nothing is open, so that a
 * transaction of ordinary size never meets its end. A half-made change cannot be committed.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "src/base/fiber.h"
#include "src/core/store/inside.h"

/* Room a write transaction finds: pages it copies plus what it adds. Address space, not disk. */
#define MAP_ROOM_BYTES ((size_t)64 * 1024 * 1024)
#define DISK_FULL_BYTES ((uint64_t)1024 * 1024)
#define MAP_MAX_BYTES ((size_t)1 << 42)

int map_grow(struct db *db, struct err *e)
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

/*
 * With a group open, writes are children of it, and reads too, so that they see what its earlier
 * members committed. A read inside a write sees the last state on disk.
 */
static int begin_mdb(struct db *db, bool write, MDB_txn **out, struct err *e)
{
    MDB_txn *parent = group_open(db);
    unsigned flags = 0;

    if (write && db->group) {
        if (group_join(db, &parent, e) < 0)
            return -1;
    } else if (!write && (!parent || db->inside)) {
        parent = NULL;
        flags = MDB_RDONLY;
    }
    int rc = mdb_txn_begin(db->env, parent, flags, out);
    if (rc)
        return store_err(e, rc, "store: begin");
    return parent ? 1 : 0;
}

int txn_begin(struct db *db, bool write, struct txn **out, struct err *e)
{
    MDB_txn *mdb;

    if (write && (db->writing || db->inside))
        return err_set(e, ERR_BUG, "store: a write transaction inside another");
    if (write && !db->group && map_grow(db, e) < 0)
        return -1;
    int child = begin_mdb(db, write, &mdb, e);
    if (child < 0)
        return -1;
    struct txn *t = xcalloc(1, sizeof(*t));
    *t = (struct txn){.db = db, .mdb = mdb, .write = write, .child = child > 0};
    db->open_txns++;
    if (write)
        db->writing = true;
    if (t->child)
        db->inside = true;
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
    if (t->child)
        t->db->inside = false;
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

/* LMDB calls a write that the disk took only in part an I/O error. */
int commit_rc(struct db *db, int rc)
{
    struct statvfs disk;
    int fd;

    if (rc != EIO || mdb_env_get_fd(db->env, &fd) || fstatvfs(fd, &disk) < 0)
        return rc;
    return disk.f_bavail * disk.f_frsize < DISK_FULL_BYTES ? ENOSPC : rc;
}

static void tell(struct db *db, const struct txn *t)
{
    for (size_t i = 0; db->change && i < t->n; i++)
        db->change(t->changes[i].table, t->changes[i].id, t->changes[i].deleted, db->change_arg);
}

void txn_count(struct db *db)
{
    if (db->changes)
        atomic_fetch_add(db->changes, 1);
}

void db_count_changes(struct db *db, _Atomic uint64_t *counter)
{
    db->changes = counter;
}

static int commit(struct txn **at, bool wait, struct err *e)
{
    struct txn *t = *at;

    if (t->broken) {
        txn_abort(at);
        return err_set(e, ERR_STORE, "store: a change failed half-way; nothing was changed");
    }
    *at = NULL;
    struct db *db = t->db;
    bool grouped = t->child && t->write;
    int rc = mdb_txn_commit(t->mdb);
    if (t->write)
        txn_count(db);
    txn_end(t);
    if (rc == MDB_MAP_FULL)
        db->grow = true;
    int got = rc ? store_err(e, commit_rc(db, rc), "store: commit") : 0;
    if (got == 0 && grouped && wait) /* without waiting: it goes to disk at the end of the turn */
        got = group_wait(db, e);
    if (got == 0)
        tell(db, t);
    txn_free(t);
    return got;
}

int txn_commit(struct txn **t, struct err *e)
{
    return commit(t, true, e);
}

int txn_commit_later(struct txn **t, struct err *e)
{
    return commit(t, false, e);
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
