/*
 * The error type and the one table that says what a code means outside: its name in the API, its
 * HTTP status, its exit status and its title for people. No logging here.
 */
#include "src/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#undef err_set /* macros around what is defined here: see err.h */
#undef err_wrap
#undef err_sys

static const struct {
    const char *name;
    const char *title;
    int http;
    int exit;
} codes[ERR_COUNT] = {
    [ERR_NONE] = {"none", "No error", 200, 0},
    [ERR_INPUT] = {"input", "The request is not valid", 400, 10},
    [ERR_AUTH] = {"auth", "Sign in first", 401, 11},
    [ERR_DENIED] = {"denied", "This is not allowed for you", 403, 12},
    [ERR_NOT_FOUND] = {"not_found", "There is no such thing", 404, 13},
    [ERR_CONFLICT] = {"conflict", "Not possible in the present state", 409, 14},
    [ERR_LIMIT] = {"limit", "Too many, too large or too often", 429, 15},
    [ERR_REMOTE] = {"remote", "The other side refused", 502, 16},
    [ERR_NETWORK] = {"network", "The other side did not answer", 504, 17},
    [ERR_TOKEN] = {"token", "The key store is not available", 503, 18},
    [ERR_CRYPTO] = {"crypto", "A cryptographic check failed", 500, 19},
    [ERR_STORE] = {"store", "The database failed", 500, 20},
    [ERR_SYSTEM] = {"system", "The operating system refused", 500, 21},
    [ERR_BUG] = {"bug", "Internal error", 500, 22},
};

static enum err_code known(enum err_code code)
{
    return (unsigned)code < ERR_COUNT ? code : ERR_BUG;
}

/* Copies text, cut so that no UTF-8 sequence is left half. */
static void text_put(char *out, const char *text)
{
    size_t n = strlen(text);

    if (n >= ERR_TEXT_BYTES) {
        n = ERR_TEXT_BYTES - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
            n--;
    }
    memcpy(out, text, n);
    out[n] = 0;
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    char text[ERR_TEXT_BYTES + 4]; /* one sequence longer, so that the cut is seen */
    va_list ap;

    if (!e)
        return -1;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap); /* the arguments may point into e->text */
    va_end(ap);
    e->code = known(code);
    text_put(e->text, text);
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char context[ERR_TEXT_BYTES];
    char text[2 * ERR_TEXT_BYTES + 4];
    va_list ap;

    if (!e)
        return -1;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    snprintf(text, sizeof(text), "%s: %s", context, e->text);
    text_put(e->text, text);
    return -1;
}

int err_sys(struct err *e, const char *what)
{
    int number = errno;
    const char *why = strerrordesc_np(number);
    enum err_code code = ERR_SYSTEM;

    if (number == ENOENT)
        code = ERR_NOT_FOUND;
    else if (number == ENOSPC || number == EMFILE || number == ENFILE || number == EDQUOT)
        code = ERR_LIMIT;
    if (!why)
        return err_set(e, code, "%s: error %d", what, number);
    return err_set(e, code, "%s: %s", what, why);
}

const char *err_code_name(enum err_code code)
{
    return codes[known(code)].name;
}

const char *err_code_title(enum err_code code)
{
    return codes[known(code)].title;
}

enum err_code err_code_parse(const char *name)
{
    for (int i = 0; name && i < ERR_COUNT; i++)
        if (strcmp(codes[i].name, name) == 0)
            return (enum err_code)i;
    return ERR_COUNT;
}

int err_http_status(enum err_code code)
{
    return codes[known(code)].http;
}

int err_exit_status(enum err_code code)
{
    return codes[known(code)].exit;
}
