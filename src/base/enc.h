/* Hex, base64 and base64url (RFC 4648): strict decoders, lower-case hex. */
#pragma once
#include "src/base/buf.h"
#include "src/base/err.h"

void enc_hex(struct buf *out, struct blob in);
void enc_base64(struct buf *out, struct blob in);    /* with padding */
void enc_base64url(struct buf *out, struct blob in); /* without padding */
int dec_hex(struct buf *out, const char *text, size_t n, struct err *e);
int dec_base64(struct buf *out, const char *text, size_t n, struct err *e); /* padding demanded */
int dec_base64url(struct buf *out, const char *text, size_t n, struct err *e);
char *hex_str(struct blob in);       /* malloc'ed */
char *base64url_str(struct blob in); /* malloc'ed */
/* A new random identifier of 100 bits: 20 characters of Crockford base32, lower case. */
#define ID_CHARS 20
void id_new(char out[ID_CHARS + 1]);
bool id_valid(const char *s);
