/* In the order of the kernel. */
#include "src/base/addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

static void add(struct buf *out, const char *label, const struct ifaddrs *a)
{
    const struct sockaddr_in *v4 = (const void *)a->ifa_addr;
    const struct sockaddr_in6 *v6 = (const void *)a->ifa_addr;
    char text[INET6_ADDRSTRLEN];

    if (!a->ifa_addr || (a->ifa_flags & IFF_LOOPBACK))
        return;
    if (v4->sin_family == AF_INET && inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text)))
        buf_addf(out, "%s: https://%s/\n", label, text);
    if (v4->sin_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) &&
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text)))
        buf_addf(out, "%s: https://[%s]/\n", label, text);
}

void addresses_add(struct buf *out, const char *label)
{
    struct ifaddrs *list = NULL;

    if (getifaddrs(&list) < 0)
        return;
    for (const struct ifaddrs *a = list; a; a = a->ifa_next)
        add(out, label, a);
    freeifaddrs(list);
}
