/*
 * The DHCP client of the image, dhcpcd: not ours, so it gets a user of its own, the capabilities to
 * set addresses and routes, and Landlock; it also sets fixed addresses. Kept running.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include "src/base/err.h"

#define DHCP_UID 61090
#define DHCP_TOLD "/run/net" /* what its hook writes */

struct parent;
struct watch;

struct dhcp {
    pid_t pid;             /* 0: not running */
    bool again;            /* it was told to end, to start with new settings */
    struct watch *restart; /* timer */
};

/* Its folders below /run, and the one of the name servers. */
int dhcp_folders(struct err *e);
void dhcp_start(struct parent *p);
/* The settings have changed: it gives up its addresses and starts anew. */
void dhcp_again(struct parent *p);
/* A process ended: starts the client again after a pause if it was the client. */
void dhcp_ended(struct parent *p, pid_t pid, int status);
