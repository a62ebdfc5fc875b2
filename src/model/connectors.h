/*
 * Connector kinds, from connectors.def: typed settings, field tables, and the keys each needs.
 * Core checks and seals by this table; ca acts by it.
 *
 * On the wire (CA_* messages) `settings` is fields_encode of the settings without secrets,
 * `secrets` is a sequence of name and sealed value, `keys` of role, envelope and SPKI
 * (docs/formats/messages.md). The sealing context of a secret is "connector/<id>/<name>".
 */
#pragma once
#include "crypto/policy.h"
#include "src/base/field.h"
#include "src/base/secret.h"

#define KEY(role, alg, purposes)
#include "src/model/as_members.h"
#define CONNECTOR(name, title, ca_type, help, reasons, members, keys)                              \
    struct name##_settings {                                                                       \
        members                                                                                    \
    };
#include "src/model/connectors.def"
#undef CONNECTOR
#include "src/model/as_end.h"
#undef KEY

/* Reasons of RFC 5280, 5.3.1 a CA takes, as bits. */
#define REASON(n) (1u << (n))
#define REASONS_ALL (REASON(0) | REASON(1) | REASON(3) | REASON(4) | REASON(5) | REASON(9))

struct connector_key {
    const char *role;
    enum key_alg alg;
    uint32_t purposes;
};

struct connector_kind {
    const char *name, *title, *ca_type, *help;
    uint32_t reasons;
    const struct fields *(*fields)(void);
    const struct connector_key *keys; /* ended by role NULL */
};
extern const struct connector_kind connector_kinds[];
extern const size_t connector_kinds_n;
const struct connector_kind *connector_kind_find(const char *name); /* NULL if unknown */

/* Named blobs: how secrets and keys travel and are stored. Values are owned by the list. */
struct named_blob {
    char *name;
    struct bytes a; /* sealed value, or envelope */
    struct bytes b; /* empty, or SPKI */
};
struct named_blobs {
    struct named_blob v[8];
    size_t n;
};
int named_blobs_add(struct named_blobs *l, const char *name, struct blob a, struct blob b,
                    struct err *e);
const struct named_blob *named_blobs_find(const struct named_blobs *l, const char *name);
void named_blobs_encode(const struct named_blobs *l, struct buf *out);
int named_blobs_decode(struct blob in, struct named_blobs *l, struct err *e);
void named_blobs_free(struct named_blobs *l);
