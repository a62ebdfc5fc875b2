/* PEM text from outside: each block that is read must read back the same after it is written. */
#include <stdlib.h>

#include "crypto/bundle/pem.h"
#include "src/base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int same(const char *label, struct blob der, void *arg, struct err *e)
{
    (void)label;
    (void)e;
    if (!blob_eq(der, *(const struct blob *)arg))
        abort();
    return 0;
}

static int again(const char *label, struct blob der, void *arg, struct err *e)
{
    OWN(buf_free)
    struct buf text = BUF(2 * PEM_MAX_BYTES);
    (void)arg;
    pem_write(&text, label, der);
    if (buf_check(&text, "text", e) < 0)
        return -1;
    if (pem_each(buf_blob(&text), same, &der, e) < 0 && text.n <= PEM_MAX_BYTES)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    (void)pem_each(BLOB(data, n), again, NULL, NULL);
    return 0;
}
