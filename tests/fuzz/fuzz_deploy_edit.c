/*
 * Edits of any configuration that can be read: they succeed, no byte beside them changes, and the
 * blocks have the statements they were given.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/deploy/edit/change.h"

#define TRIES_MAX 64

static void expect(bool good)
{
    if (!good)
        abort();
}

/* Makes the one change and looks at every byte. */
static void try_change(struct blob text, const struct conf_node *root, const struct conf_change *c)
{
    OWN(buf_free)
    struct buf out = BUF(1 << 20);
    OWN(conf_free)
    struct conf_node again = {0};
    struct conf_edit e = {0};
    const uint8_t *old = text.p;

    expect(conf_change(text, root, c, 1, &e, &out, NULL) == 0);
    size_t n = strlen(e.text), tail = text.n - e.at - e.drop;
    expect(e.at + e.drop <= text.n && out.n == text.n - e.drop + n);
    expect(memcmp(out.p, old, e.at) == 0 && memcmp(out.p + e.at, e.text, n) == 0);
    expect(memcmp(out.p + e.at + n, old + e.at + e.drop, tail) == 0);
    expect(conf_parse("f", buf_blob(&out), &again, NULL) == 0);
    expect(again.children == root->children);
    free(e.text);
}

/* `'a')`: nothing but this one character may stand there, so it has no other value. */
static bool behind_quote(struct blob text, const struct conf_word *w)
{
    const char *p = text.p;

    return w->start > 0 && (p[w->start - 1] == '"' || p[w->start - 1] == '\'');
}

static void try_block(struct blob text, const struct conf_node *root, const struct conf_node *d,
                      const struct strs *add, size_t *tries)
{
    for (size_t i = 0; i < d->children && *tries < TRIES_MAX; i++) {
        const struct conf_node *c = &d->child[i];
        for (size_t k = 0; k < c->words && !str_ends(c->word[0].text, "_by_lua_block"); k++) {
            if (behind_quote(text, &c->word[k]))
                continue;
            const struct conf_change replace = {.word = &c->word[k],
                                                .value = k % 2 ? "a {b" : "/c"};
            try_change(text, root, &replace);
            ++*tries;
        }
        for (size_t at = 0;
             c->block && !str_ends(c->word[0].text, "_by_lua_block") && at <= c->children; at++) {
            const struct conf_change insert = {.block = c, .index = at, .add = add, .adds = 2};
            try_change(text, root, &insert);
            ++*tries;
        }
        try_block(text, root, c, add, tries);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWN(conf_free)
    struct conf_node root = {0};
    struct strs add[2] = {{0}, {0}};
    size_t tries = 0;

    if (size > 4096 || conf_parse("f", BLOB(data, size), &root, NULL) < 0)
        return 0;
    strs_add(&add[0], "listen");
    strs_add(&add[0], "443");
    strs_add(&add[0], "ssl");
    strs_add(&add[1], "ssl_certificate");
    strs_add(&add[1], "/a path/x.crt");
    try_block(BLOB(data, size), &root, &root, add, &tries);
    strs_free(&add[0]);
    strs_free(&add[1]);
    return 0;
}
