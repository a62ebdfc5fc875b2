/*
 * The store: LMDB with typed tables. core is its one writer. A record is a struct described by its
 * field table; its indexes (FIELD_INDEXED, FIELD_UNIQUE) change in the same transaction. Trails are
 * append-only sequences that belong to a record: a job's journal and log, and the audit chain.
 * No transaction may be open across a fiber's yield: txn_begin forbids yielding until the end.
 */
#pragma once
#include <stdbool.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/model/records.h"

enum table {
    TABLE_NONE = 0,
#define TABLE(NAME, number, record) TABLE_##NAME = number,
#include "src/core/store/tables.def"
#undef TABLE
    TABLE_END
};
const struct fields *table_fields(enum table t);
const char *table_name(enum table t);
enum table table_by_name(const char *name); /* 0 if unknown */

struct db;
struct txn;

/* Opens or makes the store in `dir`, runs migrations. One process only (lock checked). */
int db_open(const char *dir, struct db **out, struct err *e);
void db_close(struct db *db);
/* Called after each commit that changed something, outside the transaction: for events. */
typedef void (*change_fn)(enum table table, const char *id, bool deleted, void *arg);
void db_on_change(struct db *db, change_fn fn, void *arg);

/* A write transaction is retried by nobody: keep it short. The map grows by itself at commit or
 * begin. */
/*
 * Group commit: commits of one turn of the loop go to disk together, so many jobs share one wait
 * for it. txn_commit still returns only when the change is durable: in a fiber it yields until
 * then. Reads see what is committed but not yet on disk.
 */
struct loop;
void db_group_commits(struct db *db, struct loop *loop);
/* From now on `counter` grows with each commit, and when a commit that was read was lost. */
void db_count_changes(struct db *db, _Atomic uint64_t *counter);
int txn_begin(struct db *db, bool write, struct txn **out, struct err *e);
int txn_commit(struct txn **t,
               struct err *e); /* durable when it returns 0; *t is NULL afterwards */
/* Durable soon, in order with later commits: for what may be lost in a crash, as a line of a log.
 */
int txn_commit_later(struct txn **t, struct err *e);
void txn_abort(struct txn **t); /* OWN(txn_abort); accepts NULL */

/*
 * Records. row_get inits `record` itself (fields_init); the caller frees it with fields_free.
 * row_put: rev 0 makes a new record (created_at set; its id, when empty; ERR_CONFLICT when a chosen
 * id exists); a rev replaces the record and demands that record->rev is the stored one
 * (ERR_CONFLICT: "changed meanwhile"). A UNIQUE value that another record has: ERR_CONFLICT naming
 * the field's label.
 */
int row_get(struct txn *t, enum table table, const char *id, void *record, struct err *e);
int row_put(struct txn *t, enum table table, void *record, struct err *e);
int row_delete(struct txn *t, enum table table, const char *id, struct err *e);
/* First record whose indexed `column` equals `value` (int and time: decimal text; text: ASCII case
 * is ignored, as it is for UNIQUE). ERR_NOT_FOUND.
 */
int row_find(struct txn *t, enum table table, const char *column, const char *value, void *record,
             struct err *e);
/*
 * Records in order of an indexed column (NULL: of id), from the value `from` up (NULL: from the
 * start); fn returns 0 to go on, 1 to stop, -1 to fail. The record is freed after fn.
 */
typedef int (*row_fn)(void *record, void *arg, struct err *e);
int row_each(struct txn *t, enum table table, const char *column, const char *from, row_fn fn,
             void *arg, struct err *e);
/* Number of records; with a column and value: of those with that value (cheap: kept or counted by
 * the index). */
int row_count(struct txn *t, enum table table, const char *column, const char *value, uint64_t *out,
              struct err *e);

/* Records whose indexed int or time column is at least `from` and below `to`: walks the index only.
 */
int row_count_range(struct txn *t, enum table table, const char *column, int64_t from, int64_t to,
                    uint64_t *out, struct err *e);

/* Trails: entries numbered from 1 under an owner's id. */
enum trail { TRAIL_JOURNAL = 1, TRAIL_LOG = 2, TRAIL_TIMELINE = 3, TRAIL_AUDIT = 4 };
int trail_add(struct txn *t, enum trail trail, const char *owner, struct blob entry, uint64_t *seq,
              struct err *e);
typedef int (*trail_fn)(uint64_t seq, struct blob entry, void *arg, struct err *e);
int trail_each(struct txn *t, enum trail trail, const char *owner, uint64_t from_seq, trail_fn fn,
               void *arg, struct err *e);
int trail_drop(struct txn *t, enum trail trail, const char *owner,
               struct err *e); /* never of TRAIL_AUDIT */

/* ERR_STORE unless records, indexes and counters agree; reads everything. */
int store_check(struct txn *t, struct err *e);

/*
 * Settings and small internal values by name; absent gives ERR_NOT_FOUND. value is malloc'ed.
 * Putting NULL takes the setting away; it need not exist.
 */
int setting_get(struct txn *t, const char *name, char **value, struct err *e);
int setting_put(struct txn *t, const char *name, const char *value, struct err *e);
