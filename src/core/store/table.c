/*
 * Records: get, put, delete, find, count. A put replaces the revision it was read at, or nothing.
 * Owns that record, indexes, counters and the list of changes go together.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/time.h"
#include "src/core/store/inside.h"

#define ROW_KEY_BYTES (1 + ID_CHARS)

static int row_key(const struct layout *l, const char *id, uint8_t key[ROW_KEY_BYTES],
                   struct err *e)
{
    if (!id_valid(id))
        return err_set(e, ERR_NOT_FOUND, "%s: there is no such record", l->f->name);
    key[0] = (uint8_t)l->table;
    memcpy(key + 1, id, ID_CHARS);
    return 0;
}

int row_packed(struct txn *t, const struct layout *l, const char *id, struct blob *out,
               struct err *e)
{
    uint8_t bytes[ROW_KEY_BYTES];
    MDB_val key = {sizeof(bytes), bytes}, value;

    if (row_key(l, id, bytes, e) < 0)
        return -1;
    int rc = mdb_get(t->mdb, t->db->rows, &key, &value);
    if (rc == MDB_NOTFOUND)
        return err_set(e, ERR_NOT_FOUND, "%s: there is no record %s", l->f->name, id);
    if (rc)
        return store_err(e, rc, l->f->name);
    *out = BLOB(value.mv_data, value.mv_size);
    return 0;
}

int row_get(struct txn *t, enum table table, const char *id, void *record, struct err *e)
{
    const struct layout *l = txn_layout(t, table, e);
    struct blob packed = {0};

    if (!l || row_packed(t, l, id, &packed, e) < 0)
        return -1;
    return unpack_record(l, packed, record, e);
}

static int check_unique(struct txn *t, const struct layout *l, const char *id, struct blob packed,
                        struct err *e)
{
    char other[ID_CHARS + 1];

    for (size_t i = 0; i < l->f->n; i++) {
        const struct column *c = &l->v[i];
        struct blob value;
        if (!(c->f->flags & FIELD_UNIQUE))
            continue;
        if (pack_get(l, packed, c, &value, e) < 0)
            return -1;
        if (value.n == 0) /* no value is no duplicate */
            continue;
        int got = index_find(t, l, c, value, id, other, e);
        if (got < 0)
            return -1;
        if (got == 0)
            return err_set(e, ERR_CONFLICT, "%s: another %s has this value, choose another",
                           c->f->label[0] ? c->f->label : c->f->name, l->f->name);
    }
    return 0;
}

static int row_write(struct txn *t, const struct layout *l, const char *id,
                     const struct blob *before, struct blob after, struct err *e)
{
    uint8_t bytes[ROW_KEY_BYTES];
    MDB_val key = {sizeof(bytes), bytes}, value = {after.n, (void *)after.p};

    if (row_key(l, id, bytes, e) < 0)
        return -1;
    t->broken = true; /* until all of it is done */
    if (index_update(t, l, id, before, &after, e) < 0)
        return -1;
    int rc = mdb_put(t->mdb, t->db->rows, &key, &value, 0);
    if (rc)
        return store_err(e, rc, l->f->name);
    t->broken = false;
    txn_note(t, l->table, id, false);
    return 0;
}

/* The stored record that a put replaces, copied: LMDB's own bytes move with the next write. */
static int read_before(struct txn *t, const struct layout *l, const struct row_head *head,
                       struct buf *copy, struct row_head *next, struct err *e)
{
    struct blob packed = {0}, rev = {0}, created = {0};

    if (row_packed(t, l, head->id, &packed, e) < 0)
        return -1;
    buf_add_blob(copy, packed);
    packed = buf_blob(copy);
    if (pack_get(l, packed, &l->v[l->rev], &rev, e) < 0 ||
        pack_get(l, packed, &l->v[l->created_at], &created, e) < 0)
        return -1;
    if (packed_int(rev) != head->rev)
        return err_set(e, ERR_CONFLICT, "%s: changed meanwhile; read it again, then change it",
                       l->f->name);
    next->rev = head->rev + 1;
    next->created_at = packed_int(created);
    return 0;
}

/* An id the caller chose for a new record: well formed, and nobody's. */
static int take_name(struct txn *t, const struct layout *l, const char *wanted,
                     char id[ID_CHARS + 1], struct err *e)
{
    struct err none = {0};
    struct blob packed;

    if (!id_valid(wanted))
        return err_set(e, ERR_BUG, "%s: %s is no identifier", l->f->name, wanted);
    if (row_packed(t, l, wanted, &packed, &none) == 0)
        return err_set(e, ERR_CONFLICT, "%s: the record exists already", l->f->name);
    return str_copy(id, ID_CHARS + 1, wanted, e);
}

