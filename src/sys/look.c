/* Interfaces and addresses from getifaddrs, default routes from netlink, the rest from the hook. */
#include "src/sys/look.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "src/base/own.h"
#include "src/base/str.h"

#define FILE_MAX 4096
#define ROUTES_BYTES 16384

static void add_hardware(const struct ifaddrs *a, struct buf *out)
{
    const struct sockaddr_ll *ll = (const void *)a->ifa_addr;

    buf_addf(out, "interface %s ", a->ifa_name);
    for (unsigned i = 0; i < 6; i++)
        buf_addf(out, "%s%02x", i ? ":" : "", i < ll->sll_halen ? ll->sll_addr[i] : 0);
    buf_addf(out, " %s\n", a->ifa_flags & IFF_RUNNING ? "up" : "down");
}

static unsigned ones(const uint8_t *p, size_t n)
{
    unsigned count = 0;

    for (size_t i = 0; i < n; i++)
        count += (unsigned)__builtin_popcount(p[i]);
    return count;
}

static void add_address(const struct ifaddrs *a, struct buf *out)
{
    const struct sockaddr_in *v4 = (const void *)a->ifa_addr, *mask4 = (const void *)a->ifa_netmask;
    const struct sockaddr_in6 *v6 = (const void *)a->ifa_addr,
                              *mask6 = (const void *)a->ifa_netmask;
    char text[INET6_ADDRSTRLEN];
    const bool is_v4 = v4->sin_family == AF_INET;
    const void *ip = is_v4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr;

    if (!a->ifa_netmask || !inet_ntop(v4->sin_family, ip, text, sizeof(text)))
        return;
    buf_addf(out, "address %s %s/%u\n", a->ifa_name, text,
             is_v4 ? ones((const void *)&mask4->sin_addr, 4)
                   : ones((const void *)&mask6->sin6_addr, 16));
}

static int add_interfaces(struct buf *out, struct err *e)
{
    struct ifaddrs *list = NULL;

    if (getifaddrs(&list) < 0)
        return err_sys(e, "interfaces");
    for (int round = 0; round < 2; round++)
        for (const struct ifaddrs *a = list; a; a = a->ifa_next) {
            if (!a->ifa_addr || (a->ifa_flags & IFF_LOOPBACK))
                continue;
            const int family = a->ifa_addr->sa_family;
            if (round == 0 && family == AF_PACKET)
                add_hardware(a, out);
            if (round == 1 && (family == AF_INET || family == AF_INET6))
                add_address(a, out);
        }
    freeifaddrs(list);
    return 0;
}

/* Attributes and messages lie one behind the other, each as long as it says, aligned. */
static size_t step_over(size_t length, size_t left)
{
    const size_t step = (length + NLMSG_ALIGNTO - 1) & ~(size_t)(NLMSG_ALIGNTO - 1);

    return step < left ? step : left;
}

static void name_of(unsigned index, char name[IF_NAMESIZE])
{
    struct ifaddrs *list = NULL;

    name[0] = '\0';
    if (getifaddrs(&list) < 0)
        return;
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        const struct sockaddr_ll *ll = (const void *)i->ifa_addr;
        if (ll && ll->sll_family == AF_PACKET && (unsigned)ll->sll_ifindex == index)
            (void)str_copy(name, IF_NAMESIZE, i->ifa_name, NULL);
    }
    freeifaddrs(list);
}

static void add_route(const struct nlmsghdr *h, struct buf *out)
{
    const struct rtmsg *m = NLMSG_DATA(h);
    char name[IF_NAMESIZE], router[INET6_ADDRSTRLEN] = "";
    unsigned index = 0;

    if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) || m->rtm_dst_len != 0 ||
        m->rtm_type != RTN_UNICAST || m->rtm_table != RT_TABLE_MAIN)
        return;
    const uint8_t *at = (const uint8_t *)RTM_RTA(m);
    size_t left = h->nlmsg_len - NLMSG_LENGTH(sizeof(*m));
    while (left >= sizeof(struct rtattr)) {
        const struct rtattr *a = (const void *)at;
        if (a->rta_len < sizeof(*a) || a->rta_len > left)
            return;
        const size_t n = a->rta_len - sizeof(*a);
        if (a->rta_type == RTA_OIF && n == sizeof(index))
            memcpy(&index, at + sizeof(*a), n);
        if (a->rta_type == RTA_GATEWAY && n == (m->rtm_family == AF_INET ? 4 : 16))
            inet_ntop(m->rtm_family, at + sizeof(*a), router, sizeof(router));
        const size_t step = step_over(a->rta_len, left);
        at += step;
        left -= step;
    }
    name_of(index, name);
    if (router[0] && name[0])
        buf_addf(out, "route %s %s\n", name, router);
}

