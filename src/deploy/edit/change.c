/* Makes byte-range edits of changes, in the file's own indentation and line ends. */
#include "src/deploy/edit/change.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"

int conf_apply(struct blob text, const struct conf_edit *l, size_t n, struct buf *out,
               struct err *e)
{
    const char *p = text.p;
    size_t at = 0;

    for (size_t i = 0; i < n; i++) {
        if (l[i].at < at || l[i].at > text.n || l[i].drop > text.n - l[i].at)
            return err_set(e, ERR_BUG, "edits out of order or out of the file");
        buf_add(out, p + at, l[i].at - at);
        buf_add_str(out, l[i].text);
        at = l[i].at + l[i].drop;
    }
    buf_add(out, p + at, text.n - at);
    return buf_check(out, "configuration file", e);
}

/* quote: that of the word it replaces, or 0: only when needed. */
static int add_value(const char *value, char quote, struct buf *out, struct err *e)
{
    if (strpbrk(value, "\r\n\"$"))
        return err_set(e, ERR_INPUT,
                       "a value with a line break, a quote or a dollar sign cannot be put into a "
                       "configuration file: %.200s",
                       value);
    if (!quote && value[0] && !strpbrk(value, " \t;{}'\\#")) {
        buf_add_str(out, value);
        return 0;
    }
    quote = quote ? quote : '"';
    buf_addc(out, quote);
    for (const char *c = value; *c; c++) {
        if (*c == '\\' || *c == quote)
            buf_addc(out, '\\');
        buf_addc(out, *c);
    }
    buf_addc(out, quote);
    return 0;
}

static int add_statement(const struct strs *words, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < words->n; i++) {
        if (i)
            buf_addc(out, ' ');
        if (add_value(words->v[i], 0, out, e) < 0)
            return -1;
    }
    buf_addc(out, ';');
    return 0;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* What is blank between the beginning of the line of `at` and the first word there. */
static void add_indent(const char *p, size_t at, struct buf *out)
{
    size_t line = at, end;

    while (line > 0 && p[line - 1] != '\n')
        line--;
    for (end = line; end < at && (p[end] == ' ' || p[end] == '\t'); end++)
        ;
    buf_add(out, p + line, end - line);
}

/*
 * Behind the statement before it, on lines of their own when that statement ends its line (a
 * comment there stays with it), else on the same line.
 */
static int make_insert(struct blob text, const struct conf_change *c, struct conf_edit *out,
                       struct err *e)
{
    const char *p = text.p;
    const struct conf_node *before = c->index ? &c->block->child[c->index - 1] : NULL;
    size_t at = before ? before->end : c->block->body;
    size_t eol = at;
    OWN(buf_free)
    struct buf b = BUF(65536), indent = BUF(4096);

    if (at > text.n || c->index > c->block->children)
        return err_set(e, ERR_BUG, "an edit outside of its block");
    while (eol < text.n && blank(p[eol]))
        eol++;
    if (eol < text.n && p[eol] == '#')
        while (eol < text.n && p[eol] != '\n')
            eol++;
    bool lines = eol < text.n && p[eol] == '\n';
    bool crlf = lines && eol > 0 && p[eol - 1] == '\r';
    add_indent(p, before ? before->word[0].start : c->block->word[0].start, &indent);
    if (!before)
        buf_add_str(&indent, "    ");
    for (size_t i = 0; i < c->adds; i++) {
        if (lines)
            buf_add_blob(&b, buf_blob(&indent));
        else
            buf_addc(&b, ' ');
        if (add_statement(&c->add[i], &b, e) < 0)
            return -1;
        if (lines)
            buf_add_str(&b, crlf ? "\r\n" : "\n");
    }
    if (buf_check(&b, "edit", e) < 0 || buf_check(&indent, "indentation", e) < 0)
        return -1;
    *out = (struct conf_edit){.at = lines ? eol + 1 : at, .text = buf_take_str(&b)};
    return 0;
}

static int make_replace(struct blob text, const struct conf_change *c, struct conf_edit *out,
                        struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(65536);

    if (c->word->start > c->word->end || c->word->end > text.n)
        return err_set(e, ERR_BUG, "an edit outside of its file");
    const char first = c->word->start < text.n ? ((const char *)text.p)[c->word->start] : 0;
    const char quote = first == '"' || first == '\'' ? first : 0;
    if (add_value(c->value, quote, &b, e) < 0 || buf_check(&b, "edit", e) < 0)
        return -1;
    *out = (struct conf_edit){
        .at = c->word->start, .drop = c->word->end - c->word->start, .text = buf_take_str(&b)};
    return 0;
}

static void put_word(const char *text, struct buf *out)
{
    buf_add_str(out, text);
    buf_addc(out, 0);
}

/* A tree as bytes: words end with 0, statements with 1, blocks are between 2 and 3. */
static void put_tree(const struct conf_node *d, const struct conf_change *l, size_t n,
                     struct buf *out)
{
    for (size_t i = 0; i <= d->children; i++) {
        for (size_t k = 0; k < n; k++)
            for (size_t j = 0; l[k].block == d && l[k].index == i && j < l[k].adds; j++) {
                for (size_t w = 0; w < l[k].add[j].n; w++)
                    put_word(l[k].add[j].v[w], out);
                buf_addc(out, 1);
            }
        if (i == d->children)
            return;
        const struct conf_node *c = &d->child[i];
        for (size_t w = 0; w < c->words; w++) {
            const char *value = c->word[w].text;
            for (size_t k = 0; k < n; k++)
                value = l[k].word == &c->word[w] ? l[k].value : value;
            put_word(value, out);
        }
        buf_addc(out, c->block ? 2 : 1);
        put_tree(c, l, n, out);
        if (c->block)
            buf_addc(out, 3);
    }
}

/* nginx must read what was meant, and nothing else may read differently. */
static int check_tree(const struct conf_node *root, const struct conf_change *l, size_t n,
                      struct blob changed, struct err *e)
{
    OWN(conf_free)
    struct conf_node again = {0};
    OWN(buf_free)
    struct buf want = BUF(2 * CONF_FILE_MAX), got = BUF(2 * CONF_FILE_MAX);

    if (conf_parse(root->file, changed, &again, e) < 0)
        return err_wrap(e, "the edited file");
    put_tree(root, l, n, &want);
    put_tree(&again, NULL, 0, &got);
    if (buf_check(&want, "tree", e) < 0 || buf_check(&got, "tree", e) < 0)
        return -1;
    return blob_eq(buf_blob(&want), buf_blob(&got))
               ? 0
               : err_set(e, ERR_BUG, "%s: the edited file would not read as meant", root->file);
}

int conf_change(struct blob text, const struct conf_node *root, const struct conf_change *l,
                size_t n, struct conf_edit *out, struct buf *changed, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < n; i++)
        out[i] = (struct conf_edit){0};
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = l[i].word ? make_replace(text, &l[i], &out[i], e)
                       : make_insert(text, &l[i], &out[i], e);
    if (rc == 0 && conf_apply(text, out, n, changed, e) == 0 &&
        check_tree(root, l, n, buf_blob(changed), e) == 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        free(out[i].text);
        out[i] = (struct conf_edit){0};
    }
    return -1;
}
