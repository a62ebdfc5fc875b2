/* HTML and plain text side by side, so that neither is made from the other. */
#include "src/rescue/page.h"

#include "crypto/firmware/hash.h"
#include "src/base/enc.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/rescue/page_style.h"

#define PAGE_BYTES 65536u

static char style_hash[64]; /* base64, for the content security policy */

static void escape(struct buf *b, const char *text)
{
    for (const char *c = text; *c; c++) {
        switch (*c) {
        case '&':
            buf_add_str(b, "&amp;");
            break;
        case '<':
            buf_add_str(b, "&lt;");
            break;
        case '>':
            buf_add_str(b, "&gt;");
            break;
        case '"':
            buf_add_str(b, "&quot;");
            break;
        case '\'':
            buf_add_str(b, "&#39;");
            break;
        default:
            buf_addc(b, *c);
        }
    }
}

static void element(struct buf *b, const char *open, const char *text, const char *close)
{
    buf_add_str(b, open);
    escape(b, text);
    buf_add_str(b, close);
}

void page_start(struct page *p, const char *title)
{
    *p = (struct page){
        .title = title, .status = 200, .html = BUF(PAGE_BYTES), .text = BUF(PAGE_BYTES)};
    buf_addf(&p->text, "%s\n", title);
}

void page_free(struct page *p)
{
    buf_free(&p->html);
    buf_free(&p->text);
}

void page_note(struct page *p, enum page_tone tone, const char *text)
{
    if (tone == TONE_PLAIN)
        element(&p->html, "<p>", text, "</p>");
    else if (tone == TONE_OK)
        element(&p->html, "<div class=\"note ok\" role=status><b>Done</b>", text, "</div>");
    else
        element(&p->html, "<div class=\"note bad\" role=alert><b>Refused</b>", text, "</div>");
    buf_addf(&p->text, "%s%s\n", tone == TONE_BAD ? "refused: " : "", text);
}

void page_heading(struct page *p, const char *text)
{
    element(&p->html, "<h2>", text, "</h2>");
    buf_addf(&p->text, "\n%s\n", text);
}

void page_facts(struct page *p, const struct page_fact *facts, size_t n)
{
    buf_add_str(&p->html, "<dl>");
    for (size_t i = 0; i < n; i++) {
        element(&p->html, "<dt>", facts[i].name, "</dt>");
        element(&p->html, "<dd>", facts[i].value, "</dd>");
        buf_addf(&p->text, "%s: %s\n", facts[i].name, facts[i].value);
    }
    buf_add_str(&p->html, "</dl>");
}

void page_command(struct page *p, const char *text)
{
    element(&p->html, "<pre>", text, "</pre>");
    buf_addf(&p->text, "    %s\n", text);
}

static void add_field(struct buf *b, const struct page_field *f)
{
    static const char *const kinds[] = {
        [INPUT_FILE] = "type=file",
        [INPUT_TEXT] = "type=text autocomplete=off autocapitalize=off spellcheck=false",
        [INPUT_SECRET] = "type=password autocomplete=current-password",
    };

    buf_addf(b, "<div class=field><label for=\"%s\">", f->name);
    escape(b, f->label);
    buf_addf(b, "</label><input id=\"%s\" name=\"%s\" required %s", f->name, f->name,
             kinds[f->kind]);
    if (f->help) {
        buf_addf(b, " aria-describedby=\"%s-help\"><span class=help id=\"%s-help\">", f->name,
                 f->name);
        element(b, "", f->help, "</span");
    }
    buf_add_str(b, "></div>");
}

void page_form(struct page *p, const struct page_form *f)
{
    bool file = false;

    for (size_t i = 0; i < f->n; i++)
        file = file || f->fields[i].kind == INPUT_FILE;
    buf_addf(&p->html, "<form method=post action=\"%s\"%s>", f->action,
             file ? " enctype=\"multipart/form-data\"" : "");
    for (size_t i = 0; i < f->n; i++)
        add_field(&p->html, &f->fields[i]);
    element(&p->html, "<button>", f->submit, "</button></form>");
}

int page_prepare(struct err *e)
{
    OWN(buf_free)
    struct buf b = BUF(sizeof(style_hash) - 1);
    uint8_t sum[SHA256_BYTES];

    if (sha256(page_style, sizeof(page_style) - 1, NULL, 0, sum, e) < 0)
        return -1;
    enc_base64(&b, BLOB(sum, sizeof(sum)));
    return str_copy(style_hash, sizeof(style_hash), buf_cstr(&b), e);
}

static void add_document(const struct page *p, struct buf *b)
{
    buf_add_str(b, "<!doctype html><html lang=en><meta charset=utf-8>"
                   "<meta name=viewport content=\"width=device-width,initial-scale=1\">");
    if (p->refresh_s)
        buf_addf(b, "<meta http-equiv=refresh content=\"%u;url=/\">", p->refresh_s);
    element(b, "<title>", p->title, " - Certkeep</title><style>");
    buf_add_str(b, page_style);
    element(b, "</style><main><p class=brand>Certkeep</p><h1>", p->title, "</h1>");
    buf_add_blob(b, buf_blob(&p->html));
    buf_add_str(b, "</main></html>\n");
}

int page_answer(struct page *p, bool html, struct buf *out, struct err *e)
{
    OWN(buf_free)
    struct buf body = BUF(2 * PAGE_BYTES);

    if (buf_check(&p->html, "page", e) < 0 || buf_check(&p->text, "page", e) < 0)
        return -1;
    if (html)
        add_document(p, &body);
    else
        buf_add_blob(&body, buf_blob(&p->text));
    buf_addf(
        out,
        "HTTP/1.1 %d %s\r\nContent-Type: text/%s; charset=utf-8\r\nContent-Length: %zu\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        "Referrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'; "
        "style-src 'sha256-%s'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'\r\n"
        "Connection: close\r\n\r\n",
        p->status, p->status < 400 ? "OK" : "Refused", html ? "html" : "plain", body.n, style_hash);
    buf_add_blob(out, buf_blob(&body));
    return buf_check(&body, "page", e) < 0 ? -1 : buf_check(out, "page", e);
}
