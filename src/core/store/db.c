/*
 * The LMDB environment: opens, locks and closes it, and turns LMDB's errors into ours. A second
 * process that opens the same store is refused by a lock on the file "lock".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "src/core/store/inside.h"

#define MAP_FIRST_BYTES (64 * 1024 * 1024)
#define NAMED_DBS 8

#undef store_err /* a macro around what is defined here */

static const struct fields *const all_fields[TABLE_END] = {
#define TABLE(NAME, number, record) [number] = &record##_fields,
#include "src/core/store/tables.def"
#undef TABLE
};

const struct fields *table_fields(enum table t)
{
    return (unsigned)t < TABLE_END ? all_fields[t] : NULL;
}

const char *table_name(enum table t)
{
    const struct fields *f = table_fields(t);

    return f ? f->name : "?";
}

enum table table_by_name(const char *name)
{
    for (unsigned i = 1; i < TABLE_END; i++)
        if (all_fields[i] && str_eq(all_fields[i]->name, name))
            return (enum table)i;
    return TABLE_NONE;
}

int store_err(struct err *e, int rc, const char *what)
{
    switch (rc) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return err_set(e, ERR_LIMIT, "%s: the disk is full, nothing was changed; free some space",
                       what);
    case MDB_MAP_FULL:
        return err_set(e, ERR_STORE, "%s: too much for one transaction; try again", what);
    case MDB_NOTFOUND:
        return err_set(e, ERR_NOT_FOUND, "%s: not found", what);
    default:
        return err_set(e, ERR_STORE, "%s: %s", what, mdb_strerror(rc));
    }
}

static int lock_dir(const char *dir, int *out, struct err *e)
{
    OWN(own_mem)
    char *path = xasprintf("%s/lock", dir);
    OWN(own_fd)
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_sys(e, path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return err_set(e, ERR_CONFLICT,
                           "%s: another process has this store open; stop it first", dir);
        return err_sys(e, path);
    }
    *out = take_fd(&fd);
    return 0;
}

static int env_open(struct db *db, const char *dir, size_t map_bytes, struct err *e)
{
    int rc = mdb_env_create(&db->env);

    if (rc == 0)
        rc = mdb_env_set_maxdbs(db->env, NAMED_DBS);
    if (rc == 0)
        rc = mdb_env_set_mapsize(db->env, map_bytes); /* an existing, larger file keeps its size */
    /* NOTLS: reads may nest in the one thread. NORDAHEAD: look-ups are scattered. */
    if (rc == 0)
        rc = mdb_env_open(db->env, dir, MDB_NOTLS | MDB_NORDAHEAD, 0600);
    return rc ? store_err(e, rc, dir) : 0;
}

static int dbis_open(struct db *db, struct err *e)
{
    struct {
        const char *name;
        MDB_dbi *dbi;
    } named[] = {
        {"rows", &db->rows},     {"index", &db->index}, {"counts", &db->counts},
        {"trails", &db->trails}, {"meta", &db->meta},
    };
    struct txn *t = NULL;

    if (txn_begin(db, true, &t, e) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(named); i++) {
        int rc = mdb_dbi_open(t->mdb, named[i].name, MDB_CREATE, named[i].dbi);
        if (rc) {
            txn_abort(&t);
            return store_err(e, rc, named[i].name);
        }
    }
    return txn_commit(&t, e);
}

int db_open_with(const char *dir, struct db_options options, struct db **out, struct err *e)
{
    OWN(own_db)
    struct db *db = xcalloc(1, sizeof(*db));

    db->lock_fd = -1;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return err_sys(e, dir);
    if (lock_dir(dir, &db->lock_fd, e) < 0 || store_create(dir, options.map_bytes, e) < 0 ||
        env_open(db, dir, options.map_bytes, e) < 0 || dbis_open(db, e) < 0 ||
        layouts_open(db, options.tables, e) < 0 || migrate(db, e) < 0)
        return err_wrap(e, "store");
    *out = TAKE(db);
    return 0;
}

int db_open(const char *dir, struct db **out, struct err *e)
{
    return db_open_with(dir, (struct db_options){MAP_FIRST_BYTES, all_fields}, out, e);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    group_free(db);
    layouts_free(db);
    if (db->env)
        mdb_env_close(db->env);
    own_fd(&db->lock_fd);
    free(db);
}

void db_on_change(struct db *db, change_fn fn, void *arg)
{
    db->change = fn;
    db->change_arg = arg;
}
