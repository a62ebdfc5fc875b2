/*
 * certkeep-resolv: the hook of the DHCP client. Writes the name servers that are set, or else those
 * it was told, into the file that /etc/resolv.conf leads to, and what is known of a lease beside
 * it. It runs confined as the DHCP client is, as that client's user.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/buf.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/base/time.h"

#define FOLDER "/run/net/"
#define SET "/run/sys/resolv.conf" /* src/sys/dhcpcd.h */
#define SERVERS_MAX 3u             /* what the resolver reads */
#define FILE_MAX 4096

/* Words that are no addresses are left out: the network said them. */
static void add_servers(struct buf *b, const char *text)
{
    OWN(strs_free)
    struct strs words = {};
    unsigned n = 0;

    strs_split(&words, text, " ");
    for (size_t i = 0; i < words.n && n < SERVERS_MAX; i++) {
        char ip[64];
        if (parse_ip(words.v[i], ip, sizeof(ip), NULL) < 0)
            continue;
        buf_addf(b, "nameserver %s\n", ip);
        n++;
    }
}

/* What sys made of the settings; nothing when there are none. */
static void add_set(struct buf *b)
{
    char text[FILE_MAX];
    OWN(own_fd)
    int fd = open(SET, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

    buf_add(b, text, n > 0 ? (size_t)n : 0);
}

static int replace(const char *name, struct buf *text)
{
    OWN(own_mem)
    char *path = xasprintf(FOLDER "%s", name);
    OWN(own_mem)
    char *next = xasprintf("%s.new", path);
    FILE *f = fopen(next, "we");
    const bool wrote = f && fputs(buf_cstr(text), f) >= 0;

    if (!f || fclose(f) != 0 || !wrote || rename(next, path) < 0) {
        perror(path);
        return 1;
    }
    return 0;
}

static int names(void)
{
    OWN(buf_free)
    struct buf text = BUF(FILE_MAX);
    const char *told = getenv("new_domain_name_servers");

    add_set(&text);
    if (told && !strstr(buf_cstr(&text), "nameserver "))
        add_servers(&text, told);
    return text.n > 0 ? replace("resolv.conf", &text) : 0;
}

static bool interface_name(const char *s)
{
    const size_t n = s ? strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789") : 0;

    return n > 0 && n < 16 && s[n] == '\0';
}

/* For people: which server gave the address, for how long, since when. */
static int lease(void)
{
    const char *interface = getenv("interface"), *server = getenv("new_dhcp_server_identifier"),
               *seconds = getenv("new_dhcp_lease_time");
    char ip[64];
    uint64_t s;

    if (!interface_name(interface) || !server || !seconds ||
        parse_ip(server, ip, sizeof(ip), NULL) < 0 ||
        parse_u64(seconds, 0, UINT32_MAX, &s, NULL) < 0)
        return 0;
    OWN(buf_free)
    struct buf text = BUF(FILE_MAX);
    OWN(own_mem)
    char *name = xasprintf("lease.%s", interface);
    buf_addf(&text, "%s %llu %lld\n", ip, (unsigned long long)s, (long long)now_s());
    return replace(name, &text);
}

int main(void)
{
    return names() | lease();
}
