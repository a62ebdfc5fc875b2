/* What an order says to emSign, and which settings it takes. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/ca/emsign_client.h"

#define CSR_MAX_BYTES (64 * 1024)
#define DIGITS "0123456789"

/* Networks that are nobody's public address: the agreement is refused for them. */
static const struct {
    uint32_t net, mask;
} private_nets[] = {
    {0x00000000, 0xff000000}, {0x0a000000, 0xff000000}, {0x64400000, 0xffc00000},
    {0x7f000000, 0xff000000}, {0xa9fe0000, 0xffff0000}, {0xac100000, 0xfff00000},
    {0xc0000200, 0xffffff00}, {0xc0a80000, 0xffff0000}, {0xc6120000, 0xfffe0000},
    {0xc6336400, 0xffffff00}, {0xcb007100, 0xffffff00}, {0xe0000000, 0xe0000000},
};

static bool is_public(const char *ip)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, ip, &v4) != 1) /* IPv6: 2000::/3 without its documentation prefix */
        return inet_pton(AF_INET6, ip, &v6) == 1 && (v6.s6_addr[0] & 0xe0) == 0x20 &&
               memcmp(v6.s6_addr, "\x20\x01\x0d\xb8", 4) != 0;
    for (size_t i = 0; i < COUNT(private_nets); i++)
        if ((ntohl(v4.s_addr) & private_nets[i].mask) == private_nets[i].net)
            return false;
    return true;
}

static int digits(const char *value, const char *label, bool needed, struct err *e)
{
    if ((!value || !*value) && !needed)
        return 0;
    if (!value || !*value || strspn(value, DIGITS) != strlen(value))
        return err_set(e, ERR_INPUT, "%s: expected digits", label);
    return 0;
}

int emsign_order_settings(const struct emsign_settings *s, struct err *e)
{
    if (digits(s->account_number, "emSign Account Number", true, e) < 0 ||
        digits(s->phone_country, "Phone Country Code", true, e) < 0 ||
        digits(s->phone, "Phone Number", true, e) < 0 ||
        digits(s->product, "Product", false, e) < 0 ||
        digits(s->group_number, "Group", false, e) < 0 ||
        digits(s->organization_number, "Organization", false, e) < 0)
        return -1;
    if (s->organization_number && *s->organization_number)
        return 0;
    if (!s->signer_place || !*s->signer_place)
        return err_set(e, ERR_INPUT,
                       "Place of Signer: needed for orders without a vetted Organization");
    if (!s->signer_ip || !is_public(s->signer_ip))
        return err_set(e, ERR_INPUT,
                       "Public Address of Signer: expected your organization's public IP address, "
                       "needed for orders without a vetted Organization");
    return 0;
}

char *emsign_tag(const struct ca_job *job)
{
    return xasprintf("certkeep-%s", job->order);
}

static json_t *people(const struct emsign_settings *s)
{
    json_t *o = json_object();

    json_put_str(o, "requestorName", s->full_name);
    json_put_str(o, "requestorIsdCode", s->phone_country);
    json_put_str(o, "requestorMobileNumber", s->phone);
    json_put_str(o, "requestorEmail", s->email);
    if (s->designation && *s->designation)
        json_put_str(o, "requestorDesignation", s->designation);
    return o;
}

/* Without a vetted organization the order accepts the subscriber agreement at once. */
static void put_organization(json_t *o, const struct emsign_settings *s)
{
    const bool vetted = s->organization_number && *s->organization_number;
    json_t *x = json_object();

    if (vetted) {
        json_put_str(x, "preVetting", "1");
        json_put_str(x, "organizationNumber", s->organization_number);
    } else {
        json_put_str(x, "acceptAgreement", "1");
        json_put_str(x, "signerName", s->full_name);
        json_put_str(x, "signerPlace", s->signer_place);
        json_put_str(x, "signerIP", s->signer_ip);
    }
    json_put_take(o, vetted ? "organizationDetails" : "agreementDetails", x);
}

