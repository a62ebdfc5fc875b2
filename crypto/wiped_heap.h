/*
 * OpenSSL's heap, wiped as it is freed. Its decoders free whole PKCS#8 structures as they are, and
 * so leave private keys behind wherever one is parsed: by us, or by a software token in our
 * process.
 */
#pragma once
#include "src/base/err.h"

/* Call first thing in main: OpenSSL takes another heap only before its first allocation. */
int wiped_heap(struct err *e);
