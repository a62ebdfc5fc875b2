/*
 * Answers of the emSign Hub API: the first byte chooses which. What parses holds only clean texts,
 * numbers of digits and whole certificates.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/x509/cert.h"
#include "src/base/own.h"
#include "src/ca/emsign_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void clean(const char *text)
{
    must(text_clean(text, strlen(text), ""));
}

static void placed(const json_t *a)
{
    struct emsign_placed p = {0};

    if (emsign_placed_parse(a, &p, NULL) == 0)
        must(strspn(p.order, "0123456789") == strlen(p.order) && (*p.order || *p.request));
}

static void track(const json_t *a)
{
    OWN(emsign_track_free)
    struct emsign_track t = {0};
    OWN(buf_free)
    struct buf der = BUF(CERT_MAX_BYTES);

    if (emsign_track_parse(a, &t, NULL) < 0)
        return;
    must((unsigned)t.state < ORDER_STATE_COUNT);
    clean(t.words);
    clean(t.unproved);
    if (t.csr)
        (void)emsign_der(t.csr, &der, NULL);
}

static void certificate(const json_t *a)
{
    OWN(buf_free)
    struct buf out = BUF(4 * CERT_MAX_BYTES);

    if (emsign_certificate_parse(a, &out, NULL) == 0)
        must(out.n > 0);
}

static void proof(const json_t *a)
{
    struct emsign_proof p = {0};

    if (emsign_proof_parse(a, &p, NULL) < 0)
        return;
    clean(p.token);
    must(*p.token && !strchr(p.file, '/'));
}

static void report(const json_t *a)
{
    OWN(emsign_report_free)
    struct emsign_report r = {0};

    if (emsign_report_parse(a, &r, NULL) == 0)
        must(r.n <= EMSIGN_ROWS_MAX);
}

static void products(const json_t *a)
{
    OWN(strs_free)
    struct strs list = {0};

    (void)emsign_products_parse(a, &list, NULL);
    for (size_t i = 0; i < list.n; i++)
        clean(list.v[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static void (*const parsers[])(const json_t *) = {placed, track,  certificate,
                                                      proof,  report, products};
    struct emsign_meta m = {0};
    struct err e;
    OWN(own_json)
    json_t *a = n > 0 ? emsign_answer_parse(BLOB(data + 1, n - 1), &m, NULL) : NULL;

    if (!a)
        return 0;
    clean(m.text);
    must(emsign_refused(&m, &e) == -1 && e.code != ERR_NONE);
    parsers[data[0] % COUNT(parsers)](a);
    return 0;
}
