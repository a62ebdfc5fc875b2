/* Which hosts a certificate's names cover, and which names a successor would lose (RFC 9525). */
#include <string.h>

#include "crypto/x509/cert.h"

static bool is_ip(const char *text, char out[64])
{
    return parse_ip(str_starts(text, "IP:") ? text + 3 : text, out, 64, NULL) == 0;
}

bool cert_name_covers(const char *san, const char *host)
{
    char a[64], b[64];
    if (is_ip(host, b)) /* RFC 9525, 6.4: an address is never matched by a DNS name */
        return str_starts(san, "IP:") && is_ip(san, a) && str_eq(a, b);
    if (strchr(san, ':'))
        return str_eq(san, host); /* email:, URI: */
    if (!str_starts(san, "*."))
        return str_ieq(san, host);
    if (str_ieq(san, host))
        return true;
    /* RFC 9525, 6.3: the wildcard is one whole left-most label, and stands for exactly one. */
    const char *rest = strchr(host, '.');
    return rest && rest != host && host[0] != '*' && strchr(san + 2, '.') && str_ieq(san + 1, rest);
}

int cert_names_lost(const struct strs *old_names, const struct strs *new_names, struct strs *lost)
{
    for (size_t i = 0; i < old_names->n; i++) {
        bool kept = false;
        for (size_t k = 0; k < new_names->n && !kept; k++)
            kept = cert_name_covers(new_names->v[k], old_names->v[i]);
        if (!kept)
            strs_add(lost, old_names->v[i]);
    }
    return 0;
}
