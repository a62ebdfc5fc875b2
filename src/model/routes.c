/* Which route a path is. Tried in table order but literal paths first, so "batch" is never an id.
 */
#include "src/model/routes.h"

#include <stdio.h>
#include <string.h>

const struct route routes[ROUTE_COUNT] = {
#define ROUTE(METHOD, path, handler, PERMISSION) {#METHOD, path, #handler, PERM_##PERMISSION},
#include "src/model/routes.def"
#undef ROUTE
};

/* Whether `path` fits; *arg, *arg_n: what stood for the braces (a loan of path). */
static bool fits(const char *pattern, const char *path, const char **arg, size_t *arg_n)
{
    const char *open = strchr(pattern, '{');

    *arg = path;
    *arg_n = 0;
    if (!open)
        return strcmp(pattern, path) == 0;
    const size_t before = (size_t)(open - pattern);
    const char *behind = strchr(open, '}') + 1;
    if (strncmp(pattern, path, before) != 0)
        return false;
    *arg = path + before;
    *arg_n = strcspn(*arg, "/");
    return *arg_n > 0 && *arg_n < ROUTE_ARG_BYTES && strcmp(behind, *arg + *arg_n) == 0;
}

static bool is_literal(const struct route *r)
{
    return !strchr(r->path, '{');
}

/* The pattern of the path, whatever the method; NULL if unknown. */
static const char *pattern_of(const char *path, const char **arg, size_t *arg_n)
{
    for (int literal = 1; literal >= 0; literal--)
        for (size_t i = 0; i < ROUTE_COUNT; i++)
            if (is_literal(&routes[i]) == (literal == 1) && fits(routes[i].path, path, arg, arg_n))
                return routes[i].path;
    return NULL;
}

int route_find(const char *method, const char *path, struct route_match *out, struct err *e)
{
    const char *arg;
    size_t arg_n;
    char methods[64];
    const char *pattern = pattern_of(path, &arg, &arg_n);

    if (!pattern)
        return err_set(e, ERR_NOT_FOUND, "there is nothing at %s; docs/api.yaml lists all paths",
                       path);
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (strcmp(routes[i].path, pattern) != 0 || strcmp(routes[i].method, method) != 0)
            continue;
        out->id = (enum route_id)i;
        memcpy(out->arg, arg, arg_n);
        out->arg[arg_n] = 0;
        return 0;
    }
    route_methods(path, methods, sizeof(methods));
    return err_set(e, ERR_INPUT, "%s: expected one of the methods %s", path, methods);
}

void route_methods(const char *path, char *out, size_t out_size)
{
    const char *arg;
    size_t arg_n, at = 0;
    const char *pattern = pattern_of(path, &arg, &arg_n);

    out[0] = 0;
    for (size_t i = 0; pattern && i < ROUTE_COUNT; i++) {
        if (strcmp(routes[i].path, pattern) != 0 || at >= out_size)
            continue;
        at += (size_t)snprintf(out + at, out_size - at, "%s%s", at ? ", " : "", routes[i].method);
    }
}
