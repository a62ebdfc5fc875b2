/* No tickets, no client certificates: a connection carries one request. */
#include "src/rescue/tls.h"

#include <mbedtls/psa_util.h>

static int failed(int rc, const char *what, struct err *e)
{
    return err_set(e, ERR_CRYPTO, "TLS: %s: mbedTLS refuses with -0x%04x", what, (unsigned)-rc);
}

static int load(struct tls *t, const struct identity *id, struct err *e)
{
    int rc = mbedtls_x509_crt_parse_der(&t->cert, id->cert, id->cert_n);

    if (rc != 0)
        return failed(rc, "certificate", e);
    rc = mbedtls_pk_parse_key(&t->key, id->key, id->key_n, NULL, 0, mbedtls_psa_get_random,
                              MBEDTLS_PSA_RANDOM_STATE);
    if (rc == 0)
        rc = mbedtls_pk_check_pair(&t->cert.pk, &t->key, mbedtls_psa_get_random,
                                   MBEDTLS_PSA_RANDOM_STATE);
    return rc == 0 ? 0 : failed(rc, "key", e);
}

int tls_start(struct tls *t, const struct identity *id, struct err *e)
{
    mbedtls_ssl_config_init(&t->config);
    mbedtls_x509_crt_init(&t->cert);
    mbedtls_pk_init(&t->key);
    if (load(t, id, e) < 0)
        goto refused;
    int rc = mbedtls_ssl_config_defaults(&t->config, MBEDTLS_SSL_IS_SERVER,
                                         MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (rc == 0)
        rc = mbedtls_ssl_conf_own_cert(&t->config, &t->cert, &t->key);
    if (rc != 0) {
        failed(rc, "configuration", e);
        goto refused;
    }
    mbedtls_ssl_conf_min_tls_version(&t->config, MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_tls13_key_exchange_modes(&t->config,
                                              MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL);
    mbedtls_ssl_conf_rng(&t->config, mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    return 0;
refused:
    tls_free(t);
    return -1;
}

void tls_free(struct tls *t)
{
    mbedtls_ssl_config_free(&t->config);
    mbedtls_x509_crt_free(&t->cert);
    mbedtls_pk_free(&t->key);
}
