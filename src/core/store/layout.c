/*
 * Layouts: which number each field of a table has in stored records. They are kept in the store, so
 * a field table may gain, lose and reorder fields while old records stay readable.
 */
#include <stdlib.h>
#include <string.h>

#include "src/core/store/inside.h"

#define LAYOUT_MAX_BYTES (256 * 1024)
#define LAYOUT_BUILT 1   /* the index of the field is complete */
#define LAYOUT_COUNTED 2 /* ... and its values are counted */

static void layout_name(enum table t, char out[32])
{
    snprintf(out, 32, "layout/%u", (unsigned)t);
}

static void layout_free(struct layout *l)
{
    for (size_t i = 0; l->v && i < l->f->n; i++)
        bytes_free(&l->v[i].initial);
    free(l->v);
    free(l->of);
    *l = (struct layout){0};
}

void layouts_free(struct db *db)
{
    for (unsigned i = 0; i < TABLE_END; i++)
        layout_free(&db->tables[i]);
}

const struct column *layout_column(const struct layout *l, const char *name)
{
    for (size_t i = 0; i < l->f->n; i++)
        if (strcmp(l->f->v[i].name, name) == 0)
            return &l->v[i];
    return NULL;
}

/* An entry of the stored layout whose field is still there gets its number back. */
static void take_entry(struct layout *l, uint16_t number, uint8_t form, uint8_t flags,
                       struct blob name)
{
    for (size_t i = 0; i < l->f->n; i++) {
        struct column *c = &l->v[i];
        if (!blob_eq(name, blob_str(c->f->name)) || form != form_of(c->f->kind))
            continue;
        c->number = number;
        c->built = flags & LAYOUT_BUILT && index_has(c->f) &&
                   index_counted(c->f) == !!(flags & LAYOUT_COUNTED);
    }
}

static int layout_read(struct layout *l, struct blob stored, struct err *e)
{
    struct reader r = reader_of(stored);

    l->known = read_u16(&r);
    while (!r.failed && r.at < r.n) {
        uint16_t number = read_u16(&r);
        uint8_t form = read_u8(&r), flags = read_u8(&r);
        struct blob name = read_bytes(&r, read_u8(&r));
        if (!r.failed && number <= l->known)
            take_entry(l, number, form, flags, name);
    }
    return reader_done(&r) ? 0 : err_set(e, ERR_STORE, "%s: its layout is damaged", l->f->name);
}

/* Entries of fields that are no more stay: their numbers are spent. */
static void keep_spent(const struct layout *l, struct blob stored, struct buf *out)
{
    struct reader r = reader_of(stored);

    read_u16(&r);
    while (!r.failed && r.at < r.n) {
        uint16_t number = read_u16(&r);
        uint8_t form = read_u8(&r), flags = read_u8(&r);
        struct blob name = read_bytes(&r, read_u8(&r));
        if (r.failed || number > l->known || l->of[number])
            continue;
        buf_add_u16(out, number);
        buf_add_u8(out, form);
        buf_add_u8(out, (uint8_t)(flags & ~(LAYOUT_BUILT | LAYOUT_COUNTED)));
        buf_add_u8(out, (uint8_t)name.n);
        buf_add_blob(out, name);
    }
}

int layout_save(struct txn *t, const struct layout *l, struct err *e)
{
    char name[32];
    MDB_val key, old = {0}, value;
    OWN(buf_free)
    struct buf out = BUF(LAYOUT_MAX_BYTES);

    layout_name(l->table, name);
    key = (MDB_val){strlen(name), name};
    buf_add_u16(&out, l->known);
    for (size_t i = 0; i < l->f->n; i++) {
        const struct column *c = &l->v[i];
        if (!c->number)
            continue;
        buf_add_u16(&out, c->number);
        buf_add_u8(&out, (uint8_t)form_of(c->f->kind));
        buf_add_u8(&out, (uint8_t)((c->built ? LAYOUT_BUILT : 0) |
                                   (c->built && index_counted(c->f) ? LAYOUT_COUNTED : 0)));
        buf_add_u8(&out, (uint8_t)strlen(c->f->name));
        buf_add_str(&out, c->f->name);
    }
    int rc = mdb_get(t->mdb, t->db->meta, &key, &old);
    if (rc && rc != MDB_NOTFOUND)
        return store_err(e, rc, name);
    if (rc == 0)
        keep_spent(l, BLOB(old.mv_data, old.mv_size), &out);
    if (buf_check(&out, name, e) < 0)
        return -1;
    if (rc == 0 && blob_eq(BLOB(old.mv_data, old.mv_size), buf_blob(&out)))
        return 0;
    value = (MDB_val){out.n, out.p};
    rc = mdb_put(t->mdb, t->db->meta, &key, &value, 0);
    return rc ? store_err(e, rc, name) : 0;
}

