/* The decoders: one value has one spelling, so what decodes encodes back to the same text. */
#include <assert.h>
#include <string.h>

#include "src/base/enc.h"
#include "src/base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int (*const decode[])(struct buf *, const char *, size_t,
                                 struct err *) = {dec_base64, dec_base64url, dec_hex};
    static void (*const encode[])(struct buf *, struct blob) = {enc_base64, enc_base64url, enc_hex};
    const char *text = (const char *)data;

    for (size_t i = 0; i < 3; i++) {
        OWN(buf_free)
        struct buf raw = BUF(1024 * 1024), back = BUF(4 * 1024 * 1024);
        struct err e = {0};
        if (decode[i](&raw, text, n, &e) == 0) {
            encode[i](&back, buf_blob(&raw));
            assert(back.n == n);
            if (i < 2) /* hex is read in both cases, written in one */
                assert(n == 0 || memcmp(back.p, text, n) == 0);
        }
        buf_clear(&back);
        encode[i](&back, BLOB(data, n));
        buf_clear(&raw);
        assert(decode[i](&raw, buf_cstr(&back), back.n, &e) == 0);
        assert(blob_eq(buf_blob(&raw), BLOB(data, n)));
    }
    return 0;
}
