/*
 * certkeep-resolv: the hook of the DHCP client. Writes the name servers it was told into the file
 * that /etc/resolv.conf leads to. It runs confined as the DHCP client is, as that client's user.
 */
#include <stdio.h>
#include <stdlib.h>

#include "src/base/buf.h"
#include "src/base/own.h"
#include "src/base/str.h"

#define FILE_NAME "/run/net/resolv.conf"
#define NEW_NAME FILE_NAME ".new"
#define SERVERS_MAX 3u /* what the resolver reads */
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

static int replace(struct buf *text)
{
    FILE *f = fopen(NEW_NAME, "we");
    const bool wrote = f && fputs(buf_cstr(text), f) >= 0;

    if (!f || fclose(f) != 0 || !wrote || rename(NEW_NAME, FILE_NAME) < 0) {
        perror(FILE_NAME);
        return 1;
    }
    return 0;
}

int main(void)
{
    OWN(buf_free)
    struct buf text = BUF(FILE_MAX);
    const char *servers = getenv("new_domain_name_servers");

    if (!servers)
        return 0; /* an event that says nothing of name servers */
    add_servers(&text, servers);
    return text.n > 0 ? replace(&text) : 0;
}
