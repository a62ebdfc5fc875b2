/* Hashing and integers. A hash that mbedTLS refuses to compute is an error, never a default. */
#include "crypto/firmware/hash.h"

static int failed(psa_status_t status, const char *what, struct err *e)
{
    return err_set(e, ERR_CRYPTO, "%s: mbedTLS refuses with %d", what, (int)status);
}

int firmware_start(struct err *e)
{
    psa_status_t status = psa_crypto_init();
    return status == PSA_SUCCESS ? 0 : failed(status, "start", e);
}

int hash_begin(psa_hash_operation_t *h, struct err *e)
{
    psa_status_t status = psa_hash_setup(h, PSA_ALG_SHA_256);
    return status == PSA_SUCCESS ? 0 : failed(status, "SHA-256", e);
}

int hash_add(psa_hash_operation_t *h, const void *p, size_t n, struct err *e)
{
    psa_status_t status = psa_hash_update(h, p, n);
    return status == PSA_SUCCESS ? 0 : failed(status, "SHA-256", e);
}

int hash_end(psa_hash_operation_t *h, uint8_t out[SHA256_BYTES], struct err *e)
{
    size_t n = 0;
    psa_status_t status = psa_hash_finish(h, out, SHA256_BYTES, &n);
    return status == PSA_SUCCESS && n == SHA256_BYTES ? 0 : failed(status, "SHA-256", e);
}

int sha256(const void *a, size_t a_len, const void *b, size_t b_len, uint8_t out[SHA256_BYTES],
           struct err *e)
{
    psa_hash_operation_t h = PSA_HASH_OPERATION_INIT;

    if (hash_begin(&h, e) < 0 || hash_add(&h, a, a_len, e) < 0 || hash_add(&h, b, b_len, e) < 0 ||
        hash_end(&h, out, e) < 0) {
        psa_hash_abort(&h);
        return -1;
    }
    return 0;
}

void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

void put_u64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> (56 - 8 * i));
}

bool all_zero(const uint8_t *p, size_t n)
{
    uint8_t seen = 0;
    for (size_t i = 0; i < n; i++)
        seen |= p[i];
    return seen == 0;
}