/* True at the end of the list. */
static bool add_some(const uint8_t *at, size_t left, struct buf *out)
{
    while (left >= sizeof(struct nlmsghdr)) {
        const struct nlmsghdr *h = (const void *)at;
        if (h->nlmsg_len < sizeof(*h) || h->nlmsg_len > left || h->nlmsg_type == NLMSG_DONE ||
            h->nlmsg_type == NLMSG_ERROR)
            return true;
        if (h->nlmsg_type == RTM_NEWROUTE)
            add_route(h, out);
        const size_t step = step_over(h->nlmsg_len, left);
        at += step;
        left -= step;
    }
    return false;
}

static int add_routes(int family, struct buf *out, struct err *e)
{
    const struct {
        struct nlmsghdr head;
        struct rtmsg route;
    } ask = {.head = {.nlmsg_len = sizeof(ask),
                      .nlmsg_type = RTM_GETROUTE,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
             .route = {.rtm_family = (uint8_t)family}};
    _Alignas(struct nlmsghdr) uint8_t got[ROUTES_BYTES];
    OWN(own_fd)
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    ssize_t n;

    if (fd < 0 || send(fd, &ask, sizeof(ask), 0) < 0)
        return err_sys(e, "routes");
    do {
        n = recv(fd, got, sizeof(got), 0);
        if (n < 0)
            return err_sys(e, "routes");
    } while (!add_some(got, (size_t)n, out));
    return 0;
}

/* Small files that the hook wrote: absent is as good as empty. */
static size_t read_file(const char *folder, const char *name, char text[FILE_MAX + 1])
{
    OWN(own_mem)
    char *path = xasprintf("%s/%s", folder, name);
    OWN(own_fd)
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const ssize_t n = fd < 0 ? 0 : read(fd, text, FILE_MAX);

    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static void add_names(const char *net, struct buf *out)
{
    char text[FILE_MAX + 1];
    OWN(strs_free)
    struct strs lines = {};

    read_file(net, "resolv.conf", text);
    strs_split(&lines, text, "\n");
    for (size_t i = 0; i < lines.n; i++) {
        char clean[256];
        const char *value = strchr(lines.v[i], ' ');
        if (value && str_starts(lines.v[i], "nameserver ") &&
            parse_ip(value + 1, clean, sizeof(clean), NULL) == 0)
            buf_addf(out, "dns %s\n", clean);
        if (value && str_starts(lines.v[i], "search ") &&
            parse_host(value + 1, false, clean, sizeof(clean), NULL) == 0)
            buf_addf(out, "search %s\n", clean);
    }
}

/* "SERVER SECONDS SINCE", as certkeep-resolv writes it. */
static void add_leases(const char *net, struct buf *out)
{
    struct ifaddrs *list = NULL;

    if (getifaddrs(&list) < 0)
        return;
    for (const struct ifaddrs *a = list; a; a = a->ifa_next) {
        char text[FILE_MAX + 1], ip[64];
        uint64_t seconds, since;
        OWN(strs_free)
        struct strs words = {};
        if (!a->ifa_addr || a->ifa_addr->sa_family != AF_PACKET || (a->ifa_flags & IFF_LOOPBACK))
            continue;
        OWN(own_mem)
        char *name = xasprintf("lease.%s", a->ifa_name);
        if (read_file(net, name, text) == 0)
            continue;
        strs_split(&words, text, " \n");
        if (words.n == 3 && parse_ip(words.v[0], ip, sizeof(ip), NULL) == 0 &&
            parse_u64(words.v[1], 0, UINT32_MAX, &seconds, NULL) == 0 &&
            parse_u64(words.v[2], 0, INT64_MAX, &since, NULL) == 0)
            buf_addf(out, "lease %s %s %llu %llu\n", a->ifa_name, ip, (unsigned long long)seconds,
                     (unsigned long long)since);
    }
    freeifaddrs(list);
}

int look(const char *net, struct buf *out, struct err *e)
{
    struct utsname name;

    if (uname(&name) < 0)
        return err_sys(e, "host name");
    buf_addf(out, "host %s\n", name.nodename);
    if (add_interfaces(out, e) < 0 || add_routes(AF_INET, out, e) < 0 ||
        add_routes(AF_INET6, out, e) < 0)
        return -1;
    add_leases(net, out);
    add_names(net, out);
    return buf_check(out, "network state", e);
}
