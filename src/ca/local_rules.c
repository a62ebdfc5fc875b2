/* Names, validity and the revocation list of the local CA (local_rules.h). */
#include "src/ca/local_rules.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"
#include "src/base/own.h"

#define DAY 86400
#define NAMES_MAX 100

static bool allowed(const char *name, const struct strs *permitted)
{
    const char *host = str_starts(name, "*.") ? name + 2 : name;
    char clean[256];

    /* Addresses and other kinds of names have no domain to be below of. */
    if (parse_host(host, false, clean, sizeof(clean), NULL) < 0 ||
        parse_ip(host, clean, sizeof(clean), NULL) == 0)
        return false;
    for (size_t i = 0; i < permitted->n; i++)
        if (host_below(host, permitted->v[i]))
            return true;
    return false;
}

int local_rules_names(const struct csr_info *request, const struct strs *permitted, struct err *e)
{
    if (request->names.n == 0)
        return err_set(e, ERR_INPUT,
                       "the request has no alternative name; give at least one host name");
    if (request->names.n > NAMES_MAX)
        return err_set(e, ERR_INPUT, "the request has %zu names; at most %d are issued",
                       request->names.n, NAMES_MAX);
    for (size_t i = 0; permitted->n > 0 && i < request->names.n; i++) {
        if (allowed(request->names.v[i], permitted))
            continue;
        OWN(own_mem)
        char *list = strs_join(permitted, ", ");
        return err_set(
            e, ERR_INPUT,
            "%.120s is not below a permitted domain of this CA (%.200s); remove the name or "
            "change Permitted Domains",
            request->names.v[i], list);
    }
    return 0;
}

int local_rules_end(uint32_t days, int64_t max_days, int64_t now, const X509 *root,
                    int64_t *not_after, struct err *e)
{
    const int64_t wanted = days > 0 && days < max_days ? days : max_days;
    int64_t root_end, end = now + wanted * DAY;

    if (time_from_asn1(X509_get0_notAfter(root), "root", &root_end, e) < 0)
        return -1;
    if (end > root_end)
        end = root_end;
    if (end <= now)
        return err_set(e, ERR_CONFLICT,
                       "the root of the local CA has expired; make a new local CA");
    *not_after = end;
    return 0;
}

void local_rules_prune(struct local_ca *ca, int64_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < ca->n; i++)
        if (ca->revoked[i].not_after > now)
            ca->revoked[kept++] = ca->revoked[i];
    ca->n = kept;
}

static int serial_of(const X509 *cert, struct local_revoked *x, struct err *e)
{
    const ASN1_INTEGER *s = X509_get0_serialNumber(cert);
    const int n = ASN1_STRING_length(s);

    if (n < 1 || n > LOCAL_SERIAL_MAX || ASN1_STRING_type(s) != V_ASN1_INTEGER)
        return err_set(e, ERR_INPUT, "the certificate's serial number is not one of this CA");
    memcpy(x->serial, ASN1_STRING_get0_data(s), (size_t)n);
    x->serial_n = (size_t)n;
    return 0;
}

int local_rules_revoke(struct local_ca *ca, const X509 *cert, int reason, int64_t now, bool *added,
                       struct err *e)
{
    struct local_revoked x = {.revoked_at = now, .reason = reason};

    /* RFC 5280, 5.3.1: 7 is unused, 6 and 8 belong to holds and delta CRLs, which this CA has not.
     */
    if (reason < 0 || reason > 10 || (reason >= 6 && reason <= 8))
        return err_set(e, ERR_INPUT, "revocation reason %d: the local CA offers 0 to 5, 9 and 10",
                       reason);
    if (serial_of(cert, &x, e) < 0 ||
        time_from_asn1(X509_get0_notAfter(cert), "certificate", &x.not_after, e) < 0)
        return -1;
    for (size_t i = 0; i < ca->n; i++) {
        if (!blob_eq(BLOB(ca->revoked[i].serial, ca->revoked[i].serial_n),
                     BLOB(x.serial, x.serial_n)))
            continue;
        *added = false;
        return 0;
    }
    if (ca->n >= LOCAL_REVOKED_MAX)
        local_rules_prune(ca, now);
    if (ca->n >= LOCAL_REVOKED_MAX)
        return err_set(e, ERR_CONFLICT,
                       "the revocation list is full (%d certificates that have not expired); "
                       "make a new local CA",
                       LOCAL_REVOKED_MAX);
    ca->revoked = xrealloc(ca->revoked, (ca->n + 1) * sizeof(*ca->revoked));
    ca->revoked[ca->n++] = x;
    *added = true;
    return 0;
}
