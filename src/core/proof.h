/*
 * Whether the version that was started is healthy; only then is its slot blessed (docs/update.md).
 * Runs on an appliance image alone, until it is proven.
 */
#pragma once
#include "src/core/core.h"

/* Starts it in a fiber of its own. */
void proof_start(struct core *core);
/* What is proven: the store commits, the audit chain continues from its last signed head, the token
 * signs and its signature verifies (`sign`), HTTPS answers. */
int proof_try(struct core *core, bool sign, struct err *e);
/* The audit records behind the last signed head fit to it and to each other. */
int proof_chain(struct core *core, uint64_t *signed_up_to, struct err *e);
