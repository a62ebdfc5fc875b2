/* Which imported certificates become rows, and the rows (import.h). */
#include "src/core/flow/import.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/x509/chain.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/audit.h"
#include "src/core/flow/parts.h"

#define ROWS_AT_ONCE 50 /* in one transaction: other work goes on in between */
#define CHAIN_TEXT_MAX 65536

const char *const import_names[IMPORT_RESULTS] = {"refused", "chain", "duplicate", "imported"};

void import_free(struct import *l)
{
    for (size_t i = 0; i < l->n; i++) {
        cert_info_free(&l->v[i].info);
        free(l->v[i].id);
        free(l->v[i].text);
    }
    free(l->v);
    *l = (struct import){0};
}

static struct import_item *add(struct import *l, const char *file)
{
    l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
    l->v[l->n] = (struct import_item){.file = file};
    return &l->v[l->n++];
}

static void judge(struct import_item *it, enum import_result result, const char *text)
{
    it->result = result;
    text_set(&it->text, text);
}

void import_add(struct import *l, const char *file, const struct certs *certs, size_t from,
                const struct err *why)
{
    if (why) {
        judge(add(l, file), IMPORT_REFUSED, why->text);
        return;
    }
    for (size_t i = from; i < certs->n; i++) {
        struct err e = {0};
        struct import_item *it = add(l, file);
        it->cert = certs->v[i];
        if (cert_describe(it->cert, &it->info, &e) == 0) {
            judge(it, IMPORT_NEW, "");
            continue;
        }
        it->cert = NULL;
        judge(it, IMPORT_REFUSED, e.text);
    }
}

static void find_doubles(struct import *l)
{
    for (size_t i = 0; i < l->n; i++)
        for (size_t k = 0; l->v[i].cert && k < i; k++)
            if (l->v[k].cert && str_eq(l->v[i].info.fingerprint, l->v[k].info.fingerprint)) {
                judge(&l->v[i], IMPORT_DUPLICATE, "the same certificate is in this import before");
                l->v[i].cert = NULL;
                break;
            }
}

/* How many others of the import this one issued. */
static size_t issued_by(const struct import *l, const struct import_item *issuer)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n; i++)
        n += &l->v[i] != issuer && l->v[i].cert && cert_issued_by(l->v[i].cert, issuer->cert);
    return n;
}

/* A CA's certificate belongs to a chain, unless it is one a server uses: it has names then. */
static void find_issuers(struct import *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct import_item *it = &l->v[i];
        if (!it->cert || !it->info.is_ca)
            continue;
        const size_t n = issued_by(l, it);
        if (n) {
            OWN(own_mem)
            char *text = xasprintf("kept with %zu certificate%s it issued", n, n == 1 ? "" : "s");
            judge(it, IMPORT_CHAIN, text);
        } else if (it->info.names.n == 0) {
            judge(it, IMPORT_REFUSED,
                  "a CA certificate, and nothing it issued is in this import: import it together "
                  "with the certificates it issued");
        }
    }
}

static void make_row(struct cert *c, const struct import_who *who)
{
    fields_init(&cert_fields, c);
    text_set(&c->status, "Discovered");
    text_set(&c->discovery_bot, "Import");
    text_set(&c->bot, "");
    for (size_t i = 0; i < who->tags->n; i++)
        strs_add(&c->tags, who->tags->v[i]);
}

static int fill_row(struct cert *c, const struct import_item *it, X509 *const *pool, size_t n,
                    struct err *e)
{
    OWN(chain_free)
    struct chain chain = {0};
    OWN(buf_free)
    struct buf pem = BUF(CHAIN_TEXT_MAX);

    chain_gather(it->cert, pool, n, &chain);
    if (chain_pem(&chain, &pem, e) < 0 || cert_describe_chain(c, buf_cstr(&pem), e) < 0)
        return -1;
    if (text_of(c->name)[0] == '\0')
        text_set(&c->name, c->fingerprint);
    cert_derive(c, false);
    return 0;
}

static int put_row(struct txn *t, struct import_item *it, X509 *const *pool, size_t n,
                   const struct import_who *who, struct err *e)
{
    OWN(own_cert)
    struct cert c = {0};
    struct err why = {0};

    if (row_find(t, TABLE_CERT, "fingerprint", it->info.fingerprint, &c, &why) == 0) {
        it->id = xstrdup(c.id);
        judge(it, IMPORT_DUPLICATE, "it is in the list already");
        return 0;
    }
    if (why.code != ERR_NOT_FOUND)
        return err_set(e, why.code, "%s", why.text);
    fields_free(&cert_fields, &c);
    make_row(&c, who);
    why = (struct err){0};
    if (fill_row(&c, it, pool, n, &why) < 0) {
        judge(it, IMPORT_REFUSED, why.text);
        return 0;
    }
    if (row_put(t, TABLE_CERT, &c, e) < 0)
        return -1;
    OWN(own_mem)
    char *object = xasprintf("certificate/%s", c.id);
    const struct audit_entry entry = {.actor = who->user,
                                      .client = who->client,
                                      .action = "certificate.import",
                                      .object = object,
                                      .name = c.name,
                                      .result = "ok",
                                      .detail = it->file};
    it->id = xstrdup(c.id);
    return timeline_add(t, c.id, "imported", it->file, NULL, e) < 0 ? -1 : audit_add(t, &entry, e);
}

static int put_some(struct core *core, struct import *l, size_t *at, X509 *const *pool, size_t n,
                    const struct import_who *who, struct err *e)
{
    OWN(txn_abort)
    struct txn *t = NULL;
    size_t put = 0;

    if (txn_begin(core->db, true, &t, e) < 0)
        return -1;
    for (; *at < l->n && put < ROWS_AT_ONCE; ++*at) {
        struct import_item *it = &l->v[*at];
        if (!it->cert || it->result != IMPORT_NEW)
            continue;
        if (put_row(t, it, pool, n, who, e) < 0)
            return -1;
        put++;
    }
    return txn_commit(&t, e);
}

int import_run(struct core *core, struct import *l, const struct import_who *who, struct err *e)
{
    OWN(own_mem)
    X509 **pool = xcalloc(l->n + 1, sizeof(X509 *));
    size_t n = 0;

    find_doubles(l);
    find_issuers(l);
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].result == IMPORT_CHAIN)
            pool[n++] = l->v[i].cert;
    for (size_t at = 0; at < l->n;)
        if (put_some(core, l, &at, pool, n, who, e) < 0)
            return err_wrap(e, "import");
    return 0;
}
