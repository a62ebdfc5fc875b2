/*
 * The C types behind the kinds of fields: free, print, load, encode, decode. Loading and decoding
 * check types and encodings, not the rules of the kind: those were checked when the value came in.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/base/field_kind.h"
#include "src/base/secret.h"
#include "src/base/time.h"

void bytes_set(struct bytes *b, struct blob from)
{
    uint8_t *p = xmemdup(from.p, from.n); /* before the free: `from` may be a part of b */

    bytes_free(b);
    *b = (struct bytes){.p = p, .n = from.n};
}

void bytes_free(struct bytes *b)
{
    free(b->p);
    *b = (struct bytes){0};
}

struct blob bytes_blob(const struct bytes *b)
{
    return BLOB(b->p, b->n);
}

static void add_sized(struct buf *out, struct blob b)
{
    if (b.n > UINT32_MAX)
        out->failed = true;
    buf_add_u32(out, (uint32_t)b.n);
    buf_add_blob(out, b);
}

static struct blob read_sized(struct reader *in)
{
    return read_bytes(in, read_u32(in));
}

static int broken(struct err *e, const char *expected)
{
    return err_set(e, ERR_BUG, "expected %s in the encoded record", expected);
}

/* Text from a peer as a C string; NULL (with the error set) on NUL bytes or broken UTF-8. */
static char *decode_text(struct reader *in, struct err *e)
{
    struct blob b = read_sized(in);

    if (in->failed || (b.n && memchr(b.p, 0, b.n)) || !utf8_valid(b.p, b.n)) {
        broken(e, "text");
        return NULL;
    }
    return b.n ? xstrndup(b.p, b.n) : xstrdup("");
}

static void text_clear(void *member)
{
    char **s = member;

    free(*s);
    *s = NULL;
}

static bool text_is_set(const void *member)
{
    return *(char *const *)member != NULL;
}

static json_t *text_print(const void *member)
{
    const char *s = *(char *const *)member;
    json_t *v = s ? json_string(s) : json_null();

    /* Not UTF-8: only if a caller stored what no check saw. An empty value beats a lost record. */
    return v ? v : json_null();
}

static int text_load(const json_t *v, void *member, struct err *e)
{
    if (!json_is_string(v))
        return err_set(e, ERR_STORE, "expected text");
    *(char **)member = xstrdup(json_string_value(v));
    return 0;
}

static void text_encode(const void *member, struct buf *out)
{
    const char *s = *(char *const *)member;

    buf_add_u8(out, s != NULL);
    if (s)
        add_sized(out, blob_str(s));
}

static int text_decode(struct reader *in, void *member, struct err *e)
{
    uint8_t present = read_u8(in);

    if (in->failed || present > 1)
        return broken(e, "text or none");
    if (!present)
        return 0;
    *(char **)member = decode_text(in, e);
    return *(char **)member ? 0 : -1;
}

const struct field_store field_store_text = {sizeof(char *), text_clear,  text_is_set, text_print,
                                             text_load,      text_encode, text_decode};

static void int_clear(void *member)
{
    *(int64_t *)member = 0;
}

static bool int_is_set(const void *member)
{
    return *(const int64_t *)member != 0;
}

static json_t *int_print(const void *member)
{
    return json_integer(*(const int64_t *)member);
}

static int int_load(const json_t *v, void *member, struct err *e)
{
    if (!json_is_integer(v))
        return err_set(e, ERR_STORE, "expected an integer");
    *(int64_t *)member = json_integer_value(v);
    return 0;
}

static void int_encode(const void *member, struct buf *out)
{
    buf_add_u64(out, (uint64_t)*(const int64_t *)member);
}

static int int_decode(struct reader *in, void *member, struct err *e)
{
    uint64_t v = read_u64(in);

    if (in->failed)
        return broken(e, "an integer");
    *(int64_t *)member = (int64_t)v;
    return 0;
}

const struct field_store field_store_int = {sizeof(int64_t), int_clear,  int_is_set, int_print,
                                            int_load,        int_encode, int_decode};

static json_t *time_json(const void *member)
{
    int64_t t = *(const int64_t *)member;
    char text[TIME_TEXT_BYTES];

    if (t == 0)
        return json_null();
    time_print(t, text);
    return json_string(text);
}

static int time_load(const json_t *v, void *member, struct err *e)
{
    if (time_parse(json_string_value(v), member, e) == 0)
        return 0;
    if (e)
        e->code = ERR_STORE;
    return -1;
}

const struct field_store field_store_time = {sizeof(int64_t), int_clear,  int_is_set, time_json,
                                             time_load,       int_encode, int_decode};

static void bool_clear(void *member)
{
    *(bool *)member = false;
}

static bool bool_is_set(const void *member)
{
    return *(const bool *)member;
}

static json_t *bool_print(const void *member)
{
    return json_boolean(*(const bool *)member);
}

