/* Help and completion, from commands.def and options.def: nothing is told twice. */
#include "src/ctl/help.h"

#include <string.h>

#include "src/base/own.h"
#include "src/ctl/ctl.h"

#define HELP_MAX_BYTES 65536

static void option_line(struct buf *out, int o)
{
    const struct option_info *i = &option_infos[o];
    char left[48];

    snprintf(left, sizeof(left), "%s%c%s--%s%s%s", i->letter ? "-" : "",
             i->letter ? i->letter : ' ', i->letter ? ", " : "   ", i->word, i->value ? " " : "",
             i->value ? i->value : "");
    buf_addf(out, "  %-24s %s\n", left, i->help);
}

/* "10 input: The request is not valid", for every kind of error. */
static void exit_lines(struct buf *out)
{
    buf_add_str(out, "  0   done\n");
    for (int code = ERR_NONE + 1; code < ERR_COUNT; code++)
        buf_addf(out, "  %-3d %-10s %s\n", err_exit_status((enum err_code)code),
                 err_code_name((enum err_code)code), err_code_title((enum err_code)code));
}

int help_all(struct err *e)
{
    OWN(buf_free)
    struct buf out = BUF(HELP_MAX_BYTES);

    buf_add_str(&out,
                "certkeep: the console tool of the appliance\n\n"
                "  certkeep [OPTIONS] COMMAND [WORDS]\n  certkeep help COMMAND\n\nCommands:\n");
    for (size_t i = 0; i < commands_n; i++)
        buf_addf(&out, "  %-27s %s\n", commands[i].words, commands[i].help);
    buf_add_str(&out, "\nOptions of every command:\n");
    for (int o = 0; o <= OPT_HELP; o++)
        option_line(&out, o);
    buf_add_str(&out, "\nA record is named by its id or by its unique name. Secrets are never "
                      "words: NAME=- asks or reads\na line of standard input, NAME=@FILE reads a "
                      "file of mode 0600.\n\nExit status:\n");
    exit_lines(&out);
    return buf_check(&out, "help", e) < 0 ? -1 : out_write(buf_blob(&out), e);
}

int help_command(const struct command *k, struct err *e)
{
    OWN(buf_free)
    struct buf out = BUF(HELP_MAX_BYTES);
    bool any = false;

    buf_addf(&out, "certkeep %s%s%s\n\n%s.\n", k->words, *k->args ? " " : "", k->args, k->help);
    if (!str_eq(k->permission, "NONE") && !str_eq(k->permission, "ANY"))
        buf_addf(&out, "Needs the permission %s.\n", k->permission);
    for (int o = OPT_HELP + 1; o < OPT_COUNT; o++) {
        if (!(k->options >> o & 1))
            continue;
        buf_add_str(&out, any ? "" : "\nOptions:\n");
        option_line(&out, o);
        any = true;
    }
    buf_add_str(&out, "\nOptions of every command:\n");
    for (int o = 0; o <= OPT_HELP; o++)
        option_line(&out, o);
    return buf_check(&out, "help", e) < 0 ? -1 : out_write(buf_blob(&out), e);
}

/* All commands of a noun. */
static int help_noun(const char *noun, struct err *e)
{
    OWN(buf_free)
    struct buf out = BUF(HELP_MAX_BYTES);
    const size_t n = strlen(noun);

    for (size_t i = 0; i < commands_n; i++)
        if (strncmp(commands[i].words, noun, n) == 0 && commands[i].words[n] == ' ')
            buf_addf(&out, "  certkeep %s %-*s %s\n", commands[i].words,
                     (int)(48 - strlen(commands[i].words)), commands[i].args, commands[i].help);
    if (out.n)
        return out_write(buf_blob(&out), e);
    const char *near = command_suggest(noun, NULL);
    return err_set(e, ERR_INPUT, "there is no command \"%.40s\"%s%s%s", noun,
                   near ? "; did you mean \"" : "; certkeep help lists them", near ? near : "",
                   near ? "\"?" : "");
}

int help_run(struct ctl *c, struct err *e)
{
    size_t used;
    const char *noun = ctl_word(c, 0);

    if (!noun)
        return help_all(e);
    const struct command *k = command_find(noun, ctl_word(c, 1), &used);
    return k ? help_command(k, e) : help_noun(noun, e);
}

/* Second words of a noun, and options, per first word: plain words only, nothing is evaluated. */
static void completion_cases(struct buf *out)
{
    const char *last = "";

    for (size_t i = 0; i < commands_n; i++) {
        const char *space = strchr(commands[i].words, ' ');
        const size_t n = space ? (size_t)(space - commands[i].words) : 0;
        if (!space || (strncmp(last, commands[i].words, n) == 0 && last[n] == ' '))
            continue;
        last = commands[i].words;
        buf_addf(out, "        %.*s) words=\"", (int)n, commands[i].words);
        for (size_t k = 0; k < commands_n; k++)
            if (strncmp(commands[k].words, commands[i].words, n + 1) == 0)
                buf_addf(out, "%s%s", k == i ? "" : " ", commands[k].words + n + 1);
        buf_add_str(out, "\" ;;\n");
    }
}

int completion_run(struct ctl *c, struct err *e)
{
    OWN(buf_free)
    struct buf out = BUF(HELP_MAX_BYTES);
    OWN(strs_free)
    struct strs firsts = {0};

    if (!str_eq(ctl_word(c, 0), "bash"))
        return err_set(e, ERR_INPUT, "completion: expected bash");
    for (size_t i = 0; i < commands_n; i++) {
        OWN(own_mem)
        char *first = xstrndup(commands[i].words, strcspn(commands[i].words, " "));
        if (!strs_has(&firsts, first))
            strs_add(&firsts, first);
    }
    OWN(own_mem)
    char *all = strs_join(&firsts, " ");
    buf_add_str(&out, "# source <(certkeep completion bash)\n_certkeep() {\n"
                      "    local word=${COMP_WORDS[COMP_CWORD]} words=\"\"\n"
                      "    if [[ $word == --* ]]; then\n        words=\"");
    for (int o = 0; o < OPT_COUNT; o++)
        buf_addf(&out, "%s--%s", o ? " " : "", option_infos[o].word);
    buf_addf(&out, "\"\n    elif ((COMP_CWORD == 1)); then\n        words=\"%s\"\n", all);
    buf_add_str(&out, "    elif ((COMP_CWORD == 2)); then\n        case ${COMP_WORDS[1]} in\n");
    completion_cases(&out);
    buf_add_str(&out, "        esac\n    fi\n"
                      "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n}\n"
                      "complete -o default -F _certkeep certkeep\n");
    return buf_check(&out, "completion", e) < 0 ? -1 : out_write(buf_blob(&out), e);
}
