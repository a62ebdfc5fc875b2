/*
 * The routes of the REST API, from routes.def. core finds the handler by them; the same table says
 * which permission it demands. A path has at most one member in braces, which matches one segment.
 */
#pragma once
#include <stddef.h>

#include "src/base/err.h"
#include "src/model/permissions.h"

enum route_id {
#define ROUTE(METHOD, path, handler, PERMISSION) ROUTE_##handler,
#include "src/model/routes.def"
#undef ROUTE
    ROUTE_COUNT
};

struct route {
    const char *method, *path, *name; /* name: of the handler, and operationId in docs/api.yaml */
    enum permission permission;
};
extern const struct route routes[ROUTE_COUNT];

#define ROUTE_ARG_BYTES 128
struct route_match {
    enum route_id id;
    char arg[ROUTE_ARG_BYTES]; /* what stood for {id}, {record} or {connector}, or "" */
};
/*
 * `path` is without query, already checked by web (no escapes, no dot segments). A literal segment
 * goes before a member in braces. ERR_NOT_FOUND: no such path; ERR_INPUT: not this method, the text
 * lists those it has.
 */
int route_find(const char *method, const char *path, struct route_match *out, struct err *e);
/* "GET, POST": the methods of a path, for the Allow header; "" when the path is unknown. */
void route_methods(const char *path, char *out, size_t out_size);
