/* The way to a connector's CA, as its settings have it (LINE_TO_CA of connectors.def). */
#pragma once
#include "src/ca/connector.h"

struct line {
    const char *trust, *proxy, *user; /* loans of the settings */
    char *password;                   /* wiped by line_free; NULL: none */
    unsigned per_s;                   /* 0: no limit, for it never goes out */
};
void line_of(const struct ca_job *job, struct line *out);
void line_free(struct line *l);
