/*
 * Inside of the store, for its own files and tests: the environment, the layout of each table
 * (which number each field has on disk), packed records and index keys. docs/formats/store.md has
 * the bytes.
 */
#pragma once
#include <lmdb.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/core/store/store.h"

#define STORE_VERSION 1
#define INDEX_TEXT_BYTES 200
#define INDEX_KEY_MAX (1 + 2 + INDEX_TEXT_BYTES + 1 + ID_CHARS)
#define RECORD_MAX (4 * 1024 * 1024)
#define TRAIL_ENTRY_MAX (1024 * 1024)
#define TRAIL_OWNER_MAX 64

/* A field on disk. Numbers are given once per name and form, and never reused. */
struct column {
    const struct field *f;
    uint16_t number;
    bool built;           /* its index is complete (meaningless when the field has none) */
    struct bytes initial; /* packed default: the value in records older than the field */
};

struct layout {
    enum table table;
    const struct fields *f;
    struct column *v;         /* f->n of them, in the order of f */
    uint16_t known;           /* highest number ever given in this table */
    uint16_t *of;             /* number -> position in v plus 1; 0: a field that is no more */
    uint16_t rev, created_at; /* positions */
};

struct db {
    MDB_env *env;
    MDB_dbi rows, index, counts, trails, meta;
    int lock_fd;
    struct layout tables[TABLE_END];
    unsigned open_txns;
    bool writing, grow;
    bool inside;               /* a child of the group is open: LMDB allows one at a time */
    struct group *group;       /* commits that share one write to disk; NULL: each on its own */
    _Atomic uint64_t *changes; /* counts what a reader may see; may be NULL */
    change_fn change;
    void *change_arg;
};

struct change {
    enum table table;
    bool deleted;
    char id[ID_CHARS + 1];
};

struct txn {
    struct db *db;
    MDB_txn *mdb;
    bool write;
    bool child;  /* of the group */
    bool broken; /* half of a change was made: it may not be committed */
    struct change *changes;
    size_t n, cap;
};

/* db.c */
struct db_options {
    size_t map_bytes; /* first size of the map; it grows */
    const struct fields *const
        *tables; /* by table number: tests open stores with older field tables */
};
int db_open_with(const char *dir, struct db_options options, struct db **out, struct err *e);
int store_err(struct err *e, int rc, const char *what);      /* returns -1 */
#define store_err(...) err_minus_one(store_err(__VA_ARGS__)) /* see err.h */
DEFINE_OWN(MDB_cursor *, cursor, mdb_cursor_close)
DEFINE_OWN(struct db *, db, db_close)

/* create.c: makes the data file of a folder that has none; a power cut leaves none or a whole one
 */
int store_create(const char *dir, size_t map_bytes, struct err *e);

/* group.c: see db_group_commits in store.h */
/* The open LMDB transaction of the group, begun when there is none. */
int group_join(struct db *db, MDB_txn **parent, struct err *e);
MDB_txn *group_open(const struct db *db); /* NULL when none is open */
/* Waits until the group is on disk (in a fiber), or puts it there now (on the main stack). */
int group_wait(struct db *db, struct err *e);
void group_free(struct db *db);

/* txn.c */
int map_grow(struct db *db, struct err *e);
int commit_rc(struct db *db, int rc); /* a full disk under its own name */
void txn_count(struct db *db);        /* see db_count_changes */
int txn_writable(struct txn *t, struct err *e);
void txn_note(struct txn *t, enum table table, const char *id, bool deleted);
const struct layout *txn_layout(struct txn *t, enum table table, struct err *e);

/* layout.c: loads the layouts, gives numbers to new fields and remembers them */
int layouts_open(struct db *db, const struct fields *const *tables, struct err *e);
void layouts_free(struct db *db);
int layout_save(struct txn *t, const struct layout *l, struct err *e);
const struct column *layout_column(const struct layout *l, const char *name); /* NULL if unknown */

/* pack.c */
enum form { FORM_NONE, FORM_TEXT, FORM_INT, FORM_BOOL, FORM_BYTES, FORM_LIST };
enum form form_of(enum field_kind kind);
int pack_value(const struct field *f, const void *record, struct buf *out, struct err *e);
int pack_record(const struct layout *l, const void *record, struct buf *out, struct err *e);
int unpack_record(const struct layout *l, struct blob packed, void *record, struct err *e);
/* One value without unpacking the record; empty (n 0) when unset. A loan from packed or the layout.
 */
int pack_get(const struct layout *l, struct blob packed, const struct column *c, struct blob *out,
             struct err *e);
int64_t packed_int(struct blob value);
/* The next text of a packed list; false at its end. */
bool packed_next(struct blob list, size_t *at, struct blob *out);
/* Text as row_find and tests give it (int and time in decimal) in packed form. */
int pack_text(const struct field *f, const char *text, struct buf *out, struct err *e);

/* index.c */
struct index_key {
    size_t n;
    uint8_t b[INDEX_KEY_MAX + 1];
};
bool index_has(const struct field *f);     /* has an index */
bool index_counted(const struct field *f); /* has a counter for each value */
char text_fold(char c);                    /* ASCII lower case */
bool text_fold_eq(struct blob a, struct blob b);
struct index_key key_column(const struct layout *l, const struct column *c);
void key_add_value(struct index_key *k, const struct field *f, struct blob packed);
void key_add_id(struct index_key *k, const char *id);
bool key_under(const struct index_key *prefix, const MDB_val *key);
/* Changes all index entries and counters from the packed record `before` to `after`; NULL: none. */
int index_update(struct txn *t, const struct layout *l, const char *id, const struct blob *before,
                 const struct blob *after, struct err *e);
/* Id of the first record that has the value, other than `except`; 0 found, 1 none, -1 error. */
int index_find(struct txn *t, const struct layout *l, const struct column *c, struct blob value,
               const char *except, char id[ID_CHARS + 1], struct err *e);
int index_count(struct txn *t, const struct layout *l, const struct column *c, struct blob value,
                uint64_t most, uint64_t *out, struct err *e);
int index_put(struct txn *t, const struct layout *l, const struct column *c, const char *id,
              struct blob value, struct err *e);
int count_add(struct txn *t, const struct index_key *k, int64_t change, struct err *e);
int count_get(struct txn *t, const struct index_key *k, uint64_t *out, struct err *e);
struct index_key key_table(const struct layout *l); /* of the counter of a table's records */

/* table.c */
int row_packed(struct txn *t, const struct layout *l, const char *id, struct blob *out,
               struct err *e);

/* trail.c: the newest entry, a loan until the next change; seq 0 when there is none */
int trail_last(struct txn *t, enum trail trail, const char *owner, uint64_t *seq,
               struct blob *entry, struct err *e);

int trail_get(struct txn *t, enum trail trail, const char *owner, uint64_t seq, struct blob *entry,
              struct err *e);

/* migrate.c */
int migrate(struct db *db, struct err *e);
