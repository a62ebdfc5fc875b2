/* The tables of permissions and roles. Who has which role is core's business. */
#include "src/model/permissions.h"

#include "src/base/own.h"

static const struct {
    const char *name, *title;
} permissions[PERM_COUNT] = {
    [PERM_NONE] = {"NONE", "Public"},
    [PERM_ANY] = {"ANY", "Signed in"},
#define PERMISSION(NAME, title) [PERM_##NAME] = {#NAME, title},
#include "src/model/permissions.def"
#undef PERMISSION
};

#define P(NAME) PERM_BIT(PERM_##NAME)
#define READS                                                                                      \
    (P(ANY) | P(CERT_READ) | P(SERVER_READ) | P(CONNECTOR_READ) | P(POLICY_READ) | P(JOB_READ))
const struct role roles[] = {
#define ROLE(name, title, permissions) {name, title, permissions},
#include "src/model/roles.def"
#undef ROLE
};
#undef READS
#undef P
const size_t roles_n = COUNT(roles);

_Static_assert(PERM_COUNT <= 32, "a set of permissions is a mask of 32 bits");

const char *permission_name(enum permission p)
{
    return (unsigned)p < PERM_COUNT ? permissions[p].name : "";
}

const char *permission_title(enum permission p)
{
    return (unsigned)p < PERM_COUNT ? permissions[p].title : "";
}

enum permission permission_parse(const char *name)
{
    unsigned p = 0;

    while (p < PERM_COUNT && !str_eq(permissions[p].name, name))
        p++;
    return (enum permission)p;
}

bool permission_in(uint32_t mask, enum permission p)
{
    return p == PERM_NONE || ((unsigned)p < PERM_COUNT && mask & PERM_BIT(p));
}

const struct role *role_find(const char *name)
{
    for (size_t i = 0; i < roles_n; i++)
        if (str_eq(roles[i].name, name))
            return &roles[i];
    return NULL;
}

uint32_t role_permissions(const struct strs *names)
{
    uint32_t mask = PERM_BIT(PERM_ANY);

    for (size_t i = 0; i < names->n; i++) {
        const struct role *r = role_find(names->v[i]);
        mask |= r ? r->permissions : 0;
    }
    return mask;
}
