/* Signing the audit chain's head by the token's audit key. */
#pragma once
#include "src/core/core.h"

/* Signs when the head moved since the last signature. In a fiber. Makes the key on first use. */
int audit_sign_head(struct core *core, struct err *e);
/* The public half, DER SPKI; ERR_NOT_FOUND before the first signature. */
int audit_public_key(struct core *core, struct buf *spki, struct err *e);
