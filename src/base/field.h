/*
 * Field tables: one table describes the members of a settings struct, and from it come the checks
 * on API bodies, the stored and the redacted JSON, the JSON schema that builds the browser's form,
 * and the bytes that cross a process boundary. A struct described by a table consists of the C
 * types of its kinds, nothing else; strings are owned by the struct and freed by fields_free.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/buf.h"
#include "src/base/err.h"
#include "src/base/json.h"

enum field_kind {
    FIELD_TEXT,    /* char *: one line of clean UTF-8; min/max bytes */
    FIELD_LINES,   /* char *: several lines (PEM, comments) */
    FIELD_HOST,    /* char *: host name or IP address */
    FIELD_URL,     /* char *: https URL (http only with FIELD_HTTP_OK); no user info, no fragment */
    FIELD_PATH,    /* char *: absolute path, no dot segments */
    FIELD_EMAIL,   /* char * */
    FIELD_ENUM,    /* char *: one of `choices`; "" only when listed or not required */
    FIELD_ID,      /* char *: identifier of a record (id_new); `choices` names the table */
    FIELD_INT,     /* int64_t: min..max */
    FIELD_BOOL,    /* bool */
    FIELD_TIME,    /* int64_t: seconds UTC, 0 means none; JSON: RFC 3339 or null */
    FIELD_BYTES,   /* struct bytes: JSON: base64; at most `max` bytes */
    FIELD_LIST,    /* struct strs: each clean text of at most `max` bytes, at most 100 of them */
    FIELD_CHOICES, /* struct strs: some of `choices`, each once */
    FIELD_IDS,     /* struct strs: identifiers of records, each once; `choices` names the table */
    FIELD_SECRET,  /* struct secret: from the API in, never out; stored sealed */
};

enum field_flags {
    FIELD_REQUIRED = 1,
    FIELD_HTTP_OK = 2,
    FIELD_READONLY = 4,  /* ours: never accepted from the API */
    FIELD_ADVANCED = 8,  /* folded away in the form */
    FIELD_HIDDEN = 16,   /* stored, but in no API answer, list or schema */
    FIELD_COLUMN = 32,   /* a column of the record's list: can be chosen, filtered, exported */
    FIELD_DEFAULT = 64,  /* a column shown unless the user chose others */
    FIELD_INDEXED = 128, /* has an index: can be sorted by, and its filters are ranges */
    FIELD_UNIQUE = 256,  /* an index whose values may not repeat */
};

/* Owned bytes. */
struct bytes {
    uint8_t *p;
    size_t n;
};
void bytes_set(struct bytes *b, struct blob from);
void bytes_free(struct bytes *b);
struct blob bytes_blob(const struct bytes *b);

struct field {
    const char *name;  /* member name in JSON: snake_case */
    const char *label; /* as the contract words it */
    enum field_kind kind;
    unsigned flags;
    size_t offset;    /* offsetof the struct */
    int64_t min, max; /* bytes for text, value for int; max 0 means the kind's default */
    const char
        *choices; /* ENUM, CHOICES: values parted by '|' (they may hold spaces); ID, IDS: table */
    const char *initial; /* default as text, or NULL */
    const char *help;    /* one line */
    const char *example;
};

struct fields {
    const char *name; /* "server", "acme" */
    size_t size;      /* sizeof the struct */
    const struct field *v;
    size_t n;
};

void fields_init(const struct fields *f, void *record); /* defaults */
void fields_free(const struct fields *f, void *record); /* wipes secrets; record is zero after */
/*
 * Reads an API body into `record` (inited by the caller). patch: absent members stay as they are
 * and required ones may be absent when already set (a required secret always may: it is stored
 * sealed, not in the record). null gives a member its default back; empty text means no value.
 * Unknown, hidden and read-only members are errors. On failure the record is unchanged. The error
 * names the member by its label and says what is expected.
 */
int fields_from_json(const struct fields *f, const json_t *body, bool patch, void *record,
                     struct err *e);
/* For store values: secrets are left out ("has_NAME": true/false instead). */
json_t *fields_to_json(const struct fields *f, const void *record);
/* For API answers: the same without the FIELD_HIDDEN members. */
json_t *fields_to_api(const struct fields *f, const void *record);
/*
 * Reads back what fields_to_json wrote: secrets stay as they are, members of a newer or older
 * table are ignored or keep their default. On failure the record is unchanged.
 */
int fields_load(const struct fields *f, const json_t *stored, void *record, struct err *e);
/* Everything, secrets included, for a message between processes; out is (or becomes) a secret buf.
 */
void fields_encode(const struct fields *f, const void *record, struct buf *out);
int fields_decode(const struct fields *f, struct blob in, void *record, struct err *e);
/* The form and the check as JSON:
 * {"name","fields":[{name,label,kind,required,min,max,choices,...}]} */
json_t *fields_schema(const struct fields *f);
/* Secret members of the record, one after another: NULL at the end. *at starts at 0. */
const struct field *fields_next_secret(const struct fields *f, size_t *at);
