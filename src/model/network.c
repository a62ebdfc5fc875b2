/* Network settings: fields, checks across fields, and their forms. */
#include "src/model/network.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"
#include "src/model/as_fields.h"
#define RECORD struct network_general
static const struct field network_v[] = {
#include "src/model/network.def"
};
#undef RECORD
#define RECORD struct interface
static const struct field interface_v[] = {
#include "src/model/interface.def"
};
#undef RECORD
#include "src/model/as_end.h"

const struct fields network_fields = {"network", sizeof(struct network_general), network_v,
                                      COUNT(network_v)};
const struct fields interface_fields = {"interface", sizeof(struct interface), interface_v,
                                        COUNT(interface_v)};

#define ENCODED_MAX 16384

static const char *text(const char *s)
{
    return s ? s : "";
}

void network_init(struct network *n)
{
    *n = (struct network){0};
    fields_init(&network_fields, &n->general);
}

void network_free(struct network *n)
{
    fields_free(&network_fields, &n->general);
    for (size_t i = 0; i < n->n; i++)
        fields_free(&interface_fields, &n->interfaces[i]);
    n->n = 0;
}

static int first_host(const uint8_t *ip, size_t bytes, uint32_t prefix)
{
    for (uint32_t bit = prefix; bit < bytes * 8; bit++)
        if (ip[bit / 8] >> (7 - bit % 8) & 1)
            return 1;
    return 0;
}

int network_parse_address(const char *s, int version, char *out, size_t out_size, struct err *e)
{
    const int family = version == 4 ? AF_INET : AF_INET6;
    const char *slash = strchr(s, '/');
    uint8_t ip[sizeof(struct in6_addr)];
    char shown[INET6_ADDRSTRLEN];
    uint32_t prefix;

    OWN(own_mem)
    char *address = slash ? xstrndup(s, (size_t)(slash - s)) : NULL;
    if (!address || inet_pton(family, address, ip) != 1 ||
        parse_u32(slash + 1, 1, version == 4 ? 32 : 128, &prefix, NULL) < 0)
        return err_set(e, ERR_INPUT,
                       version == 4
                           ? "expected an IPv4 address with its prefix length, as 192.0.2.10/24"
                           : "expected an IPv6 address with its prefix length, as 2001:db8::10/64");
    if (version == 4 ? ip[0] == 0 || ip[0] == 127 || ip[0] >= 224
                     : ip[0] == 0xff || IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)ip) ||
                           IN6_IS_ADDR_UNSPECIFIED((const struct in6_addr *)ip))
        return err_set(e, ERR_INPUT,
                       "%s cannot be the address of an interface: choose a unicast one", address);
    if (prefix < (version == 4 ? 31u : 127u) && !first_host(ip, version == 4 ? 4 : 16, prefix))
        return err_set(e, ERR_INPUT, "%s is the network itself: choose an address inside it", s);
    inet_ntop(family, ip, shown, sizeof(shown));
    OWN(own_mem)
    char *all = xasprintf("%s/%u", shown, prefix);
    return str_copy(out, out_size, all, e);
}

/* The gateway has to be a neighbour: dhcpcd would set no route to another. */
static int check_gateway(const char *address, const char *gateway, struct err *e)
{
    struct in_addr own, router;
    uint32_t prefix;
    char ip[INET_ADDRSTRLEN];
    const char *slash = strchr(address, '/');

    if (inet_pton(AF_INET, gateway, &router) != 1)
        return err_set(e, ERR_INPUT, "expected an IPv4 address, as 192.0.2.1");
    if (!slash || (size_t)(slash - address) >= sizeof(ip))
        return err_set(e, ERR_BUG, "an address without a prefix length");
    memcpy(ip, address, (size_t)(slash - address));
    ip[slash - address] = '\0';
    if (inet_pton(AF_INET, ip, &own) != 1 || parse_u32(slash + 1, 1, 32, &prefix, e) < 0)
        return -1;
    const uint32_t mask = htonl(~UINT32_C(0) << (32 - prefix));
    if ((own.s_addr & mask) != (router.s_addr & mask))
        return err_set(e, ERR_INPUT,
                       "%s is not in the network of %s: give a router of that network", gateway,
                       address);
    if (own.s_addr == router.s_addr)
        return err_set(e, ERR_INPUT, "is the address of the interface itself: give the router's");
    return 0;
}

