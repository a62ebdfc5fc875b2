/* Parsers of emSign's answers (emsign_parse.h). */
#include "src/ca/emsign_parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/x509/cert.h"
#include "src/base/enc.h"

#define PRODUCTS_MAX 500
#define TAGS_MAX 20
#define DIGITS "0123456789"

/* A scalar as text, cut to what fits; "" when absent, of another type or not clean. */
static void scalar(const json_t *o, const char *name, char *out, size_t size)
{
    const json_t *v = json_object_get(o, name);

    out[0] = '\0';
    if (json_is_integer(v))
        snprintf(out, size, "%lld", (long long)json_integer_value(v));
    else if (json_is_string(v) && text_clean(json_string_value(v), json_string_length(v), ""))
        snprintf(out, size, "%s", json_string_value(v));
    while (!utf8_valid(out, strlen(out)))
        out[strlen(out) - 1] = '\0';
}

static unsigned number(const json_t *o, const char *name)
{
    char text[16];
    uint32_t n = 0;

    scalar(o, name, text, sizeof(text));
    return parse_u32(text, 0, UINT32_MAX, &n, NULL) < 0 ? 0 : n;
}

static json_t *block(const json_t *answer, const char *name, struct err *e)
{
    json_t *o = json_object_get(answer, name);

    if (!json_is_object(o)) {
        err_set(e, ERR_REMOTE, "emSign's answer has no %s", name);
        return NULL;
    }
    return o;
}

json_t *emsign_answer_parse(struct blob body, struct emsign_meta *out, struct err *e)
{
    struct err why = {0};
    OWN(own_json)
    json_t *root = json_parse(body, EMSIGN_ANSWER_MAX, "answer", &why);
    const json_t *meta = json_object_get(root, "meta");
    char status[8];

    if (!json_is_object(meta)) {
        err_set(e, ERR_REMOTE, "emSign's answer is not one of its API (%.200s)",
                root ? "it has no meta" : why.text);
        return NULL;
    }
    scalar(meta, "status", status, sizeof(status));
    scalar(meta, "errorCode", out->code, sizeof(out->code));
    scalar(meta, "errorMessage", out->text, sizeof(out->text));
    out->ok = str_eq(status, "1");
    return TAKE(root);
}

int emsign_placed_parse(const json_t *answer, struct emsign_placed *out, struct err *e)
{
    const json_t *o = block(answer, "orderDetails", e);

    if (!o)
        return -1;
    scalar(o, "orderNumber", out->order, sizeof(out->order));
    scalar(o, "requestNumber", out->request, sizeof(out->request));
    if ((!*out->order && !*out->request) || strspn(out->order, DIGITS) != strlen(out->order))
        return err_set(e, ERR_REMOTE, "emSign's answer to the order has no order number");
    return 0;
}

enum { ISSUED = ORDER_ISSUED, REJECTED = ORDER_REJECTED, OPEN = ORDER_APPROVAL_PENDING };
/* By certificateStatusId; what is not here is pending. */
static const uint8_t cert_states[] = {
    [5] = REJECTED,  [7] = ISSUED,    [8] = REJECTED, [9] = ISSUED,    [12] = REJECTED,
    [13] = REJECTED, [14] = REJECTED, [15] = ISSUED,  [18] = REJECTED, [20] = ISSUED,
    [21] = REJECTED, [22] = REJECTED, [23] = ISSUED,
};
static const uint8_t revocations[] = {REVOCATION_NONE,    REVOCATION_ASKED, REVOCATION_DONE,
                                      REVOCATION_REFUSED, REVOCATION_ASKED, REVOCATION_DONE,
                                      REVOCATION_REFUSED};

/* The certificate's status wins over the order's. */
static enum order_state state_of(unsigned order, unsigned cert)
{
    const unsigned by_cert = cert < COUNT(cert_states) ? cert_states[cert] : 0;

    if (by_cert)
        return (enum order_state)by_cert;
    if (order == 4 || order == 5)
        return order == 4 ? ORDER_REJECTED : ORDER_CANCELLED;
    return ORDER_APPROVAL_PENDING;
}

/* One member per name beside a scalar `status`. */
static void find_unproved(const json_t *names, char *out, size_t size)
{
    const char *name;
    json_t *one;

    json_object_foreach ((json_t *)names, name, one) {
        char status[16];
        scalar(one, "dcvStatus", status, sizeof(status));
        if (!json_is_object(one) || !str_eq(status, "0") || strlen(name) >= size ||
            !text_clean(name, strlen(name), ""))
            continue;
        snprintf(out, size, "%s", name);
        return;
    }
}

int emsign_track_parse(const json_t *answer, struct emsign_track *out, struct err *e)
{
    const json_t *o = block(answer, "orderDetails", e);
    struct emsign_track t = {0};
    char order[80], cert[80];

    if (!o)
        return -1;
    if (!json_object_get(o, "certificateStatusId") && !json_object_get(o, "orderStatusId"))
        return err_set(e, ERR_REMOTE, "emSign's answer has no status of the order");
    const unsigned revoke =
        number(json_object_get(o, "revocationDetails"), "revokeRequestStatusId");
    t.state = state_of(number(o, "orderStatusId"), number(o, "certificateStatusId"));
    t.revocation = number(o, "certificateStatusId") == 22 ? REVOCATION_DONE
                   : revoke < COUNT(revocations) ? (enum emsign_revocation)revocations[revoke]
                                                 : REVOCATION_NONE;
    find_unproved(json_object_get(o, "domainVerification"), t.unproved, sizeof(t.unproved));
    if (t.unproved[0] && t.state == ORDER_APPROVAL_PENDING)
        t.state = ORDER_VALIDATION_PENDING;
    scalar(o, "orderStatus", order, sizeof(order));
    scalar(o, "certificateStatus", cert, sizeof(cert));
    snprintf(t.words, sizeof(t.words), "%s%s%s", order, *order && *cert ? ", " : "", cert);
    const char *csr = json_str(o, "csr");
    t.csr = *csr && strlen(csr) < CERT_MAX_BYTES ? xstrdup(csr) : NULL;
    *out = t;
    return 0;
}

