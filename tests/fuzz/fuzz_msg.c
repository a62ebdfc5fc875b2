/*
 * The decoder of messages between processes. The first byte chooses the type, the rest is the body.
 * What decodes is encoded again and must give the same bytes: the format has one form only.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/ipc/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MSG(NAME, from, to, fields)                                                                \
    static void fuzz_##NAME(const struct msg *m)                                                   \
    {                                                                                              \
        OWN(buf_free)                                                                              \
        struct buf again = BUF(MSG_MAX_BYTES);                                                     \
        struct msg_##NAME got;                                                                     \
                                                                                                   \
        if (get_##NAME(m, &got, NULL) < 0)                                                         \
            return;                                                                                \
        put_##NAME(&again, &got);                                                                  \
        if (!buf_ok(&again) || !blob_eq(buf_blob(&again), m->body))                                \
            abort();                                                                               \
    }
#include "src/ipc/messages.def"
#undef MSG

static void (*const fuzz[MSG_COUNT])(const struct msg *) = {
#define MSG(NAME, from, to, fields) [MSG_##NAME] = fuzz_##NAME,
#include "src/ipc/messages.def"
#undef MSG
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const enum msg_type type = data[0] % MSG_COUNT;
    /* A copy of exactly that size, so that a read beyond it is seen. */
    OWN(own_mem)
    void *body = xmemdup(data + 1, size - 1);
    const struct msg m = {.type = type, .body = {body, size - 1}, .fd = msg_has_fd(type) ? 0 : -1};

    fuzz[type](&m);
    return 0;
}