static int labelled(struct err *e, const char *label, const char *interface)
{
    return err_wrap(e, "%s: %s", label, interface);
}

static int canonical(char **field, int version, struct err *e)
{
    char out[64];

    if (network_parse_address(*field, version, out, sizeof(out), e) < 0)
        return -1;
    free(*field);
    *field = xstrdup(out);
    return 0;
}

static int check_interface(struct interface *i, struct err *e)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    const char *name = text(i->name);

    if (name[0] < 'a' || name[0] > 'z' || strspn(name, allowed) != strlen(name) ||
        str_eq(name, "lo"))
        return err_set(e, ERR_INPUT,
                       "Interface: expected the name of a network interface, as eth0");
    if (str_eq(i->ipv4, "static")) {
        if (text(i->address)[0] == '\0') {
            err_set(e, ERR_INPUT, "is needed when IPv4 is static, as 192.0.2.10/24");
            return labelled(e, "IPv4 address", name);
        }
        if (canonical(&i->address, 4, e) < 0)
            return labelled(e, "IPv4 address", name);
        if (text(i->gateway)[0] && check_gateway(i->address, i->gateway, e) < 0)
            return labelled(e, "IPv4 gateway", name);
    }
    if (str_eq(i->ipv6, "static")) {
        if (text(i->address6)[0] == '\0') {
            err_set(e, ERR_INPUT, "is needed when IPv6 is static, as 2001:db8::10/64");
            return labelled(e, "IPv6 address", name);
        }
        if (canonical(&i->address6, 6, e) < 0)
            return labelled(e, "IPv6 address", name);
    }
    return 0;
}

static int check_dns(struct strs *dns, struct err *e)
{
    if (dns->n > DNS_SERVERS_MAX)
        return err_set(e, ERR_INPUT,
                       "DNS servers: expected at most %d, for a resolver asks no more",
                       DNS_SERVERS_MAX);
    for (size_t i = 0; i < dns->n; i++) {
        char ip[64];
        if (parse_ip(dns->v[i], ip, sizeof(ip), NULL) < 0)
            return err_set(e, ERR_INPUT, "DNS servers: expected an IP address, as 192.0.2.53");
        free(dns->v[i]);
        dns->v[i] = xstrdup(ip);
    }
    return 0;
}

static int check_name(const char *label, char **name, struct err *e)
{
    char out[256];

    if (text(*name)[0] == '\0')
        return 0;
    if (strlen(*name) > 63 || parse_host(*name, false, out, sizeof(out), NULL) < 0)
        return err_set(e, ERR_INPUT, "%s: expected a name of at most 63 characters, as %s", label,
                       "certkeep.corp.example");
    free(*name);
    *name = xstrdup(out);
    return 0;
}

static int check(struct network *n, struct err *e)
{
    bool any = n->n == 0;

    if (check_name("Host name", &n->general.host_name, e) < 0 ||
        check_name("Search domain", &n->general.search, e) < 0 || check_dns(&n->general.dns, e) < 0)
        return -1;
    for (size_t i = 0; i < n->n; i++) {
        if (check_interface(&n->interfaces[i], e) < 0)
            return -1;
        for (size_t j = 0; j < i; j++)
            if (str_eq(n->interfaces[i].name, n->interfaces[j].name))
                return err_set(e, ERR_INPUT, "Interface: %s is named twice", n->interfaces[i].name);
        any |= !str_eq(n->interfaces[i].ipv4, "off") || !str_eq(n->interfaces[i].ipv6, "off");
    }
    if (!any)
        return err_set(e, ERR_INPUT,
                       "IPv4: every interface named is off: nobody could reach the "
                       "appliance; leave one on");
    return 0;
}

static int copy(const struct network *from, struct network *to, struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF_SECRET(ENCODED_MAX);

    network_encode(from, &b);
    return buf_check(&b, "network settings", e) < 0 ? -1 : network_decode(buf_blob(&b), to, e);
}

