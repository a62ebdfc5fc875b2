/*
 * The network settings of the machine: how the record is read from the API, checked as a whole,
 * stored, and carried to `sys`, which makes the configuration of the DHCP client from it.
 */
#pragma once
#include "src/base/field.h"
#include "src/model/as_members.h"
struct network_general {
#include "src/model/network.def"
};
struct interface {
#include "src/model/interface.def"
};
#include "src/model/as_end.h"

#define INTERFACES_MAX 8
#define DNS_SERVERS_MAX 3 /* what the resolver reads */
#define HOST_NAME_DEFAULT "certkeep"

struct network {
    struct network_general general;
    struct interface interfaces[INTERFACES_MAX];
    size_t n;
};

extern const struct fields network_fields, interface_fields;

void network_init(struct network *n); /* the defaults: DHCP everywhere */
void network_free(struct network *n);
/*
 * Lays an API body over the settings: members of network.def, and "interfaces", whose entries take
 * the place of the one of their name. On failure n is unchanged.
 */
int network_patch(struct network *n, const json_t *body, struct err *e);
json_t *network_json(const struct network *n);
int network_load(struct network *n, const json_t *stored, struct err *e); /* into an inited one */
/* Between processes; decode checks everything again. n is inited by the caller. */
void network_encode(const struct network *n, struct buf *out);
int network_decode(struct blob in, struct network *n, struct err *e);
/* "192.0.2.10/24" or "2001:db8::1/64" in its one canonical form; the IP version it has to be. */
int network_parse_address(const char *text, int version, char *out, size_t out_size, struct err *e);
