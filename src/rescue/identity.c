/* The certificate names no time that a wrong clock could fall out of: people pin its fingerprint.
 */
#include "src/rescue/identity.h"

#include <mbedtls/ecp.h>
#include <mbedtls/psa_util.h>
#include <mbedtls/x509_crt.h>
#include <string.h>

#include "crypto/firmware/hash.h"
#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/secret.h"
#include "src/base/str.h"

#define SERIAL_BYTES 16u

static int failed(int rc, const char *what, struct err *e)
{
    return err_set(e, ERR_CRYPTO, "identity: %s: mbedTLS refuses with -0x%04x", what,
                   (unsigned)-rc);
}

/* DER is written to the end of the buffer. */
static void move_to_front(uint8_t *p, size_t size, size_t n)
{
    memmove(p, p + size - n, n);
}

static int make_key(mbedtls_pk_context *pk, struct identity *id, struct err *e)
{
    int rc = mbedtls_pk_setup(pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));

    if (rc == 0)
        rc = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*pk),
                                 mbedtls_psa_get_random, MBEDTLS_PSA_RANDOM_STATE);
    if (rc != 0)
        return failed(rc, "make the key", e);
    rc = mbedtls_pk_write_key_der(pk, id->key, sizeof(id->key));
    if (rc < 0)
        return failed(rc, "write the key", e);
    id->key_n = (size_t)rc;
    move_to_front(id->key, sizeof(id->key), id->key_n);
    return 0;
}

static int describe(mbedtls_x509write_cert *w, mbedtls_pk_context *pk, const char *name)
{
    uint8_t serial[SERIAL_BYTES];
    OWN(own_mem)
    char *subject = xasprintf("CN=%s", name);
    OWN(own_mem)
    char *dns = xstrdup(name);
    mbedtls_x509_san_list san = {
        .node = {.type = MBEDTLS_X509_SAN_DNS_NAME,
                 .san.unstructured_name = {.p = (unsigned char *)dns, .len = strlen(name)}}};

    int rc = mbedtls_psa_get_random(MBEDTLS_PSA_RANDOM_STATE, serial, sizeof(serial));
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, and of full length */
    mbedtls_x509write_crt_set_version(w, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(w, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_subject_key(w, pk);
    mbedtls_x509write_crt_set_issuer_key(w, pk);
    if (rc == 0)
        rc = mbedtls_x509write_crt_set_serial_raw(w, serial, sizeof(serial));
    if (rc == 0)
        rc = mbedtls_x509write_crt_set_validity(w, "20000101000000", "99991231235959");
    if (rc == 0)
        rc = mbedtls_x509write_crt_set_subject_name(w, subject);
    if (rc == 0)
        rc = mbedtls_x509write_crt_set_issuer_name(w, subject);
    if (rc == 0)
        rc = mbedtls_x509write_crt_set_subject_alternative_name(w, &san);
    if (rc == 0)
        rc = mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
    return rc;
}

int identity_make(const char *name, struct identity *out, struct err *e)
{
    struct identity id = {};
    mbedtls_pk_context pk;
    mbedtls_x509write_cert w;
    int done = -1;

    mbedtls_pk_init(&pk);
    mbedtls_x509write_crt_init(&w);
    if (make_key(&pk, &id, e) == 0) {
        int rc = describe(&w, &pk, name);
        if (rc == 0)
            rc = mbedtls_x509write_crt_der(&w, id.cert, sizeof(id.cert), mbedtls_psa_get_random,
                                           MBEDTLS_PSA_RANDOM_STATE);
        if (rc <= 0) {
            failed(rc, "write the certificate", e);
        } else {
            id.cert_n = (size_t)rc;
            move_to_front(id.cert, sizeof(id.cert), id.cert_n);
            *out = id;
            done = 0;
        }
    }
    wipe(id.key, sizeof(id.key));
    mbedtls_x509write_crt_free(&w);
    mbedtls_pk_free(&pk);
    return done;
}

int identity_fingerprint(const struct identity *id, char out[65], struct err *e)
{
    uint8_t sum[SHA256_BYTES];

    if (sha256(id->cert, id->cert_n, NULL, 0, sum, e) < 0)
        return -1;
    OWN(own_mem)
    char *hex = hex_str(BLOB(sum, sizeof(sum)));
    return str_copy(out, 65, hex, e);
}
