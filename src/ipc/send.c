/* send_NAME and reply_NAME of every message: encode, and give it to the channel. */
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/ipc/channel.h"

static struct buf body_for(enum msg_type type)
{
    return msg_is_secret(type) ? BUF_SECRET(MSG_MAX_BYTES) : BUF(MSG_MAX_BYTES);
}

#pragma push_macro("BLOB")
#undef BLOB
#define U32(name)
#define U64(name)
#define STR(name)
#define BLOB(name)
#define SECRET(name)
#define FD(name) fd = m->name;
#define MSG(NAME, from, to, fields)                                                                \
    int reply_##NAME(struct channel *c, uint32_t id, const struct msg_##NAME *m, struct err *e)    \
    {                                                                                              \
        OWN(buf_free)                                                                              \
        struct buf body = body_for(MSG_##NAME);                                                    \
        int fd = -1;                                                                               \
                                                                                                   \
        put_##NAME(&body, m);                                                                      \
        fields return channel_send(c, MSG_##NAME, id, &body, fd, e);                               \
    }                                                                                              \
    int send_##NAME(struct channel *c, const struct msg_##NAME *m, struct err *e)                  \
    {                                                                                              \
        return reply_##NAME(c, 0, m, e);                                                           \
    }
#include "src/ipc/messages.def"
#undef MSG
#pragma pop_macro("BLOB")

/* An error may quote outside text: what no message may hold becomes a question mark. */
static void clean(char *text)
{
    for (char *s = text; *s; s++)
        if (((unsigned char)*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7f)
            *s = '?';
    if (text_clean(text, blob_str(text).n, "\n\t"))
        return;
    for (char *s = text; *s; s++)
        if ((unsigned char)*s >= 0x80)
            *s = '?';
}

int reply_failed(struct channel *c, uint32_t id, const struct err *why)
{
    struct err e = *why;

    clean(e.text);
    const struct msg_FAILED m = {.code = e.code, .text = e.text};
    return reply_FAILED(c, id, &m, NULL);
}
