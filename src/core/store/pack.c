/*
 * Packed records: the bytes a record has in the store. Owns both directions and the look at one
 * value without unpacking. Secrets are never packed. Refuses damaged bytes with ERR_STORE.
 */
#include <stdlib.h>
#include <string.h>

#include "src/core/store/inside.h"

#define PACK_VERSION 1
#define PACK_HEAD 3 /* version, highest field number known when it was written */

enum form form_of(enum field_kind kind)
{
    switch (kind) {
    case FIELD_INT:
    case FIELD_TIME:
        return FORM_INT;
    case FIELD_BOOL:
        return FORM_BOOL;
    case FIELD_BYTES:
        return FORM_BYTES;
    case FIELD_LIST:
    case FIELD_CHOICES:
    case FIELD_IDS:
        return FORM_LIST;
    case FIELD_SECRET:
        return FORM_NONE;
    default:
        return FORM_TEXT;
    }
}

/* Base 128, most significant first, the high bit says that more follows. */
static void add_varint(struct buf *out, uint32_t v)
{
    for (int shift = 28; shift > 0; shift -= 7)
        if (v >> shift)
            buf_add_u8(out, (uint8_t)(0x80 | (v >> shift & 0x7f)));
    buf_add_u8(out, (uint8_t)(v & 0x7f));
}

static uint32_t read_varint(struct reader *r)
{
    uint64_t v = 0;

    for (int i = 0; i < 5; i++) {
        if (r->at >= r->n)
            break;
        uint8_t byte = r->p[r->at++];
        v = v << 7 | (byte & 0x7f);
        if (!(byte & 0x80)) {
            if (v > UINT32_MAX)
                break;
            return (uint32_t)v;
        }
    }
    r->failed = true;
    return 0;
}

static void pack_list(const struct strs *s, struct buf *out)
{
    for (size_t i = 0; i < s->n; i++) {
        struct blob text = blob_str(s->v[i]);
        if (text.n > RECORD_MAX)
            out->failed = true;
        add_varint(out, (uint32_t)text.n);
        buf_add_blob(out, text);
    }
}

bool packed_next(struct blob list, size_t *at, struct blob *out)
{
    struct reader r = reader_of(list);

    r.at = *at;
    if (r.at >= r.n)
        return false;
    struct blob text = read_bytes(&r, read_varint(&r));
    if (r.failed)
        return false;
    *at = r.at;
    *out = text.n ? text : blob_str("");
    return true;
}

int64_t packed_int(struct blob value)
{
    struct reader r = reader_of(value);

    return value.n == 8 ? (int64_t)read_u64(&r) : 0;
}

int pack_value(const struct field *f, const void *record, struct buf *out, struct err *e)
{
    const void *member = (const uint8_t *)record + f->offset;

    switch (form_of(f->kind)) {
    case FORM_TEXT: {
        const char *text = *(char *const *)member;
        if (text)
            buf_add_str(out, text);
        break;
    }
    case FORM_INT:
        if (*(const int64_t *)member)
            buf_add_u64(out, (uint64_t)*(const int64_t *)member);
        break;
    case FORM_BOOL:
        if (*(const bool *)member)
            buf_add_u8(out, 1);
        break;
    case FORM_BYTES:
        buf_add_blob(out, bytes_blob(member));
        break;
    case FORM_LIST:
        pack_list(member, out);
        break;
    case FORM_NONE:
        break;
    }
    return buf_check(out, f->label, e);
}

int pack_record(const struct layout *l, const void *record, struct buf *out, struct err *e)
{
    OWN(buf_free)
    struct buf value = BUF(RECORD_MAX);

    buf_add_u8(out, PACK_VERSION);
    buf_add_u16(out, l->known);
    for (size_t i = 0; i < l->f->n; i++) {
        buf_clear(&value);
        if (pack_value(&l->f->v[i], record, &value, e) < 0)
            return -1;
        if (value.n == 0)
            continue;
        add_varint(out, l->v[i].number);
        add_varint(out, (uint32_t)value.n);
        buf_add_blob(out, buf_blob(&value));
    }
    return buf_check(out, l->f->name, e);
}

