/* The files that put network settings into force: dhcpcd's configuration, and what its hook reads.
 */
#pragma once
#include "src/model/network.h"

/* dhcpcd.conf(5): the same settings give the same bytes. */
void dhcpcd_conf(const struct network *n, struct buf *out);
/* What certkeep-resolv lays before the name servers that DHCP tells; empty: nothing is set. */
void dhcpcd_resolv(const struct network *n, struct buf *out);
