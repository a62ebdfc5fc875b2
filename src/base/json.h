/*
 * JSON at the borders (REST bodies, CA answers, store values), over jansson, with limits: size is
 * checked by the caller before, depth is at most 16, duplicate names are refused. Getters name the
 * path that failed ("body.servers[3].port: expected an integer from 1 to 65535").
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/own.h"
#include "src/base/str.h"

#define JSON_DEPTH_MAX 16

static inline void own_json(json_t **j)
{
    json_decref(*j);
}

/* Parses one value and nothing behind it. `what` names the text in errors ("body"). */
json_t *json_parse(struct blob text, size_t max_bytes, const char *what, struct err *e);
/* Compact, keys in insertion order, non-ASCII as UTF-8. */
int json_print(const json_t *j, struct buf *out, struct err *e);

/* Required members. Strings are loans from the object. Lengths are in bytes, limits inclusive. */
int json_get_str(const json_t *o, const char *name, size_t max, const char **out, struct err *e);
int json_get_int(const json_t *o, const char *name, int64_t min, int64_t max, int64_t *out,
                 struct err *e);
int json_get_bool(const json_t *o, const char *name, bool *out, struct err *e);
int json_get_obj(const json_t *o, const char *name, json_t **out, struct err *e); /* a loan */
int json_get_array(const json_t *o, const char *name, size_t max, json_t **out,
                   struct err *e); /* a loan */
/* Optional: absent or null leaves *out as it was and returns 0; a wrong type fails. */
int json_opt_str(const json_t *o, const char *name, size_t max, const char **out, struct err *e);
int json_opt_int(const json_t *o, const char *name, int64_t min, int64_t max, int64_t *out,
                 struct err *e);
int json_opt_bool(const json_t *o, const char *name, bool *out, struct err *e);
int json_opt_strs(const json_t *o, const char *name, size_t max_count, size_t max_each,
                  struct strs *out, struct err *e);
/* ERR_INPUT naming the first member of `o` that is not in the NULL-ended list. */
int json_only(const json_t *o, const char *const *names, struct err *e);

/* Writers that cannot fail (out of memory ends the process). NULL text writes null. */
void json_put_str(json_t *o, const char *name, const char *text);
void json_put_int(json_t *o, const char *name, int64_t v);
void json_put_bool(json_t *o, const char *name, bool v);
void json_put_take(json_t *o, const char *name, json_t *value); /* takes the reference */
void json_put_strs(json_t *o, const char *name, const struct strs *s);
/* "" when absent or not a string; a loan. For our own store values, already checked when written.
 */
const char *json_str(const json_t *o, const char *name);
int64_t json_int(const json_t *o, const char *name); /* 0 when absent */
bool json_bool(const json_t *o, const char *name);   /* false when absent */