static struct interface *place_of(struct network *n, const char *name, struct err *e)
{
    for (size_t i = 0; i < n->n; i++)
        if (str_eq(n->interfaces[i].name, name))
            return &n->interfaces[i];
    if (n->n == INTERFACES_MAX) {
        err_set(e, ERR_INPUT, "interfaces: expected at most %d", INTERFACES_MAX);
        return NULL;
    }
    fields_init(&interface_fields, &n->interfaces[n->n]);
    return &n->interfaces[n->n++];
}

static int patch_interfaces(struct network *n, const json_t *list, struct err *e)
{
    if (!json_is_array(list) || json_array_size(list) > INTERFACES_MAX)
        return err_set(e, ERR_INPUT, "interfaces: expected a list of at most %d", INTERFACES_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const char *name;
        if (json_get_str(o, "name", 15, &name, e) < 0)
            return err_wrap(e, "interfaces");
        struct interface *at = place_of(n, name, e);
        if (!at || fields_from_json(&interface_fields, o, at->name != NULL, at, e) < 0)
            return -1;
    }
    return 0;
}

int network_patch(struct network *n, const json_t *body, struct err *e)
{
    OWN(own_json)
    json_t *general = json_copy((json_t *)body);
    OWN(network_free)
    struct network next;
    const json_t *list = json_object_get(body, "interfaces");

    network_init(&next);
    if (copy(n, &next, e) < 0)
        return -1;
    json_object_del(general, "interfaces");
    if (fields_from_json(&network_fields, general, true, &next.general, e) < 0 ||
        (list && patch_interfaces(&next, list, e) < 0) || check(&next, e) < 0)
        return -1;
    network_free(n);
    *n = next;
    next = (struct network){0};
    return 0;
}

json_t *network_json(const struct network *n)
{
    json_t *o = fields_to_json(&network_fields, &n->general);
    json_t *list = json_array();

    for (size_t i = 0; i < n->n; i++)
        json_array_append_new(list, fields_to_json(&interface_fields, &n->interfaces[i]));
    json_put_take(o, "interfaces", list);
    return o;
}

int network_load(struct network *n, const json_t *stored, struct err *e)
{
    json_t *list;

    if (fields_load(&network_fields, stored, &n->general, e) < 0 ||
        json_get_array(stored, "interfaces", INTERFACES_MAX, &list, e) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct interface *at = &n->interfaces[n->n];
        fields_init(&interface_fields, at);
        n->n++;
        if (fields_load(&interface_fields, json_array_get(list, i), at, e) < 0)
            return -1;
    }
    return check(n, e);
}

static void add_record(const struct fields *f, const void *record, struct buf *out)
{
    OWN(buf_free)
    struct buf one = BUF(ENCODED_MAX);

    fields_encode(f, record, &one);
    if (!buf_ok(&one))
        out->failed = true;
    buf_add_u32(out, (uint32_t)one.n);
    buf_add_blob(out, buf_blob(&one));
}

void network_encode(const struct network *n, struct buf *out)
{
    add_record(&network_fields, &n->general, out);
    buf_add_u32(out, (uint32_t)n->n);
    for (size_t i = 0; i < n->n; i++)
        add_record(&interface_fields, &n->interfaces[i], out);
}

int network_decode(struct blob in, struct network *n, struct err *e)
{
    struct reader r = reader_of(in);
    const struct blob general = read_bytes(&r, read_u32(&r));
    const uint32_t count = read_u32(&r);

    if (r.failed || count > INTERFACES_MAX)
        return err_set(e, ERR_BUG, "network settings: malformed");
    if (fields_decode(&network_fields, general, &n->general, e) < 0)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        const struct blob one = read_bytes(&r, read_u32(&r));
        fields_init(&interface_fields, &n->interfaces[n->n]);
        n->n++;
        if (r.failed || fields_decode(&interface_fields, one, &n->interfaces[n->n - 1], e) < 0)
            return r.failed ? err_set(e, ERR_BUG, "network settings: malformed") : -1;
    }
    if (!reader_done(&r))
        return err_set(e, ERR_BUG, "network settings: malformed");
    return check(n, e);
}
