/*
 * What the emSign Hub API (V1) answers, parsed into structs. Nothing it says is trusted: texts are
 * bounded and clean. It writes one and the same scalar as text here and as number there; both are
 * read.
 */
#pragma once
#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/json.h"
#include "src/model/order_state.h"

#define EMSIGN_ANSWER_MAX (1024 * 1024)
#define EMSIGN_NUMBER_MAX 24
#define EMSIGN_ROWS_MAX 500

/* `meta` of an answer: success, or what the CA objects to. */
struct emsign_meta {
    bool ok;
    char code[16];  /* EMS-nnn, or "" */
    char text[256]; /* its words; "" when it has none */
};
/* The answer with its meta read; NULL with ERR_REMOTE when it has none. */
json_t *emsign_answer_parse(struct blob body, struct emsign_meta *out, struct err *e);
/* The refusal as our error: whose move it is. Returns -1. */
int emsign_refused(const struct emsign_meta *m, struct err *e);
bool emsign_throttled(const struct emsign_meta *m);

struct emsign_placed {
    char order[EMSIGN_NUMBER_MAX + 1], request[EMSIGN_NUMBER_MAX + 1]; /* order "": a draft */
};
int emsign_placed_parse(const json_t *answer, struct emsign_placed *out, struct err *e);

enum emsign_revocation { REVOCATION_NONE, REVOCATION_ASKED, REVOCATION_DONE, REVOCATION_REFUSED };
struct emsign_track {
    enum order_state state; /* ISSUED: GetCertificate may have it */
    char words[200];        /* the CA's, for a person */
    char unproved[256];     /* first name whose control is to be proved; "" */
    enum emsign_revocation revocation;
    char *csr; /* PEM; NULL: not told */
};
int emsign_track_parse(const json_t *answer, struct emsign_track *out, struct err *e);
void emsign_track_free(struct emsign_track *t);

/* PEM with its armour, or base64 alone, in lines or not. */
int emsign_der(const char *text, struct buf *out, struct err *e);
/* The certificates, DER one after another, as given: leaf, CA, root. */
int emsign_certificate_parse(const json_t *answer, struct buf *out, struct err *e);

/* The two proofs of a name: the token of a TXT record, or a file and its content. */
struct emsign_proof {
    char token[128], file[64];
};
int emsign_proof_parse(const json_t *answer, struct emsign_proof *out, struct err *e);

struct emsign_row {
    char number[EMSIGN_NUMBER_MAX + 1]; /* "": a draft */
    struct strs tags;
};
struct emsign_report {
    struct emsign_row *v;
    size_t n;
    uint32_t pages;
};
int emsign_report_parse(const json_t *answer, struct emsign_report *out, struct err *e);
void emsign_report_free(struct emsign_report *r);

/* "838 emSign DV SSL" of each product. */
int emsign_products_parse(const json_t *answer, struct strs *out, struct err *e);
