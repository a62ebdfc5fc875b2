/* The provider's signing callback: one KEY_SIGN to `key` and its answer (deadline 2 s, 30 s in a
 * fiber). */
#pragma once
#include "src/base/buf.h"
#include "src/ipc/channel.h"

/* Matches remote_sign_fn of crypto/provider/provider.h; arg is the channel to key. */
int keyclient_sign(void *channel_to_key, uint32_t purpose, uint32_t scheme, struct blob envelope,
                   struct blob tbs, struct buf *signature, struct err *e);
