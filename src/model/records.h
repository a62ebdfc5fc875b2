/*
 * The records of the product: structs and their field tables, from one .def each. The same table
 * gives the store value, the API's JSON, the form, the columns and the filters of the list.
 */
#pragma once
#include <stdlib.h>

#include "src/base/field.h"
#include "src/base/own.h"
#include "src/base/secret.h"

/* Replaces a text member by a copy; NULL empties it. */
static inline void text_set(char **member, const char *text)
{
    char *copy = text ? xstrdup(text) : NULL;
    free(*member);
    *member = copy;
}
/* A text member for printing: never NULL. */
static inline const char *text_of(const char *member)
{
    return member ? member : "";
}

/* The first members of every record. */
struct row_head {
    char *id;
    int64_t rev;
    int64_t created_at, updated_at;
};
/* ... of those with edited.def, and of no other. */
struct edited_head {
    struct row_head row;
    int64_t edits; /* changes people made: what the appliance finds out by itself is none */
};

#include "src/model/as_members.h"
struct server {
#include "src/model/server.def"
};
struct cert {
#include "src/model/cert.def"
};
struct order {
#include "src/model/order.def"
};
struct connector {
#include "src/model/connector.def"
};
struct key {
#include "src/model/key.def"
};
struct job {
#include "src/model/job.def"
};
struct user {
#include "src/model/user.def"
};
struct session {
#include "src/model/session.def"
};
struct policy {
#include "src/model/policy.def"
};
struct setting {
#include "src/model/setting.def"
};
#include "src/model/as_end.h"

extern const struct fields server_fields, cert_fields, order_fields, connector_fields, key_fields,
    job_fields, user_fields, session_fields, setting_fields, policy_fields;

/* OWN(own_cert) struct cert c = {0}; fields_init first. */
#define RECORD_OWN(type)                                                                           \
    static inline void own_##type(struct type *r)                                                  \
    {                                                                                              \
        fields_free(&type##_fields, r);                                                            \
    }
RECORD_OWN(server)
RECORD_OWN(cert)
RECORD_OWN(order)
RECORD_OWN(connector)
RECORD_OWN(key)
RECORD_OWN(job)
RECORD_OWN(user)
RECORD_OWN(session)
RECORD_OWN(setting)
RECORD_OWN(policy)