static int bool_load(const json_t *v, void *member, struct err *e)
{
    if (!json_is_boolean(v))
        return err_set(e, ERR_STORE, "expected true or false");
    *(bool *)member = json_is_true(v);
    return 0;
}

static void bool_encode(const void *member, struct buf *out)
{
    buf_add_u8(out, *(const bool *)member);
}

static int bool_decode(struct reader *in, void *member, struct err *e)
{
    uint8_t v = read_u8(in);

    if (in->failed || v > 1)
        return broken(e, "true or false");
    *(bool *)member = v;
    return 0;
}

const struct field_store field_store_bool = {sizeof(bool), bool_clear,  bool_is_set, bool_print,
                                             bool_load,    bool_encode, bool_decode};

static void bytes_clear(void *member)
{
    bytes_free(member);
}

static bool bytes_is_set(const void *member)
{
    return ((const struct bytes *)member)->n > 0;
}

static json_t *bytes_print(const void *member)
{
    struct blob b = bytes_blob(member);
    OWN(buf_free)
    struct buf text = BUF(SIZE_MAX / 2);

    if (b.n == 0)
        return json_null();
    enc_base64(&text, b);
    return json_string(buf_cstr(&text));
}

static int bytes_load(const json_t *v, void *member, struct err *e)
{
    size_t n = json_string_length(v);
    OWN(buf_free)
    struct buf raw = BUF(n);

    if (!json_is_string(v) || dec_base64(&raw, json_string_value(v), n, NULL) < 0)
        return err_set(e, ERR_STORE, "expected base64");
    bytes_set(member, buf_blob(&raw));
    return 0;
}

static void bytes_encode(const void *member, struct buf *out)
{
    add_sized(out, bytes_blob(member));
}

static int bytes_decode(struct reader *in, void *member, struct err *e)
{
    struct blob b = read_sized(in);

    if (in->failed)
        return broken(e, "bytes");
    bytes_set(member, b);
    return 0;
}

const struct field_store field_store_bytes = {sizeof(struct bytes), bytes_clear, bytes_is_set,
                                              bytes_print,          bytes_load,  bytes_encode,
                                              bytes_decode};

static void list_clear(void *member)
{
    strs_free(member);
}

static bool list_is_set(const void *member)
{
    return ((const struct strs *)member)->n > 0;
}

static json_t *list_print(const void *member)
{
    const struct strs *s = member;
    json_t *list = json_array();

    for (size_t i = 0; i < s->n; i++) {
        json_t *item = text_print(&s->v[i]);
        if (json_array_append_new(list, json_is_null(item) ? json_string("") : item) < 0)
            abort();
    }
    return list;
}

static int list_load(const json_t *v, void *member, struct err *e)
{
    json_t *item;
    size_t i;

    if (!json_is_array(v) || json_array_size(v) > FIELD_LIST_MAX)
        return err_set(e, ERR_STORE, "expected a list of at most %d texts", FIELD_LIST_MAX);
    json_array_foreach (v, i, item) {
        if (!json_is_string(item))
            return err_set(e, ERR_STORE, "expected a list of texts");
        strs_add(member, json_string_value(item));
    }
    return 0;
}

static void list_encode(const void *member, struct buf *out)
{
    const struct strs *s = member;

    if (s->n > FIELD_LIST_MAX)
        out->failed = true;
    buf_add_u32(out, (uint32_t)s->n);
    for (size_t i = 0; i < s->n; i++)
        add_sized(out, blob_str(s->v[i]));
}

static int list_decode(struct reader *in, void *member, struct err *e)
{
    uint32_t n = read_u32(in);

    if (in->failed || n > FIELD_LIST_MAX)
        return broken(e, "a list");
    for (uint32_t i = 0; i < n; i++) {
        OWN(own_mem)
        char *text = decode_text(in, e);
        if (!text)
            return -1;
        strs_add(member, text);
    }
    return 0;
}

const struct field_store field_store_list = {
    sizeof(struct strs), list_clear, list_is_set, list_print, list_load, list_encode, list_decode};

static void secret_clear(void *member)
{
    secret_free(member);
}

static bool secret_is_set(const void *member)
{
    return ((const struct secret *)member)->n > 0;
}

static void secret_encode(const void *member, struct buf *out)
{
    out->secret = true; /* wiped from here on, even if the caller forgot */
    add_sized(out, secret_blob(member));
}

static int secret_decode(struct reader *in, void *member, struct err *e)
{
    struct blob b = read_sized(in);

    if (in->failed)
        return broken(e, "a secret");
    return b.n ? secret_copy(member, b.p, b.n, e) : 0;
}

/* No print and no load: a secret has no JSON form. */
const struct field_store field_store_secret = {
    sizeof(struct secret), secret_clear, secret_is_set, NULL, NULL, secret_encode, secret_decode,
};
