/*
 * The command line against commands.def and options.def: which command, its words, its options.
 * An option that the command does not know is an error, and so is a word too many; a word that is
 * nearly a command is answered with the command that was meant.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/base/str.h"

enum opt {
#define OPTION(NAME, word, letter, value, help) OPT_##NAME,
#include "src/ctl/options.def"
#undef OPTION
    OPT_COUNT
};
#define OPT_GLOBAL ((UINT64_C(1) << (OPT_HELP + 1)) - 1) /* allowed with every command */

struct option_info {
    const char *word;
    int letter;
    const char *value; /* NULL: a switch */
    const char *help;
};
extern const struct option_info option_infos[OPT_COUNT];

struct ctl;
struct command {
    const char *words; /* "server add" */
    const char *args;
    int (*run)(struct ctl *c, struct err *e);
    const char *permission;
    uint64_t options;
    const char *help;
};
extern const struct command commands[];
extern const size_t commands_n;

struct args {
    const struct command *command; /* NULL: only global options were given */
    struct strs words;
    struct strs filters;
    const char *value[OPT_COUNT]; /* loans from argv */
};

/* Parses argv; outputs are set also on failure, for args_free. */
int args_parse(int argc, char **argv, struct args *out, struct err *e);
void args_free(struct args *a);
/* The command that `first` and `second` (may be NULL) name; *used is 1 or 2. NULL: none. */
const struct command *command_find(const char *first, const char *second, size_t *used);
/* The nearest command, or NULL when nothing is near. */
const char *command_suggest(const char *first, const char *second);
/* How many words `args` of a command allows. */
void command_arity(const char *args, size_t *min, size_t *max);
