/*
 * The tokenizer follows ngx_conf_read_token() case by case, for a reader that is nearly right puts
 * a certificate into the wrong server block. Lua blocks (OpenResty) are skipped by their own rules.
 */
#include "src/deploy/edit/nginx.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"

enum end { END_STATEMENT, END_OPEN, END_CLOSE, END_FILE };

struct scan {
    const char *file;
    const char *p;
    size_t n, at;
    uint32_t line;
    unsigned depth;
    struct err *e;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int refuse(struct scan *s, const char *what)
{
    return err_set(s->e, ERR_REMOTE, "%s:%u: %s", s->file, s->line, what);
}

/* \" \' \\ lose the backslash, \t \r \n become the character, others keep it. */
static char *unescape(const char *p, size_t n)
{
    char *out = xmalloc(n + 1);
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        static const char from[] = "\"'\\trn", to[] = "\"'\\\t\r\n";
        const char *hit = p[i] == '\\' && i + 1 < n && p[i + 1] ? strchr(from, p[i + 1]) : NULL;
        if (hit)
            i++;
        out[k++] = hit ? to[hit - from] : p[i];
    }
    out[k] = 0;
    return out;
}

static int add_word(struct scan *s, struct conf_node *d, size_t start, size_t end, bool quoted)
{
    if (memchr(s->p + start, 0, end - start))
        return refuse(s, "a zero byte");
    if (d->words >= 4096)
        return refuse(s, "more than 4096 words in one directive");
    if ((d->words & (d->words - 1)) == 0) /* grows at 0, 1, 2, 4, ... */
        d->word = xrealloc(d->word, (d->words ? d->words * 2 : 1) * sizeof(*d->word));
    d->word[d->words++] = (struct conf_word){
        .text = unescape(s->p + start, end - start),
        .start = start - quoted,
        .end = end + quoted,
    };
    return 0;
}

/* Goes over one word that starts at s->at; leaves s->at behind it. */
static int read_word(struct scan *s, struct conf_node *d)
{
    char quote = s->p[s->at] == '"' || s->p[s->at] == '\'' ? s->p[s->at] : 0;
    size_t start = quote ? ++s->at : s->at;
    bool variable = false;

    for (; s->at < s->n; s->at++) {
        char c = s->p[s->at];
        if (c == '\n')
            s->line++;
        if (c == '{' && variable)
            continue;
        variable = false;
        if (c == '\\') {
            s->at++;
            if (s->at < s->n && s->p[s->at] == '\n')
                s->line++;
        } else if (c == '$') {
            variable = true;
        } else if (quote && c == quote) {
            return add_word(s, d, start, s->at++, true);
        } else if (!quote && (is_space(c) || c == ';' || c == '{')) {
            if (c == '\n')
                s->line--; /* counted again by the caller, which reads it next */
            return add_word(s, d, start, s->at, false);
        }
    }
    return refuse(s, quote ? "a quote is not closed before the end of the file"
                           : "the file ends within a directive");
}

static int after_quote(struct scan *s)
{
    char c = s->at < s->n ? s->p[s->at] : ' ';

    return is_space(c) || c == ';' || c == '{' || c == ')'
               ? 0
               : refuse(s, "text right behind a closing quote");
}

static int read_statement(struct scan *s, struct conf_node *d, enum end *how)
{
    for (; s->at < s->n;) {
        char c = s->p[s->at];
        if (is_space(c)) {
            s->line += c == '\n';
            s->at++;
        } else if (c == '#') {
            const char *nl = memchr(s->p + s->at, '\n', s->n - s->at);
            s->at = nl ? (size_t)(nl - s->p) : s->n;
        } else if (c == ';' || c == '{') {
            s->at++;
            *how = c == ';' ? END_STATEMENT : END_OPEN;
            return d->words ? 0 : refuse(s, c == ';' ? "unexpected \";\"" : "unexpected \"{\"");
        } else if (c == '}') {
            s->at++;
            *how = END_CLOSE;
            return d->words ? refuse(s, "unexpected \"}\"") : 0;
        } else {
            if (!d->words)
                d->line = s->line;
            if (read_word(s, d) < 0 || ((c == '"' || c == '\'') && after_quote(s) < 0))
                return -1;
        }
    }
    *how = END_FILE;
    return d->words ? refuse(s, "the file ends within a directive, expected \";\" or \"{\"") : 0;
}

