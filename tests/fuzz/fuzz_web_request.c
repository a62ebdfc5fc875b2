/*
 * The gate: any bytes. What it takes must be canonical: one reading of where the head ends, clean
 * strings, and a body whose end does not depend on how the bytes were cut.
 */
#include <stdlib.h>
#include <string.h>

#include "src/base/own.h"
#include "src/web/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_strings(const struct request *r)
{
    const char *all[] = {r->path, r->query,        r->host,   r->credential,
                         r->csrf, r->content_type, r->accept, r->if_match};

    for (size_t i = 0; i < COUNT(all); i++)
        if (strpbrk(all[i], "\r\n") || !text_clean(all[i], strlen(all[i]), "\t"))
            abort();
    if (strstr(r->path, "..") == r->path || strstr(r->path, "/.") || strchr(r->path, '%'))
        abort();
    if (r->chunked && r->content_length)
        abort();
}

static void check_body(const struct request *r, const uint8_t *p, size_t n)
{
    struct framing whole = framing_of(r), parts = whole;
    size_t taken = 0, sum = 0;
    const int rc = framing_take(&whole, p, n, &taken);
    int by_bytes = 0;

    for (size_t at = 0; by_bytes == 0 && at < n && parts.state != FRAMING_DONE; at++) {
        size_t one = 0;
        by_bytes = framing_take(&parts, p + at, 1, &one);
        sum += one;
    }
    if (rc != by_bytes || (rc == 0 && (taken != sum || whole.state != parts.state)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct refusal why = {0};
    struct strs names = {0};
    const size_t n = request_head_end(data, size);
    struct request *r = request_parse(BLOB(data, n ? n : size), &why);

    if (!r) {
        if (why.status < 400 || why.status > 599 || !why.text[0])
            abort();
        return 0;
    }
    check_strings(r);
    check_body(r, data + n, size - n);
    strs_add(&names, "ui.example");
    request_check_host(r, &names, &why);
    strs_free(&names);
    request_free(r);
    return 0;
}
