/* What a local CA publishes: its root and its CRL. */
#include <stdlib.h>
#include <string.h>

#include "crypto/bundle/pem.h"
#include "src/base/own.h"
#include "src/base/str.h"
#include "src/core/api/api.h"
#include "src/core/flow/parts.h"
#include "src/model/local_ca.h"

static int memory_of(struct api *a, struct local_ca *out, struct err *e)
{
    OWN(own_connector)
    struct connector c = {0};
    if (load(a->core, TABLE_CONNECTOR, a->param, &c, e) < 0)
        return -1;
    if (!str_eq(c.type, "local") || c.memory.n == 0)
        return err_set(e, ERR_NOT_FOUND, "connector %s is not a local CA with a root", a->param);
    return local_ca_decode(bytes_blob(&c.memory), out, e);
}

int on_ca_root(struct api *a, struct err *e)
{
    OWN(local_ca_free)
    struct local_ca ca = {0};
    OWN(buf_free)
    struct buf pem = BUF(PEM_MAX_BYTES);
    if (memory_of(a, &ca, e) < 0)
        return -1;
    pem_write(&pem, "CERTIFICATE", bytes_blob(&ca.root));
    return api_text(a, "application/x-pem-file", "root.pem", buf_blob(&pem), e);
}

int on_ca_crl(struct api *a, struct err *e)
{
    OWN(local_ca_free)
    struct local_ca ca = {0};
    if (memory_of(a, &ca, e) < 0)
        return -1;
    if (ca.crl.n == 0)
        return err_set(e, ERR_NOT_FOUND,
                       "this CA has not signed a CRL yet: test the connector once");
    return api_text(a, "application/pkix-crl", "crl.der", bytes_blob(&ca.crl), e);
}