/* At "[": the level of a long bracket "[==[" or -1. */
static int long_bracket(const struct scan *s, size_t at)
{
    int level = 0;

    for (at++; at < s->n && s->p[at] == '='; at++)
        level++;
    return at < s->n && s->p[at] == '[' ? level : -1;
}

static void skip_long(struct scan *s, int level)
{
    s->at += (size_t)level + 2;
    for (; s->at < s->n; s->at++) {
        s->line += s->p[s->at] == '\n';
        if (s->p[s->at] != ']')
            continue;
        size_t k = s->at + 1;
        while (k < s->n && s->p[k] == '=' && k - s->at <= (size_t)level)
            k++;
        if (k < s->n && s->p[k] == ']' && k - s->at - 1 == (size_t)level) {
            s->at = k + 1;
            return;
        }
    }
}

static void skip_lua_string(struct scan *s, char quote)
{
    for (s->at++; s->at < s->n && s->p[s->at] != quote; s->at++) {
        if (s->p[s->at] == '\\' && s->at + 1 < s->n)
            s->at++;
        s->line += s->p[s->at] == '\n';
    }
    s->at += s->at < s->n;
}

/* Behind the "{" of a *_by_lua_block: to behind its "}". */
static int skip_lua(struct scan *s)
{
    for (size_t open = 1; s->at < s->n;) {
        char c = s->p[s->at];
        bool comment = c == '-' && s->at + 1 < s->n && s->p[s->at + 1] == '-';
        if (comment)
            s->at += 2;
        int level = s->at < s->n && s->p[s->at] == '[' ? long_bracket(s, s->at) : -1;
        if (level >= 0) {
            skip_long(s, level);
        } else if (comment) {
            const char *nl = memchr(s->p + s->at, '\n', s->n - s->at);
            s->at = nl ? (size_t)(nl - s->p) : s->n;
        } else if (c == '"' || c == '\'') {
            skip_lua_string(s, c);
        } else {
            s->at++;
            s->line += c == '\n';
            open += c == '{';
            if (c == '}' && --open == 0)
                return 0;
        }
    }
    return refuse(s, "a Lua block is not closed before the end of the file");
}

static void node_free(struct conf_node *d)
{
    for (size_t i = 0; i < d->words; i++)
        free(d->word[i].text);
    free(d->word);
    for (size_t i = 0; i < d->children; i++)
        node_free(&d->child[i]);
    free(d->child);
}

void conf_free(struct conf_node *root)
{
    node_free(root);
    *root = (struct conf_node){0};
}

static void add_child(struct conf_node *parent, struct conf_node *take)
{
    if ((parent->children & (parent->children - 1)) == 0)
        parent->child =
            xrealloc(parent->child, (parent->children ? parent->children * 2 : 1) * sizeof(*take));
    parent->child[parent->children++] = *take;
    *take = (struct conf_node){0};
}

static int read_block(struct scan *s, struct conf_node *into);

static int read_child_block(struct scan *s, struct conf_node *d)
{
    d->block = true;
    if (str_ends(d->word[0].text, "_by_lua_block"))
        return skip_lua(s);
    if (s->depth == CONF_DEPTH_MAX)
        return refuse(s, "blocks nested too deep");
    s->depth++;
    int rc = read_block(s, d);
    s->depth--;
    return rc;
}

/* To the "}" of `into`, or to the end of the file for the root. */
static int read_block(struct scan *s, struct conf_node *into)
{
    for (;;) {
        OWN(conf_free)
        struct conf_node d = {.file = s->file};
        enum end how = END_FILE;

        if (read_statement(s, &d, &how) < 0)
            return -1;
        if (how == END_CLOSE)
            return s->depth ? 0 : refuse(s, "unexpected \"}\"");
        if (how == END_FILE)
            return s->depth ? refuse(s, "the file ends within a block, expected \"}\"") : 0;
        d.body = s->at;
        if (how == END_OPEN && read_child_block(s, &d) < 0)
            return -1;
        d.end = s->at;
        add_child(into, &d);
    }
}

int conf_parse(const char *file, struct blob text, struct conf_node *root, struct err *e)
{
    struct scan s = {.file = file, .p = text.p, .n = text.n, .line = 1, .e = e};
    OWN(conf_free)
    struct conf_node got = {.file = file, .block = true, .line = 1};

    if (text.n > CONF_FILE_MAX)
        return err_set(e, ERR_LIMIT, "%s: %zu bytes, at most %u are read", file, text.n,
                       CONF_FILE_MAX);
    if (text.n && read_block(&s, &got) < 0)
        return -1;
    *root = got;
    got = (struct conf_node){0};
    return 0;
}
