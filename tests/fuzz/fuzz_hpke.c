/* Sealed bytes from outside never open; what we seal ourselves does, and is what went in. */
#include <stdlib.h>

#include "crypto/hpke.h"
#include "src/base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct hpke_key *key; /* one for the whole run: making one is slow */
    OWN(buf_free)
    struct buf pub = BUF(32);
    OWN(buf_free)
    struct buf sealed = BUF(2 << 20);
    OWN(secret_free)
    struct secret forged = {0};
    OWN(secret_free)
    struct secret plain = {0};
    if (!key && hpke_key_new(&key, NULL) < 0)
        abort();
    if (hpke_open(key, "fuzz", BLOB(data, n), &forged, NULL) == 0)
        abort();
    if (n == 0 || n > 4096)
        return 0;
    if (hpke_public(key, &pub, NULL) < 0 ||
        hpke_seal(buf_blob(&pub), "fuzz", BLOB(data, n), &sealed, NULL) < 0 ||
        hpke_open(key, "fuzz", buf_blob(&sealed), &plain, NULL) < 0 ||
        !blob_eq(secret_blob(&plain), BLOB(data, n)))
        abort();
    /* the input as a recipient's key: refused or used, never a crash */
    buf_clear(&sealed);
    (void)hpke_seal(BLOB(data, n < 32 ? n : 32), "fuzz", BLOB(data, n), &sealed, NULL);
    return 0;
}