void emsign_track_free(struct emsign_track *t)
{
    free(TAKE(t->csr));
}

int emsign_der(const char *text, struct buf *out, struct err *e)
{
    const char *end = strstr(text, "-----BEGIN ") ? strstr(text + 11, "-----") : NULL;
    OWN(buf_free)
    struct buf plain = BUF(CERT_MAX_BYTES * 2);

    for (const char *p = end ? end + 5 : text; *p && *p != '-'; p++)
        if (!strchr(" \t\r\n", *p))
            buf_addc(&plain, *p);
    if (buf_check(&plain, "text", e) < 0)
        return -1;
    return dec_base64(out, buf_cstr(&plain), plain.n, e);
}

static int add_certificate(const json_t *o, const char *name, bool needed, struct buf *out,
                           struct err *e)
{
    const char *p = json_str(o, name);
    OWN(buf_free)
    struct buf der = BUF(CERT_MAX_BYTES);
    OWN(own_x509)
    X509 *cert = NULL;

    if (!*p && !needed)
        return 0;
    if (emsign_der(p, &der, e) < 0 || cert_parse(buf_blob(&der), &cert, e) < 0)
        return err_set(e, ERR_REMOTE, "emSign's %s is no certificate", name);
    buf_add_blob(out, buf_blob(&der));
    return 0;
}

int emsign_certificate_parse(const json_t *answer, struct buf *out, struct err *e)
{
    const json_t *o = block(answer, "certificateDetails", e);

    if (!o || add_certificate(o, "endEntityCertificate", true, out, e) < 0 ||
        add_certificate(o, "caCertificate", false, out, e) < 0 ||
        add_certificate(o, "rootCertificate", false, out, e) < 0)
        return -1;
    return buf_check(out, "emSign's certificates", e);
}

int emsign_proof_parse(const json_t *answer, struct emsign_proof *out, struct err *e)
{
    const json_t *o = block(answer, "dcvDetails", e);

    if (!o)
        return -1;
    scalar(o, "fileName", out->file, sizeof(out->file));
    scalar(o, out->file[0] ? "fileContent" : "token", out->token, sizeof(out->token));
    if (!out->token[0] || strchr(out->file, '/'))
        return err_set(e, ERR_REMOTE, "emSign's answer has no token for the proof");
    return 0;
}

static int add_row(struct emsign_report *r, const json_t *o)
{
    struct emsign_row *x = &r->v[r->n];
    const json_t *tags = json_object_get(o, "tags");
    size_t i;
    json_t *tag;

    if (!json_is_object(o))
        return 0;
    *x = (struct emsign_row){0};
    scalar(o, "orderNumber", x->number, sizeof(x->number));
    json_array_foreach (tags, i, tag) {
        if (i < TAGS_MAX && json_is_string(tag))
            strs_add(&x->tags, json_string_value(tag));
    }
    r->n++;
    return 0;
}

int emsign_report_parse(const json_t *answer, struct emsign_report *out, struct err *e)
{
    const json_t *o = block(answer, "orderDetails", e);
    const json_t *rows = json_object_get(o, "ordersArray");
    size_t i;
    json_t *row;

    if (!o)
        return -1;
    if (json_array_size(rows) > EMSIGN_ROWS_MAX)
        return err_set(e, ERR_REMOTE, "emSign's report has more than %d orders on a page",
                       EMSIGN_ROWS_MAX);
    struct emsign_report r = {.v = xcalloc(json_array_size(rows) + 1, sizeof(*r.v)),
                              .pages = number(o, "noOfPages")};
    json_array_foreach (rows, i, row)
        add_row(&r, row);
    *out = r;
    return 0;
}

void emsign_report_free(struct emsign_report *r)
{
    for (size_t i = 0; i < r->n; i++)
        strs_free(&r->v[i].tags);
    free(TAKE(r->v));
    r->n = 0;
}

static void add_products(const json_t *category, struct strs *out)
{
    size_t i;
    json_t *one;

    json_array_foreach (json_object_get(category, "products"), i, one) {
        char code[EMSIGN_NUMBER_MAX + 1], name[100];
        scalar(one, "productCode", code, sizeof(code));
        scalar(one, "productName", name, sizeof(name));
        OWN(own_mem)
        char *text = xasprintf("%s %s", code, name);
        if (*code && out->n < PRODUCTS_MAX)
            strs_add(out, text);
    }
}

int emsign_products_parse(const json_t *answer, struct strs *out, struct err *e)
{
    const json_t *list = json_object_get(answer, "productDetails");
    size_t i;
    json_t *one;

    if (!json_is_array(list))
        return err_set(e, ERR_REMOTE, "emSign's answer has no productDetails");
    json_array_foreach (list, i, one)
        add_products(one, out);
    return 0;
}
