/* A record with one field of every kind, for the tests of the field tables. Included once each. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/base/field.h"
#include "src/base/secret.h"

struct sample {
    char *name;
    char *notes;
    char *host;
    char *url;
    char *plain_url;
    char *path;
    char *email;
    char *mode;
    char *server;
    int64_t port;
    bool enabled;
    int64_t due;
    struct bytes blob;
    struct strs tags;
    struct secret password;
    char *hidden;
    int64_t created;
    struct strs modes;
    struct strs servers;
};

#define AT(member) offsetof(struct sample, member)
static const struct field sample_fields[] = {
    {"name", "Name", FIELD_TEXT, FIELD_REQUIRED, AT(name), 2, 10},
    {"notes", "Notes", FIELD_LINES, 0, AT(notes)},
    {"host", "Host", FIELD_HOST, 0, AT(host)},
    {"url", "Address", FIELD_URL, 0, AT(url)},
    {"plain_url", "Plain", FIELD_URL, FIELD_HTTP_OK, AT(plain_url)},
    {"path", "Path", FIELD_PATH, 0, AT(path)},
    {"email", "Mail", FIELD_EMAIL, 0, AT(email)},
    {"mode", "Mode", FIELD_ENUM, 0, AT(mode), .choices = "auto|manual", .initial = "auto"},
    {"server", "Server", FIELD_ID, 0, AT(server), .choices = "servers"},
    {"port", "Ports", FIELD_INT, FIELD_REQUIRED, AT(port), 1, 65535, .initial = "443"},
    {"enabled", "Enabled", FIELD_BOOL, 0, AT(enabled), .initial = "true"},
    {"due", "Due", FIELD_TIME, 0, AT(due)},
    {"blob", "Blob", FIELD_BYTES, 0, AT(blob), 0, 4},
    {"tags", "Tags", FIELD_LIST, 0, AT(tags), 0, 5, .initial = "a b"},
    {"password", "Password", FIELD_SECRET, FIELD_REQUIRED, AT(password), 4, 16},
    {"hidden", "Hidden", FIELD_TEXT, FIELD_HIDDEN, AT(hidden)},
    {"created", "Created", FIELD_TIME, FIELD_READONLY, AT(created)},
    {"modes", "Modes", FIELD_CHOICES, 0, AT(modes), .choices = "auto|by hand", .initial = "auto"},
    {"servers", "Servers", FIELD_IDS, 0, AT(servers), .choices = "servers"},
};
static const struct fields sample = {"sample", sizeof(struct sample), sample_fields,
                                     COUNT(sample_fields)};

static inline int apply(const char *text, bool patch, struct sample *s, struct err *e)
{
    OWN(own_json)
    json_t *j = json_parse(blob_str(text), 100000, "body", e);

    if (!j)
        fail_msg("not JSON: %s: %s", text, e->text);
    return fields_from_json(&sample, j, patch, s, e);
}

static inline void filled(struct sample *s)
{
    struct err e = {0};

    fields_init(&sample, s);
    if (apply("{\"name\":\"web\",\"password\":\"hunter2\"}", false, s, &e) < 0)
        fail_msg("%s", e.text);
}
