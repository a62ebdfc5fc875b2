/* Every parse_* of str.h over the same text: no fault, and outputs within their promises. */
#include <assert.h>
#include <string.h>

#include "src/base/own.h"
#include "src/base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    OWN(own_mem)
    char *text = xmalloc(n + 1);
    char out[64], again[64];
    uint64_t u;
    int64_t i;
    uint32_t small;
    uint16_t port;
    bool flag;
    struct err e;

    if (n)
        memcpy(text, data, n);
    text[n] = 0;
    if (parse_u32(text, 3, 70000, &small, &e) == 0)
        assert(small >= 3 && small <= 70000);
    parse_u64(text, 0, UINT64_MAX, &u, &e);
    parse_i64(text, INT64_MIN, INT64_MAX, &i, &e);
    parse_bool(text, &flag, &e);
    if (parse_size(text, 1 << 30, &u, &e) == 0)
        assert(u <= 1 << 30);
    if (parse_duration(text, &u, &e) == 0)
        assert(u <= UINT64_C(36500) * 86400);
    /* what was accepted is accepted again, and is already canonical */
    if (parse_host(text, true, out, sizeof(out), &e) == 0)
        assert(parse_host(out, true, again, sizeof(again), &e) == 0 && strcmp(out, again) == 0);
    if (parse_ip(text, out, sizeof(out), &e) == 0)
        assert(parse_ip(out, again, sizeof(again), &e) == 0 && strcmp(out, again) == 0);
    if (parse_host_port(text, out, sizeof(out), &port, &e) == 0)
        assert(port > 0 && text_clean(out, strlen(out), NULL));
    if (text_clean((const char *)data, n, "\n\t"))
        assert(utf8_valid((const char *)data, n) && strlen(text) == n);
    OWN(buf_free)
    struct buf shell = BUF(4096);
    buf_add_shell(&shell, text);
    OWN(strs_free)
    struct strs parts = {0};
    strs_split(&parts, text, ", \n");
    for (size_t k = 0; k < parts.n; k++)
        assert(parts.v[k][0] && !strpbrk(parts.v[k], ", \n"));
    return 0;
}
