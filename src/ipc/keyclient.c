/* Signs with a key that only `key` holds. The answer to a handshake may take 2 s, no more. */
#include "src/ipc/keyclient.h"

#include "src/base/fiber.h"
#include "src/base/own.h"
#include "src/ipc/call.h"

#define HANDSHAKE_MS 2000
#define FIBER_MS 30000

int keyclient_sign(void *channel_to_key, uint32_t purpose, uint32_t scheme, struct blob envelope,
                   struct blob tbs, struct buf *signature, struct err *e)
{
    const struct msg_KEY_SIGN m = {
        .purpose = purpose, .scheme = scheme, .envelope = envelope, .tbs = tbs};
    OWN(reply_done)
    struct reply r = {};
    struct msg_KEY_SIGNED s;

    if (call_KEY_SIGN(channel_to_key, &m, MSG_KEY_SIGNED, fiber_self() ? FIBER_MS : HANDSHAKE_MS,
                      &r, e) < 0 ||
        get_KEY_SIGNED(&r.msg, &s, e) < 0)
        return err_wrap(e, "sign");
    buf_add_blob(signature, s.signature);
    return buf_check(signature, "signature", e);
}
