/* PEM (RFC 7468): strict about labels, tolerant about line lengths and text between blocks. */
#pragma once
#include "src/base/buf.h"
#include "src/base/err.h"

#define PEM_MAX_BYTES (1024 * 1024)

/* Calls fn for each block; the label and DER are loans. Stops at the first -1. */
int pem_each(struct blob text,
             int (*fn)(const char *label, struct blob der, void *arg, struct err *e), void *arg,
             struct err *e);
void pem_write(struct buf *out, const char *label, struct blob der);
/* PKCS#8 DER -> "PRIVATE KEY" PEM in a secret buf. */
int pem_private_key(struct blob pkcs8, struct buf *out, struct err *e);
