/* Puts network settings into the files that the DHCP client and its hook read. */
#pragma once
#include "src/model/network.h"

/*
 * NULL: none, the image's own configuration holds. Old files stay whole when it fails. changed:
 * what the files said before is no longer so.
 */
int network_write(const char *folder, const struct network *n, bool *changed, struct err *e);
