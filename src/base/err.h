/*
 * One error type for the whole program: whose move it is (code) and the story (text).
 *
 * A function that can fail takes `struct err *e` as its last parameter and returns 0 or -1. It
 * writes its outputs only on success. Library layers return errors and never log them.
 */
#pragma once

enum err_code {
    ERR_NONE = 0,
    ERR_INPUT, /* the caller sent something wrong: names the field, what was expected, the remedy */
    ERR_AUTH,  /* who are you? */
    ERR_DENIED,    /* known, but not allowed */
    ERR_NOT_FOUND, /* no such thing */
    ERR_CONFLICT,  /* not in this state, or somebody was faster */
    ERR_LIMIT,     /* too many, too large, too often */
    ERR_REMOTE,    /* a CA or server answered, and the answer is a refusal or nonsense */
    ERR_NETWORK,   /* no answer: unreachable, timed out, cut off */
    ERR_TOKEN,     /* the HSM */
    ERR_CRYPTO,    /* a check of key, signature or certificate failed */
    ERR_STORE,     /* the database */
    ERR_SYSTEM,    /* the operating system */
    ERR_BUG,       /* our own fault */
    ERR_COUNT
};

#define ERR_TEXT_BYTES 512

struct err {
    enum err_code code;
    char text[ERR_TEXT_BYTES]; /* "renew www: sign: token: PIN locked"; never holds a secret */
};

/* Sets the error; text that does not fit is cut at a UTF-8 boundary. Returns -1. `e` may be NULL.
 */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts context in front: "context: what was there". Keeps the code. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* ERR_SYSTEM (ERR_NOT_FOUND for ENOENT, ERR_LIMIT for ENOSPC/EMFILE) from errno. Returns -1. */
int err_sys(struct err *e, const char *what);

/*
 * The compiler cannot look into err.c. Here it sees that these return -1, and so that a function
 * which returned early, with its outputs unset, has told its caller.
 */
static inline int err_minus_one(int returned)
{
    (void)returned;
    return -1;
}
#define err_set(...) err_minus_one(err_set(__VA_ARGS__))
#define err_wrap(...) err_minus_one(err_wrap(__VA_ARGS__))
#define err_sys(...) err_minus_one(err_sys(__VA_ARGS__))

const char *err_code_name(enum err_code code);  /* "input", "auth", ... stable: part of the API */
const char *err_code_title(enum err_code code); /* "The request is not valid", ... for people */
enum err_code err_code_parse(const char *name); /* ERR_COUNT if unknown */
int err_http_status(enum err_code code);
int err_exit_status(
    enum err_code code); /* exit status of the console tool: 0, then 10.. per code */
