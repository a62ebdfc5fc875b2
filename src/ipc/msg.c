/*
 * Encodes and decodes every message of messages.def. The decoder refuses what put_NAME could not
 * have written: short or surplus bytes, text without its NUL or with control characters, and a
 * descriptor too many or too few.
 */
#include "src/ipc/msg.h"

#include <string.h>

#include "src/base/str.h"

/* Line ends and tabs are the only control characters in a text: PEM, logs and comments have them.
 */
#define TEXT_CONTROLS "\n\r\t"

enum { HAS_SECRET = 1, HAS_FD = 2 };

#define U32(name) | 0
#define U64(name) | 0
#define STR(name) | 0
#define SECRET(name) | HAS_SECRET
#define FD(name) | HAS_FD
#pragma push_macro("BLOB")
#undef BLOB
#define BLOB(name) | 0
#define MSG(NAME, sender, receiver, fields) {#NAME, sender, receiver, 0 fields},
static const struct {
    const char *name;
    unsigned from, to, has;
} messages[MSG_COUNT] = {
#include "src/ipc/messages.def"
};
#undef MSG
#pragma pop_macro("BLOB")
#undef U32
#undef U64
#undef STR
#undef SECRET
#undef FD

static void put_blob(struct buf *out, struct blob b)
{
    if (b.n > MSG_MAX_BYTES) {
        out->failed = true;
        return;
    }
    buf_add_u32(out, (uint32_t)b.n);
    buf_add_blob(out, b);
}

static void put_str(struct buf *out, const char *s)
{
    const struct blob text = s ? blob_str(s) : blob_str("");

    if (!text_clean(text.p, text.n, TEXT_CONTROLS)) {
        out->failed = true; /* the receiver would close the channel: fail where the fault is */
        return;
    }
    put_blob(out, text);
    buf_add_u8(out, 0);
}

static struct blob get_blob(struct reader *r)
{
    return read_bytes(r, read_u32(r));
}

static const char *get_str(struct reader *r)
{
    const struct blob text = get_blob(r);

    if (r->failed || read_u8(r) != 0 || r->failed || !text_clean(text.p, text.n, TEXT_CONTROLS)) {
        r->failed = true;
        return "";
    }
    return text.n ? text.p : ""; /* the NUL behind it was checked */
}

static int get_end(const struct msg *in, const struct reader *r, struct err *e)
{
    if (!reader_done(r))
        return err_set(e, ERR_BUG, "message %s: %zu bytes that do not decode", msg_name(in->type),
                       in->body.n);
    if (msg_has_fd(in->type) != (in->fd >= 0))
        return err_set(e, ERR_BUG, "message %s: %s descriptor", msg_name(in->type),
                       in->fd < 0 ? "misses its" : "has a surplus");
    return 0;
}

#pragma push_macro("BLOB")
#undef BLOB

#define U32(name) buf_add_u32(out, m->name);
#define U64(name) buf_add_u64(out, m->name);
#define STR(name) put_str(out, m->name);
#define BLOB(name) put_blob(out, m->name);
#define SECRET(name) put_blob(out, m->name);
#define FD(name) /* travels beside the body */
#define MSG(NAME, sender, receiver, fields)                                                        \
    void put_##NAME(struct buf *out, const struct msg_##NAME *m)                                   \
    {                                                                                              \
        (void)out;                                                                                 \
        (void)m;                                                                                   \
        fields                                                                                     \
    }
#include "src/ipc/messages.def"
#undef MSG
#undef U32
#undef U64
#undef STR
#undef BLOB
#undef SECRET
#undef FD

#define U32(name) got.name = read_u32(&r);
#define U64(name) got.name = read_u64(&r);
#define STR(name) got.name = get_str(&r);
#define BLOB(name) got.name = get_blob(&r);
#define SECRET(name) got.name = get_blob(&r);
#define FD(name) got.name = in->fd;
#define MSG(NAME, sender, receiver, fields)                                                        \
    int get_##NAME(const struct msg *in, struct msg_##NAME *out, struct err *e)                    \
    {                                                                                              \
        struct reader r = reader_of(in->body);                                                     \
        struct msg_##NAME got = {};                                                                \
                                                                                                   \
        if (in->type != MSG_##NAME)                                                                \
            return err_set(e, ERR_BUG, "message %s read as " #NAME, msg_name(in->type));           \
        fields if (get_end(in, &r, e) < 0) return -1;                                              \
        *out = got;                                                                                \
        return 0;                                                                                  \
    }
#include "src/ipc/messages.def"
#undef MSG
#undef U32
#undef U64
#undef STR
#undef BLOB
#undef SECRET
#undef FD
#pragma pop_macro("BLOB")

const char *msg_name(enum msg_type type)
{
    return (unsigned)type < MSG_COUNT ? messages[type].name : "unknown";
}

unsigned msg_from(enum msg_type type)
{
    return (unsigned)type < MSG_COUNT ? messages[type].from : 0;
}

unsigned msg_to(enum msg_type type)
{
    return (unsigned)type < MSG_COUNT ? messages[type].to : 0;
}

bool msg_is_secret(enum msg_type type)
{
    return (unsigned)type < MSG_COUNT && (messages[type].has & HAS_SECRET);
}

bool msg_has_fd(enum msg_type type)
{
    return (unsigned)type < MSG_COUNT && (messages[type].has & HAS_FD);
}
