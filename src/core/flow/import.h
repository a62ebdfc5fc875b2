/*
 * Certificates from files into the provisioning list (contract 121). What issued others of the same
 * import is kept as their chain and gets no row; what the list has already, by fingerprint, is left
 * as it is. Rows are Discovered, found by "Import", and no bot is assigned to them.
 */
#pragma once
#include "crypto/bundle/certs.h"
#include "src/base/json.h"
#include "src/core/core.h"

enum import_result { IMPORT_REFUSED, IMPORT_CHAIN, IMPORT_DUPLICATE, IMPORT_NEW, IMPORT_RESULTS };
extern const char *const import_names[IMPORT_RESULTS];

/* One certificate of a file, or a file that was refused as a whole (cert NULL). */
struct import_item {
    const char *file; /* a loan */
    X509 *cert;       /* a loan of the certs that were read */
    struct cert_info info;
    enum import_result result;
    char *id;   /* of the row it is or was already */
    char *text; /* why, or what became of it */
};
struct import {
    struct import_item *v;
    size_t n;
};
void import_free(struct import *l);
/* A file that was read or, with `why`, refused: appends its certificates. */
void import_add(struct import *l, const char *file, const struct certs *certs, size_t from,
                const struct err *why);

struct import_who {
    const char *user, *client;
    const struct strs *tags;
};
/* Judges each certificate and makes the rows. In a fiber: it commits several times. */
int import_run(struct core *core, struct import *l, const struct import_who *who, struct err *e);
