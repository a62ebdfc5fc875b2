/*
 * Walks over records in the order of an index. Each step seeks from the last key, so that the
 * callback may change and delete records, the one it is given included.
 */
#include <inttypes.h>
#include <string.h>

#include "src/core/store/inside.h"

struct walk {
    struct txn *t;
    const struct layout *l;
    MDB_cursor *cursor;
    struct index_key prefix, at; /* the next key is the first one not below `at` */
};

/* Id of the next record: 0, 1 at the end, -1. */
static int walk_next(struct walk *w, char id[ID_CHARS + 1], struct err *e)
{
    MDB_val key = {w->at.n, w->at.b}, value;
    int rc = mdb_cursor_get(w->cursor, &key, &value, MDB_SET_RANGE);

    if (rc == MDB_NOTFOUND || (rc == 0 && !key_under(&w->prefix, &key)))
        return 1;
    if (rc)
        return store_err(e, rc, w->l->f->name);
    if (key.mv_size < w->prefix.n + ID_CHARS || key.mv_size > INDEX_KEY_MAX)
        return err_set(e, ERR_STORE, "%s: a key is damaged", w->l->f->name);
    w->at.n = key.mv_size;
    memcpy(w->at.b, key.mv_data, key.mv_size);
    memcpy(id, w->at.b + w->at.n - ID_CHARS, ID_CHARS);
    id[ID_CHARS] = 0;
    w->at.b[w->at.n++] = 0; /* the smallest key behind it */
    return 0;
}

static int walk_records(struct walk *w, row_fn fn, void *arg, struct err *e)
{
    OWN(own_mem)
    void *record = xcalloc(1, w->l->f->size);
    char id[ID_CHARS + 1];

    for (;;) {
        struct blob packed;
        int got = walk_next(w, id, e);
        if (got)
            return got < 0 ? -1 : 0;
        if (row_packed(w->t, w->l, id, &packed, e) < 0 ||
            unpack_record(w->l, packed, record, e) < 0)
            return err_wrap(e, "index");
        got = fn(record, arg, e);
        fields_free(w->l->f, record);
        if (got)
            return got < 0 ? -1 : 0;
    }
}

static int walk_from(struct walk *w, const char *column, const char *from, struct err *e)
{
    const struct column *c = layout_column(w->l, column);
    OWN(buf_free)
    struct buf packed = BUF(RECORD_MAX);

    if (!c || !index_has(c->f))
        return err_set(e, ERR_BUG, "%s.%s: has no index", w->l->f->name, column);
    w->prefix = w->at = key_column(w->l, c);
    if (!from)
        return 0;
    if (pack_text(c->f, from, &packed, e) < 0)
        return -1;
    key_add_value(&w->at, c->f, buf_blob(&packed));
    return 0;
}

int row_each(struct txn *t, enum table table, const char *column, const char *from, row_fn fn,
             void *arg, struct err *e)
{
    struct walk w = {.t = t, .l = txn_layout(t, table, e)};
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;

    if (!w.l)
        return -1;
    if (column) {
        if (walk_from(&w, column, from, e) < 0)
            return -1;
    } else {
        w.prefix = w.at = (struct index_key){1, {(uint8_t)table}};
        if (from && strlen(from) <= ID_CHARS) {
            memcpy(w.at.b + 1, from, strlen(from));
            w.at.n += strlen(from);
        }
    }
    int rc = mdb_cursor_open(t->mdb, column ? t->db->index : t->db->rows, &cursor);
    if (rc)
        return store_err(e, rc, w.l->f->name);
    w.cursor = cursor;
    return walk_records(&w, fn, arg, e);
}

static int range_end(const struct walk *w, const struct column *c, int64_t value,
                     struct index_key *out, struct err *e)
{
    OWN(buf_free)
    struct buf packed = BUF(64);
    OWN(own_mem)
    char *text = xasprintf("%" PRId64, value);

    if (pack_text(c->f, text, &packed, e) < 0)
        return -1;
    *out = w->prefix;
    key_add_value(out, c->f, buf_blob(&packed));
    return 0;
}

int row_count_range(struct txn *t, enum table table, const char *column, int64_t from, int64_t to,
                    uint64_t *out, struct err *e)
{
    struct walk w = {.t = t, .l = txn_layout(t, table, e)};
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;
    struct index_key end;
    uint64_t n = 0;

    if (!w.l || walk_from(&w, column, NULL, e) < 0)
        return -1;
    const struct column *c = layout_column(w.l, column);
    if (form_of(c->f->kind) != FORM_INT || range_end(&w, c, from, &w.at, e) < 0 ||
        range_end(&w, c, to, &end, e) < 0)
        return err_wrap(e, "%s.%s", w.l->f->name, column);
    int rc = mdb_cursor_open(t->mdb, t->db->index, &cursor);
    MDB_val key = {w.at.n, w.at.b}, value;
    for (enum MDB_cursor_op op = MDB_SET_RANGE; rc == 0; op = MDB_NEXT) {
        rc = mdb_cursor_get(cursor, &key, &value, op);
        if (rc == 0 && (!key_under(&w.prefix, &key) || memcmp(key.mv_data, end.b, end.n) >= 0))
            break;
        n += rc == 0;
    }
    if (rc && rc != MDB_NOTFOUND)
        return store_err(e, rc, w.l->f->name);
    *out = n;
    return 0;
}