/* Group and automatic WWW moved between revisions of the API. The request names all there is to
 * secure, and the CA's own default is to add www. */
static void put_placed(json_t *o, json_t *certificate, const struct emsign_settings *s)
{
    const bool older = str_eq(s->layout, "2024");
    json_t *delegation = older ? json_object() : NULL;

    json_put_str(older ? certificate : o, "autoSecureWWW", "0");
    if (s->group_number && *s->group_number)
        json_put_str(older ? delegation : o, "groupNumber", s->group_number);
    if (older)
        json_put_take(o, "delegationInformation", delegation);
}

static int put_names(json_t *certificate, const struct strs *names, struct err *e)
{
    json_t *more = json_array();

    json_put_take(certificate, "additionalDomains", more);
    if (names->n == 0)
        return err_set(e, ERR_INPUT, "the request has no alternative name; give a host name");
    for (size_t i = 0; i < names->n; i++) {
        if (strchr(names->v[i], ':'))
            return err_set(e, ERR_INPUT, "%.100s: emSign issues for host names only", names->v[i]);
        if (i == 0)
            json_put_str(certificate, "domainName", names->v[i]);
        else
            json_array_append_new(more, json_string(names->v[i]));
    }
    return 0;
}

static void put_additional(json_t *o, const struct ca_job *job)
{
    json_t *x = json_object(), *tags = json_array();
    OWN(own_mem)
    char *tag = emsign_tag(job);

    json_put_str(x, "remarks", tag);
    json_array_append_new(tags, json_string(tag));
    json_put_take(x, "tags", tags);
    json_put_take(o, "additionalInformation", x);
}

static void put_subscription(json_t *o, const struct emsign_settings *s)
{
    json_t *x = json_object();
    OWN(own_mem)
    char *years = xasprintf("%d", (int)s->years);

    json_put_str(x, "validity", years);
    json_put_str(x, "autoRenew", "0"); /* the appliance renews */
    json_put_str(x, "renewCriteria", "30");
    json_put_take(o, "subscriptionDetails", x);
}

static void put_csr(json_t *o, struct blob der)
{
    OWN(buf_free)
    struct buf base64 = BUF(CSR_MAX_BYTES), pem = BUF(CSR_MAX_BYTES);

    enc_base64(&base64, der);
    buf_add_str(&pem, "-----BEGIN CERTIFICATE REQUEST-----\n");
    for (size_t at = 0; at < base64.n; at += 64) {
        buf_add(&pem, base64.p + at, base64.n - at < 64 ? base64.n - at : 64);
        buf_addc(&pem, '\n');
    }
    buf_add_str(&pem, "-----END CERTIFICATE REQUEST-----\n");
    json_put_str(o, "csr", buf_cstr(&pem));
}

json_t *emsign_order_body(const struct emsign *c, struct err *e)
{
    const struct emsign_settings *s = c->s;
    const char *product = *c->job->profile ? c->job->profile : s->product;
    OWN(own_json)
    json_t *o = json_object();
    json_t *certificate = json_object();

    json_put_take(o, "certificateInformation", certificate);
    if (!product || !*product || strspn(product, DIGITS) != strlen(product)) {
        err_set(e, ERR_NOT_FOUND,
                "Product: expected a product code of the account in the certificate's Profile or "
                "the connector's Product; a test of the connector lists them");
        return NULL;
    }
    if (emsign_order_settings(s, e) < 0 || put_names(certificate, &c->job->request.names, e) < 0)
        return NULL;
    json_put_str(o, "productCode", product);
    json_put_str(o, "accountingModel", str_eq(s->payment, "Cash") ? "1" : "2");
    json_put_str(o, "saveAndHold", "0");
    json_put_str(o, "emailNotifications", "1");
    json_put_take(o, "requestorInformation", people(s));
    put_subscription(o, s);
    put_placed(o, certificate, s);
    put_organization(o, s);
    put_csr(o, c->job->csr);
    put_additional(o, c->job);
    return TAKE(o);
}
