/*
 * certkeep: the console tool. Runs one command and turns its error into three lines (what, what it
 * means, what to do) and the exit status. It holds secrets for moments, so it cannot be dumped and
 * JSON memory is wiped when freed.
 */
#include <jansson.h>
#include <locale.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "src/base/own.h"
#include "src/base/secret.h"
#include "src/ctl/api.h"
#include "src/ctl/ctl.h"
#include "src/ctl/help.h"

#define TOKEN_MAX_BYTES 4096

static void wiping_free(void *p)
{
    if (p)
        wipe(p, malloc_usable_size(p));
    free(p);
}

/* A command that needs nobody signed in is not helped by signing in: its text says what is wrong.
 */
static const char *to_do(const struct command *k, const struct err *e)
{
    if ((e->code == ERR_AUTH || e->code == ERR_DENIED) && k && str_eq(k->permission, "NONE"))
        return NULL;
    if (e->code == ERR_CONFLICT && strstr(e->text, "Locked"))
        return "certkeep unlock";
    if (e->code == ERR_CONFLICT && strstr(e->text, "Unprovisioned"))
        return "certkeep setup";
    switch (e->code) {
    case ERR_AUTH:
        return "certkeep login";
    case ERR_DENIED:
        return "ask an administrator for a role that may do it (certkeep whoami shows yours)";
    case ERR_LIMIT:
        return "ask for less, or wait and try again";
    case ERR_NETWORK:
        return "check address, network and appliance, then try again";
    case ERR_TOKEN:
    case ERR_STORE:
        return "certkeep health";
    case ERR_BUG:
        return "report it with the words above";
    default:
        return NULL; /* the text itself says it */
    }
}

static int complain(const struct ctl *c, const struct err *e)
{
    OWN(buf_free)
    struct buf out = BUF(16384);
    const int status = err_exit_status(e->code);
    const char *remedy = to_do(c->args.command, e);

    buf_addf(&out, "certkeep%s%s: ", c->args.command ? " " : "",
             c->args.command ? c->args.command->words : "");
    text_shown(&out, e->text, false);
    buf_addf(&out, "\n  meaning: %s (exit status %d)\n", err_code_title(e->code), status);
    if (remedy)
        buf_addf(&out, "  to do:   %s\n", remedy);
    fputs(buf_cstr(&out), stderr);
    return status;
}

static int run(struct ctl *c, int argc, char **argv, struct err *e)
{
    if (args_parse(argc, argv, &c->args, e) < 0)
        return -1;
    if (!c->args.command)
        return c->args.value[OPT_HELP] || argc == 1 ? help_all(e)
                                                    : err_set(e, ERR_INPUT,
                                                              "a command is missing; "
                                                              "certkeep help lists them");
    if (c->args.value[OPT_HELP])
        return help_command(c->args.command, e);
    return c->args.command->run(c, e);
}

int main(int argc, char **argv)
{
    struct ctl c = {.token = BUF_SECRET(TOKEN_MAX_BYTES),
                    .cookie = BUF_SECRET(TOKEN_MAX_BYTES),
                    .csrf = BUF_SECRET(TOKEN_MAX_BYTES)};
    struct err e = {0};
    int status = 0;

    setlocale(LC_CTYPE, "");
    prctl(PR_SET_DUMPABLE, 0);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    json_set_alloc_funcs(malloc, wiping_free);
    terminal_of(STDOUT_FILENO, &c.out);
    if (run(&c, argc, argv, &e) < 0)
        status = complain(&c, &e);
    api_close(&c);
    config_free(&c.config);
    args_free(&c.args);
    buf_free(&c.token);
    buf_free(&c.cookie);
    buf_free(&c.csrf);
    return status;
}
