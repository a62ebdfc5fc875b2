/* Connector kinds expanded from connectors.def, and the lists of named blobs they travel with. */
#include "src/model/connectors.h"

#include <stdlib.h>

#include "src/base/str.h"
#include "src/model/as_fields.h"
#define KEY(role, alg, purposes) {role, alg, purposes},
/* A function each, for the typedef that the field macros take offsets in. */
#define CONNECTOR(name, title, ca_type, help, reasons, members, keys)                              \
    static const struct connector_key name##_keys[] = {keys{NULL, 0, 0}};                          \
    static const struct fields *name##_fields(void)                                                \
    {                                                                                              \
        typedef struct name##_settings RECORD;                                                     \
        static const struct field v[] = {members};                                                 \
        static const struct fields f = {#name, sizeof(RECORD), v, COUNT(v)};                       \
        return &f;                                                                                 \
    }
#include "src/model/connectors.def"
#undef CONNECTOR
#undef KEY
#include "src/model/as_end.h"

#define CONNECTOR(name, title, ca_type, help, reasons, members, keys)                              \
    {#name, title, ca_type, help, reasons, name##_fields, name##_keys},
const struct connector_kind connector_kinds[] = {
#include "src/model/connectors.def"
};
#undef CONNECTOR
const size_t connector_kinds_n = COUNT(connector_kinds);

const struct connector_kind *connector_kind_find(const char *name)
{
    for (size_t i = 0; i < connector_kinds_n; i++)
        if (str_eq(connector_kinds[i].name, name))
            return &connector_kinds[i];
    return NULL;
}

int named_blobs_add(struct named_blobs *l, const char *name, struct blob a, struct blob b,
                    struct err *e)
{
    if (l->n == COUNT(l->v))
        return err_set(e, ERR_LIMIT, "more than %zu secrets or keys in one connector", COUNT(l->v));
    struct named_blob *x = &l->v[l->n++];
    *x = (struct named_blob){.name = xstrdup(name)};
    bytes_set(&x->a, a);
    bytes_set(&x->b, b);
    return 0;
}

const struct named_blob *named_blobs_find(const struct named_blobs *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->v[i].name, name))
            return &l->v[i];
    return NULL;
}

static void put_part(struct buf *out, struct blob part)
{
    buf_add_u32(out, (uint32_t)part.n);
    buf_add_blob(out, part);
}

void named_blobs_encode(const struct named_blobs *l, struct buf *out)
{
    buf_add_u8(out, (uint8_t)l->n);
    for (size_t i = 0; i < l->n; i++) {
        put_part(out, blob_str(l->v[i].name));
        put_part(out, bytes_blob(&l->v[i].a));
        put_part(out, bytes_blob(&l->v[i].b));
    }
}

static struct blob get_part(struct reader *r)
{
    return read_bytes(r, read_u32(r));
}

int named_blobs_decode(struct blob in, struct named_blobs *l, struct err *e)
{
    struct reader r = reader_of(in);
    struct named_blobs got = {0};
    size_t n = in.n == 0 ? 0 : read_u8(&r);
    for (size_t i = 0; i < n && !r.failed; i++) {
        struct blob name = get_part(&r), a = get_part(&r), b = get_part(&r);
        OWN(own_mem)
        char *text = r.failed ? NULL : xstrndup(name.p, name.n);
        if (r.failed || !text_clean(name.p, name.n, "") || named_blobs_add(&got, text, a, b, e) < 0)
            r.failed = true;
    }
    if (!reader_done(&r)) {
        named_blobs_free(&got);
        return err_set(e, ERR_BUG, "secrets or keys of a connector are not well formed");
    }
    *l = got;
    return 0;
}

void named_blobs_free(struct named_blobs *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].name);
        bytes_free(&l->v[i].a);
        bytes_free(&l->v[i].b);
    }
    l->n = 0;
}
