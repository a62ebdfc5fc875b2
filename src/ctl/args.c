/* The command line (args.h): tables in, struct args out. Values are never printed: they may be
 * secret. */
#include "src/ctl/args.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/ctl/ctl.h"

#define WORDS_MAX 200
#define LETTERS_BYTES (2 * OPT_COUNT + 4)
#define WORD_BYTES 64

const struct option_info option_infos[OPT_COUNT] = {
#define OPTION(NAME, word, letter, value, help) [OPT_##NAME] = {word, letter, value, help},
#include "src/ctl/options.def"
#undef OPTION
};

#define O(NAME) (UINT64_C(1) << OPT_##NAME)
const struct command commands[] = {
#define COMMAND(words, args, handler, permission, options, help)                                   \
    {words, args, handler, #permission, options, help},
#include "src/ctl/commands.def"
#undef COMMAND
};
const size_t commands_n = COUNT(commands);

const struct command *command_find(const char *first, const char *second, size_t *used)
{
    char both[2 * WORD_BYTES];

    for (size_t n = second ? 2 : 1; n > 0; n--) {
        snprintf(both, sizeof(both), "%s%s%s", first, n == 2 ? " " : "", n == 2 ? second : "");
        for (size_t i = 0; i < commands_n; i++)
            if (str_eq(commands[i].words, both)) {
                *used = n;
                return &commands[i];
            }
    }
    return NULL;
}

/* Edits (insert, delete, replace, swap of neighbours) between two short words. */
static size_t distance(const char *a, const char *b)
{
    size_t d[WORD_BYTES][WORD_BYTES], n = strlen(a), m = strlen(b);

    if (n >= WORD_BYTES || m >= WORD_BYTES)
        return WORD_BYTES;
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

const char *command_suggest(const char *first, const char *second)
{
    char typed[2 * WORD_BYTES];
    const char *best = NULL;
    size_t least = 4; /* farther is a guess */

    for (size_t i = 0; i < commands_n; i++) {
        const bool two = strchr(commands[i].words, ' ') && second;
        snprintf(typed, sizeof(typed), "%s%s%s", first, two ? " " : "", two ? second : "");
        const size_t far = distance(typed, commands[i].words);
        if (far < least && far < strlen(typed)) {
            least = far;
            best = commands[i].words;
        }
    }
    return best;
}

void command_arity(const char *args, size_t *min, size_t *max)
{
    OWN(strs_free)
    struct strs all = {0};

    *min = *max = 0;
    strs_split(&all, args, " ");
    for (size_t i = 0; i < all.n; i++) {
        if (all.v[i][0] != '[')
            ++*min;
        *max = strstr(all.v[i], "...") ? WORDS_MAX : *max + 1;
    }
}

/* What follows a noun: "add, list, show". */
static void verbs_of(const char *noun, struct buf *out)
{
    const size_t n = strlen(noun);

    for (size_t i = 0; i < commands_n; i++)
        if (strncmp(commands[i].words, noun, n) == 0 && commands[i].words[n] == ' ')
            buf_addf(out, "%s%s", out->n ? ", " : "", commands[i].words + n + 1);
}

static int unknown(const char *first, const char *second, struct err *e)
{
    OWN(buf_free)
    struct buf verbs = BUF(1024);
    const char *near = command_suggest(first, second);

    if (near)
        return err_set(e, ERR_INPUT, "there is no command \"%.40s%s%.40s\"; did you mean \"%s\"?",
                       first, second ? " " : "", second ? second : "", near);
    verbs_of(first, &verbs);
    if (verbs.n)
        return err_set(e, ERR_INPUT, "%s: expected one of %s", first, buf_cstr(&verbs));
    return err_set(e, ERR_INPUT, "there is no command \"%.40s\"; certkeep help lists them", first);
}

static int take_option(struct args *a, int found, const char *value, struct err *e)
{
    for (int o = 0; o < OPT_COUNT; o++) {
        if (found != 256 + o && (!option_infos[o].letter || found != option_infos[o].letter))
            continue;
        if (o == OPT_FILTER)
            strs_add(&a->filters, value);
        else if (a->value[o])
            return err_set(e, ERR_INPUT, "--%s is given twice", option_infos[o].word);
        a->value[o] = value ? value : "";
        return 0;
    }
    return err_set(e, ERR_BUG, "option %d is not in the table", found);
}

/* getopt's own messages are off: ours name the command's options. */
static int read_options(int argc, char **argv, struct args *a, struct err *e)
{
    struct option table[OPT_COUNT + 1] = {0};
    char letters[LETTERS_BYTES] = ":";
    size_t at = 1;
    int found;

    for (int o = 0; o < OPT_COUNT; o++) {
        const struct option_info *i = &option_infos[o];
        table[o] =
            (struct option){i->word, i->value ? required_argument : no_argument, NULL, 256 + o};
        if (!i->letter)
            continue;
        letters[at++] = (char)i->letter;
        if (i->value)
            letters[at++] = ':';
    }
    optind = 0; /* glibc: starts afresh */
    opterr = 0;
    while ((found = getopt_long(argc, argv, letters, table, NULL)) != -1) {
        const int last = optind > 0 && optind <= argc ? optind - 1 : 0;
        if (found == '?')
            return err_set(e, ERR_INPUT, "option %.40s: there is no such option; see certkeep help",
                           argv[last]);
        if (found == ':')
            return err_set(e, ERR_INPUT, "option %.40s: a value is missing", argv[last]);
        if (take_option(a, found, optarg, e) < 0)
            return -1;
    }
    return 0;
}

static int check_words(const struct args *a, struct err *e)
{
    size_t min, max;

    for (int o = 0; o < OPT_COUNT; o++)
        if (a->value[o] && !((a->command->options | OPT_GLOBAL) >> o & 1))
            return err_set(e, ERR_INPUT, "%s has no option --%s; see certkeep help %s",
                           a->command->words, option_infos[o].word, a->command->words);
    if (a->value[OPT_HELP])
        return 0;
    command_arity(a->command->args, &min, &max);
    if (a->words.n < min || a->words.n > max)
        return err_set(e, ERR_INPUT, "%s: %s; expected: certkeep %s%s%s", a->command->words,
                       a->words.n < min ? "something is missing" : "too many words",
                       a->command->words, *a->command->args ? " " : "", a->command->args);
    return 0;
}

int args_parse(int argc, char **argv, struct args *out, struct err *e)
{
    size_t used = 0;

    *out = (struct args){0};
    if (read_options(argc, argv, out, e) < 0)
        return -1;
    if (optind >= argc)
        return 0;
    const char *first = argv[optind], *second = optind + 1 < argc ? argv[optind + 1] : NULL;
    out->command = command_find(first, second, &used);
    if (!out->command)
        return unknown(first, second, e);
    for (int i = optind + (int)used; i < argc; i++)
        strs_add(&out->words, argv[i]);
    return check_words(out, e);
}

void args_free(struct args *a)
{
    strs_free(&a->words);
    strs_free(&a->filters);
}
