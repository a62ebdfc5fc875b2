/*
 * One page, composed once and sent as HTML to a browser and as plain lines to anything else. It
 * needs no script; its style is its own, in the colours of the admin UI. All text is escaped here.
 */
#pragma once
#include <stdbool.h>

#include "src/base/buf.h"

enum page_tone { TONE_PLAIN, TONE_OK, TONE_BAD };
enum page_input { INPUT_FILE, INPUT_TEXT, INPUT_SECRET };

struct page_fact {
    const char *name, *value;
};

struct page_field {
    enum page_input kind;
    const char *name, *label, *help; /* help may be NULL */
};

struct page_form {
    const char *action; /* path of a POST route */
    const char *submit; /* words of its button */
    const struct page_field *fields;
    size_t n;
};

struct page {
    const char *title;  /* kept by the caller */
    int status;         /* of HTTP: 200 */
    unsigned refresh_s; /* the browser asks for "/" after so many seconds; 0: it does not */
    bool last;          /* once it is sent, server_run returns */
    struct buf html, text;
};

void page_start(struct page *p, const char *title);
void page_free(struct page *p);
/* A paragraph; of TONE_OK and TONE_BAD a notice that is read out. */
void page_note(struct page *p, enum page_tone tone, const char *text);
void page_heading(struct page *p, const char *text);
void page_facts(struct page *p, const struct page_fact *facts, size_t n);
/* A command for people who have a terminal. */
void page_command(struct page *p, const char *text);
void page_form(struct page *p, const struct page_form *f);

/* The whole answer, head included. Ask page_prepare once before the first. */
int page_prepare(struct err *e);
int page_answer(struct page *p, bool html, struct buf *out, struct err *e);
