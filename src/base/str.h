/*
 * Parsers of short text from outside. Each takes the whole string or fails: no sign, space, octal
 * or trailing byte. Error texts say what was expected; the caller wraps them with the field's name.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"

int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *out, struct err *e);
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct err *e);
int parse_i64(const char *text, int64_t min, int64_t max, int64_t *out, struct err *e);
int parse_bool(const char *text, bool *out, struct err *e); /* true, false */
int parse_size(const char *text, uint64_t max, uint64_t *bytes,
               struct err *e);                                          /* 512, 64K, 1M, 2G */
int parse_duration(const char *text, uint64_t *seconds, struct err *e); /* 90s, 15m, 12h, 30d */
/* "example.com", "a-b.example"; RFC 1123, 2.1; lower-cased into out. wildcard allows a first "*."
 */
int parse_host(const char *text, bool wildcard, char *out, size_t out_size, struct err *e);
/* The name is the domain or below it; below only, when the domain begins with a dot. ASCII case
 * does not matter. */
bool host_below(const char *name, const char *domain);
int parse_ip(const char *text, char *out, size_t out_size, struct err *e); /* v4 or v6, canonical */
/* "host:443", "[::1]:443", "1.2.3.4:443" */
int parse_host_port(const char *text, char *host, size_t host_size, uint16_t *port, struct err *e);
bool utf8_valid(const char *s, size_t n);
/* Valid UTF-8, no NUL, no control character but what `allow` lists (e.g. "\n\t"). */
bool text_clean(const char *s, size_t n, const char *allow);
bool str_eq(const char *a, const char *b);  /* NULL equals NULL */
bool str_ieq(const char *a, const char *b); /* ASCII case-insensitive */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Copies with a NUL; ERR_LIMIT when it does not fit. */
int str_copy(char *out, size_t out_size, const char *s, struct err *e);
/* Appends text as a /bin/sh single-quoted word; refuses NUL and newline (sticky buf failure). */
void buf_add_shell(struct buf *b, const char *text);

/* A set of strings, owned. */
struct strs {
    char **v;
    size_t n;
};
void strs_add(struct strs *s, const char *text);
void strs_add_n(struct strs *s, const char *text, size_t n);
void strs_free(struct strs *s);
bool strs_has(const struct strs *s, const char *text);
void strs_split(struct strs *s, const char *text, const char *separators); /* no empty parts */
char *strs_join(const struct strs *s, const char *separator);              /* malloc'ed */
