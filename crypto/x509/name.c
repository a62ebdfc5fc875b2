/*
 * Distinguished names and subject alternative names <-> text. Names with control characters, NUL
 * or broken UTF-8 are refused in both directions, so no list, log or shell ever sees one.
 */
#include "crypto/x509/name.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "crypto/ossl.h"

#define NAME_MAX_CHARS 1024
#define NAME_MAX_PARTS 32
#define SAN_MAX 1000

int name_print(const X509_NAME *name, struct buf *out, struct err *e)
{
    OWN(own_bio)
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB; /* keep UTF-8 */
    if (!bio || X509_NAME_print_ex(bio, name, 0, flags) < 0)
        return err_openssl(e, ERR_INPUT, "distinguished name");
    OWN(buf_free)
    struct buf text = BUF(64 * 1024);
    buf_add_bio(&text, bio);
    if (buf_check(&text, "distinguished name", e) < 0)
        return -1;
    if (text.n && !text_clean((const char *)text.p, text.n, ""))
        return err_set(e, ERR_INPUT, "distinguished name: holds characters that are not text");
    buf_add_blob(out, buf_blob(&text));
    return buf_check(out, "distinguished name", e);
}

/* One "type=value" and how it was joined to the one before: ',' or '+'. */
struct part {
    char *type;
    struct buf value;
    bool joined;
};

struct parts {
    struct part v[NAME_MAX_PARTS];
    size_t n;
};

