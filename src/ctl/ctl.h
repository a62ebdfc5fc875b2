/*
 * The console tool: one command per start, over the REST API and nothing else. struct ctl is what
 * a handler gets: the parsed command line, the connection, and how to print. A handler prints its
 * result to standard output and returns 0, or -1 with the error; main prints that and turns it
 * into the exit status.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "src/base/json.h"
#include "src/ctl/args.h"
#include "src/ctl/config.h"
#include "src/ctl/print.h"

struct web;

struct ctl {
    struct args args;
    struct config config;
    struct terminal out; /* standard output */
    struct web *web;     /* made by the first call */
    char url[CONFIG_URL_BYTES];
    struct buf token;        /* API token or nothing; secret */
    struct buf cookie, csrf; /* while signing in; secret */
};

/* The words behind the command, and an option's value: NULL when it was not given, "" for switches.
 */
static inline const char *ctl_word(const struct ctl *c, size_t i)
{
    return i < c->args.words.n ? c->args.words.v[i] : NULL;
}
static inline const char *ctl_option(const struct ctl *c, enum opt o)
{
    return c->args.value[o];
}

#define COMMAND(words, args, handler, permission, options, help)                                   \
    int handler(struct ctl *c, struct err *e);
#include "src/ctl/commands.def"
#undef COMMAND
