/*
 * Network settings as the API and as core send them. What is taken makes files of known lines only,
 * whatever the texts were: nothing of the input can begin a line of dhcpcd's configuration.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/json.h"
#include "src/base/own.h"
#include "src/sys/dhcpcd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_conf(const struct network *n)
{
    static const char *const known[] = {"script /usr/lib/certkeep/certkeep-resolv",
                                        "noipv4ll",
                                        "nodelay",
                                        "clientid",
                                        "slaac hwaddr",
                                        "option domain_name_servers, interface_mtu, rapid_commit",
                                        "allowinterfaces eth*",
                                        "noarp",
                                        "interface ",
                                        "static ip_address=",
                                        "static routers=",
                                        "noipv4",
                                        "nodhcp6",
                                        "static ip6_address=",
                                        "noipv6",
                                        "noipv6rs"};
    OWN(buf_free)
    struct buf out = BUF(65536), resolv = BUF(65536);
    OWN(strs_free)
    struct strs lines = {0};

    dhcpcd_conf(n, &out);
    dhcpcd_resolv(n, &resolv);
    strs_split(&lines, buf_cstr(&out), "\n");
    for (size_t i = 0; i < lines.n; i++) {
        bool found = false;
        for (size_t k = 0; k < COUNT(known); k++)
            found |= str_starts(lines.v[i], known[k]);
        if (!found || strlen(lines.v[i]) > 100)
            abort();
    }
    strs_free(&lines);
    strs_split(&lines, buf_cstr(&resolv), "\n");
    for (size_t i = 0; i < lines.n; i++)
        if (!str_starts(lines.v[i], "search ") && !str_starts(lines.v[i], "nameserver "))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    OWN(network_free)
    struct network patched, decoded;

    network_init(&patched);
    network_init(&decoded);
    OWN(own_json)
    json_t *o = json_parse(BLOB(data, n), 65536, "body", NULL);
    if (json_is_object(o) && network_patch(&patched, o, NULL) == 0) {
        OWN(buf_free)
        struct buf b = BUF(65536);
        check_conf(&patched);
        network_encode(&patched, &b);
        if (network_decode(buf_blob(&b), &decoded, NULL) < 0)
            abort(); /* what was taken can be carried */
        check_conf(&decoded);
    } else if (network_decode(BLOB(data, n), &decoded, NULL) == 0) {
        check_conf(&decoded);
    }
    return 0;
}