static void parts_done(struct parts *p)
{
    for (size_t i = 0; i < p->n; i++) {
        own_mem(&p->v[i].type);
        buf_free(&p->v[i].value);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 4514, 2.4: "\," or "\C3". Returns the characters used after the backslash, 0 if malformed. */
static size_t unescape(const char *s, struct buf *out)
{
    int hi = hex_digit(s[0]), lo = hi < 0 ? -1 : hex_digit(s[1]);
    if (hi >= 0 && lo >= 0) {
        buf_addc(out, (char)(hi << 4 | lo));
        return 2;
    }
    if (s[0] == '\0' || !strchr(" #=\"+,;<>\\", s[0]))
        return 0;
    buf_addc(out, s[0]);
    return 1;
}

/* Reads a value up to an unescaped ',' or '+'; outer blanks that are not escaped do not count. */
static const char *read_value(const char *s, struct buf *out)
{
    size_t keep = 0; /* bytes up to the last one that is not a bare blank */
    while (*s == ' ')
        s++;
    while (*s && *s != ',' && *s != '+') {
        if (*s == '\\') {
            size_t used = unescape(s + 1, out);
            if (used == 0)
                return NULL;
            s += 1 + used;
            keep = out->n;
            continue;
        }
        if (strchr("\"<>;", *s))
            return NULL;
        buf_addc(out, *s);
        if (*s++ != ' ')
            keep = out->n;
    }
    if (out->n > keep)
        out->n = keep;
    return s;
}

static int split_name(const char *text, struct parts *parts, struct err *e)
{
    bool joined = false;
    for (const char *s = text;; s++) {
        if (parts->n == NAME_MAX_PARTS)
            return err_set(e, ERR_LIMIT, "subject: more than %d parts", NAME_MAX_PARTS);
        while (*s == ' ')
            s++;
        size_t n = strcspn(s, "=,+\\");
        if (s[n] != '=' || n == 0)
            return err_set(e, ERR_INPUT, "subject: expected TYPE=value parts separated by commas");
        struct part *p = &parts->v[parts->n++];
        *p = (struct part){.type = xstrndup(s, n), .value = BUF(NAME_MAX_CHARS), .joined = joined};
        s = read_value(s + n + 1, &p->value);
        if (!s)
            return err_set(e, ERR_INPUT,
                           "subject: %s: escape , + \" < > ; and \\ with a backslash (RFC 4514)",
                           p->type);
        if (!buf_ok(&p->value) || p->value.n == 0 ||
            !text_clean((const char *)p->value.p, p->value.n, ""))
            return err_set(e, ERR_INPUT, "subject: %s: expected clean, non-empty text", p->type);
        if (*s == '\0')
            return 0;
        joined = *s == '+';
    }
}

static int add_part(X509_NAME *name, const struct part *p, bool join, struct err *e)
{
    static const struct {
        const char *type;
        int nid;
    } types[] = {
        {"CN", NID_commonName},
        {"O", NID_organizationName},
        {"OU", NID_organizationalUnitName},
        {"C", NID_countryName},
        {"ST", NID_stateOrProvinceName},
        {"L", NID_localityName},
        {"STREET", NID_streetAddress},
        {"street", NID_streetAddress},
        {"DC", NID_domainComponent},
        {"UID", NID_userId},
        {"SN", NID_surname},
        {"GN", NID_givenName},
        {"title", NID_title},
        {"postalCode", NID_postalCode},
        {"serialNumber", NID_serialNumber},
        {"emailAddress", NID_pkcs9_emailAddress},
        {"businessCategory", NID_businessCategory},
        {"organizationIdentifier", NID_organizationIdentifier},
    };
    for (size_t i = 0; i < COUNT(types); i++) {
        if (!str_ieq(types[i].type, p->type))
            continue;
        if (X509_NAME_add_entry_by_NID(name, types[i].nid, MBSTRING_UTF8, p->value.p,
                                       (int)p->value.n, -1, join ? -1 : 0) == 1)
            return 0;
        err_openssl(e, ERR_INPUT, p->type);
        return err_wrap(e, "subject");
    }
    return err_set(e, ERR_INPUT,
                   "subject: attribute type %s is not known; use CN, O, OU, L, ST, C ...", p->type);
}

int name_parse(const char *text, X509_NAME **out, struct err *e)
{
    OWN(own_x509_name)
    X509_NAME *name = X509_NAME_new();
    OWN(parts_done)
    struct parts parts = {0};
    if (!name)
        return err_openssl(e, ERR_CRYPTO, "subject");
    if (strlen(text) > NAME_MAX_CHARS)
        return err_set(e, ERR_LIMIT, "subject: at most %d characters", NAME_MAX_CHARS);
    if (*text && !strchr(text, '=')) {
        char host[256];
        if (parse_host(text, true, host, sizeof host, e) < 0)
            return err_wrap(e, "subject");
        parts.v[parts.n++] = (struct part){.type = xstrdup("CN"), .value = BUF(NAME_MAX_CHARS)};
        buf_add_str(&parts.v[0].value, host);
    } else if (*text && split_name(text, &parts, e) < 0) {
        return -1;
    }
    /* RFC 4514 writes the last RDN first; a part joined by '+' stays in its neighbour's set. */
    for (size_t i = parts.n; i-- > 0;)
        if (add_part(name, &parts.v[i], i + 1 < parts.n && parts.v[i + 1].joined, e) < 0)
            return -1;
    *out = TAKE(name);
    return 0;
}

char *name_common_name(const X509_NAME *name)
{
    int at = -1, last = -1;
    while ((at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
        last = at; /* the most specific one */
    if (last < 0)
        return NULL;
    unsigned char *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    char *text = NULL;
    if (n > 0 && text_clean((const char *)utf8, (size_t)n, ""))
        text = xstrndup((const char *)utf8, (size_t)n);
    OPENSSL_free(utf8);
    return text;
}

static int san_ip_text(const ASN1_OCTET_STRING *ip, struct strs *out, struct err *e)
{
    int n = ASN1_STRING_length(ip);
    char text[INET6_ADDRSTRLEN], prefixed[INET6_ADDRSTRLEN + 4];
    if ((n != 4 && n != 16) ||
        !inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text, sizeof text))
        return err_set(e, ERR_INPUT, "alternative name: an IP address of %d bytes", n);
    snprintf(prefixed, sizeof prefixed, "IP:%s", text);
    strs_add(out, prefixed);
    return 0;
}

int san_to_strs(const STACK_OF(GENERAL_NAME) * names, struct strs *out, struct err *e)
{
    OWN(strs_free)
    struct strs got = {0};
    int count = names ? sk_GENERAL_NAME_num(names) : 0;
    if (count > SAN_MAX)
        return err_set(e, ERR_LIMIT, "%d alternative names, at most %d", count, SAN_MAX);
    for (int i = 0; i < count; i++) {
        int type = 0;
        const void *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
        if (type == GEN_IPADD) {
            if (san_ip_text(value, &got, e) < 0)
                return -1;
            continue;
        }
        const char *prefix = type == GEN_DNS     ? ""
                             : type == GEN_EMAIL ? "email:"
                             : type == GEN_URI   ? "URI:"
                                                 : NULL;
        if (!prefix)
            continue;
        const char *text = (const char *)ASN1_STRING_get0_data(value);
        size_t n = (size_t)ASN1_STRING_length(value);
        if (n == 0 || !text_clean(text, n, ""))
            return err_set(e, ERR_INPUT, "alternative name %d is empty or not clean text", i + 1);
        OWN(own_mem)
        char *whole = xasprintf("%s%.*s", prefix, (int)n, text);
        strs_add(&got, whole);
    }
    for (size_t i = 0; i < got.n; i++)
        strs_add(out, got.v[i]);
    return 0;
}

/* A string type holding `text`; the caller owns it. */
static ASN1_STRING *asn1_text(const char *text)
{
    ASN1_STRING *s = ASN1_IA5STRING_new();
    if (s && ASN1_STRING_set(s, text, (int)strlen(text)) != 1) {
        ASN1_STRING_free(s);
        return NULL;
    }
    return s;
}

static ASN1_STRING *asn1_ip(const char *text)
{
    return a2i_IPADDRESS(text);
}

static bool ascii_token(const char *s)
{
    for (size_t i = 0; s[i]; i++)
        if (s[i] <= ' ' || s[i] > '~')
            return false;
    return s[0] != '\0';
}

static int san_one(const char *text, int *type, ASN1_STRING **value, struct err *e)
{
    char host[256];
    if (str_starts(text, "email:") || str_starts(text, "URI:")) {
        bool email = text[0] == 'e';
        const char *rest = text + (email ? 6 : 4);
        if (!ascii_token(rest) || !strchr(rest, email ? '@' : ':'))
            return err_set(e, ERR_INPUT, "name: expected %s",
                           email ? "email:user@host" : "URI:scheme:rest");
        *type = email ? GEN_EMAIL : GEN_URI;
        *value = asn1_text(rest);
    } else if (str_starts(text, "IP:") || parse_ip(text, host, sizeof host, NULL) == 0) {
        if (parse_ip(str_starts(text, "IP:") ? text + 3 : text, host, sizeof host, e) < 0)
            return err_wrap(e, "name");
        *type = GEN_IPADD;
        *value = asn1_ip(host);
    } else {
        if (parse_host(str_starts(text, "DNS:") ? text + 4 : text, true, host, sizeof host, e) < 0)
            return err_wrap(e, "name");
        *type = GEN_DNS;
        *value = asn1_text(host);
    }
    return *value ? 0 : err_openssl(e, ERR_CRYPTO, "name");
}

int san_from_strs(const struct strs *in, STACK_OF(GENERAL_NAME) * *out, struct err *e)
{
    OWN(own_general_names)
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    if (!names)
        return err_openssl(e, ERR_CRYPTO, "alternative names");
    if (in->n > SAN_MAX)
        return err_set(e, ERR_LIMIT, "%zu alternative names, at most %d", in->n, SAN_MAX);
    for (size_t i = 0; i < in->n; i++) {
        int type = 0;
        ASN1_STRING *value = NULL;
        if (san_one(in->v[i], &type, &value, e) < 0)
            return -1;
        GENERAL_NAME *name = GENERAL_NAME_new();
        if (name)
            GENERAL_NAME_set0_value(name, type, value);
        if (!name || sk_GENERAL_NAME_push(names, name) == 0) {
            name ? GENERAL_NAME_free(name) : ASN1_STRING_free(value);
            return err_openssl(e, ERR_CRYPTO, "alternative names");
        }
    }
    *out = TAKE(names);
    return 0;
}
