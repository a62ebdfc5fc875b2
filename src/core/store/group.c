/*
 * Group commit. One LMDB write transaction stays open for a turn of the loop; the transactions of
 * that turn are its children. At the end of the turn it is committed, with one wait for the disk,
 * and every fiber that committed a child goes on, or is told that nothing of the group was kept.
 */
#include <stdlib.h>

#include "src/base/fiber.h"
#include "src/base/loop.h"
#include "src/core/store/inside.h"

#define MEMBERS_MAX 512 /* committed early when it has so many */

struct waiter {
    struct fiber *fiber;
    int rc;
    struct waiter *next;
};

struct group {
    struct loop *loop;
    struct watch *turn;
    MDB_txn *mdb; /* NULL: none is open */
    struct waiter *waiters;
    size_t members;
};

MDB_txn *group_open(const struct db *db)
{
    return db->group ? db->group->mdb : NULL;
}

/* Puts the group on disk and tells everybody who waits. */
static int flush(struct db *db)
{
    struct group *g = db->group;
    struct waiter *w = g->waiters;
    if (!g->mdb)
        return 0;
    int rc = commit_rc(db, mdb_txn_commit(g->mdb));
    txn_count(db); /* a group that was lost has been read meanwhile */
    g->mdb = NULL;
    g->waiters = NULL;
    g->members = 0;
    db->open_txns--;
    while (w) {
        struct waiter *next = w->next;
        w->rc = rc;
        fiber_resume(w->fiber);
        w = next;
    }
    return rc;
}

static void on_turn(void *arg)
{
    struct db *db = arg;
    if (db->group->mdb && !db->inside)
        (void)flush(db);
}

void db_group_commits(struct db *db, struct loop *loop)
{
    struct group *g = xcalloc(1, sizeof *g);
    g->loop = loop;
    g->turn = loop_timer(loop, 0, on_turn, db);
    db->group = g;
}

int group_join(struct db *db, MDB_txn **parent, struct err *e)
{
    struct group *g = db->group;
    if (g->mdb && g->members >= MEMBERS_MAX)
        (void)flush(db);
    if (!g->mdb) {
        if (map_grow(db, e) < 0)
            return -1;
        int rc = mdb_txn_begin(db->env, NULL, 0, &g->mdb);
        if (rc) {
            g->mdb = NULL;
            return store_err(e, rc, "store: begin");
        }
        db->open_txns++;
        watch_again(g->turn, 0);
    }
    g->members++;
    *parent = g->mdb;
    return 0;
}

int group_wait(struct db *db, struct err *e)
{
    struct group *g = db->group;
    int rc;
    if (fiber_self()) {
        struct waiter w = {.fiber = fiber_self(), .next = g->waiters};
        g->waiters = &w;
        fiber_yield();
        rc = w.rc;
    } else {
        rc = flush(db);
    }
    return rc ? store_err(e, rc, "store: commit") : 0;
}

void group_free(struct db *db)
{
    struct group *g = db->group;
    if (!g)
        return;
    (void)flush(db);
    watch_free(g->turn);
    free(g);
    db->group = NULL;
}
