/*
 * Permissions and the roles that give them, from permissions.def and roles.def. A set of
 * permissions is a mask of PERM_BIT. Whoever is signed in has PERM_ANY; PERM_NONE is asked of
 * nobody.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "src/base/str.h"

enum permission {
    PERM_NONE,
    PERM_ANY,
#define PERMISSION(NAME, title) PERM_##NAME,
#include "src/model/permissions.def"
#undef PERMISSION
    PERM_COUNT
};
#define PERM_BIT(permission) (UINT32_C(1) << (permission))

const char *permission_name(enum permission p);       /* "CERT_READ" */
const char *permission_title(enum permission p);      /* in words */
enum permission permission_parse(const char *name);   /* PERM_COUNT if unknown */
bool permission_in(uint32_t mask, enum permission p); /* PERM_NONE always is */

struct role {
    const char *name, *title;
    uint32_t permissions;
};
extern const struct role roles[];
extern const size_t roles_n;
const struct role *role_find(const char *name); /* NULL if unknown */
/* All that the roles give together, with PERM_ANY; unknown names give nothing. */
uint32_t role_permissions(const struct strs *names);
