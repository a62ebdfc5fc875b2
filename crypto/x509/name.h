/* Distinguished names and subject alternative names <-> text (RFC 4514, RFC 5280 4.2.1.6). */
#pragma once
#include <openssl/x509v3.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/str.h"

/* "CN=shop.example,O=Example Ltd,C=DE" (RFC 4514 escapes) */
int name_print(const X509_NAME *name, struct buf *out, struct err *e);
/* The same text back; also accepts a bare host name as "CN=host". */
int name_parse(const char *text, X509_NAME **out, struct err *e);
char *name_common_name(
    const X509_NAME *name); /* malloc'ed UTF-8, NULL when there is none or it is unclean */
/* Text of a SAN: DNS names as they are, "IP:1.2.3.4", "email:a@b", "URI:..."; others are skipped.
 */
int san_to_strs(const STACK_OF(GENERAL_NAME) * names, struct strs *out, struct err *e);
/* From the same texts (bare text: IP address if it parses as one, else DNS name). */
int san_from_strs(const struct strs *in, STACK_OF(GENERAL_NAME) * *out, struct err *e);
