/* Codec of the local CA's memory. Strict: every length is checked against a limit and the end. */
#include "src/model/local_ca.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"

#define VERSION 1
#define PART_MAX (160 * 1024) /* of one DER part */

static bool get_part(struct reader *r, struct bytes *out)
{
    const uint32_t n = read_u32(r);
    const struct blob b = n <= PART_MAX ? read_bytes(r, n) : BLOB(NULL, 0);

    if (r->failed || n > PART_MAX)
        return false;
    bytes_set(out, b);
    return true;
}

static bool get_time(struct reader *r, int64_t *out)
{
    const uint64_t v = read_u64(r);

    *out = (int64_t)v;
    return !r->failed && v <= INT64_MAX;
}

static bool get_revoked(struct reader *r, struct local_revoked *x)
{
    x->serial_n = read_u8(r);
    if (r->failed || x->serial_n == 0 || x->serial_n > LOCAL_SERIAL_MAX)
        return false;
    const struct blob serial = read_bytes(r, x->serial_n);
    if (r->failed)
        return false;
    memcpy(x->serial, serial.p, serial.n);
    x->reason = read_u8(r);
    return get_time(r, &x->revoked_at) && get_time(r, &x->not_after) && x->reason <= 10;
}

static bool get_all(struct reader *r, struct local_ca *ca)
{
    if (read_u8(r) != VERSION || !get_part(r, &ca->root) || !get_part(r, &ca->crl) ||
        !get_time(r, &ca->crl_number) || !get_time(r, &ca->crl_this) || !get_time(r, &ca->crl_next))
        return false;
    const uint32_t n = read_u32(r);
    if (r->failed || n > LOCAL_REVOKED_MAX)
        return false;
    ca->revoked = n ? xcalloc(n, sizeof(*ca->revoked)) : NULL;
    for (; ca->n < n; ca->n++)
        if (!get_revoked(r, &ca->revoked[ca->n]))
            return false;
    return reader_done(r) && ca->root.n > 0;
}

int local_ca_decode(struct blob in, struct local_ca *out, struct err *e)
{
    struct reader r = reader_of(in);
    struct local_ca got = {0};

    if (in.n > 0 && !get_all(&r, &got)) {
        local_ca_free(&got);
        return err_set(e, ERR_STORE,
                       "the memory of the local CA is damaged; restore the latest backup");
    }
    *out = got;
    return 0;
}

static void put_part(struct buf *out, const struct bytes *b)
{
    buf_add_u32(out, (uint32_t)b->n);
    buf_add_blob(out, bytes_blob(b));
}

int local_ca_encode(const struct local_ca *ca, struct buf *out, struct err *e)
{
    buf_add_u8(out, VERSION);
    put_part(out, &ca->root);
    put_part(out, &ca->crl);
    buf_add_u64(out, (uint64_t)ca->crl_number);
    buf_add_u64(out, (uint64_t)ca->crl_this);
    buf_add_u64(out, (uint64_t)ca->crl_next);
    buf_add_u32(out, (uint32_t)ca->n);
    for (size_t i = 0; i < ca->n; i++) {
        const struct local_revoked *x = &ca->revoked[i];
        buf_add_u8(out, (uint8_t)x->serial_n);
        buf_add(out, x->serial, x->serial_n);
        buf_add_u8(out, (uint8_t)x->reason);
        buf_add_u64(out, (uint64_t)x->revoked_at);
        buf_add_u64(out, (uint64_t)x->not_after);
    }
    return buf_check(out, "memory of the local CA", e);
}

void local_ca_free(struct local_ca *ca)
{
    bytes_free(&ca->root);
    bytes_free(&ca->crl);
    free(ca->revoked);
    *ca = (struct local_ca){0};
}

int local_order_decode(struct blob in, struct local_order *out, struct err *e)
{
    struct reader r = reader_of(in);
    struct local_order got;
    const uint8_t version = read_u8(&r);
    const struct blob serial = read_bytes(&r, LOCAL_ORDER_SERIAL);

    if (version != VERSION || r.failed || !get_time(&r, &got.not_before) ||
        !get_time(&r, &got.not_after) || !reader_done(&r))
        return err_set(e, ERR_STORE, "the memory of the order is damaged; place a new order");
    memcpy(got.serial, serial.p, serial.n);
    *out = got;
    return 0;
}

void local_order_encode(const struct local_order *o, struct buf *out)
{
    buf_add_u8(out, VERSION);
    buf_add(out, o->serial, sizeof(o->serial));
    buf_add_u64(out, (uint64_t)o->not_before);
    buf_add_u64(out, (uint64_t)o->not_after);
}
