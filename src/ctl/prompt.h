/*
 * Asking a person, and secrets from files and standard input. Questions go to the terminal
 * (/dev/tty), never to standard output; answers that are secret are not shown. Control-C ends a
 * question with an error, and the terminal is as it was.
 */
#pragma once
#include <stdbool.h>

#include "src/base/json.h"

#define PROMPT_MAX_BYTES 65536

/* One line; ERR_INPUT when there is no terminal, naming `instead` as the remedy. */
int prompt_line(const char *question, bool hidden, const char *instead, struct buf *out,
                struct err *e);
/* Twice, until both are the same (three tries). */
int prompt_new_secret(const char *question, const char *instead, struct buf *out, struct err *e);
/* True when the person says yes. Without a terminal: ERR_INPUT, --yes is the remedy. */
int prompt_sure(const char *question, struct err *e);
/* "-": a hidden question when standard input is a terminal, else its next line. "@FILE": a file
 * that only its owner may read, without its last line feed. */
int secret_value(const char *name, const char *source, struct buf *out, struct err *e);
/* All of standard input, or a file of mode 0600, as a JSON object of only these members. */
int answers_read(const char *file, const char *const *members, json_t **out, struct err *e);
