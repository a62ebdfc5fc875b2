/* The field tables of all records, expanded from their .def files. */
#include "src/model/records.h"

#define TABLE_OF(type)                                                                             \
    const struct fields type##_fields = {#type, sizeof(struct type), type##_v, COUNT(type##_v)}

#include "src/model/as_fields.h"

#define RECORD struct server
static const struct field server_v[] = {
#include "src/model/server.def"
};
#undef RECORD
#define RECORD struct cert
static const struct field cert_v[] = {
#include "src/model/cert.def"
};
#undef RECORD
#define RECORD struct order
static const struct field order_v[] = {
#include "src/model/order.def"
};
#undef RECORD
#define RECORD struct connector
static const struct field connector_v[] = {
#include "src/model/connector.def"
};
#undef RECORD
#define RECORD struct key
static const struct field key_v[] = {
#include "src/model/key.def"
};
#undef RECORD
#define RECORD struct job
static const struct field job_v[] = {
#include "src/model/job.def"
};
#undef RECORD
#define RECORD struct user
static const struct field user_v[] = {
#include "src/model/user.def"
};
#undef RECORD
#define RECORD struct session
static const struct field session_v[] = {
#include "src/model/session.def"
};
#undef RECORD
#define RECORD struct policy
static const struct field policy_v[] = {
#include "src/model/policy.def"
};
#undef RECORD
#define RECORD struct setting
static const struct field setting_v[] = {
#include "src/model/setting.def"
};
#undef RECORD

#include "src/model/as_end.h"

TABLE_OF(server);
TABLE_OF(cert);
TABLE_OF(order);
TABLE_OF(connector);
TABLE_OF(key);
TABLE_OF(job);
TABLE_OF(user);
TABLE_OF(session);
TABLE_OF(setting);
TABLE_OF(policy);