static int layout_number(struct layout *l, struct err *e)
{
    for (size_t i = 0; i < l->f->n; i++) {
        struct column *c = &l->v[i];
        if (c->number || form_of(c->f->kind) == FORM_NONE)
            continue;
        if (l->known == UINT16_MAX)
            return err_set(e, ERR_STORE, "%s: all field numbers are spent", l->f->name);
        c->number = ++l->known;
    }
    l->of = xcalloc((size_t)l->known + 1, sizeof(*l->of));
    for (size_t i = 0; i < l->f->n; i++)
        if (l->v[i].number)
            l->of[l->v[i].number] = (uint16_t)(i + 1);
    return 0;
}

/* What fields_init gives, packed. */
static int layout_initials(struct layout *l, struct err *e)
{
    OWN(own_mem)
    void *record = xcalloc(1, l->f->size);
    int got = 0;

    fields_init(l->f, record);
    for (size_t i = 0; i < l->f->n && got == 0; i++) {
        OWN(buf_free)
        struct buf value = BUF(RECORD_MAX);
        got = pack_value(l->v[i].f, record, &value, e);
        if (got == 0)
            bytes_set(&l->v[i].initial, buf_blob(&value));
    }
    fields_free(l->f, record);
    return got;
}

/* Every record begins with struct row_head, and lists and bytes have no order to index. */
static int layout_check(struct layout *l, struct err *e)
{
    static const char *const head[] = {"id", "rev", "created_at", "updated_at"};

    for (size_t i = 0; i < COUNT(head); i++)
        if (l->f->n <= i || strcmp(l->f->v[i].name, head[i]) != 0)
            return err_set(e, ERR_BUG, "%s: its field table lacks %s", l->f->name, head[i]);
    for (size_t i = 0; i < l->f->n; i++) {
        enum form form = form_of(l->f->v[i].kind);
        bool flat = form == FORM_TEXT || form == FORM_INT || form == FORM_BOOL;
        if (index_has(&l->f->v[i]) && !flat)
            return err_set(e, ERR_BUG, "%s.%s: cannot be indexed", l->f->name, l->f->v[i].name);
    }
    l->rev = 1;
    l->created_at = 2;
    return 0;
}

static int layout_open(struct txn *t, struct layout *l, struct err *e)
{
    char name[32];
    MDB_val key, stored;

    l->v = xcalloc(l->f->n, sizeof(*l->v));
    for (size_t i = 0; i < l->f->n; i++)
        l->v[i].f = &l->f->v[i];
    if (layout_check(l, e) < 0)
        return -1;
    layout_name(l->table, name);
    key = (MDB_val){strlen(name), name};
    int rc = mdb_get(t->mdb, t->db->meta, &key, &stored);
    if (rc && rc != MDB_NOTFOUND)
        return store_err(e, rc, name);
    if (rc == 0 && layout_read(l, BLOB(stored.mv_data, stored.mv_size), e) < 0)
        return -1;
    bool fresh = rc == MDB_NOTFOUND;
    if (layout_number(l, e) < 0 || layout_initials(l, e) < 0)
        return -1;
    for (size_t i = 0; fresh && i < l->f->n; i++)
        l->v[i].built = index_has(l->v[i].f); /* of no records */
    return layout_save(t, l, e);
}

int layouts_open(struct db *db, const struct fields *const *tables, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;

    if (txn_begin(db, true, &t, e) < 0)
        return -1;
    for (unsigned i = 1; i < TABLE_END; i++) {
        if (!tables[i])
            continue;
        db->tables[i] = (struct layout){.table = (enum table)i, .f = tables[i]};
        if (layout_open(t, &db->tables[i], e) < 0)
            return -1;
    }
    return txn_commit(&t, e);
}
