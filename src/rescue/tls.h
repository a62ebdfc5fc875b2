/* What all connections share: the identity, and TLS 1.3 and nothing below it. */
#pragma once
#include <mbedtls/ssl.h>

#include "src/rescue/identity.h"

struct tls {
    mbedtls_ssl_config config;
    mbedtls_x509_crt cert;
    mbedtls_pk_context key;
};

int tls_start(struct tls *t, const struct identity *id, struct err *e);
void tls_free(struct tls *t);
