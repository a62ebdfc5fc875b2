/*
 * Migrations when a store is opened: numbered steps from its version to ours, each in one
 * transaction, and the building of indexes its field tables gained since. A newer store is refused.
 */
#include <string.h>

#include "src/core/store/inside.h"

#define BUILD_BATCH 2000

static const char version_name[] = "version";

/* A step makes version n+1 of version n; steps[0] is not used, for the first version is 1. */
typedef int (*step_fn)(struct txn *t, struct err *e);
static const step_fn steps[STORE_VERSION] = {NULL};

static int version_get(struct txn *t, uint32_t *out, struct err *e)
{
    MDB_val key = {strlen(version_name), (void *)version_name}, value;
    int rc = mdb_get(t->mdb, t->db->meta, &key, &value);

    if (rc == MDB_NOTFOUND) {
        *out = 0;
        return 0;
    }
    if (rc)
        return store_err(e, rc, version_name);
    struct reader r = reader_of(BLOB(value.mv_data, value.mv_size));
    *out = read_u32(&r);
    return reader_done(&r) ? 0 : err_set(e, ERR_STORE, "the version is damaged");
}

static int version_put(struct txn *t, uint32_t version, struct err *e)
{
    uint8_t bytes[4] = {(uint8_t)(version >> 24), (uint8_t)(version >> 16), (uint8_t)(version >> 8),
                        (uint8_t)version};
    MDB_val key = {strlen(version_name), (void *)version_name}, value = {sizeof(bytes), bytes};
    int rc = mdb_put(t->mdb, t->db->meta, &key, &value, 0);

    return rc ? store_err(e, rc, version_name) : 0;
}

/* 1: a step was made, 0: nothing left to do. */
static int step(struct db *db, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    uint32_t version = 0;

    if (txn_begin(db, true, &t, e) < 0 || version_get(t, &version, e) < 0)
        return -1;
    if (version > STORE_VERSION)
        return err_set(e, ERR_STORE,
                       "written by a newer release (version %u, ours is %d): update first", version,
                       STORE_VERSION);
    if (version == STORE_VERSION)
        return 0;
    if (version > 0) {
        const step_fn make_next = steps[version];
        if (!make_next)
            return err_set(e, ERR_BUG, "no step leads on from version %u", version);
        if (make_next(t, e) < 0)
            return err_wrap(e, "migrate from version %u", version);
    }
    if (version_put(t, version ? version + 1 : STORE_VERSION, e) < 0 || txn_commit(&t, e) < 0)
        return -1;
    return 1;
}

/* Deletes what is under the prefix, one batch: 1 when more is left. */
static int drop_batch(struct txn *t, MDB_dbi dbi, const struct index_key *prefix, struct err *e)
{
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;
    int rc = mdb_cursor_open(t->mdb, dbi, &cursor);

    for (int i = 0; rc == 0 && i < BUILD_BATCH; i++) {
        MDB_val key = {prefix->n, (void *)prefix->b}, value;
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        if (rc == MDB_NOTFOUND || (rc == 0 && !key_under(prefix, &key)))
            return 0;
        if (rc == 0)
            rc = mdb_cursor_del(cursor, 0);
    }
    return rc ? store_err(e, rc, "index") : 1;
}

static int drop_index(struct db *db, const struct layout *l, const struct column *c, struct err *e)
{
    struct index_key prefix = key_column(l, c);

    for (int more = 1; more;) {
        OWN(txn_abort)
        struct txn *t = NULL;
        if (txn_begin(db, true, &t, e) < 0)
            return -1;
        int index = drop_batch(t, db->index, &prefix, e);
        int counts = index < 0 ? -1 : drop_batch(t, db->counts, &prefix, e);
        if (index < 0 || counts < 0 || txn_commit(&t, e) < 0)
            return -1;
        more = index || counts;
    }
    return 0;
}

/* Adds the entries of one batch of records behind the key `at`, which moves on: 1 when more is
 * left. */
static int build_batch(struct txn *t, const struct layout *l, const struct column *c,
                       struct index_key *at, struct err *e)
{
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;
    int rc = mdb_cursor_open(t->mdb, t->db->rows, &cursor);

    for (int i = 0; rc == 0 && i < BUILD_BATCH; i++) {
        MDB_val key = {at->n, at->b}, value;
        struct blob is;
        char id[ID_CHARS + 1] = {0};
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        if (rc == MDB_NOTFOUND || (rc == 0 && ((uint8_t *)key.mv_data)[0] != l->table))
            return 0;
        if (rc)
            break;
        memcpy(id, (uint8_t *)key.mv_data + 1, ID_CHARS);
        memcpy(at->b, key.mv_data, key.mv_size);
        at->n = key.mv_size;
        at->b[at->n++] = 0;
        if (pack_get(l, BLOB(value.mv_data, value.mv_size), c, &is, e) < 0)
            return -1;
        OWN(buf_free)
        struct buf copy = BUF(RECORD_MAX);
        buf_add_blob(&copy, is);
        if (index_put(t, l, c, id, buf_blob(&copy), e) < 0)
            return -1;
    }
    return rc ? store_err(e, rc, l->f->name) : 1;
}

/* Marked as built only at its end: a power cut before starts it over. */
static int build_index(struct db *db, struct layout *l, struct column *c, struct err *e)
{
    struct index_key at = {1, {(uint8_t)l->table}};

    if (drop_index(db, l, c, e) < 0)
        return -1;
    for (int more = 1; more;) {
        OWN(txn_abort)
        struct txn *t = NULL;
        if (txn_begin(db, true, &t, e) < 0 || (more = build_batch(t, l, c, &at, e)) < 0)
            return -1;
        c->built = !more;
        if ((!more && layout_save(t, l, e) < 0) || txn_commit(&t, e) < 0)
            return -1;
    }
    return 0;
}

int migrate(struct db *db, struct err *e)
{
    int more;

    while ((more = step(db, e)) > 0)
        ;
    if (more < 0)
        return -1;
    for (unsigned i = 1; i < TABLE_END; i++) {
        struct layout *l = &db->tables[i];
        for (size_t j = 0; l->f && j < l->f->n; j++)
            if (index_has(l->v[j].f) && !l->v[j].built && build_index(db, l, &l->v[j], e) < 0)
                return err_wrap(e, "index %s.%s", l->f->name, l->v[j].f->name);
    }
    return 0;
}