static int damaged(const struct layout *l, struct err *e)
{
    return err_set(e, ERR_STORE, "%s: a stored record is damaged", l->f->name);
}

/* Reads the head of a packed record: the highest number its writer knew. */
static int pack_open(const struct layout *l, struct blob packed, struct reader *r, uint16_t *known,
                     struct err *e)
{
    *r = reader_of(packed);
    uint8_t version = read_u8(r);
    *known = read_u16(r);
    return r->failed || version != PACK_VERSION ? damaged(l, e) : 0;
}

int pack_get(const struct layout *l, struct blob packed, const struct column *c, struct blob *out,
             struct err *e)
{
    struct reader r;
    uint16_t known;

    if (pack_open(l, packed, &r, &known, e) < 0)
        return -1;
    if (c->number > known) {
        *out = bytes_blob(&c->initial);
        return 0;
    }
    while (r.at < r.n) {
        uint32_t number = read_varint(&r);
        struct blob value = read_bytes(&r, read_varint(&r));
        if (r.failed)
            return damaged(l, e);
        if (number == c->number) {
            *out = value;
            return 0;
        }
    }
    *out = BLOB(NULL, 0);
    return 0;
}

static char *text_from(struct blob b)
{
    return memchr(b.p, 0, b.n) ? NULL : xstrndup(b.p, b.n);
}

/* Sets a member that is zero; -1 when the value cannot be of its form. */
static int unpack_value(const struct field *f, struct blob value, void *record)
{
    void *member = (uint8_t *)record + f->offset;
    struct blob text;
    size_t at = 0;

    if (value.n == 0)
        return 0;
    switch (form_of(f->kind)) {
    case FORM_TEXT:
        free(*(char **)member);
        *(char **)member = text_from(value);
        return *(char **)member ? 0 : -1;
    case FORM_INT:
        *(int64_t *)member = packed_int(value);
        return value.n == 8 ? 0 : -1;
    case FORM_BOOL:
        *(bool *)member = true;
        return value.n == 1 ? 0 : -1;
    case FORM_BYTES:
        bytes_set(member, value);
        return 0;
    case FORM_LIST:
        while (packed_next(value, &at, &text))
            strs_add_n(member, text.p, text.n);
        return at == value.n ? 0 : -1;
    case FORM_NONE:
        break;
    }
    return -1;
}

static int unpack_all(const struct layout *l, struct reader *r, uint16_t known, void *record)
{
    for (size_t i = 0; i < l->f->n; i++)
        if (l->v[i].number > known && unpack_value(l->v[i].f, bytes_blob(&l->v[i].initial), record))
            return -1;
    while (r->at < r->n) {
        uint32_t number = read_varint(r);
        struct blob value = read_bytes(r, read_varint(r));
        if (r->failed || number > l->known)
            return -1;
        if (l->of[number] && unpack_value(l->v[l->of[number] - 1].f, value, record) < 0)
            return -1;
    }
    return 0;
}

int unpack_record(const struct layout *l, struct blob packed, void *record, struct err *e)
{
    struct reader r;
    uint16_t known;

    if (pack_open(l, packed, &r, &known, e) < 0)
        return -1;
    memset(record, 0, l->f->size);
    if (unpack_all(l, &r, known, record) == 0)
        return 0;
    fields_free(l->f, record);
    return damaged(l, e);
}

int pack_text(const struct field *f, const char *text, struct buf *out, struct err *e)
{
    int64_t number;
    bool flag;

    switch (form_of(f->kind)) {
    case FORM_INT:
        if (parse_i64(text, INT64_MIN, INT64_MAX, &number, e) < 0)
            return err_wrap(e, "%s", f->label);
        if (number)
            buf_add_u64(out, (uint64_t)number);
        return 0;
    case FORM_BOOL:
        if (parse_bool(text, &flag, e) < 0)
            return err_wrap(e, "%s", f->label);
        if (flag)
            buf_add_u8(out, 1);
        return 0;
    case FORM_TEXT:
        buf_add_str(out, text);
        return buf_check(out, f->label, e);
    default:
        return err_set(e, ERR_BUG, "%s: has no order", f->name);
    }
}
