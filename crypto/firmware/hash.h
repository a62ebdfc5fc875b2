/* SHA-256 by mbedTLS, and the integers of the formats of docs/formats/slot.md. */
#pragma once
#include <psa/crypto.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

#define SHA256_BYTES 32u

/* Starts mbedTLS; to be called once, first. */
int firmware_start(struct err *e);

/* Two parts, as a salted block needs; the second may be empty. */
int sha256(const void *a, size_t a_len, const void *b, size_t b_len, uint8_t out[SHA256_BYTES],
           struct err *e);

/* A hash of many parts. hash_end, or psa_hash_abort on the way out, frees it. */
int hash_begin(psa_hash_operation_t *h, struct err *e);
int hash_add(psa_hash_operation_t *h, const void *p, size_t n, struct err *e);
int hash_end(psa_hash_operation_t *h, uint8_t out[SHA256_BYTES], struct err *e);

static inline uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline uint64_t get_u64(const uint8_t *p)
{
    return (uint64_t)get_u32(p) << 32 | get_u32(p + 4);
}
void put_u32(uint8_t *p, uint32_t v);
void put_u64(uint8_t *p, uint64_t v);
bool all_zero(const uint8_t *p, size_t n);
