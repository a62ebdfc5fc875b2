/* The command line: words, options, arity, typos. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/own.h"
#include "src/ctl/args.h"

static int parse(const char *line, struct args *out, struct strs *hold, struct err *e)
{
    strs_add(hold, "certkeep");
    strs_split(hold, line, "|");
    hold->v = xrealloc(hold->v, (hold->n + 1) * sizeof(*hold->v));
    hold->v[hold->n] = NULL;
    return args_parse((int)hold->n, hold->v, out, e);
}

static void test_args_parse_cases(void **state)
{
    static const struct {
        const char *line, *words, *error;
        size_t n;
    } cases[] = {
        {"server|add|a=b|--json", "server add", NULL, 1},
        {"--url|https://x|cert|list|--filter|a|--filter|b", "cert list", NULL, 0},
        {"job|log|-f|x", "job log", NULL, 1},
        {"user|edit|bob|password=-", "user edit", NULL, 2},
        {"server|edit|--|--odd|a=b", "server edit", NULL, 2},
        {"state", "state", NULL, 0},
        {"server|show", NULL, "something is missing", 0},
        {"server|show|a|b", NULL, "too many words", 0},
        {"server|show|a|--dry-run", NULL, "has no option --dry-run", 0},
        {"server|list|--nosuch", NULL, "no such option", 0},
        {"server|list|--limit", NULL, "value is missing", 0},
        {"server|list|--limit|1|-n|2", NULL, "given twice", 0},
        {"server", NULL, "expected one of list, show, add", 0},
        {"servr|list", NULL, "did you mean \"server list\"?", 0},
        {"xyzzyplugh", NULL, "certkeep help lists them", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        OWN(args_free)
        struct args a = {0};
        OWN(strs_free)
        struct strs hold = {0};
        struct err e = {0};
        const int r = parse(cases[i].line, &a, &hold, &e);
        if (cases[i].error) {
            assert_int_equal(r, -1);
            assert_int_equal(e.code, ERR_INPUT);
            if (!strstr(e.text, cases[i].error))
                fail_msg("%s: %s", cases[i].line, e.text);
        } else {
            assert_int_equal(r, 0);
            assert_string_equal(a.command->words, cases[i].words);
            assert_int_equal(a.words.n, cases[i].n);
        }
    }
}

static void test_args_parse_keeps_every_filter(void **state)
{
    OWN(args_free)
    struct args a = {0};
    OWN(strs_free)
    struct strs hold = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(parse("cert|list|--filter|Status is Issued|--filter|b:c:d", &a, &hold, &e), 0);
    assert_int_equal(a.filters.n, 2);
    assert_string_equal(a.filters.v[0], "Status is Issued");
}

static void test_command_arity(void **state)
{
    static const struct {
        const char *args;
        size_t min, max;
    } cases[] = {
        {"", 0, 0}, {"A", 1, 1}, {"A B=C...", 2, 200}, {"A [B]", 1, 2}, {"[A...]", 0, 200}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t min, max;
        command_arity(cases[i].args, &min, &max);
        assert_int_equal(min, cases[i].min);
        assert_int_equal(max, cases[i].max);
    }
}

static void test_commands_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < commands_n; i++)
        for (size_t k = i + 1; k < commands_n; k++)
            assert_string_not_equal(commands[i].words, commands[k].words);
}

static void test_command_suggest_refuses_guesses(void **state)
{
    (void)state;
    assert_string_equal(command_suggest("cert", "isue"), "cert issue");
    assert_null(command_suggest("frobnicate", NULL));
    assert_null(command_suggest("a", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_args_parse_cases),
        cmocka_unit_test(test_args_parse_keeps_every_filter),
        cmocka_unit_test(test_command_arity),
        cmocka_unit_test(test_commands_are_unique),
        cmocka_unit_test(test_command_suggest_refuses_guesses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
