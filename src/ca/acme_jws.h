/*
 * JSON Web Signatures as ACME wants them (RFC 8555, 6.2; RFC 7515): ES256 by a key elsewhere,
 * HS256 for external account binding; JWK, its thumbprint (RFC 7638) and key authorizations.
 */
#pragma once
#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/json.h"

#define JWS_THUMBPRINT_CHARS 43 /* base64url of SHA-256 */
#define JWS_RAW_BYTES 64

/* Signs and appends an ECDSA signature in DER. */
typedef int (*jws_sign_fn)(void *arg, struct blob tbs, struct buf *der, struct err *e);

/* The P-256 public key as JWK in RFC 7638's canonical form. */
int jws_jwk(struct blob spki, struct buf *out, struct err *e);
int jws_thumbprint(struct blob spki, char out[JWS_THUMBPRINT_CHARS + 1], struct err *e);
/* ECDSA DER to r||s (RFC 7518, 3.4). */
int jws_raw_signature(struct blob der, uint8_t raw[JWS_RAW_BYTES], struct err *e);

struct jws {
    const char *kid; /* account URL; NULL: `jwk` goes into the header */
    const char *jwk;
    const char *nonce;
    const char *url;
    struct blob payload; /* empty: POST-as-GET */
};
/* The flattened JSON serialization. */
int jws_sign(const struct jws *j, jws_sign_fn sign, void *arg, struct buf *out, struct err *e);
/* externalAccountBinding (RFC 8555, 7.3.4): the account's JWK under the CA's HMAC key. */
int jws_bind(const char *kid, struct blob hmac_key, const char *url, const char *jwk,
             struct buf *out, struct err *e);
