/*
 * The store's own check: every index entry has its record, every record has its index entries, and
 * the counters are right. For tests, and for a store that came out of a backup.
 */
#include <string.h>

#include "src/core/store/inside.h"

static int wrong(const struct layout *l, const char *id, const char *what, struct err *e)
{
    return err_set(e, ERR_STORE, "%s %s: %s", l->f->name, id, what);
}

static int check_entry(struct txn *t, const struct layout *l, const struct column *c,
                       const char *id, struct blob packed, struct err *e)
{
    struct index_key k = key_column(l, c);
    struct blob value;

    if (pack_get(l, packed, c, &value, e) < 0)
        return -1;
    key_add_value(&k, c->f, value);
    key_add_id(&k, id);
    MDB_val key = {k.n, k.b}, none;
    return mdb_get(t->mdb, t->db->index, &key, &none) ? wrong(l, id, c->f->name, e) : 0;
}

/* Number of keys under a prefix. */
static int count_keys(struct txn *t, MDB_dbi dbi, const struct index_key *prefix, uint64_t *out,
                      struct err *e)
{
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;
    MDB_val key = {prefix->n, (void *)prefix->b}, value;
    int rc = mdb_cursor_open(t->mdb, dbi, &cursor);
    uint64_t n = 0;

    if (rc == 0)
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (; rc == 0 && key_under(prefix, &key); rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))
        n++;
    *out = n;
    return rc && rc != MDB_NOTFOUND ? store_err(e, rc, "check") : 0;
}

/* Each counter against the index range it stands for, and their sum against the whole index. */
static int check_counters(struct txn *t, const struct layout *l, const struct column *c,
                          uint64_t records, struct err *e)
{
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;
    struct index_key prefix = key_column(l, c);
    MDB_val key = {prefix.n, prefix.b}, value;
    int rc = mdb_cursor_open(t->mdb, t->db->counts, &cursor);
    uint64_t sum = 0;

    if (rc == 0)
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (; rc == 0 && key_under(&prefix, &key);
         rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        struct index_key one = {.n = key.mv_size};
        uint64_t said, is;
        memcpy(one.b, key.mv_data, key.mv_size);
        if (count_get(t, &one, &said, e) < 0 || count_keys(t, t->db->index, &one, &is, e) < 0)
            return -1;
        if (said != is)
            return wrong(l, c->f->name, "its counter is wrong", e);
        sum += is;
    }
    if (rc && rc != MDB_NOTFOUND)
        return store_err(e, rc, "check");
    return index_counted(c->f) && sum != records ? wrong(l, c->f->name, "lacks a counter", e) : 0;
}

static int check_records(struct txn *t, const struct layout *l, uint64_t *out, struct err *e)
{
    OWN(own_cursor)
    MDB_cursor *cursor = NULL;
    uint8_t start = (uint8_t)l->table;
    MDB_val key = {1, &start}, value;
    int rc = mdb_cursor_open(t->mdb, t->db->rows, &cursor);
    OWN(own_mem)
    void *record = xcalloc(1, l->f->size);
    uint64_t n = 0;

    if (rc == 0)
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (; rc == 0 && ((uint8_t *)key.mv_data)[0] == l->table;
         rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT), n++) {
        struct blob packed = BLOB(value.mv_data, value.mv_size);
        char id[ID_CHARS + 1] = {0};
        if (key.mv_size != 1 + ID_CHARS)
            return wrong(l, "?", "a key is damaged", e);
        memcpy(id, (uint8_t *)key.mv_data + 1, ID_CHARS);
        if (unpack_record(l, packed, record, e) < 0)
            return -1;
        bool same = str_eq(((struct row_head *)record)->id, id);
        fields_free(l->f, record);
        if (!same)
            return wrong(l, id, "has another id inside", e);
        for (size_t i = 0; i < l->f->n; i++)
            if (index_has(&l->f->v[i]) && check_entry(t, l, &l->v[i], id, packed, e) < 0)
                return -1;
    }
    *out = n;
    return rc && rc != MDB_NOTFOUND ? store_err(e, rc, "check") : 0;
}

static int check_table(struct txn *t, const struct layout *l, struct err *e)
{
    struct index_key all = key_table(l);
    uint64_t records = 0, said = 0, entries = 0;

    if (check_records(t, l, &records, e) < 0 || count_get(t, &all, &said, e) < 0)
        return -1;
    if (said != records)
        return wrong(l, "table", "its counter is wrong", e);
    for (size_t i = 0; i < l->f->n; i++) {
        struct index_key prefix = key_column(l, &l->v[i]);
        if (!index_has(&l->f->v[i]))
            continue;
        /* Every record has its entry: as many entries as records means that there is no other. */
        if (count_keys(t, t->db->index, &prefix, &entries, e) < 0)
            return -1;
        if (entries != records)
            return wrong(l, l->f->v[i].name, "its index has entries without a record", e);
        if (check_counters(t, l, &l->v[i], records, e) < 0)
            return -1;
    }
    return 0;
}

int store_check(struct txn *t, struct err *e)
{
    for (unsigned i = 1; i < TABLE_END; i++)
        if (t->db->tables[i].f && check_table(t, &t->db->tables[i], e) < 0)
            return err_wrap(e, "check");
    return 0;
}
