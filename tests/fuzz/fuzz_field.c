/*
 * A record by its field table, from an API body, from stored JSON and from encoded bytes (chosen
 * by the first byte): what is accepted survives the other forms unchanged.
 */
#include <assert.h>

#include "src/base/field.h"
#include "src/base/secret.h"

struct sample {
    char *name, *notes, *host, *url, *path, *email, *mode, *server;
    int64_t port, due;
    bool enabled;
    struct bytes blob;
    struct strs tags;
    struct secret password;
};

#define AT(member) offsetof(struct sample, member)
static const struct field sample_fields[] = {
    {"name", "Name", FIELD_TEXT, 0, AT(name), 2, 40},
    {"notes", "Notes", FIELD_LINES, 0, AT(notes)},
    {"host", "Host", FIELD_HOST, 0, AT(host)},
    {"url", "Address", FIELD_URL, FIELD_HTTP_OK, AT(url)},
    {"path", "Path", FIELD_PATH, 0, AT(path)},
    {"email", "Mail", FIELD_EMAIL, 0, AT(email)},
    {"mode", "Mode", FIELD_ENUM, 0, AT(mode), .choices = "auto|manual", .initial = "auto"},
    {"server", "Server", FIELD_ID, 0, AT(server), .choices = "servers"},
    {"port", "Ports", FIELD_INT, 0, AT(port), 1, 65535, .initial = "443"},
    {"due", "Due", FIELD_TIME, 0, AT(due)},
    {"enabled", "Enabled", FIELD_BOOL, 0, AT(enabled), .initial = "true"},
    {"blob", "Blob", FIELD_BYTES, 0, AT(blob), 0, 64},
    {"tags", "Tags", FIELD_LIST, 0, AT(tags), 0, 20},
    {"password", "Password", FIELD_SECRET, 0, AT(password), 1, 64},
};
static const struct fields sample = {"sample", sizeof(struct sample), sample_fields,
                                     COUNT(sample_fields)};

static void check(const struct sample *s)
{
    struct sample t;
    struct err e = {0};
    OWN(buf_free)
    struct buf first = BUF_SECRET(1024 * 1024), second = BUF_SECRET(1024 * 1024);
    OWN(own_json)
    json_t *j = fields_to_json(&sample, s);

    fields_encode(&sample, s, &first);
    fields_init(&sample, &t);
    assert(buf_ok(&first) && fields_decode(&sample, buf_blob(&first), &t, &e) == 0);
    assert(fields_load(&sample, j, &t, &e) == 0);
    fields_encode(&sample, &t, &second);
    assert(blob_eq(buf_blob(&first), buf_blob(&second)));
    fields_free(&sample, &t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct sample s;
    struct err e = {0};
    int got = -1;

    if (n == 0 || n > 65536)
        return 0;
    fields_init(&sample, &s);
    struct blob rest = BLOB(data + 1, n - 1);
    if (data[0] == 'e') {
        got = fields_decode(&sample, rest, &s, &e);
    } else {
        OWN(own_json)
        json_t *j = json_parse(rest, 65536, "body", &e);
        if (j && data[0] == 'l')
            got = fields_load(&sample, j, &s, &e);
        else if (j)
            got = fields_from_json(&sample, j, data[0] == 'p', &s, &e);
    }
    /* times outside of RFC 3339 can only come from a peer of ours; they would print clamped */
    if (got == 0 && data[0] != 'e')
        check(&s);
    fields_free(&sample, &s);
    return 0;
}
