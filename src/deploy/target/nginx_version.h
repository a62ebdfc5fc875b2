/* What of nginx's grammar depends on its version, as far as reading and editing need it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* FEATURE(NAME, first version, first version without it or 0) */
/* clang-format off */
#define NGX_FEATURES(FEATURE)                                                                      \
    FEATURE(PATH_VARIABLES,   1015009, 0)       /* "$" in ssl_certificate is a variable */          \
    FEATURE(REJECT_HANDSHAKE, 1019004, 0)       /* ssl_reject_handshake */                          \
    FEATURE(SSL_ON,           0,       1025001) /* "ssl on" makes every listen of a block TLS */
/* clang-format on */

enum ngx_feature {
#define FEATURE(NAME, from, until) NGX_HAS_##NAME,
    NGX_FEATURES(FEATURE)
#undef FEATURE
};

/* "nginx 1.26.3" or "1.26" as 1026003, 1026000; 0 when there is no such number in it. */
uint32_t ngx_version(const char *text);
/* version 0: not known, taken as the newest. */
bool ngx_has(uint32_t version, enum ngx_feature feature);
/* "1.26", "nginx 1.26.3", "1": as far as `stated` goes `detected` has the same numbers. */
bool ngx_version_agrees(const char *stated, const char *detected);
/* Whether reading and editing were made for this version: 1.14 to 1.29. */
bool ngx_version_known(uint32_t version);