static int put(struct txn *t, const struct layout *l, void *record, struct err *e)
{
    struct row_head *head = record;
    OWN(buf_free)
    struct buf before = BUF(RECORD_MAX);
    OWN(buf_free)
    struct buf after = BUF(RECORD_MAX);
    bool named = head->id && head->id[0];
    bool fresh = !named || head->rev == 0;
    char id[ID_CHARS + 1];
    struct row_head next = {id, 1, now_s(), now_s()}, was = *head;
    struct blob old;

    if (named && fresh) {
        if (take_name(t, l, head->id, id, e) < 0)
            return -1;
    } else if (fresh)
        id_new(id);
    else if (read_before(t, l, head, &before, &next, e) < 0)
        return -1;
    else
        memcpy(id, head->id, sizeof(id)); /* its length was checked by the look-up */
    *head = next;
    int got = pack_record(l, record, &after, e);
    *head = was;
    if (got < 0 || check_unique(t, l, id, buf_blob(&after), e) < 0)
        return -1;
    old = buf_blob(&before);
    if (row_write(t, l, id, fresh ? NULL : &old, buf_blob(&after), e) < 0)
        return -1;
    if (fresh) {
        free(was.id);
        next.id = xstrdup(id);
    } else {
        next.id = was.id;
    }
    *head = next;
    return 0;
}

int row_put(struct txn *t, enum table table, void *record, struct err *e)
{
    const struct layout *l = txn_layout(t, table, e);

    if (!l || txn_writable(t, e) < 0)
        return -1;
    return put(t, l, record, e);
}

int row_delete(struct txn *t, enum table table, const char *id, struct err *e)
{
    const struct layout *l = txn_layout(t, table, e);
    uint8_t bytes[ROW_KEY_BYTES];
    MDB_val key = {sizeof(bytes), bytes};
    OWN(buf_free)
    struct buf before = BUF(RECORD_MAX);
    struct blob packed = {0};

    if (!l || txn_writable(t, e) < 0 || row_packed(t, l, id, &packed, e) < 0 ||
        row_key(l, id, bytes, e) < 0)
        return -1;
    buf_add_blob(&before, packed);
    packed = buf_blob(&before);
    t->broken = true;
    if (index_update(t, l, id, &packed, NULL, e) < 0)
        return -1;
    int rc = mdb_del(t->mdb, t->db->rows, &key, NULL);
    if (rc)
        return store_err(e, rc, l->f->name);
    t->broken = false;
    txn_note(t, table, id, true);
    return 0;
}

/* The indexed column of that name, and the value in packed form. */
static const struct column *indexed(const struct layout *l, const char *name, const char *value,
                                    struct buf *packed, struct err *e)
{
    const struct column *c = layout_column(l, name);

    if (!c || !index_has(c->f)) {
        err_set(e, ERR_BUG, "%s.%s: has no index", l->f->name, name);
        return NULL;
    }
    return pack_text(c->f, value, packed, e) < 0 ? NULL : c;
}

int row_find(struct txn *t, enum table table, const char *column, const char *value, void *record,
             struct err *e)
{
    const struct layout *l = txn_layout(t, table, e);
    OWN(buf_free)
    struct buf packed = BUF(RECORD_MAX);
    char id[ID_CHARS + 1];

    if (!l)
        return -1;
    const struct column *c = indexed(l, column, value, &packed, e);
    if (!c)
        return -1;
    int got = index_find(t, l, c, buf_blob(&packed), NULL, id, e);
    if (got < 0)
        return -1;
    if (got > 0)
        return err_set(e, ERR_NOT_FOUND, "%s: none with that %s", l->f->name, column);
    return row_get(t, table, id, record, e);
}

int row_count(struct txn *t, enum table table, const char *column, const char *value, uint64_t *out,
              struct err *e)
{
    const struct layout *l = txn_layout(t, table, e);
    OWN(buf_free)
    struct buf packed = BUF(RECORD_MAX);

    if (!l)
        return -1;
    if (!column) {
        struct index_key all = key_table(l);
        return count_get(t, &all, out, e);
    }
    const struct column *c = indexed(l, column, value, &packed, e);
    return c ? index_count(t, l, c, buf_blob(&packed), UINT64_MAX, out, e) : -1;
}
