/* The machine's own network addresses, for a console. */
#pragma once
#include "src/base/buf.h"

/* Adds "LABEL: https://ADDRESS/" and a line feed for each address that others may reach: no
 * loopback, no link-local IPv6. Nothing when there is none, or when the kernel does not say. */
void addresses_add(struct buf *out, const char *label);
