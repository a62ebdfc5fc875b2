/*
 * dhcpcd sets fixed addresses too, so it is the one program that touches interfaces. The first
 * lines are those of the image (board/common/mkrootfs.py); an interface without a block of its own
 * gets its addresses by DHCP and router advertisements.
 */
#include "src/sys/dhcpcd.h"

#include "src/base/str.h"

static void add_interface(const struct interface *i, struct buf *out)
{
    const bool fixed = str_eq(i->ipv4, "static");

    buf_addf(out, "\ninterface %s\n", i->name);
    if (fixed)
        buf_addf(out, "static ip_address=%s\n", i->address);
    if (fixed && i->gateway && i->gateway[0])
        buf_addf(out, "static routers=%s\n", i->gateway);
    if (str_eq(i->ipv4, "off"))
        buf_add_str(out, "noipv4\n");
    if (!fixed && !str_eq(i->ipv4, "off"))
        buf_add_str(out, "noarp\n");
    if (str_eq(i->ipv6, "static"))
        buf_addf(out, "nodhcp6\nstatic ip6_address=%s\n", i->address6);
    if (str_eq(i->ipv6, "off"))
        buf_add_str(out, "noipv6\nnoipv6rs\n");
}

void dhcpcd_conf(const struct network *n, struct buf *out)
{
    buf_add_str(out, "script /usr/lib/certkeep/certkeep-resolv\nnoipv4ll\nnodelay\nclientid\n"
                     "slaac hwaddr\noption domain_name_servers, interface_mtu, rapid_commit\n"
                     "allowinterfaces eth*\n");
    if (n->n == 0)
        buf_add_str(out, "noarp\n");
    for (size_t i = 0; i < n->n; i++)
        add_interface(&n->interfaces[i], out);
}

void dhcpcd_resolv(const struct network *n, struct buf *out)
{
    const struct network_general *g = &n->general;

    if (g->search && g->search[0])
        buf_addf(out, "search %s\n", g->search);
    for (size_t i = 0; i < g->dns.n; i++)
        buf_addf(out, "nameserver %s\n", g->dns.v[i]);
}
