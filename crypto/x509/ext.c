/* Builders of single extensions; each writes one and decides its criticality. */
#include "crypto/x509/ext.h"

#include <string.h>

#include "crypto/kdf.h"
#include "crypto/ossl.h"
#include "crypto/x509/name.h"

DEFINE_OWN(ASN1_OCTET_STRING *, octet_string, ASN1_OCTET_STRING_free)
DEFINE_OWN(ASN1_BIT_STRING *, bit_string, ASN1_BIT_STRING_free)
DEFINE_OWN(BASIC_CONSTRAINTS *, basic_constraints, BASIC_CONSTRAINTS_free)
DEFINE_OWN(CRL_DIST_POINTS *, crl_dist_points, CRL_DIST_POINTS_free)
DEFINE_OWN(NAME_CONSTRAINTS *, name_constraints, NAME_CONSTRAINTS_free)
DEFINE_OWN(AUTHORITY_KEYID *, authority_keyid, AUTHORITY_KEYID_free)

static int add(X509 *cert, int nid, void *value, bool critical, struct err *e)
{
    if (!value || X509_add1_ext_i2d(cert, nid, value, critical, X509V3_ADD_DEFAULT) != 1)
        return err_openssl(e, ERR_CRYPTO, OBJ_nid2ln(nid));
    return 0;
}

int ext_ski(X509 *cert, struct err *e)
{
    const unsigned char *bits = NULL;
    int n = 0;
    uint8_t digest[32];
    X509_PUBKEY_get0_param(NULL, &bits, &n, NULL, X509_get_X509_PUBKEY(cert));
    if (!bits || sha256(BLOB(bits, (size_t)n), digest, e) < 0)
        return err_openssl(e, ERR_CRYPTO, "subject key identifier");
    OWN(own_octet_string)
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    if (!id || ASN1_OCTET_STRING_set(id, digest, SKI_BYTES) != 1)
        return err_openssl(e, ERR_CRYPTO, "subject key identifier");
    return add(cert, NID_subject_key_identifier, id, false, e);
}

int ext_basic_constraints(X509 *cert, bool ca, struct err *e)
{
    OWN(own_basic_constraints)
    BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();
    if (bc && ca) {
        bc->ca = 0xff;
        bc->pathlen = ASN1_INTEGER_new(); /* 0: it signs end entities only */
        if (!bc->pathlen || ASN1_INTEGER_set(bc->pathlen, 0) != 1)
            return err_openssl(e, ERR_CRYPTO, "basic constraints");
    }
    return add(cert, NID_basic_constraints, bc, true, e);
}

int ext_key_usage(X509 *cert, unsigned bits, struct err *e)
{
    static const struct {
        unsigned flag;
        int bit; /* RFC 5280, 4.2.1.3 */
    } usages[] = {
        {KU_DIGITAL_SIGNATURE, 0},
        {KU_KEY_ENCIPHERMENT, 2},
        {KU_KEY_CERT_SIGN, 5},
        {KU_CRL_SIGN, 6},
    };
    OWN(own_bit_string)
    ASN1_BIT_STRING *s = ASN1_BIT_STRING_new();
    for (size_t i = 0; s && i < COUNT(usages); i++)
        if ((bits & usages[i].flag) && ASN1_BIT_STRING_set_bit(s, usages[i].bit, 1) != 1)
            return err_openssl(e, ERR_CRYPTO, "key usage");
    return add(cert, NID_key_usage, s, true, e);
}

EXTENDED_KEY_USAGE *ext_eku(bool server_auth, bool client_auth)
{
    EXTENDED_KEY_USAGE *eku = EXTENDED_KEY_USAGE_new();
    if (eku && server_auth)
        sk_ASN1_OBJECT_push(eku, OBJ_nid2obj(NID_server_auth));
    if (eku && client_auth)
        sk_ASN1_OBJECT_push(eku, OBJ_nid2obj(NID_client_auth));
    return eku;
}

AUTHORITY_KEYID *ext_aki(const X509 *issuer, struct err *e)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id((X509 *)issuer);
    OWN(own_authority_keyid)
    AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();
    if (!id) {
        err_set(e, ERR_INPUT, "issuer: has no subject key identifier");
        return NULL;
    }
    if (!aki || !(aki->keyid = ASN1_OCTET_STRING_dup(id))) {
        err_openssl(e, ERR_CRYPTO, "authority key identifier");
        return NULL;
    }
    return TAKE(aki);
}

int ext_crl_url(X509 *cert, const char *url, struct err *e)
{
    if (!str_starts(url, "http://"))
        return err_set(e, ERR_INPUT, "CRL address: expected http://... (RFC 5280, 4.2.1.13)");
    OWN(own_mem)
    char *text = xasprintf("URI:%s", url);
    const struct strs one = {.v = &text, .n = 1};
    OWN(own_crl_dist_points)
    CRL_DIST_POINTS *points = CRL_DIST_POINTS_new();
    DIST_POINT *point = DIST_POINT_new();
    if (!points || !point || sk_DIST_POINT_push(points, point) == 0) {
        DIST_POINT_free(point);
        return err_openssl(e, ERR_CRYPTO, "CRL address");
    }
    GENERAL_NAMES *names = NULL;
    if (san_from_strs(&one, &names, e) < 0)
        return err_wrap(e, "CRL address");
    point->distpoint = DIST_POINT_NAME_new();
    if (!point->distpoint) {
        GENERAL_NAMES_free(names);
        return err_openssl(e, ERR_CRYPTO, "CRL address");
    }
    point->distpoint->type = 0; /* fullName */
    point->distpoint->name.fullname = names;
    return add(cert, NID_crl_distribution_points, points, false, e);
}

int ext_permitted_dns(X509 *cert, const struct strs *names, struct err *e)
{
    OWN(own_name_constraints)
    NAME_CONSTRAINTS *nc = NAME_CONSTRAINTS_new();
    if (!nc || !(nc->permittedSubtrees = sk_GENERAL_SUBTREE_new_null()))
        return err_openssl(e, ERR_CRYPTO, "name constraints");
    for (size_t i = 0; i < names->n; i++) {
        char host[256];
        if (parse_host(names->v[i], false, host, sizeof host, e) < 0)
            return err_wrap(e, "name constraints");
        GENERAL_SUBTREE *tree = GENERAL_SUBTREE_new();
        ASN1_IA5STRING *dns = ASN1_IA5STRING_new();
        if (!tree || !dns || ASN1_STRING_set(dns, host, (int)strlen(host)) != 1 ||
            sk_GENERAL_SUBTREE_push(nc->permittedSubtrees, tree) == 0) {
            GENERAL_SUBTREE_free(tree);
            ASN1_IA5STRING_free(dns);
            return err_openssl(e, ERR_CRYPTO, "name constraints");
        }
        GENERAL_NAME_set0_value(tree->base, GEN_DNS, dns);
    }
    return add(cert, NID_name_constraints, nc, true, e);
}

int serial_set(ASN1_INTEGER *out, struct blob serial, struct err *e)
{
    const uint8_t *p = serial.p;
    if (serial.n < 16 || serial.n > 20 || p[0] < 0x01 || p[0] > 0x7f)
        return err_set(e, ERR_BUG, "serial number: expected 16 to 20 bytes, the first 01 to 7f");
    if (!out || ASN1_STRING_set(out, serial.p, (int)serial.n) != 1)
        return err_openssl(e, ERR_CRYPTO, "serial number");
    return 0;
}
