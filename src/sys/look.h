/* What is in force on the machine's network now, as the kernel and the DHCP client's hook say. */
#pragma once
#include "src/base/buf.h"
#include "src/base/err.h"

#define LOOK_MAX 32768

/*
 * Lines of words, the first says what the line is:
 *   host NAME
 *   interface NAME HARDWARE-ADDRESS up|down
 *   address INTERFACE ADDRESS/PREFIX
 *   lease INTERFACE SERVER SECONDS SINCE       (SINCE: seconds since 1970)
 *   route INTERFACE ROUTER                     (a default route)
 *   dns ADDRESS
 *   search DOMAIN
 * net: the folder of the DHCP client's hook.
 */
int look(const char *net, struct buf *out, struct err *e);
