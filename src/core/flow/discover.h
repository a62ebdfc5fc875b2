/* What a look at a server found, into certificate rows: one per endpoint, kept by place, never
 * doubled. */
#pragma once
#include "src/core/flow/parts.h"

int discover_keep(struct run *r, const struct server *s, struct blob findings, struct err *e);
