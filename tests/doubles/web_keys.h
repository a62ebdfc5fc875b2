/* Keys with self-signed certificates, by name, for web_driver.c: what a token would hold. */
#pragma once
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"
#include "crypto/x509/cert.h"
#include "src/base/time.h"

#define IDENTITIES 8

struct identity {
    char name[64];
    EVP_PKEY *key;
    struct buf spki, pem;
};

struct identities {
    struct identity v[IDENTITIES];
    size_t n;
};

static void certify(struct identity *i, long serial)
{
    OWN(own_x509)
    X509 *cert = X509_new();
    OWN(own_mem)
    char *san = xasprintf("DNS:%s", i->name);
    unsigned char *der = NULL;
    X509_NAME *name = X509_get_subject_name(cert);

    i->key = EVP_EC_gen("P-256");
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)i->name, -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    ASN1_TIME_set(X509_getm_notBefore(cert), now_s() - 60);
    ASN1_TIME_set(X509_getm_notAfter(cert), now_s() + 3600);
    X509_set_pubkey(cert, i->key);
    X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    X509_add_ext(cert, x, -1);
    X509_EXTENSION_free(x);
    if (!X509_sign(cert, i->key, EVP_sha256()))
        abort();
    OWN(own_bio)
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, cert);
    i->pem = BUF(16384);
    buf_add_bio(&i->pem, bio);
    i->spki = BUF(4096);
    const int n = i2d_PUBKEY(i->key, &der);
    buf_take_der(&i->spki, der, n, "spki", NULL);
}

static struct identity *identity_of(struct identities *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->v[i].name, name) == 0)
            return &all->v[i];
    if (all->n == IDENTITIES)
        abort();
    struct identity *made = &all->v[all->n++];
    snprintf(made->name, sizeof(made->name), "%s", name);
    certify(made, (long)all->n);
    return made;
}
